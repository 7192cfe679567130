/* The rows that are more than one system call, and deaths of every kind. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#include "common/crash.h"
#include "common/frame.h"
#include "common/inject.h"
#include "renderer/crash_handler.h"
#include "renderer/faults.h"
#include "tests/sandbox/intruder.h"

#define PAGE     4096ul
#define MEGABYTE (1ul << 20)
#define UPPER    (1ul << 32)

/* ---- files ---------------------------------------------------------------------------------------------------------- */

/* Which descriptors are open, as far as a call that is allowed can tell: stdio, channel, crash pipe; and where there is
 * a ring, its memory and its bells. */
void try_DESCRIPTORS(const struct intrusion *intrusion)
{
    snprintf(intrusion->result, intrusion->n_result, "none but its own");
    for (int fd = second_rung + 1; fd < 1024; fd++) {
        struct pollfd look = {.fd = fd, .events = 0};
        if (poll(&look, 1, 0) < 0 || !(look.revents & POLLNVAL))
            snprintf(intrusion->result, intrusion->n_result, "descriptor %d is open", fd);
    }
}

/* ---- signals and processes -------------------------------------------------------------------------------------------- */

static void signal_to(const struct intrusion *intrusion, unsigned long pid, long tid, int signal)
{
    intruder_say(intrusion, syscall(SYS_tgkill, pid, tid, signal));
}

void try_SIGNAL_SELF(const struct intrusion *intrusion)
{
    signal_to(intrusion, (unsigned long)getpid(), syscall(SYS_gettid), SIGKILL);
}

void try_ABORT_SELF(const struct intrusion *intrusion)
{
    signal_to(intrusion, (unsigned long)getpid(), syscall(SYS_gettid), SIGABRT);
}

void try_SIGNAL_UPPER(const struct intrusion *intrusion)
{
    signal_to(intrusion, (unsigned long)getpid() | UPPER, syscall(SYS_gettid), SIGABRT);
}

void try_SIGNAL_NEXT(const struct intrusion *intrusion)
{
    signal_to(intrusion, (unsigned long)getpid() + 1, getpid() + 1, SIGABRT);
}

static void *sleeper(void *unused)
{
    intruder_wait();
    return unused;
}

void try_PTHREAD(const struct intrusion *intrusion)
{
    for (int i = 0; i < 100000; i++) {
        pthread_t thread;
        errno = pthread_create(&thread, NULL, sleeper, NULL);
        intruder_say(intrusion, errno == 0 ? 0 : -1);
    }
}

void try_FORK_BOMB(const struct intrusion *intrusion)
{
    for (int i = 0; i < 100000; i++)
        intruder_say(intrusion, fork());
}

static void goes_on(int signal)
{
    (void)signal;
}

void try_OWN_HANDLER(const struct intrusion *intrusion)
{
    const struct sigaction action = {.sa_handler = goes_on};
    intruder_say(intrusion, sigaction(SIGSYS, &action, NULL));
}

/* ---- deaths ----------------------------------------------------------------------------------------------------------- */

/* Those that people can inject, too. */
static void fail_by(enum injection fault)
{
    struct frame_layout layout = {0};
    faults_run(&(const struct faults_context){.layout = &layout}, fault);
}

void try_NULL_READ(const struct intrusion *intrusion)
{
    const volatile char *volatile nowhere = NULL;
    *intrusion->result = *nowhere;
}

void try_BUS(const struct intrusion *intrusion)
{
    (void)intrusion;
    fail_by(INJECT_BUS);
}

void try_ILL(const struct intrusion *intrusion)
{
    (void)intrusion;
    fail_by(INJECT_ILL);
}

void try_FPE(const struct intrusion *intrusion)
{
    (void)intrusion;
    fail_by(INJECT_FPE);
}

void try_TRAP(const struct intrusion *intrusion)
{
    (void)intrusion;
    fail_by(INJECT_TRAP);
}

void try_ABORT(const struct intrusion *intrusion)
{
    (void)intrusion;
    abort();
}

void try_DOUBLE_FREE(const struct intrusion *intrusion)
{
    (void)intrusion;
    fail_by(INJECT_DOUBLE_FREE);
}

void try_STACK_OVERFLOW(const struct intrusion *intrusion)
{
    (void)intrusion;
    fail_by(INJECT_STACK_OVERFLOW);
}

void try_CRASH_IN_HANDLER(const struct intrusion *intrusion)
{
    (void)intrusion;
    fail_by(INJECT_CRASH_IN_HANDLER);
}

void try_CRASH_WITH_LOCK(const struct intrusion *intrusion)
{
    (void)intrusion;
    fail_by(INJECT_CRASH_HOLDING_LOCK);
}

/* Records that nobody could believe, then a death of another kind. */
void try_FORGED_BYTES(const struct intrusion *intrusion)
{
    (void)intrusion;
    char bytes[40];
    memset(bytes, 0xff, sizeof bytes);
    memcpy(bytes, "VSH1", 4);
    for (int i = 0; i < 64; i++)
        (void)!write(crash_pipe, bytes, sizeof bytes);
    abort();
}

void try_FORGED_RECORD(const struct intrusion *intrusion)
{
    (void)intrusion;
    fail_by(INJECT_FORGED_REPORT);
}

void try_FORGED_COUNT(const struct intrusion *intrusion)
{
    (void)intrusion;
    const struct crash_record record = {
        .magic = CRASH_RECORD_MAGIC, .signal = SIGSEGV, .n_frames = UINT32_MAX, .order_kind = UINT32_MAX};
    (void)!write(crash_pipe, &record, sizeof record);
    _exit(3);
}

void try_EXIT(const struct intrusion *intrusion)
{
    (void)intrusion;
    _exit(0);
}

void try_EXIT_77(const struct intrusion *intrusion)
{
    (void)intrusion;
    _exit(77);
}

void try_EXIT_THREAD(const struct intrusion *intrusion)
{
    (void)intrusion;
    syscall(SYS_exit, 5);
}

void try_LOOP(const struct intrusion *intrusion)
{
    (void)intrusion;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (volatile int i = 0;; i++)
        ;
}

void try_SLEEP(const struct intrusion *intrusion)
{
    (void)intrusion;
    intruder_wait();
}

/* ---- memory ----------------------------------------------------------------------------------------------------------- */

/* Calls that are allowed, at code: only its seal stands before them. */
static uintptr_t code_page(void)
{
    return (uintptr_t)&try_EXIT & ~(PAGE - 1);
}

/* Some page of it is in every build's relocated data. */
static const void *const relocated[] = {relocated};

static uintptr_t relocated_page(void)
{
    return (uintptr_t)relocated & ~(PAGE - 1);
}

void try_UNMAP_CODE(const struct intrusion *intrusion)
{
    intruder_say(intrusion, syscall(SYS_munmap, code_page(), PAGE));
}

void try_MOVE_CODE(const struct intrusion *intrusion)
{
    intruder_say(intrusion, syscall(SYS_mremap, code_page(), PAGE, 2 * PAGE, MREMAP_MAYMOVE));
}

/* The seal keeps private file pages from nobody who wants to lose them: what they then show is the file. */
void try_DISCARD_RELOCATED(const struct intrusion *intrusion)
{
    intruder_say(intrusion, syscall(SYS_madvise, relocated_page(), PAGE, MADV_DONTNEED));
    *(volatile char *)(uintptr_t)relocated = 0;
}

void try_UNMAP_RELOCATED(const struct intrusion *intrusion)
{
    intruder_say(intrusion, syscall(SYS_munmap, relocated_page(), PAGE));
}

void try_WRITE_DOCUMENT(const struct intrusion *intrusion)
{
    *(volatile uint8_t *)(uintptr_t)intrusion->document = 1;
}

/* Beyond the end of the file that a mapping shows. */
static void touch_beyond(const void *mapping, size_t n_mapped, bool writes)
{
    void *grown = mremap((void *)(uintptr_t)mapping, n_mapped, n_mapped + PAGE, MREMAP_MAYMOVE);
    if (grown == MAP_FAILED)
        return;
    volatile uint8_t *beyond = (volatile uint8_t *)grown + n_mapped;
    *beyond = writes ? 1 : *beyond;
}

void try_GROW_DOCUMENT(const struct intrusion *intrusion)
{
    touch_beyond(intrusion->document, (intrusion->n_document + PAGE - 1) & ~(PAGE - 1), false);
}

void try_F_BEYOND(const struct intrusion *intrusion)
{
    struct frame_layout layout;
    const struct canvas *canvas = intrusion->canvas;
    if (frame_layout_init(&layout, (uint32_t)canvas->width_px, (uint32_t)canvas->height_px) == 0)
        touch_beyond(canvas->pixels, layout.total_bytes, true);
}

void try_F_PUNCH(const struct intrusion *intrusion)
{
    madvise(intrusion->canvas->pixels, PAGE, MADV_REMOVE);
}

static void say_limit(const struct intrusion *intrusion, size_t n_megabytes)
{
    snprintf(intrusion->result, intrusion->n_result, "%s", n_megabytes < 1024 ? "a limit below 1 GB" : "no limit");
}

void try_ADDRESS_SPACE(const struct intrusion *intrusion)
{
    size_t n = 0;
    while (n < 2048 && mmap(NULL, MEGABYTE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        n++;
    say_limit(intrusion, n);
}

void try_HEAP_BREAK(const struct intrusion *intrusion)
{
    size_t n = 0;
    while (n < 2048 && sbrk(MEGABYTE) != (void *)-1)
        n++;
    say_limit(intrusion, n);
}

void try_OUT_OF_MEMORY(const struct intrusion *intrusion)
{
    (void)intrusion;
    fail_by(INJECT_OOM_SLOW);
}

/* ---- other ways to call ------------------------------------------------------------------------------------------------ */

static long call_32(long number)
{
    __asm__ volatile("int $0x80" : "+a"(number) : "b"(0), "c"(0) : "memory");
    return number;
}

void try_INT_0X80_GETPID(const struct intrusion *intrusion)
{
    intruder_say(intrusion, call_32(20));
}

void try_INT_0X80_OPEN(const struct intrusion *intrusion)
{
    intruder_say(intrusion, call_32(5));
}

void try_X32_GETPID(const struct intrusion *intrusion)
{
    intruder_say(intrusion, syscall(0x40000000 + SYS_getpid));
}

void try_X32_EXECVE(const struct intrusion *intrusion)
{
    intruder_say(intrusion, syscall(0x40000000 + 520, 0, 0, 0));
}

void try_VSYSCALL(const struct intrusion *intrusion)
{
    long (*vsyscall_time)(long *) = (long (*)(long *))0xffffffffff600400u;
    intruder_say(intrusion, vsyscall_time(NULL));
}

/* ---- the tables -------------------------------------------------------------------------------------------------------- */

static void help_rest(const struct intrusion *intrusion)
{
    (void)intrusion;
}

const struct deed intruder_helpers[] = {{"rest", help_rest, false}, {"titles", help_titles, false}, {0}};

const struct deed intruder_deeds[] = {
#define DEED(id, name, ...)          {name, try_##id, false},
#define WHEN_PAINTING(id, name, ...) {name, try_##id, true},
#include "common/containment_rows.h"
    {0},
};
