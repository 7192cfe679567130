#include "broker/latency/table.h"

#include <stdlib.h>
#include <string.h>

#include "broker/latency/format.h"
#include "common/config.h"

static bool is(const char *a, const char *b)
{
    return a != NULL && strcmp(a, b) == 0;
}

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

/* ---- the general kind: a row a figure --------------------------------------------------------------------------------- */

/* A number that is not known is an empty cell, and a column of empty cells is not shown. */
enum {
    C_NAME,
    C_CODEC,
    C_WAIT,
    C_SANDBOXED,
    C_PAYLOAD,
    C_FLIGHT,
    C_RATE,
    C_P50,
    C_P90,
    C_P99,
    C_P999,
    C_MAX,
    C_MEAN,
    C_CPU,
    C_CPU_PERCENT,
    C_WAKEUPS,
    C_MOVED,
    C_UNFAIR,
    C_TOTAL,
    C_LOST,
    C_N,
    C_SPREAD,
    N_COLUMNS,
};

static const struct grid_column columns[N_COLUMNS] = {
    [C_NAME] = {.heading = "name"},
    [C_CODEC] = {.heading = "codec"},
    [C_WAIT] = {.heading = "wait"},
    [C_SANDBOXED] = {.heading = "box"},
    [C_PAYLOAD] = {.heading = "bytes", .right = true},
    [C_FLIGHT] = {.heading = "flight", .right = true},
    [C_RATE] = {.heading = "per s", .right = true},
    [C_P50] = {.group = "µs each", .heading = "p50", .right = true},
    [C_P90] = {.group = "µs each", .heading = "p90", .right = true},
    [C_P99] = {.group = "µs each", .heading = "p99", .right = true},
    [C_P999] = {.group = "µs each", .heading = "p99.9", .right = true},
    [C_MAX] = {.group = "µs each", .heading = "max", .right = true},
    [C_MEAN] = {.group = "µs each", .heading = "mean", .right = true},
    [C_CPU] = {.group = "µs each", .heading = "CPU", .right = true},
    [C_CPU_PERCENT] = {.heading = "CPU", .right = true},
    [C_WAKEUPS] = {.heading = "wakes/s", .right = true},
    [C_MOVED] = {.heading = "moved", .right = true},
    [C_UNFAIR] = {.heading = "uneven", .right = true},
    [C_TOTAL] = {.heading = "total ms", .right = true},
    [C_LOST] = {.heading = "lost", .right = true},
    [C_N] = {.heading = "n", .right = true},
    [C_SPREAD] = {.heading = "spread", .right = true},
};

/* Without "%s" at every call. */
static void set(struct grid *grid, size_t column, const char *text)
{
    grid_set(grid, column, "%s", text);
}

static void set_us(struct grid *grid, size_t column, double ns)
{
    char text[FORMAT_BYTES];
    format_us(text, ns);
    set(grid, column, text);
}

static void set_count(struct grid *grid, size_t column, double count)
{
    char text[FORMAT_BYTES];
    format_count(text, count);
    set(grid, column, text);
}

/* Why a figure is absent, or what else was seen; the same words once. */
static void add_notes(struct grid *grid, const struct figure *figure)
{
    const struct figure_outcome *middle = &figure->middle;
    if (figure_is_absent(figure)) {
        grid_add_note(grid, "%s %s is absent: %s", figure->name, figure->test, middle->absent);
        return;
    }
    if (middle->note[0] != '\0')
        grid_add_note(grid, "%s %s: %s", figure->name, figure->test, middle->note);
    if (middle->disordered > 0)
        grid_add_note(grid, "%s %s: %llu of %llu came out of order", figure->name, figure->test,
                      (unsigned long long)middle->disordered, (unsigned long long)middle->n);
}

static void set_measured(struct grid *grid, const struct figure *figure)
{
    const struct figure_outcome *middle = &figure->middle;
    char text[FORMAT_BYTES];
    set_count(grid, C_RATE, middle->per_s);
    set_us(grid, C_P50, middle->p50_ns);
    set_us(grid, C_P90, middle->p90_ns);
    set_us(grid, C_P99, middle->p99_ns);
    set_us(grid, C_P999, middle->p999_ns);
    set_us(grid, C_MAX, middle->max_ns);
    set_us(grid, C_MEAN, middle->mean_ns);
    set_us(grid, C_CPU, middle->cpu_ns_per_call);
    if (middle->cpu_percent >= 0) {
        format_percent(text, middle->cpu_percent / 100);
        set(grid, C_CPU_PERCENT, text);
    }
    if (middle->wakeups_per_s >= 0)
        grid_set(grid, C_WAKEUPS, "%.1f", middle->wakeups_per_s);
    if (middle->bytes_moved > 0) {
        format_bytes(text, (double)middle->bytes_moved);
        set(grid, C_MOVED, text);
    }
    if (middle->unfairness > 0) {
        format_ratio(text, middle->unfairness);
        set(grid, C_UNFAIR, text);
    }
    if (middle->p50_ns == 0 && middle->per_s == 0 && middle->total_ms > 0)
        set_us(grid, C_TOTAL, middle->total_ms * 1e3); /* what is in ms */
    set_count(grid, C_LOST, (double)middle->lost);
    set_count(grid, C_N, (double)middle->n);
    if (figure->n_runs > 1) {
        format_percent(text, figure_spread(figure));
        set(grid, C_SPREAD, text);
    }
}

static void add_figure(struct grid *grid, const struct figure *figure)
{
    grid_add_row(grid);
    set(grid, C_NAME, figure->name);
    set(grid, C_CODEC, is(figure->codec, "none") ? "" : or_empty(figure->codec));
    set(grid, C_WAIT, or_empty(figure->wait));
    set(grid, C_SANDBOXED, figure->sandboxed ? "yes" : "");
    char bytes[FORMAT_BYTES];
    format_bytes(bytes, (double)figure->payload);
    set(grid, C_PAYLOAD, bytes);
    if (figure->peers > 1)
        grid_set(grid, C_FLIGHT, "%ux%u", figure->peers, figure->window > 0 ? figure->window : 1);
    else if (figure->window > 0)
        grid_set(grid, C_FLIGHT, "%u", figure->window);
    if (figure_is_absent(figure))
        set(grid, C_RATE, "absent");
    else
        set_measured(grid, figure);
    add_notes(grid, figure);
}

/* Tests in this order, others after them. */
static const char *const test_order[] = {"round-trip", "one-way",       "sparse",       "idle",
                                         "frame",      "frame-visible", "frame-memory", "transfer-1g"};
#define N_TESTS (sizeof test_order / sizeof test_order[0])
static const char *const placement_order[] = {"cross-core", "same-core", "free"};
#define N_PLACEMENTS (sizeof placement_order / sizeof placement_order[0])

static int rank_in(const char *const *order, size_t n_order, const char *name)
{
    for (size_t i = 0; i < n_order; i++) {
        if (is(name, order[i]))
            return (int)i;
    }
    return (int)n_order;
}

static int compare_text(const char *a, const char *b)
{
    return strcmp(or_empty(a), or_empty(b));
}

static int compare_number(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_heading(const struct figure *a, const struct figure *b)
{
    int order = rank_in(test_order, N_TESTS, a->test) - rank_in(test_order, N_TESTS, b->test);
    order = order != 0 ? order : compare_text(a->test, b->test);
    if (order == 0)
        order =
            rank_in(placement_order, N_PLACEMENTS, a->placement) - rank_in(placement_order, N_PLACEMENTS, b->placement);
    return order != 0 ? order : compare_text(a->placement, b->placement);
}

/* What is to be compared stands together: same peers, calls in flight, payload. Otherwise as they were planned. */
static int compare_figures(const void *left, const void *right)
{
    const struct figure *a = *(const struct figure *const *)left, *b = *(const struct figure *const *)right;
    int order = compare_heading(a, b);
    order = order != 0 ? order : compare_number(a->peers, b->peers);
    order = order != 0 ? order : compare_number(a->window, b->window);
    order = order != 0 ? order : compare_number(a->payload, b->payload);
    return order != 0 ? order : compare_number((size_t)a, (size_t)b);
}

static void add_test_heading(struct grid *grid, const struct figure *figure)
{
    grid_add_heading(grid, "%s%s%s", figure->test, figure->placement != NULL ? ", " : "", or_empty(figure->placement));
}

static void add_command(struct grid *grid, const char *only)
{
    grid_add_note(grid, "one figure again: broker --latency --only %s --payload BYTES --messages N", only);
}

static const struct figure **sort_figures(const struct figure **list, size_t n)
{
    qsort(list, n, sizeof(struct figure *), compare_figures);
    return list;
}

/* What is the same in all rows is said once, below. */
static void take_common(struct grid *grid)
{
    static const struct {
        size_t column;
        const char *what;
    } takes[] = {{C_CODEC, "codec"},
                 {C_WAIT, "wait"},
                 {C_SANDBOXED, "sandboxed"},
                 {C_PAYLOAD, "bytes"},
                 {C_FLIGHT, "calls in flight"}};
    char text[160] = "";
    for (size_t i = 0; i < sizeof takes / sizeof takes[0]; i++) {
        char cell[GRID_MAX_CELL];
        const size_t n = strlen(text);
        grid_take_common(grid, takes[i].column, cell);
        if (cell[0] != '\0')
            snprintf(text + n, sizeof text - n, "%s%s %s", n > 0 ? ", " : "", takes[i].what, cell);
    }
    if (text[0] != '\0')
        grid_add_note(grid, "all of these: %s", text);
    if (grid_has(grid, C_FLIGHT))
        grid_add_note(grid, "flight: calls in flight, 8x32 with each of 8 peers%s",
                      grid_has(grid, C_UNFAIR) ? "; uneven: how often the peer served most was, by the one served least"
                                               : "");
}

/* How a name waits, where each waits in one way only, takes a line instead of a column. */
static void take_waits(struct grid *grid, const struct figure *const *list, size_t n)
{
    char text[256] = "";
    for (size_t i = 0; i < n; i++) {
        bool seen = false;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(list[i]->name, list[j]->name) != 0)
                continue;
            if (strcmp(or_empty(list[i]->wait), or_empty(list[j]->wait)) != 0)
                return;
            seen = true;
        }
        const size_t n_text = strlen(text);
        if (n_text + 64 > sizeof text)
            return;
        if (!seen && list[i]->wait != NULL)
            snprintf(text + n_text, sizeof text - n_text, "%s%.40s %.16s", n_text > 0 ? ", " : "", list[i]->name,
                     list[i]->wait);
    }
    for (size_t i = 0; i < grid->n_rows; i++)
        grid->rows[i].cells[C_WAIT][0] = '\0';
    if (text[0] != '\0')
        grid_add_note(grid, "waiting: %s", text);
}

/* The figures of one test. */
static void make_test(struct grid *grid, const char *title, const struct figure *const *list, size_t n)
{
    char whole[160];
    snprintf(whole, sizeof whole, "%s: %s", title, list[0]->test);
    grid_init(grid, whole, columns, N_COLUMNS);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || compare_heading(list[i - 1], list[i]) != 0)
            add_test_heading(grid, list[i]);
        add_figure(grid, list[i]);
    }
    take_common(grid);
    if (grid_has(grid, C_WAIT))
        take_waits(grid, list, n);
}

/* Where one call's time goes. */
enum {
    S_WHAT,
    S_CALL,
    S_PACK,
    S_SCAN,
    S_UNPACK,
    S_SYSCALL,
    S_WAKE,
    S_COLUMNS,
};

static const struct grid_column share_columns[S_COLUMNS] = {
    [S_WHAT] = {.heading = "call"},
    [S_CALL] = {.group = "ns each", .heading = "whole", .right = true},
    [S_PACK] = {.group = "ns each", .heading = "pack", .right = true},
    [S_SCAN] = {.group = "ns each", .heading = "scan", .right = true},
    [S_UNPACK] = {.group = "ns each", .heading = "unpack", .right = true},
    [S_SYSCALL] = {.group = "ns each", .heading = "system calls", .right = true},
    [S_WAKE] = {.group = "ns each", .heading = "wait, wake", .right = true},
};

static void set_ns(struct grid *grid, size_t column, double ns)
{
    if (ns >= 0)
        grid_set(grid, column, "%.0f", ns);
}

/* Returns false when there is nothing to show, and then there is nothing to finish. */
static bool make_shares(struct grid *grid, const struct figure *const *list, size_t n)
{
    grid_init(grid, "Where the time of one call goes", share_columns, S_COLUMNS);
    for (size_t i = 0; i < n; i++) {
        const struct figure_shares *shares = &list[i]->middle.shares;
        const bool known = shares->pack_ns >= 0 || shares->scan_ns >= 0 || shares->unpack_ns >= 0 ||
                           shares->syscall_ns >= 0 || shares->wake_ns >= 0;
        /* One call at a time with one peer: what waits for others besides is no share of a call. */
        if (figure_is_absent(list[i]) || !known || list[i]->peers > 1 || list[i]->window > 1)
            continue;
        grid_add_row(grid);
        grid_set(grid, S_WHAT, "%s %s, %s, %s", list[i]->name, list[i]->test, or_empty(list[i]->placement),
                 or_empty(list[i]->codec));
        set_ns(grid, S_CALL, list[i]->middle.p50_ns);
        set_ns(grid, S_PACK, shares->pack_ns);
        set_ns(grid, S_SCAN, shares->scan_ns);
        set_ns(grid, S_UNPACK, shares->unpack_ns);
        set_ns(grid, S_SYSCALL, shares->syscall_ns);
        set_ns(grid, S_WAKE, shares->wake_ns);
    }
    if (grid->n_rows > 0)
        return true;
    grid_finish(grid);
    return false;
}

/* A grid a test, and one of shares. Returns how many. */
static size_t make_general(const char *title, const struct figure **list, size_t n, struct grid *ret_grids,
                           size_t max_grids)
{
    size_t n_grids = 0;
    sort_figures(list, n);
    for (size_t begin = 0; begin < n && n_grids + 1 < max_grids;) {
        size_t end = begin + 1;
        while (end < n && strcmp(list[begin]->test, list[end]->test) == 0)
            end++;
        make_test(&ret_grids[n_grids++], title, &list[begin], end - begin);
        begin = end;
    }
    n_grids += make_shares(&ret_grids[n_grids], list, n);
    if (n_grids > 0)
        add_command(&ret_grids[n_grids - 1], "NAME,TEST,PLACEMENT");
    return n_grids;
}

/* ---- the mechanisms: a row each ----------------------------------------------------------------------------------------- */

enum {
    M_NAME,
    M_SAME,
    M_CROSS_BLOCK,
    M_CROSS_SPIN,
    M_BOX_SAME,
    M_BOX_CROSS_BLOCK,
    M_BOX_CROSS_SPIN,
    M_WAY_SAME,
    M_WAY_CROSS,
    M_WAY_N_SAME,
    M_WAY_N_CROSS,
    M_LOST,
    M_GIB,
    M_SPREAD,
    M_COLUMNS,
};

#define BARE    "round trip p50, µs, bare"
#define BOXED   "with a sandboxed peer"
#define ONE_WAY "1 KB one way, ms a million"

static const struct grid_column mechanism_columns[M_COLUMNS] = {
    [M_NAME] = {.heading = "mechanism"},
    [M_SAME] = {.group = BARE, .heading = "same", .right = true},
    [M_CROSS_BLOCK] = {.group = BARE, .heading = "sleep", .right = true},
    [M_CROSS_SPIN] = {.group = BARE, .heading = "spin", .right = true},
    [M_BOX_SAME] = {.group = BOXED, .heading = "same", .right = true},
    [M_BOX_CROSS_BLOCK] = {.group = BOXED, .heading = "sleep", .right = true},
    [M_BOX_CROSS_SPIN] = {.group = BOXED, .heading = "spin", .right = true},
    [M_WAY_SAME] = {.group = ONE_WAY, .heading = "same", .right = true},
    [M_WAY_CROSS] = {.group = ONE_WAY, .heading = "cross", .right = true},
    [M_WAY_N_SAME] = {.group = ONE_WAY, .heading = "n", .right = true},
    [M_WAY_N_CROSS] = {.group = ONE_WAY, .heading = "n", .right = true},
    [M_LOST] = {.heading = "lost", .right = true},
    [M_GIB] = {.heading = "1 GiB ms", .right = true},
    [M_SPREAD] = {.heading = "spread", .right = true},
};

/* The column of a figure; M_NAME: it has none. */
static size_t mechanism_column(const struct figure *figure)
{
    const bool same = is(figure->placement, "same-core"), cross = is(figure->placement, "cross-core");
    const bool spins = is(figure->wait, "spin");
    if (is(figure->test, "round-trip") && figure->payload <= 64 && figure->window <= 1 && figure->peers <= 1) {
        if (same)
            return figure->sandboxed ? M_BOX_SAME : M_SAME;
        if (cross && figure->sandboxed)
            return spins ? M_BOX_CROSS_SPIN : M_BOX_CROSS_BLOCK;
        if (cross)
            return spins ? M_CROSS_SPIN : M_CROSS_BLOCK;
    }
    if (is(figure->test, "one-way") && figure->payload == 1024 && !figure->sandboxed)
        return same ? M_WAY_SAME : cross ? M_WAY_CROSS : M_NAME;
    return is(figure->test, "transfer-1g") && !figure->sandboxed && same ? M_GIB : M_NAME;
}

/* A lost message is one that did not take the time: its sender is charged for those that arrived. */
static double received_million_ns(const struct figure *figure)
{
    const struct figure_outcome *middle = &figure->middle;
    return middle->n > middle->lost ? figure_million_ns(figure) * (double)middle->n / (double)(middle->n - middle->lost)
                                    : 0;
}

static void set_mechanism(struct grid *grid, size_t column, const struct figure *figure)
{
    char text[FORMAT_BYTES];
    if (figure_is_absent(figure)) {
        set(grid, column, "absent");
        return;
    }
    if (column == M_WAY_SAME || column == M_WAY_CROSS) {
        grid_set(grid, column, "%.0f", received_million_ns(figure) / 1e6);
        set_count(grid, column == M_WAY_SAME ? M_WAY_N_SAME : M_WAY_N_CROSS, (double)figure->middle.n);
        format_percent(text, (double)figure->middle.lost / (double)(figure->middle.n > 0 ? figure->middle.n : 1));
        if (figure->middle.lost > 0)
            set(grid, M_LOST, text);
    } else if (column == M_GIB) {
        grid_set(grid, column, "%.0f", figure->middle.total_ms);
    } else {
        set_us(grid, column, figure->middle.p50_ns);
    }
}

/* A row of the name. Figures that found a place there are taken out of the list. */
static void add_mechanism(struct grid *grid, const char *name, const struct figure **list, size_t n)
{
    const struct figure *placed[M_COLUMNS] = {NULL};
    double spread = 0;
    for (size_t i = 0; i < n; i++) {
        if (list[i] == NULL || !is(list[i]->name, name))
            continue;
        const size_t column = mechanism_column(list[i]);
        if (column == M_NAME || placed[column] != NULL)
            continue;
        if (grid->n_rows == 0 || grid->rows[grid->n_rows - 1].cells[M_NAME][0] == '\0' ||
            strcmp(grid->rows[grid->n_rows - 1].cells[M_NAME], name) != 0) {
            grid_add_row(grid);
            set(grid, M_NAME, name);
        }
        set_mechanism(grid, column, list[i]);
        add_notes(grid, list[i]);
        spread = figure_spread(list[i]) > spread ? figure_spread(list[i]) : spread;
        placed[column] = list[i];
        list[i] = NULL;
    }
    char text[FORMAT_BYTES];
    format_percent(text, spread);
    if (spread > 0)
        set(grid, M_SPREAD, text);
}

static size_t make_mechanisms(const char *title, const struct figure **list, size_t n, struct grid *ret_grids)
{
    grid_init(&ret_grids[0], title, mechanism_columns, M_COLUMNS);
    for (size_t i = 0; i < n; i++) {
        if (list[i] != NULL && mechanism_column(list[i]) != M_NAME)
            add_mechanism(&ret_grids[0], list[i]->name, list, n);
    }
    if (ret_grids[0].n_rows > 0) {
        grid_add_note(
            &ret_grids[0],
            "same: on the same core; sleep and spin: across cores; one way: n messages were sent, and their time is "
            "scaled to a million received; "
            "spread: of the figure in the row that varies most");
        add_command(&ret_grids[0], "MECHANISM,TEST,PLACEMENT");
    }
    size_t n_left = 0;
    for (size_t i = 0; i < n; i++) {
        if (list[i] != NULL)
            list[n_left++] = list[i];
    }
    const bool any = ret_grids[0].n_rows > 0;
    if (!any)
        grid_finish(&ret_grids[0]);
    if (n_left == 0)
        return any;
    return any + make_general(any ? "Mechanisms" : title, list, n_left, &ret_grids[any], LATENCY_TABLE_GRIDS - any);
}

size_t latency_table_make(const char *table, const char *title, const struct figure *figures, size_t n_figures,
                          struct grid ret_grids[LATENCY_TABLE_GRIDS])
{
    const struct figure **list = calloc(n_figures + 1, sizeof(struct figure *));
    size_t n = 0, n_grids = 0;
    for (size_t i = 0; list != NULL && i < n_figures; i++) {
        if (is(figures[i].table, table))
            list[n++] = &figures[i];
    }
    if (n > 0 && strcmp(table, "mechanisms") == 0) {
        n_grids = make_mechanisms(title, list, n, ret_grids);
    } else if (n > 0) {
        n_grids = make_general(title, list, n, ret_grids, LATENCY_TABLE_GRIDS);
    }
    free(list);
    return n_grids;
}

/* ---- the machine -------------------------------------------------------------------------------------------------------- */

#define NOISY_SPREAD 0.15

static int compare_double(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

double latency_table_noise(const struct figure *figures, size_t n_figures)
{
    double *spreads = calloc(n_figures + 1, sizeof *spreads);
    if (spreads == NULL)
        return 0;
    size_t n = 0;
    for (size_t i = 0; i < n_figures; i++) {
        if (!figure_is_absent(&figures[i]) && figures[i].n_runs > 1)
            spreads[n++] = figure_spread(&figures[i]);
    }
    qsort(spreads, n, sizeof *spreads, compare_double);
    const double median = n > 0 ? spreads[n / 2] : 0;
    free(spreads);
    return median;
}

void latency_table_describe_noise(const struct figure *figures, size_t n_figures, const struct latency_host *host,
                                  char *ret_text, size_t n_text)
{
    const double noise = latency_table_noise(figures, n_figures);
    const bool loaded = host->load > 0.5 * host->n_cpus;
    snprintf(
        ret_text, n_text,
        "spread: best and worst run apart, in percent of the median run, which is the one told; here %.0f%% in the "
        "middle%s%s",
        100 * noise, noise > NOISY_SPREAD ? ": this machine was noisy, trust ratios only" : "",
        loaded ? "; it was busy when we began" : "");
}

void latency_table_print_host(FILE *out, const struct summary_style *style, const struct latency_host *host)
{
    static const struct grid_column host_columns[] = {{.heading = ""}, {.heading = ""}};
    struct grid grid;
    char cpus[160];
    latency_host_describe_cpus(host, cpus, sizeof cpus);
    grid_init(&grid, "What local messages cost here", host_columns, 2);
    grid_add_note(&grid, "Vitrine %s%s%s; %s; %s%s", VITRINE_VERSION, *VITRINE_COMMIT ? ", commit " : "",
                  VITRINE_COMMIT, host->kernel, host->cpu[0] ? host->cpu : "processor not known",
                  host->virtualized ? ", a virtual machine" : "");
    grid_add_note(&grid, "processors: %s; governor %s; load %.2f; clock %s; filter %s", cpus,
                  host->governor[0] ? host->governor : "not known", host->load,
                  host->clock_source[0] ? host->clock_source : "not known",
                  host->filter ? "there, on whatever is called sandboxed" : "absent: this kernel has no seccomp");
    grid_print(out, style, &grid);
    grid_finish(&grid);
}
