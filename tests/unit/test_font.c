#include "common/font.h"
#include "tests/test.h"

#define WIDTH  64
#define HEIGHT 40
#define MARGIN 64 /* bytes around the pixels that must stay as they are */

static uint8_t memory[MARGIN + WIDTH * HEIGHT * 4 + MARGIN];
static const struct font_target target = {memory + MARGIN, WIDTH, HEIGHT, WIDTH * 4};

static void wipe(void)
{
    memset(memory, 0, sizeof(memory));
}

static bool is_inked(int x, int y)
{
    return target.pixels[(size_t)y * target.stride_bytes + (size_t)x * 4 + 3] != 0;
}

static int count_ink(void)
{
    int n = 0;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            n += is_inked(x, y);
    return n;
}

static bool margins_are_clean(void)
{
    for (size_t i = 0; i < MARGIN; i++) {
        if (memory[i] != 0 || memory[sizeof(memory) - 1 - i] != 0)
            return false;
    }
    return true;
}

TEST(every_printable_character_has_a_shape_of_its_own)
{
    const uint8_t empty[FONT_HEIGHT_PX] = {0};
    CHECK_MEM(font_glyph(' '), empty, FONT_HEIGHT_PX);
    for (uint32_t a = '!'; a <= '~'; a++) {
        if (memcmp(font_glyph(a), empty, FONT_HEIGHT_PX) == 0)
            FAIL("no glyph for %c", (char)a);
        for (uint32_t b = '!'; b < a; b++) {
            if (memcmp(font_glyph(a), font_glyph(b), FONT_HEIGHT_PX) == 0)
                FAIL("%c and %c look the same", (char)a, (char)b);
        }
    }
}

TEST(all_else_is_a_box)
{
    const uint8_t *box = font_glyph(0xe4);
    CHECK(memcmp(box, font_glyph(' '), FONT_HEIGHT_PX) != 0);
    CHECK(font_glyph('\n') == box);
    CHECK(font_glyph(0) == box);
    CHECK(font_glyph(0x7f) == box);
    CHECK(font_glyph(0xffffffffu) == box);
}

TEST(draws_the_glyph_rows_in_the_colour)
{
    wipe();
    CHECK_INT(font_draw(&target, 3, 5, 1, 0x123456, "R", 1), ==, 3 + FONT_WIDTH_PX);
    const uint8_t *rows = font_glyph('R');
    int n_ink = 0;
    for (int y = 0; y < FONT_HEIGHT_PX; y++) {
        for (int x = 0; x < FONT_WIDTH_PX; x++) {
            bool ink = rows[y] & 0x80 >> x;
            n_ink += ink;
            CHECK_INT(is_inked(3 + x, 5 + y), ==, ink);
        }
    }
    CHECK_INT(count_ink(), ==, n_ink);
    const uint8_t colour[4] = {0x12, 0x34, 0x56, 0xff};
    for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
        if (target.pixels[i * 4 + 3])
            CHECK_MEM(target.pixels + i * 4, colour, 4);
    }
}

TEST(scales_by_whole_pixels)
{
    wipe();
    font_draw(&target, 0, 0, 1, 0xffffff, "g", 1);
    int n_single = count_ink();
    wipe();
    CHECK_INT(font_draw(&target, 0, 0, 2, 0xffffff, "g", 1), ==, 2 * FONT_WIDTH_PX);
    CHECK_INT(count_ink(), ==, 4 * n_single);
}

TEST(one_box_for_each_character_beyond_ascii)
{
    wipe();
    const char text[] = "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
    CHECK_INT(font_draw(&target, 0, 0, 1, 0xffffff, text, strlen(text)), ==, 3 * FONT_WIDTH_PX);
}

TEST(stays_within_the_target)
{
    static const int places[] = {-1000000, -9, -8, -7, -1, 0, 30, 39, 57, 63, 64, 1000000};
    const size_t n_places = sizeof(places) / sizeof(places[0]);
    wipe();
    for (size_t i = 0; i < n_places; i++)
        for (size_t j = 0; j < n_places; j++)
            for (int scale = 1; scale < 9; scale++)
                font_draw(&target, places[i], places[j], scale, 0xffffff, "@#M", 3);
    CHECK(margins_are_clean());
    CHECK(count_ink() > 0);

    wipe();
    font_draw(&target, INT32_MIN, INT32_MIN, 1, 0xffffff, "@", 1);
    CHECK_INT(font_draw(&target, INT32_MAX, INT32_MAX, INT32_MAX, 0xffffff, "@@", 2), ==, INT32_MAX);
    CHECK_INT(count_ink(), ==, 0);
}
