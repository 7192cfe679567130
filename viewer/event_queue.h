/* What a view has found out and viewer.c has not asked for yet. Several scrolls, zooms, sizes or typed texts in a row
 * are one event. */
#ifndef VIEWER_EVENT_QUEUE_H
#define VIEWER_EVENT_QUEUE_H

#include "viewer/viewer.h"

#define EVENT_QUEUE_MAX 32

struct event_queue {
    struct view_event events[EVENT_QUEUE_MAX];
    size_t first, n_events;
};

/* Without room for MARGIN more, stop looking for input: the display keeps it. */
#define EVENT_QUEUE_MARGIN 4
bool event_queue_has_room(const struct event_queue *queue);

/* Dropped when there is no room. */
void event_queue_push(struct event_queue *queue, const struct view_event *event);
bool event_queue_pop(struct event_queue *queue, struct view_event *ret_event);

#endif
