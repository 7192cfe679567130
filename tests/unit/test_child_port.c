/* What a renderer says of its port, as the broker judges it: played by a forked process, honest first, then in every way
 * that is not. */
#include "broker/child.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "broker/port.h"
#include "common/clock.h"
#include "common/fd.h"
#include "tests/test.h"

#define ID         7
#define EXCHANGE   8
#define DISCONNECT 9
#define N_PINGS    100

static struct loop *loop;
static struct evidence told;
static bool is_gone, has_ended;
static enum message_kind heard[16];
static size_t n_heard;

static const struct child_exchange exchange = {.n = N_PINGS, .payload_bytes = 64, .window = 1, .limit_ms = 1000};

/* The renderer's part: it has a port, and an Exchange is out where the part says so. */
typedef void part(struct channel *channel);
static bool orders_exchange, orders_disconnect;

/* ---- the broker's side ----------------------------------------------------------------------------------------------- */

static void on_fact(struct child *child, const struct message *fact)
{
    if (n_heard < sizeof heard / sizeof heard[0])
        heard[n_heard++] = fact->kind;
    if (fact->kind == MESSAGE_CONNECTED) {
        CHECK_INT(child->port.when, ==, WHEN_CONNECTED);
        if (orders_exchange)
            child_exchange(child, EXCHANGE, &exchange);
        if (orders_disconnect)
            child_disconnect(child, DISCONNECT);
    }
    if (fact->kind == MESSAGE_DISCONNECTED) {
        CHECK_INT(child->port.when, ==, WHEN_APART);
        child_dismiss(child);
    }
}

static void on_ready(struct child *child)
{
    (void)child;
    FAIL("nobody climbed");
}

static void stop_when_all_is_over(void)
{
    if (has_ended && is_gone)
        loop_quit(loop);
}

static void on_ended(struct child *child, const struct evidence *evidence)
{
    (void)child;
    told = *evidence;
    has_ended = true;
    stop_when_all_is_over();
}

static void on_reaped(struct child *child)
{
    (void)child;
    is_gone = true;
    stop_when_all_is_over();
}

static const struct child_handlers handlers = {.ready = on_ready, .fact = on_fact, .ended = on_ended};

/* ---- the renderer's side --------------------------------------------------------------------------------------------- */

static void say(struct channel *channel, enum message_kind kind, const ProtobufCMessage *fact)
{
    (void)!message_send(channel, kind, fact, NULL, 0);
}

static void await(struct channel *channel, enum message_kind kind)
{
    static uint8_t buffer[CHANNEL_MAX_BYTES];
    static struct arena arena;
    const unsigned any = WHEN_APART | WHEN_CONNECTED | WHEN_EXCHANGING | WHEN_IDLE;
    struct datagram datagram;
    struct message order;
    if (channel_receive(channel, buffer, &datagram) != 0 ||
        message_decode(&datagram, SENDER_BROKER, any, &arena, &order) != FAULT_NONE || order.kind != kind)
        _exit(3);
    datagram_finish(&datagram);
}

static void await_the_end(struct channel *channel)
{
    static uint8_t buffer[CHANNEL_MAX_BYTES];
    struct datagram datagram;
    while (channel_receive(channel, buffer, &datagram) == 0)
        datagram_finish(&datagram);
}

static void say_connected(struct channel *channel, uint64_t serial)
{
    Vitrine__Connected fact = VITRINE__CONNECTED__INIT;
    fact.serial = serial;
    say(channel, MESSAGE_CONNECTED, &fact.base);
}

static Vitrine__Exchanged good(void)
{
    Vitrine__Exchanged fact = VITRINE__EXCHANGED__INIT;
    fact.serial = EXCHANGE;
    fact.n = N_PINGS;
    fact.lost = 1;
    fact.total_ns = 600;
    fact.p50_ns = 10;
    fact.p90_ns = 20;
    fact.p99_ns = 30;
    fact.p999_ns = 40;
    fact.max_ns = 50;
    fact.mean_ns = 45;
    return fact;
}

static void say_disconnected(struct channel *channel, uint64_t serial)
{
    Vitrine__Disconnected fact = VITRINE__DISCONNECTED__INIT;
    fact.serial = serial;
    say(channel, MESSAGE_DISCONNECTED, &fact.base);
}

static void say_closed(struct channel *channel, uint64_t serial, uint32_t reason)
{
    Vitrine__PortClosed fact = VITRINE__PORT_CLOSED__INIT;
    fact.serial = serial;
    fact.reason = reason;
    say(channel, MESSAGE_PORT_CLOSED, &fact.base);
}

/* Forks, adopts, connects, and runs the loop until the child has ended. */
static enum verdict play(part *renderer)
{
    struct child *child;
    CLOSE_FD int memory = -1;
    REQUIRE(loop_create(&loop) == 0);
    REQUIRE(ring_create(&memory) == 0);
    REQUIRE(child_create(loop, &handlers, NULL, &child) == 0);
    child->reaped = on_reaped;
    has_ended = is_gone = false;
    n_heard = 0;
    const pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        struct channel channel;
        link_finish(&child->way);
        channel_init(&channel, child->far_channel_fd, true);
        await(&channel, MESSAGE_CONNECT);
        renderer(&channel);
        await_the_end(&channel);
        _exit(0);
    }
    child_adopt(child, pid, pidfd_open(pid, 0));
    child->when = WHEN_IDLE;
    CHECK_INT(child->port.when, ==, WHEN_APART);
    child_connect(child, ID, RING_FIRST, 0, (const int[LINK_OFFER_FDS]){memory, memory, memory});
    CHECK_INT(child->port.when, ==, WHEN_CONNECTING);
    CHECK_INT(child->when, ==, WHEN_IDLE); /* the other conversation goes on */
    CHECK_INT(loop_run(loop), ==, 0);
    CHECK(has_ended);
    loop_destroy(loop);
    return crash_judge(&told);
}

static void expect_fault(part *renderer, enum message_fault fault)
{
    CHECK_INT(play(renderer), ==, VERDICT_PROTOCOL);
    CHECK_STR(message_fault_name(told.fault), message_fault_name(fault));
}

/* ---- honest ---------------------------------------------------------------------------------------------------------- */

static void is_honest(struct channel *channel)
{
    say_connected(channel, ID);
    await(channel, MESSAGE_EXCHANGE);
    await(channel, MESSAGE_DISCONNECT);
    /* Both are out: what was first is answered first, and the other side's doings were seen meanwhile. */
    const Vitrine__Exchanged fact = good();
    say_closed(channel, ID, FAULT_VARINT);
    say(channel, MESSAGE_EXCHANGED, &fact.base);
    say_disconnected(channel, DISCONNECT);
}

TEST(honest)
{
    orders_exchange = orders_disconnect = true;
    CHECK_INT(play(is_honest), ==, VERDICT_NONE);
    REQUIRE(n_heard == 4);
    CHECK_INT(heard[0], ==, MESSAGE_CONNECTED);
    CHECK_INT(heard[1], ==, MESSAGE_PORT_CLOSED);
    CHECK_INT(heard[2], ==, MESSAGE_EXCHANGED);
    CHECK_INT(heard[3], ==, MESSAGE_DISCONNECTED);
}

/* ---- not ------------------------------------------------------------------------------------------------------------- */

static void another_serial(struct channel *channel)
{
    say_connected(channel, ID + 1);
}

static void connected_twice(struct channel *channel)
{
    say_connected(channel, ID);
    say_connected(channel, ID);
}

static void exchanged_unasked(struct channel *channel)
{
    const Vitrine__Exchanged fact = good();
    say_connected(channel, ID);
    say(channel, MESSAGE_EXCHANGED, &fact.base);
}

static void exchanged_before_connected(struct channel *channel)
{
    const Vitrine__Exchanged fact = good();
    say(channel, MESSAGE_EXCHANGED, &fact.base);
}

static void disconnected_unasked(struct channel *channel)
{
    say_connected(channel, ID);
    say_disconnected(channel, ID);
}

static void closed_before_connected(struct channel *channel)
{
    say_closed(channel, ID, FAULT_VARINT);
}

static void closed_another(struct channel *channel)
{
    say_connected(channel, ID);
    say_closed(channel, ID - 1, FAULT_VARINT);
}

static void closed_twice(struct channel *channel)
{
    say_connected(channel, ID);
    say_closed(channel, ID, FAULT_VARINT);
    say_closed(channel, ID, FAULT_VARINT);
}

static void closed_for_nothing(struct channel *channel)
{
    say_connected(channel, ID);
    say_closed(channel, ID, FAULT_NONE);
}

static void closed_for_what_is_no_fault(struct channel *channel)
{
    say_connected(channel, ID);
    say_closed(channel, ID, UINT32_MAX);
}

TEST(facts_out_of_turn)
{
    orders_exchange = orders_disconnect = false;
    expect_fault(another_serial, FAULT_SERIAL);
    expect_fault(connected_twice, FAULT_STATE);
    expect_fault(exchanged_unasked, FAULT_STATE);
    expect_fault(exchanged_before_connected, FAULT_STATE);
    expect_fault(disconnected_unasked, FAULT_STATE);
    expect_fault(closed_before_connected, FAULT_STATE);
    expect_fault(closed_another, FAULT_SERIAL);
    expect_fault(closed_twice, FAULT_STATE);
    expect_fault(closed_for_nothing, FAULT_VALUE);
    expect_fault(closed_for_what_is_no_fault, FAULT_VALUE);
}

static void leaves_the_exchange_open(struct channel *channel)
{
    say_connected(channel, ID);
    await(channel, MESSAGE_EXCHANGE);
    await(channel, MESSAGE_DISCONNECT);
    say_disconnected(channel, DISCONNECT);
}

static void exchanges_twice(struct channel *channel)
{
    Vitrine__Exchanged fact = good();
    say_connected(channel, ID);
    await(channel, MESSAGE_EXCHANGE);
    await(channel, MESSAGE_DISCONNECT);
    say(channel, MESSAGE_EXCHANGED, &fact.base);
    fact.serial = 0; /* of none */
    say(channel, MESSAGE_EXCHANGED, &fact.base);
}

static void disconnects_another(struct channel *channel)
{
    const Vitrine__Exchanged fact = good();
    say_connected(channel, ID);
    await(channel, MESSAGE_EXCHANGE);
    await(channel, MESSAGE_DISCONNECT);
    say(channel, MESSAGE_EXCHANGED, &fact.base);
    say_disconnected(channel, EXCHANGE);
}

TEST(answers_out_of_turn)
{
    orders_exchange = orders_disconnect = true;
    expect_fault(leaves_the_exchange_open, FAULT_STATE);
    expect_fault(exchanges_twice, FAULT_SERIAL);
    expect_fault(disconnects_another, FAULT_SERIAL);
}

/* What nothing can have taken, or can have been counted. */
static Vitrine__Exchanged lie;

static void lies(struct channel *channel)
{
    say_connected(channel, ID);
    await(channel, MESSAGE_EXCHANGE);
    say(channel, MESSAGE_EXCHANGED, &lie.base);
}

#define EXPECT_LIE_FOUND(member, value, fault) \
    do {                                       \
        lie = good();                          \
        lie.member = (value);                  \
        expect_fault(lies, fault);             \
    } while (0)

TEST(absurd_numbers)
{
    orders_exchange = true;
    orders_disconnect = false;
    EXPECT_LIE_FOUND(serial, ID, FAULT_SERIAL);
    EXPECT_LIE_FOUND(n, N_PINGS + 1, FAULT_VALUE);
    EXPECT_LIE_FOUND(lost, N_PINGS + 1, FAULT_VALUE);
    EXPECT_LIE_FOUND(total_ns, UINT64_MAX, FAULT_VALUE);
    EXPECT_LIE_FOUND(total_ns, 3600 * NS_PER_S, FAULT_VALUE); /* it was ordered a moment ago */
    EXPECT_LIE_FOUND(p50_ns, 21, FAULT_VALUE);
    EXPECT_LIE_FOUND(p90_ns, 31, FAULT_VALUE);
    EXPECT_LIE_FOUND(p99_ns, 41, FAULT_VALUE);
    EXPECT_LIE_FOUND(p999_ns, 51, FAULT_VALUE);
    EXPECT_LIE_FOUND(max_ns, UINT64_MAX, FAULT_VALUE);
    EXPECT_LIE_FOUND(mean_ns, 51, FAULT_VALUE);
}
