#include "renderer/engines/float_tiff.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "renderer/engine.h"

enum tag {
    TAG_WIDTH = 256,
    TAG_HEIGHT = 257,
    TAG_BITS = 258,
    TAG_COMPRESSION = 259,
    TAG_PHOTOMETRIC = 262,
    TAG_STRIP_OFFSETS = 273,
    TAG_SAMPLES = 277,
    TAG_ROWS_PER_STRIP = 278,
    TAG_PLANAR = 284,
    TAG_SAMPLE_FORMAT = 339,
};

#define COMPRESSION_NONE    1
#define PHOTOMETRIC_GREY    1 /* black is zero */
#define PHOTOMETRIC_RGB     2
#define PLANAR_TOGETHER     1
#define SAMPLE_FORMAT_FLOAT 3
#define TYPE_SHORT          3
#define TYPE_LONG           4

struct tiff {
    const uint8_t *bytes;
    size_t n_bytes;
    bool big_endian;
    size_t directory; /* where the first picture's entries begin */
    unsigned n_entries;
};

/* Where the values of a tag lie; none when n is 0. */
struct values {
    uint64_t offset;
    uint32_t n;
    unsigned size; /* bytes each */
};

struct picture {
    uint32_t width, height, n_samples, rows_per_strip;
    unsigned n_shown; /* of the samples: 1 or 3; others, such as alpha, are left out */
    struct values strips;
};

/* 0 beyond the end: no number that is read here may be 0 and be right. */
static uint32_t number_at(const struct tiff *tiff, uint64_t offset, unsigned n_bytes)
{
    if (offset > tiff->n_bytes || n_bytes > tiff->n_bytes - offset)
        return 0;
    uint32_t number = 0;
    for (unsigned i = 0; i < n_bytes; i++) {
        unsigned at = tiff->big_endian ? i : n_bytes - 1 - i;
        number = number << 8 | tiff->bytes[offset + at];
    }
    return number;
}

static int find_directory(struct tiff *tiff)
{
    if (tiff->n_bytes < 8 || (memcmp(tiff->bytes, "II*\0", 4) != 0 && memcmp(tiff->bytes, "MM\0*", 4) != 0))
        return -ENOTSUP;
    tiff->big_endian = tiff->bytes[0] == 'M';
    uint32_t start = number_at(tiff, 4, 4);
    tiff->n_entries = number_at(tiff, start, 2);
    tiff->directory = (size_t)start + 2;
    return tiff->n_entries > 0 ? 0 : -ENOTSUP;
}

/* Few values lie in the entry itself, more lie elsewhere. */
static struct values find_values(const struct tiff *tiff, enum tag tag)
{
    for (unsigned i = 0; i < tiff->n_entries; i++) {
        uint64_t entry = (uint64_t)tiff->directory + 12 * i;
        if (number_at(tiff, entry, 2) != tag)
            continue;
        uint32_t type = number_at(tiff, entry + 2, 2), n = number_at(tiff, entry + 4, 4);
        unsigned size = type == TYPE_SHORT ? 2 : 4;
        if (type != TYPE_SHORT && type != TYPE_LONG)
            break;
        bool inside = (uint64_t)n * size <= 4;
        return (struct values){inside ? entry + 8 : number_at(tiff, entry + 8, 4), n, size};
    }
    return (struct values){0};
}

static uint32_t value_at(const struct tiff *tiff, struct values values, uint32_t index, uint32_t fallback)
{
    if (index >= values.n)
        return fallback;
    return number_at(tiff, values.offset + (uint64_t)index * values.size, values.size);
}

static uint32_t value(const struct tiff *tiff, enum tag tag, uint32_t fallback)
{
    return value_at(tiff, find_values(tiff, tag), 0, fallback);
}

/* -ENOTSUP unless it is the one layout that is read here. */
static int read_picture(const struct tiff *tiff, struct picture *ret_picture)
{
    uint32_t photometric = value(tiff, TAG_PHOTOMETRIC, 0);
    struct picture picture = {
        .width = value(tiff, TAG_WIDTH, 0),
        .height = value(tiff, TAG_HEIGHT, 0),
        .n_samples = value(tiff, TAG_SAMPLES, 1),
        .rows_per_strip = value(tiff, TAG_ROWS_PER_STRIP, UINT32_MAX),
        .strips = find_values(tiff, TAG_STRIP_OFFSETS),
        .n_shown = photometric == PHOTOMETRIC_RGB ? 3 : 1,
    };
    if (value(tiff, TAG_SAMPLE_FORMAT, 0) != SAMPLE_FORMAT_FLOAT || value(tiff, TAG_BITS, 0) != 32 ||
        value(tiff, TAG_COMPRESSION, COMPRESSION_NONE) != COMPRESSION_NONE ||
        value(tiff, TAG_PLANAR, PLANAR_TOGETHER) != PLANAR_TOGETHER || picture.strips.n == 0 ||
        (photometric != PHOTOMETRIC_GREY && photometric != PHOTOMETRIC_RGB))
        return -ENOTSUP;
    if (picture.width == 0 || picture.height == 0 || picture.rows_per_strip == 0 ||
        picture.n_samples < picture.n_shown || picture.n_samples > 16)
        return -EBADMSG;
    if ((uint64_t)picture.width * picture.height > ENGINE_MAX_PIXELS)
        return -E2BIG;
    *ret_picture = picture;
    return 0;
}

/* A sample from 0 to 1 as a byte; what lies outside, or is no number, at the nearer end. */
static uint8_t sample_at(const struct tiff *tiff, uint64_t offset)
{
    uint32_t bits = number_at(tiff, offset, 4);
    float sample;
    memcpy(&sample, &bits, sizeof(sample));
    return sample >= 1 ? 255 : sample > 0 ? (uint8_t)(sample * 255 + 0.5f) : 0;
}

/* A row that is missing from the file stays black. */
static void convert_row(const struct tiff *tiff, const struct picture *picture, uint32_t row, uint8_t *to)
{
    uint64_t row_bytes = (uint64_t)picture->width * picture->n_samples * 4;
    uint64_t from = value_at(tiff, picture->strips, row / picture->rows_per_strip, UINT32_MAX) +
                    row % picture->rows_per_strip * row_bytes;
    for (uint32_t x = 0; x < picture->width; x++)
        for (unsigned i = 0; i < picture->n_shown; i++)
            *to++ = sample_at(tiff, from + ((uint64_t)x * picture->n_samples + i) * 4);
}

int float_tiff_to_pnm(const uint8_t *bytes, size_t n_bytes, uint8_t **ret_pnm, size_t *ret_n_bytes)
{
    struct tiff tiff = {.bytes = bytes, .n_bytes = n_bytes};
    struct picture picture;
    int r = find_directory(&tiff);
    if (r == 0)
        r = read_picture(&tiff, &picture);
    if (r < 0)
        return r;

    char header[64];
    int n_header = snprintf(header, sizeof(header), "P%d %u %u 255\n", picture.n_shown == 3 ? 6 : 5, picture.width,
                            picture.height);
    size_t row_bytes = (size_t)picture.width * picture.n_shown;
    size_t n_pnm = (size_t)n_header + row_bytes * picture.height;
    uint8_t *pnm = n_pnm <= engines_memory_limit() ? malloc(n_pnm) : NULL;
    if (!pnm)
        return -ENOMEM;
    memcpy(pnm, header, (size_t)n_header);
    for (uint32_t row = 0; row < picture.height; row++)
        convert_row(&tiff, &picture, row, pnm + n_header + row * row_bytes);
    *ret_pnm = pnm;
    *ret_n_bytes = n_pnm;
    return 0;
}
