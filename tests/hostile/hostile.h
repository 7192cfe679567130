/* A renderer that skips the engines and lies. It climbs the shipped ladder with the shipped code, and answers orders as an
 * honest one would, up to the moment of its attack. */
#ifndef TESTS_HOSTILE_HOSTILE_H
#define TESTS_HOSTILE_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/frame.h"
#include "common/link.h"
#include "common/message.h"
#include "renderer/ladder.h"
#include "tests/hostile/attack.h"

struct hostile {
    struct attack attack;
    struct link link;
    struct ladder_report report;
    struct arena arena;
    unsigned n_orders;
    bool is_over; /* the broker has hung up */

    struct message order; /* the last */
    struct datagram *datagram;
    struct frame_layout layout;
    uint8_t *frame;
};

/* What an honest renderer would do. */
void hostile_say_ready(struct hostile *hostile);
void hostile_answer(struct hostile *hostile);
/* Sends one fact, by the way in use. */
void hostile_say(struct hostile *hostile, enum message_kind kind, const ProtobufCMessage *fact);

/* One datagram, by the way in use; with descriptors, by the channel. */
void hostile_send(struct hostile *hostile, const void *bytes, size_t n_bytes, int fd, unsigned n_fds);
/* By the channel, with a control message as it stands. 0 or -errno. */
int hostile_send_control(const void *bytes, size_t n_bytes, void *control, size_t n_control, int flags);

/* What has to be noted before the ladder: who it is. */
void hostile_deeds_begin(void);

/* One for each deed. True: go on as an honest renderer would; false: the order has been answered, or never will be. */
#define X(id) bool hostile_##id(struct hostile *hostile);
DEEDS(X)
#undef X

#endif
