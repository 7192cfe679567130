/* Latency mode, driven with sections whose figures are known: which runs are made in which order and size, what is told
 * of them, and what becomes of a section that hangs, dies or cannot begin. Nothing here looks at how fast anything is. */
#include "broker/latency/latency.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/latency/compare.h"
#include "broker/latency/goals.h"
#include "broker/latency/report.h"
#include "broker/latency/table.h"
#include "broker/proc.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/json.h"
#include "common/text.h"
#include "tests/test.h"

/* ---- a section ---------------------------------------------------------------------------------------------------------- */

enum behaviour {
    MEASURES,
    IS_ABSENT,
    DIES,
    HANGS,
};

#define MAX_CALLS 256

/* What the measuring process was asked, seen from here. */
static struct {
    unsigned n_begun, n_ended, n_calls;
    struct {
        char name[24];
        uint64_t n;
    } calls[MAX_CALLS];
} * seen;

static int begin_result;

static struct latency_case case_of(const char *name, const char *test, unsigned group, double typical_ns,
                                   enum behaviour behaviour)
{
    return (struct latency_case){
        .figure = {.table = "channel",
                   .name = name,
                   .test = test,
                   .placement = "cross-core",
                   .codec = "none",
                   .payload = 64,
                   .peers = 1,
                   .window = 1},
        .group = group,
        .typical_ns = typical_ns,
        .budget_ms = 1,
        .detail = behaviour,
    };
}

static void plan_usual(struct latency_plan *plan)
{
    struct latency_case one = case_of("channel-socket", "round-trip", 1, 1000, MEASURES);
    latency_plan_add(plan, &one);
    one = case_of("channel-ring", "round-trip", 1, 100, MEASURES);
    latency_plan_add(plan, &one);
    one = case_of("channel-ring", "one-way", 2, 10, MEASURES);
    one.figure.payload = 1024;
    latency_plan_add(plan, &one);
    one = case_of("bounce-2-lines", "round-trip", 1, 1000, MEASURES);
    one.max_n = 7;
    latency_plan_add(plan, &one);
    one = case_of("tcp", "round-trip", 3, 1000, IS_ABSENT);
    latency_plan_add(plan, &one);
}

static int begin(const struct options *options, char *ret_why, size_t n_why)
{
    (void)options;
    seen->n_begun++;
    if (begin_result < 0)
        snprintf(ret_why, n_why, "nothing to begin with");
    return begin_result;
}

static void end(void)
{
    seen->n_ended++;
}

/* Run k of a case takes k times its typical time: 2, 3, 1, so that the median is not the first. */
static void measure(const struct latency_case *measured, uint64_t n, struct figure_outcome *ret_outcome)
{
    static const double factors[] = {2, 3, 1};
    unsigned run = 0;
    for (unsigned i = 0; i < seen->n_calls; i++)
        run += strcmp(seen->calls[i].name, measured->figure.name) == 0;
    REQUIRE(seen->n_calls < MAX_CALLS);
    snprintf(seen->calls[seen->n_calls].name, sizeof seen->calls[0].name, "%s", measured->figure.name);
    seen->calls[seen->n_calls++].n = n;
    switch (measured->detail) {
    case IS_ABSENT:
        strcpy(ret_outcome->absent, "no <loopback> here");
        return;
    case DIES:
        raise(SIGSEGV);
        return;
    case HANGS:
        if (fork() == 0)
            setpgid(0, 0);
        for (;;)
            pause();
    }
    const double call_ns = measured->typical_ns * factors[run % 3];
    ret_outcome->n = n;
    ret_outcome->total_ms = (double)n * call_ns / 1e6;
    ret_outcome->per_s = 1e9 / call_ns;
    ret_outcome->p50_ns = call_ns;
    ret_outcome->p90_ns = 2 * call_ns;
    ret_outcome->p99_ns = ret_outcome->p999_ns = 3 * call_ns;
    ret_outcome->max_ns = 4 * call_ns;
    ret_outcome->mean_ns = call_ns;
    ret_outcome->has_curve = true;
    for (unsigned i = 0; i < FIGURE_CURVE_POINTS; i++)
        ret_outcome->curve_ns[i] = call_ns * (1 + i);
}

static const struct latency_section usual = {
    .name = "channel", .title = "The <channel>", .plan = plan_usual, .begin = begin, .end = end, .measure = measure};

/* ---- a run of the mode --------------------------------------------------------------------------------------------------- */

struct ran {
    int status;
    char *out, *err; /* the caller frees with ran_finish */
};

static char *read_back(int fd)
{
    const off_t n = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)n + 1);
    REQUIRE(text);
    CHECK_INT(pread(fd, text, (size_t)n, 0), ==, n);
    close(fd);
    return text;
}

static int sink(void)
{
    const int fd = memfd_create("out", MFD_CLOEXEC);
    REQUIRE(fd >= 0);
    return fd;
}

static struct options usual_options(void)
{
    return (struct options){.mode = MODE_LATENCY};
}

static struct ran run_section(const struct latency_section *section, const struct options *options)
{
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(seen != MAP_FAILED);
    const int out = sink(), err = sink();
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        const int n_fds = fd_count_open();
        const int status = latency_run_sections(&section, 1, options, clock_now_ns());
        fflush(NULL);
        _exit(fd_count_open() == n_fds && proc_count_children() == 0 ? status : 99);
    }
    int status = 0;
    CHECK_INT(waitpid(pid, &status, 0), ==, pid);
    return (struct ran){
        .status = WIFEXITED(status) ? WEXITSTATUS(status) : -1, .out = read_back(out), .err = read_back(err)};
}

static void ran_finish(struct ran *ran)
{
    free(ran->out);
    free(ran->err);
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (; (text = strstr(text, what)) != NULL; text++)
        n++;
    return n;
}

/* ---- measuring ----------------------------------------------------------------------------------------------------------- */

TEST(cases_of_a_group_are_measured_in_turn)
{
    struct options options = usual_options();
    struct ran ran = run_section(&usual, &options);
    CHECK_INT(ran.status, ==, 0);
    static const char *const expected[] = {
        "channel-socket",
        "channel-ring",
        "bounce-2-lines",
        "channel-socket",
        "channel-ring",
        "bounce-2-lines",
        "channel-socket",
        "channel-ring",
        "bounce-2-lines",
        "channel-ring",
        "channel-ring",
        "channel-ring",
        "tcp",
        "tcp",
        "tcp",
    };
    REQUIRE(seen->n_calls == sizeof expected / sizeof expected[0]);
    for (unsigned i = 0; i < seen->n_calls; i++)
        CHECK_STR(seen->calls[i].name, expected[i]);
    CHECK_INT(seen->n_begun, ==, 1);
    CHECK_INT(seen->n_ended, ==, 1);
    ran_finish(&ran);
}

TEST(a_run_is_as_long_as_its_budget)
{
    struct options options = usual_options();
    struct ran ran = run_section(&usual, &options);
    CHECK_INT(seen->calls[0].n, ==, 1000);  /* 1 ms of 1,000 ns */
    CHECK_INT(seen->calls[3].n, ==, 500);   /* they took twice as long */
    CHECK_INT(seen->calls[6].n, ==, 333);   /* and then three times */
    CHECK_INT(seen->calls[2].n, ==, 7);     /* its own limit */
    CHECK_INT(seen->calls[1].n, ==, 10000); /* 1 ms of 100 ns */
    ran_finish(&ran);

    options.latency.n_messages = 12;
    ran = run_section(&usual, &options);
    for (unsigned i = 0; i < seen->n_calls; i++)
        CHECK_INT(seen->calls[i].n, ==, strcmp(seen->calls[i].name, "bounce-2-lines") == 0 ? 7 : 12);
    ran_finish(&ran);
}

/* Three runs of 345 s are nine times what there is: one run of a ninth is left. */
static void plan_too_long(struct latency_plan *plan)
{
    struct latency_case one = case_of("channel-ring", "round-trip", 1, 1e9, MEASURES);
    one.budget_ms = 345e3;
    latency_plan_add(plan, &one);
}

TEST(budgets_and_runs_shrink_until_all_fits)
{
    const struct latency_section section = {
        .name = "channel", .title = "Channel", .plan = plan_too_long, .begin = begin, .end = end, .measure = measure};
    struct options options = usual_options();
    struct ran ran = run_section(&section, &options);
    CHECK_INT(ran.status, ==, 0);
    CHECK_INT(seen->n_calls, ==, 1);
    CHECK_INT(seen->calls[0].n, >, 0);
    CHECK_INT(seen->calls[0].n, <=, 38);
    ran_finish(&ran);

    options.latency.n_messages = 50; /* who asks for a number gets it, and all runs */
    ran = run_section(&section, &options);
    CHECK_INT(seen->n_calls, ==, 3);
    CHECK_INT(seen->calls[2].n, ==, 50);
    ran_finish(&ran);
}

TEST(only_and_payload_choose)
{
    static const struct {
        const char *only;
        long payload; /* -1: not given */
        unsigned n_cases;
    } rows[] = {
        {"channel-ring", -1, 2},
        {"channel-ring,round-trip", -1, 1},
        {"channel-ring,channel-socket", -1, 3},
        {"round-trip", -1, 4},
        {"channel", -1, 5},
        {"cross-core,one-way", -1, 1},
        {NULL, 1024, 1},
        {"channel-ring", 64, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct options options = usual_options();
        options.latency.only = rows[i].only;
        options.latency.has_payload = rows[i].payload >= 0;
        options.latency.payload_bytes = rows[i].payload >= 0 ? (uint64_t)rows[i].payload : 0;
        options.latency.list = true;
        struct ran ran = run_section(&usual, &options);
        CHECK_INT(ran.status, ==, 0);
        CHECK_INT(count(ran.out, "\n"), ==, rows[i].n_cases);
        CHECK_INT(seen->n_begun, ==, 0);
        ran_finish(&ran);
    }
}

TEST(a_name_that_is_none)
{
    static const struct {
        const char *only;
        long payload;
        const char *error;
    } rows[] = {
        {"chanel-ring", -1, "--only chanel-ring: no such measurement; the nearest is channel-ring "},
        {"round-trip,oneway", -1, "--only oneway: no such measurement; the nearest is one-way "},
        {"tcp,", -1, "--only \"\": no such measurement"},
        {"a\033[2J", -1, "--only a\\e[2J: no such"},
        {"tcp,one-way", -1, "--only: these names have no measurement in common"},
        {NULL, 65, "--payload 65: nothing is measured with it; there is 64, 1024"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct options options = usual_options();
        options.latency.only = rows[i].only;
        options.latency.has_payload = rows[i].payload >= 0;
        options.latency.payload_bytes = (uint64_t)rows[i].payload;
        struct ran ran = run_section(&usual, &options);
        CHECK_INT(ran.status, ==, EXIT_STATUS_USAGE);
        CHECK_STR(ran.out, "");
        if (strstr(ran.err, rows[i].error) == NULL || count(ran.err, "\n") != 1)
            FAIL("not \"%s\" but \"%s\"", rows[i].error, ran.err);
        CHECK_INT(seen->n_begun, ==, 0);
        ran_finish(&ran);
    }
}

/* ---- what goes wrong ------------------------------------------------------------------------------------------------------ */

static void plan_with_death(struct latency_plan *plan)
{
    struct latency_case one = case_of("pipe", "round-trip", 1, 1000, DIES);
    latency_plan_add(plan, &one);
    one = case_of("channel-ring", "round-trip", 2, 1000, MEASURES);
    latency_plan_add(plan, &one);
}

TEST(a_section_that_dies_costs_its_own_figure_only)
{
    const struct latency_section section = {
        .name = "channel", .title = "Channel", .plan = plan_with_death, .begin = begin, .end = end, .measure = measure};
    struct options options = usual_options();
    struct ran ran = run_section(&section, &options);
    CHECK_INT(ran.status, ==, 0);
    CHECK(strstr(ran.out, "pipe round-trip is absent: the measuring process "));
    CHECK(strstr(ran.out, "channel-ring"));
    CHECK_INT(seen->n_begun, ==, 4); /* after each death, and for the rest */
    CHECK_INT(seen->n_ended, ==, 1);
    ran_finish(&ran);
}

TEST(without_a_beginning_nothing_is_measured)
{
    begin_result = -1;
    struct options options = usual_options();
    struct ran ran = run_section(&usual, &options);
    CHECK_INT(ran.status, ==, EXIT_STATUS_BROKER);
    CHECK(strstr(ran.err, "nothing could be measured: nothing to begin with"));
    CHECK_INT(seen->n_calls, ==, 0);
    CHECK_INT(seen->n_begun, ==, 1);
    CHECK_INT(seen->n_ended, ==, 0);
    ran_finish(&ran);
}

static void plan_hang(struct latency_plan *plan)
{
    struct latency_case one = case_of("pipe", "round-trip", 1, 1000, HANGS);
    latency_plan_add(plan, &one);
}

TEST(a_signal_ends_it_with_all_its_children)
{
    static const struct latency_section section = {
        .name = "channel", .title = "Channel", .plan = plan_hang, .begin = begin, .end = end, .measure = measure};
    const struct latency_section *sections[] = {&section};
    static const int signals[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < 2; i++) {
        seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        REQUIRE(seen != MAP_FAILED);
        fflush(NULL);
        const int out = sink(), err = sink();
        const pid_t pid = fork();
        if (pid == 0) {
            signal(SIGINT, SIG_DFL);
            dup2(out, STDOUT_FILENO);
            dup2(err, STDERR_FILENO);
            struct options options = usual_options();
            options.json = true;
            const int status = latency_run_sections(sections, 1, &options, clock_now_ns());
            _exit(proc_count_children() == 0 ? status : 99);
        }
        for (unsigned tries = 0; tries < 1000 && *(volatile unsigned *)&seen->n_calls == 0; tries++)
            usleep(5000);
        const uint64_t begin_ns = clock_now_ns();
        kill(pid, signals[i]);
        int status = 0;
        CHECK_INT(waitpid(pid, &status, 0), ==, pid);
        CHECK(clock_now_ns() - begin_ns < 10 * NS_PER_S);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 128 + signals[i]);
        char *text = read_back(out), expected[32];
        snprintf(expected, sizeof expected, "\"status\":%d,", 128 + signals[i]);
        CHECK(strstr(text, expected));
        free(text);
        close(err);
    }
}

/* ---- what is told ---------------------------------------------------------------------------------------------------------- */

TEST(each_figure_is_an_event)
{
    struct options options = usual_options();
    options.json = true;
    struct ran ran = run_section(&usual, &options);
    CHECK_INT(ran.status, ==, 0);
    char *rest = ran.out, *line;
    unsigned n_lines = 0, n_figures = 0;
    while ((line = strsep(&rest, "\n")) && *line) {
        if (!json_is_object(line))
            FAIL("no JSON: %s", line);
        n_lines++;
        n_figures += json_string_is(line, "event", "latency");
        if (n_lines == 1)
            CHECK(json_string_is(line, "event", "latency-host"));
        if (json_string_is(line, "name", "channel-socket")) {
            CHECK(json_number(line, "p50_ns") == 2000); /* the median of 2, 3 and 1 times 1,000 */
            CHECK(json_number(line, "low_p50_ns") == 1000 && json_number(line, "high_p50_ns") == 3000);
            CHECK(json_number(line, "runs") == 3);
            CHECK(json_number(line, "payload") == 64);
            CHECK(json_string_is(line, "placement", "cross-core"));
            CHECK(strstr(line, "\"wait\":null") && strstr(line, "\"absent\":null") && strstr(line, "\"lost\":0,"));
            CHECK(strstr(line, "\"cpu_ns_per_call\":null"));
            CHECK(json_string_is(
                line, "command",
                "broker --latency --only channel-socket,round-trip,cross-core --payload 64 --messages 1000"));
        }
        if (json_string_is(line, "name", "tcp")) {
            CHECK(json_string_is(line, "absent", "no <loopback> here"));
            CHECK(strstr(line, "\"n\":null,\"lost\":null") && strstr(line, "\"p50_ns\":null"));
        }
    }
    CHECK_INT(n_figures, ==, 5);
    CHECK_INT(n_lines, ==, 7);
    CHECK(strstr(ran.err, "The <channel>")); /* tables are for people */
    ran_finish(&ran);
}

TEST(tables_hold_every_figure)
{
    struct options options = usual_options();
    struct ran ran = run_section(&usual, &options);
    CHECK(strstr(ran.out, "\nThe <channel>: round-trip\n") && strstr(ran.out, "\nThe <channel>: one-way\n"));
    CHECK(strstr(ran.out, "\nround-trip, cross-core\n"));
    CHECK(strstr(ran.out, "\none-way, cross-core\n"));
    CHECK(strstr(ran.out, "absent"));
    CHECK(strstr(ran.out, "tcp round-trip is absent: no <loopback> here\n"));
    CHECK(strstr(ran.out, "broker --latency --only NAME,TEST,PLACEMENT --payload BYTES --messages N"));
    CHECK(strstr(ran.out, "Goals, as ratios within this run"));
    for (char *rest = ran.out, *line; (line = strsep(&rest, "\n"));) {
        const size_t width = text_fit_columns(line, SIZE_MAX);
        if (width > 120)
            FAIL("%zu columns: %s", width, line);
    }
    ran_finish(&ran);
}

static struct figure measured_figure(const char *name, const char *test, const char *placement, size_t payload,
                                     double p50_ns)
{
    struct figure figure = {.table = "mechanisms",
                            .name = name,
                            .test = test,
                            .placement = placement,
                            .codec = "none",
                            .payload = payload,
                            .peers = 1,
                            .window = 1,
                            .n_runs = 1};
    figure_outcome_init(&figure.runs[0]);
    figure.runs[0].n = 1000;
    figure.runs[0].p50_ns = strcmp(test, "one-way") == 0 ? 0 : p50_ns;
    figure.runs[0].per_s = 1e9 / p50_ns;
    figure.runs[0].total_ms = 1000 * p50_ns / 1e6;
    figure_conclude(&figure);
    return figure;
}

/* The caller frees *ret_text. */
static void print_table(const struct figure *figures, size_t n, char **ret_text, size_t *ret_n_text)
{
    FILE *out = open_memstream(ret_text, ret_n_text);
    REQUIRE(out);
    struct grid grids[LATENCY_TABLE_GRIDS];
    const size_t n_grids = latency_table_make("mechanisms", "Mechanisms", figures, n, grids);
    for (size_t i = 0; i < n_grids; i++) {
        grid_print(out, &(struct summary_style){0}, &grids[i]);
        grid_finish(&grids[i]);
    }
    fclose(out);
}

TEST(a_mechanism_is_one_row)
{
    struct figure figures[] = {
        measured_figure("pipe", "round-trip", "same-core", 64, 2100),
        measured_figure("pipe", "round-trip", "cross-core", 64, 70000),
        measured_figure("pipe", "round-trip", "cross-core", 64, 1900),
        measured_figure("pipe", "one-way", "same-core", 1024, 491),
        measured_figure("udp", "one-way", "cross-core", 1024, 2718),
        measured_figure("pipe", "transfer-1g", "same-core", 65536, 300e6),
        measured_figure("fork", "spawn", NULL, 0, 90000),
    };
    figures[2].wait = "spin";
    figures[4].middle.lost = 500;
    char *text = NULL;
    size_t n_text = 0;
    print_table(figures, 7, &text, &n_text);
    const char *row = strstr(text, "\npipe ");
    REQUIRE(row);
    double same, sleep, spin, million;
    CHECK_INT(sscanf(row, "\npipe %lf %lf %lf %lf", &same, &sleep, &spin, &million), ==, 4);
    CHECK(same == 2.1 && sleep == 70 && spin == 1.9 && million == 491);
    row = strstr(text, "\nudp ");
    REQUIRE(row);
    CHECK_INT(sscanf(row, "\nudp %lf", &million), ==, 1);
    CHECK(million == 5436); /* half of them were lost */
    CHECK(strstr(row, "50%"));
    CHECK(strstr(text, "Mechanisms: spawn") && strstr(text, "\nfork ")); /* nothing goes untold */
    CHECK_INT(count(text, "\npipe "), ==, 1);
    free(text);
}

/* ---- goals ------------------------------------------------------------------------------------------------------------------ */

TEST(goals_need_both_sides)
{
    const struct latency_host host = {.n_cpus = 2, .n_allowed = 2};
    struct latency_goal_result results[LATENCY_MAX_GOALS];
    struct figure figures[] = {
        measured_figure("pipe", "one-way", "cross-core", 1024, 900),
        measured_figure("channel-ring", "one-way", "cross-core", 1024, 60),
        measured_figure("unix-seqpacket", "one-way", "cross-core", 1024, 600),
    };
    CHECK_INT(latency_goals_judge(figures, 1, &host, results), ==, 0);
    REQUIRE(latency_goals_judge(figures, 3, &host, results) == 2);
    CHECK(results[0].met && results[0].measured == 15 && results[0].left == &figures[0]);
    CHECK(!results[1].met && results[1].measured == 10 && results[1].bound == 12);
    CHECK(strstr(results[1].limit, "channel-ring moves a message in 60 ns (17.1 GB/s"));
    strcpy(figures[1].middle.absent, "gone");
    CHECK_INT(latency_goals_judge(figures, 3, &host, results), ==, 0);
}

TEST(a_goal_that_is_not_met_says_what_limits_it)
{
    const struct latency_host host = {.n_cpus = 2, .n_allowed = 2};
    struct latency_goal_result results[LATENCY_MAX_GOALS];
    struct figure figures[] = {
        measured_figure("channel-ring", "round-trip", "cross-core", 64, 1000),
        measured_figure("bounce-2-lines", "round-trip", "cross-core", 0, 320),
    };
    figures[0].codec = "protobuf-c";
    figures[0].middle.shares = (struct figure_shares){43, 18, 77, 0, -1};
    const size_t n = latency_goals_judge(figures, 2, &host, results);
    REQUIRE(n == 2); /* 2.5 × the bounce, and 1.4 M calls/s */
    CHECK(!results[0].met && fabs(results[0].measured - 3.125) < 1e-9);
    CHECK(strstr(results[0].limit, "packing takes 43 ns, the scan 18, unpacking 77"));
    CHECK(!results[1].met && results[1].measured == 1);
    CHECK(strstr(results[1].limit, "320 ns here"));
    struct grid grid;
    latency_goals_make(figures, 2, &host, &grid);
    CHECK(strstr(grid.notes[0], "not met: ring call, cross-core, protobuf-c"));
    CHECK(strstr(grid.notes[0], "channel-ring round-trip, cross-core, 64 bytes, protobuf-c / bounce-2-lines"));
    grid_finish(&grid);
}

/* ---- the page --------------------------------------------------------------------------------------------------------------- */

/* A strict little judge of XML, without namespaces and entities beyond the usual five. True when well-formed. */
static bool is_xml(const char *text)
{
    static char open[64][32];
    unsigned depth = 0, n_roots = 0;
    for (const char *at = text; *at; at++) {
        if (*at == '&') {
            const size_t n = strcspn(at + 1, "; <&");
            if (at[1 + n] != ';' || n > 5)
                return false;
        }
        if (*at == '>' || (unsigned char)*at == 0x7f || ((unsigned char)*at < 0x20 && *at != '\n'))
            return false;
        if (*at != '<') {
            if (depth == 0 && *at != '\n')
                return false;
            continue;
        }
        const bool closes = at[1] == '/';
        at += 1 + closes;
        const size_t n_name = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789");
        if (n_name == 0 || n_name >= sizeof open[0])
            return false;
        const char *name = at;
        at += n_name;
        while (*at == ' ') {
            at += 1 + strspn(at + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789");
            if (closes || at[0] != '=' || at[1] != '"')
                return false;
            at += 2 + strcspn(at + 2, "\"<");
            if (*at++ != '"')
                return false;
        }
        const bool empty = *at == '/';
        at += empty;
        if (*at != '>' || (closes && empty))
            return false;
        if (closes) {
            if (depth == 0 || strlen(open[depth - 1]) != n_name || memcmp(open[depth - 1], name, n_name) != 0)
                return false;
            depth--;
        } else if (!empty) {
            n_roots += depth == 0;
            if (depth == 64)
                return false;
            snprintf(open[depth++], sizeof open[0], "%.*s", (int)n_name, name);
        }
    }
    return depth == 0 && n_roots == 1;
}

TEST(the_judge_of_xml_says_no)
{
    CHECK(is_xml("<a b=\"c\"><d/>text &amp; more</a>\n"));
    static const char *const wrong[] = {"",         "<a>",         "<a></b>",         "<a><b></a></b>",
                                        "<a/><b/>", "<a b=c/>",    "<a>&nothing</a>", "<a b=\"<\"/>",
                                        "text",     "<a>a > b</a>"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK(!is_xml(wrong[i]));
}

static void check_page(char *page)
{
    static const char doctype[] = "<!DOCTYPE html>\n";
    REQUIRE(strncmp(page, doctype, strlen(doctype)) == 0);
    char *style = strstr(page, "<style>"), *style_end = strstr(page, "</style>");
    REQUIRE(style && style_end);
    memset(style + 7, ' ', (size_t)(style_end - style - 7)); /* no markup */
    CHECK(is_xml(page + strlen(doctype)));
    CHECK(!strstr(page, "http:") && !strstr(page, "https:") && !strstr(page, "<script") && !strstr(page, "url("));
    CHECK(!strstr(page, "nan") && !strstr(page, "inf\""));
}

static char folder[] = "/tmp/test-latency-XXXXXX";

static char *in_folder(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void remove_folder(const char *name)
{
    unlink(in_folder(name));
    CHECK(rmdir(folder) == 0); /* and nothing else was in it */
}

TEST(the_page_is_whole_or_not_there)
{
    REQUIRE(mkdtemp(folder));
    static const char name[] = "a \"b\"<c>\n\xff.html";
    struct options options = usual_options();
    options.latency.report_path = in_folder(name);
    struct ran ran = run_section(&usual, &options);
    CHECK_INT(ran.status, ==, 0);
    const int fd = open(in_folder(name), O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    char *page = read_back(fd);
    check_page(page);
    CHECK(strstr(page, "The &lt;channel&gt;") && strstr(page, "no &lt;loopback&gt; here"));
    CHECK(strstr(page, "<svg ") && strstr(page, "<polyline "));
    CHECK(strstr(page, ">2.00<")); /* the median again, in a table */
    free(page);
    ran_finish(&ran);

    /* The page of before is replaced as a whole; and by nothing but a page. */
    options.latency.only = "tcp";
    ran = run_section(&usual, &options);
    CHECK_INT(ran.status, ==, EXIT_STATUS_BROKER); /* nothing could be measured, which the page says too */
    ran_finish(&ran);
    remove_folder(name);
}

TEST(a_page_that_cannot_be_written_is_told_before_measuring)
{
    REQUIRE(mkdtemp(folder));
    char long_name[300];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    REQUIRE(mkfifo(in_folder("fifo"), 0600) == 0);
    char slash[512], fifo[512], too_long[512];
    snprintf(slash, sizeof slash, "%s", in_folder("x/"));
    snprintf(fifo, sizeof fifo, "%s", in_folder("fifo"));
    snprintf(too_long, sizeof too_long, "%s", in_folder(long_name));
    const char *const paths[] = {"/dev/null", "/nowhere/at/all.html", folder, slash, fifo, too_long};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct options options = usual_options();
        options.latency.report_path = paths[i];
        struct ran ran = run_section(&usual, &options);
        if (ran.status != EXIT_STATUS_BROKER || count(ran.err, "\n") != 1 || !strstr(ran.err, "--report "))
            FAIL("%s: %d, %s", paths[i], ran.status, ran.err);
        CHECK_INT(seen->n_begun, ==, 0);
        ran_finish(&ran);
    }
    remove_folder("fifo");
}

/* ---- comparing --------------------------------------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

TEST(a_run_is_compared_with_an_earlier_one)
{
    REQUIRE(mkdtemp(folder));
    struct options options = usual_options();
    options.json = true;
    struct ran earlier = run_section(&usual, &options);
    write_file(in_folder("old"), earlier.out);
    options.json = false;
    options.latency.compare_path = in_folder("old");
    struct ran ran = run_section(&usual, &options);
    CHECK_INT(ran.status, ==, 0);
    CHECK(strstr(ran.out, "Against the earlier run"));
    CHECK(strstr(ran.out, "4 of 5 figures are in both; 0 faster and 0 slower"));
    ran_finish(&ran);
    ran_finish(&earlier);
    remove_folder("old");
}

TEST(ratios_are_new_to_old)
{
    REQUIRE(mkdtemp(folder));
    write_file(
        in_folder("old"),
        "{\"event\":\"latency-host\",\"t_ms\":1.0}\n"
        "{\"event\":\"latency\",\"name\":\"pipe\",\"test\":\"round-trip\",\"payload\":64,\"peers\":1,\"window\":1,"
        "\"placement\":\"same-core\",\"wait\":null,\"sandboxed\":false,\"codec\":\"none\",\"n\":10,\"per_s\":250000.0,"
        "\"p50_ns\":4200.0,\"low_p50_ns\":4000.0,\"high_p50_ns\":4400.0,\"absent\":null}\n");
    struct latency_earlier earlier;
    char why[256];
    REQUIRE(latency_compare_read(in_folder("old"), &earlier, why, sizeof why) == 0);
    struct figure figures[] = {measured_figure("pipe", "round-trip", "same-core", 64, 2100),
                               measured_figure("pipe", "round-trip", "cross-core", 64, 2100)};
    struct grid grid;
    latency_compare_make(&earlier, figures, 2, &grid);
    char *text = NULL;
    size_t n_text = 0;
    FILE *out = open_memstream(&text, &n_text);
    REQUIRE(out);
    grid_print(out, &(struct summary_style){0}, &grid);
    fclose(out);
    CHECK(strstr(text, "4.20 µs   2.10 µs  0.50     1.90      10%   0%  faster"));
    CHECK(strstr(text, "faster"));
    CHECK(strstr(text, "1 of 2 figures are in both; 1 faster and 0 slower"));
    free(text);
    grid_finish(&grid);
    latency_compare_finish(&earlier);
    remove_folder("old");
}

#define FIGURE_LINE "{\"event\":\"latency\",\"name\":\"a\",\"test\":\"b\",\"payload\":1,\"peers\":1,\"window\":1}\n"

TEST(what_is_no_earlier_run)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "holds no figure"},
        {"\n", ", line 1: is not one JSON object"},
        {"{\"event\":\"end\"}\n", "holds no figure"},
        {FIGURE_LINE "{\"event\":\"lat", ", line 2: is not one JSON object"},
        {FIGURE_LINE "{}\n", ", line 2: is no event"},
        {"{\"event\":\"latency\",\"name\":\"a\"}\n", ", line 1: is no figure"},
        {"{\"event\":\"latency\",\"name\":\"a\",\"test\":\"b\",\"payload\":-1,\"peers\":1,\"window\":1}\n",
         "is no figure"},
        {"{\"event\":\"latency\",\"name\":\"a\",\"test\":\"b\",\"payload\":0.5,\"peers\":1,\"window\":1}\n",
         "is no figure"},
        {"{\"event\":\"latency\",\"name\":\"a\",\"test\":\"b\",\"payload\":99999999999999999999,\"peers\":1,\"window\":"
         "1}\n",
         "is no figure"},
        {"\033[2J\n", "is not one JSON object"},
    };
    REQUIRE(mkdtemp(folder));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        write_file(in_folder("old"), rows[i].text);
        struct options options = usual_options();
        options.latency.compare_path = in_folder("old");
        struct ran ran = run_section(&usual, &options);
        if (ran.status != EXIT_STATUS_USAGE || count(ran.err, "\n") != 1 || !strstr(ran.err, rows[i].why))
            FAIL("not \"%s\": %d, %s", rows[i].why, ran.status, ran.err);
        CHECK(!strchr(ran.err, '\033'));
        CHECK_INT(seen->n_begun, ==, 0);
        ran_finish(&ran);
    }
    const char *const others[] = {"/nowhere", folder, "/dev/zero"};
    for (size_t i = 0; i < 3; i++) {
        struct latency_earlier earlier;
        char why[256] = "";
        CHECK(latency_compare_read(others[i], &earlier, why, sizeof why) < 0);
        CHECK(strstr(why, "--compare "));
        latency_compare_finish(&earlier);
    }
    struct latency_earlier earlier;
    char why[256];
    write_file(in_folder("old"), FIGURE_LINE);
    CHECK_INT(latency_compare_read(in_folder("old"), &earlier, why, sizeof why), ==, 0);
    CHECK_INT(earlier.n_figures, ==, 1);
    latency_compare_finish(&earlier);
    remove_folder("old");
}
