/* Mechanisms that carry messages between two processes of one machine, behind one interface, so that latency mode can
 * compare them. One file each in transports/, one row each in transports.c.
 *
 * Both ends are made by one process before it forks; each of the two then attaches to its side. Nothing is left on the
 * host: what has a name loses it as soon as both ends are open, and goes with the last process even if all are killed
 * (each file says where that cannot be promised). An end serves one thread. Writing to a pipe without a reader raises
 * SIGPIPE: who uses these ignores it. */
#ifndef COMMON_TRANSPORT_H
#define COMMON_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TRANSPORT_MAX_REASON 160
#define TRANSPORT_ANY_SIZE   SIZE_MAX
/* What fits into one message of every socket, whatever the host's limits: also the channel's own limit. */
#define TRANSPORT_PACKET_BYTES (64u * 1024)

enum transport_flag {
    TRANSPORT_UNFRAMED = 1 << 0,   /* sizes do not travel: the receiver asks for what was sent, and gets all of it */
    TRANSPORT_LOSES = 1 << 1,      /* without telling the sender */
    TRANSPORT_ONE_WAY = 1 << 2,    /* side 0 sends, side 1 receives */
    TRANSPORT_BORROWS = 1 << 3,    /* what was sent must not change until it has been received */
    TRANSPORT_ACKS = 1 << 4,       /* side 1 answers in another way than side 0 sends: a byte will do */
    TRANSPORT_PRIORITIES = 1 << 5, /* of what waits, the highest end.priority is received first */
};

/* What an end does when it has to wait. */
enum transport_wait {
    TRANSPORT_BLOCK = 1 << 0, /* sleeps until the other side wakes it */
    TRANSPORT_SPIN = 1 << 1,  /* tries again; gives way to others only now and then */
    TRANSPORT_YIELD = 1 << 2, /* tries again, and gives way each time: for two processes on one core */
};

struct transport_end {
    const struct transport *transport;
    unsigned side; /* 0 or 1 */
    enum transport_wait wait;
    unsigned priority; /* of what is sent next */
    unsigned n_pauses;
    int in_fd, out_fd; /* owned; the same number for a socket; -1 none */
    void *shared;      /* the pair's, borrowed */
    void *own;         /* the mechanism's, from attach to detach */
};

struct transport_pair {
    const struct transport *transport;
    size_t max_bytes;                  /* the row's, or less where the host says so */
    char reason[TRANSPORT_MAX_REASON]; /* why create failed, for people */
    struct transport_end ends[2];
    void *shared; /* both sides' memory, owned; NULL none */
    size_t n_shared_bytes;
    /* For what outlives its processes: a process of its own that waits for the end of all others. */
    int id;
    pid_t creator, keeper;
    int keeper_fd;
};

struct transport {
    const char *name;            /* as in the `latency` event */
    const char *what;            /* one line for people */
    unsigned flags, waits;       /* of enum transport_flag, of enum transport_wait */
    size_t min_bytes, max_bytes; /* of a message; max_bytes TRANSPORT_ANY_SIZE: as much as one likes */
    /* Fills in pair; what was made before a failure is cleared away by the caller. */
    int (*create)(struct transport_pair *pair);
    int (*attach)(struct transport_end *end);  /* NULL: nothing to do */
    void (*detach)(struct transport_end *end); /* NULL: nothing to do; also after a failed attach */
    int (*send)(struct transport_end *end, const void *bytes, size_t n_bytes);
    int (*receive)(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes);
    void (*destroy)(struct transport_pair *pair); /* NULL: nothing to do; in the creator only */
    /* The system calls of send and receive on side 1, so that a filter can let them pass; ends with -1. */
    const int *calls;
};

/* The rows, in the order in which they are shown; ends with NULL. */
extern const struct transport *const transports[];
/* NULL when there is none of that name. */
const struct transport *transport_find(const char *name);

/* Makes both ends. 0; -EOPNOTSUPP when the mechanism cannot wait like that; else -errno, and pair->reason tells in words
 * what the host lacks. After a failure there is nothing to destroy. */
int transport_create(const struct transport *transport, enum transport_wait wait, struct transport_pair *ret_pair);

/* Once in each of the two processes, after the fork: closes the other side. Neither side may send before both have
 * attached. *ret_end is part of pair. 0 or -errno. */
int transport_attach(struct transport_pair *pair, unsigned side, struct transport_end **ret_end);

/* Sends one message. 0, -EMSGSIZE, -EPIPE (the other side is gone, where the mechanism tells), -errno. Waits. */
static inline int transport_send(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    return end->transport->send(end, bytes, n_bytes);
}

/* Receives one message. 0, -EMSGSIZE (more than max_bytes: it is lost), -EPIPE, -errno. Waits. */
static inline int transport_receive(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    return end->transport->receive(end, bytes, max_bytes, ret_n_bytes);
}

/* Closes what this process still holds of either side. In the creator it also ends what would outlive the pair, so there
 * it comes when both sides are done. May be called again. */
void transport_destroy(struct transport_pair *pair);

/* ---- for the mechanisms themselves ---------------------------------------------------------------------------------- */

/* Fills pair->reason with "what: strerror", and the hint where there is one (or NULL). Returns -error. */
int transport_lacks(struct transport_pair *pair, int error, const char *what, const char *hint);

/* Memory that both sides will see, zeroed and page-aligned, as pair->shared. 0 or -errno, with a reason. */
int transport_share(struct transport_pair *pair, size_t n_bytes);

/* The number in a file of /proc/sys, or otherwise. */
size_t transport_limit(const char *path, size_t otherwise);

/* What an end does between two tries. */
void transport_pause(struct transport_end *end);

#endif
