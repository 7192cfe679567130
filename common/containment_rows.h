/* The containment table: what a renderer that was taken over tries, and what has to come of it. One row here; one function
 * in tests/sandbox/intruder*.c that tries it, or one in broker/containment/seen.c where the broker itself acts or looks.
 *
 * Included several times, by whoever needs another side of the rows: define those of the macros below that are wanted.
 * What is tried is spelled once: the intruder compiles it, the broker shows it as text.
 *
 * CALL(id, name, group, call, returns, args…)   one system call. returns NULL: the broker kills, and names the call;
 *                                               otherwise the renderer goes on, with this errno or number.
 * MESSAGE(id, name, group, fault, tried, n_fds, times, bytes)
 *                                               a datagram on the channel, so many times, with so many descriptors:
 *                                               the broker kills for this message_fault.
 * DEED(id, name, group, end, number, returns, tried)
 *                                               anything else. number: the call with KILLED, the signal with SIGNAL, the
 *                                               fault with BAD, the status with EXITS; returns: with RETURNS.
 * WHEN_PAINTING(as DEED)                        likewise, but while it paints; the others while it opens.
 * SEEN(id, name, group, tried)                  the broker acts, or looks from outside.
 * ABSENT(id, name, group, tried, why)           does not apply, and why. */

#ifndef CALL
#define CALL(...)
#endif
#ifndef MESSAGE
#define MESSAGE(...)
#endif
#ifndef DEED
#define DEED(...)
#endif
#ifndef WHEN_PAINTING
#define WHEN_PAINTING DEED
#endif
#ifndef SEEN
#define SEEN(...)
#endif
#ifndef ABSENT
#define ABSENT(...)
#endif

/* ---- files and paths ---- */
CALL(OPEN, "open", FILES, open, "EACCES", "/etc/passwd", O_RDONLY)
CALL(OPENAT_MAPS, "openat-maps", FILES, openat, "EACCES", AT_FDCWD, "/proc/self/maps", O_RDONLY)
CALL(OPENAT_ENVIRON, "openat-environ", FILES, openat, "EACCES", AT_FDCWD, "/proc/1/environ", O_RDONLY)
CALL(OPENAT_MEM, "openat-mem", FILES, openat, "EACCES", AT_FDCWD, "/proc/self/mem", O_RDWR)
CALL(OPENAT_UP, "openat-up", FILES, openat, "EACCES", channel, "..", O_RDONLY)
CALL(OPENAT_FD_AGAIN, "openat-fd-again", FILES, openat, "EACCES", AT_FDCWD, "/proc/self/fd/3", O_RDWR)
CALL(CREAT, "creat", FILES, creat, NULL, "/tmp/x", 0600)
CALL(OPENAT2, "openat2", FILES, openat2, NULL, AT_FDCWD, "/", memory, 24)
CALL(OPEN_BY_HANDLE_AT, "open_by_handle_at", FILES, open_by_handle_at, NULL, AT_FDCWD, memory, 0)
CALL(NAME_TO_HANDLE_AT, "name_to_handle_at", FILES, name_to_handle_at, NULL, AT_FDCWD, "/", memory, memory + 512, 0)
CALL(STAT, "stat", FILES, stat, "EACCES", "/proc/self/exe", memory)
CALL(NEWFSTATAT, "newfstatat", FILES, newfstatat, "EACCES", AT_FDCWD, "/", memory, 0)
CALL(STATX, "statx", FILES, statx, "ENOSYS", AT_FDCWD, "/", 0, 0, memory)
CALL(ACCESS, "access", FILES, access, "EACCES", "/", 0)
CALL(READLINK, "readlink", FILES, readlink, "EACCES", "/proc/self/exe", memory, 100)
CALL(GETCWD, "getcwd", FILES, getcwd, NULL, memory, 100)
CALL(GETDENTS64, "getdents64", FILES, getdents64, NULL, channel, memory, 100)
CALL(CHDIR, "chdir", FILES, chdir, NULL, "/")
CALL(FCHDIR, "fchdir", FILES, fchdir, NULL, channel)
CALL(CHROOT, "chroot", FILES, chroot, NULL, "/")
CALL(PIVOT_ROOT, "pivot_root", FILES, pivot_root, NULL, "/", "/")
CALL(MOUNT, "mount", FILES, mount, NULL, "none", "/", "proc", 0, 0)
CALL(UMOUNT2, "umount2", FILES, umount2, NULL, "/", 2)
CALL(OPEN_TREE, "open_tree", FILES, open_tree, NULL, AT_FDCWD, "/", 0)
CALL(FSOPEN, "fsopen", FILES, fsopen, NULL, "proc", 0)
CALL(MOVE_MOUNT, "move_mount", FILES, move_mount, NULL, AT_FDCWD, "/", AT_FDCWD, "/", 0)
CALL(MKDIR, "mkdir", FILES, mkdir, NULL, "/x", 0700)
CALL(MKNOD, "mknod", FILES, mknod, NULL, "/x", 0600, 0)
CALL(SYMLINK, "symlink", FILES, symlink, NULL, "/etc", "/x")
CALL(LINKAT, "linkat", FILES, linkat, NULL, channel, "", AT_FDCWD, "/x", 0x1000)
CALL(RENAME, "rename", FILES, rename, NULL, "/x", "/y")
CALL(UNLINK, "unlink", FILES, unlink, NULL, "/x")
CALL(FCHMOD, "fchmod", FILES, fchmod, NULL, channel, 04777)
CALL(FCHOWN, "fchown", FILES, fchown, NULL, channel, 0, 0)
CALL(UTIMENSAT, "utimensat", FILES, utimensat, NULL, channel, 0, 0, 0)
CALL(FSETXATTR, "fsetxattr", FILES, fsetxattr, NULL, channel, "user.x", "x", 1, 0)
CALL(READ, "read", FILES, read, NULL, channel, memory, 1)
CALL(WRITE_TO_CHANNEL, "write-to-channel", FILES, write, NULL, channel, "x", 1)
CALL(WRITE_TO_UPPER_STDOUT, "write-to-upper-stdout", FILES, write, NULL, 1 | UPPER, "x", 1)
CALL(WRITE_TO_STDOUT, "write-to-stdout", FILES, write, "returned 1", 1, "x", 1)
CALL(WRITEV_TO_STDOUT, "writev-to-stdout", FILES, writev, NULL, 1, memory, 0)
CALL(PWRITE64, "pwrite64", FILES, pwrite64, NULL, channel, "x", 1, 0)
CALL(FTRUNCATE, "ftruncate", FILES, ftruncate, NULL, channel, 0)
CALL(FALLOCATE, "fallocate", FILES, fallocate, NULL, channel, 3, 0, 1)
CALL(LSEEK, "lseek", FILES, lseek, NULL, channel, 0, 0)
CALL(SENDFILE, "sendfile", FILES, sendfile, NULL, 1, channel, 0, 1)
CALL(SPLICE, "splice", FILES, splice, NULL, channel, 0, 1, 0, 1, 0)
CALL(FLOCK, "flock", FILES, flock, NULL, channel, 2)
CALL(FCNTL_LEASE, "fcntl-lease", FILES, fcntl, NULL, channel, F_SETLEASE, F_RDLCK)
CALL(FCNTL_FLAGS, "fcntl-flags", FILES, fcntl, NULL, channel, F_SETFL, O_NONBLOCK)
CALL(FCNTL_OWNER, "fcntl-owner", FILES, fcntl, NULL, channel, F_SETOWN, 1)
CALL(FCNTL_SEALS, "fcntl-seals", FILES, fcntl, NULL, channel, F_ADD_SEALS, F_SEAL_WRITE)
CALL(DUP, "dup", FILES, dup, NULL, channel)
CALL(DUP2, "dup2", FILES, dup2, NULL, channel, 9)
CALL(MEMFD_CREATE, "memfd_create", FILES, memfd_create, NULL, "x", 0)
CALL(PIPE2, "pipe2", FILES, pipe2, NULL, memory, 0)
CALL(EVENTFD2, "eventfd2", FILES, eventfd2, NULL, 0, 0)
CALL(EPOLL_CREATE1, "epoll_create1", FILES, epoll_create1, NULL, 0)
CALL(INOTIFY_INIT1, "inotify_init1", FILES, inotify_init1, NULL, 0)
CALL(MOUNT_SETATTR, "mount-setattr", FILES, mount_setattr, NULL, AT_FDCWD, "/", 0, memory, 32)
CALL(FSMOUNT, "fsmount", FILES, fsmount, NULL, channel, 0, 0)
CALL(LINK, "link", FILES, link, NULL, "/x", "/y")
CALL(RENAMEAT2, "renameat2", FILES, renameat2, NULL, AT_FDCWD, "/x", AT_FDCWD, "/y", 0)
CALL(TRUNCATE, "truncate", FILES, truncate, NULL, "/x", 0)
CALL(CHMOD, "chmod", FILES, chmod, NULL, "/x", 0777)
CALL(FCHMOD_DOCUMENT, "fchmod-document", FILES, fchmod, NULL, document_was, 04777)
CALL(FTRUNCATE_FRAME, "ftruncate-frame", FILES, ftruncate, NULL, frame_was, 0)
CALL(PWRITEV2, "pwritev2", FILES, pwritev2, NULL, document_was, memory, 0, 0, 0, 0)
CALL(PREAD64, "pread64", FILES, pread64, NULL, document_was, memory, 1, 0)
CALL(READ_STDIN, "read-stdin", FILES, read, NULL, 0, memory, 1)
CALL(READ_CRASH_PIPE, "read-crash-pipe", FILES, read, NULL, crash_pipe, memory, 1)
CALL(READ_BELL_9, "read-bell-9", FILES, read, NULL, bell_heard, memory, 9)
CALL(WRITE_BELL_9, "write-bell-9", FILES, write, NULL, bell_rung, memory, 9)
CALL(READ_BELL_RUNG, "read-bell-rung", FILES, read, NULL, bell_rung, memory, 8)
CALL(READ_SECOND_9, "read-second-bell-9", FILES, read, NULL, second_heard, memory, 9)
CALL(WRITE_SECOND_9, "write-second-bell-9", FILES, write, NULL, second_rung, memory, 9)
CALL(READ_SECOND_RUNG, "read-second-bell-rung", FILES, read, NULL, second_rung, memory, 8)
CALL(WRITE_SECOND_HEARD, "write-second-bell-heard", FILES, write, NULL, second_heard, memory, 8)
CALL(WRITE_BELL_HEARD, "write-bell-heard", FILES, write, NULL, bell_heard, memory, 8)
CALL(COPY_FILE_RANGE, "copy-file-range", FILES, copy_file_range, NULL, document_was, 0, 1, 0, 1, 0)
CALL(FCNTL_LOCK, "fcntl-lock", FILES, fcntl, NULL, document_was, F_SETLK, memory)
CALL(FCNTL_OFD_LOCK, "fcntl-ofd-lock", FILES, fcntl, NULL, document_was, F_OFD_SETLK, memory)
CALL(FCNTL_DUP, "fcntl-dup", FILES, fcntl, NULL, channel, F_DUPFD, 0)
CALL(FCNTL_GET_FLAGS, "fcntl-get-flags", FILES, fcntl, NULL, channel, F_GETFL)
CALL(CLOSE_RANGE, "close-range", FILES, close_range, NULL, 100, 200, 0)
CALL(MEMFD_SECRET, "memfd-secret", FILES, memfd_secret, NULL, 0)
CALL(TIMERFD_CREATE, "timerfd-create", FILES, timerfd_create, NULL, 0, 0)
CALL(SIGNALFD4, "signalfd4", FILES, signalfd4, NULL, -1, memory, 8, 0)
CALL(INOTIFY_INIT, "inotify-init", FILES, inotify_init, NULL)
DEED(DESCRIPTORS, "descriptors", FILES, RETURNS, 0, "none but its own", "poll on each descriptor from 0 to 1023")
SEEN(SEEN_DESCRIPTORS, "seen-descriptors", FILES,
     "the broker holds a file and a listening socket open for all to inherit; what has the renderer?")
SEEN(DOCUMENT_REPLACED, "document-replaced", FILES,
     "a document is overwritten, truncated and replaced on disk while it is shown")
SEEN(DOCUMENT_KINDS, "document-kinds", FILES,
     "as documents: a FIFO, a device, a directory, a socket, a file of /proc, a sparse file of 10 TB")
SEEN(SEALS, "seals", FILES, "the broker writes to, grows and shrinks the document, and resizes the frame")
ABSENT(SYMLINK_RACE, "symlink-race", FILES, "a symlink swapped between check and open",
       "pages load no files of their folder in this build, so that there is no path to check")

/* ---- processes, signals, debugging ---- */
CALL(FORK, "fork", PROCESSES, fork, NULL)
CALL(VFORK, "vfork", PROCESSES, vfork, NULL)
CALL(CLONE_PROCESS, "clone-process", PROCESSES, clone, NULL, SIGCHLD)
CALL(CLONE_THREAD, "clone-thread", PROCESSES, clone, NULL,
     CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
CALL(CLONE_USER_NS, "clone-user-ns", PROCESSES, clone, NULL, CLONE_NEWUSER | SIGCHLD)
CALL(CLONE_UNTRACED, "clone-untraced", PROCESSES, clone, NULL, CLONE_UNTRACED | SIGCHLD)
CALL(CLONE3, "clone3", PROCESSES, clone3, "ENOSYS", memory, 64)
CALL(UNSHARE, "unshare", PROCESSES, unshare, NULL, CLONE_NEWUSER)
CALL(SETNS, "setns", PROCESSES, setns, NULL, channel, 0)
CALL(EXECVE, "execve", PROCESSES, execve, NULL, "/proc/self/exe", 0, 0)
CALL(EXECVEAT, "execveat", PROCESSES, execveat, NULL, channel, "", 0, 0, 0x1000)
CALL(PTRACE_ME, "ptrace-me", PROCESSES, ptrace, NULL, PTRACE_TRACEME)
CALL(PTRACE_OTHER, "ptrace-other", PROCESSES, ptrace, NULL, PTRACE_SEIZE, 1)
CALL(PROCESS_VM_READV, "process_vm_readv", PROCESSES, process_vm_readv, NULL, 1, memory, 0, memory, 0, 0)
CALL(PROCESS_VM_WRITEV, "process_vm_writev", PROCESSES, process_vm_writev, NULL, 1, memory, 0, memory, 0, 0)
CALL(PROCESS_MADVISE, "process_madvise", PROCESSES, process_madvise, NULL, channel, memory, 0, 4, 0)
CALL(KCMP, "kcmp", PROCESSES, kcmp, NULL, 1, 2, 0, 0, 0)
CALL(PIDFD_OPEN, "pidfd_open", PROCESSES, pidfd_open, NULL, 1, 0)
CALL(PIDFD_GETFD, "pidfd_getfd", PROCESSES, pidfd_getfd, NULL, channel, 0, 0)
CALL(KILL_NOBODY, "kill-nobody", PROCESSES, kill, NULL, 1, 0)
CALL(KILL_GROUP, "kill-group", PROCESSES, kill, NULL, 0, SIGKILL)
CALL(KILL_ALL, "kill-all", PROCESSES, kill, NULL, -1, SIGKILL)
CALL(TKILL, "tkill", PROCESSES, tkill, NULL, 1, 0)
CALL(TGKILL_OTHER, "tgkill-other", PROCESSES, tgkill, NULL, 1, 1, 0)
CALL(RT_SIGQUEUEINFO, "rt_sigqueueinfo", PROCESSES, rt_sigqueueinfo, NULL, 1, 0, memory)
CALL(RT_TGSIGQUEUEINFO, "rt_tgsigqueueinfo", PROCESSES, rt_tgsigqueueinfo, NULL, 1, 1, 0, memory)
CALL(PIDFD_SEND_SIGNAL, "pidfd_send_signal", PROCESSES, pidfd_send_signal, NULL, channel, 0, 0, 0)
CALL(RT_SIGACTION, "rt_sigaction", PROCESSES, rt_sigaction, NULL, SIGSYS, 0, memory, 8)
CALL(SIGALTSTACK, "sigaltstack", PROCESSES, sigaltstack, NULL, 0, memory)
CALL(TIMER_CREATE, "timer_create", PROCESSES, timer_create, NULL, 0, 0, memory)
CALL(SETITIMER, "setitimer", PROCESSES, setitimer, NULL, 0, memory, 0)
CALL(ALARM, "alarm", PROCESSES, alarm, NULL, 0)
CALL(PRCTL_DUMPABLE, "prctl-dumpable", PROCESSES, prctl, NULL, PR_SET_DUMPABLE, 1)
CALL(PRCTL_PTRACER, "prctl-ptracer", PROCESSES, prctl, NULL, PR_SET_PTRACER, -1)
CALL(PRCTL_PDEATHSIG, "prctl-pdeathsig", PROCESSES, prctl, NULL, PR_SET_PDEATHSIG, 0)
CALL(PRCTL_SECCOMP, "prctl-seccomp", PROCESSES, prctl, NULL, PR_SET_SECCOMP, SECCOMP_MODE_STRICT)
CALL(PRCTL_MM, "prctl-mm", PROCESSES, prctl, NULL, PR_SET_MM, 0)
CALL(PRCTL_SPECULATION, "prctl-speculation", PROCESSES, prctl, NULL, PR_SET_SPECULATION_CTRL, 0, PR_SPEC_ENABLE)
CALL(PRCTL_DISPATCH, "prctl-dispatch", PROCESSES, prctl, NULL, 59, 1)
CALL(SECCOMP, "seccomp", PROCESSES, seccomp, NULL, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, memory)
CALL(SETRLIMIT, "setrlimit", PROCESSES, setrlimit, NULL, RLIMIT_NOFILE, memory)
CALL(PRLIMIT64, "prlimit64", PROCESSES, prlimit64, NULL, 0, RLIMIT_NOFILE, 0, memory)
CALL(SETUID, "setuid", PROCESSES, setuid, NULL, 0)
CALL(SETRESUID, "setresuid", PROCESSES, setresuid, NULL, 0, 0, 0)
CALL(SETGID, "setgid", PROCESSES, setgid, NULL, 0)
CALL(SETGROUPS, "setgroups", PROCESSES, setgroups, NULL, 0, 0)
CALL(CAPSET, "capset", PROCESSES, capset, NULL, memory, memory)
CALL(PERSONALITY, "personality", PROCESSES, personality, NULL, 0x0400000)
CALL(SCHED_SETAFFINITY, "sched_setaffinity", PROCESSES, sched_setaffinity, NULL, 0, 8, memory)
CALL(SCHED_SETSCHEDULER, "sched_setscheduler", PROCESSES, sched_setscheduler, NULL, 0, 0, memory)
CALL(SETPRIORITY, "setpriority", PROCESSES, setpriority, NULL, 0, 0, 19)
CALL(IOPRIO_SET, "ioprio_set", PROCESSES, ioprio_set, NULL, 1, 0, 0)
CALL(CLOCK_OF_ANOTHER, "clock-of-another", PROCESSES, clock_gettime, NULL, OTHERS_CLOCK(1), memory)
CALL(CLOCK_OF_AN_FD, "clock-of-an-fd", PROCESSES, clock_gettime, NULL, FDS_CLOCK(3), memory)
CALL(CLOCK_UPPER, "clock-upper", PROCESSES, clock_gettime, NULL, 1 | UPPER, memory)
CALL(CLOCK_GETTIME, "clock_gettime", PROCESSES, clock_gettime, "returned 0", 1, memory)
CALL(CLOCK_SETTIME, "clock_settime", PROCESSES, clock_settime, NULL, 0, memory)
CALL(SETSID, "setsid", PROCESSES, setsid, NULL)
CALL(SETPGID, "setpgid", PROCESSES, setpgid, NULL, 0, 0)
CALL(GETPPID, "getppid", PROCESSES, getppid, NULL)
CALL(CLONE_PARENT, "clone-parent", PROCESSES, clone, NULL, CLONE_PARENT | SIGCHLD)
CALL(CLONE_FILES, "clone-files", PROCESSES, clone, NULL, CLONE_FILES | CLONE_VM | SIGCHLD)
CALL(CLONE_PID_NS, "clone-pid-ns", PROCESSES, clone, NULL, CLONE_NEWPID | SIGCHLD)
CALL(UNSHARE_FILES, "unshare-files", PROCESSES, unshare, NULL, CLONE_FILES)
CALL(FEXECVE, "fexecve", PROCESSES, execveat, NULL, document_was, "", memory, memory, AT_EMPTY_PATH)
CALL(WAIT4, "wait4", PROCESSES, wait4, NULL, -1, memory, WNOHANG, 0)
CALL(WAITID, "waitid", PROCESSES, waitid, NULL, P_ALL, 0, memory, WNOHANG | WEXITED, 0)
CALL(KILL_INIT, "kill-init", PROCESSES, kill, NULL, 1, SIGKILL)
CALL(TGKILL_ALL, "tgkill-all", PROCESSES, tgkill, NULL, -1, -1, SIGKILL)
CALL(FCNTL_SETSIG, "fcntl-setsig", PROCESSES, fcntl, NULL, channel, F_SETSIG, SIGKILL)
CALL(FCNTL_ASYNC, "fcntl-async", PROCESSES, fcntl, NULL, channel, F_SETFL, O_ASYNC)
CALL(FCNTL_OWNER_EX, "fcntl-owner-ex", PROCESSES, fcntl, NULL, channel, F_SETOWN_EX, memory)
CALL(TIMER_THREAD, "timer-thread", PROCESSES, timer_create, NULL, CLOCK_MONOTONIC, memory, memory)
CALL(PRCTL_PRIVS, "prctl-no-new-privs", PROCESSES, prctl, NULL, PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)
CALL(PRCTL_CAPBSET, "prctl-capbset", PROCESSES, prctl, NULL, PR_CAPBSET_READ, 0, 0, 0, 0)
CALL(PRCTL_NAME, "prctl-name", PROCESSES, prctl, NULL, PR_SET_NAME, "broker", 0, 0, 0)
CALL(PRCTL_MDWE, "prctl-mdwe", PROCESSES, prctl, NULL, 65, 0, 0, 0, 0)
CALL(PRCTL_TSC, "prctl-tsc", PROCESSES, prctl, NULL, PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0)
CALL(SECCOMP_STRICT, "seccomp-strict", PROCESSES, seccomp, NULL, SECCOMP_SET_MODE_STRICT, 0, 0)
CALL(PRLIMIT_OTHER, "prlimit-other", PROCESSES, prlimit64, NULL, 1, RLIMIT_NOFILE, memory, 0)
CALL(SETREUID, "setreuid", PROCESSES, setreuid, NULL, 0, 0)
CALL(SETFSUID, "setfsuid", PROCESSES, setfsuid, NULL, 0)
CALL(SCHED_SETATTR, "sched-setattr", PROCESSES, sched_setattr, NULL, 0, memory, 0)
CALL(SCHED_SETAFFINITY_OTHER, "sched-setaffinity-other", PROCESSES, sched_setaffinity, NULL, 1, 8, memory)
CALL(SETPRIORITY_OTHER, "setpriority-other", PROCESSES, setpriority, NULL, PRIO_PROCESS, 1, 19)
CALL(SCHED_YIELD, "sched-yield", PROCESSES, sched_yield, "returned 0")
CALL(CLOCK_NANOSLEEP, "clock-nanosleep", PROCESSES, clock_nanosleep, NULL, CLOCK_MONOTONIC, 0, memory, 0)
CALL(CLOCK_ADJTIME, "clock-adjtime", PROCESSES, clock_adjtime, NULL, 0, memory)
CALL(RT_SIGTIMEDWAIT, "rt-sigtimedwait", PROCESSES, rt_sigtimedwait, NULL, memory, 0, memory, 8)
CALL(PIDFD_OPEN_SELF, "pidfd-open-self", PROCESSES, pidfd_open, NULL, 2, 0)
CALL(PROCESS_MRELEASE, "process-mrelease", PROCESSES, process_mrelease, NULL, channel, 0)
DEED(SIGNAL_SELF, "signal-self", PROCESSES, KILLED, SYS_tgkill, NULL,
     "SIGKILL to itself, as if somebody outside had sent it")
DEED(ABORT_SELF, "abort-self", PROCESSES, SIGNAL, SIGABRT, NULL, "SIGABRT to itself, as abort() does")
DEED(SIGNAL_UPPER, "signal-upper", PROCESSES, KILLED, SYS_tgkill, NULL,
     "the same with a bit in the upper half of the pid")
DEED(SIGNAL_NEXT, "signal-next-pid", PROCESSES, KILLED, SYS_tgkill, NULL, "SIGABRT to the next pid")
DEED(PTHREAD, "pthread", PROCESSES, KILLED, SYS_rt_sigaction, NULL,
     "100,000 threads by pthread_create, which first prepares a signal")
DEED(FORK_BOMB, "fork-bomb", PROCESSES, KILLED, SYS_clone, NULL, "fork() in a loop")
DEED(OWN_HANDLER, "own-handler", PROCESSES, KILLED, SYS_rt_sigaction, NULL,
     "a SIGSYS handler of its own, to go on after a violation")
DEED(NULL_READ, "segv", PROCESSES, SIGNAL, SIGSEGV, NULL, "reads at address 0")
DEED(BUS, "bus", PROCESSES, SIGNAL, SIGBUS, NULL, "an unaligned access with the alignment check on")
DEED(ILL, "ill", PROCESSES, SIGNAL, SIGILL, NULL, "an instruction that is none")
DEED(FPE, "fpe", PROCESSES, SIGNAL, SIGFPE, NULL, "divides by 0")
DEED(TRAP, "trap", PROCESSES, SIGNAL, SIGTRAP, NULL, "a breakpoint")
DEED(ABORT, "abort", PROCESSES, SIGNAL, SIGABRT, NULL, "abort()")
DEED(DOUBLE_FREE, "double-free", PROCESSES, SIGNAL, SIGABRT, NULL, "frees twice")
DEED(STACK_OVERFLOW, "stack-overflow", PROCESSES, SIGNAL, SIGSEGV, NULL, "recursion without end")
DEED(CRASH_IN_HANDLER, "crash-in-handler", PROCESSES, SIGNAL, SIGSEGV, NULL, "crashes again inside the crash handler")
DEED(CRASH_WITH_LOCK, "crash-with-lock", PROCESSES, SIGNAL, SIGSEGV, NULL, "crashes while malloc's lock is held")
DEED(FORGED_BYTES, "forged-bytes", PROCESSES, SIGNAL, SIGABRT, NULL, "64 broken crash records, then abort()")
DEED(FORGED_RECORD, "forged-record", PROCESSES, EXITS, 0, NULL,
     "a well-formed crash record of a SIGSEGV that never was, then exit(0)")
DEED(FORGED_COUNT, "forged-count", PROCESSES, EXITS, 3, NULL, "a crash record with 4 billion frames, then exit(3)")
DEED(EXIT, "exit", PROCESSES, EXITS, 0, NULL, "_exit(0)")
DEED(EXIT_77, "exit-77", PROCESSES, EXITS, 77, NULL, "_exit(77)")
DEED(EXIT_THREAD, "exit-thread", PROCESSES, EXITS, 5, NULL, "the bare exit call, which ends a thread only")
DEED(LOOP, "loop", PROCESSES, HANGS, 0, NULL, "an endless loop with all signals blocked")
DEED(SLEEP, "sleep", PROCESSES, HANGS, 0, NULL, "sleeps for ever")
SEEN(STOPPED, "stopped", PROCESSES, "somebody stops the renderer with SIGSTOP")
SEEN(DIE_TOGETHER, "die-together", PROCESSES, "8 renderers die at the same moment")
SEEN(PIDFD_REUSE, "pid-reuse", PROCESSES, "a signal by the pidfd of a renderer that has ended and was reaped")
SEEN(BROKER_KILLED, "broker-killed", PROCESSES, "SIGKILL to a broker with 3 renderers: who is left after a second?")

/* ---- memory and processor ---- */
CALL(MMAP_EXEC, "mmap-exec", MEMORY, mmap, NULL, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
CALL(MMAP_FD_EXEC, "mmap-fd-exec", MEMORY, mmap, NULL, 0, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, channel, 0)
CALL(MMAP_AT_0, "mmap-at-0", MEMORY, mmap, NULL, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
CALL(MMAP_HUGE, "mmap-huge", MEMORY, mmap, NULL, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0)
CALL(MMAP_LOCKED, "mmap-locked", MEMORY, mmap, NULL, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1,
     0)
CALL(MMAP_POPULATE, "mmap-populate", MEMORY, mmap, NULL, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
     -1, 0)
CALL(MMAP_GROWS_DOWN, "mmap-grows-down", MEMORY, mmap, NULL, 0, 4096, PROT_READ,
     MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0)
CALL(MMAP_SHARED, "mmap-shared", MEMORY, mmap, NULL, 0, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
CALL(MMAP_PROT_UPPER, "mmap-prot-upper", MEMORY, mmap, NULL, 0, 4096, PROT_READ | UPPER, MAP_PRIVATE | MAP_ANONYMOUS,
     -1, 0)
CALL(MMAP_FLAGS_UPPER, "mmap-flags-upper", MEMORY, mmap, NULL, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | UPPER,
     -1, 0)
CALL(MMAP_OF_CHANNEL, "mmap-of-channel", MEMORY, mmap, "ENODEV", 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, channel,
     0)
CALL(MPROTECT_EXEC, "mprotect-exec", MEMORY, mprotect, NULL, memory, 4096, PROT_READ | PROT_EXEC)
CALL(MPROTECT_WRITE, "mprotect-write", MEMORY, mprotect, NULL, memory, 4096, PROT_READ | PROT_WRITE)
CALL(PKEY_MPROTECT, "pkey_mprotect", MEMORY, pkey_mprotect, NULL, memory, 4096, PROT_EXEC, -1)
CALL(MREMAP_FIXED, "mremap-fixed", MEMORY, mremap, NULL, memory, 4096, 4096, 3, memory)
CALL(REMAP_FILE_PAGES, "remap_file_pages", MEMORY, remap_file_pages, NULL, memory, 4096, 0, 0, 0)
CALL(MLOCKALL, "mlockall", MEMORY, mlockall, NULL, 1)
CALL(MADVISE_REMOVE, "madvise-remove", MEMORY, madvise, NULL, memory, 4096, MADV_REMOVE)
CALL(MADVISE_UPPER, "madvise-upper", MEMORY, madvise, NULL, memory, 0, MADV_DONTNEED | UPPER)
CALL(SHMGET, "shmget", MEMORY, shmget, NULL, 0, 4096, 0600)
CALL(SHMAT, "shmat", MEMORY, shmat, NULL, 0, 0, 0100000)
CALL(MSGGET, "msgget", MEMORY, msgget, NULL, 0, 0)
CALL(SEMGET, "semget", MEMORY, semget, NULL, 0, 1, 0)
CALL(MQ_OPEN, "mq_open", MEMORY, mq_open, NULL, "x", 0, 0, 0)
CALL(USERFAULTFD, "userfaultfd", MEMORY, userfaultfd, NULL, 0)
CALL(MODIFY_LDT, "modify_ldt", MEMORY, modify_ldt, NULL, 0, memory, 8)
CALL(ARCH_PRCTL, "arch_prctl", MEMORY, arch_prctl, NULL, 0x1004, memory)
CALL(IOPL, "iopl", MEMORY, iopl, NULL, 3)
CALL(IOPERM, "ioperm", MEMORY, ioperm, NULL, 0x80, 1, 1)
CALL(MEMBARRIER, "membarrier", MEMORY, membarrier, NULL, 0, 0)
CALL(SET_ROBUST_LIST, "set_robust_list", MEMORY, set_robust_list, NULL, memory, 24)
CALL(MMAP_DOCUMENT_WRITE, "mmap-document-write", MEMORY, mmap, "EBADF", 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
     document_was, 0)
CALL(MMAP_CRASH_PIPE, "mmap-crash-pipe", MEMORY, mmap, "EACCES", 0, 4096, PROT_READ, MAP_PRIVATE, crash_pipe, 0)
CALL(MMAP_VALIDATE, "mmap-shared-validate", MEMORY, mmap, NULL, 0, 4096, PROT_READ, MAP_SHARED_VALIDATE, channel, 0)
CALL(MMAP_32BIT, "mmap-32bit", MEMORY, mmap, NULL, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0)
CALL(MPROTECT_READ, "mprotect-read", MEMORY, mprotect, NULL, memory, 4096, PROT_READ)
CALL(MLOCK, "mlock", MEMORY, mlock, NULL, memory, 4096)
CALL(MINCORE, "mincore", MEMORY, mincore, NULL, memory, 4096, memory)
CALL(MSYNC, "msync", MEMORY, msync, NULL, memory, 4096, 4)
CALL(MADVISE_HWPOISON, "madvise-hwpoison", MEMORY, madvise, NULL, memory, 4096, 100)
CALL(MADVISE_MERGEABLE, "madvise-mergeable", MEMORY, madvise, NULL, memory, 4096, MADV_MERGEABLE)
CALL(MBIND, "mbind", MEMORY, mbind, NULL, memory, 4096, 0, 0, 0, 0)
CALL(PKEY_ALLOC, "pkey-alloc", MEMORY, pkey_alloc, NULL, 0, 0)
CALL(ARCH_PRCTL_GS, "arch-prctl-gs", MEMORY, arch_prctl, NULL, 0x1001, memory)
CALL(ARCH_PRCTL_XCOMP, "arch-prctl-xcomp", MEMORY, arch_prctl, NULL, 0x1023, 18)
CALL(RSEQ, "rseq", MEMORY, rseq, NULL, memory, 32, 0, 0)
CALL(FUTEX_PI, "futex-pi", MEMORY, futex, NULL, memory, FUTEX_LOCK_PI, 0, 0)
CALL(FUTEX_REQUEUE, "futex-requeue", MEMORY, futex, NULL, memory, FUTEX_CMP_REQUEUE, 0, 0)
CALL(FUTEX_UPPER, "futex-upper", MEMORY, futex, NULL, memory, FUTEX_WAKE | 1L << 32, 0, 0)
DEED(UNMAP_CODE, "unmap-code", MEMORY, RETURNS, 0, "EPERM", "munmap of the program's own code")
DEED(MOVE_CODE, "move-code", MEMORY, RETURNS, 0, "EPERM", "mremap of the program's own code")
DEED(DISCARD_RELOCATED, "discard-relocated", MEMORY, SIGNAL, SIGSEGV, NULL,
     "discards relocated, read-only data with MADV_DONTNEED, then writes to it")
DEED(UNMAP_RELOCATED, "unmap-relocated", MEMORY, RETURNS, 0, "EPERM", "munmap of relocated, read-only data")
DEED(WRITE_DOCUMENT, "write-document", MEMORY, SIGNAL, SIGSEGV, NULL, "writes to the mapped document")
DEED(GROW_DOCUMENT, "grow-document", MEMORY, SIGNAL, SIGBUS, NULL,
     "mremap makes the document's mapping longer, and reads beyond its end")
DEED(ADDRESS_SPACE, "address-space", MEMORY, RETURNS, 0, "a limit below 1 GB", "maps memory, a megabyte after another")
DEED(OUT_OF_MEMORY, "out-of-memory", MEMORY, MEMORY, 0, NULL, "malloc until there is none, and then a null pointer")
DEED(HEAP_BREAK, "heap-break", MEMORY, RETURNS, 0, "a limit below 1 GB", "the same by brk")
DEED(INT_0X80_GETPID, "int-0x80-getpid", MEMORY, BY_KERNEL, 0, NULL, "int 0x80: getpid of 32-bit programs")
DEED(INT_0X80_OPEN, "int-0x80-open", MEMORY, BY_KERNEL, 0, NULL, "int 0x80: open of 32-bit programs")
DEED(X32_GETPID, "x32-getpid", MEMORY, BY_KERNEL, 0, NULL, "x32's getpid, number 0x40000027")
DEED(X32_EXECVE, "x32-execve", MEMORY, BY_KERNEL, 0, NULL, "x32's execve, number 0x40000208")
DEED(VSYSCALL, "vsyscall", MEMORY, BY_KERNEL, 0, NULL,
     "time() in the page that lies at the same address in every process")
SEEN(SPECULATION, "speculation", MEMORY, "the processor's speculation, as the kernel tells of the renderer")

/* ---- network, devices, the kernel's odd corners ---- */
CALL(SOCKET_INET, "socket-inet", KERNEL, socket, NULL, AF_INET, SOCK_STREAM, 0)
CALL(SOCKET_UNIX, "socket-unix", KERNEL, socket, NULL, AF_UNIX, SOCK_DGRAM, 0)
CALL(SOCKET_NETLINK, "socket-netlink", KERNEL, socket, NULL, AF_NETLINK, SOCK_RAW, 0)
CALL(SOCKET_ALG, "socket-alg", KERNEL, socket, NULL, AF_ALG, SOCK_SEQPACKET, 0)
CALL(SOCKET_VSOCK, "socket-vsock", KERNEL, socket, NULL, AF_VSOCK, SOCK_STREAM, 0)
CALL(SOCKETPAIR, "socketpair", KERNEL, socketpair, NULL, AF_UNIX, SOCK_DGRAM, 0, memory)
CALL(CONNECT, "connect", KERNEL, connect, NULL, channel, "\1\0\0/tmp/.X11-unix/X0", 20)
CALL(BIND, "bind", KERNEL, bind, NULL, channel, "\1\0\0x", 4)
CALL(LISTEN, "listen", KERNEL, listen, NULL, channel, 1)
CALL(ACCEPT4, "accept4", KERNEL, accept4, NULL, channel, 0, 0, 0)
CALL(SHUTDOWN, "shutdown", KERNEL, shutdown, NULL, channel, 2)
CALL(SENDTO, "sendto", KERNEL, sendto, NULL, channel, "x", 1, 0, 0, 0)
CALL(SENDMMSG, "sendmmsg", KERNEL, sendmmsg, NULL, channel, memory, 0, 0)
CALL(SETSOCKOPT_FILTER, "setsockopt-filter", KERNEL, setsockopt, NULL, channel, SOL_SOCKET, SO_ATTACH_FILTER, memory,
     16)
CALL(GETSOCKOPT, "getsockopt", KERNEL, getsockopt, NULL, channel, SOL_SOCKET, SO_PEERCRED, memory, memory)
CALL(IOCTL_TIOCSTI, "ioctl-tiocsti", KERNEL, ioctl, NULL, 0, TIOCSTI, "x")
CALL(IOCTL_UPPER, "ioctl-upper", KERNEL, ioctl, NULL, 0, TIOCSTI | UPPER, "x")
CALL(IOCTL_FIONREAD, "ioctl-fionread", KERNEL, ioctl, NULL, channel, FIONREAD, memory)
CALL(IO_URING_SETUP, "io_uring_setup", KERNEL, io_uring_setup, NULL, 1, memory)
CALL(IO_URING_ENTER, "io_uring_enter", KERNEL, io_uring_enter, NULL, channel, 0, 0, 0, 0, 0)
CALL(IO_URING_REGISTER, "io_uring_register", KERNEL, io_uring_register, NULL, channel, 0, 0, 0)
CALL(BPF, "bpf", KERNEL, bpf, NULL, 0, memory, 64)
CALL(PERF_EVENT_OPEN, "perf_event_open", KERNEL, perf_event_open, NULL, memory, 0, -1, -1, 0)
CALL(KEYCTL, "keyctl", KERNEL, keyctl, NULL, 0, 0, 0)
CALL(ADD_KEY, "add_key", KERNEL, add_key, NULL, "user", "x", "x", 1, 0)
CALL(FANOTIFY_INIT, "fanotify_init", KERNEL, fanotify_init, NULL, 0, 0)
CALL(ACCT, "acct", KERNEL, acct, NULL, 0)
CALL(SWAPON, "swapon", KERNEL, swapon, NULL, "/x", 0)
CALL(INIT_MODULE, "init_module", KERNEL, init_module, NULL, memory, 0, "")
CALL(KEXEC_LOAD, "kexec_load", KERNEL, kexec_load, NULL, 0, 0, 0, 0)
CALL(REBOOT, "reboot", KERNEL, reboot, NULL, 0, 0, 0, 0)
CALL(SYSLOG, "syslog", KERNEL, syslog, NULL, 10, 0, 0)
CALL(QUOTACTL, "quotactl", KERNEL, quotactl, NULL, 0, 0, 0, 0)
CALL(VHANGUP, "vhangup", KERNEL, vhangup, NULL)
CALL(GETRANDOM, "getrandom", KERNEL, getrandom, "ENOSYS", memory, 16, 2)
CALL(UNAME, "uname", KERNEL, uname, NULL, memory)
CALL(SYSINFO, "sysinfo", KERNEL, sysinfo, NULL, memory)
CALL(GETUID, "getuid", KERNEL, getuid, NULL)
CALL(NANOSLEEP, "nanosleep", KERNEL, nanosleep, NULL, memory, 0)
CALL(SOCKETPAIR_STREAM, "socketpair-stream", KERNEL, socketpair, NULL, AF_UNIX, SOCK_STREAM, 0, memory)
CALL(CONNECT_ABSTRACT, "connect-abstract", KERNEL, connect, NULL, channel, "\1\0\0@dbus", 9)
CALL(ACCEPT, "accept", KERNEL, accept, NULL, channel, 0, 0)
CALL(RECVFROM, "recvfrom", KERNEL, recvfrom, NULL, channel, memory, 1, 0, 0, 0)
CALL(RECVMMSG, "recvmmsg", KERNEL, recvmmsg, NULL, channel, memory, 0, 0, 0)
CALL(GETPEERNAME, "getpeername", KERNEL, getpeername, NULL, channel, memory, memory)
CALL(SETSOCKOPT_BPF, "setsockopt-bpf", KERNEL, setsockopt, NULL, channel, SOL_SOCKET, SO_ATTACH_BPF, memory, 4)
CALL(SETSOCKOPT_SNDBUF, "setsockopt-sndbufforce", KERNEL, setsockopt, NULL, channel, SOL_SOCKET, SO_SNDBUFFORCE, memory,
     4)
CALL(SETSOCKOPT_ULP, "setsockopt-ulp", KERNEL, setsockopt, NULL, channel, 6, 31, "tls", 3)
CALL(IOCTL_LINUX, "ioctl-tioclinux", KERNEL, ioctl, NULL, 0, TIOCLINUX, memory)
CALL(IOCTL_CTTY, "ioctl-tiocsctty", KERNEL, ioctl, NULL, 0, TIOCSCTTY, 1)
CALL(IOCTL_NOTIFY, "ioctl-notify", KERNEL, ioctl, NULL, channel, SECCOMP_IOCTL_NOTIF_SEND, memory)
CALL(REQUEST_KEY, "request-key", KERNEL, request_key, NULL, "user", "x", 0, 0)
CALL(LOOKUP_DCOOKIE, "lookup-dcookie", KERNEL, lookup_dcookie, NULL, 0, memory, 8)
CALL(VSERVER, "vserver", KERNEL, vserver, NULL)
CALL(FINIT_MODULE, "finit-module", KERNEL, finit_module, NULL, channel, "", 0)
CALL(DELETE_MODULE, "delete-module", KERNEL, delete_module, NULL, "x", 0)
CALL(SWAPOFF, "swapoff", KERNEL, swapoff, NULL, "/x")
CALL(SETTIMEOFDAY, "settimeofday", KERNEL, settimeofday, NULL, memory, 0)
CALL(ADJTIMEX, "adjtimex", KERNEL, adjtimex, NULL, memory)
CALL(SETHOSTNAME, "sethostname", KERNEL, sethostname, NULL, "x", 1)
CALL(KEXEC_FILE, "kexec-file-load", KERNEL, kexec_file_load, NULL, channel, channel, 0, "", 0)
CALL(LANDLOCK, "landlock-restrict-self", KERNEL, landlock_restrict_self, NULL, channel, 0)
CALL(GETCPU, "getcpu", KERNEL, getcpu, "returned 0", memory, memory, 0)
CALL(TIMES, "times", KERNEL, times, NULL, memory)
CALL(GETRUSAGE, "getrusage", KERNEL, getrusage, NULL, 0, memory)
SEEN(PROC_STATUS, "proc-status", KERNEL, "filter, no_new_privs, capabilities, ids, threads and namespaces in /proc/PID")

/* ---- messages: what a datagram may hold. While a row runs, Open is out with serial 1 ---- */
MESSAGE(M_ZERO_LENGTH, "m-zero-length", MESSAGES, ZERO_LENGTH, "a datagram without bytes", 0, 1, "")
MESSAGE(M_64_KIB_AND_1, "m-64-KiB-and-1", MESSAGES, TRUNCATED, "a datagram of 65,537 bytes", 0, 1, ZEROS(65537))
MESSAGE(M_64_KIB, "m-64-KiB", MESSAGES, UNKNOWN_KIND, "a datagram of 65,536 zeros", 0, 1, ZEROS(65536))
MESSAGE(M_ONE_BYTE, "m-one-byte", MESSAGES, ENVELOPE, "one byte, 0xff", 0, 1, "\xff")
MESSAGE(M_ONE_BYTE_TAG, "m-one-byte-tag", MESSAGES, ENVELOPE, "one byte, a tag", 0, 1, PROGRESSED)
MESSAGE(M_HALF, "m-half", MESSAGES, ENVELOPE, "the first half of a message, then silence", 0, 1,
        PROGRESSED "\x04\x08\x01")
MESSAGE(M_TRAILING, "m-trailing", MESSAGES, ENVELOPE, "a message and a byte", 0, 1,
        PROGRESSED "\x04\x08\x01\x10\x01\x00")
MESSAGE(M_TWO_BODIES, "m-two-bodies", MESSAGES, ENVELOPE, "two messages in one: protobuf would merge them", 0, 1,
        PROGRESSED "\x04\x08\x01\x10\x01" PROGRESSED "\x04\x08\x01\x10\x02")
MESSAGE(M_KIND_0, "m-kind-0", MESSAGES, UNKNOWN_KIND, "a message of kind 0", 0, 1, "\x02\x01\x00")
MESSAGE(M_KIND_99, "m-kind-99", MESSAGES, UNKNOWN_KIND, "a message of kind 99", 0, 1, "\x9a\x06\x00")
MESSAGE(M_KIND_HUGE, "m-kind-huge", MESSAGES, UNKNOWN_KIND, "a kind beyond 32 bits", 0, 1, "\xfa\xff\xff\xff\x0f\x00")
MESSAGE(M_ENVELOPE_AS_VARINT, "m-envelope-as-varint", MESSAGES, ENVELOPE, "the envelope as a number", 0, 1, "\x58\x01")
MESSAGE(M_ENVELOPE_AS_GROUP, "m-envelope-as-group", MESSAGES, ENVELOPE, "the envelope as a group", 0, 1, "\x5b\x5c")
MESSAGE(M_OPEN, "m-open", MESSAGES, DIRECTION, "Open, which only the broker may send", 0, 1, OPEN "\x02\x08\x01")
MESSAGE(M_PAINT, "m-paint", MESSAGES, DIRECTION, "Paint, likewise", 0, 1, PAINT "\x02\x08\x01")
MESSAGE(M_SPAWN, "m-spawn", MESSAGES, DIRECTION, "Spawn, which zygotes take", 0, 1, "\x0a\x02\x08\x01")
MESSAGE(M_WARMED, "m-warmed", MESSAGES, DIRECTION, "Warmed, which zygotes send", 0, 1, "\x12\x02\x08\x01")
MESSAGE(M_SPAWNED, "m-spawned", MESSAGES, DIRECTION, "Spawned, likewise", 0, 1, "\x1a\x02\x08\x01")
MESSAGE(M_INJECT, "m-inject", MESSAGES, DIRECTION, "Inject, which only the broker may send", 0, 1,
        "\x62\x04\x08\x01\x10\x01")
MESSAGE(M_INJECTED_UNASKED, "m-injected-unasked", MESSAGES, STATE, "Injected, though nothing was injected", 0, 1,
        "\x6a\x02\x08\x01")
MESSAGE(M_READY_TWICE, "m-ready-twice", MESSAGES, STATE, "Ready for the second time", 0, 1, READY "\x02\x08\x01")
MESSAGE(M_LISTENING_LATE, "m-listening-late", MESSAGES, STATE, "Listening after Ready, with a descriptor", 1, 1,
        LISTENING "\x00")
MESSAGE(M_PAINTED_BEFORE_PAINT, "m-painted-before-paint", MESSAGES, STATE, "Painted before Paint", 0, 1,
        PAINTED "\x02\x08\x01")
MESSAGE(M_OPENED_TWICE, "m-opened-twice", MESSAGES, STATE, "Opened twice", 0, 2, OPENED "\x06\x08\x01\x10\x04\x18\x01")
MESSAGE(M_SERIAL_OF_OLD, "m-serial-of-old", MESSAGES, SERIAL, "Opened with the serial of an order before", 0, 1,
        OPENED "\x04\x10\x04\x18\x01")
MESSAGE(M_SERIAL_OF_NEW, "m-serial-of-new", MESSAGES, SERIAL, "Opened with the serial of an order to come", 0, 1,
        OPENED "\x06\x08\x02\x10\x04\x18\x01")
MESSAGE(M_SERIAL_OF_PROGRESS, "m-serial-of-progress", MESSAGES, SERIAL, "Progressed for an order that is not out", 0, 1,
        PROGRESSED "\x04\x08\x07\x10\x01")
MESSAGE(M_SERIAL_OF_REFUSED, "m-serial-of-refused", MESSAGES, SERIAL, "Refused for an order that is not out", 0, 1,
        REFUSED "\x04\x08\x07\x10\x07")
MESSAGE(M_NO_PAGES, "m-no-pages", MESSAGES, VALUE, "Opened with 0 pages", 0, 1, OPENED "\x04\x08\x01\x10\x04")
MESSAGE(M_4_BILLION_PAGES, "m-4-billion-pages", MESSAGES, VALUE, "Opened with 4 billion pages", 0, 1,
        OPENED "\x0a\x08\x01\x10\x04\x18\xff\xff\xff\xff\x0f")
MESSAGE(M_KIND_OF_NOTHING, "m-kind-of-nothing", MESSAGES, VALUE, "Opened without a kind of document", 0, 1,
        OPENED "\x04\x08\x01\x18\x01")
MESSAGE(M_KIND_OF_DOCUMENT_99, "m-kind-of-document-99", MESSAGES, VALUE, "Opened with kind of document 99", 0, 1,
        OPENED "\x06\x08\x01\x10\x63\x18\x01")
MESSAGE(M_REFUSED_AS_MISSING, "m-refused-as-missing", MESSAGES, VALUE,
        "Refused as missing, which only the broker can know", 0, 1, REFUSED "\x04\x08\x01\x10\x01")
MESSAGE(M_REFUSED_AS_99, "m-refused-as-99", MESSAGES, VALUE, "Refused for reason 99", 0, 1,
        REFUSED "\x04\x08\x01\x10\x63")
MESSAGE(M_REFUSED_WITHOUT_REASON, "m-refused-without-reason", MESSAGES, VALUE, "Refused without a reason", 0, 1,
        REFUSED "\x02\x08\x01")
MESSAGE(M_VARINT_OF_11_BYTES, "m-varint-of-11-bytes", MESSAGES, VARINT, "a number of 11 bytes", 0, 1,
        PROGRESSED "\x0c\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
MESSAGE(M_VARINT_OVER_LONG, "m-varint-over-long", MESSAGES, VARINT, "a number longer than it has to be", 0, 1,
        PROGRESSED "\x03\x08\x81\x00")
MESSAGE(M_VARINT_CUT, "m-varint-cut", MESSAGES, VARINT, "a number cut off", 0, 1, PROGRESSED "\x02\x08\x81")
MESSAGE(M_NUMBER_OVER_32_BITS, "m-number-over-32-bits", MESSAGES, VARINT, "33 bits in a 32-bit field", 0, 1,
        OPENED "\x08\x08\x01\x10\xff\xff\xff\xff\x1f")
MESSAGE(M_UNKNOWN_FIELD, "m-unknown-field", MESSAGES, UNKNOWN_FIELD, "a field that Progressed does not have", 0, 1,
        PROGRESSED "\x02\x18\x01")
MESSAGE(M_FIELD_0, "m-field-0", MESSAGES, UNKNOWN_FIELD, "field number 0", 0, 1, PROGRESSED "\x02\x00\x01")
MESSAGE(M_WRONG_WIRE_TYPE, "m-wrong-wire-type", MESSAGES, WIRE_TYPE, "a number as fixed 32 bits", 0, 1,
        PROGRESSED "\x05\x0d\x01\x00\x00\x00")
MESSAGE(M_GROUP, "m-group", MESSAGES, WIRE_TYPE, "a group", 0, 1, PROGRESSED "\x02\x0b\x0c")
MESSAGE(M_DUPLICATE, "m-duplicate", MESSAGES, DUPLICATE_FIELD, "a field twice", 0, 1,
        PROGRESSED "\x06\x08\x01\x10\x01\x10\x02")
MESSAGE(M_LENGTH_BEYOND_END, "m-length-beyond-end", MESSAGES, LENGTH, "a title longer than its message", 0, 1,
        OPENED "\x04\x08\x01\x22\x7f")
MESSAGE(M_LENGTH_OF_AN_EXABYTE, "m-length-of-an-exabyte", MESSAGES, LENGTH, "a title of an exabyte", 0, 1,
        OPENED "\x0c\x08\x01\x22\xff\xff\xff\xff\xff\xff\xff\xff\x7f")
MESSAGE(M_TITLE_IN_LATIN_1, "m-title-in-latin-1", MESSAGES, UTF8, "a title in Latin-1", 0, 1,
        OPENED "\x0a\x08\x01\x10\x04\x18\x01\x22\x02"
               "A\xe9")
MESSAGE(M_TITLE_WITH_NUL, "m-title-with-nul", MESSAGES, UTF8, "a title with a NUL", 0, 1,
        OPENED "\x0b\x08\x01\x10\x04\x18\x01\x22\x03"
               "A\0B")
MESSAGE(M_TITLE_OVER_LONG_FORM, "m-title-over-long-form", MESSAGES, UTF8, "a title with an over-long slash", 0, 1,
        OPENED "\x0a\x08\x01\x10\x04\x18\x01\x22\x02\xc0\xaf")
MESSAGE(M_TITLE_SURROGATE, "m-title-surrogate", MESSAGES, UTF8, "a title with half a surrogate pair", 0, 1,
        OPENED "\x0b\x08\x01\x10\x04\x18\x01\x22\x03\xed\xa0\x80")
MESSAGE(M_NO_PROGRESS, "m-no-progress", MESSAGES, NO_PROGRESS, "Progressed twice with the same count", 0, 2,
        PROGRESSED "\x04\x08\x01\x10\x01")
MESSAGE(M_PROGRESS_OF_NOTHING, "m-progress-of-nothing", MESSAGES, NO_PROGRESS, "Progressed with count 0", 0, 1,
        PROGRESSED "\x02\x08\x01")
MESSAGE(M_PING, "m-ping", MESSAGES, DIRECTION, "Ping, which only the broker may send", 0, 1, "\x72\x02\x08\x01")
MESSAGE(M_PONGED, "m-ponged", MESSAGES, STATE, "Ponged, though nobody asked", 0, 1, "\x7a\x02\x08\x01")
MESSAGE(M_SHARE, "m-share", MESSAGES, DIRECTION, "Share, which only the broker may send", 0, 1, "\x82\x01\x02\x08\x01")
MESSAGE(M_JOINED, "m-joined", MESSAGES, STATE, "Joined, though no ring was shared", 0, 1, "\x8a\x01\x02\x08\x01")
MESSAGE(M_EMPTY_BODY, "m-empty-body", MESSAGES, SERIAL, "Opened without a field", 0, 1, OPENED "\x00")
MESSAGE(M_LINK, "m-link", MESSAGES, UNKNOWN_KIND, "a request to open file:///etc/passwd", 0, 1,
        "\xaa\x06\x13\x0a\x11"
        "file:///etc/passwd")
MESSAGE(M_SIZES, "m-sizes", MESSAGES, UNKNOWN_FIELD, "a fact with a width and a height of its own", 0, 1,
        PROGRESSED "\x0c\x08\x01\x10\x01\x20\xff\xff\x03\x28\xff\xff\x03")
DEED(M_OVERSIZED, "m-oversized", MESSAGES, BAD, FAULT_OVERSIZED, NULL, "a title of 4,000 bytes")
DEED(M_REPEATED_EMPTY, "m-repeated-empty", MESSAGES, BAD, FAULT_OVERSIZED, NULL, "30,000 empty bodies in one datagram")
DEED(M_DEPTH, "m-depth", MESSAGES, BAD, FAULT_WIRE_TYPE, NULL, "groups nested 1,000 deep")
MESSAGE(M_EMPTIES, "m-empties", MESSAGES, ENVELOPE, "5 empty bodies in one datagram", 0, 1,
        OPENED "\x00" OPENED "\x00" OPENED "\x00" OPENED "\x00" OPENED "\x00")
DEED(M_MERGE, "m-merge", MESSAGES, BAD, FAULT_OVERSIZED, NULL, "64 KiB of bodies to be merged")
DEED(M_HALF_THEN_EXIT, "m-half-then-exit", MESSAGES, BAD, FAULT_ENVELOPE, NULL, "half a message, then death")
DEED(M_FLOOD, "m-flood", MESSAGES, BAD, FAULT_FLOOD, NULL, "progress told without a pause")
SEEN(M_TITLE, "m-title", MESSAGES,
     "a title with terminal escapes, a clipboard command, right-to-left marks and line breaks")
DEED(M_NEVER_ANSWERS, "m-never-answers", MESSAGES, HANGS, 0, NULL, "never answers Open")
DEED(M_HANG_UP, "m-hang-up", MESSAGES, BAD, FAULT_HUNG_UP, NULL, "closes its channel and lives on")
SEEN(NEVER_READS, "never-reads", MESSAGES, "10,000 orders to a renderer that never reads")
SEEN(HUNG_UP_ON, "hung-up-on", MESSAGES, "orders to a renderer that was killed a moment ago")
ABSENT(FLOATS, "floats", MESSAGES, "NaN, infinity and -0", "no message of a renderer has a floating-point field")

/* ---- handles and frames ---- */
MESSAGE(M_ZERO_LENGTH_WITH_FD, "m-zero-length-with-fd", FRAMES, ZERO_LENGTH,
        "a datagram without bytes, with a descriptor", 1, 1, "")
MESSAGE(M_253_FDS, "m-253-fds", FRAMES, TOO_MANY_FDS, "253 descriptors", 253, 1, PROGRESSED "\x04\x08\x01\x10\x01")
MESSAGE(M_5_FDS, "m-5-fds", FRAMES, TOO_MANY_FDS, "5 descriptors, one more than anything may have", 5, 1,
        PROGRESSED "\x04\x08\x01\x10\x01")
MESSAGE(M_2_FDS, "m-2-fds", FRAMES, FD_COUNT, "2 descriptors where none is legal", 2, 1,
        PROGRESSED "\x04\x08\x01\x10\x01")
MESSAGE(M_FD_WITH_OPENED, "m-fd-with-opened", FRAMES, FD_COUNT, "a descriptor with Opened", 1, 1,
        OPENED "\x06\x08\x01\x10\x04\x18\x01")
DEED(F_TWO_HEADERS, "two-headers", FRAMES, BAD, FAULT_TOO_MANY_FDS, NULL, "6 descriptors in two headers")
DEED(F_PILE_UP, "pile-up", FRAMES, BAD, FAULT_TOO_MANY_FDS, NULL, "thousands of descriptors under way at once")
DEED(F_OVER_ITSELF, "socket-over-itself", FRAMES, BAD, FAULT_FD_COUNT, NULL,
     "its own end of the channel, sent through the channel")
DEED(F_WRONG_SLOT, "slot-of-another", FRAMES, BAD, FAULT_VALUE, NULL, "Painted for the slot that it was not given")
DEED(F_PAINTED_TWICE, "painted-twice", FRAMES, BAD, FAULT_STATE, NULL, "asked once, answered twice")
DEED(F_PAINTED_FLOOD, "painted-flood", FRAMES, BAD, FAULT_STATE, NULL, "10,000 pictures that nobody asked for")
WHEN_PAINTING(F_WITHHELD, "frame-withheld", FRAMES, HANGS, 0, NULL, "Opened, and then no picture for ever")
WHEN_PAINTING(F_RACE, "frame-race", FRAMES, RETURNS, 0, "painted",
              "writes both slots at full speed while the broker reads")
WHEN_PAINTING(F_AFTERWARDS, "frame-afterwards", FRAMES, BAD, FAULT_STATE, NULL,
              "goes on writing to a slot that it has given back, then says Painted again")
WHEN_PAINTING(F_BEYOND, "frame-beyond", FRAMES, SIGNAL, SIGBUS, NULL,
              "mremap makes the frame's mapping longer, and writes beyond its end")
WHEN_PAINTING(F_PUNCH, "frame-punch", FRAMES, KILLED, SYS_madvise, NULL,
              "punches holes into the frame with MADV_REMOVE")
ABSENT(F_SIZES, "frame-sizes", FRAMES, "sizes, strides, offsets and formats that do not fit",
       "no message of a renderer has one: they are the broker's own (see m-sizes)")
ABSENT(F_BOMBS, "decompression-bombs", FRAMES, "pictures and pages of gigabytes",
       "this renderer has no engines; ctest -R process_documents opens such documents in the shipped one")

/* ---- life and death ---- */
SEEN(CRASH_OPENING, "crash-opening", LIFE, "crashes while it opens: SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP")
SEEN(CRASH_PAINTING, "crash-painting", LIFE, "the same while it paints")
SEEN(CRASH_IDLE, "crash-idle", LIFE, "the same, sent from outside while it idles, and SIGKILL")
SEEN(BREAKER, "breaker", LIFE, "a document crashes each time: is it tried again later and later, and then no more?")
SEEN(NO_DESCRIPTORS, "no-descriptors", LIFE, "the broker runs out of descriptors while it spawns")
SEEN(SAME_DOCUMENT, "same-document", LIFE, "one of two renderers that show the same document crashes")
SEEN(CYCLES, "cycles", LIFE, "64 crashes and restarts: descriptors, children and heap of the broker")
ABSENT(UNKILLABLE, "unkillable", LIFE, "a renderer that not even SIGKILL ends",
       "needs a broken kernel driver; the broker gives up on one after 1.6 s, and leaves it behind")
ABSENT(LYING_KERNEL, "lying-kernel", LIFE, "a kernel without some layer, or one that only pretends",
       "needs a filter around the broker: ctest -R process_levels")

#undef CALL
#undef MESSAGE
#undef DEED
#undef WHEN_PAINTING
#undef SEEN
#undef ABSENT
