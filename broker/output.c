#include "broker/output.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

/* How long a reader that takes nothing is waited for once somebody wants the broker to end. */
#define PATIENCE_MS 1000
#define WAIT_MS     100

/* Signals that end us are blocked, for the loop reads them from a descriptor; this is how they show here. */
static bool asked_to_end(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 ||
                                         sigismember(&pending, SIGHUP) == 1);
}

/* Waits for as long as it takes, but not against a wish to end: `broker --json | less` must obey Ctrl-C. */
static int wait_writable(int fd)
{
    for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += asked_to_end() ? WAIT_MS : 0) {
        struct pollfd pollfd = {.fd = fd, .events = POLLOUT};
        int n = poll(&pollfd, 1, WAIT_MS);
        if (n > 0)
            return 0; /* or an error, which write tells best */
        if (n < 0 && errno != EINTR)
            return -errno;
    }
    return -ETIMEDOUT;
}

/* In pieces of PIPE_BUF, which a pipe that polls writable takes whole without blocking; few lines are longer. */
int output_write(int fd, const char *bytes, size_t n_bytes)
{
    while (n_bytes > 0) {
        int error = wait_writable(fd);
        if (error < 0)
            return error;
        ssize_t n = write(fd, bytes, n_bytes < PIPE_BUF ? n_bytes : PIPE_BUF);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return -errno;
        if (n > 0) {
            bytes += n;
            n_bytes -= (size_t)n;
        }
    }
    return 0;
}
