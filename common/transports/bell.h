/* Sleeping and waking through shared memory, without a system call while nobody sleeps. Who waits says so, looks once
 * more, and sleeps; who has changed something looks whether anybody sleeps. The fences see to it that not both look too
 * early. */
#ifndef COMMON_TRANSPORTS_BELL_H
#define COMMON_TRANSPORTS_BELL_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

struct bell {
    _Alignas(64) _Atomic uint32_t asleep;
};

static inline void bell_prepare(struct bell *bell)
{
    atomic_store_explicit(&bell->asleep, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
}

static inline void bell_cancel(struct bell *bell)
{
    atomic_store_explicit(&bell->asleep, 0, memory_order_relaxed);
}

/* Whether somebody has to be woken; the answer is given once. */
static inline bool bell_is_wanted(struct bell *bell)
{
    atomic_thread_fence(memory_order_seq_cst);
    return atomic_load_explicit(&bell->asleep, memory_order_relaxed) != 0 && atomic_exchange(&bell->asleep, 0) != 0;
}

/* The usual way to sleep and to wake. May return early. */
static inline void bell_sleep(struct bell *bell)
{
    syscall(SYS_futex, &bell->asleep, FUTEX_WAIT, 1, NULL, NULL, 0);
}

static inline void bell_ring(struct bell *bell)
{
    if (bell_is_wanted(bell))
        syscall(SYS_futex, &bell->asleep, FUTEX_WAKE, 1, NULL, NULL, 0);
}

#endif
