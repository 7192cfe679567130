/* Smooth scrolling: what a wheel or key asks for at once is given out over some frames, most of it first. There is no
 * inertia: it ends where it was asked to, and a turn the other way takes effect at once. */
#ifndef VIEWER_SCROLLER_H
#define VIEWER_SCROLLER_H

#include <stdbool.h>
#include <stdint.h>

struct scroller {
    double x_px, y_px; /* still to be given out */
    uint64_t last_ns;
};

/* A first share is due at once. */
void scroller_add(struct scroller *scroller, double dx_px, double dy_px, uint64_t now_ns);
void scroller_stop(struct scroller *scroller);
bool scroller_is_moving(const struct scroller *scroller);

/* What is due now, in whole pixels; the sum of all is what was added, to less than one pixel. False: nothing yet. */
bool scroller_step(struct scroller *scroller, uint64_t now_ns, int *ret_dx_px, int *ret_dy_px);

#endif
