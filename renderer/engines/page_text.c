#include "renderer/engines/page_text.h"

#include <math.h>
#include <string.h>

#define PROGRESS_EVERY 4096 /* letters */

struct engine_quad page_quad(struct engine_rect rect)
{
    return (struct engine_quad){{{rect.x0, rect.y0}, {rect.x1, rect.y0}, {rect.x0, rect.y1}, {rect.x1, rect.y1}}};
}

/* Lengthens a quad to where the next letter of its line ends. */
static void extend(struct engine_quad *quad, const struct engine_quad *next)
{
    quad->corners[1] = next->corners[1];
    quad->corners[3] = next->corners[3];
}

/* ---- letters ------------------------------------------------------------------------------------------- */

static bool is_blank(uint32_t c)
{
    return c <= ' ' || c == 0x7f || c == 0xa0 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

/* Where a line or a word may be broken, and other characters that nobody types. */
static bool is_invisible(uint32_t c)
{
    return c == 0xad || (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
           c == 0xfeff;
}

static bool is_alternating_capital(uint32_t c)
{
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
        return c & 1;
    return !(c & 1) && ((c >= 0x100 && c <= 0x137 && c != 0x130) || (c >= 0x14a && c <= 0x177) ||
                        (c >= 0x460 && c <= 0x481) || (c >= 0x48a && c <= 0x4bf) || (c >= 0x4d0 && c <= 0x52f) ||
                        (c >= 0x1e00 && c <= 0x1e95) || (c >= 0x1ea0 && c <= 0x1eff));
}

/* A letter as it is compared: small, with the quotes and hyphens of a keyboard. */
static uint32_t fold(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    if ((c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f))
        return c + 32;
    if (c >= 0x400 && c <= 0x40f)
        return c + 80;
    if (c >= 0x531 && c <= 0x556)
        return c + 48;
    if (is_alternating_capital(c))
        return c + 1;
    switch (c) {
    case 0x178:
        return 0xff;
    case 0x3c2: /* a final sigma */
        return 0x3c3;
    case 0x2018:
    case 0x2019:
        return '\'';
    case 0x201c:
    case 0x201d:
        return '"';
    case 0x2010:
    case 0x2011:
        return '-';
    default:
        return c;
    }
}

static uint32_t next_character(const uint8_t **text, const uint8_t *end)
{
    const uint8_t *p = *text;
    unsigned n = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
    uint32_t c = n == 0 ? *p : *p & (0x3fu >> n);
    for (p++; n > 0 && p < end; n--, p++)
        c = c << 6 | (*p & 0x3f);
    *text = p;
    return c;
}

/* ---- the walk ------------------------------------------------------------------------------------------ */

struct counted {
    const struct page_walk *walk;
    page_take *take;
    void *user;
    uint32_t n;
};

static bool count(void *user, const struct page_letter *letter)
{
    struct counted *counted = user;
    if (++counted->n % PROGRESS_EVERY == 0 && counted->walk->progress)
        counted->walk->progress();
    return counted->n <= PAGE_MAX_LETTERS && counted->take(counted->user, letter);
}

static void walk_over(const struct page_walk *walk, page_take *take, void *user)
{
    struct counted counted = {walk, take, user, 0};
    walk->walk(walk->from, count, &counted);
}

/* ---- searching ----------------------------------------------------------------------------------------- */

/* A letter that may turn out to be part of a hit. */
struct seen {
    struct engine_quad quad;
    uint32_t line;
};

/* Knuth, Morris and Pratt: each letter is looked at once, however the page repeats itself. */
struct finder {
    uint32_t needle[ENGINE_MAX_NEEDLE_BYTES];
    uint16_t back[ENGINE_MAX_NEEDLE_BYTES]; /* how much of the needle still matches when one more does not */
    size_t n_needle, n_matched;
    struct seen seen[ENGINE_MAX_NEEDLE_BYTES]; /* the last of them, in a ring */
    size_t n_seen;
    uint32_t line, last;
    bool after_blank;
    struct engine_hits *hits;
};

static void read_needle(struct finder *finder, const char *needle, size_t n_needle)
{
    const uint8_t *p = (const uint8_t *)needle, *end = p + n_needle;
    bool after_blank = true;
    while (p < end && finder->n_needle < ENGINE_MAX_NEEDLE_BYTES) {
        uint32_t c = next_character(&p, end);
        if (is_invisible(c) || (is_blank(c) && after_blank))
            continue;
        after_blank = is_blank(c);
        finder->needle[finder->n_needle++] = after_blank ? ' ' : fold(c);
    }
    if (finder->n_needle > 0 && after_blank)
        finder->n_needle--;
}

static void prepare(struct finder *finder)
{
    size_t n = 0;
    for (size_t i = 1; i < finder->n_needle; i++) {
        while (n > 0 && finder->needle[i] != finder->needle[n])
            n = finder->back[n - 1];
        n += finder->needle[i] == finder->needle[n];
        finder->back[i] = (uint16_t)n;
    }
}

/* The last letters seen are a hit: a quad for each line it touches. False when there is no room. */
static bool note_hit(struct finder *finder)
{
    struct engine_hits *hits = finder->hits;
    size_t first_quad = hits->n_quads;
    uint32_t line = 0;
    for (size_t i = finder->n_seen - finder->n_needle; i < finder->n_seen; i++) {
        const struct seen *seen = &finder->seen[i % ENGINE_MAX_NEEDLE_BYTES];
        if (hits->n_quads > first_quad && seen->line == line) {
            extend(&hits->quads[hits->n_quads - 1], &seen->quad);
            continue;
        }
        if (hits->n_quads == ENGINE_MAX_QUADS) {
            hits->n_quads = first_quad;
            hits->is_cut = true;
            return false;
        }
        line = seen->line;
        hits->hits[hits->n_quads] = (uint16_t)hits->n_hits;
        hits->quads[hits->n_quads++] = seen->quad;
    }
    hits->n_hits++;
    return true;
}

static bool see(struct finder *finder, uint32_t c, const struct engine_quad *quad)
{
    finder->seen[finder->n_seen++ % ENGINE_MAX_NEEDLE_BYTES] = (struct seen){*quad, finder->line};
    while (finder->n_matched > 0 && finder->needle[finder->n_matched] != c)
        finder->n_matched = finder->back[finder->n_matched - 1];
    if (finder->needle[finder->n_matched] != c)
        return true;
    if (++finder->n_matched < finder->n_needle)
        return true;
    finder->n_matched = 0; /* hits do not overlap */
    return note_hit(finder);
}

/* Chinese and Japanese lines are broken anywhere. */
static bool is_ideograph(uint32_t c)
{
    return c >= 0x2e80 && c != 0x3000;
}

/* Blanks, and the break of a line, count as one blank. */
static bool find_letter(void *user, const struct page_letter *letter)
{
    struct finder *finder = user;
    const struct engine_quad *last =
        finder->n_seen > 0 ? &finder->seen[(finder->n_seen - 1) % ENGINE_MAX_NEEDLE_BYTES].quad : NULL;
    uint32_t before = finder->last, c = letter->character;
    bool is_gap = is_blank(c) || (letter->starts_line && !(is_ideograph(before) && is_ideograph(c)));
    finder->last = c;
    if (is_gap && !finder->after_blank) {
        struct engine_quad blank = letter->quad;
        if (letter->starts_line && last) /* it belongs to the end of the line before */
            blank = (struct engine_quad){{last->corners[1], last->corners[1], last->corners[3], last->corners[3]}};
        if (!see(finder, ' ', &blank))
            return false;
    }
    finder->after_blank = finder->after_blank || is_gap;
    finder->line += letter->starts_line;
    if (is_blank(c) || is_invisible(c))
        return true;
    finder->after_blank = false;
    return see(finder, fold(c), &letter->quad);
}

void page_search(const struct page_walk *walk, const char *needle, size_t n_needle, struct engine_hits *ret_hits)
{
    struct finder finder = {.hits = ret_hits, .after_blank = true};
    ret_hits->n_quads = ret_hits->n_hits = 0;
    ret_hits->is_cut = false;
    read_needle(&finder, needle, n_needle);
    if (finder.n_needle == 0)
        return;
    prepare(&finder);
    walk_over(walk, find_letter, &finder);
}

/* ---- selecting ----------------------------------------------------------------------------------------- */

/* The letter nearest to a point: of those on its line, by the side; otherwise by the line. */
struct nearest {
    struct engine_point point;
    float distance;
    uint32_t letter;
    bool is_behind; /* the point lies on the second half of the letter: a selection that starts here leaves it out */
};

struct ends {
    struct nearest ends[2];
    uint32_t n;
};

static float outside(float value, float low, float high)
{
    return value < low ? low - value : value > high ? value - high : 0;
}

static void look(struct nearest *nearest, uint32_t number, const struct engine_quad *quad)
{
    const struct engine_point *c = quad->corners;
    float left = fminf(fminf(c[0].x, c[1].x), fminf(c[2].x, c[3].x));
    float right = fmaxf(fmaxf(c[0].x, c[1].x), fmaxf(c[2].x, c[3].x));
    float top = fminf(fminf(c[0].y, c[1].y), fminf(c[2].y, c[3].y));
    float bottom = fmaxf(fmaxf(c[0].y, c[1].y), fmaxf(c[2].y, c[3].y));
    /* People miss a line by its height less often than they point beside its end. */
    float distance = outside(nearest->point.x, left, right) + 16 * outside(nearest->point.y, top, bottom);
    if (!(distance < nearest->distance))
        return;
    struct engine_point start = {(c[0].x + c[2].x) / 2, (c[0].y + c[2].y) / 2};
    struct engine_point end = {(c[1].x + c[3].x) / 2, (c[1].y + c[3].y) / 2};
    float to_start = hypotf(nearest->point.x - start.x, nearest->point.y - start.y);
    float to_end = hypotf(nearest->point.x - end.x, nearest->point.y - end.y);
    nearest->distance = distance;
    nearest->letter = number;
    nearest->is_behind = to_end < to_start;
}

static bool find_ends(void *user, const struct page_letter *letter)
{
    struct ends *ends = user;
    look(&ends->ends[0], ends->n, &letter->quad);
    look(&ends->ends[1], ends->n, &letter->quad);
    ends->n++;
    return true;
}

struct taker {
    uint32_t first, last, n; /* last: the one after the last taken */
    struct engine_selection *selection;
};

/* Adds a character whole or not at all. */
static bool add_character(struct engine_selection *selection, uint32_t c)
{
    uint8_t bytes[4];
    size_t n;
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        c = 0xfffd;
    if (c < 0x80) {
        bytes[0] = (uint8_t)c;
        n = 1;
    } else {
        n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        for (size_t i = n; i-- > 1; c >>= 6)
            bytes[i] = (uint8_t)(0x80 | (c & 0x3f));
        bytes[0] = (uint8_t)(0xf00 >> n | c);
    }
    if (selection->n_text + n > ENGINE_MAX_SELECTED_BYTES)
        return false;
    memcpy(selection->text + selection->n_text, bytes, n);
    selection->n_text += n;
    return true;
}

static bool add_quad(struct engine_selection *selection, const struct page_letter *letter)
{
    if (selection->n_quads > 0 && !letter->starts_line) {
        extend(&selection->quads[selection->n_quads - 1], &letter->quad);
        return true;
    }
    if (selection->n_quads == ENGINE_MAX_QUADS)
        return false;
    selection->quads[selection->n_quads++] = letter->quad;
    return true;
}

/* Controls would be commands to whoever pastes them into a terminal. */
static uint32_t harmless(uint32_t c)
{
    return c < ' ' || (c >= 0x7f && c <= 0x9f) ? ' ' : c == 0x2028 || c == 0x2029 ? '\n' : c;
}

static bool take_letter(void *user, const struct page_letter *letter)
{
    struct taker *taker = user;
    struct engine_selection *selection = taker->selection;
    uint32_t number = taker->n++;
    if (number >= taker->last)
        return false;
    if (number < taker->first)
        return true;
    bool fits = true;
    if (number > taker->first && letter->starts_line)
        fits = add_character(selection, '\n') && (!letter->starts_block || add_character(selection, '\n'));
    fits = fits && add_character(selection, harmless(letter->character)) && add_quad(selection, letter);
    selection->is_cut = selection->is_cut || !fits;
    return fits;
}

void page_select(const struct page_walk *walk, struct engine_point from, struct engine_point to,
                 struct engine_selection *ret_selection)
{
    struct ends ends = {.ends = {{.point = from, .distance = INFINITY}, {.point = to, .distance = INFINITY}}};
    ret_selection->n_quads = ret_selection->n_text = 0;
    ret_selection->is_cut = false;
    walk_over(walk, find_ends, &ends);
    uint32_t a = ends.ends[0].letter + ends.ends[0].is_behind, b = ends.ends[1].letter + ends.ends[1].is_behind;
    struct taker taker = {a < b ? a : b, a < b ? b : a, 0, ret_selection};
    if (ends.n > 0)
        walk_over(walk, take_letter, &taker);
    ret_selection->text[ret_selection->n_text] = '\0';
}
