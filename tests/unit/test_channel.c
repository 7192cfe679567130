#include "common/channel.h"
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"

#define MANY_FDS 253 /* the most that one datagram can carry */

static struct channel ours, theirs;
static uint8_t buffer[CHANNEL_MAX_BYTES];
static uint8_t large[CHANNEL_MAX_BYTES + 1];
static struct datagram datagram;

static void open_pair(bool blocking)
{
    int a, b;
    REQUIRE(channel_pair(&a, &b) == 0);
    channel_init(&ours, a, blocking);
    channel_init(&theirs, b, blocking);
}

static void close_pair(void)
{
    channel_finish(&ours);
    channel_finish(&theirs);
}

/* What a hostile peer can do: any bytes, any descriptors, in as many headers as it likes. */
static int send_raw(const void *bytes, size_t n_bytes, int fd, size_t n_fds, size_t n_headers)
{
    static _Alignas(struct cmsghdr) char control[4096];
    memset(control, 0, sizeof(control));
    struct iovec part = {(void *)bytes, n_bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (n_headers > 0) {
        message.msg_control = control;
        message.msg_controllen = n_headers * CMSG_SPACE(n_fds * sizeof(int));
    }
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        for (size_t i = 0; i < n_fds; i++)
            memcpy(CMSG_DATA(header) + i * sizeof(int), &fd, sizeof(fd));
        if ((char *)header + CMSG_SPACE(n_fds * sizeof(int)) >= control + message.msg_controllen)
            break;
    }
    return sendmsg(theirs.fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int receive(void)
{
    memset(&datagram, 0x55, sizeof(datagram));
    int result = channel_receive(&ours, buffer, &datagram);
    if (result != 0) {
        CHECK_INT(datagram.n_bytes, ==, 0);
        CHECK_INT(datagram.n_fds, ==, 0);
    }
    return result;
}

TEST(carries_bytes_and_descriptors)
{
    open_pair(false);
    CHECK_INT(fcntl(ours.fd, F_GETFD), ==, FD_CLOEXEC);
    CHECK_INT(receive(), ==, -EAGAIN);
    const int fds[] = {0, 1, 2, theirs.fd};
    CHECK_INT(channel_send(&theirs, "hello", 5, NULL, 0), ==, 0);
    CHECK_INT(channel_send(&theirs, "with fds", 8, fds, 4), ==, 0);

    CHECK_INT(receive(), ==, 0);
    CHECK_INT(datagram.n_bytes, ==, 5);
    CHECK_MEM(datagram.bytes, "hello", 5);
    CHECK_INT(datagram.n_fds, ==, 0);
    datagram_finish(&datagram);

    CHECK_INT(receive(), ==, 0);
    CHECK_INT(datagram.n_fds, ==, 4);
    CHECK_INT(fcntl(datagram.fds[3], F_GETFD), ==, FD_CLOEXEC);
    CLOSE_FD int taken = fd_steal(&datagram.fds[3]);
    datagram_finish(&datagram);
    CHECK_INT(fcntl(taken, F_GETFD), ==, FD_CLOEXEC); /* what was taken stays open */
    close_pair();
}

TEST(sizes_from_one_byte_to_the_most)
{
    open_pair(false);
    CHECK_INT(channel_send(&theirs, large, 0, NULL, 0), ==, -EMSGSIZE);
    CHECK_INT(channel_send(&theirs, large, CHANNEL_MAX_BYTES + 1, NULL, 0), ==, -EMSGSIZE);
    CHECK_INT(channel_post(&theirs, large, 0, NULL, 0), ==, -EMSGSIZE);
    CHECK_INT(channel_send(&theirs, large, 1, (const int[5]){0}, 5), ==, -EMSGSIZE);
    CHECK_INT(receive(), ==, -EAGAIN);
    CHECK_INT(channel_send(&theirs, large, CHANNEL_MAX_BYTES, NULL, 0), ==, 0);
    CHECK_INT(receive(), ==, 0);
    CHECK_INT(datagram.n_bytes, ==, CHANNEL_MAX_BYTES);
    close_pair();
}

TEST(one_byte_too_many_is_told)
{
    open_pair(false);
    int n_before = fd_count_open();
    CHECK_INT(send_raw(large, CHANNEL_MAX_BYTES + 1, 0, 0, 0), ==, 0);
    CHECK_INT(send_raw(large, CHANNEL_MAX_BYTES + 1, 0, 2, 1), ==, 0);
    CHECK_INT(receive(), ==, CHANNEL_TRUNCATED);
    CHECK_INT(receive(), ==, CHANNEL_TRUNCATED);
    CHECK_INT(receive(), ==, -EAGAIN);
    CHECK_INT(fd_count_open(), ==, n_before);
    close_pair();
}

TEST(an_empty_datagram_is_not_the_end)
{
    open_pair(false);
    int n_before = fd_count_open();
    CHECK_INT(send_raw("", 0, 0, 0, 0), ==, 0);
    CHECK_INT(send_raw("", 0, 0, 1, 1), ==, 0);
    CHECK_INT(receive(), ==, CHANNEL_ZERO_LENGTH);
    CHECK_INT(receive(), ==, CHANNEL_ZERO_LENGTH);
    CHECK_INT(receive(), ==, -EAGAIN);
    CHECK_INT(fd_count_open(), ==, n_before);

    CHECK_INT(send_raw("", 0, 0, 1, 1), ==, 0);
    channel_finish(&theirs);
    CHECK_INT(receive(), ==, CHANNEL_ZERO_LENGTH); /* it carried a descriptor: no end does */
    CHECK_INT(receive(), ==, CHANNEL_EOF);
    CHECK_INT(receive(), ==, CHANNEL_EOF);
    close_pair();
}

TEST(the_end_is_told_when_the_peer_stops_writing)
{
    open_pair(false);
    CHECK_INT(shutdown(theirs.fd, SHUT_WR), ==, 0);
    CHECK_INT(receive(), ==, CHANNEL_EOF);
    close_pair();
}

TEST(last_words_arrive_even_with_our_order_unread)
{
    open_pair(false);
    CHECK_INT(channel_send(&ours, "never read", 10, NULL, 0), ==, 0);
    CHECK_INT(channel_send(&theirs, "last words", 10, NULL, 0), ==, 0);
    channel_finish(&theirs);
    CHECK_INT(receive(), ==, 0);
    CHECK_MEM(datagram.bytes, "last words", 10);
    CHECK_INT(receive(), ==, CHANNEL_EOF);
    close_pair();
}

TEST(sending_to_the_gone_is_an_error_and_no_signal)
{
    open_pair(false);
    CHECK_INT(channel_send(&ours, "never read", 10, NULL, 0), ==, 0);
    channel_finish(&theirs);
    CHECK_INT(channel_send(&ours, "x", 1, NULL, 0), ==, -EPIPE);
    CHECK_INT(channel_send(&ours, "x", 1, NULL, 0), ==, -EPIPE);
    CHECK_INT(channel_post(&ours, "x", 1, NULL, 0), ==, -EPIPE);
    close_pair();
}

TEST(too_many_descriptors_are_all_seen_and_closed)
{
    static const struct {
        size_t n_fds, n_headers, n_expected;
    } cases[] = {{1, 1, 1}, {2, 1, 2}, {4, 1, 4}, {1, 4, 4}, {2, 2, 4},         {5, 1, 5},
                 {1, 5, 5}, {3, 2, 6}, {2, 3, 6}, {1, 9, 9}, {MANY_FDS, 1, 253}};
    open_pair(false);
    int n_before = fd_count_open();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        REQUIRE(send_raw("x", 1, 0, cases[i].n_fds, cases[i].n_headers) == 0);
        int expected = cases[i].n_expected > CHANNEL_MAX_FDS ? CHANNEL_TOO_MANY_FDS : 0;
        CHECK_INT(receive(), ==, expected);
        CHECK_INT(datagram.n_fds, ==, expected == 0 ? cases[i].n_expected : 0);
        datagram_finish(&datagram);
        CHECK_INT(fd_count_open(), ==, n_before);
    }
    close_pair();
}

static void limit_fds(rlim_t n)
{
    struct rlimit limit;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = n;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

TEST(our_own_lack_of_room_is_not_the_peers_fault)
{
    open_pair(false);
    int n_before = fd_count_open();
    REQUIRE(send_raw("one", 3, 0, 3, 1) == 0);
    REQUIRE(send_raw("two", 3, 0, 1, 1) == 0);
    REQUIRE(send_raw("all", 3, 0, MANY_FDS, 1) == 0);
    REQUIRE(send_raw("end", 3, 0, 3, 1) == 0);

    struct rlimit limit;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    CLOSE_FD int lowest_free = dup(0);
    limit_fds((rlim_t)lowest_free + 2); /* room for one more */
    CHECK_INT(receive(), ==, -EMFILE);  /* wanted three */
    CHECK_INT(receive(), ==, 0);
    datagram_finish(&datagram);
    CHECK_INT(receive(), ==, -EMFILE); /* whether the peer sent too many, nobody can say */
    limit_fds(limit.rlim_cur);
    CHECK_INT(receive(), ==, 0); /* and on it goes */
    CHECK_INT(datagram.n_fds, ==, 3);
    datagram_finish(&datagram);
    fd_close(&lowest_free);
    CHECK_INT(fd_count_open(), ==, n_before);
    close_pair();
}

/* Sends numbered datagrams until nothing more is taken. Returns how many went. */
static size_t post_numbers_until(int last_result, size_t n_bytes)
{
    for (uint32_t i = 0;; i++) {
        memcpy(large, &i, sizeof(i));
        int fd = 0;
        int result = channel_post(&ours, large, n_bytes, &fd, i % 2);
        if (result == 0)
            continue;
        CHECK_INT(result, ==, last_result);
        return i;
    }
}

static void expect_numbers(size_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        channel_flush(&ours);
        uint32_t number = UINT32_MAX;
        REQUIRE(channel_receive(&theirs, buffer, &datagram) == 0);
        memcpy(&number, datagram.bytes, sizeof(number));
        CHECK_INT(number, ==, i);
        CHECK_INT(datagram.n_fds, ==, i % 2);
        datagram_finish(&datagram);
    }
}

TEST(a_peer_that_does_not_read_costs_a_bounded_queue)
{
    static const size_t sizes[] = {4, 100, 4000, CHANNEL_MAX_BYTES};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        open_pair(false);
        CHECK(!channel_wants_flush(&ours));
        size_t n = post_numbers_until(-ENOBUFS, sizes[i]);
        CHECK(channel_wants_flush(&ours));
        CHECK_INT(ours.n_queued_bytes, <=, CHANNEL_MAX_QUEUED_BYTES);
        CHECK_INT(ours.n_queued, <=, CHANNEL_MAX_QUEUED_DATAGRAMS);
        CHECK(ours.n_queued == CHANNEL_MAX_QUEUED_DATAGRAMS ||
              ours.n_queued_bytes + sizes[i] > CHANNEL_MAX_QUEUED_BYTES);
        CHECK_INT(channel_flush(&ours), ==, -EAGAIN);
        CHECK_INT(channel_send(&ours, "x", 1, NULL, 0), ==, -EAGAIN); /* not past the queue */

        expect_numbers(n); /* whole, in order, with their descriptors */
        CHECK_INT(channel_flush(&ours), ==, 0);
        CHECK(!channel_wants_flush(&ours));
        CHECK_INT(ours.n_queued_bytes, ==, 0);
        CHECK_INT(channel_receive(&theirs, buffer, &datagram), ==, -EAGAIN);
        close_pair();
    }
}

TEST(what_is_queued_is_dropped_with_the_channel)
{
    open_pair(false);
    post_numbers_until(-ENOBUFS, 100);
    CHECK_INT(ours.n_queued, >, 0);
    close_pair(); /* the harness counts descriptors, the sanitized build memory */
    CHECK_INT(ours.fd, ==, -1);
    CHECK_INT(ours.n_queued, ==, 0);
}

TEST(no_descriptor_for_the_queue_is_an_error_without_loss)
{
    open_pair(false);
    post_numbers_until(-ENOBUFS, 4000);
    expect_numbers(1);
    channel_flush(&ours);
    size_t n_queued = ours.n_queued;
    CLOSE_FD int lowest_free = dup(0);
    limit_fds((rlim_t)lowest_free + 2);
    CHECK_INT(channel_post(&ours, "x", 1, (const int[]){0, 0}, 2), ==, -EMFILE);
    CHECK_INT(ours.n_queued, ==, n_queued);
    close_pair();
}

static void ignore(int signal)
{
    (void)signal;
}

TEST(a_blocking_end_waits_through_signals)
{
    open_pair(true);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = ignore}, NULL); /* without SA_RESTART */
    struct itimerval often = {{0, 5000}, {0, 5000}};
    setitimer(ITIMER_REAL, &often, NULL);
    pid_t child = fork();
    if (child == 0) {
        usleep(100 * 1000);
        _exit(send_raw("late", 4, 0, 0, 0) == 0 ? 0 : 1);
    }
    uint64_t start_ns = clock_now_ns();
    CHECK_INT(receive(), ==, 0);
    CHECK_INT(clock_now_ns() - start_ns, >, 50 * NS_PER_MS);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    int status = -1;
    while (waitpid(child, &status, 0) < 0)
        ;
    CHECK_INT(status, ==, 0);
    close_pair();
}

#ifndef VITRINE_SANITIZED
/* Kills at any system call that a renderer may not make. */
static int lock_down(void)
{
#define ALLOW(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(recvmsg),
        ALLOW(sendmsg),
#ifdef __NR_poll
        ALLOW(poll),
#else
        ALLOW(ppoll),
#endif
        ALLOW(close),
        ALLOW(exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog filter = {sizeof(program) / sizeof(program[0]), program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0 ? -errno : 0;
}

/* All that a renderer does with its channel; counts what went right. */
static int talk(void)
{
    const int fds[] = {0, 1};
    int n_right = 0;
    n_right += channel_send(&ours, "plain", 5, NULL, 0) == 0;
    n_right += channel_send(&ours, "fds", 3, fds, 2) == 0;
    n_right += channel_receive(&ours, buffer, &datagram) == 0 && datagram.n_fds == 2;
    datagram_finish(&datagram);
    n_right += channel_receive(&ours, buffer, &datagram) == CHANNEL_TOO_MANY_FDS;
    n_right += channel_receive(&ours, buffer, &datagram) == CHANNEL_ZERO_LENGTH;
    fd_close(&theirs.fd);
    n_right += channel_receive(&ours, buffer, &datagram) == CHANNEL_EOF;
    n_right += channel_send(&ours, "gone", 4, NULL, 0) == -EPIPE;
    channel_finish(&ours);
    return n_right;
}

TEST(a_blocking_end_needs_no_system_call_but_its_own)
{
    open_pair(true);
    REQUIRE(send_raw("x", 1, 0, 2, 1) == 0);
    REQUIRE(send_raw("x", 1, 0, 5, 1) == 0);
    REQUIRE(send_raw("", 0, 0, 0, 0) == 0);
    pid_t child = fork();
    if (child == 0) {
        if (lock_down() < 0)
            _exit(100);
        _exit(talk());
    }
    fd_close(&theirs.fd);
    int status = -1;
    waitpid(child, &status, 0);
    close_pair();
    if (WIFEXITED(status) && WEXITSTATUS(status) == 100)
        SKIP("no seccomp filters here");
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), ==, 7);
}
#endif
