/* Rough treatment: processes of ours killed or stopped at the worst moment, strange things inherited, others who use up
 * what they share with the renderers, a reader who does not read. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "tests/process/run.h"
#include "tests/test.h"

#define NOBODY     65534
#define SMALL_SIZE "64x64"
/* The status of a child that could not prepare what the test is about. */
#define CANNOT 77

static void stay(struct run *run, const struct run_setup *setup, unsigned n_tabs)
{
    char n[16];
    snprintf(n, sizeof n, "%u", n_tabs);
    RUN(run, setup, "--json", "--stay", "--tabs", n, "--size", SMALL_SIZE, scratch_scene("a.scene"));
    REQUIRE(run_sees(run, "\"live\"", n_tabs, 20000));
}

static void end_by_sigterm(struct run *run)
{
    kill(run->pid, SIGTERM);
    CHECK_INT(run_end(run, 5000), ==, 128 + SIGTERM);
}

static long long level_of(const struct run *run)
{
    struct event start;
    return run_event(run, "start", 0, NULL, &start) ? event_number(&start, "level") : -1;
}

/* What this host gives when nobody meddles. */
static long long usual_level(void)
{
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--size", SMALL_SIZE, scratch_scene("a.scene")), ==, 0);
    const long long level = level_of(&run);
    run_finish(&run);
    return level;
}

static long long tabs_live(const struct run *run)
{
    struct event end;
    return run_event(run, "end", 0, NULL, &end) ? event_number(&end, "tabs_live") : -1;
}

/* ---- the zygote ------------------------------------------------------------------------------------------------------- */

/* The zygote has begun: a child of the broker that runs another executable. Before its exec it looks like the broker. */
static pid_t wait_for_zygote(pid_t broker, unsigned limit_ms)
{
    const uint64_t end_ns = clock_now_ns() + limit_ms * NS_PER_MS;
    while (clock_now_ns() < end_ns) {
        pid_t child;
        char path[64], name[32] = "";
        if (children_of(broker, &child, 1) == 0)
            continue;
        snprintf(path, sizeof path, "/proc/%d/cmdline", (int)child);
        CLOSE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && read(fd, name, sizeof name - 1) > 0 && strcmp(name, "vitrine-renderer") == 0)
            return child;
    }
    return -1;
}

/* A zygote that dies while it warms up is no sign of a host that forbids namespaces. */
TEST_WITHIN(zygote_killed_while_it_warms_up, 60)
{
    const long long level = usual_level();
    unsigned n_in_time = 0;
    for (unsigned ms = 0; ms <= 4; ms++) {
        struct run run;
        RUN(&run, NULL, "--json", "--tabs", "4", "--size", SMALL_SIZE, scratch_scene("a.scene"));
        const pid_t zygote = wait_for_zygote(run.pid, 5000);
        REQUIRE(zygote > 0);
        if (ms > 0)
            sleep_ms(ms);
        kill(zygote, SIGKILL);
        /* On a busy machine we may be late, and nobody misses a zygote whose work is done. */
        const bool in_time = !run_sees(&run, "\"start\"", 1, 0);
        n_in_time += in_time;
        run.killed = true; /* who was cloned just before leaves by itself */
        const int status = run_end(&run, 20000);
        const bool told = strstr(run.err, "zygote lost") != NULL;
        if (status != 0 || level_of(&run) != level || tabs_live(&run) != 4 || (in_time && !told))
            FAIL("after %u ms: status %d, level %lld, %lld live, \"%s\"", ms, status, level_of(&run), tabs_live(&run),
                 run.err);
        run_finish(&run);
    }
    CHECK_INT(n_in_time, >, 0);
}

/* It owes answers, and a second zygote gives them. */
TEST_WITHIN(zygote_stopped_while_tabs_load, 40)
{
    struct run run;
    RUN(&run, NULL, "--json", "--tabs", "60", "--size", SMALL_SIZE, scratch_scene("a.scene"));
    const pid_t zygote = wait_for_zygote(run.pid, 5000);
    REQUIRE(zygote > 0);
    REQUIRE(run_sees(&run, "\"start\"", 1, 10000));
    REQUIRE(kill(zygote, SIGSTOP) == 0);
    REQUIRE(run_count(&run, "tab", "loading") < 60);
    run.killed = true;
    CHECK_INT(run_end(&run, 20000), ==, 0);
    CHECK_INT(run_elapsed_ms(&run), <, 12000);
    CHECK_INT(tabs_live(&run), ==, 60);
    CHECK_INT(run_count(&run, "crash", NULL), ==, 0);
    CHECK(strstr(run.err, "zygote lost") != NULL);
    run_finish(&run);
}

TEST_WITHIN(zygote_killed_again_and_again, 40)
{
    struct run run;
    stay(&run, NULL, 3);
    if (zygote_of(run.pid) < 0 || level_of(&run) != 3) {
        end_by_sigterm(&run);
        run_finish(&run);
        SKIP("which one the zygote is shows at level 3 only");
    }
    for (unsigned i = 0; i < 4; i++) {
        pid_t zygote = -1;
        for (unsigned ms = 0; zygote < 0 && ms < 5000; ms += 10, sleep_ms(10))
            zygote = zygote_of(run.pid);
        if (zygote < 0)
            FAIL("no zygote follows after %u were killed", i);
        else
            kill(zygote, SIGKILL);
        sleep_ms(300);
    }
    for (unsigned tab = 1; tab <= 3; tab++)
        CHECK_INT(kill(run_pid_of(&run, tab), 0), ==, 0);
    CHECK_INT(run_count(&run, "tab", "failed"), ==, 0);
    end_by_sigterm(&run);
    CHECK_INT(tabs_live(&run), ==, 3);
    run_finish(&run);
}

/* ---- the broker ------------------------------------------------------------------------------------------------------- */

/* At ever later moments of its start; run_end looks for who is left after a second. */
TEST_WITHIN(broker_killed_at_its_start, 60)
{
    for (unsigned i = 0; i < 40; i++) {
        struct run run;
        RUN(&run, NULL, "--json", "--tabs", "8", "--size", SMALL_SIZE, scratch_scene("a.scene"));
        sleep_ms(2 + i % 14);
        run.killed = true;
        kill(run.pid, SIGKILL);
        CHECK_INT(run_end(&run, 5000), ==, 128 + SIGKILL);
        run_finish(&run);
    }
}

/* Until nothing more fits, and for a while: the writer waits for us. */
static bool wait_until_full(int write_fd)
{
    unsigned full_ms = 0;
    for (unsigned ms = 0; ms < 10000 && full_ms < 200; ms += 20, sleep_ms(20)) {
        struct pollfd room = {.fd = write_fd, .events = POLLOUT};
        full_ms = poll(&room, 1, 0) == 0 ? full_ms + 20 : 0;
    }
    return full_ms >= 200;
}

static void nobody_reads(const char *const *arguments)
{
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(fcntl(ends[1], F_SETPIPE_SZ, 4096) > 0);
    struct run run;
    const struct run_setup setup = {.stdout_fd = ends[1]};
    run_start(&run, &setup, arguments);
    CHECK(wait_until_full(ends[1]));
    kill(run.pid, SIGTERM);
    /* In time, and what could not be written is told. */
    const int status = run_end(&run, 3000);
    CHECK(status == 128 + SIGTERM || status == 3);
    if (status == 3)
        run_check_line(&run, "stdout");
    run_finish(&run);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
}

TEST_WITHIN(nobody_reads_the_table, 40)
{
    nobody_reads((const char *const[]){"--tabs", "120", "--size", SMALL_SIZE, scratch_scene("a.scene"), NULL});
}

TEST_WITHIN(nobody_reads_the_events, 40)
{
    nobody_reads((const char *const[]){"--json", "--stay", "--tabs", "40", "--size", SMALL_SIZE,
                                       scratch_scene("a.scene"), NULL});
}

/* ---- what is inherited ------------------------------------------------------------------------------------------------ */

static void ignore_sigchld_and_block_all(void)
{
    sigset_t all;
    sigfillset(&all);
    if (signal(SIGCHLD, SIG_IGN) == SIG_ERR || sigprocmask(SIG_SETMASK, &all, NULL) < 0)
        _exit(CANNOT);
}

TEST(signals_ignored_and_blocked)
{
    struct run run;
    const struct run_setup setup = {.prepare = ignore_sigchld_and_block_all};
    stay(&run, &setup, 2);
    struct event crash;
    kill(run_pid_of(&run, 2), SIGSEGV);
    REQUIRE(run_sees(&run, "\"crash\"", 1, 5000));
    REQUIRE(run_event(&run, "crash", 2, NULL, &crash));
    CHECK_STR(event_text(&crash, "verdict"), "signal");
    CHECK_STR(event_text(&crash, "signal"), "SIGSEGV");
    end_by_sigterm(&run);
    run_finish(&run);
}

static void ignore_sigint(void)
{
    signal(SIGINT, SIG_IGN);
}

/* As the background jobs of a shell that is not interactive have it. */
TEST(sigint_ignored_stays_ignored)
{
    struct run run;
    const struct run_setup setup = {.prepare = ignore_sigint};
    stay(&run, &setup, 1);
    kill(run.pid, SIGINT);
    sleep_ms(300);
    siginfo_t ended = {0};
    CHECK_INT(waitid(P_PID, (id_t)run.pid, &ended, WEXITED | WNOHANG | WNOWAIT), ==, 0);
    CHECK_INT(ended.si_pid, ==, 0);
    end_by_sigterm(&run);
    CHECK_INT(tabs_live(&run), ==, 1);
    run_finish(&run);
}

static void set_stricter_limits(void)
{
    const struct rlimit cpu = {.rlim_cur = 1000, .rlim_max = 1000};
    if (setrlimit(RLIMIT_CPU, &cpu) < 0)
        _exit(CANNOT);
#ifndef VITRINE_SANITIZED /* its shadow alone takes more */
    const struct rlimit space = {.rlim_cur = 2048ul << 20, .rlim_max = 2048ul << 20};
    if (setrlimit(RLIMIT_AS, &space) < 0)
        _exit(CANNOT);
#endif
}

TEST(limits_stricter_than_ours)
{
    struct run run;
    struct run_setup setup = {.prepare = set_stricter_limits};
    for (int user = 0; user <= (is_root() ? 1 : 0); user++) {
        setup.as_nobody = user == 1; /* root may raise them again, others not */
        const int status =
            RUN_WHOLE(&run, &setup, "--json", "--tabs", "3", "--size", SMALL_SIZE, scratch_scene("a.scene"));
        if (status != 0 || tabs_live(&run) != 3)
            FAIL("%s: status %d, %s", user == 1 ? "as nobody" : "as we are", status, run.err);
        run_finish(&run);
    }
}

static char inherited_path[512];

static void inherit_descriptors(void)
{
    const int fd = open(inherited_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || dup2(fd, 8) < 0 || dup2(fd, 9) < 0)
        _exit(CANNOT);
}

/* How many descriptors a process has; for each that is the inherited file the test fails. -1 when one may not look. */
static int look_into(pid_t pid)
{
    char path[64], target[512];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return -1;
    int n_fds = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const ssize_t n = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        if (n < 0)
            continue;
        target[n] = '\0';
        n_fds++;
        if (strcmp(target, inherited_path) == 0)
            FAIL("process %d has the broker's inherited descriptor %s", (int)pid, entry->d_name);
    }
    closedir(folder);
    return n_fds;
}

static void look_into_children(const char *without, const char *spawn)
{
    struct run run;
    pid_t children[16];
    const struct run_setup setup = {.without = without, .prepare = inherit_descriptors};
    RUN(&run, &setup, "--json", "--stay", "--spawn", spawn, "--tabs", "2", "--size", SMALL_SIZE,
        scratch_scene("a.scene"));
    REQUIRE(run_sees(&run, "\"live\"", 2, 20000));
    const unsigned n = children_of(run.pid, children, 16);
    CHECK_INT(n, >=, 3); /* the zygote, two renderers, and at level 3 init */
    for (unsigned i = 0; i < n; i++)
        CHECK_INT(look_into(children[i]), >, 0);
    end_by_sigterm(&run);
    run_finish(&run);
}

TEST_WITHIN(descriptors_inherited, 40)
{
    if (!is_root())
        SKIP("only root sees the descriptors of processes that cannot be dumped");
    snprintf(inherited_path, sizeof inherited_path, "%s", scratch_file("inherited", "secret"));
    static const char *const spawns[] = {"zygote", "exec"};
    for (size_t i = 0; i < 2; i++) {
        look_into_children(NULL, spawns[i]);
        look_into_children("close-range", spawns[i]);
    }
}

TEST(close_range_missing_costs_no_level)
{
    const long long level = usual_level();
    struct run run;
    const struct run_setup setup = {.without = "close-range"};
    CHECK_INT(RUN_WHOLE(&run, &setup, "--json", "--tabs", "2", "--size", SMALL_SIZE, scratch_scene("a.scene")), ==, 0);
    CHECK_INT(level_of(&run), ==, level);
    run_finish(&run);
}

/* ---- what is shared ---------------------------------------------------------------------------------------------------- */

static bool send_descriptors(int socket_fd, unsigned n)
{
    union {
        char bytes[CMSG_SPACE(50 * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec byte = {.iov_base = &(char){0}, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &byte, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header =
        (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(n * sizeof(int))};
    for (unsigned i = 0; i < n; i++)
        memcpy(CMSG_DATA(header) + i * sizeof(int), &(int){STDIN_FILENO}, sizeof(int));
    return sendmsg(socket_fd, &message, MSG_NOSIGNAL) == 1;
}

/* The kernel counts descriptors in flight by user: another process of the renderers' user has many. */
static _Noreturn void keep_in_flight(int ready_fd)
{
    int ends[2];
    if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
        _exit(CANNOT);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* not before: a change of ids clears it */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 || !send_descriptors(ends[0], 50) ||
        !send_descriptors(ends[0], 50) || write(ready_fd, "", 1) != 1)
        _exit(CANNOT);
    for (;;)
        pause();
}

TEST(another_has_descriptors_in_flight)
{
    int ready[2];
    char byte;
    REQUIRE(pipe2(ready, O_CLOEXEC) == 0);
    const pid_t other = fork();
    REQUIRE(other >= 0);
    if (other == 0)
        keep_in_flight(ready[1]);
    fd_close(&ready[1]);
    REQUIRE(read(ready[0], &byte, 1) == 1);
    fd_close(&ready[0]);

    struct run run;
    RUN(&run, NULL, "--json", "--stay", "--tabs", "4", "--size", SMALL_SIZE, scratch_scene("a.scene"));
    CHECK(run_sees(&run, "\"live\"", 4, 5000));
    CHECK_INT(run_count(&run, "crash", NULL), ==, 0);
    /* Before the broker: run_end waits for all children. */
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    end_by_sigterm(&run);
    run_finish(&run);
}

/* ---- what is told ------------------------------------------------------------------------------------------------------ */

/* A signal that somebody sends has no address, whatever lies in its siginfo. */
TEST(signal_sent_has_no_address)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    struct run run;
    stay(&run, NULL, 4);
    for (unsigned i = 0; i < 4; i++) {
        struct event crash;
        kill(run_pid_of(&run, i + 1), signals[i]);
        REQUIRE(run_sees(&run, "\"crash\"", i + 1, 5000));
        REQUIRE(run_event(&run, "crash", i + 1, NULL, &crash));
        CHECK_STR(event_text(&crash, "verdict"), "signal");
        CHECK_STR(event_text(&crash, "address"), "null");
    }
    end_by_sigterm(&run);
    run_finish(&run);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* The second time tab 1 has nothing to show: the picture of the first time would be a lie. */
TEST(snapshot_leaves_no_stale_picture)
{
    struct run run;
    const char *folder = scratch_path("pictures"), *scene = scratch_scene("a.scene");
    CHECK_INT(RUN_WHOLE(&run, NULL, "--snapshot", folder, "--size", SMALL_SIZE, scene, scene), ==, 0);
    run_finish(&run);
    CHECK(exists(scratch_path("pictures/tab-001.png")));
    CHECK_INT(RUN_WHOLE(&run, NULL, "--snapshot", folder, "--size", SMALL_SIZE, scratch_path("missing"), scene), ==, 1);
    run_finish(&run);
    CHECK(!exists(scratch_path("pictures/tab-001.png")));
    CHECK(exists(scratch_path("pictures/tab-002.png")));
    CHECK(exists(scratch_path("pictures/contact-sheet.png")));
}

/* ---- hosts that cannot ------------------------------------------------------------------------------------------------- */

static bool write_text(const char *path, const char *text)
{
    CLOSE_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) > 0;
}

/* As unshare -r: root inside, and nobody else is mapped. */
static void be_the_only_root(void)
{
    char users[32], groups[32];
    snprintf(users, sizeof users, "0 %u 1", (unsigned)geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getegid());
    if (unshare(CLONE_NEWUSER) < 0 || !write_text("/proc/self/setgroups", "deny") ||
        !write_text("/proc/self/uid_map", users) || !write_text("/proc/self/gid_map", groups))
        _exit(CANNOT);
}

TEST(root_of_a_small_user_namespace)
{
    const struct run_setup setup = {.prepare = be_the_only_root};
    struct run run;
    const int status = RUN_WHOLE(&run, &setup, "--size", SMALL_SIZE, scratch_scene("a.scene"));
    if (status == CANNOT)
        SKIP("no user namespace can be had here");
    CHECK_INT(status, ==, 3);
    run_check_line(&run, "ordinary user");
    run_finish(&run);
}

static void copy_file(const char *from, const char *to)
{
    char bytes[65536];
    CLOSE_FD int in = open(from, O_RDONLY | O_CLOEXEC);
    CLOSE_FD int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    REQUIRE(in >= 0 && out >= 0);
    for (ssize_t n; (n = read(in, bytes, sizeof bytes)) > 0;)
        REQUIRE(write(out, bytes, (size_t)n) == n);
}

static void no_renderer_comes_up(const char *broker, const char *what)
{
    const char *scene = scratch_scene("a.scene");
    const char *const words[][4] = {{scene, NULL}, {"--require-level", "3", scene, NULL}, {"--sandbox-status", NULL}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct run run;
        const struct run_setup setup = {.program = broker};
        const int status = run_whole(&run, &setup, words[i]);
        if (status != 3)
            FAIL("%s, row %zu: status %d", what, i, status);
        run_check_line(&run, "renderer");
        run_finish(&run);
    }
}

TEST_WITHIN(renderer_that_is_none, 40)
{
    const char *broker = scratch_path("broker"), *renderer = scratch_path("renderer");
    copy_file(BROKER_PATH, broker);
    scratch_file("renderer", "no executable\n");
    REQUIRE(chmod(renderer, 0755) == 0);
    no_renderer_comes_up(broker, "a text");
    copy_file("/bin/true", renderer);
    no_renderer_comes_up(broker, "/bin/true");
}
