/* One SOCK_SEQPACKET connection: a datagram is one message and its descriptors. Knows no message.
 *
 * The broker's ends never block, neither sending nor receiving, whatever the other side does. A renderer's end may
 * block: it has nothing else to do. */
#ifndef COMMON_CHANNEL_H
#define COMMON_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNEL_MAX_BYTES (64u * 1024)
#define CHANNEL_MAX_FDS   4
/* What may wait for a peer that does not read: more is -ENOBUFS, and the peer is to be judged. */
#define CHANNEL_MAX_QUEUED_BYTES     (256u * 1024)
#define CHANNEL_MAX_QUEUED_DATAGRAMS 256

struct channel_queued; /* a datagram that waits */

struct channel {
    int fd; /* owned; -1 when closed */
    bool blocking;
    struct channel_queued *queue_head, *queue_tail;
    size_t n_queued_bytes, n_queued;
};

/* What was received. The bytes stay valid until the next receive with the same buffer; the descriptors are the
 * caller's: take them with fd_steal, or datagram_finish closes what is left. */
struct datagram {
    const uint8_t *bytes;
    size_t n_bytes;
    int fds[CHANNEL_MAX_FDS];
    size_t n_fds;
};

/* A connected pair, close-on-exec. 0 or -errno. */
int channel_pair(int *ret_a, int *ret_b);

/* Takes fd. */
void channel_init(struct channel *ch, int fd, bool blocking);
/* Closes, drops what was queued. */
void channel_finish(struct channel *ch);

/* Sends one datagram of n_bytes (1 to CHANNEL_MAX_BYTES), whole or not, after everything queued.
 * fds: n_fds descriptors, borrowed. 0, -EAGAIN (would have to wait), -EPIPE (peer gone), -EMSGSIZE, -errno. */
int channel_send(struct channel *ch, const void *bytes, size_t n_bytes, const int *fds, size_t n_fds);

/* The same, but what would have to wait is copied (descriptors duplicated) and sent by channel_flush. 0 when sent or
 * queued, -ENOBUFS when the queue is full, -EPIPE, -errno. Never blocks. */
int channel_post(struct channel *ch, const void *bytes, size_t n_bytes, const int *fds, size_t n_fds);

/* Sends what is queued as far as it goes. 0 when nothing is left, -EAGAIN (wait for EPOLLOUT), -EPIPE, -errno. */
int channel_flush(struct channel *ch);
bool channel_wants_flush(const struct channel *ch);

/* What a receive can end with, besides 0 and -errno of the own side (-EAGAIN, -EMFILE: a descriptor was lost because
 * *we* had no room, not the peer's fault): */
#define CHANNEL_EOF         1 /* the peer is gone */
#define CHANNEL_ZERO_LENGTH 2 /* a datagram without bytes, with or without descriptors, from a peer that is there */
#define CHANNEL_TRUNCATED   3 /* larger than CHANNEL_MAX_BYTES */
#define CHANNEL_TOO_MANY_FDS 4 /* more descriptors than CHANNEL_MAX_FDS, in one header or several */

/* Receives one datagram into buffer (CHANNEL_MAX_BYTES bytes). On anything but 0 no descriptor is left open and
 * *ret_datagram is empty. All descriptors are close-on-exec. */
int channel_receive(struct channel *ch, uint8_t *buffer, struct datagram *ret_datagram);

/* Closes the descriptors that were not taken. */
void datagram_finish(struct datagram *datagram);

#endif
