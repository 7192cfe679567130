#include "broker/latency/exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/latency/place.h"
#include "common/clock.h"

#define MAX_WINDOW  64
#define MAX_WARM_UP 2000
/* One way: messages without an answer for each with one, and how many of those may be out. A socket's buffer holds two
 * such series of a kibibyte each. */
#define SERIES           32
#define SERIES_IN_FLIGHT 2

struct latency_stamps {
    uint64_t sent_ns[MAX_WINDOW]; /* by serial; 0: not timed */
};

struct latency_exchange {
    const struct latency_traffic *traffic;
    struct rig *rig;
    struct loop_timer pause;
    uint64_t n, n_sent, n_answered; /* of this part: warm-up, or what counts */
    unsigned sample_every;          /* 0: none */
    const char *failed;
    struct fine_histogram latency;
    uint8_t payload[MESSAGE_MAX_PAYLOAD];
};

/* One at a time: it is large. */
static struct latency_exchange exchange;

int latency_peer_init(struct latency_peer *peer)
{
    peer->stamps = calloc(1, sizeof *peer->stamps);
    return peer->stamps != NULL ? 0 : -ENOMEM;
}

void latency_peer_finish(struct latency_peer *peer)
{
    free(peer->stamps);
    peer->stamps = NULL;
}

static void give_up(const char *why)
{
    exchange.failed = why;
    loop_quit(exchange.rig->loop);
}

static bool send_ping(struct latency_peer *peer, uint64_t serial)
{
    const int error = child_ping(peer->child.child, serial, exchange.payload, exchange.traffic->payload);
    if (error != 0)
        give_up(error == -ENOBUFS ? "so much in flight finds no room" : strerror(-error));
    return error == 0;
}

/* A Ping that is answered. */
static void call(struct latency_peer *peer)
{
    const uint64_t serial = peer->child.serial + 1;
    uint64_t *stamp = &peer->stamps->sent_ns[serial % MAX_WINDOW];
    *stamp = exchange.sample_every != 0 && serial % exchange.sample_every == 0 ? clock_now_ns() : 0;
    if (!send_ping(peer, serial))
        return;
    peer->child.serial = serial;
    peer->n_sent++;
    exchange.n_sent++;
}

/* A series of messages, of which the last is answered. */
static void send_series(struct latency_peer *peer)
{
    uint64_t n_silent = exchange.n - exchange.n_sent < SERIES ? exchange.n - exchange.n_sent - 1 : SERIES - 1;
    for (; n_silent > 0 && exchange.failed == NULL; n_silent--) {
        if (send_ping(peer, 0))
            exchange.n_sent++;
    }
    if (exchange.failed == NULL)
        call(peer);
}

static void send_more(struct latency_peer *peer)
{
    if (exchange.n_sent >= exchange.n)
        return;
    if (exchange.traffic->one_way)
        send_series(peer);
    else
        call(peer);
}

static void pause_is_over(struct loop_timer *timer)
{
    (void)timer;
    send_more(exchange.traffic->peers[0]);
}

static uint64_t count_out(void)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < exchange.traffic->n_peers; i++)
        n += exchange.traffic->peers[i]->n_sent - exchange.traffic->peers[i]->n_answered;
    return n;
}

static void take_answer(struct rig_child *child, const struct message *fact)
{
    struct latency_peer *peer = child->owner;
    uint64_t *stamp = &peer->stamps->sent_ns[fact->ponged->serial % MAX_WINDOW];
    if (*stamp != 0)
        fine_histogram_add(&exchange.latency, clock_now_ns() - *stamp);
    peer->n_answered++;
    if (exchange.n_sent >= exchange.n) {
        if (count_out() == 0)
            loop_quit(exchange.rig->loop);
    } else if (exchange.traffic->gap_ns > 0) {
        loop_arm(exchange.rig->loop, &exchange.pause, clock_now_ns() + exchange.traffic->gap_ns, pause_is_over);
    } else {
        send_more(peer);
    }
}

/* n Pings and their answers. */
static int run_part(uint64_t n)
{
    const struct latency_traffic *traffic = exchange.traffic;
    exchange.n = n;
    exchange.n_sent = 0;
    memset(&exchange.latency, 0, sizeof exchange.latency);
    for (unsigned i = 0; i < traffic->n_peers; i++)
        traffic->peers[i]->n_sent = traffic->peers[i]->n_answered = 0;
    const unsigned n_in_flight = traffic->one_way ? SERIES_IN_FLIGHT : traffic->window;
    for (unsigned turn = 0; turn < n_in_flight; turn++) {
        for (unsigned i = 0; i < traffic->n_peers && exchange.failed == NULL; i++)
            send_more(traffic->peers[i]);
    }
    while (exchange.failed == NULL && !exchange.rig->has_failed && count_out() > 0) {
        const int error = loop_run(exchange.rig->loop);
        if (error != 0)
            give_up("the event loop broke");
    }
    return exchange.failed == NULL && !exchange.rig->has_failed ? 0 : -EIO;
}

static void set_up(const struct latency_traffic *traffic)
{
    exchange.traffic = traffic;
    exchange.rig = traffic->peers[0]->child.rig;
    exchange.failed = NULL;
    exchange.sample_every = 1;
    memset(exchange.payload, 0x5a, sizeof exchange.payload);
    for (unsigned i = 0; i < traffic->n_peers; i++) {
        traffic->peers[i]->child.fact = take_answer;
        traffic->peers[i]->child.owner = traffic->peers[i];
    }
}

static void list_pids(const struct latency_traffic *traffic, pid_t *pids)
{
    for (unsigned i = 0; i < traffic->n_peers; i++)
        pids[i] = traffic->peers[i]->child.pid;
}

/* Most and least served, while all had something to do. */
static void fill_fairness(const struct latency_traffic *traffic, struct figure_outcome *outcome)
{
    uint64_t least = UINT64_MAX, most = 0;
    for (unsigned i = 0; i < traffic->n_peers; i++) {
        const uint64_t n = traffic->peers[i]->n_answered;
        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    if (traffic->n_peers > 1 && least > 0)
        outcome->unfairness = (double)most / (double)least;
}

/* Two looks at the clock take 50 ns. Of short calls only some are timed, so that this costs less than a twentieth. */
static unsigned choose_sample(const struct latency_traffic *traffic, uint64_t mean_ns)
{
    if (traffic->untimed)
        return 0;
    if (traffic->gap_ns > 0 || mean_ns >= 3000)
        return 1;
    return mean_ns >= 300 ? 8 : 32;
}

int latency_exchange_run(const struct latency_traffic *traffic, struct figure_outcome *ret_outcome)
{
    pid_t pids[LATENCY_MAX_PEERS];
    list_pids(traffic, pids);
    set_up(traffic);

    const uint64_t n_warm_up = traffic->n / 10 < MAX_WARM_UP ? traffic->n / 10 + 1 : MAX_WARM_UP;
    uint64_t start_ns = clock_now_ns();
    int error = traffic->gap_ns > 0 ? 0 : run_part(n_warm_up);
    const uint64_t mean_ns = (clock_now_ns() - start_ns) / n_warm_up;
    exchange.sample_every = choose_sample(traffic, mean_ns);

    const uint64_t cpu_before_ns = latency_cpu_ns(pids, traffic->n_peers);
    start_ns = clock_now_ns();
    if (error == 0)
        error = run_part(traffic->n);
    const uint64_t total_ns = clock_now_ns() - start_ns;
    const uint64_t cpu_ns = latency_cpu_ns(pids, traffic->n_peers) - cpu_before_ns;
    if (error != 0) {
        snprintf(ret_outcome->absent, sizeof ret_outcome->absent, "%s",
                 exchange.failed != NULL ? exchange.failed : "a renderer was lost");
        return error;
    }
    ret_outcome->n = traffic->n;
    ret_outcome->total_ms = (double)total_ns / (double)NS_PER_MS;
    ret_outcome->cpu_ns_per_call = (double)cpu_ns / (double)traffic->n;
    if (traffic->gap_ns > 0)
        ret_outcome->cpu_percent = 100.0 * (double)cpu_ns / (double)total_ns;
    else
        ret_outcome->per_s = (double)traffic->n * (double)NS_PER_S / (double)total_ns;
    if (!traffic->one_way && !traffic->untimed)
        figure_outcome_latencies(ret_outcome, &exchange.latency);
    fill_fairness(traffic, ret_outcome);
    return 0;
}

static void idle_is_over(struct loop_timer *timer)
{
    (void)timer;
    loop_quit(exchange.rig->loop);
}

int latency_exchange_idle(const struct latency_traffic *traffic, uint64_t span_ns, struct figure_outcome *ret_outcome)
{
    pid_t pids[LATENCY_MAX_PEERS];
    list_pids(traffic, pids);
    set_up(traffic);
    /* Fresh from work: what learns is to learn that there is none. */
    int error = run_part(1000);

    uint64_t wakeups = latency_wakeups(getpid());
    for (unsigned i = 0; i < traffic->n_peers; i++)
        wakeups += latency_wakeups(pids[i]);
    const uint64_t cpu_before_ns = latency_cpu_ns(pids, traffic->n_peers);
    loop_arm(exchange.rig->loop, &exchange.pause, clock_now_ns() + span_ns, idle_is_over);
    if (error == 0)
        error = loop_run(exchange.rig->loop);
    const uint64_t cpu_ns = latency_cpu_ns(pids, traffic->n_peers) - cpu_before_ns;
    uint64_t wakeups_after = latency_wakeups(getpid());
    for (unsigned i = 0; i < traffic->n_peers; i++)
        wakeups_after += latency_wakeups(pids[i]);
    if (error != 0) {
        snprintf(ret_outcome->absent, sizeof ret_outcome->absent, "a renderer was lost");
        return error;
    }
    /* Our own falling asleep is what the timer ends. */
    const uint64_t n = wakeups_after - wakeups;
    ret_outcome->n = 1;
    ret_outcome->total_ms = (double)span_ns / (double)NS_PER_MS;
    ret_outcome->wakeups_per_s = (double)(n > 0 ? n - 1 : 0) * (double)NS_PER_S / (double)span_ns;
    ret_outcome->cpu_percent = 100.0 * (double)cpu_ns / (double)span_ns;
    return 0;
}
