/* From figures to tables for people. Those that belong to none of the named tables get one of the general kind. */
#ifndef BROKER_LATENCY_TABLE_H
#define BROKER_LATENCY_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "broker/latency/figure.h"
#include "broker/grid.h"
#include "broker/latency/host.h"

/* All figures of one table ("channel", "mechanisms", "frames"), as one grid a test. Returns how many; each is then to be
 * finished. */
#define LATENCY_TABLE_GRIDS 24
size_t latency_table_make(const char *table, const char *title, const struct figure *figures, size_t n_figures,
                          struct grid ret_grids[LATENCY_TABLE_GRIDS]);

/* Half of the figures vary more than this from run to run: 0.08 is 8 %. */
double latency_table_noise(const struct figure *figures, size_t n_figures);

/* In one line, how much the runs differ, and that the machine is noisy if it is. */
void latency_table_describe_noise(const struct figure *figures, size_t n_figures, const struct latency_host *host,
                                  char *ret_text, size_t n_text);

/* Lines about the machine, before anything is measured. */
void latency_table_print_host(FILE *out, const struct summary_style *style, const struct latency_host *host);

#endif
