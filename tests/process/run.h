/* One run of the real broker, watched from outside: what it says, how it ends, whom it leaves behind.
 *
 * The test's process becomes a subreaper, so that whatever outlives the broker shows up as its child. */
#ifndef TESTS_PROCESS_RUN_H
#define TESTS_PROCESS_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How the broker is started; all zero is the usual way. */
struct run_setup {
    const char *program; /* NULL: the built broker */
    const char *without; /* what the host shall seem to lack, as tests/process/without.c names it */
    bool as_nobody;      /* from root down to an ordinary user */
    int stdin_fd;        /* borrowed; 0: /dev/null */
    int stdout_fd;       /* borrowed; 0: into run->out */
    bool stdout_closed;
    unsigned max_fds;      /* hard limit of open files; 0: as it is */
    void (*prepare)(void); /* what else it shall inherit; in the child, last before the exec. NULL: nothing */
};

struct run {
    pid_t pid;
    int pidfd, out_fd, err_fd; /* -1 when closed */
    char *out, *err;           /* so far, terminated */
    size_t n_out, n_err;
    uint64_t start_ns, end_ns;
    bool killed;        /* by the test: what it leaves behind has a second to go */
    unsigned n_orphans; /* processes that outlived it */
};

/* Ends the test when the broker cannot be started. */
void run_start(struct run *run, const struct run_setup *setup, const char *const *arguments);
#define RUN(run, setup, ...) run_start(run, setup, (const char *const[]){__VA_ARGS__, NULL})

/* Reads on until text was seen n times on stdout. False when that was not so within the time, or the broker ended. */
bool run_sees(struct run *run, const char *text, unsigned n, unsigned limit_ms);
/* The same until is_so() says yes of all that was read. */
bool run_waits(struct run *run, bool (*is_so)(const struct run *run, const void *what), const void *what,
               unsigned limit_ms);

/* Waits for the end, and reads everything. The exit status, or 128 and the signal; -1 when it was not over within the
 * time, and then it is killed. No process may be left: that fails the test. */
int run_end(struct run *run, unsigned limit_ms);
void run_finish(struct run *run);

/* Starts, waits, and checks what holds for every run that ends in order: `fds_open` as at the start, nobody left. */
int run_whole(struct run *run, const struct run_setup *setup, const char *const *arguments);
#define RUN_WHOLE(run, setup, ...) run_whole(run, setup, (const char *const[]){__VA_ARGS__, NULL})
#define RUN_LIMIT_MS               60000u

unsigned run_elapsed_ms(const struct run *run);
/* stderr is one line that holds text. */
void run_check_line(const struct run *run, const char *text);

/* One line of --json. */
struct event {
    const char *line;
    size_t n;
};

/* The first event of that name; tab 0, state NULL: any. */
bool run_event(const struct run *run, const char *name, unsigned tab, const char *state, struct event *ret_event);
/* Takes the next line. False at the end. */
bool event_next(const char **cursor, struct event *ret_event);
bool event_has(const struct event *event, const char *field);
/* -1 when it is absent or null. */
long long event_number(const struct event *event, const char *field);
/* The text between the quotes, escapes as they are; or the bare word of a number, true, null. "" when absent. A static
 * buffer, of four in turn. */
const char *event_text(const struct event *event, const char *field);
/* True when the event is one of those; tab 0, NULL: any. */
bool event_is(const struct event *event, const char *name, unsigned tab, const char *state);
/* Where else than with `tab` events there is a state, it is NULL. */
unsigned run_count(const struct run *run, const char *name, const char *state);
unsigned run_count_of(const struct run *run, const char *name, unsigned tab, const char *state);
/* The last event of that name. */
bool run_last_event(const struct run *run, const char *name, unsigned tab, const char *state, struct event *ret_event);
/* What the run told of its sandbox: the level, -1 where it told none, and whether a layer holds. */
long long run_level(const struct run *run);
bool run_layer(const struct run *run, const char *name);
/* The pid of a tab's latest renderer, from its `loading`; -1. */
pid_t run_pid_of(const struct run *run, unsigned tab);

/* A folder for the test's files, removed at its end. */
const char *scratch(void);
/* Its path within that folder; of eight in turn. */
const char *scratch_path(const char *name);
const char *scratch_file(const char *name, const char *text);
const char *scratch_bytes(const char *name, const void *bytes, size_t n_bytes);
/* A document that every build can show. */
const char *scratch_scene(const char *name);

/* Children of a process, oldest first. How many, at most max. */
unsigned children_of(pid_t pid, pid_t *out, unsigned max);
/* The zygote among the broker's children: the only one that is in the broker's own pid namespace. Level 3 only. -1. */
pid_t zygote_of(pid_t broker);
/* Its init: pid 1 of the inner namespace. -1. */
pid_t init_of(pid_t broker);

void sleep_ms(unsigned ms);
bool is_root(void);

#endif
