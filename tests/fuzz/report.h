/* What must hold of a crash report as it is printed, whatever is in it. */
#ifndef TESTS_FUZZ_REPORT_H
#define TESTS_FUZZ_REPORT_H

#include <stddef.h>

#include "broker/crash_report.h"

/* For people: lines without a byte that a terminal would obey. Returns how many lines. */
size_t check_report_text(const struct crash_report *report);

/* For scripts: one JSON object in one line, as harmless. */
void check_report_json(const struct crash_report *report);

#endif
