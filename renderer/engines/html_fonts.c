#include "renderer/engines/html_fonts.h"

#include <errno.h>
#include <fcntl.h>
#include <harfbuzz/hb-ot.h>
#include <harfbuzz/hb.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "renderer/engines/fitz.h"

#define N_FAMILIES   3
#define N_STYLES     4    /* bit 0: bold, bit 1: italic */
#define MAX_FACES    96   /* counted in a byte */
#define MAX_CHARS    1024 /* of one word; more are not drawn: layout cuts words well before */
#define ITALIC_SHEAR 0.2f

/* The cache of words is thrown away as a whole when it is full. */
#define N_PLACES       16384 /* a power of two */
#define MAX_WORDS      (N_PLACES / 4 * 3)
#define MAX_WORD_BYTES ((size_t)16 << 20)
#define CHUNK_BYTES    ((size_t)256 << 10)

enum family { SERIF, SANS, MONO };

/* Where a glyph comes from: one file or embedded font, as MuPDF and as HarfBuzz see it. */
struct source {
    fz_font *font; /* a reference of ours */
    hb_font_t *hb; /* NULL for what HarfBuzz cannot read: drawn without shaping */
    float em;      /* units to an em */
    bool slant;    /* an upright font that stands in for an italic one */
};

struct face {
    struct html_face public; /* first: html_face pointers are face pointers */
    struct source *source;   /* NULL: not opened yet */
    unsigned style;
    const void *bytes; /* of its file, mapped in the zygote; NULL when it has none */
    size_t n_bytes;
};

/* There are as many as there are letters of different words. */
struct glyph {
    uint32_t id;
    uint32_t character : 24, source : 8; /* the number of the source */
    float x, y, advance;
};

struct word {
    const struct face *face;
    const char *text;
    struct glyph *glyphs;
    float width;
    uint32_t hash, n_bytes, n_glyphs;
};

struct chunk {
    struct chunk *next;
    size_t n_used, n_bytes;
    _Alignas(8) char bytes[];
};

/* A character that is not in its face: where it was found, so that the search is done once. */
struct stand_in {
    uint32_t character; /* 0: an empty place */
    uint32_t style;
    struct source *source;
};

#define N_STAND_INS 4096 /* a power of two; the newest wins a place */

static struct face faces[N_FAMILIES][N_STYLES];
static struct source sources[MAX_FACES]; /* the faces' own come first */
static size_t n_sources = N_FAMILIES * N_STYLES;
static struct word *words;    /* MAX_WORDS, filled from the start: what is not used is never touched */
static uint16_t *word_places; /* by hash: 1 and more is the number of a word, 0 an empty place */
static size_t n_words, n_word_bytes;
static struct chunk *chunks;
static struct stand_in *stand_ins;
static hb_buffer_t *shaper;

/* ---- characters ---------------------------------------------------------------------------------------- */

uint32_t html_fonts_next(const char **text)
{
    int rune;
    *text += fz_chartorune(&rune, *text);
    return (uint32_t)rune;
}

enum html_direction html_fonts_direction_of(uint32_t character)
{
    if (character < 0x590)
        return character < 'A' ? (character >= '0' && character <= '9' ? HTML_DIGIT : HTML_NEUTRAL)
               : character <= 'Z' || (character >= 'a' && character <= 'z') || character >= 0xc0 ? HTML_LTR
                                                                                                 : HTML_NEUTRAL;
    hb_unicode_funcs_t *unicode = hb_unicode_funcs_get_default();
    switch (hb_unicode_general_category(unicode, character)) {
    case HB_UNICODE_GENERAL_CATEGORY_DECIMAL_NUMBER:
        return HTML_DIGIT;
    case HB_UNICODE_GENERAL_CATEGORY_LOWERCASE_LETTER:
    case HB_UNICODE_GENERAL_CATEGORY_MODIFIER_LETTER:
    case HB_UNICODE_GENERAL_CATEGORY_OTHER_LETTER:
    case HB_UNICODE_GENERAL_CATEGORY_TITLECASE_LETTER:
    case HB_UNICODE_GENERAL_CATEGORY_UPPERCASE_LETTER:
        break;
    default:
        return character == 0x200f ? HTML_RTL : character == 0x200e ? HTML_LTR : HTML_NEUTRAL;
    }
    hb_script_t script = hb_unicode_script(unicode, character);
    return hb_script_get_horizontal_direction(script) == HB_DIRECTION_RTL ? HTML_RTL : HTML_LTR;
}

enum html_direction html_fonts_direction(const char *text, size_t n_bytes)
{
    const char *end = text + n_bytes;
    enum html_direction found = HTML_NEUTRAL;
    while (text < end) {
        enum html_direction direction = html_fonts_direction_of(html_fonts_next(&text));
        if (direction == HTML_LTR || direction == HTML_RTL)
            return direction;
        if (direction == HTML_DIGIT)
            found = direction;
    }
    return found;
}

/* Characters that belong to the glyph before them, whatever font it came from. */
static bool joins_previous(uint32_t character)
{
    if (character < 0x300)
        return character == 0xad;
    if ((character >= 0x200b && character <= 0x200f) || (character >= 0x2028 && character <= 0x202e) ||
        (character >= 0x2060 && character <= 0x206f) || character == 0xfeff ||
        (character >= 0xe0000 && character <= 0xe0fff))
        return true;
    switch (hb_unicode_general_category(hb_unicode_funcs_get_default(), character)) {
    case HB_UNICODE_GENERAL_CATEGORY_ENCLOSING_MARK:
    case HB_UNICODE_GENERAL_CATEGORY_NON_SPACING_MARK:
    case HB_UNICODE_GENERAL_CATEGORY_SPACING_MARK:
        return true;
    default:
        return false;
    }
}

/* ---- sources and faces --------------------------------------------------------------------------------- */

/* A HarfBuzz font over bytes that live as long as the process. NULL when they are no OpenType font. */
static hb_font_t *shape_font(const void *bytes, size_t n_bytes, unsigned index)
{
    hb_blob_t *blob = hb_blob_create(bytes, (unsigned)n_bytes, HB_MEMORY_MODE_READONLY, NULL, NULL);
    hb_face_t *face = hb_face_create(blob, index);
    hb_blob_destroy(blob);
    hb_font_t *font = NULL;
    if (hb_face_get_glyph_count(face) > 0) {
        font = hb_font_create(face);
        hb_ot_font_set_funcs(font);
        hb_font_make_immutable(font);
    }
    hb_face_destroy(face);
    return font;
}

static uint8_t number_of(const struct source *source)
{
    return (uint8_t)(source - sources);
}

/* Takes a reference of font. */
static void set_source(fz_context *ctx, struct source *source, fz_font *font, const void *bytes, size_t n_bytes)
{
    source->font = fz_keep_font(ctx, font);
    source->hb = bytes ? shape_font(bytes, n_bytes, 0) : NULL;
    source->em = source->hb ? (float)hb_face_get_upem(hb_font_get_face(source->hb)) : 1;
    source->slant = false;
}

/* NULL when there is no room. */
static struct source *add_source(fz_context *ctx, fz_font *font, const void *bytes, size_t n_bytes)
{
    if (n_sources == MAX_FACES)
        return NULL;
    struct source *source = &sources[n_sources++];
    set_source(ctx, source, font, bytes, n_bytes);
    return source;
}

/* The bytes an embedded font was made of, when HarfBuzz could read them. */
static const void *font_bytes(fz_context *ctx, fz_font *font, size_t *ret_n_bytes)
{
    unsigned char *bytes = NULL;
    *ret_n_bytes = font->buffer ? fz_buffer_storage(ctx, font->buffer, &bytes) : 0;
    return bytes;
}

/* A second font over the bytes of one that has no bold, thickened. Throws. */
static fz_font *thicken(fz_context *ctx, fz_font *font)
{
    if (!font->buffer || fz_font_is_bold(ctx, font))
        return fz_keep_font(ctx, font);
    fz_font *bold = fz_new_font_from_buffer(ctx, NULL, font->buffer, 0, 0);
    fz_font_flags(bold)->fake_bold = 1;
    return bold;
}

/* The source of a stand-in font in a style, made when it is first needed. */
static struct source *source_for(fz_context *ctx, fz_font *font, unsigned style)
{
    static struct {
        fz_font *font;
        struct source *styles[N_STYLES];
    } known[MAX_FACES];
    static size_t n_known;

    size_t i = 0;
    while (i < n_known && known[i].font != font)
        i++;
    if (i == n_known) {
        if (n_known == MAX_FACES)
            return NULL;
        known[n_known++].font = fz_keep_font(ctx, font);
    }
    if (known[i].styles[style])
        return known[i].styles[style];

    fz_font *styled = NULL;
    struct source *source = NULL;
    fz_var(styled);
    fz_try(ctx)
    {
        size_t n_bytes;
        const void *bytes = font_bytes(ctx, font, &n_bytes);
        styled = style & 1 ? thicken(ctx, font) : fz_keep_font(ctx, font);
        source = add_source(ctx, styled, bytes, n_bytes);
    }
    fz_always(ctx) fz_drop_font(ctx, styled);
    fz_catch(ctx) source = NULL;
    if (source)
        source->slant = style & 2;
    known[i].styles[style] = source;
    return source;
}

/* A source that has the character, looked for among MuPDF's embedded fonts; the face's own when none has. */
static struct source *find_stand_in(const struct face *face, uint32_t character)
{
    struct stand_in *place = &stand_ins[(character * 2654435761u ^ face->style * 40503u) >> 20 & (N_STAND_INS - 1)];
    if (place->character == character && place->style == face->style && place->source)
        return place->source;

    fz_context *ctx = fitz_context();
    fz_font *found = NULL;
    int glyph = 0;
    fz_var(found);
    fz_var(glyph);
    fz_try(ctx) glyph =
        fz_encode_character_with_fallback(ctx, face->source->font, (int)character, 0, FZ_LANG_UNSET, &found);
    fz_catch(ctx) glyph = 0;
    if (!glyph || !found || found == face->source->font)
        return face->source;
    struct source *source = source_for(ctx, found, face->style);
    if (!source)
        return face->source;
    *place = (struct stand_in){character, face->style, source};
    return source;
}

static bool has_glyph(const struct source *source, uint32_t character)
{
    hb_codepoint_t glyph;
    return source->hb && hb_font_get_nominal_glyph(source->hb, character, &glyph);
}

/* Punctuation that several scripts share is in none of MuPDF's lists: it is looked for with a letter beside it. */
static uint32_t letter_beside(uint32_t character)
{
    if (character >= 0x600 && character <= 0x6ff)
        return 0x627; /* Arabic alef */
    if (character == 0x964 || character == 0x965)
        return 0x905; /* Devanagari a */
    return character;
}

/* Where to take a character from, given the source of the one before it (or NULL): what is common to many scripts
 * stays with its neighbours. */
static struct source *source_of(const struct face *face, uint32_t character, struct source *previous)
{
    if (has_glyph(face->source, character))
        return face->source;
    if (previous && previous != face->source && has_glyph(previous, character))
        return previous;
    struct source *source = find_stand_in(face, character);
    if (has_glyph(source, character) || letter_beside(character) == character)
        return source;
    return find_stand_in(face, letter_beside(character));
}

/* ---- shaping ------------------------------------------------------------------------------------------- */

/* One word on its way to glyphs. */
struct line {
    uint32_t characters[MAX_CHARS];
    struct source *sources[MAX_CHARS];
    uint8_t levels[MAX_CHARS]; /* odd: right to left */
    size_t n;
    struct glyph glyphs[2 * MAX_CHARS]; /* some scripts make two of one */
    size_t n_glyphs;
    float width;
};

/* The Unicode bidirectional algorithm for one word, where only three levels can occur: 0 and 2 to the right,
 * 1 to the left. Neutral characters go with equal neighbours, otherwise with the word. */
static void set_levels(struct line *line)
{
    enum html_direction kinds[MAX_CHARS];
    bool any_rtl = false;
    uint8_t base = 0;
    for (size_t i = line->n; i-- > 0;) {
        kinds[i] = html_fonts_direction_of(line->characters[i]);
        if (kinds[i] == HTML_RTL)
            any_rtl = true;
        if (kinds[i] == HTML_RTL || kinds[i] == HTML_LTR)
            base = kinds[i] == HTML_RTL;
    }
    if (!any_rtl) {
        memset(line->levels, 0, line->n);
        return;
    }
    bool rtl = base;
    for (size_t i = 0; i < line->n; i++) {
        if (kinds[i] == HTML_DIGIT && !rtl)
            kinds[i] = HTML_LTR;
        if (kinds[i] == HTML_RTL || kinds[i] == HTML_LTR)
            rtl = kinds[i] == HTML_RTL;
    }
    for (size_t i = 0; i < line->n;) {
        if (kinds[i] != HTML_NEUTRAL) {
            line->levels[i] = kinds[i] == HTML_RTL ? 1 : kinds[i] == HTML_DIGIT || base ? 2 : 0;
            i++;
            continue;
        }
        size_t end = i;
        while (end < line->n && kinds[end] == HTML_NEUTRAL)
            end++;
        bool rtl_before = i > 0 ? kinds[i - 1] != HTML_LTR : base;
        bool rtl_after = end < line->n ? kinds[end] != HTML_LTR : base;
        uint8_t level = rtl_before != rtl_after ? base : rtl_before ? 1 : base ? 2 : 0;
        memset(line->levels + i, level, end - i);
        i = end;
    }
}

static void add_glyph(struct line *line, struct glyph glyph)
{
    if (line->n_glyphs == sizeof(line->glyphs) / sizeof(line->glyphs[0]))
        return;
    line->glyphs[line->n_glyphs++] = glyph;
    line->width += glyph.advance;
}

/* Bytes that HarfBuzz cannot read (MuPDF's embedded text fonts are bare CFF): a glyph for a character. */
static void place_plainly(struct line *line, size_t from, size_t to)
{
    fz_context *ctx = fitz_context();
    struct source *source = line->sources[from];
    bool backwards = line->levels[from] & 1;
    for (size_t i = 0; i < to - from; i++) {
        uint32_t character = line->characters[backwards ? to - 1 - i : from + i];
        struct glyph glyph = {.source = number_of(source), .character = character};
        fz_try(ctx)
        {
            glyph.id = (uint32_t)fz_encode_character(ctx, source->font, (int)character);
            glyph.advance = fz_advance_glyph(ctx, source->font, (int)glyph.id, 0);
        }
        fz_catch(ctx) glyph.id = 0;
        add_glyph(line, glyph);
    }
}

static void shape_run(struct line *line, size_t from, size_t to)
{
    struct source *source = line->sources[from];
    if (!source->hb) {
        place_plainly(line, from, to);
        return;
    }
    hb_buffer_clear_contents(shaper);
    hb_buffer_add_codepoints(shaper, line->characters, (int)line->n, (unsigned)from, (int)(to - from));
    hb_buffer_set_direction(shaper, line->levels[from] & 1 ? HB_DIRECTION_RTL : HB_DIRECTION_LTR);
    hb_buffer_guess_segment_properties(shaper);
    hb_shape(source->hb, shaper, NULL, 0);

    unsigned n;
    const hb_glyph_info_t *infos = hb_buffer_get_glyph_infos(shaper, &n);
    const hb_glyph_position_t *positions = hb_buffer_get_glyph_positions(shaper, NULL);
    for (unsigned i = 0; positions && i < n; i++)
        add_glyph(line,
                  (struct glyph){infos[i].codepoint, line->characters[infos[i].cluster], number_of(source),
                                 (float)positions[i].x_offset / source->em, (float)positions[i].y_offset / source->em,
                                 (float)positions[i].x_advance / source->em});
}

/* Finds the sources, and cuts the line into runs of one source and one level. */
static void shape_level(struct line *line, size_t from, size_t to)
{
    size_t starts[MAX_CHARS], n = 0;
    for (size_t i = from; i < to; i++)
        if (i == from || line->sources[i] != line->sources[i - 1])
            starts[n++] = i;
    for (size_t i = 0; i < n; i++) {
        size_t run = line->levels[from] & 1 ? n - 1 - i : i;
        shape_run(line, starts[run], run + 1 < n ? starts[run + 1] : to);
    }
}

static size_t level_end(const struct line *line, size_t from)
{
    size_t end = from + 1;
    while (end < line->n && line->levels[end] == line->levels[from])
        end++;
    return end;
}

/* Puts what lies between two characters of the base direction in its visual order. */
static void shape_line(struct line *line, bool rtl)
{
    size_t starts[MAX_CHARS + 1], n = 0;
    for (size_t i = 0; i < line->n; i = level_end(line, i))
        starts[n++] = i;
    starts[n] = line->n;
    if (rtl) {
        for (size_t i = n; i-- > 0;)
            shape_level(line, starts[i], starts[i + 1]);
        return;
    }
    for (size_t i = 0; i < n;) {
        size_t end = i + 1;
        if (line->levels[starts[i]] > 0)
            while (end < n && line->levels[starts[end]] > 0)
                end++;
        for (size_t j = end; j-- > i;) /* of levels 1 and 2: reversed */
            shape_level(line, starts[j], starts[j + 1]);
        i = end;
    }
}

static void shape(struct line *line, const struct face *face, const char *text, size_t n_bytes)
{
    const char *end = text + n_bytes;
    line->n = line->n_glyphs = 0;
    line->width = 0;
    bool plain = true;
    while (text < end && line->n < MAX_CHARS) {
        uint32_t character = html_fonts_next(&text);
        plain = plain && character < 0x300;
        size_t i = line->n++;
        line->characters[i] = character;
        struct source *previous = i > 0 ? line->sources[i - 1] : NULL;
        line->sources[i] = previous && joins_previous(character) ? previous : source_of(face, character, previous);
    }
    if (plain)
        memset(line->levels, 0, line->n);
    else
        set_levels(line);
    bool rtl = !plain && html_fonts_direction(end - n_bytes, n_bytes) == HTML_RTL;
    if (line->n > 0)
        shape_line(line, rtl);
}

/* ---- the cache of words -------------------------------------------------------------------------------- */

static void forget_words(void)
{
    while (chunks) {
        struct chunk *next = chunks->next;
        free(chunks);
        chunks = next;
    }
    memset(word_places, 0, N_PLACES * sizeof(*word_places));
    n_words = n_word_bytes = 0;
}

static void *chunk_alloc(size_t n_bytes)
{
    n_bytes = (n_bytes + 7) & ~(size_t)7;
    if (!chunks || chunks->n_bytes - chunks->n_used < n_bytes) {
        size_t size = n_bytes > CHUNK_BYTES ? n_bytes : CHUNK_BYTES;
        struct chunk *chunk = malloc(sizeof(*chunk) + size);
        if (!chunk)
            return NULL;
        *chunk = (struct chunk){.next = chunks, .n_bytes = size};
        chunks = chunk;
        n_word_bytes += size;
    }
    void *bytes = chunks->bytes + chunks->n_used;
    chunks->n_used += n_bytes;
    return bytes;
}

static uint32_t hash_of(const struct face *face, const char *text, size_t n_bytes)
{
    uint32_t hash = 2166136261u ^ (uint32_t)(face - faces[0]);
    for (size_t i = 0; i < n_bytes; i++)
        hash = (hash ^ (uint8_t)text[i]) * 16777619u;
    return hash ^ hash >> 15;
}

static uint16_t *place_of(const struct face *face, const char *text, size_t n_bytes, uint32_t hash)
{
    for (uint32_t i = hash;; i++) {
        uint16_t *place = &word_places[i & (N_PLACES - 1)];
        if (*place == 0)
            return place;
        const struct word *word = &words[*place - 1];
        if (word->hash == hash && word->face == face && word->n_bytes == n_bytes &&
            memcmp(word->text, text, n_bytes) == 0)
            return place;
    }
}

/* The word, shaped. NULL when there is no memory. Valid until the next call. */
static const struct word *find_word(const struct html_face *public, const char *text, size_t n_bytes)
{
    static struct line line; /* too large for the stack of a deep layout */
    const struct face *face = (const struct face *)public;
    uint32_t hash = hash_of(face, text, n_bytes);
    uint16_t *place = place_of(face, text, n_bytes, hash);
    if (*place != 0)
        return &words[*place - 1];
    if (n_words == MAX_WORDS || n_word_bytes > MAX_WORD_BYTES) {
        forget_words();
        place = place_of(face, text, n_bytes, hash);
    }
    shape(&line, face, text, n_bytes);
    size_t n_glyph_bytes = line.n_glyphs * sizeof(struct glyph);
    char *memory = chunk_alloc(n_glyph_bytes + n_bytes + 1);
    if (!memory)
        return NULL;
    memcpy(memory, line.glyphs, n_glyph_bytes);
    memcpy(memory + n_glyph_bytes, text, n_bytes);
    struct word *word = &words[n_words++];
    *word = (struct word){face, memory + n_glyph_bytes, (struct glyph *)(void *)memory, line.width,
                          hash, (uint32_t)n_bytes,      (uint32_t)line.n_glyphs};
    *place = (uint16_t)n_words;
    return word;
}

float html_fonts_width(const struct html_face *face, const char *text, size_t n_bytes)
{
    const struct word *word = find_word(face, text, n_bytes);
    return word ? word->width : 0;
}

/* Equal shares of a stretch, from left to right or from right to left. */
static void share(struct html_cell *cells, size_t n, float left, float width, bool rtl)
{
    for (size_t i = 0; i < n; i++) {
        size_t place = rtl ? n - 1 - i : i;
        cells[i].left = left + width * (float)place / (float)n;
        cells[i].right = left + width * (float)(place + 1) / (float)n;
    }
}

/* Gives each glyph to its character, and those without one (of a ligature) a share of the glyph before. False when glyphs
 * and characters do not follow one another. */
static bool match_cells(const struct word *word, struct html_cell *cells, size_t n, bool rtl)
{
    size_t first = 0, end = 0; /* the characters of the glyph before */
    float x = rtl ? word->width : 0, start = x;
    for (uint32_t k = 0; k < word->n_glyphs; k++) {
        const struct glyph *glyph = &word->glyphs[rtl ? word->n_glyphs - 1 - k : k];
        size_t i = end;
        while (i < n && cells[i].character != glyph->character)
            i++;
        if (i == n && k == 0)
            return false;
        if (i < n) {
            share(cells + first, i - first, rtl ? x : start, fabsf(x - start), rtl);
            first = i;
            end = i + 1;
            start = x;
        }
        x += rtl ? -glyph->advance : glyph->advance;
    }
    share(cells + first, n - first, rtl ? x : start, fabsf(x - start), rtl);
    return true;
}

size_t html_fonts_cells(const struct html_face *face, const char *text, size_t n_bytes, struct html_cell *cells,
                        size_t n_cells)
{
    const struct word *word = find_word(face, text, n_bytes);
    const char *end = text + n_bytes;
    bool rtl = html_fonts_direction(text, n_bytes) == HTML_RTL;
    size_t n = 0;
    while (text < end && n < n_cells)
        cells[n++].character = html_fonts_next(&text);
    if (!word || !match_cells(word, cells, n, rtl))
        share(cells, n, 0, word ? word->width : 0, rtl);
    return n;
}

/* Throws. */
static void show(fz_context *ctx, fz_text *text, const struct word *word, float size, float x, float y)
{
    for (uint32_t i = 0; i < word->n_glyphs; i++) {
        const struct glyph *glyph = &word->glyphs[i];
        const struct source *source = &sources[glyph->source];
        float shear = source->slant ? ITALIC_SHEAR * size : 0;
        fz_matrix place = fz_make_matrix(size, 0, shear, -size, x + glyph->x * size, y - glyph->y * size);
        fz_show_glyph(ctx, text, source->font, place, (int)glyph->id, (int)glyph->character, 0, 0, FZ_BIDI_LTR,
                      FZ_LANG_UNSET);
        x += glyph->advance * size;
    }
}

int html_fonts_show(fz_text *text, const struct html_face *face, float size, float x, float y, const char *word_text,
                    size_t n_bytes)
{
    const struct word *word = find_word(face, word_text, n_bytes);
    if (!word)
        return -1;
    fz_context *ctx = fitz_context();
    int ret = 0;
    fz_var(ret);
    fz_try(ctx) show(ctx, text, word, size, x, y);
    fz_catch(ctx) ret = -1;
    return ret;
}

/* ---- opening a face -------------------------------------------------------------------------------------- */

static const char *const embedded_names[N_FAMILIES][N_STYLES] = {
    {"Times-Roman", "Times-Bold", "Times-Italic", "Times-BoldItalic"},
    {"Helvetica", "Helvetica-Bold", "Helvetica-Oblique", "Helvetica-BoldOblique"},
    {"Courier", "Courier-Bold", "Courier-Oblique", "Courier-BoldOblique"},
};

static void measure_face(fz_context *ctx, struct face *face)
{
    struct html_face *public = &face->public;
    struct source *source = face->source;
    public->ascent = fz_font_ascender(ctx, source->font);
    public->descent = -fz_font_descender(ctx, source->font);
    public->x_height = 0.5f;
    hb_font_extents_t extents;
    if (source->hb && hb_font_get_h_extents(source->hb, &extents)) {
        public->ascent = (float)extents.ascender / source->em;
        public->descent = -(float)extents.descender / source->em;
        public->line_gap = (float)extents.line_gap / source->em;
    }
    hb_position_t x_height;
    if (source->hb && hb_ot_metrics_get_position(source->hb, HB_OT_METRICS_TAG_X_HEIGHT, &x_height))
    public->x_height = (float)x_height / source->em;
    public->space = html_fonts_width(public, " ", 1);
}

/* Throws. */
static void open_face(fz_context *ctx, enum family family, unsigned style)
{
    struct face *face = &faces[family][style];
    fz_font *font = face->bytes ? fz_new_font_from_memory(ctx, NULL, face->bytes, (int)face->n_bytes, 0, 0)
                                : fz_new_base14_font(ctx, embedded_names[family][style]);
    face->source = &sources[face - faces[0]];
    set_source(ctx, face->source, font, face->bytes, face->n_bytes);
    fz_drop_font(ctx, font);
    face->style = style;
    face->public.mono = family == MONO;
    measure_face(ctx, face);
}

/* The upright face, which the warm-up opened, when there is no memory for another. */
static const struct face *face_of(enum family family, unsigned style)
{
    fz_context *ctx = fitz_context();
    const struct face *face = &faces[family][style];
    if (face->source)
        return face;
    fz_try(ctx) open_face(ctx, family, style);
    fz_catch(ctx) face = &faces[family][0];
    return face;
}

/* ---- names --------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum family family;
} family_names[] = {
    {"serif", SERIF},
    {"sans-serif", SANS},
    {"monospace", MONO},
    {"ui-serif", SERIF},
    {"ui-sans-serif", SANS},
    {"ui-monospace", MONO},
    {"ui-rounded", SANS},
    {"system-ui", SANS},
    {"-apple-system", SANS},
    {"blinkmacsystemfont", SANS},
    {"cursive", SERIF},
    {"fantasy", SANS},
    {"times", SERIF},
    {"times new roman", SERIF},
    {"liberation serif", SERIF},
    {"georgia", SERIF},
    {"garamond", SERIF},
    {"palatino", SERIF},
    {"cambria", SERIF},
    {"book antiqua", SERIF},
    {"arial", SANS},
    {"helvetica", SANS},
    {"helvetica neue", SANS},
    {"liberation sans", SANS},
    {"verdana", SANS},
    {"tahoma", SANS},
    {"trebuchet ms", SANS},
    {"segoe ui", SANS},
    {"calibri", SANS},
    {"roboto", SANS},
    {"inter", SANS},
    {"open sans", SANS},
    {"noto sans", SANS},
    {"lucida grande", SANS},
    {"courier", MONO},
    {"courier new", MONO},
    {"liberation mono", MONO},
    {"consolas", MONO},
    {"menlo", MONO},
    {"monaco", MONO},
    {"sfmono-regular", MONO},
    {"lucida console", MONO},
    {"dejavu sans", SANS},
    {"dejavu serif", SERIF},
    {"dejavu sans mono", MONO},
};

static bool family_of(const char *name, size_t n_bytes, enum family *ret_family)
{
    for (size_t i = 0; i < sizeof(family_names) / sizeof(family_names[0]); i++)
        if (strlen(family_names[i].name) == n_bytes && strncasecmp(family_names[i].name, name, n_bytes) == 0) {
            *ret_family = family_names[i].family;
            return true;
        }
    return false;
}

const struct html_face *html_fonts_find(const char *families, bool bold, bool italic)
{
    enum family family = SERIF;
    while (*families) {
        size_t n_bytes = strcspn(families, ",");
        const char *name = families, *end = families + n_bytes;
        while (name < end && strchr(" \t\n\"'", *name))
            name++;
        while (end > name && strchr(" \t\n\"'", end[-1]))
            end--;
        if (family_of(name, (size_t)(end - name), &family))
            break;
        families += n_bytes + (families[n_bytes] == ',');
    }
    return &face_of(family, (bold ? 1 : 0) | (italic ? 2 : 0))->public;
}

/* ---- warm-up ------------------------------------------------------------------------------------------- */

static const char *const file_names[N_FAMILIES][N_STYLES] = {
    {"LiberationSerif-Regular", "LiberationSerif-Bold", "LiberationSerif-Italic", "LiberationSerif-BoldItalic"},
    {"LiberationSans-Regular", "LiberationSans-Bold", "LiberationSans-Italic", "LiberationSans-BoldItalic"},
    {"LiberationMono-Regular", "LiberationMono-Bold", "LiberationMono-Italic", "LiberationMono-BoldItalic"},
};

static const char *const folders[] = {
    "/usr/share/fonts/truetype/liberation2",
    "/usr/share/fonts/truetype/liberation",
    "/usr/share/fonts/liberation",
    "/usr/share/fonts/liberation-fonts",
    "/usr/share/fonts/TTF",
    "/usr/local/share/fonts",
};

/* Maps a font file for the life of the process. NULL when it is in none of the folders. */
static void *map_font(const char *name, size_t *ret_n_bytes)
{
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        char path[256];
        snprintf(path, sizeof(path), "%s/%s.ttf", folders[i], name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        struct stat status;
        void *bytes = MAP_FAILED;
        if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
            bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        close(fd);
        if (bytes == MAP_FAILED)
            continue;
        *ret_n_bytes = (size_t)status.st_size;
        return bytes;
    }
    return NULL;
}

/* Enough to build the shaping plans, and a font for symbols. The fonts of other scripts wait until a document asks for
 * them: they are in the program, and a Chinese or Korean one takes longer to open than all the faces. */
static const char *const warm_words[] = {
    "office",       /* ligature, kerning */
    "\u0395\u03bb", /* Greek */
    "\u042f\u0437", /* Cyrillic */
    "\u2603"        /* a symbol */
};

/* Files can be read only now; opening a face whose file is mapped needs no more than memory. */
static void map_fonts(void)
{
    for (unsigned family = 0; family < N_FAMILIES; family++)
        for (unsigned style = 0; style < N_STYLES; style++) {
            struct face *face = &faces[family][style];
            face->bytes = map_font(file_names[family][style], &face->n_bytes);
        }
}

int html_fonts_warm_up(void)
{
    fz_context *ctx = fitz_context();
    words = calloc(MAX_WORDS, sizeof(*words));
    word_places = calloc(N_PLACES, sizeof(*word_places));
    stand_ins = calloc(N_STAND_INS, sizeof(*stand_ins));
    shaper = hb_buffer_create();
    if (!ctx || !words || !word_places || !stand_ins || !hb_buffer_allocation_successful(shaper))
        return -ENOMEM;
    map_fonts();
    int ret = 0;
    fz_var(ret);
    fz_try(ctx)
    {
        for (unsigned family = 0; family < N_FAMILIES; family++)
            open_face(ctx, family, 0);
    }
    fz_catch(ctx) ret = -ENOMEM;
    for (size_t i = 0; ret == 0 && i < sizeof(warm_words) / sizeof(warm_words[0]); i++)
        for (unsigned family = 0; family < N_FAMILIES; family++)
            html_fonts_width(&faces[family][0].public, warm_words[i], strlen(warm_words[i]));
    return ret;
}
