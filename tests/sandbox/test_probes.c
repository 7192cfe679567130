/* Every row of the probes' table in the real ladder, under the real broker, at each level this host offers, with good
 * neighbours that must not notice. */
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/process/run.h"
#include "tests/sandbox/probes.h"
#include "tests/test.h"

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif

/* Probes in one broker, each with a neighbour. */
#define BATCH 30

static void skip_when_sanitized(void)
{
#ifdef VITRINE_SANITIZED
    SKIP("a sanitizer's own system calls need a wider filter");
#endif
}

static void write_probe(const char *name)
{
    char file[128], text[160];
    snprintf(file, sizeof file, "%s.txt", name);
    snprintf(text, sizeof text, PROBE_MAGIC "%s\n", name);
    scratch_file(file, text);
}

static void check_crash(const struct run *run, unsigned tab, const struct probe *probe, const char *verdict,
                        const char *field)
{
    struct event event;
    if (!run_event(run, "crash", tab, NULL, &event)) {
        const bool live = run_event(run, "tab", tab, "live", &event);
        FAIL("%s: no crash; %s", probe->name, live ? event_text(&event, "title") : "not live either");
    } else if (strcmp(event_text(&event, "verdict"), verdict) != 0) {
        FAIL("%s: %s expected: %.*s", probe->name, verdict, (int)event.n, event.line);
    } else if (field != NULL &&
               strcmp(event_text(&event, field), probe->expected != NULL ? probe->expected : "null") != 0) {
        FAIL("%s: %s is \"%s\", not \"%s\"", probe->name, field, event_text(&event, field), probe->expected);
    }
}

static void check_title(const struct run *run, unsigned tab, const struct probe *probe)
{
    struct event event;
    if (run_event(run, "tab", tab, "live", &event)) {
        if (strcmp(event_text(&event, "title"), probe->expected) != 0)
            FAIL("%s: \"%s\", not \"%s\"", probe->name, event_text(&event, "title"), probe->expected);
    } else if (run_event(run, "crash", tab, NULL, &event)) {
        FAIL("%s: %.*s", probe->name, (int)event.n, event.line);
    } else {
        FAIL("%s: neither live nor crashed", probe->name);
    }
}

static void check_probe(const struct run *run, unsigned tab, const struct probe *probe)
{
    switch (probe->end) {
    case PROBE_TITLE:
        check_title(run, tab, probe);
        return;
    case PROBE_KILLED:
    case PROBE_SIGSYS:
        check_crash(run, tab, probe, "violation", "syscall");
        return;
    case PROBE_SIGNAL:
        check_crash(run, tab, probe, "signal", "signal");
        return;
    case PROBE_EXIT:
        check_crash(run, tab, probe, "exit", NULL);
        return;
    case PROBE_PROTOCOL:
        check_crash(run, tab, probe, "protocol", "reason");
        return;
    case PROBE_HANG:
        check_crash(run, tab, probe, "hang", NULL);
        return;
    }
}

struct host {
    bool has_mseal, has_namespaces, has_vsyscall;
};

/* Kernels may be booted without the page: a call into it is a plain fault then. */
static bool find_vsyscall(void)
{
    char line[512];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps != NULL && !found && fgets(line, sizeof line, maps) != NULL)
        found = strstr(line, "[vsyscall]") != NULL;
    if (maps != NULL)
        fclose(maps);
    return found;
}

/* Without mseal (before Linux 6.10) code can be unmapped, to its owner's harm only. Where the host forbids user
 * namespaces, it answers for them before the sandbox is asked. */
static bool applies(const struct probe *probe, const struct host *host)
{
    static const char *const need_mseal[] = {"unmap-code", "move-code", "unmap-relocated"};
    static const char *const need_namespaces[] = {"clone-user-ns", "unshare", "clone3"};
    bool needs_mseal = false, needs_namespaces = false;
    for (size_t i = 0; i < 3; i++) {
        needs_mseal |= strcmp(probe->name, need_mseal[i]) == 0;
        needs_namespaces |= strcmp(probe->name, need_namespaces[i]) == 0;
    }
    if (strcmp(probe->name, "vsyscall") == 0 && !host->has_vsyscall)
        return false;
    return (host->has_mseal || !needs_mseal) && (host->has_namespaces || !needs_namespaces);
}

/* Every tab has come to what its probe leads to, or to the first of its deaths: one that is tried again shows nothing
 * new. */
static bool all_were_seen(const struct run *run, const void *what)
{
    const unsigned n_tabs = *(const unsigned *)what;
    bool seen[2 * BATCH + 2] = {false};
    unsigned n_seen = 0;
    struct event event;
    for (const char *cursor = run->out; event_next(&cursor, &event);) {
        const long long tab = event_number(&event, "tab");
        const bool ended = event_is(&event, "crash", 0, NULL) || event_is(&event, "tab", 0, "live") ||
                           event_is(&event, "tab", 0, "failed");
        if (ended && tab > 0 && tab <= n_tabs && !seen[tab]) {
            seen[tab] = true;
            n_seen++;
        }
    }
    return n_seen == n_tabs;
}

static void check_end(const struct run *run)
{
    struct event start, end;
    if (run_event(run, "start", 0, NULL, &start) && run_event(run, "end", 0, NULL, &end))
        CHECK_INT(event_number(&end, "fds_open"), ==, event_number(&start, "fds_open"));
    else
        FAIL("no start or no end was told");
}

static void run_batch(const struct run_setup *setup, const char *spawn, const struct probe *const *probes, unsigned n)
{
    char paths[BATCH][512];
    const char *words[2 * BATCH + 16] = {"--json", "--stay", "--size", "64x64", "--timeout", "2", "--spawn", spawn};
    size_t n_words = 8;
    write_probe("none");
    char neighbour[512];
    snprintf(neighbour, sizeof neighbour, "%s/none.txt", scratch());
    for (unsigned i = 0; i < n; i++) {
        write_probe(probes[i]->name);
        snprintf(paths[i], sizeof paths[i], "%s/%s.txt", scratch(), probes[i]->name);
        words[n_words++] = paths[i];
        words[n_words++] = neighbour;
    }
    write_probe("rest");
    words[n_words] = scratch_path("rest.txt");
    struct run run;
    const unsigned n_tabs = 2 * n + 1;
    run_start(&run, setup, words);
    CHECK(run_waits(&run, all_were_seen, &n_tabs, 60000));
    kill(run.pid, SIGTERM);
    CHECK_INT(run_end(&run, 5000), ==, 143);
    check_end(&run);
    for (unsigned i = 0; i < n; i++) {
        struct event event;
        check_probe(&run, 2 * i + 1, probes[i]);
        if (!run_event(&run, "tab", 2 * i + 2, "live", &event))
            FAIL("the neighbour of %s was not left in peace", probes[i]->name);
    }
    run_finish(&run);
}

static bool layer_holds(const struct run_setup *setup, const char *word)
{
    struct run run;
    write_probe("none");
    CHECK_INT(RUN_WHOLE(&run, setup, "--json", scratch_path("none.txt")), ==, 0);
    const bool holds = strstr(run.out, word) != NULL;
    run_finish(&run);
    return holds;
}

static void run_all(const struct run_setup *setup, const char *spawn, const char *level)
{
    skip_when_sanitized();
    if (!layer_holds(setup, level))
        SKIP("this host does not offer that level");
    if (!layer_holds(setup, "\"notify\":true"))
        SKIP("without the kernel's notifications no call is named");
    const struct host host = {.has_mseal = layer_holds(setup, "\"mseal\":true"),
                              .has_namespaces = layer_holds(setup, "\"user-ns\":true"),
                              .has_vsyscall = find_vsyscall()};
    static const struct probe *const tables[] = {call_probes, message_probes, other_probes};
    const struct probe *batch[BATCH];
    unsigned n = 0, n_all = 0;
    for (size_t table = 0; table < 3; table++) {
        for (const struct probe *probe = tables[table]; probe->name != NULL; probe++) {
            if (!applies(probe, &host))
                continue;
            batch[n++] = probe;
            n_all++;
            if (n == BATCH) {
                run_batch(setup, spawn, batch, n);
                n = 0;
            }
        }
    }
    if (n > 0)
        run_batch(setup, spawn, batch, n);
    printf("  %u probes\n", n_all);
}

static const struct run_setup here = {.program = PROBE_BROKER_PATH};
static const struct run_setup below = {.program = PROBE_BROKER_PATH, .without = "userns"};
static const struct run_setup nobody = {.program = PROBE_BROKER_PATH, .as_nobody = true};
static const struct run_setup nobody_below = {.program = PROBE_BROKER_PATH, .without = "userns", .as_nobody = true};

static void skip_unless_nobody_can(void)
{
    struct run run;
    if (!is_root())
        SKIP("only root can become another user");
    const int status = RUN_WHOLE(&run, &nobody, "--version");
    run_finish(&run);
    if (status == 126)
        SKIP("an ordinary user cannot reach the broker's folder");
}

TEST_WITHIN(probes_at_level_3, 120)
{
    run_all(&here, "zygote", "\"level\":3");
}

TEST_WITHIN(probes_at_level_3_exec, 120)
{
    run_all(&here, "exec", "\"level\":3");
}

TEST_WITHIN(probes_at_level_3_as_an_ordinary_user, 120)
{
    skip_unless_nobody_can();
    run_all(&nobody, "zygote", "\"level\":3");
}

TEST_WITHIN(probes_at_level_2, 120)
{
    run_all(&below, "zygote", "\"level\":2");
}

TEST_WITHIN(probes_at_level_2_as_an_ordinary_user, 120)
{
    skip_unless_nobody_can();
    run_all(&nobody_below, "zygote", "\"level\":2");
}

/* ---- seen from outside -------------------------------------------------------------------------------------------------- */

static void stay_with_one(struct run *run, const struct run_setup *setup, const char *document)
{
    RUN(run, setup, "--json", "--stay", "--size", "64x64", document);
    REQUIRE(run_sees(run, "\"live\"", 1, 20000));
}

static void leave(struct run *run)
{
    kill(run->pid, SIGTERM);
    CHECK_INT(run_end(run, 5000), ==, 143);
    run_finish(run);
}

static void check_line_of(const char *status, const char *line)
{
    if (strstr(status, line) == NULL)
        FAIL("no \"%s\" in /proc/PID/status", line + 1);
}

/* What the kernel says of a renderer, whatever it says itself. */
TEST_WITHIN(a_renderer_in_proc, 60)
{
    if (!is_root())
        SKIP("only root may look into a renderer");
    skip_when_sanitized();
    struct run run;
    write_probe("none");
    stay_with_one(&run, &here, scratch_path("none.txt"));
    char path[64], status[4096] = "", open_fds[256] = "";
    snprintf(path, sizeof path, "/proc/%d/status", (int)run_pid_of(&run, 1));
    FILE *file = fopen(path, "re");
    REQUIRE(file != NULL);
    REQUIRE(fread(status, 1, sizeof status - 1, file) > 0);
    fclose(file);
    check_line_of(status, "\nSeccomp:\t2\n");
    check_line_of(status, "\nNoNewPrivs:\t1\n");
    check_line_of(status, "\nCapEff:\t0000000000000000\n");
    check_line_of(status, "\nCapPrm:\t0000000000000000\n");
    check_line_of(status, "\nCapBnd:\t0000000000000000\n");
    check_line_of(status, "\nUid:\t65534\t65534\t65534\t65534\n");
    check_line_of(status, "\nGid:\t65534\t65534\t65534\t65534\n");
    check_line_of(status, "\nGroups:\t \n");
    check_line_of(status, "\nThreads:\t1\n");

    snprintf(path, sizeof path, "/proc/%d/fd", (int)run_pid_of(&run, 1));
    struct dirent **entries;
    const int n = scandir(path, &entries, NULL, versionsort);
    REQUIRE(n > 0);
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.')
            strcat(strcat(open_fds, entries[i]->d_name), " ");
        free(entries[i]);
    }
    free(entries);
    CHECK_STR(open_fds, "0 1 2 3 4 ");
    leave(&run);
}

#define MAX_INSTRUCTIONS 4096

/* Waits a moment for the tracee to stop. */
static bool wait_stopped(pid_t pid)
{
    int status;
    for (int i = 0; i < 1000; i++) {
        if (waitpid(pid, &status, WNOHANG | __WALL) == pid)
            return WIFSTOPPED(status);
        sleep_ms(1);
    }
    return false;
}

/* The filter program that the kernel runs for a process. The number of instructions, or -1. */
static long filter_of(pid_t pid, struct sock_filter *out)
{
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
        return -1;
    long n = -1;
    if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0 && wait_stopped(pid))
        n = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, 0, NULL);
    if (n > 0 && n <= MAX_INSTRUCTIONS)
        n = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, 0, out);
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
    return n;
}

static long filter_under(const struct run_setup *setup, const char *document, struct sock_filter *out)
{
    struct run run;
    stay_with_one(&run, setup, document);
    const long n = filter_of(run_pid_of(&run, 1), out);
    leave(&run);
    return n;
}

/* The probes' renderer runs under the very program that the shipped one runs under: only where it names its own pid,
 * once as a process and once as a thread, may the two differ. */
TEST_WITHIN(the_filter_is_the_shipped_one, 60)
{
    if (!is_root())
        SKIP("only root may look into a renderer");
    static struct sock_filter shipped[MAX_INSTRUCTIONS], probes[MAX_INSTRUCTIONS];
    write_probe("none");
    const long n_shipped = filter_under(NULL, scratch_scene("a.scene"), shipped);
    const long n_probes = filter_under(&here, scratch_path("none.txt"), probes);
    if (n_shipped <= 0 || n_probes <= 0)
        SKIP("this kernel does not show filters");
    REQUIRE(n_shipped == n_probes);
    unsigned n_differ = 0;
    for (long i = 0; i < n_shipped; i++) {
        CHECK(shipped[i].code == probes[i].code && shipped[i].jt == probes[i].jt && shipped[i].jf == probes[i].jf);
        n_differ += shipped[i].k != probes[i].k;
    }
    CHECK_INT(n_differ, <=, 2);
    printf("  %ld instructions\n", n_shipped);
}
