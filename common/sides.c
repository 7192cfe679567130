#include "common/sides.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/cpus.h"
#include "common/fd.h"

#define DEFAULT_TIMEOUT_MS 10000

struct sides_shared {
    _Alignas(64) _Atomic uint32_t n_arrived;
    struct failure {
        int error;
        const char *at; /* a literal: the same address in all three processes */
    } failures[2];
};

__attribute__((format(printf, 3, 4))) static int tell(char why[SIDES_MAX_REASON], int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, SIDES_MAX_REASON, format, arguments);
    va_end(arguments);
    return -error;
}

/* ---- in a side ------------------------------------------------------------------------------------------------------ */

/* _exit may do more than leave under a sanitizer, and a filter may be in force. */
static _Noreturn void leave(int status)
{
    for (;;)
        syscall(SYS_exit_group, status);
}

void sides_require(struct sides *sides, int result, const char *at)
{
    if (result == 0)
        return;
    sides->shared->failures[sides->side] = (struct failure){-result, at};
    leave(1);
}

void sides_meet(struct sides *sides)
{
    _Atomic uint32_t *n_arrived = &sides->shared->n_arrived;
    const uint32_t n_wanted = 2 * ++sides->n_meetings;
    uint32_t n_here = atomic_fetch_add(n_arrived, 1) + 1;
    if (n_here == n_wanted)
        syscall(SYS_futex, n_arrived, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    for (; n_here < n_wanted; n_here = atomic_load(n_arrived))
        syscall(SYS_futex, n_arrived, FUTEX_WAIT, n_here, NULL, NULL, 0);
}

void sides_begin(struct sides *sides)
{
    if (sides->side == PEER && sides->before_start)
        sides_require(sides, sides->before_start(sides->context), "the preparation");
    sides_meet(sides);
}

static uint64_t cpu_ns(clockid_t clock)
{
    struct timespec spent;
    return clock_gettime(clock, &spent) == 0 ? (uint64_t)spent.tv_sec * NS_PER_S + (uint64_t)spent.tv_nsec : 0;
}

uint64_t sides_own_cpu_ns(void)
{
    return cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t sides_cpu_ns(const struct sides *sides)
{
    clockid_t peer;
    const uint64_t own_ns = sides_own_cpu_ns();
    return clock_getcpuclockid(sides->peer, &peer) == 0 ? own_ns + cpu_ns(peer) : own_ns;
}

static void pin(struct sides *sides)
{
    cpu_set_t set;
    if (sides->cpus[sides->side] < 0)
        return;
    CPU_ZERO(&set);
    CPU_SET((size_t)sides->cpus[sides->side], &set);
    sides_require(sides, sched_setaffinity(0, sizeof(set), &set) == 0 ? 0 : -errno, "sched_setaffinity");
}

/* ---- who watches ---------------------------------------------------------------------------------------------------- */

struct watch {
    struct sides *sides;
    pid_t pids[2], parent;
    int pidfds[2];
    bool is_there[2];
    uint64_t deadline_ns;
    void (*work)(struct sides *sides, void *owner);
    void *owner;
};

static _Noreturn void be_side(const struct watch *watch, unsigned side)
{
    struct sides *sides = watch->sides;
    sides->side = side;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != watch->parent)
        leave(1);
    signal(SIGPIPE, SIG_IGN);
    pin(sides);
    watch->work(sides, watch->owner);
    leave(0);
}

static int start(struct watch *watch, unsigned side, char why[SIDES_MAX_REASON])
{
    watch->pids[side] = fork();
    if (watch->pids[side] == 0)
        be_side(watch, side);
    if (watch->pids[side] < 0)
        return tell(why, errno, "fork: %s", strerror(errno));
    watch->is_there[side] = true;
    watch->pidfds[side] = pidfd_open(watch->pids[side], 0);
    return watch->pidfds[side] < 0 ? tell(why, errno, "pidfd_open: %s", strerror(errno)) : 0;
}

/* Waits for one of the two until the deadline. Returns its number, or -errno. */
static int wait_for_one(const struct watch *watch)
{
    struct pollfd looks[2] = {{.fd = watch->pidfds[0], .events = POLLIN}, {.fd = watch->pidfds[1], .events = POLLIN}};
    for (;;) {
        const uint64_t now_ns = clock_now_ns();
        if (now_ns >= watch->deadline_ns)
            return -ETIMEDOUT;
        const int n = poll(looks, 2, (int)((watch->deadline_ns - now_ns) / NS_PER_MS) + 1);
        if (n < 0 && errno != EINTR)
            return -errno;
        for (int side = 0; n > 0 && side < 2; side++) {
            if (looks[side].revents)
                return side;
        }
    }
}

static int reap(struct watch *watch, int side)
{
    int status = 0;
    while (waitpid(watch->pids[side], &status, 0) < 0 && errno == EINTR)
        ;
    watch->is_there[side] = false;
    return status;
}

static int tell_end(const struct watch *watch, int side, int status, char why[SIDES_MAX_REASON])
{
    const char *who = side == CALLER ? "the caller" : "the peer";
    const struct failure *failure = &watch->sides->shared->failures[side];
    if (WIFSIGNALED(status))
        return tell(why, EPIPE, "%s was killed by signal %d (%s)", who, WTERMSIG(status), strsignal(WTERMSIG(status)));
    if (failure->at)
        return tell(why, failure->error, "%s: %s: %s", who, failure->at, strerror(failure->error));
    return tell(why, EPIPE, "%s left with status %d", who, WEXITSTATUS(status));
}

/* Until both have ended well, or one has not, or it is too late. */
static int see_to_the_end(struct watch *watch, unsigned timeout_ms, char why[SIDES_MAX_REASON])
{
    while (watch->is_there[CALLER] || watch->is_there[PEER]) {
        const int side = wait_for_one(watch);
        if (side < 0)
            return tell(why, -side, "not done after %u ms", timeout_ms);
        fd_close(&watch->pidfds[side]); /* poll passes over -1 */
        const int status = reap(watch, side);
        if (status != 0)
            return tell_end(watch, side, status, why);
    }
    return 0;
}

static void end_both(struct watch *watch)
{
    for (int side = 0; side < 2; side++) {
        fd_close(&watch->pidfds[side]);
        if (watch->is_there[side]) {
            kill(watch->pids[side], SIGKILL);
            reap(watch, side);
        }
    }
}

int sides_run(struct sides *sides, void (*work)(struct sides *sides, void *owner), void *owner,
              char ret_why[SIDES_MAX_REASON])
{
    const unsigned timeout_ms = sides->timeout_ms > 0 ? sides->timeout_ms : DEFAULT_TIMEOUT_MS;
    struct watch watch = {
        .sides = sides,
        .parent = getpid(),
        .pidfds = {-1, -1},
        .deadline_ns = clock_now_ns() + timeout_ms * NS_PER_MS,
        .work = work,
        .owner = owner,
    };
    sides->n_meetings = 0;
    sides->shared = mmap(NULL, sizeof(*sides->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sides->shared == MAP_FAILED)
        return tell(ret_why, errno, "mmap: %s", strerror(errno));
    int result = start(&watch, PEER, ret_why); /* the caller knows the peer, which therefore is there first */
    sides->peer = watch.pids[PEER];
    if (result == 0)
        result = start(&watch, CALLER, ret_why);
    if (result == 0)
        result = see_to_the_end(&watch, timeout_ms, ret_why);
    end_both(&watch);
    munmap(sides->shared, sizeof(*sides->shared));
    return result;
}

/* ---- where ---------------------------------------------------------------------------------------------------------- */

int sides_place(enum measure_placement placement, int ret_cpus[2], char ret_why[SIDES_MAX_REASON])
{
    cpu_set_t allowed;
    int second;
    ret_cpus[0] = ret_cpus[1] = -1;
    if (placement == MEASURE_FREE)
        return 0;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
        return tell(ret_why, errno, "sched_getaffinity: %s", strerror(errno));
    cpus_choose(&allowed, &ret_cpus[0], &second);
    ret_cpus[1] = placement == MEASURE_SAME_CORE ? ret_cpus[0] : second;
    return ret_cpus[1] >= 0 ? 0 : tell(ret_why, EOPNOTSUPP, "only one core may be used here");
}
