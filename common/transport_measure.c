#include "common/transport_measure.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"

#define DEFAULT_TIMEOUT_MS 10000
#define DEFAULT_CHUNK      (64u * 1024)
#define MAX_WARM_UP        1000
/* Below this a call is not much longer than two looks at the clock: then one in SAMPLE_FAST is timed. */
#define FAST_CALL_NS 2000
#define SAMPLE_FAST  8
/* Nothing more has come for that long: what is missing is lost. */
#define QUIET_MS 50

enum { CALLER, PEER };

struct failure {
    int error;
    const char *at; /* a literal: the same address in all three processes */
};

/* What the two sides and the one who asks share. */
struct stage {
    _Alignas(64) _Atomic uint32_t n_arrived;
    _Alignas(64) _Atomic uint64_t n_received; /* in this round, where messages are lost */
    _Alignas(64) _Atomic uint32_t is_over;    /* the next message is the last and does not count */
    _Alignas(64) uint64_t start_ns;
    uint64_t end_ns, cpu_ns, disordered;
    unsigned sample_every;
    struct failure failures[2];
    struct histogram latency;
};

struct run {
    const struct measure_options *options;
    struct stage *stage;
    struct transport_pair *pair;
    struct transport_end *end; /* in a side */
    unsigned side;
    unsigned n_meetings; /* of the two sides, so far */
    pid_t peer;          /* known to the caller */
    int cpus[2];
    size_t payload, n_buffer;
    uint64_t n, n_warm_up;
    unsigned char *buffer;
};

const char *measure_test_name(const struct measure_options *options)
{
    switch (options->test) {
    case MEASURE_ROUND_TRIP:
        return "round-trip";
    case MEASURE_SPARSE:
        return "sparse";
    case MEASURE_ONE_WAY:
        return "one-way";
    case MEASURE_TRANSFER:
        return options->n_bytes == MEASURE_GIB ? "transfer-1g" : "transfer";
    }
    return "";
}

const char *measure_placement_name(enum measure_placement placement)
{
    switch (placement) {
    case MEASURE_SAME_CORE:
        return "same-core";
    case MEASURE_CROSS_CORE:
        return "cross-core";
    case MEASURE_FREE:
        return "free";
    }
    return "";
}

static const char *wait_name(enum transport_wait wait)
{
    return wait == TRANSPORT_BLOCK ? "block" : wait == TRANSPORT_SPIN ? "spin" : "yield";
}

__attribute__((format(printf, 3, 4))) static int tell(struct measure_result *result, int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result->absent, sizeof(result->absent), format, arguments);
    va_end(arguments);
    return -error;
}

/* ---- in both sides -------------------------------------------------------------------------------------------------- */

/* _exit may do more than leave under a sanitizer, and a filter may be in force. */
static _Noreturn void leave(int status)
{
    for (;;)
        syscall(SYS_exit_group, status);
}

static void require(struct run *run, int result, const char *at)
{
    if (result == 0)
        return;
    run->stage->failures[run->side] = (struct failure){-result, at};
    leave(1);
}

/* Waits until the other side has come here as well. */
static void meet(struct run *run)
{
    _Atomic uint32_t *n_arrived = &run->stage->n_arrived;
    const uint32_t n_wanted = 2 * ++run->n_meetings;
    uint32_t n_here = atomic_fetch_add(n_arrived, 1) + 1;
    if (n_here == n_wanted)
        syscall(SYS_futex, n_arrived, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    for (; n_here < n_wanted; n_here = atomic_load(n_arrived))
        syscall(SYS_futex, n_arrived, FUTEX_WAIT, n_here, NULL, NULL, 0);
}

/* Both sides of a message know its size; only a mechanism that keeps it could show a difference. */
static size_t room(const struct run *run, size_t n_expected)
{
    return run->options->transport->flags & TRANSPORT_UNFRAMED ? n_expected : run->n_buffer;
}

static void send_one(struct run *run, size_t n_bytes)
{
    require(run, transport_send(run->end, run->buffer, n_bytes), "send");
}

static void receive_one(struct run *run, size_t n_expected)
{
    size_t n_bytes;
    require(run, transport_receive(run->end, run->buffer, room(run, n_expected), &n_bytes), "receive");
    require(run, n_bytes == n_expected ? 0 : -EBADMSG, "size of what was received");
}

static size_t answer_bytes(const struct run *run)
{
    return run->options->transport->flags & TRANSPORT_ACKS ? 1 : run->payload;
}

/* ---- round trips ---------------------------------------------------------------------------------------------------- */

static void answer_calls(struct run *run)
{
    for (uint64_t i = 0; i < run->n_warm_up + run->n; i++) {
        receive_one(run, run->payload);
        send_one(run, answer_bytes(run));
    }
}

static void call(struct run *run)
{
    send_one(run, run->payload);
    receive_one(run, answer_bytes(run));
}

static void time_call(struct run *run)
{
    const uint64_t before_ns = clock_now_ns();
    call(run);
    histogram_add(&run->stage->latency, clock_now_ns() - before_ns);
}

static uint64_t cpu_ns(clockid_t clock)
{
    struct timespec spent;
    return clock_gettime(clock, &spent) == 0 ? (uint64_t)spent.tv_sec * NS_PER_S + (uint64_t)spent.tv_nsec : 0;
}

/* Asked by the caller for both, so that the peer needs no call for it. */
static uint64_t cpu_of_both_ns(const struct run *run)
{
    clockid_t peer;
    const uint64_t own_ns = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
    return clock_getcpuclockid(run->peer, &peer) == 0 ? own_ns + cpu_ns(peer) : own_ns;
}

static void nap(uint64_t ns)
{
    const struct timespec span = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
    nanosleep(&span, NULL);
}

static void warm_up_calls(struct run *run)
{
    const uint64_t before_ns = clock_now_ns();
    for (uint64_t i = 0; i < run->n_warm_up; i++)
        call(run);
    const uint64_t mean_ns = run->n_warm_up > 0 ? (clock_now_ns() - before_ns) / run->n_warm_up : FAST_CALL_NS;
    run->stage->sample_every = run->options->test == MEASURE_ROUND_TRIP && mean_ns < FAST_CALL_NS ? SAMPLE_FAST : 1;
}

static void make_calls(struct run *run)
{
    struct stage *stage = run->stage;
    warm_up_calls(run);
    const uint64_t cpu_before_ns = cpu_of_both_ns(run);
    stage->start_ns = clock_now_ns();
    for (uint64_t i = 0; i < run->n; i++) {
        if (run->options->test == MEASURE_SPARSE)
            nap(run->options->gap_ns);
        if (i % stage->sample_every == 0)
            time_call(run);
        else
            call(run);
    }
    stage->end_ns = clock_now_ns();
    stage->cpu_ns = cpu_of_both_ns(run) - cpu_before_ns;
}

/* ---- one way -------------------------------------------------------------------------------------------------------- */

/* Messages carry their number where there is room and where they may change as soon as they are sent. */
static bool is_numbered(const struct run *run)
{
    return run->payload >= sizeof(uint64_t) && !(run->options->transport->flags & TRANSPORT_BORROWS);
}

static bool is_lossy(const struct run *run)
{
    return run->options->transport->flags & TRANSPORT_LOSES;
}

/* Lets what is on its way arrive, then sends one more to say that it was all. */
static void end_lossy(struct run *run)
{
    _Atomic uint64_t *n_received = &run->stage->n_received;
    uint64_t before;
    do {
        before = atomic_load(n_received);
        nap(QUIET_MS * NS_PER_MS);
    } while (atomic_load(n_received) != before);
    atomic_store(&run->stage->is_over, 1);
    send_one(run, run->payload);
}

static void send_all(struct run *run, uint64_t n)
{
    const bool numbered = is_numbered(run);
    for (uint64_t i = 0; i < n; i++) {
        if (numbered)
            memcpy(run->buffer, &i, sizeof(i));
        send_one(run, run->payload);
    }
    if (is_lossy(run))
        end_lossy(run);
}

static void look_at_order(struct run *run, uint64_t *expected)
{
    uint64_t number;
    memcpy(&number, run->buffer, sizeof(number));
    if (number < *expected)
        run->stage->disordered++;
    else
        *expected = number + 1;
}

static void receive_all(struct run *run, uint64_t n)
{
    struct stage *stage = run->stage;
    const bool numbered = is_numbered(run), lossy = is_lossy(run);
    uint64_t expected = 0, n_received = 0;
    while (lossy || n_received < n) {
        receive_one(run, run->payload);
        if (lossy && atomic_load_explicit(&stage->is_over, memory_order_relaxed))
            break;
        n_received++;
        if (numbered)
            look_at_order(run, &expected);
        if (lossy) {
            atomic_store_explicit(&stage->n_received, n_received, memory_order_relaxed);
            stage->end_ns = clock_now_ns(); /* this one may have been the last */
        }
    }
    if (!lossy)
        stage->end_ns = clock_now_ns();
    atomic_store(&stage->n_received, n_received);
}

/* Twice the same: to warm up, then to count. */
static void send_messages(struct run *run)
{
    send_all(run, run->n_warm_up);
    meet(run);
    const uint64_t cpu_before_ns = cpu_of_both_ns(run);
    run->stage->is_over = 0;
    run->stage->disordered = 0;
    run->stage->n_received = 0;
    run->stage->start_ns = clock_now_ns();
    meet(run);
    send_all(run, run->n);
    meet(run);
    run->stage->cpu_ns = cpu_of_both_ns(run) - cpu_before_ns;
}

static void receive_messages(struct run *run)
{
    receive_all(run, run->n_warm_up);
    meet(run);
    meet(run);
    receive_all(run, run->n);
    meet(run);
}

/* ---- the processes -------------------------------------------------------------------------------------------------- */

static bool is_answered(const struct measure_options *options)
{
    return options->test == MEASURE_ROUND_TRIP || options->test == MEASURE_SPARSE;
}

static void pin(struct run *run)
{
    cpu_set_t set;
    if (run->cpus[run->side] < 0)
        return;
    CPU_ZERO(&set);
    CPU_SET((size_t)run->cpus[run->side], &set);
    require(run, sched_setaffinity(0, sizeof(set), &set) == 0 ? 0 : -errno, "sched_setaffinity");
}

static _Noreturn void be_side(struct run *run, unsigned side, pid_t parent)
{
    const struct measure_options *options = run->options;
    run->side = side;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        leave(1);
    signal(SIGPIPE, SIG_IGN);
    pin(run);
    run->buffer = malloc(run->n_buffer);
    require(run, run->buffer ? 0 : -ENOMEM, "malloc");
    memset(run->buffer, 0x5a, run->n_buffer); /* no first touch in what is timed */
    require(run, transport_attach(run->pair, side, &run->end), "attach");
    if (side == PEER && options->before_start)
        require(run, options->before_start(options->context), "the preparation");
    meet(run);
    if (side == PEER)
        is_answered(options) ? answer_calls(run) : receive_messages(run);
    else
        is_answered(options) ? make_calls(run) : send_messages(run);
    meet(run); /* the last message may have to be fetched from a process that is still there */
    leave(0);
}

/* ---- who asks ------------------------------------------------------------------------------------------------------- */

/* Waits for one of the two until the deadline. Returns its number, or -ETIMEDOUT. */
static int wait_for_one(const int pidfds[2], uint64_t deadline_ns)
{
    struct pollfd looks[2] = {{.fd = pidfds[0], .events = POLLIN}, {.fd = pidfds[1], .events = POLLIN}};
    for (;;) {
        const uint64_t now_ns = clock_now_ns();
        if (now_ns >= deadline_ns)
            return -ETIMEDOUT;
        const int n = poll(looks, 2, (int)((deadline_ns - now_ns) / NS_PER_MS) + 1);
        if (n < 0 && errno != EINTR)
            return -errno;
        for (int side = 0; n > 0 && side < 2; side++) {
            if (looks[side].revents)
                return side;
        }
    }
}

static int reap(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static int tell_end(const struct run *run, struct measure_result *result, int side, int status)
{
    const char *who = side == CALLER ? "the caller" : "the peer";
    const struct failure *failure = &run->stage->failures[side];
    if (WIFSIGNALED(status))
        return tell(result, EPIPE, "%s was killed by signal %d (%s)", who, WTERMSIG(status),
                    strsignal(WTERMSIG(status)));
    if (failure->at)
        return tell(result, failure->error, "%s: %s: %s", who, failure->at, strerror(failure->error));
    return tell(result, EPIPE, "%s left with status %d", who, WEXITSTATUS(status));
}

/* Until both have ended well, or one has not, or it is too late; then none is left. */
static int see_to_the_end(struct run *run, const pid_t pids[2], unsigned timeout_ms, uint64_t begin_ns,
                          struct measure_result *result)
{
    int pidfds[2], outcome = 0;
    for (int side = 0; side < 2; side++) {
        pidfds[side] = pidfd_open(pids[side], 0);
        if (pidfds[side] < 0)
            outcome = tell(result, errno, "pidfd_open: %s", strerror(errno));
    }
    bool is_there[2] = {true, true};
    while (outcome == 0 && (is_there[0] || is_there[1])) {
        const int side = wait_for_one(pidfds, begin_ns + timeout_ms * NS_PER_MS);
        if (side < 0) {
            outcome = tell(result, -side, "not done after %u ms", timeout_ms);
            break;
        }
        fd_close(&pidfds[side]); /* poll passes over -1 */
        is_there[side] = false;
        const int status = reap(pids[side]);
        if (status != 0)
            outcome = tell_end(run, result, side, status);
    }
    for (int side = 0; side < 2; side++) {
        fd_close(&pidfds[side]);
        if (is_there[side]) {
            kill(pids[side], SIGKILL);
            reap(pids[side]);
        }
    }
    return outcome;
}

/* The caller knows the peer, which therefore is there first. */
static int run_both(struct run *run, struct measure_result *result)
{
    const unsigned timeout_ms = run->options->timeout_ms > 0 ? run->options->timeout_ms : DEFAULT_TIMEOUT_MS;
    const uint64_t begin_ns = clock_now_ns();
    const pid_t parent = getpid();
    pid_t pids[2];
    pids[PEER] = fork();
    if (pids[PEER] == 0)
        be_side(run, PEER, parent);
    if (pids[PEER] < 0)
        return tell(result, errno, "fork: %s", strerror(errno));
    run->peer = pids[PEER];
    pids[CALLER] = fork();
    if (pids[CALLER] == 0)
        be_side(run, CALLER, parent);
    if (pids[CALLER] < 0) {
        const int error = errno;
        kill(pids[PEER], SIGKILL);
        reap(pids[PEER]);
        return tell(result, error, "fork: %s", strerror(error));
    }
    return see_to_the_end(run, pids, timeout_ms, begin_ns, result);
}

/* ---- what is asked for ---------------------------------------------------------------------------------------------- */

static int read_topology(int cpu, const char *what)
{
    char path[96];
    snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/%s", cpu, what);
    FILE *file = fopen(path, "re");
    int number = -1;
    if (file && fscanf(file, "%d", &number) != 1)
        number = -1;
    if (file)
        fclose(file);
    return number;
}

/* Two threads of one core are not two cores. What cannot be read counts as different. */
static bool is_same_core(int a, int b)
{
    const int core = read_topology(a, "core_id");
    return a == b || (core >= 0 && core == read_topology(b, "core_id") &&
                      read_topology(a, "physical_package_id") == read_topology(b, "physical_package_id"));
}

static int place(struct run *run, struct measure_result *result)
{
    cpu_set_t allowed;
    run->cpus[0] = run->cpus[1] = -1;
    if (run->options->placement == MEASURE_FREE)
        return 0;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
        return tell(result, errno, "sched_getaffinity: %s", strerror(errno));
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET((size_t)cpu, &allowed))
            continue;
        if (run->cpus[0] < 0)
            run->cpus[0] = cpu;
        if (run->options->placement == MEASURE_SAME_CORE)
            run->cpus[1] = cpu;
        else if (!is_same_core(run->cpus[0], cpu))
            run->cpus[1] = cpu;
        if (run->cpus[1] >= 0)
            return 0;
    }
    return tell(result, EOPNOTSUPP, "only one core may be used here");
}

/* Without a wish: asleep, where the mechanism can; else giving way where both share a core. */
static enum transport_wait choose_wait(const struct measure_options *options)
{
    if (options->wait != 0)
        return options->wait;
    if (options->transport->waits & TRANSPORT_BLOCK)
        return TRANSPORT_BLOCK;
    return options->placement == MEASURE_SAME_CORE ? TRANSPORT_YIELD : TRANSPORT_SPIN;
}

static int check(struct run *run, struct measure_result *result)
{
    const struct measure_options *options = run->options;
    const struct transport *transport = options->transport;
    const size_t max_bytes = run->pair->max_bytes;
    if (is_answered(options) && transport->flags & TRANSPORT_ONE_WAY)
        return tell(result, EOPNOTSUPP, "goes one way: nothing comes back");
    if (options->test == MEASURE_TRANSFER && max_bytes < sizeof(uint64_t) * 8)
        return tell(result, EOPNOTSUPP, "carries %zu bytes at most, no bulk", max_bytes);
    run->payload = options->payload;
    if (options->test == MEASURE_TRANSFER && run->payload == 0)
        run->payload = max_bytes < DEFAULT_CHUNK ? max_bytes : DEFAULT_CHUNK;
    if (run->payload < transport->min_bytes)
        return tell(result, EOPNOTSUPP, "has no messages of less than %zu bytes", transport->min_bytes);
    if (run->payload > max_bytes || run->payload > MEASURE_MAX_PAYLOAD)
        return tell(result, EOPNOTSUPP, "carries %zu bytes at most",
                    max_bytes < MEASURE_MAX_PAYLOAD ? max_bytes : (size_t)MEASURE_MAX_PAYLOAD);
    run->n = options->test == MEASURE_TRANSFER ? (options->n_bytes + run->payload - 1) / run->payload : options->n;
    if (run->n == 0)
        return tell(result, EINVAL, "nothing to measure");
    run->n_warm_up = run->n / 10 < MAX_WARM_UP ? run->n / 10 : MAX_WARM_UP;
    /* Room enough for whatever framed message comes, so that no mechanism needs a copy of its own. */
    run->n_buffer = run->payload > DEFAULT_CHUNK ? run->payload : DEFAULT_CHUNK;
    return 0;
}

static void describe(const struct run *run, struct measure_result *result)
{
    result->name = run->options->transport->name;
    result->test = measure_test_name(run->options);
    result->placement = measure_placement_name(run->options->placement);
    result->wait = wait_name(choose_wait(run->options));
    result->payload = run->payload;
    result->n = run->n;
    memcpy(result->cpus, run->cpus, sizeof(result->cpus));
}

static void conclude(const struct run *run, struct measure_result *result)
{
    const struct stage *stage = run->stage;
    const uint64_t total_ns = stage->end_ns > stage->start_ns ? stage->end_ns - stage->start_ns : 1;
    const uint64_t n_received = is_answered(run->options) ? run->n : atomic_load(&stage->n_received);
    result->total_ms = (double)total_ns / (double)NS_PER_MS;
    result->lost = n_received < run->n ? run->n - n_received : 0;
    result->disordered = stage->disordered;
    if (run->options->test != MEASURE_SPARSE)
        result->per_s = (double)n_received * (double)NS_PER_S / (double)total_ns;
    result->cpu_ns_per_call = (double)stage->cpu_ns / (double)run->n;
    result->latency = stage->latency;
    result->sample_every = stage->sample_every;
    if (!is_answered(run->options))
        return;
    result->p50_ns = histogram_at(&stage->latency, 500);
    result->p90_ns = histogram_at(&stage->latency, 900);
    result->p99_ns = histogram_at(&stage->latency, 990);
    result->p999_ns = histogram_at(&stage->latency, 999);
    result->max_ns = histogram_at(&stage->latency, 1000);
    /* Where only some were timed, what all took together is truer, and where there were naps, what was timed. */
    result->mean_ns = run->options->test == MEASURE_ROUND_TRIP ? total_ns / run->n : histogram_mean(&stage->latency);
}

static int measure_pair(struct run *run, struct measure_result *result)
{
    int outcome = check(run, result);
    if (outcome == 0)
        outcome = place(run, result);
    describe(run, result);
    if (outcome < 0)
        return outcome;
    run->stage = mmap(NULL, sizeof(*run->stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (run->stage == MAP_FAILED)
        return tell(result, errno, "mmap: %s", strerror(errno));
    outcome = run_both(run, result);
    if (outcome == 0)
        conclude(run, result);
    munmap(run->stage, sizeof(*run->stage));
    return outcome;
}

int transport_measure(const struct measure_options *options, struct measure_result *ret_result)
{
    struct transport_pair pair;
    struct run run = {
        .options = options, .pair = &pair, .payload = options->payload, .n = options->n, .cpus = {-1, -1}};
    *ret_result = (struct measure_result){0};
    describe(&run, ret_result);
    int result = transport_create(options->transport, choose_wait(options), &pair);
    if (result < 0)
        return tell(ret_result, -result, "%s", pair.reason);
    result = measure_pair(&run, ret_result);
    transport_destroy(&pair);
    return result;
}
