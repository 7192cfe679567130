/* Send and receive through an io_uring of each side's own on a socket pair, by the bare system calls: one operation at a
 * time, submitted and waited for in one call. */
#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/transports/descriptor.h"
#include "common/transports/rows.h"

#define N_ENTRIES 2

struct area {
    char *bytes;
    size_t n_bytes;
};

struct uring {
    int fd;
    struct area submissions, completions, entries;
    _Atomic uint32_t *sq_tail, *cq_head, *cq_tail;
    uint32_t *sq_index;
    uint32_t sq_mask, cq_mask;
    struct io_uring_cqe *cqes;
};

static int setup(struct io_uring_params *ret_params)
{
    *ret_params = (struct io_uring_params){0};
    const int fd = (int)syscall(SYS_io_uring_setup, N_ENTRIES, ret_params);
    return fd < 0 ? -errno : fd;
}

static int create(struct transport_pair *pair)
{
    struct io_uring_params params;
    CLOSE_FD int probe = setup(&params);
    if (probe < 0)
        return transport_lacks(pair, -probe, "io_uring_setup", probe == -EPERM ? "kernel.io_uring_disabled" : NULL);
    return descriptor_socketpair(pair, SOCK_SEQPACKET);
}

static int map(int fd, off_t offset, size_t n_bytes, struct area *ret_area)
{
    void *bytes = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);
    if (bytes == MAP_FAILED)
        return -errno;
    *ret_area = (struct area){bytes, n_bytes};
    return 0;
}

static int map_all(struct uring *uring, const struct io_uring_params *params)
{
    int result = map(uring->fd, IORING_OFF_SQ_RING, params->sq_off.array + params->sq_entries * sizeof(uint32_t),
                     &uring->submissions);
    if (result == 0)
        result = map(uring->fd, IORING_OFF_CQ_RING,
                     params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe), &uring->completions);
    if (result == 0)
        result = map(uring->fd, IORING_OFF_SQES, params->sq_entries * sizeof(struct io_uring_sqe), &uring->entries);
    if (result < 0)
        return result;
    char *sq = uring->submissions.bytes, *cq = uring->completions.bytes;
    uring->sq_tail = (_Atomic uint32_t *)(sq + params->sq_off.tail);
    uring->sq_mask = *(uint32_t *)(sq + params->sq_off.ring_mask);
    uring->sq_index = (uint32_t *)(sq + params->sq_off.array);
    uring->cq_head = (_Atomic uint32_t *)(cq + params->cq_off.head);
    uring->cq_tail = (_Atomic uint32_t *)(cq + params->cq_off.tail);
    uring->cq_mask = *(uint32_t *)(cq + params->cq_off.ring_mask);
    uring->cqes = (struct io_uring_cqe *)(cq + params->cq_off.cqes);
    return 0;
}

static int attach(struct transport_end *end)
{
    struct io_uring_params params;
    struct uring *uring = calloc(1, sizeof(*uring));
    if (!uring)
        return -ENOMEM;
    end->own = uring;
    uring->fd = setup(&params);
    return uring->fd < 0 ? uring->fd : map_all(uring, &params);
}

static void unmap(struct area *area)
{
    if (area->bytes)
        munmap(area->bytes, area->n_bytes);
}

static void detach(struct transport_end *end)
{
    struct uring *uring = end->own;
    if (!uring)
        return;
    unmap(&uring->submissions);
    unmap(&uring->completions);
    unmap(&uring->entries);
    fd_close(&uring->fd);
    free(uring);
    end->own = NULL;
}

/* Submits, waits, returns what the operation returned. */
static int perform(struct uring *uring, const struct io_uring_sqe *operation)
{
    const uint32_t tail = atomic_load_explicit(uring->sq_tail, memory_order_relaxed);
    const uint32_t head = atomic_load_explicit(uring->cq_head, memory_order_relaxed);
    ((struct io_uring_sqe *)uring->entries.bytes)[tail & uring->sq_mask] = *operation;
    uring->sq_index[tail & uring->sq_mask] = tail & uring->sq_mask;
    atomic_store_explicit(uring->sq_tail, tail + 1, memory_order_release);

    unsigned n_new = 1;
    while (atomic_load_explicit(uring->cq_tail, memory_order_acquire) == head) {
        const long n = syscall(SYS_io_uring_enter, uring->fd, n_new, 1, IORING_ENTER_GETEVENTS, NULL, 0);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return -errno;
        if (n > 0)
            n_new = 0;
    }
    const int result = uring->cqes[head & uring->cq_mask].res;
    atomic_store_explicit(uring->cq_head, head + 1, memory_order_release);
    return result;
}

static int try_again(int result)
{
    errno = -result;
    return result == -EINTR || result == -EAGAIN;
}

static int send_message(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    const struct io_uring_sqe operation = {
        .opcode = IORING_OP_SEND,
        .fd = end->out_fd,
        .addr = (uintptr_t)bytes,
        .len = (uint32_t)n_bytes,
        .msg_flags = MSG_NOSIGNAL,
    };
    int result;
    do
        result = perform(end->own, &operation);
    while (try_again(result));
    return result >= 0 ? 0 : result == -ECONNRESET ? -EPIPE : result;
}

static int receive_message(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    const struct io_uring_sqe operation = {
        .opcode = IORING_OP_RECV,
        .fd = end->in_fd,
        .addr = (uintptr_t)bytes,
        .len = (uint32_t)max_bytes,
        .msg_flags = MSG_TRUNC,
    };
    int result;
    do
        result = perform(end->own, &operation);
    while (try_again(result));
    if (result < 0 || (result == 0 && packet_is_end(end->in_fd)))
        return result == 0 || result == -ECONNRESET ? -EPIPE : result;
    if ((size_t)result > max_bytes)
        return -EMSGSIZE;
    *ret_n_bytes = (size_t)result;
    return 0;
}

const struct transport transport_io_uring = {
    .name = "io-uring",
    .what = "a Unix socket pair, sent and received through io_uring",
    .waits = TRANSPORT_BLOCK,
    .max_bytes = TRANSPORT_PACKET_BYTES,
    .create = create,
    .attach = attach,
    .detach = detach,
    .send = send_message,
    .receive = receive_message,
    .calls = (const int[]){SYS_io_uring_enter, SYS_ppoll,
#ifdef SYS_poll
                           SYS_poll,
#endif
                           -1},
};
