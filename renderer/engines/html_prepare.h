/* From the HTML of the world to HTML that litehtml can be trusted with.
 *
 * One pass over the tags, in time linear in the text: elements nested too deeply are flattened (their content stays),
 * what does not render (scripts, comments, plug-ins, inline SVG) goes, form controls become plain boxes with their
 * text, style sheets and style attributes go through html_style.h, URLs become numbers. It parses less than a
 * browser: the tree is still made by gumbo, from text on which gumbo and litehtml stay within bounds. */
#ifndef RENDERER_ENGINES_HTML_PREPARE_H
#define RENDERER_ENGINES_HTML_PREPARE_H

#include "renderer/engines/html_resources.h"
#include "renderer/engines/html_style.h"

#define HTML_MAX_DEPTH      200    /* open elements */
#define HTML_MAX_FORMATTING 16     /* of them b, i, font …, which HTML opens again in each block */
#define HTML_MAX_ELEMENTS   150000 /* the rest of the page is not shown */
#define HTML_MAX_TEXT_BYTES ((size_t)4 << 20)

struct html_prepared {
    struct html_buffer html;
    struct html_styles styles; /* resources: what the numbers mean; points into the text */
};

/* text: well-formed UTF-8, terminated, kept by the caller as long as ret is used, as what has come of resources. Style sheets
 * beside the page are asked for; those that have come take the place of their links. 0 or -ENOMEM; finish in any case. */
int html_prepare(const char *text, size_t n_bytes, bool is_xml, struct html_resources *resources,
                 struct html_prepared *ret);
void html_prepared_finish(struct html_prepared *prepared);

#endif
