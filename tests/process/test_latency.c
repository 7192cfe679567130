/* Latency mode with the real sections, broker and renderers, in short runs: what is told and written, and that nothing of
 * it stays behind. How fast anything is does not matter here. */
#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/json.h"
#include "tests/process/run.h"
#include "tests/test.h"

#define MESSAGES 100
#define MAX_LINE 4096

/* Rows of all three tables; of the mechanisms such as sleep, spin, pass descriptors, lose messages, and are refused. */
#define SHORT_RUN                                                                                               \
    "channel-socket,channel-ring,port,pipe-pair,unix-seqpacket,ring-futex,ring-spin,fd-pass,signal,process-vm," \
    "frame-blank,frame-pooled,round-trip,one-way,frame,frame-visible,frame-memory"

/* ---- what is told ---------------------------------------------------------------------------------------------------- */

/* One line by itself, for those who look for texts. */
static const char *line_of(const struct event *event)
{
    static char line[MAX_LINE];
    REQUIRE(event->n < sizeof line);
    memcpy(line, event->line, event->n);
    line[event->n] = '\0';
    return line;
}

static bool is_one_of(const char *word, const char *const *words, size_t n_words)
{
    for (size_t i = 0; i < n_words; i++) {
        if (strcmp(word, words[i]) == 0)
            return true;
    }
    return false;
}
#define IS_ONE_OF(word, ...)                              \
    is_one_of((word), (const char *const[]){__VA_ARGS__}, \
              sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void check_identity(const struct event *event)
{
    const char *line = line_of(event);
    CHECK(IS_ONE_OF(event_text(event, "table"), "channel", "mechanisms", "frames"));
    CHECK(IS_ONE_OF(event_text(event, "placement"), "same-core", "cross-core", "free"));
    CHECK(IS_ONE_OF(event_text(event, "wait"), "block", "spin", "yield", "adaptive", "null"));
    CHECK(IS_ONE_OF(event_text(event, "codec"), "direct", "protobuf-c", "none"));
    CHECK(IS_ONE_OF(event_text(event, "sandboxed"), "true", "false"));
    CHECK(strlen(event_text(event, "name")) > 0 && strlen(event_text(event, "test")) > 0);
    CHECK(json_has_number(line, "payload"));
    CHECK_INT(event_number(event, "peers"), >=, 1);
    CHECK_INT(event_number(event, "window"), >=, 1);
    CHECK_INT(event_number(event, "runs"), >=, 1);
    CHECK(strncmp(event_text(event, "command"), "broker --latency --only ", 24) == 0);
}

/* What is there rises. Returns whether there is any. */
static bool check_percentiles(const char *line)
{
    static const char *const rising[] = {"p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns"};
    double before = 0;
    unsigned n = 0;
    for (size_t i = 0; i < sizeof rising / sizeof rising[0]; i++) {
        if (!json_has_number(line, rising[i]))
            continue;
        if (json_number(line, rising[i]) < before)
            FAIL("%s is less than the one before it in %s", rising[i], line);
        before = json_number(line, rising[i]);
        n++;
    }
    CHECK(n == 0 || n == sizeof rising / sizeof rising[0]);
    return n > 0;
}

static void check_measured(const struct event *event, unsigned n_messages)
{
    const char *line = line_of(event), *test = event_text(event, "test");
    const bool is_idle = strcmp(test, "idle") == 0;
    CHECK_INT(event_number(event, "n"), ==, is_idle ? 1 : n_messages);
    CHECK_INT(event_number(event, "lost"), >=, 0);
    CHECK_INT(event_number(event, "lost"), <=, event_number(event, "n"));
    CHECK(json_has_number(line, "disordered"));
    const bool has_percentiles = check_percentiles(line);
    CHECK_INT(has_percentiles, ==, !IS_ONE_OF(test, "one-way", "idle"));
    CHECK(json_number(line, "total_ms") > 0);
    if (is_idle)
        CHECK(json_has_number(line, "cpu_percent") && json_has_number(line, "wakeups_per_s"));
    /* Only plain signals are known to merge. */
    if (strcmp(event_text(event, "name"), "signal") != 0)
        CHECK_INT(event_number(event, "lost"), ==, 0);
}

static void check_absent(const struct event *event)
{
    CHECK(strlen(event_text(event, "absent")) > 4);
    CHECK_STR(event_text(event, "n"), "null");
    CHECK_STR(event_text(event, "per_s"), "null");
    CHECK_STR(event_text(event, "p50_ns"), "null");
}

static bool is_absent(const struct event *event)
{
    return strcmp(event_text(event, "absent"), "null") != 0;
}

/* Every line; then as many figures as were announced, and an end that agrees. */
static void check_events(const struct run *run, unsigned n_messages, int status)
{
    struct event event;
    unsigned n_figures = 0;
    REQUIRE(run_event(run, "latency-host", 0, NULL, &event));
    CHECK(event.line == run->out);
    const long long n_announced = event_number(&event, "figures");
    CHECK(strlen(event_text(&event, "kernel")) > 0 && event_number(&event, "cpus") >= 1);
    for (const char *cursor = run->out; event_next(&cursor, &event);) {
        if (!json_is_object(line_of(&event)))
            FAIL("no JSON: %s", line_of(&event));
        if (!event_is(&event, "latency", 0, NULL))
            continue;
        n_figures++;
        check_identity(&event);
        if (is_absent(&event))
            check_absent(&event);
        else
            check_measured(&event, n_messages);
    }
    CHECK_INT(n_figures, ==, n_announced);
    REQUIRE(run_event(run, "end", 0, NULL, &event));
    CHECK_INT(event_number(&event, "status"), ==, status);
    /* As it was started: input, output, errors. */
    CHECK_INT(event_number(&event, "fds_open"), ==, 3);
}

/* How many figures have this in them, absent ones too when they are asked for. */
static unsigned count_figures(const struct run *run, const char *a, const char *b, bool absent)
{
    unsigned n = 0;
    struct event event;
    for (const char *cursor = run->out; event_next(&cursor, &event);) {
        if (event_is(&event, "latency", 0, NULL) && is_absent(&event) == absent)
            n += strstr(line_of(&event), a) != NULL && strstr(line_of(&event), b) != NULL;
    }
    return n;
}

static void check_says(const char *text, const char *wanted)
{
    if (strstr(text, wanted) == NULL)
        FAIL("nothing is said of \"%s\"", wanted);
}

/* ---- the report ------------------------------------------------------------------------------------------------------ */

static char *read_whole(const char *path)
{
    FILE *file = fopen(path, "re");
    REQUIRE(file != NULL);
    fseek(file, 0, SEEK_END);
    const long n = ftell(file);
    rewind(file);
    char *text = calloc(1, (size_t)n + 1);
    REQUIRE(n > 0 && text != NULL && fread(text, 1, (size_t)n, file) == (size_t)n);
    fclose(file);
    return text;
}

#define MAX_DEPTH 32

/* Behind a tag's end; NULL where an attribute has no value in quotes. */
static const char *skip_attributes(const char *text)
{
    while (*text != '\0' && *text != '>' && *text != '/') {
        text += strspn(text, " \n");
        text += strcspn(text, "=>/ \n");
        if (*text != '=')
            continue;
        const char quote = *++text;
        const char *end = quote == '"' || quote == '\'' ? strchr(text + 1, quote) : NULL;
        if (end == NULL || memchr(text, '<', (size_t)(end - text)) != NULL)
            return NULL;
        text = end + 1;
    }
    return text;
}

/* One tag after its '<', against those that are open. NULL: it does not fit. */
static const char *take_tag(const char *text, char open[MAX_DEPTH][32], int *depth)
{
    const bool closes = *text == '/';
    const char *name = text + closes;
    const size_t n_name = strcspn(name, " \n/>");
    if (n_name == 0 || n_name >= sizeof open[0])
        return NULL;
    if (closes) {
        --*depth;
        if (*depth < 0 || strlen(open[*depth]) != n_name || memcmp(open[*depth], name, n_name) != 0)
            return NULL;
        return name[n_name] == '>' ? name + n_name + 1 : NULL;
    }
    const char *end = skip_attributes(name + n_name);
    if (end == NULL || *end == '\0')
        return NULL;
    if (*end == '/')
        return end[1] == '>' ? end + 2 : NULL;
    if (*depth == MAX_DEPTH)
        return NULL;
    snprintf(open[(*depth)++], sizeof open[0], "%.*s", (int)n_name, name);
    return end + 1;
}

/* As XML is: tags that close in their order, values in quotes, escapes that end. NULL, or where it is not so. */
static const char *find_malformed(const char *text)
{
    char open[MAX_DEPTH][32];
    int depth = 0;
    static const char doctype[] = "<!DOCTYPE html>";
    if (strncmp(text, doctype, sizeof doctype - 1) != 0)
        return text;
    for (text += sizeof doctype - 1; *text != '\0';) {
        const char *before = text;
        if (*text == '&')
            text = isalpha((unsigned char)text[1]) || text[1] == '#' ? memchr(text, ';', 10) : NULL;
        else
            text = *text == '<' ? take_tag(text + 1, open, &depth) : text + 1;
        if (text == NULL)
            return before;
    }
    return depth == 0 ? NULL : text;
}

/* A page that is whole by itself: nothing to fetch, nothing to run. */
static void check_report(const char *path, const struct run *run)
{
    static const char *const foreign[] = {"http:",   "https:",  "//",      "<script",   "javascript:",
                                          "src=",    "href=",   "url(",    "@import",   "<link",
                                          "<iframe", "<object", "onload=", "<meta http"};
    char *text = read_whole(path);
    const char *bad = find_malformed(text);
    if (bad != NULL)
        FAIL("the report is not well-formed at \"%.60s\"", bad);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        if (strstr(text, foreign[i]) != NULL)
            FAIL("the report has \"%s\" in it", foreign[i]);
    }
    check_says(text, "<svg ");
    check_says(text, "</html>");
    struct event event;
    for (const char *cursor = run->out; event_next(&cursor, &event);) {
        if (event_is(&event, "latency", 0, NULL))
            check_says(text, event_text(&event, "name"));
    }
    free(text);
}

static unsigned count_files(const char *folder)
{
    unsigned n = 0;
    DIR *files = opendir(folder);
    REQUIRE(files != NULL);
    for (const struct dirent *file; (file = readdir(files)) != NULL;)
        n += strcmp(file->d_name, ".") != 0 && strcmp(file->d_name, "..") != 0;
    closedir(files);
    return n;
}

/* An empty folder of its own. */
static const char *make_folder(const char *name)
{
    const char *folder = scratch_path(name);
    REQUIRE(mkdir(folder, 0755) == 0);
    return folder;
}

static const char *path_in(const char *folder, const char *name)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* ---- a whole run ----------------------------------------------------------------------------------------------------- */

static int measure(struct run *run, const struct run_setup *setup, const char *only, unsigned n_messages)
{
    char messages[16];
    snprintf(messages, sizeof messages, "%u", n_messages);
    return RUN_WHOLE(run, setup, "--latency", "--json", "--messages", messages, "--only", only);
}

TEST_WITHIN(a_short_run_of_all_tables, 120)
{
    struct run run;
    const char *folder = make_folder("reports"), *path = path_in(folder, "report.html");
    CHECK_INT(RUN_WHOLE(&run, NULL, "--latency", "--json", "--messages", "100", "--only", SHORT_RUN, "--report", path),
              ==, 0);
    check_events(&run, MESSAGES, 0);
    static const char *const seen[][2] = {
        {"\"channel-ring\"", "\"direct\""},       {"\"channel-ring\"", "\"protobuf-c\""},
        {"\"channel-socket\"", "\"direct\""},     {"\"channel-socket\"", "\"protobuf-c\""},
        {"\"channel-ring\"", "\"peers\":1,"},     {"\"channel-ring\"", "\"peers\":8,"},
        {"\"channel-socket\"", "\"peers\":1,"},   {"\"channel-socket\"", "\"peers\":8,"},
        {"\"channel-ring\"", "\"window\":32,"},   {"\"channel-ring\"", "\"one-way\""},
        {"\"port\"", "\"round-trip\""},           {"\"pipe-pair\"", "\"sandboxed\":true"},
        {"\"pipe-pair\"", "\"sandboxed\":false"}, {"\"ring-futex\"", "\"sandboxed\":true"},
        {"\"frame-blank\"", "\"frame-visible\""}, {"\"frame-pooled\"", "\"frame-memory\""},
    };
    for (size_t i = 0; i < sizeof seen / sizeof seen[0]; i++) {
        if (count_figures(&run, seen[i][0], seen[i][1], false) == 0)
            FAIL("nothing was measured with %s and %s", seen[i][0], seen[i][1]);
    }
    /* What a person reads. */
    check_says(run.err, "\nOur channel");
    check_says(run.err, "\nMechanisms");
    check_says(run.err, "\nFrames");
    check_says(run.err, "\nGoals");
    check_says(run.err, "\nHow far to trust them");
    CHECK_INT(count_files(folder), ==, 1);
    check_report(path, &run);
    run_finish(&run);
}

TEST_WITHIN(sparse_and_idle, 60)
{
    struct run run;
    CHECK_INT(measure(&run, NULL, "channel-socket,channel-ring,pipe-pair,sparse,idle", 3), ==, 0);
    check_events(&run, 3, 0);
    CHECK_INT(count_figures(&run, "\"channel-ring\"", "\"sparse\"", false), >, 0);
    CHECK_INT(count_figures(&run, "\"channel-ring\"", "\"idle\"", false), ==, 1);
    CHECK_INT(count_figures(&run, "\"channel-socket\"", "\"idle\"", false), ==, 1);
    run_finish(&run);
}

TEST_WITHIN(an_earlier_run_to_compare_with, 60)
{
    struct run run;
    const char *only = "pipe-pair,unix-seqpacket,round-trip,same-core";
    CHECK_INT(measure(&run, NULL, only, 50), ==, 0);
    const char *path = scratch_bytes("earlier.json", run.out, run.n_out);
    run_finish(&run);
    CHECK_INT(RUN_WHOLE(&run, NULL, "--latency", "--json", "--messages", "50", "--only", only, "--compare", path), ==,
              0);
    check_events(&run, 50, 0);
    check_says(run.err, "\nAgainst the earlier run");
    check_says(run.err, "now : earlier");
    check_says(run.err, "4 of 4 figures are in both");
    run_finish(&run);
}

/* Without --json the tables are the output. */
TEST_WITHIN(tables_for_people, 60)
{
    struct run run;
    CHECK_INT(
        RUN_WHOLE(&run, NULL, "--latency", "--messages", "20", "--only", "syscall,wake,pipe-pair,round-trip,call"), ==,
        0);
    check_says(run.out, "What local messages cost here");
    check_says(run.out, "pipe-pair");
    check_says(run.out, "syscall");
    CHECK(strchr(run.out, '{') == NULL);
    run_finish(&run);
}

/* ---- what may be asked for --------------------------------------------------------------------------------------------- */

static unsigned count_lines(const char *text)
{
    unsigned n = 0;
    for (; *text != '\0'; text++)
        n += *text == '\n';
    return n;
}

TEST(the_list)
{
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--latency", "--list"), ==, 0);
    const unsigned n_all = count_lines(run.out);
    CHECK_INT(n_all, >, 300);
    CHECK_STR(run.err, "");
    run_finish(&run);
    CHECK_INT(RUN_WHOLE(&run, NULL, "--latency", "--list", "--only", "frames"), ==, 0);
    const unsigned n_frames = count_lines(run.out);
    CHECK(n_frames > 0 && n_frames < n_all);
    run_finish(&run);
}

TEST(names_that_are_not_there)
{
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--latency", "--only", "chanel-ring"), ==, 2);
    run_check_line(&run, "the nearest is channel-ring");
    CHECK_STR(run.out, "");
    run_finish(&run);
    CHECK_INT(RUN_WHOLE(&run, NULL, "--latency", "--only", "pipe", "--payload", "5"), ==, 2);
    run_check_line(&run, "there is 1024, 65536");
    run_finish(&run);
    CHECK_INT(RUN_WHOLE(&run, NULL, "--latency", "--no-ring"), ==, 2);
    run_check_line(&run, "do not go together");
    run_finish(&run);
}

static void check_refused(const struct run_setup *setup, const char *report, const char *why)
{
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, setup, "--latency", "--only", "syscall", "--messages", "1", "--report", report), ==, 3);
    run_check_line(&run, why);
    CHECK_STR(run.out, "");
    run_finish(&run);
}

TEST(a_report_that_cannot_be_written)
{
    check_refused(NULL, scratch_path("no/such/folder.html"), "No such file or directory");
    check_refused(NULL, scratch(), "Is a directory");
    check_refused(NULL, "/dev/null", "is no file that could be written");
    const char *folder = make_folder("locked");
    REQUIRE(chmod(folder, 0555) == 0);
    const struct run_setup setup = {.as_nobody = is_root()};
    struct run run;
    if (RUN_WHOLE(&run, &setup, "--version") == 126)
        SKIP("an ordinary user cannot reach the broker's folder");
    run_finish(&run);
    check_refused(&setup, path_in(folder, "report.html"), "Permission denied");
    CHECK_INT(count_files(folder), ==, 0);
}

TEST(no_earlier_run_to_compare_with)
{
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--latency", "--only", "syscall", "--compare", scratch_path("none.json")), ==, 2);
    run_check_line(&run, "none.json");
    run_finish(&run);
    CHECK_INT(RUN_WHOLE(&run, NULL, "--latency", "--only", "syscall", "--compare", scratch_scene("a.scene")), ==, 2);
    run_check_line(&run, "line 1");
    run_finish(&run);
}

/* ---- interrupted ------------------------------------------------------------------------------------------------------- */

/* Nobody is left (run_end looks), nor half a report, nor what was there before it lost. */
static void interrupt(const char *table, int signal)
{
    struct run run;
    const char *folder = make_folder(table), *path = path_in(folder, "report.html");
    RUN(&run, NULL, "--latency", "--json", "--messages", "1000000", "--only", table, "--report", path);
    REQUIRE(run_sees(&run, "\"latency-host\"", 1, 10000));
    sleep_ms(300); /* in the middle of something */
    CHECK_INT(count_files(folder), ==, 1);
    kill(run.pid, signal);
    CHECK_INT(run_end(&run, 5000), ==, 128 + signal);
    CHECK_INT(count_files(folder), ==, 0);
    struct event end;
    REQUIRE(run_event(&run, "end", 0, NULL, &end));
    CHECK_INT(event_number(&end, "status"), ==, 128 + signal);
    CHECK_INT(event_number(&end, "fds_open"), ==, 3);
    run_finish(&run);
}

TEST_WITHIN(interrupted_among_renderers, 30)
{
    interrupt("channel", SIGTERM);
}

TEST_WITHIN(interrupted_among_mechanisms, 30)
{
    interrupt("mechanisms", SIGTERM);
}

TEST_WITHIN(interrupted_among_frames, 30)
{
    interrupt("frames", SIGINT);
}

TEST_WITHIN(interrupted_while_nothing_happens, 30)
{
    interrupt("idle", SIGTERM);
}

/* ---- what the host lacks ------------------------------------------------------------------------------------------------ */

TEST_WITHIN(without_bells, 60)
{
    struct run run;
    const struct run_setup setup = {.without = "eventfd2:ENOSYS"};
    CHECK_INT(measure(&run, &setup,
                      "channel-socket,channel-ring,port,ring-eventfd,pipe-pair,frame-blank,round-trip,frame", 5),
              ==, 0);
    check_events(&run, 5, 0);
    /* What goes by the socket is not told as the ring's. */
    CHECK_INT(count_figures(&run, "\"channel-ring\"", "", false), ==, 0);
    CHECK_INT(count_figures(&run, "\"port\"", "", false), ==, 0);
    CHECK_INT(count_figures(&run, "\"ring-eventfd\"", "", false), ==, 0);
    CHECK_INT(count_figures(&run, "\"channel-socket\"", "", true), ==, 0);
    CHECK_INT(count_figures(&run, "\"pipe-pair\"", "", true), ==, 0);
    CHECK_INT(count_figures(&run, "\"frame-blank\"", "by the socket", false), >, 0);
    CHECK_INT(count_figures(&run, "\"frame-blank\"", "\"note\":null", false), ==, 0);
    run_finish(&run);
}

TEST_WITHIN(without_memory_to_share, 60)
{
    struct run run;
    const struct run_setup setup = {.without = "memfd_create:ENOSYS"};
    CHECK_INT(measure(&run, &setup, "channel-socket,channel-ring,port,pipe-pair,frame-blank,round-trip,frame", 5), ==,
              0);
    check_events(&run, 5, 0);
    CHECK_INT(count_figures(&run, "\"table\":\"channel\"", "", false), ==, 0);
    CHECK_INT(count_figures(&run, "\"table\":\"channel\"", "memfd_create", true), >, 0);
    CHECK_INT(count_figures(&run, "\"table\":\"frames\"", "", false), ==, 0);
    CHECK_INT(count_figures(&run, "\"pipe-pair\"", "", true), ==, 0);
    run_finish(&run);
    /* Nothing but what is absent is no measurement. */
    CHECK_INT(measure(&run, &setup, "channel-ring", 5), ==, 3);
    check_says(run.err, "nothing could be measured: memory files cannot be made");
    run_finish(&run);
}
