/* --snapshot at work: each tab's picture to its file and onto the contact sheet, one a turn of the loop, so that signals
 * and watchdogs are served in between. A tab whose renderer died shows its crash page. */
#ifndef BROKER_PICTURES_H
#define BROKER_PICTURES_H

#include "broker/loop.h"
#include "broker/tab.h"

struct pictures;

/* dir_fd, tabs, layout: borrowed until the end. `done` comes once, from the loop: 0, or the -errno that ended the writing.
 * 0 or -ENOMEM. */
int pictures_take(struct loop *loop, int dir_fd, struct tab *tabs, unsigned n_tabs, const struct frame_layout *layout,
                  void (*done)(void *owner, int error), void *owner, struct pictures **ret_pictures);
/* Also in the middle. */
void pictures_destroy(struct pictures *pictures);

#endif
