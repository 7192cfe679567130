/* The inputs are plain documents: what of a document is painted, and how large, is drawn from a hash of its bytes.
 *
 * The engines' libraries are given what a renderer gives them: the same warm-up, the same memory limit, a document that
 * cannot be written and ends at a page that cannot be read, a canvas between two such pages. Beside not crashing: open and
 * paint keep to what renderer/engine.h says of them, every pixel is drawn whatever was there before, and nothing between
 * the rows is touched. Whether a library gives back all its memory is its own affair: a renderer dies with its document. */
#include "tests/fuzz/engine.h"

#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "renderer/engine.h"
#include "renderer/sniff.h"
#include "tests/fuzz/fuzz.h"

/* A frame whose rows have bytes to spare, and whose end is that of a page, as its beginning is. */
#define WIDTH_PX     248
#define HEIGHT_PX    128
#define STRIDE_BYTES 1024
#define ROW_BYTES    (4 * WIDTH_PX)

/* What --memory leaves to the engines by default. */
#define MEMORY_BYTES ((size_t)256 << 20)

/* libjpeg, FreeType, OpenJPEG allocate outside that limit: in a renderer the kernel refuses them at RLIMIT_AS. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1:max_allocation_size_mb=512:detect_leaks=0";
}

static struct guarded frame;
static uint8_t first_picture[HEIGHT_PX * STRIDE_BYTES];
static bool may_progress;
static uint32_t n_wanted;

static void progress(void)
{
    INSIST(may_progress);
}

static void wanted(uint32_t id, enum engine_wanted kind, const char *name, size_t n_name)
{
    INSIST(may_progress && id == n_wanted && n_wanted < ENGINE_MAX_WANTED);
    INSIST(kind == ENGINE_WANTED_PICTURE || kind == ENGINE_WANTED_STYLE);
    INSIST(n_name > 0 && n_name <= ENGINE_MAX_WANTED_NAME && memchr(name, 0, n_name) == NULL);
    n_wanted++;
}

int LLVMFuzzerInitialize(int *n_arguments, char ***arguments)
{
    (void)n_arguments, (void)arguments;
    const char *name;
    INSIST(engines_warm_up(&name) == 0);
    engines_set_memory_limit(MEMORY_BYTES);
    guarded_init(&frame, sizeof first_picture);
    return 0;
}

/* ---- what must hold --------------------------------------------------------------------------------------------------- */

static void check_text(const char *text, size_t n_room)
{
    const size_t n = strnlen(text, n_room);
    INSIST(n < n_room && text_is_utf8(text, n));
    for (size_t i = 0; i < n; i++)
        INSIST((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
}

static void check_refused(const struct engine_facts *facts)
{
    INSIST(facts->refusal > REFUSAL_NONE && facts->refusal < REFUSAL_COUNT);
    check_text(facts->detail, sizeof facts->detail);
}

static void check_gaps(uint8_t was)
{
    for (size_t y = 0; y < HEIGHT_PX; y++)
        for (size_t x = ROW_BYTES; x < STRIDE_BYTES; x++)
            INSIST(frame.bytes[y * STRIDE_BYTES + x] == was);
}

static void check_opaque(void)
{
    for (size_t y = 0; y < HEIGHT_PX; y++)
        for (size_t x = 3; x < ROW_BYTES; x += 4)
            INSIST(frame.bytes[y * STRIDE_BYTES + x] == 255);
}

static void check_same_picture(void)
{
    for (size_t y = 0; y < HEIGHT_PX; y++)
        INSIST(memcmp(frame.bytes + y * STRIDE_BYTES, first_picture + y * STRIDE_BYTES, ROW_BYTES) == 0);
}

/* ---- as a renderer does ------------------------------------------------------------------------------------------------ */

/* Paints over a frame full of `was`. True when there is a picture. */
static bool paint(const struct engine *engine, void *document, const struct engine_view *view,
                  struct engine_facts *facts, uint8_t was)
{
    const struct canvas canvas = {frame.bytes, WIDTH_PX, HEIGHT_PX, STRIDE_BYTES};
    memset(frame.bytes, was, frame.n_bytes);
    *facts = (struct engine_facts){.n_pages = facts->n_pages};
    may_progress = true;
    const int result = engine->paint(document, view, &canvas, facts);
    may_progress = false;
    INSIST(result == 0 || result == -1);
    check_gaps(was);
    if (result == 0)
        check_opaque();
    else
        check_refused(facts);
    return result == 0;
}

static uint64_t hash_of(const uint8_t *bytes, size_t n_bytes)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n_bytes; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

static struct engine_view view_of(uint64_t hash, uint32_t n_pages)
{
    static const float zooms[] = {0.05f, 0.33f, 0.8f, 1, 1.5f, 2.7f, 6, 20};
    static const int places[] = {0, 1, -1, 100, -77, 500, 3000, 1 << 20, -(1 << 20)};
    return (struct engine_view){
        .page = (uint32_t)(hash % 4 == 0 ? n_pages - 1 : hash / 4 % n_pages),
        .zoom = zooms[hash >> 32 & 7],
        .x_px = places[(hash >> 40 & 0xff) % 9],
        .y_px = places[(hash >> 48 & 0xff) % 9],
    };
}

/* The natural view twice, over frames of different contents; then another one. */
static void paint_views(const struct engine *engine, void *document, struct engine_facts *facts, uint64_t hash)
{
    const struct engine_view natural = {.zoom = 1}, other = view_of(hash, facts->n_pages);
    if (paint(engine, document, &natural, facts, 0x00)) {
        memcpy(first_picture, frame.bytes, sizeof first_picture);
        if (paint(engine, document, &natural, facts, 0xa5))
            check_same_picture();
        else
            INSIST(facts->refusal == REFUSAL_MEMORY);
    }
    paint(engine, document, &other, facts, 0x5a);
}

/* ---- as a viewer asks ------------------------------------------------------------------------------------------------- */

static struct engine_hits hits;
static struct engine_selection selection;

static bool is_number(float value)
{
    return value > -1e9f && value < 1e9f; /* false for what is none */
}

static void check_quads(const struct engine_quad *quads, size_t n)
{
    INSIST(n <= ENGINE_MAX_QUADS);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < 4; k++)
            INSIST(is_number(quads[i].corners[k].x) && is_number(quads[i].corners[k].y));
}

static void check_links(const struct engine_links *links, const struct engine_facts *facts)
{
    INSIST(links->n <= ENGINE_MAX_LINKS);
    for (size_t i = 0; i < links->n; i++) {
        const struct engine_link *link = &links->links[i];
        INSIST(is_number(link->rect.x0) && is_number(link->rect.y0) && link->rect.x1 > link->rect.x0 &&
               link->rect.y1 > link->rect.y0);
        INSIST(is_number(link->to.x) && is_number(link->to.y));
        if (link->uri == NULL)
            INSIST(link->page < facts->n_pages);
        else
            INSIST(link->n_uri > 0 && link->n_uri <= ENGINE_MAX_URI_BYTES && memchr(link->uri, 0, link->n_uri) == NULL);
    }
}

static void check_hits(void)
{
    check_quads(hits.quads, hits.n_quads);
    INSIST(hits.n_hits <= hits.n_quads);
    for (size_t i = 0; i < hits.n_quads; i++)
        INSIST(hits.hits[i] < hits.n_hits && (i == 0 || hits.hits[i] >= hits.hits[i - 1]));
}

static void check_selection(void)
{
    check_quads(selection.quads, selection.n_quads);
    INSIST(selection.n_text <= ENGINE_MAX_SELECTED_BYTES && selection.text[selection.n_text] == '\0');
    INSIST(text_is_utf8(selection.text, selection.n_text));
}

/* A piece of the input that is UTF-8: what stands in the document is found more often than anything else would be. */
static size_t needle_of(const uint8_t *input, size_t n_input, uint64_t hash, const char **ret_needle)
{
    size_t start = hash % n_input, n = 1 + (hash >> 32) % 12;
    n = n < n_input - start ? n : n_input - start;
    *ret_needle = (const char *)input + start;
    while (n > 0 && !text_is_utf8(*ret_needle, n))
        n--;
    return n;
}

static struct engine_point point_of(uint64_t hash)
{
    return (struct engine_point){(float)(hash % 600) - 50, (float)(hash >> 16 & 0xfff) - 500};
}

/* Each answer keeps to its limits; a refusal says why. */
static void ask(const struct engine *engine, void *document, struct engine_facts *facts, const uint8_t *input,
                size_t n_input, uint64_t hash)
{
    struct engine_view view = view_of(hash, facts->n_pages);
    struct engine_links links;
    struct engine_animation animation;
    struct engine_box box;
    const char *needle;
    const size_t n_needle = needle_of(input, n_input, hash, &needle);
    view.frame = (uint32_t)(hash >> 20 & 15);
    may_progress = true;
    if (engine->measure && engine->measure(document, &view, &box, facts) == 0)
        INSIST(box.width_px > 0 && box.height_px > 0 && box.x_px >= 0 && box.y_px >= 0);
    if (engine->links && engine->links(document, &view, &links, facts) == 0)
        check_links(&links, facts);
    if (engine->search && n_needle > 0 && engine->search(document, &view, needle, n_needle, &hits, facts) == 0)
        check_hits();
    if (engine->select && engine->select(document, &view, point_of(hash), point_of(hash >> 24), &selection, facts) == 0)
        check_selection();
    if (engine->animation && engine->animation(document, &view, &animation, facts) == 0)
        INSIST(animation.n_frames > 0 && animation.n_frames <= ENGINE_MAX_FRAMES);
    may_progress = false;
    paint(engine, document, &view, facts, 0x77);
}

/* What was asked for is the input itself; then another window and another zoom. */
static void provide_and_resize(const struct engine *engine, void *document, struct engine_facts *facts,
                               const uint8_t *input, size_t n_input, uint64_t hash)
{
    struct engine_view view = view_of(hash, facts->n_pages);
    const struct engine_view natural = {.zoom = 1};
    may_progress = true;
    for (uint32_t id = 0, n = n_wanted; engine->provide && id < n; id++)
        if (engine->provide(document, id, input, n_input, facts) != 0)
            check_refused(facts);
    if (engine->resize) {
        const int result =
            engine->resize(document, 40 + (int)(hash & 511), 200, 0.5f + (float)(hash >> 9 & 3), &view, facts);
        INSIST(result == -1 || (facts->n_pages > 0 && view.page < facts->n_pages && view.zoom > 0));
    }
    may_progress = false;
    paint(engine, document, facts->n_pages > 0 ? &view : &natural, facts, 0x33);
}

static void open_and_paint(enum document_kind kind, const uint8_t *input, size_t n_input)
{
    const struct engine *engine = engine_for(kind);
    struct engine_facts facts = {0};
    struct guarded copy;
    void *document = NULL;
    if (engine == NULL)
        return; /* not in this build */
    guarded_init_copy(&copy, input, n_input);
    const struct engine_source source = {copy.bytes, n_input, kind, WIDTH_PX, HEIGHT_PX, progress, wanted};
    n_wanted = 0;
    may_progress = true;
    const int result = engine->open(&source, &document, &facts);
    may_progress = false;
    INSIST(result == 0 || result == -1);
    if (result == 0) {
        INSIST(document != NULL && facts.n_pages > 0);
        check_text(facts.title, sizeof facts.title);
        const uint64_t hash = hash_of(input, n_input);
        paint_views(engine, document, &facts, hash);
        ask(engine, document, &facts, input, n_input, hash * 0x9e3779b97f4a7c15u);
        provide_and_resize(engine, document, &facts, input, n_input, hash);
        engine->close(document);
    } else {
        check_refused(&facts);
    }
    guarded_finish(&copy);
}

static bool is_of_family(enum document_kind kind)
{
    for (const enum document_kind *known = engine_family.kinds; *known != DOCUMENT_UNKNOWN; known++)
        if (*known == kind)
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input)
{
    if (n_input == 0)
        return 0;
    enum document_kind before = DOCUMENT_UNKNOWN;
    for (const char *const *extension = engine_family.extensions; *extension; extension++) {
        const enum document_kind kind = sniff(input, n_input, *extension);
        if (kind != before && is_of_family(kind))
            open_and_paint(kind, input, n_input);
        before = kind;
    }
    return 0;
}
