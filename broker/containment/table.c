#include "broker/containment/table.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "broker/containment/seen.h"
#include "broker/containment/sweep.h"
#include "common/wire.h"

const struct containment_row containment_rows[] = {
#ifdef __x86_64__ /* and there is no intruder for other machines */
#define CALL(id, row_name, row_group, call, returns, ...) \
    {.name = row_name,                                    \
     .group = GROUP_##row_group,                          \
     .tried = #call "(" #__VA_ARGS__ ")",                 \
     .end = (returns) == NULL ? END_KILLED : END_RETURNS, \
     .number = SYS_##call,                                \
     .text = (returns)},
#endif
#define MESSAGE(id, row_name, row_group, fault, row_tried, ...) \
    {.name = row_name, .group = GROUP_##row_group, .tried = row_tried, .end = END_BAD, .number = FAULT_##fault},
#define DEED(id, row_name, row_group, row_end, row_number, returns, row_tried) \
    {.name = row_name,                                                         \
     .group = GROUP_##row_group,                                               \
     .tried = row_tried,                                                       \
     .end = END_##row_end,                                                     \
     .number = row_number,                                                     \
     .text = returns},
#define SEEN(id, row_name, row_group, row_tried) \
    {.name = row_name, .group = GROUP_##row_group, .tried = row_tried, .end = END_SEEN, .see = see_##id},
#define ABSENT(id, row_name, row_group, row_tried, why) \
    {.name = row_name, .group = GROUP_##row_group, .tried = row_tried, .end = END_ABSENT, .text = why},
#include "common/containment_rows.h"
#define SWEEP(id, row_name, row_tried, n, call) \
    {.name = row_name, .group = GROUP_SWEEPS, .tried = row_tried, .end = END_SWEPT, .sweep = &sweep_##id},
    CONTAINMENT_SWEEPS(SWEEP)
#undef SWEEP
};
const size_t containment_n_rows = sizeof containment_rows / sizeof containment_rows[0];

const char *containment_group_name(enum containment_group group)
{
    static const char *const names[] = {
#define X(id, name) [GROUP_##id] = name,
        CONTAINMENT_GROUPS(X)
#undef X
    };
    return names[group];
}

void containment_expected(const struct containment_row *row, char *out, size_t n_out)
{
    char name[64];
    switch (row->end) {
    case END_RETURNS:
        snprintf(out, n_out, "goes on: %s", row->text);
        return;
    case END_KILLED:
        snprintf(out, n_out, "violation: %s", call_name(row->number, name, sizeof name));
        return;
    case END_BY_KERNEL:
        snprintf(out, n_out, "violation, by the kernel alone");
        return;
    case END_SIGNAL:
        snprintf(out, n_out, "signal: %s", signal_name(row->number, name, sizeof name));
        return;
    case END_EXITS:
        snprintf(out, n_out, "exit: %d", row->number);
        return;
    case END_BAD:
        snprintf(out, n_out, "protocol: %d %s", row->number, message_fault_name((enum message_fault)row->number));
        return;
    case END_HANGS:
        snprintf(out, n_out, "hang");
        return;
    case END_MEMORY:
        snprintf(out, n_out, "memory");
        return;
    case END_SEEN:
        snprintf(out, n_out, "nothing gained");
        return;
    case END_SWEPT:
        snprintf(out, n_out, "each as reviewed");
        return;
    case END_ABSENT:
        snprintf(out, n_out, "does not apply");
        return;
    }
}

const char *containment_absence(const struct containment_row *row, const struct containment_host *host)
{
    static const char *const need_mseal[] = {"unmap-code", "move-code", "unmap-relocated"};
    if (row->end == END_ABSENT)
        return row->text;
    for (size_t i = 0; i < sizeof need_mseal / sizeof need_mseal[0]; i++) {
        if (strcmp(row->name, need_mseal[i]) == 0 && !host->has_mseal)
            return "this kernel cannot seal memory (mseal, Linux 6.10): a renderer may drop its own code, to its own "
                   "harm";
    }
    if (strcmp(row->name, "vsyscall") == 0 && !host->has_vsyscall)
        return "this kernel has no such page";
    if (strncmp(row->name, "int-0x80", strlen("int-0x80")) == 0 && !host->has_32_bit_calls)
        return "calls of 32-bit programs are not to be had here";
    return NULL;
}

static bool died_of_signal(const struct evidence *evidence, int signal)
{
    return crash_judge(evidence) == VERDICT_SIGNAL && evidence->wait_status == signal;
}

bool containment_death_fits(const struct containment_row *row, const struct evidence *evidence,
                            const struct containment_host *host)
{
    const enum verdict verdict = crash_judge(evidence);
    switch (row->end) {
    case END_KILLED:
        return verdict == VERDICT_VIOLATION &&
               (host->has_notify ? evidence->violated && evidence->call == row->number : !evidence->violated);
    case END_BY_KERNEL:
        return verdict == VERDICT_VIOLATION && !evidence->violated;
    case END_SIGNAL:
        return died_of_signal(evidence, row->number);
    case END_EXITS:
        return verdict == VERDICT_EXIT && evidence->wait_status == row->number;
    case END_BAD:
        return verdict == VERDICT_PROTOCOL && (int)evidence->fault == row->number;
    case END_HANGS:
        return verdict == VERDICT_HANG;
    case END_MEMORY:
        return verdict == VERDICT_MEMORY;
    case END_RETURNS:
    case END_SEEN:
    case END_SWEPT:
    case END_ABSENT:
        break;
    }
    return false;
}

bool containment_answer_fits(const struct containment_row *row, const char *answer, const struct containment_host *host)
{
    if (row->end == END_RETURNS)
        return strcmp(answer, row->text) == 0;
    return row->end == END_KILLED && host->is_filtered &&
           (strcmp(answer, "EPERM") == 0 || strcmp(answer, "ENOSYS") == 0);
}
