/* --json: what happens, one JSON object a line, for scripts. Field names and meanings are the contract's.
 *
 * Every field of an event is always there; what is not known or does not apply is null. Strings may come from anyone:
 * they are escaped here. Each line is one write(2); a reader that is slow is waited for, one that has gone is
 * remembered (the broker ignores SIGPIPE). */
#ifndef BROKER_EVENTS_H
#define BROKER_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/latency/figure.h"
#include "broker/latency/host.h"

struct events {
    int fd; /* borrowed; -1: off, and then every call does nothing */
    int error;
    bool started;
    uint64_t start_ns;
    char *bytes; /* the lines held back until start, then the line being written */
    size_t n_bytes, n_capacity;
};

/* fd -1: no events. start_ns: the clock_now_ns() that t_ms counts from. */
void events_init(struct events *events, int fd, uint64_t start_ns);

/* Lines still held back because start was never told are written: a broker that failed early says what it knows. */
void events_finish(struct events *events);

/* 0, or the -errno that ended the writing (-EPIPE: nobody reads; -ENOSPC). Calls after it do nothing. */
int events_error(const struct events *events);

struct event_start {
    unsigned tabs;
    int level;
    uint32_t layers; /* mask over enum layer */
    int fds_open;
    const uint32_t *zygote_rung_ns; /* ZYGOTE_RUNG_COUNT spans, told in microseconds by name; NULL: not known */
};

/* Numbers are null where they are 0, strings where they are NULL, unless a comment says otherwise. */
struct event_tab {
    unsigned tab; /* from 1, in every event */
    const char *state;
    pid_t pid;
    const char *document;
    const char *kind;
    unsigned pages;
    const char *title;
    bool first_live; /* live for the first time: the figures below are told */
    uint64_t spawn_ns, first_frame_ns;
    uint64_t open_ns, paint_ns; /* as the renderer says */
    const uint32_t *rung_ns;    /* RUNG_COUNT spans, likewise, told in microseconds by name */
};

struct event_refused {
    unsigned tab;
    const char *document;
    const char *reason;
    const char *detail;
};

#define EVENT_SYSCALL_ARGS 6

struct event_crash {
    unsigned tab;
    const char *verdict;
    int signal;
    bool has_address; /* a fault address may well be 0 */
    uint64_t address;
    uint64_t pc;
    const char *const *backtrace; /* n_backtrace lines */
    size_t n_backtrace;
    const char *syscall; /* NULL: args do not apply either */
    uint64_t args[EVENT_SYSCALL_ARGS];
    const char *reason;
    const char *detail;   /* all of it in a line for people */
    uint64_t detected_ns; /* from the fault to the broker's knowing; told in microseconds */
    uint64_t judged_ns;   /* from the fault to the verdict, likewise */
    unsigned restarts;    /* never null */
    bool will_retry;
    uint64_t next_try_ns; /* from now, when will_retry; otherwise null */
    const char *report;   /* the id of its report, stored or not */
    const char *injected; /* the fault that was ordered; NULL: nobody asked for this */
    const char *stage;    /* when it was to happen; NULL likewise */
    bool as_expected;     /* means nothing unless injected */
};

/* A fault of --inject or --chaos is over. */
struct event_injected {
    unsigned tab;
    const char *fault, *stage;
    const char *expected, *what; /* what should come of it, and what did */
    bool right, recovered;
    uint64_t recovered_ns; /* from the order to the tab's next picture */
};

/* --chaos is over. */
struct event_chaos {
    uint64_t seed, elapsed_ns;
    unsigned faults, right, recovered, strays;
    uint64_t detected_p50_ns, detected_p99_ns, judged_p50_ns, judged_p99_ns, recovered_p50_ns, recovered_p99_ns;
    int fds_before, fds_after;
    unsigned children_before, children_after;
    uint64_t rss_before_kb, rss_after_kb;
    bool good;
};

/* A zygote or an init was lost; the tabs whose renderers went with it are restarted. */
struct event_zygote {
    const char *lost; /* "zygote", "init" */
    pid_t pid;
    const char *why;
    const unsigned *tabs;
    size_t n_tabs;
};

/* A crash report is complete, with symbols where they could be had. */
struct event_report {
    unsigned tab;
    const char *id;
    const char *file; /* in --crash-dir; NULL: not stored */
    const char *const *backtrace;
    size_t n_backtrace;
};

/* --port: what has become of it. */
struct event_port {
    unsigned a, b;
    const char *state;  /* "open", "closed", "broken" */
    const char *reason; /* why; NULL with "open" */
    bool exchanged;     /* tab a says so: the figures below are told, though they be 0 */
    uint64_t n, lost;
    uint64_t p50_ns, p99_ns; /* told in microseconds; 0: none was answered */
    double per_s;            /* answered */
};

/* SIGUSR2 or --stats-every: what a tab has come to so far. */
struct event_statistics {
    unsigned tab;
    const char *state;
    pid_t pid;                       /* 0: none */
    uint64_t orders, facts, by_ring; /* messages; the ring's among both */
    uint64_t order_bytes, fact_bytes;
    uint64_t answer_p50_ns, answer_p99_ns; /* from an order to its fact; 0: none yet */
    uint64_t woken, rung;                  /* how often the broker was, and how often it rang */
    uint64_t cpu_ns, pss_kb;               /* of the present renderer; 0: not known */
    unsigned restarts;
};

/* A row of the containment table. */
struct event_containment {
    const char *row, *group;
    int level;
    const char *tried, *expected;
    const char *result;  /* what was seen; why, where it does not apply */
    const char *verdict; /* the broker's word; "none" where nobody died */
    bool applies;        /* false: `holds` is null */
    bool holds;
    uint64_t neighbour_ns; /* the slowest answer of the renderer beside it */
};

/* All rows at one level. */
struct event_containment_totals {
    int level;
    bool as_root;
    unsigned n_rows, n_held, n_failed, n_absent; /* never null */
    uint64_t neighbour_ns, wall_ns;
};

struct event_end {
    int status;
    unsigned tabs_live, tabs_failed, crashes; /* never null */
    uint64_t peak_rss_kb, pss_kb;             /* of all processes together */
    int fds_open;
};

/* Lines told before this are held back and written after it, each with its own t_ms. */
void events_start(struct events *events, const struct event_start *event);
void events_tab(struct events *events, const struct event_tab *event);
void events_refused(struct events *events, const struct event_refused *event);
void events_crash(struct events *events, const struct event_crash *event);
void events_injected(struct events *events, const struct event_injected *event);
void events_chaos(struct events *events, const struct event_chaos *event);
void events_zygote(struct events *events, const struct event_zygote *event);
void events_report(struct events *events, const struct event_report *event);
/* A tab goes on with an order that takes long. */
void events_progress(struct events *events, unsigned tab, uint64_t waited_ns);
void events_port(struct events *events, const struct event_port *event);
void events_statistics(struct events *events, const struct event_statistics *event);
void events_containment(struct events *events, const struct event_containment *event);
void events_containment_totals(struct events *events, const struct event_containment_totals *event);
void events_end(struct events *events, const struct event_end *event);

/* Latency mode starts with the machine instead of with tabs, then tells each figure as soon as it is concluded. */
void events_latency_host(struct events *events, const struct latency_host *host, unsigned n_figures);
void events_latency(struct events *events, const struct figure *figure);

#endif
