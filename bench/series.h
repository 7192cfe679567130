/* Samples of one measurement, and what can be said of them. */
#ifndef BENCH_SERIES_H
#define BENCH_SERIES_H

#include <stddef.h>

struct series {
    double *samples; /* owned */
    size_t n, n_capacity;
    size_t n_sorted; /* equal to n while in order */
};

void series_add(struct series *series, double sample);

/* The nearest-rank quantile, 0 <= q <= 1: always one of the samples. At least one sample. */
double series_quantile(struct series *series, double q);
double series_median(struct series *series);

void series_finish(struct series *series);

#endif
