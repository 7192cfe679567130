/* Counts of spans in fixed memory: buckets whose width is a fixed part of their value, so that a percentile is wrong by at
 * most that part, whatever its size. Adding is a few instructions.
 *
 * Two sizes of the same: one for what is always on (a sixteenth, 4 KB), and a fine one for what is measured on purpose
 * (a 1,024th: three significant digits; 220 KB, of which only the pages around what was seen are ever touched). */
#ifndef COMMON_HISTOGRAM_H
#define COMMON_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS      4
#define FINE_HISTOGRAM_BITS 10
/* 2^bits below 2^bits, then as many for each of the other powers of two. */
#define HISTOGRAM_BUCKETS_OF(bits) ((65u - (bits)) << (bits))
#define HISTOGRAM_BUCKETS          HISTOGRAM_BUCKETS_OF(HISTOGRAM_BITS)
#define FINE_HISTOGRAM_BUCKETS     HISTOGRAM_BUCKETS_OF(FINE_HISTOGRAM_BITS)

struct histogram_totals {
    uint64_t n, sum, min, max; /* exact */
};

struct histogram {
    union {
        struct histogram_totals totals;
        struct {
            uint64_t n, sum, min, max; /* the same */
        };
    };
    uint32_t counts[HISTOGRAM_BUCKETS];
};

struct fine_histogram {
    union {
        struct histogram_totals totals;
        struct {
            uint64_t n, sum, min, max;
        };
    };
    uint32_t counts[FINE_HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);
void fine_histogram_add(struct fine_histogram *histogram, uint64_t value);

/* The smallest value that is not exceeded by so many thousandths of those added, as far as buckets tell; 0 when there
 * are none. 1000: the largest, exactly. */
uint64_t histogram_at(const struct histogram *histogram, unsigned per_mille);
/* The same of 100,000. */
uint64_t fine_histogram_at(const struct fine_histogram *histogram, unsigned per_100000);

uint64_t histogram_mean(const struct histogram *histogram);
uint64_t fine_histogram_mean(const struct fine_histogram *histogram);

/* Adds all that was added to another. */
void histogram_join(struct histogram *histogram, const struct histogram *other);

/* The points of a percentile curve, of 100,000, for who draws one. */
#define HISTOGRAM_CURVE(X)                                                                                     \
    X(0)                                                                                                       \
    X(1000) X(10000) X(25000) X(50000) X(75000) X(90000) X(95000) X(99000) X(99500) X(99900) X(99950) X(99990) \
        X(100000)
enum {
#define X(per_100000) +1
    HISTOGRAM_CURVE_POINTS = 0 HISTOGRAM_CURVE(X),
#undef X
};
/* The first is the smallest, the last the largest value added, both exact. */
void fine_histogram_curve(const struct fine_histogram *histogram, uint64_t ret_values[HISTOGRAM_CURVE_POINTS]);

#endif
