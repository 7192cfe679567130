#include "broker/latency/shares.h"

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/wire.h"

#define TURNS 20000

/* Of a whole call: a Ping and its Ponged, there and back. */
static struct {
    double pack_ns, scan_ns, unpack_ns;
} codecs[CODEC_PROTOBUF_C + 1];
static double syscalls_ns; /* of the socket's calls in both processes; a ring makes none while both are awake */

static struct arena arena;
static volatile size_t sink; /* so that no loop is left out */

static double mean_since(uint64_t before_ns)
{
    return (double)(clock_now_ns() - before_ns) / TURNS;
}

static double time_pack(const Vitrine__Ping *ping, uint8_t *bytes)
{
    const uint64_t before_ns = clock_now_ns();
    for (int i = 0; i < TURNS; i++)
        sink = message_encode(MESSAGE_PING, &ping->base, bytes);
    return mean_since(before_ns);
}

static double time_scan(const struct datagram *datagram)
{
    const struct message_row *row = message_row(MESSAGE_PING);
    const uint8_t *body = datagram->bytes + 2; /* a tag and a length of one byte each */
    const uint64_t before_ns = clock_now_ns();
    for (int i = 0; i < TURNS; i++)
        sink = wire_scan(body, datagram->n_bytes - 2, row->fields, row->n_fields);
    return mean_since(before_ns);
}

static double time_decode(const struct datagram *datagram)
{
    struct message message;
    const uint64_t before_ns = clock_now_ns();
    for (int i = 0; i < TURNS; i++)
        sink = message_decode(datagram, SENDER_BROKER, WHEN_READY, &arena, &message);
    return mean_since(before_ns);
}

/* The Ponged differs in its number alone. */
static void measure_codec(enum message_codec codec)
{
    uint8_t payload[LATENCY_SHARES_PAYLOAD], bytes[MESSAGE_MAX_BYTES];
    memset(payload, 0x5a, sizeof payload);
    Vitrine__Ping ping = VITRINE__PING__INIT;
    ping.serial = 100000;
    ping.payload.data = payload;
    ping.payload.len = sizeof payload;

    message_use_codec(codec);
    const struct datagram datagram = {.bytes = bytes, .n_bytes = message_encode(MESSAGE_PING, &ping.base, bytes)};
    codecs[codec].pack_ns = 2 * time_pack(&ping, bytes);
    codecs[codec].scan_ns = 2 * time_scan(&datagram);
    const double rest_ns = 2 * time_decode(&datagram) - codecs[codec].scan_ns;
    codecs[codec].unpack_ns = rest_ns > 0 ? rest_ns : 0;
    message_use_codec(CODEC_DIRECT);
}

/* A datagram to ourselves, and the look that finds it. */
static void time_syscalls(struct channel *from, struct channel *to, int epoll_fd)
{
    static uint8_t buffer[CHANNEL_MAX_BYTES];
    uint8_t bytes[LATENCY_SHARES_PAYLOAD] = {1};
    struct datagram datagram;
    struct epoll_event event;
    const uint64_t before_ns = clock_now_ns();
    for (int i = 0; i < TURNS / 10; i++) {
        (void)channel_send(from, bytes, sizeof bytes, NULL, 0);
        (void)epoll_wait(epoll_fd, &event, 1, 0);
        (void)channel_receive(to, buffer, &datagram);
    }
    syscalls_ns = 2 * 10 * mean_since(before_ns); /* there and back */
}

static void measure_syscalls(void)
{
    int fds[2];
    CLOSE_FD int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0 || channel_pair(&fds[0], &fds[1]) != 0)
        return;
    struct channel from, to;
    channel_init(&from, fds[0], false);
    channel_init(&to, fds[1], false);
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, to.fd, &event) == 0)
        time_syscalls(&from, &to, epoll_fd);
    channel_finish(&from);
    channel_finish(&to);
}

void latency_shares_measure(void)
{
    for (int codec = 0; codec <= CODEC_PROTOBUF_C; codec++)
        measure_codec((enum message_codec)codec);
    measure_syscalls();
}

void latency_shares_fill(enum message_codec codec, bool by_socket, struct figure_outcome *outcome)
{
    struct figure_shares *shares = &outcome->shares;
    shares->pack_ns = codecs[codec].pack_ns;
    shares->scan_ns = codecs[codec].scan_ns;
    shares->unpack_ns = codecs[codec].unpack_ns;
    shares->syscall_ns = by_socket ? syscalls_ns : 0;
    const double known_ns = shares->pack_ns + shares->scan_ns + shares->unpack_ns + shares->syscall_ns;
    shares->wake_ns = outcome->p50_ns > known_ns ? outcome->p50_ns - known_ns : 0;
}
