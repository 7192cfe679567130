/* Table c: from the order to paint to a picture that whoever shows it has read, and what the memory for it costs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/latency/latency.h"
#include "broker/latency/place.h"
#include "broker/rig.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/memfd.h"

#define MAX_TABS 8
#define WARM_UP  4

enum figure_kind { BLANK, TEXT, MOTION, N_SCENES, FRESH = N_SCENES, POOLED, N_NAMES };

static const char *const names[N_NAMES] = {
    [BLANK] = "frame-blank", [TEXT] = "frame-text",     [MOTION] = "frame-motion",
    [FRESH] = "frame-fresh", [POOLED] = "frame-pooled",
};

/* Drawn by the engine that needs no library, so that a frame costs the same everywhere. */
static const char *const scenes[N_SCENES] = {
    [BLANK] = "vitrine-scene\nfigure blank\n",
    [TEXT] = "vitrine-scene\nfigure text\n"
             "text One document, one process, one frame.\ntext The renderer draws straight into it;\n"
             "text the broker never copies a picture.\ntext What is shown is what was drawn.\n",
    [MOTION] = "vitrine-scene\nfigure motion\n",
};

static const struct size {
    uint32_t width_px, height_px;
} sizes[] = {{1024, 768}, {1920, 1080}};
#define N_SIZES (sizeof sizes / sizeof sizes[0])

/* A case's detail: which name, which size. */
static long detail_of(int name, size_t size)
{
    return (long)size * N_NAMES + name;
}

/* ---- what is measured ------------------------------------------------------------------------------------------------ */

static struct latency_case frame_case(int name, size_t size, const char *test, unsigned tabs)
{
    return (struct latency_case){
        .figure = {.table = "frames",
                   .name = names[name],
                   .test = test,
                   .placement = tabs == 1 ? "cross-core" : "free",
                   .codec = "direct",
                   .wait = "adaptive",
                   .payload = (size_t)sizes[size].width_px * sizes[size].height_px * 4,
                   .peers = tabs,
                   .window = 1,
                   .sandboxed = true},
        .typical_ns = 2e6,
        .budget_ms = 250,
        .max_n = 2000,
        .detail = detail_of(name, size),
    };
}

static void plan(struct latency_plan *plan)
{
    unsigned group = 0;
    for (size_t size = 0; size < N_SIZES; size++) {
        for (int name = BLANK; name < N_SCENES; name++) {
            for (unsigned tabs = 1; tabs <= MAX_TABS; tabs += MAX_TABS - 1) {
                struct latency_case one = frame_case(name, size, "frame", tabs);
                one.group = group;
                latency_plan_add(plan, &one);
                one.figure.test = "frame-visible";
                latency_plan_add(plan, &one);
                group++;
            }
        }
        for (int name = FRESH; name < N_NAMES; name++) {
            struct latency_case one = frame_case(name, size, "frame-memory", 1);
            one.figure.placement = "same-core";
            one.figure.codec = "none";
            one.figure.wait = NULL;
            one.figure.sandboxed = false;
            one.group = group;
            latency_plan_add(plan, &one);
        }
        group++;
    }
}

/* ---- tabs ------------------------------------------------------------------------------------------------------------ */

struct pane {
    struct rig_child child;
    uint8_t *pixels; /* as whoever shows it sees them: read only */
    uint64_t ordered_ns;
    uint32_t page;
};

static struct {
    struct rig rig;
    struct pane panes[MAX_TABS];
    unsigned n_tabs;
    const struct latency_case *measured;
    struct frame_layout layout;
    uint64_t n, n_ordered, n_painted;
    struct fine_histogram latency;
    const char *note; /* what is not as the figure says; NULL: nothing */
    char failure[FIGURE_MAX_REASON];
} stage;

static volatile uint64_t seen; /* so that a picture is really read */

static void note_failure(struct rig *rig, const char *why)
{
    (void)rig;
    snprintf(stage.failure, sizeof stage.failure, "%s", why);
}

/* Every pixel once, as a screen takes them. */
static void look_at(const struct pane *pane)
{
    const uint8_t *row = pane->pixels + pane->child.slot * stage.layout.slot_bytes;
    uint64_t sum = 0;
    for (uint32_t y = 0; y < stage.layout.height_px; y++, row += stage.layout.stride_bytes) {
        for (uint32_t x = 0; x < stage.layout.width_px * 4; x += sizeof(uint64_t)) {
            uint64_t pixels;
            memcpy(&pixels, row + x, sizeof pixels);
            sum += pixels;
        }
    }
    seen = sum;
}

static void order(struct pane *pane)
{
    stage.n_ordered++;
    pane->ordered_ns = clock_now_ns();
    rig_paint(&pane->child, pane->page++ % pane->child.n_pages);
}

static void painted(struct rig_child *child)
{
    struct pane *pane = child->owner;
    if (strcmp(stage.measured->figure.test, "frame-visible") == 0)
        look_at(pane);
    fine_histogram_add(&stage.latency, clock_now_ns() - pane->ordered_ns);
    if (++stage.n_painted == stage.n)
        loop_quit(stage.rig.loop);
    else if (stage.n_ordered < stage.n)
        order(pane);
}

static int run_part(uint64_t n)
{
    stage.n = n;
    stage.n_ordered = stage.n_painted = 0;
    memset(&stage.latency, 0, sizeof stage.latency);
    for (unsigned i = 0; i < stage.n_tabs && stage.n_ordered < n; i++)
        order(&stage.panes[i]);
    while (stage.n_painted < n && !stage.rig.has_failed) {
        if (loop_run(stage.rig.loop) != 0)
            return -EIO;
    }
    return stage.rig.has_failed ? -EIO : 0;
}

/* A scene's text as a document. 0 or -errno. */
static int make_document(const char *text, struct document *ret_document)
{
    const size_t n_bytes = strlen(text);
    CLOSE_FD int fd = -1;
    int error = memfd_make("scene", &fd, NULL);
    if (error == 0 && write(fd, text, n_bytes) != (ssize_t)n_bytes)
        error = -errno;
    if (error == 0)
        error = memfd_seal(fd, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL, n_bytes);
    if (error == 0)
        *ret_document = (struct document){.extension = "scene", .fd = fd_steal(&fd), .n_bytes = n_bytes};
    return error;
}

static int open_tabs(const struct document *document)
{
    pid_t pids[MAX_TABS];
    for (unsigned i = 0; i < stage.n_tabs; i++)
        rig_spawn(&stage.rig, &stage.panes[i].child, stage.layout.total_bytes + document->n_bytes);
    rig_wait(&stage.rig);
    for (unsigned i = 0; i < stage.n_tabs && !stage.rig.has_failed; i++) {
        pids[i] = stage.panes[i].child.pid;
        stage.panes[i].child.owner = &stage.panes[i];
        rig_open(&stage.panes[i].child, document, &stage.layout);
    }
    rig_wait(&stage.rig);
    for (unsigned i = 0; i < stage.n_tabs && !stage.rig.has_failed; i++) {
        rig_share(&stage.panes[i].child);
        rig_wait(&stage.rig);
        if (stage.rig.has_failed)
            break;
        if (!stage.panes[i].child.child->way.by_ring)
            stage.note = "by the socket: no ring can be had here";
        if (frame_map(&stage.layout, stage.panes[i].child.frame_fd, false, &stage.panes[i].pixels) != 0)
            return -ENOMEM;
        stage.panes[i].child.painted = painted;
    }
    if (stage.rig.has_failed)
        return -EIO;
    const int error = latency_place(stage.measured->figure.placement, pids, stage.n_tabs);
    if (error != -EOPNOTSUPP)
        return error;
    /* There is still a frame to be had. */
    stage.note = "only one core may be used here";
    return latency_place("free", pids, stage.n_tabs);
}

static void close_tabs(void)
{
    for (unsigned i = 0; i < MAX_TABS; i++) {
        if (stage.panes[i].pixels != NULL)
            frame_unmap(&stage.layout, stage.panes[i].pixels);
    }
    for (unsigned i = 0; i < stage.n_tabs; i++)
        fd_close(&stage.panes[i].child.frame_fd);
    rig_destroy(&stage.rig);
    memset(stage.panes, 0, sizeof stage.panes);
}

static void fill(struct figure_outcome *outcome, uint64_t total_ns)
{
    outcome->n = stage.latency.n;
    outcome->total_ms = (double)total_ns / (double)NS_PER_MS;
    outcome->per_s = (double)stage.latency.n * (double)NS_PER_S / (double)total_ns;
    figure_outcome_latencies(outcome, &stage.latency);
}

static void measure_tabs(const char *scene, uint64_t n, struct figure_outcome *ret_outcome)
{
    struct document document = {.fd = -1};
    stage.n_tabs = stage.measured->figure.peers;
    const struct spawner_options options = latency_spawner_options(CODEC_DIRECT);
    rig_create(&stage.rig, &options, note_failure);
    int error = make_document(scene, &document);
    if (error == 0)
        error = open_tabs(&document);
    if (error == 0)
        error = run_part(WARM_UP * stage.n_tabs);
    const uint64_t start_ns = clock_now_ns();
    if (error == 0)
        error = run_part(n);
    if (error == 0)
        fill(ret_outcome, clock_now_ns() - start_ns);
    else
        snprintf(ret_outcome->absent, sizeof ret_outcome->absent, "%s",
                 stage.failure[0] != '\0' ? stage.failure : strerror(-error));
    if (error == 0 && stage.note != NULL)
        snprintf(ret_outcome->note, sizeof ret_outcome->note, "%s", stage.note);
    close_tabs();
    fd_close(&document.fd);
    latency_place_free();
}

/* ---- the memory ------------------------------------------------------------------------------------------------------ */

/* A picture into memory that is made for it, and thrown away after it. 0 or -errno. */
static int fill_fresh(void)
{
    CLOSE_FD int fd = -1;
    uint8_t *pixels;
    int error = frame_create(&stage.layout, &fd, &(bool){false});
    if (error == 0)
        error = frame_map(&stage.layout, fd, true, &pixels);
    if (error != 0)
        return error;
    memset(pixels, 0xff, stage.layout.slot_bytes);
    frame_unmap(&stage.layout, pixels);
    return 0;
}

static int time_fills(uint64_t n, uint8_t *pooled)
{
    int error = 0;
    for (uint64_t i = 0; i < n && error == 0; i++) {
        const uint64_t before_ns = clock_now_ns();
        if (pooled == NULL)
            error = fill_fresh();
        else
            memset(pooled, (int)i, stage.layout.slot_bytes);
        fine_histogram_add(&stage.latency, clock_now_ns() - before_ns);
    }
    return error;
}

static void measure_memory(bool is_pooled, uint64_t n, struct figure_outcome *ret_outcome)
{
    CLOSE_FD int fd = -1;
    uint8_t *pooled = NULL;
    int error = is_pooled ? frame_create(&stage.layout, &fd, &(bool){false}) : 0;
    if (error == 0 && is_pooled)
        error = frame_map(&stage.layout, fd, true, &pooled);
    if (error == 0 && is_pooled)
        memset(pooled, 0, stage.layout.slot_bytes);
    memset(&stage.latency, 0, sizeof stage.latency);
    const uint64_t start_ns = clock_now_ns();
    if (error == 0)
        error = time_fills(n, pooled);
    if (error == 0)
        fill(ret_outcome, clock_now_ns() - start_ns);
    else
        snprintf(ret_outcome->absent, sizeof ret_outcome->absent, "%s", strerror(-error));
    if (pooled != NULL)
        frame_unmap(&stage.layout, pooled);
}

static void measure(const struct latency_case *measured, uint64_t n, struct figure_outcome *ret_outcome)
{
    const int name = (int)(measured->detail % N_NAMES);
    const struct size *size = &sizes[measured->detail / N_NAMES];
    stage.measured = measured;
    stage.failure[0] = '\0';
    stage.note = NULL;
    frame_layout_init(&stage.layout, size->width_px, size->height_px);
    if (name < N_SCENES)
        measure_tabs(scenes[name], n, ret_outcome);
    else
        measure_memory(name == POOLED, n, ret_outcome);
}

const struct latency_section latency_frames = {
    .name = "frames",
    .title = "Frames: from the order to the picture; no picture is copied between renderer and broker",
    .plan = plan,
    .measure = measure,
};
