#include "broker/broker.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "broker/document.h"
#include "broker/events.h"
#include "broker/loop.h"
#include "broker/output.h"
#include "broker/proc.h"
#include "broker/samples.h"
#include "broker/snapshot.h"
#include "broker/spawn.h"
#include "broker/summary.h"
#include "broker/tab.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/text.h"

/* Channel, crash pipe, pidfd, listener, frame, and its own ends while it is being spawned. */
#define FDS_PER_TAB 8
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

    struct document *documents; /* one for each distinct path */
    size_t n_documents;
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
    bool finished; /* all tabs were settled, and that was told */

    int snapshot_dir_fd;
    struct snapshot_sheet *sheet; /* while pictures are taken */
    struct loop_timer picture_timer;
    unsigned n_pictures;
    int signal_fd;
    struct loop_source signal_source;
    int ending_signal; /* that asked us to end */
    int status;
    int fds_at_start;
};

static void close_all(struct broker *broker);
static void all_done(struct broker *broker);

static void fail_broker(struct broker *broker, const char *why)
{
    summary_progress_clear(&broker->progress);
    log_error("%s", why);
    broker->status = EXIT_STATUS_BROKER;
    close_all(broker);
}

/* ---- what is told while tabs live -------------------------------------------------------------------------------------- */

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

static void tell_tab(struct broker *broker, const struct tab *tab)
{
    events_tab(&broker->events, &(struct event_tab){
                                    .tab = tab->number,
                                    .state = tab_state_name(tab->state),
                                    .pid = tab->pid,
                                    .document = tab->document->path,
                                    .kind = tab->kind != DOCUMENT_UNKNOWN ? document_kind_name(tab->kind) : NULL,
                                    .pages = tab->n_pages,
                                    .title = tab->title,
                                    .first_live = tab->state == TAB_LIVE,
                                    .spawn_ns = tab->spawn_ns,
                                    .first_frame_ns = tab->first_frame_ns,
                                    .open_ns = tab->open_ns,
                                    .paint_ns = tab->paint_ns,
                                    .rung_ns = tab->rung_ns,
                                });
}

static void tell_refused(struct broker *broker, const struct tab *tab)
{
    events_refused(&broker->events, &(struct event_refused){.tab = tab->number,
                                                            .document = tab->document->path,
                                                            .reason = refusal_name(tab->refusal),
                                                            .detail = tab->reason});
}

/* Both ends of the span are known only when the record is of this very death, and not from the future. */
static uint64_t detection_ns(const struct evidence *evidence)
{
    const struct crash_record *record = &evidence->record;
    if (!crash_record_fits(evidence) || record->at_ns > evidence->noticed_ns ||
        evidence->noticed_ns - record->at_ns > 10 * NS_PER_S)
        return 0;
    return evidence->noticed_ns - record->at_ns;
}

static void crashed(void *owner, struct tab *tab)
{
    struct broker *broker = owner;
    const struct evidence *evidence = &tab->evidence;
    broker->n_crashes++;
    char signal[32], call[64], fault[64];
    const bool has_record = crash_record_fits(evidence);
    struct event_crash event = {
        .tab = tab->number,
        .verdict = verdict_name(tab->verdict),
        .has_address = tab->verdict == VERDICT_SIGNAL && has_record && evidence->record.code > 0,
        .address = evidence->record.address,
        .pc = evidence->violated ? evidence->call_ip
              : has_record       ? evidence->record.pc
                                 : 0,
        .syscall = evidence->violated ? call_name(evidence->call, call, sizeof call) : NULL,
        .detail = tab->reason,
        .detected_ns = detection_ns(evidence),
    };
    if (tab->verdict == VERDICT_SIGNAL || tab->verdict == VERDICT_KILLED) {
        event.signal = evidence->wait_status;
        signal_name(evidence->wait_status, signal, sizeof signal);
    }
    if (tab->verdict == VERDICT_PROTOCOL) {
        snprintf(fault, sizeof fault, "%d %s", (int)evidence->fault, message_fault_name(evidence->fault));
        event.reason = fault;
    }
    memcpy(event.args, evidence->call_args, sizeof event.args);
    events_crash(&broker->events, &event);
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

/* ---- the end of the work ------------------------------------------------------------------------------------------------ */

static void measure_memory(struct broker *broker)
{
    spawner_measure(broker->spawner, &broker->memory);
    broker->pss_kb = broker->memory.pss_kb + proc_pss_kb(getpid());
    broker->peak_rss_kb = broker->memory.peak_rss_kb + proc_peak_rss_kb(getpid());
}

/* The pictures are written one a turn of the loop, so that signals and watchdogs are served in between. */
static void picture_taken(struct loop_timer *timer);

static int write_picture(struct broker *broker, const struct tab *tab)
{
    const struct frame_layout *layout = &broker->setup.layout;
    const bool live = tab->state == TAB_LIVE;
    uint8_t *frame = NULL;
    int error = live ? frame_map(layout, tab->frame_fd, false, &frame) : 0;
    if (error != 0)
        return error;
    const uint8_t *pixels = live ? frame + tab->shown_slot * layout->slot_bytes : NULL;
    snapshot_sheet_put(broker->sheet, &(struct snapshot_tile){.number = tab->number,
                                                              .pixels = pixels,
                                                              .label = tab->document->path,
                                                              .state = tab_state_name(tab->state),
                                                              .reason = tab->reason,
                                                              .failed = !live});
    if (!live)
        return snapshot_remove_tab(broker->snapshot_dir_fd, tab->number);
    error = snapshot_write_tab(broker->snapshot_dir_fd, tab->number, layout, pixels);
    frame_unmap(layout, frame);
    return error;
}

static void end_snapshot(struct broker *broker, int error)
{
    snapshot_sheet_destroy(broker->sheet);
    broker->sheet = NULL;
    if (error != 0) {
        char folder[256];
        text_escape(folder, sizeof folder, broker->options->snapshot_dir, strlen(broker->options->snapshot_dir));
        log_error("the pictures cannot be written to %s: %s; make room or name another folder", folder,
                  strerror(-error));
        broker->status = EXIT_STATUS_BROKER;
    }
    all_done(broker);
}

static void take_pictures(struct broker *broker)
{
    const int error = snapshot_sheet_create(&broker->sheet, broker->n_tabs, &broker->setup.layout);
    if (error != 0)
        end_snapshot(broker, error);
    else
        loop_arm(broker->loop, &broker->picture_timer, clock_now_ns(), picture_taken);
}

static void picture_taken(struct loop_timer *timer)
{
    struct broker *broker = LOOP_OWNER(timer, struct broker, picture_timer);
    int error = write_picture(broker, &broker->tabs[broker->n_pictures++]);
    if (error == 0 && broker->n_pictures < broker->n_tabs) {
        loop_arm(broker->loop, timer, clock_now_ns(), picture_taken);
        return;
    }
    if (error == 0)
        error = snapshot_sheet_write(broker->sheet, broker->snapshot_dir_fd);
    end_snapshot(broker, error);
}

static void print_summary(struct broker *broker)
{
    char *text = NULL;
    size_t n_text = 0;
    FILE *out = open_memstream(&text, &n_text);
    struct summary_tab *rows = calloc(broker->n_tabs, sizeof *rows);
    if (rows == NULL || out == NULL) {
        if (out != NULL)
            fclose(out);
        free(text);
        free(rows);
        return;
    }
    for (unsigned i = 0; i < broker->n_tabs; i++) {
        const struct tab *tab = &broker->tabs[i];
        rows[i] = (struct summary_tab){
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
            .reason = tab->reason[0] != '\0' ? tab->reason : NULL,
            .live = tab->state == TAB_LIVE,
            .failed = tab->state == TAB_FAILED,
        };
    }
    const struct summary_totals totals = {.level = spawner_level(broker->spawner),
                                          .all_live_ns = broker->all_settled_ns - broker->start_ns,
                                          .pss_kb = broker->pss_kb};
    const bool to_stderr = broker->options->json;
    const struct summary_style style = summary_style_of(to_stderr ? stderr : stdout);
    summary_print(out, &style, rows, broker->n_tabs, &totals);
    fclose(out);
    const int error = output_write(to_stderr ? STDERR_FILENO : STDOUT_FILENO, text, n_text);
    /* Given up for a signal that is about to be read: that one makes the exit status. */
    if (error != 0 && error != -ETIMEDOUT && !to_stderr) {
        log_error("the summary cannot be written to stdout: %s", strerror(-error));
        broker->status = EXIT_STATUS_BROKER;
    }
    free(text);
    free(rows);
}

/* Everything was shown or told. */
static void all_done(struct broker *broker)
{
    print_summary(broker);
    if (broker->options->stay)
        spawner_fill_spares(broker->spawner);
    else
        close_all(broker);
}

/* The totals are taken first: they are to be of the moment in which the last tab came. */
static void all_settled(struct broker *broker)
{
    if (broker->finished)
        return;
    broker->finished = true;
    broker->all_settled_ns = clock_now_ns();
    summary_progress_clear(&broker->progress);
    tell_start(broker, 0);
    measure_memory(broker);
    if (broker->snapshot_dir_fd >= 0)
        take_pictures(broker);
    else
        all_done(broker);
}

/* ---- tabs ------------------------------------------------------------------------------------------------------------------ */

static struct document *document_of(struct broker *broker, const struct tab *tab)
{
    return &broker->documents[tab->document - broker->documents];
}

/* Its document, unless an earlier tab had it opened. */
static void take_in(struct broker *broker, const struct tab *tab)
{
    struct document *document = document_of(broker, tab);
    if (document->opened)
        return;
    const int error = document_open(document, broker->options->max_document_bytes);
    if (error != 0) {
        document->refusal = REFUSAL_UNREADABLE;
        snprintf(document->detail, sizeof document->detail, "the broker cannot take it in: %s", strerror(-error));
    }
}

/* A tab has come to its end: the copy goes with the last that shows it. */
static void let_go(struct broker *broker, const struct tab *ended)
{
    for (unsigned i = 0; i < broker->n_tabs; i++) {
        const struct tab *tab = &broker->tabs[i];
        if (tab->document == ended->document && tab->state != TAB_FAILED && tab->state != TAB_CLOSED)
            return;
    }
    document_release(document_of(broker, ended));
}

static void start_tabs(struct broker *broker)
{
    while (broker->next_tab < broker->n_tabs && broker->n_loading < broker->max_loading && broker->status == 0 &&
           broker->ending_signal == 0) {
        struct tab *tab = &broker->tabs[broker->next_tab++];
        broker->n_loading++;
        take_in(broker, tab);
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

static void changed(void *owner, struct tab *tab)
{
    struct broker *broker = owner;
    const bool first_time = !tab->told[tab->state];
    tab->told[tab->state] = true;
    if (first_time) {
        if (tab->state == TAB_LOADING)
            tell_start(broker, tab->layers);
        if (tab->state == TAB_FAILED && tab->refusal != REFUSAL_NONE)
            tell_refused(broker, tab);
        tell_tab(broker, tab);
    }
    if (tab->state == TAB_FAILED || tab->state == TAB_CLOSED)
        let_go(broker, tab);
    if (tab->state == TAB_CLOSED || tab->settled || !tab_is_settled(tab))
        return;
    tab->settled = true;
    broker->n_loading--;
    broker->n_settled++;
    summary_progress_update(&broker->progress, broker->n_settled, count_tabs(broker, TAB_FAILED), clock_now_ns());
    start_tabs(broker);
    if (broker->n_settled == broker->n_tabs)
        all_settled(broker);
}

/* ---- documents -------------------------------------------------------------------------------------------------------------- */

/* A path named twice is one document: its tabs share one sealed copy. */
static int note_document(struct broker *broker, const char *path, struct document **ret_document)
{
    for (size_t i = 0; i < broker->n_documents; i++) {
        *ret_document = &broker->documents[i];
        if (strcmp(broker->documents[i].path, path) == 0)
            return 0;
    }
    *ret_document = &broker->documents[broker->n_documents];
    const int error = document_init(*ret_document, path);
    if (error != 0)
        return error;
    broker->n_documents++;
    /* Standard input is read now, while Ctrl-C still ends us; files when a tab comes to them. */
    return strcmp(path, "-") == 0 ? document_open(*ret_document, broker->options->max_document_bytes) : 0;
}

static int note_documents(struct broker *broker, char **paths, size_t n_paths)
{
    broker->documents = calloc(n_paths, sizeof *broker->documents);
    broker->tabs = calloc(broker->n_tabs, sizeof *broker->tabs);
    if (broker->documents == NULL || broker->tabs == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < broker->n_tabs; i++) {
        struct document *document;
        const int error = note_document(broker, paths[i % n_paths], &document);
        if (error != 0)
            return error;
        tab_init(&broker->tabs[i], &broker->setup, i + 1, document);
    }
    return 0;
}

/* FILEs in turn, or the samples in turn. */
static int take_documents(struct broker *broker)
{
    const struct options *options = broker->options;
    char **paths = options->files;
    size_t n_paths = options->n_files;
    char why[256];
    if (n_paths == 0 && samples_find(&paths, &n_paths, why, sizeof why) != 0) {
        log_error("%s", why);
        return -ENOENT;
    }
    const int error = note_documents(broker, paths, n_paths);
    if (error != 0)
        log_error("the documents cannot be taken in: %s", strerror(-error));
    if (paths != options->files)
        samples_free(paths, n_paths);
    return error;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------------------- */

static void spawner_broken(void *owner, const char *why)
{
    fail_broker(owner, why);
}

static void spawner_closed(void *owner)
{
    struct broker *broker = owner;
    loop_quit(broker->loop);
}

static void close_all(struct broker *broker)
{
    for (unsigned i = 0; i < broker->n_tabs && broker->tabs != NULL; i++) {
        struct tab *tab = &broker->tabs[i];
        if (tab->setup == NULL || tab->state == TAB_CLOSED)
            continue;
        tab->ended_as = tab->state;
        tab_close(tab);
    }
    loop_disarm(broker->loop, &broker->picture_timer);
    if (broker->spawner != NULL)
        spawner_close(broker->spawner);
}

static void on_signal(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct broker *broker = LOOP_OWNER(source, struct broker, signal_source);
    struct signalfd_siginfo info;
    while (read(broker->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD) {
            spawner_reap(broker->spawner);
            continue;
        }
        if (broker->ending_signal != 0)
            _exit(128 + (int)info.ssi_signo); /* asked twice: the children follow by themselves */
        broker->ending_signal = (int)info.ssi_signo;
        summary_progress_clear(&broker->progress);
        close_all(broker);
    }
}

static int watch_signals(struct broker *broker)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGCHLD);
    /* Under nohup, or in the background of a script, these were ignored before us and stay so. */
    static const int may_be_ignored[] = {SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof may_be_ignored / sizeof may_be_ignored[0]; i++) {
        struct sigaction inherited;
        if (sigaction(may_be_ignored[i], NULL, &inherited) == 0 && inherited.sa_handler != SIG_IGN)
            sigaddset(&signals, may_be_ignored[i]);
    }
    sigprocmask(SIG_BLOCK, &signals, NULL);
    broker->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (broker->signal_fd < 0) {
        const int error = -errno;
        log_error("signals cannot be received: %s", strerror(-error));
        return error;
    }
    return loop_add(broker->loop, &broker->signal_source, broker->signal_fd, EPOLLIN, on_signal);
}

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

static void set_up(struct broker *broker, const struct options *options, uint64_t start_ns)
{
    *broker = (struct broker){.options = options,
                              .start_ns = start_ns,
                              .snapshot_dir_fd = -1,
                              .signal_fd = -1,
                              .fds_at_start = fd_count_open(),
                              .max_loading = count_cpus() * LOADING_PER_CPU};
    broker->n_tabs = options->n_tabs;
    if (broker->n_tabs < options->n_files)
        broker->n_tabs = (unsigned)options->n_files;
    if (broker->n_tabs == 0)
        broker->n_tabs = 1;
    events_init(&broker->events, options->json ? STDOUT_FILENO : -1, start_ns);
    summary_progress_init(&broker->progress, stderr, broker->n_tabs);
    broker->setup = (struct tab_setup){.page = options->page,
                                       .zoom = options->zoom,
                                       .timeout_ns = options->timeout_ns,
                                       .changed = changed,
                                       .crashed = crashed,
                                       .unsafe = unsafe,
                                       .owner = broker};
    frame_layout_init(&broker->setup.layout, options->width_px, options->height_px);
}

static int start_spawner(struct broker *broker)
{
    static const struct spawner_handlers handlers = {.broken = spawner_broken, .closed = spawner_closed};
    const struct options *options = broker->options;
    const struct spawner_options spawner_options = {
        .mode = options->spawn,
        .require_level = options->require_level,
        .n_spares = options->n_spares,
        .memory_bytes = options->memory_bytes,
        .max_mapped_bytes = options->max_document_bytes + broker->setup.layout.total_bytes,
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
        error = take_documents(broker);
    if (error == 0)
        error = watch_signals(broker);
    return error;
}

static void tear_down(struct broker *broker)
{
    for (unsigned i = 0; i < broker->n_tabs && broker->tabs != NULL; i++)
        tab_finish(&broker->tabs[i]);
    for (size_t i = 0; i < broker->n_documents; i++)
        document_finish(&broker->documents[i]);
    snapshot_sheet_destroy(broker->sheet);
    spawner_destroy(broker->spawner);
    fd_close(&broker->signal_fd);
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
    return count_ended_as(broker, TAB_FAILED) > 0 ? EXIT_STATUS_TABS : EXIT_STATUS_OK;
}

int broker_run(const struct options *options, uint64_t start_ns)
{
    struct broker broker;
    set_up(&broker, options, start_ns);
    if (get_going(&broker) == 0 && broker.status == EXIT_STATUS_OK) {
        start_tabs(&broker);
        const int error = loop_run(broker.loop);
        if (error != 0)
            log_error("the event loop broke: %s", strerror(-error));
    } else {
        broker.status = EXIT_STATUS_BROKER;
        if (broker.spawner != NULL) {
            close_all(&broker);
            loop_run(broker.loop);
        }
    }
    tear_down(&broker);

    const int status = exit_status(&broker);
    events_end(&broker.events, &(struct event_end){.status = status,
                                                   .tabs_live = count_ended_as(&broker, TAB_LIVE),
                                                   .tabs_failed = count_ended_as(&broker, TAB_FAILED),
                                                   .crashes = broker.n_crashes,
                                                   .peak_rss_kb = broker.peak_rss_kb,
                                                   .pss_kb = broker.pss_kb,
                                                   .fds_open = fd_count_open()});
    events_finish(&broker.events);
    free(broker.tabs);
    free(broker.documents);
    const bool given_up = events_error(&broker.events) == -ETIMEDOUT && broker.ending_signal != 0;
    if (events_error(&broker.events) != 0 && !given_up) {
        log_error("events cannot be written to stdout: %s", strerror(-events_error(&broker.events)));
        return EXIT_STATUS_BROKER;
    }
    return status;
}
