#include "broker/port.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "broker/tell.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/ring.h"

/* What shows that it works. A side that is busy with a page answers when that is done. */
static const struct child_exchange proof = {.n = 10000, .payload_bytes = 64, .window = 1, .limit_ms = 2000};

/* ---- the ring ------------------------------------------------------------------------------------------------------------ */

int port_connect_children(struct child *const children[2], uint64_t id, const uint64_t credits[2])
{
    CLOSE_FD int memory = -1;
    const int error = ring_create(&memory);
    if (error != 0)
        return error;
    CLOSE_FD int first_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CLOSE_FD int second_bell = first_bell < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (second_bell < 0)
        return -errno;
    const int for_first[LINK_OFFER_FDS] = {
        [LINK_FD_RING] = memory, [LINK_FD_FAR_BELL] = first_bell, [LINK_FD_NEAR_BELL] = second_bell};
    const int for_second[LINK_OFFER_FDS] = {
        [LINK_FD_RING] = memory, [LINK_FD_FAR_BELL] = second_bell, [LINK_FD_NEAR_BELL] = first_bell};
    child_connect(children[0], id, RING_FIRST, credits[0], for_first);
    child_connect(children[1], id, RING_SECOND, credits[1], for_second);
    return 0;
}

/* ---- telling ------------------------------------------------------------------------------------------------------------- */

static struct event_port event_of(const struct port *port, const char *state, const char *reason)
{
    return (struct event_port){
        .a = port->ends[0].tab->number, .b = port->ends[1].tab->number, .state = state, .reason = reason};
}

static void tell(struct port *port, const struct event_port *event)
{
    events_port(port->setup.events, event);
    if (port->setup.quiet)
        return;
    summary_progress_clear(port->setup.progress);
    tell_port_line(event);
}

static void tell_exchanged(struct port *port, const Vitrine__Exchanged *exchanged)
{
    struct event_port event = event_of(port, "open", NULL);
    const uint64_t n_answered = exchanged->n - exchanged->lost;
    event.exchanged = true;
    event.n = exchanged->n;
    event.lost = exchanged->lost;
    event.p50_ns = exchanged->p50_ns;
    event.p99_ns = exchanged->p99_ns;
    if (exchanged->total_ns > 0)
        event.per_s = (double)n_answered * (double)NS_PER_S / (double)exchanged->total_ns;
    tell(port, &event);
}

/* ---- the ends ------------------------------------------------------------------------------------------------------------ */

/* The renderer that has its end, or could have; NULL: there is none now. */
static struct child *renderer_of(const struct port_end *end)
{
    struct child *child = end->tab->child;
    return end->tab->state == TAB_LIVE && child != NULL && !child->condemned ? child : NULL;
}

static bool has_its_end(const struct port *port, const struct port_end *end)
{
    const struct child *child = renderer_of(end);
    return child != NULL && child->port.id == port->id && (child->port.when & (WHEN_APART | WHEN_DISCONNECTING)) == 0;
}

static bool is_connected(const struct port_end *end)
{
    const struct child *child = renderer_of(end);
    return child != NULL && (child->port.when & (WHEN_CONNECTED | WHEN_EXCHANGING)) != 0;
}

static bool owes_answer(const struct child *child)
{
    return (child->port.when & (WHEN_CONNECTING | WHEN_EXCHANGING | WHEN_DISCONNECTING)) != 0;
}

static unsigned count_restarts(const struct port *port)
{
    return port->ends[0].tab->n_restarts + port->ends[1].tab->n_restarts;
}

/* One that has another order to work on has that one's watchdog, and as much time for ours when it is done. */
static void answer_is_due(struct loop_timer *timer)
{
    struct port_end *end = LOOP_OWNER(timer, struct port_end, watchdog);
    struct child *child = renderer_of(end);
    if (child == NULL || !owes_answer(child))
        return;
    if (child->when != WHEN_IDLE) {
        end->is_excused = true;
        return;
    }
    child->evidence.hung = true;
    child_condemn(child);
}

static void watch(struct port_end *end, uint64_t limit_ns)
{
    const struct port_setup *setup = &end->port->setup;
    end->is_excused = false;
    loop_arm(setup->loop, &end->watchdog, clock_now_ns() + setup->timeout_ns + limit_ns, answer_is_due);
}

/* ---- from state to state ------------------------------------------------------------------------------------------------- */

/* Who has been told to connect and has not said that it is cannot be told otherwise yet: that goes by another way, where
 * there is a ring to the broker, and might come first. */
static void disconnect(struct port_end *end)
{
    if (!is_connected(end))
        return;
    child_disconnect(renderer_of(end), ++end->port->serial);
    watch(end, 0);
}

static void close_ends(struct port *port, enum port_state state, const char *reason)
{
    const struct event_port event = event_of(port, state == PORT_BROKEN ? "broken" : "closed", reason);
    port->state = state;
    port->broken_with = count_restarts(port);
    tell(port, &event);
    disconnect(&port->ends[0]);
    disconnect(&port->ends[1]);
}

static const char *why_not(const struct port_end *missing, char *reason, size_t n_reason)
{
    const struct tab *tab = missing->tab;
    if (tab->state == TAB_LIVE)
        snprintf(reason, n_reason, "tab %u has lost its renderer", tab->number);
    else
        snprintf(reason, n_reason, "tab %u is %s", tab->number, tab_state_name(tab->state));
    return reason;
}

static void close_for_want_of(struct port *port, const struct port_end *missing)
{
    char reason[64];
    close_ends(port, PORT_CLOSED, why_not(missing, reason, sizeof reason));
}

static void try_to_connect(struct port *port)
{
    struct child *const children[2] = {renderer_of(&port->ends[0]), renderer_of(&port->ends[1])};
    if (children[0] == NULL || children[1] == NULL || children[0]->port.when != WHEN_APART ||
        children[1]->port.when != WHEN_APART)
        return;
    const int error = port_connect_children(children, ++port->serial, (const uint64_t[2]){0, proof.n});
    if (error != 0) {
        char reason[128];
        snprintf(reason, sizeof reason, "no ring can be made: %s", strerror(-error));
        close_ends(port, PORT_BROKEN, reason);
        return;
    }
    port->id = port->serial;
    port->state = PORT_OPENING;
    watch(&port->ends[0], 0);
    watch(&port->ends[1], 0);
}

static void try_to_open(struct port *port)
{
    if (!is_connected(&port->ends[0]) || !is_connected(&port->ends[1]))
        return;
    const struct event_port event = event_of(port, "open", NULL);
    port->state = PORT_OPEN;
    events_port(port->setup.events, &event); /* people hear of it when it was shown to work */
    child_exchange(renderer_of(&port->ends[0]), ++port->serial, &proof);
    watch(&port->ends[0], proof.limit_ms * NS_PER_MS);
}

static void go_on(struct port *port)
{
    const bool is_up = port->state == PORT_OPENING || port->state == PORT_OPEN;
    for (int i = 0; i < 2 && is_up; i++) {
        if (!has_its_end(port, &port->ends[i])) {
            close_for_want_of(port, &port->ends[i]);
            break;
        }
    }
    if (port->state == PORT_BROKEN && count_restarts(port) != port->broken_with)
        port->state = PORT_CLOSED;
    if (port->state == PORT_OPENING)
        try_to_open(port);
    if (port->state == PORT_CLOSED || port->state == PORT_BROKEN) {
        disconnect(&port->ends[0]);
        disconnect(&port->ends[1]);
    }
    if (port->state == PORT_CLOSED)
        try_to_connect(port);
    port->setup.changed(port->setup.owner);
}

/* ---- from outside -------------------------------------------------------------------------------------------------------- */

void port_init(struct port *port, const struct port_setup *setup)
{
    *port = (struct port){.setup = *setup, .is_wanted = true};
    for (int i = 0; i < 2; i++)
        port->ends[i] = (struct port_end){.port = port, .tab = setup->tabs[i]};
}

void port_close(struct port *port)
{
    if (!port->is_wanted)
        return;
    port->is_wanted = false;
    for (int i = 0; i < 2; i++)
        loop_disarm(port->setup.loop, &port->ends[i].watchdog);
    if (port->state == PORT_OPEN) {
        const struct event_port event = event_of(port, "closed", "the broker ends");
        port->state = PORT_CLOSED;
        events_port(port->setup.events, &event);
    } else if (port->id == 0) { /* there never was one */
        char reason[64];
        const struct port_end *missing = &port->ends[renderer_of(&port->ends[0]) != NULL];
        const struct event_port event = event_of(port, "closed", why_not(missing, reason, sizeof reason));
        tell(port, &event);
    }
}

static bool is_concerned(const struct port *port, const struct tab *tab)
{
    return port->is_wanted && (port->ends[0].tab == tab || port->ends[1].tab == tab);
}

static struct port_end *end_of(struct port *port, const struct tab *tab)
{
    return &port->ends[port->ends[1].tab == tab];
}

void port_tab_changed(struct port *port, const struct tab *tab)
{
    if (!is_concerned(port, tab))
        return;
    struct port_end *end = end_of(port, tab);
    if (end->is_excused)
        watch(end, 0);
    go_on(port);
}

void port_tab_says(struct port *port, const struct tab *tab, const struct message *fact)
{
    if (!is_concerned(port, tab))
        return;
    struct port_end *end = end_of(port, tab);
    if (!owes_answer(tab->child)) {
        loop_disarm(port->setup.loop, &end->watchdog);
        end->is_excused = false;
    }
    if (fact->kind == MESSAGE_EXCHANGED && port->state == PORT_OPEN)
        tell_exchanged(port, fact->exchanged);
    if (fact->kind == MESSAGE_PORT_CLOSED && (port->state == PORT_OPENING || port->state == PORT_OPEN)) {
        char reason[96];
        snprintf(reason, sizeof reason, "tab %u says of the other side: %s", tab->number,
                 message_fault_name((enum message_fault)fact->port_closed->reason));
        close_ends(port, PORT_BROKEN, reason);
    }
    go_on(port);
}

bool port_is_settled(const struct port *port)
{
    if (!port->is_wanted)
        return true;
    for (int i = 0; i < 2; i++) {
        const struct child *child = renderer_of(&port->ends[i]);
        if (child != NULL && owes_answer(child))
            return false;
    }
    /* A tab that is not live is to come back, and waited for by whoever asks; or it does not, and that is told. */
    return port->state == PORT_OPEN || port->state == PORT_BROKEN ||
           (port->state == PORT_CLOSED && (renderer_of(&port->ends[0]) == NULL || renderer_of(&port->ends[1]) == NULL));
}

bool port_is_broken(const struct port *port)
{
    return port->state == PORT_BROKEN;
}
