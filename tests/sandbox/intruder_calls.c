/* The rows that are one system call each, and the sweeps. Calls are raw, with arguments that do no harm should they get
 * through. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sandbox/intruder.h"

/* A bit that a filter which looks at half of an argument does not see. */
#define UPPER (1ul << 32)

/* clockids as the kernel makes them of a pid, and of a descriptor. */
#define OTHERS_CLOCK(pid) ((~(uintptr_t)(pid) << 3) | 2)
#define FDS_CLOCK(fd)     ((~(uintptr_t)(fd) << 3) | 3)

/* Whatever a call may want to read or to fill. */
static char memory[4096];

#define CALL(id, name, group, call, returns, ...)                                \
    static void try_##id(const struct intrusion *intrusion)                      \
    {                                                                            \
        intruder_say(intrusion, syscall(SYS_##call __VA_OPT__(, ) __VA_ARGS__)); \
    }
#include "common/containment_rows.h"

const struct deed intruder_calls[] = {
#define CALL(id, name, ...) {name, try_##id, false},
#include "common/containment_rows.h"
    {0},
};

/* ---- sweeps --------------------------------------------------------------------------------------------------------- */

/* Fits no call: no address, no descriptor, no size, no flags. */
#define BAD_ARGUMENT (-1L)

static void sweep_call(const struct intrusion *intrusion, unsigned long number)
{
    intruder_say(intrusion, syscall((long)number, BAD_ARGUMENT, BAD_ARGUMENT, BAD_ARGUMENT, BAD_ARGUMENT, BAD_ARGUMENT,
                                    BAD_ARGUMENT));
}

static void sweep_x32(const struct intrusion *intrusion, unsigned long number)
{
    sweep_call(intrusion, 0x40000000ul + number);
}

static void sweep_int_0x80(const struct intrusion *intrusion, unsigned long number)
{
    long returned = (long)number;
    __asm__ volatile("int $0x80"
                     : "+a"(returned)
                     : "b"(BAD_ARGUMENT), "c"(BAD_ARGUMENT), "d"(BAD_ARGUMENT), "S"(BAD_ARGUMENT), "D"(BAD_ARGUMENT)
                     : "memory");
    intruder_say(intrusion, returned);
}

static void sweep_socket(const struct intrusion *intrusion, unsigned long family)
{
    intruder_say(intrusion, syscall(SYS_socket, family, SOCK_STREAM, 0));
}

/* Numbers all over the place, each on one of the descriptors that there are. */
static void sweep_ioctl(const struct intrusion *intrusion, unsigned long number)
{
    const unsigned long command = (number * 2654435761ul) & 0xffffffff;
    intruder_say(intrusion, syscall(SYS_ioctl, number % 5, command, memory));
}

static void sweep_prctl(const struct intrusion *intrusion, unsigned long option)
{
    intruder_say(intrusion, syscall(SYS_prctl, option, BAD_ARGUMENT, BAD_ARGUMENT, BAD_ARGUMENT, BAD_ARGUMENT));
}

static void sweep_fcntl(const struct intrusion *intrusion, unsigned long number)
{
    const unsigned long first_of_linux = 1024;
    const unsigned long command = number < 40 ? number : first_of_linux + number - 40;
    intruder_say(intrusion, syscall(SYS_fcntl, channel, command, BAD_ARGUMENT));
}

static void sweep_read(const struct intrusion *intrusion, unsigned long fd)
{
    intruder_say(intrusion, syscall(SYS_read, fd, memory, 1));
}

static void sweep_write(const struct intrusion *intrusion, unsigned long fd)
{
    intruder_say(intrusion, syscall(SYS_write, fd, memory, 0));
}

static void sweep_signal(const struct intrusion *intrusion, unsigned long signal)
{
    intruder_say(intrusion, syscall(SYS_kill, getpid(), signal));
}

void intruder_sweep(const struct intrusion *intrusion, const char *kind, unsigned long number)
{
    static const struct {
        const char *kind;
        void (*step)(const struct intrusion *intrusion, unsigned long number);
    } steps[] = {
        {"calls", sweep_call},   {"x32", sweep_x32},      {"int-0x80", sweep_int_0x80}, {"sockets", sweep_socket},
        {"ioctls", sweep_ioctl}, {"prctls", sweep_prctl}, {"fcntls", sweep_fcntl},      {"reads", sweep_read},
        {"writes", sweep_write}, {"kills", sweep_signal},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (strcmp(steps[i].kind, kind) == 0)
            steps[i].step(intrusion, number);
    }
}
