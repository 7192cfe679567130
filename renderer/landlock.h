#ifndef RENDERER_LANDLOCK_H
#define RENDERER_LANDLOCK_H

#include <stdbool.h>

/* Denies the calling thread every file operation that this kernel's Landlock knows, TCP, and, from ABI 6 on, signals and
 * abstract sockets beyond its own domain. Needs no_new_privs. Verified by a try at opening the root folder.
 * 0 with *ret_scopes, or -errno (ENOSYS, EOPNOTSUPP: no Landlock here; EBADE: it did not take effect). */
int landlock_deny_all(bool *ret_scopes);

#endif
