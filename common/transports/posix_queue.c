/* Two POSIX queues, one for each direction. A name stands until both sides are open; a creator that is killed in those
 * microseconds leaves it. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/transports/descriptor.h"
#include "common/transports/rows.h"

#define MAX_BYTES    8192
#define MAX_MESSAGES 10

static int open_queue(struct transport_pair *pair, unsigned side)
{
    char name[64];
    struct mq_attr shape = {
        .mq_maxmsg = (long)transport_limit("/proc/sys/fs/mqueue/msg_max", MAX_MESSAGES),
        .mq_msgsize = (long)pair->max_bytes,
    };
    if (shape.mq_maxmsg > MAX_MESSAGES)
        shape.mq_maxmsg = MAX_MESSAGES;
    snprintf(name, sizeof(name), "/queue-%d-%u-%llx", (int)getpid(), side, (unsigned long long)clock_now_ns());
    const mqd_t in = mq_open(name, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &shape);
    if (in < 0)
        return transport_lacks(pair, errno, "mq_open", errno == EMFILE ? "ulimit -q or -n" : NULL);
    pair->ends[side].in_fd = in;
    pair->ends[!side].out_fd = mq_open(name, O_WRONLY | O_CLOEXEC);
    const int error = pair->ends[!side].out_fd < 0 ? errno : 0;
    mq_unlink(name);
    return error ? transport_lacks(pair, error, "mq_open", NULL) : 0;
}

static int create(struct transport_pair *pair)
{
    pair->max_bytes = transport_limit("/proc/sys/fs/mqueue/msgsize_max", MAX_BYTES);
    if (pair->max_bytes > MAX_BYTES)
        pair->max_bytes = MAX_BYTES;
    const int result = open_queue(pair, 0);
    return result < 0 ? result : open_queue(pair, 1);
}

/* The kernel wants room for the largest message, whatever comes. */
static int attach(struct transport_end *end)
{
    end->own = malloc(MAX_BYTES);
    return end->own ? 0 : -ENOMEM;
}

static void detach(struct transport_end *end)
{
    free(end->own);
    end->own = NULL;
}

static int send_message(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    while (mq_send(end->out_fd, bytes, n_bytes, end->priority) < 0) {
        const int result = descriptor_retry(end);
        if (result < 0)
            return result;
    }
    return 0;
}

static int receive_message(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    void *place = max_bytes < MAX_BYTES ? end->own : bytes;
    ssize_t n;
    while ((n = mq_receive(end->in_fd, place, MAX_BYTES, NULL)) < 0) {
        const int result = descriptor_retry(end);
        if (result < 0)
            return result;
    }
    if ((size_t)n > max_bytes)
        return -EMSGSIZE;
    if (place != bytes)
        memcpy(bytes, place, (size_t)n);
    *ret_n_bytes = (size_t)n;
    return 0;
}

const struct transport transport_posix_queue = {
    .name = "posix-queue",
    .what = "two POSIX message queues: the most urgent first",
    .flags = TRANSPORT_PRIORITIES,
    .waits = TRANSPORT_BLOCK | TRANSPORT_SPIN | TRANSPORT_YIELD,
    .max_bytes = MAX_BYTES,
    .create = create,
    .attach = attach,
    .detach = detach,
    .send = send_message,
    .receive = receive_message,
    .calls = (const int[]){SYS_mq_timedsend, SYS_mq_timedreceive, SYS_sched_yield, -1},
};
