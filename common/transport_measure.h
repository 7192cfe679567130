/* What a mechanism costs: one figure at a time, between two processes of its own that are killed when they do not come to
 * an end. The caller is a process too, so that a mechanism that hangs never hangs the one who asks.
 *
 * The measuring itself costs less than 5 % of throughput. Of round trips one in 1 to 32 is timed, chosen by the warm-up so
 * that the two looks at the clock (20 to 40 ns each) take less than 3 % of all; of messages one way none is, except where
 * they may be lost: there the receiver looks once for each. Both sides count, and compare a number, in memory of their
 * own. To check it: compare mean_ns with that of a huge sample_every, run by run in turn. */
#ifndef COMMON_TRANSPORT_MEASURE_H
#define COMMON_TRANSPORT_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/histogram.h"
#include "common/sides.h"
#include "common/transport.h"

enum measure_test {
    MEASURE_ROUND_TRIP, /* n calls, each answered */
    MEASURE_SPARSE,     /* the same with gap_ns of sleep before each */
    MEASURE_ONE_WAY,    /* n messages */
    MEASURE_TRANSFER,   /* n_bytes in as many messages as that takes */
};

#define MEASURE_GIB         (1ull << 30)
#define MEASURE_MAX_PAYLOAD (16u << 20)

struct measure_options {
    const struct transport *transport;
    enum measure_test test;
    enum measure_placement placement;
    enum transport_wait wait; /* 0: as the mechanism does it by itself */
    size_t payload;           /* bytes; with MEASURE_TRANSFER 0 is 64 KiB, or the largest message if that is less */
    uint64_t n;               /* calls or messages, without the warm-up; not for MEASURE_TRANSFER */
    uint64_t n_bytes;         /* for MEASURE_TRANSFER */
    uint64_t gap_ns;          /* for MEASURE_SPARSE */
    unsigned sample_every;    /* of round trips, one in so many is timed; 0: as seems best */
    unsigned timeout_ms;      /* of all, warm-up and start included; 0: 10 s */
    /* In the peer (side 1), attached and about to start; NULL: nothing. Not 0 ends it with that -errno. After it the peer
     * makes these calls: the row's own, futex, exit_group, and what reads the clocks. */
    int (*before_start)(void *context);
    void *context;
};

/* The fields of a `latency` event; those that do not apply are 0. */
struct measure_result {
    const char *name, *test, *placement, *wait;
    size_t payload;
    int cpus[2];         /* caller's and peer's; -1 not pinned */
    uint64_t n;          /* sent: calls or messages */
    uint64_t lost;       /* sent, never received */
    uint64_t disordered; /* received after one that was sent later; looked at where a message has room for its number */
    double per_s;        /* received */
    uint64_t p50_ns, p90_ns, p99_ns, p999_ns, max_ns;
    double mean_ns;
    double total_ms;
    double cpu_ns_per_call;        /* of both processes */
    struct fine_histogram latency; /* of one call in sample_every, so that reading the clock stays cheap beside it */
    unsigned sample_every;
    char absent[TRANSPORT_MAX_REASON]; /* why there is no figure */
};

/* 0; or -errno with result->absent: -EOPNOTSUPP (not for this mechanism, or not on this machine), -ETIMEDOUT (not done in
 * time; both were killed), -EPIPE (a side died), else what the host lacks. Either way no process, descriptor or name is
 * left. Blocks, at most as long as the timeout. The caller must not reap children it does not know. */
int transport_measure(const struct measure_options *options, struct measure_result *ret_result);

const char *measure_test_name(const struct measure_options *options);
const char *measure_placement_name(enum measure_placement placement);

#endif
