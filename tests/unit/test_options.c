/* The command line as a table: what it becomes, or which one line says what is wrong. */
#include "broker/options.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "tests/test.h"

#define MAX_WORDS 16

static char program[] = "broker", a_file[] = "file";

struct parsed {
    char *words[MAX_WORDS + 2];
    struct options options;
    char error[256];
    int status;
};

/* words: separated by '|', so that they may hold spaces or be empty. */
static void parse(struct parsed *parsed, const char *words)
{
    static char buffer[1024];
    snprintf(buffer, sizeof buffer, "%s", words);
    char *rest = *words ? buffer : NULL, *word;
    int n = 0;
    parsed->words[n++] = program;
    while ((word = strsep(&rest, "|")))
        parsed->words[n++] = word;
    parsed->words[n] = NULL;
    parsed->error[0] = '\0';
    parsed->status = options_parse(n, parsed->words, &parsed->options, parsed->error, sizeof parsed->error);
}

static void parse_well(struct parsed *parsed, const char *words)
{
    parse(parsed, words);
    if (parsed->status != 0)
        FAIL("\"%s\" was refused: %s", words, parsed->error);
    REQUIRE(parsed->status == 0);
}

TEST(defaults_are_the_contracts)
{
    struct parsed p;
    parse_well(&p, "");
    CHECK_INT(p.options.mode, ==, MODE_SHOW);
    CHECK_INT(p.options.n_tabs, ==, 0);
    CHECK_INT(p.options.n_files, ==, 0);
    CHECK_INT(p.options.view, ==, VIEW_AUTO);
    CHECK(!p.options.stay && !p.options.json && !p.options.snapshot_dir);
    CHECK_INT(p.options.width_px, ==, 1024);
    CHECK_INT(p.options.height_px, ==, 768);
    CHECK_INT(p.options.page, ==, 0);
    CHECK(p.options.zoom == 1.0f);
    CHECK_INT(p.options.spawn, ==, SPAWN_ZYGOTE);
    CHECK_INT(p.options.n_spares, ==, 0);
    CHECK_INT(p.options.require_level, ==, 0);
    CHECK_INT(p.options.memory_bytes, ==, 512ull << 20);
    CHECK_INT(p.options.timeout_ns, ==, 10 * NS_PER_S);
    CHECK_INT(p.options.max_document_bytes, ==, 256ull << 20);
}

TEST(every_option_sets_its_field)
{
    struct parsed p;
    parse_well(&p, "--tabs=1024|--size|800x600|--page|3|--zoom=2.5|--spawn|exec");
    CHECK_INT(p.options.n_tabs, ==, 1024);
    CHECK_INT(p.options.width_px, ==, 800);
    CHECK_INT(p.options.height_px, ==, 600);
    CHECK_INT(p.options.page, ==, 2);
    CHECK(p.options.zoom == 2.5f);
    CHECK_INT(p.options.spawn, ==, SPAWN_EXEC);
    CHECK_INT(p.options.n_spares, ==, 2);

    parse_well(&p, "--memory|64|--timeout|0.25|--max-document=4096|--require-level|3|--spares|0");
    CHECK_INT(p.options.memory_bytes, ==, 64ull << 20);
    CHECK_INT(p.options.timeout_ns, ==, NS_PER_S / 4);
    CHECK_INT(p.options.max_document_bytes, ==, 4096ull << 20);
    CHECK_INT(p.options.require_level, ==, 3);

    parse_well(&p, "--stay|--json|--snapshot|out dir|--view|auto");
    CHECK(p.options.stay && p.options.json);
    CHECK_STR(p.options.snapshot_dir, "out dir");

    parse_well(&p, "--sandbox-status");
    CHECK_INT(p.options.mode, ==, MODE_SANDBOX_STATUS);
}

TEST(what_one_option_implies_for_another)
{
    struct parsed p;
    parse_well(&p, "--json");
    CHECK_INT(p.options.view, ==, VIEW_NONE);
    parse_well(&p, "--snapshot|x");
    CHECK_INT(p.options.view, ==, VIEW_NONE);
    parse_well(&p, "--view|auto|--json");
    CHECK_INT(p.options.view, ==, VIEW_AUTO);
    parse_well(&p, "--spares|5|--spawn|exec");
    CHECK_INT(p.options.n_spares, ==, 5);
    parse_well(&p, "--spawn|exec|--spares|0");
    CHECK_INT(p.options.n_spares, ==, 0);
    parse_well(&p, "--spawn|exec|--spawn|zygote");
    CHECK_INT(p.options.n_spares, ==, 0);
}

TEST(the_last_one_counts)
{
    struct parsed p;
    parse_well(&p, "--tabs|3|--tabs=4|--snapshot|a|--snapshot|b");
    CHECK_INT(p.options.n_tabs, ==, 4);
    CHECK_STR(p.options.snapshot_dir, "b");
}

TEST(files_and_options_in_any_order)
{
    struct parsed p;
    parse_well(&p, "a.pdf|--json|-|--tabs|2|b c.html|--|--tabs|--");
    REQUIRE(p.options.n_files == 5);
    CHECK_STR(p.options.files[0], "a.pdf");
    CHECK_STR(p.options.files[1], "-");
    CHECK_STR(p.options.files[2], "b c.html");
    CHECK_STR(p.options.files[3], "--tabs");
    CHECK_STR(p.options.files[4], "--");
    CHECK_INT(p.options.n_tabs, ==, 2);
}

TEST(help_and_version_end_the_parsing)
{
    struct parsed p;
    parse_well(&p, "--tabs|2|--help|--nonsense");
    CHECK_INT(p.options.mode, ==, MODE_HELP);
    parse_well(&p, "--version|--tabs|0");
    CHECK_INT(p.options.mode, ==, MODE_VERSION);
    parse_well(&p, "--view|window|--help");
    CHECK_INT(p.options.mode, ==, MODE_HELP);
}

TEST(mistakes_are_told_in_one_line)
{
    static const struct {
        const char *words;
        const char *error;
    } rows[] = {
        {"--tabs|0", "--tabs 0: expected a whole number from 1 to 1024"},
        {"--tabs|1025", "--tabs 1025: expected a whole number from 1 to 1024"},
        {"--tabs|-1", "--tabs -1: expected a whole number from 1 to 1024"},
        {"--tabs|8x", "--tabs 8x: expected a whole number from 1 to 1024"},
        {"--tabs| 8", "--tabs  8: expected a whole number from 1 to 1024"},
        {"--tabs=", "--tabs \"\": expected a whole number from 1 to 1024"},
        {"--tabs|18446744073709551617", "--tabs 18446744073709551617: expected a whole number from 1 to 1024"},
        {"--tabs", "--tabs needs a value: --tabs N"},
        {"--snapshot|--json", "--snapshot needs a value: --snapshot DIR"},
        {"--snapshot=", "--snapshot \"\": expected a folder"},
        {"--json=yes", "--json takes no value"},
        {"--size|0x5", "--size 0x5: expected WIDTHxHEIGHT in pixels, each from 1 to 16384"},
        {"--size|5", "--size 5: expected WIDTHxHEIGHT in pixels, each from 1 to 16384"},
        {"--size|5x", "--size 5x: expected WIDTHxHEIGHT in pixels, each from 1 to 16384"},
        {"--size|5x6x7", "--size 5x6x7: expected WIDTHxHEIGHT in pixels, each from 1 to 16384"},
        {"--size|1x16385", "--size 1x16385: expected WIDTHxHEIGHT in pixels, each from 1 to 16384"},
        {"--size|16384x16384", "--size 16384x16384: expected at most 67 million pixels"},
        {"--page|0", "--page 0: expected a whole number from 1 to 4294967295"},
        {"--zoom|0.04", "--zoom 0.04: expected a number from 0.05 to 20"},
        {"--zoom|inf", "--zoom inf: expected a number from 0.05 to 20"},
        {"--zoom|1e1", "--zoom 1e1: expected a number from 0.05 to 20"},
        {"--zoom|.", "--zoom .: expected a number from 0.05 to 20"},
        {"--spares|65", "--spares 65: expected a whole number from 0 to 64"},
        {"--memory|63", "--memory 63: expected a whole number of MB from 64 to 65536"},
        {"--timeout|0.05", "--timeout 0.05: expected a number of seconds from 0.1 to 86400"},
        {"--timeout|86401", "--timeout 86401: expected a number of seconds from 0.1 to 86400"},
        {"--max-document|0", "--max-document 0: expected a whole number of MB from 1 to 4096"},
        {"--require-level|1", "--require-level 1: expected 2 or 3 (--sandbox-status shows this machine's)"},
        {"--spawn|fork", "--spawn fork: expected zygote or exec"},
        {"--view|x", "--view x: expected auto, window, terminal or none"},
        {"-|a|-", "- given twice: standard input can be read only once"},
        {"--tbas|3", "unknown option --tbas; the nearest is --tabs (--help lists them all)"},
        {"--tab=3", "unknown option --tab; the nearest is --tabs (--help lists them all)"},
        {"--snap|x", "unknown option --snap; the nearest is --snapshot (--help lists them all)"},
        {"--max-docment|3", "unknown option --max-docment; the nearest is --max-document (--help lists them all)"},
        {"--snadbox-status", "unknown option --snadbox-status; the nearest is --sandbox-status "
                             "(--help lists them all)"},
        {"-h", "unknown option -h; the nearest is --help (--help lists them all)"},
        {"--he\033[31mlp", "unknown option --he\\e[31mlp; the nearest is --help (--help lists them all)"},
        {"--spawn|a\nb", "--spawn a\\nb: expected zygote or exec"},
        {"--port|1", "--port 1: expected A:B, the numbers of two tabs: 1:2"},
        {"--port|:2", "--port :2: expected A:B, the numbers of two tabs: 1:2"},
        {"--port|1:", "--port 1:: expected A:B, the numbers of two tabs: 1:2"},
        {"--port|0:1", "--port 0:1: expected A:B, the numbers of two tabs: 1:2"},
        {"--port|1:1025", "--port 1:1025: expected A:B, the numbers of two tabs: 1:2"},
        {"--port|1:2:3", "--port 1:2:3: expected A:B, the numbers of two tabs: 1:2"},
        {"--port|1:-2", "--port 1:-2: expected A:B, the numbers of two tabs: 1:2"},
        {"--port|2:2", "--port 2:2: expected two different tabs"},
        {"--port|1:2", "--port 1:2: there is no tab 2; expected 1 to 1, or --tabs 2"},
        {"--tabs|3|--port|4:1", "--port 4:1: there is no tab 4; expected 1 to 3, or --tabs 4"},
        {"--latency|--port|1:2", "--latency and --port do not go together"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct parsed p;
        parse(&p, rows[i].words);
        if (p.status != EXIT_STATUS_USAGE)
            FAIL("\"%s\": status %d", rows[i].words, p.status);
        CHECK_STR(p.error, rows[i].error);
    }
}

TEST(what_is_not_built_says_so)
{
    static const char *const later[] = {"--symbols", "--allow-folder"};
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "%s is not built yet", later[i]);
        struct parsed p;
        parse(&p, later[i]);
        CHECK_INT(p.status, ==, EXIT_STATUS_USAGE);
        CHECK_STR(p.error, expected);
    }
}

TEST(the_containment_table)
{
    struct parsed p;
    parse(&p, "--containment");
    CHECK_INT(p.status, ==, 0);
    CHECK_INT(p.options.mode, ==, MODE_CONTAINMENT);
    CHECK_INT(p.options.timeout_ns, ==, NS_PER_S);
    parse(&p, "--containment|--timeout|3|--spawn|exec");
    CHECK_INT(p.options.timeout_ns, ==, 3 * NS_PER_S);
    CHECK_INT(p.options.spawn, ==, SPAWN_EXEC);
    parse(&p, "--containment|a.html|b.html");
    CHECK_INT(p.status, ==, EXIT_STATUS_USAGE);
    CHECK_STR(p.error, "--containment shows nothing: leave out the files");
    parse(&p, "--containment=yes");
    CHECK_INT(p.status, ==, EXIT_STATUS_USAGE);
}

TEST(a_view_that_cannot_be_had)
{
    struct parsed p;
    parse(&p, "--view|window");
    CHECK_INT(p.status, ==, EXIT_STATUS_BROKER);
    CHECK(strstr(p.error, "--view window cannot be had"));
    parse(&p, "--view=terminal|--json");
    CHECK_INT(p.status, ==, EXIT_STATUS_BROKER);
    parse(&p, "--view|window|--tabs|0"); /* a mistake is told first */
    CHECK_INT(p.status, ==, EXIT_STATUS_USAGE);
}

TEST(too_many_files)
{
    static char *words[OPTIONS_MAX_TABS + 3];
    words[0] = program;
    for (int n_files = OPTIONS_MAX_TABS; n_files <= OPTIONS_MAX_TABS + 1; n_files++) {
        for (int i = 1; i <= n_files; i++)
            words[i] = a_file;
        words[n_files + 1] = NULL;
        struct options options;
        char error[128] = "";
        int status = options_parse(n_files + 1, words, &options, error, sizeof error);
        CHECK_INT(status, ==, n_files > OPTIONS_MAX_TABS ? EXIT_STATUS_USAGE : 0);
    }
}

TEST(a_long_mistake_is_cut)
{
    char word[4096];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    memcpy(word, "--", 2);
    char *words[] = {program, word, NULL};
    struct options options;
    char error[300];
    CHECK_INT(options_parse(2, words, &options, error, sizeof error), ==, EXIT_STATUS_USAGE);
    CHECK(strstr(error, "the nearest is"));
}

TEST(help_fits_eighty_columns)
{
    char *text = NULL;
    size_t n_text = 0;
    FILE *out = open_memstream(&text, &n_text);
    REQUIRE(out);
    options_print_help(out);
    fclose(out);

    CHECK(strstr(text, "--tabs N"));
    CHECK(strstr(text, "--inject"));
    char *rest = text, *line;
    while ((line = strsep(&rest, "\n"))) {
        size_t n_columns = 0;
        for (const char *c = line; *c; c++)
            n_columns += ((unsigned char)*c & 0xc0) != 0x80;
        if (n_columns > 80)
            FAIL("%zu columns: %s", n_columns, line);
    }
    free(text);
}

TEST(version_names_the_engines)
{
    char *text = NULL;
    size_t n_text = 0;
    FILE *out = open_memstream(&text, &n_text);
    REQUIRE(out);
    options_print_version(out);
    fclose(out);
    CHECK(strstr(text, "scene"));
    CHECK(strstr(text, "AGPL-3.0-or-later"));
    free(text);
}

TEST(a_port_between_tabs)
{
    struct parsed p;
    parse_well(&p, "a|b");
    CHECK_INT(p.options.port_tabs[0], ==, 0);
    parse_well(&p, "--port|2:1|a|b");
    CHECK_INT(p.options.port_tabs[0], ==, 2);
    CHECK_INT(p.options.port_tabs[1], ==, 1);
}

TEST(faults_on_purpose_and_reports)
{
    struct parsed p;
    parse_well(&p, "");
    CHECK(p.options.crash_dir == NULL && p.options.n_injections == 0 && p.options.chaos.duration_ns == 0);

    parse_well(&p, "--tabs|3|--inject|abort|--inject=hang-loop@3:250|--crash-dir|my reports");
    REQUIRE(p.options.n_injections == 2);
    CHECK_INT(p.options.injections[0].plan.fault, ==, INJECT_ABORT);
    CHECK_INT(p.options.injections[0].tab, ==, 1);
    CHECK_INT(p.options.injections[1].plan.fault, ==, INJECT_HANG_LOOP);
    CHECK_INT(p.options.injections[1].tab, ==, 3);
    CHECK_INT(p.options.injections[1].delay_ns, ==, 250 * NS_PER_MS);
    CHECK_STR(p.options.crash_dir, "my reports");
    CHECK_INT(p.options.timeout_ns, ==, 10 * NS_PER_S);

    parse_well(&p, "--inject|abort@2|a|b"); /* as many tabs as files */
    parse_well(&p, "--inject|list");
    CHECK_INT(p.options.mode, ==, MODE_INJECT_LIST);
    parse_well(&p, "--inject|list|--nonsense");
    CHECK_INT(p.options.mode, ==, MODE_INJECT_LIST);
}

TEST(chaos_has_a_timeout_of_its_own)
{
    struct parsed p;
    parse_well(&p, "--chaos|2.5:42");
    CHECK_INT(p.options.chaos.duration_ns, ==, 5 * NS_PER_S / 2);
    CHECK_INT(p.options.chaos.seed, ==, 42);
    CHECK(p.options.chaos.has_seed);
    CHECK_INT(p.options.timeout_ns, ==, NS_PER_S);
    parse_well(&p, "--timeout|10|--chaos|5");
    CHECK_INT(p.options.timeout_ns, ==, 10 * NS_PER_S);
    CHECK(!p.options.chaos.has_seed);
    parse_well(&p, "--chaos|5|--chaos|6:1");
    CHECK_INT(p.options.chaos.duration_ns, ==, 6 * NS_PER_S);
}

TEST(mistakes_about_faults)
{
    static const struct {
        const char *words, *error;
    } rows[] = {
        {"--inject", "--inject needs a value: --inject KIND[@TAB][:MS]"},
        {"--chaos", "--chaos needs a value: --chaos SECONDS[:SEED]"},
        {"--crash-dir", "--crash-dir needs a value: --crash-dir DIR"},
        {"--crash-dir=", "--crash-dir \"\": expected a folder"},
        {"--inject|abrot", "--inject abrot: unknown kind; the nearest is abort (--inject list names them all)"},
        {"--inject|abort@3", "--inject abort@3: there is no tab 3; expected 1 to 1, or --tabs 3"},
        {"--inject|abort@3|a|b", "--inject abort@3: there is no tab 3; expected 1 to 2, or --tabs 3"},
        {"--inject|abort|--chaos|5", "--inject and --chaos do not go together: take one of them"},
        {"--chaos|5|--inject|abort", "--inject and --chaos do not go together: take one of them"},
        {"--choas|5", "unknown option --choas; the nearest is --chaos (--help lists them all)"},
        {"--crashdir|x", "unknown option --crashdir; the nearest is --crash-dir (--help lists them all)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct parsed p;
        parse(&p, rows[i].words);
        if (p.status != EXIT_STATUS_USAGE)
            FAIL("\"%s\": status %d", rows[i].words, p.status);
        CHECK_STR(p.error, rows[i].error);
    }
}

TEST(too_many_faults)
{
    static char option[] = "--inject", kind[] = "abort";
    static char *words[2 * OPTIONS_MAX_INJECTIONS + 4];
    for (int n = OPTIONS_MAX_INJECTIONS; n <= OPTIONS_MAX_INJECTIONS + 1; n++) {
        words[0] = program;
        for (int i = 0; i < n; i++) {
            words[1 + 2 * i] = option;
            words[2 + 2 * i] = kind;
        }
        words[2 * n + 1] = NULL;
        static struct options options;
        char error[128] = "";
        const int status = options_parse(2 * n + 1, words, &options, error, sizeof error);
        CHECK_INT(status, ==, n > OPTIONS_MAX_INJECTIONS ? EXIT_STATUS_USAGE : 0);
        CHECK(status == 0 || strstr(error, "at most 256") != NULL);
    }
}

TEST(what_is_measured)
{
    struct parsed p;
    parse_well(&p, "--latency");
    CHECK_INT(p.options.mode, ==, MODE_LATENCY);
    const struct options_latency *latency = &p.options.latency;
    CHECK(latency->n_messages == 0 && !latency->has_payload && !latency->only && !latency->report_path &&
          !latency->compare_path && !latency->list);

    parse_well(&p,
               "--json|--messages|1000000|--payload=0|--only|pipe,tcp|--latency|--report|a b.html|--compare=x.json");
    CHECK_INT(latency->n_messages, ==, 1000000);
    CHECK(latency->has_payload && latency->payload_bytes == 0 && p.options.json);
    CHECK_STR(latency->only, "pipe,tcp");
    CHECK_STR(latency->report_path, "a b.html");
    CHECK_STR(latency->compare_path, "x.json");

    parse_well(&p, "--latency|--list|--payload|1024|--only|x");
    CHECK(latency->list);
    parse_well(&p, "--latency|--spawn|exec|--memory|64|--require-level|3");
    CHECK_INT(p.options.mode, ==, MODE_LATENCY);
}

TEST(mistakes_about_measuring)
{
    static const struct {
        const char *words, *error;
    } rows[] = {
        {"--messages|5", "--messages belongs to --latency: broker --latency --messages N"},
        {"a|--report=x", "--report belongs to --latency: broker --latency --report FILE"},
        {"--list", "--list belongs to --latency: broker --latency --list"},
        {"--latency|--tabs|2", "--latency and --tabs do not go together"},
        {"--snapshot|x|--latency", "--latency and --snapshot do not go together"},
        {"--sandbox-status|--latency", "--latency and --sandbox-status do not go together"},
        {"--latency|--sandbox-status", "--latency and --sandbox-status do not go together"},
        {"--latency|a.pdf", "--latency measures and shows nothing: leave out the file"},
        {"--latency|a.pdf|b.pdf", "--latency measures and shows nothing: leave out the files"},
        {"--latency|--list|--json", "--list measures nothing: leave out --json"},
        {"--latency|--list|--messages|1", "--list measures nothing: leave out --messages"},
        {"--latency|--list|--report|x", "--list measures nothing: leave out --report"},
        {"--latency|--compare|x|--list", "--list measures nothing: leave out --compare"},
        {"--latency|--messages|0", "--messages 0: expected a whole number from 1 to 1000000000"},
        {"--latency|--payload|16777217", "--payload 16777217: expected a whole number of bytes from 0 to 16777216"},
        {"--latency|--only=", "--only \"\": expected names (--latency --list shows them)"},
        {"--latency|--report=", "--report \"\": expected a file to write"},
        {"--latency|--compare=", "--compare \"\": expected the output of an earlier --latency --json"},
        {"--latncy", "unknown option --latncy; the nearest is --latency (--help lists them all)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct parsed p;
        parse(&p, rows[i].words);
        if (p.status != EXIT_STATUS_USAGE)
            FAIL("\"%s\": status %d", rows[i].words, p.status);
        CHECK_STR(p.error, rows[i].error);
    }
}
