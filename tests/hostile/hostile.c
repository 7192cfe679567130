/* The hostile renderer's life. renderer/main.c and renderer/zygote.c call what is here in place of renderer/renderer.c. */
#include "tests/hostile/hostile.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fd.h"
#include "renderer/engine.h"
#include "renderer/renderer.h"
#include "renderer/session.h"

/* It has none. */
const struct engine *const engines[] = {NULL};

static struct hostile life;
static uint8_t buffer[CHANNEL_MAX_BYTES];

/* ---- sending ------------------------------------------------------------------------------------------------------------- */

int hostile_send_control(const void *bytes, size_t n_bytes, void *control, size_t n_control, int flags)
{
    struct iovec piece = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = n_bytes};
    const struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = n_control};
    /* Too many descriptors of this user are under way: the broker takes them every moment. */
    while (sendmsg(SANDBOX_CHANNEL_FD, &message, MSG_NOSIGNAL | flags) < 0) {
        if (errno != ETOOMANYREFS)
            return -errno;
        poll(NULL, 0, 1);
    }
    return 0;
}

static void send_by_channel(const void *bytes, size_t n_bytes, int fd, unsigned n_fds)
{
    static union {
        struct cmsghdr header;
        char space[CMSG_SPACE(256 * sizeof(int))];
    } control;
    control.header =
        (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(n_fds * sizeof(int))};
    for (unsigned i = 0; i < n_fds; i++)
        memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &fd, sizeof fd);
    (void)hostile_send_control(bytes, n_bytes, &control, n_fds > 0 ? CMSG_SPACE(n_fds * sizeof(int)) : 0, 0);
}

void hostile_send(struct hostile *hostile, const void *bytes, size_t n_bytes, int fd, unsigned n_fds)
{
    if (!hostile->link.by_ring || n_fds > 0) {
        send_by_channel(bytes, n_bytes, fd, n_fds);
        return;
    }
    while (ring_send(&hostile->link.ring, bytes, n_bytes) == -EAGAIN)
        poll(NULL, 0, 1);
    link_bell(&hostile->link);
}

void hostile_say(struct hostile *hostile, enum message_kind kind, const ProtobufCMessage *fact)
{
    uint8_t bytes[MESSAGE_MAX_BYTES];
    hostile_send(hostile, bytes, message_encode(kind, fact, bytes), -1, 0);
}

/* ---- honesty ------------------------------------------------------------------------------------------------------------- */

void hostile_say_ready(struct hostile *hostile)
{
    Vitrine__Ready fact = VITRINE__READY__INIT;
    fact.layers = hostile->report.layers;
    fact.layer_errno.data = hostile->report.layer_errno;
    fact.layer_errno.len = LAYER_COUNT;
    fact.rung_ns = hostile->report.rung_ns;
    fact.n_rung_ns = RUNG_COUNT;
    fact.offers = OFFER_ALL;
    hostile_say(hostile, MESSAGE_READY, &fact.base);
}

static void open_document(struct hostile *hostile)
{
    const Vitrine__Open *open = hostile->order.open;
    if (hostile->frame == NULL && (frame_layout_init(&hostile->layout, open->width_px, open->height_px) != 0 ||
                                   frame_map(&hostile->layout, hostile->datagram->fds[1], true, &hostile->frame) != 0))
        _exit(RENDERER_EXIT_CHANNEL);
    Vitrine__Opened opened = VITRINE__OPENED__INIT;
    opened.serial = open->serial;
    opened.document_kind = DOCUMENT_SCENE;
    opened.n_pages = 1;
    Vitrine__Refused refused = VITRINE__REFUSED__INIT;
    refused.serial = open->serial;
    refused.reason = REFUSAL_BROKEN;
    if (hostile->attack.stage == AT_REFUSED)
        hostile_say(hostile, MESSAGE_REFUSED, &refused.base);
    else
        hostile_say(hostile, MESSAGE_OPENED, &opened.base);
}

/* Every byte of the slot is the page's number: so the broker can tell whose picture it is. */
static void paint(struct hostile *hostile)
{
    const Vitrine__Paint *order = hostile->order.paint;
    if (hostile->frame != NULL)
        memset(hostile->frame + order->slot % FRAME_SLOTS * hostile->layout.slot_bytes, (int)order->page,
               hostile->layout.slot_bytes);
    Vitrine__Painted fact = VITRINE__PAINTED__INIT;
    fact.serial = order->serial;
    fact.slot = order->slot;
    hostile_say(hostile, MESSAGE_PAINTED, &fact.base);
}

static void join(struct hostile *hostile)
{
    Vitrine__Joined fact = VITRINE__JOINED__INIT;
    fact.serial = hostile->order.share->serial;
    if (hostile->link.ring.memory == NULL && link_join(&hostile->link, hostile->datagram->fds) != 0)
        _exit(RENDERER_EXIT_CHANNEL);
    fd_steal(&hostile->datagram->fds[LINK_FD_FAR_BELL]);
    fd_steal(&hostile->datagram->fds[LINK_FD_NEAR_BELL]);
    hostile_say(hostile, MESSAGE_JOINED, &fact.base);
    link_switch(&hostile->link);
}

static void pong(struct hostile *hostile)
{
    Vitrine__Ponged fact = VITRINE__PONGED__INIT;
    fact.serial = hostile->order.ping->serial;
    fact.payload = hostile->order.ping->payload;
    if (fact.serial != 0)
        hostile_say(hostile, MESSAGE_PONGED, &fact.base);
}

/* As if all its Pings were lost. */
static void exchange(struct hostile *hostile)
{
    Vitrine__Exchanged fact = VITRINE__EXCHANGED__INIT;
    fact.serial = hostile->order.exchange->serial;
    fact.n = fact.lost = hostile->order.exchange->n;
    if (hostile->attack.stage != AT_PARTING)
        hostile_say(hostile, MESSAGE_EXCHANGED, &fact.base);
}

static void say_serial(struct hostile *hostile, enum message_kind kind, uint64_t serial)
{
    /* The four that have nothing else are alike, but for their descriptors. */
    Vitrine__Injected injected = VITRINE__INJECTED__INIT;
    Vitrine__Connected connected = VITRINE__CONNECTED__INIT;
    Vitrine__Disconnected disconnected = VITRINE__DISCONNECTED__INIT;
    injected.serial = connected.serial = disconnected.serial = serial;
    hostile_say(hostile, kind,
                kind == MESSAGE_INJECTED    ? &injected.base
                : kind == MESSAGE_CONNECTED ? &connected.base
                                            : &disconnected.base);
}

void hostile_answer(struct hostile *hostile)
{
    switch ((unsigned)hostile->order.kind) {
    case MESSAGE_OPEN:
        open_document(hostile);
        return;
    case MESSAGE_PAINT:
        paint(hostile);
        return;
    case MESSAGE_SHARE:
        join(hostile);
        return;
    case MESSAGE_PING:
        pong(hostile);
        return;
    case MESSAGE_EXCHANGE:
        exchange(hostile);
        return;
    case MESSAGE_INJECT:
        say_serial(hostile, MESSAGE_INJECTED, hostile->order.inject->serial);
        return;
    case MESSAGE_CONNECT:
        say_serial(hostile, MESSAGE_CONNECTED, hostile->order.connect->serial);
        return;
    case MESSAGE_DISCONNECT:
        say_serial(hostile, MESSAGE_DISCONNECTED, hostile->order.disconnect->serial);
        return;
    default:
        _exit(RENDERER_EXIT_CHANNEL);
    }
}

/* ---- the attack ------------------------------------------------------------------------------------------------------------ */

/* True: go on as an honest renderer would. */
static bool strike(struct hostile *hostile)
{
    static bool (*const deeds[DEED_COUNT])(struct hostile *) = {
#define X(id) [DEED_##id] = hostile_##id,
        DEEDS(X)
#undef X
    };
    static uint8_t bytes[ATTACK_MAX_BYTES];
    if (!hostile->attack.sends)
        return deeds[hostile->attack.deed](hostile);
    const size_t n_bytes = attack_write(&hostile->attack, bytes);
    hostile_send(hostile, bytes, n_bytes, SANDBOX_CRASH_FD, hostile->attack.n_fds);
    return false;
}

static bool is_armed(const struct hostile *hostile, enum stage stage)
{
    return hostile->attack.name[0] != '\0' && hostile->attack.stage == stage;
}

static void leave(struct hostile *hostile)
{
    hostile->is_over = true;
    if (is_armed(hostile, AT_LEAVING))
        strike(hostile);
    _exit(RENDERER_EXIT_DONE);
}

static void serve(struct hostile *hostile)
{
    struct datagram datagram;
    const int result = link_receive(&hostile->link, buffer, &datagram);
    if (result == CHANNEL_EOF)
        leave(hostile);
    if (result != 0 ||
        message_decode(&datagram, SENDER_BROKER, UINT_MAX, &hostile->arena, &hostile->order) != FAULT_NONE)
        _exit(RENDERER_EXIT_CHANNEL);
    hostile->datagram = &datagram;
    hostile->n_orders++;
    const bool is_cue =
        hostile->n_orders == stage_cue(hostile->attack.stage) && is_armed(hostile, hostile->attack.stage);
    if (!is_cue || strike(hostile))
        hostile_answer(hostile);
    datagram_finish(&datagram);
}

void renderer_run(const struct ladder *ladder)
{
    prctl(PR_SET_NAME, "vitrine-tab");
    attack_find((unsigned)(ladder->mapped_bytes % ATTACK_MODULUS), &life.attack);
    link_init(&life.link, SANDBOX_CHANNEL_FD, true);
    hostile_deeds_begin();
    if (is_armed(&life, AT_BORN))
        strike(&life);
    ladder_climb(ladder, &life.link.channel, &life.report);
    if (is_armed(&life, AT_CLIMBING))
        strike(&life);
    hostile_say_ready(&life);
    for (;;)
        serve(&life);
}
