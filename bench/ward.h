/* Tabs that fall ill: on the rig's spawner, all showing one document, each restarted at once whenever its renderer
 * ends. No back-off, no breaker: what is measured is the broker's core, not its patience. */
#ifndef BENCH_WARD_H
#define BENCH_WARD_H

#include <stdbool.h>

#include "broker/rig.h"
#include "broker/tab.h"

#define WARD_MAX_TABS 8

/* What its owner wants to hear; each may be NULL. A tab that fails for good ends the benchmark. */
struct ward;
struct ward_handlers {
    void (*live)(struct ward *ward, struct tab *tab);
    void (*painted)(struct ward *ward, struct tab *tab);
    void (*crashed)(struct ward *ward, struct tab *tab);
    void (*survived)(struct ward *ward, struct tab *tab);
    void (*left)(struct ward *ward, struct tab *tab, const struct evidence *evidence);
};

struct ward {
    struct rig rig;
    const struct ward_handlers *handlers;
    const struct document *document; /* borrowed */
    struct tab_setup setup;
    struct tab tabs[WARD_MAX_TABS];
    unsigned n_tabs;
    unsigned n_calm; /* looks in a row that found nothing under way */
    struct loop_timer look_timer;
};

/* Shows the document in n_tabs tabs, and waits until all is calm. */
void ward_create(struct ward *ward, const struct document *document, unsigned n_tabs, bool keeps_standby,
                 const struct ward_handlers *handlers);
void ward_destroy(struct ward *ward);

/* Waits until every tab shows its picture and is idle, the zygotes are warm, and nothing is left of those before them;
 * and a little longer, so that everybody sleeps. */
void ward_calm_down(struct ward *ward);

/* A fresh renderer for each tab, all from one zygote, whatever became of those before; then as above. All are live. */
void ward_reload(struct ward *ward);

#endif
