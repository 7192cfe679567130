/* The mechanisms that carry messages between processes, and what processes pay besides. They are measured by a helper,
 * build/bin/measure, one request a process: nothing that a mechanism does can hurt the broker, and none is linked with
 * it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/helper.h"
#include "broker/latency/latency.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/measured.h"

#define SMALL 64         /* bytes of a call */
#define KIB   1024       /* of a message one way */
#define CHUNK (64 * KIB) /* of a gigabyte */

/* One run of each case; all of them, three times, make a minute. */
#define CALLS_MS          40
#define BLOCKING_MS       60 /* each of these sleeps */
#define MESSAGES_MS       35
#define SPARSE_MS         100
#define SPARSE_NS         1.1e6 /* a call and the gap before it */
#define CROSS_BLOCKING_NS 75e3

/* A run that takes that many times as long as it should hangs. */
#define PATIENCE        10
#define MIN_PATIENCE_MS 10000
/* The helper ends itself when it is late; if not, it is ended. */
#define GRACE_MS 3000

enum trait {
    SLEEPS = 1 << 0, /* can wait asleep */
    SPINS = 1 << 1,  /* can wait awake */
    ANSWERS = 1 << 2,
    EITHER = SLEEPS | SPINS,
    BOTH_WAYS = EITHER | ANSWERS,
};

struct mechanism {
    const char *name;
    unsigned traits;
    size_t max_bytes; /* of a message, as far as it matters here */
    double call_ns;   /* typical: same core; across cores, awake, it is about as much */
    double message_ns, cross_message_ns;
    double gigabyte_ms; /* 0: carries no bulk, or is in that the same as pipe */
};

/* In the order of common/transports.c, which this is linked without. */
static const struct mechanism mechanisms[] = {
    {"pipe", EITHER, CHUNK, 0, 500, 900, 250},
    {"pipe-pair", BOTH_WAYS, CHUNK, 2100, 500, 900, 0},
    {"fifo", BOTH_WAYS, CHUNK, 2200, 500, 2500, 0},
    {"unix-stream", BOTH_WAYS, CHUNK, 3300, 800, 1050, 190},
    {"unix-dgram", BOTH_WAYS, CHUNK, 3100, 900, 1450, 180},
    {"unix-seqpacket", BOTH_WAYS, CHUNK, 2900, 870, 950, 180},
    {"tcp", BOTH_WAYS, CHUNK, 8000, 900, 1650, 370},
    {"udp", BOTH_WAYS, CHUNK, 7000, 2200, 2700, 0},
    {"sysv-queue", BOTH_WAYS, 8 * KIB, 2500, 830, 1800, 800},
    {"posix-queue", BOTH_WAYS, 8 * KIB, 2800, 900, 12000, 450},
    {"sysv-shm-mutex", SLEEPS | ANSWERS, CHUNK, 3000, 1500, 2000, 65},
    {"posix-shm-semaphore", SLEEPS | ANSWERS, CHUNK, 3000, 1500, 2000, 70},
    {"ring", SPINS | ANSWERS, CHUNK, 1400, 60, 80, 100},
    {"ring-spin", SPINS | ANSWERS, CHUNK, 1400, 60, 80, 100},
    {"ring-futex", SLEEPS | ANSWERS, CHUNK, 2300, 60, 80, 100},
    {"ring-eventfd", SLEEPS | ANSWERS, CHUNK, 2800, 70, 80, 90},
    {"rt-signal", BOTH_WAYS, 8, 3500, 1500, 1500, 0},
    {"signal", BOTH_WAYS, 0, 3500, 700, 700, 0},
    {"process-vm", BOTH_WAYS, CHUNK, 3500, 8000, 50000, 190},
    {"vmsplice", SLEEPS | ANSWERS, CHUNK, 3500, 1500, 3000, 190},
    {"io-uring", SLEEPS | ANSWERS, CHUNK, 5000, 2500, 5000, 190},
    {"fd-pass", BOTH_WAYS, CHUNK, 3800, 1500, 2500, 0},
    {"memfd-share", BOTH_WAYS, CHUNK, 15000, 15000, 20000, 0},
};

/* Across cores too: those that people would choose for bulk. */
static const char *const bulk_across[] = {"pipe", "unix-stream", "unix-seqpacket", "ring-spin", "ring-futex"};
/* One call a millisecond, asleep in between. */
static const char *const sparse[] = {"pipe-pair", "unix-seqpacket", "tcp", "ring-futex", "ring-eventfd"};

/* What is compared with each other is measured in turn. */
enum group {
    GROUP_CALLS_SAME_CORE,
    GROUP_CALLS_BLOCKING,
    GROUP_CALLS_SPINNING,
    GROUP_CALLS_FREE,
    GROUP_MESSAGES_SAME_CORE,
    GROUP_MESSAGES_CROSS_CORE,
    GROUP_SPARSE,
    GROUP_BULK,
    GROUP_READY,
    GROUP_SPAWN,
    GROUP_OTHERS,
};

/* ---- the plan ------------------------------------------------------------------------------------------------------- */

/* The fields that all cases share. */
static struct latency_case make_case(enum group group, const char *name, const char *test, const char *placement,
                                     const char *wait)
{
    return (struct latency_case){
        .group = group,
        .figure = {.table = "mechanisms",
                   .name = name,
                   .test = test,
                   .placement = placement,
                   .wait = wait,
                   .codec = "none",
                   .peers = 1,
                   .window = 1},
    };
}

static void add(struct latency_plan *plan, struct latency_case measured, bool sandboxed)
{
    measured.figure.sandboxed = sandboxed;
    latency_plan_add(plan, &measured);
}

static void add_both(struct latency_plan *plan, const struct latency_case *measured)
{
    add(plan, *measured, false);
    add(plan, *measured, true);
}

static size_t at_most(const struct mechanism *mechanism, size_t n_bytes)
{
    return mechanism->max_bytes < n_bytes ? mechanism->max_bytes : n_bytes;
}

static void add_calls(struct latency_plan *plan, const struct mechanism *mechanism, enum group group,
                      const char *placement, const char *wait)
{
    const bool sleeps_across = group == GROUP_CALLS_BLOCKING || group == GROUP_CALLS_FREE;
    struct latency_case calls = make_case(group, mechanism->name, "round-trip", placement, wait);
    calls.figure.payload = at_most(mechanism, SMALL);
    calls.typical_ns = sleeps_across ? CROSS_BLOCKING_NS : mechanism->call_ns;
    calls.budget_ms = sleeps_across ? BLOCKING_MS : CALLS_MS;
    add_both(plan, &calls);
}

static void plan_calls(struct latency_plan *plan, const struct mechanism *mechanism)
{
    if (!(mechanism->traits & ANSWERS))
        return;
    const bool sleeps = mechanism->traits & SLEEPS;
    add_calls(plan, mechanism, GROUP_CALLS_SAME_CORE, "same-core", sleeps ? "block" : "yield");
    if (sleeps)
        add_calls(plan, mechanism, GROUP_CALLS_BLOCKING, "cross-core", "block");
    if (mechanism->traits & SPINS)
        add_calls(plan, mechanism, GROUP_CALLS_SPINNING, "cross-core", "spin");
    if (strcmp(mechanism->name, "unix-seqpacket") == 0)
        add_calls(plan, mechanism, GROUP_CALLS_FREE, "free", "block");
}

static void plan_messages(struct latency_plan *plan, const struct mechanism *mechanism)
{
    const bool sleeps = mechanism->traits & SLEEPS;
    for (int cross = 0; cross < 2; cross++) {
        struct latency_case messages = make_case(cross ? GROUP_MESSAGES_CROSS_CORE : GROUP_MESSAGES_SAME_CORE,
                                                 mechanism->name, "one-way", cross ? "cross-core" : "same-core",
                                                 sleeps  ? "block"
                                                 : cross ? "spin"
                                                         : "yield");
        messages.figure.payload = at_most(mechanism, KIB);
        messages.typical_ns = cross ? mechanism->cross_message_ns : mechanism->message_ns;
        messages.budget_ms = MESSAGES_MS;
        add_both(plan, &messages);
    }
}

static bool is_among(const char *name, const char *const *names, size_t n_names)
{
    for (size_t i = 0; i < n_names; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}
#define IS_AMONG(name, names) is_among(name, names, sizeof(names) / sizeof((names)[0]))

static void plan_sparse(struct latency_plan *plan, const struct mechanism *mechanism)
{
    static const char *const placements[] = {"same-core", "cross-core", "free"};
    for (size_t i = 0; i < sizeof placements / sizeof placements[0]; i++) {
        if (!IS_AMONG(mechanism->name, sparse) || (i == 2 && strcmp(mechanism->name, "unix-seqpacket") != 0))
            continue;
        struct latency_case calls = make_case(GROUP_SPARSE, mechanism->name, "sparse", placements[i], "block");
        calls.figure.payload = SMALL;
        calls.typical_ns = SPARSE_NS;
        calls.budget_ms = SPARSE_MS;
        calls.max_n = 1000;
        add_both(plan, &calls);
    }
}

/* One run is one gigabyte, whole: a part of it would be another figure. */
static void plan_bulk(struct latency_plan *plan, const struct mechanism *mechanism)
{
    const bool sleeps = mechanism->traits & SLEEPS;
    for (int cross = 0; cross < 2; cross++) {
        if (mechanism->gigabyte_ms <= 0 || (cross && !IS_AMONG(mechanism->name, bulk_across)))
            continue;
        struct latency_case bulk =
            make_case(GROUP_BULK, mechanism->name, "transfer-1g", cross ? "cross-core" : "same-core",
                      sleeps  ? "block"
                      : cross ? "spin"
                              : "yield");
        bulk.figure.payload = at_most(mechanism, CHUNK);
        bulk.typical_ns = mechanism->gigabyte_ms * 1e6;
        bulk.budget_ms = mechanism->gigabyte_ms;
        bulk.max_n = 1;
        add(plan, bulk, false);
    }
}

/* A gauge: what is not a mechanism, but says what mechanisms are made of. */
static struct latency_case make_gauge(enum group group, const char *name, const char *test, const char *placement,
                                      const char *wait, double typical_ns)
{
    struct latency_case gauge = make_case(group, name, test, placement, wait);
    gauge.typical_ns = typical_ns;
    gauge.budget_ms = CALLS_MS;
    return gauge;
}

static void plan_limits(struct latency_plan *plan)
{
    const struct latency_case bounces[] = {
        make_gauge(GROUP_CALLS_SPINNING, "bounce-1-line", "round-trip", "cross-core", "spin", 140),
        make_gauge(GROUP_CALLS_SPINNING, "bounce-2-lines", "round-trip", "cross-core", "spin", 320),
    };
    add_both(plan, &bounces[0]);
    add_both(plan, &bounces[1]);
    const struct latency_case others[] = {
        make_gauge(GROUP_OTHERS, "syscall", "call", "same-core", NULL, 80),
        make_gauge(GROUP_OTHERS, "wake", "wake", "same-core", "block", 250e3),
        make_gauge(GROUP_OTHERS, "wake", "wake", "cross-core", "block", 300e3),
        make_gauge(GROUP_OTHERS, "posix-queue", "priority", "same-core", "block", 1500),
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        add_both(plan, &others[i]);
}

static void plan_ready(struct latency_plan *plan)
{
    static const char *const names[] = {"select", "poll", "epoll"};
    static const unsigned counts[] = {8, 128, 1024, 8192};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
            const double typical_ns = k == 2 ? 1000 : 500 + 30.0 * counts[i];
            struct latency_case ready = make_gauge(GROUP_READY, names[k], "ready", "same-core", "block", typical_ns);
            ready.figure.peers = counts[i];
            ready.budget_ms = 20;
            add(plan, ready, false);
        }
    }
}

static void plan_spawn(struct latency_plan *plan)
{
    static const struct {
        const char *name;
        double typical_ns;
    } rows[] = {
        {"fork", 120e3}, {"fork-256mb", 8e6}, {"vfork-exec", 800e3}, {"posix-spawn", 800e3}, {"clone-pidfd", 120e3}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct latency_case births = make_gauge(GROUP_SPAWN, rows[i].name, "spawn", "free", NULL, rows[i].typical_ns);
        births.max_n = 10000;
        births.budget_ms = 60;
        add(plan, births, false);
    }
}

static void plan_mapping(struct latency_plan *plan)
{
    struct latency_case mapping = make_gauge(GROUP_BULK, "map-1g", "map", "same-core", NULL, 100e6);
    mapping.max_n = 1;
    mapping.budget_ms = 1000; /* the gigabyte has to be there first */
    add(plan, mapping, false);
}

static void plan(struct latency_plan *plan)
{
    plan_limits(plan);
    for (size_t i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++) {
        plan_calls(plan, &mechanisms[i]);
        plan_messages(plan, &mechanisms[i]);
        plan_sparse(plan, &mechanisms[i]);
        plan_bulk(plan, &mechanisms[i]);
    }
    plan_mapping(plan);
    plan_ready(plan);
    plan_spawn(plan);
}

/* ---- asking the helper ---------------------------------------------------------------------------------------------- */

struct answer {
    char line[MEASURED_MAX_LINE + 1]; /* one more than a line can have: then it is none */
    size_t n;
};

/* Reads to the end of what is said. 0, -ETIMEDOUT, -EMSGSIZE, -errno. */
static int read_answer(int fd, uint64_t deadline_ns, struct answer *answer)
{
    while (answer->n < sizeof answer->line) {
        const uint64_t now_ns = clock_now_ns();
        struct pollfd look = {.fd = fd, .events = POLLIN};
        if (now_ns >= deadline_ns)
            return -ETIMEDOUT;
        const int n_ready = poll(&look, 1, (int)((deadline_ns - now_ns) / NS_PER_MS) + 1);
        if (n_ready <= 0 && (n_ready == 0 || errno == EINTR))
            continue;
        const ssize_t n = read(fd, answer->line + answer->n, sizeof answer->line - answer->n);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return 0;
        answer->n += n > 0 ? (size_t)n : 0;
    }
    return -EMSGSIZE;
}

/* Why there is no answer, from how the helper ended. */
static void tell_end(char *why, size_t n_why, int result, int status)
{
    if (result == -ETIMEDOUT)
        snprintf(why, n_why, "measure did not end in time");
    else if (result < 0)
        snprintf(why, n_why, "what measure says cannot be read: %s", strerror(-result));
    else if (WIFSIGNALED(status))
        snprintf(why, n_why, "measure was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0)
        snprintf(why, n_why, "measure left with status %d", WEXITSTATUS(status));
}

/* Starts the helper, listens, reaps it. 0 and the line; or -errno and why. */
static int ask(char *const *arguments, uint64_t timeout_ms, struct answer *answer, char *why, size_t n_why)
{
    char path[PATH_MAX];
    int ends[2];
    if (!helper_find("measure", path)) {
        snprintf(why, n_why, "no measure beside the broker: build it, ./run does");
        return -ENOENT;
    }
    if (pipe2(ends, O_CLOEXEC) < 0) {
        snprintf(why, n_why, "pipe2: %s", strerror(errno));
        return -EMFILE;
    }
    CLOSE_FD int from = ends[0];
    CLOSE_FD int to = ends[1];
    pid_t pid;
    const int error = helper_start(path, arguments, -1, to, &pid);
    if (error != 0) {
        snprintf(why, n_why, "measure cannot be started: %s", strerror(-error));
        return error;
    }
    fd_close(&to);
    const int result = read_answer(from, clock_now_ns() + timeout_ms * NS_PER_MS, answer);
    if (result < 0)
        kill(pid, SIGKILL); /* those it has started end with it */
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    tell_end(why, n_why, result, status);
    return why[0] != '\0' ? -EPIPE : 0;
}

/* ---- one run -------------------------------------------------------------------------------------------------------- */

#define MAX_WORDS      12
#define MAX_WORD_BYTES 48

struct words {
    char text[MAX_WORDS][MAX_WORD_BYTES];
    char *arguments[MAX_WORDS + 1];
    size_t n;
};

__attribute__((format(printf, 2, 3))) static void say(struct words *words, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(words->text[words->n], MAX_WORD_BYTES, format, values);
    va_end(values);
    words->arguments[words->n] = words->text[words->n];
    words->n++;
}

static void word_request(struct words *words, const struct figure *figure, uint64_t n, uint64_t timeout_ms)
{
    *words = (struct words){.n = 0};
    say(words, "vitrine-measure");
    say(words, "name=%s", figure->name);
    say(words, "test=%s", figure->test);
    say(words, "placement=%s", figure->placement);
    if (figure->wait != NULL)
        say(words, "wait=%s", figure->wait);
    say(words, "payload=%zu", figure->payload);
    say(words, "count=%u", figure->peers);
    say(words, "n=%" PRIu64, n);
    say(words, "sandboxed=%d", figure->sandboxed);
    say(words, "timeout-ms=%" PRIu64, timeout_ms);
}

/* Where between calls something else happens, how many there were in a second says nothing. */
static bool has_rate(const struct figure *figure)
{
    static const char *const without[] = {"sparse", "wake", "ready", "map", "priority"};
    return !IS_AMONG(figure->test, without);
}

static void take_measured(const struct figure *figure, const struct measured *measured, struct figure_outcome *outcome)
{
    const double n = measured->n > 0 ? (double)measured->n : 1, total_ns = (double)measured->total_ns;
    outcome->n = measured->n;
    outcome->lost = measured->lost;
    outcome->disordered = measured->disordered;
    outcome->p50_ns = (double)measured->p50_ns;
    outcome->p90_ns = (double)measured->p90_ns;
    outcome->p99_ns = (double)measured->p99_ns;
    outcome->p999_ns = (double)measured->p999_ns;
    outcome->max_ns = (double)measured->max_ns;
    outcome->mean_ns = (double)measured->mean_ps / 1000;
    outcome->total_ms = total_ns / (double)NS_PER_MS;
    outcome->cpu_ns_per_call = (double)measured->cpu_ns / n;
    outcome->has_curve = measured->has_curve;
    for (size_t i = 0; i < FIGURE_CURVE_POINTS; i++)
        outcome->curve_ns[i] = (double)measured->curve_ns[i];
    if (has_rate(figure) && total_ns > 0)
        outcome->per_s = (double)(measured->n - measured->lost) * (double)NS_PER_S / total_ns;
    if (strcmp(figure->test, "sparse") == 0 && total_ns > 0)
        outcome->cpu_percent = 100 * (double)measured->cpu_ns / total_ns;
    snprintf(outcome->note, sizeof outcome->note, "%s", measured->note);
    snprintf(outcome->absent, sizeof outcome->absent, "%s", measured->absent);
}

static void measure(const struct latency_case *measured, uint64_t n, struct figure_outcome *ret_outcome)
{
    const struct figure *figure = &measured->figure;
    const uint64_t timeout_ms =
        MIN_PATIENCE_MS + (uint64_t)(PATIENCE * (double)n * measured->typical_ns / (double)NS_PER_MS);
    struct answer answer = {.n = 0};
    struct measured parsed;
    struct words words;
    figure_outcome_init(ret_outcome);
    word_request(&words, figure, n, timeout_ms);
    if (ask(words.arguments, timeout_ms + GRACE_MS, &answer, ret_outcome->absent, sizeof ret_outcome->absent) != 0)
        return;
    if (measured_parse(answer.line, answer.n, &parsed) != 0)
        snprintf(ret_outcome->absent, sizeof ret_outcome->absent, "measure does not make sense");
    else
        take_measured(figure, &parsed, ret_outcome);
}

const struct latency_section latency_mechanisms = {
    .name = "mechanisms",
    .title = "Mechanisms, bare and with the peer behind the renderer's filter",
    .plan = plan,
    .measure = measure,
};
