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

#include "broker/facts.h"
#include "broker/proc.h"
#include "common/clock.h"
#include "common/fd.h"

/* From a renderer's end of file to its zombie: the kernel needs microseconds, a busy machine a little more. */
#define GRACE_NS (100 * NS_PER_MS)
/* Facts taken from one child before the others have their turn. */
#define FACTS_A_TURN 32
/* From a crash record to the moment when the kernel shows the signal that its sender dies of: it is waited for so long,
 * which is about what going to sleep and waking up would take, then looked for so often, at such intervals; after that
 * its pidfd tells, when all its memory is gone. */
#define LOOK_FOR_NS (150 * NS_PER_US)
#define LOOKS       8
#define LOOK_NS     (100 * NS_PER_US)
/* How often a bell may ring for what has been taken already: it was on its way. */
#define BELLS_IN_VAIN 64
/* Descriptors a renderer may have. */
#define MAX_FDS 16

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
static void use_ring(struct child *child);

static void take_ready(struct child *child, const Vitrine__Ready *ready)
{
    if (ready->layers >= LAYER_BIT(LAYER_COUNT) || ready->layer_errno.len != LAYER_COUNT ||
        ready->n_rung_ns != RUNG_COUNT || (ready->offers & ~(uint32_t)OFFER_ALL) != 0) {
        accuse(child, FAULT_VALUE);
        return;
    }
    child->has_ready = true;
    child->layers = ready->layers;
    child->offers = ready->offers;
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

bool child_has_ended(const struct child *child)
{
    struct pollfd end = {.fd = child->pidfd, .events = POLLIN};
    return poll(&end, 1, 0) > 0;
}

/* The last step of the way up, when both its Ready and the zygote's Spawned are here, in whatever order they came: its
 * word alone is not enough. */
static void check_ready(struct child *child)
{
    if (!child->has_ready || child->pid == 0 || child->when != WHEN_CLIMBING || child->condemned ||
        child->evidence.dismissed)
        return;
    const uint32_t claimed = child->layers;
    /* One that says it is not safe is believed, and may be gone from /proc by now: whoever hears of it must refuse it. */
    char why[128];
    if (layers_level(claimed) != 0 && proc_check(child->pid, claimed, &child->layers, why, sizeof why) != 0) {
        child->layers = 0;
        if (child_has_ended(child))
            return; /* there was nothing to see any more; its end follows, and says why */
        snprintf(child->failure, sizeof child->failure, "its sandbox is not what it said: %s", why);
        child_condemn(child);
        return;
    }
    if (child->listener_fd < 0)
        child->layers &= ~LAYER_BIT(LAYER_NOTIFY);
    lower_fd_limit(child);
    if (child->has_own_layout)
        (void)modules_read(child->pid, &child->modules);
    child->when = WHEN_READY;
    child->ready_at_ns = clock_now_ns();
    child->handlers->ready(child);
}

static void take_fact(struct child *child, const struct message *fact, struct datagram *datagram)
{
    const enum message_fault fault = facts_judge(child, fact);
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
        if (fact->kind == MESSAGE_JOINED)
            use_ring(child);
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

/* Once there is a ring, what carries no descriptor comes by it alone. */
static void take_datagram(struct child *child, struct datagram *datagram, bool by_ring)
{
    struct message fact;
    traffic_count(child->traffic.facts, by_ring, datagram->n_bytes);
    const enum message_fault fault =
        message_decode(datagram, SENDER_RENDERER, child->when | child->port.when, &inbox.arena, &fact);
    if (fault != FAULT_NONE)
        accuse(child, fault);
    else if (child->way.by_ring && !by_ring && datagram->n_fds == 0)
        accuse(child, FAULT_STATE);
    else
        take_fact(child, &fact, datagram);
}

/* Descriptors came, and we had no room for them. That is our own lack, and a Listening that is lost so not its sender's
 * fault; but nobody has more than that one to send. True when it goes on. */
static bool excuse_loss(struct child *child)
{
    if (child->when != WHEN_CLIMBING || child->lost_listener || child->listener_fd >= 0) {
        accuse(child, FAULT_FD_COUNT);
        return false;
    }
    child->lost_listener = true;
    return true;
}

/* Takes one datagram. True when there may be more. */
static bool receive_one(struct child *child)
{
    struct datagram datagram;
    const int result = channel_receive(&child->way.channel, inbox.buffer, &datagram);
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
        return excuse_loss(child);
    if (result > 0) {
        accuse(child, channel_fault(result));
        return false;
    }

    take_datagram(child, &datagram, false);
    datagram_finish(&datagram);
    return !child->condemned;
}

/* How many facts it owes: where it is one, looking for another would be a system call in vain. One that says more than it
 * owes is heard in the loop's next turn. */
static uint64_t count_due(const struct child *child)
{
    switch (child->when) {
    case WHEN_PINGING:
        return child->serial - child->answered;
    case WHEN_CLIMBING:
        return 2; /* Listening, Ready */
    default:
        return 1;
    }
}

static void channel_ready(struct loop_source *source, uint32_t events)
{
    struct child *child = LOOP_OWNER(source, struct child, channel_source);
    child->traffic.n_woken++;
    /* Whatever but "later" ends the wait for room; a peer that is gone shows in what follows. */
    if ((events & EPOLLOUT) && channel_flush(&child->way.channel) != -EAGAIN)
        loop_set_events(child->loop, source, EPOLLIN);
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    bool may_be_more = true;
    for (int i = 0; i < FACTS_A_TURN && may_be_more && child->channel_source.fd >= 0; i++) {
        may_be_more = count_due(child) > 1;
        may_be_more = receive_one(child) && may_be_more;
    }
}

/* ---- the ring ------------------------------------------------------------------------------------------------------------ */

static bool has_ring(const struct child *child)
{
    return child->way.by_ring && !child->condemned && !child->is_corpse;
}

/* Takes one datagram from the ring. True when there may be more. */
static bool take_one(struct child *child)
{
    struct datagram datagram;
    const int result = has_ring(child) ? ring_receive(&child->way.ring, inbox.buffer, &datagram) : -EAGAIN;
    if (result == -EPROTO)
        accuse(child, FAULT_RING);
    if (result != 0)
        return false;
    take_datagram(child, &datagram, true);
    return true;
}

static unsigned ring_takes(struct loop_ring *ring)
{
    struct child *child = LOOP_OWNER(ring, struct child, ring);
    unsigned n = 0;
    child->takes = true;
    while (n < FACTS_A_TURN && take_one(child))
        n++;
    child->takes = false;
    child->ring.awaits = child_owes_soon(child);
    child->traffic.n_rung += link_bell(&child->way);
    return n;
}

/* The loop is awake, and looks into the ring by itself. A bell that rings more often than messages come, and some that
 * found us awake already, keeps us from work. */
static void bell_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct child *child = LOOP_OWNER(source, struct child, bell_source);
    link_hear_bell(&child->way);
    child->traffic.n_woken++;
    if (++child->n_bells > child->traffic.facts[true].n + BELLS_IN_VAIN)
        accuse(child, FAULT_FLOOD);
}

bool child_share(struct child *child, uint64_t serial)
{
    int fds[LINK_OFFER_FDS];
    if (!(child->offers & OFFER_RING) || child->way.ring.memory != NULL || link_offer(&child->way, fds) != 0)
        return false;
    Vitrine__Share order = VITRINE__SHARE__INIT;
    order.serial = serial;
    child->resume = child->when;
    child_order(child, MESSAGE_SHARE, &order.base, fds, LINK_OFFER_FDS, serial, WHEN_SHARING);
    fd_close(&fds[LINK_FD_RING]);
    return true;
}

static void use_ring(struct child *child)
{
    child->ring = (struct loop_ring){.ring = &child->way.ring, .take = ring_takes};
    if (loop_add(child->loop, &child->bell_source, child->way.bell_fd, EPOLLIN, bell_ready) != 0) {
        child_give_up(child, "its ring could not be listened to: out of memory or descriptors");
        return;
    }
    link_switch(&child->way);
    loop_add_ring(child->loop, &child->ring);
}

/* ---- the kernel's notifications ----------------------------------------------------------------------------------------- */

/* A call that the filter does not allow: from the kernel, where the renderer cannot lie. The call is never answered. */
static void take_notification(struct child *child)
{
    struct seccomp_notif notification = {0};
    if (ioctl(child->listener_fd, SECCOMP_IOCTL_NOTIF_RECV, &notification) < 0)
        return; /* ENOENT: it died before it was heard */
    if (child->condemned)
        return; /* the first cause is the one to tell */
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

/* At most a stamp and a record, whole, that agree with themselves; anything else in the pipe is nothing. */
static void take_crash_records(struct child *child)
{
    struct evidence *evidence = &child->evidence;
    for (int i = 0; i < 2 && !evidence->has_record; i++) {
        struct crash_record record;
        const ssize_t n = read(child->crash_fd, &record, sizeof record);
        if (n <= 0 || !crash_record_parse(&record, (size_t)n, &record))
            return;
        if (record.signal == 0) {
            evidence->stamp_ns = record.at_ns;
        } else {
            evidence->has_record = true;
            evidence->record = record;
        }
    }
}

/* The kernel notes what a process dies of before it takes its memory apart, which may need a millisecond and more. From then
 * on that process runs no more code, and its end can be told. */
static bool is_dying_of(const struct child *child, int signal)
{
    return child->pid > 0 && proc_exit_signal(child->pid) == signal;
}

static void end_early(struct child *child);

static void look(struct loop_timer *timer)
{
    struct child *child = LOOP_OWNER(timer, struct child, dying);
    if (child->condemned || child->evidence.dismissed)
        return;
    const uint64_t until_ns = clock_now_ns() + (child->n_looks == 0 ? LOOK_FOR_NS : 0);
    bool is_dying;
    do
        is_dying = is_dying_of(child, child->evidence.record.signal);
    while (!is_dying && clock_now_ns() < until_ns);
    if (is_dying)
        end_early(child);
    else if (++child->n_looks < LOOKS)
        loop_arm(child->loop, timer, clock_now_ns() + LOOK_NS, look);
}

static void crash_pipe_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct child *child = LOOP_OWNER(source, struct child, crash_source);
    const bool had_stamp = child->evidence.stamp_ns != 0;
    take_crash_records(child);
    if (child->evidence.has_record) {
        noticed(child);
        loop_remove(child->loop, source);
        look(&child->dying);
    } else if (had_stamp || child->evidence.stamp_ns == 0) {
        loop_remove(child->loop, source); /* end of file, or what nobody here writes */
    }
}

static void pidfd_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    child_finish(LOOP_OWNER(source, struct child, pidfd_source));
}

static void stop_listening(struct child *child)
{
    loop_remove(child->loop, &child->channel_source);
    loop_remove(child->loop, &child->bell_source);
    loop_remove_ring(child->loop, &child->ring);
}

static void close_ends(struct child *child)
{
    stop_listening(child);
    link_finish(&child->way);
    loop_remove(child->loop, &child->crash_source);
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
    link_init(&child->way, near_fd, false);
    if (pipe2(crash_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    child->crash_fd = crash_pipe[0];
    child->far_crash_fd = crash_pipe[1];
    child->has_ready = child->lost_listener = false;
    /* What a clone that was given up has sent is not this one's. */
    loop_remove(child->loop, &child->listener_source);
    fd_close(&child->listener_fd);
    error = loop_add(child->loop, &child->crash_source, child->crash_fd, EPOLLIN, crash_pipe_ready);
    if (error != 0)
        return error;
    return loop_add(child->loop, &child->channel_source, child->way.channel.fd, EPOLLIN, channel_ready);
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
        .way = {.channel.fd = -1, .bell_fd = -1, .far_bell_fd = -1},
        .when = WHEN_CLIMBING,
        .port = {.when = WHEN_APART},
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
        child_signal(child, SIGKILL);
    else if (child->handlers->cloned != NULL)
        child->handlers->cloned(child);
    check_ready(child);
}

bool child_is_ready(const struct child *child)
{
    return child->when == WHEN_READY && !child->condemned;
}

void child_signal(const struct child *child, int signal)
{
    if (child->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, child->pidfd, signal, NULL, 0);
}

/* ---- the way out --------------------------------------------------------------------------------------------------------- */

static void never_came(struct loop_timer *timer)
{
    child_abandon(LOOP_OWNER(timer, struct child, grace));
}

/* What the broker itself saw decides, whatever the end then looks like. */
static void note_settled(struct evidence *evidence)
{
    if (evidence->judged_ns == 0 &&
        (evidence->violated || evidence->fault != FAULT_NONE || evidence->hung || evidence->out_of_memory))
        evidence->judged_ns = clock_now_ns();
}

void child_condemn(struct child *child)
{
    noticed(child);
    note_settled(&child->evidence);
    child->condemned = true;
    stop_listening(child);
    loop_disarm(child->loop, &child->grace);
    if (child->pidfd >= 0)
        child_signal(child, SIGKILL);
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
    if (child->condemned || child->evidence.dismissed || child->is_corpse)
        return;
    child->evidence.dismissed = true;
    stop_listening(child);
    link_finish(&child->way);
    if (child->pid != 0)
        loop_arm(child->loop, &child->grace, clock_now_ns() + GRACE_NS, grace_over);
}

static void destroy(struct child *child)
{
    loop_disarm(child->loop, &child->grace);
    loop_disarm(child->loop, &child->dying);
    loop_remove(child->loop, &child->listener_source);
    loop_remove(child->loop, &child->pidfd_source);
    close_ends(child);
    fd_close(&child->listener_fd);
    fd_close(&child->pidfd);
    modules_destroy(child->modules);
    free(child);
}

/* All it still had to say comes first, as far as anybody listened. */
static void hear_out(struct child *child)
{
    while (take_one(child) || (child->channel_source.fd >= 0 && !child->condemned && receive_one(child)))
        ;
}

static void judge(struct child *child)
{
    struct evidence *evidence = &child->evidence;
    note_settled(evidence);
    if (evidence->judged_ns == 0)
        evidence->judged_ns = clock_now_ns();
    if (child->judged != NULL)
        child->judged(child);
}

static void end_early(struct child *child)
{
    hear_out(child);
    if (child->condemned)
        return; /* for what it said last */
    child->evidence.wait_code = CLD_KILLED;
    child->evidence.wait_status = child->evidence.record.signal;
    child->is_corpse = true;
    loop_disarm(child->loop, &child->grace);
    loop_remove(child->loop, &child->listener_source);
    close_ends(child);
    judge(child);
    child->handlers->ended(child, &child->evidence);
}

void child_finish(struct child *child)
{
    siginfo_t info = {0};
    if (!child->is_corpse) {
        noticed(child);
        hear_out(child);
        take_crash_records(child);
    }
    const bool reaped = waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED | WNOHANG) == 0;
    if (!child->is_corpse) {
        if (reaped) {
            child->evidence.wait_code = info.si_code;
            child->evidence.wait_status = info.si_status;
        }
        judge(child);
    }
    if (child->reaped != NULL)
        child->reaped(child);
    if (!child->is_corpse)
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
