#include "broker/tab.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/fd.h"

/* A renderer climbs its ladder in milliseconds; --timeout is about documents. */
#define CLIMB_TIMEOUT_NS (20 * NS_PER_S)
/* Progress keeps a slow document alive, but not for ever: so many timeouts an order, ten minutes by default. */
#define MAX_TIMEOUTS 60

static void set_state(struct tab *tab, enum tab_state state)
{
    static const unsigned may_follow[] = {
        [TAB_QUEUED] = 1u << TAB_SPAWNING | 1u << TAB_FAILED | 1u << TAB_CLOSED,
        [TAB_SPAWNING] = 1u << TAB_LOADING | 1u << TAB_FAILED | 1u << TAB_CLOSED,
        [TAB_LOADING] = 1u << TAB_LIVE | 1u << TAB_FAILED | 1u << TAB_CLOSED,
        [TAB_LIVE] = 1u << TAB_FAILED | 1u << TAB_CLOSED,
        [TAB_FAILED] = 1u << TAB_CLOSED,
        [TAB_CLOSED] = 0,
    };
    assert(may_follow[tab->state] & 1u << state);
    tab->state = state;
    tab->setup->changed(tab->setup->owner, tab);
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

static void hung(struct loop_timer *timer)
{
    struct tab *tab = LOOP_OWNER(timer, struct tab, watchdog);
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
    order.page = tab->setup->page;
    order.zoom = tab->setup->zoom;
    child_order(tab->child, MESSAGE_PAINT, &order.base, NULL, 0, order.serial, WHEN_PAINTING);
    watch(tab, tab->setup->timeout_ns);
}

/* ---- facts ------------------------------------------------------------------------------------------------------------------ */

static void take_opened(struct tab *tab, const Vitrine__Opened *opened)
{
    tab->kind = (enum document_kind)opened->document_kind;
    tab->n_pages = opened->n_pages;
    tab->open_ns = opened->open_ns;
    if (opened->title[0] != '\0')
        tab->title = strdup(opened->title);
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
    if (tab->state != TAB_LOADING)
        return;
    tab->first_frame_ns = clock_now_ns() - tab->started_ns;
    set_state(tab, TAB_LIVE);
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
    case MESSAGE_NONE:
    case MESSAGE_SPAWN:
    case MESSAGE_WARMED:
    case MESSAGE_SPAWNED:
    case MESSAGE_LISTENING:
    case MESSAGE_READY:
    case MESSAGE_OPEN:
    case MESSAGE_PAINT:
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
        tab->setup->unsafe(tab->setup->owner, child);
        return;
    }
    const int error = frame_create(&tab->setup->layout, &tab->frame_fd, &(bool){false});
    if (error != 0) {
        child_dismiss(child);
        snprintf(tab->reason, sizeof tab->reason, "no frame could be made: %s", strerror(-error));
        fail(tab);
        return;
    }
    order_open(tab);
    set_state(tab, TAB_LOADING);
}

static void take_end(struct child *child, const struct evidence *evidence)
{
    struct tab *tab = child->owner;
    tab->child = NULL;
    loop_disarm(tab->setup->loop, &tab->watchdog);
    if (tab->state == TAB_FAILED || tab->state == TAB_CLOSED) {
        tab->setup->changed(tab->setup->owner, tab);
        return;
    }
    tab->evidence = *evidence;
    tab->verdict = crash_judge(evidence);
    if (child->failure[0] != '\0')
        snprintf(tab->reason, sizeof tab->reason, "%s", child->failure);
    else
        crash_describe(evidence, tab->reason, sizeof tab->reason);
    tab->setup->crashed(tab->setup->owner, tab);
    fail(tab);
}

static const struct child_handlers handlers = {.ready = take_ready, .fact = take_fact, .ended = take_end};

/* ---- life ------------------------------------------------------------------------------------------------------------------- */

void tab_init(struct tab *tab, const struct tab_setup *setup, unsigned number, const struct document *document)
{
    *tab = (struct tab){.setup = setup, .number = number, .document = document, .frame_fd = -1, .shown_slot = 1};
}

void tab_start(struct tab *tab)
{
    const struct tab_setup *setup = tab->setup;
    tab->started_ns = clock_now_ns();
    if (tab->document->refusal != REFUSAL_NONE) {
        refuse(tab, tab->document->refusal, tab->document->detail);
        return;
    }
    tab->child = spawner_spawn(setup->spawner, tab->document->n_bytes + setup->layout.total_bytes, &handlers, tab);
    if (tab->child == NULL) {
        snprintf(tab->reason, sizeof tab->reason, "no renderer could be asked for: out of descriptors or memory");
        fail(tab);
        return;
    }
    set_state(tab, TAB_SPAWNING);
    watch(tab, CLIMB_TIMEOUT_NS);
    if (child_is_ready(tab->child))
        take_ready(tab->child);
}

void tab_close(struct tab *tab)
{
    loop_disarm(tab->setup->loop, &tab->watchdog);
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
    return tab->state == TAB_LIVE || ((tab->state == TAB_FAILED || tab->state == TAB_CLOSED) && tab->child == NULL);
}

const char *tab_state_name(enum tab_state state)
{
    static const char *const names[] = {[TAB_QUEUED] = "queued", [TAB_SPAWNING] = "spawning", [TAB_LOADING] = "loading",
                                        [TAB_LIVE] = "live",     [TAB_FAILED] = "failed",     [TAB_CLOSED] = "closed"};
    return names[state];
}
