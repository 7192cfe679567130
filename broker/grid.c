#include "broker/grid.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#define GAP         2
#define WRAP_INDENT 4
#define MAX_COLUMNS 120 /* of a note where nobody says how wide a line may be */

void grid_init(struct grid *grid, const char *title, const struct grid_column *columns, size_t n_columns)
{
    assert(n_columns <= GRID_MAX_COLUMNS);
    *grid = (struct grid){.columns = columns, .n_columns = n_columns};
    snprintf(grid->title, sizeof grid->title, "%s", title);
}

void grid_finish(struct grid *grid)
{
    for (size_t i = 0; i < grid->n_rows; i++)
        free(grid->rows[i].span);
    for (size_t i = 0; i < grid->n_notes; i++)
        free(grid->notes[i]);
    free(grid->rows);
    free(grid->notes);
    *grid = (struct grid){0};
}

/* NULL when there is no memory. */
static struct grid_row *add_row(struct grid *grid)
{
    if (grid->n_rows == grid->n_capacity) {
        const size_t n_capacity = 2 * grid->n_capacity + 16;
        struct grid_row *rows = reallocarray(grid->rows, n_capacity, sizeof *rows);
        if (rows == NULL) {
            grid->failed = true;
            return NULL;
        }
        grid->rows = rows;
        grid->n_capacity = n_capacity;
    }
    struct grid_row *row = &grid->rows[grid->n_rows++];
    *row = (struct grid_row){0};
    return row;
}

void grid_add_row(struct grid *grid)
{
    add_row(grid);
}

__attribute__((format(printf, 2, 0))) static char *print_text(struct grid *grid, const char *format, va_list arguments)
{
    char *text;
    if (vasprintf(&text, format, arguments) >= 0)
        return text;
    grid->failed = true;
    return NULL;
}

void grid_add_heading(struct grid *grid, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = print_text(grid, format, arguments);
    va_end(arguments);
    struct grid_row *row = text != NULL ? add_row(grid) : NULL;
    if (row != NULL)
        row->span = text;
    else
        free(text);
}

void grid_set(struct grid *grid, size_t column, const char *format, ...)
{
    if (grid->failed || grid->n_rows == 0)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(grid->rows[grid->n_rows - 1].cells[column], GRID_MAX_CELL, format, arguments);
    va_end(arguments);
}

void grid_add_note(struct grid *grid, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = print_text(grid, format, arguments);
    va_end(arguments);
    bool wanted = text != NULL;
    for (size_t i = 0; wanted && i < grid->n_notes; i++)
        wanted = strcmp(grid->notes[i], text) != 0;
    char **notes = wanted ? reallocarray(grid->notes, grid->n_notes + 1, sizeof *notes) : NULL;
    if (notes == NULL) {
        grid->failed = grid->failed || wanted;
        free(text);
        return;
    }
    grid->notes = notes;
    notes[grid->n_notes++] = text;
}

bool grid_has(const struct grid *grid, size_t column)
{
    for (size_t i = 0; i < grid->n_rows; i++) {
        if (grid->rows[i].span == NULL && grid->rows[i].cells[column][0] != '\0')
            return true;
    }
    return false;
}

void grid_take_common(struct grid *grid, size_t column, char ret_cell[GRID_MAX_CELL])
{
    const char *common = NULL;
    ret_cell[0] = '\0';
    for (size_t i = 0; i < grid->n_rows; i++) {
        const char *cell = grid->rows[i].cells[column];
        if (grid->rows[i].span != NULL)
            continue;
        if (common != NULL && strcmp(common, cell) != 0)
            return;
        common = cell;
    }
    if (common == NULL)
        return;
    memcpy(ret_cell, common, GRID_MAX_CELL);
    for (size_t i = 0; i < grid->n_rows; i++)
        grid->rows[i].cells[column][0] = '\0';
}

/* ---- for the terminal ------------------------------------------------------------------------------------------------ */

static void escape(char *out, size_t n_out, const char *text)
{
    text_escape(out, n_out, text, strlen(text));
}

static size_t width_of(const char *text)
{
    char shown[4 * GRID_MAX_CELL];
    escape(shown, sizeof shown, text);
    return text_fit_columns(shown, SIZE_MAX);
}

static void colour(FILE *out, const struct summary_style *style, const char *code)
{
    if (style->colour)
        fprintf(out, "\033[%sm", code);
}

static bool is_grouped_with(const struct grid *grid, size_t a, size_t b)
{
    const char *left = grid->columns[a].group, *right = grid->columns[b].group;
    return left != NULL && right != NULL && strcmp(left, right) == 0;
}

/* How wide each column is; 0: left out. The last column of a group makes room for the group's own heading. */
static void measure(const struct grid *grid, size_t widths[GRID_MAX_COLUMNS])
{
    for (size_t i = 0; i < grid->n_columns; i++) {
        widths[i] = 0;
        if (!grid_has(grid, i))
            continue;
        widths[i] = width_of(grid->columns[i].heading);
        for (size_t row = 0; row < grid->n_rows; row++) {
            const size_t width = grid->rows[row].span != NULL ? 0 : width_of(grid->rows[row].cells[i]);
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    for (size_t i = 0; i < grid->n_columns; i++) {
        size_t together = 0, last = i, next = i;
        for (; next < grid->n_columns && is_grouped_with(grid, i, next); next++) {
            together += widths[next] != 0 ? widths[next] + GAP : 0;
            last = widths[next] != 0 ? next : last;
        }
        if (together > 0 && width_of(grid->columns[i].group) + GAP > together)
            widths[last] += width_of(grid->columns[i].group) + GAP - together;
        i = next > i ? next - 1 : i;
    }
}

/* Trailing space is never written: `pending` is what stands before the next text. */
static void put_cell(FILE *out, const struct summary_style *style, const char *code, const char *text, size_t width,
                     bool right, size_t *pending)
{
    char shown[4 * GRID_MAX_CELL];
    escape(shown, sizeof shown, text);
    const size_t padding = width - text_fit_columns(shown, SIZE_MAX);
    if (*shown == '\0') {
        *pending += width + GAP;
        return;
    }
    fprintf(out, "%*s", (int)(*pending + (right ? padding : 0)), "");
    if (code != NULL)
        colour(out, style, code);
    fputs(shown, out);
    if (code != NULL)
        colour(out, style, "0");
    *pending = (right ? 0 : padding) + GAP;
}

static void print_groups(FILE *out, const struct summary_style *style, const struct grid *grid,
                         const size_t widths[GRID_MAX_COLUMNS])
{
    size_t pending = 0;
    bool any = false;
    for (size_t i = 0; i < grid->n_columns; i++)
        any = any || (widths[i] != 0 && grid->columns[i].group != NULL);
    if (!any)
        return;
    for (size_t i = 0; i < grid->n_columns;) {
        size_t width = widths[i], next = i + 1;
        for (; next < grid->n_columns && is_grouped_with(grid, i, next); next++)
            width += widths[next] != 0 ? widths[next] + (width != 0 ? GAP : 0) : 0;
        if (width != 0)
            put_cell(out, style, NULL, grid->columns[i].group != NULL ? grid->columns[i].group : "", width, false,
                     &pending);
        i = next;
    }
    fputc('\n', out);
}

/* In lines that fit, the first of them from the left, the others indented. */
static void print_wrapped(FILE *out, const struct summary_style *style, const char *text)
{
    const size_t n_shown = 4 * strlen(text) + 8;
    char *shown = malloc(n_shown);
    if (shown == NULL)
        return;
    escape(shown, n_shown, text);
    const size_t max_columns = style->columns > 2 * WRAP_INDENT ? style->columns : MAX_COLUMNS;
    size_t column = 0;
    for (char *word = strtok(shown, " "); word != NULL; word = strtok(NULL, " ")) {
        const size_t width = text_fit_columns(word, SIZE_MAX);
        const bool wraps = column > 0 && column + 1 + width > max_columns;
        if (wraps)
            fprintf(out, "\n%*s", WRAP_INDENT, "");
        else if (column > 0)
            fputc(' ', out);
        column = wraps ? WRAP_INDENT + width : column + (column > 0) + width;
        fputs(word, out);
    }
    fputc('\n', out);
    free(shown);
}

/* Green or red for a judgement, else NULL. */
static const char *code_of(const struct grid *grid, size_t row, size_t column)
{
    if (!grid->columns[column].judges)
        return NULL;
    return strcmp(grid->rows[row].cells[column], "yes") == 0 ? "32" : "31";
}

void grid_print(FILE *out, const struct summary_style *style, const struct grid *grid)
{
    size_t widths[GRID_MAX_COLUMNS];
    measure(grid, widths);
    colour(out, style, "1");
    fputs(grid->title, out);
    colour(out, style, "0");
    fputc('\n', out);
    colour(out, style, "2");
    if (grid->n_rows > 0)
        print_groups(out, style, grid, widths);
    size_t pending = 0;
    for (size_t i = 0; i < grid->n_columns; i++) {
        if (widths[i] != 0)
            put_cell(out, style, NULL, grid->columns[i].heading, widths[i], grid->columns[i].right, &pending);
    }
    if (grid->n_rows > 0)
        fputc('\n', out);
    colour(out, style, "0");
    for (size_t row = 0; row < grid->n_rows; row++) {
        if (grid->rows[row].span != NULL) {
            colour(out, style, "36");
            print_wrapped(out, style, grid->rows[row].span);
            colour(out, style, "0");
            continue;
        }
        pending = 0;
        for (size_t i = 0; i < grid->n_columns; i++) {
            if (widths[i] != 0)
                put_cell(out, style, code_of(grid, row, i), grid->rows[row].cells[i], widths[i], grid->columns[i].right,
                         &pending);
        }
        fputc('\n', out);
    }
    for (size_t i = 0; i < grid->n_notes; i++)
        print_wrapped(out, style, grid->notes[i]);
    if (grid->failed)
        fputs("there was no memory for all of this table\n", out);
}

/* ---- for a page ------------------------------------------------------------------------------------------------------ */

void html_put(FILE *out, const char *text)
{
    const size_t n_shown = 4 * strlen(text) + 8;
    char *shown = malloc(n_shown);
    if (shown == NULL)
        return;
    escape(shown, n_shown, text);
    for (const char *c = shown; *c != '\0'; c++) {
        switch (*c) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            fputc(*c, out);
        }
    }
    free(shown);
}

static size_t count_shown(const struct grid *grid, size_t first, size_t end)
{
    size_t n = 0;
    for (size_t i = first; i < end; i++)
        n += grid_has(grid, i);
    return n;
}

static void put_html_cell(FILE *out, const char *tag, const char *class, size_t n_columns, const char *text)
{
    fprintf(out, "<%s", tag);
    if (*class != '\0')
        fprintf(out, " class=\"%s\"", class);
    if (n_columns > 1)
        fprintf(out, " colspan=\"%zu\"", n_columns);
    fputc('>', out);
    html_put(out, text);
    fprintf(out, "</%s>", tag);
}

static void put_html_groups(FILE *out, const struct grid *grid)
{
    bool any = false;
    for (size_t i = 0; i < grid->n_columns; i++)
        any = any || (grid->columns[i].group != NULL && grid_has(grid, i));
    if (!any)
        return;
    fputs("<tr>", out);
    for (size_t i = 0; i < grid->n_columns;) {
        size_t next = i + 1;
        while (next < grid->n_columns && is_grouped_with(grid, i, next))
            next++;
        const size_t n = count_shown(grid, i, next);
        if (n > 0)
            put_html_cell(out, "th", "", n, grid->columns[i].group != NULL ? grid->columns[i].group : "");
        i = next;
    }
    fputs("</tr>\n", out);
}

static const char *class_of(const struct grid_column *column, const char *cell)
{
    if (column->judges)
        return strcmp(cell, "yes") == 0 ? "yes" : "no";
    return column->right ? "n" : "";
}

void grid_print_html(FILE *out, const struct grid *grid)
{
    if (grid->n_rows > 0) {
        fputs("<table>\n", out);
        put_html_groups(out, grid);
        fputs("<tr>", out);
        for (size_t i = 0; i < grid->n_columns; i++) {
            if (grid_has(grid, i))
                put_html_cell(out, "th", grid->columns[i].right ? "n" : "", 1, grid->columns[i].heading);
        }
        fputs("</tr>\n", out);
    }
    for (size_t row = 0; row < grid->n_rows; row++) {
        const struct grid_row *this = &grid->rows[row];
        fputs(this->span != NULL ? "<tr class=\"span\">" : "<tr>", out);
        if (this->span != NULL)
            put_html_cell(out, "th", "", count_shown(grid, 0, grid->n_columns), this->span);
        for (size_t i = 0; this->span == NULL && i < grid->n_columns; i++) {
            if (grid_has(grid, i))
                put_html_cell(out, "td", class_of(&grid->columns[i], this->cells[i]), 1, this->cells[i]);
        }
        fputs("</tr>\n", out);
    }
    if (grid->n_rows > 0)
        fputs("</table>\n", out);
    for (size_t i = 0; i < grid->n_notes; i++) {
        fputs("<p class=\"note\">", out);
        html_put(out, grid->notes[i]);
        fputs("</p>\n", out);
    }
}
