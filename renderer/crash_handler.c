/* The signal-safe zone: what runs after a fault. No malloc, no stdio, no locks, no protobuf; one record, one write.
 * Everything beneath on_fault may run with the heap in ruins, its lock held and the main stack exhausted, and must not
 * fault itself: that would end the process just the same, but without a record. */
#include "renderer/crash_handler.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

static int report_fd = -1;

static uint64_t now_ns(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void crash_handler_write(const struct crash_record *record)
{
    while (report_fd >= 0 && write(report_fd, record, sizeof *record) < 0 && errno == EINTR)
        ;
}

/* Written ahead: the broker wakes up for it, and is to be asleep again, as it would be, when the fault comes. */
#define STAMP_AHEAD_NS 500000u

void crash_handler_stamp(enum injection injection)
{
    const struct crash_record stamp = {
        .magic = CRASH_RECORD_MAGIC,
        .code = (int32_t)injection,
        .at_ns = now_ns() + STAMP_AHEAD_NS,
    };
    crash_handler_write(&stamp);
    while (now_ns() < stamp.at_ns)
        ;
}

#ifndef VITRINE_SANITIZED

/* Another allocation of this size is what the record's CRASH_AT_MEMORY_LIMIT speaks of. */
#define PROBE_BYTES (8u << 20)

/* In a mapping of its own, beside the alternate stack: a heap or a data segment in ruins does not reach it. */
static struct crash_record *record;
static size_t record_bytes; /* whole pages */
static uintptr_t stack_top; /* no frame lies above */
static volatile uint32_t order_kind;
static volatile uint64_t order_serial;

void crash_handler_serving(enum message_kind kind, uint64_t serial)
{
    order_kind = kind;
    order_serial = serial;
}

void crash_handler_lose_record(void)
{
    munmap(record, record_bytes);
}

/* A process that died of an unaligned access may have asked for them to be faults, and the handler starts with its
 * flags. */
static void allow_unaligned_access(void)
{
#ifdef __x86_64__
    const unsigned long long alignment_check = 1u << 18;
    __writeeflags(__readeflags() & ~alignment_check);
#endif
}

/* Fills pc, sp and the registers by the order that common/crash.h names. Returns the frame pointer. */
static uintptr_t take_registers(const mcontext_t *machine)
{
#if defined(__x86_64__)
    static const int order[CRASH_REGISTERS] = {REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI,
                                               REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                               REG_R12, REG_R13, REG_R14, REG_R15, REG_EFL};
    for (size_t i = 0; i < CRASH_REGISTERS; i++)
        record->registers[i] = (uint64_t)machine->gregs[order[i]];
    record->pc = (uint64_t)machine->gregs[REG_RIP];
    record->sp = (uint64_t)machine->gregs[REG_RSP];
    return (uintptr_t)machine->gregs[REG_RBP];
#elif defined(__aarch64__)
    for (size_t i = 0; i < CRASH_REGISTERS - 1; i++)
        record->registers[i] = machine->regs[i];
    record->registers[CRASH_REGISTERS - 1] = machine->pstate;
    record->pc = machine->pc;
    record->sp = machine->sp;
    return machine->regs[29];
#else
    (void)machine;
    return 0;
#endif
}

/* No machine has smaller pages. */
#define PAGE_BYTES     4096u
#define READABLE_PAGES 64

/* The kernel reads the set before it finds that there is no such request: EFAULT where nothing can be read, and nothing
 * is changed. A stack pointer may be as wild as what it led to. */
static bool is_readable(uintptr_t address)
{
    static uintptr_t readable[READABLE_PAGES]; /* that were asked for, each at its number's remainder */
    const uintptr_t page = address / PAGE_BYTES;
    const int no_request = -1;
    if (readable[page % READABLE_PAGES] == page)
        return true;
    if (syscall(SYS_rt_sigprocmask, no_request, address, NULL, sizeof(uint64_t)) >= 0 || errno == EFAULT)
        return false;
    readable[page % READABLE_PAGES] = page;
    return true;
}

/* A frame begins with the caller's frame pointer and the return address. */
#define FRAME_BYTES (2 * sizeof(uintptr_t))

static bool is_frame(uintptr_t frame, uintptr_t lowest)
{
    return frame % sizeof(uintptr_t) == 0 && frame >= lowest && frame < stack_top && stack_top - frame >= FRAME_BYTES &&
           is_readable(frame) && is_readable(frame + sizeof(uintptr_t));
}

static uintptr_t word_at(uintptr_t address)
{
    return *(const uintptr_t *)address;
}

static void add_frame(uintptr_t return_address)
{
    if (record->n_frames < CRASH_MAX_FRAMES)
        record->frames[record->n_frames++] = return_address;
}

/* From the innermost outwards, which is upwards. */
static void follow_frames(uintptr_t frame, uintptr_t lowest)
{
    while (record->n_frames < CRASH_MAX_FRAMES && is_frame(frame, lowest)) {
        const uintptr_t return_address = word_at(frame + sizeof(uintptr_t));
        if (return_address == 0)
            return;
        add_frame(return_address);
        lowest = frame + FRAME_BYTES;
        frame = word_at(frame);
    }
}

extern const char __executable_start, etext; /* the linker's */

static bool is_own_code(uintptr_t address)
{
    return address > (uintptr_t)&__executable_start && address < (uintptr_t)&etext;
}

static bool shows_own_code(void)
{
    for (uint32_t i = 0; i < record->n_frames; i++) {
        if (is_own_code(record->frames[i]))
            return true;
    }
    return false;
}

static uint32_t own_frames_from(uintptr_t frame, uintptr_t lowest)
{
    uint32_t n = 0;
    while (n < CRASH_MAX_FRAMES && is_frame(frame, lowest) && is_own_code(word_at(frame + sizeof(uintptr_t)))) {
        n++;
        lowest = frame + FRAME_BYTES;
        frame = word_at(frame);
    }
    return n;
}

/* How far beyond the stack pointer the C library may have put what it keeps for us, in words. */
#define LIBRARY_WORDS 1024

/* The C library has no frame pointers: what died in there has something else in that register. But it keeps ours on the
 * stack, and above that the address in our code that it was to return to. Remains of earlier calls lie there as well,
 * so the frame from which most others follow is taken for the one. */
static void find_own_frames(uintptr_t at)
{
    uint32_t most = 0;
    uintptr_t kept_at = 0;
    for (int n = 0; n < LIBRARY_WORDS && is_frame(at, record->sp); n++, at += sizeof(uintptr_t)) {
        const uint32_t n_frames = own_frames_from(word_at(at), at + sizeof(uintptr_t));
        if (n_frames > 0 && n_frames >= most) {
            most = n_frames;
            kept_at = at;
        }
    }
    if (most == 0)
        return;

    const uintptr_t frame = word_at(kept_at);
    at = kept_at + sizeof(uintptr_t);
    while (at < frame && !is_own_code(word_at(at)))
        at += sizeof(uintptr_t);
    if (at < frame)
        add_frame(word_at(at));
    follow_frames(frame, at);
}

static void take_frames(uintptr_t frame)
{
    follow_frames(frame, (uintptr_t)record->sp);
    if (!shows_own_code()) {
        record->n_frames = 0;
        find_own_frames((uintptr_t)record->sp);
    }
}

static bool is_at_memory_limit(void)
{
    const long probe = syscall(SYS_mmap, NULL, PROBE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (probe == -1)
        return errno == ENOMEM;
    syscall(SYS_munmap, probe, PROBE_BYTES);
    return false;
}

/* The write woke the broker, which the scheduler likes to put onto this very processor: there it would wait until all of
 * our memory is taken apart. So it is given the time to look. */
static void let_broker_look(void)
{
    static const uint32_t never;
    const struct timespec pause = {.tv_nsec = 10000};
    syscall(SYS_futex, &never, FUTEX_WAIT_PRIVATE, 0, &pause);
}

/* SA_RESETHAND has put the default action back before this runs, and all signals are blocked: a fault in here ends the
 * process at once. A fault happens again when this returns, and ends it as what it is; a signal that somebody sent has to
 * be sent again. */
static void on_fault(int signal, siginfo_t *info, void *context)
{
    allow_unaligned_access();
    const uint64_t at_ns = now_ns();
    const pid_t thread = (pid_t)syscall(SYS_gettid);
    record->magic = CRASH_RECORD_MAGIC;
    record->signal = signal;
    record->code = info->si_code;
    record->at_ns = at_ns;
    record->address = info->si_code > 0 ? (uint64_t)(uintptr_t)info->si_addr : 0; /* a sender has none */
    record->order_kind = order_kind;
    record->order_serial = order_serial;
    record->thread = (uint32_t)thread;
    take_frames(take_registers(&((const ucontext_t *)context)->uc_mcontext));
    record->flags = is_at_memory_limit() ? CRASH_AT_MEMORY_LIMIT : 0;
    crash_handler_write(record);
    let_broker_look();
    if (info->si_code <= 0 || signal == SIGTRAP) /* a breakpoint does not happen again: it has been passed */
        syscall(SYS_tgkill, getpid(), thread, signal);
}

static size_t whole_pages(size_t n_bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (n_bytes + page - 1) / page * page;
}

static void *map(size_t n_bytes, int flags)
{
    return mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

/* The alternate stack has a guard page beneath it: a handler that overruns it dies of SIGSEGV, and tramples nothing. */
static int alternate_stack(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    long wanted = sysconf(_SC_SIGSTKSZ);
    if (wanted < 4 * (long)page)
        wanted = 4 * (long)page;
    const size_t size = whole_pages((size_t)wanted);
    uint8_t *memory = map(page + size, MAP_STACK);
    if (memory == MAP_FAILED)
        return -errno;
    if (mprotect(memory, page, PROT_NONE) < 0)
        return -errno;
    const stack_t stack = {.ss_sp = memory + page, .ss_size = size};
    return sigaltstack(&stack, NULL) < 0 ? -errno : 0;
}

static int prepare_record(void)
{
    record_bytes = whole_pages(sizeof *record);
    void *memory = map(record_bytes, 0);
    if (memory == MAP_FAILED)
        return -errno;
    record = memory;
    /* The kernel's sixteen random bytes lie on the main stack, above all that ever ran on it. */
    stack_top = (uintptr_t)getauxval(AT_RANDOM);
    return 0;
}

int crash_handler_install(int crash_fd)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
    int error = alternate_stack();
    if (error == 0)
        error = prepare_record();
    if (error != 0)
        return error;
    report_fd = crash_fd;

    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND)};
    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (sigaction(signals[i], &action, NULL) < 0)
            return -errno;
    }
    return 0;
}

#else

int crash_handler_install(int crash_fd)
{
    report_fd = crash_fd;
    return 0;
}

void crash_handler_serving(enum message_kind kind, uint64_t serial)
{
    (void)kind, (void)serial;
}

void crash_handler_lose_record(void)
{
}

#endif
