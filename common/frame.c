#include "common/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/memfd.h"

#define BYTES_PER_PIXEL 4
#define STRIDE_ALIGN    64

static uint64_t align_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) / alignment * alignment;
}

static bool is_side(uint32_t px)
{
    return px >= FRAME_MIN_PX && px <= FRAME_MAX_PX;
}

int frame_layout_init(struct frame_layout *ret_layout, uint32_t width_px, uint32_t height_px)
{
    if (!is_side(width_px) || !is_side(height_px))
        return -EINVAL;

    /* 64 bits hold the largest product, 2^31, whatever size_t is. */
    uint64_t stride = align_up((uint64_t)width_px * BYTES_PER_PIXEL, STRIDE_ALIGN);
    uint64_t slot = align_up(stride * height_px, (uint64_t)sysconf(_SC_PAGESIZE));
    if (slot * FRAME_SLOTS > FRAME_MAX_BYTES)
        return -E2BIG;

    *ret_layout = (struct frame_layout){
        .width_px = width_px,
        .height_px = height_px,
        .stride_bytes = stride,
        .slot_bytes = slot,
        .total_bytes = slot * FRAME_SLOTS,
    };
    return 0;
}

int frame_create(const struct frame_layout *layout, int *ret_fd, _Bool *ret_noexec_seal)
{
    bool noexec_seal;
    CLOSE_FD int fd = -1;
    int result = memfd_make("frame", &fd, &noexec_seal);
    if (result < 0)
        return result;
    if (ftruncate(fd, (off_t)layout->total_bytes) < 0)
        return -errno;
    /* For as long as the broker maps it: no SIGBUS. */
    result = memfd_seal(fd, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL, layout->total_bytes);
    if (result < 0)
        return result;

    *ret_fd = fd_steal(&fd);
    *ret_noexec_seal = noexec_seal;
    return 0;
}

int frame_map(const struct frame_layout *layout, int fd, _Bool writable, uint8_t **ret_pixels)
{
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *pixels = mmap(NULL, layout->total_bytes, protection, MAP_SHARED, fd, 0);
    if (pixels == MAP_FAILED)
        return -errno;
    *ret_pixels = pixels;
    return 0;
}

void frame_unmap(const struct frame_layout *layout, uint8_t *pixels)
{
    if (pixels)
        munmap(pixels, layout->total_bytes);
}
