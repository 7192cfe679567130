#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "common/transports/rows.h"
#include "common/transports/signals.h"

static int attach(struct transport_end *end)
{
    return signals_attach(end, SIGRTMIN);
}

/* A full queue refuses; it does not lose. There is nothing to sleep on until it has room. */
static int send_value(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    union sigval value = {0};
    if (n_bytes > sizeof(value))
        return -EMSGSIZE;
    memcpy(&value, bytes, n_bytes);
    while (sigqueue(signals_peer(end), SIGRTMIN, value) < 0) {
        if (errno != EAGAIN)
            return errno == ESRCH ? -EPIPE : -errno;
        transport_pause(end);
    }
    return 0;
}

static int receive_value(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    struct signalfd_siginfo info;
    const int result = signals_receive(end, &info);
    if (result < 0)
        return result;
    *ret_n_bytes = max_bytes < sizeof(info.ssi_ptr) ? max_bytes : sizeof(info.ssi_ptr);
    memcpy(bytes, &info.ssi_ptr, *ret_n_bytes);
    return 0;
}

const struct transport transport_rt_signal = {
    .name = "rt-signal",
    .what = "real-time signals with a value: queued, in order",
    .flags = TRANSPORT_UNFRAMED,
    .waits = TRANSPORT_BLOCK | TRANSPORT_SPIN | TRANSPORT_YIELD,
    .max_bytes = sizeof(union sigval),
    .create = signals_create,
    .attach = attach,
    .send = send_value,
    .receive = receive_value,
    .calls = (const int[]){SYS_rt_sigqueueinfo, SYS_getpid, SYS_getuid, SYS_read, SYS_sched_yield, -1},
};
