#include "viewer/layout.h"

#include <math.h>

/* In points. */
#define STRIP_HEIGHT    48
#define STATUS_HEIGHT   26
#define BAR_HEIGHT      46
#define TAB_MAX         250
#define TAB_MIN         104
#define TAB_WITH_CLOSE  96
#define TAB_CLOSE_SIZE  18
#define TAB_PADDING     9
#define MORE_WIDTH      92
#define BUTTON_HEIGHT   30
#define BUTTON_WIDTH    118
#define BUTTON_GAP      10
#define BUTTONS_ABOVE   24 /* the page's lower edge */
#define SCROLLBAR_WIDTH 10
#define THUMB_MIN       32
#define PANEL_MARGIN    28
#define KEYS_WIDTH      880
#define KEYS_HEIGHT     448
#define PROCESSES_WIDTH 1180
#define PANEL_HEADING   48
#define ROW_HEIGHT      28

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

int layout_points(const struct layout *layout, double points)
{
    return (int)lround(points * layout->scale);
}

bool spot_is(const struct spot *spot, enum part part, unsigned index)
{
    return spot->part == part && spot->index == index;
}

/* ---- tabs -------------------------------------------------------------------------------------------------- */

/* The active one is always among those shown, in the middle where it can be. */
static void place_tabs(struct layout *layout, const struct view_model *model)
{
    int room = layout->strip.width - 2 * layout_points(layout, 6);
    int least = layout_points(layout, TAB_MIN);
    layout->n_shown_tabs = model->n_tabs;
    if (model->n_tabs == 0)
        return;
    if ((int64_t)least * model->n_tabs > room) {
        int more = smaller(layout_points(layout, MORE_WIDTH), room / 2);
        room -= more;
        layout->more = (struct rectangle){layout->strip.width - more, 0, more, layout->strip.height};
        layout->n_shown_tabs = (unsigned)larger(room / least, 1);
        unsigned half = layout->n_shown_tabs / 2, last = model->n_tabs - layout->n_shown_tabs;
        layout->first_tab = model->active < half ? 0 : model->active - half;
        layout->first_tab = layout->first_tab > last ? last : layout->first_tab;
    }
    layout->tab_px = smaller(room / (int)layout->n_shown_tabs, layout_points(layout, TAB_MAX));
}

struct rectangle layout_tab(const struct layout *layout, unsigned index)
{
    if (index < layout->first_tab || index - layout->first_tab >= layout->n_shown_tabs)
        return (struct rectangle){0};
    int top = layout_points(layout, 6);
    return (struct rectangle){layout_points(layout, 6) + (int)(index - layout->first_tab) * layout->tab_px, top,
                              layout->tab_px, layout->strip.height - top};
}

struct rectangle layout_close(const struct layout *layout, unsigned index, bool is_active)
{
    struct rectangle tab = layout_tab(layout, index);
    int size = layout_points(layout, TAB_CLOSE_SIZE), padding = layout_points(layout, TAB_PADDING);
    if (tab.width < layout_points(layout, is_active ? TAB_MIN : TAB_WITH_CLOSE))
        return (struct rectangle){0};
    return (struct rectangle){tab.x + tab.width - size - padding, tab.y + (tab.height - size) / 2, size, size};
}

/* ---- what lies over the page ------------------------------------------------------------------------------- */

static void add_button(struct layout *layout, const char *text, enum view_action action, int by, bool is_main)
{
    layout->buttons[layout->n_buttons++] =
        (struct button){.text = text, .action = action, .by = by, .is_main = is_main};
}

/* In a row that ends at right, in the middle of the height of area. */
static void place_buttons(struct layout *layout, struct rectangle area, int width_px, int right)
{
    int gap = layout_points(layout, BUTTON_GAP);
    int height = smaller(layout_points(layout, BUTTON_HEIGHT), area.height);
    for (size_t i = layout->n_buttons; i-- > 0;) {
        right -= width_px;
        layout->buttons[i].area = (struct rectangle){right, area.y + (area.height - height) / 2, width_px, height};
        right -= gap;
    }
}

static void place_bar(struct layout *layout)
{
    int height = smaller(layout_points(layout, BAR_HEIGHT), layout->page.height);
    layout->bar = (struct rectangle){0, layout->page.y + layout->page.height - height, layout->page.width, height};
}

static bool has_crash_page(const struct view_model *model)
{
    if (model->active >= model->n_tabs)
        return false;
    enum view_tab_state state = model->tabs[model->active].state;
    return state == VIEW_TAB_FAILED || state == VIEW_TAB_RESTARTING;
}

static void place_crash_buttons(struct layout *layout)
{
    add_button(layout, "Try again", ACTION_TRY_AGAIN, 0, true);
    add_button(layout, "Keep closed", ACTION_KEEP_CLOSED, 0, false);
    add_button(layout, "Show report", ACTION_SHOW_REPORT, 0, false);
    int gap = layout_points(layout, BUTTON_GAP), width = layout_points(layout, BUTTON_WIDTH);
    width = larger(smaller(width, (layout->page.width - 4 * gap) / 3), 1);
    int height = layout_points(layout, BUTTON_HEIGHT), above = layout_points(layout, BUTTONS_ABOVE);
    struct rectangle row = {0, layout->page.y + layout->page.height - above - height, layout->page.width, height};
    place_buttons(layout, row, width, (layout->page.width + 3 * width + 2 * gap) / 2);
}

static void place_over_page(struct layout *layout, const struct view_model *model)
{
    int margin = layout_points(layout, 12);
    if (model->question[0]) {
        place_bar(layout);
        add_button(layout, "Yes (y)", ACTION_YES, 0, false);
        add_button(layout, "No (n)", ACTION_NO, 0, true);
        place_buttons(layout, layout->bar, layout_points(layout, 76), layout->bar.width - margin);
    } else if (model->is_searching) {
        place_bar(layout);
        add_button(layout, "↑", ACTION_NEXT_HIT, -1, false);
        add_button(layout, "↓", ACTION_NEXT_HIT, 1, false);
        add_button(layout, "×", ACTION_CANCEL, 0, false);
        place_buttons(layout, layout->bar, layout_points(layout, BUTTON_HEIGHT), layout->bar.width - margin);
    } else if (has_crash_page(model) && model->overlay == OVERLAY_NONE) {
        place_crash_buttons(layout);
    }
}

static void place_rows(struct layout *layout, const struct view_model *model)
{
    int heading = layout_points(layout, PANEL_HEADING), foot = layout_points(layout, ROW_HEIGHT + 12);
    layout->row_px = layout_points(layout, ROW_HEIGHT);
    layout->rows = rectangle_inset(layout->panel, layout_points(layout, 14));
    layout->rows.y = layout->panel.y + heading + layout->row_px; /* the columns' titles */
    layout->rows.height = larger(layout->panel.y + layout->panel.height - foot - layout->rows.y, 0);
    unsigned room = (unsigned)(layout->rows.height / layout->row_px);
    layout->n_rows = room < model->n_tabs ? room : model->n_tabs;
    unsigned half = layout->n_rows / 2, last = model->n_tabs - layout->n_rows;
    layout->first_row = model->active < half ? 0 : model->active - half;
    layout->first_row = layout->first_row > last ? last : layout->first_row;
}

static void place_panel(struct layout *layout, const struct view_model *model)
{
    if (model->overlay == OVERLAY_NONE)
        return;
    bool is_keys = model->overlay == OVERLAY_KEYS;
    struct rectangle room = rectangle_inset(layout->page, layout_points(layout, PANEL_MARGIN));
    int64_t rows =
        (int64_t)layout_points(layout, ROW_HEIGHT) * (model->n_tabs + 2) + layout_points(layout, PANEL_HEADING + 12);
    int wanted = is_keys ? layout_points(layout, KEYS_HEIGHT) : (int)(rows < room.height ? rows : room.height);
    int width = smaller(room.width, layout_points(layout, is_keys ? KEYS_WIDTH : PROCESSES_WIDTH));
    int height = smaller(room.height, wanted);
    layout->panel =
        (struct rectangle){room.x + (room.width - width) / 2, room.y + (room.height - height) / 3, width, height};
    if (!is_keys)
        place_rows(layout, model);
}

/* ---- the page ---------------------------------------------------------------------------------------------- */

struct rectangle layout_paper(const struct layout *layout, const struct view_model *model)
{
    const struct rectangle *page = &layout->page;
    struct rectangle paper = {page->x - model->x_px, page->y - model->y_px, model->page_width_px,
                              model->page_height_px};
    if (paper.width > 0 && paper.width <= page->width)
        paper.x = page->x + (page->width - paper.width) / 2;
    if (paper.height > 0 && paper.height <= page->height)
        paper.y = page->y + (page->height - paper.height) / 2;
    return paper;
}

double layout_picture(const struct layout *layout, const struct view_model *model, double *ret_x, double *ret_y)
{
    const struct view_picture *picture = &model->picture;
    double scale = picture->zoom > 0 && model->zoom > 0 ? model->zoom / picture->zoom : 1;
    struct rectangle paper = layout_paper(layout, model);
    *ret_x = paper.x + picture->x_px * scale;
    *ret_y = paper.y + picture->y_px * scale;
    return scale;
}

static void place_scrollbar(struct layout *layout, const struct view_model *model)
{
    const struct rectangle *page = &layout->page;
    if (model->page_height_px <= page->height || page->height <= 0)
        return;
    int width = layout_points(layout, SCROLLBAR_WIDTH);
    layout->track = (struct rectangle){page->x + page->width - width, page->y, width, page->height};
    double share = (double)page->height / model->page_height_px;
    int height = larger((int)(share * page->height), smaller(layout_points(layout, THUMB_MIN), page->height));
    double down = (double)model->y_px / (model->page_height_px - page->height);
    down = fmin(fmax(down, 0), 1);
    layout->thumb = layout->track;
    layout->thumb.y += (int)lround(down * (page->height - height));
    layout->thumb.height = height;
}

void layout_compute(struct layout *layout, const struct view_model *model, int width_px, int height_px, double scale)
{
    *layout = (struct layout){.width_px = width_px, .height_px = height_px, .scale = scale};
    int strip = smaller(layout_points(layout, STRIP_HEIGHT), height_px);
    int status = smaller(layout_points(layout, STATUS_HEIGHT), height_px - strip);
    layout->strip = (struct rectangle){0, 0, width_px, strip};
    layout->page = (struct rectangle){0, strip, width_px, height_px - strip - status};
    layout->status = (struct rectangle){0, height_px - status, width_px, status};
    if (!model)
        return;
    place_tabs(layout, model);
    place_over_page(layout, model);
    place_panel(layout, model);
    place_scrollbar(layout, model);
}

/* ---- what is there ----------------------------------------------------------------------------------------- */

static struct spot find_in_strip(const struct layout *layout, const struct view_model *model, int x, int y)
{
    for (unsigned i = layout->first_tab; i < layout->first_tab + layout->n_shown_tabs; i++) {
        struct rectangle tab = layout_tab(layout, i), close = layout_close(layout, i, i == model->active);
        tab.y = 0; /* what is at the screen's edge is easy to hit */
        tab.height = layout->strip.height;
        if (rectangle_has(&close, x, y))
            return (struct spot){PART_CLOSE, i};
        if (rectangle_has(&tab, x, y))
            return (struct spot){PART_TAB, i};
    }
    return (struct spot){PART_NONE, 0};
}

struct spot layout_find(const struct layout *layout, const struct view_model *model, int x, int y)
{
    if (rectangle_has(&layout->strip, x, y))
        return find_in_strip(layout, model, x, y);
    for (size_t i = 0; i < layout->n_buttons; i++)
        if (rectangle_has(&layout->buttons[i].area, x, y))
            return (struct spot){PART_BUTTON, (unsigned)i};
    if (rectangle_has(&layout->bar, x, y))
        return (struct spot){PART_NONE, 0};
    if (rectangle_has(&layout->panel, x, y)) {
        unsigned row = layout->row_px > 0 && y >= layout->rows.y ? (unsigned)((y - layout->rows.y) / layout->row_px)
                                                                 : layout->n_rows;
        return row < layout->n_rows ? (struct spot){PART_ROW, layout->first_row + row} : (struct spot){PART_PANEL, 0};
    }
    if (rectangle_has(&layout->track, x, y))
        return (struct spot){PART_SCROLLBAR, 0};
    if (rectangle_has(&layout->page, x, y))
        return (struct spot){PART_PAGE, 0};
    return (struct spot){PART_NONE, 0};
}
