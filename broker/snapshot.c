#include "broker/snapshot.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/font.h"
#include "common/text.h"

#ifndef HAVE_SPNG
#define HAVE_SPNG 0
#endif

#if HAVE_SPNG
#include <spng.h>
#include <zlib.h>
#endif

/* What is to become a PNG: RGBA whose alpha is not looked at. */
struct picture {
    const uint8_t *pixels;
    uint32_t width_px, height_px;
    size_t stride_bytes;
};

#if HAVE_SPNG

static int write_stream(spng_ctx *ctx, void *user, void *bytes, size_t n_bytes)
{
    (void)ctx;
    return fwrite(bytes, 1, n_bytes, user) == n_bytes ? 0 : SPNG_IO_ERROR;
}

static void row_without_alpha(uint8_t *rgb, const uint8_t *rgba, uint32_t width_px)
{
    for (uint32_t x = 0; x < width_px; x++) {
        rgb[3 * x + 0] = rgba[4 * x + 0];
        rgb[3 * x + 1] = rgba[4 * x + 1];
        rgb[3 * x + 2] = rgba[4 * x + 2];
    }
}

/* The broker's loop stands still meanwhile, so speed counts for more than size. At 1024x768, in milliseconds for a page
 * of text, of drawings, of photographs: 9, 8, 21; with the library's defaults 40, 38, 102, the files being half, nine
 * tenths and the whole of the size. */
static int encode_rows(spng_ctx *ctx, const struct picture *picture, uint8_t *row, FILE *out)
{
    struct spng_ihdr header = {
        .width = picture->width_px,
        .height = picture->height_px,
        .bit_depth = 8,
        .color_type = SPNG_COLOR_TYPE_TRUECOLOR,
    };
    int error = spng_set_png_stream(ctx, write_stream, out);
    if (!error)
        error = spng_set_ihdr(ctx, &header);
    if (!error)
        error = spng_set_option(ctx, SPNG_FILTER_CHOICE, SPNG_FILTER_CHOICE_UP);
    if (!error)
        error = spng_set_option(ctx, SPNG_IMG_COMPRESSION_STRATEGY, Z_RLE);
    if (!error)
        error = spng_encode_image(ctx, NULL, 0, SPNG_FMT_PNG, SPNG_ENCODE_PROGRESSIVE | SPNG_ENCODE_FINALIZE);
    for (uint32_t y = 0; !error && y < picture->height_px; y++) {
        row_without_alpha(row, picture->pixels + y * picture->stride_bytes, picture->width_px);
        error = spng_encode_row(ctx, row, 3 * (size_t)picture->width_px);
    }
    return error == SPNG_EOI ? 0 : error;
}

/* 0 or -errno. */
static int encode(const struct picture *picture, FILE *out)
{
    spng_ctx *ctx = spng_ctx_new(SPNG_CTX_ENCODER);
    uint8_t *row = malloc(3 * (size_t)picture->width_px);
    int result = -ENOMEM;
    if (ctx && row) {
        errno = 0;
        int error = encode_rows(ctx, picture, row, out);
        if (error == SPNG_IO_ERROR)
            result = errno ? -errno : -EIO;
        else if (error == SPNG_EMEM)
            result = -ENOMEM;
        else
            result = error ? -EINVAL : 0;
    }
    free(row);
    spng_ctx_free(ctx);
    return result;
}

#else

static int encode(const struct picture *picture, FILE *out)
{
    (void)picture, (void)out;
    return -ENOTSUP;
}

#endif

/* Encodes into a new file of that name. What has been written stays on failure. */
static int write_new_file(int dir_fd, const char *name, const struct picture *picture)
{
    CLOSE_FD int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    FILE *out = fdopen(fd, "wb");
    if (!out)
        return -errno;
    (void)fd_steal(&fd);
    int result = encode(picture, out);
    if (fclose(out) != 0 && result == 0)
        result = -errno; /* the last bytes may be those that found the disk full */
    return result;
}

static int write_picture(int dir_fd, const char *name, const struct picture *picture)
{
    char temporary[64];
    snprintf(temporary, sizeof temporary, ".%s.%ld", name, (long)getpid());
    unlinkat(dir_fd, temporary, 0); /* of a broker that had our number and was killed */
    int result = write_new_file(dir_fd, temporary, picture);
    if (result == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
        result = -errno;
    if (result < 0)
        unlinkat(dir_fd, temporary, 0);
    return result;
}

static int prepare_failed(const char *dir, const char *what, int error, char *ret_error, size_t n_error)
{
    char shown[256];
    text_escape(shown, sizeof shown, dir, strlen(dir));
    snprintf(ret_error, n_error, "snapshot folder %s %s: %s", shown, what, strerror(error));
    return -error;
}

int snapshot_prepare(const char *dir, int *ret_dir_fd, char *ret_error, size_t n_error)
{
    if (!HAVE_SPNG) {
        snprintf(ret_error, n_error,
                 "--snapshot cannot be had: built without libspng; install libspng-dev and build again");
        return -ENOTSUP;
    }
    if (mkdir(dir, 0777) < 0 && errno != EEXIST)
        return prepare_failed(dir, "cannot be made (its parent must be there and writable)", errno, ret_error, n_error);
    CLOSE_FD int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return prepare_failed(dir, "cannot be opened", errno, ret_error, n_error);
    if (faccessat(dir_fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
        return prepare_failed(dir, "cannot be written to", errno, ret_error, n_error);
    *ret_dir_fd = fd_steal(&dir_fd);
    return 0;
}

int snapshot_write_tab(int dir_fd, unsigned number, const struct frame_layout *layout, const uint8_t *pixels)
{
    char name[32];
    snprintf(name, sizeof name, "tab-%03u.png", number);
    const struct picture picture = {pixels, layout->width_px, layout->height_px, layout->stride_bytes};
    return write_picture(dir_fd, name, &picture);
}

int snapshot_remove_tab(int dir_fd, unsigned number)
{
    char name[32];
    snprintf(name, sizeof name, "tab-%03u.png", number);
    return unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* ---- the contact sheet ---------------------------------------------------------------------------------- */

#define SHEET_MAX_WIDTH_PX 4096 /* about; with it, 1024 tabs make a picture of some 16 million pixels */
#define TILE_MAX_WIDTH_PX  320
#define TILE_MIN_WIDTH_PX  112
#define GAP_PX             8
#define BAR_PX             (FONT_HEIGHT_PX + 8)
#define PADDING_PX         8
#define STRIPE_PX          4

#define COLOUR_SHEET  0x1e2227u
#define COLOUR_BAR    0x343b44u
#define COLOUR_TILE   0x282d34u
#define COLOUR_TEXT   0xe8ebefu
#define COLOUR_FAINT  0xa3acb8u
#define COLOUR_LIVE   0x46b96au
#define COLOUR_FAILED 0xf0605au
#define COLOUR_OTHER  0xe0a63cu

struct snapshot_sheet {
    struct frame_layout layout;
    unsigned n_tabs, n_columns;
    int tile_width_px, picture_height_px; /* of a tile: the bar above, the picture below */
    struct font_target target;            /* the whole sheet */
};

struct rectangle {
    int x, y, width, height;
};

/* As square as may be, or a column more where that leaves fewer empty places. */
static unsigned choose_columns(unsigned n_tabs)
{
    unsigned n = 1;
    while (n * n < n_tabs)
        n++;
    unsigned n_empty = (n - n_tabs % n) % n;
    unsigned n_empty_wider = (n + 1 - n_tabs % (n + 1)) % (n + 1);
    return n > 1 && n_empty_wider < n_empty ? n + 1 : n;
}

static int clamp(int value, int least, int most)
{
    return value < least ? least : value > most ? most : value;
}

static void fill(const struct font_target *target, struct rectangle area, uint32_t rgb)
{
    const uint8_t pixel[4] = {(uint8_t)(rgb >> 16), (uint8_t)(rgb >> 8), (uint8_t)rgb, 0xff};
    for (int y = area.y; y < area.y + area.height; y++) {
        uint8_t *out = target->pixels + (size_t)y * target->stride_bytes + 4 * (size_t)area.x;
        for (int x = 0; x < area.width; x++, out += 4)
            memcpy(out, pixel, sizeof pixel);
    }
}

int snapshot_sheet_create(struct snapshot_sheet **ret_sheet, unsigned n_tabs, const struct frame_layout *layout)
{
    struct snapshot_sheet *sheet = calloc(1, sizeof *sheet);
    if (!sheet)
        return -ENOMEM;
    sheet->layout = *layout;
    sheet->n_tabs = n_tabs;
    sheet->n_columns = choose_columns(n_tabs);

    int most = clamp(SHEET_MAX_WIDTH_PX / (int)sheet->n_columns - GAP_PX, TILE_MIN_WIDTH_PX, TILE_MAX_WIDTH_PX);
    int width = clamp((int)layout->width_px, TILE_MIN_WIDTH_PX, most);
    int height = (int)((uint64_t)layout->height_px * (unsigned)width / layout->width_px);
    sheet->tile_width_px = width;
    sheet->picture_height_px = clamp(height, width / 2, width * 3 / 2);

    int n_rows = (int)((n_tabs + sheet->n_columns - 1) / sheet->n_columns);
    struct font_target *target = &sheet->target;
    target->width_px = GAP_PX + (int)sheet->n_columns * (width + GAP_PX);
    target->height_px = GAP_PX + n_rows * (BAR_PX + sheet->picture_height_px + GAP_PX);
    target->stride_bytes = 4 * (size_t)target->width_px;
    target->pixels = malloc(target->stride_bytes * (size_t)target->height_px);
    if (!target->pixels) {
        snapshot_sheet_destroy(sheet);
        return -ENOMEM;
    }
    fill(target, (struct rectangle){0, 0, target->width_px, target->height_px}, COLOUR_SHEET);
    *ret_sheet = sheet;
    return 0;
}

void snapshot_sheet_destroy(struct snapshot_sheet *sheet)
{
    if (sheet)
        free(sheet->target.pixels);
    free(sheet);
}

/* The mean of the pixels from x0, y0 up to x1, y1. */
static void average(const struct picture *source, uint32_t x0, uint32_t y0, uint32_t x1, uint32_t y1, uint8_t *out)
{
    uint64_t red = 0, green = 0, blue = 0;
    for (uint32_t y = y0; y < y1; y++) {
        const uint8_t *pixel = source->pixels + y * source->stride_bytes + 4 * (size_t)x0;
        for (uint32_t x = x0; x < x1; x++, pixel += 4) {
            red += pixel[0];
            green += pixel[1];
            blue += pixel[2];
        }
    }
    uint64_t n = (uint64_t)(x1 - x0) * (y1 - y0);
    out[0] = (uint8_t)((red + n / 2) / n);
    out[1] = (uint8_t)((green + n / 2) / n);
    out[2] = (uint8_t)((blue + n / 2) / n);
    out[3] = 0xff;
}

/* Where the box of one target pixel begins and ends in the source, never empty. */
static uint32_t box_begin(int i, int n_target, uint32_t n_source)
{
    return (uint32_t)((uint64_t)i * n_source / (unsigned)n_target);
}

static uint32_t box_end(int i, int n_target, uint32_t n_source)
{
    uint32_t begin = box_begin(i, n_target, n_source);
    uint32_t end = box_begin(i + 1, n_target, n_source);
    return end > begin ? end : begin + 1;
}

static void draw_scaled(const struct font_target *target, struct rectangle area, const struct picture *source)
{
    for (int y = 0; y < area.height; y++) {
        uint8_t *out = target->pixels + (size_t)(area.y + y) * target->stride_bytes + 4 * (size_t)area.x;
        uint32_t y0 = box_begin(y, area.height, source->height_px);
        uint32_t y1 = box_end(y, area.height, source->height_px);
        for (int x = 0; x < area.width; x++, out += 4)
            average(source, box_begin(x, area.width, source->width_px), y0, box_end(x, area.width, source->width_px),
                    y1, out);
    }
}

/* The largest place for the picture that keeps its shape, in the middle of the area; never enlarged. */
static struct rectangle fit(struct rectangle area, uint32_t width_px, uint32_t height_px)
{
    uint64_t width = width_px, height = height_px;
    if (width > (unsigned)area.width) {
        height = height * (unsigned)area.width / width;
        width = (unsigned)area.width;
    }
    if (height > (unsigned)area.height) {
        width = width * (unsigned)area.height / height;
        height = (unsigned)area.height;
    }
    int w = clamp((int)width, 1, area.width), h = clamp((int)height, 1, area.height);
    return (struct rectangle){area.x + (area.width - w) / 2, area.y + (area.height - h) / 2, w, h};
}

/* Text for the bitmap font: escaped, and a character beyond ASCII as one '?', so that bytes are places. */
static size_t plain_text(char *out, size_t n_out, const char *text)
{
    char escaped[512];
    size_t n_escaped = text_escape(escaped, sizeof escaped, text, strlen(text));
    size_t n = 0;
    for (size_t i = 0; i < n_escaped && n + 1 < n_out; i++) {
        unsigned char byte = (unsigned char)escaped[i];
        if ((byte & 0xc0) != 0x80)
            out[n++] = byte < 0x80 ? escaped[i] : '?';
    }
    out[n] = '\0';
    return n;
}

/* Cut to n_places, two dots telling so. */
static int draw_cut(const struct font_target *target, int x, int y, uint32_t rgb, const char *text, int n_places)
{
    char plain[256];
    size_t n = plain_text(plain, sizeof plain, text);
    if (n_places < 2)
        return x;
    if (n > (size_t)n_places) {
        n = (size_t)n_places;
        plain[n - 1] = plain[n - 2] = '.';
    }
    return font_draw(target, x, y, 1, rgb, plain, n);
}

static uint32_t state_colour(const struct snapshot_tile *tile)
{
    if (tile->failed)
        return COLOUR_FAILED;
    return strcmp(tile->state, "live") == 0 ? COLOUR_LIVE : COLOUR_OTHER;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static void draw_bar(const struct font_target *target, struct rectangle bar, const struct snapshot_tile *tile)
{
    fill(target, bar, COLOUR_BAR);
    fill(target, (struct rectangle){bar.x, bar.y, STRIPE_PX, bar.height}, state_colour(tile));
    char number[16];
    snprintf(number, sizeof number, "%u", tile->number);
    int y = bar.y + (bar.height - FONT_HEIGHT_PX) / 2;
    int x = draw_cut(target, bar.x + STRIPE_PX + PADDING_PX / 2, y, COLOUR_FAINT, number, (int)strlen(number) + 1);
    x += FONT_WIDTH_PX;
    draw_cut(target, x, y, COLOUR_TEXT, base_name(tile->label ? tile->label : ""),
             (bar.x + bar.width - PADDING_PX / 2 - x) / FONT_WIDTH_PX);
}

/* How much of text fits in one line of n_places: up to the last space, or all of them in one long word. */
static size_t line_length(const char *text, size_t n_places)
{
    size_t n = strnlen(text, n_places + 1);
    if (n <= n_places)
        return n;
    for (size_t i = n_places; i > 0; i--)
        if (text[i] == ' ')
            return i;
    return n_places;
}

static void draw_reason(const struct font_target *target, struct rectangle area, const struct snapshot_tile *tile)
{
    int x = area.x + PADDING_PX, y = area.y + PADDING_PX;
    int n_places = (area.width - 2 * PADDING_PX) / FONT_WIDTH_PX;
    draw_cut(target, x, y, state_colour(tile), tile->state, n_places);

    char plain[256];
    plain_text(plain, sizeof plain, tile->reason ? tile->reason : "");
    const char *text = plain;
    for (y += FONT_HEIGHT_PX + PADDING_PX / 2; *text && y + FONT_HEIGHT_PX <= area.y + area.height;
         y += FONT_HEIGHT_PX) {
        size_t n = line_length(text, (size_t)n_places);
        font_draw(target, x, y, 1, COLOUR_TEXT, text, n);
        text += n;
        text += strspn(text, " ");
    }
}

void snapshot_sheet_put(struct snapshot_sheet *sheet, const struct snapshot_tile *tile)
{
    assert(tile->number >= 1 && tile->number <= sheet->n_tabs);
    int column = (int)((tile->number - 1) % sheet->n_columns);
    int row = (int)((tile->number - 1) / sheet->n_columns);
    struct rectangle bar = {
        .x = GAP_PX + column * (sheet->tile_width_px + GAP_PX),
        .y = GAP_PX + row * (BAR_PX + sheet->picture_height_px + GAP_PX),
        .width = sheet->tile_width_px,
        .height = BAR_PX,
    };
    struct rectangle area = {bar.x, bar.y + BAR_PX, bar.width, sheet->picture_height_px};

    draw_bar(&sheet->target, bar, tile);
    fill(&sheet->target, area, COLOUR_TILE);
    if (tile->pixels) {
        const struct frame_layout *layout = &sheet->layout;
        const struct picture source = {tile->pixels, layout->width_px, layout->height_px, layout->stride_bytes};
        draw_scaled(&sheet->target, fit(area, layout->width_px, layout->height_px), &source);
    } else {
        draw_reason(&sheet->target, area, tile);
    }
}

int snapshot_sheet_write(const struct snapshot_sheet *sheet, int dir_fd)
{
    const struct font_target *target = &sheet->target;
    const struct picture picture = {target->pixels, (uint32_t)target->width_px, (uint32_t)target->height_px,
                                    target->stride_bytes};
    return write_picture(dir_fd, "contact-sheet.png", &picture);
}
