/* A renderer that the kernel kills because memory ran out: told apart from a crash and from a kill. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "tests/process/run.h"
#include "tests/test.h"

#define CGROUP_V1 "/sys/fs/cgroup/memory/vitrine-test"

static bool write_file(const char *path, const char *text)
{
    CLOSE_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static void end_cgroup(void)
{
    for (int i = 0; i < 100 && rmdir(CGROUP_V1) < 0 && errno == EBUSY; i++)
        sleep_ms(10);
}

/* A group of its own with less memory than the renderer has already: the next page it touches is the one too many. */
static bool squeeze(pid_t pid)
{
    char number[32];
    snprintf(number, sizeof number, "%d", (int)pid);
    return mkdir(CGROUP_V1, 0755) == 0 && write_file(CGROUP_V1 "/memory.limit_in_bytes", "1048576") &&
           write_file(CGROUP_V1 "/cgroup.procs", number);
}

TEST_WITHIN(killed_by_the_kernel_for_want_of_memory, 60)
{
#ifdef VITRINE_SANITIZED
    SKIP("full memory is the sanitizer's here");
#endif
    struct run run;
    struct event crash;
    if (!is_root())
        SKIP("only root can make a memory limit");
    RUN(&run, NULL, "--json", "--stay", "--size", "3000x2000", "--inject", "oom-slow:700", scratch_scene("a.scene"));
    REQUIRE(run_sees(&run, "\"live\"", 1, 20000));
    if (!squeeze(run_pid_of(&run, 1))) {
        rmdir(CGROUP_V1);
        kill(run.pid, SIGTERM);
        run_end(&run, 5000);
        run_finish(&run);
        SKIP("no cgroup v1 with a memory controller that can be written to");
    }
    REQUIRE(run_sees(&run, "\"crash\"", 1, 20000));
    REQUIRE(run_event(&run, "crash", 1, NULL, &crash));
    CHECK_STR(event_text(&crash, "verdict"), "memory");
    CHECK(strstr(event_text(&crash, "detail"), "killed by the kernel") != NULL);
    REQUIRE(run_sees(&run, "\"live\"", 2, 10000));
    kill(run.pid, SIGTERM);
    CHECK_INT(run_end(&run, 5000), ==, 143);
    run_finish(&run);
    end_cgroup();
}
