/* A view alone, to try and to test it: synthetic tabs and pages, and each event as a line on standard output.
 *
 *     show [--view NAME] [--tabs N] [--size WxH] [--delay MS] [--active TAB] [--question TEXT] [--costs]
 *
 * --delay: how late pictures are, as if a slow renderer drew them. Of eight tabs, the third has failed, the sixth is
 * being restarted and the seventh is loading; Ctrl+Shift+C makes any other fail too. --costs: at the end, what presenting took. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "viewer/label.h"
#include "viewer/viewer.h"

#define MAX_TABS     1024
#define PAGE_WIDTH   816 /* Letter at 96 dots an inch */
#define PAGE_HEIGHT  1056
#define N_PAGES      12
#define MARGIN       84
#define LINE         21
#define MAX_SAMPLES  100000
#define ASK_AGAIN_MS 20
#define MAX_ZOOM     8
#define MIN_ZOOM     0.1

static const char *const titles[] = {
    "The Design of Vitrine",
    "Welcome",
    "channel.md",
    "A Book About Glass Cases – Σ, Ж and ü",
    "processes.png",
    "Ladder",
    "scripts.txt",
    "A title that is longer than any tab is wide, so that it must be cut",
};
static const char *const kinds[] = {"pdf", "html", "markdown", "epub", "png", "svg", "text", "xps"};
#define N_SAMPLES (sizeof kinds / sizeof kinds[0])

static const char *const lines[] = {
    "A renderer is a process of its own for each document. It can turn bytes into pixels, and nothing else: it",
    "opens no file, has no network, sees no other process, and asks the broker for whatever it needs.",
    "",
    "When it crashes, hangs or tries what it must not, that one tab ends with a verdict, and its neighbours",
    "go on. The broker tells what the kernel saw, what it saw itself, and what the renderer claims, in this order.",
    "",
};
#define N_LINES (sizeof lines / sizeof lines[0])

static struct {
    struct view_tab tabs[MAX_TABS];
    struct view_model model;
    struct labels *labels;
    int width_px, height_px; /* of the area */
    uint8_t *pixels;
    bool is_stale;
    uint64_t due_ns; /* of the next picture */
    int delay_ms;
    uint64_t costs_ns[MAX_SAMPLES];
    size_t n_costs;
} show;

/* ---- pictures ---------------------------------------------------------------------------------------------- */

static bool is_crashed(void)
{
    enum view_tab_state state = show.model.tabs[show.model.active].state;
    return state == VIEW_TAB_FAILED || state == VIEW_TAB_RESTARTING;
}

static void draw_crash_page(const struct surface *surface)
{
    surface_fill(surface, (struct rectangle){0, 0, surface->width_px, surface->height_px}, 0x1e2227);
    surface_fill(surface, (struct rectangle){0, 0, surface->width_px, 3}, 0xf0605a);
    struct rectangle middle = {0, surface->height_px / 3, surface->width_px, 40};
    label_draw_middle(show.labels, surface, middle, LABEL_TITLE, 0xe8ebef, "Crashed");
}

static void draw_line(const struct surface *surface, double zoom, int x_px, int y_px, int number)
{
    bool is_heading = number % 24 == 0;
    char text[128];
    snprintf(text, sizeof text, "%u.%d  How it is built", show.model.tabs[show.model.active].page + 1, number / 24 + 1);
    struct rectangle area = {(int)(MARGIN * zoom) - x_px, (int)((MARGIN + LINE * number) * zoom) - y_px,
                             (int)((PAGE_WIDTH - 2 * MARGIN) * zoom), (int)(LINE * zoom)};
    label_draw(show.labels, surface, area, is_heading ? LABEL_TITLE : LABEL_NORMAL, is_heading ? 0x1c3f66 : 0x222222,
               is_heading ? text : lines[(number - 1) % (int)N_LINES]);
}

static void draw_page(const struct surface *surface, double zoom, int x_px, int y_px)
{
    surface_fill(surface, (struct rectangle){0, 0, surface->width_px, surface->height_px}, 0xffffff);
    labels_set_scale(show.labels, zoom);
    for (int number = 0; MARGIN + LINE * (number + 1) < PAGE_HEIGHT - MARGIN; number++)
        draw_line(surface, zoom, x_px, y_px, number);
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static void draw(void)
{
    struct view_model *model = &show.model;
    bool is_whole = is_crashed();
    int width = is_whole ? show.width_px : smaller(show.width_px, model->page_width_px);
    int height = is_whole ? show.height_px : smaller(show.height_px, model->page_height_px);
    uint8_t *pixels = realloc(show.pixels, (size_t)width * (size_t)height * 4);
    if (!pixels)
        abort();
    show.pixels = pixels;
    struct surface surface = {pixels, width, height, (size_t)width * 4};
    if (is_whole)
        draw_crash_page(&surface);
    else
        draw_page(&surface, model->zoom, model->x_px, model->y_px);
    model->picture = (struct view_picture){
        .pixels = pixels,
        .serial = model->picture.serial + 1,
        .width_px = width,
        .height_px = height,
        .stride_bytes = surface.stride_bytes,
        .zoom = is_whole ? 0 : model->zoom,
        .x_px = is_whole ? 0 : model->x_px,
        .y_px = is_whole ? 0 : model->y_px,
    };
    show.is_stale = false;
}

static void renew(void)
{
    if (!show.is_stale)
        show.due_ns = clock_now_ns() + (uint64_t)show.delay_ms * NS_PER_MS;
    show.is_stale = true;
}

static int bounded(int at, int last)
{
    return at < 0 || last < 0 ? 0 : at > last ? last : at;
}

/* The page's size at this zoom, and a place on it. */
static void place(double zoom, int x_px, int y_px)
{
    struct view_model *model = &show.model;
    bool is_page = !is_crashed();
    model->zoom = zoom;
    model->page_width_px = is_page ? (int)(PAGE_WIDTH * zoom) : 0;
    model->page_height_px = is_page ? (int)(PAGE_HEIGHT * zoom) : 0;
    model->x_px = bounded(x_px, model->page_width_px - show.width_px);
    model->y_px = bounded(y_px, model->page_height_px - show.height_px);
    renew();
}

/* ---- events ------------------------------------------------------------------------------------------------ */

static struct view_tab *active_tab(void)
{
    return &show.tabs[show.model.active];
}

/* What was there is not of this tab or page. */
static void change(void)
{
    show.model.picture.pixels = NULL;
    place(show.model.zoom, 0, 0);
}

static void go_to_tab(int64_t index)
{
    struct view_model *model = &show.model;
    model->active = (unsigned)((index + model->n_tabs) % model->n_tabs);
    change();
}

static void go_to_page(int64_t page)
{
    if (page < 0 || page >= active_tab()->n_pages)
        return;
    active_tab()->page = (unsigned)page;
    change();
}

static void close_tab(unsigned index)
{
    struct view_model *model = &show.model;
    if (model->n_tabs == 1)
        return;
    memmove(&show.tabs[index], &show.tabs[index + 1], (model->n_tabs - index - 1) * sizeof show.tabs[0]);
    model->n_tabs--;
    go_to_tab(model->active > index || model->active == model->n_tabs ? (int64_t)model->active - 1 : model->active);
}

static void set_state(enum view_tab_state state)
{
    active_tab()->state = state;
    snprintf(active_tab()->last_crash, sizeof active_tab()->last_crash, "%s",
             state == VIEW_TAB_FAILED ? "crashed with SIGSEGV at address 0x10" : "");
    change();
}

static void toggle(enum view_overlay overlay)
{
    show.model.overlay = show.model.overlay == overlay ? OVERLAY_NONE : overlay;
}

static void type(const char *text)
{
    snprintf(show.model.typed, sizeof show.model.typed, "%.255s", text);
    show.model.n_hits = text[0] && strstr("renderer", text) ? 17 : 0;
    show.model.hit = 0;
}

static void resize(const struct view_event *event)
{
    static double points = 1;
    struct view_model *model = &show.model;
    double zoom = model->zoom / points * event->pixels_per_point;
    points = event->pixels_per_point;
    show.width_px = event->width_px;
    show.height_px = event->height_px;
    place(zoom, model->x_px, model->y_px);
}

static void zoom(double factor)
{
    struct view_model *model = &show.model;
    double wanted = factor > 0 ? model->zoom * factor : 1;
    if (wanted >= MIN_ZOOM && wanted <= MAX_ZOOM)
        place(wanted, (int)(model->x_px * wanted / model->zoom), (int)(model->y_px * wanted / model->zoom));
}

/* Says what happened, and does it to the model. Returns false when that was the end. */
static bool obey(const struct view_event *event)
{
    struct view_model *model = &show.model;
    switch (event->action) {
    case ACTION_NONE:
        break;
    case ACTION_QUIT:
        puts("quit");
        return false;
    case ACTION_SHOW_TAB:
        printf("show-tab %u\n", event->tab);
        go_to_tab(event->tab);
        break;
    case ACTION_NEXT_TAB:
        printf("next-tab %d\n", event->by);
        go_to_tab((int64_t)model->active + event->by);
        break;
    case ACTION_CLOSE_TAB:
        printf("close-tab %u\n", event->tab);
        close_tab(event->tab);
        break;
    case ACTION_RELOAD:
        puts("reload");
        change();
        break;
    case ACTION_SCROLL:
        printf("scroll %d %d\n", event->dx_px, event->dy_px);
        place(model->zoom, model->x_px + event->dx_px, model->y_px + event->dy_px);
        break;
    case ACTION_PAGE:
        printf("page %d\n", event->by);
        go_to_page((int64_t)active_tab()->page + event->by);
        break;
    case ACTION_FIRST_PAGE:
        puts("first-page");
        go_to_page(0);
        break;
    case ACTION_LAST_PAGE:
        puts("last-page");
        go_to_page((int64_t)active_tab()->n_pages - 1);
        break;
    case ACTION_ZOOM:
        printf("zoom %.3f\n", event->factor);
        zoom(event->factor);
        break;
    case ACTION_RESIZED:
        printf("resized %dx%d %.2f\n", event->width_px, event->height_px, event->pixels_per_point);
        resize(event);
        break;
    case ACTION_POINT:
        printf("point %d %d\n", event->x_px, event->y_px);
        break;
    case ACTION_SELECT:
        printf("select %d %d %d %d\n", event->x_px, event->y_px, event->x2_px, event->y2_px);
        break;
    case ACTION_SEARCH:
        puts("search");
        model->is_searching = true;
        break;
    case ACTION_TYPED:
        printf("typed %s\n", event->text);
        type(event->text);
        break;
    case ACTION_NEXT_HIT:
        printf("next-hit %d\n", event->by);
        if (model->n_hits > 0)
            model->hit = (model->hit + model->n_hits + (unsigned)event->by) % model->n_hits;
        break;
    case ACTION_CANCEL:
        puts("cancel");
        model->is_searching = false;
        type("");
        break;
    case ACTION_YES:
    case ACTION_NO:
        puts(event->action == ACTION_YES ? "yes" : "no");
        model->question[0] = '\0';
        break;
    case ACTION_KEYS:
        puts("keys");
        toggle(OVERLAY_KEYS);
        break;
    case ACTION_PROCESSES:
        puts("processes");
        toggle(OVERLAY_PROCESSES);
        break;
    case ACTION_CRASH:
        puts("crash");
        set_state(VIEW_TAB_FAILED);
        break;
    case ACTION_TRY_AGAIN:
        puts("try-again");
        active_tab()->n_restarts++;
        set_state(VIEW_TAB_LIVE);
        break;
    case ACTION_KEEP_CLOSED:
        puts("keep-closed");
        break;
    case ACTION_SHOW_REPORT:
        puts("show-report");
        break;
    case ACTION_OPEN:
        printf("open %s\n", event->text);
        break;
    }
    return true;
}

/* ---- all of it --------------------------------------------------------------------------------------------- */

static void fill_model(unsigned n_tabs, unsigned active)
{
    show.model = (struct view_model){.tabs = show.tabs, .n_tabs = n_tabs, .active = active, .zoom = 1};
    for (unsigned i = 0; i < n_tabs; i++) {
        struct view_tab *tab = &show.tabs[i];
        *tab = (struct view_tab){
            .number = i + 1,
            .state = i % 8 == 2   ? VIEW_TAB_FAILED
                     : i % 8 == 5 ? VIEW_TAB_RESTARTING
                     : i % 8 == 6 ? VIEW_TAB_LOADING
                                  : VIEW_TAB_LIVE,
            .n_pages = N_PAGES,
            .n_layers = 17,
            .n_layers_wanted = 18,
            .first_frame_ns = (44 + i) * NS_PER_MS,
            .pid = (pid_t)(29443 + i),
            .memory_kb = 3900 + 1234 * i % 16000,
            .cpu_ms = 37 * i + 12,
            .n_messages = 64 + 31 * i,
            .n_violations = i % 8 == 2,
            .n_restarts = i % 8 == 5 ? 2 : 0,
        };
        snprintf(tab->title, sizeof tab->title, "%s", titles[i % N_SAMPLES]);
        snprintf(tab->kind, sizeof tab->kind, "%s", kinds[i % N_SAMPLES]);
        if (tab->state == VIEW_TAB_FAILED)
            snprintf(tab->last_crash, sizeof tab->last_crash, "called socket(), which no document needs");
    }
}

static int present(const struct view *view)
{
    uint64_t from_ns = clock_now_ns();
    int result = view->present(&show.model);
    if (show.n_costs < MAX_SAMPLES)
        show.costs_ns[show.n_costs++] = clock_now_ns() - from_ns;
    return result;
}

static void wait_for(const struct view *view)
{
    struct pollfd poll_fd = {.fd = view->event_fd(), .events = POLLIN};
    int wait_ms = poll_fd.fd < 0 ? ASK_AGAIN_MS : -1;
    if (show.is_stale) {
        int64_t left_ns = (int64_t)(show.due_ns - clock_now_ns());
        wait_ms = left_ns <= 0 ? 0 : (int)(left_ns / (int64_t)NS_PER_MS) + 1;
    }
    poll(&poll_fd, 1, wait_ms);
}

static int run(const struct view *view)
{
    static struct view_event event;
    for (;;) {
        while (view->next_event(&event))
            if (!obey(&event))
                return 0;
        if (show.is_stale && clock_now_ns() >= show.due_ns && show.width_px > 0)
            draw();
        int result = present(view);
        fflush(stdout); /* what is told is on the screen, or is with the next frame */
        if (result < 0)
            return result;
        wait_for(view);
    }
}

static int compare_costs(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void print_costs(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    qsort(show.costs_ns, show.n_costs, sizeof show.costs_ns[0], compare_costs);
    if (show.n_costs == 0)
        return;
    printf("presents %zu p50 %.3f ms p99 %.3f ms max %.3f ms cpu %ld.%03ld s rss %ld KB\n", show.n_costs,
           (double)show.costs_ns[show.n_costs / 2] / 1e6, (double)show.costs_ns[show.n_costs * 99 / 100] / 1e6,
           (double)show.costs_ns[show.n_costs - 1] / 1e6, usage.ru_utime.tv_sec + usage.ru_stime.tv_sec,
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000 % 1000, usage.ru_maxrss);
}

static const struct view *find_view(const char *name)
{
    for (size_t i = 0; views[i]; i++)
        if (strcmp(views[i]->name, name) == 0)
            return views[i];
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"view", required_argument, NULL, 'v'},   {"tabs", required_argument, NULL, 't'},
        {"size", required_argument, NULL, 's'},   {"delay", required_argument, NULL, 'd'},
        {"active", required_argument, NULL, 'a'}, {"question", required_argument, NULL, 'q'},
        {"status", required_argument, NULL, 'l'}, {"costs", no_argument, NULL, 'c'},
        {"symbols", no_argument, NULL, 'y'},      {NULL, 0, NULL, 0},
    };
    const char *name = "window", *question = "", *status = "";
    struct view_options options = {0};
    unsigned n_tabs = 8, active = 0;
    bool costs = false;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (option == 'v')
            name = optarg;
        else if (option == 't')
            n_tabs = (unsigned)atoi(optarg);
        else if (option == 's' && sscanf(optarg, "%dx%d", &options.width_px, &options.height_px) == 2)
            continue;
        else if (option == 'd')
            show.delay_ms = atoi(optarg);
        else if (option == 'a')
            active = (unsigned)atoi(optarg) - 1;
        else if (option == 'q')
            question = optarg;
        else if (option == 'l')
            status = optarg;
        else if (option == 'c')
            costs = true;
        else if (option == 'y')
            options.symbols = true;
        else
            return 2;
    }
    const struct view *view = find_view(name);
    if (!view || n_tabs < 1 || n_tabs > MAX_TABS || active >= n_tabs) {
        fprintf(stderr, "show: no such view or tab\n");
        return 2;
    }
    const char *lack = view->lacks();
    char why[256] = "";
    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
    fill_model(n_tabs, active);
    snprintf(show.model.question, sizeof show.model.question, "%s", question);
    snprintf(show.model.status, sizeof show.model.status, "%s", status);
    show.labels = labels_create(false);
    if (lack || !show.labels || view->open(&options, why, sizeof why) < 0) {
        fprintf(stderr, "show: %s\n", lack ? lack : why);
        view->close();
        return 3;
    }
    int result = run(view);
    view->close();
    labels_destroy(show.labels);
    free(show.pixels);
    if (costs)
        print_costs();
    return result < 0 ? 1 : 0;
}
