/* What code lies where in a process: its executable mappings, as the kernel lists them. Renderers share their zygote's
 * layout, so one look at the zygote serves for all that it clones. */
#ifndef BROKER_MODULES_H
#define BROKER_MODULES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MODULES_MAX_LINES 4096 /* of the kernel's list: what comes after them is not looked at */

struct module {
    uint64_t start, end; /* addresses, end not included */
    uint64_t offset;     /* of start, in the file */
    ino_t inode;
    const char *name; /* the path's last part, as the process was given it, or "[vdso]"; any bytes but '/' and NUL */
    const char *path; /* where we find that very file now; NULL: nowhere */
};

struct modules;

/* Blocks for as long as the kernel needs for /proc/PID/maps: some microseconds a line. 0 or -errno: -EACCES where the
 * process is not ours to look at, -ENOENT or -ESRCH where it has gone. */
int modules_read(pid_t pid, struct modules **ret_modules);

/* One more owner of the same list: each of them destroys it. Returns modules; NULL is fine. */
struct modules *modules_share(struct modules *modules);
void modules_destroy(struct modules *modules);

/* The mapping that holds an address, and, when there is one, the address as an offset in its file. NULL: no code lies
 * there. */
const struct module *modules_find(const struct modules *modules, uint64_t address, uint64_t *ret_offset);

#endif
