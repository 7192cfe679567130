/* A scene: a small text that describes a picture, drawn without any library. It shows what the sandbox can do on a
 * host where no other engine was built, and gives benchmarks frames that cost the same everywhere.
 *
 *     vitrine-scene
 *     title  Rings over a lake        the document's title
 *     figure rings                    blank, text, rings, bars, waves or motion
 *     top    #10243f                  the background's colour above ...
 *     bottom #3f6f8f                  ... and below
 *     accent #ffd27f                  the figure's colour
 *     ink    #ffffff                  the text's colour
 *     frames 240                      the pages of the document: frame n of the animation is page n
 *     text   A line of text           one line; up to 32
 *
 * Empty lines and lines that begin with # say nothing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/font.h"
#include "renderer/engine.h"

#define MAX_LINES     32
#define MAX_FRAMES    100000
#define MOVING_FRAMES 240 /* one turn of every figure */
#define FRAME_MS      20
#define TURN          6.2831853f

enum figure { FIGURE_BLANK, FIGURE_TEXT, FIGURE_RINGS, FIGURE_BARS, FIGURE_WAVES, FIGURE_MOTION };

static const struct {
    const char *name;
    bool moves;
} figures[] = {
    [FIGURE_BLANK] = {"blank", false}, [FIGURE_TEXT] = {"text", false},  [FIGURE_RINGS] = {"rings", true},
    [FIGURE_BARS] = {"bars", true},    [FIGURE_WAVES] = {"waves", true}, [FIGURE_MOTION] = {"motion", true},
};
#define N_FIGURES (sizeof(figures) / sizeof(figures[0]))

/* A piece of the source. */
struct line {
    const char *text;
    size_t n;
};

struct scene {
    enum figure figure;
    uint32_t top, bottom, accent, ink; /* 0xRRGGBB */
    uint32_t n_frames;                 /* 0: what the figure needs */
    struct line lines[MAX_LINES];
    size_t n_lines;
    int width_px, height_px; /* of the window */
    uint32_t n_pages;
};

static const enum document_kind kinds[] = {DOCUMENT_SCENE, DOCUMENT_UNKNOWN};

/* Reading. */

/* Takes the next line off the rest, without its end. */
static struct line next_line(struct line *rest)
{
    const char *end = memchr(rest->text, '\n', rest->n);
    struct line line = {rest->text, end ? (size_t)(end - rest->text) : rest->n};
    size_t taken = line.n + (end != NULL);
    rest->text += taken;
    rest->n -= taken;
    if (line.n > 0 && line.text[line.n - 1] == '\r')
        line.n--;
    return line;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Takes the first word off a line, and the spaces after it. */
static struct line next_word(struct line *line)
{
    size_t n = 0;
    while (n < line->n && !is_blank(line->text[n]))
        n++;
    struct line word = {line->text, n};
    while (n < line->n && is_blank(line->text[n]))
        n++;
    line->text += n;
    line->n -= n;
    return word;
}

static bool is_word(struct line line, const char *word)
{
    return line.n == strlen(word) && memcmp(line.text, word, line.n) == 0;
}

static bool parse_number(struct line value, int base, size_t max_digits, uint32_t *ret_number)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t number = 0;
    if (value.n == 0 || value.n > max_digits)
        return false;
    for (size_t i = 0; i < value.n; i++) {
        char c = value.text[i];
        const char *digit = memchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c, (size_t)base);
        if (!digit)
            return false;
        number = number * (uint32_t)base + (uint32_t)(digit - digits);
    }
    *ret_number = number;
    return true;
}

static bool parse_colour(struct line value, uint32_t *ret_rgb)
{
    if (value.n != 7 || value.text[0] != '#')
        return false;
    return parse_number((struct line){value.text + 1, 6}, 16, 6, ret_rgb);
}

static bool parse_figure(struct line value, enum figure *ret_figure)
{
    for (size_t i = 0; i < N_FIGURES; i++) {
        if (is_word(value, figures[i].name)) {
            *ret_figure = (enum figure)i;
            return true;
        }
    }
    return false;
}

static bool parse_frames(struct line value, uint32_t *ret_n)
{
    uint32_t n;
    if (!parse_number(value, 10, 6, &n) || n == 0 || n > MAX_FRAMES)
        return false;
    *ret_n = n;
    return true;
}

static bool add_text(struct scene *scene, struct line value)
{
    if (scene->n_lines == MAX_LINES)
        return false;
    scene->lines[scene->n_lines++] = value;
    return true;
}

/* False when the key is unknown or its value makes no sense. */
static bool set(struct scene *scene, struct engine_facts *facts, struct line key, struct line value)
{
    if (is_word(key, "title")) {
        engine_title(facts, value.text, value.n);
        return true;
    }
    if (is_word(key, "text"))
        return add_text(scene, value);
    if (is_word(key, "figure"))
        return parse_figure(value, &scene->figure);
    if (is_word(key, "frames"))
        return parse_frames(value, &scene->n_frames);
    if (is_word(key, "top"))
        return parse_colour(value, &scene->top);
    if (is_word(key, "bottom"))
        return parse_colour(value, &scene->bottom);
    if (is_word(key, "accent"))
        return parse_colour(value, &scene->accent);
    return is_word(key, "ink") && parse_colour(value, &scene->ink);
}

static int parse(struct scene *scene, const struct engine_source *source, struct engine_facts *facts)
{
    struct line rest = {(const char *)source->bytes, source->n_bytes};
    if (rest.n >= 3 && memcmp(rest.text, "\xef\xbb\xbf", 3) == 0) {
        rest.text += 3;
        rest.n -= 3;
    }
    next_line(&rest); /* "vitrine-scene": how it was recognised */
    for (unsigned number = 2; rest.n > 0; number++) {
        struct line line = next_line(&rest);
        if (line.n == 0 || line.text[0] == '#')
            continue;
        struct line key = next_word(&line);
        if (!set(scene, facts, key, line))
            return engine_refuse(facts, REFUSAL_BROKEN, "line %u: '%.*s' makes no sense here", number,
                                 key.n < 32 ? (int)key.n : 32, key.text);
    }
    return 0;
}

static int scene_open(const struct engine_source *source, void **ret_document, struct engine_facts *facts)
{
    struct scene *scene = malloc(sizeof(*scene));
    if (!scene)
        return engine_refuse(facts, REFUSAL_MEMORY, "no memory to begin with");
    *scene = (struct scene){.top = 0x16263f, .bottom = 0x4d7ea8, .accent = 0xffd27f, .ink = 0xffffff};
    facts->title[0] = '\0';
    int r = parse(scene, source, facts);
    if (r < 0) {
        free(scene);
        return r;
    }
    scene->width_px = source->width_px;
    scene->height_px = source->height_px;
    scene->n_pages = facts->n_pages = scene->n_frames                ? scene->n_frames
                                      : figures[scene->figure].moves ? MOVING_FRAMES
                                                                     : 1;
    *ret_document = scene;
    return 0;
}

static void scene_close(void *opened)
{
    free(opened);
}

/* Drawing. Everything is placed in pixels of the zoomed scene, and moved by whole pixels: so a part of it is the same,
 * however it is scrolled. */

struct stage {
    const struct canvas *canvas;
    const struct scene *scene;
    int x, y;            /* of the scene's top left corner on the canvas */
    float width, height; /* of the zoomed scene */
    float phase;         /* 0 to 1 within one turn */
};

static unsigned mix_channel(unsigned from, unsigned to, unsigned weight)
{
    return (from * (256 - weight) + to * weight) >> 8;
}

/* weight: 0 is all from, 256 all to. */
static uint32_t mix(uint32_t from, uint32_t to, unsigned weight)
{
    return mix_channel(from >> 16 & 255, to >> 16 & 255, weight) << 16 |
           mix_channel(from >> 8 & 255, to >> 8 & 255, weight) << 8 | mix_channel(from & 255, to & 255, weight);
}

static uint8_t *pixel_at(const struct canvas *canvas, int x, int y)
{
    return canvas->pixels + (size_t)y * canvas->stride_bytes + (size_t)x * 4;
}

static void tint(uint8_t *pixel, uint32_t rgb, unsigned weight)
{
    pixel[0] = (uint8_t)mix_channel(pixel[0], rgb >> 16 & 255, weight);
    pixel[1] = (uint8_t)mix_channel(pixel[1], rgb >> 8 & 255, weight);
    pixel[2] = (uint8_t)mix_channel(pixel[2], rgb & 255, weight);
}

static unsigned weight_of(float share)
{
    return share <= 0 ? 0 : share >= 1 ? 256 : (unsigned)(share * 256);
}

/* A place in whole pixels; what is far outside stays outside. */
static int whole(float place)
{
    return (int)fminf(fmaxf(place, -5e8f), 5e8f);
}

/* The part of a range that is on the canvas, whole pixels of it. */
static void cut(float from, float to, int offset, int length, int *ret_first, int *ret_end)
{
    int first = whole(floorf(from)) + offset, end = whole(ceilf(to)) + offset;
    *ret_first = first < 0 ? 0 : first;
    *ret_end = end > length ? length : end;
}

static void fill(const struct stage *stage, int x, int y, int width, int height, uint32_t rgb)
{
    canvas_fill(stage->canvas, x + stage->x, y + stage->y, width, height, rgb);
}

static void draw_background(const struct stage *stage)
{
    const struct canvas *canvas = stage->canvas;
    for (int y = 0; y < canvas->height_px; y++) {
        float share = (float)(y - stage->y) / stage->height;
        if (stage->scene->figure == FIGURE_MOTION) /* day and night: every pixel of every frame changes */
            share = 0.5f + 0.5f * sinf((share * 0.5f + stage->phase) * TURN);
        uint32_t rgb = mix(stage->scene->top, stage->scene->bottom, weight_of(share));
        canvas_fill(canvas, 0, y, canvas->width_px, 1, rgb);
    }
}

/* Rings that widen from the middle and fade on their way. */
static void draw_rings(const struct stage *stage)
{
    const struct canvas *canvas = stage->canvas;
    float middle_x = stage->width / 2, middle_y = stage->height / 2;
    float reach = fminf(stage->width, stage->height) * 0.48f, gap = reach / 6;
    for (int y = 0; y < canvas->height_px; y++) {
        float dy = (float)(y - stage->y) - middle_y;
        if (fabsf(dy) >= reach)
            continue;
        uint8_t *row = pixel_at(canvas, 0, y);
        for (int x = 0; x < canvas->width_px; x++) {
            float dx = (float)(x - stage->x) - middle_x;
            float distance = sqrtf(dx * dx + dy * dy);
            if (distance >= reach)
                continue;
            float turns = distance / gap - stage->phase * 6;
            float off = fabsf(turns - floorf(turns) - 0.5f) * gap; /* pixels from the ring's line */
            float edge = gap * 0.14f + 0.5f - off;
            tint(row + (size_t)x * 4, stage->scene->accent, weight_of(edge * (1 - distance / reach)));
        }
    }
}

static void draw_bars(const struct stage *stage)
{
    const int n_bars = 24;
    float step = stage->width / (float)n_bars, floor_y = stage->height;
    for (int i = 0; i < n_bars; i++) {
        float at = (float)i / (float)n_bars;
        float level =
            0.5f + 0.28f * sinf((at * 2 + stage->phase) * TURN) + 0.18f * sinf((at * 5 - stage->phase * 2) * TURN);
        float height = stage->height * 0.6f * level;
        uint32_t rgb = mix(stage->scene->accent, stage->scene->bottom, weight_of(0.6f - 0.6f * level));
        fill(stage, whole(step * ((float)i + 0.15f)), whole(floor_y - height), whole(step * 0.7f), whole(ceilf(height)),
             rgb);
    }
}

/* One sheet of water, from its line down to the canvas' end. */
static void draw_wave(const struct stage *stage, float level, float swing, float length, float shift, unsigned weight)
{
    const struct canvas *canvas = stage->canvas;
    for (int x = 0; x < canvas->width_px; x++) {
        float at = (float)(x - stage->x) / stage->width;
        float line = stage->height * (level + swing * sinf((at * length + shift) * TURN));
        int y = whole(floorf(line)) + stage->y;
        if (y >= 0 && y < canvas->height_px) /* the line itself, smoothed */
            tint(pixel_at(canvas, x, y), stage->scene->accent,
                 weight_of((float)weight / 256 * (1 - (line - floorf(line)))));
        for (y = y < 0 ? 0 : y + 1; y < canvas->height_px; y++)
            tint(pixel_at(canvas, x, y), stage->scene->accent, weight);
    }
}

static void draw_waves(const struct stage *stage)
{
    draw_wave(stage, 0.58f, 0.045f, 1.5f, stage->phase, 60);
    draw_wave(stage, 0.68f, 0.040f, 2.0f, -stage->phase, 70);
    draw_wave(stage, 0.79f, 0.035f, 2.5f, 2 * stage->phase, 80);
}

/* A ball on its way around the stage. */
static void draw_motion(const struct stage *stage)
{
    const struct canvas *canvas = stage->canvas;
    float radius = fminf(stage->width, stage->height) * 0.09f;
    float middle_x = stage->width * (0.5f + 0.38f * sinf(stage->phase * TURN));
    float middle_y = stage->height * (0.5f + 0.36f * sinf(stage->phase * TURN * 2));
    int top, bottom, left, right;
    cut(middle_y - radius, middle_y + radius, stage->y, canvas->height_px, &top, &bottom);
    cut(middle_x - radius, middle_x + radius, stage->x, canvas->width_px, &left, &right);
    for (int y = top; y < bottom; y++) {
        for (int x = left; x < right; x++) {
            float dx = (float)(x - stage->x) - middle_x, dy = (float)(y - stage->y) - middle_y;
            float edge = radius - sqrtf(dx * dx + dy * dy);
            tint(pixel_at(canvas, x, y), stage->scene->accent, weight_of(edge));
        }
    }
}

/* In the middle, the first line larger than the others. */
static void draw_text(const struct stage *stage)
{
    const struct canvas *canvas = stage->canvas;
    const struct font_target target = {canvas->pixels, canvas->width_px, canvas->height_px, canvas->stride_bytes};
    int scale = (int)fmaxf(1, fminf(stage->width / 480, 64));
    float y = stage->height * 0.12f;
    for (size_t i = 0; i < stage->scene->n_lines; i++) {
        const struct line *line = &stage->scene->lines[i];
        int size = i == 0 ? 2 * scale : scale;
        size_t n = line->n < 256 ? line->n : 256;
        float width = (float)n * FONT_WIDTH_PX * (float)size;
        float x = (stage->width - width) / 2;
        font_draw(&target, whole(x) + stage->x, whole(y) + stage->y, size, stage->scene->ink, line->text, n);
        y += (float)(FONT_HEIGHT_PX * size) * 1.35f;
    }
}

/* A scroll position; what is far outside stays outside. */
static int near(int place)
{
    const int most = 1 << 28;
    return place < -most ? -most : place > most ? most : place;
}

static int scene_paint(void *opened, const struct engine_view *view, const struct canvas *canvas,
                       struct engine_facts *facts)
{
    (void)facts;
    const struct scene *scene = opened;
    const uint32_t frame = (view->page + view->frame) % scene->n_pages;
    const struct stage stage = {
        .canvas = canvas,
        .scene = scene,
        .x = -near(view->x_px),
        .y = -near(view->y_px),
        .width = (float)scene->width_px * view->zoom,
        .height = (float)scene->height_px * view->zoom,
        .phase = (float)(frame % MOVING_FRAMES) / MOVING_FRAMES,
    };
    draw_background(&stage);
    switch (scene->figure) {
    case FIGURE_BLANK:
    case FIGURE_TEXT:
        break;
    case FIGURE_RINGS:
        draw_rings(&stage);
        break;
    case FIGURE_BARS:
        draw_bars(&stage);
        break;
    case FIGURE_WAVES:
        draw_waves(&stage);
        break;
    case FIGURE_MOTION:
        draw_motion(&stage);
        break;
    }
    draw_text(&stage);
    return 0;
}

/* For a viewer. */

static int scene_measure(void *opened, const struct engine_view *view, struct engine_box *ret_box,
                         struct engine_facts *facts)
{
    (void)facts;
    const struct scene *scene = opened;
    *ret_box = (struct engine_box){0, 0, whole(fmaxf(1, (float)scene->width_px * view->zoom)),
                                   whole(fmaxf(1, (float)scene->height_px * view->zoom))};
    return 0;
}

static int scene_resize(void *opened, int width_px, int height_px, float zoom, struct engine_view *view,
                        struct engine_facts *facts)
{
    (void)facts;
    struct scene *scene = opened;
    double across = (double)width_px * (double)zoom / ((double)scene->width_px * (double)view->zoom);
    double down = (double)height_px * (double)zoom / ((double)scene->height_px * (double)view->zoom);
    view->x_px = whole((float)(view->x_px * across));
    view->y_px = whole((float)(view->y_px * down));
    view->zoom = zoom;
    scene->width_px = width_px;
    scene->height_px = height_px;
    return 0;
}

/* Each page is a frame as well: played from a page on, it goes round. */
static int scene_animation(void *opened, const struct engine_view *view, struct engine_animation *ret_animation,
                           struct engine_facts *facts)
{
    (void)view;
    (void)facts;
    const struct scene *scene = opened;
    *ret_animation = (struct engine_animation){
        .n_frames = scene->n_pages < ENGINE_MAX_FRAMES ? scene->n_pages : ENGINE_MAX_FRAMES, .delay_ms = FRAME_MS};
    if (!figures[scene->figure].moves)
        *ret_animation = (struct engine_animation){.n_frames = 1, .n_loops = 1};
    return 0;
}

const struct engine scene_engine = {
    .name = "scene",
    .kinds = kinds,
    .open = scene_open,
    .paint = scene_paint,
    .close = scene_close,
    .measure = scene_measure,
    .resize = scene_resize,
    .animation = scene_animation,
};
