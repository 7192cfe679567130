#include "viewer/views/terminal_facts.h"

#include <chafa.h>
#include <string.h>

/* Drawn on the alternate screen, which is cleared afterwards: some terminals show what they do not understand. */
const char terminal_questions[] =
    "\033[H\xe2\x96\x80\033[6n"                  /* where the cursor is after one character of three bytes */
    "\033_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\033\\" /* kitty's pictures? */
    "\033[?u"                                    /* kitty's keyboard? */
    "\033[>q"                                    /* name and version? */
    "\033[16t"                                   /* size of a cell? */
    "\033[c";                                    /* what are you? */

#define DA1_SIXEL 4

static const char *variable(char *const *environment, const char *name)
{
    size_t n_name = strlen(name);
    for (; *environment; environment++)
        if (strncmp(*environment, name, n_name) == 0 && (*environment)[n_name] == '=')
            return *environment + n_name + 1;
    return "";
}

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* chafa knows many terminals by their variables. */
static void ask_chafa(struct terminal_facts *facts, char *const *environment)
{
    ChafaTermInfo *info = chafa_term_db_detect(chafa_term_db_get_default(), (gchar **)environment);
    if (chafa_term_info_have_seq(info, CHAFA_TERM_SEQ_BEGIN_KITTY_IMMEDIATE_IMAGE_V1))
        facts->guess = PICTURES_KITTY;
    else if (chafa_term_info_have_seq(info, CHAFA_TERM_SEQ_BEGIN_ITERM2_IMAGE))
        facts->guess = PICTURES_ITERM2;
    else if (chafa_term_info_have_seq(info, CHAFA_TERM_SEQ_BEGIN_SIXELS))
        facts->guess = PICTURES_SIXEL;

    if (chafa_term_info_have_seq(info, CHAFA_TERM_SEQ_SET_COLOR_FG_DIRECT))
        facts->colours = COLOURS_RGB;
    else if (chafa_term_info_have_seq(info, CHAFA_TERM_SEQ_SET_COLOR_FG_256))
        facts->colours = COLOURS_256;
    else if (chafa_term_info_have_seq(info, CHAFA_TERM_SEQ_SET_COLOR_FG_16))
        facts->colours = COLOURS_16;
    else
        facts->colours = COLOURS_8;
    chafa_term_info_unref(info);
}

void terminal_facts_guess(struct terminal_facts *ret_facts, char *const *environment)
{
    *ret_facts = (struct terminal_facts){0};
    ask_chafa(ret_facts, environment);
    const char *term = variable(environment, "TERM");
    ret_facts->has_few_symbols = begins(term, "linux");
    ret_facts->is_multiplexed = *variable(environment, "TMUX") || *variable(environment, "STY") ||
                                begins(term, "tmux") || begins(term, "screen");
    if (begins(term, "vt"))
        ret_facts->colours = COLOURS_NONE;
    if (*variable(environment, "NO_COLOR"))
        ret_facts->colours = COLOURS_NONE;
}

static bool learn_numbers(struct terminal_facts *facts, const struct key_answer *answer)
{
    unsigned n = answer->n_numbers;
    const unsigned *numbers = answer->numbers;
    if (answer->prefix == '?' && answer->last == 'c') {
        for (unsigned i = 1; i < n; i++)
            facts->has_sixel |= numbers[i] == DA1_SIXEL;
        facts->has_answered = true;
    } else if (answer->prefix == '?' && answer->last == 'u') {
        facts->has_kitty_keyboard = true;
    } else if (!answer->prefix && answer->last == 't' && n == 3 && numbers[0] == 6) {
        const unsigned max_px = 256;
        if (numbers[1] < 1 || numbers[1] > max_px || numbers[2] < 1 || numbers[2] > max_px)
            return false;
        facts->cell_height_px = (int)numbers[1];
        facts->cell_width_px = (int)numbers[2];
    } else if (!answer->prefix && answer->last == 'R' && n == 2 && !facts->has_answered) {
        facts->is_plain_ascii = numbers[1] != 2;
    } else {
        return false;
    }
    return true;
}

static bool learn_name(struct terminal_facts *facts, const char *name)
{
    facts->has_iterm2 = begins(name, "iTerm2") || begins(name, "WezTerm");
    return true;
}

bool terminal_facts_learn(struct terminal_facts *facts, const struct key_answer *answer)
{
    switch (answer->introducer) {
    case '[':
        return learn_numbers(facts, answer);
    case '_':
        facts->has_kitty |= begins(answer->text, "Gi=31;OK");
        return facts->has_kitty;
    case 'P':
        return begins(answer->text, ">|") && learn_name(facts, answer->text + 2);
    default:
        return false;
    }
}

enum terminal_pictures terminal_facts_choose(const struct terminal_facts *facts, bool only_symbols)
{
    if (only_symbols || facts->cell_width_px == 0 || facts->cell_height_px == 0)
        return PICTURES_SYMBOLS;
    /* A multiplexer keeps the names of the terminal outside in its environment, and passes pictures on only when it
     * was told to; the answers are its own. */
    if (facts->is_multiplexed)
        return facts->has_sixel ? PICTURES_SIXEL : PICTURES_SYMBOLS;
    if (facts->has_kitty)
        return PICTURES_KITTY;
    if (facts->has_iterm2)
        return PICTURES_ITERM2;
    if (facts->has_sixel)
        return PICTURES_SIXEL;
    /* Who answers, but not that it has sixels, has none. */
    return facts->has_answered && facts->guess == PICTURES_SIXEL ? PICTURES_SYMBOLS : facts->guess;
}
