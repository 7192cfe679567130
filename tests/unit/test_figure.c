/* One figure out of several runs. */
#include "broker/latency/figure.h"

#include <string.h>

#include "broker/latency/format.h"
#include "tests/test.h"

static struct figure with_runs(size_t n, const double *p50_ns)
{
    struct figure figure = {.table = "t", .name = "a", .test = "round-trip", .n_runs = (unsigned)n};
    for (size_t i = 0; i < n; i++) {
        figure_outcome_init(&figure.runs[i]);
        figure.runs[i].p50_ns = p50_ns[i];
        figure.runs[i].per_s = 1e9 / p50_ns[i];
        figure.runs[i].n = i + 1;
    }
    return figure;
}

TEST(the_middle_is_the_median_run_as_a_whole)
{
    struct figure figure = with_runs(3, (const double[]){300, 100, 200});
    figure_conclude(&figure);
    CHECK(figure.middle.p50_ns == 200);
    CHECK_INT(figure.middle.n, ==, 3); /* not mixed from several runs */
    CHECK(figure.low_p50_ns == 100 && figure.high_p50_ns == 300);
    CHECK(figure.low_per_s == 1e9 / 300 && figure.high_per_s == 1e9 / 100);
    CHECK(figure_spread(&figure) == 1.0);
}

TEST(of_two_runs_the_lower_is_told)
{
    struct figure figure = with_runs(2, (const double[]){300, 100});
    figure_conclude(&figure);
    CHECK(figure.middle.p50_ns == 100);
}

TEST(without_latencies_the_rate_decides)
{
    struct figure figure = with_runs(3, (const double[]){1, 1, 1});
    const double rates[] = {5, 9, 7};
    for (size_t i = 0; i < 3; i++) {
        figure.runs[i].p50_ns = 0;
        figure.runs[i].per_s = rates[i];
    }
    figure_conclude(&figure);
    CHECK(figure.middle.per_s == 7);
    CHECK(figure.low_p50_ns == 0 && figure.high_p50_ns == 0);
    CHECK(figure_spread(&figure) == 4.0 / 7);
    for (size_t i = 0; i < 3; i++) {
        figure.runs[i].per_s = 0;
        figure.runs[i].total_ms = rates[i];
    }
    figure_conclude(&figure);
    CHECK(figure.middle.total_ms == 7);
}

TEST(absent_runs_do_not_count_unless_all_are)
{
    struct figure figure = with_runs(3, (const double[]){300, 100, 200});
    strcpy(figure.runs[2].absent, "late");
    figure_conclude(&figure);
    CHECK(!figure_is_absent(&figure));
    CHECK(figure.middle.p50_ns == 100);
    strcpy(figure.runs[0].absent, "first");
    strcpy(figure.runs[1].absent, "second");
    figure_conclude(&figure);
    CHECK(figure_is_absent(&figure));
    CHECK_STR(figure.middle.absent, "first");
    figure.n_runs = 0;
    figure_conclude(&figure);
    CHECK(figure_is_absent(&figure));
}

TEST(a_figure_is_found_by_what_identifies_it)
{
    const struct figure figures[] = {
        {.name = "a", .test = "round-trip", .placement = "free", .payload = 64, .codec = "none"},
        {.name = "b", .test = "round-trip", .placement = "free", .payload = 64, .codec = "none", .sandboxed = true},
        {.name = "b", .test = "round-trip", .placement = "free", .payload = 64, .codec = "none", .wait = "spin"},
        {.name = "b", .test = "round-trip", .placement = "free", .payload = 64, .codec = "none", .table = "other"},
    };
    CHECK(figure_find(figures, 4, &figures[0], "b") == &figures[3]);
    CHECK(figure_find(figures, 4, &figures[2], "a") == NULL);
    CHECK(figure_find(figures, 0, &figures[0], "b") == NULL);
}

TEST(numbers_in_few_digits)
{
    char text[FORMAT_BYTES];
#define FORMATS(function, value, expected) \
    (function(text, value), strcmp(text, expected) == 0 ? (void)0 : FAIL("%s", text))
    FORMATS(format_us, 0, "");
    FORMATS(format_us, 320, "0.32");
    FORMATS(format_us, 70100, "70.1");
    FORMATS(format_us, 1250000, "1250");
    FORMATS(format_time, 320, "320 ns");
    FORMATS(format_time, 999.6, "1.00 µs");
    FORMATS(format_time, 45e6, "45.0 ms");
    FORMATS(format_count, 980, "980");
    FORMATS(format_count, 259000, "259k");
    FORMATS(format_count, 1370000, "1.37M");
    FORMATS(format_count, 0, "");
    FORMATS(format_bytes, 0, "0");
    FORMATS(format_bytes, 1024, "1K");
    FORMATS(format_bytes, 8294400, "7.9M");
    FORMATS(format_percent, 0.004, "0.4%");
    FORMATS(format_percent, 0, "0%");
}

TEST(a_million_of_them)
{
    struct figure figure = {.name = "a", .test = "one-way"};
    figure_outcome_init(&figure.middle);
    CHECK(figure_million_ns(&figure) == 0);
    figure.middle.per_s = 2e6;
    CHECK(figure_million_ns(&figure) == 0.5e9);
    figure.middle.n = 1000;
    figure.middle.total_ms = 2;
    CHECK(figure_million_ns(&figure) == 2e9);
    strcpy(figure.middle.absent, "no");
    CHECK(figure_million_ns(&figure) == 0);
}

TEST(a_figure_names_the_command_that_repeats_it)
{
    struct figure figure = {
        .name = "pipe", .test = "one-way", .placement = "same-core", .payload = 1024, .window = 32, .sandboxed = true};
    char text[160];
    figure_command(&figure, text, sizeof text);
    CHECK_STR(text, "broker --latency --only pipe,one-way,same-core --payload 1024");
    figure.middle.n = 5;
    figure_command(&figure, text, sizeof text);
    CHECK_STR(text, "broker --latency --only pipe,one-way,same-core --payload 1024 --messages 5");
    figure_describe(&figure, text, sizeof text);
    CHECK_STR(text, "pipe one-way, same-core, 1K bytes, 32 in flight, sandboxed");
    figure_describe(&figure, text, 8); /* cut, not overrun */
    CHECK_STR(text, "pipe on");
}
