/* What a page names beside itself: asked for, provided, laid out. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/test.h"
#include "tests/unit/opened.h"

/* A picture of 40x30 pixels, all red. */
#define PPM_HEAD "P6 40 30 255\n"
static uint8_t ppm[sizeof PPM_HEAD - 1 + 40 * 30 * 3];

static void make_ppm(void)
{
    memcpy(ppm, PPM_HEAD, sizeof PPM_HEAD - 1);
    for (size_t i = sizeof PPM_HEAD - 1; i < sizeof ppm; i += 3)
        memcpy(ppm + i, "\xff\0\0", 3);
}

static bool open_html(struct opened *opened, const char *html)
{
    n_wanted = 0;
    return open_bytes(opened, html, strlen(html), "html");
}

static size_t count_colour(struct opened *opened, const char *rgb)
{
    const struct engine_view view = {.zoom = 1};
    struct canvas canvas = new_canvas(WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX);
    size_t n = 0;
    CHECK(paint(opened, &view, &canvas));
    for (size_t i = 0; i < (size_t)WINDOW_WIDTH_PX * WINDOW_HEIGHT_PX; i++)
        n += memcmp(canvas.pixels + 4 * i, rgb, 3) == 0;
    free(canvas.pixels);
    return n;
}

static const struct wanted *find_wanted(const char *name)
{
    for (size_t i = 0; i < n_wanted; i++)
        if (strcmp(wanted[i].name, name) == 0)
            return &wanted[i];
    FAIL("%s was not asked for", name);
    return NULL;
}

static int provide(struct opened *opened, const char *name, const void *bytes, size_t n_bytes)
{
    const struct wanted *one = find_wanted(name);
    return one ? opened->engine->provide(opened->document, one->id, bytes, n_bytes, &opened->facts) : -1;
}

static const char page[] =
    "<!DOCTYPE html><link rel=stylesheet href='styles/a.css?x=1&amp;y'><link rel=icon href=icon.png>"
    "<link rel='alternate stylesheet' href=b.css><p>text <img src='red.ppm'> <img src=' red.ppm '>"
    "<img src='data:image/png;base64,xx'> <div class=big>box</div>";

TEST(pictures_and_styles_are_asked_for_once)
{
    struct opened opened;
    may_want = true;
    make_ppm();
    if (!open_html(&opened, page))
        SKIP("this build has no html engine");
    CHECK_INT(count_colour(&opened, "\xff\0\0"), ==, 0);
    CHECK_INT(n_wanted, ==, 2);
    CHECK(find_wanted("styles/a.css?x=1&y") && find_wanted("styles/a.css?x=1&y")->kind == ENGINE_WANTED_STYLE);
    CHECK(find_wanted("red.ppm") && find_wanted("red.ppm")->kind == ENGINE_WANTED_PICTURE);

    CHECK_INT(provide(&opened, "red.ppm", ppm, sizeof ppm), ==, 0);
    CHECK_INT(count_colour(&opened, "\xff\0\0"), ==, 2 * 40 * 30);
    CHECK_INT(provide(&opened, "red.ppm", ppm, sizeof ppm), ==, -1);
    CHECK_INT(opened.engine->provide(opened.document, 99, ppm, sizeof ppm, &opened.facts), ==, -1);

    static const char css[] = ":root{--c:#00ff00} .big{width:100px;height:50px;background:var(--c);font-size:1px} "
                              "body{background-image:url(back.ppm)} </style><p>never";
    CHECK_INT(provide(&opened, "styles/a.css?x=1&y", css, sizeof css - 1), ==, 0);
    CHECK_INT(count_colour(&opened, "\0\xff\0"), >=, 100 * 50 - 200);
    CHECK_INT(n_wanted, ==, 3);
    CHECK(find_wanted("styles/back.ppm") != NULL);
    CHECK_INT(provide(&opened, "styles/back.ppm", ppm, sizeof ppm), ==, 0);
    CHECK_INT(count_colour(&opened, "\xff\0\0"), >, 10000);
    CHECK_INT(n_wanted, ==, 3);
    close_opened(&opened);
}

TEST(what_does_not_come_or_is_broken_changes_nothing)
{
    struct opened opened;
    may_want = true;
    if (!open_html(&opened, page))
        SKIP("this build has no html engine");
    const struct engine_view view = {.zoom = 1};
    struct canvas before = new_canvas(WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX),
                  after = new_canvas(WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX);
    CHECK(paint(&opened, &view, &before));
    CHECK_INT(provide(&opened, "red.ppm", "no picture", 10), ==, 0);
    CHECK_INT(provide(&opened, "styles/a.css?x=1&y", NULL, 0), ==, 0);
    CHECK(paint(&opened, &view, &after));
    CHECK_MEM(before.pixels, after.pixels, (size_t)WINDOW_HEIGHT_PX * before.stride_bytes);
    CHECK_INT(n_wanted, ==, 2);
    free(before.pixels);
    free(after.pixels);
    close_opened(&opened);
}

TEST(without_a_callback_nothing_is_asked_for)
{
    struct opened opened;
    may_want = false;
    if (!open_html(&opened, page))
        SKIP("this build has no html engine");
    CHECK_INT(count_colour(&opened, "\xff\0\0"), ==, 0);
    CHECK_INT(n_wanted, ==, 0);
    CHECK_INT(opened.engine->provide(opened.document, 0, ppm, sizeof ppm, &opened.facts), ==, -1);
    close_opened(&opened);
}

TEST(no_more_is_asked_for_than_is_allowed)
{
    char html[32768] = "<!DOCTYPE html>";
    struct opened opened;
    size_t n = strlen(html);
    may_want = true;
    for (int i = 0; i < ENGINE_MAX_WANTED + 50; i++)
        n += (size_t)sprintf(html + n, "<img src=%d.png>", i);
    n += (size_t)sprintf(html + n, "<img src='");
    memset(html + n, 'x', ENGINE_MAX_WANTED_NAME + 1);
    strcpy(html + n + ENGINE_MAX_WANTED_NAME + 1, "'>");
    if (!open_html(&opened, html))
        SKIP("this build has no html engine");
    CHECK_INT(n_wanted, ==, ENGINE_MAX_WANTED);
    uint8_t *much = calloc(1, ENGINE_MAX_PROVIDED_BYTES);
    REQUIRE(much != NULL);
    CHECK_INT(opened.engine->provide(opened.document, 0, much, ENGINE_MAX_PROVIDED_BYTES - 5, &opened.facts), ==, 0);
    CHECK_INT(opened.engine->provide(opened.document, 1, much, 6, &opened.facts), ==, -1);
    CHECK_INT(opened.facts.refusal, ==, REFUSAL_TOO_LARGE);
    CHECK_INT(opened.engine->provide(opened.document, 2, much, 5, &opened.facts), ==, 0);
    free(much);
    CHECK_INT(count_colour(&opened, "\xff\0\0"), ==, 0);
    close_opened(&opened);
}

TEST(the_place_that_is_read_survives_a_picture)
{
    static char html[32768];
    static struct engine_hits hits;
    struct opened opened;
    struct engine_view view = {.zoom = 1};
    may_want = true;
    make_ppm();
    size_t n = (size_t)sprintf(html, "<!DOCTYPE html><img src=red.ppm width=400>");
    for (int i = 0; i < 200; i++)
        n += (size_t)sprintf(html + n, "<p>paragraph n%03dn", i);
    if (!open_html(&opened, html))
        SKIP("this build has no html engine");
    CHECK_INT(opened.engine->search(opened.document, &view, "n100n", 5, &hits, &opened.facts), ==, 0);
    view.y_px = (int)hits.quads[0].corners[0].y;
    const int before = view.y_px;
    CHECK_INT(provide(&opened, "red.ppm", ppm, sizeof ppm), ==, 0);
    CHECK_INT(opened.engine->resize(opened.document, WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX, 1, &view, &opened.facts), ==,
              0);
    CHECK_INT(view.y_px, >, before + 200);
    CHECK_INT(opened.engine->search(opened.document, &view, "n100n", 5, &hits, &opened.facts), ==, 0);
    CHECK(hits.quads[0].corners[0].y > (float)view.y_px - 2 && hits.quads[0].corners[0].y < (float)view.y_px + 3);
    close_opened(&opened);
}
