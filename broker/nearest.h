/* Of a list of names, the one that somebody meant. */
#ifndef BROKER_NEAREST_H
#define BROKER_NEAREST_H

#include <stddef.h>

/* name_at(i): the i-th of n_names names, each shorter than NEAREST_MAX_NAME. The nearest by letters that have to be added,
 * taken away, replaced or swapped; one that was only cut short is nearer than any that was misspelt. */
#define NEAREST_MAX_NAME 32
const char *nearest_name(const char *name, size_t n_name, const char *(*name_at)(size_t i), size_t n_names);

#endif
