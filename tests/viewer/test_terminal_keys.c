/* What the terminal sends, as keys: a table, each row whole and cut at every place, and bytes that mean nothing. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/test.h"
#include "viewer/views/terminal_keys.h"

static void push(struct key_decoder *decoder, const char *bytes, size_t n_bytes)
{
    CHECK_INT(keys_push(decoder, bytes, n_bytes), ==, n_bytes);
}

static const struct row {
    const char *bytes;
    enum key_code code;
    unsigned modifiers;
    uint32_t character; /* or the number */
} rows[] = {
    {"a", KEY_CHARACTER, 0, 'a'},
    {"\xc3\xa9", KEY_CHARACTER, 0, 0xe9},
    {"\xe2\x82\xac", KEY_CHARACTER, 0, 0x20ac},
    {"\xf0\x9f\x98\x80", KEY_CHARACTER, 0, 0x1f600},
    {"\x06", KEY_CHARACTER, KEY_CONTROL, 'f'},
    {"\x1f", KEY_CHARACTER, KEY_CONTROL, '_'},
    {"\r", KEY_ENTER, 0, 0},
    {"\t", KEY_TAB, 0, 0},
    {"\x7f", KEY_BACKSPACE, 0, 0},
    {"\033[Z", KEY_TAB, KEY_SHIFT, 0},
    {"\0331", KEY_CHARACTER, KEY_ALT, '1'},
    {"\033\xc3\xa9", KEY_CHARACTER, KEY_ALT, 0xe9},
    {"\033[A", KEY_UP, 0, 0},
    {"\033OA", KEY_UP, 0, 0},
    {"\033[1;5B", KEY_DOWN, KEY_CONTROL, 0},
    {"\033[1;4C", KEY_RIGHT, KEY_SHIFT | KEY_ALT, 0},
    {"\033[D", KEY_LEFT, 0, 0},
    {"\033[H", KEY_HOME, 0, 0},
    {"\033OF", KEY_END, 0, 0},
    {"\033[1~", KEY_HOME, 0, 0},
    {"\033[8~", KEY_END, 0, 0},
    {"\033[2~", KEY_INSERT, 0, 0},
    {"\033[3~", KEY_DELETE, 0, 0},
    {"\033[5~", KEY_PAGE_UP, 0, 0},
    {"\033[6;5~", KEY_PAGE_DOWN, KEY_CONTROL, 0},
    {"\033OP", KEY_FUNCTION, 0, 1},
    {"\033[[A", KEY_FUNCTION, 0, 1},
    {"\033[15~", KEY_FUNCTION, 0, 5},
    {"\033[24~", KEY_FUNCTION, 0, 12},
    {"\033[24;2~", KEY_FUNCTION, KEY_SHIFT, 12},
    {"\033[27u", KEY_ESCAPE, 0, 0},
    {"\033[9;5u", KEY_TAB, KEY_CONTROL, 0},
    {"\033[49;5u", KEY_CHARACTER, KEY_CONTROL, '1'},
    {"\033[97:65;2:1u", KEY_CHARACTER, KEY_SHIFT, 'a'},
    {"\033[<64;10;5M", KEY_WHEEL, 0, 0},
    {"\033[<65;10;5M", KEY_WHEEL, 0, 1},
    {"\033[<81;10;5M", KEY_WHEEL, KEY_CONTROL, 1},
    {"\033[<0;10;5M", KEY_PRESS, 0, 0},
    {"\033[<2;10;5m", KEY_RELEASE, 0, 2},
};
#define N_ROWS (sizeof rows / sizeof rows[0])

static void check_key(const struct row *row, const struct key *key)
{
    uint32_t value = key->code == KEY_CHARACTER ? key->character : key->number;
    if (key->code != row->code || key->modifiers != row->modifiers || value != row->character)
        FAIL("ESC%s: code %d modifiers %u value %u", row->bytes + 1, (int)key->code, key->modifiers, value);
    if (key->code == KEY_WHEEL || key->code == KEY_PRESS || key->code == KEY_RELEASE) {
        CHECK_INT(key->column, ==, 9);
        CHECK_INT(key->row, ==, 4);
    }
}

TEST(table)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        struct key_decoder decoder = {0};
        struct key key;
        push(&decoder, rows[i].bytes, strlen(rows[i].bytes));
        REQUIRE(keys_next(&decoder, false, &key));
        check_key(&rows[i], &key);
        CHECK(!keys_next(&decoder, false, &key));
        CHECK_INT(keys_patience_ms(&decoder), ==, 0);
    }
}

TEST(cut_anywhere)
{
    for (size_t i = 0; i < N_ROWS; i++)
        for (size_t cut = 1; cut < strlen(rows[i].bytes); cut++) {
            struct key_decoder decoder = {0};
            struct key key;
            push(&decoder, rows[i].bytes, cut);
            CHECK(!keys_next(&decoder, false, &key));
            CHECK_INT(keys_patience_ms(&decoder), >, 0);
            push(&decoder, rows[i].bytes + cut, strlen(rows[i].bytes) - cut);
            REQUIRE(keys_next(&decoder, false, &key));
            check_key(&rows[i], &key);
            CHECK(!keys_next(&decoder, false, &key));
        }
}

TEST(all_in_one)
{
    struct key_decoder decoder = {0};
    struct key key;
    for (size_t i = 0; i < N_ROWS; i++)
        push(&decoder, rows[i].bytes, strlen(rows[i].bytes));
    for (size_t i = 0; i < N_ROWS; i++) {
        REQUIRE(keys_next(&decoder, false, &key));
        check_key(&rows[i], &key);
    }
    CHECK(!keys_next(&decoder, false, &key));
}

TEST(escape_alone)
{
    struct key_decoder decoder = {0};
    struct key key;
    push(&decoder, "\033", 1);
    CHECK(!keys_next(&decoder, false, &key));
    REQUIRE(keys_next(&decoder, true, &key));
    CHECK_INT(key.code, ==, KEY_ESCAPE);
    CHECK(!keys_next(&decoder, true, &key));
    /* Alt with a character that begins sequences. */
    push(&decoder, "\033[", 2);
    CHECK(!keys_next(&decoder, false, &key));
    REQUIRE(keys_next(&decoder, true, &key));
    CHECK_INT(key.character, ==, '[');
    CHECK_INT(key.modifiers, ==, KEY_ALT);
    /* Twice: the first is a key at once. */
    push(&decoder, "\033\033", 2);
    REQUIRE(keys_next(&decoder, false, &key));
    CHECK_INT(key.code, ==, KEY_ESCAPE);
}

TEST(answers)
{
    static const char bytes[] = "\033[?62;4;22c"
                                "\033[6;20;10t"
                                "\033[0n"
                                "\033[1;2R"
                                "\033[?1u"
                                "\033P>|XTerm(372)\033\\"
                                "\033_Gi=31;OK\033\\"
                                "q";
    struct key_decoder decoder = {0};
    struct key keys[8];
    push(&decoder, bytes, sizeof bytes - 1);
    for (int i = 0; i < 8; i++)
        REQUIRE(keys_next(&decoder, false, &keys[i]));
    for (int i = 0; i < 7; i++)
        CHECK_INT(keys[i].code, ==, KEY_ANSWER);
    CHECK_INT(keys[0].answer.prefix, ==, '?');
    CHECK_INT(keys[0].answer.n_numbers, ==, 3);
    CHECK_INT(keys[0].answer.numbers[1], ==, 4);
    CHECK_INT(keys[1].answer.numbers[2], ==, 10);
    CHECK_INT(keys[2].answer.last, ==, 'n');
    CHECK_INT(keys[3].answer.numbers[1], ==, 2);
    CHECK_INT(keys[4].answer.last, ==, 'u');
    CHECK_STR(keys[5].answer.text, ">|XTerm(372)");
    CHECK_STR(keys[6].answer.text, "Gi=31;OK");
    CHECK_INT(keys[7].character, ==, 'q');
}

/* An answer that comes in pieces is never typing, however slow. */
TEST(slow_answer)
{
    static const char bytes[] = "\033P>|quit q q\033\\";
    for (size_t cut = 3; cut < sizeof bytes - 1; cut++) {
        struct key_decoder decoder = {0};
        struct key key;
        push(&decoder, bytes, cut);
        CHECK(!keys_next(&decoder, false, &key));
        CHECK_INT(keys_patience_ms(&decoder), >=, 1000);
    }
}

static size_t read_all(struct key_decoder *decoder, struct key *keys, size_t n, size_t max)
{
    while (n < max && keys_next(decoder, false, &keys[n]))
        n++;
    return n;
}

TEST(pasted)
{
    static const char bytes[] = "\033[200~q\033[A\xc3\xa9\x03\033[201~w";
    static const uint32_t expected[] = {'q', '[', 'A', 0xe9, 'w'};
    for (size_t cut = 1; cut < sizeof bytes - 1; cut++) {
        struct key_decoder decoder = {0};
        struct key keys[6];
        push(&decoder, bytes, cut);
        size_t n = read_all(&decoder, keys, 0, 6);
        push(&decoder, bytes + cut, sizeof bytes - 1 - cut);
        n = read_all(&decoder, keys, n, 6);
        REQUIRE(n == 5);
        for (size_t i = 0; i < n; i++) {
            CHECK_INT(keys[i].code, ==, i < 4 ? KEY_PASTED : KEY_CHARACTER);
            CHECK_INT(keys[i].character, ==, expected[i]);
        }
    }
}

/* A paste whose end was lost does not take the keyboard away for ever. */
TEST(paste_without_end)
{
    struct key_decoder decoder = {0};
    struct key key;
    push(&decoder, "\033[200~a", 7);
    REQUIRE(keys_next(&decoder, false, &key));
    CHECK_INT(key.code, ==, KEY_PASTED);
    CHECK(!keys_next(&decoder, false, &key));
    CHECK_INT(keys_patience_ms(&decoder), >, 0);
    CHECK(!keys_next(&decoder, true, &key));
    push(&decoder, "q", 1);
    REQUIRE(keys_next(&decoder, false, &key));
    CHECK_INT(key.code, ==, KEY_CHARACTER);
}

static bool is_sound(const struct key *key)
{
    uint32_t character = key->character;
    return !(character < 0x20 && key->code <= KEY_PASTED) && !(character >= 0x7f && character < 0xa0) &&
           character <= 0x10ffff && key->answer.n_numbers <= ANSWER_MAX_NUMBERS && key->row >= 0 && key->column >= 0 &&
           memchr(key->answer.text, '\0', sizeof key->answer.text);
}

/* Whatever comes: no control character is a key, everything is used up, and the next key is a key again. */
TEST(garbage)
{
    static const char pieces[] = "\033\033\033[[;?<>:0912~MmuPO_]\\\a\xc3\xe2\x80\xf0\xff"
                                 "abt\r\x03";
    struct key_decoder decoder = {0};
    struct key key;
    srandom(7);
    for (int round = 0; round < 3000; round++) {
        char bytes[200];
        size_t n_bytes = 1 + (size_t)random() % sizeof bytes;
        for (size_t i = 0; i < n_bytes; i++)
            bytes[i] = random() % 4 ? pieces[(size_t)random() % (sizeof pieces - 1)] : (char)random();
        keys_push(&decoder, bytes, n_bytes);
        while (keys_next(&decoder, random() % 8 == 0, &key))
            CHECK(is_sound(&key));
        CHECK_INT(decoder.n_bytes, <, sizeof decoder.bytes);
    }
    for (int i = 0; i < 10000 && keys_patience_ms(&decoder); i++)
        keys_next(&decoder, true, &key);
    CHECK_INT(keys_patience_ms(&decoder), ==, 0);
    push(&decoder, "q", 1);
    REQUIRE(keys_next(&decoder, false, &key));
    CHECK_INT(key.character, ==, 'q');
}

/* Longer than the buffer: dropped as a whole, and what follows its end is read. */
TEST(endless_string)
{
    struct key_decoder decoder = {0};
    struct key key;
    char bytes[1000];
    memset(bytes, 'q', sizeof bytes);
    push(&decoder, "\033_", 2);
    for (int i = 0; i < 10; i++) {
        size_t n = keys_push(&decoder, bytes, sizeof bytes);
        CHECK(!keys_next(&decoder, false, &key));
        keys_push(&decoder, bytes + n, sizeof bytes - n);
    }
    CHECK(!keys_next(&decoder, false, &key));
    push(&decoder, "\033\\x", 3);
    REQUIRE(keys_next(&decoder, false, &key));
    CHECK_INT(key.character, ==, 'x');
    CHECK(!keys_next(&decoder, false, &key));
}
