/* From what stands in the cells to what is wanted: what was sent is played on a small terminal of the test's own, which
 * knows no more sequences than may be sent. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/test.h"
#include "viewer/views/terminal_draw.h"

static const struct cell_style plain = {0};

/* ---- the test's terminal ------------------------------------------------------------------------------------ */

struct player {
    struct grid *screen;
    struct cell_style style;
    int row, column; /* column -1: after the last one */
    size_t n_printed;
};

static cell_colour read_colour(const int *numbers, int n, int *i, int first)
{
    int number = numbers[*i];
    if (number == first + 9)
        return COLOUR_DEFAULT;
    if (number != first + 8)
        return number >= first + 60 ? COLOUR_INDEX((unsigned)(number - first - 52))
                                    : COLOUR_INDEX((unsigned)(number - first));
    REQUIRE(*i + 2 < n);
    if (numbers[*i + 1] == 5) {
        *i += 2;
        return COLOUR_INDEX((unsigned)numbers[*i]);
    }
    REQUIRE(numbers[*i + 1] == 2 && *i + 4 < n);
    *i += 4;
    return COLOUR_RGB((unsigned)(numbers[*i - 2] << 16 | numbers[*i - 1] << 8 | numbers[*i]));
}

static void play_style(struct player *player, const int *numbers, int n)
{
    struct cell_style *style = &player->style;
    for (int i = 0; i < n; i++) {
        int number = numbers[i];
        if (number == 0)
            *style = plain;
        else if (number == 1 || number == 2 || number == 4 || number == 7)
            style->attributes |= number == 1   ? CELL_BOLD
                                 : number == 2 ? CELL_FAINT
                                 : number == 4 ? CELL_UNDERLINE
                                               : CELL_REVERSE;
        else if ((number >= 30 && number <= 39) || (number >= 90 && number <= 97))
            style->foreground = read_colour(numbers, n, &i, 30);
        else if ((number >= 40 && number <= 49) || (number >= 100 && number <= 107))
            style->background = read_colour(numbers, n, &i, 40);
        else
            FAIL("a style that should not be sent: %d", number);
    }
}

static size_t play_sequence(struct player *player, const uint8_t *bytes, size_t n_bytes)
{
    int numbers[32] = {0}, n = 1;
    size_t i = 2;
    REQUIRE(n_bytes > 2 && bytes[1] == '[');
    for (; i < n_bytes && (bytes[i] == ';' || (bytes[i] >= '0' && bytes[i] <= '9')); i++) {
        if (bytes[i] == ';')
            n++;
        else
            numbers[n - 1] = numbers[n - 1] * 10 + bytes[i] - '0';
        REQUIRE(n < 32);
    }
    REQUIRE(i < n_bytes);
    switch (bytes[i]) {
    case 'H':
        REQUIRE(n == 2);
        player->row = numbers[0] - 1;
        player->column = numbers[1] - 1;
        break;
    case 'C':
        REQUIRE(player->column >= 0);
        player->column += numbers[0];
        break;
    case 'm':
        play_style(player, numbers, n);
        break;
    default:
        FAIL("a sequence that should not be sent: %c", bytes[i]);
    }
    return i + 1;
}

/* Writing over one half of a wide character blanks the other, as terminals do. */
static void print(struct player *player, const char *character)
{
    struct grid *screen = player->screen;
    REQUIRE(player->row >= 0 && player->row < screen->rows && player->column >= 0 && player->column < screen->columns);
    int end = grid_put(screen, player->row, player->column, screen->columns, character, &player->style);
    REQUIRE(end > player->column);
    player->column = end < screen->columns ? end : -1;
    player->n_printed++;
}

static void play(struct player *player, const struct output *output)
{
    const uint8_t *bytes = output->bytes;
    size_t n_bytes = output->n_bytes;
    player->row = player->column = -1;
    for (size_t i = 0; i < n_bytes;) {
        if (bytes[i] == 0x1b) {
            i += play_sequence(player, bytes + i, n_bytes - i);
            continue;
        }
        REQUIRE(bytes[i] >= 0x20 && bytes[i] != 0x7f);
        char character[16];
        size_t length = 1;
        while (i + length < n_bytes && (bytes[i + length] & 0xc0) == 0x80)
            length++;
        /* A combining mark goes with the character before it. */
        if (i + length + 1 < n_bytes && bytes[i + length] == 0xcc)
            length += 2;
        memcpy(character, bytes + i, length);
        character[length] = '\0';
        print(player, character);
        i += length;
    }
}

static struct grid make_grid(int columns, int rows)
{
    struct grid grid = {0};
    REQUIRE(grid_resize(&grid, columns, rows) == 0);
    grid_fill(&grid, 0, rows, ' ');
    return grid;
}

static void check_same(const struct grid *a, const struct grid *b)
{
    for (int row = 0; row < a->rows; row++)
        for (int column = 0; column < a->columns; column++)
            if (memcmp(grid_cell(a, row, column), grid_cell(b, row, column), sizeof(struct cell)) != 0) {
                FAIL("row %d column %d: %x and %x", row, column, grid_cell(a, row, column)->character,
                     grid_cell(b, row, column)->character);
                return;
            }
}

/* ---- tests --------------------------------------------------------------------------------------------------- */

TEST(nothing_new)
{
    struct grid wanted = make_grid(20, 5), sent = make_grid(20, 5);
    struct output output = {0};
    grid_put(&wanted, 1, 2, 20, "hello", &plain);
    grid_put(&sent, 1, 2, 20, "hello", &plain);
    grid_update(&wanted, &sent, &output);
    CHECK_INT(output.n_bytes, ==, 0);
    output_finish(&output);
    grid_finish(&wanted);
    grid_finish(&sent);
}

TEST(one_cell)
{
    struct grid wanted = make_grid(80, 24), sent = make_grid(80, 24), screen = make_grid(80, 24);
    struct output output = {0};
    struct player player = {.screen = &screen};
    grid_put(&wanted, 11, 40, 80, "x", &plain);
    grid_update(&wanted, &sent, &output);
    play(&player, &output);
    CHECK_INT(player.n_printed, ==, 1);
    check_same(&wanted, &screen);
    check_same(&wanted, &sent);
    output_finish(&output);
    grid_finish(&wanted);
    grid_finish(&sent);
    grid_finish(&screen);
}

static void scribble(struct grid *grid)
{
    static const char *const texts[] = {
        "a", "plain text", "\xe6\xbc\xa2\xe5\xad\x97", "e\xcc\x81t\xc3\xa9", "\xe2\x96\x80", "  ", "\xf0\x9f\x98\x80!"};
    for (long n = random() % 12; n >= 0; n--) {
        struct cell_style style = {.attributes = (uint32_t)random() % 16};
        style.foreground =
            random() % 2 ? COLOUR_RGB((unsigned)random() & 0xffffff) : COLOUR_INDEX((unsigned)random() % 256);
        style.background = random() % 3 ? COLOUR_DEFAULT : COLOUR_INDEX((unsigned)random() % 16);
        grid_put(grid, (int)(random() % grid->rows), (int)(random() % grid->columns), grid->columns,
                 texts[(size_t)random() % 7], &style);
    }
}

/* Any screen from any other: the terminal shows what is wanted, and cells that did not change are rarely sent. */
TEST(any_change)
{
    srandom(11);
    struct grid wanted = make_grid(31, 9), sent = make_grid(31, 9), screen = make_grid(31, 9);
    struct player player = {.screen = &screen};
    for (int round = 0; round < 3000; round++) {
        struct output output = {0};
        if (random() % 20 == 0)
            grid_fill(&wanted, (int)(random() % 9), 1, ' ');
        scribble(&wanted);
        grid_update(&wanted, &sent, &output);
        play(&player, &output);
        CHECK(!output.has_failed);
        check_same(&wanted, &screen);
        check_same(&wanted, &sent);
        output_finish(&output);
    }
    grid_finish(&wanted);
    grid_finish(&sent);
    grid_finish(&screen);
}

TEST(pictures_are_left_alone)
{
    struct grid wanted = make_grid(10, 4), sent = make_grid(10, 4), screen = make_grid(10, 4);
    struct output output = {0};
    struct player player = {.screen = &screen};
    grid_put(&wanted, 0, 0, 10, "top", &plain);
    grid_fill(&wanted, 1, 2, CELL_PICTURE);
    grid_update(&wanted, &sent, &output);
    play(&player, &output);
    CHECK_INT(player.n_printed, ==, 3);
    /* Text over it is sent in full. */
    output.n_bytes = 0;
    player.n_printed = 0;
    grid_fill(&wanted, 1, 2, ' ');
    grid_update(&wanted, &sent, &output);
    play(&player, &output);
    CHECK_INT(player.n_printed, ==, 20);
    output_finish(&output);
    grid_finish(&wanted);
    grid_finish(&sent);
    grid_finish(&screen);
}

/* Whatever the text holds, what is sent is printable. */
TEST(hostile_text)
{
    struct grid wanted = make_grid(40, 2), sent = make_grid(40, 2), screen = make_grid(40, 2);
    struct output output = {0};
    struct player player = {.screen = &screen};
    grid_put(&wanted, 0, 0, 40,
             "a\033]0;x\a\033[2J\x9b\xc2\x9b"
             "6n\xff\xe2\x80\xae\x7f\n\rb",
             &plain);
    grid_update(&wanted, &sent, &output);
    play(&player, &output);
    check_same(&wanted, &screen);
    CHECK(!memmem(output.bytes, output.n_bytes, "\xe2\x80\xae", 3));
    CHECK(!memmem(output.bytes, output.n_bytes, "\xc2\x9b", 2));
    output_finish(&output);
    grid_finish(&wanted);
    grid_finish(&sent);
    grid_finish(&screen);
}

TEST(text_fits)
{
    struct grid grid = make_grid(5, 1);
    CHECK_INT(grid_put(&grid, 0, 0, 4, "abc\xe6\xbc\xa2", &plain), ==, 3);
    CHECK_INT(grid_put(&grid, 0, 3, 9, "\xe6\xbc\xa2xyz", &plain), ==, 5);
    CHECK_INT(grid_put(&grid, 7, 0, 5, "beyond", &plain), ==, 0);
    CHECK_INT(grid_cell(&grid, 0, 4)->character, ==, CELL_RIGHT_HALF);
    grid_put(&grid, 0, 4, 5, "z", &plain); /* half of the wide one: the other half is a space */
    CHECK_INT(grid_cell(&grid, 0, 3)->character, ==, ' ');
    grid_finish(&grid);
}
