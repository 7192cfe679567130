#include "viewer/views/terminal_picture.h"

#include <chafa.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_PER_PIXEL 4

/* What is beside the page, RGBA. */
static const uint8_t ground[BYTES_PER_PIXEL] = {0x30, 0x30, 0x30, 0xff};

struct painter {
    enum terminal_pictures pictures;
    enum terminal_colours colours;
    struct picture_area area;
    ChafaCanvas *canvas;
    ChafaTermInfo *info;
    int width_px, height_px;
    uint8_t *pixels, *before; /* what is seen, and what was before it */
    int *source_columns;      /* for each column of pixels, the picture's; -1 none */
    bool has_before;
};

/* ---- chafa ------------------------------------------------------------------------------------------------- */

static ChafaCanvasMode canvas_mode(const struct painter *painter)
{
    if (painter->pictures != PICTURES_SYMBOLS)
        return CHAFA_CANVAS_MODE_TRUECOLOR;
    switch (painter->colours) {
    case COLOURS_NONE:
        return CHAFA_CANVAS_MODE_FGBG;
    case COLOURS_8:
        return CHAFA_CANVAS_MODE_INDEXED_8;
    case COLOURS_16:
        return CHAFA_CANVAS_MODE_INDEXED_16;
    case COLOURS_256:
        return CHAFA_CANVAS_MODE_INDEXED_256;
    case COLOURS_RGB:
        break;
    }
    return CHAFA_CANVAS_MODE_TRUECOLOR;
}

static ChafaPixelMode pixel_mode(enum terminal_pictures pictures)
{
    switch (pictures) {
    case PICTURES_SIXEL:
        return CHAFA_PIXEL_MODE_SIXELS;
    case PICTURES_KITTY:
        return CHAFA_PIXEL_MODE_KITTY;
    case PICTURES_ITERM2:
        return CHAFA_PIXEL_MODE_ITERM2;
    case PICTURES_SYMBOLS:
        break;
    }
    return CHAFA_PIXEL_MODE_SYMBOLS;
}

/* Only what the terminal's font has, and nothing that looks different from font to font. */
static ChafaSymbolMap *symbol_map(const struct terminal_facts *facts)
{
    ChafaSymbolMap *map = chafa_symbol_map_new();
    if (facts->is_plain_ascii)
        chafa_symbol_map_add_by_tags(map, CHAFA_SYMBOL_TAG_ASCII);
    else if (facts->has_few_symbols)
        chafa_symbol_map_add_by_tags(map, CHAFA_SYMBOL_TAG_SPACE | CHAFA_SYMBOL_TAG_SOLID | CHAFA_SYMBOL_TAG_VHALF |
                                              CHAFA_SYMBOL_TAG_STIPPLE);
    else
        chafa_symbol_map_add_by_tags(map, CHAFA_SYMBOL_TAG_SPACE | CHAFA_SYMBOL_TAG_SOLID | CHAFA_SYMBOL_TAG_HALF |
                                              CHAFA_SYMBOL_TAG_QUAD | CHAFA_SYMBOL_TAG_BLOCK);
    return map;
}

static ChafaCanvas *canvas_create(const struct painter *painter, const struct terminal_facts *facts)
{
    const struct picture_area *area = &painter->area;
    ChafaCanvasConfig *config = chafa_canvas_config_new();
    ChafaSymbolMap *map = symbol_map(facts);
    chafa_canvas_config_set_canvas_mode(config, canvas_mode(painter));
    chafa_canvas_config_set_pixel_mode(config, pixel_mode(painter->pictures));
    chafa_canvas_config_set_symbol_map(config, map);
    chafa_canvas_config_set_cell_geometry(config, area->cell_width_px, area->cell_height_px);
    chafa_canvas_config_set_geometry(config, area->columns, area->rows);
    /* A page is not a photograph: no more contrast than it has, and the ground is opaque. */
    chafa_canvas_config_set_preprocessing_enabled(config, FALSE);
    chafa_canvas_config_set_dither_mode(config, CHAFA_DITHER_MODE_NONE);
    chafa_canvas_config_set_transparency_threshold(config, 0);
    if (facts->colours == COLOURS_NONE || facts->is_plain_ascii)
        chafa_canvas_config_set_dither_mode(config, CHAFA_DITHER_MODE_ORDERED);
    chafa_canvas_config_set_work_factor(config, 0.2f);
    ChafaCanvas *canvas = chafa_canvas_new(config);
    chafa_symbol_map_unref(map);
    chafa_canvas_config_unref(config);
    return canvas;
}

static void draw(struct painter *painter)
{
    chafa_canvas_draw_all_pixels(painter->canvas, CHAFA_PIXEL_RGBA8_PREMULTIPLIED, painter->pixels, painter->width_px,
                                 painter->height_px, painter->width_px * BYTES_PER_PIXEL);
}

struct painter *painter_create(const struct terminal_facts *facts, enum terminal_pictures pictures,
                               const struct picture_area *area)
{
    struct painter *painter = calloc(1, sizeof *painter);
    if (!painter)
        return NULL;
    painter->pictures = pictures;
    painter->colours = facts->colours;
    painter->area = *area;
    painter->width_px = area->columns * area->cell_width_px;
    painter->height_px = area->rows * area->cell_height_px;
    size_t n_pixels = (size_t)painter->width_px * (size_t)painter->height_px;
    painter->pixels = calloc(n_pixels, BYTES_PER_PIXEL);
    painter->before = calloc(n_pixels, BYTES_PER_PIXEL);
    painter->source_columns = calloc((size_t)painter->width_px, sizeof *painter->source_columns);
    if (!painter->pixels || !painter->before || !painter->source_columns) {
        painter_destroy(painter);
        return NULL;
    }
    chafa_set_n_threads(1); /* the filter of this process allows no others */
    painter->canvas = canvas_create(painter, facts);
    painter->info = chafa_term_db_get_fallback_info(chafa_term_db_get_default());
    draw(painter);
    return painter;
}

void painter_destroy(struct painter *painter)
{
    if (!painter)
        return;
    if (painter->canvas)
        chafa_canvas_unref(painter->canvas);
    if (painter->info)
        chafa_term_info_unref(painter->info);
    free(painter->pixels);
    free(painter->before);
    free(painter->source_columns);
    free(painter);
}

/* ---- what is seen ------------------------------------------------------------------------------------------ */

/* From a point of the area to the picture's: both are points of the page, at two zooms. */
static double source_px(const struct view_model *model, int area_px, int scrolled_px, int picture_px)
{
    double scale = model->zoom > 0 && model->picture.zoom > 0 ? model->picture.zoom / model->zoom : 1;
    return scale == 1 ? (double)scrolled_px + area_px - picture_px : (scrolled_px + area_px + 0.5) * scale - picture_px;
}

void picture_point(const struct view_model *model, int area_x_px, int area_y_px, int *ret_x_px, int *ret_y_px)
{
    *ret_x_px = (int)floor(source_px(model, area_x_px, model->x_px, model->picture.x_px));
    *ret_y_px = (int)floor(source_px(model, area_y_px, model->y_px, model->picture.y_px));
}

static void fill_ground(uint8_t *pixels, size_t n_pixels)
{
    for (size_t i = 0; i < n_pixels; i++)
        memcpy(pixels + i * BYTES_PER_PIXEL, ground, BYTES_PER_PIXEL);
}

/* Premultiplied: what shines through is the ground. */
static void put_pixel(uint8_t *out, const uint8_t *pixel)
{
    unsigned clear = 255u - pixel[3];
    if (clear == 0) {
        memcpy(out, pixel, BYTES_PER_PIXEL);
        return;
    }
    for (size_t i = 0; i < BYTES_PER_PIXEL; i++) {
        unsigned sum = pixel[i] + (ground[i] * clear + 127u) / 255u;
        out[i] = (uint8_t)(sum > 255 ? 255 : sum);
    }
}

static void compose_row(struct painter *painter, const struct view_picture *picture, int y, int source_y)
{
    uint8_t *out = painter->pixels + (size_t)y * (size_t)painter->width_px * BYTES_PER_PIXEL;
    if (source_y < 0 || source_y >= picture->height_px) {
        fill_ground(out, (size_t)painter->width_px);
        return;
    }
    const uint8_t *row = picture->pixels + (size_t)source_y * picture->stride_bytes;
    for (int x = 0; x < painter->width_px; x++, out += BYTES_PER_PIXEL) {
        int source_x = painter->source_columns[x];
        put_pixel(out, source_x < 0 ? ground : row + (size_t)source_x * BYTES_PER_PIXEL);
    }
}

bool painter_compose(struct painter *painter, const struct view_model *model)
{
    const struct view_picture *picture = &model->picture;
    size_t n_pixels = (size_t)painter->width_px * (size_t)painter->height_px;
    uint8_t *before = painter->pixels;
    painter->pixels = painter->before;
    painter->before = before;

    for (int x = 0; x < painter->width_px; x++) {
        double source_x = floor(source_px(model, x, model->x_px, picture->x_px));
        painter->source_columns[x] = source_x >= 0 && source_x < picture->width_px ? (int)source_x : -1;
    }
    if (!picture->pixels)
        fill_ground(painter->pixels, n_pixels);
    for (int y = 0; picture->pixels && y < painter->height_px; y++) {
        double source_y = floor(source_px(model, y, model->y_px, picture->y_px));
        compose_row(painter, picture, y, source_y >= 0 && source_y < picture->height_px ? (int)source_y : -1);
    }
    bool is_new = !painter->has_before || memcmp(painter->pixels, painter->before, n_pixels * BYTES_PER_PIXEL) != 0;
    painter->has_before = true;
    return is_new;
}

/* ---- as cells ---------------------------------------------------------------------------------------------- */

static cell_colour to_colour(const struct painter *painter, int raw)
{
    if (raw < 0 || painter->colours == COLOURS_NONE)
        return COLOUR_DEFAULT;
    return painter->colours == COLOURS_RGB ? COLOUR_RGB((unsigned)raw & 0xffffff) : COLOUR_INDEX((unsigned)raw & 0xff);
}

void painter_to_cells(struct painter *painter, struct grid *grid)
{
    const struct picture_area *area = &painter->area;
    draw(painter);
    for (int y = 0; y < area->rows; y++)
        for (int x = 0; x < area->columns; x++) {
            gint foreground, background;
            gunichar character = chafa_canvas_get_char_at(painter->canvas, x, y);
            chafa_canvas_get_raw_colors_at(painter->canvas, x, y, &foreground, &background);
            *grid_cell(grid, area->row + y, x) = (struct cell){
                .character = character >= ' ' ? character : ' ',
                .style = {.foreground = to_colour(painter, foreground), .background = to_colour(painter, background)},
            };
        }
}

/* ---- as pixels --------------------------------------------------------------------------------------------- */

void painter_to_pixels(struct painter *painter, struct output *output)
{
    draw(painter);
    GString *string = chafa_canvas_print(painter->canvas, painter->info);
    output_format(output, "\033[%d;1H", painter->area.row + 1);
    /* Every picture is a new one there: the one before it goes, or they would fill the terminal's memory. */
    if (painter->pictures == PICTURES_KITTY)
        output_put(output, "\033_Ga=d,d=A\033\\", strlen("\033_Ga=d,d=A\033\\"));
    output_put(output, string->str, string->len);
    g_string_free(string, TRUE);
}
