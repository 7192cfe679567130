#include "bench/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/report.h"
#include "common/clock.h"

#define MAX_LINE_BYTES (1u << 20)
#define READ_NS        (60 * NS_PER_S)

/* False when nothing has come by then. */
static bool wait_for_bytes(int fd, uint64_t deadline_ns)
{
    const uint64_t now_ns = clock_now_ns();
    struct pollfd source = {.fd = fd, .events = POLLIN};
    return now_ns < deadline_ns && poll(&source, 1, (int)((deadline_ns - now_ns) / NS_PER_MS) + 1) > 0;
}

static int add_descriptors(posix_spawn_file_actions_t *actions, const struct program_fd *fds, size_t n_fds)
{
    int error = 0;
    for (int number = STDIN_FILENO; number <= STDERR_FILENO && error == 0; number++)
        error = posix_spawn_file_actions_addopen(actions, number, "/dev/null", O_RDWR, 0);
    for (size_t i = 0; i < n_fds && error == 0; i++)
        error = posix_spawn_file_actions_adddup2(actions, fds[i].fd, fds[i].number);
    return -error;
}

/* The defaults that a shell would give: this process ignores SIGPIPE. */
static int set_signals(posix_spawnattr_t *attributes)
{
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    int error = posix_spawnattr_setsigdefault(attributes, &defaults);
    if (error == 0)
        error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF);
    return -error;
}

int program_start(const char *const *words, const struct program_fd *fds, size_t n_fds, struct program *ret_program)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    if (posix_spawn_file_actions_init(&actions) != 0 || posix_spawnattr_init(&attributes) != 0)
        return -ENOMEM;
    int error = add_descriptors(&actions, fds, n_fds);
    if (error == 0)
        error = set_signals(&attributes);
    ret_program->start_ns = clock_now_ns();
    if (error == 0)
        error = -posix_spawn(&ret_program->pid, words[0], &actions, &attributes, (char *const *)words, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

int program_wait(struct program *program)
{
    int status;
    while (waitpid(program->pid, &status, 0) < 0) {
        if (errno != EINTR)
            bench_fail("a program cannot be waited for: %s", strerror(errno));
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void program_read_lines(int fd, char separator, bool (*take)(void *, const char *, uint64_t), void *owner)
{
    char *buffer = malloc(MAX_LINE_BYTES);
    if (buffer == NULL)
        bench_fail("out of memory");
    size_t n = 0;
    bool more = true;
    const uint64_t deadline_ns = clock_now_ns() + READ_NS;
    while (more && wait_for_bytes(fd, deadline_ns)) {
        const ssize_t n_read = read(fd, buffer + n, MAX_LINE_BYTES - n);
        const uint64_t now_ns = clock_now_ns();
        if (n_read <= 0)
            break;
        n += (size_t)n_read;
        char *line = buffer, *end;
        while (more && (end = memchr(line, separator, (size_t)(buffer + n - line))) != NULL) {
            *end = '\0';
            more = take(owner, line, now_ns);
            line = end + 1;
        }
        n = (size_t)(buffer + n - line);
        memmove(buffer, line, n);
        if (n == MAX_LINE_BYTES)
            bench_fail("a line of more than a megabyte");
    }
    free(buffer);
}
