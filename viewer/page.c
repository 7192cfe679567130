#include "viewer/page.h"

#include <math.h>
#include <string.h>

/* A pixel as a word: its order in memory does not matter to what is done here, except for alpha. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ALPHA_SHIFT 24
#else
#define ALPHA_SHIFT 0
#endif

/* Interpolating costs a few nanoseconds a pixel: of a picture that is replaced within some frames, a large screen shows
 * the nearest pixels instead, to be in time. */
#define MAX_SMOOTH_PIXELS (3 << 20)

static const uint8_t *row_of(const struct view_picture *picture, int y)
{
    return picture->pixels + (size_t)y * picture->stride_bytes;
}

static uint32_t load(const uint8_t *row, int x)
{
    uint32_t pixel;
    memcpy(&pixel, row + 4 * (size_t)x, sizeof pixel);
    return pixel;
}

/* ---- onto paper -------------------------------------------------------------------------------------------- */

static bool is_opaque(const uint8_t *row, int n)
{
    typedef uint32_t quad __attribute__((vector_size(16))); /* it is asked of every pixel */
    quad pixels, four = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    int x = 0;
    for (; x + 4 <= n; x += 4) {
        memcpy(&pixels, row + 4 * (size_t)x, sizeof pixels);
        four &= pixels;
    }
    uint32_t all = four[0] & four[1] & four[2] & four[3];
    for (; x < n; x++)
        all &= load(row, x);
    return (all >> ALPHA_SHIFT & 0xff) == 0xff;
}

static uint8_t over(unsigned premultiplied, unsigned under, unsigned left)
{
    unsigned sum = premultiplied + (under * left + 127) / 255;
    return (uint8_t)(sum < 255 ? sum : 255); /* who says premultiplied may lie */
}

static void put_on_paper(uint8_t *row, int n, uint32_t rgb)
{
    if (is_opaque(row, n))
        return;
    for (uint8_t *pixel = row, *end = row + 4 * (size_t)n; pixel < end; pixel += 4) {
        unsigned left = 255u - pixel[3];
        pixel[0] = over(pixel[0], rgb >> 16 & 0xff, left);
        pixel[1] = over(pixel[1], rgb >> 8 & 0xff, left);
        pixel[2] = over(pixel[2], rgb & 0xff, left);
        pixel[3] = 0xff;
    }
}

/* ---- scaled ------------------------------------------------------------------------------------------------ */

#define FRACTION_BITS 16
#define ONE           (1 << FRACTION_BITS)

/* Two channels at a time, by share 0 … 256 of b. */
static uint32_t between(uint32_t a, uint32_t b, uint32_t share)
{
    uint32_t even = (a & 0x00ff00ff) * (256 - share) + (b & 0x00ff00ff) * share;
    uint32_t odd = (a >> 8 & 0x00ff00ff) * (256 - share) + (b >> 8 & 0x00ff00ff) * share;
    return (even >> 8 & 0x00ff00ff) | (odd & 0xff00ff00);
}

static int bounded(int64_t at, int n)
{
    return at < 0 ? 0 : at >= n ? n - 1 : (int)at;
}

struct steps {
    int64_t from, step; /* in fractions of a source pixel */
};

/* Where in the source the centre of screen pixel `first` is, for a picture that begins at `origin`. */
static struct steps steps_from(int first, double origin, double scale)
{
    return (struct steps){(int64_t)(((first + 0.5 - origin) / scale - 0.5) * ONE), (int64_t)(ONE / scale)};
}

static void scale_row_smooth(uint8_t *out, int n, const uint8_t *above, const uint8_t *below, uint32_t share,
                             struct steps x, int width)
{
    for (int i = 0; i < n; i++, x.from += x.step) {
        int left = bounded(x.from >> FRACTION_BITS, width), right = bounded((x.from >> FRACTION_BITS) + 1, width);
        uint32_t across = (uint32_t)(x.from >> (FRACTION_BITS - 8)) & 0xff;
        uint32_t pixel = between(between(load(above, left), load(above, right), across),
                                 between(load(below, left), load(below, right), across), share);
        memcpy(out + 4 * (size_t)i, &pixel, sizeof pixel);
    }
}

static void scale_row_nearest(uint8_t *out, int n, const uint8_t *row, struct steps x, int width)
{
    for (int i = 0; i < n; i++, x.from += x.step) {
        uint32_t pixel = load(row, bounded((x.from + ONE / 2) >> FRACTION_BITS, width));
        memcpy(out + 4 * (size_t)i, &pixel, sizeof pixel);
    }
}

static void draw_scaled(const struct surface *surface, struct rectangle area, const struct view_picture *picture,
                        double x, double y, double scale, uint32_t paper_rgb)
{
    bool is_smooth = (int64_t)area.width * area.height <= MAX_SMOOTH_PIXELS;
    struct steps across = steps_from(area.x, x, scale), down = steps_from(area.y, y, scale);
    for (int row = 0; row < area.height; row++, down.from += down.step) {
        uint8_t *out = surface->pixels + (size_t)(area.y + row) * surface->stride_bytes + 4 * (size_t)area.x;
        if (is_smooth) {
            int above = bounded(down.from >> FRACTION_BITS, picture->height_px);
            int below = bounded((down.from >> FRACTION_BITS) + 1, picture->height_px);
            scale_row_smooth(out, area.width, row_of(picture, above), row_of(picture, below),
                             (uint32_t)(down.from >> (FRACTION_BITS - 8)) & 0xff, across, picture->width_px);
        } else {
            int nearest = bounded((down.from + ONE / 2) >> FRACTION_BITS, picture->height_px);
            scale_row_nearest(out, area.width, row_of(picture, nearest), across, picture->width_px);
        }
        put_on_paper(out, area.width, paper_rgb);
    }
}

/* ---- as it is ---------------------------------------------------------------------------------------------- */

static void draw_plain(const struct surface *surface, struct rectangle area, const struct view_picture *picture, int x,
                       int y, uint32_t paper_rgb)
{
    for (int row = area.y; row < area.y + area.height; row++) {
        uint8_t *out = surface->pixels + (size_t)row * surface->stride_bytes + 4 * (size_t)area.x;
        memcpy(out, row_of(picture, row - y) + 4 * (size_t)(area.x - x), 4 * (size_t)area.width);
        put_on_paper(out, area.width, paper_rgb);
    }
}

/* A coordinate far off the screen is as good as one that just is off. */
static int whole(double at)
{
    return (int)fmin(fmax(at, -1e9), 1e9);
}

void page_draw_picture(const struct surface *surface, const struct view_picture *picture, double x, double y,
                       double scale, uint32_t paper_rgb)
{
    if (!picture->pixels || picture->width_px <= 0 || picture->height_px <= 0 || !(scale > 1e-3 && scale < 1e3))
        return;
    struct rectangle all = {0, 0, surface->width_px, surface->height_px};
    int left = whole(floor(x + 0.5)), top = whole(floor(y + 0.5));
    int right = whole(floor(x + picture->width_px * scale + 0.5));
    int bottom = whole(floor(y + picture->height_px * scale + 0.5));
    struct rectangle area = rectangle_cut((struct rectangle){left, top, right - left, bottom - top}, all);
    if (area.width == 0 || area.height == 0)
        return;
    if (right - left == picture->width_px && bottom - top == picture->height_px)
        draw_plain(surface, area, picture, left, top, paper_rgb);
    else
        draw_scaled(surface, area, picture, x, y, scale, paper_rgb);
}
