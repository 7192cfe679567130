/* The ring between two honest sides, and between an honest and a hostile one. */
#include "common/ring.h"
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"

#define LENGTH_BITS 16
#define CANARY      0x5a

static struct ring ours, theirs;
static struct ring_memory *memory;
static uint8_t sent[RING_MAX_BYTES + 1];
static uint8_t received[RING_MAX_BYTES + 64]; /* with canaries behind */
static struct datagram datagram;

/* On the heap: what reaches beyond it is for AddressSanitizer to see. Both on one address: so is a race for
 * ThreadSanitizer. */
static void open_pair(void)
{
    memory = aligned_alloc(_Alignof(struct ring_memory), sizeof(*memory));
    REQUIRE(memory != NULL);
    memset((void *)memory, 0, sizeof(*memory));
    ring_init(&ours, memory, RING_FIRST);
    ring_init(&theirs, memory, RING_SECOND);
    memset(received, CANARY, sizeof(received));
}

static void close_pair(void)
{
    for (size_t i = RING_MAX_BYTES; i < sizeof(received); i++)
        CHECK_INT(received[i], ==, CANARY);
    free(memory);
}

/* Repeatable numbers (an LCG's upper half). */
static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

static void fill(uint8_t *bytes, size_t n_bytes, uint64_t seed)
{
    for (size_t i = 0; i < n_bytes; i++) {
        bytes[i] = (uint8_t)(seed >> 24);
        seed = seed * 6364136223846793005u + 1442695040888963407u;
    }
}

static int receive(struct ring *ring)
{
    memset(&datagram, 0x55, sizeof(datagram));
    int result = ring_receive(ring, received, &datagram);
    CHECK_INT(datagram.n_fds, ==, 0);
    if (result != 0)
        CHECK_INT(datagram.n_bytes, ==, 0);
    else
        CHECK(datagram.n_bytes >= 1 && datagram.n_bytes <= RING_MAX_BYTES && datagram.bytes == received);
    return result;
}

static void pass(struct ring *from, struct ring *to, size_t n_bytes)
{
    fill(sent, n_bytes, n_bytes + from->n_sent);
    CHECK_INT(ring_send(from, sent, n_bytes), ==, 0);
    REQUIRE(receive(to) == 0);
    CHECK_INT(datagram.n_bytes, ==, n_bytes);
    CHECK_MEM(received, sent, n_bytes);
}

TEST(memfd_is_sized_sealed_and_not_executable)
{
    CLOSE_FD int fd = -1;
    REQUIRE(ring_create(&fd) == 0);
    struct stat status;
    REQUIRE(fstat(fd, &status) == 0);
    CHECK_INT(status.st_size, ==, sizeof(struct ring_memory));
    CHECK_INT(status.st_mode & 0111, ==, 0);
    CHECK_INT(fcntl(fd, F_GETFD), ==, FD_CLOEXEC);
    CHECK_INT(fcntl(fd, F_GET_SEALS) & (F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL), ==,
              F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    CHECK_INT(ftruncate(fd, 0), ==, -1);
}

TEST(maps_twice_talks_and_unmaps)
{
    CLOSE_FD int fd = -1;
    REQUIRE(ring_create(&fd) == 0);
    REQUIRE(ring_map(&ours, fd, RING_FIRST) == 0);
    REQUIRE(ring_map(&theirs, fd, RING_SECOND) == 0);
    fd_close(&fd);
    pass(&ours, &theirs, 100);
    pass(&theirs, &ours, 5000);
    ring_unmap(&theirs);
    CHECK_INT(ring_send(&ours, "left alone", 10), ==, 0);
    CHECK_INT(receive(&ours), ==, -EAGAIN);
    void *mapped = ours.memory;
    ring_unmap(&ours);
    CHECK(ours.memory == NULL);
    CHECK_INT(msync(mapped, 1, MS_ASYNC), ==, -1); /* nothing there any more */
    ring_unmap(&ours);
    CHECK_INT(ring_map(&ours, -1, RING_FIRST), ==, -EBADF);
    CHECK(ours.memory == NULL);
}

TEST(every_size)
{
    open_pair();
    for (size_t n_bytes = 1; n_bytes <= 3000; n_bytes++)
        pass(&ours, &theirs, n_bytes);
    for (size_t n_bytes = 3001; n_bytes <= RING_MAX_BYTES; n_bytes += 1009)
        pass(&theirs, &ours, n_bytes);
    for (size_t n_bytes = RING_MAX_BYTES - 60; n_bytes <= RING_MAX_BYTES; n_bytes++)
        pass(&theirs, &ours, n_bytes);
    CHECK_INT(ring_send(&ours, sent, 0), ==, -EMSGSIZE);
    CHECK_INT(ring_send(&ours, sent, RING_MAX_BYTES + 1), ==, -EMSGSIZE);
    CHECK_INT(receive(&theirs), ==, -EAGAIN);
    close_pair();
}

TEST(wraps_at_every_line)
{
    open_pair();
    const size_t n_lines = 17; /* no divisor of RING_LINES: each line is the first of a record once */
    CHECK_INT(RING_LINES % n_lines, !=, 0);
    for (size_t i = 0; i < RING_LINES; i++)
        pass(&ours, &theirs, n_lines * RING_LINE_ROOM - i % RING_LINE_ROOM);
    CHECK_INT(ours.n_sent, ==, n_lines * RING_LINES);
    close_pair();
}

TEST(keeps_order_and_says_when_full_and_empty)
{
    open_pair();
    for (int lap = 0; lap < 3; lap++) {
        uint32_t n_sent = 0;
        while (ring_send(&ours, &n_sent, sizeof(n_sent)) == 0)
            n_sent++;
        CHECK_INT(n_sent, ==, RING_LINES);
        CHECK_INT(ring_send(&ours, &n_sent, sizeof(n_sent)), ==, -EAGAIN);
        for (uint32_t i = 0; i < n_sent; i++) {
            uint32_t number;
            REQUIRE(receive(&theirs) == 0);
            CHECK_INT(datagram.n_bytes, ==, sizeof(number));
            memcpy(&number, datagram.bytes, sizeof(number));
            CHECK_INT(number, ==, i);
        }
        CHECK_INT(receive(&theirs), ==, -EAGAIN);
    }
    close_pair();
}

TEST(room_for_256_messages_of_a_kibibyte)
{
    open_pair();
    int n_sent = 0;
    while (ring_send(&ours, sent, 1024) == 0)
        n_sent++;
    CHECK_INT(n_sent, ==, 256);
    /* A receiver that stops before it runs out of messages leaves room all the same. */
    for (int i = 0; i < 255; i++)
        CHECK_INT(receive(&theirs), ==, 0);
    CHECK_INT(ring_send(&ours, sent, RING_MAX_BYTES), ==, 0);
    close_pair();
}

/* A payload that holds, on each line, what the next lap's header would be. */
TEST(a_message_writes_no_header)
{
    open_pair();
    const size_t n_bytes = 1000 * RING_LINE_ROOM;
    for (int lap = 1; lap < 40; lap++) {
        for (size_t i = 0; i + 8 <= n_bytes; i += 8) {
            const uint64_t forged = (uint64_t)(lap + 1) << LENGTH_BITS | 7;
            memcpy(sent + i, &forged, 8);
        }
        REQUIRE(ring_send(&ours, sent, n_bytes) == 0);
        REQUIRE(receive(&theirs) == 0);
        CHECK_INT(receive(&theirs), ==, -EAGAIN);
    }
    close_pair();
}

/* The bell. */

TEST(bell_rings_for_a_sleeper_once)
{
    open_pair();
    CHECK(!ring_bell(&ours));
    CHECK_INT(ring_send(&ours, "awake", 5), ==, 0);
    CHECK(!ring_bell(&ours));

    CHECK(!ring_prepare_sleep(&theirs, RING_MESSAGES)); /* there is one */
    ring_awake(&theirs);
    CHECK_INT(receive(&theirs), ==, 0);
    CHECK_INT(receive(&theirs), ==, -EAGAIN);
    CHECK(!ring_bell(&theirs));
    CHECK(ring_prepare_sleep(&theirs, RING_MESSAGES));
    CHECK(!ring_bell(&ours)); /* nothing new */
    CHECK_INT(ring_send(&ours, "one", 3), ==, 0);
    CHECK_INT(ring_send(&ours, "two", 3), ==, 0);
    CHECK(ring_bell(&ours));
    CHECK_INT(ring_send(&ours, "three", 5), ==, 0);
    CHECK(!ring_bell(&ours)); /* it has been woken */
    ring_awake(&theirs);
    CHECK_INT(receive(&theirs), ==, 0);
    close_pair();
}

TEST(bell_rings_for_room_only_when_room_is_waited_for)
{
    open_pair();
    while (ring_send(&ours, sent, 1024) == 0)
        ;
    CHECK(!ring_bell(&ours));
    CHECK(ring_prepare_sleep(&ours, RING_MESSAGES));
    CHECK_INT(receive(&theirs), ==, 0);
    CHECK(!ring_bell(&theirs));
    ring_awake(&ours);
    CHECK(!ring_prepare_sleep(&ours, RING_ROOM)); /* that one */
    ring_awake(&ours);
    CHECK_INT(ring_send(&ours, sent, 1024), ==, 0);
    CHECK_INT(ring_send(&ours, sent, 1024), ==, -EAGAIN);
    CHECK(!ring_bell(&ours));
    CHECK(ring_prepare_sleep(&ours, RING_ROOM));
    CHECK_INT(receive(&theirs), ==, 0);
    CHECK(ring_bell(&theirs));
    ring_awake(&ours);
    CHECK_INT(ring_send(&ours, sent, 1024), ==, 0);
    close_pair();
}

/* Whether it gave up well before the time it was allowed. */
static bool spins_in_vain(uint64_t max_ns)
{
    struct spinner spinner;
    spinner_init(&spinner, max_ns);
    const uint64_t start_ns = clock_now_ns();
    CHECK(!ring_spin(&ours, &spinner));
    return clock_now_ns() - start_ns >= max_ns;
}

TEST(spins_only_where_an_answer_can_come)
{
    open_pair();
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(sched_getcpu(), &here);
    REQUIRE(sched_setaffinity(0, sizeof(here), &here) == 0);
    _Atomic uint32_t *cpu = &memory->ends[RING_SECOND].cpu;

    ring_awake(&theirs); /* here: it could not run */
    CHECK_INT(atomic_load(cpu), !=, 0);
    CHECK(!spins_in_vain(NS_PER_S));
    atomic_store(cpu, 0);
    CHECK(spins_in_vain(2 * NS_PER_MS));
    CHECK(ring_prepare_sleep(&theirs, RING_MESSAGES));
    atomic_store(cpu, 0);
    CHECK(!spins_in_vain(NS_PER_S));

    struct spinner spinner;
    spinner_init(&spinner, NS_PER_S);
    CHECK_INT(ring_send(&theirs, "here", 4), ==, 0);
    CHECK(ring_spin(&ours, &spinner));
    close_pair();
}

/* Lies. */

static _Atomic uint64_t *next_header(void)
{
    return &memory->lines[RING_SECOND][ours.n_received % RING_LINES].header;
}

TEST(a_header_from_another_lap)
{
    static const int64_t steps[] = {-2, -1, 1, 2, 1 << 20, (int64_t)1 << 46};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        open_pair();
        for (size_t n = 0; n < 3 * RING_LINES + 5; n++)
            pass(&theirs, &ours, 8);
        const uint64_t lap = ours.n_received / RING_LINES + 1;
        atomic_store(next_header(), (lap + (uint64_t)steps[i]) << LENGTH_BITS | 7);
        const bool is_future = steps[i] > 0;
        CHECK_INT(ring_is_ready(&ours), ==, is_future);
        CHECK_INT(receive(&ours), ==, is_future ? -EPROTO : -EAGAIN);
        /* Too late to take back. */
        atomic_store(next_header(), lap << LENGTH_BITS | 7);
        CHECK(ring_is_ready(&ours));
        CHECK_INT(receive(&ours), ==, is_future ? -EPROTO : 0);
        CHECK_INT(ring_send(&ours, "x", 1), ==, is_future ? -EPROTO : 0);
        close_pair();
    }
}

TEST(a_record_that_was_never_written)
{
    open_pair();
    atomic_store(next_header(), 1u << LENGTH_BITS | (RING_MAX_BYTES - 1));
    CHECK_INT(receive(&ours), ==, 0); /* bytes of the liar's choice, as in any message */
    CHECK_INT(datagram.n_bytes, ==, RING_MAX_BYTES);
    CHECK_INT(receive(&ours), ==, -EAGAIN);
    close_pair();
}

static int send_after_freed(uint64_t n_freed)
{
    atomic_store(&memory->ends[RING_SECOND].n_freed, n_freed);
    int result;
    for (size_t i = 0; (result = ring_send(&ours, "x", 1)) == 0 && i < 2 * RING_LINES; i++)
        ;
    return result;
}

TEST(freed_more_than_it_was_sent_or_less_than_before)
{
    static const int64_t lies[] = {RING_LINES + 1, RING_LINES + 2, 2 * RING_LINES, INT64_MIN, INT64_MAX, -1};
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        open_pair();
        CHECK_INT(send_after_freed((uint64_t)lies[i]), ==, -EPROTO);
        CHECK_INT(ours.n_sent, ==, RING_LINES);
        CHECK_INT(receive(&ours), ==, -EPROTO);
        close_pair();
    }
    open_pair();
    CHECK_INT(send_after_freed(0), ==, -EAGAIN);
    CHECK_INT(send_after_freed(100), ==, -EAGAIN);
    CHECK_INT(ours.n_sent, ==, RING_LINES + 100);
    CHECK_INT(send_after_freed(RING_LINES + 100), ==, -EAGAIN); /* as much as it was sent: it may have read it */
    CHECK_INT(ours.n_sent, ==, 2 * RING_LINES + 100);
    CHECK_INT(send_after_freed(RING_LINES + 99), ==, -EPROTO);
    close_pair();
}

/* What the hostile side writes where, between two calls: half of it plausible. */
static void scribble(uint64_t *seed)
{
    const uint64_t position = next_random(seed) % 4 == 0 ? next_random(seed) : ours.n_received;
    const uint64_t lap = ours.n_received / RING_LINES + 1 + (next_random(seed) % 8 == 0);
    const uint64_t header = next_random(seed) % 8 == 0 ? next_random(seed) * 0x9e3779b97f4a7c15u
                                                       : lap << LENGTH_BITS | (next_random(seed) & 0xffff);
    struct ring_end *end = &memory->ends[RING_SECOND];
    atomic_store(&memory->lines[next_random(seed) % 2][position % RING_LINES].header, header);
    if (next_random(seed) % 2 == 0)
        atomic_store(&end->n_freed, ours.n_peer_freed + next_random(seed) % (RING_LINES / 2));
    if (next_random(seed) % 64 == 0)
        atomic_store(&end->n_freed, next_random(seed) * 0x9e3779b97f4a7c15u);
    atomic_store(&end->sleeps, next_random(seed));
    atomic_store(&end->cpu, next_random(seed));
    atomic_store(&memory->ends[RING_FIRST].n_freed, next_random(seed)); /* our own words too */
    atomic_store(&memory->ends[RING_FIRST].sleeps, next_random(seed));
    uint8_t *bytes = (uint8_t *)memory;
    bytes[next_random(seed) % sizeof(*memory)] ^= (uint8_t)next_random(seed);
}

TEST(random_bytes_in_all_shared_words)
{
    uint64_t seed = 4;
    unsigned n_received = 0, n_sent = 0, n_broken = 0, n_bells = 0;
    struct spinner spinner;
    spinner_init(&spinner, 0);
    open_pair();
    for (int i = 0; i < 20000; i++) {
        scribble(&seed);
        const uint64_t before = ours.n_received;
        int result = receive(&ours);
        n_received += result == 0;
        CHECK(result == 0 || result == -EAGAIN || result == -EPROTO);
        CHECK_INT(ours.n_received - before, ==, (datagram.n_bytes + RING_LINE_ROOM - 1) / RING_LINE_ROOM);
        scribble(&seed);
        result = ring_send(&ours, sent, 1 + next_random(&seed) % RING_MAX_BYTES);
        n_sent += result == 0;
        CHECK(result == 0 || result == -EAGAIN || result == -EPROTO);
        CHECK_INT(ours.n_sent - ours.n_peer_freed, <=, RING_LINES);
        n_bells += ring_bell(&ours);
        ring_spin(&ours, &spinner);
        ring_prepare_sleep(&ours, next_random(&seed) & 3);
        ring_awake(&ours);
        if (!ours.broken)
            continue;
        n_broken++;
        ours.broken = false; /* to go on with positions that a fresh ring would not have */
    }
    CHECK(n_received > 1000 && n_sent > 1000 && n_broken > 100 && n_bells > 100);
    close_pair();
}

/* Changes the header that is about to be read, through a mapping of its own, as another process would. */
static _Atomic uint64_t read_position;
static _Atomic bool stop;

static void *flip_lengths(void *argument)
{
    struct ring_memory *mapped = argument;
    uint64_t seed = 7;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        const uint64_t position = atomic_load_explicit(&read_position, memory_order_relaxed);
        const uint64_t lap = position / RING_LINES + 1;
        for (int i = 0; i < 100; i++)
            atomic_store_explicit(&mapped->lines[RING_SECOND][position % RING_LINES].header,
                                  lap << LENGTH_BITS | (next_random(&seed) & 0xffff), memory_order_relaxed);
    }
    return NULL;
}

TEST(lengths_that_change_between_reads)
{
    struct ring mapped = {0};
    CLOSE_FD int fd = -1;
    REQUIRE(ring_create(&fd) == 0);
    REQUIRE(ring_map(&ours, fd, RING_FIRST) == 0);
    REQUIRE(ring_map(&mapped, fd, RING_SECOND) == 0);
    memset(received, CANARY, sizeof(received));
    pthread_t flipper;
    REQUIRE(pthread_create(&flipper, NULL, flip_lengths, mapped.memory) == 0);
    for (int n_received = 0; n_received < 2000;) {
        const uint64_t before = ours.n_received;
        atomic_store_explicit(&read_position, before, memory_order_relaxed);
        const int result = receive(&ours);
        CHECK_INT(ours.n_received - before, ==, (datagram.n_bytes + RING_LINE_ROOM - 1) / RING_LINE_ROOM);
        if (result == 0)
            n_received++;
        else
            sched_yield();
        REQUIRE(result != -EPROTO);
    }
    atomic_store(&stop, true);
    pthread_join(flipper, NULL);
    for (size_t i = RING_MAX_BYTES; i < sizeof(received); i++)
        CHECK_INT(received[i], ==, CANARY);
    ring_unmap(&ours);
    ring_unmap(&mapped);
}

/* Two honest sides at full speed. */

static uint32_t n_many;

/* What stands at the front of each. */
struct numbered {
    uint32_t number, sum;
};

static size_t size_of(uint32_t number)
{
    return sizeof(struct numbered) + (number % 1000 == 0 ? number / 1000 * 64 : number * 2654435761u % 200);
}

static uint32_t checksum(uint32_t number, const uint8_t *bytes, size_t n_bytes)
{
    uint32_t sum = number;
    for (size_t i = sizeof(struct numbered); i < n_bytes; i++)
        sum = sum * 31 + bytes[i];
    return sum;
}

static int send_many(void)
{
    for (uint32_t number = 0; number < n_many; number++) {
        const size_t n_bytes = size_of(number);
        sent[sizeof(struct numbered)] = (uint8_t)number;
        const struct numbered front = {number, checksum(number, sent, n_bytes)};
        memcpy(sent, &front, sizeof(front));
        int result;
        while ((result = ring_send(&theirs, sent, n_bytes)) == -EAGAIN)
            sched_yield();
        if (result != 0)
            return 1;
    }
    return 0;
}

static void receive_many(void)
{
    for (uint32_t number = 0; number < n_many; number++) {
        int result;
        while ((result = ring_receive(&ours, received, &datagram)) == -EAGAIN)
            sched_yield();
        REQUIRE(result == 0 && datagram.n_bytes == size_of(number));
        struct numbered front;
        memcpy(&front, received, sizeof(front));
        REQUIRE(front.number == number && front.sum == checksum(number, received, datagram.n_bytes));
    }
}

TEST_WITHIN(a_million_messages_between_two_processes, 60)
{
    CLOSE_FD int fd = -1;
    REQUIRE(ring_create(&fd) == 0);
    REQUIRE(ring_map(&ours, fd, RING_FIRST) == 0);
    REQUIRE(ring_map(&theirs, fd, RING_SECOND) == 0);
    fill(sent, sizeof(sent), 3);
    n_many = 1000000;
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0)
        _exit(send_many());
    receive_many();
    int status;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK_INT(status, ==, 0);
    CHECK_INT(receive(&ours), ==, -EAGAIN);
    ring_unmap(&ours);
    ring_unmap(&theirs);
}

static void *send_many_here(void *argument)
{
    (void)argument;
    return send_many() == 0 ? NULL : &n_many;
}

/* On one mapping, where ThreadSanitizer sees both sides. Nothing else orders them. */
TEST(many_messages_between_two_threads)
{
    open_pair();
    fill(sent, sizeof(sent), 3);
    n_many = 50000;
    pthread_t sender;
    void *failed;
    REQUIRE(pthread_create(&sender, NULL, send_many_here, NULL) == 0);
    receive_many();
    pthread_join(sender, &failed);
    CHECK(failed == NULL);
    close_pair();
}

/* Sleep and wake: two threads that sleep at every chance and for whom no timer comes to the rescue. A lost wake-up shows
 * as a poll that ends by its time limit. */

#define LOST_MS 3000

struct sleeper {
    struct ring *ring;
    int bell, other_bell;
    uint64_t n_sleeps, n_done;
    bool lost;
};

static _Atomic bool enough;

static void ring_other(struct sleeper *sleeper)
{
    if (ring_bell(sleeper->ring))
        eventfd_write(sleeper->other_bell, 1);
}

static void sleep_for(struct sleeper *sleeper, unsigned news)
{
    ring_other(sleeper);
    if (ring_prepare_sleep(sleeper->ring, news)) {
        struct pollfd look = {.fd = sleeper->bell, .events = POLLIN};
        eventfd_t n_rung;
        sleeper->n_sleeps++;
        if (poll(&look, 1, LOST_MS) == 0)
            sleeper->lost = true;
        eventfd_read(sleeper->bell, &n_rung);
    }
    ring_awake(sleeper->ring);
}

/* Sends to and fro: each message is answered, and the last one says so. */
static void *answer_all(void *argument)
{
    struct sleeper *sleeper = argument;
    uint8_t *buffer = malloc(RING_MAX_BYTES);
    struct datagram got;
    for (bool last = false; !last && !sleeper->lost;) {
        int result = ring_receive(sleeper->ring, buffer, &got);
        if (result == -EAGAIN) {
            sleep_for(sleeper, RING_MESSAGES);
            continue;
        }
        last = result != 0 || buffer[0] == 'q';
        while (ring_send(sleeper->ring, buffer, got.n_bytes) == -EAGAIN && !sleeper->lost)
            sleep_for(sleeper, RING_ROOM);
        sleeper->n_done++;
    }
    ring_other(sleeper);
    free(buffer);
    return NULL;
}

static void *ask(void *argument)
{
    struct sleeper *sleeper = argument;
    uint8_t *buffer = malloc(RING_MAX_BYTES);
    struct datagram got;
    uint64_t seed = 5;
    for (bool last = false; !last && !sleeper->lost;) {
        last = atomic_load(&enough);
        /* More at once than there is room for, now and then. */
        const bool is_flood = next_random(&seed) % 64 == 0;
        const size_t n_messages = last ? 1 : is_flood ? 300 : 1 + next_random(&seed) % 3;
        const size_t n_bytes = is_flood ? 2000 : 1 + next_random(&seed) % 100;
        memset(buffer, last ? 'q' : 'm', n_bytes);
        size_t n_sent = 0, n_answers = 0;
        while (n_answers < n_messages && !sleeper->lost) {
            bool is_full = false;
            while (n_sent < n_messages && !(is_full = ring_send(sleeper->ring, buffer, n_bytes) != 0))
                n_sent++;
            if (ring_receive(sleeper->ring, buffer, &got) == 0)
                n_answers++;
            else
                sleep_for(sleeper, RING_MESSAGES | (is_full ? RING_ROOM : 0));
        }
        sleeper->n_done += n_answers;
    }
    free(buffer);
    return NULL;
}

static void sleep_and_wake(bool on_one_core)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(sched_getcpu(), &cores);
    if (on_one_core)
        REQUIRE(sched_setaffinity(0, sizeof(cores), &cores) == 0);
    open_pair();
    CLOSE_FD int bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    CLOSE_FD int other = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct sleeper asks = {.ring = &ours, .bell = bell, .other_bell = other};
    struct sleeper answers = {.ring = &theirs, .bell = other, .other_bell = bell};
    pthread_t threads[2];
    REQUIRE(pthread_create(&threads[0], NULL, ask, &asks) == 0);
    REQUIRE(pthread_create(&threads[1], NULL, answer_all, &answers) == 0);
    usleep(1500000);
    atomic_store(&enough, true);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    CHECK(!asks.lost && !answers.lost);
    CHECK_INT(asks.n_done, ==, answers.n_done);
    CHECK_INT(asks.n_sleeps, >, 100);
    CHECK_INT(answers.n_sleeps, >, 100);
    close_pair();
}

TEST(no_wake_up_is_lost_between_two_cores)
{
    sleep_and_wake(false);
}

TEST(no_wake_up_is_lost_on_one_core)
{
    sleep_and_wake(true);
}

/* The narrow spot itself: one lies down while the other sends. The fences are all that keeps both from missing the
 * other, so this is done very often, with the two steps shifted against each other. */
static _Atomic unsigned round_begun, round_done;
static _Atomic bool has_rung;

#define LAST_ROUND UINT32_MAX

static unsigned wait_for_change(_Atomic unsigned *word, unsigned old)
{
    unsigned value, n_looks = 0;
    while ((value = atomic_load_explicit(word, memory_order_acquire)) == old)
        if (++n_looks % 1000 == 0)
            sched_yield();
    return value;
}

static void *send_each_round(void *argument)
{
    struct ring *ring = argument;
    unsigned number = 0;
    while ((number = wait_for_change(&round_begun, number)) != LAST_ROUND) {
        const int result = ring_send(ring, &number, sizeof(number));
        const bool rings = ring_bell(ring);
        atomic_store_explicit(&has_rung, rings || result != 0, memory_order_relaxed);
        atomic_store_explicit(&round_done, number, memory_order_release);
    }
    return NULL;
}

TEST(one_lies_down_while_the_other_sends)
{
    open_pair();
    pthread_t sender;
    uint64_t seed = 9;
    unsigned n_slept = 0, n_lost = 0;
    REQUIRE(pthread_create(&sender, NULL, send_each_round, &theirs) == 0);
    const uint64_t end_ns = clock_now_ns() + NS_PER_S;
    unsigned number = 0;
    do {
        number++;
        atomic_store_explicit(&round_begun, number, memory_order_release);
        for (volatile unsigned delay = next_random(&seed) % 128; delay > 0; delay--)
            ;
        const bool sleeps = ring_prepare_sleep(&ours, RING_MESSAGES);
        wait_for_change(&round_done, number - 1);
        n_slept += sleeps;
        n_lost += sleeps && !atomic_load_explicit(&has_rung, memory_order_relaxed);
        ring_awake(&ours);
        while (receive(&ours) == 0)
            ;
        ring_bell(&ours);
    } while (number % 64 != 0 || clock_now_ns() < end_ns);
    atomic_store(&round_begun, LAST_ROUND);
    pthread_join(sender, NULL);
    CHECK_INT(n_lost, ==, 0);
    CHECK(n_slept > 0);
    close_pair();
}
