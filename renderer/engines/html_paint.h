/* What the HTML engine's layout draws with: boxes, borders, words and pictures into a MuPDF device.
 *
 * The layout is C++, and MuPDF's errors are longjmps that may not pass through its frames. Every function here catches
 * them: the first one is kept in paint->error, and from then on nothing is drawn. */
#ifndef RENDERER_ENGINES_HTML_PAINT_H
#define RENDERER_ENGINES_HTML_PAINT_H

#include <mupdf/fitz.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "renderer/engines/html_fonts.h"

#ifdef __cplusplus
extern "C" {
#endif

struct html_rgba {
    uint8_t r, g, b, a;
};

struct html_paint {
    fz_context *ctx;
    fz_device *device;
    fz_text *words; /* of one colour, not yet given to the device */
    struct html_rgba words_rgba;
    int n_clips;
    int error; /* of MuPDF (FZ_ERROR_…), or 0 */
};

struct html_corners { /* horizontal and vertical radius of each corner */
    float top_left[2], top_right[2], bottom_right[2], bottom_left[2];
};

enum html_line {
    HTML_LINE_SOLID,
    HTML_LINE_DOTTED,
    HTML_LINE_DASHED,
    HTML_LINE_DOUBLE,
    HTML_LINE_INSET,
    HTML_LINE_OUTSET
};

struct html_side {
    float width; /* 0: none */
    enum html_line line;
    struct html_rgba rgba;
};

/* Draws what is pending and undoes the clips that are left. */
void html_paint_finish(struct html_paint *paint);

void html_paint_word(struct html_paint *paint, const struct html_face *face, float size, float x, float y,
                     struct html_rgba rgba, const char *word, size_t n_bytes);
void html_paint_box(struct html_paint *paint, fz_rect box, const struct html_corners *corners, struct html_rgba rgba);
void html_paint_disc(struct html_paint *paint, fz_rect box, bool filled, struct html_rgba rgba);

/* Sides in the order top, right, bottom, left, inside the box. */
void html_paint_borders(struct html_paint *paint, fz_rect box, const struct html_corners *corners,
                        const struct html_side sides[4]);

void html_paint_clip(struct html_paint *paint, fz_rect box, const struct html_corners *corners);
void html_paint_unclip(struct html_paint *paint);

/* A picture that fills tile, repeated to the right and down (and back) where asked, within box. */
void html_paint_picture(struct html_paint *paint, fz_image *picture, fz_rect tile, fz_rect box, bool repeat_x,
                        bool repeat_y);

/* The picture of a data: URL, or of bytes, which must stay; NULL when it is none, is broken, or has too many pixels. The
 * caller's to drop. */
fz_image *html_paint_open_picture(const char *url, size_t n_bytes);
fz_image *html_paint_read_picture(const uint8_t *bytes, size_t n_bytes);
void html_paint_drop_picture(fz_image *picture);

#ifdef __cplusplus
}
#endif

#endif
