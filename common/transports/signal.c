#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>

#include "common/transports/rows.h"
#include "common/transports/signals.h"

static int attach(struct transport_end *end)
{
    return signals_attach(end, SIGUSR1);
}

static int send_signal(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    (void)bytes;
    if (n_bytes > 0)
        return -EMSGSIZE;
    if (kill(signals_peer(end), SIGUSR1) < 0)
        return errno == ESRCH ? -EPIPE : -errno;
    return 0;
}

static int receive_signal(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    struct signalfd_siginfo info;
    (void)bytes;
    (void)max_bytes;
    *ret_n_bytes = 0;
    return signals_receive(end, &info);
}

const struct transport transport_signal = {
    .name = "signal",
    .what = "a plain signal: an event; those sent before the first is seen are one",
    .flags = TRANSPORT_LOSES,
    .waits = TRANSPORT_BLOCK | TRANSPORT_SPIN | TRANSPORT_YIELD,
    .create = signals_create,
    .attach = attach,
    .send = send_signal,
    .receive = receive_signal,
    .calls = (const int[]){SYS_kill, SYS_read, SYS_sched_yield, -1},
};
