#include "renderer/engines/html_paint.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "renderer/engine.h"
#include "renderer/engines/fitz.h"

#define KAPPA      0.5523f /* a Bézier curve that looks like a quarter of a circle */
#define MAX_DASHES 4096    /* along one border */

static void note_error(struct html_paint *paint)
{
    if (!paint->error)
        paint->error = fz_caught(paint->ctx);
}

static void set_color(struct html_rgba rgba, float color[3])
{
    color[0] = rgba.r / 255.0f;
    color[1] = rgba.g / 255.0f;
    color[2] = rgba.b / 255.0f;
}

/* Everything keeps its order: words that wait are drawn before anything else is. Throws. */
static void flush_words(struct html_paint *paint)
{
    fz_context *ctx = paint->ctx;
    fz_text *words = paint->words;
    float color[3];
    if (!words)
        return;
    paint->words = NULL;
    set_color(paint->words_rgba, color);
    fz_try(ctx) fz_fill_text(ctx, paint->device, words, fz_identity, fz_device_rgb(ctx), color,
                             paint->words_rgba.a / 255.0f, fz_default_color_params);
    fz_always(ctx) fz_drop_text(ctx, words);
    fz_catch(ctx) fz_rethrow(ctx);
}

void html_paint_finish(struct html_paint *paint)
{
    fz_context *ctx = paint->ctx;
    fz_try(ctx) flush_words(paint);
    fz_catch(ctx) note_error(paint);
    while (paint->n_clips > 0)
        html_paint_unclip(paint);
}

void html_paint_word(struct html_paint *paint, const struct html_face *face, float size, float x, float y,
                     struct html_rgba rgba, const char *word, size_t n_bytes)
{
    fz_context *ctx = paint->ctx;
    if (paint->error || rgba.a == 0)
        return;
    fz_try(ctx)
    {
        if (paint->words && memcmp(&paint->words_rgba, &rgba, sizeof(rgba)) != 0)
            flush_words(paint);
        if (!paint->words)
            paint->words = fz_new_text(ctx);
        paint->words_rgba = rgba;
        if (html_fonts_show(paint->words, face, size, x, y, word, n_bytes) < 0)
            fz_throw(ctx, FZ_ERROR_MEMORY, "no memory for a word");
    }
    fz_catch(ctx) note_error(paint);
}

/* ---- shapes -------------------------------------------------------------------------------------------- */

/* A rounded box, clockwise. Throws. */
static void add_box(fz_context *ctx, fz_path *path, fz_rect box, const struct html_corners *c)
{
    static const struct html_corners square;
    if (!c)
        c = &square;
    const float k = 1 - KAPPA;
    fz_moveto(ctx, path, box.x0 + c->top_left[0], box.y0);
    fz_lineto(ctx, path, box.x1 - c->top_right[0], box.y0);
    if (c->top_right[0] > 0)
        fz_curveto(ctx, path, box.x1 - c->top_right[0] * k, box.y0, box.x1, box.y0 + c->top_right[1] * k, box.x1,
                   box.y0 + c->top_right[1]);
    fz_lineto(ctx, path, box.x1, box.y1 - c->bottom_right[1]);
    if (c->bottom_right[0] > 0)
        fz_curveto(ctx, path, box.x1, box.y1 - c->bottom_right[1] * k, box.x1 - c->bottom_right[0] * k, box.y1,
                   box.x1 - c->bottom_right[0], box.y1);
    fz_lineto(ctx, path, box.x0 + c->bottom_left[0], box.y1);
    if (c->bottom_left[0] > 0)
        fz_curveto(ctx, path, box.x0 + c->bottom_left[0] * k, box.y1, box.x0, box.y1 - c->bottom_left[1] * k, box.x0,
                   box.y1 - c->bottom_left[1]);
    fz_lineto(ctx, path, box.x0, box.y0 + c->top_left[1]);
    if (c->top_left[0] > 0)
        fz_curveto(ctx, path, box.x0, box.y0 + c->top_left[1] * k, box.x0 + c->top_left[0] * k, box.y0,
                   box.x0 + c->top_left[0], box.y0);
    fz_closepath(ctx, path);
}

static bool has_corners(const struct html_corners *c)
{
    return c && (c->top_left[0] > 0 || c->top_right[0] > 0 || c->bottom_right[0] > 0 || c->bottom_left[0] > 0);
}

/* Corners that overlap are made smaller together, as CSS has it. */
static struct html_corners fit_corners(fz_rect box, const struct html_corners *corners)
{
    struct html_corners c = *corners;
    float width = box.x1 - box.x0, height = box.y1 - box.y0;
    float *pairs[4][2] = {{&c.top_left[0], &c.top_right[0]},
                          {&c.bottom_left[0], &c.bottom_right[0]},
                          {&c.top_left[1], &c.bottom_left[1]},
                          {&c.top_right[1], &c.bottom_right[1]}};
    float factor = 1;
    for (int i = 0; i < 4; i++) {
        float sum = *pairs[i][0] + *pairs[i][1], side = i < 2 ? width : height;
        if (sum > side && sum > 0)
            factor = fminf(factor, fmaxf(side, 0) / sum);
    }
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 2; j++)
            *pairs[i][j] *= factor;
    return c;
}

/* Gives a path to the device. Takes the path. Throws. */
static void fill(struct html_paint *paint, fz_path *path, bool even_odd, struct html_rgba rgba)
{
    float color[3];
    set_color(rgba, color);
    fz_fill_path(paint->ctx, paint->device, path, even_odd, fz_identity, fz_device_rgb(paint->ctx), color,
                 rgba.a / 255.0f, fz_default_color_params);
}

void html_paint_box(struct html_paint *paint, fz_rect box, const struct html_corners *corners, struct html_rgba rgba)
{
    fz_context *ctx = paint->ctx;
    fz_path *path = NULL;
    if (paint->error || rgba.a == 0 || box.x0 >= box.x1 || box.y0 >= box.y1)
        return;
    fz_var(path);
    fz_try(ctx)
    {
        flush_words(paint);
        path = fz_new_path(ctx);
        struct html_corners fitted;
        if (has_corners(corners))
            fitted = fit_corners(box, corners);
        add_box(ctx, path, box, has_corners(corners) ? &fitted : NULL);
        fill(paint, path, false, rgba);
    }
    fz_always(ctx) fz_drop_path(ctx, path);
    fz_catch(ctx) note_error(paint);
}

void html_paint_disc(struct html_paint *paint, fz_rect box, bool filled, struct html_rgba rgba)
{
    float rx = (box.x1 - box.x0) / 2, ry = (box.y1 - box.y0) / 2;
    struct html_corners round = {{rx, ry}, {rx, ry}, {rx, ry}, {rx, ry}};
    struct html_side side = {1, HTML_LINE_SOLID, rgba};
    struct html_side sides[4] = {side, side, side, side};
    if (filled)
        html_paint_box(paint, box, &round, rgba);
    else
        html_paint_borders(paint, box, &round, sides);
}

/* ---- borders ------------------------------------------------------------------------------------------- */

static fz_rect shrink(fz_rect box, const struct html_side sides[4], float part)
{
    return fz_make_rect(box.x0 + sides[3].width * part, box.y0 + sides[0].width * part, box.x1 - sides[1].width * part,
                        box.y1 - sides[2].width * part);
}

static struct html_corners shrink_corners(const struct html_corners *c, const struct html_side sides[4], float part)
{
    float top = sides[0].width * part, right = sides[1].width * part, bottom = sides[2].width * part,
          left = sides[3].width * part;
    struct html_corners inner = {{c->top_left[0] - left, c->top_left[1] - top},
                                 {c->top_right[0] - right, c->top_right[1] - top},
                                 {c->bottom_right[0] - right, c->bottom_right[1] - bottom},
                                 {c->bottom_left[0] - left, c->bottom_left[1] - bottom}};
    float(*all[4])[2] = {&inner.top_left, &inner.top_right, &inner.bottom_right, &inner.bottom_left};
    for (int i = 0; i < 4; i++)
        if ((*all[i])[0] <= 0 || (*all[i])[1] <= 0)
            (*all[i])[0] = (*all[i])[1] = 0;
    return inner;
}

/* The part of a box between two insets, each a part of the border's width. Throws. */
static void fill_ring(struct html_paint *paint, fz_rect box, const struct html_corners *corners,
                      const struct html_side sides[4], float from, float to, struct html_rgba rgba)
{
    fz_context *ctx = paint->ctx;
    const struct html_corners outer = shrink_corners(corners, sides, from), inner = shrink_corners(corners, sides, to);
    const fz_rect edge = shrink(box, sides, from), hole = shrink(box, sides, to);
    fz_path *path = fz_new_path(ctx);
    fz_try(ctx)
    {
        add_box(ctx, path, edge, &outer);
        if (hole.x1 > hole.x0 && hole.y1 > hole.y0)
            add_box(ctx, path, hole, &inner);
        fill(paint, path, true, rgba);
    }
    fz_always(ctx) fz_drop_path(ctx, path);
    fz_catch(ctx) fz_rethrow(ctx);
}

/* The quadrilateral of one side between two insets. Throws. */
static void fill_side(struct html_paint *paint, fz_rect box, const struct html_side sides[4], int side, float from,
                      float to, struct html_rgba rgba)
{
    fz_context *ctx = paint->ctx;
    fz_rect o = shrink(box, sides, from), i = shrink(box, sides, to);
    const fz_point corners[4][4] = {{{o.x0, o.y0}, {o.x1, o.y0}, {i.x1, i.y0}, {i.x0, i.y0}},
                                    {{o.x1, o.y0}, {o.x1, o.y1}, {i.x1, i.y1}, {i.x1, i.y0}},
                                    {{o.x1, o.y1}, {o.x0, o.y1}, {i.x0, i.y1}, {i.x1, i.y1}},
                                    {{o.x0, o.y1}, {o.x0, o.y0}, {i.x0, i.y0}, {i.x0, i.y1}}};
    fz_path *path = fz_new_path(ctx);
    fz_try(ctx)
    {
        fz_moveto(ctx, path, corners[side][0].x, corners[side][0].y);
        for (int n = 1; n < 4; n++)
            fz_lineto(ctx, path, corners[side][n].x, corners[side][n].y);
        fz_closepath(ctx, path);
        fill(paint, path, false, rgba);
    }
    fz_always(ctx) fz_drop_path(ctx, path);
    fz_catch(ctx) fz_rethrow(ctx);
}

/* Dots and dashes along the middle of a side. Throws. */
static void stroke_side(struct html_paint *paint, fz_rect box, const struct html_side sides[4], int side)
{
    fz_context *ctx = paint->ctx;
    fz_rect m = shrink(box, sides, 0.5f);
    const fz_point ends[4][2] = {{{box.x0, m.y0}, {box.x1, m.y0}},
                                 {{m.x1, box.y0}, {m.x1, box.y1}},
                                 {{box.x0, m.y1}, {box.x1, m.y1}},
                                 {{m.x0, box.y0}, {m.x0, box.y1}}};
    bool dots = sides[side].line == HTML_LINE_DOTTED;
    const float length = side & 1 ? box.y1 - box.y0 : box.x1 - box.x0;
    const float dash = fmaxf(sides[side].width * (dots ? 1 : 3), length / MAX_DASHES);
    float color[3];
    set_color(sides[side].rgba, color);
    fz_path *path = fz_new_path(ctx);
    fz_stroke_state *stroke = NULL;
    fz_var(stroke);
    fz_try(ctx)
    {
        stroke = fz_new_stroke_state_with_dash_len(ctx, 2);
        stroke->linewidth = sides[side].width;
        stroke->dash_len = 2;
        stroke->dash_list[0] = stroke->dash_list[1] = dash;
        if (dots && sides[side].width > 2) {
            stroke->start_cap = stroke->dash_cap = stroke->end_cap = FZ_LINECAP_ROUND;
            stroke->dash_list[0] = 0.01f;
            stroke->dash_list[1] = 2 * dash;
        }
        fz_moveto(ctx, path, ends[side][0].x, ends[side][0].y);
        fz_lineto(ctx, path, ends[side][1].x, ends[side][1].y);
        fz_stroke_path(ctx, paint->device, path, stroke, fz_identity, fz_device_rgb(ctx), color,
                       sides[side].rgba.a / 255.0f, fz_default_color_params);
    }
    fz_always(ctx)
    {
        fz_drop_stroke_state(ctx, stroke);
        fz_drop_path(ctx, path);
    }
    fz_catch(ctx) fz_rethrow(ctx);
}

static struct html_rgba shade(struct html_rgba rgba, bool dark)
{
    if (dark)
        return (struct html_rgba){rgba.r * 2 / 3, rgba.g * 2 / 3, rgba.b * 2 / 3, rgba.a};
    return rgba;
}

static void draw_side(struct html_paint *paint, fz_rect box, const struct html_side sides[4], int side)
{
    bool top_left = side == 0 || side == 3;
    switch (sides[side].line) {
    case HTML_LINE_DOTTED:
    case HTML_LINE_DASHED:
        stroke_side(paint, box, sides, side);
        break;
    case HTML_LINE_DOUBLE:
        fill_side(paint, box, sides, side, 0, 1 / 3.0f, sides[side].rgba);
        fill_side(paint, box, sides, side, 2 / 3.0f, 1, sides[side].rgba);
        break;
    case HTML_LINE_INSET:
        fill_side(paint, box, sides, side, 0, 1, shade(sides[side].rgba, top_left));
        break;
    case HTML_LINE_OUTSET:
        fill_side(paint, box, sides, side, 0, 1, shade(sides[side].rgba, !top_left));
        break;
    case HTML_LINE_SOLID:
        fill_side(paint, box, sides, side, 0, 1, sides[side].rgba);
        break;
    }
}

static bool all_alike(const struct html_side sides[4])
{
    for (int i = 1; i < 4; i++)
        if (memcmp(&sides[i].rgba, &sides[0].rgba, sizeof(sides[0].rgba)) != 0 || sides[i].line != sides[0].line ||
            sides[i].width <= 0)
            return false;
    return sides[0].width > 0;
}

/* Throws. */
static void draw_borders(struct html_paint *paint, fz_rect box, const struct html_corners *corners,
                         const struct html_side sides[4])
{
    bool whole = all_alike(sides);
    if (whole && sides[0].line == HTML_LINE_SOLID) {
        fill_ring(paint, box, corners, sides, 0, 1, sides[0].rgba);
        return;
    }
    if (whole && sides[0].line == HTML_LINE_DOUBLE) {
        fill_ring(paint, box, corners, sides, 0, 1 / 3.0f, sides[0].rgba);
        fill_ring(paint, box, corners, sides, 2 / 3.0f, 1, sides[0].rgba);
        return;
    }
    bool rounded = has_corners(corners);
    if (rounded) {
        html_paint_clip(paint, box, corners);
        if (paint->error)
            return;
    }
    for (int i = 0; i < 4; i++)
        if (sides[i].width > 0 && sides[i].rgba.a > 0)
            draw_side(paint, box, sides, i);
    if (rounded)
        html_paint_unclip(paint);
}

void html_paint_borders(struct html_paint *paint, fz_rect box, const struct html_corners *corners,
                        const struct html_side sides[4])
{
    fz_context *ctx = paint->ctx;
    if (paint->error || box.x0 >= box.x1 || box.y0 >= box.y1)
        return;
    fz_try(ctx)
    {
        flush_words(paint);
        struct html_corners fitted = fit_corners(box, corners);
        draw_borders(paint, box, &fitted, sides);
    }
    fz_catch(ctx) note_error(paint);
}

/* ---- clips --------------------------------------------------------------------------------------------- */

void html_paint_clip(struct html_paint *paint, fz_rect box, const struct html_corners *corners)
{
    fz_context *ctx = paint->ctx;
    fz_path *path = NULL;
    if (paint->error)
        return;
    fz_var(path);
    fz_try(ctx)
    {
        flush_words(paint);
        path = fz_new_path(ctx);
        struct html_corners fitted;
        if (has_corners(corners))
            fitted = fit_corners(box, corners);
        add_box(ctx, path, box, has_corners(corners) ? &fitted : NULL);
        fz_clip_path(ctx, paint->device, path, 0, fz_identity, fz_infinite_rect);
        paint->n_clips++;
    }
    fz_always(ctx) fz_drop_path(ctx, path);
    fz_catch(ctx) note_error(paint);
}

void html_paint_unclip(struct html_paint *paint)
{
    fz_context *ctx = paint->ctx;
    if (paint->n_clips == 0)
        return;
    paint->n_clips--;
    fz_try(ctx)
    {
        flush_words(paint);
        fz_pop_clip(ctx, paint->device);
    }
    fz_catch(ctx) note_error(paint);
}

/* ---- pictures ------------------------------------------------------------------------------------------ */

/* Throws. */
static void draw_tiles(struct html_paint *paint, fz_image *picture, fz_rect tile, fz_rect box, bool repeat_x,
                       bool repeat_y)
{
    fz_context *ctx = paint->ctx;
    float width = tile.x1 - tile.x0, height = tile.y1 - tile.y0;
    fz_matrix place = fz_make_matrix(width, 0, 0, height, tile.x0, tile.y0);
    if (!repeat_x && !repeat_y) {
        fz_fill_image(ctx, paint->device, picture, place, 1, fz_default_color_params);
        return;
    }
    if (!repeat_x) {
        box.x0 = fmaxf(box.x0, tile.x0);
        box.x1 = fminf(box.x1, tile.x1);
    }
    if (!repeat_y) {
        box.y0 = fmaxf(box.y0, tile.y0);
        box.y1 = fminf(box.y1, tile.y1);
    }
    if (box.x0 >= box.x1 || box.y0 >= box.y1)
        return;
    fz_matrix at = fz_translate(tile.x0, tile.y0);
    fz_rect area = fz_translate_rect(box, -tile.x0, -tile.y0);
    fz_begin_tile(ctx, paint->device, area, fz_make_rect(0, 0, width, height), width, height, at);
    fz_try(ctx) fz_fill_image(ctx, paint->device, picture, place, 1, fz_default_color_params);
    fz_always(ctx) fz_end_tile(ctx, paint->device);
    fz_catch(ctx) fz_rethrow(ctx);
}

void html_paint_picture(struct html_paint *paint, fz_image *picture, fz_rect tile, fz_rect box, bool repeat_x,
                        bool repeat_y)
{
    fz_context *ctx = paint->ctx;
    if (paint->error || tile.x1 - tile.x0 < 1 || tile.y1 - tile.y0 < 1 || box.x0 >= box.x1 || box.y0 >= box.y1)
        return;
    html_paint_clip(paint, box, NULL);
    fz_try(ctx) draw_tiles(paint, picture, tile, box, repeat_x, repeat_y);
    fz_catch(ctx)
    {
        /* a picture that does not decode is left out; only memory ends the page */
        if (fz_caught(ctx) == FZ_ERROR_MEMORY)
            note_error(paint);
    }
    html_paint_unclip(paint);
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Throws. */
static void decode_base64(fz_context *ctx, fz_buffer *out, const char *p, const char *end)
{
    unsigned bits = 0, n = 0;
    for (; p < end && *p != '='; p++) {
        int digit = base64_digit(*p);
        if (digit < 0)
            continue;
        bits = bits << 6 | (unsigned)digit;
        n += 6;
        if (n >= 8) {
            n -= 8;
            fz_append_byte(ctx, out, (int)(bits >> n & 0xff));
        }
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10 : -1;
}

/* Throws. */
static void decode_percent(fz_context *ctx, fz_buffer *out, const char *p, const char *end)
{
    for (; p < end; p++) {
        if (*p == '%' && end - p > 2 && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0) {
            fz_append_byte(ctx, out, hex_digit(p[1]) << 4 | hex_digit(p[2]));
            p += 2;
        } else {
            fz_append_byte(ctx, out, (unsigned char)*p);
        }
    }
}

/* The bytes behind the comma of a data: URL. Throws. */
static fz_buffer *decode(fz_context *ctx, const char *url, const char *comma, const char *end)
{
    bool base64 = comma - url >= 7 + 5 && strncasecmp(comma - 7, ";base64", 7) == 0;
    fz_buffer *bytes = fz_new_buffer(ctx, (size_t)(end - comma));
    fz_try(ctx)
    {
        if (base64)
            decode_base64(ctx, bytes, comma + 1, end);
        else
            decode_percent(ctx, bytes, comma + 1, end);
    }
    fz_catch(ctx)
    {
        fz_drop_buffer(ctx, bytes);
        fz_rethrow(ctx);
    }
    return bytes;
}

/* Throws. */
static fz_image *open_picture(fz_context *ctx, fz_buffer *bytes)
{
    fz_image *picture = fz_new_image_from_buffer(ctx, bytes);
    if (picture->w >= 1 && picture->h >= 1 && (uint64_t)picture->w * (uint64_t)picture->h <= ENGINE_MAX_PIXELS)
        return picture;
    fz_drop_image(ctx, picture);
    fz_throw(ctx, FZ_ERROR_GENERIC, "too many pixels");
}

/* Where the bytes of a data: URL begin; NULL when it is none, or an SVG: that may hold up its parser for ever. */
static const char *find_data(const char *url, size_t n_bytes)
{
    const char *comma = memchr(url, ',', n_bytes);
    if (!comma || comma - url < 5 || strncasecmp(url, "data:", 5) != 0)
        return NULL;
    return comma - url >= 14 && strncasecmp(url + 5, "image/svg", 9) == 0 ? NULL : comma;
}

fz_image *html_paint_open_picture(const char *url, size_t n_bytes)
{
    const char *comma = find_data(url, n_bytes);
    fz_context *const ctx = fitz_context();
    fz_buffer *bytes = NULL;
    fz_image *picture = NULL;
    if (!comma)
        return NULL;
    fz_var(comma);
    fz_var(bytes);
    fz_var(picture);
    fz_try(ctx)
    {
        bytes = decode(ctx, url, comma, url + n_bytes);
        picture = open_picture(ctx, bytes);
    }
    fz_always(ctx) fz_drop_buffer(ctx, bytes);
    fz_catch(ctx) picture = NULL;
    return picture;
}

/* Bytes that can only be an SVG. */
static bool is_markup(const uint8_t *bytes, size_t n_bytes)
{
    size_t i = 0;
    while (i < n_bytes && (isspace(bytes[i]) || bytes[i] == 0xef || bytes[i] == 0xbb || bytes[i] == 0xbf))
        i++;
    return i == n_bytes || bytes[i] == '<';
}

fz_image *html_paint_read_picture(const uint8_t *bytes, size_t n_bytes)
{
    fz_context *const ctx = fitz_context();
    fz_buffer *buffer = NULL;
    fz_image *picture = NULL;
    if (is_markup(bytes, n_bytes))
        return NULL;
    fz_var(buffer);
    fz_var(picture);
    fz_try(ctx)
    {
        buffer = fz_new_buffer_from_shared_data(ctx, bytes, n_bytes);
        picture = open_picture(ctx, buffer);
    }
    fz_always(ctx) fz_drop_buffer(ctx, buffer);
    fz_catch(ctx) picture = NULL;
    return picture;
}

void html_paint_drop_picture(fz_image *picture)
{
    fz_drop_image(fitz_context(), picture);
}
