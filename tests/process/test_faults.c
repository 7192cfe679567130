/* Faults on purpose: each row of the list by command line, with neighbours that must not notice; and chaos. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/crash.h"
#include "common/fd.h"
#include "common/inject.h"
#include "common/wire.h"
#include "tests/process/run.h"
#include "tests/test.h"

#define SIZE "160x120"

/* What the list says, as this test reads it: detail is the name of a signal or a call, or a number. */
struct row {
    const char *kind;
    enum verdict verdict;
    const char *detail;
    int number;
};

enum { SYS_openat2 = 0, SYS_socket = 0, SYS_execve = 0, SYS_ptrace = 0, SYS_clone = 0, SYS_dup = 0, SYS_ftruncate = 0 };

static const struct row rows[] = {
#define X(id, name, verdict, detail, moment) {name, VERDICT_##verdict, #detail, detail},
    INJECTIONS(X)
#undef X
};
#define N_ROWS (sizeof rows / sizeof rows[0])

static const struct row *row_of(const char *kind)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        if (strcmp(rows[i].kind, kind) == 0)
            return &rows[i];
    }
    FAIL("%s is not in the list", kind);
    return &rows[0];
}

/* A sanitizer's runtime answers signals and full memory in its own way. */
static bool is_to_be_had(const struct row *row)
{
#ifdef VITRINE_SANITIZED
    return row->verdict != VERDICT_SIGNAL && row->verdict != VERDICT_MEMORY;
#else
    (void)row;
    return true;
#endif
}

static void say_what_is_left_out(void)
{
#ifdef VITRINE_SANITIZED
    printf("  left out: faults that end as signals or as full memory, which are the sanitizer's here\n");
#endif
}

/* ---- what a fault must lead to ------------------------------------------------------------------------------------------ */

static const char *verdict_word(enum verdict verdict)
{
    static const char *const words[] = {
        [VERDICT_NONE] = "none",         [VERDICT_SIGNAL] = "signal", [VERDICT_VIOLATION] = "violation",
        [VERDICT_PROTOCOL] = "protocol", [VERDICT_HANG] = "hang",     [VERDICT_MEMORY] = "memory",
        [VERDICT_EXIT] = "exit",         [VERDICT_KILLED] = "killed",
    };
    return words[verdict];
}

static void check_text(const struct row *row, const struct event *event, const char *field, const char *expected)
{
    if (strcmp(event_text(event, field), expected) != 0)
        FAIL("%s: %s is %s, not %s", row->kind, field, event_text(event, field), expected);
}

static void check_detail(const struct row *row, const struct event *event)
{
    char text[64];
    switch (row->verdict) {
    case VERDICT_SIGNAL:
        check_text(row, event, "signal", row->detail);
        return;
    case VERDICT_VIOLATION:
        if (strcmp(row->detail, "0") != 0)
            check_text(row, event, "syscall", row->detail + strlen("SYS_"));
        else if (strcmp(event_text(event, "syscall"), "null") == 0)
            FAIL("%s: no call is named", row->kind);
        return;
    case VERDICT_PROTOCOL:
        snprintf(text, sizeof text, "%d %s", row->number, message_fault_name((enum message_fault)row->number));
        check_text(row, event, "reason", text);
        return;
    case VERDICT_EXIT:
        snprintf(text, sizeof text, "left by itself with exit status %d", row->number);
        check_text(row, event, "detail", text);
        return;
    case VERDICT_KILLED:
        check_text(row, event, "signal", "SIGKILL");
        return;
    case VERDICT_HANG:
        CHECK_INT(event_number(event, "detected_us"), >=, 100000);
        return;
    case VERDICT_MEMORY:
    case VERDICT_NONE:
        return;
    }
}

static void check_crash(const struct row *row, const struct event *event)
{
    check_text(row, event, "verdict", verdict_word(row->verdict));
    check_detail(row, event);
    check_text(row, event, "injected", row->kind);
    check_text(row, event, "as_expected", "true");
    if (event_number(event, "detected_us") < 0)
        FAIL("%s: when it fell is not told: %.*s", row->kind, (int)event->n, event->line);
    if (row->verdict != VERDICT_HANG && event_number(event, "detected_us") > 500000)
        FAIL("%s: noticed after %lld us", row->kind, event_number(event, "detected_us"));
    if (event_number(event, "judged_us") < event_number(event, "detected_us"))
        FAIL("%s: judged before it was noticed: %.*s", row->kind, (int)event->n, event->line);
    if (strlen(event_text(event, "report")) != 8)
        FAIL("%s: report %s", row->kind, event_text(event, "report"));
}

/* All that is told of a tab with one fault. */
static void check_tab(const struct run *run, unsigned tab, const struct row *row)
{
    struct event event;
    const bool survives = row->verdict == VERDICT_NONE;
    const unsigned n_crashes = run_count_of(run, "crash", tab, NULL);
    if (n_crashes != (survives ? 0 : 1))
        FAIL("%s: %u crashes of tab %u", row->kind, n_crashes, tab);
    if (run_event(run, "crash", tab, NULL, &event))
        check_crash(row, &event);
    if (run_count_of(run, "tab", tab, "restarting") != n_crashes)
        FAIL("%s: not told to restart", row->kind);
    if (run_count_of(run, "injected", tab, NULL) != 1 || !run_event(run, "injected", tab, NULL, &event)) {
        FAIL("%s: %u outcomes", row->kind, run_count_of(run, "injected", tab, NULL));
        return;
    }
    check_text(row, &event, "kind", row->kind);
    check_text(row, &event, "right", "true");
    check_text(row, &event, "recovered", "true");
    if (event_number(&event, "recovered_ms") < 0)
        FAIL("%s: %.*s", row->kind, (int)event.n, event.line);
}

static void check_left_in_peace(const struct run *run, unsigned tab, const char *kind)
{
    struct event event;
    if (run_count_of(run, "crash", tab, NULL) != 0 || run_count_of(run, "tab", tab, "restarting") != 0 ||
        run_count_of(run, "tab", tab, "live") != 1 || run_event(run, "refused", tab, NULL, &event))
        FAIL("%s: tab %u noticed", kind, tab);
}

/* ---- pictures -------------------------------------------------------------------------------------------------------------- */

static bool read_picture(const char *folder, unsigned tab, uint8_t *out, size_t n_out, size_t *ret_n)
{
    char path[600];
    snprintf(path, sizeof path, "%s/tab-%03u.png", folder, tab);
    CLOSE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, out, n_out) : -1;
    *ret_n = n > 0 ? (size_t)n : 0;
    return n > 0 && (size_t)n < n_out;
}

static void check_same_pictures(const char *folder, const char *quiet, unsigned n_tabs, const char *kind)
{
    static uint8_t one[1 << 20], other[1 << 20];
    for (unsigned tab = 1; tab <= n_tabs; tab++) {
        size_t n_one, n_other;
        if (!read_picture(folder, tab, one, sizeof one, &n_one) ||
            !read_picture(quiet, tab, other, sizeof other, &n_other))
            FAIL("%s: no picture of tab %u", kind, tab);
        else if (n_one != n_other || memcmp(one, other, n_one) != 0)
            FAIL("%s: tab %u looks different", kind, tab);
    }
}

/* ---- runs ------------------------------------------------------------------------------------------------------------------- */

#define MAX_TABS  8
#define MAX_WORDS 64

struct stand {
    const struct run_setup *setup;
    const char *spawn;
    unsigned n_tabs;
    char documents[MAX_TABS][64];
    char quiet[64], loud[64]; /* folders of pictures: without a fault, with */
};

static int run_stand(const struct stand *stand, struct run *run, const char *folder, const char *const *requests,
                     unsigned n_requests)
{
    const char *words[MAX_WORDS] = {"--json",  "--size",     SIZE,         "--timeout", "0.5",
                                    "--spawn", stand->spawn, "--snapshot", folder};
    size_t n = 9;
    for (unsigned i = 0; i < n_requests; i++) {
        words[n++] = "--inject";
        words[n++] = requests[i];
    }
    for (unsigned i = 0; i < stand->n_tabs; i++)
        words[n++] = stand->documents[i];
    return run_whole(run, stand->setup, words);
}

/* Documents of their own, so that each has a breaker of its own; and how they look when nothing happens. */
static void set_up(struct stand *stand, const struct run_setup *setup, const char *spawn, unsigned n_tabs)
{
    *stand = (struct stand){.setup = setup, .spawn = spawn, .n_tabs = n_tabs};
    for (unsigned i = 0; i < n_tabs; i++) {
        char name[32], text[128];
        snprintf(name, sizeof name, "%u.scene", i + 1);
        snprintf(text, sizeof text, "vitrine-scene\ntitle Number %u\nfigure rings\ntext This is %u\n", i + 1, i + 1);
        snprintf(stand->documents[i], sizeof stand->documents[i], "%s", scratch_file(name, text));
    }
    snprintf(stand->quiet, sizeof stand->quiet, "%s", scratch_path("quiet"));
    snprintf(stand->loud, sizeof stand->loud, "%s", scratch_path("loud"));
    struct run run;
    CHECK_INT(run_stand(stand, &run, stand->quiet, NULL, 0), ==, 0);
    run_finish(&run);
}

/* One fault in the middle of three tabs. */
static void check_one(const struct stand *stand, const struct row *row)
{
    struct run run;
    struct event end;
    char request[64];
    const char *const requests[] = {request};
    snprintf(request, sizeof request, "%s@2", row->kind);
    const int status = run_stand(stand, &run, stand->loud, requests, 1);
    const int n_crashes = row->verdict == VERDICT_NONE ? 0 : 1;
    if (status != n_crashes)
        FAIL("%s: exit status %d: %s", row->kind, status, run.err);
    check_tab(&run, 2, row);
    check_left_in_peace(&run, 1, row->kind);
    check_left_in_peace(&run, 3, row->kind);
    check_same_pictures(stand->loud, stand->quiet, 3, row->kind);
    if (run_event(&run, "end", 0, NULL, &end)) {
        CHECK_INT(event_number(&end, "tabs_live"), ==, 3);
        CHECK_INT(event_number(&end, "crashes"), ==, n_crashes);
    }
    CHECK_INT(run_count(&run, "zygote", NULL), ==, 0);
    run_finish(&run);
}

TEST_WITHIN(every_kind_alone, 180)
{
    struct stand stand;
    set_up(&stand, NULL, "zygote", 3);
    say_what_is_left_out();
    for (size_t i = 0; i < N_ROWS; i++) {
        if (is_to_be_had(&rows[i]))
            check_one(&stand, &rows[i]);
    }
}

/* One of each verdict, and those that need what a level or a way to spawn may lack. */
static const char *const handful[] = {
    "segv-null",    "abort",    "exit-77",    "kill-self",   "syscall-socket", "frame-truncate", "hang-blocked-signals",
    "zero-message", "oom-fast", "frame-race", "title-escape"};
#define N_HANDFUL (sizeof handful / sizeof handful[0])

static void try_handful(const struct run_setup *setup, const char *spawn)
{
    struct stand stand;
    set_up(&stand, setup, spawn, 3);
    say_what_is_left_out();
    for (size_t i = 0; i < N_HANDFUL; i++) {
        if (is_to_be_had(row_of(handful[i])))
            check_one(&stand, row_of(handful[i]));
    }
}

TEST_WITHIN(a_handful_exec, 60)
{
    try_handful(NULL, "exec");
}

static const struct run_setup below = {.without = "userns"};

TEST_WITHIN(a_handful_at_level_2, 60)
{
    try_handful(&below, "zygote");
}

TEST_WITHIN(a_handful_at_level_2_exec, 60)
{
    try_handful(&below, "exec");
}

/* All at once, and each is told as if it were alone. */
static void check_together(const struct run_setup *setup, const char *spawn)
{
    static const char *const kinds[MAX_TABS] = {"exit-0",        "segv-wild",   "slow-reader", "hang-stop",
                                                "message-flood", "double-free", "fork-bomb",   "wrong-serial"};
    struct stand stand;
    struct run run;
    char requests[MAX_TABS][64];
    const char *words[MAX_TABS];
    unsigned n = 0;
    set_up(&stand, setup, spawn, MAX_TABS);
    say_what_is_left_out();
    for (unsigned i = 0; i < MAX_TABS; i++) {
        snprintf(requests[i], sizeof requests[i], "%s@%u:30", kinds[i], i + 1);
        if (is_to_be_had(row_of(kinds[i])))
            words[n++] = requests[i];
    }
    CHECK_INT(run_stand(&stand, &run, stand.loud, words, n), ==, 1);
    for (unsigned i = 0; i < MAX_TABS; i++) {
        if (is_to_be_had(row_of(kinds[i])))
            check_tab(&run, i + 1, row_of(kinds[i]));
        else
            check_left_in_peace(&run, i + 1, kinds[i]);
    }
    check_same_pictures(stand.loud, stand.quiet, MAX_TABS, "all together");
    run_finish(&run);
}

TEST_WITHIN(several_at_once, 60)
{
    check_together(NULL, "zygote");
    check_together(NULL, "exec");
    check_together(&below, "zygote");
}

/* In turn, each when the tab is well again. */
TEST_WITHIN(several_in_one_tab, 60)
{
    static const char *const kinds[] = {"exit-0", "wrong-state", "syscall-socket"};
    struct run run;
    const char *document = scratch_scene("a.scene");
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--size", SIZE, "--inject", "exit-0", "--inject", "wrong-state@1:10",
                        "--inject", "syscall-socket", document),
              ==, 1);
    struct event event;
    unsigned n = 0;
    for (const char *cursor = run.out; event_next(&cursor, &event);) {
        if (!event_is(&event, "injected", 1, NULL))
            continue;
        REQUIRE(n < 3);
        CHECK_STR(event_text(&event, "kind"), kinds[n++]);
        CHECK_STR(event_text(&event, "right"), "true");
        CHECK_STR(event_text(&event, "recovered"), "true");
    }
    CHECK_INT(n, ==, 3);
    CHECK_INT(run_count(&run, "crash", NULL), ==, 3);
    CHECK_INT(run_count(&run, "tab", "live"), ==, 4);
    run_finish(&run);
}

/* So many milliseconds after the picture, and not before. */
TEST_WITHIN(the_delay_is_kept, 60)
{
    struct run run;
    struct event live, crash;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--size", SIZE, "--inject", "exit-77:400", scratch_scene("a.scene")), ==,
              1);
    REQUIRE(run_event(&run, "tab", 1, "live", &live) && run_event(&run, "crash", 1, NULL, &crash));
    CHECK_INT(event_number(&crash, "t_ms") - event_number(&live, "t_ms"), >=, 399);
    CHECK_INT(event_number(&crash, "t_ms") - event_number(&live, "t_ms"), <, 2000);
    run_finish(&run);
}

/* A title that a terminal would obey comes out as text. */
TEST_WITHIN(a_hostile_title_is_escaped, 60)
{
    struct run run;
    struct event event;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--size", SIZE, "--inject", "title-escape", scratch_scene("a.scene")), ==,
              0);
    REQUIRE(run_last_event(&run, "tab", 1, "live", &event));
    CHECK(strstr(event_text(&event, "title"), "31mred") != NULL);
    for (size_t i = 0; i < run.n_out; i++) {
        if ((unsigned char)run.out[i] < ' ' && run.out[i] != '\n')
            FAIL("byte %d on stdout", run.out[i]);
    }
    CHECK(strchr(run.err, '\033') == NULL);
    run_finish(&run);
}

/* A fault that the tab never gets to: it was refused. */
TEST_WITHIN(a_fault_in_a_tab_that_has_no_renderer, 60)
{
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--inject", "abort", scratch_path("missing")), ==, 1);
    CHECK_INT(run_count(&run, "refused", NULL), ==, 1);
    CHECK_INT(run_count(&run, "crash", NULL), ==, 0);
    run_finish(&run);
}

/* ---- the command line -------------------------------------------------------------------------------------------------------- */

TEST_WITHIN(the_list_is_the_lists, 60)
{
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--inject", "list"), ==, 0);
    const char *line = run.out;
    for (size_t i = 0; i < N_ROWS; i++) {
        const size_t n_name = strlen(rows[i].kind);
        const char *word = verdict_word(rows[i].verdict), *rest = line + n_name + strspn(line + n_name, " ");
        if (strncmp(line, rows[i].kind, n_name) != 0 || line[n_name] != ' ' || strncmp(rest, word, strlen(word)) != 0)
            FAIL("line %zu is not of %s: %.*s", i + 1, rows[i].kind, (int)strcspn(line, "\n"), line);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    CHECK_STR(line, "");
    CHECK_STR(run.err, "");
    run_finish(&run);
}

TEST_WITHIN(wrong_words, 60)
{
    static const struct {
        const char *words[4];
        const char *hint;
    } wrong[] = {
        {{"--inject", "segv_null"}, "segv-null"},
        {{"--inject", "abort@0"}, "1 to 1024"},
        {{"--inject", "abort@2"}, "there is no tab 2"},
        {{"--inject", "abort:x"}, "milliseconds"},
        {{"--inject"}, "needs a value"},
        {{"--chaos", "0"}, "SECONDS[:SEED]"},
        {{"--chaos", "5:x"}, "SECONDS[:SEED]"},
        {{"--injekt", "abort"}, "--inject"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct run run;
        const int status = run_whole(&run, NULL, wrong[i].words);
        if (status != 2)
            FAIL("%s %s: exit status %d", wrong[i].words[0], wrong[i].words[1], status);
        run_check_line(&run, wrong[i].hint);
        CHECK_INT(run.n_out, ==, 0);
        run_finish(&run);
    }
}

/* ---- chaos -------------------------------------------------------------------------------------------------------------------- */

static void skip_chaos_when_sanitized(void)
{
#ifdef VITRINE_SANITIZED
    SKIP("chaos draws signals and full memory too, which are the sanitizer's here");
#endif
}

static void check_books(const struct run *run)
{
    struct event chaos, end;
    REQUIRE(run_event(run, "chaos", 0, NULL, &chaos) && run_event(run, "end", 0, NULL, &end));
    const long long faults = event_number(&chaos, "faults");
    CHECK_STR(event_text(&chaos, "good"), "true");
    CHECK_INT(faults, >, 0);
    CHECK_INT(event_number(&chaos, "right"), ==, faults);
    CHECK_INT(event_number(&chaos, "recovered"), ==, faults);
    CHECK_INT(event_number(&chaos, "strays"), ==, 0);
    CHECK_INT(event_number(&chaos, "fds_before"), ==, event_number(&chaos, "fds_after"));
    CHECK_INT(event_number(&chaos, "children_before"), ==, event_number(&chaos, "children_after"));
    CHECK_INT(run_count(run, "injected", NULL), ==, faults);
    CHECK_INT(event_number(&end, "crashes"), ==, run_count(run, "crash", NULL));
    struct event event;
    for (const char *cursor = run->out; event_next(&cursor, &event);) {
        const bool is_crash = event_is(&event, "crash", 0, NULL), is_over = event_is(&event, "injected", 0, NULL);
        if ((is_crash && strcmp(event_text(&event, "as_expected"), "true") != 0) ||
            (is_over && strcmp(event_text(&event, "right"), "true") != 0))
            FAIL("%.*s", (int)event.n, event.line);
    }
}

/* The last hang, and all that is to be tidied up after it. */
#define CHAOS_END_MS 5000

static void chaos(struct run *run, const struct run_setup *setup, const char *request, const char *n_tabs,
                  const char *spawn)
{
    const int status = RUN_WHOLE(run, setup, "--json", "--size", SIZE, "--chaos", request, "--tabs", n_tabs, "--spawn",
                                 spawn, scratch_scene("a.scene"), scratch_scene("b.scene"));
    if (status != 0)
        FAIL("--chaos %s --tabs %s --spawn %s: exit status %d: %s", request, n_tabs, spawn, status, run->err);
    CHECK_INT(run_elapsed_ms(run), <, strtoul(request, NULL, 10) * 1000 + CHAOS_END_MS);
    check_books(run);
}

TEST_WITHIN(chaos_at_level_3, 90)
{
    skip_chaos_when_sanitized();
    struct run run;
    struct event event;
    chaos(&run, NULL, "6:11", "4", "zygote");
    REQUIRE(run_event(&run, "chaos", 0, NULL, &event));
    CHECK_INT(event_number(&event, "seed"), ==, 11);
    CHECK_INT(event_number(&event, "faults"), >=, 5 * 6);
    CHECK_INT(event_number(&event, "elapsed_ms"), >=, 5500);
    run_finish(&run);
}

TEST_WITHIN(chaos_at_level_2, 90)
{
    skip_chaos_when_sanitized();
    struct run run;
    chaos(&run, &below, "4", "4", "zygote");
    run_finish(&run);
}

TEST_WITHIN(chaos_exec, 90)
{
    skip_chaos_when_sanitized();
    struct run run;
    chaos(&run, NULL, "4", "4", "exec");
    run_finish(&run);
}

TEST_WITHIN(chaos_in_one_tab, 90)
{
    skip_chaos_when_sanitized();
    struct run run;
    chaos(&run, NULL, "3", "1", "zygote");
    run_finish(&run);
}

/* The sequence of (kind, stage) of one tab, a word each. The caller frees. */
static char *sequence_of(const struct run *run, unsigned tab)
{
    char *text = NULL;
    size_t n_text = 0;
    FILE *out = open_memstream(&text, &n_text);
    REQUIRE(out != NULL);
    struct event event;
    for (const char *cursor = run->out; event_next(&cursor, &event);) {
        if (event_is(&event, "injected", tab, NULL))
            fprintf(out, "%s/%s ", event_text(&event, "kind"), event_text(&event, "stage"));
    }
    fclose(out);
    return text;
}

TEST_WITHIN(the_same_seed_makes_the_same_faults, 90)
{
    skip_chaos_when_sanitized();
    struct run one, other, third;
    chaos(&one, NULL, "2:5", "3", "zygote");
    chaos(&other, NULL, "2:5", "3", "zygote");
    chaos(&third, NULL, "1:6", "3", "zygote");
    bool differs = false;
    for (unsigned tab = 1; tab <= 3; tab++) {
        char *a = sequence_of(&one, tab), *b = sequence_of(&other, tab), *c = sequence_of(&third, tab);
        const size_t n = strlen(a) < strlen(b) ? strlen(a) : strlen(b), n_c = strlen(c) < n ? strlen(c) : n;
        if (n == 0 || strncmp(a, b, n) != 0)
            FAIL("tab %u: %s\nand then: %s", tab, a, b);
        differs |= strncmp(a, c, n_c) != 0;
        free(a);
        free(b);
        free(c);
    }
    CHECK(differs);
    run_finish(&one);
    run_finish(&other);
    run_finish(&third);
}

TEST_WITHIN(chaos_interrupted, 60)
{
    skip_chaos_when_sanitized();
    struct run run;
    RUN(&run, NULL, "--json", "--size", SIZE, "--chaos", "60", "--tabs", "4", scratch_scene("a.scene"));
    REQUIRE(run_sees(&run, "\"injected\"", 5, 20000));
    const uint64_t asked_ns = clock_now_ns();
    kill(run.pid, SIGINT);
    CHECK_INT(run_end(&run, 5000), ==, 130);
    CHECK_INT((run.end_ns - asked_ns) / NS_PER_MS, <, 2000);
    struct event start, end;
    REQUIRE(run_event(&run, "start", 0, NULL, &start) && run_event(&run, "end", 0, NULL, &end));
    CHECK_INT(event_number(&end, "fds_open"), ==, event_number(&start, "fds_open"));
    run_finish(&run);
}
