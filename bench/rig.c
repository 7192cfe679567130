#include "bench/rig.h"

#include <stddef.h>
#include <string.h>

#include "bench/report.h"
#include "common/clock.h"
#include "common/slice.h"
#include "common/fd.h"

#define LIMIT_NS  (60 * NS_PER_S)
#define PROBE_NS  (20 * NS_PER_US)
#define MEMORY_MB 512

/* ---- waiting ------------------------------------------------------------------------------------------------------------ */

static void took_too_long(struct loop_timer *timer)
{
    (void)timer;
    bench_fail("a renderer did not answer within %llu seconds", LIMIT_NS / NS_PER_S);
}

void rig_expect(struct rig *rig)
{
    rig->n_awaited++;
}

void rig_arrived(struct rig *rig)
{
    if (--rig->n_awaited == 0)
        loop_quit(rig->loop);
}

void rig_wait(struct rig *rig)
{
    loop_arm(rig->loop, &rig->limit, clock_now_ns() + LIMIT_NS, took_too_long);
    while (rig->n_awaited > 0) {
        const int error = loop_run(rig->loop);
        if (error != 0)
            bench_fail("the event loop broke: %s", strerror(-error));
    }
    loop_disarm(rig->loop, &rig->limit);
}

/* ---- the spawner --------------------------------------------------------------------------------------------------------- */

static void broken(void *owner, const char *why)
{
    (void)owner;
    bench_fail("%s", why);
}

static void closed(void *owner)
{
    rig_arrived(owner);
}

/* Nobody tells when a zygote is warm, for nobody but this benchmark wants to know: it is looked for, so often that what
 * is lost does not show in milliseconds. */
static void probe(struct loop_timer *timer)
{
    struct rig *rig = LOOP_OWNER(timer, struct rig, probe);
    if (spawner_zygote_rungs(rig->spawner, (uint32_t[ZYGOTE_RUNG_COUNT]){0}))
        rig_arrived(rig);
    else
        loop_arm(rig->loop, timer, clock_now_ns() + PROBE_NS, probe);
}

void rig_create(struct rig *rig, enum options_spawn mode)
{
    static const struct spawner_handlers handlers = {.broken = broken, .closed = closed};
    const struct spawner_options options = {.mode = mode, .memory_bytes = (uint64_t)MEMORY_MB << 20};
    *rig = (struct rig){0};
    slice_short(); /* as the broker does */
    if (loop_create(&rig->loop) != 0)
        bench_fail("no event loop can be made");
    char why[256] = "out of memory";
    const uint64_t start_ns = clock_now_ns();
    if (spawner_create(rig->loop, &options, &handlers, rig, &rig->spawner, why, sizeof why) != 0)
        bench_fail("%s", why);
    rig_expect(rig);
    probe(&rig->probe);
    rig_wait(rig);
    rig->zygote_ns = clock_now_ns() - start_ns;
}

void rig_destroy(struct rig *rig)
{
    rig_expect(rig);
    spawner_close(rig->spawner);
    rig_wait(rig);
    spawner_destroy(rig->spawner);
    loop_destroy(rig->loop);
}

/* ---- renderers ------------------------------------------------------------------------------------------------------------ */

static void take_ready(struct child *spawned)
{
    struct rig_child *child = spawned->owner;
    child->ready = true;
    child->pid = spawned->pid;
    child->spawn_ns = spawned->ready_at_ns - spawned->spawn_at_ns;
    memcpy(child->rung_ns, spawned->rung_ns, sizeof child->rung_ns);
    rig_arrived(child->rig);
}

static void take_fact(struct child *spawned, const struct message *fact)
{
    struct rig_child *child = spawned->owner;
    if (fact->kind == MESSAGE_PROGRESSED)
        return;
    if (fact->kind == MESSAGE_REFUSED)
        bench_fail("the document was refused: %s", refusal_name(fact->refused->reason));
    if (fact->kind == MESSAGE_OPENED) {
        child->open_ns = fact->opened->open_ns;
        child->n_pages = fact->opened->n_pages;
    }
    if (fact->kind == MESSAGE_PAINTED)
        child->paint_ns = fact->painted->paint_ns;
    rig_arrived(child->rig);
}

static void take_end(struct child *spawned, const struct evidence *evidence)
{
    struct rig_child *child = spawned->owner;
    if (!evidence->dismissed) {
        char why[256];
        crash_describe(evidence, why, sizeof why);
        bench_fail("a renderer was lost: %s", spawned->failure[0] != '\0' ? spawned->failure : why);
    }
    child->child = NULL;
    rig_arrived(child->rig);
}

static const struct child_handlers handlers = {.ready = take_ready, .fact = take_fact, .ended = take_end};

void rig_spawn(struct rig *rig, struct rig_child *child, size_t mapped_bytes)
{
    *child = (struct rig_child){.rig = rig, .frame_fd = -1};
    rig_expect(rig);
    child->child = spawner_spawn(rig->spawner, mapped_bytes, &handlers, child);
    if (child->child == NULL)
        bench_fail("no renderer could be asked for: out of descriptors or memory");
}

void rig_open(struct rig_child *child, const struct document *document, const struct frame_layout *layout)
{
    const int error = frame_create(layout, &child->frame_fd, &(bool){false});
    if (error != 0)
        bench_fail("no frame could be made: %s", strerror(-error));
    Vitrine__Open order = VITRINE__OPEN__INIT;
    order.serial = ++child->serial;
    order.document_bytes = document->n_bytes;
    order.width_px = layout->width_px;
    order.height_px = layout->height_px;
    order.extension = (char *)document->extension;
    rig_expect(child->rig);
    child_order(child->child, MESSAGE_OPEN, &order.base, (const int[]){document->fd, child->frame_fd}, 2, order.serial,
                WHEN_OPENING);
}

void rig_paint(struct rig_child *child, uint32_t page)
{
    Vitrine__Paint order = VITRINE__PAINT__INIT;
    order.serial = ++child->serial;
    child->slot = (child->slot + 1) % FRAME_SLOTS;
    order.slot = child->child->slot = child->slot;
    order.page = page;
    order.zoom = 1;
    rig_expect(child->rig);
    child_order(child->child, MESSAGE_PAINT, &order.base, NULL, 0, order.serial, WHEN_PAINTING);
}

void rig_dismiss(struct rig_child *child)
{
    fd_close(&child->frame_fd);
    rig_expect(child->rig);
    child_dismiss(child->child);
}
