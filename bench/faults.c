/* bench faults: how soon a renderer's fault is noticed, told and made good, what its neighbours feel of it, and what
 * very many of them leave behind. */
#include <stdio.h>

#include "bench/bench.h"
#include "bench/chromium.h"
#include "bench/report.h"
#include "bench/sample.h"
#include "bench/soak.h"
#include "bench/ward.h"
#include "broker/crash.h"
#include "broker/inject.h"
#include "common/clock.h"
#include "common/config.h"

#define RUNS          200
#define WARM_UPS      5
#define CHROMIUM_RUNS 10

/* Small, so that what is measured is the broker's doing. */
#define SCENE    "11-motion.scene"
#define MARKDOWN "04-channel.md"

static double ms(uint64_t ns)
{
    return (double)ns / (double)NS_PER_MS;
}

static double us(uint64_t ns)
{
    return (double)ns / (double)NS_PER_US;
}

/* ---- one fault at a time ------------------------------------------------------------------------------------------------ */

struct patient {
    struct ward ward;
    uint64_t live_ns;
};

/* All from the fault, by the clock of the renderer that made it: CLOCK_MONOTONIC is one for all processes. */
struct spans {
    uint64_t noticed_ns, judged_ns, live_ns;
    uint64_t ordered_ns; /* this one from the order to fail, to the verdict */
};

static void patient_is_live(struct ward *ward, struct tab *tab)
{
    struct patient *patient = LOOP_OWNER(ward, struct patient, ward);
    (void)tab;
    if (patient->live_ns != 0)
        return; /* nobody waits: it has just been started */
    patient->live_ns = clock_now_ns();
    rig_arrived(&ward->rig);
}

static void patient_create(struct patient *patient, const struct document *document, bool keeps_standby)
{
    static const struct ward_handlers handlers = {.live = patient_is_live};
    patient->live_ns = UINT64_MAX;
    ward_create(&patient->ward, document, 1, keeps_standby, &handlers);
}

static struct spans fail_once(struct patient *patient, enum injection fault)
{
    struct ward *ward = &patient->ward;
    struct tab *tab = &ward->tabs[0];
    const struct inject_plan plan = {.fault = fault, .stage = STAGE_IDLE};
    ward_calm_down(ward);
    patient->live_ns = 0;
    rig_expect(&ward->rig);
    tab_inject(tab, &plan);
    rig_wait(&ward->rig);

    const struct evidence *evidence = &tab->evidence;
    const uint64_t fault_ns = crash_fault_ns(evidence);
    if (!injection_expects(&plan, evidence) || fault_ns == 0)
        bench_fail("%s was not told right: %s", injection_name(fault), tab->reason);
    return (struct spans){.noticed_ns = evidence->noticed_ns - fault_ns,
                          .judged_ns = evidence->judged_ns - fault_ns,
                          .live_ns = patient->live_ns - fault_ns,
                          .ordered_ns = evidence->judged_ns - evidence->injected_ns};
}

static void warm_up(struct patient *patient, enum injection fault)
{
    for (unsigned run = 0; run < WARM_UPS; run++)
        (void)fail_once(patient, fault);
}

static void measure_verdict(struct patient *patient, enum injection fault, unsigned n_runs)
{
    struct series noticed = {0}, judged = {0};
    for (unsigned run = 0; run < n_runs; run++) {
        const struct spans spans = fail_once(patient, fault);
        series_add(&noticed, us(spans.noticed_ns));
        series_add(&judged, us(spans.judged_ns));
    }
    char name[64];
    snprintf(name, sizeof name, "%s, to noticed", injection_name(fault));
    report_series(name, &noticed, "us");
    snprintf(name, sizeof name, "%s, to verdict", injection_name(fault));
    report_series(name, &judged, "us");
    series_finish(&noticed);
    series_finish(&judged);
}

static void measure_verdicts(const struct document *document, unsigned n_runs)
{
    static const enum injection faults[] = {INJECT_SEGV_NULL, INJECT_ABORT, INJECT_SYSCALL_SOCKET,
                                            INJECT_GARBAGE_MESSAGE, INJECT_EXIT_0};
    report_section("faults-verdict", "From a fault in an idle tab to the broker's verdict");
    struct patient patient;
    patient_create(&patient, document, true);
    warm_up(&patient, INJECT_SEGV_NULL);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        measure_verdict(&patient, faults[i], n_runs);
    ward_destroy(&patient.ward);
    report_note("From the instant at which the renderer fails, as it stamped it, to the broker's own stamps.");
}

/* ---- its next picture ------------------------------------------------------------------------------------------------------ */

/* Returns the median. */
static double measure_recovery(const char *name, const struct document *document, enum injection fault,
                               bool keeps_standby, unsigned n_runs)
{
    struct series live = {0};
    struct patient patient;
    patient_create(&patient, document, keeps_standby);
    warm_up(&patient, fault);
    for (unsigned run = 0; run < n_runs; run++)
        series_add(&live, ms(fail_once(&patient, fault).live_ns));
    ward_destroy(&patient.ward);
    report_series(name, &live, "ms");
    const double median = series_median(&live);
    series_finish(&live);
    return median;
}

static void measure_recoveries(const char *sample, const struct document *document, unsigned n_runs)
{
    char name[64];
    snprintf(name, sizeof name, "%s, segv-null", sample);
    const double standby = measure_recovery(name, document, INJECT_SEGV_NULL, true, n_runs);
    snprintf(name, sizeof name, "%s, kill-self (nothing is retired)", sample);
    const double kept = measure_recovery(name, document, INJECT_KILL_SELF, true, n_runs);
    snprintf(name, sizeof name, "%s, segv-null, no standby", sample);
    const double cold = measure_recovery(name, document, INJECT_SEGV_NULL, false, n_runs);
    report_value("  retirement costs, p50 less p50", standby - kept, "ms");
    report_value("  without a standby it would cost", cold - kept, "ms");
}

static void measure_all_recoveries(const struct document *scene, unsigned n_runs)
{
    report_section("faults-recovery", "From a fault in an idle tab to its next picture, without back-off");
    measure_recoveries(SCENE, scene, n_runs);
    struct document markdown;
    if (!sample_open(MARKDOWN, HAVE_ENGINE_HTML, &markdown)) {
        report_absent(MARKDOWN ", segv-null", "this build has no html engine");
        return;
    }
    measure_recoveries(MARKDOWN, &markdown, n_runs);
    document_finish(&markdown);
}

/* ---- the neighbours ---------------------------------------------------------------------------------------------------------- */

#define NEIGHBOURS 3
#define ROUNDS     9
#define CRASHES    100 /* a round */

/* The first tabs are painted in turn without pause; the last one crashes, as soon as it is back, while there are
 * crashes left to make. */
struct street {
    struct ward ward;
    unsigned turn;
    uint64_t ordered_ns, end_ns; /* end_ns: of a quiet spell; 0 in a noisy one */
    unsigned n_crashes;
    bool is_over;
    unsigned n_paints;
    struct series paint_us, own_us; /* order to Painted; and what the renderer says of it */
};

static void crash_last_tab(struct street *street)
{
    street->n_crashes--;
    tab_inject(&street->ward.tabs[NEIGHBOURS], &(struct inject_plan){INJECT_SEGV_NULL, STAGE_IDLE});
}

static void paint_next(struct street *street)
{
    street->turn = (street->turn + 1) % NEIGHBOURS;
    street->ordered_ns = clock_now_ns();
    if (!tab_repaint(&street->ward.tabs[street->turn]))
        bench_fail("a neighbour is not what it was");
}

static void street_live(struct ward *ward, struct tab *tab)
{
    struct street *street = LOOP_OWNER(ward, struct street, ward);
    if (tab->number != NEIGHBOURS + 1)
        return;
    if (street->n_crashes > 0)
        crash_last_tab(street);
    else
        street->is_over = true;
}

static void street_painted(struct ward *ward, struct tab *tab)
{
    struct street *street = LOOP_OWNER(ward, struct street, ward);
    const uint64_t now = clock_now_ns();
    if (street->n_paints++ >= NEIGHBOURS * FRAME_SLOTS) { /* a slot's first picture costs its pages, too */
        series_add(&street->paint_us, us(now - street->ordered_ns));
        series_add(&street->own_us, us(tab->paint_ns));
    }
    if (street->n_paints > NEIGHBOURS * FRAME_SLOTS &&
        (street->is_over || (street->end_ns != 0 && now >= street->end_ns)))
        rig_arrived(&ward->rig);
    else
        paint_next(street);
}

/* A neighbour's death is no part of the plan. */
static void street_crashed(struct ward *ward, struct tab *tab)
{
    (void)ward;
    if (tab->number <= NEIGHBOURS)
        bench_fail("a neighbour was lost: %s", tab->reason);
}

struct spell {
    double p50_us, p99_us, own_p99_us, seconds;
};

/* With n_crashes, until the last of them is made good; with none, for so many seconds. */
static struct spell run_spell(struct street *street, unsigned n_crashes, double seconds)
{
    ward_reload(&street->ward); /* the neighbours would keep their zygote from going */
    const uint64_t start_ns = clock_now_ns();
    street->is_over = false;
    street->n_paints = 0;
    street->end_ns = n_crashes > 0 ? 0 : start_ns + (uint64_t)(seconds * (double)NS_PER_S);
    street->n_crashes = n_crashes;
    rig_expect(&street->ward.rig);
    paint_next(street);
    if (n_crashes > 0)
        crash_last_tab(street);
    rig_wait(&street->ward.rig);
    const struct spell spell = {.p50_us = series_median(&street->paint_us),
                                .p99_us = series_quantile(&street->paint_us, 0.99),
                                .own_p99_us = series_quantile(&street->own_us, 0.99),
                                .seconds = (double)(clock_now_ns() - start_ns) / (double)NS_PER_S};
    series_finish(&street->paint_us);
    series_finish(&street->own_us);
    return spell;
}

static void measure_neighbours(const struct document *document, unsigned n_runs)
{
    static const struct ward_handlers handlers = {
        .live = street_live, .painted = street_painted, .crashed = street_crashed};
    const unsigned n_rounds = n_runs < ROUNDS ? n_runs : ROUNDS, n_crashes = n_runs < CRASHES ? n_runs : CRASHES;
    struct series quiet_p50 = {0}, quiet_p99 = {0}, noisy_p50 = {0}, noisy_p99 = {0}, own_p99 = {0}, ratio_p50 = {0},
                  ratio_p99 = {0}, crashes = {0};
    struct street street = {0};
    ward_create(&street.ward, document, NEIGHBOURS + 1, true, &handlers);
    double seconds = run_spell(&street, n_crashes, 0).seconds; /* a rehearsal */
    for (unsigned round = 0; round < n_rounds; round++) {
        const struct spell quiet = run_spell(&street, 0, seconds);
        const struct spell noisy = run_spell(&street, n_crashes, 0);
        seconds = noisy.seconds; /* both alike, more or less */
        series_add(&quiet_p50, quiet.p50_us);
        series_add(&quiet_p99, quiet.p99_us);
        series_add(&noisy_p50, noisy.p50_us);
        series_add(&noisy_p99, noisy.p99_us);
        series_add(&own_p99, noisy.own_p99_us);
        series_add(&ratio_p50, noisy.p50_us / quiet.p50_us);
        series_add(&ratio_p99, noisy.p99_us / quiet.p99_us);
        series_add(&crashes, n_crashes / noisy.seconds);
    }
    ward_destroy(&street.ward);

    report_section("faults-neighbours", "Three tabs painted in turn, while a fourth crashes again and again");
    report_series("order to Painted, p50, quiet", &quiet_p50, "us");
    report_series("order to Painted, p50, while one crashes", &noisy_p50, "us");
    report_series("  ratio of the p50, round by round", &ratio_p50, "x");
    report_series("order to Painted, p99, quiet", &quiet_p99, "us");
    report_series("order to Painted, p99, while one crashes", &noisy_p99, "us");
    report_series("  of the painting alone, p99 by its own clock", &own_p99, "us");
    report_series("  ratio of the p99, round by round", &ratio_p99, "x");
    report_series("crashes a second", &crashes, "/s");
    report_note(
        "Each round is a quiet spell and one of %u segv-null, as long as each other. The columns are of rounds.",
        n_crashes);
    struct series *const all[] = {&quiet_p50, &quiet_p99, &noisy_p50, &noisy_p99,
                                  &own_p99,   &ratio_p50, &ratio_p99, &crashes};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        series_finish(all[i]);
}

/* ---- Chromium ---------------------------------------------------------------------------------------------------------------- */

/* The same question, as far as it can be put to both: from the order to fail. */
static void measure_against_chromium(const struct document *document, unsigned n_runs)
{
    struct series ours = {0}, theirs = {0};
    struct patient patient;
    patient_create(&patient, document, true);
    warm_up(&patient, INJECT_SEGV_NULL);
    for (unsigned run = 0; run < n_runs; run++)
        series_add(&ours, ms(fail_once(&patient, INJECT_SEGV_NULL).ordered_ns));
    ward_destroy(&patient.ward);

    report_section("faults-chromium", "From the order to crash to its being told, against headless Chromium");
    report_series("Inject (segv-null) to verdict", &ours, "ms");
    char why[128];
    if (chromium_crash(n_runs < CHROMIUM_RUNS ? n_runs : CHROMIUM_RUNS, &theirs, why, sizeof why) != 0)
        report_absent("Page.crash to Target.targetCrashed", why);
    else
        report_series("Page.crash to Target.targetCrashed", &theirs, "ms");
    if (theirs.n > 0)
        report_value("Chromium's median / ours", series_median(&theirs) / series_median(&ours), "x");
    report_note("Ours holds the half millisecond that a renderer waits between the order and the fault.");
    series_finish(&ours);
    series_finish(&theirs);
}

void bench_faults(const struct bench_options *options)
{
    const unsigned n_runs = bench_runs(options, RUNS);
    struct document scene;
#ifdef VITRINE_SANITIZED
    report_section("faults-verdict", "From a fault in an idle tab to the broker's verdict");
    report_absent("faults", "in this build the sanitizer takes the signals, and reports for a long time");
    return;
#endif
    (void)sample_open(SCENE, true, &scene);
    measure_verdicts(&scene, n_runs);
    measure_all_recoveries(&scene, n_runs);
    measure_neighbours(&scene, n_runs);
    if (options->n_soak > 0)
        soak_run(&scene, options->n_soak);
    if (options->against_chromium)
        measure_against_chromium(&scene, n_runs);
    document_finish(&scene);
}
