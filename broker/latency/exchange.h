/* Pings to renderers and their answers, by the paths that documents take: the broker's loop, its children, the real
 * filter on the other side. */
#ifndef BROKER_LATENCY_EXCHANGE_H
#define BROKER_LATENCY_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "broker/latency/figure.h"
#include "broker/rig.h"

#define LATENCY_MAX_PEERS 64

/* A renderer that is pinged; its rig_child has it as owner. */
struct latency_peer {
    struct rig_child child;
    struct latency_exchange *exchange;
    struct latency_stamps *stamps; /* of the Pings that are out */
    uint64_t n_sent, n_answered;
};

struct latency_traffic {
    struct latency_peer *const *peers; /* ready; all of one rig */
    unsigned n_peers;
    unsigned window; /* Pings in flight, for each peer */
    size_t payload;
    uint64_t n;      /* Pings, of all peers together */
    uint64_t gap_ns; /* between an answer and the next Ping; 0: none */
    bool one_way;    /* answers are wanted now and then only, to know that all has arrived */
    bool untimed;    /* no latencies, and no clock read for them */
};

/* Blocks until all have been answered. 0, with n, percentiles, mean, rate, processor time and fairness filled in; or
 * -errno with ret_outcome->absent. */
int latency_exchange_run(const struct latency_traffic *traffic, struct figure_outcome *ret_outcome);

/* Nothing at all happens for span_ns: how often do these processes wake up, and what do they burn? */
int latency_exchange_idle(const struct latency_traffic *traffic, uint64_t span_ns, struct figure_outcome *ret_outcome);

int latency_peer_init(struct latency_peer *peer);
void latency_peer_finish(struct latency_peer *peer);

#endif
