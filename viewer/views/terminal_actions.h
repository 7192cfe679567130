/* What a key or a click in the terminal means: depends on what is seen. */
#ifndef VIEWER_VIEWS_TERMINAL_ACTIONS_H
#define VIEWER_VIEWS_TERMINAL_ACTIONS_H

#include "viewer/viewer.h"
#include "viewer/views/terminal_keys.h"
#include "viewer/views/terminal_picture.h"

struct actions {
    struct view_model seen; /* the last that was presented; its pointers are not followed */
    bool has_buttons;
    int columns, rows; /* of the terminal */
    struct picture_area area;
    /* A search line is typed here before the model can say so. */
    bool is_typing;
    char typed[VIEW_MAX_TYPED];
    bool is_after_g;
    bool is_pressed; /* and where */
    int pressed_row, pressed_column;
};

/* After each model that is presented. */
void actions_see(struct actions *actions, const struct view_model *model, bool has_buttons);

/* False when the key means nothing (or not yet). */
bool actions_of_key(struct actions *actions, const struct key *key, struct view_event *ret_event);

/* Makes one event of two that follow each other; false when they have to stay two. */
bool actions_merge(struct view_event *event, const struct view_event *next);

#endif
