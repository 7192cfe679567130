/* One document's life: from the wish to see it to its picture, or to the reason why there is none. */
#ifndef BROKER_TAB_H
#define BROKER_TAB_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/child.h"
#include "broker/document.h"
#include "broker/spawn.h"
#include "common/frame.h"

/*            start             Ready, Open sent      Painted
 *   QUEUED ────────► SPAWNING ─────────────► LOADING ───────► LIVE
 *      │                 │                      │             │
 *      └── no document ──┴──── refused, or its renderer ended ┴──► FAILED
 *   and from anywhere, when the broker closes it: CLOSED */
enum tab_state { TAB_QUEUED, TAB_SPAWNING, TAB_LOADING, TAB_LIVE, TAB_FAILED, TAB_CLOSED };
#define TAB_STATE_COUNT 6

struct tab;

/* What all tabs have in common. */
struct tab_setup {
    struct loop *loop;
    struct spawner *spawner;
    struct frame_layout layout;
    uint32_t page;
    float zoom;
    uint64_t timeout_ns;
    /* The state changed, or the renderer of a failed tab is gone. */
    void (*changed)(void *owner, struct tab *tab);
    /* Its renderer ended, and not because it was asked to. tab->evidence has the reasons. */
    void (*crashed)(void *owner, struct tab *tab);
    /* A renderer is at hand, but with fewer layers than were promised: the broker must not go on. */
    void (*unsafe)(void *owner, const struct child *child);
    void *owner;
};

struct tab {
    const struct tab_setup *setup;
    unsigned number;                 /* from 1 */
    const struct document *document; /* borrowed; several tabs may show one */
    enum tab_state state;

    struct child *child; /* NULL when there is none */
    struct loop_timer watchdog;
    uint64_t serial, ordered_ns; /* of the latest order */

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

    /* When failed. */
    enum refusal refusal; /* REFUSAL_NONE: it crashed */
    enum verdict verdict;
    struct evidence evidence;
    char reason[256]; /* one line for people; may hold hostile text */

    /* Notes of the setup's owner. */
    bool told[TAB_STATE_COUNT]; /* states that people have heard of */
    bool settled;
    enum tab_state ended_as; /* what it was when everything was closed */
};

void tab_init(struct tab *tab, const struct tab_setup *setup, unsigned number, const struct document *document);
/* Asks for a renderer, or fails at once when the document was refused. */
void tab_start(struct tab *tab);
/* Lets its renderer go. The picture stays. */
void tab_close(struct tab *tab);
void tab_finish(struct tab *tab);

/* It has come to an end, good or bad: a picture, or a told failure with no process left behind it. */
bool tab_is_settled(const struct tab *tab);

const char *tab_state_name(enum tab_state state);

#endif
