#include "broker/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/proc.h"
#include "common/clock.h"
#include "common/document_kind.h"
#include "common/fd.h"
#include "common/frame.h"

/* From a renderer's end of file to its zombie: the kernel needs microseconds, a busy machine a little more. */
#define GRACE_NS (100 * NS_PER_MS)
/* Facts taken from one child before the others have their turn. */
#define FACTS_A_TURN 16
/* Progress: one tick in 50 ms in the long run, and a burst of so many. */
#define TICK_NS    (50 * NS_PER_MS)
#define TICK_BURST 20
/* Descriptors a renderer may have. */
#define MAX_FDS 16
/* No format has more pages than this; a renderer that says so lies. */
#define MAX_PAGES 10000000u

/* What is being received is looked at and forgotten before the next datagram: one buffer serves all. */
static struct {
    uint8_t buffer[CHANNEL_MAX_BYTES];
    struct arena arena;
} inbox;

static void noticed(struct child *child)
{
    if (child->evidence.noticed_ns == 0)
        child->evidence.noticed_ns = clock_now_ns();
}

static void accuse(struct child *child, enum message_fault fault)
{
    if (child->condemned)
        return;
    noticed(child);
    child->evidence.fault = fault;
    child_condemn(child);
}

/* It should have ended by now: it was asked to, or it closed its channel, which no honest renderer does. */
static void grace_over(struct loop_timer *timer)
{
    struct child *child = LOOP_OWNER(timer, struct child, grace);
    if (child->evidence.dismissed)
        child_condemn(child);
    else
        accuse(child, FAULT_HUNG_UP);
}

/* ---- facts ------------------------------------------------------------------------------------------------------------- */

static void take_listener(struct child *child, struct datagram *datagram);

static void take_ready(struct child *child, const Vitrine__Ready *ready)
{
    if (ready->layers >= LAYER_BIT(LAYER_COUNT) || ready->layer_errno.len != LAYER_COUNT ||
        ready->n_rung_ns != RUNG_COUNT) {
        accuse(child, FAULT_VALUE);
        return;
    }
    child->has_ready = true;
    child->layers = ready->layers;
    memcpy(child->layer_errno, ready->layer_errno.data, LAYER_COUNT);
    memcpy(child->rung_ns, ready->rung_ns, sizeof child->rung_ns);
}

/* From what it took to climb to what it takes to work: stdio, channel, crash pipe, what one message carries, some air.
 * Where we may not (root without CAP_SYS_RESOURCE, at level 2) the other limit stays; it has no call that makes
 * descriptors, and gets those that we send. */
static void lower_fd_limit(const struct child *child)
{
    const struct rlimit limit = {.rlim_cur = MAX_FDS, .rlim_max = MAX_FDS};
    if (child->pid > 0)
        (void)prlimit(child->pid, RLIMIT_NOFILE, &limit, NULL);
}

static bool has_ended(const struct child *child)
{
    struct pollfd end = {.fd = child->pidfd, .events = POLLIN};
    return poll(&end, 1, 0) > 0;
}

/* The last step of the way up, when both its Ready and the zygote's Spawned are here, in whatever order they came: its
 * word alone is not enough. */
static void check_ready(struct child *child)
{
    if (!child->has_ready || child->pid == 0 || child->when != WHEN_CLIMBING || child->condemned)
        return;
    const uint32_t claimed = child->layers;
    /* One that says it is not safe is believed, and may be gone from /proc by now: whoever hears of it must refuse it. */
    char why[128];
    if (layers_level(claimed) != 0 && proc_check(child->pid, claimed, &child->layers, why, sizeof why) != 0) {
        child->layers = 0;
        if (has_ended(child))
            return; /* there was nothing to see any more; its end follows, and says why */
        snprintf(child->failure, sizeof child->failure, "its sandbox is not what it said: %s", why);
        child_condemn(child);
        return;
    }
    if (child->listener_fd < 0)
        child->layers &= ~LAYER_BIT(LAYER_NOTIFY);
    lower_fd_limit(child);
    child->when = WHEN_READY;
    child->ready_at_ns = clock_now_ns();
    child->handlers->ready(child);
}

static enum message_fault judge_progress(struct child *child, const Vitrine__Progressed *progressed)
{
    if (progressed->done <= child->n_ticks)
        return FAULT_NO_PROGRESS;
    child->n_ticks = progressed->done;
    const uint64_t now = clock_now_ns();
    if (child->tick_credit_ns < now - TICK_BURST * TICK_NS)
        child->tick_credit_ns = now - TICK_BURST * TICK_NS;
    child->tick_credit_ns += TICK_NS;
    return child->tick_credit_ns > now ? FAULT_FLOOD : FAULT_NONE;
}

/* What the wire scan cannot know: whether the answer is to a question, and within it. Moves child->when. */
static enum message_fault judge_fact(struct child *child, const struct message *fact)
{
    switch (fact->kind) {
    case MESSAGE_OPENED:
        if (fact->opened->serial != child->serial)
            return FAULT_SERIAL;
        if (fact->opened->document_kind == DOCUMENT_UNKNOWN || fact->opened->document_kind >= DOCUMENT_KIND_COUNT ||
            fact->opened->n_pages == 0 || fact->opened->n_pages > MAX_PAGES)
            return FAULT_VALUE;
        child->when = WHEN_IDLE;
        return FAULT_NONE;
    case MESSAGE_REFUSED:
        if (fact->refused->serial != child->serial)
            return FAULT_SERIAL;
        /* Those before UNSUPPORTED, but for the size, are the broker's to say. */
        if (fact->refused->reason != REFUSAL_TOO_LARGE &&
            (fact->refused->reason < REFUSAL_UNSUPPORTED || fact->refused->reason >= REFUSAL_COUNT))
            return FAULT_VALUE;
        child->when = WHEN_REFUSED;
        return FAULT_NONE;
    case MESSAGE_PAINTED:
        if (fact->painted->serial != child->serial)
            return FAULT_SERIAL;
        if (fact->painted->slot != child->slot)
            return FAULT_VALUE;
        child->when = WHEN_IDLE;
        return FAULT_NONE;
    case MESSAGE_PROGRESSED:
        if (fact->progressed->serial != child->serial)
            return FAULT_SERIAL;
        return judge_progress(child, fact->progressed);
    case MESSAGE_LISTENING:
    case MESSAGE_READY:
        return FAULT_NONE;
    case MESSAGE_NONE:
    case MESSAGE_SPAWN:
    case MESSAGE_WARMED:
    case MESSAGE_SPAWNED:
    case MESSAGE_OPEN:
    case MESSAGE_PAINT:
        break;
    }
    return FAULT_DIRECTION;
}

static void take_fact(struct child *child, const struct message *fact, struct datagram *datagram)
{
    const enum message_fault fault = judge_fact(child, fact);
    if (fault != FAULT_NONE) {
        accuse(child, fault);
    } else if (fact->kind == MESSAGE_LISTENING) {
        take_listener(child, datagram);
    } else if (fact->kind == MESSAGE_READY) {
        if (child->has_ready)
            accuse(child, FAULT_STATE);
        else
            take_ready(child, fact->ready);
        check_ready(child);
    } else {
        child->handlers->fact(child, fact);
    }
}

static enum message_fault channel_fault(int result)
{
    switch (result) {
    case CHANNEL_ZERO_LENGTH:
        return FAULT_ZERO_LENGTH;
    case CHANNEL_TRUNCATED:
        return FAULT_TRUNCATED;
    default:
        return FAULT_TOO_MANY_FDS;
    }
}

/* Takes one datagram. True when there may be more. */
static bool receive_one(struct child *child)
{
    struct datagram datagram;
    const int result = channel_receive(&child->channel, inbox.buffer, &datagram);
    if (result == -EAGAIN)
        return false;
    if (result == CHANNEL_EOF || (result < 0 && result != -EMFILE)) {
        /* Only timing: the pidfd follows in microseconds, and tells the truth. */
        noticed(child);
        loop_remove(child->loop, &child->channel_source);
        if (child->pid != 0 && child->grace.at_ns == 0 && !child->condemned)
            loop_arm(child->loop, &child->grace, clock_now_ns() + GRACE_NS, grace_over);
        return false;
    }
    if (result == -EMFILE)
        return true; /* our own lack of descriptors: the fact is lost, its sender is not to blame */
    if (result > 0) {
        accuse(child, channel_fault(result));
        return false;
    }

    struct message fact;
    const enum message_fault fault = message_decode(&datagram, SENDER_RENDERER, child->when, &inbox.arena, &fact);
    if (fault != FAULT_NONE)
        accuse(child, fault);
    else
        take_fact(child, &fact, &datagram);
    datagram_finish(&datagram);
    return !child->condemned;
}

static void channel_ready(struct loop_source *source, uint32_t events)
{
    struct child *child = LOOP_OWNER(source, struct child, channel_source);
    /* Whatever but "later" ends the wait for room; a peer that is gone shows in what follows. */
    if ((events & EPOLLOUT) && channel_flush(&child->channel) != -EAGAIN)
        loop_set_events(child->loop, source, EPOLLIN);
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    for (int i = 0; i < FACTS_A_TURN && child->channel_source.fd >= 0 && receive_one(child); i++)
        ;
}

/* ---- the kernel's notifications ----------------------------------------------------------------------------------------- */

/* A call that the filter does not allow: from the kernel, where the renderer cannot lie. The call is never answered. */
static void take_notification(struct child *child)
{
    struct seccomp_notif notification = {0};
    if (ioctl(child->listener_fd, SECCOMP_IOCTL_NOTIF_RECV, &notification) < 0)
        return; /* ENOENT: it died before it was heard */
    if (child->evidence.violated)
        return;
    noticed(child);
    child->evidence.violated = true;
    child->evidence.call = notification.data.nr;
    child->evidence.call_ip = notification.data.instruction_pointer;
    for (int i = 0; i < 6; i++)
        child->evidence.call_args[i] = notification.data.args[i];
    child_condemn(child);
}

static void listener_ready(struct loop_source *source, uint32_t events)
{
    struct child *child = LOOP_OWNER(source, struct child, listener_source);
    if (events & EPOLLIN)
        take_notification(child);
    else
        loop_remove(child->loop, source);
}

static void take_listener(struct child *child, struct datagram *datagram)
{
    if (child->listener_fd >= 0) {
        accuse(child, FAULT_STATE);
        return;
    }
    if (!proc_is_listener(datagram->fds[0])) {
        accuse(child, FAULT_FD_KIND);
        return;
    }
    child->listener_fd = fd_steal(&datagram->fds[0]);
    if (loop_add(child->loop, &child->listener_source, child->listener_fd, EPOLLIN, listener_ready) != 0)
        child_condemn(child);
}

/* ---- the way in ---------------------------------------------------------------------------------------------------------- */

static void pidfd_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    child_finish(LOOP_OWNER(source, struct child, pidfd_source));
}

static void close_ends(struct child *child)
{
    loop_remove(child->loop, &child->channel_source);
    channel_finish(&child->channel);
    fd_close(&child->crash_fd);
    fd_close(&child->far_channel_fd);
    fd_close(&child->far_crash_fd);
}

int child_renew_ends(struct child *child)
{
    close_ends(child);
    int near_fd, crash_pipe[2];
    int error = channel_pair(&near_fd, &child->far_channel_fd);
    if (error != 0)
        return error;
    channel_init(&child->channel, near_fd, false);
    if (pipe2(crash_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    child->crash_fd = crash_pipe[0];
    child->far_crash_fd = crash_pipe[1];
    child->has_ready = false;
    /* What a clone that was given up has sent is not this one's. */
    loop_remove(child->loop, &child->listener_source);
    fd_close(&child->listener_fd);
    return loop_add(child->loop, &child->channel_source, child->channel.fd, EPOLLIN, channel_ready);
}

int child_create(struct loop *loop, const struct child_handlers *handlers, void *owner, struct child **ret_child)
{
    struct child *child = calloc(1, sizeof *child);
    if (child == NULL)
        return -ENOMEM;
    *child = (struct child){
        .loop = loop,
        .handlers = handlers,
        .owner = owner,
        .far_channel_fd = -1,
        .far_crash_fd = -1,
        .pidfd = -1,
        .crash_fd = -1,
        .listener_fd = -1,
        .channel.fd = -1,
        .when = WHEN_CLIMBING,
        .spawn_at_ns = clock_now_ns(),
    };
    const int error = child_renew_ends(child);
    if (error != 0) {
        close_ends(child);
        free(child);
        return error;
    }
    *ret_child = child;
    return 0;
}

void child_adopt(struct child *child, pid_t pid, int pidfd)
{
    child->pid = pid;
    child->pidfd = pidfd;
    fd_close(&child->far_channel_fd);
    fd_close(&child->far_crash_fd);
    if (loop_add(child->loop, &child->pidfd_source, pidfd, EPOLLIN, pidfd_ready) != 0) {
        /* Its end would never be heard of: better now than never. */
        child_condemn(child);
        waitid(P_PIDFD, (id_t)pidfd, &(siginfo_t){0}, WEXITED | WNOWAIT);
        child_finish(child);
        return;
    }
    if (child->condemned || child->evidence.dismissed)
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    check_ready(child);
}

bool child_is_ready(const struct child *child)
{
    return child->when == WHEN_READY && !child->condemned;
}

void child_order(struct child *child, enum message_kind kind, const ProtobufCMessage *order, const int *fds,
                 size_t n_fds, uint64_t serial, enum message_when then)
{
    child->serial = serial;
    child->when = then;
    child->n_ticks = 0;
    if (message_send(&child->channel, kind, order, fds, n_fds) == 0 && channel_wants_flush(&child->channel))
        loop_set_events(child->loop, &child->channel_source, EPOLLIN | EPOLLOUT);
}

/* ---- the way out --------------------------------------------------------------------------------------------------------- */

static void never_came(struct loop_timer *timer)
{
    child_abandon(LOOP_OWNER(timer, struct child, grace));
}

void child_condemn(struct child *child)
{
    noticed(child);
    child->condemned = true;
    loop_remove(child->loop, &child->channel_source);
    loop_disarm(child->loop, &child->grace);
    if (child->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
    else
        loop_arm(child->loop, &child->grace, clock_now_ns(), never_came);
}

void child_give_up(struct child *child, const char *why)
{
    snprintf(child->failure, sizeof child->failure, "%s", why);
    child_condemn(child);
}

void child_dismiss(struct child *child)
{
    if (child->condemned || child->evidence.dismissed)
        return;
    child->evidence.dismissed = true;
    loop_remove(child->loop, &child->channel_source);
    channel_finish(&child->channel);
    if (child->pid != 0)
        loop_arm(child->loop, &child->grace, clock_now_ns() + GRACE_NS, grace_over);
}

/* One record, whole, that agrees with itself; anything else in the pipe is nothing. */
static void take_crash_record(struct child *child)
{
    struct crash_record record;
    if (read(child->crash_fd, &record, sizeof record) != sizeof record)
        return;
    if (record.magic != CRASH_RECORD_MAGIC || record.signal < 1 || record.signal >= NSIG)
        return;
    child->evidence.has_record = true;
    child->evidence.record = record;
}

static void destroy(struct child *child)
{
    loop_disarm(child->loop, &child->grace);
    loop_remove(child->loop, &child->listener_source);
    loop_remove(child->loop, &child->pidfd_source);
    close_ends(child);
    fd_close(&child->listener_fd);
    fd_close(&child->pidfd);
    free(child);
}

void child_finish(struct child *child)
{
    noticed(child);
    /* All it still had to say comes first, as far as anybody listened. */
    while (child->channel_source.fd >= 0 && !child->condemned && receive_one(child))
        ;
    take_crash_record(child);
    siginfo_t info = {0};
    if (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED | WNOHANG) == 0) {
        child->evidence.wait_code = info.si_code;
        child->evidence.wait_status = info.si_status;
    }
    if (child->reaped != NULL)
        child->reaped(child);
    child->handlers->ended(child, &child->evidence);
    destroy(child);
}

void child_abandon(struct child *child)
{
    noticed(child);
    if (child->reaped != NULL)
        child->reaped(child);
    child->handlers->ended(child, &child->evidence);
    destroy(child);
}
