/* One small function a fault. Pointers and numbers that must not be seen through go through volatile objects: this is
 * undefined behaviour on purpose, and a compiler that understood it would leave it out. */
#include "renderer/faults.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include "common/clock.h"
#include "common/crash.h"
#include "common/message.h"
#include "renderer/crash_handler.h"

typedef void fault_function(const struct faults_context *context);

#define MEGABYTE (1u << 20)

/* Belongs to no mapping of any layout, and is no address that the processor itself would refuse. */
#define WILD_ADDRESS 0x414141414140u

/* A call came back with what the sandbox never answers: no verdict expects this status. */
#define EXIT_SANDBOX_LEAKS 99

/* ---- faults of the processor -------------------------------------------------------------------------------------- */

static void write_to(uintptr_t address)
{
    volatile uintptr_t unknown = address;
    *(volatile uint32_t *)unknown = 0xdeadu;
}

static void make_SEGV_NULL(const struct faults_context *context)
{
    (void)context;
    write_to(0);
}

static void make_SEGV_WILD(const struct faults_context *context)
{
    (void)context;
    write_to(WILD_ADDRESS);
}

/* What follows the call, and needs this frame, keeps it from becoming a loop. */
static __attribute__((noinline)) unsigned descend(const volatile unsigned char *above, const volatile bool *ever)
{
    volatile unsigned char room[512];
    room[0] = (unsigned char)(above[0] + 1);
    const unsigned below = *ever ? descend(room, ever) : 0;
    return below + room[0];
}

static void make_STACK_OVERFLOW(const struct faults_context *context)
{
    (void)context;
    const volatile unsigned char ground = 0;
    const volatile bool ever = true;
    descend(&ground, &ever);
}

/* Who asks for its frame is given one; without it a backtrace would leave out the caller. */
#define WITH_A_FRAME : : "r"(__builtin_frame_address(0))

static void make_ILL(const struct faults_context *context)
{
    (void)context;
#if defined(__x86_64__)
    __asm__ volatile("ud2" WITH_A_FRAME);
#elif defined(__aarch64__)
    __asm__ volatile("udf #0" WITH_A_FRAME);
#else
    raise(SIGILL);
#endif
}

static void make_FPE(const struct faults_context *context)
{
    (void)context;
#ifdef __x86_64__
    volatile int dividend = 1, divisor = 0;
    dividend = dividend / divisor;
#else
    raise(SIGFPE); /* where a division by zero is just a number */
#endif
}

/* Beyond the end of the file that a mapping shows. */
static void touch_beyond_frame(const struct faults_context *context)
{
    const size_t n_frame = context->layout->total_bytes;
    void *grown = mremap(context->frame, n_frame, n_frame + (size_t)sysconf(_SC_PAGESIZE), MREMAP_MAYMOVE);
    if (grown != MAP_FAILED)
        *((volatile uint8_t *)grown + n_frame) = 1;
}

/* Without a frame there is no file to look beyond. */
static void touch_unaligned(void)
{
#ifdef __x86_64__
    static uint32_t words[2];
    const unsigned long long alignment_check = 1u << 18;
    __writeeflags(__readeflags() | alignment_check);
    __asm__ volatile("movl %%eax, (%0)" : : "r"((char *)words + 1) : "memory");
#else
    raise(SIGBUS);
#endif
}

static void make_BUS(const struct faults_context *context)
{
    if (context->frame != NULL)
        touch_beyond_frame(context);
    else
        touch_unaligned();
}

static void make_TRAP(const struct faults_context *context)
{
    (void)context;
#if defined(__x86_64__)
    __asm__ volatile("int3" WITH_A_FRAME);
#elif defined(__aarch64__)
    __asm__ volatile("brk #0" WITH_A_FRAME);
#else
    raise(SIGTRAP);
#endif
}

/* ---- faults of the heap ------------------------------------------------------------------------------------------- */

/* Larger than what malloc's caches per thread hold: what is freed goes straight to the bins. */
#define BLOCK_BYTES 5000

static void make_ABORT(const struct faults_context *context)
{
    (void)context;
    abort();
}

static void make_DOUBLE_FREE(const struct faults_context *context)
{
    (void)context;
    void *volatile block = malloc(64);
    free(block);
    free(block);
}

/* Right behind a block is the size of the next one; free looks at it. */
static void make_HEAP_SMASH(const struct faults_context *context)
{
    (void)context;
    void *volatile block = malloc(BLOCK_BYTES);
    if (block == NULL)
        return;
    volatile unsigned char *const end = (volatile unsigned char *)block + malloc_usable_size(block);
    for (size_t i = 0; i < sizeof(size_t); i++)
        end[i] = 0x41;
    free(block);
}

static void make_CRASH_IN_HANDLER(const struct faults_context *context)
{
    (void)context;
    crash_handler_lose_record();
    write_to(0);
}

static bool is_right_behind(const char *block, char *below)
{
    return block == below + malloc_usable_size(below) + sizeof(size_t);
}

/* A block between two others: when it is freed it merges with nothing, and its first two words are its links in a bin. */
static void *block_between(void)
{
    char *below = malloc(BLOCK_BYTES), *block = malloc(BLOCK_BYTES), *above = malloc(BLOCK_BYTES);
    /* In a heap with holes it takes a while until they come from one piece. */
    while (above != NULL && !(is_right_behind(block, below) && is_right_behind(above, block))) {
        below = block;
        block = above;
        above = malloc(BLOCK_BYTES);
    }
    return above != NULL ? block : NULL;
}

/* With one thread malloc and free do without the heap's lock; mallinfo2 does not, and follows the links in the bins. */
static void make_CRASH_HOLDING_LOCK(const struct faults_context *context)
{
    (void)context;
    void *volatile block = block_between();
    if (block == NULL)
        return;
    free(block);
    void *volatile *const links = block;
    links[1] = (void *)WILD_ADDRESS;
    (void)mallinfo2();
}

/* ---- memory ------------------------------------------------------------------------------------------------------- */

/* Sanitizer builds have no limit of address space to run into (renderer/ladder.c): they stop at the engines' cap. */
static bool is_enough(size_t n_taken)
{
#ifdef VITRINE_SANITIZED
    return n_taken >= engines_memory_limit();
#else
    (void)n_taken;
    return false;
#endif
}

/* As a program that does not look at what malloc returns. Of each block one page is touched: it is the limit of address
 * space that is to be met, not the host's memory. */
static void make_OOM_SLOW(const struct faults_context *context)
{
    const size_t n_block = 64 * 1024;
    (void)context;
    for (size_t n_taken = 0; !is_enough(n_taken); n_taken += n_block) {
        volatile unsigned char *block = malloc(n_block);
        block[0] = 1;
    }
    abort();
}

static void make_OOM_FAST(const struct faults_context *context)
{
    (void)context;
    size_t n_taken = 0;
    for (size_t n = 1024 * (size_t)MEGABYTE; n >= MEGABYTE; n /= 2) {
        while (!is_enough(n_taken) &&
               mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED)
            n_taken += n;
    }
    abort();
}

/* ---- leaving, and lying about it ---------------------------------------------------------------------------------- */

static void make_EXIT_0(const struct faults_context *context)
{
    (void)context;
    _exit(0);
}

static void make_EXIT_77(const struct faults_context *context)
{
    (void)context;
    _exit(77);
}

static void make_FORGED_REPORT(const struct faults_context *context)
{
    struct crash_record forged = {
        .magic = CRASH_RECORD_MAGIC,
        .signal = SIGSEGV,
        .code = SEGV_MAPERR,
        .at_ns = clock_now_ns(),
        .address = 0xdead,
        .pc = 0xbadc0de,
        .sp = UINT64_MAX,
        .order_kind = UINT32_MAX,
        .order_serial = context->serial,
        .n_frames = UINT32_MAX,
    };
    for (size_t i = 0; i < CRASH_MAX_FRAMES; i++)
        forged.frames[i] = 0xdead0000u + i;
    crash_handler_write(&forged);
    _exit(0);
}

/* ---- system calls ------------------------------------------------------------------------------------------------- */

static void make_SYSCALL_OPEN(const struct faults_context *context)
{
    (void)context;
    if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES)
        _exit(EXIT_SANDBOX_LEAKS);
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC};
    syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", &how, sizeof how);
}

static void make_SYSCALL_SOCKET(const struct faults_context *context)
{
    (void)context;
    socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void make_SYSCALL_EXECVE(const struct faults_context *context)
{
    (void)context;
    char *const arguments[] = {(char *)"sh", NULL}, *const environment[] = {NULL};
    execve("/bin/sh", arguments, environment);
}

static void make_SYSCALL_PTRACE(const struct faults_context *context)
{
    (void)context;
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

/* How long the children and threads of a bomb that was let through stay: not so long that it hurts the host. */
#define BOMB_MS    1000
#define BOMB_COUNT 1000

static bool spawn_one(void)
{
    const pid_t child = fork();
    if (child == 0) {
        poll(NULL, 0, BOMB_MS);
        _exit(0);
    }
    return child > 0;
}

static void make_SYSCALL_FORK(const struct faults_context *context)
{
    (void)context;
    spawn_one();
}

static void make_FORK_BOMB(const struct faults_context *context)
{
    (void)context;
    for (int i = 0; i < BOMB_COUNT; i++)
        spawn_one();
}

static void *stay(void *nothing)
{
    poll(NULL, 0, BOMB_MS);
    return nothing;
}

static void make_THREAD_BOMB(const struct faults_context *context)
{
    (void)context;
    pthread_t thread;
    for (int i = 0; i < BOMB_COUNT; i++) {
        if (pthread_create(&thread, NULL, stay, NULL) == 0)
            pthread_detach(thread);
    }
}

static void make_FD_EXHAUST(const struct faults_context *context)
{
    while (dup(context->channel->fd) >= 0)
        ;
}

/* The filter asks for no descriptor here, so any will do: the frame's own is closed. */
static void make_FRAME_TRUNCATE(const struct faults_context *context)
{
    (void)!ftruncate(context->channel->fd, 0);
}

/* ---- hanging ------------------------------------------------------------------------------------------------------ */

static _Noreturn void spin(void)
{
    for (volatile unsigned n = 0;; n++)
        ;
}

static void make_HANG_LOOP(const struct faults_context *context)
{
    (void)context;
    spin();
}

static void make_HANG_BLOCKED_SIGNALS(const struct faults_context *context)
{
    (void)context;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    spin();
}

static void make_NEVER_READS(const struct faults_context *context)
{
    (void)context;
    for (;;)
        poll(NULL, 0, -1);
}

/* ---- messages ----------------------------------------------------------------------------------------------------- */

/* One datagram as the kernel would take it, past all that common/channel.c and common/message.c check. */
static int send_raw(const struct faults_context *context, const void *bytes, size_t n_bytes, void *control,
                    size_t n_control)
{
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = n_bytes};
    const struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = n_control};
    return sendmsg(context->channel->fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static size_t encode_progress(uint64_t serial, uint64_t done, uint8_t *out)
{
    Vitrine__Progressed fact = VITRINE__PROGRESSED__INIT;
    fact.serial = serial;
    fact.done = done;
    return message_encode(MESSAGE_PROGRESSED, &fact.base, out);
}

static void make_GARBAGE_MESSAGE(const struct faults_context *context)
{
    uint8_t bytes[64];
    memset(bytes, 0xff, sizeof bytes);
    send_raw(context, bytes, sizeof bytes, NULL, 0);
}

static void make_OVERSIZED_MESSAGE(const struct faults_context *context)
{
    static const uint8_t bytes[CHANNEL_MAX_BYTES + 1];
    send_raw(context, bytes, sizeof bytes, NULL, 0);
}

static void make_ZERO_MESSAGE(const struct faults_context *context)
{
    send_raw(context, "", 0, NULL, 0);
}

static void make_FD_FLOOD(const struct faults_context *context)
{
    enum { N_FDS = 253 }; /* as many as the kernel takes (SCM_MAX_FD) */
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(N_FDS * sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(N_FDS * sizeof(int));
    int fds[N_FDS];
    for (size_t i = 0; i < N_FDS; i++)
        fds[i] = STDIN_FILENO; /* not the channel: a socket in itself is freed late */
    memcpy(CMSG_DATA(&control.header), fds, sizeof fds);

    /* Too many under way, of all processes of this user: the broker is about to take some. */
    while (send_raw(context, "x", 1, &control, sizeof control) == -ETOOMANYREFS)
        poll(NULL, 0, 1);
}

static void make_WRONG_STATE(const struct faults_context *context)
{
    const Vitrine__Ready again = VITRINE__READY__INIT;
    message_send(context->channel, MESSAGE_READY, &again.base, NULL, 0);
}

static void make_WRONG_SERIAL(const struct faults_context *context)
{
    uint8_t bytes[MESSAGE_MAX_BYTES];
    send_raw(context, bytes, encode_progress(context->serial + 1, 1, bytes), NULL, 0);
}

static void make_MESSAGE_FLOOD(const struct faults_context *context)
{
    uint8_t bytes[MESSAGE_MAX_BYTES];
    /* From far above what honest ticks may have said before, because it has to grow. */
    uint64_t done = 1ull << 32;
    while (send_raw(context, bytes, encode_progress(context->serial, done, bytes), NULL, 0) == 0)
        done++;
}

static void make_HALF_THEN_DIE(const struct faults_context *context)
{
    uint8_t bytes[MESSAGE_MAX_BYTES];
    send_raw(context, bytes, encode_progress(context->serial, 1, bytes) / 2, NULL, 0);
    _exit(0);
}

/* ---- what a renderer survives ------------------------------------------------------------------------------------- */

static void make_FRAME_RACE(const struct faults_context *context)
{
    const uint64_t end_ns = clock_now_ns() + 100 * NS_PER_MS;
    for (int value = 1; context->frame != NULL && clock_now_ns() < end_ns; value++)
        memset(context->frame, value, context->layout->total_bytes);
}

/* Legal, being UTF-8, and what every terminal and log must be kept from. */
static void make_TITLE_ESCAPE(const struct faults_context *context)
{
    static const char escapes[] =
        "\x1b[2J\x1b[31mred\x1b]0;window\a"                                      /* CSI, OSC 0 */
        "\x1b]8;;file:///etc/passwd\x1b\\link\x1b]8;;\x1b\\\x1b]52;c;cHduZWQ=\a" /* clipboard */
        "\xc2\x9b"
        "5m\xc2\x85"                                               /* C1: CSI, next line */
        "\u202egnp.exe\u202c\u2066\u200b\ufeff"                    /* bidirectional, invisible */
        "\r\n[ok] tab 1: live\n\t\"}\\\u2028\xf3\xa0\x80\x81\x7f"; /* forged lines, a tag */
    char *const title = context->facts->title;
    const size_t n_whole = (sizeof context->facts->title - 1) / (sizeof escapes - 1);
    for (size_t i = 0; i < n_whole; i++)
        memcpy(title + i * (sizeof escapes - 1), escapes, sizeof escapes);
}

static void make_SLOW_READER(const struct faults_context *context)
{
    *context->receive_delay_ms = 50;
}

/* ---- the table ---------------------------------------------------------------------------------------------------- */

/* The broker's own: it sends SIGKILL, and SIGSTOP. */
#define make_KILL_SELF NULL
#define make_HANG_STOP NULL

static fault_function *const functions[INJECT_COUNT] = {
#define X(id, name, verdict, detail, moment) [INJECT_##id] = make_##id,
    INJECTIONS(X)
#undef X
};

bool faults_known(uint32_t fault)
{
    return fault < INJECT_COUNT && functions[fault] != NULL;
}

void faults_run(const struct faults_context *context, enum injection fault)
{
    assert(faults_known(fault));
    crash_handler_stamp(fault);
    functions[fault](context);
}
