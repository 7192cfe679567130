/* Any bytes as a datagram, from any sender, at any time. The first byte chooses sender and time, the second the
 * number of descriptors, the rest is the datagram.
 *
 * Beside not crashing: what is accepted is legal by its row, leaves no unknown field, and both codecs encode it again as,
 * byte for byte, a second opinion on the wire would. Sender and time decide what they should and nothing else. */
#include "common/message.h"

#include <string.h>

#include "common/text.h"
#include "tests/fuzz/fuzz.h"

#define N_SENDERS 3
#define N_TIMES   16 /* bits of enum message_when, and more than there are */
#define N_HEAD    2

static enum message_sender sender_of(unsigned i)
{
    return (enum message_sender)(i % N_SENDERS);
}

static enum message_when time_of(unsigned i)
{
    return (enum message_when)(1 << i % N_TIMES);
}

/* ---- a second opinion: byte by byte, and what the sender would have written ---------------------------------------- */

/* One varint as our sender writes it: no longer than it has to be, and below 2^bits. */
static bool take_varint(struct choices *rest, unsigned bits, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && rest->n > 0; shift += 7) {
        const uint64_t byte = choose_byte(rest);
        if (shift == 63 && byte > 1)
            return false;
        value |= (byte & 0x7f) << shift;
        if (byte & 0x80)
            continue;
        *ret_value = value;
        return (byte != 0 || shift == 0) && (bits == 64 || value >> 32 == 0);
    }
    return false;
}

static bool take_float(struct choices *rest, uint64_t *ret_value)
{
    if (rest->n < 4)
        return false;
    *ret_value = choose_number(rest, 4);
    return (*ret_value >> 23 & 0xff) != 0xff && *ret_value != 0x80000000u;
}

static bool is_packed(const uint8_t *bytes, size_t n_bytes, size_t max)
{
    struct choices rest = {bytes, n_bytes};
    uint64_t value;
    size_t n = 0;
    for (; rest.n > 0; n++) {
        if (!take_varint(&rest, 32, &value))
            return false;
    }
    return n <= max;
}

/* What has a length in front of it; its value is that length. */
static bool take_bytes(struct choices *rest, const struct wire_field *field, uint64_t *ret_value)
{
    size_t n;
    if (!take_varint(rest, 64, ret_value) || *ret_value > rest->n)
        return false;
    const uint8_t *bytes = choose_bytes(rest, *ret_value, &n);
    if (field->type == WIRE_PACKED32)
        return is_packed(bytes, n, field->max);
    return n <= field->max && (field->type != WIRE_STRING || text_is_utf8((const char *)bytes, n));
}

static bool take_value(struct choices *rest, unsigned layout, const struct wire_field *field, uint64_t *ret_value)
{
    switch (field->type) {
    case WIRE_VARINT64:
        return layout == 0 && take_varint(rest, 64, ret_value);
    case WIRE_VARINT32:
    case WIRE_ZIGZAG32:
        return layout == 0 && take_varint(rest, 32, ret_value);
    case WIRE_FLOAT:
        return layout == 5 && take_float(rest, ret_value);
    case WIRE_STRING:
    case WIRE_BYTES:
    case WIRE_PACKED32:
        return layout == 2 && take_bytes(rest, field, ret_value);
    }
    return false;
}

struct piece {
    const uint8_t *bytes; /* NULL: the field is not there */
    size_t n;
    bool is_zero;
};

/* Takes a body apart; false when it is not what our sender would write, but for order and zeros. */
static bool take_apart(const struct message_row *row, struct choices rest, struct piece pieces[64])
{
    while (rest.n > 0) {
        const uint8_t *start = rest.at;
        uint64_t tag, value;
        if (!take_varint(&rest, 64, &tag) || tag >> 3 == 0 || tag >> 3 > row->n_fields)
            return false;
        struct piece *piece = &pieces[(tag >> 3) - 1];
        if (piece->bytes != NULL || !take_value(&rest, tag & 7, &row->fields[(tag >> 3) - 1], &value))
            return false;
        *piece = (struct piece){start, (size_t)(rest.at - start), value == 0};
    }
    return true;
}

/* True when a datagram of a known kind has the right content; *ret_n then tells how many bytes in `out` our sender would
 * make of it: its fields in the order of their numbers, without those that are zero. */
static bool write_canonical(const struct message_row *row, const struct datagram *datagram, uint8_t *out, size_t *ret_n)
{
    static uint8_t fields[CHANNEL_MAX_BYTES];
    struct choices rest = {datagram->bytes, datagram->n_bytes};
    struct piece pieces[64] = {0};
    uint64_t tag, n_body;
    if (!take_varint(&rest, 64, &tag) || !take_varint(&rest, 64, &n_body) || n_body != rest.n ||
        !take_apart(row, rest, pieces))
        return false;

    size_t n_fields = 0;
    for (size_t place = 0; place < row->n_fields; place++) {
        if (pieces[place].bytes == NULL || pieces[place].is_zero)
            continue;
        memcpy(fields + n_fields, pieces[place].bytes, pieces[place].n);
        n_fields += pieces[place].n;
    }
    size_t n = wire_write_varint(out, tag);
    n += wire_write_varint(out + n, n_fields);
    if (n_fields > 0)
        memcpy(out + n, fields, n_fields);
    *ret_n = n + n_fields;
    return true;
}

/* ---- what must hold --------------------------------------------------------------------------------------------------- */

static void check_accepted(const struct datagram *datagram, enum message_sender sender, enum message_when when,
                           const struct message *message)
{
    static struct arena arena;
    static uint8_t first[CHANNEL_MAX_BYTES], second[CHANNEL_MAX_BYTES], canonical[CHANNEL_MAX_BYTES];
    const struct message_row *row = message_row(message->kind);
    INSIST(row && row->sender == sender && row->when & when);
    INSIST(datagram->n_bytes <= row->max_bytes);
    INSIST(datagram->n_fds >= row->min_fds && datagram->n_fds <= row->max_fds);
    INSIST(message->base->descriptor == row->descriptor && message->base->n_unknown_fields == 0);

    arena_init(&arena);
    struct message again;
    size_t n_first = message_encode(message->kind, message->base, first);
    INSIST(n_first <= datagram->n_bytes); /* zeros that were sent are left out */
    struct datagram copy = {.bytes = first, .n_bytes = n_first, .n_fds = datagram->n_fds};
    INSIST(message_decode(&copy, sender, when, &arena, &again) == FAULT_NONE);
    size_t n_second = message_encode(again.kind, again.base, second);
    INSIST(n_second == n_first && memcmp(first, second, n_first) == 0);

    size_t n_canonical;
    INSIST(write_canonical(row, datagram, canonical, &n_canonical));
    INSIST(n_canonical == n_first && memcmp(first, canonical, n_first) == 0);
}

/* The codecs agree on what is right, and on what it says. */
static void check_codecs(const struct datagram *datagram, enum message_sender sender, enum message_when when)
{
    static const enum message_codec codecs[] = {CODEC_PROTOBUF_C, CODEC_DIRECT};
    static struct arena arenas[2];
    static uint8_t bytes[CHANNEL_MAX_BYTES], others[CHANNEL_MAX_BYTES];
    struct message messages[2];
    enum message_fault faults[2];
    for (int i = 0; i < 2; i++) {
        message_use_codec(codecs[i]);
        faults[i] = message_decode(datagram, sender, when, &arenas[i], &messages[i]);
    }
    INSIST(faults[0] == faults[1] && messages[0].kind == messages[1].kind);
    for (int i = 0; i < 2 && faults[0] == FAULT_NONE; i++) {
        /* Each reads what the other has made of the message. */
        message_use_codec(codecs[i]);
        const size_t n = message_encode(messages[0].kind, messages[0].base, bytes);
        message_use_codec(codecs[!i]);
        INSIST(message_encode(messages[1].kind, messages[1].base, others) == n && memcmp(bytes, others, n) == 0);
    }
    message_use_codec(CODEC_DIRECT);
}

/* The row of the kind that the datagram says it is; NULL when it says none. */
static const struct message_row *claimed_row(const struct datagram *datagram)
{
    struct choices rest = {datagram->bytes, datagram->n_bytes};
    uint64_t tag;
    if (!take_varint(&rest, 64, &tag) || (tag & 7) != 2)
        return NULL;
    return tag >> 3 < MESSAGE_KIND_COUNT ? message_row((unsigned)(tag >> 3)) : NULL;
}

/* Direction comes before state, state before content; the content's fault is the same whoever sends it, whenever. */
static void check_everybody(const struct datagram *datagram)
{
    static struct arena arena;
    const struct message_row *row = claimed_row(datagram);
    enum message_fault content = FAULT_STATE; /* not seen yet */
    for (unsigned i = 0; i < N_SENDERS * N_TIMES; i++) {
        const enum message_sender sender = sender_of(i / N_TIMES);
        const enum message_when when = time_of(i);
        struct message message;
        const enum message_fault fault = message_decode(datagram, sender, when, &arena, &message);
        if (row && row->sender != sender) {
            INSIST(fault == FAULT_DIRECTION);
        } else if (row && !(row->when & when)) {
            INSIST(fault == FAULT_STATE);
        } else {
            INSIST(content == FAULT_STATE || content == fault);
            content = fault;
        }
    }
    static uint8_t canonical[CHANNEL_MAX_BYTES];
    size_t n_canonical;
    const bool is_right = row && datagram->n_bytes <= row->max_bytes && datagram->n_fds >= row->min_fds &&
                          datagram->n_fds <= row->max_fds && write_canonical(row, datagram, canonical, &n_canonical);
    INSIST(is_right == (content == FAULT_NONE));
    INSIST(content != FAULT_DIRECTION);
    INSIST(content != FAULT_UNPACK); /* what the scan lets pass, protobuf-c takes */
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input)
{
    static struct arena arena;
    if (n_input < N_HEAD || n_input > N_HEAD + CHANNEL_MAX_BYTES)
        return 0;
    const enum message_sender sender = sender_of(input[0]);
    const enum message_when when = time_of(input[0] / N_SENDERS);
    struct datagram datagram = {
        .bytes = input + N_HEAD,
        .n_bytes = n_input - N_HEAD,
        .n_fds = input[1] % (CHANNEL_MAX_FDS + 1),
    };

    arena_init(&arena);
    struct message message;
    const enum message_fault fault = message_decode(&datagram, sender, when, &arena, &message);
    if (fault == FAULT_NONE)
        check_accepted(&datagram, sender, when, &message);
    else
        INSIST(message.kind == MESSAGE_NONE && strcmp(message_fault_name(fault), "unknown") != 0);
    check_codecs(&datagram, sender, when);
    check_everybody(&datagram);
    return 0;
}
