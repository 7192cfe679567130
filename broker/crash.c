#include "broker/crash.h"

#include <inttypes.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/clock.h"

/* A time told by the suspect further back than this is no time at which it fell. */
#define MAX_DETECTION_NS (600 * NS_PER_S)

static bool died_by_signal(const struct evidence *evidence)
{
    return evidence->wait_code == CLD_KILLED || evidence->wait_code == CLD_DUMPED;
}

/* Its limit met code that does not ask whether it got what it asked for: a null pointer, an abort. That it stood at the
 * limit is the suspect's word, and all that hangs on it is the word for its death. */
static bool died_at_memory_limit(const struct evidence *evidence)
{
    return crash_record_fits(evidence) && (evidence->record.flags & CRASH_AT_MEMORY_LIMIT) &&
           (evidence->wait_status == SIGSEGV || evidence->wait_status == SIGABRT || evidence->wait_status == SIGBUS);
}

enum verdict crash_judge(const struct evidence *evidence)
{
    const bool by_signal = died_by_signal(evidence);

    /* What the broker killed for comes before how the process then looked: it may have died of something else in the
     * same moment, and the first cause is the one to tell. */
    if (evidence->violated || (by_signal && evidence->wait_status == SIGSYS))
        return VERDICT_VIOLATION;
    if (evidence->fault != FAULT_NONE)
        return VERDICT_PROTOCOL;
    if (evidence->hung)
        return VERDICT_HANG;
    if (evidence->out_of_memory || died_at_memory_limit(evidence))
        return VERDICT_MEMORY;
    if (by_signal && evidence->wait_status == SIGXCPU)
        return VERDICT_HANG;
    if (by_signal && evidence->wait_status != SIGKILL)
        return VERDICT_SIGNAL;
    if (evidence->dismissed)
        return VERDICT_NONE;
    if (by_signal)
        return evidence->oom_killed ? VERDICT_MEMORY : VERDICT_KILLED;
    return VERDICT_EXIT;
}

bool crash_record_parse(const void *bytes, size_t n_bytes, struct crash_record *ret_record)
{
    struct crash_record record;
    if (n_bytes != sizeof record)
        return false;
    memcpy(&record, bytes, sizeof record);
    if (record.magic != CRASH_RECORD_MAGIC || record.signal < 0 || record.signal >= NSIG ||
        record.n_frames > CRASH_MAX_FRAMES)
        return false;
    memset(record.frames + record.n_frames, 0, (CRASH_MAX_FRAMES - record.n_frames) * sizeof record.frames[0]);
    *ret_record = record;
    return true;
}

bool crash_record_fits(const struct evidence *evidence)
{
    return evidence->has_record && died_by_signal(evidence) && evidence->record.signal == evidence->wait_status;
}

uint64_t crash_fault_ns(const struct evidence *evidence)
{
    uint64_t at_ns = 0;
    if (crash_record_fits(evidence))
        at_ns = evidence->record.at_ns;
    else if (evidence->injected_ns != 0 && evidence->stamp_ns >= evidence->injected_ns)
        at_ns = evidence->stamp_ns;
    if (at_ns > evidence->noticed_ns || evidence->noticed_ns - at_ns > MAX_DETECTION_NS)
        return 0;
    return at_ns;
}

const char *verdict_name(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_NONE:
        return "none";
    case VERDICT_SIGNAL:
        return "signal";
    case VERDICT_VIOLATION:
        return "violation";
    case VERDICT_PROTOCOL:
        return "protocol";
    case VERDICT_HANG:
        return "hang";
    case VERDICT_MEMORY:
        return "memory";
    case VERDICT_EXIT:
        return "exit";
    case VERDICT_KILLED:
        return "killed";
    }
    return "none";
}

const char *signal_name(int signal, char *out, size_t n_out)
{
    const char *name = sigabbrev_np(signal);
    if (name != NULL)
        snprintf(out, n_out, "SIG%s", name);
    else
        snprintf(out, n_out, "signal %d", signal);
    return out;
}

const char *call_name(int call, char *out, size_t n_out)
{
    char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);
    if (name != NULL)
        snprintf(out, n_out, "%s", name);
    else
        snprintf(out, n_out, "call %d", call);
    free(name);
    return out;
}

static void describe_violation(const struct evidence *evidence, char *out, size_t n_out)
{
    char name[64];
    if (evidence->violated)
        snprintf(out, n_out, "sandbox violation: %s(0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ")",
                 call_name(evidence->call, name, sizeof name), evidence->call_args[0], evidence->call_args[1],
                 evidence->call_args[2]);
    else
        snprintf(out, n_out, "sandbox violation: killed by the kernel, which names no call");
}

void crash_describe(const struct evidence *evidence, char *out, size_t n_out)
{
    char name[64];
    switch (crash_judge(evidence)) {
    case VERDICT_NONE:
        snprintf(out, n_out, "closed");
        return;
    case VERDICT_SIGNAL:
        signal_name(evidence->wait_status, name, sizeof name);
        if (crash_record_fits(evidence) && evidence->record.code > 0) /* otherwise somebody sent it: no address */
            snprintf(out, n_out, "crashed with %s at address 0x%" PRIx64, name, evidence->record.address);
        else
            snprintf(out, n_out, "crashed with %s", name);
        return;
    case VERDICT_VIOLATION:
        describe_violation(evidence, out, n_out);
        return;
    case VERDICT_PROTOCOL:
        snprintf(out, n_out, "protocol violation %d: %s", (int)evidence->fault, message_fault_name(evidence->fault));
        return;
    case VERDICT_HANG:
        snprintf(out, n_out, "hung: no progress in time");
        return;
    case VERDICT_MEMORY:
        if (evidence->oom_killed && !evidence->out_of_memory)
            snprintf(out, n_out, "out of memory: killed by the kernel, which had none left");
        else
            snprintf(out, n_out, "out of memory: hit the tab's cap (--memory sets it)");
        return;
    case VERDICT_EXIT:
        snprintf(out, n_out, "left by itself with exit status %d", evidence->wait_status);
        return;
    case VERDICT_KILLED:
        snprintf(out, n_out,
                 evidence->init_died ? "killed with its pid namespace" : "killed from outside with SIGKILL");
        return;
    }
}
