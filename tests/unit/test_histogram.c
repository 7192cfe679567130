/* Percentiles from buckets: near enough, for small and for enormous values. */
#include "common/histogram.h"

#include "tests/test.h"

static struct histogram histogram;

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
