/* The faults that can be made on purpose (--inject, --chaos), and what the broker must make of each. One row here, one
 * function in renderer/faults.c, or none where the broker does it from outside. */
#ifndef COMMON_INJECT_H
#define COMMON_INJECT_H

/* X(id, name, verdict, detail, moment)
 * detail: with SIGNAL the signal, with VIOLATION the call (0: whichever of several comes first), with PROTOCOL the
 * message_fault, with EXIT the status; otherwise 0.
 * moment: when it makes sense to a person who asks for it with --inject. */
#define INJECTIONS(X)                                                         \
    X(SEGV_NULL, "segv-null", SIGNAL, SIGSEGV, NOW)                           \
    X(SEGV_WILD, "segv-wild", SIGNAL, SIGSEGV, NOW)                           \
    X(STACK_OVERFLOW, "stack-overflow", SIGNAL, SIGSEGV, NOW)                 \
    X(ABORT, "abort", SIGNAL, SIGABRT, NOW)                                   \
    X(ILL, "ill", SIGNAL, SIGILL, NOW)                                        \
    X(FPE, "fpe", SIGNAL, SIGFPE, NOW)                                        \
    X(BUS, "bus", SIGNAL, SIGBUS, NOW)                                        \
    X(TRAP, "trap", SIGNAL, SIGTRAP, NOW)                                     \
    X(DOUBLE_FREE, "double-free", SIGNAL, SIGABRT, NOW)                       \
    X(HEAP_SMASH, "heap-smash", SIGNAL, SIGABRT, NOW)                         \
    X(CRASH_IN_HANDLER, "crash-in-handler", SIGNAL, SIGSEGV, NOW)             \
    X(CRASH_HOLDING_LOCK, "crash-holding-lock", SIGNAL, SIGSEGV, NOW)         \
    X(EXIT_0, "exit-0", EXIT, 0, NOW)                                         \
    X(EXIT_77, "exit-77", EXIT, 77, NOW)                                      \
    X(FORGED_REPORT, "forged-report", EXIT, 0, NOW)                           \
    X(KILL_SELF, "kill-self", KILLED, 0, NOW)                                 \
    X(OOM_SLOW, "oom-slow", MEMORY, 0, NOW)                                   \
    X(OOM_FAST, "oom-fast", MEMORY, 0, NOW)                                   \
    X(SYSCALL_OPEN, "syscall-open", VIOLATION, SYS_openat2, NOW)              \
    X(SYSCALL_SOCKET, "syscall-socket", VIOLATION, SYS_socket, NOW)           \
    X(SYSCALL_EXECVE, "syscall-execve", VIOLATION, SYS_execve, NOW)           \
    X(SYSCALL_PTRACE, "syscall-ptrace", VIOLATION, SYS_ptrace, NOW)           \
    X(SYSCALL_FORK, "syscall-fork", VIOLATION, SYS_clone, NOW)                \
    X(FORK_BOMB, "fork-bomb", VIOLATION, SYS_clone, NOW)                      \
    X(THREAD_BOMB, "thread-bomb", VIOLATION, 0, NOW)                          \
    X(FD_EXHAUST, "fd-exhaust", VIOLATION, SYS_dup, NOW)                      \
    X(FRAME_TRUNCATE, "frame-truncate", VIOLATION, SYS_ftruncate, NOW)        \
    X(HANG_LOOP, "hang-loop", HANG, 0, NOW)                                   \
    X(HANG_STOP, "hang-stop", HANG, 0, NOW)                                   \
    X(HANG_BLOCKED_SIGNALS, "hang-blocked-signals", HANG, 0, NOW)             \
    X(NEVER_READS, "never-reads", HANG, 0, NOW)                               \
    X(GARBAGE_MESSAGE, "garbage-message", PROTOCOL, FAULT_ENVELOPE, NOW)      \
    X(OVERSIZED_MESSAGE, "oversized-message", PROTOCOL, FAULT_TRUNCATED, NOW) \
    X(ZERO_MESSAGE, "zero-message", PROTOCOL, FAULT_ZERO_LENGTH, NOW)         \
    X(FD_FLOOD, "fd-flood", PROTOCOL, FAULT_TOO_MANY_FDS, NOW)                \
    X(WRONG_STATE, "wrong-state", PROTOCOL, FAULT_STATE, NOW)                 \
    X(WRONG_SERIAL, "wrong-serial", PROTOCOL, FAULT_SERIAL, NOW)              \
    X(MESSAGE_FLOOD, "message-flood", PROTOCOL, FAULT_FLOOD, NOW)             \
    X(HALF_THEN_DIE, "half-then-die", PROTOCOL, FAULT_ENVELOPE, NOW)          \
    X(FRAME_RACE, "frame-race", NONE, 0, NOW)                                 \
    X(TITLE_ESCAPE, "title-escape", NONE, 0, OPENING)                         \
    X(SLOW_READER, "slow-reader", NONE, 0, NOW)

enum injection {
    INJECT_NONE,
#define X(id, name, verdict, detail, moment) INJECT_##id,
    INJECTIONS(X)
#undef X
        INJECT_COUNT
};

/* When a renderer that was told to fail does so. */
enum inject_moment {
    INJECT_NOW,      /* while it serves the Inject */
    INJECT_OPENING,  /* within the next Open: the engine has opened, Opened is not sent */
    INJECT_PAINTING, /* within the next Paint: the slot is drawn, Painted is not sent */
    INJECT_CLOSING,  /* when the broker hangs up, in place of leaving */
    INJECT_MOMENT_COUNT
};

#endif
