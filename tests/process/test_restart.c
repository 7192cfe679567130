/* What dies comes back: after how long, how often, with what it showed; and who is not to blame is not accused. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "tests/process/run.h"
#include "tests/test.h"

#define SIZE "160x120"

/* ---- waiting ---------------------------------------------------------------------------------------------------------- */

struct wanted {
    const char *name;
    unsigned tab;
    const char *state;
    unsigned n;
};

static bool has_seen(const struct run *run, const void *what)
{
    const struct wanted *wanted = what;
    return run_count_of(run, wanted->name, wanted->tab, wanted->state) >= wanted->n;
}

static bool sees_tab(struct run *run, unsigned tab, const char *state, unsigned n, unsigned limit_ms)
{
    const struct wanted wanted = {.name = "tab", .tab = tab, .state = state, .n = n};
    return run_waits(run, has_seen, &wanted, limit_ms);
}

static bool sees_event(struct run *run, const char *name, unsigned n, unsigned limit_ms)
{
    const struct wanted wanted = {.name = name, .n = n};
    return run_waits(run, has_seen, &wanted, limit_ms);
}

static void leave(struct run *run, int n_live)
{
    struct event start, end;
    kill(run->pid, SIGTERM);
    CHECK_INT(run_end(run, 5000), ==, 143);
    REQUIRE(run_event(run, "start", 0, NULL, &start) && run_event(run, "end", 0, NULL, &end));
    CHECK_INT(event_number(&end, "tabs_live"), ==, n_live);
    CHECK_INT(event_number(&end, "fds_open"), ==, event_number(&start, "fds_open"));
    run_finish(run);
}

/* ---- back-off and breaker ------------------------------------------------------------------------------------------------- */

/* The time between the crash event and the tab's next renderer, both as the broker tells them. */
static void check_delay(const struct run *run, unsigned n_crash, const struct event *crash)
{
    const double whole_ms = 250 << (n_crash - 1);
    const double promised_ms = strtod(event_text(crash, "next_try_ms"), NULL);
    if (promised_ms < whole_ms * 0.75 || promised_ms > whole_ms * 1.25)
        FAIL("crash %u: next try promised after %.0f ms", n_crash, promised_ms);
    struct event event;
    REQUIRE(run_last_event(run, "tab", 1, "spawning", &event));
    const double took_ms = strtod(event_text(&event, "t_ms"), NULL) - strtod(event_text(crash, "t_ms"), NULL);
    if (took_ms < promised_ms - 1 || took_ms > promised_ms + 300)
        FAIL("crash %u: tried again after %.0f ms, not %.0f", n_crash, took_ms, promised_ms);
}

static void kill_tab(const struct run *run, unsigned tab)
{
    REQUIRE(run_pid_of(run, tab) > 0);
    REQUIRE(kill(run_pid_of(run, tab), SIGKILL) == 0);
}

TEST_WITHIN(back_off_breaker_and_by_hand, 60)
{
    struct run run;
    struct event crash, event;
    RUN(&run, NULL, "--json", "--stay", "--size", SIZE, scratch_scene("a.scene"), scratch_scene("b.scene"));
    REQUIRE(sees_tab(&run, 1, "live", 1, 20000) && sees_tab(&run, 2, "live", 1, 20000));
    for (unsigned n = 1; n <= 4; n++) {
        kill_tab(&run, 1);
        REQUIRE(sees_tab(&run, 1, "restarting", n, 5000));
        REQUIRE(sees_tab(&run, 1, "live", n + 1, 10000));
        REQUIRE(run_last_event(&run, "crash", 1, NULL, &crash));
        CHECK_STR(event_text(&crash, "verdict"), "killed");
        CHECK_INT(event_number(&crash, "restarts"), ==, n - 1);
        check_delay(&run, n, &crash);
    }
    kill_tab(&run, 1);
    REQUIRE(sees_tab(&run, 1, "failed", 1, 5000));
    REQUIRE(run_last_event(&run, "crash", 1, NULL, &crash));
    CHECK_STR(event_text(&crash, "next_try_ms"), "null");
    CHECK_INT(run_count(&run, "crash", NULL), ==, 5);

    /* By hand: once more. */
    kill(run.pid, SIGUSR1);
    REQUIRE(sees_tab(&run, 1, "live", 6, 5000));
    CHECK(kill(run_pid_of(&run, 1), 0) == 0);
    /* A picture made up for all: it is tried again by itself, after the shortest time. */
    kill_tab(&run, 1);
    REQUIRE(sees_tab(&run, 1, "live", 7, 5000));
    REQUIRE(run_last_event(&run, "crash", 1, NULL, &crash));
    check_delay(&run, 1, &crash);

    CHECK_INT(run_count_of(&run, "tab", 2, "live"), ==, 1);
    CHECK(!run_event(&run, "tab", 2, "restarting", &event));
    leave(&run, 2);
}

/* Nothing has failed: there is nothing to do. */
TEST_WITHIN(by_hand_where_all_is_well, 60)
{
    struct run run;
    RUN(&run, NULL, "--json", "--stay", "--size", SIZE, scratch_scene("a.scene"));
    REQUIRE(sees_tab(&run, 1, "live", 1, 20000));
    const pid_t pid = run_pid_of(&run, 1);
    for (int i = 0; i < 20; i++)
        kill(run.pid, SIGUSR1);
    CHECK(!sees_tab(&run, 1, "spawning", 2, 300));
    CHECK_INT(run_pid_of(&run, 1), ==, pid);
    leave(&run, 1);
}

/* One that was refused gets another look at its file. */
TEST_WITHIN(by_hand_with_a_file_that_has_come, 60)
{
    struct run run;
    char path[128];
    snprintf(path, sizeof path, "%s", scratch_path("late.scene"));
    RUN(&run, NULL, "--json", "--stay", "--size", SIZE, path);
    REQUIRE(sees_tab(&run, 1, "failed", 1, 20000));
    kill(run.pid, SIGUSR1); /* still missing */
    sleep_ms(100);
    scratch_scene("late.scene");
    kill(run.pid, SIGUSR1);
    REQUIRE(sees_tab(&run, 1, "live", 1, 5000));
    leave(&run, 1);
}

/* A hang before the first picture would only hang again. */
TEST_WITHIN(a_hang_before_the_first_picture_is_final, 60)
{
    struct run run;
    struct event crash;
    RUN(&run, NULL, "--json", "--timeout", "1", "--size", "7000x5000", scratch_scene("a.scene"));
    REQUIRE(sees_tab(&run, 1, "loading", 1, 20000));
    kill(run_pid_of(&run, 1), SIGSTOP);
    CHECK_INT(run_end(&run, 10000), ==, 1);
    REQUIRE(run_event(&run, "crash", 1, NULL, &crash));
    CHECK_STR(event_text(&crash, "verdict"), "hang");
    CHECK_STR(event_text(&crash, "next_try_ms"), "null");
    CHECK_INT(run_count(&run, "tab", "restarting"), ==, 0);
    CHECK_INT(run_count(&run, "tab", "failed"), ==, 1);
    run_finish(&run);
}

/* ---- what it shows ---------------------------------------------------------------------------------------------------------- */

static bool same_files(const char *one, const char *other)
{
    static char a[1 << 20], b[1 << 20];
    CLOSE_FD int fd_a = open(one, O_RDONLY | O_CLOEXEC);
    CLOSE_FD int fd_b = open(other, O_RDONLY | O_CLOEXEC);
    const ssize_t n_a = fd_a >= 0 ? read(fd_a, a, sizeof a) : -1, n_b = fd_b >= 0 ? read(fd_b, b, sizeof b) : -2;
    return n_a > 0 && n_a == n_b && memcmp(a, b, (size_t)n_a) == 0;
}

static void show_page(const char *page, const char *folder, const char *fault, const char *document)
{
    struct run run;
    if (fault != NULL)
        CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--size", "320x240", "--page", page, "--snapshot", folder, "--inject",
                            fault, document),
                  ==, 1);
    else
        CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--size", "320x240", "--page", page, "--snapshot", folder, document),
                  ==, 0);
    CHECK_INT(run_count(&run, "tab", "live"), ==, fault != NULL ? 2 : 1);
    run_finish(&run);
}

/* Four renderers of one page, and one of another. */
TEST_WITHIN(the_page_is_kept, 60)
{
    char one[128], before[128], after[128];
    const char *document = scratch_scene("a.scene");
    snprintf(one, sizeof one, "%s/tab-001.png", scratch_path("one"));
    snprintf(before, sizeof before, "%s/tab-001.png", scratch_path("before"));
    snprintf(after, sizeof after, "%s/tab-001.png", scratch_path("after"));
    show_page("1", scratch_path("one"), NULL, document);
    show_page("2", scratch_path("before"), NULL, document);
    show_page("2", scratch_path("after"), "exit-0", document);
    CHECK(same_files(before, after));
    CHECK(!same_files(before, one)); /* a scene's pages differ, or this proves nothing */
}

/* What failed for good has a picture too: the broker's own, of what happened. What was refused has none. */
TEST_WITHIN(the_crash_page_is_in_the_snapshot, 60)
{
    struct run run;
    RUN(&run, NULL, "--json", "--timeout", "0.5", "--size", "2000x2000", "--snapshot", scratch_path("pictures"),
        scratch_scene("a.scene"), scratch_path("missing"));
    REQUIRE(sees_tab(&run, 1, "loading", 1, 20000));
    kill(run_pid_of(&run, 1), SIGSTOP);
    CHECK_INT(run_end(&run, 20000), ==, 1);
    char path[128];
    struct stat status;
    snprintf(path, sizeof path, "%s/tab-001.png", scratch_path("pictures"));
    if (run_count(&run, "crash", NULL) > 0)
        CHECK(stat(path, &status) == 0 && status.st_size > 1000);
    else
        FAIL("it had painted before it was stopped");
    snprintf(path, sizeof path, "%s/tab-002.png", scratch_path("pictures"));
    CHECK(stat(path, &status) < 0);
    snprintf(path, sizeof path, "%s/contact-sheet.png", scratch_path("pictures"));
    CHECK(stat(path, &status) == 0);
    run_finish(&run);
}

/* ---- who is not to blame ------------------------------------------------------------------------------------------------------ */

/* As a laptop that was closed: the broker sleeps far longer than its patience, while tabs climb, open and paint. */
static void broker_sleeps(unsigned after_ms)
{
    struct run run;
    RUN(&run, NULL, "--json", "--timeout", "1", "--tabs", "6", "--size", "2000x1500", scratch_scene("a.scene"));
    sleep_ms(after_ms);
    kill(run.pid, SIGSTOP);
    sleep_ms(3000);
    kill(run.pid, SIGCONT);
    const int status = run_end(&run, 30000);
    if (status != 0 || run_count(&run, "crash", NULL) != 0)
        FAIL("asleep after %u ms: exit status %d: %s", after_ms, status, run.err);
    run_finish(&run);
}

TEST_WITHIN(the_broker_sleeps_and_accuses_nobody, 90)
{
    static const unsigned after_ms[] = {5, 30, 60, 100, 200};
    for (size_t i = 0; i < sizeof after_ms / sizeof after_ms[0]; i++)
        broker_sleeps(after_ms[i]);
}

/* And one that really hangs is still found, once the broker is awake. */
TEST_WITHIN(a_hang_is_found_after_the_sleep, 60)
{
    struct run run;
    struct event crash;
    RUN(&run, NULL, "--json", "--timeout", "0.5", "--size", "7000x5000", scratch_scene("a.scene"));
    REQUIRE(sees_tab(&run, 1, "loading", 1, 20000));
    kill(run_pid_of(&run, 1), SIGSTOP);
    kill(run.pid, SIGSTOP);
    sleep_ms(2000);
    kill(run.pid, SIGCONT);
    CHECK_INT(run_end(&run, 10000), ==, 1);
    REQUIRE(run_event(&run, "crash", 1, NULL, &crash));
    CHECK_STR(event_text(&crash, "verdict"), "hang");
    run_finish(&run);
}

/* A book whose chapters are laid out one after the other: an archive of stored files. */
#define N_CHAPTERS 150

struct archive {
    char bytes[512 * 1024], list[4096];
    size_t n, n_list;
    unsigned n_files;
};

static void put(char *out, size_t *n, uint64_t value, unsigned n_bytes)
{
    for (unsigned i = 0; i < n_bytes; i++)
        out[(*n)++] = (char)(value >> 8 * i);
}

static uint32_t checksum(const char *bytes, size_t n)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= (unsigned char)bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* Version, flags, method, time, date, checksum, both sizes, length of the name, of what is extra. */
static void put_facts(char *out, size_t *n, const char *name, const char *text)
{
    const uint32_t n_text = (uint32_t)strlen(text);
    put(out, n, 10, 2);
    put(out, n, 0, 8);
    put(out, n, checksum(text, n_text), 4);
    put(out, n, n_text, 4);
    put(out, n, n_text, 4);
    put(out, n, (uint32_t)strlen(name), 2);
    put(out, n, 0, 2);
}

static void put_text(char *out, size_t *n, const char *text)
{
    memcpy(out + *n, text, strlen(text));
    *n += strlen(text);
}

static void archive_add(struct archive *archive, const char *name, const char *text)
{
    REQUIRE(archive->n + strlen(text) + 512 < sizeof archive->bytes && archive->n_list + 128 < sizeof archive->list);
    put(archive->list, &archive->n_list, 0x02014b50, 4);
    put(archive->list, &archive->n_list, 20, 2);
    put_facts(archive->list, &archive->n_list, name, text);
    put(archive->list, &archive->n_list, 0, 4);
    put(archive->list, &archive->n_list, 0, 4);
    put(archive->list, &archive->n_list, 0, 2);
    put(archive->list, &archive->n_list, (uint32_t)archive->n, 4);
    put_text(archive->list, &archive->n_list, name);
    put(archive->bytes, &archive->n, 0x04034b50, 4);
    put_facts(archive->bytes, &archive->n, name, text);
    put_text(archive->bytes, &archive->n, name);
    put_text(archive->bytes, &archive->n, text);
    archive->n_files++;
}

static void archive_end(struct archive *archive)
{
    const uint32_t at = (uint32_t)archive->n;
    memcpy(archive->bytes + archive->n, archive->list, archive->n_list);
    archive->n += archive->n_list;
    put(archive->bytes, &archive->n, 0x06054b50, 4);
    put(archive->bytes, &archive->n, 0, 4);
    put(archive->bytes, &archive->n, archive->n_files, 2);
    put(archive->bytes, &archive->n, archive->n_files, 2);
    put(archive->bytes, &archive->n, (uint32_t)archive->n_list, 4);
    put(archive->bytes, &archive->n, at, 4);
    put(archive->bytes, &archive->n, 0, 2);
}

static const char *write_book(void)
{
    static struct archive archive;
    static char package[64 * 1024], chapter[128 * 1024];
    size_t n = 0;
    n += (size_t)snprintf(package, sizeof package,
                          "<package xmlns='http://www.idpf.org/2007/opf' version='2.0'><metadata/><manifest>");
    for (unsigned i = 0; i < N_CHAPTERS; i++)
        n += (size_t)snprintf(package + n, sizeof package - n,
                              "<item id='c%u' href='c.xhtml' media-type='application/xhtml+xml'/>", i);
    n += (size_t)snprintf(package + n, sizeof package - n, "</manifest><spine>");
    for (unsigned i = 0; i < N_CHAPTERS; i++)
        n += (size_t)snprintf(package + n, sizeof package - n, "<itemref idref='c%u'/>", i);
    snprintf(package + n, sizeof package - n, "</spine></package>");

    n = (size_t)snprintf(chapter, sizeof chapter, "<html xmlns='http://www.w3.org/1999/xhtml'><body>");
    while (n < 60000)
        n += (size_t)snprintf(chapter + n, sizeof chapter - n,
                              "<p>It was a dark and stormy night, and the words went on and on, and on again.</p>");
    snprintf(chapter + n, sizeof chapter - n, "</body></html>");

    archive_add(&archive, "mimetype", "application/epub+zip");
    archive_add(&archive, "META-INF/container.xml",
                "<container version='1.0' xmlns='urn:oasis:names:tc:opendocument:xmlns:container'><rootfiles><rootfile "
                "full-path='c.opf' media-type='application/oebps-package+xml'/></rootfiles></container>");
    archive_add(&archive, "c.opf", package);
    archive_add(&archive, "c.xhtml", chapter);
    archive_end(&archive);
    return scratch_bytes("book.epub", archive.bytes, archive.n);
}

/* Longer than its timeout, but never that long without a sign of life. */
TEST_WITHIN(what_is_slow_but_moves_is_left_alone, 120)
{
    struct run run;
    struct event event;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--timeout", "0.5", "--size", SIZE, write_book()), <=, 1);
    if (run_event(&run, "refused", 1, NULL, &event)) {
        CHECK_STR(event_text(&event, "reason"), "unsupported");
        SKIP("books cannot be shown by this build");
    }
    CHECK_INT(run_count(&run, "crash", NULL), ==, 0);
    REQUIRE(run_event(&run, "tab", 1, "live", &event));
    const long long took_ms = event_number(&event, "open_ms");
    CHECK_INT(took_ms, >, 500); /* or this proves nothing: more chapters */
    if (took_ms > 2500)
        CHECK_INT(run_count(&run, "progress", NULL), >=, 1);
    CHECK_INT(run_count(&run, "progress", NULL), <=, took_ms / 1000 + 1);
    if (run_event(&run, "progress", 1, NULL, &event))
        CHECK_INT(event_number(&event, "waited_ms"), >=, 1000);
    run_finish(&run);
}

/* ---- zygote and init ----------------------------------------------------------------------------------------------------------- */

static unsigned count_words(const char *text, const char *word)
{
    unsigned n = 0;
    for (; (text = strstr(text, word)) != NULL; text += strlen(word))
        n++;
    return n;
}

/* A zygote that waits for work can die at any moment: no tab notices, and each loss is told once. */
TEST_WITHIN(zygotes_killed_while_tabs_stay, 90)
{
    struct run run;
    RUN(&run, NULL, "--json", "--stay", "--size", SIZE, "--tabs", "3", scratch_scene("a.scene"));
    REQUIRE(run_sees(&run, "\"live\"", 3, 20000));
    if (zygote_of(run.pid) < 0) {
        leave(&run, 3);
        SKIP("which one the zygote is shows at level 3 only");
    }
    unsigned n_killed = 0;
    for (unsigned i = 0; i < 6; i++) {
        sleep_ms(150 + 37 * i); /* until the one that took over is warm, and at odd moments */
        const pid_t zygote = zygote_of(run.pid);
        REQUIRE(zygote > 0);
        n_killed += kill(zygote, SIGKILL) == 0;
        REQUIRE(sees_event(&run, "zygote", n_killed, 5000));
    }
    sleep_ms(200);
    CHECK(!sees_event(&run, "zygote", n_killed + 1, 10));
    CHECK_INT(count_words(run.err, "another takes its place"), ==, n_killed);
    struct event event;
    REQUIRE(run_last_event(&run, "zygote", 0, NULL, &event));
    CHECK_STR(event_text(&event, "lost"), "zygote");
    CHECK_STR(event_text(&event, "tabs"), "[");
    CHECK_INT(run_count(&run, "crash", NULL), ==, 0);
    CHECK_INT(run_count(&run, "tab", "live"), ==, 3);
    for (unsigned tab = 1; tab <= 3; tab++)
        CHECK(kill(run_pid_of(&run, tab), 0) == 0);

    /* And whoever takes its place can clone. */
    kill_tab(&run, 2);
    REQUIRE(sees_tab(&run, 2, "live", 2, 5000));
    leave(&run, 3);
}

/* While a crashed tab waits for its next renderer. */
TEST_WITHIN(zygotes_killed_while_a_tab_restarts, 90)
{
    struct run run;
    RUN(&run, NULL, "--json", "--stay", "--size", SIZE, scratch_scene("a.scene"), scratch_scene("b.scene"));
    REQUIRE(run_sees(&run, "\"live\"", 2, 20000));
    if (zygote_of(run.pid) < 0) {
        leave(&run, 2);
        SKIP("which one the zygote is shows at level 3 only");
    }
    for (unsigned i = 0; i < 3; i++) {
        kill_tab(&run, 1);
        REQUIRE(sees_tab(&run, 1, "restarting", i + 1, 5000));
        sleep_ms(60 * i);
        kill(zygote_of(run.pid), SIGKILL);
        REQUIRE(sees_tab(&run, 1, "live", i + 2, 10000));
    }
    CHECK_INT(run_count_of(&run, "crash", 1, NULL), ==, 3);
    CHECK_INT(run_count_of(&run, "crash", 2, NULL), ==, 0);
    leave(&run, 2);
}

/* The init among the broker's children whose namespace a renderer is in. */
static pid_t init_above(pid_t broker, pid_t renderer)
{
    char path[64], wanted[64] = "", found[64];
    pid_t children[64];
    snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)renderer);
    if (readlink(path, wanted, sizeof wanted - 1) < 0)
        return -1;
    for (unsigned i = 0, n = children_of(broker, children, 64); i < n; i++) {
        memset(found, 0, sizeof found);
        snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)children[i]);
        if (children[i] != renderer && readlink(path, found, sizeof found - 1) > 0 && strcmp(found, wanted) == 0 &&
            init_of(broker) == children[i])
            return children[i];
    }
    return -1;
}

TEST_WITHIN(an_inits_death_is_one_event, 60)
{
    struct run run;
    struct event event;
    RUN(&run, NULL, "--json", "--stay", "--size", SIZE, "--tabs", "5", scratch_scene("a.scene"));
    REQUIRE(run_sees(&run, "\"live\"", 5, 20000));
    pid_t before[5];
    for (unsigned tab = 1; tab <= 5; tab++)
        before[tab - 1] = run_pid_of(&run, tab);
    const pid_t init = init_above(run.pid, before[0]);
    if (init < 0) {
        leave(&run, 5);
        SKIP("there is an init at level 3 only, and only root sees which");
    }
    const uint64_t killed_ns = clock_now_ns();
    kill(init, SIGKILL);
    REQUIRE(run_sees(&run, "\"state\":\"live\"", 10, 10000));
    CHECK_INT((clock_now_ns() - killed_ns) / NS_PER_MS, <, 2000); /* it is nobody's fault: no back-off */
    CHECK_INT(run_count(&run, "zygote", NULL), ==, 1);
    CHECK_INT(run_count(&run, "crash", NULL), ==, 0);
    REQUIRE(run_event(&run, "zygote", 0, NULL, &event));
    CHECK_STR(event_text(&event, "lost"), "init");
    CHECK_INT(event_number(&event, "pid"), ==, init);
    const char *tabs = strstr(event.line, "\"tabs\":[");
    REQUIRE(tabs != NULL);
    tabs += strlen("\"tabs\":[");
    unsigned told = 0;
    for (char *end; *tabs >= '0' && *tabs <= '9'; tabs = end + (*end == ','))
        told |= 1u << strtoul(tabs, &end, 10);
    CHECK_INT(told, ==, 0x3e); /* each of 1 to 5, in whatever order */
    for (unsigned tab = 1; tab <= 5; tab++)
        CHECK(run_pid_of(&run, tab) != before[tab - 1] && kill(run_pid_of(&run, tab), 0) == 0);
    leave(&run, 5);
}

/* Its zygote is gone already, and it lives for the one renderer that is left. */
TEST_WITHIN(an_old_inits_death_is_told_as_well, 60)
{
    struct run run;
    struct event event;
    RUN(&run, NULL, "--json", "--stay", "--size", SIZE, "--tabs", "2", scratch_scene("a.scene"));
    REQUIRE(run_sees(&run, "\"live\"", 2, 20000));
    REQUIRE(kill(run_pid_of(&run, 1), SIGSEGV) == 0);
    REQUIRE(sees_tab(&run, 1, "live", 2, 10000));
    const pid_t init = init_above(run.pid, run_pid_of(&run, 2));
    if (init < 0) {
        leave(&run, 2);
        SKIP("there is an init at level 3 only, and only root sees which");
    }
    kill(init, SIGKILL);
    REQUIRE(sees_event(&run, "zygote", 1, 5000));
    REQUIRE(sees_tab(&run, 2, "live", 2, 5000));
    REQUIRE(run_event(&run, "zygote", 0, NULL, &event));
    CHECK_STR(event_text(&event, "lost"), "init");
    CHECK_INT(event_number(&event, "pid"), ==, init);
    CHECK(event_has(&event, "tabs") && strstr(event.line, "\"tabs\":[2]") != NULL);
    CHECK_INT(run_count(&run, "crash", NULL), ==, 1);
    CHECK_INT(run_count_of(&run, "tab", 1, "live"), ==, 2);
    leave(&run, 2);
}

/* ---- what was learned from a crash is worth nothing --------------------------------------------------------------------- */

/* Where a process' first mapping begins: its executable. "" when we may not see it. */
static void layout_of(pid_t pid, char out[32])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    out[0] = '\0';
    if (maps != NULL && fscanf(maps, "%31[^-]", out) != 1)
        out[0] = '\0';
    if (maps != NULL)
        fclose(maps);
}

TEST_WITHIN(a_restarted_tab_has_another_layout, 60)
{
#ifdef VITRINE_SANITIZED
    SKIP("a sanitizer's own mappings come first, at the same place in every process");
#endif
    struct run run;
    char before[32], after[32];
    RUN(&run, NULL, "--json", "--stay", "--size", SIZE, "--tabs", "2", "--spares", "3", scratch_scene("a.scene"));
    REQUIRE(run_sees(&run, "\"live\"", 2, 20000));
    sleep_ms(300); /* the spares are there, clones of the same zygote */
    layout_of(run_pid_of(&run, 1), before);
    if (before[0] == '\0') {
        leave(&run, 2);
        SKIP("only root sees where a renderer's code lies");
    }
    layout_of(run_pid_of(&run, 2), after);
    CHECK_STR(after, before);
    REQUIRE(kill(run_pid_of(&run, 1), SIGSEGV) == 0);
    REQUIRE(sees_tab(&run, 1, "live", 2, 10000));
    layout_of(run_pid_of(&run, 1), after);
    CHECK(after[0] != '\0' && strcmp(before, after) != 0);
    leave(&run, 2);
}
