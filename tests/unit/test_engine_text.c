/* Links, searching and selecting. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/text.h"
#include "tests/test.h"
#include "tests/unit/opened.h"

static struct engine_hits hits;
static struct engine_selection selection;
static const struct engine_view whole_page = {.zoom = 1};

static size_t search(struct opened *opened, const struct engine_view *view, const char *needle)
{
    CHECK_INT(opened->engine->search(opened->document, view, needle, strlen(needle), &hits, &opened->facts), ==, 0);
    return hits.n_hits;
}

static struct engine_point middle_left(const struct engine_quad *quad)
{
    return (struct engine_point){quad->corners[0].x + 0.1f, (quad->corners[0].y + quad->corners[2].y) / 2};
}

static struct engine_point middle_right(const struct engine_quad *quad)
{
    return (struct engine_point){quad->corners[1].x - 0.1f, (quad->corners[1].y + quad->corners[3].y) / 2};
}

static const char *select_between(struct opened *opened, struct engine_point from, struct engine_point to)
{
    CHECK_INT(opened->engine->select(opened->document, &whole_page, from, to, &selection, &opened->facts), ==, 0);
    CHECK_INT(strlen(selection.text), ==, selection.n_text);
    CHECK(text_is_utf8(selection.text, selection.n_text));
    return selection.text;
}

/* ---- where text stands --------------------------------------------------------------------------------- */

/* How many pixels of a quad are not of the colour at its corner: letters have some. */
static size_t count_ink(struct opened *opened, const struct engine_quad *quad)
{
    struct engine_box box;
    CHECK_INT(opened->engine->measure(opened->document, &whole_page, &box, &opened->facts), ==, 0);
    float left = fminf(quad->corners[0].x, quad->corners[2].x), top = fminf(quad->corners[0].y, quad->corners[1].y);
    float right = fmaxf(quad->corners[1].x, quad->corners[3].x), bottom = fmaxf(quad->corners[2].y, quad->corners[3].y);
    struct engine_view view = {.zoom = 1, .x_px = box.x_px + (int)floorf(left), .y_px = box.y_px + (int)floorf(top)};
    struct canvas canvas = new_canvas((int)ceilf(right - left) + 1, (int)ceilf(bottom - top) + 1);
    size_t n = 0;
    CHECK(paint(opened, &view, &canvas));
    for (size_t i = 1; i < (size_t)canvas.width_px * (size_t)canvas.height_px; i++)
        n += abs(canvas.pixels[4 * i] - canvas.pixels[0]) > 40;
    free(canvas.pixels);
    return n;
}

/* A word that every sample with text has; each hit has ink under it, and selecting it gives it back. */
static void find_word(struct opened *opened, const char *name)
{
    if (!opened->engine->search)
        return;
    size_t n = search(opened, &whole_page, "THE");
    if (n == 0) {
        printf("  no text: %s\n", name);
        return;
    }
    size_t n_tried = 0;
    struct engine_hits found = hits;
    for (size_t i = 0; i < found.n_quads && n_tried < 20; i++) {
        bool is_whole = (i == 0 || found.hits[i - 1] != found.hits[i]) &&
                        (i + 1 == found.n_quads || found.hits[i + 1] != found.hits[i]);
        if (!is_whole)
            continue;
        n_tried++;
        const char *text = select_between(opened, middle_left(&found.quads[i]), middle_right(&found.quads[i]));
        if (strcasecmp(text, "the") != 0)
            FAIL("%s: hit %u reads \"%s\"", name, found.hits[i], text);
        if (count_ink(opened, &found.quads[i]) == 0)
            FAIL("%s: nothing is drawn at hit %u", name, found.hits[i]);
    }
    CHECK_INT(n_tried, >, 0);
    CHECK_INT(search(opened, &whole_page, "no page has this text"), ==, 0);
    CHECK_INT(search(opened, &whole_page, " \t\n"), ==, 0);
}

TEST_WITHIN(words_are_found_where_they_are_drawn, 60)
{
    CHECK(each_sample(find_word));
}

TEST_WITHIN(words_of_documents, 120)
{
    if (!each_document(find_word))
        SKIP("no outside documents here: set VITRINE_DOCUMENTS");
}

static bool open_html(struct opened *opened, const char *html)
{
    return open_bytes(opened, html, strlen(html), "html");
}

TEST(letters_match_as_people_type_them)
{
    struct opened opened;
    if (!open_html(&opened,
                   "<!DOCTYPE html><p>\u00c4RGER und <b>Gr\u00f6</b>\u00dfe, don\u2019t, \u0394\u03bb\u03c6\u03b1, "
                   "\u041c\u0438\u0440, super&shy;cali, one\n   two&nbsp;three, office, \u05e9\u05dc\u05d5\u05dd.</p>"))
        SKIP("this build has no html engine");
    static const struct {
        const char *needle;
        size_t n;
    } needles[] = {{"\u00e4rger", 1},
                   {"gr\u00f6\u00dfe", 1},
                   {"don't", 1},
                   {"\u03b4\u039b\u03c6\u03b1", 1},
                   {"\u041c\u0418\u0420", 1},
                   {"supercali", 1},
                   {"one two three", 1},
                   {"ffi", 1},
                   {"\u05dc\u05d5", 1},
                   {"  two \t three ", 1},
                   {"three,", 1},
                   {"argon", 0},
                   {"o", 4}};
    for (size_t i = 0; i < sizeof needles / sizeof needles[0]; i++)
        if (search(&opened, &whole_page, needles[i].needle) != needles[i].n)
            FAIL("%s is found %zu times", needles[i].needle, hits.n_hits);
    close_opened(&opened);
}

TEST(a_hit_over_two_lines_has_two_quads)
{
    struct opened opened;
    if (!open_html(&opened, "<!DOCTYPE html><p>first one<br>second one<p>aaaaaa"))
        SKIP("this build has no html engine");
    CHECK_INT(search(&opened, &whole_page, "one second"), ==, 1);
    CHECK_INT(hits.n_quads, ==, 2);
    CHECK(hits.quads[1].corners[0].y > hits.quads[0].corners[0].y + 5);
    CHECK(hits.quads[0].corners[0].x > hits.quads[1].corners[0].x);
    CHECK_INT(search(&opened, &whole_page, "aa"), ==, 3);
    close_opened(&opened);
}

TEST(too_many_hits_are_cut)
{
    static char html[8192] = "<!DOCTYPE html><p>";
    struct opened opened;
    for (size_t n = strlen(html); n + 3 < sizeof html; n += 2)
        memcpy(html + n, "x ", 3);
    if (!open_html(&opened, html))
        SKIP("this build has no html engine");
    CHECK_INT(search(&opened, &whole_page, "x"), ==, ENGINE_MAX_QUADS);
    CHECK(hits.is_cut);
    CHECK_INT(hits.n_quads, ==, ENGINE_MAX_QUADS);
    close_opened(&opened);
}

/* ---- selecting ----------------------------------------------------------------------------------------- */

TEST(a_selection_is_text_with_its_lines)
{
    struct opened opened;
    const struct engine_point start = {-100, -100}, end = {5000, 5000};
    if (!open_html(&opened, "<!DOCTYPE html><style>p{margin:20px 0}</style><p>One <b>bold</b> line<br>and another"
                            "<p>Next\u202eparagraph"))
        SKIP("this build has no html engine");
    CHECK_STR(select_between(&opened, start, end), "One bold line\nand another\n\nNext\u202eparagraph");
    CHECK_INT(selection.n_quads, ==, 3);
    CHECK(!selection.is_cut);
    CHECK_STR(select_between(&opened, end, start), "One bold line\nand another\n\nNext\u202eparagraph");
    CHECK_INT(search(&opened, &whole_page, "bold line and"), ==, 1);
    CHECK_STR(select_between(&opened, middle_left(&hits.quads[0]), middle_right(&hits.quads[1])), "bold line\nand");
    CHECK_STR(select_between(&opened, start, start), "");
    close_opened(&opened);
}

TEST(a_long_selection_is_cut_at_a_character)
{
    enum { N = 60000 };
    char *html = malloc(3 * N + 64);
    struct opened opened;
    REQUIRE(html != NULL);
    size_t n = (size_t)sprintf(html, "<!DOCTYPE html><p>");
    for (int i = 0; i < N; i++)
        n += (size_t)sprintf(html + n, "\u00e4 ");
    if (!open_html(&opened, html)) {
        free(html);
        SKIP("this build has no html engine");
    }
    select_between(&opened, (struct engine_point){0, 0}, (struct engine_point){5000, 100000});
    CHECK(selection.is_cut);
    CHECK(selection.n_text <= ENGINE_MAX_SELECTED_BYTES && selection.n_quads <= ENGINE_MAX_QUADS);
    close_opened(&opened);
    free(html);
}

TEST(a_page_without_text_has_none)
{
    struct opened opened;
    if (!open_file(&opened, SAMPLES_FOLDER "/06-processes.png"))
        SKIP("this build has no mupdf engine");
    CHECK_INT(search(&opened, &whole_page, "a"), ==, 0);
    CHECK_STR(select_between(&opened, (struct engine_point){0, 0}, (struct engine_point){500, 500}), "");
    CHECK_INT(selection.n_quads, ==, 0);
    close_opened(&opened);
}

/* ---- links --------------------------------------------------------------------------------------------- */

static struct engine_links links_of(struct opened *opened)
{
    struct engine_links links = {0};
    CHECK_INT(opened->engine->links(opened->document, &whole_page, &links, &opened->facts), ==, 0);
    return links;
}

static bool leads_to(const struct engine_link *link, const char *uri)
{
    return link && link->uri && link->n_uri == strlen(uri) && memcmp(link->uri, uri, link->n_uri) == 0;
}

TEST(links_of_a_page)
{
    struct opened opened;
    if (!open_html(
            &opened,
            "<!DOCTYPE html><style>p{margin:10px 0}.box{display:block;width:100px;height:40px}</style>"
            "<p>See <a href='other.html?a=1&amp;b=2'>the other</a>, <a href='#f%c3%bcnf'>below</a>"
            "<p><a href='javascript:alert(1)'>run</a> <a>nothing</a> <a href='#nowhere'>lost</a> <a href='#'>top</a>"
            "<p><a class=box href='file:///etc/passwd'></a>"
            "<p style='height:900px'>far<p id='f\u00fcnf'>here"))
        SKIP("this build has no html engine");
    struct engine_links links = links_of(&opened);
    CHECK_INT(links.n, ==, 6);
    CHECK(!links.is_cut);
    REQUIRE(links.n == 6);
    CHECK(leads_to(&links.links[0], "other.html?a=1&b=2"));
    CHECK(links.links[1].uri == NULL && links.links[1].page == 0);
    CHECK_INT(search(&opened, &whole_page, "here"), ==, 1);
    CHECK(fabsf(links.links[1].to.y - hits.quads[0].corners[0].y) < 1);
    CHECK(leads_to(&links.links[2], "javascript:alert(1)"));
    CHECK(leads_to(&links.links[3], "#nowhere"));
    CHECK(links.links[4].uri == NULL && links.links[4].to.y <= 0);
    CHECK(leads_to(&links.links[5], "file:///etc/passwd"));
    CHECK(links.links[5].rect.y1 - links.links[5].rect.y0 > 39);

    CHECK_INT(search(&opened, &whole_page, "the other"), ==, 1);
    CHECK(leads_to(engine_link_at(&links, middle_left(&hits.quads[0])), "other.html?a=1&b=2"));
    CHECK(leads_to(engine_link_at(&links, middle_right(&hits.quads[0])), "other.html?a=1&b=2"));
    CHECK_INT(search(&opened, &whole_page, "See"), ==, 1);
    CHECK(engine_link_at(&links, middle_left(&hits.quads[0])) == NULL);
    CHECK_INT(search(&opened, &whole_page, "nothing"), ==, 1);
    CHECK(engine_link_at(&links, middle_left(&hits.quads[0])) == NULL);
    close_opened(&opened);
}

TEST(links_are_bounded)
{
    char *html = malloc(400000);
    struct opened opened;
    size_t n = 0;
    REQUIRE(html != NULL);
    n += (size_t)sprintf(html + n, "<!DOCTYPE html><p><a href='x:");
    memset(html + n, 'y', ENGINE_MAX_URI_BYTES);
    n += ENGINE_MAX_URI_BYTES;
    n += (size_t)sprintf(html + n, "'>long</a>");
    for (int i = 0; i < ENGINE_MAX_LINKS + 10; i++)
        n += (size_t)sprintf(html + n, "<p><a href='%d.html'>%d</a>", i, i);
    bool good = open_html(&opened, html);
    free(html);
    if (!good)
        SKIP("this build has no html engine");
    struct engine_links links = links_of(&opened);
    CHECK_INT(links.n, ==, ENGINE_MAX_LINKS);
    CHECK(links.is_cut);
    CHECK(leads_to(&links.links[0], "0.html"));
    close_opened(&opened);
}

/* Two pages of 200x100 points; on the first a link to the second, 30 points from its top, one to a URI, and one that
 * would start a program. */
static const char pdf[] =
    "%PDF-1.4\n"
    "1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    "2 0 obj<</Type/Pages/Count 2/Kids[3 0 R 4 0 R]/MediaBox[0 0 200 100]>>endobj\n"
    "3 0 obj<</Type/Page/Parent 2 0 R/Annots[5 0 R 6 0 R 7 0 R]>>endobj\n"
    "4 0 obj<</Type/Page/Parent 2 0 R>>endobj\n"
    "5 0 obj<</Type/Annot/Subtype/Link/Rect[10 60 50 90]/Border[0 0 0]/Dest[4 0 R/XYZ 20 70 0]>>endobj\n"
    "6 0 obj<</Type/Annot/Subtype/Link/Rect[60 60 90 90]/Border[0 0 0]/A<</S/URI/URI(https://example.org/a)>>>>endobj\n"
    "7 0 obj<</Type/Annot/Subtype/Link/Rect[100 60 150 90]/Border[0 0 0]/A<</S/Launch/F(evil.exe)>>>>endobj\n"
    "trailer<</Root 1 0 R>>\n";

TEST(links_of_a_pdf)
{
    struct opened opened;
    if (!open_bytes(&opened, pdf, sizeof pdf - 1, "pdf"))
        SKIP("this build has no mupdf engine");
    const float scale = (float)WINDOW_WIDTH_PX / 200;
    struct engine_links links = links_of(&opened);
    CHECK_INT(links.n, >=, 2);
    const struct engine_link *inside = engine_link_at(&links, (struct engine_point){20 * scale, 20 * scale});
    const struct engine_link *outside = engine_link_at(&links, (struct engine_point){70 * scale, 20 * scale});
    const struct engine_link *launch = engine_link_at(&links, (struct engine_point){120 * scale, 20 * scale});
    REQUIRE(inside != NULL && outside != NULL);
    CHECK(inside->uri == NULL && inside->page == 1);
    CHECK(fabsf(inside->to.x - 20 * scale) < 1 && fabsf(inside->to.y - 30 * scale) < 1);
    CHECK(fabsf(inside->rect.x0 - 10 * scale) < 1 && fabsf(inside->rect.y1 - 40 * scale) < 1);
    CHECK(leads_to(outside, "https://example.org/a"));
    CHECK(launch == NULL || (launch->uri != NULL && memmem(launch->uri, launch->n_uri, "evil", 4) != NULL));
    CHECK(engine_link_at(&links, (struct engine_point){5, 5}) == NULL);
    close_opened(&opened);
}

static size_t n_links;

static void check_links(struct opened *opened, const char *name)
{
    if (!opened->engine->links)
        return;
    struct engine_links links = links_of(opened);
    n_links += links.n;
    for (size_t i = 0; i < links.n; i++) {
        const struct engine_link *link = &links.links[i];
        CHECK(link->rect.x1 > link->rect.x0 && link->rect.y1 > link->rect.y0);
        CHECK(link->uri ? link->n_uri > 0 && link->n_uri <= ENGINE_MAX_URI_BYTES : link->page < opened->facts.n_pages);
        CHECK(isfinite(link->to.x) && isfinite(link->to.y));
    }
    if (links.n > 0)
        printf("  %s: %zu links\n", name, links.n);
}

TEST_WITHIN(links_of_documents, 120)
{
    CHECK(each_sample(check_links));
    if (!each_document(check_links))
        SKIP("no outside documents here: set VITRINE_DOCUMENTS");
    CHECK_INT(n_links, >, 0);
}
