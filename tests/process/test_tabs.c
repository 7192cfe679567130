/* Tabs that go well: one process each, the events in their order, nothing left behind. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/config.h"
#include "tests/process/run.h"
#include "tests/test.h"

#define HAS_ALL_ENGINES (HAVE_ENGINE_MUPDF && HAVE_ENGINE_HTML && HAVE_ENGINE_RASTER)

/* Each tab was loaded by a process of its own. */
static void check_pids_differ(const struct run *run, unsigned n_tabs)
{
    for (unsigned a = 1; a <= n_tabs; a++) {
        CHECK_INT(run_pid_of(run, a), >, 0);
        for (unsigned b = a + 1; b <= n_tabs; b++)
            CHECK_INT(run_pid_of(run, a), !=, run_pid_of(run, b));
    }
}

static unsigned count_kinds(const struct run *run, unsigned n_tabs)
{
    char kinds[64][32];
    unsigned n = 0;
    for (unsigned tab = 1; tab <= n_tabs; tab++) {
        struct event event;
        if (!run_event(run, "tab", tab, "live", &event))
            continue;
        const char *kind = event_text(&event, "kind");
        unsigned i = 0;
        while (i < n && strcmp(kinds[i], kind) != 0)
            i++;
        if (i == n)
            snprintf(kinds[n++], sizeof kinds[0], "%s", kind);
    }
    return n;
}

static void eight_samples(const char *spawn)
{
    struct run run;
    const int status = RUN_WHOLE(&run, NULL, "--tabs", "8", "--json", "--spawn", spawn);
    check_pids_differ(&run, 8);
    if (HAS_ALL_ENGINES) {
        CHECK_INT(status, ==, 0);
        CHECK_INT(run_count(&run, "tab", "live"), ==, 8);
        CHECK_INT(count_kinds(&run, 8), >=, 6);
    } else {
        /* What has no engine in this build is refused; nothing crashes for it. */
        CHECK_INT(run_count(&run, "tab", "live") + run_count(&run, "refused", NULL), ==, 8);
        CHECK_INT(run_count(&run, "crash", NULL), ==, 0);
    }
    run_finish(&run);
}

TEST_WITHIN(eight_samples_in_eight_processes, 60)
{
    eight_samples("zygote");
}

TEST_WITHIN(eight_samples_in_eight_processes_exec, 60)
{
    eight_samples("exec");
}

TEST_WITHIN(fewer_files_than_tabs_are_taken_in_turn, 60)
{
    struct run run;
    const char *a = scratch_scene("a.scene"), *b = scratch_scene("b.scene");
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--tabs", "5", a, b), ==, 0);
    CHECK_INT(run_count(&run, "tab", "live"), ==, 5);
    check_pids_differ(&run, 5);
    for (unsigned tab = 1; tab <= 5; tab++) {
        struct event event;
        REQUIRE(run_event(&run, "tab", tab, "live", &event));
        CHECK_STR(event_text(&event, "document"), tab % 2 == 1 ? a : b);
    }
    run_finish(&run);
}

TEST_WITHIN(more_files_than_tabs_get_a_tab_each, 60)
{
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--tabs", "2", scratch_scene("a.scene"), scratch_scene("b.scene"),
                        scratch_scene("c.scene")),
              ==, 0);
    struct event start;
    REQUIRE(run_event(&run, "start", 0, NULL, &start));
    CHECK_INT(event_number(&start, "tabs"), ==, 3);
    CHECK_INT(run_count(&run, "tab", "live"), ==, 3);
    run_finish(&run);
}

TEST_WITHIN(one_sample_without_words, 60)
{
    struct run run;
    const int status = RUN_WHOLE(&run, NULL, "--json");
    CHECK_INT(status, ==, HAS_ALL_ENGINES ? 0 : status);
    CHECK_INT(run_count(&run, "tab", "live") + run_count(&run, "tab", "failed"), ==, 1);
    run_finish(&run);
}

TEST_WITHIN(many_tabs, 120)
{
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--tabs", "100", "--size", "64x64", scratch_scene("a.scene")), ==, 0);
    CHECK_INT(run_count(&run, "tab", "live"), ==, 100);
    check_pids_differ(&run, 100);
    run_finish(&run);
}

TEST(too_few_descriptors_for_the_tabs)
{
    struct run run;
    const struct run_setup setup = {.max_fds = 128};
    CHECK_INT(RUN_WHOLE(&run, &setup, "--tabs", "100", scratch_scene("a.scene")), ==, 3);
    run_check_line(&run, "ulimit");
    run_finish(&run);
}

static const char *const tab_fields[] = {"t_ms", "tab", "state", "pid", "document", "kind", "pages", "title"};
static const char *const start_fields[] = {"t_ms", "version", "tabs", "level", "layers", "fds_open"};
static const char *const end_fields[] = {"t_ms",    "status",      "tabs_live", "crashes",
                                         "wall_ms", "peak_rss_kb", "fds_open"};
static const char *const refused_fields[] = {"t_ms", "tab", "document", "reason", "detail"};
static const char *const crash_fields[] = {"t_ms",        "tab",       "verdict",    "signal", "address",
                                           "pc",          "backtrace", "syscall",    "args",   "reason",
                                           "detected_us", "restarts",  "next_try_ms"};

#define CHECK_FIELDS(event, fields) check_fields(event, fields, sizeof(fields) / sizeof((fields)[0]))
static void check_fields(const struct event *event, const char *const *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!event_has(event, fields[i]))
            FAIL("no \"%s\" in %.*s", fields[i], (int)event->n, event->line);
    }
}

TEST_WITHIN(events_have_their_fields_and_order, 60)
{
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", scratch_scene("a.scene"), scratch_path("missing")), ==, 1);
    struct event event;
    unsigned n = 0;
    long long before_ms = 0;
    char first[32] = "", last[32] = "", story[128] = "";
    for (const char *cursor = run.out; event_next(&cursor, &event);) {
        const char *name = event_text(&event, "event");
        if (n++ == 0)
            snprintf(first, sizeof first, "%s", name);
        snprintf(last, sizeof last, "%s", name);
        CHECK(event.line[0] == '{' && event.line[event.n - 1] == '}');
        if (strcmp(name, "tab") == 0)
            CHECK_FIELDS(&event, tab_fields);
        else if (strcmp(name, "refused") == 0)
            CHECK_FIELDS(&event, refused_fields);
        else if (strcmp(name, "start") == 0)
            CHECK_FIELDS(&event, start_fields);
        else if (strcmp(name, "end") == 0)
            CHECK_FIELDS(&event, end_fields);
        else
            FAIL("an event \"%s\"", name);
        if (strcmp(name, "tab") == 0 && event_number(&event, "tab") == 1) {
            const size_t used = strlen(story);
            snprintf(story + used, sizeof story - used, "%s ", event_text(&event, "state"));
            /* Of one tab, time runs forward. Lines held back until `start` keep the time they happened at. */
            CHECK_INT(event_number(&event, "t_ms"), >=, before_ms);
            before_ms = event_number(&event, "t_ms");
        }
    }
    CHECK_STR(first, "start");
    CHECK_STR(last, "end");
    CHECK_STR(story, "spawning loading live closed ");

    REQUIRE(run_event(&run, "tab", 1, "live", &event));
    CHECK_STR(event_text(&event, "kind"), "scene");
    CHECK_STR(event_text(&event, "title"), "A test");
    CHECK_INT(event_number(&event, "pages"), >=, 1);
    CHECK(event_has(&event, "spawn_ms") && event_has(&event, "first_frame_ms"));
    REQUIRE(run_event(&run, "end", 0, NULL, &event));
    CHECK_INT(event_number(&event, "tabs_live"), ==, 1);
    CHECK_INT(event_number(&event, "crashes"), ==, 0);
    run_finish(&run);
}

TEST_WITHIN(a_crash_event_has_its_fields, 60)
{
    struct run run;
    RUN(&run, NULL, "--json", "--stay", scratch_scene("a.scene"));
    REQUIRE(run_sees(&run, "\"live\"", 1, 20000));
    kill(run_pid_of(&run, 1), SIGKILL);
    REQUIRE(run_sees(&run, "\"crash\"", 1, 5000));
    struct event event;
    REQUIRE(run_event(&run, "crash", 1, NULL, &event));
    CHECK_FIELDS(&event, crash_fields);
    CHECK_STR(event_text(&event, "verdict"), "killed");
    CHECK_STR(event_text(&event, "signal"), "SIGKILL");
    kill(run.pid, SIGTERM);
    CHECK_INT(run_end(&run, 5000), ==, 143);
    run_finish(&run);
}

TEST_WITHIN(the_layers_are_told, 60)
{
    static const char *const layers[] = {"user-ns", "pid-ns",       "mount-ns",   "net-ns",          "ipc-ns",
                                         "uts-ns",  "empty-root",   "landlock",   "seccomp",         "rlimits",
                                         "no-caps", "no-new-privs", "notify",     "landlock-scopes", "mdwe",
                                         "mseal",   "noexec-seal",  "speculation"};
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", scratch_scene("a.scene")), ==, 0);
    struct event start;
    REQUIRE(run_event(&run, "start", 0, NULL, &start));
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        char word[64];
        snprintf(word, sizeof word, "\"%s\":", layers[i]);
        if (strstr(start.line, word) == NULL)
            FAIL("no layer %s in the start", layers[i]);
    }
    CHECK_INT(event_number(&start, "level"), >=, 2);
    run_finish(&run);
}

TEST_WITHIN(standard_input_is_a_document, 60)
{
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const char text[] = "vitrine-scene\ntitle From a pipe\nfigure text\ntext Hello\n";
    REQUIRE(write(ends[1], text, sizeof text - 1) == sizeof text - 1);
    close(ends[1]);
    struct run run;
    const struct run_setup setup = {.stdin_fd = ends[0]};
    CHECK_INT(RUN_WHOLE(&run, &setup, "--json", "-"), ==, 0);
    close(ends[0]);
    struct event event;
    REQUIRE(run_event(&run, "tab", 1, "live", &event));
    CHECK_STR(event_text(&event, "title"), "From a pipe");
    run_finish(&run);
}

TEST_WITHIN(an_ordinary_user_gets_the_same, 60)
{
    if (!is_root())
        SKIP("only root can become another user");
    struct run run;
    const struct run_setup setup = {.as_nobody = true};
    if (RUN_WHOLE(&run, &setup, "--version") == 126)
        SKIP("an ordinary user cannot reach the broker's folder");
    run_finish(&run);
    CHECK_INT(RUN_WHOLE(&run, &setup, "--json", "--tabs", "3", scratch_scene("a.scene")), ==, 0);
    CHECK_INT(run_count(&run, "tab", "live"), ==, 3);
    struct event start;
    REQUIRE(run_event(&run, "start", 0, NULL, &start));
    CHECK_INT(event_number(&start, "level"), >=, 2);
    run_finish(&run);
}
