/* Markdown and plain text as HTML pages. */
#ifndef RENDERER_ENGINES_MARKDOWN_H
#define RENDERER_ENGINES_MARKDOWN_H

#include <stddef.h>

/* Both make an HTML page of well-formed UTF-8, for the caller to free, with the style that people read such files
 * in. n_hidden bytes of the file were cut off before: the page says so at its end when it is not 0.
 * 0, -ENOMEM, or -EINVAL when the parser gives up. */
int markdown_to_html(const char *text, size_t n_bytes, size_t n_hidden, char **ret_html, size_t *ret_n_html);
int text_to_html(const char *text, size_t n_bytes, size_t n_hidden, char **ret_html, size_t *ret_n_html);

#endif
