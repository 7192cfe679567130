/* The echo profile: the renderer's filter and the calls of one mechanism besides, default death. What measures goes
 * behind it, so that figures are those of a sandboxed process. No document is ever seen there. */
#ifndef RENDERER_ECHO_H
#define RENDERER_ECHO_H

#include <stdbool.h>

#include "renderer/sandbox.h"

struct echo {
    struct sandbox_program program;
    bool trespass; /* once inside, make a call that is not in the profile: to see that it is there */
};

/* calls ends with -1. 0 or -errno. */
int echo_init(struct echo *ret_echo, const int *calls);
void echo_finish(struct echo *echo);

/* Locks the calling process up, for sides.before_start. 0 or -errno. */
int echo_enter(void *echo);

#endif
