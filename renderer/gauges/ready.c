/* What it costs to find the one descriptor that is ready among many that are not. With select and poll, looking through
 * what the kernel has written counts too: it is what their users have to do. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "renderer/gauge.h"

#define MAX_FDS (1u << 20)
/* Not a divisor of any count that is asked for: each is ready in turn, in no order that helps. */
#define STRIDE 7919

struct watched {
    unsigned n; /* descriptors 0 to n - 1 */
    int epoll_fd;
    struct pollfd *polls;
    fd_set set;
};

/* Returns a descriptor that is ready; -1: an error. */
typedef int find_ready(struct watched *watched);

static int by_select(struct watched *watched)
{
    fd_set ready = watched->set;
    if (select((int)watched->n, &ready, NULL, NULL, NULL) < 1)
        return -1;
    int fd = 0;
    while (!FD_ISSET(fd, &ready))
        fd++;
    return fd;
}

static int by_poll(struct watched *watched)
{
    if (poll(watched->polls, watched->n, -1) < 1)
        return -1;
    int fd = 0;
    while (!watched->polls[fd].revents)
        fd++;
    return fd;
}

static int by_epoll(struct watched *watched)
{
    struct epoll_event event;
    return epoll_wait(watched->epoll_fd, &event, 1, -1) == 1 ? event.data.fd : -1;
}

/* ---- the descriptors ------------------------------------------------------------------------------------------------ */

/* From 0 on, so that select sees as many as it can. This process needs none of those it has. */
static void open_all(struct gauge_run *run, unsigned n)
{
    struct rlimit limit;
    if (n == 0 || n > MAX_FDS)
        gauge_lacks(run, "%u descriptors are not between 1 and %u", n, MAX_FDS);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < n + 1) {
        const rlim_t hard = limit.rlim_max;
        limit.rlim_cur = hard;
        if (hard < n + 1 || setrlimit(RLIMIT_NOFILE, &limit) < 0)
            gauge_lacks(run, "needs %u descriptors, and the limit is %llu (ulimit -Hn)", n + 1,
                        (unsigned long long)hard);
    }
    fd_close_from(0);
    for (unsigned i = 0; i < n; i++) {
        const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        sides_require(&run->sides, fd == (int)i ? 0 : fd < 0 ? -errno : -EBADF, "eventfd");
    }
}

static void watch_all(struct gauge_run *run, struct watched *watched)
{
    watched->polls = calloc(watched->n, sizeof *watched->polls);
    watched->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    sides_require(&run->sides, watched->polls ? 0 : -ENOMEM, "calloc");
    sides_require(&run->sides, watched->epoll_fd >= 0 ? 0 : -errno, "epoll_create1");
    FD_ZERO(&watched->set);
    for (unsigned i = 0; i < watched->n; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = (int)i};
        watched->polls[i] = (struct pollfd){.fd = (int)i, .events = POLLIN};
        if (i < FD_SETSIZE)
            FD_SET((int)i, &watched->set);
        sides_require(&run->sides, epoll_ctl(watched->epoll_fd, EPOLL_CTL_ADD, (int)i, &event) == 0 ? 0 : -errno,
                      "epoll_ctl");
    }
}

/* ---- finding -------------------------------------------------------------------------------------------------------- */

static uint64_t find_one(struct gauge_run *run, struct watched *watched, find_ready *find, uint64_t i)
{
    uint64_t number = 1;
    const int fd = (int)(i * STRIDE % watched->n);
    sides_require(&run->sides, write(fd, &number, sizeof number) == sizeof number ? 0 : -errno, "write");
    const uint64_t before_ns = clock_now_ns();
    const int found = find(watched);
    const uint64_t took_ns = clock_now_ns() - before_ns;
    sides_require(&run->sides, found == fd ? 0 : -EBADMSG, "the one that is ready");
    sides_require(&run->sides, read(fd, &number, sizeof number) == sizeof number ? 0 : -errno, "read");
    return took_ns;
}

static void find_often(struct gauge_run *run, find_ready *find)
{
    struct watched watched = {.n = run->request->count};
    if (find == by_select && watched.n > FD_SETSIZE)
        gauge_lacks(run, "select knows descriptors below %d only", FD_SETSIZE);
    open_all(run, watched.n);
    watch_all(run, &watched);
    const uint64_t n_warm_up = gauge_warm_up(run);
    gauge_begin(run);
    for (uint64_t i = 0; i < n_warm_up; i++)
        find_one(run, &watched, find, i);
    gauge_start(run);
    for (uint64_t i = 0; i < run->request->n; i++)
        fine_histogram_add(&run->stage->latency, find_one(run, &watched, find, i));
    gauge_stop(run);
    free(watched.polls);
}

static void select_often(struct gauge_run *run)
{
    find_often(run, by_select);
}

static void poll_often(struct gauge_run *run)
{
    find_often(run, by_poll);
}

static void epoll_often(struct gauge_run *run)
{
    find_often(run, by_epoll);
}

/* Older machines have calls of these names; newer ones only those with a mask. */
static const int calls[] = {
    SYS_read,   SYS_write, SYS_pselect6,   SYS_ppoll, SYS_epoll_pwait,
#ifdef SYS_epoll_wait
    SYS_select, SYS_poll,  SYS_epoll_wait,
#endif
    -1,
};

const struct gauge gauge_select = {.name = "select", .test = "ready", .calls = calls, .work = {[PEER] = select_often}};
const struct gauge gauge_poll = {.name = "poll", .test = "ready", .calls = calls, .work = {[PEER] = poll_often}};
const struct gauge gauge_epoll = {.name = "epoll", .test = "ready", .calls = calls, .work = {[PEER] = epoll_often}};
