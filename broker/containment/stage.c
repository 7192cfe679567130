#include "broker/containment/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/proc.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/memfd.h"

#define PROGRAM "intruder"
#define MAGIC   "vitrine-intruder "

#define FRAME_PX 64
/* How often the neighbour is asked while a row runs. */
#define PULSE_NS (5 * NS_PER_MS)
/* From the last end to rest: the kernel takes a namespace apart, and a zygote is started. */
#define REST_NS (5 * NS_PER_S)
/* Beyond --timeout: for a renderer to come up, and to be gone. */
#define LIFE_NS (10 * NS_PER_S)
/* What the C library keeps, whatever was done. */
#define HEAP_SLACK_BYTES (64u * 1024)

/* ---- what tabs tell -------------------------------------------------------------------------------------------------- */

static void look_again(struct stage *stage)
{
    loop_quit(stage->loop);
}

static void tab_changed(void *owner, struct tab *tab)
{
    (void)tab;
    look_again(owner);
}

static struct tab_retry tab_crashed(void *owner, struct tab *tab, const struct modules *modules)
{
    (void)modules;
    LOOP_OWNER(tab, struct actor, tab)->crashed = true;
    look_again(owner);
    return (struct tab_retry){0};
}

static void tab_orphaned(void *owner, struct tab *tab)
{
    (void)tab_crashed(owner, tab, NULL);
}

static void tab_painted(void *owner, struct tab *tab)
{
    struct actor *actor = LOOP_OWNER(tab, struct actor, tab);
    const uint64_t took_ns = clock_now_ns() - actor->asked_ns;
    if (took_ns > actor->slowest_ns)
        actor->slowest_ns = took_ns;
    actor->asked_ns = 0;
    look_again(owner);
}

static void fail(struct stage *stage, const char *why)
{
    if (!stage->is_broken)
        snprintf(stage->why, sizeof stage->why, "%s", why);
    stage->is_broken = true;
    look_again(stage);
}

static void child_unsafe(void *owner, const struct child *child)
{
    (void)child;
    fail(owner, "a renderer has fewer layers than its level promises; --sandbox-status says why");
}

static const struct tab_handlers tab_handlers = {
    .changed = tab_changed,
    .gone = tab_changed,
    .crashed = tab_crashed,
    .orphaned = tab_orphaned,
    .progressed = tab_changed,
    .painted = tab_painted,
    .unsafe = child_unsafe,
};

/* ---- waiting ---------------------------------------------------------------------------------------------------------- */

static void limit_is_reached(struct loop_timer *timer)
{
    struct stage *stage = LOOP_OWNER(timer, struct stage, limit);
    stage->is_over_limit = true;
    look_again(stage);
}

static void ask(struct actor *actor)
{
    if (actor->is_started && actor->asked_ns == 0 && tab_repaint(&actor->tab))
        actor->asked_ns = clock_now_ns();
}

/* Keeps the neighbour busy, and lets whoever waits look. */
static void pulse(struct loop_timer *timer)
{
    struct stage *stage = LOOP_OWNER(timer, struct stage, pulse);
    ask(&stage->neighbour);
    loop_arm(stage->loop, timer, clock_now_ns() + PULSE_NS, pulse);
    look_again(stage);
}

bool stage_await(struct stage *stage, bool (*is_so)(void *of), void *of, uint64_t limit_ns)
{
    stage->is_over_limit = false;
    loop_arm(stage->loop, &stage->limit, clock_now_ns() + limit_ns, limit_is_reached);
    loop_arm(stage->loop, &stage->pulse, clock_now_ns() + NS_PER_MS, pulse);
    bool yes;
    while (!(yes = is_so(of)) && !stage->is_over_limit && !stage->is_broken && stage->ending_signal == 0 &&
           loop_run(stage->loop) == 0)
        ;
    loop_disarm(stage->loop, &stage->limit);
    loop_disarm(stage->loop, &stage->pulse);
    return yes;
}

/* ---- rest -------------------------------------------------------------------------------------------------------------- */

static struct stage_traces look_for_traces(void)
{
    const struct mallinfo2 heap = mallinfo2();
    return (struct stage_traces){
        .n_fds = fd_count_open(), .n_children = proc_count_children(), .heap_bytes = heap.uordblks + heap.hblkhd};
}

static bool is_tidy(void *of)
{
    const struct stage *stage = of;
    return spawner_is_tidy(stage->spawner);
}

static bool is_as_before(void *of)
{
    const struct stage *stage = of;
    if (!is_tidy(of))
        return false;
    const struct stage_traces now = look_for_traces();
    return now.n_fds == stage->at_rest.n_fds && now.n_children == stage->at_rest.n_children &&
           now.heap_bytes <= stage->at_rest.heap_bytes + HEAP_SLACK_BYTES;
}

bool stage_is_at_rest(struct stage *stage, char *ret_why, size_t n_why)
{
    if (stage_await(stage, is_as_before, stage, REST_NS))
        return true;
    const struct stage_traces now = look_for_traces();
    snprintf(ret_why, n_why, "left behind: descriptors %d, were %d; children %u, were %u; heap %zu, was %zu", now.n_fds,
             stage->at_rest.n_fds, now.n_children, stage->at_rest.n_children, now.heap_bytes,
             stage->at_rest.heap_bytes);
    return false;
}

/* ---- the stage ---------------------------------------------------------------------------------------------------------- */

static void spawner_broken(void *owner, const char *why)
{
    fail(owner, why);
}

static void spawner_closed(void *owner)
{
    struct stage *stage = owner;
    stage->is_closed = true;
    look_again(stage);
}

static void asked_to_end(void *owner, int signal)
{
    struct stage *stage = owner;
    if (stage->ending_signal != 0)
        _exit(128 + signal); /* asked twice: the children follow by themselves */
    stage->ending_signal = signal;
    look_again(stage);
}

static void children_ended(void *owner)
{
    struct stage *stage = owner;
    if (stage->spawner != NULL)
        spawner_reap(stage->spawner);
    look_again(stage);
}

/* There is nothing to try again here, and the table is what is told. */
static void not_for_us(void *owner)
{
    (void)owner;
}

/* What a careless broker would have open when it starts a renderer. */
static void open_leaks(struct stage *stage)
{
    stage->leak_fd = open("/etc/passwd", O_RDONLY);
    stage->listening_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (stage->listening_fd >= 0)
        (void)listen(stage->listening_fd, 1);
}

static int set_up(struct stage *stage, const struct options *options, int highest_level)
{
    static const struct spawner_handlers spawner_handlers = {.broken = spawner_broken, .closed = spawner_closed};
    static const struct signals_handlers signals_handlers = {
        .ended = asked_to_end, .children = children_ended, .try_again = not_for_us, .asked = not_for_us};
    const struct spawner_options spawner_options = {.mode = options->spawn,
                                                    .program = PROGRAM,
                                                    .highest_level = highest_level,
                                                    .memory_bytes = options->memory_bytes};
    int error = loop_create(&stage->loop);
    if (error == 0)
        error = signals_init(&stage->signals, stage->loop, &signals_handlers, stage);
    if (error == 0)
        error = spawner_create(stage->loop, &spawner_options, &spawner_handlers, stage, &stage->spawner, stage->why,
                               sizeof stage->why);
    if (error != 0)
        return error;
    stage->setup = (struct tab_setup){.loop = stage->loop,
                                      .spawner = stage->spawner,
                                      .zoom = 1,
                                      .timeout_ns = options->timeout_ns,
                                      .handlers = &tab_handlers,
                                      .owner = stage};
    return frame_layout_init(&stage->setup.layout, FRAME_PX, FRAME_PX);
}

static bool find_vsyscall_page(void)
{
    char line[512];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps != NULL && !found && fgets(line, sizeof line, maps) != NULL)
        found = strstr(line, "[vsyscall]") != NULL;
    if (maps != NULL)
        fclose(maps);
    return found;
}

/* Where the kernel takes none, int 0x80 is a fault. */
static bool find_32_bit_calls(void)
{
#ifdef __x86_64__
    const pid_t pid = fork();
    if (pid == 0) {
        long getpid_32 = 20;
        __asm__ volatile("int $0x80" : "+a"(getpid_32) : : "memory");
        _exit(0);
    }
    int status = 0;
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status);
#else
    return false;
#endif
}

static bool find_outer_filter(void)
{
    char line[256];
    int mode = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL && sscanf(line, "Seccomp: %d", &mode) != 1)
        ;
    if (status != NULL)
        fclose(status);
    return mode != 0;
}

/* A first life: it shows what the sandbox is like, and the libraries have then made what they keep. */
static int rehearse(struct stage *stage)
{
    struct actor actor = {0};
    const bool lives = actor_lives(stage, &actor, "rest");
    stage->layers = actor.tab.layers;
    if (!lives && !stage->is_broken)
        snprintf(stage->why, sizeof stage->why, "no renderer came up: %.200s", actor.tab.reason);
    actor_finish(&actor);
    stage->host.has_notify = stage->layers & LAYER_BIT(LAYER_NOTIFY);
    stage->host.has_mseal = stage->layers & LAYER_BIT(LAYER_MSEAL);
    return lives ? 0 : -ECHILD;
}

int stage_open(struct stage *stage, const struct options *options, int highest_level)
{
    *stage = (struct stage){.options = options, .signals.fd = -1, .why = "out of memory or descriptors"};
    stage->host = (struct containment_host){.has_vsyscall = find_vsyscall_page(),
                                            .has_32_bit_calls = find_32_bit_calls(),
                                            .is_filtered = find_outer_filter()};
    open_leaks(stage);
    int error = set_up(stage, options, highest_level);
    if (error == 0)
        error = rehearse(stage);
    if (error == 0 && !stage_await(stage, is_tidy, stage, REST_NS))
        error = -ETIMEDOUT;
    stage->at_rest = look_for_traces();
    return error;
}

static bool is_closed(void *of)
{
    const struct stage *stage = of;
    return stage->is_closed;
}

void stage_close(struct stage *stage)
{
    if (stage->spawner != NULL) {
        spawner_close(stage->spawner);
        while (!is_closed(stage) && loop_run(stage->loop) == 0)
            ;
        spawner_destroy(stage->spawner);
    }
    if (stage->loop != NULL)
        signals_finish(&stage->signals);
    loop_destroy(stage->loop);
    fd_close(&stage->leak_fd);
    fd_close(&stage->listening_fd);
}

int stage_level(const struct stage *stage)
{
    return spawner_level(stage->spawner);
}

/* ---- actors -------------------------------------------------------------------------------------------------------------- */

static int write_order(struct document *document, const char *order)
{
    char text[128];
    const int n = snprintf(text, sizeof text, MAGIC "%s\n", order);
    int error = document_init(document, order);
    if (error != 0)
        return error;
    document->opened = true;
    document->n_bytes = (size_t)n;
    error = memfd_make("vitrine-document", &document->fd, NULL);
    if (error == 0 && write(document->fd, text, (size_t)n) != n)
        error = -EIO;
    return error != 0 ? error
                      : memfd_seal(document->fd, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, (size_t)n);
}

void actor_start(struct stage *stage, struct actor *actor, const char *order)
{
    if (order != NULL)
        *actor = (struct actor){.stage = stage, .document.fd = -1};
    actor->stage = stage;
    actor->is_started = true;
    if (order != NULL && write_order(&actor->document, order) != 0)
        fail(stage, "a document cannot be made: out of memory or descriptors");
    tab_init(&actor->tab, &stage->setup, 1, &actor->document);
    if (!stage->is_broken)
        tab_start(&actor->tab);
}

bool actor_is_over(void *of)
{
    const struct actor *actor = of;
    return (actor->tab.state == TAB_FAILED || actor->tab.state == TAB_CLOSED) && actor->tab.child == NULL;
}

static bool is_settled(void *of)
{
    const struct actor *actor = of;
    return actor_is_over(of) || actor->tab.state == TAB_LIVE;
}

static uint64_t lifetime_ns(const struct actor *actor)
{
    return LIFE_NS + 3 * actor->stage->options->timeout_ns;
}

bool actor_settle(struct actor *actor)
{
    stage_await(actor->stage, is_settled, actor, lifetime_ns(actor));
    return actor->tab.state == TAB_LIVE;
}

bool actor_await_end(struct actor *actor)
{
    return stage_await(actor->stage, actor_is_over, actor, lifetime_ns(actor));
}

bool actor_lives(struct stage *stage, struct actor *actor, const char *order)
{
    actor_start(stage, actor, order);
    return actor_settle(actor);
}

static bool has_answered(void *of)
{
    const struct actor *actor = of;
    return actor->asked_ns == 0 || actor_is_over(of);
}

bool actor_answers(struct actor *actor)
{
    /* One answer may be under way that was asked for before. */
    for (int i = 0; i < 2; i++) {
        ask(actor);
        if (!stage_await(actor->stage, has_answered, actor, lifetime_ns(actor)) || actor_is_over(actor))
            return false;
    }
    return true;
}

enum verdict actor_verdict(const struct actor *actor)
{
    return actor->crashed ? crash_judge(&actor->tab.evidence) : VERDICT_NONE;
}

static bool has_no_child(void *of)
{
    const struct actor *actor = of;
    return actor->tab.child == NULL;
}

void actor_finish(struct actor *actor)
{
    if (!actor->is_started)
        return;
    tab_close(&actor->tab);
    /* Whatever is the matter: the child knows the tab. */
    while (!stage_await(actor->stage, has_no_child, actor, LIFE_NS)) {
        child_signal(actor->tab.child, SIGKILL);
        if (actor->tab.child->pidfd < 0)
            child_abandon(actor->tab.child);
        else if (loop_run(actor->stage->loop) != 0)
            break;
    }
    tab_finish(&actor->tab);
    document_finish(&actor->document);
    actor->is_started = false;
}
