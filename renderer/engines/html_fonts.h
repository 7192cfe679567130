/* The fonts of the HTML engine: twelve text faces (serif, sans and mono, each upright, bold, italic and both), what
 * stands in for characters they lack, shaping with HarfBuzz, and a cache of shaped words.
 *
 * Lengths are in ems: a word is shaped once and serves every size. */
#ifndef RENDERER_ENGINES_HTML_FONTS_H
#define RENDERER_ENGINES_HTML_FONTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mupdf/fitz.h>

#ifdef __cplusplus
extern "C" {
#endif

struct html_face {
    float ascent, descent; /* both positive */
    float line_gap;
    float x_height;
    float space; /* the width of U+0020 */
    bool mono;
};

/* How a character takes part in the order of a line. */
enum html_direction { HTML_NEUTRAL, HTML_LTR, HTML_RTL, HTML_DIGIT };

/* Maps the font files and opens the upright faces; the others are opened when they are first asked for. In the zygote,
 * while files can be read. 0 or -errno. */
int html_fonts_warm_up(void);

/* The face for a CSS font-family list: the first name that is known decides. Never NULL; lives for ever. */
const struct html_face *html_fonts_find(const char *families, bool bold, bool italic);

/* The width of a word, 0 when there is no memory to shape it. */
float html_fonts_width(const struct html_face *face, const char *word, size_t n_bytes);

/* Where the characters of a word stand: from its left edge, in ems. At most n_cells of them; returns how many. */
struct html_cell {
    uint32_t character;
    float left, right;
};
size_t html_fonts_cells(const struct html_face *face, const char *word, size_t n_bytes, struct html_cell *cells,
                        size_t n_cells);

/* Adds a word to text, its base line starting at x, y. 0, or -1 when there is no memory. */
int html_fonts_show(fz_text *text, const struct html_face *face, float size, float x, float y, const char *word,
                    size_t n_bytes);

/* The direction of one character, and of a text: its first strong character's, or that of the
 * digits it has. */
enum html_direction html_fonts_direction_of(uint32_t character);
enum html_direction html_fonts_direction(const char *text, size_t n_bytes);

/* Reads one character of valid UTF-8 and steps over it. */
uint32_t html_fonts_next(const char **text);

#ifdef __cplusplus
}
#endif

#endif
