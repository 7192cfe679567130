#include "broker/latency/compare.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/latency/format.h"
#include "common/fd.h"
#include "common/json.h"
#include "common/text.h"

#define MAX_FILE_BYTES (64l << 20)
#define MAX_NAME_BYTES 64
#define MAX_FIGURES    10000
#define MAX_WHOLE      4294967295.0 /* peers, payload, calls in flight: what is more is no run of ours */
#define MAX_AMOUNT     1e18

/* ---- reading -------------------------------------------------------------------------------------------------------------- */

struct reader {
    const char *path;
    unsigned long line; /* from 1; 0: none */
    struct latency_earlier *earlier;
    size_t n_capacity;
    char *names; /* where the next string goes */
    char *lines; /* the file, terminated */
    char *error;
    size_t n_error;
};

__attribute__((format(printf, 3, 4))) static int refuse(const struct reader *reader, int error, const char *format, ...)
{
    char shown[256], why[160], line[32] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    text_escape(shown, sizeof shown, reader->path, strlen(reader->path));
    if (reader->line > 0)
        snprintf(line, sizeof line, ", line %lu", reader->line);
    snprintf(reader->error, reader->n_error, "--compare %s%s: %s", shown, line, why);
    return -error;
}

/* The file with a NUL after it. A FIFO without a writer is not waited for. */
static int read_file(struct reader *reader)
{
    CLOSE_FD int fd = open(reader->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return refuse(reader, errno, "cannot be read (%s): name the output of an earlier --latency --json",
                      strerror(errno));
    if (!S_ISREG(status.st_mode))
        return refuse(reader, EINVAL, "is no file: name the output of an earlier --latency --json");
    if (status.st_size > MAX_FILE_BYTES)
        return refuse(reader, EFBIG, "is larger than any output of --latency --json");
    /* The strings of a figure are shorter than its line, which stays in place behind them. */
    reader->earlier->text = malloc(2 * (size_t)status.st_size + 2);
    if (reader->earlier->text == NULL)
        return refuse(reader, ENOMEM, "there is no memory to read it");
    char *text = reader->lines = reader->earlier->text + status.st_size + 1;
    size_t n = 0;
    while (n < (size_t)status.st_size) {
        const ssize_t n_read = read(fd, text + n, (size_t)status.st_size - n);
        if (n_read < 0)
            return refuse(reader, errno, "cannot be read (%s)", strerror(errno));
        if (n_read == 0)
            break;
        n += (size_t)n_read;
    }
    text[n] = '\0';
    reader->names = reader->earlier->text;
    if (strlen(text) != n)
        return refuse(reader, EBADMSG, "holds a NUL: it is no output of --latency --json");
    return 0;
}

/* A string of the line, kept; NULL where it is null or none. The names that we write have no escapes. */
static const char *take_string(struct reader *reader, const char *line, const char *key)
{
    char found[MAX_NAME_BYTES];
    if (!json_string(line, key, found, sizeof found))
        return NULL;
    char *kept = reader->names;
    strcpy(kept, found);
    reader->names += strlen(found) + 1;
    return kept;
}

/* A whole number; false when it is not there, or none of ours. */
static bool take_whole(const char *line, const char *key, size_t *ret_number)
{
    if (!json_has_number(line, key))
        return false;
    const double number = json_number(line, key);
    if (number < 0 || number > MAX_WHOLE || number != (double)(size_t)number)
        return false;
    *ret_number = (size_t)number;
    return true;
}

static bool take_identity(struct reader *reader, const char *line, struct figure *figure)
{
    size_t peers, window;
    figure->name = take_string(reader, line, "name");
    figure->test = take_string(reader, line, "test");
    figure->placement = take_string(reader, line, "placement");
    figure->codec = take_string(reader, line, "codec");
    figure->wait = take_string(reader, line, "wait");
    figure->sandboxed = json_is_true(line, "sandboxed");
    if (figure->name == NULL || figure->test == NULL || !take_whole(line, "payload", &figure->payload) ||
        !take_whole(line, "peers", &peers) || !take_whole(line, "window", &window))
        return false;
    figure->peers = (unsigned)peers;
    figure->window = (unsigned)window;
    return true;
}

/* 0 when it is not there, or null, or out of all bounds. */
static double take_amount(const char *line, const char *key)
{
    const double amount = json_number(line, key);
    return amount >= 0 && amount <= MAX_AMOUNT ? amount : 0;
}

static void take_outcome(const char *line, struct figure *figure)
{
    struct figure_outcome *middle = &figure->middle;
    figure_outcome_init(middle);
    middle->n = (uint64_t)take_amount(line, "n");
    middle->per_s = take_amount(line, "per_s");
    middle->p50_ns = take_amount(line, "p50_ns");
    middle->p99_ns = take_amount(line, "p99_ns");
    middle->total_ms = take_amount(line, "total_ms");
    figure->low_p50_ns = take_amount(line, "low_p50_ns");
    figure->high_p50_ns = take_amount(line, "high_p50_ns");
    figure->low_per_s = take_amount(line, "low_per_s");
    figure->high_per_s = take_amount(line, "high_per_s");
    json_string(line, "absent", middle->absent, sizeof middle->absent);
}

static int take_line(struct reader *reader, const char *line)
{
    if (!json_is_object(line))
        return refuse(reader, EBADMSG, "is not one JSON object");
    char event[16];
    if (!json_string(line, "event", event, sizeof event))
        return refuse(reader, EBADMSG, "is no event");
    if (strcmp(event, "latency") != 0)
        return 0;
    struct latency_earlier *earlier = reader->earlier;
    if (earlier->n_figures == MAX_FIGURES)
        return refuse(reader, EFBIG, "there are more figures than any run has");
    if (earlier->n_figures == reader->n_capacity) {
        reader->n_capacity = 2 * reader->n_capacity + 64;
        struct figure *figures = reallocarray(earlier->figures, reader->n_capacity, sizeof *figures);
        if (figures == NULL)
            return refuse(reader, ENOMEM, "there is no memory to read it");
        earlier->figures = figures;
    }
    struct figure *figure = &earlier->figures[earlier->n_figures];
    *figure = (struct figure){0};
    if (!take_identity(reader, line, figure))
        return refuse(reader, EBADMSG, "is no figure: name, test, payload, peers and window are not all there");
    take_outcome(line, figure);
    earlier->n_figures++;
    return 0;
}

int latency_compare_read(const char *path, struct latency_earlier *ret_earlier, char *ret_error, size_t n_error)
{
    *ret_earlier = (struct latency_earlier){0};
    struct reader reader = {.path = path, .earlier = ret_earlier, .error = ret_error, .n_error = n_error};
    int result = read_file(&reader);
    if (result < 0)
        return result;
    char *rest = reader.lines, *line;
    while (result == 0 && (line = strsep(&rest, "\n")) != NULL) {
        reader.line++;
        if (*line != '\0' || rest != NULL) /* what the last newline ends is no line */
            result = take_line(&reader, line);
    }
    reader.line = 0;
    if (result == 0 && ret_earlier->n_figures == 0)
        result = refuse(&reader, EBADMSG, "holds no figure: name the output of an earlier --latency --json");
    return result;
}

void latency_compare_finish(struct latency_earlier *earlier)
{
    free(earlier->figures);
    free(earlier->text);
    *earlier = (struct latency_earlier){0};
}

/* ---- comparing ------------------------------------------------------------------------------------------------------------ */

enum {
    F_NAME,
    F_PAYLOAD,
    F_PEERS,
    F_WINDOW,
    F_OLD,
    F_NEW,
    F_RATIO,
    F_RATE_RATIO,
    F_OLD_SPREAD,
    F_NEW_SPREAD,
    F_VERDICT,
    F_COLUMNS,
};

static const struct grid_column compare_columns[F_COLUMNS] = {
    [F_NAME] = {.heading = "name"},
    [F_PAYLOAD] = {.heading = "bytes", .right = true},
    [F_PEERS] = {.heading = "peers", .right = true},
    [F_WINDOW] = {.heading = "flight", .right = true},
    [F_OLD] = {.group = "p50, or a message", .heading = "earlier", .right = true},
    [F_NEW] = {.group = "p50, or a message", .heading = "now", .right = true},
    [F_RATIO] = {.group = "now : earlier", .heading = "time", .right = true},
    [F_RATE_RATIO] = {.group = "now : earlier", .heading = "rate", .right = true},
    [F_OLD_SPREAD] = {.group = "spread", .heading = "earlier", .right = true},
    [F_NEW_SPREAD] = {.group = "spread", .heading = "now", .right = true},
    [F_VERDICT] = {.heading = "beyond it"},
};

static const struct figure *find_earlier(const struct latency_earlier *earlier, const struct figure *figure)
{
    const struct figure *found = figure_find(earlier->figures, earlier->n_figures, figure, figure->name);
    return found != NULL && !figure_is_absent(found) ? found : NULL;
}

/* The median call, or where calls are not timed one by one, what a message takes on average. 0: neither. */
static double time_ns(const struct figure *figure)
{
    return figure->middle.p50_ns > 0 ? figure->middle.p50_ns : figure_million_ns(figure) / 1e6;
}

/* Only when no run of the one lies among the runs of the other is there a difference to speak of. */
static const char *verdict(const struct figure *old, const struct figure *new)
{
    if (old->low_p50_ns > 0 && new->low_p50_ns > 0)
        return new->high_p50_ns < old->low_p50_ns ? "faster" : new->low_p50_ns > old->high_p50_ns ? "slower" : "";
    if (old->low_per_s > 0 && new->low_per_s > 0)
        return new->low_per_s > old->high_per_s ? "faster" : new->high_per_s < old->low_per_s ? "slower" : "";
    return "";
}

static void set_ratio(struct grid *grid, size_t column, double new, double old)
{
    char text[FORMAT_BYTES];
    format_ratio(text, old > 0 ? new / old : 0);
    grid_set(grid, column, "%s", text);
}

static void add_pair(struct grid *grid, const struct figure *old, const struct figure *new)
{
    char text[FORMAT_BYTES];
    grid_add_row(grid);
    const bool coded = new->codec != NULL &&strcmp(new->codec, "none") != 0;
    grid_set(grid, F_NAME, "%s%s%s%s%s%s", new->name, coded ? ", " : "", coded ? new->codec : "",
             new->wait != NULL ? ", " : "", new->wait != NULL ? new->wait : "", new->sandboxed ? ", sandboxed" : "");
    format_bytes(text, (double)new->payload);
    grid_set(grid, F_PAYLOAD, "%s", text);
    if (new->peers > 1)
        grid_set(grid, F_PEERS, "%u", new->peers);
    if (new->window > 1)
        grid_set(grid, F_WINDOW, "%u", new->window);
    format_time(text, time_ns(old));
    grid_set(grid, F_OLD, "%s", text);
    format_time(text, time_ns(new));
    grid_set(grid, F_NEW, "%s", text);
    set_ratio(grid, F_RATIO, time_ns(new), time_ns(old));
    set_ratio(grid, F_RATE_RATIO, new->middle.per_s, old->middle.per_s);
    format_percent(text, figure_spread(old));
    grid_set(grid, F_OLD_SPREAD, "%s", text);
    format_percent(text, figure_spread(new));
    grid_set(grid, F_NEW_SPREAD, "%s", text);
    grid_set(grid, F_VERDICT, "%s", verdict(old, new));
}

static const char *or_dash(const char *text)
{
    return text != NULL ? text : "-";
}

static bool is_same_test(const struct figure *a, const struct figure *b)
{
    return strcmp(a->test, b->test) == 0 && strcmp(or_dash(a->placement), or_dash(b->placement)) == 0;
}

void latency_compare_make(const struct latency_earlier *earlier, const struct figure *figures, size_t n_figures,
                          struct grid *ret_grid)
{
    grid_init(ret_grid, "Against the earlier run", compare_columns, F_COLUMNS);
    size_t n_found = 0, n_faster = 0, n_slower = 0;
    const struct figure *last = NULL;
    for (size_t i = 0; i < n_figures; i++) {
        const struct figure *new = &figures[i], *old = find_earlier(earlier, new);
        if (old == NULL || figure_is_absent(new))
            continue;
        if (last == NULL || !is_same_test(last, new))
            grid_add_heading(ret_grid, "%s, %s", new->test, or_dash(new->placement));
        add_pair(ret_grid, old, new);
        last = new;
        n_found++;
        n_faster += strcmp(verdict(old, new), "faster") == 0;
        n_slower += strcmp(verdict(old, new), "slower") == 0;
    }
    grid_add_note(ret_grid,
                  "%zu of %zu figures are in both; %zu faster and %zu slower beyond what runs differ by themselves; a "
                  "ratio below 1 of times, or above 1 of rates, is an improvement",
                  n_found, n_figures, n_faster, n_slower);
}
