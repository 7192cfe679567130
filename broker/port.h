/* --port A:B: a ring between the renderers of two tabs, which exchange messages by it without the broker. The broker makes
 * it, hands each side its end, keeps none, and takes the ends back when one of the two has gone; when both are there
 * again they get a new one. That it works is shown each time, by Pings that tab a sends.
 *
 *            both live: Connect        both Connected: Exchange
 *     CLOSED ───────────────► OPENING ────────────────► OPEN
 *        ▲ ▲                     │                        │
 *        │ └─ Disconnect to who is left ── one has gone ──┤
 *        │                                                ▼
 *        └─ one of the renderers is another ─────────── BROKEN ◄── PortClosed: one had something illegal from the other
 *
 * What one renderer says of the other convicts nobody. One that does not answer an order of the broker's own does hang. */
#ifndef BROKER_PORT_H
#define BROKER_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/events.h"
#include "broker/loop.h"
#include "broker/summary.h"
#include "broker/tab.h"

enum port_state { PORT_CLOSED, PORT_OPENING, PORT_OPEN, PORT_BROKEN };

struct port_setup {
    struct loop *loop;
    struct tab *tabs[2];
    uint64_t timeout_ns; /* for an answer */
    struct events *events;
    struct summary_progress *progress;
    bool quiet; /* tells events alone */
    /* port_is_settled may have another answer by now. */
    void (*changed)(void *owner);
    void *owner;
};

struct port_end {
    struct port *port;
    struct tab *tab;
    struct loop_timer watchdog; /* of the order that is out */
    bool is_excused;            /* that was due, and another order was being worked on */
};

struct port {
    struct port_setup setup;
    bool is_wanted;
    enum port_state state;
    struct port_end ends[2];
    uint64_t id, serial;  /* of the latest one; of its latest order */
    unsigned broken_with; /* how often both tabs together had been restarted then */
};

/* All of setup is borrowed. */
void port_init(struct port *port, const struct port_setup *setup);
/* The broker ends, and the tabs are about to be closed. Again is fine, and for what was never wanted but zeroed. */
void port_close(struct port *port);

/* What their owner hears from tabs. changed: another state, or it is done with an order. */
void port_tab_changed(struct port *port, const struct tab *tab);
void port_tab_says(struct port *port, const struct tab *tab, const struct message *fact);

/* It works, or cannot, as long as no tab changes: nothing is under way. True where none was wanted. */
bool port_is_settled(const struct port *port);
bool port_is_broken(const struct port *port);

/* Makes a ring, and gives each child, that has none, its end of a port `id`. Each child's Connected follows. credits: how
 * many Pings each takes from the other. 0 or -errno, and nothing was ordered. */
int port_connect_children(struct child *const children[2], uint64_t id, const uint64_t credits[2]);

#endif
