#include "viewer/views/terminal_draw.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

/* ---- bytes to send ----------------------------------------------------------------------------------------- */

static bool output_reserve(struct output *output, size_t n_more)
{
    if (output->has_failed)
        return false;
    if (n_more <= output->n_room - output->n_bytes)
        return true;
    size_t n_room = (output->n_bytes + n_more) * 3 / 2 + 4096;
    uint8_t *bytes = realloc(output->bytes, n_room);
    if (!bytes) {
        output->has_failed = true;
        return false;
    }
    output->bytes = bytes;
    output->n_room = n_room;
    return true;
}

void output_put(struct output *output, const void *bytes, size_t n_bytes)
{
    if (!output_reserve(output, n_bytes))
        return;
    memcpy(output->bytes + output->n_bytes, bytes, n_bytes);
    output->n_bytes += n_bytes;
}

void output_format(struct output *output, const char *format, ...)
{
    char text[128];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (n > 0)
        output_put(output, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

void output_finish(struct output *output)
{
    free(output->bytes);
    *output = (struct output){0};
}

/* ---- cells ------------------------------------------------------------------------------------------------- */

int grid_resize(struct grid *grid, int columns, int rows)
{
    size_t n_cells = (size_t)columns * (size_t)rows;
    struct cell *cells = calloc(n_cells ? n_cells : 1, sizeof *cells);
    if (!cells)
        return -ENOMEM;
    free(grid->cells);
    *grid = (struct grid){.columns = columns, .rows = rows, .cells = cells};
    grid_fill(grid, 0, rows, CELL_UNKNOWN);
    return 0;
}

void grid_finish(struct grid *grid)
{
    free(grid->cells);
    *grid = (struct grid){0};
}

struct cell *grid_cell(const struct grid *grid, int row, int column)
{
    return &grid->cells[(size_t)row * (size_t)grid->columns + (size_t)column];
}

void grid_fill(struct grid *grid, int first_row, int n_rows, uint32_t character)
{
    for (int row = first_row; row < first_row + n_rows; row++)
        for (int column = 0; column < grid->columns; column++)
            *grid_cell(grid, row, column) = (struct cell){.character = character};
}

/* Half of a wide character, when the other half is written over, is a space. */
static void mend_halves(struct grid *grid, int row, int first_column, int end_column)
{
    struct cell *first = grid_cell(grid, row, first_column);
    if (first_column > 0 && first->character == CELL_RIGHT_HALF) {
        first[-1].character = ' ';
        first[-1].mark = 0;
    }
    if (end_column < grid->columns && grid_cell(grid, row, end_column)->character == CELL_RIGHT_HALF)
        grid_cell(grid, row, end_column)->character = ' ';
}

static void put_cell(struct grid *grid, int row, int column, size_t n_columns, uint32_t character,
                     const struct cell_style *style)
{
    mend_halves(grid, row, column, column + (int)n_columns);
    *grid_cell(grid, row, column) = (struct cell){.character = character, .style = *style};
    if (n_columns == 2)
        *grid_cell(grid, row, column + 1) = (struct cell){.character = CELL_RIGHT_HALF, .style = *style};
}

int grid_put(struct grid *grid, int row, int column, int end_column, const char *text, const struct cell_style *style)
{
    if (row < 0 || row >= grid->rows)
        return column;
    if (end_column > grid->columns)
        end_column = grid->columns;
    int first_column = column;
    while (*text) {
        uint32_t character;
        size_t n_columns;
        text += text_read_cell(text, &character, &n_columns);
        if (n_columns == 0) { /* one mark a character is enough for what people write */
            struct cell *before = column > first_column ? grid_cell(grid, row, column - 1) : NULL;
            if (before && before->character != CELL_RIGHT_HALF)
                before->mark = character;
            continue;
        }
        if (column + (int)n_columns > end_column)
            break;
        put_cell(grid, row, column, n_columns, character, style);
        column += (int)n_columns;
    }
    return column;
}

/* ---- from one to the other --------------------------------------------------------------------------------- */

/* Where the terminal's pen is. */
struct pen {
    struct output *output;
    int row, column; /* -1: not known */
    struct cell_style style;
    bool is_styled; /* style is what the terminal has */
};

static void put_character(struct output *output, uint32_t character)
{
    uint8_t bytes[4];
    size_t length = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    if (length == 1) {
        bytes[0] = (uint8_t)character;
    } else {
        for (size_t i = length - 1; i > 0; i--, character >>= 6)
            bytes[i] = (uint8_t)(0x80 | (character & 0x3f));
        bytes[0] = (uint8_t)(0xf00u >> length | character);
    }
    output_put(output, bytes, length);
}

/* One number of a sequence that sets colours and attributes; the first one begins it. */
static void put_code(struct output *output, bool *is_begun, const char *code)
{
    output_put(output, *is_begun ? ";" : "\033[", *is_begun ? 1 : 2);
    output_put(output, code, strlen(code));
    *is_begun = true;
}

/* first: 30 for the foreground, 40 for the background. */
static void put_colour(struct output *output, bool *is_begun, cell_colour colour, unsigned first)
{
    char code[32];
    unsigned value = colour & 0xffffff;
    if (colour == COLOUR_DEFAULT)
        snprintf(code, sizeof code, "%u", first + 9);
    else if (colour >= COLOUR_RGB(0))
        snprintf(code, sizeof code, "%u;2;%u;%u;%u", first + 8, value >> 16, value >> 8 & 0xff, value & 0xff);
    else if (value >= 16)
        snprintf(code, sizeof code, "%u;5;%u", first + 8, value & 0xff);
    else
        snprintf(code, sizeof code, "%u", value < 8 ? first + value : first + 60 + value - 8);
    put_code(output, is_begun, code);
}

/* Attributes cannot all be taken back one by one everywhere, so a change of them begins anew. */
static void pen_style(struct pen *pen, const struct cell_style *style)
{
    static const struct {
        uint32_t attribute;
        const char *code;
    } codes[] = {{CELL_BOLD, "1"}, {CELL_FAINT, "2"}, {CELL_UNDERLINE, "4"}, {CELL_REVERSE, "7"}};

    struct cell_style *now = &pen->style;
    bool is_begun = false;
    if (!pen->is_styled || now->attributes != style->attributes) {
        *now = (struct cell_style){0};
        put_code(pen->output, &is_begun, "0");
        for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
            if (style->attributes & codes[i].attribute)
                put_code(pen->output, &is_begun, codes[i].code);
    }
    if (now->foreground != style->foreground)
        put_colour(pen->output, &is_begun, style->foreground, 30);
    if (now->background != style->background)
        put_colour(pen->output, &is_begun, style->background, 40);
    if (is_begun)
        output_put(pen->output, "m", 1);
    *now = *style;
    pen->is_styled = true;
}

static void pen_move(struct pen *pen, int row, int column)
{
    if (pen->row == row && pen->column == column)
        return;
    if (pen->row == row && pen->column >= 0 && column > pen->column)
        output_format(pen->output, "\033[%dC", column - pen->column);
    else
        output_format(pen->output, "\033[%d;%dH", row + 1, column + 1);
    pen->row = row;
    pen->column = column;
}

static bool is_wide(const struct grid *grid, int row, int column)
{
    return column + 1 < grid->columns && grid_cell(grid, row, column + 1)->character == CELL_RIGHT_HALF;
}

/* At the last column the pen hangs: terminals do not agree where it is. */
static void pen_put(struct pen *pen, const struct grid *grid, int row, int column)
{
    const struct cell *cell = grid_cell(grid, row, column);
    pen_move(pen, row, column);
    pen_style(pen, &cell->style);
    put_character(pen->output, cell->character);
    if (cell->mark)
        put_character(pen->output, cell->mark);
    pen->column += is_wide(grid, row, column) ? 2 : 1;
    if (pen->column >= grid->columns)
        pen->column = -1;
}

static bool is_printable(const struct cell *cell)
{
    return cell->character >= ' ';
}

static bool is_same(const struct cell *a, const struct cell *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* A cell is sent when it, or the other half of it, is not there yet. */
static bool must_send(const struct grid *wanted, const struct grid *sent, int row, int column)
{
    const struct cell *cell = grid_cell(wanted, row, column);
    if (!is_printable(cell))
        return false;
    if (!is_same(cell, grid_cell(sent, row, column)))
        return true;
    return is_wide(wanted, row, column) && grid_cell(sent, row, column + 1)->character != CELL_RIGHT_HALF;
}

/* A short way is written over with what stands there, where no other colour is needed: shorter than a jump. */
#define SHORT_WAY 3

static void cross(struct pen *pen, const struct grid *wanted, int row, int column)
{
    if (pen->row != row || pen->column < 0 || column <= pen->column || column - pen->column > SHORT_WAY)
        return;
    for (int i = pen->column; i < column; i++) {
        const struct cell *cell = grid_cell(wanted, row, i);
        if (!is_printable(cell) || cell->character >= 0x80 || cell->mark ||
            memcmp(&cell->style, &pen->style, sizeof pen->style) != 0)
            return;
    }
    while (pen->column < column)
        pen_put(pen, wanted, row, pen->column);
}

void grid_update(const struct grid *wanted, struct grid *sent, struct output *output)
{
    struct pen pen = {.output = output, .row = -1, .column = -1};
    for (int row = 0; row < wanted->rows; row++)
        for (int column = 0; column < wanted->columns; column++)
            if (must_send(wanted, sent, row, column)) {
                cross(&pen, wanted, row, column);
                pen_put(&pen, wanted, row, column);
                /* What a wide character was cut in two by this is no longer what it was. */
                int end = column + (is_wide(wanted, row, column) ? 2 : 1);
                if (end < sent->columns && grid_cell(sent, row, end)->character == CELL_RIGHT_HALF)
                    grid_cell(sent, row, end)->character = CELL_UNKNOWN;
            }
    if (pen.is_styled)
        output_put(output, "\033[0m", 4);
    memcpy(sent->cells, wanted->cells, (size_t)wanted->columns * (size_t)wanted->rows * sizeof *wanted->cells);
}
