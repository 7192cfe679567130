#include "common/wire.h"

#include <assert.h>
#include <endian.h>
#include <protobuf-c/protobuf-c.h>
#include <stdlib.h>
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

/* The loop over the fields exists twice, judging alone and storing too. Each copy wants all of this inside. */
#define INLINE static inline __attribute__((always_inline))

#define VARINT_MAX_BYTES 10

/* What is left of some bytes. */
struct reader {
    const uint8_t *begin, *cursor, *end;
};

INLINE size_t n_left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->cursor);
}

/* Any varint, byte by byte. Returns its length; 0 when it is cut, padded or over 64 bits. */
static __attribute__((noinline, cold)) size_t read_slowly(const uint8_t *bytes, size_t n_bytes, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < VARINT_MAX_BYTES && i < n_bytes; i++) {
        uint8_t byte = bytes[i];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80)
            continue;
        /* An empty last byte would be padding, and the tenth holds but one bit more. */
        if ((byte == 0 && i > 0) || (i == VARINT_MAX_BYTES - 1 && byte > 1))
            return 0;
        *ret_value = value;
        return i + 1;
    }
    return 0;
}

/* What has one byte nearly always: a tag, a length. */
INLINE bool read_short(struct reader *reader, uint64_t *ret_value)
{
    if (reader->cursor < reader->end && *reader->cursor < 0x80) {
        *ret_value = *reader->cursor++;
        return true;
    }
    uint64_t value = 0;
    const size_t n_bytes = read_slowly(reader->cursor, n_left(reader), &value);
    reader->cursor += n_bytes;
    *ret_value = value;
    return n_bytes > 0;
}

/* The next eight bytes. Beyond the end stands zero, which is no legal last byte. False when there is no word to be had
 * without reading what is not ours. */
INLINE bool peek_word(const struct reader *reader, uint64_t *ret_word)
{
    const size_t n = n_left(reader);
    if (n == 0 || reader->end - reader->begin < 8)
        return false;
    memcpy(ret_word, n >= 8 ? reader->cursor : reader->end - 8, sizeof(*ret_word));
    *ret_word = le64toh(*ret_word);
    if (n < 8)
        *ret_word >>= 64 - 8 * n;
    return true;
}

/* How many bytes the varint has that this word begins with: two or more. A branch for each length, because lengths can be
 * foretold: what comes behind need not wait for this number, as it would if the length were computed. */
INLINE size_t count_bytes(uint64_t word)
{
#pragma GCC unroll 8
    for (size_t n = 2; n < 8; n++) {
        if (!(word >> (8 * n - 1) & 1))
            return n;
    }
    return 8;
}

/* The lower seven bits of each byte, side by side. */
INLINE uint64_t gather_sevens(uint64_t word)
{
    word = (word & 0x7f007f007f007f00u) >> 1 | (word & 0x007f007f007f007fu);
    word = (word & 0x3fff00003fff0000u) >> 2 | (word & 0x00003fff00003fffu);
    return (word & 0x0fffffff00000000u) >> 4 | (word & 0x000000000fffffffu);
}

/* A number of 32 bits, or of 64. */
INLINE bool read_varint(struct reader *reader, bool is_wide, uint64_t *ret_value)
{
    if (reader->cursor < reader->end && *reader->cursor < 0x80) {
        *ret_value = *reader->cursor++;
        return true;
    }
    uint64_t word;
    if (!peek_word(reader, &word) || (~word & 0x8080808080808080u) == 0)
        return read_short(reader, ret_value) && (is_wide || *ret_value <= UINT32_MAX);

    const size_t n_bytes = count_bytes(word);
    word &= UINT64_MAX >> (64 - 8 * n_bytes);
    if (word >> (8 * n_bytes - 8) == 0) /* padded, or cut */
        return false;
    if (!is_wide && word > 0x0fffffffffu) /* what UINT32_MAX looks like, its last byte first */
        return false;
    reader->cursor += n_bytes;
    *ret_value = gather_sevens(word);
    return true;
}

bool wire_read_varint(const uint8_t **cursor, const uint8_t *end, uint64_t *ret_value)
{
    struct reader reader = {*cursor, *cursor, end};
    uint64_t value;
    if (!read_short(&reader, &value))
        return false;
    *cursor = reader.cursor;
    *ret_value = value;
    return true;
}

INLINE uint8_t *write_varint(uint8_t *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *out++ = (uint8_t)(value | 0x80);
    *out++ = (uint8_t)value;
    return out;
}

size_t wire_write_varint(uint8_t *out, uint64_t value)
{
    return (size_t)(write_varint(out, value) - out);
}

size_t wire_varint_bytes(uint64_t value)
{
    size_t n = 1;
    while (value >>= 7)
        n++;
    return n;
}

/* ---- reading ----------------------------------------------------------------------------------------------------------- */

/* Where values go: into a struct, or nowhere when body is NULL. */
#define STORE(body, field, value)                                                 \
    do {                                                                          \
        if (body)                                                                 \
            memcpy((uint8_t *)(body) + (field)->offset, &(value), sizeof(value)); \
    } while (0)

INLINE enum message_fault read_number(struct reader *reader, const struct wire_field *field, void *body)
{
    const bool is_wide = field->type == WIRE_VARINT64;
    uint64_t number64;
    if (!read_varint(reader, is_wide, &number64))
        return FAULT_VARINT;
    uint32_t number32 = (uint32_t)number64;
    if (field->type == WIRE_ZIGZAG32)
        number32 = number32 >> 1 ^ -(number32 & 1);
    if (is_wide)
        STORE(body, field, number64);
    else
        STORE(body, field, number32);
    return FAULT_NONE;
}

static bool is_legal_float(uint32_t bits)
{
    bool finite = (bits & 0x7f800000u) != 0x7f800000u;
    bool negative_zero = bits == 0x80000000u; /* equals zero, and zero is not sent */
    return finite && !negative_zero;
}

INLINE enum message_fault read_float(struct reader *reader, const struct wire_field *field, void *body)
{
    uint32_t bits;
    if (n_left(reader) < sizeof(bits))
        return FAULT_LENGTH;
    memcpy(&bits, reader->cursor, sizeof(bits));
    bits = le32toh(bits);
    reader->cursor += sizeof(bits);
    if (!is_legal_float(bits))
        return FAULT_NUMBER;
    STORE(body, field, bits);
    return FAULT_NONE;
}

static enum message_fault scan_packed(const uint8_t *bytes, size_t n_bytes, uint32_t max)
{
    struct reader reader = {bytes, bytes, bytes + n_bytes};
    for (uint32_t n = 0; n_left(&reader) > 0; n++) {
        uint64_t value;
        if (n == max)
            return FAULT_LENGTH;
        if (!read_varint(&reader, false, &value))
            return FAULT_VARINT;
    }
    return FAULT_NONE;
}

/* The three types that carry a length. */
INLINE enum message_fault read_delimited(struct reader *reader, const struct wire_field *field, void *body)
{
    uint64_t length;
    if (!read_short(reader, &length))
        return FAULT_VARINT;
    if (length > n_left(reader))
        return FAULT_LENGTH;
    const uint8_t *bytes = reader->cursor;
    reader->cursor += length;

    assert(!body || field->type == WIRE_BYTES); /* or the table is not flat */
    if (field->type == WIRE_PACKED32)
        return scan_packed(bytes, length, field->max);
    if (length > field->max)
        return FAULT_LENGTH;
    if (field->type == WIRE_STRING)
        return text_is_utf8((const char *)bytes, length) ? FAULT_NONE : FAULT_UTF8;
    const ProtobufCBinaryData data = {.len = length, .data = length > 0 ? (uint8_t *)bytes : NULL};
    STORE(body, field, data);
    return FAULT_NONE;
}

INLINE enum message_fault read_value(struct reader *reader, const struct wire_field *field, void *body)
{
    switch (WIRE_LAYOUT(field->type)) {
    case LAID_VARINT:
        return read_number(reader, field, body);
    case LAID_FIXED32:
        return read_float(reader, field, body);
    default:
        return read_delimited(reader, field, body);
    }
}

INLINE enum message_fault read_fields(const uint8_t *bytes, size_t n_bytes, const struct wire_field *fields,
                                      size_t n_fields, void *body)
{
    assert(n_fields <= 64);
    uint64_t seen = 0; /* a bit a field */
    if (n_bytes == 0)
        return FAULT_NONE; /* all fields at zero; bytes may be NULL */
    struct reader reader = {bytes, bytes, bytes + n_bytes};
    while (reader.cursor < reader.end) {
        uint64_t tag;
        if (!read_short(&reader, &tag))
            return FAULT_VARINT;
        uint64_t place = (tag >> 3) - 1; /* of number 0, beyond every table */
        if (place >= n_fields)
            return FAULT_UNKNOWN_FIELD;
        if (seen >> place & 1)
            return FAULT_DUPLICATE_FIELD;
        seen |= 1ull << place;

        const struct wire_field *field = &fields[place];
        if ((tag & 7) != WIRE_LAYOUT(field->type))
            return FAULT_WIRE_TYPE;
        enum message_fault fault = read_value(&reader, field, body);
        if (fault != FAULT_NONE)
            return fault;
    }
    return FAULT_NONE;
}

enum message_fault wire_scan(const uint8_t *bytes, size_t n_bytes, const struct wire_field *fields, size_t n_fields)
{
    return read_fields(bytes, n_bytes, fields, n_fields, NULL);
}

enum message_fault wire_unpack(const uint8_t *bytes, size_t n_bytes, const struct wire_field *fields, size_t n_fields,
                               void *body)
{
    assert(body);
    return read_fields(bytes, n_bytes, fields, n_fields, body);
}

/* ---- writing ----------------------------------------------------------------------------------------------------------- */

#define LOAD(body, field, ret_value) \
    memcpy((ret_value), (const uint8_t *)(body) + (field)->offset, sizeof(*(ret_value)))

INLINE uint8_t *write_number(uint8_t *out, uint8_t tag, uint64_t value)
{
    if (value == 0)
        return out;
    *out = tag;
    return write_varint(out + 1, value);
}

INLINE uint8_t *write_float(uint8_t *out, uint8_t tag, uint32_t bits)
{
    if (bits << 1 == 0) /* either zero */
        return out;
    if (!is_legal_float(bits))
        abort();
    *out = tag;
    bits = htole32(bits);
    memcpy(out + 1, &bits, sizeof(bits));
    return out + 1 + sizeof(bits);
}

INLINE uint8_t *write_bytes(uint8_t *out, uint8_t tag, ProtobufCBinaryData data, size_t max)
{
    if (data.len == 0)
        return out;
    /* Not an assert: in a build without them this would write beyond the caller's buffer. */
    if (data.len > max)
        abort();
    *out = tag;
    out = write_varint(out + 1, data.len);
    memcpy(out, data.data, data.len);
    return out + data.len;
}

INLINE uint8_t *write_field(uint8_t *out, uint8_t tag, const struct wire_field *field, const void *body)
{
    uint32_t number32;
    uint64_t number64;
    ProtobufCBinaryData data;
    switch (field->type) {
    case WIRE_VARINT32:
        LOAD(body, field, &number32);
        return write_number(out, tag, number32);
    case WIRE_ZIGZAG32:
        LOAD(body, field, &number32);
        return write_number(out, tag, number32 << 1 ^ -(number32 >> 31));
    case WIRE_VARINT64:
        LOAD(body, field, &number64);
        return write_number(out, tag, number64);
    case WIRE_FLOAT:
        LOAD(body, field, &number32);
        return write_float(out, tag, number32);
    case WIRE_BYTES:
        LOAD(body, field, &data);
        return write_bytes(out, tag, data, field->max);
    case WIRE_STRING:
    case WIRE_PACKED32:
        break;
    }
    abort(); /* the table is not flat */
}

size_t wire_pack(const void *body, const struct wire_field *fields, size_t n_fields, uint8_t *out)
{
    assert(n_fields < 16); /* a tag is one byte */
    uint8_t *end = out;
    for (size_t i = 0; i < n_fields; i++)
        end = write_field(end, (uint8_t)((i + 1) << 3 | WIRE_LAYOUT(fields[i].type)), &fields[i], body);
    return (size_t)(end - out);
}

size_t wire_bound(const void *body, const struct wire_field *fields, size_t n_fields)
{
    size_t bound = n_fields * (1 + VARINT_MAX_BYTES);
    for (size_t i = 0; i < n_fields; i++) {
        if (fields[i].type == WIRE_BYTES) {
            ProtobufCBinaryData data;
            LOAD(body, &fields[i], &data);
            bound += data.len;
        }
    }
    return bound;
}
