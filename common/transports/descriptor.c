#include "common/transports/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

const int stream_calls[] = {SYS_read, SYS_write, SYS_sched_yield, -1};

/* poll, under whatever name the C library calls it. */
const int packet_calls[] = {
    SYS_sendto, SYS_recvfrom, SYS_sched_yield, SYS_ppoll,
#ifdef SYS_poll
    SYS_poll,
#endif
    -1,
};

int descriptor_retry(struct transport_end *end)
{
    switch (errno) {
    case EINTR:
        return 0;
    case EAGAIN:
        transport_pause(end);
        return 0;
    case ECONNRESET:
    case ECONNREFUSED:
    case ENOTCONN:
        return -EPIPE;
    default:
        return -errno;
    }
}

int stream_send(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    const char *next = bytes;
    while (n_bytes > 0) {
        const ssize_t n = write(end->out_fd, next, n_bytes);
        const int result = n < 0 ? descriptor_retry(end) : 0;
        if (result < 0)
            return result;
        if (n > 0) {
            next += n;
            n_bytes -= (size_t)n;
        }
    }
    return 0;
}

int stream_receive(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    size_t n_bytes = 0;
    while (n_bytes < max_bytes) {
        const ssize_t n = read(end->in_fd, (char *)bytes + n_bytes, max_bytes - n_bytes);
        if (n == 0)
            return -EPIPE;
        const int result = n < 0 ? descriptor_retry(end) : 0;
        if (result < 0)
            return result;
        if (n > 0)
            n_bytes += (size_t)n;
    }
    *ret_n_bytes = n_bytes;
    return 0;
}

int packet_send(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    while (send(end->out_fd, bytes, n_bytes, MSG_NOSIGNAL) < 0) {
        const int result = descriptor_retry(end);
        if (result < 0)
            return result;
    }
    return 0;
}

int packet_is_end(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLRDHUP};
    return poll(&look, 1, 0) > 0 && look.revents & (POLLHUP | POLLRDHUP);
}

int packet_receive(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    ssize_t n;
    while ((n = recv(end->in_fd, bytes, max_bytes, MSG_TRUNC)) < 0) {
        const int result = descriptor_retry(end);
        if (result < 0)
            return result;
    }
    if (n == 0 && packet_is_end(end->in_fd))
        return -EPIPE;
    if ((size_t)n > max_bytes)
        return -EMSGSIZE;
    *ret_n_bytes = (size_t)n;
    return 0;
}

int descriptor_pipes(struct transport_pair *pair)
{
    for (unsigned side = 0; side < 2; side++) {
        int fds[2];
        if (pipe2(fds, O_CLOEXEC) < 0)
            return transport_lacks(pair, errno, "pipe", NULL);
        pair->ends[side].in_fd = fds[0];
        pair->ends[!side].out_fd = fds[1];
    }
    return 0;
}

int descriptor_socketpair(struct transport_pair *pair, int type)
{
    int fds[2];
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0)
        return transport_lacks(pair, errno, "socketpair", NULL);
    for (unsigned side = 0; side < 2; side++)
        pair->ends[side].in_fd = pair->ends[side].out_fd = fds[side];
    return 0;
}
