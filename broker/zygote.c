#include "broker/zygote.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/crash.h"
#include "broker/proc.h"
#include "common/clock.h"
#include "common/fd.h"

/* A zygote must be warm by then, on whatever machine, and answer a Spawn within that, or it is killed and replaced. */
#define WARM_UP_NS (30 * NS_PER_S)
#define ANSWER_NS  (5 * NS_PER_S)

void zygote_blame_namespaces(int error, uint8_t ret_layer_errno[LAYER_COUNT])
{
    memset(ret_layer_errno, 0, LAYER_COUNT);
    for (int layer = 0; layer < LAYER_COUNT; layer++) {
        if (LAYERS_NAMESPACES & LAYER_BIT(layer))
            ret_layer_errno[layer] = (uint8_t)-error;
    }
}

/* ---- patience ---------------------------------------------------------------------------------------------------------------- */

static void patience_is_over(struct loop_timer *timer)
{
    struct zygote *zygote = LOOP_OWNER(timer, struct zygote, patience);
    syscall(SYS_pidfd_send_signal, zygote->pidfd, SIGKILL, NULL, 0);
}

void zygote_be_patient(struct zygote *zygote, bool owes_answer)
{
    struct loop *loop = zygote->setup->loop;
    if (zygote->when == WHEN_WARMING)
        return; /* that timer runs */
    if (owes_answer)
        loop_arm(loop, &zygote->patience, clock_now_ns() + ANSWER_NS, patience_is_over);
    else
        loop_disarm(loop, &zygote->patience);
}

/* ---- the way out ------------------------------------------------------------------------------------------------------------- */

static void hang_up(struct zygote *zygote)
{
    loop_remove(zygote->setup->loop, &zygote->channel_source);
    channel_finish(&zygote->channel);
    loop_disarm(zygote->setup->loop, &zygote->patience);
}

void zygote_note_modules(struct zygote *zygote)
{
    if (zygote->setup->wants_modules && zygote->modules == NULL && zygote->pid != 0)
        (void)modules_read(zygote->pid, &zygote->modules);
}

void zygote_retire(struct zygote *zygote)
{
    if (zygote->retired)
        return;
    zygote->retired = true;
    if (zygote->n_children > 0)
        zygote_note_modules(zygote);
    hang_up(zygote);
}

void zygote_kill(const struct zygote *zygote)
{
    if (zygote->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, zygote->pidfd, SIGKILL, NULL, 0);
    if (zygote->init_pidfd >= 0)
        syscall(SYS_pidfd_send_signal, zygote->init_pidfd, SIGKILL, NULL, 0);
}

/* When neither the zygote, nor its init, nor a renderer of it is left. */
static void forget_when_over(struct zygote *zygote)
{
    if (zygote->pid != 0 || zygote->n_children > 0)
        return;
    /* An init ends with its last renderer. */
    if (zygote->init_pid != 0) {
        zygote->init_is_lost = !zygote->init_is_dying;
        syscall(SYS_pidfd_send_signal, zygote->init_pidfd, SIGKILL, NULL, 0);
        return; /* comes back when it is reaped */
    }
    zygote->setup->handlers->over(zygote->setup->owner, zygote);
    modules_destroy(zygote->modules);
    free(zygote);
}

void zygote_release_child(struct zygote *zygote)
{
    zygote->n_children--;
    forget_when_over(zygote);
}

static void fail(struct zygote *zygote, const char *why)
{
    zygote_retire(zygote);
    zygote->setup->handlers->failed(zygote->setup->owner, zygote, why);
}

static void refuse(struct zygote *zygote, const uint8_t layer_errno[LAYER_COUNT])
{
    zygote_retire(zygote);
    zygote->setup->handlers->refused(zygote->setup->owner, zygote, layer_errno);
}

static bool is_exit(const siginfo_t *info, int status)
{
    return info->si_code == CLD_EXITED && info->si_status == status;
}

/* It was cloned, but could not take the ids that were meant for it. */
static bool is_without_ids(const siginfo_t *info)
{
    return is_exit(info, LAUNCH_EXIT_IDS);
}

static void describe_end(const siginfo_t *info, char *out, size_t n_out)
{
    char name[32];
    if (is_without_ids(info))
        snprintf(out, n_out, "root could not become nobody, uid 65534: run the broker as an ordinary user");
    else if (is_exit(info, LAUNCH_EXIT_EXEC))
        snprintf(out, n_out, "its program cannot be executed: an outer filter forbids execveat, or a mount is noexec");
    else if (is_exit(info, LAUNCH_EXIT_PRCTL))
        snprintf(out, n_out, "it cannot be shielded, nor tied to the broker's life: an outer filter forbids prctl");
    else if (info->si_code == CLD_EXITED)
        snprintf(out, n_out, "it left with exit status %d", info->si_status);
    else
        snprintf(out, n_out, "it was ended by %s", signal_name(info->si_status, name, sizeof name));
}

static void channel_ready(struct loop_source *source, uint32_t events);

static void zygote_ended(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct zygote *zygote = LOOP_OWNER(source, struct zygote, pidfd_source);
    const struct zygote_setup *setup = zygote->setup;
    /* What it said last comes first: Spawned for renderers that exist, or why it is no use. */
    if (zygote->channel_source.fd >= 0)
        channel_ready(&zygote->channel_source, EPOLLIN);
    siginfo_t info = {0};
    waitid(P_PIDFD, (id_t)zygote->pidfd, &info, WEXITED | WNOHANG);
    loop_remove(setup->loop, source);
    fd_close(&zygote->pidfd);

    if (is_without_ids(&info) && zygote->level >= 3) {
        uint8_t layer_errno[LAYER_COUNT];
        zygote_blame_namespaces(-EPERM, layer_errno);
        refuse(zygote, layer_errno);
    } else {
        char why[96];
        describe_end(&info, why, sizeof why);
        fail(zygote, why);
    }
    zygote->pid = 0; /* not before: failing may close everything, and free whoever is over */
    forget_when_over(zygote);
    setup->handlers->reaped(setup->owner);
}

static void init_ended(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct zygote *zygote = LOOP_OWNER(source, struct zygote, init_source);
    const struct zygote_setup *setup = zygote->setup;
    waitid(P_PIDFD, (id_t)zygote->init_pidfd, &(siginfo_t){0}, WEXITED | WNOHANG);
    loop_remove(setup->loop, source);
    fd_close(&zygote->init_pidfd);
    if (!zygote->init_is_lost) {
        zygote->init_is_lost = true;
        zygote_retire(zygote);
        setup->handlers->init_killed(setup->owner, zygote);
    }
    zygote->init_pid = 0; /* not before, as above */
    forget_when_over(zygote);
    setup->handlers->reaped(setup->owner);
}

/* ---- messages ---------------------------------------------------------------------------------------------------------------- */

static int take_init(struct zygote *zygote, struct datagram *datagram)
{
    const pid_t pid = proc_pid_of(datagram->fds[0]);
    if (pid <= 0)
        return -ECHILD;
    zygote->init_pid = pid;
    zygote->init_pidfd = fd_steal(&datagram->fds[0]);
    return loop_add(zygote->setup->loop, &zygote->init_source, zygote->init_pidfd, EPOLLIN, init_ended);
}

static void take_warmed(struct zygote *zygote, const Vitrine__Warmed *warmed, struct datagram *datagram)
{
    if (warmed->layer_errno.len != LAYER_COUNT || warmed->n_rung_ns != ZYGOTE_RUNG_COUNT) {
        fail(zygote, "it is of another version than this broker; build both anew");
        return;
    }
    memcpy(zygote->rung_ns, warmed->rung_ns, sizeof zygote->rung_ns);
    if (datagram->n_fds == 1 && take_init(zygote, datagram) != 0) {
        fail(zygote, "its init is not a process of ours");
        return;
    }
    zygote->when = WHEN_WARM;

    if (zygote->level >= 3 && (warmed->layers & LAYERS_NAMESPACES) != LAYERS_NAMESPACES)
        refuse(zygote, warmed->layer_errno.data);
    else
        zygote->setup->handlers->warm(zygote->setup->owner, zygote);
}

static void take_spawned(struct zygote *zygote, const Vitrine__Spawned *spawned, struct datagram *datagram)
{
    const int pidfd = datagram->n_fds == 1 ? fd_steal(&datagram->fds[0]) : -1;
    zygote->setup->handlers->spawned(zygote->setup->owner, zygote, spawned->serial, pidfd, spawned->error);
}

static void take_message(struct zygote *zygote, struct datagram *datagram)
{
    static struct arena arena;
    struct message fact;
    const enum message_fault fault = message_decode(datagram, SENDER_ZYGOTE, zygote->when, &arena, &fact);
    if (fault != FAULT_NONE) {
        fail(zygote, message_fault_name(fault));
        return;
    }
    if (fact.kind == MESSAGE_WARMED)
        take_warmed(zygote, fact.warmed, datagram);
    else
        take_spawned(zygote, fact.spawned, datagram);
}

static void channel_ready(struct loop_source *source, uint32_t events)
{
    static uint8_t buffer[CHANNEL_MAX_BYTES];
    struct zygote *zygote = LOOP_OWNER(source, struct zygote, channel_source);
    if ((events & EPOLLOUT) && channel_flush(&zygote->channel) != -EAGAIN)
        loop_set_events(zygote->setup->loop, source, EPOLLIN);

    while (zygote->channel_source.fd >= 0) {
        struct datagram datagram;
        const int result = channel_receive(&zygote->channel, buffer, &datagram);
        if (result == -EAGAIN)
            return;
        if (result == -EMFILE) {
            fail(zygote, "its answer was lost: no descriptors are left");
            return;
        }
        if (result != 0) {
            /* End of file: its pidfd tells. */
            loop_remove(zygote->setup->loop, source);
            return;
        }
        take_message(zygote, &datagram);
        datagram_finish(&datagram);
    }
}

int zygote_order(struct zygote *zygote, const Vitrine__Spawn *order, int channel_fd, int crash_fd)
{
    const int fds[] = {channel_fd, crash_fd};
    zygote->n_children++;
    const int error = message_send(&zygote->channel, MESSAGE_SPAWN, &order->base, fds, 2);
    if (error != 0 && error != -EPIPE) /* a zygote that is gone is noticed, and the next is asked */
        return error;
    if (channel_wants_flush(&zygote->channel))
        loop_set_events(zygote->setup->loop, &zygote->channel_source, EPOLLIN | EPOLLOUT);
    zygote_be_patient(zygote, true);
    return 0;
}

/* ---- the way in -------------------------------------------------------------------------------------------------------------- */

int zygote_create(const struct zygote_setup *setup, int level, struct zygote **ret_zygote)
{
    struct zygote *zygote = calloc(1, sizeof *zygote);
    if (zygote == NULL)
        return -ENOMEM;
    *zygote = (struct zygote){
        .setup = setup, .level = level, .pidfd = -1, .init_pidfd = -1, .channel.fd = -1, .when = WHEN_WARMING};

    int near_fd;
    CLOSE_FD int far_fd = -1;
    int error = channel_pair(&near_fd, &far_fd);
    if (error != 0)
        goto fail;
    channel_init(&zygote->channel, near_fd, false);
    const pid_t pid = launcher_launch(setup->launcher, level, far_fd, &zygote->pidfd);
    if (pid < 0) {
        error = (int)pid;
        goto fail;
    }
    zygote->pid = pid;
    error = loop_add(setup->loop, &zygote->channel_source, zygote->channel.fd, EPOLLIN, channel_ready);
    if (error == 0)
        error = loop_add(setup->loop, &zygote->pidfd_source, zygote->pidfd, EPOLLIN, zygote_ended);
    if (error != 0)
        goto fail;
    loop_arm(setup->loop, &zygote->patience, clock_now_ns() + WARM_UP_NS, patience_is_over);
    *ret_zygote = zygote;
    return 0;

fail:
    loop_remove(setup->loop, &zygote->channel_source);
    channel_finish(&zygote->channel);
    fd_close(&zygote->pidfd);
    free(zygote);
    return error;
}
