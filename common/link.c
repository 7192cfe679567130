#include "common/link.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/fd.h"

/* Messages in a row, in a crowd: many enough that changing processes costs little beside them. */
#define PORTION 32

void link_init(struct link *link, int fd, bool blocking)
{
    *link = (struct link){.bell_fd = -1, .far_bell_fd = -1};
    channel_init(&link->channel, fd, blocking);
    spinner_init(&link->spinner, SPINNER_MAX_NS);
}

void link_finish(struct link *link)
{
    channel_finish(&link->channel);
    ring_unmap(&link->ring);
    fd_close(&link->bell_fd);
    fd_close(&link->far_bell_fd);
    link->by_ring = false;
}

int link_offer(struct link *link, int ret_fds[LINK_OFFER_FDS])
{
    CLOSE_FD int memory = -1;
    int error = ring_create(&memory);
    if (error != 0)
        return error;
    CLOSE_FD int near_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CLOSE_FD int far_bell = near_bell < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (far_bell < 0)
        return -errno;
    error = ring_map(&link->ring, memory, RING_FIRST);
    if (error != 0)
        return error;
    link->bell_fd = fd_steal(&near_bell);
    link->far_bell_fd = fd_steal(&far_bell);
    ret_fds[LINK_FD_RING] = fd_steal(&memory);
    ret_fds[LINK_FD_FAR_BELL] = link->far_bell_fd;
    ret_fds[LINK_FD_NEAR_BELL] = link->bell_fd;
    return 0;
}

int link_join(struct link *link, const int fds[LINK_OFFER_FDS])
{
    return link_join_as(link, RING_SECOND, fds);
}

int link_join_as(struct link *link, enum ring_side side, const int fds[LINK_OFFER_FDS])
{
    const int error = ring_map(&link->ring, fds[LINK_FD_RING], side);
    if (error != 0)
        return error;
    link->bell_fd = fds[LINK_FD_FAR_BELL];
    link->far_bell_fd = fds[LINK_FD_NEAR_BELL];
    return 0;
}

void link_switch(struct link *link)
{
    link->by_ring = true;
}

bool link_bell(struct link *link)
{
    const uint64_t once = 1;
    if (link->ring.memory == NULL || !ring_bell(&link->ring))
        return false;
    /* A bell that was rung 2^64 times is heard all the same. */
    (void)!write(link->far_bell_fd, &once, sizeof once);
    return true;
}

void link_hear_bell(struct link *link)
{
    uint64_t n_times;
    (void)!read(link->bell_fd, &n_times, sizeof n_times);
}

/* Sleeps until there may be news of the kind that is waited for, or the channel has something to say. True for the
 * channel. */
static bool sleep_for(struct link *link, enum ring_news news, short channel_events)
{
    struct pollfd looks[] = {{.fd = link->bell_fd, .events = POLLIN},
                             {.fd = link->channel.fd, .events = channel_events}};
    if (ring_prepare_sleep(&link->ring, news)) {
        while (poll(looks, 2, -1) < 0 && errno == EINTR)
            ;
    }
    ring_awake(&link->ring);
    if (looks[0].revents != 0)
        link_hear_bell(link);
    return looks[1].revents != 0;
}

/* Only the end of the channel ends the wait: what else came by it is for link_receive. */
static int send_by_ring(struct link *link, const void *bytes, size_t n_bytes)
{
    for (;;) {
        const int result = ring_send(&link->ring, bytes, n_bytes);
        if (result != -EAGAIN)
            return result;
        if (!link->channel.blocking)
            return -ENOBUFS;
        link_bell(link);
        if (sleep_for(link, RING_ROOM, 0))
            return -EPIPE;
    }
}

static int send_by_channel(struct channel *channel, const void *bytes, size_t n_bytes, const int *fds, size_t n_fds)
{
    return channel->blocking ? channel_send(channel, bytes, n_bytes, fds, n_fds)
                             : channel_post(channel, bytes, n_bytes, fds, n_fds);
}

int link_send(struct link *link, enum message_kind kind, const ProtobufCMessage *body, const int *fds, size_t n_fds)
{
    uint8_t bytes[MESSAGE_MAX_BYTES];
    const size_t n_bytes = message_encode(kind, body, bytes);
    const int result = link->by_ring && n_fds == 0 ? send_by_ring(link, bytes, n_bytes)
                                                   : send_by_channel(&link->channel, bytes, n_bytes, fds, n_fds);
    return result < 0 ? result : (int)n_bytes;
}

/* Where others wait for this processor too: a portion each, as long as there is something. */
static void let_others_go_first(struct link *link)
{
    link->n_in_a_row = 0;
    link_bell(link);
    sched_yield();
}

int link_take(struct link *link, uint8_t *buffer, struct datagram *ret_datagram)
{
    if (!link->by_ring)
        return -EAGAIN;
    if (!link->is_heard && ring_is_ready(&link->ring)) {
        struct pollfd look = {.fd = link->channel.fd, .events = POLLIN};
        const int result = poll(&look, 1, 0) > 0 ? channel_receive(&link->channel, buffer, ret_datagram) : CHANNEL_EOF;
        if (result != CHANNEL_EOF)
            return result;
        link->is_heard = true;
    }
    return ring_receive(&link->ring, buffer, ret_datagram);
}

int link_receive(struct link *link, uint8_t *buffer, struct datagram *ret_datagram)
{
    bool has_channel = !link->by_ring;
    while (link->by_ring) {
        if (link->n_in_a_row >= PORTION && ring_is_in_crowd(&link->ring))
            let_others_go_first(link);
        const int result = link_take(link, buffer, ret_datagram);
        if (result != -EAGAIN) {
            link->n_in_a_row++;
            spinner_end(&link->spinner);
            return result;
        }
        if (has_channel) /* what was in the ring before it came was looked for first */
            break;
        link_bell(link);
        if (link->n_in_a_row > 0 && ring_is_in_crowd(&link->ring))
            let_others_go_first(link); /* and more may be there by then: sleep costs more */
        else if (!ring_spin(&link->ring, &link->spinner))
            has_channel = sleep_for(link, RING_MESSAGES, POLLIN);
    }
    return channel_receive(&link->channel, buffer, ret_datagram);
}
