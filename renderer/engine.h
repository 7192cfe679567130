/* What an engine is: bytes in, pixels out. An engine runs behind the whole ladder; it opens nothing by path,
 * owns no descriptor, starts no thread, and writes nowhere but into its own memory and the canvas it is given.
 *
 * Engines see this header, renderer/canvas.h and common/ headers without machinery (frame, font,
 * document_kind); nothing of sessions, channels or messages. */
#ifndef RENDERER_ENGINE_H
#define RENDERER_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/document_kind.h"
#include "renderer/canvas.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a page may want beside its own bytes. */
enum engine_wanted {
    ENGINE_WANTED_PICTURE,
    ENGINE_WANTED_STYLE, /* a style sheet */
};

#define ENGINE_MAX_WANTED         256                /* of a document, asked for once each */
#define ENGINE_MAX_WANTED_NAME    1024               /* bytes */
#define ENGINE_MAX_PROVIDED_BYTES ((size_t)32 << 20) /* of all together */

/* What an engine is given to open. All of it outlives the document. */
struct engine_source {
    const uint8_t *bytes;    /* read-only, cannot change, cannot fault */
    size_t n_bytes;          /* at least 1 */
    enum document_kind kind; /* what renderer/sniff.c found it to be */
    int width_px, height_px; /* of the window: what a page is laid out for and fitted into */
    /* Says that work goes on, so that a slow document is not taken for a hung one. Cheap: call it as often as
     * convenient. May not be called outside open and paint. */
    void (*progress)(void);
    /* Asks for something that the document names: a picture or a style sheet beside it. name: as the document has it
     * (relative to the document, hostile; 1 to ENGINE_MAX_WANTED_NAME bytes without NUL, perhaps no UTF-8). What comes of
     * it is said by provide(), later or never. Called within open, paint and the other functions below, once for each name
     * and kind. NULL: nothing is asked for. */
    void (*wanted)(uint32_t id, enum engine_wanted kind, const char *name, size_t n_name);
};

/* What an engine tells of a document, or why it has none. */
struct engine_facts {
    uint32_t n_pages;     /* at least 1 */
    char title[512];      /* UTF-8 as found, cut at a character; "" when the document has none */
    enum refusal refusal; /* when open or paint return an error */
    char detail[256];     /* for people, when they do: one line, UTF-8 */
};

/* What is to be seen. The window is what open, or the latest resize, was given; the canvas may be any part of it, for a
 * page painted in bands is the page painted whole, to the pixel. */
struct engine_view {
    uint32_t page;  /* from 0, below n_pages */
    float zoom;     /* > 0. 1 is the natural fit: a fixed page (PDF, picture) whole within the window and
                     * centred, a picture never enlarged; flowing text (HTML, Markdown, text) laid out for the
                     * window's width / zoom, its top at the window's top */
    int x_px, y_px; /* scroll position: this point of the zoomed page is at the canvas' top left corner; 0, 0
                     * is the natural position */
    uint32_t frame; /* of an animation, from 0; else 0. One beyond the last shows the last */
};

/* ---- what a viewer asks ------------------------------------------------------------------------------------
 *
 * Of a view these use page and zoom alone. Places are in page pixels at zoom 1: from the page's top left corner, times
 * zoom they are pixels of the zoomed page. Text that flows is laid out for each zoom, so its places hold for the zoom they
 * were asked at. */

struct engine_point {
    float x, y;
};

struct engine_rect {
    float x0, y0, x1, y1;
};

/* Where the zoomed page is: its top left corner in the coordinates of x_px and y_px (a page smaller than the window
 * is centred), and its size. */
struct engine_box {
    int x_px, y_px, width_px, height_px;
};

/* Around letters, whichever way they run: top left, top right, bottom left, bottom right of the upright letter. */
struct engine_quad {
    struct engine_point corners[4];
};

#define ENGINE_MAX_LINKS          4096 /* of a page; the rest is not told */
#define ENGINE_MAX_URI_BYTES      2048 /* a link to a longer one is left out: cut, it would lead elsewhere */
#define ENGINE_MAX_NEEDLE_BYTES   256
#define ENGINE_MAX_QUADS          512 /* of a search or a selection */
#define ENGINE_MAX_SELECTED_BYTES ((size_t)64 << 10)

/* A link over several lines is several of these. */
struct engine_link {
    struct engine_rect rect;
    const char *uri;        /* NULL: to a place in this document. Else bytes as the document has them, hostile */
    uint32_t n_uri;         /* 1 to ENGINE_MAX_URI_BYTES */
    uint32_t page;          /* of the place, below n_pages */
    struct engine_point to; /* on that page; 0, 0 when the link names the page alone */
};

struct engine_links {
    const struct engine_link *links; /* the document's, until its next call; later ones lie above earlier ones */
    size_t n;
    bool is_cut; /* there were more, or some that were too long */
};

struct engine_hits {
    struct engine_quad quads[ENGINE_MAX_QUADS];
    uint16_t
        hits[ENGINE_MAX_QUADS]; /* which hit a quad belongs to, from 0: one that is broken over lines has several */
    size_t n_quads, n_hits;
    bool is_cut; /* there were more */
};

struct engine_selection {
    struct engine_quad quads[ENGINE_MAX_QUADS]; /* one a line */
    size_t n_quads;
    char text[ENGINE_MAX_SELECTED_BYTES + 1]; /* UTF-8, no controls but line breaks, terminated */
    size_t n_text;
    bool is_cut;
};

#define ENGINE_MAX_FRAMES           10000
#define ENGINE_MAX_ANIMATION_PIXELS (2000ull * 1000 * 1000) /* of all frames together; the rest is not played */

struct engine_animation {
    uint32_t n_frames; /* 1: nothing moves */
    uint32_t n_loops;  /* how often it is played; 0: for ever */
    uint32_t delay_ms; /* how long the view's frame is shown */
};

struct engine {
    const char *name;
    const enum document_kind *kinds; /* what it opens; ends with DOCUMENT_UNKNOWN */

    /* In the zygote, before any untrusted byte, while files can still be read: load fonts, tables, style
     * sheets, and go once through every path that makes the C library ask the kernel for something unusual.
     * 0 or -errno. May be NULL. */
    int (*warm_up)(void);

    /* 0 with *ret_document, facts->n_pages and facts->title set; or -1 with facts->refusal and facts->detail set.
     * Memory that runs out is REFUSAL_MEMORY. */
    int (*open)(const struct engine_source *source, void **ret_document, struct engine_facts *facts);

    /* Draws every pixel of the canvas (what the page does not cover gets a background). Same results. */
    int (*paint)(void *document, const struct engine_view *view, const struct canvas *canvas,
                 struct engine_facts *facts);

    void (*close)(void *document);

    /* All that follow may be NULL: this engine has none. They return as paint does; a failure leaves the document as it
     * was, and *ret untouched or empty. They call progress and end at the limits above. */

    /* How large the page is at a zoom. */
    int (*measure)(void *document, const struct engine_view *view, struct engine_box *ret_box,
                   struct engine_facts *facts);

    /* From now on the window has this size, and the zoom is this. *view, as it was painted before, becomes the view whose
     * top shows the same text or the same part of a page; facts->n_pages may change. For a zoom alone, the same size. */
    int (*resize)(void *document, int width_px, int height_px, float zoom, struct engine_view *view,
                  struct engine_facts *facts);

    int (*links)(void *document, const struct engine_view *view, struct engine_links *ret_links,
                 struct engine_facts *facts);

    /* needle: UTF-8, 1 to ENGINE_MAX_NEEDLE_BYTES. Letters match in either case, any blanks match any others. Of one page. */
    int (*search)(void *document, const struct engine_view *view, const char *needle, size_t n_needle,
                  struct engine_hits *ret_hits, struct engine_facts *facts);

    /* The text from the letter nearest to one point to that nearest to the other, in whichever order. */
    int (*select)(void *document, const struct engine_view *view, struct engine_point from, struct engine_point to,
                  struct engine_selection *ret_selection, struct engine_facts *facts);

    /* Uses view->frame as well. */
    int (*animation)(void *document, const struct engine_view *view, struct engine_animation *ret_animation,
                     struct engine_facts *facts);

    /* What wanted() asked for; bytes are copied. None when it is not to be had. Shown from the next call on, for which
     * the page is laid out anew: a resize keeps the reading position. -1 when id was not asked for, or there is no room. */
    int (*provide)(void *document, uint32_t id, const uint8_t *bytes, size_t n_bytes, struct engine_facts *facts);
};

/* The link at a point: the uppermost. NULL: none. */
const struct engine_link *engine_link_at(const struct engine_links *links, struct engine_point point);

/* The engines that were built in, in no particular order; the last is NULL. */
extern const struct engine *const engines[];

/* All warm-ups in turn. 0, or the first -errno, with *ret_name the engine's name. */
int engines_warm_up(const char **ret_name);

/* The engine for a kind, NULL where none was built in. */
const struct engine *engine_for(enum document_kind kind);

/* What would have to be installed at build time for a kind that has no engine: one line for people. */
const char *engine_missing_hint(enum document_kind kind);

/* Caps what engines may allocate together through their own allocators from now on. Called once in each renderer,
 * before it opens anything; what the warm-up allocated is not counted. */
void engines_set_memory_limit(size_t n_bytes);
size_t engines_memory_limit(void);

/* Sets facts->refusal and a formatted facts->detail; returns -1, so that engines can `return engine_refuse(…)`. */
int engine_refuse(struct engine_facts *facts, enum refusal refusal, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets facts->title from text that may be anything: made one line of well-formed UTF-8, cut at a character. */
void engine_title(struct engine_facts *facts, const char *text, size_t n_text);

/* Pictures of more pixels than this are refused before anything is allocated for them: 64 megapixels, as RGBA 256 MB, is
 * all that the engines' half of the default --memory could hold. A decoder that holds a picture twice ends earlier, at its
 * memory cap. */
#define ENGINE_MAX_PIXELS (64ull * 1000 * 1000)

#ifdef __cplusplus
}
#endif

#endif
