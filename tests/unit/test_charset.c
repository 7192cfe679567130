#include "renderer/engines/charset.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

struct bytes {
    const char *p;
    size_t n;
};
#define B(literal) ((struct bytes){literal, sizeof(literal) - 1})

static const char *detect(struct bytes in, enum charset_hint hint)
{
    return charset_detect((const uint8_t *)in.p, in.n, hint);
}

/* The text in a static place, good until the next call. */
static const char *decoded(const char *charset, struct bytes in)
{
    static char text[256];
    char *out;
    size_t n;
    REQUIRE(charset_to_utf8(charset, (const uint8_t *)in.p, in.n, &out, &n) == 0);
    CHECK_INT(n, ==, strlen(out));
    snprintf(text, sizeof(text), "%s", out);
    free(out);
    return text;
}

TEST(a_byte_order_mark_decides)
{
    CHECK_STR(detect(B("\xef\xbb\xbfx"), CHARSET_HINT_NONE), "utf-8");
    CHECK_STR(detect(B("\xff\xfex\0"), CHARSET_HINT_NONE), "utf-16le");
    CHECK_STR(detect(B("\xfe\xff\0x"), CHARSET_HINT_NONE), "utf-16be");
    CHECK_STR(detect(B("\xef\xbb\xbf<meta charset=koi8-r>"), CHARSET_HINT_HTML), "utf-8");
}

TEST(utf16_without_a_mark_is_seen)
{
    CHECK_STR(detect(B("h\0e\0l\0l\0o\0!\0"), CHARSET_HINT_NONE), "utf-16le");
    CHECK_STR(detect(B("\0h\0e\0l\0l\0o\0!"), CHARSET_HINT_NONE), "utf-16be");
    CHECK_STR(detect(B("h\0ello, a stray zero"), CHARSET_HINT_NONE), "utf-8");
}

TEST(labels)
{
    static const struct {
        const char *page, *charset;
    } rows[] = {
        {"<meta charset=utf-8>", "utf-8"},
        {"<META CHARSET='KOI8-R'>", "koi8-r"},
        {"<meta http-equiv=Content-Type content=\"text/html; charset=ISO-8859-1\">", "windows-1252"},
        {"<meta charset=\"latin1\">", "windows-1252"},
        {"<meta charset=cp1251>", "windows-1251"},
        {"<meta charset = \"x-cp1250\" >", "windows-1250"},
        {"<meta charset=iso8859-2>", "iso-8859-2"},
        {"<meta charset=iso-8859-9>", "windows-1254"},
        {"<meta charset=utf-16>", "utf-8"}, /* it was read as ASCII: it cannot be */
        {"<meta charset=no-such-thing>", "utf-8"},
        {"<meta name=charset><meta charset=koi8-u>", "koi8-u"},
        {"<?xml version='1.0' encoding='iso-8859-15'?>", "iso-8859-15"},
        {"<p>plain", "utf-8"},
        {"<p>caf\xe9", "windows-1252"},
        {"<meta charset=", "utf-8"},
        {"<meta", "utf-8"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_STR(detect((struct bytes){rows[i].page, strlen(rows[i].page)}, CHARSET_HINT_HTML), rows[i].charset);
}

TEST(only_pages_are_searched_for_labels)
{
    CHECK_STR(detect(B("<meta charset=koi8-r>"), CHARSET_HINT_NONE), "utf-8");
    CHECK_STR(detect(B("<meta charset=koi8-r>"), CHARSET_HINT_XML), "utf-8");
    CHECK_STR(detect(B("<?xml version='1.0' encoding='koi8-r'?>"), CHARSET_HINT_NONE), "utf-8");
    CHECK_STR(detect(B("caf\xe9"), CHARSET_HINT_XML), "utf-8");
}

TEST(single_bytes)
{
    CHECK_STR(decoded("windows-1252", B("\x80 \xe9 \x93q\x94")), "€ é “q”");
    CHECK_STR(decoded("windows-1252", B("\x81")), "\xc2\x81");
    CHECK_STR(decoded("iso-8859-15", B("\xa4")), "€");
    CHECK_STR(decoded("windows-1251", B("\xcf\xf0\xe8")), "При");
    CHECK_STR(decoded("koi8-r", B("\xf0\xd2\xc9")), "При");
    CHECK_STR(decoded("koi8-u", B("\xa6")), "і");
    CHECK_STR(decoded("iso-8859-7", B("\xc1\xe1")), "Αα");
    CHECK_STR(decoded("iso-8859-8", B("\xf9\xec")), "של");
    CHECK_STR(decoded("iso-8859-8", B("\xff")), "\ufffd");
    CHECK_STR(decoded("macintosh", B("\x8e\xdb")), "é€");
}

TEST(utf16)
{
    CHECK_STR(decoded("utf-16le", B("\xff\xfe"
                                    "A\0\xac\x20")),
              "A€");
    CHECK_STR(decoded("utf-16be", B("\xd8\x3d\xde\x00")), "😀");
    CHECK_STR(decoded("utf-16be", B("\xd8\x3d\0A")), "\ufffdA"); /* half a pair */
    CHECK_STR(decoded("utf-16be", B("\xde\x00")), "\ufffd");
    CHECK_STR(decoded("utf-16le", B("A\0B")), "A\ufffd"); /* half a unit */
    CHECK_STR(decoded("utf-16le", B("\0\0")), "\ufffd");
}

TEST(malformed_utf8_is_replaced)
{
    static const struct {
        struct bytes in;
        const char *out;
    } rows[] = {
        {B("\xef\xbb\xbf"
           "a"),
         "a"},
        {B("a\0b"), "a\ufffdb"},
        {B("\xc0\xaf"), "\ufffd\ufffd"}, /* overlong */
        {B("\xe0\x80\x80"), "\ufffd\ufffd\ufffd"},
        {B("\xed\xa0\x80"), "\ufffd\ufffd\ufffd"},           /* a surrogate */
        {B("\xf4\x90\x80\x80"), "\ufffd\ufffd\ufffd\ufffd"}, /* above U+10FFFF */
        {B("\xe2\x82"), "\ufffd"},                           /* cut off */
        {B("\xe2\x82z"), "\ufffdz"},
        {B("\xf0\x9f\x98\x80"), "😀"},
        {B("\x80"), "\ufffd"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_STR(decoded("utf-8", rows[i].in), rows[i].out);
}
