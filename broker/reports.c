#include "broker/reports.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "broker/crash_dir.h"
#include "broker/helper.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/memfd.h"

#define PATIENCE_NS      (2 * NS_PER_S)
#define MAX_ANSWER_BYTES ((size_t)CRASH_REPORT_FRAMES * 512)

struct waiting {
    TAILQ_ENTRY(waiting) link;
    struct crash_report report;
};

TAILQ_HEAD(waitings, waiting);

/* At work for the first that waits. */
struct helper {
    int pidfd;     /* -1 where it could not be had: it ends by itself */
    int answer_fd; /* -1: there is none at work */
    struct loop_source source;
    struct loop_timer patience;
    size_t asked[CRASH_REPORT_FRAMES]; /* which frames, in the order of the answers */
    size_t n_asked;
    char answer[MAX_ANSWER_BYTES];
    size_t n_answer;
};

struct reports {
    struct loop *loop;
    const struct reports_handlers *handlers;
    void *owner;
    int dir_fd;
    bool failed;               /* the last could not be stored, which has been told */
    char symbolizer[PATH_MAX]; /* "": there is none */
    struct helper helper;
    struct waitings waiting; /* waiting.link */
    size_t n_waiting;
};

/* ---- asking --------------------------------------------------------------------------------------------------------- */

/* One line a frame whose file is known. */
static int write_questions(struct helper *helper, const struct crash_report *report, FILE *out)
{
    helper->n_asked = 0;
    for (size_t i = 0; i < report->n_frames; i++) {
        const struct crash_frame *frame = &report->frames[i];
        const char *path = frame->module >= 0 ? report->modules[frame->module].path : "";
        if (path[0] == '\0' || strchr(path, '\n') != NULL)
            continue;
        fprintf(out, "%s\t%" PRIx64 "\n", path, crash_frame_asked(frame));
        helper->asked[helper->n_asked++] = i;
    }
    return ferror(out) ? -EIO : 0;
}

/* A memfd rather than a pipe: it takes all the questions at once, however slow the reader. */
static int make_questions(struct helper *helper, const struct crash_report *report, int *ret_fd)
{
    CLOSE_FD int fd = -1;
    int error = memfd_make("vitrine-frames", &fd, NULL);
    if (error != 0)
        return error;
    CLOSE_FD int write_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    FILE *out = write_fd >= 0 ? fdopen(write_fd, "w") : NULL;
    if (out == NULL)
        return -errno;
    (void)fd_steal(&write_fd);
    error = write_questions(helper, report, out);
    if (fclose(out) != 0 && error == 0)
        error = -errno;
    if (error == 0 && lseek(fd, 0, SEEK_SET) < 0)
        error = -errno;
    if (error == 0)
        *ret_fd = fd_steal(&fd);
    return error;
}

static void answer_ready(struct loop_source *source, uint32_t events);
static void patience_is_over(struct loop_timer *timer);

static int start_helper(struct reports *reports, const struct crash_report *report)
{
    struct helper *helper = &reports->helper;
    CLOSE_FD int question_fd = -1;
    int pipe_fds[2];
    int error = make_questions(helper, report, &question_fd);
    if (error != 0)
        return error;
    if (helper->n_asked == 0)
        return -ENODATA;
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    CLOSE_FD int read_fd = pipe_fds[0];
    CLOSE_FD int write_fd = pipe_fds[1];
    if (fcntl(read_fd, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    error = loop_add(reports->loop, &helper->source, read_fd, EPOLLIN, answer_ready);
    if (error != 0)
        return error;
    pid_t pid;
    char name[] = "vitrine-symbolizer";
    char *const arguments[] = {name, NULL};
    error = helper_start(reports->symbolizer, arguments, question_fd, write_fd, &pid);
    if (error != 0) {
        loop_remove(reports->loop, &helper->source);
        return error;
    }
    helper->pidfd = pidfd_open(pid, 0); /* not reaped yet, so the number is its own */
    helper->answer_fd = fd_steal(&read_fd);
    helper->n_answer = 0;
    loop_arm(reports->loop, &helper->patience, clock_now_ns() + PATIENCE_NS, patience_is_over);
    return 0;
}

/* Whatever it is at. */
static void stop_helper(struct reports *reports)
{
    struct helper *helper = &reports->helper;
    if (helper->answer_fd < 0)
        return;
    loop_disarm(reports->loop, &helper->patience);
    loop_remove(reports->loop, &helper->source);
    fd_close(&helper->answer_fd);
    if (helper->pidfd >= 0)
        pidfd_send_signal(helper->pidfd, SIGKILL, NULL, 0);
    fd_close(&helper->pidfd);
}

/* ---- storing -------------------------------------------------------------------------------------------------------- */

static void store(struct reports *reports, const struct crash_report *report)
{
    char name[CRASH_DIR_NAME_BYTES];
    const int error = reports->dir_fd >= 0 ? crash_dir_store(reports->dir_fd, report, name) : 0;
    const bool told = reports->failed;
    reports->failed = error != 0;
    reports->handlers->stored(reports->owner, report, reports->dir_fd >= 0 && error == 0 ? name : NULL,
                              told ? 0 : error);
}

/* The first that waits is done with. */
static void store_first(struct reports *reports)
{
    struct waiting *first = TAILQ_FIRST(&reports->waiting);
    stop_helper(reports);
    TAILQ_REMOVE(&reports->waiting, first, link);
    reports->n_waiting--;
    store(reports, &first->report);
    free(first);
}

static void go_on(struct reports *reports)
{
    struct waiting *first;
    while (reports->helper.answer_fd < 0 && (first = TAILQ_FIRST(&reports->waiting)) != NULL) {
        if (reports->symbolizer[0] == '\0' || start_helper(reports, &first->report) != 0)
            store_first(reports);
    }
}

/* ---- the answers ---------------------------------------------------------------------------------------------------- */

/* "build id, symbol, offset in it, source", tabs between them; any may be empty. */
static void take_line(struct crash_report *report, struct crash_frame *frame, char *line)
{
    const char *fields[4] = {"", "", "", ""};
    for (size_t i = 0; i < 4 && line != NULL; i++)
        fields[i] = strsep(&line, "\t");
    struct crash_module *module = &report->modules[frame->module];
    snprintf(module->build_id, sizeof module->build_id, "%s", fields[0]);
    snprintf(frame->source, sizeof frame->source, "%s", fields[3]);
    if (fields[1][0] == '\0')
        return;
    const uint64_t offset = strtoull(fields[2], NULL, 16) + (frame->offset - crash_frame_asked(frame));
    snprintf(frame->symbol, sizeof frame->symbol, "%.200s+0x%" PRIx64, fields[1], offset);
}

/* As many whole lines as have come. */
static void take_answers(struct helper *helper, struct crash_report *report)
{
    char *line = helper->answer, *end;
    char *const stop = helper->answer + helper->n_answer;
    for (size_t i = 0; i < helper->n_asked && (end = memchr(line, '\n', (size_t)(stop - line))) != NULL; i++) {
        *end = '\0';
        take_line(report, &report->frames[helper->asked[i]], line);
        line = end + 1;
    }
}

static void finish_first(struct reports *reports)
{
    take_answers(&reports->helper, &TAILQ_FIRST(&reports->waiting)->report);
    store_first(reports);
    go_on(reports);
}

static void patience_is_over(struct loop_timer *timer)
{
    finish_first(LOOP_OWNER(timer, struct reports, helper.patience));
}

static void answer_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct reports *reports = LOOP_OWNER(source, struct reports, helper.source);
    struct helper *helper = &reports->helper;
    const ssize_t n = read(helper->answer_fd, helper->answer + helper->n_answer, MAX_ANSWER_BYTES - helper->n_answer);
    if (n > 0)
        helper->n_answer += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        finish_first(reports); /* it has ended, or said more than anybody asked for */
}

/* ---- from outside --------------------------------------------------------------------------------------------------- */

int reports_create(struct loop *loop, int dir_fd, const struct reports_handlers *handlers, void *owner,
                   struct reports **ret_reports)
{
    struct reports *reports = calloc(1, sizeof *reports);
    if (reports == NULL) {
        fd_close(&dir_fd);
        return -ENOMEM;
    }
    reports->loop = loop;
    reports->handlers = handlers;
    reports->owner = owner;
    reports->dir_fd = dir_fd;
    reports->helper.pidfd = reports->helper.answer_fd = -1;
    TAILQ_INIT(&reports->waiting);
    helper_find("symbolizer", reports->symbolizer);
    *ret_reports = reports;
    return 0;
}

void reports_destroy(struct reports *reports)
{
    if (reports == NULL)
        return;
    stop_helper(reports);
    struct waiting *first;
    while ((first = TAILQ_FIRST(&reports->waiting)) != NULL) {
        TAILQ_REMOVE(&reports->waiting, first, link);
        free(first);
    }
    fd_close(&reports->dir_fd);
    free(reports);
}

void reports_add(struct reports *reports, const struct crash_report *report)
{
    struct waiting *waiting = reports->n_waiting < REPORTS_MAX_WAITING ? malloc(sizeof *waiting) : NULL;
    if (waiting == NULL) {
        store(reports, report);
        return;
    }
    waiting->report = *report;
    TAILQ_INSERT_TAIL(&reports->waiting, waiting, link);
    reports->n_waiting++;
    go_on(reports);
}

size_t reports_pending(const struct reports *reports)
{
    return reports->n_waiting;
}

void reports_flush(struct reports *reports)
{
    while (!TAILQ_EMPTY(&reports->waiting))
        store_first(reports);
}
