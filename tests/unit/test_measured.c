/* What `measure` says reaches the broker as it was said, or not at all. */
#include "common/measured.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/test.h"

static const struct measured full = {
    .n = 1000,
    .lost = 3,
    .disordered = 2,
    .p50_ns = 100,
    .p90_ns = 200,
    .p99_ns = 300,
    .p999_ns = 400,
    .max_ns = UINT64_MAX,
    .mean_ps = 123456,
    .total_ns = 1000000,
    .cpu_ns = 1900000,
    .curve_ns = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14},
    .has_curve = true,
    .note = "the highest came first = good",
};

static char line[2 * MEASURED_MAX_LINE];

static size_t print(const struct measured *measured)
{
    FILE *out = fmemopen(line, sizeof line, "w");
    REQUIRE(out != NULL);
    measured_print(measured, out);
    const long n = ftell(out);
    REQUIRE(n > 0 && n <= MEASURED_MAX_LINE);
    fclose(out);
    return (size_t)n;
}

static int parse(const char *text)
{
    struct measured measured;
    return measured_parse(text, strlen(text), &measured);
}

static void check_same(const struct measured *a, const struct measured *b)
{
#define X(name) CHECK(a->name == b->name);
    MEASURED_NUMBERS(X)
#undef X
    CHECK_INT(a->has_curve, ==, b->has_curve);
    CHECK_MEM(a->curve_ns, b->curve_ns, sizeof a->curve_ns);
    CHECK_STR(a->note, b->note);
    CHECK_STR(a->absent, b->absent);
}

static void check_returns(const struct measured *measured)
{
    struct measured back;
    const size_t n = print(measured);
    CHECK_INT(line[n - 1], ==, '\n');
    REQUIRE(measured_parse(line, n, &back) == 0);
    check_same(measured, &back);
}

TEST(a_line_brings_back_what_was_measured)
{
    check_returns(&full);
    check_returns(&(struct measured){.n = 1});
    check_returns(&(struct measured){.absent = "mq_open: Function not implemented"});

    /* At its longest it still is a line. */
    struct measured longest;
#define X(name) longest.name = UINT64_MAX;
    MEASURED_NUMBERS(X)
#undef X
    for (size_t i = 0; i < HISTOGRAM_CURVE_POINTS; i++)
        longest.curve_ns[i] = UINT64_MAX;
    longest.has_curve = true;
    longest.absent[0] = '\0';
    memset(longest.note, 'x', sizeof longest.note - 1);
    longest.note[sizeof longest.note - 1] = '\0';
    check_returns(&longest);
}

TEST(what_would_break_a_line_does_not)
{
    struct measured back;
    const size_t n = print(&(struct measured){.absent = "a\tlost=1\nn=2\x1b[2J\xff"});
    REQUIRE(measured_parse(line, n, &back) == 0);
    CHECK_STR(back.absent, "a?lost=1?n=2?[2J?");
}

#define NUMBERS \
    "n=5\tlost=0\tdisordered=0\tp50_ns=1\tp90_ns=1\tp99_ns=1\tp999_ns=1\tmax_ns=1\tmean_ps=1000\ttotal_ns=5\tcpu_ns=5"

TEST(what_is_not_whole_or_not_sound_is_not_believed)
{
    static const char *const garbled[] = {
        "",
        "\n",
        "\t\n",
        "n=5\n",                              /* the rest is missing */
        NUMBERS,                              /* the end is missing */
        NUMBERS "\t\n",                       /* an empty field */
        NUMBERS "\n\n",                       /* more than a line */
        NUMBERS "\n" NUMBERS "\n",            /* the same */
        NUMBERS "\tn=5\n",                    /* said twice */
        NUMBERS "\tnote=a\tnote=b\n",         /* the same */
        NUMBERS "\tspeed=9\n",                /* unknown */
        NUMBERS "\tnote\n",                   /* no value */
        NUMBERS "\tnote=\x1b[31m\n",          /* not text */
        NUMBERS "\tnote=\xc3\xa9\n",          /* the same */
        NUMBERS "\tabsent=but there it is\n", /* contradicts itself */
        NUMBERS "\tcurve_ns=\n",              /* no curve */
        NUMBERS "\tcurve_ns=1,2,3\n",         /* too short */
        NUMBERS "\tcurve_ns=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n",
        NUMBERS "\tcurve_ns=1,2,3,4,5,6,7,8,9,10,11,12,13,14,\n",
        NUMBERS "\tcurve_ns=2,1,3,4,5,6,7,8,9,10,11,12,13,14\n", /* falls */
        NUMBERS "\tcurve_ns=1,2,3,4,5,6,,8,9,10,11,12,13,14\n",
        "absent=\n",
        "absent=x\tnote=y\n",
        "absent=x\tn=1\n",
        "=\n",
        "n=\n",
    };
    CHECK_INT(parse(NUMBERS "\n"), ==, 0);
    CHECK_INT(parse(NUMBERS "\tnote=\n"), ==, 0);
    CHECK_INT(parse(NUMBERS "\tcurve_ns=1,2,3,4,5,6,7,8,9,10,11,12,13,14\n"), ==, 0);
    for (size_t i = 0; i < sizeof garbled / sizeof garbled[0]; i++) {
        if (parse(garbled[i]) != -EBADMSG)
            FAIL("believed: \"%s\"", garbled[i]);
    }
}

/* One number of the good line replaced by another text. */
static int parse_with(const char *key, const char *value)
{
    char text[MEASURED_MAX_LINE], field[32];
    snprintf(field, sizeof field, "%s=", key);
    const char *at = strstr(NUMBERS, field) + strlen(field);
    snprintf(text, sizeof text, "%.*s%s%s\n", (int)(at - NUMBERS), NUMBERS, value, at + strspn(at, "0123456789"));
    return parse(text);
}

TEST(numbers_are_numbers)
{
    CHECK_INT(parse_with("n", "6"), ==, 0);
    CHECK_INT(parse_with("max_ns", "18446744073709551615"), ==, 0);
    static const char *const bad[] = {
        "", "-1", "+5", " 5", "5 ", "0x5", "5.0", "1e3", "18446744073709551616", "nan", "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (parse_with("total_ns", bad[i]) != -EBADMSG)
            FAIL("believed: total_ns=%s", bad[i]);
    }
    CHECK_INT(parse_with("lost", "6"), ==, -EBADMSG);   /* more than were sent */
    CHECK_INT(parse_with("p50_ns", "2"), ==, -EBADMSG); /* more than p90 */
    CHECK_INT(parse_with("max_ns", "0"), ==, -EBADMSG);
}

/* Cut anywhere, or with any byte changed: either it is still a line that says something, or it is refused; never more. */
TEST(a_damaged_line_does_no_harm)
{
    const size_t n = print(&full);
    struct measured back;
    for (size_t i = 0; i < n; i++) {
        char *cut = malloc(i > 0 ? i : 1); /* so that a sanitizer sees its end */
        REQUIRE(cut != NULL);
        memcpy(cut, line, i);
        CHECK_INT(measured_parse(cut, i, &back), ==, -EBADMSG);
        free(cut);
    }
    for (size_t i = 0; i < n; i++) {
        const char before = line[i];
        for (int byte = 0; byte < 256; byte++) {
            line[i] = (char)byte;
            if (measured_parse(line, n, &back) == 0)
                CHECK(memchr(back.note, '\0', sizeof back.note) != NULL && back.lost <= back.n);
        }
        line[i] = before;
    }
}
