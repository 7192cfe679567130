/* The links of a page. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "renderer/engines/fitz.h"
#include "renderer/engines/mupdf.h"

/* The size of a page that links lead to; most lead to the same ones, or to pages of one size. */
struct target_page {
    int number; /* -1: none */
    fz_rect bounds;
};

static void measure_target(struct mupdf_document *document, int number, struct target_page *target)
{
    fz_context *ctx = document->ctx;
    fz_page *page = fz_load_page(ctx, document->fitz, number);
    fz_try(ctx)
    {
        target->bounds = fz_bound_page(ctx, page);
        target->number = number;
    }
    fz_always(ctx)
    {
        fz_drop_page(ctx, page);
    }
    fz_catch(ctx)
    {
        fz_rethrow(ctx);
    }
}

/* A coordinate that a link need not have, and that may be any number. */
static float bounded(float value, float most)
{
    return value > 0 && value <= most ? value : 0;
}

/* Where on its page a link leads to. What cannot be found out is the page's beginning. */
static struct engine_point place_of(struct mupdf_document *document, const fz_link_dest *dest, int number,
                                    struct target_page *target)
{
    fz_context *ctx = document->ctx;
    if (!(dest->x > 0) && !(dest->y > 0))
        return (struct engine_point){0, 0};
    fz_try(ctx)
    {
        if (target->number != number)
            measure_target(document, number, target);
    }
    fz_catch(ctx)
    {
        return (struct engine_point){0, 0};
    }
    fz_rect bounds = target->bounds;
    float scale = mupdf_scale(document, bounds, INFINITY);
    return (struct engine_point){bounded((dest->x - bounds.x0) * scale, (bounds.x1 - bounds.x0) * scale),
                                 bounded((dest->y - bounds.y0) * scale, (bounds.y1 - bounds.y0) * scale)};
}

/* Whether a link leads to a place in this document. */
static bool resolve(struct mupdf_document *document, const char *uri, struct engine_link *link,
                    struct target_page *target)
{
    fz_context *ctx = document->ctx;
    bool is_inside = false;
    if (fz_is_external_link(ctx, uri))
        return false;
    fz_var(is_inside);
    fz_try(ctx)
    {
        fz_link_dest dest = fz_resolve_link_dest(ctx, document->fitz, uri);
        int number = dest.loc.page >= 0 && dest.loc.chapter >= 0
                         ? fz_page_number_from_location(ctx, document->fitz, dest.loc)
                         : -1;
        if (number >= 0 && (uint32_t)number < document->n_pages) {
            link->page = (uint32_t)number;
            link->to = place_of(document, &dest, number, target);
            is_inside = true;
        }
    }
    fz_catch(ctx)
    {
        is_inside = false;
    }
    return is_inside;
}

/* False when it leads nowhere. */
static bool read_link(struct mupdf_document *document, const fz_link *from, fz_matrix ctm, struct engine_link *link,
                      struct target_page *target)
{
    fz_rect rect = fz_transform_rect(from->rect, ctm);
    size_t n_uri = from->uri ? strlen(from->uri) : 0;
    *link = (struct engine_link){.rect = {rect.x0, rect.y0, rect.x1, rect.y1}};
    if (n_uri == 0 || n_uri > ENGINE_MAX_URI_BYTES || !(rect.x1 > rect.x0) || !(rect.y1 > rect.y0))
        return false;
    if (resolve(document, from->uri, link, target))
        return true;
    link->uri = from->uri;
    link->n_uri = (uint32_t)n_uri;
    return true;
}

/* MuPDF's pages are dropped once they are recorded. Throws. */
static fz_link *load_links(struct mupdf_document *document, uint32_t number)
{
    fz_context *ctx = document->ctx;
    fz_link *links = NULL;
    fz_page *page = fz_load_page(ctx, document->fitz, (int)number);
    fz_var(links);
    fz_try(ctx)
    {
        links = fz_load_links(ctx, page);
    }
    fz_always(ctx)
    {
        fz_drop_page(ctx, page);
    }
    fz_catch(ctx)
    {
        fz_rethrow(ctx);
    }
    return links;
}

static size_t count(const fz_link *link)
{
    size_t n = 0;
    for (; link && n < ENGINE_MAX_LINKS; link = link->next)
        n++;
    return n;
}

/* Throws. */
static void find_links(struct mupdf_document *document, struct mupdf_page *page)
{
    fz_matrix ctm = mupdf_matrix(document, page, 1);
    struct target_page target = {.number = -1};
    fz_drop_link(document->ctx, page->loaded_links); /* of an attempt that failed */
    page->loaded_links = NULL;
    page->loaded_links = load_links(document, page->number);
    size_t n = count(page->loaded_links);
    page->links = fz_malloc(document->ctx, (n + 1) * sizeof(*page->links));
    page->n_links = 0;
    page->links_are_cut = false;
    const fz_link *link = page->loaded_links;
    for (size_t i = 0; i < n; i++, link = link->next) {
        if (read_link(document, link, ctm, &page->links[page->n_links], &target))
            page->n_links++;
        else
            page->links_are_cut = page->links_are_cut || (link->uri && strlen(link->uri) > ENGINE_MAX_URI_BYTES);
        document->progress();
    }
    page->links_are_cut = page->links_are_cut || link;
}

int mupdf_links(void *opened, const struct engine_view *view, struct engine_links *ret_links,
                struct engine_facts *facts)
{
    struct mupdf_document *document = opened;
    *ret_links = (struct engine_links){0};
    if (!document->fitz)
        return 0;
    volatile int r = 0;
    fz_try(document->ctx)
    {
        struct mupdf_page *page = NULL;
        r = mupdf_find_page(document, view, &page, facts);
        if (r == 0 && !page->links)
            find_links(document, page);
        if (r == 0)
            *ret_links = (struct engine_links){page->links, page->n_links, page->links_are_cut};
    }
    fz_catch(document->ctx)
    {
        r = fitz_refuse(document->ctx, facts);
    }
    return r;
}
