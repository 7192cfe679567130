/* What was measured, as a table for people or as JSON, one object a line. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/series.h"

/* Prints one line on stderr and exits: a benchmark that cannot measure has nothing else to say. Renderers that are
 * alive follow by themselves. */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, for rig_create. */
struct rig;
void bench_rig_failed(struct rig *rig, const char *why);

/* Before anything else: how to print. */
void report_init(bool json);

/* What was run, and on what machine. */
void report_host(int argc, char **argv);

/* A new table; the rows that follow belong to it. name is one word for scripts, title is for people. */
void report_section(const char *name, const char *title);

/* A distribution; nothing when it is empty. */
void report_series(const char *name, struct series *series, const char *unit);
void report_value(const char *name, double value, const char *unit);
/* A row of figures that only this table has. Not a number: there is none. The first row of a section makes the heading,
 * so all rows have the same columns. */
struct report_figure {
    const char *heading, *key; /* for people, for scripts */
    double value;
};
void report_figures(const char *name, const struct report_figure *figures, size_t n_figures);
/* Could not be measured here. */
void report_absent(const char *name, const char *why);
/* How to read the rows above. */
void report_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
