/* Text for the viewer's own surface: in a real font where SDL2_ttf was there to build with and a font is there to be
 * read, else in common/font's. The text is one line of UTF-8. */
#ifndef VIEWER_LABEL_H
#define VIEWER_LABEL_H

#include "viewer/surface.h"

enum label_style { LABEL_NORMAL, LABEL_SMALL, LABEL_BOLD, LABEL_TITLE, LABEL_STYLE_COUNT };

struct labels;

/* Reads all that it will ever read. plain: common/font in any case. NULL when there is no memory. */
struct labels *labels_create(bool plain);
void labels_destroy(struct labels *labels);

/* 2 on a HiDPI screen. */
void labels_set_scale(struct labels *labels, double pixels_per_point);

int label_height(const struct labels *labels, enum label_style style);
int label_width(const struct labels *labels, enum label_style style, const char *text);

/* Draws within area, from its left and in its middle's height; what is longer ends in "…". Returns the width that was
 * used. */
int label_draw(const struct labels *labels, const struct surface *surface, struct rectangle area,
               enum label_style style, uint32_t rgb, const char *text);
/* The same at its right, and in its middle. */
int label_draw_right(const struct labels *labels, const struct surface *surface, struct rectangle area,
                     enum label_style style, uint32_t rgb, const char *text);
int label_draw_middle(const struct labels *labels, const struct surface *surface, struct rectangle area,
                      enum label_style style, uint32_t rgb, const char *text);

#endif
