#include "viewer/typeface.h"

#include <SDL.h>
#include <SDL_ttf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/fd.h"

/* The first of a row that is there is used; what its font has no glyph for is taken from the next row's. */
#define MAX_ALTERNATIVES 4
#define FONTS            "/usr/share/fonts/"
static const struct {
    const char *normal[MAX_ALTERNATIVES];
    const char *bold[MAX_ALTERNATIVES]; /* none: the normal one */
} rows[] = {
    {{FONTS "truetype/liberation/LiberationSans-Regular.ttf", FONTS "truetype/liberation2/LiberationSans-Regular.ttf",
      FONTS "liberation-sans/LiberationSans-Regular.ttf", FONTS "liberation/LiberationSans-Regular.ttf"},
     {FONTS "truetype/liberation/LiberationSans-Bold.ttf", FONTS "truetype/liberation2/LiberationSans-Bold.ttf",
      FONTS "liberation-sans/LiberationSans-Bold.ttf", FONTS "liberation/LiberationSans-Bold.ttf"}},
    {{FONTS "truetype/dejavu/DejaVuSans.ttf", FONTS "dejavu-sans-fonts/DejaVuSans.ttf", FONTS "TTF/DejaVuSans.ttf"},
     {FONTS "truetype/dejavu/DejaVuSans-Bold.ttf", FONTS "dejavu-sans-fonts/DejaVuSans-Bold.ttf",
      FONTS "TTF/DejaVuSans-Bold.ttf"}},
    {{FONTS "truetype/noto/NotoSans-Regular.ttf", FONTS "noto/NotoSans-Regular.ttf"},
     {FONTS "truetype/noto/NotoSans-Bold.ttf", FONTS "noto/NotoSans-Bold.ttf"}},
    {{FONTS "opentype/noto/NotoSansCJK-Regular.ttc", FONTS "noto-cjk/NotoSansCJK-Regular.ttc",
      FONTS "truetype/droid/DroidSansFallbackFull.ttf"},
     {NULL}},
};
#define N_ROWS (sizeof rows / sizeof rows[0])

struct typeface {
    struct file {
        void *bytes; /* mapped; NULL: none */
        size_t n_bytes;
    } files[N_ROWS][2]; /* normal, bold */
    TTF_Font *fonts[LABEL_STYLE_COUNT][N_ROWS];
    size_t n_fonts; /* of each style */
};

static bool is_bold(enum label_style style)
{
    return style == LABEL_BOLD || style == LABEL_TITLE;
}

static bool map_file(const char *path, struct file *ret_file)
{
    struct stat status;
    CLOSE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0 || status.st_size <= 0)
        return false;
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return false;
    *ret_file = (struct file){bytes, (size_t)status.st_size};
    return true;
}

static void map_first(const char *const paths[MAX_ALTERNATIVES], struct file *ret_file)
{
    for (size_t i = 0; i < MAX_ALTERNATIVES && paths[i]; i++)
        if (map_file(paths[i], ret_file))
            return;
}

static TTF_Font *open_font(const struct file *file, int px)
{
    SDL_RWops *stream = SDL_RWFromConstMem(file->bytes, (int)file->n_bytes);
    TTF_Font *font = stream ? TTF_OpenFontRW(stream, 1, px) : NULL;
    if (font)
        TTF_SetFontHinting(font, TTF_HINTING_LIGHT_SUBPIXEL);
    return font;
}

/* All styles of one row, or nothing. */
static void open_row(struct typeface *typeface, size_t row)
{
    size_t place = typeface->n_fonts;
    const struct file *normal = &typeface->files[row][0], *bold = &typeface->files[row][1];
    if (!normal->bytes)
        return;
    for (enum label_style style = 0; style < LABEL_STYLE_COUNT; style++) {
        const struct file *file = is_bold(style) && bold->bytes ? bold : normal;
        typeface->fonts[style][place] = open_font(file, 13);
        if (!typeface->fonts[style][place])
            return; /* what was opened is closed with all others */
    }
    typeface->n_fonts++;
}

struct typeface *typeface_create(void)
{
    struct typeface *typeface = calloc(1, sizeof *typeface);
    if (!typeface)
        return NULL;
    if (TTF_Init() < 0) {
        free(typeface);
        return NULL;
    }
    for (size_t row = 0; row < N_ROWS; row++) {
        map_first(rows[row].normal, &typeface->files[row][0]);
        map_first(rows[row].bold, &typeface->files[row][1]);
        open_row(typeface, row);
    }
    if (typeface->n_fonts > 0)
        return typeface;
    typeface_destroy(typeface);
    return NULL;
}

void typeface_destroy(struct typeface *typeface)
{
    if (!typeface)
        return;
    for (enum label_style style = 0; style < LABEL_STYLE_COUNT; style++)
        for (size_t i = 0; i < N_ROWS; i++)
            if (typeface->fonts[style][i])
                TTF_CloseFont(typeface->fonts[style][i]);
    for (size_t row = 0; row < N_ROWS; row++)
        for (size_t i = 0; i < 2; i++)
            if (typeface->files[row][i].bytes)
                munmap(typeface->files[row][i].bytes, typeface->files[row][i].n_bytes);
    TTF_Quit();
    free(typeface);
}

void typeface_set_sizes(struct typeface *typeface, const double px[LABEL_STYLE_COUNT])
{
    /* Sizes are in whole points: 36 dots an inch more make halves of 13 … possible. */
    const unsigned dots = 72;
    const int parts = 2;
    for (enum label_style style = 0; style < LABEL_STYLE_COUNT; style++)
        for (size_t i = 0; i < typeface->n_fonts; i++)
            TTF_SetFontSizeDPI(typeface->fonts[style][i], (int)(px[style] * parts + 0.5), dots / (unsigned)parts,
                               dots / (unsigned)parts);
}

int typeface_height(const struct typeface *typeface, enum label_style style)
{
    return TTF_FontHeight(typeface->fonts[style][0]);
}

/* ---- runs: as much of a text as one font has the glyphs for ------------------------------------------------ */

#define MAX_RUN_BYTES 512

struct run {
    TTF_Font *font;
    char text[MAX_RUN_BYTES];
};

/* One character of well-formed UTF-8. */
static uint32_t decode(const char **text)
{
    const uint8_t *byte = (const uint8_t *)*text;
    size_t n_more = byte[0] < 0x80 ? 0 : byte[0] < 0xe0 ? 1 : byte[0] < 0xf0 ? 2 : 3;
    uint32_t character = n_more == 0 ? byte[0] : byte[0] & (0x3fu >> n_more);
    size_t i = 1;
    for (; i <= n_more && (byte[i] & 0xc0) == 0x80; i++)
        character = character << 6 | (byte[i] & 0x3fu);
    *text += i;
    return character;
}

static TTF_Font *font_for(const struct typeface *typeface, enum label_style style, uint32_t character)
{
    for (size_t i = 0; i < typeface->n_fonts; i++)
        if (TTF_GlyphIsProvided32(typeface->fonts[style][i], character))
            return typeface->fonts[style][i];
    return typeface->fonts[style][0];
}

static bool next_run(const struct typeface *typeface, enum label_style style, const char **text, struct run *ret_run)
{
    const char *from = *text, *end = from;
    ret_run->font = NULL;
    while (*end) {
        const char *next = end;
        TTF_Font *font = font_for(typeface, style, decode(&next));
        if ((ret_run->font && font != ret_run->font) || (size_t)(next - from) >= sizeof ret_run->text)
            break;
        ret_run->font = font;
        end = next;
    }
    memcpy(ret_run->text, from, (size_t)(end - from));
    ret_run->text[end - from] = '\0';
    *text = end;
    return end > from;
}

int typeface_width(const struct typeface *typeface, enum label_style style, const char *text)
{
    struct run run;
    int sum = 0;
    while (next_run(typeface, style, &text, &run)) {
        int width = 0;
        TTF_SizeUTF8(run.font, run.text, &width, NULL);
        sum += width;
    }
    return sum;
}

/* SDL2_ttf's pictures of text are ARGB, a 32-bit word each, of which only the alpha matters here. */
static void blend_text(const struct surface *surface, int x, int y, uint32_t rgb, const SDL_Surface *text)
{
    struct rectangle all = {0, 0, surface->width_px, surface->height_px};
    struct rectangle area = rectangle_cut((struct rectangle){x, y, text->w, text->h}, all);
    for (int row = area.y; row < area.y + area.height; row++) {
        const uint32_t *from =
            (const uint32_t *)((const uint8_t *)text->pixels + (size_t)(row - y) * (size_t)text->pitch);
        uint8_t *to = surface->pixels + (size_t)row * surface->stride_bytes + 4 * (size_t)area.x;
        for (int i = 0; i < area.width; i++) {
            unsigned alpha = from[area.x - x + i] >> 24;
            if (alpha > 0)
                surface_blend_pixel(to + 4 * (size_t)i, rgb, alpha);
        }
    }
}

void typeface_draw(const struct typeface *typeface, const struct surface *surface, int x, int y, enum label_style style,
                   uint32_t rgb, const char *text)
{
    struct run run;
    const SDL_Color white = {255, 255, 255, 255};
    int ascent = TTF_FontAscent(typeface->fonts[style][0]);
    while (next_run(typeface, style, &text, &run)) {
        SDL_Surface *picture = TTF_RenderUTF8_Blended(run.font, run.text, white);
        if (!picture)
            return;
        blend_text(surface, x, y + ascent - TTF_FontAscent(run.font), rgb, picture);
        int width = 0;
        TTF_SizeUTF8(run.font, run.text, &width, NULL);
        x += width;
        SDL_FreeSurface(picture);
    }
}
