#include "viewer/views/terminal_lines.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"

static const struct cell_style plain = {0};
static const struct cell_style faint = {.attributes = CELL_FAINT};
static const struct cell_style bold = {.attributes = CELL_BOLD};
static const struct cell_style bar = {.attributes = CELL_REVERSE};
static const struct cell_style alert = {.foreground = COLOUR_RED, .attributes = CELL_BOLD};
static const struct cell_style asking = {.foreground = COLOUR_YELLOW, .attributes = CELL_BOLD};

static const struct {
    const char *word, *mark;
} states[] = {
    [VIEW_TAB_LOADING] = {"loading", "\xe2\x80\xa6"},
    [VIEW_TAB_LIVE] = {"live", ""},
    [VIEW_TAB_RESTARTING] = {"restarting", "~"},
    [VIEW_TAB_FAILED] = {"failed", "!"},
    [VIEW_TAB_CLOSED] = {"closed", "x"},
};

static const struct view_tab *active_tab(const struct view_model *model)
{
    return model->active < model->n_tabs ? &model->tabs[model->active] : NULL;
}

static void format_memory(char *out, size_t n_out, uint64_t memory_kb)
{
    double mb = (double)memory_kb / 1024;
    snprintf(out, n_out, mb < 9.95 ? "%.1f MB" : "%.0f MB", mb);
}

/* ---- the tab line ------------------------------------------------------------------------------------------ */

#define MIN_TAB_COLUMNS 10
#define MAX_TAB_COLUMNS 28

/* All tabs are as wide, whatever their titles, so that none moves when a title comes. */
struct tab_places {
    int width;
    unsigned first, n_shown;
};

static struct tab_places place_tabs(unsigned n_tabs, unsigned active, int columns)
{
    struct tab_places places = {.width = MAX_TAB_COLUMNS};
    if (n_tabs == 0 || columns <= 0)
        return places;
    if (n_tabs > (unsigned)columns / MIN_TAB_COLUMNS)
        places.width = MIN_TAB_COLUMNS;
    else if (columns / (int)n_tabs < places.width)
        places.width = columns / (int)n_tabs;
    places.n_shown = (unsigned)(columns / places.width);
    if (places.n_shown > n_tabs)
        places.n_shown = n_tabs;
    if (places.n_shown == 0)
        return places;
    unsigned n_before = places.n_shown / 2;
    places.first = active > n_before ? active - n_before : 0;
    if (places.first > n_tabs - places.n_shown)
        places.first = n_tabs - places.n_shown;
    return places;
}

int lines_tab_at(unsigned n_tabs, unsigned active, int columns, int column)
{
    struct tab_places places = place_tabs(n_tabs, active, columns);
    unsigned place = column >= 0 ? (unsigned)(column / places.width) : places.n_shown;
    return place < places.n_shown ? (int)(places.first + place) : -1;
}

static void draw_tab(struct grid *grid, const struct view_tab *tab, bool is_active, int column, int end_column)
{
    struct cell_style style = is_active ? bar : plain;
    bool is_bad = tab->state == VIEW_TAB_FAILED || tab->state == VIEW_TAB_RESTARTING;
    if (is_active)
        for (int i = column; i < end_column; i++)
            grid_put(grid, 0, i, end_column, " ", &style);
    char text[32];
    snprintf(text, sizeof text, " %u%s ", tab->number, states[tab->state].mark);
    if (is_bad && !is_active)
        style = alert;
    column = grid_put(grid, 0, column, end_column, text, &style);
    grid_put(grid, 0, column, end_column - 1, tab->title, &style);
}

static void draw_tabs(struct grid *grid, const struct view_model *model)
{
    struct tab_places places = place_tabs(model->n_tabs, model->active, grid->columns);
    for (unsigned i = 0; i < places.n_shown; i++) {
        unsigned index = places.first + i;
        int column = (int)i * places.width;
        draw_tab(grid, &model->tabs[index], index == model->active, column, column + places.width);
    }
    /* There are more: in the last cell on that side, which is a tab's own margin. */
    if (places.first > 0)
        grid_put(grid, 0, 0, 1, "<", &asking);
    if (places.first + places.n_shown < model->n_tabs)
        grid_put(grid, 0, grid->columns - 1, grid->columns, ">", &asking);
}

/* ---- the status line --------------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    enum view_action action;
} buttons[] = {
    {"[t] try again", ACTION_TRY_AGAIN},
    {"[c] keep closed", ACTION_KEEP_CLOSED},
    {"[s] show report", ACTION_SHOW_REPORT},
};
#define N_BUTTONS  (sizeof buttons / sizeof buttons[0])
#define BUTTON_GAP 2

bool lines_have_buttons(const struct view_model *model)
{
    const struct view_tab *tab = active_tab(model);
    return tab && tab->state == VIEW_TAB_FAILED && model->overlay == OVERLAY_NONE && !model->question[0] &&
           !model->is_searching;
}

enum view_action lines_button_at(int column)
{
    int first = 1;
    for (size_t i = 0; i < N_BUTTONS; i++) {
        int end = first + (int)strlen(buttons[i].text);
        if (column >= first && column < end)
            return buttons[i].action;
        first = end + BUTTON_GAP;
    }
    return ACTION_NONE;
}

static int put_buttons(struct grid *grid, int row)
{
    int column = 1;
    for (size_t i = 0; i < N_BUTTONS; i++)
        column = grid_put(grid, row, column, grid->columns, buttons[i].text, &bold) + BUTTON_GAP;
    return column;
}

/* The active tab's facts, the most wanted first: what does not fit is cut. */
static void format_facts(char *out, size_t n_out, const struct view_model *model)
{
    const struct view_tab *tab = active_tab(model);
    if (!tab) {
        snprintf(out, n_out, "no tabs");
        return;
    }
    char page[48] = "", memory[32] = "", frame[48] = "", layers[48] = "";
    if (tab->n_pages)
        snprintf(page, sizeof page, "  page %u of %u", tab->page + 1, tab->n_pages);
    if (tab->memory_kb)
        format_memory(memory, sizeof memory, tab->memory_kb);
    if (tab->n_layers_wanted)
        snprintf(layers, sizeof layers, "  layers %u/%u", tab->n_layers, tab->n_layers_wanted);
    if (tab->first_frame_ns)
        snprintf(frame, sizeof frame, "  first frame %.1f ms", (double)tab->first_frame_ns / (double)NS_PER_MS);
    bool is_live = tab->state == VIEW_TAB_LIVE;
    snprintf(out, n_out, "%s%s%s  %.0f%%%s%s%s%s", is_live ? tab->kind : states[tab->state].word, page,
             is_live && !tab->kind[0] ? "live" : "", model->zoom * 100, layers, frame, memory[0] ? "  " : "", memory);
}

static int put_search(struct grid *grid, int row, const struct view_model *model)
{
    char hits[64] = "";
    if (model->n_hits)
        snprintf(hits, sizeof hits, "  %u of %u", model->hit + 1, model->n_hits);
    int column = grid_put(grid, row, 0, grid->columns, "/", &bold);
    /* The end of what is typed is what counts. */
    const char *typed = model->typed;
    char copy[VIEW_MAX_TYPED];
    for (int room = grid->columns - 20; *typed; typed++) {
        snprintf(copy, sizeof copy, "%s", typed);
        bool is_start = ((uint8_t)*typed & 0xc0) != 0x80;
        if (is_start && (int)text_fit_columns(copy, SIZE_MAX) <= (room > 1 ? room : 1))
            break;
    }
    column = grid_put(grid, row, column, grid->columns, typed, &plain);
    column = grid_put(grid, row, column, grid->columns, " ", &bar);
    column = grid_put(grid, row, column, grid->columns, hits, &faint);
    if (model->status[0])
        column = grid_put(grid, row, column + 2, grid->columns, model->status, &asking);
    return column;
}

static void draw_status(struct grid *grid, const struct view_model *model)
{
    static const char hint[] = "? keys  q quit";
    int row = grid->rows - 1, column;
    if (model->question[0]) {
        column = grid_put(grid, row, 0, grid->columns - 10, model->question, &asking);
        column = grid_put(grid, row, column, grid->columns, "  [y] [n]", &bold);
    } else if (model->is_searching) {
        column = put_search(grid, row, model);
    } else if (model->status[0]) {
        column = grid_put(grid, row, 0, grid->columns, model->status, &asking);
    } else if (lines_have_buttons(model)) {
        column = put_buttons(grid, row);
    } else {
        char text[VIEW_MAX_STATUS];
        format_facts(text, sizeof text, model);
        column = grid_put(grid, row, 0, grid->columns, text, &plain);
    }
    int hint_column = grid->columns - (int)strlen(hint);
    if (column + 2 <= hint_column)
        grid_put(grid, row, hint_column, grid->columns, hint, &faint);
}

/* ---- over the page ----------------------------------------------------------------------------------------- */

static const struct {
    const char *keys, *meaning;
} key_lines[] = {
    {"arrows, h j k l", "scroll; the wheel does too"},
    {"PgUp PgDn", "a page back, a page on"},
    {"Space b", "a screen on, a screen back"},
    {"Home End, gg G", "first page, last page"},
    {"+ - 0", "zoom in, out, back"},
    {"Tab Shift-Tab, gt gT", "next tab, tab before"},
    {"Alt+1 ... Alt+9", "that tab (9: the last one)"},
    {"/ or Ctrl+F, n N", "search, next hit, hit before"},
    {"r", "load again"},
    {"w", "close the tab"},
    {"p or F12", "processes"},
    {"X", "make this tab crash, to see what happens"},
    {"t c s", "crashed tab: try again, keep closed, show report"},
    {"Esc", "leaves a search, a question, this list"},
    {"? or F1", "this list"},
    {"q", "quit"},
    {"", "Shift with the mouse selects text as the terminal does"},
};
#define N_KEY_LINES ((int)(sizeof key_lines / sizeof key_lines[0]))

static void draw_keys(struct grid *grid, int row, int n_rows)
{
    const int keys_columns = 22;
    for (int i = 0; i < N_KEY_LINES && i < n_rows; i++) {
        int column = grid_put(grid, row + i, 1, grid->columns, key_lines[i].keys, &bold);
        column = column > keys_columns ? column + 1 : keys_columns;
        grid_put(grid, row + i, column + 1, grid->columns, key_lines[i].meaning, &plain);
    }
}

/* One line of the process view: of a tab, or with tab NULL the heading. The right end is cut where it is narrow. */
static void format_process(char *out, size_t n_out, const struct view_tab *tab)
{
    if (!tab) {
        snprintf(out, n_out, "%4s  %-10s  %-8s %8s %9s %9s %9s %6s %8s  %s", "tab", "state", "kind", "pid", "cpu",
                 "memory", "messages", "denied", "restarts", "title");
        return;
    }
    char cpu[32], memory[32];
    snprintf(cpu, sizeof cpu, "%.2f s", (double)tab->cpu_ms / 1000);
    format_memory(memory, sizeof memory, tab->memory_kb);
    snprintf(out, n_out, "%4u  %-10s  %-8s %8ld %9s %9s %9llu %6u %8u  %s", tab->number, states[tab->state].word,
             tab->kind, (long)tab->pid, cpu, memory, (unsigned long long)tab->n_messages, tab->n_violations,
             tab->n_restarts, tab->last_crash[0] ? tab->last_crash : tab->title);
}

static void draw_processes(struct grid *grid, const struct view_model *model, int row, int n_rows)
{
    char text[256 + VIEW_MAX_STATUS];
    format_process(text, sizeof text, NULL);
    grid_put(grid, row, 0, grid->columns, text, &faint);
    unsigned n_shown = n_rows > 1 ? (unsigned)n_rows - 1 : 0;
    unsigned first = model->active >= n_shown ? model->active - n_shown + 1 : 0;
    for (unsigned i = 0; i < n_shown && first + i < model->n_tabs; i++) {
        const struct view_tab *tab = &model->tabs[first + i];
        format_process(text, sizeof text, tab);
        grid_put(grid, row + 1 + (int)i, 0, grid->columns, text,
                 first + i == model->active          ? &bar
                 : tab->state == VIEW_TAB_FAILED     ? &alert
                 : tab->state == VIEW_TAB_RESTARTING ? &asking
                                                     : &plain);
    }
}

static void draw_centred(struct grid *grid, int row, const char *text, const struct cell_style *style)
{
    char copy[VIEW_MAX_STATUS];
    snprintf(copy, sizeof copy, "%s", text);
    int width = (int)text_fit_columns(copy, (size_t)grid->columns);
    grid_put(grid, row, (grid->columns - width) / 2, grid->columns, copy, style);
}

/* There is no picture. */
static void draw_no_picture(struct grid *grid, const struct view_model *model)
{
    const struct view_tab *tab = active_tab(model);
    if (!tab)
        return;
    draw_centred(grid, grid->rows / 2, tab->state == VIEW_TAB_LIVE ? "waiting for the page" : states[tab->state].word,
                 &faint);
    if (tab->last_crash[0] && grid->rows / 2 + 1 < grid->rows - 1)
        draw_centred(grid, grid->rows / 2 + 1, tab->last_crash, &alert);
}

/* ---- together ---------------------------------------------------------------------------------------------- */

bool lines_draw(struct grid *grid, const struct view_model *model)
{
    int n_page_rows = grid->rows - LINES_N_OTHER_ROWS;
    grid_fill(grid, 0, 1, ' ');
    grid_fill(grid, grid->rows - 1, 1, ' ');
    draw_tabs(grid, model);
    draw_status(grid, model);
    if (model->overlay == OVERLAY_NONE && model->picture.pixels)
        return true;

    grid_fill(grid, LINES_FIRST_PAGE_ROW, n_page_rows, ' ');
    switch (model->overlay) {
    case OVERLAY_NONE:
        draw_no_picture(grid, model);
        break;
    case OVERLAY_KEYS:
        draw_keys(grid, LINES_FIRST_PAGE_ROW, n_page_rows);
        break;
    case OVERLAY_PROCESSES:
        draw_processes(grid, model, LINES_FIRST_PAGE_ROW, n_page_rows);
        break;
    }
    return false;
}

void lines_draw_too_small(struct grid *grid)
{
    static const char *const words[] = {"A terminal of", "20 x 5 or more,", "please.", "q: quit"};
    grid_fill(grid, 0, grid->rows, ' ');
    for (int i = 0; i < 4 && i < grid->rows; i++)
        grid_put(grid, i, 0, grid->columns, words[i], &plain);
}
