#include "broker/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/fd.h"

static void signals_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct signals *signals = LOOP_OWNER(source, struct signals, source);
    struct signalfd_siginfo info;
    while (read(signals->fd, &info, sizeof info) == sizeof info) {
        switch (info.ssi_signo) {
        case SIGCHLD:
            signals->handlers->children(signals->owner);
            break;
        case SIGUSR1:
            signals->handlers->try_again(signals->owner);
            break;
        case SIGUSR2:
            signals->handlers->asked(signals->owner);
            break;
        default:
            signals->handlers->ended(signals->owner, (int)info.ssi_signo);
            break;
        }
    }
}

static void choose(sigset_t *ret_set)
{
    sigemptyset(ret_set);
    sigaddset(ret_set, SIGTERM);
    sigaddset(ret_set, SIGCHLD);
    sigaddset(ret_set, SIGUSR1);
    sigaddset(ret_set, SIGUSR2);
    /* Under nohup, or in the background of a script, these were ignored before us and stay so. */
    static const int may_be_ignored[] = {SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof may_be_ignored / sizeof may_be_ignored[0]; i++) {
        struct sigaction inherited;
        if (sigaction(may_be_ignored[i], NULL, &inherited) == 0 && inherited.sa_handler != SIG_IGN)
            sigaddset(ret_set, may_be_ignored[i]);
    }
}

int signals_init(struct signals *signals, struct loop *loop, const struct signals_handlers *handlers, void *owner)
{
    *signals = (struct signals){.loop = loop, .handlers = handlers, .owner = owner, .fd = -1};
    sigset_t set;
    choose(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals->fd < 0)
        return -errno;
    return loop_add(loop, &signals->source, signals->fd, EPOLLIN, signals_ready);
}

void signals_finish(struct signals *signals)
{
    loop_remove(signals->loop, &signals->source);
    fd_close(&signals->fd);
}
