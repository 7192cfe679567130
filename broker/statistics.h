/* What goes on in a broker that is at work, a line a tab: SIGUSR2 and --stats-every. Everything was counted already;
 * this looks, and takes some microseconds a tab for what the kernel counts. */
#ifndef BROKER_STATISTICS_H
#define BROKER_STATISTICS_H

#include "broker/events.h"
#include "broker/tab.h"

/* As a table to stderr, and as an event a tab where there are events. Since the start, past renderers included, but for
 * processor time and memory, which are the present renderer's. */
void statistics_tell(struct events *events, const struct tab *tabs, unsigned n_tabs);

#endif
