/* The viewer: what a person sees and does. A process of its own: it owns the display and the keyboard, gets pictures as
 * descriptors it can only read, and never sees a document. Here is what its two halves agree on: who speaks with the
 * broker (viewer/viewer.c) fills in a model and takes actions; a view (viewer/views/) shows the one and finds out about
 * the other.
 *
 *     broker ── frames, facts ──► viewer.c ── model ──► view ──► screen
 *     broker ◄──── orders ─────── viewer.c ◄─ actions ── view ◄── keys, mouse, resizing
 */
#ifndef VIEWER_VIEWER_H
#define VIEWER_VIEWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Everything that is text came from documents or files: well-formed UTF-8, escaped already (no control characters, no
 * bidirectional controls), cut to these bytes with their end. */
#define VIEW_MAX_TITLE  256
#define VIEW_MAX_STATUS 256
#define VIEW_MAX_TYPED  256
#define VIEW_MAX_TABS   1024

enum view_tab_state { VIEW_TAB_LOADING, VIEW_TAB_LIVE, VIEW_TAB_RESTARTING, VIEW_TAB_FAILED, VIEW_TAB_CLOSED };

/* A picture: RGBA, premultiplied, rows of stride_bytes. It stays valid and unchanged while it is presented. */
struct view_picture {
    const uint8_t *pixels; /* NULL: none yet */
    uint64_t serial;       /* another one whenever the pixels are others: what has not changed is not shown again */
    int width_px, height_px;
    size_t stride_bytes;
    double zoom;    /* it was drawn at */
    int x_px, y_px; /* the point of the zoomed page that is at its top left corner */
};

struct view_tab {
    unsigned number; /* from 1 */
    enum view_tab_state state;
    char title[VIEW_MAX_TITLE]; /* the document's, or its file's name */
    char kind[16];              /* "pdf"; "" not known */
    unsigned page, n_pages;     /* from 0; n_pages 0: not known */
    unsigned n_layers, n_layers_wanted;
    uint64_t first_frame_ns;
    /* For the process view. */
    pid_t pid;
    uint64_t memory_kb, cpu_ms, n_messages;
    unsigned n_violations, n_restarts;
    char last_crash[VIEW_MAX_STATUS]; /* "" none */
};

enum view_overlay { OVERLAY_NONE, OVERLAY_KEYS, OVERLAY_PROCESSES };

/* What there is to see. */
struct view_model {
    const struct view_tab *tabs;
    unsigned n_tabs, active;     /* index */
    struct view_picture picture; /* the active tab's latest, or its crash page */
    double zoom;                 /* wanted: the picture may still be of another, and is shown scaled until then */
    int x_px, y_px;              /* wanted scroll position, in pixels of the zoomed page */
    int page_width_px, page_height_px; /* of the whole zoomed page, 0: not known */
    enum view_overlay overlay;
    char status[VIEW_MAX_STATUS];     /* a line for the moment: a link's target, "not found"; "" none */
    char question[VIEW_MAX_STATUS];   /* yes or no is awaited; "" none */
    char typed[VIEW_MAX_TYPED];       /* what is being searched for; is_searching tells whether there is such a line */
    bool is_searching;
    unsigned n_hits, hit;
};

/* What a person did. */
enum view_action {
    ACTION_NONE, /* nothing for the broker, but present again: what the view itself adds has changed */
    ACTION_QUIT,
    ACTION_SHOW_TAB,     /* tab: index */
    ACTION_NEXT_TAB,     /* by: +1, -1 */
    ACTION_CLOSE_TAB,
    ACTION_RELOAD,
    ACTION_SCROLL,       /* dx_px, dy_px */
    ACTION_PAGE,         /* by: +1, -1 pages */
    ACTION_FIRST_PAGE,
    ACTION_LAST_PAGE,
    ACTION_ZOOM,         /* factor; 0: back to 1 */
    ACTION_RESIZED,      /* width_px, height_px: of the area for pictures */
    ACTION_POINT,        /* x_px, y_px in the picture: pressed and released there */
    ACTION_SELECT,       /* from x_px, y_px to x2_px, y2_px: text to copy */
    ACTION_SEARCH,       /* begins; then ACTION_TYPED, and ACTION_NEXT_HIT or ACTION_CANCEL */
    ACTION_TYPED,        /* text: what stands there now */
    ACTION_NEXT_HIT,     /* by: +1, -1 */
    ACTION_CANCEL,
    ACTION_YES,
    ACTION_NO,
    ACTION_KEYS,         /* shows or hides the list of keys */
    ACTION_PROCESSES,    /* shows or hides the process view */
    ACTION_CRASH,        /* for demonstrations: makes the active tab fail */
    ACTION_TRY_AGAIN,    /* the crash page's buttons */
    ACTION_KEEP_CLOSED,
    ACTION_SHOW_REPORT,
    ACTION_OPEN,         /* text: a file that was dropped */
};

struct view_event {
    enum view_action action;
    unsigned tab;
    int by;
    int dx_px, dy_px;
    double factor;
    int width_px, height_px;
    double pixels_per_point; /* with ACTION_RESIZED: 2 on a HiDPI screen */
    int x_px, y_px, x2_px, y2_px;
    char text[4096];
};

struct view_options {
    bool symbols; /* --symbols: no pixels in a terminal */
    int width_px, height_px; /* wanted; 0: as it comes */
};

/* A way to show. One at a time. */
struct view {
    const char *name; /* "window", "terminal" */
    /* Whether there is a display, terminal … for it; NULL, or in one line why not and what to do. Changes nothing. */
    const char *(*lacks)(void);
    /* 0; or -errno with one line in ret_why. The first event is ACTION_RESIZED. */
    int (*open)(const struct view_options *options, char *ret_why, size_t n_why);
    /* Readable when there may be events; -1: ask now and then. */
    int (*event_fd)(void);
    /* The next event, without waiting: false when there is none. Input is coalesced: several scrolls, sizes or pointers in
     * a row are one event. -EPIPE style ends (the terminal or display is gone) are ACTION_QUIT. */
    bool (*next_event)(struct view_event *ret_event);
    /* Shows it. Does not wait for the screen longer than one frame. 0 or -errno (the display is gone). */
    int (*present)(const struct view_model *model);
    /* Leaves everything as it was found. Also after a failed open; again is fine. */
    void (*close)(void);
};

/* Those that were built, the best first; ends with NULL. */
extern const struct view *const views[];

#endif
