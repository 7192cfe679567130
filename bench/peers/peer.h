/* Other people's IPC behind our interface, so that it is measured exactly as our mechanisms are. One program for each,
 * which alone is linked with that library, and which is built only where its package is installed:
 *
 *     main.c (cases ─► transport_measure ─► a line of JSON each)  +  one file with `peer` */
#ifndef BENCH_PEERS_PEER_H
#define BENCH_PEERS_PEER_H

#include <stddef.h>

#include "common/transport.h"

struct peer {
    const struct transport *transport; /* NULL: the project's own mechanisms only */
    /* What all measurements need: a daemon, say. NULL: nothing. 0, or -errno with why. */
    int (*begin)(char *ret_why, size_t n_why);
    void (*end)(void); /* only after a begin that went well */
};

/* This program's. */
extern const struct peer peer;

/* The rows' `calls`: a library's threads call what they like, so that no peer is ever measured behind a filter. */
extern const int peer_calls[];

/* For what meets under a name: an address of scheme ipc, in a new folder, as pair->shared; and its removal. */
int peer_address_create(struct transport_pair *pair);
void peer_address_destroy(struct transport_pair *pair);

#endif
