/* The signal-safe zone: what runs after a fault. No malloc, no stdio, no locks, no protobuf; one static record, one
 * write. Everything here may be called with the heap in ruins and the main stack exhausted. */
#include "renderer/crash_handler.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "common/crash.h"

#ifndef VITRINE_SANITIZED

static int report_fd = -1;
static struct crash_record record;

static uint64_t program_counter(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (uint64_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return context->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

/* SA_RESETHAND has put the default action back before this runs. A fault happens again when this returns, and ends the
 * process as what it is; a signal that somebody sent has to be sent again. */
static void on_fault(int signal, siginfo_t *info, void *context)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    record = (struct crash_record){
        .magic = CRASH_RECORD_MAGIC,
        .signal = signal,
        .code = info->si_code,
        .at_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
        .address = (uint64_t)(uintptr_t)info->si_addr,
        .pc = program_counter(context),
    };
    while (write(report_fd, &record, sizeof record) < 0 && errno == EINTR)
        ;
    if (info->si_code <= 0 || signal == SIGTRAP) /* a breakpoint does not happen again: it has been passed */
        syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), signal);
}

/* The alternate stack has a guard page beneath it: a handler that overruns it dies of SIGSEGV, and tramples nothing. */
static int alternate_stack(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    long wanted = sysconf(_SC_SIGSTKSZ);
    if (wanted < 4 * (long)page)
        wanted = 4 * (long)page;
    const size_t size = ((size_t)wanted + page - 1) / page * page;
    uint8_t *memory = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED)
        return -errno;
    if (mprotect(memory, page, PROT_NONE) < 0)
        return -errno;
    const stack_t stack = {.ss_sp = memory + page, .ss_size = size};
    return sigaltstack(&stack, NULL) < 0 ? -errno : 0;
}

int crash_handler_install(int crash_fd)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
    const int error = alternate_stack();
    if (error != 0)
        return error;
    report_fd = crash_fd;

    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND)};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (sigaction(signals[i], &action, NULL) < 0)
            return -errno;
    }
    return 0;
}

#else

int crash_handler_install(int crash_fd)
{
    (void)crash_fd;
    return 0;
}

#endif
