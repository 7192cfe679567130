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
#include "broker/zygote.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/message.h"

/* A zygote that dies before it has cloned anything, so often in a row, is not going to. */
#define MAX_ZYGOTE_FAILURES 3
/* How long children may take to leave at the end before they are killed, and how long that may take: what the kernel
 * does not let go of by then stays behind. */
#define CLOSE_NS (800 * NS_PER_MS)
#define KILL_NS  (800 * NS_PER_MS)
/* A broker that lacks descriptors or memory for the zygote that it needs tries again so often, at such intervals. */
#define MAX_WANTS 50
#define WANT_NS   (100 * NS_PER_MS)
/* A standby is started this long after the one before it went to work: what that was needed for comes first. */
#define STANDBY_NS (25 * NS_PER_MS)

TAILQ_HEAD(zygotes, zygote);
TAILQ_HEAD(children, child);

struct spawner {
    struct loop *loop;
    struct spawner_options options;
    const struct spawner_handlers *handlers;
    void *owner;

    struct launcher launcher;
    struct zygote_setup zygote_setup;
    int level;       /* the next zygote's */
    bool level_held; /* a zygote was warm at this level */
    uint8_t namespace_errno[LAYER_COUNT];
    unsigned n_failures; /* of zygotes, in a row */
    char lost[160];      /* why, before the first was warm */
    bool broken, closing, closed;
    bool alone; /* the broker had no children before: all there are are ours */

    struct zygotes zygotes; /* zygote.link */
    struct zygote *current; /* at work */
    struct zygote *standby;
    bool keeps_standby, keeps_spares;
    struct loop_timer standby_timer;
    struct loop_timer want_timer; /* what a zygote takes was lacking: until it is tried again */
    unsigned n_wants;
    uint64_t n_oom_kills;     /* the kernel's count, when last looked at */
    struct children children; /* child.link */
    struct loop_timer close_timer;
    uint64_t serial;
};

static void break_down(struct spawner *spawner, const char *why)
{
    if (spawner->broken || spawner->closing)
        return;
    spawner->broken = true;
    spawner->handlers->broken(spawner->owner, why);
}

static void tell_lost(const struct spawner *spawner, const char *what, pid_t pid, const char *why)
{
    if (spawner->handlers->lost != NULL)
        spawner->handlers->lost(spawner->owner, what, pid, why);
}

/* ---- the end of everything ------------------------------------------------------------------------------------------------- */

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

/* ---- asking zygotes for renderers ------------------------------------------------------------------------------------------ */

/* The zygote (NULL: any) was asked for a renderer, and has not said whether it cloned it. */
static bool owes_answers(const struct spawner *spawner, const struct zygote *zygote)
{
    const struct child *child;
    TAILQ_FOREACH(child, &spawner->children, link)
    {
        if (child->pid == 0 && child->zygote != NULL &&
            (zygote == NULL || (child->zygote == zygote && !child->condemned)))
            return true;
    }
    return false;
}

static void send_spawn(struct spawner *spawner, struct child *child)
{
    Vitrine__Spawn order = VITRINE__SPAWN__INIT;
    child->spawn_serial = order.serial = ++spawner->serial;
    order.memory_bytes = spawner->options.memory_bytes;
    order.mapped_bytes = child->mapped_bytes;
    child->zygote = spawner->current;
    const int error = zygote_order(child->zygote, &order, child->far_channel_fd, child->far_crash_fd);
    if (error != 0) {
        char why[128];
        snprintf(why, sizeof why, "its renderer could not be ordered: %s", strerror(-error));
        child_give_up(child, why);
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

/* It clones no more. Its renderers live on; those it has not answered for yet are asked of the next. */
static void retire(struct spawner *spawner, struct zygote *zygote)
{
    zygote_retire(zygote);
    if (spawner->current == zygote)
        spawner->current = NULL;
    if (spawner->standby == zygote)
        spawner->standby = NULL;

    struct child *child;
    TAILQ_FOREACH(child, &spawner->children, link)
    {
        if (child->zygote == zygote && child->pid == 0) {
            child->zygote = NULL;
            zygote_release_child(zygote);
        }
    }
}

/* ---- the zygote at work, and its standby ------------------------------------------------------------------------------------- */

static int start_zygote(struct spawner *spawner, struct zygote **ret_zygote)
{
    const int error = zygote_create(&spawner->zygote_setup, spawner->level, ret_zygote);
    if (error == 0)
        TAILQ_INSERT_TAIL(&spawner->zygotes, *ret_zygote, link);
    return error;
}

static void standby_is_due(struct loop_timer *timer)
{
    struct spawner *spawner = LOOP_OWNER(timer, struct spawner, standby_timer);
    if (spawner->closing || spawner->broken || spawner->standby != NULL)
        return;
    if (start_zygote(spawner, &spawner->standby) != 0)
        spawner->keeps_standby = false; /* it would have been a luxury */
}

static void plan_standby(struct spawner *spawner)
{
    const bool is_wanted = spawner->keeps_standby && spawner->standby == NULL && spawner->level_held &&
                           !spawner->closing && spawner->options.mode == SPAWN_ZYGOTE;
    if (is_wanted && spawner->standby_timer.at_ns == 0)
        loop_arm(spawner->loop, &spawner->standby_timer, clock_now_ns() + STANDBY_NS, standby_is_due);
}

void spawner_keep_standby(struct spawner *spawner)
{
    spawner->keeps_standby = true;
    plan_standby(spawner);
}

static void fall_to_level_2(struct spawner *spawner, const uint8_t *layer_errno)
{
    memcpy(spawner->namespace_errno, layer_errno, LAYER_COUNT);
    spawner->level = 2;
    if (spawner->options.require_level >= 3)
        break_down(spawner, "--require-level 3: this host allows level 2 only; --sandbox-status says why");
}

/* The host's word on namespaces; anything else is our own want, or bad luck, and no reason to fall. */
static bool is_refusal(int error)
{
    return error == -EPERM || error == -EACCES || error == -ENOSPC || error == -EUSERS || error == -EINVAL ||
           error == -ENOSYS;
}

/* Our own want, that may pass. */
static bool is_want(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EAGAIN;
}

static void replace_zygote(struct spawner *spawner);

static void want_is_over(struct loop_timer *timer)
{
    replace_zygote(LOOP_OWNER(timer, struct spawner, want_timer));
}

static int start_current(struct spawner *spawner)
{
    int error = 0;
    for (int tries = 0; tries < MAX_ZYGOTE_FAILURES && !spawner->broken; tries++) {
        error = start_zygote(spawner, &spawner->current);
        if (error == 0)
            return 0;
        if (spawner->level >= 3 && is_refusal(error)) {
            uint8_t layer_errno[LAYER_COUNT];
            zygote_blame_namespaces(error, layer_errno);
            fall_to_level_2(spawner, layer_errno);
        }
    }
    /* Renderers that live go on meanwhile. */
    if (spawner->level_held && is_want(error) && !spawner->broken && spawner->n_wants++ < MAX_WANTS) {
        loop_arm(spawner->loop, &spawner->want_timer, clock_now_ns() + WANT_NS, want_is_over);
        return error;
    }
    char line[200];
    snprintf(line, sizeof line, "a renderer process cannot be made: %s", strerror(-error));
    break_down(spawner, line);
    return error;
}

static void replace_zygote(struct spawner *spawner)
{
    if (spawner->closing || spawner->broken || spawner->current != NULL)
        return;
    const bool has_standby = spawner->standby != NULL;
    spawner->current = spawner->standby;
    spawner->standby = NULL;
    if (has_standby || start_current(spawner) == 0)
        ask_again(spawner);
    plan_standby(spawner);
}

/* ---- what zygotes tell ------------------------------------------------------------------------------------------------------- */

/* A zygote is not coming up, or has gone for good. */
static void zygote_failed(void *owner, struct zygote *zygote, const char *why)
{
    struct spawner *spawner = owner;
    const bool was_current = spawner->current == zygote;
    const bool was_standby = spawner->standby == zygote;
    const bool at_work = zygote->when == WHEN_WARMING || owes_answers(spawner, zygote);
    retire(spawner, zygote);
    if (was_standby)
        spawner->keeps_standby = false; /* one that cannot come up, or is not left alone, would be started for ever */
    if (!was_current || spawner->closing)
        return;
    if (at_work && ++spawner->n_failures >= MAX_ZYGOTE_FAILURES) {
        char line[256];
        snprintf(line, sizeof line, "renderers cannot be started: %s; try ./broker --sandbox-status", why);
        break_down(spawner, line);
        return;
    }
    /* Before the first was ever warm nobody knows yet whether there will be one: see tell_what_was_lost. */
    if (spawner->level_held) {
        log_warning("zygote lost (%s); another takes its place", why);
        if (!zygote->init_is_lost) /* of its init it was told already */
            tell_lost(spawner, "zygote", zygote->pid, why);
    } else {
        snprintf(spawner->lost, sizeof spawner->lost, "%s", why);
    }
    replace_zygote(spawner);
}

static void zygote_refused(void *owner, struct zygote *zygote, const uint8_t layer_errno[LAYER_COUNT])
{
    struct spawner *spawner = owner;
    if (spawner->current != zygote || spawner->closing) {
        zygote_failed(spawner, zygote, "the host has no namespaces left");
        return;
    }
    retire(spawner, zygote);
    fall_to_level_2(spawner, layer_errno);
    replace_zygote(spawner);
}

static void init_killed(void *owner, struct zygote *zygote)
{
    struct spawner *spawner = owner;
    if (!spawner->closing) {
        if (spawner->current != zygote && !zygote->init_is_dying)
            log_warning("the init of an older zygote was killed, and its renderers with it");
        tell_lost(spawner, "init", zygote->init_pid, "it was killed, and its renderers with it");
    }
    zygote_failed(spawner, zygote, "its init was killed");
}

/* On the way to the first warm zygote. Had there been none, one line would have said why. */
static void tell_what_was_lost(const struct spawner *spawner)
{
    if (spawner->level < 3 && spawner->options.highest_level != 2)
        log_warning("level 3 is not to be had here, going on at level 2; --sandbox-status says why");
    if (spawner->lost[0] != '\0')
        log_warning("zygote lost (%s); another took its place", spawner->lost);
}

static void zygote_warm(void *owner, struct zygote *zygote)
{
    struct spawner *spawner = owner;
    zygote_be_patient(zygote, owes_answers(spawner, zygote));
    if (!spawner->level_held)
        tell_what_was_lost(spawner);
    spawner->level_held = true;
    plan_standby(spawner);
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

static void zygote_spawned(void *owner, struct zygote *zygote, uint64_t serial, int taken_pidfd, uint32_t error)
{
    struct spawner *spawner = owner;
    CLOSE_FD int pidfd = taken_pidfd;
    struct child *child = find_by_serial(spawner, serial);
    if (child == NULL && serial != 0 && serial <= spawner->serial) {
        /* Given up meanwhile: the clone has lost its channel and leaves, but one that lied already might not. */
        if (pidfd >= 0)
            syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        zygote_be_patient(zygote, owes_answers(spawner, zygote));
        return;
    }
    if (child == NULL || child->zygote != zygote || child->pid != 0) {
        zygote_failed(spawner, zygote, "it answered what was not asked");
        return;
    }
    if (pidfd < 0) {
        char why[128];
        snprintf(why, sizeof why, "its renderer could not be cloned: %s", strerror((int)error));
        if (error == EAGAIN) {
            child_give_up(child, why); /* too many processes just now: this tab's bad luck */
            zygote_be_patient(zygote, owes_answers(spawner, zygote));
        } else {
            zygote_failed(spawner, zygote, why);
        }
        return;
    }
    const pid_t pid = proc_pid_of(pidfd);
    if (pid < 0) {
        zygote_failed(spawner, zygote, "it sent something else than a pidfd");
        return;
    }
    if (pid == 0) {
        /* Gone already, and its pid with it; the pidfd still tells how. */
        log_debug("a renderer ended before it was told of");
    }
    spawner->n_failures = spawner->n_wants = 0;
    child_adopt(child, pid != 0 ? pid : -1, fd_steal(&pidfd));
    zygote_be_patient(zygote, owes_answers(spawner, zygote));
    spawner_reap(spawner);
}

static void zygote_reaped(void *owner)
{
    spawner_reap(owner);
}

static void zygote_over(void *owner, struct zygote *zygote)
{
    struct spawner *spawner = owner;
    TAILQ_REMOVE(&spawner->zygotes, zygote, link);
    check_closed(spawner);
}

static const struct zygote_handlers zygote_handlers = {
    .warm = zygote_warm,
    .refused = zygote_refused,
    .spawned = zygote_spawned,
    .failed = zygote_failed,
    .init_killed = init_killed,
    .reaped = zygote_reaped,
    .over = zygote_over,
};

/* ---- renderers -------------------------------------------------------------------------------------------------------------- */

/* A death that may have taught somebody the zygote's address layout: any but one that we asked for, or that came from
 * outside. */
static bool is_suspicious(const struct evidence *evidence)
{
    const enum verdict verdict = crash_judge(evidence);
    return verdict != VERDICT_NONE && verdict != VERDICT_KILLED;
}

/* The first of its renderers has ended with it. Nothing can be cloned into a pid namespace that ends. */
static void lose_init(struct spawner *spawner, struct zygote *zygote)
{
    zygote->init_is_dying = true;
    if (!spawner->closing)
        log_warning("%s", spawner->current == zygote
                              ? "zygote lost (its init was killed); another takes its place"
                              : "the init of an older zygote was killed, and its renderers with it");
    retire(spawner, zygote);
    replace_zygote(spawner);
}

/* Whose SIGKILL it was that nobody here sent: the end of its pid namespace, which the kernel completes only when all in it
 * are reaped; the kernel's want of memory; or a person's. */
static void note_killer(struct child *child)
{
    struct spawner *spawner = child->spawner;
    struct zygote *zygote = child->zygote;
    if (crash_judge(&child->evidence) != VERDICT_KILLED)
        return;
    child->evidence.init_died =
        zygote != NULL && !zygote->init_is_lost && zygote->init_pid > 0 && proc_is_exiting(zygote->init_pid);
    if (child->evidence.init_died && !zygote->init_is_dying)
        lose_init(spawner, zygote);
    const uint64_t n_oom_kills = proc_oom_kills();
    child->evidence.oom_killed =
        n_oom_kills > spawner->n_oom_kills && !child->evidence.init_died && proc_oom_killed_lately("vitrine-tab");
    spawner->n_oom_kills = n_oom_kills;
}

static const struct child_handlers spare_handlers;

static bool is_spare(const struct child *child)
{
    return child->handlers == &spare_handlers && !child->condemned && !child->evidence.dismissed && !child->is_corpse;
}

/* They have the layout that somebody may have learned. */
static void dismiss_spares_of(const struct spawner *spawner, const struct zygote *zygote)
{
    struct child *child;
    TAILQ_FOREACH(child, &spawner->children, link)
    {
        if (child->zygote == zygote && is_spare(child))
            child_dismiss(child);
    }
}

/* Its end is known. */
static void child_judged(struct child *child)
{
    struct zygote *zygote = child->zygote;
    struct spawner *spawner = child->spawner;
    note_killer(child);
    if (zygote == NULL)
        return;
    if (is_suspicious(&child->evidence))
        zygote_note_modules(zygote);
    if (zygote->modules != NULL)
        child->modules = modules_share(zygote->modules);
    /* An exec'd renderer had a layout of its own. */
    if (spawner->options.mode == SPAWN_ZYGOTE && spawner->current == zygote && child->has_ready &&
        is_suspicious(&child->evidence)) {
        retire(spawner, zygote);
        dismiss_spares_of(spawner, zygote);
        replace_zygote(spawner);
    }
}

/* Nothing is left of it. */
static void child_reaped(struct child *child)
{
    struct spawner *spawner = child->spawner;
    struct zygote *zygote = child->zygote;
    TAILQ_REMOVE(&spawner->children, child, link);
    if (zygote != NULL)
        zygote_release_child(zygote);
    /* Whoever follows may have taken a spare, or spares went with their zygote. One that dies by itself is not replaced
     * at once: it might do so for ever. */
    if (spawner->keeps_spares && !spawner->closing && (child->handlers != &spare_handlers || child->evidence.dismissed))
        spawner_fill_spares(spawner);
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
    child->has_own_layout = spawner->options.wants_modules && spawner->options.mode == SPAWN_EXEC;
    child->judged = child_judged;
    child->reaped = child_reaped;
    TAILQ_INSERT_TAIL(&spawner->children, child, link);
    if (spawner->current != NULL)
        send_spawn(spawner, child);
    return child;
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
        if (is_spare(child) && child_is_ready(child) && child->mapped_bytes >= mapped_bytes &&
            !child_has_ended(child)) {
            child->handlers = handlers;
            child->owner = owner;
            return child;
        }
    }
    return make_child(spawner, mapped_bytes, handlers, owner);
}

void spawner_fill_spares(struct spawner *spawner)
{
    spawner->keeps_spares = true;
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
    *spawner = (struct spawner){.loop = loop,
                                .options = *options,
                                .handlers = handlers,
                                .owner = owner,
                                .alone = is_alone(),
                                .level = options->highest_level != 0 ? options->highest_level : 3,
                                .n_oom_kills = proc_oom_kills()};
    spawner->zygote_setup =
        (struct zygote_setup){.loop = loop,
                              .launcher = &spawner->launcher,
                              .wants_modules = options->wants_modules && options->mode == SPAWN_ZYGOTE,
                              .handlers = &zygote_handlers,
                              .owner = spawner};
    TAILQ_INIT(&spawner->zygotes);
    TAILQ_INIT(&spawner->children);
    const int error = launcher_init(&spawner->launcher, options->program != NULL ? options->program : "renderer",
                                    options->mode == SPAWN_EXEC, ret_error, n_error);
    spawner->launcher.codec = options->codec;
    if (error != 0) {
        free(spawner);
        return error;
    }
    *ret_spawner = spawner;
    (void)start_current(spawner); /* a failure is told to handlers->broken */
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

bool spawner_is_tidy(const struct spawner *spawner)
{
    const struct zygote *zygote;
    TAILQ_FOREACH(zygote, &spawner->zygotes, link)
    {
        if (zygote != spawner->current && zygote != spawner->standby)
            return false;
    }
    const struct child *child;
    TAILQ_FOREACH(child, &spawner->children, link)
    {
        if (child->condemned || child->evidence.dismissed || child->is_corpse)
            return false;
    }
    const bool owes_standby = spawner->keeps_standby && spawner->options.mode == SPAWN_ZYGOTE;
    return spawner->current != NULL && spawner->current->when == WHEN_WARM &&
           (!owes_standby || (spawner->standby != NULL && spawner->standby->when == WHEN_WARM));
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
    const struct child *child;
    TAILQ_FOREACH(child, &spawner->children, link)
    child_signal(child, SIGKILL);
    const struct zygote *zygote;
    TAILQ_FOREACH(zygote, &spawner->zygotes, link)
    zygote_kill(zygote);
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
    struct zygote *zygote;
    TAILQ_FOREACH(zygote, &spawner->zygotes, link)
    retire(spawner, zygote);
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
    loop_disarm(spawner->loop, &spawner->standby_timer);
    loop_disarm(spawner->loop, &spawner->want_timer);
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
        if (is_known(spawner, info.si_pid) || owes_answers(spawner, NULL))
            return;
        waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
    }
    check_closed(spawner);
}
