/* Searching and selecting in the text of a page. An engine walks over the letters of its page in reading order; what is
 * done with them is the same for all, goes letter by letter, and keeps nothing but what is found. */
#ifndef RENDERER_ENGINES_PAGE_TEXT_H
#define RENDERER_ENGINES_PAGE_TEXT_H

#include "renderer/engine.h"

struct page_letter {
    uint32_t character; /* of Unicode, or anything */
    bool starts_line;   /* it stands on another line than the one before */
    bool starts_block;  /* and in another paragraph */
    struct engine_quad quad;
};

/* Takes a letter; false when it needs no more. */
typedef bool page_take(void *user, const struct page_letter *letter);

/* Letters, from any place that can be walked over more than once. */
struct page_walk {
    void (*walk)(void *from, page_take *take, void *user);
    void *from;
    void (*progress)(void);
};

/* Letters beyond these are not looked at. */
#define PAGE_MAX_LETTERS (8u << 20)

/* ret_hits need not be empty. A needle of blanks alone is never found. */
void page_search(const struct page_walk *walk, const char *needle, size_t n_needle, struct engine_hits *ret_hits);

void page_select(const struct page_walk *walk, struct engine_point from, struct engine_point to,
                 struct engine_selection *ret_selection);

struct engine_quad page_quad(struct engine_rect rect);

#endif
