#include "bench/soak.h"

#include <stdio.h>
#include <unistd.h>

#include "bench/report.h"
#include "bench/ward.h"
#include "broker/crash.h"
#include "broker/inject.h"
#include "broker/proc.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/histogram.h"

/* Until the C library's heap has its size, and every tab its frame. */
#define WARM_UP 500
/* The tabs have nothing to do after so many: the rig's patience is for one wait. */
#define BATCH         500
#define MAX_GROWTH_KB 1024

struct soak {
    struct ward ward;
    struct injector *injector;
    enum injection kinds[INJECT_COUNT];
    unsigned n_kinds;
    unsigned n_left; /* of this batch */
    unsigned n_made, n_wrong;
    char first_wrong[256];
    struct histogram judged_ns, recovered_ns; /* fixed in size: samples would be growth of our own */
};

struct books {
    int n_fds;
    unsigned n_children;
    uint64_t rss_kb;
};

/* In milliseconds, not by a timeout, a memory limit or a pause. */
static bool is_soon_over(enum injection fault)
{
    const enum verdict verdict = injection_verdict(fault);
    return verdict != VERDICT_HANG && verdict != VERDICT_MEMORY && fault != INJECT_FRAME_RACE &&
           fault != INJECT_SLOW_READER;
}

/* ---- the injector's handlers --------------------------------------------------------------------------------------------- */

/* All kinds at one stage, then all at the next. */
static struct injector_step next(void *owner, const struct tab *tab)
{
    struct soak *soak = owner;
    (void)tab;
    if (soak->n_left == 0)
        return (struct injector_step){0};
    soak->n_left--;
    const enum injection fault = soak->kinds[soak->n_made % soak->n_kinds];
    const enum inject_stage stage = (enum inject_stage)(soak->n_made / soak->n_kinds % STAGE_COUNT);
    soak->n_made++;
    return (struct injector_step){
        .plan = {.fault = fault, .stage = injection_fits(fault, stage) ? stage : injection_stage(fault)}};
}

static void over(void *owner, const struct injector_outcome *outcome)
{
    struct soak *soak = owner;
    const struct inject_plan *plan = &outcome->plan;
    if (outcome->right && outcome->recovered) {
        histogram_add(&soak->recovered_ns, outcome->recovered_ns);
        if (outcome->judged_ns != 0)
            histogram_add(&soak->judged_ns, outcome->judged_ns);
        return;
    }
    if (soak->n_wrong++ == 0)
        snprintf(soak->first_wrong, sizeof soak->first_wrong, "%s while %s: %s", injection_name(plan->fault),
                 inject_stage_name(plan->stage), outcome->what);
}

static void all_made(void *owner)
{
    struct soak *soak = owner;
    rig_arrived(&soak->ward.rig);
}

/* ---- the ward's handlers, for the injector --------------------------------------------------------------------------------- */

static struct injector *injector_of(struct ward *ward)
{
    return LOOP_OWNER(ward, struct soak, ward)->injector;
}

static void live(struct ward *ward, struct tab *tab)
{
    if (injector_of(ward) != NULL) /* after ward_create */
        injector_tab_changed(injector_of(ward), tab);
}

static void painted(struct ward *ward, struct tab *tab)
{
    injector_tab_painted(injector_of(ward), tab);
}

static void crashed(struct ward *ward, struct tab *tab)
{
    injector_tab_crashed(injector_of(ward), tab);
}

static void survived(struct ward *ward, struct tab *tab)
{
    injector_tab_survived(injector_of(ward), tab);
}

static void left(struct ward *ward, struct tab *tab, const struct evidence *evidence)
{
    injector_tab_left(injector_of(ward), tab, evidence);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------- */

static void make_faults(struct soak *soak, unsigned n_faults)
{
    for (unsigned n_batch; n_faults > 0; n_faults -= n_batch) {
        n_batch = n_faults < BATCH ? n_faults : BATCH;
        soak->n_left = n_batch;
        rig_expect(&soak->ward.rig);
        injector_start(soak->injector);
        rig_wait(&soak->ward.rig);
    }
}

/* Each tab may have a zygote's init of its own behind it: two counts compare only when all have the same. */
static struct books count(struct soak *soak)
{
    ward_reload(&soak->ward);
    return (struct books){
        .n_fds = fd_count_open(), .n_children = proc_count_children(), .rss_kb = proc_rss_kb(getpid())};
}

static void report(struct soak *soak, const struct books *before, const struct books *after, unsigned n_faults,
                   uint64_t span_ns)
{
    report_section("faults-soak", "Faults of every quick kind, at every stage, in eight tabs of one broker");
    report_value("faults, after 500 to warm up", n_faults, "");
    report_value("faults a second", n_faults / ((double)span_ns / (double)NS_PER_S), "/s");
    report_value("told wrongly, or not made good", soak->n_wrong, "");
    report_value("to verdict, p50", (double)histogram_at(&soak->judged_ns, 500) / (double)NS_PER_US, "us");
    report_value("to verdict, p99", (double)histogram_at(&soak->judged_ns, 990) / (double)NS_PER_US, "us");
    report_value("order to the next picture, p50", (double)histogram_at(&soak->recovered_ns, 500) / (double)NS_PER_MS,
                 "ms");
    report_value("order to the next picture, p99", (double)histogram_at(&soak->recovered_ns, 990) / (double)NS_PER_MS,
                 "ms");
    report_value("descriptors, after the warm-up", before->n_fds, "");
    report_value("descriptors, growth", after->n_fds - before->n_fds, "");
    report_value("children, after the warm-up", before->n_children, "");
    report_value("children, growth", (double)after->n_children - before->n_children, "");
    report_value("resident memory, after the warm-up", (double)before->rss_kb, "KB");
    report_value("resident memory, growth", (double)after->rss_kb - (double)before->rss_kb, "KB");
}

static void judge(const struct soak *soak, const struct books *before, const struct books *after)
{
    if (soak->n_wrong > 0)
        bench_fail("%u faults were not contained; the first: %s", soak->n_wrong, soak->first_wrong);
    if (after->n_fds != before->n_fds || after->n_children != before->n_children)
        bench_fail("the faults left descriptors or children behind");
#ifndef VITRINE_SANITIZED /* what is freed stays resident there, in quarantine */
    if (after->rss_kb > before->rss_kb + MAX_GROWTH_KB)
        bench_fail("the faults made the broker grow by more than %d KB", MAX_GROWTH_KB);
#endif
}

void soak_run(const struct document *document, unsigned n_faults)
{
    static const struct injector_handlers injector_handlers = {.next = next, .over = over, .done = all_made};
    static const struct ward_handlers ward_handlers = {
        .live = live, .painted = painted, .crashed = crashed, .survived = survived, .left = left};
    struct soak soak = {0};
    for (int fault = INJECT_NONE + 1; fault < INJECT_COUNT; fault++) {
        if (is_soon_over((enum injection)fault))
            soak.kinds[soak.n_kinds++] = (enum injection)fault;
    }
    ward_create(&soak.ward, document, WARD_MAX_TABS, true, &ward_handlers);
    if (injector_create(soak.ward.rig.loop, soak.ward.tabs, WARD_MAX_TABS, &injector_handlers, &soak, &soak.injector) !=
        0)
        bench_fail("out of memory");

    make_faults(&soak, WARM_UP);
    const struct books before = count(&soak);
    soak.judged_ns = soak.recovered_ns = (struct histogram){0};
    const uint64_t start_ns = clock_now_ns();
    make_faults(&soak, n_faults);
    const uint64_t span_ns = clock_now_ns() - start_ns;
    const struct books after = count(&soak);

    injector_destroy(soak.injector);
    soak.injector = NULL;
    ward_destroy(&soak.ward);
    report(&soak, &before, &after, n_faults, span_ns);
    judge(&soak, &before, &after);
}
