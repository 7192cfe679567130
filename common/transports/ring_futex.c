#include "common/transports/plain_ring.h"
#include "common/transports/rows.h"

static void sleep_on_futex(struct transport_end *end, struct bell *bell)
{
    (void)end;
    bell_sleep(bell);
}

static void wake_by_futex(struct transport_end *end, struct bell *bell)
{
    (void)end;
    bell_ring(bell);
}

static const struct plain_ring_sleep how = {sleep_on_futex, wake_by_futex};

static int send_record(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    return plain_ring_send(end, bytes, n_bytes, &how);
}

static int receive_record(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    return plain_ring_receive(end, bytes, max_bytes, ret_n_bytes, &how);
}

const struct transport transport_ring_futex = {
    .name = "ring-futex",
    .what = "the same ring, sleeping on a futex",
    .waits = TRANSPORT_BLOCK,
    .max_bytes = PLAIN_RING_MAX_BYTES,
    .create = plain_ring_create,
    .attach = plain_ring_attach,
    .detach = plain_ring_detach,
    .send = send_record,
    .receive = receive_record,
    .calls = (const int[]){SYS_futex, -1},
};
