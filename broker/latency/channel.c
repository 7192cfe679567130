/* Table a: what our own channel costs, by the socket and by the ring. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/latency/latency.h"
#include "broker/latency/exchange.h"
#include "broker/latency/place.h"
#include "broker/latency/port.h"
#include "broker/latency/shares.h"
#include "common/clock.h"

#define GAP_NS  (1 * NS_PER_MS)
#define IDLE_NS (1 * NS_PER_S)

enum { BY_SOCKET, BY_RING, N_WAYS };
enum { N_CODECS = CODEC_PROTOBUF_C + 1 };

static const char *const way_names[N_WAYS] = {[BY_SOCKET] = "channel-socket", [BY_RING] = "channel-ring"};
/* The ring once more, with no clock read for any call: what the measuring itself costs. */
static const char untimed_name[] = "channel-ring-untimed";
static const char *const codec_names[N_CODECS] = {[CODEC_DIRECT] = "direct", [CODEC_PROTOBUF_C] = "protobuf-c"};

/* ---- what is measured ------------------------------------------------------------------------------------------------ */

/* A row is measured by both ways, in turn. typical_ns is of a call by the socket. */
static const struct row {
    const char *test;
    size_t payload;
    unsigned peers, window;
    bool same_core, cross_core, free_core;
    bool protobuf_c; /* and once more with that codec */
    double typical_ns, budget_ms;
    uint64_t max_n;
} rows[] = {
    {"round-trip", 0, 1, 1, true, true, false, false, 8e3, 120, 0},
    {"round-trip", 64, 1, 1, true, true, true, true, 8e3, 150, 0},
    {"round-trip", 1024, 1, 1, true, true, false, false, 8e3, 120, 0},
    {"round-trip", 16384, 1, 1, true, true, false, false, 20e3, 120, 0},
    {"round-trip", 64, 1, 32, true, true, false, true, 3e3, 120, 0},
    {"round-trip", 64, 8, 1, true, true, false, false, 8e3, 120, 0},
    {"round-trip", 64, 8, 32, true, true, false, false, 3e3, 120, 0},
    {"round-trip", 64, 64, 1, false, true, true, false, 10e3, 150, 0},
    {"round-trip", 64, 64, 32, false, true, true, false, 3e3, 150, 0},
    {"one-way", 64, 1, 1, true, true, false, false, 2e3, 120, 0},
    {"one-way", 1024, 1, 1, true, true, false, false, 2e3, 120, 0},
    {"sparse", 64, 1, 1, true, true, true, false, 1.1e6, 330, 300},
    {"idle", 0, 1, 1, false, false, true, false, 1e9, 1000, 1},
};
#define N_ROWS (sizeof rows / sizeof rows[0])

/* Where calls are the cheapest, a look at the clock is the dearest. */
#define UNTIMED_WINDOW 32

static void plan_one(struct latency_plan *plan, size_t number, const char *name, const char *placement,
                     enum message_codec codec, unsigned group)
{
    const struct row *row = &rows[number];
    const struct latency_case one = {
        .figure = {.table = "channel",
                   .name = name,
                   .test = row->test,
                   .placement = placement,
                   .codec = codec_names[codec],
                   .wait = name == way_names[BY_SOCKET] ? "block" : "adaptive",
                   .payload = row->payload,
                   .peers = row->peers,
                   .window = row->window,
                   .sandboxed = true},
        .group = group,
        .typical_ns = row->typical_ns,
        .max_n = row->max_n,
        .budget_ms = row->budget_ms,
        .detail = (long)number,
    };
    latency_plan_add(plan, &one);
}

static void plan_pair(struct latency_plan *plan, size_t number, const char *placement, enum message_codec codec,
                      unsigned *group)
{
    for (int way = 0; way < N_WAYS; way++)
        plan_one(plan, number, way_names[way], placement, codec, *group);
    if (rows[number].window == UNTIMED_WINDOW && rows[number].peers == 1 && strcmp(placement, "cross-core") == 0 &&
        codec == CODEC_DIRECT)
        plan_one(plan, number, untimed_name, placement, codec, *group);
    ++*group;
}

static void plan(struct latency_plan *plan)
{
    unsigned group = 0;
    for (size_t i = 0; i < N_ROWS; i++) {
        const bool wanted[] = {rows[i].same_core, rows[i].cross_core, rows[i].free_core};
        static const char *const placements[] = {"same-core", "cross-core", "free"};
        for (int codec = 0; codec < (rows[i].protobuf_c ? N_CODECS : 1); codec++) {
            for (int place = 0; place < 3; place++) {
                if (wanted[place])
                    plan_pair(plan, i, placements[place], (enum message_codec)codec, &group);
            }
        }
    }
    latency_port_plan(plan, &group);
}

/* ---- renderers for it ------------------------------------------------------------------------------------------------ */

/* They stay, asleep, until another codec is asked for: a zygote's renderers all use the same. */
static struct {
    struct rig rig;
    bool is_made;
    enum message_codec codec;
    struct latency_peer *peers[N_WAYS][LATENCY_MAX_PEERS]; /* in this order: the first n_peers are there */
    unsigned n_peers[N_WAYS];
} stand;

static char failure[FIGURE_MAX_REASON];

static void note_failure(struct rig *rig, const char *why)
{
    (void)rig;
    snprintf(failure, sizeof failure, "%s", why);
}

static void clear_away(void)
{
    if (stand.is_made)
        rig_destroy(&stand.rig);
    for (int way = 0; way < N_WAYS; way++) {
        for (unsigned i = 0; i < stand.n_peers[way]; i++) {
            latency_peer_finish(stand.peers[way][i]);
            free(stand.peers[way][i]);
        }
    }
    memset(&stand, 0, sizeof stand);
}

static void end(void)
{
    latency_port_end();
    clear_away();
}

static int make_peer(int way)
{
    struct latency_peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL || latency_peer_init(peer) != 0) {
        free(peer);
        return -ENOMEM;
    }
    stand.peers[way][stand.n_peers[way]++] = peer;
    rig_spawn(&stand.rig, &peer->child, 0);
    rig_wait(&stand.rig);
    if (!stand.rig.has_failed && way == BY_RING) {
        rig_share(&peer->child);
        rig_wait(&stand.rig);
    }
    return stand.rig.has_failed ? -EIO : 0;
}

/* What goes by the socket must not be told as the ring's, in this run or in a later one. */
static bool all_have_rings(unsigned n_peers)
{
    for (unsigned i = 0; i < n_peers; i++) {
        if (!stand.peers[BY_RING][i]->child.child->way.by_ring)
            return false;
    }
    return true;
}

/* So many renderers that speak by this way. 0 or -errno with why. */
static int prepare(enum message_codec codec, int way, unsigned n_peers)
{
    if (stand.is_made && (stand.codec != codec || stand.rig.has_failed))
        clear_away();
    if (!stand.is_made) {
        stand.is_made = true;
        stand.codec = codec;
        const struct spawner_options options = latency_spawner_options(codec);
        rig_create(&stand.rig, &options, note_failure);
    }
    int error = stand.rig.has_failed ? -EIO : 0;
    if (error == 0 && codec != CODEC_DIRECT && latency_spawner_options(codec).mode == SPAWN_EXEC) {
        snprintf(failure, sizeof failure, "renderers that are started afresh (--spawn exec) have one codec only");
        return -ENOTSUP;
    }
    while (error == 0 && stand.n_peers[way] < n_peers)
        error = make_peer(way);
    if (error == 0 && way == BY_RING && !all_have_rings(n_peers))
        error = -EOPNOTSUPP;
    if (error == -EOPNOTSUPP)
        snprintf(failure, sizeof failure, "no ring can be had here: eventfd or memfd is missing");
    else if (error == -ENOMEM)
        snprintf(failure, sizeof failure, "out of memory");
    return error;
}

static int begin(const struct options *options, char *ret_why, size_t n_why)
{
    (void)options, (void)ret_why, (void)n_why;
    latency_shares_measure();
    return 0;
}

/* ---- one run --------------------------------------------------------------------------------------------------------- */

static int place(const struct latency_traffic *traffic, const char *placement)
{
    pid_t pids[LATENCY_MAX_PEERS];
    for (unsigned i = 0; i < traffic->n_peers; i++)
        pids[i] = traffic->peers[i]->child.pid;
    const int error = latency_place(placement, pids, traffic->n_peers);
    if (error != 0)
        snprintf(failure, sizeof failure, "%s",
                 error == -EOPNOTSUPP ? "only one core may be used here" : strerror(-error));
    return error;
}

static void run(const struct latency_case *measured, const struct latency_traffic *traffic, int way,
                enum message_codec codec, struct figure_outcome *ret_outcome)
{
    const struct figure *figure = &measured->figure;
    message_use_codec(codec);
    if (strcmp(figure->test, "idle") == 0)
        (void)latency_exchange_idle(traffic, IDLE_NS, ret_outcome);
    else if (latency_exchange_run(traffic, ret_outcome) == 0 && strcmp(figure->test, "round-trip") == 0 &&
             figure->window == 1 && figure->payload == LATENCY_SHARES_PAYLOAD)
        latency_shares_fill(codec, way == BY_SOCKET, ret_outcome);
    message_use_codec(CODEC_DIRECT);
}

static void measure(const struct latency_case *measured, uint64_t n, struct figure_outcome *ret_outcome)
{
    const struct figure *figure = &measured->figure;
    if (latency_port_has(measured)) {
        clear_away();
        latency_port_measure(measured, n, ret_outcome);
        return;
    }
    const int way = strcmp(figure->name, way_names[BY_SOCKET]) == 0 ? BY_SOCKET : BY_RING;
    const enum message_codec codec =
        strcmp(figure->codec, codec_names[CODEC_DIRECT]) == 0 ? CODEC_DIRECT : CODEC_PROTOBUF_C;
    const struct latency_traffic traffic = {.peers = stand.peers[way],
                                            .n_peers = figure->peers,
                                            .window = figure->window,
                                            .payload = figure->payload,
                                            .n = n,
                                            .gap_ns = strcmp(figure->test, "sparse") == 0 ? GAP_NS : 0,
                                            .one_way = strcmp(figure->test, "one-way") == 0,
                                            .untimed = strcmp(figure->name, untimed_name) == 0};
    if (prepare(codec, way, figure->peers) == 0 && place(&traffic, figure->placement) == 0)
        run(measured, &traffic, way, codec, ret_outcome);
    else
        snprintf(ret_outcome->absent, sizeof ret_outcome->absent, "%s", failure);
    latency_place_free();
}

const struct latency_section latency_channel = {
    .name = "channel",
    .title = "Our channel: broker and renderers, under the filter that documents are under",
    .plan = plan,
    .begin = begin,
    .end = end,
    .measure = measure,
};
