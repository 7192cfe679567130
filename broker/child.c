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
#include "common/inject.h"

/* From a renderer's end of file to its zombie: the kernel needs microseconds, a busy machine a little more. */
#define GRACE_NS (100 * NS_PER_MS)
/* Facts taken from one child before the others have their turn. */
#define FACTS_A_TURN 32
/* Progress: one tick in 50 ms in the long run, and a burst of so many. */
#define TICK_NS    (50 * NS_PER_MS)
#define TICK_BURST 20
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

/* What was ordered is done. */
static void answered(struct child *child)
{
    if (child->ordered_ns != 0)
        histogram_add(&child->traffic.answer_ns, clock_now_ns() - child->ordered_ns);
    child->ordered_ns = 0;
}

/* Answers come in the order of their questions. */
static enum message_fault judge_pong(struct child *child, const Vitrine__Ponged *ponged)
{
    if (ponged->serial != child->answered + 1)
        return FAULT_SERIAL;
    if (ponged->payload.len != child->ping_bytes)
        return FAULT_VALUE;
    child->answered++;
    if (child->answered % TRAFFIC_PINGS == 0)
        answered(child);
    if (child->answered == child->serial)
        child->when = child->resume;
    return FAULT_NONE;
}

/* It is the renderer's own clock that is told, and its own word. What nothing can have taken is a lie all the same. */
static bool is_possible(const struct child_port *port, const Vitrine__Exchanged *exchanged)
{
    return exchanged->n == port->n && exchanged->lost <= exchanged->n &&
           exchanged->total_ns <= clock_now_ns() - port->ordered_ns && exchanged->p50_ns <= exchanged->p90_ns &&
           exchanged->p90_ns <= exchanged->p99_ns && exchanged->p99_ns <= exchanged->p999_ns &&
           exchanged->p999_ns <= exchanged->max_ns && exchanged->mean_ns <= exchanged->max_ns &&
           exchanged->max_ns <= exchanged->total_ns;
}

static enum message_fault judge_exchanged(struct child_port *port, const Vitrine__Exchanged *exchanged)
{
    if (port->exchange == 0 || exchanged->serial != port->exchange)
        return FAULT_SERIAL;
    if (!is_possible(port, exchanged))
        return FAULT_VALUE;
    port->exchange = 0;
    if (port->when == WHEN_EXCHANGING)
        port->when = WHEN_CONNECTED;
    return FAULT_NONE;
}

/* What the other side did is hearsay; that there is a port to complain of is not. */
static enum message_fault judge_port_closed(struct child_port *port, const Vitrine__PortClosed *closed)
{
    if (closed->serial != port->id)
        return FAULT_SERIAL;
    if (port->is_closed)
        return FAULT_STATE;
    if (closed->reason == FAULT_NONE || closed->reason > FAULT_RING)
        return FAULT_VALUE;
    port->is_closed = true;
    return FAULT_NONE;
}

static enum message_fault judge_disconnected(struct child_port *port, const Vitrine__Disconnected *disconnected)
{
    if (disconnected->serial != port->serial)
        return FAULT_SERIAL;
    if (port->exchange != 0)
        return FAULT_STATE; /* that is answered first */
    *port = (struct child_port){.when = WHEN_APART};
    return FAULT_NONE;
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
        answered(child);
        return FAULT_NONE;
    case MESSAGE_REFUSED:
        if (fact->refused->serial != child->serial)
            return FAULT_SERIAL;
        /* Those before UNSUPPORTED, but for the size, are the broker's to say. */
        if (fact->refused->reason != REFUSAL_TOO_LARGE &&
            (fact->refused->reason < REFUSAL_UNSUPPORTED || fact->refused->reason >= REFUSAL_COUNT))
            return FAULT_VALUE;
        child->when = WHEN_REFUSED;
        answered(child);
        return FAULT_NONE;
    case MESSAGE_PAINTED:
        if (fact->painted->serial != child->serial)
            return FAULT_SERIAL;
        if (fact->painted->slot != child->slot)
            return FAULT_VALUE;
        child->when = WHEN_IDLE;
        answered(child);
        return FAULT_NONE;
    case MESSAGE_PROGRESSED:
        if (fact->progressed->serial != child->serial)
            return FAULT_SERIAL;
        return judge_progress(child, fact->progressed);
    case MESSAGE_INJECTED:
        if (fact->injected->serial != child->serial)
            return FAULT_SERIAL;
        child->when = child->resume;
        return FAULT_NONE;
    case MESSAGE_JOINED:
        if (fact->joined->serial != child->serial)
            return FAULT_SERIAL;
        child->when = child->resume;
        return FAULT_NONE;
    case MESSAGE_PONGED:
        return judge_pong(child, fact->ponged);
    case MESSAGE_CONNECTED:
        if (fact->connected->serial != child->port.serial)
            return FAULT_SERIAL;
        child->port.when = WHEN_CONNECTED;
        return FAULT_NONE;
    case MESSAGE_EXCHANGED:
        return judge_exchanged(&child->port, fact->exchanged);
    case MESSAGE_DISCONNECTED:
        return judge_disconnected(&child->port, fact->disconnected);
    case MESSAGE_PORT_CLOSED:
        return judge_port_closed(&child->port, fact->port_closed);
    case MESSAGE_LISTENING:
    case MESSAGE_READY:
        return FAULT_NONE;
    case MESSAGE_NONE:
    case MESSAGE_SPAWN:
    case MESSAGE_WARMED:
    case MESSAGE_SPAWNED:
    case MESSAGE_OPEN:
    case MESSAGE_PAINT:
    case MESSAGE_INJECT:
    case MESSAGE_SHARE:
    case MESSAGE_PING:
    case MESSAGE_CONNECT:
    case MESSAGE_EXCHANGE:
    case MESSAGE_DISCONNECT:
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

/* What is drawn may take long, but the loop soon learns whether it does. */
static void note_awaited(struct child *child)
{
    child->ring.awaits = (child->when & (WHEN_PAINTING | WHEN_PINGING)) != 0;
}

static unsigned ring_takes(struct loop_ring *ring)
{
    struct child *child = LOOP_OWNER(ring, struct child, ring);
    unsigned n = 0;
    child->takes = true;
    while (n < FACTS_A_TURN && take_one(child))
        n++;
    child->takes = false;
    note_awaited(child);
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

static int post(struct child *child, enum message_kind kind, const ProtobufCMessage *order, const int *fds,
                size_t n_fds)
{
    const int result = link_send(&child->way, kind, order, fds, n_fds);
    if (result > 0)
        traffic_count(child->traffic.orders, child->way.by_ring && n_fds == 0, (size_t)result);
    if (channel_wants_flush(&child->way.channel))
        loop_set_events(child->loop, &child->channel_source, EPOLLIN | EPOLLOUT);
    if (!child->takes)
        child->traffic.n_rung += link_bell(&child->way);
    return result < 0 ? result : 0;
}

void child_order(struct child *child, enum message_kind kind, const ProtobufCMessage *order, const int *fds,
                 size_t n_fds, uint64_t serial, enum message_when then)
{
    child->serial = serial;
    child->when = then;
    child->n_ticks = 0;
    child->ordered_ns = clock_now_ns();
    note_awaited(child);
    (void)post(child, kind, order, fds, n_fds);
}

/* One in TRAFFIC_PINGS is timed, and one at a time. */
static void time_ping(struct child *child, uint64_t serial)
{
    const bool one_is_out = child->when == WHEN_PINGING && child->timed > child->answered;
    if (one_is_out || serial % TRAFFIC_PINGS != 0)
        return;
    child->timed = serial;
    child->ordered_ns = clock_now_ns();
}

int child_ping(struct child *child, uint64_t serial, const uint8_t *payload, size_t n_bytes)
{
    Vitrine__Ping order = VITRINE__PING__INIT;
    order.serial = serial;
    order.payload.data = (uint8_t *)payload;
    order.payload.len = n_bytes;
    if (serial != 0)
        time_ping(child, serial);
    const int result = post(child, MESSAGE_PING, &order.base, NULL, 0);
    if (result != 0 || serial == 0)
        return result;
    if (child->when != WHEN_PINGING) {
        child->resume = child->when;
        child->when = WHEN_PINGING;
        child->answered = serial - 1;
        child->ping_bytes = n_bytes;
    }
    child->serial = serial;
    note_awaited(child);
    return 0;
}

void child_connect(struct child *child, uint64_t id, enum ring_side side, uint64_t credit,
                   const int fds[LINK_OFFER_FDS])
{
    Vitrine__Connect order = VITRINE__CONNECT__INIT;
    order.serial = id;
    order.side = side;
    order.credit = credit;
    child->port = (struct child_port){.when = WHEN_CONNECTING, .id = id, .serial = id};
    (void)post(child, MESSAGE_CONNECT, &order.base, fds, LINK_OFFER_FDS);
}

void child_exchange(struct child *child, uint64_t serial, const struct child_exchange *exchange)
{
    Vitrine__Exchange order = VITRINE__EXCHANGE__INIT;
    order.serial = serial;
    order.n = exchange->n;
    order.payload_bytes = exchange->payload_bytes;
    order.window = exchange->window;
    order.limit_ms = exchange->limit_ms;
    child->port.when = WHEN_EXCHANGING;
    child->port.serial = child->port.exchange = serial;
    child->port.n = exchange->n;
    child->port.ordered_ns = clock_now_ns();
    (void)post(child, MESSAGE_EXCHANGE, &order.base, NULL, 0);
}

void child_disconnect(struct child *child, uint64_t serial)
{
    Vitrine__Disconnect order = VITRINE__DISCONNECT__INIT;
    order.serial = serial;
    child->port.when = WHEN_DISCONNECTING;
    child->port.serial = serial;
    (void)post(child, MESSAGE_DISCONNECT, &order.base, NULL, 0);
}

void child_inject(struct child *child, uint32_t fault, uint32_t moment, uint64_t serial)
{
    Vitrine__Inject order = VITRINE__INJECT__INIT;
    order.serial = serial;
    order.fault = fault;
    order.moment = moment;
    child->evidence.injected_ns = clock_now_ns();
    child->resume = child->when;
    child_order(child, MESSAGE_INJECT, &order.base, NULL, 0, serial,
                moment == INJECT_NOW ? WHEN_INJECTING : child->when);
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
