/* A System V queue has no name to unlink: it lives until somebody removes it. So a keeper, a process in a session of its
 * own, holds the reading end of a pipe whose other end all owners share, and removes the queue when the last of them is
 * gone, even if they were killed. Only a kill of keeper and owners together leaves the queue. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/transports/descriptor.h"
#include "common/transports/rows.h"

#define MAX_BYTES 8192

struct letter {
    long type;
    char bytes[MAX_BYTES];
};

struct own {
    int id;
    struct letter letter;
};

static _Noreturn void keep(int id, int fd)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    setsid();
    /* Nothing else may be held open from here. */
    if (dup2(fd, 0) == 0)
        fd_close_from(1);
    while (read(0, &(char){0}, 1) < 0 && errno == EINTR)
        ;
    msgctl(id, IPC_RMID, NULL);
    _exit(0);
}

static int start_keeper(struct transport_pair *pair)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return transport_lacks(pair, errno, "pipe", NULL);
    CLOSE_FD int read_fd = fds[0];
    pair->keeper_fd = fds[1];
    pair->keeper = fork();
    if (pair->keeper < 0)
        return transport_lacks(pair, errno, "fork", NULL);
    if (pair->keeper == 0)
        keep(pair->id, read_fd);
    return 0;
}

static int create(struct transport_pair *pair)
{
    pair->max_bytes = transport_limit("/proc/sys/kernel/msgmax", MAX_BYTES);
    if (pair->max_bytes > MAX_BYTES)
        pair->max_bytes = MAX_BYTES;
    const int result = transport_share(pair, sizeof(int));
    if (result < 0)
        return result;
    pair->id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    if (pair->id < 0)
        return transport_lacks(pair, errno, "msgget", errno == ENOSPC ? "kernel.msgmni" : NULL);
    *(int *)pair->shared = pair->id;
    return start_keeper(pair);
}

static void destroy(struct transport_pair *pair)
{
    if (pair->id >= 0)
        msgctl(pair->id, IPC_RMID, NULL);
    pair->id = -1;
    if (pair->keeper > 0) {
        kill(pair->keeper, SIGKILL);
        while (waitpid(pair->keeper, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    pair->keeper = -1;
}

static int attach(struct transport_end *end)
{
    struct own *own = malloc(sizeof(*own));
    if (!own)
        return -ENOMEM;
    own->id = *(int *)end->shared;
    end->own = own;
    return 0;
}

static void detach(struct transport_end *end)
{
    free(end->own);
    end->own = NULL;
}

/* One queue: a letter's type is the side it is for, counted from 1. */
static int retry(struct transport_end *end)
{
    if (errno == ENOMSG)
        errno = EAGAIN;
    return errno == EIDRM || errno == EINVAL ? -EPIPE : descriptor_retry(end);
}

static int send_letter(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    struct own *own = end->own;
    const int flags = end->wait == TRANSPORT_BLOCK ? 0 : IPC_NOWAIT;
    if (n_bytes > MAX_BYTES)
        return -EMSGSIZE;
    own->letter.type = !end->side + 1;
    memcpy(own->letter.bytes, bytes, n_bytes);
    while (msgsnd(own->id, &own->letter, n_bytes, flags) < 0) {
        const int result = retry(end);
        if (result < 0)
            return result;
    }
    return 0;
}

static int receive_letter(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    struct own *own = end->own;
    const int flags = end->wait == TRANSPORT_BLOCK ? 0 : IPC_NOWAIT;
    ssize_t n;
    while ((n = msgrcv(own->id, &own->letter, MAX_BYTES, end->side + 1, flags)) < 0) {
        const int result = retry(end);
        if (result < 0)
            return result;
    }
    if ((size_t)n > max_bytes)
        return -EMSGSIZE;
    memcpy(bytes, own->letter.bytes, (size_t)n);
    *ret_n_bytes = (size_t)n;
    return 0;
}

const struct transport transport_sysv_queue = {
    .name = "sysv-queue",
    .what = "a System V message queue: a type for each direction",
    .waits = TRANSPORT_BLOCK | TRANSPORT_SPIN | TRANSPORT_YIELD,
    .max_bytes = MAX_BYTES,
    .create = create,
    .attach = attach,
    .detach = detach,
    .send = send_letter,
    .receive = receive_letter,
    .destroy = destroy,
    .calls = (const int[]){SYS_msgsnd, SYS_msgrcv, SYS_sched_yield, -1},
};
