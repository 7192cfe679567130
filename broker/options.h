/* The command line: words in, a struct out. Nothing is printed and nothing exits here, so that a test is a table. */
#ifndef BROKER_OPTIONS_H
#define BROKER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "broker/inject_options.h"

/* The contract's exit statuses (128 + signal after SIGINT and SIGTERM). */
enum exit_status {
    EXIT_STATUS_OK = 0,
    EXIT_STATUS_TABS = 1,   /* some tab was refused, crashed or hung */
    EXIT_STATUS_USAGE = 2,  /* the command line is wrong */
    EXIT_STATUS_BROKER = 3, /* the broker could not do its work */
};

enum options_mode {
    MODE_SHOW,
    MODE_SANDBOX_STATUS,
    MODE_CONTAINMENT,
    MODE_HELP,
    MODE_VERSION,
    MODE_INJECT_LIST,
    MODE_LATENCY,
};

enum options_view {
    VIEW_AUTO,
    VIEW_WINDOW,
    VIEW_TERMINAL,
    VIEW_NONE,
};

enum options_spawn {
    SPAWN_ZYGOTE,
    SPAWN_EXEC,
};

/* What --latency measures, and what becomes of it. Strings are in argv; NULL: not given. */
struct options_latency {
    uint64_t n_messages; /* in each run; 0: as many as there is time for */
    bool has_payload;
    uint64_t payload_bytes;
    const char *only; /* NAME,… */
    const char *report_path, *compare_path;
    bool list;
};

#define OPTIONS_MAX_TABS       1024
#define OPTIONS_MAX_INJECTIONS 256

struct options {
    enum options_mode mode;

    unsigned n_tabs; /* 0: not given */
    char **files;    /* in argv; "-" is standard input, at most once */
    size_t n_files;

    enum options_view view; /* VIEW_NONE where --snapshot or --json imply it; never a view that was not built */
    bool stay;
    bool json;
    const char *snapshot_dir; /* in argv; NULL: no pictures */

    uint32_t width_px, height_px; /* a frame_layout can be had for them */
    uint32_t page;                /* from 0 */
    float zoom;

    enum options_spawn spawn;
    unsigned n_spares;     /* the default that goes with spawn is filled in */
    int require_level;     /* 0: not given */
    uint64_t memory_bytes; /* a tab */
    uint64_t timeout_ns;   /* without progress */
    uint64_t max_document_bytes;
    bool no_ring;           /* everything by the socket */
    uint64_t statistics_ns; /* how often to tell them; 0: when asked */

    const char *crash_dir; /* in argv; NULL: no reports */
    struct inject_request injections[OPTIONS_MAX_INJECTIONS];
    size_t n_injections;
    struct chaos_request chaos;
    unsigned port_tabs[2]; /* A and B; 0: no port */

    struct options_latency latency;
};

/* How many tabs they ask for: at least 1. */
unsigned options_count_tabs(const struct options *options);

/* Parses argv[1…]. Files and options may come in any order; the last of an option given twice counts. The files are
 * moved together to the front of argv, as getopt does. --help and --version end the parsing.
 * Returns 0, or the status to exit with (EXIT_STATUS_USAGE, EXIT_STATUS_BROKER) and one escaped line without newline
 * in ret_error that says what is wrong and what is right; *ret_options is then unspecified. */
int options_parse(int argc, char **argv, struct options *ret_options, char *ret_error, size_t n_error);

/* --help and --version. Errors are left on the stream. */
void options_print_help(FILE *out);
void options_print_version(FILE *out);

#endif
