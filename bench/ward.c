#include "bench/ward.h"

#include "bench/report.h"
#include "common/clock.h"

#define WIDTH_PX  1024
#define HEIGHT_PX 768
#define LOOK_NS   (2 * NS_PER_MS)
/* So many looks in a row must find calm. */
#define LOOKS 2

/* ---- what tabs tell -------------------------------------------------------------------------------------------------------- */

static void tab_changed(void *owner, struct tab *tab)
{
    struct ward *ward = owner;
    if (tab->state == TAB_FAILED)
        bench_fail("a tab failed: %s", tab->reason);
    if (tab->state == TAB_LIVE && ward->handlers->live != NULL)
        ward->handlers->live(ward, tab);
}

static struct tab_retry tab_crashed(void *owner, struct tab *tab, const struct modules *modules)
{
    struct ward *ward = owner;
    (void)modules;
    if (ward->handlers->crashed != NULL)
        ward->handlers->crashed(ward, tab);
    return (struct tab_retry){.will_retry = true};
}

static void tab_orphaned(void *owner, struct tab *tab)
{
    (void)owner, (void)tab;
    bench_fail("a zygote's init was killed");
}

static void tab_painted(void *owner, struct tab *tab)
{
    struct ward *ward = owner;
    if (ward->handlers->painted != NULL)
        ward->handlers->painted(ward, tab);
}

static void tab_survived(void *owner, struct tab *tab)
{
    struct ward *ward = owner;
    if (ward->handlers->survived != NULL)
        ward->handlers->survived(ward, tab);
}

static void tab_left(void *owner, struct tab *tab, const struct evidence *evidence)
{
    struct ward *ward = owner;
    if (ward->handlers->left != NULL)
        ward->handlers->left(ward, tab, evidence);
}

static void tab_goes_on(void *owner, struct tab *tab)
{
    (void)owner, (void)tab;
}

static void tab_unsafe(void *owner, const struct child *child)
{
    (void)owner, (void)child;
    bench_fail("a renderer came up with fewer layers than were promised; broker --sandbox-status says why");
}

static const struct tab_handlers tab_handlers = {.changed = tab_changed,
                                                 .gone = tab_goes_on,
                                                 .crashed = tab_crashed,
                                                 .orphaned = tab_orphaned,
                                                 .progressed = tab_goes_on,
                                                 .painted = tab_painted,
                                                 .survived = tab_survived,
                                                 .left = tab_left,
                                                 .unsafe = tab_unsafe};

/* ---- waiting --------------------------------------------------------------------------------------------------------------- */

static bool is_calm(const struct ward *ward)
{
    for (unsigned i = 0; i < ward->n_tabs; i++) {
        const struct tab *tab = &ward->tabs[i];
        if (tab->state == TAB_CLOSED ? tab->child != NULL : tab->state != TAB_LIVE || tab->child->when != WHEN_IDLE)
            return false;
    }
    return spawner_is_tidy(ward->rig.spawner);
}

/* Nobody tells when all is calm, for nobody but a test or a benchmark wants to know: it is looked for. */
static void look(struct loop_timer *timer)
{
    struct ward *ward = LOOP_OWNER(timer, struct ward, look_timer);
    ward->n_calm = is_calm(ward) ? ward->n_calm + 1 : 0;
    if (ward->n_calm == LOOKS)
        rig_arrived(&ward->rig);
    else
        loop_arm(ward->rig.loop, timer, clock_now_ns() + LOOK_NS, look);
}

void ward_calm_down(struct ward *ward)
{
    ward->n_calm = 0;
    rig_expect(&ward->rig);
    loop_arm(ward->rig.loop, &ward->look_timer, clock_now_ns(), look);
    rig_wait(&ward->rig);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------- */

void ward_create(struct ward *ward, const struct document *document, unsigned n_tabs, bool keeps_standby,
                 const struct ward_handlers *handlers)
{
    *ward = (struct ward){.handlers = handlers, .document = document, .n_tabs = n_tabs};
    rig_create(&ward->rig, &(struct spawner_options){.mode = SPAWN_ZYGOTE}, bench_rig_failed);
    ward->setup = (struct tab_setup){.loop = ward->rig.loop,
                                     .spawner = ward->rig.spawner,
                                     .zoom = 1,
                                     .timeout_ns = 10 * NS_PER_S,
                                     .handlers = &tab_handlers,
                                     .owner = ward};
    frame_layout_init(&ward->setup.layout, WIDTH_PX, HEIGHT_PX);
    if (keeps_standby)
        spawner_keep_standby(ward->rig.spawner);
    for (unsigned i = 0; i < n_tabs; i++) {
        tab_init(&ward->tabs[i], &ward->setup, i + 1, document);
        tab_start(&ward->tabs[i]);
    }
    ward_calm_down(ward);
}

void ward_destroy(struct ward *ward)
{
    for (unsigned i = 0; i < ward->n_tabs; i++)
        tab_close(&ward->tabs[i]);
    ward_calm_down(ward);
    for (unsigned i = 0; i < ward->n_tabs; i++)
        tab_finish(&ward->tabs[i]);
    rig_destroy(&ward->rig);
}

void ward_reload(struct ward *ward)
{
    for (unsigned i = 0; i < ward->n_tabs; i++)
        tab_reload(&ward->tabs[i]);
    ward_calm_down(ward);
}
