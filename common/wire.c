#include "common/wire.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "common/text.h"

const char *message_fault_name(enum message_fault fault)
{
    switch (fault) {
    case FAULT_NONE:
        return "none";
#define X(number, id, name) \
    case FAULT_##id:        \
        return name;
        MESSAGE_FAULTS(X)
#undef X
    }
    return "unknown";
}

#define VARINT_MAX_BYTES 10

static bool read_long_varint(const uint8_t **cursor, const uint8_t *end, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_MAX_BYTES && *cursor + i < end; i++) {
        uint8_t byte = (*cursor)[i];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80)
            continue;
        /* An empty last byte would be padding, and the tenth holds but one bit more. */
        if (byte == 0 || (i == VARINT_MAX_BYTES - 1 && byte > 1))
            return false;
        *cursor += i + 1;
        *ret_value = value;
        return true;
    }
    return false;
}

/* Most varints of ours are one byte: tags, lengths, small numbers. The long way gets copies, so that the caller's
 * cursor and value may live in registers. */
static inline bool read_varint(const uint8_t **cursor, const uint8_t *end, uint64_t *ret_value)
{
    if (*cursor < end && **cursor < 0x80) {
        *ret_value = *(*cursor)++;
        return true;
    }
    const uint8_t *at = *cursor;
    uint64_t value;
    if (!read_long_varint(&at, end, &value))
        return false;
    *cursor = at;
    *ret_value = value;
    return true;
}

bool wire_read_varint(const uint8_t **cursor, const uint8_t *end, uint64_t *ret_value)
{
    return read_varint(cursor, end, ret_value);
}

size_t wire_write_varint(uint8_t *out, uint64_t value)
{
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        out[n++] = (uint8_t)(value | 0x80);
    out[n++] = (uint8_t)value;
    return n;
}

/* How many bytes of a varint say that another follows. Eight at a time where there are eight. */
static inline size_t count_continued(const uint8_t *bytes, const uint8_t *end)
{
    size_t n = 0;
    if (end - bytes >= 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof(word));
        uint64_t stops = ~le64toh(word) & 0x8080808080808080u;
        if (stops)
            return (size_t)__builtin_ctzll(stops) / 8;
        n = 8;
    }
    while (bytes + n < end && bytes[n] & 0x80)
        n++;
    return n;
}

/* Steps over a canonical varint without putting its value together: whether that is below 2^bits is a matter of its
 * length and of its last byte. */
static inline enum message_fault scan_varint(const uint8_t **cursor, const uint8_t *end, unsigned bits)
{
    if (*cursor < end && **cursor < 0x80) {
        *cursor += 1;
        return FAULT_NONE;
    }

    const size_t most_continued = (bits - 1) / 7;
    size_t n_continued = count_continued(*cursor, end);
    if (n_continued > most_continued || n_continued == (size_t)(end - *cursor))
        return FAULT_VARINT;
    uint8_t last = (*cursor)[n_continued];
    bool padded = last == 0;
    bool too_large = n_continued == most_continued && last >> (bits - 7 * most_continued);
    if (padded || too_large)
        return FAULT_VARINT;
    *cursor += n_continued + 1;
    return FAULT_NONE;
}

static inline enum message_fault scan_float(const uint8_t **cursor, const uint8_t *end)
{
    if (end - *cursor < 4)
        return FAULT_LENGTH;
    uint32_t bits = (uint32_t)(*cursor)[0] | (uint32_t)(*cursor)[1] << 8 | (uint32_t)(*cursor)[2] << 16 |
                    (uint32_t)(*cursor)[3] << 24;
    *cursor += 4;
    bool finite = (bits & 0x7f800000u) != 0x7f800000u;
    bool negative_zero = bits == 0x80000000u; /* equals zero, and zero is not sent */
    return finite && !negative_zero ? FAULT_NONE : FAULT_NUMBER;
}

static enum message_fault scan_packed(const uint8_t *cursor, const uint8_t *end, uint32_t max)
{
    for (uint32_t n = 0; cursor < end; n++) {
        if (n == max)
            return FAULT_LENGTH;
        if (scan_varint(&cursor, end, 32) != FAULT_NONE)
            return FAULT_VARINT;
    }
    return FAULT_NONE;
}

/* The three types that carry a length. */
static inline enum message_fault scan_delimited(const uint8_t **cursor, const uint8_t *end,
                                                const struct wire_field *field)
{
    uint64_t length;
    if (!read_varint(cursor, end, &length))
        return FAULT_VARINT;
    if (length > (size_t)(end - *cursor))
        return FAULT_LENGTH;
    const uint8_t *bytes = *cursor;
    *cursor += length;

    if (field->type == WIRE_PACKED32)
        return scan_packed(bytes, *cursor, field->max);
    if (length > field->max)
        return FAULT_LENGTH;
    if (field->type == WIRE_STRING && !text_is_utf8((const char *)bytes, length))
        return FAULT_UTF8;
    return FAULT_NONE;
}

static inline enum message_fault scan_value(const uint8_t **cursor, const uint8_t *end, const struct wire_field *field)
{
    switch (field->type) {
    case WIRE_VARINT32:
        return scan_varint(cursor, end, 32);
    case WIRE_VARINT64:
        return scan_varint(cursor, end, 64);
    case WIRE_FLOAT:
        return scan_float(cursor, end);
    case WIRE_STRING:
    case WIRE_BYTES:
    case WIRE_PACKED32:
        return scan_delimited(cursor, end, field);
    }
    return FAULT_WIRE_TYPE;
}

enum message_fault wire_scan(const uint8_t *bytes, size_t n_bytes, const struct wire_field *fields, size_t n_fields)
{
    /* protobuf's own numbers for how a value is laid out. */
    enum { LAID_VARINT = 0, LAID_DELIMITED = 2, LAID_FIXED32 = 5 };
    static const uint8_t layouts[] = {
        [WIRE_VARINT32] = LAID_VARINT,  [WIRE_VARINT64] = LAID_VARINT, [WIRE_FLOAT] = LAID_FIXED32,
        [WIRE_STRING] = LAID_DELIMITED, [WIRE_BYTES] = LAID_DELIMITED, [WIRE_PACKED32] = LAID_DELIMITED,
    };
    assert(n_fields <= 64);

    uint64_t seen = 0; /* a bit a field */
    if (n_bytes == 0)
        return FAULT_NONE; /* all fields at zero; bytes may be NULL */
    const uint8_t *cursor = bytes, *end = bytes + n_bytes;
    while (cursor < end) {
        uint64_t tag;
        if (!read_varint(&cursor, end, &tag))
            return FAULT_VARINT;
        uint64_t place = (tag >> 3) - 1; /* of number 0, beyond every table */
        if (place >= n_fields)
            return FAULT_UNKNOWN_FIELD;
        if (seen >> place & 1)
            return FAULT_DUPLICATE_FIELD;
        seen |= 1ull << place;

        const struct wire_field *field = &fields[place];
        if ((tag & 7) != layouts[field->type])
            return FAULT_WIRE_TYPE;
        enum message_fault fault = scan_value(&cursor, end, field);
        if (fault != FAULT_NONE)
            return fault;
    }
    return FAULT_NONE;
}
