/* Any bytes as a crash record, from a renderer that ended in any way. The first byte chooses how it ended and what the
 * broker saw, the second what is known of its code, the rest is what stood in the crash pipe.
 *
 * Beside not crashing: what the suspect wrote changes no verdict but from a signal to a full memory; and what is printed
 * of it is one line, or text without a byte that a terminal would obey. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/crash.h"
#include "broker/modules.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/report.h"

#define N_HEAD 2

static struct evidence evidence_of(uint8_t choice)
{
    static const struct {
        int code, status;
    } ends[] = {{CLD_EXITED, 0},       {CLD_EXITED, 77},      {CLD_KILLED, SIGSEGV}, {CLD_DUMPED, SIGABRT},
                {CLD_KILLED, SIGKILL}, {CLD_KILLED, SIGXCPU}, {CLD_KILLED, SIGSYS},  {CLD_KILLED, SIGBUS}};
    return (struct evidence){
        .wait_code = ends[choice % 8].code,
        .wait_status = ends[choice % 8].status,
        .violated = choice & 8,
        .fault = choice & 16 ? FAULT_STATE : FAULT_NONE,
        .hung = choice & 32,
        .dismissed = choice & 64,
        .injected_ns = choice & 128 ? 1 : 0,
        .noticed_ns = 1ull << 40,
        .judged_ns = 1ull << 41,
    };
}

static void check_report(const struct evidence *evidence, const struct modules *modules)
{
    static struct crash_report report;
    crash_report_init(&report, evidence, "document");
    crash_describe(evidence, report.detail, sizeof report.detail);
    crash_report_locate(&report, modules);
    INSIST(report.n_frames <= CRASH_REPORT_FRAMES && report.n_modules <= CRASH_REPORT_MODULES);
    for (size_t i = 0; i < report.n_frames; i++) {
        char line[600];
        INSIST(report.frames[i].module >= -1 && report.frames[i].module < (int)report.n_modules);
        crash_report_frame_text(&report, i, line, sizeof line);
        INSIST(strchr(line, '\n') == NULL && line[0] == '#');
    }
    check_report_text(&report);
    check_report_json(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input)
{
    static struct modules *own;
    if (n_input < N_HEAD)
        return 0;
    struct evidence evidence = evidence_of(input[0]);
    const enum verdict without = crash_judge(&evidence);
    char line[256];

    evidence.has_record = crash_record_parse(input + N_HEAD, n_input - N_HEAD, &evidence.record);
    if (evidence.has_record) {
        INSIST(evidence.record.n_frames <= CRASH_MAX_FRAMES);
        for (size_t i = evidence.record.n_frames; i < CRASH_MAX_FRAMES; i++)
            INSIST(evidence.record.frames[i] == 0);
        if (evidence.record.signal == 0)
            evidence.stamp_ns = evidence.record.at_ns;
    }
    const enum verdict with = crash_judge(&evidence);
    INSIST(with == without || (without == VERDICT_SIGNAL && with == VERDICT_MEMORY));
    INSIST(crash_fault_ns(&evidence) <= evidence.noticed_ns);
    crash_describe(&evidence, line, sizeof line);
    INSIST(line[0] != '\0' && strchr(line, '\n') == NULL);

    if (own == NULL && (input[1] & 1))
        INSIST(modules_read(getpid(), &own) == 0);
    check_report(&evidence, input[1] & 1 ? own : NULL);
    return 0;
}
