/* What the mechanisms that live behind descriptors have in common. Each call goes on where a signal broke it off, and
 * tries again where an end that does not sleep was told to wait. */
#ifndef COMMON_TRANSPORTS_DESCRIPTOR_H
#define COMMON_TRANSPORTS_DESCRIPTOR_H

#include "common/transport.h"

/* After a call that failed: 0 to try it again, -EPIPE when the other side is gone, else -errno. */
int descriptor_retry(struct transport_end *end);

/* Bytes without borders: all of them, in as many calls as it takes. */
int stream_send(struct transport_end *end, const void *bytes, size_t n_bytes);
int stream_receive(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes);
extern const int stream_calls[];

/* One message, whole, by send and recv. */
int packet_send(struct transport_end *end, const void *bytes, size_t n_bytes);
int packet_receive(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes);
extern const int packet_calls[];

/* An empty message and the end look alike to recv. */
int packet_is_end(int fd);

/* Two pipes, one for each direction. 0 or -errno, with a reason. */
int descriptor_pipes(struct transport_pair *pair);

/* A Unix socket pair, close-on-exec. 0 or -errno, with a reason. */
int descriptor_socketpair(struct transport_pair *pair, int type);

#endif
