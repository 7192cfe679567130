/* Messages: what may travel, in which direction, when, how large, with how many descriptors. One table says it all;
 * message_decode applies it before a byte is believed. */
#ifndef COMMON_MESSAGE_H
#define COMMON_MESSAGE_H

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
};
#define MESSAGE_KIND_COUNT 14

/* Who sends it. */
enum message_sender { SENDER_BROKER, SENDER_ZYGOTE, SENDER_RENDERER };

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
};

/* One decoded message. The body and all it points to lie in the arena it was decoded into. */
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
    };
};

struct message_row {
    const char *name;
    enum message_sender sender;
    unsigned when;      /* bits of enum message_when */
    size_t max_bytes;   /* of the whole datagram */
    size_t min_fds, max_fds;
    const ProtobufCMessageDescriptor *descriptor;
    const struct wire_field *fields;
    size_t n_fields;
};

#define MESSAGE_MAX_BYTES 4096 /* no row allows more */

/* The row of a kind; NULL for a number that is none. */
const struct message_row *message_row(unsigned kind);
const char *message_name(enum message_kind kind);

/* Judges and decodes one datagram that `sender` sent in situation `when` (one bit). The arena is reset first.
 * FAULT_NONE and *ret_message; or the fault, and *ret_message is {MESSAGE_NONE}. Descriptors stay the datagram's. */
enum message_fault message_decode(const struct datagram *datagram, enum message_sender sender, enum message_when when,
                                  struct arena *arena, struct message *ret_message);

/* Packs the envelope around a body into out (MESSAGE_MAX_BYTES). Returns the length; it cannot fail for a body that
 * keeps its row's caps, which is asserted. */
size_t message_encode(enum message_kind kind, const ProtobufCMessage *body, uint8_t *out);

/* Encodes and sends: channel_send for a blocking end, channel_post otherwise, with their results. */
int message_send(struct channel *ch, enum message_kind kind, const ProtobufCMessage *body, const int *fds,
                 size_t n_fds);

#endif
