/* The crash page: every pixel is drawn and nothing beside them, and what it should say can be read in the picture. */
#include "broker/crash_page.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/font.h"
#include "tests/test.h"

#define POISON      0x5a
#define GUARD_BYTES 4096

static const struct crash_page ordinary = {
    .tab = 3,
    .document = "report.pdf",
    .verdict = VERDICT_SIGNAL,
    .what = "crashed with SIGSEGV at address 0x10",
    .report_id = "4711-3",
    .restarts = 2,
    .will_retry = true,
    .next_try_ns = 250 * NS_PER_MS,
};

struct picture {
    struct frame_layout layout;
    uint8_t *memory; /* guard, slot, guard */
    uint8_t *pixels;
};

static struct picture draw(const struct crash_page *page, uint32_t width_px, uint32_t height_px)
{
    struct picture picture;
    REQUIRE(frame_layout_init(&picture.layout, width_px, height_px) == 0);
    size_t n_bytes = GUARD_BYTES + picture.layout.slot_bytes + GUARD_BYTES;
    picture.memory = malloc(n_bytes);
    REQUIRE(picture.memory);
    memset(picture.memory, POISON, n_bytes);
    picture.pixels = picture.memory + GUARD_BYTES;
    crash_page_draw(page, &picture.layout, picture.pixels);
    return picture;
}

static uint32_t rgb_at(const struct picture *picture, uint32_t x, uint32_t y)
{
    const uint8_t *pixel = picture->pixels + y * picture->layout.stride_bytes + 4 * (size_t)x;
    return (uint32_t)pixel[0] << 16 | (uint32_t)pixel[1] << 8 | pixel[2];
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

/* Whether one character stands there: its dots in one colour, ink, and all about them in the colour of the page. */
static bool is_glyph_at(const struct picture *picture, char character, uint32_t ink, uint32_t paper, uint32_t x,
                        uint32_t y, uint32_t scale)
{
    const uint8_t *rows = font_glyph((unsigned char)character);
    for (uint32_t row = 0; row < FONT_HEIGHT_PX * scale; row++)
        for (uint32_t column = 0; column < FONT_WIDTH_PX * scale; column++) {
            bool is_ink = rows[row / scale] & 0x80 >> column / scale;
            if (rgb_at(picture, x + column, y + row) != (is_ink ? ink : paper))
                return false;
        }
    return true;
}

/* The first dot of a character, by which its ink is known: y * FONT_WIDTH_PX + x. */
static uint32_t first_dot(char character)
{
    const uint8_t *rows = font_glyph((unsigned char)character);
    uint32_t i = 0;
    while (!(rows[i / FONT_WIDTH_PX] & 0x80 >> i % FONT_WIDTH_PX))
        REQUIRE(++i < FONT_HEIGHT_PX * FONT_WIDTH_PX);
    return i;
}

static bool is_text_at(const struct picture *picture, const char *text, uint32_t ink, uint32_t paper, uint32_t x,
                       uint32_t y, uint32_t scale)
{
    for (; *text; text++, x += FONT_WIDTH_PX * scale) {
        if (!is_glyph_at(picture, *text, ink, paper, x, y, scale))
            return false;
    }
    return true;
}

/* How often text stands in one line somewhere, in glyphs of that scale. */
static unsigned count_text(const struct picture *picture, const char *text, uint32_t scale)
{
    const uint32_t width_px = picture->layout.width_px, height_px = picture->layout.height_px;
    const uint32_t text_width_px = (uint32_t)strlen(text) * FONT_WIDTH_PX * scale;
    const uint32_t paper = rgb_at(picture, width_px - 1, height_px - 1);
    const uint32_t dot = first_dot(text[0]);
    const uint32_t dot_x = dot % FONT_WIDTH_PX * scale, dot_y = dot / FONT_WIDTH_PX * scale;
    unsigned n = 0;
    for (uint32_t y = 0; y + FONT_HEIGHT_PX * scale <= height_px; y++) {
        for (uint32_t x = 0; x + text_width_px <= width_px; x++) {
            uint32_t ink = rgb_at(picture, x + dot_x, y + dot_y);
            n += ink != paper && is_text_at(picture, text, ink, paper, x, y, scale);
        }
    }
    return n;
}

static bool shows(const struct picture *picture, const char *text)
{
    for (uint32_t scale = 1; scale <= 4; scale++) {
        if (count_text(picture, text, scale) > 0)
            return true;
    }
    return false;
}

static bool page_shows(const struct crash_page *page, const char *text)
{
    struct picture picture = draw(page, 400, 300);
    bool result = shows(&picture, text);
    free(picture.memory);
    return result;
}

/* ---- all of it -------------------------------------------------------------------------------------------- */

static void check_drawn(const struct crash_page *page, uint32_t width_px, uint32_t height_px)
{
    struct picture picture = draw(page, width_px, height_px);
    const struct frame_layout *layout = &picture.layout;
    size_t n_transparent = 0, n_touched = 0, i = 0;
    for (uint32_t y = 0; y < height_px; y++)
        for (uint32_t x = 0; x < width_px; x++)
            n_transparent += picture.pixels[y * layout->stride_bytes + 4 * (size_t)x + 3] != 0xff;
    for (; i < GUARD_BYTES; i++)
        n_touched += picture.memory[i] != POISON;
    for (uint32_t y = 0; y < height_px; y++)
        for (size_t byte = 4 * (size_t)width_px; byte < layout->stride_bytes; byte++)
            n_touched += picture.pixels[y * layout->stride_bytes + byte] != POISON;
    for (i = layout->stride_bytes * height_px; i < layout->slot_bytes + GUARD_BYTES; i++)
        n_touched += picture.pixels[i] != POISON;
    if (n_transparent > 0 || n_touched > 0)
        FAIL("%ux%u: %zu pixels not drawn, %zu bytes written beside them", width_px, height_px, n_transparent,
             n_touched);
    free(picture.memory);
}

static const uint32_t sizes[][2] = {
    {1, 1},    {1, 16384}, {16384, 1}, {16384, 16}, {16, 16384}, {7, 7},       {8, 16},    {9, 17},
    {10, 100}, {17, 33},   {31, 200},  {64, 48},    {100, 20},   {160, 120},   {191, 400}, {320, 240},
    {333, 77}, {480, 800}, {800, 600}, {1023, 31},  {1024, 768}, {2560, 1440},
};
#define N_SIZES (sizeof sizes / sizeof sizes[0])

TEST(every_pixel_is_drawn_and_nothing_beside)
{
    for (size_t i = 0; i < N_SIZES; i++)
        check_drawn(&ordinary, sizes[i][0], sizes[i][1]);
}

TEST(every_small_size_is_drawn)
{
    for (uint32_t width_px = 1; width_px < 300; width_px += 13)
        for (uint32_t height_px = 1; height_px < 300; height_px += 11)
            check_drawn(&ordinary, width_px, height_px);
}

TEST(the_picture_depends_on_nothing_that_was_there)
{
    struct picture a = draw(&ordinary, 320, 240), b = draw(&ordinary, 320, 240);
    memset(b.pixels, 0xee, b.layout.slot_bytes);
    crash_page_draw(&ordinary, &b.layout, b.pixels);
    for (uint32_t y = 0; y < 240; y++)
        CHECK_MEM(a.pixels + y * a.layout.stride_bytes, b.pixels + y * b.layout.stride_bytes, 4 * 320);
    free(a.memory);
    free(b.memory);
}

/* ---- what it says ----------------------------------------------------------------------------------------- */

TEST(all_that_is_known_can_be_read)
{
    static const char *const texts[] = {
        "Tab 3",    "Crashed",    "crashed with SIGSEGV at address 0x10",
        "Document", "report.pdf", "Report",
        "4711-3",   "Restarts",   "2 so far",
        "Next try", "in 250 ms",
    };
    static const uint32_t usual[][2] = {{320, 240}, {800, 600}, {1024, 768}, {1280, 720}};
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        struct picture picture = draw(&ordinary, usual[i][0], usual[i][1]);
        for (size_t j = 0; j < sizeof texts / sizeof texts[0]; j++)
            if (!shows(&picture, texts[j]))
                FAIL("%ux%u does not show \"%s\"", usual[i][0], usual[i][1], texts[j]);
        CHECK(!shows(&picture, "SIGBUS")); /* the reading itself can fail */
        free(picture.memory);
    }
}

TEST(a_larger_page_has_larger_text)
{
    struct picture small = draw(&ordinary, 320, 240), large = draw(&ordinary, 2560, 1440);
    CHECK_INT(count_text(&small, "report.pdf", 1), ==, 1);
    CHECK_INT(count_text(&large, "report.pdf", 4), ==, 1);
    free(small.memory);
    free(large.memory);
}

TEST(a_page_of_one_line_says_the_verdict)
{
    struct picture picture = draw(&ordinary, 16384, 16);
    CHECK_INT(count_text(&picture, "Tab 3: Crashed", 1), ==, 1);
    free(picture.memory);
}

TEST(a_line_is_drawn_whole_or_not_at_all)
{
    for (uint32_t height_px = 1; height_px < 120; height_px++) {
        struct picture picture = draw(&ordinary, 200, height_px);
        const uint32_t paper = rgb_at(&picture, 199, height_px - 1);
        bool has_headline = height_px >= FONT_HEIGHT_PX && count_text(&picture, "Tab 3: Crashed", 1) == 1;
        CHECK_INT(has_headline, ==, height_px >= FONT_HEIGHT_PX);
        for (uint32_t x = 0; x < 200; x++) /* the lowest row of a line is empty, so ink there is of one that was cut */
            CHECK(rgb_at(&picture, x, height_px - 1) == paper);
        free(picture.memory);
    }
}

TEST(each_verdict_has_its_words_and_its_colour)
{
    static const char *const titles[VERDICT_COUNT] = {
        [VERDICT_NONE] = "Ended",          [VERDICT_SIGNAL] = "Crashed", [VERDICT_VIOLATION] = "Sandbox",
        [VERDICT_PROTOCOL] = "Protocol",   [VERDICT_HANG] = "Hung",      [VERDICT_MEMORY] = "Out of memory",
        [VERDICT_EXIT] = "Left by itself", [VERDICT_KILLED] = "Killed",
    };
    uint32_t accents[VERDICT_COUNT];
    for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++) {
        struct crash_page page = ordinary;
        page.verdict = (enum verdict)verdict;
        struct picture picture = draw(&page, 400, 300);
        for (unsigned other = 0; other < VERDICT_COUNT; other++)
            CHECK_INT(shows(&picture, titles[other]), ==, other == verdict);
        accents[verdict] = rgb_at(&picture, 0, 0);
        for (unsigned before = 0; before < verdict; before++)
            CHECK(accents[before] != accents[verdict]);
        free(picture.memory);
    }
}

TEST(when_it_will_be_tried_again)
{
    static const struct {
        uint64_t next_try_ns;
        const char *text;
    } cases[] = {
        {0, "now"},
        {1, "in 1 ms"},
        {250 * NS_PER_MS, "in 250 ms"},
        {999 * NS_PER_MS, "in 999 ms"},
        {999 * NS_PER_MS + 1, "in 1.0 s"},
        {NS_PER_S, "in 1.0 s"},
        {NS_PER_S + 1, "in 1.1 s"},
        {1950 * NS_PER_MS, "in 2.0 s"},
        {2500 * NS_PER_MS, "in 2.5 s"},
        {60 * NS_PER_S, "in 60.0 s"},
        {120 * NS_PER_S, "in 2 min"},
        {121 * NS_PER_S, "in 3 min"},
        {UINT64_MAX, "in 307445735 min"},
    };
    struct crash_page page = ordinary;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        page.next_try_ns = cases[i].next_try_ns;
        if (!page_shows(&page, cases[i].text))
            FAIL("%s is not told", cases[i].text);
    }
    page.will_retry = false;
    CHECK(page_shows(&page, "not by itself"));
    CHECK(!page_shows(&page, "min"));
}

TEST(what_is_not_there_is_said_so)
{
    struct crash_page page = ordinary;
    CHECK(!page_shows(&page, "none was stored"));
    page.report_id = NULL;
    CHECK(page_shows(&page, "none was stored"));
    page.restarts = 0;
    CHECK(page_shows(&page, "none so far"));
    page.document = page.what = page.report_id = "";
    CHECK(page_shows(&page, "Document"));
}

/* ---- hostile strings -------------------------------------------------------------------------------------- */

TEST(what_could_deceive_is_shown_escaped)
{
    struct crash_page page = ordinary;
    page.document = "a\033[31mb";
    CHECK(page_shows(&page, "a\\e[31mb"));
    page.document = "a\nTab 9";
    CHECK(page_shows(&page, "a\\nTab 9"));
    page.document = "x\xe2\x80\xae"
                    "fdp.exe"; /* right-to-left override */
    CHECK(page_shows(&page, "x\\u{202e}fdp.exe"));
    page.what = "\x01\x7f";
    CHECK(page_shows(&page, "\\x01\\x7f"));
    page.report_id = "r\tr";
    CHECK(page_shows(&page, "r\\tr"));
}

TEST(one_box_for_a_character_that_the_font_lacks)
{
    struct crash_page page = ordinary;
    page.document = "a\xc3\xa4\xe4\xbd\xa0\xf0\x9f\x98\x80z"; /* of two, three and four bytes */
    CHECK(page_shows(&page, "a\x7f\x7f\x7fz"));
    page.document = "a\xff\xc3z"; /* malformed */
    CHECK(page_shows(&page, "a\x7f\x7fz"));
    page.document = "a\xe2\x80\xa6z"; /* an ellipsis */
    CHECK(page_shows(&page, "a...z"));
}

TEST(a_long_path_keeps_its_end)
{
    char path[1000];
    for (size_t length = 20; length < sizeof path; length += 49) {
        memset(path, 'd', sizeof path);
        snprintf(path + length - 14, 15, "/folder/me.pdf");
        memcpy(path, "begin", 5);
        struct crash_page page = ordinary;
        page.document = path;
        struct picture picture = draw(&page, 400, 300);
        bool is_cut = shows(&picture, "...d");
        CHECK(is_cut == !shows(&picture, "begin"));
        CHECK(is_cut || length < 120);
        CHECK(shows(&picture, "pdf")); /* in one line, or broken before: never lost */
        free(picture.memory);
    }
}

TEST(escapes_do_not_push_the_end_of_a_path_out)
{
    static const char *const fillers[] = {"\x01", "\033", "\xff", "\xc2\x80", "\xe2\x80\xae", "\xf3\xa0\x80\x81"};
    for (size_t i = 0; i < sizeof fillers / sizeof fillers[0]; i++) {
        for (size_t n = 10; n < 1000; n += 90) {
            char path[5000] = "";
            for (size_t j = 0; j < n; j++)
                strcat(path, fillers[i]);
            strcat(path, " me.exe");
            struct crash_page page = ordinary;
            page.document = path;
            if (!page_shows(&page, "me.exe"))
                FAIL("filler %zu, %zu times: the end is lost", i, n);
        }
    }
}

TEST(a_long_line_keeps_its_beginning)
{
    char *what = malloc(100000);
    REQUIRE(what);
    memset(what, 'w', 99999);
    memcpy(what, "begin", 5);
    what[99999] = '\0';
    struct crash_page page = ordinary;
    page.what = page.report_id = what;
    struct picture picture = draw(&page, 1024, 768);
    CHECK(shows(&picture, "begin"));
    CHECK(shows(&picture, "w..."));
    CHECK(shows(&picture, "in 250 ms")); /* what comes after it still has its place */
    free(picture.memory);
    free(what);
}

TEST(lines_break_between_words)
{
    struct crash_page page = ordinary;
    page.what = "seventeen characters and so on until there is no room left in the line for it";
    struct picture picture = draw(&page, 320, 240);
    CHECK(shows(&picture, "seventeen characters and so on until"));
    CHECK(shows(&picture, "there is no room left in the line"));
    CHECK(shows(&picture, "for it"));
    free(picture.memory);
}

TEST_WITHIN(megabytes_of_anything_are_harmless, 60)
{
    static const char patterns[][4] = {"a",  " ",  "a ",          "\xff", "\xc3", "\x80", "\033[m", "\xe2\x80\xa6",
                                       "\n", "\\", "\xe4\xbd\xa0"};
    const size_t n_text = 4u << 20;
    char *text = malloc(n_text + 1);
    REQUIRE(text);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        size_t n_pattern = strnlen(patterns[i], sizeof patterns[i]);
        for (size_t j = 0; j < n_text; j++)
            text[j] = patterns[i][j % n_pattern];
        text[n_text] = '\0';
        struct crash_page page = ordinary;
        page.document = page.what = page.report_id = text;
        page.tab = page.restarts = UINT32_MAX;
        check_drawn(&page, 1, 1);
        check_drawn(&page, 9, 400);
        check_drawn(&page, 320, 240);
        check_drawn(&page, 1024, 768);
        check_drawn(&page, 4000, 40);
    }
    free(text);
}

TEST(random_bytes_are_harmless)
{
    char text[600];
    uint32_t state = 1;
    for (unsigned round = 0; round < 300; round++) {
        size_t length = round * 2 % sizeof text;
        for (size_t i = 0; i < length; i++) {
            state = state * 1664525 + 1013904223;
            text[i] = (char)(state >> 24 ? state >> 24 : 1);
        }
        text[length] = '\0';
        struct crash_page page = ordinary;
        page.document = page.what = page.report_id = text;
        page.verdict = round % VERDICT_COUNT;
        check_drawn(&page, 1 + state % 500, 1 + (state >> 12) % 400);
    }
}

/* ---- in a frame of its own -------------------------------------------------------------------------------- */

TEST(the_frame_holds_the_page)
{
    for (size_t i = 0; i < N_SIZES; i++) {
        struct picture picture = draw(&ordinary, sizes[i][0], sizes[i][1]);
        const struct frame_layout *layout = &picture.layout;
        CLOSE_FD int fd = -1;
        REQUIRE(crash_page_create(&ordinary, layout, &fd) == 0);
        CHECK_INT(fcntl(fd, F_GET_SEALS) & (F_SEAL_GROW | F_SEAL_SHRINK), ==, F_SEAL_GROW | F_SEAL_SHRINK);
        uint8_t *pixels;
        REQUIRE(frame_map(layout, fd, false, &pixels) == 0);
        size_t n_different = 0;
        for (uint32_t y = 0; y < layout->height_px; y++)
            n_different += memcmp(pixels + y * layout->stride_bytes, picture.pixels + y * layout->stride_bytes,
                                  4 * (size_t)layout->width_px) != 0;
        CHECK_INT(n_different, ==, 0);
        frame_unmap(layout, pixels);
        free(picture.memory);
    }
}

TEST(without_descriptors_or_memory_it_fails)
{
    struct frame_layout layout;
    REQUIRE(frame_layout_init(&layout, 320, 240) == 0);
    int fd = -1;
    struct rlimit before, none;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none = (struct rlimit){0, before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK_INT(crash_page_create(&ordinary, &layout, &fd), ==, -EMFILE);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK_INT(fd, ==, -1);

    signal(SIGXFSZ, SIG_IGN);
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    none = (struct rlimit){4096, before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &none) == 0);
    CHECK_INT(crash_page_create(&ordinary, &layout, &fd), ==, -EFBIG);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK_INT(fd, ==, -1);
}
