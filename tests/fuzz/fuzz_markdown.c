/* Markdown, by md4c and then as HTML; and plain text. */
#include "tests/fuzz/engine.h"

const struct engine_family engine_family = {
    .extensions = {"md", "txt"},
    .kinds = {DOCUMENT_MARKDOWN, DOCUMENT_TEXT},
};
