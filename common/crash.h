/* What both sides must agree on about dying: the crash record and the kinds of verdict. */
#ifndef COMMON_CRASH_H
#define COMMON_CRASH_H

#include <stdint.h>

/* How a renderer ended. The broker judges (broker/crash.h); the list of faults to inject names what it expects. */
enum verdict {
    VERDICT_NONE,      /* the broker hung up, and the renderer left; or it lives on */
    VERDICT_SIGNAL,    /* a fault of its own */
    VERDICT_VIOLATION, /* a system call that the sandbox does not allow */
    VERDICT_PROTOCOL,  /* a message that no honest renderer sends */
    VERDICT_HANG,      /* no progress while an order was out */
    VERDICT_MEMORY,    /* hit its memory cap, or the kernel ran out */
    VERDICT_EXIT,      /* left by itself */
    VERDICT_KILLED,    /* SIGKILL from outside */
};
#define VERDICT_COUNT 8

/* The crash record: what a dying renderer says of itself in one write to its crash pipe. A hint from a suspect: the
 * kernel's wait status is the truth, and nothing in here is a size, an offset or a pointer that the broker follows.
 *
 * A renderer that was ordered to fail (Inject) writes one before it does: a *stamp*, with signal 0, so that the time from
 * the fault to the verdict is known for every kind of fault. */
#define CRASH_RECORD_MAGIC 0x32485356u /* "VSH2" */

/* The general registers by the order of crash_register_names (broker/crash_report.c): x86-64's sixteen and rflags,
 * aarch64's x0 to x15 and pstate. */
#define CRASH_REGISTERS  17
#define CRASH_MAX_FRAMES 48

/* Another 8 MB could not be had when it died: it stood at its address-space limit. */
#define CRASH_AT_MEMORY_LIMIT 1u

struct crash_record {
    uint32_t magic;
    int32_t signal; /* 0: a stamp */
    int32_t code;   /* siginfo's si_code; of a stamp the enum injection */
    uint32_t flags;
    uint64_t at_ns;   /* CLOCK_MONOTONIC at the handler's entry */
    uint64_t address; /* siginfo's si_addr */
    uint64_t pc;      /* where it was */
    uint64_t sp;
    uint64_t order_serial; /* of the order that was being served */
    uint32_t order_kind;   /* enum message_kind; 0: none was */
    uint32_t thread;       /* as the renderer's pid namespace numbers it */
    uint64_t registers[CRASH_REGISTERS];
    uint32_t n_frames;
    uint32_t reserved;
    uint64_t frames[CRASH_MAX_FRAMES]; /* return addresses by frame pointers, the innermost first */
};

_Static_assert(sizeof(struct crash_record) == 64 + 8 * CRASH_REGISTERS + 8 + 8 * CRASH_MAX_FRAMES,
               "the record has no padding");
_Static_assert(sizeof(struct crash_record) <= 2048, "two fit into one PIPE_BUF, and each write takes one whole");

#endif
