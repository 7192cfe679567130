#include "common/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/fd.h"

/* What the kernel lets one datagram carry (SCM_MAX_FD). A buffer for fewer would let it drop the rest unseen, and one
 * for a single descriptor has, by its padding, room for two. */
#define KERNEL_MAX_FDS 253

struct channel_queued {
    struct channel_queued *next;
    size_t n_bytes;
    int fds[CHANNEL_MAX_FDS]; /* owned duplicates */
    size_t n_fds;
    uint8_t bytes[];
};

int channel_pair(int *ret_a, int *ret_b)
{
    int fds[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    if (fds[0] < 0 || fds[1] < 0)
        return -ENOSYS; /* a host that says yes and makes none */
    *ret_a = fds[0];
    *ret_b = fds[1];
    return 0;
}

void channel_init(struct channel *ch, int fd, bool blocking)
{
    *ch = (struct channel){.fd = fd, .blocking = blocking};
}

static void queued_destroy(struct channel_queued *queued)
{
    for (size_t i = 0; i < queued->n_fds; i++)
        fd_close(&queued->fds[i]);
    free(queued);
}

static void queue_pop(struct channel *ch)
{
    struct channel_queued *head = ch->queue_head;
    ch->queue_head = head->next;
    if (!ch->queue_head)
        ch->queue_tail = NULL;
    ch->n_queued--;
    ch->n_queued_bytes -= head->n_bytes;
    queued_destroy(head);
}

void channel_finish(struct channel *ch)
{
    while (ch->queue_head)
        queue_pop(ch);
    fd_close(&ch->fd);
}

/* One datagram straight to the kernel. The renderer's filter lets sendmsg pass, so nothing else is called here. */
static int send_now(int fd, int flags, const void *bytes, size_t n_bytes, const int *fds, size_t n_fds)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(CHANNEL_MAX_FDS * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = n_bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (n_fds > 0) {
        memset(&control, 0, sizeof(control));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
    }

    ssize_t n_sent;
    do
        n_sent = sendmsg(fd, &message, flags | MSG_NOSIGNAL);
    while (n_sent < 0 && errno == EINTR);
    if (n_sent >= 0)
        return 0; /* a datagram goes whole or not */
    return errno == ECONNRESET || errno == ENOTCONN ? -EPIPE : -errno;
}

static int patience(const struct channel *ch)
{
    return ch->blocking ? 0 : MSG_DONTWAIT;
}

static int check_size(size_t n_bytes, size_t n_fds)
{
    return n_bytes >= 1 && n_bytes <= CHANNEL_MAX_BYTES && n_fds <= CHANNEL_MAX_FDS ? 0 : -EMSGSIZE;
}

static int flush(struct channel *ch, int flags)
{
    while (ch->queue_head) {
        struct channel_queued *head = ch->queue_head;
        int result = send_now(ch->fd, flags, head->bytes, head->n_bytes, head->fds, head->n_fds);
        if (result < 0)
            return result;
        queue_pop(ch);
    }
    return 0;
}

int channel_flush(struct channel *ch)
{
    return flush(ch, patience(ch));
}

bool channel_wants_flush(const struct channel *ch)
{
    return ch->queue_head != NULL;
}

int channel_send(struct channel *ch, const void *bytes, size_t n_bytes, const int *fds, size_t n_fds)
{
    int result = check_size(n_bytes, n_fds);
    if (result == 0)
        result = flush(ch, patience(ch));
    if (result == 0)
        result = send_now(ch->fd, patience(ch), bytes, n_bytes, fds, n_fds);
    return result;
}

static int queue_push(struct channel *ch, const void *bytes, size_t n_bytes, const int *fds, size_t n_fds)
{
    if (ch->n_queued == CHANNEL_MAX_QUEUED_DATAGRAMS || n_bytes > CHANNEL_MAX_QUEUED_BYTES - ch->n_queued_bytes)
        return -ENOBUFS;
    struct channel_queued *queued = malloc(sizeof(*queued) + n_bytes);
    if (!queued)
        return -ENOMEM;
    queued->next = NULL;
    queued->n_bytes = n_bytes;
    memcpy(queued->bytes, bytes, n_bytes);
    for (queued->n_fds = 0; queued->n_fds < n_fds; queued->n_fds++) {
        int fd = fcntl(fds[queued->n_fds], F_DUPFD_CLOEXEC, 3);
        if (fd < 0) {
            int error = errno;
            queued_destroy(queued);
            return -error;
        }
        queued->fds[queued->n_fds] = fd;
    }

    if (ch->queue_tail)
        ch->queue_tail->next = queued;
    else
        ch->queue_head = queued;
    ch->queue_tail = queued;
    ch->n_queued++;
    ch->n_queued_bytes += n_bytes;
    return 0;
}

int channel_post(struct channel *ch, const void *bytes, size_t n_bytes, const int *fds, size_t n_fds)
{
    int result = check_size(n_bytes, n_fds);
    if (result == 0)
        result = flush(ch, MSG_DONTWAIT);
    if (result == 0)
        result = send_now(ch->fd, MSG_DONTWAIT, bytes, n_bytes, fds, n_fds);
    if (result == -EAGAIN)
        result = queue_push(ch, bytes, n_bytes, fds, n_fds);
    return result;
}

/* Keeps the descriptors of all headers, as far as there is room, and closes the rest. Returns how many there were. */
static size_t collect_fds(struct msghdr *message, struct datagram *datagram)
{
    size_t n_seen = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n_here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n_here; i++, n_seen++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
            if (n_seen < CHANNEL_MAX_FDS)
                datagram->fds[datagram->n_fds++] = fd;
            else
                fd_close(&fd);
        }
    }
    return n_seen;
}

/* recvmsg returns 0 for an empty datagram too; only a peer that hung up has ended. */
static bool is_hung_up(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLRDHUP};
    int n;
    do
        n = poll(&look, 1, 0);
    while (n < 0 && errno == EINTR);
    return n > 0 && look.revents & (POLLHUP | POLLRDHUP);
}

static int judge(int fd, size_t n_bytes, size_t n_fds, int flags)
{
    if (n_fds > CHANNEL_MAX_FDS)
        return CHANNEL_TOO_MANY_FDS;
    if (flags & MSG_TRUNC)
        return CHANNEL_TRUNCATED;
    /* The buffer holds all that can be sent: what is missing found no room in our own table. */
    if (flags & MSG_CTRUNC)
        return -EMFILE;
    if (n_bytes == 0)
        return n_fds == 0 && is_hung_up(fd) ? CHANNEL_EOF : CHANNEL_ZERO_LENGTH;
    return 0;
}

int channel_receive(struct channel *ch, uint8_t *buffer, struct datagram *ret_datagram)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(KERNEL_MAX_FDS * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = buffer, .iov_len = CHANNEL_MAX_BYTES};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    *ret_datagram = (struct datagram){0};

    /* ECONNRESET says, once, that the peer went with something of ours unread. What it sent before still waits. */
    ssize_t n_bytes;
    do
        n_bytes = recvmsg(ch->fd, &message, MSG_CMSG_CLOEXEC | patience(ch));
    while (n_bytes < 0 && (errno == EINTR || errno == ECONNRESET));
    if (n_bytes < 0)
        return -errno;

    size_t n_fds = collect_fds(&message, ret_datagram);
    int result = judge(ch->fd, (size_t)n_bytes, n_fds, message.msg_flags);
    if (result != 0) {
        datagram_finish(ret_datagram);
        return result;
    }
    ret_datagram->bytes = buffer;
    ret_datagram->n_bytes = (size_t)n_bytes;
    return 0;
}

void datagram_finish(struct datagram *datagram)
{
    for (size_t i = 0; i < datagram->n_fds; i++)
        fd_close(&datagram->fds[i]);
    *datagram = (struct datagram){0};
}
