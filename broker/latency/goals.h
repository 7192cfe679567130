/* Goals: ratios of figures of the same run, so that they mean the same on every machine. */
#ifndef BROKER_LATENCY_GOALS_H
#define BROKER_LATENCY_GOALS_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/latency/figure.h"
#include "broker/grid.h"
#include "broker/latency/host.h"

struct latency_goal_result {
    const char *group, *text;          /* what is to be */
    const struct figure *left, *right; /* right: NULL where an absolute figure is the goal */
    char left_value[32], right_value[32];
    double measured, bound;
    const char *unit; /* of measured: "×" for a ratio */
    bool at_most, met;
    char limit[320]; /* not met: what limits it, as far as the figures tell */
};

#define LATENCY_MAX_GOALS 40

/* Those whose figures were all measured. Returns how many. */
size_t latency_goals_judge(const struct figure *figures, size_t n_figures, const struct latency_host *host,
                           struct latency_goal_result ret_results[LATENCY_MAX_GOALS]);

/* As a table; finish it. */
void latency_goals_make(const struct figure *figures, size_t n_figures, const struct latency_host *host,
                        struct grid *ret_grid);

#endif
