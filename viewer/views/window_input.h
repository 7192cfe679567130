/* What keys and the mouse mean, from SDL's events to the viewer's. */
#ifndef VIEWER_VIEWS_WINDOW_INPUT_H
#define VIEWER_VIEWS_WINDOW_INPUT_H

#include <SDL.h>

#include "viewer/chrome.h"
#include "viewer/event_queue.h"
#include "viewer/scroller.h"

enum press { PRESS_NONE, PRESS_SPOT, PRESS_PAGE, PRESS_PAN, PRESS_THUMB };

struct window_input {
    /* As it is on the screen: what is pressed is what was seen. */
    struct view_model shown; /* without tabs and pixels */
    struct layout layout;
    double picture_x, picture_y, picture_scale;
    bool has_crash_buttons;
    /* What is under way. */
    struct hand hand;
    struct scroller scroller;
    char typed[VIEW_MAX_TYPED];
    enum press press;
    struct spot pressed;
    int from_x, from_y;     /* where it was pressed, or was last */
    double pixels_per_unit; /* of SDL's coordinates */
    struct event_queue queue;
};

/* After each presenting. */
void window_input_shown(struct window_input *input, const struct view_model *model, const struct layout *layout);

void window_input_handle(struct window_input *input, const SDL_Event *event);

/* Gives out what smooth scrolling has due. */
void window_input_scroll(struct window_input *input, uint64_t now_ns);

void window_input_push(struct window_input *input, enum view_action action);

#endif
