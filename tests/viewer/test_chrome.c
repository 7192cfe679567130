/* What the window view is made of, without a display: smooth scrolling, joined input, where things are, and pixels. */
#include <stdlib.h>

#include "common/clock.h"
#include "tests/test.h"
#include "viewer/chrome.h"
#include "viewer/event_queue.h"
#include "viewer/page.h"
#include "viewer/scroller.h"

#define WIDTH  1024
#define HEIGHT 768

/* ---- smooth scrolling -------------------------------------------------------------------------------------- */

/* Runs it to its end in frames of 16 ms. */
static void settle(struct scroller *scroller, uint64_t now_ns, int *ret_dy, int *ret_frames, int *ret_first)
{
    int dx, dy, sum = 0, frames = 0;
    for (; scroller_is_moving(scroller); now_ns += 16 * NS_PER_MS, frames++) {
        REQUIRE(scroller_step(scroller, now_ns, &dx, &dy));
        CHECK_INT(dx, ==, 0);
        if (frames == 0)
            *ret_first = dy;
        sum += dy;
    }
    *ret_dy = sum;
    *ret_frames = frames;
}

TEST(scrolling_gives_out_all_of_it)
{
    static const int distances[] = {-700, -50, 84, 3000};
    for (size_t i = 0; i < sizeof distances / sizeof distances[0]; i++) {
        int px = distances[i];
        struct scroller scroller = {0};
        int sum, frames, first = 0;
        scroller_add(&scroller, 0, px, NS_PER_S);
        settle(&scroller, NS_PER_S, &sum, &frames, &first);
        CHECK_INT(sum, ==, px);
        CHECK_INT(abs(first), >, 0); /* the first frame moves */
        CHECK_INT(abs(first), <, abs(px) / 2);
        CHECK_INT(frames, >, 4);
        CHECK_INT(frames, <, 40);
    }
}

TEST(turning_back_takes_effect_at_once)
{
    struct scroller scroller = {0};
    int dx, dy;
    scroller_add(&scroller, 0, 1000, NS_PER_S);
    REQUIRE(scroller_step(&scroller, NS_PER_S, &dx, &dy));
    CHECK_INT(dy, >, 0);
    scroller_add(&scroller, 0, -50, NS_PER_S);
    REQUIRE(scroller_step(&scroller, NS_PER_S + 16 * NS_PER_MS, &dx, &dy));
    CHECK_INT(dy, <, 0);
    scroller_stop(&scroller);
    CHECK(!scroller_step(&scroller, NS_PER_S + 32 * NS_PER_MS, &dx, &dy));
}

/* ---- joined input ------------------------------------------------------------------------------------------ */

static void push(struct event_queue *queue, struct view_event event)
{
    event_queue_push(queue, &event);
}

TEST(input_in_a_row_is_one_event)
{
    static struct event_queue queue;
    static struct view_event event;
    push(&queue, (struct view_event){.action = ACTION_SCROLL, .dy_px = 5});
    push(&queue, (struct view_event){.action = ACTION_SCROLL, .dx_px = 1, .dy_px = -2});
    push(&queue, (struct view_event){.action = ACTION_ZOOM, .factor = 0});
    push(&queue, (struct view_event){.action = ACTION_ZOOM, .factor = 2});
    push(&queue, (struct view_event){.action = ACTION_ZOOM, .factor = 1.5});
    push(&queue, (struct view_event){.action = ACTION_NEXT_TAB, .by = 1});
    push(&queue, (struct view_event){.action = ACTION_NEXT_TAB, .by = 1});

    REQUIRE(event_queue_pop(&queue, &event));
    CHECK(event.action == ACTION_SCROLL && event.dx_px == 1 && event.dy_px == 3);
    REQUIRE(event_queue_pop(&queue, &event));
    CHECK(event.action == ACTION_ZOOM && event.factor < 0.5);
    REQUIRE(event_queue_pop(&queue, &event));
    CHECK(event.action == ACTION_ZOOM && event.factor > 2.9 && event.factor < 3.1);
    CHECK(event_queue_pop(&queue, &event) && event.action == ACTION_NEXT_TAB);
    CHECK(event_queue_pop(&queue, &event) && event.action == ACTION_NEXT_TAB);
    CHECK(!event_queue_pop(&queue, &event));
}

TEST(a_full_queue_takes_no_more)
{
    static struct event_queue queue;
    static struct view_event event;
    for (int i = 0; i < 3 * EVENT_QUEUE_MAX; i++)
        push(&queue, (struct view_event){.action = ACTION_PAGE, .by = i});
    CHECK(!event_queue_has_room(&queue));
    int n = 0;
    for (; event_queue_pop(&queue, &event); n++)
        CHECK_INT(event.by, ==, n);
    CHECK_INT(n, ==, EVENT_QUEUE_MAX);
    CHECK(event_queue_has_room(&queue));
}

/* ---- where things are -------------------------------------------------------------------------------------- */

static struct view_tab tabs[VIEW_MAX_TABS];

static struct view_model model_of(unsigned n_tabs, unsigned active)
{
    for (unsigned i = 0; i < n_tabs; i++)
        tabs[i] =
            (struct view_tab){.number = i + 1, .state = VIEW_TAB_LIVE, .title = "Title", .kind = "pdf", .n_pages = 3};
    return (struct view_model){.tabs = tabs, .n_tabs = n_tabs, .active = active, .zoom = 1};
}

TEST(areas_fill_the_window)
{
    static const int sizes[][2] = {{1024, 768}, {320, 240}, {3200, 2000}, {40, 30}, {1, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct layout layout;
        struct view_model model = model_of(5, 2);
        layout_compute(&layout, &model, sizes[i][0], sizes[i][1], 1);
        CHECK_INT(layout.strip.height + layout.page.height + layout.status.height, ==, sizes[i][1]);
        CHECK_INT(layout.page.y, ==, layout.strip.height);
        CHECK_INT(layout.status.y, ==, layout.page.y + layout.page.height);
    }
}

TEST(the_active_tab_is_always_there_to_click)
{
    struct layout layout;
    for (unsigned n = 1; n <= VIEW_MAX_TABS; n = n * 3 + 1) {
        for (unsigned active = 0; active < n; active += 1 + n / 7) {
            struct view_model model = model_of(n, active);
            layout_compute(&layout, &model, WIDTH, HEIGHT, 1);
            struct rectangle tab = layout_tab(&layout, active), close = layout_close(&layout, active, true);
            struct spot spot = layout_find(&layout, &model, tab.x + 2, 0); /* at the screen's edge */
            CHECK(spot_is(&spot, PART_TAB, active));
            CHECK(tab.x >= 0 && tab.x + tab.width <= WIDTH && tab.width > 0);
            spot = layout_find(&layout, &model, close.x + 3, close.y + 3);
            CHECK(spot_is(&spot, PART_CLOSE, active));
        }
    }
}

TEST(buttons_are_where_they_are_needed)
{
    struct layout layout;
    struct view_model model = model_of(2, 1);
    layout_compute(&layout, &model, WIDTH, HEIGHT, 1);
    CHECK_INT(layout.n_buttons, ==, 0);
    tabs[1].state = VIEW_TAB_FAILED;
    layout_compute(&layout, &model, WIDTH, HEIGHT, 1);
    REQUIRE(layout.n_buttons == 3);
    static const enum view_action expected[] = {ACTION_TRY_AGAIN, ACTION_KEEP_CLOSED, ACTION_SHOW_REPORT};
    for (unsigned i = 0; i < 3; i++) {
        const struct button *button = &layout.buttons[i];
        struct spot spot = layout_find(&layout, &model, button->area.x + 5, button->area.y + 5);
        CHECK(spot_is(&spot, PART_BUTTON, i));
        CHECK_INT(button->action, ==, expected[i]);
    }
    strcpy(model.question, "Open it?");
    layout_compute(&layout, &model, WIDTH, HEIGHT, 1);
    REQUIRE(layout.n_buttons == 2);
    CHECK_INT(layout.buttons[0].action, ==, ACTION_YES);
    CHECK_INT(layout.buttons[1].action, ==, ACTION_NO);
}

TEST(rows_of_the_process_view_are_tabs)
{
    struct layout layout;
    struct view_model model = model_of(100, 77);
    model.overlay = OVERLAY_PROCESSES;
    layout_compute(&layout, &model, WIDTH, HEIGHT, 1);
    CHECK(layout.first_row <= 77 && 77 < layout.first_row + layout.n_rows);
    int row = (int)(77 - layout.first_row);
    struct spot spot = layout_find(&layout, &model, layout.rows.x + 9, layout.rows.y + row * layout.row_px + 2);
    CHECK(spot_is(&spot, PART_ROW, 77));
}

/* ---- pixels ------------------------------------------------------------------------------------------------ */

static uint32_t rgb_at(const struct surface *surface, int x, int y)
{
    const uint8_t *pixel = surface->pixels + (size_t)y * surface->stride_bytes + 4 * (size_t)x;
    return (uint32_t)pixel[0] << 16 | (uint32_t)pixel[1] << 8 | pixel[2];
}

static struct surface new_surface(int width, int height)
{
    uint8_t *pixels = calloc((size_t)width * (size_t)height, 4);
    REQUIRE(pixels);
    return (struct surface){pixels, width, height, (size_t)width * 4};
}

/* A picture of which each pixel tells its place. */
static struct view_picture picture_of(struct surface *surface, double zoom)
{
    for (int y = 0; y < surface->height_px; y++)
        for (int x = 0; x < surface->width_px; x++)
            surface_fill(surface, (struct rectangle){x, y, 1, 1}, (uint32_t)(x << 8 | y));
    return (struct view_picture){.pixels = surface->pixels,
                                 .width_px = surface->width_px,
                                 .height_px = surface->height_px,
                                 .stride_bytes = surface->stride_bytes,
                                 .zoom = zoom};
}

TEST(a_picture_is_shifted_and_cut)
{
    struct surface from = new_surface(200, 200), to = new_surface(100, 100);
    struct view_picture picture = picture_of(&from, 1);
    page_draw_picture(&to, &picture, -30, 20, 1, 0xffffff);
    CHECK_INT(rgb_at(&to, 0, 20), ==, 30 << 8 | 0);
    CHECK_INT(rgb_at(&to, 99, 99), ==, 129 << 8 | 79);
    CHECK_INT(rgb_at(&to, 5, 19), ==, 0);
    /* Nowhere near, and by nonsense. */
    page_draw_picture(&to, &picture, 1e12, -1e12, 1, 0xffffff);
    page_draw_picture(&to, &picture, 0, 0, -1, 0xffffff);
    page_draw_picture(&to, &picture, 0, 0, 0, 0xffffff);
    CHECK_INT(rgb_at(&to, 0, 20), ==, 30 << 8 | 0);
    free(from.pixels);
    free(to.pixels);
}

TEST(a_picture_is_scaled)
{
    struct surface from = new_surface(100, 100), to = new_surface(250, 250);
    struct view_picture picture = picture_of(&from, 1);
    page_draw_picture(&to, &picture, 0, 0, 2.5, 0xffffff);
    for (int at = 0; at < 245; at += 35) {
        uint32_t rgb = rgb_at(&to, at, at);
        CHECK_INT(abs((int)(rgb >> 8 & 0xff) - at * 2 / 5), <=, 1);
        CHECK_INT(abs((int)(rgb & 0xff) - at * 2 / 5), <=, 1);
    }
    page_draw_picture(&to, &picture, 100, 100, 0.5, 0xffffff);
    CHECK_INT(abs((int)(rgb_at(&to, 125, 125) & 0xff) - 50), <=, 1);
    free(from.pixels);
    free(to.pixels);
}

TEST(what_is_not_opaque_lies_on_paper)
{
    struct surface from = new_surface(4, 4), to = new_surface(4, 4);
    struct view_picture picture = picture_of(&from, 1);
    memset(from.pixels, 0, 64);
    memcpy(from.pixels, (uint8_t[]){100, 0, 0, 128}, 4);
    page_draw_picture(&to, &picture, 0, 0, 1, 0x204060);
    CHECK_INT(rgb_at(&to, 1, 1), ==, 0x204060);
    CHECK_INT(rgb_at(&to, 0, 0) >> 16, ==, 100 + 0x20 * 127 / 255 + 1);
    memset(from.pixels, 0xff, 3); /* more colour than alpha: a lie */
    page_draw_picture(&to, &picture, 0, 0, 1, 0xffffff);
    CHECK_INT(rgb_at(&to, 0, 0) & 0xff, ==, 0xff);
    free(from.pixels);
    free(to.pixels);
}

TEST(text_is_cut_to_its_room)
{
    for (int plain = 0; plain < 2; plain++) {
        struct labels *labels = labels_create(plain);
        REQUIRE(labels);
        struct surface to = new_surface(400, 40);
        const char *text = "A title – Ω – that is longer than its room and longer than any other";
        int width = label_draw(labels, &to, (struct rectangle){10, 0, 150, 40}, LABEL_NORMAL, 0xffffff, text);
        CHECK_INT(width, >, 100);
        CHECK_INT(width, <=, 150);
        int beyond = 0, within = 0;
        for (int y = 0; y < 40; y++) {
            for (int x = 0; x < 400; x++) {
                bool is_drawn = rgb_at(&to, x, y) != 0;
                beyond += is_drawn && (x < 9 || x > 161);
                within += is_drawn;
            }
        }
        CHECK_INT(beyond, ==, 0);
        CHECK_INT(within, >, 100);
        CHECK_INT(label_draw(labels, &to, (struct rectangle){0, 0, 1, 40}, LABEL_NORMAL, 0xffffff, text), ==, 0);
        free(to.pixels);
        labels_destroy(labels);
    }
}

/* Every overlay and state in windows of every size, for the sanitizers, and nothing beside the window. */
TEST(everything_can_be_drawn_at_any_size)
{
    static const int sizes[][2] = {{640, 480}, {320, 240}, {90, 60}, {3, 3}, {1, 200}};
    struct labels *labels = labels_create(false);
    REQUIRE(labels);
    const struct chrome chrome = {labels, theme_get(false)};
    const struct hand hand = {.over = {PART_CLOSE, 1}, .is_typing = true, .selection = {-5, 40, 900, 100}};
    struct surface picture_surface = new_surface(64, 64);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct surface surface = new_surface(sizes[i][0], sizes[i][1]);
        for (unsigned variant = 0; variant < 60; variant++) {
            struct view_model model = model_of(6, variant % 6);
            for (unsigned tab = 0; tab < 6; tab++)
                tabs[tab].state = (variant + tab) % 5;
            model.overlay = variant % 3;
            model.is_searching = variant % 4 == 1;
            strcpy(model.question, variant % 5 == 2 ? "Really?" : "");
            model.picture = variant % 7 ? picture_of(&picture_surface, 0.5) : (struct view_picture){0};
            model.page_width_px = model.page_height_px = variant % 2 ? 700 : 0;
            struct layout layout;
            layout_compute(&layout, &model, surface.width_px, surface.height_px, variant % 2 ? 2 : 1);
            for (enum chrome_region region = 0; region < REGION_COUNT; region++)
                chrome_draw(&chrome, &surface, region, &model, &layout, &hand);
        }
        free(surface.pixels);
    }
    free(picture_surface.pixels);
    labels_destroy(labels);
}

/* What is drawn again is only what has changed. */
TEST(each_change_is_of_its_region)
{
    struct view_model model = model_of(3, 0);
    struct hand hand = {0};
    struct layout layout;
    layout_compute(&layout, &model, WIDTH, HEIGHT, 1);
    uint64_t before[REGION_COUNT];
    for (enum chrome_region region = 0; region < REGION_COUNT; region++)
        before[region] = chrome_digest(region, &model, &layout, &hand);
    tabs[2].memory_kb = 4711;
    CHECK(chrome_digest(REGION_STRIP, &model, &layout, &hand) != before[REGION_STRIP]);
    CHECK(chrome_digest(REGION_PAGE, &model, &layout, &hand) == before[REGION_PAGE]);
    CHECK(chrome_digest(REGION_STATUS, &model, &layout, &hand) == before[REGION_STATUS]);
    tabs[0].page = 1;
    CHECK(chrome_digest(REGION_PAGE, &model, &layout, &hand) == before[REGION_PAGE]);
    CHECK(chrome_digest(REGION_STATUS, &model, &layout, &hand) != before[REGION_STATUS]);
    model.picture.serial++;
    CHECK(chrome_digest(REGION_PAGE, &model, &layout, &hand) != before[REGION_PAGE]);
}
