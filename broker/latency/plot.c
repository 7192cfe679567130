#include "broker/latency/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "broker/latency/format.h"

#define WIDTH 1120

static const char *const classes[] = {
    [PLOT_RING] = "ring",     [PLOT_SOCKET] = "socket", [PLOT_FIRST] = "first",
    [PLOT_SECOND] = "second", [PLOT_THIRD] = "third",   [PLOT_REFERENCE] = "reference",
};

/* Where `value` lies on an axis of `length` from `low` to `high`. */
struct axis {
    double low, high, begin, length;
    bool log;
};

static double place(const struct axis *axis, double value)
{
    const double share = axis->log ? log(value / axis->low) / log(axis->high / axis->low)
                                   : (value - axis->low) / (axis->high - axis->low);
    return axis->begin + axis->length * (share < 0 ? 0 : share > 1 ? 1 : share);
}

static void put_text(FILE *out, double x, double y, const char *class, const char *text)
{
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
    html_put(out, text);
    fputs("</text>\n", out);
}

static void put_line(FILE *out, double x0, double y0, double x1, double y1, const char *class)
{
    fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x0, y0, x1, y1, class);
}

static void svg_begin(FILE *out, double height, const char *title)
{
    fprintf(out, "<svg viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"", WIDTH, height);
    html_put(out, title);
    fputs("\">\n", out);
}

static void format_value(char ret_text[FORMAT_BYTES], bool is_time, double value)
{
    if (is_time)
        format_time(ret_text, value);
    else
        format_count(ret_text, value);
}

/* Round numbers, one to ten of them: 1, 2 or 5 times a power of ten. */
static double choose_step(double high)
{
    const double power = pow(10, floor(log10(high)));
    const double share = high / power;
    return power * (share > 5 ? 1 : share > 2 ? 0.5 : 0.2);
}

/* ---- bars ----------------------------------------------------------------------------------------------------------------- */

#define BAR_PX     11
#define BAR_GAP_PX 2
#define ROW_GAP_PX 9
#define TOP_PX     34
#define BOTTOM_PX  30
#define LABEL_PX   250
#define VALUE_PX   90

double *plot_bars_row(struct plot_bars *plot, const char *label, bool ours)
{
    for (size_t i = 0; i < plot->n_rows; i++) {
        if (strncmp(plot->rows[i].label, label, PLOT_MAX_LABEL - 1) == 0)
            return plot->rows[i].values;
    }
    if (plot->n_rows == PLOT_MAX_ROWS)
        return NULL;
    snprintf(plot->rows[plot->n_rows].label, PLOT_MAX_LABEL, "%s", label);
    plot->rows[plot->n_rows].ours = ours;
    return plot->rows[plot->n_rows++].values;
}

static size_t count_bars(const struct plot_bars *plot, size_t row)
{
    size_t n = 0;
    for (size_t i = 0; i < plot->n_series; i++)
        n += plot->rows[row].values[i] > 0;
    return n;
}

static void find_range(const struct plot_bars *plot, double *ret_low, double *ret_high)
{
    double low = 0, high = 0;
    for (size_t row = 0; row < plot->n_rows; row++) {
        for (size_t i = 0; i < plot->n_series; i++) {
            const double value = plot->rows[row].values[i];
            high = value > high ? value : high;
            if (value > 0 && (low == 0 || value < low))
                low = value;
        }
    }
    *ret_low = low;
    *ret_high = high;
}

static struct axis choose_axis(const struct plot_bars *plot)
{
    struct axis axis = {.begin = LABEL_PX, .length = WIDTH - LABEL_PX - VALUE_PX, .log = plot->log};
    find_range(plot, &axis.low, &axis.high);
    if (plot->log) {
        axis.low = pow(10, floor(log10(axis.low * 0.7)));
        axis.high *= 1.05;
    } else {
        axis.low = 0;
    }
    return axis;
}

static void put_axis(FILE *out, const struct plot_bars *plot, const struct axis *axis, double bottom)
{
    char text[FORMAT_BYTES];
    const double step = plot->log ? 10 : choose_step(axis->high);
    double tick = plot->log ? axis->low : 0;
    while (tick <= axis->high * 1.0001) {
        const double x = place(axis, tick);
        format_value(text, plot->is_time, tick);
        put_line(out, x, TOP_PX - 4, x, bottom, "grid");
        put_text(out, x, bottom + 16, "tick", tick == 0 ? "0" : text);
        tick = plot->log ? tick * step : tick + step;
    }
}

static void put_bar(FILE *out, const struct plot_bars *plot, const struct axis *axis, size_t row, size_t series,
                    double y)
{
    char text[FORMAT_BYTES + 16];
    const double value = plot->rows[row].values[series];
    const double end = place(axis, value);
    const enum plot_colour colour = plot->series[series].colour;
    fprintf(out, "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"2\" class=\"%s%s\"/>\n", LABEL_PX, y,
            end > axis->begin + 1.5 ? end - axis->begin : 1.5, BAR_PX, classes[colour],
            plot->rows[row].ours && colour != PLOT_REFERENCE ? " ours" : "");
    format_value(text, plot->is_time, value);
    put_text(out, end + 6, y + BAR_PX - 1.5, "value", text);
}

static void put_swatch(FILE *out, double x, const char *class, const char *more)
{
    fprintf(out, "<rect x=\"%.1f\" y=\"6\" width=\"18\" height=\"11\" rx=\"2\" class=\"%s%s\"/>\n", x, class, more);
}

/* Ours have colours of their own beside the others'. */
static void put_legend(FILE *out, const struct plot_bars *plot)
{
    bool ours = false, others = false;
    for (size_t row = 0; row < plot->n_rows; row++) {
        ours = ours || plot->rows[row].ours;
        for (size_t i = 0; i < plot->n_series; i++)
            others = others || (!plot->rows[row].ours && plot->rows[row].values[i] > 0 &&
                                plot->series[i].colour != PLOT_REFERENCE);
    }
    double x = LABEL_PX;
    for (size_t i = 0; i < plot->n_series; i++) {
        const enum plot_colour colour = plot->series[i].colour;
        if (ours && colour != PLOT_REFERENCE) {
            put_swatch(out, x, classes[colour], " ours");
            x += others ? 21 : 0;
        }
        if (others || !ours || colour == PLOT_REFERENCE)
            put_swatch(out, x, classes[colour], "");
        put_text(out, x + 24, 15.5, "legend", plot->series[i].name);
        x += 24 + 6.6 * (double)strlen(plot->series[i].name) + 26;
    }
}

void plot_bars_print(FILE *out, const struct plot_bars *plot)
{
    if (plot->n_rows == 0)
        return;
    double height = TOP_PX;
    for (size_t row = 0; row < plot->n_rows; row++)
        height += (double)count_bars(plot, row) * (BAR_PX + BAR_GAP_PX) + ROW_GAP_PX;
    const struct axis axis = choose_axis(plot);
    svg_begin(out, height + BOTTOM_PX, plot->title);
    put_legend(out, plot);
    put_axis(out, plot, &axis, height);
    double y = TOP_PX + ROW_GAP_PX / 2.0;
    for (size_t row = 0; row < plot->n_rows; row++) {
        const double middle = y + (double)count_bars(plot, row) * (BAR_PX + BAR_GAP_PX) / 2.0;
        put_text(out, LABEL_PX - 10, middle + 3, plot->rows[row].ours ? "label ours" : "label", plot->rows[row].label);
        for (size_t i = 0; i < plot->n_series; i++) {
            if (plot->rows[row].values[i] <= 0)
                continue;
            put_bar(out, plot, &axis, row, i, y);
            y += BAR_PX + BAR_GAP_PX;
        }
        y += ROW_GAP_PX;
    }
    fputs("</svg>\n", out);
}

void plot_bars_make_grid(const struct plot_bars *plot, struct grid *ret_grid, struct grid_column *columns)
{
    columns[0] = (struct grid_column){.heading = plot->unit};
    for (size_t i = 0; i < plot->n_series; i++)
        columns[1 + i] = (struct grid_column){.heading = plot->series[i].name, .right = true};
    grid_init(ret_grid, plot->title, columns, 1 + plot->n_series);
    for (size_t row = 0; row < plot->n_rows; row++) {
        grid_add_row(ret_grid);
        grid_set(ret_grid, 0, "%s", plot->rows[row].label);
        for (size_t i = 0; i < plot->n_series; i++) {
            char text[FORMAT_BYTES];
            format_value(text, plot->is_time, plot->rows[row].values[i]);
            grid_set(ret_grid, 1 + i, "%s", text);
        }
    }
}

/* ---- curves --------------------------------------------------------------------------------------------------------------- */

#define CURVES_HEIGHT  470
#define CURVES_LEFT    76
#define CURVES_RIGHT   300 /* where the labels of the lines stand */
#define CURVES_BOTTOM  52
#define CURVES_TOP     14
#define MAX_NINES      4.0 /* what is beyond 99.99 % */
#define PLACE_OF_MAX   4.6
#define LABEL_APART_PX 17

/* 0 at 0 %, 1 at 90 %, 2 at 99 %: the tail takes as much room as the rest. */
static double nines(unsigned per_100000)
{
    if (per_100000 >= 100000)
        return PLACE_OF_MAX;
    const double value = -log10(1 - per_100000 / 100000.0);
    return value > MAX_NINES ? MAX_NINES : value;
}

static void find_curve_range(const struct plot_curves *plot, double *ret_low, double *ret_high)
{
    double low = 0, high = 0;
    for (size_t i = 0; i < plot->n_curves; i++) {
        for (size_t point = 0; point < FIGURE_CURVE_POINTS; point++) {
            const double ns = plot->curves[i].ns[point];
            high = ns > high ? ns : high;
            if (ns > 0 && (low == 0 || ns < low))
                low = ns;
        }
    }
    *ret_low = low > 0 ? low * 0.8 : 1;
    *ret_high = high > *ret_low ? high * 1.25 : *ret_low * 10;
}

static void put_curve_axes(FILE *out, const struct axis *x, const struct axis *y)
{
    static const struct {
        unsigned per_100000;
        const char *text;
    } ticks[] = {{0, "0%"},        {50000, "50%"},    {90000, "90%"}, {99000, "99%"},
                 {99900, "99.9%"}, {99990, "99.99%"}, {100000, "max"}};
    const double bottom = y->begin, top = y->begin + y->length;
    for (size_t i = 0; i < sizeof ticks / sizeof ticks[0]; i++) {
        const double at = place(x, nines(ticks[i].per_100000));
        put_line(out, at, bottom, at, top, "grid");
        put_text(out, at, bottom + 18, "tick", ticks[i].text);
    }
    put_text(out, x->begin + x->length / 2, bottom + 40, "tick", "share of calls that took no longer");
    double decade = pow(10, ceil(log10(y->low)));
    while (decade <= y->high) {
        char text[FORMAT_BYTES];
        const double at = place(y, decade);
        format_time(text, decade);
        put_line(out, x->begin, at, x->begin + x->length, at, "grid");
        put_text(out, x->begin - 10, at + 4, "label", text);
        decade *= 10;
    }
}

static void put_curve(FILE *out, const struct plot_curves *plot, size_t i, const struct axis *x, const struct axis *y)
{
    fprintf(out, "<polyline class=\"curve %s dash%u\" points=\"", classes[plot->curves[i].colour],
            plot->curves[i].dash);
    for (size_t point = 0; point < FIGURE_CURVE_POINTS; point++) {
        const double ns = plot->curves[i].ns[point];
        if (ns > 0)
            fprintf(out, "%.1f,%.1f ", place(x, nines(figure_curve_points[point])), place(y, ns));
    }
    fputs("\"/>\n", out);
}

/* Each beside the end of its line, but not over another. */
static void put_curve_labels(FILE *out, const struct plot_curves *plot, const struct axis *x, const struct axis *y)
{
    size_t order[PLOT_MAX_CURVES];
    for (size_t i = 0; i < plot->n_curves; i++) {
        size_t at = i;
        for (; at > 0 &&
               plot->curves[order[at - 1]].ns[FIGURE_CURVE_POINTS - 1] < plot->curves[i].ns[FIGURE_CURVE_POINTS - 1];
             at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    double last = CURVES_TOP - LABEL_APART_PX + 6;
    for (size_t i = 0; i < plot->n_curves; i++) {
        const double wanted = place(y, plot->curves[order[i]].ns[FIGURE_CURVE_POINTS - 1]);
        const double at = wanted < last + LABEL_APART_PX ? last + LABEL_APART_PX : wanted;
        const double right = x->begin + x->length;
        char class[64];
        snprintf(class, sizeof class, "curve thin %s dash%u", classes[plot->curves[order[i]].colour],
                 plot->curves[order[i]].dash);
        put_line(out, right + 3, wanted, right + 12, at, "leader");
        put_line(out, right + 14, at, right + 44, at, class);
        put_text(out, right + 50, at + 4, "legend", plot->curves[order[i]].label);
        last = at;
    }
}

void plot_curves_print(FILE *out, const struct plot_curves *plot)
{
    if (plot->n_curves == 0)
        return;
    const struct axis x = {
        .low = 0, .high = PLACE_OF_MAX, .begin = CURVES_LEFT, .length = WIDTH - CURVES_LEFT - CURVES_RIGHT};
    struct axis y = {
        .begin = CURVES_HEIGHT - CURVES_BOTTOM, .length = -(CURVES_HEIGHT - CURVES_BOTTOM - CURVES_TOP), .log = true};
    find_curve_range(plot, &y.low, &y.high);
    svg_begin(out, CURVES_HEIGHT, plot->title);
    put_curve_axes(out, &x, &y);
    for (size_t i = 0; i < plot->n_curves; i++)
        put_curve(out, plot, i, &x, &y);
    put_curve_labels(out, plot, &x, &y);
    fputs("</svg>\n", out);
}

void plot_curves_make_grid(const struct plot_curves *plot, struct grid *ret_grid,
                           struct grid_column columns[1 + FIGURE_CURVE_POINTS])
{
    static char percents[FIGURE_CURVE_POINTS][16];
    columns[0] = (struct grid_column){.heading = "percent, µs"};
    for (size_t point = 0; point < FIGURE_CURVE_POINTS; point++) {
        snprintf(percents[point], sizeof percents[point], "%g", figure_curve_points[point] / 1000.0);
        columns[1 + point] = (struct grid_column){.heading = percents[point], .right = true};
    }
    grid_init(ret_grid, plot->title, columns, 1 + FIGURE_CURVE_POINTS);
    for (size_t i = 0; i < plot->n_curves; i++) {
        grid_add_row(ret_grid);
        grid_set(ret_grid, 0, "%s", plot->curves[i].label);
        for (size_t point = 0; point < FIGURE_CURVE_POINTS; point++) {
            char text[FORMAT_BYTES];
            format_us(text, plot->curves[i].ns[point]);
            grid_set(ret_grid, 1 + point, "%s", text);
        }
    }
}
