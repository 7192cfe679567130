#include "bench/memory.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *open_proc(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return fopen(path, "re");
}

void memory_add(struct memory *memory, pid_t pid)
{
    FILE *file = open_proc(pid, "smaps_rollup");
    if (file == NULL)
        return;
    char line[160];
    unsigned long kb;
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Pss: %lu kB", &kb) == 1)
            memory->pss_kb += kb;
        else if (sscanf(line, "Private_Dirty: %lu kB", &kb) == 1)
            memory->private_kb += kb;
    }
    memory->n_processes++;
    fclose(file);
}

/* 0 for one that has gone. */
static pid_t parent_of(pid_t pid)
{
    FILE *file = open_proc(pid, "stat");
    if (file == NULL)
        return 0;
    char line[512] = "";
    const bool whole = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    /* The name, in parentheses, may hold anything. */
    const char *after_name = strrchr(line, ')');
    int parent = 0;
    return whole && after_name != NULL && sscanf(after_name, ") %*c %d", &parent) == 1 ? parent : 0;
}

static bool descends(pid_t pid, pid_t ancestor)
{
    for (pid_t parent = parent_of(pid); parent > 1; parent = parent_of(parent)) {
        if (parent == ancestor)
            return true;
    }
    return false;
}

void memory_add_descendants(struct memory *memory, pid_t ancestor)
{
    DIR *dir = opendir("/proc");
    if (dir == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        const pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? (pid_t)atoi(entry->d_name) : 0;
        if (pid > 0 && descends(pid, ancestor))
            memory_add(memory, pid);
    }
    closedir(dir);
}

struct memory_mappings memory_find_mappings(pid_t pid, const char *name)
{
    struct memory_mappings found = {0};
    FILE *file = open_proc(pid, "maps");
    if (file == NULL)
        return found;
    char line[512];
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned long inode;
        if (strstr(line, name) != NULL && sscanf(line, "%*s %*s %*s %*s %lu", &inode) == 1) {
            found.n++;
            found.inode_sum += inode;
        }
    }
    fclose(file);
    return found;
}
