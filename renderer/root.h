#ifndef RENDERER_ROOT_H
#define RENDERER_ROOT_H

/* Replaces the root of the calling process's own mount namespace with an empty, read-only tmpfs; everything else is
 * detached. Needs CAP_SYS_ADMIN in the user namespace that owns the mount namespace. Verified: on 0 the new root holds
 * nothing. -errno otherwise; the process should end then. */
int root_empty(void);
/* The same in a new mount namespace of its own; whoever shares the present one keeps his root. */
int root_empty_of_own(void);

#endif
