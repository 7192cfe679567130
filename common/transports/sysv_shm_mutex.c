/* The segment is marked for removal as soon as it is attached, and goes with its last user; a creator that is killed
 * between the two calls leaves it. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/syscall.h>

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
    pthread_mutex_t mutex;
    pthread_cond_t has_mail, has_room;
    unsigned first, n_full;
    struct slot slots[N_SLOTS];
};

static int init_box(struct box *box)
{
    pthread_mutexattr_t mutex;
    pthread_condattr_t condition;
    pthread_mutexattr_init(&mutex);
    pthread_condattr_init(&condition);
    int error = pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
    if (error == 0)
        error = pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST);
    if (error == 0)
        error = pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
    if (error == 0)
        error = pthread_mutex_init(&box->mutex, &mutex);
    if (error == 0)
        error = pthread_cond_init(&box->has_mail, &condition);
    if (error == 0)
        error = pthread_cond_init(&box->has_room, &condition);
    pthread_mutexattr_destroy(&mutex);
    pthread_condattr_destroy(&condition);
    return error;
}

static int create(struct transport_pair *pair)
{
    const int id = shmget(IPC_PRIVATE, 2 * sizeof(struct box), IPC_CREAT | 0600);
    if (id < 0)
        return transport_lacks(pair, errno, "shmget", errno == ENOSPC ? "kernel.shmmni, kernel.shmall" : NULL);
    struct box *boxes = shmat(id, NULL, 0);
    const int error = boxes == (void *)-1 ? errno : 0;
    shmctl(id, IPC_RMID, NULL);
    if (error)
        return transport_lacks(pair, error, "shmat", NULL);
    /* munmap takes a segment out as it does any mapping. */
    pair->shared = boxes;
    pair->n_shared_bytes = 2 * sizeof(struct box);
    for (unsigned side = 0; side < 2; side++) {
        const int result = init_box(&boxes[side]);
        if (result != 0)
            return transport_lacks(pair, result, "a mutex for two processes", NULL);
    }
    return 0;
}

/* A lock whose owner died is ours, but what it guards is half-written. */
static int lock(struct box *box)
{
    const int error = pthread_mutex_lock(&box->mutex);
    if (error != EOWNERDEAD)
        return -error;
    pthread_mutex_consistent(&box->mutex);
    pthread_mutex_unlock(&box->mutex);
    return -EPIPE;
}

static int wait_for(pthread_cond_t *condition, struct box *box)
{
    const int error = pthread_cond_wait(condition, &box->mutex);
    if (error != EOWNERDEAD)
        return -error;
    pthread_mutex_consistent(&box->mutex);
    return -EPIPE;
}

static int send_message(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    struct box *box = (struct box *)end->shared + !end->side;
    if (n_bytes > SLOT_BYTES)
        return -EMSGSIZE;
    int result = lock(box);
    if (result < 0)
        return result;
    while (result == 0 && box->n_full == N_SLOTS)
        result = wait_for(&box->has_room, box);
    if (result == 0) {
        struct slot *slot = &box->slots[(box->first + box->n_full++) % N_SLOTS];
        slot->n_bytes = n_bytes;
        memcpy(slot->bytes, bytes, n_bytes);
        pthread_cond_signal(&box->has_mail);
    }
    pthread_mutex_unlock(&box->mutex);
    return result;
}

static int receive_message(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    struct box *box = (struct box *)end->shared + end->side;
    int result = lock(box);
    if (result < 0)
        return result;
    while (result == 0 && box->n_full == 0)
        result = wait_for(&box->has_mail, box);
    if (result == 0) {
        const struct slot *slot = &box->slots[box->first];
        if (slot->n_bytes <= max_bytes)
            memcpy(bytes, slot->bytes, *ret_n_bytes = slot->n_bytes);
        else
            result = -EMSGSIZE;
        box->first = (box->first + 1) % N_SLOTS;
        box->n_full--;
        pthread_cond_signal(&box->has_room);
    }
    pthread_mutex_unlock(&box->mutex);
    return result;
}

const struct transport transport_sysv_shm_mutex = {
    .name = "sysv-shm-mutex",
    .what = "System V shared memory under a mutex and conditions for two processes",
    .waits = TRANSPORT_BLOCK,
    .max_bytes = SLOT_BYTES,
    .create = create,
    .send = send_message,
    .receive = receive_message,
    .calls = (const int[]){SYS_futex, -1},
};
