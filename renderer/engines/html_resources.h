/* What a page names beside itself: asked for once, and kept when it comes. */
#ifndef RENDERER_ENGINES_HTML_RESOURCES_H
#define RENDERER_ENGINES_HTML_RESOURCES_H

#include "renderer/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

struct html_resource {
    enum engine_wanted kind;
    char *name; /* n_name bytes, as the document has it but for entities */
    size_t n_name;
    uint8_t *bytes; /* a style sheet is UTF-8, terminated. NULL: it has not come */
    size_t n_bytes;
    bool is_settled; /* it has come, or will not */
};

/* Zero-initialised but for wanted, which may be NULL: then there is nothing. */
struct html_resources {
    void (*wanted)(uint32_t id, enum engine_wanted kind, const char *name, size_t n_name);
    struct html_resource all[ENGINE_MAX_WANTED];
    size_t n, n_bytes;
};

/* What has come of a name; NULL when nothing has, and then it is asked for if it was not yet. name may hold entities and
 * anything else. */
const struct html_resource *html_resources_find(struct html_resources *resources, enum engine_wanted kind,
                                                const char *name, size_t n_name);

/* 0; -ENOENT when the id was not asked for, or has its answer; -ENOSPC when there is no room, -ENOMEM. */
int html_resources_provide(struct html_resources *resources, uint32_t id, const uint8_t *bytes, size_t n_bytes);

void html_resources_finish(struct html_resources *resources);

#ifdef __cplusplus
}
#endif

#endif
