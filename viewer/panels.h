/* What lies over the page when it is asked for: the keys, and the process view. */
#ifndef VIEWER_PANELS_H
#define VIEWER_PANELS_H

#include "viewer/chrome.h"

void panels_draw(const struct chrome *chrome, const struct surface *surface, const struct view_model *model,
                 const struct layout *layout, const struct hand *hand);

/* "6.1 MB" */
void panels_format_memory(char *out, size_t n_out, uint64_t kb);
const char *panels_state_name(enum view_tab_state state);

#endif
