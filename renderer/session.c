#include "renderer/session.h"

#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/frame.h"
#include "common/link.h"
#include "common/message.h"
#include "common/text.h"
#include "renderer/crash_handler.h"
#include "renderer/engine.h"
#include "renderer/faults.h"
#include "renderer/port.h"
#include "renderer/sandbox.h"
#include "renderer/sniff.h"

/* Ticks of progress: soon enough for a watchdog that counts seconds, seldom enough to cost nothing. */
#define TICK_NS (100 * NS_PER_MS)

struct session {
    struct link link;
    struct port port;
    enum message_when when;
    struct arena arena;
    uint8_t buffer[CHANNEL_MAX_BYTES];

    uint64_t serial; /* of the order being served */
    uint64_t n_ticks;
    uint64_t last_tick_ns;

    struct engine_source source;
    char extension[32];
    const struct engine *engine;
    void *document;
    struct engine_facts facts;
    struct frame_layout layout;
    uint8_t *frame;

    enum injection noted; /* a fault to make later; INJECT_NONE: none */
    enum inject_moment noted_moment;
    int receive_delay_ms;
};

/* Engines' progress() has no argument. */
static struct session session;

static void send_fact(enum message_kind kind, const ProtobufCMessage *fact)
{
    if (link_send(&session.link, kind, fact, NULL, 0) < 0)
        _exit(RENDERER_EXIT_CHANNEL);
}

static void tick(void)
{
    const uint64_t now = clock_now_ns();
    if (now - session.last_tick_ns < TICK_NS)
        return;
    session.last_tick_ns = now;
    Vitrine__Progressed fact = VITRINE__PROGRESSED__INIT;
    fact.serial = session.serial;
    fact.done = ++session.n_ticks;
    send_fact(MESSAGE_PROGRESSED, &fact.base);
    link_bell(&session.link); /* there is much to do before the next order is looked for */
}

static void begin(enum message_kind kind, uint64_t serial)
{
    crash_handler_serving(kind, serial);
    session.serial = serial;
    session.n_ticks = 0;
    session.last_tick_ns = clock_now_ns();
    session.facts = (struct engine_facts){.n_pages = session.facts.n_pages};
}

static void make_fault(enum injection fault)
{
    const struct faults_context context = {
        .channel = &session.link.channel,
        .serial = session.serial,
        .layout = &session.layout,
        .frame = session.frame,
        .facts = &session.facts,
        .receive_delay_ms = &session.receive_delay_ms,
    };
    faults_run(&context, fault);
}

/* Makes the fault that was noted for this moment, once. */
static void moment_comes(enum inject_moment moment)
{
    if (session.noted == INJECT_NONE || session.noted_moment != moment)
        return;
    const enum injection fault = session.noted;
    session.noted = INJECT_NONE;
    make_fault(fault);
}

/* Cuts text at a whole character, so that it stays UTF-8 and fits its field. */
static void cut_utf8(char *text, size_t max_bytes)
{
    size_t n = strlen(text);
    if (n <= max_bytes)
        return;
    n = max_bytes;
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    text[n] = '\0';
}

/* Engines pass on what documents say; the broker takes well-formed UTF-8 only. */
static char *presentable(char *text, size_t max_bytes)
{
    cut_utf8(text, max_bytes);
    if (!text_is_utf8(text, strlen(text))) {
        for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
            if (*c >= 0x80)
                *c = '?';
        }
    }
    return text;
}

static void send_refused(void)
{
    Vitrine__Refused fact = VITRINE__REFUSED__INIT;
    fact.serial = session.serial;
    fact.reason = session.facts.refusal != REFUSAL_NONE ? session.facts.refusal : REFUSAL_BROKEN;
    fact.detail = presentable(session.facts.detail, sizeof session.facts.detail - 1);
    session.when = WHEN_REFUSED;
    send_fact(MESSAGE_REFUSED, &fact.base);
}

/* The document cannot change or shrink (the broker sealed it), so its mapping cannot fault. MAP_PRIVATE, because before
 * Linux 6.7 a write-sealed memfd cannot be mapped shared. */
static bool map_document(const Vitrine__Open *open, int fd)
{
    session.source.n_bytes = open->document_bytes;
    void *bytes = mmap(NULL, session.source.n_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return false;
    session.source.bytes = bytes;
    return true;
}

static bool map_frame(const Vitrine__Open *open, int fd)
{
    return frame_layout_init(&session.layout, open->width_px, open->height_px) == 0 &&
           frame_map(&session.layout, fd, true, &session.frame) == 0;
}

static int find_engine(void)
{
    struct engine_source *source = &session.source;
    source->kind = sniff(source->bytes, source->n_bytes, session.extension);
    if (source->kind == DOCUMENT_UNKNOWN)
        return engine_refuse(&session.facts, REFUSAL_UNSUPPORTED, "%s", sniff_describe(source->bytes, source->n_bytes));
    session.engine = engine_for(source->kind);
    if (session.engine == NULL)
        return engine_refuse(&session.facts, REFUSAL_UNSUPPORTED, "%s", engine_missing_hint(source->kind));
    return 0;
}

static void serve_open(const Vitrine__Open *open, struct datagram *datagram)
{
    const uint64_t start = clock_now_ns();
    begin(MESSAGE_OPEN, open->serial);
    strncpy(session.extension, open->extension, sizeof session.extension - 1);
    session.source.width_px = (int)open->width_px;
    session.source.height_px = (int)open->height_px;
    session.source.progress = tick;
    const bool is_mapped = map_document(open, datagram->fds[0]) && map_frame(open, datagram->fds[1]);
    datagram_finish(datagram);
    if (!is_mapped) {
        (void)engine_refuse(&session.facts, REFUSAL_MEMORY, "there is no room to map the document and its picture");
        send_refused();
        return;
    }

    if (find_engine() != 0 || session.engine->open(&session.source, &session.document, &session.facts) != 0) {
        send_refused();
        return;
    }
    moment_comes(INJECT_OPENING);
    Vitrine__Opened fact = VITRINE__OPENED__INIT;
    fact.serial = open->serial;
    fact.document_kind = session.source.kind;
    fact.n_pages = session.facts.n_pages;
    fact.title = presentable(session.facts.title, sizeof session.facts.title - 1);
    fact.open_ns = clock_now_ns() - start;
    session.when = WHEN_IDLE;
    send_fact(MESSAGE_OPENED, &fact.base);
}

static void serve_paint(const Vitrine__Paint *paint)
{
    const uint64_t start = clock_now_ns();
    const uint32_t n_pages = session.facts.n_pages;
    begin(MESSAGE_PAINT, paint->serial);

    const struct engine_view view = {
        .page = paint->page < n_pages ? paint->page : n_pages - 1,
        .zoom = paint->zoom,
        .x_px = paint->x_px,
        .y_px = paint->y_px,
    };
    const struct canvas canvas = {
        .pixels = session.frame + (paint->slot % FRAME_SLOTS) * session.layout.slot_bytes,
        .width_px = (int)session.layout.width_px,
        .height_px = (int)session.layout.height_px,
        .stride_bytes = session.layout.stride_bytes,
    };
    if (session.engine->paint(session.document, &view, &canvas, &session.facts) != 0) {
        send_refused();
        return;
    }
    moment_comes(INJECT_PAINTING);
    Vitrine__Painted fact = VITRINE__PAINTED__INIT;
    fact.serial = paint->serial;
    fact.slot = paint->slot;
    fact.paint_ns = clock_now_ns() - start;
    session.when = WHEN_IDLE;
    send_fact(MESSAGE_PAINTED, &fact.base);
}

static void inject_now(const Vitrine__Inject *inject)
{
    const enum message_when before = session.when;
    begin(MESSAGE_INJECT, inject->serial);
    session.when = WHEN_INJECTING;
    make_fault((enum injection)inject->fault);
    Vitrine__Injected fact = VITRINE__INJECTED__INIT;
    fact.serial = inject->serial;
    session.when = before;
    send_fact(MESSAGE_INJECTED, &fact.base);
}

static void serve_inject(const Vitrine__Inject *inject)
{
    if (!faults_known(inject->fault) || inject->moment >= INJECT_MOMENT_COUNT)
        _exit(RENDERER_EXIT_CHANNEL);
    if (inject->moment == INJECT_NOW) {
        inject_now(inject);
        return;
    }
    session.noted = (enum injection)inject->fault;
    session.noted_moment = (enum inject_moment)inject->moment;
}

/* The filter lets bells be heard and rung at these numbers only. A receive gives descriptors the lowest that are free, in
 * their order; between two orders nothing is open but channel and crash pipe (3 and 4) and the bells that are in use. So an
 * offer's memory comes at 5, and its bells are the first pair that is not taken, in whatever order rings come and go. */
static bool are_bells(const int fds[LINK_OFFER_FDS])
{
    const int heard = fds[LINK_FD_FAR_BELL], rung = fds[LINK_FD_NEAR_BELL];
    return (heard == SANDBOX_BELL_FD && rung == SANDBOX_FAR_BELL_FD) ||
           (heard == SANDBOX_SECOND_BELL_FD && rung == SANDBOX_SECOND_FAR_BELL_FD);
}

static void serve_share(const Vitrine__Share *share, struct datagram *datagram)
{
    Vitrine__Joined fact = VITRINE__JOINED__INIT;
    fact.serial = share->serial;
    if (!are_bells(datagram->fds) || session.link.by_ring || link_join(&session.link, datagram->fds) != 0)
        _exit(RENDERER_EXIT_CHANNEL);
    fd_steal(&datagram->fds[LINK_FD_FAR_BELL]);
    fd_steal(&datagram->fds[LINK_FD_NEAR_BELL]);
    send_fact(MESSAGE_JOINED, &fact.base);
    link_switch(&session.link);
}

static void serve_ping(const Vitrine__Ping *ping)
{
    if (ping->serial == 0)
        return;
    Vitrine__Ponged fact = VITRINE__PONGED__INIT;
    fact.serial = ping->serial;
    fact.payload = ping->payload;
    send_fact(MESSAGE_PONGED, &fact.base);
}

static void serve_connect(const Vitrine__Connect *connect, struct datagram *datagram)
{
    if (!are_bells(datagram->fds) || port_connect(&session.port, connect, datagram->fds) != 0)
        _exit(RENDERER_EXIT_CHANNEL);
    fd_steal(&datagram->fds[LINK_FD_FAR_BELL]);
    fd_steal(&datagram->fds[LINK_FD_NEAR_BELL]);
    Vitrine__Connected fact = VITRINE__CONNECTED__INIT;
    fact.serial = connect->serial;
    send_fact(MESSAGE_CONNECTED, &fact.base);
}

static void serve_exchange(const Vitrine__Exchange *exchange)
{
    if (port_exchange(&session.port, exchange) != 0)
        _exit(RENDERER_EXIT_CHANNEL);
}

static void serve_disconnect(const Vitrine__Disconnect *disconnect)
{
    Vitrine__Disconnected fact = VITRINE__DISCONNECTED__INIT;
    fact.serial = disconnect->serial;
    port_disconnect(&session.port);
    send_fact(MESSAGE_DISCONNECTED, &fact.base);
}

static void serve(const struct message *order, struct datagram *datagram)
{
    switch (order->kind) {
    case MESSAGE_OPEN:
        session.when = WHEN_OPENING;
        serve_open(order->open, datagram);
        return;
    case MESSAGE_PAINT:
        session.when = WHEN_PAINTING;
        serve_paint(order->paint);
        return;
    case MESSAGE_INJECT:
        serve_inject(order->inject);
        return;
    case MESSAGE_SHARE:
        serve_share(order->share, datagram);
        return;
    case MESSAGE_PING:
        serve_ping(order->ping);
        return;
    case MESSAGE_CONNECT:
        serve_connect(order->connect, datagram);
        return;
    case MESSAGE_EXCHANGE:
        serve_exchange(order->exchange);
        return;
    case MESSAGE_DISCONNECT:
        serve_disconnect(order->disconnect);
        return;
    case MESSAGE_NONE:
    case MESSAGE_SPAWN:
    case MESSAGE_WARMED:
    case MESSAGE_SPAWNED:
    case MESSAGE_LISTENING:
    case MESSAGE_READY:
    case MESSAGE_OPENED:
    case MESSAGE_REFUSED:
    case MESSAGE_PAINTED:
    case MESSAGE_PROGRESSED:
    case MESSAGE_INJECTED:
    case MESSAGE_JOINED:
    case MESSAGE_PONGED:
    case MESSAGE_CONNECTED:
    case MESSAGE_EXCHANGED:
    case MESSAGE_DISCONNECTED:
    case MESSAGE_PORT_CLOSED:
        _exit(RENDERER_EXIT_CHANNEL);
    }
}

void session_run(int channel_fd)
{
    link_init(&session.link, channel_fd, true);
    port_init(&session.port, &session.link);
    session.when = WHEN_READY;
    for (;;) {
        if (session.receive_delay_ms > 0)
            poll(NULL, 0, session.receive_delay_ms);
        struct datagram datagram;
        const int result = port_is_open(&session.port) ? port_receive(&session.port, session.buffer, &datagram)
                                                       : link_receive(&session.link, session.buffer, &datagram);
        if (result == CHANNEL_EOF) {
            moment_comes(INJECT_CLOSING);
            _exit(RENDERER_EXIT_DONE);
        }
        if (result != 0)
            _exit(RENDERER_EXIT_CHANNEL);

        struct message order;
        if (message_decode(&datagram, SENDER_BROKER, session.when | session.port.when, &session.arena, &order) !=
            FAULT_NONE)
            _exit(RENDERER_EXIT_CHANNEL);
        serve(&order, &datagram);
        crash_handler_serving(MESSAGE_NONE, 0);
        datagram_finish(&datagram);
    }
}
