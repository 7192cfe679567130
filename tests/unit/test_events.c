/* Events: valid JSON whatever the strings hold, the contract's fields, and a reader that is slow or gone. */
#include "broker/events.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/layers.h"
#include "common/json.h"
#include "tests/test.h"

/* ---- what was written ----------------------------------------------------------------------------------- */

#define MAX_LINES 16

struct written {
    char *text;
    char *lines[MAX_LINES];
    size_t n_lines;
};

static int sink(void)
{
    int fd = memfd_create("events", MFD_CLOEXEC);
    REQUIRE(fd >= 0);
    return fd;
}

/* All that went to the sink, as lines that are JSON. Closes it. */
static void read_back(struct written *written, int fd)
{
    off_t n_bytes = lseek(fd, 0, SEEK_END);
    *written = (struct written){.text = calloc(1, (size_t)n_bytes + 1)};
    REQUIRE(written->text);
    CHECK_INT(pread(fd, written->text, (size_t)n_bytes, 0), ==, n_bytes);
    close(fd);
    CHECK(n_bytes == 0 || written->text[n_bytes - 1] == '\n');
    for (char *line = strtok(written->text, "\n"); line; line = strtok(NULL, "\n")) {
        REQUIRE(written->n_lines < MAX_LINES);
        if (!json_is_object(line))
            FAIL("not a JSON object: %s", line);
        written->lines[written->n_lines++] = line;
    }
}

static double t_ms_of(const char *line)
{
    const char *field = strstr(line, ",\"t_ms\":");
    REQUIRE(field);
    return strtod(field + strlen(",\"t_ms\":"), NULL);
}

/* What follows the time. */
static const char *after_time(const char *line)
{
    const char *field = strstr(line, ",\"t_ms\":");
    return field ? strchr(field + 1, ',') : "";
}

static void begin(struct events *events, int fd)
{
    events_init(events, fd, clock_now_ns());
    events_start(events, &(struct event_start){.tabs = 2, .level = 3, .layers = LAYERS_LEVEL_3});
}

/* ---- tests ---------------------------------------------------------------------------------------------- */

TEST(off_does_nothing)
{
    struct events events;
    begin(&events, -1);
    events_tab(&events, &(struct event_tab){.tab = 1, .state = "live"});
    events_end(&events, &(struct event_end){0});
    CHECK(!events.bytes);
    events_finish(&events);
    CHECK_INT(events_error(&events), ==, 0);
}

TEST(start_comes_first_and_nothing_is_lost)
{
    int fd = sink();
    struct events events;
    events_init(&events, fd, clock_now_ns());
    events_tab(&events, &(struct event_tab){.tab = 1, .state = "spawning"});
    events_refused(&events, &(struct event_refused){.tab = 2, .document = "x", .reason = "missing"});
    CHECK_INT(lseek(fd, 0, SEEK_END), ==, 0);
    usleep(2000);
    events_start(&events, &(struct event_start){.tabs = 2, .level = 2, .layers = LAYERS_LEVEL_2, .fds_open = 9});
    events_end(&events, &(struct event_end){.status = 1, .tabs_failed = 1, .fds_open = 9});
    events_finish(&events);
    CHECK_INT(events_error(&events), ==, 0);

    struct written written;
    read_back(&written, fd);
    REQUIRE(written.n_lines == 4);
    CHECK(strstr(written.lines[0], "{\"event\":\"start\""));
    CHECK(strstr(written.lines[0], ",\"tabs\":2,\"level\":2,\"layers\":{\"user-ns\":false,"));
    CHECK(strstr(written.lines[0], "\"landlock\":true,\"seccomp\":true,"));
    CHECK(strstr(written.lines[0], "},\"fds_open\":9}"));
    CHECK(strstr(written.lines[1], "{\"event\":\"tab\""));
    CHECK(strstr(written.lines[2], "{\"event\":\"refused\""));
    CHECK(strstr(written.lines[3], "{\"event\":\"end\""));
    CHECK(t_ms_of(written.lines[1]) + 1.5 < t_ms_of(written.lines[0])); /* its own time, not that of start */
    free(written.text);
}

TEST(without_a_start_the_end_is_still_told)
{
    int fd = sink();
    struct events events;
    events_init(&events, fd, clock_now_ns());
    events_end(&events, &(struct event_end){.status = 3});
    events_finish(&events);
    struct written written;
    read_back(&written, fd);
    REQUIRE(written.n_lines == 1);
    CHECK(strstr(written.lines[0], "\"status\":3"));
    free(written.text);
}

TEST(fields_are_the_contracts)
{
    int fd = sink();
    struct events events;
    begin(&events, fd);
    events_tab(&events, &(struct event_tab){.tab = 1, .state = "spawning", .document = "a.pdf"});
    events_tab(&events, &(struct event_tab){.tab = 1,
                                            .state = "live",
                                            .pid = 42,
                                            .document = "a.pdf",
                                            .kind = "pdf",
                                            .pages = 3,
                                            .title = "T",
                                            .first_live = true,
                                            .spawn_ns = 812345,
                                            .first_frame_ns = 12 * NS_PER_MS,
                                            .open_ns = 3 * NS_PER_MS,
                                            .paint_ns = 4500 * NS_PER_US});
    events_refused(&events,
                   &(struct event_refused){.tab = 2, .document = "b", .reason = "broken", .detail = "no header"});
    events_crash(&events, &(struct event_crash){.tab = 1,
                                                .verdict = "signal",
                                                .signal = SIGSEGV,
                                                .has_address = true,
                                                .pc = 0x401000,
                                                .backtrace = (const char *const[]){"a+1", "b+2"},
                                                .n_backtrace = 2,
                                                .detected_ns = 1500,
                                                .judged_ns = 2001,
                                                .restarts = 1,
                                                .will_retry = true,
                                                .next_try_ns = 250 * NS_PER_MS,
                                                .report = "1a2b3c4d",
                                                .injected = "segv-null",
                                                .stage = "idle",
                                                .as_expected = true});
    events_crash(&events,
                 &(struct event_crash){
                     .tab = 1, .verdict = "violation", .syscall = "openat", .args = {UINT64_MAX, 1, 2, 3, 4, 0x5f}});
    events_crash(&events, &(struct event_crash){.tab = 1,
                                                .verdict = "protocol",
                                                .reason = "3 zero-length",
                                                .will_retry = true,
                                                .injected = "wrong-state",
                                                .stage = "opening"});
    events_end(&events,
               &(struct event_end){
                   .status = 1, .tabs_live = 1, .tabs_failed = 1, .crashes = 3, .peak_rss_kb = 1000, .fds_open = 7});
    events_finish(&events);

    static const char *const expected[] = {
        ",\"tab\":1,\"state\":\"spawning\",\"pid\":null,\"document\":\"a.pdf\",\"kind\":null,"
        "\"pages\":null,"
        "\"title\":null}",
        ",\"tab\":1,\"state\":\"live\",\"pid\":42,\"document\":\"a.pdf\",\"kind\":\"pdf\","
        "\"pages\":3,"
        "\"title\":\"T\",\"spawn_ms\":0.812,\"first_frame_ms\":12.000,\"open_ms\":3.000,\"paint_ms\":4.500}",
        ",\"tab\":2,\"document\":\"b\",\"reason\":\"broken\",\"detail\":\"no header\"}",
        ",\"tab\":1,\"verdict\":\"signal\",\"signal\":\"SIGSEGV\",\"address\":\"0x0\",\"pc\":"
        "\"0x401000\","
        "\"backtrace\":[\"a+1\",\"b+2\"],\"syscall\":null,\"args\":null,\"reason\":null,\"detail\":null,\"detected_"
        "us\":2,\"judged_us\":3,"
        "\"restarts\":1,\"next_try_ms\":250.000,\"report\":\"1a2b3c4d\",\"injected\":\"segv-null\","
        "\"stage\":\"idle\",\"as_expected\":true}",
        ",\"tab\":1,\"verdict\":\"violation\",\"signal\":null,\"address\":null,\"pc\":null,"
        "\"backtrace\":[],"
        "\"syscall\":\"openat\",\"args\":[\"0xffffffffffffffff\",\"0x1\",\"0x2\",\"0x3\",\"0x4\","
        "\"0x5f\"],"
        "\"reason\":null,\"detail\":null,\"detected_us\":null,\"judged_us\":null,\"restarts\":0,"
        "\"next_try_ms\":null,\"report\":null,\"injected\":null,\"stage\":null}",
        ",\"tab\":1,\"verdict\":\"protocol\",\"signal\":null,\"address\":null,\"pc\":null,"
        "\"backtrace\":[],"
        "\"syscall\":null,\"args\":null,\"reason\":\"3 "
        "zero-length\",\"detail\":null,\"detected_us\":null,\"judged_us\":null,\"restarts\":0,"
        "\"next_try_ms\":0.000,\"report\":null,\"injected\":\"wrong-state\",\"stage\":\"opening\","
        "\"as_expected\":false}",
    };
    struct written written;
    read_back(&written, fd);
    const size_t n_expected = sizeof expected / sizeof expected[0];
    REQUIRE(written.n_lines == n_expected + 2);
    for (size_t i = 0; i < n_expected; i++)
        CHECK_STR(after_time(written.lines[i + 1]), expected[i]);
    const char *end = written.lines[n_expected + 1];
    CHECK(strstr(end, ",\"status\":1,\"tabs_live\":1,\"tabs_failed\":1,\"crashes\":3,\"wall_ms\":"));
    CHECK(strstr(end, ",\"peak_rss_kb\":1000,\"pss_kb\":null,\"fds_open\":7}"));
    free(written.text);
}

TEST(fields_of_faults_and_of_what_was_lost)
{
    int fd = sink();
    struct events events;
    begin(&events, fd);
    events_injected(&events, &(struct event_injected){.tab = 2,
                                                      .fault = "abort",
                                                      .stage = "painting",
                                                      .expected = "signal SIGABRT",
                                                      .what = "crashed with SIGABRT",
                                                      .right = true,
                                                      .recovered = true,
                                                      .recovered_ns = 5500 * NS_PER_US});
    events_injected(&events, &(struct event_injected){
                                 .tab = 1024, .fault = "frame-race", .stage = "idle", .expected = "none", .what = ""});
    events_chaos(&events, &(struct event_chaos){.seed = UINT64_MAX,
                                                .elapsed_ns = 1500 * NS_PER_MS,
                                                .faults = 40,
                                                .right = 39,
                                                .recovered = 38,
                                                .strays = 1,
                                                .detected_p50_ns = 1001,
                                                .detected_p99_ns = 2000,
                                                .judged_p50_ns = 3000,
                                                .judged_p99_ns = 4000,
                                                .recovered_p50_ns = 5000,
                                                .fds_before = 20,
                                                .fds_after = 21,
                                                .children_before = 5,
                                                .children_after = 6,
                                                .rss_before_kb = 7000,
                                                .rss_after_kb = 8000});
    events_zygote(&events,
                  &(struct event_zygote){
                      .lost = "init", .pid = 99, .why = "SIGKILL", .tabs = (const unsigned[]){1, 3}, .n_tabs = 2});
    events_zygote(&events, &(struct event_zygote){.lost = "zygote", .why = "exit"});
    events_report(&events, &(struct event_report){.tab = 7,
                                                  .id = "1a2b3c4d",
                                                  .file = "crash-1.txt",
                                                  .backtrace = (const char *const[]){"#0 a", "#1 \"b\""},
                                                  .n_backtrace = 2});
    events_report(&events, &(struct event_report){.tab = 7, .id = "1a2b3c4e"});
    events_progress(&events, 3, 1500 * NS_PER_MS);
    events_port(&events, &(struct event_port){.a = 1,
                                              .b = 2,
                                              .state = "open",
                                              .exchanged = true,
                                              .n = 10000,
                                              .p50_ns = 271,
                                              .p99_ns = 12345,
                                              .per_s = 1234567.8});
    events_port(&events, &(struct event_port){.a = 7, .b = 3, .state = "broken", .reason = "\"no\""});
    events_finish(&events);

    static const char *const expected[] = {
        ",\"tab\":2,\"kind\":\"abort\",\"stage\":\"painting\",\"expected\":\"signal SIGABRT\","
        "\"what\":\"crashed with SIGABRT\",\"right\":true,\"recovered\":true,\"recovered_ms\":5.500}",
        ",\"tab\":1024,\"kind\":\"frame-race\",\"stage\":\"idle\",\"expected\":\"none\",\"what\":\"\","
        "\"right\":false,\"recovered\":false,\"recovered_ms\":null}",
        ",\"seed\":18446744073709551615,\"elapsed_ms\":1500.000,\"faults\":40,\"right\":39,\"recovered\":38,"
        "\"strays\":1,\"detected_p50_us\":2,\"detected_p99_us\":2,\"judged_p50_us\":3,\"judged_p99_us\":4,"
        "\"recovered_p50_us\":5,\"recovered_p99_us\":null,\"fds_before\":20,\"fds_after\":21,"
        "\"children_before\":5,\"children_after\":6,\"rss_before_kb\":7000,\"rss_after_kb\":8000,\"good\":false}",
        ",\"lost\":\"init\",\"pid\":99,\"why\":\"SIGKILL\",\"tabs\":[1,3]}",
        ",\"lost\":\"zygote\",\"pid\":null,\"why\":\"exit\",\"tabs\":[]}",
        ",\"tab\":7,\"id\":\"1a2b3c4d\",\"file\":\"crash-1.txt\",\"backtrace\":[\"#0 a\",\"#1 \\\"b\\\"\"]}",
        ",\"tab\":7,\"id\":\"1a2b3c4e\",\"file\":null,\"backtrace\":[]}",
        ",\"tab\":3,\"waited_ms\":1500.000}",
        ",\"a\":1,\"b\":2,\"state\":\"open\",\"reason\":null,\"n\":10000,\"lost\":0,\"p50_us\":0.271,"
        "\"p99_us\":12.345,\"per_s\":1234567}",
        ",\"a\":7,\"b\":3,\"state\":\"broken\",\"reason\":\"\\\"no\\\"\",\"n\":null,\"lost\":null,\"p50_us\":null,"
        "\"p99_us\":null,\"per_s\":null}",
    };
    struct written written;
    read_back(&written, fd);
    const size_t n_expected = sizeof expected / sizeof expected[0];
    REQUIRE(written.n_lines == n_expected + 1);
    for (size_t i = 0; i < n_expected; i++)
        CHECK_STR(after_time(written.lines[i + 1]), expected[i]);
    static const char *const names[] = {"injected", "injected", "chaos",    "zygote", "zygote",
                                        "report",   "report",   "progress", "port",   "port"};
    for (size_t i = 0; i < n_expected; i++) {
        char begin_of_line[64];
        const int n = snprintf(begin_of_line, sizeof begin_of_line, "{\"event\":\"%s\",", names[i]);
        if (strncmp(written.lines[i + 1], begin_of_line, (size_t)n) != 0)
            FAIL("not %s: %s", names[i], written.lines[i + 1]);
    }
    free(written.text);
}

TEST(fields_of_latency_mode)
{
    int fd = sink();
    struct events events;
    events_init(&events, fd, clock_now_ns());
    const struct latency_host host = {.kernel = "Linux 6", .n_cpus = 2, .n_allowed = 1, .load = 0.5, .filter = true};
    events_latency_host(&events, &host, 3);
    struct figure figure = {.table = "channel",
                            .name = "channel-ring",
                            .test = "round-trip",
                            .placement = "same-core",
                            .codec = "direct",
                            .payload = 64,
                            .peers = 1,
                            .window = 32,
                            .sandboxed = true,
                            .n_runs = 1};
    figure_outcome_init(&figure.runs[0]);
    figure.runs[0].n = 1000;
    figure.runs[0].lost = 3;
    figure.runs[0].p50_ns = 320.25;
    figure.runs[0].per_s = 1.0 / 0.0; /* nobody has measured that */
    figure.runs[0].total_ms = 0.5;
    figure.runs[0].cpu_percent = 0;
    figure.runs[0].shares.pack_ns = 43;
    figure_conclude(&figure);
    events_latency(&events, &figure);
    strcpy(figure.runs[0].absent, "no \"ring\"");
    figure_conclude(&figure);
    events_latency(&events, &figure);
    events_finish(&events);

    struct written written;
    read_back(&written, fd);
    REQUIRE(written.n_lines == 3);
    CHECK(strstr(written.lines[0], "{\"event\":\"latency-host\""));
    CHECK(strstr(written.lines[0], ",\"kernel\":\"Linux 6\",\"cpu\":null,\"virtualized\":false,\"cpus\":2,"));
    const char *line = written.lines[1];
    CHECK(strstr(line, ",\"name\":\"channel-ring\",\"test\":\"round-trip\",\"payload\":64,\"peers\":1,\"window\":32,"
                       "\"placement\":\"same-core\",\"wait\":null,\"sandboxed\":true,\"codec\":\"direct\",\"runs\":1,"
                       "\"n\":1000,\"lost\":3,\"disordered\":0,\"per_s\":null,\"p50_ns\":320.2,\"p90_ns\":null,"));
    CHECK(strstr(line, "\"total_ms\":0.500000,\"cpu_ns_per_call\":null,\"cpu_percent\":0.0,\"wakeups_per_s\":null,"));
    CHECK(strstr(line, "\"pack_ns\":43.0,\"scan_ns\":null,"));
    CHECK(strstr(line, "\"curve_ns\":null,") && strstr(line, "\"absent\":null}"));
    CHECK(strstr(written.lines[2], "\"n\":null,\"lost\":null,\"disordered\":null,"));
    CHECK(strstr(written.lines[2], "\"cpu_percent\":null,") &&
          strstr(written.lines[2], "\"absent\":\"no \\\"ring\\\"\"}"));
    free(written.text);
}

TEST(hostile_strings_stay_strings)
{
    static const char *const hostile[] = {
        "a\"},\n{\"event\":\"end\"",
        "\033]52;c;eA==\a",
        "\xff\xfe\x80",
        "\\",
        "\xe2\x80\xae"
        "fdp.exe",
        "\x01\x7f\xc2\x9b",
    };
    int fd = sink();
    struct events events;
    begin(&events, fd);
    const size_t n_hostile = sizeof hostile / sizeof hostile[0];
    for (size_t i = 0; i < n_hostile; i++)
        events_crash(&events, &(struct event_crash){.tab = 1,
                                                    .verdict = "signal",
                                                    .backtrace = &hostile[i],
                                                    .n_backtrace = 1,
                                                    .syscall = hostile[i],
                                                    .reason = hostile[i],
                                                    .detail = hostile[i],
                                                    .report = hostile[i]});
    events_injected(&events, &(struct event_injected){.tab = 1, .fault = "abort", .stage = "idle", .what = hostile[1]});
    events_zygote(&events, &(struct event_zygote){.lost = "init", .why = hostile[0]});
    events_report(&events, &(struct event_report){
                               .tab = 1, .id = hostile[2], .file = hostile[4], .backtrace = hostile, .n_backtrace = 6});
    events_tab(&events, &(struct event_tab){.tab = 1, .state = "live", .document = hostile[0], .title = hostile[1]});
    events_finish(&events);

    struct written written;
    read_back(&written, fd);
    CHECK_INT(written.n_lines, ==, n_hostile + 5);
    for (size_t i = 0; i < written.n_lines; i++)
        for (const char *c = written.lines[i]; *c; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                FAIL("raw control character %d in line %zu", *c, i);
    free(written.text);
}

TEST(a_signal_without_a_name)
{
    int fd = sink();
    struct events events;
    begin(&events, fd);
    events_crash(&events, &(struct event_crash){.tab = 1, .verdict = "signal", .signal = SIGRTMIN + 2});
    events_crash(&events, &(struct event_crash){.tab = 1, .verdict = "signal", .signal = 32});
    events_finish(&events);
    struct written written;
    read_back(&written, fd);
    REQUIRE(written.n_lines == 3);
    CHECK(strstr(written.lines[1], "\"signal\":\"SIGRTMIN+2\""));
    CHECK(strstr(written.lines[2], "\"signal\":\"signal 32\""));
    free(written.text);
}

TEST(a_full_disk_is_noticed)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    struct events events;
    begin(&events, fd);
    CHECK_INT(events_error(&events), ==, -ENOSPC);
    events_tab(&events, &(struct event_tab){.tab = 1, .state = "live"});
    events_finish(&events);
    CHECK_INT(events_error(&events), ==, -ENOSPC);
    close(fd);
}

TEST(a_reader_that_has_gone_is_noticed)
{
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    signal(SIGPIPE, SIG_IGN);
    close(ends[0]);
    struct events events;
    begin(&events, ends[1]);
    CHECK_INT(events_error(&events), ==, -EPIPE);
    events_finish(&events);
    close(ends[1]);
}

/* Writes until far more than a pipe holds is out, to a reader that takes it in small sips. */
TEST(a_slow_reader_gets_every_byte)
{
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0); /* as a shell may hand it over */
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        char sip[997];
        size_t n_lines = 0;
        ssize_t n;
        close(ends[1]);
        while ((n = read(ends[0], sip, sizeof sip)) > 0)
            for (ssize_t i = 0; i < n; i++)
                n_lines += sip[i] == '\n';
        _exit(n_lines == 201 ? 0 : 1);
    }
    close(ends[0]);
    char title[1001];
    memset(title, '\033', sizeof title - 1); /* six bytes each: longer than PIPE_BUF */
    title[sizeof title - 1] = '\0';
    struct events events;
    begin(&events, ends[1]);
    for (unsigned i = 0; i < 200; i++)
        events_tab(&events, &(struct event_tab){.tab = i + 1, .state = "live", .title = title});
    events_finish(&events);
    CHECK_INT(events_error(&events), ==, 0);
    close(ends[1]);
    int status;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(a_stuck_reader_does_not_keep_the_broker_from_ending)
{
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    REQUIRE(sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
    raise(SIGTERM);

    struct events events;
    begin(&events, ends[1]);
    uint64_t start_ns = clock_now_ns();
    for (unsigned i = 0; i < 2000 && !events_error(&events); i++)
        events_tab(&events, &(struct event_tab){.tab = 1, .state = "live"});
    CHECK_INT(events_error(&events), ==, -ETIMEDOUT);
    CHECK_INT(clock_now_ns() - start_ns, <, 1900 * NS_PER_MS);
    events_finish(&events);
    close(ends[0]);
    close(ends[1]);
}
