/* The folder of crash reports: for the user's eyes only, whole files or none, the newest kept, nothing else touched. */
#include "broker/crash_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "tests/test.h"

#define NOON 1795348800 /* 2026-11-22 12:00:00 UTC */

/* ---- a folder, taken away by the test ------------------------------------------------------------------------------- */

static void folder_make(char path[32])
{
    snprintf(path, 32, "/tmp/crash-dir-XXXXXX");
    REQUIRE(mkdtemp(path));
}

static int folder_open(const char *path)
{
    int dir_fd = -1;
    char why[512] = "";
    if (crash_dir_prepare(path, &dir_fd, why, sizeof why) != 0)
        FAIL("%s", why);
    REQUIRE(dir_fd >= 0);
    return dir_fd;
}

/* Entries that begin with `start`; all when it is "". */
static size_t folder_count(const char *path, const char *start)
{
    DIR *dir = opendir(path);
    REQUIRE(dir);
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
             strncmp(entry->d_name, start, strlen(start)) == 0;
    closedir(dir);
    return n;
}

static void folder_remove(const char *path)
{
    DIR *dir = opendir(path);
    REQUIRE(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (unlinkat(dirfd(dir), entry->d_name, 0) != 0)
            unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    closedir(dir);
    CHECK_INT(rmdir(path), ==, 0);
}

static bool exists(int dir_fd, const char *name)
{
    struct stat status;
    return fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static void touch(int dir_fd, const char *name)
{
    const int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    close(fd);
}

/* ---- who may have it ---------------------------------------------------------------------------------------------------- */

static void check_refused(const char *path, int error, const char *advice)
{
    int dir_fd = -7;
    char why[512] = "";
    CHECK_INT(crash_dir_prepare(path, &dir_fd, why, sizeof why), ==, error);
    CHECK_INT(dir_fd, ==, -7);
    if (strstr(why, advice) == NULL || strchr(why, '\n') != NULL || strchr(why, '\33') != NULL)
        FAIL("%s", why);
}

TEST(a_folder_is_made_for_us_alone)
{
    char path[32], inner[64];
    folder_make(path);
    snprintf(inner, sizeof inner, "%s/reports//", path);
    umask(0);
    int dir_fd = folder_open(inner);
    struct stat status;
    REQUIRE(fstat(dir_fd, &status) == 0);
    CHECK_INT(status.st_mode & 07777, ==, 0700);
    CHECK(fcntl(dir_fd, F_GETFD) & FD_CLOEXEC);
    close(dir_fd);
    dir_fd = folder_open(inner); /* and is found again */
    close(dir_fd);
    folder_remove(path);
}

TEST(a_folder_that_others_may_enter_is_refused)
{
    static const mode_t modes[] = {0755, 0770, 0701, 0704, 0710, 0777, 01777};
    char path[32];
    folder_make(path);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        REQUIRE(chmod(path, modes[i]) == 0);
        check_refused(path, -EACCES, "chmod 700");
    }
    if (geteuid() != 0) {
        REQUIRE(chmod(path, 0500) == 0);
        check_refused(path, -EACCES, "chmod 700");
    }
    REQUIRE(chmod(path, 0700) == 0);
    close(folder_open(path));
    folder_remove(path);
}

TEST(what_is_no_folder_of_ours_is_refused)
{
    char path[32], inner[96];
    folder_make(path);
    const int dir_fd = folder_open(path);
    REQUIRE(mkdirat(dir_fd, "real", 0700) == 0);
    REQUIRE(symlinkat("real", dir_fd, "link") == 0);
    REQUIRE(symlinkat("nowhere", dir_fd, "loose") == 0);
    touch(dir_fd, "file");
    snprintf(inner, sizeof inner, "%s/link", path);
    check_refused(inner, -ELOOP, "symbolic link");
    snprintf(inner, sizeof inner, "%s/link///", path);
    check_refused(inner, -ELOOP, "symbolic link");
    snprintf(inner, sizeof inner, "%s/loose", path);
    check_refused(inner, -ELOOP, "symbolic link");
    CHECK(!exists(dir_fd, "nowhere"));
    snprintf(inner, sizeof inner, "%s/file", path);
    check_refused(inner, -ENOTDIR, "cannot be opened");
    snprintf(inner, sizeof inner, "%s/no\33[31m\n/parent", path);
    check_refused(inner, -ENOENT, "parent");
    check_refused("", -ENOENT, "name another");
    char *endless = malloc(100000);
    REQUIRE(endless != NULL);
    memset(endless, 'x', 99999);
    endless[99999] = '\0';
    check_refused(endless, -ENAMETOOLONG, "name another");
    free(endless);
    close(dir_fd);
    folder_remove(path);
}

TEST(somebody_elses_folder_is_refused)
{
    if (geteuid() != 0) {
        check_refused("/usr", -EPERM, "somebody else");
        return;
    }
    char path[32];
    folder_make(path);
    REQUIRE(chown(path, 1234, 1234) == 0);
    check_refused(path, -EPERM, "somebody else");
    folder_remove(path);
}

/* ---- what is stored --------------------------------------------------------------------------------------------------- */

static const struct crash_report *report_at(time_t when, unsigned id)
{
    static struct crash_report report;
    crash_report_init(&report, &(struct evidence){.wait_code = CLD_KILLED, .wait_status = SIGSEGV}, "document");
    report.time = when;
    snprintf(report.id, sizeof report.id, "%08x", id);
    return &report;
}

static void check_file(int dir_fd, const char *name, const char *start)
{
    struct stat status;
    char text[64] = "";
    CLOSE_FD int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    REQUIRE(fstat(fd, &status) == 0);
    CHECK_INT(status.st_mode & 07777, ==, 0600);
    REQUIRE(read(fd, text, sizeof text - 1) > 0);
    CHECK_INT(strncmp(text, start, strlen(start)), ==, 0);
}

TEST(a_report_is_two_files)
{
    char path[32], name[CRASH_DIR_NAME_BYTES] = "";
    folder_make(path);
    umask(0);
    CLOSE_FD int dir_fd = folder_open(path);
    CHECK_INT(crash_dir_store(dir_fd, report_at(NOON, 0x1a2b3c4d), name), ==, 0);
    CHECK_STR(name, "crash-20261122-120000-1a2b3c4d.txt");
    check_file(dir_fd, name, "Vitrine crash report 1a2b3c4d: signal\n");
    check_file(dir_fd, "crash-20261122-120000-1a2b3c4d.json", "{\"id\":\"1a2b3c4d\"");
    CHECK_INT(folder_count(path, ""), ==, 2);
    /* Times that no such name can hold. */
    static const time_t times[] = {(time_t)1 << 62, -((time_t)1 << 62), 253402300800, -1, -62167219201};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        CHECK_INT(crash_dir_store(dir_fd, report_at(times[i], (unsigned)i), name), ==, 0);
        CHECK_INT(strlen(name), ==, 34);
    }
    folder_remove(path);
}

TEST(the_newest_are_kept_and_all_else_is_left_alone)
{
    static const char *const others[] = {"crash-20200101-000000-1a2b3c4d.txt.bak",
                                         "crash-20200101-000000-1A2B3C4D.txt",
                                         "crash-2020010-000000-1a2b3c4d.txt",
                                         "xcrash-20200101-000000-1a2b3c4d.txt",
                                         "crash-20200101-000000-1a2b3c4.txt",
                                         "crash-20200101-000000-1a2b3c4d",
                                         "crash-20200101 000000-1a2b3c4d.json",
                                         "notes",
                                         ".crash-20200101-000000-1a2b3c4d.txt",
                                         "crash-20200101-000000-1a2b3c4g.txt",
                                         "crash-",
                                         ".part",
                                         "..part",
                                         ".crash.part"};
    const size_t n_others = sizeof others / sizeof others[0];
    char path[32], name[CRASH_DIR_NAME_BYTES];
    folder_make(path);
    CLOSE_FD int dir_fd = folder_open(path);
    for (size_t i = 0; i < n_others; i++)
        touch(dir_fd, others[i]);
    REQUIRE(symlinkat("notes", dir_fd, "crash-20200101-000000-00000000.txt") == 0);
    REQUIRE(mkdirat(dir_fd, "crash-20200101-000001-00000000.txt", 0700) == 0);
    touch(dir_fd, "crash-20200101-000002-00000000.json"); /* of an earlier run, its twin lost: a report of ours */
    for (unsigned i = 0; i < 25; i++)
        CHECK_INT(crash_dir_store(dir_fd, report_at(NOON + i, i), name), ==, 0);
    for (unsigned i = 0; i < 25; i++) {
        snprintf(name, sizeof name, "crash-20261122-1200%02u-%08x.txt", i, i);
        CHECK(exists(dir_fd, name) == (i >= 5));
        snprintf(name, sizeof name, "crash-20261122-1200%02u-%08x.json", i, i);
        CHECK(exists(dir_fd, name) == (i >= 5));
    }
    for (size_t i = 0; i < n_others; i++)
        CHECK(exists(dir_fd, others[i]));
    CHECK(exists(dir_fd, "crash-20200101-000000-00000000.txt"));
    CHECK(exists(dir_fd, "crash-20200101-000001-00000000.txt"));
    CHECK(!exists(dir_fd, "crash-20200101-000002-00000000.json"));
    CHECK_INT(folder_count(path, ""), ==, 2 * CRASH_DIR_KEPT + n_others + 2);
    folder_remove(path);
}

/* Many in one second: the file's time tells. */
TEST(within_a_second_the_last_written_are_kept)
{
    char path[32], name[CRASH_DIR_NAME_BYTES];
    folder_make(path);
    CLOSE_FD int dir_fd = folder_open(path);
    for (unsigned i = 0; i < 25; i++) {
        CHECK_INT(crash_dir_store(dir_fd, report_at(NOON, 100 - i), name), ==, 0);
        usleep(10000); /* a file's time is as coarse as the kernel's tick */
    }
    for (unsigned i = 0; i < 25; i++) {
        snprintf(name, sizeof name, "crash-20261122-120000-%08x.txt", 100 - i);
        CHECK(exists(dir_fd, name) == (i >= 5));
    }
    folder_remove(path);
}

TEST(a_clock_set_back_does_not_cost_the_new_report)
{
    char path[32], name[CRASH_DIR_NAME_BYTES];
    folder_make(path);
    CLOSE_FD int dir_fd = folder_open(path);
    for (unsigned i = 0; i < CRASH_DIR_KEPT + 3; i++)
        CHECK_INT(crash_dir_store(dir_fd, report_at(NOON + i, i), name), ==, 0);
    CHECK_INT(crash_dir_store(dir_fd, report_at(NOON - 86400, 0xffff), name), ==, 0);
    CHECK(exists(dir_fd, name));
    CHECK_INT(folder_count(path, ""), ==, 2 * CRASH_DIR_KEPT);
    folder_remove(path);
}

TEST(what_a_killed_broker_left_goes_in_time)
{
    static const char old[] = ".crash-20261122-110000-00000001.txt.part",
                      young[] = ".crash-20261122-115959-00000002.json.part";
    char path[32], name[CRASH_DIR_NAME_BYTES];
    folder_make(path);
    CLOSE_FD int dir_fd = folder_open(path);
    touch(dir_fd, old);
    touch(dir_fd, young);
    REQUIRE(utimensat(dir_fd, old, (struct timespec[]){{.tv_sec = 1000}, {.tv_sec = 1000}}, 0) == 0);
    CHECK_INT(crash_dir_store(dir_fd, report_at(NOON, 1), name), ==, 0);
    CHECK(!exists(dir_fd, old));
    CHECK(exists(dir_fd, young));
    folder_remove(path);
}

/* ---- when it cannot be ------------------------------------------------------------------------------------------------- */

/* A limit at every place where a byte may be the one too many: both files, one, none. */
TEST(a_file_that_may_not_grow_leaves_nothing)
{
    char path[32], name[CRASH_DIR_NAME_BYTES] = "untouched";
    folder_make(path);
    CLOSE_FD int dir_fd = folder_open(path);
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t limit = 0; limit < 1200; limit += 100) {
        REQUIRE(setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, RLIM_INFINITY}) == 0);
        const int error = crash_dir_store(dir_fd, report_at(NOON, 1), name);
        REQUIRE(setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}) == 0);
        CHECK_INT(folder_count(path, ""), ==, error == 0 ? 2 : 0);
        if (error != 0)
            CHECK_INT(error, ==, -EFBIG);
        else
            CHECK(limit > 0);
        if (limit == 0)
            CHECK_STR(name, "untouched");
        unlinkat(dir_fd, "crash-20261122-120000-00000001.txt", 0);
        unlinkat(dir_fd, "crash-20261122-120000-00000001.json", 0);
    }
    folder_remove(path);
}

TEST(a_full_disk_leaves_nothing_new)
{
    char path[32], name[CRASH_DIR_NAME_BYTES];
    folder_make(path);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", path, "tmpfs", 0, "size=20k,mode=700") != 0) {
        rmdir(path);
        SKIP("no file system of our own");
    }
    int dir_fd = folder_open(path);
    unsigned n = 0;
    int error;
    while ((error = crash_dir_store(dir_fd, report_at(NOON + n, n), name)) == 0 && n < 20)
        n++;
    CHECK_INT(error, ==, -ENOSPC);
    CHECK_INT(n, >, 0);
    CHECK_INT(folder_count(path, ""), ==, 2 * n);
    CHECK_INT(folder_count(path, "crash-"), ==, 2 * n);
    /* Room again, and all is well again. */
    CHECK_INT(unlinkat(dir_fd, "crash-20261122-120000-00000000.txt", 0), ==, 0);
    CHECK_INT(unlinkat(dir_fd, "crash-20261122-120000-00000000.json", 0), ==, 0);
    CHECK_INT(crash_dir_store(dir_fd, report_at(NOON + 30, 30), name), ==, 0);
    close(dir_fd);
    umount2(path, MNT_DETACH);
    CHECK_INT(rmdir(path), ==, 0);
}

TEST(a_folder_that_went_away_is_an_error)
{
    char path[32], name[CRASH_DIR_NAME_BYTES];
    folder_make(path);
    CLOSE_FD int dir_fd = folder_open(path);
    REQUIRE(rmdir(path) == 0);
    CHECK_INT(crash_dir_store(dir_fd, report_at(NOON, 1), name), ==, -ENOENT);
}
