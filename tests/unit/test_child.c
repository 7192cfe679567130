/* One renderer as the broker sees it, played by a forked process that says and does what no renderer should. */
#include "broker/child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/document_kind.h"
#include "common/fd.h"
#include "common/inject.h"
#include "tests/test.h"

/* The renderer's part. */
typedef void part(int channel_fd, int crash_fd);

static struct loop *loop;
static bool has_ready, has_ended, is_gone;
static struct evidence told;
static char failure[192];

static void on_ready(struct child *child)
{
    (void)child;
    has_ready = true;
}

static void on_fact(struct child *child, const struct message *fact)
{
    (void)child, (void)fact;
    FAIL("a fact before any order");
}

static void on_ended(struct child *child, const struct evidence *evidence)
{
    has_ended = true;
    told = *evidence;
    snprintf(failure, sizeof failure, "%s", child->failure);
    if (is_gone)
        loop_quit(loop);
}

/* Before its end is told, or after, where that could be told early. */
static void on_reaped(struct child *child)
{
    (void)child;
    is_gone = true;
    if (has_ended)
        loop_quit(loop);
}

static const struct child_handlers handlers = {.ready = on_ready, .fact = on_fact, .ended = on_ended};

static void then_dismiss(struct child *child)
{
    child_dismiss(child);
}

/* Forks, adopts, and runs the loop until the child has ended. */
static enum verdict play(part *renderer, void (*then)(struct child *))
{
    struct child *child;
    REQUIRE(loop_create(&loop) == 0);
    REQUIRE(child_create(loop, &handlers, NULL, &child) == 0);
    child->reaped = on_reaped;
    has_ended = is_gone = false;
    fflush(stdout);
    const pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        link_finish(&child->way);
        renderer(child->far_channel_fd, child->far_crash_fd);
        _exit(0);
    }
    child_adopt(child, pid, pidfd_open(pid, 0));
    CHECK(!child_is_ready(child));
    if (then != NULL)
        then(child);
    CHECK_INT(loop_run(loop), ==, 0);
    CHECK(has_ended);
    loop_destroy(loop);
    return crash_judge(&told);
}

static void expect_fault(part *renderer, enum message_fault fault)
{
    CHECK_INT(play(renderer, NULL), ==, VERDICT_PROTOCOL);
    CHECK_STR(message_fault_name(told.fault), message_fault_name(fault));
    CHECK(!has_ready);
}

static void say(int fd, const char *bytes, size_t n, int sent_fd)
{
    struct channel channel;
    channel_init(&channel, fd, true);
    (void)!channel_send(&channel, bytes, n, &sent_fd, sent_fd >= 0 ? 1 : 0);
}

static void leaves_with_3(int channel_fd, int crash_fd)
{
    (void)channel_fd, (void)crash_fd;
    _exit(3);
}

TEST(leaves)
{
    CHECK_INT(play(leaves_with_3, NULL), ==, VERDICT_EXIT);
    CHECK_INT(told.wait_status, ==, 3);
    CHECK(!told.has_record && told.noticed_ns != 0);
}

static void segv(int channel_fd, int crash_fd)
{
    (void)channel_fd;
    const struct crash_record record = {.magic = CRASH_RECORD_MAGIC, .signal = SIGSEGV, .address = 0x10};
    (void)!write(crash_fd, &record, sizeof record);
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
}

TEST(crashes)
{
    CHECK_INT(play(segv, NULL), ==, VERDICT_SIGNAL);
    CHECK_INT(told.wait_status, ==, SIGSEGV);
    CHECK(told.has_record && told.record.address == 0x10);
}

static void forges(int channel_fd, int crash_fd)
{
    (void)channel_fd;
    struct crash_record record = {.magic = 1, .signal = SIGSEGV};
    (void)!write(crash_fd, &record, sizeof record);
}

static void forges_signal(int channel_fd, int crash_fd)
{
    (void)channel_fd;
    struct crash_record record = {.magic = CRASH_RECORD_MAGIC, .signal = -2000000000};
    (void)!write(crash_fd, &record, sizeof record);
}

static void forges_half(int channel_fd, int crash_fd)
{
    (void)channel_fd;
    struct crash_record record = {.magic = CRASH_RECORD_MAGIC, .signal = SIGSEGV};
    (void)!write(crash_fd, &record, sizeof record / 2);
}

static void forges_much(int channel_fd, int crash_fd)
{
    (void)channel_fd;
    static char bytes[4096];
    for (int i = 0; i < 64; i++)
        (void)!write(crash_fd, bytes, sizeof bytes);
}

TEST(crash_records_that_agree_with_nothing)
{
    static part *const parts[] = {forges, forges_signal, forges_half, forges_much};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        CHECK_INT(play(parts[i], NULL), ==, VERDICT_EXIT);
        CHECK(!told.has_record);
    }
}

static void says_nothing_at_length(int channel_fd, int crash_fd)
{
    (void)crash_fd;
    (void)!send(channel_fd, "", 0, 0);
    pause();
}

static void says_rubbish(int channel_fd, int crash_fd)
{
    (void)crash_fd;
    say(channel_fd, "\xff", 1, -1);
    pause();
}

static void says_rubbish_and_leaves(int channel_fd, int crash_fd)
{
    (void)crash_fd;
    say(channel_fd, "\xff", 1, -1);
}

static void says_opened(int channel_fd, int crash_fd)
{
    (void)crash_fd;
    say(channel_fd, "\x3a\x02\x08\x01", 4, -1);
    pause();
}

static void says_ready_without_layers(int channel_fd, int crash_fd)
{
    (void)crash_fd;
    say(channel_fd, "\x2a\x00", 2, -1);
    pause();
}

static void listens_to_null(int channel_fd, int crash_fd)
{
    say(channel_fd, "\x22\x00", 2, crash_fd);
    pause();
}

static void listens_to_nothing(int channel_fd, int crash_fd)
{
    (void)crash_fd;
    say(channel_fd, "\x22\x00", 2, -1);
    pause();
}

TEST(bad_messages)
{
    expect_fault(says_nothing_at_length, FAULT_ZERO_LENGTH);
    expect_fault(says_rubbish, FAULT_ENVELOPE);
    expect_fault(says_rubbish_and_leaves, FAULT_ENVELOPE);
    expect_fault(says_opened, FAULT_STATE);
    expect_fault(says_ready_without_layers, FAULT_VALUE);
    expect_fault(listens_to_null, FAULT_FD_KIND);
    expect_fault(listens_to_nothing, FAULT_FD_COUNT);
}

/* What answers an order, but not rightly. The wire scan lets all of these through. */
static struct {
    enum message_kind kind;
    const ProtobufCMessage *fact;
} lie;

static void lies(int channel_fd, int crash_fd)
{
    (void)crash_fd;
    uint8_t bytes[MESSAGE_MAX_BYTES];
    const size_t n = message_encode(lie.kind, lie.fact, bytes);
    say(channel_fd, (const char *)bytes, n, -1);
    pause();
}

/* As if order 7 were out: a Paint into slot 1, or an Open. */
static void then_await_painted(struct child *child)
{
    child->when = WHEN_PAINTING;
    child->serial = 7;
    child->slot = 1;
}

static void then_await_opened(struct child *child)
{
    child->when = WHEN_OPENING;
    child->serial = 7;
}

static void expect_lie_found(enum message_kind kind, const ProtobufCMessage *fact, void (*then)(struct child *),
                             enum message_fault fault)
{
    lie.kind = kind;
    lie.fact = fact;
    CHECK_INT(play(lies, then), ==, VERDICT_PROTOCOL);
    CHECK_STR(message_fault_name(told.fault), message_fault_name(fault));
}

TEST(painted_must_answer_its_paint)
{
    Vitrine__Painted painted = VITRINE__PAINTED__INIT;
    painted.serial = 7;
    painted.slot = 0;
    expect_lie_found(MESSAGE_PAINTED, &painted.base, then_await_painted, FAULT_VALUE);
    painted.slot = UINT32_MAX;
    expect_lie_found(MESSAGE_PAINTED, &painted.base, then_await_painted, FAULT_VALUE);
    painted.slot = 1;
    painted.serial = 6;
    expect_lie_found(MESSAGE_PAINTED, &painted.base, then_await_painted, FAULT_SERIAL);
}

TEST(opened_must_answer_its_open)
{
    Vitrine__Opened opened = VITRINE__OPENED__INIT;
    opened.serial = 8;
    opened.document_kind = DOCUMENT_PDF;
    opened.n_pages = 1;
    expect_lie_found(MESSAGE_OPENED, &opened.base, then_await_opened, FAULT_SERIAL);
    opened.serial = 7;
    opened.n_pages = 0;
    expect_lie_found(MESSAGE_OPENED, &opened.base, then_await_opened, FAULT_VALUE);
    opened.n_pages = UINT32_MAX;
    expect_lie_found(MESSAGE_OPENED, &opened.base, then_await_opened, FAULT_VALUE);
    opened.n_pages = 1;
    opened.document_kind = DOCUMENT_KIND_COUNT;
    expect_lie_found(MESSAGE_OPENED, &opened.base, then_await_opened, FAULT_VALUE);
}

TEST(refused_must_have_a_reason_of_its_own)
{
    Vitrine__Refused refused = VITRINE__REFUSED__INIT;
    refused.serial = 7;
    refused.reason = REFUSAL_MISSING; /* the broker's to say */
    expect_lie_found(MESSAGE_REFUSED, &refused.base, then_await_opened, FAULT_VALUE);
    refused.reason = REFUSAL_COUNT;
    expect_lie_found(MESSAGE_REFUSED, &refused.base, then_await_opened, FAULT_VALUE);
    refused.reason = REFUSAL_BROKEN;
    refused.serial = 0;
    expect_lie_found(MESSAGE_REFUSED, &refused.base, then_await_opened, FAULT_SERIAL);
}

/* Everything at once, and nothing behind it. */
static void claims_everything(int channel_fd, int crash_fd)
{
    (void)crash_fd;
    Vitrine__Ready fact = VITRINE__READY__INIT;
    uint8_t layer_errno[LAYER_COUNT] = {0};
    uint32_t rung_ns[RUNG_COUNT] = {0};
    struct channel channel;
    channel_init(&channel, channel_fd, true);
    fact.layers = LAYERS_LEVEL_3;
    fact.layer_errno.data = layer_errno;
    fact.layer_errno.len = LAYER_COUNT;
    fact.rung_ns = rung_ns;
    fact.n_rung_ns = RUNG_COUNT;
    (void)!message_send(&channel, MESSAGE_READY, &fact.base, NULL, 0);
    pause();
}

TEST(claims_that_proc_contradicts)
{
    play(claims_everything, NULL);
    CHECK(!has_ready);
    CHECK(failure[0] != '\0');
    CHECK_INT(told.wait_status, ==, SIGKILL);
}

static void hangs_up_and_stays(int channel_fd, int crash_fd)
{
    close(channel_fd);
    close(crash_fd);
    pause();
}

/* End of file is not an end: it is waited for a moment, then made one. */
TEST(hangs_up_without_leaving)
{
    CHECK_INT(play(hangs_up_and_stays, NULL), ==, VERDICT_PROTOCOL);
    CHECK_INT(told.fault, ==, FAULT_HUNG_UP);
    CHECK_INT(told.wait_status, ==, SIGKILL);
}

static void waits_for_the_end(int channel_fd, int crash_fd)
{
    (void)crash_fd;
    char byte;
    (void)!recv(channel_fd, &byte, 1, 0);
}

static void never_listens(int channel_fd, int crash_fd)
{
    (void)channel_fd, (void)crash_fd;
    pause();
}

TEST(dismissed)
{
    CHECK_INT(play(waits_for_the_end, then_dismiss), ==, VERDICT_NONE);
    CHECK_INT(told.wait_code, ==, CLD_EXITED);
    CHECK_INT(play(never_listens, then_dismiss), ==, VERDICT_NONE);
    CHECK_INT(told.wait_status, ==, SIGKILL);
}

static void then_condemn(struct child *child)
{
    child->evidence.hung = true;
    child_condemn(child);
    child_condemn(child);
}

TEST(condemned)
{
    CHECK_INT(play(never_listens, then_condemn), ==, VERDICT_HANG);
}

/* One that never came to exist. */
TEST(abandoned)
{
    struct child *child;
    REQUIRE(loop_create(&loop) == 0);
    REQUIRE(child_create(loop, &handlers, NULL, &child) == 0);
    CHECK_INT(child_renew_ends(child), ==, 0);
    child_abandon(child);
    CHECK(has_ended && !has_ready);
    loop_destroy(loop);
}

/* ---- faults on purpose -------------------------------------------------------------------------------------------------- */

#define INJECT_SERIAL 9

/* As if it were idle, and is told to fail at once. */
static void then_inject(struct child *child)
{
    child->when = WHEN_IDLE;
    child_inject(child, INJECT_SEGV_NULL, INJECT_NOW, INJECT_SERIAL);
    CHECK_INT(child->when, ==, WHEN_INJECTING);
    CHECK(child->evidence.injected_ns != 0);
}

static void then_inject_later(struct child *child)
{
    child->when = WHEN_IDLE;
    child_inject(child, INJECT_SEGV_NULL, INJECT_PAINTING, INJECT_SERIAL);
    CHECK_INT(child->when, ==, WHEN_IDLE);
}

static bool expects_survival;
static enum message_when when_survived;

static void on_survived(struct child *child, const struct message *fact)
{
    CHECK(expects_survival);
    CHECK_INT(fact->kind, ==, MESSAGE_INJECTED);
    when_survived = child->when;
    child_dismiss(child);
}

static const struct child_handlers injecting_handlers = {.ready = on_ready, .fact = on_survived, .ended = on_ended};

static void then_inject_and_listen(struct child *child)
{
    child->handlers = &injecting_handlers;
    then_inject(child);
}

/* Sends what it was told to, as soon as the order is here. */
static void answers(int channel_fd, int crash_fd)
{
    (void)crash_fd;
    char order[256];
    (void)!recv(channel_fd, order, sizeof order, 0);
    uint8_t bytes[MESSAGE_MAX_BYTES];
    const size_t n = message_encode(lie.kind, lie.fact, bytes);
    say(channel_fd, (const char *)bytes, n, -1);
    (void)!recv(channel_fd, order, sizeof order, 0);
}

static enum verdict play_injected(uint64_t serial, void (*then)(struct child *))
{
    static Vitrine__Injected injected;
    injected = (Vitrine__Injected)VITRINE__INJECTED__INIT;
    injected.serial = serial;
    lie.kind = MESSAGE_INJECTED;
    lie.fact = &injected.base;
    return play(answers, then);
}

TEST(injected_and_survived)
{
    expects_survival = true;
    CHECK_INT(play_injected(INJECT_SERIAL, then_inject_and_listen), ==, VERDICT_NONE);
    CHECK_INT(when_survived, ==, WHEN_IDLE); /* where it was before */
}

TEST(injected_must_answer_its_inject)
{
    CHECK_INT(play_injected(INJECT_SERIAL + 1, then_inject_and_listen), ==, VERDICT_PROTOCOL);
    CHECK_STR(message_fault_name(told.fault), message_fault_name(FAULT_SERIAL));
    CHECK_INT(play_injected(INJECT_SERIAL, then_inject_later), ==, VERDICT_PROTOCOL); /* nobody waits for it */
    CHECK_STR(message_fault_name(told.fault), message_fault_name(FAULT_STATE));
}

/* ---- what stands in the crash pipe -------------------------------------------------------------------------------------- */

static void put_record(int crash_fd, int signal, uint64_t at_ns)
{
    const struct crash_record record = {.magic = CRASH_RECORD_MAGIC, .signal = signal, .at_ns = at_ns, .address = 0x20};
    (void)!write(crash_fd, &record, sizeof record);
}

static void stamps_and_leaves(int channel_fd, int crash_fd)
{
    (void)channel_fd;
    put_record(crash_fd, 0, 1234);
    _exit(7);
}

static void stamps_and_aborts(int channel_fd, int crash_fd)
{
    (void)channel_fd;
    put_record(crash_fd, 0, 1234);
    put_record(crash_fd, SIGABRT, 5678);
    signal(SIGABRT, SIG_DFL);
    raise(SIGABRT);
}

static void stamps_without_end(int channel_fd, int crash_fd)
{
    (void)channel_fd;
    for (int i = 0; i < 200; i++)
        put_record(crash_fd, 0, (uint64_t)i + 1);
    _exit(7);
}

TEST(stamps)
{
    CHECK_INT(play(stamps_and_leaves, NULL), ==, VERDICT_EXIT);
    CHECK_INT(told.stamp_ns, ==, 1234);
    CHECK(!told.has_record);
    CHECK_INT(crash_fault_ns(&told), ==, 0); /* nobody had ordered a fault */

    CHECK_INT(play(stamps_and_aborts, NULL), ==, VERDICT_SIGNAL);
    CHECK_INT(told.stamp_ns, ==, 1234);
    CHECK(told.has_record && told.record.signal == SIGABRT && told.record.at_ns == 5678);
    CHECK(told.judged_ns >= told.noticed_ns && told.noticed_ns != 0);

    CHECK_INT(play(stamps_without_end, NULL), ==, VERDICT_EXIT);
    CHECK_INT(told.wait_status, ==, 7);
    CHECK(told.stamp_ns != 0 && !told.has_record);
}

/* It claims to die, and lives on: its word ends nothing. */
static void claims_and_stays(int channel_fd, int crash_fd)
{
    put_record(crash_fd, SIGSEGV, 1);
    char byte;
    (void)!recv(channel_fd, &byte, 1, 0);
    usleep(20000);
    _exit(5);
}

static void garbage_then_record(int channel_fd, int crash_fd)
{
    (void)channel_fd;
    char garbage[sizeof(struct crash_record)];
    memset(garbage, 0xff, sizeof garbage);
    (void)!write(crash_fd, garbage, sizeof garbage);
    put_record(crash_fd, SIGSEGV, 1);
    _exit(5);
}

static void closes_the_pipe_and_stays(int channel_fd, int crash_fd)
{
    close(crash_fd);
    usleep(50000);
    (void)channel_fd;
    _exit(5);
}

static void fills_the_pipe(int channel_fd, int crash_fd)
{
    (void)channel_fd;
    static char bytes[4096];
    while (write(crash_fd, bytes, sizeof bytes) > 0)
        ;
    _exit(5);
}

TEST(what_is_in_the_pipe_decides_nothing)
{
    static part *const parts[] = {garbage_then_record, closes_the_pipe_and_stays, fills_the_pipe};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (play(parts[i], NULL) != VERDICT_EXIT || told.wait_status != 5)
            FAIL("part %zu: %s", i, verdict_name(crash_judge(&told)));
    }
    CHECK_INT(play(claims_and_stays, then_dismiss), ==, VERDICT_NONE);
    CHECK_INT(told.wait_code, ==, CLD_EXITED);
    CHECK_INT(told.wait_status, ==, 5);
}
