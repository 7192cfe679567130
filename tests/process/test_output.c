/* The command line that is wrong (2), and a broker that cannot do its work (3): one line that says what to do. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "tests/process/run.h"
#include "tests/test.h"

TEST(wrong_words)
{
    static const struct {
        const char *words[4];
        const char *hint;
    } rows[] = {
        {{"--tabz", "8"}, "--tabs"},         {{"--tabs", "0"}, "1 to 1024"},
        {{"--tabs", "1025"}, "1 to 1024"},   {{"--tabs", "-1"}, "1 to 1024"},
        {{"--tabs", "eight"}, "1 to 1024"},  {{"--tabs"}, "needs a value"},
        {{"--size", "0x0"}, "WIDTHxHEIGHT"}, {{"--size", "99999x99999"}, "pixels"},
        {{"--timeout", "0"}, "seconds"},     {{"--require-level", "4"}, "2 or 3"},
        {{"--spawn", "fork"}, "zygote"},     {{"--json=yes"}, "takes no value"},
        {{"--messages", "5"}, "--latency"},   {{"-", "-"}, "twice"},
        {{"--\x1b[2J\n"}, "unknown option"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct run run;
        const int status = run_whole(&run, NULL, rows[i].words);
        if (status != 2)
            FAIL("%s: exit status %d", rows[i].words[0], status);
        run_check_line(&run, rows[i].hint);
        CHECK_INT(run.n_out, ==, 0);
        CHECK(strchr(run.err, '\x1b') == NULL);
        run_finish(&run);
    }
}

TEST(views_that_were_not_built)
{
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--view", "window"), ==, 3);
    run_check_line(&run, "--view");
    run_finish(&run);
}

static void copy_file(const char *from, const char *to)
{
    char bytes[65536];
    CLOSE_FD int in = open(from, O_RDONLY | O_CLOEXEC);
    CLOSE_FD int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    REQUIRE(in >= 0 && out >= 0);
    for (ssize_t n; (n = read(in, bytes, sizeof bytes)) > 0;)
        REQUIRE(write(out, bytes, (size_t)n) == n);
}

/* A broker in a folder of its own. */
static struct run_setup lonely_broker(void)
{
    copy_file(BROKER_PATH, scratch_path("broker"));
    return (struct run_setup){.program = scratch_path("broker")};
}

TEST(no_renderer_beside_the_broker)
{
    struct run run;
    const struct run_setup setup = lonely_broker();
    CHECK_INT(RUN_WHOLE(&run, &setup, scratch_scene("a.scene")), ==, 3);
    run_check_line(&run, "renderer");
    run_finish(&run);
    CHECK_INT(RUN_WHOLE(&run, &setup, "--json", scratch_scene("a.scene")), ==, 3);
    run_check_line(&run, "renderer");
    run_finish(&run);
    CHECK_INT(RUN_WHOLE(&run, &setup, "--sandbox-status"), ==, 3);
    run_check_line(&run, "renderer");
    run_finish(&run);
}

TEST(renderer_that_may_not_be_executed)
{
    struct run run;
    const struct run_setup setup = lonely_broker();
    copy_file(RENDERER_PATH, scratch_path("renderer"));
    REQUIRE(chmod(scratch_path("renderer"), 0644) == 0);
    CHECK_INT(RUN_WHOLE(&run, &setup, scratch_scene("a.scene")), ==, 3);
    run_check_line(&run, "chmod");
    run_finish(&run);
}

TEST(renderer_that_is_no_program)
{
    struct run run;
    const struct run_setup setup = lonely_broker();
    chmod(scratch_file("renderer", "not a program\n"), 0755);
    CHECK_INT(RUN_WHOLE(&run, &setup, scratch_scene("a.scene")), ==, 3);
    CHECK(strstr(run.err, "renderers cannot be started") != NULL);
    run_finish(&run);
}

TEST(no_samples_beside_the_broker)
{
    struct run run;
    const struct run_setup setup = lonely_broker();
    copy_file(RENDERER_PATH, scratch_path("renderer"));
    CHECK_INT(RUN_WHOLE(&run, &setup, "--tabs", "2"), ==, 3);
    run_check_line(&run, "samples");
    run_finish(&run);
}

TEST(closed_stdout)
{
    struct run run;
    const struct run_setup setup = {.stdout_closed = true};
    CHECK_INT(RUN_WHOLE(&run, &setup, scratch_scene("a.scene")), ==, 3);
    run_check_line(&run, "stdout");
    run_finish(&run);
}

TEST(full_stdout)
{
    struct run run;
    CLOSE_FD int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    const struct run_setup setup = {.stdout_fd = full};
    const char *scene = scratch_scene("a.scene");
    CHECK_INT(RUN_WHOLE(&run, &setup, scene), ==, 3);
    run_check_line(&run, "stdout");
    run_finish(&run);
    CHECK_INT(RUN_WHOLE(&run, &setup, "--help"), ==, 3);
    run_check_line(&run, "stdout");
    run_finish(&run);
    CHECK_INT(RUN_WHOLE(&run, &setup, "--json", scene), ==, 3);
    CHECK(strstr(run.err, "events cannot be written to stdout") != NULL);
    run_finish(&run);
}

/* `broker --json | head -1`. */
TEST(stdout_that_nobody_reads)
{
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    close(ends[0]);
    struct run run;
    const struct run_setup setup = {.stdout_fd = ends[1]};
    CHECK_INT(RUN_WHOLE(&run, &setup, "--json", scratch_scene("a.scene")), ==, 3);
    CHECK(strstr(run.err, "stdout") != NULL);
    close(ends[1]);
    run_finish(&run);
}

TEST(help_and_version)
{
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--help"), ==, 0);
    CHECK(strstr(run.out, "--tabs") != NULL && run.n_err == 0);
    run_finish(&run);
    CHECK_INT(RUN_WHOLE(&run, NULL, "--version"), ==, 0);
    CHECK(strstr(run.out, "engines: scene") != NULL && run.n_err == 0);
    run_finish(&run);
}

static bool exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && status.st_size > 0;
}

TEST_WITHIN(snapshots, 60)
{
    struct run run;
    const char *folder = scratch_path("pictures");
    CHECK_INT(RUN_WHOLE(&run, NULL, "--snapshot", folder, "--size", "320x240", scratch_scene("a.scene"),
                        scratch_path("missing"), scratch_scene("c.scene")),
              ==, 1);
    CHECK(exists(scratch_path("pictures/tab-001.png")));
    CHECK(!exists(scratch_path("pictures/tab-002.png")));
    CHECK(exists(scratch_path("pictures/tab-003.png")));
    CHECK(exists(scratch_path("pictures/contact-sheet.png")));
    run_finish(&run);
}

TEST(snapshot_folder_that_is_a_file)
{
    struct run run;
    const char *file = scratch_file("file", "x");
    CHECK_INT(RUN_WHOLE(&run, NULL, "--snapshot", file, scratch_scene("a.scene")), ==, 3);
    run_check_line(&run, "file");
    run_finish(&run);
}

TEST(snapshot_folder_that_may_not_be_written)
{
    struct run run;
    const char *folder = scratch_path("locked");
    REQUIRE(mkdir(folder, 0555) == 0);
    const struct run_setup setup = {.as_nobody = is_root()};
    if (RUN_WHOLE(&run, &setup, "--version") == 126)
        SKIP("an ordinary user cannot reach the broker's folder");
    run_finish(&run);
    CHECK_INT(RUN_WHOLE(&run, &setup, "--snapshot", folder, scratch_scene("a.scene")), ==, 3);
    run_check_line(&run, "locked");
    run_finish(&run);
}

/* In a mount namespace of the test's own, so that nothing is left mounted. */
TEST_WITHIN(snapshot_to_a_full_disk, 60)
{
    const char *folder = scratch_path("disk");
    REQUIRE(mkdir(folder, 0755) == 0);
    if (!is_root() || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", folder, "tmpfs", 0, "size=16k") < 0)
        SKIP("no small file system can be mounted here");
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--snapshot", folder, scratch_scene("a.scene")), ==, 3);
    CHECK(strstr(run.err, "make room") != NULL);
    run_finish(&run);
    umount2(folder, MNT_DETACH);
}

/* Frames and documents are memfds: they need no file system. */
TEST_WITHIN(no_dev_shm, 60)
{
    if (!is_root() || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        SKIP("no mount namespace can be had here");
    if (access("/dev/shm", F_OK) == 0)
        REQUIRE(mount("none", "/dev/shm", "tmpfs", MS_RDONLY, "mode=000") == 0);
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--tabs", "2", scratch_scene("a.scene")), ==, 0);
    run_finish(&run);
    umount2("/dev/shm", MNT_DETACH);
}

/* Without it the broker cannot see whether its renderers are locked up. In a process of its own, for the harness needs
 * its /proc. */
static _Noreturn void run_without_proc(const char *scene)
{
    struct run run;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", "/proc", "tmpfs", 0, NULL) < 0)
        _exit(77);
    RUN(&run, NULL, scene);
    const int status = run_end(&run, 15000);
    const bool right = status == 3 && strstr(run.err, "/proc") != NULL;
    if (!right)
        printf("without /proc: exit status %d: %s\n", status, run.err);
    fflush(stdout);
    _exit(right ? 0 : 1);
}

TEST_WITHIN(no_proc, 60)
{
#ifdef VITRINE_SANITIZED
    SKIP("the leak checker itself needs /proc");
#endif
    const char *scene = scratch_scene("a.scene");
    fflush(stdout);
    const pid_t child = is_root() ? fork() : -1;
    if (child == 0)
        run_without_proc(scene);
    int status = 77 << 8;
    if (child > 0)
        REQUIRE(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        SKIP("/proc cannot be taken away here");
    CHECK_INT(status, ==, 0);
}
