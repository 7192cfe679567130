/* Faults by the thousand in one broker. */
#ifndef BENCH_SOAK_H
#define BENCH_SOAK_H

#include "broker/document.h"

/* After a warm-up, n_faults more of every kind that is soon over, at every stage of a renderer's life, in eight tabs;
 * then everything is counted that may not grow. Something that did, or a fault told wrongly, ends the benchmark. */
void soak_run(const struct document *document, unsigned n_faults);

#endif
