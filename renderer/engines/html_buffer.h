/* Text that grows, with a limit: what the HTML engine makes of a document before it lays it out. */
#ifndef RENDERER_ENGINES_HTML_BUFFER_H
#define RENDERER_ENGINES_HTML_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

/* Hostile Markdown (tables of 64 K columns) and style sheets (variables of variables) make far more than they are
 * made of. */
#define HTML_BUFFER_MAX_BYTES ((size_t)48 << 20)

/* Zero-initialised is empty. bytes is terminated once something was added. After a failure (no memory, over the
 * limit) further additions do nothing, so that callers look once, at the end. */
struct html_buffer {
    char *bytes;
    size_t n, n_allocated;
    bool failed;
};

void html_buffer_add(struct html_buffer *buffer, const char *bytes, size_t n);
void html_buffer_puts(struct html_buffer *buffer, const char *string);
void html_buffer_putc(struct html_buffer *buffer, char c);
void html_buffer_printf(struct html_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds text with <, > and & as entities, and quotes as well. */
void html_buffer_escape(struct html_buffer *buffer, const char *bytes, size_t n);

void html_buffer_finish(struct html_buffer *buffer);

#endif
