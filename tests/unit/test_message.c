#include "common/message.h"
#include "tests/test.h"

#include <stdlib.h>
#include <time.h>

#include "common/clock.h"

static struct arena arena;
static uint8_t bytes[CHANNEL_MAX_BYTES];
static char filler[CHANNEL_MAX_BYTES];

static void set_up(void)
{
    arena_init(&arena);
    memset(filler, 'x', sizeof(filler));
}

/* A body of any kind, of all the field values there are. */
union any_body {
    ProtobufCMessage base;
    char space[256];
};

static uint32_t ones[256];

/* Fills a field with what takes the most room that its rule allows. */
static void fill_field(union any_body *body, const ProtobufCFieldDescriptor *field, const struct wire_field *rule)
{
    void *member = body->space + field->offset;
    switch (rule->type) {
    case WIRE_VARINT32:
        *(uint32_t *)member = UINT32_MAX;
        break;
    case WIRE_ZIGZAG32:
        *(int32_t *)member = INT32_MIN;
        break;
    case WIRE_VARINT64:
        *(uint64_t *)member = UINT64_MAX;
        break;
    case WIRE_FLOAT:
        *(float *)member = -1.5f;
        break;
    case WIRE_STRING:
        *(char **)member = filler + sizeof(filler) - 1 - rule->max;
        break;
    case WIRE_BYTES:
        *(ProtobufCBinaryData *)member = (ProtobufCBinaryData){rule->max, (uint8_t *)filler};
        break;
    case WIRE_PACKED32:
        *(uint32_t **)member = ones;
        *(size_t *)(body->space + field->quantifier_offset) = rule->max;
        break;
    }
}

static void fill(union any_body *body, const struct message_row *row)
{
    filler[sizeof(filler) - 1] = '\0';
    memset(ones, 0xff, sizeof(ones));
    REQUIRE(row->descriptor->sizeof_message <= sizeof(*body));
    protobuf_c_message_init(row->descriptor, body);
    for (size_t i = 0; i < row->n_fields; i++)
        fill_field(body, &row->descriptor->fields[i], &row->fields[i]);
}

static enum message_when any_time(const struct message_row *row)
{
    return (enum message_when)(row->when & -row->when);
}

/* Decodes n_bytes as the row's rightful sender would send them at a rightful time. */
static enum message_fault decode_as(const struct message_row *row, const void *message, size_t n_bytes,
                                    struct message *ret_message)
{
    struct datagram datagram = {.bytes = message, .n_bytes = n_bytes, .n_fds = row->min_fds};
    return message_decode(&datagram, row->sender, any_time(row), &arena, ret_message);
}

#define EACH_KIND(row)                                                                                             \
    (unsigned kind = 1; kind < MESSAGE_KIND_COUNT; kind++) for (const struct message_row *row = message_row(kind); \
                                                                row; row = NULL)

TEST(rows_agree_with_the_schema)
{
    CHECK(message_row(0) == NULL);
    CHECK(message_row(MESSAGE_KIND_COUNT) == NULL);
    CHECK(message_row(UINT32_MAX) == NULL);
    CHECK_INT(vitrine__message__descriptor.n_fields, ==, MESSAGE_KIND_COUNT - 1);
    for
        EACH_KIND(row)
        {
            const ProtobufCFieldDescriptor *envelope = &vitrine__message__descriptor.fields[kind - 1];
            CHECK_INT(envelope->id, ==, kind);
            CHECK(envelope->descriptor == row->descriptor);
            CHECK_STR(row->name, row->descriptor->short_name);
            CHECK_STR(message_name(kind), row->name);
            CHECK_INT(row->n_fields, ==, row->descriptor->n_fields);
            CHECK(row->max_bytes <= MESSAGE_MAX_BYTES);
            CHECK(row->max_fds <= CHANNEL_MAX_FDS && row->min_fds <= row->max_fds);
            CHECK(row->when != 0);
        }
}

TEST(fields_agree_with_the_schema)
{
    static const struct {
        ProtobufCType type;
        ProtobufCLabel label;
        enum wire_type wire_type;
    } types[] = {
        {PROTOBUF_C_TYPE_UINT32, PROTOBUF_C_LABEL_NONE, WIRE_VARINT32},
        {PROTOBUF_C_TYPE_SINT32, PROTOBUF_C_LABEL_NONE, WIRE_ZIGZAG32},
        {PROTOBUF_C_TYPE_UINT64, PROTOBUF_C_LABEL_NONE, WIRE_VARINT64},
        {PROTOBUF_C_TYPE_FLOAT, PROTOBUF_C_LABEL_NONE, WIRE_FLOAT},
        {PROTOBUF_C_TYPE_STRING, PROTOBUF_C_LABEL_NONE, WIRE_STRING},
        {PROTOBUF_C_TYPE_BYTES, PROTOBUF_C_LABEL_NONE, WIRE_BYTES},
        {PROTOBUF_C_TYPE_UINT32, PROTOBUF_C_LABEL_REPEATED, WIRE_PACKED32},
    };
    for
        EACH_KIND(row)
        {
            for (size_t i = 0; i < row->n_fields; i++) {
                const ProtobufCFieldDescriptor *field = &row->descriptor->fields[i];
                CHECK_INT(field->id, ==, i + 1);
                int wire_type = -1;
                for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
                    if (types[t].type == field->type && types[t].label == field->label)
                        wire_type = (int)types[t].wire_type;
                }
                if (wire_type != (int)row->fields[i].type)
                    FAIL("%s.%s", row->name, field->name);
            }
        }
}

/* What protobuf-c itself makes of the whole envelope. */
static size_t pack_by_protobuf_c(unsigned kind, ProtobufCMessage *body, uint8_t *out)
{
    Vitrine__Message message = VITRINE__MESSAGE__INIT;
    message.body_case = (Vitrine__Message__BodyCase)kind;
    message.spawn = (Vitrine__Spawn *)body; /* any member: all are pointers in one place */
    REQUIRE(protobuf_c_message_get_packed_size(&message.base) <= CHANNEL_MAX_BYTES);
    return protobuf_c_message_pack(&message.base, out);
}

TEST(our_bytes_are_protobufs)
{
    static uint8_t expected[CHANNEL_MAX_BYTES];
    set_up();
    for
        EACH_KIND(row)
        {
            union any_body body;
            protobuf_c_message_init(row->descriptor, &body);
            size_t n = message_encode(kind, &body.base, bytes);
            CHECK_INT(n, ==, pack_by_protobuf_c(kind, &body.base, expected));
            CHECK_MEM(bytes, expected, n);

            fill(&body, row);
            n = message_encode(kind, &body.base, bytes);
            CHECK_INT(n, ==, pack_by_protobuf_c(kind, &body.base, expected));
            CHECK_MEM(bytes, expected, n);
        }
}

TEST(the_largest_message_has_the_size_of_its_cap)
{
    set_up();
    for
        EACH_KIND(row)
        {
            union any_body body;
            struct message message;
            fill(&body, row);
            size_t n = message_encode(kind, &body.base, bytes);
            if (n != row->max_bytes)
                FAIL("%s: %zu bytes, cap %zu", row->name, n, row->max_bytes);
            CHECK_INT(decode_as(row, bytes, n, &message), ==, FAULT_NONE);
            CHECK_INT(message.kind, ==, kind);
        }
}

TEST(what_was_sent_is_what_arrives)
{
    set_up();
    Vitrine__Opened opened = VITRINE__OPENED__INIT;
    opened.serial = 1ull << 40;
    opened.document_kind = 5;
    opened.n_pages = 12;
    opened.title = (char *)"Grüße aus dem Glashaus";
    opened.open_ns = 3;
    struct message message;
    size_t n = message_encode(MESSAGE_OPENED, &opened.base, bytes);
    REQUIRE(decode_as(message_row(MESSAGE_OPENED), bytes, n, &message) == FAULT_NONE);
    CHECK_INT(message.opened->serial, ==, 1ull << 40);
    CHECK_INT(message.opened->n_pages, ==, 12);
    CHECK_STR(message.opened->title, "Grüße aus dem Glashaus");

    Vitrine__Paint paint = VITRINE__PAINT__INIT;
    paint.zoom = 1.25f;
    paint.x_px = -7;
    n = message_encode(MESSAGE_PAINT, &paint.base, bytes);
    REQUIRE(decode_as(message_row(MESSAGE_PAINT), bytes, n, &message) == FAULT_NONE);
    CHECK(message.paint->zoom == 1.25f);
    CHECK_INT(message.paint->x_px, ==, -7);
    CHECK_INT(message.paint->y_px, ==, 0);
}

TEST(each_kind_has_one_sender)
{
    set_up();
    for
        EACH_KIND(row)
        {
            union any_body body;
            fill(&body, row);
            size_t n = message_encode(kind, &body.base, bytes);
            for (unsigned sender = SENDER_BROKER; sender <= SENDER_RENDERER; sender++) {
                struct datagram datagram = {.bytes = bytes, .n_bytes = n, .n_fds = row->min_fds};
                struct message message;
                enum message_fault fault = message_decode(&datagram, sender, any_time(row), &arena, &message);
                CHECK_INT(fault, ==, sender == row->sender ? FAULT_NONE : FAULT_DIRECTION);
                CHECK_INT(message.kind, ==, fault == FAULT_NONE ? kind : MESSAGE_NONE);
            }
        }
}

/* Over a port another renderer sends what is the broker's, or a renderer's, and nothing else; at no other time. */
TEST(a_peer_says_little)
{
    set_up();
    for
        EACH_KIND(row)
        {
            union any_body body;
            fill(&body, row);
            const size_t n = message_encode(kind, &body.base, bytes);
            const bool is_legal = kind == MESSAGE_PING || kind == MESSAGE_PONGED;
            for (unsigned when = 1; when <= WHEN_LAST; when <<= 1) {
                const struct datagram datagram = {.bytes = bytes, .n_bytes = n, .n_fds = row->min_fds};
                struct message message;
                const bool is_time = when == WHEN_CONNECTED || when == WHEN_EXCHANGING;
                CHECK_INT(message_decode(&datagram, SENDER_PEER, when, &arena, &message), ==,
                          !is_legal ? FAULT_DIRECTION
                          : is_time ? FAULT_NONE
                                    : FAULT_STATE);
            }
        }
}

/* The conversation about a port goes on beside the other. */
TEST(two_situations_at_once)
{
    set_up();
    Vitrine__Exchanged exchanged = VITRINE__EXCHANGED__INIT;
    const struct datagram datagram = {.bytes = bytes,
                                      .n_bytes = message_encode(MESSAGE_EXCHANGED, &exchanged.base, bytes)};
    static const struct {
        unsigned when;
        enum message_fault fault;
    } cases[] = {
        {WHEN_PAINTING | WHEN_EXCHANGING, FAULT_NONE}, {WHEN_IDLE | WHEN_DISCONNECTING, FAULT_NONE},
        {WHEN_PAINTING | WHEN_CONNECTED, FAULT_STATE}, {WHEN_IDLE | WHEN_APART, FAULT_STATE},
        {WHEN_OPENING | WHEN_CONNECTING, FAULT_STATE}, {WHEN_IDLE, FAULT_STATE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct message message;
        CHECK_INT(message_decode(&datagram, SENDER_RENDERER, cases[i].when, &arena, &message), ==, cases[i].fault);
    }
}

TEST(each_kind_has_its_time)
{
    set_up();
    for
        EACH_KIND(row)
        {
            union any_body body;
            fill(&body, row);
            size_t n = message_encode(kind, &body.base, bytes);
            for (unsigned when = 1; when < 1u << 31; when <<= 1) {
                struct datagram datagram = {.bytes = bytes, .n_bytes = n, .n_fds = row->min_fds};
                struct message message;
                CHECK_INT(message_decode(&datagram, row->sender, when, &arena, &message), ==,
                          row->when & when ? FAULT_NONE : FAULT_STATE);
            }
            CHECK(!(row->when & WHEN_REFUSED));
        }
}

TEST(each_kind_has_its_descriptors)
{
    set_up();
    for
        EACH_KIND(row)
        {
            union any_body body;
            fill(&body, row);
            size_t n = message_encode(kind, &body.base, bytes);
            for (size_t n_fds = 0; n_fds <= CHANNEL_MAX_FDS; n_fds++) {
                struct datagram datagram = {.bytes = bytes, .n_bytes = n, .n_fds = n_fds};
                struct message message;
                bool legal = n_fds >= row->min_fds && n_fds <= row->max_fds;
                CHECK_INT(message_decode(&datagram, row->sender, any_time(row), &arena, &message), ==,
                          legal ? FAULT_NONE : FAULT_FD_COUNT);
            }
        }
}

static enum message_fault opened(const char *datagram, size_t n_bytes)
{
    struct message message = {.kind = MESSAGE_PAINT};
    enum message_fault fault = decode_as(message_row(MESSAGE_OPENED), datagram, n_bytes, &message);
    CHECK_INT(message.kind, ==, fault == FAULT_NONE ? MESSAGE_OPENED : MESSAGE_NONE);
    return fault;
}

#define OPENED(literal) opened(literal, sizeof(literal) - 1)

TEST(the_envelope_holds_one_whole_message)
{
    set_up();
    CHECK_INT(OPENED(""), ==, FAULT_ZERO_LENGTH);
    CHECK_INT(opened(NULL, 0), ==, FAULT_ZERO_LENGTH);
    CHECK_INT(OPENED("\x3a"), ==, FAULT_ENVELOPE);
    CHECK_INT(OPENED("\x3a\x00"), ==, FAULT_NONE);
    CHECK_INT(OPENED("\x3a\x80\x00"), ==, FAULT_ENVELOPE);
    CHECK_INT(OPENED("\x3a\x02\x08"), ==, FAULT_ENVELOPE);         /* cut */
    CHECK_INT(OPENED("\x3a\x02\x08\x01\x00"), ==, FAULT_ENVELOPE); /* a byte too many */
    CHECK_INT(OPENED("\x3a\x00\x3a\x00"), ==, FAULT_ENVELOPE);     /* merged */
    CHECK_INT(OPENED("\x38\x00"), ==, FAULT_ENVELOPE);             /* a number */
    CHECK_INT(OPENED("\xba\x00\x00"), ==, FAULT_ENVELOPE);         /* the tag in two bytes */
    CHECK_INT(OPENED("\x80"), ==, FAULT_ENVELOPE);
    CHECK_INT(OPENED("\x02\x00"), ==, FAULT_UNKNOWN_KIND);
    const size_t n = wire_write_varint(bytes, MESSAGE_KIND_COUNT << 3 | 2);
    bytes[n] = 0;
    CHECK_INT(opened((const char *)bytes, n + 1), ==, FAULT_UNKNOWN_KIND); /* one beyond the last */
    CHECK_INT(OPENED("\xba\x80\x80\x80\x80\x80\x80\x80\x80\x01\x00"), ==, FAULT_UNKNOWN_KIND);
    CHECK_INT(OPENED("\x4a\x00"), ==, FAULT_DIRECTION); /* Paint */
    CHECK_INT(OPENED("\x62\x00"), ==, FAULT_DIRECTION); /* Inject */
    CHECK_INT(OPENED("\x52\x00"), ==, FAULT_STATE);     /* Painted */
    CHECK_INT(OPENED("\x6a\x00"), ==, FAULT_STATE);     /* Injected */
}

TEST(hostile_bodies_have_their_numbers)
{
    set_up();
    CHECK_INT(OPENED("\x3a\x0c\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), ==, FAULT_VARINT);
    CHECK_INT(OPENED("\x3a\x02\x30\x01"), ==, FAULT_UNKNOWN_FIELD);
    CHECK_INT(OPENED("\x3a\x05\x0d\x01\x01\x01\x01"), ==, FAULT_WIRE_TYPE);
    CHECK_INT(OPENED("\x3a\x02\x0b\x0c"), ==, FAULT_WIRE_TYPE); /* a group */
    CHECK_INT(OPENED("\x3a\x04\x08\x01\x08\x01"), ==, FAULT_DUPLICATE_FIELD);
    CHECK_INT(OPENED("\x3a\x03\x22\x7fx"), ==, FAULT_LENGTH);
    CHECK_INT(OPENED("\x3a\x04\x22\x02\xc0\x80"), ==, FAULT_UTF8);
    CHECK_INT(OPENED("\x3a\x05\x22\x03"
                     "a\0b"),
              ==, FAULT_UTF8);

    struct message message;
    const char not_a_number[] = "\x4a\x05\x25\x00\x00\xc0\x7f";
    CHECK_INT(decode_as(message_row(MESSAGE_PAINT), not_a_number, 7, &message), ==, FAULT_NUMBER);
}

static enum message_fault decode_when(enum message_when when, enum message_sender sender, const char *literal,
                                      size_t n_bytes, size_t n_fds)
{
    const struct datagram datagram = {.bytes = (const uint8_t *)literal, .n_bytes = n_bytes, .n_fds = n_fds};
    struct message message;
    return message_decode(&datagram, sender, when, &arena, &message);
}

#define INJECT(when, literal)          decode_when(when, SENDER_BROKER, literal, sizeof(literal) - 1, 0)
#define INJECTED(when, literal, n_fds) decode_when(when, SENDER_RENDERER, literal, sizeof(literal) - 1, n_fds)

/* A renderer that is told to fail must be idle; what it answers must have been asked. */
TEST(inject_and_its_answer)
{
    set_up();
    CHECK_INT(INJECT(WHEN_READY, "\x62\x04\x08\x01\x10\x02"), ==, FAULT_NONE);
    CHECK_INT(INJECT(WHEN_IDLE, "\x62\x04\x08\x01\x10\x02"), ==, FAULT_NONE);
    CHECK_INT(INJECT(WHEN_OPENING, "\x62\x04\x08\x01\x10\x02"), ==, FAULT_STATE);
    CHECK_INT(INJECT(WHEN_INJECTING, "\x62\x04\x08\x01\x10\x02"), ==, FAULT_STATE);
    CHECK_INT(INJECT(WHEN_REFUSED, "\x62\x04\x08\x01\x10\x02"), ==, FAULT_STATE);
    CHECK_INT(INJECT(WHEN_IDLE, "\x62\x06\x10\xff\xff\xff\xff\x1f"), ==, FAULT_VARINT); /* 33 bits of fault */
    CHECK_INT(INJECT(WHEN_IDLE, "\x62\x02\x20\x01"), ==, FAULT_UNKNOWN_FIELD);
    CHECK_INT(INJECT(WHEN_IDLE, "\x62\x04\x18\x01\x18\x01"), ==, FAULT_DUPLICATE_FIELD);
    CHECK_INT(INJECT(WHEN_IDLE, "\x62\x03\x12\x01\x01"), ==, FAULT_WIRE_TYPE);

    CHECK_INT(INJECTED(WHEN_INJECTING, "\x6a\x02\x08\x01", 0), ==, FAULT_NONE);
    CHECK_INT(INJECTED(WHEN_IDLE, "\x6a\x02\x08\x01", 0), ==, FAULT_STATE);
    CHECK_INT(INJECTED(WHEN_INJECTING, "\x6a\x02\x08\x01", 1), ==, FAULT_FD_COUNT);
    CHECK_INT(INJECTED(WHEN_INJECTING, "\x6a\x02\x10\x01", 0), ==, FAULT_UNKNOWN_FIELD);
    CHECK_INT(INJECTED(WHEN_INJECTING, "\x62\x02\x08\x01", 0), ==, FAULT_DIRECTION);
    /* One byte beyond the largest. */
    CHECK_INT(message_row(MESSAGE_INJECT)->max_bytes, ==, 2 + 11 + 6 + 6);
    CHECK_INT(message_row(MESSAGE_INJECTED)->max_bytes, ==, 2 + 11);
    CHECK_INT(INJECTED(WHEN_INJECTING, "\x6a\x0c\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00", 0), ==,
              FAULT_OVERSIZED);

    Vitrine__Inject inject = VITRINE__INJECT__INIT;
    inject.serial = 7;
    inject.fault = 3;
    inject.moment = 2;
    struct message message;
    const size_t n = message_encode(MESSAGE_INJECT, &inject.base, bytes);
    REQUIRE(decode_as(message_row(MESSAGE_INJECT), bytes, n, &message) == FAULT_NONE);
    CHECK_INT(message.inject->serial, ==, 7);
    CHECK_INT(message.inject->fault, ==, 3);
    CHECK_INT(message.inject->moment, ==, 2);
}

TEST(fields_have_caps_of_their_own)
{
    CHECK_INT(message_row(MESSAGE_OPENED)->fields[3].max, ==, 2048);
    CHECK_INT(message_row(MESSAGE_REFUSED)->fields[2].max, ==, 1024);
    CHECK_INT(message_row(MESSAGE_OPEN)->fields[4].max, ==, 16);
    CHECK_INT(message_row(MESSAGE_READY)->fields[1].max, ==, 32);
    CHECK_INT(message_row(MESSAGE_READY)->fields[2].max, ==, 16);

    set_up();
    Vitrine__Opened body = VITRINE__OPENED__INIT;
    body.title = filler + sizeof(filler) - 1 - 2049; /* one too long, though the whole is below the cap */
    filler[sizeof(filler) - 1] = '\0';
    size_t n_body = protobuf_c_message_get_packed_size(&body.base);
    bytes[0] = MESSAGE_OPENED << 3 | 2;
    size_t n = 1 + wire_write_varint(bytes + 1, n_body);
    protobuf_c_message_pack(&body.base, bytes + n);
    CHECK_INT(n + n_body, <=, message_row(MESSAGE_OPENED)->max_bytes);
    CHECK_INT(opened((const char *)bytes, n + n_body), ==, FAULT_LENGTH);
}

/* Of this process alone: others may have the processor for longer than what is measured. */
static uint64_t cpu_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Each a whole datagram of the largest size that protobuf-c alone would work on for long, or use much memory for. */
TEST(bombs_are_refused_at_once)
{
    static const struct {
        const char *what, *unit;
        size_t n_unit;
    } bombs[] = {
        {"the same field again and again", "\x08\x01", 2}, {"empty repeated fields", "\x1a\x00", 2},
        {"messages merged into one", "\x3a\x00", 2},       {"unknown fields", "\x78\x01", 2},
        {"unknown groups, ever deeper", "\x7b", 1},        {"a varint without end", "\xff", 1},
        {"nested lengths", "\x3a\xff\xff\x03", 4},
    };
    set_up();
    for
        EACH_KIND(row)
        {
            for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
                const size_t n_tag = wire_write_varint(bytes, kind << 3 | 2);
                size_t n_head = n_tag + wire_write_varint(bytes + n_tag, sizeof(bytes) - n_tag - 3);
                for (size_t at = n_head; at < sizeof(bytes); at++)
                    bytes[at] = (uint8_t)bombs[i].unit[(at - n_head) % bombs[i].n_unit];
                /* As large as it gets, and as large as the kind may be. */
                struct message message;
                uint64_t start_ns = cpu_now_ns();
                CHECK(decode_as(row, bytes, sizeof(bytes), &message) == FAULT_OVERSIZED);
                CHECK_INT(arena.n_used, ==, 0);
                size_t n_head_small = n_tag + 1;
                while (n_head_small < n_tag + wire_varint_bytes(row->max_bytes - n_head_small))
                    n_head_small++;
                memmove(bytes + n_head_small, bytes + n_head, row->max_bytes);
                wire_write_varint(bytes + n_tag, row->max_bytes - n_head_small);
                enum message_fault fault = decode_as(row, bytes, row->max_bytes, &message);
                if (fault == FAULT_NONE && row->n_fields > 0)
                    FAIL("%s: %s was accepted", row->name, bombs[i].what);
                CHECK_INT(cpu_now_ns() - start_ns, <, NS_PER_MS);
            }
        }
}

/* Random damage to good messages: what the scan lets pass, protobuf-c reads without a remainder, and it fits. */
TEST(what_is_accepted_is_understood)
{
    set_up();
    srandom(3);
    size_t n_accepted = 0;
    for (int round = 0; round < 3000; round++) {
        for
            EACH_KIND(row)
            {
                union any_body body;
                struct message message;
                fill(&body, row);
                size_t n = message_encode(kind, &body.base, bytes);
                for (long damage = random() % 4; damage > 0; damage--)
                    bytes[(size_t)random() % n] = (uint8_t)random();
                if (decode_as(row, bytes, n, &message) != FAULT_NONE)
                    continue;
                n_accepted++;
                /* Another kind, perhaps, that the same sender may send then. */
                const struct message_row *what = message_row(message.kind);
                CHECK(what->sender == row->sender && what->when & any_time(row));
                CHECK_INT(message.base->n_unknown_fields, ==, 0);
                CHECK(message.base->descriptor == what->descriptor);
                static uint8_t again[CHANNEL_MAX_BYTES];
                message_encode(message.kind, message.base, again); /* would abort if a cap were broken */
            }
    }
    CHECK_INT(n_accepted, >, 1000);
}

TEST(send_goes_through_the_channel)
{
    set_up();
    int a, b;
    struct channel ours, theirs;
    REQUIRE(channel_pair(&a, &b) == 0);
    channel_init(&ours, a, false);
    channel_init(&theirs, b, true);

    Vitrine__Spawned spawned = VITRINE__SPAWNED__INIT;
    spawned.serial = 9;
    CHECK_INT(message_send(&theirs, MESSAGE_SPAWNED, &spawned.base, (const int[]){0}, 1), ==, 0);
    struct datagram datagram;
    struct message message;
    CHECK_INT(channel_receive(&ours, bytes, &datagram), ==, 0);
    CHECK_INT(datagram.n_fds, ==, 1);
    CHECK_INT(message_decode(&datagram, SENDER_ZYGOTE, WHEN_WARM, &arena, &message), ==, FAULT_NONE);
    CHECK_INT(message.spawned->serial, ==, 9);
    datagram_finish(&datagram);

    /* The broker's end queues where a renderer's would wait. */
    Vitrine__Paint paint = VITRINE__PAINT__INIT;
    while (!channel_wants_flush(&ours))
        REQUIRE(message_send(&ours, MESSAGE_PAINT, &paint.base, NULL, 0) == 0);
    channel_finish(&ours);
    channel_finish(&theirs);
}
