/* bench peers: other people's IPC, our mechanisms and our channel in turn. Each program prints `latency` lines; a round
 * runs every program once, and the ratios are taken round by round. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "common/json.h"
#include "bench/program.h"
#include "bench/report.h"
#include "common/fd.h"

#define RUNS             3
#define CHANNEL_MESSAGES 2000

/* What is measured of everybody. */
static const struct kind {
    const char *test, *placement;
    unsigned payload;
    const char *section, *title;
} kinds[] = {
    {"round-trip", "same-core", 64, "peers-round-trip-same-core", "64 bytes there and back, both on one core"},
    {"round-trip", "cross-core", 64, "peers-round-trip-cross-core",
     "64 bytes there and back, each on a core of its own"},
    {"round-trip", "free", 64, "peers-round-trip-free", "64 bytes there and back, where the scheduler likes"},
    {"one-way", "same-core", 1024, "peers-one-way-same-core", "1 KB one way, both on one core: time a message"},
    {"one-way", "cross-core", 1024, "peers-one-way-cross-core",
     "1 KB one way, each on a core of its own: time a message"},
};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

enum source { BROKER, PROGRAM };
enum manner { ASLEEP, POLLING };

/* Who is measured: by `broker --latency`, or by bin/peers/PROGRAM. */
static const struct row {
    const char *shown, *name;
    enum source source;
    const char *program, *package; /* package NULL: always built */
    enum manner manner;
} rows[] = {
    {"unix-seqpacket", "unix-seqpacket", PROGRAM, "mechanism", NULL, ASLEEP},
    {"unix-seqpacket, polled", "unix-seqpacket", PROGRAM, "mechanism", NULL, POLLING},
    {"ring-spin", "ring-spin", PROGRAM, "mechanism", NULL, POLLING},
    {"our channel, socket", "channel-socket", BROKER, NULL, NULL, ASLEEP},
    {"our channel, ring", "channel-ring", BROKER, NULL, NULL, ASLEEP},
    {"iceoryx, WaitSet", "iceoryx", PROGRAM, "iceoryx", "iceoryx libiceoryx-binding-c-dev", ASLEEP},
    {"iceoryx, polled", "iceoryx", PROGRAM, "iceoryx", "iceoryx libiceoryx-binding-c-dev", POLLING},
    {"sd-bus, peer to peer", "sd-bus", PROGRAM, "sd-bus", "libsystemd-dev", ASLEEP},
    {"sd-bus, peer to peer, polled", "sd-bus", PROGRAM, "sd-bus", "libsystemd-dev", POLLING},
    {"ZeroMQ, ipc", "zeromq", PROGRAM, "zeromq", "libzmq3-dev", ASLEEP},
    {"nanomsg, ipc", "nanomsg", PROGRAM, "nanomsg", "libnanomsg-dev", ASLEEP},
    {"nng, ipc", "nng", PROGRAM, "nng", "libnng-dev", ASLEEP},
};
#define N_ROWS (sizeof rows / sizeof rows[0])

/* The ratios are to the channel where there is one, otherwise to what it is made of. */
static const char *const sockets[] = {"our channel, socket", "unix-seqpacket", NULL};
static const char *const rings[] = {"our channel, ring", "ring-spin", NULL};

struct cell {
    double ns; /* in this round: the p50 of a round trip, the time a message; 0 none */
    double n;  /* calls or messages, in the last round */
    struct series all_ns, p99_ns, cpu_ns, to_socket, to_ring;
    char absent[192]; /* why there was nothing, the last time */
};

struct table {
    struct cell cells[N_ROWS][N_KINDS];
    char folder[PATH_MAX]; /* of this executable, and of the broker */
    unsigned n_messages;   /* 0: as many as fit */
};

/* ---- lines ---------------------------------------------------------------------------------------------------------- */

/* What polls gives way on a core that both share: otherwise each would wait for the end of the other's time slice. */
static const char *wait_of(const struct row *row, const struct kind *kind)
{
    if (row->manner == ASLEEP)
        return "block";
    return strcmp(kind->placement, "same-core") == 0 ? "yield" : "spin";
}

static bool is_of(const char *line, const struct row *row, const struct kind *kind)
{
    return json_string_is(line, "name", row->name) && json_string_is(line, "test", kind->test) &&
           json_string_is(line, "placement", kind->placement) && json_number(line, "payload") == kind->payload &&
           /* The channel chooses how it waits, and is also measured with more renderers, with more calls under way, and
            * with another codec than it uses. */
           (row->source == BROKER || json_string_is(line, "wait", wait_of(row, kind))) &&
           json_number(line, "peers") <= 1 && json_number(line, "window") <= 1 &&
           !json_string_is(line, "codec", "protobuf-c");
}

static void take_figures(struct cell *cell, const char *line, const struct kind *kind)
{
    const bool is_round_trip = strcmp(kind->test, "round-trip") == 0;
    const double per_s = json_number(line, "per_s");
    if (json_string(line, "absent", cell->absent, sizeof cell->absent))
        return;
    cell->ns = is_round_trip ? json_number(line, "p50_ns") : per_s > 0 ? 1e9 / per_s : 0;
    cell->n = json_number(line, "n");
    series_add(&cell->all_ns, cell->ns);
    series_add(&cell->cpu_ns, json_number(line, "cpu_ns_per_call"));
    if (is_round_trip)
        series_add(&cell->p99_ns, json_number(line, "p99_ns"));
}

/* Of several lines that fit, the first counts. */
static bool take_line(void *owner, const char *line, uint64_t now_ns)
{
    struct table *table = owner;
    (void)now_ns;
    if (!json_string_is(line, "event", "latency"))
        return true;
    for (size_t r = 0; r < N_ROWS; r++) {
        for (size_t k = 0; k < N_KINDS; k++) {
            if (table->cells[r][k].ns == 0 && is_of(line, &rows[r], &kinds[k]))
                take_figures(&table->cells[r][k], line, &kinds[k]);
        }
    }
    return true;
}

/* ---- programs ------------------------------------------------------------------------------------------------------- */

static void set_absent(struct table *table, size_t row, const char *why)
{
    for (size_t k = 0; k < N_KINDS; k++)
        snprintf(table->cells[row][k].absent, sizeof table->cells[row][k].absent, "%s", why);
}

/* Its exit status, or -errno when it cannot be run. */
static int run_program(struct table *table, const char *const *words)
{
    int lines[2];
    if (pipe2(lines, O_CLOEXEC) < 0)
        bench_fail("no pipe can be made");
    CLOSE_FD int read_fd = lines[0];
    CLOSE_FD int write_fd = lines[1];
    struct program program;
    const int error = program_start(words, &(struct program_fd){write_fd, STDOUT_FILENO}, 1, &program);
    if (error != 0)
        return error;
    fd_close(&write_fd);
    program_read_lines(read_fd, '\n', take_line, table);
    return program_wait(&program);
}

static void why_absent(const struct row *row, int status, char *out, size_t n_out)
{
    if (status == -ENOENT && row->package != NULL)
        snprintf(out, n_out, "install %s, then configure and build again", row->package);
    else if (status < 0)
        snprintf(out, n_out, "%s", strerror(-status));
    else
        snprintf(out, n_out, "%s says nothing of it (exit status %d)",
                 row->source == BROKER ? "broker --latency" : row->program, status);
}

/* All rows of one program, of which `first` is the first. */
static void run_peer(struct table *table, size_t first)
{
    char path[PATH_MAX], count[16], cases[N_ROWS * N_KINDS][64];
    const char *words[3 + N_ROWS * N_KINDS] = {path, count};
    size_t n_cases = 0;
    snprintf(count, sizeof count, "%u", table->n_messages);
    if ((size_t)snprintf(path, sizeof path, "%s/peers/%s", table->folder, rows[first].program) >= sizeof path)
        bench_fail("the path of this benchmark is too long");
    for (size_t r = first; r < N_ROWS && rows[r].program == rows[first].program; r++) {
        for (size_t k = 0; k < N_KINDS; k++) {
            snprintf(cases[n_cases], sizeof cases[n_cases], "%s:%s:%s:%s:%u", rows[r].name, kinds[k].test,
                     kinds[k].placement, wait_of(&rows[r], &kinds[k]), kinds[k].payload);
            words[2 + n_cases] = cases[n_cases];
            n_cases++;
        }
    }
    const int status = run_program(table, words);
    char why[128];
    why_absent(&rows[first], status, why, sizeof why);
    for (size_t r = first; status != 0 && r < N_ROWS && rows[r].program == rows[first].program; r++)
        set_absent(table, r, why);
}

/* Our channel under the real filter, as latency mode measures it: one test at a time, so that it stays short. */
static void run_broker(struct table *table, const char *only, const char *payload)
{
    char path[PATH_MAX], count[16];
    snprintf(count, sizeof count, "%u", table->n_messages > 0 ? table->n_messages : CHANNEL_MESSAGES);
    if ((size_t)snprintf(path, sizeof path, "%s/broker", table->folder) >= sizeof path)
        bench_fail("the path of this benchmark is too long");
    const char *words[] = {path,        "--latency", "--json",     "--only", only,
                           "--payload", payload,     "--messages", count,    NULL};
    const int status = run_program(table, words);
    for (size_t r = 0; r < N_ROWS; r++) {
        for (size_t k = 0; k < N_KINDS && rows[r].source == BROKER; k++) {
            struct cell *cell = &table->cells[r][k];
            if (cell->ns == 0 && cell->absent[0] == '\0')
                why_absent(&rows[r], status, cell->absent, sizeof cell->absent);
        }
    }
}

/* ---- a round -------------------------------------------------------------------------------------------------------- */

/* The first of names that has a figure of this kind; 0 none. */
static double base_of(const struct table *table, size_t kind, const char *const *names)
{
    for (; *names != NULL; names++) {
        for (size_t r = 0; r < N_ROWS; r++) {
            if (strcmp(rows[r].shown, *names) == 0 && table->cells[r][kind].ns > 0)
                return table->cells[r][kind].ns;
        }
    }
    return 0;
}

static void add_ratios(struct table *table)
{
    for (size_t k = 0; k < N_KINDS; k++) {
        const double socket_ns = base_of(table, k, sockets), ring_ns = base_of(table, k, rings);
        for (size_t r = 0; r < N_ROWS; r++) {
            struct cell *cell = &table->cells[r][k];
            if (cell->ns > 0 && socket_ns > 0)
                series_add(&cell->to_socket, cell->ns / socket_ns);
            if (cell->ns > 0 && ring_ns > 0)
                series_add(&cell->to_ring, cell->ns / ring_ns);
        }
    }
}

static void run_round(struct table *table)
{
    for (size_t r = 0; r < N_ROWS; r++) {
        for (size_t k = 0; k < N_KINDS; k++) {
            table->cells[r][k].ns = 0;
            table->cells[r][k].absent[0] = '\0';
        }
    }
    run_broker(table, "channel-socket,channel-ring,round-trip", "64");
    run_broker(table, "channel-socket,channel-ring,one-way", "1024");
    const char *done = NULL;
    for (size_t r = 0; r < N_ROWS; r++) {
        if (rows[r].program != NULL && rows[r].program != done)
            run_peer(table, r);
        done = rows[r].program;
    }
    add_ratios(table);
}

/* ---- what is shown -------------------------------------------------------------------------------------------------- */

static double us(struct series *series, double q)
{
    return series->n > 0 ? series_quantile(series, q) / 1000 : NAN;
}

static double ratio(struct series *series)
{
    return series->n > 0 ? series_median(series) : NAN;
}

static void report_cell(const struct row *row, struct cell *cell)
{
    if (cell->all_ns.n == 0) {
        report_absent(row->shown, cell->absent[0] != '\0' ? cell->absent : "its program came to no end");
        return;
    }
    const struct report_figure figures[] = {
        {"us", "median_us", us(&cell->all_ns, 0.5)},  {"lowest", "low_us", us(&cell->all_ns, 0)},
        {"highest", "high_us", us(&cell->all_ns, 1)}, {"p99", "p99_us", us(&cell->p99_ns, 0.5)},
        {"CPU us", "cpu_us", us(&cell->cpu_ns, 0.5)}, {"x socket", "to_socket", ratio(&cell->to_socket)},
        {"x ring", "to_ring", ratio(&cell->to_ring)}, {"calls", "n", cell->n},
    };
    report_figures(row->shown, figures, sizeof figures / sizeof figures[0]);
}

static void report_kind(struct table *table, size_t kind)
{
    report_section(kinds[kind].section, kinds[kind].title);
    for (size_t r = 0; r < N_ROWS; r++)
        report_cell(&rows[r], &table->cells[r][kind]);
}

static void finish(struct table *table)
{
    for (size_t r = 0; r < N_ROWS; r++) {
        for (size_t k = 0; k < N_KINDS; k++) {
            struct cell *cell = &table->cells[r][k];
            series_finish(&cell->all_ns);
            series_finish(&cell->p99_ns);
            series_finish(&cell->cpu_ns);
            series_finish(&cell->to_socket);
            series_finish(&cell->to_ring);
        }
    }
}

static void find_folder(char *path, size_t n_path)
{
    const ssize_t n = readlink("/proc/self/exe", path, n_path - 1);
    if (n < 0)
        bench_fail("/proc cannot be read");
    path[n] = '\0';
    *strrchr(path, '/') = '\0';
}

void bench_peers(const struct bench_options *options)
{
    static struct table table;
    table.n_messages = options->n_messages;
    find_folder(table.folder, sizeof table.folder);
    for (unsigned i = 0; i < bench_runs(options, RUNS); i++)
        run_round(&table);
    for (size_t k = 0; k < N_KINDS; k++)
        report_kind(&table, k);
    report_note(
        "Medians of the rounds: of each round trip's p50, of the mean time a message. CPU: of both sides, a call.");
    report_note("x socket, x ring: how many times ours. Ours is the channel, or without its figures unix-seqpacket, "
                "ring-spin.");
    finish(&table);
}
