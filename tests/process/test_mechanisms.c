/* Every case of the mechanisms' section, through the real helper, with small counts: whether the figures hang together,
 * never how good they are. */
#include "broker/latency/latency.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/helper.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/measured.h"
#include "common/transport.h"
#include "tests/test.h"

#define MAX_CASES 1000
#define N_CALLS   100
#define N_DEAR    3 /* of what takes milliseconds */

/* In the place of broker/latency/latency.c's: the plan is what was added. */
static struct latency_case cases[MAX_CASES];
static size_t n_cases;

void latency_plan_add(struct latency_plan *plan, const struct latency_case *measured)
{
    (void)plan;
    REQUIRE(n_cases < MAX_CASES);
    cases[n_cases++] = *measured;
}

static void make_plan(void)
{
    n_cases = 0;
    latency_mechanisms.plan(NULL);
    REQUIRE(n_cases > 0);
}

/* ---- what is left --------------------------------------------------------------------------------------------------- */

/* Whoever outlives the helper becomes ours, and is waited for: it has a moment to go. */
static void become_heir(void)
{
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
}

static void check_nobody_left(const char *name, int n_fds)
{
    const uint64_t until_ns = clock_now_ns() + 2 * NS_PER_S;
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0 && clock_now_ns() < until_ns) {
        if (pid == 0)
            poll(NULL, 0, 1);
    }
    if (pid >= 0 || errno != ECHILD)
        FAIL("%s left a process", name);
    if (fd_count_open() != n_fds)
        FAIL("%s left descriptors: %d, not %d", name, fd_count_open(), n_fds);
}

/* ---- the plan ------------------------------------------------------------------------------------------------------- */

static bool is_planned(const char *name, bool sandboxed)
{
    for (size_t i = 0; i < n_cases; i++) {
        if (strcmp(cases[i].figure.name, name) == 0 && cases[i].figure.sandboxed == sandboxed)
            return true;
    }
    return false;
}

TEST(every_mechanism_is_planned_bare_and_behind_the_filter)
{
    make_plan();
    for (const struct transport *const *row = transports; *row; row++) {
        if (!is_planned((*row)->name, false) || !is_planned((*row)->name, true))
            FAIL("%s is missing", (*row)->name);
    }
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

TEST(no_case_is_planned_twice_and_each_is_whole)
{
    double total_ms = 0;
    make_plan();
    for (size_t i = 0; i < n_cases; i++) {
        const struct figure *a = &cases[i].figure;
        CHECK_STR(a->table, latency_mechanisms.name);
        CHECK_STR(a->codec, "none");
        CHECK(a->name && a->test && a->placement && a->peers > 0);
        CHECK(cases[i].typical_ns > 0 && cases[i].budget_ms > 0);
        total_ms += cases[i].budget_ms;
        for (size_t k = 0; k < i; k++) {
            const struct figure *b = &cases[k].figure;
            if (is_same(a->name, b->name) && is_same(a->test, b->test) && is_same(a->placement, b->placement) &&
                is_same(a->wait, b->wait) && a->payload == b->payload && a->peers == b->peers &&
                a->sandboxed == b->sandboxed)
                FAIL("%s %s %s is there twice", a->name, a->test, a->placement);
        }
    }
    CHECK(total_ms <= 25e3);
}

/* ---- every case ----------------------------------------------------------------------------------------------------- */

static void check_order(const struct figure *figure, const struct figure_outcome *outcome)
{
    if (!(outcome->p50_ns <= outcome->p90_ns && outcome->p90_ns <= outcome->p99_ns &&
          outcome->p99_ns <= outcome->p999_ns && outcome->p999_ns <= outcome->max_ns))
        FAIL("%s %s: percentiles fall", figure->name, figure->test);
    for (size_t i = 1; outcome->has_curve && i < FIGURE_CURVE_POINTS; i++)
        CHECK(outcome->curve_ns[i - 1] <= outcome->curve_ns[i]);
}

static bool has_latencies(const struct figure *figure)
{
    static const char *const with[] = {"round-trip", "sparse", "call", "wake", "ready", "spawn"};
    for (size_t i = 0; i < sizeof with / sizeof with[0]; i++) {
        if (strcmp(figure->test, with[i]) == 0)
            return true;
    }
    return false;
}

static void check_figure(const struct figure *figure, uint64_t n, const struct figure_outcome *outcome)
{
    static const char *const lossy[] = {"udp", "signal"};
    const bool loses = strcmp(figure->name, lossy[0]) == 0 || strcmp(figure->name, lossy[1]) == 0;
    if (outcome->n < n)
        FAIL("%s %s: n is %llu, not %llu", figure->name, figure->test, (unsigned long long)outcome->n,
             (unsigned long long)n);
    CHECK_INT(outcome->disordered, ==, 0);
    if (!loses && outcome->lost != 0)
        FAIL("%s %s lost %llu", figure->name, figure->test, (unsigned long long)outcome->lost);
    CHECK(outcome->lost <= outcome->n);
    CHECK(outcome->total_ms > 0);
    const bool has_curve = outcome->has_curve;
    if (has_latencies(figure) != has_curve || (outcome->p50_ns > 0) != has_curve || (outcome->mean_ns > 0) != has_curve)
        FAIL("%s %s: latencies are not what they should be", figure->name, figure->test);
    check_order(figure, outcome);
}

static uint64_t small_n(const struct latency_case *measured)
{
    const uint64_t n = measured->typical_ns >= 500e3 ? N_DEAR : N_CALLS;
    return measured->max_n > 0 && measured->max_n < n ? measured->max_n : n;
}

static void try_case(const struct latency_case *measured, int n_fds)
{
    const struct figure *figure = &measured->figure;
    const uint64_t n = small_n(measured);
    struct figure_outcome outcome;
    memset(&outcome, 0xff, sizeof outcome);
    latency_mechanisms.measure(measured, n, &outcome);
    check_nobody_left(figure->name, n_fds);
    if (outcome.absent[0]) {
        printf("%s %s %s %s%s is absent: %s\n", figure->name, figure->test, figure->placement,
               figure->wait ? figure->wait : "-", figure->sandboxed ? " sandboxed" : "", outcome.absent);
        /* What a host may lack is one thing; a filter in the way, or a helper that does not work, another. */
        if (strstr(outcome.absent, "killed") || strstr(outcome.absent, "measure") || strstr(outcome.absent, "filter"))
            FAIL("%s %s: %s", figure->name, figure->test, outcome.absent);
        return;
    }
    check_figure(figure, n, &outcome);
}

static void try_all(bool sandboxed)
{
    const int n_fds = fd_count_open();
    become_heir();
    make_plan();
    for (size_t i = 0; i < n_cases; i++) {
        if (cases[i].figure.sandboxed == sandboxed && strcmp(cases[i].figure.test, "transfer-1g") != 0 &&
            strcmp(cases[i].figure.test, "map") != 0)
            try_case(&cases[i], n_fds);
    }
}

TEST_WITHIN(every_bare_case_gives_a_figure, 120)
{
    try_all(false);
}

TEST_WITHIN(every_case_behind_the_filter_gives_a_figure, 120)
{
    try_all(true);
}

/* One stands for all: each is a gigabyte. */
TEST_WITHIN(a_gigabyte_is_moved_whole, 60)
{
    make_plan();
    for (size_t i = 0; i < n_cases; i++) {
        const struct figure *figure = &cases[i].figure;
        struct figure_outcome outcome;
        if (strcmp(figure->test, "transfer-1g") != 0 || strcmp(figure->name, "pipe") != 0 ||
            strcmp(figure->placement, "same-core") != 0)
            continue;
        latency_mechanisms.measure(&cases[i], 1, &outcome);
        CHECK_STR(outcome.absent, "");
        CHECK(outcome.n * figure->payload == 1ull << 30);
        return;
    }
    FAIL("no such case");
}

/* ---- the helper itself ---------------------------------------------------------------------------------------------- */

/* Its exit status (128 and the signal), and what it said. */
static int ask(struct measured *ret_measured, int *ret_parsed, char *const *words)
{
    char path[PATH_MAX], line[MEASURED_MAX_LINE];
    int ends[2], status = 0;
    size_t n = 0;
    pid_t pid;
    REQUIRE(helper_find("measure", path) && pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(helper_start(path, words, -1, ends[1], &pid) == 0);
    fd_close(&ends[1]);
    for (ssize_t n_read; n < sizeof line && (n_read = read(ends[0], line + n, sizeof line - n)) > 0;)
        n += (size_t)n_read;
    fd_close(&ends[0]);
    REQUIRE(waitpid(pid, &status, 0) == pid);
    *ret_parsed = measured_parse(line, n, ret_measured);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
#define ASK(measured, parsed, ...) ask(measured, parsed, (char *const[]){(char *)"measure", __VA_ARGS__, NULL})
#define WORD(text)                 ((char *)(text))

/* The proof that figures "behind the filter" are: who tries another call there dies, whatever it is that is measured. */
TEST_WITHIN(the_peer_is_filtered_indeed, 60)
{
    struct measured measured;
    int parsed;
    char name[64];
    const int n_fds = fd_count_open();
    become_heir();
    for (const struct transport *const *row = transports; *row; row++) {
        snprintf(name, sizeof name, "name=%s", (*row)->name);
        CHECK_INT(ASK(&measured, &parsed, name, WORD("test=one-way"), WORD("n=20"), WORD("sandboxed=1"),
                      WORD("trespass=1"), (*row)->max_bytes >= 8 ? WORD("payload=8") : WORD("payload=0")),
                  ==, 0);
        REQUIRE(parsed == 0);
        if (strstr(measured.absent, "the peer was killed by signal 31") == NULL)
            FAIL("%s: %s", name, measured.absent);
        check_nobody_left(name, n_fds);
    }
    CHECK_INT(ASK(&measured, &parsed, WORD("name=syscall"), WORD("test=call"), WORD("sandboxed=1"), WORD("trespass=1")),
              ==, 0);
    CHECK(parsed == 0 && strstr(measured.absent, "the peer was killed by signal 31"));
    /* And bare it is not. */
    CHECK_INT(ASK(&measured, &parsed, WORD("name=pipe"), WORD("test=one-way"), WORD("n=20"), WORD("payload=8"),
                  WORD("trespass=1")),
              ==, 0);
    CHECK(parsed == 0 && measured.absent[0] == '\0' && measured.n == 20);
}

TEST(words_that_make_no_sense_are_refused)
{
    static const char *const words[] = {"name",
                                        "speed=9",
                                        "n=-1",
                                        "n=",
                                        "n=0",
                                        "n=1x",
                                        "payload=1.5",
                                        "sandboxed=2",
                                        "wait=hope",
                                        "placement=moon",
                                        "timeout-ms=1e9",
                                        "test=fall",
                                        "name=pigeon",
                                        "n=99999999999999999999"};
    struct measured measured;
    int parsed;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (ASK(&measured, &parsed, WORD("name=pipe"), WORD("test=one-way"), WORD("payload=8"), WORD(words[i])) != 2)
            FAIL("taken: %s", words[i]);
        CHECK_INT(parsed, ==, -EBADMSG);
    }
    CHECK_INT(ASK(&measured, &parsed, WORD("n=5")), ==, 2);
}

/* A time limit that cannot be kept, in a mechanism and in a gauge. */
TEST(what_takes_too_long_is_ended_and_told)
{
    struct measured measured;
    int parsed;
    const int n_fds = fd_count_open();
    become_heir();
    CHECK_INT(ASK(&measured, &parsed, WORD("name=pipe-pair"), WORD("test=round-trip"), WORD("payload=8"),
                  WORD("n=10000000000"), WORD("timeout-ms=200")),
              ==, 0);
    CHECK_STR(measured.absent, "not done after 200 ms");
    CHECK_INT(
        ASK(&measured, &parsed, WORD("name=syscall"), WORD("test=call"), WORD("n=10000000000"), WORD("timeout-ms=200")),
        ==, 0);
    CHECK_STR(measured.absent, "not done after 200 ms");
    check_nobody_left("what is late", n_fds);
}

/* The helper is killed in the midst of it: nobody goes on without it. */
TEST(who_kills_the_helper_ends_them_all)
{
    char path[PATH_MAX];
    int ends[2], status;
    pid_t pid;
    const int n_fds = fd_count_open();
    char *const words[] = {WORD("measure"),       WORD("name=unix-seqpacket"), WORD("test=round-trip"),
                           WORD("n=10000000000"), WORD("payload=64"),          NULL};
    become_heir();
    REQUIRE(helper_find("measure", path) && pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(helper_start(path, words, -1, ends[1], &pid) == 0);
    poll(NULL, 0, 200);
    REQUIRE(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
    check_nobody_left("the helper", n_fds);
}
