#include "viewer/viewer.h"

#ifdef HAVE_WINDOW_VIEW
#include "viewer/views/window.h"
#endif
#ifdef HAVE_TERMINAL_VIEW
#include "viewer/views/terminal.h"
#endif

const struct view *const views[] = {
#ifdef HAVE_WINDOW_VIEW
    &window_view,
#endif
#ifdef HAVE_TERMINAL_VIEW
    &terminal_view,
#endif
    NULL,
};
