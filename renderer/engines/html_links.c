/* The links of a page: rectangles of words, pictures and boxes, and the places that links within the page lead to. */
#include <stdlib.h>
#include <string.h>

#include "renderer/engines/html_view.h"

#define MAX_NAMES 65536 /* places with a name; links to later ones lead to the page's beginning */

struct name {
    const char *name;
    float y;
};

struct finder {
    struct html_links *links;
    struct name *names;
    size_t n_names, n_allocated;
    size_t n_unplaced; /* the last of them, whose place is what comes next */
    const char *href;  /* of the last link */
    bool failed;
    size_t n_items;
    void (*progress)(void);
};

/* ---- names --------------------------------------------------------------------------------------------- */

static void add_name(struct finder *finder, const char *name)
{
    if (finder->n_names == MAX_NAMES)
        return;
    if (finder->n_names == finder->n_allocated) {
        size_t n = finder->n_allocated ? 2 * finder->n_allocated : 64;
        struct name *grown = reallocarray(finder->names, n, sizeof(*grown));
        if (!grown) {
            finder->failed = true;
            return;
        }
        finder->names = grown;
        finder->n_allocated = n;
    }
    finder->names[finder->n_names++] = (struct name){name, 0};
    finder->n_unplaced++;
}

static void place_names(struct finder *finder, float y)
{
    for (; finder->n_unplaced > 0; finder->n_unplaced--)
        finder->names[finder->n_names - finder->n_unplaced].y = y;
}

/* The first of several comes first. */
static int compare_names(const void *a, const void *b)
{
    const struct name *first = a, *second = b;
    int order = strcmp(first->name, second->name);
    return order ? order : (first->y > second->y) - (first->y < second->y);
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* What a name is in a URL. to has room for as much. */
static void decode_percent(const char *from, char *to)
{
    while (*from) {
        int high = *from == '%' ? hex_value(from[1]) : -1, low = high >= 0 ? hex_value(from[2]) : -1;
        *to++ = low >= 0 ? (char)(high << 4 | low) : *from;
        from += low >= 0 ? 3 : 1;
    }
    *to = '\0';
}

static const struct name *find_name(const struct finder *finder, const char *name)
{
    size_t low = 0, high = finder->n_names;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(finder->names[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < finder->n_names && strcmp(finder->names[low].name, name) == 0 ? &finder->names[low] : NULL;
}

/* A link to a name that is not on the page stays what it says. "#" and "#top" are its beginning. */
static void resolve(const struct finder *finder, struct engine_link *link)
{
    char decoded[ENGINE_MAX_URI_BYTES + 1];
    if (link->uri[0] != '#')
        return;
    const struct name *found = find_name(finder, link->uri + 1);
    if (!found) {
        decode_percent(link->uri + 1, decoded);
        found = find_name(finder, decoded);
    }
    if (!found && link->uri[1] != '\0' && strcmp(link->uri, "#top") != 0)
        return;
    link->to.y = found ? found->y : 0;
    link->uri = NULL;
    link->n_uri = 0;
}

/* ---- links --------------------------------------------------------------------------------------------- */

/* Whether a rectangle goes on where the last one of the same link ended. */
static bool join(struct finder *finder, const struct html_item *item)
{
    if (finder->links->n == 0 || finder->href != item->href || item->kind != HTML_ITEM_WORD || item->starts_box)
        return false;
    struct engine_rect *last = &finder->links->links[finder->links->n - 1].rect;
    if (item->box.y0 >= last->y1 || item->box.y1 <= last->y0 || item->box.x0 < last->x0)
        return false;
    *last = (struct engine_rect){last->x0, item->box.y0 < last->y0 ? item->box.y0 : last->y0,
                                 item->box.x1 > last->x1 ? item->box.x1 : last->x1,
                                 item->box.y1 > last->y1 ? item->box.y1 : last->y1};
    return true;
}

static void add_link(struct finder *finder, const struct html_item *item)
{
    struct html_links *links = finder->links;
    size_t n_uri = strlen(item->href);
    if (fz_is_empty_rect(item->box) || n_uri == 0 || join(finder, item))
        return;
    if (n_uri > ENGINE_MAX_URI_BYTES || links->n == ENGINE_MAX_LINKS) {
        links->is_cut = true;
        return;
    }
    links->links[links->n++] = (struct engine_link){
        .rect = {item->box.x0, item->box.y0, item->box.x1, item->box.y1}, .uri = item->href, .n_uri = (uint32_t)n_uri};
    finder->href = item->href;
}

static bool take(void *opaque, const struct html_item *item)
{
    struct finder *finder = opaque;
    if (++finder->n_items % 4096 == 0 && finder->progress)
        finder->progress();
    if (item->kind == HTML_ITEM_NAME) {
        add_name(finder, item->text);
        return !finder->failed;
    }
    place_names(finder, item->box.y0);
    if (item->href)
        add_link(finder, item);
    return true;
}

int html_links_find(struct html_page *page, void (*progress)(void), struct html_links *ret_links,
                    struct engine_facts *facts)
{
    struct finder finder = {.links = ret_links, .progress = progress};
    *ret_links = (struct html_links){.links = malloc(ENGINE_MAX_LINKS * sizeof(*ret_links->links))};
    int r = ret_links->links ? html_page_walk(page, take, &finder, facts) : -1;
    if (!ret_links->links || finder.failed)
        r = engine_refuse(facts, REFUSAL_MEMORY, "out of memory while looking for links");
    if (r == 0) {
        if (finder.n_names > 1)
            qsort(finder.names, finder.n_names, sizeof(*finder.names), compare_names);
        for (size_t i = 0; i < ret_links->n; i++)
            resolve(&finder, &ret_links->links[i]);
    } else {
        html_links_finish(ret_links);
    }
    free(finder.names);
    return r;
}

void html_links_finish(struct html_links *links)
{
    free(links->links);
    *links = (struct html_links){0};
}
