/* Latency mode: measures, tells, compares. Cases come from sections (the channel, the mechanisms, the frames); each is
 * measured several times, in turn with the others of its group, and the median run is told.
 *
 *     latency_run ─► sections: plan ─► cases ─► run after run: measure ─► figures ─► tables, events, report, ratios */
#ifndef BROKER_LATENCY_H
#define BROKER_LATENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/latency/figure.h"
#include "broker/options.h"
#include "broker/spawn.h"
#include "broker/spawn.h"

struct latency_plan;

/* What is to be measured once or more. */
struct latency_case {
    struct figure figure; /* its identity; runs are added by who drives */
    unsigned group;       /* cases of one section and group are measured in turn, run by run */
    double typical_ns;    /* a call's likely cost, until a run has told */
    uint64_t max_n;       /* calls or messages in a run, however fast; 0: as --messages says, or 1,000,000 */
    double budget_ms;     /* for one run when nobody asked for a count */
    long detail;          /* the section's own */
};

/* A part of latency mode. */
struct latency_section {
    const char *name;  /* as in figure.table */
    const char *title; /* over its table, for people */
    /* Adds its cases with latency_plan_add. */
    void (*plan)(struct latency_plan *plan);
    /* Before the first of its cases and after the last; NULL: nothing to do. begin: 0, or -errno with why: then all its
     * cases are absent for that reason. */
    int (*begin)(const struct options *options, char *ret_why, size_t n_why);
    void (*end)(void);
    /* One run of n calls or messages. Blocks. What cannot be measured is absent, with the reason.
     * begin, measure and end run in a process of the section's own, which is killed when it hangs or when the user wants
     * to end. Whatever it forks must end with it, or when its channel closes. */
    void (*measure)(const struct latency_case *measured, uint64_t n, struct figure_outcome *ret_outcome);
};

extern const struct latency_section latency_channel, latency_mechanisms, latency_frames;

/* Adds a case, which is copied. --only and --payload choose among all that were added. */
void latency_plan_add(struct latency_plan *plan, const struct latency_case *measured);

/* How the renderers that are measured are made: as --spawn, --memory and --require-level say. */
struct spawner_options latency_spawner_options(enum message_codec codec);

/* The mode. Returns the exit status: 0 even where some figures are absent, 3 where all are. */
int latency_run(const struct options *options, uint64_t start_ns);
/* The same with these sections instead of our own. */
int latency_run_sections(const struct latency_section *const *sections, size_t n_sections,
                         const struct options *options, uint64_t start_ns);

#endif
