/* bench frames: what a frame costs the first time and every time after, and that it is reused. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/bench.h"
#include "bench/memory.h"
#include "bench/report.h"
#include "broker/rig.h"
#include "broker/samples.h"
#include "common/clock.h"
#include "common/fd.h"

#define RUNS               100
#define REPAINTS           500
#define MAX_DOCUMENT_BYTES (16u << 20)

static double us_since(uint64_t before_ns)
{
    return (double)(clock_now_ns() - before_ns) / (double)NS_PER_US;
}

/* ---- the memory itself ------------------------------------------------------------------------------------------------------- */

struct costs {
    struct series create_us, map_us, first_fill_us, refill_us, unmap_us;
};

/* One slot is filled, as one picture fills it. */
static void try_frame(const struct frame_layout *layout, struct costs *costs)
{
    CLOSE_FD int fd = -1;
    uint8_t *pixels;
    uint64_t before = clock_now_ns();
    if (frame_create(layout, &fd, &(bool){false}) != 0)
        bench_fail("no frame can be made");
    series_add(&costs->create_us, us_since(before));

    before = clock_now_ns();
    if (frame_map(layout, fd, true, &pixels) != 0)
        bench_fail("no frame can be mapped");
    series_add(&costs->map_us, us_since(before));

    before = clock_now_ns();
    memset(pixels, 0xff, layout->slot_bytes);
    series_add(&costs->first_fill_us, us_since(before));
    before = clock_now_ns();
    memset(pixels, 0x80, layout->slot_bytes);
    series_add(&costs->refill_us, us_since(before));

    before = clock_now_ns();
    frame_unmap(layout, pixels);
    fd_close(&fd);
    series_add(&costs->unmap_us, us_since(before));
}

static void measure_memory(uint32_t width_px, uint32_t height_px, unsigned n_runs)
{
    struct frame_layout layout;
    frame_layout_init(&layout, width_px, height_px);
    struct costs costs = {0};
    for (unsigned i = 0; i < n_runs; i++)
        try_frame(&layout, &costs);

    char title[96];
    snprintf(title, sizeof title, "A frame of %ux%u (two slots, %.1f MB)", width_px, height_px,
             (double)layout.total_bytes / (1 << 20));
    char name[32];
    snprintf(name, sizeof name, "frames-%ux%u", width_px, height_px);
    report_section(name, title);
    report_series("create and seal", &costs.create_us, "us");
    report_series("map", &costs.map_us, "us");
    report_series("first fill of a slot", &costs.first_fill_us, "us");
    report_series("fill it again", &costs.refill_us, "us");
    report_series("unmap and close", &costs.unmap_us, "us");
    const double fresh = series_median(&costs.create_us) + series_median(&costs.map_us) +
                         series_median(&costs.first_fill_us) + series_median(&costs.unmap_us);
    report_value("a fresh frame for each picture / one reused", fresh / series_median(&costs.refill_us), "x");
    series_finish(&costs.create_us);
    series_finish(&costs.map_us);
    series_finish(&costs.first_fill_us);
    series_finish(&costs.refill_us);
    series_finish(&costs.unmap_us);
}

/* ---- the reuse ------------------------------------------------------------------------------------------------------------------ */

struct holdings {
    struct memory renderer;
    struct memory_mappings frames;
    int n_fds; /* ours */
};

static struct holdings look_at(const struct rig_child *child)
{
    struct holdings holdings = {.n_fds = fd_count_open(), .frames = memory_find_mappings(child->pid, "memfd:frame")};
    memory_add(&holdings.renderer, child->pid);
    return holdings;
}

static void paint(struct rig_child *child, uint32_t page, struct series *round_trip_us, struct series *paint_us)
{
    const uint64_t before = clock_now_ns();
    rig_paint(child, page % child->n_pages);
    rig_wait(child->rig);
    series_add(round_trip_us, us_since(before));
    series_add(paint_us, (double)child->paint_ns / (double)NS_PER_US);
}

static void report_reuse(const struct holdings *before, const struct holdings *after)
{
    const bool same = after->frames.n == before->frames.n && after->frames.inode_sum == before->frames.inode_sum;
    if (before->frames.n == 0)
        report_absent("frames mapped by the renderer", "/proc does not show it to this user");
    else
        report_value("frames mapped by the renderer, after", after->frames.n, same ? "(the same)" : "(others)");
    report_value("descriptors of ours, growth", after->n_fds - before->n_fds, "");
    report_value("PSS of the renderer, growth", (double)after->renderer.pss_kb - (double)before->renderer.pss_kb, "KB");
}

static void measure_reuse(const struct document *document, unsigned n_paints)
{
    struct frame_layout layout;
    frame_layout_init(&layout, 1024, 768);
    struct rig rig;
    struct rig_child child;
    struct series round_trip_us = {0}, paint_us = {0}, unused = {0};
    rig_create(&rig, &(struct spawner_options){.mode = SPAWN_ZYGOTE}, bench_rig_failed);
    rig_spawn(&rig, &child, document->n_bytes + layout.total_bytes);
    rig_wait(&rig);
    rig_open(&child, document, &layout);
    rig_wait(&rig);
    /* Both slots have been touched, and whatever is made once has been made. */
    for (unsigned i = 0; i < 10; i++)
        paint(&child, i, &unused, &unused);

    const struct holdings before = look_at(&child);
    for (unsigned i = 0; i < n_paints; i++)
        paint(&child, i, &round_trip_us, &paint_us);
    const struct holdings after = look_at(&child);
    rig_dismiss(&child);
    rig_wait(&rig);
    rig_destroy(&rig);

    report_series("Paint to Painted, the scene's frames in turn", &round_trip_us, "us");
    report_series("  of it in the engine", &paint_us, "us");
    report_reuse(&before, &after);
    series_finish(&round_trip_us);
    series_finish(&paint_us);
    series_finish(&unused);
}

static void open_scene(struct document *ret_document)
{
    char **paths, why[256];
    size_t n_paths;
    if (samples_find(&paths, &n_paths, why, sizeof why) != 0)
        bench_fail("%s", why);
    bool found = false;
    for (size_t i = 0; i < n_paths && !found; i++) {
        found = strstr(paths[i], ".scene") != NULL && document_init(ret_document, paths[i]) == 0 &&
                document_open(ret_document, MAX_DOCUMENT_BYTES) == 0 && ret_document->refusal == REFUSAL_NONE;
    }
    samples_free(paths, n_paths);
    if (!found)
        bench_fail("no scene among the bundled samples");
}

void bench_frames(const struct bench_options *options)
{
    const unsigned n_runs = bench_runs(options, RUNS);
    measure_memory(1024, 768, n_runs);
    measure_memory(1920, 1080, n_runs);

    struct document scene;
    open_scene(&scene);
    const unsigned n_paints = bench_runs(options, REPAINTS);
    char title[96];
    snprintf(title, sizeof title, "One tab painted %u times, 1024x768", n_paints);
    report_section("frames-reuse", title);
    measure_reuse(&scene, n_paints);
    document_finish(&scene);
}
