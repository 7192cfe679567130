#include "broker/inject.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "broker/crash.h"
#include "common/clock.h"

/* ---- the list of faults --------------------------------------------------------------------------------------------- */

static const struct row {
    const char *name;
    enum verdict verdict;
    int detail;
    enum inject_moment moment;
} rows[INJECT_COUNT] = {[INJECT_NONE] = {"none", VERDICT_NONE, 0, INJECT_NOW},
#define X(id, name, verdict, detail, moment) [INJECT_##id] = {name, VERDICT_##verdict, detail, INJECT_##moment},
                        INJECTIONS(X)
#undef X
};

const char *injection_name(enum injection fault)
{
    return rows[fault].name;
}

enum verdict injection_verdict(enum injection fault)
{
    return rows[fault].verdict;
}

enum inject_stage injection_stage(enum injection fault)
{
    return rows[fault].moment == INJECT_OPENING ? STAGE_OPENING : STAGE_IDLE;
}

const char *inject_stage_name(enum inject_stage stage)
{
    static const char *const names[STAGE_COUNT] = {
        [STAGE_CLIMBING] = "climbing", [STAGE_READY] = "ready", [STAGE_OPENING] = "opening",
        [STAGE_PAINTING] = "painting", [STAGE_IDLE] = "idle",   [STAGE_CLOSING] = "closing"};
    return names[stage];
}

bool injection_is_from_outside(enum injection fault)
{
    return fault == INJECT_KILL_SELF || fault == INJECT_HANG_STOP;
}

bool injection_fits(enum injection fault, enum inject_stage stage)
{
    if (stage == STAGE_CLIMBING)
        return injection_is_from_outside(fault);
    return rows[fault].moment == INJECT_NOW || stage == injection_stage(fault);
}

const char *injection_expectation(enum injection fault, char *out, size_t n_out)
{
    const struct row *row = &rows[fault];
    const char *verdict = verdict_name(row->verdict);
    char name[64];
    if (row->verdict == VERDICT_SIGNAL)
        snprintf(out, n_out, "%s %s", verdict, signal_name(row->detail, name, sizeof name));
    else if (row->verdict == VERDICT_VIOLATION && row->detail != 0)
        snprintf(out, n_out, "%s %s", verdict, call_name(row->detail, name, sizeof name));
    else if (row->verdict == VERDICT_PROTOCOL)
        snprintf(out, n_out, "%s %d %s", verdict, row->detail, message_fault_name((enum message_fault)row->detail));
    else if (row->verdict == VERDICT_EXIT)
        snprintf(out, n_out, "%s %d", verdict, row->detail);
    else
        snprintf(out, n_out, "%s", verdict);
    return out;
}

void injection_print_list(FILE *out)
{
    for (int fault = INJECT_NONE + 1; fault < INJECT_COUNT; fault++) {
        char expectation[96];
        fprintf(out, "%-21s %s\n", rows[fault].name,
                injection_expectation((enum injection)fault, expectation, sizeof expectation));
    }
}

bool injection_expects(const struct inject_plan *plan, const struct evidence *evidence)
{
    const struct row *row = &rows[plan->fault];
    const enum verdict verdict = crash_judge(evidence);
    if (plan->stage == STAGE_CLOSING && verdict == VERDICT_NONE)
        return true;
    if (verdict != row->verdict)
        return false;
    switch (verdict) {
    case VERDICT_SIGNAL:
        return evidence->wait_status == row->detail;
    case VERDICT_VIOLATION: /* where there is no listener the call has no name */
        return row->detail == 0 || !evidence->violated || evidence->call == row->detail;
    case VERDICT_PROTOCOL:
        return evidence->fault == (enum message_fault)row->detail;
    case VERDICT_EXIT:
        return evidence->wait_status == row->detail;
    case VERDICT_HANG:
    case VERDICT_MEMORY:
    case VERDICT_KILLED:
        return true;
    case VERDICT_NONE:
        break;
    }
    return false; /* whoever is to survive has not */
}

/* ---- making them ---------------------------------------------------------------------------------------------------- */

/* A tab that is live but busy is asked again after this. */
#define BUSY_NS (2 * NS_PER_MS)

enum drill_state {
    DRILL_ASLEEP,     /* nothing is planned */
    DRILL_PLANNED,    /* waits for the tab to be live */
    DRILL_DUE,        /* the timer runs */
    DRILL_OUT,        /* ordered */
    DRILL_RECOVERING, /* judged; waits for a picture */
};

struct drill {
    struct injector *injector;
    struct tab *tab;
    enum drill_state state;
    struct injector_step step;
    struct loop_timer timer;
    uint64_t ordered_ns;
    bool left; /* closing: the one that was let go has ended */
    bool live; /* closing: the one that followed shows a picture */
    char what[256];
    bool right;
    uint64_t detected_ns, judged_ns;
};

struct injector {
    struct loop *loop;
    const struct injector_handlers *handlers;
    void *owner;
    unsigned n_tabs, n_busy;
    struct drill drills[];
};

static struct drill *drill_of(const struct injector *injector, const struct tab *tab)
{
    return (struct drill *)&injector->drills[tab->number - 1];
}

int injector_create(struct loop *loop, struct tab *tabs, unsigned n_tabs, const struct injector_handlers *handlers,
                    void *owner, struct injector **ret_injector)
{
    struct injector *injector = calloc(1, sizeof *injector + n_tabs * sizeof injector->drills[0]);
    if (injector == NULL)
        return -ENOMEM;
    injector->loop = loop;
    injector->handlers = handlers;
    injector->owner = owner;
    injector->n_tabs = n_tabs;
    for (unsigned i = 0; i < n_tabs; i++)
        injector->drills[i] = (struct drill){.injector = injector, .tab = &tabs[i]};
    *ret_injector = injector;
    return 0;
}

void injector_destroy(struct injector *injector)
{
    for (unsigned i = 0; injector != NULL && i < injector->n_tabs; i++)
        loop_disarm(injector->loop, &injector->drills[i].timer);
    free(injector);
}

bool injector_is_done(const struct injector *injector)
{
    return injector->n_busy == 0;
}

struct inject_plan injector_plan_of(const struct injector *injector, const struct tab *tab)
{
    const struct drill *drill = drill_of(injector, tab);
    return drill->state == DRILL_OUT ? drill->step.plan : (struct inject_plan){0};
}

static void fall_asleep(struct drill *drill)
{
    struct injector *injector = drill->injector;
    loop_disarm(injector->loop, &drill->timer);
    if (drill->state == DRILL_ASLEEP)
        return;
    drill->state = DRILL_ASLEEP;
    if (--injector->n_busy == 0)
        injector->handlers->done(injector->owner);
}

static void make_fault(struct loop_timer *timer)
{
    struct drill *drill = LOOP_OWNER(timer, struct drill, timer);
    struct tab *tab = drill->tab;
    if (tab->state != TAB_LIVE) {
        drill->state = DRILL_PLANNED; /* comes back when it is */
        return;
    }
    if (tab->child->when != WHEN_IDLE || tab->child->condemned) {
        loop_arm(drill->injector->loop, timer, clock_now_ns() + BUSY_NS, make_fault);
        return;
    }
    drill->state = DRILL_OUT;
    drill->ordered_ns = clock_now_ns();
    drill->left = drill->live = drill->right = false;
    drill->detected_ns = drill->judged_ns = 0;
    drill->what[0] = '\0';
    tab_inject(tab, &drill->step.plan);
}

static void become_due(struct drill *drill)
{
    drill->state = DRILL_DUE;
    loop_arm(drill->injector->loop, &drill->timer, clock_now_ns() + drill->step.delay_ns, make_fault);
}

static void plan_next(struct drill *drill)
{
    struct injector *injector = drill->injector;
    drill->step = injector->handlers->next(injector->owner, drill->tab);
    if (drill->step.plan.fault == INJECT_NONE) {
        fall_asleep(drill);
        return;
    }
    if (drill->state == DRILL_ASLEEP)
        injector->n_busy++;
    drill->state = DRILL_PLANNED;
    if (drill->tab->state == TAB_LIVE)
        become_due(drill);
}

void injector_start(struct injector *injector)
{
    for (unsigned i = 0; i < injector->n_tabs; i++) {
        if (injector->drills[i].state == DRILL_ASLEEP && injector->drills[i].tab->state != TAB_FAILED)
            plan_next(&injector->drills[i]);
    }
    if (injector->n_busy == 0)
        injector->handlers->done(injector->owner);
}

static void tell(const struct drill *drill, bool recovered)
{
    const struct injector_outcome outcome = {
        .tab = drill->tab,
        .plan = drill->step.plan,
        .what = drill->what,
        .right = drill->right,
        .recovered = recovered,
        .recovered_ns = recovered ? clock_now_ns() - drill->ordered_ns : 0,
        .detected_ns = drill->detected_ns,
        .judged_ns = drill->judged_ns,
    };
    drill->injector->handlers->over(drill->injector->owner, &outcome);
}

static void recovered(struct drill *drill)
{
    tell(drill, true);
    plan_next(drill);
}

static void survived(struct drill *drill)
{
    drill->right = rows[drill->step.plan.fault].verdict == VERDICT_NONE;
    snprintf(drill->what, sizeof drill->what, "the renderer goes on as if nothing had happened");
}

static void judge(struct drill *drill, const struct evidence *evidence)
{
    const uint64_t fault_ns = crash_fault_ns(evidence);
    crash_describe(evidence, drill->what, sizeof drill->what);
    drill->right = injection_expects(&drill->step.plan, evidence);
    if (fault_ns != 0 && crash_judge(evidence) != VERDICT_NONE) {
        drill->detected_ns = evidence->noticed_ns - fault_ns;
        drill->judged_ns = evidence->judged_ns - fault_ns;
    }
}

/* A death that nobody ordered. */
static void tell_stray(const struct drill *drill)
{
    const struct injector_outcome outcome = {.tab = drill->tab, .what = drill->tab->reason};
    drill->injector->handlers->over(drill->injector->owner, &outcome);
}

void injector_tab_crashed(struct injector *injector, struct tab *tab)
{
    struct drill *drill = drill_of(injector, tab);
    if (drill->state != DRILL_OUT || drill->step.plan.stage == STAGE_CLOSING) {
        tell_stray(drill);
        return;
    }
    judge(drill, &tab->evidence);
    drill->state = DRILL_RECOVERING;
}

void injector_tab_left(struct injector *injector, struct tab *tab, const struct evidence *evidence)
{
    struct drill *drill = drill_of(injector, tab);
    if (drill->state != DRILL_OUT || drill->step.plan.stage != STAGE_CLOSING)
        return; /* let go for the sake of a fault that its successor makes */
    judge(drill, evidence);
    drill->left = true;
    if (drill->live)
        recovered(drill);
}

void injector_tab_painted(struct injector *injector, struct tab *tab)
{
    struct drill *drill = drill_of(injector, tab);
    if (drill->state == DRILL_RECOVERING) {
        recovered(drill);
    } else if (drill->state == DRILL_OUT && drill->step.plan.stage == STAGE_PAINTING) {
        survived(drill);
        recovered(drill);
    }
}

/* It said so; that it still answers has to be shown. */
void injector_tab_survived(struct injector *injector, struct tab *tab)
{
    struct drill *drill = drill_of(injector, tab);
    if (drill->state != DRILL_OUT)
        return;
    survived(drill);
    drill->state = DRILL_RECOVERING;
    if (tab->state == TAB_LIVE)
        (void)tab_repaint(tab); /* idle, since that was its answer */
}

static void tab_is_live(struct drill *drill)
{
    switch (drill->state) {
    case DRILL_PLANNED:
        become_due(drill);
        return;
    case DRILL_RECOVERING:
        recovered(drill);
        return;
    case DRILL_OUT:
        if (drill->step.plan.stage == STAGE_CLOSING) {
            drill->live = true;
            if (drill->left)
                recovered(drill);
        } else {
            survived(drill);
            recovered(drill);
        }
        return;
    case DRILL_ASLEEP:
    case DRILL_DUE:
        return;
    }
}

void injector_tab_changed(struct injector *injector, struct tab *tab)
{
    struct drill *drill = drill_of(injector, tab);
    if (tab->state == TAB_LIVE) {
        tab_is_live(drill);
    } else if (tab->state == TAB_FAILED || tab->state == TAB_CLOSED) {
        if (drill->state == DRILL_OUT || drill->state == DRILL_RECOVERING)
            tell(drill, false);
        fall_asleep(drill);
    }
}
