#include "tests/viewer/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "tests/test.h"

#define CELL_WIDTH_PX  10
#define CELL_HEIGHT_PX 20

static struct winsize window(int columns, int rows)
{
    return (struct winsize){
        .ws_col = (unsigned short)columns,
        .ws_row = (unsigned short)rows,
        .ws_xpixel = (unsigned short)(columns * CELL_WIDTH_PX),
        .ws_ypixel = (unsigned short)(rows * CELL_HEIGHT_PX),
    };
}

static _Noreturn void run_child(int slave_fd, const char *term, char *const *arguments)
{
    char term_variable[64];
    snprintf(term_variable, sizeof term_variable, "TERM=%s", term);
    char path_variable[] = "PATH=/usr/bin:/bin", leaks[] = "ASAN_OPTIONS=detect_leaks=1";
    char *environment[] = {term_variable, path_variable, leaks, NULL};
    setsid();
    ioctl(slave_fd, TIOCSCTTY, 0);
    for (int fd = 0; fd <= 2; fd++)
        dup2(slave_fd, fd);
    fd_close_from(3);
    execve(arguments[0], arguments, environment);
    _exit(127);
}

void pty_open(struct pty *pty, int columns, int rows, const struct pty_answer *answers, const char *term,
              char *const *arguments)
{
    struct winsize size = window(columns, rows);
    *pty = (struct pty){.answers = answers};
    REQUIRE(openpty(&pty->master_fd, &pty->slave_fd, NULL, NULL, &size) == 0);
    REQUIRE(fcntl(pty->master_fd, F_SETFL, O_NONBLOCK) == 0);
    REQUIRE(tcgetattr(pty->slave_fd, &pty->before) == 0);
    pty->child = fork();
    REQUIRE(pty->child >= 0);
    if (pty->child == 0)
        run_child(pty->slave_fd, term, arguments);
}

void pty_close(struct pty *pty)
{
    if (pty->child > 0) {
        kill(pty->child, SIGKILL);
        waitpid(pty->child, NULL, 0);
    }
    fd_close(&pty->master_fd);
    fd_close(&pty->slave_fd);
    free(pty->bytes);
    *pty = (struct pty){.master_fd = -1, .slave_fd = -1};
}

void pty_resize(struct pty *pty, int columns, int rows)
{
    struct winsize size = window(columns, rows);
    CHECK_INT(ioctl(pty->master_fd, TIOCSWINSZ, &size), ==, 0);
}

void pty_type(struct pty *pty, const char *bytes)
{
    CHECK_INT(write(pty->master_fd, bytes, strlen(bytes)), ==, strlen(bytes));
}

static bool ends_in(const struct pty *pty, size_t end, const char *text)
{
    size_t n = strlen(text);
    return end >= n && memcmp(pty->bytes + end - n, text, n) == 0;
}

static void answer(struct pty *pty)
{
    for (; pty->n_looked < pty->n_bytes; pty->n_looked++)
        for (const struct pty_answer *row = pty->answers; row && row->question; row++)
            if (ends_in(pty, pty->n_looked + 1, row->question))
                pty_type(pty, row->answer);
}

void pty_drain(struct pty *pty)
{
    for (;;) {
        if (pty->n_room - pty->n_bytes < 65537) {
            pty->n_room = pty->n_room * 2 + (1 << 18);
            pty->bytes = realloc(pty->bytes, pty->n_room);
            REQUIRE(pty->bytes != NULL);
        }
        ssize_t n = read(pty->master_fd, pty->bytes + pty->n_bytes, 65536);
        if (n <= 0)
            break;
        pty->n_bytes += (size_t)n;
        pty->bytes[pty->n_bytes] = '\0';
        answer(pty);
    }
}

void pty_await(struct pty *pty, size_t n_skip, const char *text)
{
    for (;;) {
        pty_drain(pty);
        if (pty->n_bytes > n_skip && memmem(pty->bytes + n_skip, pty->n_bytes - n_skip, text, strlen(text)))
            return;
        siginfo_t info = {0};
        if (waitid(P_PID, (id_t)pty->child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid) {
            printf("%.*s\n", (int)(pty->n_bytes < 500 ? pty->n_bytes : 500), pty->bytes ? pty->bytes : "");
            FAIL("the program ended before it wrote %s", text);
            REQUIRE(!"ended");
        }
        struct pollfd look = {.fd = pty->master_fd, .events = POLLIN};
        poll(&look, 1, 100);
    }
}

int pty_wait(struct pty *pty)
{
    int status;
    pid_t ended;
    while ((ended = waitpid(pty->child, &status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
        pty_drain(pty);
        struct pollfd look = {.fd = pty->master_fd, .events = POLLIN};
        poll(&look, 1, 20);
    }
    pty_drain(pty);
    pty->child = 0;
    return ended > 0 ? status : -1;
}

bool pty_is_as_before(const struct pty *pty)
{
    struct termios now;
    const struct termios *before = &pty->before;
    return tcgetattr(pty->slave_fd, &now) == 0 && now.c_iflag == before->c_iflag && now.c_oflag == before->c_oflag &&
           now.c_cflag == before->c_cflag && now.c_lflag == before->c_lflag &&
           memcmp(now.c_cc, before->c_cc, sizeof now.c_cc) == 0;
}
