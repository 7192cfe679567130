/* Measures one thing and tells it in one line: a helper process of the broker's, because what mechanisms do to processes
 * should not happen to a broker, and because the peer's filter has to be the renderer's.
 *
 *     measure name=pipe-pair test=round-trip placement=cross-core wait=block payload=64 n=10000 sandboxed=1
 *
 * Words it does not know end it with status 2. What cannot be measured here is told as absent, with status 0. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/transport_measure.h"
#include "renderer/echo.h"
#include "renderer/gauge.h"
#include "renderer/gauges/birth.h"

#define GAP_NS             NS_PER_MS
#define DEFAULT_TIMEOUT_MS 10000
/* How much longer than it is told to take it may live, should all else fail. */
#define SPARE_S 5

struct request {
    const char *name, *test;
    struct measure_options options;
    unsigned count;
    bool sandboxed, trespass;
};

/* ---- words ---------------------------------------------------------------------------------------------------------- */

static bool take_number(const char *text, uint64_t max, uint64_t *ret_number)
{
    char *end;
    errno = 0;
    *ret_number = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *ret_number <= max;
}

/* The place of text among names, which end with NULL. */
static bool take_name(const char *text, const char *const *names, unsigned *ret_index)
{
    for (*ret_index = 0; names[*ret_index]; (*ret_index)++) {
        if (strcmp(names[*ret_index], text) == 0)
            return true;
    }
    return false;
}

static bool take_placement(const char *text, enum measure_placement *ret_placement)
{
    static const char *const names[] = {"same-core", "cross-core", "free", NULL};
    static const enum measure_placement placements[] = {MEASURE_SAME_CORE, MEASURE_CROSS_CORE, MEASURE_FREE};
    unsigned i;
    if (!take_name(text, names, &i))
        return false;
    *ret_placement = placements[i];
    return true;
}

static bool take_wait(const char *text, enum transport_wait *ret_wait)
{
    static const char *const names[] = {"block", "spin", "yield", NULL};
    static const enum transport_wait waits[] = {TRANSPORT_BLOCK, TRANSPORT_SPIN, TRANSPORT_YIELD};
    unsigned i;
    if (!take_name(text, names, &i))
        return false;
    *ret_wait = waits[i];
    return true;
}

static bool take_word(struct request *request, const char *word)
{
    const char *value = strchr(word, '=');
    uint64_t number = 0;
    if (!value++)
        return false;
    const size_t n_key = (size_t)(value - word) - 1;
#define IS(key) (n_key == sizeof key - 1 && memcmp(word, key, n_key) == 0)
    if (IS("name") || IS("test")) {
        *(IS("name") ? &request->name : &request->test) = value;
        return true;
    }
    if (IS("placement"))
        return take_placement(value, &request->options.placement);
    if (IS("wait"))
        return take_wait(value, &request->options.wait);
    if (!take_number(value, IS("n") ? UINT64_MAX / NS_PER_S : UINT32_MAX, &number))
        return false;
    if (IS("n"))
        request->options.n = number;
    else if (IS("payload"))
        request->options.payload = number;
    else if (IS("count"))
        request->count = (unsigned)number;
    else if (IS("sample-every"))
        request->options.sample_every = (unsigned)number;
    else if (IS("timeout-ms"))
        request->options.timeout_ms = (unsigned)number;
    else if (IS("sandboxed") && number <= 1)
        request->sandboxed = number;
    else if (IS("trespass") && number <= 1)
        request->trespass = number;
    else
        return false;
#undef IS
    return true;
}

static bool take_words(struct request *request, char **words)
{
    *request = (struct request){.options = {.n = 1000, .timeout_ms = DEFAULT_TIMEOUT_MS, .gap_ns = GAP_NS}, .count = 1};
    for (; *words; words++) {
        if (!take_word(request, *words)) {
            fprintf(stderr, "measure: %s is no word for it\n", *words);
            return false;
        }
    }
    if (!request->name || !request->test || request->options.n == 0)
        fprintf(stderr, "measure: name=, test= and n= say what\n");
    return request->name && request->test && request->options.n > 0;
}

/* ---- mechanisms ----------------------------------------------------------------------------------------------------- */

static bool take_test(struct measure_options *options, const char *text)
{
    static const char *const names[] = {"round-trip", "sparse", "one-way", "transfer-1g", NULL};
    static const enum measure_test tests[] = {MEASURE_ROUND_TRIP, MEASURE_SPARSE, MEASURE_ONE_WAY, MEASURE_TRANSFER};
    unsigned i;
    if (!take_name(text, names, &i))
        return false;
    options->test = tests[i];
    options->n_bytes = MEASURE_GIB;
    return true;
}

/* What the row is known for, in the light of what was counted. */
static void note(const struct transport *transport, struct measured *measured)
{
    if (strcmp(transport->name, "signal") == 0 && measured->lost > 0)
        snprintf(measured->note, sizeof measured->note, "plain signals coalesce: %.1f %% came as one with another",
                 100.0 * (double)measured->lost / (double)measured->n);
    else if (strcmp(transport->name, "rt-signal") == 0)
        snprintf(measured->note, sizeof measured->note, "queued: %" PRIu64 " lost, %" PRIu64 " out of order",
                 measured->lost, measured->disordered);
    else if (transport->flags & TRANSPORT_LOSES && measured->lost > 0)
        snprintf(measured->note, sizeof measured->note, "%.1f %% lost, without the sender being told",
                 100.0 * (double)measured->lost / (double)measured->n);
}

static void take_result(const struct measure_result *result, struct measured *measured)
{
    measured->n = result->n;
    measured->lost = result->lost;
    measured->disordered = result->disordered;
    measured->total_ns = (uint64_t)(result->total_ms * (double)NS_PER_MS);
    measured->mean_ps = (uint64_t)(result->mean_ns * 1000);
    measured->cpu_ns = (uint64_t)(result->cpu_ns_per_call * (double)result->n);
    measured_take(measured, &result->latency);
}

static void measure_transport(const struct transport *transport, struct request *request, struct measured *measured)
{
    static struct measure_result result;
    struct echo echo = {0};
    const int error = request->sandboxed ? echo_init(&echo, transport->calls) : 0;
    if (error != 0) {
        snprintf(measured->absent, sizeof measured->absent, "the filter cannot be built: %s", strerror(-error));
        return;
    }
    echo.trespass = request->trespass;
    request->options.transport = transport;
    request->options.before_start = request->sandboxed ? echo_enter : NULL;
    request->options.context = &echo;
    if (transport_measure(&request->options, &result) == 0) {
        take_result(&result, measured);
        note(transport, measured);
    } else {
        snprintf(measured->absent, sizeof measured->absent, "%s", result.absent);
    }
    echo_finish(&echo);
}

/* ---- one request ---------------------------------------------------------------------------------------------------- */

static bool measure(struct request *request, struct measured *ret_measured)
{
    const struct gauge *gauge = gauge_find(request->name, request->test);
    const struct transport *transport = transport_find(request->name);
    *ret_measured = (struct measured){0};
    if (gauge) {
        const struct gauge_request asked = {
            .n = request->options.n,
            .count = request->count,
            .placement = request->options.placement,
            .sandboxed = request->sandboxed,
            .trespass = request->trespass,
            .timeout_ms = request->options.timeout_ms,
        };
        gauge_measure(gauge, &asked, ret_measured);
        return true;
    }
    if (!transport || !take_test(&request->options, request->test))
        return false;
    measure_transport(transport, request, ret_measured);
    return true;
}

/* So that it ends in any case; those it starts end with it. A parent that died before this was asked for has closed our
 * output. */
static void limit_self(const struct request *request)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(request->options.timeout_ms / 1000 + SPARE_S);
}

int main(int argc, char **argv)
{
    struct request request;
    struct measured measured;
    bool closed[3];
    if (argc == 2 && strcmp(argv[1], BIRTH_END_WORD) == 0)
        return EXIT_SUCCESS;
    if (fd_guard_stdio(closed) != 0 || argc < 2 || !take_words(&request, argv + 1))
        return 2;
    limit_self(&request);
    if (!measure(&request, &measured)) {
        fprintf(stderr, "measure: no %s of %s is known\n", request.test, request.name);
        return 2;
    }
    measured_print(&measured, stdout);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
