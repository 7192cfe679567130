#include "tests/json.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* Each returns what follows the value at `at`, NULL when there is none. */
static const char *skip_value(const char *at);

static const char *skip_word(const char *at, const char *word)
{
    return strncmp(at, word, strlen(word)) == 0 ? at + strlen(word) : NULL;
}

static const char *skip_string(const char *at)
{
    if (*at++ != '"')
        return NULL;
    for (; *at != '"'; at++) {
        if ((unsigned char)*at < 0x20)
            return NULL;
        if (*at != '\\')
            continue;
        at++;
        if (*at == 'u') {
            for (int i = 0; i < 4; i++) {
                if (!isxdigit((unsigned char)*++at))
                    return NULL;
            }
        } else if (*at == '\0' || strchr("\"\\/bfnrt", *at) == NULL) {
            return NULL;
        }
    }
    return at + 1;
}

static const char *skip_number(const char *at)
{
    at += *at == '-';
    if (!isdigit((unsigned char)*at) || (at[0] == '0' && isdigit((unsigned char)at[1])))
        return NULL;
    at += strspn(at, "0123456789");
    if (*at == '.') {
        if (!isdigit((unsigned char)*++at))
            return NULL;
        at += strspn(at, "0123456789");
    }
    return at;
}

/* An object or an array: `close` says which. */
static const char *skip_members(const char *at, char close)
{
    if (*at == close)
        return at + 1;
    while (at != NULL) {
        if (close == '}') {
            at = skip_string(at);
            if (at == NULL || *at++ != ':')
                return NULL;
        }
        at = skip_value(at);
        if (at != NULL && *at == close)
            return at + 1;
        if (at != NULL && *at++ != ',')
            return NULL;
    }
    return NULL;
}

static const char *skip_value(const char *at)
{
    switch (*at) {
    case '{':
        return skip_members(at + 1, '}');
    case '[':
        return skip_members(at + 1, ']');
    case '"':
        return skip_string(at);
    case 't':
        return skip_word(at, "true");
    case 'f':
        return skip_word(at, "false");
    case 'n':
        return skip_word(at, "null");
    default:
        return skip_number(at);
    }
}

bool json_is_object(const char *text)
{
    const char *end = *text == '{' ? skip_value(text) : NULL;
    return end != NULL && *end == '\0';
}
