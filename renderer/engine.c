#include "renderer/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

static size_t memory_limit_bytes = SIZE_MAX;

void engines_set_memory_limit(size_t n_bytes)
{
    memory_limit_bytes = n_bytes;
}

size_t engines_memory_limit(void)
{
    return memory_limit_bytes;
}

int engines_warm_up(const char **ret_name)
{
    for (const struct engine *const *engine = engines; *engine; engine++) {
        int r = (*engine)->warm_up ? (*engine)->warm_up() : 0;
        if (r < 0) {
            *ret_name = (*engine)->name;
            return r;
        }
    }
    return 0;
}

static bool opens(const struct engine *engine, enum document_kind kind)
{
    for (const enum document_kind *known = engine->kinds; *known != DOCUMENT_UNKNOWN; known++)
        if (*known == kind)
            return true;
    return false;
}

const struct engine *engine_for(enum document_kind kind)
{
    for (const struct engine *const *engine = engines; *engine; engine++)
        if (opens(*engine, kind))
            return *engine;
    return NULL;
}

const struct engine_link *engine_link_at(const struct engine_links *links, struct engine_point point)
{
    for (size_t i = links->n; i-- > 0;) {
        const struct engine_rect *rect = &links->links[i].rect;
        if (point.x >= rect->x0 && point.x < rect->x1 && point.y >= rect->y0 && point.y < rect->y1)
            return &links->links[i];
    }
    return NULL;
}

const char *engine_missing_hint(enum document_kind kind)
{
    switch (kind) {
    case DOCUMENT_HTML:
    case DOCUMENT_XHTML:
    case DOCUMENT_MARKDOWN:
    case DOCUMENT_TEXT:
        return "this build has no html engine: install liblitehtml-dev, libmd4c-dev, "
               "libmd4c-html0-dev and libmupdf-dev, then build again";
    case DOCUMENT_PDF:
    case DOCUMENT_EPUB:
    case DOCUMENT_XPS:
    case DOCUMENT_CBZ:
    case DOCUMENT_FB2:
    case DOCUMENT_MOBI:
    case DOCUMENT_SVG:
    case DOCUMENT_PNG:
    case DOCUMENT_JPEG:
    case DOCUMENT_JPEG2000:
    case DOCUMENT_TIFF:
    case DOCUMENT_BMP:
    case DOCUMENT_GIF:
    case DOCUMENT_PNM:
        return "this build has no mupdf engine: install libmupdf-dev and the libraries it needs, "
               "then build again";
    case DOCUMENT_WEBP:
        return "this build has no raster engine: install libwebp-dev, then build again";
    case DOCUMENT_UNKNOWN:
    case DOCUMENT_SCENE: /* always built in */
    case DOCUMENT_KIND_COUNT:
        break;
    }
    return "no engine opens this kind of document";
}

/* How many bytes the character at text takes, 0 when it is none. */
static size_t character_bytes(const char *text, size_t n_text)
{
    for (size_t n = 1; n <= 4 && n <= n_text; n++)
        if (text_is_utf8(text, n))
            return n;
    return 0;
}

/* Copies text as one line of well-formed UTF-8, since a message may carry nothing else: what is no character becomes
 * '?', runs of spaces and controls one space, none at either end. Cut at a character. */
static void copy_line(char *out, size_t n_out, const char *text, size_t n_text)
{
    size_t length = 0;
    bool gap = false;
    while (n_text > 0) {
        size_t n = character_bytes(text, n_text);
        bool is_gap = n == 1 && ((unsigned char)*text <= ' ' || *text == 0x7f);
        if (!is_gap) {
            const char *from = n > 0 ? text : "?";
            size_t n_from = n > 0 ? n : 1;
            bool with_space = gap && length > 0;
            if (length + with_space + n_from >= n_out)
                break;
            if (with_space)
                out[length++] = ' ';
            memcpy(out + length, from, n_from);
            length += n_from;
        }
        gap = is_gap;
        n = n > 0 ? n : 1;
        text += n;
        n_text -= n;
    }
    out[length] = '\0';
}

void engine_title(struct engine_facts *facts, const char *text, size_t n_text)
{
    copy_line(facts->title, sizeof(facts->title), text, n_text);
}

int engine_refuse(struct engine_facts *facts, enum refusal refusal, const char *format, ...)
{
    char text[2 * sizeof(facts->detail)];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    facts->refusal = refusal;
    copy_line(facts->detail, sizeof(facts->detail), n < 0 ? "" : text, n < 0 ? 0 : strlen(text));
    return -1;
}
