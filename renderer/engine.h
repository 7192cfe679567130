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

/* What an engine is given to open. All of it outlives the document. */
struct engine_source {
    const uint8_t *bytes;    /* read-only, cannot change, cannot fault */
    size_t n_bytes;          /* at least 1 */
    enum document_kind kind; /* what renderer/sniff.c found it to be */
    int width_px, height_px; /* of the frame: what a page that flows is laid out for */
    /* Says that work goes on, so that a slow document is not taken for a hung one. Cheap: call it as often as
     * convenient. May not be called outside open and paint. */
    void (*progress)(void);
};

/* What an engine tells of a document, or why it has none. */
struct engine_facts {
    uint32_t n_pages;     /* at least 1 */
    char title[512];      /* UTF-8 as found, cut at a character; "" when the document has none */
    enum refusal refusal; /* when open or paint return an error */
    char detail[256];     /* for people, when they do: one line, UTF-8 */
};

struct engine_view {
    uint32_t page;  /* from 0, below n_pages */
    float zoom;     /* > 0. 1 is the natural fit: a fixed page (PDF, picture) whole within the canvas and
                    * centred, a picture never enlarged; flowing text (HTML, Markdown, text) laid out for the
                    * canvas' width / zoom, its top at the canvas' top */
    int x_px, y_px; /* scroll position: this point of the zoomed page is at the canvas' top left corner; 0, 0
                     * is the natural position */
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
};

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
