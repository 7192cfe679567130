/* What a child costs that ends at once, from its making to its being reaped. */
#include <errno.h>
#include <sched.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "renderer/gauge.h"
#include "renderer/gauges/birth.h"

#define LARGE_BYTES (256ul << 20)

/* Makes a child. Its pid; -errno. */
typedef pid_t bear(int *ret_pidfd);

static char self[] = "/proc/self/exe", name[] = "measure", end_word[] = BIRTH_END_WORD;
static char *const arguments[] = {name, end_word, NULL};
static char *const no_environment[] = {NULL};

static _Noreturn void end(int status)
{
    for (;;)
        syscall(SYS_exit_group, status);
}

static pid_t by_fork(int *ret_pidfd)
{
    (void)ret_pidfd;
    const pid_t pid = fork();
    if (pid == 0)
        end(0);
    return pid < 0 ? -errno : pid;
}

static pid_t by_vfork_exec(int *ret_pidfd)
{
    (void)ret_pidfd;
    const pid_t pid = vfork();
    if (pid == 0) {
        execve(self, arguments, no_environment);
        end(1);
    }
    return pid < 0 ? -errno : pid;
}

static pid_t by_posix_spawn(int *ret_pidfd)
{
    pid_t pid;
    (void)ret_pidfd;
    const int error = posix_spawn(&pid, self, NULL, NULL, arguments, no_environment);
    return error ? -error : pid;
}

static pid_t by_clone_pidfd(int *ret_pidfd)
{
    const pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, ret_pidfd, NULL, NULL);
    if (pid == 0)
        end(0);
    return pid < 0 ? -errno : pid;
}

static bool has_ended_well(pid_t pid, int *pidfd)
{
    siginfo_t info = {0};
    const int result =
        *pidfd >= 0 ? waitid(P_PIDFD, (id_t)*pidfd, &info, WEXITED) : waitid(P_PID, (id_t)pid, &info, WEXITED);
    fd_close(pidfd);
    return result == 0 && info.si_code == CLD_EXITED && info.si_status == 0;
}

static void bear_one(struct gauge_run *run, bear *how)
{
    int pidfd = -1;
    const pid_t pid = how(&pidfd);
    sides_require(&run->sides, pid > 0 ? 0 : (int)pid, "a child");
    sides_require(&run->sides, has_ended_well(pid, &pidfd) ? 0 : -ECHILD, "the child's end");
}

/* Of the children that were reaped; the clocks of processes do not tell. */
static uint64_t children_cpu_ns(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_CHILDREN, &usage) < 0)
        return 0;
    return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * NS_PER_S +
           ((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) * NS_PER_US;
}

static void bear_often(struct gauge_run *run, bear *how)
{
    gauge_begin(run);
    for (uint64_t i = 0; i < run->request->n / 10 + 1; i++)
        bear_one(run, how);
    const uint64_t before_cpu_ns = children_cpu_ns();
    gauge_start(run);
    for (uint64_t i = 0; i < run->request->n; i++) {
        const uint64_t before_ns = clock_now_ns();
        bear_one(run, how);
        fine_histogram_add(&run->stage->latency, clock_now_ns() - before_ns);
    }
    gauge_stop(run);
    run->stage->cpu_ns += children_cpu_ns() - before_cpu_ns;
}

static void fork_often(struct gauge_run *run)
{
    bear_often(run, by_fork);
}

/* In pages of the usual size: what the kernel makes huge would be cheaper to copy the tables of. */
static void fork_large_often(struct gauge_run *run)
{
    void *memory = mmap(NULL, LARGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        gauge_lacks(run, "256 MB: %s", strerror(errno));
    madvise(memory, LARGE_BYTES, MADV_NOHUGEPAGE);
    memset(memory, 1, LARGE_BYTES);
    bear_often(run, by_fork);
}

static void vfork_exec_often(struct gauge_run *run)
{
    bear_often(run, by_vfork_exec);
}

static void posix_spawn_often(struct gauge_run *run)
{
    bear_often(run, by_posix_spawn);
}

static void clone_pidfd_often(struct gauge_run *run)
{
    bear_often(run, by_clone_pidfd);
}

const struct gauge gauge_fork = {.name = "fork", .test = "spawn", .work = {[PEER] = fork_often}};
const struct gauge gauge_fork_large = {.name = "fork-256mb", .test = "spawn", .work = {[PEER] = fork_large_often}};
const struct gauge gauge_vfork_exec = {.name = "vfork-exec", .test = "spawn", .work = {[PEER] = vfork_exec_often}};
const struct gauge gauge_posix_spawn = {.name = "posix-spawn", .test = "spawn", .work = {[PEER] = posix_spawn_often}};
const struct gauge gauge_clone_pidfd = {.name = "clone-pidfd", .test = "spawn", .work = {[PEER] = clone_pidfd_often}};
