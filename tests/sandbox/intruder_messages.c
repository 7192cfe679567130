/* Datagrams that no honest renderer sends. While a row runs, Open is out with serial 1, so that Opened, Refused and
 * Progressed are in their time. The bytes are written out, for our own encoder would refuse to. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/sandbox/intruder.h"

#define MAX_FDS 253

/* The envelope's tags: field number and "length-delimited". */
#define LISTENING  "\x22"
#define READY      "\x2a"
#define OPEN       "\x32"
#define OPENED     "\x3a"
#define REFUSED    "\x42"
#define PAINT      "\x4a"
#define PAINTED    "\x52"
#define PROGRESSED "\x5a"

/* Opened{serial 1, kind text (4), pages 1}, and the Painted that fits the Paint which follows: serial 2, slot 0. */
#define OPENED_WELL  OPENED "\x06\x08\x01\x10\x04\x18\x01"
#define PAINTED_WELL PAINTED "\x02\x08\x02"

/* So many zeros: with the one that ends it, a literal's size is one more. */
static const char zeros[64 * 1024 + 2];
#define ZEROS(n)   (*(const char(*)[(n) + 1]) zeros)
#define BYTES(row) (row), sizeof(row) - 1

static void send_times(const void *bytes, size_t n_bytes, unsigned n_fds, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        intruder_send(bytes, n_bytes, n_fds, STDERR_FILENO);
    intruder_wait();
}

#define MESSAGE(id, name, group, fault, tried, n_fds, times, bytes) \
    static void try_##id(const struct intrusion *intrusion)         \
    {                                                               \
        (void)intrusion;                                            \
        send_times(BYTES(bytes), n_fds, times);                     \
    }
#include "common/containment_rows.h"

const struct deed intruder_messages[] = {
#define MESSAGE(id, name, ...) {name, try_##id, false},
#include "common/containment_rows.h"
    {0},
};

/* ---- what takes more than one message ---------------------------------------------------------------------------------- */

struct control {
    struct cmsghdr header;
    int fds[MAX_FDS + 1];
};

static void send_with(const void *bytes, size_t n_bytes, void *control, size_t n_control, int flags)
{
    struct iovec piece = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = n_bytes};
    const struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = n_control};
    /* Too many descriptors of this user are under way: the broker takes them every moment. */
    while (sendmsg(channel, &message, MSG_NOSIGNAL | flags) < 0 && errno == ETOOMANYREFS)
        poll(NULL, 0, 1);
}

static size_t fill_control(struct control *control, unsigned n_fds, int fd)
{
    control->header =
        (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(n_fds * sizeof(int))};
    for (unsigned i = 0; i < n_fds; i++)
        control->fds[i] = fd;
    return CMSG_SPACE(n_fds * sizeof(int));
}

void intruder_send(const void *bytes, size_t n_bytes, unsigned n_fds, int fd)
{
    static struct control control;
    const size_t n_control = n_fds > 0 ? fill_control(&control, n_fds, fd) : 0;
    send_with(bytes, n_bytes, n_fds > 0 ? &control : NULL, n_control, 0);
}

static void send_opened(void)
{
    intruder_send(OPENED_WELL, sizeof OPENED_WELL - 1, 0, -1);
}

static void send_painted(void)
{
    intruder_send(PAINTED_WELL, sizeof PAINTED_WELL - 1, 0, -1);
}

/* A message of the right form that is too long for its kind. */
void try_M_OVERSIZED(const struct intrusion *intrusion)
{
    (void)intrusion;
    static char bytes[12 + 4000] = OPENED "\xa9\x1f\x08\x01\x10\x04\x18\x01\x22\xa0\x1f";
    memset(bytes + 12, 'a', 4000);
    intruder_send(bytes, sizeof bytes, 0, -1);
    intruder_wait();
}

/* The same few bytes, again and again, as large as a datagram can be. */
static void send_repeated(const char *piece, size_t n_piece)
{
    static char bytes[64 * 1024];
    size_t n = 0;
    for (; n + n_piece <= sizeof bytes; n += n_piece)
        memcpy(bytes + n, piece, n_piece);
    intruder_send(bytes, n, 0, -1);
    intruder_wait();
}

void try_M_REPEATED_EMPTY(const struct intrusion *intrusion)
{
    (void)intrusion;
    send_repeated(OPENED "\x00", 2);
}

void try_M_MERGE(const struct intrusion *intrusion)
{
    (void)intrusion;
    send_repeated(PROGRESSED "\x04\x08\x01\x10\x01", 6);
}

void try_M_DEPTH(const struct intrusion *intrusion)
{
    (void)intrusion;
    /* "Begin group 1", a thousand times, then the ends. */
    static char bytes[3 + 2000] = OPENED "\xd0\x0f";
    memset(bytes + 3, 0x0b, 1000);
    memset(bytes + 3 + 1000, 0x0c, 1000);
    intruder_send(bytes, sizeof bytes, 0, -1);
    intruder_wait();
}

void try_M_HALF_THEN_EXIT(const struct intrusion *intrusion)
{
    (void)intrusion;
    intruder_send(PROGRESSED "\x04\x08\x01", 4, 0, -1);
    _exit(0);
}

void try_M_FLOOD(const struct intrusion *intrusion)
{
    (void)intrusion;
    for (unsigned char done = 1; done < 120; done++) {
        const char bytes[] = {PROGRESSED[0], 4, 8, 1, 16, (char)done};
        intruder_send(bytes, sizeof bytes, 0, -1);
    }
    intruder_wait();
}

void try_M_NEVER_ANSWERS(const struct intrusion *intrusion)
{
    (void)intrusion;
    intruder_wait();
}

void try_M_HANG_UP(const struct intrusion *intrusion)
{
    (void)intrusion;
    close(channel);
    intruder_wait();
}

/* Three descriptors each: a receiver that counts per header has room for both. */
void try_F_TWO_HEADERS(const struct intrusion *intrusion)
{
    (void)intrusion;
    static struct {
        struct cmsghdr first;
        int fds[4];
        struct cmsghdr second;
        int more_fds[4];
    } control;
    const struct cmsghdr header = {
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(3 * sizeof(int))};
    control.first = control.second = header;
    for (int i = 0; i < 3; i++)
        control.fds[i] = control.more_fds[i] = STDERR_FILENO;
    send_with(PROGRESSED "\x04\x08\x01\x10\x01", 6, &control, sizeof control, 0);
    intruder_wait();
}

/* As many as the socket holds, before the broker looks. */
void try_F_PILE_UP(const struct intrusion *intrusion)
{
    (void)intrusion;
    static struct control control;
    const size_t n_control = fill_control(&control, MAX_FDS, STDERR_FILENO);
    for (int i = 0; i < 1000; i++)
        send_with(PROGRESSED "\x04\x08\x01\x10\x01", 6, &control, n_control, MSG_DONTWAIT);
    intruder_wait();
}

void try_F_OVER_ITSELF(const struct intrusion *intrusion)
{
    (void)intrusion;
    intruder_send(PROGRESSED "\x04\x08\x01\x10\x01", 6, 1, channel);
    intruder_wait();
}

void try_F_WRONG_SLOT(const struct intrusion *intrusion)
{
    (void)intrusion;
    send_opened();
    intruder_send(PAINTED "\x04\x08\x02\x10\x01", 6, 0, -1);
    intruder_wait();
}

void try_F_PAINTED_TWICE(const struct intrusion *intrusion)
{
    (void)intrusion;
    send_opened();
    send_painted();
    send_painted();
    intruder_wait();
}

void try_F_PAINTED_FLOOD(const struct intrusion *intrusion)
{
    (void)intrusion;
    send_opened();
    for (int i = 0; i < 10000; i++)
        send_painted();
    intruder_wait();
}

void try_F_WITHHELD(const struct intrusion *intrusion)
{
    (void)intrusion;
    intruder_wait();
}

static void scribble(const struct canvas *canvas, unsigned char value)
{
    memset(canvas->pixels, value, (size_t)canvas->stride_bytes * (size_t)canvas->height_px);
}

void try_F_RACE(const struct intrusion *intrusion)
{
    for (unsigned i = 0; i < 5000; i++)
        scribble(intrusion->canvas, (unsigned char)i);
}

void try_F_AFTERWARDS(const struct intrusion *intrusion)
{
    send_painted();
    for (unsigned i = 0; i < 2000; i++)
        scribble(intrusion->canvas, (unsigned char)i);
}

/* Answers Open and Paint by hand, with a title that an engine's would never be. */
void help_titles(const struct intrusion *intrusion)
{
    static const char title[] = "\x1b[31mred\x1b]52;c;aGVsbG8=\a\x1b]8;;file:///etc/passwd\a\r\nbroker: all is well\n"
                                "\xe2\x80\xae"
                                "gpj.exe\xe2\x80\xac\xc2\x9b"
                                "2J\x7f";
    char bytes[256] = OPENED "\x00\x08\x01\x10\x04\x18\x01\x22";
    size_t n = 9;
    (void)intrusion;
    bytes[n++] = (char)(sizeof title - 1);
    memcpy(bytes + n, title, sizeof title - 1);
    n += sizeof title - 1;
    bytes[1] = (char)(n - 2);
    intruder_send(bytes, n, 0, -1);
    struct iovec piece = {.iov_base = bytes, .iov_len = sizeof bytes};
    recvmsg(channel, &(struct msghdr){.msg_iov = &piece, .msg_iovlen = 1}, 0);
    send_painted();
    intruder_wait();
}
