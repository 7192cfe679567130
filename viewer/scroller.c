#include "viewer/scroller.h"

#include <math.h>

#define SETTLE_NS   40e6 /* two thirds are given out in this time */
#define FIRST_NS    12e6 /* what the first frame shows already: the answer to an input must not wait for the next */
#define MAX_LEFT_PX 20000

static double bounded(double px)
{
    return fmin(fmax(px, -MAX_LEFT_PX), MAX_LEFT_PX);
}

static void add(double *left, double px)
{
    *left = *left * px < 0 ? px : bounded(*left + px);
}

void scroller_add(struct scroller *scroller, double dx_px, double dy_px, uint64_t now_ns)
{
    if (!scroller_is_moving(scroller))
        scroller->last_ns = now_ns - (uint64_t)FIRST_NS;
    add(&scroller->x_px, dx_px);
    add(&scroller->y_px, dy_px);
}

void scroller_stop(struct scroller *scroller)
{
    scroller->x_px = scroller->y_px = 0;
}

bool scroller_is_moving(const struct scroller *scroller)
{
    return fabs(scroller->x_px) >= 1 || fabs(scroller->y_px) >= 1;
}

static int take(double *left, double share)
{
    double px = trunc(*left * share);
    if (px == 0)
        px = trunc(fmin(fmax(*left, -1), 1));
    *left -= px;
    return (int)px;
}

bool scroller_step(struct scroller *scroller, uint64_t now_ns, int *ret_dx_px, int *ret_dy_px)
{
    if (!scroller_is_moving(scroller) || now_ns <= scroller->last_ns)
        return false;
    double share = 1 - exp(-(double)(now_ns - scroller->last_ns) / SETTLE_NS);
    scroller->last_ns = now_ns;
    *ret_dx_px = take(&scroller->x_px, share);
    *ret_dy_px = take(&scroller->y_px, share);
    return true;
}
