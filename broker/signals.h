/* The signals that the broker listens to, in its loop. */
#ifndef BROKER_SIGNALS_H
#define BROKER_SIGNALS_H

#include "broker/loop.h"

struct signals_handlers {
    /* Somebody wants us to end: SIGTERM, SIGINT or SIGHUP. */
    void (*ended)(void *owner, int signal);
    /* SIGCHLD: there are children to reap, one or more. */
    void (*children)(void *owner);
    /* SIGUSR1: what has failed is to be tried again. */
    void (*try_again)(void *owner);
    /* SIGUSR2: somebody wants to know what goes on. */
    void (*asked)(void *owner);
};

struct signals {
    struct loop *loop;
    const struct signals_handlers *handlers;
    void *owner;
    int fd; /* -1: signals keep their defaults */
    struct loop_source source;
};

/* From now on they arrive in the loop and nowhere else. 0 or -errno; signals_finish follows either way. */
int signals_init(struct signals *signals, struct loop *loop, const struct signals_handlers *handlers, void *owner);

/* They stay blocked. */
void signals_finish(struct signals *signals);

#endif
