#include "tests/process/run.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "tests/test.h"

#define NOBODY    65534
#define MAX_WORDS 1100 /* as many tabs as the broker takes, and options */
/* After the broker's end its children have this long. */
#define ORPHANS_MS 1000u

void sleep_ms(unsigned ms)
{
    nanosleep(&(const struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
}

bool is_root(void)
{
    return geteuid() == 0;
}

/* ---- starting ------------------------------------------------------------------------------------------------------- */

static void fail_child(const char *what)
{
    perror(what);
    _exit(126);
}

static void become_nobody(void)
{
    if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
        fail_child("nobody");
}

static void limit_fds(unsigned max_fds)
{
    const struct rlimit limit = {.rlim_cur = max_fds, .rlim_max = max_fds};
    if (max_fds != 0 && setrlimit(RLIMIT_NOFILE, &limit) < 0)
        fail_child("RLIMIT_NOFILE");
}

static _Noreturn void exec_broker(const struct run_setup *setup, const char *const *arguments)
{
    const char *words[MAX_WORDS];
    size_t n = 0;
    if (setup->without != NULL) {
        words[n++] = WITHOUT_PATH;
        words[n++] = setup->without;
    }
    words[n++] = setup->program != NULL ? setup->program : BROKER_PATH;
    for (; *arguments != NULL && n < MAX_WORDS - 1; arguments++)
        words[n++] = *arguments;
    words[n] = NULL;
    execv(words[0], (char *const *)words);
    fail_child(words[0]);
    _exit(126);
}

static _Noreturn void run_child(const struct run_setup *setup, const char *const *arguments, int out_fd, int err_fd)
{
    const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int in_fd = setup->stdin_fd != 0 ? setup->stdin_fd : null_fd;
    if (dup2(in_fd, STDIN_FILENO) < 0 || dup2(setup->stdout_fd != 0 ? setup->stdout_fd : out_fd, STDOUT_FILENO) < 0 ||
        dup2(err_fd, STDERR_FILENO) < 0)
        fail_child("dup2");
    close_range(STDERR_FILENO + 1, ~0u, 0);
    signal(SIGINT, SIG_DFL); /* a shell ignores it for what it runs in the background */
    if (setup->stdout_closed)
        close(STDOUT_FILENO);
    limit_fds(setup->max_fds);
    if (setup->as_nobody)
        become_nobody();
    if (setup->prepare != NULL)
        setup->prepare();
    exec_broker(setup, arguments);
}

void run_start(struct run *run, const struct run_setup *setup, const char *const *arguments)
{
    static const struct run_setup usual;
    int out[2], err[2];
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    REQUIRE(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(err[0], F_SETFL, O_NONBLOCK);
    *run = (struct run){
        .out_fd = out[0], .err_fd = err[0], .start_ns = clock_now_ns(), .out = calloc(1, 1), .err = calloc(1, 1)};
    fflush(stdout);
    run->pid = fork();
    REQUIRE(run->pid >= 0);
    if (run->pid == 0)
        run_child(setup != NULL ? setup : &usual, arguments, out[1], err[1]);
    run->pidfd = pidfd_open(run->pid, 0);
    close(out[1]);
    close(err[1]);
}

/* ---- watching ------------------------------------------------------------------------------------------------------- */

/* Takes what is there. Closes the descriptor at its end. */
static void take(int *fd, char **text, size_t *n)
{
    char piece[16384];
    ssize_t got;
    while (*fd >= 0 && (got = read(*fd, piece, sizeof piece)) != 0) {
        if (got < 0)
            return;
        char *longer = realloc(*text, *n + (size_t)got + 1);
        REQUIRE(longer != NULL);
        memcpy(longer + *n, piece, (size_t)got);
        *text = longer;
        *n += (size_t)got;
        longer[*n] = '\0';
    }
    fd_close(fd);
}

static void take_all(struct run *run)
{
    take(&run->out_fd, &run->out, &run->n_out);
    take(&run->err_fd, &run->err, &run->n_err);
}

static unsigned count_text(const char *text, const char *wanted)
{
    unsigned n = 0;
    for (; (text = strstr(text, wanted)) != NULL; text += strlen(wanted))
        n++;
    return n;
}

/* Waits for output or for the end. False at end_ns, or when the broker has ended. */
static bool watch(struct run *run, uint64_t end_ns)
{
    const uint64_t now_ns = clock_now_ns();
    struct pollfd looks[] = {{.fd = run->pidfd, .events = POLLIN},
                             {.fd = run->out_fd, .events = POLLIN},
                             {.fd = run->err_fd, .events = POLLIN}};
    if (now_ns >= end_ns)
        return false;
    const int n = poll(looks, 3, (int)((end_ns - now_ns) / NS_PER_MS) + 1);
    if (n < 0)
        return errno == EINTR;
    take_all(run);
    return n > 0 && looks[0].revents == 0;
}

bool run_sees(struct run *run, const char *text, unsigned n, unsigned limit_ms)
{
    const uint64_t end_ns = clock_now_ns() + limit_ms * NS_PER_MS;
    bool goes_on = true;
    while (count_text(run->out, text) < n && goes_on)
        goes_on = watch(run, end_ns);
    take_all(run);
    return count_text(run->out, text) >= n;
}

bool run_waits(struct run *run, bool (*is_so)(const struct run *run, const void *what), const void *what,
               unsigned limit_ms)
{
    const uint64_t end_ns = clock_now_ns() + limit_ms * NS_PER_MS;
    bool goes_on = true;
    while (!is_so(run, what) && goes_on)
        goes_on = watch(run, end_ns);
    take_all(run);
    return is_so(run, what);
}

/* ---- ending ---------------------------------------------------------------------------------------------------------- */

static void name_of(pid_t pid, char *out, size_t n_out)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    CLOSE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, out, n_out - 1) : 0;
    out[n > 0 ? n : 0] = '\0';
}

/* Reaps who was left to us, and fails for those that do not go by themselves. */
static void reap_orphans(struct run *run)
{
    const uint64_t end_ns = clock_now_ns() + ORPHANS_MS * NS_PER_MS;
    for (;;) {
        const pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0)
            break;
        if (pid > 0) {
            run->n_orphans++;
            continue;
        }
        if (clock_now_ns() < end_ns) {
            sleep_ms(2);
            continue;
        }
        pid_t left[64];
        const unsigned n = children_of(getpid(), left, 64);
        for (unsigned i = 0; i < n; i++) {
            char name[64];
            name_of(left[i], name, sizeof name);
            FAIL("process %d (%s) is left a second after the broker", (int)left[i], name);
            kill(left[i], SIGKILL);
            waitpid(left[i], NULL, 0);
        }
    }
    if (run->n_orphans > 0 && !run->killed)
        FAIL("the broker ended in order and left %u processes", run->n_orphans);
}

int run_end(struct run *run, unsigned limit_ms)
{
    const uint64_t end_ns = clock_now_ns() + limit_ms * NS_PER_MS;
    while (watch(run, end_ns))
        ;
    int status = 0;
    bool late = waitpid(run->pid, &status, WNOHANG) == 0;
    if (late) {
        FAIL("the broker was not done after %u ms", limit_ms);
        run->killed = true;
        kill(run->pid, SIGKILL);
        waitpid(run->pid, &status, 0);
    }
    run->end_ns = clock_now_ns();
    reap_orphans(run);
    take_all(run);
    fd_close(&run->out_fd);
    fd_close(&run->err_fd);
    fd_close(&run->pidfd);
    if (late)
        return -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void run_finish(struct run *run)
{
    free(run->out);
    free(run->err);
    *run = (struct run){.out_fd = -1, .err_fd = -1, .pidfd = -1};
}

static bool has_option(const char *const *arguments, const char *option)
{
    for (; *arguments != NULL; arguments++) {
        if (strcmp(*arguments, option) == 0)
            return true;
    }
    return false;
}

int run_whole(struct run *run, const struct run_setup *setup, const char *const *arguments)
{
    run_start(run, setup, arguments);
    const int status = run_end(run, RUN_LIMIT_MS);
    struct event start, end;
    const bool tells = run_event(run, "end", 0, NULL, &end);
    if (tells)
        CHECK_INT(event_number(&end, "status"), ==, status);
    if (tells && run_event(run, "start", 0, NULL, &start))
        CHECK_INT(event_number(&end, "fds_open"), ==, event_number(&start, "fds_open"));
    if (has_option(arguments, "--json") && (status == 0 || status == 1))
        CHECK(tells);
    return status;
}

unsigned run_elapsed_ms(const struct run *run)
{
    return (unsigned)((run->end_ns - run->start_ns) / NS_PER_MS);
}

void run_check_line(const struct run *run, const char *text)
{
    const char *end = strchr(run->err, '\n');
    if (end == NULL || end[1] != '\0' || strstr(run->err, text) == NULL)
        FAIL("stderr is not one line with \"%s\": \"%s\"", text, run->err);
}

/* ---- events ---------------------------------------------------------------------------------------------------------- */

bool event_next(const char **cursor, struct event *ret_event)
{
    const char *end = strchr(*cursor, '\n');
    if (end == NULL)
        return false;
    *ret_event = (struct event){.line = *cursor, .n = (size_t)(end - *cursor)};
    *cursor = end + 1;
    return true;
}

/* Behind the closing quote of the string that begins at text. */
static const char *skip_string(const char *text, const char *end)
{
    for (text++; text < end && *text != '"'; text++)
        text += *text == '\\';
    return text < end ? text + 1 : end;
}

/* The value of a field of the outermost object: fields are the strings that a colon follows. */
static const char *find_value(const struct event *event, const char *field)
{
    const size_t n_field = strlen(field);
    const char *end = event->line + event->n;
    int depth = 0;
    for (const char *c = event->line; c < end;) {
        if (*c == '"') {
            const char *after = skip_string(c, end);
            if (depth == 1 && after < end && *after == ':' && (size_t)(after - c) == n_field + 2 &&
                memcmp(c + 1, field, n_field) == 0)
                return after + 1;
            c = after;
            continue;
        }
        depth += (*c == '{' || *c == '[') - (*c == '}' || *c == ']');
        c++;
    }
    return NULL;
}

bool event_has(const struct event *event, const char *field)
{
    return find_value(event, field) != NULL;
}

long long event_number(const struct event *event, const char *field)
{
    const char *value = find_value(event, field);
    if (value == NULL || *value == 'n' || *value == '"')
        return -1;
    return strtoll(value, NULL, 10);
}

const char *event_text(const struct event *event, const char *field)
{
    static char texts[4][4096];
    static unsigned turn;
    char *out = texts[turn++ % 4];
    *out = '\0';
    const char *value = find_value(event, field), *end = event->line + event->n;
    if (value == NULL)
        return out;
    const char *last = value;
    if (*value == '"') {
        last = skip_string(value, end) - 1;
        value++;
    } else {
        last += strcspn(value, ",}]");
    }
    snprintf(out, sizeof texts[0], "%.*s", (int)(last - value), value);
    return out;
}

bool event_is(const struct event *event, const char *name, unsigned tab, const char *state)
{
    return strcmp(event_text(event, "event"), name) == 0 &&
           (tab == 0 || event_number(event, "tab") == (long long)tab) &&
           (state == NULL || strcmp(event_text(event, "state"), state) == 0);
}

bool run_event(const struct run *run, const char *name, unsigned tab, const char *state, struct event *ret_event)
{
    struct event event;
    for (const char *cursor = run->out; event_next(&cursor, &event);) {
        if (event_is(&event, name, tab, state)) {
            *ret_event = event;
            return true;
        }
    }
    return false;
}

bool run_last_event(const struct run *run, const char *name, unsigned tab, const char *state, struct event *ret_event)
{
    bool found = false;
    struct event event;
    for (const char *cursor = run->out; event_next(&cursor, &event);) {
        if (event_is(&event, name, tab, state)) {
            *ret_event = event;
            found = true;
        }
    }
    return found;
}

unsigned run_count_of(const struct run *run, const char *name, unsigned tab, const char *state)
{
    unsigned n = 0;
    struct event event;
    for (const char *cursor = run->out; event_next(&cursor, &event);)
        n += event_is(&event, name, tab, state);
    return n;
}

unsigned run_count(const struct run *run, const char *name, const char *state)
{
    return run_count_of(run, name, 0, state);
}

long long run_level(const struct run *run)
{
    struct event start;
    return run_event(run, "start", 0, NULL, &start) ? event_number(&start, "level") : -1;
}

bool run_layer(const struct run *run, const char *name)
{
    struct event start;
    char word[64];
    if (!run_event(run, "start", 0, NULL, &start))
        return false;
    snprintf(word, sizeof word, "\"%s\":true", name);
    const char *found = strstr(start.line, word);
    return found != NULL && found < start.line + start.n;
}

pid_t run_pid_of(const struct run *run, unsigned tab)
{
    struct event event;
    return run_last_event(run, "tab", tab, "loading", &event) ? (pid_t)event_number(&event, "pid") : -1;
}

/* ---- files ----------------------------------------------------------------------------------------------------------- */

static char scratch_folder[64];
static pid_t scratch_owner;

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path);
}

static void remove_scratch(void)
{
    if (getpid() == scratch_owner)
        nftw(scratch_folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *scratch(void)
{
    if (scratch_owner == getpid())
        return scratch_folder;
    snprintf(scratch_folder, sizeof scratch_folder, "/tmp/vitrine-test-XXXXXX");
    REQUIRE(mkdtemp(scratch_folder) != NULL);
    chmod(scratch_folder, 0755);
    scratch_owner = getpid();
    atexit(remove_scratch);
    return scratch_folder;
}

const char *scratch_path(const char *name)
{
    static char paths[8][512];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", scratch(), name);
    return path;
}

const char *scratch_bytes(const char *name, const void *bytes, size_t n_bytes)
{
    const char *path = scratch_path(name);
    CLOSE_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    REQUIRE(fd >= 0);
    REQUIRE(write(fd, bytes, n_bytes) == (ssize_t)n_bytes);
    return path;
}

const char *scratch_file(const char *name, const char *text)
{
    return scratch_bytes(name, text, strlen(text));
}

const char *scratch_scene(const char *name)
{
    return scratch_file(name, "vitrine-scene\ntitle A test\nfigure rings\ntext Hello\n");
}

/* ---- processes ---------------------------------------------------------------------------------------------------------- */

static size_t read_text(const char *path, char *out, size_t n_out)
{
    CLOSE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, out, n_out - 1) : 0;
    out[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

unsigned children_of(pid_t pid, pid_t *out, unsigned max)
{
    char path[64], text[8192];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    read_text(path, text, sizeof text);
    unsigned n = 0;
    char *rest = text, *end;
    for (long child; n < max && (child = strtol(rest, &end, 10)) > 0; rest = end)
        out[n++] = (pid_t)child;
    return n;
}

/* The pid in the innermost namespace, and how many namespaces there are. */
static long inner_pid(pid_t pid, unsigned *ret_depth)
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    read_text(path, text, sizeof text);
    char *rest = strstr(text, "\nNSpid:"), *end;
    long inner = -1;
    *ret_depth = 0;
    if (rest == NULL)
        return -1;
    for (rest += strlen("\nNSpid:"); *rest == '\t'; rest = end) {
        inner = strtol(rest, &end, 10);
        ++*ret_depth;
    }
    return inner;
}

pid_t zygote_of(pid_t broker)
{
    pid_t children[256];
    unsigned depth, own_depth;
    inner_pid(broker, &own_depth);
    for (unsigned i = 0, n = children_of(broker, children, 256); i < n; i++) {
        if (inner_pid(children[i], &depth) > 0 && depth == own_depth)
            return children[i];
    }
    return -1;
}

pid_t init_of(pid_t broker)
{
    pid_t children[256];
    unsigned depth;
    for (unsigned i = 0, n = children_of(broker, children, 256); i < n; i++) {
        if (inner_pid(children[i], &depth) == 1 && depth > 1)
            return children[i];
    }
    return -1;
}
