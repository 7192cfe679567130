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
    X(23, HUNG_UP, "hung-up")              /* closed its channel, and lives   */ \
    X(24, RING, "broken-ring")             /* what no honest side leaves there */

enum message_fault {
    FAULT_NONE = 0,
#define X(number, id, name) FAULT_##id = number,
    MESSAGE_FAULTS(X)
#undef X
};

const char *message_fault_name(enum message_fault fault);

/* protobuf's own numbers for how a value is laid out, and our types, each of which holds its layout. */
enum wire_layout { LAID_VARINT = 0, LAID_DELIMITED = 2, LAID_FIXED32 = 5 };
#define WIRE_LAYOUT(type) ((type)&7)
enum wire_type {
    WIRE_VARINT32 = 0 << 3 | LAID_VARINT,    /* uint32 */
    WIRE_ZIGZAG32 = 1 << 3 | LAID_VARINT,    /* sint32 */
    WIRE_VARINT64 = 2 << 3 | LAID_VARINT,    /* uint64 */
    WIRE_FLOAT = 0 << 3 | LAID_FIXED32,      /* finite, not -0 */
    WIRE_STRING = 0 << 3 | LAID_DELIMITED,   /* at most max bytes */
    WIRE_BYTES = 1 << 3 | LAID_DELIMITED,    /* at most max bytes */
    WIRE_PACKED32 = 2 << 3 | LAID_DELIMITED, /* packed repeated uint32, at most max elements */
};

/* One row a field; the field's number is its place in the table, from 1. Eight bytes, so that a kind's whole table is a
 * cache line or two. */
struct wire_field {
    enum wire_type type;
    uint16_t max;
    uint16_t offset; /* of the member in protobuf-c's struct: for flat tables */
};

/* Judges the body of one message. */
enum message_fault wire_scan(const uint8_t *bytes, size_t n_bytes, const struct wire_field *fields, size_t n_fields);

/* A table without strings and repeated fields is flat: such a body needs no memory beside its struct, and no protobuf-c.
 *
 * wire_unpack judges as wire_scan does, in the same pass, and stores what it reads into protobuf-c's struct of the kind,
 * which is protobuf_c_message_init's, or zeroed behind its head. Bytes are not copied: such a field points into `bytes`.
 * After a fault the struct holds the fields before it. */
enum message_fault wire_unpack(const uint8_t *bytes, size_t n_bytes, const struct wire_field *fields, size_t n_fields,
                               void *body);

/* Packs such a struct, in one pass, as protobuf-c packs it; aborts where wire_scan would not have the result. Returns the
 * length, which wire_bound limits: cheaply, and so that few bytes are left over. */
size_t wire_pack(const void *body, const struct wire_field *fields, size_t n_fields, uint8_t *out);
size_t wire_bound(const void *body, const struct wire_field *fields, size_t n_fields);

/* Reads one canonical varint at *cursor, not beyond end. False when it is cut, longer than it has to be, or over 64
 * bits. */
bool wire_read_varint(const uint8_t **cursor, const uint8_t *end, uint64_t *ret_value);
size_t wire_write_varint(uint8_t *out, uint64_t value);
size_t wire_varint_bytes(uint64_t value);

#endif
