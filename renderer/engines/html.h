/* The laid-out page: what html_container.cc gives to html.c. Plain C on both sides of this header. No C++ exception
 * and no MuPDF error passes through it. */
#ifndef RENDERER_ENGINES_HTML_H
#define RENDERER_ENGINES_HTML_H

#include <mupdf/fitz.h>
#include <stdbool.h>
#include <stddef.h>

#include "renderer/engine.h"
#include "renderer/engines/html_fonts.h"
#include "renderer/engines/html_resources.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where a URL was found: not copied, for a data: URL may be most of the document. Pictures are asked for by their
 * number in a list of these. */
struct html_url {
    const char *url;
    size_t n_bytes;
};

struct html_input {
    const char *html;            /* made by html_prepare.h; needed for the call only */
    const struct html_url *urls; /* kept by the caller as long as the page */
    size_t n_urls;
    struct html_resources *resources; /* kept by the caller: where pictures beside the page come from */
    int width_px, height_px;          /* of the window, in CSS pixels */
    void (*progress)(void);
};

struct html_page;

/* Parses the master style sheet, with the folder of fonts ready. Once, in the zygote. 0 or -errno. */
int html_page_warm_up(const char *master_style);

/* 0 with *ret_page and facts->title set; -1 with facts->refusal and facts->detail. */
int html_page_create(const struct html_input *input, struct html_page **ret_page, struct engine_facts *facts);
void html_page_destroy(struct html_page *page);

/* Lays out for another window. True when the page must be made again instead: its style depends on the window. */
bool html_page_depends_on_window(const struct html_page *page);
int html_page_layout(struct html_page *page, int width_px, int height_px, struct engine_facts *facts);

/* The size of the layout, at least the window's. */
void html_page_size(const struct html_page *page, int *ret_width_px, int *ret_height_px);

/* What is on the page, in the order of the document. */
enum html_item_kind {
    HTML_ITEM_WORD,    /* or blanks, with text and font */
    HTML_ITEM_PICTURE, /* within a link */
    HTML_ITEM_BOX,     /* a link that is a box, with all in it */
    HTML_ITEM_NAME,    /* text is a name by which links lead to what comes next */
};

struct html_item {
    enum html_item_kind kind;
    const char *text;
    const struct html_face *face;
    float size;
    bool is_blank;
    bool starts_box;  /* something other than running text lies between it and the word before */
    fz_rect box;      /* in CSS pixels */
    const char *href; /* of the link it is in; NULL: none. The page's */
};

/* False when it needs no more. */
typedef bool html_take(void *user, const struct html_item *item);

/* As html_page_layout: 0 or -1, the latter when there is no memory. */
int html_page_walk(struct html_page *page, html_take *take, void *user, struct engine_facts *facts);

/* Draws what lies within clip, in CSS pixels. */
int html_page_draw(struct html_page *page, fz_device *device, fz_rect clip, struct engine_facts *facts);

#ifdef __cplusplus
}
#endif

#endif
