#include "renderer/root.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where the tmpfs goes for the moment before it is the root: any folder that each Linux has. */
#define STAGE             "/tmp"
#define STAGE_ALTERNATIVE "/proc"

static int mount_stage(const char *path)
{
    if (mount("none", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, "size=4k,nr_inodes=4,mode=0555") <
        0)
        return -errno;
    return chdir(path) < 0 ? -errno : 0;
}

/* A root with nothing in it has two links and no name that can be found; a mount that only pretended to happen would
 * still show the old one, and one that only pretended to be taken away would lie on top of it, where ".." leads. */
static int check_empty(void)
{
    struct stat root, above;
    struct statvfs mounted;
    if (stat("/", &root) < 0 || stat("/..", &above) < 0 || statvfs("/", &mounted) < 0)
        return -errno;
    const unsigned long flags = ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC;
    if (root.st_nlink != 2 || access("/proc", F_OK) == 0 || access("/usr", F_OK) == 0 || access("/etc", F_OK) == 0 ||
        above.st_dev != root.st_dev || above.st_ino != root.st_ino || (mounted.f_flag & flags) != flags)
        return -EBUSY;
    return 0;
}

int root_empty(void)
{
    /* Nothing that is done here may spread to the host's mounts. */
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -errno;
    int error = mount_stage(STAGE);
    if (error == -ENOENT || error == -ENOTDIR)
        error = mount_stage(STAGE_ALTERNATIVE);
    if (error != 0)
        return error;
    /* pivot_root(".", "."): the old root ends up stacked on the new one and is detached from there. */
    if (syscall(SYS_pivot_root, ".", ".") < 0)
        return -errno;
    if (umount2(".", MNT_DETACH) < 0)
        return -errno;
    if (chdir("/") < 0)
        return -errno;
    if (mount("none", "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return -errno;
    return check_empty();
}

/* Which one of them it is. */
static int mount_namespace(ino_t *ret_number)
{
    struct stat status;
    if (stat("/proc/self/ns/mnt", &status) < 0)
        return -errno;
    *ret_number = status.st_ino;
    return 0;
}

int root_empty_of_own(void)
{
    ino_t before, after;
    int error = mount_namespace(&before);
    if (error == 0 && unshare(CLONE_NEWNS) < 0)
        error = -errno;
    if (error == 0)
        error = mount_namespace(&after);
    if (error != 0)
        return error;
    return after != before ? root_empty() : -EBADE;
}
