/* Any bytes as a datagram, from any sender, at any time. The first byte chooses sender and time, the second the
 * number of descriptors, the rest is the datagram.
 *
 * Beside not crashing: what is accepted is legal by its row, leaves protobuf-c no unknown field, and is the same
 * message when it is encoded and decoded again. */
#include "common/message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input);

#define N_SENDERS 3
#define N_TIMES   9 /* bits of enum message_when */
#define N_HEAD    2

static void insist(int holds)
{
    if (!holds)
        abort();
}

static void check_accepted(const struct datagram *datagram, enum message_sender sender, enum message_when when,
                           const struct message *message)
{
    static struct arena arena;
    static uint8_t first[CHANNEL_MAX_BYTES], second[CHANNEL_MAX_BYTES];
    const struct message_row *row = message_row(message->kind);
    insist(row && row->sender == sender && row->when & when);
    insist(datagram->n_bytes <= row->max_bytes);
    insist(datagram->n_fds >= row->min_fds && datagram->n_fds <= row->max_fds);
    insist(message->base->descriptor == row->descriptor && message->base->n_unknown_fields == 0);

    arena_init(&arena);
    struct message again;
    size_t n_first = message_encode(message->kind, message->base, first);
    insist(n_first <= datagram->n_bytes); /* zeros that were sent are left out */
    struct datagram copy = {.bytes = first, .n_bytes = n_first, .n_fds = datagram->n_fds};
    insist(message_decode(&copy, sender, when, &arena, &again) == FAULT_NONE);
    size_t n_second = message_encode(again.kind, again.base, second);
    insist(n_second == n_first && memcmp(first, second, n_first) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input)
{
    static struct arena arena;
    if (n_input < N_HEAD || n_input > N_HEAD + CHANNEL_MAX_BYTES)
        return 0;
    enum message_sender sender = (enum message_sender)(input[0] % N_SENDERS);
    enum message_when when = (enum message_when)(1 << input[0] / N_SENDERS % N_TIMES);
    struct datagram datagram = {
        .bytes = input + N_HEAD,
        .n_bytes = n_input - N_HEAD,
        .n_fds = input[1] % (CHANNEL_MAX_FDS + 1),
    };

    arena_init(&arena);
    struct message message;
    enum message_fault fault = message_decode(&datagram, sender, when, &arena, &message);
    if (fault == FAULT_NONE)
        check_accepted(&datagram, sender, when, &message);
    else
        insist(message.kind == MESSAGE_NONE && strcmp(message_fault_name(fault), "unknown") != 0);
    return 0;
}
