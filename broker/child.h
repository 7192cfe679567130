/* One renderer as the broker sees it: its channel, its pidfd, its notification listener, its crash pipe, and what is
 * known against it. Knows no documents: what its facts mean is the owner's affair. */
#ifndef BROKER_CHILD_H
#define BROKER_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "broker/crash.h"
#include "broker/loop.h"
#include "broker/modules.h"
#include "broker/traffic.h"
#include "common/layers.h"
#include "common/link.h"
#include "common/message.h"

struct child;
struct spawner;
struct zygote;

/* What the owner of a child hears. `ended` is the last it hears, and the child is not its own any more: it never runs
 * again, though the kernel may still be taking its memory apart. */
struct child_handlers {
    /* It exists, and climbs. May be NULL. */
    void (*cloned)(struct child *child);
    void (*ready)(struct child *child);
    /* A fact in its time, with the serial of the order that is out; its body lives until the handler returns. */
    void (*fact)(struct child *child, const struct message *fact);
    void (*ended)(struct child *child, const struct evidence *evidence);
};

/* Pings over a port. */
struct child_exchange {
    uint64_t n;
    uint32_t payload_bytes, window, limit_ms;
};

/* What is known of a renderer's port: a conversation beside the other, with serials of its own. */
struct child_port {
    enum message_when when; /* WHEN_APART … WHEN_DISCONNECTING */
    uint64_t id, serial;    /* of its Connect; of the latest of its orders */
    uint64_t exchange, n;   /* the Exchange that is out: serial (0: none) and Pings */
    uint64_t ordered_ns;    /* that Exchange */
    bool is_closed;         /* it said PortClosed */
};

struct child {
    struct loop *loop;
    const struct child_handlers *handlers;
    void *owner;
    TAILQ_ENTRY(child) link; /* in the spawner's list */
    /* The spawner's book-keeping: its end is known and judged, which comes before the owner hears `ended`; and nothing is
     * left of it, which may come later. */
    void (*judged)(struct child *child);
    void (*reaped)(struct child *child);

    struct spawner *spawner;
    struct zygote *zygote; /* that was asked for it; NULL when there was none yet */
    uint64_t spawn_serial;
    size_t mapped_bytes;              /* the room it was promised for document and frame */
    int far_channel_fd, far_crash_fd; /* its own ends, until it has them */

    pid_t pid; /* 0 before Spawned */
    int pidfd, crash_fd, listener_fd;
    struct link way;
    struct loop_source pidfd_source, channel_source, listener_source, crash_source;
    struct loop_source bell_source;
    struct loop_ring ring;
    uint64_t n_bells;    /* how often it rang */
    bool takes;          /* a series of facts is being taken: the bell can wait */
    uint64_t ordered_ns; /* the order that is out; 0: not timed */
    uint64_t timed;      /* the Ping that ordered_ns is of */
    struct traffic traffic;
    struct loop_timer grace; /* from end of file to SIGKILL */
    struct loop_timer dying; /* from its crash record to the kernel's word */
    unsigned n_looks;        /* for that word */

    enum message_when when;
    bool has_ready;           /* Ready came, checked or not */
    bool lost_listener;       /* its Listening came when we had no descriptors left, or so it seems */
    bool condemned;           /* to be killed: nothing more is heard from it */
    bool is_corpse;           /* its owner has heard the end; it is only to be reaped */
    enum message_when resume; /* after the Inject, Share or Ping that is out */
    uint32_t offers;          /* of enum offer */
    uint64_t serial;          /* of the order that is out, or of the latest Ping */
    uint64_t answered;        /* of the latest Ping that was */
    size_t ping_bytes;        /* the payload of those that are out */
    uint32_t slot;            /* of the Paint that is out */
    struct child_port port;
    uint64_t n_ticks;        /* progress told for it */
    uint64_t tick_credit_ns; /* ticks arrive no faster than this clock runs */

    uint32_t layers; /* once ready: what holds */
    uint8_t layer_errno[LAYER_COUNT];
    uint32_t rung_ns[RUNG_COUNT];
    char failure[192]; /* why the broker itself gave it up, in a sentence; "" when it did not */
    uint64_t spawn_at_ns, ready_at_ns;
    uint64_t pss_kb; /* when last measured; 0 before */

    struct evidence evidence;
    bool has_own_layout;     /* not its zygote's, and somebody wants to know it */
    struct modules *modules; /* what code lies where in it, when somebody wants to know; NULL: not known */
};

/* A child that has not been spawned: makes its channel and crash pipe. 0 or -errno. */
int child_create(struct loop *loop, const struct child_handlers *handlers, void *owner, struct child **ret_child);

/* Makes new ends, for another zygote to clone it from. 0 or -errno. */
int child_renew_ends(struct child *child);

/* The clone happened; takes pidfd. The child may be gone when this returns. */
void child_adopt(struct child *child, pid_t pid, int pidfd);

/* It exists, and is ready for a document. */
bool child_is_ready(const struct child *child);

/* It owes an answer that may come within microseconds. What is drawn may take longer; the loop soon learns whether it does. */
static inline bool child_owes_soon(const struct child *child)
{
    return (child->when & (WHEN_PAINTING | WHEN_PINGING)) != 0;
}

/* It has ended, whether that was heard yet or not. */
bool child_has_ended(const struct child *child);

/* Sends an order; the child is in `then` from now on and serial is what its facts must repeat. Trouble with the
 * channel shows later as the child's end. */
void child_order(struct child *child, enum message_kind kind, const ProtobufCMessage *order, const int *fds,
                 size_t n_fds, uint64_t serial, enum message_when then);

/* Orders it to fail, an enum injection at an enum inject_moment; at once makes it WHEN_INJECTING until it says Injected. */
void child_inject(struct child *child, uint32_t fault, uint32_t moment, uint64_t serial);

/* Offers a ring to a child that can use one and has none (WHEN_READY, WHEN_IDLE): its Joined is the fact that follows.
 * False: it cannot, or we cannot; all goes on by the channel. */
bool child_share(struct child *child, uint64_t serial);

/* Sends one Ping (WHEN_READY, WHEN_IDLE, WHEN_PINGING). serial: one more than the one before; its Ponged is a fact of the
 * same serial and payload, which has the same size for all that are out. serial 0: no answer is wanted. 0; -ENOBUFS when
 * there is no room until some are answered. */
int child_ping(struct child *child, uint64_t serial, const uint8_t *payload, size_t n_bytes);

/* A port: its end of a ring to another child. Legal in any situation, the orders of a port one after the other; the facts
 * that answer them come beside others, and a PortClosed may come unasked.
 *
 * connect: id: of the port, not 0; fds are borrowed: as LINK_OFFER_FDS, seen from this child; credit: Pings it takes
 * from the other side. exchange (connected): its Exchanged is checked for what it can claim. disconnect
 * (connected, an Exchange may be out: that is answered first). serial: larger than the one before. */
void child_connect(struct child *child, uint64_t id, enum ring_side side, uint64_t credit,
                   const int fds[LINK_OFFER_FDS]);
void child_exchange(struct child *child, uint64_t serial, const struct child_exchange *exchange);
void child_disconnect(struct child *child, uint64_t serial);

/* A signal by its pidfd, as anybody outside might send one: nothing is noted against it. */
void child_signal(const struct child *child, int signal);

/* Kills it, with what is known against it in child->evidence. `ended` follows from the loop, also for a child that does
 * not exist yet: should its clone still come, nobody is there for it, and it leaves. */
void child_condemn(struct child *child);

/* The same, because of our own lack of something: why, in a sentence. */
void child_give_up(struct child *child, const char *why);

/* Hangs up: a renderer leaves by itself then. `ended` follows from the loop. */
void child_dismiss(struct child *child);

/* It has ended (its pidfd says so): takes what it still said, reaps it, tells the owner, frees it. */
void child_finish(struct child *child);

/* For a child that never came to exist: tells the owner with this evidence and frees it. */
void child_abandon(struct child *child);

#endif
