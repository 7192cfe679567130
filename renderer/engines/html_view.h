/* What a viewer asks of a laid-out page: links, text, and the place that is being read. All in CSS pixels. */
#ifndef RENDERER_ENGINES_HTML_VIEW_H
#define RENDERER_ENGINES_HTML_VIEW_H

#include "renderer/engines/html.h"

/* The links of one layout. Zero-initialised is none. */
struct html_links {
    struct engine_link *links; /* NULL: not looked for yet */
    size_t n;
    bool is_cut;
};

/* 0, or -1 with facts. */
int html_links_find(struct html_page *page, void (*progress)(void), struct html_links *ret_links,
                    struct engine_facts *facts);
void html_links_finish(struct html_links *links);

int html_text_search(struct html_page *page, void (*progress)(void), const char *needle, size_t n_needle,
                     struct engine_hits *ret_hits, struct engine_facts *facts);
int html_text_select(struct html_page *page, void (*progress)(void), struct engine_point from, struct engine_point to,
                     struct engine_selection *ret_selection, struct engine_facts *facts);

/* A place that outlives a layout: a word, and how far into its line. */
struct html_place {
    uint32_t word; /* UINT32_MAX: before the first */
    float share;   /* of a line's height, below its top */
};

/* The place at a height, and the height of a place. */
struct html_place html_text_place(struct html_page *page, float y);
float html_text_height(struct html_page *page, struct html_place place);

#endif
