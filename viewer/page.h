/* The page area's picture: shifted and scaled to where it belongs while a better one is not there yet. */
#ifndef VIEWER_PAGE_H
#define VIEWER_PAGE_H

#include "viewer/surface.h"
#include "viewer/viewer.h"

/* Draws the picture with its top left corner at x, y of the surface, each of its pixels scale wide, onto paper of this
 * colour where it is not opaque. Premultiplied. */
void page_draw_picture(const struct surface *surface, const struct view_picture *picture, double x, double y,
                       double scale, uint32_t paper_rgb);

#endif
