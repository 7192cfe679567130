#include "renderer/engines/gif.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "renderer/engine.h"

/* A GIF is a screen of 13 bytes, a colour table, and blocks: extensions, among them one that tells how to draw the
 * frame after it and one that tells how often all is played, and frames. Table sizes are the low three bits of the byte
 * that has HAS_TABLE. */
#define SCREEN_BYTES      13
#define SCREEN_FLAGS      10
#define FRAME_BYTES       10
#define FRAME_FLAGS       9
#define CONTROL_BYTES     8
#define HAS_TABLE         0x80
#define INTERLACED        0x40
#define TRANSPARENT       1
#define BLOCK_EXTENSION   0x21
#define BLOCK_FRAME       0x2c
#define EXTENSION_CONTROL 0xf9
#define EXTENSION_LOOP    0xff
#define LOOP_NAME         "\x0bNETSCAPE2.0\x03\x01"

#define MAX_CODE_SIZE 11 /* of a code of at most 12 bits */
#define SHORTEST_MS   20
#define DEFAULT_MS    100

struct span {
    const uint8_t *bytes;
    size_t n;
};

enum disposal { DISPOSE_CLEAR = 2, DISPOSE_RESTORE = 3 }; /* anything else: stays */

struct frame {
    struct span table, data; /* data: the code size, then pieces */
    int x, y, width, height;
    bool is_interlaced;
    unsigned disposal;
    int transparent; /* a colour's number; -1: none */
    uint32_t delay_ms;
};

struct gif {
    struct gif_facts facts;
    struct frame *frames;
    fz_pixmap *screen; /* NULL: nothing was drawn yet */
    uint8_t *saved;    /* the screen before the last frame that is to be undone, or NULL */
    uint32_t n_drawn;  /* frames on the screen: the last is that number less one */
};

/* ---- reading ------------------------------------------------------------------------------------------- */

static unsigned le16(const uint8_t *bytes)
{
    return bytes[0] | (unsigned)bytes[1] << 8;
}

static size_t table_bytes(uint8_t flags)
{
    return flags & HAS_TABLE ? (size_t)3 << ((flags & 7) + 1) : 0;
}

/* Takes n bytes off the rest; false when there are fewer. */
static bool take(struct span *rest, size_t n, struct span *ret_taken)
{
    if (rest->n < n)
        return false;
    *ret_taken = (struct span){rest->bytes, n};
    rest->bytes += n;
    rest->n -= n;
    return true;
}

/* Data come in pieces that begin with their length; the last has none. */
static bool take_pieces(struct span *rest, struct span *ret_taken)
{
    *ret_taken = (struct span){rest->bytes, 0};
    struct span piece;
    do {
        if (rest->n == 0 || !take(rest, 1u + rest->bytes[0], &piece))
            return false;
        ret_taken->n += piece.n;
    } while (piece.n > 1);
    return true;
}

/* What extensions say of the frame after them, and of all. */
struct said {
    const uint8_t *control; /* CONTROL_BYTES, or NULL */
    uint32_t n_loops;
};

static bool take_extension(struct span *rest, struct said *said)
{
    const size_t n_loop = sizeof(LOOP_NAME) - 1;
    struct span start = *rest, label, pieces;
    if (!take(rest, 2, &label) || !take_pieces(rest, &pieces))
        return false;
    if (label.bytes[1] == EXTENSION_CONTROL && 2 + pieces.n == CONTROL_BYTES)
        said->control = start.bytes;
    if (label.bytes[1] == EXTENSION_LOOP && pieces.n >= n_loop + 2 && memcmp(pieces.bytes, LOOP_NAME, n_loop) == 0) {
        unsigned n_repeats = le16(pieces.bytes + n_loop);
        said->n_loops = n_repeats ? n_repeats + 1 : 0;
    }
    return true;
}

static void obey(struct frame *frame, const uint8_t *control)
{
    frame->transparent = -1;
    frame->delay_ms = DEFAULT_MS;
    if (!control)
        return;
    frame->disposal = control[3] >> 2 & 7;
    if (control[3] & TRANSPARENT)
        frame->transparent = control[6];
    uint32_t delay_ms = le16(control + 4) * 10u;
    frame->delay_ms = delay_ms < SHORTEST_MS ? DEFAULT_MS : delay_ms;
}

/* A frame without a table of its own takes the screen's. */
static bool take_frame(struct span *rest, struct span screen_table, const uint8_t *control, struct frame *frame)
{
    struct span descriptor, code_size, pieces;
    if (!take(rest, FRAME_BYTES, &descriptor))
        return false;
    uint8_t flags = descriptor.bytes[FRAME_FLAGS];
    if (!take(rest, table_bytes(flags), &frame->table) || !take(rest, 1, &code_size) || !take_pieces(rest, &pieces))
        return false;
    if (frame->table.n == 0)
        frame->table = screen_table;
    frame->data = (struct span){code_size.bytes, 1 + pieces.n};
    frame->x = (int)le16(descriptor.bytes + 1);
    frame->y = (int)le16(descriptor.bytes + 3);
    frame->width = (int)le16(descriptor.bytes + 5);
    frame->height = (int)le16(descriptor.bytes + 7);
    frame->is_interlaced = flags & INTERLACED;
    obey(frame, control);
    return true;
}

static bool take_extensions(struct span *rest, struct said *said)
{
    while (rest->n > 0 && rest->bytes[0] == BLOCK_EXTENSION)
        if (!take_extension(rest, said))
            return false;
    return rest->n > 0 && rest->bytes[0] == BLOCK_FRAME;
}

/* Room for one more. */
static bool grow(struct gif *gif, uint32_t n)
{
    if (n & (n - 1)) /* grown at powers of two */
        return true;
    struct frame *grown = reallocarray(gif->frames, n ? 2 * (size_t)n : 1, sizeof(*grown));
    if (grown)
        gif->frames = grown;
    return grown;
}

static uint32_t most_frames(const struct gif_facts *facts)
{
    uint64_t most = ENGINE_MAX_ANIMATION_PIXELS / ((uint64_t)facts->width_px * (uint64_t)facts->height_px);
    return most < ENGINE_MAX_FRAMES ? (uint32_t)most : ENGINE_MAX_FRAMES;
}

static int read_frames(struct gif *gif, struct span rest)
{
    struct gif_facts *facts = &gif->facts;
    struct span screen, table;
    if (!take(&rest, SCREEN_BYTES, &screen) || !take(&rest, table_bytes(screen.bytes[SCREEN_FLAGS]), &table))
        return -ENOTSUP;
    facts->width_px = (int)le16(screen.bytes + 6);
    facts->height_px = (int)le16(screen.bytes + 8);
    if (facts->width_px == 0 || facts->height_px == 0)
        return -ENOTSUP;
    if ((uint64_t)facts->width_px * (uint64_t)facts->height_px > ENGINE_MAX_PIXELS)
        return -E2BIG;

    struct said said = {.n_loops = 1};
    uint32_t most = most_frames(facts);
    while (facts->n_frames < most && take_extensions(&rest, &said)) {
        struct frame frame = {0};
        if (!take_frame(&rest, table, said.control, &frame))
            break;
        if (!grow(gif, facts->n_frames))
            return -ENOMEM;
        gif->frames[facts->n_frames++] = frame;
        said.control = NULL;
    }
    facts->n_loops = said.n_loops;
    return facts->n_frames > 0 ? 0 : -ENOTSUP;
}

int gif_open(const uint8_t *bytes, size_t n_bytes, struct gif **ret_gif, struct gif_facts *ret_facts)
{
    struct gif *gif = calloc(1, sizeof(*gif));
    if (!gif)
        return -ENOMEM;
    int r = read_frames(gif, (struct span){bytes, n_bytes});
    if (r < 0) {
        gif_close(NULL, gif);
        return r;
    }
    *ret_gif = gif;
    *ret_facts = gif->facts;
    return 0;
}

void gif_close(fz_context *ctx, struct gif *gif)
{
    if (!gif)
        return;
    if (gif->screen)
        fz_drop_pixmap(ctx, gif->screen);
    free(gif->saved);
    free(gif->frames);
    free(gif);
}

uint32_t gif_delay_ms(const struct gif *gif, uint32_t frame)
{
    return gif->frames[frame < gif->facts.n_frames ? frame : gif->facts.n_frames - 1].delay_ms;
}

/* ---- drawing ------------------------------------------------------------------------------------------- */

/* The bytes of all pieces of a frame, one after the other. to has room for as much. */
static size_t join_pieces(const struct span *data, uint8_t *to)
{
    size_t n = 0;
    for (size_t i = 1; i < data->n && data->bytes[i] > 0; i += 1u + data->bytes[i]) {
        memcpy(to + n, data->bytes + i + 1, data->bytes[i]);
        n += data->bytes[i];
    }
    return n;
}

/* The row of the frame that comes i-th. */
static int row_of(const struct frame *frame, int i)
{
    static const struct {
        int first, step;
    } passes[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
    if (!frame->is_interlaced)
        return i;
    for (size_t pass = 0; pass < 4; pass++) {
        int n = (frame->height - passes[pass].first + passes[pass].step - 1) / passes[pass].step;
        if (i < n)
            return passes[pass].first + i * passes[pass].step;
        i -= n > 0 ? n : 0;
    }
    return frame->height;
}

static void put_row(const struct gif *gif, const struct frame *frame, int y, const uint8_t *row, size_t n)
{
    int width = gif->facts.width_px;
    if (y >= gif->facts.height_px)
        return;
    uint8_t *to = gif->screen->samples + (size_t)y * (size_t)gif->screen->stride;
    for (size_t i = 0; i < n && frame->x + (int)i < width; i++) {
        uint8_t *pixel = to + 4 * ((size_t)frame->x + i);
        if (row[i] == frame->transparent || 3u * row[i] + 3 > frame->table.n)
            continue;
        memcpy(pixel, frame->table.bytes + (size_t)3 * row[i], 3);
        pixel[3] = 255;
    }
}

/* What is missing at the end of a frame stays as it was. Throws. */
static void put_rows(fz_context *ctx, const struct gif *gif, const struct frame *frame, fz_stream *pixels)
{
    uint8_t row[65536];
    for (int i = 0; i < frame->height; i++) {
        size_t n = fz_read(ctx, pixels, row, (size_t)frame->width);
        put_row(gif, frame, frame->y + row_of(frame, i), row, n);
        if (n < (size_t)frame->width)
            return;
    }
}

/* Throws for want of memory alone. */
static void draw_frame(fz_context *ctx, const struct gif *gif, const struct frame *frame)
{
    unsigned code_size = frame->data.bytes[0];
    fz_stream *packed = NULL, *pixels = NULL;
    uint8_t *joined = NULL;
    if (code_size == 0 || code_size > MAX_CODE_SIZE)
        return;
    fz_var(packed);
    fz_var(pixels);
    fz_var(joined);
    fz_try(ctx)
    {
        joined = fz_malloc(ctx, frame->data.n);
        size_t n = join_pieces(&frame->data, joined);
        packed = fz_open_memory(ctx, joined, n);
        pixels = fz_open_lzwd(ctx, packed, 0, (int)code_size + 1, 1, 0);
        put_rows(ctx, gif, frame, pixels);
    }
    fz_always(ctx)
    {
        fz_drop_stream(ctx, pixels);
        fz_drop_stream(ctx, packed);
        fz_free(ctx, joined);
    }
    fz_catch(ctx)
    {
        fz_rethrow_if(ctx, FZ_ERROR_MEMORY);
    }
}

static size_t screen_bytes(const struct gif *gif)
{
    return (size_t)gif->screen->stride * (size_t)gif->screen->h;
}

/* What becomes of a frame before the next one is drawn. */
static void dispose(const struct gif *gif, const struct frame *frame)
{
    if (frame->disposal == DISPOSE_RESTORE && gif->saved)
        memcpy(gif->screen->samples, gif->saved, screen_bytes(gif));
    if (frame->disposal != DISPOSE_CLEAR)
        return;
    int right = fz_mini(frame->x + frame->width, gif->facts.width_px);
    int bottom = fz_mini(frame->y + frame->height, gif->facts.height_px);
    for (int y = frame->y; y < bottom && frame->x < right; y++)
        memset(gif->screen->samples + (size_t)y * (size_t)gif->screen->stride + (size_t)frame->x * 4, 0,
               (size_t)(right - frame->x) * 4);
}

/* Where there is no memory to keep the screen, the frame stays. */
static void save(struct gif *gif)
{
    size_t n = screen_bytes(gif);
    if (!gif->saved && n <= engines_memory_limit() / 2)
        gif->saved = malloc(n);
    if (gif->saved)
        memcpy(gif->saved, gif->screen->samples, n);
}

/* Throws. */
static void draw_next(fz_context *ctx, struct gif *gif)
{
    if (gif->n_drawn > 0)
        dispose(gif, &gif->frames[gif->n_drawn - 1]);
    const struct frame *frame = &gif->frames[gif->n_drawn++];
    if (frame->disposal == DISPOSE_RESTORE)
        save(gif);
    draw_frame(ctx, gif, frame);
}

fz_pixmap *gif_screen(fz_context *ctx, struct gif *gif, uint32_t frame, void (*progress)(void))
{
    if (frame >= gif->facts.n_frames)
        frame = gif->facts.n_frames - 1;
    if (!gif->screen)
        gif->screen = fz_new_pixmap(ctx, fz_device_rgb(ctx), gif->facts.width_px, gif->facts.height_px, NULL, 1);
    if (gif->n_drawn == 0 || gif->n_drawn > frame + 1) {
        gif->n_drawn = 0;
        memset(gif->screen->samples, 0, screen_bytes(gif));
    }
    while (gif->n_drawn <= frame) {
        draw_next(ctx, gif);
        if (progress)
            progress();
    }
    return gif->screen;
}
