/* The html engine: HTML, XHTML, Markdown and plain text.
 *
 * bytes -> UTF-8 (charset) -> HTML (markdown) -> HTML within bounds (html_prepare) -> layout (html_container.cc) ->
 * a display list of what is near the window -> the canvas. A page is one scrolled page; zoom lays out anew. */
#include "renderer/engines/html.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "renderer/engines/charset.h"
#include "renderer/engines/fitz.h"
#include "renderer/engines/html_fonts.h"
#include "renderer/engines/html_prepare.h"
#include "renderer/engines/markdown.h"

/* How much of a file is looked at. The rest is counted, and the page says so at its end. */
#define MAX_HTML_BYTES     ((size_t)64 << 20) /* data: pictures may be most of it */
#define MAX_TEXT_BYTES     ((size_t)2 << 20)
#define MAX_MARKDOWN_BYTES ((size_t)2 << 20)

#define BAND_PX       1024 /* a display list is made for whole bands of the page: scrolling a little costs nothing */
#define MIN_LAYOUT_PX 64   /* layout for a narrower window, or a higher zoom, is no use to anybody */
#define MAX_LAYOUT_PX 32768

extern const char html_master_css[]; /* master.css, embedded */

struct document {
    char *text; /* what prepared points into */
    struct html_prepared prepared;
    struct html_page *page;
    void (*progress)(void);
    int layout_width_px, layout_height_px;
    fz_display_list *list; /* of one stretch of bands */
    fz_rect list_rect;
};

static void html_close(void *opaque)
{
    struct document *document = opaque;
    if (!document)
        return;
    fz_drop_display_list(fitz_context(), document->list);
    html_page_destroy(document->page);
    html_prepared_finish(&document->prepared);
    free(document->text);
    free(document);
}

/* ---- opening ------------------------------------------------------------------------------------------- */

static int refuse_memory(struct engine_facts *facts)
{
    return engine_refuse(facts, REFUSAL_MEMORY, "out of memory while reading the page");
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The document as UTF-8. */
static int read_text(const struct engine_source *source, enum charset_hint hint, size_t n_bytes, char **ret_text,
                     size_t *ret_n)
{
    const char *charset = charset_detect(source->bytes, n_bytes, hint);
    return charset_to_utf8(charset, source->bytes, n_bytes, ret_text, ret_n);
}

/* Text or Markdown as HTML, in document->text. */
static int convert(struct document *document, const struct engine_source *source, size_t *ret_n,
                   struct engine_facts *facts)
{
    bool is_markdown = source->kind == DOCUMENT_MARKDOWN;
    size_t n_read = least(source->n_bytes, is_markdown ? MAX_MARKDOWN_BYTES : MAX_TEXT_BYTES);
    size_t n_text, n_hidden = source->n_bytes - n_read;
    char *text;
    if (read_text(source, CHARSET_HINT_NONE, n_read, &text, &n_text) < 0)
        return refuse_memory(facts);
    int r = is_markdown ? markdown_to_html(text, n_text, n_hidden, &document->text, ret_n)
                        : text_to_html(text, n_text, n_hidden, &document->text, ret_n);
    free(text);
    if (r == -EINVAL)
        return engine_refuse(facts, REFUSAL_BROKEN, "the Markdown parser gave up");
    return r < 0 ? refuse_memory(facts) : 0;
}

/* HTML with n_bytes in document->text. */
static int read_html(struct document *document, const struct engine_source *source, size_t *ret_n,
                     struct engine_facts *facts)
{
    bool is_xml = source->kind == DOCUMENT_XHTML;
    if (!is_xml && source->kind != DOCUMENT_HTML)
        return convert(document, source, ret_n, facts);
    if (source->n_bytes > MAX_HTML_BYTES)
        return engine_refuse(facts, REFUSAL_TOO_LARGE, "a page of more than %zu MB", MAX_HTML_BYTES >> 20);
    if (read_text(source, is_xml ? CHARSET_HINT_XML : CHARSET_HINT_HTML, source->n_bytes, &document->text, ret_n) < 0)
        return refuse_memory(facts);
    return 0;
}

static void forget_list(struct document *document)
{
    fz_drop_display_list(fitz_context(), document->list);
    document->list = NULL;
}

/* Makes the page for a window. */
static int make_page(struct document *document, int width_px, int height_px, struct engine_facts *facts)
{
    struct html_input input = {
        .html = document->prepared.html.bytes,
        .urls = document->prepared.styles.resources,
        .n_urls = document->prepared.styles.n_resources,
        .width_px = width_px,
        .height_px = height_px,
        .progress = document->progress,
    };
    forget_list(document);
    html_page_destroy(document->page);
    document->page = NULL;
    document->layout_width_px = width_px;
    document->layout_height_px = height_px;
    return html_page_create(&input, &document->page, facts);
}

static int html_open(const struct engine_source *source, void **ret_document, struct engine_facts *facts)
{
    struct document *document = calloc(1, sizeof(*document));
    if (!document)
        return refuse_memory(facts);
    document->progress = source->progress;
    size_t n;
    if (read_html(document, source, &n, facts) < 0)
        goto fail;
    if (document->progress)
        document->progress();
    if (html_prepare(document->text, n, source->kind == DOCUMENT_XHTML, &document->prepared) < 0) {
        refuse_memory(facts);
        goto fail;
    }
    if (make_page(document, source->width_px, source->height_px, facts) < 0)
        goto fail;
    facts->n_pages = 1;
    *ret_document = document;
    return 0;
fail:
    html_close(document);
    return -1;
}

/* ---- painting ------------------------------------------------------------------------------------------ */

static int to_layout_px(int px, float zoom)
{
    float layout = ceilf((float)px / zoom);
    return layout < MIN_LAYOUT_PX ? MIN_LAYOUT_PX : layout > MAX_LAYOUT_PX ? MAX_LAYOUT_PX : (int)layout;
}

static int lay_out(struct document *document, int width_px, int height_px, struct engine_facts *facts)
{
    if (document->page && width_px == document->layout_width_px && height_px == document->layout_height_px)
        return 0;
    if (!document->page || html_page_depends_on_window(document->page))
        return make_page(document, width_px, height_px, facts);
    forget_list(document);
    document->layout_width_px = width_px;
    document->layout_height_px = height_px;
    if (html_page_layout(document->page, width_px, height_px, facts) == 0)
        return 0;
    html_page_destroy(document->page); /* half laid out */
    document->page = NULL;
    return -1;
}

/* Records rect of the page into a new display list. */
static int record(struct document *document, fz_rect rect, struct engine_facts *facts)
{
    fz_context *ctx = fitz_context();
    fz_display_list *list = NULL;
    fz_device *device = NULL;
    int ret = 0;
    fz_var(list);
    fz_var(device);
    fz_var(ret);
    fz_try(ctx)
    {
        list = fz_new_display_list(ctx, rect);
        device = fz_new_list_device(ctx, list);
        ret = html_page_draw(document->page, device, rect, facts);
        if (ret == 0)
            fz_close_device(ctx, device);
    }
    fz_always(ctx) fz_drop_device(ctx, device);
    fz_catch(ctx) ret = fitz_refuse(ctx, facts);
    if (ret < 0) {
        fz_drop_display_list(ctx, list);
        return ret;
    }
    forget_list(document);
    document->list = list;
    document->list_rect = rect;
    return 0;
}

/* The window's part of the page, in whole bands from side to side. */
static fz_rect bands_of(fz_rect window, fz_rect page)
{
    fz_rect bands = {page.x0, floorf(window.y0 / BAND_PX) * BAND_PX, page.x1, ceilf(window.y1 / BAND_PX) * BAND_PX};
    return bands;
}

static int html_paint(void *opaque, const struct engine_view *view, const struct canvas *canvas,
                      struct engine_facts *facts)
{
    struct document *document = opaque;
    int width = to_layout_px(canvas->width_px, view->zoom), height = to_layout_px(canvas->height_px, view->zoom);
    if (lay_out(document, width, height, facts) < 0)
        return -1;

    int page_width, page_height;
    html_page_size(document->page, &page_width, &page_height);
    fz_rect page = fz_make_rect(0, 0, (float)page_width, (float)page_height);
    float x = (float)view->x_px / view->zoom, y = (float)view->y_px / view->zoom;
    fz_rect window =
        fz_make_rect(x, y, x + (float)canvas->width_px / view->zoom, y + (float)canvas->height_px / view->zoom);
    fz_rect bands = bands_of(window, page);
    if ((!document->list || !fz_contains_rect(document->list_rect, bands)) && record(document, bands, facts) < 0)
        return -1;

    fz_context *ctx = fitz_context();
    int ret = 0;
    fz_var(ret);
    fz_try(ctx)
    {
        fz_matrix ctm = fz_make_matrix(view->zoom, 0, 0, view->zoom, -(float)view->x_px, -(float)view->y_px);
        fitz_draw_list(ctx, document->list, ctm, page, canvas);
    }
    fz_catch(ctx) ret = fitz_refuse(ctx, facts);
    return ret;
}

/* ---- warm-up ------------------------------------------------------------------------------------------- */

/* A page with the usual faces and shapes, laid out and drawn once, so that what is made on first use is there. */
static const char warm_page[] =
    "<!DOCTYPE html><title>w</title><style>p{margin:1px;color:hsl(1,2%,3%)}</style><h1>Warm</h1>"
    "<p>Office <b>bold</b> <i>italic</i> <code>code</code>"
    "<p style='font-family:sans-serif;border:1px solid red;border-radius:3px'>Sans <b>b</b>"
    "<ul><li>one<li>two</ul><ol><li>a</ol><table border=1><tr><td>cell<td>cell</table>";

static void no_progress(void)
{
}

static int html_warm_up(void)
{
    static uint8_t pixels[256 * 256 * 4];
    const struct canvas canvas = {pixels, 256, 256, (size_t)256 * 4};
    const struct engine_source source = {
        (const uint8_t *)warm_page, sizeof(warm_page) - 1, DOCUMENT_HTML, 256, 256, no_progress};
    const struct engine_view view = {.zoom = 1};
    struct engine_facts facts = {0};
    void *document;

    int r = html_fonts_warm_up();
    if (r == 0)
        r = html_page_warm_up(html_master_css);
    if (r < 0)
        return r;
    if (html_open(&source, &document, &facts) < 0)
        return -EIO;
    r = html_paint(document, &view, &canvas, &facts);
    html_close(document);
    return r < 0 ? -EIO : 0;
}

static const enum document_kind html_kinds[] = {DOCUMENT_HTML, DOCUMENT_XHTML, DOCUMENT_MARKDOWN, DOCUMENT_TEXT,
                                                DOCUMENT_UNKNOWN};

const struct engine html_engine = {
    .name = "html",
    .kinds = html_kinds,
    .warm_up = html_warm_up,
    .open = html_open,
    .paint = html_paint,
    .close = html_close,
};
