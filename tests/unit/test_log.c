#include "common/log.h"
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/fd.h"

/* Stands in for stderr: what was written, a write(2) a datagram. */
static int reader = -1;
static int real_stderr = -1;

static void capture_begin(void)
{
    int fds[2];
    real_stderr = dup(STDERR_FILENO);
    REQUIRE(pipe2(fds, O_DIRECT | O_NONBLOCK | O_CLOEXEC) == 0); /* packets, as they were written */
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
    reader = fds[0];
}

static void capture_end(void)
{
    dup2(real_stderr, STDERR_FILENO);
    fd_close(&real_stderr);
    fd_close(&reader);
}

static const char *next_write(void)
{
    static char text[8192];
    ssize_t n = read(reader, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

TEST(one_line_is_one_write)
{
    capture_begin();
    log_set_name("broker");
    errno = ENOTTY;
    log_error("tab %d: %s", 3, "gone");
    CHECK_INT(errno, ==, ENOTTY);
    log_warning("careful");
    CHECK_STR(next_write(), "broker: tab 3: gone\n");
    CHECK_STR(next_write(), "broker: careful\n");
    CHECK_STR(next_write(), "");
    capture_end();
}

TEST(levels_choose_what_is_written)
{
    capture_begin();
    CHECK_INT(log_get_level(), ==, LOG_WARNING);
    log_info("not yet");
    CHECK_STR(next_write(), "");
    log_set_level(LOG_DEBUG);
    CHECK_INT(log_get_level(), ==, LOG_DEBUG);
    log_debug("now");
    CHECK_STR(next_write(), "vitrine: now\n");
    log_set_level(LOG_ERROR);
    log_warning("no more");
    CHECK_STR(next_write(), "");
    capture_end();
}

TEST(an_endless_line_is_cut_but_ends)
{
    static char text[10000], name[10000];
    memset(text, 'x', sizeof(text) - 1);
    memset(name, 'n', sizeof(name) - 1);
    capture_begin();
    log_error("%s", text);
    const char *written = next_write();
    CHECK_INT(strlen(written), ==, 4096);
    CHECK_INT(written[strlen(written) - 1], ==, '\n');
    CHECK_STR(next_write(), "");

    log_set_name(name);
    log_error("%s", text);
    CHECK_INT(strlen(next_write()), ==, 4096);
    capture_end();
}

TEST(keeps_errno_when_stderr_is_gone)
{
    capture_begin();
    close(STDERR_FILENO);
    errno = ENOTTY;
    log_error("nobody hears");
    CHECK_INT(errno, ==, ENOTTY);
    capture_end();
}
