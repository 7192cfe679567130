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

/* Draws a display list through ctm straight into the canvas (no copy), over the desk colour with the page's own
 * rectangle (in list coordinates) filled with paper first, unless it is empty.
 * Returns how many things could not be drawn and were left out (a damaged picture on a page), the last of them
 * told by fz_caught_message. Throws as MuPDF does: call inside fz_try. */
int fitz_draw_list(fz_context *ctx, fz_display_list *list, fz_matrix ctm, fz_rect paper, const struct canvas *canvas);

/* Turns the exception just caught into facts (memory, encrypted, unsupported, broken) and returns -1. */
int fitz_refuse(fz_context *ctx, struct engine_facts *facts);

#ifdef __cplusplus
}
#endif

#endif
