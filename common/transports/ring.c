#include "common/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "common/transports/rows.h"

/* One side's own view, and room for a record where the caller has too little. */
struct view {
    struct ring ring;
    uint8_t buffer[RING_MAX_BYTES];
};

static int create(struct transport_pair *pair)
{
    return transport_share(pair, sizeof(struct ring_memory));
}

static int attach(struct transport_end *end)
{
    struct view *view = malloc(sizeof(*view));
    if (view == NULL)
        return -ENOMEM;
    ring_init(&view->ring, end->shared, end->side == 0 ? RING_FIRST : RING_SECOND);
    end->own = view;
    return 0;
}

static void detach(struct transport_end *end)
{
    free(end->own);
    end->own = NULL;
}

static int send_record(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    struct view *view = end->own;
    int result;
    while ((result = ring_send(&view->ring, bytes, n_bytes)) == -EAGAIN)
        transport_pause(end);
    return result;
}

static int receive_record(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    struct view *view = end->own;
    struct datagram datagram;
    int result;
    uint8_t *buffer = max_bytes >= RING_MAX_BYTES ? bytes : view->buffer;
    while ((result = ring_receive(&view->ring, buffer, &datagram)) == -EAGAIN)
        transport_pause(end);
    if (result < 0)
        return result;
    if (datagram.n_bytes > max_bytes)
        return -EMSGSIZE;
    if (buffer != bytes)
        memcpy(bytes, buffer, datagram.n_bytes);
    *ret_n_bytes = datagram.n_bytes;
    return 0;
}

const struct transport transport_ring = {
    .name = "ring",
    .what = "the very ring that the channel uses, with nothing around it",
    .waits = TRANSPORT_SPIN | TRANSPORT_YIELD,
    .min_bytes = 1,
    .max_bytes = RING_MAX_BYTES,
    .create = create,
    .attach = attach,
    .detach = detach,
    .send = send_record,
    .receive = receive_record,
    .calls = (const int[]){SYS_sched_yield, -1},
};
