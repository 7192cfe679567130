/* --stats-every and SIGUSR2, and what they show of the ring: it is there for tabs that are drawn again, nowhere else. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/json.h"
#include "tests/process/run.h"
#include "tests/test.h"

#define SIZE   "160x120"
#define N_TABS 2
/* A tab that survives these is asked for one more picture each time. */
#define SURVIVED "--inject", "slow-reader@1", "--inject", "slow-reader@1"

/* ---- what is told ---------------------------------------------------------------------------------------------------- */

static const char *const fields[] = {"t_ms",    "tab",         "state",      "pid",           "orders",        "facts",
                                     "by_ring", "order_bytes", "fact_bytes", "answer_p50_ms", "answer_p99_ms", "woken",
                                     "rung",    "cpu_ms",      "pss_kb",     "restarts"};

/* Of one tab these never fall, whatever becomes of its renderers. */
static const char *const counts[] = {"t_ms",       "orders", "facts", "by_ring", "order_bytes",
                                     "fact_bytes", "woken",  "rung",  "restarts"};
#define N_COUNTS (sizeof counts / sizeof counts[0])

static void check_one(const struct event *event)
{
    char line[2048];
    REQUIRE(event->n < sizeof line);
    memcpy(line, event->line, event->n);
    line[event->n] = '\0';
    CHECK(json_is_object(line));
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (!event_has(event, fields[i]))
            FAIL("no \"%s\" in %s", fields[i], line);
    }
    CHECK_INT(event_number(event, "by_ring"), <=, event_number(event, "orders") + event_number(event, "facts"));
    CHECK_INT(event_number(event, "order_bytes"), >=, event_number(event, "orders"));
    CHECK_INT(event_number(event, "fact_bytes"), >=, event_number(event, "facts"));
    CHECK(json_number(line, "answer_p50_ms") <= json_number(line, "answer_p99_ms"));
}

/* All that were told, of this many tabs in turn. Returns how often. */
static unsigned check_all(const struct run *run, unsigned n_tabs)
{
    long long before[8][N_COUNTS] = {0};
    unsigned n = 0;
    struct event event;
    for (const char *cursor = run->out; event_next(&cursor, &event);) {
        if (!event_is(&event, "statistics", 0, NULL))
            continue;
        const unsigned tab = n++ % n_tabs;
        CHECK_INT(event_number(&event, "tab"), ==, tab + 1);
        check_one(&event);
        for (size_t i = 0; i < N_COUNTS; i++) {
            if (event_number(&event, counts[i]) < before[tab][i])
                FAIL("%s of tab %u fell from %lld to %lld", counts[i], tab + 1, before[tab][i],
                     event_number(&event, counts[i]));
            before[tab][i] = event_number(&event, counts[i]);
        }
    }
    CHECK_INT(n % n_tabs, ==, 0);
    return n / n_tabs;
}

struct wanted {
    const char *name, *state;
    unsigned n;
};

static bool has_seen(const struct run *run, const void *what)
{
    const struct wanted *wanted = what;
    return run_count(run, wanted->name, wanted->state) >= wanted->n;
}

/* So many of these events; NULL: in any state. */
static bool sees(struct run *run, const char *name, const char *state, unsigned n)
{
    const struct wanted wanted = {.name = name, .state = state, .n = n};
    return run_waits(run, has_seen, &wanted, 20000);
}

/* What the last of a tab say. */
static struct event last_of(const struct run *run, unsigned tab)
{
    struct event event = {0};
    REQUIRE(run_last_event(run, "statistics", tab, NULL, &event));
    return event;
}

static long long sum_by_ring(const struct run *run, unsigned n_tabs)
{
    long long sum = 0;
    for (unsigned tab = 1; tab <= n_tabs; tab++) {
        const struct event event = last_of(run, tab);
        sum += event_number(&event, "by_ring");
    }
    return sum;
}

static unsigned count_text(const char *text, const char *wanted)
{
    unsigned n = 0;
    for (; (text = strstr(text, wanted)) != NULL; text += strlen(wanted))
        n++;
    return n;
}

static void leave(struct run *run)
{
    struct event start, end;
    kill(run->pid, SIGTERM);
    CHECK_INT(run_end(run, 5000), ==, 143);
    REQUIRE(run_event(run, "start", 0, NULL, &start) && run_event(run, "end", 0, NULL, &end));
    CHECK_INT(event_number(&end, "fds_open"), ==, event_number(&start, "fds_open"));
}

/* ---- looking for a ring ---------------------------------------------------------------------------------------------- */

static unsigned count_mapped(pid_t pid)
{
    char path[64], line[512];
    unsigned n = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    REQUIRE(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL)
        n += strstr(line, "memfd:ring") != NULL;
    fclose(maps);
    return n;
}

/* Its memory or a bell. */
static unsigned count_fds(pid_t pid)
{
    char path[64], name[320], target[256];
    unsigned n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *fds = opendir(path);
    REQUIRE(fds != NULL);
    for (const struct dirent *fd; (fd = readdir(fds)) != NULL;) {
        snprintf(name, sizeof name, "%s/%s", path, fd->d_name);
        const ssize_t n_target = readlink(name, target, sizeof target - 1);
        target[n_target > 0 ? n_target : 0] = '\0';
        n += strstr(target, "memfd:ring") != NULL || strstr(target, "[eventfd]") != NULL;
    }
    closedir(fds);
    return n;
}

/* Only root looks into renderers: nobody else's are they. */
static unsigned count_rings(const struct run *run, unsigned n_tabs)
{
    unsigned n = count_mapped(run->pid) + count_fds(run->pid);
    for (unsigned tab = 1; is_root() && tab <= n_tabs; tab++)
        n += count_mapped(run_pid_of(run, tab)) + count_fds(run_pid_of(run, tab));
    return n;
}

/* ---- telling ----------------------------------------------------------------------------------------------------------- */

static void start(struct run *run, const char *option, const char *value)
{
    RUN(run, NULL, "--json", "--stay", "--size", SIZE, scratch_scene("a.scene"), scratch_scene("b.scene"), option,
        value);
    REQUIRE(sees(run, "tab", "live", N_TABS));
}

TEST_WITHIN(every_so_often, 60)
{
    struct run run;
    start(&run, "--stats-every", "0.1");
    REQUIRE(run_sees(&run, "\"statistics\"", 6 * N_TABS, 20000));
    leave(&run);
    const unsigned n = check_all(&run, N_TABS);
    CHECK_INT(n, >=, 6);
    for (unsigned tab = 1; tab <= N_TABS; tab++) {
        const struct event event = last_of(&run, tab);
        CHECK_STR(event_text(&event, "state"), "live");
        CHECK_INT(event_number(&event, "pid"), ==, run_pid_of(&run, tab));
        CHECK_INT(event_number(&event, "orders"), >, 0);
        CHECK_INT(event_number(&event, "facts"), >, 0);
        CHECK_INT(event_number(&event, "restarts"), ==, 0);
        CHECK_INT(event_number(&event, "pss_kb"), >, 0);
    }
    /* For people, each time the same table. */
    CHECK_INT(count_text(run.err, "  restarts\n"), ==, n);
    CHECK_INT(count_text(run.err, "by ring"), >, 0);
    run_finish(&run);
}

TEST_WITHIN(when_asked, 60)
{
    struct run run;
    start(&run, NULL, NULL);
    CHECK_INT(run_count(&run, "statistics", NULL), ==, 0);
    for (unsigned n = 1; n <= 3; n++) {
        kill(run.pid, SIGUSR2);
        REQUIRE(run_sees(&run, "\"statistics\"", n * N_TABS, 10000));
    }
    leave(&run);
    CHECK_INT(check_all(&run, N_TABS), ==, 3);
    CHECK_INT(count_text(run.err, "order to fact"), ==, 3);
    run_finish(&run);
}

/* A renderer that dies takes nothing away from what was counted. */
TEST_WITHIN(counts_outlive_a_renderer, 60)
{
    struct run run;
    start(&run, "--stats-every", "0.1");
    REQUIRE(run_sees(&run, "\"statistics\"", N_TABS, 20000));
    for (unsigned n = 1; n <= 2; n++) {
        kill(run_pid_of(&run, 1), SIGKILL);
        REQUIRE(sees(&run, "tab", "live", N_TABS + n));
    }
    REQUIRE(run_sees(&run, "\"restarts\":2}", 1, 10000));
    leave(&run);
    check_all(&run, N_TABS);
    const struct event first = last_of(&run, 1), second = last_of(&run, 2);
    CHECK_INT(event_number(&first, "restarts"), ==, 2);
    CHECK_INT(event_number(&second, "restarts"), ==, 0);
    CHECK_INT(event_number(&first, "orders"), >, event_number(&second, "orders"));
    run_finish(&run);
}

/* ---- the ring ------------------------------------------------------------------------------------------------------------ */

TEST_WITHIN(a_document_that_is_shown_once_needs_no_ring, 60)
{
    struct run run;
    start(&run, NULL, NULL);
    CHECK_INT(count_rings(&run, N_TABS), ==, 0);
    kill(run.pid, SIGUSR2);
    REQUIRE(run_sees(&run, "\"statistics\"", N_TABS, 10000));
    CHECK_INT(count_rings(&run, N_TABS), ==, 0);
    CHECK_INT(sum_by_ring(&run, N_TABS), ==, 0);
    leave(&run);
    run_finish(&run);
}

/* Statistics that come after the tab has survived. */
static void repaint(struct run *run, const char *option)
{
    RUN(run, NULL, "--json", "--stay", "--size", SIZE, SURVIVED, scratch_scene("a.scene"), option);
    REQUIRE(run_sees(run, "\"injected\"", 2, 20000));
    kill(run->pid, SIGUSR2);
    REQUIRE(run_sees(run, "\"statistics\"", 1, 10000));
}

TEST_WITHIN(one_that_is_drawn_again_gets_one, 60)
{
    struct run run;
    repaint(&run, NULL);
    CHECK_INT(sum_by_ring(&run, 1), >, 0);
    CHECK_INT(count_mapped(run.pid), ==, 1);
    CHECK_INT(count_fds(run.pid), ==, 2); /* a bell for each side */
    /* It goes with its renderer; what went by it was counted. */
    const long long before = sum_by_ring(&run, 1);
    kill(run_pid_of(&run, 1), SIGKILL);
    REQUIRE(sees(&run, "tab", "live", 2));
    kill(run.pid, SIGUSR2);
    REQUIRE(sees(&run, "statistics", NULL, 2));
    CHECK_INT(count_rings(&run, 1), ==, 0);
    CHECK_INT(sum_by_ring(&run, 1), >=, before);
    leave(&run);
    run_finish(&run);
}

TEST_WITHIN(unless_it_is_not_wanted, 60)
{
    struct run run;
    repaint(&run, "--no-ring");
    CHECK_INT(sum_by_ring(&run, 1), ==, 0);
    CHECK_INT(count_rings(&run, 1), ==, 0);
    leave(&run);
    run_finish(&run);
}

/* ---- among faults -------------------------------------------------------------------------------------------------------- */

static void chaos(struct run *run, const char *time, const char *option)
{
#ifdef VITRINE_SANITIZED
    SKIP("chaos draws signals and full memory too, which are the sanitizer's here");
#endif
    CHECK_INT(RUN_WHOLE(run, NULL, "--json", "--chaos", time, "--stats-every", "0.2", "--size", SIZE, "--tabs", "3",
                        scratch_scene("a.scene"), scratch_scene("b.scene"), option),
              ==, 0);
    struct event event;
    REQUIRE(run_event(run, "chaos", 0, NULL, &event));
    CHECK_STR(event_text(&event, "good"), "true");
    CHECK_INT(event_number(&event, "faults"), >, 0);
    CHECK_INT(check_all(run, 3), >, 3);
}

TEST_WITHIN(chaos_with_a_ring, 90)
{
    struct run run;
    chaos(&run, "2", NULL);
    run_finish(&run);
}

TEST_WITHIN(chaos_without_a_ring, 90)
{
    struct run run;
    chaos(&run, "3", "--no-ring");
    CHECK_INT(sum_by_ring(&run, 3), ==, 0);
    run_finish(&run);
}
