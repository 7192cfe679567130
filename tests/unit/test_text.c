#include "common/text.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

static const char *escape(const char *text, size_t n_text)
{
    static char out[TEXT_MAX_CHARACTERS * 4 + 1];
    size_t n = text_escape(out, sizeof(out), text, n_text);
    CHECK_INT(n, ==, strlen(out));
    return out;
}

static const char *json(const char *text, size_t n_text)
{
    static char out[TEXT_MAX_CHARACTERS * 4 + 3];
    size_t n = text_json(out, sizeof(out), text, n_text);
    CHECK_INT(n, ==, strlen(out));
    return out;
}

#define ESCAPE(literal)  escape(literal, sizeof(literal) - 1)
#define JSON(literal)    json(literal, sizeof(literal) - 1)
#define IS_UTF8(literal) text_is_utf8(literal, sizeof(literal) - 1)

static size_t encode(char *out, uint32_t character)
{
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    if (character < 0x800) {
        out[0] = (char)(0xc0 | character >> 6);
        out[1] = (char)(0x80 | (character & 0x3f));
        return 2;
    }
    if (character < 0x10000) {
        out[0] = (char)(0xe0 | character >> 12);
        out[1] = (char)(0x80 | (character >> 6 & 0x3f));
        out[2] = (char)(0x80 | (character & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | character >> 18);
    out[1] = (char)(0x80 | (character >> 12 & 0x3f));
    out[2] = (char)(0x80 | (character >> 6 & 0x3f));
    out[3] = (char)(0x80 | (character & 0x3f));
    return 4;
}

TEST(utf8_is_every_character_but_nul_and_surrogates)
{
    for (uint32_t character = 0; character <= 0x110400; character++) {
        /* At every distance from the end, so that the fast path is crossed too. */
        char text[16] = "abcdefghijk";
        size_t n = character % 12;
        n += encode(text + n, character);
        bool expected = character != 0 && character <= 0x10ffff && (character < 0xd800 || character > 0xdfff);
        if (text_is_utf8(text, n) != expected)
            FAIL("U+%04X", (unsigned)character);
    }
}

TEST(utf8_refuses_what_is_malformed)
{
    CHECK(IS_UTF8(""));
    CHECK(IS_UTF8("plain text, longer than a word"));
    CHECK(IS_UTF8("gr\xc3\xbc\xc3\x9f"));
    CHECK(!IS_UTF8("\x80"));
    CHECK(!IS_UTF8("\xff"));
    CHECK(!IS_UTF8("12345678\xc0\x80"));
    CHECK(!IS_UTF8("\xc1\xbf"));
    CHECK(!IS_UTF8("\xe0\x80\xaf"));
    CHECK(!IS_UTF8("\xed\xa0\x80"));
    CHECK(!IS_UTF8("\xf0\x80\x80\x80"));
    CHECK(!IS_UTF8("\xf4\x90\x80\x80"));
    CHECK(!IS_UTF8("\xf8\x88\x80\x80\x80"));
    CHECK(!IS_UTF8("\xe2\x82"));
    CHECK(!IS_UTF8("1234567\xc3"));
    CHECK(!IS_UTF8("1234567\0"));
    CHECK(!IS_UTF8("123\0"
                   "4567890"));
}

TEST(escape_leaves_what_is_harmless)
{
    CHECK_STR(ESCAPE(""), "");
    CHECK_STR(ESCAPE("Hello \"world\" 'n' <all>"), "Hello \"world\" 'n' <all>");
    CHECK_STR(ESCAPE("grüße 日本語 😀 е\u0301"), "grüße 日本語 😀 е\u0301");
    CHECK_STR(ESCAPE("\ufe0f \ue000"), "\ufe0f \ue000");
}

TEST(escape_shows_what_hides)
{
    CHECK_STR(ESCAPE("a\nb\tc\x1b[2Jd\\e"), "a\\nb\\tc\\e[2Jd\\\\e");
    CHECK_STR(ESCAPE("\0\r\a\x7f"), "\\x00\\x0d\\x07\\x7f");
    CHECK_STR(ESCAPE("\x1b]8;;http://x\x1b\\"), "\\e]8;;http://x\\e\\\\");
    CHECK_STR(ESCAPE("\xc2\x9b"
                     "31m"),
              "\\u{9b}31m");
    CHECK_STR(ESCAPE("exe\u202efdp.x"), "exe\\u{202e}fdp.x");
    CHECK_STR(ESCAPE("\u2028\u2029\u2066\u200b\ufeff"), "\\u{2028}\\u{2029}\\u{2066}\\u{200b}\\u{feff}");
    CHECK_STR(ESCAPE("\U000e0041\U0010ffff\ufdd0"), "\\u{e0041}\\u{10ffff}\\u{fdd0}");
}

TEST(escape_replaces_malformed_bytes)
{
    CHECK_STR(ESCAPE("a\xff"
                     "b"),
              "a\ufffd"
              "b");
    CHECK_STR(ESCAPE("\xe2\x82"), "\ufffd");
    CHECK_STR(ESCAPE("\xe2\x82z"), "\ufffdz");
    CHECK_STR(ESCAPE("\xf0\x9f\x98"
                     "A"),
              "\ufffd"
              "A");
    CHECK_STR(ESCAPE("\xc0\x80"), "\ufffd\ufffd");
    CHECK_STR(ESCAPE("\xed\xa0\x80"), "\ufffd\ufffd\ufffd");
}

struct span {
    uint32_t first, last;
};

static const struct span must_be_escaped[] = {
    {0x00, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},     {0x61c, 0x61c},     {0x180e, 0x180e},
    {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f}, {0xfeff, 0xfeff},   {0xfff9, 0xfffb},
    {0x1bca0, 0x1bca3}, {0xe0000, 0xe0fff}, {0xfffe, 0xffff}, {0x5fffe, 0x5ffff}, {0x10fffe, 0x10ffff},
};

TEST(what_must_be_escaped_comes_out_in_ascii)
{
    for (size_t i = 0; i < sizeof(must_be_escaped) / sizeof(must_be_escaped[0]); i++) {
        for (uint32_t c = must_be_escaped[i].first; c <= must_be_escaped[i].last; c++) {
            char text[4];
            size_t n_text = encode(text, c);
            const char *escaped = escape(text, n_text), *quoted = json(text, n_text);
            for (const char *at = escaped; *at; at++) {
                if (*at < 0x20 || *at > 0x7e)
                    FAIL("U+%04X", (unsigned)c);
            }
            for (const char *at = quoted; *at; at++) {
                if (*at < 0x20 || *at > 0x7e)
                    FAIL("U+%04X in JSON", (unsigned)c);
            }
            CHECK_INT(escaped[0], ==, '\\');
            CHECK_INT(quoted[1], ==, '\\');
        }
    }
}

TEST(json_is_quoted_and_escaped)
{
    CHECK_STR(JSON(""), "\"\"");
    CHECK_STR(JSON("a \"b\" c\\d/"), "\"a \\\"b\\\" c\\\\d/\"");
    CHECK_STR(JSON("\n\t\x1b\x7f\0"), "\"\\u000a\\u0009\\u001b\\u007f\\u0000\"");
    CHECK_STR(JSON("\u202e\xc2\x9f"), "\"\\u202e\\u009f\"");
    CHECK_STR(JSON("\U000e0041"), "\"\\udb40\\udc41\"");
    CHECK_STR(JSON("ü😀\xff"), "\"ü😀\ufffd\"");
}

/* All sizes of output: complete characters and escapes, terminated, nothing written behind. */
static void check_cuts(size_t (*write)(char *, size_t, const char *, size_t), const char *text, const char *whole,
                       const char *end)
{
    size_t n_whole = strlen(whole);
    for (size_t n_out = 0; n_out <= n_whole + 2; n_out++) {
        char out[128];
        memset(out, '#', sizeof(out));
        size_t n = write(out, n_out, text, strlen(text));
        CHECK_INT(out[n_out], ==, '#');
        if (n_out == 0)
            continue;
        CHECK_INT(out[n], ==, '\0');
        CHECK_INT(n, <, n_out);
        if (n_out > n_whole) {
            CHECK_STR(out, whole);
            continue;
        }
        CHECK(text_is_utf8(out, n));
        bool ends_cut = n >= strlen(end) && strcmp(out + n - strlen(end), end) == 0;
        bool nothing_fits = n_out < strlen(end) + 1 || n_out < strlen(end) + 2;
        if (!ends_cut && !nothing_fits)
            FAIL("%zu bytes: %s", n_out, out);
        size_t n_kept = ends_cut ? n - strlen(end) : 0;
        CHECK_MEM(out, whole, n_kept);
    }
}

TEST(a_cut_ends_in_an_ellipsis_and_splits_nothing)
{
    check_cuts(text_escape,
               "a\x1b"
               "bü\u202e"
               "c😀d\n",
               "a\\ebü\\u{202e}c😀d\\n", "…");
    check_cuts(text_json,
               "a\x1b"
               "bü\u202e"
               "c😀d\n",
               "\"a\\u001bbü\\u202ec😀d\\u000a\"", "…\"");
}

TEST(json_is_complete_in_three_bytes)
{
    char out[4];
    CHECK_INT(text_json(out, 3, "abc", 3), ==, 2);
    CHECK_STR(out, "\"\"");
    CHECK_INT(text_json(out, 2, "abc", 3), ==, 0);
    CHECK_STR(out, "");
    CHECK_INT(text_json(out, 4, "abc", 3), ==, 2);
    CHECK_STR(out, "\"\"");
    CHECK_INT(text_json(out, 4, "a", 1), ==, 3);
    CHECK_STR(out, "\"a\"");
}

static size_t count_characters(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((uint8_t)*text & 0xc0) != 0x80;
    return n;
}

TEST(no_more_characters_than_promised)
{
    static char text[1 << 20], out[1 << 20];
    memset(text, 'x', sizeof(text));
    CHECK_INT(text_escape(out, sizeof(out), text, TEXT_MAX_CHARACTERS), ==, TEXT_MAX_CHARACTERS);
    CHECK(!strstr(out, "…"));
    text_escape(out, sizeof(out), text, sizeof(text));
    CHECK_INT(count_characters(out), ==, TEXT_MAX_CHARACTERS);
    CHECK_STR(out + strlen(out) - 4, "x…");
    text_json(out, sizeof(out), text, sizeof(text));
    CHECK_INT(count_characters(out), ==, TEXT_MAX_CHARACTERS + 2);

    memset(text, 1, sizeof(text));
    text_escape(out, sizeof(out), text, sizeof(text));
    CHECK_INT(count_characters(out), <=, TEXT_MAX_CHARACTERS);
    CHECK_INT(count_characters(out), >, TEXT_MAX_CHARACTERS - 5);
}

TEST(any_bytes_come_out_printable)
{
    srandom(1);
    for (int round = 0; round < 20000; round++) {
        char text[64], out[80];
        size_t n_text = (size_t)random() % sizeof(text);
        for (size_t i = 0; i < n_text; i++)
            text[i] = (char)(random() % 4 ? 0x80 + random() % 0x80 : random() % 0x100);
        size_t n = text_escape(out, (size_t)random() % sizeof(out) + 1, text, n_text);
        REQUIRE(text_is_utf8(out, n));
        for (size_t i = 0; i < n; i++)
            REQUIRE((uint8_t)out[i] >= 0x20 && out[i] != 0x7f);
    }
}

static void check_fit(const char *text, size_t max_columns, const char *expected, size_t n_columns)
{
    char copy[128];
    snprintf(copy, sizeof(copy), "%s", text);
    CHECK_INT(text_fit_columns(copy, max_columns), ==, n_columns);
    CHECK_STR(copy, expected);
}

TEST(fits_terminal_columns)
{
    check_fit("hello", 10, "hello", 5);
    check_fit("hello", 5, "hello", 5);
    check_fit("hello", 3, "hel", 3);
    check_fit("hello", 0, "", 0);
    check_fit("日本語", 6, "日本語", 6);
    check_fit("日本語", 5, "日本", 4);
    check_fit("日本語", 1, "", 0);
    check_fit("a😀b", 3, "a😀", 3);
    check_fit("ＡＢ", 3, "Ａ", 2);
    check_fit("한글", 2, "한", 2);
    check_fit("e\u0301e\u0301", 1, "e\u0301", 1);
    check_fit("grüße", 4, "grüß", 4);
}
