/* When a document whose renderer died is tried again: exponential back-off with jitter, and a breaker that opens when it
 * dies too often. One for each document, whatever tabs show it. Pure: time and chance come in as arguments. */
#ifndef BROKER_BREAKER_H
#define BROKER_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"

#define BREAKER_MAX_CRASHES 5                 /* so many … */
#define BREAKER_WINDOW_NS   (60 * NS_PER_S)   /* … within this, and it opens */
#define BREAKER_DELAY_NS    (250 * NS_PER_MS) /* after the first; doubles with each */

struct breaker {
    uint64_t crash_ns[BREAKER_MAX_CRASHES]; /* the latest, in turn; 0: none */
    unsigned next;
    bool open;      /* not to be tried by itself */
    bool half_open; /* somebody asked for one more try: the next crash opens it at once, a picture closes it */
};

/* It died at now_ns. True when it is to be tried again, *ret_delay_ns from then: 0.25 s doubled for each crash within the
 * last minute but the first, and by a factor from 0.75 to 1.25 that `chance` (any number) picks. */
bool breaker_crashed(struct breaker *breaker, uint64_t now_ns, uint32_t chance, uint64_t *ret_delay_ns);

/* It died in a way that costs much and would only repeat itself: opens at once. */
void breaker_trip(struct breaker *breaker);

/* Somebody wants it tried once more. */
void breaker_try_again(struct breaker *breaker);

/* It showed a picture. Only after try_again does that make up for its crashes: a document that shows a picture and then
 * dies, again and again, must not go on so for ever. */
void breaker_shown(struct breaker *breaker);

#endif
