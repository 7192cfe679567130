/* Where an engine draws: RGBA, 8 bits each in memory order R, G, B, A, premultiplied, opaque when done. The
 * pixels lie in a slot of the frame that the broker will show: nothing is copied after this. */
#ifndef RENDERER_CANVAS_H
#define RENDERER_CANVAS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct canvas {
    uint8_t *pixels;
    int width_px, height_px; /* at least 1 */
    size_t stride_bytes;     /* from one row to the next; at least 4 * width_px */
};

/* The colours around a page. */
#define CANVAS_DESK  0xd7dbe0u /* what lies beneath a page that does not fill the canvas, 0xRRGGBB */
#define CANVAS_PAPER 0xffffffu

/* Fills a rectangle, cut to the canvas, with an opaque colour 0xRRGGBB. */
void canvas_fill(const struct canvas *canvas, int x, int y, int width, int height, uint32_t rgb);

#ifdef __cplusplus
}
#endif

#endif
