/* Percentiles from buckets: near enough, for small and for enormous values. */
#include "common/histogram.h"

#include "tests/test.h"

static struct histogram histogram;
static struct fine_histogram fine;

static void check_near(uint64_t value, uint64_t truth)
{
    if (value < truth || value - truth > truth / 16 + 1)
        FAIL("%llu is not near %llu", (unsigned long long)value, (unsigned long long)truth);
}

TEST(nothing_added_is_nothing)
{
    CHECK_INT(histogram_at(&histogram, 500), ==, 0);
    CHECK_INT(histogram_mean(&histogram), ==, 0);
}

TEST(a_thousand_values_in_a_row)
{
    for (uint64_t value = 1; value <= 1000; value++)
        histogram_add(&histogram, value * 1000);
    check_near(histogram_at(&histogram, 500), 501000);
    check_near(histogram_at(&histogram, 990), 991000);
    check_near(histogram_at(&histogram, 0), 1000);
    CHECK_INT(histogram_at(&histogram, 1000), ==, 1000000);
    CHECK_INT(histogram.min, ==, 1000);
    CHECK_INT(histogram_mean(&histogram), ==, 500500);
}

TEST(each_power_of_two_and_its_neighbours_has_a_bucket)
{
    for (unsigned shift = 0; shift < 64; shift++) {
        for (int step = -1; step <= 1; step++) {
            const uint64_t value = (1ull << shift) + (uint64_t)step;
            histogram = (struct histogram){0};
            histogram_add(&histogram, value);
            CHECK_INT(histogram_at(&histogram, 500), ==, value);
            histogram_add(&histogram, UINT64_MAX);
            check_near(histogram_at(&histogram, 0), value);
        }
    }
}

TEST(small_values_are_exact)
{
    histogram = (struct histogram){0};
    for (uint64_t value = 0; value < 16; value++)
        histogram_add(&histogram, value);
    /* In the middle of each sixteenth: at its edge, thousandths are too coarse to say on which side. */
    for (unsigned value = 0; value < 16; value++)
        CHECK_INT(histogram_at(&histogram, (2 * value + 1) * 1000 / 32), ==, value);
    CHECK_INT(histogram_at(&histogram, 0), ==, 0);
    CHECK_INT(histogram_at(&histogram, 1000), ==, 15);
    CHECK_INT(histogram_at(&histogram, UINT32_MAX), ==, 15);
}

/* ---- the fine one ---------------------------------------------------------------------------------------------------- */

static void check_three_digits(uint64_t value, uint64_t truth)
{
    if (value < truth || value - truth > truth / 1000)
        FAIL("%llu is not %llu to three digits", (unsigned long long)value, (unsigned long long)truth);
}

TEST(the_fine_one_has_three_significant_digits)
{
    for (unsigned shift = 0; shift < 64; shift++) {
        for (int step = -1; step <= 1; step++) {
            const uint64_t value = (1ull << shift) + (uint64_t)step;
            memset(&fine, 0, sizeof fine);
            fine_histogram_add(&fine, value);
            CHECK_INT(fine_histogram_at(&fine, 50000), ==, value);
            fine_histogram_add(&fine, UINT64_MAX);
            check_three_digits(fine_histogram_at(&fine, 0), value);
            CHECK_INT(fine.n, ==, 2);
            CHECK_INT(fine.min, ==, value);
            CHECK(fine.max == UINT64_MAX);
        }
    }
}

/* Of 100,000 values in a row, the one at a point is the point. */
TEST(the_curve_follows_what_was_added)
{
    static const unsigned points[] = {
#define X(per_100000) per_100000,
        HISTOGRAM_CURVE(X)
#undef X
    };
    uint64_t curve[HISTOGRAM_CURVE_POINTS];
    memset(&fine, 0, sizeof fine);
    fine_histogram_curve(&fine, curve);
    for (size_t i = 0; i < HISTOGRAM_CURVE_POINTS; i++)
        CHECK_INT(curve[i], ==, 0);

    for (uint64_t value = 1; value <= 100000; value++)
        fine_histogram_add(&fine, value);
    fine_histogram_curve(&fine, curve);
    CHECK_INT(curve[0], ==, 1);
    for (size_t i = 1; i + 1 < HISTOGRAM_CURVE_POINTS; i++)
        check_three_digits(curve[i], points[i] + 1);
    CHECK_INT(curve[HISTOGRAM_CURVE_POINTS - 1], ==, 100000);
    CHECK_INT(points[HISTOGRAM_CURVE_POINTS - 1], ==, 100000);
    CHECK_INT(fine_histogram_mean(&fine), ==, 50000);
    CHECK_INT(fine_histogram_at(&fine, UINT32_MAX), ==, 100000);
}
