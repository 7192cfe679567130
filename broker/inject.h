/* Faults on purpose, one at a time a tab: made when the tab is live and idle, judged against what must come of them, and
 * over when the tab has shown that it is well again. --inject lists them; --chaos draws them (broker/chaos.h). */
#ifndef BROKER_INJECT_H
#define BROKER_INJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "broker/inject_plan.h"
#include "broker/loop.h"
#include "broker/tab.h"

/* ---- the list of faults --------------------------------------------------------------------------------------------- */

const char *injection_name(enum injection fault);
enum verdict injection_verdict(enum injection fault);
/* The stage at which a person means it. */
enum inject_stage injection_stage(enum injection fault);
const char *inject_stage_name(enum inject_stage stage);
/* Made by the broker, by pidfd: the filter forbids it to the renderer. */
bool injection_is_from_outside(enum injection fault);
/* It makes sense then. */
bool injection_fits(enum injection fault, enum inject_stage stage);
/* "signal SIGSEGV", "violation openat2", "protocol 7 wrong-state", "hang": what is expected. Writes into out, returns it. */
const char *injection_expectation(enum injection fault, char *out, size_t n_out);
/* One kind a line: its name, and what is expected. */
void injection_print_list(FILE *out);
/* This evidence is what that fault must lead to. Made while closing it may also have led to nothing: the broker gives a
 * renderer that it has hung up on a moment, and no more. */
bool injection_expects(const struct inject_plan *plan, const struct evidence *evidence);

/* ---- making them ---------------------------------------------------------------------------------------------------- */

struct injector;

/* One fault for a tab, delay_ns after it is live (again). */
struct injector_step {
    struct inject_plan plan; /* INJECT_NONE: no more for this tab */
    uint64_t delay_ns;
};

struct injector_outcome {
    const struct tab *tab;
    struct inject_plan plan; /* INJECT_NONE: nobody asked for what happened */
    const char *what;        /* what came of it, in a line */
    bool right, recovered;
    uint64_t recovered_ns;           /* from the order to fail to the tab's next picture; 0: never */
    uint64_t detected_ns, judged_ns; /* from the fault to the broker's knowing, and to its verdict; 0: not known */
};

struct injector_handlers {
    struct injector_step (*next)(void *owner, const struct tab *tab);
    void (*over)(void *owner, const struct injector_outcome *outcome);
    /* No fault is left to make, and none is out. May come more than once. */
    void (*done)(void *owner);
};

/* tabs: borrowed. 0 or -ENOMEM. */
int injector_create(struct loop *loop, struct tab *tabs, unsigned n_tabs, const struct injector_handlers *handlers,
                    void *owner, struct injector **ret_injector);
void injector_destroy(struct injector *injector);

/* Asks `next` for every tab that has nothing planned. */
void injector_start(struct injector *injector);
bool injector_is_done(const struct injector *injector);
/* The fault that is out in a tab, INJECT_NONE when there is none: whether what happens was ordered. */
struct inject_plan injector_plan_of(const struct injector *injector, const struct tab *tab);

/* What its owner hears from tabs. */
void injector_tab_changed(struct injector *injector, struct tab *tab);
void injector_tab_crashed(struct injector *injector, struct tab *tab);
void injector_tab_painted(struct injector *injector, struct tab *tab);
void injector_tab_survived(struct injector *injector, struct tab *tab);
void injector_tab_left(struct injector *injector, struct tab *tab, const struct evidence *evidence);

#endif
