#include "broker/broker.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/crash_dir.h"
#include "broker/crash_report.h"
#include "broker/documents.h"
#include "broker/events.h"
#include "broker/loop.h"
#include "broker/pictures.h"
#include "broker/port.h"
#include "broker/proc.h"
#include "broker/reports.h"
#include "broker/requests.h"
#include "broker/signals.h"
#include "broker/snapshot.h"
#include "broker/spawn.h"
#include "broker/statistics.h"
#include "broker/summary.h"
#include "broker/tab.h"
#include "broker/tell.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/slice.h"
#include "common/text.h"

/* Channel, crash pipe, pidfd, listener, frame, two bells, and its own ends while it is being spawned. */
#define FDS_PER_TAB 10
#define FDS_BESIDES 64
/* Tabs that load at the same time, for each processor: enough to keep it busy while others wait for a datagram, few
 * enough that each gets on within --timeout. */
#define LOADING_PER_CPU 4

struct broker {
    const struct options *options;
    struct loop *loop;
    struct spawner *spawner;
    struct events events;
    struct summary_progress progress;

    struct documents documents;
    struct tab *tabs;
    unsigned n_tabs;
    struct tab_setup setup;

    unsigned next_tab; /* the first that was not started */
    unsigned n_loading, max_loading;
    unsigned n_settled, n_crashes;
    uint64_t start_ns, all_settled_ns;
    struct spawner_memory memory;
    uint64_t pss_kb, peak_rss_kb;
    bool started;  /* `start` was told */
    bool shown;    /* every tab has come to an end, good or bad, once */
    bool finished; /* and everything else was done, and that was told */

    struct requests requests; /* faults on purpose */
    struct reports *reports;  /* --crash-dir */
    struct port port;         /* --port */
    unsigned *orphans;        /* tabs whose renderers an init took with it, not told yet */
    size_t n_orphans;

    int snapshot_dir_fd;
    struct pictures *pictures; /* while they are taken */
    struct signals signals;
    struct loop_timer statistics_timer; /* --stats-every */
    int ending_signal;                  /* that asked us to end */
    bool is_closing;
    int status, fds_at_start;
};

static void close_all(struct broker *broker);

static bool is_ending(const struct broker *broker)
{
    return broker->is_closing || broker->ending_signal != 0;
}

static void fail_broker(struct broker *broker, const char *why)
{
    summary_progress_clear(&broker->progress);
    log_error("%s", why);
    broker->status = EXIT_STATUS_BROKER;
    close_all(broker);
}

static void tell_start(struct broker *broker, uint32_t layers)
{
    if (broker->started)
        return;
    broker->started = true;
    uint32_t rung_ns[ZYGOTE_RUNG_COUNT];
    const bool warm = spawner_zygote_rungs(broker->spawner, rung_ns);
    events_start(&broker->events, &(struct event_start){.tabs = broker->n_tabs,
                                                        .level = spawner_level(broker->spawner),
                                                        .layers = layers,
                                                        .fds_open = broker->fds_at_start,
                                                        .zygote_rung_ns = warm ? rung_ns : NULL});
}

/* ---- the end of the work ------------------------------------------------------------------------------------------------ */

static void measure_memory(struct broker *broker)
{
    spawner_measure(broker->spawner, &broker->memory);
    broker->pss_kb = broker->memory.pss_kb + proc_pss_kb(getpid());
    broker->peak_rss_kb = broker->memory.peak_rss_kb + proc_peak_rss_kb(getpid());
}

/* Everything was shown or told. */
static void all_done(struct broker *broker)
{
    const bool to_stderr = broker->options->json;
    const struct tell_totals totals = {.level = spawner_level(broker->spawner),
                                       .all_live_ns = broker->all_settled_ns - broker->start_ns,
                                       .pss_kb = broker->pss_kb};
    const int error = tell_summary(to_stderr, broker->tabs, broker->n_tabs, &totals);
    /* Given up for a signal that is about to be read: that one makes the exit status. */
    if (error != 0 && error != -ETIMEDOUT && error != -ENOMEM && !to_stderr) {
        log_error("the summary cannot be written to stdout: %s", strerror(-error));
        broker->status = EXIT_STATUS_BROKER;
    }
    const struct chaos_counts *chaos = requests_chaos(&broker->requests);
    if (chaos != NULL)
        tell_chaos_result(to_stderr ? stderr : stdout, chaos);
    if (!broker->options->stay) {
        close_all(broker);
        return;
    }
    spawner_fill_spares(broker->spawner);
    spawner_keep_standby(broker->spawner);
}

static void pictures_taken(void *owner, int error)
{
    struct broker *broker = owner;
    pictures_destroy(broker->pictures);
    broker->pictures = NULL;
    if (error != 0) {
        char folder[256];
        text_escape(folder, sizeof folder, broker->options->snapshot_dir, strlen(broker->options->snapshot_dir));
        log_error("the pictures cannot be written to %s: %s; make room or name another folder", folder,
                  strerror(-error));
        broker->status = EXIT_STATUS_BROKER;
    }
    all_done(broker);
}

static bool is_all_settled(const struct broker *broker)
{
    for (unsigned i = 0; i < broker->n_tabs; i++) {
        const struct tab *tab = &broker->tabs[i];
        /* One that died after its picture is not live, though its end was not heard yet. */
        if (!tab_is_settled(tab) || (tab->child != NULL && child_has_ended(tab->child)))
            return false;
    }
    return true;
}

static bool is_all_reported(void *owner)
{
    const struct broker *broker = owner;
    return broker->reports == NULL || reports_pending(broker->reports) == 0;
}

/* The totals are taken first: they are to be of the moment in which the last tab came. */
static void check_finish(struct broker *broker)
{
    if (!broker->shown || broker->finished || !requests_are_over(&broker->requests) || !is_all_reported(broker) ||
        !is_all_settled(broker) || !port_is_settled(&broker->port) || is_ending(broker))
        return;
    broker->finished = true;
    summary_progress_clear(&broker->progress);
    measure_memory(broker);
    if (broker->snapshot_dir_fd < 0) {
        all_done(broker);
        return;
    }
    const int error = pictures_take(broker->loop, broker->snapshot_dir_fd, broker->tabs, broker->n_tabs,
                                    &broker->setup.layout, pictures_taken, broker, &broker->pictures);
    if (error != 0)
        pictures_taken(broker, error);
}

static void all_shown(struct broker *broker)
{
    broker->shown = true;
    broker->all_settled_ns = clock_now_ns();
    tell_start(broker, 0);
    requests_start_chaos(&broker->requests);
    check_finish(broker);
}

/* ---- tabs ------------------------------------------------------------------------------------------------------------------ */

static void start_tabs(struct broker *broker)
{
    while (broker->next_tab < broker->n_tabs && broker->n_loading < broker->max_loading && !is_ending(broker)) {
        struct tab *tab = &broker->tabs[broker->next_tab++];
        documents_take_in(&broker->documents, tab->document);
        tab_start(tab);
    }
}

static unsigned count_tabs(const struct broker *broker, enum tab_state state)
{
    unsigned n = 0;
    for (unsigned i = 0; i < broker->n_tabs; i++)
        n += broker->tabs[i].state == state;
    return n;
}

static void settle(struct broker *broker, struct tab *tab)
{
    if (tab->state == TAB_CLOSED || !tab_is_settled(tab))
        return;
    if (!tab->settled) {
        tab->settled = true;
        broker->n_settled++;
        summary_progress_update(&broker->progress, broker->n_settled, count_tabs(broker, TAB_FAILED), clock_now_ns());
        if (broker->n_settled == broker->n_tabs)
            all_shown(broker);
    }
    check_finish(broker);
}

static void count_loading(struct broker *broker, struct tab *tab)
{
    const bool loading = tab->state == TAB_SPAWNING || tab->state == TAB_LOADING;
    broker->n_loading += loading;
    broker->n_loading -= tab->loading;
    tab->loading = loading;
}

static void changed(void *owner, struct tab *tab)
{
    struct broker *broker = owner;
    count_loading(broker, tab);
    if (tab->state == TAB_LOADING)
        tell_start(broker, tab->layers);
    if (tab->state == TAB_FAILED && tab->refusal != REFUSAL_NONE)
        tell_refused(&broker->events, tab);
    tell_tab(&broker->events, tab);
    if (tab->state == TAB_LIVE)
        documents_shown(&broker->documents, tab->document);
    if (tab->state == TAB_FAILED || tab->state == TAB_CLOSED)
        documents_let_go(&broker->documents, tab->document, broker->tabs, broker->n_tabs);
    requests_tab_changed(&broker->requests, tab);
    port_tab_changed(&broker->port, tab);
    settle(broker, tab);
    start_tabs(broker);
}

static void gone(void *owner, struct tab *tab)
{
    settle(owner, tab);
}

static struct tab_retry decide(struct broker *broker, const struct tab *tab)
{
    if (is_ending(broker))
        return (struct tab_retry){0};
    if (requests_chaos(&broker->requests) != NULL)
        return (struct tab_retry){.will_retry = true};
    return documents_retry(&broker->documents, tab);
}

/* Static: it is large, and queued by value. */
static const struct crash_report *report_on(struct broker *broker, struct tab *tab, const struct inject_plan *plan,
                                            const struct modules *modules)
{
    static struct crash_report report;
    crash_report_init(&report, &tab->evidence, tab->document->path);
    report.tab = tab->number;
    report.kind = tab->kind != DOCUMENT_UNKNOWN ? document_kind_name(tab->kind) : NULL;
    report.injected = plan->fault != INJECT_NONE ? injection_name(plan->fault) : NULL;
    report.pid = tab->pid;
    report.page = tab->page;
    report.uptime_ns = clock_now_ns() - tab->started_ns;
    report.level = spawner_level(broker->spawner);
    report.layers = tab->layers;
    report.restarts = tab->n_restarts;
    report.will_retry = tab->retry.will_retry;
    report.next_try_ns = tab->retry.delay_ns;
    snprintf(report.detail, sizeof report.detail, "%s", tab->reason);
    crash_report_locate(&report, modules);
    if (broker->reports != NULL)
        memcpy(tab->report_id, report.id, sizeof tab->report_id);
    return &report;
}

static struct tab_retry crashed(void *owner, struct tab *tab, const struct modules *modules)
{
    struct broker *broker = owner;
    broker->n_crashes++;
    tab->retry = decide(broker, tab);
    const struct inject_plan plan = requests_plan_of(&broker->requests, tab);
    const struct crash_report *report = report_on(broker, tab, &plan, modules);
    tell_crash(&broker->events, tab, report, &plan);
    if (requests_chaos(&broker->requests) == NULL) {
        summary_progress_clear(&broker->progress);
        tell_crash_line(tab, report, broker->reports != NULL);
    }
    if (broker->reports != NULL)
        reports_add(broker->reports, report);
    requests_tab_crashed(&broker->requests, tab);
    return tab->retry;
}

static void orphaned(void *owner, struct tab *tab)
{
    struct broker *broker = owner;
    broker->n_crashes++;
    if (broker->n_orphans < broker->n_tabs)
        broker->orphans[broker->n_orphans++] = tab->number;
    requests_tab_crashed(&broker->requests, tab);
}

/* Work that takes long is told, once a second. */
static void progressed(void *owner, struct tab *tab)
{
    struct broker *broker = owner;
    const uint64_t waited_ns = clock_now_ns() - tab->ordered_ns;
    if (waited_ns < tab->told_waiting_ns + NS_PER_S && tab->told_waiting_ns < waited_ns)
        return;
    tab->told_waiting_ns = waited_ns;
    if (waited_ns >= NS_PER_S)
        events_progress(&broker->events, tab->number, waited_ns);
}

static void painted(void *owner, struct tab *tab)
{
    struct broker *broker = owner;
    requests_tab_painted(&broker->requests, tab);
    port_tab_changed(&broker->port, tab);
}

static void says_of_port(void *owner, struct tab *tab, const struct message *fact)
{
    struct broker *broker = owner;
    port_tab_says(&broker->port, tab, fact);
}

static void survived(void *owner, struct tab *tab)
{
    struct broker *broker = owner;
    requests_tab_survived(&broker->requests, tab);
    port_tab_changed(&broker->port, tab);
}

static void left(void *owner, struct tab *tab, const struct evidence *evidence)
{
    struct broker *broker = owner;
    requests_tab_left(&broker->requests, tab, evidence);
    check_finish(broker);
}

static void unsafe(void *owner, const struct child *child)
{
    struct broker *broker = owner;
    uint8_t layer_errno[LAYER_COUNT];
    memcpy(layer_errno, child->layer_errno, sizeof layer_errno);
    spawner_explain(broker->spawner, layer_errno);
    char line[320] = "no sandbox worth the name can be had here";
    for (int layer = 0; layer < LAYER_COUNT; layer++) {
        if ((LAYERS_LEVEL_2 & LAYER_BIT(layer)) && !(child->layers & LAYER_BIT(layer))) {
            snprintf(line, sizeof line, "no renderer is started without the layer %s: %s",
                     layer_name((enum layer)layer), layer_advice((enum layer)layer, layer_errno[layer]));
            break;
        }
    }
    fail_broker(broker, line);
}

/* ---- faults on purpose --------------------------------------------------------------------------------------------------- */

static void faults_are_done(void *owner)
{
    check_finish(owner);
}

static int prepare_faults(struct broker *broker)
{
    static const struct requests_handlers handlers = {.done = faults_are_done, .is_quiet = is_all_reported};
    const struct requests_setup setup = {
        .options = broker->options,
        .loop = broker->loop,
        .spawner = broker->spawner,
        .tabs = broker->tabs,
        .n_tabs = broker->n_tabs,
        .events = &broker->events,
        .progress = &broker->progress,
        .handlers = &handlers,
        .owner = broker,
    };
    const int error = requests_init(&broker->requests, &setup);
    if (error != 0)
        log_error("the faults cannot be planned: %s", strerror(-error));
    return error;
}

/* ---- a port -------------------------------------------------------------------------------------------------------------- */

static void port_changed(void *owner)
{
    check_finish(owner);
}

static void prepare_port(struct broker *broker)
{
    const unsigned *tabs = broker->options->port_tabs;
    if (tabs[0] == 0)
        return;
    port_init(&broker->port,
              &(struct port_setup){.loop = broker->loop,
                                   .tabs = {&broker->tabs[tabs[0] - 1], &broker->tabs[tabs[1] - 1]},
                                   .timeout_ns = broker->options->timeout_ns,
                                   .events = &broker->events,
                                   .progress = &broker->progress,
                                   .quiet = broker->options->chaos.duration_ns != 0,
                                   .changed = port_changed,
                                   .owner = broker});
}

/* ---- crash reports --------------------------------------------------------------------------------------------------------- */

static void report_stored(void *owner, const struct crash_report *report, const char *file, int error)
{
    struct broker *broker = owner;
    tell_report(&broker->events, report, file);
    if (error != 0) {
        char folder[256];
        text_escape(folder, sizeof folder, broker->options->crash_dir, strlen(broker->options->crash_dir));
        log_warning("a crash report cannot be stored in %s: %s; make room or name another folder", folder,
                    strerror(-error));
    }
    check_finish(broker);
}

/* Reports are a help, no work that was asked for: without them the run goes on. */
static void prepare_reports(struct broker *broker)
{
    static const struct reports_handlers handlers = {.stored = report_stored};
    char why[512];
    int dir_fd;
    if (broker->options->crash_dir == NULL)
        return;
    int error = crash_dir_prepare(broker->options->crash_dir, &dir_fd, why, sizeof why);
    if (error == 0) {
        error = reports_create(broker->loop, dir_fd, &handlers, broker, &broker->reports);
        snprintf(why, sizeof why, "crash reports cannot be kept: %s", strerror(-error));
    }
    if (error != 0)
        log_warning("%s; going on without stored reports", why);
}

/* ---- the spawner and signals ---------------------------------------------------------------------------------------------- */

static void spawner_broken(void *owner, const char *why)
{
    fail_broker(owner, why);
}

/* By now the renderers that went with an init have ended, one by one; they are told of together. */
static void spawner_lost(void *owner, const char *what, pid_t pid, const char *why)
{
    struct broker *broker = owner;
    events_zygote(&broker->events,
                  &(struct event_zygote){
                      .lost = what, .pid = pid, .why = why, .tabs = broker->orphans, .n_tabs = broker->n_orphans});
    broker->n_orphans = 0;
}

static void spawner_closed(void *owner)
{
    struct broker *broker = owner;
    loop_quit(broker->loop);
}

static void close_all(struct broker *broker)
{
    broker->is_closing = true;
    port_close(&broker->port);
    for (unsigned i = 0; i < broker->n_tabs && broker->tabs != NULL; i++) {
        struct tab *tab = &broker->tabs[i];
        if (tab->setup == NULL || tab->state == TAB_CLOSED)
            continue;
        tab->ended_as = tab->state;
        tab_close(tab);
    }
    pictures_destroy(broker->pictures);
    broker->pictures = NULL;
    if (broker->spawner != NULL)
        spawner_close(broker->spawner);
}

static void children_ended(void *owner)
{
    struct broker *broker = owner;
    spawner_reap(broker->spawner);
}

static void asked_to_end(void *owner, int signal)
{
    struct broker *broker = owner;
    if (broker->ending_signal != 0)
        _exit(128 + signal); /* asked twice: the children follow by themselves */
    broker->ending_signal = signal;
    summary_progress_clear(&broker->progress);
    close_all(broker);
}

/* By hand: all that have failed are tried once more, with what their files hold now. */
static void try_again(void *owner)
{
    struct broker *broker = owner;
    for (unsigned i = 0; i < broker->n_tabs; i++) {
        struct tab *tab = &broker->tabs[i];
        if (tab->state == TAB_FAILED && !is_ending(broker) && documents_try_again(&broker->documents, tab->document))
            tab_reload(tab);
    }
}

static void tell_statistics(void *owner)
{
    struct broker *broker = owner;
    if (is_ending(broker))
        return;
    summary_progress_clear(&broker->progress);
    statistics_tell(&broker->events, broker->tabs, broker->n_tabs);
}

static void statistics_are_due(struct loop_timer *timer)
{
    struct broker *broker = LOOP_OWNER(timer, struct broker, statistics_timer);
    tell_statistics(broker);
    loop_arm(broker->loop, timer, clock_now_ns() + broker->options->statistics_ns, statistics_are_due);
}

static int watch_signals(struct broker *broker)
{
    static const struct signals_handlers handlers = {
        .ended = asked_to_end, .children = children_ended, .try_again = try_again, .asked = tell_statistics};
    const int error = signals_init(&broker->signals, broker->loop, &handlers, broker);
    if (error != 0)
        log_error("signals cannot be received: %s", strerror(-error));
    return error;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------------------- */

/* Raises the soft limit of descriptors as far as the tabs need. */
static int make_room_for_fds(const struct broker *broker)
{
    const rlim_t needed = (rlim_t)broker->n_tabs * FDS_PER_TAB + broker->options->n_files + FDS_BESIDES;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
        return 0;
    limit.rlim_cur = needed < limit.rlim_max ? needed : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= needed)
        return 0;
    log_error("%u tabs need %llu open files and the hard limit is %llu: raise it (ulimit -Hn) or ask for fewer tabs",
              broker->n_tabs, (unsigned long long)needed, (unsigned long long)limit.rlim_max);
    return -EMFILE;
}

static unsigned count_cpus(void)
{
    cpu_set_t cpus;
    return sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? (unsigned)CPU_COUNT(&cpus) : 1;
}

static const struct tab_handlers tab_handlers = {
    .changed = changed,
    .gone = gone,
    .crashed = crashed,
    .orphaned = orphaned,
    .progressed = progressed,
    .painted = painted,
    .port = says_of_port,
    .survived = survived,
    .left = left,
    .unsafe = unsafe,
};

static void set_up(struct broker *broker, const struct options *options, uint64_t start_ns)
{
    *broker = (struct broker){.options = options,
                              .start_ns = start_ns,
                              .snapshot_dir_fd = -1,
                              .signals.fd = -1,
                              .fds_at_start = fd_count_open(),
                              .max_loading = count_cpus() * LOADING_PER_CPU};
    broker->n_tabs = options_count_tabs(options);
    events_init(&broker->events, options->json ? STDOUT_FILENO : -1, start_ns);
    summary_progress_init(&broker->progress, stderr, broker->n_tabs);
    broker->setup = (struct tab_setup){.page = options->page,
                                       .zoom = options->zoom,
                                       .timeout_ns = options->timeout_ns,
                                       .no_ring = options->no_ring,
                                       .handlers = &tab_handlers,
                                       .owner = broker};
    frame_layout_init(&broker->setup.layout, options->width_px, options->height_px);
}

static int start_spawner(struct broker *broker)
{
    static const struct spawner_handlers handlers = {
        .broken = spawner_broken, .lost = spawner_lost, .closed = spawner_closed};
    const struct options *options = broker->options;
    const struct spawner_options spawner_options = {
        .mode = options->spawn,
        .require_level = options->require_level,
        .n_spares = options->n_spares,
        .memory_bytes = options->memory_bytes,
        .max_mapped_bytes = options->max_document_bytes + broker->setup.layout.total_bytes,
        .wants_modules = options->json || options->crash_dir != NULL,
    };
    char why[256] = "out of memory";
    const int error =
        spawner_create(broker->loop, &spawner_options, &handlers, broker, &broker->spawner, why, sizeof why);
    if (error != 0)
        log_error("%s", why);
    broker->setup.loop = broker->loop;
    broker->setup.spawner = broker->spawner;
    return error;
}

/* Each with its document. */
static int make_tabs(struct broker *broker)
{
    char why[256];
    const int error = documents_init(&broker->documents, broker->options, why, sizeof why);
    if (error != 0) {
        log_error("%s", why);
        return error;
    }
    broker->orphans = calloc(broker->n_tabs, sizeof *broker->orphans);
    broker->tabs = calloc(broker->n_tabs, sizeof *broker->tabs);
    if (broker->orphans == NULL || broker->tabs == NULL) {
        log_error("there is no memory for %u tabs; ask for fewer", broker->n_tabs);
        return -ENOMEM;
    }
    for (unsigned i = 0; i < broker->n_tabs; i++)
        tab_init(&broker->tabs[i], &broker->setup, i + 1, documents_at(&broker->documents, i));
    return 0;
}

/* All that can go wrong before the first tab. 0, or -errno with the line already said. */
static int get_going(struct broker *broker)
{
    if (broker->options->snapshot_dir != NULL) {
        char why[256];
        const int error = snapshot_prepare(broker->options->snapshot_dir, &broker->snapshot_dir_fd, why, sizeof why);
        if (error != 0) {
            log_error("%s", why);
            return error;
        }
    }
    int error = make_room_for_fds(broker);
    if (error != 0)
        return error;
    error = loop_create(&broker->loop);
    if (error != 0) {
        log_error("the event loop cannot be made: %s", strerror(-error));
        return error;
    }
    /* The zygote warms up while the documents are read. Signals keep their defaults until then: reading standard input
     * may take for ever, and Ctrl-C must end it. */
    error = start_spawner(broker);
    if (error == 0)
        error = make_tabs(broker);
    if (error == 0)
        error = watch_signals(broker);
    if (error == 0)
        error = prepare_faults(broker);
    if (error == 0) {
        prepare_port(broker);
        prepare_reports(broker);
    }
    return error;
}

static void tear_down(struct broker *broker)
{
    if (broker->reports != NULL)
        reports_flush(broker->reports);
    for (unsigned i = 0; i < broker->n_tabs && broker->tabs != NULL; i++)
        tab_finish(&broker->tabs[i]);
    documents_finish(&broker->documents);
    reports_destroy(broker->reports);
    requests_finish(&broker->requests);
    pictures_destroy(broker->pictures);
    spawner_destroy(broker->spawner);
    signals_finish(&broker->signals);
    fd_close(&broker->snapshot_dir_fd);
    loop_destroy(broker->loop);
}

static unsigned count_ended_as(const struct broker *broker, enum tab_state state)
{
    unsigned n = 0;
    for (unsigned i = 0; i < broker->n_tabs && broker->tabs != NULL; i++)
        n += broker->tabs[i].ended_as == state;
    return n;
}

static int exit_status(const struct broker *broker)
{
    if (broker->status != EXIT_STATUS_OK)
        return broker->status;
    if (broker->ending_signal != 0)
        return 128 + broker->ending_signal;
    if (count_ended_as(broker, TAB_FAILED) > 0)
        return EXIT_STATUS_TABS;
    const struct chaos_counts *chaos = requests_chaos(&broker->requests);
    if (chaos != NULL)
        return chaos_is_good(chaos) ? EXIT_STATUS_OK : EXIT_STATUS_TABS;
    if (port_is_broken(&broker->port))
        return EXIT_STATUS_TABS;
    return broker->n_crashes > 0 ? EXIT_STATUS_TABS : EXIT_STATUS_OK;
}

int broker_run(const struct options *options, uint64_t start_ns)
{
    struct broker broker;
    slice_short();
    set_up(&broker, options, start_ns);
    if (get_going(&broker) == 0 && broker.status == EXIT_STATUS_OK) {
        start_tabs(&broker);
        if (options->statistics_ns > 0)
            loop_arm(broker.loop, &broker.statistics_timer, clock_now_ns() + options->statistics_ns,
                     statistics_are_due);
        requests_start(&broker.requests);
        const int error = loop_run(broker.loop);
        if (error != 0) {
            log_error("the event loop broke: %s", strerror(-error));
            broker.status = EXIT_STATUS_BROKER;
        }
    } else {
        broker.status = EXIT_STATUS_BROKER;
        if (broker.spawner != NULL) {
            close_all(&broker);
            loop_run(broker.loop);
        }
    }
    const int status = exit_status(&broker);
    tear_down(&broker);

    events_end(&broker.events, &(struct event_end){.status = status,
                                                   .tabs_live = count_ended_as(&broker, TAB_LIVE),
                                                   .tabs_failed = count_ended_as(&broker, TAB_FAILED),
                                                   .crashes = broker.n_crashes,
                                                   .peak_rss_kb = broker.peak_rss_kb,
                                                   .pss_kb = broker.pss_kb,
                                                   .fds_open = fd_count_open()});
    events_finish(&broker.events);
    free(broker.tabs);
    free(broker.orphans);
    const bool given_up = events_error(&broker.events) == -ETIMEDOUT && broker.ending_signal != 0;
    if (events_error(&broker.events) != 0 && !given_up) {
        log_error("events cannot be written to stdout: %s", strerror(-events_error(&broker.events)));
        return EXIT_STATUS_BROKER;
    }
    return status;
}
