/* bench codec: what a message costs before and after it travels, directly and by protobuf-c. */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/report.h"
#include "common/clock.h"
#include "common/message.h"

#define RUNS  500
#define TURNS 2000 /* of a loop, whose mean is one sample */

/* One kind of message as it is sent and as it comes. */
struct subject {
    const char *name, *title;
    enum message_kind kind;
    const ProtobufCMessage *body;
    uint8_t bytes[MESSAGE_MAX_BYTES];
    struct datagram datagram;
};

static struct arena arena;
static uint8_t payload[1024];

/* ---- what is timed -------------------------------------------------------------------------------------------------- */

static void decode(const struct datagram *datagram, struct message *ret_message)
{
    const uint8_t *cursor = datagram->bytes;
    uint64_t tag;
    wire_read_varint(&cursor, cursor + datagram->n_bytes, &tag);
    const struct message_row *row = message_row((unsigned)(tag >> 3));
    const enum message_when when = (enum message_when)(row->when & -row->when);
    if (message_decode(datagram, row->sender, when, &arena, ret_message) != FAULT_NONE)
        bench_fail("%s is not decoded", row->name);
}

static void pack(struct subject *subject)
{
    message_encode(subject->kind, subject->body, subject->bytes);
}

static void unpack(struct subject *subject)
{
    struct message message;
    decode(&subject->datagram, &message);
}

/* What both sides do to the messages of one call: a Ping, and its Ponged. */
static void call(struct subject *ping)
{
    static uint8_t answer[MESSAGE_MAX_BYTES];
    struct message message;
    ping->datagram.n_bytes = message_encode(ping->kind, ping->body, ping->bytes);
    decode(&ping->datagram, &message);

    Vitrine__Ponged ponged = VITRINE__PONGED__INIT;
    ponged.serial = message.ping->serial;
    ponged.payload = message.ping->payload;
    struct datagram datagram = {.bytes = answer};
    datagram.n_bytes = message_encode(MESSAGE_PONGED, &ponged.base, answer);
    decode(&datagram, &message);
}

static double mean_ns(void (*work)(struct subject *subject), struct subject *subject)
{
    const uint64_t before = clock_now_ns();
    for (int turn = 0; turn < TURNS; turn++)
        work(subject);
    return (double)(clock_now_ns() - before) / TURNS;
}

/* ---- the wire scan --------------------------------------------------------------------------------------------------- */

/* Six fields, one of them text, in 68 bytes. No message of ours is just so, but published figures are about such. */
static const struct wire_field six_fields[] = {
    {.type = WIRE_VARINT64}, {.type = WIRE_VARINT32},           {.type = WIRE_ZIGZAG32},
    {.type = WIRE_FLOAT},    {.type = WIRE_STRING, .max = 100}, {.type = WIRE_VARINT64},
};
static uint8_t six[] = "\x08\x80\x89\x7a\x10\xb8\x08\x18\x07\x25\x00\x00\x80\x3f"
                       "\x2a\x2fthe quick brown fox jumps over a dog who sleeps"
                       "\x30\xb9\xf4\x94\x01";
#define N_SIX (sizeof six - 1)

static void scan_six(struct subject *subject)
{
    (void)subject;
    if (wire_scan(six, N_SIX, six_fields, sizeof six_fields / sizeof six_fields[0]) != FAULT_NONE)
        bench_fail("what is to be scanned is not legal");
}

static void measure_scan(unsigned n_runs)
{
    struct series scan_ns = {0};
    for (unsigned run = 0; run < n_runs; run++)
        series_add(&scan_ns, mean_ns(scan_six, NULL));
    char name[64];
    snprintf(name, sizeof name, "scan of six fields, %zu bytes", N_SIX);
    report_section("codec-scan", "The judgement of a message, which nothing is decoded without");
    report_series(name, &scan_ns, "ns");
    series_finish(&scan_ns);
}

/* ---- both codecs in turn ----------------------------------------------------------------------------------------------- */

static const char *const codecs[] = {[CODEC_DIRECT] = "direct", [CODEC_PROTOBUF_C] = "protobuf-c"};
#define N_CODECS (sizeof codecs / sizeof codecs[0])

static void measure(const char *what, void (*work)(struct subject *subject), struct subject *subject, unsigned n_runs)
{
    struct series cost_ns[N_CODECS] = {0};
    for (unsigned run = 0; run < n_runs; run++) {
        for (unsigned codec = 0; codec < N_CODECS; codec++) {
            message_use_codec((enum message_codec)codec);
            series_add(&cost_ns[codec], mean_ns(work, subject));
        }
    }
    message_use_codec(CODEC_DIRECT);
    for (unsigned codec = 0; codec < N_CODECS; codec++) {
        char name[64];
        snprintf(name, sizeof name, "%s, %s", what, codecs[codec]);
        report_series(name, &cost_ns[codec], "ns");
        series_finish(&cost_ns[codec]);
    }
}

static void measure_subject(struct subject *subject, unsigned n_runs)
{
    subject->datagram.bytes = subject->bytes;
    subject->datagram.n_bytes = message_encode(subject->kind, subject->body, subject->bytes);
    char title[96];
    snprintf(title, sizeof title, "%s, %zu bytes", subject->title, subject->datagram.n_bytes);
    report_section(subject->name, title);
    measure("pack", pack, subject, n_runs);
    measure("unpack", unpack, subject, n_runs);
    if (subject->kind == MESSAGE_PING)
        measure("a call: both, and its answer's", call, subject, n_runs);
}

void bench_codec(const struct bench_options *options)
{
    static const Vitrine__Paint paint = {.base = PROTOBUF_C_MESSAGE_INIT(&vitrine__paint__descriptor),
                                         .serial = 123456,
                                         .slot = 1,
                                         .page = 300,
                                         .zoom = 1.25f,
                                         .x_px = -700,
                                         .y_px = 1200};
    static const Vitrine__Painted painted = {.base = PROTOBUF_C_MESSAGE_INIT(&vitrine__painted__descriptor),
                                             .serial = 123456,
                                             .slot = 1,
                                             .paint_ns = 3123456};
    static const Vitrine__Ping ping = {
        .base = PROTOBUF_C_MESSAGE_INIT(&vitrine__ping__descriptor), .serial = 123456, .payload = {64, payload}};
    static const Vitrine__Ping large_ping = {.base = PROTOBUF_C_MESSAGE_INIT(&vitrine__ping__descriptor),
                                             .serial = 123456,
                                             .payload = {sizeof payload, payload}};
    static struct subject subjects[] = {
        {.name = "codec-paint", .title = "Paint", .kind = MESSAGE_PAINT, .body = &paint.base},
        {.name = "codec-painted", .title = "Painted", .kind = MESSAGE_PAINTED, .body = &painted.base},
        {.name = "codec-ping-64", .title = "Ping with 64 bytes", .kind = MESSAGE_PING, .body = &ping.base},
        {.name = "codec-ping-1024", .title = "Ping with 1 KB", .kind = MESSAGE_PING, .body = &large_ping.base},
    };
    const unsigned n_runs = bench_runs(options, RUNS);
    memset(payload, 'x', sizeof payload);
    measure_scan(n_runs);
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++)
        measure_subject(&subjects[i], n_runs);
    report_note("each sample is the mean of %d in a row", TURNS);
}
