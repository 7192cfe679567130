/* What takes more than one datagram. Serials are those of the steps (attack.h), unless an order is at hand. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/crash.h"
#include "common/document_kind.h"
#include "tests/hostile/hostile.h"

#define MANY       10000
#define MAX_FDS    253
#define AT_FULL_NS (20 * NS_PER_MS) /* how long something is done at full speed */

/* Whole messages, as an encoder of ours would write them. */
#define OPENED_WELL  "\x3a\x06\x08\x01\x10\x04\x18\x01"
#define REFUSED_WELL "\x42\x04\x08\x01\x10\x07"
#define PAINTED_WELL "\x52\x04\x08\x02\x10\x01"
#define PONGED_WELL  "\x7a\x08\x08\x05\x12\x04ping"
#define CLOSED_WELL  "\xc2\x01\x04\x08\x06\x10\x01"
#define JOINED_WELL  "\x8a\x01\x02\x08\x03"
#define RUBBISH      "\xff"

#define SEND(bytes) hostile_send(hostile, bytes, sizeof(bytes) - 1, -1, 0)
/* By the channel, whatever there is beside it. */
#define SEND_BY_CHANNEL(bytes) hostile_send_control(bytes, sizeof(bytes) - 1, NULL, 0, 0)

static pid_t own_pid;
static uid_t own_uid;
static gid_t own_gid;

void hostile_deeds_begin(void)
{
    own_pid = getpid();
    own_uid = getuid();
    own_gid = getgid();
}

static _Noreturn void wait_for_ever(void)
{
    for (;;)
        poll(NULL, 0, -1);
}

static uint64_t soon(void)
{
    return clock_now_ns() + AT_FULL_NS;
}

/* ---- descriptors ----------------------------------------------------------------------------------------------------------- */

/* Room for what a header and 253 descriptors take, and a little. */
union control {
    struct cmsghdr header;
    char space[CMSG_SPACE((MAX_FDS + 16) * sizeof(int))];
};
static union control control;

/* Writes one header and what it carries; returns where the next may begin. */
static size_t add_header(size_t at, int type, const void *bytes, size_t n_bytes)
{
    const struct cmsghdr header = {.cmsg_level = SOL_SOCKET, .cmsg_type = type, .cmsg_len = CMSG_LEN(n_bytes)};
    memcpy(control.space + at, &header, sizeof header);
    memcpy(control.space + at + CMSG_LEN(0), bytes, n_bytes);
    return at + CMSG_SPACE(n_bytes);
}

static int send_opened_with(size_t n_control, int flags)
{
    return hostile_send_control(OPENED_WELL, sizeof OPENED_WELL - 1, &control, n_control, flags);
}

/* A receiver that counts by header has room for each. */
static bool send_two_headers(size_t n_each)
{
    static const int fds[] = {SANDBOX_CRASH_FD, SANDBOX_CRASH_FD, SANDBOX_CRASH_FD};
    const size_t n_first = add_header(0, SCM_RIGHTS, fds, n_each * sizeof fds[0]);
    send_opened_with(add_header(n_first, SCM_RIGHTS, fds, n_each * sizeof fds[0]), 0);
    return true;
}

bool hostile_TWO_HEADERS_OF_THREE(struct hostile *hostile)
{
    (void)hostile;
    return send_two_headers(3);
}

bool hostile_TWO_HEADERS_OF_ONE(struct hostile *hostile)
{
    (void)hostile;
    return send_two_headers(1);
}

static int send_as(pid_t pid)
{
    const struct ucred who = {.pid = pid, .uid = own_uid, .gid = own_gid};
    return send_opened_with(add_header(0, SCM_CREDENTIALS, &who, sizeof who), 0);
}

/* The broker never asked the kernel for them. */
bool hostile_CREDENTIALS(struct hostile *hostile)
{
    (void)hostile;
    return send_as(own_pid) != 0;
}

bool hostile_CREDENTIALS_OF_ANOTHER(struct hostile *hostile)
{
    (void)hostile;
    return send_as(own_pid + 1) != 0;
}

bool hostile_HALF_A_DESCRIPTOR(struct hostile *hostile)
{
    (void)hostile;
    return send_opened_with(add_header(0, SCM_RIGHTS, &(int){SANDBOX_CRASH_FD}, sizeof(int) / 2), 0) != 0;
}

bool hostile_OVER_ITSELF(struct hostile *hostile)
{
    hostile_send(hostile, OPENED_WELL, sizeof OPENED_WELL - 1, SANDBOX_CHANNEL_FD, 1);
    return true;
}

bool hostile_ITS_FDS_BACK(struct hostile *hostile)
{
    for (size_t i = 0; i < hostile->datagram->n_fds; i++)
        hostile_send(hostile, OPENED_WELL, sizeof OPENED_WELL - 1, hostile->datagram->fds[i], 2);
    return true;
}

bool hostile_PILE_UP(struct hostile *hostile)
{
    (void)hostile;
    int fds[MAX_FDS];
    for (unsigned i = 0; i < MAX_FDS; i++)
        fds[i] = SANDBOX_CRASH_FD;
    const size_t n_control = add_header(0, SCM_RIGHTS, fds, sizeof fds);
    for (unsigned i = 0; i < MANY; i++)
        send_opened_with(n_control, MSG_DONTWAIT);
    return true;
}

/* ---- Ready ------------------------------------------------------------------------------------------------------------------- */

static void claim(struct hostile *hostile, uint32_t layers, uint32_t offers)
{
    uint8_t layer_errno[LAYER_COUNT] = {0};
    uint32_t rung_ns[RUNG_COUNT] = {0};
    Vitrine__Ready fact = VITRINE__READY__INIT;
    fact.layers = layers;
    fact.layer_errno.data = layer_errno;
    fact.layer_errno.len = LAYER_COUNT;
    fact.rung_ns = rung_ns;
    fact.n_rung_ns = RUNG_COUNT;
    fact.offers = offers;
    hostile_say(hostile, MESSAGE_READY, &fact.base);
}

bool hostile_READY_OFFERS_MORE(struct hostile *hostile)
{
    claim(hostile, hostile->report.layers, OFFER_ALL << 1);
    return true;
}

bool hostile_READY_TWICE(struct hostile *hostile)
{
    hostile_say_ready(hostile);
    return true;
}

bool hostile_READY_WITHOUT_CLIMBING(struct hostile *hostile)
{
    claim(hostile, LAYERS_LEVEL_3, OFFER_ALL);
    wait_for_ever();
}

bool hostile_ANSWERS_EARLY(struct hostile *hostile)
{
    hostile_say_ready(hostile);
    SEND(OPENED_WELL);
    SEND(PAINTED_WELL);
    wait_for_ever();
}

/* ---- twice --------------------------------------------------------------------------------------------------------------------- */

bool hostile_OPENED_TWICE(struct hostile *hostile)
{
    SEND(OPENED_WELL);
    SEND(OPENED_WELL);
    return false;
}

bool hostile_PAINTED_TWICE(struct hostile *hostile)
{
    SEND(PAINTED_WELL);
    SEND(PAINTED_WELL);
    return false;
}

bool hostile_PONG_TWICE(struct hostile *hostile)
{
    SEND(PONGED_WELL);
    SEND(PONGED_WELL);
    return false;
}

bool hostile_PORT_CLOSED_TWICE(struct hostile *hostile)
{
    SEND(CLOSED_WELL);
    SEND(CLOSED_WELL);
    return false;
}

bool hostile_OPENED_AND_REFUSED(struct hostile *hostile)
{
    SEND(OPENED_WELL);
    SEND(REFUSED_WELL);
    return false;
}

/* ---- floods -------------------------------------------------------------------------------------------------------------------- */

static void tick(struct hostile *hostile, uint64_t done)
{
    Vitrine__Progressed fact = VITRINE__PROGRESSED__INIT;
    fact.serial = hostile->order.paint->serial;
    fact.done = done;
    hostile_say(hostile, MESSAGE_PROGRESSED, &fact.base);
}

bool hostile_TICK_AGAIN(struct hostile *hostile)
{
    tick(hostile, 7);
    tick(hostile, 7);
    return false;
}

bool hostile_TICK_BACKWARDS(struct hostile *hostile)
{
    tick(hostile, 7);
    tick(hostile, 6);
    return false;
}

bool hostile_TICK_WRAPS(struct hostile *hostile)
{
    tick(hostile, UINT64_MAX);
    tick(hostile, 1);
    return false;
}

bool hostile_FEW_TICKS(struct hostile *hostile)
{
    for (uint64_t i = 1; i <= 10; i++)
        tick(hostile, i * i);
    return true;
}

bool hostile_TICK_FLOOD(struct hostile *hostile)
{
    for (uint64_t i = 1; i < MANY; i++)
        tick(hostile, i);
    return false;
}

bool hostile_PAINTED_FLOOD(struct hostile *hostile)
{
    for (unsigned i = 0; i < MANY; i++)
        SEND(PAINTED_WELL);
    return false;
}

bool hostile_PONG_FLOOD(struct hostile *hostile)
{
    for (unsigned i = 0; i < MANY; i++)
        SEND(PONGED_WELL);
    return false;
}

bool hostile_EMPTY_FLOOD(struct hostile *hostile)
{
    for (unsigned i = 0; i < MANY; i++)
        SEND("");
    return true;
}

bool hostile_BELL_FLOOD(struct hostile *hostile)
{
    const uint64_t once = 1;
    for (;;)
        (void)!write(hostile->link.far_bell_fd, &once, sizeof once);
}

bool hostile_BELL_TO_ITS_LIMIT(struct hostile *hostile)
{
    const uint64_t most = UINT64_MAX - 1;
    for (unsigned i = 0; i < 10; i++)
        (void)!write(hostile->link.far_bell_fd, &most, sizeof most);
    return true;
}

bool hostile_NEVER_READS(struct hostile *hostile)
{
    (void)hostile;
    wait_for_ever();
}

/* ---- the frame ----------------------------------------------------------------------------------------------------------------- */

static void scribble(struct hostile *hostile)
{
    const uint64_t end_ns = soon();
    for (uint8_t value = 0; clock_now_ns() < end_ns; value++)
        memset(hostile->frame, value, hostile->layout.total_bytes);
}

bool hostile_PAINTS_AFTERWARDS(struct hostile *hostile)
{
    hostile_answer(hostile);
    scribble(hostile);
    return false;
}

bool hostile_PAINTS_BOTH(struct hostile *hostile)
{
    scribble(hostile);
    return true;
}

bool hostile_PAINTS_AFTER_REFUSED(struct hostile *hostile)
{
    Vitrine__Refused fact = VITRINE__REFUSED__INIT;
    fact.serial = hostile->order.paint->serial;
    fact.reason = REFUSAL_BROKEN;
    hostile_say(hostile, MESSAGE_REFUSED, &fact.base);
    return true;
}

bool hostile_PAINTS_NOTHING(struct hostile *hostile)
{
    SEND(PAINTED_WELL);
    return false;
}

bool hostile_DROPS_FRAME(struct hostile *hostile)
{
    munmap(hostile->frame, hostile->layout.total_bytes);
    hostile->frame = NULL;
    return true;
}

/* ---- the ring ------------------------------------------------------------------------------------------------------------------ */

bool hostile_PONG_BY_CHANNEL(struct hostile *hostile)
{
    (void)hostile;
    SEND_BY_CHANNEL(PONGED_WELL);
    return false;
}

bool hostile_RUBBISH_BY_CHANNEL(struct hostile *hostile)
{
    (void)hostile;
    SEND_BY_CHANNEL(RUBBISH);
    return false;
}

bool hostile_JOINS_BY_BOTH(struct hostile *hostile)
{
    if (link_join(&hostile->link, hostile->datagram->fds) != 0)
        _exit(1);
    ring_send(&hostile->link.ring, JOINED_WELL, sizeof JOINED_WELL - 1);
    return true;
}

/* Where the broker looks for the next record. */
static struct ring_line *next_line(struct hostile *hostile)
{
    return &hostile->link.ring.out[hostile->link.ring.n_sent % RING_LINES];
}

static void write_header(struct hostile *hostile, uint64_t lap, unsigned n_bytes)
{
    atomic_store(&next_line(hostile)->header, lap << 16 | (n_bytes - 1));
}

/* Wakes the broker, whether or not it said that it sleeps. */
static void wake(struct hostile *hostile)
{
    const uint64_t once = 1;
    (void)!write(hostile->link.far_bell_fd, &once, sizeof once);
}

bool hostile_NEXT_LAP(struct hostile *hostile)
{
    write_header(hostile, 2, 4);
    wake(hostile);
    return false;
}

bool hostile_LAST_LAP(struct hostile *hostile)
{
    write_header(hostile, UINT64_MAX >> 16, 4);
    wake(hostile);
    return false;
}

bool hostile_LAP_ZERO(struct hostile *hostile)
{
    write_header(hostile, 0, 4);
    wake(hostile);
    return true;
}

bool hostile_RECORD_OF_ITSELF(struct hostile *hostile)
{
    write_header(hostile, 1, RING_MAX_BYTES);
    wake(hostile);
    return false;
}

bool hostile_FREED_AHEAD(struct hostile *hostile)
{
    atomic_store(&hostile->link.ring.own->n_freed, UINT32_MAX);
    wait_for_ever();
}

bool hostile_FREED_BACKWARDS(struct hostile *hostile)
{
    atomic_store(&hostile->link.ring.own->n_freed, UINT64_MAX);
    wait_for_ever();
}

bool hostile_FLIPS_HEADER(struct hostile *hostile)
{
    const uint64_t end_ns = soon();
    struct ring_line *line = next_line(hostile);
    for (uint64_t i = 0; clock_now_ns() < end_ns; i++)
        atomic_store_explicit(&line->header, i % 2 == 0 ? 0 : 1ull << 16 | (i & 0xffff), memory_order_relaxed);
    atomic_store(&line->header, 0);
    return true;
}

/* Sends its answer, and then it is another: what is read between two looks is never the same. */
static bool flip_answer(struct hostile *hostile, bool header)
{
    struct ring_line *line = next_line(hostile);
    ring_send(&hostile->link.ring, PONGED_WELL, sizeof PONGED_WELL - 1);
    const uint64_t honest = atomic_load(&line->header), end_ns = soon();
    for (uint64_t i = 0; clock_now_ns() < end_ns; i++) {
        if (header)
            atomic_store_explicit(&line->header, i % 2 == 0 ? honest : 1ull << 16 | (i & 0xffff), memory_order_relaxed);
        else
            line->bytes[i % (sizeof PONGED_WELL - 1)] ^= 0x55;
    }
    wake(hostile);
    return false;
}

bool hostile_FLIPS_LENGTH(struct hostile *hostile)
{
    return flip_answer(hostile, true);
}

bool hostile_FLIPS_PAYLOAD(struct hostile *hostile)
{
    return flip_answer(hostile, false);
}

/* Noise into some memory, and then what was there. */
static void make_noise(void *memory, size_t n_bytes)
{
    static uint64_t before[sizeof(struct ring_memory) / sizeof(uint64_t)];
    volatile uint64_t *words = memory;
    const uint64_t end_ns = soon();
    uint64_t noise = 1;
    for (size_t i = 0; i < n_bytes / sizeof *words; i++)
        before[i] = words[i];
    while (clock_now_ns() < end_ns) {
        for (size_t i = 0; i < n_bytes / sizeof *words; i++) {
            noise = noise * 6364136223846793005u + 1442695040888963407u;
            words[i] = noise >> (noise >> 58);
        }
    }
    for (size_t i = 0; i < n_bytes / sizeof *words; i++)
        words[i] = before[i];
}

bool hostile_FLIPS_ALL(struct hostile *hostile)
{
    make_noise(hostile->link.ring.own, sizeof *hostile->link.ring.own);
    make_noise(hostile->link.ring.out, RING_LINES * sizeof *hostile->link.ring.out);
    return true;
}

bool hostile_FLIPS_BROKERS(struct hostile *hostile)
{
    make_noise(hostile->link.ring.peer, sizeof *hostile->link.ring.peer);
    make_noise(hostile->link.ring.in, RING_LINES * sizeof *hostile->link.ring.in);
    _exit(0); /* it cannot know any more what it was told */
}

bool hostile_LYING_HINTS(struct hostile *hostile)
{
    const uint64_t end_ns = soon();
    struct ring_end *own = hostile->link.ring.own;
    for (uint32_t i = 0; clock_now_ns() < end_ns; i++) {
        atomic_store_explicit(&own->sleeps, UINT32_MAX, memory_order_relaxed);
        atomic_store_explicit(&own->cpu, UINT32_MAX - i, memory_order_relaxed);
        atomic_store_explicit(&own->crowd, i, memory_order_relaxed);
    }
    atomic_store(&own->sleeps, 0);
    return true;
}

bool hostile_RINGS_ITSELF(struct hostile *hostile)
{
    const uint64_t most = UINT64_MAX - 1;
    (void)!write(hostile->link.bell_fd, &most, sizeof most);
    return true;
}

/* ---- the crash pipe ------------------------------------------------------------------------------------------------------------ */

static struct crash_record record(int32_t signal)
{
    return (struct crash_record){.magic = CRASH_RECORD_MAGIC, .signal = signal, .code = 1, .at_ns = clock_now_ns()};
}

static bool write_record(struct crash_record said, size_t n_bytes)
{
    (void)!write(SANDBOX_CRASH_FD, &said, n_bytes);
    return true;
}

bool hostile_RECORD_MAGIC(struct hostile *hostile)
{
    (void)hostile;
    struct crash_record said = record(SIGSEGV);
    said.magic++;
    return write_record(said, sizeof said);
}

bool hostile_RECORD_COUNT(struct hostile *hostile)
{
    (void)hostile;
    struct crash_record said = record(SIGSEGV);
    said.n_frames = UINT32_MAX;
    return write_record(said, sizeof said);
}

bool hostile_RECORD_SIGNAL(struct hostile *hostile)
{
    (void)hostile;
    return write_record(record(-2000000000), sizeof(struct crash_record));
}

bool hostile_RECORD_HALF(struct hostile *hostile)
{
    (void)hostile;
    return write_record(record(SIGSEGV), sizeof(struct crash_record) / 2);
}

/* The pipe takes what fits, and the rest is nobody's loss. */
static bool write_many(int32_t signal)
{
    for (unsigned i = 0; i < MANY; i++)
        write_record(record(signal), sizeof(struct crash_record));
    return true;
}

bool hostile_RECORD_FLOOD(struct hostile *hostile)
{
    (void)hostile;
    return write_many(SIGSEGV);
}

bool hostile_STAMP_FLOOD(struct hostile *hostile)
{
    (void)hostile;
    return write_many(0);
}

bool hostile_RECORD_WELL(struct hostile *hostile)
{
    (void)hostile;
    return write_record(record(SIGSEGV), sizeof(struct crash_record));
}

bool hostile_RECORD_KILLED(struct hostile *hostile)
{
    (void)hostile;
    return write_record(record(SIGKILL), sizeof(struct crash_record));
}

bool hostile_RECORD_THEN_ABORTS(struct hostile *hostile)
{
    hostile_RECORD_WELL(hostile);
    abort();
}

bool hostile_RECORD_THEN_EXITS(struct hostile *hostile)
{
    hostile_RECORD_WELL(hostile);
    _exit(0);
}

bool hostile_RECORD_OF_THE_FUTURE(struct hostile *hostile)
{
    struct crash_record said = record(SIGABRT);
    (void)hostile;
    said.at_ns = UINT64_MAX;
    said.n_frames = CRASH_MAX_FRAMES;
    memset(said.frames, 0xff, sizeof said.frames);
    said.order_kind = UINT32_MAX;
    write_record(said, sizeof said);
    abort();
}

bool hostile_RECORD_THEN_RUBBISH(struct hostile *hostile)
{
    hostile_RECORD_WELL(hostile);
    SEND(RUBBISH);
    return false;
}

bool hostile_CLOSES_CRASH_PIPE(struct hostile *hostile)
{
    (void)hostile;
    close(SANDBOX_CRASH_FD);
    return true;
}

/* ---- text ----------------------------------------------------------------------------------------------------------------------- */

/* Colours, a clipboard, a link, a new line with a message of ours, text that runs backwards, a C1 control, a deletion. */
#define ESCAPES                                                                                                        \
    "\x1b[31mred\x1b]52;c;aGVsbG8=\a\x1b]8;;file:///etc/passwd\a\r\nbroker: all is well\n\"}{<script>../../etc/passwd" \
    "\xe2\x80\xaegpj.exe\xe2\x80\xac\xe2\x81\xa6\xc2\x9b"                                                              \
    "2J\x7f\xe2\x80\xa8"

static void say_opened(struct hostile *hostile, const char *title)
{
    Vitrine__Opened fact = VITRINE__OPENED__INIT;
    if (hostile->frame == NULL &&
        frame_layout_init(&hostile->layout, hostile->order.open->width_px, hostile->order.open->height_px) == 0)
        (void)frame_map(&hostile->layout, hostile->datagram->fds[1], true, &hostile->frame);
    fact.serial = hostile->order.open->serial;
    fact.document_kind = DOCUMENT_SCENE;
    fact.n_pages = 1;
    fact.title = (char *)(uintptr_t)title;
    hostile_say(hostile, MESSAGE_OPENED, &fact.base);
}

bool hostile_TITLE_OF_ESCAPES(struct hostile *hostile)
{
    say_opened(hostile, ESCAPES);
    return false;
}

bool hostile_TITLE_OF_2048(struct hostile *hostile)
{
    static char title[2048 + 1];
    for (size_t i = 0; i + sizeof ESCAPES <= sizeof title; i += sizeof ESCAPES - 1)
        memcpy(title + i, ESCAPES, sizeof ESCAPES - 1);
    memset(title + strlen(title), '\x1b', sizeof title - 1 - strlen(title));
    say_opened(hostile, title);
    return false;
}

bool hostile_DETAIL_OF_ESCAPES(struct hostile *hostile)
{
    Vitrine__Refused fact = VITRINE__REFUSED__INIT;
    fact.serial = hostile->order.open->serial;
    fact.reason = REFUSAL_BROKEN;
    fact.detail = (char *)(uintptr_t) "" ESCAPES;
    hostile_say(hostile, MESSAGE_REFUSED, &fact.base);
    return false;
}

/* What people are told of a renderer's times is its own word. */
bool hostile_READY_LARGEST(struct hostile *hostile)
{
    memset(hostile->report.rung_ns, 0xff, sizeof hostile->report.rung_ns);
    memset(hostile->report.layer_errno, 0xff, sizeof hostile->report.layer_errno);
    return true;
}

bool hostile_OPENED_LARGEST(struct hostile *hostile)
{
    Vitrine__Opened fact = VITRINE__OPENED__INIT;
    fact.serial = hostile->order.open->serial;
    fact.document_kind = DOCUMENT_KIND_COUNT - 1;
    fact.n_pages = 10000000;
    fact.open_ns = UINT64_MAX;
    hostile_say(hostile, MESSAGE_OPENED, &fact.base);
    return false;
}

bool hostile_PAINTED_LARGEST(struct hostile *hostile)
{
    Vitrine__Painted fact = VITRINE__PAINTED__INIT;
    fact.serial = hostile->order.paint->serial;
    fact.slot = hostile->order.paint->slot;
    fact.paint_ns = UINT64_MAX;
    hostile_say(hostile, MESSAGE_PAINTED, &fact.base);
    return false;
}

bool hostile_TITLE_THEN_ABORTS(struct hostile *hostile)
{
    say_opened(hostile, ESCAPES);
    poll(NULL, 0, 50);
    abort();
}

/* ---- leaving -------------------------------------------------------------------------------------------------------------------- */

bool hostile_DOES_NOT_LEAVE(struct hostile *hostile)
{
    (void)hostile;
    wait_for_ever();
}

bool hostile_ABORTS_AT_LAST(struct hostile *hostile)
{
    (void)hostile;
    abort();
}

bool hostile_STOPS_ITSELF(struct hostile *hostile)
{
    (void)hostile;
    syscall(SYS_tgkill, own_pid, own_pid, SIGSTOP);
    return true;
}

bool hostile_SIGNALS_INIT(struct hostile *hostile)
{
    (void)hostile;
    syscall(SYS_kill, 1, SIGTERM);
    return true;
}

bool hostile_OPENED_THEN_EXITS(struct hostile *hostile)
{
    SEND(OPENED_WELL);
    _exit(0);
}

bool hostile_BAD_THEN_ABORTS(struct hostile *hostile)
{
    SEND("\x3a\x04\x08\x01\x10\x04");
    abort();
}

bool hostile_EXITS(struct hostile *hostile)
{
    (void)hostile;
    _exit(0);
}

bool hostile_ABORTS(struct hostile *hostile)
{
    (void)hostile;
    abort();
}

bool hostile_HANGS_UP(struct hostile *hostile)
{
    (void)hostile;
    close(SANDBOX_CHANNEL_FD);
    wait_for_ever();
}

bool hostile_HALF_THEN_EXITS(struct hostile *hostile)
{
    SEND("\xba");
    _exit(0);
}

bool hostile_FORKS(struct hostile *hostile)
{
    (void)hostile;
    (void)!syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    return true;
}
