/* Messages: what may travel, in which direction, when, how large, with how many descriptors. One table says it all;
 * message_decode applies it before a byte is believed. */
#ifndef COMMON_MESSAGE_H
#define COMMON_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/channel.h"
#include "common/wire.h"
#include "proto/tab.pb-c.h"

/* A kind is its field number in the envelope. Our own enum, because protobuf-c's carries a hidden value that spoils
 * exhaustive switches. */
enum message_kind {
    MESSAGE_NONE = 0,
    MESSAGE_SPAWN = 1,
    MESSAGE_WARMED = 2,
    MESSAGE_SPAWNED = 3,
    MESSAGE_LISTENING = 4,
    MESSAGE_READY = 5,
    MESSAGE_OPEN = 6,
    MESSAGE_OPENED = 7,
    MESSAGE_REFUSED = 8,
    MESSAGE_PAINT = 9,
    MESSAGE_PAINTED = 10,
    MESSAGE_PROGRESSED = 11,
    MESSAGE_INJECT = 12,
    MESSAGE_INJECTED = 13,
    MESSAGE_PING = 14,
    MESSAGE_PONGED = 15,
    MESSAGE_SHARE = 16,
    MESSAGE_JOINED = 17,
    MESSAGE_CONNECT = 18,
    MESSAGE_CONNECTED = 19,
    MESSAGE_EXCHANGE = 20,
    MESSAGE_EXCHANGED = 21,
    MESSAGE_DISCONNECT = 22,
    MESSAGE_DISCONNECTED = 23,
    MESSAGE_PORT_CLOSED = 24,
};
#define MESSAGE_KIND_COUNT 25

/* Ready.offers: bits. */
enum offer { OFFER_RING = 1 << 0 };
#define OFFER_ALL OFFER_RING

/* Who packs and unpacks the hot, flat kinds: our own straight pass, or protobuf-c, to compare. What is accepted, what is
 * sent and what arrives is the same. */
enum message_codec { CODEC_DIRECT, CODEC_PROTOBUF_C };

/* For this process and those it forks from now on. */
void message_use_codec(enum message_codec codec);

/* What a Ping carries at most. */
#define MESSAGE_MAX_PAYLOAD (16u * 1024)

/* Who sends it: to a renderer, the broker or, over a port, another renderer. */
enum message_sender { SENDER_BROKER, SENDER_ZYGOTE, SENDER_RENDERER, SENDER_PEER };

/* What the conversation has come to, as the broker sees it: bits of a row's `when`. The broker moves its own note of
 * it with each order it sends and each fact it accepts; a renderer keeps the same note. */
enum message_when {
    WHEN_CLIMBING = 1 << 0, /* cloned, not yet Ready */
    WHEN_READY = 1 << 1,    /* no document yet */
    WHEN_OPENING = 1 << 2,  /* Open is out */
    WHEN_IDLE = 1 << 3,     /* a document is open, nothing is out */
    WHEN_PAINTING = 1 << 4, /* Paint is out */
    WHEN_WARMING = 1 << 5,  /* a zygote that has not said Warmed */
    WHEN_WARM = 1 << 6,     /* a zygote that has */
    WHEN_REFUSED = 1 << 7,  /* said Refused: nothing more is expected of it */
    WHEN_INJECTING = 1 << 8, /* Inject is out, to be done at once */
    WHEN_SHARING = 1 << 9,   /* Share is out */
    WHEN_PINGING = 1 << 10,  /* a Ping is out, or several */

    /* What has become of its port, beside any of these. */
    WHEN_APART = 1 << 11,         /* it has none */
    WHEN_CONNECTING = 1 << 12,    /* Connect is out */
    WHEN_CONNECTED = 1 << 13,     /* it has one, and nothing of it is out */
    WHEN_EXCHANGING = 1 << 14,    /* Exchange is out */
    WHEN_DISCONNECTING = 1 << 15, /* Disconnect is out, and Exchange may still be */
};
#define WHEN_LAST WHEN_DISCONNECTING

/* One decoded message. The body and all it points to lie in the arena it was decoded into; but for fields of type bytes,
 * which may point into the datagram: they live no longer than its buffer is left alone. */
struct message {
    enum message_kind kind;
    union {
        const ProtobufCMessage *base;
        const Vitrine__Spawn *spawn;
        const Vitrine__Warmed *warmed;
        const Vitrine__Spawned *spawned;
        const Vitrine__Listening *listening;
        const Vitrine__Ready *ready;
        const Vitrine__Open *open;
        const Vitrine__Opened *opened;
        const Vitrine__Refused *refused;
        const Vitrine__Paint *paint;
        const Vitrine__Painted *painted;
        const Vitrine__Progressed *progressed;
        const Vitrine__Inject *inject;
        const Vitrine__Injected *injected;
        const Vitrine__Share *share;
        const Vitrine__Joined *joined;
        const Vitrine__Ping *ping;
        const Vitrine__Ponged *ponged;
        const Vitrine__Connect *connect;
        const Vitrine__Connected *connected;
        const Vitrine__Exchange *exchange;
        const Vitrine__Exchanged *exchanged;
        const Vitrine__Disconnect *disconnect;
        const Vitrine__Disconnected *disconnected;
        const Vitrine__PortClosed *port_closed;
    };
};

struct message_row {
    const char *name;
    enum message_sender sender;
    unsigned when;      /* bits of enum message_when */
    unsigned peer_when; /* when a peer may send it, too */
    size_t max_bytes;   /* of the whole datagram */
    size_t min_fds, max_fds;
    const ProtobufCMessageDescriptor *descriptor;
    const struct wire_field *fields;
    size_t n_fields;
    bool flat; /* sent often: packed and unpacked without protobuf-c, to the same bytes */
};

#define MESSAGE_MAX_BYTES (MESSAGE_MAX_PAYLOAD + 64) /* no row allows more */

/* The row of a kind; NULL for a number that is none. */
const struct message_row *message_row(unsigned kind);
const char *message_name(enum message_kind kind);

/* Judges and decodes one datagram that `sender` sent in situation `when` (a bit, and one for the port where there may be
 * one). The arena is reset first.
 * FAULT_NONE and *ret_message; or the fault, and *ret_message is {MESSAGE_NONE}. Descriptors stay the datagram's. */
enum message_fault message_decode(const struct datagram *datagram, enum message_sender sender, unsigned when,
                                  struct arena *arena, struct message *ret_message);

/* Packs the envelope around a body into out (MESSAGE_MAX_BYTES; not where the body's bytes lie). Returns the length; it
 * cannot fail for a body that keeps its row's caps, and aborts with any other. */
size_t message_encode(enum message_kind kind, const ProtobufCMessage *body, uint8_t *out);

/* Encodes and sends: channel_send for a blocking end, channel_post otherwise, with their results. */
int message_send(struct channel *ch, enum message_kind kind, const ProtobufCMessage *body, const int *fds,
                 size_t n_fds);

#endif
