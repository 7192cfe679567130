/* One side of a pair of rings, against a peer that writes what it likes wherever it likes in the memory that both map,
 * between any two calls. The input is a sequence of steps: calls of ours, calls of an honest peer, lies.
 *
 * Beside not crashing and coming back: no more than RING_MAX_BYTES are received, positions stay within what the memory
 * holds, and a ring that broke stays broken. As long as the peer was honest, what is received is what was sent. */
#include "common/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

#define MAX_STEPS 4096

/* What an honest peer has sent, and we have not received: lengths, and the number that makes the bytes. */
struct letters {
    struct {
        size_t n_bytes;
        uint8_t seed;
    } at[RING_LINES];
    size_t n_sent, n_received;
};

struct game {
    struct guarded memory;
    uint8_t *buffer; /* exactly RING_MAX_BYTES */
    uint8_t *letter; /* for what is sent */
    struct ring ring, peer;
    struct spinner spinner;
    struct letters letters;
    bool has_lied, is_broken;
};

static struct game game;

static struct ring_memory *memory(void)
{
    return (struct ring_memory *)(void *)game.memory.bytes;
}

static void write_letter(uint8_t *bytes, size_t n_bytes, uint8_t seed)
{
    for (size_t i = 0; i < n_bytes; i += 61)
        bytes[i] = (uint8_t)(seed + i);
    bytes[n_bytes - 1] = seed;
}

static bool is_letter(const uint8_t *bytes, size_t n_bytes, uint8_t seed)
{
    for (size_t i = 0; i + 1 < n_bytes; i += 61)
        if (bytes[i] != (uint8_t)(seed + i))
            return false;
    return bytes[n_bytes - 1] == seed;
}

static void check_positions(void)
{
    const struct ring *ring = &game.ring;
    INSIST(ring->n_sent - ring->n_peer_freed <= RING_LINES);
    INSIST(ring->n_received - ring->n_freed <= RING_LINES);
    INSIST(ring->unrung <= (RING_MESSAGES | RING_ROOM));
}

static void note_result(int result)
{
    INSIST(!game.is_broken || result == -EPROTO);
    INSIST(result != -EPROTO || game.has_lied);
    game.is_broken = result == -EPROTO;
}

/* ---- ours ---------------------------------------------------------------------------------------------------------------- */

static size_t choose_size(struct choices *choices)
{
    const size_t n = choose_number(choices, 2);
    return choose_byte(choices) & 1 ? n % 200 + 1 : n + 1;
}

static void send_ours(struct choices *choices)
{
    const size_t n_bytes = choose_size(choices);
    const uint64_t n_sent = game.ring.n_sent;
    const int result = ring_send(&game.ring, game.letter, n_bytes);
    INSIST(result == 0 || result == -EAGAIN || result == -EPROTO);
    INSIST(n_sent - game.ring.n_peer_freed <= RING_LINES); /* nobody frees what was not sent */
    note_result(result);
}

/* What the header says that lies where the next record begins. */
static int expected_result(const struct ring *ring)
{
    const uint64_t lap = ring->in[ring->n_received % RING_LINES].header >> 16;
    const uint64_t due = ring->n_received / RING_LINES + 1;
    return game.is_broken ? -EPROTO : lap == due ? 0 : lap < due ? -EAGAIN : -EPROTO;
}

static void receive_ours(void)
{
    struct datagram datagram;
    const bool is_ready = ring_is_ready(&game.ring);
    const int expected = expected_result(&game.ring);
    const int result = ring_receive(&game.ring, game.buffer, &datagram);
    INSIST(result == expected);
    INSIST(is_ready == (result != -EAGAIN));
    note_result(result);
    if (result != 0) {
        INSIST(datagram.bytes == NULL && datagram.n_bytes == 0);
        INSIST(result != -EAGAIN || game.has_lied || game.letters.n_received == game.letters.n_sent);
        return;
    }
    INSIST(datagram.bytes == game.buffer && datagram.n_fds == 0);
    INSIST(datagram.n_bytes >= 1 && datagram.n_bytes <= RING_MAX_BYTES);
    if (game.has_lied)
        return;
    INSIST(game.letters.n_received < game.letters.n_sent);
    const size_t i = game.letters.n_received++ % RING_LINES;
    INSIST(datagram.n_bytes == game.letters.at[i].n_bytes);
    INSIST(is_letter(datagram.bytes, datagram.n_bytes, game.letters.at[i].seed));
}

static void sleep_ours(struct choices *choices)
{
    ring_bell(&game.ring);
    ring_prepare_sleep(&game.ring, choose_of(choices, 4));
    ring_awake(&game.ring);
}

static void spin_ours(void)
{
    ring_bell(&game.ring);
    ring_spin(&game.ring, &game.spinner);
    spinner_end(&game.spinner);
}

/* ---- the peer's ------------------------------------------------------------------------------------------------------------ */

static void send_theirs(struct choices *choices)
{
    const size_t n_bytes = choose_size(choices);
    const uint8_t seed = choose_byte(choices);
    write_letter(game.letter, n_bytes, seed);
    if (ring_send(&game.peer, game.letter, n_bytes) != 0 || game.has_lied)
        return;
    const size_t i = game.letters.n_sent++ % RING_LINES;
    game.letters.at[i].n_bytes = n_bytes;
    game.letters.at[i].seed = seed;
}

static void receive_theirs(void)
{
    static uint8_t buffer[RING_MAX_BYTES];
    struct datagram datagram;
    (void)ring_receive(&game.peer, buffer, &datagram);
    (void)ring_bell(&game.peer);
}

/* A number at the place where it hurts: about what we expect there. */
static void lie_well(struct choices *choices)
{
    const unsigned what = choose_of(choices, 4);
    const uint64_t by = (uint64_t)(int64_t)(int16_t)choose_number(choices, 2);
    struct ring *ring = &game.ring;
    game.has_lied = true;
    switch (what) {
    case 0: /* the next header: a lap, a length */
        ring->in[ring->n_received % RING_LINES].header = (ring->n_received / RING_LINES + 1) << 16 | (by & 0xffff);
        return;
    case 1:
        ring->in[ring->n_received % RING_LINES].header += by << 16;
        return;
    case 2:
        ring->peer->n_freed = ring->n_sent + by;
        return;
    default:
        ring->peer->n_freed = ring->n_peer_freed + by;
        return;
    }
}

static void lie_anywhere(struct choices *choices)
{
    const size_t at = choose_number(choices, 3) % sizeof(struct ring_memory);
    size_t n;
    const uint8_t *bytes = choose_bytes(choices, choose_of(choices, 9), &n);
    if (n > sizeof(struct ring_memory) - at)
        n = sizeof(struct ring_memory) - at;
    game.has_lied = true;
    if (n > 0)
        memcpy(game.memory.bytes + at, bytes, n);
}

static void lie_at_large(struct choices *choices)
{
    const uint8_t with = choose_byte(choices);
    game.has_lied = true;
    memset(game.memory.bytes, with, sizeof(struct ring_memory));
}

/* ---- the game --------------------------------------------------------------------------------------------------------------- */

/* Far along: where laps and positions are as large as they ever get, and before a lap's end. */
static void move_on(uint64_t n_laps, uint64_t n_lines)
{
    const uint64_t at = n_laps * RING_LINES + n_lines;
    struct ring *both[] = {&game.ring, &game.peer};
    for (size_t i = 0; i < 2; i++) {
        both[i]->n_sent = both[i]->n_peer_freed = both[i]->n_received = both[i]->n_freed = at;
        both[i]->own->n_freed = at;
    }
}

static void begin(struct choices *choices)
{
    if (game.buffer == NULL) {
        guarded_init(&game.memory, sizeof(struct ring_memory));
        game.buffer = malloc(RING_MAX_BYTES);
        game.letter = calloc(1, RING_MAX_BYTES);
        INSIST(game.buffer != NULL && game.letter != NULL);
    }
    memset(game.memory.bytes, 0, sizeof(struct ring_memory));
    ring_init(&game.ring, memory(), RING_FIRST);
    ring_init(&game.peer, memory(), RING_SECOND);
    spinner_init(&game.spinner, 1000);
    game.letters.n_sent = game.letters.n_received = 0;
    game.has_lied = game.is_broken = false;
    const uint64_t n_laps = choose_byte(choices);
    move_on(n_laps, (uint64_t)choose_byte(choices) * RING_LINES / 256);
}

static void step(struct choices *choices)
{
    switch (choose_of(choices, 16)) {
    case 0:
    case 1:
        send_ours(choices);
        break;
    case 2:
    case 3:
    case 4:
        receive_ours();
        break;
    case 5:
        (void)ring_bell(&game.ring);
        break;
    case 6:
        sleep_ours(choices);
        break;
    case 7:
        spin_ours();
        break;
    case 8:
    case 9:
    case 10:
        send_theirs(choices);
        break;
    case 11:
        receive_theirs();
        break;
    case 12:
    case 13:
        lie_well(choices);
        break;
    case 14:
        lie_anywhere(choices);
        break;
    default:
        lie_at_large(choices);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input)
{
    struct choices choices = {input, n_input};
    begin(&choices);
    for (int i = 0; i < MAX_STEPS && choices.n > 0; i++) {
        step(&choices);
        check_positions();
    }
    return 0;
}
