/* Renders the picture of samples/10-display-case.jpg: a sheet of paper in a glass case, the thing that the word
 * "vitrine" means. A small path tracer; PPM on stdout. The random numbers start from the pixel's place, so the
 * picture is the same each time.
 *
 * cc -O3 -o display_case display_case.c -lm && ./display_case [SAMPLES] > display-case.ppm */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { WIDTH_PX = 1024, HEIGHT_PX = 768, MAX_BOUNCES = 12 };

#define FAR_AWAY 1e9
#define EPSILON  1e-5

struct vec {
    double x, y, z;
};

struct ray {
    struct vec origin, direction;
};

enum surface {
    SURFACE_MATT,
    SURFACE_METAL,
    SURFACE_GLOSSY,
    SURFACE_PANE,
    SURFACE_PAPER,
    SURFACE_LIGHT
};

struct angle {
    double cosine, sine;
};

/* A box, tilted about its own x axis, then turned about the vertical. */
struct box {
    struct vec centre, half;
    struct angle turn, tilt;
    enum surface surface;
    struct vec colour;
};

struct sphere {
    struct vec centre;
    double radius;
    enum surface surface;
    struct vec colour;
};

struct hit {
    double distance;
    struct vec normal, colour;
    double u, v; /* on a sheet of paper, 0 to 1 */
    enum surface surface;
};

#define PAPER            \
    {                    \
        0.90, 0.87, 0.80 \
    }
#define ACCENT              \
    {                       \
        0.035, 0.150, 0.180 \
    }
#define BRASS            \
    {                    \
        0.62, 0.50, 0.32 \
    }
#define WOOD                \
    {                       \
        0.170, 0.105, 0.066 \
    }

#define STRAIGHT \
    {            \
        1, 0     \
    }
#define TURNED             \
    {                      \
        0.995004, 0.099833 \
    } /* 0.10 */
#define TILTED             \
    {                      \
        0.813878, 0.581035 \
    } /* 0.62 */

static const struct box light = {{-2.6, 5.6, 2.4}, {1.3, 0.02, 1.3}, STRAIGHT,
                                 STRAIGHT,         SURFACE_LIGHT,    {15.0, 13.6, 11.6}};

static const struct box room[] = {
    {{0, -0.5, 0}, {30, 0.5, 30}, STRAIGHT, STRAIGHT, SURFACE_MATT, {0.66, 0.62, 0.55}},
    {{0, 5, -4.6}, {30, 8, 0.5}, STRAIGHT, STRAIGHT, SURFACE_MATT, {0.78, 0.75, 0.68}},
};

/* The case stands on a plinth: floor at y 0, plinth to 0.9, glass to 2.5; all of it within `around`. */
static const struct box around = {{0, 1.27, 0}, {1.53, 1.28, 0.97}, STRAIGHT,
                                  STRAIGHT,     SURFACE_PANE,       {1, 1, 1}};

static const struct box boxes[] = {
    {{0, 0.42, 0}, {1.42, 0.42, 0.86}, STRAIGHT, STRAIGHT, SURFACE_GLOSSY, WOOD},
    {{0, 0.87, 0}, {1.52, 0.03, 0.96}, STRAIGHT, STRAIGHT, SURFACE_METAL, BRASS},
    /* Cloth, and what lies on it. */
    {{0, 0.915, 0}, {1.36, 0.015, 0.80}, STRAIGHT, STRAIGHT, SURFACE_MATT, ACCENT},
    {{-0.24, 1.005, 0.04},
     {0.66, 0.075, 0.46},
     TURNED,
     STRAIGHT,
     SURFACE_GLOSSY,
     {0.60, 0.56, 0.48}},
    {{-0.24, 1.40, -0.02}, {0.50, 0.004, 0.62}, TURNED, TILTED, SURFACE_PAPER, PAPER},
    {{-0.24, 1.25, -0.20}, {0.40, 0.19, 0.05}, TURNED, STRAIGHT, SURFACE_GLOSSY, WOOD},
    /* The frame of the case: four posts, four rails. */
    {{-1.40, 1.70, 0.84}, {0.022, 0.80, 0.022}, STRAIGHT, STRAIGHT, SURFACE_METAL, BRASS},
    {{1.40, 1.70, 0.84}, {0.022, 0.80, 0.022}, STRAIGHT, STRAIGHT, SURFACE_METAL, BRASS},
    {{-1.40, 1.70, -0.84}, {0.022, 0.80, 0.022}, STRAIGHT, STRAIGHT, SURFACE_METAL, BRASS},
    {{1.40, 1.70, -0.84}, {0.022, 0.80, 0.022}, STRAIGHT, STRAIGHT, SURFACE_METAL, BRASS},
    {{0, 2.50, 0.84}, {1.422, 0.022, 0.022}, STRAIGHT, STRAIGHT, SURFACE_METAL, BRASS},
    {{0, 2.50, -0.84}, {1.422, 0.022, 0.022}, STRAIGHT, STRAIGHT, SURFACE_METAL, BRASS},
    {{-1.40, 2.50, 0}, {0.022, 0.022, 0.84}, STRAIGHT, STRAIGHT, SURFACE_METAL, BRASS},
    {{1.40, 2.50, 0}, {0.022, 0.022, 0.84}, STRAIGHT, STRAIGHT, SURFACE_METAL, BRASS},
    /* Glass: thin panes. */
    {{0, 1.70, 0.84}, {1.38, 0.78, 0.004}, STRAIGHT, STRAIGHT, SURFACE_PANE, {0.985, 0.995, 0.99}},
    {{0, 1.70, -0.84}, {1.38, 0.78, 0.004}, STRAIGHT, STRAIGHT, SURFACE_PANE, {0.985, 0.995, 0.99}},
    {{-1.40, 1.70, 0}, {0.004, 0.78, 0.82}, STRAIGHT, STRAIGHT, SURFACE_PANE, {0.985, 0.995, 0.99}},
    {{1.40, 1.70, 0}, {0.004, 0.78, 0.82}, STRAIGHT, STRAIGHT, SURFACE_PANE, {0.985, 0.995, 0.99}},
    {{0, 2.50, 0}, {1.38, 0.004, 0.82}, STRAIGHT, STRAIGHT, SURFACE_PANE, {0.985, 0.995, 0.99}},
};

static const struct sphere spheres[] = {
    {{0.84, 1.21, 0.16}, 0.28, SURFACE_GLOSSY, {0.06, 0.27, 0.31}},
    {{0.47, 1.05, 0.50}, 0.12, SURFACE_METAL, BRASS},
    {{1.10, 1.01, 0.52}, 0.08, SURFACE_GLOSSY, {0.72, 0.68, 0.60}},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct vec add(struct vec a, struct vec b)
{
    return (struct vec){a.x + b.x, a.y + b.y, a.z + b.z};
}
static struct vec sub(struct vec a, struct vec b)
{
    return (struct vec){a.x - b.x, a.y - b.y, a.z - b.z};
}
static struct vec mul(struct vec a, struct vec b)
{
    return (struct vec){a.x * b.x, a.y * b.y, a.z * b.z};
}
static struct vec scale(struct vec a, double s)
{
    return (struct vec){a.x * s, a.y * s, a.z * s};
}
static double dot(struct vec a, struct vec b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}
static struct vec unit(struct vec a)
{
    return scale(a, 1 / sqrt(dot(a, a)));
}

static struct vec cross(struct vec a, struct vec b)
{
    return (struct vec){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

static struct vec mirror(struct vec d, struct vec n)
{
    return sub(d, scale(n, 2 * dot(d, n)));
}

static double random_unit(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (double)(*state >> 11) * 0x1p-53;
}

static struct vec random_in_ball(uint64_t *state)
{
    for (;;) {
        struct vec v = {2 * random_unit(state) - 1, 2 * random_unit(state) - 1,
                        2 * random_unit(state) - 1};
        if (dot(v, v) < 1)
            return v;
    }
}

static struct vec turn_y(struct vec v, double c, double s)
{
    return (struct vec){c * v.x + s * v.z, v.y, c * v.z - s * v.x};
}

static struct vec turn_x(struct vec v, double c, double s)
{
    return (struct vec){v.x, c * v.y - s * v.z, s * v.y + c * v.z};
}

static struct vec to_local(const struct box *box, struct vec v)
{
    if (box->turn.sine == 0)
        return v;
    return turn_x(turn_y(v, box->turn.cosine, -box->turn.sine), box->tilt.cosine, -box->tilt.sine);
}

static struct vec to_world(const struct box *box, struct vec v)
{
    if (box->turn.sine == 0)
        return v;
    return turn_y(turn_x(v, box->tilt.cosine, box->tilt.sine), box->turn.cosine, box->turn.sine);
}

/* Both faces of a box that a ray from outside or inside can meet: the slab test, keeping the axis of entry. */
static void meet_box(const struct box *box, const struct ray *ray, struct hit *hit)
{
    struct vec o = to_local(box, sub(ray->origin, box->centre)), d = to_local(box, ray->direction);
    const double origin[3] = {o.x, o.y, o.z}, direction[3] = {d.x, d.y, d.z};
    const double half[3] = {box->half.x, box->half.y, box->half.z};
    double near = -FAR_AWAY, far = FAR_AWAY;
    int near_axis = 0, far_axis = 0;

    for (int i = 0; i < 3; i++) {
        double inverse = 1 / (fabs(direction[i]) < 1e-12 ? 1e-12 : direction[i]);
        double a = (-half[i] - origin[i]) * inverse, b = (half[i] - origin[i]) * inverse;
        double lower = fmin(a, b), upper = fmax(a, b);
        if (lower > near) {
            near = lower;
            near_axis = i;
        }
        if (upper < far) {
            far = upper;
            far_axis = i;
        }
    }
    if (near > far)
        return;
    double distance = near > EPSILON ? near : far;
    int axis = near > EPSILON ? near_axis : far_axis;
    if (distance <= EPSILON || distance >= hit->distance)
        return;

    double normal[3] = {0, 0, 0};
    normal[axis] = direction[axis] > 0 ? -1 : 1;
    hit->distance = distance;
    hit->normal = to_world(box, (struct vec){normal[0], normal[1], normal[2]});
    hit->surface = box->surface;
    hit->colour = box->colour;
    hit->u = ((o.x + distance * d.x) / box->half.x + 1) / 2;
    hit->v = ((o.z + distance * d.z) / box->half.z + 1) / 2;
}

static void meet_sphere(const struct sphere *sphere, const struct ray *ray, struct hit *hit)
{
    struct vec to = sub(ray->origin, sphere->centre);
    double b = dot(to, ray->direction), c = dot(to, to) - sphere->radius * sphere->radius;
    double root = b * b - c;
    if (root < 0)
        return;
    double distance = -b - sqrt(root);
    if (distance <= EPSILON || distance >= hit->distance)
        return;
    hit->distance = distance;
    hit->normal = unit(sub(add(ray->origin, scale(ray->direction, distance)), sphere->centre));
    hit->surface = sphere->surface;
    hit->colour = sphere->colour;
}

static bool meet(const struct ray *ray, struct hit *hit)
{
    *hit = (struct hit){.distance = FAR_AWAY};
    for (size_t i = 0; i < COUNT_OF(room); i++)
        meet_box(&room[i], ray, hit);
    meet_box(&light, ray, hit);

    struct hit outside = {.distance = FAR_AWAY};
    meet_box(&around, ray, &outside);
    if (outside.distance == FAR_AWAY)
        return hit->distance < FAR_AWAY;
    for (size_t i = 0; i < COUNT_OF(boxes); i++)
        meet_box(&boxes[i], ray, hit);
    for (size_t i = 0; i < COUNT_OF(spheres); i++)
        meet_sphere(&spheres[i], ray, hit);
    return hit->distance < FAR_AWAY;
}

/* What is written on the sheet: a heading, a picture, lines of unequal length. */
static struct vec paper_colour(double u, double v)
{
    const struct vec paper = PAPER, accent = ACCENT, ink = {0.10, 0.09, 0.08};
    if (u < 0.13 || u > 0.87 || v < 0.09 || v > 0.93)
        return paper;
    if (v < 0.15)
        return u < 0.62 ? accent : paper;
    if (v < 0.20)
        return paper;
    if (v < 0.45 && u > 0.55)
        return v > 0.22 ? scale(add(accent, paper), 0.42) : paper;
    if (v < 0.47 && u > 0.51)
        return paper;
    double line = v / 0.042;
    double length = 0.70 + 0.17 * sin(37.0 * floor(line));
    if (v < 0.47)
        length = 0.51;
    return line - floor(line) < 0.42 && u < length ? ink : paper;
}

/* Light that falls straight from the lamp on a point, seen through the panes. */
static struct vec light_at(struct vec point, struct vec normal, uint64_t *random)
{
    struct vec target = {light.centre.x + light.half.x * (2 * random_unit(random) - 1),
                         light.centre.y,
                         light.centre.z + light.half.z * (2 * random_unit(random) - 1)};
    struct vec way = sub(target, point);
    double distance = sqrt(dot(way, way)), facing = dot(unit(way), normal);
    double lamp_facing = unit(way).y;
    if (facing <= 0 || lamp_facing <= 0)
        return (struct vec){0, 0, 0};

    struct vec passed = light.colour;
    struct ray ray = {point, unit(way)};
    for (double left = distance; left > 0;) {
        struct hit hit;
        if (!meet(&ray, &hit) || hit.distance > left || hit.surface == SURFACE_LIGHT)
            break;
        if (hit.surface != SURFACE_PANE)
            return (struct vec){0, 0, 0};
        passed = scale(mul(passed, hit.colour), 0.96);
        left -= hit.distance + EPSILON;
        ray.origin = add(ray.origin, scale(ray.direction, hit.distance + EPSILON));
    }
    double area = 4 * light.half.x * light.half.z;
    return scale(passed, facing * lamp_facing * area / (M_PI * distance * distance));
}

static struct vec sky(struct vec direction)
{
    double t = 0.5 * (direction.y + 1);
    return add(scale((struct vec){0.34, 0.33, 0.32}, 1 - t),
               scale((struct vec){0.66, 0.68, 0.70}, t));
}

static double fresnel(double cosine, double base)
{
    return base + (1 - base) * pow(1 - cosine, 5);
}

static struct vec trace(struct ray ray, uint64_t *random)
{
    struct vec seen = {0, 0, 0}, weight = {1, 1, 1};
    bool lamp_counts = true; /* not after a matt surface, which has asked the lamp already */

    for (int bounce = 0; bounce < MAX_BOUNCES; bounce++) {
        struct hit hit;
        if (!meet(&ray, &hit))
            return add(seen, mul(weight, sky(ray.direction)));
        if (hit.surface == SURFACE_LIGHT)
            return lamp_counts ? add(seen, mul(weight, scale(light.colour, 0.35))) : seen;

        struct vec point = add(ray.origin, scale(ray.direction, hit.distance));
        double cosine = fabs(dot(ray.direction, hit.normal));

        if (hit.surface == SURFACE_PANE) {
            bool reflects = random_unit(random) < fresnel(cosine, 0.045);
            if (reflects)
                ray.direction = mirror(ray.direction, hit.normal);
            else
                weight = mul(weight, hit.colour);
            ray.origin = add(point, scale(ray.direction, 20 * EPSILON));
            continue;
        }
        if (hit.surface == SURFACE_METAL ||
            (hit.surface == SURFACE_GLOSSY && random_unit(random) < fresnel(cosine, 0.045))) {
            double roughness = hit.surface == SURFACE_METAL ? 0.16 : 0.03;
            if (hit.surface == SURFACE_METAL)
                weight = mul(weight, hit.colour);
            ray.direction = unit(
                add(mirror(ray.direction, hit.normal), scale(random_in_ball(random), roughness)));
            ray.origin = add(point, scale(hit.normal, EPSILON));
            if (dot(ray.direction, hit.normal) <= 0)
                return seen;
            lamp_counts = true;
            continue;
        }

        struct vec colour = hit.surface == SURFACE_PAPER ? paper_colour(hit.u, hit.v) : hit.colour;
        weight = mul(weight, colour);
        point = add(point, scale(hit.normal, EPSILON));
        seen = add(seen, mul(weight, light_at(point, hit.normal, random)));
        ray.direction = unit(add(hit.normal, scale(unit(random_in_ball(random)), 0.9999)));
        ray.origin = point;
        lamp_counts = false;
        if (bounce > 3 && random_unit(random) < 0.5)
            return seen;
        if (bounce > 3)
            weight = scale(weight, 2);
    }
    return seen;
}

/* Film: a soft shoulder, then sRGB's gamma. */
static int to_byte(double value)
{
    double v = value * 0.74;
    v = v * (2.51 * v + 0.03) / (v * (2.43 * v + 0.59) + 0.14);
    v = fmin(fmax(v, 0), 1);
    return (int)(255 * pow(v, 1 / 2.2) + 0.5);
}

int main(int argc, char **argv)
{
    int n_samples = argc > 1 ? atoi(argv[1]) : 256;
    const struct vec eye = {1.9, 2.75, 6.6}, aim = {0.0, 1.42, 0};
    struct vec forward = unit(sub(aim, eye));
    struct vec right = unit(cross(forward, (struct vec){0, 1, 0}));
    struct vec up = cross(right, forward);
    const double opening = 0.335; /* tangent of half the vertical angle */

    printf("P6\n%d %d\n255\n", WIDTH_PX, HEIGHT_PX);
    for (int y = 0; y < HEIGHT_PX; y++) {
        for (int x = 0; x < WIDTH_PX; x++) {
            uint64_t random = 0x9e3779b97f4a7c15ull * (uint64_t)(y * WIDTH_PX + x + 1);
            struct vec sum = {0, 0, 0};
            for (int i = 0; i < n_samples; i++) {
                double sx = (2 * (x + random_unit(&random)) - WIDTH_PX) / HEIGHT_PX * opening;
                double sy = (HEIGHT_PX - 2 * (y + random_unit(&random))) / HEIGHT_PX * opening;
                struct ray ray = {eye, unit(add(forward, add(scale(right, sx), scale(up, sy))))};
                struct vec seen = trace(ray, &random);
                /* A single very bright path would leave a speck. */
                sum = add(sum, (struct vec){fmin(seen.x, 4), fmin(seen.y, 4), fmin(seen.z, 4)});
            }
            sum = scale(sum, 1.0 / n_samples);
            putchar(to_byte(sum.x));
            putchar(to_byte(sum.y));
            putchar(to_byte(sum.z));
        }
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
