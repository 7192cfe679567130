#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>

#include "common/transports/plain_ring.h"
#include "common/transports/rows.h"

/* Each side reads its own eventfd and writes the other's. */
static int create(struct transport_pair *pair)
{
    for (unsigned side = 0; side < 2; side++) {
        pair->ends[side].in_fd = eventfd(0, EFD_CLOEXEC);
        if (pair->ends[side].in_fd < 0)
            return transport_lacks(pair, errno, "eventfd", NULL);
        pair->ends[!side].out_fd = fcntl(pair->ends[side].in_fd, F_DUPFD_CLOEXEC, 0);
        if (pair->ends[!side].out_fd < 0)
            return transport_lacks(pair, errno, "dup", NULL);
    }
    return plain_ring_create(pair);
}

/* Whoever is not woken by a failed call looks again and sleeps again: nothing to be told here. */
static void sleep_on_eventfd(struct transport_end *end, struct bell *bell)
{
    uint64_t n;
    (void)bell;
    (void)!read(end->in_fd, &n, sizeof(n));
}

static void wake_by_eventfd(struct transport_end *end, struct bell *bell)
{
    const uint64_t one = 1;
    if (bell_is_wanted(bell))
        (void)!write(end->out_fd, &one, sizeof(one));
}

static const struct plain_ring_sleep how = {sleep_on_eventfd, wake_by_eventfd};

static int send_record(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    return plain_ring_send(end, bytes, n_bytes, &how);
}

static int receive_record(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    return plain_ring_receive(end, bytes, max_bytes, ret_n_bytes, &how);
}

const struct transport transport_ring_eventfd = {
    .name = "ring-eventfd",
    .what = "the same ring, sleeping on an eventfd: what an event loop can wait for",
    .waits = TRANSPORT_BLOCK,
    .max_bytes = PLAIN_RING_MAX_BYTES,
    .create = create,
    .attach = plain_ring_attach,
    .detach = plain_ring_detach,
    .send = send_record,
    .receive = receive_record,
    .calls = (const int[]){SYS_read, SYS_write, -1},
};
