/* Measures cases, one after the other, and prints a line of JSON for each: the figures of a `latency` event, or `absent`
 * with the reason.
 *
 *     PROGRAM MESSAGES NAME:TEST:PLACEMENT:WAIT:PAYLOAD...
 *
 * NAME is the peer, or any mechanism of the project. MESSAGES: how many calls or messages; 0: as many as fit in a fifth
 * of a second, up to a million. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/peers/peer.h"
#include "common/clock.h"
#include "common/text.h"
#include "common/transport_measure.h"

#define TIMEOUT_MS     5000
#define FIT_S          0.2
#define MAX_MESSAGES   1000000
#define TRIAL_CALLS    100
#define TRIAL_MESSAGES 2000

static _Noreturn void usage(const char *why, const char *word)
{
    fprintf(stderr, "peer: %s%s; usage: MESSAGES NAME:TEST:PLACEMENT:WAIT:PAYLOAD...\n", why, word);
    exit(2);
}

/* ---- words ---------------------------------------------------------------------------------------------------------- */

static const struct transport *find_transport(const char *name)
{
    return peer.transport && strcmp(peer.transport->name, name) == 0 ? peer.transport : transport_find(name);
}

/* The place of word in the list, which ends with NULL. */
static int find_word(const char *word, const char *const *list)
{
    for (int i = 0; list[i] != NULL; i++) {
        if (strcmp(word, list[i]) == 0)
            return i;
    }
    usage("unknown: ", word);
}

static uint64_t parse_number(const char *word)
{
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(word, &end, 10);
    if (errno != 0 || end == word || *end != '\0' || *word == '-')
        usage("not a number: ", word);
    return number;
}

static struct measure_options parse_case(char *text)
{
    static const char *const tests[] = {"round-trip", "one-way", NULL};
    static const enum measure_test test_values[] = {MEASURE_ROUND_TRIP, MEASURE_ONE_WAY};
    static const char *const placements[] = {"same-core", "cross-core", "free", NULL};
    static const enum measure_placement placement_values[] = {MEASURE_SAME_CORE, MEASURE_CROSS_CORE, MEASURE_FREE};
    static const char *const waits[] = {"block", "spin", "yield", NULL};
    static const enum transport_wait wait_values[] = {TRANSPORT_BLOCK, TRANSPORT_SPIN, TRANSPORT_YIELD};

    char *words[5] = {NULL}, *rest = NULL;
    size_t n_words = 0;
    for (char *word = strtok_r(text, ":", &rest); word != NULL; word = strtok_r(NULL, ":", &rest)) {
        if (n_words == 5)
            usage("too much in one case: ", word);
        words[n_words++] = word;
    }
    if (n_words < 5)
        usage("five things make a case, not only ", text);
    const struct transport *transport = find_transport(words[0]);
    if (transport == NULL)
        usage("unknown: ", words[0]);
    return (struct measure_options){
        .transport = transport,
        .test = test_values[find_word(words[1], tests)],
        .placement = placement_values[find_word(words[2], placements)],
        .wait = wait_values[find_word(words[3], waits)],
        .payload = parse_number(words[4]),
        .timeout_ms = TIMEOUT_MS,
    };
}

/* ---- figures -------------------------------------------------------------------------------------------------------- */

static void print_string(const char *key, const char *text)
{
    char quoted[512];
    text_json(quoted, sizeof(quoted), text, strlen(text));
    printf(",\"%s\":%s", key, quoted);
}

static void print_number(const char *key, double number)
{
    printf(",\"%s\":%.1f", key, number);
}

static void print_figures(const struct measure_options *options, const struct measure_result *result)
{
    print_number("n", (double)result->n);
    print_number("lost", (double)result->lost);
    print_number("per_s", result->per_s);
    print_number("cpu_ns_per_call", result->cpu_ns_per_call);
    print_number("total_ms", result->total_ms);
    if (options->test != MEASURE_ROUND_TRIP)
        return;
    print_number("p50_ns", (double)result->p50_ns);
    print_number("p90_ns", (double)result->p90_ns);
    print_number("p99_ns", (double)result->p99_ns);
    print_number("p999_ns", (double)result->p999_ns);
    print_number("max_ns", (double)result->max_ns);
    print_number("mean_ns", (double)result->mean_ns);
}

static void print_result(const struct measure_options *options, const struct measure_result *result)
{
    printf("{\"event\":\"latency\"");
    print_string("name", result->name);
    print_string("test", result->test);
    print_string("placement", result->placement);
    print_string("wait", result->wait);
    print_number("payload", (double)options->payload);
    if (result->absent[0] != '\0')
        print_string("absent", result->absent);
    else
        print_figures(options, result);
    printf("}\n");
    fflush(stdout);
}

/* A few first, to see how many fit. */
static void measure(struct measure_options *options, uint64_t n_messages, struct measure_result *result)
{
    options->n = n_messages;
    if (n_messages == 0) {
        options->n = options->test == MEASURE_ROUND_TRIP ? TRIAL_CALLS : TRIAL_MESSAGES;
        if (transport_measure(options, result) < 0)
            return;
        const double fit = result->per_s * FIT_S;
        if (fit > (double)options->n)
            options->n = fit < MAX_MESSAGES ? (uint64_t)fit : MAX_MESSAGES;
    }
    transport_measure(options, result);
}

static void measure_case(const char *text, uint64_t n_messages, const char *absent)
{
    char *copy = strdup(text);
    if (copy == NULL)
        usage("out of memory", "");
    struct measure_options options = parse_case(copy);
    struct measure_result result = {
        .name = options.transport->name,
        .test = measure_test_name(&options),
        .placement = measure_placement_name(options.placement),
        .wait = "",
    };
    if (absent[0] != '\0')
        snprintf(result.absent, sizeof(result.absent), "%s", absent);
    else
        measure(&options, n_messages, &result);
    print_result(&options, &result);
    free(copy);
}

int main(int argc, char **argv)
{
    char absent[TRANSPORT_MAX_REASON] = "";
    if (argc < 3)
        usage("nothing to measure", "");
    const uint64_t n_messages = parse_number(argv[1]);
    const bool has_begun = peer.begin && peer.begin(absent, sizeof(absent)) == 0;
    for (int i = 2; i < argc; i++)
        measure_case(argv[i], n_messages, absent);
    if (has_begun && peer.end)
        peer.end();
    return 0;
}
