/* A window, by SDL2. VITRINE_THEME=light or dark chooses its colours. */
#ifndef VIEWER_VIEWS_WINDOW_H
#define VIEWER_VIEWS_WINDOW_H

#include "viewer/viewer.h"

extern const struct view window_view;

#endif
