#include "common/wire.h"
#include "tests/test.h"

#include <stdlib.h>

/* A message with a field of each type. */
enum { NUMBER32 = 1, NUMBER64, FLOATING, STRING, BYTES, PACKED };
static const struct wire_field fields[] = {
    {WIRE_VARINT32, 0}, {WIRE_VARINT64, 0}, {WIRE_FLOAT, 0}, {WIRE_STRING, 20}, {WIRE_BYTES, 4}, {WIRE_PACKED32, 3},
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
    CHECK_STR(message_fault_name(24), "unknown");
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
            for (size_t cut = 0; cut < n; cut++) {
                cursor = bytes;
                CHECK(!wire_read_varint(&cursor, bytes + cut, &read));
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
    CHECK_INT(SCAN(TAG(7, 0), 1), ==, FAULT_UNKNOWN_FIELD);
    CHECK_INT(SCAN(TAG(0, 0), 1), ==, FAULT_UNKNOWN_FIELD);
    CHECK_INT(SCAN(0xf8, 0xff, 0xff, 0xff, 0x0f, 1), ==, FAULT_UNKNOWN_FIELD);
    CHECK_INT(SCAN(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01), ==, FAULT_UNKNOWN_FIELD);
    CHECK_INT(SCAN(TAG(NUMBER32, 0), 1, TAG(NUMBER32, 0), 1), ==, FAULT_DUPLICATE_FIELD);
    CHECK_INT(SCAN(TAG(PACKED, 2), 0, TAG(PACKED, 2), 0), ==, FAULT_DUPLICATE_FIELD);
    for (unsigned number = 1; number <= N_FIELDS; number++) {
        static const unsigned layouts[] = {0, 0, 5, 2, 2, 2};
        for (unsigned layout = 0; layout < 8; layout++) {
            enum message_fault fault = SCAN((uint8_t)TAG(number, layout), 0, 0, 0, 0);
            CHECK_INT(fault == FAULT_WIRE_TYPE, ==, layout != layouts[number - 1]);
        }
    }
}

TEST(wide_tables_work_too)
{
    static const struct wire_field many[63] = {[62] = {WIRE_VARINT32, 0}};
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
            bytes[i] = random() % 2 ? (uint8_t)(TAG(1 + random() % 6, 2)) : (uint8_t)random();
        enum message_fault fault = wire_scan(bytes, n, fields, N_FIELDS);
        CHECK(fault == FAULT_NONE || (fault >= FAULT_VARINT && fault <= FAULT_NUMBER));
        free(bytes);
    }
}
