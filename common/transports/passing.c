#include "common/transports/passing.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "common/fd.h"
#include "common/transports/descriptor.h"

union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
};

int passing_send(struct transport_end *end, const void *bytes, size_t n_bytes, int fd)
{
    union control control = {.header = {
                                 .cmsg_level = SOL_SOCKET,
                                 .cmsg_type = SCM_RIGHTS,
                                 .cmsg_len = CMSG_LEN(sizeof(int)),
                             }};
    struct iovec part = {(void *)bytes, n_bytes};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = CMSG_LEN(sizeof(int)),
    };
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    while (sendmsg(end->out_fd, &message, MSG_NOSIGNAL) < 0) {
        const int result = descriptor_retry(end);
        if (result < 0)
            return result;
    }
    return 0;
}

int passing_receive(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes, int *ret_fd)
{
    union control control;
    struct iovec part = {bytes, max_bytes};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        /* Exactly one: with its padding the buffer would take two. */
        .msg_controllen = CMSG_LEN(sizeof(int)),
    };
    ssize_t n;
    while ((n = recvmsg(end->in_fd, &message, MSG_CMSG_CLOEXEC)) < 0) {
        const int result = descriptor_retry(end);
        if (result < 0)
            return result;
    }
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int)))
        return n == 0 && packet_is_end(end->in_fd) ? -EPIPE : -EBADMSG;
    CLOSE_FD int fd = -1;
    memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        return -EMSGSIZE;
    *ret_n_bytes = (size_t)n;
    *ret_fd = fd_steal(&fd);
    return 0;
}
