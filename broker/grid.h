/* A table of short texts, for the terminal and for a page. Cells are escaped when they are printed. */
#ifndef BROKER_GRID_H
#define BROKER_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "broker/summary.h"

#define GRID_MAX_COLUMNS 24
#define GRID_MAX_CELL    72 /* bytes, terminated */

struct grid_column {
    const char *group; /* over neighbours of the same group; NULL: none */
    const char *heading;
    bool right;
    bool judges; /* "yes" is good and "no" is bad */
};

struct grid_row {
    char *span; /* not NULL: a heading over the rows that follow, instead of cells */
    char cells[GRID_MAX_COLUMNS][GRID_MAX_CELL];
};

struct grid {
    char title[160];
    const struct grid_column *columns; /* borrowed */
    size_t n_columns;
    struct grid_row *rows;
    size_t n_rows, n_capacity;
    char **notes; /* lines below */
    size_t n_notes;
    bool failed; /* no memory: something is missing */
};

/* columns: n_columns, at most GRID_MAX_COLUMNS; they live as long as the grid. grid_finish follows. */
void grid_init(struct grid *grid, const char *title, const struct grid_column *columns, size_t n_columns);
void grid_finish(struct grid *grid);

void grid_add_row(struct grid *grid);
void grid_add_heading(struct grid *grid, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A cell of the last row. "" leaves it empty. */
void grid_set(struct grid *grid, size_t column, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same line is taken once only. */
void grid_add_note(struct grid *grid, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Some row has something there. Columns that have not are not printed. */
bool grid_has(const struct grid *grid, size_t column);

/* Where all rows say the same in a column, and it says something: empties it. Returns what it was, "" if nothing. */
void grid_take_common(struct grid *grid, size_t column, char ret_cell[GRID_MAX_CELL]);

void grid_print(FILE *out, const struct summary_style *style, const struct grid *grid);
/* As a table of HTML, well-formed as XML too. */
void grid_print_html(FILE *out, const struct grid *grid);

/* Escapes for HTML, and what is invisible or no text as text_escape does. */
void html_put(FILE *out, const char *text);

#endif
