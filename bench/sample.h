/* The bundled documents: what is shown when no FILE is named. */
#ifndef BENCH_SAMPLE_H
#define BENCH_SAMPLE_H

#include <stdbool.h>

#include "broker/document.h"

/* Opens the one whose name holds `name`; document_finish gives it back. False when there is none, because `built` says
 * that its engine was left out; in any other case one that cannot be had ends the benchmark. */
bool sample_open(const char *name, bool built, struct document *ret_document);

#endif
