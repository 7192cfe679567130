/* A child's claims against what /proc shows: whoever claims what it has not got is found out. */
#include "broker/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/layers.h"
#include "tests/test.h"

/* A child that does nothing, but for what `prepare` did first. */
static pid_t start_idler(void (*prepare)(void))
{
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    fflush(stdout);
    const pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        if (prepare != NULL)
            prepare();
        (void)!write(ends[1], "", 1);
        for (;;)
            pause();
    }
    char ready;
    close(ends[1]);
    REQUIRE(read(ends[0], &ready, 1) == 1);
    close(ends[0]);
    return pid;
}

static void end_idler(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void expect_contradiction(pid_t pid, uint32_t claimed, const char *why)
{
    uint32_t layers = 12345;
    char said[128] = "";
    CHECK_INT(proc_check(pid, claimed, &layers, said, sizeof said), ==, -EPERM);
    if (strstr(said, why) == NULL)
        FAIL("\"%s\", not \"%s\"", said, why);
    CHECK_INT(layers, ==, 12345);
}

/* As an ordinary user, for root would be told of at once. */
static void step_down(void)
{
    if (geteuid() == 0 && (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
        _exit(1);
}

TEST(claims_of_one_that_has_nothing)
{
    const pid_t pid = start_idler(step_down);
    expect_contradiction(pid, LAYER_BIT(LAYER_SECCOMP), "filter");
    expect_contradiction(pid, LAYER_BIT(LAYER_NO_NEW_PRIVS), "no_new_privs");
    expect_contradiction(pid, LAYER_BIT(LAYER_PID_NS), "pid namespace");
    expect_contradiction(pid, LAYER_BIT(LAYER_SECCOMP) | LAYER_BIT(LAYER_NO_NEW_PRIVS), "filter");
    end_idler(pid);
}

/* Its namespaces are the broker's. Not stepped down where it is not root anyway: then the links may be read. */
TEST(claims_of_namespaces)
{
    if (geteuid() == 0)
        step_down();
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* a change of user took that, and with it the own /proc/self/ns */
    const pid_t pid = start_idler(NULL);
    expect_contradiction(pid, LAYER_BIT(LAYER_USER_NS), "user namespace");
    expect_contradiction(pid, LAYER_BIT(LAYER_MOUNT_NS), "mnt namespace");
    expect_contradiction(pid, LAYER_BIT(LAYER_NET_NS), "net namespace");
    expect_contradiction(pid, LAYER_BIT(LAYER_IPC_NS), "ipc namespace");
    expect_contradiction(pid, LAYER_BIT(LAYER_UTS_NS), "uts namespace");
    end_idler(pid);
}

TEST(claims_of_root)
{
    if (geteuid() != 0)
        SKIP("only root has capabilities to hide");
    const pid_t pid = start_idler(NULL);
    expect_contradiction(pid, LAYER_BIT(LAYER_NO_CAPS), "capabilities");
    expect_contradiction(pid, 0, "root");
    end_idler(pid);
}

static void give_up_privileges(void)
{
    step_down();
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* What is so is believed, and what /proc cannot show, too. */
TEST(honest_claims)
{
    const pid_t pid = start_idler(give_up_privileges);
    const uint32_t claimed = LAYER_BIT(LAYER_NO_NEW_PRIVS) | LAYER_BIT(LAYER_NO_CAPS) | LAYER_BIT(LAYER_RLIMITS);
    uint32_t layers = 0;
    char why[128] = "";
    CHECK_INT(proc_check(pid, claimed, &layers, why, sizeof why), ==, 0);
    CHECK_INT(layers, ==, claimed);
    CHECK_STR(why, "");
    end_idler(pid);
}

TEST(one_that_is_gone)
{
    const pid_t pid = start_idler(NULL);
    end_idler(pid);
    uint32_t layers = 0;
    char why[128] = "";
    CHECK(proc_check(pid, 0, &layers, why, sizeof why) < 0);
    CHECK(strstr(why, "/proc") != NULL);
    CHECK_INT(proc_pss_kb(pid), ==, 0);
    CHECK_INT(proc_peak_rss_kb(pid), ==, 0);
}

TEST(memory)
{
    CHECK_INT(proc_pss_kb(getpid()), >, 0);
    CHECK_INT(proc_peak_rss_kb(getpid()), >=, proc_pss_kb(getpid()));
}

TEST(pids_of_pidfds)
{
    const pid_t pid = start_idler(NULL);
    CLOSE_FD int pidfd = pidfd_open(pid, 0);
    CHECK_INT(proc_pid_of(pidfd), ==, pid);
    end_idler(pid);
    CHECK_INT(proc_pid_of(pidfd), ==, 0);
    CHECK(proc_pid_of(STDOUT_FILENO) < 0);
    CHECK(proc_pid_of(-1) < 0);
}

TEST(what_is_no_listener)
{
    CLOSE_FD int event = eventfd(0, EFD_CLOEXEC);
    CHECK(!proc_is_listener(event));
    CHECK(!proc_is_listener(STDIN_FILENO));
    CHECK(!proc_is_listener(-1));
}
