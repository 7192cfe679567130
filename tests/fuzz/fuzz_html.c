/* HTML and XHTML, by litehtml and what stands before and behind it. */
#include "tests/fuzz/engine.h"

const struct engine_family engine_family = {
    .extensions = {"html", "xhtml"},
    .kinds = {DOCUMENT_HTML, DOCUMENT_XHTML},
};
