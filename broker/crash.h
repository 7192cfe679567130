/* From evidence to verdict: how a renderer ended, and who says so. Wait status is truth, the kernel's notification is
 * truth, what the renderer wrote is a hint from a suspect. */
#ifndef BROKER_CRASH_H
#define BROKER_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/crash.h"
#include "common/wire.h"

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
    bool dismissed;  /* the broker had no more use for it */
    bool oom_killed; /* SIGKILL, and the kernel's count of out-of-memory kills went up */
    bool init_died;  /* SIGKILL, because its pid namespace ended */

    /* From the suspect. */
    bool out_of_memory;
    bool has_record;
    struct crash_record record;
    uint64_t stamp_ns; /* when it made the fault that it was ordered to make; 0: never said */

    uint64_t injected_ns; /* when it was last ordered to fail; 0: never */
    uint64_t noticed_ns;  /* when the first of all this was seen */
    uint64_t judged_ns;   /* when all of it was there, the wait status last */
};

/* Pure. */
enum verdict crash_judge(const struct evidence *evidence);

/* Reads one record from n_bytes at bytes. False when it is not one: wrong size, magic, signal or count. What it holds
 * stays a claim; only n_frames can be relied on, and what lies beyond them is zero. */
bool crash_record_parse(const void *bytes, size_t n_bytes, struct crash_record *ret_record);

/* The suspect's record is of the death that the kernel tells of. */
bool crash_record_fits(const struct evidence *evidence);

/* When the fault happened, by the clock of who made it: from a record that fits, or from the stamp of a fault that was
 * ordered. 0 where nobody says, or where it cannot be true. */
uint64_t crash_fault_ns(const struct evidence *evidence);

/* The contract's word. */
const char *verdict_name(enum verdict verdict);

/* "SIGSEGV"; writes into out and returns it. */
const char *signal_name(int signal, char *out, size_t n_out);

/* The kernel's name of a system call number of this machine, "call 1234" where there is none. */
const char *call_name(int call, char *out, size_t n_out);

/* One line for people: "crashed with SIGSEGV at address 0x10". Contains nothing that the renderer wrote but numbers. */
void crash_describe(const struct evidence *evidence, char *out, size_t n_out);

#endif
