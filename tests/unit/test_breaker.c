/* Back-off and breaker as a table: chance and time come in, delays and the end of all tries come out. */
#include "broker/breaker.h"

#include "tests/test.h"

#define MOST_CHANCE UINT32_MAX
#define MID_CHANCE  0x80000000u

/* At 1000 s, so that nothing starts from a clock of zero. */
static const uint64_t start_ns = 1000 * NS_PER_S;

TEST(delays_double_and_stay_near)
{
    static const uint32_t chances[] = {0, 1, MID_CHANCE, MOST_CHANCE};
    for (size_t i = 0; i < sizeof chances / sizeof chances[0]; i++) {
        struct breaker breaker = {0};
        uint64_t now_ns = start_ns;
        for (unsigned n = 0; n < BREAKER_MAX_CRASHES - 1; n++) {
            const uint64_t whole_ns = BREAKER_DELAY_NS << n;
            uint64_t delay_ns = 0;
            REQUIRE(breaker_crashed(&breaker, now_ns, chances[i], &delay_ns));
            CHECK_INT(delay_ns, >=, whole_ns * 3 / 4);
            CHECK_INT(delay_ns, <=, whole_ns * 5 / 4);
            now_ns += delay_ns + NS_PER_MS;
        }
    }
}

TEST(chance_spans_the_whole_range)
{
    static const struct {
        uint32_t chance;
        uint64_t delay_ns;
    } rows[] = {
        {0, BREAKER_DELAY_NS * 3 / 4}, {MID_CHANCE, BREAKER_DELAY_NS}, {MOST_CHANCE, BREAKER_DELAY_NS * 5 / 4 - 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct breaker breaker = {0};
        uint64_t delay_ns = 0;
        CHECK(breaker_crashed(&breaker, start_ns, rows[i].chance, &delay_ns));
        CHECK_INT(delay_ns, ==, rows[i].delay_ns);
    }
}

/* So many crashes, so far apart. Returns how many of them were to be tried again. */
static unsigned crash_often(struct breaker *breaker, unsigned n_crashes, uint64_t apart_ns)
{
    unsigned n_tries = 0;
    for (unsigned i = 0; i < n_crashes; i++) {
        uint64_t delay_ns = 0;
        n_tries += breaker_crashed(breaker, start_ns + i * apart_ns, 0, &delay_ns);
    }
    return n_tries;
}

TEST(the_fifth_within_a_minute_opens_it)
{
    static const struct {
        uint64_t apart_ns;
        unsigned n_crashes, n_tries;
    } rows[] = {
        {0, 4, 4},
        {0, 5, 4},
        {0, 50, 4},
        {NS_PER_S, 5, 4},
        {BREAKER_WINDOW_NS / 4 - 1, 5, 4}, /* the first is just not forgotten */
        {BREAKER_WINDOW_NS / 4, 5, 5},     /* a minute old: forgotten */
        {BREAKER_WINDOW_NS / 4, 500, 500}, /* and so for ever */
        {BREAKER_WINDOW_NS, 100, 100},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct breaker breaker = {0};
        const unsigned n_tries = crash_often(&breaker, rows[i].n_crashes, rows[i].apart_ns);
        if (n_tries != rows[i].n_tries || breaker.open != (n_tries < rows[i].n_crashes))
            FAIL("row %zu: %u tries, %s", i, n_tries, breaker.open ? "open" : "closed");
    }
}

TEST(an_old_crash_makes_no_delay_longer)
{
    struct breaker breaker = {0};
    uint64_t delay_ns = 0;
    CHECK(breaker_crashed(&breaker, start_ns, MID_CHANCE, &delay_ns));
    CHECK(breaker_crashed(&breaker, start_ns + 59 * NS_PER_S, MID_CHANCE, &delay_ns));
    CHECK_INT(delay_ns, ==, 2 * BREAKER_DELAY_NS);
    CHECK(breaker_crashed(&breaker, start_ns + 60 * NS_PER_S, MID_CHANCE, &delay_ns));
    CHECK_INT(delay_ns, ==, 2 * BREAKER_DELAY_NS);
    CHECK(breaker_crashed(&breaker, start_ns + 500 * NS_PER_S, MID_CHANCE, &delay_ns));
    CHECK_INT(delay_ns, ==, BREAKER_DELAY_NS);
}

TEST(open_it_says_no_and_leaves_the_delay_alone)
{
    struct breaker breaker = {0};
    uint64_t delay_ns = 12345;
    breaker_trip(&breaker);
    CHECK(breaker.open && !breaker.half_open);
    CHECK(!breaker_crashed(&breaker, start_ns, 0, &delay_ns));
    CHECK(!breaker_crashed(&breaker, start_ns + 1000 * NS_PER_S, 0, &delay_ns));
    CHECK_INT(delay_ns, ==, 12345);
    breaker_shown(&breaker); /* of another tab with the same document: nobody asked for a try */
    CHECK(breaker.open);
}

TEST(half_open_one_more_crash_opens_it)
{
    struct breaker breaker = {0};
    uint64_t delay_ns = 0;
    crash_often(&breaker, 5, 0);
    breaker_try_again(&breaker);
    CHECK(!breaker.open && breaker.half_open);
    CHECK(!breaker_crashed(&breaker, start_ns + 3600 * NS_PER_S, 0, &delay_ns));
    CHECK(breaker.open && !breaker.half_open);
}

TEST(half_open_a_picture_makes_up_for_all)
{
    struct breaker breaker = {0};
    crash_often(&breaker, 5, 0);
    breaker_try_again(&breaker);
    breaker_shown(&breaker);
    CHECK(!breaker.open && !breaker.half_open);
    CHECK_INT(crash_often(&breaker, 5, 0), ==, 4);
}

TEST(closed_a_picture_makes_up_for_nothing)
{
    struct breaker breaker = {0};
    unsigned n_tries = 0;
    for (unsigned i = 0; i < 5; i++) {
        uint64_t delay_ns = 0;
        n_tries += breaker_crashed(&breaker, start_ns + i * NS_PER_S, 0, &delay_ns);
        breaker_shown(&breaker);
    }
    CHECK_INT(n_tries, ==, 4);
    CHECK(breaker.open);
}
