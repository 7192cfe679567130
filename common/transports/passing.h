/* A descriptor in a message. */
#ifndef COMMON_TRANSPORTS_PASSING_H
#define COMMON_TRANSPORTS_PASSING_H

#include "common/transport.h"

/* Sends one message with fd, borrowed. 0, -EPIPE, -errno. */
int passing_send(struct transport_end *end, const void *bytes, size_t n_bytes, int fd);

/* Receives one message that must carry exactly one descriptor, which is then the caller's. 0, -EPIPE, -EBADMSG,
 * -EMSGSIZE, -errno. */
int passing_receive(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes, int *ret_fd);

#endif
