#include "broker/crash_page.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/font.h"
#include "common/text.h"

#define COLOUR_PAGE  0x1e2227u
#define COLOUR_TEXT  0xe8ebefu
#define COLOUR_FAINT 0xa3acb8u
#define COLOUR_EDGE  0x8b95a3u
#define COLOUR_PAPER 0x2f363fu
#define COLOUR_FOLD  0x4a535fu

/* All lengths below are in pixels at scale 1. */
#define SCALE_WIDTH_PX   448 /* a page this wide and this high for each step of the scale */
#define SCALE_HEIGHT_PX  352
#define MARGIN_PX        24 /* at most, and never more than a share of a small page */
#define MARGIN_SHARE     20
#define STRIPE_PX        3
#define STRIPE_SHARE     32
#define PICTOGRAM_GAP_PX 8
#define MAX_COLUMNS      60 /* longer lines are hard to read */
#define LABEL_COLUMNS    10
#define NARROW_COLUMNS   24 /* with fewer, the style is dense, and a label stands above its text instead of beside it */

/* The places of the longest paragraph. In bytes, as it is escaped; so a text beyond ASCII may be cut earlier. */
#define TEXT_BYTES 384

/* ---- what each verdict looks like ------------------------------------------------------------------------- */

#define SYMBOL_SIZE 8

struct look {
    const char *title; /* at most 18 places: one line on a page of 320 pixels */
    const char *deed;  /* what the process did */
    uint32_t rgb;
    char symbol[SYMBOL_SIZE][SYMBOL_SIZE + 1];
};

/* clang-format off */
static const struct look looks[VERDICT_COUNT] = {
    [VERDICT_NONE] = {
        "Ended", "has ended", 0xa3acb8, {
        "........",
        "........",
        "........",
        "########",
        "########",
        "........",
        "........",
        "........"}},
    [VERDICT_SIGNAL] = {
        "Crashed", "failed", 0xf0605a, {
        "....##..",
        "...##...",
        "..##....",
        ".######.",
        "....##..",
        "...##...",
        "..##....",
        "..#....."}},
    [VERDICT_VIOLATION] = {
        "Sandbox violation", "asked the system for what no document needs", 0xb98cff, {
        "..####..",
        ".##..##.",
        ".##..##.",
        "########",
        "###..###",
        "###..###",
        "########",
        "########"}},
    [VERDICT_PROTOCOL] = {
        "Protocol violation", "sent what no honest one sends", 0xf06eb4, {
        "########",
        "#......#",
        "##....##",
        "#.#..#.#",
        "#..##..#",
        "#......#",
        "#......#",
        "########"}},
    [VERDICT_HANG] = {
        "Hung", "made no progress in time", 0xe0a63c, {
        "########",
        ".#....#.",
        "..####..",
        "...##...",
        "...##...",
        "..#..#..",
        ".######.",
        "########"}},
    [VERDICT_MEMORY] = {
        "Out of memory", "needed more memory than there was for it", 0x5aa9f0, {
        ".#.#.#.#",
        "########",
        "########",
        "##....##",
        "##....##",
        "########",
        "########",
        ".#.#.#.#"}},
    [VERDICT_EXIT] = {
        "Left by itself", "ended without being told to", 0x4dbfb0, {
        "####....",
        "#.......",
        "#....#..",
        "#.######",
        "#.######",
        "#....#..",
        "#.......",
        "####...."}},
    [VERDICT_KILLED] = {
        "Killed", "was ended from outside", 0xc9b27c, {
        "##....##",
        "###..###",
        ".######.",
        "..####..",
        "..####..",
        ".######.",
        "###..###",
        "##....##"}},
};

/* A torn sheet: # its edge, + paper, - the folded corner. The verdict's symbol goes onto its upper half. */
#define PICTOGRAM_WIDTH  20
#define PICTOGRAM_HEIGHT 28
#define SYMBOL_X         5
#define SYMBOL_Y         6
static const char pictogram[PICTOGRAM_HEIGHT][PICTOGRAM_WIDTH + 1] = {
    "##############......",
    "#++++++++++++##.....",
    "#++++++++++++#-#....",
    "#++++++++++++#--#...",
    "#++++++++++++#---#..",
    "#++++++++++++######.",
    "#+++++++++++++++++#.",
    "#+++++++++++++++++#.",
    "#+++++++++++++++++#.",
    "#+++++++++++++++++#.",
    "#+++++++++++++++++#.",
    "#+++++++++++++++++#.",
    "#+++++++++++++++++#.",
    "#+++++++++++++++++#.",
    "#++#+++++#+++++#++#.",
    "#+#.#+++#.#+++#.#+#.",
    "##...#+#...#+#...##.",
    "#.....#.....#.....#.",
    "....#.....#.....#...",
    "...#+#...#+#...#+#..",
    "..#+++#.#+++#.#+++#.",
    ".#+++++#+++++#+++++#",
    ".#+++++++++++++++++#",
    ".#+++++++++++++++++#",
    ".#+++++++++++++++++#",
    ".#+++++++++++++++++#",
    ".#+++++++++++++++++#",
    ".###################",
};
/* clang-format on */

/* ---- what it says ----------------------------------------------------------------------------------------- */

/* From text_escape and printable; a character beyond ASCII is one byte, NO_GLYPH, so that bytes are places. */
struct paragraph {
    const char *label; /* or NULL */
    uint32_t rgb;
    int scale;  /* times the page's */
    int gap_px; /* above it */
    size_t max_lines;
    bool cut_at_start; /* where it is too long */
    char text[TEXT_BYTES];
};

enum {
    PARAGRAPH_TAB,
    PARAGRAPH_TITLE,
    PARAGRAPH_HEADLINE, /* the two above in one, where room is dear */
    PARAGRAPH_EXPLANATION,
    PARAGRAPH_WHAT,
    PARAGRAPH_DOCUMENT,
    PARAGRAPH_REPORT,
    PARAGRAPH_RESTARTS,
    PARAGRAPH_NEXT_TRY,
    N_PARAGRAPHS,
};

#define NO_GLYPH '\x7f' /* the font draws a box */

/* Escapes text into out, in places. */
static void set_text(char *out, size_t n_out, const char *text)
{
    static const char ellipsis[] = "…";
    const size_t n_ellipsis = sizeof ellipsis - 1;

    size_t n_escaped = text_escape(out, n_out, text, strlen(text)), n = 0;
    for (size_t i = 0; i < n_escaped; i++) {
        if (n_escaped - i >= n_ellipsis && memcmp(out + i, ellipsis, n_ellipsis) == 0) {
            memset(out + n, '.', n_ellipsis); /* three dots in three bytes */
            n += n_ellipsis;
            i += n_ellipsis - 1;
            continue;
        }
        uint8_t byte = (uint8_t)out[i];
        if ((byte & 0xc0) != 0x80)
            out[n++] = byte < 0x80 ? (char)byte : NO_GLYPH;
    }
    out[n] = '\0';
}

/* Only the end of a long text, whatever it holds: escaped from the beginning, it could push its own end out. */
static void set_end_of_text(char *out, size_t n_out, const char *text)
{
    char whole[TEXT_MAX_CHARACTERS + 1];
    const size_t max_tail = TEXT_MAX_CHARACTERS / 4 - 1; /* escaping makes at most four bytes of one */
    const size_t max_places = n_out - sizeof "...";      /* with the dots before them */

    size_t n_text = strlen(text), n_tail = n_text < max_tail ? n_text : max_tail;
    set_text(whole, sizeof whole, text + n_text - n_tail);
    size_t n = strlen(whole), n_skipped = n > max_places ? n - max_places : 0;
    if (n_tail < n_text || n_skipped > 0) {
        memset(out, '.', 3);
        out += 3;
    }
    memcpy(out, whole + n_skipped, n - n_skipped + 1);
}

static void set_next_try(char *out, size_t n_out, const struct crash_page *page)
{
    /* Rounded up: it is never tried sooner than it says. */
    uint64_t ms = page->next_try_ns / NS_PER_MS + (page->next_try_ns % NS_PER_MS != 0);
    if (!page->will_retry)
        snprintf(out, n_out, "not by itself");
    else if (ms == 0)
        snprintf(out, n_out, "now");
    else if (ms < 1000)
        snprintf(out, n_out, "in %" PRIu64 " ms", ms);
    else if (ms < 120 * 1000)
        snprintf(out, n_out, "in %" PRIu64 ".%" PRIu64 " s", (ms + 99) / 1000, (ms + 99) % 1000 / 100);
    else
        snprintf(out, n_out, "in %" PRIu64 " min", ms / 60000 + (ms % 60000 != 0));
}

static void compose(struct paragraph paragraphs[N_PARAGRAPHS], const struct crash_page *page)
{
    const struct look *look = &looks[page->verdict];
    static const struct paragraph shapes[N_PARAGRAPHS] = {
        [PARAGRAPH_TAB] = {.rgb = COLOUR_FAINT, .scale = 1, .max_lines = 1},
        [PARAGRAPH_TITLE] = {.rgb = COLOUR_TEXT, .scale = 2, .max_lines = 3},
        [PARAGRAPH_HEADLINE] = {.rgb = COLOUR_TEXT, .scale = 1, .max_lines = 3},
        [PARAGRAPH_EXPLANATION] = {.rgb = COLOUR_TEXT, .scale = 1, .gap_px = 6, .max_lines = 4},
        [PARAGRAPH_WHAT] = {.scale = 1, .gap_px = 6, .max_lines = 6},
        [PARAGRAPH_DOCUMENT] = {"Document", COLOUR_TEXT, 1, 12, 3, .cut_at_start = true},
        [PARAGRAPH_REPORT] = {"Report", COLOUR_TEXT, 1, 2, 2},
        [PARAGRAPH_RESTARTS] = {"Restarts", COLOUR_TEXT, 1, 2, 1},
        [PARAGRAPH_NEXT_TRY] = {"Next try", COLOUR_TEXT, 1, 2, 1},
    };
    memcpy(paragraphs, shapes, sizeof shapes);

    snprintf(paragraphs[PARAGRAPH_TAB].text, TEXT_BYTES, "Tab %u", page->tab);
    snprintf(paragraphs[PARAGRAPH_TITLE].text, TEXT_BYTES, "%s", look->title);
    snprintf(paragraphs[PARAGRAPH_HEADLINE].text, TEXT_BYTES, "Tab %u: %s", page->tab, look->title);
    snprintf(paragraphs[PARAGRAPH_EXPLANATION].text, TEXT_BYTES, "The process that showed this document %s.",
             look->deed);
    paragraphs[PARAGRAPH_WHAT].rgb = look->rgb;
    set_text(paragraphs[PARAGRAPH_WHAT].text, TEXT_BYTES, page->what);
    set_end_of_text(paragraphs[PARAGRAPH_DOCUMENT].text, TEXT_BYTES, page->document);
    set_text(paragraphs[PARAGRAPH_REPORT].text, TEXT_BYTES, page->report_id ? page->report_id : "none was stored");
    snprintf(paragraphs[PARAGRAPH_RESTARTS].text, TEXT_BYTES, page->restarts ? "%u so far" : "none so far",
             page->restarts);
    set_next_try(paragraphs[PARAGRAPH_NEXT_TRY].text, TEXT_BYTES, page);
}

/* ---- from text to lines ----------------------------------------------------------------------------------- */

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

/* How much of text goes into one line: up to the last space, or a full line of one long word. */
static size_t line_length(const char *text, size_t n_places)
{
    size_t n = strnlen(text, n_places + 1);
    if (n <= n_places)
        return n;
    for (size_t i = n_places; i > 0; i--)
        if (text[i] == ' ')
            return i;
    return n_places;
}

static const char *next_line(const char *text, size_t n_line)
{
    text += n_line;
    return text + strspn(text, " ");
}

static size_t count_lines(const char *text, size_t n_places)
{
    size_t n = 0;
    for (; *text; text = next_line(text, line_length(text, n_places)))
        n++;
    return n;
}

/* Cuts text to max_lines, dots telling so. Returns where it now begins. */
static char *cut(char *text, size_t n_places, size_t max_lines, bool at_start)
{
    size_t n = strlen(text);
    while (count_lines(text, n_places) > max_lines) {
        n--;
        if (at_start)
            text++;
        else
            text[n] = '\0';
        size_t n_dots = n < 3 ? n : 3;
        memset(at_start ? text : text + n - n_dots, '.', n_dots);
    }
    return text;
}

/* Where the next line goes; the same steps measure and draw. */
struct pen {
    const struct font_target *target; /* NULL: only measure */
    int x, y;
    int right; /* the end of the longest line */
    int scale;
    int n_columns;
};

static void put_line(struct pen *pen, int column, int scale, uint32_t rgb, const char *text, size_t n_text)
{
    int x = pen->x + column * FONT_WIDTH_PX * pen->scale;
    int height = FONT_HEIGHT_PX * scale;
    if (pen->target && pen->y + height <= pen->target->height_px)
        font_draw(pen->target, x, pen->y, scale, rgb, text, n_text);
    pen->right = larger(pen->right, x + (int)n_text * FONT_WIDTH_PX * scale);
    pen->y += height;
}

static void put_paragraph(struct pen *pen, const struct paragraph *paragraph)
{
    int column = 0;
    if (paragraph->label) {
        int y = pen->y;
        put_line(pen, 0, pen->scale, COLOUR_FAINT, paragraph->label, strnlen(paragraph->label, (size_t)pen->n_columns));
        if (pen->n_columns >= NARROW_COLUMNS) {
            column = LABEL_COLUMNS;
            pen->y = y;
        }
    }

    char text[TEXT_BYTES];
    memcpy(text, paragraph->text, sizeof text);
    int n_places = larger((pen->n_columns - column) / paragraph->scale, 1);
    const char *line = cut(text, (size_t)n_places, paragraph->max_lines, paragraph->cut_at_start);
    do { /* a label without text is a line too */
        size_t n = line_length(line, (size_t)n_places);
        put_line(pen, column, pen->scale * paragraph->scale, paragraph->rgb, line, n);
        line = next_line(line, n);
    } while (*line);
}

/* ---- from lines to the page ------------------------------------------------------------------------------- */

struct rectangle {
    int x, y, width, height;
};

/* What there is room for. */
struct style {
    int scale;
    int dot_px; /* of the pictogram, times the scale; 0: none */
    bool has_explanation;
    bool is_dense; /* no gaps, and a headline instead of the title */
};

/* area lies within the target. */
static void fill(const struct font_target *target, struct rectangle area, uint32_t rgb)
{
    if (area.width == 0 || area.height == 0)
        return;
    const uint8_t pixel[4] = {(uint8_t)(rgb >> 16), (uint8_t)(rgb >> 8), (uint8_t)rgb, 0xff};
    uint8_t *first = target->pixels + (size_t)area.y * target->stride_bytes + 4 * (size_t)area.x;
    for (int x = 0; x < area.width; x++)
        memcpy(first + 4 * (size_t)x, pixel, sizeof pixel);
    for (int y = 1; y < area.height; y++)
        memcpy(first + (size_t)y * target->stride_bytes, first, 4 * (size_t)area.width);
}

static void draw_dot(const struct font_target *target, int x, int y, int column, int row, int dot_px, uint32_t rgb)
{
    fill(target, (struct rectangle){x + column * dot_px, y + row * dot_px, dot_px, dot_px}, rgb);
}

static uint32_t kind_colour(char kind)
{
    switch (kind) {
    case '#':
        return COLOUR_EDGE;
    case '-':
        return COLOUR_FOLD;
    default:
        return COLOUR_PAPER;
    }
}

static void draw_pictogram(const struct font_target *target, int x, int y, int dot_px, const struct look *look)
{
    for (int row = 0; row < PICTOGRAM_HEIGHT; row++) {
        for (int column = 0; column < PICTOGRAM_WIDTH; column++) {
            char kind = pictogram[row][column];
            if (kind != '.')
                draw_dot(target, x, y, column, row, dot_px, kind_colour(kind));
        }
    }
    for (int row = 0; row < SYMBOL_SIZE; row++)
        for (int column = 0; column < SYMBOL_SIZE; column++)
            if (look->symbol[row][column] == '#')
                draw_dot(target, x, y, SYMBOL_X + column, SYMBOL_Y + row, dot_px, look->rgb);
}

static bool has_room_for(const struct style *style, size_t i)
{
    switch (i) {
    case PARAGRAPH_TAB:
    case PARAGRAPH_TITLE:
        return !style->is_dense;
    case PARAGRAPH_HEADLINE:
        return style->is_dense;
    case PARAGRAPH_EXPLANATION:
        return style->has_explanation;
    default:
        return true;
    }
}

/* Draws all in a column from pen on, or measures it. */
static void put_page(struct pen *pen, const struct paragraph *paragraphs, const struct style *style,
                     const struct look *look)
{
    pen->scale = style->scale;
    if (style->dot_px > 0) {
        int dot_px = style->dot_px * style->scale;
        if (pen->target)
            draw_pictogram(pen->target, pen->x, pen->y, dot_px, look);
        pen->right = larger(pen->right, pen->x + PICTOGRAM_WIDTH * dot_px);
        pen->y += PICTOGRAM_HEIGHT * dot_px + PICTOGRAM_GAP_PX * style->scale;
    }
    for (size_t i = 0; i < N_PARAGRAPHS; i++) {
        if (!has_room_for(style, i))
            continue;
        if (!style->is_dense)
            pen->y += paragraphs[i].gap_px * style->scale;
        put_paragraph(pen, &paragraphs[i]);
    }
}

static int margin_px(int side_px, int scale)
{
    return smaller(MARGIN_PX * scale, side_px / MARGIN_SHARE);
}

static int columns_at(const struct font_target *target, int scale)
{
    int room = target->width_px - 2 * margin_px(target->width_px, scale);
    return smaller(room / (FONT_WIDTH_PX * scale), MAX_COLUMNS);
}

/* Measured from 0, 0. */
static struct pen measure(const struct font_target *target, const struct paragraph *paragraphs,
                          const struct style *style, const struct look *look)
{
    struct pen pen = {.n_columns = columns_at(target, style->scale)};
    put_page(&pen, paragraphs, style, look);
    return pen;
}

static bool fits(const struct font_target *target, const struct pen *measured, const struct style *style)
{
    return (style->is_dense || measured->n_columns >= NARROW_COLUMNS) &&
           measured->right <= target->width_px - 2 * margin_px(target->width_px, style->scale) &&
           measured->y <= target->height_px - 2 * margin_px(target->height_px, style->scale);
}

/* The largest and richest style that fits, or else the barest. */
static struct style choose_style(const struct font_target *target, const struct paragraph *paragraphs,
                                 const struct look *look)
{
    static const struct style retreats[] = {
        {.dot_px = 2, .has_explanation = true}, {.dot_px = 2}, {.dot_px = 1}, {.dot_px = 0}, {.is_dense = true},
    };
    const size_t n_retreats = sizeof retreats / sizeof retreats[0];
    const size_t n_for_large = 2; /* a smaller scale is better than the others */

    struct style style = {0};
    int scale = smaller(target->width_px / SCALE_WIDTH_PX, target->height_px / SCALE_HEIGHT_PX);
    for (scale = larger(scale, 1); scale >= 1; scale--) {
        for (size_t i = 0; i < (scale > 1 ? n_for_large : n_retreats); i++) {
            style = retreats[i];
            style.scale = scale;
            struct pen measured = measure(target, paragraphs, &style, look);
            if (fits(target, &measured, &style))
                return style;
        }
    }
    return style;
}

void crash_page_draw(const struct crash_page *page, const struct frame_layout *layout, uint8_t *pixels)
{
    assert(page->verdict < VERDICT_COUNT);
    const struct look *look = &looks[page->verdict];
    const struct font_target target = {pixels, (int)layout->width_px, (int)layout->height_px, layout->stride_bytes};
    fill(&target, (struct rectangle){0, 0, target.width_px, target.height_px}, COLOUR_PAGE);

    struct paragraph paragraphs[N_PARAGRAPHS];
    compose(paragraphs, page);
    struct style style = choose_style(&target, paragraphs, look);
    struct pen measured = measure(&target, paragraphs, &style, look);

    int stripe_px = smaller(STRIPE_PX * style.scale, target.height_px / STRIPE_SHARE);
    fill(&target, (struct rectangle){0, 0, target.width_px, stripe_px}, look->rgb);
    if (measured.n_columns < 1)
        return;
    struct pen pen = {
        .target = &target,
        .x = larger(target.width_px - measured.right, 0) / 2,
        .y = stripe_px + larger(target.height_px - stripe_px - measured.y, 0) * 2 / 5, /* looks more central than 1/2 */
        .n_columns = measured.n_columns,
    };
    put_page(&pen, paragraphs, &style, look);
}

/* Has the memory at once: too little is an error here, and would be SIGBUS while drawing. */
static int reserve(int fd, size_t n_bytes)
{
    while (fallocate(fd, 0, 0, (off_t)n_bytes) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

int crash_page_create(const struct crash_page *page, const struct frame_layout *layout, int *ret_fd)
{
    bool noexec_seal;
    CLOSE_FD int fd = -1;
    int result = frame_create(layout, &fd, &noexec_seal);
    if (result < 0)
        return result;
    result = reserve(fd, layout->slot_bytes);
    if (result < 0)
        return result;
    uint8_t *pixels;
    result = frame_map(layout, fd, true, &pixels);
    if (result < 0)
        return result;
    crash_page_draw(page, layout, pixels);
    frame_unmap(layout, pixels);
    *ret_fd = fd_steal(&fd);
    return 0;
}
