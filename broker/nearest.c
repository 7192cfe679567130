#include "broker/nearest.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

/* Damerau-Levenshtein (each pair swapped at most once): what it takes to insert, delete, replace and swap neighbours. */
static unsigned edit_distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    unsigned d[NEAREST_MAX_NAME + 1][NEAREST_MAX_NAME + 1];
    for (size_t i = 0; i <= n_a; i++)
        d[i][0] = (unsigned)i;
    for (size_t j = 0; j <= n_b; j++)
        d[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n_a; i++) {
        for (size_t j = 1; j <= n_b; j++) {
            unsigned differ = a[i - 1] != b[j - 1];
            d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + differ);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < d[i][j])
                d[i][j] = d[i - 2][j - 2] + 1;
        }
    }
    return d[n_a][n_b];
}

const char *nearest_name(const char *name, size_t n_name, const char *(*name_at)(size_t i), size_t n_names)
{
    const char *nearest = name_at(0);
    unsigned least = UINT_MAX;
    if (n_name > NEAREST_MAX_NAME)
        n_name = NEAREST_MAX_NAME;
    for (size_t i = 0; i < n_names; i++) {
        const char *candidate = name_at(i);
        bool cut_short = strncmp(candidate, name, n_name) == 0;
        unsigned distance = cut_short ? 0 : edit_distance(name, n_name, candidate, strlen(candidate));
        if (distance < least) {
            least = distance;
            nearest = candidate;
        }
    }
    return nearest;
}
