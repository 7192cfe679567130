/* Where the processes that are measured run, and what processor time they take. */
#ifndef BROKER_LATENCY_PLACE_H
#define BROKER_LATENCY_PLACE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Puts this process on a core and the others on the same one ("same-core"), on another ("cross-core"), or all where the
 * scheduler likes ("free"). 0; -EOPNOTSUPP: there is but one core; -errno. */
int latency_place(const char *placement, const pid_t *others, size_t n_others);

/* This process is free again. */
void latency_place_free(void);

/* Processor time of this process and the others so far. */
uint64_t latency_cpu_ns(const pid_t *others, size_t n_others);

/* How often a process has been put to sleep and woken since it began; 0 when /proc does not tell. */
uint64_t latency_wakeups(pid_t pid);

#endif
