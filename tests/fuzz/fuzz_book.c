/* Books and what else comes in an archive, by MuPDF. */
#include "tests/fuzz/engine.h"

const struct engine_family engine_family = {
    .extensions = {"cbz"},
    .kinds = {DOCUMENT_EPUB, DOCUMENT_XPS, DOCUMENT_CBZ, DOCUMENT_FB2, DOCUMENT_MOBI},
};
