/* A pair of PAIR sockets. Each side has the library's one I/O thread beside its own, which
 * sleeps whatever the caller does: so there is no polling here. */
#include <errno.h>
#include <stdlib.h>
#include <zmq.h>

#include "bench/peers/peer.h"

struct own {
    void *context, *socket;
};

static int attach(struct transport_end *end)
{
    struct own *own = calloc(1, sizeof(*own));
    if (own == NULL)
        return -ENOMEM;
    end->own = own;
    own->context = zmq_ctx_new();
    own->socket = own->context ? zmq_socket(own->context, ZMQ_PAIR) : NULL;
    if (own->socket == NULL)
        return -errno;
    /* What connects tries until the other has bound. */
    const int result = end->side == 0 ? zmq_bind(own->socket, end->shared) : zmq_connect(own->socket, end->shared);
    return result < 0 ? -errno : 0;
}

static void detach(struct transport_end *end)
{
    struct own *own = end->own;
    if (own != NULL && own->socket != NULL)
        zmq_close(own->socket);
    if (own != NULL && own->context != NULL)
        zmq_ctx_term(own->context);
    free(own);
    end->own = NULL;
}

static int send_message(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    const struct own *own = end->own;
    while (zmq_send(own->socket, bytes, n_bytes, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

static int receive_message(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    const struct own *own = end->own;
    int n;
    while ((n = zmq_recv(own->socket, bytes, max_bytes, 0)) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    if ((size_t)n > max_bytes)
        return -EMSGSIZE;
    *ret_n_bytes = (size_t)n;
    return 0;
}

static const struct transport zeromq = {
    .name = "zeromq",
    .what = "ZeroMQ, two PAIR sockets over ipc",
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

const struct peer peer = {.transport = &zeromq};
