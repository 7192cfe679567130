/* Any bytes as a crash record, from a renderer that ended in any way. The first byte chooses how it ended and what the
 * broker saw, the second what is known of its code, the rest is what stood in the crash pipe.
 *
 * Beside not crashing: what the suspect wrote changes no verdict but from a signal to a full memory; and what is printed
 * of it is one line, or text without a byte that a terminal would obey. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/crash.h"
#include "broker/crash_report.h"
#include "broker/modules.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input);

#define N_HEAD 2

static void insist(int holds)
{
    if (!holds)
        abort();
}

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

static void check_text(const char *text, size_t n_text)
{
    for (size_t i = 0; i < n_text; i++) {
        const unsigned char c = (unsigned char)text[i];
        insist(c == '\n' || (c >= 0x20 && c != 0x7f));
    }
    insist(n_text > 0 && text[n_text - 1] == '\n');
}

static void check_printing(const struct crash_report *report, void (*print)(const struct crash_report *, FILE *))
{
    char *text = NULL;
    size_t n_text = 0;
    FILE *out = open_memstream(&text, &n_text);
    insist(out != NULL);
    print(report, out);
    insist(!ferror(out) && fclose(out) == 0);
    check_text(text, n_text);
    free(text);
}

static void check_report(const struct evidence *evidence, const struct modules *modules)
{
    static struct crash_report report;
    crash_report_init(&report, evidence, "document");
    crash_describe(evidence, report.detail, sizeof report.detail);
    crash_report_locate(&report, modules);
    insist(report.n_frames <= CRASH_REPORT_FRAMES && report.n_modules <= CRASH_REPORT_MODULES);
    for (size_t i = 0; i < report.n_frames; i++) {
        char line[600];
        insist(report.frames[i].module >= -1 && report.frames[i].module < (int)report.n_modules);
        crash_report_frame_text(&report, i, line, sizeof line);
        insist(strchr(line, '\n') == NULL && line[0] == '#');
    }
    check_printing(&report, crash_report_print);
    check_printing(&report, crash_report_print_json);
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
        insist(evidence.record.n_frames <= CRASH_MAX_FRAMES);
        for (size_t i = evidence.record.n_frames; i < CRASH_MAX_FRAMES; i++)
            insist(evidence.record.frames[i] == 0);
        if (evidence.record.signal == 0)
            evidence.stamp_ns = evidence.record.at_ns;
    }
    const enum verdict with = crash_judge(&evidence);
    insist(with == without || (without == VERDICT_SIGNAL && with == VERDICT_MEMORY));
    insist(crash_fault_ns(&evidence) <= evidence.noticed_ns);
    crash_describe(&evidence, line, sizeof line);
    insist(line[0] != '\0' && strchr(line, '\n') == NULL);

    if (own == NULL && (input[1] & 1))
        insist(modules_read(getpid(), &own) == 0);
    check_report(&evidence, input[1] & 1 ? own : NULL);
    return 0;
}
