/* What a terminal sends: keys, the mouse, pasted text and answers to questions, out of a stream of bytes that may be cut
 * anywhere and may hold anything. */
#ifndef VIEWER_VIEWS_TERMINAL_KEYS_H
#define VIEWER_VIEWS_TERMINAL_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum key_code {
    KEY_CHARACTER, /* character */
    KEY_PASTED,    /* the same, but nobody typed it: text, never a command */
    KEY_ENTER,
    KEY_TAB,
    KEY_BACKSPACE,
    KEY_ESCAPE,
    KEY_UP,
    KEY_DOWN,
    KEY_RIGHT,
    KEY_LEFT,
    KEY_HOME,
    KEY_END,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_INSERT,
    KEY_DELETE,
    KEY_FUNCTION, /* number */
    KEY_PRESS,    /* a mouse button: number 0 left, 1 middle, 2 right; row and column from 0 */
    KEY_RELEASE,
    KEY_WHEEL,  /* number 0 up, 1 down, 2 left, 3 right */
    KEY_ANSWER, /* answer */
};

enum key_modifier { KEY_SHIFT = 1, KEY_ALT = 2, KEY_CONTROL = 4 };

#define ANSWER_MAX_NUMBERS 32
#define ANSWER_MAX_TEXT    128

/* CSI ? 62 ; 4 c is introducer '[', prefix '?', numbers 62 and 4, last 'c'. Strings (DCS P, APC _, OSC ]) have
 * text instead, cut to fit. */
struct key_answer {
    char introducer, prefix, last;
    unsigned n_numbers;
    unsigned numbers[ANSWER_MAX_NUMBERS];
    char text[ANSWER_MAX_TEXT];
};

struct key {
    enum key_code code;
    unsigned modifiers;
    uint32_t character; /* never a control character */
    unsigned number;
    int row, column;
    struct key_answer answer;
};

struct key_decoder {
    uint8_t bytes[4096];
    size_t n_bytes;
    bool is_pasting;
    bool is_skipping; /* a string too long to be an answer: until it ends */
};

/* Takes as many of the bytes as there is room for; returns how many. After keys_next said false there is room for
 * nearly all of it. */
size_t keys_push(struct key_decoder *decoder, const void *bytes, size_t n_bytes);

/* The next key. False when there is none, or when it may be only the start of one; when is_late (nothing has followed
 * for a while) such a start is taken for what it is: a lone ESC is the key. */
bool keys_next(struct key_decoder *decoder, bool is_late, struct key *ret_key);

/* For how long nothing has to follow before keys_next is to be told is_late; 0: nothing is waited for. Short for a lone
 * ESC, which a person waits for; long within an answer, whose rest would look like typing. */
unsigned keys_patience_ms(const struct key_decoder *decoder);

#endif
