#include "renderer/echo.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int echo_init(struct echo *ret_echo, const int *calls)
{
    *ret_echo = (struct echo){0};
    return sandbox_build_echo(calls, &ret_echo->program);
}

void echo_finish(struct echo *echo)
{
    sandbox_program_finish(&echo->program);
}

int echo_enter(void *context)
{
    const struct echo *echo = context;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    const int error = sandbox_load(&echo->program, SANDBOX_KILL, NULL);
    if (error == 0 && echo->trespass)
        syscall(SYS_socket, 0, 0, 0);
    return error;
}
