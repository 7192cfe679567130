/* What people read when no view is open: a line a tab, the total, the state of the sandbox, a progress line.
 * Strings may come from anyone: they are escaped and cut here. */
#ifndef BROKER_SUMMARY_H
#define BROKER_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "common/layers.h"

/* How to print: found from the stream by summary_style_of, or set by hand. */
struct summary_style {
    unsigned columns; /* lines are cut to this; 0: not cut */
    bool colour;
};

/* A terminal: its width (80 where it does not tell), colour unless NO_COLOR is set or TERM is dumb. Otherwise neither. */
struct summary_style summary_style_of(FILE *stream);

/* 0 and NULL: not known. */
struct summary_tab {
    unsigned number; /* from 1 */
    const char *state;
    const char *kind;
    unsigned pages;
    pid_t pid;
    uint64_t spawn_ns, first_frame_ns;
    uint64_t pss_kb;
    uint32_t layers; /* mask over enum layer */
    const char *document;
    const char *reason; /* why it failed, or what happened on the way */
    bool live, failed;
};

struct summary_totals {
    int level;
    uint64_t all_live_ns; /* from the broker's start to the last tab's first frame */
    uint64_t pss_kb;      /* of all processes, the broker and the zygote too */
};

void summary_print(FILE *out, const struct summary_style *style, const struct summary_tab *tabs, size_t n_tabs,
                   const struct summary_totals *totals);

/* --sandbox-status. layer_errno: an errno a layer, why it is missing; 0 where unknown or where it holds. */
void summary_sandbox_status(FILE *out, const struct summary_style *style, uint32_t layers,
                            const uint8_t layer_errno[LAYER_COUNT]);

/* One line, rewritten in place at most ten times a second; only on a terminal, and tabs only where there are
 * more than eight. */
struct summary_progress {
    FILE *terminal; /* NULL: nothing is shown */
    FILE *out;      /* the same for more than eight tabs, else NULL */
    unsigned n_tabs;
    uint64_t last_ns;
    bool shown;
};

void summary_progress_init(struct summary_progress *progress, FILE *out, unsigned n_tabs);
void summary_progress_update(struct summary_progress *progress, unsigned n_opened, unsigned n_failed, uint64_t now_ns);

/* The counts of --chaos, whatever the number of tabs. */
void summary_progress_chaos(struct summary_progress *progress, unsigned n_faults, unsigned n_wrong, uint64_t elapsed_ns,
                            uint64_t now_ns);

/* Takes the line away: before another line is printed, and at the end. */
void summary_progress_clear(struct summary_progress *progress);

#endif
