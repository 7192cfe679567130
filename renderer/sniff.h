/* What a document is, by its content. A file's name decides only where content cannot: Markdown, plain text and a
 * piece of HTML look alike. Pure: reads the bytes, bounded, and nothing else. */
#ifndef RENDERER_SNIFF_H
#define RENDERER_SNIFF_H

#include <stddef.h>
#include <stdint.h>

#include "common/document_kind.h"

/* extension: of the document's name, without the dot, in any case; "" or NULL when it has none.
 * DOCUMENT_UNKNOWN when the bytes are nothing an engine could open. */
enum document_kind sniff(const uint8_t *bytes, size_t n_bytes, const char *extension);

/* For people, of a document that sniff does not know: "an ELF program", "an MP4 video", "binary data of an unknown
 * kind". A static string, fit to follow "this is ". */
const char *sniff_describe(const uint8_t *bytes, size_t n_bytes);

#endif
