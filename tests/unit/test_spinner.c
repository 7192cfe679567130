/* Spinning that learns. Times are checked from the side where a busy machine does no harm. */
#include "common/spinner.h"
#include "tests/test.h"

#include <time.h>

#include "common/clock.h"

#define MAX_NS (2 * NS_PER_MS)

static struct spinner spinner;

static void sleep_ns(uint64_t ns)
{
    nanosleep(&(struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)}, NULL);
}

/* One wait for what comes after n_looks. Returns whether it was caught by spinning. */
static bool wait_for_looks(unsigned n_looks)
{
    bool caught = true;
    spinner_begin(&spinner);
    while (n_looks-- > 0 && caught)
        caught = spinner_again(&spinner);
    spinner_end(&spinner);
    return caught;
}

/* One wait for what comes only after the spinner gave up and slept for so long. Returns the time spun. */
static uint64_t wait_and_sleep(uint64_t ns)
{
    const uint64_t start_ns = clock_now_ns();
    spinner_begin(&spinner);
    while (spinner_again(&spinner))
        ;
    const uint64_t spun_ns = clock_now_ns() - start_ns;
    sleep_ns(ns);
    spinner_end(&spinner);
    return spun_ns;
}

TEST(tries_once_and_is_bounded_by_time)
{
    spinner_init(&spinner, MAX_NS);
    CHECK_INT(wait_and_sleep(10 * MAX_NS), >=, MAX_NS);
    CHECK(!wait_for_looks(1));
}

TEST(long_waits_are_not_spun_for)
{
    spinner_init(&spinner, MAX_NS);
    for (int i = 0; i < 20; i++)
        wait_for_looks(3);
    int n_spun = 0;
    for (int i = 0; i < 30; i++)
        n_spun += wait_and_sleep(4 * MAX_NS) > MAX_NS / 64;
    CHECK_INT(n_spun, >=, 1);
    CHECK_INT(n_spun, <=, 10); /* 4 and, on a busy machine, some more */
    CHECK_INT(spinner.trust, ==, 0);
    /* Not even once in a while. */
    for (int i = 0; i < 20; i++) {
        wait_and_sleep(4 * MAX_NS);
        CHECK_INT(spinner.trust, ==, 0);
    }
}

TEST(what_comes_early_makes_it_give_up_early)
{
    spinner_init(&spinner, NS_PER_S);
    for (int i = 0; i < 100; i++)
        CHECK(wait_for_looks(3));
    CHECK_INT(wait_and_sleep(0), <, NS_PER_S);
    CHECK(wait_for_looks(3)); /* one failure among many successes */
}

TEST(short_waits_are_tried_again_less_and_less_often)
{
    spinner_init(&spinner, MAX_NS);
    wait_and_sleep(10 * MAX_NS);
    CHECK_INT(spinner.trust, ==, 0);
    unsigned n_first = 0, n_second = 0, n_third = 0;
    for (unsigned *n = &n_first; n; n = n == &n_first ? &n_second : n == &n_second ? &n_third : NULL) {
        for (; spinner.trust == 0 && *n < 1000; (*n)++)
            wait_for_looks(1); /* not spun for, and there at once */
        REQUIRE(spinner.trust == 1);
        wait_and_sleep(0); /* a try in vain */
        CHECK_INT(spinner.trust, ==, 0);
    }
    CHECK(n_first >= 1 && n_second > n_first && n_third > n_second);
    for (int i = 0; i < 1000 && spinner.trust == 0; i++)
        wait_for_looks(1);
    CHECK(wait_for_looks(1));
    CHECK_INT(spinner.trust, ==, 2);
}

TEST(a_wait_passed_over_says_nothing_about_spinning)
{
    spinner_init(&spinner, MAX_NS);
    const unsigned trust = spinner.trust;
    spinner_begin(&spinner);
    spinner_pass(&spinner);
    sleep_ns(4 * MAX_NS);
    spinner_end(&spinner);
    CHECK_INT(spinner.trust, ==, trust);
    spinner_end(&spinner); /* no wait goes on */
    CHECK_INT(spinner.trust, ==, trust);
}
