/* Table a's rows `port`: two renderers, both under the filter that documents are under, exchange messages by a ring of
 * their own. The broker orders it and sleeps; the figures are what the renderer that asks has measured (Exchanged). */
#ifndef BROKER_LATENCY_PORT_H
#define BROKER_LATENCY_PORT_H

#include <stdbool.h>

#include "broker/latency/latency.h"

/* As a section's functions; the channel's calls them. *group: the next free one. */
void latency_port_plan(struct latency_plan *plan, unsigned *group);
bool latency_port_has(const struct latency_case *measured);
void latency_port_measure(const struct latency_case *measured, uint64_t n, struct figure_outcome *ret_outcome);
void latency_port_end(void);

#endif
