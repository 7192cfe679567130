/* --snapshot: the tabs' pictures as PNG files, and a contact sheet of all. The broker only encodes; it decodes nothing.
 *
 * Files are written under a temporary name in the same folder and renamed, so that there is never half a picture
 * under a name somebody waits for. */
#ifndef BROKER_SNAPSHOT_H
#define BROKER_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/frame.h"

/* Makes dir where it is missing (not its parents) and opens it. 0 and a descriptor of the folder, the caller's; or
 * -errno and one escaped line in ret_error (-ENOTSUP: this build has no PNG encoder). */
int snapshot_prepare(const char *dir, int *ret_dir_fd, char *ret_error, size_t n_error);

/* Writes tab-NNN.png, number from 1. pixels is one slot of the layout; its alpha is not looked at, a page is opaque.
 * The slot may change meanwhile: the picture is then torn, nothing worse. 0 or -errno. Takes some ten milliseconds a
 * megapixel. */
int snapshot_write_tab(int dir_fd, unsigned number, const struct frame_layout *layout, const uint8_t *pixels);

/* Takes away the picture that an earlier run may have left under this number. 0 or -errno. */
int snapshot_remove_tab(int dir_fd, unsigned number);

/* The contact sheet: a picture with a tile for each tab, filled while tabs come and go. It keeps no pointer to what a
 * tile was made from. */
struct snapshot_sheet;

struct snapshot_tile {
    unsigned number;       /* of the tab, from 1 */
    const uint8_t *pixels; /* one slot; NULL: no picture, the tile says `reason` instead */
    const char *label;     /* the document's name; any bytes */
    const char *state;     /* "live", "failed", … */
    const char *reason;    /* why there is no picture; may be NULL; any bytes */
    bool failed;
};

/* All tabs have frames of this layout. 0 or -ENOMEM. */
int snapshot_sheet_create(struct snapshot_sheet **ret_sheet, unsigned n_tabs, const struct frame_layout *layout);
void snapshot_sheet_destroy(struct snapshot_sheet *sheet);

/* Draws one tile, over what was there. A number beyond n_tabs is our bug. */
void snapshot_sheet_put(struct snapshot_sheet *sheet, const struct snapshot_tile *tile);

/* Writes contact-sheet.png. 0 or -errno. */
int snapshot_sheet_write(const struct snapshot_sheet *sheet, int dir_fd);

#endif
