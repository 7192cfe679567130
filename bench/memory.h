/* What memory a process, or a family of them, holds: /proc's word. */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct memory {
    uint64_t pss_kb, private_kb; /* private: dirty only, what a further process of the kind would cost */
    unsigned n_processes;
};

/* Adds one process. Nothing is added for one that has gone. */
void memory_add(struct memory *memory, pid_t pid);
/* Adds every descendant of a process, as far as the tree can be seen; not the process itself. */
void memory_add_descendants(struct memory *memory, pid_t ancestor);

/* The shared mappings of one process whose name in /proc/PID/maps holds `name`: how many, and the sum of their inodes,
 * which changes when one is replaced by another. */
struct memory_mappings {
    unsigned n;
    uint64_t inode_sum;
};
struct memory_mappings memory_find_mappings(pid_t pid, const char *name);

#endif
