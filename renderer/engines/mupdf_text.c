/* The text of a page: found when it is first asked for, for that is riskier than drawing. */
#include "renderer/engines/fitz.h"
#include "renderer/engines/mupdf.h"
#include "renderer/engines/page_text.h"

/* Throws. */
static fz_stext_page *extract(struct mupdf_document *document, const struct mupdf_page *page)
{
    static const fz_stext_options options = {0};
    fz_context *ctx = document->ctx;
    fz_stext_page *text = fz_new_stext_page(ctx, page->bounds);
    fz_device *device = NULL;
    fz_var(device);
    fz_try(ctx)
    {
        device = fz_new_stext_device(ctx, text, &options);
        fz_run_display_list(ctx, page->list, device, fz_identity, fz_infinite_rect, NULL);
        fz_close_device(ctx, device);
    }
    fz_always(ctx)
    {
        fz_drop_device(ctx, device);
    }
    fz_catch(ctx)
    {
        fz_drop_stext_page(ctx, text);
        fz_rethrow(ctx);
    }
    document->progress();
    return text;
}

struct text_of_page {
    const fz_stext_page *text;
    fz_matrix ctm;
};

static struct engine_quad quad_of(fz_quad quad, fz_matrix ctm)
{
    fz_quad to = fz_transform_quad(quad, ctm);
    return (struct engine_quad){{{to.ul.x, to.ul.y}, {to.ur.x, to.ur.y}, {to.ll.x, to.ll.y}, {to.lr.x, to.lr.y}}};
}

/* False when no more are wanted. */
static bool walk_line(const struct text_of_page *from, const fz_stext_line *line, bool starts_block, page_take *take,
                      void *user)
{
    for (const fz_stext_char *c = line->first_char; c; c = c->next) {
        const struct page_letter letter = {
            .character = (uint32_t)c->c,
            .starts_line = c == line->first_char,
            .starts_block = c == line->first_char && starts_block,
            .quad = quad_of(c->quad, from->ctm),
        };
        if (!take(user, &letter))
            return false;
    }
    return true;
}

static void walk(void *opaque, page_take *take, void *user)
{
    const struct text_of_page *from = opaque;
    for (const fz_stext_block *block = from->text->first_block; block; block = block->next) {
        if (block->type != FZ_STEXT_BLOCK_TEXT)
            continue;
        for (const fz_stext_line *line = block->u.t.first_line; line; line = line->next)
            if (!walk_line(from, line, line == block->u.t.first_line, take, user))
                return;
    }
}

/* The page's text, ready to be walked over; -1 when there is none to be had. */
static int find_text(struct mupdf_document *document, const struct engine_view *view, struct text_of_page *ret_text,
                     struct engine_facts *facts)
{
    volatile int r = 0;
    fz_try(document->ctx)
    {
        struct mupdf_page *page = NULL;
        r = mupdf_find_page(document, view, &page, facts);
        if (r == 0 && !page->text)
            page->text = extract(document, page);
        if (r == 0)
            *ret_text = (struct text_of_page){page->text, mupdf_matrix(document, page, 1)};
    }
    fz_catch(document->ctx)
    {
        r = fitz_refuse(document->ctx, facts);
    }
    return r;
}

int mupdf_search(void *opened, const struct engine_view *view, const char *needle, size_t n_needle,
                 struct engine_hits *ret_hits, struct engine_facts *facts)
{
    struct mupdf_document *document = opened;
    struct text_of_page text;
    if (find_text(document, view, &text, facts) < 0)
        return -1;
    const struct page_walk from = {walk, &text, document->progress};
    page_search(&from, needle, n_needle, ret_hits);
    return 0;
}

int mupdf_select(void *opened, const struct engine_view *view, struct engine_point from_point, struct engine_point to,
                 struct engine_selection *ret_selection, struct engine_facts *facts)
{
    struct mupdf_document *document = opened;
    struct text_of_page text;
    if (find_text(document, view, &text, facts) < 0)
        return -1;
    const struct page_walk from = {walk, &text, document->progress};
    page_select(&from, from_point, to, ret_selection);
    return 0;
}
