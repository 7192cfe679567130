/* The two ways between broker and renderer: what goes by which, and what waits for what. */
#include "common/link.h"
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fd.h"

static struct link near_link, far_link; /* the broker's, which never blocks, and the renderer's */
static uint8_t buffer[CHANNEL_MAX_BYTES];
static struct arena arena;

static void open_links(void)
{
    int near_fd, far_fd;
    REQUIRE(channel_pair(&near_fd, &far_fd) == 0);
    link_init(&near_link, near_fd, false);
    link_init(&far_link, far_fd, true);
}

static void close_links(void)
{
    link_finish(&near_link);
    link_finish(&far_link);
}

/* As Share and Joined do it, without the messages. */
static void open_ring(void)
{
    int offer[LINK_OFFER_FDS], taken[LINK_OFFER_FDS];
    REQUIRE(link_offer(&near_link, offer) == 0);
    for (int i = 0; i < LINK_OFFER_FDS; i++)
        REQUIRE((taken[i] = fcntl(offer[i], F_DUPFD_CLOEXEC, 3)) >= 0);
    fd_close(&offer[LINK_FD_RING]);
    REQUIRE(link_join(&far_link, taken) == 0);
    fd_close(&taken[LINK_FD_RING]);
    link_switch(&near_link);
    link_switch(&far_link);
}

static int ping(struct link *link, uint64_t serial, const int *fds, size_t n_fds)
{
    Vitrine__Ping order = VITRINE__PING__INIT;
    order.serial = serial;
    return link_send(link, MESSAGE_PING, &order.base, fds, n_fds);
}

static uint64_t serial_of(const struct datagram *datagram)
{
    struct message message;
    REQUIRE(message_decode(datagram, SENDER_BROKER, WHEN_READY, &arena, &message) == FAULT_NONE);
    REQUIRE(message.kind == MESSAGE_PING);
    return message.ping->serial;
}

static uint64_t receive(struct link *link)
{
    struct datagram datagram;
    REQUIRE(link_receive(link, buffer, &datagram) == 0);
    const uint64_t serial = serial_of(&datagram);
    datagram_finish(&datagram);
    return serial;
}

static bool is_in_channel(const struct link *link)
{
    struct pollfd look = {.fd = link->channel.fd, .events = POLLIN};
    return poll(&look, 1, 0) == 1;
}

TEST(by_the_channel_until_there_is_a_ring)
{
    open_links();
    CHECK_INT(ping(&near_link, 7, NULL, 0), ==, 4); /* envelope, tag, one byte */
    CHECK(is_in_channel(&far_link));
    CHECK_INT(receive(&far_link), ==, 7);
    CHECK(!link_bell(&near_link));
    close_links();
}

TEST(by_the_ring_from_then_on)
{
    open_links();
    open_ring();
    CHECK_INT(ping(&near_link, 7, NULL, 0), ==, 4);
    CHECK_INT(ping(&near_link, 8, NULL, 0), ==, 4);
    CHECK(!is_in_channel(&far_link));
    CHECK_INT(receive(&far_link), ==, 7);
    CHECK_INT(receive(&far_link), ==, 8);
    close_links();
}

TEST(an_offer_has_three_descriptors_and_leaves_none)
{
    const int n_before = fd_count_open();
    open_links();
    open_ring();
    CHECK_INT(fd_count_open(), ==, n_before + 2 + 4); /* two ends, two bells in each */
    CHECK_INT(fcntl(near_link.bell_fd, F_GETFL) & O_NONBLOCK, ==, O_NONBLOCK);
    CHECK_INT(fcntl(near_link.bell_fd, F_GETFD), ==, FD_CLOEXEC);
    close_links();
    CHECK_INT(fd_count_open(), ==, n_before);
    close_links(); /* again is fine */
}

TEST(descriptors_go_by_the_channel)
{
    open_links();
    open_ring();
    const int fd = STDERR_FILENO;
    CHECK_INT(ping(&near_link, 7, NULL, 0), ==, 4);
    CHECK_INT(receive(&far_link), ==, 7); /* the switch is over */
    CHECK_INT(ping(&near_link, 1, NULL, 0), ==, 4);
    REQUIRE(ping(&near_link, 2, &fd, 1) > 0);
    CHECK(is_in_channel(&far_link));
    /* The ring goes first. */
    CHECK_INT(receive(&far_link), ==, 1);
    struct datagram datagram;
    REQUIRE(link_receive(&far_link, buffer, &datagram) == 0);
    CHECK_INT(datagram.n_fds, ==, 1);
    datagram_finish(&datagram);
    close_links();
}

TEST(what_was_sent_before_the_switch_comes_first)
{
    open_links();
    REQUIRE(ping(&near_link, 1, NULL, 0) > 0);
    REQUIRE(ping(&near_link, 2, NULL, 0) > 0);
    open_ring();
    REQUIRE(ping(&near_link, 3, NULL, 0) > 0);
    for (uint64_t i = 1; i <= 3; i++)
        CHECK_INT(receive(&far_link), ==, i);
    close_links();
}

TEST(an_end_that_must_not_block_says_when_the_ring_is_full)
{
    open_links();
    open_ring();
    int result;
    uint64_t n = 0;
    while ((result = ping(&near_link, n + 1, NULL, 0)) > 0)
        n++;
    CHECK_INT(result, ==, -ENOBUFS);
    CHECK_INT(n, ==, RING_LINES);
    for (uint64_t i = 0; i < n; i++)
        CHECK_INT(receive(&far_link), ==, i + 1);
    close_links();
}

static void *answer_all(void *n)
{
    for (uintptr_t i = 0; i < (uintptr_t)n; i++) {
        if (ping(&far_link, receive(&far_link), NULL, 0) < 0)
            return (void *)"could not answer";
    }
    link_bell(&far_link); /* as before whatever it waits for next */
    return NULL;
}

/* The near end has no spinner here: it polls its bell, as the broker's loop does when it sleeps. */
static uint64_t take_answer(void)
{
    struct datagram datagram;
    for (;;) {
        const int result = ring_receive(&near_link.ring, buffer, &datagram);
        if (result == 0)
            return serial_of(&datagram);
        REQUIRE(result == -EAGAIN);
        link_bell(&near_link);
        if (ring_prepare_sleep(&near_link.ring, RING_MESSAGES)) {
            struct pollfd bell = {.fd = near_link.bell_fd, .events = POLLIN};
            REQUIRE(poll(&bell, 1, 10000) == 1);
            link_hear_bell(&near_link);
        }
        ring_awake(&near_link.ring);
    }
}

TEST(a_conversation_with_sleep_on_both_sides)
{
    enum { N = 2000 };
    pthread_t thread;
    void *failed = NULL;
    open_links();
    open_ring();
    REQUIRE(pthread_create(&thread, NULL, answer_all, (void *)(uintptr_t)N) == 0);
    for (uint64_t i = 1; i <= N; i++) {
        if (i % 500 == 0)
            usleep(2000); /* long enough for the other side to lie down */
        REQUIRE(ping(&near_link, i, NULL, 0) > 0);
        link_bell(&near_link);
        CHECK_INT(take_answer(), ==, i);
    }
    REQUIRE(pthread_join(thread, &failed) == 0);
    CHECK(failed == NULL);
    close_links();
}

static void *send_many(void *n)
{
    for (uintptr_t i = 1; i <= (uintptr_t)n; i++) {
        if (ping(&far_link, i, NULL, 0) < 0)
            return (void *)"could not send";
    }
    link_bell(&far_link);
    return NULL;
}

TEST(an_end_that_may_block_waits_for_room)
{
    enum { N = 3 * RING_LINES };
    pthread_t thread;
    void *failed = NULL;
    open_links();
    open_ring();
    REQUIRE(pthread_create(&thread, NULL, send_many, (void *)(uintptr_t)N) == 0);
    usleep(20000);
    for (uint64_t i = 1; i <= N; i++)
        CHECK_INT(take_answer(), ==, i);
    REQUIRE(pthread_join(thread, &failed) == 0);
    CHECK(failed == NULL);
    close_links();
}

static void *send_until_it_fails(void *ret_error)
{
    int result;
    while ((result = ping(&far_link, 1, NULL, 0)) > 0)
        ;
    *(int *)ret_error = result;
    return NULL;
}

TEST(waiting_for_room_ends_with_the_channel)
{
    pthread_t thread;
    int error = 0;
    open_links();
    open_ring();
    REQUIRE(pthread_create(&thread, NULL, send_until_it_fails, &error) == 0);
    usleep(20000);
    shutdown(near_link.channel.fd, SHUT_RDWR);
    REQUIRE(pthread_join(thread, NULL) == 0);
    CHECK_INT(error, ==, -EPIPE);
    close_links();
}

TEST(waiting_for_messages_ends_with_the_channel)
{
    struct datagram datagram;
    open_links();
    open_ring();
    CHECK_INT(ping(&near_link, 1, NULL, 0), ==, 4);
    link_finish(&near_link);
    CHECK_INT(receive(&far_link), ==, 1); /* what was sent before comes first */
    CHECK_INT(link_receive(&far_link, buffer, &datagram), ==, CHANNEL_EOF);
    link_finish(&far_link);
}

TEST(a_ring_that_lies_is_told)
{
    struct datagram datagram;
    open_links();
    open_ring();
    atomic_store(&near_link.ring.out[0].header, UINT64_MAX);
    CHECK_INT(link_receive(&far_link, buffer, &datagram), ==, -EPROTO);
    CHECK_INT(ping(&far_link, 1, NULL, 0), ==, -EPROTO);
    close_links();
}

TEST(no_descriptor_to_make_an_offer_of)
{
    int offer[LINK_OFFER_FDS];
    struct rlimit limit;
    open_links();
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    for (int n_more = 0; n_more < LINK_OFFER_FDS; n_more++) {
        const int n_before = fd_count_open();
        const struct rlimit low = {.rlim_cur = (rlim_t)(near_link.channel.fd + 2 + n_more), .rlim_max = limit.rlim_max};
        REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
        CHECK_INT(link_offer(&near_link, offer), ==, -EMFILE);
        REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        CHECK_INT(fd_count_open(), ==, n_before);
        CHECK(near_link.ring.memory == NULL && near_link.bell_fd == -1 && near_link.far_bell_fd == -1);
    }
    close_links();
}
