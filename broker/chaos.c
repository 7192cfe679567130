#include "broker/chaos.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/proc.h"
#include "common/clock.h"
#include "common/fd.h"

/* A tab's pauses are so long on average that all together make about this many faults a second. */
#define FAULTS_A_SECOND 25
/* How often it is looked whether all is quiet, and how long it may take. */
#define LOOK_NS     (5 * NS_PER_MS)
#define PATIENCE_NS (10 * NS_PER_S)
/* What the broker may have grown by: the C library's arenas, and what it keeps for later. */
#define MAX_GROWTH_KB 1024

enum phase { PHASE_BEFORE, PHASE_FAULTS, PHASE_RELOADING, PHASE_AFTER, PHASE_OVER };

struct chaos {
    struct chaos_setup setup;
    struct injector *injector;
    enum phase phase;
    struct loop_timer timer;
    uint64_t start_ns, phase_ns;
    struct chaos_counts counts;
    uint64_t sequences[];
};

/* ---- what is drawn ---------------------------------------------------------------------------------------------------- */

/* SplitMix64, by Steele, Lea and Flood (2014). */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t draw_below(uint64_t *state, uint64_t n)
{
    return (uint64_t)((unsigned __int128)draw(state) * n >> 64);
}

uint64_t chaos_sequence(uint64_t seed, unsigned tab)
{
    uint64_t state = seed ^ (uint64_t)tab << 40;
    return draw(&state);
}

struct injector_step chaos_draw(uint64_t *state, unsigned n_tabs)
{
    struct injector_step step;
    step.plan.fault = (enum injection)(1 + draw_below(state, INJECT_COUNT - 1));
    do
        step.plan.stage = (enum inject_stage)draw_below(state, STAGE_COUNT);
    while (!injection_fits(step.plan.fault, step.plan.stage));
    step.delay_ns = draw_below(state, 2 * n_tabs * NS_PER_S / FAULTS_A_SECOND);
    return step;
}

/* ---- the books ---------------------------------------------------------------------------------------------------------- */

static void count(int *ret_fds, unsigned *ret_children, uint64_t *ret_rss_kb)
{
    *ret_children = proc_count_children();
    *ret_fds = fd_count_open();
    *ret_rss_kb = proc_rss_kb(getpid());
}

bool chaos_is_good(const struct chaos_counts *counts)
{
    return counts->n_faults > 0 && counts->n_right == counts->n_faults && counts->n_recovered == counts->n_faults &&
           counts->n_wrong == 0 && counts->n_strays == 0 && counts->is_tidy &&
           counts->fds_after == counts->fds_before && counts->children_after == counts->children_before &&
           counts->rss_after_kb <= counts->rss_before_kb + MAX_GROWTH_KB;
}

/* ---- phases ------------------------------------------------------------------------------------------------------------- */

static void look(struct loop_timer *timer);

static void enter(struct chaos *chaos, enum phase phase)
{
    chaos->phase = phase;
    chaos->phase_ns = clock_now_ns();
    loop_arm(chaos->setup.loop, &chaos->timer, chaos->phase_ns, look);
}

/* While faults were made, tabs came from zygotes that are retired by now: those go when the tabs are reloaded. */
static bool is_quiet(const struct chaos *chaos)
{
    for (unsigned i = 0; i < chaos->setup.n_tabs; i++) {
        const struct tab *tab = &chaos->setup.tabs[i];
        if (!tab_is_settled(tab) || (tab->state == TAB_LIVE && tab->child->when != WHEN_IDLE))
            return false;
    }
    return (chaos->phase == PHASE_RELOADING || spawner_is_tidy(chaos->setup.spawner)) &&
           chaos->setup.is_quiet(chaos->setup.owner);
}

static void reload_all(const struct chaos *chaos)
{
    for (unsigned i = 0; i < chaos->setup.n_tabs; i++) {
        if (chaos->setup.tabs[i].state == TAB_LIVE)
            tab_reload(&chaos->setup.tabs[i]);
    }
}

static void end(struct chaos *chaos, bool is_tidy)
{
    struct chaos_counts *counts = &chaos->counts;
    chaos->phase = PHASE_OVER;
    counts->is_tidy = is_tidy;
    count(&counts->fds_after, &counts->children_after, &counts->rss_after_kb);
    chaos->setup.done(chaos->setup.owner, counts);
}

static void look(struct loop_timer *timer)
{
    struct chaos *chaos = LOOP_OWNER(timer, struct chaos, timer);
    struct chaos_counts *counts = &chaos->counts;
    const bool quiet = is_quiet(chaos);
    if (!quiet && clock_now_ns() - chaos->phase_ns < PATIENCE_NS) {
        loop_arm(chaos->setup.loop, timer, clock_now_ns() + LOOK_NS, look);
        return;
    }
    switch (chaos->phase) {
    case PHASE_BEFORE:
        count(&counts->fds_before, &counts->children_before, &counts->rss_before_kb);
        chaos->phase = PHASE_FAULTS;
        chaos->start_ns = clock_now_ns();
        injector_start(chaos->injector);
        return;
    case PHASE_RELOADING:
        /* Each tab may have a zygote's init of its own behind it: from here on all have one. */
        reload_all(chaos);
        enter(chaos, PHASE_AFTER);
        return;
    case PHASE_AFTER:
        end(chaos, quiet);
        return;
    case PHASE_FAULTS:
    case PHASE_OVER:
        return;
    }
}

/* ---- the injector's handlers ---------------------------------------------------------------------------------------------- */

static struct injector_step next(void *owner, const struct tab *tab)
{
    struct chaos *chaos = owner;
    if (clock_now_ns() - chaos->start_ns >= chaos->setup.request.duration_ns)
        return (struct injector_step){0};
    return chaos_draw(&chaos->sequences[tab->number - 1], chaos->setup.n_tabs);
}

static void over(void *owner, const struct injector_outcome *outcome)
{
    struct chaos *chaos = owner;
    struct chaos_counts *counts = &chaos->counts;
    if (outcome->plan.fault == INJECT_NONE) {
        counts->n_strays++;
    } else {
        counts->n_faults++;
        counts->n_right += outcome->right;
        counts->n_wrong += !outcome->right;
        counts->n_recovered += outcome->recovered;
        counts->n_by_verdict[injection_verdict(outcome->plan.fault)]++;
        if (outcome->recovered)
            histogram_add(&counts->recovered_ns, outcome->recovered_ns);
        if (outcome->judged_ns != 0 && injection_verdict(outcome->plan.fault) != VERDICT_HANG) {
            histogram_add(&counts->detected_ns, outcome->detected_ns);
            histogram_add(&counts->judged_ns, outcome->judged_ns);
        }
    }
    counts->elapsed_ns = clock_now_ns() - chaos->start_ns;
    chaos->setup.over(chaos->setup.owner, outcome);
}

static void all_made(void *owner)
{
    struct chaos *chaos = owner;
    if (chaos->phase == PHASE_FAULTS)
        enter(chaos, PHASE_RELOADING);
}

int chaos_create(const struct chaos_setup *setup, struct chaos **ret_chaos)
{
    static const struct injector_handlers handlers = {.next = next, .over = over, .done = all_made};
    struct chaos *chaos = calloc(1, sizeof *chaos + setup->n_tabs * sizeof chaos->sequences[0]);
    if (chaos == NULL)
        return -ENOMEM;
    chaos->setup = *setup;
    chaos->counts.seed = setup->request.has_seed ? setup->request.seed : clock_now_ns() % 1000000;
    for (unsigned i = 0; i < setup->n_tabs; i++)
        chaos->sequences[i] = chaos_sequence(chaos->counts.seed, i + 1);
    const int error = injector_create(setup->loop, setup->tabs, setup->n_tabs, &handlers, chaos, &chaos->injector);
    if (error != 0) {
        free(chaos);
        return error;
    }
    *ret_chaos = chaos;
    return 0;
}

void chaos_destroy(struct chaos *chaos)
{
    if (chaos == NULL)
        return;
    loop_disarm(chaos->setup.loop, &chaos->timer);
    injector_destroy(chaos->injector);
    free(chaos);
}

void chaos_start(struct chaos *chaos)
{
    spawner_keep_standby(chaos->setup.spawner);
    enter(chaos, PHASE_BEFORE);
}

struct injector *chaos_injector(struct chaos *chaos)
{
    return chaos->injector;
}

bool chaos_is_over(const struct chaos *chaos)
{
    return chaos->phase == PHASE_OVER;
}

const struct chaos_counts *chaos_counts(const struct chaos *chaos)
{
    return &chaos->counts;
}
