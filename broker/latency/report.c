#include "broker/latency/report.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "broker/grid.h"
#include "broker/latency/format.h"
#include "broker/latency/goals.h"
#include "broker/latency/plot.h"
#include "broker/latency/table.h"
#include "common/config.h"
#include "common/fd.h"
#include "common/text.h"

/* ---- the file ------------------------------------------------------------------------------------------------------------- */

static int refuse(const char *path, int error, const char *why, char *ret_error, size_t n_error)
{
    char shown[256];
    text_escape(shown, sizeof shown, path, strlen(path));
    snprintf(ret_error, n_error, "--report %s: %s (%s)", shown, why, strerror(error));
    return -error;
}

/* What a rename would replace: only a file. A link is followed, so that it stays one. */
static int resolve(const char *path, char *ret_path)
{
    struct stat status;
    if (lstat(path, &status) < 0) {
        if (errno != ENOENT || strlen(path) >= PATH_MAX)
            return errno == ENOENT ? -ENAMETOOLONG : -errno;
        strcpy(ret_path, path);
        return 0;
    }
    if (realpath(path, ret_path) == NULL || stat(ret_path, &status) < 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    return S_ISREG(status.st_mode) ? 0 : -EINVAL;
}

int latency_report_open(struct latency_report *report, const char *path, char *ret_error, size_t n_error)
{
    *report = (struct latency_report){.dir_fd = -1};
    char resolved[PATH_MAX], copy[PATH_MAX];
    const int error = resolve(path, resolved);
    if (error < 0)
        return refuse(path, -error, "is no file that could be written: name another", ret_error, n_error);
    const char *slash = strrchr(resolved, '/');
    const char *name = slash != NULL ? slash + 1 : resolved;
    if (*name == '\0' || strlen(name) >= sizeof report->name)
        return refuse(path, *name == '\0' ? EISDIR : ENAMETOOLONG, "is no name of a file", ret_error, n_error);
    strcpy(report->name, name);
    strcpy(copy, resolved);
    report->dir_fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (report->dir_fd < 0)
        return refuse(path, errno, "its folder cannot be opened", ret_error, n_error);
    /* A name that is too long for the file system, or a folder without the permission, shows now. */
    snprintf(report->part, sizeof report->part, ".latency-report.%ld.part", (long)getpid());
    unlinkat(report->dir_fd, report->part, 0); /* of one that had our number and was killed */
    CLOSE_FD int fd = openat(report->dir_fd, report->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    report->out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (report->out == NULL)
        return refuse(path, errno, "cannot be made there", ret_error, n_error);
    (void)fd_steal(&fd);
    return 0;
}

int latency_report_finish(struct latency_report *report, char *ret_error, size_t n_error)
{
    int error = ferror(report->out) ? EIO : 0;
    if (fclose(report->out) != 0 && error == 0)
        error = errno; /* the last bytes may be those that found the disk full */
    report->out = NULL;
    if (error == 0 && renameat(report->dir_fd, report->part, report->dir_fd, report->name) < 0)
        error = errno;
    if (error != 0) {
        refuse(report->name, error, "could not be written: make room, or name another file", ret_error, n_error);
        latency_report_abandon(report);
        return -error;
    }
    report->part[0] = '\0';
    latency_report_abandon(report);
    return 0;
}

void latency_report_abandon(struct latency_report *report)
{
    if (report->out != NULL)
        fclose(report->out);
    report->out = NULL;
    if (report->dir_fd >= 0 && report->part[0] != '\0')
        unlinkat(report->dir_fd, report->part, 0);
    fd_close(&report->dir_fd);
}

/* ---- the page ------------------------------------------------------------------------------------------------------------- */

/* An engine that draws no SVG would show its texts in a heap: those that do all know @supports, and the others read on in
 * the table below each plot. Colours are spelled out twice, because not every engine knows variables. */
static const char style[] =
    "body{margin:0;background:#faf9f6;color:#22262b;font:15px/1.5 system-ui,'Segoe UI','DejaVu Sans',sans-serif}\n"
    ".page{max-width:1160px;margin:0 auto;padding:28px 24px 60px}\n"
    "h1{font-size:28px;line-height:1.2;margin:0 0 6px;font-weight:650}\n"
    "h2{font-size:20px;margin:44px 0 4px;font-weight:650}\n"
    "h3{font-size:15px;margin:26px 0 6px;font-weight:650}\n"
    "p{margin:4px 0 10px;max-width:900px}\n"
    ".lead{color:#59616b}\n"
    ".note{color:#59616b;font-size:13px;margin:3px 0;max-width:1100px}\n"
    "table{border-collapse:collapse;margin:10px 0 8px;font-size:13px;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:3px 10px 3px 0;text-align:left;vertical-align:top;border-bottom:1px solid #e6e2d9;"
    "white-space:nowrap}\n"
    "th{color:#59616b;font-weight:600}\n"
    "th.n,td.n{text-align:right}\n"
    "tr.span th{padding-top:12px;color:#0f6e66;font-weight:650}\n"
    ".facts td{white-space:normal;padding-right:24px}\n"
    ".facts td.k{color:#59616b;white-space:nowrap}\n"
    ".yes{color:#0f6e66;font-weight:650}\n"
    ".no{color:#b3401f;font-weight:650}\n"
    "summary{color:#59616b;font-size:13px;cursor:pointer}\n"
    "svg{display:none}\n"
    "@supports (display:grid){svg{display:block;width:100%;height:auto;margin:10px 0 4px}}\n"
    "svg text{font-family:system-ui,'Segoe UI','DejaVu Sans',sans-serif;font-size:12px;fill:#22262b}\n"
    "svg .label{text-anchor:end}\n"
    "svg text.ours{font-weight:650}\n"
    "svg .tick{text-anchor:middle;fill:#59616b}\n"
    "svg .value{fill:#59616b;font-size:11px}\n"
    "svg .legend{fill:#22262b}\n"
    "svg .grid{stroke:#e3dfd5;stroke-width:1}\n"
    "svg .leader{stroke:#b9b4a8;stroke-width:1}\n"
    "svg .first{fill:#5b7fa6}\nsvg .second{fill:#a9bdd3}\nsvg .third{fill:#d5b36a}\n"
    "svg .ring,svg .first.ours{fill:#0f8a7e}\nsvg .second.ours{fill:#7cc4ba}\nsvg .third.ours{fill:#c9d98a}\n"
    "svg .socket{fill:#c8641e}\n"
    "svg .reference{fill:none;stroke:#7a7468;stroke-width:1.2;stroke-dasharray:4 3}\n"
    "svg .curve{fill:none;stroke-width:2.4;stroke-linejoin:round}\n"
    "svg .curve.ring{stroke:#0f8a7e}\nsvg .curve.socket{stroke:#c8641e}\n"
    "svg .curve.first{stroke:#5b7fa6}\nsvg .curve.second{stroke:#8a6fb0}\n"
    "svg .dash1{stroke-dasharray:8 5}\nsvg .dash2{stroke-dasharray:2 4}\n"
    "@media (prefers-color-scheme:dark){\n"
    "body{background:#15181c;color:#e4e2dc}\n"
    ".lead,.note,th,summary,.facts td.k{color:#9aa3ad}\n"
    "th,td{border-bottom-color:#2a2f36}\n"
    "tr.span th,.yes{color:#4fc7b8}\n.no{color:#f0805a}\n"
    "svg text,svg .legend{fill:#e4e2dc}\nsvg .tick,svg .value{fill:#9aa3ad}\n"
    "svg .grid{stroke:#2a2f36}\nsvg .leader{stroke:#59616b}\n"
    "svg .first{fill:#6f9ccb}\nsvg .second{fill:#41617f}\nsvg .third{fill:#b8923e}\n"
    "svg .ring,svg .first.ours{fill:#35b8a8}\nsvg .second.ours{fill:#1f6f66}\nsvg .third.ours{fill:#7f9440}\n"
    "svg .socket{fill:#e88a45}\nsvg .reference{fill:none;stroke:#a39d90}\n"
    "svg .curve{fill:none}\n"
    "svg .curve.ring{stroke:#35b8a8}\nsvg .curve.socket{stroke:#e88a45}\n"
    "svg .curve.first{stroke:#6f9ccb}\nsvg .curve.second{stroke:#b79be0}\n"
    "}\n";

static bool is(const char *a, const char *b)
{
    return a != NULL && strcmp(a, b) == 0;
}

#define CHANNEL "channel-"

static bool is_channel(const char *name)
{
    return strncmp(name, CHANNEL, strlen(CHANNEL)) == 0;
}

static bool is_ours(const char *name)
{
    return is_channel(name) || strcmp(name, "port") == 0;
}

static void put_fact(FILE *out, const char *key, const char *value)
{
    fputs("<tr><td class=\"k\">", out);
    html_put(out, key);
    fputs("</td><td>", out);
    html_put(out, *value ? value : "not known");
    fputs("</td></tr>\n", out);
}

static void print_head(FILE *out, const struct latency_report_content *content)
{
    const struct latency_host *host = content->host;
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
          "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
          "<title>What local messages cost</title>\n<style>\n",
          out);
    fputs(style, out);
    fputs("</style>\n</head>\n<body>\n<div class=\"page\">\n<h1>What local messages cost</h1>\n", out);

    char text[512], when[64] = "", cpus[160];
    struct tm parts;
    if (gmtime_r(&host->time, &parts) != NULL)
        strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &parts);
    snprintf(
        text, sizeof text,
        "%zu figures, measured in %.0f s on %s. Each was measured several times, in turn with those it is compared "
        "with; the median run is shown.",
        content->n_figures, content->seconds, when);
    fputs("<p class=\"lead\">", out);
    html_put(out, text);
    fputs("</p>\n<table class=\"facts\">\n", out);
    put_fact(out, "kernel", host->kernel);
    snprintf(text, sizeof text, "%s%s", host->cpu, host->virtualized ? ", a virtual machine" : "");
    put_fact(out, "processor", text);
    latency_host_describe_cpus(host, cpus, sizeof cpus);
    put_fact(out, "processors", cpus);
    put_fact(out, "governor", host->governor);
    put_fact(out, "clock", host->clock_source);
    snprintf(text, sizeof text, "%.2f", host->load);
    put_fact(out, "load at the start", text);
    put_fact(out, "filter",
             host->filter ? "seccomp: a peer called sandboxed ran under it" : "absent: this kernel has no seccomp");
    snprintf(text, sizeof text, "Vitrine %s%s%s", VITRINE_VERSION, *VITRINE_COMMIT ? ", commit " : "", VITRINE_COMMIT);
    put_fact(out, "build", text);
    latency_table_describe_noise(content->figures, content->n_figures, host, text, sizeof text);
    put_fact(out, "noise", text);
    fputs("</table>\n", out);
}

static void put_heading(FILE *out, const char *tag, const char *text)
{
    fprintf(out, "<%s>", tag);
    html_put(out, text);
    fprintf(out, "</%s>\n", tag);
}

static void put_paragraph(FILE *out, const char *text)
{
    fputs("<p>", out);
    html_put(out, text);
    fputs("</p>\n", out);
}

/* Folded away where the engine can fold; open for those that cannot draw the plot. */
static void put_numbers(FILE *out, struct grid *grid)
{
    fputs("<details>\n<summary>the same as numbers</summary>\n", out);
    grid_print_html(out, grid);
    fputs("</details>\n", out);
    grid_finish(grid);
}

/* ---- plots ---------------------------------------------------------------------------------------------------------------- */

static void put_bars(FILE *out, const struct plot_bars *plot, const char *words)
{
    if (plot->n_rows == 0)
        return;
    struct grid_column columns[PLOT_BARS_COLUMNS];
    struct grid grid;
    put_heading(out, "h3", plot->title);
    put_paragraph(out, words);
    plot_bars_print(out, plot);
    plot_bars_make_grid(plot, &grid, columns);
    put_numbers(out, &grid);
}

/* The curves of one test of the channel, one call in flight with one peer: of the payload that most have. */
static bool has_place(const struct figure *figure, const char *test, size_t payload)
{
    return figure->middle.has_curve && !figure_is_absent(figure) && is(figure->table, "channel") &&
           is(figure->test, test) && is_ours(figure->name) && figure->payload == payload && figure->peers <= 1 &&
           figure->window <= 1;
}

static size_t choose_payload(const struct latency_report_content *content, const char *test)
{
    size_t best = 64, n_best = 0;
    for (size_t i = 0; i < content->n_figures; i++) {
        const size_t payload = content->figures[i].payload;
        size_t n = 0;
        for (size_t j = 0; j < content->n_figures; j++)
            n += has_place(&content->figures[j], test, payload);
        if (n > n_best || (n == n_best && n > 0 && payload == 64)) {
            best = payload;
            n_best = n;
        }
    }
    return best;
}

/* One codec of each is enough for the eye: the first. */
static bool is_repeated(const struct latency_report_content *content, const struct figure *figure)
{
    for (const struct figure *other = content->figures; other < figure; other++) {
        if (has_place(other, figure->test, figure->payload) && is(other->name, figure->name) &&
            is(other->placement, figure->placement != NULL ? figure->placement : ""))
            return true;
    }
    return false;
}

static void put_curves(FILE *out, const struct latency_report_content *content, const char *test, const char *title,
                       const char *words)
{
    struct plot_curves plot = {.title = title};
    const size_t payload = choose_payload(content, test);
    for (size_t i = 0; i < content->n_figures && plot.n_curves < PLOT_MAX_CURVES; i++) {
        const struct figure *figure = &content->figures[i];
        if (!has_place(figure, test, payload) || is_repeated(content, figure))
            continue;
        const size_t at = plot.n_curves++;
        const char *codec = figure->codec != NULL && !is(figure->codec, "none") ? figure->codec : "";
        snprintf(plot.curves[at].label, PLOT_MAX_LABEL, "%s, %s%s%s",
                 is_ours(figure->name) && strchr(figure->name, '-') ? strchr(figure->name, '-') + 1 : figure->name,
                 figure->placement != NULL ? figure->placement : "", *codec ? ", " : "", codec);
        plot.curves[at].colour = is(figure->name, "channel-ring")     ? PLOT_RING
                                 : is(figure->name, "channel-socket") ? PLOT_SOCKET
                                                                      : PLOT_SECOND;
        plot.curves[at].dash = is(figure->placement, "same-core") ? 1 : is(figure->placement, "free") ? 2 : 0;
        plot.curves[at].ns = figure->middle.curve_ns;
    }
    if (plot.n_curves == 0)
        return;
    struct grid_column columns[1 + FIGURE_CURVE_POINTS];
    struct grid grid;
    put_heading(out, "h3", title);
    put_paragraph(out, words);
    plot_curves_print(out, &plot);
    plot_curves_make_grid(&plot, &grid, columns);
    put_numbers(out, &grid);
}

/* The first value stays: figures come in the order of the plan, the plainest first. */
static void set_value(struct plot_bars *plot, const char *label, bool ours, size_t series, double value)
{
    double *values = value > 0 ? plot_bars_row(plot, label, ours) : NULL;
    if (values != NULL && values[series] == 0)
        values[series] = value;
}

/* Each mechanism under its name, the channel with what else tells it apart. */
static void name_row(char ret_label[PLOT_MAX_LABEL], const struct figure *figure)
{
    const bool coded = figure->codec != NULL && !is(figure->codec, "none");
    char window[32] = "";
    if (figure->window > 1)
        snprintf(window, sizeof window, ", %u in flight", figure->window);
    const char *name = figure->name + (is_channel(figure->name) ? strlen(CHANNEL) : 0);
    snprintf(ret_label, PLOT_MAX_LABEL, "%s%s%s%s%s", name != figure->name ? "our " : "", name, coded ? ", " : "",
             coded ? figure->codec : "", window);
}

/* Figures that others have published, from another machine. */
static const struct {
    const char *name, *what;
    double million_ms;
} references[] = {
    {"ring-spin", "shared memory", 45},   {"pipe", "pipe", 523}, {"unix-stream", "Unix socket", 612},
    {"sysv-queue", "message queue", 892}, {"tcp", "TCP", 1250},
};
#define REFERENCE_CALLS_PER_S 1e6
#define REFERENCE_NAME        "reference, another machine"

static void put_throughput(FILE *out, const struct latency_report_content *content)
{
    struct plot_bars plot = {
        .title = "1 KB messages one way",
        .unit = "messages per second",
        .series = {{"same core", PLOT_FIRST}, {"across cores", PLOT_SECOND}, {REFERENCE_NAME, PLOT_REFERENCE}},
        .n_series = 3};
    for (int ours = 1; ours >= 0; ours--) {
        for (size_t i = 0; i < content->n_figures; i++) {
            const struct figure *figure = &content->figures[i];
            char label[PLOT_MAX_LABEL];
            name_row(label, figure);
            if (figure_is_absent(figure) || !is(figure->test, "one-way") || figure->payload != 1024 ||
                figure->peers > 1 || is_ours(figure->name) != ours || (!ours && figure->sandboxed))
                continue;
            if (is(figure->placement, "same-core"))
                set_value(&plot, label, ours, 0, figure->middle.per_s);
            else if (is(figure->placement, "cross-core"))
                set_value(&plot, label, ours, 1, figure->middle.per_s);
        }
    }
    for (size_t row = 0; row < plot.n_rows; row++) {
        for (size_t i = 0; i < sizeof references / sizeof references[0]; i++) {
            if (strcmp(plot.rows[row].label, references[i].name) == 0)
                plot.rows[row].values[2] = 1e9 / references[i].million_ms;
        }
    }
    put_bars(out, &plot,
             "Received per second; longer is better. The outlined bars are published figures from another machine "
             "(shared memory, pipe, Unix socket, message queue, TCP: 45, 523, 612, 892 and 1250 ms a million): they "
             "show an order, and no ratio between them and a full bar means anything.");
}

static void put_calls(FILE *out, const struct latency_report_content *content)
{
    struct plot_bars plot = {.title = "Calls of our channel",
                             .unit = "calls per second",
                             .series = {{"same core", PLOT_FIRST},
                                        {"across cores", PLOT_SECOND},
                                        {"not pinned", PLOT_THIRD},
                                        {REFERENCE_NAME, PLOT_REFERENCE}},
                             .n_series = 4};
    for (size_t i = 0; i < content->n_figures; i++) {
        const struct figure *figure = &content->figures[i];
        char label[PLOT_MAX_LABEL];
        name_row(label, figure);
        if (figure_is_absent(figure) || !is(figure->table, "channel") || !is(figure->test, "round-trip") ||
            figure->payload != 64 || figure->peers > 1 || !is_ours(figure->name))
            continue;
        const size_t series = is(figure->placement, "same-core") ? 0 : is(figure->placement, "cross-core") ? 1 : 2;
        set_value(&plot, label, true, series, figure->middle.per_s);
    }
    if (plot.n_rows > 0) {
        set_value(&plot, "a lock-free ring, as published", false, 3, REFERENCE_CALLS_PER_S);
        set_value(&plot, "Chrome's Mojo, as published", false, 3, REFERENCE_CALLS_PER_S);
    }
    put_bars(out, &plot,
             "64 bytes each way, every message scanned and decoded; longer is better. The published million calls a "
             "second at 50 µs each needs 50 calls in flight.");
}

static void put_latency(FILE *out, const struct latency_report_content *content)
{
    struct plot_bars plot = {.title = "Round trips",
                             .unit = "median",
                             .log = true,
                             .is_time = true,
                             .series = {{"same core", PLOT_FIRST},
                                        {"across cores, spinning", PLOT_SECOND},
                                        {"across cores, sleeping", PLOT_THIRD}},
                             .n_series = 3};
    for (int ours = 1; ours >= 0; ours--) {
        for (size_t i = 0; i < content->n_figures; i++) {
            const struct figure *figure = &content->figures[i];
            char label[PLOT_MAX_LABEL];
            name_row(label, figure);
            if (figure_is_absent(figure) || !is(figure->test, "round-trip") || figure->payload > 64 ||
                (ours && figure->payload != 64) || figure->peers > 1 || figure->window > 1 ||
                is_ours(figure->name) != ours || (!ours && figure->sandboxed))
                continue;
            const bool sleeps = is(figure->wait, "block") || (!ours && figure->wait == NULL);
            if (is(figure->placement, "same-core"))
                set_value(&plot, label, ours, 0, figure->middle.p50_ns);
            else if (is(figure->placement, "cross-core"))
                set_value(&plot, label, ours, sleeps ? 2 : 1, figure->middle.p50_ns);
        }
    }
    put_bars(out, &plot,
             "The median call; further left is better. The axis is logarithmic: each line is ten times the one before "
             "it.");
}

static void put_peers(FILE *out, const struct latency_report_content *content)
{
    struct plot_bars plot = {
        .title = "Several renderers at once",
        .unit = "calls per second, in total",
        .series = {{"1 renderer", PLOT_FIRST}, {"8 renderers", PLOT_SECOND}, {"64 renderers", PLOT_THIRD}},
        .n_series = 3};
    for (size_t i = 0; i < content->n_figures; i++) {
        const struct figure *figure = &content->figures[i];
        const size_t series = figure->peers <= 1 ? 0 : figure->peers == 8 ? 1 : 2;
        bool several = false;
        for (size_t j = 0; j < content->n_figures; j++)
            several = several || (is(content->figures[j].name, figure->name) && content->figures[j].peers > 1);
        if (figure_is_absent(figure) || !is(figure->table, "channel") || !is(figure->test, "round-trip") ||
            figure->payload != 64 || !several || (series == 2 && figure->peers != 64))
            continue;
        char label[PLOT_MAX_LABEL], window[32] = "";
        if (figure->window > 1)
            snprintf(window, sizeof window, ", %u in flight", figure->window);
        snprintf(label, sizeof label, "our %s, %s%s", figure->name + (is_channel(figure->name) ? strlen(CHANNEL) : 0),
                 figure->placement != NULL ? figure->placement : "", window);
        set_value(&plot, label, true, series, figure->middle.per_s);
    }
    /* A row without its others says nothing here. */
    size_t n = 0;
    for (size_t row = 0; row < plot.n_rows; row++) {
        if (plot.rows[row].values[0] > 0 && (plot.rows[row].values[1] > 0 || plot.rows[row].values[2] > 0))
            plot.rows[n++] = plot.rows[row];
    }
    plot.n_rows = n;
    if (n == 0)
        return;
    put_bars(out, &plot, "All calls of all renderers together; bars of one row should be about as long as each other.");
    static const struct grid_column columns[] = {{.heading = "of one renderer's rate"},
                                                 {.heading = "8 renderers", .right = true},
                                                 {.heading = "64 renderers", .right = true}};
    struct grid grid;
    grid_init(&grid, "ratios", columns, 3);
    for (size_t row = 0; row < n; row++) {
        grid_add_row(&grid);
        grid_set(&grid, 0, "%s", plot.rows[row].label);
        for (size_t i = 1; i < 3; i++) {
            if (plot.rows[row].values[0] > 0 && plot.rows[row].values[i] > 0)
                grid_set(&grid, i, "%.2f", plot.rows[row].values[i] / plot.rows[row].values[0]);
        }
    }
    grid_print_html(out, &grid);
    grid_finish(&grid);
}

/* ---- all of it ------------------------------------------------------------------------------------------------------------ */

static void put_goals(FILE *out, const struct latency_report_content *content)
{
    struct grid grid;
    latency_goals_make(content->figures, content->n_figures, content->host, &grid);
    put_heading(out, "h2", "Goals");
    put_paragraph(out, "Ratios of figures of this run, so that they can be compared between machines.");
    grid_print_html(out, &grid);
    grid_finish(&grid);
}

static void put_section(FILE *out, const struct latency_report_content *content, const struct latency_section *section)
{
    struct grid grids[LATENCY_TABLE_GRIDS];
    const size_t n = latency_table_make(section->name, section->title, content->figures, content->n_figures, grids);
    if (n == 0)
        return;
    put_heading(out, "h2", section->title);
    if (is(section->name, "channel")) {
        put_calls(out, content);
        put_curves(out, content, "round-trip", "How long a call takes",
                   "One call in flight. Up is slower; the further right, the rarer: half of all calls took no longer "
                   "than what stands over 50%.");
        put_curves(out, content, "sparse", "One call a millisecond",
                   "The other side has had time to fall asleep; what a person's click meets.");
        put_peers(out, content);
    } else if (is(section->name, "mechanisms")) {
        put_throughput(out, content);
        put_latency(out, content);
    }
    for (size_t i = 0; i < n; i++) {
        put_heading(out, "h3", grids[i].title);
        grid_print_html(out, &grids[i]);
        grid_finish(&grids[i]);
    }
}

void latency_report_print(FILE *out, const struct latency_report_content *content)
{
    print_head(out, content);
    put_goals(out, content);
    for (size_t i = 0; i < content->n_sections; i++)
        put_section(out, content, content->sections[i]);
    fputs("</div>\n</body>\n</html>\n", out);
}
