/* The first frame of a GIF, as a GIF of its own: MuPDF lays all frames of an animation over one another, on the
 * background colour that browsers have long ignored. */
#ifndef RENDERER_ENGINES_GIF_FRAME_H
#define RENDERER_ENGINES_GIF_FRAME_H

#include <stddef.h>
#include <stdint.h>

/* 0 with *ret_gif (the caller frees it): the same screen with one frame on a transparent ground; -ENOTSUP when no
 * whole frame is found in it, -ENOMEM. */
int gif_first_frame(const uint8_t *bytes, size_t n_bytes, uint8_t **ret_gif, size_t *ret_n_bytes);

#endif
