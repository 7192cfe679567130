/* The main mode: opens documents in tabs, each in a renderer of its own, until all are shown or told. */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "broker/options.h"

/* Runs to the end and returns the exit status. start_ns: when the process began, for events and figures. */
int broker_run(const struct options *options, uint64_t start_ns);

/* --sandbox-status: starts one renderer and tells what it is locked up in. Returns the exit status. */
int status_run(const struct options *options);

#endif
