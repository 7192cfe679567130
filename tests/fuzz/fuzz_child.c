/* One renderer as the broker sees it, with nobody behind it: the input plays the renderer's end of channel, ring, bell and
 * crash pipe, the kernel's word about it, and the owner who orders and hangs up, step by step, with time that passes as
 * the input says. There is no process: an eventfd stands for the pidfd, and what /proc would say is part of the input.
 *
 * Beside not crashing: a fault condemns, who is condemned is not heard any more, the end is told once; facts come in
 * states in which they may, with the serial of what was ordered; no descriptor is left, and what it all takes is less
 * than 64 KiB of heap beside what waits to be sent. */
#include "broker/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/proc.h"
#include "common/clock.h"
#include "common/document_kind.h"
#include "common/fd.h"
#include "common/inject.h"
#include "tests/fuzz/fuzz.h"

#define MAX_STEPS      400
#define MAX_HEAP_BYTES (64u * 1024)
#define MAX_FDS        160 /* that are looked at */
#define MAX_MORE_FDS   48  /* that a game may have open at a time */
#define NO_PID         INT_MAX
#define QUEUED_BYTES   64 /* what a datagram that waits takes beside its bytes */

/* ---- the world: time and the kernel --------------------------------------------------------------------------------- */

static struct {
    uint64_t now_ns;
    bool is_bearing_out; /* /proc agrees with the renderer */
    int exit_signal;
    bool is_listener;
} world;

uint64_t __wrap_clock_now_ns(void);
int __wrap_proc_check(pid_t pid, uint32_t claimed, uint32_t *ret_layers, char *ret_why, size_t n_why);
int __wrap_proc_exit_signal(pid_t pid);
_Bool __wrap_proc_is_listener(int fd);

/* Whoever waits by looking at the clock gets on. */
uint64_t __wrap_clock_now_ns(void)
{
    return world.now_ns += 20 * NS_PER_US;
}

int __wrap_proc_check(pid_t pid, uint32_t claimed, uint32_t *ret_layers, char *ret_why, size_t n_why)
{
    INSIST(pid == NO_PID && n_why > 0);
    if (!world.is_bearing_out) {
        ret_why[0] = '\0';
        return -EPERM;
    }
    *ret_layers = claimed;
    return 0;
}

int __wrap_proc_exit_signal(pid_t pid)
{
    INSIST(pid == NO_PID);
    return world.exit_signal;
}

_Bool __wrap_proc_is_listener(int fd)
{
    INSIST(fd >= 0);
    return world.is_listener;
}

/* ---- the game --------------------------------------------------------------------------------------------------------- */

static struct {
    struct loop *loop;
    struct loop_source stop;
    int stop_fd; /* always readable */

    struct child *child; /* NULL once it is gone */
    bool has_ended, was_condemned;
    enum message_when when; /* as the rules have it, kept beside the child's own */
    uint64_t serial;
    unsigned in_handler; /* what the owner does when he hears something */

    struct link peer;     /* the renderer's end; channel.fd -1 when it hung up */
    int crash_fd, end_fd; /* its end of the crash pipe; writing to the other is its end */
    int listener_fds[2];  /* what it sends for a listener, and what keeps that open */
    uint8_t letter[MESSAGE_MAX_BYTES];
    size_t heap_before;
} game;

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t heap_bytes(void)
{
    return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : mallinfo2().uordblks;
}

static int count_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < MAX_FDS; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void stop_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    loop_remove(game.loop, source);
    loop_quit(game.loop);
}

/* Lets the loop handle what has arrived: what is added last comes last. */
static void run_loop(void)
{
    for (int i = 0; i < 2; i++) {
        INSIST(loop_add(game.loop, &game.stop, game.stop_fd, EPOLLIN, stop_ready) == 0);
        INSIST(loop_run(game.loop) == 0);
    }
}

/* ---- the owner ---------------------------------------------------------------------------------------------------------- */

static enum message_when after(enum message_kind order)
{
    return order == MESSAGE_OPEN ? WHEN_OPENING : order == MESSAGE_PAINT ? WHEN_PAINTING : game.when;
}

static bool may_order(enum message_kind kind)
{
    return game.child != NULL && !game.has_ended && !game.child->condemned && !game.child->evidence.dismissed &&
           (message_row(kind)->when & game.when);
}

static void order_open(void)
{
    Vitrine__Open order = VITRINE__OPEN__INIT;
    const int fds[] = {game.stop_fd, game.stop_fd};
    order.serial = ++game.serial;
    order.document_bytes = 1;
    order.width_px = order.height_px = 1;
    game.when = after(MESSAGE_OPEN);
    child_order(game.child, MESSAGE_OPEN, &order.base, fds, 2, order.serial, game.when);
}

static void order_paint(void)
{
    Vitrine__Paint order = VITRINE__PAINT__INIT;
    order.serial = ++game.serial;
    order.slot = game.child->slot = order.serial & 1;
    order.zoom = 1;
    game.when = after(MESSAGE_PAINT);
    child_order(game.child, MESSAGE_PAINT, &order.base, NULL, 0, order.serial, game.when);
}

static void order_inject(uint32_t moment)
{
    child_inject(game.child, INJECT_SEGV_NULL, moment, ++game.serial);
    if (moment == INJECT_NOW)
        game.when = WHEN_INJECTING;
}

static void order_share(void)
{
    if (child_share(game.child, game.serial + 1)) {
        game.serial++;
        game.when = WHEN_SHARING;
    }
}

static void order_ping(size_t n_bytes)
{
    static const uint8_t payload[512];
    /* All that are out have the same size. */
    const size_t n = game.when == WHEN_PINGING ? game.child->ping_bytes : n_bytes % sizeof payload;
    if (child_ping(game.child, game.serial + 1, payload, n) == 0) {
        game.serial++;
        game.when = WHEN_PINGING;
    }
}

static void order_something(unsigned what, size_t n)
{
    static const enum message_kind kinds[] = {MESSAGE_OPEN, MESSAGE_PAINT, MESSAGE_INJECT, MESSAGE_SHARE, MESSAGE_PING};
    const enum message_kind kind = kinds[what % 5];
    const bool goes_on = kind == MESSAGE_PING && game.when == WHEN_PINGING && may_order(MESSAGE_PONGED);
    if (!may_order(kind) && !goes_on)
        return;
    if (kind == MESSAGE_OPEN)
        order_open();
    else if (kind == MESSAGE_PAINT)
        order_paint();
    else if (kind == MESSAGE_INJECT)
        order_inject((uint32_t)(n % INJECT_MOMENT_COUNT));
    else if (kind == MESSAGE_SHARE)
        order_share();
    else
        order_ping(n);
}

/* From within what the child calls, too. */
static void act(unsigned what)
{
    if (game.child == NULL || game.has_ended)
        return;
    if (what == 6)
        child_dismiss(game.child);
    else if (what == 7)
        child_give_up(game.child, "no use for it");
    else if (what < 6)
        order_something(what, 0);
}

static void check_hearing(const struct child *child)
{
    INSIST(child == game.child && !game.has_ended);
    INSIST(!child->condemned && !child->evidence.dismissed && child->evidence.fault == FAULT_NONE);
}

static void on_ready(struct child *child)
{
    check_hearing(child);
    INSIST(game.when == WHEN_CLIMBING && child->when == WHEN_READY && child_is_ready(child));
    game.when = WHEN_READY;
    act(game.in_handler & 7);
}

static uint64_t serial_of(const struct message *fact)
{
    switch (fact->kind) {
    case MESSAGE_OPENED:
        return fact->opened->serial;
    case MESSAGE_REFUSED:
        return fact->refused->serial;
    case MESSAGE_PAINTED:
        return fact->painted->serial;
    case MESSAGE_PROGRESSED:
        return fact->progressed->serial;
    case MESSAGE_INJECTED:
        return fact->injected->serial;
    case MESSAGE_JOINED:
        return fact->joined->serial;
    default:
        INSIST(fact->kind == MESSAGE_PONGED);
        return game.child->when == WHEN_PINGING ? game.serial : fact->ponged->serial;
    }
}

static void on_fact(struct child *child, const struct message *fact)
{
    check_hearing(child);
    INSIST(message_row(fact->kind)->sender == SENDER_RENDERER && message_row(fact->kind)->when & game.when);
    INSIST(serial_of(fact) == game.serial);
    if (fact->kind == MESSAGE_PAINTED)
        INSIST(fact->painted->slot == (game.serial & 1));
    if (fact->kind == MESSAGE_PROGRESSED)
        INSIST(child->when == game.when);
    else if (fact->kind == MESSAGE_REFUSED)
        INSIST(child->when == WHEN_REFUSED);
    else if (fact->kind == MESSAGE_OPENED || fact->kind == MESSAGE_PAINTED)
        INSIST(child->when == WHEN_IDLE);
    else
        INSIST(child->when == WHEN_READY || child->when == WHEN_IDLE ||
               (fact->kind == MESSAGE_PONGED && child->when == WHEN_PINGING));
    game.when = child->when;
    act(game.in_handler >> 3 & 7);
}

static void on_ended(struct child *child, const struct evidence *evidence)
{
    (void)child;
    char line[256];
    INSIST(!game.has_ended);
    game.has_ended = true;
    INSIST(evidence->noticed_ns != 0);
    crash_describe(evidence, line, sizeof line);
    INSIST(line[0] != '\0');
    if (evidence->fault != FAULT_NONE)
        INSIST(crash_judge(evidence) != VERDICT_NONE);
}

static void on_reaped(struct child *child)
{
    INSIST(child == game.child);
    game.child = NULL;
}

static const struct child_handlers handlers = {.ready = on_ready, .fact = on_fact, .ended = on_ended};

/* ---- the renderer --------------------------------------------------------------------------------------------------------- */

static bool peer_is_there(void)
{
    return game.peer.channel.fd >= 0;
}

static void peer_says(const void *bytes, size_t n_bytes, const int *fds, size_t n_fds, bool by_ring)
{
    if (!peer_is_there())
        return;
    if (by_ring && game.peer.ring.memory != NULL) {
        (void)ring_send(&game.peer.ring, bytes, n_bytes);
        link_bell(&game.peer);
    } else {
        (void)channel_send(&game.peer.channel, bytes, n_bytes, fds, n_fds);
    }
}

static void say_anything(struct choices *choices)
{
    const int fds[CHANNEL_MAX_FDS] = {game.stop_fd, game.listener_fds[0], game.stop_fd, game.stop_fd};
    const uint8_t how = choose_byte(choices);
    size_t n;
    const uint8_t *bytes = choose_bytes(choices, choose_byte(choices), &n);
    if (n > 0)
        peer_says(bytes, n, fds, how % (CHANNEL_MAX_FDS + 1), how & 64);
    else if (peer_is_there())
        (void)!send(game.peer.channel.fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* More descriptors than a message may have, or more bytes. */
static void say_too_much(struct choices *choices)
{
    enum { MOST = 20 };
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(MOST * sizeof(int))];
    } control = {0};
    static uint8_t bytes[CHANNEL_MAX_BYTES + 1];
    const size_t n_fds = choose_of(choices, MOST) + 1u;
    struct iovec part = {bytes, choose_byte(choices) & 1 ? sizeof bytes : 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(n_fds * sizeof(int))};
    control.header = (struct cmsghdr){CMSG_LEN(n_fds * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    for (size_t i = 0; i < n_fds; i++)
        memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &game.stop_fd, sizeof(int));
    if (peer_is_there())
        (void)!sendmsg(game.peer.channel.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void say(struct choices *choices, enum message_kind kind, const ProtobufCMessage *fact, size_t n_fds)
{
    const bool by_ring = game.peer.by_ring != (choose_of(choices, 32) == 31);
    const size_t n = message_encode(kind, fact, game.letter);
    peer_says(game.letter, n, &game.listener_fds[0], n_fds, by_ring && n_fds == 0);
}

static void say_ready(struct choices *choices)
{
    static uint8_t layer_errno[32];
    static uint32_t rung_ns[16];
    Vitrine__Ready fact = VITRINE__READY__INIT;
    const uint8_t how = choose_byte(choices);
    fact.layers = how & 1 ? LAYERS_LEVEL_3 : how & 2 ? (uint32_t)choose_number(choices, 4) : 0;
    fact.offers = how & 4 ? 0 : OFFER_RING;
    fact.layer_errno.data = layer_errno;
    fact.layer_errno.len = how & 8 ? how % 32u : LAYER_COUNT;
    fact.rung_ns = rung_ns;
    fact.n_rung_ns = how & 16 ? how % 16u : RUNG_COUNT;
    say(choices, MESSAGE_READY, &fact.base, 0);
}

static void say_ponged(struct choices *choices, uint64_t serial)
{
    static uint8_t payload[512];
    Vitrine__Ponged fact = VITRINE__PONGED__INIT;
    const size_t other = choose_byte(choices);
    fact.serial = serial == game.serial && game.child != NULL ? game.child->answered + 1 : serial;
    fact.payload.data = payload;
    fact.payload.len = other != 0 || game.child == NULL ? other : game.child->ping_bytes;
    say(choices, MESSAGE_PONGED, &fact.base, 0);
}

/* A fact of the right form, most of the time with the right serial. */
static void say_fact(struct choices *choices)
{
    const unsigned what = choose_of(choices, 9);
    const uint8_t off = choose_byte(choices);
    const uint64_t serial = game.serial + (off > 250 ? off - 253u : 0);
    const uint32_t value = choose_byte(choices);
    Vitrine__Listening listening = VITRINE__LISTENING__INIT;
    Vitrine__Opened opened = VITRINE__OPENED__INIT;
    Vitrine__Refused refused = VITRINE__REFUSED__INIT;
    Vitrine__Painted painted = VITRINE__PAINTED__INIT;
    Vitrine__Progressed progressed = VITRINE__PROGRESSED__INIT;
    Vitrine__Injected injected = VITRINE__INJECTED__INIT;
    Vitrine__Joined joined = VITRINE__JOINED__INIT;
    opened.serial = refused.serial = painted.serial = progressed.serial = injected.serial = joined.serial = serial;
    switch (what) {
    case 0:
        say(choices, MESSAGE_LISTENING, &listening.base, 1);
        break;
    case 1:
        say_ready(choices);
        break;
    case 2:
        opened.document_kind = value == 0 ? DOCUMENT_PDF : value;
        opened.n_pages = value == 1 ? UINT32_MAX : value == 2 ? 0 : 1;
        opened.title = (char *)"\x1b]0;\x07";
        say(choices, MESSAGE_OPENED, &opened.base, 0);
        break;
    case 3:
        refused.reason = value == 0 ? REFUSAL_BROKEN : value;
        say(choices, MESSAGE_REFUSED, &refused.base, 0);
        break;
    case 4:
        painted.slot = value == 255 ? UINT32_MAX : (serial + value) & 1;
        say(choices, MESSAGE_PAINTED, &painted.base, 0);
        break;
    case 5:
        progressed.done = (game.child != NULL ? game.child->n_ticks : 0) + (value == 0 ? 1 : value - 1u);
        say(choices, MESSAGE_PROGRESSED, &progressed.base, 0);
        break;
    case 6:
        say(choices, MESSAGE_INJECTED, &injected.base, 0);
        break;
    case 7:
        say(choices, MESSAGE_JOINED, &joined.base, 0);
        game.peer.by_ring = game.peer.ring.memory != NULL;
        break;
    default:
        say_ponged(choices, serial);
    }
}

/* Reads an order; takes the ring that comes with one. */
static void hear_order(void)
{
    static uint8_t buffer[CHANNEL_MAX_BYTES];
    struct datagram datagram;
    if (!peer_is_there() || channel_receive(&game.peer.channel, buffer, &datagram) != 0)
        return;
    if (datagram.n_fds == LINK_OFFER_FDS && game.peer.ring.memory == NULL && link_join(&game.peer, datagram.fds) == 0)
        datagram.fds[LINK_FD_FAR_BELL] = datagram.fds[LINK_FD_NEAR_BELL] = -1;
    datagram_finish(&datagram);
}

static void hear_by_ring(void)
{
    static uint8_t buffer[CHANNEL_MAX_BYTES];
    struct datagram datagram;
    if (game.peer.ring.memory != NULL) {
        (void)ring_receive(&game.peer.ring, buffer, &datagram);
        link_bell(&game.peer);
    }
}

/* Anywhere in the ring: most of the time where the next header is looked for. */
static void lie_in_ring(struct choices *choices)
{
    struct ring *ring = &game.peer.ring;
    const uint8_t how = choose_byte(choices);
    const uint64_t number = choose_number(choices, 4);
    if (ring->memory == NULL)
        return;
    if (how & 1)
        ring->out[ring->n_sent % RING_LINES].header =
            (ring->n_sent / RING_LINES + 1 + (how >> 4)) << 16 | (number & 0xffff);
    else if (how & 2)
        ring->own->n_freed += number - (how >> 2);
    else
        memcpy((uint8_t *)ring->memory + number % (sizeof *ring->memory - sizeof number), &number, sizeof number);
}

static void ring_bell_often(unsigned n)
{
    const uint64_t once = 1;
    for (unsigned i = 0; i < n && game.peer.far_bell_fd >= 0; i++) {
        (void)!write(game.peer.far_bell_fd, &once, sizeof once);
        run_loop();
    }
}

static void leave_record(struct choices *choices)
{
    struct crash_record record = {.magic = CRASH_RECORD_MAGIC, .at_ns = world.now_ns};
    const uint8_t how = choose_byte(choices);
    size_t n;
    record.signal = how & 1 ? 0 : how & 2 ? SIGSEGV : (int32_t)(how >> 2);
    const uint8_t *bytes = choose_bytes(choices, how & 128 ? 64 : 0, &n);
    if (n > 0)
        memcpy(&record, bytes, n);
    if (game.crash_fd >= 0)
        (void)!write(game.crash_fd, &record, how & 64 ? sizeof record / 2 : sizeof record);
}

static void hang_up(void)
{
    link_finish(&game.peer);
    game.peer.channel.fd = -1;
}

/* ---- steps ---------------------------------------------------------------------------------------------------------------- */

static void adopt(void)
{
    if (game.child == NULL || game.child->pid != 0)
        return;
    const int pidfd = fcntl(game.end_fd, F_DUPFD_CLOEXEC, 3);
    INSIST(pidfd >= 0);
    child_adopt(game.child, NO_PID, pidfd);
}

static void end(void)
{
    const uint64_t once = 1;
    if (game.child != NULL && game.child->pid != 0)
        INSIST(write(game.end_fd, &once, sizeof once) == sizeof once);
}

static void pass_time(struct choices *choices)
{
    static const uint64_t spans_ns[] = {NS_PER_US, NS_PER_MS, 50 * NS_PER_MS, 120 * NS_PER_MS, 2 * NS_PER_S};
    const uint64_t span_ns = spans_ns[choose_of(choices, 5)];
    world.now_ns += span_ns * (choose_of(choices, 20) + 1u);
}

static void step(struct choices *choices)
{
    switch (choose_of(choices, 20)) {
    case 0:
    case 1:
        say_anything(choices);
        break;
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
        say_fact(choices);
        break;
    case 7:
        say_too_much(choices);
        break;
    case 8:
        hear_order();
        break;
    case 9:
        hear_by_ring();
        break;
    case 10:
        lie_in_ring(choices);
        break;
    case 11:
        ring_bell_often(choose_byte(choices));
        break;
    case 12:
        leave_record(choices);
        break;
    case 13:
        hang_up();
        break;
    case 14:
        end();
        break;
    case 15:
        pass_time(choices);
        break;
    case 16:
        adopt();
        break;
    case 17:
        act(choose_of(choices, 64));
        break;
    default: {
        const unsigned what = choose_byte(choices);
        order_something(what, choose_byte(choices));
        break;
    }
    }
}

static void check_child(int n_fds_before)
{
    INSIST(count_fds() <= n_fds_before + MAX_MORE_FDS);
    const struct child *child = game.child;
    if (child == NULL)
        return;
    const enum message_when when = child->when;
    INSIST(when != 0 && (when & (when - 1)) == 0 && !(when & (WHEN_WARMING | WHEN_WARM)));
    INSIST(child->evidence.fault == FAULT_NONE || child->condemned);
    INSIST(!game.was_condemned || child->condemned);
    game.was_condemned = child->condemned;
    INSIST(game.has_ended || child->condemned || child->evidence.dismissed || when == game.when);
    const struct channel *channel = &child->way.channel;
    INSIST(channel->n_queued_bytes <= CHANNEL_MAX_QUEUED_BYTES && channel->n_queued <= CHANNEL_MAX_QUEUED_DATAGRAMS);
    INSIST(heap_bytes() <=
           game.heap_before + MAX_HEAP_BYTES + channel->n_queued_bytes + channel->n_queued * QUEUED_BYTES);
}

static void begin(struct choices *choices)
{
    const uint8_t how = choose_byte(choices);
    world.now_ns = NS_PER_S;
    world.is_bearing_out = !(how & 1);
    world.is_listener = !(how & 2);
    world.exit_signal = how & 4 ? SIGSEGV : 0;
    game.in_handler = choose_byte(choices);
    game.when = WHEN_CLIMBING;
    game.serial = 0;
    game.has_ended = game.was_condemned = false;

    INSIST(loop_create(&game.loop) == 0);
    game.stop_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    game.end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    INSIST(game.stop_fd >= 0 && game.end_fd >= 0 && pipe2(game.listener_fds, O_CLOEXEC | O_NONBLOCK) == 0);
    game.heap_before = heap_bytes();
    INSIST(child_create(game.loop, &handlers, NULL, &game.child) == 0);
    game.child->reaped = on_reaped;
    link_init(&game.peer, fcntl(game.child->far_channel_fd, F_DUPFD_CLOEXEC, 3), false);
    game.crash_fd = fcntl(game.child->far_crash_fd, F_DUPFD_CLOEXEC, 3);
    INSIST(peer_is_there() && game.crash_fd >= 0);
    if (!(how & 8))
        adopt();
}

/* Whatever it was, its end comes, and is told. */
static void finish(void)
{
    adopt();
    end();
    for (int i = 0; i < 8 && game.child != NULL; i++)
        run_loop();
    INSIST(game.child == NULL && game.has_ended);
    hang_up();
    fd_close(&game.crash_fd);
    fd_close(&game.listener_fds[0]);
    fd_close(&game.listener_fds[1]);
    loop_destroy(game.loop);
    fd_close(&game.stop_fd);
    fd_close(&game.end_fd);
}

/* A crash pipe may have nobody at its other end. */
int LLVMFuzzerInitialize(int *n_arguments, char ***arguments)
{
    (void)n_arguments, (void)arguments;
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input)
{
    struct choices choices = {input, n_input};
    const int n_fds = count_fds();
    begin(&choices);
    for (int i = 0; i < MAX_STEPS && choices.n > 0; i++) {
        step(&choices);
        run_loop();
        check_child(n_fds);
    }
    finish();
    INSIST(count_fds() == n_fds);
    return 0;
}
