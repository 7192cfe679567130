#include "broker/crash.h"

#include <inttypes.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum verdict crash_judge(const struct evidence *evidence)
{
    const bool by_signal = evidence->wait_code == CLD_KILLED || evidence->wait_code == CLD_DUMPED;

    /* What the broker killed for comes before how the process then looked: it may have died of something else in the
     * same moment, and the first cause is the one to tell. */
    if (evidence->violated || (by_signal && evidence->wait_status == SIGSYS))
        return VERDICT_VIOLATION;
    if (evidence->fault != FAULT_NONE)
        return VERDICT_PROTOCOL;
    if (evidence->hung)
        return VERDICT_HANG;
    if (evidence->out_of_memory)
        return VERDICT_MEMORY;
    if (by_signal && evidence->wait_status == SIGXCPU)
        return VERDICT_HANG;
    if (by_signal && evidence->wait_status != SIGKILL)
        return VERDICT_SIGNAL;
    if (evidence->dismissed)
        return VERDICT_NONE;
    return by_signal ? VERDICT_KILLED : VERDICT_EXIT;
}

bool crash_record_fits(const struct evidence *evidence)
{
    return evidence->has_record && evidence->wait_code != CLD_EXITED &&
           evidence->record.signal == evidence->wait_status;
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
        snprintf(out, n_out, "out of memory: hit the tab's cap (--memory sets it)");
        return;
    case VERDICT_EXIT:
        snprintf(out, n_out, "left by itself with exit status %d", evidence->wait_status);
        return;
    case VERDICT_KILLED:
        snprintf(out, n_out, "killed from outside with SIGKILL");
        return;
    }
}
