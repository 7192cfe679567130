/* WebP, by libwebp: the picture, or an animation frame by frame. */
#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "renderer/engine.h"
#include "renderer/engines/webp_animation.h"

struct document {
    const uint8_t *bytes; /* the source's */
    size_t n_bytes;
    int width_px, height_px; /* of the whole picture */
    int window_width_px, window_height_px;
    struct webp_animation *animation; /* NULL: it does not move, or does not fit the memory */
    void (*progress)(void);
    /* The picture as it was last scrolled or enlarged; without pixels there is none. */
    struct canvas decoded;
    uint32_t decoded_frame;
};

/* The part of the picture that its first frame covers; all of it for a still picture. */
struct first_frame {
    WebPData data; /* the bytes to decode */
    int x, y, width, height;
};

/* Where the whole picture is shown on the canvas, and how large. */
struct placement {
    int64_t x, y, width, height;
};

static const enum document_kind kinds[] = {DOCUMENT_WEBP, DOCUMENT_UNKNOWN};

/* libwebp allocates by itself: what it will take is checked beforehand. */
static int check_size(uint64_t width, uint64_t height, struct engine_facts *facts)
{
    if (width * height > ENGINE_MAX_PIXELS)
        return engine_refuse(facts, REFUSAL_TOO_LARGE,
                             "the picture is %llu x %llu pixels, the limit is %llu megapixels",
                             (unsigned long long)width, (unsigned long long)height, ENGINE_MAX_PIXELS / 1000000);
    if (width * height * 4 > engines_memory_limit())
        return engine_refuse(facts, REFUSAL_MEMORY, "the picture needs more memory than a tab may use");
    return 0;
}

static int find_first_frame(const struct document *document, struct first_frame *ret_frame)
{
    const WebPData all = {document->bytes, document->n_bytes};
    WebPDemuxer *demuxer = WebPDemux(&all);
    if (!demuxer)
        return -1;

    WebPIterator frame;
    int r = WebPDemuxGetFrame(demuxer, 1, &frame) ? 0 : -1;
    if (r == 0) {
        *ret_frame = (struct first_frame){.data = frame.fragment,
                                          .x = frame.x_offset,
                                          .y = frame.y_offset,
                                          .width = frame.width,
                                          .height = frame.height};
        WebPDemuxReleaseIterator(&frame);
    }
    WebPDemuxDelete(demuxer);
    return r;
}

static int raster_open(const struct engine_source *source, void **ret_document, struct engine_facts *facts)
{
    const WebPData all = {source->bytes, source->n_bytes};
    WebPDemuxer *demuxer = WebPDemux(&all);
    if (!demuxer)
        return engine_refuse(facts, REFUSAL_BROKEN, "the WebP picture is damaged or cut short");
    uint32_t width = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH);
    uint32_t height = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT);
    WebPDemuxDelete(demuxer);

    int r = check_size(width, height, facts);
    if (r < 0)
        return r;
    struct document *document = calloc(1, sizeof(*document));
    if (!document)
        return engine_refuse(facts, REFUSAL_MEMORY, "no memory to begin with");
    document->bytes = source->bytes;
    document->n_bytes = source->n_bytes;
    document->width_px = (int)width;
    document->height_px = (int)height;
    document->window_width_px = source->width_px;
    document->window_height_px = source->height_px;
    document->progress = source->progress;
    document->animation = webp_animation_open(source->bytes, source->n_bytes);
    facts->n_pages = 1;
    facts->title[0] = '\0';
    *ret_document = document;
    return 0;
}

static void raster_close(void *opened)
{
    struct document *document = opened;
    if (!document)
        return;
    webp_animation_close(document->animation);
    free(document->decoded.pixels);
    free(document);
}

/* Whole within the window and in its middle at zoom 1, never enlarged by itself. */
static struct placement place(const struct document *document, float zoom)
{
    double across = (double)document->window_width_px / document->width_px;
    double down = (double)document->window_height_px / document->height_px;
    double fit = across < down ? across : down;
    double scale = (fit < 1 ? fit : 1) * (double)zoom;
    struct placement placement = {.width = (int64_t)(document->width_px * scale + 0.5),
                                  .height = (int64_t)(document->height_px * scale + 0.5)};
    if (placement.width < 1)
        placement.width = 1;
    if (placement.height < 1)
        placement.height = 1;
    int64_t spare_x = document->window_width_px - placement.width;
    int64_t spare_y = document->window_height_px - placement.height;
    placement.x = spare_x > 0 ? spare_x / 2 : 0;
    placement.y = spare_y > 0 ? spare_y / 2 : 0;
    return placement;
}

/* Lays premultiplied pixels, of any transparency, on paper. */
static void lay_on_paper(const struct canvas *target)
{
    static const uint8_t paper[3] = {CANVAS_PAPER >> 16, CANVAS_PAPER >> 8 & 0xff, CANVAS_PAPER & 0xff};
    for (int row = 0; row < target->height_px; row++) {
        uint8_t *pixel = target->pixels + (size_t)row * target->stride_bytes;
        for (int column = 0; column < target->width_px; column++, pixel += 4) {
            unsigned bare = 255u - pixel[3];
            if (bare == 0)
                continue;
            for (int i = 0; i < 3; i++)
                pixel[i] = (uint8_t)(pixel[i] + (paper[i] * bare + 127) / 255);
            pixel[3] = 255;
        }
    }
}

/* A window on a canvas; it must lie within. */
static struct canvas part_of(const struct canvas *canvas, int64_t x, int64_t y, int64_t width, int64_t height)
{
    return (struct canvas){canvas->pixels + (size_t)y * canvas->stride_bytes + (size_t)x * 4, (int)width, (int)height,
                           canvas->stride_bytes};
}

/* Decodes a frame into all of the target, scaled to its size. */
static VP8StatusCode decode_frame(const struct first_frame *frame, const struct canvas *target)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return VP8_STATUS_INVALID_PARAM;
    config.options.use_scaling = target->width_px != frame->width || target->height_px != frame->height;
    config.options.scaled_width = target->width_px;
    config.options.scaled_height = target->height_px;
    config.output.colorspace = MODE_rgbA;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = target->pixels;
    config.output.u.RGBA.stride = (int)target->stride_bytes;
    config.output.u.RGBA.size = target->stride_bytes * (size_t)(target->height_px - 1) + (size_t)target->width_px * 4;
    VP8StatusCode status = WebPDecode(frame->data.bytes, frame->data.size, &config);
    WebPFreeDecBuffer(&config.output);
    return status;
}

/* Lays a frame of the animation on all of the target, scaled to its size. */
static int decode_animation(const struct document *document, uint32_t frame, const struct canvas *target,
                            struct engine_facts *facts)
{
    const uint8_t *pixels = webp_animation_frame(document->animation, frame, document->progress);
    if (!pixels)
        return engine_refuse(facts, REFUSAL_BROKEN, "the WebP picture is damaged or cut short");
    webp_animation_scale(pixels, document->width_px, document->height_px, target);
    lay_on_paper(target);
    return 0;
}

/* Decodes the whole picture into all of the target, scaled to its size. */
static int decode(const struct document *document, uint32_t number, const struct canvas *target,
                  struct engine_facts *facts)
{
    if (document->animation)
        return decode_animation(document, number, target, facts);
    struct first_frame frame;
    if (find_first_frame(document, &frame) < 0)
        return engine_refuse(facts, REFUSAL_BROKEN, "the WebP picture has no frame");

    /* The first frame of an animation may be smaller than the picture; its edges scale with it. */
    int64_t width = target->width_px, height = target->height_px;
    int64_t left = frame.x * width / document->width_px;
    int64_t top = frame.y * height / document->height_px;
    int64_t right = ((int64_t)frame.x + frame.width) * width / document->width_px;
    int64_t bottom = ((int64_t)frame.y + frame.height) * height / document->height_px;

    canvas_fill(target, 0, 0, target->width_px, target->height_px, CANVAS_PAPER);
    if (right <= left || bottom <= top)
        return 0; /* scaled to nothing */
    struct canvas covered = part_of(target, left, top, right - left, bottom - top);
    document->progress();
    VP8StatusCode status = decode_frame(&frame, &covered);
    document->progress();
    if (status == VP8_STATUS_OUT_OF_MEMORY)
        return engine_refuse(facts, REFUSAL_MEMORY, "the picture needs more memory than a tab may use");
    if (status != VP8_STATUS_OK)
        return engine_refuse(facts, REFUSAL_BROKEN, "the WebP picture is damaged or cut short");
    lay_on_paper(&covered);
    return 0;
}

/* Makes document->decoded the picture of that size. */
static int keep_decoded(struct document *document, uint32_t frame, int64_t width, int64_t height,
                        struct engine_facts *facts)
{
    struct canvas *kept = &document->decoded;
    if (kept->pixels && document->decoded_frame == frame && kept->width_px == width && kept->height_px == height)
        return 0;
    free(kept->pixels);
    kept->pixels = NULL;
    int r = check_size((uint64_t)width, (uint64_t)height, facts);
    if (r < 0)
        return r;
    *kept = (struct canvas){malloc((size_t)width * (size_t)height * 4), (int)width, (int)height, (size_t)width * 4};
    if (!kept->pixels)
        return engine_refuse(facts, REFUSAL_MEMORY, "the picture needs more memory than a tab may use");
    document->decoded_frame = frame;
    r = decode(document, frame, kept, facts);
    if (r < 0) {
        free(kept->pixels);
        kept->pixels = NULL;
    }
    return r;
}

/* Shows the part of the decoded picture that is in sight; where it is enlarged, each of its pixels is a square. */
static void show(const struct canvas *decoded, const struct placement *placement, const struct canvas *canvas)
{
    for (int64_t y = 0; y < canvas->height_px; y++) {
        int64_t down = y - placement->y;
        if (down < 0 || down >= placement->height)
            continue;
        int64_t row = down * decoded->height_px / placement->height;
        const uint8_t *from = decoded->pixels + (size_t)row * decoded->stride_bytes;
        uint8_t *to = canvas->pixels + (size_t)y * canvas->stride_bytes;
        for (int64_t x = 0; x < canvas->width_px; x++) {
            int64_t across = x - placement->x;
            if (across >= 0 && across < placement->width)
                memcpy(to + x * 4, from + across * decoded->width_px / placement->width * 4, 4);
        }
    }
}

static int raster_paint(void *opened, const struct engine_view *view, const struct canvas *canvas,
                        struct engine_facts *facts)
{
    struct document *document = opened;
    struct placement at = place(document, view->zoom);
    at.x -= view->x_px;
    at.y -= view->y_px;
    bool reduced = at.width <= document->width_px && at.height <= document->height_px;
    bool whole = at.x >= 0 && at.y >= 0 && at.x + at.width <= canvas->width_px && at.y + at.height <= canvas->height_px;

    canvas_fill(canvas, 0, 0, canvas->width_px, canvas->height_px, CANVAS_DESK);
    if (reduced && whole) {
        struct canvas target = part_of(canvas, at.x, at.y, at.width, at.height);
        return decode(document, view->frame, &target, facts);
    }
    int r = keep_decoded(document, view->frame, reduced ? at.width : document->width_px,
                         reduced ? at.height : document->height_px, facts);
    if (r == 0)
        show(&document->decoded, &at, canvas);
    return r;
}

/* For a viewer. */

static int raster_measure(void *opened, const struct engine_view *view, struct engine_box *ret_box,
                          struct engine_facts *facts)
{
    (void)facts;
    const int64_t most = 1 << 29;
    struct placement at = place(opened, view->zoom);
    *ret_box = (struct engine_box){(int)at.x, (int)at.y, (int)(at.width < most ? at.width : most),
                                   (int)(at.height < most ? at.height : most)};
    return 0;
}

/* The pixel of another size that shows the same, unless all of it fits the window. */
static int moved(int place, int64_t start, int64_t length, int64_t new_start, int64_t new_length, int window)
{
    const double most = 1 << 29;
    if (place == 0 && new_length <= window)
        return 0;
    double to = (double)new_start + ((double)place - (double)start) * (double)new_length / (double)length;
    return (int)(to < -most ? -most : to > most ? most : to);
}

static int raster_resize(void *opened, int width_px, int height_px, float zoom, struct engine_view *view,
                         struct engine_facts *facts)
{
    (void)facts;
    struct document *document = opened;
    struct placement before = place(document, view->zoom);
    document->window_width_px = width_px;
    document->window_height_px = height_px;
    struct placement after = place(document, zoom);
    view->zoom = zoom;
    view->x_px = moved(view->x_px, before.x, before.width, after.x, after.width, width_px);
    view->y_px = moved(view->y_px, before.y, before.height, after.y, after.height, height_px);
    return 0;
}

static int raster_animation(void *opened, const struct engine_view *view, struct engine_animation *ret_animation,
                            struct engine_facts *facts)
{
    (void)facts;
    const struct document *document = opened;
    if (document->animation)
        webp_animation_tell(document->animation, view->frame, ret_animation);
    else
        *ret_animation = (struct engine_animation){.n_frames = 1, .n_loops = 1};
    return 0;
}

const struct engine raster_engine = {
    .name = "raster",
    .kinds = kinds,
    .open = raster_open,
    .paint = raster_paint,
    .close = raster_close,
    .measure = raster_measure,
    .resize = raster_resize,
    .animation = raster_animation,
};
