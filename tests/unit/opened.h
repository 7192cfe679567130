/* Documents opened in this process, as a renderer would, for the tests of what engines offer. */
#ifndef TESTS_UNIT_OPENED_H
#define TESTS_UNIT_OPENED_H

#include "renderer/engine.h"

#define WINDOW_WIDTH_PX  512
#define WINDOW_HEIGHT_PX 384

struct opened {
    const struct engine *engine; /* NULL: this build has none for it, or it could not be opened */
    void *document;
    struct engine_facts facts;
    uint8_t *bytes;
    size_t n_bytes;
};

/* What the documents asked for, and how often they told of progress. */
struct wanted {
    uint32_t id;
    enum engine_wanted kind;
    char name[ENGINE_MAX_WANTED_NAME + 1];
};
extern struct wanted wanted[ENGINE_MAX_WANTED];
extern size_t n_wanted, n_progress;
extern bool may_want; /* false: engines are given no wanted() */

/* Warms the engines up at the first call. False when the build has no engine for it. */
bool open_bytes(struct opened *opened, const void *bytes, size_t n_bytes, const char *extension);
bool open_file(struct opened *opened, const char *path);
void close_opened(struct opened *opened);

/* Calls test for each sample, or each file of the folder good/ of outside documents that VITRINE_DOCUMENTS names. False when there
 * is no such folder. */
bool each_sample(void (*test)(struct opened *opened, const char *name));
bool each_document(void (*test)(struct opened *opened, const char *name));

/* A canvas of its own, painted; the caller frees its pixels. */
struct canvas new_canvas(int width_px, int height_px);
bool paint(struct opened *opened, const struct engine_view *view, const struct canvas *canvas);

#endif
