/* Reads sixels back, as a terminal does, without sharing a line with what wrote them. */
#ifndef TESTS_VIEWER_SIXEL_H
#define TESTS_VIEWER_SIXEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sixel_picture {
    int width, height;
    uint8_t *pixels; /* RGB; what was not painted is 1, 2, 3 */
};

/* How many pictures there are among the bytes. */
size_t sixel_count(const char *bytes, size_t n_bytes);

/* The last whole one. False when there is none, or it is broken. */
bool sixel_decode(const char *bytes, size_t n_bytes, struct sixel_picture *ret_picture);
const uint8_t *sixel_at(const struct sixel_picture *picture, int x, int y);
void sixel_finish(struct sixel_picture *picture);

#endif
