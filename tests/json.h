/* A judge of JSON: syntax only, and strict about it. */
#ifndef TESTS_JSON_H
#define TESTS_JSON_H

#include <stdbool.h>

/* The text is one object, with nothing around it. */
bool json_is_object(const char *text);

#endif
