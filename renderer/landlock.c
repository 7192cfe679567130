#include "renderer/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.h"

/* Debian 12's headers know ABI 2; the numbers beyond it are the kernel's (include/uapi/linux/landlock.h). */
#define CREATE_RULESET_VERSION (1u << 0)

#define ACCESS_FS_ABI_1     ((1ull << 13) - 1)
#define ACCESS_FS_REFER     (1ull << 13) /* ABI 2 */
#define ACCESS_FS_TRUNCATE  (1ull << 14) /* ABI 3 */
#define ACCESS_NET_TCP      3ull         /* ABI 4: bind, connect */
#define ACCESS_FS_IOCTL_DEV (1ull << 15) /* ABI 5 */
#define SCOPES              3ull         /* ABI 6: abstract sockets, signals */

struct ruleset {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};

static struct ruleset everything(long abi, size_t *ret_size)
{
    struct ruleset ruleset = {.handled_access_fs = ACCESS_FS_ABI_1};
    if (abi >= 2)
        ruleset.handled_access_fs |= ACCESS_FS_REFER;
    if (abi >= 3)
        ruleset.handled_access_fs |= ACCESS_FS_TRUNCATE;
    if (abi >= 4)
        ruleset.handled_access_net = ACCESS_NET_TCP;
    if (abi >= 5)
        ruleset.handled_access_fs |= ACCESS_FS_IOCTL_DEV;
    if (abi >= 6)
        ruleset.scoped = SCOPES;
    *ret_size = abi >= 6   ? sizeof ruleset
                : abi >= 4 ? offsetof(struct ruleset, scoped)
                           : offsetof(struct ruleset, handled_access_net);
    return ruleset;
}

int landlock_deny_all(bool *ret_scopes)
{
    const long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    if (abi < 0)
        return -errno;
    if (abi == 0)
        return -EOPNOTSUPP;

    size_t size;
    const struct ruleset ruleset = everything(abi, &size);
    CLOSE_FD int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
    if (fd < 0)
        return -errno;
    /* Not one rule is added: nothing beneath anything. */
    if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
        return -errno;

    CLOSE_FD int probe = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (probe >= 0 || errno != EACCES)
        return -EBADE;
    *ret_scopes = ruleset.scoped != 0;
    return 0;
}
