/* One zygote's life: launched, warmed up, asked for renderers, and retired; it is over when nothing is left of it, of its
 * init, and of its renderers. Which one is at work, and what follows when it fails, is its owner's affair
 * (broker/spawn.h). */
#ifndef BROKER_ZYGOTE_H
#define BROKER_ZYGOTE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "broker/launch.h"
#include "broker/loop.h"
#include "broker/modules.h"
#include "common/channel.h"
#include "common/layers.h"
#include "common/message.h"

struct zygote;

/* What the owner of a zygote hears. Where it is of no use any more, it is retired already. */
struct zygote_handlers {
    /* It is warm, with all that its level promises. */
    void (*warm)(void *owner, struct zygote *zygote);
    /* It was to be at level 3, and the host does not let it: why, for each namespace that is missing. Retired. */
    void (*refused)(void *owner, struct zygote *zygote, const uint8_t layer_errno[LAYER_COUNT]);
    /* Its answer to the order with that serial, or so it says: a renderer's pidfd, or what it claims to be one, which is
     * the owner's from now on; or -1, and the errno for which there is none. */
    void (*spawned)(void *owner, struct zygote *zygote, uint64_t serial, int pidfd, uint32_t error);
    /* It is not coming up, breaks the protocol, or has gone: why, in a few words. Retired, maybe long since. */
    void (*failed)(void *owner, struct zygote *zygote, const char *why);
    /* Somebody killed its init. With init go its renderers: the kernel's rule. They tell of themselves. Retired. */
    void (*init_killed)(void *owner, struct zygote *zygote);
    /* It or its init was reaped: what waitid shows next is another's. */
    void (*reaped)(void *owner);
    /* Neither the zygote, nor its init, nor a renderer of it is left: it is freed when this returns. */
    void (*over)(void *owner, struct zygote *zygote);
};

/* What all zygotes of an owner have in common. */
struct zygote_setup {
    struct loop *loop;
    const struct launcher *launcher;
    bool wants_modules; /* renderers that die know what code lay where, which is where their zygote has it */
    const struct zygote_handlers *handlers;
    void *owner;
};

struct zygote {
    const struct zygote_setup *setup; /* borrowed */
    TAILQ_ENTRY(zygote) link;         /* in its owner's list */
    pid_t pid, init_pid;              /* 0: none, or reaped */
    int pidfd, init_pidfd;
    struct channel channel;
    struct loop_source channel_source, pidfd_source, init_source;
    struct loop_timer patience; /* until it is warm, until it answers */
    int level;
    bool retired;
    bool init_is_lost;  /* sent away, or killed by somebody, which was told */
    bool init_is_dying; /* somebody killed it: it takes its renderers along, and ends when the last of them is reaped */
    enum message_when when;
    unsigned n_children; /* asked for or alive */
    uint32_t rung_ns[ZYGOTE_RUNG_COUNT];
    struct modules *modules; /* of its address layout, which its children share; read when the first of them dies */
};

/* Launches one at level 3 or 2; it warms up by itself. 0, or -errno and there is none. */
int zygote_create(const struct zygote_setup *setup, int level, struct zygote **ret_zygote);

/* Orders a renderer, with its ends of channel and crash pipe (borrowed): one child more, and an answer is owed. 0; or
 * -errno, and the owner takes the child back; but a zygote that has gone is no error here, as `failed` follows. */
int zygote_order(struct zygote *zygote, const Vitrine__Spawn *order, int channel_fd, int crash_fd);

/* Starts to wait anew for what it owes now: an answer, or nothing. A zygote that does not answer in time is killed. */
void zygote_be_patient(struct zygote *zygote, bool owes_answer);

/* A child it was ordered, or that it made, is no more, or was taken back. The zygote may be over when this returns. */
void zygote_release_child(struct zygote *zygote);

/* It clones no more, and is hung up on, upon which it leaves. Its renderers live on. */
void zygote_retire(struct zygote *zygote);

/* Reads zygote->modules, where they are wanted and not known yet, while it is there to be looked at. */
void zygote_note_modules(struct zygote *zygote);

/* SIGKILL to it and to its init, and so to its renderers where it has an init. */
void zygote_kill(const struct zygote *zygote);

/* Why namespaces are missing when the host refused them all together: with -error. */
void zygote_blame_namespaces(int error, uint8_t ret_layer_errno[LAYER_COUNT]);

#endif
