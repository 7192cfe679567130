#include "common/transport_measure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "common/clock.h"

#define DEFAULT_CHUNK (64u * 1024)
#define WARM_UP_PARTS 10
#define MAX_WARM_UP   1000
/* What a look at the clock costs at its dearest, with a vDSO; two for each call that is timed. */
#define CLOCK_NS 40
/* Of a call's own time, what timing it may cost: one in so many is timed that it is less. */
#define MAX_TIMING_PART  33 /* a 33rd: 3 % */
#define MAX_SAMPLE_EVERY 32
/* Nothing more has come for that long: what is missing is lost. */
#define QUIET_MS 50

/* What the two sides and the one who asks share. */
struct stage {
    _Alignas(64) _Atomic uint64_t n_received; /* in this round, where messages are lost */
    _Alignas(64) _Atomic uint32_t is_over;    /* the next message is the last and does not count */
    _Alignas(64) uint64_t start_ns;
    uint64_t end_ns, cpu_ns, disordered;
    unsigned sample_every;
    struct fine_histogram latency;
};

struct run {
    const struct measure_options *options;
    struct stage *stage;
    struct transport_pair *pair;
    struct sides sides;
    struct transport_end *end; /* in a side */
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

static void require(struct run *run, int result, const char *at)
{
    sides_require(&run->sides, result, at);
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
    fine_histogram_add(&run->stage->latency, clock_now_ns() - before_ns);
}

static void nap(uint64_t ns)
{
    const struct timespec span = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
    nanosleep(&span, NULL);
}

static unsigned choose_sample_every(const struct run *run, uint64_t call_ns)
{
    if (run->options->sample_every > 0)
        return run->options->sample_every;
    if (run->options->test == MEASURE_SPARSE)
        return 1;
    unsigned every = 1;
    while (every < MAX_SAMPLE_EVERY && 2 * CLOCK_NS * MAX_TIMING_PART > call_ns * every)
        every *= 2;
    return every;
}

/* Its fastest part tells what a call takes: the others may have been disturbed, and then calls would seem longer than
 * they are, and be timed too often. */
static void warm_up_calls(struct run *run)
{
    const uint64_t n_part = run->n_warm_up / WARM_UP_PARTS + 1;
    uint64_t fastest_ns = UINT64_MAX / MAX_SAMPLE_EVERY;
    for (uint64_t n = 0; n < run->n_warm_up;) {
        const uint64_t before_ns = clock_now_ns(), before = n;
        for (; n < run->n_warm_up && n < before + n_part; n++)
            call(run);
        const uint64_t call_ns = (clock_now_ns() - before_ns) / (n - before);
        if (call_ns < fastest_ns)
            fastest_ns = call_ns;
    }
    run->stage->sample_every = choose_sample_every(run, fastest_ns);
}

static void make_calls(struct run *run)
{
    struct stage *stage = run->stage;
    warm_up_calls(run);
    const uint64_t cpu_before_ns = sides_cpu_ns(&run->sides);
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
    stage->cpu_ns = sides_cpu_ns(&run->sides) - cpu_before_ns;
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
    sides_meet(&run->sides);
    const uint64_t cpu_before_ns = sides_cpu_ns(&run->sides);
    run->stage->is_over = 0;
    run->stage->disordered = 0;
    run->stage->n_received = 0;
    run->stage->start_ns = clock_now_ns();
    sides_meet(&run->sides);
    send_all(run, run->n);
    sides_meet(&run->sides);
    run->stage->cpu_ns = sides_cpu_ns(&run->sides) - cpu_before_ns;
}

static void receive_messages(struct run *run)
{
    receive_all(run, run->n_warm_up);
    sides_meet(&run->sides);
    sides_meet(&run->sides);
    receive_all(run, run->n);
    sides_meet(&run->sides);
}

/* ---- the processes -------------------------------------------------------------------------------------------------- */

static bool is_answered(const struct measure_options *options)
{
    return options->test == MEASURE_ROUND_TRIP || options->test == MEASURE_SPARSE;
}

static void work(struct sides *sides, void *owner)
{
    struct run *run = owner;
    const struct measure_options *options = run->options;
    run->buffer = malloc(run->n_buffer);
    require(run, run->buffer ? 0 : -ENOMEM, "malloc");
    memset(run->buffer, 0x5a, run->n_buffer); /* no first touch in what is timed */
    require(run, transport_attach(run->pair, sides->side, &run->end), "attach");
    sides_begin(sides);
    if (sides->side == PEER)
        is_answered(options) ? answer_calls(run) : receive_messages(run);
    else
        is_answered(options) ? make_calls(run) : send_messages(run);
    sides_meet(sides); /* the last message may have to be fetched from a process that is still there */
}

/* ---- what is asked for ---------------------------------------------------------------------------------------------- */

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
    memcpy(result->cpus, run->sides.cpus, sizeof(result->cpus));
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
    result->p50_ns = fine_histogram_at(&stage->latency, 50000);
    result->p90_ns = fine_histogram_at(&stage->latency, 90000);
    result->p99_ns = fine_histogram_at(&stage->latency, 99000);
    result->p999_ns = fine_histogram_at(&stage->latency, 99900);
    result->max_ns = stage->latency.max;
    /* Where only some were timed, what all took together is truer, and where there were naps, what was timed. */
    result->mean_ns = run->options->test == MEASURE_ROUND_TRIP ? (double)total_ns / (double)run->n
                                                               : (double)fine_histogram_mean(&stage->latency);
}

static int measure_pair(struct run *run, struct measure_result *result)
{
    int outcome = check(run, result);
    if (outcome == 0)
        outcome = sides_place(run->options->placement, run->sides.cpus, result->absent);
    describe(run, result);
    if (outcome < 0)
        return outcome;
    run->stage = mmap(NULL, sizeof(*run->stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (run->stage == MAP_FAILED)
        return tell(result, errno, "mmap: %s", strerror(errno));
    outcome = sides_run(&run->sides, work, run, result->absent);
    if (outcome == 0)
        conclude(run, result);
    munmap(run->stage, sizeof(*run->stage));
    return outcome;
}

int transport_measure(const struct measure_options *options, struct measure_result *ret_result)
{
    struct transport_pair pair;
    struct run run = {
        .options = options,
        .pair = &pair,
        .sides = {.cpus = {-1, -1},
                  .timeout_ms = options->timeout_ms,
                  .before_start = options->before_start,
                  .context = options->context},
        .payload = options->payload,
        .n = options->n,
    };
    memset(ret_result, 0, sizeof(*ret_result));
    describe(&run, ret_result);
    int result = transport_create(options->transport, choose_wait(options), &pair);
    if (result < 0)
        return tell(ret_result, -result, "%s", pair.reason);
    result = measure_pair(&run, ret_result);
    transport_destroy(&pair);
    return result;
}
