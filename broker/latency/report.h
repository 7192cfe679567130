/* --report: one page that needs nothing but itself. */
#ifndef BROKER_LATENCY_REPORT_H
#define BROKER_LATENCY_REPORT_H

#include <stddef.h>
#include <stdio.h>

#include "broker/latency/figure.h"
#include "broker/latency/latency.h"
#include "broker/latency/host.h"

/* The file that is to be, written under another name beside it until it is whole. */
struct latency_report {
    int dir_fd; /* -1: no report */
    char name[256], part[64];
    FILE *out;
};

/* Before anything is measured, so that a name that cannot be written is told at once. 0, or -errno with one escaped line;
 * latency_report_abandon or _finish follows either way. */
int latency_report_open(struct latency_report *report, const char *path, char *ret_error, size_t n_error);

struct latency_report_content {
    const struct latency_host *host;
    const struct latency_section *const *sections;
    size_t n_sections;
    const struct figure *figures;
    size_t n_figures;
    double seconds; /* that measuring took */
};

/* Well-formed as XML too, but for the first line. */
void latency_report_print(FILE *out, const struct latency_report_content *content);

/* Gives the page its name. 0, or -errno with one line. */
int latency_report_finish(struct latency_report *report, char *ret_error, size_t n_error);
/* Leaves nothing behind. Does nothing after _finish. */
void latency_report_abandon(struct latency_report *report);

#endif
