/* --containment: runs the containment table at each level that the host offers, and tells. */
#ifndef BROKER_CONTAINMENT_H
#define BROKER_CONTAINMENT_H

#include <stdint.h>

#include "broker/options.h"

/* Returns the exit status: 0 only if every row holds, 1 otherwise, 3 when there is no intruder or no sandbox. */
int containment_run(const struct options *options, uint64_t start_ns);

#endif
