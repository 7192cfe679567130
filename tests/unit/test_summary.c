/* What people read: columns that line up, lines that fit, and nothing of a document's reaching the terminal raw. */
#include "broker/summary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/test.h"

#define ALL_LAYERS (LAYER_BIT(LAYER_COUNT) - 1)

static const struct summary_style plain = {.columns = 0, .colour = false};
static const struct summary_totals totals = {.level = 3, .all_live_ns = 61 * NS_PER_MS, .pss_kb = 34 * 1024};

static const struct summary_tab live = {
    .number = 1,
    .state = "live",
    .kind = "pdf",
    .pages = 12,
    .pid = 4242,
    .spawn_ns = 812 * NS_PER_US,
    .first_frame_ns = 12 * NS_PER_MS,
    .pss_kb = 3482,
    .layers = ALL_LAYERS,
    .document = "some/where/report.pdf",
    .live = true,
};
static const struct summary_tab failed = {
    .number = 1000,
    .state = "failed",
    .document = "some/where/with/a/name/that/takes/room/broken.pdf",
    .reason = "broken: no header",
    .failed = true,
};

/* The caller frees. */
static char *print(const struct summary_style *style, const struct summary_tab *tabs, size_t n_tabs)
{
    char *text = NULL;
    size_t n_text = 0;
    FILE *out = open_memstream(&text, &n_text);
    REQUIRE(out);
    summary_print(out, style, tabs, n_tabs, &totals);
    fclose(out);
    return text;
}

static char *next_line(char **rest)
{
    char *line = strsep(rest, "\n");
    REQUIRE(line);
    return line;
}

TEST(columns_line_up)
{
    const struct summary_tab tabs[] = {live, failed};
    char *text = print(&plain, tabs, 2), *rest = text;
    CHECK_STR(next_line(&rest), " tab  state   kind  pages   pid  spawn  frame  memory  layers  document");
    CHECK_STR(next_line(&rest), "   1  live    pdf      12  4242  0.8ms   12ms   3.4MB   18/18  some/where/report.pdf");
    const char *line = next_line(&rest);
    const size_t indent = strlen(" tab  state   kind  pages   pid  spawn  frame  memory  layers  ");
    REQUIRE(strlen(line) > indent);
    CHECK(strncmp(line, "1000  failed  ", 14) == 0);
    CHECK_STR(line + indent, "some/where/with/a/name/that/takes/room/broken.pdf: broken: no header");
    free(text);
}

TEST(lines_fit_the_terminal)
{
    const struct summary_tab tabs[] = {live,
                                       failed,
                                       {.number = 2,
                                        .state = "live",
                                        .kind = "jpeg2000",
                                        .pages = 100000,
                                        .pid = 4194304,
                                        .spawn_ns = NS_PER_S,
                                        .first_frame_ns = 90 * NS_PER_S,
                                        .pss_kb = 99999999,
                                        .layers = ALL_LAYERS,
                                        .document = "目录/文件名很长很长很长很长很长很长很长很长.pdf",
                                        .live = true}};
    for (unsigned columns = 50; columns <= 200; columns += 10) {
        const struct summary_style style = {.columns = columns};
        char *text = print(&style, tabs, 3), *rest = text;
        bool has_reason = false, has_total = false;
        while (rest && !has_total) { /* the total, which ends it, may be longer */
            char *line = next_line(&rest);
            has_reason = has_reason || strstr(line, "broken: no header");
            has_total = strstr(line, " tabs live");
            size_t width = text_fit_columns(line, SIZE_MAX);
            if (!has_total && width > columns)
                FAIL("%zu columns of %u: %s", width, columns, line);
        }
        CHECK(has_reason && has_total);
        free(text);
    }
}

TEST(a_narrow_line_keeps_name_and_reason)
{
    const struct summary_style style = {.columns = 60};
    char *text = print(&style, &failed, 1);
    CHECK(strstr(text, " broken.pdf\n      broken: no header\n"));
    CHECK(!strstr(text, "some/where"));
    CHECK(!strstr(text, "layers"));
    free(text);
}

static void check_total(const struct summary_tab *tabs, size_t n_tabs, const char *expected)
{
    char *text = print(&plain, tabs, n_tabs);
    text[strlen(text) - 1] = '\0';
    const char *last = strrchr(text, '\n');
    REQUIRE(last);
    CHECK_STR(last + 1, expected);
    free(text);
}

TEST(the_total_adds_up)
{
    struct summary_tab tabs[4] = {live, live, live, failed};
    tabs[1].first_frame_ns = 10 * NS_PER_MS;
    tabs[2].first_frame_ns = 400 * NS_PER_MS;
    check_total(tabs, 1, "1 tab live in 1 process, level 3, first frame 12 ms, all after 61 ms, 34 MB together");
    check_total(tabs, 2,
                "2 tabs live in 2 processes, level 3, first frame 11 ms median, all after 61 ms, "
                "34 MB together");
    check_total(tabs, 3,
                "3 tabs live in 3 processes, level 3, first frame 12 ms median, all after 61 ms, "
                "34 MB together");
    check_total(tabs, 4,
                "3 of 4 tabs live in 3 processes, 1 failed, level 3, first frame 12 ms median, "
                "the last after 61 ms, 34 MB together");
}

TEST(nothing_known_is_nothing_claimed)
{
    char *text = NULL;
    size_t n_text = 0;
    FILE *out = open_memstream(&text, &n_text);
    REQUIRE(out);
    summary_print(out, &plain, &failed, 1, &(struct summary_totals){0});
    fclose(out);
    CHECK(strstr(text, "\n0 of 1 tab live in 0 processes, 1 failed\n"));
    free(text);
}

TEST(hostile_names_stay_names)
{
    struct summary_tab tab = live;
    tab.document = "a\033]0;x\a\nb\xff.pdf";
    tab.reason = "\033[2J\r\xe2\x80\xae";
    char *text = print(&plain, &tab, 1);
    size_t n_lines = 0;
    for (const char *c = text; *c; c++) {
        n_lines += *c == '\n';
        CHECK(*c == '\n' || ((unsigned char)*c >= 0x20 && *c != 0x7f));
    }
    CHECK_INT(n_lines, ==, 3);
    CHECK(strstr(text, "a\\e]0;x"));
    CHECK(!strstr(text, "\xe2\x80\xae"));
    free(text);
}

TEST(colour_only_when_asked)
{
    const struct summary_style coloured = {.columns = 100, .colour = true};
    char *text = print(&coloured, &live, 1);
    CHECK(strstr(text, "\033[32mlive\033[0m"));
    free(text);
    text = print(&plain, &live, 1);
    CHECK(!strchr(text, '\033'));
    free(text);
}

/* ---- the sandbox ---------------------------------------------------------------------------------------- */

static char *status(const struct summary_style *style, uint32_t layers, const uint8_t *layer_errno)
{
    char *text = NULL;
    size_t n_text = 0;
    FILE *out = open_memstream(&text, &n_text);
    REQUIRE(out);
    summary_sandbox_status(out, style, layers, layer_errno);
    fclose(out);
    return text;
}

TEST(each_layer_has_its_row)
{
    uint8_t layer_errno[LAYER_COUNT] = {[LAYER_MSEAL] = ENOSYS};
    char *text = status(&plain, ALL_LAYERS & ~LAYER_BIT(LAYER_MSEAL), layer_errno);
    for (unsigned i = 0; i < LAYER_COUNT; i++) {
        char row[64];
        snprintf(row, sizeof row, "\n  %-16s  %s", layer_name((enum layer)i), i == LAYER_MSEAL ? "no" : "yes");
        if (!strstr(text, row))
            FAIL("no row of %s", layer_name((enum layer)i));
    }
    CHECK(strstr(text, layer_advice(LAYER_MSEAL, ENOSYS)));
    CHECK(strstr(text, "\nlevel 3: "));
    free(text);
}

TEST(the_level_is_what_the_layers_make)
{
    uint8_t layer_errno[LAYER_COUNT] = {[LAYER_USER_NS] = EPERM};
    char *text = status(&plain, LAYERS_LEVEL_2, layer_errno);
    CHECK(strstr(text, "\nlevel 2: "));
    CHECK(strstr(text, layer_advice(LAYER_USER_NS, EPERM)));
    free(text);
    text = status(&plain, LAYERS_LEVEL_2 & ~LAYER_BIT(LAYER_SECCOMP), layer_errno);
    CHECK(strstr(text, "\nlevel 0: "));
    free(text);
}

TEST(advice_fits_the_terminal)
{
    const struct summary_style style = {.columns = 80};
    uint8_t layer_errno[LAYER_COUNT];
    memset(layer_errno, EPERM, sizeof layer_errno);
    char *text = status(&style, 0, layer_errno), *rest = text, *line;
    while ((line = strsep(&rest, "\n")))
        CHECK_INT(text_fit_columns(line, SIZE_MAX), <=, 80);
    free(text);
}

/* ---- terminals ------------------------------------------------------------------------------------------ */

struct terminal {
    int controller;
    FILE *stream;
};

static void terminal_open(struct terminal *terminal)
{
    terminal->controller = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal->controller < 0)
        SKIP("no pseudo terminals here");
    REQUIRE(grantpt(terminal->controller) == 0 && unlockpt(terminal->controller) == 0);
    int fd = open(ptsname(terminal->controller), O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    terminal->stream = fdopen(fd, "r+");
    REQUIRE(terminal->stream);
    REQUIRE(fcntl(terminal->controller, F_SETFL, O_NONBLOCK) == 0);
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
}

static void terminal_close(struct terminal *terminal)
{
    fclose(terminal->stream);
    close(terminal->controller);
}

/* What has been printed since the last look. */
static const char *terminal_read(struct terminal *terminal)
{
    static char text[512];
    ssize_t n = read(terminal->controller, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

TEST(style_is_the_terminals)
{
    struct terminal terminal;
    terminal_open(&terminal);
    struct summary_style style = summary_style_of(terminal.stream);
    CHECK_INT(style.columns, ==, 80); /* a new terminal does not tell */
    CHECK(style.colour);
    struct winsize size = {.ws_row = 40, .ws_col = 132};
    REQUIRE(ioctl(terminal.controller, TIOCSWINSZ, &size) == 0);
    CHECK_INT(summary_style_of(terminal.stream).columns, ==, 132);
    setenv("NO_COLOR", "1", 1);
    CHECK(!summary_style_of(terminal.stream).colour);
    unsetenv("NO_COLOR");
    setenv("TERM", "dumb", 1);
    CHECK(!summary_style_of(terminal.stream).colour);
    terminal_close(&terminal);

    FILE *file = tmpfile();
    REQUIRE(file);
    CHECK_INT(summary_style_of(file).columns, ==, 0);
    CHECK(!summary_style_of(file).colour);
    fclose(file);
}

TEST(progress_is_one_line_rewritten_now_and_then)
{
    struct terminal terminal;
    terminal_open(&terminal);
    struct summary_progress progress;
    summary_progress_init(&progress, terminal.stream, 1024);
    summary_progress_update(&progress, 1, 0, NS_PER_S);
    CHECK_STR(terminal_read(&terminal), "\ropened 1 of 1024\033[K");
    summary_progress_update(&progress, 2, 0, NS_PER_S + 99 * NS_PER_MS);
    CHECK_STR(terminal_read(&terminal), "");
    summary_progress_update(&progress, 312, 3, NS_PER_S + 100 * NS_PER_MS);
    CHECK_STR(terminal_read(&terminal), "\ropened 312 of 1024, 3 failed\033[K");
    summary_progress_clear(&progress);
    CHECK_STR(terminal_read(&terminal), "\r\033[K");
    summary_progress_clear(&progress);
    CHECK_STR(terminal_read(&terminal), "");
    summary_progress_update(&progress, 313, 3, NS_PER_S + 101 * NS_PER_MS); /* the line had to give way: again */
    CHECK_STR(terminal_read(&terminal), "\ropened 313 of 1024, 3 failed\033[K");

    summary_progress_init(&progress, terminal.stream, 8);
    summary_progress_update(&progress, 1, 0, NS_PER_S);
    CHECK_STR(terminal_read(&terminal), "");
    terminal_close(&terminal);
}

TEST(no_progress_into_a_file)
{
    FILE *file = tmpfile();
    REQUIRE(file);
    struct summary_progress progress;
    summary_progress_init(&progress, file, 1024);
    summary_progress_update(&progress, 1, 0, NS_PER_S);
    summary_progress_clear(&progress);
    CHECK_INT(ftell(file), ==, 0);
    fclose(file);
}

TEST(chaos_is_shown_whatever_the_number_of_tabs)
{
    struct terminal terminal;
    terminal_open(&terminal);
    struct summary_progress progress;
    summary_progress_init(&progress, terminal.stream, 1);
    summary_progress_chaos(&progress, 7, 0, 1200 * NS_PER_MS, NS_PER_S);
    CHECK_STR(terminal_read(&terminal), "\r1.2 s: 7 faults, 0 told wrong\033[K");
    summary_progress_chaos(&progress, 8, 1, 1250 * NS_PER_MS, NS_PER_S + 99 * NS_PER_MS);
    CHECK_STR(terminal_read(&terminal), "");
    summary_progress_chaos(&progress, 9, 1, 1300 * NS_PER_MS, NS_PER_S + 100 * NS_PER_MS);
    CHECK_STR(terminal_read(&terminal), "\r1.3 s: 9 faults, 1 told wrong\033[K");
    summary_progress_clear(&progress);
    CHECK_STR(terminal_read(&terminal), "\r\033[K");
    terminal_close(&terminal);

    FILE *file = tmpfile();
    REQUIRE(file);
    summary_progress_init(&progress, file, 1024);
    summary_progress_chaos(&progress, 7, 0, 1, NS_PER_S);
    CHECK_INT(ftell(file), ==, 0);
    fclose(file);
}
