#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "common/fd.h"
#include "common/transports/descriptor.h"
#include "common/transports/passing.h"
#include "common/transports/rows.h"

static int create(struct transport_pair *pair)
{
    return descriptor_socketpair(pair, SOCK_SEQPACKET);
}

/* The one that is passed, again and again. */
static int attach(struct transport_end *end)
{
    if (end->side == 1)
        return 0;
    int *passed = malloc(sizeof(*passed));
    if (!passed)
        return -ENOMEM;
    end->own = passed;
    *passed = eventfd(0, EFD_CLOEXEC);
    return *passed < 0 ? -errno : 0;
}

static void detach(struct transport_end *end)
{
    if (end->own)
        fd_close(end->own);
    free(end->own);
    end->own = NULL;
}

static int send_either(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    return end->side == 0 ? passing_send(end, bytes, n_bytes, *(const int *)end->own)
                          : packet_send(end, bytes, n_bytes);
}

static int receive_either(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    CLOSE_FD int fd = -1;
    return end->side == 1 ? passing_receive(end, bytes, max_bytes, ret_n_bytes, &fd)
                          : packet_receive(end, bytes, max_bytes, ret_n_bytes);
}

const struct transport transport_fd_pass = {
    .name = "fd-pass",
    .what = "a descriptor in each message, received and closed; side 1 answers without",
    .flags = TRANSPORT_ACKS,
    .waits = TRANSPORT_BLOCK | TRANSPORT_SPIN | TRANSPORT_YIELD,
    .max_bytes = TRANSPORT_PACKET_BYTES,
    .create = create,
    .attach = attach,
    .detach = detach,
    .send = send_either,
    .receive = receive_either,
    .calls = (const int[]){SYS_recvmsg, SYS_close, SYS_sendto, SYS_ppoll,
#ifdef SYS_poll
                           SYS_poll,
#endif
                           SYS_sched_yield, -1},
};
