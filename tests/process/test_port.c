/* --port: two renderers with a ring of their own, and what becomes of it when one of them ends, stops, or lies. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/ring.h"
#include "tests/process/run.h"
#include "tests/test.h"

#define SIZE "160x120"
#define N    10000 /* what shows that it works */

/* ---- looking --------------------------------------------------------------------------------------------------------- */

/* How often the port was shown to work. */
static unsigned count_shown(const struct run *run)
{
    unsigned n = 0;
    const char *cursor = run->out;
    struct event event;
    while (event_next(&cursor, &event))
        n += strcmp(event_text(&event, "event"), "port") == 0 && event_number(&event, "n") == N;
    return n;
}

static bool is_shown(const struct run *run, const void *what)
{
    return count_shown(run) >= *(const unsigned *)what;
}

static bool sees_it_work(struct run *run, unsigned n)
{
    return run_waits(run, is_shown, &n, 20000);
}

struct wanted {
    const char *name, *state;
    unsigned tab, n;
};

static bool has_seen(const struct run *run, const void *what)
{
    const struct wanted *wanted = what;
    return run_count_of(run, wanted->name, wanted->tab, wanted->state) >= wanted->n;
}

static bool sees_tab(struct run *run, unsigned tab, const char *state, unsigned n)
{
    const struct wanted wanted = {.name = "tab", .state = state, .tab = tab, .n = n};
    return run_waits(run, has_seen, &wanted, 20000);
}

static bool says_port(const struct run *run, const void *state)
{
    const char *cursor = run->out;
    struct event event;
    bool found = false;
    while (!found && event_next(&cursor, &event))
        found = strcmp(event_text(&event, "event"), "port") == 0 && strcmp(event_text(&event, "state"), state) == 0;
    return found;
}

/* The last event of the port in that state. */
static struct event last_port(const struct run *run, const char *state)
{
    const char *cursor = run->out;
    struct event event, found = {0};
    while (event_next(&cursor, &event)) {
        if (strcmp(event_text(&event, "event"), "port") == 0 && strcmp(event_text(&event, "state"), state) == 0)
            found = event;
    }
    REQUIRE(found.line != NULL);
    return found;
}

static unsigned count_fds(pid_t pid)
{
    char path[64];
    unsigned n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    REQUIRE(folder != NULL);
    while (readdir(folder) != NULL)
        n++;
    closedir(folder);
    return n;
}

static void leave(struct run *run, int n_live)
{
    struct event start, end;
    kill(run->pid, SIGTERM);
    CHECK_INT(run_end(run, 5000), ==, 143);
    REQUIRE(run_event(run, "start", 0, NULL, &start) && run_event(run, "end", 0, NULL, &end));
    CHECK_INT(event_number(&end, "tabs_live"), ==, n_live);
    CHECK_INT(event_number(&end, "fds_open"), ==, event_number(&start, "fds_open"));
    run_finish(run);
}

static void start(struct run *run)
{
    RUN(run, NULL, "--json", "--stay", "--timeout", "1", "--size", SIZE, "--port", "1:2", scratch_scene("a.scene"),
        scratch_scene("b.scene"));
    REQUIRE(sees_it_work(run, 1));
}

/* ---- all is well ------------------------------------------------------------------------------------------------------ */

static void check_whole(const struct run *run, unsigned a, unsigned b)
{
    const struct event open = last_port(run, "open"), closed = last_port(run, "closed");
    CHECK_INT(count_shown(run), ==, 1);
    CHECK_INT(event_number(&open, "a"), ==, a);
    CHECK_INT(event_number(&open, "b"), ==, b);
    CHECK_INT(event_number(&open, "lost"), ==, 0);
    CHECK_INT(event_number(&open, "per_s"), >, 0);
    CHECK(strtod(event_text(&open, "p50_us"), NULL) > 0);
    CHECK_STR(event_text(&open, "reason"), "null");
    CHECK_STR(event_text(&closed, "reason"), "the broker ends");
    CHECK(strstr(run->err, "is open: 10000 messages there and back, 0 lost"));
    CHECK_INT(run_count(run, "crash", NULL), ==, 0);
}

TEST_WITHIN(works, 60)
{
    static const char *const ways[] = {"--json", "--no-ring", "--spawn=exec", "--require-level=2"};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct run run;
        CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--tabs", "3", "--size", SIZE, "--port", "3:1", ways[i],
                            scratch_scene("a.scene")),
                  ==, 0);
        check_whole(&run, 3, 1);
        run_finish(&run);
    }
}

/* Nobody asked for one. */
TEST(off_unless_asked_for)
{
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--tabs", "2", "--size", SIZE, scratch_scene("a.scene")), ==, 0);
    CHECK_INT(run_count(&run, "port", NULL), ==, 0);
    run_finish(&run);
}

/* One of the two cannot be: the other is shown all the same, and nobody waits for a port. */
TEST(half_of_it)
{
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--size", SIZE, "--port", "1:2", scratch_scene("a.scene"),
                        scratch_path("none.scene")),
              ==, 1);
    CHECK_INT(count_shown(&run), ==, 0);
    const struct event closed = last_port(&run, "closed");
    CHECK_STR(event_text(&closed, "reason"), "tab 2 is failed");
    CHECK(strstr(run.err, "port 1:2 is closed: tab 2 is failed"));
    run_finish(&run);
}

/* ---- one ends -------------------------------------------------------------------------------------------------------- */

/* By SIGKILL, one and the other in turn: it is closed, the survivor goes on, and there is a new one as soon as there are
 * two again. The broker keeps nothing of any of them. */
TEST_WITHIN(killed_and_back, 60)
{
    struct run run;
    start(&run);
    unsigned n_fds = 0;
    for (unsigned round = 1; round <= 4; round++) {
        const unsigned victim = 1 + round % 2;
        char expected[64];
        REQUIRE(kill(run_pid_of(&run, victim), SIGKILL) == 0);
        REQUIRE(sees_it_work(&run, 1 + round));
        snprintf(expected, sizeof expected, "tab %u is restarting", victim);
        const struct event closed = last_port(&run, "closed"), open = last_port(&run, "open");
        CHECK_STR(event_text(&closed, "reason"), expected);
        CHECK_INT(event_number(&open, "lost"), ==, 0);
        /* With --stay a zygote in reserve comes when all is shown: by the first of these it is there. */
        if (round > 1)
            CHECK_INT(count_fds(run.pid), ==, n_fds);
        n_fds = count_fds(run.pid);
    }
    CHECK_INT(run_count(&run, "crash", NULL), ==, 4); /* the killed, and nobody else */
    leave(&run, 2);
}

TEST_WITHIN(faults_on_purpose, 120)
{
    static const char *const faults[] = {"segv-null@1", "segv-null@2", "syscall-socket@1", "garbage-message@2",
                                         "hang-loop@2"};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct run run;
        CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--timeout", "1", "--size", SIZE, "--port", "1:2", "--inject",
                            faults[i], scratch_scene("a.scene"), scratch_scene("b.scene")),
                  ==, 1);
        /* The fault may come before the first was shown. */
        CHECK_INT(count_shown(&run), >=, 1);
        CHECK_INT(run_count(&run, "crash", NULL), ==, 1);
        run_finish(&run);
    }
}

TEST_WITHIN(chaos, 120)
{
#ifdef VITRINE_SANITIZED
    SKIP("sanitizers change how faults end a process");
#endif
    struct run run;
    struct event event;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--chaos", "5", "--size", SIZE, "--port", "1:2", "--tabs", "3",
                        scratch_scene("a.scene")),
              ==, 0);
    REQUIRE(run_event(&run, "chaos", 0, NULL, &event));
    CHECK_INT(event_number(&event, "faults"), >, 0);
    CHECK_INT(event_number(&event, "fds_before"), ==, event_number(&event, "fds_after"));
    CHECK_INT(event_number(&event, "children_before"), ==, event_number(&event, "children_after"));
    CHECK_INT(count_shown(&run), >=, 1);
    CHECK_INT(run_count(&run, "port", "open"), >=, 2);
    CHECK(!says_port(&run, "broken"));
    run_finish(&run);
}

/* ---- one stops ------------------------------------------------------------------------------------------------------- */

/* Nothing is out, so nobody notices, until the other one has gone and its end is to be taken back: then it is who does
 * not answer that hangs. */
TEST_WITHIN(stopped, 60)
{
    struct run run;
    struct event crash;
    start(&run);
    REQUIRE(kill(run_pid_of(&run, 2), SIGSTOP) == 0);
    REQUIRE(kill(run_pid_of(&run, 1), SIGKILL) == 0);
    REQUIRE(sees_tab(&run, 2, "restarting", 1));
    REQUIRE(run_event(&run, "crash", 2, NULL, &crash));
    CHECK_STR(event_text(&crash, "verdict"), "hang");
    REQUIRE(sees_it_work(&run, 2));
    CHECK_INT(run_count(&run, "crash", NULL), ==, 2);
    leave(&run, 2);
}

/* ---- one lies -------------------------------------------------------------------------------------------------------- */

/* Where a renderer has the port's memory; --no-ring: it is the only ring there is. */
static off_t find_ring(pid_t pid)
{
    char path[64], line[512];
    unsigned long long at = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    REQUIRE(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        if (strstr(line, "memfd:ring") != NULL)
            at = strtoull(line, NULL, 16);
    }
    fclose(maps);
    REQUIRE(at != 0);
    return (off_t)at;
}

/* What a renderer that was taken over might leave there, for both sides. */
static void write_rubbish(pid_t pid)
{
    static struct ring_line lines[2][RING_LINES];
    char path[64];
    const off_t at = find_ring(pid) + (off_t)offsetof(struct ring_memory, lines);
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    CLOSE_FD int memory = open(path, O_RDWR | O_CLOEXEC);
    REQUIRE(memory >= 0);
    memset(lines, 0xff, sizeof lines);
    REQUIRE(pwrite(memory, lines, sizeof lines, at) == (ssize_t)sizeof lines);
}

/* The bell that it hears: the first pair's, as there is no other ring. */
static void ring_bell_of(pid_t pid, unsigned n_times)
{
    CLOSE_FD int pidfd = pidfd_open(pid, 0);
    REQUIRE(pidfd >= 0);
    CLOSE_FD int bell = pidfd_getfd(pidfd, 6, 0);
    REQUIRE(bell >= 0);
    for (unsigned i = 0; i < n_times; i++) {
        const uint64_t once = 1;
        REQUIRE(write(bell, &once, sizeof once) == sizeof once);
        sleep_ms(1);
    }
}

static void start_without_ring(struct run *run)
{
    if (!is_root())
        SKIP("only root writes into other processes");
    RUN(run, NULL, "--json", "--stay", "--timeout", "1", "--no-ring", "--size", SIZE, "--port", "1:2",
        scratch_scene("a.scene"), scratch_scene("b.scene"));
    REQUIRE(sees_it_work(run, 1));
}

/* Nobody is accused; both go on; and one that has a fresh renderer on one side is a fresh one. */
static void check_broken(struct run *run, const char *reason)
{
    REQUIRE(run_waits(run, says_port, "broken", 10000));
    const struct event broken = last_port(run, "broken");
    if (strstr(event_text(&broken, "reason"), reason) == NULL)
        FAIL("broken because of \"%s\"", event_text(&broken, "reason"));
    sleep_ms(1500); /* longer than --timeout: nobody counts as hung */
    CHECK_INT(run_count(run, "crash", NULL), ==, 0);
    CHECK_INT(count_shown(run), ==, 1);
    REQUIRE(kill(run_pid_of(run, 1), SIGKILL) == 0);
    REQUIRE(sees_it_work(run, 2));
    CHECK_INT(run_count(run, "crash", NULL), ==, 1);
    leave(run, 2);
}

TEST_WITHIN(rubbish_in_the_ring, 60)
{
    struct run run;
    start_without_ring(&run);
    write_rubbish(run_pid_of(&run, 1));
    ring_bell_of(run_pid_of(&run, 2), 1);
    check_broken(&run, "says of the other side: broken-ring"); /* whoever looks first */
}
