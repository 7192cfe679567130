#include "renderer/engines/gif_frame.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "renderer/engine.h"

/* A GIF is a screen of 13 bytes, a colour table, and blocks: extensions, among them one that tells how to draw the
 * frame after it, and frames. Table sizes are the low three bits of the byte that has HAS_TABLE. */
#define SCREEN_BYTES      13
#define SCREEN_FLAGS      10
#define FRAME_BYTES       10
#define FRAME_FLAGS       9
#define CONTROL_BYTES     8
#define HAS_TABLE         0x80
#define BLOCK_EXTENSION   0x21
#define BLOCK_FRAME       0x2c
#define BLOCK_END         0x3b
#define EXTENSION_CONTROL 0xf9

struct span {
    const uint8_t *bytes;
    size_t n;
};

/* What the first frame is made of. */
struct frame {
    struct span screen, table, control, descriptor, data;
};

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

static bool take_extension(struct span *rest, struct frame *frame)
{
    struct span start = *rest, label, pieces;
    if (!take(rest, 2, &label) || !take_pieces(rest, &pieces))
        return false;
    if (label.bytes[1] == EXTENSION_CONTROL && 2 + pieces.n == CONTROL_BYTES)
        frame->control = (struct span){start.bytes, CONTROL_BYTES};
    return true;
}

/* A frame without a table of its own takes the screen's. */
static bool take_frame(struct span *rest, struct frame *frame)
{
    struct span table, code_size, pieces;
    if (!take(rest, FRAME_BYTES, &frame->descriptor) ||
        !take(rest, table_bytes(frame->descriptor.bytes[FRAME_FLAGS]), &table) || !take(rest, 1, &code_size) ||
        !take_pieces(rest, &pieces))
        return false;
    if (table.n > 0)
        frame->table = table;
    frame->data = (struct span){code_size.bytes, 1 + pieces.n};
    return true;
}

static bool find_frame(struct span rest, struct frame *frame)
{
    if (!take(&rest, SCREEN_BYTES, &frame->screen) ||
        !take(&rest, table_bytes(frame->screen.bytes[SCREEN_FLAGS]), &frame->table))
        return false;
    while (rest.n > 0 && rest.bytes[0] == BLOCK_EXTENSION)
        if (!take_extension(&rest, frame))
            return false;
    return rest.n > 0 && rest.bytes[0] == BLOCK_FRAME && take_frame(&rest, frame);
}

static uint8_t *put(uint8_t *to, struct span from)
{
    if (from.n > 0)
        memcpy(to, from.bytes, from.n);
    return to + from.n;
}

/* Flags that tell of a table of that many bytes. */
static uint8_t flags_for(uint8_t flags, size_t n_table)
{
    flags &= (uint8_t) ~(HAS_TABLE | 7);
    for (uint8_t size = 0; size < 8; size++)
        if ((size_t)3 << (size + 1) == n_table)
            flags |= HAS_TABLE | size;
    return flags;
}

int gif_first_frame(const uint8_t *bytes, size_t n_bytes, uint8_t **ret_gif, size_t *ret_n_bytes)
{
    struct frame frame = {0};
    if (!find_frame((struct span){bytes, n_bytes}, &frame))
        return -ENOTSUP;

    size_t n_gif = frame.screen.n + frame.control.n + frame.descriptor.n + frame.table.n + frame.data.n + 1;
    uint8_t *gif = n_gif <= engines_memory_limit() ? malloc(n_gif) : NULL;
    if (!gif)
        return -ENOMEM;

    /* The table becomes the frame's own: a screen without one has no background colour. */
    uint8_t *control = put(gif, frame.screen);
    gif[SCREEN_FLAGS] = flags_for(gif[SCREEN_FLAGS], 0);
    uint8_t *descriptor = put(control, frame.control);
    uint8_t *table = put(descriptor, frame.descriptor);
    descriptor[FRAME_FLAGS] = flags_for(descriptor[FRAME_FLAGS], frame.table.n);
    uint8_t *end = put(put(table, frame.table), frame.data);
    *end = BLOCK_END;
    *ret_gif = gif;
    *ret_n_bytes = n_gif;
    return 0;
}
