/* Pipes with names. A name stands in a folder of its own for as long as it takes to open both sides; a creator that is
 * killed in those microseconds leaves it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/transports/descriptor.h"
#include "common/transports/rows.h"

#define MAX_PATH_BYTES 512

static int make_folder(struct transport_pair *pair, char *path, size_t n_path)
{
    const char *parent = getenv("TMPDIR");
    const int n = snprintf(path, n_path, "%s/fifo-XXXXXX", parent && *parent ? parent : "/tmp");
    if (n < 0 || (size_t)n >= n_path)
        return transport_lacks(pair, ENAMETOOLONG, "TMPDIR", NULL);
    return mkdtemp(path) ? 0 : transport_lacks(pair, errno, path, "TMPDIR names another folder");
}

/* The reader first, without waiting for a writer; then both wait as pipes do. */
static int open_both(const char *path, int *ret_in_fd, int *ret_out_fd)
{
    CLOSE_FD int in_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    CLOSE_FD int out_fd = in_fd >= 0 ? open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (out_fd < 0 || fcntl(in_fd, F_SETFL, O_RDONLY) < 0)
        return -errno;
    *ret_in_fd = fd_steal(&in_fd);
    *ret_out_fd = fd_steal(&out_fd);
    return 0;
}

static int create(struct transport_pair *pair)
{
    char folder[MAX_PATH_BYTES], path[MAX_PATH_BYTES + sizeof("/fifo")];
    int result = make_folder(pair, folder, sizeof(folder));
    if (result < 0)
        return result;
    snprintf(path, sizeof(path), "%s/fifo", folder);
    for (unsigned side = 0; side < 2 && result == 0; side++) {
        if (mkfifo(path, 0600) < 0) {
            result = transport_lacks(pair, errno, "mkfifo", NULL);
            break;
        }
        result = open_both(path, &pair->ends[side].in_fd, &pair->ends[!side].out_fd);
        if (result < 0)
            transport_lacks(pair, -result, "open", NULL);
        unlink(path);
    }
    rmdir(folder);
    return result;
}

const struct transport transport_fifo = {
    .name = "fifo",
    .what = "two named pipes",
    .flags = TRANSPORT_UNFRAMED,
    .waits = TRANSPORT_BLOCK | TRANSPORT_SPIN | TRANSPORT_YIELD,
    .min_bytes = 1,
    .max_bytes = TRANSPORT_ANY_SIZE,
    .create = create,
    .send = stream_send,
    .receive = stream_receive,
    .calls = stream_calls,
};
