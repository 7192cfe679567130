/* That a POSIX queue brings the most urgent of what waits first, and what is equally urgent in the order it was sent. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "renderer/gauge.h"

/* All of a round wait at once: no more than any host lets a queue hold. */
#define N_A_ROUND    8
#define N_PRIORITIES 3

struct letter {
    uint32_t priority, number;
};

static int prepare(struct gauge_run *run)
{
    const int result = transport_create(transport_find("posix-queue"), TRANSPORT_BLOCK, &run->pair);
    if (result < 0)
        snprintf(run->stage->absent, sizeof run->stage->absent, "%s", run->pair.reason);
    return result;
}

static void release(struct gauge_run *run)
{
    if (run->pair.transport)
        transport_destroy(&run->pair);
}

static uint64_t count_rounds(const struct gauge_run *run)
{
    return (run->request->n + N_A_ROUND - 1) / N_A_ROUND;
}

static struct transport_end *attach(struct gauge_run *run)
{
    struct transport_end *end = NULL;
    sides_require(&run->sides, transport_attach(&run->pair, run->sides.side, &end), "attach");
    return end;
}

static void send_rounds(struct gauge_run *run)
{
    struct transport_end *end = attach(run);
    gauge_begin(run);
    gauge_start(run);
    for (uint64_t round = 0; round < count_rounds(run); round++) {
        for (uint32_t i = 0; i < N_A_ROUND; i++) {
            const struct letter letter = {.priority = (i * 5 + (uint32_t)round) % N_PRIORITIES, .number = i};
            end->priority = letter.priority;
            sides_require(&run->sides, transport_send(end, &letter, sizeof letter), "send");
        }
        sides_meet(&run->sides); /* all are there */
        sides_meet(&run->sides); /* and gone */
    }
    gauge_stop(run);
    run->stage->n = count_rounds(run) * N_A_ROUND;
}

static bool is_in_order(const struct letter *before, const struct letter *after)
{
    return before->priority > after->priority ||
           (before->priority == after->priority && before->number < after->number);
}

static void receive_rounds(struct gauge_run *run)
{
    struct transport_end *end = attach(run);
    uint64_t disordered = 0;
    gauge_begin(run);
    for (uint64_t round = 0; round < count_rounds(run); round++) {
        struct letter before = {.priority = N_PRIORITIES}, letter;
        sides_meet(&run->sides);
        for (unsigned i = 0; i < N_A_ROUND; i++, before = letter) {
            size_t n_bytes = 0;
            sides_require(&run->sides, transport_receive(end, &letter, sizeof letter, &n_bytes), "receive");
            sides_require(&run->sides, n_bytes == sizeof letter ? 0 : -EBADMSG, "size of what was received");
            disordered += !is_in_order(&before, &letter);
        }
        sides_meet(&run->sides);
    }
    run->stage->disordered = disordered;
    snprintf(run->stage->note, sizeof run->stage->note,
             disordered == 0 ? "of %d that wait with %d priorities, the highest came first, equals as they were sent"
                             : "of %d that wait with %d priorities, some came out of order",
             N_A_ROUND, N_PRIORITIES);
}

const struct gauge gauge_priorities = {
    .name = "posix-queue",
    .test = "priority",
    .calls = (const int[]){SYS_mq_timedreceive, SYS_futex, -1},
    .prepare = prepare,
    .release = release,
    .work = {send_rounds, receive_rounds},
};
