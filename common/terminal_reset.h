/* A terminal as it was found, and the way back to it: for whoever draws on it, for the handlers of its crashes, and for
 * the broker when the viewer could not do it itself (SIGKILL). */
#ifndef COMMON_TERMINAL_RESET_H
#define COMMON_TERMINAL_RESET_H

#include <stdbool.h>
#include <termios.h>

struct terminal_saved {
    bool is_terminal; /* false: there is nothing to go back to */
    struct termios termios;
};

/* Notes how the terminal is set. 0, or -errno (-ENOTTY: no terminal) and *ret_saved is one that is never reset. */
int terminal_save(int fd, struct terminal_saved *ret_saved);

/* Whether somebody has set it otherwise since. Whoever draws here changes the settings before the first byte and puts
 * them back after the last one, so this also tells whether its modes have to be undone. */
bool terminal_is_changed(int fd, const struct terminal_saved *saved);

/* Leaves pictures, paste, mouse and keyboard modes and the alternate screen, shows the cursor, and sets everything as
 * it was; what was typed meanwhile is thrown away. Does nothing unless terminal_is_changed. Async-signal-safe, keeps
 * errno, and does not wait for a terminal that reads nothing. */
void terminal_reset(int fd, const struct terminal_saved *saved);

#endif
