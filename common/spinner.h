/* Whether to spin before sleeping, and for how long: learned from how long the last waits took.
 *
 *     spinner_begin(&spinner);
 *     while (!it_has_come())
 *         if (!spinner_again(&spinner)) {
 *             sleep until it has come;
 *             break;
 *         }
 *     spinner_end(&spinner);
 *
 * A spin is bounded by time, never longer than max_ns, which should be about what one wake costs: then spinning in vain
 * at most doubles a wait. It ends early where what comes usually comes early, and waits that are regularly long are not
 * spun for at all. */
#ifndef COMMON_SPINNER_H
#define COMMON_SPINNER_H

#include <stdbool.h>
#include <stdint.h>

/* A sleeping process on the other core of a virtual machine is up again after 25 to 60 µs. */
#define SPINNER_MAX_NS 50000

enum spinner_wait { SPINNER_IDLE, SPINNER_SPINS, SPINNER_PASSED, SPINNER_GAVE_UP };

struct spinner {
    uint64_t max_ns;
    uint64_t typical_ns; /* moving mean of the waits, each counted as max_ns at most */
    unsigned trust;      /* 0: does not spin */
    unsigned n_passes;   /* waits short enough to try again that are to be let pass before that is done */
    unsigned penalty;    /* n_passes after the next failure */

    /* The wait that goes on: */
    enum spinner_wait wait;
    uint64_t start_ns; /* 0: so short yet that the clock was not looked at */
    unsigned n_turns;
};

void spinner_init(struct spinner *ret_spinner, uint64_t max_ns);

/* A wait begins. */
void spinner_begin(struct spinner *spinner);
/* After looking in vain. True: look again; a short pause has passed. False: sleep. */
bool spinner_again(struct spinner *spinner);
/* The caller has its own reasons to sleep rather than spin: nothing is learned about spinning. */
void spinner_pass(struct spinner *spinner);
/* It has come, spun for or slept for. Does nothing when no wait goes on. */
void spinner_end(struct spinner *spinner);

#endif
