/* What somebody meant: the nearest name, whatever was typed. */
#include "broker/nearest.h"

#include "tests/test.h"

static const char *const names[] = {"segv-null", "segv-wild", "abort",     "ill",
                                    "exit-0",    "exit-77",   "hang-loop", "hang-stop"};
#define N_NAMES (sizeof names / sizeof names[0])

static const char *name_at(size_t i)
{
    return names[i];
}

TEST(nearest)
{
    static const struct {
        const char *typed, *meant;
    } rows[] = {
        {"abort", "abort"},         {"abrot", "abort"},    /* swapped */
        {"abor", "abort"},                                 /* cut short */
        {"aborted", "abort"},                              /* two more */
        {"bort", "abort"},                                 /* one less */
        {"abott", "abort"},                                /* replaced */
        {"segv_null", "segv-null"},                        /* replaced */
        {"segvwild", "segv-wild"},  {"hang", "hang-loop"}, /* cut short, of two the first */
        {"hang-s", "hang-stop"},    {"exit-7", "exit-77"}, /* cut short is nearer than one letter wrong */
        {"exit-1", "exit-0"},       {"ABORT", "abort"},    /* letters are what they are, but the length is right */
        {"", "segv-null"},                                 /* everything is cut short to nothing */
        {"\xff\x01", "ill"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *nearest = nearest_name(rows[i].typed, strlen(rows[i].typed), name_at, N_NAMES);
        if (strcmp(nearest, rows[i].meant) != 0)
            FAIL("\"%s\": %s, not %s", rows[i].typed, nearest, rows[i].meant);
    }
}

/* The name need not end where it ends. */
TEST(the_length_counts)
{
    CHECK_STR(nearest_name("abort@3:500", 5, name_at, N_NAMES), "abort");
    CHECK_STR(nearest_name("illegal", 3, name_at, N_NAMES), "ill");
}

TEST(however_long)
{
    static char typed[100000];
    memset(typed, 'x', sizeof typed);
    CHECK(nearest_name(typed, sizeof typed, name_at, N_NAMES) != NULL);
    memcpy(typed, "hang-stop", 9);
    CHECK_STR(nearest_name(typed, sizeof typed, name_at, N_NAMES), "hang-stop");
    for (size_t n = NEAREST_MAX_NAME - 2; n <= NEAREST_MAX_NAME + 2; n++)
        CHECK_STR(nearest_name(typed, n, name_at, N_NAMES), "hang-stop");
}

TEST(of_one)
{
    CHECK_STR(nearest_name("anything at all", 15, name_at, 1), "segv-null");
}
