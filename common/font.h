/* A small bitmap font for text where no engine may be asked: the scene, the contact sheet's labels, the broker's own
 * pictures. Glyphs are 8 by 16 pixels; printable ASCII, what is not in it shows as a box. */
#ifndef COMMON_FONT_H
#define COMMON_FONT_H

#include <stddef.h>
#include <stdint.h>

#define FONT_WIDTH_PX  8
#define FONT_HEIGHT_PX 16

/* Pixels to draw on: RGBA in memory order, rows of stride_bytes. */
struct font_target {
    uint8_t *pixels;
    int width_px, height_px;
    size_t stride_bytes;
};

/* Draws one line with its top left corner at x, y, each glyph pixel scale × scale, in an opaque colour 0xRRGGBB, cut
 * to the target. n_text bytes of UTF-8 (one box for each character beyond ASCII). Returns the x after the text. */
int font_draw(const struct font_target *target, int x, int y, int scale, uint32_t rgb, const char *text,
              size_t n_text);

/* The rows of one glyph, FONT_HEIGHT_PX bytes, the leftmost pixel in the highest bit. Never NULL. */
const uint8_t *font_glyph(uint32_t character);

#endif
