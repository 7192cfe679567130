/* What went between the broker and a renderer: counted always, in fixed memory. */
#ifndef BROKER_TRAFFIC_H
#define BROKER_TRAFFIC_H

#include <stddef.h>
#include <stdint.h>

#include "common/histogram.h"

struct traffic_count {
    uint64_t n, bytes;
};

struct traffic {
    /* [by ring]; orders and facts, with their envelopes. */
    struct traffic_count orders[2], facts[2];
    uint64_t n_rung;            /* renderers woken by a bell */
    uint64_t n_woken;           /* the loop woken, by a bell or a socket */
    struct histogram answer_ns; /* from an order to its fact; of Pings one in TRAFFIC_PINGS */
};
#define TRAFFIC_PINGS 16

static inline void traffic_count(struct traffic_count counts[2], _Bool by_ring, size_t n_bytes)
{
    counts[by_ring].n++;
    counts[by_ring].bytes += n_bytes;
}

/* Adds what a part, a renderer that has gone for one, has counted. */
void traffic_add(struct traffic *sum, const struct traffic *part);

#endif
