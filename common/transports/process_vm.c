/* The receiver reads out of the sender's memory: one copy, and the kernel's leave to look at another process. */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/transports/bell.h"
#include "common/transports/rows.h"

/* One direction: where the bytes are, and who sleeps until there are some, or until they have been read. */
struct note {
    _Alignas(64) _Atomic uint32_t is_full;
    const void *address;
    size_t n_bytes;
    struct bell full, empty;
};

struct notes {
    struct note notes[2]; /* notes[i] is for side i */
    pid_t pids[2];
};

/* What the host thinks of it is known only by trying. */
static int create(struct transport_pair *pair)
{
    char from = 1, to = 0;
    struct iovec local = {&to, 1}, remote = {&from, 1};
    if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != 1)
        return transport_lacks(pair, errno, "process_vm_readv", NULL);
    return transport_share(pair, sizeof(struct notes));
}

/* Where Yama restricts it, a process must name who may look; elsewhere there is no such option. */
static int attach(struct transport_end *end)
{
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    ((struct notes *)end->shared)->pids[end->side] = getpid();
    return 0;
}

static void wait_until(struct transport_end *end, struct note *note, struct bell *bell, uint32_t is_full)
{
    while (atomic_load_explicit(&note->is_full, memory_order_acquire) != is_full) {
        if (end->wait != TRANSPORT_BLOCK) {
            transport_pause(end);
            continue;
        }
        bell_prepare(bell);
        if (atomic_load_explicit(&note->is_full, memory_order_acquire) == is_full)
            bell_cancel(bell);
        else
            bell_sleep(bell);
    }
}

static int send_note(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    struct note *note = &((struct notes *)end->shared)->notes[!end->side];
    wait_until(end, note, &note->empty, false);
    note->address = bytes;
    note->n_bytes = n_bytes;
    atomic_store_explicit(&note->is_full, true, memory_order_release);
    bell_ring(&note->full);
    return 0;
}

static int read_from(pid_t pid, const struct note *note, void *bytes, size_t max_bytes)
{
    if (note->n_bytes > max_bytes)
        return -EMSGSIZE;
    if (note->n_bytes == 0)
        return 0;
    struct iovec local = {bytes, note->n_bytes}, remote = {(void *)note->address, note->n_bytes};
    const ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);
    if (n < 0)
        return errno == ESRCH ? -EPIPE : -errno;
    return (size_t)n == note->n_bytes ? 0 : -EFAULT;
}

static int receive_note(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    struct notes *notes = end->shared;
    struct note *note = &notes->notes[end->side];
    wait_until(end, note, &note->full, true);
    const size_t n_bytes = note->n_bytes;
    const int result = read_from(notes->pids[!end->side], note, bytes, max_bytes);
    atomic_store_explicit(&note->is_full, false, memory_order_release);
    bell_ring(&note->empty);
    if (result == 0)
        *ret_n_bytes = n_bytes;
    return result;
}

const struct transport transport_process_vm = {
    .name = "process-vm",
    .what = "process_vm_readv out of the sender's memory, futex to tell",
    .flags = TRANSPORT_BORROWS,
    .waits = TRANSPORT_BLOCK | TRANSPORT_SPIN | TRANSPORT_YIELD,
    .max_bytes = 1u << 20,
    .create = create,
    .attach = attach,
    .send = send_note,
    .receive = receive_note,
    .calls = (const int[]){SYS_process_vm_readv, SYS_futex, SYS_sched_yield, -1},
};
