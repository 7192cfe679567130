/* The system call filter. Built once with libseccomp (the zygote's work), loaded raw in each renderer. */
#ifndef RENDERER_SANDBOX_H
#define RENDERER_SANDBOX_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

/* What becomes of a call that the table does not name. */
enum sandbox_default {
    SANDBOX_NOTIFY, /* the broker is asked: it kills, and names the call */
    SANDBOX_KILL,   /* the kernel kills; nobody learns which call it was */
};

struct sandbox_program {
    struct sock_filter *instructions; /* owned */
    size_t n_instructions;
};

/* The descriptors the filter knows by number. */
#define SANDBOX_CHANNEL_FD 3
#define SANDBOX_CRASH_FD   4
/* Eventfds, two for each ring: the renderer hears the first and rings the second. There may be a ring to the broker and a
 * port to another renderer, and whichever comes first has the first pair. */
#define SANDBOX_BELL_FD            6
#define SANDBOX_FAR_BELL_FD        7
#define SANDBOX_SECOND_BELL_FD     8
#define SANDBOX_SECOND_FAR_BELL_FD 9

/* 0 or -errno. Reads no file. */
int sandbox_build(enum sandbox_default otherwise, struct sandbox_program *ret_program);
/* The same table and these calls besides, whatever their arguments (ends with -1): for the peer of a measurement, which
 * never sees a document. What is not named kills. */
int sandbox_build_echo(const int *calls, struct sandbox_program *ret_program);
void sandbox_program_finish(struct sandbox_program *program);

/* Fits the program to the calling process (it may send signals to itself only) and loads it; needs no_new_privs.
 * With SANDBOX_NOTIFY *ret_listener_fd is the caller's. On success there is no way back. 0 or -errno. */
int sandbox_load(const struct sandbox_program *program, enum sandbox_default otherwise, int *ret_listener_fd);

/* Tries what the polite group promises: a filter that only pretended to be there does not answer so. 0 or -EBADE. */
int sandbox_self_test(void);

#endif
