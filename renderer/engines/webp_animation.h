/* The frames of an animated WebP picture, each the whole picture. */
#ifndef RENDERER_ENGINES_WEBP_ANIMATION_H
#define RENDERER_ENGINES_WEBP_ANIMATION_H

#include "renderer/engine.h"

struct webp_animation;

/* bytes: a picture that libwebp can read; kept by the caller. NULL when nothing moves in it, or there is no memory for
 * whole frames: then its first frame is still a picture. */
struct webp_animation *webp_animation_open(const uint8_t *bytes, size_t n_bytes);
void webp_animation_close(struct webp_animation *animation);

void webp_animation_tell(const struct webp_animation *animation, uint32_t frame,
                         struct engine_animation *ret_animation);

/* RGBA, premultiplied, the whole picture without gaps between rows; NULL when it is damaged. The animation's, until the
 * next call. The frame after the last one asked for costs that frame alone, an earlier one all before it. */
const uint8_t *webp_animation_frame(struct webp_animation *animation, uint32_t frame, void (*progress)(void));

/* Fills the target with the picture: each pixel the mean of those it stands for, or the one it is part of. */
void webp_animation_scale(const uint8_t *pixels, int width_px, int height_px, const struct canvas *target);

#endif
