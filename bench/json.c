#include "bench/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
