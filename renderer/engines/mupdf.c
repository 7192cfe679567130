/* Documents and pictures that MuPDF reads. JavaScript in a PDF is off: MuPDF runs none unless pdf_enable_js is
 * called. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "renderer/engine.h"
#include "renderer/engines/fitz.h"
#include "renderer/engines/float_tiff.h"
#include "renderer/engines/gif.h"
#include "renderer/engines/mupdf.h"

/* A book's page in points: the same for all windows that are wide enough, so that page numbers stay when the window
 * changes. For a narrow one lines get shorter instead of letters smaller. */
#define BOOK_WIDTH_PT     450
#define BOOK_MIN_WIDTH_PT 225
#define BOOK_HEIGHT_PT    600
#define BOOK_EM_PT        12

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

bool mupdf_is_picture(enum document_kind kind)
{
    return types[kind].is_picture;
}

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
static uint32_t count_pages(struct mupdf_document *document)
{
    int n_chapters = fz_count_chapters(document->ctx, document->fitz);
    int64_t n_pages = 0;
    for (int chapter = 0; chapter < n_chapters; chapter++) {
        n_pages += fz_count_chapter_pages(document->ctx, document->fitz, chapter);
        document->progress();
    }
    return n_pages > 0 && n_pages <= INT32_MAX ? (uint32_t)n_pages : 0;
}

static void read_title(struct mupdf_document *document, struct engine_facts *facts)
{
    char title[sizeof(facts->title)];
    int n = fz_lookup_metadata(document->ctx, document->fitz, FZ_META_INFO_TITLE, title, sizeof(title));
    if (n > 0)
        engine_title(facts, title, strnlen(title, sizeof(title)));
}

static float book_width(const struct mupdf_document *document)
{
    float width = BOOK_HEIGHT_PT * (float)document->width_px / (float)document->height_px;
    return width < BOOK_MIN_WIDTH_PT ? BOOK_MIN_WIDTH_PT : width < BOOK_WIDTH_PT ? floorf(width) : BOOK_WIDTH_PT;
}

/* Throws. */
static void lay_out_book(struct mupdf_document *document)
{
    document->book_width_pt = book_width(document);
    fz_layout_document(document->ctx, document->fitz, document->book_width_pt, BOOK_HEIGHT_PT, BOOK_EM_PT);
}

/* Throws. */
static int load(struct mupdf_document *document, const struct engine_source *source, struct engine_facts *facts)
{
    fz_context *ctx = document->ctx;
    document->stream = open_stream(ctx, source);
    document->fitz = fz_open_document_with_stream(ctx, types[source->kind].mime_type, document->stream);
    document->progress();
    if (fz_needs_password(ctx, document->fitz))
        return engine_refuse(facts, REFUSAL_ENCRYPTED, "the document is encrypted and opens only with its password");
    if (fz_is_document_reflowable(ctx, document->fitz))
        lay_out_book(document);
    facts->n_pages = count_pages(document);
    if (facts->n_pages == 0)
        return engine_refuse(facts, REFUSAL_BROKEN, "the document has no pages");
    read_title(document, facts);
    return 0;
}

static void mupdf_close(void *opened)
{
    struct mupdf_document *document = opened;
    if (!document)
        return;
    mupdf_forget_pages(document);
    gif_close(document->ctx, document->gif);
    fz_drop_document(document->ctx, document->fitz);
    fz_drop_stream(document->ctx, document->stream);
    free(document->converted);
    free(document);
}

/* Makes what MuPDF can read of what it cannot, or not rightly. -ENOTSUP: nothing to do. */
static int make_readable(struct mupdf_document *document, struct engine_source *source)
{
    struct gif_facts facts;
    int r;
    switch (source->kind) {
    case DOCUMENT_TIFF:
        r = float_tiff_to_pnm(source->bytes, source->n_bytes, &document->converted, &source->n_bytes);
        if (r == 0) {
            source->bytes = document->converted;
            source->kind = DOCUMENT_PNM;
        }
        return r;
    case DOCUMENT_GIF:
        r = gif_open(source->bytes, source->n_bytes, &document->gif, &facts);
        if (r == 0) {
            document->n_frames = facts.n_frames;
            document->n_loops = facts.n_loops;
            document->gif_width_px = facts.width_px;
            document->gif_height_px = facts.height_px;
        }
        return r;
    default:
        return -ENOTSUP;
    }
}

/* Puts a converted document in the source's place where that is needed. */
static int convert(struct mupdf_document *document, struct engine_source *source, struct engine_facts *facts)
{
    switch (make_readable(document, source)) {
    case 0:
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
static int open_source(struct mupdf_document *document, const struct engine_source *source, struct engine_facts *facts)
{
    if (document->gif) {
        facts->n_pages = 1;
        return 0;
    }
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
    struct mupdf_document *document = ctx ? calloc(1, sizeof(*document)) : NULL;
    if (!document)
        return engine_refuse(facts, REFUSAL_MEMORY, "no memory to begin with");
    document->ctx = ctx;
    document->progress = source->progress;
    document->width_px = source->width_px;
    document->height_px = source->height_px;
    document->n_frames = document->n_loops = 1;
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
    document->n_pages = facts->n_pages;
    *ret_document = document;
    return 0;
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

/* Whether the page has a size to scale. Written so that a number that is none fails too. */
static bool is_sane(fz_rect bounds)
{
    return width_of(bounds) > 0 && height_of(bounds) > 0 && isfinite(width_of(bounds)) && isfinite(height_of(bounds));
}

/* Whole within the window at zoom 1. */
float mupdf_scale(const struct mupdf_document *document, fz_rect bounds, float natural_scale)
{
    float fit = fminf((float)document->width_px / width_of(bounds), (float)document->height_px / height_of(bounds));
    return fminf(fit, natural_scale);
}

fz_matrix mupdf_matrix(const struct mupdf_document *document, const struct mupdf_page *page, float zoom)
{
    float scale = mupdf_scale(document, page->bounds, page->natural_scale) * zoom;
    return fz_post_scale(fz_translate(-page->bounds.x0, -page->bounds.y0), scale, scale);
}

static int whole(float length)
{
    return (int)fminf(fmaxf(ceilf(length - 0.001f), 1), 1 << 29);
}

/* In the middle of the window, at a whole pixel so that a picture is not smeared. */
static struct engine_box box_of(const struct mupdf_document *document, const struct mupdf_page *page, float zoom)
{
    float scale = mupdf_scale(document, page->bounds, page->natural_scale) * zoom;
    float width = width_of(page->bounds) * scale, height = height_of(page->bounds) * scale;
    return (struct engine_box){
        .x_px = (int)floorf(fmaxf(0, ((float)document->width_px - width) / 2)),
        .y_px = (int)floorf(fmaxf(0, ((float)document->height_px - height) / 2)),
        .width_px = whole(width),
        .height_px = whole(height),
    };
}

/* The page, when it can be shown. Throws. */
int mupdf_find_page(struct mupdf_document *document, const struct engine_view *view, struct mupdf_page **ret_page,
                    struct engine_facts *facts)
{
    struct mupdf_page *page = mupdf_page(document, view->page, view->frame);
    if (!is_sane(page->bounds))
        return engine_refuse(facts, REFUSAL_BROKEN, "the page has no size");
    if (page->n_pixels > ENGINE_MAX_PIXELS)
        return engine_refuse(facts, REFUSAL_TOO_LARGE, "the picture has %llu megapixels, the limit is %llu",
                             (unsigned long long)page->n_pixels / 1000000, ENGINE_MAX_PIXELS / 1000000);
    *ret_page = page;
    return 0;
}

/* Throws. */
static int show_page(struct mupdf_document *document, const struct engine_view *view, const struct canvas *canvas,
                     struct engine_facts *facts)
{
    struct mupdf_page *page;
    if (mupdf_find_page(document, view, &page, facts) < 0)
        return -1;
    fz_matrix ctm = mupdf_matrix(document, page, view->zoom);
    struct engine_box box = box_of(document, page, view->zoom);
    struct fitz_window window = fitz_window_on(canvas, view, &box);
    fz_rect paper = fz_transform_rect(page->bounds, ctm);
    fz_irect part = fitz_lay_paper(&window, paper);
    int n_missing = fitz_draw_list(document->ctx, page->list, ctm, fz_round_rect(paper), 0, &window, part);
    /* A page may lack something, but of a picture that cannot be decoded nothing is left. */
    if (n_missing > 0 && types[document->kind].is_picture)
        return engine_refuse(facts, REFUSAL_BROKEN, "%s", fz_caught_message(document->ctx));
    return 0;
}

static int mupdf_paint(void *opened, const struct engine_view *view, const struct canvas *canvas,
                       struct engine_facts *facts)
{
    struct mupdf_document *document = opened;
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

/* For a viewer. */

static int mupdf_measure(void *opened, const struct engine_view *view, struct engine_box *ret_box,
                         struct engine_facts *facts)
{
    struct mupdf_document *document = opened;
    volatile int r = 0;
    fz_try(document->ctx)
    {
        struct mupdf_page *page;
        r = mupdf_find_page(document, view, &page, facts);
        if (r == 0)
            *ret_box = box_of(document, page, view->zoom);
    }
    fz_catch(document->ctx)
    {
        r = fitz_refuse(document->ctx, facts);
    }
    return r;
}

/* Lays a book out anew where its lines get longer or shorter; the view becomes the beginning of the page on which the old
 * one began. Throws. */
static bool move_book(struct mupdf_document *document, struct engine_view *view, struct engine_facts *facts)
{
    fz_context *ctx = document->ctx;
    if (document->book_width_pt <= 0 || fabsf(book_width(document) - document->book_width_pt) < 1)
        return false;
    fz_location location = fz_location_from_page_number(ctx, document->fitz, (int)view->page);
    fz_bookmark mark = fz_make_bookmark(ctx, document->fitz, location);
    mupdf_forget_pages(document);
    lay_out_book(document);
    document->n_pages = facts->n_pages = count_pages(document);
    int page = fz_page_number_from_location(ctx, document->fitz, fz_lookup_bookmark(ctx, document->fitz, mark));
    view->page = page > 0 && (uint32_t)page < document->n_pages ? (uint32_t)page : 0;
    view->x_px = view->y_px = 0;
    return true;
}

/* The pixel of another size that shows the same, unless all of both fits the window. */
static int moved(int place, int start, int length, int new_start, int new_length, int window)
{
    if (place == 0 && new_length <= window)
        return 0;
    double moved_to = new_start + ((double)place - start) * new_length / length;
    return (int)fmin(fmax(moved_to, -(1 << 29)), 1 << 29);
}

/* Throws. */
static int move_view(struct mupdf_document *document, int width_px, int height_px, float zoom, struct engine_view *view,
                     struct engine_facts *facts)
{
    struct mupdf_page *page;
    if (mupdf_find_page(document, view, &page, facts) < 0)
        return -1;
    struct engine_box before = box_of(document, page, view->zoom);
    document->width_px = width_px;
    document->height_px = height_px;
    view->zoom = zoom;
    if (move_book(document, view, facts))
        return document->n_pages > 0 ? 0 : engine_refuse(facts, REFUSAL_BROKEN, "the document has no pages");
    mupdf_forget_links(document);
    struct engine_box after = box_of(document, page, zoom);
    view->x_px = moved(view->x_px, before.x_px, before.width_px, after.x_px, after.width_px, width_px);
    view->y_px = moved(view->y_px, before.y_px, before.height_px, after.y_px, after.height_px, height_px);
    return 0;
}

static int mupdf_resize(void *opened, int width_px, int height_px, float zoom, struct engine_view *view,
                        struct engine_facts *facts)
{
    struct mupdf_document *document = opened;
    volatile int r = 0;
    fz_try(document->ctx)
    {
        r = move_view(document, width_px, height_px, zoom, view, facts);
    }
    fz_catch(document->ctx)
    {
        r = fitz_refuse(document->ctx, facts);
    }
    return r;
}

static int mupdf_animation(void *opened, const struct engine_view *view, struct engine_animation *ret_animation,
                           struct engine_facts *facts)
{
    (void)facts;
    const struct mupdf_document *document = opened;
    *ret_animation = (struct engine_animation){
        .n_frames = document->n_frames,
        .n_loops = document->n_loops,
        .delay_ms = document->gif ? gif_delay_ms(document->gif, view->frame) : 0,
    };
    return 0;
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
        const struct fitz_window window = {&canvas, 0, 0};
        fitz_draw_list(ctx, list, fz_identity, fz_round_rect(bounds), 0, &window, fitz_lay_paper(&window, bounds));
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
    .measure = mupdf_measure,
    .resize = mupdf_resize,
    .links = mupdf_links,
    .search = mupdf_search,
    .select = mupdf_select,
    .animation = mupdf_animation,
};
