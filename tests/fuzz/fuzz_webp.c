/* WebP, by libwebp. */
#include "tests/fuzz/engine.h"

const struct engine_family engine_family = {
    .extensions = {"webp"},
    .kinds = {DOCUMENT_WEBP},
};
