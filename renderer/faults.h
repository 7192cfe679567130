/* The faults that a renderer makes on purpose, when the broker orders it to (Inject): the ways in which engines, or
 * whoever took one over, really end. None of them needs more than the sandbox gives; most of them find that out. */
#ifndef RENDERER_FAULTS_H
#define RENDERER_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/channel.h"
#include "common/frame.h"
#include "common/inject.h"
#include "renderer/engine.h"

/* What a fault may lay hands on; all borrowed. */
struct faults_context {
    struct channel *channel;
    uint64_t serial;                   /* of the order that is being served */
    const struct frame_layout *layout; /* of the frame */
    uint8_t *frame;                    /* both slots; NULL before Open */
    struct engine_facts *facts;        /* what Opened is going to say */
    int *receive_delay_ms;             /* how long to wait from now on before each receive */
};

/* True for a fault that a renderer can make: a number of the list, and not one of those that the broker makes. */
bool faults_known(uint32_t fault);

/* Stamps the crash pipe (crash_handler.h), then makes the fault, which must be a known one. Returns only from a fault
 * that a renderer survives, or that something kept from happening. */
void faults_run(const struct faults_context *context, enum injection fault);

#endif
