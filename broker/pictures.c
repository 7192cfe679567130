#include "broker/pictures.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/crash_page.h"
#include "broker/snapshot.h"
#include "common/clock.h"

struct pictures {
    struct loop *loop;
    int dir_fd;
    struct tab *tabs;
    unsigned n_tabs, n_taken;
    const struct frame_layout *layout;
    void (*done)(void *owner, int error);
    void *owner;
    struct snapshot_sheet *sheet;
    struct loop_timer timer;
    uint8_t *crash_pixels; /* one slot, made for the first crash page */
};

static int draw_crash_page(struct pictures *pictures, const struct tab *tab)
{
    if (pictures->crash_pixels == NULL)
        pictures->crash_pixels = malloc(pictures->layout->slot_bytes);
    if (pictures->crash_pixels == NULL)
        return -ENOMEM;
    const uint64_t now = clock_now_ns(), next_ns = tab->retry_timer.at_ns;
    const struct crash_page page = {
        .tab = tab->number,
        .document = tab->document->path,
        .verdict = tab->verdict,
        .what = tab->reason,
        .report_id = tab->report_id[0] != '\0' ? tab->report_id : NULL,
        .restarts = tab->n_restarts,
        .will_retry = tab->state == TAB_RESTARTING,
        .next_try_ns = next_ns > now ? next_ns - now : 0,
    };
    crash_page_draw(&page, pictures->layout, pictures->crash_pixels);
    return 0;
}

/* A picture of what the tab shows; *ret_pixels NULL when it shows nothing. *ret_frame is to be unmapped. */
static int find_pixels(struct pictures *pictures, const struct tab *tab, const uint8_t **ret_pixels,
                       uint8_t **ret_frame)
{
    const bool crashed = (tab->state == TAB_FAILED && tab->refusal == REFUSAL_NONE) || tab->state == TAB_RESTARTING;
    int error = 0;
    if (tab->state == TAB_LIVE) {
        error = frame_map(pictures->layout, tab->frame_fd, false, ret_frame);
        if (error == 0)
            *ret_pixels = *ret_frame + tab->shown_slot * pictures->layout->slot_bytes;
    } else if (crashed) {
        error = draw_crash_page(pictures, tab);
        if (error == 0)
            *ret_pixels = pictures->crash_pixels;
    }
    return error;
}

static int take(struct pictures *pictures, const struct tab *tab)
{
    const struct frame_layout *layout = pictures->layout;
    const uint8_t *pixels = NULL;
    uint8_t *frame = NULL;
    int error = find_pixels(pictures, tab, &pixels, &frame);
    if (error != 0)
        return error;
    snapshot_sheet_put(pictures->sheet, &(struct snapshot_tile){.number = tab->number,
                                                                .pixels = pixels,
                                                                .label = tab->document->path,
                                                                .state = tab_state_name(tab->state),
                                                                .reason = tab->reason,
                                                                .failed = tab->state != TAB_LIVE});
    if (pixels != NULL)
        error = snapshot_write_tab(pictures->dir_fd, tab->number, layout, pixels);
    else
        error = snapshot_remove_tab(pictures->dir_fd, tab->number);
    if (frame != NULL)
        frame_unmap(layout, frame);
    return error;
}

static void take_next(struct loop_timer *timer)
{
    struct pictures *pictures = LOOP_OWNER(timer, struct pictures, timer);
    int error = take(pictures, &pictures->tabs[pictures->n_taken++]);
    if (error == 0 && pictures->n_taken < pictures->n_tabs) {
        loop_arm(pictures->loop, timer, clock_now_ns(), take_next);
        return;
    }
    if (error == 0)
        error = snapshot_sheet_write(pictures->sheet, pictures->dir_fd);
    pictures->done(pictures->owner, error);
}

int pictures_take(struct loop *loop, int dir_fd, struct tab *tabs, unsigned n_tabs, const struct frame_layout *layout,
                  void (*done)(void *owner, int error), void *owner, struct pictures **ret_pictures)
{
    struct pictures *pictures = calloc(1, sizeof *pictures);
    if (pictures == NULL)
        return -ENOMEM;
    *pictures = (struct pictures){
        .loop = loop, .dir_fd = dir_fd, .tabs = tabs, .n_tabs = n_tabs, .layout = layout, .done = done, .owner = owner};
    const int error = snapshot_sheet_create(&pictures->sheet, n_tabs, layout);
    if (error != 0) {
        free(pictures);
        return error;
    }
    loop_arm(loop, &pictures->timer, clock_now_ns(), take_next);
    *ret_pictures = pictures;
    return 0;
}

void pictures_destroy(struct pictures *pictures)
{
    if (pictures == NULL)
        return;
    loop_disarm(pictures->loop, &pictures->timer);
    snapshot_sheet_destroy(pictures->sheet);
    free(pictures->crash_pixels);
    free(pictures);
}
