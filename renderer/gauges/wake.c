/* From the moment that one process wakes another, asleep on a futex, until that one runs. Between two wakes the waker naps,
 * so that the sleeper sleeps indeed and its core has nothing to do. */
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "renderer/gauge.h"

#define NAP_NS (100 * NS_PER_US)

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
}

/* The kernel's word has 32 bits. */
static _Atomic uint32_t *bell_of(const struct gauge_run *run)
{
    return (_Atomic uint32_t *)&run->stage->lines[0].word;
}

static void wake_often(struct gauge_run *run)
{
    _Atomic uint32_t *bell = bell_of(run);
    _Atomic uint64_t *woken_ns = &run->stage->lines[1].word;
    gauge_begin(run);
    nap();
    gauge_start(run);
    for (uint64_t i = 0; i < run->request->n; i++) {
        atomic_store(woken_ns, 0);
        const uint64_t before_ns = clock_now_ns();
        atomic_fetch_add(bell, 1);
        syscall(SYS_futex, bell, FUTEX_WAKE, 1, NULL, NULL, 0);
        uint64_t after_ns;
        while ((after_ns = atomic_load(woken_ns)) == 0)
            nap();
        fine_histogram_add(&run->stage->latency, after_ns - before_ns);
        nap();
    }
    gauge_stop(run);
}

static void sleep_often(struct gauge_run *run)
{
    _Atomic uint32_t *bell = bell_of(run);
    gauge_begin(run);
    for (uint64_t i = 0; i < run->request->n; i++) {
        while (atomic_load(bell) == (uint32_t)i)
            syscall(SYS_futex, bell, FUTEX_WAIT, (uint32_t)i, NULL, NULL, 0);
        atomic_store(&run->stage->lines[1].word, clock_now_ns());
    }
}

const struct gauge gauge_wake = {
    .name = "wake",
    .test = "wake",
    .calls = (const int[]){SYS_futex, -1},
    .work = {wake_often, sleep_often},
};
