/* The containment table as users run it: every row, at each level, as root and as an ordinary user; and that the program
 * which tries the rows is locked up as the shipped renderer is. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/containment/table.h"
#include "common/fd.h"
#include "tests/process/run.h"
#include "tests/test.h"

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif

/* Two levels of some 450 rows, on a machine that has other things to do. */
#define TABLE_SECONDS 280
#define TABLE_MS      270000u

static void skip_when_sanitized(void)
{
#ifdef VITRINE_SANITIZED
    SKIP("a sanitizer's own system calls need a wider filter");
#endif
}

/* ---- the table -------------------------------------------------------------------------------------------------------- */

static bool find_row(const struct run *run, const char *name, unsigned level, struct event *ret_event)
{
    for (const char *cursor = run->out; event_next(&cursor, ret_event);) {
        if (event_is(ret_event, "containment", 0, NULL) && strcmp(event_text(ret_event, "row"), name) == 0 &&
            event_number(ret_event, "level") == (long long)level)
            return true;
    }
    return false;
}

/* Every row of the table was told, and holds or says why it does not apply. */
static void check_rows(const struct run *run, unsigned level)
{
    unsigned n_held = 0;
    for (size_t i = 0; i < containment_n_rows; i++) {
        struct event event;
        if (!find_row(run, containment_rows[i].name, level, &event)) {
            FAIL("level %u: nothing was told of %s", level, containment_rows[i].name);
            continue;
        }
        const char *holds = event_text(&event, "holds");
        n_held += strcmp(holds, "true") == 0;
        if (strcmp(holds, "false") == 0)
            FAIL("level %u: %s: %s; expected: %s", level, containment_rows[i].name, event_text(&event, "result"),
                 event_text(&event, "expected"));
        if (containment_rows[i].end == END_ABSENT)
            CHECK_STR(holds, "null");
    }
    CHECK_INT(n_held, >, containment_n_rows - 20);
}

static unsigned count_totals(const struct run *run, unsigned level)
{
    unsigned n = 0;
    struct event event;
    for (const char *cursor = run->out; event_next(&cursor, &event);) {
        if (!event_is(&event, "containment-totals", 0, NULL) || event_number(&event, "level") != (long long)level)
            continue;
        n++;
        CHECK_INT(event_number(&event, "rows"), ==, containment_n_rows);
        CHECK_INT(event_number(&event, "failed"), ==, 0);
        printf("  level %u: %lld of %lld rows hold, %lld do not apply\n", level, event_number(&event, "held"),
               event_number(&event, "rows"), event_number(&event, "absent"));
    }
    return n;
}

static bool host_has_level_3(const struct run_setup *setup)
{
    struct run run;
    const int status = RUN_WHOLE(&run, setup, "--sandbox-status");
    run_finish(&run);
    return status == 0;
}

static void run_table(const struct run_setup *setup, const char *spawn)
{
    skip_when_sanitized();
    const bool has_level_3 = host_has_level_3(setup);
    struct run run;
    struct event start, end;
    RUN(&run, setup, "--containment", "--json", "--spawn", spawn);
    CHECK_INT(run_end(&run, TABLE_MS), ==, 0);
    CHECK_INT(count_totals(&run, 3), ==, has_level_3);
    CHECK_INT(count_totals(&run, 2), ==, 1);
    if (has_level_3)
        check_rows(&run, 3);
    check_rows(&run, 2);
    REQUIRE(run_event(&run, "start", 0, NULL, &start) && run_event(&run, "end", 0, NULL, &end));
    CHECK_INT(event_number(&end, "fds_open"), ==, event_number(&start, "fds_open"));
    CHECK_INT(event_number(&end, "status"), ==, 0);
    run_finish(&run);
}

TEST_WITHIN(every_row_holds, TABLE_SECONDS)
{
    run_table(&(const struct run_setup){0}, "zygote");
}

TEST_WITHIN(every_row_holds_for_an_ordinary_user, TABLE_SECONDS)
{
    const struct run_setup nobody = {.as_nobody = true};
    struct run run;
    if (!is_root())
        SKIP("only root can become another user");
    const int status = RUN_WHOLE(&run, &nobody, "--version");
    run_finish(&run);
    if (status == 126)
        SKIP("an ordinary user cannot reach the broker's folder");
    run_table(&nobody, "zygote");
}

/* With an address layout of its own for each renderer; on a host that has no namespaces. */
TEST_WITHIN(every_row_holds_without_namespaces, TABLE_SECONDS)
{
    run_table(&(const struct run_setup){.without = "userns"}, "exec");
}

/* ---- what is said ------------------------------------------------------------------------------------------------------ */

/* Into the test's folder, executable. */
static const char *copy_program(const char *from, const char *name)
{
    const char *to = scratch_path(name);
    CLOSE_FD int in_fd = open(from, O_RDONLY | O_CLOEXEC);
    CLOSE_FD int out_fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    REQUIRE(in_fd >= 0 && out_fd >= 0);
    while (sendfile(out_fd, in_fd, NULL, 1 << 20) > 0)
        ;
    return to;
}

TEST(without_an_intruder)
{
    skip_when_sanitized();
    const struct run_setup alone = {.program = copy_program(BROKER_PATH, "broker")};
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, &alone, "--containment"), ==, 3);
    run_check_line(&run, "no intruder beside the broker");
    CHECK_STR(run.out, "");
    run_finish(&run);
}

/* A renderer that takes no notice of the order, in the intruder's place: rows fail, and the exit status says so. */
TEST_WITHIN(rows_can_fail, TABLE_SECONDS)
{
    skip_when_sanitized();
    const struct run_setup harmless = {.program = copy_program(BROKER_PATH, "broker")};
    copy_program(RENDERER_PATH, "intruder");
    struct run run;
    RUN(&run, &harmless, "--containment", "--json", "--timeout", "0.2");
    REQUIRE(run_sees(&run, "\"containment\"", 12, 60000));
    CHECK(strstr(run.out, "\"holds\":false") != NULL);
    CHECK(strstr(run.err, "expected: violation: creat") != NULL);
    kill(run.pid, SIGTERM);
    CHECK_INT(run_end(&run, 5000), ==, 143);
    run_finish(&run);
}

/* ---- the same ladder, the same filter ------------------------------------------------------------------------------------ */

/* A broker that takes the intruder for its renderer. */
static struct run_setup with_intruder(void)
{
    copy_program(INTRUDER_PATH, "renderer");
    return (struct run_setup){.program = copy_program(BROKER_PATH, "broker")};
}

static const char *restful(void)
{
    return scratch_file("rest.txt", "vitrine-intruder rest\n");
}

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

static void read_layers(const struct run_setup *setup, const char *document, char *out, size_t n_out)
{
    struct run run;
    struct event start;
    stay_with_one(&run, setup, document);
    REQUIRE(run_event(&run, "start", 0, NULL, &start));
    const char *layers = strstr(start.line, "\"layers\":{");
    REQUIRE(layers != NULL);
    snprintf(out, n_out, "%.*s", (int)strcspn(layers, "}"), layers);
    leave(&run);
}

TEST_WITHIN(the_ladder_is_the_shipped_one, 60)
{
    skip_when_sanitized();
    char shipped[1024], intruders[1024];
    const struct run_setup setup = with_intruder();
    read_layers(NULL, scratch_scene("a.scene"), shipped, sizeof shipped);
    read_layers(&setup, restful(), intruders, sizeof intruders);
    CHECK_STR(intruders, shipped);
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

static long filter_under(const struct run_setup *setup, const char *spawn, const char *document,
                         struct sock_filter *out)
{
    struct run run;
    RUN(&run, setup, "--json", "--stay", "--size", "64x64", "--spawn", spawn, "--spares", "0", document);
    REQUIRE(run_sees(&run, "\"live\"", 1, 20000));
    const long n = filter_of(run_pid_of(&run, 1), out);
    leave(&run);
    return n;
}

/* The intruder runs under the very program that the shipped renderer runs under: only where it names its own pid, once as
 * a process and once as a thread, may the two differ. */
static void compare_filters(const char *spawn)
{
    static struct sock_filter shipped[MAX_INSTRUCTIONS], intruders[MAX_INSTRUCTIONS];
    if (!is_root())
        SKIP("only root may look into a renderer");
    skip_when_sanitized();
    const struct run_setup setup = with_intruder();
    const long n_shipped = filter_under(NULL, spawn, scratch_scene("a.scene"), shipped);
    const long n_intruders = filter_under(&setup, spawn, restful(), intruders);
    if (n_shipped <= 0 || n_intruders <= 0)
        SKIP("this kernel does not show filters");
    REQUIRE(n_shipped == n_intruders);
    unsigned n_differ = 0;
    for (long i = 0; i < n_shipped; i++) {
        CHECK(shipped[i].code == intruders[i].code && shipped[i].jt == intruders[i].jt &&
              shipped[i].jf == intruders[i].jf);
        n_differ += shipped[i].k != intruders[i].k;
    }
    CHECK_INT(n_differ, <=, 2);
    printf("  %ld instructions\n", n_shipped);
}

TEST_WITHIN(the_filter_is_the_shipped_one, 60)
{
    compare_filters("zygote");
}

TEST_WITHIN(the_filter_is_the_shipped_one_exec, 60)
{
    compare_filters("exec");
}

static void check_line_of(const char *status, const char *line)
{
    if (strstr(status, line) == NULL)
        FAIL("no \"%s\" in /proc/PID/status", line + 1);
}

/* What the kernel says of the shipped renderer, whatever it says itself. */
TEST_WITHIN(a_renderer_in_proc, 60)
{
    if (!is_root())
        SKIP("only root may look into a renderer");
    skip_when_sanitized();
    struct run run;
    stay_with_one(&run, NULL, scratch_scene("a.scene"));
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
