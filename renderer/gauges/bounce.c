/* The floor under every exchange between two cores: a cache line that goes over and comes back. Both sides look without
 * a pause, and nothing is carried but a count. With one line, call and answer lie in it; with two, each side writes its
 * own, as anything does that carries messages. */
#include "renderer/gauge.h"

#define N_WARM_UP 10000

struct track {
    _Atomic uint64_t *out, *in;
};

static struct track track_of(const struct gauge_run *run)
{
    struct gauge_line *lines = run->stage->lines;
    return (struct track){&lines[0].word, run->gauge == &gauge_bounce_1 ? &lines[0].word : &lines[1].word};
}

static inline void await(_Atomic uint64_t *word, uint64_t value)
{
    while (atomic_load_explicit(word, memory_order_acquire) != value)
        ;
}

/* Call i, from 0. Odd words are calls, even ones answers: one line can hold either. */
static inline void call(void *context, uint64_t i)
{
    const struct track *track = context;
    atomic_store_explicit(track->out, 2 * i + 1, memory_order_release);
    await(track->in, 2 * i + 2);
}

static void make_calls(struct gauge_run *run)
{
    struct track track = track_of(run);
    gauge_begin(run);
    for (uint64_t i = 0; i < N_WARM_UP; i++)
        call(&track, i);
    gauge_start(run);
    gauge_call_often(run, N_WARM_UP, call, &track);
    gauge_stop(run);
}

static void answer_calls(struct gauge_run *run)
{
    const struct track track = track_of(run);
    gauge_begin(run);
    for (uint64_t i = 0; i < N_WARM_UP + run->request->n; i++) {
        await(track.out, 2 * i + 1);
        atomic_store_explicit(track.in, 2 * i + 2, memory_order_release);
    }
}

static const int no_calls[] = {-1};

const struct gauge gauge_bounce_1 = {
    .name = "bounce-1-line",
    .test = "round-trip",
    .calls = no_calls,
    .is_cross = true,
    .work = {make_calls, answer_calls},
};

const struct gauge gauge_bounce_2 = {
    .name = "bounce-2-lines",
    .test = "round-trip",
    .calls = no_calls,
    .is_cross = true,
    .work = {make_calls, answer_calls},
};
