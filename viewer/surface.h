/* A piece of screen to draw on, and the few shapes that a calm user interface needs, with soft edges. Nothing is drawn
 * outside of a surface, wherever a shape lies. */
#ifndef VIEWER_SURFACE_H
#define VIEWER_SURFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RGBA in memory order, opaque. */
struct surface {
    uint8_t *pixels;
    int width_px, height_px;
    size_t stride_bytes;
};

struct rectangle {
    int x, y, width, height;
};

bool rectangle_has(const struct rectangle *rectangle, int x, int y);
/* What both have; width or height is 0 when they share nothing. */
struct rectangle rectangle_cut(struct rectangle a, struct rectangle b);
/* The same, n smaller on each side; larger where n is negative. */
struct rectangle rectangle_inset(struct rectangle rectangle, int n);

/* A surface that is this part of another. The part is cut to it. */
struct surface surface_part(const struct surface *surface, struct rectangle part);

/* Colours are 0xRRGGBB, alpha is 0 … 255. */
void surface_fill(const struct surface *surface, struct rectangle area, uint32_t rgb);
/* But for a hole that will be drawn on anyway: on a large screen, half of the time. */
void surface_fill_around(const struct surface *surface, struct rectangle area, struct rectangle hole, uint32_t rgb);
void surface_blend(const struct surface *surface, struct rectangle area, uint32_t rgb, unsigned alpha);
/* A one-line edge inside of area, px wide. */
void surface_frame(const struct surface *surface, struct rectangle area, int px, uint32_t rgb);
/* Round corners; a radius of half the side makes a disc. */
void surface_round(const struct surface *surface, struct rectangle area, double radius, uint32_t rgb);
void surface_ring(const struct surface *surface, struct rectangle area, double radius, double px, uint32_t rgb);
void surface_stroke(const struct surface *surface, double x1, double y1, double x2, double y2, double px, uint32_t rgb);
/* A soft dark edge around an area with round corners, px wide, that fades outwards. */
void surface_shadow(const struct surface *surface, struct rectangle area, double radius, int px, unsigned alpha);

/* One pixel's blend: alpha of rgb over what is there. */
void surface_blend_pixel(uint8_t *pixel, uint32_t rgb, unsigned alpha);

#endif
