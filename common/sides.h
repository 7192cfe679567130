/* Two processes that try something between them, and a third that watches: it learns how they ended, ends them when they
 * take too long, and leaves none behind. What measures mechanisms is built on this. */
#ifndef COMMON_SIDES_H
#define COMMON_SIDES_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SIDES_MAX_REASON 160

enum { CALLER, PEER };

enum measure_placement {
    MEASURE_SAME_CORE,
    MEASURE_CROSS_CORE,
    MEASURE_FREE, /* where the scheduler likes */
};

struct sides_shared; /* what the three share */

struct sides {
    /* Filled in by who asks: */
    int cpus[2];         /* -1: not pinned */
    unsigned timeout_ms; /* of all; 0: 10 s */
    /* In the peer, when it is about to start; NULL: nothing. Not 0 ends it with that -errno. After it this module makes
     * these calls: futex and exit_group. */
    int (*before_start)(void *context);
    void *context;

    /* A side's own: */
    unsigned side;
    pid_t peer; /* known to the caller */
    unsigned n_meetings;
    struct sides_shared *shared;
};

/* Where both are to be: the first core that may be used, and the same or another one. Two threads of one core are not
 * two cores. 0; or -errno and why. */
int sides_place(enum measure_placement placement, int ret_cpus[2], char ret_why[SIDES_MAX_REASON]);

/* Runs work in both and waits for their end. 0; or -errno with why: -ETIMEDOUT, -EPIPE (one died), or what sides_require
 * was given. Blocks, at most as long as the timeout. The caller must not reap children it does not know. */
int sides_run(struct sides *sides, void (*work)(struct sides *sides, void *owner), void *owner,
              char ret_why[SIDES_MAX_REASON]);

/* ---- in a side ------------------------------------------------------------------------------------------------------ */

/* Prepared: the peer goes behind its filter, and each waits for the other. Once. */
void sides_begin(struct sides *sides);

/* Waits until the other side has come here as well. */
void sides_meet(struct sides *sides);

/* Ends this side unless result is 0, or -errno. `at` is a literal: what failed. */
void sides_require(struct sides *sides, int result, const char *at);

/* What both have spent, asked by the caller, so that the peer needs no call for it. */
uint64_t sides_cpu_ns(const struct sides *sides);
/* What this one has. */
uint64_t sides_own_cpu_ns(void);

#endif
