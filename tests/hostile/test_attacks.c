/* Every attack of the hostile renderer (attack_rows.h) against the broker's own code: a real process behind the real
 * ladder, and beside it a neighbour that must not notice. What each comes to is asserted by number: the reason, the verdict,
 * and that it cost next to nothing. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "broker/proc.h"
#include "broker/signals.h"
#include "broker/spawn.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/frame.h"
#include "common/inject.h"
#include "common/slice.h"
#include "tests/hostile/attack.h"
#include "tests/test.h"

#define FRAME_PX 64
/* What one attack may take until it is over, and until nothing is left of it. */
#define PATIENCE_NS (10 * NS_PER_S)
#define REST_NS     (5 * NS_PER_S)
/* Of the broker's processor time for one attack that it ends, all in: receive, judge, kill, reap. Of one that took longer
 * the middle one of so many counts. */
#define MAX_CPU_NS (NS_PER_MS)
#define ROUNDS     9
/* Of its heap, at any moment of an attack. */
#define MAX_HEAP_BYTES (64 * 1024)
/* A flood of orders that nobody reads is tried again so often. */
#define FLOODS   10
#define FLOOD_NS (5 * NS_PER_MS)

/* ---- the heap -------------------------------------------------------------------------------------------------------------- */

static size_t heap_bytes, heap_peak;

#ifdef VITRINE_SANITIZED
static const bool is_measured = false; /* everything costs more, and the allocator is another */
#else
static const bool is_measured = true;
/* What the executable defines, every library uses. glibc has its own under these names, too. */
void *__libc_malloc(size_t n_bytes);
void *__libc_calloc(size_t n, size_t n_bytes);
void *__libc_realloc(void *memory, size_t n_bytes);
void __libc_free(void *memory);

static void *note_taken(void *memory)
{
    heap_bytes += malloc_usable_size(memory);
    if (heap_bytes > heap_peak)
        heap_peak = heap_bytes;
    return memory;
}

void *malloc(size_t n_bytes)
{
    return note_taken(__libc_malloc(n_bytes));
}

void *calloc(size_t n, size_t n_bytes)
{
    return note_taken(__libc_calloc(n, n_bytes));
}

void *realloc(void *memory, size_t n_bytes)
{
    heap_bytes -= malloc_usable_size(memory);
    return note_taken(__libc_realloc(memory, n_bytes));
}

void free(void *memory)
{
    heap_bytes -= malloc_usable_size(memory);
    __libc_free(memory);
}
#endif

/* ---- the ground ------------------------------------------------------------------------------------------------------------ */

static struct loop *loop;
static struct spawner *spawner;
static struct signals signals;
static struct frame_layout layout;
static struct loop_timer limit, again;
static bool is_late, is_closed;
static int document_fd, port_fds[LINK_OFFER_FDS];

/* One renderer, led through the steps of its stage. */
struct trial {
    struct attack attack;
    struct child *child; /* NULL once it has ended */
    unsigned n_steps;    /* ordered */
    unsigned n_floods;
    struct loop_timer flood_timer;
    bool has_proved; /* it answered the last Ping, and was let go */
    struct evidence evidence;
    char failure[192];
    int frame_fd;

    uint64_t cpu_ns; /* at first when its attack began, then what that took */
    size_t heap_before, heap_grown;
};

static enum options_spawn mode;
static bool shall_starve; /* nobody leaves us a descriptor while the attack goes on */
static struct trial neighbour;
static uint8_t *neighbours_frame;
static uint32_t neighbours_page;

static uint64_t cpu_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void too_late(struct loop_timer *timer)
{
    (void)timer;
    is_late = true;
    loop_quit(loop);
}

static void look_again(struct loop_timer *timer)
{
    loop_arm(loop, timer, clock_now_ns() + NS_PER_MS, look_again);
    loop_quit(loop);
}

/* False when it did not come to be in time. */
static bool await(bool (*is_so)(const void *of), const void *of, uint64_t limit_ns)
{
    is_late = false;
    loop_arm(loop, &limit, clock_now_ns() + limit_ns, too_late);
    while (!is_so(of) && !is_late && loop_run(loop) == 0)
        ;
    loop_disarm(loop, &limit);
    return is_so(of);
}

/* ---- steps ----------------------------------------------------------------------------------------------------------------- */

static void begin_measuring(struct trial *trial)
{
    heap_peak = trial->heap_before = heap_bytes;
    trial->cpu_ns = cpu_now_ns();
}

static void order_open(struct trial *trial)
{
    Vitrine__Open order = VITRINE__OPEN__INIT;
    order.serial = STEP_OPEN;
    order.document_bytes = 1;
    order.width_px = order.height_px = FRAME_PX;
    order.extension = (char[]){"txt"};
    child_order(trial->child, MESSAGE_OPEN, &order.base, (const int[]){document_fd, trial->frame_fd}, 2, order.serial,
                WHEN_OPENING);
}

static void order_paint(struct trial *trial, uint64_t serial, uint32_t slot, uint32_t page)
{
    Vitrine__Paint order = VITRINE__PAINT__INIT;
    order.serial = serial;
    order.slot = trial->child->slot = slot;
    order.page = page;
    order.zoom = 1;
    child_order(trial->child, MESSAGE_PAINT, &order.base, NULL, 0, order.serial, WHEN_PAINTING);
}

static void nudge(struct trial *trial)
{
    CHECK_INT(child_ping(trial->child, 0, NULL, 0), ==, 0);
}

/* Full, as a renderer that does not read makes it. */
static void fill(struct trial *trial)
{
    static const uint8_t payload[MESSAGE_MAX_PAYLOAD];
    int result;
    do
        result = child_ping(trial->child, 0, payload, sizeof payload);
    while (result == 0);
    CHECK(result == -ENOBUFS || result == -EPROTO);
}

/* Several times: it may say meanwhile that there is more room. Then it is let go. */
static void flood(struct loop_timer *timer)
{
    struct trial *trial = LOOP_OWNER(timer, struct trial, flood_timer);
    if (trial->n_floods++ == FLOODS) {
        trial->has_proved = true;
        child_dismiss(trial->child);
        return;
    }
    fill(trial);
    loop_arm(loop, timer, clock_now_ns() + FLOOD_NS, flood);
}

static void order(struct trial *trial, enum step step)
{
    switch (step) {
    case STEP_NONE:
        return;
    case STEP_OPEN:
        order_open(trial);
        return;
    case STEP_PAINT:
        order_paint(trial, STEP_PAINT, 1, 0);
        return;
    case STEP_REPAINT:
        order_paint(trial, STEP_REPAINT, 0, 0);
        return;
    case STEP_SHARE:
        CHECK(child_share(trial->child, STEP_SHARE));
        return;
    case STEP_INJECT:
        child_inject(trial->child, INJECT_SLOW_READER, INJECT_NOW, STEP_INJECT);
        return;
    case STEP_PING:
        CHECK_INT(child_ping(trial->child, STEP_PING, (const uint8_t *)"ping", PING_BYTES), ==, 0);
        return;
    case STEP_CONNECT:
        child_connect(trial->child, STEP_CONNECT, RING_FIRST, 1, port_fds);
        return;
    case STEP_EXCHANGE:
        child_exchange(trial->child, STEP_EXCHANGE,
                       &(const struct child_exchange){.n = EXCHANGE_PINGS, .window = 1, .limit_ms = 1000});
        return;
    case STEP_DISCONNECT:
        child_disconnect(trial->child, STEP_DISCONNECT);
        return;
    case STEP_NUDGE:
        nudge(trial);
        return;
    case STEP_FLOOD:
        flood(&trial->flood_timer);
        return;
    }
}

/* Whoever did no harm shows that it is still there, and is let go. Whoever did is waited for. */
static void prove(struct trial *trial)
{
    const bool may_live = trial->attack.verdict == VERDICT_NONE ||
                          (trial->attack.verdict == VERDICT_PROTOCOL && trial->attack.fault == FAULT_NONE);
    if (trial->attack.stage == AT_LEAVING)
        child_dismiss(trial->child);
    else if (may_live)
        CHECK_INT(child_ping(trial->child, PROOF_SERIAL, (const uint8_t *)"ping", PING_BYTES), ==, 0);
}

static enum step next_step(const struct trial *trial)
{
    return trial->n_steps < STAGE_STEPS ? stage_steps(trial->attack.stage)[trial->n_steps] : STEP_NONE;
}

#define MAX_FDS 256
static int stuffed_fds[MAX_FDS];
static unsigned n_stuffed;

static void starve(void)
{
    struct rlimit fds;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &fds) == 0);
    fds.rlim_cur = MAX_FDS;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &fds) == 0);
    for (int fd; (fd = fcntl(document_fd, F_DUPFD_CLOEXEC, 0)) >= 0;)
        stuffed_fds[n_stuffed++] = fd;
}

static void eat(void)
{
    while (n_stuffed > 0)
        fd_close(&stuffed_fds[--n_stuffed]);
}

/* On to the next step that it will answer. */
static void advance(struct trial *trial)
{
    enum step step;
    do {
        step = next_step(trial);
        if (step == STEP_NONE) {
            prove(trial);
            return;
        }
        const bool is_cue = ++trial->n_steps == stage_cue(trial->attack.stage);
        if (is_cue)
            begin_measuring(trial);
        order(trial, step);
        if (is_cue && shall_starve)
            starve();
    } while (step == STEP_NUDGE || (step == STEP_EXCHANGE && next_step(trial) == STEP_DISCONNECT));
}

/* ---- what the child tells ---------------------------------------------------------------------------------------------------- */

static void on_ready(struct child *child)
{
    advance(child->owner);
}

static void on_fact(struct child *child, const struct message *fact)
{
    struct trial *trial = child->owner;
    if (fact->kind == MESSAGE_PROGRESSED || fact->kind == MESSAGE_PORT_CLOSED)
        return;
    if (fact->kind != MESSAGE_PONGED || fact->ponged->serial != PROOF_SERIAL) {
        advance(trial);
        return;
    }
    trial->has_proved = true;
    child_dismiss(child);
}

static void on_ended(struct child *child, const struct evidence *evidence)
{
    struct trial *trial = child->owner;
    trial->cpu_ns = cpu_now_ns() - trial->cpu_ns;
    trial->heap_grown = heap_peak - trial->heap_before;
    trial->evidence = *evidence;
    snprintf(trial->failure, sizeof trial->failure, "%s", child->failure);
    trial->child = NULL;
    eat();
    loop_disarm(loop, &trial->flood_timer);
    loop_quit(loop);
}

static const struct child_handlers handlers = {.ready = on_ready, .fact = on_fact, .ended = on_ended};

/* ---- the neighbour ----------------------------------------------------------------------------------------------------------- */

static unsigned n_answers;

static void neighbour_ready(struct child *child)
{
    order_open(child->owner);
}

static void neighbour_fact(struct child *child, const struct message *fact)
{
    (void)child, (void)fact;
    n_answers++;
    loop_quit(loop);
}

static void neighbour_ended(struct child *child, const struct evidence *evidence)
{
    char why[256];
    (void)child;
    crash_describe(evidence, why, sizeof why);
    if (!evidence->dismissed)
        FAIL("the neighbour ended: %s", why);
    neighbour.child = NULL;
    loop_quit(loop);
}

static const struct child_handlers neighbour_handlers = {
    .ready = neighbour_ready, .fact = neighbour_fact, .ended = neighbour_ended};

static bool has_answered(const void *of)
{
    (void)of;
    return n_answers > 0 || neighbour.child == NULL;
}

static bool neighbour_answers(void)
{
    const bool in_time = await(has_answered, NULL, PATIENCE_NS) && neighbour.child != NULL;
    n_answers = 0;
    return in_time;
}

/* It answers, it paints, and nobody but it has painted. */
static void check_neighbour(const char *after)
{
    n_answers = 0;
    REQUIRE(neighbour.child != NULL);
    CHECK_INT(child_ping(neighbour.child, PROOF_SERIAL, (const uint8_t *)"ping", PING_BYTES), ==, 0);
    if (!neighbour_answers()) {
        FAIL("%s: the neighbour does not answer", after);
        return;
    }
    neighbours_page = neighbours_page % 255 + 1;
    order_paint(&neighbour, STEP_PAINT, neighbours_page % FRAME_SLOTS, neighbours_page);
    if (!neighbour_answers()) {
        FAIL("%s: the neighbour does not paint", after);
        return;
    }
    const uint8_t *slot = neighbours_frame + neighbours_page % FRAME_SLOTS * layout.slot_bytes;
    for (size_t i = 0; i < layout.slot_bytes; i++) {
        if (slot[i] != neighbours_page) {
            FAIL("%s: the neighbour's picture is not its own", after);
            return;
        }
    }
}

/* ---- traces ------------------------------------------------------------------------------------------------------------------ */

static struct traces {
    int n_fds;
    unsigned n_children;
} at_rest;

static struct traces look_for_traces(void)
{
    return (struct traces){.n_fds = fd_count_open(), .n_children = proc_count_children()};
}

static bool is_at_rest(const void *of)
{
    (void)of;
    const struct traces now = look_for_traces();
    return now.n_fds == at_rest.n_fds && now.n_children == at_rest.n_children;
}

static void check_traces(const char *after)
{
    look_again(&again);
    if (!await(is_at_rest, NULL, REST_NS)) {
        const struct traces now = look_for_traces();
        FAIL("%s: descriptors %d, were %d; children %u, were %u", after, now.n_fds, at_rest.n_fds, now.n_children,
             at_rest.n_children);
    }
    loop_disarm(loop, &again);
}

/* ---- one attack ---------------------------------------------------------------------------------------------------------------- */

static bool is_over(const void *of)
{
    return ((const struct trial *)of)->child == NULL;
}

static bool is_race(const struct attack *attack)
{
    return attack->verdict == VERDICT_PROTOCOL && attack->fault == FAULT_NONE;
}

static void check_verdict(const struct trial *trial)
{
    const struct attack *attack = &trial->attack;
    const enum verdict verdict = crash_judge(&trial->evidence);
    if (is_race(attack) && (verdict == VERDICT_PROTOCOL || trial->has_proved))
        return;
    if (verdict != attack->verdict || trial->evidence.fault != attack->fault)
        FAIL("%s: %s, %s; expected %s, %s%s%s", attack->name, verdict_name(verdict),
             message_fault_name(trial->evidence.fault), verdict_name(attack->verdict),
             message_fault_name(attack->fault), trial->failure[0] != '\0' ? "; " : "", trial->failure);
    if (verdict == VERDICT_NONE && !trial->has_proved && attack->stage != AT_LEAVING)
        FAIL("%s: it never showed that it was still there", attack->name);
    if (verdict == VERDICT_KILLED && strstr(trial->failure, "its sandbox is not what it said") == NULL)
        FAIL("%s: it was killed, and not for what it said of its sandbox", attack->name);
}

static void check_heap(const struct trial *trial)
{
    const size_t queue = trial->attack.stage == AT_DEAF ? CHANNEL_MAX_QUEUED_BYTES : 0;
    if (trial->heap_grown >= MAX_HEAP_BYTES + queue)
        FAIL("%s: %zu bytes of heap", trial->attack.name, trial->heap_grown);
}

/* False: there is no such attack here. */
static bool run_attack(unsigned number, struct trial *trial)
{
    *trial = (struct trial){.frame_fd = -1};
    if (!attack_find(number, &trial->attack))
        return false;
    REQUIRE(frame_create(&layout, &trial->frame_fd, &(bool){false}) == 0);
    begin_measuring(trial);
    trial->child = spawner_spawn(spawner, layout.total_bytes + number, &handlers, trial);
    REQUIRE(trial->child != NULL);
    if (!await(is_over, trial, PATIENCE_NS)) {
        FAIL("%s: neither over nor answered", trial->attack.name);
        child_condemn(trial->child);
        REQUIRE(await(is_over, trial, PATIENCE_NS));
    }
    fd_close(&trial->frame_fd);
    return true;
}

static int compare(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static void check_cpu(unsigned number, const struct trial *first)
{
    uint64_t took_ns[ROUNDS] = {first->cpu_ns};
    if (first->attack.verdict == VERDICT_NONE || took_ns[0] < MAX_CPU_NS)
        return;
    for (unsigned i = 1; i < ROUNDS; i++) {
        struct trial trial;
        run_attack(number, &trial);
        took_ns[i] = trial.cpu_ns;
    }
    qsort(took_ns, ROUNDS, sizeof took_ns[0], compare);
    if (took_ns[ROUNDS / 2] >= MAX_CPU_NS)
        FAIL("%s: %llu us of the broker's processor time", first->attack.name,
             (unsigned long long)(took_ns[ROUNDS / 2] / NS_PER_US));
}

static void check_attack(unsigned number)
{
    struct trial trial;
    if (!run_attack(number, &trial))
        return;
    check_verdict(&trial);
    check_neighbour(trial.attack.name);
    if (is_measured)
        check_heap(&trial);
    if (mode == SPAWN_ZYGOTE)
        return; /* another zygote is started for each that has ended */
    if (is_measured)
        check_cpu(number, &trial);
    check_traces(trial.attack.name);
}

/* ---- setting up ---------------------------------------------------------------------------------------------------------------- */

static void broken(void *owner, const char *why)
{
    (void)owner;
    FAIL("no renderer can be had: %s", why);
    exit(1);
}

static void closed(void *owner)
{
    (void)owner;
    is_closed = true;
    loop_quit(loop);
}

/* A clone whose child was given up before it was told of. */
static void children_ended(void *owner)
{
    (void)owner;
    if (spawner != NULL)
        spawner_reap(spawner);
}

static void asked_to_end(void *owner, int signal)
{
    (void)owner;
    _exit(128 + signal);
}

static void not_for_us(void *owner)
{
    (void)owner;
}

static bool has_closed(const void *of)
{
    (void)of;
    return is_closed;
}

static void set_up(int highest_level)
{
    static const struct spawner_handlers spawner_handlers = {.broken = broken, .closed = closed};
    static const struct signals_handlers signals_handlers = {
        .ended = asked_to_end, .children = children_ended, .try_again = not_for_us, .asked = not_for_us};
    const struct spawner_options options = {
        .mode = mode, .program = "hostile", .highest_level = highest_level, .memory_bytes = 64ul << 20};
    char why[256];
    slice_short();
    REQUIRE(attack_limit() <= ATTACK_MODULUS);
    REQUIRE(frame_layout_init(&layout, FRAME_PX, FRAME_PX) == 0 && layout.total_bytes % ATTACK_MODULUS == 0);
    REQUIRE(loop_create(&loop) == 0 && signals_init(&signals, loop, &signals_handlers, NULL) == 0);
    REQUIRE(ring_create(&port_fds[LINK_FD_RING]) == 0);
    port_fds[LINK_FD_FAR_BELL] = eventfd(0, EFD_CLOEXEC);
    port_fds[LINK_FD_NEAR_BELL] = eventfd(0, EFD_CLOEXEC);
    document_fd = eventfd(0, EFD_CLOEXEC); /* nobody looks into it */
    REQUIRE(spawner_create(loop, &options, &spawner_handlers, NULL, &spawner, why, sizeof why) == 0);

    neighbour = (struct trial){.frame_fd = -1};
    REQUIRE(frame_create(&layout, &neighbour.frame_fd, &(bool){false}) == 0);
    REQUIRE(frame_map(&layout, neighbour.frame_fd, false, &neighbours_frame) == 0);
    neighbour.child = spawner_spawn(spawner, layout.total_bytes, &neighbour_handlers, &neighbour);
    REQUIRE(neighbour.child != NULL && neighbour_answers());
    at_rest = look_for_traces();
}

static void tear_down(void)
{
    spawner_close(spawner);
    CHECK(await(has_closed, NULL, PATIENCE_NS));
    spawner_destroy(spawner);
    signals_finish(&signals);
    loop_destroy(loop);
    frame_unmap(&layout, neighbours_frame);
    fd_close(&neighbour.frame_fd);
    fd_close(&document_fd);
    for (int i = 0; i < LINK_OFFER_FDS; i++)
        fd_close(&port_fds[i]);
}

/* ---- the tests ------------------------------------------------------------------------------------------------------------------ */

static void try_all(enum options_spawn spawn, int highest_level)
{
    unsigned n = 0;
    mode = spawn;
    set_up(highest_level);
    for (unsigned number = 1; number < attack_limit(); number++) {
        struct attack attack;
        n += attack_find(number, &attack);
        check_attack(number);
    }
    printf("  %u attacks\n", n);
    tear_down();
}

/* Each renderer with an address layout of its own: an end then costs no zygote, and what is open stays the same. */
TEST_WITHIN(every_attack, 240)
{
    try_all(SPAWN_EXEC, 3);
}

TEST_WITHIN(every_attack_without_namespaces, 240)
{
    try_all(SPAWN_EXEC, 2);
}

/* As users have it: whoever ends badly takes the zygote with it. */
TEST_WITHIN(every_attack_from_a_zygote, 240)
{
    try_all(SPAWN_ZYGOTE, 3);
}

/* Descriptors that are never legal are no more so when there is no room for them: whoever sends some is found out by that
 * they were lost, before it has cost anything. */
TEST_WITHIN(descriptors_for_a_broker_that_has_no_room, 60)
{
    static const char *const names[] = {"one-descriptor-with-a-fact-that-has-none", "four-descriptors",
                                        "listening-late"};
    mode = SPAWN_EXEC;
    set_up(3);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct trial trial;
        shall_starve = true;
        REQUIRE(run_attack(attack_number(names[i]), &trial));
        shall_starve = false;
        trial.attack.fault = FAULT_FD_COUNT;
        check_verdict(&trial);
        check_neighbour(names[i]);
        check_traces(names[i]);
    }
    tear_down();
}
