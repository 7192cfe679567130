/* A child's claims against what /proc shows: whoever claims what it has not got is found out. */
#include "broker/proc.h"

#include <errno.h>
#include <grp.h>
#include <fcntl.h>
#include <stdbool.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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
    if (geteuid() == 0 &&
        (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
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

static void keep_groups(void)
{
    const gid_t kept = 1;
    if (setgroups(1, &kept) < 0 || setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
        _exit(1);
}

static void keep_group(void)
{
    if (setgroups(0, NULL) < 0 || setresuid(65534, 65534, 65534) < 0)
        _exit(1);
}

TEST(what_root_left_behind)
{
    if (geteuid() != 0)
        SKIP("only root has groups to take along");
    pid_t pid = start_idler(keep_groups);
    expect_contradiction(pid, 0, "groups");
    end_idler(pid);
    pid = start_idler(keep_group);
    expect_contradiction(pid, 0, "root");
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

TEST(resident_memory_grows_with_use)
{
    enum { N_BYTES = 32 << 20 };
    const uint64_t before_kb = proc_rss_kb(getpid());
    CHECK_INT(before_kb, >, 0);
    CHECK_INT(before_kb, <=, proc_peak_rss_kb(getpid()));
    volatile char *block = malloc(N_BYTES);
    REQUIRE(block != NULL);
    for (size_t i = 0; i < N_BYTES; i += 4096)
        block[i] = 1;
    CHECK_INT(proc_rss_kb(getpid()), >=, before_kb + N_BYTES / 1024 / 2);
    free((void *)(uintptr_t)block);

    const pid_t pid = start_idler(NULL);
    end_idler(pid);
    CHECK_INT(proc_rss_kb(pid), ==, 0);
}

TEST(children_are_counted_dead_or_alive)
{
    CHECK_INT(proc_count_children(), ==, 0);
    const pid_t one = start_idler(NULL), other = start_idler(NULL);
    CHECK_INT(proc_count_children(), ==, 2);
    kill(one, SIGKILL);
    siginfo_t info;
    waitid(P_PID, (id_t)one, &info, WEXITED | WNOWAIT);
    CHECK_INT(proc_count_children(), ==, 2);
    waitpid(one, NULL, 0);
    CHECK_INT(proc_count_children(), ==, 1);
    end_idler(other);
    CHECK_INT(proc_count_children(), ==, 0);
}

static void take_a_strange_name(void)
{
    prctl(PR_SET_NAME, ") Z 1 (4 4", 0, 0, 0);
}

TEST(who_is_exiting)
{
    const pid_t pid = start_idler(take_a_strange_name);
    CHECK(!proc_is_exiting(getpid()));
    CHECK(!proc_is_exiting(pid));
    CHECK_INT(proc_exit_signal(pid), ==, 0);
    kill(pid, SIGTERM);
    siginfo_t info;
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    CHECK(proc_is_exiting(pid));
    CHECK(proc_exit_signal(pid) == SIGTERM || proc_exit_signal(pid) == 0); /* the status is for who may look */
    waitpid(pid, NULL, 0);
    CHECK(!proc_is_exiting(pid));
    CHECK_INT(proc_exit_signal(pid), ==, 0);
}

/* The kernel's count only grows, and nothing that happens here makes it. */
TEST(out_of_memory_kills)
{
    const uint64_t before = proc_oom_kills();
    const pid_t pid = start_idler(NULL);
    end_idler(pid);
    CHECK_INT(proc_oom_kills(), >=, before);
}
