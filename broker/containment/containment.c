#include "broker/containment/containment.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/containment/sweep.h"
#include "broker/containment/table.h"
#include "broker/events.h"
#include "broker/output.h"
#include "broker/containment/stage.h"
#include "broker/summary.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/text.h"

/* A neighbour that needs longer for an answer was not left in peace. */
#define NEIGHBOUR_NS (500 * NS_PER_MS)

struct totals {
    unsigned n_held, n_failed, n_absent, n_rows;
    uint64_t slowest_neighbour_ns;
    bool told_group[GROUP_COUNT];
};

struct run {
    const struct options *options;
    struct events events;
    FILE *out; /* for people */
    struct summary_style style;
    struct stage stage;
    uint64_t start_ns;
    int fds_at_start;
    struct totals totals; /* of the level at hand */
    unsigned n_failed;    /* at all levels */
    int ending_signal;
};

/* ---- one row ---------------------------------------------------------------------------------------------------------- */

static void note_end(struct containment_result *result, const struct containment_row *row, const struct actor *actor,
                     const struct containment_host *host)
{
    snprintf(result->verdict, sizeof result->verdict, "%s", verdict_name(actor_verdict(actor)));
    if (actor->crashed) {
        snprintf(result->text, sizeof result->text, "%s", actor->tab.reason);
        result->holds = containment_death_fits(row, &actor->tab.evidence, host);
    } else if (actor->tab.state == TAB_LIVE) {
        const char *answer = actor->tab.title != NULL ? actor->tab.title : "";
        char shown[200];
        text_escape(shown, sizeof shown, answer, strlen(answer));
        snprintf(result->text, sizeof result->text, "goes on: %s", shown);
        result->holds = containment_answer_fits(row, answer, host);
    } else {
        snprintf(result->text, sizeof result->text, "%.200s", actor->tab.reason);
    }
}

/* It may show its picture before it does what it is to die of. */
static bool may_end_later(const struct containment_row *row)
{
    return row->end != END_RETURNS && row->end != END_KILLED;
}

static void try_row(struct stage *stage, const struct containment_row *row, struct containment_result *result)
{
    if (row->end == END_SEEN) {
        row->see(stage, result);
    } else if (row->end == END_SWEPT) {
        containment_sweep_run(stage, row->sweep, result);
    } else {
        struct actor actor;
        actor_start(stage, &actor, row->name);
        if (actor_settle(&actor) && may_end_later(row))
            actor_await_end(&actor);
        note_end(result, row, &actor, &stage->host);
        actor_finish(&actor);
    }
}

static void spoil(struct containment_result *result, const char *why)
{
    const size_t n = strlen(result->text);
    result->holds = false;
    snprintf(result->text + n, sizeof result->text - n, "%s%s", n > 0 ? "; " : "", why);
}

/* The row, with a neighbour beside it, and what is left of both. */
static void run_row(struct stage *stage, const struct containment_row *row, struct containment_result *result)
{
    snprintf(result->verdict, sizeof result->verdict, "%s", verdict_name(VERDICT_NONE));
    const char *absence = containment_absence(row, &stage->host);
    if (absence != NULL) {
        result->is_absent = true;
        snprintf(result->text, sizeof result->text, "%s", absence);
        return;
    }
    const bool had_neighbour = actor_lives(stage, &stage->neighbour, "rest");
    try_row(stage, row, result);
    if (!had_neighbour || !actor_answers(&stage->neighbour))
        spoil(result, "the neighbour does not answer");
    else if (stage->neighbour.slowest_ns > NEIGHBOUR_NS)
        spoil(result, "the neighbour was slow to answer");
    result->slowest_neighbour_ns = stage->neighbour.slowest_ns;
    actor_finish(&stage->neighbour);
    char why[160];
    if (!stage_is_at_rest(stage, why, sizeof why))
        spoil(result, why);
}

/* ---- telling ------------------------------------------------------------------------------------------------------------ */

static const char *word_of(const struct containment_result *result)
{
    return result->is_absent ? "n.a." : result->holds ? "ok" : "FAILS";
}

#define NAME_COLUMNS  24
#define TRIED_COLUMNS 52

static void print_row(struct run *run, const struct containment_row *row, const struct containment_result *result)
{
    if (!run->totals.told_group[row->group])
        fprintf(run->out, "\n%s\n", containment_group_name(row->group));
    run->totals.told_group[row->group] = true;

    char tried[256], line[768];
    text_escape(tried, sizeof tried, row->tried, strlen(row->tried));
    text_fit_columns(tried, TRIED_COLUMNS);
    const int n = snprintf(line, sizeof line, "  %-5s %-*s %-*s %s", word_of(result), NAME_COLUMNS, row->name,
                           TRIED_COLUMNS, tried, result->text);
    if (run->style.columns > 0)
        text_fit_columns(line, run->style.columns);
    fprintf(run->out, "%s\n", line);
    if (!result->is_absent && !result->holds) {
        char expected[128];
        containment_expected(row, expected, sizeof expected);
        fprintf(run->out, "        expected: %s%s\n", expected,
                n > 0 && run->style.columns > 0 ? " (--json has the whole of it)" : "");
    }
    fflush(run->out);
}

static void tell_row(struct run *run, const struct containment_row *row, const struct containment_result *result)
{
    char expected[128];
    containment_expected(row, expected, sizeof expected);
    events_containment(&run->events, &(struct event_containment){.row = row->name,
                                                                 .group = containment_group_name(row->group),
                                                                 .level = stage_level(&run->stage),
                                                                 .tried = row->tried,
                                                                 .expected = expected,
                                                                 .result = result->text,
                                                                 .verdict = result->verdict,
                                                                 .applies = !result->is_absent,
                                                                 .holds = result->holds,
                                                                 .neighbour_ns = result->slowest_neighbour_ns});
    if (!run->options->json || (!result->is_absent && !result->holds))
        print_row(run, row, result);
}

static void count(struct totals *totals, const struct containment_result *result)
{
    totals->n_rows++;
    totals->n_absent += result->is_absent;
    totals->n_held += !result->is_absent && result->holds;
    totals->n_failed += !result->is_absent && !result->holds;
    if (result->slowest_neighbour_ns > totals->slowest_neighbour_ns)
        totals->slowest_neighbour_ns = result->slowest_neighbour_ns;
}

static const char *who_we_are(void)
{
    return geteuid() == 0 ? "root" : "an ordinary user";
}

static void tell_head(struct run *run, int level)
{
    if (run->options->json)
        return;
    fprintf(run->out, "%sThe containment table at level %d, the broker run by %s\n", level == 3 ? "" : "\n", level,
            who_we_are());
    if (level == 3)
        fputs("Each row is tried in a renderer that has the shipped one's core, ladder and filter, but hostile code in "
              "the\n"
              "place of engines (the program `intruder`), beside a neighbour that has to go on answering. Afterwards "
              "the\n"
              "broker must have the descriptors, children and memory it had before.\n",
              run->out);
}

static void tell_totals(struct run *run, uint64_t took_ns)
{
    const struct totals *totals = &run->totals;
    fprintf(
        run->out,
        "%slevel %d: %u rows, %u hold, %u fail, %u do not apply; the slowest neighbour answered in %.1f ms; %.1f s\n",
        run->options->json ? "" : "\n", stage_level(&run->stage), totals->n_rows, totals->n_held, totals->n_failed,
        totals->n_absent, (double)totals->slowest_neighbour_ns / (double)NS_PER_MS, (double)took_ns / (double)NS_PER_S);
    events_containment_totals(&run->events,
                              &(struct event_containment_totals){.level = stage_level(&run->stage),
                                                                 .as_root = geteuid() == 0,
                                                                 .n_rows = totals->n_rows,
                                                                 .n_held = totals->n_held,
                                                                 .n_failed = totals->n_failed,
                                                                 .n_absent = totals->n_absent,
                                                                 .neighbour_ns = totals->slowest_neighbour_ns,
                                                                 .wall_ns = took_ns});
}

/* ---- the table ------------------------------------------------------------------------------------------------------------ */

static void run_rows(struct run *run)
{
    const uint64_t before_ns = clock_now_ns();
    struct stage *stage = &run->stage;
    run->totals = (struct totals){0};
    tell_head(run, stage_level(stage));
    for (size_t i = 0; i < containment_n_rows && !stage->is_broken && stage->ending_signal == 0; i++) {
        struct containment_result result = {0};
        run_row(stage, &containment_rows[i], &result);
        if (stage->ending_signal != 0)
            break;
        count(&run->totals, &result);
        tell_row(run, &containment_rows[i], &result);
    }
    tell_totals(run, clock_now_ns() - before_ns);
    run->n_failed += run->totals.n_failed + (containment_n_rows - run->totals.n_rows);
}

static void tell_start(struct run *run)
{
    events_start(&run->events, &(struct event_start){.level = stage_level(&run->stage),
                                                     .layers = run->stage.layers,
                                                     .fds_open = run->fds_at_start});
}

/* At one level. 0; 1 when the host has no such level, which is no error; or -errno, and it was said. */
static int run_level(struct run *run, int level)
{
    struct stage *stage = &run->stage;
    int error = stage_open(stage, run->options, level);
    const bool has_level = error == 0 && stage_level(stage) == level;
    if (error == 0 && level == 3 && stage_level(stage) < run->options->require_level) {
        snprintf(stage->why, sizeof stage->why, "--require-level %d: this host allows level %d",
                 run->options->require_level, stage_level(stage));
        error = -EPERM;
    }
    if (has_level) {
        if (!run->events.started)
            tell_start(run);
        run_rows(run);
    }
    run->ending_signal = stage->ending_signal;
    if (stage->is_broken)
        error = -ECHILD;
    stage_close(stage);
    if (error != 0 && run->ending_signal == 0)
        log_error("%s", stage->why);
    return error != 0 ? error : has_level ? 0 : 1;
}

static int status_of(const struct run *run, int error)
{
    if (run->ending_signal != 0)
        return 128 + run->ending_signal;
    if (error < 0)
        return EXIT_STATUS_BROKER;
    return run->n_failed > 0 ? EXIT_STATUS_TABS : EXIT_STATUS_OK;
}

static bool is_sanitized(void)
{
#ifdef VITRINE_SANITIZED
    return true;
#else
    return false;
#endif
}

int containment_run(const struct options *options, uint64_t start_ns)
{
    static struct run run;
    if (is_sanitized()) {
        log_error("--containment: this build's sanitizers need a wider filter; build the release, ./run does");
        return EXIT_STATUS_BROKER;
    }
    run = (struct run){.options = options,
                       .out = options->json ? stderr : stdout,
                       .start_ns = start_ns,
                       .fds_at_start = fd_count_open()};
    run.style = summary_style_of(run.out);
    events_init(&run.events, options->json ? STDOUT_FILENO : -1, start_ns);
    log_set_level(LOG_ERROR); /* zygotes come and go here */

    int error = run_level(&run, 3);
    if (error == 1 && !options->json)
        fputs("This host does not offer level 3 (--sandbox-status says why).\n", run.out);
    if (error >= 0 && run.ending_signal == 0)
        error = run_level(&run, 2);
    const int status = status_of(&run, error);
    events_end(&run.events, &(struct event_end){.status = status, .fds_open = fd_count_open()});
    events_finish(&run.events);
    if (events_error(&run.events) != 0) {
        log_error("events cannot be written to stdout: %s", strerror(-events_error(&run.events)));
        return EXIT_STATUS_BROKER;
    }
    return status;
}
