#include "broker/modules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct modules {
    unsigned n_owners;
    struct module *list;
    size_t n, n_capacity;
};

/* Where the kernel says that the file is, if it is that file still. A process whose root was emptied keeps the paths of
 * the tree that it came from, which are ours.
 *
 * The device is not compared: some file systems (btrfs, overlayfs) tell another one to stat than to the list of
 * mappings. A file of the same path and inode number is taken for the same. */
static char *find_file(ino_t inode, const char *path)
{
    struct stat status;
    if (path[0] != '/' || stat(path, &status) < 0 || !S_ISREG(status.st_mode) || status.st_ino != inode)
        return NULL;
    return strdup(path);
}

/* ---- the list ----------------------------------------------------------------------------------------------------- */

static bool grow(struct modules *modules)
{
    if (modules->n < modules->n_capacity)
        return true;
    const size_t n_capacity = 2 * modules->n_capacity + 32;
    struct module *list = reallocarray(modules->list, n_capacity, sizeof *list);
    if (list == NULL)
        return false;
    modules->list = list;
    modules->n_capacity = n_capacity;
    return true;
}

/* "7f7f4d844000-7f7f4d99a000 r-xp 00026000 fe:00 332835    /usr/lib/libc.so.6": false when it is not executable, or has
 * no name (what was made at run time belongs to no file). */
static bool parse(const char *line, struct module *module, const char **ret_path)
{
    char permissions[5];
    uint64_t inode;
    int n = 0;
    *module = (struct module){0};
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*x:%*x %" SCNu64 " %n", &module->start, &module->end,
               permissions, &module->offset, &inode, &n) != 5)
        return false;
    module->inode = inode;
    *ret_path = line + n;
    return permissions[2] == 'x' && (*ret_path)[0] != '\0' && module->start < module->end;
}

/* 0, also for a line of no interest; -ENOMEM. */
static int add_line(struct modules *modules, const char *line)
{
    struct module module;
    const char *path;
    if (!parse(line, &module, &path))
        return 0;
    const char *slash = strrchr(path, '/');
    module.name = strdup(slash != NULL ? slash + 1 : path);
    if (module.name == NULL || !grow(modules)) {
        free((char *)module.name);
        return -ENOMEM;
    }
    module.path = find_file(module.inode, path);
    modules->list[modules->n++] = module;
    return 0;
}

static int read_list(struct modules *modules, FILE *maps)
{
    char *line = NULL;
    size_t n_line = 0;
    ssize_t n;
    int error = 0;
    errno = 0;
    for (size_t i = 0; i < MODULES_MAX_LINES && error == 0 && (n = getline(&line, &n_line, maps)) > 0; i++) {
        if (line[n - 1] == '\n')
            line[n - 1] = '\0';
        error = add_line(modules, line);
        errno = 0; /* what looking for its file left */
    }
    if (error == 0 && ferror(maps))
        error = -errno;
    if (error == 0 && modules->n == 0)
        error = -ESRCH; /* a zombie: whoever lives has code */
    free(line);
    return error;
}

int modules_read(pid_t pid, struct modules **ret_modules)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    if (maps == NULL)
        return -errno;
    struct modules *modules = calloc(1, sizeof *modules);
    if (modules != NULL)
        modules->n_owners = 1;
    const int error = modules != NULL ? read_list(modules, maps) : -ENOMEM;
    fclose(maps);
    if (error != 0) {
        modules_destroy(modules);
        return error;
    }
    *ret_modules = modules;
    return 0;
}

struct modules *modules_share(struct modules *modules)
{
    if (modules != NULL)
        modules->n_owners++;
    return modules;
}

void modules_destroy(struct modules *modules)
{
    if (modules == NULL || --modules->n_owners > 0)
        return;
    for (size_t i = 0; i < modules->n; i++) {
        free((char *)modules->list[i].name);
        free((char *)modules->list[i].path);
    }
    free(modules->list);
    free(modules);
}

/* The kernel lists mappings by address, but nothing here depends on it. */
const struct module *modules_find(const struct modules *modules, uint64_t address, uint64_t *ret_offset)
{
    for (size_t i = 0; i < modules->n; i++) {
        const struct module *module = &modules->list[i];
        if (address >= module->start && address < module->end) {
            *ret_offset = address - module->start + module->offset;
            return module;
        }
    }
    return NULL;
}
