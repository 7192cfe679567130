/* Counts of spans in fixed memory: buckets that are a sixteenth of their value wide, so that a percentile is wrong by at
 * most 6 %, whatever its size. Adding is a few instructions. */
#ifndef COMMON_HISTOGRAM_H
#define COMMON_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS 976 /* 16 below 16, then 16 for each of the 60 powers of two */

struct histogram {
    uint64_t n, sum, min, max;
    uint32_t counts[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);
/* The smallest value that is not exceeded by `per_mille` thousandths of those added, as far as buckets tell; 0 when there
 * are none. 1000: the largest, exactly. */
uint64_t histogram_at(const struct histogram *histogram, unsigned per_mille);
uint64_t histogram_mean(const struct histogram *histogram);

#endif
