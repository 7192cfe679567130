/* Snapshots: what is written is what was painted, whole or not at all. */
#include "broker/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "tests/test.h"

#if defined HAVE_SPNG && HAVE_SPNG
#include <spng.h>

/* ---- a folder to write to, taken away by the test -------------------------------------------------------- */

static void folder_make(char path[32])
{
    snprintf(path, 32, "/tmp/snapshot-XXXXXX");
    REQUIRE(mkdtemp(path));
}

/* How many entries there are, those with a leading dot too. */
static size_t folder_count(const char *path)
{
    DIR *dir = opendir(path);
    REQUIRE(dir);
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return n;
}

static void folder_remove(const char *path)
{
    DIR *dir = opendir(path);
    REQUIRE(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    CHECK_INT(rmdir(path), ==, 0);
}

static int folder_open(const char *path)
{
    int dir_fd = -1;
    char error[256] = "";
    if (snapshot_prepare(path, &dir_fd, error, sizeof error) < 0)
        FAIL("%s", error);
    REQUIRE(dir_fd >= 0);
    return dir_fd;
}

/* ---- pictures in, pictures out --------------------------------------------------------------------------- */

static uint8_t *paint(struct frame_layout *ret_layout, uint32_t width_px, uint32_t height_px,
                      uint32_t (*colour)(uint32_t x, uint32_t y))
{
    REQUIRE(frame_layout_init(ret_layout, width_px, height_px) == 0);
    uint8_t *pixels = calloc(1, ret_layout->slot_bytes);
    REQUIRE(pixels);
    for (uint32_t y = 0; y < height_px; y++) {
        for (uint32_t x = 0; x < width_px; x++) {
            uint32_t rgb = colour(x, y);
            uint8_t *pixel = pixels + y * ret_layout->stride_bytes + 4 * x;
            pixel[0] = (uint8_t)(rgb >> 16);
            pixel[1] = (uint8_t)(rgb >> 8);
            pixel[2] = (uint8_t)rgb;
            pixel[3] = (uint8_t)x; /* not looked at */
        }
    }
    return pixels;
}

static uint32_t gradient(uint32_t x, uint32_t y)
{
    return (x & 0xff) << 16 | (y & 0xff) << 8 | ((x * y) & 0xff);
}

static uint32_t checkered(uint32_t x, uint32_t y)
{
    return (x + y) % 2 ? 0xffffff : 0;
}

static uint32_t red(uint32_t x, uint32_t y)
{
    (void)x, (void)y;
    return 0xff0000;
}

struct decoded {
    uint8_t *rgb;
    uint32_t width_px, height_px;
};

static void decode(struct decoded *decoded, int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    FILE *file = fdopen(fd, "rb");
    spng_ctx *ctx = spng_ctx_new(0);
    struct spng_ihdr header;
    size_t n_bytes;
    REQUIRE(spng_set_png_file(ctx, file) == 0);
    REQUIRE(spng_get_ihdr(ctx, &header) == 0);
    CHECK_INT(header.color_type, ==, SPNG_COLOR_TYPE_TRUECOLOR);
    REQUIRE(spng_decoded_image_size(ctx, SPNG_FMT_RGB8, &n_bytes) == 0);
    *decoded = (struct decoded){malloc(n_bytes), header.width, header.height};
    REQUIRE(decoded->rgb);
    CHECK_INT(spng_decode_image(ctx, decoded->rgb, n_bytes, SPNG_FMT_RGB8, 0), ==, 0);
    spng_ctx_free(ctx);
    fclose(file);
}

static uint32_t pixel_at(const struct decoded *decoded, uint32_t x, uint32_t y)
{
    REQUIRE(x < decoded->width_px && y < decoded->height_px);
    const uint8_t *rgb = decoded->rgb + 3 * ((size_t)y * decoded->width_px + x);
    return (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
}

static size_t count_colour(const struct decoded *decoded, uint32_t rgb)
{
    size_t n = 0;
    for (uint32_t y = 0; y < decoded->height_px; y++)
        for (uint32_t x = 0; x < decoded->width_px; x++)
            n += pixel_at(decoded, x, y) == rgb;
    return n;
}

/* ---- the folder ------------------------------------------------------------------------------------------ */

TEST(the_folder_is_made)
{
    char base[32], path[64], error[256];
    folder_make(base);
    snprintf(path, sizeof path, "%s/new", base);
    close(folder_open(path));
    close(folder_open(path)); /* again: it is there */
    CHECK_INT(rmdir(path), ==, 0);

    int dir_fd = -1;
    snprintf(path, sizeof path, "%s/no/parent", base);
    CHECK_INT(snapshot_prepare(path, &dir_fd, error, sizeof error), ==, -ENOENT);
    CHECK(strstr(error, path) && strstr(error, "cannot be made"));

    snprintf(path, sizeof path, "%s/a\033file", base);
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    CHECK_INT(snapshot_prepare(path, &dir_fd, error, sizeof error), ==, -ENOTDIR);
    CHECK(strstr(error, "a\\efile") && strstr(error, "cannot be opened"));
    CHECK_INT(dir_fd, ==, -1);
    folder_remove(base);
}

TEST(a_folder_without_permission)
{
    char path[32], error[256];
    folder_make(path);
    REQUIRE(chmod(path, 0555) == 0);
    if (geteuid() == 0)
        REQUIRE(seteuid(65534) == 0);
    int dir_fd = -1;
    int result = snapshot_prepare(path, &dir_fd, error, sizeof error);
    if (getuid() == 0)
        REQUIRE(seteuid(0) == 0);
    else
        chmod(path, 0755);
    CHECK_INT(result, ==, -EACCES);
    folder_remove(path);
}

/* ---- single pictures ------------------------------------------------------------------------------------- */

TEST(a_tab_comes_back_as_it_was)
{
    static const uint32_t sizes[][2] = {{1, 1}, {17, 3}, {300, 200}, {1, 500}};
    char path[32];
    folder_make(path);
    int dir_fd = folder_open(path);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct frame_layout layout;
        struct decoded decoded;
        uint8_t *pixels = paint(&layout, sizes[i][0], sizes[i][1], gradient);
        CHECK_INT(snapshot_write_tab(dir_fd, 7, &layout, pixels), ==, 0); /* replaces the one before */
        decode(&decoded, dir_fd, "tab-007.png");
        CHECK_INT(decoded.width_px, ==, sizes[i][0]);
        CHECK_INT(decoded.height_px, ==, sizes[i][1]);
        size_t n_wrong = 0;
        for (uint32_t y = 0; y < decoded.height_px; y++)
            for (uint32_t x = 0; x < decoded.width_px; x++)
                n_wrong += pixel_at(&decoded, x, y) != gradient(x, y);
        CHECK_INT(n_wrong, ==, 0);
        free(decoded.rgb);
        free(pixels);
    }
    CHECK_INT(folder_count(path), ==, 1);
    close(dir_fd);
    folder_remove(path);
}

TEST(names_have_three_digits_or_more)
{
    char path[32];
    folder_make(path);
    int dir_fd = folder_open(path);
    struct frame_layout layout;
    uint8_t *pixels = paint(&layout, 4, 4, red);
    CHECK_INT(snapshot_write_tab(dir_fd, 12, &layout, pixels), ==, 0);
    CHECK_INT(snapshot_write_tab(dir_fd, 1024, &layout, pixels), ==, 0);
    CHECK_INT(faccessat(dir_fd, "tab-012.png", R_OK, 0), ==, 0);
    CHECK_INT(faccessat(dir_fd, "tab-1024.png", R_OK, 0), ==, 0);
    free(pixels);
    close(dir_fd);
    folder_remove(path);
}

TEST(nothing_is_followed_or_left_behind)
{
    char path[32], temporary[64];
    folder_make(path);
    int dir_fd = folder_open(path);
    snprintf(temporary, sizeof temporary, ".tab-001.png.%ld", (long)getpid());
    REQUIRE(symlinkat("elsewhere", dir_fd, temporary) == 0);
    REQUIRE(symlinkat("elsewhere", dir_fd, "tab-001.png") == 0);
    struct frame_layout layout;
    uint8_t *pixels = paint(&layout, 4, 4, red);
    CHECK_INT(snapshot_write_tab(dir_fd, 1, &layout, pixels), ==, 0);
    struct stat status;
    CHECK_INT(fstatat(dir_fd, "tab-001.png", &status, AT_SYMLINK_NOFOLLOW), ==, 0);
    CHECK(S_ISREG(status.st_mode));
    CHECK_INT(folder_count(path), ==, 1);

    REQUIRE(mkdirat(dir_fd, "tab-002.png", 0777) == 0); /* cannot be replaced by a file */
    CHECK_INT(snapshot_write_tab(dir_fd, 2, &layout, pixels), ==, -EISDIR);
    CHECK_INT(folder_count(path), ==, 2);
    REQUIRE(unlinkat(dir_fd, "tab-002.png", AT_REMOVEDIR) == 0);
    free(pixels);
    close(dir_fd);
    folder_remove(path);
}

TEST(a_full_disk_leaves_no_half_picture)
{
    char path[32];
    folder_make(path);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", path, "tmpfs", 0, "size=64k") < 0) {
        rmdir(path);
        SKIP("only root may mount a small disk");
    }
    int dir_fd = folder_open(path);
    struct frame_layout layout;
    uint8_t *small = paint(&layout, 64, 64, red);
    CHECK_INT(snapshot_write_tab(dir_fd, 1, &layout, small), ==, 0);
    uint8_t *large = paint(&layout, 600, 600, gradient);
    CHECK_INT(snapshot_write_tab(dir_fd, 1, &layout, large), ==, -ENOSPC);
    CHECK_INT(folder_count(path), ==, 1);

    struct decoded decoded; /* the one from before is still there, and whole */
    decode(&decoded, dir_fd, "tab-001.png");
    CHECK_INT(decoded.width_px, ==, 64);
    free(decoded.rgb);
    free(small);
    free(large);
    close(dir_fd);
    CHECK_INT(umount(path), ==, 0);
    CHECK_INT(rmdir(path), ==, 0);
}

/* ---- the contact sheet ----------------------------------------------------------------------------------- */

TEST(a_sheet_holds_every_tab_at_any_number)
{
    static const unsigned counts[] = {1, 2, 3, 8, 65, 1024};
    char path[32];
    folder_make(path);
    int dir_fd = folder_open(path);
    struct frame_layout layout;
    uint8_t *pixels = paint(&layout, 320, 240, red);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct snapshot_sheet *sheet = NULL;
        REQUIRE(snapshot_sheet_create(&sheet, counts[i], &layout) == 0);
        for (unsigned number = 1; number <= counts[i]; number++)
            snapshot_sheet_put(
                sheet, &(struct snapshot_tile){.number = number, .pixels = pixels, .label = "a.pdf", .state = "live"});
        CHECK_INT(snapshot_sheet_write(sheet, dir_fd), ==, 0);
        snapshot_sheet_destroy(sheet);

        struct decoded decoded;
        decode(&decoded, dir_fd, "contact-sheet.png");
        CHECK_INT(decoded.width_px, <=, 8192);
        CHECK_INT(decoded.height_px, <=, 8192);
        /* Each tile shows its picture at least 112 wide, in its shape. */
        CHECK_INT(count_colour(&decoded, 0xff0000), >=, counts[i] * 112 * 84);
        free(decoded.rgb);
    }
    free(pixels);
    close(dir_fd);
    folder_remove(path);
}

TEST(a_picture_is_averaged_not_sampled)
{
    char path[32];
    folder_make(path);
    int dir_fd = folder_open(path);
    struct frame_layout layout;
    uint8_t *pixels = paint(&layout, 1280, 960, checkered);
    struct snapshot_sheet *sheet = NULL;
    REQUIRE(snapshot_sheet_create(&sheet, 1, &layout) == 0);
    snapshot_sheet_put(sheet, &(struct snapshot_tile){.number = 1, .pixels = pixels, .label = "x", .state = "live"});
    CHECK_INT(snapshot_sheet_write(sheet, dir_fd), ==, 0);
    struct decoded decoded;
    decode(&decoded, dir_fd, "contact-sheet.png");
    CHECK_INT(count_colour(&decoded, 0x808080), ==, 320 * 240);
    free(decoded.rgb);
    snapshot_sheet_destroy(sheet);
    free(pixels);
    close(dir_fd);
    folder_remove(path);
}

TEST(a_picture_of_any_shape_fits_its_tile)
{
    static const uint32_t sizes[][2] = {{1, 1}, {16384, 1}, {1, 16384}, {3000, 16}, {16, 3000}};
    char path[32];
    folder_make(path);
    int dir_fd = folder_open(path);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct frame_layout layout;
        uint8_t *pixels = paint(&layout, sizes[i][0], sizes[i][1], red);
        struct snapshot_sheet *sheet = NULL;
        REQUIRE(snapshot_sheet_create(&sheet, 3, &layout) == 0);
        snapshot_sheet_put(sheet,
                           &(struct snapshot_tile){.number = 3, .pixels = pixels, .label = "x", .state = "live"});
        CHECK_INT(snapshot_sheet_write(sheet, dir_fd), ==, 0);
        struct decoded decoded;
        decode(&decoded, dir_fd, "contact-sheet.png");
        CHECK_INT(decoded.width_px, <=, 2000);
        CHECK_INT(decoded.height_px, <=, 2000);
        CHECK_INT(count_colour(&decoded, 0xff0000), >, 0);
        free(decoded.rgb);
        snapshot_sheet_destroy(sheet);
        free(pixels);
    }
    close(dir_fd);
    folder_remove(path);
}

/* Pixels that differ between two sheets. */
static size_t difference(const struct decoded *a, const struct decoded *b)
{
    REQUIRE(a->width_px == b->width_px && a->height_px == b->height_px);
    size_t n = 0;
    for (uint32_t y = 0; y < a->height_px; y++)
        for (uint32_t x = 0; x < a->width_px; x++)
            n += pixel_at(a, x, y) != pixel_at(b, x, y);
    return n;
}

TEST(a_tile_without_picture_says_why)
{
    static const struct snapshot_tile tiles[] = {
        {.number = 1, .label = "x", .state = "failed", .failed = true},
        {.number = 1, .label = "x", .state = "failed", .failed = true, .reason = "killed by SIGSEGV"},
        {.number = 1, .label = "y", .state = "failed", .failed = true, .reason = "killed by SIGSEGV"},
        {.number = 1, .label = NULL, .state = "loading"},
        {.number = 1, .label = "\xff\033[31m\xe4\xbd\xa0", .state = "failed", .reason = "a\nb"},
    };
    const size_t n_tiles = sizeof tiles / sizeof tiles[0];
    char path[32], reason[2000];
    memset(reason, 'w', sizeof reason);
    reason[sizeof reason - 1] = '\0';
    folder_make(path);
    int dir_fd = folder_open(path);
    struct frame_layout layout;
    REQUIRE(frame_layout_init(&layout, 64, 48) == 0);
    struct snapshot_sheet *sheet = NULL;
    REQUIRE(snapshot_sheet_create(&sheet, 1, &layout) == 0);

    struct decoded before = {0}, after;
    for (size_t i = 0; i < n_tiles; i++) {
        snapshot_sheet_put(sheet, &tiles[i]);
        CHECK_INT(snapshot_sheet_write(sheet, dir_fd), ==, 0);
        decode(&after, dir_fd, "contact-sheet.png");
        if (before.rgb)
            CHECK_INT(difference(&before, &after), >, 20);
        free(before.rgb);
        before = after;
    }
    free(before.rgb);
    snapshot_sheet_put(sheet, &(struct snapshot_tile){.number = 1, .label = reason, .state = reason, .reason = reason});
    snapshot_sheet_destroy(sheet);
    close(dir_fd);
    folder_remove(path);
}

#else

TEST(without_an_encoder_it_says_what_is_missing)
{
    char error[256];
    int dir_fd = -1;
    CHECK_INT(snapshot_prepare("/tmp", &dir_fd, error, sizeof error), ==, -ENOTSUP);
    CHECK(strstr(error, "libspng-dev"));
}

#endif
