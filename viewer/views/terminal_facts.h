/* What is known about the terminal at hand, from the environment and from its answers, and what follows: how pictures
 * can be shown there. */
#ifndef VIEWER_VIEWS_TERMINAL_FACTS_H
#define VIEWER_VIEWS_TERMINAL_FACTS_H

#include <stdbool.h>

#include "viewer/views/terminal_keys.h"

enum terminal_pictures { PICTURES_SYMBOLS, PICTURES_SIXEL, PICTURES_KITTY, PICTURES_ITERM2 };
enum terminal_colours { COLOURS_NONE, COLOURS_8, COLOURS_16, COLOURS_256, COLOURS_RGB };

struct terminal_facts {
    /* The environment. */
    bool is_multiplexed;          /* tmux, screen: pictures only when it says itself that it can */
    bool is_plain_ascii;          /* also when it was seen that UTF-8 is not understood */
    bool has_few_symbols;         /* the console's font */
    enum terminal_pictures guess; /* by name */
    enum terminal_colours colours;
    /* Answers. */
    bool has_answered; /* to the first question, which all terminals answer; so they answer the others in time too */
    bool has_sixel, has_kitty, has_iterm2, has_kitty_keyboard;
    int cell_width_px, cell_height_px; /* 0: not known */
};

/* environment: as environ. */
void terminal_facts_guess(struct terminal_facts *ret_facts, char *const *environment);

/* Asks for everything in one go; the answer to the last question means that no other will come. */
extern const char terminal_questions[];

/* Takes an answer. True when something that matters is known now. */
bool terminal_facts_learn(struct terminal_facts *facts, const struct key_answer *answer);

/* Pixels need the size of a cell, or the picture would run over the lines below it. */
enum terminal_pictures terminal_facts_choose(const struct terminal_facts *facts, bool only_symbols);

#endif
