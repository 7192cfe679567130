/* Documents and pictures that MuPDF reads. JavaScript in a PDF is off: MuPDF runs none unless pdf_enable_js is
 * called. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "renderer/engine.h"
#include "renderer/engines/fitz.h"
#include "renderer/engines/float_tiff.h"
#include "renderer/engines/gif_frame.h"

/* A book's page in points. The same for every frame, so that page numbers stay when the frame changes. */
#define BOOK_WIDTH_PT  450
#define BOOK_HEIGHT_PT 600
#define BOOK_EM_PT     12

/* One page as it was last drawn; the next zoom or scroll needs no parsing. */
struct page {
    fz_display_list *list; /* NULL: none yet */
    uint32_t number;
    fz_rect bounds;      /* in points */
    float natural_scale; /* pixels per point at which a picture shows pixel for pixel; else infinity */
    uint64_t n_pixels;   /* of the largest picture, when the page is a picture */
};

struct document {
    fz_context *ctx;
    fz_stream *stream;
    fz_document *fitz;
    enum document_kind kind; /* what MuPDF was told */
    uint8_t *converted;      /* what it was given in place of the source, NULL for the source itself */
    void (*progress)(void);
    struct page page;
};

/* The document types MuPDF goes by, and whether a page is a picture, never to be enlarged. */
static const struct {
    const char *mime_type;
    bool is_picture;
} types[DOCUMENT_KIND_COUNT] = {
    [DOCUMENT_PDF] = {"application/pdf", false},
    [DOCUMENT_EPUB] = {"application/epub+zip", false},
    [DOCUMENT_XPS] = {"application/vnd.ms-xpsdocument", false},
    [DOCUMENT_CBZ] = {"application/x-cbz", true},
    [DOCUMENT_FB2] = {"application/x-fictionbook", false},
    [DOCUMENT_MOBI] = {"application/x-mobipocket-ebook", false},
    [DOCUMENT_SVG] = {"image/svg+xml", false},
    [DOCUMENT_PNG] = {"image/png", true},
    [DOCUMENT_JPEG] = {"image/jpeg", true},
    [DOCUMENT_JPEG2000] = {"image/jp2", true},
    [DOCUMENT_TIFF] = {"image/tiff", true},
    [DOCUMENT_BMP] = {"image/bmp", true},
    [DOCUMENT_GIF] = {"image/gif", true},
    [DOCUMENT_PNM] = {"image/x-portable-anymap", true},
};

static const enum document_kind kinds[] = {DOCUMENT_PDF,      DOCUMENT_EPUB, DOCUMENT_XPS,    DOCUMENT_CBZ,
                                           DOCUMENT_FB2,      DOCUMENT_MOBI, DOCUMENT_PNG,    DOCUMENT_JPEG,
                                           DOCUMENT_TIFF,     DOCUMENT_BMP,  DOCUMENT_GIF,    DOCUMENT_PNM,
                                           DOCUMENT_JPEG2000, DOCUMENT_SVG,  DOCUMENT_UNKNOWN};

static int refuse_pixels(struct engine_facts *facts, uint64_t width, uint64_t height)
{
    return engine_refuse(facts, REFUSAL_TOO_LARGE, "the picture is %llu x %llu pixels, the limit is %llu megapixels",
                         (unsigned long long)width, (unsigned long long)height, ENGINE_MAX_PIXELS / 1000000);
}

/* Opening. */

/* Throws when the header makes no sense. */
static void read_picture_size(fz_context *ctx, const struct engine_source *source, int *ret_width, int *ret_height)
{
    fz_buffer *buffer = NULL;
    fz_image *image = NULL;
    fz_var(buffer);
    fz_var(image);
    fz_try(ctx)
    {
        buffer = fz_new_buffer_from_shared_data(ctx, source->bytes, source->n_bytes);
        image = fz_new_image_from_buffer(ctx, buffer);
        *ret_width = image->w;
        *ret_height = image->h;
    }
    fz_always(ctx)
    {
        fz_drop_image(ctx, image);
        fz_drop_buffer(ctx, buffer);
    }
    fz_catch(ctx)
    {
        fz_rethrow(ctx);
    }
}

static uint32_t be32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The size of a picture, from its header alone: MuPDF decodes some when it loads the page. */
static int check_picture_size(fz_context *ctx, const struct engine_source *source, struct engine_facts *facts)
{
    /* MuPDF refuses a huge PNG by itself, but does not say how large it is. */
    if (source->kind == DOCUMENT_PNG && source->n_bytes >= 24) {
        uint64_t across = be32(source->bytes + 16), down = be32(source->bytes + 20);
        if (across * down > ENGINE_MAX_PIXELS)
            return refuse_pixels(facts, across, down);
    }

    int width = 0, height = 0;
    fz_try(ctx)
    {
        read_picture_size(ctx, source, &width, &height);
    }
    fz_catch(ctx)
    {
        return fitz_refuse(ctx, facts);
    }
    if ((uint64_t)width * (uint64_t)height > ENGINE_MAX_PIXELS)
        return refuse_pixels(facts, (uint64_t)width, (uint64_t)height);
    return 0;
}

static bool is_gzip(const struct engine_source *source)
{
    return source->n_bytes > 2 && source->bytes[0] == 0x1f && source->bytes[1] == 0x8b;
}

static fz_stream *open_stream(fz_context *ctx, const struct engine_source *source)
{
    fz_stream *plain = fz_open_memory(ctx, source->bytes, source->n_bytes);
    if (source->kind != DOCUMENT_SVG || !is_gzip(source))
        return plain;

    fz_stream *unpacked = NULL;
    fz_var(unpacked);
    fz_try(ctx)
    {
        /* For zlib: a gzip header, and the largest window. */
        unpacked = fz_open_flated(ctx, plain, 16 + 15);
    }
    fz_always(ctx)
    {
        fz_drop_stream(ctx, plain);
    }
    fz_catch(ctx)
    {
        fz_rethrow(ctx);
    }
    return unpacked;
}

/* A book is laid out chapter by chapter, which may take seconds in all. */
static uint32_t count_pages(struct document *document)
{
    int n_chapters = fz_count_chapters(document->ctx, document->fitz);
    int64_t n_pages = 0;
    for (int chapter = 0; chapter < n_chapters; chapter++) {
        n_pages += fz_count_chapter_pages(document->ctx, document->fitz, chapter);
        document->progress();
    }
    return n_pages > 0 && n_pages <= INT32_MAX ? (uint32_t)n_pages : 0;
}

static void read_title(struct document *document, struct engine_facts *facts)
{
    char title[sizeof(facts->title)];
    int n = fz_lookup_metadata(document->ctx, document->fitz, FZ_META_INFO_TITLE, title, sizeof(title));
    if (n > 0)
        engine_title(facts, title, strnlen(title, sizeof(title)));
}

/* Throws. */
static int load(struct document *document, const struct engine_source *source, struct engine_facts *facts)
{
    fz_context *ctx = document->ctx;
    document->stream = open_stream(ctx, source);
    document->fitz = fz_open_document_with_stream(ctx, types[source->kind].mime_type, document->stream);
    document->progress();
    if (fz_needs_password(ctx, document->fitz))
        return engine_refuse(facts, REFUSAL_ENCRYPTED, "the document is encrypted and opens only with its password");
    if (fz_is_document_reflowable(ctx, document->fitz))
        fz_layout_document(ctx, document->fitz, BOOK_WIDTH_PT, BOOK_HEIGHT_PT, BOOK_EM_PT);
    facts->n_pages = count_pages(document);
    if (facts->n_pages == 0)
        return engine_refuse(facts, REFUSAL_BROKEN, "the document has no pages");
    read_title(document, facts);
    return 0;
}

static void drop_page(struct document *document)
{
    fz_drop_display_list(document->ctx, document->page.list);
    document->page = (struct page){0};
}

static void mupdf_close(void *opened)
{
    struct document *document = opened;
    if (!document)
        return;
    drop_page(document);
    fz_drop_document(document->ctx, document->fitz);
    fz_drop_stream(document->ctx, document->stream);
    free(document->converted);
    free(document);
}

/* Makes what MuPDF can read of what it cannot, or not rightly. -ENOTSUP: nothing to do. */
static int make_readable(const struct engine_source *source, uint8_t **ret_bytes, size_t *ret_n_bytes,
                         enum document_kind *ret_kind)
{
    switch (source->kind) {
    case DOCUMENT_TIFF:
        *ret_kind = DOCUMENT_PNM;
        return float_tiff_to_pnm(source->bytes, source->n_bytes, ret_bytes, ret_n_bytes);
    case DOCUMENT_GIF:
        *ret_kind = DOCUMENT_GIF;
        return gif_first_frame(source->bytes, source->n_bytes, ret_bytes, ret_n_bytes);
    default:
        return -ENOTSUP;
    }
}

/* Puts a converted document in the source's place where that is needed. */
static int convert(struct document *document, struct engine_source *source, struct engine_facts *facts)
{
    size_t n_bytes;
    enum document_kind kind;
    switch (make_readable(source, &document->converted, &n_bytes, &kind)) {
    case 0:
        source->bytes = document->converted;
        source->n_bytes = n_bytes;
        source->kind = kind;
        return 0;
    case -ENOTSUP:
        return 0;
    case -E2BIG:
        return engine_refuse(facts, REFUSAL_TOO_LARGE, "the picture has more than %llu megapixels",
                             ENGINE_MAX_PIXELS / 1000000);
    case -ENOMEM:
        return engine_refuse(facts, REFUSAL_MEMORY, "the document needs more memory than a tab may use");
    default:
        return engine_refuse(facts, REFUSAL_BROKEN, "the picture is damaged or cut short");
    }
}

/* Opens what is in the source; the document may be half made when it fails. */
static int open_source(struct document *document, const struct engine_source *source, struct engine_facts *facts)
{
    if (types[source->kind].is_picture && source->kind != DOCUMENT_CBZ) {
        int r = check_picture_size(document->ctx, source, facts);
        if (r < 0)
            return r;
    }
    volatile int r = 0;
    fz_try(document->ctx)
    {
        r = load(document, source, facts);
    }
    fz_catch(document->ctx)
    {
        r = fitz_refuse(document->ctx, facts);
    }
    return r;
}

static int mupdf_open(const struct engine_source *source, void **ret_document, struct engine_facts *facts)
{
    fz_context *ctx = fitz_context();
    struct document *document = ctx ? calloc(1, sizeof(*document)) : NULL;
    if (!document)
        return engine_refuse(facts, REFUSAL_MEMORY, "no memory to begin with");
    document->ctx = ctx;
    document->progress = source->progress;
    facts->title[0] = '\0';

    struct engine_source readable = *source;
    int r = convert(document, &readable, facts);
    document->kind = readable.kind;
    if (r == 0)
        r = open_source(document, &readable, facts);
    if (r < 0) {
        mupdf_close(document);
        return r;
    }
    *ret_document = document;
    return 0;
}

/* From a page to a display list. */

/* A device that draws nothing and looks how large the pictures of a page are. */
struct ruler {
    fz_device device;
    struct page *page;
};

static void measure_image(fz_context *ctx, fz_device *device, fz_image *image, fz_matrix ctm, float alpha,
                          fz_color_params params)
{
    (void)ctx;
    (void)alpha;
    (void)params;
    struct page *page = ((struct ruler *)(void *)device)->page;
    uint64_t n_pixels = (uint64_t)image->w * (uint64_t)image->h;
    if (n_pixels > page->n_pixels)
        page->n_pixels = n_pixels;

    float scale = fminf((float)image->w / hypotf(ctm.a, ctm.b), (float)image->h / hypotf(ctm.c, ctm.d));
    if (scale > 0 && scale < page->natural_scale)
        page->natural_scale = scale;
}

static void measure_pictures(fz_context *ctx, struct page *page)
{
    struct ruler *ruler = fz_new_derived_device(ctx, struct ruler);
    ruler->device.fill_image = measure_image;
    ruler->page = page;
    fz_try(ctx)
    {
        fz_run_display_list(ctx, page->list, &ruler->device, fz_identity, fz_infinite_rect, NULL);
        fz_close_device(ctx, &ruler->device);
    }
    fz_always(ctx)
    {
        fz_drop_device(ctx, &ruler->device);
    }
    fz_catch(ctx)
    {
        fz_rethrow(ctx);
    }
}

/* Records one layer of a page as far as it makes sense: what stands before an error is worth seeing. */
static void record(fz_context *ctx, fz_page_run_page_fn *run, fz_page *page, fz_device *device)
{
    fz_try(ctx)
    {
        run(ctx, page, device, fz_identity, NULL);
    }
    fz_catch(ctx)
    {
        fz_rethrow_if(ctx, FZ_ERROR_MEMORY);
    }
}

/* Fills document->page. Throws. */
static void load_page(struct document *document, uint32_t number)
{
    fz_context *ctx = document->ctx;
    struct page *page = &document->page;
    fz_page *loaded = NULL;
    fz_device *device = NULL;
    fz_var(loaded);
    fz_var(device);
    fz_try(ctx)
    {
        loaded = fz_load_page(ctx, document->fitz, (int)number);
        document->progress();
        *page = (struct page){.number = number, .bounds = fz_bound_page(ctx, loaded), .natural_scale = INFINITY};
        page->list = fz_new_display_list(ctx, page->bounds);
        device = fz_new_list_device(ctx, page->list);
        record(ctx, fz_run_page_contents, loaded, device);
        record(ctx, fz_run_page_annots, loaded, device);
        record(ctx, fz_run_page_widgets, loaded, device);
        fz_close_device(ctx, device);
        document->progress();
        if (types[document->kind].is_picture)
            measure_pictures(ctx, page);
    }
    fz_always(ctx)
    {
        fz_drop_device(ctx, device);
        fz_drop_page(ctx, loaded);
    }
    fz_catch(ctx)
    {
        drop_page(document);
        fz_rethrow(ctx);
    }
}

/* From a display list to the canvas. */

static float width_of(fz_rect rect)
{
    return rect.x1 - rect.x0;
}

static float height_of(fz_rect rect)
{
    return rect.y1 - rect.y0;
}

/* Whole within the canvas and in its middle at zoom 1, at a whole pixel so that a picture is not smeared. */
static fz_matrix place(const struct page *page, const struct engine_view *view, const struct canvas *canvas)
{
    float width = width_of(page->bounds), height = height_of(page->bounds);
    float fit = fminf((float)canvas->width_px / width, (float)canvas->height_px / height);
    float scale = fminf(fit, page->natural_scale) * view->zoom;
    float left = floorf(fmaxf(0, ((float)canvas->width_px - width * scale) / 2));
    float top = floorf(fmaxf(0, ((float)canvas->height_px - height * scale) / 2));

    fz_matrix to_origin = fz_translate(-page->bounds.x0, -page->bounds.y0);
    fz_matrix scaled = fz_post_scale(to_origin, scale, scale);
    return fz_concat(scaled, fz_translate(left - (float)view->x_px, top - (float)view->y_px));
}

/* Whether the page has a size to scale. Written so that a number that is none fails too. */
static bool is_sane(fz_rect bounds)
{
    return width_of(bounds) > 0 && height_of(bounds) > 0 && isfinite(width_of(bounds)) && isfinite(height_of(bounds));
}

/* Throws. */
static int show_page(struct document *document, const struct engine_view *view, const struct canvas *canvas,
                     struct engine_facts *facts)
{
    struct page *page = &document->page;
    if (!page->list || page->number != view->page) {
        drop_page(document);
        load_page(document, view->page);
    }
    if (!is_sane(page->bounds))
        return engine_refuse(facts, REFUSAL_BROKEN, "the page has no size");
    if (page->n_pixels > ENGINE_MAX_PIXELS)
        return engine_refuse(facts, REFUSAL_TOO_LARGE, "the picture has %llu megapixels, the limit is %llu",
                             (unsigned long long)page->n_pixels / 1000000, ENGINE_MAX_PIXELS / 1000000);

    int n_missing = fitz_draw_list(document->ctx, page->list, place(page, view, canvas), page->bounds, canvas);
    /* A page may lack something, but of a picture that cannot be decoded nothing is left. */
    if (n_missing > 0 && types[document->kind].is_picture)
        return engine_refuse(facts, REFUSAL_BROKEN, "%s", fz_caught_message(document->ctx));
    return 0;
}

static int mupdf_paint(void *opened, const struct engine_view *view, const struct canvas *canvas,
                       struct engine_facts *facts)
{
    struct document *document = opened;
    volatile int r = 0;
    fz_try(document->ctx)
    {
        r = show_page(document, view, canvas, facts);
    }
    fz_catch(document->ctx)
    {
        r = fitz_refuse(document->ctx, facts);
    }
    if (r < 0 && facts->refusal != REFUSAL_MEMORY) {
        char why[sizeof(facts->detail)];
        memcpy(why, facts->detail, sizeof(why));
        return engine_refuse(facts, facts->refusal, "page %u: %s", view->page + 1, why);
    }
    return r;
}

/* Warming up. */

/* The fonts that documents use most without bringing them. MuPDF keeps each that was once asked for; each costs a
 * third of a millisecond before the first renderer, so that all others (CJK costs a whole one) wait until a document
 * asks for them. None of them needs a file: all are in the program. */
static const char *const base_fonts[] = {"Times-Roman", "Helvetica"};

/* Adds a word in a font, as a page would, and drops the font. */
static void write_word(fz_context *ctx, fz_text *text, fz_font *font, const char *word)
{
    fz_try(ctx)
    {
        fz_show_string(ctx, text, font, fz_scale(8, -8), word, 0, 0, FZ_BIDI_LTR, FZ_LANG_UNSET);
    }
    fz_always(ctx)
    {
        fz_drop_font(ctx, font);
    }
    fz_catch(ctx)
    {
        fz_rethrow(ctx);
    }
}

static void write_words(fz_context *ctx, fz_device *device)
{
    const float black[1] = {0};
    fz_text *text = fz_new_text(ctx);
    fz_try(ctx)
    {
        for (size_t i = 0; i < sizeof(base_fonts) / sizeof(base_fonts[0]); i++)
            write_word(ctx, text, fz_new_base14_font(ctx, base_fonts[i]), "Aa");
        fz_fill_text(ctx, device, text, fz_translate(2, 12), fz_device_gray(ctx), black, 1, fz_default_color_params);
    }
    fz_always(ctx)
    {
        fz_drop_text(ctx, text);
    }
    fz_catch(ctx)
    {
        fz_rethrow(ctx);
    }
}

/* Draws a small page with each of the fonts. Throws. */
static void draw_sample(fz_context *ctx)
{
    enum { SIDE_PX = 16 };
    static uint8_t pixels[SIDE_PX * SIDE_PX * 4];
    const struct canvas canvas = {pixels, SIDE_PX, SIDE_PX, SIDE_PX * 4};
    const fz_rect bounds = {0, 0, SIDE_PX, SIDE_PX};
    fz_display_list *list = fz_new_display_list(ctx, bounds);
    fz_device *device = NULL;
    fz_var(device);
    fz_try(ctx)
    {
        device = fz_new_list_device(ctx, list);
        write_words(ctx, device);
        fz_close_device(ctx, device);
        fitz_draw_list(ctx, list, fz_identity, bounds, &canvas);
    }
    fz_always(ctx)
    {
        fz_drop_device(ctx, device);
        fz_drop_display_list(ctx, list);
    }
    fz_catch(ctx)
    {
        fz_rethrow(ctx);
    }
}

static int compare_bytes(const void *a, const void *b)
{
    return memcmp(a, b, 1);
}

/* At its first large array the C library's qsort asks sysinfo for the memory there is. */
static void sort_something(void)
{
    char bytes[4096] = "";
    qsort(bytes, sizeof(bytes), 1, compare_bytes);
}

static int mupdf_warm_up(void)
{
    fz_context *ctx = fitz_context();
    if (!ctx)
        return -ENOMEM;
    sort_something();
    fz_try(ctx)
    {
        draw_sample(ctx);
    }
    fz_catch(ctx)
    {
        return fz_caught(ctx) == FZ_ERROR_MEMORY ? -ENOMEM : -EIO;
    }
    return 0;
}

const struct engine mupdf_engine = {
    .name = "mupdf",
    .kinds = kinds,
    .warm_up = mupdf_warm_up,
    .open = mupdf_open,
    .paint = mupdf_paint,
    .close = mupdf_close,
};
