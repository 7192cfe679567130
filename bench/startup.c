/* bench startup: eight documents in eight tabs, from exec to the eighth picture, and where the time goes. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/chromium.h"
#include "common/json.h"
#include "bench/program.h"
#include "bench/report.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/fd.h"
#include "common/layers.h"

#define TABS          8
#define RUNS          20
#define CHROMIUM_RUNS 5
#define MAX_FILES     64

/* Times are milliseconds from exec. Where the broker tells them by its own clock, which starts in its main, main_ms has
 * been added. */
struct run {
    double main_ms;  /* the broker's main begins */
    double asked_ms; /* the first renderer is asked for: the zygote was started and the documents read */
    double ready_ms; /* the first renderer is ready, and its document sent to it */
    double live_ms;  /* the eighth picture, by our clock when the event was read */
    double wall_ms;  /* the broker's process has ended */
    double pss_mb;
    unsigned n_live;

    double zygote_us[ZYGOTE_RUNG_COUNT], zygote_sum_ms;
    double ladder_sum_ms, open_sum_ms, paint_sum_ms; /* over all renderers, by their own clocks */
    double first_ladder_ms;                          /* of the renderer that was ready first */
    double first_loading_pid;

    uint64_t exec_ns;
};

/* ---- one run -------------------------------------------------------------------------------------------------------------- */

static void take_zygote_rung(void *owner, const char *name, double us)
{
    struct run *run = owner;
    for (int i = 0; i < ZYGOTE_RUNG_COUNT; i++) {
        if (strcmp(name, zygote_rung_name((enum zygote_rung)i)) == 0)
            run->zygote_us[i] = us;
    }
    run->zygote_sum_ms += us / 1000;
}

static void take_live(struct run *run, const char *line, double now_ms)
{
    const double ladder_ms = json_sum_in(line, "rungs_us") / 1000;
    run->ladder_sum_ms += ladder_ms;
    run->open_sum_ms += json_number(line, "open_ms");
    run->paint_sum_ms += json_number(line, "paint_ms");
    if (json_number(line, "pid") == run->first_loading_pid)
        run->first_ladder_ms = ladder_ms;
    if (++run->n_live == TABS)
        run->live_ms = now_ms;
}

static void take_tab(struct run *run, const char *line, double now_ms)
{
    const double t_ms = json_number(line, "t_ms");
    if (json_string_is(line, "state", "spawning") && run->asked_ms == 0)
        run->asked_ms = t_ms;
    if (json_string_is(line, "state", "loading") && run->first_loading_pid == 0)
        run->first_loading_pid = json_number(line, "pid");
    if (json_string_is(line, "state", "live"))
        take_live(run, line, now_ms);
}

static bool take_event(void *owner, const char *line, uint64_t now_ns)
{
    struct run *run = owner;
    const double now_ms = (double)(now_ns - run->exec_ns) / (double)NS_PER_MS;
    /* Both clocks are CLOCK_MONOTONIC: the event that was read soonest after it was told bounds the difference best. */
    const double main_ms = now_ms - json_number(line, "t_ms");
    if (run->main_ms == 0 || main_ms < run->main_ms)
        run->main_ms = main_ms;

    if (json_string_is(line, "event", "start")) {
        run->ready_ms = json_number(line, "t_ms");
        json_numbers_in(line, "zygote_us", take_zygote_rung, run);
    } else if (json_string_is(line, "event", "tab")) {
        take_tab(run, line, now_ms);
    } else if (json_string_is(line, "event", "end")) {
        run->pss_mb = json_number(line, "pss_kb") / 1024;
    }
    return true;
}

static void find_broker(char path[PATH_MAX])
{
    const ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof "/broker");
    if (n < 0)
        bench_fail("/proc cannot be read");
    path[n] = '\0';
    strcpy(strrchr(path, '/'), "/broker");
}

static struct run run_broker(const char *broker, char *const *files, size_t n_files)
{
    const char *words[16 + MAX_FILES] = {broker, "--tabs", "8", "--view", "none", "--json", "--"};
    size_t n_words = 7;
    for (size_t i = 0; i < n_files; i++)
        words[n_words++] = files[i];

    int events[2];
    if (pipe2(events, O_CLOEXEC) < 0)
        bench_fail("no pipe can be made");
    CLOSE_FD int read_fd = events[0];
    CLOSE_FD int write_fd = events[1];
    struct program program;
    struct run run = {0};
    const int error = program_start(words, &(struct program_fd){write_fd, STDOUT_FILENO}, 1, &program);
    if (error != 0)
        bench_fail("no broker beside this benchmark: %s", strerror(-error));
    fd_close(&write_fd);
    run.exec_ns = program.start_ns;
    program_read_lines(read_fd, '\n', take_event, &run);
    const int status = program_wait(&program);
    run.wall_ms = (double)(clock_now_ns() - run.exec_ns) / (double)NS_PER_MS;
    if (status != 0 || run.n_live != TABS)
        bench_fail("the broker ended with status %d and %u live tabs of %d: try it by hand", status, run.n_live, TABS);
    run.asked_ms += run.main_ms;
    run.ready_ms += run.main_ms;
    return run;
}

/* ---- what is shown ---------------------------------------------------------------------------------------------------------- */

static void report_breakdown(const struct run *run)
{
    report_section("startup-breakdown", "Where the time goes, in the run of median length");
    report_value("exec and linking of the broker, to main", run->main_ms, "ms");
    report_value("zygote cloned, documents read, tabs asked", run->asked_ms - run->main_ms, "ms");
    report_value("zygote: namespaces, exec, linking; first clone",
                 run->ready_ms - run->asked_ms - run->zygote_sum_ms - run->first_ladder_ms, "ms");
    for (int i = 0; i < ZYGOTE_RUNG_COUNT; i++) {
        char name[64];
        snprintf(name, sizeof name, "zygote: %s", zygote_rung_name((enum zygote_rung)i));
        report_value(name, run->zygote_us[i] / 1000, "ms");
    }
    report_value("ladder of the first renderer", run->first_ladder_ms, "ms");
    report_value("from the first Ready to the eighth picture", run->live_ms - run->ready_ms, "ms");
    report_value("sum", run->live_ms, "ms");
    report_note("In that last part the eight renderers shared the processors. By their own clocks, added up:");
    report_value("  ladders", run->ladder_sum_ms, "ms");
    report_value("  open (parse and layout)", run->open_sum_ms, "ms");
    report_value("  paint", run->paint_sum_ms, "ms");
}

static int by_length(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    return (x->live_ms > y->live_ms) - (x->live_ms < y->live_ms);
}

struct totals {
    struct series live_ms, wall_ms, pss_mb;
};

static void totals_add(struct totals *totals, double live_ms, double wall_ms, double pss_mb)
{
    series_add(&totals->live_ms, live_ms);
    series_add(&totals->wall_ms, wall_ms);
    series_add(&totals->pss_mb, pss_mb);
}

static void totals_finish(struct totals *totals)
{
    series_finish(&totals->live_ms);
    series_finish(&totals->wall_ms);
    series_finish(&totals->pss_mb);
}

static void report_totals(struct totals *totals)
{
    report_series("exec to the eighth picture", &totals->live_ms, "ms");
    report_series("exec to the end of the process", &totals->wall_ms, "ms");
    report_series("PSS of all processes, all tabs live", &totals->pss_mb, "MB");
}

static void measure_ours(const char *broker, char *const *files, size_t n_files, unsigned n_runs)
{
    struct run *runs = calloc(n_runs, sizeof *runs);
    if (runs == NULL)
        bench_fail("out of memory");
    const struct run first = run_broker(broker, files, n_files);
    struct totals totals = {0};
    for (unsigned i = 0; i < n_runs; i++) {
        runs[i] = run_broker(broker, files, n_files);
        totals_add(&totals, runs[i].live_ms, runs[i].wall_ms, runs[i].pss_mb);
    }
    report_value("the first run, to the eighth picture", first.live_ms, "ms");
    report_totals(&totals);
    totals_finish(&totals);
    qsort(runs, n_runs, sizeof *runs, by_length);
    report_breakdown(&runs[(n_runs - 1) / 2]);
    free(runs);
}

/* In turn, so that whatever else the machine does falls on both. */
static void measure_against_chromium(const char *broker, char *const *files, size_t n_files, unsigned n_runs)
{
    report_section("startup-chromium", "Headless Chromium and Vitrine in turn, the same files");
    if (n_files < TABS) {
        report_absent("chromium", "it needs eight files: name them, or use the Apache manual");
        return;
    }
    struct totals ours = {0}, theirs = {0};
    double n_processes = 0;
    for (unsigned i = 0; i < n_runs; i++) {
        const struct run run = run_broker(broker, files, TABS);
        totals_add(&ours, run.live_ms, run.wall_ms, run.pss_mb);
        struct chromium_run chromium;
        char why[128];
        if (chromium_run(files, TABS, &chromium, why, sizeof why) != 0) {
            report_absent("chromium", why);
            goto done;
        }
        totals_add(&theirs, chromium.painted_ms, chromium.wall_ms, chromium.pss_mb);
        n_processes = chromium.n_processes;
    }
    report_note("Chromium, until all eight pages have fired `load` and been painted:");
    report_totals(&theirs);
    report_value("  its processes", n_processes, "");
    report_note("Vitrine:");
    report_totals(&ours);
    report_value("time: Chromium's median / ours", series_median(&theirs.live_ms) / series_median(&ours.live_ms), "x");
    report_value("memory: Chromium's median / ours", series_median(&theirs.pss_mb) / series_median(&ours.pss_mb), "x");
    report_note("Chromium also loads the style sheets that lie beside the pages; Vitrine's renderers open nothing.");
done:
    totals_finish(&ours);
    totals_finish(&theirs);
}

/* Eight pages of the Apache manual, of 11 to 50 KB: Debian's package apache2-doc. NULL, or why they cannot be
 * shown. */
static const char *find_manual(char paths[TABS][PATH_MAX], char *files[TABS])
{
    static const char *const pages[TABS] = {
        "index", "install", "configuring", "sections", "caching", "content-negotiation", "custom-error", "env"};
    if (!HAVE_ENGINE_HTML)
        return "this build has no html engine";
    for (int i = 0; i < TABS; i++) {
        snprintf(paths[i], PATH_MAX, "/usr/share/doc/apache2-doc/manual/en/%s.html", pages[i]);
        if (access(paths[i], R_OK) < 0)
            return "install apache2-doc";
        files[i] = paths[i];
    }
    return NULL;
}

void bench_startup(const struct bench_options *options)
{
    static char paths[TABS][PATH_MAX];
    char *manual[TABS];
    char *const *files = options->words;
    size_t n_files = options->n_words;
    const char *what = "the files that were named", *no_manual = NULL;
    if (n_files > MAX_FILES)
        bench_fail("more than %d files", MAX_FILES);
    if (n_files == 0) {
        no_manual = find_manual(paths, manual);
        files = manual;
        n_files = no_manual == NULL ? TABS : 0; /* none: the broker shows the samples it has an engine for */
        what = no_manual == NULL ? "eight pages of the Apache manual" : "the bundled samples";
    }
    char broker[PATH_MAX], title[160];
    find_broker(broker);
    snprintf(title, sizeof title, "broker --tabs %d --view none --json: %s", TABS, what);
    report_section("startup", title);
    if (no_manual != NULL)
        report_absent("the Apache manual", no_manual);
    measure_ours(broker, files, n_files, bench_runs(options, RUNS));
    if (options->against_chromium)
        measure_against_chromium(broker, files, n_files, bench_runs(options, CHROMIUM_RUNS));
}
