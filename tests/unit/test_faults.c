/* How each fault ends a process of its own, without the sandbox: the wait status, the records on the crash pipe, the
 * datagrams. Faults that are system calls mean something behind the filter only, and are made there by other tests. */
#include "renderer/faults.h"
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/message.h"
#include "common/text.h"
#include "renderer/crash_handler.h"

/* The order that the fault is made in. */
#define SERIAL 77u

/* A fault that came back, to a process that then leaves. */
#define EXIT_SURVIVED 42

#define LIMIT_MS 1000

/* Above what the test's process has mapped; what oom-slow may touch. */
#define ROOM_BYTES (64u << 20)

/* One process that made one fault, and what it left. */
struct victim {
    pid_t pid;
    int pidfd, crash_fd; /* the crash pipe's end to read */
    struct channel channel;
    struct frame_layout layout;
    uint8_t *frame; /* shared with it */
};

struct death {
    int status;
    bool late; /* had to be killed */
    uint64_t took_ns;
    int n_records; /* the first is the stamp */
    struct crash_record stamp, record;
};

static void nothing_before(void)
{
}

/* glibc's complaints are not the test's output. */
static void silence(void)
{
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDERR_FILENO);
}

/* An empty datagram with the hang-up right behind it is taken for the hang-up: both read as nothing. */
#define LINGER_MS 20

static _Noreturn void be_victim(const struct victim *victim, int crash_fd, int channel_fd, enum injection fault,
                                void (*before)(void))
{
    struct channel channel;
    struct engine_facts facts = {0};
    int receive_delay_ms = 0;
    const struct faults_context context = {
        .channel = &channel,
        .serial = SERIAL,
        .layout = &victim->layout,
        .frame = victim->frame,
        .facts = &facts,
        .receive_delay_ms = &receive_delay_ms,
    };
    channel_init(&channel, channel_fd, true);
    silence();
    if (crash_handler_install(crash_fd) != 0)
        _exit(EXIT_FAILURE);
    crash_handler_serving(MESSAGE_INJECT, SERIAL);
    before();
    faults_run(&context, fault);
    poll(NULL, 0, LINGER_MS);
    _exit(EXIT_SURVIVED);
}

static void make_frame(struct victim *victim)
{
    CLOSE_FD int fd = -1;
    bool noexec_seal;
    REQUIRE(frame_layout_init(&victim->layout, 64, 64) == 0);
    REQUIRE(frame_create(&victim->layout, &fd, &noexec_seal) == 0);
    REQUIRE(frame_map(&victim->layout, fd, true, &victim->frame) == 0);
}

static struct victim start(enum injection fault, bool with_frame, void (*before)(void))
{
    struct victim victim = {0};
    int crash[2], ours, theirs;
    REQUIRE(pipe2(crash, O_CLOEXEC) == 0);
    REQUIRE(channel_pair(&ours, &theirs) == 0);
    if (with_frame)
        make_frame(&victim);

    victim.pid = fork();
    REQUIRE(victim.pid >= 0);
    if (victim.pid == 0) {
        close(ours);
        be_victim(&victim, crash[1], theirs, fault, before);
    }
    close(crash[1]);
    close(theirs);
    victim.crash_fd = crash[0];
    channel_init(&victim.channel, ours, true);
    victim.pidfd = pidfd_open(victim.pid, 0);
    REQUIRE(victim.pidfd >= 0);
    return victim;
}

static void read_records(const struct victim *victim, struct death *death)
{
    struct crash_record record;
    ssize_t n;
    while ((n = read(victim->crash_fd, &record, sizeof record)) == (ssize_t)sizeof record) {
        *(death->n_records == 0 ? &death->stamp : &death->record) = record;
        death->n_records++;
    }
    CHECK_INT(n, ==, 0);
}

/* Waits for its end, at most limit_ms, and lets go of all that there is of it. */
static struct death await(struct victim *victim, int limit_ms)
{
    struct death death = {0};
    struct pollfd look = {.fd = victim->pidfd, .events = POLLIN};
    death.late = poll(&look, 1, limit_ms) == 0;
    const uint64_t noticed_ns = clock_now_ns();
    if (death.late)
        kill(victim->pid, SIGKILL);
    REQUIRE(waitpid(victim->pid, &death.status, 0) == victim->pid);
    read_records(victim, &death);
    death.took_ns = noticed_ns - death.stamp.at_ns;
    close(victim->pidfd);
    close(victim->crash_fd);
    channel_finish(&victim->channel);
    frame_unmap(&victim->layout, victim->frame);
    return death;
}

static void check_stamp(const struct death *death, enum injection fault)
{
    REQUIRE(death->n_records >= 1);
    CHECK_INT(death->stamp.magic, ==, CRASH_RECORD_MAGIC);
    CHECK_INT(death->stamp.signal, ==, 0);
    CHECK_INT(death->stamp.code, ==, fault);
    CHECK_INT(death->stamp.n_frames, ==, 0);
    CHECK(death->stamp.at_ns != 0 && death->stamp.at_ns <= clock_now_ns());
}

static struct death make(enum injection fault, bool with_frame, void (*before)(void))
{
    struct victim victim = start(fault, with_frame, before);
    const struct death death = await(&victim, 10 * LIMIT_MS);
    check_stamp(&death, fault);
    if (death.late || death.took_ns >= LIMIT_MS * NS_PER_MS)
        FAIL("fault %d: %ju ms", fault, (uintmax_t)(death.took_ns / NS_PER_MS));
    return death;
}

TEST(all_but_two_are_the_renderers)
{
    CHECK(!faults_known(INJECT_NONE));
    CHECK(!faults_known(INJECT_COUNT));
    CHECK(!faults_known(UINT32_MAX));
    for (uint32_t fault = INJECT_NONE + 1; fault < INJECT_COUNT; fault++)
        CHECK(faults_known(fault) == (fault != INJECT_KILL_SELF && fault != INJECT_HANG_STOP));
}

/* ---- deaths by signal --------------------------------------------------------------------------------------------- */

#ifndef VITRINE_SANITIZED

static struct death die(enum injection fault, int signal, bool with_frame)
{
    const struct death death = make(fault, with_frame, nothing_before);
    if (!WIFSIGNALED(death.status) || WTERMSIG(death.status) != signal)
        FAIL("fault %d: status 0x%x", fault, death.status);
    return death;
}

extern const char __executable_start, etext;

static bool is_code(uint64_t address)
{
    return address > (uintptr_t)&__executable_start && address < (uintptr_t)&etext;
}

static void check_record(const struct death *death, int signal)
{
    const struct crash_record *record = &death->record;
    REQUIRE(death->n_records == 2);
    CHECK_INT(record->magic, ==, CRASH_RECORD_MAGIC);
    CHECK_INT(record->signal, ==, signal);
    CHECK(record->at_ns >= death->stamp.at_ns && record->at_ns <= clock_now_ns());
    CHECK(record->pc != 0 && record->sp != 0);
    CHECK_INT(record->order_kind, ==, MESSAGE_INJECT);
    CHECK_INT(record->order_serial, ==, SERIAL);
    CHECK_INT(record->thread, !=, 0);
    CHECK_INT(record->n_frames, <=, CRASH_MAX_FRAMES);
    CHECK_INT(record->reserved, ==, 0);
}

/* be_victim, start, make and die at the least: all of them called from within this program. */
static void check_frames(const struct crash_record *record)
{
    CHECK(is_code(record->pc));
    REQUIRE(record->n_frames >= 4);
    for (size_t i = 0; i < 4; i++)
        CHECK(is_code(record->frames[i]));
    CHECK(record->frames[record->n_frames - 1] != 0);
}

/* The same for a death in the C library, which has no frame pointers: who called it is found nevertheless. */
static void check_callers(const struct crash_record *record)
{
    CHECK(!is_code(record->pc));
    REQUIRE(record->n_frames >= 4);
    for (size_t i = 0; i < 4; i++)
        CHECK(is_code(record->frames[i]));
}

TEST(a_write_to_nowhere)
{
    struct death death = die(INJECT_SEGV_NULL, SIGSEGV, false);
    check_record(&death, SIGSEGV);
    CHECK_INT(death.record.code, ==, SEGV_MAPERR);
    CHECK_INT(death.record.address, ==, 0);
    CHECK_INT(death.record.flags, ==, 0);
    check_frames(&death.record);

    death = die(INJECT_SEGV_WILD, SIGSEGV, false);
    check_record(&death, SIGSEGV);
    CHECK_INT(death.record.code, ==, SEGV_MAPERR);
    CHECK_INT(death.record.address, ==, 0x414141414140);
    check_frames(&death.record);
}

#ifdef __x86_64__
/* rbp, rsp and the flags are known without asking. */
TEST(registers_have_their_order)
{
    const struct death death = die(INJECT_SEGV_WILD, SIGSEGV, false);
    const uint64_t *registers = death.record.registers;
    CHECK_INT(registers[7], ==, death.record.sp);
    CHECK_INT(registers[6], >=, registers[7]);
    CHECK(registers[16] & 2); /* flags: always one */
    bool has_address = false;
    for (size_t i = 0; i < 16; i++)
        has_address = has_address || registers[i] == 0x414141414140;
    CHECK(has_address);
}
#endif

TEST(a_stack_without_end)
{
    const struct death death = die(INJECT_STACK_OVERFLOW, SIGSEGV, false);
    check_record(&death, SIGSEGV);
    CHECK_INT(death.record.n_frames, ==, CRASH_MAX_FRAMES);
    for (size_t i = 0; i < CRASH_MAX_FRAMES; i++)
        CHECK(is_code(death.record.frames[i]));
    /* Itself, again and again. */
    CHECK_INT(death.record.frames[20], ==, death.record.frames[40]);
    /* What it touched is at the stack's end, above or below where that stood. */
    CHECK_INT(death.record.address - death.record.sp + 2 * 4096, <=, 4 * 4096);
}

TEST(signals_of_the_processor)
{
    struct death death = die(INJECT_ILL, SIGILL, false);
    check_record(&death, SIGILL);
#ifdef __x86_64__
    check_frames(&death.record);
#endif
    death = die(INJECT_FPE, SIGFPE, false);
    check_record(&death, SIGFPE);
    death = die(INJECT_TRAP, SIGTRAP, false);
    check_record(&death, SIGTRAP);
#ifdef __x86_64__
    check_frames(&death.record);
#endif
}

TEST(beyond_the_end_of_a_file)
{
    struct death death = die(INJECT_BUS, SIGBUS, true);
    check_record(&death, SIGBUS);
    CHECK_INT(death.record.code, ==, BUS_ADRERR);
    check_frames(&death.record);
    /* And without a frame. */
    death = die(INJECT_BUS, SIGBUS, false);
    check_record(&death, SIGBUS);
#ifdef __x86_64__
    CHECK_INT(death.record.code, ==, BUS_ADRALN);
    check_frames(&death.record);
#endif
}

TEST(what_malloc_finds)
{
    static const enum injection faults[] = {INJECT_ABORT, INJECT_DOUBLE_FREE, INJECT_HEAP_SMASH};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        const struct death death = die(faults[i], SIGABRT, false);
        check_record(&death, SIGABRT);
        CHECK_INT(death.record.code, ==, SI_TKILL);
        CHECK_INT(death.record.address, ==, 0);
        check_callers(&death.record);
    }
}

/* A heap with holes and full caches is what a renderer has. */
static void fragment_heap(void)
{
    static void *volatile blocks[4000];
    srandom(5);
    for (size_t i = 0; i < 4000; i++)
        blocks[i] = malloc((size_t)random() % 12000 + 1);
    for (size_t i = 0; i < 4000; i++) {
        if (random() % 2 == 0)
            free(blocks[i]);
    }
}

TEST(the_heap_may_be_in_any_state)
{
    static const struct {
        enum injection fault;
        int signal;
    } rows[] = {{INJECT_DOUBLE_FREE, SIGABRT}, {INJECT_HEAP_SMASH, SIGABRT}, {INJECT_CRASH_HOLDING_LOCK, SIGSEGV}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct death death = make(rows[i].fault, false, fragment_heap);
        CHECK(WIFSIGNALED(death.status) && WTERMSIG(death.status) == rows[i].signal);
        check_record(&death, rows[i].signal);
    }
}

TEST(a_crash_with_the_heaps_lock_held)
{
    const struct death death = die(INJECT_CRASH_HOLDING_LOCK, SIGSEGV, false);
    check_record(&death, SIGSEGV);
    CHECK_INT(death.record.code, ==, SEGV_MAPERR);
    /* The size of the chunk that the link leads to. */
    CHECK_INT(death.record.address, ==, 0x414141414148);
    check_callers(&death.record);
}

TEST(a_crash_in_the_handler)
{
    const struct death death = die(INJECT_CRASH_IN_HANDLER, SIGSEGV, false);
    CHECK_INT(death.n_records, ==, 1); /* the stamp */
}

/* A stack pointer and frames that lead nowhere must not cost the record. */
static void ruin_stack(void)
{
#ifdef __x86_64__
    __asm__ volatile("movq %0, %%rbp\n\tmovq %1, %%rsp\n\tud2"
                     :
                     : "r"((uintptr_t)__builtin_frame_address(0) - (1u << 30)), "r"((uintptr_t)4096)
                     : "memory");
#endif
}

TEST(a_stack_in_ruins)
{
#ifdef __x86_64__
    struct victim victim = start(INJECT_ABORT, false, ruin_stack);
    struct death death = await(&victim, LIMIT_MS);
    CHECK(WIFSIGNALED(death.status) && WTERMSIG(death.status) == SIGILL);
    REQUIRE(death.n_records == 1); /* before any stamp */
    CHECK_INT(death.stamp.signal, ==, SIGILL);
    CHECK_INT(death.stamp.sp, ==, 4096);
    CHECK_INT(death.stamp.n_frames, ==, 0);
#else
    (void)ruin_stack;
    SKIP("in x86-64's assembly");
#endif
}

/* ---- memory ------------------------------------------------------------------------------------------------------- */

static size_t n_mapped(void)
{
    CLOSE_FD int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    char text[64] = "";
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
        return 0;
    return (size_t)strtoull(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

static void limit_memory(void)
{
    const struct rlimit limit = {n_mapped() + ROOM_BYTES, n_mapped() + ROOM_BYTES};
    setrlimit(RLIMIT_AS, &limit);
}

TEST(memory_runs_out)
{
    struct death death = make(INJECT_OOM_SLOW, false, limit_memory);
    CHECK(WIFSIGNALED(death.status) && WTERMSIG(death.status) == SIGSEGV);
    check_record(&death, SIGSEGV);
    CHECK_INT(death.record.address, ==, 0);
    CHECK_INT(death.record.flags, ==, CRASH_AT_MEMORY_LIMIT);

    death = make(INJECT_OOM_FAST, false, limit_memory);
    CHECK(WIFSIGNALED(death.status) && WTERMSIG(death.status) == SIGABRT);
    check_record(&death, SIGABRT);
    CHECK_INT(death.record.flags, ==, CRASH_AT_MEMORY_LIMIT);
}

#else

TEST(deaths_by_signal)
{
    SKIP("the sanitizer has handlers and a heap of its own");
}

static void limit_memory(void)
{
    engines_set_memory_limit(ROOM_BYTES);
}

/* There is no limit to run into: they stop by themselves. */
TEST(memory_runs_out)
{
    static const enum injection faults[] = {INJECT_OOM_SLOW, INJECT_OOM_FAST};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        const struct death death = make(faults[i], false, limit_memory);
        CHECK(WIFSIGNALED(death.status) && WTERMSIG(death.status) == SIGABRT);
    }
}

#endif

/* ---- leaving ------------------------------------------------------------------------------------------------------ */

static struct death leave(enum injection fault, int status)
{
    const struct death death = make(fault, false, nothing_before);
    if (!WIFEXITED(death.status) || WEXITSTATUS(death.status) != status)
        FAIL("fault %d: status 0x%x", fault, death.status);
    return death;
}

TEST(leaving)
{
    CHECK_INT(leave(INJECT_EXIT_0, 0).n_records, ==, 1);
    CHECK_INT(leave(INJECT_EXIT_77, 77).n_records, ==, 1);
}

TEST(a_forged_report)
{
    const struct death death = leave(INJECT_FORGED_REPORT, 0);
    REQUIRE(death.n_records == 2);
    CHECK_INT(death.record.magic, ==, CRASH_RECORD_MAGIC);
    CHECK_INT(death.record.signal, ==, SIGSEGV);
    CHECK_INT(death.record.address, ==, 0xdead);
    CHECK_INT(death.record.n_frames, ==, UINT32_MAX);
    CHECK_INT(death.record.frames[1], ==, 0xdead0001);
}

/* Without the filter the file can be opened, and that must not look like any of the ends that are expected. */
TEST(a_sandbox_that_leaks_is_told)
{
    leave(INJECT_SYSCALL_OPEN, 99);
}

/* ---- hanging ------------------------------------------------------------------------------------------------------ */

TEST(hanging)
{
    static const enum injection faults[] = {INJECT_HANG_LOOP, INJECT_HANG_BLOCKED_SIGNALS, INJECT_NEVER_READS};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct victim victim = start(faults[i], false, nothing_before);
        struct pollfd look = {.fd = victim.crash_fd, .events = POLLIN};
        CHECK_INT(poll(&look, 1, LIMIT_MS), ==, 1); /* the stamp: it has begun */
        const struct death death = await(&victim, 100);
        check_stamp(&death, faults[i]);
        CHECK(death.late);
        CHECK(WIFSIGNALED(death.status) && WTERMSIG(death.status) == SIGKILL);
        CHECK_INT(death.n_records, ==, 1);
    }
}

/* ---- messages ----------------------------------------------------------------------------------------------------- */

static struct arena arena;
static uint8_t buffer[CHANNEL_MAX_BYTES];

/* What the broker makes of the next datagram: what the channel says of it, or the judgement of message_decode. */
static enum message_fault judge_next(struct victim *victim, struct message *ret_message)
{
    struct datagram datagram;
    const int result = channel_receive(&victim->channel, buffer, &datagram);
    switch (result) {
    case 0:
        break;
    case CHANNEL_ZERO_LENGTH:
        return FAULT_ZERO_LENGTH;
    case CHANNEL_TRUNCATED:
        return FAULT_TRUNCATED;
    case CHANNEL_TOO_MANY_FDS:
        return FAULT_TOO_MANY_FDS;
    default:
        FAIL("no datagram: %d", result);
        return FAULT_NONE;
    }
    const enum message_fault fault = message_decode(&datagram, SENDER_RENDERER, WHEN_INJECTING, &arena, ret_message);
    datagram_finish(&datagram);
    return fault;
}

TEST(messages_that_no_honest_renderer_sends)
{
    static const struct {
        enum injection fault;
        enum message_fault expected;
        int status;
    } rows[] = {
        {INJECT_GARBAGE_MESSAGE, FAULT_ENVELOPE, EXIT_SURVIVED},
        {INJECT_OVERSIZED_MESSAGE, FAULT_TRUNCATED, EXIT_SURVIVED},
        {INJECT_ZERO_MESSAGE, FAULT_ZERO_LENGTH, EXIT_SURVIVED},
        {INJECT_FD_FLOOD, FAULT_TOO_MANY_FDS, EXIT_SURVIVED},
        {INJECT_WRONG_STATE, FAULT_STATE, EXIT_SURVIVED},
        {INJECT_WRONG_SERIAL, FAULT_NONE, EXIT_SURVIVED}, /* the broker knows its serials, the table does not */
        {INJECT_HALF_THEN_DIE, FAULT_ENVELOPE, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct victim victim = start(rows[i].fault, false, nothing_before);
        struct message message;
        CHECK_INT(judge_next(&victim, &message), ==, rows[i].expected);
        if (rows[i].fault == INJECT_WRONG_SERIAL) {
            REQUIRE(message.kind == MESSAGE_PROGRESSED);
            CHECK_INT(message.progressed->serial, ==, SERIAL + 1);
        }
        const struct death death = await(&victim, LIMIT_MS);
        check_stamp(&death, rows[i].fault);
        CHECK(WIFEXITED(death.status) && WEXITSTATUS(death.status) == rows[i].status);
    }
}

/* Each datagram by itself is beyond reproach. */
TEST(a_flood_of_messages)
{
    struct victim victim = start(INJECT_MESSAGE_FLOOD, false, nothing_before);
    uint64_t last = 0;
    for (int i = 0; i < 5000; i++) {
        struct message message;
        REQUIRE(judge_next(&victim, &message) == FAULT_NONE);
        REQUIRE(message.kind == MESSAGE_PROGRESSED);
        CHECK_INT(message.progressed->serial, ==, SERIAL);
        CHECK(message.progressed->done > last);
        last = message.progressed->done;
    }
    const struct death death = await(&victim, 50);
    CHECK(death.late);
}

/* ---- what is survived --------------------------------------------------------------------------------------------- */

TEST(a_race_for_the_frame)
{
    struct victim victim = start(INJECT_FRAME_RACE, true, nothing_before);
    volatile uint8_t *const pixels = victim.frame;
    const size_t n_slot = victim.layout.slot_bytes;
    size_t n_changes = 0;
    uint8_t seen = 0, seen_second = 0;
    struct pollfd look = {.fd = victim.pidfd, .events = POLLIN};
    while (poll(&look, 1, 0) == 0) {
        n_changes += pixels[0] != seen;
        seen = pixels[0];
        seen_second |= pixels[n_slot];
    }
    const struct death death = await(&victim, LIMIT_MS);
    check_stamp(&death, INJECT_FRAME_RACE);
    CHECK(WIFEXITED(death.status) && WEXITSTATUS(death.status) == EXIT_SURVIVED);
    CHECK_INT(death.took_ns, >=, 100 * NS_PER_MS);
    CHECK_INT(n_changes, >, 2);
    CHECK_INT(seen_second, !=, 0);

    leave(INJECT_FRAME_RACE, EXIT_SURVIVED); /* where there is no frame yet */
}

TEST(a_title_full_of_escapes)
{
    struct engine_facts facts = {0};
    const struct faults_context context = {.facts = &facts};
    faults_run(&context, INJECT_TITLE_ESCAPE);
    const size_t n = strlen(facts.title);
    CHECK_INT(n, >, sizeof facts.title / 2);
    CHECK_INT(n, <, sizeof facts.title);
    CHECK(text_is_utf8(facts.title, n));
    CHECK(strstr(facts.title, "\x1b]8;;") != NULL);
    CHECK(strstr(facts.title, "\x1b]52;") != NULL);
    CHECK(strstr(facts.title, "\u202e") != NULL);
    CHECK(strchr(facts.title, '\n') != NULL);
    CHECK_STR(facts.detail, "");
}

TEST(a_slow_reader)
{
    int receive_delay_ms = 0;
    const struct faults_context context = {.receive_delay_ms = &receive_delay_ms};
    faults_run(&context, INJECT_SLOW_READER);
    CHECK_INT(receive_delay_ms, ==, 50);
}
