/* One figure of latency mode: what was measured, and what came out, in one run or as the median of several. */
#ifndef BROKER_FIGURE_H
#define BROKER_FIGURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/histogram.h"

#define FIGURE_MAX_REASON 160
#define FIGURE_MAX_RUNS   9

/* The percentile curve: what is not exceeded by so many of 100,000 calls. */
#define FIGURE_CURVE        HISTOGRAM_CURVE
#define FIGURE_CURVE_POINTS HISTOGRAM_CURVE_POINTS

/* The share of one call, in nanoseconds; -1: not measured. */
struct figure_shares {
    double pack_ns, scan_ns, unpack_ns, syscall_ns, wake_ns;
};

/* What one run came to. Fields that do not apply are 0. */
struct figure_outcome {
    uint64_t n;          /* sent: calls or messages */
    uint64_t lost;       /* sent, never received */
    uint64_t disordered; /* received after one that was sent later */
    double per_s;        /* received */
    double p50_ns, p90_ns, p99_ns, p999_ns, max_ns, mean_ns;
    double curve_ns[FIGURE_CURVE_POINTS];
    bool has_curve;
    double total_ms;
    double cpu_ns_per_call; /* of all processes that take part */
    double cpu_percent; /* of one core, of all that take part: for what waits or has nothing to do; -1: not measured */
    double wakeups_per_s; /* of a side with nothing to do; -1: not measured */
    uint64_t bytes_moved; /* copied between processes, a frame */
    double unfairness;    /* how often the peer served most was served, by the one served least; 0: not measured */
    struct figure_shares shares;
    char note[FIGURE_MAX_REASON];   /* what else was seen, for people: "priorities kept"; "": nothing */
    char absent[FIGURE_MAX_REASON]; /* why there is nothing; "": there is */
};

/* What was measured, as in the `latency` event. Strings are literals, or live as long as the latency mode. */
struct figure {
    const char *table; /* "channel", "mechanisms", "frames" */
    const char *name, *test, *placement, *codec;
    const char *wait; /* "block", "spin", "yield", "adaptive"; NULL: does not apply */
    size_t payload;   /* bytes */
    unsigned peers, window;
    bool sandboxed;

    struct figure_outcome runs[FIGURE_MAX_RUNS];
    unsigned n_runs;
    /* figure_conclude fills these: */
    struct figure_outcome
        middle; /* the run with the median p50 (or, without latencies, the median per_s or total_ms) */
    double low_p50_ns, high_p50_ns; /* of all runs; 0 where there are no latencies */
    double low_per_s, high_per_s;
};

/* Nothing measured yet. */
void figure_outcome_init(struct figure_outcome *ret_outcome);

/* Percentiles, mean, largest and curve, from what was added to a histogram. */
void figure_outcome_latencies(struct figure_outcome *outcome, const struct fine_histogram *latency);

/* FIGURE_CURVE as an array. */
extern const unsigned figure_curve_points[FIGURE_CURVE_POINTS];

/* From runs to middle and spread. A figure whose runs are all absent is absent, with the first reason. */
void figure_conclude(struct figure *figure);

bool figure_is_absent(const struct figure *figure);

/* How far the best and the worst run are apart, as a share of the middle one; 0 where there was one run. */
double figure_spread(const struct figure *figure);

/* All that identifies a figure agrees, but for the name, and the table it is shown in. */
bool figure_is_like(const struct figure *figure, const struct figure *like);

/* The figure that differs from `like` in its name alone: for ratios. NULL: there is none. */
const struct figure *figure_find(const struct figure *figures, size_t n_figures, const struct figure *like,
                                 const char *name);

#endif
