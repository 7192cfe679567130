/* Parts of pages, sizes, other windows, frames of animations. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/test.h"
#include "tests/unit/opened.h"

#define MOST_PX 2500 /* of a page are looked at, either way */
#define N_BANDS 97   /* rows; no divisor of anything */
#define BESIDE  29   /* pixels around the page */

static const float zooms[] = {0.5f, 1, 1.7f, 3};
#define N_ZOOMS (sizeof(zooms) / sizeof(zooms[0]))

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* ---- bands --------------------------------------------------------------------------------------------- */

/* Where two pictures differ: how many pixels, and by how much at most. */
struct difference {
    size_t n;
    int most;
};

static void note_difference(const struct canvas *whole, const struct canvas *band, int x, int y,
                            struct difference *difference)
{
    for (int row = 0; row < band->height_px; row++) {
        const uint8_t *a = whole->pixels + (size_t)(y + row) * whole->stride_bytes + (size_t)x * 4;
        const uint8_t *b = band->pixels + (size_t)row * band->stride_bytes;
        for (int column = 0; column < band->width_px; column++, a += 4, b += 4) {
            int most = 0;
            for (int i = 0; i < 4; i++)
                most = abs(a[i] - b[i]) > most ? abs(a[i] - b[i]) : most;
            difference->n += most > 0;
            difference->most = most > difference->most ? most : difference->most;
        }
    }
}

/* The same view once more, from another corner. */
static void compare_part(struct opened *opened, const struct engine_view *view, const struct canvas *whole, int x,
                         int y, int width, int height, struct difference *difference)
{
    struct canvas part = new_canvas(width, height);
    struct engine_view at = *view;
    at.x_px += x;
    at.y_px += y;
    CHECK(paint(opened, &at, &part));
    note_difference(whole, &part, x, y, difference);
    free(part.pixels);
}

static void paint_in_bands(struct opened *opened, const char *name)
{
    for (size_t i = 0; i < N_ZOOMS; i++) {
        struct engine_view view = {.zoom = zooms[i]};
        struct engine_box box;
        CHECK_INT(opened->engine->measure(opened->document, &view, &box, &opened->facts), ==, 0);
        CHECK(box.width_px > 0 && box.height_px > 0);
        view.x_px = box.x_px - BESIDE;
        view.y_px = box.y_px - BESIDE;
        struct canvas whole =
            new_canvas(least(box.width_px, MOST_PX) + 2 * BESIDE, least(box.height_px, MOST_PX) + 2 * BESIDE);
        if (!paint(opened, &view, &whole)) {
            printf("  %s: %s\n", name, opened->facts.detail);
            free(whole.pixels);
            return;
        }
        struct difference difference = {0, 0};
        for (int y = 0; y < whole.height_px; y += N_BANDS)
            compare_part(opened, &view, &whole, 0, y, whole.width_px, least(N_BANDS, whole.height_px - y), &difference);
        for (int x = 0; x < whole.width_px; x += 3 * N_BANDS)
            compare_part(opened, &view, &whole, x, 0, least(3 * N_BANDS, whole.width_px - x), whole.height_px,
                         &difference);
        if (difference.n > 0)
            FAIL("%s at %g: %zu of %d pixels differ in parts, by %d at most", name, (double)zooms[i], difference.n,
                 2 * whole.width_px * whole.height_px, difference.most);
        free(whole.pixels);
    }
}

TEST_WITHIN(samples_in_parts_are_the_samples, 120)
{
    CHECK(each_sample(paint_in_bands));
}

TEST_WITHIN(documents_in_parts_are_the_documents, 600)
{
    if (!each_document(paint_in_bands))
        SKIP("no outside documents here: set VITRINE_DOCUMENTS");
}

/* The page ends where it is said to: paper or ink up to there, desk around it. */
static void look_at_edges(struct opened *opened, const char *name)
{
    struct engine_view view = {.zoom = 0.3f};
    struct engine_box box;
    static const uint8_t desk[4] = {CANVAS_DESK >> 16, CANVAS_DESK >> 8 & 0xff, CANVAS_DESK & 0xff, 255};
    CHECK_INT(opened->engine->measure(opened->document, &view, &box, &opened->facts), ==, 0);
    if (strcmp(opened->engine->name, "scene") == 0)
        return; /* it has no desk */
    view.x_px = box.x_px - 4;
    view.y_px = box.y_px - 4;
    struct canvas canvas = new_canvas(box.width_px + 8, box.height_px + 8);
    CHECK(paint(opened, &view, &canvas));
    for (int y = 0; y < canvas.height_px; y += canvas.height_px - 1)
        for (int x = 0; x < canvas.width_px; x++)
            if (memcmp(canvas.pixels + (size_t)y * canvas.stride_bytes + (size_t)x * 4, desk, 4) != 0) {
                FAIL("%s: no desk at %d,%d of %dx%d", name, x, y, canvas.width_px, canvas.height_px);
                x = canvas.width_px;
            }
    size_t n_page = 0;
    for (int y = 4; y < canvas.height_px - 4; y++)
        n_page += memcmp(canvas.pixels + (size_t)y * canvas.stride_bytes + 16, desk, 4) != 0;
    CHECK_INT(n_page, >=, box.height_px - 1);
    free(canvas.pixels);
}

TEST(pages_are_as_large_as_they_are_said_to_be)
{
    CHECK(each_sample(look_at_edges));
}

/* Scrolling to and fro between pages that were painted once parses nothing. */
static void scroll_over_pages(struct opened *opened, const char *name)
{
    struct canvas canvas = new_canvas(200, 200);
    uint32_t n_pages = opened->facts.n_pages < 3 ? opened->facts.n_pages : 3;
    for (uint32_t page = 0; page < n_pages; page++)
        CHECK(paint(opened, &(struct engine_view){.page = page, .zoom = 1}, &canvas));
    n_progress = 0;
    for (int i = 0; i < 20; i++)
        CHECK(paint(opened, &(struct engine_view){.page = (uint32_t)i % n_pages, .zoom = 1, .y_px = i * 7, .x_px = i},
                    &canvas));
    if (strcmp(opened->engine->name, "raster") != 0 && n_progress > 0)
        FAIL("%s: %zu steps of work while scrolling", name, n_progress);
    free(canvas.pixels);
}

TEST(scrolling_costs_drawing_alone)
{
    CHECK(each_sample(scroll_over_pages));
}

/* ---- other windows ------------------------------------------------------------------------------------- */

static char page[64 << 10];

/* 200 paragraphs, each with a number that occurs once. */
static size_t write_paragraphs(void)
{
    size_t n = (size_t)snprintf(page, sizeof page, "<!DOCTYPE html><style>p{margin:8px 0}</style>");
    for (int i = 0; i < 200; i++)
        n += (size_t)snprintf(page + n, sizeof page - n,
                              "<p>paragraph n%03dn and some words that fill a line or two when the window is as "
                              "narrow as that, and one if not</p>",
                              i);
    return n;
}

static struct engine_hits hits;

/* The top of the one place where a text stands, in pixels of the zoomed page. */
static float top_of(struct opened *opened, const struct engine_view *view, const char *text)
{
    CHECK_INT(opened->engine->search(opened->document, view, text, strlen(text), &hits, &opened->facts), ==, 0);
    if (hits.n_hits != 1) {
        FAIL("%s is there %zu times", text, hits.n_hits);
        return 0;
    }
    return hits.quads[0].corners[0].y * view->zoom;
}

TEST(the_place_that_is_read_survives_other_windows_and_zooms)
{
    static const struct {
        int width_px, height_px;
        float zoom;
    } windows[] = {{300, 384, 1}, {900, 500, 1}, {512, 384, 2}, {512, 384, 0.7f}, {320, 200, 1.7f}, {512, 384, 1}};
    struct opened opened;
    if (!open_bytes(&opened, page, write_paragraphs(), "html"))
        SKIP("this build has no html engine");
    struct engine_view view = {.zoom = 1};
    float first_top = top_of(&opened, &view, "n120n");
    view.y_px = (int)first_top + 3;
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        CHECK_INT(opened.engine->resize(opened.document, windows[i].width_px, windows[i].height_px, windows[i].zoom,
                                        &view, &opened.facts),
                  ==, 0);
        CHECK(fabsf(view.zoom - windows[i].zoom) < 0.001f);
        float top = top_of(&opened, &view, "n120n");
        if (fabsf(top - (float)view.y_px) > 20 * view.zoom)
            FAIL("window %zu: the text is at %g, the view at %d", i, (double)top, view.y_px);
    }
    CHECK(fabsf(top_of(&opened, &view, "n120n") - first_top) < 1);
    close_opened(&opened);
}

TEST(a_narrow_window_makes_lines_shorter)
{
    struct opened opened;
    struct engine_view view = {.zoom = 1};
    struct engine_box wide, narrow;
    if (!open_bytes(&opened, page, write_paragraphs(), "html"))
        SKIP("this build has no html engine");
    CHECK_INT(opened.engine->measure(opened.document, &view, &wide, &opened.facts), ==, 0);
    CHECK_INT(wide.width_px, ==, WINDOW_WIDTH_PX);
    CHECK_INT(opened.engine->resize(opened.document, 200, 384, 1, &view, &opened.facts), ==, 0);
    CHECK_INT(opened.engine->measure(opened.document, &view, &narrow, &opened.facts), ==, 0);
    CHECK_INT(narrow.width_px, ==, 200);
    CHECK_INT(narrow.height_px, >, wide.height_px * 2);
    close_opened(&opened);
}

static void fit_into_window(struct opened *opened, const char *name)
{
    struct engine_view view = {.zoom = 1};
    struct engine_box box;
    CHECK_INT(opened->engine->resize(opened->document, 300, 700, 1, &view, &opened->facts), ==, 0);
    CHECK_INT(opened->engine->measure(opened->document, &view, &box, &opened->facts), ==, 0);
    CHECK(view.page == 0 && view.x_px == 0 && view.y_px == 0);
    if (strcmp(opened->engine->name, "html") != 0 &&
        (box.width_px > 300 || box.height_px > 700 || box.x_px + box.width_px > 300 || box.y_px + box.height_px > 700))
        FAIL("%s is %dx%d in a window of 300x700", name, box.width_px, box.height_px);
    view.page = opened->facts.n_pages - 1;
    view.zoom = 2;
    CHECK_INT(opened->engine->resize(opened->document, 1000, 500, 2, &view, &opened->facts), ==, 0);
    CHECK_INT(view.page, <, opened->facts.n_pages);
    struct canvas canvas = new_canvas(1000, 500);
    CHECK(paint(opened, &view, &canvas));
    free(canvas.pixels);
}

TEST(samples_fit_other_windows)
{
    CHECK(each_sample(fit_into_window));
}

TEST(a_book_is_laid_out_for_a_narrow_window)
{
    struct opened opened;
    struct engine_view view = {.zoom = 1};
    if (!open_file(&opened, SAMPLES_FOLDER "/05-book.epub"))
        SKIP("this build has no mupdf engine");
    uint32_t n_wide = opened.facts.n_pages;
    view.page = n_wide - 1;
    CHECK_INT(opened.engine->resize(opened.document, 150, 400, 1, &view, &opened.facts), ==, 0);
    CHECK_INT(opened.facts.n_pages, >, n_wide);
    CHECK_INT(view.page, >, n_wide - 1);
    CHECK_INT(opened.engine->resize(opened.document, 512, 384, 1, &view, &opened.facts), ==, 0);
    CHECK_INT(opened.facts.n_pages, ==, n_wide);
    CHECK_INT(view.page, ==, n_wide - 1);
    close_opened(&opened);
}

/* ---- animations ---------------------------------------------------------------------------------------- */

/* 4x2 pixels; three frames of 50, 0 (so 100) and 200 ms, shown twice. The first is red all over and stays, the second a
 * green pixel at 1,0 that is undone, the third a blue pixel at 3,1 that is cleared. */
static const uint8_t gif[] = {
    'G',  'I',  'F',  '8',  '9',  'a', 4,    0,    2,    0,    0x91, 0,   0, /* screen */
    255,  0,    0,    0,    255,  0,   0,    0,    255,  9,    9,    9,      /* red, green, blue, grey */
    0x21, 0xff, 11,   'N',  'E',  'T', 'S',  'C',  'A',  'P',  'E',  '2', '.',  '0', 3,    1, 1, 0,    0, /* once more */
    0x21, 0xf9, 4,    0x04, 5,    0,   0,    0,    0x2c, 0,    0,    0,   0,    4,   0,    2, 0, 0,    2, 5,
    0x04, 0x00, 0x04, 0x00, 0x0a, 0,   0x21, 0xf9, 4,    0x0c, 0,    0,   0,    0,   0x2c, 1, 0, 0,    0, 1,
    0,    1,    0,    0,    2,    2,   0x4c, 0x01, 0,    0x21, 0xf9, 4,   0x08, 20,  0,    0, 0, 0x2c, 3, 0,
    1,    0,    1,    0,    1,    0,   0,    2,    2,    0x54, 0x01, 0,   0x3b};

static void check_frame(struct opened *opened, uint32_t frame, uint32_t delay_ms, const char *colours)
{
    struct engine_view view = {.zoom = 1, .frame = frame};
    struct engine_box box;
    struct engine_animation animation;
    CHECK_INT(opened->engine->measure(opened->document, &view, &box, &opened->facts), ==, 0);
    CHECK(box.width_px == 4 && box.height_px == 2);
    view.x_px = box.x_px;
    view.y_px = box.y_px;
    struct canvas canvas = new_canvas(4, 2);
    CHECK(paint(opened, &view, &canvas));
    char found[9] = "";
    for (size_t i = 0; i < 8; i++) {
        const uint8_t *pixel = canvas.pixels + 4 * i;
        found[i] = pixel[0] > 200 ? (pixel[1] > 200 ? 'w' : 'r') : pixel[1] > 200 ? 'g' : pixel[2] > 200 ? 'b' : '?';
    }
    CHECK_STR(found, colours);
    CHECK_INT(opened->engine->animation(opened->document, &view, &animation, &opened->facts), ==, 0);
    CHECK_INT(animation.n_frames, ==, 3);
    CHECK_INT(animation.n_loops, ==, 2);
    CHECK_INT(animation.delay_ms, ==, delay_ms);
    free(canvas.pixels);
}

TEST(a_gif_frame_by_frame)
{
    struct opened opened;
    if (!open_bytes(&opened, gif, sizeof gif, "gif"))
        SKIP("this build has no mupdf engine");
    CHECK_INT(opened.facts.n_pages, ==, 1);
    check_frame(&opened, 0, 50, "rrrrrrrr");
    check_frame(&opened, 1, 100, "rgrrrrrr");
    check_frame(&opened, 2, 200, "rrrrrrrb");
    check_frame(&opened, 1, 100, "rgrrrrrr");
    check_frame(&opened, 0, 50, "rrrrrrrr");
    check_frame(&opened, 77, 200, "rrrrrrrb");
    close_opened(&opened);
}

static size_t n_moving;

/* Played forwards and then frame by frame from the back it shows the same. */
static void play(struct opened *opened, const char *name)
{
    struct engine_animation animation;
    struct engine_view view = {.zoom = 1};
    if (!opened->engine->animation)
        return;
    CHECK_INT(opened->engine->animation(opened->document, &view, &animation, &opened->facts), ==, 0);
    CHECK(animation.n_frames >= 1 && animation.n_frames <= ENGINE_MAX_FRAMES);
    if (animation.n_frames == 1)
        return;
    n_moving++;
    uint32_t n = animation.n_frames < 12 ? animation.n_frames : 12;
    struct canvas frames[12], again = new_canvas(WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX);
    size_t n_different = 0, n_bytes = (size_t)again.height_px * again.stride_bytes;
    for (view.frame = 0; view.frame < n; view.frame++) {
        frames[view.frame] = new_canvas(WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX);
        CHECK(paint(opened, &view, &frames[view.frame]));
        n_different += memcmp(frames[view.frame].pixels, frames[0].pixels, n_bytes) != 0;
        CHECK_INT(opened->engine->animation(opened->document, &view, &animation, &opened->facts), ==, 0);
        CHECK_INT(animation.delay_ms, >=, 11);
    }
    CHECK_INT(n_different, >, 0);
    while (view.frame-- > 0) {
        CHECK(paint(opened, &view, &again));
        if (memcmp(again.pixels, frames[view.frame].pixels, n_bytes) != 0)
            FAIL("%s: frame %u differs when it is played backwards", name, view.frame);
        free(frames[view.frame].pixels);
    }
    free(again.pixels);
}

TEST(samples_that_move)
{
    CHECK(each_sample(play));
    CHECK_INT(n_moving, >=, 1);
}

TEST_WITHIN(documents_that_move, 120)
{
    if (!each_document(play))
        SKIP("no outside documents here: set VITRINE_DOCUMENTS");
}
