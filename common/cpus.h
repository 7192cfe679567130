/* Which processors to measure on. */
#ifndef COMMON_CPUS_H
#define COMMON_CPUS_H

#include <sched.h>

/* The first of these processors: *ret_first; and the first that shares no core with it, for two threads of one core are
 * not two cores: *ret_second, -1 where there is none. What cannot be read about cores counts as different ones. */
void cpus_choose(const cpu_set_t *allowed, int *ret_first, int *ret_second);

#endif
