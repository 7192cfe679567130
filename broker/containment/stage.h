/* A stage for the containment table: a spawner whose renderers are intruders, and actors on it, tabs whose documents say
 * what to try. Everything is asked for in a straight line; the loop runs while something is waited for. */
#ifndef BROKER_STAGE_H
#define BROKER_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/containment/table.h"
#include "broker/document.h"
#include "broker/loop.h"
#include "broker/options.h"
#include "broker/signals.h"
#include "broker/spawn.h"
#include "broker/tab.h"

/* One renderer in a tab. */
struct actor {
    struct stage *stage;
    struct tab tab;
    struct document document;
    bool is_started;
    bool crashed;        /* its evidence is in the tab */
    uint64_t asked_ns;   /* when it was last asked for a picture; 0: it has answered */
    uint64_t slowest_ns; /* of its answers */
};

/* What a broker at rest has. */
struct stage_traces {
    int n_fds;
    unsigned n_children;
    size_t heap_bytes;
};

struct stage {
    const struct options *options;
    struct loop *loop;
    struct spawner *spawner;
    struct tab_setup setup;
    struct signals signals;
    struct loop_timer limit, pulse;
    bool is_over_limit;
    int leak_fd, listening_fd; /* for all to inherit who would */
    struct actor neighbour;    /* lives beside each row's actor, and must go on answering */
    struct stage_traces at_rest;
    struct containment_host host;
    uint32_t layers; /* a renderer's */
    bool is_closed, is_broken;
    char why[256];
    int ending_signal;
};

/* Starts a spawner at highest_level at most, waits until all is at rest, and notes what that looks like. 0; or -errno with
 * one line in stage->why; stage_close follows either way. */
int stage_open(struct stage *stage, const struct options *options, int highest_level);
void stage_close(struct stage *stage);

int stage_level(const struct stage *stage);

/* Runs the loop until is_so says yes. False when that was not so within the time, or nothing more can be expected. */
bool stage_await(struct stage *stage, bool (*is_so)(void *of), void *of, uint64_t limit_ns);

/* All actors are gone, and the broker has what it had at rest. False with what was left behind in ret_why. */
bool stage_is_at_rest(struct stage *stage, char *ret_why, size_t n_why);

/* Begins a renderer with a document "vitrine-intruder ORDER", or, where that is NULL, with actor->document, which is the
 * actor's from now on. */
void actor_start(struct stage *stage, struct actor *actor, const char *order);
/* Waits until it shows a picture, or has ended. True when it is live. */
bool actor_settle(struct actor *actor);
/* Waits until it has ended. */
bool actor_await_end(struct actor *actor);
bool actor_is_over(void *actor);
/* Starts one and waits until it lives. */
bool actor_lives(struct stage *stage, struct actor *actor, const char *order);
/* Asks for a picture once more and waits for it. */
bool actor_answers(struct actor *actor);
/* The broker's verdict on it. */
enum verdict actor_verdict(const struct actor *actor);
/* Lets it go and waits until it is gone. Fine for one that was never started. */
void actor_finish(struct actor *actor);

#endif
