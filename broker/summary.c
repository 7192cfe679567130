#include "broker/summary.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"

#define DEFAULT_COLUMNS 80

/* A terminal that can rewrite a line and show colours. */
static bool is_terminal(FILE *stream)
{
    const char *term = getenv("TERM");
    return isatty(fileno(stream)) && (!term || strcmp(term, "dumb") != 0);
}

struct summary_style summary_style_of(FILE *stream)
{
    struct summary_style style = {0};
    if (!isatty(fileno(stream)))
        return style;
    struct winsize size;
    bool told = ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    const char *no_color = getenv("NO_COLOR");
    style.columns = told ? size.ws_col : DEFAULT_COLUMNS;
    style.colour = is_terminal(stream) && !(no_color && *no_color);
    return style;
}

#define BOLD   "1"
#define FAINT  "2"
#define RED    "31"
#define GREEN  "32"
#define YELLOW "33"

static void colour_begin(FILE *out, const struct summary_style *style, const char *colour)
{
    if (style->colour)
        fprintf(out, "\033[%sm", colour);
}

static void colour_end(FILE *out, const struct summary_style *style)
{
    if (style->colour)
        fputs("\033[0m", out);
}

/* ---- the table of tabs ---------------------------------------------------------------------------------- */

#define MAX_CELL 32 /* bytes, terminated; what is in cells is ours and short */

/* Three digits are enough to compare: 0.8, 12, 340. */
static void format_quantity(char *out, double quantity, const char *unit)
{
    snprintf(out, MAX_CELL, quantity < 9.95 ? "%.1f%s" : "%.0f%s", quantity, unit);
}

static void format_ms(char *out, uint64_t ns, const char *unit)
{
    format_quantity(out, (double)ns / (double)NS_PER_MS, unit);
}

static void cell_number(char *out, const struct summary_tab *tab)
{
    snprintf(out, MAX_CELL, "%u", tab->number);
}

static void cell_state(char *out, const struct summary_tab *tab)
{
    text_escape(out, MAX_CELL, tab->state, strlen(tab->state));
}

static void cell_kind(char *out, const struct summary_tab *tab)
{
    if (tab->kind)
        text_escape(out, MAX_CELL, tab->kind, strlen(tab->kind));
}

static void cell_pages(char *out, const struct summary_tab *tab)
{
    if (tab->pages)
        snprintf(out, MAX_CELL, "%u", tab->pages);
}

static void cell_pid(char *out, const struct summary_tab *tab)
{
    if (tab->pid)
        snprintf(out, MAX_CELL, "%ld", (long)tab->pid);
}

static void cell_spawn(char *out, const struct summary_tab *tab)
{
    if (tab->spawn_ns)
        format_ms(out, tab->spawn_ns, "ms");
}

static void cell_first_frame(char *out, const struct summary_tab *tab)
{
    if (tab->first_frame_ns)
        format_ms(out, tab->first_frame_ns, "ms");
}

static void cell_memory(char *out, const struct summary_tab *tab)
{
    if (tab->pss_kb)
        format_quantity(out, (double)tab->pss_kb / 1024, "MB");
}

static void cell_layers(char *out, const struct summary_tab *tab)
{
    if (tab->layers)
        snprintf(out, MAX_CELL, "%d/%d", __builtin_popcount(tab->layers), LAYER_COUNT);
}

/* All columns but the last one, the document, which takes what is left of the line. */
static const struct column {
    const char *heading;
    bool right;
    int leaves; /* which goes first when the line is short of room; 0: never */
    void (*format)(char *out, const struct summary_tab *tab);
} columns[] = {
    {"tab", true, 0, cell_number},        {"state", false, 0, cell_state},  {"kind", false, 0, cell_kind},
    {"pages", true, 3, cell_pages},       {"pid", true, 4, cell_pid},       {"spawn", true, 2, cell_spawn},
    {"frame", true, 0, cell_first_frame}, {"memory", true, 0, cell_memory}, {"layers", true, 1, cell_layers},
};
#define N_COLUMNS (sizeof columns / sizeof columns[0])

#define COLUMN_GAP           2
#define MIN_DOCUMENT_COLUMNS 16
#define MAX_LEAVES           4

/* How wide each column is; 0: left out. */
struct table {
    size_t widths[N_COLUMNS];
    size_t document_columns; /* 0: as many as it takes */
};

static size_t used_columns(const struct table *table)
{
    size_t used = 0;
    for (size_t i = 0; i < N_COLUMNS; i++)
        used += table->widths[i] ? table->widths[i] + COLUMN_GAP : 0;
    return used;
}

static void cell_format(size_t column, char cell[MAX_CELL], const struct summary_tab *tab)
{
    cell[0] = '\0';
    columns[column].format(cell, tab);
}

static void table_measure(struct table *table, const struct summary_style *style, const struct summary_tab *tabs,
                          size_t n_tabs)
{
    for (size_t i = 0; i < N_COLUMNS; i++) {
        table->widths[i] = strlen(columns[i].heading);
        for (size_t tab = 0; tab < n_tabs; tab++) {
            char cell[MAX_CELL];
            cell_format(i, cell, &tabs[tab]);
            size_t width = text_fit_columns(cell, SIZE_MAX);
            if (width > table->widths[i])
                table->widths[i] = width;
        }
    }
    table->document_columns = 0;
    if (!style->columns)
        return;
    for (int leaves = 1; leaves <= MAX_LEAVES; leaves++)
        for (size_t i = 0; i < N_COLUMNS; i++)
            if (columns[i].leaves == leaves && used_columns(table) + MIN_DOCUMENT_COLUMNS > style->columns)
                table->widths[i] = 0;
    size_t used = used_columns(table);
    table->document_columns = style->columns > used ? style->columns - used : 1;
}

static void print_cell(FILE *out, const struct summary_style *style, const struct table *table, size_t column,
                       char *text, const char *colour)
{
    if (!table->widths[column])
        return;
    int padding = (int)(table->widths[column] - text_fit_columns(text, SIZE_MAX));
    if (columns[column].right)
        fprintf(out, "%*s", padding, "");
    if (colour)
        colour_begin(out, style, colour);
    fputs(text, out);
    if (colour)
        colour_end(out, style);
    fprintf(out, "%*s", (columns[column].right ? 0 : padding) + COLUMN_GAP, "");
}

static void print_headings(FILE *out, const struct summary_style *style, const struct table *table)
{
    for (size_t i = 0; i < N_COLUMNS; i++) {
        char cell[MAX_CELL];
        snprintf(cell, sizeof cell, "%s", columns[i].heading);
        print_cell(out, style, table, i, cell, FAINT);
    }
    colour_begin(out, style, FAINT);
    fputs("document", out);
    colour_end(out, style);
    fputc('\n', out);
}

static const char *state_colour(const struct summary_tab *tab)
{
    return tab->failed ? RED : tab->live ? GREEN : YELLOW;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* The whole name where there is room, else what the name ends in. Returns its width. */
static size_t format_document(char *out, size_t n_out, const char *document, size_t max_columns)
{
    text_escape(out, n_out, document, strlen(document));
    size_t width = text_fit_columns(out, SIZE_MAX);
    if (max_columns == 0 || width <= max_columns)
        return width;
    const char *name = base_name(document);
    text_escape(out, n_out, name, strlen(name));
    return text_fit_columns(out, max_columns);
}

/* The document, and what happened to it: beside it, or on a line of its own. */
static void print_document(FILE *out, const struct summary_style *style, const struct table *table,
                           const struct summary_tab *tab)
{
    char text[TEXT_MAX_CHARACTERS];
    size_t max_columns = table->document_columns;
    size_t width = format_document(text, sizeof text, tab->document ? tab->document : "", max_columns);
    fputs(text, out);
    if (tab->reason) {
        text_escape(text, sizeof text, tab->reason, strlen(tab->reason));
        bool beside = max_columns == 0 || width + 2 + text_fit_columns(text, SIZE_MAX) <= max_columns;
        size_t indent = table->widths[0] + COLUMN_GAP;
        if (!beside && style->columns > indent)
            text_fit_columns(text, style->columns - indent);
        if (beside)
            fprintf(out, ": %s", text);
        else
            fprintf(out, "\n%*s%s", (int)indent, "", text);
    }
    fputc('\n', out);
}

static void print_tab(FILE *out, const struct summary_style *style, const struct table *table,
                      const struct summary_tab *tab)
{
    for (size_t i = 0; i < N_COLUMNS; i++) {
        char cell[MAX_CELL];
        cell_format(i, cell, tab);
        print_cell(out, style, table, i, cell, columns[i].format == cell_state ? state_colour(tab) : NULL);
    }
    print_document(out, style, table, tab);
}

/* ---- the total ------------------------------------------------------------------------------------------ */

static int compare_ns(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* 0 where no tab ever showed a frame (or there is no memory to sort in). */
static uint64_t median_first_frame_ns(const struct summary_tab *tabs, size_t n_tabs)
{
    uint64_t *times_ns = calloc(n_tabs + 1, sizeof *times_ns);
    if (!times_ns)
        return 0;
    size_t n = 0;
    for (size_t i = 0; i < n_tabs; i++)
        if (tabs[i].first_frame_ns)
            times_ns[n++] = tabs[i].first_frame_ns;
    qsort(times_ns, n, sizeof *times_ns, compare_ns);
    uint64_t median_ns = n % 2 ? times_ns[n / 2] : n ? (times_ns[n / 2 - 1] + times_ns[n / 2]) / 2 : 0;
    free(times_ns);
    return median_ns;
}

static const char *plural(size_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

static void print_total(FILE *out, const struct summary_tab *tabs, size_t n_tabs, const struct summary_totals *totals)
{
    size_t n_live = 0, n_failed = 0, n_processes = 0;
    for (size_t i = 0; i < n_tabs; i++) {
        n_live += tabs[i].live;
        n_failed += tabs[i].failed;
        n_processes += tabs[i].pid != 0;
    }
    if (n_live == n_tabs)
        fprintf(out, "%zu %s live", n_tabs, plural(n_tabs, "tab", "tabs"));
    else
        fprintf(out, "%zu of %zu %s live", n_live, n_tabs, plural(n_tabs, "tab", "tabs"));
    fprintf(out, " in %zu %s", n_processes, plural(n_processes, "process", "processes"));
    if (n_failed)
        fprintf(out, ", %zu failed", n_failed);
    if (totals->level)
        fprintf(out, ", level %d", totals->level);

    char text[MAX_CELL];
    uint64_t median_ns = median_first_frame_ns(tabs, n_tabs);
    if (median_ns) {
        format_ms(text, median_ns, " ms");
        fprintf(out, ", first frame %s%s", text, n_tabs > 1 ? " median" : "");
    }
    if (totals->all_live_ns) {
        format_ms(text, totals->all_live_ns, " ms");
        fprintf(out, ", %s after %s", n_live == n_tabs ? "all" : "the last", text);
    }
    if (totals->pss_kb) {
        format_quantity(text, (double)totals->pss_kb / 1024, " MB");
        fprintf(out, ", %s together", text);
    }
    fputc('\n', out);
}

void summary_print(FILE *out, const struct summary_style *style, const struct summary_tab *tabs, size_t n_tabs,
                   const struct summary_totals *totals)
{
    struct table table;
    table_measure(&table, style, tabs, n_tabs);
    print_headings(out, style, &table);
    for (size_t i = 0; i < n_tabs; i++)
        print_tab(out, style, &table, &tabs[i]);
    print_total(out, tabs, n_tabs, totals);
}

/* ---- the sandbox ---------------------------------------------------------------------------------------- */

#define ADVICE_COLUMN 24

/* Words from ADVICE_COLUMN on, where the line is now; wrapped where the width is known and leaves room. */
static void print_advice(FILE *out, const struct summary_style *style, const char *advice)
{
    size_t column = ADVICE_COLUMN;
    bool wrap = style->columns >= 2 * ADVICE_COLUMN;
    while (*advice) {
        size_t n_word = strcspn(advice, " ");
        if (wrap && column > ADVICE_COLUMN && column + 1 + n_word > style->columns) {
            fprintf(out, "\n%*s", ADVICE_COLUMN, "");
            column = ADVICE_COLUMN;
        }
        column += (size_t)fprintf(out, "%s%.*s", column > ADVICE_COLUMN ? " " : "", (int)n_word, advice);
        advice += n_word;
        advice += strspn(advice, " ");
    }
}

static void print_layer(FILE *out, const struct summary_style *style, enum layer layer, bool holds, bool counts,
                        int error)
{
    fprintf(out, "  %-16s  ", layer_name(layer));
    colour_begin(out, style, holds ? GREEN : counts ? RED : YELLOW);
    fprintf(out, "%-3s", holds ? "yes" : "no");
    colour_end(out, style);
    if (!holds) {
        fputc(' ', out);
        print_advice(out, style, layer_advice(layer, error));
    }
    fputc('\n', out);
}

static void print_layers(FILE *out, const struct summary_style *style, const char *heading, uint32_t which,
                         uint32_t layers, const uint8_t *layer_errno)
{
    colour_begin(out, style, BOLD);
    fputs(heading, out);
    colour_end(out, style);
    fputc('\n', out);
    for (unsigned i = 0; i < LAYER_COUNT; i++)
        if (which & LAYER_BIT(i))
            print_layer(out, style, (enum layer)i, layers & LAYER_BIT(i), which == LAYERS_LEVEL_3, layer_errno[i]);
}

static const char *level_meaning(int level)
{
    switch (level) {
    case 3:
        return "every layer that counts holds";
    case 2:
        return "a renderer is filtered and limited, but has no namespaces and no empty root of its "
               "own";
    default:
        return "too little; the broker starts no renderer here";
    }
}

void summary_sandbox_status(FILE *out, const struct summary_style *style, uint32_t layers,
                            const uint8_t layer_errno[LAYER_COUNT])
{
    const uint32_t all = LAYER_BIT(LAYER_COUNT) - 1;
    print_layers(out, style, "layers", LAYERS_LEVEL_3, layers, layer_errno);
    print_layers(out, style, "extras, not counted", all & ~LAYERS_LEVEL_3, layers, layer_errno);
    int level = layers_level(layers);
    colour_begin(out, style, level == 3 ? GREEN : level == 2 ? YELLOW : RED);
    fprintf(out, "level %d", level);
    colour_end(out, style);
    fprintf(out, ": %s\n", level_meaning(level));
}

/* ---- progress ------------------------------------------------------------------------------------------- */

#define PROGRESS_INTERVAL_NS (100 * NS_PER_MS)
#define PROGRESS_MIN_TABS    9 /* fewer are there before anybody could read a line */

void summary_progress_init(struct summary_progress *progress, FILE *out, unsigned n_tabs)
{
    *progress = (struct summary_progress){.n_tabs = n_tabs};
    if (!is_terminal(out))
        return;
    progress->terminal = out;
    if (n_tabs >= PROGRESS_MIN_TABS)
        progress->out = out;
}

static bool is_time(struct summary_progress *progress, uint64_t now_ns)
{
    if (progress->shown && now_ns - progress->last_ns < PROGRESS_INTERVAL_NS)
        return false;
    progress->last_ns = now_ns;
    progress->shown = true;
    return true;
}

static void end_line(const struct summary_progress *progress)
{
    fputs("\033[K", progress->terminal);
    fflush(progress->terminal);
}

void summary_progress_update(struct summary_progress *progress, unsigned n_opened, unsigned n_failed, uint64_t now_ns)
{
    if (!progress->out || !is_time(progress, now_ns))
        return;
    fprintf(progress->out, "\ropened %u of %u", n_opened, progress->n_tabs);
    if (n_failed)
        fprintf(progress->out, ", %u failed", n_failed);
    end_line(progress);
}

void summary_progress_chaos(struct summary_progress *progress, unsigned n_faults, unsigned n_wrong, uint64_t elapsed_ns,
                            uint64_t now_ns)
{
    if (!progress->terminal || !is_time(progress, now_ns))
        return;
    fprintf(progress->terminal, "\r%.1f s: %u faults, %u told wrong", (double)elapsed_ns / (double)NS_PER_S, n_faults,
            n_wrong);
    end_line(progress);
}

void summary_progress_clear(struct summary_progress *progress)
{
    if (!progress->shown)
        return;
    fputs("\r", progress->terminal);
    end_line(progress);
    progress->shown = false;
}
