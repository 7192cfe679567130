#include "common/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/transports/rows.h"

/* How often a spinning end tries before it lets others run: somewhat more than a sleeping process takes to wake. */
#define PAUSES_PER_YIELD 4096

const struct transport *const transports[] = {
    &transport_pipe,
    &transport_pipe_pair,
    &transport_fifo,
    &transport_unix_stream,
    &transport_unix_dgram,
    &transport_unix_seqpacket,
    &transport_tcp,
    &transport_udp,
    &transport_sysv_queue,
    &transport_posix_queue,
    &transport_sysv_shm_mutex,
    &transport_posix_shm_semaphore,
    &transport_ring,
    &transport_ring_spin,
    &transport_ring_futex,
    &transport_ring_eventfd,
    &transport_rt_signal,
    &transport_signal,
    &transport_process_vm,
    &transport_vmsplice,
    &transport_io_uring,
    &transport_fd_pass,
    &transport_memfd_share,
    NULL,
};

const struct transport *transport_find(const char *name)
{
    for (const struct transport *const *row = transports; *row != NULL; row++) {
        if (strcmp((*row)->name, name) == 0)
            return *row;
    }
    return NULL;
}

int transport_lacks(struct transport_pair *pair, int error, const char *what, const char *hint)
{
    snprintf(pair->reason, sizeof(pair->reason), "%s: %s%s%s%s", what, strerror(error), hint ? " (" : "",
             hint ? hint : "", hint ? ")" : "");
    return -error;
}

int transport_share(struct transport_pair *pair, size_t n_bytes)
{
    void *shared = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return transport_lacks(pair, errno, "mmap", NULL);
    pair->shared = shared;
    pair->n_shared_bytes = n_bytes;
    return 0;
}

size_t transport_limit(const char *path, size_t otherwise)
{
    CLOSE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[32];
    const ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    if (n <= 0)
        return otherwise;
    text[n] = '\0';
    const unsigned long number = strtoul(text, NULL, 10);
    return number > 0 ? number : otherwise;
}

void transport_pause(struct transport_end *end)
{
    if (end->wait != TRANSPORT_SPIN || ++end->n_pauses % PAUSES_PER_YIELD == 0) {
        sched_yield();
        return;
    }
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int set_nonblocking(int fd)
{
    if (fd < 0)
        return 0;
    const int flags = fcntl(fd, F_GETFL);
    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

/* An end that tries again instead of sleeping has descriptors that refuse to wait. */
static int set_impatient(struct transport_pair *pair)
{
    for (unsigned side = 0; side < 2; side++) {
        int result = set_nonblocking(pair->ends[side].in_fd);
        if (result == 0)
            result = set_nonblocking(pair->ends[side].out_fd);
        if (result < 0)
            return transport_lacks(pair, -result, "O_NONBLOCK", NULL);
    }
    return 0;
}

int transport_create(const struct transport *transport, enum transport_wait wait, struct transport_pair *ret_pair)
{
    *ret_pair = (struct transport_pair){
        .transport = transport,
        .max_bytes = transport->max_bytes,
        .creator = getpid(),
        .keeper = -1,
        .keeper_fd = -1,
        .id = -1,
    };
    for (unsigned side = 0; side < 2; side++) {
        ret_pair->ends[side] =
            (struct transport_end){.transport = transport, .side = side, .wait = wait, .in_fd = -1, .out_fd = -1};
    }
    if (!(transport->waits & wait)) {
        snprintf(ret_pair->reason, sizeof(ret_pair->reason), "%s cannot %s", transport->name,
                 wait == TRANSPORT_BLOCK ? "sleep" : "be asked without waiting");
        return -EOPNOTSUPP;
    }
    int result = transport->create(ret_pair);
    if (result == 0 && wait != TRANSPORT_BLOCK)
        result = set_impatient(ret_pair);
    if (result < 0)
        transport_destroy(ret_pair);
    for (unsigned side = 0; side < 2; side++)
        ret_pair->ends[side].shared = ret_pair->shared;
    return result;
}

static void close_end(struct transport_end *end)
{
    if (end->out_fd == end->in_fd)
        end->out_fd = -1;
    fd_close(&end->in_fd);
    fd_close(&end->out_fd);
}

int transport_attach(struct transport_pair *pair, unsigned side, struct transport_end **ret_end)
{
    struct transport_end *end = &pair->ends[side];
    close_end(&pair->ends[!side]);
    const int result = pair->transport->attach ? pair->transport->attach(end) : 0;
    if (result == 0)
        *ret_end = end;
    return result;
}

void transport_destroy(struct transport_pair *pair)
{
    for (unsigned side = 0; side < 2; side++) {
        if (pair->transport->detach)
            pair->transport->detach(&pair->ends[side]);
        close_end(&pair->ends[side]);
    }
    if (pair->transport->destroy && pair->creator == getpid())
        pair->transport->destroy(pair);
    fd_close(&pair->keeper_fd);
    if (pair->shared)
        munmap(pair->shared, pair->n_shared_bytes);
    pair->shared = NULL;
}
