/* The viewer's colours, 0xRRGGBB. */
#ifndef VIEWER_THEME_H
#define VIEWER_THEME_H

#include <stdbool.h>
#include <stdint.h>

struct theme {
    uint32_t strip, tab_over; /* behind the tabs; a tab under the pointer */
    uint32_t desk;            /* around the page, and the active tab */
    uint32_t status, edge;    /* the lowest line; lines between areas */
    uint32_t panel, row_over; /* what lies over the page */
    uint32_t text, faint;
    uint32_t accent, on_accent;
    uint32_t good, busy, bad;
    uint32_t button, button_over;
    uint32_t paper; /* under documents: as they expect it, whatever the theme */
};

const struct theme *theme_get(bool is_light);

#endif
