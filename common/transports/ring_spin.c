#include <errno.h>
#include <sys/syscall.h>

#include "common/transports/plain_ring.h"
#include "common/transports/rows.h"

static int send_record(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    int result;
    while ((result = plain_ring_put(end, bytes, n_bytes)) == -EAGAIN)
        transport_pause(end);
    return result;
}

static int receive_record(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    int result;
    while ((result = plain_ring_take(end, bytes, max_bytes, ret_n_bytes)) == -EAGAIN)
        transport_pause(end);
    return result;
}

const struct transport transport_ring_spin = {
    .name = "ring-spin",
    .what = "a ring in shared memory, looked at until something is there",
    .waits = TRANSPORT_SPIN | TRANSPORT_YIELD,
    .max_bytes = PLAIN_RING_MAX_BYTES,
    .create = plain_ring_create,
    .attach = plain_ring_attach,
    .detach = plain_ring_detach,
    .send = send_record,
    .receive = receive_record,
    .calls = (const int[]){SYS_sched_yield, -1},
};
