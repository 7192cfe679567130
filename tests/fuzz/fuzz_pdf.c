/* PDF, by MuPDF. */
#include "tests/fuzz/engine.h"

const struct engine_family engine_family = {
    .extensions = {"pdf"},
    .kinds = {DOCUMENT_PDF},
};
