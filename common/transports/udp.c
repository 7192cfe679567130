#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/fd.h"
#include "common/transports/descriptor.h"
#include "common/transports/rows.h"

#define MAX_BYTES 65507 /* 65,535 less the headers of IP and UDP */

static int open_bound(struct sockaddr_in *ret_address)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n_address = sizeof(address);
    CLOSE_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &n_address) < 0)
        return -errno;
    *ret_address = address;
    return fd_steal(&fd);
}

static int create(struct transport_pair *pair)
{
    struct sockaddr_in addresses[2];
    for (unsigned side = 0; side < 2; side++) {
        const int fd = open_bound(&addresses[side]);
        if (fd < 0)
            return transport_lacks(pair, -fd, "127.0.0.1", "no loopback interface here?");
        pair->ends[side].in_fd = pair->ends[side].out_fd = fd;
    }
    for (unsigned side = 0; side < 2; side++) {
        const int fd = pair->ends[side].in_fd;
        if (connect(fd, (struct sockaddr *)&addresses[!side], sizeof(addresses[0])) < 0)
            return transport_lacks(pair, errno, "127.0.0.1", "no loopback interface here?");
        /* From now on only the other side is heard; what a stranger sent before goes. */
        while (recv(fd, &(char){0}, 1, MSG_DONTWAIT) >= 0)
            ;
    }
    return 0;
}

const struct transport transport_udp = {
    .name = "udp",
    .what = "UDP over the loopback: what finds no room is lost",
    .flags = TRANSPORT_LOSES,
    .waits = TRANSPORT_BLOCK | TRANSPORT_SPIN | TRANSPORT_YIELD,
    .max_bytes = MAX_BYTES,
    .create = create,
    .send = packet_send,
    .receive = packet_receive,
    .calls = packet_calls,
};
