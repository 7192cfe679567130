/* What the targets of the engines share: opens each input as a renderer would, and paints it. A target is a family of
 * documents; its file defines engine_family and is linked with engine.c. */
#ifndef TESTS_FUZZ_ENGINE_H
#define TESTS_FUZZ_ENGINE_H

#include "common/document_kind.h"

struct engine_family {
    const char *extensions[4];    /* names under which an input is looked at; ends with NULL */
    enum document_kind kinds[10]; /* what is opened if it turns out to be that; ends with DOCUMENT_UNKNOWN */
};

extern const struct engine_family engine_family;

#endif
