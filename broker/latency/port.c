#include "broker/latency/port.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "broker/latency/place.h"
#include "broker/port.h"
#include "broker/rig.h"
#include "common/clock.h"

#define NAME "port"
/* As much as all runs of a latency mode that nobody limited may take, and more. */
#define CREDIT      (1ull << 40)
#define MAX_WARM_UP 2000
#define LIMIT_MS    20000

static const struct row {
    unsigned window;
    const char *placement;
    double typical_ns;
} rows[] = {
    {1, "same-core", 4e3},
    {1, "cross-core", 700},
    {32, "same-core", 500},
    {32, "cross-core", 300},
};

static struct {
    struct rig rig;
    bool is_made;
    struct rig_child sides[2]; /* the first asks, the second answers */
    uint64_t serial;
    Vitrine__Exchanged told;
    char failure[FIGURE_MAX_REASON];
} stand;

void latency_port_plan(struct latency_plan *plan, unsigned *group)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct latency_case one = {
            .figure = {.table = "channel",
                       .name = NAME,
                       .test = "round-trip",
                       .placement = rows[i].placement,
                       .codec = "direct",
                       .wait = "adaptive",
                       .payload = 64,
                       .peers = 1,
                       .window = rows[i].window,
                       .sandboxed = true},
            .group = (*group)++,
            .typical_ns = rows[i].typical_ns,
        };
        latency_plan_add(plan, &one);
    }
}

bool latency_port_has(const struct latency_case *measured)
{
    return strcmp(measured->figure.name, NAME) == 0;
}

static void note_failure(struct rig *rig, const char *why)
{
    (void)rig;
    snprintf(stand.failure, sizeof stand.failure, "%s", why);
}

static void take_exchanged(struct rig_child *child, const struct message *fact)
{
    (void)child;
    if (fact->kind == MESSAGE_EXCHANGED)
        stand.told = *fact->exchanged;
}

/* Two renderers and their port, once. */
static bool prepare(void)
{
    struct rig *rig = &stand.rig;
    if (stand.is_made)
        return !rig->has_failed;
    stand.is_made = true;
    const struct spawner_options options = latency_spawner_options(CODEC_DIRECT);
    rig_create(rig, &options, note_failure);
    for (int i = 0; i < 2 && !rig->has_failed; i++)
        rig_spawn(rig, &stand.sides[i], 0);
    rig_wait(rig);
    if (rig->has_failed)
        return false;
    stand.sides[0].fact = stand.sides[1].fact = take_exchanged;
    struct child *const children[2] = {stand.sides[0].child, stand.sides[1].child};
    const int error = port_connect_children(children, ++stand.serial, (const uint64_t[2]){0, CREDIT});
    if (error != 0) {
        snprintf(stand.failure, sizeof stand.failure, "no ring can be made: %s", strerror(-error));
        rig->has_failed = true;
        return false;
    }
    rig_expect(rig);
    rig_expect(rig);
    rig_wait(rig);
    return !rig->has_failed;
}

static bool exchange(const struct figure *figure, uint64_t n)
{
    const struct child_exchange order = {
        .n = n, .payload_bytes = (uint32_t)figure->payload, .window = figure->window, .limit_ms = LIMIT_MS};
    rig_expect(&stand.rig);
    child_exchange(stand.sides[0].child, ++stand.serial, &order);
    rig_wait(&stand.rig);
    return !stand.rig.has_failed;
}

/* The broker sleeps, so it is with whoever asks. */
static int place(const char *placement, const pid_t pids[2])
{
    cpu_set_t own;
    if (strcmp(placement, "cross-core") != 0)
        return latency_place(placement, pids, 2);
    const int error = latency_place(placement, &pids[1], 1);
    if (error != 0)
        return error;
    return sched_getaffinity(0, sizeof own, &own) < 0 || sched_setaffinity(pids[0], sizeof own, &own) < 0 ? -errno : 0;
}

static void fill(uint64_t cpu_ns, struct figure_outcome *outcome)
{
    const Vitrine__Exchanged *told = &stand.told;
    outcome->n = told->n;
    outcome->lost = told->lost;
    outcome->total_ms = (double)told->total_ns / (double)NS_PER_MS;
    outcome->per_s = (double)(told->n - told->lost) * (double)NS_PER_S / (double)told->total_ns;
    outcome->p50_ns = (double)told->p50_ns;
    outcome->p90_ns = (double)told->p90_ns;
    outcome->p99_ns = (double)told->p99_ns;
    outcome->p999_ns = (double)told->p999_ns;
    outcome->max_ns = (double)told->max_ns;
    outcome->mean_ns = (double)told->mean_ns;
    outcome->cpu_ns_per_call = (double)cpu_ns / (double)told->n;
}

void latency_port_measure(const struct latency_case *measured, uint64_t n, struct figure_outcome *ret_outcome)
{
    const struct figure *figure = &measured->figure;
    if (prepare()) {
        const pid_t pids[2] = {stand.sides[0].pid, stand.sides[1].pid};
        const int error = place(figure->placement, pids);
        if (error != 0)
            snprintf(stand.failure, sizeof stand.failure, "%s",
                     error == -EOPNOTSUPP ? "only one core may be used here" : strerror(-error));
        bool works = error == 0 && exchange(figure, n / 10 < MAX_WARM_UP ? n / 10 + 1 : MAX_WARM_UP);
        const uint64_t cpu_before_ns = latency_cpu_ns(pids, 2);
        works = works && exchange(figure, n);
        if (works && stand.told.total_ns > 0 && stand.told.lost < stand.told.n) {
            fill(latency_cpu_ns(pids, 2) - cpu_before_ns, ret_outcome);
            latency_place_free();
            return;
        }
        latency_place_free();
    }
    snprintf(ret_outcome->absent, sizeof ret_outcome->absent, "%s",
             stand.failure[0] != '\0' ? stand.failure : "the other renderer did not answer");
}

void latency_port_end(void)
{
    if (stand.is_made)
        rig_destroy(&stand.rig);
    memset(&stand, 0, sizeof stand);
}
