/* What a child is told (broker/child.h). Trouble with its channel shows later, as its end. */
#include "broker/child.h"
#include "common/clock.h"
#include "common/inject.h"

static int post(struct child *child, enum message_kind kind, const ProtobufCMessage *order, const int *fds,
                size_t n_fds)
{
    const int result = link_send(&child->way, kind, order, fds, n_fds);
    if (result > 0)
        traffic_count(child->traffic.orders, child->way.by_ring && n_fds == 0, (size_t)result);
    if (channel_wants_flush(&child->way.channel))
        loop_set_events(child->loop, &child->channel_source, EPOLLIN | EPOLLOUT);
    if (!child->takes)
        child->traffic.n_rung += link_bell(&child->way);
    return result < 0 ? result : 0;
}

void child_order(struct child *child, enum message_kind kind, const ProtobufCMessage *order, const int *fds,
                 size_t n_fds, uint64_t serial, enum message_when then)
{
    child->serial = serial;
    child->when = then;
    child->n_ticks = 0;
    child->ordered_ns = clock_now_ns();
    child->ring.awaits = child_owes_soon(child);
    (void)post(child, kind, order, fds, n_fds);
}

/* One in TRAFFIC_PINGS is timed, and one at a time. */
static void time_ping(struct child *child, uint64_t serial)
{
    const bool one_is_out = child->when == WHEN_PINGING && child->timed > child->answered;
    if (one_is_out || serial % TRAFFIC_PINGS != 0)
        return;
    child->timed = serial;
    child->ordered_ns = clock_now_ns();
}

int child_ping(struct child *child, uint64_t serial, const uint8_t *payload, size_t n_bytes)
{
    Vitrine__Ping order = VITRINE__PING__INIT;
    order.serial = serial;
    order.payload.data = (uint8_t *)payload;
    order.payload.len = n_bytes;
    if (serial != 0)
        time_ping(child, serial);
    const int result = post(child, MESSAGE_PING, &order.base, NULL, 0);
    if (result != 0 || serial == 0)
        return result;
    if (child->when != WHEN_PINGING) {
        child->resume = child->when;
        child->when = WHEN_PINGING;
        child->answered = serial - 1;
        child->ping_bytes = n_bytes;
    }
    child->serial = serial;
    child->ring.awaits = child_owes_soon(child);
    return 0;
}

void child_connect(struct child *child, uint64_t id, enum ring_side side, uint64_t credit,
                   const int fds[LINK_OFFER_FDS])
{
    Vitrine__Connect order = VITRINE__CONNECT__INIT;
    order.serial = id;
    order.side = side;
    order.credit = credit;
    child->port = (struct child_port){.when = WHEN_CONNECTING, .id = id, .serial = id};
    (void)post(child, MESSAGE_CONNECT, &order.base, fds, LINK_OFFER_FDS);
}

void child_exchange(struct child *child, uint64_t serial, const struct child_exchange *exchange)
{
    Vitrine__Exchange order = VITRINE__EXCHANGE__INIT;
    order.serial = serial;
    order.n = exchange->n;
    order.payload_bytes = exchange->payload_bytes;
    order.window = exchange->window;
    order.limit_ms = exchange->limit_ms;
    child->port.when = WHEN_EXCHANGING;
    child->port.serial = child->port.exchange = serial;
    child->port.n = exchange->n;
    child->port.ordered_ns = clock_now_ns();
    (void)post(child, MESSAGE_EXCHANGE, &order.base, NULL, 0);
}

void child_disconnect(struct child *child, uint64_t serial)
{
    Vitrine__Disconnect order = VITRINE__DISCONNECT__INIT;
    order.serial = serial;
    child->port.when = WHEN_DISCONNECTING;
    child->port.serial = serial;
    (void)post(child, MESSAGE_DISCONNECT, &order.base, NULL, 0);
}

void child_inject(struct child *child, uint32_t fault, uint32_t moment, uint64_t serial)
{
    Vitrine__Inject order = VITRINE__INJECT__INIT;
    order.serial = serial;
    order.fault = fault;
    order.moment = moment;
    child->evidence.injected_ns = clock_now_ns();
    child->resume = child->when;
    child_order(child, MESSAGE_INJECT, &order.base, NULL, 0, serial,
                moment == INJECT_NOW ? WHEN_INJECTING : child->when);
}
