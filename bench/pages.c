/* bench pages: the pages of a PDF through the sandbox, against mutool draw on the same pages at the same size. */
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/program.h"
#include "bench/report.h"
#include "broker/rig.h"
#include "broker/samples.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/fd.h"

#define RUNS      7
#define MAX_PAGES 1000
/* US letter at 144 dpi; a page of another shape is fitted into it, by both. */
#define WIDTH_PX           1224
#define HEIGHT_PX          1584
#define MAX_DOCUMENT_BYTES ((size_t)256 << 20)

#define MUTOOL "/usr/bin/mutool"

/* On one core, whichever is ours now: the renderers and mutool inherit it. */
static int pin_to_one(cpu_set_t *ret_before)
{
    const int cpu = sched_getcpu();
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_getaffinity(0, sizeof *ret_before, ret_before) < 0 || sched_setaffinity(0, sizeof one, &one) < 0)
        bench_fail("this process cannot be kept on one processor");
    return cpu;
}

/* ---- ours -------------------------------------------------------------------------------------------------------------------- */

struct sandbox_run {
    double pages_ms; /* from the first Paint's sending to the last Painted's arrival */
    double engine_ms, open_ms;
    uint32_t n_pages;
};

/* A fresh renderer each time, so that no picture or glyph is left over from the last: mutool starts anew, too. */
static struct sandbox_run draw_in_sandbox(struct rig *rig, const struct document *document, uint32_t max_pages)
{
    struct frame_layout layout;
    frame_layout_init(&layout, WIDTH_PX, HEIGHT_PX);
    struct rig_child child;
    rig_spawn(rig, &child, document->n_bytes + layout.total_bytes);
    rig_wait(rig);
    rig_open(&child, document, &layout);
    rig_wait(rig);

    struct sandbox_run run = {.open_ms = (double)child.open_ns / (double)NS_PER_MS,
                              .n_pages = child.n_pages < max_pages ? child.n_pages : max_pages};
    const uint64_t before = clock_now_ns();
    for (uint32_t page = 0; page < run.n_pages; page++) {
        rig_paint(&child, page);
        rig_wait(rig);
        run.engine_ms += (double)child.paint_ns / (double)NS_PER_MS;
    }
    run.pages_ms = (double)(clock_now_ns() - before) / (double)NS_PER_MS;
    rig_dismiss(&child);
    rig_wait(rig);
    return run;
}

/* ---- theirs -------------------------------------------------------------------------------------------------------------------- */

struct mutool_run {
    double pages_ms; /* its own sum over the pages: no start, no opening */
    unsigned n_pages;
};

static bool take_timing(void *owner, const char *line, uint64_t now_ns)
{
    (void)now_ns;
    struct mutool_run *run = owner;
    double ms;
    unsigned n_pages;
    if (sscanf(line, "total %lfms (%*[^)]) / %u pages", &ms, &n_pages) == 2)
        *run = (struct mutool_run){.pages_ms = ms, .n_pages = n_pages};
    return true;
}

/* Without -o it rasterises and writes nothing, so that no encoding is counted. RGB with alpha, as our frames; -O 0,
 * because overprint simulation is not in our pictures either. -s t makes it tell its time. */
static struct mutool_run draw_with_mutool(const char *path, uint32_t n_pages)
{
    char width[16], height[16], pages[32];
    snprintf(width, sizeof width, "%d", WIDTH_PX);
    snprintf(height, sizeof height, "%d", HEIGHT_PX);
    snprintf(pages, sizeof pages, "1-%u", n_pages);
    const char *const words[] = {MUTOOL, "draw", "-q",  "-s", "t",    "-c", "rgba", "-O",
                                 "0",    "-w",   width, "-h", height, path, pages,  NULL};
    int timings[2];
    if (pipe2(timings, O_CLOEXEC) < 0)
        bench_fail("no pipe can be made");
    CLOSE_FD int read_fd = timings[0];
    CLOSE_FD int write_fd = timings[1];
    struct program program;
    struct mutool_run run = {0};
    const int error = program_start(words, &(struct program_fd){write_fd, STDERR_FILENO}, 1, &program);
    if (error != 0)
        bench_fail("mutool cannot be run: %s", strerror(-error));
    fd_close(&write_fd);
    program_read_lines(read_fd, '\n', take_timing, &run);
    if (program_wait(&program) != 0 || run.n_pages != n_pages)
        bench_fail("mutool draw did not draw these %u pages", n_pages);
    return run;
}

/* ---- both ---------------------------------------------------------------------------------------------------------------------- */

static void measure(const char *path, const struct document *document, uint32_t max_pages, unsigned n_runs)
{
    const bool has_mutool = access(MUTOOL, X_OK) == 0;
    struct series ours = {0}, engine = {0}, open = {0}, theirs = {0}, ratio = {0};
    uint32_t n_pages = 0;
    struct rig rig;
    rig_create(&rig, &(struct spawner_options){.mode = SPAWN_ZYGOTE}, bench_rig_failed);
    for (unsigned i = 0; i < n_runs; i++) {
        const struct sandbox_run run = draw_in_sandbox(&rig, document, max_pages);
        n_pages = run.n_pages;
        series_add(&ours, n_pages * 1000 / run.pages_ms);
        series_add(&engine, n_pages * 1000 / run.engine_ms);
        series_add(&open, run.open_ms);
        if (has_mutool) {
            /* It counts whole milliseconds, and may come to none. */
            const double ms = fmax(draw_with_mutool(path, n_pages).pages_ms, 0.5);
            series_add(&theirs, n_pages * 1000 / ms);
            series_add(&ratio, ms / run.pages_ms);
        }
    }
    rig_destroy(&rig);

    report_value("pages", n_pages, "");
    report_series("through the sandbox", &ours, "pages/s");
    report_series("  by the renderer's own clock", &engine, "pages/s");
    report_series("  Open before them (not counted)", &open, "ms");
    if (has_mutool) {
        report_series("mutool draw", &theirs, "pages/s");
        report_series("ours / mutool's, round by round", &ratio, "x");
        report_note("mutool draw -q -s t -c rgba -O 0 -w %d -h %d: its own sum over the pages, start and opening",
                    WIDTH_PX, HEIGHT_PX);
        report_note("left out; nothing is encoded or written. A fresh renderer and a fresh mutool in turn.");
    } else {
        report_absent("mutool draw", "install mupdf-tools");
    }
    series_finish(&ours);
    series_finish(&engine);
    series_finish(&open);
    series_finish(&theirs);
    series_finish(&ratio);
}

/* The bundled PDF. */
static void find_sample(char *out, size_t n_out)
{
    char **paths, why[256];
    size_t n_paths;
    out[0] = '\0';
    if (samples_find(&paths, &n_paths, why, sizeof why) != 0)
        bench_fail("%s", why);
    for (size_t i = 0; i < n_paths && out[0] == '\0'; i++) {
        if (strstr(paths[i], ".pdf") != NULL)
            snprintf(out, n_out, "%s", paths[i]);
    }
    samples_free(paths, n_paths);
    if (out[0] == '\0')
        bench_fail("no PDF among the bundled samples: build the target samples");
}

static uint32_t parse_pages(const struct bench_options *options)
{
    if (options->n_words < 2)
        return MAX_PAGES;
    const unsigned long n = strtoul(options->words[1], NULL, 10);
    if (n == 0 || n > MAX_PAGES)
        bench_fail("PAGES: a number from 1 to %d", MAX_PAGES);
    return (uint32_t)n;
}

void bench_pages(const struct bench_options *options)
{
    report_section("pages", "PDF pages, on one core");
    if (!HAVE_ENGINE_MUPDF) {
        report_absent("pages", "this build has no mupdf engine");
        return;
    }
    char path[4096];
    if (options->n_words > 0)
        snprintf(path, sizeof path, "%s", options->words[0]);
    else
        find_sample(path, sizeof path);
    const uint32_t max_pages = parse_pages(options);

    struct document document;
    if (document_init(&document, path) != 0 || document_open(&document, MAX_DOCUMENT_BYTES) != 0)
        bench_fail("out of memory or descriptors");
    if (document.refusal != REFUSAL_NONE)
        bench_fail("%s: %s", path, refusal_name(document.refusal));
    cpu_set_t before;
    const int cpu = pin_to_one(&before);
    measure(path, &document, max_pages, bench_runs(options, RUNS));
    sched_setaffinity(0, sizeof before, &before);
    report_note("Everything on processor %d; %dx%d pixels.", cpu, WIDTH_PX, HEIGHT_PX);
    document_finish(&document);
}
