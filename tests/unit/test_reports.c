/* Reports: symbols come from a helper that nobody waits for, and a report is stored whatever becomes of it. */
#include "broker/reports.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/crash_dir.h"
#include "common/clock.h"
#include "common/fd.h"
#include "tests/test.h"

#define MAX_TOLD 64

/* ---- who is told ---------------------------------------------------------------------------------------------------- */

static struct loop *loop;
static struct reports *reports;
static struct crash_report last;
static struct {
    char id[CRASH_REPORT_ID_BYTES];
    int error;
    bool has_file, has_symbol;
} told[MAX_TOLD];
static size_t n_told, n_wanted;

static void stored(void *owner, const struct crash_report *report, const char *file, int error)
{
    CHECK(owner == &told);
    REQUIRE(n_told < MAX_TOLD);
    memcpy(told[n_told].id, report->id, sizeof report->id);
    told[n_told].error = error;
    told[n_told].has_file = file != NULL;
    told[n_told].has_symbol = report->n_frames > 0 && report->frames[0].symbol[0] != '\0';
    CHECK(file == NULL || strstr(file, report->id) != NULL);
    last = *report;
    if (++n_told == n_wanted)
        loop_quit(loop);
}

static const struct reports_handlers handlers = {.stored = stored};

static void begin(int dir_fd)
{
    REQUIRE(loop_create(&loop) == 0);
    REQUIRE(reports_create(loop, dir_fd, &handlers, &told, &reports) == 0);
    CHECK_INT(reports_pending(reports), ==, 0);
}

static void wait_until_told(size_t n)
{
    n_wanted = n;
    if (n_told < n)
        CHECK_INT(loop_run(loop), ==, 0);
    CHECK_INT(n_told, ==, n);
}

static void end(void)
{
    reports_destroy(reports);
    loop_destroy(loop);
    while (waitpid(-1, NULL, 0) > 0) /* the broker's SIGCHLD handler does this */
        ;
}

/* "bin/name" beside this test; false when it is not there. */
static bool find_beside(char out[PATH_MAX], const char *name)
{
    const ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 64);
    REQUIRE(n > 0);
    out[n] = '\0';
    strcpy(strrchr(out, '/') + 1, name);
    return access(out, X_OK) == 0;
}

static void need_symbolizer(void)
{
    char path[PATH_MAX];
    if (!find_beside(path, "symbolizer"))
        SKIP("built without libdw");
}

/* That crashed in the middle of begin(), called by end(). */
static void make_report(struct crash_report *report)
{
    struct modules *modules = NULL;
    REQUIRE(modules_read(getpid(), &modules) == 0);
    const struct evidence evidence = {
        .wait_code = CLD_KILLED,
        .wait_status = SIGSEGV,
        .has_record = true,
        .record = {.signal = SIGSEGV,
                   .pc = (uintptr_t)begin + 4,
                   .n_frames = 2,
                   .frames = {(uintptr_t)end + 4, (uintptr_t)report}},
    };
    crash_report_init(report, &evidence, "document");
    crash_report_locate(report, modules);
    modules_destroy(modules);
}

static int make_folder(char path[32])
{
    int dir_fd = -1;
    char why[256];
    snprintf(path, 32, "/tmp/reports-XXXXXX");
    REQUIRE(mkdtemp(path));
    REQUIRE(crash_dir_prepare(path, &dir_fd, why, sizeof why) == 0);
    return dir_fd;
}

static void remove_folder(const char *path)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", path);
    CHECK_INT(system(command), ==, 0);
}

/* ---- symbols ------------------------------------------------------------------------------------------------------------ */

TEST(frames_get_their_names)
{
    need_symbolizer();
    char path[32];
    struct crash_report report;
    begin(make_folder(path));
    make_report(&report);
    reports_add(reports, &report);
    CHECK_INT(n_told, ==, 0); /* nobody waited */
    CHECK_INT(reports_pending(reports), ==, 1);
    wait_until_told(1);
    CHECK_INT(reports_pending(reports), ==, 0);
    CHECK_INT(told[0].error, ==, 0);
    CHECK(told[0].has_file);
    CHECK_STR(last.id, report.id);
    REQUIRE(last.n_frames == 3);
    CHECK_STR(last.frames[0].symbol, "begin+0x4");
    CHECK_STR(last.frames[1].symbol, "end+0x4"); /* asked about the byte before, told as it is */
    CHECK_STR(last.frames[2].symbol, "");
    CHECK(last.frames[0].source[0] == '\0' || strstr(last.frames[0].source, "unit/test_reports.c:") != NULL);
    CHECK_INT(strspn(last.modules[0].build_id, "0123456789abcdef"), ==, strlen(last.modules[0].build_id));
    end();
    remove_folder(path);
}

/* The executable that crashes are of. Its entry point is told by its header, and has a name. */
TEST(the_renderers_own_code_has_names)
{
    need_symbolizer();
    char path[PATH_MAX];
    Elf64_Ehdr header;
    if (!find_beside(path, "renderer"))
        SKIP("no renderer was built");
    CLOSE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0 && read(fd, &header, sizeof header) == sizeof header);
    uint64_t offset = 0;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        REQUIRE(pread(fd, &segment, sizeof segment, (off_t)(header.e_phoff + i * sizeof segment)) == sizeof segment);
        if (segment.p_type == PT_LOAD && header.e_entry - segment.p_vaddr < segment.p_filesz)
            offset = header.e_entry - segment.p_vaddr + segment.p_offset;
    }
    REQUIRE(offset != 0);
    static struct crash_report report;
    make_report(&report);
    report.n_modules = 1;
    REQUIRE(strlen(path) < sizeof report.modules[0].path);
    strcpy(report.modules[0].path, path);
    report.n_frames = 1;
    report.frames[0].module = 0;
    report.frames[0].offset = offset;
    const uint64_t start_ns = clock_now_ns();
    begin(-1);
    reports_add(reports, &report);
    wait_until_told(1);
    CHECK_STR(last.frames[0].symbol, "_start+0x0");
    CHECK_INT(clock_now_ns() - start_ns, <, 2 * NS_PER_S);
    CHECK_INT(strlen(last.modules[0].build_id), >=, 8);
    CHECK(!told[0].has_file);
    CHECK_INT(told[0].error, ==, 0);
    end();
}

/* Offsets that are nowhere, and files that are no programs. */
TEST(nonsense_has_no_names)
{
    static const struct {
        const char *path;
        uint64_t offset;
    } rows[] = {{"/proc/self/exe", UINT64_MAX},
                {"/proc/self/exe", 0},
                {"/dev/null", 1},
                {"/dev/zero", 1},
                {"/", 1},
                {"/etc/passwd", 1},
                {"relative", 1},
                {"/a\tb\tc", 1},
                {"/a\nb", 1},
                {"\33", 1}};
    const size_t n_rows = sizeof rows / sizeof rows[0];
    static struct crash_report report;
    make_report(&report);
    report.n_frames = report.n_modules = n_rows;
    for (size_t i = 0; i < n_rows; i++) {
        report.frames[i] = (struct crash_frame){.module = (int)i, .offset = rows[i].offset};
        report.modules[i] = (struct crash_module){.name = "x"};
        snprintf(report.modules[i].path, sizeof report.modules[i].path, "%s", rows[i].path);
    }
    begin(-1);
    reports_add(reports, &report);
    wait_until_told(1);
    for (size_t i = 0; i < n_rows; i++)
        CHECK_STR(last.frames[i].symbol, "");
    end();
}

/* ---- many ---------------------------------------------------------------------------------------------------------------- */

TEST(a_queue_has_an_end)
{
    need_symbolizer();
    char path[32], ids[40][CRASH_REPORT_ID_BYTES];
    struct crash_report report;
    begin(make_folder(path));
    make_report(&report);
    for (unsigned i = 0; i < 40; i++) {
        snprintf(report.id, sizeof report.id, "%08x", i);
        memcpy(ids[i], report.id, sizeof report.id);
        reports_add(reports, &report);
    }
    CHECK_INT(reports_pending(reports), ==, REPORTS_MAX_WAITING);
    CHECK_INT(n_told, ==, 40 - REPORTS_MAX_WAITING); /* at once, with no names */
    wait_until_told(40);
    for (unsigned i = 0; i < 40; i++) {
        const unsigned place = i < REPORTS_MAX_WAITING ? i + 40 - REPORTS_MAX_WAITING : i - REPORTS_MAX_WAITING;
        CHECK_STR(told[place].id, ids[i]);
        CHECK(told[place].has_symbol == (i < REPORTS_MAX_WAITING));
        CHECK(told[place].has_file);
    }
    end();
    remove_folder(path);
}

TEST(flushing_stores_all_at_once)
{
    char path[32];
    struct crash_report report;
    begin(make_folder(path));
    make_report(&report);
    for (unsigned i = 0; i < 5; i++) {
        snprintf(report.id, sizeof report.id, "%08x", i);
        reports_add(reports, &report);
    }
    reports_flush(reports);
    CHECK_INT(n_told, ==, 5);
    CHECK_INT(reports_pending(reports), ==, 0);
    reports_flush(reports);
    CHECK_INT(n_told, ==, 5);
    reports_add(reports, &report); /* and it goes on */
    wait_until_told(6);
    end();
    remove_folder(path);
}

TEST(destroying_drops_what_waits)
{
    need_symbolizer();
    struct crash_report report;
    begin(-1);
    make_report(&report);
    reports_add(reports, &report);
    reports_add(reports, &report);
    end();
    CHECK_INT(n_told, ==, 0);
    reports_destroy(NULL);
}

static void add_another(void *owner, const struct crash_report *report, const char *file, int error)
{
    stored(owner, report, file, error);
    if (n_told < 3)
        reports_add(reports, report);
}

TEST(the_handler_may_add)
{
    static const struct reports_handlers adding = {.stored = add_another};
    struct crash_report report;
    make_report(&report);
    REQUIRE(loop_create(&loop) == 0);
    REQUIRE(reports_create(loop, -1, &adding, &told, &reports) == 0);
    reports_add(reports, &report);
    wait_until_told(3);
    end();
}

/* ---- trouble -------------------------------------------------------------------------------------------------------------- */

static pid_t only_child(void)
{
    int pid = 0;
    FILE *children = fopen("/proc/thread-self/children", "re");
    REQUIRE(children != NULL);
    REQUIRE(fscanf(children, "%d", &pid) == 1);
    fclose(children);
    return pid;
}

/* Its work takes milliseconds: it may be done before it is stopped. Returns how many reports were told of in vain. */
static unsigned add_and_stop(const struct crash_report *report, pid_t *ret_helper)
{
    for (unsigned n = 0; n < 20; n++) {
        int status;
        reports_add(reports, report);
        *ret_helper = only_child();
        REQUIRE(kill(*ret_helper, SIGSTOP) == 0);
        REQUIRE(waitpid(*ret_helper, &status, WUNTRACED) == *ret_helper);
        if (WIFSTOPPED(status))
            return n;
        wait_until_told(n + 1);
    }
    FAIL("never quick enough to stop it");
    return 0;
}

TEST(a_helper_that_says_nothing_is_given_up)
{
    need_symbolizer();
    struct crash_report report;
    begin(-1);
    make_report(&report);
    pid_t helper;
    const unsigned n = add_and_stop(&report, &helper);
    const uint64_t start_ns = clock_now_ns();
    wait_until_told(n + 1);
    CHECK_INT(clock_now_ns() - start_ns, >, 1900 * NS_PER_MS);
    CHECK_INT(clock_now_ns() - start_ns, <, 5 * NS_PER_S);
    int status;
    CHECK_INT(waitpid(helper, &status, 0), ==, helper);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    reports_add(reports, &report); /* the next gets another */
    wait_until_told(n + 2);
    CHECK(told[n + 1].has_symbol);
    end();
}

TEST(a_helper_that_dies_costs_the_names_only)
{
    need_symbolizer();
    struct crash_report report;
    begin(-1);
    make_report(&report);
    reports_add(reports, &report);
    REQUIRE(kill(only_child(), SIGKILL) == 0);
    wait_until_told(1);
    end();
}

/* It has no descriptors but its three, and none of our signals' blocks. */
TEST(a_helper_inherits_nothing)
{
    need_symbolizer();
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    signal(SIGPIPE, SIG_IGN);
    const int leak = open("/dev/null", O_RDONLY);
    struct crash_report report;
    begin(-1);
    make_report(&report);
    reports_add(reports, &report);
    const pid_t helper = only_child();
    REQUIRE(kill(helper, SIGSTOP) == 0);
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", (int)helper);
    FILE *status = fopen(path, "re");
    REQUIRE(status != NULL);
    while (fgets(line, sizeof line, status) != NULL) {
        unsigned long long mask;
        if (sscanf(line, "SigBlk: %llx", &mask) == 1 || sscanf(line, "SigIgn: %llx", &mask) == 1)
            CHECK_INT(mask & 0x7fffffff, ==, 0); /* above are the C library's own */
    }
    fclose(status);
    char name[80];
    snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)helper, leak);
    CHECK(access(name, F_OK) != 0);
    reports_flush(reports);
    close(leak);
    end();
}

/* The kernel may reap it before anybody looks. */
TEST(a_helper_need_not_be_reaped_here)
{
    need_symbolizer();
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT}, NULL);
    struct crash_report report;
    begin(-1);
    make_report(&report);
    for (size_t i = 1; i <= 3; i++) {
        reports_add(reports, &report);
        wait_until_told(i);
        CHECK(told[i - 1].has_symbol);
    }
    end();
}

TEST(a_failure_is_told_once_in_a_row)
{
    char path[32];
    struct crash_report report;
    begin(make_folder(path));
    make_report(&report);
    report.n_frames = 0; /* nobody needs to be asked */
    signal(SIGXFSZ, SIG_IGN);
    const rlim_t limits[] = {0, 0, RLIM_INFINITY, RLIM_INFINITY, 0, 0};
    for (size_t i = 0; i < 6; i++) {
        snprintf(report.id, sizeof report.id, "%08zx", i);
        REQUIRE(setrlimit(RLIMIT_FSIZE, &(struct rlimit){limits[i], RLIM_INFINITY}) == 0);
        reports_add(reports, &report);
        REQUIRE(setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}) == 0);
    }
    CHECK_INT(n_told, ==, 6);
    for (size_t i = 0; i < 6; i++) {
        CHECK(told[i].has_file == (i == 2 || i == 3));
        CHECK_INT(told[i].error, ==, i == 0 || i == 4 ? -EFBIG : 0);
    }
    end();
    remove_folder(path);
}
