#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/fd.h"
#include "common/transports/descriptor.h"
#include "common/transports/rows.h"

/* Connects to the listener. Anybody on this machine may have been first: only our own connection is taken. */
static int connect_to(int listener, const struct sockaddr_in *address, int *ret_a, int *ret_b)
{
    struct sockaddr_in ours, theirs;
    socklen_t n_ours = sizeof(ours), n_theirs = sizeof(theirs);
    CLOSE_FD int a = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (a < 0 || connect(a, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
        getsockname(a, (struct sockaddr *)&ours, &n_ours) < 0)
        return -errno;
    for (;;) {
        CLOSE_FD int b = accept4(listener, (struct sockaddr *)&theirs, &n_theirs, SOCK_CLOEXEC);
        if (b < 0)
            return -errno;
        if (theirs.sin_port != ours.sin_port || theirs.sin_addr.s_addr != ours.sin_addr.s_addr)
            continue;
        *ret_a = fd_steal(&a);
        *ret_b = fd_steal(&b);
        return 0;
    }
}

static int connect_pair(int *ret_a, int *ret_b)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n_address = sizeof(address);
    CLOSE_FD int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 8) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &n_address) < 0)
        return -errno;
    return connect_to(listener, &address, ret_a, ret_b);
}

static int create(struct transport_pair *pair)
{
    int fds[2] = {-1, -1};
    const int result = connect_pair(&fds[0], &fds[1]);
    if (result < 0)
        return transport_lacks(pair, -result, "127.0.0.1", "no loopback interface here?");
    for (unsigned side = 0; side < 2; side++)
        pair->ends[side].in_fd = pair->ends[side].out_fd = fds[side];
    for (unsigned side = 0; side < 2; side++) {
        if (setsockopt(fds[side], IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0)
            return transport_lacks(pair, errno, "TCP_NODELAY", NULL);
    }
    return 0;
}

const struct transport transport_tcp = {
    .name = "tcp",
    .what = "TCP over the loopback, without delay: as over a network",
    .flags = TRANSPORT_UNFRAMED,
    .waits = TRANSPORT_BLOCK | TRANSPORT_SPIN | TRANSPORT_YIELD,
    .min_bytes = 1,
    .max_bytes = TRANSPORT_ANY_SIZE,
    .create = create,
    .send = stream_send,
    .receive = stream_receive,
    .calls = stream_calls,
};
