#include "broker/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"

#define BATCH 64
/* Later than this, and it was us who slept: stopped, suspended, or waiting for whoever reads our output. */
#define LATE_NS (500 * NS_PER_MS)

struct loop {
    int epoll_fd;
    int timer_fd;
    struct loop_source timer_source;
    TAILQ_HEAD(loop_timers, loop_timer) timers; /* loop_timer.link, soonest first */
    uint64_t programmed_ns;                     /* what timer_fd is set to; 0: nothing */
    uint64_t waits_since_ns;                    /* when the latest epoll_wait began */
    bool excused;                               /* the timers were put off, and none has fired since */
    struct epoll_event batch[BATCH];
    int n_batch;
    bool quit;
};

/* Sets the timerfd to the soonest timer, but only ever to an earlier time than it has: a wake-up too many is cheaper
 * than a system call for each order's watchdog. */
static void program_timer(struct loop *loop)
{
    const struct loop_timer *first = TAILQ_FIRST(&loop->timers);
    if (first == NULL || (loop->programmed_ns != 0 && loop->programmed_ns <= first->at_ns))
        return;
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(first->at_ns / NS_PER_S), .tv_nsec = (long)(first->at_ns % NS_PER_S)}};
    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    loop->programmed_ns = first->at_ns;
}

/* Timers watch over others, who must not pay for the time in which nobody looked at what they sent: all are put off by as
 * much. Where it was our own work that took so long, once only in a row, so that a broker which is always late still gets
 * on. */
static bool put_off(struct loop *loop, uint64_t now)
{
    const struct loop_timer *first = TAILQ_FIRST(&loop->timers);
    const bool is_late = first != NULL && now > first->at_ns + LATE_NS;
    const bool was_waiting = is_late && first->at_ns >= loop->waits_since_ns;
    if (!is_late || (loop->excused && !was_waiting)) {
        loop->excused = false;
        return false;
    }
    /* How much of a wait was sleep nobody can say: at most all of it. */
    const uint64_t slept_ns = was_waiting ? now - loop->waits_since_ns : now - first->at_ns;
    struct loop_timer *timer;
    TAILQ_FOREACH(timer, &loop->timers, link)
    timer->at_ns += slept_ns;
    loop->excused = !was_waiting;
    return true;
}

static void timers_due(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct loop *loop = LOOP_OWNER(source, struct loop, timer_source);
    uint64_t expirations;
    if (read(loop->timer_fd, &expirations, sizeof expirations) < 0)
        return;
    loop->programmed_ns = 0;

    const uint64_t now = clock_now_ns();
    if (put_off(loop, now)) {
        program_timer(loop);
        return;
    }
    struct loop_timer *timer;
    while ((timer = TAILQ_FIRST(&loop->timers)) != NULL && timer->at_ns <= now) {
        loop_disarm(loop, timer);
        timer->fire(timer);
    }
    program_timer(loop);
}

int loop_create(struct loop **ret_loop)
{
    int error;
    struct loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return -ENOMEM;
    TAILQ_INIT(&loop->timers);
    loop->timer_fd = -1;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0)
        goto fail;
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop->timer_fd < 0)
        goto fail;
    error = loop_add(loop, &loop->timer_source, loop->timer_fd, EPOLLIN, timers_due);
    if (error != 0) {
        errno = -error;
        goto fail;
    }
    *ret_loop = loop;
    return 0;

fail:
    error = -errno;
    loop_destroy(loop);
    return error;
}

void loop_destroy(struct loop *loop)
{
    if (loop == NULL)
        return;
    fd_close(&loop->timer_fd);
    fd_close(&loop->epoll_fd);
    free(loop);
}

int loop_add(struct loop *loop, struct loop_source *source, int fd, uint32_t events,
             void (*ready)(struct loop_source *, uint32_t))
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        source->fd = -1;
        return -errno;
    }
    source->fd = fd;
    source->ready = ready;
    return 0;
}

void loop_set_events(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event);
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
    if (source->ready == NULL || source->fd < 0)
        return;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    source->fd = -1;
    for (int i = 0; i < loop->n_batch; i++) {
        if (loop->batch[i].data.ptr == source)
            loop->batch[i].data.ptr = NULL;
    }
}

void loop_arm(struct loop *loop, struct loop_timer *timer, uint64_t at_ns, void (*fire)(struct loop_timer *))
{
    loop_disarm(loop, timer);
    timer->at_ns = at_ns;
    timer->fire = fire;
    /* From the end: most timers are armed for the same span and so belong there. */
    struct loop_timer *before;
    TAILQ_FOREACH_REVERSE(before, &loop->timers, loop_timers, link)
    {
        if (before->at_ns <= at_ns)
            break;
    }
    if (before != NULL)
        TAILQ_INSERT_AFTER(&loop->timers, before, timer, link);
    else
        TAILQ_INSERT_HEAD(&loop->timers, timer, link);
    program_timer(loop);
}

void loop_disarm(struct loop *loop, struct loop_timer *timer)
{
    if (timer->at_ns == 0)
        return;
    TAILQ_REMOVE(&loop->timers, timer, link);
    timer->at_ns = 0;
}

int loop_run(struct loop *loop)
{
    while (!loop->quit) {
        loop->waits_since_ns = clock_now_ns();
        int n;
        do
            n = epoll_wait(loop->epoll_fd, loop->batch, BATCH, -1);
        while (n < 0 && errno == EINTR); /* as after SIGCONT */
        if (n < 0)
            return -errno;
        loop->n_batch = n;
        for (int i = 0; i < loop->n_batch && !loop->quit; i++) {
            struct loop_source *source = loop->batch[i].data.ptr;
            if (source != NULL)
                source->ready(source, loop->batch[i].events);
        }
        loop->n_batch = 0;
    }
    loop->quit = false;
    return 0;
}

void loop_quit(struct loop *loop)
{
    loop->quit = true;
}
