#include "broker/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/spinner.h"

#define BATCH 64
/* Later than this, and it was us who slept: stopped, suspended, or waiting for whoever reads our output. */
#define LATE_NS (500 * NS_PER_MS)
/* While rings have news, descriptors are looked at once in so many of them. */
#define NEWS_PER_LOOK 64
/* Processors that are told apart. */
#define CPUS 64

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
    TAILQ_HEAD(loop_rings, loop_ring) rings; /* loop_ring.link */
    struct loop_ring *next_ring;             /* to be looked at in this turn */
    struct spinner spinner;                  /* for all of them */
    unsigned n_news;                         /* of rings, since descriptors were looked at */
    int error; /* what the kernel refused that the loop cannot do without */
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
    /* Watchdogs that never fire are none: the loop ends rather than go on without. */
    if (timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) < 0)
        loop->error = -errno;
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

/* A host that says yes and does nothing (a filter that lies, for one) would have us wait for ever. 0, or -ENOSYS for
 * what does not hold. */
static int try_out(const struct loop *loop)
{
    const struct itimerspec far = {.it_value.tv_sec = 3600}, none = {0};
    struct epoll_event event = {.events = EPOLLIN};
    struct itimerspec held = {0};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->timer_fd, &event) == 0 || errno != EEXIST)
        return -ENOSYS;
    if (timerfd_settime(loop->timer_fd, 0, &far, NULL) < 0 || timerfd_gettime(loop->timer_fd, &held) < 0)
        return -errno;
    return held.it_value.tv_sec > 0 && timerfd_settime(loop->timer_fd, 0, &none, NULL) == 0 ? 0 : -ENOSYS;
}

int loop_create(struct loop **ret_loop)
{
    int error;
    struct loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return -ENOMEM;
    TAILQ_INIT(&loop->timers);
    TAILQ_INIT(&loop->rings);
    spinner_init(&loop->spinner, SPINNER_MAX_NS);
    loop->timer_fd = -1;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0)
        goto fail;
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop->timer_fd < 0)
        goto fail;
    error = loop_add(loop, &loop->timer_source, loop->timer_fd, EPOLLIN, timers_due);
    if (error == 0)
        error = try_out(loop);
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

/* ---- rings ------------------------------------------------------------------------------------------------------- */

void loop_add_ring(struct loop *loop, struct loop_ring *ring)
{
    TAILQ_INSERT_TAIL(&loop->rings, ring, link);
    ring->is_linked = true;
}

void loop_remove_ring(struct loop *loop, struct loop_ring *ring)
{
    if (!ring->is_linked)
        return;
    if (loop->next_ring == ring)
        loop->next_ring = TAILQ_NEXT(ring, link);
    TAILQ_REMOVE(&loop->rings, ring, link);
    ring->is_linked = false;
}

/* Renderers that share a processor and are all waited for must not spin there in each other's way. Two that only seem to
 * share one are polite for nothing, which is harmless. */
static void tell_crowds(struct loop *loop)
{
    uint16_t n_awaited[CPUS] = {0};
    struct loop_ring *ring;
    TAILQ_FOREACH(ring, &loop->rings, link)
    n_awaited[ring_peer_cpu(ring->ring) % CPUS] += ring->awaits;
    TAILQ_FOREACH(ring, &loop->rings, link)
    ring_tell_crowd(ring->ring, n_awaited[ring_peer_cpu(ring->ring) % CPUS] > 1);
}

/* Each has its turn. Returns how much there was. */
static unsigned take_from_rings(struct loop *loop)
{
    unsigned n = 0;
    for (struct loop_ring *ring = TAILQ_FIRST(&loop->rings); ring != NULL && !loop->quit; ring = loop->next_ring) {
        loop->next_ring = TAILQ_NEXT(ring, link);
        n += ring->take(ring);
    }
    if (n > 0)
        spinner_end(&loop->spinner);
    return n;
}

/* Whether any has news, and whether any is worth waiting for. */
static bool look_at_rings(const struct loop *loop, bool *ret_is_due)
{
    *ret_is_due = false;
    const struct loop_ring *ring;
    TAILQ_FOREACH(ring, &loop->rings, link)
    {
        if (ring_is_ready(ring->ring))
            return true;
        *ret_is_due = *ret_is_due || (ring->awaits && ring_peer_may_answer(ring->ring));
    }
    return false;
}

/* Waits awake for a moment, if an answer is due. True: there is one. */
static bool spin(struct loop *loop)
{
    bool is_due;
    spinner_begin(&loop->spinner);
    while (!look_at_rings(loop, &is_due)) {
        if (!is_due) {
            spinner_pass(&loop->spinner);
            return false;
        }
        if (!spinner_again(&loop->spinner))
            return false;
    }
    return true;
}

/* From here on bells wake the loop. False: one of them has news already. */
static bool send_rings_to_sleep(struct loop *loop)
{
    bool sleeps = true;
    struct loop_ring *ring;
    TAILQ_FOREACH(ring, &loop->rings, link)
    sleeps = ring_prepare_sleep(ring->ring, RING_MESSAGES) && sleeps;
    return sleeps;
}

static void wake_rings(struct loop *loop)
{
    struct loop_ring *ring;
    TAILQ_FOREACH(ring, &loop->rings, link)
    ring_awake(ring->ring);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

/* Waits for descriptors, and for bells. */
static void wait_for_batch(struct loop *loop, bool may_sleep)
{
    loop->n_news = 0;
    if (TAILQ_FIRST(&loop->rings) != TAILQ_LAST(&loop->rings, loop_rings))
        tell_crowds(loop);
    loop->waits_since_ns = clock_now_ns();
    const bool sleeps = may_sleep && send_rings_to_sleep(loop);
    int n;
    do
        n = epoll_wait(loop->epoll_fd, loop->batch, BATCH, sleeps ? -1 : 0);
    while (n < 0 && errno == EINTR); /* as after SIGCONT */
    if (n < 0)
        loop->error = -errno;
    if (may_sleep)
        wake_rings(loop);
    loop->n_batch = n < 0 ? 0 : n;
}

static void handle_batch(struct loop *loop)
{
    for (int i = 0; i < loop->n_batch && !loop->quit; i++) {
        struct loop_source *source = loop->batch[i].data.ptr;
        if (source != NULL)
            source->ready(source, loop->batch[i].events);
    }
    loop->n_batch = 0;
}

int loop_run(struct loop *loop)
{
    while (!loop->quit && loop->error == 0) {
        const unsigned n = take_from_rings(loop);
        if (loop->quit)
            break;
        /* News that were none when they were taken count as well, or whoever makes them keeps us from the rest. */
        const bool goes_on = n > 0 || spin(loop);
        loop->n_news += n > 0 ? n : 1;
        if (goes_on && loop->n_news < NEWS_PER_LOOK)
            continue;
        wait_for_batch(loop, !goes_on);
        handle_batch(loop);
    }
    loop->quit = false;
    return loop->error;
}

void loop_quit(struct loop *loop)
{
    loop->quit = true;
}
