#include "common/ring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/memfd.h"

/* A receiver tells what it has freed in such portions, or when it runs out of messages: a sender that waits for room
 * would otherwise fetch the word from the other core for each single line. */
#define FREE_PORTION (RING_LINES / 8)

#define LENGTH_BITS 16

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a lock in shared memory would be the peer's to hold");
_Static_assert(sizeof(struct ring_line) == RING_LINE_BYTES, "no padding");
_Static_assert(RING_MAX_BYTES == 1u << LENGTH_BITS, "a length that fits into the header is a legal one");
_Static_assert(RING_MAX_BYTES <= (RING_LINES - FREE_PORTION) * RING_LINE_ROOM,
               "the largest record fits when all is read");

static uint64_t lines_for(size_t n_bytes)
{
    return (n_bytes + RING_LINE_ROOM - 1) / RING_LINE_ROOM;
}

static uint64_t lap_at(uint64_t position)
{
    return position / RING_LINES + 1;
}

int ring_create(int *ret_fd)
{
    CLOSE_FD int fd = -1;
    int result = memfd_make("ring", &fd, NULL);
    if (result < 0)
        return result;
    if (ftruncate(fd, sizeof(struct ring_memory)) < 0)
        return -errno;
    result = memfd_seal(fd, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL, sizeof(struct ring_memory));
    if (result < 0)
        return result;
    *ret_fd = fd_steal(&fd);
    return 0;
}

void ring_init(struct ring *ret_ring, struct ring_memory *memory, enum ring_side side)
{
    const enum ring_side other = side == RING_FIRST ? RING_SECOND : RING_FIRST;
    *ret_ring = (struct ring){
        .memory = memory,
        .side = side,
        .out = memory->lines[side],
        .in = memory->lines[other],
        .own = &memory->ends[side],
        .peer = &memory->ends[other],
    };
}

int ring_map(struct ring *ret_ring, int fd, enum ring_side side)
{
    void *memory = mmap(NULL, sizeof(struct ring_memory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    ring_init(ret_ring, memory, side);
    return 0;
}

void ring_unmap(struct ring *ring)
{
    if (ring->memory)
        munmap(ring->memory, sizeof(struct ring_memory));
    *ring = (struct ring){0};
}

static int broken(struct ring *ring)
{
    ring->broken = true;
    return -EPROTO;
}

/* Looks at what the peer has freed: not less than it said before, and not more than it was sent. */
static int look_for_room(struct ring *ring, uint64_t n_lines)
{
    const uint64_t n_freed = atomic_load_explicit(&ring->peer->n_freed, memory_order_acquire);
    if (n_freed - ring->n_peer_freed > ring->n_sent - ring->n_peer_freed)
        return broken(ring);
    ring->n_peer_freed = n_freed;
    return ring->n_sent + n_lines - n_freed > RING_LINES ? -EAGAIN : 0;
}

static size_t next_index(size_t index)
{
    return index + 1 == RING_LINES ? 0 : index + 1;
}

/* The first line is written last, when the others are there: the receiver may be polling it, and takes it away from
 * this core each time it does. */
static void copy_in(struct ring_line *lines, size_t index, const uint8_t *bytes, size_t n_bytes)
{
    struct ring_line *first = &lines[index];
    if (n_bytes <= RING_LINE_ROOM) {
        memcpy(first->bytes, bytes, n_bytes);
        return;
    }
    size_t n_done = RING_LINE_ROOM;
    for (; n_bytes - n_done > RING_LINE_ROOM; n_done += RING_LINE_ROOM) {
        index = next_index(index);
        memcpy(lines[index].bytes, bytes + n_done, RING_LINE_ROOM);
    }
    memcpy(lines[next_index(index)].bytes, bytes + n_done, n_bytes - n_done);
    memcpy(first->bytes, bytes, RING_LINE_ROOM);
}

static void copy_out(const struct ring_line *lines, size_t index, uint8_t *bytes, size_t n_bytes)
{
    for (; n_bytes > RING_LINE_ROOM; n_bytes -= RING_LINE_ROOM) {
        memcpy(bytes, lines[index].bytes, RING_LINE_ROOM);
        bytes += RING_LINE_ROOM;
        index = next_index(index);
    }
    memcpy(bytes, lines[index].bytes, n_bytes);
    /* From here on the compiler has to take the source for changed, and cannot look into it instead of the copy. */
    atomic_signal_fence(memory_order_seq_cst);
}

int ring_send(struct ring *ring, const void *bytes, size_t n_bytes)
{
    if (n_bytes == 0 || n_bytes > RING_MAX_BYTES)
        return -EMSGSIZE;
    if (ring->broken)
        return -EPROTO;
    const uint64_t n_lines = lines_for(n_bytes);
    if (ring->n_sent + n_lines - ring->n_peer_freed > RING_LINES) {
        int result = look_for_room(ring, n_lines);
        if (result < 0)
            return result;
    }
    copy_in(ring->out, ring->n_sent % RING_LINES, bytes, n_bytes);
    /* The header is last: with it the whole record is there. */
    atomic_store_explicit(&ring->out[ring->n_sent % RING_LINES].header,
                          lap_at(ring->n_sent) << LENGTH_BITS | (n_bytes - 1), memory_order_release);
    ring->n_sent += n_lines;
    ring->unrung |= RING_MESSAGES;
    return 0;
}

static void publish_freed(struct ring *ring)
{
    if (ring->n_freed == ring->n_received)
        return;
    ring->n_freed = ring->n_received;
    atomic_store_explicit(&ring->own->n_freed, ring->n_freed, memory_order_release);
    ring->unrung |= RING_ROOM;
}

static uint64_t next_header(const struct ring *ring)
{
    return atomic_load_explicit(&ring->in[ring->n_received % RING_LINES].header, memory_order_acquire);
}

bool ring_is_ready(const struct ring *ring)
{
    return ring->broken || next_header(ring) >> LENGTH_BITS >= lap_at(ring->n_received);
}

int ring_receive(struct ring *ring, uint8_t *buffer, struct datagram *ret_datagram)
{
    *ret_datagram = (struct datagram){0};
    if (ring->broken)
        return -EPROTO;
    const uint64_t header = next_header(ring);
    const uint64_t lap = header >> LENGTH_BITS;
    if (lap < lap_at(ring->n_received)) {
        publish_freed(ring);
        return -EAGAIN;
    }
    if (lap > lap_at(ring->n_received))
        return broken(ring);

    const size_t n_bytes = (size_t)(header & (RING_MAX_BYTES - 1)) + 1;
    copy_out(ring->in, ring->n_received % RING_LINES, buffer, n_bytes);
    ring->n_received += lines_for(n_bytes);
    if (ring->n_received - ring->n_freed >= FREE_PORTION)
        publish_freed(ring);
    *ret_datagram = (struct datagram){.bytes = buffer, .n_bytes = n_bytes};
    return 0;
}

/* The bell. A side says that it sleeps and then looks once more for news; the other publishes news and then looks
 * whether somebody sleeps. With a full fence between the two steps on both sides, at least one sees the other. */

bool ring_bell(struct ring *ring)
{
    publish_freed(ring);
    const unsigned news = ring->unrung;
    if (news == 0)
        return false;
    ring->unrung = 0;
    atomic_thread_fence(memory_order_seq_cst);
    if ((atomic_load_explicit(&ring->peer->sleeps, memory_order_relaxed) & news) == 0)
        return false;
    /* One ring for one sleep, however much is sent until the sleeper is up. */
    return atomic_exchange_explicit(&ring->peer->sleeps, 0, memory_order_relaxed) != 0;
}

static void publish_cpu(struct ring *ring)
{
    const uint32_t cpu = (uint32_t)(sched_getcpu() + 1);
    if (cpu == ring->cpu)
        return;
    ring->cpu = cpu;
    atomic_store_explicit(&ring->own->cpu, cpu, memory_order_relaxed);
}

bool ring_prepare_sleep(struct ring *ring, unsigned news)
{
    assert(ring->unrung == 0 && ring->n_freed == ring->n_received);
    publish_cpu(ring);
    atomic_store_explicit(&ring->own->sleeps, news, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    if ((news & RING_MESSAGES) != 0 && ring_is_ready(ring))
        return false;
    return (news & RING_ROOM) == 0 ||
           atomic_load_explicit(&ring->peer->n_freed, memory_order_relaxed) == ring->n_peer_freed;
}

void ring_awake(struct ring *ring)
{
    atomic_store_explicit(&ring->own->sleeps, 0, memory_order_relaxed);
    publish_cpu(ring);
}

void ring_tell_crowd(struct ring *ring, bool crowd)
{
    if (crowd == ring->crowd)
        return;
    ring->crowd = crowd;
    atomic_store_explicit(&ring->own->crowd, crowd, memory_order_relaxed);
}

bool ring_is_in_crowd(const struct ring *ring)
{
    return atomic_load_explicit(&ring->peer->crowd, memory_order_relaxed) != 0;
}

uint32_t ring_peer_cpu(const struct ring *ring)
{
    return atomic_load_explicit(&ring->peer->cpu, memory_order_relaxed);
}

/* A peer that sleeps and was not rung has nothing under way; one that needs this core cannot run while we spin. */
bool ring_peer_may_answer(const struct ring *ring)
{
    return atomic_load_explicit(&ring->peer->sleeps, memory_order_relaxed) == 0 && ring_peer_cpu(ring) != ring->cpu;
}

static bool is_worth_a_spin(struct ring *ring)
{
    publish_cpu(ring);
    return !ring_is_in_crowd(ring) && ring_peer_may_answer(ring);
}

bool ring_spin(struct ring *ring, struct spinner *spinner)
{
    return ring_spin_two(ring, NULL, spinner);
}

bool ring_spin_two(struct ring *one, struct ring *other, struct spinner *spinner)
{
    spinner_begin(spinner);
    while (!ring_is_ready(one) && (other == NULL || !ring_is_ready(other))) {
        if (!is_worth_a_spin(one) && (other == NULL || !is_worth_a_spin(other))) {
            spinner_pass(spinner);
            return false;
        }
        if (!spinner_again(spinner))
            return false;
    }
    spinner_end(spinner);
    return true;
}
