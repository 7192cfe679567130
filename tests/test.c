#include "tests/test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"

/* How a test's process tells its end. Not 0 and 1: code under test that calls exit() must not pass for a result. */
enum { STATUS_PASSED = 91, STATUS_FAILED = 92, STATUS_SKIPPED = 93 };

static struct test *first_test, **last_test = &first_test;
static bool has_failed; /* in the test's process */

void test_add(struct test *test)
{
    *last_test = test;
    last_test = &test->next;
}

void test_fail(const char *file, int line, const char *format, ...)
{
    has_failed = true;
    printf("%s:%d: ", file, line);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

void test_check(bool holds, bool required, const char *condition, const char *file, int line)
{
    if (holds)
        return;
    test_fail(file, line, "not so: %s", condition);
    if (required)
        exit(STATUS_FAILED);
}

void test_skip(const char *why)
{
    printf("skipped: %s\n", why);
    exit(has_failed ? STATUS_FAILED : STATUS_SKIPPED);
}

static _Noreturn void run_here(const struct test *test)
{
    setpgid(0, 0); /* so that the time limit ends its children too */
    int n_before = fd_count_open();
    test->run();
    int n_after = fd_count_open();
    if (n_after != n_before)
        test_fail(test->file, test->line, "%d descriptors open, %d before", n_after, n_before);
    exit(has_failed ? STATUS_FAILED : STATUS_PASSED);
}

/* Waits for the child as long as the test may take, then kills. Returns its wait status. */
static int wait_within(pid_t child, int limit_s, bool *ret_late)
{
    CLOSE_FD int pidfd = pidfd_open(child, 0);
    struct pollfd look = {.fd = pidfd, .events = POLLIN};
    uint64_t end_ns = clock_now_ns() + (uint64_t)limit_s * NS_PER_S;
    int n_ready;
    do {
        uint64_t now_ns = clock_now_ns();
        n_ready = poll(&look, 1, now_ns < end_ns ? (int)((end_ns - now_ns) / NS_PER_MS) + 1 : 0);
    } while (n_ready < 0 && errno == EINTR);
    *ret_late = n_ready == 0;

    /* Before it is reaped, while its id is certainly its own; what it left behind goes with it. */
    kill(-child, SIGKILL);
    if (*ret_late)
        kill(child, SIGKILL);
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* Returns one of the statuses above, and tells of an end that is none of them. */
static int judge(const struct test *test, int status, bool late)
{
    if (late)
        printf("%s: not done after %d s\n", test->name, test->limit_s);
    else if (WIFSIGNALED(status))
        printf("%s: killed by signal %d (%s)\n", test->name, WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) >= STATUS_PASSED && WEXITSTATUS(status) <= STATUS_SKIPPED)
        return WEXITSTATUS(status);
    else
        printf("%s: exited with %d\n", test->name, WEXITSTATUS(status));
    return STATUS_FAILED;
}

static int run(const struct test *test)
{
    fflush(stdout);
    uint64_t start_ns = clock_now_ns();
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        return STATUS_FAILED;
    }
    if (child == 0)
        run_here(test);

    bool late;
    int status = wait_within(child, test->limit_s, &late);
    int result = judge(test, status, late);
    printf("%s %s (%.0f ms)\n",
           result == STATUS_PASSED    ? "passed "
           : result == STATUS_SKIPPED ? "skipped"
                                      : "FAILED ",
           test->name, (double)(clock_now_ns() - start_ns) / NS_PER_MS);
    return result;
}

static bool is_wanted(const struct test *test, char **names)
{
    if (!*names)
        return true;
    for (; *names; names++) {
        if (strcmp(*names, test->name) == 0)
            return true;
    }
    return false;
}

/* Without arguments all tests, else those named. */
int main(int n_arguments, char **arguments)
{
    int n_passed = 0, n_failed = 0, n_skipped = 0;
    (void)n_arguments;
    for (const struct test *test = first_test; test; test = test->next) {
        if (!is_wanted(test, arguments + 1))
            continue;
        int result = run(test);
        n_passed += result == STATUS_PASSED;
        n_failed += result == STATUS_FAILED;
        n_skipped += result == STATUS_SKIPPED;
    }
    printf("%d passed, %d failed, %d skipped\n", n_passed, n_failed, n_skipped);
    bool nothing_ran = n_passed + n_failed + n_skipped == 0;
    return n_failed > 0 || nothing_ran;
}
