#include "renderer/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1ul << 5) /* Linux 5.19 */
#endif

/* Numbers no pid has, which sandbox_load replaces by the renderer's own: the program is older than the process. */
#define PLACEHOLDER_PID 0x7fabcde1u
#define PLACEHOLDER_TID 0x7fabcde2u

/* The last call this table was reviewed against: mseal, Linux 6.10. What came later does not exist for a renderer. */
#define LAST_KNOWN_CALL 462
#define LAST_SWEPT_CALL 511

#define MAX_CHECKS 3
/* clang-format off */
/* What a call must look like. All 64 bits are compared, so that nothing hides in the upper half. */
#define ANY             {{0}}
#define WHEN(...)       {__VA_ARGS__}
#define EQUALS(n, v)    {.arg = (n), .op = SCMP_CMP_MASKED_EQ, .datum_a = UINT64_MAX, .datum_b = (uint64_t)(v)}
#define AT_MOST(n, v)   {.arg = (n), .op = SCMP_CMP_LE, .datum_a = (uint64_t)(v)}
/* The bits in `free` may be anything; the others must make v. */
#define BITS(n, free, v) \
    {.arg = (n), .op = SCMP_CMP_MASKED_EQ, .datum_a = ~(uint64_t)(free), .datum_b = (uint64_t)(v)}
/* To itself only, and only what the crash handler passes on: by SIGKILL or SIGSYS it could pretend to another death. */
#define DEATH_BY(signal) \
    {SCMP_SYS(tgkill), "abort: " #signal " to itself", \
     WHEN(EQUALS(0, PLACEHOLDER_PID), EQUALS(1, PLACEHOLDER_TID), EQUALS(2, signal))}
/* clang-format on */

struct rule {
    int call;
    const char *reason;
    struct scmp_arg_cmp checks[MAX_CHECKS]; /* op 0 ends them */
};

struct refusal_rule {
    int call;
    int error;
    const char *reason;
};

/* Group one: what a renderer lives on. No checks on the hot calls: the kernel answers those from a bitmap. */
static const struct rule allowed[] = {
    {SCMP_SYS(recvmsg), "orders arrive", ANY},
    {SCMP_SYS(sendmsg), "facts leave; its own channel is the only socket it has", ANY},
    {SCMP_SYS(poll), "waits for the channel, and for the bells of rings", ANY},
    {SCMP_SYS(read), "a ring's bell was heard", WHEN(EQUALS(0, SANDBOX_BELL_FD), EQUALS(2, sizeof(uint64_t)))},
    {SCMP_SYS(write), "the other side's rings", WHEN(EQUALS(0, SANDBOX_FAR_BELL_FD), EQUALS(2, sizeof(uint64_t)))},
    {SCMP_SYS(read), "a second ring's: there is a port",
     WHEN(EQUALS(0, SANDBOX_SECOND_BELL_FD), EQUALS(2, sizeof(uint64_t)))},
    {SCMP_SYS(write), "its other side's", WHEN(EQUALS(0, SANDBOX_SECOND_FAR_BELL_FD), EQUALS(2, sizeof(uint64_t)))},
    {SCMP_SYS(sched_yield), "lets other renderers go first", ANY},
    {SCMP_SYS(restart_syscall), "a poll goes on after SIGCONT", ANY},
    {SCMP_SYS(close), "descriptors that came with orders", ANY},
    {SCMP_SYS(futex), "library locks", WHEN(BITS(1, FUTEX_PRIVATE_FLAG, FUTEX_WAKE))},
    {SCMP_SYS(futex), "library locks", WHEN(BITS(1, FUTEX_PRIVATE_FLAG, FUTEX_WAIT))},
    {SCMP_SYS(futex), "library locks", WHEN(BITS(1, FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME, FUTEX_WAIT_BITSET))},

    {SCMP_SYS(brk), "malloc", ANY},
    {SCMP_SYS(mmap), "malloc",
     WHEN(BITS(2, PROT_READ | PROT_WRITE, 0), BITS(3, MAP_NORESERVE | MAP_STACK, MAP_PRIVATE | MAP_ANONYMOUS))},
    {SCMP_SYS(mmap), "the document", WHEN(EQUALS(2, PROT_READ), EQUALS(3, MAP_PRIVATE))},
    {SCMP_SYS(mmap), "the frame", WHEN(EQUALS(2, PROT_READ | PROT_WRITE), EQUALS(3, MAP_SHARED))},
    {SCMP_SYS(munmap), "free", ANY},
    {SCMP_SYS(mremap), "realloc", WHEN(EQUALS(3, MREMAP_MAYMOVE))},
    {SCMP_SYS(madvise), "malloc gives memory back", WHEN(EQUALS(2, MADV_DONTNEED))},

    /* Where the vDSO cannot be used these are real calls. Clocks of other processes have negative numbers. */
    {SCMP_SYS(clock_gettime), "time", WHEN(AT_MOST(0, 11))},
    {SCMP_SYS(clock_getres), "time", WHEN(AT_MOST(0, 11))},
    {SCMP_SYS(gettimeofday), "time", ANY},
    {SCMP_SYS(time), "time", ANY},
    {SCMP_SYS(getcpu), "time", ANY},

    /* Dying: the crash record, the C library's last words to /dev/null, abort(). */
    {SCMP_SYS(write), "the crash record", WHEN(EQUALS(0, SANDBOX_CRASH_FD))},
    {SCMP_SYS(write), "stdout, which is /dev/null", WHEN(EQUALS(0, STDOUT_FILENO))},
    {SCMP_SYS(write), "stderr, which is /dev/null", WHEN(EQUALS(0, STDERR_FILENO))},
    {SCMP_SYS(writev), "malloc's complaints to stderr", WHEN(EQUALS(0, STDERR_FILENO))},
    {SCMP_SYS(rt_sigreturn), "the end of the crash handler", ANY},
    {SCMP_SYS(rt_sigprocmask), "abort", ANY},
    {SCMP_SYS(getpid), "abort", ANY},
    {SCMP_SYS(gettid), "abort", ANY},
    DEATH_BY(SIGABRT),
    DEATH_BY(SIGSEGV),
    DEATH_BY(SIGBUS),
    DEATH_BY(SIGILL),
    DEATH_BY(SIGFPE),
    DEATH_BY(SIGTRAP),
    {SCMP_SYS(exit), "the end", ANY},
    {SCMP_SYS(exit_group), "the end", ANY},

#ifdef VITRINE_SANITIZED
    /* What AddressSanitizer's runtime needs; these builds are for finding bugs, not for locking anything up. */
    {SCMP_SYS(mmap), "shadow memory",
     WHEN(BITS(2, PROT_READ | PROT_WRITE, 0),
          BITS(3, MAP_NORESERVE | MAP_STACK | MAP_FIXED, MAP_PRIVATE | MAP_ANONYMOUS))},
    {SCMP_SYS(madvise), "shadow memory", ANY},
    {SCMP_SYS(mprotect), "shadow memory", WHEN(BITS(2, PROT_READ | PROT_WRITE, 0))},
    {SCMP_SYS(sigaltstack), "even _exit asks", ANY},
    {SCMP_SYS(rt_sigaction), "reports", ANY},
    {SCMP_SYS(sched_yield), "locks", ANY},
    {SCMP_SYS(prctl), "names of mappings", ANY},
    {SCMP_SYS(uname), "reports", ANY},
    {SCMP_SYS(getrlimit), "the stack's size", ANY},
    {SCMP_SYS(prlimit64), "the stack's size", ANY},
#endif
};

/* Group two: what libraries ask for and can do without. */
static const struct refusal_rule polite[] = {
    {SCMP_SYS(open), EACCES, "fonts, configuration, ICC profiles"},
    {SCMP_SYS(openat), EACCES, "fonts, configuration, ICC profiles"},
    {SCMP_SYS(stat), EACCES, "does a file exist?"},
    {SCMP_SYS(lstat), EACCES, "does a file exist?"},
    {SCMP_SYS(fstat), EACCES, "stdio's buffers"},
    {SCMP_SYS(newfstatat), EACCES, "does a file exist?"},
    {SCMP_SYS(access), EACCES, "does a file exist?"},
    {SCMP_SYS(faccessat), EACCES, "does a file exist?"},
    {SCMP_SYS(faccessat2), EACCES, "does a file exist?"},
    {SCMP_SYS(readlink), EACCES, "where am I?"},
    {SCMP_SYS(readlinkat), EACCES, "where am I?"},
    {SCMP_SYS(statx), ENOSYS, "falls back to stat"},
    {SCMP_SYS(clone3), ENOSYS, "falls back to clone, which ends it"},
    {SCMP_SYS(getrandom), ENOSYS, "hash seeds; falls back to the clock"},
};

static bool is_among(int call, const int *calls)
{
    while (*calls >= 0 && *calls != call)
        calls++;
    return *calls == call;
}

/* Of calls that are allowed whatever their arguments, the tables have nothing more to say. */
static int add_extra(scmp_filter_ctx filter, const int *extra)
{
    for (const int *call = extra; *call >= 0; call++) {
        const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, *call, 0);
        if (error != 0)
            return error;
    }
    return 0;
}

static int add_allowed(scmp_filter_ctx filter, const int *extra)
{
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        const struct rule *rule = &allowed[i];
        if (is_among(rule->call, extra))
            continue;
        unsigned n_checks = 0;
        while (n_checks < MAX_CHECKS && rule->checks[n_checks].op != 0)
            n_checks++;
        const int error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rule->call, n_checks, rule->checks);
        if (error != 0 && error != -EDOM) /* -EDOM: this machine has no such call */
            return error;
    }
    return 0;
}

static int add_polite(scmp_filter_ctx filter, const int *extra)
{
    for (size_t i = 0; i < sizeof polite / sizeof polite[0]; i++) {
        if (is_among(polite[i].call, extra))
            continue;
        const int error = seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint16_t)polite[i].error), polite[i].call, 0);
        if (error != 0 && error != -EDOM)
            return error;
    }
    for (int call = LAST_KNOWN_CALL + 1; call <= LAST_SWEPT_CALL; call++) {
        const int error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0);
        if (error != 0)
            return error;
    }
    return 0;
}

#ifdef __x86_64__

/* The three calls that the old vsyscall page offers are allowed, but not from there: that page lies at the same address in
 * every process. libseccomp knows no instruction pointers, so this goes in front of its program. It looks at the pointer
 * for these calls only, and the kernel's bitmap still answers the others. */
#define VSYSCALL_PAGE_HIGH 0xffffffffu
static const struct sock_filter front[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_time, 2, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_gettimeofday, 1, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getcpu, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, VSYSCALL_PAGE_HIGH, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};
#define N_FRONT (sizeof front / sizeof front[0])

#else

static const struct sock_filter *const front = NULL;
#define N_FRONT 0

#endif

/* libseccomp 2.5 exports to a descriptor only. A pipe: it needs no file, and the program is far smaller than its
 * buffer. */
static int export_program(scmp_filter_ctx filter, struct sandbox_program *ret_program)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    CLOSE_FD int from = ends[0];
    CLOSE_FD int to = ends[1];
    const int error = seccomp_export_bpf(filter, to);
    if (error != 0)
        return error;

    struct sock_filter *instructions = calloc(BPF_MAXINSNS, sizeof *instructions);
    if (instructions == NULL)
        return -ENOMEM;
    if (N_FRONT > 0)
        memcpy(instructions, front, N_FRONT * sizeof *instructions);
    const ssize_t n_bytes = read(from, instructions + N_FRONT, (BPF_MAXINSNS - N_FRONT) * sizeof *instructions);
    if (n_bytes <= 0 || (size_t)n_bytes % sizeof *instructions != 0) {
        free(instructions);
        return -EIO;
    }
    ret_program->instructions = instructions;
    ret_program->n_instructions = N_FRONT + (size_t)n_bytes / sizeof *instructions;
    return 0;
}

static int build(enum sandbox_default otherwise, const int *extra, struct sandbox_program *ret_program)
{
    scmp_filter_ctx filter = seccomp_init(otherwise == SANDBOX_NOTIFY ? SCMP_ACT_NOTIFY : SCMP_ACT_KILL_PROCESS);
    if (filter == NULL)
        return -ENOMEM;
    /* int 0x80, x32 and whatever else is not this machine's own way to call. */
    int error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (error == 0)
        error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
    if (error == 0)
        error = add_extra(filter, extra);
    if (error == 0)
        error = add_allowed(filter, extra);
    if (error == 0)
        error = add_polite(filter, extra);
    if (error == 0)
        error = export_program(filter, ret_program);
    seccomp_release(filter);
    return error;
}

int sandbox_build(enum sandbox_default otherwise, struct sandbox_program *ret_program)
{
    static const int none[] = {-1};
    return build(otherwise, none, ret_program);
}

int sandbox_build_echo(const int *calls, struct sandbox_program *ret_program)
{
    return build(SANDBOX_KILL, calls, ret_program);
}

void sandbox_program_finish(struct sandbox_program *program)
{
    free(program->instructions);
    *program = (struct sandbox_program){0};
}

/* Replaces a placeholder wherever the program compares with it. At least one must be found: a filter that names a
 * stranger would let a renderer signal that stranger. */
static int fit(struct sock_filter *instructions, size_t n, uint32_t placeholder, uint32_t value)
{
    size_t n_found = 0;
    for (size_t i = 0; i < n; i++) {
        if (BPF_CLASS(instructions[i].code) == BPF_JMP && instructions[i].k == placeholder) {
            instructions[i].k = value;
            n_found++;
        }
    }
    return n_found > 0 ? 0 : -ENOTRECOVERABLE;
}

static int load(const struct sock_fprog *program, enum sandbox_default otherwise, int *ret_listener_fd)
{
    if (otherwise == SANDBOX_KILL)
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program) < 0 ? -errno : 0;

    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                      SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, program);
    if (fd < 0 && errno == EINVAL)
        fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, program);
    if (fd < 0)
        return -errno;
    *ret_listener_fd = (int)fd;
    return 0;
}

int sandbox_load(const struct sandbox_program *program, enum sandbox_default otherwise, int *ret_listener_fd)
{
    const size_t n_bytes = program->n_instructions * sizeof *program->instructions;
    struct sock_filter *own = malloc(n_bytes);
    if (own == NULL)
        return -ENOMEM;
    memcpy(own, program->instructions, n_bytes);

    int error = fit(own, program->n_instructions, PLACEHOLDER_PID, (uint32_t)getpid());
    if (error == 0)
        error = fit(own, program->n_instructions, PLACEHOLDER_TID, (uint32_t)syscall(SYS_gettid));
    if (error == 0) {
        const struct sock_fprog loaded = {.len = (unsigned short)program->n_instructions, .filter = own};
        error = load(&loaded, otherwise, ret_listener_fd);
    }
    free(own);
    return error;
}

int sandbox_self_test(void)
{
    /* None of these fails so without the filter: "/" can be stat'ed, and statx exists. */
    struct stat status;
    if (stat("/", &status) == 0 || errno != EACCES)
        return -EBADE;
    if (access("/", F_OK) == 0 || errno != EACCES)
        return -EBADE;
    char unused[256];
    if (syscall(SYS_statx, AT_FDCWD, "/", 0, 0, unused) == 0 || errno != ENOSYS)
        return -EBADE;
    return 0;
}
