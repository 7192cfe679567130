/* The frame: the memory two processes share to show a page. Sizes and offsets come from here and from the order
 * that carries the frame, never from the memory itself. */
#ifndef COMMON_FRAME_H
#define COMMON_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_SLOTS        2
#define FRAME_MIN_PX       1
#define FRAME_MAX_PX       16384         /* a side */
#define FRAME_MAX_BYTES    (512u << 20)  /* both slots together */

/* RGBA, premultiplied, rows of stride_bytes (64-byte multiples), slot n at n * slot_bytes (whole pages). */
struct frame_layout {
    uint32_t width_px, height_px;
    size_t stride_bytes;
    size_t slot_bytes;
    size_t total_bytes;
};

/* 0; -EINVAL for a side out of range, -E2BIG when the whole is larger than FRAME_MAX_BYTES. */
int frame_layout_init(struct frame_layout *ret_layout, uint32_t width_px, uint32_t height_px);

/* Makes the memfd: close-on-exec, not executable, sized, sealed against growing, shrinking and further seals, and
 * verified to be so. Returns 0 and the descriptor (the caller's), or -errno. *ret_noexec_seal says whether the
 * kernel knew MFD_NOEXEC_SEAL. */
int frame_create(const struct frame_layout *layout, int *ret_fd, _Bool *ret_noexec_seal);

/* Maps the whole frame. 0 or -errno. Undo with frame_unmap. */
int frame_map(const struct frame_layout *layout, int fd, _Bool writable, uint8_t **ret_pixels);
void frame_unmap(const struct frame_layout *layout, uint8_t *pixels);

#endif
