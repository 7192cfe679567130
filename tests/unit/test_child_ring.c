/* A renderer with a ring, as the broker sees it, played by a forked process: honest first, then in every way that is
 * not. */
#include "broker/child.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "common/fd.h"
#include "tests/test.h"

#define SHARE_SERIAL 5
#define N_PINGS      200
#define PAYLOAD      100

/* The renderer's part, once it has joined. */
typedef void part(struct link *link);

static struct loop *loop;
static struct evidence told;
static bool is_gone, has_ended;
static uint64_t n_answered, n_to_send;
static uint8_t payload[PAYLOAD];

/* ---- the broker's side ----------------------------------------------------------------------------------------------- */

static void ping_next(struct child *child)
{
    if (n_answered < n_to_send)
        CHECK_INT(child_ping(child, SHARE_SERIAL + 1 + n_answered, payload, sizeof payload), ==, 0);
    else
        child_dismiss(child);
}

static void on_fact(struct child *child, const struct message *fact)
{
    if (fact->kind == MESSAGE_JOINED) {
        CHECK(child->way.by_ring);
    } else {
        REQUIRE(fact->kind == MESSAGE_PONGED);
        CHECK_INT(fact->ponged->serial, ==, SHARE_SERIAL + 1 + n_answered);
        CHECK_INT(fact->ponged->payload.len, ==, PAYLOAD);
        n_answered++;
    }
    ping_next(child);
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

static uint8_t buffer[CHANNEL_MAX_BYTES];
static struct arena arena;

static void send_pong(struct link *link, uint64_t serial, size_t n_bytes)
{
    Vitrine__Ponged fact = VITRINE__PONGED__INIT;
    fact.serial = serial;
    fact.payload.data = payload;
    fact.payload.len = n_bytes;
    if (link_send(link, MESSAGE_PONGED, &fact.base, NULL, 0) < 0)
        _exit(1);
    link_bell(link);
}

static uint64_t next_ping(struct link *link)
{
    struct datagram datagram;
    struct message order;
    if (link_receive(link, buffer, &datagram) != 0)
        _exit(0);
    if (message_decode(&datagram, SENDER_BROKER, WHEN_READY, &arena, &order) != FAULT_NONE ||
        order.kind != MESSAGE_PING)
        _exit(2);
    return order.ping->serial;
}

static void join(struct link *link)
{
    struct datagram datagram;
    struct message order;
    if (link_receive(link, buffer, &datagram) != 0 ||
        message_decode(&datagram, SENDER_BROKER, WHEN_READY, &arena, &order) != FAULT_NONE ||
        order.kind != MESSAGE_SHARE || link_join(link, datagram.fds) != 0)
        _exit(3);
    Vitrine__Joined fact = VITRINE__JOINED__INIT;
    fact.serial = order.share->serial;
    if (link_send(link, MESSAGE_JOINED, &fact.base, NULL, 0) < 0)
        _exit(4);
    link_switch(link);
}

static _Noreturn void be_renderer(int channel_fd, part *renderer)
{
    struct link link;
    link_init(&link, channel_fd, true);
    join(&link);
    renderer(&link);
    _exit(0);
}

/* Forks, adopts, shares, and runs the loop until the child has ended. */
static enum verdict play(part *renderer, uint64_t n_pings)
{
    struct child *child;
    REQUIRE(loop_create(&loop) == 0);
    REQUIRE(child_create(loop, &handlers, NULL, &child) == 0);
    child->reaped = on_reaped;
    has_ended = is_gone = false;
    n_answered = 0;
    n_to_send = n_pings;
    const pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        link_finish(&child->way);
        be_renderer(child->far_channel_fd, renderer);
    }
    child_adopt(child, pid, pidfd_open(pid, 0));
    child->when = WHEN_READY;
    child->offers = OFFER_ALL;
    REQUIRE(child_share(child, SHARE_SERIAL));
    CHECK_INT(child->when, ==, WHEN_SHARING);
    CHECK(!child_share(child, SHARE_SERIAL)); /* once is enough */
    CHECK_INT(loop_run(loop), ==, 0);
    CHECK(has_ended);
    loop_destroy(loop);
    return crash_judge(&told);
}

static void expect_fault(part *renderer, enum message_fault fault)
{
    CHECK_INT(play(renderer, 1), ==, VERDICT_PROTOCOL);
    CHECK_STR(message_fault_name(told.fault), message_fault_name(fault));
}

/* ---- honest ---------------------------------------------------------------------------------------------------------- */

static void answers_all(struct link *link)
{
    for (;;)
        send_pong(link, next_ping(link), PAYLOAD);
}

TEST(answers_come_by_the_ring)
{
    CHECK_INT(play(answers_all, N_PINGS), ==, VERDICT_NONE);
    CHECK_INT(n_answered, ==, N_PINGS);
}

static void answers_slowly(struct link *link)
{
    for (;;) {
        const uint64_t serial = next_ping(link);
        usleep(3000); /* the broker lies down meanwhile */
        send_pong(link, serial, PAYLOAD);
    }
}

TEST(a_sleeping_broker_hears_the_bell)
{
    CHECK_INT(play(answers_slowly, 20), ==, VERDICT_NONE);
    CHECK_INT(n_answered, ==, 20);
}

static void answers_and_dies(struct link *link)
{
    for (int i = 0; i < 10; i++)
        send_pong(link, next_ping(link), PAYLOAD);
    kill(getpid(), SIGKILL);
}

TEST(what_was_said_before_the_end_is_heard)
{
    CHECK_INT(play(answers_and_dies, N_PINGS), ==, VERDICT_KILLED);
    CHECK_INT(n_answered, ==, 10);
}

TEST(who_did_not_offer_gets_none)
{
    struct child *child;
    REQUIRE(loop_create(&loop) == 0);
    REQUIRE(child_create(loop, &handlers, NULL, &child) == 0);
    child->when = WHEN_READY;
    CHECK(!child_share(child, SHARE_SERIAL));
    CHECK_INT(child->when, ==, WHEN_READY);
    child_abandon(child);
    loop_destroy(loop);
}

/* ---- hostile --------------------------------------------------------------------------------------------------------- */

static void wait_for_the_end(struct link *link)
{
    for (;;)
        (void)next_ping(link);
}

/* In whole words, as a shared index would be written. */
static void lie_in_header(struct link *link, uint64_t header)
{
    atomic_store(&link->ring.out[link->ring.n_sent % RING_LINES].header, header);
    link->ring.unrung |= RING_MESSAGES;
    link_bell(link);
    wait_for_the_end(link);
}

static void from_the_next_lap(struct link *link)
{
    lie_in_header(link, 2ull << 16 | 10);
}

static void from_the_last_lap_there_is(struct link *link)
{
    lie_in_header(link, UINT64_MAX);
}

static void freed_what_was_never_sent(struct link *link)
{
    (void)next_ping(link);
    atomic_store(&link->ring.own->n_freed, 1ull << 40);
    /* Looked at when room is needed: until then nothing is lost, and its other lies count. */
    lie_in_header(link, UINT64_MAX);
}

TEST(lies_about_positions)
{
    expect_fault(from_the_next_lap, FAULT_RING);
    expect_fault(from_the_last_lap_there_is, FAULT_RING);
    expect_fault(freed_what_was_never_sent, FAULT_RING);
}

static void garbage(struct link *link)
{
    const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff};
    ring_send(&link->ring, bytes, sizeof bytes);
    link_bell(link);
    wait_for_the_end(link);
}

/* A record of the largest size, of which nothing was written. */
static void a_header_alone(struct link *link)
{
    lie_in_header(link, 1ull << 16 | 0xffff);
}

static void an_order(struct link *link)
{
    Vitrine__Ping order = VITRINE__PING__INIT;
    link_send(link, MESSAGE_PING, &order.base, NULL, 0);
    link_bell(link);
    wait_for_the_end(link);
}

TEST(what_comes_is_judged_as_by_the_channel)
{
    expect_fault(garbage, FAULT_ENVELOPE);
    expect_fault(a_header_alone, FAULT_UNKNOWN_KIND);
    expect_fault(an_order, FAULT_DIRECTION);
}

static void answers_another(struct link *link)
{
    send_pong(link, next_ping(link) + 1, PAYLOAD);
    wait_for_the_end(link);
}

static void answers_twice(struct link *link)
{
    const uint64_t serial = next_ping(link);
    send_pong(link, serial, PAYLOAD);
    send_pong(link, serial, PAYLOAD);
    wait_for_the_end(link);
}

static void answers_more(struct link *link)
{
    send_pong(link, next_ping(link), PAYLOAD - 1);
    wait_for_the_end(link);
}

TEST(answers_that_are_none)
{
    expect_fault(answers_another, FAULT_SERIAL);
    expect_fault(answers_more, FAULT_VALUE);
    CHECK_INT(play(answers_twice, N_PINGS), ==, VERDICT_PROTOCOL);
    CHECK_STR(message_fault_name(told.fault), message_fault_name(FAULT_SERIAL));
}

static void joins_twice(struct link *link)
{
    link->by_ring = false;
    Vitrine__Joined fact = VITRINE__JOINED__INIT;
    fact.serial = SHARE_SERIAL;
    link_send(link, MESSAGE_JOINED, &fact.base, NULL, 0);
    wait_for_the_end(link);
}

static void joins_by_the_ring(struct link *link)
{
    Vitrine__Joined fact = VITRINE__JOINED__INIT;
    fact.serial = SHARE_SERIAL;
    link_send(link, MESSAGE_JOINED, &fact.base, NULL, 0);
    link_bell(link);
    wait_for_the_end(link);
}

TEST(the_old_way_is_closed)
{
    expect_fault(joins_twice, FAULT_STATE);
    expect_fault(joins_by_the_ring, FAULT_STATE);
}

static void by_the_channel_at_last(struct link *link)
{
    const uint64_t serial = next_ping(link);
    link->by_ring = false;
    send_pong(link, serial, PAYLOAD);
    link->by_ring = true;
    wait_for_the_end(link);
}

TEST(an_answer_by_the_channel_is_late)
{
    expect_fault(by_the_channel_at_last, FAULT_STATE);
}

static void rings_for_nothing(struct link *link)
{
    const uint64_t once = 1;
    for (int i = 0; i < 100000; i++) {
        if (write(link->far_bell_fd, &once, sizeof once) < 0)
            _exit(5);
        usleep(10);
    }
    wait_for_the_end(link);
}

TEST(rings_and_has_nothing_to_say)
{
    expect_fault(rings_for_nothing, FAULT_FLOOD);
}

static void breaks_the_bells(struct link *link)
{
    const uint64_t most = UINT64_MAX - 1;
    (void)!write(link->far_bell_fd, &most, sizeof most);
    atomic_store(&link->ring.own->sleeps, UINT32_MAX);
    atomic_store(&link->ring.own->cpu, UINT32_MAX);
    answers_all(link);
}

/* It harms itself at most: the broker goes on, and so does whoever still answers. */
TEST(words_about_sleep_are_only_hints)
{
    const enum verdict verdict = play(breaks_the_bells, N_PINGS);
    CHECK(verdict == VERDICT_NONE);
    CHECK_INT(n_answered, ==, N_PINGS);
}
