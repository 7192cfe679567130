/* What a call to the kernel costs that does next to nothing, and what the filter adds to it. */
#include <sys/syscall.h>
#include <unistd.h>

#include "renderer/gauge.h"

static inline void call(void *context, uint64_t i)
{
    (void)context;
    (void)i;
    syscall(SYS_getppid);
}

static void call_often(struct gauge_run *run)
{
    const uint64_t n_warm_up = gauge_warm_up(run);
    gauge_begin(run);
    for (uint64_t i = 0; i < n_warm_up; i++)
        call(NULL, i);
    gauge_start(run);
    gauge_call_often(run, 0, call, NULL);
    gauge_stop(run);
}

const struct gauge gauge_syscall = {
    .name = "syscall",
    .test = "call",
    .calls = (const int[]){SYS_getppid, -1},
    .work = {[PEER] = call_often},
};
