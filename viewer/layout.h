/* Where everything is in the window, and what is at a point of it. All lengths are in pixels. */
#ifndef VIEWER_LAYOUT_H
#define VIEWER_LAYOUT_H

#include "viewer/surface.h"
#include "viewer/viewer.h"

enum part { PART_NONE, PART_TAB, PART_CLOSE, PART_PAGE, PART_SCROLLBAR, PART_BUTTON, PART_ROW, PART_PANEL };

/* index: of a tab, a button; the process view's rows are the tabs again. */
struct spot {
    enum part part;
    unsigned index;
};

struct button {
    struct rectangle area;
    const char *text;
    enum view_action action;
    int by;
    bool is_main; /* what most people will want */
};

#define MAX_BUTTONS 3

struct layout {
    int width_px, height_px;
    double scale; /* pixels per point */
    struct rectangle strip, page, status;
    /* Tabs: those from first_tab on that are shown. */
    unsigned first_tab, n_shown_tabs;
    int tab_px;
    struct rectangle more; /* how many there are, when not all are shown; else empty */
    /* Over the page; empty when not there. */
    struct rectangle bar; /* a question, what is searched for */
    struct rectangle panel, rows;
    unsigned first_row, n_rows;
    int row_px;
    struct rectangle track, thumb; /* the scroll bar */
    struct button buttons[MAX_BUTTONS];
    size_t n_buttons;
};

/* Without a model: only the three areas that fill the window. */
void layout_compute(struct layout *layout, const struct view_model *model, int width_px, int height_px, double scale);

int layout_points(const struct layout *layout, double points);
struct rectangle layout_tab(const struct layout *layout, unsigned index);
/* Its button, which is seen when it is needed; empty when the tab is too narrow for one and not the active one. */
struct rectangle layout_close(const struct layout *layout, unsigned index, bool is_active);
struct spot layout_find(const struct layout *layout, const struct view_model *model, int x, int y);
bool spot_is(const struct spot *spot, enum part part, unsigned index);

/* The whole page on screen: larger than the window where it is scrolled. Its size is 0 while it is not known. */
struct rectangle layout_paper(const struct layout *layout, const struct view_model *model);
/* How many pixels of the screen one of the picture takes, and where its top left corner is. */
double layout_picture(const struct layout *layout, const struct view_model *model, double *ret_x, double *ret_y);

#endif
