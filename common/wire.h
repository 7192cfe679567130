/* Looking at a protobuf message before protobuf-c does: one pass that allocates nothing and accepts only what our own
 * sender would write. Known fields only, each singular one once, in canonical varints, with caps, in UTF-8. */
#ifndef COMMON_WIRE_H
#define COMMON_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why a datagram is not a legal message: the numbers are told to people and tests rely on them. */
#define MESSAGE_FAULTS(X)                                                       \
    X(1, ZERO_LENGTH, "zero-length")       /* a datagram without bytes       */ \
    X(2, TRUNCATED, "truncated")           /* larger than any message        */ \
    X(3, TOO_MANY_FDS, "too-many-fds")     /* more than any message has      */ \
    X(4, ENVELOPE, "envelope")             /* not one whole Message          */ \
    X(5, UNKNOWN_KIND, "unknown-kind")                                          \
    X(6, DIRECTION, "wrong-direction")     /* only the other side sends this */ \
    X(7, STATE, "wrong-state")             /* not now, or not twice          */ \
    X(8, OVERSIZED, "oversized")           /* over this kind's byte cap      */ \
    X(9, FD_COUNT, "wrong-fd-count")                                            \
    X(10, VARINT, "bad-varint")            /* cut, over-long or out of range */ \
    X(11, UNKNOWN_FIELD, "unknown-field")                                       \
    X(12, WIRE_TYPE, "wrong-wire-type")                                         \
    X(13, DUPLICATE_FIELD, "duplicate-field")                                   \
    X(14, LENGTH, "bad-length")            /* beyond the end, or over the cap */ \
    X(15, UTF8, "bad-utf8")                /* or a NUL in a string           */ \
    X(16, NUMBER, "bad-number")            /* NaN, infinity, -0              */ \
    X(17, UNPACK, "unpack-failed")         /* protobuf-c would not have it   */ \
    X(18, SERIAL, "wrong-serial")          /* answers no order that is open  */ \
    X(19, VALUE, "value-out-of-range")     /* a field no honest sender fills so */ \
    X(20, FLOOD, "flood")                  /* faster than its credit         */ \
    X(21, FD_KIND, "wrong-fd-kind")        /* a descriptor of another kind   */ \
    X(22, NO_PROGRESS, "progress-without-progress")                             \
    X(23, HUNG_UP, "hung-up")              /* closed its channel, and lives   */

enum message_fault {
    FAULT_NONE = 0,
#define X(number, id, name) FAULT_##id = number,
    MESSAGE_FAULTS(X)
#undef X
};

const char *message_fault_name(enum message_fault fault);

enum wire_type {
    WIRE_VARINT32, /* uint32, sint32 */
    WIRE_VARINT64,
    WIRE_FLOAT,    /* finite, not -0 */
    WIRE_STRING,   /* at most max bytes */
    WIRE_BYTES,    /* at most max bytes */
    WIRE_PACKED32, /* packed repeated uint32, at most max elements */
};

/* One row a field; the field's number is its place in the table, from 1. */
struct wire_field {
    enum wire_type type;
    uint32_t max;
};

/* Judges the body of one message. */
enum message_fault wire_scan(const uint8_t *bytes, size_t n_bytes, const struct wire_field *fields, size_t n_fields);

/* Reads one canonical varint at *cursor, not beyond end. False when it is cut, longer than it has to be, or over 64
 * bits. */
bool wire_read_varint(const uint8_t **cursor, const uint8_t *end, uint64_t *ret_value);
size_t wire_write_varint(uint8_t *out, uint64_t value);

#endif
