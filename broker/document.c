#include "broker/document.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/memfd.h"

#define COPY_BYTES (256u * 1024)

__attribute__((format(printf, 3, 4))) static int refuse(struct document *document, enum refusal refusal,
                                                        const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(document->detail, sizeof document->detail, format, arguments);
    va_end(arguments);
    document->refusal = refusal;
    return 0;
}

static int refuse_too_large(struct document *document, size_t max_bytes)
{
    return refuse(document, REFUSAL_TOO_LARGE, "larger than %zu MB; --max-document sets the limit", max_bytes >> 20);
}

/* The hint that travels with the document. Only what can be in a real extension gets through. */
static void take_extension(struct document *document)
{
    const char *slash = strrchr(document->path, '/');
    const char *dot = strrchr(slash != NULL ? slash : document->path, '.');
    if (dot == NULL || strlen(dot + 1) >= sizeof document->extension)
        return;
    size_t n = 0;
    for (const char *c = dot + 1; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c)) {
            n = 0;
            break;
        }
        document->extension[n++] = (char)tolower((unsigned char)*c);
    }
    document->extension[n] = '\0';
}

static int refuse_open_error(struct document *document, int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return refuse(document, REFUSAL_MISSING, "no such file");
    case ELOOP:
        return refuse(document, REFUSAL_NOT_A_FILE, "a link into /proc or a loop of links; for standard input say -");
    case ENXIO:
    case ENODEV:
        return refuse(document, REFUSAL_NOT_A_FILE, "not a regular file");
    case EACCES:
    case EPERM:
        return refuse(document, REFUSAL_UNREADABLE, "no permission to read it");
    case ENAMETOOLONG:
        return refuse(document, REFUSAL_MISSING, "the name is too long for a file");
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return -error;
    default:
        return refuse(document, REFUSAL_UNREADABLE, "%s", strerror(error));
    }
}

static const char *file_type_name(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "a directory; name the files in it";
    case S_IFIFO:
        return "a FIFO; give its content as standard input with -";
    case S_IFSOCK:
        return "a socket";
    case S_IFCHR:
    case S_IFBLK:
        return "a device";
    default:
        return "not a regular file";
    }
}

/* Opens a regular file within the limit. 0 with *ret_fd, or with -1 when it was refused. */
static int open_file(struct document *document, size_t max_bytes, int *ret_fd)
{
    /* O_NONBLOCK: a FIFO without a writer must not hold up everybody; it has no effect on a regular file. */
    const struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
                                 .resolve = RESOLVE_NO_MAGICLINKS};
    CLOSE_FD int fd = (int)syscall(SYS_openat2, AT_FDCWD, document->path, &how, sizeof how);
    if (fd < 0 && errno == ENOSYS)
        return refuse(document, REFUSAL_UNREADABLE, "this host has no openat2 (Linux 5.6), or forbids it");
    if (fd < 0)
        return refuse_open_error(document, errno);

    struct stat status;
    if (fstat(fd, &status) < 0)
        return refuse(document, REFUSAL_UNREADABLE, "%s", strerror(errno));
    if (!S_ISREG(status.st_mode))
        return refuse(document, REFUSAL_NOT_A_FILE, "%s", file_type_name(status.st_mode));
    if (status.st_size == 0)
        return refuse(document, REFUSAL_EMPTY, "the file has no bytes");
    if ((unsigned long long)status.st_size > max_bytes)
        return refuse_too_large(document, max_bytes);
    *ret_fd = fd_steal(&fd);
    return 0;
}

static int write_all(int fd, const char *bytes, size_t n_bytes)
{
    while (n_bytes > 0) {
        const ssize_t n = write(fd, bytes, n_bytes);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        bytes += n;
        n_bytes -= (size_t)n;
    }
    return 0;
}

/* For input that sendfile cannot take: a pipe, a terminal, an odd file system. Appends until the end or one byte more
 * than max_bytes. *ret_error is the input's trouble; the result the broker's own. */
static int copy_by_reading(int from, int to, size_t max_bytes, size_t *n_copied, int *ret_error)
{
    char *buffer = malloc(COPY_BYTES);
    if (buffer == NULL)
        return -ENOMEM;
    int error = 0;
    while (*n_copied <= max_bytes) {
        const ssize_t n = read(from, buffer, COPY_BYTES);
        if (n == 0)
            break;
        if (n < 0) {
            if (errno == EINTR)
                continue;
            *ret_error = errno;
            break;
        }
        error = write_all(to, buffer, (size_t)n);
        if (error != 0)
            break;
        *n_copied += (size_t)n;
    }
    free(buffer);
    return error;
}

/* Copies until the end, so that a file that grows or shrinks meanwhile is still taken whole, as it is when read. */
static int copy(int from, int to, size_t max_bytes, size_t *ret_n_bytes, int *ret_error)
{
    size_t n_copied = 0;
    *ret_error = 0;
    for (;;) {
        if (n_copied > max_bytes)
            break;
        const ssize_t n = sendfile(to, from, NULL, max_bytes + 1 - n_copied);
        if (n == 0)
            break;
        if (n < 0) {
            if (errno == EINTR)
                continue;
            if (errno == ENOMEM || errno == ENOSPC)
                return -errno;
            const int error = copy_by_reading(from, to, max_bytes, &n_copied, ret_error);
            if (error != 0)
                return error;
            break;
        }
        n_copied += (size_t)n;
    }
    *ret_n_bytes = n_copied;
    return 0;
}

static int take_bytes(struct document *document, int from, size_t max_bytes)
{
    CLOSE_FD int memfd = -1;
    int error = memfd_make("vitrine-document", &memfd, NULL);
    if (error != 0)
        return error;

    size_t n_bytes;
    int read_error;
    error = copy(from, memfd, max_bytes, &n_bytes, &read_error);
    if (error != 0)
        return error;
    if (read_error == EISDIR)
        return refuse(document, REFUSAL_NOT_A_FILE, "%s", file_type_name(S_IFDIR));
    if (read_error != 0)
        return refuse(document, REFUSAL_UNREADABLE, "%s", strerror(read_error));
    if (n_bytes == 0)
        return refuse(document, REFUSAL_EMPTY, "there was nothing to read");
    if (n_bytes > max_bytes)
        return refuse_too_large(document, max_bytes);

    error = memfd_seal(memfd, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL, n_bytes);
    if (error != 0)
        return error;
    document->fd = fd_steal(&memfd);
    document->n_bytes = n_bytes;
    return 0;
}

int document_init(struct document *ret_document, const char *path)
{
    *ret_document = (struct document){.fd = -1, .path = strdup(path)};
    if (ret_document->path == NULL)
        return -ENOMEM;
    if (strcmp(path, "-") != 0)
        take_extension(ret_document);
    return 0;
}

int document_open(struct document *document, size_t max_bytes)
{
    document->opened = true;
    if (strcmp(document->path, "-") == 0)
        return take_bytes(document, STDIN_FILENO, max_bytes);

    CLOSE_FD int fd = -1;
    const int error = open_file(document, max_bytes, &fd);
    if (error != 0 || fd < 0)
        return error;
    return take_bytes(document, fd, max_bytes);
}

void document_release(struct document *document)
{
    fd_close(&document->fd);
}

void document_forget(struct document *document)
{
    document_release(document);
    document->opened = false;
    document->refusal = REFUSAL_NONE;
    document->detail[0] = '\0';
}

void document_finish(struct document *document)
{
    document_release(document);
    free(document->path);
    *document = (struct document){.fd = -1};
}
