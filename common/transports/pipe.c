#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/transports/descriptor.h"
#include "common/transports/rows.h"

static int create(struct transport_pair *pair)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return transport_lacks(pair, errno, "pipe", NULL);
    pair->ends[0].out_fd = fds[1];
    pair->ends[1].in_fd = fds[0];
    return 0;
}

const struct transport transport_pipe = {
    .name = "pipe",
    .what = "one pipe, one direction: commands in a row",
    .flags = TRANSPORT_UNFRAMED | TRANSPORT_ONE_WAY,
    .waits = TRANSPORT_BLOCK | TRANSPORT_SPIN | TRANSPORT_YIELD,
    .min_bytes = 1,
    .max_bytes = TRANSPORT_ANY_SIZE,
    .create = create,
    .send = stream_send,
    .receive = stream_receive,
    .calls = stream_calls,
};
