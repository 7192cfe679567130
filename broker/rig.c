#include "broker/rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/slice.h"

#define LIMIT_NS  (60 * NS_PER_S)
#define PROBE_NS  (20 * NS_PER_US)
#define MEMORY_MB 512

__attribute__((format(printf, 2, 3))) static void fail(struct rig *rig, const char *format, ...)
{
    char why[512];
    va_list arguments;
    if (rig->has_failed)
        return;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    rig->has_failed = true;
    rig->fail(rig, why);
    if (rig->loop != NULL)
        loop_quit(rig->loop);
}

/* ---- waiting ------------------------------------------------------------------------------------------------------------ */

static void took_too_long(struct loop_timer *timer)
{
    fail(LOOP_OWNER(timer, struct rig, limit), "a renderer did not answer within %llu seconds", LIMIT_NS / NS_PER_S);
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
    while (rig->n_awaited > 0 && !rig->has_failed) {
        const int error = loop_run(rig->loop);
        if (error != 0)
            fail(rig, "the event loop broke: %s", strerror(-error));
    }
    loop_disarm(rig->loop, &rig->limit);
}

/* ---- the spawner --------------------------------------------------------------------------------------------------------- */

static void broken(void *owner, const char *why)
{
    fail(owner, "%s", why);
}

static void closed(void *owner)
{
    struct rig *rig = owner;
    rig->is_closed = true;
    loop_quit(rig->loop);
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

void rig_create(struct rig *rig, const struct spawner_options *wanted,
                void (*on_failure)(struct rig *rig, const char *why))
{
    static const struct spawner_handlers handlers = {.broken = broken, .closed = closed};
    struct spawner_options options = *wanted;
    if (options.memory_bytes == 0)
        options.memory_bytes = (uint64_t)MEMORY_MB << 20;
    *rig = (struct rig){.fail = on_failure};
    slice_short(); /* as the broker does */
    if (loop_create(&rig->loop) != 0) {
        fail(rig, "no event loop can be made");
        return;
    }
    char why[256] = "out of memory";
    const uint64_t start_ns = clock_now_ns();
    if (spawner_create(rig->loop, &options, &handlers, rig, &rig->spawner, why, sizeof why) != 0) {
        fail(rig, "%s", why);
        return;
    }
    rig_expect(rig);
    probe(&rig->probe);
    rig_wait(rig);
    rig->zygote_ns = clock_now_ns() - start_ns;
}

void rig_destroy(struct rig *rig)
{
    if (rig->spawner != NULL) {
        spawner_close(rig->spawner);
        while (!rig->is_closed && loop_run(rig->loop) == 0)
            ;
        spawner_destroy(rig->spawner);
    }
    loop_destroy(rig->loop);
    *rig = (struct rig){0};
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
    if (fact->kind == MESSAGE_PONGED) {
        child->fact(child, fact);
        return;
    }
    if (fact->kind == MESSAGE_EXCHANGED)
        child->fact(child, fact);
    if (fact->kind == MESSAGE_PORT_CLOSED) {
        fail(child->rig, "a port was closed: %s", message_fault_name((enum message_fault)fact->port_closed->reason));
        return;
    }
    if (fact->kind == MESSAGE_REFUSED)
        fail(child->rig, "the document was refused: %s", refusal_name(fact->refused->reason));
    if (fact->kind == MESSAGE_OPENED) {
        child->open_ns = fact->opened->open_ns;
        child->n_pages = fact->opened->n_pages;
    }
    if (fact->kind == MESSAGE_PAINTED)
        child->paint_ns = fact->painted->paint_ns;
    if (fact->kind == MESSAGE_PAINTED && child->painted != NULL)
        child->painted(child);
    else
        rig_arrived(child->rig);
}

static void take_end(struct child *spawned, const struct evidence *evidence)
{
    struct rig_child *child = spawned->owner;
    if (!evidence->dismissed) {
        char why[256];
        crash_describe(evidence, why, sizeof why);
        fail(child->rig, "a renderer was lost: %s", spawned->failure[0] != '\0' ? spawned->failure : why);
    }
    child->child = NULL;
    if (child->leaves)
        rig_arrived(child->rig);
}

static const struct child_handlers handlers = {.ready = take_ready, .fact = take_fact, .ended = take_end};

void rig_spawn(struct rig *rig, struct rig_child *child, size_t mapped_bytes)
{
    *child = (struct rig_child){.rig = rig, .frame_fd = -1};
    rig_expect(rig);
    child->child = spawner_spawn(rig->spawner, mapped_bytes, &handlers, child);
    if (child->child == NULL)
        fail(rig, "no renderer could be asked for: out of descriptors or memory");
}

void rig_open(struct rig_child *child, const struct document *document, const struct frame_layout *layout)
{
    const int error = frame_create(layout, &child->frame_fd, &(bool){false});
    if (error != 0) {
        fail(child->rig, "no frame could be made: %s", strerror(-error));
        return;
    }
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
    if (child->painted == NULL)
        rig_expect(child->rig);
    child_order(child->child, MESSAGE_PAINT, &order.base, NULL, 0, order.serial, WHEN_PAINTING);
}

void rig_share(struct rig_child *child)
{
    if (child_share(child->child, child->serial + 1)) {
        child->serial++;
        rig_expect(child->rig);
    }
}

void rig_dismiss(struct rig_child *child)
{
    fd_close(&child->frame_fd);
    child->leaves = true;
    rig_expect(child->rig);
    child_dismiss(child->child);
}
