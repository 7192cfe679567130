/* What --chaos draws, and when it calls a run good. */
#include "broker/chaos.h"

#include <stdio.h>

#include "common/clock.h"
#include "tests/test.h"

#define N_DRAWS 20000

TEST(a_seed_repeats)
{
    for (unsigned tab = 1; tab <= 3; tab++) {
        uint64_t one = chaos_sequence(42, tab), other = chaos_sequence(42, tab);
        for (int i = 0; i < 1000; i++) {
            const struct injector_step a = chaos_draw(&one, 3), b = chaos_draw(&other, 3);
            REQUIRE(a.plan.fault == b.plan.fault && a.plan.stage == b.plan.stage && a.delay_ns == b.delay_ns);
        }
    }
}

/* What is drawn must not depend on how many tabs there are; only the pauses do. */
TEST(the_number_of_tabs_changes_pauses_only)
{
    uint64_t one = chaos_sequence(7, 1), other = chaos_sequence(7, 1);
    for (int i = 0; i < 1000; i++) {
        const struct injector_step a = chaos_draw(&one, 1), b = chaos_draw(&other, 8);
        REQUIRE(a.plan.fault == b.plan.fault && a.plan.stage == b.plan.stage);
        CHECK_INT(b.delay_ns, >=, a.delay_ns);
    }
}

static bool draw_the_same(uint64_t one, uint64_t other)
{
    for (int i = 0; i < 20; i++) {
        const struct injector_step a = chaos_draw(&one, 8), b = chaos_draw(&other, 8);
        if (a.plan.fault != b.plan.fault || a.plan.stage != b.plan.stage)
            return false;
    }
    return true;
}

TEST(tabs_and_seeds_differ)
{
    for (unsigned tab = 1; tab <= 64; tab++) {
        CHECK(!draw_the_same(chaos_sequence(1, tab), chaos_sequence(1, tab + 1)));
        CHECK(!draw_the_same(chaos_sequence(tab, 1), chaos_sequence(tab + 1, 1)));
        CHECK(!draw_the_same(chaos_sequence(tab, 1), chaos_sequence(1, tab)) || tab == 1);
    }
}

TEST(all_that_fits_is_drawn_and_nothing_else)
{
    static unsigned n_drawn[INJECT_COUNT][STAGE_COUNT];
    uint64_t state = chaos_sequence(1, 1);
    for (int i = 0; i < N_DRAWS; i++) {
        const struct injector_step step = chaos_draw(&state, 8);
        REQUIRE(step.plan.fault > INJECT_NONE && step.plan.fault < INJECT_COUNT);
        REQUIRE(step.plan.stage < STAGE_COUNT);
        n_drawn[step.plan.fault][step.plan.stage]++;
    }
    for (enum injection fault = INJECT_NONE + 1; fault < INJECT_COUNT; fault++) {
        for (enum inject_stage stage = 0; stage < STAGE_COUNT; stage++) {
            if ((n_drawn[fault][stage] > 0) != injection_fits(fault, stage))
                FAIL("%s while %s: drawn %u times", injection_name(fault), inject_stage_name(stage),
                     n_drawn[fault][stage]);
        }
    }
}

/* At least five faults a second are promised: the pauses must leave time for them. */
TEST(pauses_are_short_enough)
{
    static const unsigned n_tabs[] = {1, 2, 8, 64};
    for (size_t i = 0; i < sizeof n_tabs / sizeof n_tabs[0]; i++) {
        uint64_t state = chaos_sequence(3, 1), sum_ns = 0, longest_ns = 0;
        for (int n = 0; n < N_DRAWS; n++) {
            const uint64_t delay_ns = chaos_draw(&state, n_tabs[i]).delay_ns;
            sum_ns += delay_ns;
            if (delay_ns > longest_ns)
                longest_ns = delay_ns;
        }
        CHECK_INT(sum_ns / N_DRAWS, <, n_tabs[i] * NS_PER_S / 10);
        CHECK_INT(longest_ns, >, sum_ns / N_DRAWS * 3 / 2); /* and they differ */
    }
}

static struct chaos_counts good_counts(void)
{
    return (struct chaos_counts){.n_faults = 100,
                                 .n_right = 100,
                                 .n_recovered = 100,
                                 .fds_before = 40,
                                 .fds_after = 40,
                                 .children_before = 10,
                                 .children_after = 10,
                                 .rss_before_kb = 5000,
                                 .rss_after_kb = 5500,
                                 .is_tidy = true};
}

#define CHECK_BAD(change)                           \
    do {                                            \
        struct chaos_counts counts = good_counts(); \
        counts.change;                              \
        if (chaos_is_good(&counts))                 \
            FAIL("good, although %s", #change);     \
    } while (0)

#define CHECK_GOOD(change)                          \
    do {                                            \
        struct chaos_counts counts = good_counts(); \
        counts.change;                              \
        if (!chaos_is_good(&counts))                \
            FAIL("not good, because %s", #change);  \
    } while (0)

TEST(what_a_good_run_is)
{
    CHECK_GOOD(n_faults = 100);
    CHECK_GOOD(rss_after_kb = 5000 + 1024);
    CHECK_GOOD(rss_after_kb = 100);
    CHECK_GOOD(seed = 0);
    CHECK_BAD(n_right = 99);
    CHECK_BAD(n_wrong = 1);
    CHECK_BAD(n_recovered = 99);
    CHECK_BAD(n_recovered = 101);
    CHECK_BAD(n_strays = 1);
    CHECK_BAD(fds_after = 41);
    CHECK_BAD(fds_after = 39);
    CHECK_BAD(children_after = 11);
    CHECK_BAD(children_after = 9);
    CHECK_BAD(rss_after_kb = 5000 + 1025);
    CHECK_BAD(is_tidy = false);
    CHECK_BAD(n_faults = 101);

    struct chaos_counts nothing = good_counts();
    nothing.n_faults = nothing.n_right = nothing.n_recovered = 0;
    CHECK(!chaos_is_good(&nothing)); /* where nothing was tried nothing was shown */
}
