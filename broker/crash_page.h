/* The crash page: what a tab shows after its renderer died. Drawn by the broker from what the broker knows, into memory
 * of the broker's own; nothing that the dead renderer could write to is read or shown. */
#ifndef BROKER_CRASH_PAGE_H
#define BROKER_CRASH_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/crash.h"
#include "common/frame.h"

/* The strings may hold any bytes and have any length; they are escaped and cut to fit. */
struct crash_page {
    unsigned tab;         /* from 1 */
    const char *document; /* cut at its beginning: the end of a path tells more */
    enum verdict verdict;
    const char *what;      /* one line: "crashed with SIGSEGV at address 0x10" */
    const char *report_id; /* NULL: none was stored */
    unsigned restarts;     /* so far */
    bool will_retry;
    uint64_t next_try_ns; /* from now; means nothing unless will_retry */
};

/* Draws the page into one slot: every pixel, opaque; what lies beyond the pixels of a row stays as it was. What does
 * not fit is left out, the least important first, so that any size a layout allows is fine. */
void crash_page_draw(const struct crash_page *page, const struct frame_layout *layout, uint8_t *pixels);

/* The same into slot 0 of a new frame. Returns 0 and the descriptor (the caller's), or -errno. */
int crash_page_create(const struct crash_page *page, const struct frame_layout *layout, int *ret_fd);

#endif
