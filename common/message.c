#include "common/message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What a value takes at most, with its tag. The byte caps below are sums of these, so that no field can hide behind
 * the slack of another. */
enum {
    BYTES_U64 = 1 + 10,
    BYTES_U32 = 1 + 5,
    BYTES_FLOAT = 1 + 4,
    BYTES_EMPTY = 1 + 1, /* an envelope around nothing, a string of no length */
};
#define BYTES_STRING(n) (BYTES_EMPTY + ((n) >= 1 << 7) + ((n) >= 1 << 14) + (n))
#define BYTES_PACKED(n) BYTES_STRING((n)*5)

#define MAX_LAYERS    32
#define MAX_RUNGS     16
#define MAX_EXTENSION 16
#define MAX_TITLE     2048
#define MAX_DETAIL    1024

#define U32       .type = WIRE_VARINT32
#define S32       .type = WIRE_ZIGZAG32
#define U64       .type = WIRE_VARINT64
#define FLOAT     .type = WIRE_FLOAT
#define STRING(n) .type = WIRE_STRING, .max = (n)
#define BYTES(n)  .type = WIRE_BYTES, .max = (n)
#define PACKED(n) .type = WIRE_PACKED32, .max = (n)

/* Where a field lies in the struct of its kind. */
#define IN(type, member) .offset = offsetof(Vitrine__##type, member)

/* The fields of each body, in the order of their numbers, as proto/tab.proto has them. */
static const struct wire_field spawn_fields[] = {{U64}, {U64}, {U64}};
static const struct wire_field spawned_fields[] = {{U64}, {U32}};
static const struct wire_field layers_fields[] = {{U32}, {BYTES(MAX_LAYERS)}, {PACKED(MAX_RUNGS)}};
static const struct wire_field ready_fields[] = {{U32}, {BYTES(MAX_LAYERS)}, {PACKED(MAX_RUNGS)}, {U32}};
static const struct wire_field open_fields[] = {{U64}, {U64}, {U32}, {U32}, {STRING(MAX_EXTENSION)}};
static const struct wire_field opened_fields[] = {{U64}, {U32}, {U32}, {STRING(MAX_TITLE)}, {U64}};
static const struct wire_field refused_fields[] = {{U64}, {U32}, {STRING(MAX_DETAIL)}};
static const struct wire_field paint_fields[] = {
    {U64, IN(Paint, serial)}, {U32, IN(Paint, slot)}, {U32, IN(Paint, page)},
    {FLOAT, IN(Paint, zoom)}, {S32, IN(Paint, x_px)}, {S32, IN(Paint, y_px)},
};
static const struct wire_field painted_fields[] = {
    {U64, IN(Painted, serial)}, {U32, IN(Painted, slot)}, {U64, IN(Painted, paint_ns)}};
static const struct wire_field progressed_fields[] = {{U64, IN(Progressed, serial)}, {U64, IN(Progressed, done)}};
static const struct wire_field inject_fields[] = {
    {U64, IN(Inject, serial)}, {U32, IN(Inject, fault)}, {U32, IN(Inject, moment)}};
static const struct wire_field serial_fields[] = {{U64, IN(Injected, serial)}}; /* all that have nothing else, too */
static const struct wire_field connect_fields[] = {{U64}, {U32}, {U64}};
static const struct wire_field exchange_fields[] = {{U64}, {U64}, {U32}, {U32}, {U32}};
static const struct wire_field exchanged_fields[] = {{U64}, {U64}, {U64}, {U64}, {U64},
                                                     {U64}, {U64}, {U64}, {U64}, {U64}};
static const struct wire_field port_closed_fields[] = {{U64}, {U32}};
static const struct wire_field ping_fields[] = {{U64, IN(Ping, serial)},
                                                {BYTES(MESSAGE_MAX_PAYLOAD), IN(Ping, payload)}}; /* Ponged too */

enum {
    BYTES_SPAWN = 3 * BYTES_U64,
    BYTES_LAYERS = BYTES_U32 + BYTES_STRING(MAX_LAYERS) + BYTES_PACKED(MAX_RUNGS),
    BYTES_SPAWNED = BYTES_U64 + BYTES_U32,
    BYTES_OPEN = 2 * BYTES_U64 + 2 * BYTES_U32 + BYTES_STRING(MAX_EXTENSION),
    BYTES_OPENED = 2 * BYTES_U64 + 2 * BYTES_U32 + BYTES_STRING(MAX_TITLE),
    BYTES_REFUSED = BYTES_U64 + BYTES_U32 + BYTES_STRING(MAX_DETAIL),
    BYTES_PAINT = BYTES_U64 + 4 * BYTES_U32 + BYTES_FLOAT,
    BYTES_PAINTED = 2 * BYTES_U64 + BYTES_U32,
    BYTES_PROGRESSED = 2 * BYTES_U64,
    BYTES_INJECT = BYTES_U64 + 2 * BYTES_U32,
    BYTES_SERIAL = BYTES_U64,
    BYTES_READY = BYTES_LAYERS + BYTES_U32,
    BYTES_PING = BYTES_U64 + BYTES_STRING(MESSAGE_MAX_PAYLOAD),
    BYTES_CONNECT = 2 * BYTES_U64 + BYTES_U32,
    BYTES_EXCHANGE = 2 * BYTES_U64 + 3 * BYTES_U32,
    BYTES_EXCHANGED = 10 * BYTES_U64,
    BYTES_PORT_CLOSED = BYTES_U64 + BYTES_U32,
};

/* The envelope is a string's: tag and length. From kind 16 on the tag has two bytes: what is sent often has a small
 * number. */
#define CAP(body_bytes)      .max_bytes = BYTES_STRING(body_bytes)
#define CAP_RARE(body_bytes) .max_bytes = BYTES_STRING(body_bytes) + 1
#define FIELDS(table)        .fields = (table), .n_fields = sizeof(table) / sizeof((table)[0])
#define FDS(min, max)        .min_fds = (min), .max_fds = (max)

/* Room for any flat body. One that outgrows it is not flat. */
#define FLAT_BYTES 64
#define FLAT(type) .flat = sizeof(Vitrine__##type) <= FLAT_BYTES

static const struct message_row rows[MESSAGE_KIND_COUNT] = {
    [MESSAGE_SPAWN] = {.name = "Spawn",
                       .sender = SENDER_BROKER,
                       .when = WHEN_WARMING | WHEN_WARM,
                       .descriptor = &vitrine__spawn__descriptor,
                       CAP(BYTES_SPAWN),
                       FDS(2, 2),
                       FIELDS(spawn_fields)},
    [MESSAGE_WARMED] = {.name = "Warmed",
                        .sender = SENDER_ZYGOTE,
                        .when = WHEN_WARMING,
                        .descriptor = &vitrine__warmed__descriptor,
                        CAP(BYTES_LAYERS),
                        FDS(0, 1),
                        FIELDS(layers_fields)},
    [MESSAGE_SPAWNED] = {.name = "Spawned",
                         .sender = SENDER_ZYGOTE,
                         .when = WHEN_WARM,
                         .descriptor = &vitrine__spawned__descriptor,
                         CAP(BYTES_SPAWNED),
                         FDS(0, 1),
                         FIELDS(spawned_fields)},
    [MESSAGE_LISTENING] = {.name = "Listening",
                           .sender = SENDER_RENDERER,
                           .when = WHEN_CLIMBING,
                           .descriptor = &vitrine__listening__descriptor,
                           CAP(0),
                           FDS(1, 1)},
    [MESSAGE_READY] = {.name = "Ready",
                       .sender = SENDER_RENDERER,
                       .when = WHEN_CLIMBING,
                       .descriptor = &vitrine__ready__descriptor,
                       CAP(BYTES_READY),
                       FDS(0, 0),
                       FIELDS(ready_fields)},
    [MESSAGE_OPEN] = {.name = "Open",
                      .sender = SENDER_BROKER,
                      .when = WHEN_READY,
                      .descriptor = &vitrine__open__descriptor,
                      CAP(BYTES_OPEN),
                      FDS(2, 2),
                      FIELDS(open_fields)},
    [MESSAGE_OPENED] = {.name = "Opened",
                        .sender = SENDER_RENDERER,
                        .when = WHEN_OPENING,
                        .descriptor = &vitrine__opened__descriptor,
                        CAP(BYTES_OPENED),
                        FDS(0, 0),
                        FIELDS(opened_fields)},
    [MESSAGE_REFUSED] = {.name = "Refused",
                         .sender = SENDER_RENDERER,
                         .when = WHEN_OPENING | WHEN_PAINTING,
                         .descriptor = &vitrine__refused__descriptor,
                         CAP(BYTES_REFUSED),
                         FDS(0, 0),
                         FIELDS(refused_fields)},
    [MESSAGE_PAINT] = {.name = "Paint",
                       .sender = SENDER_BROKER,
                       .when = WHEN_IDLE,
                       .descriptor = &vitrine__paint__descriptor,
                       CAP(BYTES_PAINT),
                       FDS(0, 0),
                       FIELDS(paint_fields),
                       FLAT(Paint)},
    [MESSAGE_PAINTED] = {.name = "Painted",
                         .sender = SENDER_RENDERER,
                         .when = WHEN_PAINTING,
                         .descriptor = &vitrine__painted__descriptor,
                         CAP(BYTES_PAINTED),
                         FDS(0, 0),
                         FIELDS(painted_fields),
                         FLAT(Painted)},
    [MESSAGE_PROGRESSED] = {.name = "Progressed",
                            .sender = SENDER_RENDERER,
                            .when = WHEN_OPENING | WHEN_PAINTING | WHEN_INJECTING,
                            .descriptor = &vitrine__progressed__descriptor,
                            CAP(BYTES_PROGRESSED),
                            FDS(0, 0),
                            FIELDS(progressed_fields),
                            FLAT(Progressed)},
    [MESSAGE_INJECT] = {.name = "Inject",
                        .sender = SENDER_BROKER,
                        .when = WHEN_READY | WHEN_IDLE,
                        .descriptor = &vitrine__inject__descriptor,
                        CAP(BYTES_INJECT),
                        FDS(0, 0),
                        FIELDS(inject_fields),
                        FLAT(Inject)},
    [MESSAGE_INJECTED] = {.name = "Injected",
                          .sender = SENDER_RENDERER,
                          .when = WHEN_INJECTING,
                          .descriptor = &vitrine__injected__descriptor,
                          CAP(BYTES_SERIAL),
                          FDS(0, 0),
                          FIELDS(serial_fields),
                          FLAT(Injected)},
    [MESSAGE_PING] = {.name = "Ping",
                      .sender = SENDER_BROKER,
                      .when = WHEN_READY | WHEN_IDLE,
                      .peer_when = WHEN_CONNECTED | WHEN_EXCHANGING,
                      .descriptor = &vitrine__ping__descriptor,
                      CAP(BYTES_PING),
                      FDS(0, 0),
                      FIELDS(ping_fields),
                      FLAT(Ping)},
    [MESSAGE_PONGED] = {.name = "Ponged",
                        .sender = SENDER_RENDERER,
                        .when = WHEN_PINGING,
                        .peer_when = WHEN_CONNECTED | WHEN_EXCHANGING, /* late ones come after the Exchange */
                        .descriptor = &vitrine__ponged__descriptor,
                        CAP(BYTES_PING),
                        FDS(0, 0),
                        FIELDS(ping_fields),
                        FLAT(Ponged)},
    [MESSAGE_SHARE] = {.name = "Share",
                       .sender = SENDER_BROKER,
                       .when = WHEN_READY | WHEN_IDLE,
                       .descriptor = &vitrine__share__descriptor,
                       CAP_RARE(BYTES_SERIAL),
                       FDS(3, 3),
                       FIELDS(serial_fields)},
    [MESSAGE_JOINED] = {.name = "Joined",
                        .sender = SENDER_RENDERER,
                        .when = WHEN_SHARING,
                        .descriptor = &vitrine__joined__descriptor,
                        CAP_RARE(BYTES_SERIAL),
                        FDS(0, 0),
                        FIELDS(serial_fields)},
    [MESSAGE_CONNECT] = {.name = "Connect",
                         .sender = SENDER_BROKER,
                         .when = WHEN_APART,
                         .descriptor = &vitrine__connect__descriptor,
                         CAP_RARE(BYTES_CONNECT),
                         FDS(3, 3),
                         FIELDS(connect_fields)},
    [MESSAGE_CONNECTED] = {.name = "Connected",
                           .sender = SENDER_RENDERER,
                           .when = WHEN_CONNECTING,
                           .descriptor = &vitrine__connected__descriptor,
                           CAP_RARE(BYTES_SERIAL),
                           FDS(0, 0),
                           FIELDS(serial_fields)},
    [MESSAGE_EXCHANGE] = {.name = "Exchange",
                          .sender = SENDER_BROKER,
                          .when = WHEN_CONNECTED,
                          .descriptor = &vitrine__exchange__descriptor,
                          CAP_RARE(BYTES_EXCHANGE),
                          FDS(0, 0),
                          FIELDS(exchange_fields)},
    [MESSAGE_EXCHANGED] = {.name = "Exchanged",
                           .sender = SENDER_RENDERER,
                           .when = WHEN_EXCHANGING | WHEN_DISCONNECTING,
                           .descriptor = &vitrine__exchanged__descriptor,
                           CAP_RARE(BYTES_EXCHANGED),
                           FDS(0, 0),
                           FIELDS(exchanged_fields)},
    [MESSAGE_DISCONNECT] = {.name = "Disconnect",
                            .sender = SENDER_BROKER,
                            .when = WHEN_CONNECTED | WHEN_EXCHANGING,
                            .descriptor = &vitrine__disconnect__descriptor,
                            CAP_RARE(BYTES_SERIAL),
                            FDS(0, 0),
                            FIELDS(serial_fields)},
    [MESSAGE_DISCONNECTED] = {.name = "Disconnected",
                              .sender = SENDER_RENDERER,
                              .when = WHEN_DISCONNECTING,
                              .descriptor = &vitrine__disconnected__descriptor,
                              CAP_RARE(BYTES_SERIAL),
                              FDS(0, 0),
                              FIELDS(serial_fields)},
    [MESSAGE_PORT_CLOSED] = {.name = "PortClosed",
                             .sender = SENDER_RENDERER,
                             .when = WHEN_CONNECTED | WHEN_EXCHANGING | WHEN_DISCONNECTING,
                             .descriptor = &vitrine__port_closed__descriptor,
                             CAP_RARE(BYTES_PORT_CLOSED),
                             FDS(0, 0),
                             FIELDS(port_closed_fields)},
};

const struct message_row *message_row(unsigned kind)
{
    return kind != MESSAGE_NONE && kind < MESSAGE_KIND_COUNT ? &rows[kind] : NULL;
}

const char *message_name(enum message_kind kind)
{
    const struct message_row *row = message_row(kind);
    return row ? row->name : "none";
}

static enum message_codec codec_in_use;

void message_use_codec(enum message_codec codec)
{
    codec_in_use = codec;
}

static bool is_direct(const struct message_row *row)
{
    return row->flat && codec_in_use == CODEC_DIRECT;
}

static enum message_fault read_kind(const uint8_t **cursor, const uint8_t *end, enum message_kind *ret_kind)
{
    uint64_t tag;
    if (!wire_read_varint(cursor, end, &tag))
        return FAULT_ENVELOPE;
    if (tag >> 3 == MESSAGE_NONE || tag >> 3 >= MESSAGE_KIND_COUNT)
        return FAULT_UNKNOWN_KIND;
    if ((tag & 7) != LAID_DELIMITED)
        return FAULT_ENVELOPE;
    *ret_kind = (enum message_kind)(tag >> 3);
    return FAULT_NONE;
}

static enum message_fault check_row(const struct message_row *row, const struct datagram *datagram,
                                    enum message_sender sender, unsigned when)
{
    const unsigned legal = sender == SENDER_PEER ? row->peer_when : row->when;
    if (sender == SENDER_PEER ? legal == 0 : row->sender != sender)
        return FAULT_DIRECTION;
    if (!(legal & when))
        return FAULT_STATE;
    if (datagram->n_bytes > row->max_bytes)
        return FAULT_OVERSIZED;
    if (datagram->n_fds < row->min_fds || datagram->n_fds > row->max_fds)
        return FAULT_FD_COUNT;
    return FAULT_NONE;
}

static enum message_fault unpack_flat(const struct message_row *row, const uint8_t *bytes, size_t n_bytes,
                                      struct arena *arena, const ProtobufCMessage **ret_body)
{
    ProtobufCMessage *body = arena_alloc(arena, FLAT_BYTES);
    memset(body, 0, FLAT_BYTES); /* the arena is fresh, it has room */
    body->descriptor = row->descriptor;
    *ret_body = body;
    return wire_unpack(bytes, n_bytes, row->fields, row->n_fields, body);
}

static enum message_fault unpack(const struct message_row *row, const uint8_t *bytes, size_t n_bytes,
                                 struct arena *arena, const ProtobufCMessage **ret_body)
{
    enum message_fault fault = wire_scan(bytes, n_bytes, row->fields, row->n_fields);
    if (fault != FAULT_NONE)
        return fault;
    *ret_body = protobuf_c_message_unpack(row->descriptor, &arena->allocator, n_bytes, bytes);
    return *ret_body ? FAULT_NONE : FAULT_UNPACK;
}

/* The cursor stands behind the envelope's tag; one body has to fill the rest. */
static enum message_fault read_body(const struct message_row *row, const uint8_t *cursor, const uint8_t *end,
                                    struct arena *arena, const ProtobufCMessage **ret_body)
{
    uint64_t n_body;
    if (!wire_read_varint(&cursor, end, &n_body) || n_body != (size_t)(end - cursor))
        return FAULT_ENVELOPE;
    return (is_direct(row) ? unpack_flat : unpack)(row, cursor, n_body, arena, ret_body);
}

enum message_fault message_decode(const struct datagram *datagram, enum message_sender sender, unsigned when,
                                  struct arena *arena, struct message *ret_message)
{
    struct message message = {.kind = MESSAGE_NONE};
    enum message_kind kind = MESSAGE_NONE;
    arena_init(arena);
    *ret_message = message;
    if (datagram->n_bytes == 0)
        return FAULT_ZERO_LENGTH;

    const uint8_t *cursor = datagram->bytes, *end = cursor + datagram->n_bytes;
    enum message_fault fault = read_kind(&cursor, end, &kind);
    if (fault == FAULT_NONE)
        fault = check_row(&rows[kind], datagram, sender, when);
    if (fault == FAULT_NONE)
        fault = read_body(&rows[kind], cursor, end, arena, &message.base);
    if (fault == FAULT_NONE) {
        message.kind = kind;
        *ret_message = message;
    }
    return fault;
}

/* The length stands before the body, but is known after it, and nothing is to be walked twice: room is left for what the
 * length cannot exceed, which is nearly always what it takes. */
static size_t pack_flat(const struct message_row *row, const ProtobufCMessage *body, uint8_t *out)
{
    assert(body->n_unknown_fields == 0);
    const size_t n_room = wire_varint_bytes(wire_bound(body, row->fields, row->n_fields));
    const size_t n_body = wire_pack(body, row->fields, row->n_fields, out + n_room);
    const size_t n_length = wire_varint_bytes(n_body);
    if (n_length < n_room)
        memmove(out + n_length, out + n_room, n_body);
    return wire_write_varint(out, n_body) + n_body;
}

static size_t pack(const struct message_row *row, const ProtobufCMessage *body, uint8_t *out)
{
    const size_t n_body = protobuf_c_message_get_packed_size(body);
    /* Not an assert: in a build without them this would write beyond the caller's buffer. */
    if (n_body > row->max_bytes)
        abort();
    const size_t n_length = wire_write_varint(out, n_body);
    protobuf_c_message_pack(body, out + n_length);
    assert(wire_scan(out + n_length, n_body, row->fields, row->n_fields) == FAULT_NONE);
    return n_length + n_body;
}

size_t message_encode(enum message_kind kind, const ProtobufCMessage *body, uint8_t *out)
{
    const struct message_row *row = message_row(kind);
    assert(row && row->descriptor == body->descriptor);

    const size_t n_tag = wire_write_varint(out, (uint64_t)kind << 3 | LAID_DELIMITED);
    return n_tag + (is_direct(row) ? pack_flat : pack)(row, body, out + n_tag);
}

int message_send(struct channel *ch, enum message_kind kind, const ProtobufCMessage *body, const int *fds, size_t n_fds)
{
    uint8_t bytes[MESSAGE_MAX_BYTES];
    size_t n_bytes = message_encode(kind, body, bytes);
    return ch->blocking ? channel_send(ch, bytes, n_bytes, fds, n_fds) : channel_post(ch, bytes, n_bytes, fds, n_fds);
}
