#include "broker/breaker.h"

static unsigned count_recent(const struct breaker *breaker, uint64_t now_ns)
{
    unsigned n = 0;
    for (unsigned i = 0; i < BREAKER_MAX_CRASHES; i++)
        n += breaker->crash_ns[i] != 0 && now_ns - breaker->crash_ns[i] < BREAKER_WINDOW_NS;
    return n;
}

bool breaker_crashed(struct breaker *breaker, uint64_t now_ns, uint32_t chance, uint64_t *ret_delay_ns)
{
    breaker->crash_ns[breaker->next] = now_ns;
    breaker->next = (breaker->next + 1) % BREAKER_MAX_CRASHES;
    const unsigned n_recent = count_recent(breaker, now_ns);
    if (breaker->half_open || n_recent >= BREAKER_MAX_CRASHES)
        breaker_trip(breaker);
    if (breaker->open)
        return false;
    const uint64_t delay_ns = BREAKER_DELAY_NS << (n_recent - 1);
    *ret_delay_ns = delay_ns * 3 / 4 + (delay_ns / 2 * (uint64_t)chance >> 32);
    return true;
}

void breaker_trip(struct breaker *breaker)
{
    breaker->open = true;
    breaker->half_open = false;
}

void breaker_try_again(struct breaker *breaker)
{
    breaker->open = false;
    breaker->half_open = true;
}

void breaker_shown(struct breaker *breaker)
{
    if (breaker->half_open)
        *breaker = (struct breaker){0};
}
