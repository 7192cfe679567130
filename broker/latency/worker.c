#include "broker/latency/worker.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/proc.h"
#include "common/clock.h"
#include "common/fd.h"

#define END_NS   NS_PER_S /* for a process that was asked to end, and for those it leaves behind */
#define NAP_MS   5
#define BEGIN_NS (30 * NS_PER_S)

struct order {
    const struct latency_case *measured; /* at the same place in both, which share it from before the fork */
    uint64_t n;
};

/* ---- the process that measures -------------------------------------------------------------------------------------- */

static void tell(int fd, const struct figure_outcome *outcome)
{
    if (send(fd, outcome, sizeof *outcome, MSG_NOSIGNAL) < 0)
        _exit(1);
}

_Noreturn static void serve(const struct latency_worker *worker, int fd)
{
    const struct latency_section *section = worker->section;
    struct figure_outcome outcome;
    figure_outcome_init(&outcome);
    int begun = 0;
    if (section->begin != NULL)
        begun = section->begin(worker->options, outcome.absent, sizeof outcome.absent);
    if (begun < 0 && outcome.absent[0] == '\0')
        snprintf(outcome.absent, sizeof outcome.absent, "%s", strerror(-begun));
    tell(fd, &outcome);

    struct order order;
    while (begun == 0 && recv(fd, &order, sizeof order, 0) == sizeof order) {
        figure_outcome_init(&outcome);
        section->measure(order.measured, order.n, &outcome);
        tell(fd, &outcome);
    }
    if (begun == 0 && section->end != NULL)
        section->end();
    exit(0);
}

/* A group of its own: Ctrl-C is for the one who drives. */
_Noreturn static void become(const struct latency_worker *worker, pid_t driver, int fd)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != driver)
        _exit(1);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int signal_fd = worker->signal_fd;
    fd_close(&signal_fd);
    serve(worker, fd);
}

/* ---- the one who drives --------------------------------------------------------------------------------------------- */

int latency_worker_init(struct latency_worker *worker, const struct options *options)
{
    *worker = (struct latency_worker){.options = options, .pid_fd = -1, .socket_fd = -1, .signal_fd = -1};
    sigset_t set;
    sigemptyset(&set);
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction inherited;
        if (sigaction(signals[i], NULL, &inherited) == 0 && inherited.sa_handler != SIG_IGN)
            sigaddset(&set, signals[i]);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    worker->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (worker->signal_fd < 0)
        return -errno;
    return prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? -errno : 0;
}

static int take_signal(const struct latency_worker *worker)
{
    struct signalfd_siginfo info;
    return read(worker->signal_fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

/* Waits until the process has said something or ended, or a signal is there. What poll says; 0 when time is over. */
static int wait_for(const struct latency_worker *worker, uint64_t timeout_ns)
{
    const uint64_t end_ns = clock_now_ns() + timeout_ns;
    for (;;) {
        const uint64_t now_ns = clock_now_ns();
        if (now_ns >= end_ns)
            return 0;
        /* Whoever it has forked may hold its socket open, so that its end alone tells nothing. */
        struct pollfd fds[] = {{.fd = worker->socket_fd, .events = POLLIN},
                               {.fd = worker->pid_fd, .events = POLLIN},
                               {.fd = worker->signal_fd, .events = POLLIN}};
        const uint64_t left_ms = (end_ns - now_ns) / NS_PER_MS + 1;
        const int n = poll(fds, 3, left_ms < 1000000 ? (int)left_ms : 1000000);
        if (n > 0)
            return n;
        if (n < 0 && errno != EINTR)
            return -errno;
    }
}

/* Those that the process left behind are ours now: most go by themselves when it has gone, the others are made to. */
static void reap_orphans(void)
{
    const uint64_t end_ns = clock_now_ns() + END_NS;
    for (;;) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        const uint64_t now_ns = clock_now_ns();
        if (proc_count_children() == 0 || now_ns >= end_ns)
            return;
        if (now_ns >= end_ns - END_NS / 2)
            proc_kill_children();
        poll(NULL, 0, NAP_MS);
    }
}

/* The end of the process, by force when it is not over in time, and of all it left behind. How it ended, in words. */
static void end_process(struct latency_worker *worker, uint64_t patience_ns, char *ret_how, size_t n_how)
{
    fd_close(&worker->socket_fd); /* it ends by itself when it sees that */
    struct pollfd ended = {.fd = worker->pid_fd, .events = POLLIN};
    if (patience_ns == 0 || poll(&ended, 1, (int)(patience_ns / NS_PER_MS)) <= 0)
        kill(worker->pid, SIGKILL);
    int status = 0;
    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        snprintf(ret_how, n_how, "the measuring process died of SIG%s", sigabbrev_np(WTERMSIG(status)));
    else
        snprintf(ret_how, n_how, "the measuring process ended with status %d", WEXITSTATUS(status));
    worker->pid = 0;
    fd_close(&worker->pid_fd);
    reap_orphans();
}

static void end_in_order(struct latency_worker *worker)
{
    char how[FIGURE_MAX_REASON];
    if (worker->pid != 0)
        end_process(worker, END_NS, how, sizeof how);
}

/* 0, or a signal. Without an answer the process is gone, with why in the outcome. */
static int take_answer(struct latency_worker *worker, uint64_t timeout_ns, struct figure_outcome *ret_outcome)
{
    char how[FIGURE_MAX_REASON];
    const int ready = wait_for(worker, timeout_ns);
    const int signal = take_signal(worker);
    if (signal != 0) {
        end_process(worker, 0, how, sizeof how);
        return signal;
    }
    if (ready > 0 && recv(worker->socket_fd, ret_outcome, sizeof *ret_outcome, MSG_DONTWAIT) == sizeof *ret_outcome)
        return 0;
    figure_outcome_init(ret_outcome);
    end_process(worker, ready > 0 ? END_NS : 0, how, sizeof how);
    if (ready == 0)
        snprintf(how, sizeof how, "did not come to an end within %.0f s", (double)timeout_ns / (double)NS_PER_S);
    memcpy(ret_outcome->absent, how, sizeof how);
    return 0;
}

static int start(struct latency_worker *worker, const struct latency_section *section,
                 struct figure_outcome *ret_outcome)
{
    worker->section = section;
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        goto fail;
    const pid_t driver = getpid();
    fflush(NULL); /* what waits to be written is ours alone */
    const pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        become(worker, driver, fds[1]);
    }
    const int error = errno;
    close(fds[1]);
    errno = error;
    if (pid < 0) {
        fd_close(&fds[0]);
        goto fail;
    }
    setpgid(pid, pid); /* whoever of the two comes first */
    worker->pid = pid;
    worker->socket_fd = fds[0];
    worker->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);

    const int result = take_answer(worker, BEGIN_NS, ret_outcome);
    snprintf(worker->why, sizeof worker->why, "%s", ret_outcome->absent);
    return result;

fail:
    figure_outcome_init(ret_outcome);
    snprintf(ret_outcome->absent, sizeof ret_outcome->absent, "no process to measure in: %s", strerror(errno));
    return 0;
}

int latency_worker_measure(struct latency_worker *worker, const struct latency_section *section,
                           const struct latency_case *measured, uint64_t n, uint64_t timeout_ns,
                           struct figure_outcome *ret_outcome)
{
    figure_outcome_init(ret_outcome);
    if (worker->section != section) {
        end_in_order(worker);
        worker->why[0] = '\0';
    }
    if (worker->why[0] != '\0') {
        memcpy(ret_outcome->absent, worker->why, sizeof ret_outcome->absent);
        return take_signal(worker);
    }
    if (worker->pid == 0) {
        const int result = start(worker, section, ret_outcome);
        if (result != 0 || ret_outcome->absent[0] != '\0') {
            end_in_order(worker);
            return result;
        }
    }
    const struct order order = {measured, n};
    send(worker->socket_fd, &order, sizeof order, MSG_NOSIGNAL); /* one that has gone gives no answer either */
    return take_answer(worker, timeout_ns, ret_outcome);
}

int latency_worker_finish(struct latency_worker *worker)
{
    end_in_order(worker);
    const int signal = worker->signal_fd >= 0 ? take_signal(worker) : 0;
    fd_close(&worker->signal_fd);
    return signal;
}
