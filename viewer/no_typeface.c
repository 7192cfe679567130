/* Built where there is no SDL2_ttf. */
#include "viewer/typeface.h"

struct typeface *typeface_create(void)
{
    return NULL;
}

void typeface_destroy(struct typeface *typeface)
{
    (void)typeface;
}

void typeface_set_sizes(struct typeface *typeface, const double px[LABEL_STYLE_COUNT])
{
    (void)typeface;
    (void)px;
}

int typeface_height(const struct typeface *typeface, enum label_style style)
{
    (void)typeface;
    (void)style;
    return 0;
}

int typeface_width(const struct typeface *typeface, enum label_style style, const char *text)
{
    (void)typeface;
    (void)style;
    (void)text;
    return 0;
}

void typeface_draw(const struct typeface *typeface, const struct surface *surface, int x, int y, enum label_style style,
                   uint32_t rgb, const char *text)
{
    (void)typeface;
    (void)surface;
    (void)x;
    (void)y;
    (void)style;
    (void)rgb;
    (void)text;
}
