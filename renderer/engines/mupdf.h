/* Between the files of the mupdf engine: mupdf.c opens and paints, mupdf_page.c keeps pages, mupdf_links.c and
 * mupdf_text.c answer what a viewer asks of them. */
#ifndef RENDERER_ENGINES_MUPDF_H
#define RENDERER_ENGINES_MUPDF_H

#include <mupdf/fitz.h>

#include "renderer/engine.h"

struct gif;

/* Pages kept: what is in sight, and the ones before and after it. */
#define MUPDF_KEPT_PAGES 4

/* A page as it was last drawn; the next zoom or scroll needs no parsing. */
struct mupdf_page {
    fz_display_list *list; /* NULL: none here */
    uint32_t number, frame;
    uint64_t used;       /* the greater, the later */
    fz_rect bounds;      /* in points */
    float natural_scale; /* pixels per point at which a picture shows pixel for pixel; else infinity */
    uint64_t n_pixels;   /* of the largest picture, when the page is a picture */
    fz_stext_page *text; /* NULL: nobody asked for it yet */
    fz_link *loaded_links;
    struct engine_link *links; /* NULL: nobody asked; their URIs are loaded_links' */
    size_t n_links;
    bool links_are_cut;
};

struct mupdf_document {
    fz_context *ctx;
    fz_stream *stream;
    fz_document *fitz;       /* NULL for a GIF that is drawn frame by frame */
    struct gif *gif;         /* and NULL for all others */
    enum document_kind kind; /* what MuPDF was told */
    uint8_t *converted;      /* what it was given in place of the source, NULL for the source itself */
    void (*progress)(void);
    int width_px, height_px; /* of the window */
    float book_width_pt;     /* 0: it does not flow */
    uint32_t n_pages, n_frames, n_loops;
    int gif_width_px, gif_height_px;
    struct mupdf_page pages[MUPDF_KEPT_PAGES];
    uint64_t n_uses;
};

/* Whether a page of that kind of document is a picture, never to be enlarged. */
bool mupdf_is_picture(enum document_kind kind);

/* All that follow throw. */

/* The page, with its display list. The document's; stays while fewer than MUPDF_KEPT_PAGES others are asked for. */
struct mupdf_page *mupdf_page(struct mupdf_document *document, uint32_t number, uint32_t frame);

/* The same, when it can be shown: else -1 with facts. */
int mupdf_find_page(struct mupdf_document *document, const struct engine_view *view, struct mupdf_page **ret_page,
                    struct engine_facts *facts);
void mupdf_forget_pages(struct mupdf_document *document); /* does not throw */

/* They are told in pixels of a window. Does not throw. */
void mupdf_forget_links(struct mupdf_document *document);

/* Pixels for a point of a page with these bounds, at zoom 1 in the document's window. */
float mupdf_scale(const struct mupdf_document *document, fz_rect bounds, float natural_scale);

/* From points to page pixels. */
fz_matrix mupdf_matrix(const struct mupdf_document *document, const struct mupdf_page *page, float zoom);

int mupdf_links(void *document, const struct engine_view *view, struct engine_links *ret_links,
                struct engine_facts *facts);
int mupdf_search(void *document, const struct engine_view *view, const char *needle, size_t n_needle,
                 struct engine_hits *ret_hits, struct engine_facts *facts);
int mupdf_select(void *document, const struct engine_view *view, struct engine_point from, struct engine_point to,
                 struct engine_selection *ret_selection, struct engine_facts *facts);

#endif
