#include "viewer/label.h"

#include <stdlib.h>
#include <string.h>

#include "common/font.h"
#include "viewer/typeface.h"

#define MAX_TEXT_BYTES 512
#define ELLIPSIS       "…"

/* In points. */
static const double sizes[LABEL_STYLE_COUNT] = {
    [LABEL_NORMAL] = 13, [LABEL_SMALL] = 11.5, [LABEL_BOLD] = 13, [LABEL_TITLE] = 17};

struct labels {
    struct typeface *typeface; /* NULL: common/font */
    int scale;                 /* of common/font */
};

struct labels *labels_create(bool plain)
{
    struct labels *labels = calloc(1, sizeof *labels);
    if (!labels)
        return NULL;
    if (!plain)
        labels->typeface = typeface_create();
    labels_set_scale(labels, 1);
    return labels;
}

void labels_destroy(struct labels *labels)
{
    if (!labels)
        return;
    typeface_destroy(labels->typeface);
    free(labels);
}

void labels_set_scale(struct labels *labels, double pixels_per_point)
{
    labels->scale = pixels_per_point < 1.5 ? 1 : (int)(pixels_per_point + 0.5);
    if (!labels->typeface)
        return;
    double px[LABEL_STYLE_COUNT];
    for (size_t i = 0; i < LABEL_STYLE_COUNT; i++)
        px[i] = sizes[i] * pixels_per_point;
    typeface_set_sizes(labels->typeface, px);
}

int label_height(const struct labels *labels, enum label_style style)
{
    return labels->typeface ? typeface_height(labels->typeface, style) : FONT_HEIGHT_PX * labels->scale;
}

static bool continues(char byte)
{
    return ((uint8_t)byte & 0xc0) == 0x80;
}

/* common/font has no dots in one place. */
static const char *ellipsis(const struct labels *labels)
{
    return labels->typeface ? ELLIPSIS : "..";
}

int label_width(const struct labels *labels, enum label_style style, const char *text)
{
    if (labels->typeface)
        return typeface_width(labels->typeface, style, text);
    int n = 0;
    for (; *text; text++)
        n += !continues(*text);
    return n * FONT_WIDTH_PX * labels->scale;
}

/* Copies the first n_bytes of text at most, at whole characters, and the dots. */
static void cut_to(const struct labels *labels, char out[MAX_TEXT_BYTES], const char *text, size_t n_bytes)
{
    while (n_bytes > 0 && continues(text[n_bytes]))
        n_bytes--;
    while (n_bytes > 0 && text[n_bytes - 1] == ' ')
        n_bytes--;
    memcpy(out, text, n_bytes);
    memcpy(out + n_bytes, ellipsis(labels), strlen(ellipsis(labels)) + 1);
}

/* Returns text, or in cut what of it fits into width_px. */
static const char *fit(const struct labels *labels, enum label_style style, const char *text, int width_px,
                       char cut[MAX_TEXT_BYTES])
{
    size_t n = strnlen(text, MAX_TEXT_BYTES), fits = 0;
    if (n < MAX_TEXT_BYTES - sizeof ELLIPSIS && label_width(labels, style, text) <= width_px)
        return text;
    size_t too_long = n < MAX_TEXT_BYTES - sizeof ELLIPSIS ? n : MAX_TEXT_BYTES - sizeof ELLIPSIS;
    while (too_long - fits > 1) {
        size_t middle = fits + (too_long - fits) / 2;
        cut_to(labels, cut, text, middle);
        if (label_width(labels, style, cut) <= width_px)
            fits = middle;
        else
            too_long = middle;
    }
    cut_to(labels, cut, text, fits);
    return cut;
}

static int draw_at(const struct labels *labels, const struct surface *surface, struct rectangle area, int quarters,
                   enum label_style style, uint32_t rgb, const char *text)
{
    char cut[MAX_TEXT_BYTES];
    if (area.width <= 0 || *text == '\0')
        return 0;
    text = fit(labels, style, text, area.width, cut);
    int width = label_width(labels, style, text);
    if (width > area.width) /* not even the dots */
        return 0;
    int x = area.x + (area.width - width) * quarters / 4;
    int y = area.y + (area.height - label_height(labels, style)) / 2;
    if (labels->typeface) {
        typeface_draw(labels->typeface, surface, x, y, style, rgb, text);
    } else {
        const struct font_target target = {surface->pixels, surface->width_px, surface->height_px,
                                           surface->stride_bytes};
        font_draw(&target, x, y, labels->scale, rgb, text, strlen(text));
    }
    return width;
}

int label_draw(const struct labels *labels, const struct surface *surface, struct rectangle area,
               enum label_style style, uint32_t rgb, const char *text)
{
    return draw_at(labels, surface, area, 0, style, rgb, text);
}

int label_draw_middle(const struct labels *labels, const struct surface *surface, struct rectangle area,
                      enum label_style style, uint32_t rgb, const char *text)
{
    return draw_at(labels, surface, area, 2, style, rgb, text);
}

int label_draw_right(const struct labels *labels, const struct surface *surface, struct rectangle area,
                     enum label_style style, uint32_t rgb, const char *text)
{
    return draw_at(labels, surface, area, 4, style, rgb, text);
}
