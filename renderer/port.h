/* A renderer's end of a port: a ring to another renderer, which is no more to be trusted than a document is. What comes is
 * decoded as everything else is, and has to be a Ping, of which the broker said how many there may be, or the answer to
 * one of ours. Anything else closes this end, and the broker is told why; it judges nobody for that, as neither side's
 * word counts against the other.
 *
 * The broker has no end of it. What the other side does or does not do never keeps the broker's orders waiting. */
#ifndef RENDERER_PORT_H
#define RENDERER_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/histogram.h"
#include "common/link.h"
#include "common/message.h"

#define PORT_MAX_WINDOW 64

/* Pings that the broker ordered. */
struct port_exchange {
    uint64_t serial, n;
    uint64_t before; /* Pings that were sent over this port earlier */
    size_t payload_bytes;
    unsigned window, sample_every;
    uint64_t start_ns, deadline_ns;
    uint64_t sent_ns[PORT_MAX_WINDOW]; /* by serial; 0: not timed */
    struct fine_histogram answer_ns;
};

struct port {
    struct link *broker; /* borrowed: where orders come from and facts go */
    struct link link;    /* without a channel */
    unsigned when;       /* WHEN_APART, WHEN_CONNECTED or WHEN_EXCHANGING; moved by orders alone */
    uint64_t serial;     /* of its Connect */
    uint64_t credit;     /* Pings that may still come */
    uint64_t n_received, n_bells;
    unsigned n_unlooked;         /* received since the channel was looked at */
    uint64_t n_sent, n_answered; /* Pings */
    struct port_exchange exchange;

    uint8_t buffer[RING_MAX_BYTES];
    struct arena arena;
    uint8_t answer[MESSAGE_MAX_BYTES]; /* to a Ping, that found no room */
    size_t n_answer;                   /* 0: there is none */
};

/* There is none. broker: borrowed. */
void port_init(struct port *port, struct link *broker);

/* Orders. connect: takes the bells, borrows the memory. 0 or -errno; -EINVAL: what no broker orders. */
int port_connect(struct port *port, const Vitrine__Connect *connect, const int fds[LINK_OFFER_FDS]);
int port_exchange(struct port *port, const Vitrine__Exchange *exchange);
void port_disconnect(struct port *port);

/* False when there is none, and when the other side had this end closed. */
bool port_is_open(const struct port *port);

/* While it is open: link_receive for the broker's link, and meanwhile the other side is served and an Exchange goes on. */
int port_receive(struct port *port, uint8_t *buffer, struct datagram *ret_datagram);

#endif
