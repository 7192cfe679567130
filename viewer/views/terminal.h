#ifndef VIEWER_VIEWS_TERMINAL_H
#define VIEWER_VIEWS_TERMINAL_H

#include "viewer/viewer.h"

/* For handlers of crashes: the terminal as it was found. Async-signal-safe; does nothing when no terminal is open. The
 * view has handlers of its own for signals that nobody took before it was opened. */
void terminal_restore_now(void);

extern const struct view terminal_view;

#endif
