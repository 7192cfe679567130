/* One document's life: from the wish to see it to its picture, or to the reason why there is none. */
#ifndef BROKER_TAB_H
#define BROKER_TAB_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/child.h"
#include "broker/document.h"
#include "broker/inject_plan.h"
#include "broker/modules.h"
#include "broker/spawn.h"
#include "common/frame.h"

/*            start             Ready, Open sent      Painted
 *   QUEUED ────────► SPAWNING ─────────────► LOADING ───────► LIVE
 *      │              ▲  ▲ │                    │             │
 *      │   retry timer│  │ └────── its renderer ended ─────────┤
 *      │              │  │                                     ▼
 *      │        RESTARTING ◄──── or, when it is tried no more: FAILED ◄─── refused
 *      └── no document ───────────────────────────────────────►┘ (tab_retry: again, by hand)
 * A tab that is reloaded goes from LIVE or RESTARTING to SPAWNING; and from anywhere, when the broker closes it: CLOSED. */
enum tab_state { TAB_QUEUED, TAB_SPAWNING, TAB_LOADING, TAB_LIVE, TAB_RESTARTING, TAB_FAILED, TAB_CLOSED };
#define TAB_STATE_COUNT 7

struct tab;

/* What the owner of the tabs says when a renderer has ended. */
struct tab_retry {
    bool will_retry;
    uint64_t delay_ns; /* from now */
};

/* What the owner hears. */
struct tab_handlers {
    void (*changed)(void *owner, struct tab *tab);
    /* The renderer of a tab that had failed or was closed before is gone. */
    void (*gone)(void *owner, struct tab *tab);
    /* Its renderer ended, and not because it was asked to; tab->evidence has the reasons; modules say what
     * code lay where, and may be NULL. Decides what follows. */
    struct tab_retry (*crashed)(void *owner, struct tab *tab, const struct modules *modules);
    /* The same, because its zygote's init did: no fault of the tab, which is restarted. */
    void (*orphaned)(void *owner, struct tab *tab);
    /* It goes on with an order that takes long. */
    void (*progressed)(void *owner, struct tab *tab);
    /* A picture came to a tab that was live already. */
    void (*painted)(void *owner, struct tab *tab);
    /* Faults on purpose: it survived one; the renderer that was let go for a reload ended so. Both may be NULL. */
    void (*survived)(void *owner, struct tab *tab);
    void (*left)(void *owner, struct tab *tab, const struct evidence *evidence);
    /* What it says of its port, if it has one: Connected, Exchanged, Disconnected or PortClosed, checked. May be NULL. */
    void (*port)(void *owner, struct tab *tab, const struct message *fact);
    /* A renderer is at hand, but with fewer layers than were promised: the broker must not go on. */
    void (*unsafe)(void *owner, const struct child *child);
};

/* What all tabs have in common. */
struct tab_setup {
    struct loop *loop;
    struct spawner *spawner;
    struct frame_layout layout;
    uint32_t page; /* the first to be shown */
    float zoom;
    uint64_t timeout_ns;
    bool no_ring; /* everything by the socket */
    const struct tab_handlers *handlers;
    void *owner;
};

struct tab {
    const struct tab_setup *setup;
    unsigned number;                 /* from 1 */
    const struct document *document; /* borrowed; several tabs may show one */
    enum tab_state state;
    uint32_t page; /* what it shows, from 0, and shows again after a restart */

    struct child *child;         /* NULL when there is none */
    struct traffic past_traffic; /* of those before it */
    struct loop_timer watchdog;
    uint64_t serial, ordered_ns; /* of the latest order */
    struct loop_timer retry_timer;
    struct inject_plan plan; /* of the next renderer */

    int frame_fd;        /* -1 before Open */
    uint32_t shown_slot; /* the one that holds the latest picture */

    /* Facts, checked; text still hostile. */
    pid_t pid;
    enum document_kind kind;
    uint32_t n_pages;
    char *title;
    uint32_t layers;
    uint32_t rung_ns[RUNG_COUNT];
    uint64_t started_ns;               /* when it asked for a renderer */
    uint64_t spawn_ns, first_frame_ns; /* spans: Spawn to Ready; tab_start to the first Painted */
    uint64_t open_ns, paint_ns;        /* the renderer's own claims */

    /* Of the latest end of a renderer, and why there is none. */
    enum refusal refusal; /* REFUSAL_NONE: it crashed */
    enum verdict verdict;
    struct evidence evidence;
    char reason[256];       /* one line for people; may hold hostile text */
    char report_id[9];      /* of the latest report that is kept; "": none */
    unsigned n_restarts;    /* renderers it had after the first */
    struct tab_retry retry; /* what was decided then */

    /* Notes of the setup's owner. */
    bool told_live;
    uint64_t told_waiting_ns; /* how long its order took, when that was last told */
    bool loading, settled;
    enum tab_state ended_as; /* what it was when everything was closed */
};

void tab_init(struct tab *tab, const struct tab_setup *setup, unsigned number, const struct document *document);
/* Asks for a renderer, or fails at once when the document was refused. */
void tab_start(struct tab *tab);
/* Lets its renderer go. The picture stays. */
void tab_close(struct tab *tab);
void tab_finish(struct tab *tab);

/* Starts over with a fresh renderer and the same page: at once, whatever was decided before. The one it has is let go,
 * and heard of in `left`. Legal when LIVE, RESTARTING or FAILED. */
void tab_reload(struct tab *tab);

/* Draws again what a live tab shows; `painted` follows. False when an order is out. */
bool tab_repaint(struct tab *tab);

/* Makes its renderer fail. For a moment that is yet to come the tab is reloaded, or painted anew, or closed and opened.
 * Legal when LIVE with no order out. */
void tab_inject(struct tab *tab, const struct inject_plan *plan);

/* It has come to an end, good or bad: a picture, or a told failure with no process left behind it. */
bool tab_is_settled(const struct tab *tab);

const char *tab_state_name(enum tab_state state);

#endif
