#include "renderer/engines/webp_animation.h"

#include <stdlib.h>
#include <string.h>

#include <webp/demux.h>

#define SHORTEST_MS 11 /* as in browsers: what claims to be faster is shown at ten frames a second */
#define DEFAULT_MS  100

struct webp_animation {
    WebPAnimDecoder *decoder;
    struct engine_animation facts;
    const uint8_t *frame; /* the decoder's; NULL: none yet */
    uint32_t n_decoded;   /* the last is that number less one */
};

static bool is_playable(const WebPAnimInfo *info)
{
    uint64_t n_bytes = (uint64_t)info->canvas_width * info->canvas_height * 4;
    return info->frame_count > 1 && 2 * n_bytes <= engines_memory_limit(); /* libwebp keeps the one before as well */
}

static uint32_t playable_frames(const WebPAnimInfo *info)
{
    uint64_t n_pixels = (uint64_t)info->canvas_width * info->canvas_height;
    uint64_t most = n_pixels > 0 ? ENGINE_MAX_ANIMATION_PIXELS / n_pixels : 0;
    most = most < ENGINE_MAX_FRAMES ? most : ENGINE_MAX_FRAMES;
    return info->frame_count < most ? info->frame_count : (uint32_t)most;
}

/* What the file says, before anything is allocated for a whole frame. */
static bool read_facts(const WebPData *data, WebPAnimInfo *ret_info)
{
    WebPDemuxer *demuxer = WebPDemux(data);
    if (!demuxer)
        return false;
    *ret_info = (WebPAnimInfo){
        .canvas_width = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH),
        .canvas_height = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT),
        .loop_count = WebPDemuxGetI(demuxer, WEBP_FF_LOOP_COUNT),
        .frame_count = WebPDemuxGetI(demuxer, WEBP_FF_FRAME_COUNT),
    };
    WebPDemuxDelete(demuxer);
    return true;
}

struct webp_animation *webp_animation_open(const uint8_t *bytes, size_t n_bytes)
{
    const WebPData data = {bytes, n_bytes};
    WebPAnimInfo info;
    WebPAnimDecoderOptions options;
    if (!read_facts(&data, &info) || !is_playable(&info) || !WebPAnimDecoderOptionsInit(&options))
        return NULL;
    options.color_mode = MODE_rgbA;
    options.use_threads = 0;
    struct webp_animation *animation = calloc(1, sizeof(*animation));
    if (!animation)
        return NULL;
    animation->facts.n_frames = playable_frames(&info);
    animation->facts.n_loops = info.loop_count;
    animation->decoder = WebPAnimDecoderNew(&data, &options);
    if (animation->decoder)
        return animation;
    free(animation);
    return NULL;
}

void webp_animation_close(struct webp_animation *animation)
{
    if (!animation)
        return;
    WebPAnimDecoderDelete(animation->decoder);
    free(animation);
}

static uint32_t which(const struct webp_animation *animation, uint32_t frame)
{
    return frame < animation->facts.n_frames ? frame : animation->facts.n_frames - 1;
}

void webp_animation_tell(const struct webp_animation *animation, uint32_t frame, struct engine_animation *ret_animation)
{
    WebPIterator iterator;
    uint32_t delay_ms = 0;
    if (WebPDemuxGetFrame(WebPAnimDecoderGetDemuxer(animation->decoder), (int)which(animation, frame) + 1, &iterator)) {
        delay_ms = iterator.duration > 0 ? (uint32_t)iterator.duration : 0;
        WebPDemuxReleaseIterator(&iterator);
    }
    *ret_animation = animation->facts;
    ret_animation->delay_ms = delay_ms < SHORTEST_MS ? DEFAULT_MS : delay_ms;
}

const uint8_t *webp_animation_frame(struct webp_animation *animation, uint32_t frame, void (*progress)(void))
{
    frame = which(animation, frame);
    if (animation->n_decoded > frame + 1) {
        WebPAnimDecoderReset(animation->decoder);
        animation->n_decoded = 0;
    }
    while (animation->n_decoded <= frame) {
        uint8_t *pixels;
        int timestamp;
        if (!WebPAnimDecoderGetNext(animation->decoder, &pixels, &timestamp))
            return animation->n_decoded > 0 ? animation->frame : NULL; /* it ends early */
        animation->frame = pixels;
        animation->n_decoded++;
        progress();
    }
    return animation->frame;
}

/* The source pixels that number i of n stands for: at least one. */
static void share_of(int64_t i, int64_t n, int64_t n_source, int64_t *ret_first, int64_t *ret_end)
{
    *ret_first = i * n_source / n;
    *ret_end = (i + 1) * n_source / n;
    if (*ret_end <= *ret_first)
        *ret_end = *ret_first + 1;
}

static void put_mean(const uint8_t *pixels, size_t stride, int64_t left, int64_t right, int64_t top, int64_t bottom,
                     uint8_t *to)
{
    uint64_t sums[4] = {0};
    for (int64_t y = top; y < bottom; y++) {
        const uint8_t *from = pixels + (size_t)y * stride + (size_t)left * 4;
        for (int64_t x = left; x < right; x++, from += 4)
            for (int i = 0; i < 4; i++)
                sums[i] += from[i];
    }
    uint64_t n = (uint64_t)((right - left) * (bottom - top));
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)((sums[i] + n / 2) / n);
}

void webp_animation_scale(const uint8_t *pixels, int width_px, int height_px, const struct canvas *target)
{
    size_t stride = (size_t)width_px * 4;
    bool same = width_px == target->width_px && height_px == target->height_px;
    for (int64_t y = 0; y < target->height_px; y++) {
        uint8_t *to = target->pixels + (size_t)y * target->stride_bytes;
        if (same) {
            memcpy(to, pixels + (size_t)y * stride, stride);
            continue;
        }
        int64_t top, bottom;
        share_of(y, target->height_px, height_px, &top, &bottom);
        for (int64_t x = 0; x < target->width_px; x++, to += 4) {
            int64_t left, right;
            share_of(x, target->width_px, width_px, &left, &right);
            put_mean(pixels, stride, left, right, top, bottom, to);
        }
    }
}
