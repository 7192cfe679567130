/* The containment table as the broker knows it: what a renderer that was taken over tries, and what has to come of it. The
 * rows are in common/containment_rows.h; what tries them is a program of its own, the intruder. */
#ifndef BROKER_CONTAINMENT_TABLE_H
#define BROKER_CONTAINMENT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/crash.h"

#define CONTAINMENT_GROUPS(X)                               \
    X(FILES, "files and paths")                             \
    X(PROCESSES, "processes, signals, debugging")           \
    X(MEMORY, "memory and processor")                       \
    X(KERNEL, "network, devices, the kernel's odd corners") \
    X(MESSAGES, "messages")                                 \
    X(FRAMES, "handles and frames")                         \
    X(LIFE, "life and death")                               \
    X(SWEEPS, "sweeps: a renderer for each number")

enum containment_group {
#define X(id, name) GROUP_##id,
    CONTAINMENT_GROUPS(X)
#undef X
        GROUP_COUNT
};

enum containment_end {
    END_RETURNS,   /* the renderer goes on, and what it tried came back with `text` */
    END_KILLED,    /* by the broker, which names the system call `number` */
    END_BY_KERNEL, /* by the kernel alone, which names no call */
    END_SIGNAL,    /* of signal `number` */
    END_EXITS,     /* with status `number` */
    END_BAD,       /* by the broker, for message_fault `number` */
    END_HANGS,     /* by the broker, for want of progress */
    END_MEMORY,    /* at its memory limit */
    END_SEEN,      /* the broker acts and looks: `see` */
    END_SWEPT,     /* many renderers: `sweep` */
    END_ABSENT,    /* does not apply: `text` says why */
};

struct stage;
struct containment_sweep;

/* What came of a row. */
struct containment_result {
    bool is_absent, holds;
    char verdict[16]; /* the broker's word, "none" when nobody died */
    char text[256];   /* what was seen, printable; why, when absent */
    uint64_t slowest_neighbour_ns;
};

struct containment_row {
    const char *name;
    enum containment_group group;
    const char *tried; /* for people */
    enum containment_end end;
    int number;
    const char *text;
    void (*see)(struct stage *stage, struct containment_result *result);
    const struct containment_sweep *sweep;
};

extern const struct containment_row containment_rows[];
extern const size_t containment_n_rows;

const char *containment_group_name(enum containment_group group);

/* What has to come of it, for people: "violation: openat2". */
void containment_expected(const struct containment_row *row, char *out, size_t n_out);

/* What the sandbox of this host is like, as far as rows depend on it. */
struct containment_host {
    bool has_notify;       /* without it the kernel kills and names no call */
    bool has_mseal;        /* before Linux 6.10 a program can unmap its own code, to its own harm */
    bool has_vsyscall;     /* kernels may be booted without that page */
    bool has_32_bit_calls; /* likewise */
    bool is_filtered;      /* somebody else's filter answers before ours does (a container's, a test's) */
};

/* Why a row says nothing on this host; NULL: it applies. */
const char *containment_absence(const struct containment_row *row, const struct containment_host *host);

/* Whether a renderer's death is the row's. Pure. */
bool containment_death_fits(const struct containment_row *row, const struct evidence *evidence,
                            const struct containment_host *host);

/* Whether it may go on with this answer: the row's own, or, where an outer filter answers first, a refusal. Pure. */
bool containment_answer_fits(const struct containment_row *row, const char *answer,
                             const struct containment_host *host);

#endif
