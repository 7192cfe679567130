/* Headless Chromium, driven through its debugging pipe: what eight tabs cost there. */
#ifndef BENCH_CHROMIUM_H
#define BENCH_CHROMIUM_H

#include <stddef.h>

struct chromium_run {
    double painted_ms; /* from exec until every page has fired `load` and painted for the first time */
    double wall_ms;    /* until it has ended */
    double pss_mb;     /* of all its processes, when every page was painted */
    unsigned n_processes;
};

/* Opens each file in a tab of its own. 0; or -1 and why in ret_why: not installed, or it would not do what it was
 * asked. */
int chromium_run(char *const *files, size_t n_files, struct chromium_run *ret_run, char *ret_why, size_t n_why);

#endif
