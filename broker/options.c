#include "broker/options.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "broker/inject.h"
#include "broker/nearest.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/frame.h"
#include "common/text.h"

#define BYTES_PER_MB      (1ull << 20)
#define MAX_PAYLOAD_BYTES (16 * BYTES_PER_MB)

struct option_row;

struct parser {
    struct options options;
    bool view_given, spares_given, timeout_given;
    const struct option_row *documents_only, *latency_only; /* the first given of such a kind */
    char *error;
    size_t n_error;
};

/* Sets the error line and returns false, so that setters can `return fail(…)`. */
__attribute__((format(printf, 2, 3))) static bool fail(struct parser *parser, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(parser->error, parser->n_error, format, arguments);
    va_end(arguments);
    return false;
}

/* "--name value: expected what", with the value as far as it is worth repeating. */
static bool fail_value(struct parser *parser, const char *name, const char *value, const char *expected)
{
    char shown[96];
    text_escape(shown, sizeof shown, value, strlen(value));
    return fail(parser, "%s %s: expected %s", name, *shown ? shown : "\"\"", expected);
}

/* Digits only: no sign, no space, no base. Too large a number saturates. */
static bool parse_number(const char *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        if (__builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (unsigned)(*text - '0'), &number))
            number = UINT64_MAX / 10; /* stays too large for every range, whatever digits follow */
    }
    *ret_number = number;
    return true;
}

/* Digits, and a point among them if wanted: no sign, no exponent, no "inf". */
static bool parse_decimal(const char *text, double *ret_number)
{
    size_t n_digits = strspn(text, "0123456789");
    const char *end = text + n_digits;
    if (*end == '.') {
        size_t n_decimals = strspn(end + 1, "0123456789");
        n_digits += n_decimals;
        end += 1 + n_decimals;
    }
    if (*end || n_digits == 0)
        return false;
    *ret_number = strtod(text, NULL);
    return true;
}

static bool number_in(struct parser *parser, const char *name, const char *value, uint64_t min, uint64_t max,
                      const char *unit, uint64_t *ret_number)
{
    uint64_t number;
    if (parse_number(value, &number) && number >= min && number <= max) {
        *ret_number = number;
        return true;
    }
    char expected[96];
    snprintf(expected, sizeof expected, "a whole number%s%s from %llu to %llu", *unit ? " of " : "", unit,
             (unsigned long long)min, (unsigned long long)max);
    return fail_value(parser, name, value, expected);
}

static bool decimal_in(struct parser *parser, const char *name, const char *value, double min, double max,
                       const char *unit, double *ret_number)
{
    double number;
    if (parse_decimal(value, &number) && number >= min && number <= max) {
        *ret_number = number;
        return true;
    }
    char expected[96];
    snprintf(expected, sizeof expected, "a number%s%s from %g to %g", *unit ? " of " : "", unit, min, max);
    return fail_value(parser, name, value, expected);
}

static bool set_tabs(struct parser *parser, const char *name, const char *value)
{
    uint64_t n;
    if (!number_in(parser, name, value, 1, OPTIONS_MAX_TABS, "", &n))
        return false;
    parser->options.n_tabs = (unsigned)n;
    return true;
}

static const struct {
    const char *name;
    enum options_view view;
    bool built;
} views[] = {
    {"auto", VIEW_AUTO, true},
    {"none", VIEW_NONE, true},
    {"window", VIEW_WINDOW, false},
    {"terminal", VIEW_TERMINAL, false},
};
#define N_VIEWS (sizeof views / sizeof views[0])

static bool set_view(struct parser *parser, const char *name, const char *value)
{
    for (size_t i = 0; i < N_VIEWS; i++) {
        if (strcmp(value, views[i].name) == 0) {
            parser->options.view = views[i].view;
            parser->view_given = true;
            return true;
        }
    }
    return fail_value(parser, name, value, "auto, window, terminal or none");
}

static bool set_stay(struct parser *parser, const char *name, const char *value)
{
    (void)name, (void)value;
    parser->options.stay = true;
    return true;
}

static bool set_snapshot(struct parser *parser, const char *name, const char *value)
{
    if (!*value)
        return fail_value(parser, name, value, "a folder");
    parser->options.snapshot_dir = value;
    return true;
}

static bool set_size(struct parser *parser, const char *name, const char *value)
{
    char width[16];
    const char *x = strchr(value, 'x');
    uint64_t width_px = 0, height_px = 0;
    if (x && (size_t)(x - value) < sizeof width) {
        memcpy(width, value, (size_t)(x - value));
        width[x - value] = '\0';
        if (!parse_number(width, &width_px) || !parse_number(x + 1, &height_px))
            width_px = height_px = 0;
    }

    char expected[96];
    if (width_px < FRAME_MIN_PX || width_px > FRAME_MAX_PX || height_px < FRAME_MIN_PX || height_px > FRAME_MAX_PX) {
        snprintf(expected, sizeof expected, "WIDTHxHEIGHT in pixels, each from %d to %d", FRAME_MIN_PX, FRAME_MAX_PX);
        return fail_value(parser, name, value, expected);
    }
    struct frame_layout layout;
    if (frame_layout_init(&layout, (uint32_t)width_px, (uint32_t)height_px) < 0) {
        snprintf(expected, sizeof expected, "at most %llu million pixels",
                 FRAME_MAX_BYTES / FRAME_SLOTS / 4 / 1000000ull);
        return fail_value(parser, name, value, expected);
    }
    parser->options.width_px = layout.width_px;
    parser->options.height_px = layout.height_px;
    return true;
}

static bool set_page(struct parser *parser, const char *name, const char *value)
{
    uint64_t n;
    if (!number_in(parser, name, value, 1, UINT32_MAX, "", &n))
        return false;
    parser->options.page = (uint32_t)(n - 1);
    return true;
}

static bool set_zoom(struct parser *parser, const char *name, const char *value)
{
    double zoom;
    if (!decimal_in(parser, name, value, 0.05, 20, "", &zoom))
        return false;
    parser->options.zoom = (float)zoom;
    return true;
}

static bool set_json(struct parser *parser, const char *name, const char *value)
{
    (void)name, (void)value;
    parser->options.json = true;
    return true;
}

static bool set_sandbox_status(struct parser *parser, const char *name, const char *value)
{
    (void)name, (void)value;
    parser->options.mode = MODE_SANDBOX_STATUS;
    return true;
}

static bool set_containment(struct parser *parser, const char *name, const char *value)
{
    (void)name, (void)value;
    parser->options.mode = MODE_CONTAINMENT;
    return true;
}

static bool set_require_level(struct parser *parser, const char *name, const char *value)
{
    uint64_t level;
    if (!parse_number(value, &level) || level < 2 || level > 3)
        return fail_value(parser, name, value, "2 or 3 (--sandbox-status shows this machine's)");
    parser->options.require_level = (int)level;
    return true;
}

static bool set_spawn(struct parser *parser, const char *name, const char *value)
{
    if (strcmp(value, "zygote") == 0)
        parser->options.spawn = SPAWN_ZYGOTE;
    else if (strcmp(value, "exec") == 0)
        parser->options.spawn = SPAWN_EXEC;
    else
        return fail_value(parser, name, value, "zygote or exec");
    return true;
}

static bool set_spares(struct parser *parser, const char *name, const char *value)
{
    uint64_t n;
    if (!number_in(parser, name, value, 0, 64, "", &n))
        return false;
    parser->options.n_spares = (unsigned)n;
    parser->spares_given = true;
    return true;
}

static bool set_memory(struct parser *parser, const char *name, const char *value)
{
    uint64_t mb;
    if (!number_in(parser, name, value, 64, 65536, "MB", &mb))
        return false;
    parser->options.memory_bytes = mb * BYTES_PER_MB;
    return true;
}

static bool set_timeout(struct parser *parser, const char *name, const char *value)
{
    double seconds;
    if (!decimal_in(parser, name, value, 0.1, 86400, "seconds", &seconds))
        return false;
    parser->options.timeout_ns = (uint64_t)(seconds * (double)NS_PER_S + 0.5);
    parser->timeout_given = true;
    return true;
}

static bool set_inject(struct parser *parser, const char *name, const char *value)
{
    struct options *options = &parser->options;
    if (strcmp(value, "list") == 0) {
        options->mode = MODE_INJECT_LIST;
        return true;
    }
    if (options->n_injections == OPTIONS_MAX_INJECTIONS)
        return fail(parser, "%s given too often: expected at most %d", name, OPTIONS_MAX_INJECTIONS);
    if (!inject_request_parse(value, &options->injections[options->n_injections], parser->error, parser->n_error))
        return false;
    options->n_injections++;
    return true;
}

static bool set_chaos(struct parser *parser, const char *name, const char *value)
{
    (void)name;
    return chaos_request_parse(value, &parser->options.chaos, parser->error, parser->n_error);
}

static bool set_crash_dir(struct parser *parser, const char *name, const char *value)
{
    if (!*value)
        return fail_value(parser, name, value, "a folder");
    parser->options.crash_dir = value;
    return true;
}

static bool set_max_document(struct parser *parser, const char *name, const char *value)
{
    uint64_t mb;
    if (!number_in(parser, name, value, 1, 4096, "MB", &mb))
        return false;
    parser->options.max_document_bytes = mb * BYTES_PER_MB;
    return true;
}

static bool set_stats_every(struct parser *parser, const char *name, const char *value)
{
    double seconds;
    if (!decimal_in(parser, name, value, 0.1, 86400, "seconds", &seconds))
        return false;
    parser->options.statistics_ns = (uint64_t)(seconds * (double)NS_PER_S + 0.5);
    return true;
}

static bool set_no_ring(struct parser *parser, const char *name, const char *value)
{
    (void)name, (void)value;
    parser->options.no_ring = true;
    return true;
}

/* A:B, two tabs; whether they are there is for check(). */
static bool set_port(struct parser *parser, const char *name, const char *value)
{
    char first[16];
    uint64_t a = 0, b = 0;
    const char *colon = strchr(value, ':');
    if (colon && (size_t)(colon - value) < sizeof first) {
        memcpy(first, value, (size_t)(colon - value));
        first[colon - value] = '\0';
        if (!parse_number(first, &a) || !parse_number(colon + 1, &b))
            a = b = 0;
    }
    if (a < 1 || a > OPTIONS_MAX_TABS || b < 1 || b > OPTIONS_MAX_TABS)
        return fail_value(parser, name, value, "A:B, the numbers of two tabs: 1:2");
    if (a == b)
        return fail_value(parser, name, value, "two different tabs");
    parser->options.port_tabs[0] = (unsigned)a;
    parser->options.port_tabs[1] = (unsigned)b;
    return true;
}

static bool set_latency(struct parser *parser, const char *name, const char *value)
{
    (void)name, (void)value;
    parser->options.mode = MODE_LATENCY;
    return true;
}

static bool set_messages(struct parser *parser, const char *name, const char *value)
{
    return number_in(parser, name, value, 1, 1000000000, "", &parser->options.latency.n_messages);
}

static bool set_payload(struct parser *parser, const char *name, const char *value)
{
    parser->options.latency.has_payload = true;
    return number_in(parser, name, value, 0, MAX_PAYLOAD_BYTES, "bytes", &parser->options.latency.payload_bytes);
}

static bool set_only(struct parser *parser, const char *name, const char *value)
{
    if (!*value)
        return fail_value(parser, name, value, "names (--latency --list shows them)");
    parser->options.latency.only = value;
    return true;
}

static bool set_report(struct parser *parser, const char *name, const char *value)
{
    if (!*value)
        return fail_value(parser, name, value, "a file to write");
    parser->options.latency.report_path = value;
    return true;
}

static bool set_list(struct parser *parser, const char *name, const char *value)
{
    (void)name, (void)value;
    parser->options.latency.list = true;
    return true;
}

static bool set_compare(struct parser *parser, const char *name, const char *value)
{
    if (!*value)
        return fail_value(parser, name, value, "the output of an earlier --latency --json");
    parser->options.latency.compare_path = value;
    return true;
}

static bool set_help(struct parser *parser, const char *name, const char *value)
{
    (void)name, (void)value;
    parser->options.mode = MODE_HELP;
    return true;
}

static bool set_version(struct parser *parser, const char *name, const char *value)
{
    (void)name, (void)value;
    parser->options.mode = MODE_VERSION;
    return true;
}

/* All options there are. A row without a setter is a capability that is not built yet: known, and refused. */
static const struct option_row {
    const char *name;
    const char *value; /* what --help calls it; NULL: takes none */
    bool (*set)(struct parser *parser, const char *name, const char *value);
    const char *help;
} rows[] = {
    {"--tabs", "N", set_tabs,
     "Open N tabs, 1 to 1024. Default: one for each FILE, else 1. FILEs are opened in turn until "
     "there are N; "
     "without a FILE, the bundled samples are."},
    {"--view", "VIEW", set_view, "auto (the default) or none. This build has no viewer, so both show nothing."},
    {"--stay", NULL, set_stay,
     "Go on until SIGINT or SIGTERM. Default: leave when every tab has shown its first frame or "
     "failed, and every fault of --inject is over."},
    {"--snapshot", "DIR", set_snapshot,
     "Write DIR/tab-NNN.png for each tab and DIR/contact-sheet.png of all. DIR is made where it is "
     "missing."},
    {"--size", "WxH", set_size, "Size of a tab's picture in pixels. Default: 1024x768."},
    {"--page", "P", set_page, "Page to show, from 1; beyond the last, the last. Default: 1."},
    {"--zoom", "Z", set_zoom, "Enlarge by Z, 0.05 to 20. Default: 1, the page fitted into the picture."},
    {"--json", NULL, set_json, "Print events on stdout, one JSON object a line; text for people goes to stderr."},
    {"--sandbox-status", NULL, set_sandbox_status,
     "Print each layer of the sandbox, and why one is missing on this machine. Exit status 0 only "
     "at level 3."},
    {"--require-level", "N", set_require_level, "Refuse to start a renderer below sandbox level N, 2 or 3."},
    {"--spawn", "HOW", set_spawn,
     "zygote (the default): clone renderers from a warmed process. exec: start each afresh, so "
     "that each has an "
     "address layout of its own."},
    {"--spares", "N", set_spares,
     "Keep N renderers ready in advance, 0 to 64. Default: 0 with --spawn zygote, 2 with --spawn "
     "exec."},
    {"--memory", "MB", set_memory, "Memory cap of each tab, 64 to 65536. Default: 512."},
    {"--timeout", "S", set_timeout,
     "Seconds without progress after which a tab counts as hung, 0.1 to 86400. Default: 10."},
    {"--max-document", "MB", set_max_document, "Largest document accepted, 1 to 4096. Default: 256."},
    {"--crash-dir", "DIR", set_crash_dir,
     "Keep a report of each crash in DIR, for people and as JSON, the newest 20. DIR is made where it is missing, for "
     "your eyes only."},
    {"--inject", "KIND[@TAB][:MS]", set_inject,
     "Make tab TAB (default 1) fail by KIND, MS milliseconds after its picture; may be repeated. --inject list names "
     "the kinds and what must come of each."},
    {"--chaos", "SECONDS[:SEED]", set_chaos,
     "Make random faults in all tabs for so long. Exit status 0 only if each was contained, told right and recovered "
     "from. --timeout is 1 unless given."},
    {"--stats-every", "S", set_stats_every,
     "Print statistics of all tabs on stderr every S seconds, 0.1 to 86400; SIGUSR2 does once. With --json, as events too."},
    {"--no-ring", NULL, set_no_ring, "Speak with renderers by sockets alone, without a ring in shared memory."},
    {"--port", "A:B", set_port,
     "Give tabs A and B a port: a ring in shared memory between their renderers, which then exchange messages without "
     "the broker. 10,000 show that it works. Default: none."},
    {"--latency", NULL, set_latency,
     "Measure what local messages cost on this machine, our own channel and the kernel's mechanisms, instead of "
     "showing "
     "documents: in two minutes, or less with the options below. --json, --spawn, --memory and --require-level go with "
     "it."},
    {"--messages", "N", set_messages,
     "With --latency: so many in each run. Default: as many as there is time for, at most 1000000."},
    {"--payload", "BYTES", set_payload,
     "With --latency: only what is measured with that payload; 0 is also what has none."},
    {"--only", "NAME,…", set_only,
     "With --latency: only these names, tests, placements or tables. Those of one kind add up, those of two kinds "
     "narrow: pipe,fifo,round-trip."},
    {"--list", NULL, set_list, "With --latency: print what would be measured, one a line, instead of measuring."},
    {"--report", "FILE", set_report,
     "With --latency: also write a page with plots and tables, which needs no network. FILE should end in .html."},
    {"--compare", "FILE", set_compare,
     "With --latency: also print ratios against an earlier run, FILE being its output with --json."},
    {"--containment", NULL, set_containment,
     "Run the containment table: what a renderer that was taken over tries, at each level of this machine. Exit status 0 "
     "only if every row holds. --timeout is 1 unless given."},
    {"--help", NULL, set_help, "Print this."},
    {"--version", NULL, set_version, "Print the version and the engines that were built in."},

    {.name = "--allow-folder"},
    {.name = "--symbols"},
};
#define N_ROWS (sizeof rows / sizeof rows[0])

static const struct option_row *row_find(const char *name, size_t n_name)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (strlen(rows[i].name) == n_name && memcmp(rows[i].name, name, n_name) == 0)
            return &rows[i];
    return NULL;
}

/* With what an option has a meaning: with documents, unless it is here. */
static const char *const with_latency[] = {"--latency", "--messages", "--payload", "--only",
                                           "--list",    "--report",   "--compare"};
static const char *const with_both[] = {"--json", "--require-level", "--spawn", "--memory", "--help", "--version"};

static bool is_among(const char *const *names, size_t n_names, const char *name)
{
    for (size_t i = 0; i < n_names; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static void note_place(struct parser *parser, const struct option_row *row)
{
    if (is_among(with_both, sizeof with_both / sizeof with_both[0], row->name))
        return;
    const bool latency = is_among(with_latency, sizeof with_latency / sizeof with_latency[0], row->name);
    const struct option_row **first = latency ? &parser->latency_only : &parser->documents_only;
    if (!*first)
        *first = row;
}

static const char *name_at(size_t i)
{
    return rows[i].name;
}

static bool fail_unknown(struct parser *parser, const char *name, size_t n_name)
{
    char shown[96];
    text_escape(shown, sizeof shown, name, n_name);
    return fail(parser, "unknown option %s; the nearest is %s (--help lists them all)", shown,
                nearest_name(name, n_name, name_at, N_ROWS));
}

/* One option: `--name`, `--name value` or `--name=value`. *arg is moved to the last word that belongs to it. */
static bool parse_option(struct parser *parser, char ***arg)
{
    const char *word = **arg;
    size_t n_name = strcspn(word, "=");
    const char *value = word[n_name] ? word + n_name + 1 : NULL;

    const struct option_row *row = row_find(word, n_name);
    if (!row)
        return fail_unknown(parser, word, n_name);
    if (!row->set)
        return fail(parser, "%s is not built yet", row->name);
    if (!row->value && value)
        return fail(parser, "%s takes no value", row->name);
    if (row->value && !value) {
        /* A word that starts like an option is one that was forgotten a value; --name=--value still works. */
        const char *next = (*arg)[1];
        if (!next || strncmp(next, "--", 2) == 0)
            return fail(parser, "%s needs a value: %s %s", row->name, row->name, row->value);
        value = next;
        ++*arg;
    }
    note_place(parser, row);
    return row->set(parser, row->name, value);
}

static bool add_file(struct parser *parser, char *name)
{
    struct options *options = &parser->options;
    if (strcmp(name, "-") == 0)
        for (size_t i = 0; i < options->n_files; i++)
            if (strcmp(options->files[i], "-") == 0)
                return fail(parser, "- given twice: standard input can be read only once");
    if (options->n_files == OPTIONS_MAX_TABS)
        return fail(parser, "too many files: expected at most %d, a tab for each", OPTIONS_MAX_TABS);
    options->files[options->n_files++] = name;
    return true;
}

static bool ends_parsing(enum options_mode mode)
{
    return mode == MODE_HELP || mode == MODE_VERSION || mode == MODE_INJECT_LIST;
}

static bool parse_words(struct parser *parser, char **argv)
{
    bool options_ended = false;
    for (char **arg = argv + 1; *arg; arg++) {
        bool is_option = !options_ended && (*arg)[0] == '-' && (*arg)[1] != '\0';
        if (is_option && strcmp(*arg, "--") == 0)
            options_ended = true;
        else if (!(is_option ? parse_option(parser, &arg) : add_file(parser, *arg)))
            return false;
        if (ends_parsing(parser->options.mode))
            break;
    }
    return true;
}

unsigned options_count_tabs(const struct options *options)
{
    const unsigned n_tabs = options->n_tabs > options->n_files ? options->n_tabs : (unsigned)options->n_files;
    return n_tabs > 0 ? n_tabs : 1;
}

/* Measuring shows nothing, and what is shown is not measured. */
static bool check_latency(struct parser *parser)
{
    const struct options *options = &parser->options;
    const struct options_latency *latency = &options->latency;
    /* The last of two modes counts, but they do not go together: each has been noted. */
    if (options->mode != MODE_LATENCY && parser->latency_only)
        return strcmp(parser->latency_only->name, "--latency") == 0
                   ? fail(parser, "--latency and %s do not go together", parser->documents_only->name)
                   : fail(parser, "%s belongs to --latency: broker --latency %s%s%s", parser->latency_only->name,
                          parser->latency_only->name, parser->latency_only->value ? " " : "",
                          parser->latency_only->value ? parser->latency_only->value : "");
    if (options->mode != MODE_LATENCY)
        return true;
    if (parser->documents_only)
        return fail(parser, "--latency and %s do not go together", parser->documents_only->name);
    if (options->n_files > 0)
        return fail(parser, "--latency measures and shows nothing: leave out the file%s",
                    options->n_files > 1 ? "s" : "");
    if (latency->list && (options->json || latency->n_messages || latency->report_path || latency->compare_path))
        return fail(parser, "--list measures nothing: leave out %s",
                    options->json          ? "--json"
                    : latency->n_messages  ? "--messages"
                    : latency->report_path ? "--report"
                                           : "--compare");
    return true;
}

/* Options that contradict each other. */
static bool check(struct parser *parser)
{
    const struct options *options = &parser->options;
    if (!check_latency(parser))
        return false;
    const unsigned n_tabs = options_count_tabs(options);
    for (size_t i = 0; i < options->n_injections; i++) {
        const struct inject_request *request = &options->injections[i];
        if (request->tab > n_tabs)
            return fail(parser, "--inject %s@%u: there is no tab %u; expected 1 to %u, or --tabs %u",
                        injection_name(request->plan.fault), request->tab, request->tab, n_tabs, request->tab);
    }
    for (int end = 0; end < 2; end++)
        if (options->port_tabs[end] > n_tabs)
            return fail(parser, "--port %u:%u: there is no tab %u; expected 1 to %u, or --tabs %u",
                        options->port_tabs[0], options->port_tabs[1], options->port_tabs[end], n_tabs,
                        options->port_tabs[end]);
    if (options->mode == MODE_CONTAINMENT && options->n_files > 0)
        return fail(parser, "--containment shows nothing: leave out the file%s", options->n_files > 1 ? "s" : "");
    if (options->n_injections > 0 && options->chaos.duration_ns != 0)
        return fail(parser, "--inject and --chaos do not go together: take one of them");
    return true;
}

/* What one option implies for another, once all are known. */
static bool settle(struct parser *parser)
{
    struct options *options = &parser->options;
    if (!parser->view_given && (options->snapshot_dir || options->json))
        options->view = VIEW_NONE;
    if (!parser->spares_given && options->spawn == SPAWN_EXEC)
        options->n_spares = 2;
    if ((options->chaos.duration_ns != 0 || options->mode == MODE_CONTAINMENT) && !parser->timeout_given)
        options->timeout_ns = NS_PER_S;
    for (size_t i = 0; i < N_VIEWS; i++)
        if (views[i].view == options->view && !views[i].built)
            return fail(parser,
                        "--view %s cannot be had: this build has no viewer; use --view none, or "
                        "--snapshot DIR",
                        views[i].name);
    return true;
}

int options_parse(int argc, char **argv, struct options *ret_options, char *ret_error, size_t n_error)
{
    struct parser parser = {
        .options =
            {
                .mode = MODE_SHOW,
                .view = VIEW_AUTO,
                .width_px = 1024,
                .height_px = 768,
                .zoom = 1,
                .spawn = SPAWN_ZYGOTE,
                .memory_bytes = 512 * BYTES_PER_MB,
                .timeout_ns = 10 * NS_PER_S,
                .max_document_bytes = 256 * BYTES_PER_MB,
            },
        .error = ret_error,
        .n_error = n_error,
    };
    if (argc > 0) {
        /* A file's place is never beyond the word being looked at. */
        parser.options.files = argv + 1;
        if (!parse_words(&parser, argv))
            return EXIT_STATUS_USAGE;
        if (!ends_parsing(parser.options.mode) && !check(&parser))
            return EXIT_STATUS_USAGE;
    }
    if (!ends_parsing(parser.options.mode) && !settle(&parser))
        return EXIT_STATUS_BROKER;
    *ret_options = parser.options;
    return EXIT_STATUS_OK;
}

#define HELP_COLUMNS 80
#define HELP_INDENT  24

/* Words of text from column HELP_INDENT on, the first line being filled up to `column` already. */
static void print_wrapped(FILE *out, size_t column, const char *text)
{
    if (column + 1 >= HELP_INDENT) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", (int)(HELP_INDENT - column), "");
    column = HELP_INDENT;
    while (*text) {
        size_t n_word = strcspn(text, " ");
        if (column > HELP_INDENT && column + 1 + n_word > HELP_COLUMNS - 1) {
            fprintf(out, "\n%*s", HELP_INDENT, "");
            column = HELP_INDENT;
        }
        if (column > HELP_INDENT)
            column += (size_t)fprintf(out, " ");
        column += (size_t)fprintf(out, "%.*s", (int)n_word, text);
        text += n_word;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

void options_print_help(FILE *out)
{
    fputs("Usage: broker [OPTIONS] [FILE | -]…\n"
          "Opens each document in a sandboxed process of its own.\n\n",
          out);
    char later[512] = "";
    size_t n_later = 0;
    for (size_t i = 0; i < N_ROWS; i++) {
        const struct option_row *row = &rows[i];
        if (row->set) {
            int n = fprintf(out, "  %s%s%s", row->name, row->value ? " " : "", row->value ? row->value : "");
            print_wrapped(out, (size_t)n, row->help);
        } else {
            n_later += (size_t)snprintf(later + n_later, sizeof later - n_later, "%s%s", n_later ? " " : "", row->name);
        }
    }
    if (n_later) {
        fputs("\n  Not built yet:", out);
        print_wrapped(out, strlen("  Not built yet:"), later);
    }
    fputs("\nOptions may be written --name VALUE or --name=VALUE; -- ends them; - is standard\n"
          "input. Exit status: 0 all went as asked; 1 some tab was refused, crashed or\n"
          "hung; 2 the command line is wrong; 3 the broker could not do its work.\n",
          out);
}

void options_print_version(FILE *out)
{
    fprintf(out,
            "Vitrine %s\n"
            "engines: %s\n"
            "licence: AGPL-3.0-or-later\n",
            VITRINE_VERSION, VITRINE_ENGINES);
}
