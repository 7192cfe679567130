/* The process that measures. The one that drives only waits for it: so it hears a signal at once, outlives a section that
 * hangs or dies, and does not stand in the way of what is measured. */
#ifndef BROKER_LATENCY_WORKER_H
#define BROKER_LATENCY_WORKER_H

#include <stdint.h>
#include <sys/types.h>

#include "broker/latency/latency.h"

struct latency_worker {
    const struct options *options;
    const struct latency_section *section;
    pid_t pid; /* 0: none */
    int pid_fd, socket_fd, signal_fd;
    char why[FIGURE_MAX_REASON]; /* the section's begin has failed: nothing of it can be measured */
};

/* Blocks SIGINT, SIGTERM and SIGHUP, unless they are ignored, to read them from signal_fd. 0 or -errno. */
int latency_worker_init(struct latency_worker *worker, const struct options *options);

/* One run in the section's process, which is started when there is none, after that of the section before has ended.
 * What happens to the process makes the outcome absent. 0; or the signal that wants us to end, and then it has ended. */
int latency_worker_measure(struct latency_worker *worker, const struct latency_section *section,
                           const struct latency_case *measured, uint64_t n, uint64_t timeout_ns,
                           struct figure_outcome *ret_outcome);

/* Ends the process in order, and whatever it left behind by force. 0, or the signal that came meanwhile. */
int latency_worker_finish(struct latency_worker *worker);

#endif
