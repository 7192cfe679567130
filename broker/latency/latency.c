#include "broker/latency/latency.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/events.h"
#include "broker/grid.h"
#include "broker/latency/compare.h"
#include "broker/latency/format.h"
#include "broker/latency/goals.h"
#include "broker/latency/host.h"
#include "broker/latency/progress.h"
#include "broker/latency/report.h"
#include "broker/latency/table.h"
#include "broker/latency/worker.h"
#include "broker/nearest.h"
#include "broker/proc.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/text.h"

#define RUNS_PER_CASE     3
#define MAX_HASTE         1.5 /* from here on there are fewer runs, too */
#define DEFAULT_N         1000000
#define MAX_TOTAL_NS      (115 * NS_PER_S) /* two minutes, less what it takes to begin and to print */
#define TIMEOUT_NS        (30 * NS_PER_S)  /* of a run, besides what it should take many times over */
#define TIMEOUT_FACTOR    20
#define IMPATIENT_NS      NS_PER_S /* what took that long to be absent is not tried again */
#define DEFAULT_BUDGET_MS 100

struct planned {
    struct latency_case measured;
    const struct latency_section *section;
    double typical_ns; /* measured.typical_ns, until a run has told */
    bool given_up;
};

struct latency_plan {
    const struct latency_section *section; /* whose plan is asked for */
    struct planned *cases;
    size_t n_cases, n_capacity;
    bool failed;
};

struct mode {
    const struct options *options;
    const struct latency_section *const *sections;
    size_t n_sections;
    uint64_t start_ns;
    struct latency_plan plan;
    struct figure *figures; /* one a case, in the order of the plan */
    struct latency_host host;
    struct latency_earlier earlier;
    struct latency_report report;
    struct latency_worker worker;
    struct latency_progress progress;
    struct events events;
    FILE *people;               /* where tables go */
    double planned_ns, done_ns; /* of all runs: planned, and of those planned, done */
    uint64_t measuring_ns;      /* when it began */
};

/* ---- planning ------------------------------------------------------------------------------------------------------------- */

void latency_plan_add(struct latency_plan *plan, const struct latency_case *measured)
{
    if (plan->n_cases == plan->n_capacity) {
        const size_t n_capacity = 2 * plan->n_capacity + 64;
        struct planned *cases = reallocarray(plan->cases, n_capacity, sizeof *cases);
        if (cases == NULL) {
            plan->failed = true;
            return;
        }
        plan->cases = cases;
        plan->n_capacity = n_capacity;
    }
    struct planned *planned = &plan->cases[plan->n_cases++];
    *planned = (struct planned){.measured = *measured, .section = plan->section, .typical_ns = measured->typical_ns};
    if (planned->measured.budget_ms <= 0)
        planned->measured.budget_ms = DEFAULT_BUDGET_MS;
    if (planned->typical_ns <= 0)
        planned->typical_ns = NS_PER_US;
}

/* What a word of --only may name. */
enum kind {
    KIND_NAME,
    KIND_TEST,
    KIND_PLACEMENT,
    KIND_TABLE,
    N_KINDS,
};

static const char *kind_of(const struct figure *figure, enum kind kind)
{
    switch (kind) {
    case KIND_NAME:
        return figure->name;
    case KIND_TEST:
        return figure->test;
    case KIND_PLACEMENT:
        return figure->placement;
    case KIND_TABLE:
    case N_KINDS:
        break;
    }
    return figure->table;
}

static bool is_word(const char *name, const char *word, size_t n_word)
{
    return name != NULL && strlen(name) == n_word && memcmp(name, word, n_word) == 0;
}

/* For nearest_name, which asks by number. */
static const struct latency_plan *asked;

static const char *asked_name(size_t i)
{
    const char *name = kind_of(&asked->cases[i / N_KINDS].measured.figure, (enum kind)(i % N_KINDS));
    return name != NULL ? name : "";
}

/* The first kind of which there is such a name; N_KINDS: none. */
static enum kind find_kind(const struct latency_plan *plan, const char *word, size_t n_word)
{
    for (enum kind kind = 0; kind < N_KINDS; kind++) {
        for (size_t i = 0; i < plan->n_cases; i++) {
            if (is_word(kind_of(&plan->cases[i].measured.figure, kind), word, n_word))
                return kind;
        }
    }
    return N_KINDS;
}

static bool next_word(const char **rest, const char **ret_word, size_t *ret_n_word)
{
    if (*rest == NULL)
        return false;
    *ret_word = *rest;
    *ret_n_word = strcspn(*rest, ",");
    *rest = (*rest)[*ret_n_word] == ',' ? *rest + *ret_n_word + 1 : NULL;
    return true;
}

static int check_only(const struct latency_plan *plan, const char *only)
{
    const char *word;
    size_t n_word;
    while (next_word(&only, &word, &n_word)) {
        if (find_kind(plan, word, n_word) != N_KINDS)
            continue;
        char shown[96];
        text_escape(shown, sizeof shown, word, n_word);
        asked = plan;
        log_error("--only %s: no such measurement; the nearest is %s (--latency --list shows them all)",
                  *shown ? shown : "\"\"", nearest_name(word, n_word, asked_name, N_KINDS * plan->n_cases));
        return EXIT_STATUS_USAGE;
    }
    return EXIT_STATUS_OK;
}

/* Of each kind that has been named, one of the names fits. */
static bool is_wanted(const struct latency_plan *plan, const struct figure *figure, const char *only)
{
    bool named[N_KINDS] = {false}, fits[N_KINDS] = {false};
    const char *word;
    size_t n_word;
    while (next_word(&only, &word, &n_word)) {
        const enum kind kind = find_kind(plan, word, n_word);
        named[kind] = true;
        fits[kind] = fits[kind] || is_word(kind_of(figure, kind), word, n_word);
    }
    for (enum kind kind = 0; kind < N_KINDS; kind++) {
        if (named[kind] && !fits[kind])
            return false;
    }
    return true;
}

static void tell_nothing_is_left(const struct latency_plan *plan, const struct options_latency *wanted)
{
    char payloads[256] = "";
    for (size_t i = 0; i < plan->n_cases; i++) {
        const struct figure *figure = &plan->cases[i].measured.figure;
        char one[32];
        snprintf(one, sizeof one, " %zu,", figure->payload);
        if (is_wanted(plan, figure, wanted->only) && strstr(payloads, one) == NULL &&
            strlen(payloads) + strlen(one) < sizeof payloads)
            strcat(payloads, one);
    }
    const size_t n = strlen(payloads);
    if (n == 0) {
        log_error("--only: these names have no measurement in common (--latency --list shows all)");
        return;
    }
    payloads[n - 1] = '\0';
    log_error("--payload %llu: nothing is measured with it; there is%s", (unsigned long long)wanted->payload_bytes,
              payloads);
}

/* Asks all sections, then leaves out what is not wanted. */
static int plan_all(struct mode *mode)
{
    struct latency_plan *plan = &mode->plan;
    const struct options_latency *wanted = &mode->options->latency;
    for (size_t i = 0; i < mode->n_sections; i++) {
        plan->section = mode->sections[i];
        plan->section->plan(plan);
    }
    if (plan->failed || plan->n_cases == 0) {
        log_error(plan->failed ? "there is no memory to plan in" : "this build has nothing to measure");
        return EXIT_STATUS_BROKER;
    }
    const int status = check_only(plan, wanted->only);
    if (status != EXIT_STATUS_OK)
        return status;
    bool *chosen = calloc(plan->n_cases, sizeof *chosen);
    size_t n_chosen = 0;
    for (size_t i = 0; chosen != NULL && i < plan->n_cases; i++) {
        const struct figure *figure = &plan->cases[i].measured.figure;
        chosen[i] =
            is_wanted(plan, figure, wanted->only) && (!wanted->has_payload || figure->payload == wanted->payload_bytes);
        n_chosen += chosen[i];
    }
    if (n_chosen == 0) {
        free(chosen);
        tell_nothing_is_left(plan, wanted);
        return EXIT_STATUS_USAGE;
    }
    size_t n = 0;
    for (size_t i = 0; i < plan->n_cases; i++) {
        if (chosen[i])
            plan->cases[n++] = plan->cases[i];
    }
    plan->n_cases = n;
    free(chosen);
    return EXIT_STATUS_OK;
}

static const char *or_dash(const char *text)
{
    return text != NULL ? text : "-";
}

static void print_list(const struct latency_plan *plan, FILE *out)
{
    for (size_t i = 0; i < plan->n_cases; i++) {
        const struct figure *figure = &plan->cases[i].measured.figure;
        fprintf(out, "%-20s %-12s %-10s payload %-8zu peers %-4u window %-4u %-9s %-9s %-10s %s\n", figure->name,
                figure->test, or_dash(figure->placement), figure->payload, figure->peers, figure->window,
                or_dash(figure->wait), figure->sandboxed ? "sandboxed" : "bare", or_dash(figure->codec), figure->table);
    }
}

/* ---- measuring ------------------------------------------------------------------------------------------------------------ */

static double budget_ns_of(const struct planned *planned)
{
    return planned->measured.budget_ms * (double)NS_PER_MS;
}

/* What is left to do against the time that is left, more than 1 being too much. What has been done tells how much longer
 * than its budget a run takes, with the start of its processes. */
static double haste_of(const struct mode *mode)
{
    const double spent_ns = (double)(clock_now_ns() - mode->measuring_ns);
    const double excess = mode->done_ns > 0 && spent_ns > mode->done_ns ? spent_ns / mode->done_ns : 1;
    const double left_ns = (double)MAX_TOTAL_NS - spent_ns;
    return left_ns > 0 ? (mode->planned_ns - mode->done_ns) * excess / left_ns : HUGE_VAL;
}

/* Shorter runs come first; but what a run costs besides does not shrink with them. */
static unsigned choose_runs(const struct mode *mode)
{
    if (mode->options->latency.n_messages > 0)
        return RUNS_PER_CASE;
    const double haste = haste_of(mode);
    return haste == HUGE_VAL ? 0 : haste > 2 * MAX_HASTE ? 1 : haste > MAX_HASTE ? RUNS_PER_CASE - 1 : RUNS_PER_CASE;
}

static uint64_t choose_n(const struct mode *mode, const struct planned *planned)
{
    const uint64_t wanted = mode->options->latency.n_messages;
    const uint64_t max_n = planned->measured.max_n;
    if (wanted > 0)
        return max_n > 0 && max_n < wanted ? max_n : wanted;
    const double haste = haste_of(mode);
    const double n = budget_ns_of(planned) / (haste > 1 ? haste : 1) / planned->typical_ns;
    const uint64_t most = max_n > 0 ? max_n : DEFAULT_N;
    return n >= (double)most ? most : n >= 1 ? (uint64_t)n : 1;
}

/* What one call of that run took, in its place in all of the run's time. 0: the run does not tell. */
static double call_ns(const struct figure_outcome *outcome)
{
    if (outcome->total_ms > 0 && outcome->n > 0)
        return outcome->total_ms * (double)NS_PER_MS / (double)outcome->n;
    return outcome->per_s > 0 ? (double)NS_PER_S / outcome->per_s : outcome->mean_ns;
}

static void show_progress(struct mode *mode, const struct planned *planned)
{
    char what[160];
    figure_describe(&planned->measured.figure, what, sizeof what);
    const uint64_t now_ns = clock_now_ns();
    const double share = mode->planned_ns > 0 ? mode->done_ns / mode->planned_ns : 0;
    const double spent_ns = (double)(now_ns - mode->measuring_ns);
    double left_ns = share > 0.05 ? spent_ns * (1 - share) / share : mode->planned_ns - mode->done_ns;
    if (mode->options->latency.n_messages == 0 && left_ns > (double)MAX_TOTAL_NS - spent_ns)
        left_ns = (double)MAX_TOTAL_NS - spent_ns;
    latency_progress_update(&mode->progress, share, left_ns > 0 ? (uint64_t)left_ns : 0, what, now_ns);
}

/* One run of one case. 0, or a signal. */
static int measure(struct mode *mode, struct planned *planned, struct figure *figure)
{
    if (planned->given_up)
        return 0;
    show_progress(mode, planned);
    const uint64_t n = choose_n(mode, planned);
    const uint64_t timeout_ns = TIMEOUT_NS + (uint64_t)(TIMEOUT_FACTOR * (double)n * planned->typical_ns);
    struct figure_outcome *outcome = &figure->runs[figure->n_runs];
    const uint64_t begin_ns = clock_now_ns();
    const int signal =
        latency_worker_measure(&mode->worker, planned->section, &planned->measured, n, timeout_ns, outcome);
    if (signal != 0)
        return signal;
    figure->n_runs++;
    if (outcome->absent[0] != '\0')
        planned->given_up = clock_now_ns() - begin_ns > IMPATIENT_NS;
    else if (call_ns(outcome) > 0)
        planned->typical_ns = call_ns(outcome);
    return 0;
}

static bool is_of_group(const struct planned *planned, const struct planned *leader)
{
    return planned->section == leader->section && planned->measured.group == leader->measured.group;
}

static void conclude(struct mode *mode, size_t i)
{
    struct figure *figure = &mode->figures[i];
    if (figure->n_runs == 0) {
        figure_outcome_init(&figure->runs[figure->n_runs++]);
        strcpy(figure->runs[0].absent, "the two minutes were over: this machine is too busy, or --only may help");
    }
    figure_conclude(figure);
    events_latency(&mode->events, figure);
}

/* Cases of one group are measured in turn, so that whatever else the machine does meanwhile meets all of them. */
static int measure_group(struct mode *mode, size_t first, bool *done)
{
    const struct planned *leader = &mode->plan.cases[first];
    const unsigned n_runs = choose_runs(mode);
    for (unsigned run = 0; run < n_runs; run++) {
        for (size_t i = first; i < mode->plan.n_cases; i++) {
            struct planned *planned = &mode->plan.cases[i];
            if (!is_of_group(planned, leader))
                continue;
            const int signal = measure(mode, planned, &mode->figures[i]);
            if (signal != 0)
                return signal;
            mode->done_ns += budget_ns_of(planned) * RUNS_PER_CASE / n_runs;
        }
    }
    for (size_t i = first; i < mode->plan.n_cases; i++) {
        done[i] = done[i] || is_of_group(&mode->plan.cases[i], leader);
        if (is_of_group(&mode->plan.cases[i], leader))
            conclude(mode, i);
    }
    return 0;
}

/* 0, a signal, or -errno. */
static int measure_all(struct mode *mode)
{
    struct latency_plan *plan = &mode->plan;
    bool *done = calloc(plan->n_cases, sizeof *done);
    mode->figures = calloc(plan->n_cases, sizeof *mode->figures);
    if (done == NULL || mode->figures == NULL) {
        free(done);
        log_error("there is no memory for %zu figures", plan->n_cases);
        return -1;
    }
    for (size_t i = 0; i < plan->n_cases; i++) {
        mode->figures[i] = plan->cases[i].measured.figure;
        mode->figures[i].n_runs = 0;
        mode->planned_ns += RUNS_PER_CASE * budget_ns_of(&plan->cases[i]);
    }
    mode->measuring_ns = clock_now_ns();
    latency_progress_init(&mode->progress, stderr, mode->measuring_ns);
    int result = 0;
    for (size_t i = 0; result == 0 && i < plan->n_cases; i++) {
        if (!done[i])
            result = measure_group(mode, i, done);
    }
    const int late = latency_worker_finish(&mode->worker);
    latency_progress_clear(&mode->progress);
    free(done);
    return result != 0 ? result : late;
}

/* ---- telling -------------------------------------------------------------------------------------------------------------- */

static void print_grid(struct mode *mode, const struct summary_style *style, struct grid *grid)
{
    grid_print(mode->people, style, grid);
    fputc('\n', mode->people);
    grid_finish(grid);
}

static void print_tables(struct mode *mode)
{
    const struct summary_style style = summary_style_of(mode->people);
    struct grid grids[LATENCY_TABLE_GRIDS];
    for (size_t i = 0; i < mode->n_sections; i++) {
        const struct latency_section *section = mode->sections[i];
        const size_t n = latency_table_make(section->name, section->title, mode->figures, mode->plan.n_cases, grids);
        for (size_t grid = 0; grid < n; grid++)
            print_grid(mode, &style, &grids[grid]);
    }
    latency_goals_make(mode->figures, mode->plan.n_cases, &mode->host, &grids[0]);
    print_grid(mode, &style, &grids[0]);
    if (mode->options->latency.compare_path != NULL) {
        latency_compare_make(&mode->earlier, mode->figures, mode->plan.n_cases, &grids[0]);
        print_grid(mode, &style, &grids[0]);
    }
    char noise[256];
    latency_table_describe_noise(mode->figures, mode->plan.n_cases, &mode->host, noise, sizeof noise);
    grid_init(&grids[0], "How far to trust them", NULL, 0);
    grid_add_note(&grids[0], "%s", noise);
    grid_print(mode->people, &style, &grids[0]);
    grid_finish(&grids[0]);
}

static int write_report(struct mode *mode)
{
    if (mode->report.out == NULL)
        return EXIT_STATUS_OK;
    const struct latency_report_content content = {
        .host = &mode->host,
        .sections = mode->sections,
        .n_sections = mode->n_sections,
        .figures = mode->figures,
        .n_figures = mode->plan.n_cases,
        .seconds = (double)(clock_now_ns() - mode->measuring_ns) / (double)NS_PER_S,
    };
    latency_report_print(mode->report.out, &content);
    char why[512];
    if (latency_report_finish(&mode->report, why, sizeof why) == 0)
        return EXIT_STATUS_OK;
    log_error("%s", why);
    return EXIT_STATUS_BROKER;
}

/* All figures absent is no measurement. */
static int check_figures(const struct mode *mode)
{
    for (size_t i = 0; i < mode->plan.n_cases; i++) {
        if (!figure_is_absent(&mode->figures[i]))
            return EXIT_STATUS_OK;
    }
    log_error("nothing could be measured: %s", mode->figures[0].middle.absent);
    return EXIT_STATUS_BROKER;
}

/* ---- the mode ------------------------------------------------------------------------------------------------------------- */

/* What may go wrong does so before two minutes are spent. */
static int prepare(struct mode *mode)
{
    const struct options_latency *wanted = &mode->options->latency;
    char why[512];
    if (wanted->compare_path != NULL &&
        latency_compare_read(wanted->compare_path, &mode->earlier, why, sizeof why) < 0) {
        log_error("%s", why);
        return EXIT_STATUS_USAGE;
    }
    if (wanted->report_path != NULL && latency_report_open(&mode->report, wanted->report_path, why, sizeof why) < 0) {
        log_error("%s", why);
        return EXIT_STATUS_BROKER;
    }
    const int result = latency_worker_init(&mode->worker, mode->options);
    if (result < 0) {
        log_error("signals cannot be heard: %s", strerror(-result));
        return EXIT_STATUS_BROKER;
    }
    return EXIT_STATUS_OK;
}

static int measure_and_tell(struct mode *mode)
{
    const struct summary_style style = summary_style_of(mode->people);
    latency_host_look(&mode->host);
    events_init(&mode->events, mode->options->json ? STDOUT_FILENO : -1, mode->start_ns);
    events_latency_host(&mode->events, &mode->host, (unsigned)mode->plan.n_cases);
    latency_table_print_host(mode->people, &style, &mode->host);
    fputc('\n', mode->people);
    fflush(mode->people);

    const int signal = measure_all(mode);
    int status = signal < 0 ? EXIT_STATUS_BROKER : signal > 0 ? 128 + signal : EXIT_STATUS_OK;
    if (status == EXIT_STATUS_OK) {
        print_tables(mode);
        status = check_figures(mode);
        const int written = write_report(mode);
        status = written != EXIT_STATUS_OK ? written : status;
    }
    return status;
}

static int run(struct mode *mode)
{
    int status = plan_all(mode);
    if (status != EXIT_STATUS_OK)
        return status;
    if (mode->options->latency.list) {
        print_list(&mode->plan, stdout);
        return EXIT_STATUS_OK;
    }
    status = prepare(mode);
    if (status == EXIT_STATUS_OK)
        status = measure_and_tell(mode);
    latency_worker_finish(&mode->worker);
    latency_report_abandon(&mode->report);
    return status;
}

int latency_run_sections(const struct latency_section *const *sections, size_t n_sections,
                         const struct options *options, uint64_t start_ns)
{
    struct mode mode = {
        .options = options,
        .sections = sections,
        .n_sections = n_sections,
        .start_ns = start_ns,
        .report = {.dir_fd = -1},
        .worker = {.pid_fd = -1, .socket_fd = -1, .signal_fd = -1},
        .events = {.fd = -1},
        .people = options->json ? stderr : stdout,
    };
    int status = run(&mode);
    events_end(
        &mode.events,
        &(struct event_end){.status = status, .peak_rss_kb = proc_peak_rss_kb(getpid()), .fds_open = fd_count_open()});
    events_finish(&mode.events);
    if (events_error(&mode.events) < 0 && status == EXIT_STATUS_OK) {
        log_error("stdout cannot be written: %s", strerror(-events_error(&mode.events)));
        status = EXIT_STATUS_BROKER;
    }
    latency_compare_finish(&mode.earlier);
    free(mode.figures);
    free(mode.plan.cases);
    return status;
}

/* The parts of latency mode, in the order of the tables. */
static const struct latency_section *const all_sections[] = {
    &latency_channel,
    &latency_mechanisms,
    &latency_frames,
};

static const struct options *wanted;

struct spawner_options latency_spawner_options(enum message_codec codec)
{
    return (struct spawner_options){.mode = wanted->spawn,
                                    .codec = codec,
                                    .require_level = wanted->require_level,
                                    .memory_bytes = wanted->memory_bytes};
}

int latency_run(const struct options *options, uint64_t start_ns)
{
    wanted = options;
    /* They ask a broker with tabs for something; here they must not end what took minutes. */
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    return latency_run_sections(all_sections, sizeof all_sections / sizeof all_sections[0], options, start_ns);
}
