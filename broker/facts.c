#include "broker/facts.h"

#include "common/clock.h"
#include "common/document_kind.h"

/* Progress: one tick in 50 ms in the long run, and a burst of so many. */
#define TICK_NS    (50 * NS_PER_MS)
#define TICK_BURST 20
/* No format has more pages than this; a renderer that says so lies. */
#define MAX_PAGES 10000000u

static enum message_fault judge_progress(struct child *child, const Vitrine__Progressed *progressed)
{
    if (progressed->done <= child->n_ticks)
        return FAULT_NO_PROGRESS;
    child->n_ticks = progressed->done;
    const uint64_t now = clock_now_ns();
    if (child->tick_credit_ns < now - TICK_BURST * TICK_NS)
        child->tick_credit_ns = now - TICK_BURST * TICK_NS;
    child->tick_credit_ns += TICK_NS;
    return child->tick_credit_ns > now ? FAULT_FLOOD : FAULT_NONE;
}

/* What was ordered is done. */
static void answered(struct child *child)
{
    if (child->ordered_ns != 0)
        histogram_add(&child->traffic.answer_ns, clock_now_ns() - child->ordered_ns);
    child->ordered_ns = 0;
}

/* Answers come in the order of their questions. */
static enum message_fault judge_pong(struct child *child, const Vitrine__Ponged *ponged)
{
    if (ponged->serial != child->answered + 1)
        return FAULT_SERIAL;
    if (ponged->payload.len != child->ping_bytes)
        return FAULT_VALUE;
    child->answered++;
    if (child->answered == child->timed)
        answered(child);
    if (child->answered == child->serial)
        child->when = child->resume;
    return FAULT_NONE;
}

/* It is the renderer's own clock that is told, and its own word. What nothing can have taken is a lie all the same. */
static bool is_possible(const struct child_port *port, const Vitrine__Exchanged *exchanged)
{
    return exchanged->n == port->n && exchanged->lost <= exchanged->n &&
           exchanged->total_ns <= clock_now_ns() - port->ordered_ns && exchanged->p50_ns <= exchanged->p90_ns &&
           exchanged->p90_ns <= exchanged->p99_ns && exchanged->p99_ns <= exchanged->p999_ns &&
           exchanged->p999_ns <= exchanged->max_ns && exchanged->mean_ns <= exchanged->max_ns &&
           exchanged->max_ns <= exchanged->total_ns;
}

static enum message_fault judge_exchanged(struct child_port *port, const Vitrine__Exchanged *exchanged)
{
    if (port->exchange == 0 || exchanged->serial != port->exchange)
        return FAULT_SERIAL;
    if (!is_possible(port, exchanged))
        return FAULT_VALUE;
    port->exchange = 0;
    if (port->when == WHEN_EXCHANGING)
        port->when = WHEN_CONNECTED;
    return FAULT_NONE;
}

/* What the other side did is hearsay; that there is a port to complain of is not. */
static enum message_fault judge_port_closed(struct child_port *port, const Vitrine__PortClosed *closed)
{
    if (closed->serial != port->id)
        return FAULT_SERIAL;
    if (port->is_closed)
        return FAULT_STATE;
    if (closed->reason == FAULT_NONE || closed->reason > FAULT_RING)
        return FAULT_VALUE;
    port->is_closed = true;
    return FAULT_NONE;
}

static enum message_fault judge_disconnected(struct child_port *port, const Vitrine__Disconnected *disconnected)
{
    if (disconnected->serial != port->serial)
        return FAULT_SERIAL;
    if (port->exchange != 0)
        return FAULT_STATE; /* that is answered first */
    *port = (struct child_port){.when = WHEN_APART};
    return FAULT_NONE;
}

enum message_fault facts_judge(struct child *child, const struct message *fact)
{
    switch (fact->kind) {
    case MESSAGE_OPENED:
        if (fact->opened->serial != child->serial)
            return FAULT_SERIAL;
        if (fact->opened->document_kind == DOCUMENT_UNKNOWN || fact->opened->document_kind >= DOCUMENT_KIND_COUNT ||
            fact->opened->n_pages == 0 || fact->opened->n_pages > MAX_PAGES)
            return FAULT_VALUE;
        child->when = WHEN_IDLE;
        answered(child);
        return FAULT_NONE;
    case MESSAGE_REFUSED:
        if (fact->refused->serial != child->serial)
            return FAULT_SERIAL;
        /* Those before UNSUPPORTED, but for the size, are the broker's to say. */
        if (fact->refused->reason != REFUSAL_TOO_LARGE &&
            (fact->refused->reason < REFUSAL_UNSUPPORTED || fact->refused->reason >= REFUSAL_COUNT))
            return FAULT_VALUE;
        child->when = WHEN_REFUSED;
        answered(child);
        return FAULT_NONE;
    case MESSAGE_PAINTED:
        if (fact->painted->serial != child->serial)
            return FAULT_SERIAL;
        if (fact->painted->slot != child->slot)
            return FAULT_VALUE;
        child->when = WHEN_IDLE;
        answered(child);
        return FAULT_NONE;
    case MESSAGE_PROGRESSED:
        if (fact->progressed->serial != child->serial)
            return FAULT_SERIAL;
        return judge_progress(child, fact->progressed);
    case MESSAGE_INJECTED:
        if (fact->injected->serial != child->serial)
            return FAULT_SERIAL;
        child->when = child->resume;
        return FAULT_NONE;
    case MESSAGE_JOINED:
        if (fact->joined->serial != child->serial)
            return FAULT_SERIAL;
        child->when = child->resume;
        return FAULT_NONE;
    case MESSAGE_PONGED:
        return judge_pong(child, fact->ponged);
    case MESSAGE_CONNECTED:
        if (fact->connected->serial != child->port.serial)
            return FAULT_SERIAL;
        child->port.when = WHEN_CONNECTED;
        return FAULT_NONE;
    case MESSAGE_EXCHANGED:
        return judge_exchanged(&child->port, fact->exchanged);
    case MESSAGE_DISCONNECTED:
        return judge_disconnected(&child->port, fact->disconnected);
    case MESSAGE_PORT_CLOSED:
        return judge_port_closed(&child->port, fact->port_closed);
    case MESSAGE_LISTENING:
    case MESSAGE_READY:
        return FAULT_NONE;
    case MESSAGE_NONE:
    case MESSAGE_SPAWN:
    case MESSAGE_WARMED:
    case MESSAGE_SPAWNED:
    case MESSAGE_OPEN:
    case MESSAGE_PAINT:
    case MESSAGE_INJECT:
    case MESSAGE_SHARE:
    case MESSAGE_PING:
    case MESSAGE_CONNECT:
    case MESSAGE_EXCHANGE:
    case MESSAGE_DISCONNECT:
        break;
    }
    return FAULT_DIRECTION;
}
