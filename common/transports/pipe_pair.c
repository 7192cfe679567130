#include "common/transports/descriptor.h"
#include "common/transports/rows.h"

const struct transport transport_pipe_pair = {
    .name = "pipe-pair",
    .what = "two pipes, one for each direction",
    .flags = TRANSPORT_UNFRAMED,
    .waits = TRANSPORT_BLOCK | TRANSPORT_SPIN | TRANSPORT_YIELD,
    .min_bytes = 1,
    .max_bytes = TRANSPORT_ANY_SIZE,
    .create = descriptor_pipes,
    .send = stream_send,
    .receive = stream_receive,
    .calls = stream_calls,
};
