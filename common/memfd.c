#include "common/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/fd.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008u
#endif

int memfd_make(const char *name, int *ret_fd, bool *ret_noexec_seal)
{
    bool noexec_seal = true;
    CLOSE_FD int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) {
        noexec_seal = false;
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd >= 0 && fchmod(fd, 0600) < 0)
            return -errno;
    }
    if (fd < 0)
        return -errno;
    if (ret_noexec_seal != NULL)
        *ret_noexec_seal = noexec_seal;
    *ret_fd = fd_steal(&fd);
    return 0;
}

int memfd_seal(int fd, int seals, size_t n_bytes)
{
    if (fcntl(fd, F_ADD_SEALS, seals) < 0)
        return -errno;
    struct stat status;
    const int held = fcntl(fd, F_GET_SEALS);
    if (held < 0 || fstat(fd, &status) < 0)
        return -errno;
    if ((held & seals) != seals || status.st_size < 0 || (size_t)status.st_size != n_bytes)
        return -EPERM;
    return 0;
}
