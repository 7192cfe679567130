/* The html engine: HTML, XHTML, Markdown and plain text.
 *
 * bytes -> UTF-8 (charset) -> HTML (markdown) -> HTML within bounds (html_prepare) -> layout (html_container.cc) ->
 * display lists of what is near the window -> the canvas. A page is one scrolled page; zoom lays out anew. What the page
 * names beside itself and comes later (html_resources) goes in at the second step or at the fourth. */
#include "renderer/engines/html.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "renderer/engines/charset.h"
#include "renderer/engines/fitz.h"
#include "renderer/engines/html_fonts.h"
#include "renderer/engines/html_prepare.h"
#include "renderer/engines/html_view.h"
#include "renderer/engines/markdown.h"

/* How much of a file is looked at. The rest is counted, and the page says so at its end. */
#define MAX_HTML_BYTES     ((size_t)64 << 20) /* data: pictures may be most of it */
#define MAX_TEXT_BYTES     ((size_t)2 << 20)
#define MAX_MARKDOWN_BYTES ((size_t)2 << 20)

#define BAND_PX       1024 /* rows of the zoomed page that have a display list of their own: scrolling costs drawing alone */
#define N_BANDS       8  /* kept: what is in sight, and around it */
#define MIN_LAYOUT_PX 64 /* layout for a narrower window, or a higher zoom, is no use to anybody */
#define MAX_LAYOUT_PX 32768

extern const char html_master_css[]; /* master.css, embedded */

/* Rows number * BAND_PX and following, as a display list. */
struct band {
    fz_display_list *list; /* NULL: none here */
    int number;
    uint64_t used; /* the greater, the later */
};

struct document {
    char *text; /* what prepared points into */
    size_t n_text;
    bool is_xml;
    struct html_prepared prepared;
    struct html_resources resources;
    bool is_stale, is_unstyled; /* a picture has come, or a style sheet, that the page does not have yet */
    struct html_page *page;     /* NULL: to be made */
    struct html_links links;    /* of the page as it is laid out */
    void (*progress)(void);
    int width_px, height_px; /* of the window */
    int layout_width_px, layout_height_px;
    struct band bands[N_BANDS]; /* of the page as it is laid out, at bands_zoom */
    float bands_zoom;
    uint64_t n_uses;
};

static void forget_layout(struct document *document)
{
    for (size_t i = 0; i < N_BANDS; i++) {
        fz_drop_display_list(fitz_context(), document->bands[i].list);
        document->bands[i] = (struct band){0};
    }
    html_links_finish(&document->links);
}

static void forget_page(struct document *document)
{
    forget_layout(document);
    html_page_destroy(document->page);
    document->page = NULL;
}

static void html_close(void *opaque)
{
    struct document *document = opaque;
    if (!document)
        return;
    forget_page(document);
    html_prepared_finish(&document->prepared);
    html_resources_finish(&document->resources);
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

/* Makes the page for a window. */
static int make_page(struct document *document, int width_px, int height_px, struct engine_facts *facts)
{
    struct html_input input = {
        .html = document->prepared.html.bytes,
        .urls = document->prepared.styles.resources,
        .n_urls = document->prepared.styles.n_resources,
        .resources = &document->resources,
        .width_px = width_px,
        .height_px = height_px,
        .progress = document->progress,
    };
    forget_page(document);
    document->layout_width_px = width_px;
    document->layout_height_px = height_px;
    return html_page_create(&input, &document->page, facts);
}

static int prepare(struct document *document, struct engine_facts *facts)
{
    html_prepared_finish(&document->prepared);
    if (html_prepare(document->text, document->n_text, document->is_xml, &document->resources, &document->prepared) < 0)
        return refuse_memory(facts);
    return 0;
}

static int html_open(const struct engine_source *source, void **ret_document, struct engine_facts *facts)
{
    struct document *document = calloc(1, sizeof(*document));
    if (!document)
        return refuse_memory(facts);
    document->progress = source->progress;
    document->width_px = source->width_px;
    document->height_px = source->height_px;
    document->is_xml = source->kind == DOCUMENT_XHTML;
    document->resources.wanted = source->wanted;
    if (read_html(document, source, &document->n_text, facts) < 0)
        goto fail;
    if (document->progress)
        document->progress();
    if (prepare(document, facts) < 0 || make_page(document, source->width_px, source->height_px, facts) < 0)
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

/* Takes in what has come since the page was made. */
static int refresh(struct document *document, struct engine_facts *facts)
{
    if (!document->is_stale)
        return 0;
    forget_page(document); /* it points into what is prepared anew */
    if (document->is_unstyled && prepare(document, facts) < 0)
        return -1;
    document->is_stale = document->is_unstyled = false;
    return 0;
}

/* Sees to a page that is laid out for the window at a zoom. */
static int lay_out(struct document *document, float zoom, struct engine_facts *facts)
{
    int width_px = to_layout_px(document->width_px, zoom), height_px = to_layout_px(document->height_px, zoom);
    if (refresh(document, facts) < 0)
        return -1;
    if (document->page && width_px == document->layout_width_px && height_px == document->layout_height_px)
        return 0;
    if (!document->page || html_page_depends_on_window(document->page))
        return make_page(document, width_px, height_px, facts);
    forget_layout(document);
    document->layout_width_px = width_px;
    document->layout_height_px = height_px;
    if (html_page_layout(document->page, width_px, height_px, facts) == 0)
        return 0;
    forget_page(document); /* half laid out */
    return -1;
}

/* Records rect of the page into a new display list. */
static int record(struct document *document, fz_rect rect, fz_display_list **ret_list, struct engine_facts *facts)
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
    if (ret < 0)
        fz_drop_display_list(ctx, list);
    else
        *ret_list = list;
    return ret;
}

/* The band's place among those that are kept: its own, or that of the one that was longest out of use. */
static struct band *place_of(struct document *document, int number)
{
    struct band *oldest = &document->bands[0];
    for (size_t i = 0; i < N_BANDS; i++) {
        struct band *band = &document->bands[i];
        if (band->list && band->number == number)
            return band;
        if (band->used < oldest->used)
            oldest = band;
    }
    fz_drop_display_list(fitz_context(), oldest->list);
    *oldest = (struct band){.number = number};
    return oldest;
}

/* What a band shows, and a little more: what stands on its edge belongs to both sides. */
static fz_rect rect_of_band(int number, float zoom, fz_rect page)
{
    float top = (float)number * BAND_PX / zoom, height = BAND_PX / zoom, edge = 2 + 2 / zoom;
    return fz_make_rect(page.x0, top - edge, page.x1, top + height + edge);
}

/* Throws. */
static int show_band(struct document *document, int number, float zoom, fz_rect page, const struct fitz_window *window,
                     fz_irect part, struct engine_facts *facts)
{
    struct band *band = place_of(document, number);
    int first_row = number * BAND_PX;
    band->used = ++document->n_uses;
    if (!band->list && record(document, rect_of_band(number, zoom, page), &band->list, facts) < 0)
        return -1;
    part.y0 = fz_maxi(part.y0, first_row);
    part.y1 = fz_mini(part.y1, first_row + BAND_PX);
    /* Rows are counted from the band's first: far down a page there are no exact numbers left to draw with. */
    fz_matrix ctm = fz_make_matrix(zoom, 0, 0, zoom, 0, -(float)first_row);
    fz_irect all = fz_round_rect(fz_transform_rect(page, fz_scale(zoom, zoom)));
    fitz_draw_list(fitz_context(), band->list, ctm, all, first_row, window, part);
    return 0;
}

static fz_rect page_rect(const struct document *document)
{
    int width, height;
    html_page_size(document->page, &width, &height);
    return fz_make_rect(0, 0, (float)width, (float)height);
}

static struct engine_box box_of(const struct document *document, float zoom)
{
    fz_rect page = page_rect(document);
    return (struct engine_box){0, 0, (int)fminf(ceilf(page.x1 * zoom), 1 << 29),
                               (int)fminf(ceilf(page.y1 * zoom), 1 << 29)};
}

/* Throws. */
static int show(struct document *document, const struct engine_view *view, const struct canvas *canvas,
                struct engine_facts *facts)
{
    fz_rect page = page_rect(document);
    struct engine_box box = box_of(document, view->zoom);
    struct fitz_window window = fitz_window_on(canvas, view, &box);
    fz_irect part = fitz_lay_paper(&window, fz_transform_rect(page, fz_scale(view->zoom, view->zoom)));
    if (fz_is_empty_irect(part))
        return 0;
    if (!(document->bands_zoom == view->zoom))
        forget_layout(document);
    document->bands_zoom = view->zoom;
    for (int number = part.y0 / BAND_PX; number <= (part.y1 - 1) / BAND_PX; number++)
        if (show_band(document, number, view->zoom, page, &window, part, facts) < 0)
            return -1;
    return 0;
}

static int html_paint(void *opaque, const struct engine_view *view, const struct canvas *canvas,
                      struct engine_facts *facts)
{
    struct document *document = opaque;
    fz_context *ctx = fitz_context();
    int ret = lay_out(document, view->zoom, facts);
    if (ret < 0)
        return ret;
    fz_var(ret);
    fz_try(ctx) ret = show(document, view, canvas, facts);
    fz_catch(ctx) ret = fitz_refuse(ctx, facts);
    return ret;
}

/* ---- for a viewer -------------------------------------------------------------------------------------- */

static int html_measure(void *opaque, const struct engine_view *view, struct engine_box *ret_box,
                        struct engine_facts *facts)
{
    struct document *document = opaque;
    if (lay_out(document, view->zoom, facts) < 0)
        return -1;
    *ret_box = box_of(document, view->zoom);
    return 0;
}

static int within(float place, int length, int window)
{
    float most = fmaxf(0, (float)length - (float)window);
    return (int)fminf(fmaxf(place, 0), most);
}

/* The place is found in the page as the reader saw it: before what has come since changes it. */
static int html_resize(void *opaque, int width_px, int height_px, float zoom, struct engine_view *view,
                       struct engine_facts *facts)
{
    struct document *document = opaque;
    struct html_place place = {.word = UINT32_MAX};
    if (view->y_px > 0 && document->page)
        place = html_text_place(document->page, (float)view->y_px / view->zoom);
    document->width_px = width_px;
    document->height_px = height_px;
    if (lay_out(document, zoom, facts) < 0)
        return -1;
    struct engine_box box = box_of(document, zoom);
    view->x_px = within((float)view->x_px * zoom / view->zoom, box.width_px, width_px);
    view->y_px = within(floorf(html_text_height(document->page, place) * zoom), box.height_px, height_px);
    view->zoom = zoom;
    return 0;
}

static int html_links(void *opaque, const struct engine_view *view, struct engine_links *ret_links,
                      struct engine_facts *facts)
{
    struct document *document = opaque;
    if (lay_out(document, view->zoom, facts) < 0)
        return -1;
    if (!document->links.links && html_links_find(document->page, document->progress, &document->links, facts) < 0)
        return -1;
    *ret_links = (struct engine_links){document->links.links, document->links.n, document->links.is_cut};
    return 0;
}

static int html_search(void *opaque, const struct engine_view *view, const char *needle, size_t n_needle,
                       struct engine_hits *ret_hits, struct engine_facts *facts)
{
    struct document *document = opaque;
    if (lay_out(document, view->zoom, facts) < 0)
        return -1;
    return html_text_search(document->page, document->progress, needle, n_needle, ret_hits, facts);
}

static int html_select(void *opaque, const struct engine_view *view, struct engine_point from, struct engine_point to,
                       struct engine_selection *ret_selection, struct engine_facts *facts)
{
    struct document *document = opaque;
    if (lay_out(document, view->zoom, facts) < 0)
        return -1;
    return html_text_select(document->page, document->progress, from, to, ret_selection, facts);
}

static int html_provide(void *opaque, uint32_t id, const uint8_t *bytes, size_t n_bytes, struct engine_facts *facts)
{
    struct document *document = opaque;
    switch (html_resources_provide(&document->resources, id, bytes, n_bytes)) {
    case 0:
        break;
    case -ENOENT:
        return engine_refuse(facts, REFUSAL_UNSUPPORTED, "the page did not ask for that");
    case -ENOSPC:
        return engine_refuse(facts, REFUSAL_TOO_LARGE, "what the page asked for takes more than %zu MB together",
                             ENGINE_MAX_PROVIDED_BYTES >> 20);
    default:
        return refuse_memory(facts);
    }
    if (n_bytes > 0) {
        document->is_stale = true;
        document->is_unstyled = document->is_unstyled || document->resources.all[id].kind == ENGINE_WANTED_STYLE;
    }
    return 0;
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
        .bytes = (const uint8_t *)warm_page,
        .n_bytes = sizeof(warm_page) - 1,
        .kind = DOCUMENT_HTML,
        .width_px = 256,
        .height_px = 256,
        .progress = no_progress,
    };
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
    .measure = html_measure,
    .resize = html_resize,
    .links = html_links,
    .search = html_search,
    .select = html_select,
    .provide = html_provide,
};
