/* The judge as a table, contradictory evidence included: what the broker and the kernel saw counts, what the suspect
 * wrote does not. */
#include "broker/crash.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/test.h"

#define EXITED(n) .wait_code = CLD_EXITED, .wait_status = (n)
#define KILLED(n) .wait_code = CLD_KILLED, .wait_status = (n)
#define DUMPED(n) .wait_code = CLD_DUMPED, .wait_status = (n)
/* The record of another signal than it died of, from a time to come. */
#define FORGED \
    .has_record = true, .record = {.magic = CRASH_RECORD_MAGIC, .signal = SIGFPE, .at_ns = UINT64_MAX, .address = 1}

/* Its own record says that it stood at its limit. */
#define AT_LIMIT(n) \
    .has_record = true, .record = {.magic = CRASH_RECORD_MAGIC, .signal = (n), .flags = CRASH_AT_MEMORY_LIMIT}

static const struct {
    const char *what;
    struct evidence evidence;
    enum verdict verdict;
} rows[] = {
    {"left", {EXITED(0)}, VERDICT_EXIT},
    {"left with a status", {EXITED(77)}, VERDICT_EXIT},
    {"fault", {KILLED(SIGSEGV)}, VERDICT_SIGNAL},
    {"fault with a core", {DUMPED(SIGABRT)}, VERDICT_SIGNAL},
    {"terminated from outside", {KILLED(SIGTERM)}, VERDICT_SIGNAL},
    {"killed from outside", {KILLED(SIGKILL)}, VERDICT_KILLED},
    {"processor time used up", {KILLED(SIGXCPU)}, VERDICT_HANG},
    {"the kernel's own kill", {KILLED(SIGSYS)}, VERDICT_VIOLATION},
    {"notified and killed", {KILLED(SIGKILL), .violated = true, .call = SYS_socket}, VERDICT_VIOLATION},
    {"bad message and killed", {KILLED(SIGKILL), .fault = FAULT_UTF8}, VERDICT_PROTOCOL},
    {"stuck and killed", {KILLED(SIGKILL), .hung = true}, VERDICT_HANG},
    {"out of memory and killed", {KILLED(SIGKILL), .out_of_memory = true}, VERDICT_MEMORY},
    {"dismissed and left", {EXITED(0), .dismissed = true}, VERDICT_NONE},
    {"dismissed and killed for being slow", {KILLED(SIGKILL), .dismissed = true}, VERDICT_NONE},

    /* Two things at once: the first cause, as far as it can be known. */
    {"bad message, then left", {EXITED(0), .fault = FAULT_ENVELOPE}, VERDICT_PROTOCOL},
    {"bad message, then a fault", {KILLED(SIGSEGV), .fault = FAULT_ENVELOPE}, VERDICT_PROTOCOL},
    {"violation and bad message", {KILLED(SIGKILL), .violated = true, .fault = FAULT_STATE}, VERDICT_VIOLATION},
    {"violation and stuck", {KILLED(SIGKILL), .violated = true, .hung = true}, VERDICT_VIOLATION},
    {"violation, but it left first", {EXITED(0), .violated = true}, VERDICT_VIOLATION},
    {"the kernel's kill and a bad message", {KILLED(SIGSYS), .fault = FAULT_FLOOD}, VERDICT_VIOLATION},
    {"stuck, then a fault", {KILLED(SIGSEGV), .hung = true}, VERDICT_HANG},
    {"bad message while stuck", {KILLED(SIGKILL), .fault = FAULT_FLOOD, .hung = true}, VERDICT_PROTOCOL},
    {"says out of memory, and sends rubbish",
     {KILLED(SIGKILL), .out_of_memory = true, .fault = FAULT_LENGTH},
     VERDICT_PROTOCOL},
    {"dismissed, but crashed", {KILLED(SIGSEGV), .dismissed = true}, VERDICT_SIGNAL},
    {"dismissed, but violated", {KILLED(SIGKILL), .dismissed = true, .violated = true}, VERDICT_VIOLATION},

    /* What it wrote itself changes nothing. */
    {"left, with a crash record", {EXITED(0), FORGED}, VERDICT_EXIT},
    {"killed, with a crash record", {KILLED(SIGKILL), FORGED}, VERDICT_KILLED},
    {"fault, with another's record", {KILLED(SIGSEGV), FORGED}, VERDICT_SIGNAL},
    {"a fault at the limit, by a record that fits", {KILLED(SIGSEGV), AT_LIMIT(SIGSEGV)}, VERDICT_MEMORY},
    {"an abort at the limit", {KILLED(SIGABRT), AT_LIMIT(SIGABRT)}, VERDICT_MEMORY},
    {"a core at the limit", {DUMPED(SIGBUS), AT_LIMIT(SIGBUS)}, VERDICT_MEMORY},
    {"a division by zero has nothing to do with memory", {KILLED(SIGFPE), AT_LIMIT(SIGFPE)}, VERDICT_SIGNAL},
    {"at the limit, but of another signal", {KILLED(SIGSEGV), AT_LIMIT(SIGABRT)}, VERDICT_SIGNAL},
    {"at the limit, and left", {EXITED(0), AT_LIMIT(SIGSEGV)}, VERDICT_EXIT},
    {"at the limit, and killed", {KILLED(SIGKILL), AT_LIMIT(SIGKILL)}, VERDICT_KILLED},
    {"at the limit, but a bad message before",
     {KILLED(SIGABRT), .fault = FAULT_STATE, AT_LIMIT(SIGABRT)},
     VERDICT_PROTOCOL},
    {"no record at all",
     {KILLED(SIGSEGV), .record = {.signal = SIGSEGV, .flags = CRASH_AT_MEMORY_LIMIT}},
     VERDICT_SIGNAL},
    {"killed by the kernel's want of memory", {KILLED(SIGKILL), .oom_killed = true}, VERDICT_MEMORY},
    {"want of memory, but it died of a fault", {KILLED(SIGSEGV), .oom_killed = true}, VERDICT_SIGNAL},
    {"want of memory, but it left", {EXITED(0), .oom_killed = true}, VERDICT_EXIT},
    {"want of memory, dismissed", {KILLED(SIGKILL), .oom_killed = true, .dismissed = true}, VERDICT_NONE},
    {"its namespace ended", {KILLED(SIGKILL), .init_died = true}, VERDICT_KILLED},
    {"its namespace ended, it was stuck", {KILLED(SIGKILL), .init_died = true, .hung = true}, VERDICT_HANG},
    {"a stamp changes nothing", {EXITED(3), .stamp_ns = 1, .injected_ns = 1, .noticed_ns = 2}, VERDICT_EXIT},
    {"dismissed, with a crash record", {EXITED(0), .dismissed = true, FORGED}, VERDICT_NONE},
};
#define N_ROWS (sizeof rows / sizeof rows[0])

TEST(verdicts)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        const enum verdict verdict = crash_judge(&rows[i].evidence);
        if (verdict != rows[i].verdict)
            FAIL("%s: %s, not %s", rows[i].what, verdict_name(verdict), verdict_name(rows[i].verdict));
    }
}

/* Each is one line, whatever the room, and holds nothing but the truth. */
TEST(descriptions)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        char line[256] = "", little[8] = "";
        crash_describe(&rows[i].evidence, line, sizeof line);
        if (line[0] == '\0' || strchr(line, '\n') != NULL)
            FAIL("%s: \"%s\"", rows[i].what, line);
        crash_describe(&rows[i].evidence, little, sizeof little);
        CHECK(memchr(little, '\0', sizeof little) != NULL);
    }
    char line[256];
    crash_describe(&(struct evidence){KILLED(SIGKILL), .violated = true, .call = SYS_socket, .call_args = {2, 1}}, line,
                   sizeof line);
    CHECK(strstr(line, "socket(0x2, 0x1") != NULL);
    crash_describe(&(struct evidence){KILLED(SIGSEGV), FORGED}, line, sizeof line);
    CHECK_STR(line, "crashed with SIGSEGV");
    crash_describe(&(struct evidence){KILLED(SIGKILL), .fault = FAULT_FLOOD}, line, sizeof line);
    CHECK(strstr(line, "20") != NULL && strstr(line, "flood") != NULL);
}

TEST(names)
{
    char name[64];
    CHECK_STR(signal_name(SIGSEGV, name, sizeof name), "SIGSEGV");
    CHECK_STR(signal_name(999, name, sizeof name), "signal 999");
    CHECK_STR(call_name(SYS_ptrace, name, sizeof name), "ptrace");
    CHECK_STR(call_name(100000, name, sizeof name), "call 100000");
    CHECK_STR(call_name(-1, name, sizeof name), "call -1");
}

/* ---- records ---------------------------------------------------------------------------------------------------------- */

static struct crash_record record_of(int signal)
{
    struct crash_record record = {.magic = CRASH_RECORD_MAGIC, .signal = signal, .n_frames = 2, .at_ns = 7};
    memset(record.frames, 0xee, sizeof record.frames);
    return record;
}

static bool parses(const struct crash_record *bytes, struct crash_record *ret_record)
{
    return crash_record_parse(bytes, sizeof *bytes, ret_record);
}

TEST(records_that_are_none)
{
    /* One more byte than a record, so that a size one too large reads nothing that is not there. */
    uint8_t bytes[sizeof(struct crash_record) + 1] = {0};
    struct crash_record record = record_of(SIGSEGV), untouched = {.address = 0x1234};
    memcpy(bytes, &record, sizeof record);
    CHECK(crash_record_parse(bytes, sizeof record, &(struct crash_record){0}));
    for (size_t n = 0; n <= sizeof bytes; n++) {
        if (n != sizeof record)
            CHECK(!crash_record_parse(bytes, n, &untouched));
    }
    static const int signals[] = {-1, INT32_MIN, INT32_MAX, NSIG, NSIG + 1};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        record = record_of(signals[i]);
        if (parses(&record, &untouched))
            FAIL("signal %d", signals[i]);
    }
    static const uint32_t counts[] = {CRASH_MAX_FRAMES + 1, 0x80000000u, UINT32_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        record = record_of(SIGSEGV);
        record.n_frames = counts[i];
        CHECK(!parses(&record, &untouched));
    }
    static const uint32_t magics[] = {0, 0x31485356u, CRASH_RECORD_MAGIC + 1, 0x56534832u};
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        record = record_of(SIGSEGV);
        record.magic = magics[i];
        CHECK(!parses(&record, &untouched));
    }
    CHECK_INT(untouched.address, ==, 0x1234);
}

TEST(records_are_taken_with_their_frames_and_no_more)
{
    for (uint32_t n = 0; n <= CRASH_MAX_FRAMES; n++) {
        struct crash_record sent = record_of(n == 0 ? 0 : NSIG - 1), got;
        sent.n_frames = n;
        REQUIRE(parses(&sent, &got));
        CHECK_INT(got.n_frames, ==, n);
        CHECK_INT(got.at_ns, ==, 7);
        for (uint32_t i = 0; i < CRASH_MAX_FRAMES; i++)
            CHECK(got.frames[i] == (i < n ? 0xeeeeeeeeeeeeeeeeu : 0));
    }
}

/* In place, as the crash pipe's reader does it. */
TEST(records_are_taken_in_place)
{
    struct crash_record record = record_of(SIGBUS);
    CHECK(crash_record_parse(&record, sizeof record, &record));
    CHECK(record.signal == SIGBUS && record.frames[1] != 0 && record.frames[2] == 0);
}

TEST(records_that_fit)
{
    static const struct {
        struct evidence evidence;
        bool fits;
    } fitting[] = {
        {{KILLED(SIGSEGV), .has_record = true, .record = {.signal = SIGSEGV}}, true},
        {{DUMPED(SIGSEGV), .has_record = true, .record = {.signal = SIGSEGV}}, true},
        {{KILLED(SIGSEGV), .has_record = true, .record = {.signal = SIGBUS}}, false},
        {{KILLED(SIGSEGV), .record = {.signal = SIGSEGV}}, false},
        {{EXITED(SIGSEGV), .has_record = true, .record = {.signal = SIGSEGV}}, false},
        {{EXITED(0), .has_record = true, .record = {.signal = 0}}, false},
    };
    for (size_t i = 0; i < sizeof fitting / sizeof fitting[0]; i++) {
        if (crash_record_fits(&fitting[i].evidence) != fitting[i].fits)
            FAIL("row %zu", i);
    }
}

#define S             1000000000ull
#define RECORD_AT(ns) .has_record = true, .record = {.signal = SIGSEGV, .at_ns = (ns)}

TEST(when_it_fell)
{
    static const struct {
        const char *what;
        struct evidence evidence;
        uint64_t fault_ns;
    } times[] = {
        {"a record", {KILLED(SIGSEGV), RECORD_AT(9 * S), .noticed_ns = 10 * S}, 9 * S},
        {"in the same moment", {KILLED(SIGSEGV), RECORD_AT(10 * S), .noticed_ns = 10 * S}, 10 * S},
        {"after it was noticed", {KILLED(SIGSEGV), RECORD_AT(10 * S + 1), .noticed_ns = 10 * S}, 0},
        {"at the end of time", {KILLED(SIGSEGV), RECORD_AT(UINT64_MAX), .noticed_ns = 10 * S}, 0},
        {"ten minutes ago", {KILLED(SIGSEGV), RECORD_AT(S), .noticed_ns = 601 * S}, S},
        {"longer ago", {KILLED(SIGSEGV), RECORD_AT(S), .noticed_ns = 601 * S + 1}, 0},
        {"of another death", {KILLED(SIGBUS), RECORD_AT(9 * S), .noticed_ns = 10 * S}, 0},
        {"no record", {KILLED(SIGSEGV), .noticed_ns = 10 * S}, 0},
        {"a stamp", {EXITED(0), .injected_ns = 8 * S, .stamp_ns = 9 * S, .noticed_ns = 10 * S}, 9 * S},
        {"a stamp nobody ordered", {EXITED(0), .stamp_ns = 9 * S, .noticed_ns = 10 * S}, 0},
        {"a stamp from before the order",
         {EXITED(0), .injected_ns = 9 * S, .stamp_ns = 8 * S, .noticed_ns = 10 * S},
         0},
        {"a stamp to come", {EXITED(0), .injected_ns = 9 * S, .stamp_ns = 11 * S, .noticed_ns = 10 * S}, 0},
        {"a record before a stamp",
         {KILLED(SIGSEGV), RECORD_AT(9 * S), .injected_ns = 7 * S, .stamp_ns = 8 * S, .noticed_ns = 10 * S},
         9 * S},
        {"a record that does not fit, and a stamp",
         {EXITED(0), RECORD_AT(9 * S), .injected_ns = 7 * S, .stamp_ns = 8 * S, .noticed_ns = 10 * S},
         8 * S},
    };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        const uint64_t fault_ns = crash_fault_ns(&times[i].evidence);
        if (fault_ns != times[i].fault_ns)
            FAIL("%s: %llu", times[i].what, (unsigned long long)fault_ns);
    }
}
