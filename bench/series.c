#include "bench/series.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "bench/report.h"

void series_add(struct series *series, double sample)
{
    if (series->n == series->n_capacity) {
        const size_t n_capacity = series->n_capacity > 0 ? 2 * series->n_capacity : 64;
        double *samples = reallocarray(series->samples, n_capacity, sizeof *samples);
        if (samples == NULL)
            bench_fail("out of memory");
        series->samples = samples;
        series->n_capacity = n_capacity;
    }
    series->samples[series->n++] = sample;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double series_quantile(struct series *series, double q)
{
    assert(series->n > 0 && q >= 0 && q <= 1);
    if (series->n_sorted != series->n) {
        qsort(series->samples, series->n, sizeof *series->samples, compare);
        series->n_sorted = series->n;
    }
    const size_t rank = (size_t)ceil(q * (double)series->n);
    return series->samples[rank > 0 ? rank - 1 : 0];
}

double series_median(struct series *series)
{
    return series_quantile(series, 0.5);
}

void series_finish(struct series *series)
{
    free(series->samples);
    *series = (struct series){0};
}
