/* The broker's one loop: epoll over descriptors, one timerfd behind all timers, and rings in shared memory, which are
 * looked at in turn with them. One thread. It sleeps as soon as there is nothing to do, but for a few microseconds after
 * a ring's peer was given something to answer, as long as answers do come that soon.
 *
 * Handlers may add and remove anything, themselves included: an event of the same batch that is meant for a source
 * removed meanwhile is dropped. */
#ifndef BROKER_LOOP_H
#define BROKER_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/queue.h>

#include "common/ring.h"

struct loop;

/* Lies in its owner, who finds himself with LOOP_OWNER. */
struct loop_source {
    int fd; /* borrowed; -1 while not in a loop */
    void (*ready)(struct loop_source *source, uint32_t events);
};

struct loop_timer {
    uint64_t at_ns; /* CLOCK_MONOTONIC; 0 while not armed */
    void (*fire)(struct loop_timer *timer);
    TAILQ_ENTRY(loop_timer) link;
};

/* A ring, which has news without a descriptor that tells. Its bell is a source like others, and wakes the loop. */
struct loop_ring {
    struct ring *ring; /* borrowed */
    bool awaits;       /* an answer that may come soon is due */
    /* Takes what is there, a bounded amount, and rings the other side's bell. Returns how much it was. */
    unsigned (*take)(struct loop_ring *ring);
    TAILQ_ENTRY(loop_ring) link;
    bool is_linked;
};

#define LOOP_OWNER(member_pointer, type, member) ((type *)(void *)((char *)(member_pointer)-offsetof(type, member)))

int loop_create(struct loop **ret_loop);
void loop_destroy(struct loop *loop);

/* source->ready is called with epoll's event bits. 0 or -errno. */
int loop_add(struct loop *loop, struct loop_source *source, int fd, uint32_t events,
             void (*ready)(struct loop_source *, uint32_t));
void loop_set_events(struct loop *loop, struct loop_source *source, uint32_t events);
/* Before the descriptor is closed. Nothing happens for a source that is in no loop. */
void loop_remove(struct loop *loop, struct loop_source *source);

/* Arms or re-arms; disarming what is not armed is fine. A timer fires once, and not before what has arrived was handled:
 * when the whole process slept (stopped, suspended), all timers are put off by as long. */
void loop_arm(struct loop *loop, struct loop_timer *timer, uint64_t at_ns, void (*fire)(struct loop_timer *));
void loop_disarm(struct loop *loop, struct loop_timer *timer);

/* take may remove this ring, and others. */
void loop_add_ring(struct loop *loop, struct loop_ring *ring);
/* Nothing happens for a ring that is in no loop. */
void loop_remove_ring(struct loop *loop, struct loop_ring *ring);

/* Handles events until loop_quit. 0 or -errno. */
int loop_run(struct loop *loop);
void loop_quit(struct loop *loop);

#endif
