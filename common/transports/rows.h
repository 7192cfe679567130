/* What each file of this folder defines. */
#ifndef COMMON_TRANSPORTS_ROWS_H
#define COMMON_TRANSPORTS_ROWS_H

#include "common/transport.h"

extern const struct transport transport_pipe, transport_pipe_pair, transport_fifo, transport_vmsplice;
extern const struct transport transport_unix_stream, transport_unix_dgram, transport_unix_seqpacket;
extern const struct transport transport_tcp, transport_udp, transport_io_uring;
extern const struct transport transport_sysv_queue, transport_posix_queue;
extern const struct transport transport_sysv_shm_mutex, transport_posix_shm_semaphore;
extern const struct transport transport_ring, transport_ring_spin, transport_ring_futex, transport_ring_eventfd;
extern const struct transport transport_rt_signal, transport_signal, transport_process_vm;
extern const struct transport transport_fd_pass, transport_memfd_share;

#endif
