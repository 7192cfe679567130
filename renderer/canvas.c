#include "renderer/canvas.h"

#include <string.h>

static int clamp(int64_t value, int limit)
{
    return value < 0 ? 0 : value > limit ? limit : (int)value;
}

/* Every frame begins with this, over all its pixels: worth vector instructions, which -O2 does not give. */
__attribute__((optimize("O3"))) static void fill_row(uint32_t *to, int n, uint32_t word)
{
    for (int i = 0; i < n; i++)
        to[i] = word;
}

void canvas_fill(const struct canvas *canvas, int x, int y, int width, int height, uint32_t rgb)
{
    /* 64 bits: x + width may be more than an int holds. */
    int left = clamp(x, canvas->width_px), right = clamp((int64_t)x + width, canvas->width_px);
    int top = clamp(y, canvas->height_px), bottom = clamp((int64_t)y + height, canvas->height_px);
    if (left >= right || top >= bottom)
        return;

    const uint8_t pixel[4] = {(uint8_t)(rgb >> 16), (uint8_t)(rgb >> 8), (uint8_t)rgb, 0xff};
    uint32_t word;
    memcpy(&word, pixel, sizeof(word));
    for (int row = top; row < bottom; row++)
        fill_row((uint32_t *)(void *)(canvas->pixels + (size_t)row * canvas->stride_bytes) + left, right - left, word);
}
