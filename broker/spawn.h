/* Zygotes, the renderers they clone, and their ends. (How a zygote is made: broker/launch.h.)
 *
 * There is one zygote at work, and where spawner_keep_standby was called a second one waits. Each is asked to start at level 3; where the host does not allow that, the next is
 * started at level 2, for good. A zygote whose renderer died of a signal or a violation is *retired*: it clones no more,
 * because what an attacker learned of its address layout would hold for its other renderers. */
#ifndef BROKER_SPAWN_H
#define BROKER_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/child.h"
#include "broker/loop.h"
#include "broker/options.h"

struct spawner;

struct spawner_options {
    enum options_spawn mode;
    enum message_codec codec; /* of cloned renderers, for latency mode to compare */
    const char *program; /* what renderers run, beside our own executable; NULL: "renderer" */
    int highest_level;   /* start at level 2 even where 3 could be had; 0: 3 */
    int require_level;
    unsigned n_spares;
    uint64_t memory_bytes;   /* cap of a renderer */
    bool wants_modules;      /* children that die know what code lay where */
    size_t max_mapped_bytes; /* the room a spare is promised, since nobody knows yet for what */
};

struct spawner_handlers {
    /* No renderer can be had any more: why, one line that says what to do. Told once. */
    void (*broken)(void *owner, const char *why);
    /* A zygote or an init ended and nobody asked it to: why, in a few words. Another zygote is on its way. The renderers
     * of an init have ended with it, and their owners have heard. May be NULL. */
    void (*lost)(void *owner, const char *what, pid_t pid, const char *why);
    /* All children and zygotes are gone, after spawner_close. */
    void (*closed)(void *owner);
};

/* Starts the first zygote; warming goes on by itself. 0; or -errno with one line in ret_error (no renderer binary, no
 * level, no /proc). */
int spawner_create(struct loop *loop, const struct spawner_options *options, const struct spawner_handlers *handlers,
                   void *owner, struct spawner **ret_spawner, char *ret_error, size_t n_error);

/* A renderer with room for mapped_bytes of document and frame: a spare that is ready, or one on its way. NULL when
 * there are no descriptors or no memory for it. */
struct child *spawner_spawn(struct spawner *spawner, size_t mapped_bytes, const struct child_handlers *handlers,
                            void *owner);

/* Starts to fill up the spares, and keeps them so: when the tabs that wait have theirs. */
void spawner_fill_spares(struct spawner *spawner);

/* From now on a second zygote is kept warm, to take the place of the one at work when that is retired. */
void spawner_keep_standby(struct spawner *spawner);

/* Every renderer comes from the zygote at work, and nothing is left of those before it, or of renderers let go. */
bool spawner_is_tidy(const struct spawner *spawner);

/* The level renderers are started at: 3 or 2; 0 before the first zygote is warm. */
int spawner_level(const struct spawner *spawner);
/* Why the namespaces are missing at level 2: adds errno bytes to those a renderer reported. */
void spawner_explain(const struct spawner *spawner, uint8_t layer_errno[LAYER_COUNT]);
/* The current zygote's steps, once it is warm. */
bool spawner_zygote_rungs(const struct spawner *spawner, uint32_t ret_rung_ns[ZYGOTE_RUNG_COUNT]);

/* Adds up all processes but the broker: zygotes, inits, renderers. Each child's share is noted in it (pss_kb). */
struct spawner_memory {
    uint64_t pss_kb, peak_rss_kb;
};
void spawner_measure(struct spawner *spawner, struct spawner_memory *ret_memory);

/* Lets the zygotes go and dismisses every child; those that do not leave are killed. `closed` follows. */
void spawner_close(struct spawner *spawner);
/* SIGKILL to everybody, now. */
void spawner_kill(struct spawner *spawner);
/* After `closed`. */
void spawner_destroy(struct spawner *spawner);

/* SIGCHLD arrived: reaps whoever ended, known or not. */
void spawner_reap(struct spawner *spawner);

#endif
