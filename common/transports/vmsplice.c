/* The sender's pages go into the pipe themselves; the receiver copies out of them. */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/transports/descriptor.h"
#include "common/transports/rows.h"

static int create(struct transport_pair *pair)
{
    const int result = descriptor_pipes(pair);
    /* Nothing is sent by this: it says whether the call is there. */
    if (result == 0 && vmsplice(pair->ends[0].out_fd, NULL, 0, 0) < 0)
        return transport_lacks(pair, errno, "vmsplice", NULL);
    return result;
}

static int send_pages(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    struct iovec rest = {(void *)bytes, n_bytes};
    while (rest.iov_len > 0) {
        const ssize_t n = vmsplice(end->out_fd, &rest, 1, 0);
        const int result = n < 0 ? descriptor_retry(end) : 0;
        if (result < 0)
            return result;
        if (n > 0) {
            rest.iov_base = (char *)rest.iov_base + n;
            rest.iov_len -= (size_t)n;
        }
    }
    return 0;
}

const struct transport transport_vmsplice = {
    .name = "vmsplice",
    .what = "two pipes, the sender's pages lent to them",
    .flags = TRANSPORT_UNFRAMED | TRANSPORT_BORROWS,
    .waits = TRANSPORT_BLOCK,
    .min_bytes = 1,
    .max_bytes = TRANSPORT_ANY_SIZE,
    .create = create,
    .send = send_pages,
    .receive = stream_receive,
    .calls = (const int[]){SYS_vmsplice, SYS_read, -1},
};
