/* The filter program, run by hand: what the kernel would answer to any call. The sandbox tests ask the kernel itself. */
#include "renderer/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "broker/containment/allowed_calls.h"
#include "tests/test.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

static bool jumps(uint16_t code, uint32_t a, uint32_t k)
{
    switch (BPF_OP(code)) {
    case BPF_JEQ:
        return a == k;
    case BPF_JGT:
        return a > k;
    case BPF_JGE:
        return a >= k;
    default:
        return a & k;
    }
}

/* Classic BPF as far as seccomp programs use it. */
static uint32_t answer(const struct sandbox_program *program, const struct seccomp_data *data)
{
    uint32_t a = 0;
    for (size_t i = 0; i < program->n_instructions; i++) {
        const struct sock_filter *at = &program->instructions[i];
        switch (BPF_CLASS(at->code)) {
        case BPF_LD:
            REQUIRE(BPF_MODE(at->code) == BPF_ABS && at->k <= sizeof *data - 4);
            memcpy(&a, (const char *)data + at->k, sizeof a);
            break;
        case BPF_ALU:
            REQUIRE(BPF_OP(at->code) == BPF_AND && BPF_SRC(at->code) == BPF_K);
            a &= at->k;
            break;
        case BPF_JMP:
            if (BPF_OP(at->code) == BPF_JA)
                i += at->k;
            else
                i += jumps(at->code, a, at->k) ? at->jt : at->jf;
            break;
        case BPF_RET:
            return at->k;
        default:
            REQUIRE(!"an instruction that is not expected");
        }
    }
    REQUIRE(!"the program runs out");
    return 0;
}

static struct sandbox_program notify, kill_program;

static void build(void)
{
    REQUIRE(sandbox_build(SANDBOX_NOTIFY, &notify) == 0);
    REQUIRE(sandbox_build(SANDBOX_KILL, &kill_program) == 0);
}

static void finish(void)
{
    sandbox_program_finish(&notify);
    sandbox_program_finish(&kill_program);
    CHECK(notify.instructions == NULL && notify.n_instructions == 0);
}

#define CALL(number, ...) (&(const struct seccomp_data){.nr = (number), .arch = ARCH, .args = {__VA_ARGS__}})
#define ERRNO(error)      (SECCOMP_RET_ERRNO | (error))

TEST(programs_are_small_and_the_same_each_time)
{
    struct sandbox_program again;
    build();
    CHECK_INT(notify.n_instructions, >, 50);
    CHECK_INT(notify.n_instructions, <, 1024);
    REQUIRE(sandbox_build(SANDBOX_NOTIFY, &again) == 0);
    REQUIRE(again.n_instructions == notify.n_instructions);
    CHECK_MEM(again.instructions, notify.instructions, notify.n_instructions * sizeof *notify.instructions);
    sandbox_program_finish(&again);
    finish();
}

/* Nothing of what is allowed or refused depends on the default. */
TEST(the_two_differ_in_their_default_only)
{
    build();
    for (int call = 0; call < 1024; call++) {
        const uint32_t a = answer(&notify, CALL(call)), b = answer(&kill_program, CALL(call));
        if (a == SECCOMP_RET_USER_NOTIF ? b != SECCOMP_RET_KILL_PROCESS : a != b)
            FAIL("call %d: 0x%x and 0x%x", call, a, b);
    }
    finish();
}

TEST(other_ways_to_call_are_killed)
{
    static const uint32_t others[] = {AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64, 0};
    build();
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        for (int call = 0; call < 512 && others[i] != ARCH; call++) {
            const struct seccomp_data data = {.nr = call, .arch = others[i]};
            if (answer(&notify, &data) != SECCOMP_RET_KILL_PROCESS)
                FAIL("call %d of architecture 0x%x", call, others[i]);
        }
    }
#if defined(__x86_64__)
    for (int call = 0; call < 600; call++)
        CHECK_INT(answer(&notify, CALL(0x40000000 + call)), ==, SECCOMP_RET_KILL_PROCESS);
#endif
    finish();
}

TEST(polite_refusals)
{
    static const struct {
        int call, error;
    } rows[] = {{SYS_openat, EACCES}, {SYS_newfstatat, EACCES}, {SYS_faccessat, EACCES}, {SYS_readlinkat, EACCES},
                {SYS_statx, ENOSYS},  {SYS_clone3, ENOSYS},     {SYS_getrandom, ENOSYS}};
    build();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_INT(answer(&notify, CALL(rows[i].call)), ==, ERRNO(rows[i].error));
    /* Calls that no kernel had when the table was written. */
    for (int call = 463; call < 512; call++)
        CHECK_INT(answer(&notify, CALL(call)), ==, ERRNO(ENOSYS));
    finish();
}

static bool allows(int call, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    return answer(&notify, CALL(call, a, b, c, d)) == SECCOMP_RET_ALLOW;
}

TEST(memory_is_never_code)
{
    build();
    for (uint64_t prot = 0; prot < 16; prot++) {
        for (uint64_t flags = 0; flags < 0x200000; flags = flags == 0 ? 1 : flags << 1) {
            const uint64_t anonymous = MAP_PRIVATE | MAP_ANONYMOUS | flags;
            if ((prot & PROT_EXEC) && allows(SYS_mmap, 0, 4096, prot, anonymous))
                FAIL("mmap(prot 0x%jx, flags 0x%jx)", (uintmax_t)prot, (uintmax_t)anonymous);
            CHECK(!(prot & PROT_EXEC) || !allows(SYS_mmap, 0, 4096, prot, MAP_SHARED | flags));
        }
    }
    CHECK(allows(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS));
    CHECK(allows(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE));
    CHECK(allows(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED));
    CHECK(!allows(SYS_mprotect, 0, 4096, PROT_READ | PROT_EXEC, 0));
#ifndef VITRINE_SANITIZED
    CHECK(!allows(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED));
    CHECK(!allows(SYS_mprotect, 0, 4096, PROT_READ, 0));
    CHECK(!allows(SYS_madvise, 0, 4096, MADV_REMOVE, 0));
#endif
    CHECK(allows(SYS_madvise, 0, 4096, MADV_DONTNEED, 0));
    finish();
}

/* Each checked argument with a bit beyond the half that a careless filter looks at. */
TEST(nothing_hides_in_the_upper_half)
{
    const uint64_t upper = 1ull << 32;
    build();
    CHECK(!allows(SYS_mmap, 0, 4096, PROT_READ | upper, MAP_PRIVATE | MAP_ANONYMOUS));
    CHECK(!allows(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | upper));
    CHECK(!allows(SYS_mmap, 0, 4096, PROT_READ | upper, MAP_PRIVATE));
    CHECK(!allows(SYS_mremap, 0, 4096, 4096, 1 | upper));
    CHECK(!allows(SYS_write, 1 | upper, 0, 0, 0));
    CHECK(!allows(SYS_write, 4 | upper, 0, 0, 0));
    CHECK(!allows(SYS_writev, 2 | upper, 0, 0, 0));
    CHECK(!allows(SYS_clock_gettime, upper, 0, 0, 0));
    CHECK(!allows(SYS_clock_getres, 1 | upper, 0, 0, 0));
#ifndef VITRINE_SANITIZED
    CHECK(!allows(SYS_madvise, 0, 0, MADV_DONTNEED | upper, 0));
#endif
    finish();
}

TEST(what_is_written_and_signalled_to)
{
    build();
    for (uint64_t fd = 0; fd < 64; fd++) {
        CHECK(allows(SYS_write, fd, 0, 0, 0) == (fd == 1 || fd == 2 || fd == SANDBOX_CRASH_FD));
        CHECK(allows(SYS_writev, fd, 0, 0, 0) == (fd == 2));
    }
    /* Before it is fitted to a process the program names nobody that there is. */
    for (uint64_t pid = 0; pid < 70000; pid++) {
        if (allows(SYS_tgkill, pid, pid, SIGABRT, 0))
            FAIL("tgkill to %ju", (uintmax_t)pid);
    }
    CHECK(!allows(SYS_tgkill, UINT64_MAX, UINT64_MAX, SIGABRT, 0));
    /* To itself (renderer/sandbox.c's placeholders) what a fault is, and no death that the broker reads otherwise. */
    for (uint64_t signal = 0; signal < 130; signal++) {
        const bool is_fault = signal == SIGABRT || signal == SIGSEGV || signal == SIGBUS || signal == SIGILL ||
                              signal == SIGFPE || signal == SIGTRAP;
        if (allows(SYS_tgkill, 0x7fabcde1u, 0x7fabcde2u, signal, 0) != is_fault)
            FAIL("tgkill to itself with signal %ju", (uintmax_t)signal);
    }
    finish();
}

#ifdef __x86_64__

/* What the program can come to for a call, whatever its arguments. */
struct outcomes {
    bool allows, asks;
    uint32_t errno_answer; /* 0: none */
};

/* Follows both ways where it depends on an argument; known: that of the number and of the architecture. */
static void explore(const struct sandbox_program *program, size_t at, bool known, uint32_t a, int call,
                    struct outcomes *outcomes)
{
    for (; at < program->n_instructions; at++) {
        const struct sock_filter *instruction = &program->instructions[at];
        const uint32_t k = instruction->k;
        switch (BPF_CLASS(instruction->code)) {
        case BPF_LD:
            known = k == offsetof(struct seccomp_data, nr) || k == offsetof(struct seccomp_data, arch);
            a = k == offsetof(struct seccomp_data, nr) ? (uint32_t)call : ARCH;
            break;
        case BPF_ALU:
            a &= k;
            break;
        case BPF_JMP:
            if (BPF_OP(instruction->code) == BPF_JA) {
                at += k;
            } else if (known) {
                at += jumps(instruction->code, a, k) ? instruction->jt : instruction->jf;
            } else {
                explore(program, at + 1 + instruction->jt, false, 0, call, outcomes);
                at += instruction->jf;
            }
            break;
        default:
            outcomes->allows |= k == SECCOMP_RET_ALLOW;
            outcomes->asks |= k == SECCOMP_RET_USER_NOTIF;
            if ((k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
                outcomes->errno_answer = k & SECCOMP_RET_DATA;
            return;
        }
    }
}

static const char *describe(const struct outcomes *outcomes)
{
    if (outcomes->errno_answer != 0)
        return strerrorname_np((int)outcomes->errno_answer);
    return outcomes->allows ? outcomes->asks ? "some" : "allowed" : "killed";
}

#ifdef VITRINE_SANITIZED
static const bool has_sanitizers_rows = true;
#else
static const bool has_sanitizers_rows = false;
#endif

/* The program against the list that was reviewed by hand: a call too many shows here, and in the list. */
TEST(the_reviewed_calls)
{
    build();
    for (int call = 0; call < 1024; call++) {
        struct outcomes outcomes = {0};
        const char *reviewed = "";
        explore(&notify, 0, false, 0, call, &outcomes);
        switch (allowed_calls_class(call, &reviewed)) {
        case CALL_ALLOWED:
            reviewed = "allowed";
            break;
        case CALL_SOME:
            reviewed = "some";
            break;
        case CALL_KILLED:
        case CALL_PAST:
            reviewed = "killed";
            break;
        case CALL_REFUSED:
            break;
        }
        if (strcmp(describe(&outcomes), reviewed) != 0 && !has_sanitizers_rows)
            FAIL("call %d: %s, but reviewed as %s", call, describe(&outcomes), reviewed);
    }
    finish();
}

#endif

/* Waiting and waking; the rest of futex has a history. */
TEST(futex_waits_and_wakes)
{
    build();
    static const int good[] = {FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_PRIVATE, FUTEX_WAKE_PRIVATE,
                               FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME};
    static const int bad[] = {FUTEX_REQUEUE, FUTEX_CMP_REQUEUE_PRIVATE,     FUTEX_LOCK_PI_PRIVATE,
                              FUTEX_WAKE_OP, FUTEX_WAIT_REQUEUE_PI_PRIVATE, FUTEX_FD};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK_INT(answer(&notify, CALL(SYS_futex, 0, (uint64_t)good[i])), ==, SECCOMP_RET_ALLOW);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_INT(answer(&notify, CALL(SYS_futex, 0, (uint64_t)bad[i])), ==, SECCOMP_RET_USER_NOTIF);
    CHECK_INT(answer(&notify, CALL(SYS_futex, 0, 1ull << 32)), ==, SECCOMP_RET_USER_NOTIF);
    finish();
}

#ifdef __x86_64__
/* The page that lies at the same address everywhere offers three of the calls that are allowed. */
TEST(nothing_is_called_from_the_vsyscall_page)
{
    build();
    static const int calls[] = {SYS_time, SYS_gettimeofday, SYS_getcpu};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct seccomp_data data = *CALL(calls[i], 0);
        CHECK_INT(answer(&notify, &data), ==, SECCOMP_RET_ALLOW);
        data.instruction_pointer = 0xffffffffff600400u;
        CHECK_INT(answer(&notify, &data), ==, SECCOMP_RET_KILL_PROCESS);
    }
    finish();
}
#endif

TEST(a_program_for_nobody_is_not_loaded)
{
    build();
    /* Without the numbers that stand for the process. */
    for (size_t i = 0; i < notify.n_instructions; i++) {
        if (notify.instructions[i].k >= 0x7f000000u && BPF_CLASS(notify.instructions[i].code) == BPF_JMP)
            notify.instructions[i].k = 1;
    }
    int listener = -1;
    CHECK_INT(sandbox_load(&notify, SANDBOX_NOTIFY, &listener), ==, -ENOTRECOVERABLE);
    CHECK_INT(listener, ==, -1);
    /* And without a filter the self-test says so. */
    CHECK_INT(sandbox_self_test(), ==, -EBADE);
    finish();
}
