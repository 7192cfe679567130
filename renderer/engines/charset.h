/* From bytes in some charset to UTF-8. */
#ifndef RENDERER_ENGINES_CHARSET_H
#define RENDERER_ENGINES_CHARSET_H

#include <stddef.h>
#include <stdint.h>

/* How a document may say what charset it is in, beside a byte order mark. */
enum charset_hint {
    CHARSET_HINT_NONE, /* plain text, Markdown */
    CHARSET_HINT_HTML, /* <meta charset> in the first 1024 bytes; windows-1252 when it is not UTF-8 */
    CHARSET_HINT_XML   /* the XML declaration; UTF-8 without one */
};

/* The canonical name of the charset that the bytes are taken for: "utf-8", "utf-16le", "utf-16be", or one of the
 * single-byte charsets. A label that is not known counts as utf-8. */
const char *charset_detect(const uint8_t *bytes, size_t n_bytes, enum charset_hint hint);

/* Decodes into memory for the caller to free: well-formed UTF-8, terminated, without a byte order mark and without
 * NUL inside. What is malformed, and NUL, is U+FFFD. 0 or -ENOMEM. */
int charset_to_utf8(const char *charset, const uint8_t *bytes, size_t n_bytes, char **ret_text, size_t *ret_n_text);

#endif
