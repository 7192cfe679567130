/* A crash report with anything in it: every number and every text that comes from a file's name, a renderer, a module or
 * the symbolizer is cut from the input. What is printed stays a report: as many lines as the same report with plain words
 * in place of its texts, nothing that a terminal obeys, and JSON. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "broker/crash.h"
#include "common/document_kind.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/report.h"

static void choose_record(struct choices *choices, struct crash_record *ret_record)
{
    size_t n;
    const uint8_t *bytes = choose_bytes(choices, sizeof *ret_record, &n);
    memset(ret_record, 0, sizeof *ret_record);
    if (n > 0)
        memcpy(ret_record, bytes, n);
    ret_record->n_frames %= CRASH_MAX_FRAMES + 1;
}

static struct evidence choose_evidence(struct choices *choices)
{
    static const int codes[] = {CLD_EXITED, CLD_KILLED, CLD_DUMPED, 0};
    struct evidence evidence = {0};
    const uint8_t flags = choose_byte(choices);
    evidence.violated = flags & 1;
    evidence.hung = flags & 2;
    evidence.dismissed = flags & 4;
    evidence.oom_killed = flags & 8;
    evidence.init_died = flags & 16;
    evidence.out_of_memory = flags & 32;
    evidence.has_record = flags & 64;
    evidence.fault = (enum message_fault)choose_of(choices, 32);
    evidence.wait_code = codes[choose_of(choices, 4)];
    evidence.wait_status = (int)choose_byte(choices);
    evidence.call = (int)(int32_t)choose_number(choices, 4);
    evidence.call_ip = choose_number(choices, 8);
    evidence.stamp_ns = choose_number(choices, 8);
    evidence.injected_ns = choose_number(choices, 8);
    evidence.noticed_ns = choose_number(choices, 8);
    evidence.judged_ns = choose_number(choices, 8);
    for (size_t i = 0; i < sizeof evidence.call_args / sizeof evidence.call_args[0]; i++)
        evidence.call_args[i] = choose_number(choices, 2) * 0x1000100010001u;
    if (evidence.has_record)
        choose_record(choices, &evidence.record);
    return evidence;
}

static void choose_modules(struct choices *choices, struct crash_report *report)
{
    report->n_modules = choose_of(choices, CRASH_REPORT_MODULES + 1);
    for (size_t i = 0; i < report->n_modules; i++) {
        struct crash_module *module = &report->modules[i];
        choose_text(choices, module->name, sizeof module->name);
        choose_text(choices, module->path, sizeof module->path);
        for (size_t j = choose_of(choices, CRASH_BUILD_ID_BYTES); j > 0; j--)
            module->build_id[j - 1] = "0123456789abcdef"[i % 16];
    }
}

static void choose_frames(struct choices *choices, struct crash_report *report)
{
    report->n_frames = choose_of(choices, CRASH_REPORT_FRAMES + 1);
    for (size_t i = 0; i < report->n_frames; i++) {
        struct crash_frame *frame = &report->frames[i];
        frame->address = choose_number(choices, 8);
        frame->module = (int)choose_of(choices, (unsigned)report->n_modules + 1) - 1;
        frame->offset = choose_number(choices, 4);
        frame->by_kernel = choose_byte(choices) & 1;
        choose_text(choices, frame->symbol, sizeof frame->symbol);
        choose_text(choices, frame->source, sizeof frame->source);
    }
}

static void choose_rest(struct choices *choices, struct crash_report *report)
{
    report->time = (time_t)choose_number(choices, 8);
    report->tab = (unsigned)choose_number(choices, 4);
    report->page = (uint32_t)choose_number(choices, 4);
    report->pid = (pid_t)choose_number(choices, 4);
    report->uptime_ns = choose_number(choices, 8);
    report->level = (int)choose_of(choices, 4);
    report->layers = (uint32_t)choose_number(choices, 4);
    report->will_retry = choose_byte(choices) & 1;
    report->next_try_ns = choose_number(choices, 8);
    report->kind = document_kind_name(choose_byte(choices));
}

/* A plain word wherever there is text: an empty one may be left out. */
static void make_plain(char *text)
{
    if (text[0] != '\0')
        strcpy(text, "x");
}

static void make_all_plain(struct crash_report *report)
{
    make_plain(report->document);
    for (size_t i = 0; i < report->n_modules; i++) {
        make_plain(report->modules[i].name);
        make_plain(report->modules[i].path);
    }
    for (size_t i = 0; i < report->n_frames; i++) {
        make_plain(report->frames[i].symbol);
        make_plain(report->frames[i].source);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input)
{
    static struct crash_report report;
    struct choices choices = {input, n_input};
    char document[3 * 256] = "";
    for (size_t i = 0; i < 3; i++)
        choose_text(&choices, document + strlen(document), 256);

    const struct evidence evidence = choose_evidence(&choices);
    crash_report_init(&report, &evidence, document);
    choose_rest(&choices, &report);
    choose_modules(&choices, &report);
    choose_frames(&choices, &report);

    char line[64];
    for (size_t i = 0; i < report.n_frames; i++)
        INSIST(crash_report_frame_text(&report, i, line, sizeof line) == line && line[0] == '#');
    const size_t n_lines = check_report_text(&report);
    check_report_json(&report);
    make_all_plain(&report);
    INSIST(check_report_text(&report) == n_lines);
    return 0;
}
