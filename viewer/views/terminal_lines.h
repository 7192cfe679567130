/* The terminal view's text: tab line, status line, and what covers the page at times. From the model to cells, and from
 * a click back to what lies there. */
#ifndef VIEWER_VIEWS_TERMINAL_LINES_H
#define VIEWER_VIEWS_TERMINAL_LINES_H

#include "viewer/viewer.h"
#include "viewer/views/terminal_draw.h"

#define LINES_MIN_COLUMNS 20
#define LINES_MIN_ROWS    5

/* The page is between the tab line on top and the status line at the bottom. */
#define LINES_FIRST_PAGE_ROW 1
#define LINES_N_OTHER_ROWS   2

/* Fills the grid. True where the rows of the page are left to the picture. */
bool lines_draw(struct grid *grid, const struct view_model *model);

/* For a terminal that is too small. */
void lines_draw_too_small(struct grid *grid);

/* What a click means there: an index, or -1. */
int lines_tab_at(unsigned n_tabs, unsigned active, int columns, int column);
/* In the status line of a tab that failed; ACTION_NONE beside the buttons. */
enum view_action lines_button_at(int column);

/* Whether the model's active tab has those buttons. */
bool lines_have_buttons(const struct view_model *model);

#endif
