/* What the engines that draw with MuPDF share: one context with a capped allocator, and the way from a display
 * list to the canvas. */
#ifndef RENDERER_ENGINES_FITZ_H
#define RENDERER_ENGINES_FITZ_H

#include <mupdf/fitz.h>

#include "renderer/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The process's context: made at the first call (the warm-up), with document handlers registered, warnings and
 * errors kept off stderr, and every allocation counted against engines_memory_limit(). NULL when there is no
 * memory for it. */
fz_context *fitz_context(void);

/* What of a zoomed page the canvas shows: pixels of the zoomed page, by their numbers from its own top left corner. */
struct fitz_window {
    const struct canvas *canvas;
    int x_px, y_px; /* the page's pixel that is the canvas' first */
};

struct fitz_window fitz_window_on(const struct canvas *canvas, const struct engine_view *view,
                               const struct engine_box *box);

/* Fills the canvas: paper where the page is (a rectangle in page pixels; an empty one is nowhere), desk around it. Returns
 * the page's part of the window, in page pixels; empty when it is out of sight. An empty page is all of the window, on
 * the desk. */
fz_irect fitz_lay_paper(const struct fitz_window *window, fz_rect page);

/* Draws a display list through ctm, to page pixels less `shift` rows, straight into the part of the window (no copy but at
 * its edges). page: all that the list may draw on, in page pixels. A pixel is the same whatever the window, for none of
 * list, ctm, page and shift depends on it.
 * Returns how many things could not be drawn and were left out (a damaged picture on a page), the last of them
 * told by fz_caught_message. Throws as MuPDF does: call inside fz_try. */
int fitz_draw_list(fz_context *ctx, fz_display_list *list, fz_matrix ctm, fz_irect page, int shift,
                   const struct fitz_window *window, fz_irect part);

/* Turns the exception just caught into facts (memory, encrypted, unsupported, broken) and returns -1. */
int fitz_refuse(fz_context *ctx, struct engine_facts *facts);

#ifdef __cplusplus
}
#endif

#endif
