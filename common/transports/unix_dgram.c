#include <sys/socket.h>

#include "common/transports/descriptor.h"
#include "common/transports/rows.h"

static int create(struct transport_pair *pair)
{
    return descriptor_socketpair(pair, SOCK_DGRAM);
}

const struct transport transport_unix_dgram = {
    .name = "unix-dgram",
    .what = "a Unix socket pair, messages without a connection",
    .waits = TRANSPORT_BLOCK | TRANSPORT_SPIN | TRANSPORT_YIELD,
    .max_bytes = TRANSPORT_PACKET_BYTES,
    .create = create,
    .send = packet_send,
    .receive = packet_receive,
    .calls = packet_calls,
};
