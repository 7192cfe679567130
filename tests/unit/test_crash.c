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
