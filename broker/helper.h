/* Executables of ours that lie beside the broker's and do for it what it should not do itself: what takes long, may fail
 * in many ways, or is linked with what a broker has no business with. Processes of their own, with nothing of the
 * broker's but a question and a place for the answer. */
#ifndef BROKER_HELPER_H
#define BROKER_HELPER_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* Where the executable of that name is; false: there is none, and ret_path is "". */
bool helper_find(const char *name, char ret_path[PATH_MAX]);

/* Starts it: in_fd (-1: /dev/null) and out_fd, both borrowed, and no other descriptor; a session of its own, nothing of
 * our signals, no environment. The caller reaps it. 0 or -errno. */
int helper_start(const char *path, char *const *arguments, int in_fd, int out_fd, pid_t *ret_pid);

#endif
