/* How far the measuring has got, on stderr: a bar that is rewritten on a terminal, else a line now and then. */
#ifndef BROKER_LATENCY_PROGRESS_H
#define BROKER_LATENCY_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct latency_progress {
    FILE *out;
    bool rewrites;
    unsigned columns;
    bool shown; /* there is a line to take away */
    uint64_t start_ns, last_ns;
};

void latency_progress_init(struct latency_progress *progress, FILE *out, uint64_t now_ns);

/* Between two runs: share is what is done, 0 to 1; left_ns what is left, about; what names the next. */
void latency_progress_update(struct latency_progress *progress, double share, uint64_t left_ns, const char *what,
                             uint64_t now_ns);

/* Takes the bar away: before other lines are printed, and at the end. */
void latency_progress_clear(struct latency_progress *progress);

#endif
