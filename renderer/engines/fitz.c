/* The one MuPDF context of the process, its memory cap, and the way from a display list to the canvas. */
#include "renderer/engines/fitz.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* Decoded pictures, fonts and glyphs kept for the next page. A cache: MuPDF empties it by itself when the cap
 * refuses an allocation. */
#define STORE_MAX_BYTES (64u << 20)

/* A page is drawn in tiles of a grid that lies fast on it, each whole even when a part is in sight: where MuPDF cuts what
 * it draws, it rounds, up to 40 shades in a picture that is enlarged. Powers of two; so flat that a line of text costs
 * little more than itself. */
#define TILE_WIDTH  1024
#define TILE_HEIGHT 128

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

/* A scroll position in page pixels. One that is far from any page stays there, whatever is added to it. */
static int from_page(int place, int start)
{
    const int most = 1 << 29;
    return (place < -most ? -most : place > most ? most : place) - start;
}

struct fitz_window fitz_window_on(const struct canvas *canvas, const struct engine_view *view,
                                  const struct engine_box *box)
{
    return (struct fitz_window){canvas, from_page(view->x_px, box->x_px), from_page(view->y_px, box->y_px)};
}

static void fill(const struct fitz_window *window, fz_irect rect, uint32_t rgb)
{
    if (!fz_is_empty_irect(rect))
        canvas_fill(window->canvas, rect.x0 - window->x_px, rect.y0 - window->y_px, rect.x1 - rect.x0,
                    rect.y1 - rect.y0, rgb);
}

/* The desk around the page, the paper under it; returns where the page may draw. */
fz_irect fitz_lay_paper(const struct fitz_window *window, fz_rect paper)
{
    fz_irect all = {window->x_px, window->y_px, window->x_px + window->canvas->width_px,
                    window->y_px + window->canvas->height_px};
    fz_irect page = fz_is_empty_rect(paper) ? all : fz_intersect_irect(fz_round_rect(paper), all);
    if (fz_is_empty_rect(paper) || fz_is_empty_irect(page)) {
        canvas_fill(window->canvas, 0, 0, window->canvas->width_px, window->canvas->height_px, CANVAS_DESK);
        return page;
    }
    fill(window, (fz_irect){all.x0, all.y0, all.x1, page.y0}, CANVAS_DESK);
    fill(window, (fz_irect){all.x0, page.y1, all.x1, all.y1}, CANVAS_DESK);
    fill(window, (fz_irect){all.x0, page.y0, page.x0, page.y1}, CANVAS_DESK);
    fill(window, (fz_irect){page.x1, page.y0, all.x1, page.y1}, CANVAS_DESK);
    fill(window, page, CANVAS_PAPER);
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
static void make_opaque(const struct fitz_window *window, fz_irect part)
{
    for (int y = part.y0; y < part.y1; y++) {
        uint8_t *row = window->canvas->pixels + (size_t)(y - window->y_px) * window->canvas->stride_bytes;
        set_alpha((uint32_t *)(void *)row + (part.x0 - window->x_px), part.x1 - part.x0);
    }
}

/* Draws one tile into a pixmap that holds all of it. Returns how many things could not be drawn. Throws. */
static int draw_tile(fz_context *ctx, fz_display_list *list, fz_matrix ctm, fz_irect tile, fz_pixmap *pixmap)
{
    fz_cookie cookie = {0};
    fz_device *device = fz_new_draw_device_with_bbox(ctx, fz_identity, pixmap, &tile);
    fz_try(ctx)
    {
        fz_run_display_list(ctx, list, device, ctm, fz_rect_from_irect(tile), &cookie);
        /* The list goes on after an error, but the cap was hit: the page would lack what is large. */
        if (cookie.errors > 0 && fz_caught(ctx) == FZ_ERROR_MEMORY)
            fz_throw(ctx, FZ_ERROR_MEMORY, "the page does not fit the memory");
        fz_close_device(ctx, device);
    }
    fz_always(ctx)
    {
        fz_drop_device(ctx, device);
    }
    fz_catch(ctx)
    {
        fz_rethrow(ctx);
    }
    return cookie.errors;
}

/* The part of a tile that is in sight, from a pixmap of its own. */
static void copy_part(const fz_pixmap *from, fz_irect part, const fz_pixmap *to)
{
    for (int y = part.y0; y < part.y1; y++)
        memcpy(to->samples + (y - to->y) * to->stride + (part.x0 - to->x) * 4,
               from->samples + (y - from->y) * from->stride + (part.x0 - from->x) * 4, (size_t)(part.x1 - part.x0) * 4);
}

static int draw_cut_tile(fz_context *ctx, fz_display_list *list, fz_matrix ctm, fz_irect tile, fz_irect part,
                         const fz_pixmap *canvas)
{
    int n_missing = 0;
    fz_pixmap *whole = fz_new_pixmap_with_bbox(ctx, fz_device_rgb(ctx), tile, NULL, 1);
    fz_var(n_missing);
    fz_try(ctx)
    {
        fz_clear_pixmap_with_value(ctx, whole, 255); /* paper */
        n_missing = draw_tile(ctx, list, ctm, tile, whole);
        copy_part(whole, part, canvas);
    }
    fz_always(ctx)
    {
        fz_drop_pixmap(ctx, whole);
    }
    fz_catch(ctx)
    {
        fz_rethrow(ctx);
    }
    return n_missing;
}

/* The tile of a place, cut to the page. */
static fz_irect tile_at(int x, int y, fz_irect page)
{
    int left = x & ~(TILE_WIDTH - 1), top = y & ~(TILE_HEIGHT - 1);
    return fz_intersect_irect((fz_irect){left, top, left + TILE_WIDTH, top + TILE_HEIGHT}, page);
}

static bool is_same(fz_irect a, fz_irect b)
{
    return a.x0 == b.x0 && a.y0 == b.y0 && a.x1 == b.x1 && a.y1 == b.y1;
}

/* Throws. */
static int draw_tiles(fz_context *ctx, fz_display_list *list, fz_matrix ctm, fz_irect page, fz_irect part,
                      fz_pixmap *canvas)
{
    int n_missing = 0;
    fz_irect tile;
    for (int y = part.y0; y < part.y1; y = tile.y1) {
        for (int x = part.x0; x < part.x1; x = tile.x1) {
            tile = tile_at(x, y, page);
            fz_irect seen = fz_intersect_irect(tile, part);
            n_missing += is_same(seen, tile) ? draw_tile(ctx, list, ctm, tile, canvas)
                                             : draw_cut_tile(ctx, list, ctm, tile, seen, canvas);
        }
    }
    return n_missing;
}

int fitz_draw_list(fz_context *ctx, fz_display_list *list, fz_matrix ctm, fz_irect page, int shift,
                   const struct fitz_window *window, fz_irect part)
{
    const struct canvas *canvas = window->canvas;
    int n_missing = 0;
    fz_var(n_missing);
    if (fz_is_empty_irect(part))
        return 0;
    fz_pixmap *pixmap = fz_new_pixmap_with_data(ctx, fz_device_rgb(ctx), canvas->width_px, canvas->height_px, NULL, 1,
                                                (int)canvas->stride_bytes, canvas->pixels);
    fz_try(ctx)
    {
        /* The pixmap is moved, not the page: the same sums then lead to the same pixels. */
        pixmap->x = window->x_px;
        pixmap->y = window->y_px - shift;
        n_missing = draw_tiles(ctx, list, ctm, fz_translate_irect(page, 0, -shift), fz_translate_irect(part, 0, -shift),
                               pixmap);
    }
    fz_always(ctx)
    {
        fz_drop_pixmap(ctx, pixmap);
    }
    fz_catch(ctx)
    {
        fz_rethrow(ctx);
    }
    make_opaque(window, part);
    return n_missing;
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
