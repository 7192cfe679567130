/* Figures in words and short numbers. What is 0, or not measured, is "". */
#ifndef BROKER_LATENCY_FORMAT_H
#define BROKER_LATENCY_FORMAT_H

#include <stddef.h>

#include "broker/latency/figure.h"

#define FORMAT_BYTES 32 /* any number */

void format_us(char ret_text[FORMAT_BYTES], double ns);         /* three digits, no unit: 0.32, 3.20, 70.1, 1250 */
void format_count(char ret_text[FORMAT_BYTES], double count);   /* 980, 259k, 1.37M */
void format_bytes(char ret_text[FORMAT_BYTES], double n_bytes); /* 0, 64, 1K, 8.3M */
void format_ratio(char ret_text[FORMAT_BYTES], double ratio);   /* 0.83, 12.5, 340 */
void format_percent(char ret_text[FORMAT_BYTES], double share); /* of 1: 3%, also 0% */

/* A duration with the unit that suits it: 320 ns, 3.20 µs, 45.0 ms. */
void format_time(char ret_text[FORMAT_BYTES], double ns);

/* How long a million of them takes, in ns, as this figure's rate has it; 0 when it does not say. */
double figure_million_ns(const struct figure *figure);

/* "channel-ring round-trip, cross-core, 64 bytes, 8 peers, 32 in flight, sandboxed, direct". */
void figure_describe(const struct figure *figure, char *ret_text, size_t n_text);

/* The command that measures it again, with as many messages. */
void figure_command(const struct figure *figure, char *ret_text, size_t n_text);

#endif
