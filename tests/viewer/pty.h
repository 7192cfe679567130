/* A terminal for tests: a program runs in it, what it writes is recorded, and its questions are answered as the test
 * likes. Nothing here depends on how long things take: what is waited for either comes or the test's time ends. */
#ifndef TESTS_VIEWER_PTY_H
#define TESTS_VIEWER_PTY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <termios.h>

struct pty_answer {
    const char *question, *answer; /* each time that the one is written, the other is typed */
};

struct pty {
    int master_fd, slave_fd;
    pid_t child;
    struct termios before;
    const struct pty_answer *answers; /* ends with NULL */
    char *bytes;                      /* all that was written; terminated */
    size_t n_bytes, n_room, n_looked;
};

/* Starts a program in it, with TERM as told and nothing else in its environment but PATH and what the sanitizers need. */
void pty_open(struct pty *pty, int columns, int rows, const struct pty_answer *answers, const char *term,
              char *const *arguments);
/* Ends what still runs. */
void pty_close(struct pty *pty);

void pty_resize(struct pty *pty, int columns, int rows);
void pty_type(struct pty *pty, const char *bytes);

/* Reads and answers until text was written after the first n_skip bytes; fails the test when the program ends before. */
void pty_await(struct pty *pty, size_t n_skip, const char *text);

/* Reads on until the program has ended; its wait status. */
int pty_wait(struct pty *pty);

/* Reads what is there, without waiting. */
void pty_drain(struct pty *pty);

bool pty_is_as_before(const struct pty *pty);

#endif
