/* A page's picture in a terminal: what of it is seen, as cells or as the terminal's own kind of pixels. */
#ifndef VIEWER_VIEWS_TERMINAL_PICTURE_H
#define VIEWER_VIEWS_TERMINAL_PICTURE_H

#include "viewer/viewer.h"
#include "viewer/views/terminal_draw.h"
#include "viewer/views/terminal_facts.h"

/* Where it is shown: the cells, and what a cell is in the page's pixels. */
struct picture_area {
    int row, columns, rows;
    int cell_width_px, cell_height_px;
};

struct painter; /* what is kept from one picture to the next */

/* NULL when there is no memory. Everything that chafa needs of the system is got here. */
struct painter *painter_create(const struct terminal_facts *facts, enum terminal_pictures pictures,
                               const struct picture_area *area);
void painter_destroy(struct painter *painter);

/* Puts together what is seen: the model's picture at its scroll position, scaled where it is of another zoom, on a
 * plain ground. True when it is not what it was before. */
bool painter_compose(struct painter *painter, const struct view_model *model);

/* The same as cells, for symbols. */
void painter_to_cells(struct painter *painter, struct grid *grid);

/* The same as pixels, from the area's first cell on. */
void painter_to_pixels(struct painter *painter, struct output *output);

/* A point of the area, in its pixels, as one of the picture. */
void picture_point(const struct view_model *model, int area_x_px, int area_y_px, int *ret_x_px, int *ret_y_px);

#endif
