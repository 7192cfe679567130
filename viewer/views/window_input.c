#include "viewer/views/window_input.h"

#include <math.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"

#define ZOOM_STEP    1.2
#define WHEEL_ZOOM   1.1
#define WHEEL_POINTS 84
#define ARROW_POINTS 60
#define SCREEN_SHARE 0.9 /* some lines are seen on both screens */
#define DRAG_POINTS  4   /* less is a click by an unsteady hand */

void window_input_push(struct window_input *input, enum view_action action)
{
    event_queue_push(&input->queue, &(struct view_event){.action = action});
}

static void push_by(struct window_input *input, enum view_action action, int by)
{
    event_queue_push(&input->queue, &(struct view_event){.action = action, .by = by});
}

static void push_tab(struct window_input *input, enum view_action action, unsigned tab)
{
    if (tab < input->shown.n_tabs)
        event_queue_push(&input->queue, &(struct view_event){.action = action, .tab = tab});
}

static void push_zoom(struct window_input *input, double factor)
{
    scroller_stop(&input->scroller);
    event_queue_push(&input->queue, &(struct view_event){.action = ACTION_ZOOM, .factor = factor});
}

static void push_scroll(struct window_input *input, int dx_px, int dy_px)
{
    if (dx_px != 0 || dy_px != 0)
        event_queue_push(&input->queue, &(struct view_event){.action = ACTION_SCROLL, .dx_px = dx_px, .dy_px = dy_px});
}

/* ---- scrolling --------------------------------------------------------------------------------------------- */

static void scroll_points(struct window_input *input, double x, double y)
{
    double scale = input->layout.scale;
    scroller_add(&input->scroller, x * scale, y * scale, clock_now_ns());
}

void window_input_scroll(struct window_input *input, uint64_t now_ns)
{
    int dx_px, dy_px;
    if (scroller_step(&input->scroller, now_ns, &dx_px, &dy_px))
        push_scroll(input, dx_px, dy_px);
}

/* A screen on or back where the page goes on; else the next page. */
static void scroll_screen(struct window_input *input, int by)
{
    int screen = input->layout.page.height;
    double at = input->shown.y_px + input->scroller.y_px;
    double left = by > 0 ? input->shown.page_height_px - screen - at : at;
    if (left < 1) {
        scroller_stop(&input->scroller);
        push_by(input, ACTION_PAGE, by);
        return;
    }
    scroller_add(&input->scroller, 0, by * fmin(screen * SCREEN_SHARE, left), clock_now_ns());
}

/* ---- the search line --------------------------------------------------------------------------------------- */

static void push_typed(struct window_input *input)
{
    struct view_event event = {.action = ACTION_TYPED};
    memcpy(event.text, input->typed, sizeof input->typed);
    event_queue_push(&input->queue, &event);
}

static void begin_search(struct window_input *input)
{
    if (!input->shown.is_searching && !input->hand.is_typing)
        input->typed[0] = '\0';
    input->hand.is_typing = true;
    window_input_push(input, ACTION_SEARCH);
}

/* As much as there is room for, and nothing that is not one line of text. */
static void type(struct window_input *input, const char *text)
{
    size_t n = strlen(input->typed), n_more = strcspn(text, "\r\n\t");
    if (n + n_more >= sizeof input->typed || !text_is_utf8(text, n_more))
        return;
    memcpy(input->typed + n, text, n_more);
    input->typed[n + n_more] = '\0';
    push_typed(input);
}

static void paste(struct window_input *input)
{
    char *text = SDL_GetClipboardText();
    if (text)
        type(input, text);
    SDL_free(text);
}

static void erase_character(struct window_input *input)
{
    size_t n = strlen(input->typed);
    if (n == 0)
        return;
    do
        n--;
    while (n > 0 && ((uint8_t)input->typed[n] & 0xc0) == 0x80);
    input->typed[n] = '\0';
    push_typed(input);
}

static void erase_all(struct window_input *input)
{
    input->typed[0] = '\0';
    push_typed(input);
}

static void next_hit(struct window_input *input, int by)
{
    input->hand.is_typing = false;
    push_by(input, ACTION_NEXT_HIT, by);
    window_input_push(input, ACTION_NONE); /* the caret */
}

/* Whether the key was one for the line. */
static bool edit(struct window_input *input, SDL_Keycode key, bool ctrl, bool shift)
{
    if (key == SDLK_BACKSPACE)
        erase_character(input);
    else if (key == SDLK_RETURN || key == SDLK_KP_ENTER)
        next_hit(input, shift ? -1 : 1);
    else if (key == SDLK_DOWN || key == SDLK_UP)
        push_by(input, ACTION_NEXT_HIT, key == SDLK_DOWN ? 1 : -1);
    else if (ctrl && key == SDLK_u)
        erase_all(input);
    else if (ctrl && key == SDLK_v)
        paste(input);
    else
        return false;
    return true;
}

/* ---- keys -------------------------------------------------------------------------------------------------- */

/* Out of what is nearest. */
static void escape(struct window_input *input)
{
    scroller_stop(&input->scroller);
    if (input->press == PRESS_PAGE) {
        input->press = PRESS_NONE;
        input->hand.selection = (struct rectangle){0};
        window_input_push(input, ACTION_NONE);
    } else if (input->shown.question[0]) {
        window_input_push(input, ACTION_NO);
    } else if (input->shown.overlay != OVERLAY_NONE && !input->hand.is_typing) {
        window_input_push(input, input->shown.overlay == OVERLAY_KEYS ? ACTION_KEYS : ACTION_PROCESSES);
    } else {
        input->hand.is_typing = false;
        window_input_push(input, ACTION_CANCEL);
    }
}

static void enter(struct window_input *input, bool shift)
{
    if (input->shown.is_searching)
        next_hit(input, shift ? -1 : 1);
    else if (input->has_crash_buttons)
        window_input_push(input, ACTION_TRY_AGAIN);
}

static const struct shortcut {
    SDL_Keycode key;
    bool ctrl, shift;
    enum view_action action;
    int by;
} shortcuts[] = {
    {SDLK_TAB, true, false, ACTION_NEXT_TAB, 1},
    {SDLK_TAB, true, true, ACTION_NEXT_TAB, -1},
    {SDLK_PAGEDOWN, true, false, ACTION_NEXT_TAB, 1},
    {SDLK_PAGEUP, true, false, ACTION_NEXT_TAB, -1},
    {SDLK_r, true, false, ACTION_RELOAD, 0},
    {SDLK_F5, false, false, ACTION_RELOAD, 0},
    {SDLK_q, true, false, ACTION_QUIT, 0},
    {SDLK_c, true, true, ACTION_CRASH, 0},
    {SDLK_F12, false, false, ACTION_PROCESSES, 0},
    {SDLK_F1, false, false, ACTION_KEYS, 0},
    {SDLK_HOME, false, false, ACTION_FIRST_PAGE, 0},
    {SDLK_END, false, false, ACTION_LAST_PAGE, 0},
};

static bool shortcut(struct window_input *input, SDL_Keycode key, bool ctrl, bool shift)
{
    for (size_t i = 0; i < sizeof shortcuts / sizeof shortcuts[0]; i++) {
        const struct shortcut *known = &shortcuts[i];
        if (known->key != key || known->ctrl != ctrl || known->shift != shift)
            continue;
        scroller_stop(&input->scroller);
        push_by(input, known->action, known->by);
        return true;
    }
    return false;
}

static void press_with_ctrl(struct window_input *input, SDL_Keycode key)
{
    unsigned last = input->shown.n_tabs - 1;
    if (key == SDLK_PLUS || key == SDLK_EQUALS || key == SDLK_KP_PLUS)
        push_zoom(input, ZOOM_STEP);
    else if (key == SDLK_MINUS || key == SDLK_KP_MINUS)
        push_zoom(input, 1 / ZOOM_STEP);
    else if (key == SDLK_0 || key == SDLK_KP_0)
        push_zoom(input, 0);
    else if (key >= SDLK_1 && key <= SDLK_8)
        push_tab(input, ACTION_SHOW_TAB, (unsigned)(key - SDLK_1));
    else if (key == SDLK_9)
        push_tab(input, ACTION_SHOW_TAB, last);
    else if (key == SDLK_w)
        push_tab(input, ACTION_CLOSE_TAB, input->shown.active);
    else if (key == SDLK_f)
        begin_search(input);
}

static void press_plain(struct window_input *input, SDL_Keycode key, bool shift)
{
    switch (key) {
    case SDLK_DOWN:
        scroll_points(input, 0, ARROW_POINTS);
        break;
    case SDLK_UP:
        scroll_points(input, 0, -ARROW_POINTS);
        break;
    case SDLK_RIGHT:
        scroll_points(input, ARROW_POINTS, 0);
        break;
    case SDLK_LEFT:
        scroll_points(input, -ARROW_POINTS, 0);
        break;
    case SDLK_PAGEDOWN:
        scroll_screen(input, 1);
        break;
    case SDLK_PAGEUP:
        scroll_screen(input, -1);
        break;
    case SDLK_RETURN:
    case SDLK_KP_ENTER:
        enter(input, shift);
        break;
    default:
        break; /* letters come as text, whatever the keyboard's layout */
    }
}

static void handle_key(struct window_input *input, const SDL_Keysym *key)
{
    bool ctrl = key->mod & KMOD_CTRL, shift = key->mod & KMOD_SHIFT;
    if (key->mod & (KMOD_ALT | KMOD_GUI)) /* the window manager's */
        return;
    if (key->sym == SDLK_ESCAPE)
        escape(input);
    else if (input->hand.is_typing && edit(input, key->sym, ctrl, shift))
        return;
    else if (shortcut(input, key->sym, ctrl, shift))
        return;
    else if (ctrl)
        press_with_ctrl(input, key->sym);
    else
        press_plain(input, key->sym, shift);
}

static void handle_letter(struct window_input *input, char letter)
{
    bool has_question = input->shown.question[0];
    switch (letter) {
    case 'q':
        window_input_push(input, ACTION_QUIT);
        break;
    case '?':
        window_input_push(input, ACTION_KEYS);
        break;
    case '/':
        begin_search(input);
        break;
    case 'y':
        if (has_question)
            window_input_push(input, ACTION_YES);
        break;
    case 'n':
        if (has_question)
            window_input_push(input, ACTION_NO);
        else
            push_by(input, ACTION_NEXT_HIT, 1);
        break;
    case 'N':
        push_by(input, ACTION_NEXT_HIT, -1);
        break;
    case 'j':
        scroll_points(input, 0, ARROW_POINTS);
        break;
    case 'k':
        scroll_points(input, 0, -ARROW_POINTS);
        break;
    case 'h':
        scroll_points(input, -ARROW_POINTS, 0);
        break;
    case 'l':
        scroll_points(input, ARROW_POINTS, 0);
        break;
    case ' ':
        scroll_screen(input, SDL_GetModState() & KMOD_SHIFT ? -1 : 1);
        break;
    case 'J':
    case 'K':
        scroller_stop(&input->scroller);
        push_by(input, ACTION_PAGE, letter == 'J' ? 1 : -1);
        break;
    case 'g':
    case 'G':
        scroller_stop(&input->scroller);
        window_input_push(input, letter == 'g' ? ACTION_FIRST_PAGE : ACTION_LAST_PAGE);
        break;
    case '+':
    case '=':
        push_zoom(input, ZOOM_STEP);
        break;
    case '-':
        push_zoom(input, 1 / ZOOM_STEP);
        break;
    case 'x':
        if (input->has_crash_buttons)
            window_input_push(input, ACTION_KEEP_CLOSED);
        break;
    case 'e':
        if (input->has_crash_buttons)
            window_input_push(input, ACTION_SHOW_REPORT);
        break;
    default:
        break;
    }
}

static void handle_text(struct window_input *input, const char *text)
{
    if (SDL_GetModState() & (KMOD_CTRL | KMOD_LALT | KMOD_GUI)) /* the right Alt makes characters */
        return;
    if (input->hand.is_typing && !input->shown.question[0])
        type(input, text);
    else if (text[0] && !text[1])
        handle_letter(input, text[0]);
}

/* ---- mouse ------------------------------------------------------------------------------------------------- */

static int to_pixels(const struct window_input *input, int at)
{
    return (int)lround(at * input->pixels_per_unit);
}

static int picture_x(const struct window_input *input, int x)
{
    return (int)floor((x - input->picture_x) / input->picture_scale);
}

static int picture_y(const struct window_input *input, int y)
{
    return (int)floor((y - input->picture_y) / input->picture_scale);
}

static void find(struct window_input *input, int x, int y)
{
    struct spot over = layout_find(&input->layout, &input->shown, x, y);
    if (spot_is(&over, input->hand.over.part, input->hand.over.index))
        return;
    input->hand.over = over;
    window_input_push(input, ACTION_NONE);
}

static void select_to(struct window_input *input, int x, int y)
{
    int left = x < input->from_x ? x : input->from_x, top = y < input->from_y ? y : input->from_y;
    struct rectangle drawn = {left, top, abs(x - input->from_x), abs(y - input->from_y)};
    int least = layout_points(&input->layout, DRAG_POINTS);
    if (drawn.width < least && drawn.height < least && input->hand.selection.width == 0)
        return;
    drawn.width += drawn.width == 0; /* a rectangle, once there is one */
    drawn.height += drawn.height == 0;
    input->hand.selection = rectangle_cut(drawn, input->layout.page);
    window_input_push(input, ACTION_NONE);
}

static void pan_to(struct window_input *input, int x, int y)
{
    push_scroll(input, input->from_x - x, input->from_y - y);
    input->from_x = x;
    input->from_y = y;
}

static void drag_thumb_to(struct window_input *input, int y)
{
    int room = input->layout.track.height - input->layout.thumb.height;
    int range = input->shown.page_height_px - input->layout.page.height;
    int moved = room > 0 ? (int)((int64_t)(y - input->from_y) * range / room) : 0;
    if (moved == 0)
        return;
    push_scroll(input, 0, moved);
    input->from_y = y;
}

static void handle_motion(struct window_input *input, int x, int y)
{
    switch (input->press) {
    case PRESS_PAGE:
        select_to(input, x, y);
        break;
    case PRESS_PAN:
        pan_to(input, x, y);
        break;
    case PRESS_THUMB:
        drag_thumb_to(input, y);
        break;
    case PRESS_NONE:
    case PRESS_SPOT:
        find(input, x, y);
        break;
    }
}

/* Where the track is pressed beside the thumb, the thumb goes there and is held. */
static void press_scrollbar(struct window_input *input, int y)
{
    const struct rectangle *thumb = &input->layout.thumb;
    input->press = PRESS_THUMB;
    input->from_y = y;
    if (y >= thumb->y && y < thumb->y + thumb->height)
        return;
    input->from_y = thumb->y + thumb->height / 2;
    drag_thumb_to(input, y);
}

static void press_left(struct window_input *input, struct spot over, int x, int y)
{
    input->press = PRESS_SPOT;
    input->pressed = over;
    input->from_x = x;
    input->from_y = y;
    if (over.part == PART_TAB)
        push_tab(input, ACTION_SHOW_TAB, over.index);
    else if (over.part == PART_PAGE)
        input->press = PRESS_PAGE;
    else if (over.part == PART_SCROLLBAR)
        press_scrollbar(input, y);
}

static void press_middle(struct window_input *input, struct spot over, int x, int y)
{
    if (over.part == PART_TAB || over.part == PART_CLOSE) {
        push_tab(input, ACTION_CLOSE_TAB, over.index);
    } else if (over.part == PART_PAGE) {
        input->press = PRESS_PAN;
        input->from_x = x;
        input->from_y = y;
    }
}

static void release_page(struct window_input *input, int x, int y)
{
    struct rectangle drawn = input->hand.selection;
    input->hand.selection = (struct rectangle){0};
    if (drawn.width == 0) {
        if (input->shown.overlay == OVERLAY_NONE)
            event_queue_push(
                &input->queue,
                &(struct view_event){.action = ACTION_POINT, .x_px = picture_x(input, x), .y_px = picture_y(input, y)});
        else
            escape(input); /* beside what lies over the page */
        return;
    }
    event_queue_push(&input->queue, &(struct view_event){
                                        .action = ACTION_SELECT,
                                        .x_px = picture_x(input, input->from_x),
                                        .y_px = picture_y(input, input->from_y),
                                        .x2_px = picture_x(input, x),
                                        .y2_px = picture_y(input, y),
                                    });
}

static void release_spot(struct window_input *input, struct spot over)
{
    if (!spot_is(&over, input->pressed.part, input->pressed.index))
        return; /* thought better of it */
    if (over.part == PART_CLOSE) {
        push_tab(input, ACTION_CLOSE_TAB, over.index);
    } else if (over.part == PART_ROW) {
        push_tab(input, ACTION_SHOW_TAB, over.index);
    } else if (over.part == PART_BUTTON && over.index < input->layout.n_buttons) {
        const struct button *button = &input->layout.buttons[over.index];
        input->hand.is_typing &= button->action != ACTION_CANCEL;
        push_by(input, button->action, button->by);
    }
}

static void handle_button(struct window_input *input, const SDL_MouseButtonEvent *button)
{
    int x = to_pixels(input, button->x), y = to_pixels(input, button->y);
    enum press press = input->press;
    struct spot over = layout_find(&input->layout, &input->shown, x, y);
    if (button->type == SDL_MOUSEBUTTONDOWN) {
        scroller_stop(&input->scroller);
        if (button->button == SDL_BUTTON_LEFT)
            press_left(input, over, x, y);
        else if (button->button == SDL_BUTTON_MIDDLE)
            press_middle(input, over, x, y);
        return;
    }
    input->press = PRESS_NONE;
    if (press == PRESS_PAGE)
        release_page(input, x, y);
    else if (press == PRESS_SPOT)
        release_spot(input, over);
    find(input, x, y);
}

static void handle_wheel(struct window_input *input, const SDL_MouseWheelEvent *wheel)
{
    double x = (double)wheel->preciseX, y = (double)wheel->preciseY;
    if (wheel->direction == SDL_MOUSEWHEEL_FLIPPED) {
        x = -x;
        y = -y;
    }
    SDL_Keymod mod = SDL_GetModState();
    enum part part = input->hand.over.part;
    if (part == PART_TAB || part == PART_CLOSE) {
        if (y != 0)
            push_by(input, ACTION_NEXT_TAB, y > 0 ? -1 : 1);
    } else if (mod & KMOD_CTRL) {
        push_zoom(input, pow(WHEEL_ZOOM, fmin(fmax(y, -10), 10)));
    } else if (mod & KMOD_SHIFT) {
        scroll_points(input, -y * WHEEL_POINTS, 0);
    } else {
        scroll_points(input, x * WHEEL_POINTS, -y * WHEEL_POINTS);
    }
}

/* ---- all of it --------------------------------------------------------------------------------------------- */

static void leave(struct window_input *input)
{
    if (input->hand.over.part == PART_NONE)
        return;
    input->hand.over = (struct spot){0};
    window_input_push(input, ACTION_NONE);
}

static void drop(struct window_input *input, char *path)
{
    struct view_event event = {.action = ACTION_OPEN};
    size_t n = path ? strlen(path) : 0;
    if (n > 0 && n < sizeof event.text) {
        memcpy(event.text, path, n);
        event_queue_push(&input->queue, &event);
    }
    SDL_free(path);
}

void window_input_handle(struct window_input *input, const SDL_Event *event)
{
    switch (event->type) {
    case SDL_QUIT:
        window_input_push(input, ACTION_QUIT);
        break;
    case SDL_KEYDOWN:
        handle_key(input, &event->key.keysym);
        break;
    case SDL_TEXTINPUT:
        handle_text(input, event->text.text);
        break;
    case SDL_MOUSEMOTION:
        handle_motion(input, to_pixels(input, event->motion.x), to_pixels(input, event->motion.y));
        break;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP:
        handle_button(input, &event->button);
        break;
    case SDL_MOUSEWHEEL:
        handle_wheel(input, &event->wheel);
        break;
    case SDL_DROPFILE:
        drop(input, event->drop.file);
        break;
    case SDL_WINDOWEVENT:
        if (event->window.event == SDL_WINDOWEVENT_LEAVE)
            leave(input);
        break;
    default:
        break;
    }
}

void window_input_shown(struct window_input *input, const struct view_model *model, const struct layout *layout)
{
    input->shown = *model;
    input->shown.tabs = NULL; /* not ours to look at later */
    input->shown.picture.pixels = NULL;
    input->layout = *layout;
    input->picture_scale = layout_picture(layout, model, &input->picture_x, &input->picture_y);
    input->has_crash_buttons = layout->n_buttons > 0 && layout->buttons[0].action == ACTION_TRY_AGAIN;
    input->hand.is_typing &= model->is_searching;
}
