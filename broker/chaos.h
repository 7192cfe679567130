/* --chaos: random faults in random tabs at random stages, and at the end the books must balance.
 *
 * Each tab draws its own sequence from the seed, so that the sequence repeats, whatever the others do meanwhile; only the
 * moments differ. When the time is over every tab is loaded once more, so that all come from one zygote again, and then
 * descriptors and children are counted against what they were before the first fault. */
#ifndef BROKER_CHAOS_H
#define BROKER_CHAOS_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/inject.h"
#include "broker/inject_options.h"
#include "broker/loop.h"
#include "broker/spawn.h"
#include "broker/tab.h"
#include "common/histogram.h"

struct chaos;

struct chaos_counts {
    uint64_t seed, elapsed_ns;
    unsigned n_faults, n_right, n_wrong, n_recovered;
    unsigned n_strays;                    /* deaths nobody ordered */
    unsigned n_by_verdict[VERDICT_COUNT]; /* of the faults, as expected; VERDICT_NONE: to be survived */
    int fds_before, fds_after;
    unsigned children_before, children_after;
    uint64_t rss_before_kb, rss_after_kb; /* of the broker */
    bool is_tidy;                         /* nothing was left to wait for at the end */
    struct histogram detected_ns, judged_ns, recovered_ns;
};

struct chaos_setup {
    struct loop *loop;
    struct spawner *spawner;
    struct tab *tabs;
    unsigned n_tabs;
    struct chaos_request request;
    bool (*is_quiet)(void *owner); /* the owner has nothing else under way */
    void (*over)(void *owner, const struct injector_outcome *outcome);
    void (*done)(void *owner, const struct chaos_counts *counts);
    void *owner;
};

/* All tabs are settled. 0 or -ENOMEM. */
int chaos_create(const struct chaos_setup *setup, struct chaos **ret_chaos);
void chaos_destroy(struct chaos *chaos);
void chaos_start(struct chaos *chaos);

/* The one that wants to hear of tabs. */
struct injector *chaos_injector(struct chaos *chaos);
bool chaos_is_over(const struct chaos *chaos);
const struct chaos_counts *chaos_counts(const struct chaos *chaos);

/* Contained, told right, recovered from, and everything given back. Pure. */
bool chaos_is_good(const struct chaos_counts *counts);

/* The next fault of a tab's sequence; state is the sequence's, and moves on. Pure. */
struct injector_step chaos_draw(uint64_t *state, unsigned n_tabs);
uint64_t chaos_sequence(uint64_t seed, unsigned tab);

#endif
