/* Ends: of the broker, of a renderer, of the zygote, of init. Whoever dies, the others go on or follow, and it is told. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/process/run.h"
#include "tests/test.h"

/* A frame this large takes a renderer long enough to paint for others to notice. */
#define SLOW_SIZE "7000x5000"

static void stay(struct run *run, const char *spawn, unsigned n_tabs)
{
    char n[16];
    snprintf(n, sizeof n, "%u", n_tabs);
    RUN(run, NULL, "--json", "--stay", "--spawn", spawn, "--tabs", n, "--size", "320x240", scratch_scene("a.scene"));
    REQUIRE(run_sees(run, "\"live\"", n_tabs, 30000));
}

/* Still there, and its renderer too. */
static void check_live(const struct run *run, unsigned tab)
{
    struct event event;
    if (run_event(run, "tab", tab, "failed", &event) || kill(run_pid_of(run, tab), 0) < 0)
        FAIL("tab %u did not stay live", tab);
}

static const char *verdict_of(const struct run *run, unsigned tab)
{
    struct event event;
    return run_event(run, "crash", tab, NULL, &event) ? event_text(&event, "verdict") : "none told";
}

static void check_end_event(const struct run *run, int status, int n_live)
{
    struct event start, end;
    REQUIRE(run_event(run, "start", 0, NULL, &start) && run_event(run, "end", 0, NULL, &end));
    CHECK_INT(event_number(&end, "status"), ==, status);
    CHECK_INT(event_number(&end, "tabs_live"), ==, n_live);
    CHECK_INT(event_number(&end, "fds_open"), ==, event_number(&start, "fds_open"));
}

static void asked_to_end(const char *spawn, int signal)
{
    struct run run;
    stay(&run, spawn, 4);
    const uint64_t asked_ns = clock_now_ns();
    kill(run.pid, signal);
    CHECK_INT(run_end(&run, 5000), ==, 128 + signal);
    CHECK_INT((run.end_ns - asked_ns) / NS_PER_MS, <, 2000);
    check_end_event(&run, 128 + signal, 4);
    run_finish(&run);
}

TEST_WITHIN(sigterm, 60)
{
    asked_to_end("zygote", SIGTERM);
}

TEST_WITHIN(sigint, 60)
{
    asked_to_end("zygote", SIGINT);
}

TEST_WITHIN(sigterm_exec, 60)
{
    asked_to_end("exec", SIGTERM);
}

TEST_WITHIN(sigterm_while_tabs_load, 60)
{
    struct run run;
    RUN(&run, NULL, "--json", "--tabs", "64", "--size", "2000x2000", scratch_scene("a.scene"));
    REQUIRE(run_sees(&run, "\"loading\"", 1, 20000));
    const uint64_t asked_ns = clock_now_ns();
    kill(run.pid, SIGTERM);
    CHECK_INT(run_end(&run, 5000), ==, 143);
    CHECK_INT((run.end_ns - asked_ns) / NS_PER_MS, <, 2000);
    run_finish(&run);
}

/* A renderer that does not listen holds nobody up. */
TEST_WITHIN(sigterm_with_a_stopped_renderer, 60)
{
    struct run run;
    stay(&run, "zygote", 2);
    kill(run_pid_of(&run, 1), SIGSTOP);
    const uint64_t asked_ns = clock_now_ns();
    kill(run.pid, SIGTERM);
    CHECK_INT(run_end(&run, 5000), ==, 143);
    CHECK_INT((run.end_ns - asked_ns) / NS_PER_MS, <, 2000);
    run_finish(&run);
}

TEST_WITHIN(second_sigint, 60)
{
    struct run run;
    stay(&run, "zygote", 4);
    /* Stopped renderers make the orderly end last a moment. */
    for (unsigned tab = 1; tab <= 4; tab++)
        kill(run_pid_of(&run, tab), SIGSTOP);
    kill(run.pid, SIGINT);
    kill(run.pid, SIGSTOP); /* so that both are seen in turn, not as one */
    sleep_ms(20);
    kill(run.pid, SIGCONT);
    sleep_ms(5);
    kill(run.pid, SIGINT);
    run.killed = true; /* it may leave at once */
    CHECK_INT(run_end(&run, 5000), ==, 130);
    run_finish(&run);
}

static void broker_killed(const char *spawn)
{
    struct run run;
    stay(&run, spawn, 4);
    run.killed = true;
    kill(run.pid, SIGKILL);
    CHECK_INT(run_end(&run, 5000), ==, 128 + SIGKILL); /* it looks for who is left after a second */
    run_finish(&run);
}

TEST_WITHIN(broker_killed, 60)
{
    broker_killed("zygote");
}

TEST_WITHIN(broker_killed_exec, 60)
{
    broker_killed("exec");
}

TEST_WITHIN(broker_killed_while_tabs_load, 60)
{
    for (unsigned ms = 0; ms < 40; ms += 5) {
        struct run run;
        RUN(&run, NULL, "--json", "--tabs", "16", scratch_scene("a.scene"));
        sleep_ms(ms);
        run.killed = true;
        kill(run.pid, SIGKILL);
        CHECK_INT(run_end(&run, 5000), ==, 128 + SIGKILL);
        run_finish(&run);
    }
}

static void renderer_killed(const char *spawn)
{
    struct run run;
    stay(&run, spawn, 3);
    kill(run_pid_of(&run, 2), SIGKILL);
    CHECK(run_sees(&run, "\"crash\"", 1, 5000));
    CHECK(run_sees(&run, "\"restarting\"", 1, 5000));
    CHECK(run_sees(&run, "\"live\"", 4, 5000));
    CHECK_STR(verdict_of(&run, 2), "killed");
    for (unsigned tab = 1; tab <= 3; tab++) {
        check_live(&run, tab);
        CHECK_INT(run_count_of(&run, "tab", tab, "live"), ==, tab == 2 ? 2 : 1);
    }
    kill(run.pid, SIGTERM);
    CHECK_INT(run_end(&run, 5000), ==, 143);
    check_end_event(&run, 143, 3);
    run_finish(&run);
}

TEST_WITHIN(renderer_killed, 60)
{
    renderer_killed("zygote");
}

TEST_WITHIN(renderer_killed_exec, 60)
{
    renderer_killed("exec");
}

/* Without --stay the exit status says so, though it came up in the end. */
TEST_WITHIN(renderer_killed_while_it_paints, 60)
{
    struct run run;
    RUN(&run, NULL, "--json", "--size", SLOW_SIZE, scratch_scene("a.scene"));
    REQUIRE(run_sees(&run, "\"loading\"", 1, 20000));
    kill(run_pid_of(&run, 1), SIGKILL);
    CHECK_INT(run_end(&run, 20000), ==, 1);
    CHECK_STR(verdict_of(&run, 1), "killed");
    CHECK_INT(run_count(&run, "tab", "live"), ==, 1);
    check_end_event(&run, 1, 1);
    run_finish(&run);
}

/* Any signal that somebody sends is told by its name, whatever handler there was. */
TEST_WITHIN(signals_sent_to_renderers, 60)
{
    static const struct {
        int signal;
        const char *name;
    } rows[] = {{SIGSEGV, "SIGSEGV"}, {SIGABRT, "SIGABRT"}, {SIGTERM, "SIGTERM"}, {SIGHUP, "SIGHUP"},
                {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},   {SIGILL, "SIGILL"},   {SIGTRAP, "SIGTRAP"}};
    struct run run;
    stay(&run, "zygote", 8);
    for (unsigned i = 0; i < 8; i++) {
        struct event event;
        kill(run_pid_of(&run, i + 1), rows[i].signal);
        REQUIRE(run_sees(&run, "\"crash\"", i + 1, 5000));
        REQUIRE(run_event(&run, "crash", i + 1, NULL, &event));
        if (strcmp(event_text(&event, "verdict"), "signal") != 0 ||
            strcmp(event_text(&event, "signal"), rows[i].name) != 0)
            FAIL("%s: %.*s", rows[i].name, (int)event.n, event.line);
    }
    kill(run.pid, SIGTERM);
    CHECK_INT(run_end(&run, 5000), ==, 143);
    run_finish(&run);
}

/* Its work is done for the tabs that live; a new one is there for those that come. */
static void zygote_killed_while_live(const char *spawn)
{
    struct run run;
    stay(&run, spawn, 3);
    const pid_t zygote = zygote_of(run.pid);
    if (zygote < 0)
        SKIP("which one the zygote is shows at level 3 only");
    kill(zygote, SIGKILL);
    const uint64_t end_ns = clock_now_ns() + 5 * NS_PER_S;
    pid_t next = -1;
    while ((next < 0 || next == zygote) && clock_now_ns() < end_ns) {
        sleep_ms(10);
        next = zygote_of(run.pid);
    }
    CHECK(next > 0 && next != zygote);
    for (unsigned tab = 1; tab <= 3; tab++)
        check_live(&run, tab);
    kill(run.pid, SIGTERM);
    CHECK_INT(run_end(&run, 5000), ==, 143);
    check_end_event(&run, 143, 3);
    run_finish(&run);
}

TEST_WITHIN(zygote_killed_while_tabs_live, 60)
{
    zygote_killed_while_live("zygote");
}

TEST_WITHIN(zygote_killed_while_tabs_live_exec, 60)
{
    zygote_killed_while_live("exec");
}

/* At ever later moments, while tabs load: all of them come up in the end. */
TEST_WITHIN(zygote_killed_while_tabs_load, 120)
{
    for (unsigned ms = 1; ms < 60; ms += 7) {
        struct run run;
        RUN(&run, NULL, "--json", "--tabs", "24", "--size", "320x240", scratch_scene("a.scene"));
        sleep_ms(ms);
        pid_t children[4];
        const pid_t first = children_of(run.pid, children, 4) > 0 ? children[0] : -1;
        const bool hit = first > 0 && kill(first, SIGKILL) == 0;
        /* A renderer whose zygote died before it could tell of it is nobody's, and leaves by itself within the second. */
        run.killed = true;
        const int status = run_end(&run, 30000);
        /* Killed before it was warm at level 3 it looks like a host that forbids namespaces: level 2 then, and told. */
        struct event event;
        const bool ended = run_event(&run, "end", 0, NULL, &event);
        if (!ended || status != 0 || event_number(&event, "tabs_live") != 24)
            FAIL("zygote %s after %u ms: status %d, %s", hit ? "killed" : "missed", ms, status, run.err);
        run_finish(&run);
    }
}

/* The kernel's rule: with init go all in its namespace. It is told as one, and all come back. */
TEST_WITHIN(init_killed, 60)
{
    struct run run;
    struct event event;
    stay(&run, "zygote", 2);
    const pid_t init = init_of(run.pid);
    if (init < 0)
        SKIP("there is an init at level 3 only");
    kill(init, SIGKILL);
    CHECK(run_sees(&run, "\"live\"", 4, 10000));
    CHECK(run_event(&run, "zygote", 0, NULL, &event));
    CHECK_INT(run_count(&run, "crash", NULL), ==, 0);
    for (unsigned tab = 1; tab <= 2; tab++)
        check_live(&run, tab);
    kill(run.pid, SIGTERM);
    CHECK_INT(run_end(&run, 5000), ==, 143);
    check_end_event(&run, 143, 2);
    run_finish(&run);
}

static void hang(const char *spawn)
{
    struct run run;
    RUN(&run, NULL, "--json", "--timeout", "2", "--spawn", spawn, "--size", SLOW_SIZE, scratch_scene("a.scene"));
    REQUIRE(run_sees(&run, "\"loading\"", 1, 20000));
    const uint64_t stopped_ns = clock_now_ns();
    kill(run_pid_of(&run, 1), SIGSTOP);
    CHECK_INT(run_end(&run, 20000), ==, 1);
    const uint64_t took_ms = (run.end_ns - stopped_ns) / NS_PER_MS;
    CHECK_INT(took_ms, >=, 1000);
    CHECK_INT(took_ms, <, 5000);
    CHECK_STR(verdict_of(&run, 1), "hang");
    check_end_event(&run, 1, 0);
    run_finish(&run);
}

TEST_WITHIN(renderer_stopped_while_it_paints, 60)
{
    hang("zygote");
}

TEST_WITHIN(renderer_stopped_while_it_paints_exec, 60)
{
    hang("exec");
}

/* Under nohup, and in a terminal that is closed. */
TEST_WITHIN(hangup, 60)
{
    struct run run;
    stay(&run, "zygote", 1);
    kill(run.pid, SIGHUP);
    CHECK_INT(run_end(&run, 5000), ==, 128 + SIGHUP);
    run_finish(&run);

    signal(SIGHUP, SIG_IGN);
    stay(&run, "zygote", 1);
    kill(run.pid, SIGHUP);
    sleep_ms(100);
    check_live(&run, 1);
    kill(run.pid, SIGTERM);
    CHECK_INT(run_end(&run, 5000), ==, 143);
    run_finish(&run);
}
