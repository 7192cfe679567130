#include "broker/events.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/latency/format.h"
#include "broker/output.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/layers.h"
#include "common/text.h"

/* A JSON string of text_json at its longest: every character an escaped surrogate pair, and quotes, cut, end. */
#define MAX_TEXT_BYTES (TEXT_MAX_CHARACTERS * 12 + 16)

void events_init(struct events *events, int fd, uint64_t start_ns)
{
    *events = (struct events){.fd = fd, .start_ns = start_ns};
}

int events_error(const struct events *events)
{
    return events->error;
}

static bool is_off(const struct events *events)
{
    return events->fd < 0 || events->error;
}

static void flush(struct events *events)
{
    if (!events->error)
        events->error = output_write(events->fd, events->bytes, events->n_bytes);
    events->n_bytes = 0;
}

void events_finish(struct events *events)
{
    if (!is_off(events) && events->n_bytes > 0)
        flush(events);
    free(events->bytes);
    *events = (struct events){.fd = -1, .error = events->error};
}

/* Room for n_more bytes at the end, or NULL with the error noted. */
static char *reserve(struct events *events, size_t n_more)
{
    if (events->error)
        return NULL;
    if (events->n_capacity - events->n_bytes < n_more) {
        size_t n_capacity = 2 * events->n_capacity + n_more;
        char *bytes = realloc(events->bytes, n_capacity);
        if (!bytes) {
            events->error = -ENOMEM;
            return NULL;
        }
        events->bytes = bytes;
        events->n_capacity = n_capacity;
    }
    return events->bytes + events->n_bytes;
}

/* For what we spell ourselves: names and numbers. */
__attribute__((format(printf, 2, 3))) static void put(struct events *events, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char *out = reserve(events, (size_t)n);
    if (out) {
        memcpy(out, text, (size_t)n);
        events->n_bytes += (size_t)n;
    }
}

static void put_text(struct events *events, const char *text)
{
    char *out = reserve(events, MAX_TEXT_BYTES);
    if (out)
        events->n_bytes += text_json(out, MAX_TEXT_BYTES, text, strlen(text));
}

static void put_string(struct events *events, const char *name, const char *text)
{
    put(events, ",\"%s\":", name);
    if (text)
        put_text(events, text);
    else
        put(events, "null");
}

static void put_number(struct events *events, const char *name, long long number)
{
    put(events, ",\"%s\":%lld", name, number);
}

static void put_known(struct events *events, const char *name, long long number)
{
    if (number)
        put_number(events, name, number);
    else
        put(events, ",\"%s\":null", name);
}

/* A number of JSON holds 53 bits: an address is a string. */
static void put_address(struct events *events, const char *name, bool known, uint64_t address)
{
    if (known)
        put(events, ",\"%s\":\"0x%llx\"", name, (unsigned long long)address);
    else
        put(events, ",\"%s\":null", name);
}

/* A time in milliseconds with its microseconds. */
static void put_ms(struct events *events, const char *name, uint64_t ns)
{
    put(events, ",\"%s\":%llu.%03llu", name, ns / NS_PER_MS, ns / NS_PER_US % 1000);
}

static void put_known_ms(struct events *events, const char *name, uint64_t ns)
{
    if (ns)
        put_ms(events, name, ns);
    else
        put(events, ",\"%s\":null", name);
}

/* The name of a rung by its index. */
static const char *zygote_rung_name_at(unsigned rung)
{
    return zygote_rung_name((enum zygote_rung)rung);
}

static const char *rung_name_at(unsigned rung)
{
    return rung_name((enum rung)rung);
}

static void put_rungs(struct events *events, const char *name, const uint32_t *rung_ns, unsigned n_rungs,
                      const char *(*name_at)(unsigned rung))
{
    put(events, ",\"%s\":{", name);
    for (unsigned rung = 0; rung < n_rungs; rung++)
        put(events, "%s\"%s\":%u.%u", rung ? "," : "", name_at(rung), rung_ns[rung] / 1000, rung_ns[rung] % 1000 / 100);
    put(events, "}");
}

static void line_begin(struct events *events, const char *name)
{
    put(events, "{\"event\":\"%s\"", name);
    put_ms(events, "t_ms", clock_now_ns() - events->start_ns);
}

static void line_end(struct events *events)
{
    put(events, "}\n");
    if (events->started)
        flush(events);
}

void events_start(struct events *events, const struct event_start *event)
{
    if (is_off(events))
        return;
    struct events held = *events;
    events->bytes = NULL;
    events->n_bytes = events->n_capacity = 0;
    events->started = true;

    line_begin(events, "start");
    put_string(events, "version", VITRINE_VERSION);
    put_number(events, "tabs", event->tabs);
    put_number(events, "level", event->level);
    put(events, ",\"layers\":{");
    for (unsigned layer = 0; layer < LAYER_COUNT; layer++)
        put(events, "%s\"%s\":%s", layer ? "," : "", layer_name((enum layer)layer),
            event->layers & LAYER_BIT(layer) ? "true" : "false");
    put(events, "}");
    put_number(events, "fds_open", event->fds_open);
    if (event->zygote_rung_ns)
        put_rungs(events, "zygote_us", event->zygote_rung_ns, ZYGOTE_RUNG_COUNT, zygote_rung_name_at);
    line_end(events);

    if (!events->error)
        events->error = output_write(events->fd, held.bytes, held.n_bytes);
    free(held.bytes);
}

void events_tab(struct events *events, const struct event_tab *event)
{
    if (is_off(events))
        return;
    line_begin(events, "tab");
    put_number(events, "tab", event->tab);
    put_string(events, "state", event->state);
    put_known(events, "pid", event->pid);
    put_string(events, "document", event->document);
    put_string(events, "kind", event->kind);
    put_known(events, "pages", event->pages);
    put_string(events, "title", event->title);
    if (event->first_live) {
        put_known_ms(events, "spawn_ms", event->spawn_ns);
        put_known_ms(events, "first_frame_ms", event->first_frame_ns);
        put_known_ms(events, "open_ms", event->open_ns);
        put_known_ms(events, "paint_ms", event->paint_ns);
        if (event->rung_ns)
            put_rungs(events, "rungs_us", event->rung_ns, RUNG_COUNT, rung_name_at);
    }
    line_end(events);
}

void events_refused(struct events *events, const struct event_refused *event)
{
    if (is_off(events))
        return;
    line_begin(events, "refused");
    put_number(events, "tab", event->tab);
    put_string(events, "document", event->document);
    put_string(events, "reason", event->reason);
    put_string(events, "detail", event->detail);
    line_end(events);
}

static void put_signal(struct events *events, int signal)
{
    const char *name = sigabbrev_np(signal);
    char text[32];
    if (name)
        snprintf(text, sizeof text, "SIG%s", name);
    else if (signal >= SIGRTMIN && signal <= SIGRTMAX)
        snprintf(text, sizeof text, "SIGRTMIN+%d", signal - SIGRTMIN);
    else
        snprintf(text, sizeof text, "signal %d", signal);
    put_string(events, "signal", signal ? text : NULL);
}

static void put_syscall(struct events *events, const struct event_crash *event)
{
    put_string(events, "syscall", event->syscall);
    if (!event->syscall) {
        put(events, ",\"args\":null");
        return;
    }
    put(events, ",\"args\":[");
    for (size_t i = 0; i < EVENT_SYSCALL_ARGS; i++)
        put(events, "%s\"0x%llx\"", i ? "," : "", (unsigned long long)event->args[i]);
    put(events, "]");
}

static void put_lines(struct events *events, const char *name, const char *const *lines, size_t n_lines)
{
    put(events, ",\"%s\":[", name);
    for (size_t i = 0; i < n_lines; i++) {
        put(events, "%s", i ? "," : "");
        put_text(events, lines[i]);
    }
    put(events, "]");
}

static void put_known_us(struct events *events, const char *name, uint64_t ns)
{
    put_known(events, name, (long long)((ns + NS_PER_US - 1) / NS_PER_US));
}

static void put_bool(struct events *events, const char *name, bool value)
{
    put(events, ",\"%s\":%s", name, value ? "true" : "false");
}

void events_crash(struct events *events, const struct event_crash *event)
{
    if (is_off(events))
        return;
    line_begin(events, "crash");
    put_number(events, "tab", event->tab);
    put_string(events, "verdict", event->verdict);
    put_signal(events, event->signal);
    put_address(events, "address", event->has_address, event->address);
    put_address(events, "pc", event->pc != 0, event->pc);
    put_lines(events, "backtrace", event->backtrace, event->n_backtrace);
    put_syscall(events, event);
    put_string(events, "reason", event->reason);
    put_string(events, "detail", event->detail);
    put_known_us(events, "detected_us", event->detected_ns);
    put_known_us(events, "judged_us", event->judged_ns);
    put_number(events, "restarts", event->restarts);
    if (event->will_retry)
        put_ms(events, "next_try_ms", event->next_try_ns);
    else
        put(events, ",\"next_try_ms\":null");
    put_string(events, "report", event->report);
    put_string(events, "injected", event->injected);
    put_string(events, "stage", event->injected ? event->stage : NULL);
    if (event->injected)
        put_bool(events, "as_expected", event->as_expected);
    line_end(events);
}

void events_injected(struct events *events, const struct event_injected *event)
{
    if (is_off(events))
        return;
    line_begin(events, "injected");
    put_number(events, "tab", event->tab);
    put_string(events, "kind", event->fault);
    put_string(events, "stage", event->stage);
    put_string(events, "expected", event->expected);
    put_string(events, "what", event->what);
    put_bool(events, "right", event->right);
    put_bool(events, "recovered", event->recovered);
    put_known_ms(events, "recovered_ms", event->recovered_ns);
    line_end(events);
}

void events_chaos(struct events *events, const struct event_chaos *event)
{
    if (is_off(events))
        return;
    line_begin(events, "chaos");
    put(events, ",\"seed\":%llu", (unsigned long long)event->seed);
    put_ms(events, "elapsed_ms", event->elapsed_ns);
    put_number(events, "faults", event->faults);
    put_number(events, "right", event->right);
    put_number(events, "recovered", event->recovered);
    put_number(events, "strays", event->strays);
    put_known_us(events, "detected_p50_us", event->detected_p50_ns);
    put_known_us(events, "detected_p99_us", event->detected_p99_ns);
    put_known_us(events, "judged_p50_us", event->judged_p50_ns);
    put_known_us(events, "judged_p99_us", event->judged_p99_ns);
    put_known_us(events, "recovered_p50_us", event->recovered_p50_ns);
    put_known_us(events, "recovered_p99_us", event->recovered_p99_ns);
    put_number(events, "fds_before", event->fds_before);
    put_number(events, "fds_after", event->fds_after);
    put_number(events, "children_before", event->children_before);
    put_number(events, "children_after", event->children_after);
    put_number(events, "rss_before_kb", (long long)event->rss_before_kb);
    put_number(events, "rss_after_kb", (long long)event->rss_after_kb);
    put_bool(events, "good", event->good);
    line_end(events);
}

void events_zygote(struct events *events, const struct event_zygote *event)
{
    if (is_off(events))
        return;
    line_begin(events, "zygote");
    put_string(events, "lost", event->lost);
    put_known(events, "pid", event->pid);
    put_string(events, "why", event->why);
    put(events, ",\"tabs\":[");
    for (size_t i = 0; i < event->n_tabs; i++)
        put(events, "%s%u", i ? "," : "", event->tabs[i]);
    put(events, "]");
    line_end(events);
}

void events_report(struct events *events, const struct event_report *event)
{
    if (is_off(events))
        return;
    line_begin(events, "report");
    put_number(events, "tab", event->tab);
    put_string(events, "id", event->id);
    put_string(events, "file", event->file);
    put_lines(events, "backtrace", event->backtrace, event->n_backtrace);
    line_end(events);
}

void events_progress(struct events *events, unsigned tab, uint64_t waited_ns)
{
    if (is_off(events))
        return;
    line_begin(events, "progress");
    put_number(events, "tab", tab);
    put_ms(events, "waited_ms", waited_ns);
    line_end(events);
}

/* Three decimals: a message between two cores takes less than a microsecond. */
static void put_fine_us(struct events *events, const char *name, uint64_t ns)
{
    if (ns > 0)
        put(events, ",\"%s\":%.3f", name, (double)ns / (double)NS_PER_US);
    else
        put(events, ",\"%s\":null", name);
}

void events_port(struct events *events, const struct event_port *event)
{
    if (is_off(events))
        return;
    line_begin(events, "port");
    put_number(events, "a", event->a);
    put_number(events, "b", event->b);
    put_string(events, "state", event->state);
    put_string(events, "reason", event->reason);
    if (event->exchanged) {
        put_number(events, "n", (long long)event->n);
        put_number(events, "lost", (long long)event->lost);
    } else {
        put(events, ",\"n\":null,\"lost\":null");
    }
    put_fine_us(events, "p50_us", event->p50_ns);
    put_fine_us(events, "p99_us", event->p99_ns);
    put_known(events, "per_s", (long long)event->per_s);
    line_end(events);
}

void events_statistics(struct events *events, const struct event_statistics *event)
{
    if (is_off(events))
        return;
    line_begin(events, "statistics");
    put_number(events, "tab", event->tab);
    put_string(events, "state", event->state);
    put_known(events, "pid", event->pid);
    put_number(events, "orders", (long long)event->orders);
    put_number(events, "facts", (long long)event->facts);
    put_number(events, "by_ring", (long long)event->by_ring);
    put_number(events, "order_bytes", (long long)event->order_bytes);
    put_number(events, "fact_bytes", (long long)event->fact_bytes);
    put_known_ms(events, "answer_p50_ms", event->answer_p50_ns);
    put_known_ms(events, "answer_p99_ms", event->answer_p99_ns);
    put_number(events, "woken", (long long)event->woken);
    put_number(events, "rung", (long long)event->rung);
    put_known_ms(events, "cpu_ms", event->cpu_ns);
    put_known(events, "pss_kb", (long long)event->pss_kb);
    put_number(events, "restarts", event->restarts);
    line_end(events);
}

void events_containment(struct events *events, const struct event_containment *event)
{
    if (is_off(events))
        return;
    line_begin(events, "containment");
    put_string(events, "row", event->row);
    put_string(events, "group", event->group);
    put_number(events, "level", event->level);
    put_string(events, "tried", event->tried);
    put_string(events, "expected", event->expected);
    put_string(events, "result", event->result);
    put_string(events, "verdict", event->verdict);
    put(events, ",\"holds\":%s", !event->applies ? "null" : event->holds ? "true" : "false");
    put_ms(events, "neighbour_ms", event->neighbour_ns);
    line_end(events);
}

void events_containment_totals(struct events *events, const struct event_containment_totals *event)
{
    if (is_off(events))
        return;
    line_begin(events, "containment-totals");
    put_number(events, "level", event->level);
    put(events, ",\"root\":%s", event->as_root ? "true" : "false");
    put_number(events, "rows", event->n_rows);
    put_number(events, "held", event->n_held);
    put_number(events, "failed", event->n_failed);
    put_number(events, "absent", event->n_absent);
    put_ms(events, "neighbour_ms", event->neighbour_ns);
    put_ms(events, "wall_ms", event->wall_ns);
    line_end(events);
}

void events_end(struct events *events, const struct event_end *event)
{
    if (is_off(events))
        return;
    line_begin(events, "end");
    put_number(events, "status", event->status);
    put_number(events, "tabs_live", event->tabs_live);
    put_number(events, "tabs_failed", event->tabs_failed);
    put_number(events, "crashes", event->crashes);
    put_ms(events, "wall_ms", clock_now_ns() - events->start_ns);
    put_known(events, "peak_rss_kb", (long long)event->peak_rss_kb);
    put_known(events, "pss_kb", (long long)event->pss_kb);
    put_number(events, "fds_open", event->fds_open);
    line_end(events);
}

/* ---- latency mode -------------------------------------------------------------------------------------------------------- */

static void put_decimal(struct events *events, const char *name, bool known, double number)
{
    if (known && __builtin_isfinite(number))
        put(events, ",\"%s\":%.1f", name, number);
    else
        put(events, ",\"%s\":null", name);
}

static void put_time(struct events *events, const char *name, double ns)
{
    put_decimal(events, name, ns > 0, ns);
}

/* "": not known. */
static void put_some_text(struct events *events, const char *name, const char *text)
{
    put_string(events, name, *text ? text : NULL);
}

void events_latency_host(struct events *events, const struct latency_host *host, unsigned n_figures)
{
    if (is_off(events))
        return;
    events->started = true;
    line_begin(events, "latency-host");
    put_string(events, "version", VITRINE_VERSION);
    put_some_text(events, "commit", VITRINE_COMMIT);
    put_number(events, "time", (long long)host->time);
    put_some_text(events, "kernel", host->kernel);
    put_some_text(events, "cpu", host->cpu);
    put_bool(events, "virtualized", host->virtualized);
    put_number(events, "cpus", host->n_cpus);
    put_number(events, "cpus_allowed", host->n_allowed);
    put_some_text(events, "governor", host->governor);
    put_some_text(events, "clock_source", host->clock_source);
    put_bool(events, "filter", host->filter);
    put(events, ",\"load\":%.2f", host->load);
    put_number(events, "figures", n_figures);
    line_end(events);
}

static void put_curve(struct events *events, const struct figure_outcome *outcome)
{
    if (!outcome->has_curve) {
        put(events, ",\"curve_ns\":null");
        return;
    }
    put(events, ",\"curve_ns\":{");
    for (size_t i = 0; i < FIGURE_CURVE_POINTS; i++)
        put(events, "%s\"%g\":%.1f", i ? "," : "", figure_curve_points[i] / 1000.0, outcome->curve_ns[i]);
    put(events, "}");
}

static void put_shares(struct events *events, const struct figure_shares *shares)
{
    put(events, ",\"shares\":{\"measured\":%s", shares->pack_ns >= 0 || shares->syscall_ns >= 0 ? "true" : "false");
    put_decimal(events, "pack_ns", shares->pack_ns >= 0, shares->pack_ns);
    put_decimal(events, "scan_ns", shares->scan_ns >= 0, shares->scan_ns);
    put_decimal(events, "unpack_ns", shares->unpack_ns >= 0, shares->unpack_ns);
    put_decimal(events, "syscall_ns", shares->syscall_ns >= 0, shares->syscall_ns);
    put_decimal(events, "wake_ns", shares->wake_ns >= 0, shares->wake_ns);
    put(events, "}");
}

static void put_outcome(struct events *events, const struct figure_outcome *outcome, bool absent)
{
    if (absent) {
        put(events, ",\"n\":null,\"lost\":null,\"disordered\":null");
    } else {
        put_known(events, "n", (long long)outcome->n);
        put_number(events, "lost", (long long)outcome->lost);
        put_number(events, "disordered", (long long)outcome->disordered);
    }
    put_time(events, "per_s", outcome->per_s);
    put_time(events, "p50_ns", outcome->p50_ns);
    put_time(events, "p90_ns", outcome->p90_ns);
    put_time(events, "p99_ns", outcome->p99_ns);
    put_time(events, "p999_ns", outcome->p999_ns);
    put_time(events, "max_ns", outcome->max_ns);
    put_time(events, "mean_ns", outcome->mean_ns);
    if (outcome->total_ms > 0)
        put(events, ",\"total_ms\":%.6f", outcome->total_ms);
    else
        put(events, ",\"total_ms\":null");
    put_time(events, "cpu_ns_per_call", outcome->cpu_ns_per_call);
    put_decimal(events, "cpu_percent", !absent && outcome->cpu_percent >= 0, outcome->cpu_percent);
    put_decimal(events, "wakeups_per_s", !absent && outcome->wakeups_per_s >= 0, outcome->wakeups_per_s);
    put_known(events, "bytes_moved", (long long)outcome->bytes_moved);
    if (outcome->unfairness > 0)
        put(events, ",\"unfairness\":%.3f", outcome->unfairness);
    else
        put(events, ",\"unfairness\":null");
}

void events_latency(struct events *events, const struct figure *figure)
{
    if (is_off(events))
        return;
    const struct figure_outcome *middle = &figure->middle;
    const bool absent = figure_is_absent(figure);
    char command[256];
    figure_command(figure, command, sizeof command);
    line_begin(events, "latency");
    put_string(events, "table", figure->table);
    put_string(events, "name", figure->name);
    put_string(events, "test", figure->test);
    put_number(events, "payload", (long long)figure->payload);
    put_number(events, "peers", figure->peers);
    put_number(events, "window", figure->window);
    put_string(events, "placement", figure->placement);
    put_string(events, "wait", figure->wait);
    put_bool(events, "sandboxed", figure->sandboxed);
    put_string(events, "codec", figure->codec);
    put_number(events, "runs", figure->n_runs);
    put_outcome(events, middle, absent);
    put_time(events, "low_p50_ns", figure->low_p50_ns);
    put_time(events, "high_p50_ns", figure->high_p50_ns);
    put_time(events, "low_per_s", figure->low_per_s);
    put_time(events, "high_per_s", figure->high_per_s);
    put(events, ",\"spread\":%.4f", figure_spread(figure));
    put_shares(events, &middle->shares);
    put_curve(events, middle);
    put_some_text(events, "note", middle->note);
    put_string(events, "command", command);
    put_some_text(events, "absent", middle->absent);
    line_end(events);
}
