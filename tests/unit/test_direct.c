/* The flat kinds have two ways through message_encode and message_decode. Nobody can tell them apart by what is accepted,
 * by what is sent, or by what arrives. */
#include "common/message.h"
#include "tests/test.h"

#include <stdlib.h>

#define ROUNDS 20000

static struct arena arenas[2]; /* [codec] */
static uint8_t payload[MESSAGE_MAX_PAYLOAD];

union any_body {
    ProtobufCMessage base;
    char space[64];
};

/* Repeatable numbers (an LCG's upper half). */
static uint32_t random_number(uint32_t below)
{
    static uint64_t state = 7;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % below);
}

/* Of every length that a varint can have, and zero. */
static uint64_t random_value(unsigned bits)
{
    const unsigned n_bits = random_number(bits + 1);
    const uint64_t value =
        (uint64_t)random_number(1u << 31) << 33 ^ (uint64_t)random_number(1u << 31) << 8 ^ random_number(256);
    return n_bits == 0 ? 0 : value >> (64 - n_bits);
}

static float random_float(void)
{
    static const float floats[] = {0.0f, -0.0f, 1.0f, -1.5f, 1e-45f, 3.4e38f, 0.1f};
    return floats[random_number(sizeof(floats) / sizeof(floats[0]))];
}

/* Around the lengths at which a length takes one byte more, too. */
static ProtobufCBinaryData random_data(size_t max)
{
    static const size_t about[] = {0, 64, 120, 16370};
    size_t length = about[random_number(4)] + random_number(16);
    if (length > max)
        length = max;
    for (size_t i = 0; i < length; i++)
        payload[i] = (uint8_t)random_number(256);
    return (ProtobufCBinaryData){.len = length, .data = length > 0 ? payload : NULL};
}

static void fill(union any_body *body, const struct message_row *row)
{
    protobuf_c_message_init(row->descriptor, body);
    for (size_t i = 0; i < row->n_fields; i++) {
        void *member = body->space + row->descriptor->fields[i].offset;
        switch (row->fields[i].type) {
        case WIRE_VARINT32:
        case WIRE_ZIGZAG32:
            *(uint32_t *)member = (uint32_t)random_value(32);
            break;
        case WIRE_VARINT64:
            *(uint64_t *)member = random_value(64);
            break;
        case WIRE_FLOAT:
            *(float *)member = random_float();
            break;
        case WIRE_BYTES:
            *(ProtobufCBinaryData *)member = random_data(row->fields[i].max);
            break;
        case WIRE_STRING:
        case WIRE_PACKED32:
            FAIL("%s is not flat", row->name);
        }
    }
}

static size_t encode(enum message_codec codec, unsigned kind, const union any_body *body, uint8_t *out)
{
    message_use_codec(codec);
    const size_t n = message_encode((enum message_kind)kind, &body->base, out);
    message_use_codec(CODEC_DIRECT);
    return n;
}

static enum message_fault decode(enum message_codec codec, const struct message_row *row, const uint8_t *bytes,
                                 size_t n_bytes, struct message *ret_message)
{
    const struct datagram datagram = {.bytes = bytes, .n_bytes = n_bytes};
    message_use_codec(codec);
    const enum message_fault fault = message_decode(&datagram, row->sender, (enum message_when)(row->when & -row->when),
                                                    &arenas[codec], ret_message);
    message_use_codec(CODEC_DIRECT);
    return fault;
}

static bool is_same_field(const struct wire_field *rule, const uint8_t *a, const uint8_t *b)
{
    switch (rule->type) {
    case WIRE_VARINT32:
    case WIRE_ZIGZAG32:
    case WIRE_FLOAT:
        return memcmp(a, b, sizeof(uint32_t)) == 0;
    case WIRE_VARINT64:
        return memcmp(a, b, sizeof(uint64_t)) == 0;
    case WIRE_BYTES: {
        const ProtobufCBinaryData *ours = (const void *)a, *theirs = (const void *)b;
        return ours->len == theirs->len && (ours->data == NULL) == (theirs->data == NULL) &&
               (ours->len == 0 || memcmp(ours->data, theirs->data, ours->len) == 0);
    }
    case WIRE_STRING:
    case WIRE_PACKED32:
        break;
    }
    return false;
}

/* Field by field: padding is anybody's. */
static void check_same(const struct message_row *row, const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    CHECK(a->descriptor == row->descriptor && b->descriptor == row->descriptor);
    CHECK(a->n_unknown_fields == 0 && a->unknown_fields == NULL);
    for (size_t i = 0; i < row->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &row->descriptor->fields[i];
        if (!is_same_field(&row->fields[i], (const uint8_t *)a + field->offset, (const uint8_t *)b + field->offset))
            FAIL("%s.%s differs", row->name, field->name);
    }
}

/* Judges bytes both ways; the copy has their exact size, so that the sanitized build sees each byte too many. */
static enum message_fault check_decode(const struct message_row *row, const uint8_t *bytes, size_t n_bytes)
{
    uint8_t *copy = malloc(n_bytes);
    REQUIRE(copy != NULL);
    memcpy(copy, bytes, n_bytes);
    struct message direct, other;
    const enum message_fault fault = decode(CODEC_DIRECT, row, copy, n_bytes, &direct);
    CHECK_INT(decode(CODEC_PROTOBUF_C, row, copy, n_bytes, &other), ==, fault);
    CHECK_INT(direct.kind, ==, other.kind);
    if (fault == FAULT_NONE)
        check_same(row, direct.base, other.base);
    free(copy);
    return fault;
}

#define EACH_FLAT_KIND(row)                                                                                        \
    (unsigned kind = 1; kind < MESSAGE_KIND_COUNT; kind++) for (const struct message_row *row = message_row(kind); \
                                                                row && row->flat; row = NULL)

TEST(the_hot_kinds_are_flat)
{
    static const enum message_kind hot[] = {MESSAGE_PAINT,    MESSAGE_PAINTED, MESSAGE_PROGRESSED, MESSAGE_INJECT,
                                            MESSAGE_INJECTED, MESSAGE_PING,    MESSAGE_PONGED};
    for (size_t i = 0; i < sizeof(hot) / sizeof(hot[0]); i++)
        CHECK(message_row(hot[i])->flat);
    CHECK(!message_row(MESSAGE_OPENED)->flat);
}

TEST(flat_tables_say_where_protobuf_c_has_its_fields)
{
    for
        EACH_FLAT_KIND(row)
        {
            CHECK_INT(row->descriptor->sizeof_message, <=, sizeof(union any_body));
            CHECK_INT(row->max_fds, ==, 0);
            for (size_t i = 0; i < row->n_fields; i++) {
                const struct wire_field *field = &row->fields[i];
                if (field->offset != row->descriptor->fields[i].offset)
                    FAIL("%s.%s", row->name, row->descriptor->fields[i].name);
                CHECK(field->type != WIRE_STRING && field->type != WIRE_PACKED32);
            }
        }
}

TEST(both_ways_send_the_same_bytes)
{
    static uint8_t direct[MESSAGE_MAX_BYTES], other[MESSAGE_MAX_BYTES];
    for (int round = 0; round < ROUNDS / 10; round++) {
        for
            EACH_FLAT_KIND(row)
            {
                union any_body body;
                fill(&body, row);
                const size_t n = encode(CODEC_DIRECT, kind, &body, direct);
                REQUIRE(encode(CODEC_PROTOBUF_C, kind, &body, other) == n);
                CHECK_MEM(direct, other, n);
            }
    }
}

TEST(both_ways_read_the_same)
{
    static uint8_t bytes[MESSAGE_MAX_BYTES], again[MESSAGE_MAX_BYTES];
    for (int round = 0; round < ROUNDS / 10; round++) {
        for
            EACH_FLAT_KIND(row)
            {
                union any_body body;
                fill(&body, row);
                const size_t n = encode(CODEC_DIRECT, kind, &body, bytes);
                CHECK_INT(check_decode(row, bytes, n), ==, FAULT_NONE);
                struct message message;
                REQUIRE(decode(CODEC_DIRECT, row, bytes, n, &message) == FAULT_NONE);
                CHECK_INT(encode(CODEC_DIRECT, kind, (const union any_body *)message.base, again), ==, n);
                CHECK_MEM(again, bytes, n);
            }
    }
}

/* Overwritten, inserted, taken away, cut off. */
static size_t damage(uint8_t *bytes, size_t n_bytes)
{
    static const uint8_t telling[] = {0x00, 0x01, 0x08, 0x0d, 0x12, 0x15, 0x18, 0x25, 0x28, 0x7f, 0x80, 0xff};
    const size_t at = random_number((uint32_t)n_bytes);
    const uint8_t byte = random_number(2) ? telling[random_number(sizeof(telling))] : (uint8_t)random_number(256);
    switch (random_number(4)) {
    case 0:
        memmove(bytes + at + 1, bytes + at, n_bytes - at);
        bytes[at] = byte;
        return n_bytes + 1;
    case 1:
        memmove(bytes + at, bytes + at + 1, n_bytes - at - 1);
        return n_bytes > 1 ? n_bytes - 1 : 1;
    case 2:
        return at + 1;
    default:
        bytes[at] = byte;
        return n_bytes;
    }
}

/* Keeps the envelope whole most of the time, so that the damage is looked at. */
static void mend_envelope(uint8_t *bytes, size_t n_bytes, unsigned kind)
{
    if (n_bytes < 2 || n_bytes > 2 + 127 || random_number(8) == 0)
        return;
    bytes[0] = (uint8_t)(kind << 3 | 2);
    bytes[1] = (uint8_t)(n_bytes - 2);
}

TEST(both_ways_judge_damage_alike)
{
    static uint8_t bytes[MESSAGE_MAX_BYTES + 8];
    size_t n_seen[FAULT_RING + 1] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        for
            EACH_FLAT_KIND(row)
            {
                union any_body body;
                fill(&body, row);
                size_t n = encode(CODEC_DIRECT, kind, &body, bytes);
                if (n > 200)
                    continue;
                for (uint32_t times = 1 + random_number(4); times > 0; times--)
                    n = damage(bytes, n);
                mend_envelope(bytes, n, kind);
                n_seen[check_decode(row, bytes, n)]++;
            }
    }
    static const enum message_fault faults[] = {FAULT_NONE,          FAULT_ENVELOPE,  FAULT_VARINT,
                                                FAULT_UNKNOWN_FIELD, FAULT_WIRE_TYPE, FAULT_DUPLICATE_FIELD,
                                                FAULT_LENGTH,        FAULT_NUMBER};
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (n_seen[faults[i]] == 0)
            FAIL("never seen: %s", message_fault_name(faults[i]));
    }
    CHECK_INT(n_seen[FAULT_UNPACK], ==, 0);
}

TEST(both_ways_judge_noise_alike)
{
    uint8_t bytes[64];
    size_t n_accepted = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for
            EACH_FLAT_KIND(row)
            {
                size_t n = 2 + random_number(sizeof(bytes) - 2);
                for (size_t i = 0; i < n; i++)
                    bytes[i] = random_number(2) ? (uint8_t)((1 + random_number(6)) << 3) : (uint8_t)random_number(256);
                n = 2 + random_number(8) % (uint32_t)(n - 1);
                mend_envelope(bytes, n, kind);
                n_accepted += check_decode(row, bytes, n) == FAULT_NONE;
            }
    }
    CHECK_INT(n_accepted, >, 100);
}

/* What lives as long as the datagram, and what longer. */
TEST(bytes_stay_in_the_datagram)
{
    static uint8_t bytes[MESSAGE_MAX_BYTES];
    Vitrine__Ping ping = VITRINE__PING__INIT;
    ping.serial = 5;
    ping.payload = (ProtobufCBinaryData){.len = sizeof(payload), .data = payload};
    const size_t n = message_encode(MESSAGE_PING, &ping.base, bytes);
    struct message message;
    REQUIRE(decode(CODEC_DIRECT, message_row(MESSAGE_PING), bytes, n, &message) == FAULT_NONE);
    CHECK(message.ping->payload.data == bytes + n - sizeof(payload));
    CHECK_INT(message.ping->payload.len, ==, sizeof(payload));
    CHECK((const uint8_t *)message.ping == arenas[CODEC_DIRECT].block);
}

/* What an arena held before is neither cleared as a whole nor seen again. */
TEST(a_fresh_arena_costs_one_body)
{
    struct arena *arena = &arenas[CODEC_DIRECT];
    memset(arena->block, 0xa5, sizeof(arena->block));
    static const uint8_t nothing[] = {MESSAGE_PAINT << 3 | 2, 0};
    struct message message;
    REQUIRE(decode(CODEC_DIRECT, message_row(MESSAGE_PAINT), nothing, sizeof(nothing), &message) == FAULT_NONE);
    const Vitrine__Paint blank = VITRINE__PAINT__INIT;
    check_same(message_row(MESSAGE_PAINT), message.base, &blank.base);
    CHECK_INT(arena->n_used, <=, 64);
    for (size_t i = arena->n_used; i < sizeof(arena->block); i++)
        REQUIRE(arena->block[i] == 0xa5);
}
