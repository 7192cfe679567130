#include "renderer/engines/charset.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "renderer/engines/charset_tables.h"

#define N_SINGLE_BYTE (sizeof(single_byte) / sizeof(single_byte[0]))
#define REPLACEMENT   0xfffdu
#define PRESCAN_BYTES 1024 /* how far browsers look for <meta charset> */
#define GUESS_BYTES   (64u << 10)

/* ---- labels -------------------------------------------------------------------------------------------- */

/* Names people write for charsets that have another one here; what the encoding standard of the web says of latin-1
 * and ASCII included. */
static const struct {
    const char *label, *name;
} labels[] = {
    {"utf8", "utf-8"},
    {"unicode-1-1-utf-8", "utf-8"},
    {"us-ascii", "windows-1252"},
    {"ascii", "windows-1252"},
    {"iso-8859-1", "windows-1252"},
    {"iso8859-1", "windows-1252"},
    {"iso_8859-1", "windows-1252"},
    {"latin1", "windows-1252"},
    {"latin-1", "windows-1252"},
    {"l1", "windows-1252"},
    {"iso-8859-9", "windows-1254"},
    {"iso8859-9", "windows-1254"},
    {"latin5", "windows-1254"},
    {"iso-8859-11", "windows-874"},
    {"tis-620", "windows-874"},
    {"latin2", "iso-8859-2"},
    {"latin3", "iso-8859-3"},
    {"latin4", "iso-8859-4"},
    {"latin6", "iso-8859-10"},
    {"latin-9", "iso-8859-15"},
    {"cyrillic", "iso-8859-5"},
    {"arabic", "iso-8859-6"},
    {"greek", "iso-8859-7"},
    {"hebrew", "iso-8859-8"},
    {"iso-8859-8-i", "iso-8859-8"},
    {"logical", "iso-8859-8"},
    {"koi8", "koi8-r"},
    {"koi", "koi8-r"},
    {"koi8-ru", "koi8-u"},
    {"mac", "macintosh"},
    {"x-mac-roman", "macintosh"},
    {"cp866", "ibm866"},
    {"866", "ibm866"},
    {"utf-16", "utf-16le"},
    {"ucs-2", "utf-16le"},
    {"unicode", "utf-16le"},
};

static bool equals(const char *name, const char *label, size_t n_label)
{
    return strlen(name) == n_label && strncasecmp(name, label, n_label) == 0;
}

static const char *canonical(const char *label, size_t n_label)
{
    static const char *const unicode[] = {"utf-8", "utf-16le", "utf-16be"};

    for (size_t i = 0; i < sizeof(unicode) / sizeof(unicode[0]); i++)
        if (equals(unicode[i], label, n_label))
            return unicode[i];
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
        if (equals(labels[i].label, label, n_label))
            return labels[i].name;
    for (size_t i = 0; i < N_SINGLE_BYTE; i++) {
        const char *name = single_byte[i].name;
        if (equals(name, label, n_label))
            return name;
        /* windows-1250 is also cp1250 and x-cp1250; iso-8859-2 also iso8859-2 and iso_8859-2 */
        if (strncmp(name, "windows-", 8) == 0 &&
            ((n_label > 2 && strncasecmp(label, "cp", 2) == 0 && equals(name + 8, label + 2, n_label - 2)) ||
             (n_label > 4 && strncasecmp(label, "x-cp", 4) == 0 && equals(name + 8, label + 4, n_label - 4))))
            return name;
        if (strncmp(name, "iso-8859-", 9) == 0 &&
            ((n_label > 8 && strncasecmp(label, "iso8859-", 8) == 0 && equals(name + 9, label + 8, n_label - 8)) ||
             (n_label > 9 && strncasecmp(label, "iso_8859-", 9) == 0 && equals(name + 9, label + 9, n_label - 9))))
            return name;
    }
    return NULL;
}

/* ---- detection ----------------------------------------------------------------------------------------- */

static const char *find(const char *from, const char *end, const char *needle)
{
    size_t n = strlen(needle);
    for (; (size_t)(end - from) >= n; from++)
        if (strncasecmp(from, needle, n) == 0)
            return from;
    return NULL;
}

/* The value behind a name and an equals sign: charset=utf-8, encoding = "utf-8". */
static const char *value_of(const char *from, const char *end, const char *name)
{
    const char *p = from;
    while ((p = find(p, end, name))) {
        p += strlen(name);
        while (p < end && isspace((unsigned char)*p))
            p++;
        if (p < end && *p == '=')
            break;
    }
    if (!p)
        return NULL;
    p++;
    while (p < end && (isspace((unsigned char)*p) || *p == '"' || *p == '\''))
        p++;
    const char *start = p;
    while (p < end && (isalnum((unsigned char)*p) || strchr("-_:.", *p)) && *p)
        p++;
    if (p == start)
        return NULL;
    const char *name_found = canonical(start, (size_t)(p - start));
    return name_found ? name_found : "utf-8";
}

static const char *from_meta(const char *text, const char *end)
{
    for (const char *tag = text; (tag = find(tag, end, "<meta")); tag++) {
        const char *close = memchr(tag, '>', (size_t)(end - tag));
        const char *name = value_of(tag, close ? close : end, "charset");
        /* whoever could write this in a readable way did not write UTF-16 */
        if (name)
            return strncmp(name, "utf-16", 6) == 0 ? "utf-8" : name;
    }
    return NULL;
}

static const char *from_declaration(const char *text, const char *end)
{
    if (end - text < 5 || strncmp(text, "<?xml", 5) != 0)
        return NULL;
    const char *close = memchr(text, '>', (size_t)(end - text));
    const char *name = close ? value_of(text, close, "encoding") : NULL;
    return name && strncmp(name, "utf-16", 6) == 0 ? "utf-8" : name;
}

/* UTF-16 without a mark: text of the western scripts has a zero in nearly every pair. */
static const char *guess_utf16(const uint8_t *bytes, size_t n_bytes)
{
    size_t n = n_bytes < 512 ? n_bytes & ~(size_t)1 : 512, zeros[2] = {0, 0};
    for (size_t i = 0; i < n; i++)
        zeros[i & 1] += bytes[i] == 0;
    if (n >= 4 && zeros[1] > n * 2 / 5 && zeros[0] <= n / 20)
        return "utf-16le";
    if (n >= 4 && zeros[0] > n * 2 / 5 && zeros[1] <= n / 20)
        return "utf-16be";
    return NULL;
}

/* Steps over one character; *ret_character is REPLACEMENT for the longest start of one that is malformed. */
static size_t decode(const uint8_t *bytes, size_t n_bytes, uint32_t *ret_character)
{
    uint8_t first = bytes[0];
    size_t n = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    *ret_character = REPLACEMENT;
    if (n == 0)
        return 1;
    uint32_t character = n == 1 ? first : first & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        uint8_t low = i > 1 ? 0x80 : first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
        uint8_t high = i > 1 ? 0xbf : first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        if (i == n_bytes || bytes[i] < low || bytes[i] > high)
            return i;
        character = character << 6 | (bytes[i] & 0x3f);
    }
    *ret_character = character;
    return n;
}

/* Whether the start of the text reads as UTF-8; a character that the cut divides is forgiven. */
static bool looks_like_utf8(const uint8_t *bytes, size_t n_bytes)
{
    size_t n = n_bytes < GUESS_BYTES ? n_bytes : GUESS_BYTES;
    for (size_t i = 0; i < n;) {
        uint32_t character;
        size_t step = decode(bytes + i, n_bytes - i, &character);
        if (character == REPLACEMENT && !(step == 3 && bytes[i] == 0xef))
            return false;
        i += step;
    }
    return true;
}

const char *charset_detect(const uint8_t *bytes, size_t n_bytes, enum charset_hint hint)
{
    if (n_bytes >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        return "utf-8";
    if (n_bytes >= 2 && memcmp(bytes, "\xff\xfe", 2) == 0)
        return "utf-16le";
    if (n_bytes >= 2 && memcmp(bytes, "\xfe\xff", 2) == 0)
        return "utf-16be";
    const char *name = guess_utf16(bytes, n_bytes);
    if (name)
        return name;

    const char *text = (const char *)bytes;
    const char *end = text + (n_bytes < PRESCAN_BYTES ? n_bytes : PRESCAN_BYTES);
    if (hint != CHARSET_HINT_NONE)
        name = from_declaration(text, end);
    if (!name && hint == CHARSET_HINT_HTML)
        name = from_meta(text, end);
    if (name)
        return name;
    return hint == CHARSET_HINT_XML || looks_like_utf8(bytes, n_bytes) ? "utf-8" : "windows-1252";
}

/* ---- decoding ------------------------------------------------------------------------------------------ */

static char *encode(char *out, uint32_t character)
{
    if (character == 0)
        character = REPLACEMENT;
    if (character < 0x80) {
        *out++ = (char)character;
    } else if (character < 0x800) {
        *out++ = (char)(0xc0 | character >> 6);
        *out++ = (char)(0x80 | (character & 0x3f));
    } else if (character < 0x10000) {
        *out++ = (char)(0xe0 | character >> 12);
        *out++ = (char)(0x80 | (character >> 6 & 0x3f));
        *out++ = (char)(0x80 | (character & 0x3f));
    } else {
        *out++ = (char)(0xf0 | character >> 18);
        *out++ = (char)(0x80 | (character >> 12 & 0x3f));
        *out++ = (char)(0x80 | (character >> 6 & 0x3f));
        *out++ = (char)(0x80 | (character & 0x3f));
    }
    return out;
}

static char *from_utf8(char *out, const uint8_t *bytes, size_t n_bytes)
{
    for (size_t i = n_bytes >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; i < n_bytes;) {
        if (bytes[i] != 0 && bytes[i] < 0x80) {
            *out++ = (char)bytes[i++];
            continue;
        }
        uint32_t character;
        i += decode(bytes + i, n_bytes - i, &character);
        out = encode(out, character);
    }
    return out;
}

static char *from_utf16(char *out, const uint8_t *bytes, size_t n_bytes, bool big)
{
    for (size_t i = 0; i < n_bytes; i += 2) {
        if (i + 1 == n_bytes)
            return encode(out, REPLACEMENT);
        uint32_t unit = (uint32_t)bytes[i + !big] << 8 | bytes[i + big];
        if (i == 0 && unit == 0xfeff)
            continue;
        if (unit >= 0xd800 && unit < 0xdc00 && i + 3 < n_bytes) {
            uint32_t low = (uint32_t)bytes[i + 2 + !big] << 8 | bytes[i + 2 + big];
            if (low >= 0xdc00 && low < 0xe000) {
                unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                i += 2;
            }
        }
        out = encode(out, unit >= 0xd800 && unit < 0xe000 ? REPLACEMENT : unit);
    }
    return out;
}

static char *from_single_byte(char *out, const uint8_t *bytes, size_t n_bytes, const uint16_t upper[128])
{
    for (size_t i = 0; i < n_bytes; i++)
        out = encode(out, bytes[i] < 0x80 ? bytes[i] : upper[bytes[i] - 0x80]);
    return out;
}

static const uint16_t *upper_half(const char *charset)
{
    for (size_t i = 0; i < N_SINGLE_BYTE; i++)
        if (strcmp(single_byte[i].name, charset) == 0)
            return single_byte[i].upper;
    return NULL;
}

int charset_to_utf8(const char *charset, const uint8_t *bytes, size_t n_bytes, char **ret_text, size_t *ret_n_text)
{
    if (n_bytes > SIZE_MAX / 3 - 4)
        return -ENOMEM;
    char *text = malloc(n_bytes * 3 + 4); /* a byte makes three at most */
    if (!text)
        return -ENOMEM;
    const uint16_t *upper = upper_half(charset);
    char *end;
    if (upper)
        end = from_single_byte(text, bytes, n_bytes, upper);
    else if (strncmp(charset, "utf-16", 6) == 0)
        end = from_utf16(text, bytes, n_bytes, strcmp(charset, "utf-16be") == 0);
    else
        end = from_utf8(text, bytes, n_bytes);
    *end = '\0';
    *ret_n_text = (size_t)(end - text);
    char *fitted = realloc(text, *ret_n_text + 1);
    *ret_text = fitted ? fitted : text;
    return 0;
}
