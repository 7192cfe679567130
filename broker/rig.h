/* Spawner, loop and children without tabs, driven one step at a time: order something, wait until it is done. For
 * measuring. */
#ifndef BROKER_RIG_H
#define BROKER_RIG_H

#include "broker/child.h"
#include "broker/document.h"
#include "broker/loop.h"
#include "broker/options.h"
#include "broker/spawn.h"
#include "common/frame.h"

struct rig {
    /* Something went wrong, in one line: told once. When this returns, waits end at once. */
    void (*fail)(struct rig *rig, const char *why);
    bool has_failed, is_closed;
    struct loop *loop;
    struct spawner *spawner;
    uint64_t zygote_ns; /* from spawner_create to Warmed */
    unsigned n_awaited; /* what rig_wait waits for */
    struct loop_timer limit, probe;
};

/* A renderer, and the document it has open. */
struct rig_child {
    struct rig *rig;
    struct child *child; /* NULL before rig_spawn and once it has ended */
    uint64_t spawn_ns;   /* Spawn to Ready */
    bool ready;          /* and its figures below are filled in */
    pid_t pid;
    uint32_t rung_ns[RUNG_COUNT];

    uint64_t serial;
    /* Instead of waiting: for Ponged, and, unless NULL, for Painted; Exchanged is waited for, and told as well. */
    void (*fact)(struct rig_child *child, const struct message *fact);
    void (*painted)(struct rig_child *child);
    void *owner;
    int frame_fd;
    bool leaves; /* rig_dismiss */
    uint32_t slot, n_pages;
    uint64_t open_ns, paint_ns; /* the renderer's own clock */
};

/* Starts a zygote and waits until it is warm. options: memory_bytes 0 is 512 MB. fail is called when that cannot be, and
 * whenever something goes wrong later; rig_destroy is due either way. */
void rig_create(struct rig *rig, const struct spawner_options *options, void (*fail)(struct rig *rig, const char *why));
/* Lets all renderers go. */
void rig_destroy(struct rig *rig);

/* Waits for all that was ordered since the last wait. What takes a minute has failed. */
void rig_wait(struct rig *rig);
/* One thing that somebody else ordered (a tab, for one) is to be waited for, and has come. */
void rig_expect(struct rig *rig);
void rig_arrived(struct rig *rig);

/* Ordered, and done after rig_wait: */
void rig_spawn(struct rig *rig, struct rig_child *child, size_t mapped_bytes);
void rig_open(struct rig_child *child, const struct document *document, const struct frame_layout *layout);
void rig_paint(struct rig_child *child, uint32_t page); /* into the other slot, as a tab does */
void rig_share(struct rig_child *child);                /* a ring; nothing is ordered where there cannot be one */
void rig_dismiss(struct rig_child *child);              /* lets it go */

#endif
