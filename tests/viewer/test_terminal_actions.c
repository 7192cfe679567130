/* What keys and clicks mean, and where the tab line and its tabs are. */
#include <stdio.h>

#include "tests/test.h"
#include "viewer/views/terminal_actions.h"
#include "viewer/views/terminal_lines.h"

static struct view_tab tabs[100];

static struct view_model make_model(unsigned n_tabs)
{
    for (unsigned i = 0; i < n_tabs; i++) {
        tabs[i] = (struct view_tab){.number = i + 1, .state = VIEW_TAB_LIVE};
        snprintf(tabs[i].title, sizeof tabs[i].title, "title %u", i + 1);
    }
    return (struct view_model){.tabs = tabs, .n_tabs = n_tabs, .zoom = 1};
}

static struct actions make_actions(const struct view_model *model)
{
    struct actions actions = {
        .columns = 80,
        .rows = 24,
        .area = {.row = 1, .columns = 80, .rows = 22, .cell_width_px = 10, .cell_height_px = 20},
    };
    actions_see(&actions, model, lines_have_buttons(model));
    return actions;
}

/* The last event of what is typed; ACTION_NONE when there was none. */
static struct view_event type(struct actions *actions, const char *bytes)
{
    struct key_decoder decoder = {0};
    struct key key;
    struct view_event event = {0}, last = {0};
    keys_push(&decoder, bytes, strlen(bytes));
    while (keys_next(&decoder, false, &key) || keys_next(&decoder, true, &key))
        if (actions_of_key(actions, &key, &event))
            last = event;
    return last;
}

TEST(keys)
{
    static const struct {
        const char *bytes;
        enum view_action action;
        int amount; /* by, dx_px + dy_px, tab, or 100 times the factor */
    } rows[] = {
        {"\033[A", ACTION_SCROLL, -60},
        {"j", ACTION_SCROLL, 60},
        {"h", ACTION_SCROLL, -40},
        {"\033OC", ACTION_SCROLL, 40},
        {" ", ACTION_SCROLL, 396},
        {"b", ACTION_SCROLL, -396},
        {"\033[5~", ACTION_PAGE, -1},
        {"\033[6~", ACTION_PAGE, 1},
        {"\033[H", ACTION_FIRST_PAGE, 0},
        {"gg", ACTION_FIRST_PAGE, 0},
        {"G", ACTION_LAST_PAGE, 0},
        {"+", ACTION_ZOOM, 125},
        {"-", ACTION_ZOOM, 80},
        {"\x1f", ACTION_ZOOM, 80},
        {"0", ACTION_ZOOM, 0},
        {"\t", ACTION_NEXT_TAB, 1},
        {"\033[Z", ACTION_NEXT_TAB, -1},
        {"gt", ACTION_NEXT_TAB, 1},
        {"gT", ACTION_NEXT_TAB, -1},
        {"\0332", ACTION_SHOW_TAB, 1},
        {"\0339", ACTION_SHOW_TAB, 4},
        {"\033[51;5u", ACTION_SHOW_TAB, 2},
        {"\033"
         "6",
         ACTION_NONE, 0},
        {"w", ACTION_CLOSE_TAB, 0},
        {"r", ACTION_RELOAD, 0},
        {"\x12", ACTION_RELOAD, 0},
        {"p", ACTION_PROCESSES, 0},
        {"\033[24~", ACTION_PROCESSES, 0},
        {"?", ACTION_KEYS, 0},
        {"/", ACTION_SEARCH, 0},
        {"n", ACTION_NEXT_HIT, 1},
        {"N", ACTION_NEXT_HIT, -1},
        {"X", ACTION_CRASH, 0},
        {"\033", ACTION_CANCEL, 0},
        {"q", ACTION_QUIT, 0},
        {"\x03", ACTION_QUIT, 0},
        {"t", ACTION_NONE, 0},
        {"y", ACTION_NONE, 0},
        {"\033[200~q\033[201~", ACTION_NONE, 0},
    };
    struct view_model model = make_model(5);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct actions actions = make_actions(&model);
        struct view_event event = type(&actions, rows[i].bytes);
        int amount = event.by + event.dx_px + event.dy_px + (int)event.tab + (int)(event.factor * 100);
        if (event.action == ACTION_SCROLL)
            amount -= event.by;
        if (event.action == ACTION_ZOOM)
            amount -= event.by;
        if (event.action != rows[i].action || amount != rows[i].amount)
            FAIL("key %zu: action %d amount %d", i, (int)event.action, amount);
    }
}

TEST(typing)
{
    struct view_model model = make_model(2);
    struct actions actions = make_actions(&model);
    CHECK_INT(type(&actions, "/").action, ==, ACTION_SEARCH);
    struct view_event event = type(&actions, "qw\xc3\xa9\x7f"
                                             "n/");
    CHECK_INT(event.action, ==, ACTION_TYPED);
    CHECK_STR(event.text, "qwn/");
    CHECK_STR(type(&actions, "\033[200~p q\033[201~").text, "qwn/p q");
    event = type(&actions, "\r");
    CHECK_INT(event.action, ==, ACTION_NEXT_HIT);
    CHECK_INT(type(&actions, "n").action, ==, ACTION_NEXT_HIT);
    type(&actions, "/");
    CHECK_INT(type(&actions, "\033").action, ==, ACTION_CANCEL);
    CHECK_INT(type(&actions, "q").action, ==, ACTION_QUIT);
    /* More than fits is not taken. */
    type(&actions, "/");
    for (int i = 0; i < 200; i++)
        event = type(&actions, "\xe2\x82\xac");
    CHECK_INT(strlen(event.text), <, VIEW_MAX_TYPED);
    CHECK_INT(strlen(event.text) % 3, ==, 0);
}

TEST(question)
{
    struct view_model model = make_model(2);
    snprintf(model.question, sizeof model.question, "open it?");
    struct actions actions = make_actions(&model);
    CHECK_INT(type(&actions, "y").action, ==, ACTION_YES);
    CHECK_INT(type(&actions, "n").action, ==, ACTION_NO);
    CHECK_INT(type(&actions, "\033").action, ==, ACTION_NO);
}

TEST(crash_page)
{
    struct view_model model = make_model(2);
    tabs[0].state = VIEW_TAB_FAILED;
    struct actions actions = make_actions(&model);
    CHECK_INT(type(&actions, "t").action, ==, ACTION_TRY_AGAIN);
    CHECK_INT(type(&actions, "c").action, ==, ACTION_KEEP_CLOSED);
    CHECK_INT(type(&actions, "s").action, ==, ACTION_SHOW_REPORT);
    CHECK_INT(type(&actions, "\033[<0;3;24M\033[<0;3;24m").action, ==, ACTION_TRY_AGAIN);
    CHECK_INT(type(&actions, "\033[<0;20;24M\033[<0;20;24m").action, ==, ACTION_KEEP_CLOSED);
    CHECK_INT(type(&actions, "\033[<0;79;24M\033[<0;79;24m").action, ==, ACTION_NONE);
}

TEST(mouse)
{
    struct view_model model = make_model(5);
    model.picture = (struct view_picture){.width_px = 800, .height_px = 440, .zoom = 1, .x_px = 0, .y_px = 100};
    model.y_px = 100;
    struct actions actions = make_actions(&model);
    struct view_event event = type(&actions, "\033[<65;5;5M");
    CHECK_INT(event.dy_px, ==, 60);
    event = type(&actions, "\033[<0;20;1M\033[<0;20;1m");
    CHECK_INT(event.action, ==, ACTION_SHOW_TAB);
    CHECK_INT(event.tab, ==, 1);
    event = type(&actions, "\033[<0;11;3M\033[<0;11;3m");
    CHECK_INT(event.action, ==, ACTION_POINT);
    CHECK_INT(event.x_px, ==, 105);
    CHECK_INT(event.y_px, ==, 30);
    event = type(&actions, "\033[<0;11;3M\033[<0;21;4m");
    CHECK_INT(event.action, ==, ACTION_SELECT);
    CHECK_INT(event.x2_px, ==, 205);
    CHECK_INT(event.y2_px, ==, 50);
    CHECK_INT(type(&actions, "\033[<0;11;3m").action, ==, ACTION_NONE); /* never pressed */
    /* Where the picture is of another zoom, a point is still one of the picture. */
    model.zoom = 2;
    model.y_px = 200;
    actions_see(&actions, &model, false);
    event = type(&actions, "\033[<0;11;3M\033[<0;11;3m");
    CHECK_INT(event.x_px, ==, 52);
    CHECK_INT(event.y_px, ==, 15);
}

TEST(merging)
{
    struct view_event event = {.action = ACTION_SCROLL, .dy_px = 60}, next = {.action = ACTION_SCROLL, .dy_px = -20};
    CHECK(actions_merge(&event, &next));
    CHECK_INT(event.dy_px, ==, 40);
    next.action = ACTION_NEXT_TAB;
    CHECK(!actions_merge(&event, &next));
}

/* The active tab is always there, and a click on what is drawn for a tab finds that tab. */
TEST(tab_line)
{
    for (unsigned n_tabs = 1; n_tabs <= 100; n_tabs += 3)
        for (unsigned active = 0; active < n_tabs; active += 7)
            for (int columns = LINES_MIN_COLUMNS; columns < 200; columns += 13) {
                struct view_model model = make_model(n_tabs);
                model.active = active;
                struct grid grid = {0};
                REQUIRE(grid_resize(&grid, columns, LINES_MIN_ROWS) == 0);
                lines_draw(&grid, &model);
                bool is_there = false;
                for (int column = 0; column < columns; column++)
                    if (grid_cell(&grid, 0, column)->style.attributes & CELL_REVERSE) {
                        is_there = true;
                        CHECK_INT(lines_tab_at(n_tabs, active, columns, column), ==, active);
                    }
                CHECK(is_there);
                CHECK_INT(lines_tab_at(n_tabs, active, columns, -1), ==, -1);
                grid_finish(&grid);
            }
}

/* Any size, any overlay: nothing is written outside (the sanitizers watch), and a model without tabs is one, too. */
TEST(any_size)
{
    for (int columns = LINES_MIN_COLUMNS; columns < 130; columns += 9)
        for (int rows = LINES_MIN_ROWS; rows < 40; rows += 5)
            for (unsigned n_tabs = 0; n_tabs < 60; n_tabs += 20)
                for (int overlay = OVERLAY_NONE; overlay <= OVERLAY_PROCESSES; overlay++) {
                    struct view_model model = make_model(n_tabs);
                    model.overlay = (enum view_overlay)overlay;
                    model.is_searching = rows % 2;
                    memset(model.typed, 'x', sizeof model.typed - 1);
                    struct grid grid = {0};
                    REQUIRE(grid_resize(&grid, columns, rows) == 0);
                    CHECK(!lines_draw(&grid, &model));
                    grid_finish(&grid);
                }
    struct grid grid = {0};
    REQUIRE(grid_resize(&grid, 1, 1) == 0);
    lines_draw_too_small(&grid);
    grid_finish(&grid);
}
