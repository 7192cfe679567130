/* Real fonts, by SDL2_ttf (FreeType and HarfBuzz); without it, typeface_create finds none. Files are read once, at
 * the beginning: later the viewer may no longer open any. */
#ifndef VIEWER_TYPEFACE_H
#define VIEWER_TYPEFACE_H

#include "viewer/label.h"

struct typeface;

/* NULL: no font here. */
struct typeface *typeface_create(void);
void typeface_destroy(struct typeface *typeface);

void typeface_set_sizes(struct typeface *typeface, const double px[LABEL_STYLE_COUNT]);
int typeface_height(const struct typeface *typeface, enum label_style style);
int typeface_width(const struct typeface *typeface, enum label_style style, const char *text);
void typeface_draw(const struct typeface *typeface, const struct surface *surface, int x, int y, enum label_style style,
                   uint32_t rgb, const char *text);

#endif
