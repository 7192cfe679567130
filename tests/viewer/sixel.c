#include "tests/viewer/sixel.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PX 2048

/* ESC P numbers q … ESC \ */
static const char *find_begin(const char *bytes, const char *end, const char **ret_data)
{
    for (const char *at = bytes; (at = memmem(at, (size_t)(end - at), "\033P", 2)) != NULL; at += 2) {
        const char *data = at + 2;
        while (data < end && ((*data >= '0' && *data <= '9') || *data == ';'))
            data++;
        if (data < end && *data == 'q') {
            *ret_data = data + 1;
            return at;
        }
    }
    return NULL;
}

size_t sixel_count(const char *bytes, size_t n_bytes)
{
    const char *data = bytes, *end = bytes + n_bytes;
    size_t n = 0;
    while (data && find_begin(data, end, &data))
        n++;
    return n;
}

struct reader {
    const char *at, *end;
    uint8_t palette[256][3];
    struct sixel_picture *picture;
    int x, y, colour;
    int width, height; /* what was painted */
};

static int read_numbers(struct reader *reader, int *numbers, int max)
{
    int n = 0;
    while (reader->at < reader->end && n < max) {
        numbers[n] = 0;
        while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
            numbers[n] = numbers[n] * 10 + *reader->at++ - '0';
        n++;
        if (reader->at >= reader->end || *reader->at != ';')
            break;
        reader->at++;
    }
    return n;
}

static bool paint(struct reader *reader, int bits, int n_times)
{
    if (reader->x + n_times > MAX_PX || reader->y + 6 > MAX_PX)
        return false;
    for (int i = 0; i < n_times; i++, reader->x++)
        for (int bit = 0; bit < 6; bit++)
            if (bits >> bit & 1) {
                memcpy(reader->picture->pixels + ((size_t)(reader->y + bit) * MAX_PX + (size_t)reader->x) * 3,
                       reader->palette[reader->colour], 3);
                reader->width = reader->x >= reader->width ? reader->x + 1 : reader->width;
                reader->height = reader->y + bit >= reader->height ? reader->y + bit + 1 : reader->height;
            }
    return true;
}

static bool read_colour(struct reader *reader)
{
    int numbers[5];
    int n = read_numbers(reader, numbers, 5);
    if (n < 1 || numbers[0] > 255)
        return false;
    reader->colour = numbers[0];
    if (n == 5 && numbers[1] == 2)
        for (int i = 0; i < 3; i++)
            reader->palette[reader->colour][i] = (uint8_t)((numbers[i + 2] * 255 + 50) / 100);
    return n == 1 || (n == 5 && numbers[1] == 2);
}

static bool read_one(struct reader *reader)
{
    int numbers[4];
    char byte = *reader->at++;
    switch (byte) {
    case '"':
        return read_numbers(reader, numbers, 4) == 4;
    case '#':
        return read_colour(reader);
    case '$':
        reader->x = 0;
        return true;
    case '-':
        reader->x = 0;
        reader->y += 6;
        return true;
    case '!':
        if (read_numbers(reader, numbers, 1) != 1 || reader->at == reader->end)
            return false;
        byte = *reader->at++;
        return byte >= '?' && byte <= '~' && paint(reader, byte - '?', numbers[0]);
    case '\n':
    case '\r':
        return true;
    default:
        return byte >= '?' && byte <= '~' && paint(reader, byte - '?', 1);
    }
}

bool sixel_decode(const char *bytes, size_t n_bytes, struct sixel_picture *ret_picture)
{
    const char *end = bytes + n_bytes, *data = bytes, *last = NULL, *last_end = NULL;
    while (find_begin(data, end, &data)) {
        const char *stop = memmem(data, (size_t)(end - data), "\033\\", 2);
        if (!stop)
            break;
        last = data;
        last_end = stop;
    }
    *ret_picture = (struct sixel_picture){.pixels = malloc((size_t)MAX_PX * MAX_PX * 3)};
    if (!last || !ret_picture->pixels) {
        sixel_finish(ret_picture);
        return false;
    }
    for (size_t i = 0; i < (size_t)MAX_PX * MAX_PX * 3; i++)
        ret_picture->pixels[i] = (uint8_t)(i % 3 + 1);
    struct reader reader = {.at = last, .end = last_end, .picture = ret_picture};
    while (reader.at < reader.end)
        if (!read_one(&reader)) {
            sixel_finish(ret_picture);
            return false;
        }
    ret_picture->width = reader.width;
    ret_picture->height = reader.height;
    return true;
}

const uint8_t *sixel_at(const struct sixel_picture *picture, int x, int y)
{
    return picture->pixels + ((size_t)y * MAX_PX + (size_t)x) * 3;
}

void sixel_finish(struct sixel_picture *picture)
{
    free(picture->pixels);
    *picture = (struct sixel_picture){0};
}
