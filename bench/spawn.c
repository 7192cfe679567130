/* bench spawn: what a renderer costs before it has drawn anything, and what it takes to draw something small. */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/memory.h"
#include "bench/report.h"
#include "broker/rig.h"
#include "bench/sample.h"
#include "broker/tab.h"
#include "common/clock.h"
#include "common/config.h"

#define RUNS            200
#define WARM_UPS        10
#define BATCH           8 /* tabs at once, as in --tabs 8 */
#define BATCH_RUNS      20
#define ZYGOTES         10
#define FRAME_WIDTH_PX  1024
#define FRAME_HEIGHT_PX 768

static double ms(uint64_t ns)
{
    return (double)ns / (double)NS_PER_MS;
}

static double us(uint64_t ns)
{
    return (double)ns / (double)NS_PER_US;
}

/* ---- the zygote ----------------------------------------------------------------------------------------------------------- */

static void measure_zygotes(enum options_spawn mode, unsigned n_runs)
{
    struct series total = {0}, rest = {0}, rungs[ZYGOTE_RUNG_COUNT] = {0};
    for (unsigned run = 0; run < n_runs; run++) {
        struct rig rig;
        rig_create(&rig, &(struct spawner_options){.mode = mode}, bench_rig_failed);
        uint32_t rung_ns[ZYGOTE_RUNG_COUNT];
        if (!spawner_zygote_rungs(rig.spawner, rung_ns))
            bench_fail("the zygote was lost");
        uint64_t sum_ns = 0;
        for (int i = 0; i < ZYGOTE_RUNG_COUNT; i++) {
            series_add(&rungs[i], us(rung_ns[i]));
            sum_ns += rung_ns[i];
        }
        series_add(&total, ms(rig.zygote_ns));
        series_add(&rest, us(rig.zygote_ns - sum_ns));
        rig_destroy(&rig);
    }
    report_series("start to Warmed", &total, "ms");
    report_series("  namespaces, exec, linking, messages", &rest, "us");
    for (int i = 0; i < ZYGOTE_RUNG_COUNT; i++) {
        char name[64];
        snprintf(name, sizeof name, "  %s", zygote_rung_name((enum zygote_rung)i));
        report_series(name, &rungs[i], "us");
        series_finish(&rungs[i]);
    }
    series_finish(&total);
    series_finish(&rest);
}

/* ---- renderers -------------------------------------------------------------------------------------------------------------- */

static void spawn_and_dismiss(struct rig *rig, struct rig_child *child)
{
    rig_spawn(rig, child, 0);
    rig_wait(rig);
    rig_dismiss(child);
    rig_wait(rig);
}

static void measure_one_at_a_time(struct rig *rig, unsigned n_runs)
{
    struct series total = {0}, rest = {0}, rungs[RUNG_COUNT] = {0};
    for (unsigned run = 0; run < n_runs; run++) {
        struct rig_child child;
        spawn_and_dismiss(rig, &child);
        uint64_t sum_ns = 0;
        for (int i = 0; i < RUNG_COUNT; i++) {
            series_add(&rungs[i], us(child.rung_ns[i]));
            sum_ns += child.rung_ns[i];
        }
        series_add(&total, ms(child.spawn_ns));
        series_add(&rest, us(child.spawn_ns - sum_ns));
    }
    report_series("Spawn to Ready, one at a time", &total, "ms");
    report_series("  clone (and exec), messages, /proc check", &rest, "us");
    for (int i = 0; i < RUNG_COUNT; i++) {
        char name[64];
        snprintf(name, sizeof name, "  %s", rung_name((enum rung)i));
        report_series(name, &rungs[i], "us");
        series_finish(&rungs[i]);
    }
    series_finish(&total);
    series_finish(&rest);
}

static void spawn_batch(struct rig *rig, struct rig_child children[BATCH])
{
    for (int i = 0; i < BATCH; i++)
        rig_spawn(rig, &children[i], 0);
    rig_wait(rig);
}

static void dismiss_batch(struct rig *rig, struct rig_child children[BATCH])
{
    for (int i = 0; i < BATCH; i++)
        rig_dismiss(&children[i]);
    rig_wait(rig);
}

static void measure_batches(struct rig *rig, unsigned n_runs)
{
    struct series total = {0};
    for (unsigned run = 0; run < n_runs; run++) {
        struct rig_child children[BATCH];
        const uint64_t start_ns = clock_now_ns();
        spawn_batch(rig, children);
        series_add(&total, ms(clock_now_ns() - start_ns));
        dismiss_batch(rig, children);
    }
    report_series("eight at once, to the eighth Ready", &total, "ms");
    series_finish(&total);
}

static void measure_idle_memory(struct rig *rig)
{
    struct rig_child children[BATCH];
    spawn_batch(rig, children);
    struct memory renderers = {0};
    for (int i = 0; i < BATCH; i++)
        memory_add(&renderers, children[i].pid);
    struct spawner_memory all;
    spawner_measure(rig->spawner, &all);
    dismiss_batch(rig, children);
    if (renderers.n_processes != BATCH) {
        report_absent("idle renderer, PSS", "/proc does not show it to this user");
        return;
    }
    report_value("idle renderer of eight, PSS", (double)renderers.pss_kb / 1024 / BATCH, "MB");
    report_value("  of it its own (Private_Dirty)", (double)renderers.private_kb / 1024 / BATCH, "MB");
    report_value("zygote and init beside them, PSS", (double)(all.pss_kb - renderers.pss_kb) / 1024, "MB");
}

/* ---- a small document --------------------------------------------------------------------------------------------------------- */

static void tab_changed(void *owner, struct tab *tab)
{
    const bool shown_or_not = tab->state == TAB_LIVE || tab->state == TAB_FAILED;
    const bool gone = tab->state == TAB_CLOSED && tab->child == NULL;
    if (shown_or_not || gone)
        rig_arrived(owner);
}

static void tab_lost(void *owner, struct tab *tab)
{
    (void)owner;
    bench_fail("a tab was lost: %s", verdict_name(tab->verdict));
}

static struct tab_retry tab_crashed(void *owner, struct tab *tab, const struct modules *modules)
{
    (void)modules;
    tab_lost(owner, tab);
    return (struct tab_retry){0};
}

static void tab_goes_on(void *owner, struct tab *tab)
{
    (void)owner, (void)tab;
}

static void tab_unsafe(void *owner, const struct child *child)
{
    (void)owner;
    (void)child;
    bench_fail("a renderer came up with fewer layers than were promised; broker --sandbox-status says why");
}

/* The broker's own way from a document to its picture: how long it took. */
static uint64_t show_once(struct rig *rig, const struct tab_setup *setup, const struct document *document)
{
    struct tab tab;
    tab_init(&tab, setup, 1, document);
    rig_expect(rig);
    tab_start(&tab);
    rig_wait(rig);
    if (tab.state != TAB_LIVE)
        bench_fail("a bundled sample was refused");
    const uint64_t first_frame_ns = tab.first_frame_ns;
    rig_expect(rig);
    tab_close(&tab);
    rig_wait(rig);
    tab_finish(&tab);
    return first_frame_ns;
}

static void measure_first_picture(struct rig *rig, const char *name, const struct document *document, unsigned n_runs)
{
    static const struct tab_handlers handlers = {
        .changed = tab_changed,
        .gone = tab_changed,
        .crashed = tab_crashed,
        .orphaned = tab_lost,
        .progressed = tab_goes_on,
        .painted = tab_goes_on,
        .unsafe = tab_unsafe,
    };
    struct tab_setup setup = {.loop = rig->loop,
                              .spawner = rig->spawner,
                              .zoom = 1,
                              .timeout_ns = 10 * NS_PER_S,
                              .handlers = &handlers,
                              .owner = rig};
    frame_layout_init(&setup.layout, FRAME_WIDTH_PX, FRAME_HEIGHT_PX);
    struct series total = {0};
    for (unsigned run = 0; run < WARM_UPS + n_runs; run++) {
        const uint64_t first_frame_ns = show_once(rig, &setup, document);
        if (run >= WARM_UPS)
            series_add(&total, ms(first_frame_ns));
    }
    report_series(name, &total, "ms");
    series_finish(&total);
}

/* The bundled documents that are small: what a tab costs, not what a document does. */
static void measure_first_pictures(struct rig *rig, unsigned n_runs)
{
    static const struct {
        const char *sample;
        bool built; /* its engine */
    } small[] = {{"11-motion.scene", true}, {"04-channel.md", HAVE_ENGINE_HTML}};
    for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
        char name[96];
        snprintf(name, sizeof name, "Spawn to Painted, %s", small[i].sample);
        struct document document;
        if (!sample_open(small[i].sample, small[i].built, &document)) {
            report_absent(name, "this build has no engine for it");
            continue;
        }
        measure_first_picture(rig, name, &document, n_runs);
        document_finish(&document);
    }
}

static void measure_mode(enum options_spawn mode, unsigned n_runs)
{
    measure_zygotes(mode, n_runs < ZYGOTES ? n_runs : ZYGOTES);
    struct rig rig;
    rig_create(&rig, &(struct spawner_options){.mode = mode}, bench_rig_failed);
    for (unsigned i = 0; i < WARM_UPS; i++)
        spawn_and_dismiss(&rig, &(struct rig_child){0});
    measure_one_at_a_time(&rig, n_runs);
    measure_batches(&rig, n_runs < BATCH_RUNS ? n_runs : BATCH_RUNS);
    measure_first_pictures(&rig, n_runs);
    measure_idle_memory(&rig);
    rig_destroy(&rig);
}

void bench_spawn(const struct bench_options *options)
{
    const unsigned n_runs = bench_runs(options, RUNS);
    report_section("spawn-zygote", "Renderers cloned from the warmed zygote (--spawn zygote)");
    measure_mode(SPAWN_ZYGOTE, n_runs);
    report_section("spawn-exec", "Renderers with an address layout of their own (--spawn exec)");
    measure_mode(SPAWN_EXEC, n_runs);
    report_note("Pictures are %ux%u; Spawn to Painted is a tab's own figure: spawn, frame, Open, Paint.",
                FRAME_WIDTH_PX, FRAME_HEIGHT_PX);
}
