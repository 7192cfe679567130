/* Headless Chromium, driven through its debugging pipe: what eight tabs cost, and how soon a crash is told. */
#ifndef BENCH_CHROMIUM_H
#define BENCH_CHROMIUM_H

#include <stddef.h>

#include "bench/series.h"

struct chromium_run {
    double painted_ms; /* from exec until every page has fired `load` and painted for the first time */
    double wall_ms;    /* until it has ended */
    double pss_mb;     /* of all its processes, when every page was painted */
    unsigned n_processes;
};

/* Opens each file in a tab of its own. 0; or -1 and why in ret_why: not installed, or it would not do what it was
 * asked. */
int chromium_run(char *const *files, size_t n_files, struct chromium_run *ret_run, char *ret_why, size_t n_why);

/* Opens an empty page in a tab, lets its renderer crash once it has been painted and is quiet, and does so n_runs times
 * one after another: milliseconds from sending Page.crash to reading Target.targetCrashed. Results as above. */
int chromium_crash(unsigned n_runs, struct series *ret_ms, char *ret_why, size_t n_why);

#endif
