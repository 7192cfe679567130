/* A pair of pair0 sockets. Each side has the library's threads beside its own, which sleep
 * whatever the caller does: so there is no polling here. */
#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <stdlib.h>

#include "bench/peers/peer.h"

/* The library's numbers as errno's, as far as they matter here. */
static int error_of(int result)
{
    switch (result) {
    case 0:
        return 0;
    case NNG_ENOMEM:
        return -ENOMEM;
    case NNG_EMSGSIZE:
        return -EMSGSIZE;
    case NNG_ECLOSED:
    case NNG_ECONNRESET:
    case NNG_ECONNSHUT:
        return -EPIPE;
    default:
        return result & NNG_ESYSERR ? -(result & ~NNG_ESYSERR) : -EIO;
    }
}

static int attach(struct transport_end *end)
{
    nng_socket *socket = malloc(sizeof(*socket));
    if (socket == NULL)
        return -ENOMEM;
    end->own = socket;
    *socket = (nng_socket)NNG_SOCKET_INITIALIZER;
    int result = nng_pair0_open(socket);
    /* What dials, and does not wait for it, tries until the other listens. */
    if (result == 0)
        result = end->side == 0 ? nng_listen(*socket, end->shared, NULL, 0)
                                : nng_dial(*socket, end->shared, NULL, NNG_FLAG_NONBLOCK);
    return error_of(result);
}

static void detach(struct transport_end *end)
{
    const nng_socket *socket = end->own;
    if (socket != NULL)
        nng_close(*socket);
    free(end->own);
    end->own = NULL;
}

static int send_message(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    const nng_socket *socket = end->own;
    return error_of(nng_send(*socket, (void *)(uintptr_t)bytes, n_bytes, 0));
}

static int receive_message(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    const nng_socket *socket = end->own;
    size_t n_bytes = max_bytes;
    const int result = nng_recv(*socket, bytes, &n_bytes, 0);
    if (result != 0)
        return error_of(result);
    if (n_bytes > max_bytes)
        return -EMSGSIZE;
    *ret_n_bytes = n_bytes;
    return 0;
}

static const struct transport nng = {
    .name = "nng",
    .what = "nng, two pair0 sockets over ipc",
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

const struct peer peer = {.transport = &nng};
