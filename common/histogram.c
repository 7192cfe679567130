#include "common/histogram.h"

#define SUB_BITS 4
#define SUBS     (1u << SUB_BITS)

static unsigned bucket_of(uint64_t value)
{
    if (value < SUBS)
        return (unsigned)value;
    const unsigned shift = 63u - (unsigned)__builtin_clzll(value) - SUB_BITS;
    return (shift + 1) * SUBS + (unsigned)(value >> shift) - SUBS;
}

/* The largest value that falls into a bucket. */
static uint64_t top_of(unsigned bucket)
{
    if (bucket < SUBS)
        return bucket;
    const unsigned shift = bucket / SUBS - 1;
    const uint64_t low = (uint64_t)(bucket % SUBS + SUBS) << shift;
    return low + ((1ull << shift) - 1);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    if (histogram->n == 0 || value < histogram->min)
        histogram->min = value;
    if (value > histogram->max)
        histogram->max = value;
    histogram->n++;
    histogram->sum += value;
    histogram->counts[bucket_of(value)]++;
}

uint64_t histogram_at(const struct histogram *histogram, unsigned per_mille)
{
    if (histogram->n == 0 || per_mille >= 1000)
        return histogram->max;
    const uint64_t wanted = histogram->n * per_mille / 1000 + 1;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen >= wanted)
            return top_of(i) < histogram->max ? top_of(i) : histogram->max;
    }
    return histogram->max;
}

uint64_t histogram_mean(const struct histogram *histogram)
{
    return histogram->n > 0 ? histogram->sum / histogram->n : 0;
}
