/* What one measurement came to, and the one line in which `measure` tells it to the broker: KEY=VALUE with tabs between,
 * a newline at the end. Numbers are decimal, texts run up to the next tab. The broker believes no line that is not whole,
 * that says a thing twice, or that contradicts itself. */
#ifndef COMMON_MEASURED_H
#define COMMON_MEASURED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/histogram.h"

#define MEASURED_MAX_TEXT 160
#define MEASURED_MAX_LINE 1024

/* All have to be told; what does not apply is 0. */
#define MEASURED_NUMBERS(X)                                    \
    X(n)          /* sent: calls or messages */                \
    X(lost)       /* sent, never received */                   \
    X(disordered) /* received after one that was sent later */ \
    X(p50_ns)                                                  \
    X(p90_ns)                                                  \
    X(p99_ns)                                                  \
    X(p999_ns)                                                 \
    X(max_ns)                                                  \
    X(mean_ps)                                                 \
    X(total_ns)                                                \
    X(cpu_ns) /* of all processes that took part, in all that time */

struct measured {
#define X(name) uint64_t name;
    MEASURED_NUMBERS(X)
#undef X
    uint64_t curve_ns[HISTOGRAM_CURVE_POINTS];
    bool has_curve;
    char note[MEASURED_MAX_TEXT];   /* what else was seen; "": nothing */
    char absent[MEASURED_MAX_TEXT]; /* why there is nothing; "": there is. Then all else is left out */
};

/* The percentiles and the curve, as far as anything was timed. */
void measured_take(struct measured *measured, const struct fine_histogram *latency);

void measured_print(const struct measured *measured, FILE *out);

/* Takes n_bytes that need not be terminated. 0 or -EBADMSG. */
int measured_parse(const char *line, size_t n_bytes, struct measured *ret_measured);

#endif
