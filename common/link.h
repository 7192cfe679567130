/* The way between broker and renderer: a channel and, once both sides have joined it, a ring beside it. From then on what
 * carries no descriptor goes by the ring, in both directions, and the channel is left for what does, and for the end.
 *
 *     broker                              renderer
 *     link_offer ── Share + 3 fds ──────► link_join
 *     link_switch ◄────────────── Joined  link_switch
 *
 * Nothing else is under way while Share is, and what carries descriptors later is ordered when nothing else is out: so
 * nothing overtakes anything, though there are two ways. */
#ifndef COMMON_LINK_H
#define COMMON_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "common/channel.h"
#include "common/message.h"
#include "common/ring.h"

/* What an offer sends: the ring's memory, the bell that the other side hears, the bell that it rings. */
enum link_offer_fd { LINK_FD_RING, LINK_FD_FAR_BELL, LINK_FD_NEAR_BELL, LINK_OFFER_FDS };

struct link {
    struct channel channel;
    struct ring ring;       /* ring.memory is NULL while there is none */
    bool by_ring;           /* it is in use */
    bool is_heard;          /* something came by it: what had been sent by the channel before was taken */
    int bell_fd;            /* an eventfd that the other side writes to when we sleep; owned; -1: none */
    int far_bell_fd;        /* the other side's; owned */
    struct spinner spinner; /* of link_receive */
    unsigned n_in_a_row;    /* messages received since others were let go first */
};

/* Takes fd, as channel_init. */
void link_init(struct link *link, int fd, bool blocking);
/* Closes and unmaps everything; again is fine. */
void link_finish(struct link *link);

/* The broker's side: makes ring and bells. ret_fds are to be sent as they are; ret_fds[LINK_FD_RING] is then the caller's
 * to close, the bells stay the link's. 0 or -errno, and nothing has changed. */
int link_offer(struct link *link, int ret_fds[LINK_OFFER_FDS]);

/* The renderer's side: takes the bells of an offer; the ring's memory is borrowed. 0 or -errno. */
int link_join(struct link *link, const int fds[LINK_OFFER_FDS]);
/* The same for a link without a channel, a port's, whose offer says which side this is. */
int link_join_as(struct link *link, enum ring_side side, const int fds[LINK_OFFER_FDS]);

/* From now on messages go by the ring. */
void link_switch(struct link *link);

/* Encodes and sends one message. Returns its length in bytes, or -errno as channel_send (a blocking end) and
 * channel_post have them; and by the ring -ENOBUFS (full: the other side does not read), -EPROTO (it lied). A blocking
 * end waits for room instead, unless the other side hangs up: -EPIPE. link_bell is due afterwards, once for as many
 * messages as are sent in a row. */
int link_send(struct link *link, enum message_kind kind, const ProtobufCMessage *body, const int *fds, size_t n_fds);

/* Rings the other side's bell, if it sleeps and something has been sent (or freed) since. Free of system calls
 * otherwise. True when it did. */
bool link_bell(struct link *link);

/* Forgets that the own bell was rung. */
void link_hear_bell(struct link *link);

/* For a blocking end: takes one datagram from the ring, if there is one; -EAGAIN otherwise. Before the first of them comes
 * what was sent by the channel while Joined was on its way. */
int link_take(struct link *link, uint8_t *buffer, struct datagram *ret_datagram);

/* For a blocking end: waits for one datagram by either way, spinning as it has learned; channel_receive's results, or
 * -EPROTO. The ring goes first. In a crowd (ring.h) it lets others run after some messages. */
int link_receive(struct link *link, uint8_t *buffer, struct datagram *ret_datagram);

#endif
