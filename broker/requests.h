/* The faults that a run was asked to make: those that --inject lists, or those that --chaos draws. One injector makes
 * them (broker/inject.h) and hears of tabs here; what comes of each is told. Where none was asked for there is no
 * injector: all is over from the start, and nobody listens. */
#ifndef BROKER_REQUESTS_H
#define BROKER_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/chaos.h"
#include "broker/events.h"
#include "broker/inject.h"
#include "broker/loop.h"
#include "broker/options.h"
#include "broker/spawn.h"
#include "broker/summary.h"
#include "broker/tab.h"

struct requests_handlers {
    /* None is left to make, and none is out; with --chaos the books are closed, too. May come more than once. */
    void (*done)(void *owner);
    /* --chaos: the owner has nothing else under way. */
    bool (*is_quiet)(void *owner);
};

struct requests_setup {
    const struct options *options;
    struct loop *loop;
    struct spawner *spawner;
    struct tab *tabs;
    unsigned n_tabs;
    struct events *events;
    struct summary_progress *progress;
    const struct requests_handlers *handlers;
    void *owner;
};

struct requests {
    struct requests_setup setup;
    struct injector *injector; /* of --inject, or chaos' own; NULL: no fault is made on purpose */
    struct chaos *chaos;
    size_t *next; /* --inject: for each tab, the first of the requests that was not looked at */
};

/* All of setup is borrowed. 0 or -ENOMEM; requests_finish follows either way. */
int requests_init(struct requests *requests, const struct requests_setup *setup);
void requests_finish(struct requests *requests);

/* Tabs have been started: each is made to fail when its picture is there. */
void requests_start(struct requests *requests);
/* All tabs are settled: now there can be chaos. */
void requests_start_chaos(struct requests *requests);

bool requests_are_over(const struct requests *requests);
/* What --chaos has come to; NULL: it was not asked for. */
const struct chaos_counts *requests_chaos(const struct requests *requests);
/* The fault that is out in a tab, INJECT_NONE when there is none. */
struct inject_plan requests_plan_of(const struct requests *requests, const struct tab *tab);

/* What their owner hears from tabs. */
void requests_tab_changed(struct requests *requests, struct tab *tab);
void requests_tab_crashed(struct requests *requests, struct tab *tab);
void requests_tab_painted(struct requests *requests, struct tab *tab);
void requests_tab_survived(struct requests *requests, struct tab *tab);
void requests_tab_left(struct requests *requests, struct tab *tab, const struct evidence *evidence);

#endif
