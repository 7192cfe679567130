/* A pair of PAIR sockets. Each side has the library's worker thread beside its own, which sleeps
 * whatever the caller does: so there is no polling here. */
#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>

#include "bench/peers/peer.h"

/* in_fd and out_fd stay empty: what the library gives is no descriptor of the kernel's. */
static int socket_of(const struct transport_end *end)
{
    return (int)(intptr_t)end->own - 1;
}

static int attach(struct transport_end *end)
{
    const int socket = nn_socket(AF_SP, NN_PAIR);
    if (socket < 0)
        return -errno;
    end->own = (void *)(intptr_t)(socket + 1);
    /* What connects tries until the other has bound. */
    const int result = end->side == 0 ? nn_bind(socket, end->shared) : nn_connect(socket, end->shared);
    return result < 0 ? -errno : 0;
}

static void detach(struct transport_end *end)
{
    if (end->own != NULL)
        nn_close(socket_of(end));
    end->own = NULL;
}

static int send_message(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    while (nn_send(socket_of(end), bytes, n_bytes, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

static int receive_message(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    int n;
    while ((n = nn_recv(socket_of(end), bytes, max_bytes, 0)) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    if ((size_t)n > max_bytes)
        return -EMSGSIZE;
    *ret_n_bytes = (size_t)n;
    return 0;
}

static const struct transport nanomsg = {
    .name = "nanomsg",
    .what = "nanomsg, two PAIR sockets over ipc",
    .waits = TRANSPORT_BLOCK,
    .max_bytes = TRANSPORT_PACKET_BYTES,
    .create = peer_address_create,
    .attach = attach,
    .detach = detach,
    .send = send_message,
    .receive = receive_message,
    .destroy = peer_address_destroy,
    .calls = peer_calls,
};

const struct peer peer = {.transport = &nanomsg};
