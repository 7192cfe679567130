/* What the two mechanisms made of signals have in common: who is at the other side, and a signalfd instead of a handler. */
#ifndef COMMON_TRANSPORTS_SIGNALS_H
#define COMMON_TRANSPORTS_SIGNALS_H

#include <sys/signalfd.h>

#include "common/transport.h"

/* Room for two process ids. */
int signals_create(struct transport_pair *pair);

/* Blocks the signal in this process for as long as it lives: one that is still on its way when the pair is destroyed
 * would end it by default. */
int signals_attach(struct transport_end *end, int signal);

/* The other side's id. */
pid_t signals_peer(const struct transport_end *end);

/* The next signal from the other side. 0 or -errno. */
int signals_receive(struct transport_end *end, struct signalfd_siginfo *ret_info);

#endif
