#include "common/fd.h"
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(close_keeps_errno_and_forgets_the_number)
{
    int fd = dup(0);
    REQUIRE(fd >= 0);
    int copy = fd;
    errno = ENOTTY;
    fd_close(&fd);
    CHECK_INT(errno, ==, ENOTTY);
    CHECK_INT(fd, ==, -1);
    CHECK_INT(fcntl(copy, F_GETFD), ==, -1);
    errno = ENOTTY;
    fd_close(&copy); /* fails, and keeps errno all the same */
    CHECK_INT(errno, ==, ENOTTY);
    fd_close(&fd); /* none: nothing happens */
    CHECK_INT(errno, ==, ENOTTY);
}

static int open_and_hand_over(void)
{
    CLOSE_FD int kept = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CLOSE_FD int closed = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(kept >= 0 && closed >= 0);
    return fd_steal(&kept);
}

TEST(what_is_not_stolen_is_closed_with_its_scope)
{
    int before = fd_count_open();
    CLOSE_FD int fd = open_and_hand_over();
    CHECK_INT(fd_count_open(), ==, before + 1);
    CHECK(fcntl(fd, F_GETFD) >= 0);
}

TEST(counts_what_is_open)
{
    int before = fd_count_open();
    CHECK_INT(before, >=, 1);
    int fds[2];
    REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
    CHECK_INT(fd_count_open(), ==, before + 2);
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    CHECK_INT(fd_count_open(), ==, before);
}

static bool is_dev_null(int fd)
{
    char byte = 'x';
    return read(fd, &byte, 1) == 0 && write(fd, &byte, 1) == 1;
}

TEST(guards_closed_stdio_numbers)
{
    int input = dup(0), output = dup(1);
    REQUIRE(input >= 0 && output >= 0);
    close(0);
    bool closed[3] = {false, true, true};
    int result = fd_guard_stdio(closed);
    bool guarded = is_dev_null(0);
    dup2(input, 0);
    close(input);
    close(output);

    CHECK_INT(result, ==, 0);
    CHECK(guarded);
    CHECK(closed[0]);
    CHECK(!closed[1]);
    CHECK(!closed[2]);
}

/* As on kernels, and in containers, that do not know the call. */
static bool lose_close_range(void)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {.len = sizeof program / sizeof program[0], .filter = program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0 &&
           close_range(1000, 1000, 0) < 0 && errno == ENOSYS;
}

/* In a process of its own, for it closes what the test has. The lowest and the highest number there can be. */
static _Noreturn void close_from_100(bool is_without)
{
    const struct rlimit limit = {.rlim_cur = 256, .rlim_max = 256};
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || (is_without && !lose_close_range()))
        _exit(77);
    const bool open = dup2(0, 99) == 99 && dup2(0, 100) == 100 && dup2(0, 255) == 255;
    fd_close_from(100);
    const bool kept = fcntl(99, F_GETFD) >= 0;
    const bool closed = fcntl(100, F_GETFD) < 0 && fcntl(255, F_GETFD) < 0;
    _exit(open && kept && closed ? 0 : 1);
}

static int close_from_status(bool is_without)
{
    int status = 0;
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0)
        close_from_100(is_without);
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(closes_all_from_a_number)
{
    CHECK_INT(close_from_status(false), ==, 0);
}

TEST(closes_all_from_a_number_one_by_one)
{
    const int status = close_from_status(true);
    if (status == 77)
        SKIP("no filter can be set here");
    CHECK_INT(status, ==, 0);
}
