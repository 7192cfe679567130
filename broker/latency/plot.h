/* Plots of latency mode: inline SVG, and the same numbers as a table for whoever does not draw it. */
#ifndef BROKER_LATENCY_PLOT_H
#define BROKER_LATENCY_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "broker/latency/figure.h"
#include "broker/grid.h"

/* ---- bars: a row each, with a bar for each series ------------------------------------------------------------------------- */

#define PLOT_MAX_SERIES 4
#define PLOT_MAX_ROWS   64
#define PLOT_MAX_LABEL  72

/* Colours are the style sheet's: what is ours, the socket of ours, others' three shades, and reference figures, which are
 * outlined because they were not measured here. */
enum plot_colour {
    PLOT_RING,
    PLOT_SOCKET,
    PLOT_FIRST,
    PLOT_SECOND,
    PLOT_THIRD,
    PLOT_REFERENCE,
};

struct plot_bars {
    const char *title, *unit;
    bool log;     /* the axis; then bars compare by position, not by length */
    bool is_time; /* values are ns, else counts per second */
    struct {
        const char *name;
        enum plot_colour colour;
    } series[PLOT_MAX_SERIES];
    size_t n_series;
    struct {
        char label[PLOT_MAX_LABEL];
        bool ours;
        double values[PLOT_MAX_SERIES]; /* 0: no bar */
    } rows[PLOT_MAX_ROWS];
    size_t n_rows;
};

/* The row of that label, made when there is none yet; NULL when there is no room. */
double *plot_bars_row(struct plot_bars *plot, const char *label, bool ours);

void plot_bars_print(FILE *out, const struct plot_bars *plot);
/* Finish it. */
void plot_bars_make_grid(const struct plot_bars *plot, struct grid *ret_grid, struct grid_column *columns);
#define PLOT_BARS_COLUMNS (1 + PLOT_MAX_SERIES)

/* ---- percentile curves ---------------------------------------------------------------------------------------------------- */

#define PLOT_MAX_CURVES 10

struct plot_curves {
    const char *title;
    struct {
        char label[PLOT_MAX_LABEL];
        enum plot_colour colour;
        unsigned dash;    /* 0: a full line */
        const double *ns; /* FIGURE_CURVE_POINTS, borrowed */
    } curves[PLOT_MAX_CURVES];
    size_t n_curves;
};

void plot_curves_print(FILE *out, const struct plot_curves *plot);
void plot_curves_make_grid(const struct plot_curves *plot, struct grid *ret_grid,
                           struct grid_column columns[1 + FIGURE_CURVE_POINTS]);

#endif
