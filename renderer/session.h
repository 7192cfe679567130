/* From order to engine to fact: what a renderer does for the rest of its life. */
#ifndef RENDERER_SESSION_H
#define RENDERER_SESSION_H

/* Answers orders that come by channel_fd until the broker hangs up. Never returns; the exit status says why (enum
 * renderer_exit). */
_Noreturn void session_run(int channel_fd);

/* How a renderer ends of its own will. */
enum renderer_exit {
    RENDERER_EXIT_DONE = 0,     /* the broker hung up */
    RENDERER_EXIT_CHANNEL = 70, /* the channel broke, or carried what no broker sends */
    RENDERER_EXIT_LADDER = 71,  /* too few rungs held to go on */
    RENDERER_EXIT_PRCTL = 72,   /* it could be looked into, or could outlive the broker */
};

#endif
