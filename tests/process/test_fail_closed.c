/* Kernels that lack one thing, refuse it, or claim success and do nothing: a row each. The run goes on where an extra is
 * missing, falls to level 2 and says so, or refuses in a line that names the thing. It never hangs, and what it told is
 * looked up from outside, in what the kernel shows of its renderers. */
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "tests/process/run.h"
#include "tests/test.h"

enum outcome {
    LEVEL_3, /* as ever, but for the extra layer that text names; NULL: none is missing */
    LEVEL_2, /* and stderr says so */
    REFUSED, /* exit 3; the last line of stderr has text in it */
    NO_TAB,  /* exit 1: each tab failed by itself, and stderr has text in it */
};

enum where {
    ANYWHERE = 0,
    BY_EXEC = 1,     /* renderers that are exec'd, only */
    BY_ZYGOTE = 2,   /* renderers that are cloned, only */
    BY_ROOT = 4,     /* only where root runs the broker */
    UNSANITIZED = 8, /* sanitizers do without what this is about, or cannot do without it */
    IN_HASTE = 16,   /* the broker cannot wait for its children, which go by themselves */
};

struct row {
    const char *host; /* as tests/process/without.c takes it */
    enum outcome outcome;
    const char *text;
    unsigned where;
};

#define LIMIT_MS 20000

static const struct run_setup as_ever;
static const char *scene;

static void prepare_tests(void)
{
#ifdef VITRINE_SANITIZED
    setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* the leak checker needs calls that a row takes away */
#endif
    scene = scratch_scene("a.scene");
}

/* ---- from outside ------------------------------------------------------------------------------------------------------ */

static const char *read_of(pid_t pid, const char *file)
{
    static char text[16384];
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    CLOSE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void check_has(const char *host, const char *text, const char *wanted)
{
    if (strstr(text, wanted) == NULL)
        FAIL("%s: a renderer without \"%s\"", host, wanted);
}

static void check_status(const char *host, pid_t pid)
{
    const char *status = read_of(pid, "status");
    static const char *const always[] = {"\nSeccomp:\t2\n",
                                         "\nNoNewPrivs:\t1\n",
                                         "\nCapInh:\t0000000000000000\n",
                                         "\nCapPrm:\t0000000000000000\n",
                                         "\nCapEff:\t0000000000000000\n",
                                         "\nCapAmb:\t0000000000000000\n"};
    static const char *const from_root[] = {"\nUid:\t65534\t65534\t65534\t65534\n",
                                            "\nGid:\t65534\t65534\t65534\t65534\n", "\nGroups:\t \n"};
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        check_has(host, status, always[i]);
    for (size_t i = 0; i < sizeof from_root / sizeof from_root[0] && is_root(); i++)
        check_has(host, status, from_root[i]);
}

static void check_limits(const char *host, pid_t pid)
{
    const char *limits = read_of(pid, "limits");
    check_has(host, limits, "\nMax file size             0                    0 ");
    check_has(host, limits, "\nMax core file size        0                    0 ");
    check_has(host, limits, "\nMax processes             0                    0 ");
    check_has(host, limits, "\nMax cpu time              3600 ");
#ifndef VITRINE_SANITIZED
    static const char *const sizes[] = {"\nMax data size             unlimited",
                                        "\nMax address space         unlimited"};
    for (size_t i = 0; i < 2; i++) {
        if (strstr(limits, sizes[i]) != NULL)
            FAIL("%s: a renderer with \"%s\"", host, sizes[i] + 1);
    }
#endif
}

static void check_namespaces(const char *host, pid_t pid)
{
    static const char *const names[] = {"user", "pid", "mnt", "net", "ipc", "uts"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[64], ours[64] = "", theirs[64] = "";
        snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
        const bool known = readlink(path, ours, sizeof ours - 1) > 0;
        snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, names[i]);
        if (!known || readlink(path, theirs, sizeof theirs - 1) <= 0 || strcmp(ours, theirs) == 0)
            FAIL("%s: the %s namespace is \"%s\", and ours \"%s\"", host, names[i], theirs, ours);
    }
}

/* One mount, with nothing beneath it: an old root that was left would be a second. */
static void check_root(const char *host, pid_t pid)
{
    const char *mounts = read_of(pid, "mountinfo");
    const char *end = strchr(mounts, '\n');
    if (end == NULL || end[1] != '\0' || strstr(mounts, " / ro,nosuid,nodev,noexec") == NULL)
        FAIL("%s: the root is %s", host, mounts);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/root/", (int)pid);
    DIR *root = opendir(path);
    unsigned n = 0;
    for (const struct dirent *entry; root != NULL && (entry = readdir(root)) != NULL;)
        n += entry->d_name[0] != '.';
    if (root == NULL || n > 0)
        FAIL("%s: %u names are in the empty root", host, n);
    if (root != NULL)
        closedir(root);
}

static void check_descriptors(const char *host, pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *fds = opendir(path);
    unsigned n = 0;
    for (const struct dirent *entry; fds != NULL && (entry = readdir(fds)) != NULL;)
        n += entry->d_name[0] != '.';
    if (n != 5)
        FAIL("%s: a renderer has %u descriptors", host, n);
    if (fds != NULL)
        closedir(fds);
}

/* What the level promises of each renderer, as the kernel sees it. Others' secrets are root's to see. */
static void check_renderers(const char *host, const struct run *run)
{
    for (unsigned tab = 1; tab <= 2; tab++) {
        const pid_t pid = run_pid_of(run, tab);
        check_status(host, pid);
        check_limits(host, pid);
        if (is_root())
            check_descriptors(host, pid);
        if (is_root() && run_level(run) == 3) {
            check_namespaces(host, pid);
            check_root(host, pid);
        }
    }
}

/* ---- one row -------------------------------------------------------------------------------------------------------------- */

static const char *const layers[] = {"user-ns", "pid-ns",       "mount-ns",   "net-ns",          "ipc-ns",
                                     "uts-ns",  "empty-root",   "landlock",   "seccomp",         "rlimits",
                                     "no-caps", "no-new-privs", "notify",     "landlock-scopes", "mdwe",
                                     "mseal",   "noexec-seal",  "speculation"};
#define N_LAYERS (sizeof layers / sizeof layers[0])

/* Those this host has when nothing is taken away. */
static bool whole[N_LAYERS];

static void note_layers(const struct run *run, bool *out)
{
    for (size_t i = 0; i < N_LAYERS; i++)
        out[i] = run_layer(run, layers[i]);
}

static void check_layers(const struct row *row, const struct run *run)
{
    for (size_t i = 0; i < N_LAYERS && row->outcome == LEVEL_3; i++) {
        const bool is_taken = row->text != NULL && strcmp(row->text, layers[i]) == 0;
        if (run_layer(run, layers[i]) != (whole[i] && !is_taken))
            FAIL("%s: the layer %s is told %s", row->host, layers[i], is_taken ? "to hold" : "otherwise than ever");
    }
}

static void goes_on(const struct row *row, const struct run_setup *setup, const char *spawn)
{
    struct run run;
    RUN(&run, setup, "--json", "--stay", "--size", "64x64", "--spawn", spawn, "--tabs", "2", scene);
    const bool live = run_sees(&run, "\"live\"", 2, LIMIT_MS);
    if (!live)
        FAIL("%s: not live: %s", row->host, run.err);
    else
        check_renderers(row->host, &run);
    CHECK_INT(run_level(&run), ==, row->outcome == LEVEL_3 ? 3 : 2);
    check_layers(row, &run);
    kill(run.pid, SIGTERM);
    const int status = run_end(&run, LIMIT_MS);
    if (live && status != 143)
        FAIL("%s: status %d: %s", row->host, status, run.err);
    if ((strstr(run.err, "going on at level 2") != NULL) != (row->outcome == LEVEL_2))
        FAIL("%s: stderr is \"%s\"", row->host, run.err);
    run_finish(&run);
}

static const char *last_line(const char *text)
{
    const char *line = text;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\n' && c[1] != '\0')
            line = c + 1;
    }
    return line;
}

static void comes_to_nothing(const struct row *row, const struct run_setup *setup, const char *spawn)
{
    struct run run;
    RUN(&run, setup, "--json", "--size", "64x64", "--spawn", spawn, "--tabs", "2", scene);
    run.killed = row->where & IN_HASTE;
    const int status = run_end(&run, LIMIT_MS);
    const bool refused = row->outcome == REFUSED;
    if (status != (refused ? 3 : 1))
        FAIL("%s: status %d: %s", row->host, status, run.err);
    if (strstr(refused ? last_line(run.err) : run.err, row->text) == NULL)
        FAIL("%s: not a word of \"%s\": %s", row->host, row->text, run.err);
    if (run_count(&run, "tab", "live") != 0)
        FAIL("%s: a tab is live", row->host);
    run_finish(&run);
}

static void check_sandbox_status(const struct row *row, const struct run_setup *setup, const char *spawn)
{
    struct run run;
    RUN(&run, setup, "--sandbox-status", "--spawn", spawn);
    run.killed = row->where & IN_HASTE;
    const int status = run_end(&run, LIMIT_MS);
    const bool good = row->outcome == LEVEL_3   ? status == 0
                      : row->outcome == LEVEL_2 ? status == 1
                                                : status == 1 || status == 3;
    if (!good)
        FAIL("%s: --sandbox-status ends with %d: %s", row->host, status, run.err);
    if (row->outcome == REFUSED && strstr(run.out, row->text) == NULL && strstr(run.err, row->text) == NULL)
        FAIL("%s: --sandbox-status has no \"%s\": %s%s", row->host, row->text, run.out, run.err);
    run_finish(&run);
}

static void check_row(const struct row *row, const struct run_setup *setup)
{
    static const char *const spawns[] = {"zygote", "exec"};
#ifdef VITRINE_SANITIZED
    if (row->where & UNSANITIZED)
        return;
#endif
    if ((row->where & BY_ROOT) && !is_root())
        return;
    for (size_t i = 0; i < 2; i++) {
        if ((i == 0 && (row->where & BY_EXEC)) || (i == 1 && (row->where & BY_ZYGOTE)))
            continue;
        if (row->outcome == LEVEL_3 || row->outcome == LEVEL_2)
            goes_on(row, setup, spawns[i]);
        else
            comes_to_nothing(row, setup, spawns[i]);
        if (row->outcome != NO_TAB)
            check_sandbox_status(row, setup, spawns[i]);
    }
}

/* Ends the test where this host offers no level 3 to begin with. */
static void begin(void)
{
    struct run run;
    prepare_tests();
    CHECK_INT(RUN_WHOLE(&run, &as_ever, "--json", "--size", "64x64", scene), ==, 0);
    const bool has_level_3 = run_level(&run) == 3;
    note_layers(&run, whole);
    run_finish(&run);
    if (!has_level_3)
        SKIP("this host has no level 3");
}

static void check_rows_with(const struct row *rows, size_t n, void (*prepare)(void))
{
    begin();
    for (size_t i = 0; i < n; i++) {
        const struct run_setup setup = {.without = rows[i].host, .prepare = prepare};
        check_row(&rows[i], &setup);
    }
}

#define CHECK_ROWS(...)                                            \
    do {                                                           \
        static const struct row rows[] = {__VA_ARGS__};            \
        check_rows_with(rows, sizeof rows / sizeof rows[0], NULL); \
        printf("  %zu hosts\n", sizeof rows / sizeof rows[0]);     \
    } while (0)

/* ---- the rows -------------------------------------------------------------------------------------------------------------- */

/* The calls' numbers for flags and options, where the rows need them. */
/* clang-format off */

TEST_WITHIN(namespaces, 120)
{
    CHECK_ROWS(
        {"unshare:EPERM", LEVEL_2, NULL, ANYWHERE},
        {"unshare:ENOSYS", LEVEL_2, NULL, ANYWHERE},
        {"unshare:EINVAL", LEVEL_2, NULL, ANYWHERE},
        {"unshare:ENOMEM", LEVEL_2, NULL, ANYWHERE},
        {"unshare:OK", LEVEL_2, NULL, ANYWHERE},
        {"unshare@0=0x20000000:OK", LEVEL_2, NULL, ANYWHERE},      /* CLONE_NEWPID */
        {"unshare@0=0x20000:OK", LEVEL_2, NULL, BY_EXEC},          /* CLONE_NEWNS */
        {"clone@0&0x10000000:EPERM", LEVEL_2, NULL, ANYWHERE},     /* CLONE_NEWUSER */
        {"clone@0&0x10000000:EINVAL", LEVEL_2, NULL, ANYWHERE},
        {"clone@0&0x10000000:ENOSPC", LEVEL_2, NULL, ANYWHERE},
        {"clone@0&0x40000000:EINVAL", LEVEL_2, NULL, ANYWHERE},    /* CLONE_NEWNET */
        {"clone@0&0x10000000:ENOMEM", REFUSED, "Cannot allocate memory", ANYWHERE},
        {"clone@0&0x02000000:EINVAL", LEVEL_3, NULL, ANYWHERE},    /* CLONE_NEWCGROUP: old kernels */
        {"clone3:ENOSYS", LEVEL_3, NULL, ANYWHERE},
        {"clone3:EPERM", LEVEL_3, NULL, ANYWHERE});
}

TEST_WITHIN(roots, 120)
{
    CHECK_ROWS(
        {"mount:EPERM", LEVEL_2, NULL, ANYWHERE},
        {"mount:EACCES", LEVEL_2, NULL, ANYWHERE},
        {"mount:ENODEV", LEVEL_2, NULL, ANYWHERE},
        {"mount:OK", LEVEL_2, NULL, ANYWHERE},
        {"mount@3&0x1000:EPERM", LEVEL_2, NULL, ANYWHERE},         /* MS_BIND: the read-only remount */
        {"mount@3&0x1000:OK", LEVEL_2, NULL, ANYWHERE},
        {"mount@3&0x4000:OK", LEVEL_3, NULL, ANYWHERE},            /* MS_REC: private already, in a new user namespace */
        {"pivot_root:EPERM", LEVEL_2, NULL, ANYWHERE},
        {"pivot_root:ENOSYS", LEVEL_2, NULL, ANYWHERE},
        {"pivot_root:OK", LEVEL_2, NULL, ANYWHERE},
        {"umount2:EPERM", LEVEL_2, NULL, ANYWHERE},
        {"umount2:OK", LEVEL_2, NULL, ANYWHERE},
        {"chdir:OK", LEVEL_2, NULL, ANYWHERE});
}

TEST_WITHIN(landlock, 120)
{
    CHECK_ROWS(
        {"landlock_create_ruleset:ENOSYS", REFUSED, "without Landlock", ANYWHERE},
        {"landlock_create_ruleset:EOPNOTSUPP", REFUSED, "Landlock is built in but not enabled", ANYWHERE},
        {"landlock_create_ruleset:EPERM", REFUSED, "forbids Landlock", ANYWHERE},
        {"landlock_create_ruleset:OK", REFUSED, "Landlock", ANYWHERE},
        {"landlock_restrict_self:ENOSYS", REFUSED, "Landlock", ANYWHERE},
        {"landlock_restrict_self:EPERM", REFUSED, "Landlock", ANYWHERE},
        {"landlock_restrict_self:E2BIG", REFUSED, "too many Landlock rulesets", ANYWHERE},
        {"landlock_restrict_self:OK", REFUSED, "Landlock would not restrict", ANYWHERE},
        {"landlock_create_ruleset:ENOSYS,clone@0&0x10000000:EPERM", REFUSED, "without Landlock", ANYWHERE},
        {"landlock_add_rule:ENOSYS", LEVEL_3, NULL, ANYWHERE});
}

TEST_WITHIN(filters, 120)
{
    CHECK_ROWS(
        {"seccomp:ENOSYS", REFUSED, "filter", ANYWHERE},
        {"seccomp:EPERM", REFUSED, "filter", ANYWHERE},
        {"seccomp:EINVAL", REFUSED, "filter", ANYWHERE},
        {"seccomp:ENOMEM", REFUSED, "filter", ANYWHERE},
        {"seccomp:OK", REFUSED, "filter", ANYWHERE},
        {"seccomp@1&8:EINVAL", LEVEL_3, "notify", ANYWHERE},       /* NEW_LISTENER: before Linux 5.0 */
        {"seccomp@1&8:EBUSY", LEVEL_3, "notify", ANYWHERE},        /* an outer filter has one */
        {"seccomp@1&8:EPERM", REFUSED, "filter", ANYWHERE},
        {"seccomp@1&8:OK", REFUSED, "filter", ANYWHERE},
        {"seccomp@1&32:EINVAL", LEVEL_3, NULL, ANYWHERE},          /* WAIT_KILLABLE_RECV: before Linux 5.19 */
        {"seccomp@1&1:EINVAL", LEVEL_3, NULL, ANYWHERE},           /* TSYNC: one thread needs none */
        {"seccomp@1&8:EINVAL,seccomp@1=0:EPERM", REFUSED, "filter", ANYWHERE},
        {"seccomp@1&8:EINVAL,seccomp@1=0:OK", REFUSED, "filter", ANYWHERE},
        {"listener", LEVEL_3, "notify", ANYWHERE});
}

TEST_WITHIN(process_options, 120)
{
    CHECK_ROWS(
        {"prctl:ENOSYS", REFUSED, "prctl", ANYWHERE},
        {"prctl:EPERM", REFUSED, "prctl", ANYWHERE},
        {"prctl:OK", REFUSED, "prctl", ANYWHERE},
        {"prctl@0=38:EINVAL", REFUSED, "no_new_privs", ANYWHERE},  /* PR_SET_NO_NEW_PRIVS */
        {"prctl@0=38:OK", REFUSED, "no_new_privs", ANYWHERE},
        {"prctl@0=39:EINVAL", REFUSED, "no_new_privs", ANYWHERE},  /* PR_GET_NO_NEW_PRIVS */
        {"prctl@0=39:OK", REFUSED, "no_new_privs", ANYWHERE},
        {"prctl@0=1:EINVAL", REFUSED, "prctl", ANYWHERE},          /* PR_SET_PDEATHSIG */
        {"prctl@0=1:OK", REFUSED, "prctl", ANYWHERE},
        {"prctl@0=2:OK", REFUSED, "prctl", ANYWHERE},              /* PR_GET_PDEATHSIG */
        {"prctl@0=4:EINVAL", REFUSED, "prctl", ANYWHERE},          /* PR_SET_DUMPABLE */
        {"prctl@0=4:OK", REFUSED, "prctl", BY_ROOT},               /* a change of user takes it from root's anyway … */
        {"prctl@0=24:EPERM", LEVEL_3, NULL, ANYWHERE},             /* PR_CAPBSET_DROP: no_new_privs does as much */
        {"prctl@0=24:OK", LEVEL_3, NULL, ANYWHERE},
        {"prctl@0=23:OK", LEVEL_3, NULL, ANYWHERE},                /* PR_CAPBSET_READ: no end of capabilities */
        {"prctl@0=47:EINVAL", LEVEL_3, NULL, ANYWHERE},            /* PR_CAP_AMBIENT */
        {"prctl@0=65:EINVAL", LEVEL_3, "mdwe", ANYWHERE},          /* PR_SET_MDWE */
        {"prctl@0=65:OK", LEVEL_3, "mdwe", ANYWHERE},
        {"prctl@0=53:EINVAL", LEVEL_3, "speculation", ANYWHERE},   /* PR_SET_SPECULATION_CTRL */
        {"prctl@0=53:OK,prctl@0=52:OK", LEVEL_3, "speculation", ANYWHERE},
        {"prctl@0=15:EINVAL", LEVEL_3, NULL, ANYWHERE});           /* PR_SET_NAME */
}

TEST_WITHIN(capabilities, 120)
{
    CHECK_ROWS(
        {"capset:EPERM", REFUSED, "capabilities", ANYWHERE},
        {"capset:ENOSYS", REFUSED, "capabilities", ANYWHERE},
        {"capset:OK", REFUSED, "capabilities", ANYWHERE},
        {"capget:EPERM", REFUSED, "capabilities", ANYWHERE},
        {"capget:OK", REFUSED, "capabilities", ANYWHERE},
        {"capset:OK,capget:OK", REFUSED, "capabilities", ANYWHERE});
}

static void join_groups(void)
{
    const gid_t groups[] = {1, 2, 3};
    if (setgroups(3, groups) < 0)
        _exit(126);
}

/* Root, with groups besides. */
TEST_WITHIN(ids, 120)
{
    static const struct row rows[] = {
        {"setresuid:EPERM", REFUSED, "could not become nobody", BY_ROOT},
        {"setresuid:OK", REFUSED, "could not become nobody", BY_ROOT},
        {"setresgid:EPERM", REFUSED, "could not become nobody", BY_ROOT},
        {"setresgid:OK", REFUSED, "could not become nobody", BY_ROOT},
        {"setgroups:EPERM", REFUSED, "could not become nobody", BY_ROOT},
        {"setgroups:OK", REFUSED, "could not become nobody", BY_ROOT},
        {"setgroups:OK,getgroups:OK", NO_TAB, "groups", BY_ROOT},
        {"clone@0&0x10000000:EPERM,setresuid:OK", REFUSED, "could not become nobody", BY_ROOT},
        {"clone@0&0x10000000:EPERM,setresgid:OK", REFUSED, "could not become nobody", BY_ROOT},
        {"clone@0&0x10000000:EPERM,setgroups:OK", REFUSED, "could not become nobody", BY_ROOT},
    };
    if (!is_root())
        SKIP("only root has ids to give up");
    check_rows_with(rows, sizeof rows / sizeof rows[0], join_groups);
}

TEST_WITHIN(limits, 120)
{
    CHECK_ROWS(
        {"prlimit64:EPERM", REFUSED, "limit", UNSANITIZED},
        {"prlimit64:ENOSYS", REFUSED, "limit", UNSANITIZED},
        {"prlimit64:OK", REFUSED, "limit", ANYWHERE},
        {"prlimit64@1=0:EPERM", REFUSED, "limit", ANYWHERE},       /* RLIMIT_CPU … */
        {"prlimit64@1=0:OK", REFUSED, "limit", ANYWHERE},
        {"prlimit64@1=1:EPERM", REFUSED, "limit", ANYWHERE},       /* FSIZE */
        {"prlimit64@1=1:OK", REFUSED, "limit", ANYWHERE},
        {"prlimit64@1=2:EPERM", REFUSED, "limit", UNSANITIZED},    /* DATA */
        {"prlimit64@1=2:OK", REFUSED, "limit", UNSANITIZED},
        {"prlimit64@1=4:EPERM", REFUSED, "limit", UNSANITIZED},       /* CORE */
        {"prlimit64@1=4:OK", REFUSED, "limit", ANYWHERE},
        {"prlimit64@1=6:EPERM", REFUSED, "limit", ANYWHERE},       /* NPROC */
        {"prlimit64@1=6:OK", REFUSED, "limit", ANYWHERE},
        {"prlimit64@1=7:EPERM", REFUSED, "limit", ANYWHERE},       /* NOFILE */
        {"prlimit64@1=9:EPERM", REFUSED, "limit", UNSANITIZED},    /* AS */
        {"prlimit64@1=9:OK", REFUSED, "limit", UNSANITIZED});
}

TEST_WITHIN(memory_files, 120)
{
    CHECK_ROWS(
        {"memfd_create:ENOSYS", REFUSED, "memfd_create", ANYWHERE},
        {"memfd_create:EPERM", REFUSED, "memfd_create", ANYWHERE},
        {"memfd_create:ENOMEM", REFUSED, "memfd_create", ANYWHERE},
        {"memfd_create:EMFILE", REFUSED, "memfd_create", ANYWHERE},
        {"memfd_create:OK", REFUSED, "memory files", ANYWHERE},
        {"memfd_create@1&8:EINVAL", LEVEL_3, "noexec-seal", ANYWHERE}, /* MFD_NOEXEC_SEAL: before Linux 6.3 */
        {"memfd_create@1&8:EACCES", REFUSED, "memfd_create", ANYWHERE},
        {"memfd_create@1&8:EINVAL,fchmod:EPERM", REFUSED, "memory files", ANYWHERE},
        {"fcntl@1=1033:EPERM", REFUSED, "F_ADD_SEALS", ANYWHERE},
        {"fcntl@1=1033:OK", REFUSED, "F_ADD_SEALS", ANYWHERE},
        {"fcntl@1=1034:EINVAL", REFUSED, "F_ADD_SEALS", ANYWHERE}, /* F_GET_SEALS */
        {"fcntl@1=1034:OK", REFUSED, "F_ADD_SEALS", ANYWHERE},
        {"ftruncate:ENOMEM", NO_TAB, "no frame could be made", ANYWHERE},
        {"ftruncate:OK", NO_TAB, "no frame could be made", ANYWHERE},
        {"mseal:ENOSYS", LEVEL_3, "mseal", ANYWHERE},
        {"mseal:EPERM", LEVEL_3, "mseal", ANYWHERE},
        {"mseal:OK", LEVEL_3, "mseal", ANYWHERE},
        {"mprotect@2=5:EACCES", LEVEL_3, "mseal", UNSANITIZED});   /* what would show that it is sealed */
}

TEST_WITHIN(documents, 120)
{
    CHECK_ROWS(
        {"openat2:ENOSYS", NO_TAB, "openat2", ANYWHERE},
        {"openat2:EPERM", NO_TAB, "no permission", ANYWHERE},
        {"openat2:OK", NO_TAB, "a device", ANYWHERE},              /* the descriptor that stdin has */
        {"sendfile:ENOSYS", LEVEL_3, NULL, ANYWHERE},
        {"sendfile:OK", NO_TAB, "nothing to read", ANYWHERE});
}

TEST_WITHIN(processes, 120)
{
    CHECK_ROWS(
        {"clone:EAGAIN", REFUSED, "process cannot be made", ANYWHERE},
        {"clone:ENOMEM", REFUSED, "process cannot be made", ANYWHERE},
        {"clone:EPERM", REFUSED, "process cannot be made", ANYWHERE},
        {"clone:ENOSYS", REFUSED, "process cannot be made", ANYWHERE},
        {"clone@0&0x8000:EPERM", REFUSED, "could not be cloned", ANYWHERE}, /* CLONE_PARENT: the zygote's */
        {"clone@0&0x8000:ENOMEM", REFUSED, "could not be cloned", ANYWHERE},
        {"execveat:ENOSYS", REFUSED, "execveat", ANYWHERE},
        {"execveat:EACCES", REFUSED, "execveat", ANYWHERE},
        {"execveat:OK", REFUSED, "execveat", ANYWHERE},
        {"pidfd_open:ENOSYS", REFUSED, "pidfd_open", ANYWHERE},
        {"pidfd_open:EMFILE", REFUSED, "pidfd_open", ANYWHERE},
        {"pidfd_send_signal:ENOSYS", REFUSED, "pidfd_send_signal", ANYWHERE},
        {"pidfd_send_signal:EPERM", REFUSED, "pidfd_send_signal", ANYWHERE},
        {"pidfd_send_signal:OK", REFUSED, "pidfd_send_signal", ANYWHERE},
        {"waitid:ENOSYS", REFUSED, "waitid", ANYWHERE},
        {"waitid:OK", REFUSED, "waitid", ANYWHERE},
        {"waitid@0=3:EINVAL", REFUSED, "waitid", ANYWHERE},        /* P_PIDFD: before Linux 5.4 */
        {"waitid@0=3:OK", REFUSED, "waitid", ANYWHERE},
        {"close_range:ENOSYS", LEVEL_3, NULL, ANYWHERE},
        {"close_range:OK", LEVEL_3, NULL, ANYWHERE},
        {"faccessat2:ENOSYS", LEVEL_3, NULL, ANYWHERE},            /* before Linux 5.8 */
        {"readlink:EACCES", REFUSED, "/proc", ANYWHERE},
        {"readlink:OK", REFUSED, "/proc", ANYWHERE},
        {"dup2:EMFILE", REFUSED, "renderers cannot be started", ANYWHERE},
        {"setsid:EPERM", LEVEL_3, NULL, ANYWHERE},
        {"sched_setattr:EPERM", LEVEL_3, NULL, ANYWHERE},
        {"mmap@3=1:ENOMEM", NO_TAB, "failed", ANYWHERE});          /* MAP_SHARED: the frame */
}

TEST_WITHIN(loop_and_channel, 120)
{
    CHECK_ROWS(
        {"epoll_create1:ENOSYS", REFUSED, "event loop", ANYWHERE},
        {"epoll_create1:EMFILE", REFUSED, "event loop", ANYWHERE},
        {"epoll_create1:OK", REFUSED, "event loop", ANYWHERE},
        {"epoll_ctl:ENOMEM", REFUSED, "event loop", ANYWHERE},
        {"epoll_ctl:ENOSPC", REFUSED, "event loop", ANYWHERE},
        {"timerfd_create:ENOSYS", REFUSED, "event loop", ANYWHERE},
        {"timerfd_create:EMFILE", REFUSED, "event loop", ANYWHERE},
        {"timerfd_create:OK", REFUSED, "event loop", ANYWHERE},
        {"socketpair:EMFILE", REFUSED, "Too many open files", ANYWHERE},
        {"socketpair:EPERM", REFUSED, "not permitted", ANYWHERE},
        {"pipe2:EMFILE", REFUSED, "Too many open files", ANYWHERE},
        {"recvmsg:EPERM", REFUSED, "renderers cannot be started", ANYWHERE},
        {"sendmsg:EPERM", REFUSED, "renderer", ANYWHERE},
        {"sendmsg:ENOBUFS", REFUSED, "renderer", ANYWHERE},
        {"epoll_wait:EINVAL", REFUSED, "event loop", IN_HASTE},
        {"signalfd4:ENOSYS", REFUSED, "signals", ANYWHERE},
        {"signalfd4:EMFILE", REFUSED, "signals", ANYWHERE},
        {"signalfd4:OK", REFUSED, "signals", ANYWHERE},
        {"eventfd2:EMFILE", LEVEL_3, NULL, ANYWHERE});
}
/* clang-format on */

/* ---- surroundings ---------------------------------------------------------------------------------------------------------- */

static void check_surroundings(const struct row *row, const struct run_setup *setup)
{
    begin();
    check_row(row, setup);
}

TEST_WITHIN(few_descriptors, 60)
{
    static const struct row row = {"16 descriptors", REFUSED, "open files", ANYWHERE};
    begin();
    const struct run_setup setup = {.max_fds = 16};
    for (size_t i = 0; i < 2; i++)
        comes_to_nothing(&row, &setup, i == 0 ? "zygote" : "exec");
}

static void close_stdin_and_stderr(void)
{
    close(STDIN_FILENO);
    close(STDERR_FILENO);
}

static void inherit_many(void)
{
    for (int fd = 3; fd < 60; fd++)
        dup2(STDIN_FILENO, fd);
}

/* Neither does a renderer get what whoever started the broker left open (check_descriptors), nor does a document take the
 * place of what is closed. */
TEST_WITHIN(odd_descriptors, 60)
{
    check_surroundings(&(const struct row){"closed stdio", LEVEL_3, NULL, ANYWHERE},
                       &(const struct run_setup){.prepare = close_stdin_and_stderr});
    check_surroundings(&(const struct row){"many inherited", LEVEL_3, NULL, ANYWHERE},
                       &(const struct run_setup){.prepare = inherit_many});
    check_surroundings(&(const struct row){"many inherited, close_range:OK", LEVEL_3, NULL, ANYWHERE},
                       &(const struct run_setup){.prepare = inherit_many, .without = "close_range:OK"});
}

/* A mount namespace for what follows, that nobody else sees. */
static void own_mounts(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        _exit(126);
}

static void lose_proc(void)
{
    own_mounts();
    if (umount2("/proc", MNT_DETACH) < 0)
        _exit(126);
}

static void hide_pids(void)
{
    own_mounts();
    if (mount("proc", "/proc", "proc", 0, "hidepid=2") < 0)
        _exit(126);
}

static void skip_unless_root(void)
{
    if (!is_root())
        SKIP("only root can mount");
}

TEST_WITHIN(no_proc, 60)
{
    skip_unless_root();
    check_surroundings(&(const struct row){"no /proc", REFUSED, "/proc", UNSANITIZED},
                       &(const struct run_setup){.prepare = lose_proc});
}

TEST_WITHIN(hidden_pids, 60)
{
    skip_unless_root();
    check_surroundings(&(const struct row){"hidepid", LEVEL_3, NULL, ANYWHERE},
                       &(const struct run_setup){.prepare = hide_pids});
}

static void limit_to(int resource, rlim_t value)
{
    const struct rlimit limit = {.rlim_cur = value, .rlim_max = value};
    if (setrlimit((__rlimit_resource_t)resource, &limit) < 0)
        _exit(126);
}

/* Enough for the broker, too little for an engine. */
static void have_little_memory(void)
{
    limit_to(RLIMIT_AS, (rlim_t)16 << 20);
}

TEST_WITHIN(little_memory, 60)
{
    check_surroundings(&(const struct row){"16 MiB of addresses", REFUSED, "renderer", UNSANITIZED},
                       &(const struct run_setup){.prepare = have_little_memory});
}

/* Somebody of whom there is no other process. */
#define LONER 61234

static void be_alone(void)
{
    if (setgroups(0, NULL) < 0 || setresgid(LONER, LONER, LONER) < 0 || setresuid(LONER, LONER, LONER) < 0)
        _exit(126);
}

static void be_alone_for_good(void)
{
    limit_to(RLIMIT_NPROC, 1);
    be_alone();
}

TEST_WITHIN(no_processes, 60)
{
    static const struct row row = {"one process", REFUSED, "process cannot be made", ANYWHERE};
    begin();
    if (!is_root())
        SKIP("only root can become another user");
    struct run run;
    const int status = RUN_WHOLE(&run, &(const struct run_setup){.prepare = be_alone}, "--version");
    run_finish(&run);
    if (status == 126)
        SKIP("an ordinary user cannot reach the broker's folder");
    check_row(&row, &(const struct run_setup){.prepare = be_alone_for_good});
}

static char full_folder[512];

static void fill_folder(void)
{
    own_mounts();
    if (mount("none", full_folder, "tmpfs", 0, "size=4k,nr_inodes=1,mode=0700") < 0)
        _exit(126);
    setenv("TMPDIR", full_folder, 1);
}

/* What is to be written is not, and that is said; tabs do not need it. */
TEST_WITHIN(no_room, 60)
{
    skip_unless_root();
    begin();
    snprintf(full_folder, sizeof full_folder, "%s", scratch_path("full"));
    REQUIRE(mkdir(full_folder, 0700) == 0);
    const struct run_setup setup = {.prepare = fill_folder};
    check_row(&(const struct row){"a full TMPDIR", LEVEL_3, NULL, ANYWHERE}, &setup);
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, &setup, "--json", "--size", "64x64", "--snapshot", full_folder, scene), ==, 3);
    CHECK(strstr(run.err, "No space left") != NULL);
    run_finish(&run);
    CHECK_INT(RUN_WHOLE(&run, &setup, "--json", "--size", "64x64", "--crash-dir", full_folder, "--inject",
                        "segv-null:1", scene),
              ==, 1);
    CHECK(strstr(run.err, "cannot be stored") != NULL);
    CHECK_INT(run_count(&run, "tab", "live"), >, 0);
    run_finish(&run);
}
