/* D-Bus without a daemon, over a socket pair: side 0 calls a method with an array of bytes, side 1 returns one. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include "bench/peers/peer.h"

#define INTERFACE "project.vitrine.Peer"

struct own {
    sd_bus *bus;
    sd_bus_message *call; /* side 1: the last one, which is to be answered */
};

static int create(struct transport_pair *pair)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return transport_lacks(pair, errno, "socketpair", NULL);
    for (unsigned side = 0; side < 2; side++)
        pair->ends[side].in_fd = pair->ends[side].out_fd = fds[side];
    return 0;
}

/* Lets the library read and write. NULL in *ret_message: nothing for us has come yet. */
static int process(struct transport_end *end, sd_bus_message **ret_message)
{
    const struct own *own = end->own;
    *ret_message = NULL;
    int result = sd_bus_process(own->bus, ret_message);
    if (result == 0 && end->wait == TRANSPORT_BLOCK)
        result = sd_bus_wait(own->bus, UINT64_MAX);
    else if (result == 0)
        transport_pause(end);
    if (result == -EINTR)
        return 0;
    return result == -ENOTCONN || result == -ECONNRESET ? -EPIPE : result;
}

/* Both sides tell each other who they are. */
static int greet(struct transport_end *end)
{
    const struct own *own = end->own;
    int result;
    while ((result = sd_bus_is_ready(own->bus)) == 0) {
        sd_bus_message *message;
        result = process(end, &message);
        sd_bus_message_unref(message);
        if (result < 0)
            return result;
    }
    return result < 0 ? result : 0;
}

static int be_server(sd_bus *bus)
{
    const int result = sd_bus_set_server(bus, true, (sd_id128_t){.qwords = {1, 1}});
    return result < 0 ? result : sd_bus_set_anonymous(bus, true);
}

static int attach(struct transport_end *end)
{
    struct own *own = calloc(1, sizeof(*own));
    if (own == NULL)
        return -ENOMEM;
    end->own = own;
    int result = sd_bus_new(&own->bus);
    /* The bus takes its descriptor. */
    const int fd = result < 0 ? -1 : fcntl(end->in_fd, F_DUPFD_CLOEXEC, 0);
    if (result >= 0)
        result = fd < 0 ? -errno : sd_bus_set_fd(own->bus, fd, fd);
    if (result >= 0 && end->side == 1)
        result = be_server(own->bus);
    if (result >= 0)
        result = sd_bus_start(own->bus);
    return result < 0 ? result : greet(end);
}

static void detach(struct transport_end *end)
{
    struct own *own = end->own;
    if (own != NULL) {
        sd_bus_message_unref(own->call);
        sd_bus_close(own->bus);
        sd_bus_unref(own->bus);
    }
    free(own);
    end->own = NULL;
}

/* Side 0 calls, side 1 answers what it received last. */
static int new_message(const struct transport_end *end, sd_bus_message **ret_message)
{
    const struct own *own = end->own;
    if (end->side == 1)
        return own->call ? sd_bus_message_new_method_return(own->call, ret_message) : -EPROTO;
    return sd_bus_message_new_method_call(own->bus, ret_message, NULL, "/", INTERFACE, "Call");
}

static int send_message(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    const struct own *own = end->own;
    sd_bus_message *message = NULL;
    uint64_t cookie; /* asked for: otherwise it would be a call that wants no reply */
    int result = new_message(end, &message);
    if (result >= 0)
        result = sd_bus_message_append_array(message, 'y', bytes, n_bytes);
    if (result >= 0)
        result = sd_bus_send(own->bus, message, &cookie);
    sd_bus_message_unref(message);
    /* What the socket did not take is queued without a bound. */
    if (result >= 0)
        result = sd_bus_flush(own->bus);
    return result < 0 ? result : 0;
}

static int copy_out(sd_bus_message *message, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    const void *array;
    size_t n_bytes;
    const int result = sd_bus_message_read_array(message, 'y', &array, &n_bytes);
    if (result < 0)
        return result;
    if (n_bytes > max_bytes)
        return -EMSGSIZE;
    memcpy(bytes, array, n_bytes);
    *ret_n_bytes = n_bytes;
    return 0;
}

/* A message that is neither a call nor its return is the library's own, such as the news that the other side left. */
static bool is_for_us(const struct transport_end *end, sd_bus_message *message)
{
    uint8_t type = 0;
    sd_bus_message_get_type(message, &type);
    return type == (end->side == 1 ? SD_BUS_MESSAGE_METHOD_CALL : SD_BUS_MESSAGE_METHOD_RETURN);
}

static int receive_message(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    struct own *own = end->own;
    sd_bus_message *message = NULL;
    while (message == NULL) {
        int result = process(end, &message);
        if (result < 0)
            return result;
        if (message != NULL && !is_for_us(end, message))
            message = sd_bus_message_unref(message);
    }
    const int result = copy_out(message, bytes, max_bytes, ret_n_bytes);
    if (end->side == 1) {
        sd_bus_message_unref(own->call);
        own->call = message;
    } else {
        sd_bus_message_unref(message);
    }
    return result;
}

static const struct transport sd_bus_row = {
    .name = "sd-bus",
    .what = "D-Bus by sd-bus, peer to peer: a method call and its return",
    .waits = TRANSPORT_BLOCK | TRANSPORT_SPIN | TRANSPORT_YIELD,
    .max_bytes = TRANSPORT_PACKET_BYTES,
    .create = create,
    .attach = attach,
    .detach = detach,
    .send = send_message,
    .receive = receive_message,
    .calls = peer_calls,
};

const struct peer peer = {.transport = &sd_bus_row};
