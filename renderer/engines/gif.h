/* GIF, frame by frame: MuPDF lays all frames of an animation over one another, on the background colour that browsers
 * have long ignored. */
#ifndef RENDERER_ENGINES_GIF_H
#define RENDERER_ENGINES_GIF_H

#include <mupdf/fitz.h>
#include <stddef.h>
#include <stdint.h>

struct gif;

struct gif_facts {
    int width_px, height_px; /* of the screen, at least 1 */
    uint32_t n_frames;       /* whole ones, at least 1, no more than an engine plays */
    uint32_t n_loops;        /* 0: for ever */
};

/* bytes: kept by the caller. 0; -ENOTSUP when no whole frame is found in it, -E2BIG when the screen has too many pixels,
 * -ENOMEM. */
int gif_open(const uint8_t *bytes, size_t n_bytes, struct gif **ret_gif, struct gif_facts *ret_facts);
void gif_close(fz_context *ctx, struct gif *gif);

/* How long a frame is shown. As in browsers: what claims to be faster than 50 frames a second is shown at 10. */
uint32_t gif_delay_ms(const struct gif *gif, uint32_t frame);

/* The screen with frames 0 to frame laid on it, on a transparent ground. The next frame costs that frame alone, an earlier
 * one all before it. The gif's, until the next call. Throws. */
fz_pixmap *gif_screen(fz_context *ctx, struct gif *gif, uint32_t frame, void (*progress)(void));

#endif
