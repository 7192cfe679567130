#include "common/wire.h"
#include "tests/test.h"

#include <protobuf-c/protobuf-c.h>
#include <stdlib.h>

/* A message with a field of each type. */
enum { NUMBER32 = 1, NUMBER64, FLOATING, STRING, BYTES, PACKED, ZIGZAG };
static const struct wire_field fields[] = {
    {.type = WIRE_VARINT32},          {.type = WIRE_VARINT64},        {.type = WIRE_FLOAT},
    {.type = WIRE_STRING, .max = 20}, {.type = WIRE_BYTES, .max = 4}, {.type = WIRE_PACKED32, .max = 3},
    {.type = WIRE_ZIGZAG32},
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

#define TAG(number, layout) ((number) << 3 | (layout))
#define SCAN(...)           wire_scan((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), fields, N_FIELDS)

TEST(faults_have_names_and_numbers)
{
    CHECK_STR(message_fault_name(FAULT_NONE), "none");
    CHECK_STR(message_fault_name(FAULT_ZERO_LENGTH), "zero-length");
    CHECK_STR(message_fault_name(22), "progress-without-progress");
    CHECK_STR(message_fault_name(FAULT_HUNG_UP), "hung-up");
    CHECK_STR(message_fault_name(24), "broken-ring");
    CHECK_STR(message_fault_name(25), "unknown");
}

TEST(varints_come_back_as_written)
{
    for (unsigned bits = 0; bits <= 64; bits++) {
        for (int offset = -1; offset <= 1; offset++) {
            uint64_t value = (bits < 64 ? 1ull << bits : 0) + (uint64_t)offset;
            uint8_t bytes[10];
            size_t n = wire_write_varint(bytes, value);
            REQUIRE(n >= 1 && n <= 10);
            const uint8_t *cursor = bytes;
            uint64_t read = ~value;
            CHECK(wire_read_varint(&cursor, bytes + n, &read));
            CHECK_INT(read, ==, value);
            CHECK(cursor == bytes + n);
            CHECK_INT(wire_varint_bytes(value), ==, n);
            for (size_t cut = 0; cut < n; cut++) {
                cursor = bytes;
                CHECK(!wire_read_varint(&cursor, bytes + cut, &read));
                CHECK(cursor == bytes);
            }
        }
    }
}

static bool reads(const char *bytes, size_t n_bytes)
{
    const uint8_t *cursor = (const uint8_t *)bytes;
    uint64_t value;
    return wire_read_varint(&cursor, cursor + n_bytes, &value);
}

TEST(varints_have_one_form)
{
    CHECK(reads("\x00", 1));
    CHECK(!reads("\x80\x00", 2));
    CHECK(!reads("\x81\x80\x00", 3));
    CHECK(reads("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10));
    CHECK(!reads("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10));
    CHECK(!reads("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10));
    CHECK(!reads("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x01", 11));
    CHECK(!reads("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11));
}

TEST(accepts_any_order_zeros_and_nothing)
{
    CHECK_INT(wire_scan(NULL, 0, fields, N_FIELDS), ==, FAULT_NONE);
    CHECK_INT(wire_scan(NULL, 0, NULL, 0), ==, FAULT_NONE);
    CHECK_INT(SCAN(TAG(NUMBER64, 0), 0, TAG(NUMBER32, 0), 0), ==, FAULT_NONE);
    CHECK_INT(SCAN(TAG(STRING, 2), 0, TAG(BYTES, 2), 0, TAG(PACKED, 2), 0), ==, FAULT_NONE);
    CHECK_INT(SCAN(TAG(FLOATING, 5), 0, 0, 0, 0), ==, FAULT_NONE);
}

TEST(numbers_keep_their_range)
{
    CHECK_INT(SCAN(TAG(NUMBER32, 0), 0xff, 0xff, 0xff, 0xff, 0x0f), ==, FAULT_NONE);
    CHECK_INT(SCAN(TAG(NUMBER32, 0), 0xff, 0xff, 0xff, 0xff, 0x1f), ==, FAULT_VARINT);
    CHECK_INT(SCAN(TAG(NUMBER64, 0), 0xff, 0xff, 0xff, 0xff, 0x1f), ==, FAULT_NONE);
    CHECK_INT(SCAN(TAG(NUMBER64, 0), 0x80, 0x00), ==, FAULT_VARINT);
    CHECK_INT(SCAN(TAG(NUMBER64, 0), 0x80), ==, FAULT_VARINT);
    CHECK_INT(SCAN(TAG(NUMBER64, 0)), ==, FAULT_VARINT);
    CHECK_INT(SCAN(0x88, 0x00, 0x01), ==, FAULT_VARINT); /* the tag itself in two bytes */
}

/* Where it stands in the message decides how it is read: with eight bytes to read, or with less, or at the very end. */
TEST(numbers_are_judged_alike_anywhere)
{
    static const struct {
        const char *bytes;
        size_t n;
        enum message_fault as32, as64;
    } numbers[] = {
        {"\x7f", 1, FAULT_NONE, FAULT_NONE},
        {"\x80\x01", 2, FAULT_NONE, FAULT_NONE},
        {"\x80\x00", 2, FAULT_VARINT, FAULT_VARINT},
        {"\xff\xff\xff\xff\x0f", 5, FAULT_NONE, FAULT_NONE},
        {"\x80\x80\x80\x80\x10", 5, FAULT_VARINT, FAULT_NONE},
        {"\xff\xff\xff\xff\x7f", 5, FAULT_VARINT, FAULT_NONE},
        {"\x80\x80\x80\x80\x80\x01", 6, FAULT_VARINT, FAULT_NONE},
        {"\xff\xff\xff\xff\xff\xff\xff\x01", 8, FAULT_VARINT, FAULT_NONE},
        {"\xff\xff\xff\xff\xff\xff\xff\x00", 8, FAULT_VARINT, FAULT_VARINT},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\x01", 9, FAULT_VARINT, FAULT_NONE},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, FAULT_VARINT, FAULT_NONE},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, FAULT_VARINT, FAULT_VARINT},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        /* Behind a string and before one, of 0 to 9 letters each. */
        for (size_t before = 0; before < 10; before++) {
            for (size_t after = 0; after < 10; after++) {
                uint8_t message[64] = {TAG(STRING, 2), (uint8_t)before};
                memset(message + 2, 'x', before);
                const size_t at = 2 + before;
                memcpy(message + at + 1, numbers[i].bytes, numbers[i].n);
                size_t n = at + 1 + numbers[i].n;
                if (after > 0) {
                    message[n++] = TAG(BYTES, 2);
                    message[n++] = (uint8_t)(after - 1 < 4 ? after - 1 : 4);
                    n += message[n - 1];
                }
                static const uint8_t tags[] = {TAG(NUMBER32, 0), TAG(ZIGZAG, 0), TAG(NUMBER64, 0)};
                for (size_t t = 0; t < sizeof(tags); t++) {
                    message[at] = tags[t];
                    const enum message_fault expected = t < 2 ? numbers[i].as32 : numbers[i].as64;
                    if (wire_scan(message, n, fields, N_FIELDS) != expected)
                        FAIL("number %zu, %zu before, %zu after, tag %zu", i, before, after, t);
                }
            }
        }
    }
}

TEST(floats_are_finite)
{
    CHECK_INT(SCAN(TAG(FLOATING, 5), 0, 0, 0x80, 0x3f), ==, FAULT_NONE);       /* 1 */
    CHECK_INT(SCAN(TAG(FLOATING, 5), 0xff, 0xff, 0x7f, 0xff), ==, FAULT_NONE); /* the most negative */
    CHECK_INT(SCAN(TAG(FLOATING, 5), 1, 0, 0, 0x80), ==, FAULT_NONE);          /* denormal */
    CHECK_INT(SCAN(TAG(FLOATING, 5), 0, 0, 0x80, 0x7f), ==, FAULT_NUMBER);     /* infinity */
    CHECK_INT(SCAN(TAG(FLOATING, 5), 0, 0, 0x80, 0xff), ==, FAULT_NUMBER);
    CHECK_INT(SCAN(TAG(FLOATING, 5), 0, 0, 0xc0, 0x7f), ==, FAULT_NUMBER); /* NaN */
    CHECK_INT(SCAN(TAG(FLOATING, 5), 1, 0, 0x80, 0xff), ==, FAULT_NUMBER);
    CHECK_INT(SCAN(TAG(FLOATING, 5), 0, 0, 0, 0x80), ==, FAULT_NUMBER); /* -0 */
    CHECK_INT(SCAN(TAG(FLOATING, 5), 0, 0, 0), ==, FAULT_LENGTH);
    CHECK_INT(SCAN(TAG(FLOATING, 5)), ==, FAULT_LENGTH);
}

TEST(lengths_end_with_the_message_and_the_cap)
{
    CHECK_INT(SCAN(TAG(BYTES, 2), 4, 0, 0xff, 0, 0xff), ==, FAULT_NONE);
    CHECK_INT(SCAN(TAG(BYTES, 2), 5, 0, 0, 0, 0, 0), ==, FAULT_LENGTH);
    CHECK_INT(SCAN(TAG(BYTES, 2), 4, 0, 0, 0), ==, FAULT_LENGTH);
    CHECK_INT(SCAN(TAG(BYTES, 2), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), ==, FAULT_LENGTH);
    CHECK_INT(SCAN(TAG(BYTES, 2), 0x84, 0x00, 0, 0, 0, 0), ==, FAULT_VARINT);
    CHECK_INT(SCAN(TAG(BYTES, 2)), ==, FAULT_VARINT);
    CHECK_INT(SCAN(TAG(STRING, 2), 2, 'h'), ==, FAULT_LENGTH);

    uint8_t text[2 + 21] = {TAG(STRING, 2), 20};
    memset(text + 2, 'x', 21);
    CHECK_INT(wire_scan(text, 2 + 20, fields, N_FIELDS), ==, FAULT_NONE);
    text[1] = 21;
    CHECK_INT(wire_scan(text, 2 + 21, fields, N_FIELDS), ==, FAULT_LENGTH);
}

TEST(strings_are_text)
{
    CHECK_INT(SCAN(TAG(STRING, 2), 3, 'a', 0xc3, 0xbc), ==, FAULT_NONE);
    CHECK_INT(SCAN(TAG(STRING, 2), 2, 0xc3, 0xbc, TAG(NUMBER32, 0), 1), ==, FAULT_NONE);
    CHECK_INT(SCAN(TAG(STRING, 2), 2, 'a', 0xc3), ==, FAULT_UTF8);
    CHECK_INT(SCAN(TAG(STRING, 2), 1, 0xff), ==, FAULT_UTF8);
    CHECK_INT(SCAN(TAG(STRING, 2), 3, 'a', 0, 'b'), ==, FAULT_UTF8);
}

TEST(packed_numbers_are_counted_and_ranged)
{
    CHECK_INT(SCAN(TAG(PACKED, 2), 3, 1, 2, 3), ==, FAULT_NONE);
    CHECK_INT(SCAN(TAG(PACKED, 2), 4, 1, 2, 3, 4), ==, FAULT_LENGTH);
    CHECK_INT(SCAN(TAG(PACKED, 2), 5, 0xff, 0xff, 0xff, 0xff, 0x0f), ==, FAULT_NONE);
    CHECK_INT(SCAN(TAG(PACKED, 2), 5, 0xff, 0xff, 0xff, 0xff, 0x10), ==, FAULT_VARINT);
    CHECK_INT(SCAN(TAG(PACKED, 2), 2, 0x80, 0x00), ==, FAULT_VARINT);
    CHECK_INT(SCAN(TAG(PACKED, 2), 1, 0x80, TAG(NUMBER32, 0), 1), ==, FAULT_VARINT);
    CHECK_INT(SCAN(TAG(PACKED, 0), 1), ==, FAULT_WIRE_TYPE); /* not packed */
}

TEST(known_fields_only_each_once_in_its_layout)
{
    CHECK_INT(SCAN(TAG(8, 0), 1), ==, FAULT_UNKNOWN_FIELD);
    CHECK_INT(SCAN(TAG(0, 0), 1), ==, FAULT_UNKNOWN_FIELD);
    CHECK_INT(SCAN(0xf8, 0xff, 0xff, 0xff, 0x0f, 1), ==, FAULT_UNKNOWN_FIELD);
    CHECK_INT(SCAN(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01), ==, FAULT_UNKNOWN_FIELD);
    CHECK_INT(SCAN(TAG(NUMBER32, 0), 1, TAG(NUMBER32, 0), 1), ==, FAULT_DUPLICATE_FIELD);
    CHECK_INT(SCAN(TAG(PACKED, 2), 0, TAG(PACKED, 2), 0), ==, FAULT_DUPLICATE_FIELD);
    for (unsigned number = 1; number <= N_FIELDS; number++) {
        static const unsigned layouts[] = {0, 0, 5, 2, 2, 2, 0};
        for (unsigned layout = 0; layout < 8; layout++) {
            enum message_fault fault = SCAN((uint8_t)TAG(number, layout), 0, 0, 0, 0);
            CHECK_INT(fault == FAULT_WIRE_TYPE, ==, layout != layouts[number - 1]);
        }
    }
}

TEST(wide_tables_work_too)
{
    static const struct wire_field many[63] = {[62] = {.type = WIRE_VARINT32}};
    const uint8_t last[] = {0xf8, 0x03, 1, 0x78, 1, 0xf8, 0x03, 1};
    CHECK_INT(wire_scan(last, 3, many, 63), ==, FAULT_NONE);
    CHECK_INT(wire_scan(last, 5, many, 63), ==, FAULT_NONE);
    CHECK_INT(wire_scan(last, 8, many, 63), ==, FAULT_DUPLICATE_FIELD);
    CHECK_INT(wire_scan(last, 3, many, 62), ==, FAULT_UNKNOWN_FIELD);
}

TEST(never_reads_beyond_the_end)
{
    srandom(2);
    for (int round = 0; round < 100000; round++) {
        /* Of its exact size, so that the sanitized build sees each byte too many. */
        size_t n = (size_t)random() % 24;
        uint8_t *bytes = malloc(n ? n : 1);
        REQUIRE(bytes != NULL);
        for (size_t i = 0; i < n; i++)
            bytes[i] = random() % 2 ? (uint8_t)(TAG(1 + random() % 7, 2)) : (uint8_t)random();
        enum message_fault fault = wire_scan(bytes, n, fields, N_FIELDS);
        CHECK(fault == FAULT_NONE || (fault >= FAULT_VARINT && fault <= FAULT_NUMBER));
        free(bytes);
    }
}

/* A flat struct as protobuf-c lays it out, but for its head. */
struct flat {
    uint64_t wide;
    uint32_t narrow;
    int32_t sign;
    float real;
    ProtobufCBinaryData data;
};
static const struct wire_field flat_fields[] = {
    {.type = WIRE_VARINT64, .offset = offsetof(struct flat, wide)},
    {.type = WIRE_VARINT32, .offset = offsetof(struct flat, narrow)},
    {.type = WIRE_ZIGZAG32, .offset = offsetof(struct flat, sign)},
    {.type = WIRE_FLOAT, .offset = offsetof(struct flat, real)},
    {.type = WIRE_BYTES, .max = 4, .offset = offsetof(struct flat, data)},
};
#define N_FLAT (sizeof(flat_fields) / sizeof(flat_fields[0]))

TEST(flat_bodies_are_packed_and_unpacked)
{
    static const uint8_t wire[] = {0x08, 0xac, 0x02, 0x10, 7, 0x18, 3, 0x25, 0, 0, 0x80, 0x3f, 0x2a, 2, 'h', 'i'};
    struct flat body = {0};
    REQUIRE(wire_unpack(wire, sizeof(wire), flat_fields, N_FLAT, &body) == FAULT_NONE);
    CHECK_INT(body.wide, ==, 300);
    CHECK_INT(body.narrow, ==, 7);
    CHECK_INT(body.sign, ==, -2);
    CHECK(body.real == 1.0f);
    CHECK_INT(body.data.len, ==, 2);
    CHECK(body.data.data == wire + 14);

    uint8_t out[64];
    CHECK_INT(wire_pack(&body, flat_fields, N_FLAT, out), ==, sizeof(wire));
    CHECK_MEM(out, wire, sizeof(wire));
    CHECK_INT(wire_bound(&body, flat_fields, N_FLAT), >=, sizeof(wire));

    /* Zeros take nothing, and what is not there is zero. */
    const struct flat nothing = {.real = -0.0f};
    CHECK_INT(wire_pack(&nothing, flat_fields, N_FLAT, out), ==, 0);
    body = (struct flat){0};
    CHECK_INT(wire_unpack(NULL, 0, flat_fields, N_FLAT, &body), ==, FAULT_NONE);
    CHECK_INT(body.wide + body.narrow + body.data.len, ==, 0);
    static const uint8_t zeros[] = {0x08, 0, 0x18, 0, 0x2a, 0};
    CHECK_INT(wire_unpack(zeros, sizeof(zeros), flat_fields, N_FLAT, &body), ==, FAULT_NONE);
    CHECK(body.data.len == 0 && body.data.data == NULL);
}

TEST(extreme_numbers_come_back)
{
    static const int32_t signs[] = {0, 1, -1, 63, -64, 64, -65, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        const struct flat body = {.wide = UINT64_MAX >> 7 * i, .narrow = UINT32_MAX >> 3 * i, .sign = signs[i]};
        struct flat again = {0};
        uint8_t out[64];
        const size_t n = wire_pack(&body, flat_fields, N_FLAT, out);
        CHECK_INT(n, <=, wire_bound(&body, flat_fields, N_FLAT));
        CHECK_INT(wire_unpack(out, n, flat_fields, N_FLAT, &again), ==, FAULT_NONE);
        CHECK(again.wide == body.wide && again.narrow == body.narrow && again.sign == body.sign);
    }
}
