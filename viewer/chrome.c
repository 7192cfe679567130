#include "viewer/chrome.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "viewer/page.h"
#include "viewer/panels.h"

/* ---- what is on the screen already ------------------------------------------------------------------------- */

/* FNV-1a: not against an adversary, who would only keep its own picture from being renewed. */
static void add_bytes(uint64_t *digest, const void *bytes, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        *digest = (*digest ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3ull;
}

static void add_number(uint64_t *digest, uint64_t number)
{
    add_bytes(digest, &number, sizeof number);
}

static void add_text(uint64_t *digest, const char *text)
{
    add_bytes(digest, text, strlen(text) + 1);
}

static void add_rectangle(uint64_t *digest, const struct rectangle *rectangle)
{
    add_bytes(digest, rectangle, sizeof *rectangle);
}

static void add_tab(uint64_t *digest, const struct view_tab *tab)
{
    add_number(digest, tab->number);
    add_number(digest, tab->state);
    add_number(digest, tab->memory_kb);
    add_text(digest, tab->title);
    add_text(digest, tab->kind);
}

static void add_process(uint64_t *digest, const struct view_tab *tab)
{
    add_tab(digest, tab);
    add_number(digest, (uint64_t)tab->pid);
    add_number(digest, tab->cpu_ms);
    add_number(digest, tab->n_messages);
    add_number(digest, tab->n_violations);
    add_number(digest, tab->n_restarts);
    add_text(digest, tab->last_crash);
}

static void add_strip(uint64_t *digest, const struct view_model *model, const struct layout *layout)
{
    add_number(digest, model->n_tabs);
    add_number(digest, model->active);
    for (unsigned i = layout->first_tab; i < layout->first_tab + layout->n_shown_tabs; i++)
        add_tab(digest, &model->tabs[i]);
}

static void add_picture(uint64_t *digest, const struct view_model *model, const struct layout *layout)
{
    const struct view_picture *picture = &model->picture;
    double place[3];
    place[0] = layout_picture(layout, model, &place[1], &place[2]);
    add_bytes(digest, place, sizeof place);
    add_number(digest, (uintptr_t)picture->pixels);
    add_number(digest, picture->serial);
    add_number(digest, (uint64_t)picture->width_px << 32 | (uint32_t)picture->height_px);
    struct rectangle paper = layout_paper(layout, model);
    add_rectangle(digest, &paper);
}

static void add_page(uint64_t *digest, const struct view_model *model, const struct layout *layout,
                     const struct hand *hand)
{
    add_picture(digest, model, layout);
    add_number(digest, model->active < model->n_tabs ? model->tabs[model->active].state + 1 : 0);
    add_rectangle(digest, &hand->selection);
    add_rectangle(digest, &layout->thumb);
    add_number(digest, layout->n_buttons);
    add_text(digest, model->question);
    add_number(digest, model->is_searching);
    if (model->is_searching) {
        add_text(digest, model->typed);
        add_number(digest, hand->is_typing);
        add_number(digest, (uint64_t)model->n_hits << 32 | model->hit);
    }
    add_number(digest, model->overlay);
    if (model->overlay == OVERLAY_PROCESSES) {
        add_number(digest, model->active);
        for (unsigned i = 0; i < model->n_tabs; i++)
            add_process(digest, &model->tabs[i]);
    }
}

static void add_status(uint64_t *digest, const struct view_model *model)
{
    add_text(digest, model->status);
    if (model->active >= model->n_tabs)
        return;
    const struct view_tab *tab = &model->tabs[model->active];
    add_number(digest, tab->state);
    add_number(digest, (uint64_t)tab->page << 32 | tab->n_pages);
    add_number(digest, (uint64_t)tab->n_layers << 32 | tab->n_layers_wanted);
    add_number(digest, tab->first_frame_ns);
    add_bytes(digest, &model->zoom, sizeof model->zoom);
}

/* Of what is over this region, and only of that: the pointer on the page does not change a tab. */
static void add_pointer(uint64_t *digest, enum chrome_region region, const struct spot *over)
{
    bool is_in_strip = over->part == PART_TAB || over->part == PART_CLOSE;
    bool is_on_page = over->part == PART_BUTTON || over->part == PART_ROW || over->part == PART_SCROLLBAR;
    if ((region == REGION_STRIP && is_in_strip) || (region == REGION_PAGE && is_on_page))
        add_number(digest, (uint64_t)over->part << 32 | over->index);
}

uint64_t chrome_digest(enum chrome_region region, const struct view_model *model, const struct layout *layout,
                       const struct hand *hand)
{
    uint64_t digest = 0xcbf29ce484222325ull;
    add_number(&digest, (uint64_t)layout->width_px << 32 | (uint32_t)layout->height_px);
    add_bytes(&digest, &layout->scale, sizeof layout->scale);
    add_pointer(&digest, region, &hand->over);
    switch (region) {
    case REGION_STRIP:
        add_strip(&digest, model, layout);
        break;
    case REGION_PAGE:
        add_page(&digest, model, layout, hand);
        break;
    case REGION_STATUS:
        add_status(&digest, model);
        break;
    case REGION_COUNT:
        break;
    }
    return digest;
}

struct rectangle chrome_area(enum chrome_region region, const struct layout *layout)
{
    switch (region) {
    case REGION_STRIP:
        return layout->strip;
    case REGION_PAGE:
        return layout->page;
    case REGION_STATUS:
        return layout->status;
    case REGION_COUNT:
        break;
    }
    return (struct rectangle){0};
}

/* ---- tabs -------------------------------------------------------------------------------------------------- */

/* A state by its colour and by its shape, for those who cannot tell the colours apart. */
static void draw_mark(const struct chrome *chrome, const struct surface *surface, struct rectangle area,
                      enum view_tab_state state)
{
    const struct theme *theme = chrome->theme;
    double left = area.x, top = area.y, size = area.width, middle = area.x + size / 2;
    switch (state) {
    case VIEW_TAB_LIVE:
        surface_round(surface, area, size / 2, theme->good);
        break;
    case VIEW_TAB_LOADING:
        surface_ring(surface, area, size / 2, size / 5, theme->accent);
        break;
    case VIEW_TAB_RESTARTING:
        surface_ring(surface, area, size / 2, size / 4, theme->busy);
        surface_stroke(surface, middle, top + size / 2, middle, top, size / 4, theme->busy);
        break;
    case VIEW_TAB_FAILED:
        surface_stroke(surface, left + 1, top + 1, left + size - 1, top + size - 1, size / 4, theme->bad);
        surface_stroke(surface, left + size - 1, top + 1, left + 1, top + size - 1, size / 4, theme->bad);
        break;
    case VIEW_TAB_CLOSED:
        surface_ring(surface, area, size / 2, size / 8, theme->faint);
        break;
    }
}

static void draw_close(const struct chrome *chrome, const struct surface *surface, const struct layout *layout,
                       struct rectangle area, bool is_over)
{
    if (area.width == 0)
        return;
    if (is_over)
        surface_round(surface, area, area.width / 2.0, chrome->theme->button_over);
    double inset = area.width * 0.31, px = 1.4 * layout->scale;
    double left = area.x + inset, right = area.x + area.width - inset;
    double top = area.y + inset, bottom = area.y + area.height - inset;
    uint32_t rgb = is_over ? chrome->theme->text : chrome->theme->faint;
    surface_stroke(surface, left, top, right, bottom, px, rgb);
    surface_stroke(surface, right, top, left, bottom, px, rgb);
}

/* "pdf · 6.1 MB" */
static void format_facts(char *out, size_t n_out, const struct view_tab *tab)
{
    char memory[32] = "";
    if (tab->memory_kb > 0)
        panels_format_memory(memory, sizeof memory, tab->memory_kb);
    snprintf(out, n_out, "%s%s%s", tab->kind, tab->kind[0] && memory[0] ? " · " : "", memory);
}

static void draw_tab_back(const struct surface *surface, const struct layout *layout, struct rectangle area,
                          uint32_t rgb)
{
    struct surface strip = surface_part(surface, layout->strip);
    int radius = layout_points(layout, 8);
    /* The lower corners are below the strip. */
    surface_round(&strip, (struct rectangle){area.x, area.y, area.width, area.height + radius}, radius, rgb);
}

/* Two lines, right of the mark: so all is there in a row of many tabs, too. */
static void draw_tab_text(const struct chrome *chrome, const struct surface *surface, const struct layout *layout,
                          const struct view_tab *tab, struct rectangle area, int right, bool is_active)
{
    const struct theme *theme = chrome->theme;
    int padding = layout_points(layout, 11), gap = layout_points(layout, 8), size = layout_points(layout, 10);
    int title = label_height(chrome->labels, LABEL_NORMAL), facts = label_height(chrome->labels, LABEL_SMALL);
    int top = area.y + (area.height - title - facts) / 2;
    draw_mark(chrome, surface, (struct rectangle){area.x + padding, top + (title - size) / 2, size, size}, tab->state);

    char text[64];
    int left = area.x + padding + size + gap, width = right - left - layout_points(layout, 4);
    format_facts(text, sizeof text, tab);
    if (label_width(chrome->labels, LABEL_SMALL, text) > width) /* half a number would be wrong */
        snprintf(text, sizeof text, "%s", tab->kind);
    label_draw(chrome->labels, surface, (struct rectangle){left, top, width, title}, LABEL_NORMAL,
               is_active ? theme->text : theme->faint, tab->title);
    label_draw(chrome->labels, surface, (struct rectangle){left, top + title, width, facts}, LABEL_SMALL, theme->faint,
               text);
}

static void draw_tab(const struct chrome *chrome, const struct surface *surface, const struct view_model *model,
                     const struct layout *layout, const struct hand *hand, unsigned index)
{
    const struct theme *theme = chrome->theme;
    const struct view_tab *tab = &model->tabs[index];
    bool is_active = index == model->active;
    struct rectangle area = layout_tab(layout, index), close = layout_close(layout, index, is_active);
    bool is_over = spot_is(&hand->over, PART_TAB, index) || spot_is(&hand->over, PART_CLOSE, index);
    if (is_active || is_over)
        draw_tab_back(surface, layout, area, is_active ? theme->desk : theme->tab_over);
    else if (index + 1 != model->active)
        surface_fill(surface, (struct rectangle){area.x + area.width - 1, area.y + area.height / 4, 1, area.height / 2},
                     theme->button);

    bool has_close = is_active || is_over;
    if (has_close)
        draw_close(chrome, surface, layout, close, spot_is(&hand->over, PART_CLOSE, index));
    draw_tab_text(chrome, surface, layout, tab, area, has_close && close.width > 0 ? close.x : area.x + area.width,
                  is_active);
}

static void draw_strip(const struct chrome *chrome, const struct surface *surface, const struct view_model *model,
                       const struct layout *layout, const struct hand *hand)
{
    surface_fill(surface, layout->strip, chrome->theme->strip);
    for (unsigned i = layout->first_tab; i < layout->first_tab + layout->n_shown_tabs; i++)
        draw_tab(chrome, surface, model, layout, hand, i);
    if (layout->more.width > 0) {
        char text[64];
        snprintf(text, sizeof text, "%u–%u of %u", layout->first_tab + 1, layout->first_tab + layout->n_shown_tabs,
                 model->n_tabs);
        label_draw_middle(chrome->labels, surface, layout->more, LABEL_SMALL, chrome->theme->faint, text);
    }
}

/* ---- the page and what is over it -------------------------------------------------------------------------- */

static void draw_words(const struct chrome *chrome, const struct surface *surface, const struct view_model *model,
                       const struct layout *layout)
{
    const char *text = "";
    if (model->n_tabs == 0)
        text = "Drop a file here to open it";
    else if (model->active < model->n_tabs && model->tabs[model->active].state == VIEW_TAB_CLOSED)
        text = "Closed. Ctrl+R opens it again";
    else if (model->active < model->n_tabs && model->tabs[model->active].state == VIEW_TAB_LOADING)
        text = "Loading …";
    label_draw_middle(chrome->labels, surface, layout->page, LABEL_TITLE, chrome->theme->faint, text);
}

/* What of an area the picture covers for certain. */
static struct rectangle covered_by(const struct view_picture *picture, double x, double y, double scale)
{
    const double far = 1e6; /* off every screen */
    int left = (int)ceil(fmin(fmax(x, -far), far)), top = (int)ceil(fmin(fmax(y, -far), far));
    int right = (int)fmin(fmax(floor(x + picture->width_px * scale), -far), far);
    int bottom = (int)fmin(fmax(floor(y + picture->height_px * scale), -far), far);
    return (struct rectangle){left, top, right > left ? right - left : 0, bottom > top ? bottom - top : 0};
}

static void draw_paper(const struct chrome *chrome, const struct surface *surface, const struct view_model *model,
                       const struct layout *layout)
{
    const struct theme *theme = chrome->theme;
    const struct rectangle *page = &layout->page;
    struct surface inside = surface_part(surface, *page);
    struct rectangle all = {0, 0, inside.width_px, inside.height_px}, paper = layout_paper(layout, model);
    double x, y, scale = layout_picture(layout, model, &x, &y);
    struct rectangle sheet = {paper.x - page->x, paper.y - page->y, paper.width, paper.height};
    struct rectangle covered = covered_by(&model->picture, x - page->x, y - page->y, scale);
    if (paper.width <= 0 || paper.height <= 0) {
        surface_fill_around(&inside, all, covered, theme->desk);
        page_draw_picture(&inside, &model->picture, x - page->x, y - page->y, scale, theme->paper);
        return;
    }
    surface_fill_around(&inside, all, sheet, theme->desk);
    surface_shadow(&inside, sheet, 0, layout_points(layout, 6), 70);
    surface_fill_around(&inside, rectangle_cut(sheet, all), covered, theme->paper); /* there may be more to come */
    struct rectangle shown = rectangle_cut(paper, *page);
    struct surface on_paper = surface_part(surface, shown);
    page_draw_picture(&on_paper, &model->picture, x - shown.x, y - shown.y, scale, theme->paper);
}

static void draw_scrollbar(const struct chrome *chrome, const struct surface *surface, const struct layout *layout,
                           const struct hand *hand)
{
    if (layout->thumb.height == 0)
        return;
    bool is_over = hand->over.part == PART_SCROLLBAR;
    struct rectangle thumb = rectangle_inset(layout->thumb, layout_points(layout, is_over ? 2 : 3));
    surface_round(surface, thumb, thumb.width / 2.0, is_over ? chrome->theme->accent : 0x8b929c);
}

static void draw_button(const struct chrome *chrome, const struct surface *surface, const struct layout *layout,
                        const struct button *button, bool is_over)
{
    const struct theme *theme = chrome->theme;
    uint32_t back = button->is_main ? theme->accent : is_over ? theme->button_over : theme->button;
    surface_round(surface, button->area, layout_points(layout, 6), back);
    if (button->is_main && is_over)
        surface_ring(surface, rectangle_inset(button->area, layout_points(layout, 2)), layout_points(layout, 4),
                     layout_points(layout, 1.5), theme->on_accent);
    label_draw_middle(chrome->labels, surface, button->area, LABEL_NORMAL,
                      button->is_main ? theme->on_accent : theme->text, button->text);
}

static void format_hits(char *out, size_t n_out, const struct view_model *model)
{
    if (model->typed[0] == '\0')
        snprintf(out, n_out, "%s", "");
    else if (model->n_hits == 0)
        snprintf(out, n_out, "not found");
    else
        snprintf(out, n_out, "%u of %u", model->hit + 1, model->n_hits);
}

static void draw_search(const struct chrome *chrome, const struct surface *surface, const struct view_model *model,
                        const struct layout *layout, const struct hand *hand)
{
    const struct theme *theme = chrome->theme;
    int margin = layout_points(layout, 12), padding = layout_points(layout, 9);
    struct rectangle field = rectangle_inset(layout->bar, layout_points(layout, 8));
    field.x = margin;
    field.width = layout_points(layout, 420);
    int room = layout->buttons[0].area.x - 2 * margin;
    field.width = field.width < room ? field.width : room;
    surface_round(surface, field, layout_points(layout, 6), theme->status);
    if (hand->is_typing)
        surface_ring(surface, field, layout_points(layout, 6), layout_points(layout, 1.5), theme->accent);

    char hits[64];
    format_hits(hits, sizeof hits, model);
    bool is_lost = model->n_hits == 0;
    struct rectangle text = {field.x + padding, field.y, field.width - 2 * padding, field.height};
    int used = label_draw_right(chrome->labels, surface, text, LABEL_SMALL, is_lost ? theme->bad : theme->faint, hits);
    text.width -= used > 0 ? used + padding : 0;
    if (model->typed[0]) {
        int width = label_draw(chrome->labels, surface, text, LABEL_NORMAL, theme->text, model->typed);
        text.x += width;
    } else {
        label_draw(chrome->labels, surface, text, LABEL_NORMAL, theme->faint, "Search this document");
    }
    int caret = layout_points(layout, 18);
    if (hand->is_typing)
        surface_fill(surface,
                     (struct rectangle){text.x, text.y + (text.height - caret) / 2, layout_points(layout, 1.5), caret},
                     theme->accent);
}

static void draw_bar(const struct chrome *chrome, const struct surface *surface, const struct view_model *model,
                     const struct layout *layout, const struct hand *hand)
{
    if (layout->bar.height == 0)
        return;
    surface_fill(surface, layout->bar, chrome->theme->panel);
    surface_fill(surface, (struct rectangle){layout->bar.x, layout->bar.y, layout->bar.width, 1}, chrome->theme->edge);
    if (model->question[0]) {
        int margin = layout_points(layout, 14);
        struct rectangle text = {margin, layout->bar.y, layout->buttons[0].area.x - 2 * margin, layout->bar.height};
        label_draw(chrome->labels, surface, text, LABEL_BOLD, chrome->theme->text, model->question);
    } else {
        draw_search(chrome, surface, model, layout, hand);
    }
}

static void draw_page(const struct chrome *chrome, const struct surface *surface, const struct view_model *model,
                      const struct layout *layout, const struct hand *hand)
{
    if (model->picture.pixels) {
        draw_paper(chrome, surface, model, layout);
    } else {
        surface_fill(surface, layout->page, chrome->theme->desk);
        draw_words(chrome, surface, model, layout);
    }

    struct surface inside = surface_part(surface, layout->page);
    struct rectangle selection = hand->selection;
    selection.y -= layout->page.y;
    surface_blend(&inside, selection, 0x3b82f6, 64);
    if (selection.width > 0 && selection.height > 0)
        surface_frame(&inside, selection, layout_points(layout, 1), 0x3b82f6);
    draw_scrollbar(chrome, surface, layout, hand);
    draw_bar(chrome, surface, model, layout, hand);
    for (size_t i = 0; i < layout->n_buttons; i++)
        draw_button(chrome, surface, layout, &layout->buttons[i], spot_is(&hand->over, PART_BUTTON, (unsigned)i));
    panels_draw(chrome, surface, model, layout, hand);
}

/* ---- the status line --------------------------------------------------------------------------------------- */

static void format_place(char *out, size_t n_out, const struct view_model *model)
{
    out[0] = '\0';
    if (model->active >= model->n_tabs)
        return;
    const struct view_tab *tab = &model->tabs[model->active];
    if (tab->state != VIEW_TAB_LIVE)
        snprintf(out, n_out, "%s", panels_state_name(tab->state));
    else if (tab->n_pages > 0)
        snprintf(out, n_out, "page %u of %u", tab->page + 1, tab->n_pages);
}

static void format_costs(char *out, size_t n_out, const struct view_model *model)
{
    char layers[48] = "", frame[48] = "";
    if (model->active < model->n_tabs) {
        const struct view_tab *tab = &model->tabs[model->active];
        if (tab->n_layers_wanted > 0)
            snprintf(layers, sizeof layers, "layers %u/%u    ", tab->n_layers, tab->n_layers_wanted);
        if (tab->first_frame_ns > 0)
            snprintf(frame, sizeof frame, "first frame %llu ms    ", tab->first_frame_ns / NS_PER_MS);
    }
    snprintf(out, n_out, "%s%s%.0f %%    ? keys", layers, frame, model->zoom * 100);
}

static void draw_status(const struct chrome *chrome, const struct surface *surface, const struct view_model *model,
                        const struct layout *layout)
{
    const struct theme *theme = chrome->theme;
    char text[VIEW_MAX_STATUS];
    int margin = layout_points(layout, 12), gap = layout_points(layout, 24);
    surface_fill(surface, layout->status, theme->status);
    surface_fill(surface, (struct rectangle){0, layout->status.y, layout->status.width, 1}, theme->edge);
    struct rectangle line = {margin, layout->status.y, layout->status.width - 2 * margin, layout->status.height};
    format_place(text, sizeof text, model);
    int used = label_draw(chrome->labels, surface, line, LABEL_SMALL, theme->text, text);
    line.x += used > 0 ? used + gap : 0;
    line.width -= used > 0 ? used + gap : 0;
    format_costs(text, sizeof text, model);
    used = label_draw_right(chrome->labels, surface, line, LABEL_SMALL, theme->faint, text);
    line.width -= used + gap;
    label_draw(chrome->labels, surface, line, LABEL_SMALL, theme->text, model->status);
}

void chrome_draw(const struct chrome *chrome, const struct surface *surface, enum chrome_region region,
                 const struct view_model *model, const struct layout *layout, const struct hand *hand)
{
    switch (region) {
    case REGION_STRIP:
        draw_strip(chrome, surface, model, layout, hand);
        break;
    case REGION_PAGE:
        draw_page(chrome, surface, model, layout, hand);
        break;
    case REGION_STATUS:
        draw_status(chrome, surface, model, layout);
        break;
    case REGION_COUNT:
        break;
    }
}
