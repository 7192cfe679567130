#include "broker/tab.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/fd.h"

/* A renderer climbs its ladder in milliseconds; --timeout, which may be shorter than this, is about documents. */
#define MIN_CLIMB_NS (2 * NS_PER_S)
/* Progress keeps a slow document alive, but not for ever: so many timeouts an order, ten minutes by default. */
#define MAX_TIMEOUTS 60
/* All renderers of an init end within microseconds of each other: time enough to tell of them together. */
#define ORPHAN_DELAY_NS (10 * NS_PER_MS)

static void spawn(struct tab *tab);

static uint64_t climb_timeout(const struct tab *tab)
{
    return tab->setup->timeout_ns > MIN_CLIMB_NS ? tab->setup->timeout_ns : MIN_CLIMB_NS;
}

static void set_state(struct tab *tab, enum tab_state state)
{
    static const unsigned may_follow[] = {
        [TAB_QUEUED] = 1u << TAB_SPAWNING | 1u << TAB_FAILED | 1u << TAB_CLOSED,
        [TAB_SPAWNING] = 1u << TAB_LOADING | 1u << TAB_RESTARTING | 1u << TAB_FAILED | 1u << TAB_CLOSED,
        [TAB_LOADING] = 1u << TAB_LIVE | 1u << TAB_RESTARTING | 1u << TAB_FAILED | 1u << TAB_CLOSED,
        [TAB_LIVE] = 1u << TAB_SPAWNING | 1u << TAB_RESTARTING | 1u << TAB_FAILED | 1u << TAB_CLOSED,
        [TAB_RESTARTING] = 1u << TAB_SPAWNING | 1u << TAB_FAILED | 1u << TAB_CLOSED,
        [TAB_FAILED] = 1u << TAB_SPAWNING | 1u << TAB_CLOSED,
        [TAB_CLOSED] = 0,
    };
    assert(may_follow[tab->state] & 1u << state);
    tab->state = state;
    tab->setup->handlers->changed(tab->setup->owner, tab);
}

static void fail(struct tab *tab)
{
    loop_disarm(tab->setup->loop, &tab->watchdog);
    if (tab->state != TAB_FAILED && tab->state != TAB_CLOSED)
        set_state(tab, TAB_FAILED);
}

static void refuse(struct tab *tab, enum refusal refusal, const char *detail)
{
    tab->refusal = refusal;
    snprintf(tab->reason, sizeof tab->reason, "%s", detail);
    fail(tab);
}

/* ---- the watchdog -------------------------------------------------------------------------------------------------------- */

static void watch(struct tab *tab, uint64_t timeout_ns);

static void hung(struct loop_timer *timer)
{
    struct tab *tab = LOOP_OWNER(timer, struct tab, watchdog);
    if (tab->child->pid == 0) {
        watch(tab, tab->setup->timeout_ns); /* it does not exist yet: the spawner has a patience of its own */
        return;
    }
    tab->child->evidence.hung = true;
    child_condemn(tab->child);
}

static void watch(struct tab *tab, uint64_t timeout_ns)
{
    tab->ordered_ns = clock_now_ns();
    loop_arm(tab->setup->loop, &tab->watchdog, tab->ordered_ns + timeout_ns, hung);
}

static void watch_on(struct tab *tab)
{
    const uint64_t timeout_ns = tab->setup->timeout_ns, now = clock_now_ns();
    if (now - tab->ordered_ns < MAX_TIMEOUTS * timeout_ns)
        loop_arm(tab->setup->loop, &tab->watchdog, now + timeout_ns, hung);
    tab->setup->handlers->progressed(tab->setup->owner, tab);
}

/* ---- orders ---------------------------------------------------------------------------------------------------------------- */

static void order_open(struct tab *tab)
{
    Vitrine__Open order = VITRINE__OPEN__INIT;
    order.serial = ++tab->serial;
    order.document_bytes = tab->document->n_bytes;
    order.width_px = tab->setup->layout.width_px;
    order.height_px = tab->setup->layout.height_px;
    order.extension = (char *)tab->document->extension;
    const int fds[] = {tab->document->fd, tab->frame_fd};
    child_order(tab->child, MESSAGE_OPEN, &order.base, fds, 2, order.serial, WHEN_OPENING);
    watch(tab, tab->setup->timeout_ns);
}

static void order_paint(struct tab *tab)
{
    Vitrine__Paint order = VITRINE__PAINT__INIT;
    order.serial = ++tab->serial;
    order.slot = tab->child->slot = (tab->shown_slot + 1) % FRAME_SLOTS;
    order.page = tab->page;
    order.zoom = tab->setup->zoom;
    child_order(tab->child, MESSAGE_PAINT, &order.base, NULL, 0, order.serial, WHEN_PAINTING);
    watch(tab, tab->setup->timeout_ns);
}

/* ---- faults on purpose -------------------------------------------------------------------------------------------------- */

static bool is_from_outside(enum injection fault)
{
    return fault == INJECT_KILL_SELF || fault == INJECT_HANG_STOP;
}

/* What the filter forbids a renderer to do to itself is done by its pidfd. */
static void fail_from_outside(struct child *child, enum injection fault)
{
    child->evidence.injected_ns = child->evidence.stamp_ns = clock_now_ns();
    child_signal(child, fault == INJECT_KILL_SELF ? SIGKILL : SIGSTOP);
}

static void order_fault(struct tab *tab, enum injection fault, enum inject_moment moment)
{
    child_inject(tab->child, fault, moment, ++tab->serial);
    if (moment == INJECT_NOW)
        watch(tab, tab->setup->timeout_ns);
}

/* A fresh renderer, and the plan for it. From outside a renderer can only be caught in an order for certain when it is
 * stopped or killed before that is sent. */
static void begin_with_document(struct tab *tab)
{
    const struct inject_plan plan = tab->plan;
    tab->plan = (struct inject_plan){0};
    if (is_from_outside(plan.fault)) {
        fail_from_outside(tab->child, plan.fault);
    } else if (plan.fault != INJECT_NONE && plan.stage == STAGE_READY) {
        order_fault(tab, plan.fault, INJECT_NOW);
        return; /* should it survive, take_survived goes on */
    } else if (plan.fault != INJECT_NONE) {
        order_fault(tab, plan.fault, INJECT_OPENING);
    }
    order_open(tab);
}

void tab_inject(struct tab *tab, const struct inject_plan *plan)
{
    assert(tab->state == TAB_LIVE && tab->child != NULL && tab->child->when == WHEN_IDLE);
    const bool outside = is_from_outside(plan->fault);
    switch (plan->stage) {
    case STAGE_CLIMBING:
    case STAGE_READY:
    case STAGE_OPENING:
        tab->plan = *plan;
        tab_reload(tab);
        return;
    case STAGE_IDLE:
        if (!outside) {
            order_fault(tab, plan->fault, INJECT_NOW);
            return;
        }
        fail_from_outside(tab->child, plan->fault);
        order_paint(tab);
        return;
    case STAGE_PAINTING:
        if (outside)
            fail_from_outside(tab->child, plan->fault);
        else
            order_fault(tab, plan->fault, INJECT_PAINTING);
        order_paint(tab);
        return;
    case STAGE_CLOSING:
        if (outside)
            fail_from_outside(tab->child, plan->fault);
        else
            order_fault(tab, plan->fault, INJECT_CLOSING);
        tab_reload(tab);
        return;
    case STAGE_COUNT:
        break;
    }
    assert(!"a stage of a renderer's life");
}

/* ---- facts ------------------------------------------------------------------------------------------------------------------ */

static void take_opened(struct tab *tab, const Vitrine__Opened *opened)
{
    tab->kind = (enum document_kind)opened->document_kind;
    tab->n_pages = opened->n_pages;
    tab->open_ns = opened->open_ns;
    free(tab->title);
    tab->title = opened->title[0] != '\0' ? strdup(opened->title) : NULL;
    order_paint(tab);
}

static void take_refused(struct tab *tab, const Vitrine__Refused *refused)
{
    loop_disarm(tab->setup->loop, &tab->watchdog);
    if (refused->reason == REFUSAL_MEMORY) {
        tab->child->evidence.out_of_memory = true;
        child_condemn(tab->child);
        return;
    }
    child_dismiss(tab->child);
    refuse(tab, (enum refusal)refused->reason, refused->detail);
}

static void take_painted(struct tab *tab, const Vitrine__Painted *painted)
{
    loop_disarm(tab->setup->loop, &tab->watchdog);
    tab->shown_slot = painted->slot;
    tab->paint_ns = painted->paint_ns;
    if (tab->state != TAB_LOADING) {
        tab->setup->handlers->painted(tab->setup->owner, tab);
        return;
    }
    tab->first_frame_ns = clock_now_ns() - tab->started_ns;
    set_state(tab, TAB_LIVE);
}

/* It was told to fail, and is still there. */
static void take_survived(struct tab *tab)
{
    loop_disarm(tab->setup->loop, &tab->watchdog);
    if (tab->child->when == WHEN_READY)
        order_open(tab);
    if (tab->setup->handlers->survived != NULL)
        tab->setup->handlers->survived(tab->setup->owner, tab);
}

static void take_fact(struct child *child, const struct message *fact)
{
    struct tab *tab = child->owner;
    switch (fact->kind) {
    case MESSAGE_OPENED:
        take_opened(tab, fact->opened);
        return;
    case MESSAGE_REFUSED:
        take_refused(tab, fact->refused);
        return;
    case MESSAGE_PAINTED:
        take_painted(tab, fact->painted);
        return;
    case MESSAGE_PROGRESSED:
        watch_on(tab);
        return;
    case MESSAGE_INJECTED:
        take_survived(tab);
        return;
    case MESSAGE_JOINED:
        order_paint(tab);
        return;
    case MESSAGE_CONNECTED:
    case MESSAGE_EXCHANGED:
    case MESSAGE_DISCONNECTED:
    case MESSAGE_PORT_CLOSED:
        if (tab->setup->handlers->port != NULL)
            tab->setup->handlers->port(tab->setup->owner, tab, fact);
        return;
    case MESSAGE_NONE:
    case MESSAGE_SPAWN:
    case MESSAGE_WARMED:
    case MESSAGE_SPAWNED:
    case MESSAGE_LISTENING:
    case MESSAGE_READY:
    case MESSAGE_OPEN:
    case MESSAGE_PAINT:
    case MESSAGE_INJECT:
    case MESSAGE_SHARE:
    case MESSAGE_PING:
    case MESSAGE_PONGED:
    case MESSAGE_CONNECT:
    case MESSAGE_EXCHANGE:
    case MESSAGE_DISCONNECT:
        assert(!"a fact that child.c does not pass on");
        return;
    }
}

static void take_ready(struct child *child)
{
    struct tab *tab = child->owner;
    tab->pid = child->pid;
    tab->layers = child->layers;
    memcpy(tab->rung_ns, child->rung_ns, sizeof tab->rung_ns);
    tab->spawn_ns = child->ready_at_ns - child->spawn_at_ns;
    if (layers_level(child->layers) < spawner_level(tab->setup->spawner)) {
        tab->setup->handlers->unsafe(tab->setup->owner, child);
        return;
    }
    /* A frame whose renderer is reaped has nobody who could write to it: the next gets it, with its pages in place. */
    const int error = tab->frame_fd >= 0 ? 0 : frame_create(&tab->setup->layout, &tab->frame_fd, &(bool){false});
    if (error != 0) {
        child_dismiss(child);
        snprintf(tab->reason, sizeof tab->reason, "no frame could be made: %s", strerror(-error));
        fail(tab);
        return;
    }
    begin_with_document(tab);
    set_state(tab, TAB_LOADING);
}

static void retry_is_due(struct loop_timer *timer)
{
    struct tab *tab = LOOP_OWNER(timer, struct tab, retry_timer);
    tab->n_restarts++;
    spawn(tab);
}

static void restart_after(struct tab *tab, uint64_t delay_ns)
{
    set_state(tab, TAB_RESTARTING);
    if (tab->state != TAB_RESTARTING)
        return; /* the owner had enough, and closed everything */
    if (delay_ns == 0)
        retry_is_due(&tab->retry_timer);
    else
        loop_arm(tab->setup->loop, &tab->retry_timer, clock_now_ns() + delay_ns, retry_is_due);
}

static void take_end(struct child *child, const struct evidence *evidence)
{
    struct tab *tab = child->owner;
    const struct tab_setup *setup = tab->setup;
    traffic_add(&tab->past_traffic, &child->traffic);
    tab->child = NULL;
    tab->plan = (struct inject_plan){0}; /* for one that is no more */
    loop_disarm(setup->loop, &tab->watchdog);
    if (tab->state == TAB_FAILED || tab->state == TAB_CLOSED) {
        setup->handlers->gone(setup->owner, tab);
        return;
    }
    tab->evidence = *evidence;
    tab->verdict = crash_judge(evidence);
    if (child->failure[0] != '\0')
        snprintf(tab->reason, sizeof tab->reason, "%s", child->failure);
    else
        crash_describe(evidence, tab->reason, sizeof tab->reason);

    if (evidence->init_died) {
        setup->handlers->orphaned(setup->owner, tab);
        restart_after(tab, ORPHAN_DELAY_NS);
        return;
    }
    tab->retry = setup->handlers->crashed(setup->owner, tab, child->modules);
    if (tab->retry.will_retry)
        restart_after(tab, tab->retry.delay_ns);
    else
        fail(tab);
}

/* The renderer exists. */
static void take_clone(struct child *child)
{
    struct tab *tab = child->owner;
    const struct inject_plan plan = tab->plan;
    watch(tab, climb_timeout(tab));
    if (plan.fault == INJECT_NONE || plan.stage != STAGE_CLIMBING)
        return;
    tab->plan = (struct inject_plan){0};
    fail_from_outside(child, plan.fault);
}

static const struct child_handlers handlers = {
    .cloned = take_clone, .ready = take_ready, .fact = take_fact, .ended = take_end};

/* A renderer that was let go for a reload: nobody listens to it any more. */
static void leaver_ready(struct child *child)
{
    (void)child;
}

static void leaver_fact(struct child *child, const struct message *fact)
{
    (void)child, (void)fact;
}

static void leaver_ended(struct child *child, const struct evidence *evidence)
{
    struct tab *tab = child->owner;
    if (tab->setup->handlers->left != NULL)
        tab->setup->handlers->left(tab->setup->owner, tab, evidence);
}

static const struct child_handlers leaver_handlers = {
    .ready = leaver_ready, .fact = leaver_fact, .ended = leaver_ended};

/* ---- life ------------------------------------------------------------------------------------------------------------------- */

void tab_init(struct tab *tab, const struct tab_setup *setup, unsigned number, const struct document *document)
{
    *tab = (struct tab){
        .setup = setup, .number = number, .document = document, .page = setup->page, .frame_fd = -1, .shown_slot = 1};
}

static void spawn(struct tab *tab)
{
    const struct tab_setup *setup = tab->setup;
    tab->started_ns = clock_now_ns();
    tab->pid = 0;
    tab->child = spawner_spawn(setup->spawner, tab->document->n_bytes + setup->layout.total_bytes, &handlers, tab);
    if (tab->child == NULL) {
        snprintf(tab->reason, sizeof tab->reason, "no renderer could be asked for: out of descriptors or memory");
        fail(tab);
        return;
    }
    set_state(tab, TAB_SPAWNING);
    if (tab->state != TAB_SPAWNING)
        return;
    watch(tab, climb_timeout(tab));
    if (child_is_ready(tab->child)) /* a spare */
        take_ready(tab->child);
}

void tab_start(struct tab *tab)
{
    if (tab->document->refusal != REFUSAL_NONE)
        refuse(tab, tab->document->refusal, tab->document->detail);
    else
        spawn(tab);
}

void tab_reload(struct tab *tab)
{
    assert(tab->state == TAB_LIVE || tab->state == TAB_RESTARTING || tab->state == TAB_FAILED);
    loop_disarm(tab->setup->loop, &tab->watchdog);
    loop_disarm(tab->setup->loop, &tab->retry_timer);
    if (tab->child != NULL) {
        /* It may still write to its frame, until it is gone: the next gets another. */
        fd_close(&tab->frame_fd);
        /* Counted now, and not what it still says: statistics must not fall until it is gone. */
        traffic_add(&tab->past_traffic, &tab->child->traffic);
        tab->child->handlers = &leaver_handlers;
        child_dismiss(tab->child);
        tab->child = NULL;
    }
    tab->refusal = REFUSAL_NONE;
    tab->n_restarts++;
    spawn(tab);
}

bool tab_repaint(struct tab *tab)
{
    if (tab->state != TAB_LIVE || tab->child == NULL || tab->child->when != WHEN_IDLE)
        return false;
    /* One that is drawn again is worth a ring; Joined goes on with the Paint. */
    if (!tab->setup->no_ring && child_share(tab->child, tab->serial + 1)) {
        tab->serial++;
        watch(tab, tab->setup->timeout_ns);
    } else {
        order_paint(tab);
    }
    return true;
}

void tab_close(struct tab *tab)
{
    loop_disarm(tab->setup->loop, &tab->watchdog);
    loop_disarm(tab->setup->loop, &tab->retry_timer);
    if (tab->state != TAB_CLOSED)
        set_state(tab, TAB_CLOSED);
    if (tab->child != NULL)
        child_dismiss(tab->child);
}

void tab_finish(struct tab *tab)
{
    fd_close(&tab->frame_fd);
    free(tab->title);
    tab->title = NULL;
}

bool tab_is_settled(const struct tab *tab)
{
    return (tab->state == TAB_LIVE && tab->child != NULL) ||
           ((tab->state == TAB_FAILED || tab->state == TAB_CLOSED) && tab->child == NULL);
}

const char *tab_state_name(enum tab_state state)
{
    static const char *const names[] = {
        [TAB_QUEUED] = "queued",         [TAB_SPAWNING] = "spawning", [TAB_LOADING] = "loading", [TAB_LIVE] = "live",
        [TAB_RESTARTING] = "restarting", [TAB_FAILED] = "failed",     [TAB_CLOSED] = "closed"};
    return names[state];
}
