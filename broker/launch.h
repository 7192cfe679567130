/* The way into a zygote: clone with namespaces, ids mapped from outside, exec of the renderer's executable. The
 * broker's only fork and exec; renderers are cloned by the zygote (renderer/zygote.h). */
#ifndef BROKER_LAUNCH_H
#define BROKER_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/message.h"

/* How a child ends that could not take its ids, or was not let execute its program … */
#define LAUNCH_EXIT_IDS  42
#define LAUNCH_EXIT_EXEC 43
/* … and one that could be looked into, or could outlive the broker (renderer/session.h). */
#define LAUNCH_EXIT_PRCTL 72

struct launcher {
    int image_fd; /* the renderer's executable, beside our own: opened here, so that no folder above it can refuse it
                   * to the user it is run as */
    int null_fd;
    enum message_codec codec; /* that the renderers of warm zygotes use */
    bool cold;                /* zygotes exec their renderers anew (--spawn exec) */
    bool noexec_seal;         /* this kernel's memfds can be sealed against execution; zygotes tell their renderers */
};

/* program: a renderer's executable beside our own, "renderer". 0; or -errno and one line in ret_error (there is none, not
 * executable, no /proc). */
int launcher_init(struct launcher *launcher, const char *program, bool cold, char *ret_error, size_t n_error);
void launcher_finish(struct launcher *launcher);

/* Starts a zygote that has channel_fd (borrowed) as its order socket. level 3: in fresh user, mount, net, ipc, uts and
 * cgroup namespaces, as nobody (when root runs the broker) or the user himself; level 2: in ours, root steps down to
 * nobody. Returns its pid and *ret_pidfd (the caller's), or -errno and no child is left. A child that fails between here
 * and the exec just ends. */
pid_t launcher_launch(const struct launcher *launcher, int level, int channel_fd, int *ret_pidfd);

#endif
