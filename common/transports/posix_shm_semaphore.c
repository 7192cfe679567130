/* The object has a name until it is mapped; a creator that is killed in those microseconds leaves it. */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/transports/rows.h"

#define N_SLOTS    16
#define SLOT_BYTES (64u * 1024)

/* Not a round number of bytes: slots whose beginnings share cache sets would push each other out. */
struct slot {
    size_t n_bytes;
    unsigned char bytes[SLOT_BYTES];
    unsigned char apart[64 * 17 - sizeof(size_t)];
};

/* One direction. */
struct box {
    _Alignas(64) sem_t n_full;
    _Alignas(64) sem_t n_empty;
    _Alignas(64) unsigned next_full;  /* the receiver's */
    _Alignas(64) unsigned next_empty; /* the sender's */
    struct slot slots[N_SLOTS];
};

static int map_object(struct transport_pair *pair, size_t n_bytes)
{
    char name[64];
    snprintf(name, sizeof(name), "/memory-%d-%llx", (int)getpid(), (unsigned long long)clock_now_ns());
    CLOSE_FD int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        return transport_lacks(pair, errno, "shm_open", "/dev/shm");
    shm_unlink(name);
    if (ftruncate(fd, (off_t)n_bytes) < 0)
        return transport_lacks(pair, errno, "ftruncate", "/dev/shm");
    void *shared = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED)
        return transport_lacks(pair, errno, "mmap", NULL);
    pair->shared = shared;
    pair->n_shared_bytes = n_bytes;
    return 0;
}

static int create(struct transport_pair *pair)
{
    const int result = map_object(pair, 2 * sizeof(struct box));
    if (result < 0)
        return result;
    for (unsigned side = 0; side < 2; side++) {
        struct box *box = (struct box *)pair->shared + side;
        if (sem_init(&box->n_full, 1, 0) < 0 || sem_init(&box->n_empty, 1, N_SLOTS) < 0)
            return transport_lacks(pair, errno, "a semaphore for two processes", NULL);
    }
    return 0;
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) < 0)
        ; /* EINTR: there is no other way to fail for a semaphore that is one */
}

static int send_message(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    struct box *box = (struct box *)end->shared + !end->side;
    if (n_bytes > SLOT_BYTES)
        return -EMSGSIZE;
    wait_for(&box->n_empty);
    struct slot *slot = &box->slots[box->next_empty++ % N_SLOTS];
    slot->n_bytes = n_bytes;
    memcpy(slot->bytes, bytes, n_bytes);
    sem_post(&box->n_full);
    return 0;
}

static int receive_message(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    struct box *box = (struct box *)end->shared + end->side;
    wait_for(&box->n_full);
    const struct slot *slot = &box->slots[box->next_full++ % N_SLOTS];
    const size_t n_bytes = slot->n_bytes;
    if (n_bytes <= max_bytes)
        memcpy(bytes, slot->bytes, n_bytes);
    sem_post(&box->n_empty);
    if (n_bytes > max_bytes)
        return -EMSGSIZE;
    *ret_n_bytes = n_bytes;
    return 0;
}

const struct transport transport_posix_shm_semaphore = {
    .name = "posix-shm-semaphore",
    .what = "POSIX shared memory, slots counted by semaphores",
    .waits = TRANSPORT_BLOCK,
    .max_bytes = SLOT_BYTES,
    .create = create,
    .send = send_message,
    .receive = receive_message,
    .calls = (const int[]){SYS_futex, -1},
};
