/* An earlier run, read from its events: what --compare prints ratios against. */
#ifndef BROKER_LATENCY_COMPARE_H
#define BROKER_LATENCY_COMPARE_H

#include <stddef.h>

#include "broker/latency/figure.h"
#include "broker/grid.h"

struct latency_earlier {
    struct figure *figures; /* n_figures, with middle and spread; their names point into text */
    size_t n_figures;
    char *text;
};

/* Reads the file at path whole: lines of --json, of which the `latency` events count. 0, or -errno and one escaped line
 * that says what is wrong with it; latency_compare_finish follows either way. */
int latency_compare_read(const char *path, struct latency_earlier *ret_earlier, char *ret_error, size_t n_error);
void latency_compare_finish(struct latency_earlier *earlier);

/* Ratios new : old of the figures that are in both. Finish it. */
void latency_compare_make(const struct latency_earlier *earlier, const struct figure *figures, size_t n_figures,
                          struct grid *ret_grid);

#endif
