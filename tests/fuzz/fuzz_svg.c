/* SVG, plain and compressed, by MuPDF. */
#include "tests/fuzz/engine.h"

const struct engine_family engine_family = {
    .extensions = {"svg", "svgz"},
    .kinds = {DOCUMENT_SVG},
};
