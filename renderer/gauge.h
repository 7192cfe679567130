/* What is measured beside the mechanisms that carry messages: the machine's own limits, and what a process pays for
 * waiting, for waking, for calling the kernel, for having a child. One row each in gauges.c. */
#ifndef RENDERER_GAUGE_H
#define RENDERER_GAUGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/histogram.h"
#include "common/measured.h"
#include "common/sides.h"
#include "common/transport.h"

#define GAUGE_MAX_WARM_UP 1000

struct gauge_request {
    uint64_t n;     /* calls */
    unsigned count; /* of what there are several: descriptors */
    enum measure_placement placement;
    bool sandboxed, trespass; /* as in renderer/echo.h */
    unsigned timeout_ms;
};

/* What both sides and who asks share. Lines lie apart: neighbours are fetched in pairs. */
struct gauge_stage {
    struct gauge_line {
        _Alignas(128) _Atomic uint64_t word;
    } lines[2];
    uint64_t start_ns, end_ns, cpu_ns;
    uint64_t n; /* if it became another number than was asked for */
    uint64_t disordered;
    char note[MEASURED_MAX_TEXT], absent[MEASURED_MAX_TEXT];
    struct fine_histogram latency;
};

struct gauge_run {
    const struct gauge *gauge;
    const struct gauge_request *request;
    struct gauge_stage *stage;
    struct sides sides;
    int fd;                     /* from prepare; -1: none */
    struct transport_pair pair; /* the same, where a gauge looks at a transport */
};

struct gauge {
    const char *name, *test;
    const int *calls; /* of the peer's work, behind the filter; ends with -1. NULL: not to be had there */
    bool is_cross;    /* makes sense between two cores only */
    /* In who asks, before there are sides; NULL: nothing. 0; or -errno and stage->absent. */
    int (*prepare)(struct gauge_run *run);
    void (*release)(struct gauge_run *run);
    /* What each side does, having arranged what it needs before gauge_begin; NULL: just be there. Where there is one
     * subject alone, it is the peer. */
    void (*work[2])(struct gauge_run *run);
};

extern const struct gauge *const gauges[]; /* ends with NULL */
/* NULL: there is none. */
const struct gauge *gauge_find(const char *name, const char *test);

/* Blocks. What cannot be measured is absent, with the reason. */
void gauge_measure(const struct gauge *gauge, const struct gauge_request *request, struct measured *ret_measured);

/* ---- for the gauges themselves -------------------------------------------------------------------------------------- */

/* As sides_begin; every work calls it once. */
void gauge_begin(struct gauge_run *run);
uint64_t gauge_warm_up(const struct gauge_run *run);
/* Around what counts, in one of the two: the clock, and what the process has spent, or both processes. */
void gauge_start(struct gauge_run *run);
void gauge_stop(struct gauge_run *run);
/* Makes all n calls, numbered from `first`. They are too short for a look at the clock before and after each: they are
 * timed by eight, and of such batches one in four, so that timing costs less than 3 % of a call of 60 ns. What goes into
 * the histogram is the mean of a batch. */
static inline __attribute__((always_inline)) void
gauge_call_often(struct gauge_run *run, uint64_t first, void (*call)(void *context, uint64_t i), void *context)
{
    const uint64_t n = run->request->n;
    for (uint64_t i = 0; i < n;) {
        const uint64_t n_batch = n - i < 8 ? n - i : 8;
        const bool is_timed = i / 8 % 4 == 0;
        const uint64_t before_ns = is_timed ? clock_now_ns() : 0;
        for (const uint64_t end = i + n_batch; i < end; i++)
            call(context, first + i);
        if (is_timed)
            fine_histogram_add(&run->stage->latency, (clock_now_ns() - before_ns) / n_batch);
    }
}

/* Ends this side: there is no figure, for that reason. */
__attribute__((format(printf, 2, 3))) _Noreturn void gauge_lacks(struct gauge_run *run, const char *format, ...);

extern const struct gauge gauge_bounce_1, gauge_bounce_2, gauge_wake, gauge_syscall, gauge_map, gauge_priorities;
extern const struct gauge gauge_select, gauge_poll, gauge_epoll;
extern const struct gauge gauge_fork, gauge_fork_large, gauge_vfork_exec, gauge_posix_spawn, gauge_clone_pidfd;

#endif
