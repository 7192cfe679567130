/* Pictures, by MuPDF and by what stands in front of it. */
#include "tests/fuzz/engine.h"

const struct engine_family engine_family = {
    .extensions = {""},
    .kinds = {DOCUMENT_PNG, DOCUMENT_JPEG, DOCUMENT_JPEG2000, DOCUMENT_TIFF, DOCUMENT_BMP, DOCUMENT_GIF, DOCUMENT_PNM},
};
