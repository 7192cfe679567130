/* A pair of rings in one sealed memfd, one for each direction: the channel's datagrams, where no descriptor travels and
 * the rate is high. One sender and one receiver each; nothing here calls the kernel once it is mapped.
 *
 * The other side can write every byte of the memory at any time. So what a side relies on lies in its own struct ring;
 * the shared words are published, never read back. A record's header is read once, its length cannot exceed the maximum
 * because the field is too small for that, and its bytes are copied out before anybody looks at them. A lie costs the
 * liar's messages: no access beyond the mapping, no loop longer than one record.
 *
 * A record is a line, or as many lines as it needs, and each line keeps its first word for a header. So a short
 * message moves from core to core as one cache line, header and all; and payload never lies where a header is looked
 * for: nobody can write a header by writing a message. The header holds the lap, counted from 1: what lies there from
 * an earlier lap is older, and nothing need be cleared.
 *
 * Each side has a bell, an eventfd say, that is its caller's affair; this only says when. A side that waits:
 *
 *     while ((result = ring_receive(ring, buffer, &datagram)) == -EAGAIN) {
 *         if (ring_bell(ring))
 *             ring the other side's bell;
 *         if (ring_spin(ring, &spinner))
 *             continue;
 *         if (ring_prepare_sleep(ring, RING_MESSAGES))
 *             poll the own bell and the channel;
 *         ring_awake(ring);
 *         spinner_end(&spinner);
 *     }
 */
#ifndef COMMON_RING_H
#define COMMON_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/channel.h"
#include "common/spinner.h"

#define RING_MAX_BYTES CHANNEL_MAX_BYTES

#define RING_LINE_BYTES 64
#define RING_LINE_ROOM  (RING_LINE_BYTES - sizeof(uint64_t))
/* 256 messages of 1 KiB: with fewer, two cores wait for each other; with more, the memory leaves the L2 cache. */
#define RING_LINES (256 * 19)

struct ring_line {
    _Alignas(RING_LINE_BYTES) _Atomic uint64_t header; /* lap << 16 | n_bytes - 1, where a record begins */
    uint8_t bytes[RING_LINE_ROOM];
};

/* What one side publishes beside its messages. Each word apart from what the other side polls. */
struct ring_end {
    _Alignas(128) _Atomic uint64_t n_freed; /* lines it has received, since the beginning */
    _Alignas(128) _Atomic uint32_t sleeps;  /* enum ring_news that it sleeps for; cleared by who rings, or by itself */
    _Atomic uint32_t cpu;                   /* where it was seen last, from 1; 0: not known. A hint */
    _Atomic uint32_t crowd;                 /* others wait for the peer's processor. A hint */
};

struct ring_memory {
    struct ring_end ends[2];
    struct ring_line lines[2][RING_LINES]; /* [side that sends] */
};

enum ring_side { RING_FIRST, RING_SECOND };

/* What there is to wake for. */
enum ring_news {
    RING_MESSAGES = 1 << 0, /* something to receive */
    RING_ROOM = 1 << 1,     /* more room to send */
};

/* One side's own view. Positions count lines since the beginning. */
struct ring {
    struct ring_memory *memory; /* NULL when closed */
    enum ring_side side;
    struct ring_line *out, *in;
    struct ring_end *own, *peer;
    uint64_t n_sent, n_peer_freed;
    uint64_t n_received, n_freed;
    unsigned unrung; /* enum ring_news that were published and for which the bell was not considered */
    uint32_t cpu;    /* as published */
    bool crowd;      /* as published */
    bool broken;     /* the peer lied */
};

/* Makes the memfd: close-on-exec, not executable, sized, sealed against growing, shrinking and further seals. 0 and the
 * caller's descriptor, or -errno. */
int ring_create(int *ret_fd);

/* Maps what ring_create made; fd stays the caller's, and is not needed afterwards. 0 or -errno. */
int ring_map(struct ring *ret_ring, int fd, enum ring_side side);
/* Unmaps; closing twice, or what was never mapped but zeroed, is fine. */
void ring_unmap(struct ring *ring);

/* The same on memory that is mapped, zeroed and the caller's. */
void ring_init(struct ring *ret_ring, struct ring_memory *memory, enum ring_side side);

/* Sends one datagram of n_bytes (1 to RING_MAX_BYTES), whole or not. ring_bell is due afterwards, once for as many as
 * are sent in a row. 0, -EAGAIN (no room), -EMSGSIZE, -EPROTO (the peer lied: the ring is not usable any more). */
int ring_send(struct ring *ring, const void *bytes, size_t n_bytes);

/* Receives one datagram into buffer (RING_MAX_BYTES), where it stays valid until the next receive with the same buffer.
 * 0, -EAGAIN (nothing there), -EPROTO as above; *ret_datagram is empty on anything but 0. ring_bell is due after a
 * series, for a peer that waits for room. */
int ring_receive(struct ring *ring, uint8_t *buffer, struct datagram *ret_datagram);

/* Whether ring_receive has anything to tell, even if it is -EPROTO. */
bool ring_is_ready(const struct ring *ring);

/* Whether the other side's bell must be rung: it sleeps for something that was sent or freed since the last call. To be
 * called before turning to anything else; it holds the one full fence, which is why a send has none. */
bool ring_bell(struct ring *ring);

/* Before sleeping for news (bits of enum ring_news), after ring_bell. True: sleep, the bell will be rung. False: there
 * is news already. Either way ring_awake follows. */
bool ring_prepare_sleep(struct ring *ring, unsigned news);
void ring_awake(struct ring *ring);

/* A spin may be worth it: the other side is awake, and was not seen on this very core last. */
bool ring_peer_may_answer(const struct ring *ring);

/* Tells the other side that there are others where it runs, whose messages are waited for just as much: it should spin
 * for nothing, and let them go first now and then. Cheap when nothing has changed. */
void ring_tell_crowd(struct ring *ring, bool crowd);
/* Whether the other side said so. */
bool ring_is_in_crowd(const struct ring *ring);
/* Where the other side was seen last, from 1; 0: not known. Hostile: any number. */
uint32_t ring_peer_cpu(const struct ring *ring);

/* Spins until ring_is_ready, for as long as it pays: not in a crowd, not when the other side sleeps too, or was last seen
 * on this very core, and otherwise as the spinner has learned. False: sleep instead, and then call spinner_end. */
bool ring_spin(struct ring *ring, struct spinner *spinner);
/* The same for whichever of two comes first; NULL: there is no other. */
bool ring_spin_two(struct ring *one, struct ring *other, struct spinner *spinner);

#endif
