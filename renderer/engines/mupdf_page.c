/* Pages as display lists, and the few that are kept. */
#include <math.h>

#include "renderer/engines/fitz.h"
#include "renderer/engines/gif.h"
#include "renderer/engines/mupdf.h"

/* ---- from a page to a display list --------------------------------------------------------------------- */

/* A device that draws nothing and looks how large the pictures of a page are. */
struct ruler {
    fz_device device;
    struct mupdf_page *page;
};

static void measure_image(fz_context *ctx, fz_device *device, fz_image *image, fz_matrix ctm, float alpha,
                          fz_color_params params)
{
    (void)ctx;
    (void)alpha;
    (void)params;
    struct mupdf_page *page = ((struct ruler *)(void *)device)->page;
    uint64_t n_pixels = (uint64_t)image->w * (uint64_t)image->h;
    if (n_pixels > page->n_pixels)
        page->n_pixels = n_pixels;

    float scale = fminf((float)image->w / hypotf(ctm.a, ctm.b), (float)image->h / hypotf(ctm.c, ctm.d));
    if (scale > 0 && scale < page->natural_scale)
        page->natural_scale = scale;
}

static void measure_pictures(fz_context *ctx, struct mupdf_page *page)
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

/* Throws. */
static void record_fitz_page(struct mupdf_document *document, struct mupdf_page *page)
{
    fz_context *ctx = document->ctx;
    fz_page *loaded = NULL;
    fz_device *device = NULL;
    fz_var(loaded);
    fz_var(device);
    fz_try(ctx)
    {
        loaded = fz_load_page(ctx, document->fitz, (int)page->number);
        document->progress();
        page->bounds = fz_bound_page(ctx, loaded);
        page->list = fz_new_display_list(ctx, page->bounds);
        device = fz_new_list_device(ctx, page->list);
        record(ctx, fz_run_page_contents, loaded, device);
        record(ctx, fz_run_page_annots, loaded, device);
        record(ctx, fz_run_page_widgets, loaded, device);
        fz_close_device(ctx, device);
        document->progress();
        if (mupdf_is_picture(document->kind))
            measure_pictures(ctx, page);
    }
    fz_always(ctx)
    {
        fz_drop_device(ctx, device);
        fz_drop_page(ctx, loaded);
    }
    fz_catch(ctx)
    {
        fz_rethrow(ctx);
    }
}

/* Throws. */
static void record_gif_frame(struct mupdf_document *document, struct mupdf_page *page)
{
    fz_context *ctx = document->ctx;
    fz_image *image = NULL;
    fz_device *device = NULL;
    fz_var(image);
    fz_var(device);
    page->bounds = fz_make_rect(0, 0, (float)document->gif_width_px, (float)document->gif_height_px);
    page->natural_scale = 1;
    fz_try(ctx)
    {
        fz_pixmap *screen = gif_screen(ctx, document->gif, page->frame, document->progress);
        image = fz_new_image_from_pixmap(ctx, screen, NULL);
        page->list = fz_new_display_list(ctx, page->bounds);
        device = fz_new_list_device(ctx, page->list);
        fz_fill_image(ctx, device, image, fz_scale(page->bounds.x1, page->bounds.y1), 1, fz_default_color_params);
        fz_close_device(ctx, device);
    }
    fz_always(ctx)
    {
        fz_drop_device(ctx, device);
        fz_drop_image(ctx, image);
    }
    fz_catch(ctx)
    {
        fz_rethrow(ctx);
    }
}

/* ---- the pages that are kept --------------------------------------------------------------------------- */

static void drop_links(fz_context *ctx, struct mupdf_page *page)
{
    fz_drop_link(ctx, page->loaded_links);
    fz_free(ctx, page->links);
    page->loaded_links = NULL;
    page->links = NULL;
}

void mupdf_forget_links(struct mupdf_document *document)
{
    for (size_t i = 0; i < MUPDF_KEPT_PAGES; i++)
        drop_links(document->ctx, &document->pages[i]);
}

static void drop_page(fz_context *ctx, struct mupdf_page *page)
{
    fz_drop_display_list(ctx, page->list);
    fz_drop_stext_page(ctx, page->text);
    drop_links(ctx, page);
    *page = (struct mupdf_page){0};
}

void mupdf_forget_pages(struct mupdf_document *document)
{
    for (size_t i = 0; i < MUPDF_KEPT_PAGES; i++)
        drop_page(document->ctx, &document->pages[i]);
}

/* A place for another page: of the one that was longest out of use. Frames are all drawn on the one screen, so there
 * is one of them. */
static struct mupdf_page *make_room(struct mupdf_document *document)
{
    size_t oldest = 0;
    for (size_t i = 1; i < MUPDF_KEPT_PAGES && !document->gif; i++)
        if (document->pages[i].used < document->pages[oldest].used)
            oldest = i;
    drop_page(document->ctx, &document->pages[oldest]);
    return &document->pages[oldest];
}

/* Throws, and then the place is empty. */
static struct mupdf_page *load_page(struct mupdf_document *document, uint32_t number, uint32_t frame)
{
    struct mupdf_page *const page = make_room(document);
    *page = (struct mupdf_page){.number = number, .frame = frame, .natural_scale = INFINITY};
    fz_try(document->ctx)
    {
        if (document->gif)
            record_gif_frame(document, page);
        else
            record_fitz_page(document, page);
    }
    fz_catch(document->ctx)
    {
        drop_page(document->ctx, page);
        fz_rethrow(document->ctx);
    }
    return page;
}

static struct mupdf_page *find_page(struct mupdf_document *document, uint32_t number, uint32_t frame)
{
    for (size_t i = 0; i < MUPDF_KEPT_PAGES; i++) {
        struct mupdf_page *page = &document->pages[i];
        if (page->list && page->number == number && page->frame == frame)
            return page;
    }
    return NULL;
}

/* NULL when there is no memory for it beside the others. Throws for other reasons. */
static struct mupdf_page *try_page(struct mupdf_document *document, uint32_t number, uint32_t frame)
{
    struct mupdf_page *page = NULL;
    fz_var(page);
    fz_try(document->ctx)
    {
        page = load_page(document, number, frame);
    }
    fz_catch(document->ctx)
    {
        if (fz_caught(document->ctx) != FZ_ERROR_MEMORY)
            fz_rethrow(document->ctx);
    }
    return page;
}

struct mupdf_page *mupdf_page(struct mupdf_document *document, uint32_t number, uint32_t frame)
{
    frame = frame < document->n_frames ? frame : document->n_frames - 1;
    struct mupdf_page *page = find_page(document, number, frame);
    if (!page)
        page = try_page(document, number, frame);
    if (!page) {
        mupdf_forget_pages(document);
        page = load_page(document, number, frame);
    }
    page->used = ++document->n_uses;
    return page;
}
