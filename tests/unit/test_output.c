#include "broker/output.h"
#include "common/clock.h"
#include "common/fd.h"
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define N_BYTES 300000u

/* A pipe of one page, so that little fills it. */
static void make_pipe(int ends[2])
{
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(fcntl(ends[1], F_SETPIPE_SZ, 4096) > 0);
}

static char *make_bytes(void)
{
    char *bytes = malloc(N_BYTES);
    REQUIRE(bytes != NULL);
    for (size_t i = 0; i < N_BYTES; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    return bytes;
}

struct reader {
    int fd;
    bool same;
    size_t n;
};

/* In small pieces, and late. */
static void *read_slowly(void *argument)
{
    struct reader *reader = argument;
    char *wanted = make_bytes();
    char piece[5000];
    usleep(50000);
    reader->same = true;
    for (ssize_t n; (n = read(reader->fd, piece, sizeof piece)) > 0; reader->n += (size_t)n) {
        const size_t n_left = N_BYTES - reader->n;
        reader->same = reader->same && (size_t)n <= n_left && memcmp(piece, wanted + reader->n, (size_t)n) == 0;
    }
    free(wanted);
    return NULL;
}

TEST(a_slow_reader_gets_all)
{
    int ends[2];
    make_pipe(ends);
    char *bytes = make_bytes();
    struct reader reader = {.fd = ends[0]};
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, read_slowly, &reader) == 0);
    CHECK_INT(output_write(ends[1], bytes, N_BYTES), ==, 0);
    fd_close(&ends[1]);
    pthread_join(thread, NULL);
    CHECK(reader.same);
    CHECK_INT(reader.n, ==, N_BYTES);
    fd_close(&ends[0]);
    free(bytes);
}

/* Blocked, as the loop has it. */
static void make_pending(int number)
{
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, number);
    REQUIRE(signal(number, SIG_DFL) != SIG_ERR);
    REQUIRE(sigprocmask(SIG_BLOCK, &blocked, NULL) == 0);
    REQUIRE(raise(number) == 0);
}

TEST(a_wish_to_end_outlasts_no_reader)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    char *bytes = make_bytes();
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        int ends[2];
        make_pipe(ends);
        make_pending(signals[i]);
        const uint64_t before_ns = clock_now_ns();
        CHECK_INT(output_write(ends[1], bytes, N_BYTES), ==, -ETIMEDOUT);
        CHECK_INT((clock_now_ns() - before_ns) / NS_PER_MS, <, 2000);
        sigset_t one;
        int taken;
        sigemptyset(&one);
        sigaddset(&one, signals[i]);
        REQUIRE(sigwait(&one, &taken) == 0);
        fd_close(&ends[0]);
        fd_close(&ends[1]);
    }
    free(bytes);
}

/* What fits is written all the same. */
TEST(a_wish_to_end_costs_nothing_where_there_is_room)
{
    int ends[2];
    char got[16];
    make_pipe(ends);
    make_pending(SIGTERM);
    CHECK_INT(output_write(ends[1], "the end\n", 8), ==, 0);
    CHECK_INT(read(ends[0], got, sizeof got), ==, 8);
    CHECK_MEM(got, "the end\n", 8);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
}

TEST(a_reader_who_has_left_is_told)
{
    int ends[2];
    make_pipe(ends);
    signal(SIGPIPE, SIG_IGN);
    fd_close(&ends[0]);
    CHECK_INT(output_write(ends[1], "x", 1), ==, -EPIPE);
    fd_close(&ends[1]);
    CHECK_INT(output_write(-1, "", 0), ==, 0);
    CLOSE_FD int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full >= 0)
        CHECK_INT(output_write(full, "x", 1), ==, -ENOSPC);
}
