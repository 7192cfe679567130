/* Owned descriptors. A descriptor that is owned is closed on every way out of its scope; -1 is none. */
#ifndef COMMON_FD_H
#define COMMON_FD_H

#include <stddef.h>

/* CLOSE_FD int fd = -1; closes it when the scope ends. */
#define CLOSE_FD __attribute__((cleanup(fd_close)))

/* Closes *fd unless it is -1, sets it to -1, keeps errno. */
void fd_close(int *fd);

/* Hands over: returns *fd and leaves -1. */
int fd_steal(int *fd);

/* Closes first and all above. Where the host has no close_range, one by one up to the limit. */
void fd_close_from(int first);

/* How many descriptors this process has open, without the one used for looking. -errno where /proc/self/fd cannot
 * be read. */
int fd_count_open(void);

/* Opens /dev/null on each of 0, 1, 2 that is closed, so that no later descriptor takes its number. Sets
 * ret_closed[i] for those that were. 0 or -errno. */
int fd_guard_stdio(_Bool ret_closed[3]);

#endif
