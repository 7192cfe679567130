/* A renderer's end of a port: the real session in a forked process, without its filter; this process plays the broker, and
 * the renderer at the other end, which does what no renderer should. */
#include "renderer/port.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "renderer/sandbox.h"
#include "renderer/session.h"
#include "tests/test.h"

#define CONNECT_SERIAL  7
#define EXCHANGE_SERIAL 8
#define LATER_SERIAL    9
#define CREDIT          1000
#define PAYLOAD         64

static struct link broker;                                                      /* our end of the renderer's channel */
static struct link peer = {.channel.fd = -1, .bell_fd = -1, .far_bell_fd = -1}; /* our end of its port */
static pid_t renderer;
static struct arena arena;
static uint8_t buffer[CHANNEL_MAX_BYTES];
static uint8_t payload[MESSAGE_MAX_PAYLOAD];

/* ---- the broker's part ----------------------------------------------------------------------------------------------- */

static _Noreturn void be_renderer(int channel_fd)
{
    if (dup2(channel_fd, SANDBOX_CHANNEL_FD) < 0 || dup2(STDERR_FILENO, SANDBOX_CRASH_FD) < 0)
        _exit(99);
    for (int fd = SANDBOX_CRASH_FD + 1; fd < 64; fd++)
        close(fd);
    session_run(SANDBOX_CHANNEL_FD);
}

static void start(void)
{
    int near_fd, far_fd;
    REQUIRE(channel_pair(&near_fd, &far_fd) == 0);
    fflush(stdout);
    renderer = fork();
    REQUIRE(renderer >= 0);
    if (renderer == 0)
        be_renderer(far_fd);
    fd_close(&far_fd);
    link_init(&broker, near_fd, true);
    memset(payload, 0x5a, sizeof payload);
}

/* Its exit status, once the broker hangs up; -1: a signal. */
static int finish(void)
{
    int status;
    link_finish(&broker);
    link_finish(&peer);
    REQUIRE(waitpid(renderer, &status, 0) == renderer);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void order(enum message_kind kind, const ProtobufCMessage *body, const int *fds, size_t n_fds)
{
    REQUIRE(link_send(&broker, kind, body, fds, n_fds) >= 0);
    link_bell(&broker);
}

/* The next fact, which has to be of that kind. */
static const struct message *expect(enum message_kind kind)
{
    static struct message fact;
    struct datagram datagram;
    const unsigned any = UINT32_MAX & ~(unsigned)WHEN_REFUSED;
    REQUIRE(link_receive(&broker, buffer, &datagram) == 0);
    REQUIRE(message_decode(&datagram, SENDER_RENDERER, any, &arena, &fact) == FAULT_NONE);
    CHECK_STR(message_name(fact.kind), message_name(kind));
    REQUIRE(fact.kind == kind);
    return &fact;
}

/* Offers the ring, and keeps the other end. */
static void connect_as(uint64_t serial, enum ring_side side)
{
    int memory, bells[2] = {eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    REQUIRE(ring_create(&memory) == 0 && bells[0] >= 0 && bells[1] >= 0);
    const int fds[LINK_OFFER_FDS] = {
        [LINK_FD_RING] = memory, [LINK_FD_FAR_BELL] = bells[0], [LINK_FD_NEAR_BELL] = bells[1]};
    const int ours[LINK_OFFER_FDS] = {
        [LINK_FD_RING] = memory, [LINK_FD_FAR_BELL] = bells[1], [LINK_FD_NEAR_BELL] = bells[0]};
    Vitrine__Connect connect = VITRINE__CONNECT__INIT;
    connect.serial = serial;
    connect.side = side;
    connect.credit = CREDIT;
    order(MESSAGE_CONNECT, &connect.base, fds, LINK_OFFER_FDS);
    link_finish(&peer);
    link_init(&peer, -1, false);
    REQUIRE(link_join_as(&peer, side == RING_FIRST ? RING_SECOND : RING_FIRST, ours) == 0);
    link_switch(&peer);
    fd_close(&memory);
}

static void connect_it(void)
{
    start();
    connect_as(CONNECT_SERIAL, RING_FIRST);
    CHECK_INT(expect(MESSAGE_CONNECTED)->connected->serial, ==, CONNECT_SERIAL);
}

static void share(void)
{
    int fds[LINK_OFFER_FDS];
    Vitrine__Share body = VITRINE__SHARE__INIT;
    REQUIRE(link_offer(&broker, fds) == 0);
    order(MESSAGE_SHARE, &body.base, fds, LINK_OFFER_FDS);
    fd_close(&fds[LINK_FD_RING]);
    expect(MESSAGE_JOINED);
    link_switch(&broker);
}

static void order_exchange(uint64_t n, uint32_t payload_bytes, uint32_t window, uint32_t limit_ms)
{
    Vitrine__Exchange exchange = VITRINE__EXCHANGE__INIT;
    exchange.serial = EXCHANGE_SERIAL;
    exchange.n = n;
    exchange.payload_bytes = payload_bytes;
    exchange.window = window;
    exchange.limit_ms = limit_ms;
    order(MESSAGE_EXCHANGE, &exchange.base, NULL, 0);
}

static void disconnect(void)
{
    Vitrine__Disconnect body = VITRINE__DISCONNECT__INIT;
    body.serial = LATER_SERIAL;
    order(MESSAGE_DISCONNECT, &body.base, NULL, 0);
}

/* The broker is answered, whatever became of the port. */
static void expect_service(void)
{
    Vitrine__Ping ping = VITRINE__PING__INIT;
    ping.serial = 77;
    order(MESSAGE_PING, &ping.base, NULL, 0);
    CHECK_INT(expect(MESSAGE_PONGED)->ponged->serial, ==, 77);
}

static void expect_closed(enum message_fault reason)
{
    const Vitrine__PortClosed *closed = expect(MESSAGE_PORT_CLOSED)->port_closed;
    CHECK_INT(closed->serial, ==, CONNECT_SERIAL);
    CHECK_STR(message_fault_name((enum message_fault)closed->reason), message_fault_name(reason));
}

/* And all is well with everybody else. */
static void expect_the_rest(void)
{
    expect_service();
    disconnect();
    CHECK_INT(expect(MESSAGE_DISCONNECTED)->disconnected->serial, ==, LATER_SERIAL);
    CHECK_INT(finish(), ==, RENDERER_EXIT_DONE);
}

/* ---- the peer's part ------------------------------------------------------------------------------------------------- */

static void send_raw(const void *bytes, size_t n_bytes)
{
    REQUIRE(ring_send(&peer.ring, bytes, n_bytes) == 0);
    link_bell(&peer);
}

static void send_ping(uint64_t serial)
{
    Vitrine__Ping ping = VITRINE__PING__INIT;
    ping.serial = serial;
    ping.payload.data = payload;
    ping.payload.len = PAYLOAD;
    REQUIRE(link_send(&peer, MESSAGE_PING, &ping.base, NULL, 0) > 0);
    link_bell(&peer);
}

static void send_pong(uint64_t serial, size_t n_bytes)
{
    Vitrine__Ponged pong = VITRINE__PONGED__INIT;
    pong.serial = serial;
    pong.payload.data = payload;
    pong.payload.len = n_bytes;
    REQUIRE(link_send(&peer, MESSAGE_PONGED, &pong.base, NULL, 0) > 0);
    link_bell(&peer);
}

/* Waits for the next message at the peer's end. */
static const struct message *next_from_port(void)
{
    static struct message message;
    static uint8_t bytes[RING_MAX_BYTES];
    static struct arena own_arena;
    struct datagram datagram;
    int result;
    while ((result = ring_receive(&peer.ring, bytes, &datagram)) == -EAGAIN) {
        link_bell(&peer);
        if (ring_prepare_sleep(&peer.ring, RING_MESSAGES))
            poll(&(struct pollfd){.fd = peer.bell_fd, .events = POLLIN}, 1, 5000);
        ring_awake(&peer.ring);
        link_hear_bell(&peer);
    }
    REQUIRE(result == 0);
    REQUIRE(message_decode(&datagram, SENDER_PEER, WHEN_EXCHANGING, &own_arena, &message) == FAULT_NONE);
    return &message;
}

static void answer_next(void)
{
    const struct message *ping = next_from_port();
    REQUIRE(ping->kind == MESSAGE_PING);
    send_pong(ping->ping->serial, ping->ping->payload.len);
}

/* ---- honest ---------------------------------------------------------------------------------------------------------- */

TEST(answers_and_asks)
{
    connect_it();
    send_ping(5);
    const struct message *answer = next_from_port();
    REQUIRE(answer->kind == MESSAGE_PONGED);
    CHECK_INT(answer->ponged->serial, ==, 5);
    CHECK_INT(answer->ponged->payload.len, ==, PAYLOAD);

    order_exchange(100, PAYLOAD, 1, 5000);
    for (int i = 0; i < 100; i++)
        answer_next();
    const Vitrine__Exchanged *exchanged = expect(MESSAGE_EXCHANGED)->exchanged;
    CHECK_INT(exchanged->serial, ==, EXCHANGE_SERIAL);
    CHECK_INT(exchanged->n, ==, 100);
    CHECK_INT(exchanged->lost, ==, 0);
    CHECK(exchanged->p50_ns > 0 && exchanged->p50_ns <= exchanged->p99_ns && exchanged->p99_ns <= exchanged->max_ns);
    CHECK(exchanged->max_ns <= exchanged->total_ns && exchanged->mean_ns <= exchanged->max_ns);
    expect_the_rest();
}

/* As many at a time as was ordered, and not more than there is room for, whatever was ordered. */
TEST(windows)
{
    connect_it();
    order_exchange(500, PAYLOAD, PORT_MAX_WINDOW, 5000);
    for (int i = 0; i < 500; i++)
        answer_next();
    CHECK_INT(expect(MESSAGE_EXCHANGED)->exchanged->lost, ==, 0);
    order_exchange(100, MESSAGE_MAX_PAYLOAD, PORT_MAX_WINDOW, 5000);
    for (int i = 0; i < 100; i++)
        answer_next();
    CHECK_INT(expect(MESSAGE_EXCHANGED)->exchanged->lost, ==, 0);
    expect_the_rest();
}

/* The bells' numbers come out right in whatever order rings come and go; and the ring to the broker goes on. */
TEST(rings_in_any_order)
{
    for (unsigned first = 0; first < 2; first++) {
        start();
        if (first == 0)
            share();
        connect_as(CONNECT_SERIAL, RING_SECOND);
        expect(MESSAGE_CONNECTED);
        if (first == 1)
            share();
        for (int round = 0; round < 3; round++) {
            order_exchange(10, PAYLOAD, 4, 5000);
            for (int i = 0; i < 10; i++)
                answer_next();
            CHECK_INT(expect(MESSAGE_EXCHANGED)->exchanged->lost, ==, 0);
            expect_service();
            disconnect();
            expect(MESSAGE_DISCONNECTED);
            expect_service();
            connect_as(CONNECT_SERIAL, RING_FIRST);
            expect(MESSAGE_CONNECTED);
        }
        expect_the_rest();
    }
}

/* ---- a peer that is not there ---------------------------------------------------------------------------------------- */

TEST(never_answers)
{
    connect_it();
    const uint64_t start_ns = clock_now_ns();
    order_exchange(10, PAYLOAD, 4, 200);
    expect_service(); /* meanwhile */
    const Vitrine__Exchanged *exchanged = expect(MESSAGE_EXCHANGED)->exchanged;
    CHECK_INT(exchanged->lost, ==, 10);
    CHECK_INT(exchanged->max_ns, ==, 0);
    CHECK(clock_now_ns() - start_ns >= 200 * NS_PER_MS);
    /* What was late is no sin, and the next one is not mixed up with it. */
    for (int i = 0; i < 4; i++)
        answer_next();
    order_exchange(5, PAYLOAD, 1, 5000);
    for (int i = 0; i < 5; i++)
        answer_next();
    CHECK_INT(expect(MESSAGE_EXCHANGED)->exchanged->lost, ==, 0);
    expect_the_rest();
}

TEST(stops_half_way)
{
    connect_it();
    order_exchange(10, PAYLOAD, 1, 60000);
    for (int i = 0; i < 4; i++)
        answer_next();
    expect_service();
    disconnect(); /* the broker has seen the other renderer end */
    CHECK_INT(expect(MESSAGE_EXCHANGED)->exchanged->lost, ==, 6);
    CHECK_INT(expect(MESSAGE_DISCONNECTED)->disconnected->serial, ==, LATER_SERIAL);
    expect_service();
    CHECK_INT(finish(), ==, RENDERER_EXIT_DONE);
}

TEST(broker_hangs_up_meanwhile)
{
    connect_it();
    order_exchange(10, PAYLOAD, 1, 60000);
    (void)next_from_port();
    CHECK_INT(finish(), ==, RENDERER_EXIT_DONE);
}

/* It asks and never takes the answers: they find no room, and nobody waits for that. */
TEST(never_reads)
{
    connect_it();
    for (unsigned i = 1; i <= CREDIT; i++) {
        Vitrine__Ping ping = VITRINE__PING__INIT;
        ping.serial = i;
        ping.payload.data = payload;
        ping.payload.len = 4096;
        const int result = link_send(&peer, MESSAGE_PING, &ping.base, NULL, 0);
        link_bell(&peer);
        if (result < 0 && i > 100)
            break;
        if (result < 0)
            poll(NULL, 0, 1);
    }
    expect_service();
    order_exchange(10, PAYLOAD, 1, 100);
    CHECK_INT(expect(MESSAGE_EXCHANGED)->exchanged->lost, ==, 10);
    expect_the_rest();
}

/* ---- a peer that breaks the rules ------------------------------------------------------------------------------------ */

static void garbage(void)
{
    send_raw("\xff\xff\xff", 3);
}

static void an_order(void)
{
    Vitrine__Paint paint = VITRINE__PAINT__INIT;
    uint8_t bytes[MESSAGE_MAX_BYTES];
    send_raw(bytes, message_encode(MESSAGE_PAINT, &paint.base, bytes));
}

static void a_disconnect(void)
{
    Vitrine__Disconnect body = VITRINE__DISCONNECT__INIT;
    uint8_t bytes[MESSAGE_MAX_BYTES];
    send_raw(bytes, message_encode(MESSAGE_DISCONNECT, &body.base, bytes));
}

static void answers_nothing(void)
{
    send_pong(1, PAYLOAD);
}

static void a_header_from_another_lap(void)
{
    atomic_store(&peer.ring.out[0].header, 9ull << 16 | 3);
    const uint64_t once = 1;
    REQUIRE(write(peer.far_bell_fd, &once, sizeof once) == sizeof once);
}

static void oversized(void)
{
    static uint8_t bytes[RING_MAX_BYTES];
    memset(bytes, 0, sizeof bytes);
    bytes[0] = MESSAGE_PING << 3 | 2;
    send_raw(bytes, sizeof bytes);
}

static void asks_too_much(void)
{
    for (unsigned i = 1; i <= CREDIT + 1; i++) {
        Vitrine__Ping ping = VITRINE__PING__INIT; /* none wants an answer */
        while (link_send(&peer, MESSAGE_PING, &ping.base, NULL, 0) < 0)
            poll(NULL, 0, 1);
        link_bell(&peer);
    }
}

/* Each time it is heard, for that is what costs the other side time. */
static void rings_for_ever(void)
{
    for (;;) {
        const uint64_t once = 1;
        struct pollfd look = {.fd = broker.channel.fd, .events = POLLIN};
        (void)!write(peer.far_bell_fd, &once, sizeof once);
        if (poll(&look, 1, 1) > 0)
            return;
    }
}

TEST(breaks_the_rules)
{
    static const struct {
        void (*part)(void);
        enum message_fault reason;
    } cases[] = {
        {garbage, FAULT_ENVELOPE},
        {an_order, FAULT_DIRECTION},
        {a_disconnect, FAULT_DIRECTION},
        {answers_nothing, FAULT_SERIAL},
        {a_header_from_another_lap, FAULT_RING},
        {oversized, FAULT_OVERSIZED},
        {asks_too_much, FAULT_FLOOD},
        {rings_for_ever, FAULT_FLOOD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        connect_it();
        cases[i].part();
        expect_closed(cases[i].reason);
        /* An order may have been on its way. */
        order_exchange(3, PAYLOAD, 1, 1000);
        CHECK_INT(expect(MESSAGE_EXCHANGED)->exchanged->lost, ==, 3);
        expect_the_rest();
    }
}

static void answers_another(void)
{
    send_pong(next_from_port()->ping->serial + 1, PAYLOAD);
}

static void answers_twice(void)
{
    const uint64_t serial = next_from_port()->ping->serial;
    send_pong(serial, PAYLOAD);
    send_pong(serial, PAYLOAD);
}

static void answers_less(void)
{
    send_pong(next_from_port()->ping->serial, PAYLOAD - 1);
}

static void answers_something_else(void)
{
    payload[PAYLOAD - 1] ^= 1;
    send_pong(next_from_port()->ping->serial, PAYLOAD);
}

TEST(breaks_the_rules_of_an_exchange)
{
    static const struct {
        void (*part)(void);
        enum message_fault reason;
    } cases[] = {
        {answers_another, FAULT_SERIAL},       {answers_twice, FAULT_SERIAL}, {answers_less, FAULT_VALUE},
        {answers_something_else, FAULT_VALUE}, {garbage, FAULT_ENVELOPE},     {a_header_from_another_lap, FAULT_RING},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        connect_it();
        order_exchange(10, PAYLOAD, 1, 60000);
        cases[i].part();
        expect_closed(cases[i].reason);
        CHECK(expect(MESSAGE_EXCHANGED)->exchanged->lost >= 9);
        expect_the_rest();
    }
}

/* How much the peer has read is looked at when there seems to be no room any more. */
TEST(lies_about_what_it_read)
{
    connect_it();
    order_exchange(100000, 1024, 32, 60000);
    struct pollfd look = {.fd = broker.channel.fd, .events = POLLIN};
    while (poll(&look, 1, 0) == 0) {
        struct datagram datagram;
        struct message message;
        static uint8_t bytes[RING_MAX_BYTES];
        static struct arena own_arena;
        if (ring_receive(&peer.ring, bytes, &datagram) != 0)
            continue;
        REQUIRE(message_decode(&datagram, SENDER_PEER, WHEN_EXCHANGING, &own_arena, &message) == FAULT_NONE);
        send_pong(message.ping->serial, message.ping->payload.len);
        atomic_store(&peer.ring.own->n_freed, 1ull << 40);
    }
    expect_closed(FAULT_RING);
    CHECK(expect(MESSAGE_EXCHANGED)->exchanged->lost > 0);
    expect_the_rest();
}

/* ---- orders that no broker gives ------------------------------------------------------------------------------------- */

static void twice(void)
{
    connect_as(CONNECT_SERIAL, RING_FIRST);
}

static void a_window_too_wide(void)
{
    order_exchange(10, PAYLOAD, PORT_MAX_WINDOW + 1, 100);
}

static void nothing_at_all(void)
{
    order_exchange(0, PAYLOAD, 1, 100);
}

static void more_than_a_message_holds(void)
{
    order_exchange(1, MESSAGE_MAX_PAYLOAD + 1, 1, 100);
}

TEST(wrong_orders_end_it)
{
    static void (*const parts[])(void) = {twice, a_window_too_wide, nothing_at_all, more_than_a_message_holds};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        int status;
        connect_it();
        parts[i]();
        REQUIRE(waitpid(renderer, &status, 0) == renderer);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == RENDERER_EXIT_CHANNEL);
        link_finish(&broker);
        link_finish(&peer);
    }
    /* Without a port. */
    start();
    disconnect();
    int status;
    REQUIRE(waitpid(renderer, &status, 0) == renderer);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == RENDERER_EXIT_CHANNEL);
    link_finish(&broker);
}
