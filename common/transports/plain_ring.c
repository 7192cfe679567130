#include "common/transports/plain_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES sizeof(uint64_t)

int plain_ring_create(struct transport_pair *pair)
{
    return transport_share(pair, sizeof(struct plain_ring_pair));
}

int plain_ring_attach(struct transport_end *end)
{
    end->own = calloc(1, sizeof(struct plain_ring_own));
    return end->own ? 0 : -ENOMEM;
}

void plain_ring_detach(struct transport_end *end)
{
    free(end->own);
    end->own = NULL;
}

static size_t record_bytes(size_t n_bytes)
{
    return (HEADER_BYTES + n_bytes + PLAIN_RING_LINE - 1) & ~(size_t)(PLAIN_RING_LINE - 1);
}

/* How much of n_bytes from position lies before the ring's end. */
static size_t before_wrap(uint64_t position, size_t n_bytes)
{
    const size_t n_left = PLAIN_RING_BYTES - position % PLAIN_RING_BYTES;
    return n_bytes < n_left ? n_bytes : n_left;
}

static void copy_in(struct plain_ring *ring, uint64_t position, const void *bytes, size_t n_bytes)
{
    const size_t n_first = before_wrap(position, n_bytes);
    memcpy(ring->bytes + position % PLAIN_RING_BYTES, bytes, n_first);
    if (n_first < n_bytes)
        memcpy(ring->bytes, (const char *)bytes + n_first, n_bytes - n_first);
}

static void copy_out(const struct plain_ring *ring, uint64_t position, void *bytes, size_t n_bytes)
{
    const size_t n_first = before_wrap(position, n_bytes);
    memcpy(bytes, ring->bytes + position % PLAIN_RING_BYTES, n_first);
    if (n_first < n_bytes)
        memcpy((char *)bytes + n_first, ring->bytes, n_bytes - n_first);
}

int plain_ring_put(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    struct plain_ring *ring = &((struct plain_ring_pair *)end->shared)->rings[!end->side];
    struct plain_ring_view *view = &((struct plain_ring_own *)end->own)->out;
    if (n_bytes > PLAIN_RING_MAX_BYTES)
        return -EMSGSIZE;
    const size_t n_record = record_bytes(n_bytes);
    if (view->position + n_record - view->seen > PLAIN_RING_BYTES) {
        view->seen = atomic_load_explicit(&ring->taken, memory_order_acquire);
        if (view->position + n_record - view->seen > PLAIN_RING_BYTES)
            return -EAGAIN;
    }
    const uint64_t header = n_bytes;
    copy_in(ring, view->position, &header, HEADER_BYTES);
    copy_in(ring, view->position + HEADER_BYTES, bytes, n_bytes);
    view->position += n_record;
    atomic_store_explicit(&ring->written, view->position, memory_order_release);
    return 0;
}

int plain_ring_take(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    struct plain_ring *ring = &((struct plain_ring_pair *)end->shared)->rings[end->side];
    struct plain_ring_view *view = &((struct plain_ring_own *)end->own)->in;
    if (view->position == view->seen) {
        view->seen = atomic_load_explicit(&ring->written, memory_order_acquire);
        if (view->position == view->seen)
            return -EAGAIN;
    }
    uint64_t n_bytes;
    copy_out(ring, view->position, &n_bytes, HEADER_BYTES);
    const bool fits = n_bytes <= max_bytes;
    if (fits)
        copy_out(ring, view->position + HEADER_BYTES, bytes, n_bytes);
    view->position += record_bytes(n_bytes);
    atomic_store_explicit(&ring->taken, view->position, memory_order_release);
    if (!fits)
        return -EMSGSIZE;
    *ret_n_bytes = n_bytes;
    return 0;
}

static struct plain_ring_bells *bells_of(struct transport_end *end, unsigned side)
{
    return &((struct plain_ring_pair *)end->shared)->bells[side];
}

int plain_ring_send(struct transport_end *end, const void *bytes, size_t n_bytes, const struct plain_ring_sleep *how)
{
    struct bell *room = &bells_of(end, end->side)->room;
    int result;
    while ((result = plain_ring_put(end, bytes, n_bytes)) == -EAGAIN) {
        bell_prepare(room);
        if ((result = plain_ring_put(end, bytes, n_bytes)) != -EAGAIN) {
            bell_cancel(room);
            break;
        }
        how->sleep(end, room);
    }
    if (result == 0)
        how->wake(end, &bells_of(end, !end->side)->record);
    return result;
}

int plain_ring_receive(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes,
                       const struct plain_ring_sleep *how)
{
    struct bell *record = &bells_of(end, end->side)->record;
    int result;
    while ((result = plain_ring_take(end, bytes, max_bytes, ret_n_bytes)) == -EAGAIN) {
        bell_prepare(record);
        if ((result = plain_ring_take(end, bytes, max_bytes, ret_n_bytes)) != -EAGAIN) {
            bell_cancel(record);
            break;
        }
        how->sleep(end, record);
    }
    how->wake(end, &bells_of(end, !end->side)->room);
    return result;
}
