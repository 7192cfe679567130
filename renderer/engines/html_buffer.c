#include "renderer/engines/html_buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(struct html_buffer *buffer, size_t n)
{
    if (buffer->failed || n > HTML_BUFFER_MAX_BYTES || buffer->n + n > HTML_BUFFER_MAX_BYTES) {
        buffer->failed = true;
        return false;
    }
    if (buffer->n + n < buffer->n_allocated)
        return true;
    size_t size = 2 * (buffer->n + n) + 1024;
    char *grown = realloc(buffer->bytes, size);
    if (!grown) {
        buffer->failed = true;
        return false;
    }
    buffer->bytes = grown;
    buffer->n_allocated = size;
    return true;
}

void html_buffer_add(struct html_buffer *buffer, const char *bytes, size_t n)
{
    if (n == 0 || !make_room(buffer, n))
        return;
    memcpy(buffer->bytes + buffer->n, bytes, n);
    buffer->n += n;
    buffer->bytes[buffer->n] = '\0';
}

void html_buffer_puts(struct html_buffer *buffer, const char *string)
{
    html_buffer_add(buffer, string, strlen(string));
}

void html_buffer_putc(struct html_buffer *buffer, char c)
{
    html_buffer_add(buffer, &c, 1);
}

void html_buffer_printf(struct html_buffer *buffer, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    html_buffer_puts(buffer, text);
}

void html_buffer_escape(struct html_buffer *buffer, const char *bytes, size_t n)
{
    const char *end = bytes + n;
    while (bytes < end) {
        const char *special = bytes;
        while (special < end && *special != '<' && *special != '>' && *special != '&' && *special != '"')
            special++;
        html_buffer_add(buffer, bytes, (size_t)(special - bytes));
        if (special == end)
            break;
        html_buffer_puts(buffer, *special == '<'   ? "&lt;"
                                 : *special == '>' ? "&gt;"
                                 : *special == '&' ? "&amp;"
                                                   : "&quot;");
        bytes = special + 1;
    }
}

void html_buffer_finish(struct html_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct html_buffer){0};
}
