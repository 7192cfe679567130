/* What a call is made of: packing, scanning, unpacking, system calls, and the rest, which is waking and waiting. */
#ifndef BROKER_LATENCY_SHARES_H
#define BROKER_LATENCY_SHARES_H

#include <stdbool.h>

#include "broker/latency/figure.h"
#include "common/message.h"

#define LATENCY_SHARES_PAYLOAD 64

/* Takes the parts' own costs, once, in loops on this processor: a tenth of a second. */
void latency_shares_measure(void);

/* The shares of a call of LATENCY_SHARES_PAYLOAD bytes whose p50 is known. */
void latency_shares_fill(enum message_codec codec, bool by_socket, struct figure_outcome *outcome);

#endif
