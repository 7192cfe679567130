#include "common/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define REPLACEMENT 0xfffdu

struct range {
    uint32_t first, last;
};

/* What shows nothing, or shows something other than itself: it can hide, reorder or forge what a person reads. */
static const struct range unprintable[] = {
    {0x0000, 0x001f},   /* C0 controls */
    {0x007f, 0x009f},   /* DEL, C1 controls */
    {0x00ad, 0x00ad},   /* soft hyphen */
    {0x034f, 0x034f},   /* combining grapheme joiner */
    {0x061c, 0x061c},   /* Arabic letter mark */
    {0x115f, 0x1160},   /* Hangul fillers */
    {0x17b4, 0x17b5},   /* Khmer inherent vowels */
    {0x180e, 0x180e},   /* Mongolian vowel separator */
    {0x200b, 0x200f},   /* zero-width space and joiners, direction marks */
    {0x2028, 0x202e},   /* line and paragraph separator, direction embeddings and overrides */
    {0x2060, 0x206f},   /* word joiner, invisible operators, direction isolates */
    {0x3164, 0x3164},   /* Hangul filler */
    {0xd800, 0xdfff},   /* surrogates, which UTF-8 cannot carry */
    {0xfdd0, 0xfdef},   /* noncharacters */
    {0xfeff, 0xfeff},   /* byte order mark */
    {0xffa0, 0xffa0},   /* halfwidth Hangul filler */
    {0xfff9, 0xfffb},   /* interlinear annotation */
    {0x1bca0, 0x1bca3}, /* shorthand format controls */
    {0x1d173, 0x1d17a}, /* musical format controls */
    {0xe0000, 0xe0fff}, /* tags and what is reserved beside them */
};

/* East Asian wide and fullwidth, and what terminals draw as emoji. */
static const struct range wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},   {0x23f0, 0x23f0},
    {0x23f3, 0x23f3},   {0x25fd, 0x25fe},   {0x2614, 0x2615},   {0x2648, 0x2653},   {0x267f, 0x267f},
    {0x2693, 0x2693},   {0x26a1, 0x26a1},   {0x26aa, 0x26ab},   {0x26bd, 0x26be},   {0x26c4, 0x26c5},
    {0x26ce, 0x26ce},   {0x26d4, 0x26d4},   {0x26ea, 0x26ea},   {0x26f2, 0x26f3},   {0x26f5, 0x26f5},
    {0x26fa, 0x26fa},   {0x26fd, 0x26fd},   {0x2705, 0x2705},   {0x270a, 0x270b},   {0x2728, 0x2728},
    {0x274c, 0x274c},   {0x274e, 0x274e},   {0x2753, 0x2755},   {0x2757, 0x2757},   {0x2795, 0x2797},
    {0x27b0, 0x27b0},   {0x27bf, 0x27bf},   {0x2b1b, 0x2b1c},   {0x2b50, 0x2b50},   {0x2b55, 0x2b55},
    {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
    {0xfe10, 0xfe19},   {0xfe30, 0xfe6f},   {0xff01, 0xff60},   {0xffe0, 0xffe6},   {0x16fe0, 0x18dff},
    {0x1aff0, 0x1b2ff}, {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a},
    {0x1f200, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f7e0, 0x1f7f0}, {0x1f90c, 0x1f9ff}, {0x1fa70, 0x1faff},
    {0x20000, 0x3fffd},
};

/* Combining marks. One that is missing here only makes a line shorter than it could be. */
static const struct range zero_width[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a}, {0x064b, 0x065f}, {0x06d6, 0x06dc},
    {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1ace}, {0x1dc0, 0x1dff}, {0x20d0, 0x20f0},
    {0x302a, 0x302d}, {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_in(const struct range *ranges, size_t n_ranges, uint32_t character)
{
    for (size_t i = 0; i < n_ranges && ranges[i].first <= character; i++) {
        if (character <= ranges[i].last)
            return true;
    }
    return false;
}

static bool is_unprintable(uint32_t character)
{
    if (character >= 0x20 && character < 0x7f)
        return false;
    return (character & 0xfffe) == 0xfffe || is_in(unprintable, COUNT(unprintable), character);
}

/* Reads the character at text. Returns its length, with *ret_character; or 0 where it is malformed, with *ret_n_bad
 * the bytes that a reader replaces by one U+FFFD: the longest start of a character that could have been one. */
static size_t read_character(const uint8_t *text, size_t n_text, uint32_t *ret_character, size_t *ret_n_bad)
{
    uint8_t first = text[0];
    *ret_n_bad = 1;
    if (first < 0x80) {
        *ret_character = first;
        return 1;
    }
    if (first < 0xc2 || first > 0xf4)
        return 0;

    size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    /* Bounds of the second byte: no overlong form, no surrogate, nothing above U+10FFFF. */
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    uint32_t character = first & (0x7f >> length);
    for (size_t i = 1; i < length; i++) {
        if (i == n_text || text[i] < low || text[i] > high) {
            *ret_n_bad = i;
            return 0;
        }
        character = character << 6 | (text[i] & 0x3f);
        low = 0x80;
        high = 0xbf;
    }
    *ret_character = character;
    return length;
}

/* The same, where malformed bytes read as U+FFFD: always goes forward. */
static size_t read_lenient(const char *text, size_t n_text, uint32_t *ret_character)
{
    size_t n_bad;
    size_t length = read_character((const uint8_t *)text, n_text, ret_character, &n_bad);
    if (length > 0)
        return length;
    *ret_character = REPLACEMENT;
    return n_bad;
}

static size_t put_utf8(char *out, uint32_t character)
{
    uint8_t *bytes = (uint8_t *)out;
    if (character < 0x80) {
        bytes[0] = (uint8_t)character;
        return 1;
    }
    size_t length = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, character >>= 6)
        bytes[i] = (uint8_t)(0x80 | (character & 0x3f));
    bytes[0] = (uint8_t)(0xf00u >> length | character);
    return length;
}

/* Eight bytes, none of them NUL and none beyond ASCII. */
static bool is_plain_word(const char *bytes)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return (((word - ones) | word) & tops) == 0;
}

bool text_is_utf8(const char *bytes, size_t n_bytes)
{
    size_t i = 0;
    while (i < n_bytes) {
        while (n_bytes - i >= 8 && is_plain_word(bytes + i))
            i += 8;
        /* The last word may overlap what was read: plain is plain. */
        if (n_bytes - i < 8 && n_bytes >= 8 && is_plain_word(bytes + n_bytes - 8))
            return true;
        uint32_t character;
        size_t n_bad;
        size_t length = read_character((const uint8_t *)bytes + i, n_bytes - i, &character, &n_bad);
        if (length == 0 || character == 0)
            return false;
        i += length;
    }
    return true;
}

/* How one character is written: a character or a whole escape, in ASCII; never cut in two. */
#define PIECE_BYTES 16
typedef size_t piece_function(char piece[PIECE_BYTES], uint32_t character);

static size_t escape_piece(char piece[PIECE_BYTES], uint32_t character)
{
    switch (character) {
    case '\n':
        return (size_t)sprintf(piece, "\\n");
    case '\t':
        return (size_t)sprintf(piece, "\\t");
    case 0x1b:
        return (size_t)sprintf(piece, "\\e");
    case '\\':
        return (size_t)sprintf(piece, "\\\\");
    }
    if (!is_unprintable(character))
        return put_utf8(piece, character);
    return (size_t)sprintf(piece, character < 0x80 ? "\\x%02x" : "\\u{%x}", (unsigned)character);
}

static size_t json_piece(char piece[PIECE_BYTES], uint32_t character)
{
    if (character == '"' || character == '\\')
        return (size_t)sprintf(piece, "\\%c", (char)character);
    if (!is_unprintable(character))
        return put_utf8(piece, character);
    if (character < 0x10000)
        return (size_t)sprintf(piece, "\\u%04x", (unsigned)character);
    unsigned offset = (unsigned)character - 0x10000;
    return (size_t)sprintf(piece, "\\u%04x\\u%04x", 0xd800 + (offset >> 10), 0xdc00 + (offset & 0x3ff));
}

static size_t count_characters(const char *piece, size_t n_piece)
{
    size_t n = 0;
    for (size_t i = 0; i < n_piece; i++)
        n += ((uint8_t)piece[i] & 0xc0) != 0x80;
    return n;
}

/* Writes pieces into out as long as they fit into n_room bytes and TEXT_MAX_CHARACTERS. Where they do not, goes back
 * to the last place that has room for an ellipsis. Returns the length; does not terminate. */
static size_t write_pieces(char *out, size_t n_room, const char *text, size_t n_text, piece_function *make_piece)
{
    static const char ellipsis[] = "…";
    const size_t n_ellipsis = sizeof(ellipsis) - 1;

    size_t n_out = 0, n_characters = 0, cut = 0;
    for (size_t i = 0; i < n_text;) {
        uint32_t character;
        char piece[PIECE_BYTES];
        i += read_lenient(text + i, n_text - i, &character);
        size_t n_piece = make_piece(piece, character);
        size_t n_piece_characters = count_characters(piece, n_piece);
        if (n_piece > n_room - n_out || n_piece_characters > TEXT_MAX_CHARACTERS - n_characters) {
            if (n_ellipsis > n_room)
                return 0;
            memcpy(out + cut, ellipsis, n_ellipsis);
            return cut + n_ellipsis;
        }
        memcpy(out + n_out, piece, n_piece);
        n_out += n_piece;
        n_characters += n_piece_characters;
        if (n_out + n_ellipsis <= n_room && n_characters < TEXT_MAX_CHARACTERS)
            cut = n_out;
    }
    return n_out;
}

size_t text_escape(char *out, size_t n_out, const char *text, size_t n_text)
{
    if (n_out == 0)
        return 0;
    size_t n = write_pieces(out, n_out - 1, text, n_text, escape_piece);
    out[n] = '\0';
    return n;
}

size_t text_json(char *out, size_t n_out, const char *text, size_t n_text)
{
    if (n_out < 3) {
        if (n_out > 0)
            out[0] = '\0';
        return 0;
    }
    out[0] = '"';
    size_t n = 1 + write_pieces(out + 1, n_out - 3, text, n_text, json_piece);
    out[n++] = '"';
    out[n] = '\0';
    return n;
}

static size_t columns(uint32_t character)
{
    if (is_in(zero_width, COUNT(zero_width), character))
        return 0;
    return is_in(wide, COUNT(wide), character) ? 2 : 1;
}

size_t text_fit_columns(char *text, size_t max_columns)
{
    size_t n_text = strlen(text), n_columns = 0;
    for (size_t i = 0; i < n_text;) {
        uint32_t character;
        size_t length = read_lenient(text + i, n_text - i, &character);
        if (columns(character) > max_columns - n_columns) {
            text[i] = '\0';
            break;
        }
        n_columns += columns(character);
        i += length;
    }
    return n_columns;
}

size_t text_read_cell(const char *text, uint32_t *ret_character, size_t *ret_columns)
{
    size_t length = read_lenient(text, strlen(text), ret_character);
    if (is_unprintable(*ret_character))
        *ret_character = REPLACEMENT;
    *ret_columns = columns(*ret_character);
    return length;
}
