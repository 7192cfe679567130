/* The intruder's table of engines: one, which takes any text, and does what a text with its mark asks for. */
#include "tests/sandbox/intruder.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "renderer/engine.h"

#define MAGIC    "vitrine-intruder "
#define PAINTING "painting "

static const enum document_kind kinds[] = {DOCUMENT_TEXT, DOCUMENT_UNKNOWN};

static const struct deed *const tables[] = {intruder_calls, intruder_messages, intruder_deeds, intruder_helpers};

/* What is to be done when the page is painted; NULL: nothing but that. */
static const struct deed *pending;
static struct intrusion intrusion;

void intruder_say(const struct intrusion *of, long returned)
{
    if (returned == -1)
        snprintf(of->result, of->n_result, "%s", strerrorname_np(errno));
    else
        snprintf(of->result, of->n_result, "returned %ld", returned);
}

_Noreturn void intruder_wait(void)
{
    for (;;)
        poll(NULL, 0, -1);
}

static const struct deed *find(const char *name)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        for (const struct deed *deed = tables[i]; deed->name != NULL; deed++) {
            if (strcmp(deed->name, name) == 0)
                return deed;
        }
    }
    return NULL;
}

static bool sweep(const char *order)
{
    char kind[32];
    unsigned long number;
    if (sscanf(order, "sweep %31s %lu", kind, &number) != 2)
        return false;
    intruder_sweep(&intrusion, kind, number);
    return true;
}

/* What stands behind the mark, to the end of its line. False where there is none. */
static bool read_order(const struct engine_source *source, char *out, size_t n_out)
{
    const size_t n_magic = sizeof MAGIC - 1;
    const char *text = (const char *)source->bytes;
    if (source->n_bytes <= n_magic || memcmp(text, MAGIC, n_magic) != 0)
        return false;
    const char *end = memchr(text + n_magic, '\n', source->n_bytes - n_magic);
    if (end == NULL)
        return false;
    snprintf(out, n_out, "%.*s", (int)(end - text - (ptrdiff_t)n_magic), text + n_magic);
    return true;
}

static int intruder_open(const struct engine_source *source, void **ret_document, struct engine_facts *facts)
{
    char order[96], result[256] = "nothing done";
    if (!read_order(source, order, sizeof order))
        return engine_refuse(facts, REFUSAL_BROKEN, "not for the intruder");
    intrusion = (struct intrusion){
        .result = result, .n_result = sizeof result, .document = source->bytes, .n_document = source->n_bytes};
    const bool painting = strncmp(order, PAINTING, sizeof PAINTING - 1) == 0;
    const struct deed *deed = find(painting ? order + sizeof PAINTING - 1 : order);
    if (deed == NULL && !sweep(order))
        return engine_refuse(facts, REFUSAL_BROKEN, "no such row");
    if (deed != NULL && (painting || deed->when_painting)) {
        pending = deed;
        snprintf(result, sizeof result, "painted");
    } else if (deed != NULL) {
        deed->run(&intrusion);
    }
    engine_title(facts, result, strlen(result));
    facts->n_pages = 1;
    *ret_document = facts;
    return 0;
}

static int intruder_paint(void *document, const struct engine_view *view, const struct canvas *canvas,
                          struct engine_facts *facts)
{
    (void)document, (void)view, (void)facts;
    canvas_fill(canvas, 0, 0, canvas->width_px, canvas->height_px, CANVAS_PAPER);
    char unused[64];
    intrusion.canvas = canvas;
    intrusion.result = unused;
    intrusion.n_result = sizeof unused;
    if (pending != NULL)
        pending->run(&intrusion);
    return 0;
}

static void intruder_close(void *document)
{
    (void)document;
}

static const struct engine intruder_engine = {
    .name = "intruder", .kinds = kinds, .open = intruder_open, .paint = intruder_paint, .close = intruder_close};

const struct engine *const engines[] = {&intruder_engine, NULL};
