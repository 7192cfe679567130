/* The text of a page for searching and selecting, and to keep the reader's place. */
#include <math.h>
#include <string.h>

#include "renderer/engines/html_view.h"
#include "renderer/engines/page_text.h"

#define MAX_CELLS 512 /* of one word: layout cuts longer ones */

/* ---- letters ------------------------------------------------------------------------------------------- */

struct letters {
    struct html_page *page;
    struct engine_facts *facts;
    int result;
    page_take *take;
    void *user;
    fz_rect last; /* the word before; empty: none */
};

static float middle(fz_rect box)
{
    return (box.y0 + box.y1) / 2;
}

/* Words of different sizes stand on one line when their middles are near. */
static bool is_beside(fz_rect a, fz_rect b)
{
    return fabsf(middle(a) - middle(b)) < fminf(a.y1 - a.y0, b.y1 - b.y0) / 2;
}

static bool take_word(void *opaque, const struct html_item *item)
{
    struct letters *letters = opaque;
    struct html_cell cells[MAX_CELLS];
    if (item->kind != HTML_ITEM_WORD)
        return true;
    size_t n = html_fonts_cells(item->face, item->text, strlen(item->text), cells, MAX_CELLS);
    bool is_first = fz_is_empty_rect(letters->last);
    bool starts_line = is_first || item->starts_box || !is_beside(letters->last, item->box);
    bool starts_block = item->starts_box && item->box.y0 - letters->last.y1 > (item->box.y1 - item->box.y0) / 3;
    letters->last = item->box;
    for (size_t i = 0; i < n; i++) {
        const struct engine_rect rect = {item->box.x0 + cells[i].left * item->size, item->box.y0,
                                         item->box.x0 + cells[i].right * item->size, item->box.y1};
        const struct page_letter letter = {cells[i].character, starts_line && i == 0, starts_block && i == 0,
                                           page_quad(rect)};
        if (!letters->take(letters->user, &letter))
            return false;
    }
    return true;
}

static void walk(void *opaque, page_take *take, void *user)
{
    struct letters *letters = opaque;
    letters->take = take;
    letters->user = user;
    letters->last = fz_empty_rect;
    if (html_page_walk(letters->page, take_word, letters, letters->facts) < 0)
        letters->result = -1;
}

int html_text_search(struct html_page *page, void (*progress)(void), const char *needle, size_t n_needle,
                     struct engine_hits *ret_hits, struct engine_facts *facts)
{
    struct letters letters = {.page = page, .facts = facts};
    const struct page_walk from = {walk, &letters, progress};
    page_search(&from, needle, n_needle, ret_hits);
    return letters.result;
}

int html_text_select(struct html_page *page, void (*progress)(void), struct engine_point from_point,
                     struct engine_point to, struct engine_selection *ret_selection, struct engine_facts *facts)
{
    struct letters letters = {.page = page, .facts = facts};
    const struct page_walk from = {walk, &letters, progress};
    page_select(&from, from_point, to, ret_selection);
    return letters.result;
}

/* ---- places -------------------------------------------------------------------------------------------- */

/* The word that begins last among those not below a height: the first of its line. */
struct place_search {
    float y;
    struct html_place found;
    fz_rect box; /* of the word that was found */
    uint32_t n_words;
};

static bool look_for_height(void *opaque, const struct html_item *item)
{
    struct place_search *search = opaque;
    if (item->kind != HTML_ITEM_WORD || item->is_blank)
        return true;
    uint32_t word = search->n_words++;
    bool is_known = search->found.word != UINT32_MAX;
    if (item->box.y0 > search->y || (is_known && item->box.y0 <= search->box.y0))
        return true;
    search->found.word = word;
    search->box = item->box;
    return true;
}

struct html_place html_text_place(struct html_page *page, float y)
{
    struct engine_facts unused = {0};
    struct place_search search = {.y = y, .found = {.word = UINT32_MAX}};
    html_page_walk(page, look_for_height, &search, &unused);
    float height = search.box.y1 - search.box.y0;
    if (search.found.word != UINT32_MAX && height > 0)
        search.found.share = fminf((y - search.box.y0) / height, 4);
    return search.found;
}

static bool look_for_word(void *opaque, const struct html_item *item)
{
    struct place_search *search = opaque;
    if (item->kind != HTML_ITEM_WORD || item->is_blank)
        return true;
    search->box = item->box;
    return search->n_words++ < search->found.word;
}

float html_text_height(struct html_page *page, struct html_place place)
{
    struct engine_facts unused = {0};
    struct place_search search = {.found = place};
    if (place.word == UINT32_MAX)
        return 0;
    html_page_walk(page, look_for_word, &search, &unused);
    return search.box.y0 + place.share * (search.box.y1 - search.box.y0);
}
