#include <sys/socket.h>

#include "common/transports/descriptor.h"
#include "common/transports/rows.h"

static int create(struct transport_pair *pair)
{
    return descriptor_socketpair(pair, SOCK_STREAM);
}

const struct transport transport_unix_stream = {
    .name = "unix-stream",
    .what = "a Unix socket pair, bytes: local and reliable",
    .flags = TRANSPORT_UNFRAMED,
    .waits = TRANSPORT_BLOCK | TRANSPORT_SPIN | TRANSPORT_YIELD,
    .min_bytes = 1,
    .max_bytes = TRANSPORT_ANY_SIZE,
    .create = create,
    .send = stream_send,
    .receive = stream_receive,
    .calls = stream_calls,
};
