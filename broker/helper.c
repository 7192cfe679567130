#include "broker/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool helper_find(const char *name, char ret_path[PATH_MAX])
{
    const ssize_t n = readlink("/proc/self/exe", ret_path, PATH_MAX - 1);
    ret_path[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(ret_path, '/');
    const size_t n_room = slash != NULL ? (size_t)(ret_path + PATH_MAX - slash) : 0;
    if (slash == NULL || snprintf(slash, n_room, "/%s", name) >= (int)n_room || access(ret_path, X_OK) != 0)
        ret_path[0] = '\0';
    return ret_path[0] != '\0';
}

static int arrange_descriptors(posix_spawn_file_actions_t *actions, int in_fd, int out_fd)
{
    int error = in_fd >= 0 ? posix_spawn_file_actions_adddup2(actions, in_fd, STDIN_FILENO)
                           : posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(actions, out_fd, STDOUT_FILENO);
#ifndef VITRINE_SANITIZED /* where sanitizers report */
    if (error == 0)
        error = posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
#endif
    if (error == 0)
        error = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
    return error;
}

int helper_start(const char *path, char *const *arguments, int in_fd, int out_fd, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    char locale[] = "LC_ALL=C.UTF-8";
    char *const environment[] = {locale, NULL};
    sigemptyset(&none);
    sigfillset(&all);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return -ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -ENOMEM;
    }
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    int error = arrange_descriptors(&actions, in_fd, out_fd);
    if (error == 0)
        error = posix_spawn(ret_pid, path, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}
