/* What --inject and --chaos are told: every form, and mistakes that name the nearest right spelling. */
#include "broker/inject_options.h"

#include <stdio.h>

#include "broker/inject.h"
#include "common/clock.h"
#include "tests/test.h"

TEST(every_kind_in_every_form)
{
    for (enum injection fault = INJECT_NONE + 1; fault < INJECT_COUNT; fault++) {
        static const struct {
            const char *rest;
            unsigned tab;
            uint64_t delay_ns;
        } forms[] = {{"", 1, 0},
                     {"@1", 1, 0},
                     {"@1024", 1024, 0},
                     {":0", 1, 0},
                     {":250", 1, 250 * NS_PER_MS},
                     {"@007:00086400000", 7, 86400 * NS_PER_S}};
        for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
            char text[64], error[256] = "";
            struct inject_request request;
            snprintf(text, sizeof text, "%s%s", injection_name(fault), forms[i].rest);
            if (!inject_request_parse(text, &request, error, sizeof error)) {
                FAIL("%s: %s", text, error);
                continue;
            }
            CHECK_INT(request.plan.fault, ==, fault);
            CHECK_INT(request.plan.stage, ==, injection_stage(fault));
            CHECK_INT(request.tab, ==, forms[i].tab);
            CHECK_INT(request.delay_ns, ==, forms[i].delay_ns);
        }
    }
}

TEST(bad_requests)
{
    static const struct {
        const char *text, *hint;
    } rows[] = {
        {"segvnull", "the nearest is segv-null"},
        {"segv_null@3", "the nearest is segv-null"},
        {"sgev-null", "the nearest is segv-null"},
        {"hang-lop:20", "the nearest is hang-loop"},
        {"forkbomb", "the nearest is fork-bomb"},
        {"never-read", "the nearest is never-reads"},
        {"ABORT", "unknown kind; the nearest is "},
        {"abort ", "the nearest is abort"},
        {"none", "unknown kind"}, /* the row that is none */
        {"", "unknown kind"},
        {"@1", "unknown kind"},
        {":5", "unknown kind"},
        {"lis", "unknown kind"},
        {"abort@0", "expected a tab from 1 to 1024"},
        {"abort@1025", "expected a tab from 1 to 1024"},
        {"abort@-1", "expected a tab from 1 to 1024"},
        {"abort@ 1", "expected a tab from 1 to 1024"},
        {"abort@+1", "expected a tab from 1 to 1024"},
        {"abort@", "expected a tab from 1 to 1024"},
        {"abort@x", "expected a tab from 1 to 1024"},
        {"abort@@1", "expected a tab from 1 to 1024"},
        {"abort@18446744073709551617", "expected a tab from 1 to 1024"},
        {"abort@4294967297", "expected a tab from 1 to 1024"},
        {"abort@99999999999999999999999999999", "expected a tab from 1 to 1024"},
        {"abort@1:", "expected milliseconds from 0 to 86400000"},
        {"abort:", "expected milliseconds from 0 to 86400000"},
        {"abort:-5", "expected milliseconds from 0 to 86400000"},
        {"abort:1.5", "expected KIND[@TAB][:MS], as in abort@1:500"},
        {"abort:86400001", "expected milliseconds from 0 to 86400000"},
        {"abort@2:5s", "expected KIND[@TAB][:MS], as in abort@2:500"},
        {"abort:5@2", "expected KIND[@TAB][:MS]"},
        {"abort@2x", "expected KIND[@TAB][:MS]"},
        {"abort:5:6", "expected KIND[@TAB][:MS]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct inject_request request;
        char error[256] = "";
        if (inject_request_parse(rows[i].text, &request, error, sizeof error))
            FAIL("\"%s\" was taken", rows[i].text);
        if (strncmp(error, "--inject ", 9) != 0 || strstr(error, rows[i].hint) == NULL || strchr(error, '\n') != NULL)
            FAIL("\"%s\": \"%s\"", rows[i].text, error);
    }
}

TEST(chaos_in_every_form)
{
    static const struct {
        const char *text;
        uint64_t duration_ns, seed;
        bool has_seed;
    } rows[] = {
        {"60", 60 * NS_PER_S, 0, false},       {"0.1", NS_PER_S / 10, 0, false},
        {".5", NS_PER_S / 2, 0, false},        {"2.", 2 * NS_PER_S, 0, false},
        {"86400", 86400 * NS_PER_S, 0, false}, {"10:42", 10 * NS_PER_S, 42, true},
        {"10:0", 10 * NS_PER_S, 0, true},      {"1.5:18446744073709551615", 3 * NS_PER_S / 2, UINT64_MAX, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct chaos_request request;
        char error[256] = "";
        if (!chaos_request_parse(rows[i].text, &request, error, sizeof error)) {
            FAIL("%s: %s", rows[i].text, error);
            continue;
        }
        CHECK_INT(request.duration_ns, ==, rows[i].duration_ns);
        CHECK(request.seed == rows[i].seed && request.has_seed == rows[i].has_seed);
    }
}

TEST(bad_chaos)
{
    static const char *const wrong[] = {"",
                                        "0",
                                        "0.09",
                                        "86401",
                                        "-1",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "x",
                                        "5s",
                                        "1e2",
                                        "inf",
                                        "nan",
                                        "0x10",
                                        "1..2",
                                        "1.2.3",
                                        ".",
                                        ":",
                                        ":5",
                                        "5:",
                                        "5:-1",
                                        "5:+1",
                                        "5: 1",
                                        "5:x",
                                        "5:1.5",
                                        "5:1x",
                                        "5:1:2",
                                        "5:18446744073709551616",
                                        "5,5",
                                        "5:99999999999999999999",
                                        "00000000000000000000000000000000000005",
                                        "1\n:2",
                                        "5:1\033[2J"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct chaos_request request;
        char error[256] = "";
        if (chaos_request_parse(wrong[i], &request, error, sizeof error))
            FAIL("\"%s\" was taken", wrong[i]);
        if (strncmp(error, "--chaos ", 8) != 0 || strstr(error, "SECONDS[:SEED]") == NULL ||
            strstr(error, "10:42") == NULL)
            FAIL("\"%s\": \"%s\"", wrong[i], error);
    }
}

/* What is wrong is shown, but reaches no terminal raw. */
TEST(mistakes_are_escaped_and_cut)
{
    static char text[5000];
    struct inject_request request;
    struct chaos_request chaos;
    char error[256];
    memset(text, '\033', sizeof text - 1);
    CHECK(!inject_request_parse(text, &request, error, sizeof error));
    CHECK(strchr(error, '\033') == NULL && strstr(error, "the nearest is") != NULL);
    CHECK(!chaos_request_parse(text, &chaos, error, sizeof error));
    CHECK(strchr(error, '\033') == NULL && strstr(error, "SECONDS[:SEED]") != NULL);
    memcpy(text, "abort@", 6);
    CHECK(!inject_request_parse(text, &request, error, sizeof error));
    CHECK(strchr(error, '\033') == NULL && strstr(error, "abort@1") != NULL);
}
