/* A judge of JSON, syntax only and strict about it; and looking things up in one line of JSON that a program wrote:
 * objects of numbers and strings, no whitespace between them. A key is found by its quotes and colon, which cannot stand
 * inside a JSON string unescaped. Who does not know who wrote a line asks json_is_object first. */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* The text is one object, with nothing around it. Nested at most 64 deep. */
bool json_is_object(const char *text);

/* The first "key":"…" as it is written, escapes and all, cut to fit. False when there is none. */
bool json_string(const char *line, const char *key, char *out, size_t n_out);
bool json_string_is(const char *line, const char *key, const char *value);

/* 0 when there is none, or it is null. */
double json_number(const char *line, const char *key);
bool json_has_number(const char *line, const char *key);

/* False when there is none, too. */
bool json_is_true(const char *line, const char *key);

/* Calls entry for each number of the object "key":{"name":number,…}. Names are cut to 63 characters. */
void json_numbers_in(const char *line, const char *key, void (*entry)(void *owner, const char *name, double number),
                     void *owner);
/* Their sum. */
double json_sum_in(const char *line, const char *key);

#endif
