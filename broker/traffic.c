#include "broker/traffic.h"

static void add_counts(struct traffic_count sum[2], const struct traffic_count part[2])
{
    for (int by_ring = 0; by_ring < 2; by_ring++) {
        sum[by_ring].n += part[by_ring].n;
        sum[by_ring].bytes += part[by_ring].bytes;
    }
}

void traffic_add(struct traffic *sum, const struct traffic *part)
{
    add_counts(sum->orders, part->orders);
    add_counts(sum->facts, part->facts);
    sum->n_rung += part->n_rung;
    sum->n_woken += part->n_woken;
    histogram_join(&sum->answer_ns, &part->answer_ns);
}
