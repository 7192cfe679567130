/* In the steady state a message of a flat kind takes no memory that is not there already. */
#include "common/message.h"
#include "tests/test.h"

#include <stdlib.h>

#include "common/ring.h"

static size_t n_allocations;

#ifdef VITRINE_SANITIZED
/* The sanitizer's allocator is told apart from glibc's by having hooks; one without (UBSan alone) leaves this undefined. */
__attribute__((weak)) int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                                                    void (*on_free)(const volatile void *));

static void count(const volatile void *memory, size_t n_bytes)
{
    (void)memory;
    (void)n_bytes;
    n_allocations++;
}

static void ignore(const volatile void *memory)
{
    (void)memory;
}

static void begin_to_count(void)
{
    if (!__sanitizer_install_malloc_and_free_hooks)
        SKIP("this sanitizer does not tell of allocations");
    REQUIRE(__sanitizer_install_malloc_and_free_hooks(count, ignore) > 0);
    n_allocations = 0;
}
#else
/* What the executable defines, every library uses. glibc has its own under these names, too. */
void *__libc_malloc(size_t n_bytes);
void *__libc_calloc(size_t n, size_t n_bytes);
void *__libc_realloc(void *memory, size_t n_bytes);
void *__libc_memalign(size_t alignment, size_t n_bytes);

void *malloc(size_t n_bytes)
{
    n_allocations++;
    return __libc_malloc(n_bytes);
}

void *calloc(size_t n, size_t n_bytes)
{
    n_allocations++;
    return __libc_calloc(n, n_bytes);
}

void *realloc(void *memory, size_t n_bytes)
{
    n_allocations++;
    return __libc_realloc(memory, n_bytes);
}

void *aligned_alloc(size_t alignment, size_t n_bytes)
{
    n_allocations++;
    return __libc_memalign(alignment, n_bytes);
}

static void begin_to_count(void)
{
    n_allocations = 0;
}
#endif

#define ROUNDS 10000

static struct arena arena;
static uint8_t buffer[CHANNEL_MAX_BYTES];
static uint8_t payload[1024];

/* One message of each flat kind. */
static Vitrine__Paint paint = VITRINE__PAINT__INIT;
static Vitrine__Painted painted = VITRINE__PAINTED__INIT;
static Vitrine__Progressed progressed = VITRINE__PROGRESSED__INIT;
static Vitrine__Inject inject = VITRINE__INJECT__INIT;
static Vitrine__Injected injected = VITRINE__INJECTED__INIT;
static Vitrine__Ping ping = VITRINE__PING__INIT;
static Vitrine__Ponged ponged = VITRINE__PONGED__INIT;

static const struct {
    enum message_kind kind;
    const ProtobufCMessage *body;
} messages[] = {
    {MESSAGE_PAINT, &paint.base},   {MESSAGE_PAINTED, &painted.base},   {MESSAGE_PROGRESSED, &progressed.base},
    {MESSAGE_INJECT, &inject.base}, {MESSAGE_INJECTED, &injected.base}, {MESSAGE_PING, &ping.base},
    {MESSAGE_PONGED, &ponged.base},
};
#define N_MESSAGES (sizeof(messages) / sizeof(messages[0]))

static void set_up(void)
{
    size_t n_flat = 0;
    for (unsigned kind = 1; kind < MESSAGE_KIND_COUNT; kind++)
        n_flat += message_row(kind)->flat;
    REQUIRE(n_flat == N_MESSAGES);

    paint = (Vitrine__Paint){.base = paint.base, .serial = 300, .page = 2, .zoom = 1.5f, .x_px = -3};
    painted = (Vitrine__Painted){.base = painted.base, .serial = 300, .paint_ns = 4000000};
    ping.serial = ponged.serial = 1;
    ping.payload = ponged.payload = (ProtobufCBinaryData){.len = sizeof(payload), .data = payload};
}

static void check_decoded(const struct datagram *datagram, enum message_kind kind)
{
    const struct message_row *row = message_row(kind);
    struct message message;
    REQUIRE(message_decode(datagram, row->sender, (enum message_when)(row->when & -row->when), &arena, &message) ==
            FAULT_NONE);
    CHECK(message.kind == kind);
}

static void exchange_by_channel(struct channel *from, struct channel *to)
{
    for (size_t i = 0; i < N_MESSAGES; i++) {
        struct datagram datagram;
        REQUIRE(message_send(from, messages[i].kind, messages[i].body, NULL, 0) == 0);
        REQUIRE(channel_receive(to, buffer, &datagram) == 0);
        check_decoded(&datagram, messages[i].kind);
        datagram_finish(&datagram);
    }
}

static void exchange_by_ring(struct ring *from, struct ring *to)
{
    for (size_t i = 0; i < N_MESSAGES; i++) {
        struct datagram datagram;
        uint8_t bytes[MESSAGE_MAX_BYTES];
        REQUIRE(ring_send(from, bytes, message_encode(messages[i].kind, messages[i].body, bytes)) == 0);
        REQUIRE(ring_receive(to, buffer, &datagram) == 0);
        check_decoded(&datagram, messages[i].kind);
        datagram_finish(&datagram);
    }
}

/* Both codecs: protobuf-c takes its memory from the arena. */
static void count_in_channel(enum message_codec codec)
{
    set_up();
    message_use_codec(codec);
    int a, b;
    struct channel ours, theirs;
    REQUIRE(channel_pair(&a, &b) == 0);
    channel_init(&ours, a, false);
    channel_init(&theirs, b, true);
    begin_to_count();
    for (int round = 0; round < ROUNDS; round++) {
        exchange_by_channel(&ours, &theirs);
        exchange_by_channel(&theirs, &ours);
    }
    CHECK_INT(n_allocations, ==, 0);
    channel_finish(&ours);
    channel_finish(&theirs);
}

static void count_in_ring(enum message_codec codec)
{
    set_up();
    message_use_codec(codec);
    struct ring_memory *memory = aligned_alloc(_Alignof(struct ring_memory), sizeof(*memory));
    REQUIRE(memory != NULL);
    memset((void *)memory, 0, sizeof(*memory));
    struct ring ours, theirs;
    ring_init(&ours, memory, RING_FIRST);
    ring_init(&theirs, memory, RING_SECOND);
    begin_to_count();
    for (int round = 0; round < ROUNDS; round++) {
        exchange_by_ring(&ours, &theirs);
        exchange_by_ring(&theirs, &ours);
    }
    CHECK_INT(n_allocations, ==, 0);
    free(memory);
}

/* Or the tests below would count nothing, whatever is done. */
TEST(allocations_are_counted)
{
    begin_to_count();
    void *volatile memory = malloc(1);
    CHECK_INT(n_allocations, ==, 1);
    free(memory);

    /* In a library, too. */
    static const uint8_t wire[] = {0x08, 0x01};
    n_allocations = 0;
    Vitrine__Spawned *spawned = vitrine__spawned__unpack(NULL, sizeof(wire), wire);
    CHECK_INT(n_allocations, >, 0);
    vitrine__spawned__free_unpacked(spawned, NULL);
}

TEST(channel_direct)
{
    count_in_channel(CODEC_DIRECT);
}

TEST(channel_protobuf_c)
{
    count_in_channel(CODEC_PROTOBUF_C);
}

TEST(ring_direct)
{
    count_in_ring(CODEC_DIRECT);
}

TEST(ring_protobuf_c)
{
    count_in_ring(CODEC_PROTOBUF_C);
}
