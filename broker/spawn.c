#include "broker/spawn.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/launch.h"
#include "broker/proc.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/message.h"

/* A zygote that dies before it has cloned anything, so often in a row, is not going to. */
#define MAX_ZYGOTE_FAILURES 3
/* A zygote must be warm by then, on whatever machine, and answer a Spawn within that, or it is killed and replaced. */
#define WARM_UP_NS (30 * NS_PER_S)
#define ANSWER_NS  (5 * NS_PER_S)
/* How long children may take to leave at the end before they are killed, and how long that may take: what the kernel
 * does not let go of by then stays behind. */
#define CLOSE_NS (800 * NS_PER_MS)
#define KILL_NS  (800 * NS_PER_MS)

struct zygote {
    struct spawner *spawner;
    TAILQ_ENTRY(zygote) link;
    pid_t pid, init_pid; /* 0: none, or reaped */
    int pidfd, init_pidfd;
    struct channel channel;
    struct loop_source channel_source, pidfd_source, init_source;
    struct loop_timer patience; /* until it is warm, until it answers */
    int level;
    bool retired;
    enum message_when when;
    unsigned n_children; /* asked for or alive */
    uint32_t rung_ns[ZYGOTE_RUNG_COUNT];
};

TAILQ_HEAD(zygotes, zygote);
TAILQ_HEAD(children, child);

struct spawner {
    struct loop *loop;
    struct spawner_options options;
    const struct spawner_handlers *handlers;
    void *owner;

    struct launcher launcher;
    int level;       /* the next zygote's */
    bool level_held; /* a zygote was warm at this level */
    uint8_t namespace_errno[LAYER_COUNT];
    unsigned n_failures; /* of zygotes, in a row */
    char lost[160];      /* why, before the first was warm */
    bool broken, closing, closed;
    bool alone; /* the broker had no children before: all there are are ours */

    struct zygotes zygotes; /* zygote.link; the one at work is `current` */
    struct zygote *current;
    struct children children; /* child.link */
    struct loop_timer close_timer;
    uint64_t serial;
};

static const struct child_handlers spare_handlers;

static int start_zygote(struct spawner *spawner);
static void send_spawn(struct spawner *spawner, struct child *child);

static void break_down(struct spawner *spawner, const char *why)
{
    if (spawner->broken || spawner->closing)
        return;
    spawner->broken = true;
    spawner->handlers->broken(spawner->owner, why);
}

/* ---- a zygote's life ------------------------------------------------------------------------------------------------------- */

/* Children that no zygote lived to tell of, or told of too late: renderers that have lost their channels, an init. When
 * all others are gone every child is one. False when there is none. */
static bool kill_strangers(void)
{
    if (waitid(P_ALL, 0, &(siginfo_t){0}, WEXITED | WNOHANG | WNOWAIT) != 0)
        return false;
    FILE *children = fopen("/proc/thread-self/children", "re");
    for (int pid; children != NULL && fscanf(children, "%d", &pid) == 1;)
        kill(pid, SIGKILL); /* not reaped yet, so the number is still its own */
    if (children != NULL)
        fclose(children);
    return true;
}

static void check_closed(struct spawner *spawner)
{
    if (!spawner->closing || spawner->closed || !TAILQ_EMPTY(&spawner->zygotes) || !TAILQ_EMPTY(&spawner->children) ||
        (spawner->alone && kill_strangers()))
        return;
    spawner->closed = true;
    loop_disarm(spawner->loop, &spawner->close_timer);
    spawner->handlers->closed(spawner->owner);
}

/* When neither the zygote, nor its init, nor a renderer of it is left. */
static void forget_zygote_when_over(struct zygote *zygote)
{
    struct spawner *spawner = zygote->spawner;
    if (zygote->pid != 0 || zygote->n_children > 0)
        return;
    /* An init ends with its last renderer. */
    if (zygote->init_pid != 0) {
        syscall(SYS_pidfd_send_signal, zygote->init_pidfd, SIGKILL, NULL, 0);
        return; /* comes back when it is reaped */
    }
    TAILQ_REMOVE(&spawner->zygotes, zygote, link);
    free(zygote);
    check_closed(spawner);
}

static void hang_up(struct zygote *zygote)
{
    loop_remove(zygote->spawner->loop, &zygote->channel_source);
    channel_finish(&zygote->channel);
    loop_disarm(zygote->spawner->loop, &zygote->patience);
}

static bool owes_answers(const struct zygote *zygote)
{
    const struct child *child;
    TAILQ_FOREACH(child, &zygote->spawner->children, link)
    {
        if (child->zygote == zygote && child->pid == 0)
            return true;
    }
    return false;
}

static void patience_is_over(struct loop_timer *timer)
{
    struct zygote *zygote = LOOP_OWNER(timer, struct zygote, patience);
    syscall(SYS_pidfd_send_signal, zygote->pidfd, SIGKILL, NULL, 0);
}

/* Starts to wait anew for what the zygote owes now. */
static void be_patient(struct zygote *zygote)
{
    struct loop *loop = zygote->spawner->loop;
    if (zygote->when == WHEN_WARMING)
        return; /* that timer runs */
    if (owes_answers(zygote))
        loop_arm(loop, &zygote->patience, clock_now_ns() + ANSWER_NS, patience_is_over);
    else
        loop_disarm(loop, &zygote->patience);
}

/* It clones no more. Its renderers live on; those it has not answered for yet are asked of the next. */
static void retire(struct zygote *zygote)
{
    struct spawner *spawner = zygote->spawner;
    if (zygote->retired)
        return;
    zygote->retired = true;
    hang_up(zygote);
    if (spawner->current == zygote)
        spawner->current = NULL;

    struct child *child;
    TAILQ_FOREACH(child, &spawner->children, link)
    {
        if (child->zygote == zygote && child->pid == 0) {
            child->zygote = NULL;
            zygote->n_children--;
        }
    }
}

/* Asks the zygote at work for all that were asked of none, or of one that is no more. */
static void ask_again(struct spawner *spawner)
{
    struct child *child;
    TAILQ_FOREACH(child, &spawner->children, link)
    {
        if (child->zygote != NULL || child->pid != 0 || child->condemned)
            continue;
        if (child_renew_ends(child) == 0)
            send_spawn(spawner, child);
        else
            child_give_up(child, "no descriptors are left for its renderer");
    }
}

static void replace_zygote(struct spawner *spawner)
{
    if (spawner->closing || spawner->broken || spawner->current != NULL)
        return;
    if (start_zygote(spawner) == 0)
        ask_again(spawner);
}

static void all_namespaces_failed(uint8_t layer_errno[LAYER_COUNT], int error)
{
    memset(layer_errno, 0, LAYER_COUNT);
    for (int layer = 0; layer < LAYER_COUNT; layer++) {
        if (LAYERS_NAMESPACES & LAYER_BIT(layer))
            layer_errno[layer] = (uint8_t)-error;
    }
}

static void fall_to_level_2(struct spawner *spawner, const uint8_t *layer_errno)
{
    memcpy(spawner->namespace_errno, layer_errno, LAYER_COUNT);
    spawner->level = 2;
    if (spawner->options.require_level >= 3)
        break_down(spawner, "--require-level 3: this host allows level 2 only; --sandbox-status says why");
}

/* A zygote is not coming up, or has gone for good. */
static void zygote_failed(struct zygote *zygote, const char *why)
{
    struct spawner *spawner = zygote->spawner;
    const bool was_current = spawner->current == zygote;
    const bool at_work = zygote->when == WHEN_WARMING || owes_answers(zygote);
    retire(zygote);
    if (!was_current || spawner->closing)
        return;
    if (at_work && ++spawner->n_failures >= MAX_ZYGOTE_FAILURES) {
        char line[256];
        snprintf(line, sizeof line, "renderers cannot be started: %s; try ./broker --sandbox-status", why);
        break_down(spawner, line);
        return;
    }
    /* Before the first was ever warm nobody knows yet whether there will be one: see tell_what_was_lost. */
    if (spawner->level_held)
        log_warning("zygote lost (%s); starting another", why);
    else
        snprintf(spawner->lost, sizeof spawner->lost, "%s", why);
    replace_zygote(spawner);
}

/* On the way to the first warm zygote. Had there been none, one line would have said why. */
static void tell_what_was_lost(const struct spawner *spawner)
{
    if (spawner->level < 3)
        log_warning("level 3 is not to be had here, going on at level 2; --sandbox-status says why");
    if (spawner->lost[0] != '\0')
        log_warning("zygote lost (%s); another took its place", spawner->lost);
}

static int take_init(struct zygote *zygote, struct datagram *datagram);

static void take_warmed(struct zygote *zygote, const Vitrine__Warmed *warmed, struct datagram *datagram)
{
    struct spawner *spawner = zygote->spawner;
    if (warmed->layer_errno.len != LAYER_COUNT || warmed->n_rung_ns != ZYGOTE_RUNG_COUNT) {
        zygote_failed(zygote, "it is of another version than this broker; build both anew");
        return;
    }
    memcpy(zygote->rung_ns, warmed->rung_ns, sizeof zygote->rung_ns);
    if (datagram->n_fds == 1 && take_init(zygote, datagram) != 0) {
        zygote_failed(zygote, "its init is not a process of ours");
        return;
    }
    zygote->when = WHEN_WARM;
    be_patient(zygote);

    /* A cold zygote leaves its root alone; each of its renderers empties its own. */
    const bool cold = spawner->options.mode == SPAWN_EXEC;
    const uint32_t needed = LAYERS_NAMESPACES & ~(cold ? LAYER_BIT(LAYER_EMPTY_ROOT) : 0);
    if (zygote->level >= 3 && (warmed->layers & needed) != needed) {
        uint8_t why[LAYER_COUNT];
        memcpy(why, warmed->layer_errno.data, LAYER_COUNT);
        retire(zygote);
        fall_to_level_2(spawner, why);
        replace_zygote(spawner);
        return;
    }
    if (!spawner->level_held)
        tell_what_was_lost(spawner);
    spawner->level_held = true;
}

static struct child *find_by_serial(struct spawner *spawner, uint64_t serial)
{
    struct child *child;
    TAILQ_FOREACH(child, &spawner->children, link)
    {
        if (child->spawn_serial == serial)
            return child;
    }
    return NULL;
}

static void take_spawned(struct zygote *zygote, const Vitrine__Spawned *spawned, struct datagram *datagram)
{
    struct spawner *spawner = zygote->spawner;
    struct child *child = find_by_serial(spawner, spawned->serial);
    if (child == NULL && spawned->serial != 0 && spawned->serial <= spawner->serial)
        return; /* given up meanwhile: the clone has lost its channel and leaves */
    if (child == NULL || child->zygote != zygote || child->pid != 0) {
        zygote_failed(zygote, "it answered what was not asked");
        return;
    }
    if (datagram->n_fds != 1) {
        char why[128];
        snprintf(why, sizeof why, "its renderer could not be cloned: %s", strerror((int)spawned->error));
        if (spawned->error == EAGAIN)
            child_give_up(child, why); /* too many processes just now: this tab's bad luck */
        else
            zygote_failed(zygote, why);
        return;
    }
    const pid_t pid = proc_pid_of(datagram->fds[0]);
    if (pid < 0) {
        zygote_failed(zygote, "it sent something else than a pidfd");
        return;
    }
    if (pid == 0) {
        /* Gone already, and its pid with it; the pidfd still tells how. */
        log_debug("a renderer ended before it was told of");
    }
    spawner->n_failures = 0;
    child_adopt(child, pid != 0 ? pid : -1, fd_steal(&datagram->fds[0]));
    be_patient(zygote);
    spawner_reap(spawner);
}

static void zygote_message(struct zygote *zygote, struct datagram *datagram)
{
    static struct arena arena;
    struct message fact;
    const enum message_fault fault = message_decode(datagram, SENDER_ZYGOTE, zygote->when, &arena, &fact);
    if (fault != FAULT_NONE) {
        zygote_failed(zygote, message_fault_name(fault));
        return;
    }
    if (fact.kind == MESSAGE_WARMED)
        take_warmed(zygote, fact.warmed, datagram);
    else
        take_spawned(zygote, fact.spawned, datagram);
}

static void zygote_channel_ready(struct loop_source *source, uint32_t events)
{
    static uint8_t buffer[CHANNEL_MAX_BYTES];
    struct zygote *zygote = LOOP_OWNER(source, struct zygote, channel_source);
    if ((events & EPOLLOUT) && channel_flush(&zygote->channel) != -EAGAIN)
        loop_set_events(zygote->spawner->loop, source, EPOLLIN);

    while (zygote->channel_source.fd >= 0) {
        struct datagram datagram;
        const int result = channel_receive(&zygote->channel, buffer, &datagram);
        if (result == -EAGAIN)
            return;
        if (result == -EMFILE) {
            zygote_failed(zygote, "its answer was lost: no descriptors are left");
            return;
        }
        if (result != 0) {
            /* End of file: its pidfd tells. */
            loop_remove(zygote->spawner->loop, source);
            return;
        }
        zygote_message(zygote, &datagram);
        datagram_finish(&datagram);
    }
}

/* It was cloned, but could not take the ids that were mapped for it. */
static bool is_without_ids(const siginfo_t *info)
{
    return info->si_code == CLD_EXITED && info->si_status == LAUNCH_EXIT_IDS;
}

static void describe_end(const siginfo_t *info, char *out, size_t n_out)
{
    char name[32];
    if (is_without_ids(info))
        snprintf(out, n_out, "root could not become nobody, uid 65534: run the broker as an ordinary user");
    else if (info->si_code == CLD_EXITED)
        snprintf(out, n_out, "it left with exit status %d", info->si_status);
    else
        snprintf(out, n_out, "it was ended by %s", signal_name(info->si_status, name, sizeof name));
}

static void zygote_ended(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct zygote *zygote = LOOP_OWNER(source, struct zygote, pidfd_source);
    /* What it said last comes first: Spawned for renderers that exist, or why it is no use. */
    if (zygote->channel_source.fd >= 0)
        zygote_channel_ready(&zygote->channel_source, EPOLLIN);
    siginfo_t info = {0};
    waitid(P_PIDFD, (id_t)zygote->pidfd, &info, WEXITED | WNOHANG);
    loop_remove(zygote->spawner->loop, source);
    fd_close(&zygote->pidfd);

    char why[96];
    describe_end(&info, why, sizeof why);
    struct spawner *spawner = zygote->spawner;
    if (is_without_ids(&info) && zygote->level >= 3 && spawner->current == zygote && !spawner->closing) {
        uint8_t layer_errno[LAYER_COUNT];
        all_namespaces_failed(layer_errno, -EPERM);
        retire(zygote);
        fall_to_level_2(spawner, layer_errno);
        replace_zygote(spawner);
    } else {
        zygote_failed(zygote, why); /* nothing, when it was retired before */
    }
    zygote->pid = 0; /* not before: failing may close everything, and free whoever is over */
    forget_zygote_when_over(zygote);
    spawner_reap(spawner);
}

/* With init go its renderers: the kernel's rule. They tell of themselves. */
static void init_ended(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct zygote *zygote = LOOP_OWNER(source, struct zygote, init_source);
    waitid(P_PIDFD, (id_t)zygote->init_pidfd, &(siginfo_t){0}, WEXITED | WNOHANG);
    loop_remove(zygote->spawner->loop, source);
    fd_close(&zygote->init_pidfd);
    struct spawner *spawner = zygote->spawner;
    zygote_failed(zygote, "its init was killed");
    zygote->init_pid = 0; /* not before, as above */
    forget_zygote_when_over(zygote);
    spawner_reap(spawner);
}

static int take_init(struct zygote *zygote, struct datagram *datagram)
{
    const pid_t pid = proc_pid_of(datagram->fds[0]);
    if (pid <= 0)
        return -ECHILD;
    zygote->init_pid = pid;
    zygote->init_pidfd = fd_steal(&datagram->fds[0]);
    return loop_add(zygote->spawner->loop, &zygote->init_source, zygote->init_pidfd, EPOLLIN, init_ended);
}

static int start_zygote_at(struct spawner *spawner, int level)
{
    struct zygote *zygote = calloc(1, sizeof *zygote);
    if (zygote == NULL)
        return -ENOMEM;
    *zygote = (struct zygote){
        .spawner = spawner, .level = level, .pidfd = -1, .init_pidfd = -1, .channel.fd = -1, .when = WHEN_WARMING};

    int near_fd;
    CLOSE_FD int far_fd = -1;
    int error = channel_pair(&near_fd, &far_fd);
    if (error != 0)
        goto fail;
    channel_init(&zygote->channel, near_fd, false);
    const pid_t pid = launcher_launch(&spawner->launcher, level, far_fd, &zygote->pidfd);
    if (pid < 0) {
        error = (int)pid;
        goto fail;
    }
    zygote->pid = pid;
    error = loop_add(spawner->loop, &zygote->channel_source, zygote->channel.fd, EPOLLIN, zygote_channel_ready);
    if (error == 0)
        error = loop_add(spawner->loop, &zygote->pidfd_source, zygote->pidfd, EPOLLIN, zygote_ended);
    if (error != 0)
        goto fail;
    loop_arm(spawner->loop, &zygote->patience, clock_now_ns() + WARM_UP_NS, patience_is_over);
    TAILQ_INSERT_TAIL(&spawner->zygotes, zygote, link);
    spawner->current = zygote;
    return 0;

fail:
    loop_remove(spawner->loop, &zygote->channel_source);
    channel_finish(&zygote->channel);
    fd_close(&zygote->pidfd);
    free(zygote);
    return error;
}

/* The host's word on namespaces; anything else is our own want, or bad luck, and no reason to fall. */
static bool is_refusal(int error)
{
    return error == -EPERM || error == -EACCES || error == -ENOSPC || error == -EUSERS || error == -EINVAL ||
           error == -ENOSYS;
}

static int start_zygote(struct spawner *spawner)
{
    int error = 0;
    for (int tries = 0; tries < MAX_ZYGOTE_FAILURES && !spawner->broken; tries++) {
        error = start_zygote_at(spawner, spawner->level);
        if (error == 0)
            return 0;
        if (spawner->level >= 3 && is_refusal(error)) {
            uint8_t layer_errno[LAYER_COUNT];
            all_namespaces_failed(layer_errno, error);
            fall_to_level_2(spawner, layer_errno);
        }
    }
    char line[200];
    snprintf(line, sizeof line, "a renderer process cannot be made: %s", strerror(-error));
    break_down(spawner, line);
    return error;
}

/* ---- renderers -------------------------------------------------------------------------------------------------------------- */

static void send_spawn(struct spawner *spawner, struct child *child)
{
    struct zygote *zygote = spawner->current;
    Vitrine__Spawn order = VITRINE__SPAWN__INIT;
    child->spawn_serial = order.serial = ++spawner->serial;
    order.memory_bytes = spawner->options.memory_bytes;
    order.mapped_bytes = child->mapped_bytes;
    const int fds[] = {child->far_channel_fd, child->far_crash_fd};
    child->zygote = zygote;
    zygote->n_children++;
    const int error = message_send(&zygote->channel, MESSAGE_SPAWN, &order.base, fds, 2);
    if (error != 0 && error != -EPIPE) { /* a zygote that is gone is noticed, and the next is asked */
        char why[128];
        snprintf(why, sizeof why, "its renderer could not be ordered: %s", strerror(-error));
        child_give_up(child, why);
        return;
    }
    if (channel_wants_flush(&zygote->channel))
        loop_set_events(spawner->loop, &zygote->channel_source, EPOLLIN | EPOLLOUT);
    be_patient(zygote);
}

/* A death that may have taught somebody the zygote's address layout: any but one that we asked for, or that came from
 * outside. */
static bool is_suspicious(const struct evidence *evidence)
{
    const enum verdict verdict = crash_judge(evidence);
    return verdict != VERDICT_NONE && verdict != VERDICT_KILLED;
}

static void child_reaped(struct child *child)
{
    struct zygote *zygote = child->zygote;
    if (zygote == NULL)
        return;
    zygote->n_children--;
    struct spawner *spawner = zygote->spawner;
    /* An exec'd renderer had a layout of its own. */
    if (spawner->options.mode == SPAWN_ZYGOTE && spawner->current == zygote && child->has_ready &&
        is_suspicious(&child->evidence)) {
        retire(zygote);
        replace_zygote(spawner);
    }
    forget_zygote_when_over(zygote);
}

static void remove_child(struct child *child)
{
    struct spawner *spawner = child->spawner;
    TAILQ_REMOVE(&spawner->children, child, link);
    child_reaped(child);
    spawner_reap(spawner);
}

static struct child *make_child(struct spawner *spawner, size_t mapped_bytes, const struct child_handlers *handlers,
                                void *owner)
{
    struct child *child;
    if (spawner->broken || spawner->closing || child_create(spawner->loop, handlers, owner, &child) != 0)
        return NULL;
    child->spawner = spawner;
    child->mapped_bytes = mapped_bytes;
    child->reaped = remove_child;
    TAILQ_INSERT_TAIL(&spawner->children, child, link);
    if (spawner->current != NULL)
        send_spawn(spawner, child);
    return child;
}

static bool is_spare(const struct child *child)
{
    return child->handlers == &spare_handlers && !child->condemned && !child->evidence.dismissed;
}

static void spare_ready(struct child *child)
{
    (void)child;
}

static void spare_fact(struct child *child, const struct message *fact)
{
    (void)fact; /* none is legal before Open */
    child_condemn(child);
}

static void spare_ended(struct child *child, const struct evidence *evidence)
{
    (void)child;
    (void)evidence;
}

static const struct child_handlers spare_handlers = {.ready = spare_ready, .fact = spare_fact, .ended = spare_ended};

struct child *spawner_spawn(struct spawner *spawner, size_t mapped_bytes, const struct child_handlers *handlers,
                            void *owner)
{
    struct child *child;
    TAILQ_FOREACH(child, &spawner->children, link)
    {
        if (is_spare(child) && child_is_ready(child) && child->mapped_bytes >= mapped_bytes) {
            child->handlers = handlers;
            child->owner = owner;
            return child;
        }
    }
    return make_child(spawner, mapped_bytes, handlers, owner);
}

void spawner_fill_spares(struct spawner *spawner)
{
    unsigned n = 0;
    const struct child *child;
    TAILQ_FOREACH(child, &spawner->children, link)
    n += is_spare(child);
    while (n++ < spawner->options.n_spares) {
        if (make_child(spawner, spawner->options.max_mapped_bytes, &spare_handlers, NULL) == NULL)
            return;
    }
}

/* ---- the whole ---------------------------------------------------------------------------------------------------------------- */

/* Every child there will be is ours: there is none yet, and orphans of others do not come to us. */
static bool is_alone(void)
{
    int subreaper = 0;
    prctl(PR_GET_CHILD_SUBREAPER, &subreaper, 0, 0, 0);
    return waitid(P_ALL, 0, &(siginfo_t){0}, WEXITED | WNOHANG | WNOWAIT) != 0 && !subreaper && getpid() != 1;
}

int spawner_create(struct loop *loop, const struct spawner_options *options, const struct spawner_handlers *handlers,
                   void *owner, struct spawner **ret_spawner, char *ret_error, size_t n_error)
{
    struct spawner *spawner = calloc(1, sizeof *spawner);
    if (spawner == NULL)
        return -ENOMEM;
    *spawner = (struct spawner){
        .loop = loop, .options = *options, .handlers = handlers, .owner = owner, .alone = is_alone(), .level = 3};
    TAILQ_INIT(&spawner->zygotes);
    TAILQ_INIT(&spawner->children);
    const int error = launcher_init(&spawner->launcher, options->mode == SPAWN_EXEC, ret_error, n_error);
    if (error != 0) {
        free(spawner);
        return error;
    }
    *ret_spawner = spawner;
    (void)start_zygote(spawner); /* a failure is told to handlers->broken */
    return 0;
}

int spawner_level(const struct spawner *spawner)
{
    return spawner->level_held ? spawner->level : 0;
}

void spawner_explain(const struct spawner *spawner, uint8_t layer_errno[LAYER_COUNT])
{
    for (int layer = 0; layer < LAYER_COUNT; layer++) {
        if (layer_errno[layer] == 0)
            layer_errno[layer] = spawner->namespace_errno[layer];
    }
}

bool spawner_zygote_rungs(const struct spawner *spawner, uint32_t ret_rung_ns[ZYGOTE_RUNG_COUNT])
{
    if (spawner->current == NULL || spawner->current->when != WHEN_WARM)
        return false;
    memcpy(ret_rung_ns, spawner->current->rung_ns, sizeof spawner->current->rung_ns);
    return true;
}

/* Returns the process's share. */
static uint64_t measure(pid_t pid, struct spawner_memory *memory)
{
    if (pid <= 0)
        return 0;
    const uint64_t pss_kb = proc_pss_kb(pid);
    memory->pss_kb += pss_kb;
    memory->peak_rss_kb += proc_peak_rss_kb(pid);
    return pss_kb;
}

void spawner_measure(struct spawner *spawner, struct spawner_memory *ret_memory)
{
    *ret_memory = (struct spawner_memory){0};
    const struct zygote *zygote;
    TAILQ_FOREACH(zygote, &spawner->zygotes, link)
    {
        measure(zygote->pid, ret_memory);
        measure(zygote->init_pid, ret_memory);
    }
    struct child *child;
    TAILQ_FOREACH(child, &spawner->children, link)
    child->pss_kb = measure(child->pid, ret_memory);
}

void spawner_kill(struct spawner *spawner)
{
    struct child *child;
    TAILQ_FOREACH(child, &spawner->children, link)
    {
        if (child->pidfd >= 0)
            syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
    }
    struct zygote *zygote;
    TAILQ_FOREACH(zygote, &spawner->zygotes, link)
    {
        if (zygote->pidfd >= 0)
            syscall(SYS_pidfd_send_signal, zygote->pidfd, SIGKILL, NULL, 0);
        if (zygote->init_pidfd >= 0)
            syscall(SYS_pidfd_send_signal, zygote->init_pidfd, SIGKILL, NULL, 0);
    }
}

static void kill_is_over(struct loop_timer *timer)
{
    struct spawner *spawner = LOOP_OWNER(timer, struct spawner, close_timer);
    log_warning("some renderers cannot be ended, even by SIGKILL; leaving them behind");
    spawner->closed = true;
    spawner->handlers->closed(spawner->owner);
}

static void close_is_over(struct loop_timer *timer)
{
    struct spawner *spawner = LOOP_OWNER(timer, struct spawner, close_timer);
    spawner_kill(spawner);
    loop_arm(spawner->loop, timer, clock_now_ns() + KILL_NS, kill_is_over);
}

void spawner_close(struct spawner *spawner)
{
    if (spawner->closing)
        return;
    spawner->closing = true;
    struct zygote *zygote, *next_zygote;
    for (zygote = TAILQ_FIRST(&spawner->zygotes); zygote != NULL; zygote = next_zygote) {
        next_zygote = TAILQ_NEXT(zygote, link);
        retire(zygote);
        forget_zygote_when_over(zygote);
    }
    struct child *child, *next;
    for (child = TAILQ_FIRST(&spawner->children); child != NULL; child = next) {
        next = TAILQ_NEXT(child, link);
        child_dismiss(child);
        if (child->pidfd < 0)
            child_abandon(child); /* its clone, if it ever happened, has lost its channel and leaves */
    }
    loop_arm(spawner->loop, &spawner->close_timer, clock_now_ns() + CLOSE_NS, close_is_over);
    check_closed(spawner);
}

void spawner_destroy(struct spawner *spawner)
{
    if (spawner == NULL)
        return;
    loop_disarm(spawner->loop, &spawner->close_timer);
    launcher_finish(&spawner->launcher);
    free(spawner);
}

static bool is_known(const struct spawner *spawner, pid_t pid)
{
    const struct zygote *zygote;
    TAILQ_FOREACH(zygote, &spawner->zygotes, link)
    {
        if (zygote->pid == pid || zygote->init_pid == pid)
            return true;
    }
    const struct child *child;
    TAILQ_FOREACH(child, &spawner->children, link)
    {
        if (child->pid == pid)
            return true;
    }
    return false;
}

/* Somebody was asked to clone a child, and has not said whether he did. */
static bool is_awaited(const struct spawner *spawner)
{
    const struct child *child;
    TAILQ_FOREACH(child, &spawner->children, link)
    {
        if (child->pid == 0 && child->zygote != NULL)
            return true;
    }
    return false;
}

/* Those we know have a pidfd in the loop, and are reaped there with all their evidence; those that a zygote is about to
 * tell of will have. Left over is who was cloned by a zygote that died before it could tell. waitid shows one zombie at a
 * time, so a known one would hide the others behind it: it is reaped from the loop, and whoever does that comes here
 * again. */
void spawner_reap(struct spawner *spawner)
{
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
            break;
        if (is_known(spawner, info.si_pid) || is_awaited(spawner))
            return;
        waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
    }
    check_closed(spawner);
}
