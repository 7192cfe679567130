#include "viewer/views/terminal_actions.h"

#include <string.h>

#include "viewer/views/terminal_lines.h"

#define SCROLL_ROWS    3
#define SCROLL_COLUMNS 4
#define ZOOM_STEP      1.25

void actions_see(struct actions *actions, const struct view_model *model, bool has_buttons)
{
    actions->seen = *model;
    actions->seen.tabs = NULL;
    actions->seen.picture.pixels = NULL;
    actions->has_buttons = has_buttons;
}

static bool is_control(const struct key *key, char letter)
{
    return key->code == KEY_CHARACTER && key->modifiers & KEY_CONTROL && (key->character | 0x20) == (uint32_t)letter;
}

/* ---- the line that is typed -------------------------------------------------------------------------------- */

static size_t put_utf8(char *out, uint32_t character)
{
    size_t length = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    if (length == 1) {
        out[0] = (char)character;
        return 1;
    }
    for (size_t i = length - 1; i > 0; i--, character >>= 6)
        out[i] = (char)(0x80 | (character & 0x3f));
    out[0] = (char)(0xf00u >> length | character);
    return length;
}

static void type_character(char typed[VIEW_MAX_TYPED], uint32_t character)
{
    size_t n = strlen(typed);
    if (n + 4 >= VIEW_MAX_TYPED)
        return;
    n += put_utf8(typed + n, character);
    typed[n] = '\0';
}

static void take_back(char typed[VIEW_MAX_TYPED])
{
    size_t n = strlen(typed);
    while (n > 0 && ((uint8_t)typed[n - 1] & 0xc0) == 0x80)
        n--;
    typed[n > 0 ? n - 1 : 0] = '\0';
}

static bool type_key(struct actions *actions, const struct key *key, struct view_event *event)
{
    bool is_text =
        (key->code == KEY_CHARACTER && !(key->modifiers & (KEY_CONTROL | KEY_ALT))) || key->code == KEY_PASTED;
    if (key->code == KEY_ESCAPE || is_control(key, 'c')) {
        actions->is_typing = false;
        event->action = ACTION_CANCEL;
    } else if (key->code == KEY_ENTER) {
        actions->is_typing = false;
        event->action = ACTION_NEXT_HIT;
        event->by = 1;
    } else if (is_text || key->code == KEY_BACKSPACE || is_control(key, 'u')) {
        if (is_text)
            type_character(actions->typed, key->character);
        else if (key->code == KEY_BACKSPACE)
            take_back(actions->typed);
        else
            actions->typed[0] = '\0';
        event->action = ACTION_TYPED;
        memcpy(event->text, actions->typed, sizeof actions->typed);
    }
    return event->action != ACTION_NONE;
}

static void begin_search(struct actions *actions)
{
    actions->is_typing = true;
    actions->typed[0] = '\0';
}

/* ---- the mouse --------------------------------------------------------------------------------------------- */

static void scroll(struct view_event *event, int dx_px, int dy_px)
{
    event->action = ACTION_SCROLL;
    event->dx_px = dx_px;
    event->dy_px = dy_px;
}

static void zoom(struct view_event *event, double factor)
{
    event->action = ACTION_ZOOM;
    event->factor = factor;
}

static void wheel(const struct actions *actions, const struct key *key, struct view_event *event)
{
    int dy_px = SCROLL_ROWS * actions->area.cell_height_px, dx_px = SCROLL_COLUMNS * actions->area.cell_width_px;
    int sign = key->number & 1 ? 1 : -1;
    if (key->modifiers & KEY_CONTROL)
        zoom(event, sign < 0 ? ZOOM_STEP : 1 / ZOOM_STEP);
    else if (key->number >= 2 || key->modifiers & KEY_SHIFT)
        scroll(event, sign * dx_px, 0);
    else
        scroll(event, 0, sign * dy_px);
}

/* The middle of a cell, in the picture. */
static void point(const struct actions *actions, int row, int column, int *ret_x_px, int *ret_y_px)
{
    const struct picture_area *area = &actions->area;
    picture_point(&actions->seen, column * area->cell_width_px + area->cell_width_px / 2,
                  (row - area->row) * area->cell_height_px + area->cell_height_px / 2, ret_x_px, ret_y_px);
}

static void click_line(const struct actions *actions, const struct key *key, struct view_event *event)
{
    if (key->row == 0) {
        int tab = lines_tab_at(actions->seen.n_tabs, actions->seen.active, actions->columns, key->column);
        if (tab >= 0) {
            event->action = ACTION_SHOW_TAB;
            event->tab = (unsigned)tab;
        }
    } else if (actions->has_buttons) {
        event->action = lines_button_at(key->column);
    }
}

static bool is_on_page(const struct actions *actions, int row, int column)
{
    const struct picture_area *area = &actions->area;
    return row >= area->row && row < area->row + area->rows && column >= 0 && column < area->columns;
}

/* Pressed and released at one place is a click; else what lies between is selected. */
static void release(struct actions *actions, const struct key *key, struct view_event *event)
{
    bool is_same = key->row == actions->pressed_row && key->column == actions->pressed_column;
    bool is_page = is_on_page(actions, actions->pressed_row, actions->pressed_column);
    if (!actions->is_pressed)
        return;
    actions->is_pressed = false;
    if (!is_page && is_same) {
        click_line(actions, key, event);
    } else if (is_page && actions->seen.overlay == OVERLAY_NONE && !actions->seen.question[0]) {
        event->action = is_same ? ACTION_POINT : ACTION_SELECT;
        point(actions, actions->pressed_row, actions->pressed_column, &event->x_px, &event->y_px);
        point(actions, key->row, key->column, &event->x2_px, &event->y2_px);
    }
}

static bool mouse(struct actions *actions, const struct key *key, struct view_event *event)
{
    if (key->code == KEY_WHEEL) {
        wheel(actions, key, event);
    } else if (key->number != 0) {
        return false;
    } else if (key->code == KEY_PRESS) {
        actions->is_pressed = true;
        actions->pressed_row = key->row;
        actions->pressed_column = key->column;
    } else {
        release(actions, key, event);
    }
    return event->action != ACTION_NONE;
}

/* ---- keys -------------------------------------------------------------------------------------------------- */

/* Keys that are always the same. amount: of the action, in its own units (by, cells, steps). */
static const struct binding {
    enum key_code code;
    uint32_t character;
    unsigned modifiers; /* Shift is in the character */
    enum view_action action;
    int amount, amount2;
} bindings[] = {
    {KEY_UP, 0, 0, ACTION_SCROLL, 0, -SCROLL_ROWS},
    {KEY_DOWN, 0, 0, ACTION_SCROLL, 0, SCROLL_ROWS},
    {KEY_LEFT, 0, 0, ACTION_SCROLL, -SCROLL_COLUMNS, 0},
    {KEY_RIGHT, 0, 0, ACTION_SCROLL, SCROLL_COLUMNS, 0},
    {KEY_CHARACTER, 'k', 0, ACTION_SCROLL, 0, -SCROLL_ROWS},
    {KEY_CHARACTER, 'j', 0, ACTION_SCROLL, 0, SCROLL_ROWS},
    {KEY_CHARACTER, 'h', 0, ACTION_SCROLL, -SCROLL_COLUMNS, 0},
    {KEY_CHARACTER, 'l', 0, ACTION_SCROLL, SCROLL_COLUMNS, 0},
    {KEY_PAGE_UP, 0, 0, ACTION_PAGE, -1, 0},
    {KEY_PAGE_DOWN, 0, 0, ACTION_PAGE, 1, 0},
    {KEY_HOME, 0, 0, ACTION_FIRST_PAGE, 0, 0},
    {KEY_END, 0, 0, ACTION_LAST_PAGE, 0, 0},
    {KEY_CHARACTER, 'G', 0, ACTION_LAST_PAGE, 0, 0},
    {KEY_CHARACTER, '+', 0, ACTION_ZOOM, 1, 0},
    {KEY_CHARACTER, '=', 0, ACTION_ZOOM, 1, 0},
    {KEY_CHARACTER, '-', 0, ACTION_ZOOM, -1, 0},
    {KEY_CHARACTER, '0', 0, ACTION_ZOOM, 0, 0},
    {KEY_CHARACTER, '+', KEY_CONTROL, ACTION_ZOOM, 1, 0},
    {KEY_CHARACTER, '=', KEY_CONTROL, ACTION_ZOOM, 1, 0},
    {KEY_CHARACTER, '-', KEY_CONTROL, ACTION_ZOOM, -1, 0},
    {KEY_CHARACTER, '_', KEY_CONTROL, ACTION_ZOOM, -1, 0}, /* how Ctrl+- arrives */
    {KEY_CHARACTER, '0', KEY_CONTROL, ACTION_ZOOM, 0, 0},
    {KEY_TAB, 0, 0, ACTION_NEXT_TAB, 1, 0},
    {KEY_TAB, 0, KEY_SHIFT, ACTION_NEXT_TAB, -1, 0},
    {KEY_TAB, 0, KEY_CONTROL, ACTION_NEXT_TAB, 1, 0},
    {KEY_TAB, 0, KEY_CONTROL | KEY_SHIFT, ACTION_NEXT_TAB, -1, 0},
    {KEY_PAGE_DOWN, 0, KEY_CONTROL, ACTION_NEXT_TAB, 1, 0},
    {KEY_PAGE_UP, 0, KEY_CONTROL, ACTION_NEXT_TAB, -1, 0},
    {KEY_CHARACTER, 'w', 0, ACTION_CLOSE_TAB, 0, 0},
    {KEY_CHARACTER, 'w', KEY_CONTROL, ACTION_CLOSE_TAB, 0, 0},
    {KEY_CHARACTER, 'r', 0, ACTION_RELOAD, 0, 0},
    {KEY_CHARACTER, 'r', KEY_CONTROL, ACTION_RELOAD, 0, 0},
    {KEY_CHARACTER, 'p', 0, ACTION_PROCESSES, 0, 0},
    {KEY_CHARACTER, '/', 0, ACTION_SEARCH, 0, 0},
    {KEY_CHARACTER, 'f', KEY_CONTROL, ACTION_SEARCH, 0, 0},
    {KEY_CHARACTER, 'n', 0, ACTION_NEXT_HIT, 1, 0},
    {KEY_CHARACTER, 'N', 0, ACTION_NEXT_HIT, -1, 0},
    {KEY_CHARACTER, 'X', 0, ACTION_CRASH, 0, 0},
    {KEY_CHARACTER, '?', 0, ACTION_KEYS, 0, 0},
    {KEY_ESCAPE, 0, 0, ACTION_CANCEL, 0, 0},
    {KEY_CHARACTER, 'q', 0, ACTION_QUIT, 0, 0},
    {KEY_CHARACTER, 'q', KEY_CONTROL, ACTION_QUIT, 0, 0},
    {KEY_CHARACTER, 'c', KEY_CONTROL, ACTION_QUIT, 0, 0},
};

static void bind(const struct actions *actions, const struct binding *binding, struct view_event *event)
{
    event->action = binding->action;
    event->by = binding->amount;
    if (binding->action == ACTION_SCROLL)
        scroll(event, binding->amount * actions->area.cell_width_px, binding->amount2 * actions->area.cell_height_px);
    else if (binding->action == ACTION_ZOOM)
        zoom(event, binding->amount > 0 ? ZOOM_STEP : binding->amount < 0 ? 1 / ZOOM_STEP : 0);
}

static bool bound_key(struct actions *actions, const struct key *key, struct view_event *event)
{
    for (size_t i = 0; i < sizeof bindings / sizeof bindings[0]; i++) {
        const struct binding *binding = &bindings[i];
        unsigned modifiers = key->code == KEY_CHARACTER ? key->modifiers & ~(unsigned)KEY_SHIFT : key->modifiers;
        if (key->code == binding->code && key->character == binding->character && modifiers == binding->modifiers) {
            bind(actions, binding, event);
            if (event->action == ACTION_SEARCH)
                begin_search(actions);
            return true;
        }
    }
    return false;
}

/* Alt or Ctrl with a digit: that tab; 9 is the last one, as in browsers. */
static bool number_key(const struct actions *actions, const struct key *key, struct view_event *event)
{
    unsigned n_tabs = actions->seen.n_tabs;
    if (key->code != KEY_CHARACTER || !(key->modifiers & (KEY_ALT | KEY_CONTROL)) || key->character < '1' ||
        key->character > '9' || n_tabs == 0)
        return false;
    unsigned tab = key->character == '9' ? n_tabs - 1 : key->character - '1';
    if (tab >= n_tabs)
        return false;
    event->action = ACTION_SHOW_TAB;
    event->tab = tab;
    return true;
}

static bool after_g(const struct key *key, struct view_event *event)
{
    if (key->code != KEY_CHARACTER || key->modifiers & (KEY_ALT | KEY_CONTROL))
        return false;
    if (key->character == 'g') {
        event->action = ACTION_FIRST_PAGE;
    } else if (key->character == 't' || key->character == 'T') {
        event->action = ACTION_NEXT_TAB;
        event->by = key->character == 't' ? 1 : -1;
    }
    return event->action != ACTION_NONE;
}

/* Keys that mean something else, or something at all, because of what is seen. */
static bool contextual_key(struct actions *actions, const struct key *key, struct view_event *event)
{
    bool is_plain = key->code == KEY_CHARACTER && !(key->modifiers & (KEY_ALT | KEY_CONTROL));
    uint32_t letter = is_plain ? key->character : 0;
    int screen_px = actions->area.rows * actions->area.cell_height_px * 9 / 10;
    if (actions->seen.question[0] && (letter == 'y' || letter == 'n' || key->code == KEY_ESCAPE))
        event->action = letter == 'y' ? ACTION_YES : ACTION_NO;
    else if (key->code == KEY_ESCAPE && actions->seen.overlay == OVERLAY_KEYS)
        event->action = ACTION_KEYS;
    else if (key->code == KEY_ESCAPE && actions->seen.overlay == OVERLAY_PROCESSES)
        event->action = ACTION_PROCESSES;
    else if (actions->has_buttons && (letter == 't' || letter == 'c' || letter == 's'))
        event->action = letter == 't' ? ACTION_TRY_AGAIN : letter == 'c' ? ACTION_KEEP_CLOSED : ACTION_SHOW_REPORT;
    else if (letter == ' ' || letter == 'b')
        scroll(event, 0, letter == 'b' || key->modifiers & KEY_SHIFT ? -screen_px : screen_px);
    else if (is_control(key, 'd') || is_control(key, 'u'))
        scroll(event, 0, is_control(key, 'u') ? -screen_px / 2 : screen_px / 2);
    else if (key->code == KEY_FUNCTION && (key->number == 12 || key->number == 1))
        event->action = key->number == 12 ? ACTION_PROCESSES : ACTION_KEYS;
    return event->action != ACTION_NONE;
}

bool actions_of_key(struct actions *actions, const struct key *key, struct view_event *ret_event)
{
    *ret_event = (struct view_event){0};
    bool was_after_g = actions->is_after_g;
    actions->is_after_g = false;
    if (key->code == KEY_PRESS || key->code == KEY_RELEASE || key->code == KEY_WHEEL)
        return mouse(actions, key, ret_event);
    if (actions->is_typing)
        return type_key(actions, key, ret_event);
    if (key->code == KEY_PASTED || key->code == KEY_ANSWER)
        return false;
    if (was_after_g && after_g(key, ret_event))
        return true;
    if (contextual_key(actions, key, ret_event) || number_key(actions, key, ret_event))
        return true;
    if (key->code == KEY_CHARACTER && key->character == 'g' && key->modifiers == 0)
        actions->is_after_g = true;
    return bound_key(actions, key, ret_event);
}

bool actions_merge(struct view_event *event, const struct view_event *next)
{
    if (event->action != next->action)
        return false;
    switch (event->action) {
    case ACTION_SCROLL:
        event->dx_px += next->dx_px;
        event->dy_px += next->dy_px;
        return true;
    case ACTION_RESIZED:
    case ACTION_TYPED:
        *event = *next;
        return true;
    default:
        return false;
    }
}
