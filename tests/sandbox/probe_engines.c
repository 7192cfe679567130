/* The probes' table of engines: one, which takes any text, and does what a text that begins with PROBE_MAGIC names. */
#include <string.h>

#include "renderer/engine.h"
#include "tests/sandbox/probes.h"

static const enum document_kind kinds[] = {DOCUMENT_TEXT, DOCUMENT_UNKNOWN};

static int probe_open(const struct engine_source *source, void **ret_document, struct engine_facts *facts)
{
    const size_t n_magic = sizeof PROBE_MAGIC - 1;
    const char *text = (const char *)source->bytes;
    char result[128] = "no probe";
    if (source->n_bytes > n_magic && memcmp(text, PROBE_MAGIC, n_magic) == 0) {
        const char *name = text + n_magic;
        const char *end = memchr(name, '\n', source->n_bytes - n_magic);
        const struct probe *probe = end != NULL ? probe_find(name, (size_t)(end - name)) : NULL;
        if (probe == NULL)
            return engine_refuse(facts, REFUSAL_BROKEN, "no such probe");
        probe_run(probe, result, sizeof result);
    }
    engine_title(facts, result, strlen(result));
    facts->n_pages = 1;
    *ret_document = facts;
    return 0;
}

static int probe_paint(void *document, const struct engine_view *view, const struct canvas *canvas,
                       struct engine_facts *facts)
{
    (void)document, (void)view, (void)facts;
    canvas_fill(canvas, 0, 0, canvas->width_px, canvas->height_px, CANVAS_PAPER);
    return 0;
}

static void probe_close(void *document)
{
    (void)document;
}

static const struct engine probe_engine = {
    .name = "probe", .kinds = kinds, .open = probe_open, .paint = probe_paint, .close = probe_close};

const struct engine *const engines[] = {&probe_engine, NULL};
