#include "viewer/views/terminal_keys.h"

#include <string.h>

#include "common/text.h"

#define ESC           0x1b
#define MAX_CSI_BYTES 128 /* none that means something is longer */

static const char paste_begin[] = "\033[200~";
static const char paste_end[] = "\033[201~";

size_t keys_push(struct key_decoder *decoder, const void *bytes, size_t n_bytes)
{
    size_t n_room = sizeof decoder->bytes - decoder->n_bytes;
    size_t n = n_bytes < n_room ? n_bytes : n_room;
    memcpy(decoder->bytes + decoder->n_bytes, bytes, n);
    decoder->n_bytes += n;
    return n;
}

unsigned keys_patience_ms(const struct key_decoder *decoder)
{
    if (decoder->is_pasting)
        return 3000;
    if (decoder->is_skipping || decoder->n_bytes > 2)
        return 1000;
    return decoder->n_bytes > 0 ? 50 : 0;
}

static void drop(struct key_decoder *decoder, size_t n_bytes)
{
    decoder->n_bytes -= n_bytes;
    memmove(decoder->bytes, decoder->bytes + n_bytes, decoder->n_bytes);
}

/* The readers below return how many bytes they used, or: */
enum { NEED_MORE = 0 };

/* A look at the first bytes. is_key stays false for those that mean nothing here. */
struct look {
    const uint8_t *bytes;
    size_t n_bytes;
    struct key *key;
    bool is_key;
};

static void found(struct look *look, enum key_code code, unsigned modifiers)
{
    look->key->code = code;
    look->key->modifiers = modifiers;
    look->is_key = true;
}

static void found_character(struct look *look, uint32_t character, unsigned modifiers)
{
    found(look, KEY_CHARACTER, modifiers);
    look->key->character = character;
}

static void found_function(struct look *look, unsigned number, unsigned modifiers)
{
    found(look, KEY_FUNCTION, modifiers);
    look->key->number = number;
}

/* ---- one character ----------------------------------------------------------------------------------------- */

/* Ctrl with a letter is a letter: it is told by the modifier. */
static void found_control(struct look *look, uint8_t byte, unsigned modifiers)
{
    switch (byte) {
    case '\r':
    case '\n':
        found(look, KEY_ENTER, modifiers);
        break;
    case '\t':
        found(look, KEY_TAB, modifiers);
        break;
    case 0x08:
    case 0x7f:
        found(look, KEY_BACKSPACE, modifiers);
        break;
    case ESC:
        found(look, KEY_ESCAPE, modifiers);
        break;
    case 0x00:
        found_character(look, ' ', modifiers | KEY_CONTROL);
        break;
    default:
        found_character(look, byte <= 26 ? byte + 'a' - 1u : byte + 0x40u, modifiers | KEY_CONTROL);
    }
}

static size_t utf8_length(uint8_t first)
{
    return first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

static uint32_t utf8_character(const uint8_t *bytes, size_t length)
{
    if (length == 1)
        return bytes[0];
    uint32_t character = bytes[0] & (0x7f >> length);
    for (size_t i = 1; i < length; i++)
        character = character << 6 | (bytes[i] & 0x3f);
    return character;
}

static bool is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

static size_t read_character(struct look *look, unsigned modifiers)
{
    size_t length = utf8_length(look->bytes[0]);
    if (length == 0)
        return 1; /* not UTF-8: no key */
    if (length > look->n_bytes)
        return NEED_MORE;
    if (!text_is_utf8((const char *)look->bytes, length) && look->bytes[0] != 0)
        return 1;
    uint32_t character = utf8_character(look->bytes, length);
    if (length == 1 && is_control(character))
        found_control(look, look->bytes[0], modifiers);
    else if (!is_control(character))
        found_character(look, character, modifiers);
    return length;
}

/* ---- CSI … ------------------------------------------------------------------------------------------------- */

/* xterm's and kitty's way to tell them: 1 + a set of bits. Beyond Shift, Alt and Control nothing is looked at. */
static unsigned read_modifiers(const struct key_answer *csi)
{
    unsigned bits = csi->n_numbers >= 2 && csi->numbers[1] > 0 ? csi->numbers[1] - 1 : 0;
    return bits & (KEY_SHIFT | KEY_ALT | KEY_CONTROL);
}

static void found_letter(struct look *look, const struct key_answer *csi)
{
    static const char letters[] = "ABCDHF";
    static const enum key_code codes[] = {KEY_UP, KEY_DOWN, KEY_RIGHT, KEY_LEFT, KEY_HOME, KEY_END};
    const char *letter = csi->last ? strchr(letters, csi->last) : NULL;
    if (letter)
        found(look, codes[letter - letters], read_modifiers(csi));
    else if (csi->last >= 'P' && csi->last <= 'S')
        found_function(look, 1 + (unsigned)(csi->last - 'P'), read_modifiers(csi));
    else if (csi->last == 'Z')
        found(look, KEY_TAB, KEY_SHIFT);
}

/* CSI number ~ */
static void found_number(struct look *look, const struct key_answer *csi)
{
    static const struct {
        unsigned number;
        enum key_code code;
    } keys[] = {
        {1, KEY_HOME},    {2, KEY_INSERT},    {3, KEY_DELETE}, {4, KEY_END},
        {5, KEY_PAGE_UP}, {6, KEY_PAGE_DOWN}, {7, KEY_HOME},   {8, KEY_END},
    };
    /* F1 … F12; the numbers have gaps, as the keyboard had. */
    static const uint8_t functions[] = {11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24};
    unsigned number = csi->n_numbers ? csi->numbers[0] : 0;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (keys[i].number == number)
            found(look, keys[i].code, read_modifiers(csi));
    for (size_t i = 0; i < sizeof functions; i++)
        if (functions[i] == number)
            found_function(look, (unsigned)i + 1, read_modifiers(csi));
}

/* CSI character ; modifiers u: kitty's keyboard, where every key is told as what it is. */
static void found_kitty(struct look *look, const struct key_answer *csi)
{
    unsigned character = csi->n_numbers ? csi->numbers[0] : 0;
    if (character == ESC || character == '\r' || character == '\t' || character == 0x7f)
        found_control(look, (uint8_t)character, read_modifiers(csi));
    else if (!is_control(character) && character < 0xe000) /* keys beyond are the keypad, media, … */
        found_character(look, character, read_modifiers(csi));
}

/* CSI < button ; column ; row M or m */
static void found_mouse(struct look *look, const struct key_answer *csi)
{
    if (csi->n_numbers != 3 || csi->numbers[1] == 0 || csi->numbers[2] == 0)
        return;
    unsigned button = csi->numbers[0];
    unsigned modifiers = (button & 4 ? KEY_SHIFT : 0) | (button & 8 ? KEY_ALT : 0) | (button & 16 ? KEY_CONTROL : 0);
    if (button & 32) /* moved: nobody asked for this */
        return;
    bool is_wheel = button & 64;
    if (is_wheel && csi->last == 'm')
        return;
    found(look, is_wheel ? KEY_WHEEL : csi->last == 'M' ? KEY_PRESS : KEY_RELEASE, modifiers);
    look->key->number = button & 3;
    look->key->column = (int)csi->numbers[1] - 1;
    look->key->row = (int)csi->numbers[2] - 1;
}

/* Numbers up to the last byte; a subparameter (after a colon) is looked at no further. */
static bool parse_csi(const uint8_t *bytes, size_t n_bytes, struct key_answer *ret_csi)
{
    const unsigned max = 1u << 24;
    *ret_csi = (struct key_answer){.introducer = '[', .last = (char)bytes[n_bytes - 1]};
    size_t i = 0;
    if (bytes[0] >= '<' && bytes[0] <= '?')
        ret_csi->prefix = (char)bytes[i++];
    bool is_sub = false;
    for (; i + 1 < n_bytes; i++) {
        if (ret_csi->n_numbers == 0)
            ret_csi->n_numbers = 1;
        unsigned *number = &ret_csi->numbers[ret_csi->n_numbers - 1];
        if (bytes[i] == ';' && ret_csi->n_numbers == ANSWER_MAX_NUMBERS)
            return false;
        else if (bytes[i] == ';')
            ret_csi->n_numbers++, is_sub = false;
        else if (bytes[i] == ':')
            is_sub = true;
        else if (bytes[i] < '0' || bytes[i] > '9')
            return false;
        else if (!is_sub && *number < max)
            *number = *number * 10 + (bytes[i] - '0');
    }
    return true;
}

static void found_csi(struct look *look, const struct key_answer *csi)
{
    if (csi->prefix == '<' && (csi->last == 'M' || csi->last == 'm')) {
        found_mouse(look, csi);
    } else if (csi->prefix || strchr("ctn", csi->last) || (csi->last == 'R' && csi->n_numbers == 2)) {
        found(look, KEY_ANSWER, 0);
        look->key->answer = *csi;
    } else if (csi->last == '~') {
        found_number(look, csi);
    } else if (csi->last == 'u') {
        found_kitty(look, csi);
    } else {
        found_letter(look, csi);
    }
}

/* From the byte after ESC [, of which n_before went before. */
static size_t read_csi(struct look *look, size_t n_before)
{
    const uint8_t *bytes = look->bytes + n_before;
    size_t n_bytes = look->n_bytes - n_before;
    if (n_bytes >= 2 && bytes[0] == '[') { /* the Linux console's F1 … F5: CSI [ A … E */
        if (bytes[1] >= 'A' && bytes[1] <= 'E')
            found_function(look, bytes[1] - 'A' + 1u, 0);
        return n_before + 2;
    }
    bool is_console = n_bytes == 1 && bytes[0] == '[';
    for (size_t i = 0; i < n_bytes && !is_console; i++) {
        if (bytes[i] >= 0x40 && bytes[i] < 0x7f) {
            struct key_answer csi;
            if (parse_csi(bytes, i + 1, &csi))
                found_csi(look, &csi);
            return n_before + i + 1;
        }
        /* A control character breaks it off, and is itself again; so does one that goes on for ever. */
        if (bytes[i] < 0x20 || bytes[i] >= 0x7f || i == MAX_CSI_BYTES)
            return n_before + i;
    }
    return NEED_MORE;
}

/* ---- ESC … ------------------------------------------------------------------------------------------------- */

/* SS3: arrows and F1 … F4 of a keypad in application mode. */
static size_t read_ss3(struct look *look)
{
    if (look->n_bytes < 3)
        return NEED_MORE;
    struct key_answer letter = {.introducer = 'O', .last = (char)look->bytes[2]};
    if (look->bytes[2] < 0x20 || look->bytes[2] >= 0x7f)
        return 2;
    if (letter.last == 'M')
        found(look, KEY_ENTER, 0);
    else
        found_letter(look, &letter);
    return 3;
}

/* Where a string ends: after BEL or ESC \; NEED_MORE when it does not. */
static size_t string_end(const uint8_t *bytes, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++) {
        if (bytes[i] == '\a')
            return i + 1;
        if (bytes[i] == ESC && i + 1 < n_bytes && bytes[i + 1] == '\\')
            return i + 2;
    }
    return NEED_MORE;
}

static size_t read_string(struct look *look)
{
    size_t n = string_end(look->bytes + 2, look->n_bytes - 2);
    if (n == NEED_MORE)
        return NEED_MORE;
    size_t n_end = look->bytes[n + 1] == '\a' ? 1 : 2;
    size_t n_text = n - n_end < ANSWER_MAX_TEXT - 1 ? n - n_end : ANSWER_MAX_TEXT - 1;
    found(look, KEY_ANSWER, 0);
    look->key->answer = (struct key_answer){.introducer = (char)look->bytes[1]};
    memcpy(look->key->answer.text, look->bytes + 2, n_text);
    return n + 2;
}

static size_t read_escape(struct look *look)
{
    if (look->n_bytes < 2)
        return NEED_MORE;
    switch (look->bytes[1]) {
    case '[':
        return read_csi(look, 2);
    case 'O':
        return read_ss3(look);
    case 'P':
    case ']':
    case '_':
        return read_string(look);
    case ESC: /* two of them: the first was a key of its own */
        found(look, KEY_ESCAPE, 0);
        return 1;
    }
    /* Alt with a key sends ESC before it. */
    struct look rest = {.bytes = look->bytes + 1, .n_bytes = look->n_bytes - 1, .key = look->key};
    size_t n = read_character(&rest, KEY_ALT);
    look->is_key = rest.is_key;
    return n == NEED_MORE ? NEED_MORE : n + 1;
}

/* ---- pasting ----------------------------------------------------------------------------------------------- */

/* Text as it is, whatever it would mean otherwise, until the end mark. */
static size_t read_pasted(struct look *look, bool *is_pasting)
{
    size_t n_mark = sizeof paste_end - 1;
    size_t n_same = look->n_bytes < n_mark ? look->n_bytes : n_mark;
    if (memcmp(look->bytes, paste_end, n_same) == 0) {
        *is_pasting = n_same < n_mark;
        return n_same < n_mark ? NEED_MORE : n_mark;
    }
    size_t n = read_character(look, 0);
    if (look->is_key) {
        look->is_key = look->key->code == KEY_CHARACTER && look->key->modifiers == 0;
        look->key->code = KEY_PASTED;
    }
    return n;
}

/* ---- together ---------------------------------------------------------------------------------------------- */

static bool begins_paste(const struct look *look)
{
    return look->n_bytes >= sizeof paste_begin - 1 && memcmp(look->bytes, paste_begin, sizeof paste_begin - 1) == 0;
}

/* Nothing has followed, or there is no room for more: what is there stands for itself. */
static size_t read_cut(struct key_decoder *decoder, struct look *look, bool is_late)
{
    bool is_string = look->bytes[0] == ESC && look->n_bytes >= 2 && strchr("P]_", look->bytes[1]);
    if (look->bytes[0] != ESC)
        return 1; /* half a character */
    if (is_string && !is_late) {
        decoder->is_skipping = true;
        return look->n_bytes - 1; /* its last byte may be half of the end */
    }
    if (look->n_bytes == 1) {
        found(look, KEY_ESCAPE, 0);
        return 1;
    }
    if (look->n_bytes == 2 && !decoder->is_pasting) { /* Alt with a character that could have been an introducer */
        found_character(look, look->bytes[1], KEY_ALT);
        return 2;
    }
    return decoder->is_pasting ? 1 : look->n_bytes;
}

static void skip_string(struct key_decoder *decoder, bool is_late)
{
    size_t n = string_end(decoder->bytes, decoder->n_bytes);
    if (n != NEED_MORE || is_late)
        decoder->is_skipping = false;
    if (n == NEED_MORE)
        n = is_late || decoder->n_bytes == 0 ? decoder->n_bytes : decoder->n_bytes - 1;
    drop(decoder, n);
}

bool keys_next(struct key_decoder *decoder, bool is_late, struct key *ret_key)
{
    if (decoder->is_skipping)
        skip_string(decoder, is_late);
    if (is_late && decoder->n_bytes == 0)
        decoder->is_pasting = false; /* its end was lost; else nothing would be a command again */
    while (!decoder->is_skipping && decoder->n_bytes > 0) {
        *ret_key = (struct key){0};
        struct look look = {.bytes = decoder->bytes, .n_bytes = decoder->n_bytes, .key = ret_key};
        size_t n;
        if (decoder->is_pasting) {
            n = read_pasted(&look, &decoder->is_pasting);
        } else if (begins_paste(&look)) {
            decoder->is_pasting = true;
            n = sizeof paste_begin - 1;
        } else {
            n = look.bytes[0] == ESC ? read_escape(&look) : read_character(&look, 0);
        }
        bool is_full = decoder->n_bytes == sizeof decoder->bytes;
        if (n == NEED_MORE && (is_late || is_full))
            n = read_cut(decoder, &look, is_late);
        if (n == NEED_MORE)
            return false;
        drop(decoder, n);
        if (look.is_key)
            return true;
    }
    return false;
}
