/* The rows. Calls are raw, with arguments that do no harm should they get through. */
#include "tests/sandbox/probes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHANNEL_FD 3
#define MAX_FDS    253

#define P(pointer) ((uintptr_t)(pointer))
#define N(number)  ((uintptr_t)(number))
/* A bit that a filter which looks at half of an argument does not see. */
#define UPPER (1ul << 32)

/* clockids as the kernel makes them of a pid, and of a descriptor. */
#define OTHERS_CLOCK(pid) ((~(uintptr_t)(pid) << 3) | 2)
#define FDS_CLOCK(fd)     ((~(uintptr_t)(fd) << 3) | 3)

#define KILLED(call_name)       .end = PROBE_KILLED, .expected = #call_name, .call = SYS_##call_name
#define GIVES(title, call_name) .end = PROBE_TITLE, .expected = title, .call = SYS_##call_name
/* Numbers that this machine's headers may not know. */
#define KILLED_NUMBER(call_name, number) .end = PROBE_KILLED, .expected = #call_name, .call = (number)
#define ARGS(...)                        .args = {__VA_ARGS__}

static char scratch[4096];

const struct probe call_probes[] = {
    /* Files and paths. */
    {"open", GIVES("EACCES", open), ARGS(P("/etc/passwd"), O_RDONLY)},
    {"openat-maps", GIVES("EACCES", openat), ARGS(N(AT_FDCWD), P("/proc/self/maps"), O_RDONLY)},
    {"openat-environ", GIVES("EACCES", openat), ARGS(N(AT_FDCWD), P("/proc/1/environ"), O_RDONLY)},
    {"openat-mem", GIVES("EACCES", openat), ARGS(N(AT_FDCWD), P("/proc/self/mem"), O_RDWR)},
    {"openat-up", GIVES("EACCES", openat), ARGS(CHANNEL_FD, P(".."), O_RDONLY)},
    {"openat-fd-again", GIVES("EACCES", openat), ARGS(N(AT_FDCWD), P("/proc/self/fd/3"), O_RDWR)},
    {"creat", KILLED(creat), ARGS(P("/tmp/x"), 0600)},
    {"openat2", KILLED_NUMBER(openat2, 437), ARGS(N(AT_FDCWD), P("/"), P(scratch), 24)},
    {"open_by_handle_at", KILLED(open_by_handle_at), ARGS(N(AT_FDCWD), P(scratch), 0)},
    {"name_to_handle_at", KILLED(name_to_handle_at), ARGS(N(AT_FDCWD), P("/"), P(scratch), P(scratch + 512), 0)},
    {"stat", GIVES("EACCES", stat), ARGS(P("/proc/self/exe"), P(scratch))},
    {"newfstatat", GIVES("EACCES", newfstatat), ARGS(N(AT_FDCWD), P("/"), P(scratch), 0)},
    {"statx", GIVES("ENOSYS", statx), ARGS(N(AT_FDCWD), P("/"), 0, 0, P(scratch))},
    {"access", GIVES("EACCES", access), ARGS(P("/"), 0)},
    {"readlink", GIVES("EACCES", readlink), ARGS(P("/proc/self/exe"), P(scratch), 100)},
    {"getcwd", KILLED(getcwd), ARGS(P(scratch), 100)},
    {"getdents64", KILLED(getdents64), ARGS(CHANNEL_FD, P(scratch), 100)},
    {"chdir", KILLED(chdir), ARGS(P("/"))},
    {"fchdir", KILLED(fchdir), ARGS(CHANNEL_FD)},
    {"chroot", KILLED(chroot), ARGS(P("/"))},
    {"pivot_root", KILLED(pivot_root), ARGS(P("/"), P("/"))},
    {"mount", KILLED(mount), ARGS(P("none"), P("/"), P("proc"), 0, 0)},
    {"umount2", KILLED(umount2), ARGS(P("/"), 2)},
    {"open_tree", KILLED_NUMBER(open_tree, 428), ARGS(N(AT_FDCWD), P("/"), 0)},
    {"fsopen", KILLED_NUMBER(fsopen, 430), ARGS(P("proc"), 0)},
    {"move_mount", KILLED_NUMBER(move_mount, 429), ARGS(N(AT_FDCWD), P("/"), N(AT_FDCWD), P("/"), 0)},
    {"mkdir", KILLED(mkdir), ARGS(P("/x"), 0700)},
    {"mknod", KILLED(mknod), ARGS(P("/x"), 0600, 0)},
    {"symlink", KILLED(symlink), ARGS(P("/etc"), P("/x"))},
    {"linkat", KILLED(linkat), ARGS(CHANNEL_FD, P(""), N(AT_FDCWD), P("/x"), 0x1000)},
    {"rename", KILLED(rename), ARGS(P("/x"), P("/y"))},
    {"unlink", KILLED(unlink), ARGS(P("/x"))},
    {"fchmod", KILLED(fchmod), ARGS(CHANNEL_FD, 04777)},
    {"fchown", KILLED(fchown), ARGS(CHANNEL_FD, 0, 0)},
    {"utimensat", KILLED(utimensat), ARGS(CHANNEL_FD, 0, 0, 0)},
    {"fsetxattr", KILLED(fsetxattr), ARGS(CHANNEL_FD, P("user.x"), P("x"), 1, 0)},
    {"read", KILLED(read), ARGS(CHANNEL_FD, P(scratch), 1)},
    {"write-to-channel", KILLED(write), ARGS(CHANNEL_FD, P("x"), 1)},
    {"write-to-upper-stdout", KILLED(write), ARGS(1 | UPPER, P("x"), 1)},
    {"write-to-stdout", GIVES("returned 1", write), ARGS(1, P("x"), 1)},
    {"writev-to-stdout", KILLED(writev), ARGS(1, P(scratch), 0)},
    {"pwrite64", KILLED(pwrite64), ARGS(CHANNEL_FD, P("x"), 1, 0)},
    {"ftruncate", KILLED(ftruncate), ARGS(CHANNEL_FD, 0)},
    {"fallocate", KILLED(fallocate), ARGS(CHANNEL_FD, 3, 0, 1)},
    {"lseek", KILLED(lseek), ARGS(CHANNEL_FD, 0, 0)},
    {"sendfile", KILLED(sendfile), ARGS(1, CHANNEL_FD, 0, 1)},
    {"splice", KILLED(splice), ARGS(CHANNEL_FD, 0, 1, 0, 1, 0)},
    {"flock", KILLED(flock), ARGS(CHANNEL_FD, 2)},
    {"fcntl-lease", KILLED(fcntl), ARGS(CHANNEL_FD, F_SETLEASE, F_RDLCK)},
    {"fcntl-flags", KILLED(fcntl), ARGS(CHANNEL_FD, F_SETFL, O_NONBLOCK)},
    {"fcntl-owner", KILLED(fcntl), ARGS(CHANNEL_FD, F_SETOWN, 1)},
    {"fcntl-seals", KILLED(fcntl), ARGS(CHANNEL_FD, F_ADD_SEALS, F_SEAL_WRITE)},
    {"dup", KILLED(dup), ARGS(CHANNEL_FD)},
    {"dup2", KILLED(dup2), ARGS(CHANNEL_FD, 9)},
    {"memfd_create", KILLED(memfd_create), ARGS(P("x"), 0)},
    {"pipe2", KILLED(pipe2), ARGS(P(scratch), 0)},
    {"eventfd2", KILLED(eventfd2), ARGS(0, 0)},
    {"epoll_create1", KILLED(epoll_create1), ARGS(0)},
    {"inotify_init1", KILLED(inotify_init1), ARGS(0)},

    /* Processes, signals, debugging. */
    {"fork", KILLED(fork)},
    {"vfork", KILLED(vfork)},
    {"clone-process", KILLED(clone), ARGS(SIGCHLD)},
    {"clone-thread", KILLED(clone), ARGS(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)},
    {"clone-user-ns", KILLED(clone), ARGS(CLONE_NEWUSER | SIGCHLD)},
    {"clone-untraced", KILLED(clone), ARGS(CLONE_UNTRACED | SIGCHLD)},
    {"clone3", GIVES("ENOSYS", clone3), ARGS(P(scratch), 64)},
    {"unshare", KILLED(unshare), ARGS(CLONE_NEWUSER)},
    {"setns", KILLED(setns), ARGS(CHANNEL_FD, 0)},
    {"execve", KILLED(execve), ARGS(P("/proc/self/exe"), 0, 0)},
    {"execveat", KILLED(execveat), ARGS(CHANNEL_FD, P(""), 0, 0, 0x1000)},
    {"ptrace-me", KILLED(ptrace), ARGS(PTRACE_TRACEME)},
    {"ptrace-other", KILLED(ptrace), ARGS(PTRACE_SEIZE, 1)},
    {"process_vm_readv", KILLED(process_vm_readv), ARGS(1, P(scratch), 0, P(scratch), 0, 0)},
    {"process_vm_writev", KILLED(process_vm_writev), ARGS(1, P(scratch), 0, P(scratch), 0, 0)},
    {"process_madvise", KILLED_NUMBER(process_madvise, 440), ARGS(CHANNEL_FD, P(scratch), 0, 4, 0)},
    {"kcmp", KILLED(kcmp), ARGS(1, 2, 0, 0, 0)},
    {"pidfd_open", KILLED(pidfd_open), ARGS(1, 0)},
    {"pidfd_getfd", KILLED_NUMBER(pidfd_getfd, 438), ARGS(CHANNEL_FD, 0, 0)},
    {"kill-nobody", KILLED(kill), ARGS(1, 0)},
    {"kill-group", KILLED(kill), ARGS(0, SIGKILL)},
    {"kill-all", KILLED(kill), ARGS(N(-1), SIGKILL)},
    {"tkill", KILLED(tkill), ARGS(1, 0)},
    {"tgkill-other", KILLED(tgkill), ARGS(1, 1, 0)},
    {"rt_sigqueueinfo", KILLED(rt_sigqueueinfo), ARGS(1, 0, P(scratch))},
    {"rt_tgsigqueueinfo", KILLED(rt_tgsigqueueinfo), ARGS(1, 1, 0, P(scratch))},
    {"pidfd_send_signal", KILLED(pidfd_send_signal), ARGS(CHANNEL_FD, 0, 0, 0)},
    {"rt_sigaction", KILLED(rt_sigaction), ARGS(SIGSYS, 0, P(scratch), 8)},
    {"sigaltstack", KILLED(sigaltstack), ARGS(0, P(scratch))},
    {"timer_create", KILLED(timer_create), ARGS(0, 0, P(scratch))},
    {"setitimer", KILLED(setitimer), ARGS(0, P(scratch), 0)},
    {"alarm", KILLED(alarm), ARGS(0)},
    {"prctl-dumpable", KILLED(prctl), ARGS(PR_SET_DUMPABLE, 1)},
    {"prctl-ptracer", KILLED(prctl), ARGS(PR_SET_PTRACER, N(-1))},
    {"prctl-pdeathsig", KILLED(prctl), ARGS(PR_SET_PDEATHSIG, 0)},
    {"prctl-seccomp", KILLED(prctl), ARGS(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)},
    {"prctl-mm", KILLED(prctl), ARGS(PR_SET_MM, 0)},
    {"prctl-speculation", KILLED(prctl), ARGS(PR_SET_SPECULATION_CTRL, 0, PR_SPEC_ENABLE)},
    {"prctl-dispatch", KILLED(prctl), ARGS(59, 1)},
    {"seccomp", KILLED(seccomp), ARGS(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, P(scratch))},
    {"setrlimit", KILLED(setrlimit), ARGS(RLIMIT_NOFILE, P(scratch))},
    {"prlimit64", KILLED(prlimit64), ARGS(0, RLIMIT_NOFILE, 0, P(scratch))},
    {"setuid", KILLED(setuid), ARGS(0)},
    {"setresuid", KILLED(setresuid), ARGS(0, 0, 0)},
    {"setgid", KILLED(setgid), ARGS(0)},
    {"setgroups", KILLED(setgroups), ARGS(0, 0)},
    {"capset", KILLED(capset), ARGS(P(scratch), P(scratch))},
    {"personality", KILLED(personality), ARGS(0x0400000)},
    {"sched_setaffinity", KILLED(sched_setaffinity), ARGS(0, 8, P(scratch))},
    {"sched_setscheduler", KILLED(sched_setscheduler), ARGS(0, 0, P(scratch))},
    {"setpriority", KILLED(setpriority), ARGS(0, 0, 19)},
    {"ioprio_set", KILLED(ioprio_set), ARGS(1, 0, 0)},
    {"clock-of-another", KILLED(clock_gettime), ARGS(OTHERS_CLOCK(1), P(scratch))},
    {"clock-of-an-fd", KILLED(clock_gettime), ARGS(FDS_CLOCK(3), P(scratch))},
    {"clock-upper", KILLED(clock_gettime), ARGS(1 | UPPER, P(scratch))},
    {"clock_gettime", GIVES("returned 0", clock_gettime), ARGS(1, P(scratch))},
    {"clock_settime", KILLED(clock_settime), ARGS(0, P(scratch))},
    {"setsid", KILLED(setsid)},
    {"setpgid", KILLED(setpgid), ARGS(0, 0)},
    {"getppid", KILLED(getppid)},

    /* Memory. */
    {"mmap-exec", KILLED(mmap), ARGS(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, N(-1), 0)},
    {"mmap-fd-exec", KILLED(mmap), ARGS(0, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, CHANNEL_FD, 0)},
    {"mmap-at-0", KILLED(mmap), ARGS(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, N(-1), 0)},
    {"mmap-huge", KILLED(mmap), ARGS(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, N(-1), 0)},
    {"mmap-locked", KILLED(mmap), ARGS(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, N(-1), 0)},
    {"mmap-populate", KILLED(mmap), ARGS(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, N(-1), 0)},
    {"mmap-grows-down", KILLED(mmap), ARGS(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, N(-1), 0)},
    {"mmap-shared", KILLED(mmap), ARGS(0, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, N(-1), 0)},
    {"mmap-prot-upper", KILLED(mmap), ARGS(0, 4096, PROT_READ | UPPER, MAP_PRIVATE | MAP_ANONYMOUS, N(-1), 0)},
    {"mmap-flags-upper", KILLED(mmap), ARGS(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | UPPER, N(-1), 0)},
    {"mmap-of-channel", GIVES("ENODEV", mmap), ARGS(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, CHANNEL_FD, 0)},
    {"mprotect-exec", KILLED(mprotect), ARGS(P(scratch), 4096, PROT_READ | PROT_EXEC)},
    {"mprotect-write", KILLED(mprotect), ARGS(P(scratch), 4096, PROT_READ | PROT_WRITE)},
    {"pkey_mprotect", KILLED(pkey_mprotect), ARGS(P(scratch), 4096, PROT_EXEC, N(-1))},
    {"mremap-fixed", KILLED(mremap), ARGS(P(scratch), 4096, 4096, 3, P(scratch))},
    {"remap_file_pages", KILLED(remap_file_pages), ARGS(P(scratch), 4096, 0, 0, 0)},
    {"mlockall", KILLED(mlockall), ARGS(1)},
    {"madvise-remove", KILLED(madvise), ARGS(P(scratch), 4096, MADV_REMOVE)},
    {"madvise-upper", KILLED(madvise), ARGS(P(scratch), 0, MADV_DONTNEED | UPPER)},
    {"shmget", KILLED(shmget), ARGS(0, 4096, 0600)},
    {"shmat", KILLED(shmat), ARGS(0, 0, 0100000)},
    {"msgget", KILLED(msgget), ARGS(0, 0)},
    {"semget", KILLED(semget), ARGS(0, 1, 0)},
    {"mq_open", KILLED(mq_open), ARGS(P("x"), 0, 0, 0)},
    {"userfaultfd", KILLED(userfaultfd), ARGS(0)},
    {"modify_ldt", KILLED(modify_ldt), ARGS(0, P(scratch), 8)},
    {"arch_prctl", KILLED(arch_prctl), ARGS(0x1004, P(scratch))},
    {"iopl", KILLED(iopl), ARGS(3)},
    {"ioperm", KILLED(ioperm), ARGS(0x80, 1, 1)},
    {"membarrier", KILLED(membarrier), ARGS(0, 0)},
    {"set_robust_list", KILLED(set_robust_list), ARGS(P(scratch), 24)},

    /* Network, devices, the kernel's odd corners. */
    {"socket-inet", KILLED(socket), ARGS(AF_INET, SOCK_STREAM, 0)},
    {"socket-unix", KILLED(socket), ARGS(AF_UNIX, SOCK_DGRAM, 0)},
    {"socket-netlink", KILLED(socket), ARGS(AF_NETLINK, SOCK_RAW, 0)},
    {"socket-alg", KILLED(socket), ARGS(AF_ALG, SOCK_SEQPACKET, 0)},
    {"socket-vsock", KILLED(socket), ARGS(AF_VSOCK, SOCK_STREAM, 0)},
    {"socketpair", KILLED(socketpair), ARGS(AF_UNIX, SOCK_DGRAM, 0, P(scratch))},
    {"connect", KILLED(connect), ARGS(CHANNEL_FD, P("\1\0\0/tmp/.X11-unix/X0"), 20)},
    {"bind", KILLED(bind), ARGS(CHANNEL_FD, P("\1\0\0x"), 4)},
    {"listen", KILLED(listen), ARGS(CHANNEL_FD, 1)},
    {"accept4", KILLED(accept4), ARGS(CHANNEL_FD, 0, 0, 0)},
    {"shutdown", KILLED(shutdown), ARGS(CHANNEL_FD, 2)},
    {"sendto", KILLED(sendto), ARGS(CHANNEL_FD, P("x"), 1, 0, 0, 0)},
    {"sendmmsg", KILLED(sendmmsg), ARGS(CHANNEL_FD, P(scratch), 0, 0)},
    {"setsockopt-filter", KILLED(setsockopt), ARGS(CHANNEL_FD, SOL_SOCKET, SO_ATTACH_FILTER, P(scratch), 16)},
    {"getsockopt", KILLED(getsockopt), ARGS(CHANNEL_FD, SOL_SOCKET, SO_PEERCRED, P(scratch), P(scratch))},
    {"ioctl-tiocsti", KILLED(ioctl), ARGS(0, TIOCSTI, P("x"))},
    {"ioctl-upper", KILLED(ioctl), ARGS(0, TIOCSTI | UPPER, P("x"))},
    {"ioctl-fionread", KILLED(ioctl), ARGS(CHANNEL_FD, FIONREAD, P(scratch))},
    {"io_uring_setup", KILLED(io_uring_setup), ARGS(1, P(scratch))},
    {"io_uring_enter", KILLED(io_uring_enter), ARGS(CHANNEL_FD, 0, 0, 0, 0, 0)},
    {"io_uring_register", KILLED(io_uring_register), ARGS(CHANNEL_FD, 0, 0, 0)},
    {"bpf", KILLED(bpf), ARGS(0, P(scratch), 64)},
    {"perf_event_open", KILLED(perf_event_open), ARGS(P(scratch), 0, N(-1), N(-1), 0)},
    {"keyctl", KILLED(keyctl), ARGS(0, 0, 0)},
    {"add_key", KILLED(add_key), ARGS(P("user"), P("x"), P("x"), 1, 0)},
    {"fanotify_init", KILLED(fanotify_init), ARGS(0, 0)},
    {"acct", KILLED(acct), ARGS(0)},
    {"swapon", KILLED(swapon), ARGS(P("/x"), 0)},
    {"init_module", KILLED(init_module), ARGS(P(scratch), 0, P(""))},
    {"kexec_load", KILLED(kexec_load), ARGS(0, 0, 0, 0)},
    {"reboot", KILLED(reboot), ARGS(0, 0, 0, 0)},
    {"syslog", KILLED(syslog), ARGS(10, 0, 0)},
    {"quotactl", KILLED(quotactl), ARGS(0, 0, 0, 0)},
    {"vhangup", KILLED(vhangup)},
    {"getrandom", GIVES("ENOSYS", getrandom), ARGS(P(scratch), 16, 2)},
    {"uname", KILLED(uname), ARGS(P(scratch))},
    {"sysinfo", KILLED(sysinfo), ARGS(P(scratch))},
    {"getuid", KILLED(getuid)},
    {"nanosleep", KILLED(nanosleep), ARGS(P(scratch), 0)},
    {"number-463", .end = PROBE_TITLE, .expected = "ENOSYS", .call = 463},
    {"number-470", .end = PROBE_TITLE, .expected = "ENOSYS", .call = 470},
    {"number-511", .end = PROBE_TITLE, .expected = "ENOSYS", .call = 511},
    {"number-400", .end = PROBE_KILLED, .expected = "call 400", .call = 400},
    {"number-100000", .end = PROBE_KILLED, .expected = "call 100000", .call = 100000},
#if defined(__x86_64__)
    /* The kernel itself takes what is not this machine's own way to call. */
    {"x32", .end = PROBE_SIGSYS, .call = 0x40000000 + SYS_getpid},
#endif
    {.name = NULL},
};

/* ---- what takes more than one call ------------------------------------------------------------------------------------ */

static void say(char *result, size_t n_result, long returned)
{
    if (returned == -1)
        snprintf(result, n_result, "%s", strerrorname_np(errno));
    else
        snprintf(result, n_result, "returned %ld", returned);
}

static void nothing(char *result, size_t n_result)
{
    snprintf(result, n_result, "nothing done");
}

/* Keeps its broker waiting, so that what others did last is still seen. */
static void rests(char *result, size_t n_result)
{
    poll(NULL, 0, 50);
    nothing(result, n_result);
}

/* Which descriptors are open, as far as a call that is allowed can tell. */
static void descriptors(char *result, size_t n_result)
{
    size_t used = 0;
    for (int fd = 0; fd < 1024 && used < n_result; fd++) {
        struct pollfd look = {.fd = fd, .events = 0};
        if (poll(&look, 1, 0) >= 0 && !(look.revents & POLLNVAL))
            used += (size_t)snprintf(result + used, n_result - used, "%s%d", used > 0 ? " " : "", fd);
    }
}

/* Calls that are allowed, at code: only its seal stands before them. */
static void unmap_code(char *result, size_t n_result)
{
    const uintptr_t page = (uintptr_t)&probe_find & ~4095ul;
    say(result, n_result, syscall(SYS_munmap, page, 4096));
}

static void move_code(char *result, size_t n_result)
{
    const uintptr_t page = (uintptr_t)&probe_find & ~4095ul;
    say(result, n_result, syscall(SYS_mremap, page, 4096, 8192, MREMAP_MAYMOVE));
}

/* Some page of it is in every build's relocated data. */
static const void *const relocated = &relocated;

static void unmap_relocated(char *result, size_t n_result)
{
    const uintptr_t page = (uintptr_t)&relocated & ~4095ul;
    say(result, n_result, syscall(SYS_munmap, page, 4096));
}

static void all_memory(char *result, size_t n_result)
{
    size_t megabytes = 0;
    while (mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED &&
           megabytes < 2048)
        megabytes++;
    snprintf(result, n_result, "%s", megabytes < 1024 ? "a limit" : "no limit");
}

/* It would look as if somebody outside had done it. */
static void signal_self(char *result, size_t n_result)
{
    say(result, n_result, syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGKILL));
}

static void abort_self(char *result, size_t n_result)
{
    say(result, n_result, syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGABRT));
}

static void signal_upper(char *result, size_t n_result)
{
    say(result, n_result, syscall(SYS_tgkill, (unsigned long)getpid() | UPPER, syscall(SYS_gettid), SIGABRT));
}

/* Someone else of the same address space would be a thread, and there is none. */
static void signal_next_pid(char *result, size_t n_result)
{
    say(result, n_result, syscall(SYS_tgkill, getpid() + 1, getpid() + 1, SIGABRT));
}

static void address_null(char *result, size_t n_result)
{
    (void)n_result;
    int *volatile nowhere = NULL;
    *result = (char)*nowhere;
}

static void illegal(char *result, size_t n_result)
{
    (void)result, (void)n_result;
#if defined(__x86_64__)
    __asm__ volatile("ud2");
#else
    raise(SIGILL);
#endif
}

static void divide(char *result, size_t n_result)
{
    (void)n_result;
#if defined(__x86_64__)
    int quotient = 1, remainder = 0;
    __asm__ volatile("idivl %2" : "+a"(quotient), "+d"(remainder) : "r"(0));
    *result = (char)quotient;
#else
    (void)result;
    raise(SIGFPE);
#endif
}

static void trap(char *result, size_t n_result)
{
    (void)result, (void)n_result;
#if defined(__x86_64__)
    __asm__ volatile("int3");
#else
    raise(SIGTRAP);
#endif
}

static void aborts(char *result, size_t n_result)
{
    (void)result, (void)n_result;
    abort();
}

static void double_free(char *result, size_t n_result)
{
    (void)result, (void)n_result;
    void *volatile block = malloc(64);
    free(block);
    free(block);
}

static volatile bool goes_deeper = true;

static int deeper(volatile char *above)
{
    volatile char frame[512];
    frame[0] = *above;
    return goes_deeper ? deeper(frame) + frame[0] : 0;
}

static void stack_overflow(char *result, size_t n_result)
{
    (void)n_result;
    *result = (char)deeper(result);
}

static void exits(char *result, size_t n_result)
{
    (void)result, (void)n_result;
    _exit(0);
}

static void exits_77(char *result, size_t n_result)
{
    (void)result, (void)n_result;
    _exit(77);
}

/* Records for the crash pipe that nobody could believe, then a death of another kind. */
static void forged_record(char *result, size_t n_result)
{
    (void)result, (void)n_result;
    memset(scratch, 0xff, sizeof scratch);
    scratch[0] = 'V', scratch[1] = 'S', scratch[2] = 'H', scratch[3] = '1';
    for (int i = 0; i < 64; i++)
        (void)!write(4, scratch, 40);
    abort();
}

static void loops(char *result, size_t n_result)
{
    (void)result, (void)n_result;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (volatile int i = 0;; i++)
        ;
}

#if defined(__x86_64__)
static void int_0x80(char *result, size_t n_result)
{
    long returned = 20; /* getpid */
    __asm__ volatile("int $0x80" : "+a"(returned) : : "memory");
    say(result, n_result, returned);
}

/* time, from the page that lies at the same address in every process. */
static void from_vsyscall_page(char *result, size_t n_result)
{
    long (*vsyscall_time)(long *) = (long (*)(long *))0xffffffffff600400u;
    say(result, n_result, vsyscall_time(NULL));
}
#endif

const struct probe other_probes[] = {
    {.name = "none", .end = PROBE_TITLE, .expected = "nothing done", .run = nothing},
    {.name = "rest", .end = PROBE_TITLE, .expected = "nothing done", .run = rests},
    {.name = "descriptors", .end = PROBE_TITLE, .expected = "0 1 2 3 4", .run = descriptors},
    {.name = "unmap-code", .end = PROBE_TITLE, .expected = "EPERM", .run = unmap_code},
    {.name = "move-code", .end = PROBE_TITLE, .expected = "EPERM", .run = move_code},
    {.name = "unmap-relocated", .end = PROBE_TITLE, .expected = "EPERM", .run = unmap_relocated},
    {.name = "all-memory", .end = PROBE_TITLE, .expected = "a limit", .run = all_memory},
    {.name = "signal-self", .end = PROBE_KILLED, .expected = "tgkill", .run = signal_self},
    {.name = "abort-self", .end = PROBE_SIGNAL, .expected = "SIGABRT", .run = abort_self},
    {.name = "signal-upper", .end = PROBE_KILLED, .expected = "tgkill", .run = signal_upper},
    {.name = "signal-next-pid", .end = PROBE_KILLED, .expected = "tgkill", .run = signal_next_pid},
    {.name = "segv", .end = PROBE_SIGNAL, .expected = "SIGSEGV", .run = address_null},
    {.name = "ill", .end = PROBE_SIGNAL, .expected = "SIGILL", .run = illegal},
    {.name = "fpe", .end = PROBE_SIGNAL, .expected = "SIGFPE", .run = divide},
    {.name = "trap", .end = PROBE_SIGNAL, .expected = "SIGTRAP", .run = trap},
    {.name = "abort", .end = PROBE_SIGNAL, .expected = "SIGABRT", .run = aborts},
    {.name = "double-free", .end = PROBE_SIGNAL, .expected = "SIGABRT", .run = double_free},
    {.name = "stack-overflow", .end = PROBE_SIGNAL, .expected = "SIGSEGV", .run = stack_overflow},
    {.name = "forged-record", .end = PROBE_SIGNAL, .expected = "SIGABRT", .run = forged_record},
    {.name = "exit", .end = PROBE_EXIT, .run = exits},
    {.name = "exit-77", .end = PROBE_EXIT, .run = exits_77},
    {.name = "loop", .end = PROBE_HANG, .run = loops},
#if defined(__x86_64__)
    {.name = "int-0x80", .end = PROBE_SIGSYS, .run = int_0x80},
    {.name = "vsyscall", .end = PROBE_SIGSYS, .run = from_vsyscall_page},
#endif
    {.name = NULL},
};

/* ---- running one ------------------------------------------------------------------------------------------------------- */

static const struct probe *find_in(const struct probe *probes, const char *name, size_t n_name)
{
    for (; probes->name != NULL; probes++) {
        if (strlen(probes->name) == n_name && memcmp(probes->name, name, n_name) == 0)
            return probes;
    }
    return NULL;
}

const struct probe *probe_find(const char *name, size_t n_name)
{
    const struct probe *found = find_in(call_probes, name, n_name);
    if (found == NULL)
        found = find_in(message_probes, name, n_name);
    return found != NULL ? found : find_in(other_probes, name, n_name);
}

void probe_send(const void *bytes, size_t n_bytes, unsigned n_fds)
{
    static union {
        struct cmsghdr header;
        char room[CMSG_SPACE(MAX_FDS * sizeof(int))];
    } control;
    struct iovec piece = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = n_bytes};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (n_fds > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        control.header = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(n_fds * sizeof(int))};
        for (unsigned i = 0; i < n_fds; i++)
            memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &(int){STDERR_FILENO}, sizeof(int));
    }
    /* Too many descriptors of this user are under way: the broker takes them every moment. */
    while (sendmsg(CHANNEL_FD, &message, MSG_NOSIGNAL) < 0 && errno == ETOOMANYREFS)
        poll(NULL, 0, 1);
}

void probe_wait(void)
{
    for (;;)
        poll(NULL, 0, -1);
}

void probe_run(const struct probe *probe, char *result, size_t n_result)
{
    if (probe->run != NULL) {
        probe->run(result, n_result);
    } else if (probe->bytes != NULL) {
        for (unsigned i = 0; i == 0 || i < probe->times; i++)
            probe_send(probe->bytes, probe->n_bytes, probe->n_fds);
        probe_wait();
    } else {
        const uintptr_t *args = probe->args;
        say(result, n_result, syscall(probe->call, args[0], args[1], args[2], args[3], args[4], args[5]));
    }
}
