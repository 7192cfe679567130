#include "common/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

void fd_close(int *fd)
{
    int saved_errno = errno;
    /* Not again on EINTR: Linux has freed the number by then. */
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved_errno;
}

int fd_steal(int *fd)
{
    int stolen = *fd;
    *fd = -1;
    return stolen;
}

void fd_close_from(int first)
{
    /* A witness, as a kernel or filter may have said yes and done nothing. */
    const int witness = fcntl(STDIN_FILENO, F_DUPFD, first);
    if (close_range((unsigned)first, UINT_MAX, 0) == 0 && witness >= first && fcntl(witness, F_GETFD) < 0)
        return;
    struct rlimit limit;
    const rlim_t end = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < INT_MAX ? limit.rlim_max : INT_MAX;
    for (int fd = first; (rlim_t)fd < end; fd++)
        close(fd);
}

int fd_count_open(void)
{
    DIR *directory = opendir("/proc/self/fd");
    if (!directory)
        return -errno;

    int n_open = 0;
    errno = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(directory))
            n_open++;
    }
    int error = errno;
    closedir(directory);
    return error ? -error : n_open;
}

int fd_guard_stdio(_Bool ret_closed[3])
{
    bool closed[3];
    for (int fd = 0; fd < 3; fd++) {
        closed[fd] = fcntl(fd, F_GETFD) < 0;
        if (!closed[fd])
            continue;
        /* The lowest free number is this one. Not close-on-exec: children need the guard too. */
        if (open("/dev/null", O_RDWR) < 0)
            return -errno;
    }
    for (int fd = 0; fd < 3; fd++)
        ret_closed[fd] = closed[fd];
    return 0;
}
