#include "renderer/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/message.h"
#include "common/slice.h"
#include "renderer/engine.h"
#include "renderer/ladder.h"
#include "renderer/renderer.h"
#include "renderer/root.h"
#include "renderer/session.h"

struct zygote {
    const struct zygote_options *options;
    struct channel channel;
    struct arena arena;
    uint8_t buffer[CHANNEL_MAX_BYTES];

    uint32_t layers;
    uint8_t layer_errno[LAYER_COUNT];
    uint32_t rung_ns[ZYGOTE_RUNG_COUNT];

    size_t base_bytes;
    struct sandbox_program program;
    int init_pidfd;
};

static struct zygote zygote;

/* A child of the *broker*: CLONE_PARENT makes it this process's sibling, so that SIGCHLD and waitid tell the broker,
 * and nobody else, how it ended. Returns as fork does. */
static pid_t clone_sibling(int *ret_pidfd)
{
    int pidfd = -1;
    const pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, NULL);
    if (pid > 0)
        *ret_pidfd = pidfd;
    return pid;
}

/* A host that has too many processes just now may have fewer in a moment; without init there is no pid namespace. */
static pid_t clone_patiently(int *ret_pidfd)
{
    pid_t pid = clone_sibling(ret_pidfd);
    for (int tries = 0; pid < 0 && errno == EAGAIN && tries < 100; tries++) {
        poll(NULL, 0, 5);
        pid = clone_sibling(ret_pidfd);
    }
    return pid;
}

/* ---- init: pid 1 of the renderers' pid namespace, so that none of them is ------------------------------------------- */

static _Noreturn void init_run(int armed_fd)
{
    prctl(PR_SET_NAME, "vitrine-init");
    ladder_keep_out(ZYGOTE_CHANNEL_FD);
    if (syscall(SYS_getpid) != 1)
        _exit(RENDERER_EXIT_LADDER); /* the namespace was a pretence */
    if (write(armed_fd, "", 1) != 1)
        _exit(RENDERER_EXIT_LADDER);
    fd_close_from(STDERR_FILENO + 1);
    setsid();
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)ladder_drop_capabilities();
    struct sandbox_program program = zygote.program;
    int listener = -1;
    /* The renderers' own filter allows no pause; poll without descriptors is as long a sleep. Its listener is closed at
     * once: what the filter does not allow is then refused. */
    if (program.n_instructions != 0 && sandbox_load(&program, SANDBOX_NOTIFY, &listener) == 0)
        fd_close(&listener);
    for (;;)
        poll(NULL, 0, -1);
}

/* Waits until init will die with the broker. It sees that the broker is gone by the zygote's channel, as it cannot see its
 * parent; later the broker may close that channel, to retire the zygote, and init must live on for the renderers. */
static int start_init(void)
{
    int armed[2];
    if (unshare(CLONE_NEWPID) < 0 || pipe2(armed, O_CLOEXEC) < 0)
        return -errno;
    CLOSE_FD int armed_read = armed[0];
    CLOSE_FD int armed_write = armed[1];
    const pid_t pid = clone_patiently(&zygote.init_pidfd);
    if (pid == 0)
        init_run(armed_write);
    if (pid < 0)
        return -errno;
    fd_close(&armed_write);
    char byte;
    return read(armed_read, &byte, 1) == 1 ? 0 : -ECHILD;
}

/* ---- the zygote's own rungs ------------------------------------------------------------------------------------------ */

static void note(enum layer layer, int error)
{
    if (error == 0)
        zygote.layers |= LAYER_BIT(layer);
    else
        zygote.layer_errno[layer] = (uint8_t)-error;
}

static void rung_warm_up(void)
{
    if (zygote.options->cold)
        return;
    const char *engine = "";
    (void)engines_warm_up(&engine);
    zygote.base_bytes = ladder_address_space();
}

/* Whether renderers that are to empty their own roots will be let. */
static int try_empty_root(void)
{
    const pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(-root_empty_of_own());
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return -errno;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

static void rung_empty_root(void)
{
    if (zygote.options->level < 3)
        return;
    note(LAYER_EMPTY_ROOT, zygote.options->cold ? try_empty_root() : root_empty());
}

static void rung_filter(void)
{
    (void)sandbox_build(SANDBOX_NOTIFY, &zygote.program);
}

static void rung_seal(void)
{
    if (!zygote.options->cold)
        note(LAYER_MSEAL, ladder_seal_image());
}

static void rung_pid_ns(void)
{
    if (zygote.options->level < 3)
        return;
    note(LAYER_PID_NS, start_init());
    /* A cold zygote's renderers need what it holds to empty their own roots. */
    if (!zygote.options->cold)
        (void)ladder_drop_capabilities();
}

/* The namespaces that the broker put this process into with its clone: had one failed, so had the clone. */
static void note_inherited(void)
{
    static const enum layer made_by_clone[] = {LAYER_USER_NS, LAYER_MOUNT_NS, LAYER_NET_NS, LAYER_IPC_NS, LAYER_UTS_NS};
    for (size_t i = 0; i < sizeof made_by_clone / sizeof made_by_clone[0] && zygote.options->level >= 3; i++)
        note(made_by_clone[i], 0);
    if (zygote.options->noexec_seal)
        note(LAYER_NOEXEC_SEAL, 0);
}

static void climb(void)
{
    static void (*const rungs[ZYGOTE_RUNG_COUNT])(void) = {
        [ZYGOTE_RUNG_WARM_UP] = rung_warm_up, [ZYGOTE_RUNG_EMPTY_ROOT] = rung_empty_root,
        [ZYGOTE_RUNG_FILTER] = rung_filter,   [ZYGOTE_RUNG_SEAL] = rung_seal,
        [ZYGOTE_RUNG_PID_NS] = rung_pid_ns,
    };
    uint64_t before = clock_now_ns();
    for (int i = 0; i < ZYGOTE_RUNG_COUNT; i++) {
        rungs[i]();
        const uint64_t after = clock_now_ns();
        zygote.rung_ns[i] = (uint32_t)(after - before);
        before = after;
    }
}

static void reset_signals(void)
{
    for (int signal = 1; signal < NSIG; signal++)
        (void)sigaction(signal, &(const struct sigaction){.sa_handler = SIG_DFL}, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void say_warmed(void)
{
    Vitrine__Warmed fact = VITRINE__WARMED__INIT;
    fact.layers = zygote.layers;
    fact.layer_errno.data = zygote.layer_errno;
    fact.layer_errno.len = LAYER_COUNT;
    fact.rung_ns = zygote.rung_ns;
    fact.n_rung_ns = ZYGOTE_RUNG_COUNT;
    if (message_send(&zygote.channel, MESSAGE_WARMED, &fact.base, &zygote.init_pidfd, zygote.init_pidfd >= 0 ? 1 : 0) !=
        0)
        _exit(RENDERER_EXIT_CHANNEL);
    fd_close(&zygote.init_pidfd);
}

/* ---- orders ------------------------------------------------------------------------------------------------------------ */

/* Puts the channel at 3 and the crash pipe at 4, wherever they are now (never both in each other's place: the zygote's
 * own channel is 3). */
static void place_descriptors(const struct datagram *datagram)
{
    const bool placed =
        dup2(datagram->fds[0], SANDBOX_CHANNEL_FD) >= 0 && dup2(datagram->fds[1], SANDBOX_CRASH_FD) >= 0;
    if (!placed)
        _exit(RENDERER_EXIT_CHANNEL);
}

/* The executable again, for an address layout of its own. */
static _Noreturn void exec_renderer(const struct ladder *ladder, int image_fd)
{
    char layers[16], memory[24], mapped[24];
    snprintf(layers, sizeof layers, "%u", ladder->inherited_layers);
    snprintf(memory, sizeof memory, "%zu", ladder->memory_bytes);
    snprintf(mapped, sizeof mapped, "%zu", ladder->mapped_bytes);
    const char *const arguments[] = {"vitrine-renderer", "renderer", layers, memory, mapped, NULL};
    const char *const environment[] = {NULL};
    syscall(SYS_execveat, image_fd, "", arguments, environment, AT_EMPTY_PATH);
    _exit(RENDERER_EXIT_LADDER);
}

static _Noreturn void become_renderer(const Vitrine__Spawn *spawn, const struct datagram *datagram)
{
    const struct ladder ladder = {
        .inherited_layers = zygote.layers,
        .base_bytes = zygote.base_bytes,
        .memory_bytes = spawn->memory_bytes,
        .mapped_bytes = spawn->mapped_bytes,
        .cold = zygote.options->cold,
        .program = zygote.options->cold ? NULL : &zygote.program,
    };
    /* The image is at 4, where the crash pipe has to go. */
    const int image_fd = ladder.cold ? fcntl(ZYGOTE_IMAGE_FD, F_DUPFD_CLOEXEC, 64) : -1;
    place_descriptors(datagram);
    if (ladder.cold)
        exec_renderer(&ladder, image_fd);
    renderer_run(&ladder);
}

static void serve_spawn(const Vitrine__Spawn *spawn, const struct datagram *datagram)
{
    CLOSE_FD int pidfd = -1;
    Vitrine__Spawned fact = VITRINE__SPAWNED__INIT;
    fact.serial = spawn->serial;
    const pid_t pid = clone_sibling(&pidfd);
    if (pid == 0)
        become_renderer(spawn, datagram);
    if (pid < 0)
        fact.error = (uint32_t)errno;
    if (message_send(&zygote.channel, MESSAGE_SPAWNED, &fact.base, &pidfd, pid > 0 ? 1 : 0) != 0)
        _exit(RENDERER_EXIT_CHANNEL);
}

static _Noreturn void serve(void)
{
    for (;;) {
        struct datagram datagram;
        const int result = channel_receive(&zygote.channel, zygote.buffer, &datagram);
        if (result == CHANNEL_EOF)
            _exit(RENDERER_EXIT_DONE);
        struct message order;
        if (result != 0 || message_decode(&datagram, SENDER_BROKER, WHEN_WARM, &zygote.arena, &order) != FAULT_NONE ||
            order.kind != MESSAGE_SPAWN)
            _exit(RENDERER_EXIT_CHANNEL);
        serve_spawn(order.spawn, &datagram);
        datagram_finish(&datagram);
    }
}

void zygote_run(const struct zygote_options *options)
{
    prctl(PR_SET_NAME, "vitrine-zygote");
    zygote.options = options;
    zygote.init_pidfd = -1;
    channel_init(&zygote.channel, ZYGOTE_CHANNEL_FD, true);
    fd_close_from(options->cold ? ZYGOTE_IMAGE_FD + 1 : ZYGOTE_CHANNEL_FD + 1);
    ladder_keep_out(ZYGOTE_CHANNEL_FD);
    reset_signals();
    slice_usual(); /* the broker's is short, and a warm-up is long */
    message_use_codec(options->codec);
    note_inherited();
    climb();
    say_warmed();
    /* A namespace or the root that was asked for and is not there: the broker starts another zygote, a level lower. */
    if (options->level >= 3 && (zygote.layers & LAYERS_NAMESPACES) != LAYERS_NAMESPACES)
        _exit(RENDERER_EXIT_LADDER);
    serve();
}
