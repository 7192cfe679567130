/* The terminal view in a terminal that the test plays: what it shows as pixels, and that it leaves the terminal as it
 * was found, whichever way it goes. */
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/terminal_reset.h"
#include "tests/test.h"
#include "tests/viewer/pty.h"
#include "tests/viewer/sixel.h"

#define DEVICE_STATUS        \
    {                        \
        "\033[5n", "\033[0n" \
    }

/* Which answers tell the terminals apart. */
static const struct pty_answer like_xterm_sixel[] = {{"\033[c", "\033[?64;1;2;4;22c"}, DEVICE_STATUS, {NULL, NULL}};
static const struct pty_answer like_xterm[] = {
    {"\033[6n", "\033[1;2R"}, {"\033[c", "\033[?64;1;2;22c"}, DEVICE_STATUS, {NULL, NULL}};
static const struct pty_answer like_kitty[] = {{"AAAA\033\\", "\033_Gi=31;OK\033\\"},
                                               {"\033[?u", "\033[?0u"},
                                               {"\033[c", "\033[?62;c"},
                                               DEVICE_STATUS,
                                               {NULL, NULL}};
static const struct pty_answer like_iterm2[] = {
    {"\033[>q", "\033P>|iTerm2 3.4.19\033\\"}, {"\033[c", "\033[?62;c"}, DEVICE_STATUS, {NULL, NULL}};
static const struct pty_answer like_latin1[] = {
    {"\033[6n", "\033[1;4R"}, {"\033[c", "\033[?6c"}, DEVICE_STATUS, {NULL, NULL}};
static const struct pty_answer silent[] = {{NULL, NULL}};

static const char leaves_screen[] = "\033[?1049l";

static void start(struct pty *pty, const struct pty_answer *answers, char *option1, char *option2)
{
    static char program[] = SHOW_TERMINAL;
    char *arguments[] = {program, option1, option2, NULL};
    pty_open(pty, 80, 24, answers, "xterm-256color", arguments);
    pty_await(pty, 0, "q quit");
}

static void check_restored(struct pty *pty)
{
    CHECK(pty_is_as_before(pty));
    CHECK(pty->n_bytes >= strlen(leaves_screen) &&
          memcmp(pty->bytes + pty->n_bytes - strlen(leaves_screen), leaves_screen, strlen(leaves_screen)) == 0);
    CHECK(memmem(pty->bytes, pty->n_bytes, "\033[?25h", 6) != NULL);
}

/* ---- every way out ------------------------------------------------------------------------------------------ */

static void check_typed_end(const char *keys, int expected_status)
{
    struct pty pty;
    start(&pty, like_xterm, NULL, NULL);
    CHECK(!pty_is_as_before(&pty));
    pty_type(&pty, keys);
    CHECK_INT(pty_wait(&pty), ==, expected_status);
    check_restored(&pty);
    pty_close(&pty);
}

TEST(quit)
{
    check_typed_end("q", 0);
}

TEST(control_c)
{
    check_typed_end("\x03", 0);
}

TEST(last_tab_closed)
{
    check_typed_end("wwwww", 0);
}

/* abort() within the program. */
TEST(aborts)
{
    struct pty pty;
    start(&pty, like_xterm, NULL, NULL);
    pty_type(&pty, "X");
    int status = pty_wait(&pty);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    check_restored(&pty);
    pty_close(&pty);
}

static void check_killed(int number)
{
    struct pty pty;
    static char animate[] = "--animate";
    start(&pty, like_xterm, animate, NULL);
    kill(pty.child, number);
    int status = pty_wait(&pty);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != number)
        FAIL("signal %d: status %x", number, (unsigned)status);
    check_restored(&pty);
    pty_close(&pty);
}

TEST(signals)
{
    /* Sanitizers have handlers of their own for faults; those of the view leave them alone. */
#ifndef VITRINE_SANITIZED
    check_killed(SIGSEGV);
    check_killed(SIGBUS);
    check_killed(SIGILL);
    check_killed(SIGFPE);
#endif
    check_killed(SIGABRT);
    check_killed(SIGTERM);
    check_killed(SIGINT);
    check_killed(SIGHUP);
    check_killed(SIGQUIT);
}

/* What the broker does: nothing of the process is left to do it. In the middle of a picture, too. */
static void check_sigkill(const struct pty_answer *answers, bool in_picture)
{
    struct pty pty;
    static char animate[] = "--animate";
    struct terminal_saved saved = {0};
    start(&pty, answers, animate, NULL);
    saved.is_terminal = true;
    saved.termios = pty.before;
    if (in_picture) /* nobody reads until it is stuck in one */
        usleep(200000);
    kill(pty.child, SIGKILL);
    CHECK(WIFSIGNALED(pty_wait(&pty)));
    CHECK(!pty_is_as_before(&pty));
    terminal_reset(pty.slave_fd, &saved);
    pty_drain(&pty);
    check_restored(&pty);
    size_t n_bytes = pty.n_bytes;
    terminal_reset(pty.slave_fd, &saved); /* again: nothing to do */
    pty_drain(&pty);
    CHECK_INT(pty.n_bytes, ==, n_bytes);
    pty_close(&pty);
}

TEST(sigkill)
{
    check_sigkill(like_xterm, false);
    check_sigkill(like_xterm_sixel, true);
    check_sigkill(like_kitty, true);
}

/* Nobody reads any more, and the queue is full: it does not wait for ever, and what matters arrives. */
TEST(reset_when_stuck)
{
    struct winsize size = {.ws_col = 80, .ws_row = 24};
    CLOSE_FD int master_fd = -1;
    CLOSE_FD int slave_fd = -1;
    REQUIRE(openpty(&master_fd, &slave_fd, NULL, NULL, &size) == 0);
    struct terminal_saved saved;
    REQUIRE(terminal_save(slave_fd, &saved) == 0);
    struct termios raw = saved.termios;
    cfmakeraw(&raw);
    REQUIRE(tcsetattr(slave_fd, TCSANOW, &raw) == 0);
    REQUIRE(fcntl(slave_fd, F_SETFL, O_NONBLOCK) == 0);
    char bytes[1000];
    memset(bytes, 'x', sizeof bytes);
    while (write(slave_fd, bytes, sizeof bytes) > 0)
        ;
    while (write(slave_fd, bytes, 1) > 0)
        ;
    REQUIRE(fcntl(slave_fd, F_SETFL, 0) == 0); /* blocks, as the broker's does */
    terminal_reset(slave_fd, &saved);
    CHECK(!terminal_is_changed(slave_fd, &saved));
    ssize_t n = 0, n_all = 0;
    char tail[4096] = "";
    REQUIRE(fcntl(master_fd, F_SETFL, O_NONBLOCK) == 0);
    while ((n = read(master_fd, tail, sizeof tail - 1)) > 0)
        n_all = n;
    CHECK(n_all > 0 && memmem(tail, (size_t)n_all, leaves_screen, strlen(leaves_screen)) != NULL);
}

TEST(reset_of_no_terminal)
{
    CLOSE_FD int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct terminal_saved saved;
    CHECK_INT(terminal_save(fd, &saved), <, 0);
    CHECK(!saved.is_terminal);
    terminal_reset(fd, &saved);
}

/* The terminal goes away: an orderly end. */
TEST(hangup)
{
    struct pty pty;
    start(&pty, like_xterm, NULL, NULL);
    fd_close(&pty.master_fd);
    int status;
    CHECK_INT(waitpid(pty.child, &status, 0), ==, pty.child);
    CHECK(WIFEXITED(status) || WTERMSIG(status) == SIGHUP);
    pty.child = 0;
    pty_close(&pty);
}

/* ---- what is seen ------------------------------------------------------------------------------------------- */

static void check_near(const struct sixel_picture *picture, int x, int y, const uint8_t colour[3])
{
    const uint8_t *pixel = sixel_at(picture, x, y);
    for (int i = 0; i < 3; i++)
        if (abs(pixel[i] - colour[i]) > 16) {
            FAIL("at %d, %d: %d %d %d", x, y, pixel[0], pixel[1], pixel[2]);
            return;
        }
}

/* The recorded sixels, decoded, are the four quarters, everywhere. */
TEST(sixel)
{
    struct pty pty;
    static char flat[] = "--flat";
    static const uint8_t quarters[4][3] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 255}};
    start(&pty, like_xterm_sixel, flat, NULL);
    pty_await(&pty, 0, "\033\\\033[?2026l");
    struct sixel_picture picture;
    size_t n_pictures = sixel_count(pty.bytes, pty.n_bytes);
    CHECK_INT(n_pictures, ==, 1);
    REQUIRE(sixel_decode(pty.bytes, pty.n_bytes, &picture));
    const int width = 80 * 10, height = 22 * 20;
    CHECK_INT(picture.width, ==, width);
    CHECK_INT(picture.height, >=, height);
    CHECK_INT(picture.height, <, height + 6);
    for (int y = 0; y < height; y += 7)
        for (int x = 0; x < width; x += 11)
            check_near(&picture, x, y, quarters[(x >= width / 2) + 2 * (y >= height / 2)]);
    sixel_finish(&picture);
    pty_close(&pty);
}

/* A key that changes only a line sends no picture again. */
TEST(picture_only_when_new)
{
    struct pty pty;
    start(&pty, like_xterm_sixel, NULL, NULL);
    pty_await(&pty, 0, "\033\\\033[?2026l");
    size_t n_before = pty.n_bytes;
    pty_type(&pty, "\033[6~");
    pty_await(&pty, n_before, "\033[5n");
    CHECK(memmem(pty.bytes + n_before, pty.n_bytes - n_before, "2", 1) != NULL); /* page 2 */
    CHECK_INT(sixel_count(pty.bytes + n_before, pty.n_bytes - n_before), ==, 0);
    n_before = pty.n_bytes;
    pty_type(&pty, "j");
    pty_await(&pty, n_before, "\033\\\033[?2026l");
    CHECK_INT(sixel_count(pty.bytes + n_before, pty.n_bytes - n_before), ==, 1);
    pty_close(&pty);
}

static void check_kind(const struct pty_answer *answers, char *option, const char *begin, bool is_there)
{
    struct pty pty;
    start(&pty, answers, option, NULL);
    if (is_there)
        pty_await(&pty, 0, begin);
    else
        pty_await(&pty, 0, "\033[?2026l\033[5n");
    pty_drain(&pty);
    CHECK_INT(memmem(pty.bytes, pty.n_bytes, begin, strlen(begin)) != NULL, ==, is_there);
    pty_type(&pty, "q");
    CHECK_INT(pty_wait(&pty), ==, 0);
    check_restored(&pty);
    pty_close(&pty);
}

TEST(kinds)
{
    static char symbols[] = "--symbols";
    check_kind(like_kitty, NULL, "\033_Ga=T,", true);
    check_kind(like_kitty, NULL, "\033[>1u", true);
    check_kind(like_iterm2, NULL, "\033]1337;File=inline=1", true);
    check_kind(like_xterm, NULL, "\xe2\x96", true);
    check_kind(like_xterm, NULL, "\033P", false);
    check_kind(like_xterm_sixel, symbols, "\033P", false);
    check_kind(like_kitty, symbols, "\033_Ga=T,", false);
    check_kind(like_latin1, NULL, "\xe2\x96\x84", false);
}

/* Without a single answer it works as well, with symbols. */
TEST(silent_terminal)
{
    check_kind(silent, NULL, "\xe2\x96", true);
}

/* A terminal that takes its time: pictures are left out, keys are not, and in the end all is as it should be. */
TEST(slow_terminal)
{
    static const struct pty_answer no_status[] = {{"\033[c", "\033[?64;4c"}, {NULL, NULL}};
    static char animate[] = "--animate";
    struct pty pty;
    start(&pty, no_status, animate, NULL);
    for (int i = 0; i < 20; i++) {
        pty_drain(&pty);
        usleep(20000);
    }
    size_t n_pictures = sixel_count(pty.bytes, pty.n_bytes);
    CHECK_INT(n_pictures, >=, 1);
    CHECK_INT(n_pictures, <=, 3); /* two on their way, and one more if 2 s have passed on a busy machine */
    pty_type(&pty, "q");
    CHECK_INT(pty_wait(&pty), ==, 0);
    check_restored(&pty);
    pty_close(&pty);
}

TEST(resized)
{
    struct pty pty;
    start(&pty, like_xterm_sixel, NULL, NULL);
    pty_await(&pty, 0, "\033\\\033[?2026l");
    size_t n_before = pty.n_bytes;
    pty_resize(&pty, 60, 12);
    pty_await(&pty, n_before, "\033\\\033[?2026l");
    struct sixel_picture picture;
    REQUIRE(sixel_decode(pty.bytes + n_before, pty.n_bytes - n_before, &picture));
    CHECK_INT(picture.width, ==, 600);
    sixel_finish(&picture);
    n_before = pty.n_bytes;
    pty_resize(&pty, 15, 4);
    pty_await(&pty, n_before, "or more");
    n_before = pty.n_bytes;
    pty_resize(&pty, 80, 24);
    pty_await(&pty, n_before, "q quit");
    pty_close(&pty);
}

/* ---- where there is no terminal ------------------------------------------------------------------------------ */

static void check_lacks(const char *redirection, const char *term, const char *expected)
{
    char command[256];
    snprintf(command, sizeof command, "exec " SHOW_TERMINAL " %s", redirection);
    char shell[] = "/bin/sh", option[] = "-c";
    char *arguments[] = {shell, option, command, NULL};
    struct pty pty;
    pty_open(&pty, 80, 24, silent, term, arguments);
    int status = pty_wait(&pty);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 2);
    CHECK(memmem(pty.bytes, pty.n_bytes, expected, strlen(expected)) != NULL);
    CHECK(!memchr(pty.bytes, '\033', pty.n_bytes));
    CHECK(pty_is_as_before(&pty));
    pty_close(&pty);
}

TEST(no_terminal)
{
    check_lacks("</dev/null", "xterm", "standard input is not a terminal");
    check_lacks(">/dev/null", "xterm", "standard output is not a terminal");
    check_lacks("", "dumb", "TERM");
}
