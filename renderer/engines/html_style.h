/* Style sheets of today made fit for litehtml 0.6, which knows the CSS of some ten years ago and trusts its input.
 *
 * One bounded pass: comments go; var() is replaced by what :root defines; colours become rgba(); calc() of one unit is
 * computed, with rem counted as 16 px; display, position and logical properties become their nearest relatives;
 * at-rules that cannot be judged go, @layer and what a screen may use of @media stay; URLs become numbers. */
#ifndef RENDERER_ENGINES_HTML_STYLE_H
#define RENDERER_ENGINES_HTML_STYLE_H

#include "renderer/engines/html.h"
#include "renderer/engines/html_buffer.h"

#define HTML_MAX_VARIABLES 2048
#define HTML_MAX_RULES     20000 /* selectors of all sheets together */
#define HTML_MAX_RESOURCES 4096

struct html_variable {
    const char *name, *value;
    size_t n_name, n_value;
};

/* What style sheets have defined so far. Points into the text they were
 * read from. */
struct html_styles {
    struct html_variable *variables;
    size_t n_variables;
    struct html_url *resources;
    size_t n_resources;
    size_t n_rules;
    char **kept; /* values made of variables in which there are URLs: n_kept allocations that resources point into */
    size_t n_kept;
    struct html_url folder; /* of the style sheet that is being read: what its URLs are relative to. None: the page's own */
};

void html_styles_finish(struct html_styles *styles);

/* Notes the variables that :root rules define in a style sheet. */
void html_style_collect(struct html_styles *styles, const char *css, size_t n_bytes);

/* Rewrites a style sheet, or the declarations of a style attribute. */
void html_style_sheet(struct html_styles *styles, const char *css, size_t n_bytes, struct html_buffer *out);
void html_style_declarations(struct html_styles *styles, const char *css, size_t n_bytes, struct html_buffer *out);

/* A name for a URL that litehtml can carry: "vitrine:7", where 7 is its place in resources; "" when there are too many. */
void html_style_resource(struct html_styles *styles, const char *url, size_t n_bytes, struct html_buffer *out);

#endif
