/* A memory of its own for each message: made, filled, sealed, passed, mapped, read, gone. What a picture costs that is
 * not drawn into a frame in use already. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/memfd.h"
#include "common/transports/descriptor.h"
#include "common/transports/passing.h"
#include "common/transports/rows.h"

#define MAX_BYTES (16u << 20) /* a picture of 1080p, and then some */
#define SEALS     (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int create(struct transport_pair *pair)
{
    CLOSE_FD int probe = -1;
    const int result = memfd_make("probe", &probe, NULL);
    return result < 0 ? transport_lacks(pair, -result, "memfd_create", NULL)
                      : descriptor_socketpair(pair, SOCK_SEQPACKET);
}

static int fill(int fd, const void *bytes, size_t n_bytes)
{
    if (n_bytes == 0)
        return 0;
    if (ftruncate(fd, (off_t)n_bytes) < 0)
        return -errno;
    void *memory = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    memcpy(memory, bytes, n_bytes);
    munmap(memory, n_bytes);
    return 0;
}

static int send_memory(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    CLOSE_FD int fd = -1;
    if (n_bytes > MAX_BYTES)
        return -EMSGSIZE;
    int result = memfd_make("message", &fd, NULL);
    if (result == 0)
        result = fill(fd, bytes, n_bytes);
    if (result == 0)
        result = memfd_seal(fd, SEALS, n_bytes);
    return result == 0 ? passing_send(end, "", 1, fd) : result;
}

/* A private mapping: a shared one of a write-sealed memfd is refused before Linux 6.7. */
static int read_memory(int fd, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    struct stat status;
    const int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || fstat(fd, &status) < 0)
        return -errno;
    if ((seals & SEALS) != SEALS)
        return -EBADMSG;
    const size_t n_bytes = (size_t)status.st_size;
    if (n_bytes > max_bytes)
        return -EMSGSIZE;
    if (n_bytes > 0) {
        const void *memory = mmap(NULL, n_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (memory == MAP_FAILED)
            return -errno;
        memcpy(bytes, memory, n_bytes);
        munmap((void *)memory, n_bytes);
    }
    *ret_n_bytes = n_bytes;
    return 0;
}

static int receive_memory(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    CLOSE_FD int fd = -1;
    size_t n_token;
    const int result = passing_receive(end, &(char){0}, 1, &n_token, &fd);
    return result < 0 ? result : read_memory(fd, bytes, max_bytes, ret_n_bytes);
}

static int send_either(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    return end->side == 0 ? send_memory(end, bytes, n_bytes) : packet_send(end, bytes, n_bytes);
}

static int receive_either(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    return end->side == 1 ? receive_memory(end, bytes, max_bytes, ret_n_bytes)
                          : packet_receive(end, bytes, max_bytes, ret_n_bytes);
}

const struct transport transport_memfd_share = {
    .name = "memfd-share",
    .what = "a fresh memfd: made, filled, sealed, passed, mapped, read; side 1 answers by the socket",
    .flags = TRANSPORT_ACKS,
    .waits = TRANSPORT_BLOCK | TRANSPORT_SPIN | TRANSPORT_YIELD,
    .max_bytes = MAX_BYTES,
    .create = create,
    .send = send_either,
    .receive = receive_either,
    /* fstat has two names, depending on the C library. */
    .calls = (const int[]){SYS_recvmsg, SYS_mmap, SYS_munmap, SYS_fcntl, SYS_fstat, SYS_newfstatat, SYS_close,
                           SYS_sendto, SYS_ppoll,
#ifdef SYS_poll
                           SYS_poll,
#endif
                           SYS_sched_yield, -1},
};
