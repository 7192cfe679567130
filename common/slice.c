#include "common/slice.h"

#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"

#define SHORT_NS (100 * NS_PER_US) /* the shortest that the kernel grants */

/* The kernel's struct sched_attr as first published; its header and the C library's do not go together. */
struct schedule {
    uint32_t n_bytes, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

static void ask(uint64_t slice_ns)
{
    const struct schedule schedule = {.n_bytes = sizeof schedule,
                                      .policy = SCHED_OTHER,
                                      .nice = getpriority(PRIO_PROCESS, 0),
                                      .runtime_ns = slice_ns};
    if (sched_getscheduler(0) == SCHED_OTHER) /* somebody may have wanted another policy for all of us */
        (void)syscall(SYS_sched_setattr, 0, &schedule, 0);
}

void slice_short(void)
{
    ask(SHORT_NS);
}

void slice_usual(void)
{
    ask(0);
}
