#include "broker/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/layers.h"

/* Reads /proc/… whole. The length, or -errno. */
static ssize_t read_proc(const char *path, char *out, size_t n_out)
{
    CLOSE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    size_t n = 0;
    while (n < n_out - 1) {
        const ssize_t got = read(fd, out + n, n_out - 1 - n);
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    out[n] = '\0';
    return (ssize_t)n;
}

/* The text after "\nName:" and blanks, NULL where there is no such line. */
static const char *field(const char *text, const char *name)
{
    char start[32];
    const int n = snprintf(start, sizeof start, "\n%s:", name);
    const char *found = strstr(text, start);
    if (found == NULL)
        return NULL;
    found += n;
    return found + strspn(found, " \t");
}

static bool field_is(const char *text, const char *name, unsigned long long wanted, int base)
{
    const char *value = field(text, name);
    return value != NULL && strtoull(value, NULL, base) == wanted;
}

struct check {
    pid_t pid;
    uint32_t claimed;
    char *why;
    size_t n_why;
};

__attribute__((format(printf, 2, 3))) static int contradict(const struct check *check, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(check->why, check->n_why, format, arguments);
    va_end(arguments);
    return -EPERM;
}

static int check_status(const struct check *check, const char *status)
{
    if ((check->claimed & LAYER_BIT(LAYER_SECCOMP)) && !field_is(status, "Seccomp", 2, 10))
        return contradict(check, "/proc shows no system call filter");
    if ((check->claimed & LAYER_BIT(LAYER_NO_NEW_PRIVS)) && !field_is(status, "NoNewPrivs", 1, 10))
        return contradict(check, "/proc shows no no_new_privs");
    static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapAmb"};
    for (size_t i = 0; i < sizeof sets / sizeof sets[0] && (check->claimed & LAYER_BIT(LAYER_NO_CAPS)); i++) {
        if (!field_is(status, sets[i], 0, 16))
            return contradict(check, "/proc shows capabilities (%s)", sets[i]);
    }
    if (field_is(status, "Uid", 0, 10) || field_is(status, "Gid", 0, 10))
        return contradict(check, "it runs as root outside its namespace");
    const char *groups = field(status, "Groups");
    if (geteuid() == 0 && (groups == NULL || *groups != '\n'))
        return contradict(check, "it kept root's groups");
    return 0;
}

/* NSpid lists the pid in each namespace, ours first. */
static int check_pid(const struct check *check, const char *status)
{
    if (!(check->claimed & LAYER_BIT(LAYER_PID_NS)))
        return 0;
    const char *value = field(status, "NSpid");
    char *end;
    if (value == NULL || strtoul(value, &end, 10) != (unsigned long)check->pid || *end != '\t')
        return contradict(check, "/proc shows no pid namespace");
    if (strtoul(end, NULL, 10) <= 1)
        return contradict(check, "it is pid 1 of its namespace");
    return 0;
}

static const struct {
    enum layer layer;
    const char *name;
} namespaces[] = {{LAYER_USER_NS, "user"}, {LAYER_PID_NS, "pid"}, {LAYER_MOUNT_NS, "mnt"},
                  {LAYER_NET_NS, "net"},   {LAYER_IPC_NS, "ipc"}, {LAYER_UTS_NS, "uts"}};
#define N_NAMESPACES (sizeof namespaces / sizeof namespaces[0])
#define MAX_LINK     32 /* "user:[4026531837]" */

static int read_namespace(const char *process, size_t i, char out[MAX_LINK])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/ns/%s", process, namespaces[i].name);
    const ssize_t n = readlink(path, out, MAX_LINK - 1);
    if (n < 0)
        return -errno;
    out[n] = '\0';
    return 0;
}

/* Our own never change. */
static int own_namespace(size_t i, const char **ret_link)
{
    static char links[N_NAMESPACES][MAX_LINK];
    *ret_link = links[i];
    return links[i][0] != '\0' ? 0 : read_namespace("self", i, links[i]);
}

static int check_namespaces(const struct check *check)
{
    char process[16];
    snprintf(process, sizeof process, "%d", (int)check->pid);
    for (size_t i = 0; i < N_NAMESPACES; i++) {
        if (!(check->claimed & LAYER_BIT(namespaces[i].layer)))
            continue;
        const char *ours;
        char theirs[MAX_LINK];
        int error = own_namespace(i, &ours);
        if (error == 0)
            error = read_namespace(process, i, theirs);
        if (error != 0)
            return error;
        if (strcmp(ours, theirs) == 0)
            return contradict(check, "it shares the broker's %s namespace", namespaces[i].name);
    }
    return 0;
}

int proc_check(pid_t pid, uint32_t claimed, uint32_t *ret_layers, char *ret_why, size_t n_why)
{
    const struct check check = {.pid = pid, .claimed = claimed, .why = ret_why, .n_why = n_why};
    char path[64], status[16384];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    const ssize_t n = read_proc(path, status, sizeof status);
    if (n < 0) {
        snprintf(ret_why, n_why, "%s cannot be read: %s", path, strerror((int)-n));
        return (int)n;
    }
    int error = check_status(&check, status);
    if (error == 0)
        error = check_pid(&check, status);
    if (error == 0)
        error = check_namespaces(&check);
    if (error == 0)
        *ret_layers = claimed;
    else if (error != -EPERM)
        snprintf(ret_why, n_why, "/proc/%d/ns cannot be read: %s", (int)pid, strerror(-error));
    return error;
}

static uint64_t read_kb(pid_t pid, const char *file, const char *name)
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    if (read_proc(path, text, sizeof text) <= 0)
        return 0;
    const char *value = field(text, name);
    return value != NULL ? strtoull(value, NULL, 10) : 0;
}

uint64_t proc_pss_kb(pid_t pid)
{
    /* At level 2 an ordinary user may not look into a process that is not dumpable; its resident size everybody may see. */
    const uint64_t pss_kb = read_kb(pid, "smaps_rollup", "Pss");
    return pss_kb != 0 ? pss_kb : read_kb(pid, "status", "VmRSS");
}

uint64_t proc_peak_rss_kb(pid_t pid)
{
    return read_kb(pid, "status", "VmHWM");
}

uint64_t proc_rss_kb(pid_t pid)
{
    return read_kb(pid, "status", "VmRSS");
}

unsigned proc_count_children(void)
{
    FILE *children = fopen("/proc/thread-self/children", "re");
    unsigned n = 0;
    for (int pid; children != NULL && fscanf(children, "%d", &pid) == 1;)
        n++;
    if (children != NULL)
        fclose(children);
    return n;
}

void proc_kill_children(void)
{
    FILE *children = fopen("/proc/thread-self/children", "re");
    for (int pid; children != NULL && fscanf(children, "%d", &pid) == 1;)
        kill(pid, SIGKILL);
    if (children != NULL)
        fclose(children);
}

/* Of the kernel's include/linux/sched.h, as field 9 of stat shows them. */
#define FLAG_EXITING  0x4u
#define FLAG_SIGNALED 0x400u

/* Fields 9 and 52 of stat: flags, and the status as wait() would tell it. False when the process has gone. */
static bool read_exit(pid_t pid, unsigned *ret_flags, unsigned *ret_status)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (read_proc(path, text, sizeof text) <= 0)
        return false;
    /* The name in parentheses may hold anything; after it come state and six numbers. */
    const char *rest = strrchr(text, ')'), *last = strrchr(text, ' ');
    if (rest == NULL || last < rest || sscanf(rest, ") %*c %*d %*d %*d %*d %*d %u", ret_flags) != 1)
        return false;
    *ret_status = (unsigned)strtoul(last, NULL, 10);
    return true;
}

bool proc_is_exiting(pid_t pid)
{
    unsigned flags, status;
    return read_exit(pid, &flags, &status) && (flags & FLAG_EXITING);
}

int proc_exit_signal(pid_t pid)
{
    unsigned flags, status;
    const unsigned dying = FLAG_EXITING | FLAG_SIGNALED;
    return read_exit(pid, &flags, &status) && (flags & dying) == dying ? (int)(status & 0x7f) : 0;
}

uint64_t proc_oom_kills(void)
{
    static char text[16384]; /* some six kilobytes so far */
    unsigned long long n = 0;
    const ssize_t n_text = read_proc("/proc/vmstat", text, sizeof text);
    const char *line = n_text > 0 ? strstr(text, "\noom_kill ") : NULL;
    return line != NULL && sscanf(line, "\noom_kill %llu", &n) == 1 ? n : 0;
}

#define LATELY_US 5000000ull

/* One record: "priority,sequence,microseconds,flags;… Killed process PID (NAME) …". Its time is the kernel's own clock,
 * which runs with CLOCK_MONOTONIC to within milliseconds. */
static bool is_oom_kill(const char *record, const char *name, uint64_t since_us)
{
    unsigned long long at_us;
    char killed[64];
    snprintf(killed, sizeof killed, " (%s)", name);
    const char *message = strstr(record, "Killed process ");
    return message != NULL && strstr(message, killed) != NULL && sscanf(record, "%*u,%*u,%llu", &at_us) == 1 &&
           at_us >= since_us;
}

bool proc_oom_killed_lately(const char *name)
{
    CLOSE_FD int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    const uint64_t now_us = clock_now_ns() / NS_PER_US;
    char record[8192];
    ssize_t n;
    if (fd < 0)
        return true;
    while ((n = read(fd, record, sizeof record - 1)) > 0 || (n < 0 && errno == EPIPE)) { /* overwritten meanwhile */
        if (n <= 0)
            continue;
        record[n] = '\0';
        if (is_oom_kill(record, name, now_us > LATELY_US ? now_us - LATELY_US : 0))
            return true;
    }
    return n < 0 && errno != EAGAIN;
}

pid_t proc_pid_of(int pidfd)
{
    char path[64], text[512] = "\n";
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
    const ssize_t n = read_proc(path, text + 1, sizeof text - 1);
    if (n < 0)
        return (pid_t)n;
    const char *value = field(text, "Pid");
    if (value == NULL)
        return -EBADF;
    const long pid = strtol(value, NULL, 10);
    return pid > 0 ? (pid_t)pid : 0;
}

bool proc_is_listener(int fd)
{
    char path[64], target[64] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return readlink(path, target, sizeof target - 1) > 0 && strcmp(target, "anon_inode:seccomp notify") == 0;
}
