#include "broker/latency/figure.h"

#include <string.h>

const unsigned figure_curve_points[FIGURE_CURVE_POINTS] = {
#define X(per_100000) per_100000,
    FIGURE_CURVE(X)
#undef X
};

void figure_outcome_init(struct figure_outcome *ret_outcome)
{
    *ret_outcome = (struct figure_outcome){
        .cpu_percent = -1,
        .wakeups_per_s = -1,
        .shares = {.pack_ns = -1, .scan_ns = -1, .unpack_ns = -1, .syscall_ns = -1, .wake_ns = -1},
    };
}

/* What runs are put in order by: what the first of them has of this list. */
enum quantity {
    BY_P50,
    BY_RATE,
    BY_TOTAL,
    BY_CPU,
};

static enum quantity choose_quantity(const struct figure_outcome *outcome)
{
    if (outcome->p50_ns > 0)
        return BY_P50;
    if (outcome->per_s > 0)
        return BY_RATE;
    return outcome->total_ms > 0 ? BY_TOTAL : BY_CPU;
}

static double quantity_of(const struct figure_outcome *outcome, enum quantity quantity)
{
    switch (quantity) {
    case BY_P50:
        return outcome->p50_ns;
    case BY_RATE:
        return outcome->per_s;
    case BY_TOTAL:
        return outcome->total_ms;
    case BY_CPU:
        return outcome->cpu_percent;
    }
    return 0;
}

/* The runs that measured something, by that quantity. Returns how many there are. */
static unsigned sort_runs(const struct figure *figure, const struct figure_outcome *ret_sorted[FIGURE_MAX_RUNS])
{
    unsigned n = 0;
    enum quantity quantity = BY_P50;
    for (unsigned i = 0; i < figure->n_runs; i++) {
        const struct figure_outcome *run = &figure->runs[i];
        if (run->absent[0] != '\0')
            continue;
        if (n == 0)
            quantity = choose_quantity(run);
        unsigned at = n++;
        for (; at > 0 && quantity_of(ret_sorted[at - 1], quantity) > quantity_of(run, quantity); at--)
            ret_sorted[at] = ret_sorted[at - 1];
        ret_sorted[at] = run;
    }
    return n;
}

/* Widens [*low, *high] so that it holds the value; 0 is no value. */
static void widen(double *low, double *high, double value)
{
    if (value <= 0)
        return;
    if (*low == 0 || value < *low)
        *low = value;
    if (value > *high)
        *high = value;
}

void figure_outcome_latencies(struct figure_outcome *outcome, const struct fine_histogram *latency)
{
    uint64_t curve[HISTOGRAM_CURVE_POINTS];
    outcome->p50_ns = (double)fine_histogram_at(latency, 50000);
    outcome->p90_ns = (double)fine_histogram_at(latency, 90000);
    outcome->p99_ns = (double)fine_histogram_at(latency, 99000);
    outcome->p999_ns = (double)fine_histogram_at(latency, 99900);
    outcome->max_ns = (double)latency->max;
    outcome->mean_ns = (double)fine_histogram_mean(latency);
    fine_histogram_curve(latency, curve);
    for (int i = 0; i < FIGURE_CURVE_POINTS; i++)
        outcome->curve_ns[i] = (double)curve[i];
    outcome->has_curve = latency->n > 0;
}

void figure_conclude(struct figure *figure)
{
    const struct figure_outcome *sorted[FIGURE_MAX_RUNS];
    const unsigned n = sort_runs(figure, sorted);
    figure->low_p50_ns = figure->high_p50_ns = figure->low_per_s = figure->high_per_s = 0;
    for (unsigned i = 0; i < n; i++) {
        widen(&figure->low_p50_ns, &figure->high_p50_ns, sorted[i]->p50_ns);
        widen(&figure->low_per_s, &figure->high_per_s, sorted[i]->per_s);
    }
    if (n > 0) {
        figure->middle = *sorted[(n - 1) / 2];
    } else if (figure->n_runs > 0) {
        figure->middle = figure->runs[0];
    } else {
        figure_outcome_init(&figure->middle);
        strcpy(figure->middle.absent, "not measured");
    }
}

bool figure_is_absent(const struct figure *figure)
{
    return figure->middle.absent[0] != '\0';
}

double figure_spread(const struct figure *figure)
{
    if (figure->middle.p50_ns > 0)
        return (figure->high_p50_ns - figure->low_p50_ns) / figure->middle.p50_ns;
    if (figure->middle.per_s > 0)
        return (figure->high_per_s - figure->low_per_s) / figure->middle.per_s;
    return 0;
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool figure_is_like(const struct figure *figure, const struct figure *like)
{
    return is_same(figure->test, like->test) && is_same(figure->placement, like->placement) &&
           is_same(figure->codec, like->codec) && is_same(figure->wait, like->wait) &&
           figure->payload == like->payload && figure->peers == like->peers && figure->window == like->window &&
           figure->sandboxed == like->sandboxed;
}

const struct figure *figure_find(const struct figure *figures, size_t n_figures, const struct figure *like,
                                 const char *name)
{
    for (size_t i = 0; i < n_figures; i++) {
        if (is_same(figures[i].name, name) && figure_is_like(&figures[i], like))
            return &figures[i];
    }
    return NULL;
}
