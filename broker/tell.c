#include "broker/tell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/output.h"
#include "broker/summary.h"
#include "common/clock.h"
#include "common/document_kind.h"
#include "common/log.h"
#include "common/text.h"

void tell_tab(struct events *events, struct tab *tab)
{
    const bool first_live = tab->state == TAB_LIVE && !tab->told_live;
    tab->told_live |= first_live;
    events_tab(events, &(struct event_tab){
                           .tab = tab->number,
                           .state = tab_state_name(tab->state),
                           .pid = tab->pid,
                           .document = tab->document->path,
                           .kind = tab->kind != DOCUMENT_UNKNOWN ? document_kind_name(tab->kind) : NULL,
                           .pages = tab->n_pages,
                           .title = tab->title,
                           .first_live = first_live,
                           .spawn_ns = tab->spawn_ns,
                           .first_frame_ns = tab->first_frame_ns,
                           .open_ns = tab->open_ns,
                           .paint_ns = tab->paint_ns,
                           .rung_ns = tab->rung_ns,
                       });
}

void tell_refused(struct events *events, const struct tab *tab)
{
    events_refused(events, &(struct event_refused){.tab = tab->number,
                                                   .document = tab->document->path,
                                                   .reason = refusal_name(tab->refusal),
                                                   .detail = tab->reason});
}

/* ---- crashes ------------------------------------------------------------------------------------------------------------ */

static uint64_t span(uint64_t from_ns, uint64_t to_ns)
{
    return from_ns != 0 && to_ns > from_ns ? to_ns - from_ns : 0;
}

#define MAX_FRAME_TEXT 512

/* Lines that live until the next call. */
static size_t backtrace_of(const struct crash_report *report, const char *lines[CRASH_REPORT_FRAMES])
{
    static char texts[CRASH_REPORT_FRAMES][MAX_FRAME_TEXT];
    for (size_t i = 0; i < report->n_frames; i++)
        lines[i] = crash_report_frame_text(report, i, texts[i], sizeof texts[i]);
    return report->n_frames;
}

void tell_crash(struct events *events, const struct tab *tab, const struct crash_report *report,
                const struct inject_plan *plan)
{
    const struct evidence *evidence = &tab->evidence;
    const bool has_record = crash_record_fits(evidence);
    const bool by_signal = tab->verdict == VERDICT_SIGNAL || (tab->verdict == VERDICT_MEMORY && has_record);
    const uint64_t fault_ns = crash_fault_ns(evidence);
    const char *backtrace[CRASH_REPORT_FRAMES];
    char call[64], fault[64];
    struct event_crash event = {
        .tab = tab->number,
        .verdict = verdict_name(tab->verdict),
        .has_address = by_signal && has_record && evidence->record.code > 0,
        .address = evidence->record.address,
        .pc = evidence->violated ? evidence->call_ip
              : has_record       ? evidence->record.pc
                                 : 0,
        .backtrace = backtrace,
        .n_backtrace = backtrace_of(report, backtrace),
        .syscall = evidence->violated ? call_name(evidence->call, call, sizeof call) : NULL,
        .detail = tab->reason,
        .detected_ns = span(fault_ns, evidence->noticed_ns),
        .judged_ns = span(fault_ns, evidence->judged_ns),
        .restarts = tab->n_restarts,
        .will_retry = tab->retry.will_retry,
        .next_try_ns = tab->retry.delay_ns,
        .report = report->id,
        .injected = plan->fault != INJECT_NONE ? injection_name(plan->fault) : NULL,
        .stage = inject_stage_name(plan->stage),
        .as_expected = plan->fault != INJECT_NONE && injection_expects(plan, evidence),
    };
    if (by_signal || tab->verdict == VERDICT_KILLED)
        event.signal = evidence->wait_status;
    if (tab->verdict == VERDICT_PROTOCOL) {
        snprintf(fault, sizeof fault, "%d %s", (int)evidence->fault, message_fault_name(evidence->fault));
        event.reason = fault;
    }
    memcpy(event.args, evidence->call_args, sizeof event.args);
    events_crash(events, &event);
}

void tell_crash_line(const struct tab *tab, const struct crash_report *report, bool is_stored)
{
    char reason[256], next[64] = "it is not tried again";
    text_escape(reason, sizeof reason, tab->reason, strlen(tab->reason));
    if (tab->retry.will_retry)
        snprintf(next, sizeof next, "tried again in %.2f s", (double)tab->retry.delay_ns / (double)NS_PER_S);
    if (is_stored)
        log_warning("tab %u: %s; %s (report %s)", tab->number, reason, next, report->id);
    else
        log_warning("tab %u: %s; %s", tab->number, reason, next);
}

void tell_report(struct events *events, const struct crash_report *report, const char *file)
{
    const char *backtrace[CRASH_REPORT_FRAMES];
    events_report(events, &(struct event_report){.tab = report->tab,
                                                 .id = report->id,
                                                 .file = file,
                                                 .backtrace = backtrace,
                                                 .n_backtrace = backtrace_of(report, backtrace)});
}

/* ---- ports --------------------------------------------------------------------------------------------------------------- */

void tell_port_line(const struct event_port *event)
{
    if (event->reason != NULL) {
        log_warning("port %u:%u is %s: %s", event->a, event->b, event->state, event->reason);
        return;
    }
    log_warning("port %u:%u is %s: %llu messages there and back, %llu lost, p50 %.2f us, p99 %.2f us, %.0f a second",
                event->a, event->b, event->state, (unsigned long long)event->n, (unsigned long long)event->lost,
                (double)event->p50_ns / (double)NS_PER_US, (double)event->p99_ns / (double)NS_PER_US, event->per_s);
}

/* ---- faults on purpose ---------------------------------------------------------------------------------------------------- */

void tell_outcome(struct events *events, const struct injector_outcome *outcome)
{
    char expected[96];
    if (outcome->plan.fault == INJECT_NONE)
        return; /* the crash was told */
    events_injected(events, &(struct event_injected){
                                .tab = outcome->tab->number,
                                .fault = injection_name(outcome->plan.fault),
                                .stage = inject_stage_name(outcome->plan.stage),
                                .expected = injection_expectation(outcome->plan.fault, expected, sizeof expected),
                                .what = outcome->what,
                                .right = outcome->right,
                                .recovered = outcome->recovered,
                                .recovered_ns = outcome->recovered_ns});
}

void tell_outcome_line(const struct injector_outcome *outcome)
{
    char expected[96], what[256];
    const unsigned tab = outcome->tab->number;
    const struct inject_plan *plan = &outcome->plan;
    text_escape(what, sizeof what, outcome->what, strlen(outcome->what));
    if (plan->fault == INJECT_NONE)
        log_warning("tab %u: nobody ordered this: %s", tab, what);
    else if (!outcome->right)
        log_warning("tab %u: %s while %s: expected %s, and saw: %s", tab, injection_name(plan->fault),
                    inject_stage_name(plan->stage), injection_expectation(plan->fault, expected, sizeof expected),
                    *what ? what : "nothing");
    else if (!outcome->recovered)
        log_warning("tab %u: %s while %s: the tab did not recover", tab, injection_name(plan->fault),
                    inject_stage_name(plan->stage));
}

void tell_chaos(struct events *events, const struct chaos_counts *counts)
{
    events_chaos(events, &(struct event_chaos){
                             .seed = counts->seed,
                             .elapsed_ns = counts->elapsed_ns,
                             .faults = counts->n_faults,
                             .right = counts->n_right,
                             .recovered = counts->n_recovered,
                             .strays = counts->n_strays,
                             .detected_p50_ns = histogram_at(&counts->detected_ns, 500),
                             .detected_p99_ns = histogram_at(&counts->detected_ns, 990),
                             .judged_p50_ns = histogram_at(&counts->judged_ns, 500),
                             .judged_p99_ns = histogram_at(&counts->judged_ns, 990),
                             .recovered_p50_ns = histogram_at(&counts->recovered_ns, 500),
                             .recovered_p99_ns = histogram_at(&counts->recovered_ns, 990),
                             .fds_before = counts->fds_before,
                             .fds_after = counts->fds_after,
                             .children_before = counts->children_before,
                             .children_after = counts->children_after,
                             .rss_before_kb = counts->rss_before_kb,
                             .rss_after_kb = counts->rss_after_kb,
                             .good = chaos_is_good(counts),
                         });
}

static double ms(uint64_t ns)
{
    return (double)ns / (double)NS_PER_MS;
}

void tell_chaos_result(FILE *out, const struct chaos_counts *counts)
{
    const double seconds = (double)counts->elapsed_ns / (double)NS_PER_S;
    fprintf(out, "chaos: seed %llu, %.1f s, %u faults (%.1f a second)\n", (unsigned long long)counts->seed, seconds,
            counts->n_faults, seconds > 0 ? counts->n_faults / seconds : 0);
    fprintf(out, "  told right %u, recovered from %u, unasked-for deaths %u\n", counts->n_right, counts->n_recovered,
            counts->n_strays);
    fputs("  expected:", out);
    for (int verdict = 0; verdict < VERDICT_COUNT; verdict++)
        fprintf(out, "%s %s %u", verdict > 0 ? "," : "",
                verdict == VERDICT_NONE ? "survival" : verdict_name((enum verdict)verdict),
                counts->n_by_verdict[verdict]);
    fprintf(out,
            "\n  from the fault to the verdict (hangs aside) p50 %.2f ms, p99 %.2f ms; to the next picture p50 %.1f "
            "ms, p99 %.1f ms\n",
            ms(histogram_at(&counts->judged_ns, 500)), ms(histogram_at(&counts->judged_ns, 990)),
            ms(histogram_at(&counts->recovered_ns, 500)), ms(histogram_at(&counts->recovered_ns, 990)));
    fprintf(out, "  before and after: descriptors %d, %d; children %u, %u; broker's memory %llu, %llu KB%s\n",
            counts->fds_before, counts->fds_after, counts->children_before, counts->children_after,
            (unsigned long long)counts->rss_before_kb, (unsigned long long)counts->rss_after_kb,
            counts->is_tidy ? "" : "; something was still under way");
    fprintf(out, "  %s\n", chaos_is_good(counts) ? "contained" : "NOT contained");
}

/* ---- the table ------------------------------------------------------------------------------------------------------------ */

static struct summary_tab row_of(const struct tab *tab, char *note, size_t n_note)
{
    note[0] = '\0';
    if (tab->state == TAB_LIVE && tab->n_restarts > 0 && tab->reason[0] != '\0')
        snprintf(note, n_note, "restarted %u ×, at last after: %s", tab->n_restarts, tab->reason);
    else if (tab->state != TAB_LIVE)
        snprintf(note, n_note, "%s", tab->reason);
    return (struct summary_tab){
        .number = tab->number,
        .state = tab_state_name(tab->state),
        .kind = tab->kind != DOCUMENT_UNKNOWN ? document_kind_name(tab->kind) : NULL,
        .pages = tab->n_pages,
        .pid = tab->pid,
        .spawn_ns = tab->spawn_ns,
        .first_frame_ns = tab->first_frame_ns,
        .pss_kb = tab->child != NULL ? tab->child->pss_kb : 0,
        .layers = tab->layers,
        .document = tab->document->path,
        .reason = note[0] != '\0' ? note : NULL,
        .live = tab->state == TAB_LIVE,
        .failed = tab->state == TAB_FAILED,
    };
}

#define MAX_NOTE 320

int tell_summary(bool to_stderr, const struct tab *tabs, unsigned n_tabs, const struct tell_totals *totals)
{
    char *text = NULL;
    size_t n_text = 0;
    struct summary_tab *rows = calloc(n_tabs, sizeof *rows);
    char(*notes)[MAX_NOTE] = calloc(n_tabs, sizeof *notes);
    FILE *out = open_memstream(&text, &n_text);
    int error = -ENOMEM;
    if (rows != NULL && notes != NULL && out != NULL) {
        for (unsigned i = 0; i < n_tabs; i++)
            rows[i] = row_of(&tabs[i], notes[i], sizeof notes[i]);
        const struct summary_style style = summary_style_of(to_stderr ? stderr : stdout);
        summary_print(out, &style, rows, n_tabs,
                      &(struct summary_totals){
                          .level = totals->level, .all_live_ns = totals->all_live_ns, .pss_kb = totals->pss_kb});
        error = 0;
    }
    if (out != NULL && fclose(out) != 0)
        error = -ENOMEM;
    if (error == 0)
        error = output_write(to_stderr ? STDERR_FILENO : STDOUT_FILENO, text, n_text);
    free(text);
    free(notes);
    free(rows);
    return error;
}
