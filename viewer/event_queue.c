#include "viewer/event_queue.h"

bool event_queue_has_room(const struct event_queue *queue)
{
    return queue->n_events + EVENT_QUEUE_MARGIN <= EVENT_QUEUE_MAX;
}

/* Makes both one, in *event. */
static bool merge(struct view_event *event, const struct view_event *next)
{
    if (event->action != next->action)
        return false;
    switch (next->action) {
    case ACTION_SCROLL:
        event->dx_px += next->dx_px;
        event->dy_px += next->dy_px;
        return true;
    case ACTION_ZOOM:
        if (event->factor <= 0 && next->factor > 0)
            return false; /* to 1, and on from there */
        event->factor = next->factor > 0 ? event->factor * next->factor : 0;
        return true;
    case ACTION_RESIZED:
    case ACTION_TYPED:
    case ACTION_NONE:
        *event = *next;
        return true;
    default:
        return false;
    }
}

void event_queue_push(struct event_queue *queue, const struct view_event *event)
{
    size_t last = (queue->first + queue->n_events + EVENT_QUEUE_MAX - 1) % EVENT_QUEUE_MAX;
    if (queue->n_events > 0 && merge(&queue->events[last], event))
        return;
    if (queue->n_events == EVENT_QUEUE_MAX)
        return;
    queue->events[(queue->first + queue->n_events) % EVENT_QUEUE_MAX] = *event;
    queue->n_events++;
}

bool event_queue_pop(struct event_queue *queue, struct view_event *ret_event)
{
    if (queue->n_events == 0)
        return false;
    *ret_event = queue->events[queue->first];
    queue->first = (queue->first + 1) % EVENT_QUEUE_MAX;
    queue->n_events--;
    return true;
}
