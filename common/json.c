#include "common/json.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What nests deeper is nobody's; and the stack is finite. */
#define MAX_DEPTH 64

/* ---- the judge ---------------------------------------------------------------------------------------------------------- */

/* Each returns what follows the value at `at`, NULL when there is none. */
static const char *skip_value(const char *at, unsigned depth);

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
static const char *skip_members(const char *at, char close, unsigned depth)
{
    if (depth == 0)
        return NULL;
    if (*at == close)
        return at + 1;
    while (at != NULL) {
        if (close == '}') {
            at = skip_string(at);
            if (at == NULL || *at++ != ':')
                return NULL;
        }
        at = skip_value(at, depth - 1);
        if (at != NULL && *at == close)
            return at + 1;
        if (at != NULL && *at++ != ',')
            return NULL;
    }
    return NULL;
}

static const char *skip_value(const char *at, unsigned depth)
{
    switch (*at) {
    case '{':
        return skip_members(at + 1, '}', depth);
    case '[':
        return skip_members(at + 1, ']', depth);
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
    const char *end = *text == '{' ? skip_value(text, MAX_DEPTH) : NULL;
    return end != NULL && *end == '\0';
}

/* ---- looking up --------------------------------------------------------------------------------------------------------- */

/* What follows "key":, or NULL. */
static const char *find_value(const char *line, const char *key)
{
    char pattern[64];
    const size_t n = (size_t)snprintf(pattern, sizeof pattern, "\"%s\":", key);
    const char *found = line;
    while ((found = strstr(found, pattern)) != NULL) {
        if (found > line && (found[-1] == '{' || found[-1] == ','))
            return found + n;
        found++;
    }
    return NULL;
}

bool json_string(const char *line, const char *key, char *out, size_t n_out)
{
    const char *value = find_value(line, key);
    if (value == NULL || *value != '"')
        return false;
    size_t n = 0;
    for (value++; *value != '"' && *value != '\0'; value++) {
        if (n + 1 < n_out)
            out[n++] = *value;
        if (*value == '\\' && value[1] != '\0') {
            value++;
            if (n + 1 < n_out)
                out[n++] = *value;
        }
    }
    out[n] = '\0';
    return true;
}

bool json_string_is(const char *line, const char *key, const char *value)
{
    char found[256];
    return json_string(line, key, found, sizeof found) && strcmp(found, value) == 0;
}

double json_number(const char *line, const char *key)
{
    const char *value = find_value(line, key);
    return value != NULL ? strtod(value, NULL) : 0;
}

bool json_has_number(const char *line, const char *key)
{
    const char *value = find_value(line, key);
    return value != NULL && (*value == '-' || isdigit((unsigned char)*value));
}

bool json_is_true(const char *line, const char *key)
{
    const char *value = find_value(line, key);
    return value != NULL && strncmp(value, "true", 4) == 0;
}

void json_numbers_in(const char *line, const char *key, void (*entry)(void *, const char *, double), void *owner)
{
    const char *at = find_value(line, key);
    if (at == NULL || *at != '{')
        return;
    char name[64];
    int n;
    double number;
    for (at++; sscanf(at, "\"%63[^\"]\":%lf%n", name, &number, &n) == 2; at++) {
        entry(owner, name, number);
        at += n;
        if (*at != ',')
            return;
    }
}

static void add(void *owner, const char *name, double number)
{
    (void)name;
    *(double *)owner += number;
}

double json_sum_in(const char *line, const char *key)
{
    double sum = 0;
    json_numbers_in(line, key, add, &sum);
    return sum;
}
