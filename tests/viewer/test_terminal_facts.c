/* How pictures are shown, from what the environment says and what the terminal answers. */
#include "tests/test.h"
#include "viewer/views/terminal_facts.h"

struct row {
    const char *variables[4];
    const char *answers;
    bool only_symbols;
    enum terminal_pictures expected;
};

#define XTERM_DA1 "\033[?64;1;2;22c"
#define SIXEL_DA1 "\033[?64;1;2;4;22c"
#define KITTY_OK  "\033_Gi=31;OK\033\\"
#define CELL      "\033[6;20;10t"

static const struct row rows[] = {
    {{"TERM=xterm-256color"}, CELL XTERM_DA1, false, PICTURES_SYMBOLS},
    {{"TERM=xterm-256color"}, CELL SIXEL_DA1, false, PICTURES_SIXEL},
    {{"TERM=xterm-256color"}, CELL SIXEL_DA1, true, PICTURES_SYMBOLS},
    {{"TERM=xterm-256color"}, SIXEL_DA1, false, PICTURES_SYMBOLS}, /* how large a cell is nobody says */
    {{"TERM=xterm-256color"}, "\033[6;0;10t" SIXEL_DA1, false, PICTURES_SYMBOLS},
    {{"TERM=xterm-256color"}, "\033[6;99999;10t" SIXEL_DA1, false, PICTURES_SYMBOLS},
    {{"TERM=xterm-kitty"}, CELL XTERM_DA1, false, PICTURES_KITTY},
    {{"TERM=xterm-256color"}, CELL KITTY_OK XTERM_DA1, false, PICTURES_KITTY},
    {{"TERM=xterm-256color"}, CELL "\033_Gi=31;ENOENT:no\033\\" XTERM_DA1, false, PICTURES_SYMBOLS},
    {{"TERM=xterm-256color"}, CELL "\033P>|iTerm2 3.5.0\033\\" XTERM_DA1, false, PICTURES_ITERM2},
    {{"TERM=foot"}, CELL SIXEL_DA1, false, PICTURES_SIXEL},
    {{"TERM=foot"}, CELL XTERM_DA1, false, PICTURES_SYMBOLS}, /* it knows better than its name */
    {{"TERM=foot"}, CELL, false, PICTURES_SIXEL},             /* nothing came (yet): its name has to do */
    {{"TERM=tmux-256color", "TMUX=/tmp/x,1,0"}, CELL XTERM_DA1, false, PICTURES_SYMBOLS},
    {{"TERM=tmux-256color", "TMUX=/tmp/x,1,0", "TERM_PROGRAM=WezTerm"}, CELL XTERM_DA1, false, PICTURES_SYMBOLS},
    {{"TERM=tmux-256color", "TMUX=/tmp/x,1,0"}, CELL SIXEL_DA1, false, PICTURES_SIXEL},
    {{"TERM=screen"}, CELL KITTY_OK XTERM_DA1, false, PICTURES_SYMBOLS},
    {{"TERM=linux"}, XTERM_DA1, false, PICTURES_SYMBOLS},
};

static void learn(struct terminal_facts *facts, const char *answers)
{
    struct key_decoder decoder = {0};
    struct key key;
    keys_push(&decoder, answers, strlen(answers));
    while (keys_next(&decoder, false, &key))
        if (key.code == KEY_ANSWER)
            terminal_facts_learn(facts, &key.answer);
}

TEST(table)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct terminal_facts facts;
        terminal_facts_guess(&facts, (char *const *)rows[i].variables);
        learn(&facts, rows[i].answers);
        enum terminal_pictures pictures = terminal_facts_choose(&facts, rows[i].only_symbols);
        if (pictures != rows[i].expected)
            FAIL("row %zu (%s): %d, expected %d", i, rows[i].variables[0], (int)pictures, (int)rows[i].expected);
    }
}

static enum terminal_colours colours_of(const char *first, const char *second)
{
    const char *variables[] = {first, second, NULL};
    struct terminal_facts facts;
    terminal_facts_guess(&facts, (char *const *)variables);
    return facts.colours;
}

TEST(colours)
{
    CHECK_INT(colours_of("TERM=xterm-256color", NULL), ==, COLOURS_RGB);
    CHECK_INT(colours_of("TERM=linux", NULL), ==, COLOURS_16);
    CHECK_INT(colours_of("TERM=screen", NULL), ==, COLOURS_256);
    CHECK_INT(colours_of("TERM=vt220", NULL), ==, COLOURS_NONE);
    CHECK_INT(colours_of("TERM=xterm-256color", "NO_COLOR=1"), ==, COLOURS_NONE);
}

/* Where the cursor is after one character of three bytes. */
TEST(utf8)
{
    struct terminal_facts facts = {0};
    learn(&facts, "\033[1;2R");
    CHECK(!facts.is_plain_ascii);
    learn(&facts, "\033[1;4R");
    CHECK(facts.is_plain_ascii);
    facts = (struct terminal_facts){0};
    learn(&facts, XTERM_DA1 "\033[1;4R"); /* after the last answer it is F3 */
    CHECK(!facts.is_plain_ascii);
}
