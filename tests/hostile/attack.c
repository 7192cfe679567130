#include "tests/hostile/attack.h"

#include <stdio.h>
#include <string.h>

static const enum step steps[N_STAGES][STAGE_STEPS] = {
#define X(id, name, ...) [AT_##id] = {__VA_ARGS__},
    STAGES(X)
#undef X
};

const enum step *stage_steps(enum stage stage)
{
    return steps[stage];
}

const char *stage_name(enum stage stage)
{
    static const char *const names[] = {
#define X(id, name, ...) [AT_##id] = name,
        STAGES(X)
#undef X
    };
    return names[stage];
}

unsigned stage_cue(enum stage stage)
{
    unsigned n = 0;
    while (n < STAGE_STEPS && steps[stage][n] != STEP_NONE && steps[stage][n] != STEP_FLOOD)
        n++;
    return n;
}

/* ---- the rows ------------------------------------------------------------------------------------------------------------ */

#define NO_MESSAGE(id)  .fault = FAULT_##id, .verdict = VERDICT_PROTOCOL, .sends = true
#define BYTES_OF(bytes) .head = (bytes), .n_head = sizeof(bytes) - 1

static const struct attack rows[] = {
#define RAW(label, at, bad, bytes) {.name = label, .stage = AT_##at, NO_MESSAGE(bad), BYTES_OF(bytes)},
#define SAYS(label, at, bad, what, body) \
    {.name = label, .stage = AT_##at, NO_MESSAGE(bad), .kind = MESSAGE_##what, BYTES_OF(body)},
#define SWELLS(label, at, bad, what, front, part, n) \
    {.name = label,                                  \
     .stage = AT_##at,                               \
     NO_MESSAGE(bad),                                \
     .kind = MESSAGE_##what,                         \
     BYTES_OF(front),                                \
     .piece = (part),                                \
     .n_piece = sizeof(part) - 1,                    \
     .n_pieces = (n)},
#define PASSES(label, at, bad, what, body, n) \
    {.name = label, .stage = AT_##at, NO_MESSAGE(bad), .kind = MESSAGE_##what, BYTES_OF(body), .n_fds = (n)},
#define DOES(label, at, end, bad, what) \
    {.name = label, .stage = AT_##at, .verdict = VERDICT_##end, .fault = FAULT_##bad, .deed = DEED_##what},
#include "tests/hostile/attack_rows.h"
};

static const struct attack everywhere[] = {
#define ALWAYS(label, end, bad, what) \
    {.name = label, .verdict = VERDICT_##end, .fault = FAULT_##bad, .deed = DEED_##what},
#include "tests/hostile/attack_rows.h"
};

#define N_ROWS       (sizeof rows / sizeof rows[0])
#define N_EVERYWHERE (sizeof everywhere / sizeof everywhere[0])

/* ---- what is made of them ------------------------------------------------------------------------------------------------ */

/* Stages in which a renderer is listened to, and can say anything. */
static bool is_ordinary(enum stage stage)
{
    return stage != AT_DEAF && stage != AT_RING_DEAF && stage != AT_LEAVING;
}

#define IN(id) (1u << AT_##id)
#define RINGS  (IN(RING_OPENING) | IN(RING_PAINTING) | IN(RING_PINGING))

/* Where a fact is legal, or wrong for another reason: written down once more, and not taken from the table that is under
 * test. */
static const struct {
    enum message_kind kind;
    unsigned stages;
} facts[] = {
    {MESSAGE_LISTENING, IN(BORN) | IN(CLIMBING)},
    {MESSAGE_READY, IN(BORN) | IN(CLIMBING)},
    {MESSAGE_OPENED, IN(OPENING) | IN(RING_OPENING)},
    {MESSAGE_REFUSED, IN(OPENING) | IN(RING_OPENING) | IN(PAINTING) | IN(REPAINTING) | IN(RING_PAINTING)},
    {MESSAGE_PAINTED, IN(PAINTING) | IN(REPAINTING) | IN(RING_PAINTING)},
    {MESSAGE_PROGRESSED,
     IN(OPENING) | IN(RING_OPENING) | IN(PAINTING) | IN(REPAINTING) | IN(RING_PAINTING) | IN(INJECTING)},
    {MESSAGE_INJECTED, IN(INJECTING)},
    {MESSAGE_PONGED, IN(PINGING) | IN(RING_PINGING)},
    {MESSAGE_JOINED, IN(SHARING)},
    {MESSAGE_CONNECTED, IN(CONNECTING)},
    {MESSAGE_EXCHANGED, IN(EXCHANGING) | IN(DISCONNECTING) | IN(PARTING)},
    {MESSAGE_DISCONNECTED, IN(DISCONNECTING) | IN(PARTING)},
    {MESSAGE_PORT_CLOSED, IN(CONNECTED) | IN(EXCHANGING) | IN(DISCONNECTING) | IN(PARTING)},
};
#define N_FACTS (sizeof facts / sizeof facts[0])

/* A fact at a time when it is not legal. */
static bool make_untimely(size_t fact, enum stage stage, struct attack *attack)
{
    if (!is_ordinary(stage) || (facts[fact].stages >> stage & 1))
        return false;
    *attack = (struct attack){.stage = stage,
                              NO_MESSAGE(STATE),
                              .kind = facts[fact].kind,
                              .n_fds = facts[fact].kind == MESSAGE_LISTENING && !(RINGS >> stage & 1)};
    if (facts[fact].kind != MESSAGE_LISTENING) {
        attack->head = "\x08\x01";
        attack->n_head = 2;
    }
    snprintf(attack->name, sizeof attack->name, "%s while %s", message_name(attack->kind), stage_name(stage));
    return true;
}

static bool make_everywhere(size_t row, enum stage stage, struct attack *attack)
{
    if (!is_ordinary(stage) || (stage == AT_BORN && everywhere[row].deed == DEED_FORKS))
        return false;
    *attack = everywhere[row];
    attack->stage = stage;
    snprintf(attack->name, sizeof attack->name, "%.40s while %s", everywhere[row].name, stage_name(stage));
    return true;
}

/* The same bytes by the ring, which carries neither descriptors nor nothing at all, nor more than its largest record. */
static bool make_by_ring(size_t row, struct attack *attack)
{
    const bool fits = rows[row].sends && rows[row].n_fds == 0 && rows[row].fault != FAULT_TRUNCATED;
    if (!fits || (rows[row].stage != AT_OPENING && rows[row].stage != AT_PAINTING && rows[row].stage != AT_PINGING))
        return false;
    *attack = rows[row];
    attack->stage = rows[row].stage == AT_OPENING    ? AT_RING_OPENING
                    : rows[row].stage == AT_PAINTING ? AT_RING_PAINTING
                                                     : AT_RING_PINGING;
    snprintf(attack->name, sizeof attack->name, "%.64s, by ring", rows[row].name);
    return true;
}

/* Number 0 is none; then come the rows, the same by ring, facts by stages, what can be done in every stage. */
bool attack_find(unsigned number, struct attack *ret_attack)
{
    *ret_attack = (struct attack){0};
    if (number == 0)
        return false;
    size_t n = number - 1;
    if (n < N_ROWS) {
        *ret_attack = rows[n];
        return true;
    }
    n -= N_ROWS;
    if (n < N_ROWS)
        return make_by_ring(n, ret_attack);
    n -= N_ROWS;
    if (n < N_FACTS * N_STAGES)
        return make_untimely(n / N_STAGES, n % N_STAGES, ret_attack);
    n -= N_FACTS * N_STAGES;
    return n < N_EVERYWHERE * N_STAGES && make_everywhere(n / N_STAGES, n % N_STAGES, ret_attack);
}

unsigned attack_limit(void)
{
    return 1 + 2 * N_ROWS + (N_FACTS + N_EVERYWHERE) * N_STAGES;
}

unsigned attack_number(const char *name)
{
    for (unsigned number = 1; number < attack_limit(); number++) {
        struct attack attack;
        if (attack_find(number, &attack) && strcmp(attack.name, name) == 0)
            return number;
    }
    return 0;
}

size_t attack_write(const struct attack *attack, uint8_t *out)
{
    size_t n = 0;
    if (attack->kind != MESSAGE_NONE) {
        n = wire_write_varint(out, (uint64_t)attack->kind << 3 | LAID_DELIMITED);
        n += wire_write_varint(out + n, attack->n_head + attack->n_piece * attack->n_pieces);
    }
    if (attack->n_head > 0)
        memcpy(out + n, attack->head, attack->n_head);
    n += attack->n_head;
    for (size_t i = 0; i < attack->n_pieces; i++, n += attack->n_piece)
        memcpy(out + n, attack->piece, attack->n_piece);
    return n;
}
