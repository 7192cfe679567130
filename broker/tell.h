/* What happens to tabs, told: to scripts as events, to people as lines on stderr and as the table at the end. Decides
 * nothing. */
#ifndef BROKER_TELL_H
#define BROKER_TELL_H

#include "broker/chaos.h"
#include "broker/crash_report.h"
#include "broker/events.h"
#include "broker/inject.h"
#include "broker/spawn.h"
#include "broker/tab.h"

void tell_tab(struct events *events, struct tab *tab);
void tell_refused(struct events *events, const struct tab *tab);

/* plan: the fault that was ordered. */
void tell_crash(struct events *events, const struct tab *tab, const struct crash_report *report,
                const struct inject_plan *plan);
/* The same for people; the report's id only where there is a report to look for. */
void tell_crash_line(const struct tab *tab, const struct crash_report *report, bool is_stored);
void tell_report(struct events *events, const struct crash_report *report, const char *file);

/* --port, for people. */
void tell_port_line(const struct event_port *event);

void tell_outcome(struct events *events, const struct injector_outcome *outcome);
/* A line when it did not come as expected. */
void tell_outcome_line(const struct injector_outcome *outcome);

void tell_chaos(struct events *events, const struct chaos_counts *counts);
void tell_chaos_result(FILE *out, const struct chaos_counts *counts);

struct tell_totals {
    int level;
    uint64_t all_live_ns, pss_kb;
};

/* The table; to stdout, or to stderr where stdout is for events. 0 or -errno. */
int tell_summary(bool to_stderr, const struct tab *tabs, unsigned n_tabs, const struct tell_totals *totals);

#endif
