/* The one MuPDF context of the process, its memory cap, and the way from a display list to the canvas. */
#include "renderer/engines/fitz.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* Decoded pictures, fonts and glyphs kept for the next page. A cache: MuPDF empties it by itself when the cap
 * refuses an allocation. */
#define STORE_MAX_BYTES (64u << 20)

/* What the allocator below has handed out since there is a limit. May be negative, for the warm-up's memory is
 * not counted when it is taken and is when it is given back. */
static int64_t counted_bytes;

static bool counting(void)
{
    return engines_memory_limit() <= INT64_MAX; /* SIZE_MAX: no limit yet */
}

static bool fits(size_t n_bytes)
{
    return !counting() ||
           (n_bytes <= INT64_MAX / 2 && counted_bytes + (int64_t)n_bytes <= (int64_t)engines_memory_limit());
}

static void count(const void *block, int sign)
{
    if (counting())
        counted_bytes += sign * (int64_t)malloc_usable_size((void *)block);
}

static void *capped_malloc(void *user, size_t n_bytes)
{
    (void)user;
    void *block = fits(n_bytes) ? malloc(n_bytes) : NULL;
    count(block, +1);
    return block;
}

static void capped_free(void *user, void *block)
{
    (void)user;
    count(block, -1);
    free(block);
}

static void *capped_realloc(void *user, void *block, size_t n_bytes)
{
    if (!block)
        return capped_malloc(user, n_bytes);
    size_t old_bytes = malloc_usable_size(block);
    if (n_bytes > old_bytes && !fits(n_bytes - old_bytes))
        return NULL;
    void *moved = realloc(block, n_bytes);
    if (moved && counting())
        counted_bytes += (int64_t)malloc_usable_size(moved) - (int64_t)old_bytes;
    return moved;
}

/* A hostile document could otherwise fill a log with a warning for each of its bytes. */
static void be_silent(void *user, const char *message)
{
    (void)user;
    (void)message;
}

static fz_context *make_context(void)
{
    static const fz_alloc_context allocator = {.malloc = capped_malloc, .realloc = capped_realloc, .free = capped_free};

    fz_context *ctx = fz_new_context(&allocator, NULL, STORE_MAX_BYTES);
    if (!ctx)
        return NULL;
    fz_set_warning_callback(ctx, be_silent, NULL);
    fz_set_error_callback(ctx, be_silent, NULL);
    fz_try(ctx)
    {
        fz_register_document_handlers(ctx);
    }
    fz_catch(ctx)
    {
        fz_drop_context(ctx);
        return NULL;
    }
    return ctx;
}

fz_context *fitz_context(void)
{
    static fz_context *context;
    if (!context)
        context = make_context();
    return context;
}

/* MuPDF opens the folder of an HTML document that comes as a stream, and reads what style sheets name by path. Both
 * would be refused by the kernel; here they never get as far. Linked with --wrap. The first may not fail, or the
 * document would: an empty archive it is. */
fz_archive *__wrap_fz_open_directory(fz_context *ctx, const char *path);
fz_buffer *__wrap_fz_read_file(fz_context *ctx, const char *path);

fz_archive *__wrap_fz_open_directory(fz_context *ctx, const char *path)
{
    (void)path;
    return fz_new_multi_archive(ctx);
}

fz_buffer *__wrap_fz_read_file(fz_context *ctx, const char *path)
{
    (void)path;
    fz_throw(ctx, FZ_ERROR_GENERIC, "a document may not name files");
}

/* Whole pixels of the canvas that a rectangle in list coordinates covers. */
static fz_irect on_canvas(fz_rect rect, fz_matrix ctm, const struct canvas *canvas)
{
    fz_irect all = {0, 0, canvas->width_px, canvas->height_px};
    return fz_intersect_irect(fz_round_rect(fz_transform_rect(rect, ctm)), all);
}

static void fill(const struct canvas *canvas, fz_irect rect, uint32_t rgb)
{
    canvas_fill(canvas, rect.x0, rect.y0, rect.x1 - rect.x0, rect.y1 - rect.y0, rgb);
}

/* The desk around the page, the paper under it; returns where the page may draw. */
static fz_irect lay_paper(const struct canvas *canvas, fz_matrix ctm, fz_rect paper)
{
    fz_irect all = {0, 0, canvas->width_px, canvas->height_px};
    if (fz_is_empty_rect(paper)) {
        fill(canvas, all, CANVAS_DESK);
        return all;
    }
    fz_irect page = on_canvas(paper, ctm, canvas);
    if (fz_is_empty_irect(page)) {
        fill(canvas, all, CANVAS_DESK);
        return page;
    }
    fill(canvas, (fz_irect){0, 0, all.x1, page.y0}, CANVAS_DESK);
    fill(canvas, (fz_irect){0, page.y1, all.x1, all.y1}, CANVAS_DESK);
    fill(canvas, (fz_irect){0, page.y0, page.x0, page.y1}, CANVAS_DESK);
    fill(canvas, (fz_irect){page.x1, page.y0, all.x1, page.y1}, CANVAS_DESK);
    fill(canvas, page, CANVAS_PAPER);
    return page;
}

/* A word a pixel, so that it takes vector instructions. */
__attribute__((optimize("O3"))) static void set_alpha(uint32_t *pixels, int n)
{
    const uint8_t opaque[4] = {0, 0, 0, 255};
    uint32_t word;
    memcpy(&word, opaque, sizeof word);
    for (int i = 0; i < n; i++)
        pixels[i] |= word;
}

/* Where groups are blended, rounding leaves an alpha of 254 here and there. A frame is opaque. */
static void make_opaque(const struct canvas *canvas, fz_irect page)
{
    for (int y = page.y0; y < page.y1; y++) {
        uint8_t *row = canvas->pixels + (size_t)y * canvas->stride_bytes;
        set_alpha((uint32_t *)(void *)row + page.x0, page.x1 - page.x0);
    }
}

int fitz_draw_list(fz_context *ctx, fz_display_list *list, fz_matrix ctm, fz_rect paper, const struct canvas *canvas)
{
    fz_irect page = lay_paper(canvas, ctm, paper);
    if (fz_is_empty_irect(page))
        return 0;

    fz_cookie cookie = {0};
    fz_pixmap *pixmap = NULL;
    fz_device *device = NULL;
    fz_var(pixmap);
    fz_var(device);
    fz_try(ctx)
    {
        pixmap = fz_new_pixmap_with_data(ctx, fz_device_rgb(ctx), canvas->width_px, canvas->height_px, NULL, 1,
                                         (int)canvas->stride_bytes, canvas->pixels);
        device = fz_new_draw_device_with_bbox(ctx, fz_identity, pixmap, &page);
        fz_run_display_list(ctx, list, device, ctm, fz_rect_from_irect(page), &cookie);
        /* The list goes on after an error, but the cap was hit: the page would lack what is large. */
        if (cookie.errors > 0 && fz_caught(ctx) == FZ_ERROR_MEMORY)
            fz_throw(ctx, FZ_ERROR_MEMORY, "the page does not fit the memory");
        fz_close_device(ctx, device);
    }
    fz_always(ctx)
    {
        fz_drop_device(ctx, device);
        fz_drop_pixmap(ctx, pixmap);
    }
    fz_catch(ctx)
    {
        fz_rethrow(ctx);
    }
    make_opaque(canvas, page);
    return cookie.errors;
}

/* MuPDF has one code for nearly everything; its words say more. What they do not say is broken. */
static enum refusal reason_of(int code, const char *message)
{
    if (code == FZ_ERROR_MEMORY)
        return REFUSAL_MEMORY;
    if (strstr(message, "DRM") || strstr(message, "encryption handler"))
        return REFUSAL_ENCRYPTED;
    if (strstr(message, "dimensions") || strstr(message, "image too large") || strstr(message, "pixmap too large"))
        return REFUSAL_TOO_LARGE;
    if (strstr(message, "unsupported") || strstr(message, "not supported"))
        return REFUSAL_UNSUPPORTED;
    return REFUSAL_BROKEN;
}

int fitz_refuse(fz_context *ctx, struct engine_facts *facts)
{
    enum refusal reason = reason_of(fz_caught(ctx), fz_caught_message(ctx));
    if (reason == REFUSAL_MEMORY)
        return engine_refuse(facts, reason, "the document needs more memory than a tab may use");
    return engine_refuse(facts, reason, "%s", fz_caught_message(ctx));
}
