/* Anonymous files that are handed across the wall: never executable, and sealed so that neither side can change under
 * the other what was agreed on. */
#ifndef COMMON_MEMFD_H
#define COMMON_MEMFD_H

#include <stdbool.h>
#include <stddef.h>

/* A new empty memfd, close-on-exec, sealable, not executable. name shows in /proc only. *ret_noexec_seal (may be
 * NULL) says whether the kernel knew MFD_NOEXEC_SEAL (Linux 6.3); without it the file merely has no x bit. 0 or -errno. */
int memfd_make(const char *name, int *ret_fd, bool *ret_noexec_seal);

/* Adds seals (F_SEAL_…), then checks that they hold and that the size is n_bytes. 0, -EPERM when they do not hold,
 * -errno. */
int memfd_seal(int fd, int seals, size_t n_bytes);

#endif
