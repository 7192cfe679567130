#include "viewer/surface.h"

#include <math.h>
#include <string.h>

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

bool rectangle_has(const struct rectangle *rectangle, int x, int y)
{
    return x >= rectangle->x && x < rectangle->x + rectangle->width && y >= rectangle->y &&
           y < rectangle->y + rectangle->height;
}

struct rectangle rectangle_cut(struct rectangle a, struct rectangle b)
{
    int left = larger(a.x, b.x), right = smaller(a.x + a.width, b.x + b.width);
    int top = larger(a.y, b.y), bottom = smaller(a.y + a.height, b.y + b.height);
    return (struct rectangle){left, top, larger(right - left, 0), larger(bottom - top, 0)};
}

struct rectangle rectangle_inset(struct rectangle rectangle, int n)
{
    return (struct rectangle){rectangle.x + n, rectangle.y + n, larger(rectangle.width - 2 * n, 0),
                              larger(rectangle.height - 2 * n, 0)};
}

static struct rectangle whole(const struct surface *surface)
{
    return (struct rectangle){0, 0, surface->width_px, surface->height_px};
}

static uint8_t *pixel_at(const struct surface *surface, int x, int y)
{
    return surface->pixels + (size_t)y * surface->stride_bytes + 4 * (size_t)x;
}

struct surface surface_part(const struct surface *surface, struct rectangle part)
{
    part = rectangle_cut(part, whole(surface));
    if (part.width == 0 || part.height == 0)
        return (struct surface){.pixels = surface->pixels, .stride_bytes = surface->stride_bytes};
    return (struct surface){pixel_at(surface, part.x, part.y), part.width, part.height, surface->stride_bytes};
}

void surface_fill(const struct surface *surface, struct rectangle area, uint32_t rgb)
{
    area = rectangle_cut(area, whole(surface));
    if (area.width == 0 || area.height == 0)
        return;
    const uint8_t pixel[4] = {(uint8_t)(rgb >> 16), (uint8_t)(rgb >> 8), (uint8_t)rgb, 0xff};
    uint8_t *first = pixel_at(surface, area.x, area.y);
    for (int x = 0; x < area.width; x++)
        memcpy(first + 4 * (size_t)x, pixel, sizeof pixel);
    for (int y = 1; y < area.height; y++)
        memcpy(pixel_at(surface, area.x, area.y + y), first, 4 * (size_t)area.width);
}

void surface_fill_around(const struct surface *surface, struct rectangle area, struct rectangle hole, uint32_t rgb)
{
    hole = rectangle_cut(hole, area);
    if (hole.width == 0 || hole.height == 0) {
        surface_fill(surface, area, rgb);
        return;
    }
    int right = hole.x + hole.width, bottom = hole.y + hole.height;
    surface_fill(surface, (struct rectangle){area.x, area.y, area.width, hole.y - area.y}, rgb);
    surface_fill(surface, (struct rectangle){area.x, bottom, area.width, area.y + area.height - bottom}, rgb);
    surface_fill(surface, (struct rectangle){area.x, hole.y, hole.x - area.x, hole.height}, rgb);
    surface_fill(surface, (struct rectangle){right, hole.y, area.x + area.width - right, hole.height}, rgb);
}

static uint8_t mix(uint8_t under, unsigned over, unsigned alpha)
{
    return (uint8_t)((under * (255 - alpha) + (over & 0xff) * alpha + 127) / 255);
}

void surface_blend_pixel(uint8_t *pixel, uint32_t rgb, unsigned alpha)
{
    pixel[0] = mix(pixel[0], rgb >> 16, alpha);
    pixel[1] = mix(pixel[1], rgb >> 8, alpha);
    pixel[2] = mix(pixel[2], rgb, alpha);
    pixel[3] = 0xff;
}

void surface_blend(const struct surface *surface, struct rectangle area, uint32_t rgb, unsigned alpha)
{
    area = rectangle_cut(area, whole(surface));
    for (int y = area.y; y < area.y + area.height; y++) {
        uint8_t *pixel = pixel_at(surface, area.x, y);
        for (int x = 0; x < area.width; x++, pixel += 4)
            surface_blend_pixel(pixel, rgb, alpha);
    }
}

void surface_frame(const struct surface *surface, struct rectangle area, int px, uint32_t rgb)
{
    surface_fill(surface, (struct rectangle){area.x, area.y, area.width, px}, rgb);
    surface_fill(surface, (struct rectangle){area.x, area.y + area.height - px, area.width, px}, rgb);
    surface_fill(surface, (struct rectangle){area.x, area.y, px, area.height}, rgb);
    surface_fill(surface, (struct rectangle){area.x + area.width - px, area.y, px, area.height}, rgb);
}

/* ---- shapes, by the distance of a pixel's centre from their edge: negative inside -------------------------- */

struct shape {
    double (*distance)(const struct shape *shape, double x, double y);
    double x1, y1, x2, y2; /* corners of a rectangle, ends of a line */
    double radius;
    double px; /* a line's or ring's width */
};

static double distance_of_round(const struct shape *shape, double x, double y)
{
    double half_width = (shape->x2 - shape->x1) / 2, half_height = (shape->y2 - shape->y1) / 2;
    double dx = fabs(x - shape->x1 - half_width) - half_width + shape->radius;
    double dy = fabs(y - shape->y1 - half_height) - half_height + shape->radius;
    return hypot(fmax(dx, 0), fmax(dy, 0)) + fmin(fmax(dx, dy), 0) - shape->radius;
}

static double distance_of_ring(const struct shape *shape, double x, double y)
{
    return fabs(distance_of_round(shape, x, y) + shape->px / 2) - shape->px / 2;
}

static double distance_of_stroke(const struct shape *shape, double x, double y)
{
    double dx = shape->x2 - shape->x1, dy = shape->y2 - shape->y1;
    double length = dx * dx + dy * dy;
    double along = length > 0 ? ((x - shape->x1) * dx + (y - shape->y1) * dy) / length : 0;
    along = fmin(fmax(along, 0), 1);
    return hypot(x - shape->x1 - along * dx, y - shape->y1 - along * dy) - shape->px / 2;
}

static void draw_shape(const struct surface *surface, const struct shape *shape, struct rectangle bounds, uint32_t rgb)
{
    bounds = rectangle_cut(bounds, whole(surface));
    for (int y = bounds.y; y < bounds.y + bounds.height; y++) {
        uint8_t *pixel = pixel_at(surface, bounds.x, y);
        for (int x = bounds.x; x < bounds.x + bounds.width; x++, pixel += 4) {
            double covered = 0.5 - shape->distance(shape, x + 0.5, y + 0.5);
            if (covered > 0)
                surface_blend_pixel(pixel, rgb, covered >= 1 ? 255 : (unsigned)(covered * 255));
        }
    }
}

void surface_round(const struct surface *surface, struct rectangle area, double radius, uint32_t rgb)
{
    int r = (int)ceil(radius);
    struct shape shape = {distance_of_round, area.x, area.y, area.x + area.width, area.y + area.height, radius, 0};
    if (area.height <= 2 * r) {
        draw_shape(surface, &shape, area, rgb);
        return;
    }
    /* Only the corners need more thought. */
    surface_fill(surface, (struct rectangle){area.x, area.y + r, area.width, area.height - 2 * r}, rgb);
    draw_shape(surface, &shape, (struct rectangle){area.x, area.y, area.width, r}, rgb);
    draw_shape(surface, &shape, (struct rectangle){area.x, area.y + area.height - r, area.width, r}, rgb);
}

void surface_ring(const struct surface *surface, struct rectangle area, double radius, double px, uint32_t rgb)
{
    struct shape shape = {distance_of_ring, area.x, area.y, area.x + area.width, area.y + area.height, radius, px};
    draw_shape(surface, &shape, area, rgb);
}

void surface_stroke(const struct surface *surface, double x1, double y1, double x2, double y2, double px, uint32_t rgb)
{
    struct shape shape = {distance_of_stroke, x1, y1, x2, y2, 0, px};
    int left = (int)floor(fmin(x1, x2) - px), right = (int)ceil(fmax(x1, x2) + px);
    int top = (int)floor(fmin(y1, y2) - px), bottom = (int)ceil(fmax(y1, y2) + px);
    draw_shape(surface, &shape, (struct rectangle){left, top, right - left, bottom - top}, rgb);
}

struct shadow {
    struct shape shape;
    int px;
    unsigned alpha;
};

static void draw_shadow(const struct surface *surface, const struct shadow *shadow, struct rectangle bounds)
{
    bounds = rectangle_cut(bounds, whole(surface));
    for (int y = bounds.y; y < bounds.y + bounds.height; y++) {
        uint8_t *pixel = pixel_at(surface, bounds.x, y);
        for (int x = bounds.x; x < bounds.x + bounds.width; x++, pixel += 4) {
            double near = 1 - shadow->shape.distance(&shadow->shape, x + 0.5, y + 0.5) / shadow->px;
            if (near > 0 && near < 1)
                surface_blend_pixel(pixel, 0, (unsigned)(near * near * shadow->alpha));
        }
    }
}

void surface_shadow(const struct surface *surface, struct rectangle area, double radius, int px, unsigned alpha)
{
    const struct shadow shadow = {
        .shape = {distance_of_round, area.x, area.y, area.x + area.width, area.y + area.height, radius, 0},
        .px = px,
        .alpha = alpha,
    };
    /* What area covers is not seen, but for its corners. */
    struct rectangle outer = rectangle_inset(area, -px);
    int edge = px + (int)ceil(radius);
    draw_shadow(surface, &shadow, (struct rectangle){outer.x, outer.y, outer.width, edge});
    draw_shadow(surface, &shadow, (struct rectangle){outer.x, outer.y + outer.height - edge, outer.width, edge});
    int height = larger(outer.height - 2 * edge, 0);
    draw_shadow(surface, &shadow, (struct rectangle){outer.x, outer.y + edge, px, height});
    draw_shadow(surface, &shadow, (struct rectangle){outer.x + outer.width - px, outer.y + edge, px, height});
}
