/* The crash record: what a dying renderer says of itself in one write to its crash pipe. A hint from a suspect: the
 * kernel's wait status is the truth, and nothing in here is a size, an offset or a count that the broker follows. */
#ifndef COMMON_CRASH_H
#define COMMON_CRASH_H

#include <stdint.h>

#define CRASH_RECORD_MAGIC 0x31485356u /* "VSH1" */

struct crash_record {
    uint32_t magic;
    int32_t signal;
    int32_t code; /* siginfo's si_code */
    uint32_t reserved;
    uint64_t at_ns;   /* CLOCK_MONOTONIC at the handler's entry */
    uint64_t address; /* siginfo's si_addr */
    uint64_t pc;      /* where it was */
};

_Static_assert(sizeof(struct crash_record) == 40, "the record has no padding, and one write takes it whole");

#endif
