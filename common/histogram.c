#include "common/histogram.h"

static unsigned bucket_of(unsigned bits, uint64_t value)
{
    const unsigned n_subs = 1u << bits;
    if (value < n_subs)
        return (unsigned)value;
    const unsigned shift = 63u - (unsigned)__builtin_clzll(value) - bits;
    return (shift + 1) * n_subs + (unsigned)(value >> shift) - n_subs;
}

/* The largest value that falls into a bucket. */
static uint64_t top_of(unsigned bits, unsigned bucket)
{
    const unsigned n_subs = 1u << bits;
    if (bucket < n_subs)
        return bucket;
    const unsigned shift = bucket / n_subs - 1;
    const uint64_t low = (uint64_t)(bucket % n_subs + n_subs) << shift;
    return low + ((1ull << shift) - 1);
}

static inline void add(unsigned bits, struct histogram_totals *totals, uint32_t *counts, uint64_t value)
{
    if (totals->n == 0 || value < totals->min)
        totals->min = value;
    if (value > totals->max)
        totals->max = value;
    totals->n++;
    totals->sum += value;
    counts[bucket_of(bits, value)]++;
}

static uint64_t at(unsigned bits, const struct histogram_totals *totals, const uint32_t *counts, uint64_t part,
                   uint64_t whole)
{
    if (totals->n == 0 || part >= whole)
        return totals->max;
    const uint64_t wanted = totals->n * part / whole + 1;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS_OF(bits); i++) {
        seen += counts[i];
        if (seen >= wanted)
            return top_of(bits, i) < totals->max ? top_of(bits, i) : totals->max;
    }
    return totals->max;
}

static uint64_t mean(const struct histogram_totals *totals)
{
    return totals->n > 0 ? totals->sum / totals->n : 0;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    add(HISTOGRAM_BITS, &histogram->totals, histogram->counts, value);
}

void fine_histogram_add(struct fine_histogram *histogram, uint64_t value)
{
    add(FINE_HISTOGRAM_BITS, &histogram->totals, histogram->counts, value);
}

uint64_t histogram_at(const struct histogram *histogram, unsigned per_mille)
{
    return at(HISTOGRAM_BITS, &histogram->totals, histogram->counts, per_mille, 1000);
}

uint64_t fine_histogram_at(const struct fine_histogram *histogram, unsigned per_100000)
{
    return at(FINE_HISTOGRAM_BITS, &histogram->totals, histogram->counts, per_100000, 100000);
}

uint64_t histogram_mean(const struct histogram *histogram)
{
    return mean(&histogram->totals);
}

uint64_t fine_histogram_mean(const struct fine_histogram *histogram)
{
    return mean(&histogram->totals);
}

void fine_histogram_curve(const struct fine_histogram *histogram, uint64_t ret_values[HISTOGRAM_CURVE_POINTS])
{
    static const unsigned points[HISTOGRAM_CURVE_POINTS] = {
#define X(per_100000) per_100000,
        HISTOGRAM_CURVE(X)
#undef X
    };
    for (unsigned i = 0; i < HISTOGRAM_CURVE_POINTS; i++)
        ret_values[i] = fine_histogram_at(histogram, points[i]);
    ret_values[0] = histogram->n > 0 ? histogram->min : 0;
}

void histogram_join(struct histogram *histogram, const struct histogram *other)
{
    if (other->n == 0)
        return;
    histogram->min = histogram->n == 0 || other->min < histogram->min ? other->min : histogram->min;
    histogram->max = other->max > histogram->max ? other->max : histogram->max;
    histogram->n += other->n;
    histogram->sum += other->sum;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        histogram->counts[i] += other->counts[i];
}
