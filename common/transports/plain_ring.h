/* A plain ring for one producer and one consumer who trust each other, as a measure for others: nothing here would hold
 * against a hostile side. A record is its size and its bytes, on cache lines of its own. */
#ifndef COMMON_TRANSPORTS_PLAIN_RING_H
#define COMMON_TRANSPORTS_PLAIN_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/transport.h"
#include "common/transports/bell.h"

#define PLAIN_RING_LINE 64u
/* 240 records of 1 KB. Across cores fewer than that costs speed; on one core, more than its second-level cache does. */
#define PLAIN_RING_BYTES     (256u * 1024)
#define PLAIN_RING_MAX_BYTES (64u * 1024)

struct plain_ring {
    _Alignas(PLAIN_RING_LINE) _Atomic uint64_t written; /* by the producer; both count bytes and only grow */
    _Alignas(PLAIN_RING_LINE) _Atomic uint64_t taken;   /* by the consumer */
    _Alignas(PLAIN_RING_LINE) unsigned char bytes[PLAIN_RING_BYTES];
};

/* What one side knows without looking at the other's cache line. */
struct plain_ring_view {
    uint64_t position; /* the own one */
    uint64_t seen;     /* the other side's, when it was last looked at */
};

/* What side i waits for: a record, or room for its own. Two bells, or each record taken would wake a side that waits for
 * the answer. */
struct plain_ring_bells {
    struct bell record, room;
};

/* A ring for each direction, rings[i] leading to side i. */
struct plain_ring_pair {
    struct plain_ring rings[2];
    struct plain_ring_bells bells[2];
};

struct plain_ring_own {
    struct plain_ring_view in, out;
};

/* The three functions of a row that are the same for all who use rings. */
int plain_ring_create(struct transport_pair *pair);
int plain_ring_attach(struct transport_end *end);
void plain_ring_detach(struct transport_end *end);

/* One try: 0, -EAGAIN (no room; nothing there), -EMSGSIZE. */
int plain_ring_put(struct transport_end *end, const void *bytes, size_t n_bytes);
int plain_ring_take(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes);

/* The same, sleeping where it has to, with what wakes by another way than spinning. */
struct plain_ring_sleep {
    void (*sleep)(struct transport_end *end, struct bell *bell); /* until woken; may return early */
    void (*wake)(struct transport_end *end, struct bell *bell);  /* the other side, if it sleeps there */
};
int plain_ring_send(struct transport_end *end, const void *bytes, size_t n_bytes, const struct plain_ring_sleep *how);
int plain_ring_receive(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes,
                       const struct plain_ring_sleep *how);

#endif
