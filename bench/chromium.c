/* The debugging pipe: commands go in at descriptor 3, answers and events come out at 4, JSON, each ended by a zero. */
#include "bench/chromium.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/json.h"
#include "bench/memory.h"
#include "bench/program.h"
#include "bench/report.h"
#include "common/clock.h"
#include "common/fd.h"

#define MAX_TABS       64
#define COMMANDS_FD    3
#define ANSWERS_FD     4
#define OUT_OF_THE_WAY 16  /* descriptors of ours that become 3 and 4 there */
#define QUIET_MS       300 /* from a page's picture to its crash: it has nothing more to do by then */

/* A command's id tells what was asked, and for which tab. No two that are under way may have the same. */
enum step { STEP_DISCOVER, STEP_CREATE, STEP_ATTACH, STEP_ENABLE, STEP_FOLLOW, STEP_NAVIGATE, STEP_CRASH, STEP_COUNT };

struct page {
    char session[64], loader[64]; /* empty before they are known */
    char url[PATH_MAX * 3];
    bool loaded, painted;
};

struct browser {
    int commands_fd;
    struct page pages[MAX_TABS];
    size_t n_pages, n_done;
    uint64_t done_ns;
    struct series *crash_ms; /* NULL: pages are to be shown, all at once; otherwise to crash, one after another */
    uint64_t crash_ns;       /* when the latest was told to */
};

static void send_command(struct browser *browser, size_t page, enum step step, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The command's fields but for its id; a page's own commands name its session. */
static void send_command(struct browser *browser, size_t page, enum step step, const char *format, ...)
{
    char fields[PATH_MAX * 4], command[sizeof fields + 128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fields, sizeof fields, format, arguments);
    va_end(arguments);
    const int n = snprintf(command, sizeof command, "{\"id\":%zu,%s}", 1 + page * STEP_COUNT + step, fields);
    if (write(browser->commands_fd, command, (size_t)n + 1) < 0)
        bench_fail("chromium takes no commands: %s", strerror(errno));
}

static void create_page(struct browser *browser, size_t i)
{
    send_command(browser, i, STEP_CREATE,
                 "\"method\":\"Target.createTarget\",\"params\":{\"url\":\"about:blank\",\"newWindow\":true}");
}

static void navigate(struct browser *browser, size_t i)
{
    const struct page *page = &browser->pages[i];
    send_command(browser, i, STEP_ENABLE, "\"sessionId\":\"%s\",\"method\":\"Page.enable\"", page->session);
    send_command(browser, i, STEP_FOLLOW,
                 "\"sessionId\":\"%s\",\"method\":\"Page.setLifecycleEventsEnabled\",\"params\":{\"enabled\":true}",
                 page->session);
    send_command(browser, i, STEP_NAVIGATE,
                 "\"sessionId\":\"%s\",\"method\":\"Page.navigate\",\"params\":{\"url\":\"%s\"}", page->session,
                 page->url);
}

static void take_answer(struct browser *browser, size_t id, const char *line)
{
    const size_t i = (id - 1) / STEP_COUNT;
    if (i >= browser->n_pages)
        return;
    struct page *page = &browser->pages[i];
    char target[64];
    switch ((enum step)((id - 1) % STEP_COUNT)) {
    case STEP_CREATE:
        if (json_string(line, "targetId", target, sizeof target))
            send_command(browser, i, STEP_ATTACH,
                         "\"method\":\"Target.attachToTarget\",\"params\":{\"targetId\":\"%s\",\"flatten\":true}",
                         target);
        return;
    case STEP_ATTACH:
        if (json_string(line, "sessionId", page->session, sizeof page->session))
            navigate(browser, i);
        return;
    case STEP_NAVIGATE:
        json_string(line, "loaderId", page->loader, sizeof page->loader);
        return;
    case STEP_DISCOVER:
    case STEP_ENABLE:
    case STEP_FOLLOW:
    case STEP_CRASH:
    case STEP_COUNT:
        return;
    }
}

static void crash_page(struct browser *browser, size_t i)
{
    poll(NULL, 0, QUIET_MS);
    browser->crash_ns = clock_now_ns();
    send_command(browser, i, STEP_CRASH, "\"sessionId\":\"%s\",\"method\":\"Page.crash\"", browser->pages[i].session);
}

static void take_crash(struct browser *browser, uint64_t now_ns)
{
    if (browser->crash_ms == NULL || browser->crash_ns == 0)
        return;
    series_add(browser->crash_ms, (double)(now_ns - browser->crash_ns) / (double)NS_PER_MS);
    browser->crash_ns = 0;
    browser->done_ns = now_ns;
    if (++browser->n_done < browser->n_pages)
        create_page(browser, browser->n_done);
}

/* Of the document that was asked for, not of the empty one that was there before. */
static void take_lifecycle(struct browser *browser, const char *line, uint64_t now_ns)
{
    char loader[64], name[64];
    if (!json_string(line, "loaderId", loader, sizeof loader) || !json_string(line, "name", name, sizeof name))
        return;
    for (size_t i = 0; i < browser->n_pages; i++) {
        struct page *page = &browser->pages[i];
        if (strcmp(page->loader, loader) != 0 || (page->loaded && page->painted))
            continue;
        page->loaded |= strcmp(name, "load") == 0;
        page->painted |= strcmp(name, "firstPaint") == 0;
        if (!page->loaded || !page->painted)
            continue;
        if (browser->crash_ms != NULL)
            crash_page(browser, i);
        else if (++browser->n_done == browser->n_pages)
            browser->done_ns = now_ns;
    }
}

static bool take_message(void *owner, const char *line, uint64_t now_ns)
{
    struct browser *browser = owner;
    const size_t id = (size_t)json_number(line, "id");
    if (json_string_is(line, "method", "Page.lifecycleEvent"))
        take_lifecycle(browser, line, now_ns);
    else if (json_string_is(line, "method", "Target.targetCrashed"))
        take_crash(browser, now_ns);
    else if (id > 0)
        take_answer(browser, id, line);
    return browser->n_done < browser->n_pages;
}

/* ---- the process ------------------------------------------------------------------------------------------------------------ */

static void make_url(const char *file, char *url, size_t n_url)
{
    char path[PATH_MAX];
    if (realpath(file, path) == NULL)
        bench_fail("no such file: %s", file);
    size_t n = (size_t)snprintf(url, n_url, "file://");
    for (const char *c = path; *c != '\0' && n + 4 < n_url; c++) {
        const bool plain = strchr("/-_.~", *c) != NULL || (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') ||
                           (*c >= 'a' && *c <= 'z');
        n += (size_t)snprintf(url + n, n_url - n, plain ? "%c" : "%%%02X", (unsigned char)*c);
    }
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

/* A pipe whose ends lie where no descriptor of the browser will. */
static void make_pipe(int ends[2])
{
    int low[2];
    if (pipe2(low, O_CLOEXEC) < 0)
        bench_fail("no pipe can be made");
    for (int i = 0; i < 2; i++) {
        ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
        close(low[i]);
    }
}

static const char *find_chromium(void)
{
    static const char *const places[] = {"/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (access(places[i], X_OK) == 0)
            return places[i];
    }
    return NULL;
}

/* All that has become our child because its own parent ended. */
static void reap_orphans(void)
{
    for (int i = 0; i < 100; i++) {
        const pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0)
            return;
        if (pid == 0)
            poll(NULL, 0, 10);
    }
}

static void start_pages(struct browser *browser)
{
    if (browser->crash_ms == NULL) {
        for (size_t i = 0; i < browser->n_pages; i++)
            create_page(browser, i);
        return;
    }
    send_command(browser, 0, STEP_DISCOVER, "\"method\":\"Target.setDiscoverTargets\",\"params\":{\"discover\":true}");
    create_page(browser, 0);
}

static int drive(struct browser *browser, const char *chromium, const char *profile, struct chromium_run *ret_run)
{
    char profile_option[128];
    snprintf(profile_option, sizeof profile_option, "--user-data-dir=%s", profile);
    const char *const words[] = {chromium,
                                 "--headless",
                                 "--no-sandbox",
                                 "--disable-gpu",
                                 "--no-first-run",
                                 "--window-size=1024,768",
                                 "--remote-debugging-pipe",
                                 profile_option,
                                 NULL};
    int commands[2], answers[2];
    make_pipe(commands);
    make_pipe(answers);
    const struct program_fd fds[] = {{commands[0], COMMANDS_FD}, {answers[1], ANSWERS_FD}};
    struct program program;
    const int error = program_start(words, fds, 2, &program);
    close(commands[0]);
    close(answers[1]);
    if (error == 0) {
        browser->commands_fd = commands[1];
        start_pages(browser);
        program_read_lines(answers[0], '\0', take_message, browser);
        struct memory memory = {0};
        memory_add_descendants(&memory, getpid());
        const char close_browser[] = "{\"id\":1000000,\"method\":\"Browser.close\"}";
        if (browser->done_ns == 0 || write(commands[1], close_browser, sizeof close_browser) < 0)
            kill(program.pid, SIGKILL);
        program_wait(&program);
        reap_orphans();
        *ret_run = (struct chromium_run){
            .painted_ms = (double)(browser->done_ns - program.start_ns) / (double)NS_PER_MS,
            .wall_ms = (double)(clock_now_ns() - program.start_ns) / (double)NS_PER_MS,
            .pss_mb = (double)memory.pss_kb / 1024,
            .n_processes = memory.n_processes,
        };
    }
    close(commands[1]);
    close(answers[0]);
    return error;
}

/* With a profile of its own, which nobody sees again. */
static int run(struct browser *browser, struct chromium_run *ret_run, char *ret_why, size_t n_why)
{
    const char *chromium = find_chromium();
    char profile[] = "/tmp/vitrine-bench-XXXXXX";
    if (chromium == NULL || mkdtemp(profile) == NULL) {
        snprintf(ret_why, n_why, "install chromium");
        return -1;
    }
    /* Its helpers stay our descendants, so that none is forgotten when memory is added up. */
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    const int error = drive(browser, chromium, profile, ret_run);
    nftw(profile, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    if (error == 0 && browser->n_done == browser->n_pages)
        return 0;
    snprintf(ret_why, n_why, "%s", error != 0 ? strerror(-error) : "not all pages came that far within a minute");
    return -1;
}

static struct browser *browser_create(size_t n_pages)
{
    struct browser *browser = calloc(1, sizeof *browser);
    if (browser == NULL)
        bench_fail("out of memory");
    if (n_pages > MAX_TABS)
        bench_fail("chromium is asked for %d tabs at most", MAX_TABS);
    browser->n_pages = n_pages;
    return browser;
}

int chromium_run(char *const *files, size_t n_files, struct chromium_run *ret_run, char *ret_why, size_t n_why)
{
    struct browser *browser = browser_create(n_files);
    for (size_t i = 0; i < n_files; i++)
        make_url(files[i], browser->pages[i].url, sizeof browser->pages[i].url);
    const int result = run(browser, ret_run, ret_why, n_why);
    free(browser);
    return result;
}

int chromium_crash(unsigned n_runs, struct series *ret_ms, char *ret_why, size_t n_why)
{
    struct browser *browser = browser_create(n_runs);
    browser->crash_ms = ret_ms;
    for (size_t i = 0; i < n_runs; i++)
        snprintf(browser->pages[i].url, sizeof browser->pages[i].url, "data:text/html,page");
    const int result = run(browser, &(struct chromium_run){0}, ret_why, n_why);
    free(browser);
    return result;
}
