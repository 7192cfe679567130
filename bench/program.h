/* Other programs, run and watched: the broker, Chromium, mutool. */
#ifndef BENCH_PROGRAM_H
#define BENCH_PROGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One that has been started. Its standard input is /dev/null, as is each of its outputs that is not asked for. */
struct program {
    pid_t pid;
    uint64_t start_ns; /* just before it was made */
};

/* A descriptor of ours, and the number it has in the program. */
struct program_fd {
    int fd, number;
};

/* words: the path first, then NULL at the end. 0 or -errno, also when the path cannot be executed. */
int program_start(const char *const *words, const struct program_fd *fds, size_t n_fds, struct program *ret_program);

/* Waits for its end. Its exit status, or 128 + the signal. */
int program_wait(struct program *program);

/* Takes lines from a pipe as they come. Each is terminated, and `now_ns` is when it was read. Until end of file, until
 * take says false, or until a minute has passed. */
void program_read_lines(int fd, char separator, _Bool (*take)(void *owner, const char *line, uint64_t now_ns),
                        void *owner);

#endif
