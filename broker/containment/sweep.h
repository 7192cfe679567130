/* Sweeps of the containment table: one renderer for each number, many at a time. */
#ifndef BROKER_CONTAINMENT_SWEEP_H
#define BROKER_CONTAINMENT_SWEEP_H

#include <stdint.h>

#include "broker/containment/table.h"

/* X(id, name, what is tried, how many numbers, the call that all of them are; SWEEP_BY_LIST: as the reviewed list says;
 * SWEEP_BY_KERNEL: none that the kernel would name) */
#define SWEEP_BY_LIST   (-1)
#define SWEEP_BY_KERNEL (-2)
#define CONTAINMENT_SWEEPS(X)                                                                                        \
    X(CALLS, "calls", "each system call from 0 to 511 with bad arguments, against the reviewed list", 512,           \
      SWEEP_BY_LIST)                                                                                                 \
    X(X32, "x32", "each system call of x32, 0x40000000 and up", 512, SWEEP_BY_KERNEL)                                \
    X(INT_0X80, "int-0x80", "each system call of 32-bit programs by int 0x80", 512, SWEEP_BY_KERNEL)                 \
    X(SOCKETS, "sockets", "socket() of each address family from 0 to 45", 46, SYS_socket)                            \
    X(IOCTLS, "ioctls", "200 ioctl commands all over the place on descriptors 0 to 4", 200, SYS_ioctl)               \
    X(PRCTLS, "prctls", "each option of prctl from 0 to 79", 80, SYS_prctl)                                          \
    X(FCNTLS, "fcntls", "each command of fcntl on the channel", 56, SYS_fcntl)                                       \
    X(READS, "reads", "read() of one byte from descriptors 0 to 15", 16, SYS_read)                                   \
    X(WRITES, "writes", "write() of nothing to descriptors 0 to 15; 1, 2 and the crash pipe take it", 16, SYS_write) \
    X(KILLS, "kills", "kill() of itself with each signal", 65, SYS_kill)

struct containment_sweep {
    const char *name;
    unsigned n;
    int call;
};

#define SWEEP(id, ...) extern const struct containment_sweep sweep_##id;
CONTAINMENT_SWEEPS(SWEEP)
#undef SWEEP

void containment_sweep_run(struct stage *stage, const struct containment_sweep *sweep,
                           struct containment_result *result);

#endif
