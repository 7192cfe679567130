#include "common/frame.h"
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"

TEST(layout_is_aligned_and_holds_the_pixels)
{
    static const uint32_t sides[] = {1, 2, 15, 16, 17, 63, 640, 1023, 1024, 4096, 8191};
    const size_t n_sides = sizeof(sides) / sizeof(sides[0]);
    for (size_t i = 0; i < n_sides; i++) {
        for (size_t j = 0; j < n_sides; j++) {
            struct frame_layout layout;
            REQUIRE(frame_layout_init(&layout, sides[i], sides[j]) == 0 || sides[i] * sides[j] > 1u << 26);
            CHECK_INT(layout.stride_bytes % 64, ==, 0);
            CHECK_INT(layout.stride_bytes, >=, sides[i] * 4);
            CHECK_INT(layout.slot_bytes % (size_t)sysconf(_SC_PAGESIZE), ==, 0);
            CHECK_INT(layout.slot_bytes, >=, layout.stride_bytes * sides[j]);
            CHECK_INT(layout.total_bytes, ==, layout.slot_bytes * FRAME_SLOTS);
            CHECK_INT(layout.total_bytes, <=, FRAME_MAX_BYTES);
        }
    }
}

TEST(layout_refuses_what_is_out_of_range_and_leaves_the_output)
{
    struct frame_layout layout = {.width_px = 77};
    CHECK_INT(frame_layout_init(&layout, 0, 10), ==, -EINVAL);
    CHECK_INT(frame_layout_init(&layout, 10, 0), ==, -EINVAL);
    CHECK_INT(frame_layout_init(&layout, FRAME_MAX_PX + 1, 1), ==, -EINVAL);
    CHECK_INT(frame_layout_init(&layout, 1, 65536), ==, -EINVAL);
    CHECK_INT(frame_layout_init(&layout, 0x80000000u, 0xffffffffu), ==, -EINVAL);
    CHECK_INT(frame_layout_init(&layout, FRAME_MAX_PX, FRAME_MAX_PX), ==, -E2BIG);
    CHECK_INT(layout.width_px, ==, 77);
    CHECK_INT(frame_layout_init(&layout, FRAME_MAX_PX, 1), ==, 0);
    CHECK_INT(frame_layout_init(&layout, 8192, 8192), ==, 0);
    CHECK_INT(layout.total_bytes, ==, FRAME_MAX_BYTES);
    CHECK_INT(frame_layout_init(&layout, 8193, 8192), ==, -E2BIG);
}

TEST(frame_is_sized_sealed_and_not_executable)
{
    struct frame_layout layout;
    bool noexec_seal = false;
    CLOSE_FD int fd = -1;
    REQUIRE(frame_layout_init(&layout, 300, 200) == 0);
    REQUIRE(frame_create(&layout, &fd, &noexec_seal) == 0);

    struct stat status;
    REQUIRE(fstat(fd, &status) == 0);
    CHECK_INT(status.st_size, ==, layout.total_bytes);
    CHECK_INT(status.st_mode & 0111, ==, 0);
    CHECK_INT(fcntl(fd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    CHECK_INT(ftruncate(fd, 0), ==, -1);
    CHECK_INT(errno, ==, EPERM);
    CHECK_INT(ftruncate(fd, (off_t)layout.total_bytes + 1), ==, -1);
    CHECK_INT(errno, ==, EPERM);
    CHECK_INT(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), ==, -1);
    CHECK_INT(errno, ==, EPERM);
    CHECK_INT(fchmod(fd, 0777) == 0, ==, !noexec_seal);
}

TEST(both_sides_see_the_same_pixels)
{
    struct frame_layout layout;
    bool noexec_seal;
    CLOSE_FD int fd = -1;
    uint8_t *drawn, *shown;
    REQUIRE(frame_layout_init(&layout, 33, 7) == 0);
    REQUIRE(frame_create(&layout, &fd, &noexec_seal) == 0);
    REQUIRE(frame_map(&layout, fd, true, &drawn) == 0);
    REQUIRE(frame_map(&layout, fd, false, &shown) == 0);

    memset(drawn + layout.slot_bytes, 0xab, layout.slot_bytes);
    CHECK_INT(shown[layout.slot_bytes - 1], ==, 0);
    CHECK_INT(shown[layout.slot_bytes], ==, 0xab);
    CHECK_INT(shown[layout.total_bytes - 1], ==, 0xab);
    CHECK_INT(mprotect(shown, layout.slot_bytes, PROT_READ), ==, 0);
    frame_unmap(&layout, drawn);
    frame_unmap(&layout, shown);
    frame_unmap(&layout, NULL);
}

TEST(map_tells_what_went_wrong)
{
    struct frame_layout layout;
    uint8_t *pixels = NULL;
    REQUIRE(frame_layout_init(&layout, 33, 7) == 0);
    CHECK_INT(frame_map(&layout, -1, false, &pixels), ==, -EBADF);
    CHECK(pixels == NULL);
}
