/* Scenes, which no library reads. */
#include "tests/fuzz/engine.h"

const struct engine_family engine_family = {
    .extensions = {""},
    .kinds = {DOCUMENT_SCENE},
};
