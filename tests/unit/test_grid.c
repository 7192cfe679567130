/* Tables: columns that line up whatever stands in them, and nothing raw in terminal or page. */
#include "broker/grid.h"

#include <stdlib.h>

#include "common/text.h"
#include "tests/test.h"

static const struct grid_column columns[] = {
    {.heading = "name"},
    {.group = "µs each", .heading = "p50", .right = true},
    {.group = "µs each", .heading = "p99", .right = true},
    {.heading = "never"},
    {.group = "a group much wider than its column", .heading = "x", .right = true},
    {.heading = "last"},
};
#define N_COLUMNS (sizeof columns / sizeof columns[0])

static void fill(struct grid *grid)
{
    grid_init(grid, "Title", columns, N_COLUMNS);
    grid_add_heading(grid, "over %s", "them");
    grid_add_row(grid);
    grid_set(grid, 0, "a");
    grid_set(grid, 1, "%d", 7);
    grid_set(grid, 4, "1");
    grid_add_row(grid);
    grid_set(grid, 0, "longer µ name");
    grid_set(grid, 1, "12345");
    grid_set(grid, 2, "8");
    grid_set(grid, 4, "2");
    grid_set(grid, 5, "z");
    grid_add_note(grid, "a note");
    grid_add_note(grid, "a note");
    grid_add_note(grid, "another");
}

/* The caller frees. */
static char *print(const struct grid *grid, unsigned width, bool html)
{
    char *text = NULL;
    size_t n_text = 0;
    FILE *out = open_memstream(&text, &n_text);
    REQUIRE(out);
    if (html)
        grid_print_html(out, grid);
    else
        grid_print(out, &(struct summary_style){.columns = width}, grid);
    fclose(out);
    return text;
}

TEST(columns_line_up_and_empty_ones_go)
{
    struct grid grid;
    fill(&grid);
    char *text = print(&grid, 0, false);
    CHECK_STR(text, "Title\n"
                    "               µs each     a group much wider than its column\n"
                    "name             p50  p99                                   x  last\n"
                    "over them\n"
                    "a                  7                                        1\n"
                    "longer µ name  12345    8                                   2  z\n"
                    "a note\n"
                    "another\n");
    free(text);
    grid_finish(&grid);
}

TEST(notes_are_wrapped)
{
    struct grid grid;
    grid_init(&grid, "T", columns, N_COLUMNS);
    grid_add_note(&grid, "%s",
                  "words of a note that is longer than a narrow terminal, again and again, and then again");
    char *text = print(&grid, 40, false), *rest = text, *line;
    size_t n_lines = 0;
    while ((line = strsep(&rest, "\n"))) {
        CHECK_INT(text_fit_columns(line, SIZE_MAX), <=, 40);
        n_lines++;
    }
    CHECK_INT(n_lines, ==, 5);
    free(text);
    grid_finish(&grid);
}

TEST(an_empty_grid_is_its_title_and_notes)
{
    struct grid grid;
    grid_init(&grid, "T", columns, N_COLUMNS);
    grid_add_note(&grid, "nothing");
    char *text = print(&grid, 0, false);
    CHECK_STR(text, "T\nnothing\n");
    free(text);
    text = print(&grid, 0, true);
    CHECK_STR(text, "<p class=\"note\">nothing</p>\n");
    free(text);
    grid_finish(&grid);
}

TEST(a_page_gets_the_same_table)
{
    struct grid grid;
    fill(&grid);
    char *text = print(&grid, 0, true);
    CHECK(strstr(text, "<th colspan=\"2\">µs each</th>"));
    CHECK(strstr(text, "<tr class=\"span\"><th colspan=\"5\">over them</th></tr>"));
    CHECK(strstr(text, "<td class=\"n\">12345</td>"));
    CHECK(!strstr(text, "never"));
    free(text);
    grid_finish(&grid);
}

TEST(hostile_text_stays_text)
{
    struct grid grid;
    grid_init(&grid, "T", columns, N_COLUMNS);
    grid_add_row(&grid);
    grid_set(&grid, 0, "%s", "<b>&\"'\033[2J\n\xff");
    grid_add_note(&grid, "%s", "</p><script>\a");
    char *text = print(&grid, 0, true);
    CHECK(strstr(text, "&lt;b&gt;&amp;&quot;&#39;\\e[2J\\n"));
    CHECK(strstr(text, "&lt;/p&gt;&lt;script&gt;"));
    CHECK(!strstr(text, "<script>") && !strchr(text, '\033') && !strchr(text, '\a'));
    free(text);
    text = print(&grid, 0, false);
    CHECK(!strchr(text, '\033') && !strchr(text, '\a') && strstr(text, "\\e[2J\\n"));
    free(text);
    grid_finish(&grid);
}

TEST(a_long_cell_is_cut)
{
    struct grid grid;
    grid_init(&grid, "T", columns, N_COLUMNS);
    grid_add_row(&grid);
    char word[4 * GRID_MAX_CELL];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    grid_set(&grid, 0, "%s", word);
    CHECK_INT(strlen(grid.rows[0].cells[0]), ==, GRID_MAX_CELL - 1);
    grid_finish(&grid);
}
