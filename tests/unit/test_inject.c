/* The list of faults, and what must come of each: every row, every stage, and evidence that contradicts itself. */
#include "broker/inject.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/test.h"

#define EXITED(n) .wait_code = CLD_EXITED, .wait_status = (n)
#define KILLED(n) .wait_code = CLD_KILLED, .wait_status = (n)

#define FOR_ALL(fault) for (enum injection fault = INJECT_NONE + 1; fault < INJECT_COUNT; fault++)

/* A word that fits the command line. */
static bool is_plain_word(const char *name)
{
    return name[0] != '\0' && strlen(name) < 22 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
}

TEST(every_row_has_a_name_of_its_own_and_an_expectation)
{
    CHECK_INT(INJECT_COUNT - 1, >=, 42);
    FOR_ALL(fault)
    {
        char expectation[96] = "", little[4];
        if (!is_plain_word(injection_name(fault)))
            FAIL("row %d is called \"%s\"", (int)fault, injection_name(fault));
        for (enum injection other = INJECT_NONE; other < fault; other++)
            CHECK(strcmp(injection_name(fault), injection_name(other)) != 0);
        CHECK(injection_expectation(fault, expectation, sizeof expectation) == expectation);
        const char *verdict = verdict_name(injection_verdict(fault));
        if (strncmp(expectation, verdict, strlen(verdict)) != 0)
            FAIL("%s: \"%s\"", injection_name(fault), expectation);
        CHECK(memchr(injection_expectation(fault, little, sizeof little), '\0', sizeof little) != NULL);
    }
}

TEST(expectations)
{
    static const struct {
        enum injection fault;
        const char *expectation;
    } rows[] = {
        {INJECT_SEGV_NULL, "signal SIGSEGV"},
        {INJECT_TRAP, "signal SIGTRAP"},
        {INJECT_EXIT_77, "exit 77"},
        {INJECT_EXIT_0, "exit 0"},
        {INJECT_FORGED_REPORT, "exit 0"},
        {INJECT_KILL_SELF, "killed"},
        {INJECT_OOM_SLOW, "memory"},
        {INJECT_SYSCALL_OPEN, "violation openat2"},
        {INJECT_THREAD_BOMB, "violation"},
        {INJECT_HANG_STOP, "hang"},
        {INJECT_WRONG_STATE, "protocol 7 wrong-state"},
        {INJECT_ZERO_MESSAGE, "protocol 1 zero-length"},
        {INJECT_FRAME_RACE, "none"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[96];
        CHECK_STR(injection_expectation(rows[i].fault, text, sizeof text), rows[i].expectation);
    }
}

/* The contract of --inject list: a line a kind, the name first, no heading. */
TEST(the_list)
{
    char *text = NULL;
    size_t n_text = 0;
    FILE *out = open_memstream(&text, &n_text);
    REQUIRE(out != NULL);
    injection_print_list(out);
    REQUIRE(fclose(out) == 0);
    char *rest = text, *line;
    FOR_ALL(fault)
    {
        char expectation[96];
        REQUIRE((line = strsep(&rest, "\n")) != NULL);
        const size_t n_name = strcspn(line, " ");
        if (strlen(injection_name(fault)) != n_name || memcmp(line, injection_name(fault), n_name) != 0)
            FAIL("\"%s\" is not %s", line, injection_name(fault));
        CHECK_STR(line + n_name + strspn(line + n_name, " "),
                  injection_expectation(fault, expectation, sizeof expectation));
    }
    CHECK_STR(rest, "");
    free(text);
}

TEST(stages)
{
    for (enum inject_stage stage = 0; stage < STAGE_COUNT; stage++) {
        CHECK(inject_stage_name(stage)[0] != '\0');
        for (enum inject_stage other = 0; other < stage; other++)
            CHECK(strcmp(inject_stage_name(stage), inject_stage_name(other)) != 0);
    }
    FOR_ALL(fault)
    {
        const bool outside = fault == INJECT_KILL_SELF || fault == INJECT_HANG_STOP;
        CHECK(injection_is_from_outside(fault) == outside);
        CHECK(injection_fits(fault, injection_stage(fault)));
        if (injection_fits(fault, STAGE_CLIMBING) != outside)
            FAIL("%s while climbing", injection_name(fault));
        for (enum inject_stage stage = STAGE_READY; stage < STAGE_COUNT; stage++) {
            const bool fits = fault != INJECT_TITLE_ESCAPE || stage == STAGE_OPENING;
            if (injection_fits(fault, stage) != fits)
                FAIL("%s while %s", injection_name(fault), inject_stage_name(stage));
        }
    }
}

static const struct {
    const char *what;
    enum injection fault;
    enum inject_stage stage;
    struct evidence evidence;
    bool right;
} rows[] = {
    {"the signal", INJECT_SEGV_NULL, STAGE_IDLE, {KILLED(SIGSEGV)}, true},
    {"with a core", INJECT_SEGV_NULL, STAGE_IDLE, {.wait_code = CLD_DUMPED, .wait_status = SIGSEGV}, true},
    {"another signal", INJECT_SEGV_NULL, STAGE_IDLE, {KILLED(SIGBUS)}, false},
    {"no signal", INJECT_SEGV_NULL, STAGE_IDLE, {EXITED(SIGSEGV)}, false},
    {"SIGKILL", INJECT_SEGV_NULL, STAGE_IDLE, {KILLED(SIGKILL)}, false},
    {"it leaves, with a record",
     INJECT_SEGV_NULL,
     STAGE_IDLE,
     {EXITED(0), .has_record = true, .record = {.magic = CRASH_RECORD_MAGIC, .signal = SIGSEGV}},
     false},
    {"the signal, after a bad message", INJECT_SEGV_NULL, STAGE_IDLE, {KILLED(SIGSEGV), .fault = FAULT_FLOOD}, false},
    {"the signal, stuck before", INJECT_ABORT, STAGE_PAINTING, {KILLED(SIGABRT), .hung = true}, false},

    {"the call", INJECT_SYSCALL_SOCKET, STAGE_IDLE, {KILLED(SIGKILL), .violated = true, .call = SYS_socket}, true},
    {"another call", INJECT_SYSCALL_SOCKET, STAGE_IDLE, {KILLED(SIGKILL), .violated = true, .call = SYS_dup}, false},
    {"the kernel's kill, no name", INJECT_SYSCALL_SOCKET, STAGE_IDLE, {KILLED(SIGSYS)}, true},
    {"any call", INJECT_THREAD_BOMB, STAGE_IDLE, {KILLED(SIGKILL), .violated = true, .call = SYS_clone}, true},
    {"any other call", INJECT_THREAD_BOMB, STAGE_IDLE, {KILLED(SIGKILL), .violated = true, .call = SYS_dup}, true},
    {"no violation", INJECT_THREAD_BOMB, STAGE_IDLE, {KILLED(SIGKILL)}, false},

    {"the reason", INJECT_WRONG_STATE, STAGE_IDLE, {KILLED(SIGKILL), .fault = FAULT_STATE}, true},
    {"another reason", INJECT_WRONG_STATE, STAGE_IDLE, {KILLED(SIGKILL), .fault = FAULT_SERIAL}, false},
    {"no reason", INJECT_WRONG_STATE, STAGE_IDLE, {KILLED(SIGKILL)}, false},
    {"half, then gone", INJECT_HALF_THEN_DIE, STAGE_IDLE, {EXITED(0), .fault = FAULT_ENVELOPE}, true},
    {"gone without the half", INJECT_HALF_THEN_DIE, STAGE_IDLE, {EXITED(0)}, false},

    {"the status", INJECT_EXIT_77, STAGE_IDLE, {EXITED(77)}, true},
    {"another status", INJECT_EXIT_77, STAGE_IDLE, {EXITED(0)}, false},
    {"a signal of that number", INJECT_EXIT_77, STAGE_IDLE, {KILLED(77)}, false},
    {"forged: it just left",
     INJECT_FORGED_REPORT,
     STAGE_IDLE,
     {EXITED(0), .has_record = true, .record = {.magic = CRASH_RECORD_MAGIC, .signal = SIGSEGV}},
     true},
    {"forged: it was believed", INJECT_FORGED_REPORT, STAGE_IDLE, {KILLED(SIGSEGV)}, false},
    {"the sandbox leaked", INJECT_SYSCALL_OPEN, STAGE_IDLE, {EXITED(99)}, false},

    {"killed", INJECT_KILL_SELF, STAGE_PAINTING, {KILLED(SIGKILL)}, true},
    {"killed while it climbs", INJECT_KILL_SELF, STAGE_CLIMBING, {KILLED(SIGKILL)}, true},
    {"killed for want of memory", INJECT_KILL_SELF, STAGE_IDLE, {KILLED(SIGKILL), .oom_killed = true}, false},
    {"hung", INJECT_HANG_LOOP, STAGE_OPENING, {KILLED(SIGKILL), .hung = true}, true},
    {"hung, by the kernel's count", INJECT_HANG_LOOP, STAGE_OPENING, {KILLED(SIGXCPU)}, true},
    {"hung, and left", INJECT_HANG_LOOP, STAGE_OPENING, {EXITED(0)}, false},
    {"memory", INJECT_OOM_SLOW, STAGE_IDLE, {KILLED(SIGKILL), .out_of_memory = true}, true},
    {"memory, as the kernel saw it", INJECT_OOM_FAST, STAGE_IDLE, {KILLED(SIGKILL), .oom_killed = true}, true},
    {"memory, as a crash", INJECT_OOM_FAST, STAGE_IDLE, {KILLED(SIGABRT)}, false},

    {"to be survived, and dead", INJECT_FRAME_RACE, STAGE_IDLE, {KILLED(SIGSEGV)}, false},
    {"to be survived, and left", INJECT_SLOW_READER, STAGE_IDLE, {EXITED(0)}, false},
    {"to be survived, and dismissed while idle", INJECT_SLOW_READER, STAGE_IDLE, {EXITED(0), .dismissed = true}, false},
    {"to be survived, and let go", INJECT_SLOW_READER, STAGE_CLOSING, {EXITED(0), .dismissed = true}, true},
    {"to be survived, and killed when let go",
     INJECT_FRAME_RACE,
     STAGE_CLOSING,
     {KILLED(SIGKILL), .dismissed = true},
     true},
    {"to be survived, and dead when let go",
     INJECT_FRAME_RACE,
     STAGE_CLOSING,
     {KILLED(SIGSEGV), .dismissed = true},
     false},

    /* A renderer that is hung up on has a moment, and no more. */
    {"closing, the signal", INJECT_SEGV_WILD, STAGE_CLOSING, {KILLED(SIGSEGV), .dismissed = true}, true},
    {"closing, too slow for it", INJECT_SEGV_WILD, STAGE_CLOSING, {KILLED(SIGKILL), .dismissed = true}, true},
    {"closing, another signal", INJECT_SEGV_WILD, STAGE_CLOSING, {KILLED(SIGBUS), .dismissed = true}, false},
    {"closing, a hang nobody waits for", INJECT_HANG_LOOP, STAGE_CLOSING, {KILLED(SIGKILL), .dismissed = true}, true},
    {"closing, a message nobody reads", INJECT_ZERO_MESSAGE, STAGE_CLOSING, {EXITED(0), .dismissed = true}, true},
    {"closing, a violation",
     INJECT_FD_EXHAUST,
     STAGE_CLOSING,
     {KILLED(SIGKILL), .dismissed = true, .violated = true, .call = SYS_dup},
     true},
    {"closing, another violation",
     INJECT_FD_EXHAUST,
     STAGE_CLOSING,
     {KILLED(SIGKILL), .dismissed = true, .violated = true, .call = SYS_socket},
     false},
    {"idle, as if let go", INJECT_SEGV_WILD, STAGE_IDLE, {KILLED(SIGKILL), .dismissed = true}, false},
};

TEST(what_a_fault_must_lead_to)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct inject_plan plan = {.fault = rows[i].fault, .stage = rows[i].stage};
        if (injection_expects(&plan, &rows[i].evidence) != rows[i].right)
            FAIL("%s (%s while %s): taken for %s", rows[i].what, injection_name(plan.fault),
                 inject_stage_name(plan.stage), rows[i].right ? "wrong" : "right");
    }
}

/* No end of a renderer is right for all of them, and none for a fault that has another verdict. */
TEST(no_evidence_fits_faults_of_several_verdicts)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const enum verdict verdict = crash_judge(&rows[i].evidence);
        FOR_ALL(fault)
        {
            const struct inject_plan plan = {.fault = fault, .stage = STAGE_IDLE};
            if (injection_expects(&plan, &rows[i].evidence) && injection_verdict(fault) != verdict)
                FAIL("%s: taken for %s", rows[i].what, injection_name(fault));
        }
    }
}
