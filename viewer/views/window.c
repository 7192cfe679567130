/* A window, by SDL2. Pixels go to it by its plain surface, not by OpenGL: what is shown is drawn already, drivers stay out
 * of this process, and only what has changed is sent. */
#include <SDL.h>
#include <SDL_syswm.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "viewer/chrome.h"
#include "viewer/views/window.h"
#include "viewer/views/window_input.h"

#define DEFAULT_WIDTH  1024
#define DEFAULT_HEIGHT 768
#define MIN_WIDTH      320
#define MIN_HEIGHT     240
#define DEFAULT_HZ     60
#define POINTS_PER_IN  96 /* on a screen of scale 1 */

static struct {
    SDL_Window *window; /* NULL: not open */
    bool has_sdl;
    bool is_gone; /* the display; nothing of SDL may be called any more */
    int epoll_fd, timer_fd, wake_fd;
    int display_fd; /* X11's connection, borrowed; -1: asked at the display's pace */
    bool is_ticking;
    uint64_t frame_ns, last_present_ns;
    bool is_late; /* there is more to present than was */
    double scale;
    struct labels *labels;
    struct surface back; /* all that is shown, RGBA */
    uint64_t digests[REGION_COUNT];
    bool has_digests;
    char title[VIEW_MAX_TITLE + 16];
    struct window_input input;
} window = {.epoll_fd = -1, .timer_fd = -1, .wake_fd = -1, .display_fd = -1};

/* ---- waking up --------------------------------------------------------------------------------------------- */

/* One tick from now on, or none. */
static void set_ticking(bool is_ticking)
{
    bool always = window.display_fd < 0; /* nothing else would wake us up */
    is_ticking |= always;
    if (is_ticking == window.is_ticking)
        return;
    long ns = is_ticking ? (long)window.frame_ns : 0;
    struct itimerspec when = {{0, ns}, {0, ns}};
    timerfd_settime(window.timer_fd, 0, &when, NULL);
    window.is_ticking = is_ticking;
}

/* Makes event_fd readable at once: Xlib may have read events while it waited for something else. */
static void wake(void)
{
    const uint64_t one = 1;
    if (write(window.wake_fd, &one, sizeof one) < 0)
        return; /* it is readable already */
}

static bool drain(int fd)
{
    uint64_t count;
    return read(fd, &count, sizeof count) > 0;
}

static int watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(window.epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int connection_of(SDL_Window *sdl_window)
{
    SDL_SysWMinfo info;
    SDL_VERSION(&info.version);
    if (!SDL_GetWindowWMInfo(sdl_window, &info))
        return -1;
#ifdef SDL_VIDEO_DRIVER_X11
    if (info.subsystem == SDL_SYSWM_X11)
        return ConnectionNumber(info.info.x11.display);
#endif
    return -1;
}

static int open_descriptors(void)
{
    window.display_fd = connection_of(window.window);
    window.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    window.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    window.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (window.epoll_fd < 0 || window.timer_fd < 0 || window.wake_fd < 0)
        return -errno;
    int result = watch(window.timer_fd);
    if (result == 0)
        result = watch(window.wake_fd);
    if (result == 0 && window.display_fd >= 0)
        result = watch(window.display_fd);
    return result;
}

/* Xlib ends the process when it meets a dead connection: so look before it does. */
static bool is_display_gone(void)
{
    struct pollfd display = {.fd = window.display_fd, .events = POLLIN};
    if (!window.is_gone && window.display_fd >= 0 && poll(&display, 1, 0) > 0)
        window.is_gone = display.revents & (POLLHUP | POLLERR | POLLNVAL);
    return window.is_gone;
}

/* ---- what it looks like ------------------------------------------------------------------------------------ */

static bool wants_light(void)
{
    const char *theme = SDL_GetHint("VITRINE_THEME"), *gtk = SDL_getenv("GTK_THEME");
    if (theme)
        return strcmp(theme, "light") == 0;
    return gtk && !SDL_strcasestr(gtk, "dark");
}

/* X11 has no scale of its own: desktops tell by GDK_SCALE, or by dots per inch. */
static double scale_of_desktop(void)
{
    const char *text = SDL_getenv("GDK_SCALE");
    double scale = text ? strtod(text, NULL) : 0;
    if (scale >= 1 && scale <= 4)
        return scale;
    float dpi;
    int display = SDL_GetWindowDisplayIndex(window.window);
    if (display < 0 || SDL_GetDisplayDPI(display, NULL, &dpi, NULL) < 0)
        return 1;
    int halves = (int)(2 * (double)dpi / POINTS_PER_IN + 0.5);
    return halves < 3 ? 1 : halves > 8 ? 4 : halves / 2.0;
}

static void set_scale(void)
{
    int units, pixels;
    SDL_GetWindowSize(window.window, &units, NULL);
    SDL_GetWindowSizeInPixels(window.window, &pixels, NULL);
    window.input.pixels_per_unit = units > 0 && pixels > 0 ? (double)pixels / units : 1;
    window.scale = window.input.pixels_per_unit > 1 ? window.input.pixels_per_unit : scale_of_desktop();
    labels_set_scale(window.labels, window.scale);
}

/* As large as it would be on a screen of scale 1, where it fits. */
static void grow_to_scale(void)
{
    SDL_Rect room;
    int display = SDL_GetWindowDisplayIndex(window.window);
    if (window.input.pixels_per_unit > 1 || window.scale <= 1 || display < 0 ||
        SDL_GetDisplayUsableBounds(display, &room) < 0)
        return;
    int width = (int)(DEFAULT_WIDTH * window.scale), height = (int)(DEFAULT_HEIGHT * window.scale);
    SDL_SetWindowSize(window.window, width < room.w ? width : room.w, height < room.h ? height : room.h);
}

static void set_pace(void)
{
    SDL_DisplayMode mode;
    int display = SDL_GetWindowDisplayIndex(window.window), hz = 0;
    if (display >= 0 && SDL_GetCurrentDisplayMode(display, &mode) == 0)
        hz = mode.refresh_rate;
    window.frame_ns = NS_PER_S / (uint64_t)(hz >= 24 && hz <= 500 ? hz : DEFAULT_HZ);
}

static void tell_size(void)
{
    struct layout layout;
    int width, height;
    SDL_GetWindowSizeInPixels(window.window, &width, &height);
    layout_compute(&layout, NULL, width, height, window.scale);
    window.has_digests = false; /* SDL has a new surface now */
    event_queue_push(&window.input.queue, &(struct view_event){
                                              .action = ACTION_RESIZED,
                                              .width_px = layout.page.width,
                                              .height_px = layout.page.height,
                                              .pixels_per_point = window.scale,
                                          });
}

/* ---- opening and closing ----------------------------------------------------------------------------------- */

static const char *window_lacks(void)
{
    if (SDL_getenv("DISPLAY") || SDL_getenv("WAYLAND_DISPLAY") || SDL_getenv("SDL_VIDEODRIVER"))
        return NULL;
    return "there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set); --view terminal needs none";
}

static void set_hints(void)
{
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    SDL_SetHint(SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, "0");
    SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0");
    SDL_SetHint(SDL_HINT_MOUSE_FOCUS_CLICKTHROUGH, "1");
    SDL_SetHint(SDL_HINT_APP_NAME, "Vitrine");
    SDL_setenv("SDL_VIDEO_X11_WMCLASS", "vitrine", 0);
    SDL_setenv("SDL_VIDEO_WAYLAND_WMCLASS", "vitrine", 0);
}

static int open_window(const struct view_options *options)
{
    set_hints();
    if (SDL_Init(SDL_INIT_VIDEO) < 0)
        return -ENODEV;
    window.has_sdl = true;
    int width = options->width_px > 0 ? options->width_px : DEFAULT_WIDTH;
    int height = options->height_px > 0 ? options->height_px : DEFAULT_HEIGHT;
    window.window = SDL_CreateWindow("Vitrine", SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED, width, height,
                                     SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI);
    if (!window.window)
        return -ENODEV;
    SDL_SetWindowMinimumSize(window.window, MIN_WIDTH, MIN_HEIGHT);
    SDL_EventState(SDL_DROPFILE, SDL_ENABLE);
    SDL_StartTextInput(); /* letters are commands too, and only text knows the keyboard's layout */
    return 0;
}

static void window_close(void)
{
    labels_destroy(window.labels);
    window.labels = NULL;
    free(window.back.pixels);
    window.back = (struct surface){0};
    fd_close(&window.wake_fd);
    fd_close(&window.timer_fd);
    fd_close(&window.epoll_fd);
    if (window.has_sdl && !is_display_gone()) {
        if (window.window)
            SDL_DestroyWindow(window.window);
        SDL_Quit();
    }
    window.window = NULL;
    window.has_sdl = false;
    window.display_fd = -1;
    window.is_ticking = window.is_late = window.has_digests = false;
    window.title[0] = '\0';
}

static int window_open(const struct view_options *options, char *ret_why, size_t n_why)
{
    window.is_gone = false;
    window.last_present_ns = 0;
    memset(&window.input, 0, sizeof window.input);
    int result = open_window(options);
    if (result == 0)
        result = open_descriptors();
    if (result < 0) {
        const char *error = SDL_GetError();
        snprintf(ret_why, n_why, "no window: %s", result == -ENODEV && *error ? error : strerror(-result));
        return result;
    }
    window.labels = labels_create(false);
    if (!window.labels) {
        snprintf(ret_why, n_why, "no window: %s", strerror(ENOMEM));
        return -ENOMEM;
    }
    set_scale();
    set_pace();
    if (options->width_px <= 0)
        grow_to_scale();
    set_ticking(false);
    tell_size();
    wake();
    return 0;
}

/* ---- events ------------------------------------------------------------------------------------------------ */

static int window_event_fd(void)
{
    return window.epoll_fd;
}

static void handle(const SDL_Event *event)
{
    if (event->type == SDL_WINDOWEVENT) {
        switch (event->window.event) {
        case SDL_WINDOWEVENT_SIZE_CHANGED:
            set_scale();
            tell_size();
            break;
        case SDL_WINDOWEVENT_DISPLAY_CHANGED:
            set_scale();
            set_pace();
            tell_size();
            break;
        case SDL_WINDOWEVENT_EXPOSED:
            if (window.has_digests)
                SDL_UpdateWindowSurface(window.window);
            break;
        default:
            break;
        }
    }
    window_input_handle(&window.input, event);
}

static void collect(void)
{
    SDL_Event event;
    bool was_moving = scroller_is_moving(&window.input.scroller);
    drain(window.wake_fd);
    bool is_tick = drain(window.timer_fd);
    while (event_queue_has_room(&window.input.queue) && SDL_PollEvent(&event))
        handle(&event);
    if (!event_queue_has_room(&window.input.queue))
        wake();
    if (is_tick || !was_moving)
        window_input_scroll(&window.input, clock_now_ns());
    if (is_tick && window.is_late)
        window_input_push(&window.input, ACTION_NONE);
    set_ticking(scroller_is_moving(&window.input.scroller) || window.is_late);
}

static bool window_next_event(struct view_event *ret_event)
{
    if (event_queue_pop(&window.input.queue, ret_event))
        return true;
    if (is_display_gone()) {
        *ret_event = (struct view_event){.action = ACTION_QUIT};
        return true;
    }
    collect();
    return event_queue_pop(&window.input.queue, ret_event);
}

/* ---- presenting -------------------------------------------------------------------------------------------- */

static int fit_back(int width, int height)
{
    if (window.back.pixels && window.back.width_px == width && window.back.height_px == height)
        return 0;
    size_t stride_bytes = 4 * (size_t)width;
    uint8_t *pixels = realloc(window.back.pixels, stride_bytes * (size_t)height);
    if (!pixels)
        return -ENOMEM;
    window.back = (struct surface){pixels, width, height, stride_bytes};
    window.has_digests = false;
    return 0;
}

/* SDL's XRGB8888 and ARGB8888 are words of 32 bits, red above blue. By hand, four pixels a step: SDL goes one by one. */
typedef uint32_t quad __attribute__((vector_size(16)));

static void copy_row(uint32_t *out, const uint8_t *rgba, int n)
{
    int x = 0;
    for (; x + 4 <= n; x += 4) {
        quad pixels;
        memcpy(&pixels, rgba + 4 * (size_t)x, sizeof pixels);
        pixels = (pixels & 0xff00ff00) | (pixels >> 16 & 0xff) | (pixels & 0xff) << 16;
        memcpy(out + x, &pixels, sizeof pixels);
    }
    for (; x < n; x++) {
        const uint8_t *pixel = rgba + 4 * (size_t)x;
        out[x] = 0xff000000u | (uint32_t)pixel[0] << 16 | (uint32_t)pixel[1] << 8 | pixel[2];
    }
}

static bool has_fast_copy(const SDL_Surface *surface)
{
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ &&
           (surface->format->format == SDL_PIXELFORMAT_RGB888 || surface->format->format == SDL_PIXELFORMAT_ARGB8888);
}

static void copy_part(SDL_Surface *surface, SDL_Rect part)
{
    if (has_fast_copy(surface)) {
        for (int y = part.y; y < part.y + part.h; y++) {
            uint8_t *out = (uint8_t *)surface->pixels + (size_t)y * (size_t)surface->pitch;
            copy_row((uint32_t *)out + part.x,
                     window.back.pixels + (size_t)y * window.back.stride_bytes + 4 * (size_t)part.x, part.w);
        }
        return;
    }
    SDL_Surface *back =
        SDL_CreateRGBSurfaceWithFormatFrom(window.back.pixels, window.back.width_px, window.back.height_px, 32,
                                           (int)window.back.stride_bytes, SDL_PIXELFORMAT_RGBA32);
    if (!back)
        return;
    SDL_SetSurfaceBlendMode(back, SDL_BLENDMODE_NONE);
    SDL_BlitSurface(back, &part, surface, &part);
    SDL_FreeSurface(back);
}

/* Draws what has changed; returns how many parts there are to send. */
static int draw(SDL_Surface *surface, const struct view_model *model, const struct layout *layout,
                SDL_Rect parts[REGION_COUNT])
{
    const struct chrome chrome = {window.labels, theme_get(wants_light())};
    int n_parts = 0;
    for (enum chrome_region region = 0; region < REGION_COUNT; region++) {
        uint64_t digest = chrome_digest(region, model, layout, &window.input.hand);
        struct rectangle area = chrome_area(region, layout);
        if ((window.has_digests && digest == window.digests[region]) || area.width == 0 || area.height == 0)
            continue;
        window.digests[region] = digest;
        chrome_draw(&chrome, &window.back, region, model, layout, &window.input.hand);
        parts[n_parts] = (SDL_Rect){area.x, area.y, area.width, area.height};
        copy_part(surface, parts[n_parts++]);
    }
    window.has_digests = true;
    return n_parts;
}

static void set_title(const struct view_model *model)
{
    char title[sizeof window.title] = "Vitrine";
    if (model->active < model->n_tabs && model->tabs[model->active].title[0])
        snprintf(title, sizeof title, "%s – Vitrine", model->tabs[model->active].title);
    if (strcmp(title, window.title) == 0)
        return;
    memcpy(window.title, title, sizeof title);
    SDL_SetWindowTitle(window.window, title);
}

/* More often than a person or a display can tell is too often. */
static bool is_too_early(uint64_t now_ns)
{
    return window.has_digests && now_ns - window.last_present_ns < window.frame_ns / 4;
}

static int show(const struct view_model *model)
{
    SDL_Rect parts[REGION_COUNT];
    struct layout layout;
    SDL_Surface *surface = SDL_GetWindowSurface(window.window);
    if (!surface)
        return -EIO;
    int result = fit_back(surface->w, surface->h);
    if (result < 0)
        return result;
    layout_compute(&layout, model, surface->w, surface->h, window.scale);
    window_input_shown(&window.input, model, &layout);
    int n_parts = draw(surface, model, &layout, parts);
    if (n_parts > 0) {
        SDL_UpdateWindowSurfaceRects(window.window, parts, n_parts);
        window.last_present_ns = clock_now_ns();
    }
    set_title(model);
    return 0;
}

static int window_present(const struct view_model *model)
{
    if (!window.window || is_display_gone())
        return -EPIPE;
    window.is_late = is_too_early(clock_now_ns());
    if (window.is_late) {
        set_ticking(true);
        return 0;
    }
    int result = show(model);
    SDL_PumpEvents();
    if (SDL_HasEvents(SDL_FIRSTEVENT, SDL_LASTEVENT))
        wake();
    return result;
}

const struct view window_view = {
    .name = "window",
    .lacks = window_lacks,
    .open = window_open,
    .event_fd = window_event_fd,
    .next_event = window_next_event,
    .present = window_present,
    .close = window_close,
};
