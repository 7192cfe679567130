#include "common/spinner.h"

#include "common/clock.h"

/* Looking at the clock costs more than a turn; what comes within the first turns is not timed at all. */
#define TURNS_PER_LOOK 32

/* Before these are over there is no pause: who answers at once is answered at once. */
#define EAGER_TURNS 64

#define MAX_TRUST   8
#define MAX_PENALTY 64

/* Waits up to this many times max_ns may have been short ones: a sleep's length has the wake in it. */
#define PERHAPS_SHORT 3

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield" ::: "memory");
#else
    __asm__ volatile("" ::: "memory");
#endif
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void spinner_init(struct spinner *ret_spinner, uint64_t max_ns)
{
    *ret_spinner = (struct spinner){.max_ns = max_ns, .typical_ns = max_ns, .trust = 1, .penalty = 1};
}

void spinner_begin(struct spinner *spinner)
{
    spinner->wait = SPINNER_SPINS;
    spinner->start_ns = 0;
    spinner->n_turns = 0;
}

void spinner_pass(struct spinner *spinner)
{
    if (spinner->start_ns == 0)
        spinner->start_ns = clock_now_ns();
    spinner->wait = SPINNER_PASSED;
}

static uint64_t limit_ns(const struct spinner *spinner)
{
    return least(spinner->max_ns, 4 * spinner->typical_ns + spinner->max_ns / 16);
}

bool spinner_again(struct spinner *spinner)
{
    if (spinner->trust == 0) {
        spinner_pass(spinner);
        return false;
    }
    if (++spinner->n_turns <= EAGER_TURNS)
        return true;
    pause_briefly();
    if (spinner->n_turns % TURNS_PER_LOOK != 0)
        return true;
    const uint64_t now_ns = clock_now_ns();
    if (spinner->start_ns == 0)
        spinner->start_ns = now_ns;
    if (now_ns - spinner->start_ns < limit_ns(spinner))
        return true;
    spinner->wait = SPINNER_GAVE_UP;
    return false;
}

static void learn_success(struct spinner *spinner)
{
    if (spinner->trust < MAX_TRUST)
        spinner->trust++;
    spinner->penalty = 1;
}

static void learn_failure(struct spinner *spinner)
{
    spinner->trust /= 2;
    if (spinner->trust > 0)
        return;
    spinner->n_passes = spinner->penalty;
    spinner->penalty = (unsigned)least(2 * spinner->penalty, MAX_PENALTY);
}

/* Waits that might be short again are worth a try, less and less often while tries fail. Long ones never are: with
 * nothing to do, nothing is burnt. */
static void consider_again(struct spinner *spinner, uint64_t gap_ns)
{
    if (gap_ns > PERHAPS_SHORT * spinner->max_ns)
        return;
    if (spinner->n_passes > 0)
        spinner->n_passes--;
    else
        spinner->trust = 1;
}

void spinner_end(struct spinner *spinner)
{
    const enum spinner_wait wait = spinner->wait;
    if (wait == SPINNER_IDLE)
        return;
    spinner->wait = SPINNER_IDLE;
    const uint64_t gap_ns = spinner->start_ns == 0 ? 0 : clock_now_ns() - spinner->start_ns;
    spinner->typical_ns = (7 * spinner->typical_ns + least(gap_ns, spinner->max_ns)) / 8;
    if (wait == SPINNER_SPINS)
        learn_success(spinner);
    else if (wait == SPINNER_GAVE_UP)
        learn_failure(spinner);
    else if (spinner->trust == 0)
        consider_again(spinner, gap_ns);
}
