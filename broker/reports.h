/* The way of crash reports out of the loop's way: symbols are looked up by a helper process, one report at a time, and
 * no tab waits for it. */
#ifndef BROKER_REPORTS_H
#define BROKER_REPORTS_H

#include <stddef.h>

#include "broker/crash_report.h"
#include "broker/loop.h"

#define REPORTS_MAX_WAITING 32 /* one more is stored at once, without symbols */

struct reports;

struct reports_handlers {
    /* All is done that could be done for a report. file: the name of its text in the folder; NULL where it was not
     * stored, and then error is the -errno for the first failure in a row, and 0 for the ones after it, which have
     * been told, and where there is no folder. May be called before reports_add or reports_flush returns. The handler may
     * add reports, but not destroy. */
    void (*stored)(void *owner, const struct crash_report *report, const char *file, int error);
};

/* dir_fd: crash_dir_prepare's, taken, on failure too; -1: nothing is stored, but symbols are looked up and the handler
 * hears of them. The helper is the executable `symbolizer` beside our own; without it there are no symbols. 0 or -errno. */
int reports_create(struct loop *loop, int dir_fd, const struct reports_handlers *handlers, void *owner,
                   struct reports **ret_reports);

/* Drops what waits (see reports_flush), and kills the helper. It is a child of ours that ends at some time: whoever takes
 * SIGCHLD reaps it, here and after every report. */
void reports_destroy(struct reports *reports);

/* Copies the report, which has been located, and queues it. */
void reports_add(struct reports *reports, const struct crash_report *report);

/* How many have been added and not yet told as stored. */
size_t reports_pending(const struct reports *reports);

/* Stores all that waits, now, without the symbols that are not known yet. */
void reports_flush(struct reports *reports);

#endif
