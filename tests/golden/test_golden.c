/* The samples as the broker shows them, against the pictures kept beside this file. Fonts and libraries differ a little
 * from host to host: so a tolerance. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spng.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/process/run.h"
#include "tests/test.h"

#define SIZE "512x384" /* as in renew.sh */

/* How far apart two pictures may be: the mean difference of a channel (of 255), and the share of pixels of which some
 * channel differs by more than LARGE_DIFFERENCE. A line of text that is set anew is 1 to 2 % of the pixels. */
#define MAX_MEAN         3.0
#define MAX_SHARE        0.03
#define LARGE_DIFFERENCE 32

struct picture {
    uint32_t width, height;
    uint8_t *rgb; /* owned */
};

static bool read_picture(const char *path, struct picture *ret_picture)
{
    FILE *file = fopen(path, "re");
    spng_ctx *context = spng_ctx_new(0);
    struct spng_ihdr header;
    size_t n_bytes = 0;
    uint8_t *rgb = NULL;
    bool good = file != NULL && context != NULL && spng_set_png_file(context, file) == 0 &&
                spng_get_ihdr(context, &header) == 0 &&
                spng_decoded_image_size(context, SPNG_FMT_RGB8, &n_bytes) == 0 && (rgb = malloc(n_bytes)) != NULL &&
                spng_decode_image(context, rgb, n_bytes, SPNG_FMT_RGB8, 0) == 0;
    spng_ctx_free(context);
    if (file != NULL)
        fclose(file);
    if (good)
        *ret_picture = (struct picture){.width = header.width, .height = header.height, .rgb = rgb};
    else
        free(rgb);
    return good;
}

struct difference {
    double mean, share;
};

/* Of pictures of one size. */
static struct difference compare(const struct picture *a, const struct picture *b)
{
    const size_t n_pixels = (size_t)a->width * a->height;
    uint64_t sum = 0;
    size_t n_large = 0;
    for (size_t pixel = 0; pixel < n_pixels; pixel++) {
        int largest = 0;
        for (size_t channel = 0; channel < 3; channel++) {
            const int difference = abs(a->rgb[3 * pixel + channel] - b->rgb[3 * pixel + channel]);
            sum += (unsigned)difference;
            largest = difference > largest ? difference : largest;
        }
        n_large += largest > LARGE_DIFFERENCE;
    }
    return (struct difference){(double)sum / (double)(3 * n_pixels), (double)n_large / (double)n_pixels};
}

static bool is_near(const struct difference *difference)
{
    return difference->mean <= MAX_MEAN && difference->share <= MAX_SHARE;
}

static void check_picture(const char *name, const char *path)
{
    char golden_path[1024];
    struct picture golden, picture;
    snprintf(golden_path, sizeof golden_path, GOLDEN_FOLDER "/%s.png", name);
    if (!read_picture(golden_path, &golden)) {
        FAIL("%s has no golden picture: look at %s, then tests/golden/renew.sh", name, path);
        return;
    }
    if (!read_picture(path, &picture)) {
        FAIL("%s cannot be read", path);
    } else {
        if (picture.width != golden.width || picture.height != golden.height) {
            FAIL("%s is %ux%u, not %ux%u", name, picture.width, picture.height, golden.width, golden.height);
        } else {
            const struct difference difference = compare(&picture, &golden);
            if (!is_near(&difference))
                FAIL("%s: mean difference %.2f (at most %.2f), %.2f %% of the pixels differ much (at most %.2f %%); "
                     "see %s",
                     name, difference.mean, MAX_MEAN, 100 * difference.share, 100 * MAX_SHARE, path);
            printf("  %-24s mean %.3f, much %.3f %%\n", name, difference.mean, 100 * difference.share);
        }
        free(picture.rgb);
    }
    free(golden.rgb);
}

static int is_sample(const struct dirent *entry)
{
    return entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
}

/* The picture of a tab goes to OUTPUT_FOLDER under its sample's name, and stays there. */
static void check_sample(const struct run *run, unsigned tab, const char *name)
{
    struct event event;
    char taken[256], kept[1024];
    if (run_event(run, "refused", tab, NULL, &event) &&
        strstr(event_text(&event, "detail"), "this build has no") != NULL) {
        printf("  %-24s left out: %s\n", name, event_text(&event, "detail"));
        return;
    }
    snprintf(taken, sizeof taken, OUTPUT_FOLDER "/tab-%03u.png", tab);
    snprintf(kept, sizeof kept, OUTPUT_FOLDER "/%s.png", name);
    if (rename(taken, kept) < 0)
        FAIL("%s gave no picture: %s", name, strerror(errno));
    else
        check_picture(name, kept);
}

TEST_WITHIN(samples, 120)
{
    struct dirent **samples;
    const int n = scandir(SAMPLES_FOLDER, &samples, is_sample, alphasort);
    REQUIRE(n > 0 && n < 100);
    const char *words[128] = {"--json", "--size", SIZE, "--snapshot", OUTPUT_FOLDER};
    for (int i = 0; i < n; i++) {
        char *path;
        REQUIRE(asprintf(&path, SAMPLES_FOLDER "/%s", samples[i]->d_name) > 0);
        words[5 + i] = path;
    }
    struct run run;
    run_whole(&run, NULL, words);
    for (int i = 0; i < n; i++) {
        check_sample(&run, (unsigned)i + 1, samples[i]->d_name);
        free(samples[i]);
        free((void *)(uintptr_t)words[5 + i]);
    }
    free(samples);
    run_finish(&run);
}

/* A comparison that finds everything alike would pass for good pictures, too. */
TEST_WITHIN(different_pictures_are_told_apart, 60)
{
    struct run run;
    struct picture a, b;
    CHECK_INT(
        RUN_WHOLE(
            &run, NULL, "--size", SIZE, "--snapshot", scratch(), scratch_scene("a.scene"),
            scratch_file("b.scene", "vitrine-scene\ntitle A test\nfigure rings\ntext Other words\ntext in two lines\n"),
            scratch_scene("a.scene")),
        ==, 0);
    run_finish(&run);
    REQUIRE(read_picture(scratch_path("tab-001.png"), &a) && read_picture(scratch_path("tab-002.png"), &b));
    struct difference difference = compare(&a, &b);
    CHECK(difference.mean > 0 && difference.share > 0);
    free(b.rgb);
    REQUIRE(read_picture(scratch_path("tab-003.png"), &b));
    difference = compare(&a, &b);
    CHECK(difference.mean <= 0 && difference.share <= 0);
    memset(b.rgb, 0x80, 3 * (size_t)b.width * b.height);
    difference = compare(&a, &b);
    CHECK(!is_near(&difference));
    free(a.rgb);
    free(b.rgb);
}
