#include "renderer/port.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "renderer/session.h"

/* Messages taken from the other side before the broker's ring is looked at. */
#define TURN 32
/* And before its channel is, at the price of a call. */
#define LOOK_EVERY 256
/* How often a bell may ring for what has been taken already: it was on its way. */
#define BELLS_IN_VAIN 64
/* Of a large series so many make one that is timed: a look at the clock would be a tenth of a call. */
#define SAMPLE       8
#define SAMPLE_ABOVE 1000
/* What all Pings that are out may take together. Answers to the other side's need as much, in the same ring: with room for
 * both, two sides that keep the rules never wait for each other. */
#define MAX_OUT_BYTES (64u * 1024)
#define OUT_OVERHEAD  96 /* of one, at most */

#define PAYLOAD_BYTE 0x5a

_Static_assert(2 * MAX_OUT_BYTES < RING_LINES * RING_LINE_ROOM / 2,
               "there is room for both, and for what is not yet told to be free");

static uint8_t payload[MESSAGE_MAX_PAYLOAD];

void port_init(struct port *port, struct link *broker)
{
    link_init(&port->link, -1, false);
    port->broker = broker;
    port->when = WHEN_APART;
}

bool port_is_open(const struct port *port)
{
    return port->link.ring.memory != NULL;
}

static void send_fact(struct port *port, enum message_kind kind, const ProtobufCMessage *fact)
{
    if (link_send(port->broker, kind, fact, NULL, 0) < 0)
        _exit(RENDERER_EXIT_CHANNEL);
}

/* ---- the exchange -------------------------------------------------------------------------------------------------------- */

static bool is_exchanging(const struct port *port)
{
    return port->when == WHEN_EXCHANGING;
}

static uint64_t count_answered(const struct port *port)
{
    const uint64_t before = port->exchange.before;
    return port->n_answered > before ? port->n_answered - before : 0;
}

static void end_exchange(struct port *port)
{
    const struct port_exchange *exchange = &port->exchange;
    const struct fine_histogram *answers = &exchange->answer_ns;
    if (!is_exchanging(port))
        return;
    port->when = WHEN_CONNECTED;
    Vitrine__Exchanged fact = VITRINE__EXCHANGED__INIT;
    fact.serial = exchange->serial;
    fact.n = exchange->n;
    fact.lost = exchange->n - count_answered(port);
    fact.total_ns = clock_now_ns() - exchange->start_ns;
    fact.p50_ns = fine_histogram_at(answers, 50000);
    fact.p90_ns = fine_histogram_at(answers, 90000);
    fact.p99_ns = fine_histogram_at(answers, 99000);
    fact.p999_ns = fine_histogram_at(answers, 99900);
    fact.max_ns = answers->max;
    fact.mean_ns = fine_histogram_mean(answers);
    send_fact(port, MESSAGE_EXCHANGED, &fact.base);
}

/* ---- the end ------------------------------------------------------------------------------------------------------------- */

/* Because of the other side. The conversation with the broker stays what it was until it says Disconnect. */
static void close_for(struct port *port, enum message_fault fault)
{
    link_finish(&port->link);
    Vitrine__PortClosed fact = VITRINE__PORT_CLOSED__INIT;
    fact.serial = port->serial;
    fact.reason = fault;
    send_fact(port, MESSAGE_PORT_CLOSED, &fact.base);
    end_exchange(port);
}

/* ---- Pings out ----------------------------------------------------------------------------------------------------------- */

static void note_sent(struct port *port)
{
    struct port_exchange *exchange = &port->exchange;
    port->n_sent++;
    exchange->sent_ns[port->n_sent % PORT_MAX_WINDOW] = port->n_sent % exchange->sample_every == 0 ? clock_now_ns() : 0;
}

/* As many as there may be. What finds no room is sent when some are answered, which makes some. */
static void send_pings(struct port *port)
{
    const struct port_exchange *exchange = &port->exchange;
    int result = 0;
    while (is_exchanging(port) && result >= 0 && port->n_sent < exchange->before + exchange->n &&
           port->n_sent - port->n_answered < exchange->window) {
        Vitrine__Ping ping = VITRINE__PING__INIT;
        ping.serial = port->n_sent + 1;
        ping.payload.data = payload;
        ping.payload.len = exchange->payload_bytes;
        result = link_send(&port->link, MESSAGE_PING, &ping.base, NULL, 0);
        if (result >= 0)
            note_sent(port);
    }
    if (result == -EPROTO)
        close_for(port, FAULT_RING);
}

static void note_answered(struct port *port)
{
    struct port_exchange *exchange = &port->exchange;
    const uint64_t serial = ++port->n_answered;
    if (!is_exchanging(port) || serial <= exchange->before)
        return; /* too late for an Exchange that is over */
    const uint64_t sent_ns = exchange->sent_ns[serial % PORT_MAX_WINDOW];
    if (sent_ns != 0)
        fine_histogram_add(&exchange->answer_ns, clock_now_ns() - sent_ns);
    if (serial == exchange->before + exchange->n)
        end_exchange(port);
}

/* ---- what comes ---------------------------------------------------------------------------------------------------------- */

/* True when it is on its way, or there is none. */
static bool send_answer(struct port *port)
{
    if (port->n_answer == 0)
        return true;
    const int result = ring_send(&port->link.ring, port->answer, port->n_answer);
    if (result == -EPROTO)
        close_for(port, FAULT_RING);
    if (result != 0)
        return false;
    port->n_answer = 0;
    return true;
}

static enum message_fault take_ping(struct port *port, const Vitrine__Ping *ping)
{
    if (port->credit == 0)
        return FAULT_FLOOD;
    port->credit--;
    if (ping->serial == 0)
        return FAULT_NONE;
    Vitrine__Ponged answer = VITRINE__PONGED__INIT;
    answer.serial = ping->serial;
    answer.payload = ping->payload;
    port->n_answer = message_encode(MESSAGE_PONGED, &answer.base, port->answer);
    return FAULT_NONE;
}

static enum message_fault take_ponged(struct port *port, const Vitrine__Ponged *ponged)
{
    if (port->n_answered == port->n_sent || ponged->serial != port->n_answered + 1)
        return FAULT_SERIAL;
    /* A late one may be of an Exchange with another payload. */
    const bool is_late = !is_exchanging(port) || ponged->serial <= port->exchange.before;
    if (!is_late && (ponged->payload.len != port->exchange.payload_bytes ||
                     memcmp(ponged->payload.data, payload, ponged->payload.len) != 0))
        return FAULT_VALUE;
    note_answered(port);
    return FAULT_NONE;
}

static enum message_fault take(struct port *port, const struct datagram *datagram)
{
    struct message message;
    const enum message_fault fault = message_decode(datagram, SENDER_PEER, port->when, &port->arena, &message);
    if (fault != FAULT_NONE)
        return fault;
    return message.kind == MESSAGE_PING ? take_ping(port, message.ping) : take_ponged(port, message.ponged);
}

/* Takes one message. True when there may be more. */
static bool take_one(struct port *port)
{
    struct datagram datagram;
    if (!send_answer(port))
        return false;
    const int result = ring_receive(&port->link.ring, port->buffer, &datagram);
    if (result == -EAGAIN)
        return false;
    port->n_received++;
    port->n_unlooked++;
    const enum message_fault fault = result == 0 ? take(port, &datagram) : FAULT_RING;
    if (fault != FAULT_NONE) {
        close_for(port, fault);
        return false;
    }
    return send_answer(port);
}

static void serve_turn(struct port *port)
{
    for (unsigned n = 0; n < TURN && take_one(port); n++)
        ;
    if (port_is_open(port))
        send_pings(port);
}

/* ---- waiting ------------------------------------------------------------------------------------------------------------- */

static int timeout_ms(const struct port *port)
{
    if (!is_exchanging(port))
        return -1;
    const uint64_t now_ns = clock_now_ns(), deadline_ns = port->exchange.deadline_ns;
    return deadline_ns > now_ns ? (int)((deadline_ns - now_ns) / NS_PER_MS) + 1 : 0;
}

/* Looks at everything that the kernel knows of, and waits for some of it. True when the channel has something to say. */
static bool look(struct port *port, int wait_ms)
{
    struct pollfd looks[] = {{.fd = port->link.bell_fd, .events = POLLIN},
                             {.fd = port->broker->channel.fd, .events = POLLIN},
                             {.fd = port->broker->bell_fd, .events = POLLIN}};
    port->n_unlooked = 0;
    if (poll(looks, 3, wait_ms) <= 0)
        looks[0].revents = looks[1].revents = looks[2].revents = 0;
    if (looks[2].revents != 0)
        link_hear_bell(port->broker);
    if (looks[0].revents != 0) {
        link_hear_bell(&port->link);
        /* It keeps us from work. */
        if (++port->n_bells > port->n_received + BELLS_IN_VAIN)
            close_for(port, FAULT_FLOOD);
    }
    if (is_exchanging(port) && clock_now_ns() >= port->exchange.deadline_ns)
        end_exchange(port);
    return looks[1].revents != 0;
}

/* Room is made by the other side in its own time, which may be never. */
static bool spin(struct port *port)
{
    struct link *broker = port->broker;
    if (port->n_answer > 0)
        return false;
    return broker->by_ring ? ring_spin_two(&port->link.ring, &broker->ring, &port->link.spinner)
                           : ring_spin(&port->link.ring, &port->link.spinner);
}

static bool sleep_for_either(struct port *port)
{
    struct link *broker = port->broker;
    const bool port_sleeps = ring_prepare_sleep(&port->link.ring, port->n_answer > 0 ? RING_ROOM : RING_MESSAGES);
    const bool broker_sleeps = !broker->by_ring || ring_prepare_sleep(&broker->ring, RING_MESSAGES);
    const bool has_channel = look(port, port_sleeps && broker_sleeps ? timeout_ms(port) : 0);
    if (port_is_open(port))
        ring_awake(&port->link.ring);
    if (broker->by_ring)
        ring_awake(&broker->ring);
    spinner_end(&port->link.spinner);
    return has_channel;
}

int port_receive(struct port *port, uint8_t *buffer, struct datagram *ret_datagram)
{
    struct link *broker = port->broker;
    for (bool has_channel = false;;) {
        const int result = link_take(broker, buffer, ret_datagram);
        if (result != -EAGAIN)
            return result;
        if (has_channel) /* what was in the ring before it came was looked for first */
            return channel_receive(&broker->channel, buffer, ret_datagram);
        serve_turn(port);
        if (!port_is_open(port))
            return link_receive(broker, buffer, ret_datagram);
        link_bell(&port->link);
        link_bell(broker);
        if (port->n_unlooked >= LOOK_EVERY)
            has_channel = look(port, 0);
        else if (!spin(port))
            has_channel = sleep_for_either(port);
        if (!port_is_open(port))
            return link_receive(broker, buffer, ret_datagram);
    }
}

/* ---- orders -------------------------------------------------------------------------------------------------------------- */

int port_connect(struct port *port, const Vitrine__Connect *connect, const int fds[LINK_OFFER_FDS])
{
    if (connect->side > RING_SECOND)
        return -EINVAL;
    link_init(&port->link, -1, false);
    const int error = link_join_as(&port->link, (enum ring_side)connect->side, fds);
    if (error != 0)
        return error;
    link_switch(&port->link);
    memset(payload, PAYLOAD_BYTE, sizeof payload);
    port->when = WHEN_CONNECTED;
    port->serial = connect->serial;
    port->credit = connect->credit;
    port->n_received = port->n_bells = 0;
    port->n_unlooked = 0;
    port->n_sent = port->n_answered = 0;
    port->n_answer = 0;
    return 0;
}

static unsigned most_at_once(const Vitrine__Exchange *order)
{
    const unsigned n_fit = MAX_OUT_BYTES / (order->payload_bytes + OUT_OVERHEAD);
    return order->window < n_fit ? order->window : n_fit;
}

int port_exchange(struct port *port, const Vitrine__Exchange *order)
{
    if (order->n == 0 || order->payload_bytes > MESSAGE_MAX_PAYLOAD || order->window == 0 ||
        order->window > PORT_MAX_WINDOW)
        return -EINVAL;
    struct port_exchange *exchange = &port->exchange;
    const uint64_t now_ns = clock_now_ns();
    exchange->serial = order->serial;
    exchange->n = order->n;
    exchange->before = port->n_sent;
    exchange->payload_bytes = order->payload_bytes;
    exchange->window = most_at_once(order);
    exchange->sample_every = order->n > SAMPLE_ABOVE ? SAMPLE : 1;
    exchange->start_ns = now_ns;
    exchange->deadline_ns = now_ns + order->limit_ms * NS_PER_MS;
    memset(&exchange->answer_ns, 0, sizeof exchange->answer_ns);
    port->when = WHEN_EXCHANGING;
    if (!port_is_open(port))
        end_exchange(port); /* it was closed when this order was on its way */
    return 0;
}

void port_disconnect(struct port *port)
{
    end_exchange(port);
    link_finish(&port->link);
    port->when = WHEN_APART;
}
