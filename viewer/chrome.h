/* All that the window shows, drawn from a model: tabs, the page and what lies over it, the status line. Nothing here
 * knows a display, so that tests look at the same pixels as people. */
#ifndef VIEWER_CHROME_H
#define VIEWER_CHROME_H

#include "viewer/label.h"
#include "viewer/layout.h"
#include "viewer/theme.h"
#include "viewer/viewer.h"

struct chrome {
    const struct labels *labels;
    const struct theme *theme;
};

/* What the view itself adds: where the pointer is, and what is under way. */
struct hand {
    struct spot over;
    bool is_typing;
    struct rectangle selection; /* of the window; empty: none */
};

/* Each is drawn when its digest is another than what is on the screen. */
enum chrome_region { REGION_STRIP, REGION_PAGE, REGION_STATUS, REGION_COUNT };

struct rectangle chrome_area(enum chrome_region region, const struct layout *layout);
uint64_t chrome_digest(enum chrome_region region, const struct view_model *model, const struct layout *layout,
                       const struct hand *hand);
/* surface: of the whole window. */
void chrome_draw(const struct chrome *chrome, const struct surface *surface, enum chrome_region region,
                 const struct view_model *model, const struct layout *layout, const struct hand *hand);

#endif
