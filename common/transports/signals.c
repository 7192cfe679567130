#include "common/transports/signals.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "common/transports/descriptor.h"

int signals_create(struct transport_pair *pair)
{
    return transport_share(pair, 2 * sizeof(pid_t));
}

int signals_attach(struct transport_end *end, int signal)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    end->in_fd = signalfd(-1, &set, SFD_CLOEXEC | (end->wait == TRANSPORT_BLOCK ? 0 : SFD_NONBLOCK));
    if (end->in_fd < 0)
        return -errno;
    ((pid_t *)end->shared)[end->side] = getpid();
    return 0;
}

pid_t signals_peer(const struct transport_end *end)
{
    return ((pid_t *)end->shared)[!end->side];
}

int signals_receive(struct transport_end *end, struct signalfd_siginfo *ret_info)
{
    for (;;) {
        const ssize_t n = read(end->in_fd, ret_info, sizeof(*ret_info));
        if (n == (ssize_t)sizeof(*ret_info) && (pid_t)ret_info->ssi_pid == signals_peer(end))
            return 0;
        const int result = n < 0 ? descriptor_retry(end) : 0;
        if (result < 0)
            return result;
    }
}
