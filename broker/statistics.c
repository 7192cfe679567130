#include "broker/statistics.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "broker/grid.h"
#include "broker/proc.h"
#include "broker/summary.h"
#include "common/clock.h"

/* Static: it is large. */
static const struct traffic *traffic_of(const struct tab *tab)
{
    static struct traffic sum;
    sum = tab->past_traffic;
    if (tab->child != NULL)
        traffic_add(&sum, &tab->child->traffic);
    return &sum;
}

static uint64_t cpu_ns_of(pid_t pid)
{
    clockid_t clock;
    struct timespec spent;
    if (pid == 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &spent) != 0)
        return 0;
    return (uint64_t)spent.tv_sec * NS_PER_S + (uint64_t)spent.tv_nsec;
}

static void gather(const struct tab *tab, struct event_statistics *ret_event)
{
    const struct traffic *traffic = traffic_of(tab);
    const pid_t pid = tab->child != NULL ? tab->child->pid : 0;
    *ret_event = (struct event_statistics){
        .tab = tab->number,
        .state = tab_state_name(tab->state),
        .pid = pid,
        .orders = traffic->orders[0].n + traffic->orders[1].n,
        .facts = traffic->facts[0].n + traffic->facts[1].n,
        .by_ring = traffic->orders[1].n + traffic->facts[1].n,
        .order_bytes = traffic->orders[0].bytes + traffic->orders[1].bytes,
        .fact_bytes = traffic->facts[0].bytes + traffic->facts[1].bytes,
        .answer_p50_ns = histogram_at(&traffic->answer_ns, 500),
        .answer_p99_ns = histogram_at(&traffic->answer_ns, 990),
        .woken = traffic->n_woken,
        .rung = traffic->n_rung,
        .cpu_ns = cpu_ns_of(pid),
        .pss_kb = pid != 0 ? proc_pss_kb(pid) : 0,
        .restarts = tab->n_restarts,
    };
}

enum column { TAB, STATE, PID, ORDERS, FACTS, BYTES, RING, P50, P99, WOKEN, RUNG, CPU, MEMORY, RESTARTS, N_COLUMNS };

static const struct grid_column columns[N_COLUMNS] = {
    [TAB] = {NULL, "tab", true},
    [STATE] = {NULL, "state", false},
    [PID] = {NULL, "pid", true},
    [ORDERS] = {"messages", "orders", true},
    [FACTS] = {"messages", "facts", true},
    [BYTES] = {"messages", "bytes", true},
    [RING] = {"messages", "by ring", true},
    [P50] = {"order to fact", "p50", true},
    [P99] = {"order to fact", "p99", true},
    [WOKEN] = {"wakeups", "broker", true},
    [RUNG] = {"wakeups", "by bell", true},
    [CPU] = {NULL, "cpu", true},
    [MEMORY] = {NULL, "memory", true},
    [RESTARTS] = {NULL, "restarts", true},
};

static void set_time(struct grid *grid, enum column column, uint64_t ns)
{
    if (ns == 0)
        return;
    if (ns < NS_PER_MS)
        grid_set(grid, column, "%.1f us", (double)ns / (double)NS_PER_US);
    else
        grid_set(grid, column, "%.1f ms", (double)ns / (double)NS_PER_MS);
}

static void add_row(struct grid *grid, const struct event_statistics *event)
{
    grid_add_row(grid);
    grid_set(grid, TAB, "%u", event->tab);
    grid_set(grid, STATE, "%s", event->state);
    if (event->pid != 0)
        grid_set(grid, PID, "%d", (int)event->pid);
    grid_set(grid, ORDERS, "%llu", (unsigned long long)event->orders);
    grid_set(grid, FACTS, "%llu", (unsigned long long)event->facts);
    grid_set(grid, BYTES, "%" PRIu64, event->order_bytes + event->fact_bytes);
    if (event->orders + event->facts > 0)
        grid_set(grid, RING, "%.0f %%", 100.0 * (double)event->by_ring / (double)(event->orders + event->facts));
    set_time(grid, P50, event->answer_p50_ns);
    set_time(grid, P99, event->answer_p99_ns);
    grid_set(grid, WOKEN, "%llu", (unsigned long long)event->woken);
    grid_set(grid, RUNG, "%llu", (unsigned long long)event->rung);
    set_time(grid, CPU, event->cpu_ns);
    if (event->pss_kb != 0)
        grid_set(grid, MEMORY, "%.1f MB", (double)event->pss_kb / 1024);
    grid_set(grid, RESTARTS, "%u", event->restarts);
}

void statistics_tell(struct events *events, const struct tab *tabs, unsigned n_tabs)
{
    struct grid grid;
    grid_init(&grid, "Statistics", columns, N_COLUMNS);
    for (unsigned i = 0; i < n_tabs; i++) {
        struct event_statistics event;
        gather(&tabs[i], &event);
        add_row(&grid, &event);
        events_statistics(events, &event);
    }
    const struct summary_style style = summary_style_of(stderr);
    grid_print(stderr, &style, &grid);
    fflush(stderr);
    grid_finish(&grid);
}
