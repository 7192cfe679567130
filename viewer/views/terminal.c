/* The view for a terminal. Two kinds of text never meet here: what is sent is cells that differ, pictures, and the
 * sequences spelled out in this file; what comes is decoded by terminal_keys.c.
 *
 * Nothing waits for the terminal. What is wanted is kept here; it is sent when what was sent before has arrived: the
 * terminal answers a small question at the end of each update, and no more than MAX_IN_FLIGHT of those are open. On a
 * slow line pictures are left out that way, and keys still count at once. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/terminal_reset.h"
#include "viewer/viewer.h"
#include "viewer/views/terminal.h"
#include "viewer/views/terminal_actions.h"
#include "viewer/views/terminal_draw.h"
#include "viewer/views/terminal_facts.h"
#include "viewer/views/terminal_keys.h"
#include "viewer/views/terminal_lines.h"
#include "viewer/views/terminal_picture.h"

#define MAX_IN_FLIGHT    2
#define ANSWER_NS        (2 * NS_PER_S)    /* an answer that takes longer was lost */
#define QUESTIONS_NS     (250 * NS_PER_MS) /* who is slower is learned about later */
#define LAST_ANSWERS_NS  (500 * NS_PER_MS)
#define MAX_COLUMNS      1000
#define MAX_ROWS         500
#define SYMBOL_WIDTH_PX  8 /* of the page in a cell, where cells are all there is */
#define SYMBOL_HEIGHT_PX 16
#define MAX_READS        16 /* in a row, so that endless input is still looked at */

static const char enter_sequence[] = "\033[?1049h\033[?25l\033[?7l\033[0m\033[2J";
static const char listen_sequence[] = "\033[?1000h\033[?1006h\033[?2004h";
static const char kitty_keyboard[] = "\033[>1u";
static const char begin_update[] = "\033[?2026h";
static const char end_update[] = "\033[?2026l\033[5n"; /* and: are you there? */

static const int fatal_signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGTERM};
#define N_FATAL (sizeof fatal_signals / sizeof fatal_signals[0])

static struct terminal {
    bool is_open;
    int fd; /* the terminal, opened anew: not waiting is our own affair */
    int epoll_fd, signal_fd, timer_fd;
    struct terminal_saved saved;
    struct sigaction old_actions[N_FATAL];
    bool has_old_action[N_FATAL];
    sigset_t old_mask;

    struct terminal_facts facts;
    enum terminal_pictures pictures;
    bool only_symbols;
    struct painter *painter;
    struct grid wanted, sent;
    struct output output;
    bool shows_picture;   /* the page's rows are the picture's */
    bool has_new_picture; /* not sent yet */
    bool must_clear;      /* all is to be sent again */
    bool is_too_small;

    struct key_decoder decoder;
    uint64_t late_ns; /* when the start of a sequence counts for itself; 0: there is none */
    struct actions actions;
    struct view_event next; /* read already, not told yet */
    bool has_next;
    bool must_tell_size;

    unsigned n_in_flight;
    uint64_t answer_ns; /* when to give up waiting; 0: nothing is awaited */
    bool is_gone;
} terminal = {.fd = -1, .epoll_fd = -1, .signal_fd = -1, .timer_fd = -1};

/* ---- every way out ----------------------------------------------------------------------------------------- */

static void on_fatal_signal(int number)
{
    terminal_restore_now();
    raise(number); /* once this returns, as it would have been */
}

/* Only for signals that nobody else takes care of. */
static void guard_signals(struct terminal *t)
{
    struct sigaction action = {.sa_handler = on_fatal_signal, .sa_flags = (int)SA_RESETHAND | SA_ONSTACK};
    for (size_t i = 0; i < N_FATAL; i++) {
        struct sigaction *old = &t->old_actions[i];
        t->has_old_action[i] = sigaction(fatal_signals[i], NULL, old) == 0 && !(old->sa_flags & SA_SIGINFO) &&
                               old->sa_handler == SIG_DFL && sigaction(fatal_signals[i], &action, NULL) == 0;
    }
}

static void unguard_signals(struct terminal *t)
{
    for (size_t i = 0; i < N_FATAL; i++)
        if (t->has_old_action[i])
            sigaction(fatal_signals[i], &t->old_actions[i], NULL);
    memset(t->has_old_action, 0, sizeof t->has_old_action);
}

static void set_raw(struct terminal *t)
{
    struct termios raw = t->saved.termios;
    cfmakeraw(&raw);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(t->fd, TCSANOW, &raw);
}

/* ---- sending ----------------------------------------------------------------------------------------------- */

static void watch(struct terminal *t, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = t->fd};
    epoll_ctl(t->epoll_fd, EPOLL_CTL_MOD, t->fd, &event);
}

/* One timer for both things that end after a while. */
static void set_timer(struct terminal *t)
{
    uint64_t at_ns = t->late_ns && (!t->answer_ns || t->late_ns < t->answer_ns) ? t->late_ns : t->answer_ns;
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(at_ns / NS_PER_S), .tv_nsec = (long)(at_ns % NS_PER_S)},
    };
    timerfd_settime(t->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* As much as the terminal takes now. */
static void flush(struct terminal *t)
{
    struct output *output = &t->output;
    while (output->n_sent < output->n_bytes) {
        ssize_t n = write(t->fd, output->bytes + output->n_sent, output->n_bytes - output->n_sent);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            watch(t, EPOLLIN | EPOLLOUT);
            return;
        }
        if (n < 0) {
            t->is_gone = true;
            return;
        }
        output->n_sent += (size_t)n;
    }
    output->n_bytes = output->n_sent = 0;
    watch(t, EPOLLIN);
}

static bool is_ready(const struct terminal *t)
{
    bool is_behind = t->facts.has_answered && t->n_in_flight >= MAX_IN_FLIGHT;
    return !t->is_gone && t->output.n_bytes == 0 && !is_behind;
}

static void expect_answer(struct terminal *t)
{
    if (!t->facts.has_answered)
        return;
    t->n_in_flight++;
    t->answer_ns = clock_now_ns() + ANSWER_NS;
    set_timer(t);
}

/* The whole screen again: after another program wrote there, or where pixels lie under text that comes. */
static void clear(struct terminal *t)
{
    output_put(&t->output, "\033[0m\033[2J", 8);
    if (t->pictures == PICTURES_KITTY)
        output_put(&t->output, "\033_Ga=d,d=A\033\\", 12);
    grid_fill(&t->sent, 0, t->sent.rows, ' ');
    t->has_new_picture = t->shows_picture;
    t->must_clear = false;
}

/* Sends what is wanted and not there yet, when the terminal is ready for it. */
static void update(struct terminal *t)
{
    if (!is_ready(t))
        return;
    struct output *output = &t->output;
    output_put(output, begin_update, sizeof begin_update - 1);
    size_t n_before = output->n_bytes;
    if (t->must_clear)
        clear(t);
    bool has_new_picture = t->has_new_picture && t->shows_picture && t->painter;
    if (has_new_picture && t->pictures == PICTURES_SYMBOLS)
        painter_to_cells(t->painter, &t->wanted);
    grid_update(&t->wanted, &t->sent, output);
    if (has_new_picture && t->pictures != PICTURES_SYMBOLS)
        painter_to_pixels(t->painter, output);
    t->has_new_picture = false;
    if (output->has_failed) { /* no memory: nothing half, and everything the next time */
        output_finish(output);
        t->must_clear = true;
        return;
    }
    if (output->n_bytes == n_before) {
        output->n_bytes = 0;
        return;
    }
    output_put(output, end_update, sizeof end_update - 1);
    expect_answer(t);
    flush(t);
}

/* ---- the terminal's size ----------------------------------------------------------------------------------- */

static int at_most(int a, int b)
{
    return a < b ? a : b;
}

/* All that depends on the size and on how pictures are shown. Without memory the view stays as it is. */
static int lay_out(struct terminal *t, int columns, int rows)
{
    struct actions *actions = &t->actions;
    t->pictures = terminal_facts_choose(&t->facts, t->only_symbols);
    bool is_symbols = t->pictures == PICTURES_SYMBOLS;
    int page_rows = rows - LINES_N_OTHER_ROWS;
    struct picture_area area = {
        .row = LINES_FIRST_PAGE_ROW,
        .columns = columns,
        .rows = page_rows > 0 ? page_rows : 1,
        .cell_width_px = is_symbols ? SYMBOL_WIDTH_PX : t->facts.cell_width_px,
        .cell_height_px = is_symbols ? SYMBOL_HEIGHT_PX : t->facts.cell_height_px,
    };
    struct grid wanted = {0}, sent = {0};
    struct painter *painter = painter_create(&t->facts, t->pictures, &area);
    if (!painter || grid_resize(&wanted, columns, rows) < 0 || grid_resize(&sent, columns, rows) < 0) {
        painter_destroy(painter);
        grid_finish(&wanted);
        return -ENOMEM;
    }
    painter_destroy(t->painter);
    grid_finish(&t->wanted);
    grid_finish(&t->sent);
    t->painter = painter;
    t->wanted = wanted;
    t->sent = sent;
    actions->area = area;
    actions->columns = columns;
    actions->rows = rows;
    t->is_too_small = columns < LINES_MIN_COLUMNS || rows < LINES_MIN_ROWS;
    if (t->is_too_small)
        lines_draw_too_small(&t->wanted);
    else
        grid_fill(&t->wanted, 0, rows, ' ');
    t->shows_picture = false;
    t->must_clear = true;
    t->must_tell_size = true;
    return 0;
}

/* Also where no signal told of it: asking is cheap. force: lays out even when nothing changed. */
static int measure(struct terminal *t, bool force)
{
    struct winsize size;
    if (ioctl(t->fd, TIOCGWINSZ, &size) < 0)
        return -errno;
    int columns = size.ws_col ? at_most(size.ws_col, MAX_COLUMNS) : 80;
    int rows = size.ws_row ? at_most(size.ws_row, MAX_ROWS) : 24;
    int old_width_px = t->facts.cell_width_px, old_height_px = t->facts.cell_height_px;
    if (size.ws_col && size.ws_row && size.ws_xpixel >= size.ws_col && size.ws_ypixel >= size.ws_row) {
        t->facts.cell_width_px = size.ws_xpixel / size.ws_col;
        t->facts.cell_height_px = size.ws_ypixel / size.ws_row;
    }
    bool is_same = columns == t->actions.columns && rows == t->actions.rows && t->facts.cell_width_px == old_width_px &&
                   t->facts.cell_height_px == old_height_px;
    return is_same && !force ? 0 : lay_out(t, columns, rows);
}

/* ---- what comes -------------------------------------------------------------------------------------------- */

static void take_answer(struct terminal *t, const struct key_answer *answer)
{
    if (answer->introducer == '[' && !answer->prefix && answer->last == 'n') {
        if (t->n_in_flight > 0 && --t->n_in_flight == 0) {
            t->answer_ns = 0;
            set_timer(t);
        }
        return;
    }
    struct terminal_facts before = t->facts;
    if (!terminal_facts_learn(&t->facts, answer))
        return;
    if (t->facts.has_kitty_keyboard && !before.has_kitty_keyboard)
        output_put(&t->output, kitty_keyboard, sizeof kitty_keyboard - 1);
    /* It may be late, and the view at work for long. */
    if (t->is_open &&
        (terminal_facts_choose(&t->facts, t->only_symbols) != t->pictures ||
         t->facts.is_plain_ascii != before.is_plain_ascii || t->facts.cell_width_px != before.cell_width_px ||
         t->facts.cell_height_px != before.cell_height_px))
        measure(t, true);
}

static void read_more(struct terminal *t)
{
    uint8_t bytes[1024];
    size_t n_room = sizeof t->decoder.bytes - t->decoder.n_bytes;
    ssize_t n = n_room == 0 ? 0 : read(t->fd, bytes, n_room < sizeof bytes ? n_room : sizeof bytes);
    if (n > 0)
        keys_push(&t->decoder, bytes, (size_t)n);
    else if (n_room > 0 && (n == 0 || (errno != EAGAIN && errno != EINTR)))
        t->is_gone = true;
    unsigned patience_ms = keys_patience_ms(&t->decoder);
    if (n > 0 || !patience_ms)
        t->late_ns = 0;
}

/* The next key, with more bytes read as needed. */
static bool next_key(struct terminal *t, unsigned *n_reads, struct key *ret_key)
{
    while (!keys_next(&t->decoder, false, ret_key)) {
        size_t n_before = t->decoder.n_bytes;
        if (t->is_gone || (*n_reads)++ >= MAX_READS)
            return false;
        read_more(t);
        if (t->decoder.n_bytes == n_before)
            return t->late_ns && clock_now_ns() >= t->late_ns && keys_next(&t->decoder, true, ret_key);
    }
    return true;
}

static void wait_for_rest(struct terminal *t)
{
    unsigned patience_ms = keys_patience_ms(&t->decoder);
    uint64_t now_ns = clock_now_ns();
    if (!patience_ms)
        t->late_ns = 0;
    else if (t->late_ns <= now_ns)
        t->late_ns = now_ns + patience_ms * NS_PER_MS;
    set_timer(t);
}

static void take_signals(struct terminal *t)
{
    struct signalfd_siginfo info;
    while (read(t->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo != SIGCONT)
            continue;
        /* Whoever had the terminal meanwhile left it as it likes. */
        set_raw(t);
        output_put(&t->output, enter_sequence, sizeof enter_sequence - 1);
        output_put(&t->output, listen_sequence, sizeof listen_sequence - 1);
        t->must_clear = true;
        t->n_in_flight = 0;
        flush(t);
    }
}

static void take_timer(struct terminal *t)
{
    uint64_t n_times;
    if (read(t->timer_fd, &n_times, sizeof n_times) != sizeof n_times)
        return;
    if (t->answer_ns && clock_now_ns() >= t->answer_ns) {
        t->answer_ns = 0;
        t->n_in_flight = 0;
        set_timer(t);
    }
}

static bool next_read_event(struct terminal *t, unsigned *n_reads, struct view_event *ret_event)
{
    struct key key;
    while (next_key(t, n_reads, &key)) {
        if (key.code == KEY_ANSWER)
            take_answer(t, &key.answer);
        else if (actions_of_key(&t->actions, &key, ret_event))
            return true;
        if (t->must_tell_size) /* an answer changed the screen: first things first */
            return false;
    }
    return false;
}

/* ---- the view ---------------------------------------------------------------------------------------------- */

static const char *terminal_lacks(void)
{
    const char *term = getenv("TERM");
    if (!isatty(STDIN_FILENO))
        return "standard input is not a terminal, so no key would arrive: start it in one, without < or |, or take "
               "--view none";
    if (!isatty(STDOUT_FILENO))
        return "standard output is not a terminal: start it in one, without > or |, or take --view none";
    if (!term || !*term || strcmp(term, "dumb") == 0)
        return "TERM names no terminal that can move its cursor: set it (TERM=xterm-256color), or take --view none";
    return NULL;
}

/* Through the process's own terminal, or as the file that standard output is: the one works after su, the other where
 * there is no controlling terminal. A descriptor of our own, because O_NONBLOCK would last on the shell's. */
static int open_terminal(void)
{
    const int flags = O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    unsigned int wanted = 0, found = 0;
    CLOSE_FD int fd = open("/dev/tty", flags);
    if (fd >= 0 && ioctl(STDOUT_FILENO, TIOCGDEV, &wanted) == 0 && ioctl(fd, TIOCGDEV, &found) == 0 && wanted == found)
        return fd_steal(&fd);
    fd_close(&fd);
    fd = open("/proc/self/fd/1", flags);
    return fd >= 0 ? fd_steal(&fd) : -errno;
}

static int add_fd(int epoll_fd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_fds(struct terminal *t)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGWINCH);
    sigaddset(&mask, SIGCONT);
    sigprocmask(SIG_BLOCK, &mask, &t->old_mask);
    t->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    t->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (t->signal_fd < 0 || t->timer_fd < 0 || t->epoll_fd < 0)
        return -errno;
    int error = add_fd(t->epoll_fd, t->fd);
    if (error == 0)
        error = add_fd(t->epoll_fd, t->signal_fd);
    return error == 0 ? add_fd(t->epoll_fd, t->timer_fd) : error;
}

static void take_answers(struct terminal *t)
{
    struct key key;
    while (keys_next(&t->decoder, false, &key))
        if (key.code == KEY_ANSWER)
            take_answer(t, &key.answer);
}

/* Waits a moment for the answers. What is typed before anything is seen is let go. */
static void ask(struct terminal *t)
{
    output_put(&t->output, terminal_questions, strlen(terminal_questions));
    flush(t);
    uint64_t end_ns = clock_now_ns() + QUESTIONS_NS, now_ns;
    while (!t->is_gone && !t->facts.has_answered && (now_ns = clock_now_ns()) < end_ns) {
        struct pollfd look = {.fd = t->fd, .events = POLLIN};
        if (poll(&look, 1, (int)((end_ns - now_ns) / NS_PER_MS) + 1) <= 0)
            continue;
        read_more(t);
        take_answers(t);
    }
}

/* Answers that came after the end would look like typing to a shell. */
static void await_answers(struct terminal *t)
{
    uint64_t end_ns = clock_now_ns() + LAST_ANSWERS_NS, now_ns;
    while (!t->is_gone && t->n_in_flight > 0 && (now_ns = clock_now_ns()) < end_ns) {
        short events = t->output.n_bytes > 0 ? POLLIN | POLLOUT : POLLIN;
        struct pollfd look = {.fd = t->fd, .events = events};
        if (poll(&look, 1, (int)((end_ns - now_ns) / NS_PER_MS) + 1) <= 0)
            continue;
        if (look.revents & POLLOUT)
            flush(t);
        read_more(t);
        take_answers(t);
    }
}

void terminal_restore_now(void)
{
    if (terminal.fd >= 0)
        terminal_reset(terminal.fd, &terminal.saved);
}

static void terminal_close(void)
{
    struct terminal *t = &terminal;
    if (t->is_open)
        await_answers(t);
    terminal_restore_now();
    if (t->signal_fd >= 0 || t->fd >= 0) {
        unguard_signals(t);
        sigprocmask(SIG_SETMASK, &t->old_mask, NULL);
    }
    fd_close(&t->epoll_fd);
    fd_close(&t->signal_fd);
    fd_close(&t->timer_fd);
    fd_close(&t->fd);
    painter_destroy(t->painter);
    grid_finish(&t->wanted);
    grid_finish(&t->sent);
    output_finish(&t->output);
    *t = (struct terminal){.fd = -1, .epoll_fd = -1, .signal_fd = -1, .timer_fd = -1};
}

static int begin(struct terminal *t, const struct view_options *options)
{
    t->only_symbols = options->symbols;
    terminal_facts_guess(&t->facts, environ);
    int error = terminal_save(t->fd, &t->saved);
    if (error < 0)
        return error;
    guard_signals(t);
    set_raw(t);
    output_put(&t->output, enter_sequence, sizeof enter_sequence - 1);
    ask(t);
    output_put(&t->output, listen_sequence, sizeof listen_sequence - 1);
    error = measure(t, true);
    if (error < 0)
        return error;
    t->is_open = true;
    flush(t);
    update(t);
    return t->is_gone ? -EPIPE : 0;
}

static int terminal_open(const struct view_options *options, char *ret_why, size_t n_why)
{
    struct terminal *t = &terminal;
    const char *lack = terminal_lacks();
    if (lack) {
        snprintf(ret_why, n_why, "%s", lack);
        return -ENOTTY;
    }
    sigprocmask(SIG_SETMASK, NULL, &t->old_mask);
    t->fd = open_terminal();
    int error = t->fd < 0 ? t->fd : open_fds(t);
    if (error == 0)
        error = begin(t, options);
    if (error < 0) {
        snprintf(ret_why, n_why, "the terminal cannot be used: %s", strerror(-error));
        terminal_close();
    }
    return error;
}

static int terminal_event_fd(void)
{
    return terminal.epoll_fd;
}

static bool take_size(struct terminal *t, struct view_event *ret_event)
{
    const struct picture_area *area = &t->actions.area;
    if (!t->must_tell_size)
        return false;
    t->must_tell_size = false;
    *ret_event = (struct view_event){
        .action = ACTION_RESIZED,
        .width_px = area->columns * area->cell_width_px,
        .height_px = area->rows * area->cell_height_px,
        .pixels_per_point = 1,
    };
    return true;
}

static bool take_next(struct terminal *t, struct view_event *ret_event)
{
    if (!t->has_next)
        return false;
    *ret_event = t->next;
    t->has_next = false;
    return true;
}

/* The first that is there, with those that follow and can be one with it. */
static bool read_events(struct terminal *t, struct view_event *ret_event)
{
    unsigned n_reads = 0;
    struct view_event event;
    if (take_size(t, ret_event))
        return true;
    if (!take_next(t, ret_event) && !next_read_event(t, &n_reads, ret_event))
        return take_size(t, ret_event);
    while (!t->has_next && next_read_event(t, &n_reads, &event))
        if (!actions_merge(ret_event, &event)) {
            t->next = event;
            t->has_next = true;
        }
    return true;
}

static bool terminal_next_event(struct view_event *ret_event)
{
    struct terminal *t = &terminal;
    if (!t->is_open)
        return false;
    take_signals(t);
    take_timer(t);
    measure(t, false);
    if (read_events(t, ret_event))
        return true;
    if (t->is_gone) {
        *ret_event = (struct view_event){.action = ACTION_QUIT};
        return true;
    }
    wait_for_rest(t);
    flush(t);
    update(t); /* what could not be sent before */
    return false;
}

/* The rows of the page are left to the picture, or taken back from it: pixels beneath text have to go. */
static void show_picture(struct terminal *t, bool shows_picture)
{
    if (shows_picture == t->shows_picture)
        return;
    t->shows_picture = shows_picture;
    t->has_new_picture = shows_picture;
    if (t->pictures != PICTURES_SYMBOLS)
        t->must_clear = true;
}

/* Without UTF-8 there are only these. */
static void make_ascii(struct grid *grid)
{
    for (int row = 0; row < grid->rows; row++)
        for (int column = 0; column < grid->columns; column++) {
            struct cell *cell = grid_cell(grid, row, column);
            if (cell->character >= 0x7f || cell->character == CELL_RIGHT_HALF)
                cell->character = '?';
            cell->mark = 0;
        }
}

static int terminal_present(const struct view_model *model)
{
    struct terminal *t = &terminal;
    if (!t->is_open || t->is_gone)
        return -EPIPE;
    measure(t, false);
    if (!t->is_too_small) {
        bool shows_picture = lines_draw(&t->wanted, model);
        if (t->facts.is_plain_ascii)
            make_ascii(&t->wanted);
        show_picture(t, shows_picture);
        actions_see(&t->actions, model, lines_have_buttons(model));
        if (shows_picture && painter_compose(t->painter, model))
            t->has_new_picture = true;
        if (shows_picture && t->pictures != PICTURES_SYMBOLS)
            grid_fill(&t->wanted, LINES_FIRST_PAGE_ROW, t->actions.area.rows, CELL_PICTURE);
    }
    update(t);
    return t->is_gone ? -EPIPE : 0;
}

const struct view terminal_view = {
    .name = "terminal",
    .lacks = terminal_lacks,
    .open = terminal_open,
    .event_fd = terminal_event_fd,
    .next_event = terminal_next_event,
    .present = terminal_present,
    .close = terminal_close,
};
