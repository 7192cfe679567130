/* Shows made-up tabs in the terminal view: to look at it, and for the tests to watch it from outside.
 *
 *     show_terminal [--symbols] [--tabs N] [--flat] [--animate]
 *
 * --flat: a picture of four plain quarters; --animate: a new picture every 10 ms. A crash ends this program by SIGABRT,
 * and the loading of a tab (key r) by exit(3), without closing the view first. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/viewer.h"
#include "viewer/views/terminal.h"

#define MAX_TABS       64
#define PAGE_WIDTH_PX  600
#define PAGE_HEIGHT_PX 1600
#define ANIMATION_MS   10

static struct {
    struct view_tab tabs[MAX_TABS];
    struct view_model model;
    uint8_t *pixels;
    bool is_flat, is_animated, has_ended;
    unsigned step;
} show;

static void make_tabs(unsigned n_tabs)
{
    static const char *const titles[] = {"Report", "\xe6\xbc\xa2\xe5\xad\x97 wide", "Cafe\xcc\x81", "Slides", "Notes"};
    for (unsigned i = 0; i < n_tabs; i++) {
        struct view_tab *tab = &show.tabs[i];
        *tab = (struct view_tab){
            .number = i + 1,
            .state = i % 5 == 3 ? VIEW_TAB_FAILED : VIEW_TAB_LIVE,
            .n_pages = 17,
            .n_layers = 12,
            .n_layers_wanted = 12,
            .first_frame_ns = 12300000,
            .pid = (pid_t)(4000 + i),
            .memory_kb = 20480 + 1024 * i,
            .cpu_ms = 120 * i,
            .n_messages = 1000 + i,
        };
        snprintf(tab->title, sizeof tab->title, "%s", titles[i % 5]);
        snprintf(tab->kind, sizeof tab->kind, "pdf");
        if (tab->state == VIEW_TAB_FAILED)
            snprintf(tab->last_crash, sizeof tab->last_crash, "crashed with SIGSEGV at address 0x10");
    }
    show.model.tabs = show.tabs;
    show.model.n_tabs = n_tabs;
    show.model.zoom = 1;
}

/* A point of the page: lines of "text" on paper, or four quarters of the picture. */
static void pixel_at(int x, int y, uint8_t pixel[4])
{
    static const uint8_t quarters[4][3] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 255}};
    const struct view_picture *picture = &show.model.picture;
    if (show.is_flat) {
        int quarter = (x >= picture->width_px / 2) + 2 * (y >= picture->height_px / 2);
        memcpy(pixel, quarters[quarter], 3);
        return;
    }
    double page_x = (x + show.model.x_px) / show.model.zoom, page_y = (y + show.model.y_px) / show.model.zoom;
    bool is_page = page_x >= 0 && page_x < PAGE_WIDTH_PX && page_y >= 0 && page_y < PAGE_HEIGHT_PX;
    bool is_text = is_page && page_x > 40 && page_x < 560 && (int)page_y % 32 < 14 && (int)(page_x / 9) % 7 != 6;
    uint8_t shade = is_text ? (uint8_t)(20 + show.model.active * 40) : 250;
    pixel[0] = is_page ? shade : 48;
    pixel[1] = is_page ? (uint8_t)(is_text ? 40 + show.step % 200 : 250) : 48;
    pixel[2] = is_page ? shade : 48;
}

static void draw(void)
{
    struct view_picture *picture = &show.model.picture;
    for (int y = 0; y < picture->height_px; y++)
        for (int x = 0; x < picture->width_px; x++) {
            uint8_t *pixel = show.pixels + (size_t)y * picture->stride_bytes + (size_t)x * 4;
            pixel_at(x, y, pixel);
            pixel[3] = 255;
        }
    picture->zoom = show.model.zoom;
    picture->x_px = show.model.x_px;
    picture->y_px = show.model.y_px;
}

static void resize(const struct view_event *event)
{
    struct view_picture *picture = &show.model.picture;
    free(show.pixels);
    picture->width_px = event->width_px;
    picture->height_px = event->height_px;
    picture->stride_bytes = (size_t)event->width_px * 4;
    picture->pixels = show.pixels = malloc(picture->stride_bytes * (size_t)event->height_px);
    if (!show.pixels)
        exit(4);
}

static void show_tab(unsigned index)
{
    show.model.active = index;
    show.model.x_px = show.model.y_px = 0;
}

static void close_tab(void)
{
    struct view_model *model = &show.model;
    memmove(&show.tabs[model->active], &show.tabs[model->active + 1],
            (model->n_tabs - model->active - 1) * sizeof show.tabs[0]);
    model->n_tabs--;
    show.has_ended = model->n_tabs == 0;
    show_tab(model->active < model->n_tabs ? model->active : 0);
}

static void say(const char *text)
{
    snprintf(show.model.status, sizeof show.model.status, "%s", text);
}

static enum view_overlay toggled(enum view_overlay overlay)
{
    return show.model.overlay == overlay ? OVERLAY_NONE : overlay;
}

static void take(const struct view_event *event)
{
    struct view_model *model = &show.model;
    struct view_tab *tab = &show.tabs[model->active];
    model->status[0] = '\0';
    switch (event->action) {
    case ACTION_QUIT:
        show.has_ended = true;
        break;
    case ACTION_RESIZED:
        resize(event);
        break;
    case ACTION_SHOW_TAB:
        show_tab(event->tab);
        break;
    case ACTION_NEXT_TAB:
        show_tab((model->active + model->n_tabs + (unsigned)event->by) % model->n_tabs);
        break;
    case ACTION_CLOSE_TAB:
        close_tab();
        break;
    case ACTION_SCROLL:
        model->x_px += event->dx_px;
        model->y_px += event->dy_px;
        break;
    case ACTION_PAGE:
        tab->page = (tab->page + tab->n_pages + (unsigned)event->by) % tab->n_pages;
        break;
    case ACTION_FIRST_PAGE:
    case ACTION_LAST_PAGE:
        tab->page = event->action == ACTION_FIRST_PAGE ? 0 : tab->n_pages - 1;
        break;
    case ACTION_ZOOM:
        model->zoom = event->factor > 0 ? model->zoom * event->factor : 1;
        break;
    case ACTION_KEYS:
        model->overlay = toggled(OVERLAY_KEYS);
        break;
    case ACTION_PROCESSES:
        model->overlay = toggled(OVERLAY_PROCESSES);
        break;
    case ACTION_SEARCH:
        model->is_searching = true;
        model->typed[0] = '\0';
        break;
    case ACTION_TYPED:
        snprintf(model->typed, sizeof model->typed, "%.*s", (int)sizeof model->typed - 1, event->text);
        break;
    case ACTION_NEXT_HIT:
        model->n_hits = 3;
        model->hit = (model->hit + 3 + (unsigned)event->by) % 3;
        break;
    case ACTION_CANCEL:
        model->is_searching = false;
        break;
    case ACTION_POINT:
        snprintf(model->status, sizeof model->status, "pointed at %d, %d", event->x_px, event->y_px);
        break;
    case ACTION_TRY_AGAIN:
        tab->state = VIEW_TAB_LIVE;
        break;
    case ACTION_KEEP_CLOSED:
        say("kept closed");
        break;
    case ACTION_CRASH:
        abort();
    case ACTION_RELOAD:
        exit(3);
    default:
        break;
    }
}

static int run(void)
{
    const struct view *view = &terminal_view;
    struct pollfd look = {.fd = view->event_fd(), .events = POLLIN};
    struct view_event event;
    for (;;) {
        bool is_new = show.is_animated;
        while (!show.has_ended && view->next_event(&event)) {
            take(&event);
            is_new = true;
        }
        if (show.has_ended)
            return 0;
        show.step++;
        if (is_new && show.pixels)
            draw();
        if (is_new && view->present(&show.model) < 0)
            return 1;
        poll(&look, 1, show.is_animated ? ANIMATION_MS : -1);
    }
}

int main(int argc, char **argv)
{
    struct view_options options = {0};
    unsigned n_tabs = 5;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--symbols") == 0)
            options.symbols = true;
        else if (strcmp(argv[i], "--flat") == 0)
            show.is_flat = true;
        else if (strcmp(argv[i], "--animate") == 0)
            show.is_animated = true;
        else if (strcmp(argv[i], "--tabs") == 0 && i + 1 < argc)
            n_tabs = (unsigned)strtoul(argv[++i], NULL, 10);
    }
    if (n_tabs < 1 || n_tabs > MAX_TABS)
        n_tabs = MAX_TABS;
    char why[256];
    make_tabs(n_tabs);
    if (terminal_view.open(&options, why, sizeof why) < 0) {
        fprintf(stderr, "%s\n", why);
        return 2;
    }
    int status = run();
    terminal_view.close();
    free(show.pixels);
    return status;
}
