/* From evidence to verdict: how a renderer ended, and who says so. Wait status is truth, the kernel's notification is
 * truth, what the renderer wrote is a hint from a suspect. */
#ifndef BROKER_CRASH_H
#define BROKER_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/crash.h"
#include "common/wire.h"

enum verdict {
    VERDICT_NONE,      /* the broker hung up, and the renderer left */
    VERDICT_SIGNAL,    /* a fault of its own */
    VERDICT_VIOLATION, /* a system call that the sandbox does not allow */
    VERDICT_PROTOCOL,  /* a message that no honest renderer sends */
    VERDICT_HANG,      /* no progress while an order was out */
    VERDICT_MEMORY,    /* hit its memory cap */
    VERDICT_EXIT,      /* left by itself */
    VERDICT_KILLED,    /* SIGKILL from outside */
};

struct evidence {
    /* From waitid. */
    int wait_code;   /* CLD_EXITED, CLD_KILLED, CLD_DUMPED */
    int wait_status; /* exit status or signal */

    /* From the kernel, by way of the seccomp listener; killed for it. */
    bool violated;
    int call;
    uint64_t call_args[6];
    uint64_t call_ip;

    /* From the broker's own eyes; killed for it. */
    enum message_fault fault;
    bool hung;
    bool dismissed; /* the broker had no more use for it */

    /* From the suspect. */
    bool out_of_memory;
    bool has_record;
    struct crash_record record;

    uint64_t noticed_ns; /* when the first of all this was seen */
};

/* Pure. */
enum verdict crash_judge(const struct evidence *evidence);

/* The suspect's record is of the death that the kernel tells of. */
bool crash_record_fits(const struct evidence *evidence);

/* The contract's word. */
const char *verdict_name(enum verdict verdict);

/* "SIGSEGV"; writes into out and returns it. */
const char *signal_name(int signal, char *out, size_t n_out);

/* The kernel's name of a system call number of this machine, "call 1234" where there is none. */
const char *call_name(int call, char *out, size_t n_out);

/* One line for people: "crashed with SIGSEGV at address 0x10". Contains nothing that the renderer wrote but numbers. */
void crash_describe(const struct evidence *evidence, char *out, size_t n_out);

#endif
