/* The commands. Each prints its own sections and returns only when it has measured (bench_fail ends the others). */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>

struct bench_options {
    bool json;
    bool against_chromium;
    unsigned n_runs;     /* 0: each command's own number */
    unsigned n_soak;     /* faults: this many in one broker; 0: none */
    unsigned n_messages; /* peers: calls or messages in a run; 0: as many as fit */
    int cpu;             /* the only one to be used; -1: any */
    char **words;        /* what follows the command, in argv */
    size_t n_words;
};

/* How often, when the user did not say. */
static inline unsigned bench_runs(const struct bench_options *options, unsigned by_default)
{
    return options->n_runs > 0 ? options->n_runs : by_default;
}

void bench_spawn(const struct bench_options *options);
void bench_startup(const struct bench_options *options);
void bench_frames(const struct bench_options *options);
void bench_faults(const struct bench_options *options);
void bench_codec(const struct bench_options *options);
void bench_peers(const struct bench_options *options);
void bench_pages(const struct bench_options *options);

#endif
