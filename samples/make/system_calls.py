#!/usr/bin/env python3
"""Writes samples/09-system-calls.html: every system call of Linux on x86-64, and what the filter says to it.

The names and numbers come from the kernel's header, the verdicts from the tables in renderer/sandbox.c. Where the
two and the notes below disagree, this stops: a table for readers must not drift from the filter.

usage: system_calls.py SANDBOX_C UNISTD_64_H > 09-system-calls.html
"""
import html
import re
import sys

# Calls younger than the header of Debian 12, up to the last one that the filter knows.
YOUNGER = {
    451: "cachestat", 452: "fchmodat2", 453: "map_shadow_stack", 454: "futex_wake", 455: "futex_wait",
    456: "futex_requeue", 457: "statmount", 458: "listmount", 459: "lsm_get_self_attr", 460: "lsm_set_self_attr",
    461: "lsm_list_modules", 462: "mseal",
}

ALLOWED_NOTES = {
    "recvmsg": "takes orders from the channel",
    "sendmsg": "sends facts; the channel is the only socket it has",
    "poll": "waits for the next order",
    "restart_syscall": "lets an interrupted wait go on",
    "close": "gives back a descriptor that came with an order",
    "futex": "locks inside libraries: waiting and waking, nothing else of it",
    "brk": "memory for malloc",
    "mmap": "memory of its own, the document read-only, the frame; never anything executable",
    "munmap": "gives memory back",
    "mremap": "lets a block grow",
    "madvise": "only to say that memory is not needed any more",
    "clock_gettime": "reads a clock, but not that of another process",
    "clock_getres": "asks how fine a clock is",
    "gettimeofday": "reads the time of day",
    "time": "reads the time of day",
    "getcpu": "asks which processor it runs on",
    "write": "only to the crash pipe, and to output that leads nowhere",
    "writev": "only to error output that leads nowhere",
    "rt_sigreturn": "leaves the crash handler",
    "rt_sigaction": "only back to what is usual",
    "rt_sigprocmask": "needed to abort properly",
    "getpid": "asks for its own number",
    "gettid": "asks for its own number",
    "tgkill": "only to itself, to abort",
    "exit": "the end",
    "exit_group": "the end",
}

# Subject: what its calls are about, why a renderer has no use for them, and their names.
SUBJECTS = [
    ("files by name", "opens nothing and looks nothing up by name", """
        open creat openat openat2 stat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat
        truncate rename renameat renameat2 mkdir mkdirat rmdir link linkat unlink unlinkat symlink symlinkat chmod
        fchmodat fchmodat2 chown lchown fchownat utime utimes futimesat utimensat mknod mknodat chdir fchdir getcwd
        statfs name_to_handle_at open_by_handle_at setxattr lsetxattr getxattr lgetxattr listxattr llistxattr
        removexattr lremovexattr umask lookup_dcookie ustat"""),
    ("descriptors", "maps what it was given, and does nothing else with it", """
        read write close fstat lseek ioctl pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 dup dup2
        dup3 fcntl flock fsync fdatasync ftruncate getdents getdents64 fchmod fchown fstatfs fsetxattr fgetxattr
        flistxattr fremovexattr sendfile splice tee vmsplice sync_file_range fallocate fadvise64 readahead
        copy_file_range syncfs sync close_range pipe pipe2 memfd_create memfd_secret cachestat"""),
    ("memory", "can make no memory executable and unlock nothing", """
        mmap mprotect munmap brk mremap msync mincore madvise mlock munlock mlockall munlockall mlock2
        remap_file_pages pkey_mprotect pkey_alloc pkey_free mbind set_mempolicy get_mempolicy migrate_pages
        move_pages set_mempolicy_home_node userfaultfd membarrier map_shadow_stack mseal process_madvise
        process_mrelease"""),
    ("processes", "starts no process and no thread", """
        clone clone3 fork vfork execve execveat exit exit_group wait4 waitid set_tid_address set_robust_list
        get_robust_list rseq arch_prctl set_thread_area get_thread_area modify_ldt prctl personality getpid gettid
        getppid getpgrp getpgid setpgid setsid getsid unshare setns uselib vserver"""),
    ("other processes", "sees no other process and touches none", """
        ptrace process_vm_readv process_vm_writev kcmp pidfd_open pidfd_getfd perf_event_open"""),
    ("signals", "changes no handler, and signals nobody", """
        rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_sigsuspend
        rt_tgsigqueueinfo sigaltstack kill tkill tgkill pidfd_send_signal pause signalfd signalfd4 restart_syscall"""),
    ("sockets", "has one socket, and makes no other", """
        socket connect accept accept4 sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown bind listen
        getsockname getpeername socketpair setsockopt getsockopt"""),
    ("waiting", "waits for one thing only, its channel", """
        poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
        epoll_ctl_old epoll_wait_old eventfd eventfd2 inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
        fanotify_init fanotify_mark io_setup io_destroy io_getevents io_pgetevents io_submit io_cancel
        io_uring_setup io_uring_enter io_uring_register futex futex_waitv futex_wake futex_wait futex_requeue"""),
    ("messages", "shares memory and messages with its broker only", """
        shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open mq_unlink
        mq_timedsend mq_timedreceive mq_notify mq_getsetattr getpmsg putpmsg"""),
    ("time", "reads clocks, sets none and arms no timer", """
        time gettimeofday settimeofday clock_gettime clock_settime clock_getres clock_nanosleep clock_adjtime
        adjtimex nanosleep getitimer setitimer alarm times timer_create timer_settime timer_gettime
        timer_getoverrun timer_delete timerfd_create timerfd_settime timerfd_gettime"""),
    ("scheduling", "takes the processor time that it gets", """
        sched_yield sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_get_priority_max
        sched_get_priority_min sched_rr_get_interval sched_setaffinity sched_getaffinity sched_setattr
        sched_getattr getpriority setpriority ioprio_set ioprio_get getcpu"""),
    ("limits", "cannot lift its limits", "getrlimit setrlimit prlimit64 getrusage"),
    ("identity", "keeps the identity that it was given", """
        getuid getgid geteuid getegid setuid setgid setreuid setregid setresuid getresuid setresgid getresgid
        setfsuid setfsgid getgroups setgroups capget capset"""),
    ("security", "cannot change the walls around it", """
        seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self add_key request_key keyctl bpf
        security lsm_get_self_attr lsm_set_self_attr lsm_list_modules"""),
    ("mounts", "has an empty root, and mounts nothing there", """
        mount umount2 pivot_root chroot open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr statmount
        listmount swapon swapoff quotactl quotactl_fd nfsservctl"""),
    ("the machine", "has no business with the machine", """
        uname sysinfo syslog sysfs _sysctl sethostname setdomainname iopl ioperm reboot acct vhangup kexec_load
        kexec_file_load create_module init_module finit_module delete_module get_kernel_syms query_module
        afs_syscall tuxcall getrandom"""),
]

POLITE_NOTES = {
    "getrandom": "libraries want seeds, and can do without",
    "clone3": "threads are not there; the older call ends the tab",
    "statx": "as on a kernel that does not have it yet",
    "fstat": "libraries ask before they print",
}

STYLE = """
html { background: #f7f3ea; }
body { margin: 0; color: #26231e; font-family: "Liberation Sans", Arial, sans-serif; font-size: 14px; line-height: 20px; }
.band { background: #1f5f6b; color: #fffdf8; padding: 28px 0 24px 0; }
.page { width: 912px; margin: 0 auto; }
h1 { margin: 0; font-family: "Liberation Serif", "Times New Roman", serif; font-size: 36px; line-height: 42px; }
.band p { margin: 6px 0 0 0; font-size: 16px; line-height: 24px; color: #dbe8e7; }
.tally { margin: 24px 0 22px 0; }
.box { float: left; width: 254px; height: 76px; margin-right: 18px; padding: 14px 18px; background: #fffdf8; border: 1px solid #d9d1c1; border-radius: 8px; }
.last { margin-right: 0; }
.count { float: left; width: 70px; font-family: "Liberation Serif", "Times New Roman", serif; font-size: 34px; line-height: 42px; color: #1f5f6b; }
.box p { margin: 0 0 0 70px; font-size: 13px; line-height: 18px; color: #4d4840; }
.clear { clear: both; height: 0; }
table { border-collapse: collapse; width: 912px; background: #fffdf8; border: 1px solid #d9d1c1; }
th { text-align: left; padding: 8px 12px; background: #e3ecea; border-bottom: 2px solid #1f5f6b; color: #1f5f6b; font-size: 13px; }
td { padding: 4px 12px; border-bottom: 1px solid #ece6d9; vertical-align: top; }
.no { width: 30px; text-align: right; color: #8a8376; }
.name { font-family: "Liberation Mono", "Courier New", monospace; font-size: 13px; white-space: nowrap; }
.about { color: #6b655a; }
.note { color: #4d4840; }
.a td { background: #e3ecea; }
.a .answer { color: #1f5f6b; font-weight: bold; }
.p td { background: #faf6ec; }
.answer { white-space: nowrap; }
.foot { margin: 22px 0 40px 0; color: #6b655a; font-size: 13px; }
"""


def read_filter(path):
    """The names that the filter allows, the errno names it answers, and the last number it knows."""
    source = open(path).read()
    source = re.sub(r"#ifdef VITRINE_SANITIZED.*?#endif", "", source, flags=re.S)
    tables = {}
    for table in ("allowed", "polite"):
        tables[table] = re.search(r"\b%s\[\] = \{(.*?)\n\};" % table, source, re.S).group(1)
    allowed = set(re.findall(r"SCMP_SYS\((\w+)\)", tables["allowed"]))
    polite = dict(re.findall(r"SCMP_SYS\((\w+)\), (E\w+)", tables["polite"]))
    last = int(re.search(r"#define LAST_KNOWN_CALL (\d+)", source).group(1))
    return allowed, polite, last


def read_numbers(path, last):
    calls = {int(number): name for name, number in re.findall(r"__NR_(\w+)\s+(\d+)", open(path).read())}
    return {**YOUNGER, **calls} if last in YOUNGER else sys.exit("the filter knows calls that have no name here")


def main():
    allowed, polite, last = read_filter(sys.argv[1])
    calls = {n: name for n, name in read_numbers(sys.argv[2], last).items() if n <= last}
    subject_of = {name: (title, why) for title, why, names in SUBJECTS for name in names.split()}

    for what, names in (("without a subject", set(calls.values()) - set(subject_of)),
                        ("that no kernel has", set(subject_of) - set(calls.values())),
                        ("allowed, without a note", allowed - set(ALLOWED_NOTES)),
                        ("allowed or refused, but without a number", (allowed | set(polite)) - set(calls.values()))):
        if names:
            sys.exit("calls %s: %s" % (what, " ".join(sorted(names))))

    rows = []
    n_allowed = n_polite = 0
    for number, name in sorted(calls.items()):
        title, why = subject_of[name]
        if name in allowed:
            n_allowed += 1
            kind, answer, note = "a", "allowed", ALLOWED_NOTES[name]
        elif name in polite:
            n_polite += 1
            kind, answer, note = "p", polite[name], POLITE_NOTES.get(name, "libraries ask, and can do without")
        else:
            kind, answer, note = "k", "ends the tab", why
        rows.append('<tr class="%s"><td class="no">%d</td><td class="name">%s</td><td class="about">%s</td>'
                    '<td class="answer">%s</td><td class="note">%s</td></tr>'
                    % (kind, number, name, title, answer, html.escape(note)))

    print("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Every system call, and what the filter says to it</title>
<style>%s</style>
</head>
<body>
<div class="band"><div class="page">
<h1>Every system call</h1>
<p>What the filter of a renderer says to each of the %d calls of Linux on x86-64.</p>
</div></div>
<div class="page">
<div class="tally">
<div class="box"><div class="count">%d</div><p><b>allowed</b>: what it takes to turn bytes into pixels, some of them only in
one form</p></div>
<div class="box"><div class="count">%d</div><p><b>refused politely</b>: an error number; libraries ask for this and can do
without</p></div>
<div class="box last"><div class="count">%d</div><p><b>end the tab</b>: the kernel reports name and arguments to the broker,
which ends the renderer</p></div>
<div class="clear"></div>
</div>
<table>
<thead><tr><th class="no">No.</th><th>Name</th><th>About</th><th>Answer</th><th>Note</th></tr></thead>
<tbody>""" % (STYLE, len(calls), n_allowed, n_polite, len(calls) - n_allowed - n_polite))
    print("\n".join(rows))
    print("""</tbody>
</table>
<p class="foot">Calls that are younger than number %d get ENOSYS, as on a kernel that does not have them. An allowed call in
any other form ends the tab too. Where the kernel cannot report a call, it ends the process by itself.</p>
</div>
</body>
</html>""" % last)


if __name__ == "__main__":
    main()
