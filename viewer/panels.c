#include "viewer/panels.h"

#include <inttypes.h>
#include <stdio.h>

void panels_format_memory(char *out, size_t n_out, uint64_t kb)
{
    if (kb < 1024)
        snprintf(out, n_out, "%" PRIu64 " KB", kb);
    else if (kb < 10 * 1024)
        snprintf(out, n_out, "%" PRIu64 ".%" PRIu64 " MB", kb / 1024, kb % 1024 * 10 / 1024);
    else
        snprintf(out, n_out, "%" PRIu64 " MB", kb / 1024);
}

const char *panels_state_name(enum view_tab_state state)
{
    switch (state) {
    case VIEW_TAB_LOADING:
        return "loading";
    case VIEW_TAB_LIVE:
        return "live";
    case VIEW_TAB_RESTARTING:
        return "restarting";
    case VIEW_TAB_FAILED:
        return "failed";
    case VIEW_TAB_CLOSED:
        return "closed";
    }
    return "";
}

/* A column of a line. */
static struct rectangle column_of(struct rectangle line, int left, int width)
{
    return (struct rectangle){line.x + left, line.y, width, line.height};
}

static void draw_frame(const struct chrome *chrome, const struct surface *surface, const struct layout *layout,
                       const char *title, const char *way_out)
{
    const struct rectangle *panel = &layout->panel;
    int padding = layout_points(layout, 20);
    surface_shadow(surface, *panel, layout_points(layout, 10), layout_points(layout, 14), 120);
    surface_round(surface, *panel, layout_points(layout, 10), chrome->theme->panel);
    struct rectangle heading = {panel->x + padding, panel->y + layout_points(layout, 6), panel->width - 2 * padding,
                                layout_points(layout, 40)};
    int used = label_draw_right(chrome->labels, surface, heading, LABEL_SMALL, chrome->theme->faint, way_out);
    heading.width -= used + padding;
    label_draw(chrome->labels, surface, heading, LABEL_TITLE, chrome->theme->text, title);
}

/* ---- keys -------------------------------------------------------------------------------------------------- */

static const struct key {
    const char *keys; /* NULL: a heading */
    const char *meaning;
} keys[] = {
    {NULL, "Move"},
    {"↓ ↑ ← →   j k h l", "scroll"},
    {"Space   Page Down", "a screen on, then the next page"},
    {"Shift+Space   Page Up", "a screen back"},
    {"Shift+J   Shift+K", "next page, page before"},
    {"Home   End   g   G", "first page, last page"},
    {NULL, "Look"},
    {"Ctrl +   Ctrl −   Ctrl 0", "larger, smaller, as it was"},
    {"/   Ctrl+F", "search"},
    {"Enter   n   N", "next hit, hit before"},
    {"drag", "select text to copy"},
    {"Esc", "never mind"},
    {NULL, "Tabs"},
    {"Ctrl+Tab   Ctrl+Shift+Tab", "next tab, tab before"},
    {"Ctrl+1 … 8   Ctrl+9", "that tab, the last tab"},
    {"Ctrl+W", "close the tab"},
    {"Ctrl+R   F5", "load again"},
    {"drop a file", "open it in a new tab"},
    {NULL, "Processes"},
    {"F12", "process view"},
    {"Ctrl+Shift+C", "crash this tab, and see"},
    {"Enter   x   e", "try again, keep closed, show report"},
    {NULL, "Vitrine"},
    {"?   F1", "this list"},
    {"q   Ctrl+Q", "quit"},
};
#define N_KEYS         (sizeof keys / sizeof keys[0])
#define N_LEFT         12 /* in the left of two columns */
#define KEYS_LINE      26
#define KEYS_LINES     15 /* with gaps */
#define MEANING_COLUMN 0.44

static void draw_key(const struct chrome *chrome, const struct surface *surface, const struct layout *layout,
                     const struct key *key, struct rectangle line)
{
    if (!key->keys) {
        label_draw(chrome->labels, surface, line, LABEL_BOLD, chrome->theme->accent, key->meaning);
        return;
    }
    int meaning = (int)(line.width * MEANING_COLUMN), gap = layout_points(layout, 8);
    label_draw(chrome->labels, surface, column_of(line, 0, meaning - gap), LABEL_NORMAL, chrome->theme->text,
               key->keys);
    label_draw(chrome->labels, surface, column_of(line, meaning, line.width - meaning), LABEL_NORMAL,
               chrome->theme->faint, key->meaning);
}

static void draw_keys(const struct chrome *chrome, const struct surface *surface, const struct layout *layout)
{
    draw_frame(chrome, surface, layout, "Keys", "? or Esc closes this");
    struct rectangle area = rectangle_inset(layout->panel, layout_points(layout, 20));
    int gap = layout_points(layout, 28), top = layout->panel.y + layout_points(layout, 54);
    int room = (layout->panel.y + layout->panel.height - top) / KEYS_LINES;
    int height = layout_points(layout, KEYS_LINE);
    height = height < room ? height : room; /* a low window: closer */
    struct rectangle line = {area.x, top, (area.width - gap) / 2, height};
    for (size_t i = 0; i < N_KEYS; i++) {
        bool is_first = i == 0 || i == N_LEFT;
        if (i == N_LEFT) {
            line.x += line.width + gap;
            line.y = top;
        }
        if (!keys[i].keys && !is_first)
            line.y += height / 2;
        draw_key(chrome, surface, layout, &keys[i], line);
        line.y += height;
    }
}

/* ---- processes --------------------------------------------------------------------------------------------- */

#define MAX_CELL_BYTES 300

enum column {
    COLUMN_TAB,
    COLUMN_TITLE,
    COLUMN_STATE,
    COLUMN_KIND,
    COLUMN_PID,
    COLUMN_MEMORY,
    COLUMN_CPU,
    COLUMN_MESSAGES,
    COLUMN_VIOLATIONS,
    COLUMN_RESTARTS,
    COLUMN_CRASH,
    N_COLUMNS
};

static const struct {
    const char *title;
    double points; /* 0: shares what is left */
    bool at_right;
} columns[N_COLUMNS] = {
    [COLUMN_TAB] = {"Tab", 34, true},
    [COLUMN_TITLE] = {"Title", 0, false},
    [COLUMN_STATE] = {"State", 72, false},
    [COLUMN_KIND] = {"Kind", 78, false},
    [COLUMN_PID] = {"Process", 60, true},
    [COLUMN_MEMORY] = {"Memory", 66, true},
    [COLUMN_CPU] = {"CPU time", 68, true},
    [COLUMN_MESSAGES] = {"Messages", 70, true},
    [COLUMN_VIOLATIONS] = {"Violations", 70, true},
    [COLUMN_RESTARTS] = {"Restarts", 62, true},
    [COLUMN_CRASH] = {"Last crash", 0, false},
};

static void format_cell(char out[MAX_CELL_BYTES], enum column column, const struct view_tab *tab)
{
    out[0] = '\0';
    switch (column) {
    case COLUMN_TAB:
        snprintf(out, MAX_CELL_BYTES, "%u", tab->number);
        break;
    case COLUMN_TITLE:
        snprintf(out, MAX_CELL_BYTES, "%s", tab->title);
        break;
    case COLUMN_STATE:
        snprintf(out, MAX_CELL_BYTES, "%s", panels_state_name(tab->state));
        break;
    case COLUMN_KIND:
        snprintf(out, MAX_CELL_BYTES, "%s", tab->kind);
        break;
    case COLUMN_PID:
        if (tab->pid > 0)
            snprintf(out, MAX_CELL_BYTES, "%d", (int)tab->pid);
        break;
    case COLUMN_MEMORY:
        if (tab->memory_kb > 0)
            panels_format_memory(out, MAX_CELL_BYTES, tab->memory_kb);
        break;
    case COLUMN_CPU:
        snprintf(out, MAX_CELL_BYTES, "%" PRIu64 ".%02" PRIu64 " s", tab->cpu_ms / 1000, tab->cpu_ms % 1000 / 10);
        break;
    case COLUMN_MESSAGES:
        snprintf(out, MAX_CELL_BYTES, "%" PRIu64, tab->n_messages);
        break;
    case COLUMN_VIOLATIONS:
        snprintf(out, MAX_CELL_BYTES, "%u", tab->n_violations);
        break;
    case COLUMN_RESTARTS:
        snprintf(out, MAX_CELL_BYTES, "%u", tab->n_restarts);
        break;
    case COLUMN_CRASH:
        snprintf(out, MAX_CELL_BYTES, "%s", tab->last_crash);
        break;
    case N_COLUMNS:
        break;
    }
}

static uint32_t cell_colour(const struct theme *theme, enum column column, const struct view_tab *tab)
{
    switch (column) {
    case COLUMN_STATE:
        return tab->state == VIEW_TAB_LIVE     ? theme->good
               : tab->state == VIEW_TAB_FAILED ? theme->bad
               : tab->state == VIEW_TAB_CLOSED ? theme->faint
                                               : theme->busy;
    case COLUMN_TITLE:
        return theme->text;
    case COLUMN_VIOLATIONS:
        return tab->n_violations > 0 ? theme->bad : theme->faint;
    case COLUMN_RESTARTS:
        return tab->n_restarts > 0 ? theme->busy : theme->faint;
    default:
        return theme->faint;
    }
}

static int column_width(const struct layout *layout, enum column column)
{
    if (columns[column].points > 0)
        return layout_points(layout, columns[column].points);
    double fixed = 0;
    int n_shares = 0;
    for (enum column i = 0; i < N_COLUMNS; i++) {
        fixed += columns[i].points;
        n_shares += columns[i].points <= 0;
    }
    int left = layout->rows.width - layout_points(layout, fixed);
    return left > 0 ? left / n_shares : 0;
}

static void draw_cells(const struct chrome *chrome, const struct surface *surface, const struct layout *layout,
                       struct rectangle line, enum label_style style, const struct view_tab *tab)
{
    char text[MAX_CELL_BYTES];
    int left = 0, padding = layout_points(layout, 7);
    for (enum column i = 0; i < N_COLUMNS; i++) {
        int width = column_width(layout, i);
        struct rectangle cell = column_of(line, left + padding, width - 2 * padding);
        uint32_t rgb = tab ? cell_colour(chrome->theme, i, tab) : chrome->theme->faint;
        if (tab)
            format_cell(text, i, tab);
        else
            snprintf(text, sizeof text, "%s", columns[i].title);
        if (columns[i].at_right)
            label_draw_right(chrome->labels, surface, cell, style, rgb, text);
        else
            label_draw(chrome->labels, surface, cell, style, rgb, text);
        left += width;
    }
}

static void draw_sum(const struct chrome *chrome, const struct surface *surface, const struct view_model *model,
                     const struct layout *layout)
{
    uint64_t kb = 0;
    unsigned n_processes = 0, n_restarts = 0;
    for (unsigned i = 0; i < model->n_tabs; i++) {
        kb += model->tabs[i].memory_kb;
        n_processes += model->tabs[i].pid > 0;
        n_restarts += model->tabs[i].n_restarts;
    }
    char memory[32], text[160];
    panels_format_memory(memory, sizeof memory, kb);
    snprintf(text, sizeof text, "%u tab%s in %u process%s, %s together, %u restart%s", model->n_tabs,
             model->n_tabs == 1 ? "" : "s", n_processes, n_processes == 1 ? "" : "es", memory, n_restarts,
             n_restarts == 1 ? "" : "s");
    int padding = layout_points(layout, 20), height = layout_points(layout, 34);
    struct rectangle foot = {layout->panel.x + padding, layout->panel.y + layout->panel.height - height,
                             layout->panel.width - 2 * padding, height};
    label_draw(chrome->labels, surface, foot, LABEL_SMALL, chrome->theme->faint, text);
}

static void draw_processes(const struct chrome *chrome, const struct surface *surface, const struct view_model *model,
                           const struct layout *layout, const struct hand *hand)
{
    draw_frame(chrome, surface, layout, "Processes", "F12 or Esc closes this, a click shows the tab");
    struct rectangle line = {layout->rows.x, layout->rows.y - layout->row_px, layout->rows.width, layout->row_px};
    draw_cells(chrome, surface, layout, line, LABEL_SMALL, NULL);
    surface_fill(surface, (struct rectangle){line.x, line.y + line.height - 1, line.width, 1}, chrome->theme->button);
    for (unsigned i = layout->first_row; i < layout->first_row + layout->n_rows; i++) {
        line.y += layout->row_px;
        if (spot_is(&hand->over, PART_ROW, i) || i == model->active)
            surface_round(surface, rectangle_inset(line, 1), layout_points(layout, 5), chrome->theme->row_over);
        draw_cells(chrome, surface, layout, line, LABEL_NORMAL, &model->tabs[i]);
    }
    draw_sum(chrome, surface, model, layout);
}

void panels_draw(const struct chrome *chrome, const struct surface *surface, const struct view_model *model,
                 const struct layout *layout, const struct hand *hand)
{
    switch (model->overlay) {
    case OVERLAY_NONE:
        break;
    case OVERLAY_KEYS:
        draw_keys(chrome, surface, layout);
        break;
    case OVERLAY_PROCESSES:
        draw_processes(chrome, surface, model, layout, hand);
        break;
    }
}
