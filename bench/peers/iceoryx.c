/* Two publishers, two subscribers, with iceoryx's daemon beside them for as long as the program runs. Asleep it waits at
 * a WaitSet; otherwise it polls. Messages are copied into a chunk and out of it, as everybody else's. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "iceoryx_binding_c/log.h"
#include "iceoryx_binding_c/publisher.h"
#include "iceoryx_binding_c/runtime.h"
#include "iceoryx_binding_c/subscriber.h"
#include "iceoryx_binding_c/wait_set.h"

#include "bench/peers/peer.h"
#include "common/clock.h"
#include "common/fd.h"

#define QUEUE_CHUNKS 256 /* the most the library allows */
#define READY_NS     (5 * NS_PER_S)
#define END_MS       5000
#define FORGET_MS    2000 /* it takes a process for gone that has not been heard of for 1.5 s */

/* ---- the daemon ----------------------------------------------------------------------------------------------------- */

/* Enough for two full queues, and little enough to be there at once. */
static const char roudi_config[] = "[general]\nversion = 1\n"
                                   "[[segment]]\n"
                                   "[[segment.mempool]]\nsize = 2048\ncount = 1024\n"
                                   "[[segment.mempool]]\nsize = 65536\ncount = 560\n";

static pid_t roudi = -1;

static _Noreturn void be_roudi(pid_t parent, int config_fd, int output_fd)
{
    char path[32];
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1);
    signal(SIGPIPE, SIG_DFL);
    const int config = dup(config_fd); /* survives the exec */
    snprintf(path, sizeof(path), "/dev/fd/%d", config);
    if (dup2(output_fd, STDOUT_FILENO) >= 0 && dup2(output_fd, STDERR_FILENO) >= 0)
        execlp("iox-roudi", "iox-roudi", "--log-level", "off", "--config-file", path, (char *)NULL);
    dprintf(output_fd, "%s\n", strerror(errno));
    _exit(127);
}

/* Reads what it says until it says so. */
static bool becomes_ready(int output_fd, char *said, size_t n_said)
{
    const uint64_t deadline_ns = clock_now_ns() + READY_NS;
    size_t n = 0;
    for (uint64_t now_ns; (now_ns = clock_now_ns()) < deadline_ns;) {
        struct pollfd look = {.fd = output_fd, .events = POLLIN};
        if (poll(&look, 1, (int)((deadline_ns - now_ns) / NS_PER_MS) + 1) <= 0)
            return false;
        if (n == n_said - 1)
            n = 0; /* more than expected: what matters comes last */
        const ssize_t n_read = read(output_fd, said + n, n_said - 1 - n);
        if (n_read <= 0)
            return false;
        n += (size_t)n_read;
        said[n] = '\0';
        if (strstr(said, "ready for clients") != NULL)
            return true;
    }
    return false;
}

static void nap(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static void stop_roudi(void)
{
    CLOSE_FD int pidfd = pidfd_open(roudi, 0);
    struct pollfd look = {.fd = pidfd, .events = POLLIN};
    kill(roudi, SIGTERM);
    if (pidfd < 0 || poll(&look, 1, END_MS) <= 0)
        kill(roudi, SIGKILL);
    while (waitpid(roudi, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* The sides leave without a word. A daemon that still knew of them would want to end them, find nobody, and abort with its
 * memory left on the host. */
static void end(void)
{
    nap(FORGET_MS);
    stop_roudi();
}

/* Its output stays a pipe that nobody reads: after the start it has next to nothing to say. */
static int begin(char *ret_why, size_t n_why)
{
    char said[4096] = "";
    int outputs[2];
    CLOSE_FD int config_fd = memfd_create("roudi.toml", MFD_CLOEXEC);
    if (config_fd < 0 || write(config_fd, roudi_config, strlen(roudi_config)) < 0 || pipe2(outputs, O_CLOEXEC) < 0) {
        const int error = errno;
        snprintf(ret_why, n_why, "its daemon cannot be prepared: %s", strerror(error));
        return -error;
    }
    lseek(config_fd, 0, SEEK_SET);
    const int output_fd = outputs[0];
    CLOSE_FD int write_fd = outputs[1];
    const pid_t parent = getpid();
    roudi = fork();
    if (roudi == 0)
        be_roudi(parent, config_fd, write_fd);
    if (roudi < 0) {
        snprintf(ret_why, n_why, "fork: %s", strerror(errno));
        return -EAGAIN;
    }
    fd_close(&write_fd);
    if (becomes_ready(output_fd, said, sizeof(said)))
        return 0;
    stop_roudi();
    snprintf(ret_why, n_why, "its daemon iox-roudi (package iceoryx) did not start; is one running already?");
    return -EAGAIN;
}

/* ---- the row -------------------------------------------------------------------------------------------------------- */

struct own {
    iox_pub_storage_t publisher_place;
    iox_sub_storage_t subscriber_place;
    iox_ws_storage_t waiter_place;
    iox_pub_t publisher;
    iox_sub_t subscriber;
    iox_ws_t waiter;
};

/* A name that no other pair has. */
static int create(struct transport_pair *pair)
{
    const int result = transport_share(pair, 64);
    if (result == 0)
        snprintf(pair->shared, 64, "%d-%llx", (int)getpid(), (unsigned long long)clock_now_ns());
    return result;
}

/* Until both directions are connected. */
static void find_each_other(const struct own *own)
{
    while (iox_sub_get_subscription_state(own->subscriber) != SubscribeState_SUBSCRIBED ||
           !iox_pub_has_subscribers(own->publisher))
        nap(1);
}

static int attach(struct transport_end *end)
{
    char name[96];
    const char *events[2] = {"there", "back"};
    struct own *own = calloc(1, sizeof(*own));
    if (own == NULL)
        return -ENOMEM;
    end->own = own;
    snprintf(name, sizeof(name), "%s-%u", (const char *)end->shared, end->side);
    iox_set_loglevel(Iceoryx_LogLevel_Off);
    iox_runtime_init(name);

    iox_pub_options_t out;
    iox_pub_options_init(&out);
    out.subscriberTooSlowPolicy = ConsumerTooSlowPolicy_WAIT_FOR_CONSUMER;
    iox_sub_options_t in;
    iox_sub_options_init(&in);
    in.queueCapacity = QUEUE_CHUNKS;
    in.queueFullPolicy = QueueFullPolicy_BLOCK_PRODUCER;
    own->publisher = iox_pub_init(&own->publisher_place, "Peer", end->shared, events[end->side], &out);
    own->subscriber = iox_sub_init(&own->subscriber_place, "Peer", end->shared, events[!end->side], &in);
    own->waiter = iox_ws_init(&own->waiter_place);
    if (iox_ws_attach_subscriber_state(own->waiter, own->subscriber, SubscriberState_HAS_DATA, 0, NULL) !=
        WaitSetResult_SUCCESS)
        return -EIO;
    find_each_other(own);
    return 0;
}

static void detach(struct transport_end *end)
{
    struct own *own = end->own;
    if (own != NULL) {
        iox_ws_deinit(own->waiter);
        iox_sub_deinit(own->subscriber);
        iox_pub_deinit(own->publisher);
        iox_runtime_shutdown();
    }
    free(own);
    end->own = NULL;
}

/* In a chunk. Its own size the C binding does not tell. */
struct record {
    uint32_t n_bytes;
    unsigned char bytes[];
};

static int send_message(struct transport_end *end, const void *bytes, size_t n_bytes)
{
    const struct own *own = end->own;
    void *chunk;
    if (n_bytes > end->transport->max_bytes)
        return -EMSGSIZE;
    if (iox_pub_loan_chunk(own->publisher, &chunk, (uint32_t)(sizeof(struct record) + n_bytes)) !=
        AllocationResult_SUCCESS)
        return -ENOBUFS;
    struct record *record = chunk;
    record->n_bytes = (uint32_t)n_bytes;
    memcpy(record->bytes, bytes, n_bytes);
    iox_pub_publish_chunk(own->publisher, chunk);
    return 0;
}

static void wait_for_chunk(struct transport_end *end)
{
    const struct own *own = end->own;
    iox_notification_info_t notification;
    uint64_t n_missed;
    if (end->wait == TRANSPORT_BLOCK)
        iox_ws_wait(own->waiter, &notification, 1, &n_missed);
    else
        transport_pause(end);
}

static int receive_message(struct transport_end *end, void *bytes, size_t max_bytes, size_t *ret_n_bytes)
{
    const struct own *own = end->own;
    const void *chunk;
    enum iox_ChunkReceiveResult result;
    while ((result = iox_sub_take_chunk(own->subscriber, &chunk)) == ChunkReceiveResult_NO_CHUNK_AVAILABLE)
        wait_for_chunk(end);
    if (result != ChunkReceiveResult_SUCCESS)
        return -EIO;
    const struct record *record = chunk;
    const uint32_t n_bytes = record->n_bytes;
    const bool fits = n_bytes <= max_bytes;
    if (fits)
        memcpy(bytes, record->bytes, n_bytes);
    iox_sub_release_chunk(own->subscriber, chunk);
    if (!fits)
        return -EMSGSIZE;
    *ret_n_bytes = n_bytes;
    return 0;
}

static const struct transport iceoryx = {
    .name = "iceoryx",
    .what = "iceoryx, published and taken; messages copied in and out",
    .waits = TRANSPORT_BLOCK | TRANSPORT_SPIN | TRANSPORT_YIELD,
    .max_bytes = 60000,
    .create = create,
    .attach = attach,
    .detach = detach,
    .send = send_message,
    .receive = receive_message,
    .calls = peer_calls,
};

const struct peer peer = {.transport = &iceoryx, .begin = begin, .end = end};
