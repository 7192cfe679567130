/* --crash-dir: what is kept of crashes, for whom, how much; and a folder that cannot be had stops nothing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/json.h"
#include "tests/process/run.h"
#include "tests/test.h"

#define KEPT 20
/* One that every build has, a sanitizer's too. */
#define FAULT "syscall-socket"

static bool has_symbolizer(void)
{
    char path[1024];
    snprintf(path, sizeof path, "%s", BROKER_PATH);
    snprintf(strrchr(path, '/'), 16, "/symbolizer");
    return access(path, X_OK) == 0;
}

/* ---- what is in the folder --------------------------------------------------------------------------------------------- */

static int is_shown(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* How many files there are whose names end so; all of them are the owner's alone. */
static unsigned count_files(const char *folder, const char *ending)
{
    struct dirent **entries;
    unsigned n = 0;
    const int n_entries = scandir(folder, &entries, is_shown, alphasort);
    for (int i = 0; i < n_entries; i++) {
        const char *name = entries[i]->d_name;
        const size_t n_name = strlen(name), n_ending = strlen(ending);
        struct stat status;
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, name);
        if (lstat(path, &status) < 0 || !S_ISREG(status.st_mode) || (status.st_mode & 07777) != 0600)
            FAIL("%s: mode %o", name, status.st_mode);
        n += n_name > n_ending && strcmp(name + n_name - n_ending, ending) == 0;
        free(entries[i]);
    }
    if (n_entries >= 0)
        free(entries);
    return n;
}

/* The caller frees; "" when there is no such file. */
static char *read_text(const char *folder, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *text = calloc(1, 65536);
    REQUIRE(text != NULL);
    CLOSE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        REQUIRE(read(fd, text, 65535) >= 0);
    return text;
}

static void check_says(const char *text, const char *what)
{
    if (strstr(text, what) == NULL)
        FAIL("no \"%s\" in: %s", what, text);
}

/* ---- a folder that can be had ------------------------------------------------------------------------------------------- */

TEST_WITHIN(a_crash_is_reported, 60)
{
    struct run run;
    struct event crash, report;
    struct stat status;
    const char *folder = scratch_path("reports");
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--crash-dir", folder, "--inject", FAULT, scratch_scene("a.scene")), ==,
              1);
    REQUIRE(lstat(folder, &status) == 0);
    CHECK_INT(status.st_mode & 07777, ==, 0700);
    CHECK_INT(count_files(folder, ".txt"), ==, 1);
    CHECK_INT(count_files(folder, ".json"), ==, 1);
    CHECK_INT(count_files(folder, ""), ==, 2);

    REQUIRE(run_event(&run, "crash", 1, NULL, &crash) && run_event(&run, "report", 1, NULL, &report));
    CHECK_INT(run_count(&run, "report", NULL), ==, 1);
    const char *id = event_text(&crash, "report"), *file = event_text(&report, "file");
    CHECK_INT(strlen(id), ==, 8);
    CHECK_STR(event_text(&report, "id"), id);
    CHECK(strstr(file, id) != NULL);

    char *text = read_text(folder, file);
    check_says(text, id);
    check_says(text, "sandbox violation: socket(0x2, 0x80001");
    check_says(text, FAULT);
    check_says(text, "a.scene");
    free(text);

    char twin[64];
    snprintf(twin, sizeof twin, "%.*sjson", (int)(strrchr(file, '.') + 1 - file), file);
    text = read_text(folder, twin);
    check_says(text, "\"id\":\"");
    check_says(text, id);
    text[strcspn(text, "\n")] = '\0';
    CHECK(json_is_object(text));
    free(text);
    run_finish(&run);
}

static void check_symbols(const char *spawn)
{
    struct run run;
    struct event report;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--spawn", spawn, "--crash-dir", scratch_path("reports"), "--inject",
                        "segv-null", scratch_scene("a.scene")),
              ==, 1);
    REQUIRE(run_event(&run, "report", 1, NULL, &report));
    if (strstr(report.line, "faults_run+0x") == NULL || strstr(report.line, "faults.c:") == NULL)
        FAIL("%s: no function's name: %.*s", spawn, (int)report.n, report.line);
    char *text = read_text(scratch_path("reports"), event_text(&report, "file"));
    check_says(text, "faults_run+0x");
    check_says(text, "SIGSEGV at address 0x0");
    free(text);
    run_finish(&run);
}

TEST_WITHIN(symbols, 60)
{
#ifdef VITRINE_SANITIZED
    SKIP("signals are the sanitizer's here");
#endif
    if (!has_symbolizer())
        SKIP("the symbolizer was not built");
    check_symbols("zygote");
    check_symbols("exec");
}

/* Whoever lies about his death does it in his own name. */
TEST_WITHIN(a_forged_report_stays_a_claim, 60)
{
    struct run run;
    struct event crash, report;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--crash-dir", scratch_path("reports"), "--inject", "forged-report",
                        scratch_scene("a.scene")),
              ==, 1);
    REQUIRE(run_event(&run, "crash", 1, NULL, &crash) && run_event(&run, "report", 1, NULL, &report));
    CHECK_STR(event_text(&crash, "verdict"), "exit");
    CHECK_STR(event_text(&crash, "signal"), "null");
    CHECK_STR(event_text(&crash, "address"), "null");
    char *text = read_text(scratch_path("reports"), event_text(&report, "file"));
    check_says(text, "left by itself with exit status 0");
    free(text);
    run_finish(&run);
}

TEST_WITHIN(the_newest_are_kept, 60)
{
    static char folder[128];
    snprintf(folder, sizeof folder, "%s", scratch_path("reports"));
    const char *words[96] = {"--json", "--size", "64x64", "--crash-dir", folder};
    static char requests[KEPT + 4][32], documents[KEPT + 4][64];
    size_t n = 5;
    for (unsigned i = 0; i < KEPT + 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "%u.scene", i);
        snprintf(documents[i], sizeof documents[i], "%s", scratch_scene(name));
        snprintf(requests[i], sizeof requests[i], "%s@%u:%u", FAULT, i + 1, 20 * i);
        words[n++] = "--inject";
        words[n++] = requests[i];
        words[n++] = documents[i];
    }
    struct run run;
    struct event report;
    CHECK_INT(run_whole(&run, NULL, words), ==, 1);
    CHECK_INT(run_count(&run, "report", NULL), ==, KEPT + 4);
    CHECK_INT(count_files(folder, ".txt"), ==, KEPT);
    CHECK_INT(count_files(folder, ".json"), ==, KEPT);
    REQUIRE(run_last_event(&run, "report", 0, NULL, &report));
    char *text = read_text(folder, event_text(&report, "file"));
    CHECK(text[0] != '\0');
    free(text);
    run_finish(&run);
}

/* Ended before the symbols are there: stored without them. */
TEST_WITHIN(an_end_in_the_middle_loses_nothing, 60)
{
    struct run run;
    const char *folder = scratch_path("reports");
    RUN(&run, NULL, "--json", "--stay", "--crash-dir", folder, "--inject", FAULT, scratch_scene("a.scene"));
    REQUIRE(run_sees(&run, "\"crash\"", 1, 20000));
    kill(run.pid, SIGTERM);
    CHECK_INT(run_end(&run, 5000), ==, 143);
    CHECK_INT(count_files(folder, ".txt"), ==, 1);
    CHECK_INT(count_files(folder, ".json"), ==, 1);
    run_finish(&run);
}

/* ---- one that cannot ------------------------------------------------------------------------------------------------------ */

/* Lines of stderr that are about reports. */
static unsigned count_complaints(const struct run *run)
{
    unsigned n = 0;
    for (const char *line = run->err; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *end = line + strcspn(line, "\n"), *about = strstr(line, "crash report");
        const char *also = strstr(line, "stored report");
        n += (about != NULL && about < end) || (also != NULL && also < end);
    }
    return n;
}

/* One line, and the run goes on as if nobody had asked for reports. */
static void check_goes_on(const struct run_setup *setup, const char *folder, const char *why)
{
    struct run run;
    struct event crash, report, end;
    const char *document = scratch_scene("a.scene");
    const int status = RUN_WHOLE(&run, setup, "--json", "--crash-dir", folder, "--inject", FAULT, document);
    if (status != 1)
        FAIL("%s: exit status %d: %s", why, status, run.err);
    CHECK_INT(count_complaints(&run), ==, 1);
    check_says(run.err, why);
    REQUIRE(run_event(&run, "crash", 1, NULL, &crash) && run_event(&run, "end", 0, NULL, &end));
    CHECK_STR(event_text(&crash, "verdict"), "violation");
    CHECK_INT(strlen(event_text(&crash, "report")), ==, 8);
    CHECK_INT(event_number(&end, "tabs_live"), ==, 1);
    if (run_event(&run, "report", 1, NULL, &report))
        CHECK_STR(event_text(&report, "file"), "null");
    run_finish(&run);

    CHECK_INT(RUN_WHOLE(&run, setup, "--json", "--crash-dir", folder, document), ==, 0);
    run_finish(&run);
}

TEST_WITHIN(a_symbolic_link, 60)
{
    REQUIRE(mkdir(scratch_path("real"), 0700) == 0);
    REQUIRE(symlink(scratch_path("real"), scratch_path("link")) == 0);
    check_goes_on(NULL, scratch_path("link"), "is a symbolic link");
    char slash[128];
    snprintf(slash, sizeof slash, "%s/", scratch_path("link"));
    check_goes_on(NULL, slash, "is a symbolic link");
    CHECK_INT(count_files(scratch_path("real"), ""), ==, 0);
}

TEST_WITHIN(not_a_folder, 60)
{
    check_goes_on(NULL, scratch_file("file", "text"), "cannot be opened");
    char below[128];
    snprintf(below, sizeof below, "%s/missing/reports", scratch());
    check_goes_on(NULL, below, "cannot be made");
    check_goes_on(NULL, "/dev/null", "cannot be opened");
}

TEST_WITHIN(open_to_others, 60)
{
    REQUIRE(mkdir(scratch_path("open"), 0700) == 0 && chmod(scratch_path("open"), 0750) == 0);
    check_goes_on(NULL, scratch_path("open"), "chmod 700");
}

static const struct run_setup nobody = {.as_nobody = true};

static void skip_unless_nobody_can(void)
{
    struct run run;
    if (!is_root())
        SKIP("only root can become another user");
    const int status = RUN_WHOLE(&run, &nobody, "--version");
    run_finish(&run);
    if (status == 126)
        SKIP("an ordinary user cannot reach the broker's folder");
}

TEST_WITHIN(somebody_elses, 60)
{
    skip_unless_nobody_can();
    REQUIRE(mkdir(scratch_path("roots"), 0700) == 0 && chmod(scratch_path("roots"), 0777) == 0);
    check_goes_on(&nobody, scratch_path("roots"), "belongs to somebody else");
    REQUIRE(mkdir(scratch_path("nobodys"), 0700) == 0 && chown(scratch_path("nobodys"), 65534, 65534) == 0);
    check_goes_on(NULL, scratch_path("nobodys"), "belongs to somebody else");
}

TEST_WITHIN(not_writable, 60)
{
    skip_unless_nobody_can();
    REQUIRE(mkdir(scratch_path("mine"), 0500) == 0 && chown(scratch_path("mine"), 65534, 65534) == 0);
    check_goes_on(&nobody, scratch_path("mine"), "chmod 700");
    char below[128];
    snprintf(below, sizeof below, "%s/below", scratch());
    check_goes_on(&nobody, below, "cannot be made");
}

static char full_folder[128];

/* A file system of one page, which is taken. */
static void mount_full(void)
{
    char path[160], page[4096] = "";
    snprintf(path, sizeof path, "%s/full", full_folder);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("full", full_folder, "tmpfs", 0, "size=4k,mode=700") < 0)
        _exit(126);
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, page, sizeof page) < 0)
        _exit(126);
    close(fd);
}

TEST_WITHIN(a_full_disk, 60)
{
    if (!is_root())
        SKIP("only root may mount a small file system");
    const struct run_setup setup = {.prepare = mount_full};
    snprintf(full_folder, sizeof full_folder, "%s", scratch_path("small"));
    REQUIRE(mkdir(full_folder, 0700) == 0);
    struct run run;
    const int status = RUN_WHOLE(&run, &setup, "--version");
    run_finish(&run);
    if (status == 126)
        SKIP("no file system can be mounted here");
    check_goes_on(&setup, full_folder, "No space left");

    /* Once only in a row. */
    CHECK_INT(RUN_WHOLE(&run, &setup, "--json", "--crash-dir", full_folder, "--inject", FAULT, "--inject", FAULT,
                        "--inject", "exit-0", scratch_scene("a.scene")),
              ==, 1);
    CHECK_INT(run_count(&run, "crash", NULL), ==, 3);
    CHECK_INT(count_complaints(&run), ==, 1);
    run_finish(&run);
}
