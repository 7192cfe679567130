#include "common/terminal_reset.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* How long a terminal may take for the next byte before it counts as stuck. */
#define PATIENCE_MS 100

/* How long to wait for answers to what the one who drew had asked. */
#define ANSWERS_MS 50

static const char reset_sequence[] = "\030\033\\"  /* whatever picture or name was cut off in the middle ends here */
                                     "\033[?2026l" /* no update is held back */
                                     "\033_Ga=d\033\\"        /* kitty: no pictures */
                                     "\033[?2004l"            /* paste */
                                     "\033[?1006l\033[?1000l" /* mouse */
                                     "\033[<u" /* the alternate screen's keyboard mode; the normal one has its own */
                                     "\033[0m\033[?7h\033[?25h" /* colours, wrapping, the cursor */
                                     "\033[?1049l";             /* the alternate screen */

int terminal_save(int fd, struct terminal_saved *ret_saved)
{
    struct termios termios;
    *ret_saved = (struct terminal_saved){0};
    if (tcgetattr(fd, &termios) < 0)
        return -errno;
    *ret_saved = (struct terminal_saved){.is_terminal = true, .termios = termios};
    return 0;
}

/* Field by field: the structure has gaps. */
static bool is_same(const struct termios *a, const struct termios *b)
{
    return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
           a->c_lflag == b->c_lflag && memcmp(a->c_cc, b->c_cc, sizeof a->c_cc) == 0;
}

bool terminal_is_changed(int fd, const struct terminal_saved *saved)
{
    struct termios termios;
    return saved->is_terminal && tcgetattr(fd, &termios) == 0 && !is_same(&termios, &saved->termios);
}

/* One byte, when there is room for it: on a descriptor that blocks, more could wait for ever. */
static bool put_byte(int fd, char byte)
{
    struct pollfd look = {.fd = fd, .events = POLLOUT};
    if (poll(&look, 1, PATIENCE_MS) <= 0 || !(look.revents & POLLOUT))
        return false;
    return write(fd, &byte, 1) == 1;
}

static bool put_sequence(int fd)
{
    for (size_t i = 0; i < sizeof reset_sequence - 1; i++)
        if (!put_byte(fd, reset_sequence[i]))
            return false;
    return true;
}

void terminal_reset(int fd, const struct terminal_saved *saved)
{
    int old_errno = errno;
    if (terminal_is_changed(fd, saved)) {
        /* A process in the background would be stopped for this. */
        sigset_t tty_output, old_mask;
        sigemptyset(&tty_output);
        sigaddset(&tty_output, SIGTTOU);
        sigprocmask(SIG_BLOCK, &tty_output, &old_mask);

        tcflow(fd, TCOON);
        if (!put_sequence(fd)) {
            tcflush(fd, TCOFLUSH); /* nobody reads: what is queued was only pictures */
            put_sequence(fd);
        }
        struct pollfd look = {.fd = fd, .events = POLLIN};
        poll(&look, 1, ANSWERS_MS);
        tcflush(fd, TCIFLUSH); /* they and the mouse would look like typing to a shell */
        tcsetattr(fd, TCSANOW, &saved->termios);
        sigprocmask(SIG_SETMASK, &old_mask, NULL);
    }
    errno = old_errno;
}
