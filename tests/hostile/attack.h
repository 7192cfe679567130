/* What the hostile renderer does, and what has to come of it: known to both sides. An attack has a number, and a renderer
 * learns its own from the room that it is promised (Spawn.mapped_bytes), modulo a page: where a real broker runs, that is
 * what its document's length leaves over. Attack 0 is none: such a renderer is honest. */
#ifndef TESTS_HOSTILE_ATTACK_H
#define TESTS_HOSTILE_ATTACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/crash.h"
#include "common/message.h"

#define ATTACK_MODULUS 4096

/* What the broker does with a renderer, one after the other; each has its own serial, so that attacks can name it. */
enum step {
    STEP_NONE = 0, /* ends a plan */
    STEP_OPEN = 1,
    STEP_PAINT = 2, /* into slot 1 */
    STEP_SHARE = 3,
    STEP_INJECT = 4,
    STEP_PING = 5, /* with PING_BYTES */
    STEP_CONNECT = 6,
    STEP_EXCHANGE = 7, /* of EXCHANGE_PINGS */
    STEP_DISCONNECT = 8,
    STEP_REPAINT = 9, /* into slot 0 */
    STEP_NUDGE,       /* a Ping that wants no answer: whatever state it is in, it stays in */
    STEP_FLOOD,       /* more of those than there is room for */
};
#define PING_BYTES     4
#define EXCHANGE_PINGS 3
#define PROOF_SERIAL   100 /* of the Ping that shows who is still there */

#define STAGE_STEPS 4

/* What the renderer has come to when it attacks: X(id, name, steps). It attacks at the last step (at the nudge before a
 * flood); those without steps attack by themselves. */
#define STAGES(X)                                                                                      \
    X(BORN, "born", STEP_NONE)         /* nothing is locked yet */                                     \
    X(CLIMBING, "climbing", STEP_NONE) /* locked up, not Ready */                                      \
    X(READY, "ready", STEP_NUDGE)                                                                      \
    X(OPENING, "opening", STEP_OPEN)                                                                   \
    X(IDLE, "idle", STEP_OPEN, STEP_NUDGE)                                                             \
    X(REFUSED, "refused", STEP_OPEN, STEP_NUDGE)                                                       \
    X(PAINTING, "painting", STEP_OPEN, STEP_PAINT)                                                     \
    X(REPAINTING, "repainting", STEP_OPEN, STEP_PAINT, STEP_REPAINT)                                   \
    X(INJECTING, "injecting", STEP_INJECT)                                                             \
    X(SHARING, "sharing", STEP_SHARE)                                                                  \
    X(JOINED, "joined", STEP_SHARE, STEP_NUDGE)                                                        \
    X(PINGING, "pinging", STEP_PING)                                                                   \
    X(CONNECTING, "connecting", STEP_CONNECT)                                                          \
    X(CONNECTED, "connected", STEP_CONNECT, STEP_NUDGE)                                                \
    X(EXCHANGING, "exchanging", STEP_CONNECT, STEP_EXCHANGE)                                           \
    X(DISCONNECTING, "disconnecting", STEP_CONNECT, STEP_DISCONNECT)                                   \
    X(PARTING, "parting", STEP_CONNECT, STEP_EXCHANGE, STEP_DISCONNECT) /* Exchange is not answered */ \
    X(RING_OPENING, "opening, by ring", STEP_SHARE, STEP_OPEN)                                         \
    X(RING_PAINTING, "painting, by ring", STEP_SHARE, STEP_OPEN, STEP_PAINT)                           \
    X(RING_PINGING, "pinging, by ring", STEP_SHARE, STEP_PING)                                         \
    X(DEAF, "deaf", STEP_NUDGE, STEP_FLOOD)                                                            \
    X(RING_DEAF, "deaf, by ring", STEP_SHARE, STEP_NUDGE, STEP_FLOOD)                                  \
    X(LEAVING, "leaving", STEP_NONE) /* the broker has hung up */

enum stage {
#define X(id, ...) AT_##id,
    STAGES(X)
#undef X
        N_STAGES
};

/* Its orders; ends with STEP_NONE. */
const enum step *stage_steps(enum stage stage);
const char *stage_name(enum stage stage);
/* The attack comes with the n-th order, counted from 1; 0: with none. */
unsigned stage_cue(enum stage stage);

struct attack {
    char name[80];
    enum stage stage;
    enum verdict verdict;     /* VERDICT_NONE: no harm, it lives on */
    enum message_fault fault; /* with VERDICT_PROTOCOL; FAULT_NONE: a race, which may also do no harm */

    /* One datagram: a whole message of a kind, or (MESSAGE_NONE) bytes as they are. */
    bool sends;
    enum message_kind kind;
    const char *head, *piece; /* the piece n_pieces times behind the head */
    size_t n_head, n_piece, n_pieces;
    unsigned n_fds; /* copies of the crash pipe */

    unsigned deed; /* otherwise: an enum deed */
};

/* What takes more than a datagram, one function each (hostile_deeds.c). */
#define DEEDS(X)                                                                                                       \
    X(TWO_HEADERS_OF_THREE)                                                                                            \
    X(TWO_HEADERS_OF_ONE)                                                                                              \
    X(CREDENTIALS)                                                                                                     \
    X(CREDENTIALS_OF_ANOTHER)                                                                                          \
    X(HALF_A_DESCRIPTOR) X(OVER_ITSELF) X(ITS_FDS_BACK) X(PILE_UP) X(READY_OFFERS_MORE) X(READY_TWICE)                 \
        X(READY_WITHOUT_CLIMBING) X(ANSWERS_EARLY) X(OPENED_TWICE) X(PAINTED_TWICE) X(PONG_TWICE) X(PORT_CLOSED_TWICE) \
            X(OPENED_AND_REFUSED) X(TICK_AGAIN) X(TICK_BACKWARDS) X(TICK_WRAPS) X(FEW_TICKS) X(TICK_FLOOD)             \
                X(PAINTED_FLOOD) X(PONG_FLOOD) X(EMPTY_FLOOD) X(BELL_FLOOD) X(BELL_TO_ITS_LIMIT) X(NEVER_READS)        \
                    X(PAINTS_AFTERWARDS) X(PAINTS_BOTH) X(PAINTS_AFTER_REFUSED) X(PAINTS_NOTHING) X(DROPS_FRAME)       \
                        X(PONG_BY_CHANNEL) X(RUBBISH_BY_CHANNEL) X(JOINS_BY_BOTH) X(NEXT_LAP) X(LAST_LAP) X(LAP_ZERO)  \
                            X(RECORD_OF_ITSELF) X(FREED_AHEAD) X(FREED_BACKWARDS) X(FLIPS_HEADER) X(FLIPS_LENGTH)      \
                                X(FLIPS_PAYLOAD) X(FLIPS_ALL) X(FLIPS_BROKERS) X(LYING_HINTS) X(RINGS_ITSELF)          \
                                    X(RECORD_MAGIC) X(RECORD_COUNT) X(RECORD_SIGNAL) X(RECORD_HALF) X(RECORD_FLOOD)    \
                                        X(STAMP_FLOOD) X(RECORD_WELL) X(RECORD_KILLED) X(RECORD_THEN_ABORTS)           \
                                            X(RECORD_THEN_EXITS) X(RECORD_OF_THE_FUTURE) X(RECORD_THEN_RUBBISH)        \
                                                X(CLOSES_CRASH_PIPE) X(TITLE_OF_ESCAPES) X(TITLE_OF_2048)              \
                                                    X(DETAIL_OF_ESCAPES) X(READY_LARGEST) X(OPENED_LARGEST)            \
                                                        X(PAINTED_LARGEST) X(TITLE_THEN_ABORTS) X(DOES_NOT_LEAVE)      \
                                                            X(ABORTS_AT_LAST) X(STOPS_ITSELF) X(SIGNALS_INIT)          \
                                                                X(OPENED_THEN_EXITS) X(BAD_THEN_ABORTS) X(EXITS)       \
                                                                    X(ABORTS) X(HANGS_UP) X(HALF_THEN_EXITS) X(FORKS)

enum deed {
    DEED_NONE,
#define X(id) DEED_##id,
    DEEDS(X)
#undef X
        DEED_COUNT
};

/* The attack of a number; false where there is none by that number, and none above where *ret_attack has no name. */
bool attack_find(unsigned number, struct attack *ret_attack);
/* The number of an attack by name; 0. */
unsigned attack_number(const char *name);
/* One above the last. */
unsigned attack_limit(void);

/* What a sending attack sends; out has room for ATTACK_MAX_BYTES. */
#define ATTACK_MAX_BYTES (256u * 1024)
size_t attack_write(const struct attack *attack, uint8_t *out);

#endif
