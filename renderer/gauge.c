#include "renderer/gauge.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "common/clock.h"
#include "common/fd.h"
#include "renderer/echo.h"

const struct gauge *const gauges[] = {
    &gauge_bounce_1,    &gauge_bounce_2,    &gauge_wake, &gauge_syscall,    &gauge_select,
    &gauge_poll,        &gauge_epoll,       &gauge_fork, &gauge_fork_large, &gauge_vfork_exec,
    &gauge_posix_spawn, &gauge_clone_pidfd, &gauge_map,  &gauge_priorities, NULL,
};

const struct gauge *gauge_find(const char *name, const char *test)
{
    for (const struct gauge *const *row = gauges; *row != NULL; row++) {
        if (strcmp((*row)->name, name) == 0 && strcmp((*row)->test, test) == 0)
            return *row;
    }
    return NULL;
}

/* ---- in a side ------------------------------------------------------------------------------------------------------ */

void gauge_begin(struct gauge_run *run)
{
    sides_begin(&run->sides);
}

uint64_t gauge_warm_up(const struct gauge_run *run)
{
    const uint64_t part = run->request->n / 10;
    return part < GAUGE_MAX_WARM_UP ? part : GAUGE_MAX_WARM_UP;
}

static uint64_t spent_ns(const struct gauge_run *run)
{
    return run->sides.side == CALLER ? sides_cpu_ns(&run->sides) : sides_own_cpu_ns();
}

void gauge_start(struct gauge_run *run)
{
    run->stage->cpu_ns = spent_ns(run);
    run->stage->start_ns = clock_now_ns();
}

void gauge_stop(struct gauge_run *run)
{
    run->stage->end_ns = clock_now_ns();
    run->stage->cpu_ns = spent_ns(run) - run->stage->cpu_ns;
}

void gauge_lacks(struct gauge_run *run, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->stage->absent, sizeof run->stage->absent, format, arguments);
    va_end(arguments);
    sides_require(&run->sides, -EOPNOTSUPP, "what the host lacks");
    __builtin_unreachable();
}

static void work(struct sides *sides, void *owner)
{
    struct gauge_run *run = owner;
    if (run->gauge->work[sides->side])
        run->gauge->work[sides->side](run);
    else
        gauge_begin(run);
    sides_meet(sides);
}

/* ---- in who asks ---------------------------------------------------------------------------------------------------- */

/* Where only some were timed, what all took together is truer; where all were, other things may lie between them. */
static uint64_t mean_ps(const struct gauge_run *run)
{
    const struct fine_histogram *latency = &run->stage->latency;
    if (latency->n == 0)
        return 0;
    if (latency->n == run->request->n)
        return latency->sum * 1000 / latency->n;
    return (uint64_t)((double)(run->stage->end_ns - run->stage->start_ns) * 1000 / (double)run->request->n);
}

static void conclude(const struct gauge_run *run, struct measured *measured)
{
    const struct gauge_stage *stage = run->stage;
    measured->n = stage->n > 0 ? stage->n : run->request->n;
    measured->disordered = stage->disordered;
    measured->total_ns = stage->end_ns - stage->start_ns;
    measured->cpu_ns = stage->cpu_ns;
    measured_take(measured, &stage->latency);
    measured->mean_ps = mean_ps(run);
    memcpy(measured->note, stage->note, sizeof measured->note);
}

static int run_sides(struct gauge_run *run, char why[SIDES_MAX_REASON])
{
    struct echo echo = {0};
    const bool sandboxed = run->request->sandboxed;
    int error = sandboxed ? echo_init(&echo, run->gauge->calls) : 0;
    if (error != 0) {
        snprintf(why, SIDES_MAX_REASON, "the filter cannot be built: %s", strerror(-error));
        return error;
    }
    echo.trespass = run->request->trespass;
    run->sides.before_start = sandboxed ? echo_enter : NULL;
    run->sides.context = &echo;
    run->sides.timeout_ms = run->request->timeout_ms;
    error = sides_run(&run->sides, work, run, why);
    echo_finish(&echo);
    return error;
}

static int measure(struct gauge_run *run, char why[SIDES_MAX_REASON])
{
    if (run->request->sandboxed && !run->gauge->calls) {
        snprintf(why, SIDES_MAX_REASON, "nothing that happens behind the filter");
        return -EOPNOTSUPP;
    }
    if (run->gauge->is_cross && run->request->placement != MEASURE_CROSS_CORE) {
        snprintf(why, SIDES_MAX_REASON, "needs two cores");
        return -EOPNOTSUPP;
    }
    int error = sides_place(run->request->placement, run->sides.cpus, why);
    if (error == 0 && run->gauge->prepare)
        error = run->gauge->prepare(run);
    if (error == 0)
        error = run_sides(run, why);
    if (run->gauge->release)
        run->gauge->release(run);
    fd_close(&run->fd);
    return error;
}

void gauge_measure(const struct gauge *gauge, const struct gauge_request *request, struct measured *ret_measured)
{
    char why[SIDES_MAX_REASON] = "";
    struct gauge_run run = {.gauge = gauge, .request = request, .fd = -1};
    *ret_measured = (struct measured){0};
    run.stage = mmap(NULL, sizeof *run.stage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (run.stage == MAP_FAILED) {
        snprintf(ret_measured->absent, sizeof ret_measured->absent, "mmap: %s", strerror(errno));
        return;
    }
    if (measure(&run, why) == 0)
        conclude(&run, ret_measured);
    else
        snprintf(ret_measured->absent, sizeof ret_measured->absent, "%s",
                 run.stage->absent[0] ? run.stage->absent : why);
    munmap(run.stage, sizeof *run.stage);
}
