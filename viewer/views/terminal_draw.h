/* What stands in a terminal's cells, and the bytes that turn what stands there now into what is wanted. Nothing else
 * writes text to the terminal: a cell holds one printable character, so no text can be a command. */
#ifndef VIEWER_VIEWS_TERMINAL_DRAW_H
#define VIEWER_VIEWS_TERMINAL_DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- bytes to send ----------------------------------------------------------------------------------------- */

/* Grows as needed. Once there was no memory it holds nothing more, and says so. */
struct output {
    uint8_t *bytes;
    size_t n_bytes, n_sent, n_room;
    bool has_failed;
};

void output_put(struct output *output, const void *bytes, size_t n_bytes);
void output_format(struct output *output, const char *format, ...) __attribute__((format(printf, 2, 3)));
void output_finish(struct output *output);

/* ---- cells ------------------------------------------------------------------------------------------------- */

/* 0 the terminal's own; else one of 256, or 24 bits. */
typedef uint32_t cell_colour;
#define COLOUR_INDEX(n) (0x01000000u | (n))
#define COLOUR_RGB(rgb) (0x02000000u | (rgb))
#define COLOUR_DEFAULT  0u
#define COLOUR_RED      COLOUR_INDEX(1)
#define COLOUR_GREEN    COLOUR_INDEX(2)
#define COLOUR_YELLOW   COLOUR_INDEX(3)

enum cell_attribute { CELL_BOLD = 1, CELL_FAINT = 2, CELL_REVERSE = 4, CELL_UNDERLINE = 8 };

struct cell_style {
    cell_colour foreground, background;
    uint32_t attributes;
};

/* Characters that are none. */
#define CELL_RIGHT_HALF 0u /* of the wide character on the left */
#define CELL_PICTURE    1u /* pixels lie here: it is left alone */
#define CELL_UNKNOWN    2u /* whatever stands there */

/* Without gaps, so that cells compare as memory. */
struct cell {
    uint32_t character, mark; /* mark: combines with it; 0 none */
    struct cell_style style;
};

struct grid {
    int columns, rows;
    struct cell *cells; /* row by row */
};

/* Every cell unknown. 0 or -ENOMEM, with the grid as it was. */
int grid_resize(struct grid *grid, int columns, int rows);
void grid_finish(struct grid *grid);

struct cell *grid_cell(const struct grid *grid, int row, int column);

/* Sets whole rows to one character. */
void grid_fill(struct grid *grid, int first_row, int n_rows, uint32_t character);

/* Puts text, which need not be clean, into row from column on, up to and without end_column; a wide character that does
 * not fit as a whole is left out. Returns the column after it. */
int grid_put(struct grid *grid, int row, int column, int end_column, const char *text, const struct cell_style *style);

/* Writes what turns a terminal that shows sent into one that shows wanted, which is of the same size, and makes sent
 * the same. No more than the cells that differ (and a few between, where that is shorter). */
void grid_update(const struct grid *wanted, struct grid *sent, struct output *output);

#endif
