#include "broker/inject_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/inject.h"
#include "broker/nearest.h"
#include "common/clock.h"
#include "common/text.h"

#define MAX_TAB      1024
#define MAX_DELAY_MS 86400000u
#define MAX_CHAOS_S  86400.0
#define MIN_CHAOS_S  0.1

/* Digits only, at most `most`; *text is left behind them. */
static bool take_number(const char **text, uint64_t most, uint64_t *ret_number)
{
    const char *digit = *text;
    uint64_t number = 0;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        if (__builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (unsigned)(*digit - '0'), &number))
            return false;
    }
    if (digit == *text || number > most)
        return false;
    *text = digit;
    *ret_number = number;
    return true;
}

static const char *name_at(size_t i)
{
    return injection_name((enum injection)(i + 1));
}

static enum injection find(const char *name, size_t n_name)
{
    for (int fault = INJECT_NONE + 1; fault < INJECT_COUNT; fault++) {
        const char *candidate = injection_name((enum injection)fault);
        if (strlen(candidate) == n_name && memcmp(candidate, name, n_name) == 0)
            return (enum injection)fault;
    }
    return INJECT_NONE;
}

bool inject_request_parse(const char *text, struct inject_request *ret_request, char *ret_error, size_t n_error)
{
    const size_t n_name = strcspn(text, "@:");
    const enum injection fault = find(text, n_name);
    char shown[96];
    text_escape(shown, sizeof shown, text, strlen(text));
    if (fault == INJECT_NONE) {
        const char *nearest = nearest_name(text, n_name, name_at, INJECT_COUNT - 1);
        snprintf(ret_error, n_error, "--inject %s: unknown kind; the nearest is %s (--inject list names them all)",
                 *shown ? shown : "\"\"", nearest);
        return false;
    }

    struct inject_request request = {.plan = {.fault = fault, .stage = injection_stage(fault)}, .tab = 1};
    const char *rest = text + n_name;
    uint64_t number;
    if (*rest == '@') {
        rest++;
        if (!take_number(&rest, MAX_TAB, &number) || number == 0) {
            snprintf(ret_error, n_error, "--inject %s: expected a tab from 1 to %d behind the @, as in %s@1", shown,
                     MAX_TAB, injection_name(fault));
            return false;
        }
        request.tab = (unsigned)number;
    }
    if (*rest == ':') {
        rest++;
        if (!take_number(&rest, MAX_DELAY_MS, &number)) {
            snprintf(ret_error, n_error,
                     "--inject %s: expected milliseconds from 0 to %u behind the colon, as in %s@%u:500", shown,
                     MAX_DELAY_MS, injection_name(fault), request.tab);
            return false;
        }
        request.delay_ns = number * NS_PER_MS;
    }
    if (*rest != '\0') {
        snprintf(ret_error, n_error, "--inject %s: expected KIND[@TAB][:MS], as in %s@%u:500", shown,
                 injection_name(fault), request.tab);
        return false;
    }
    *ret_request = request;
    return true;
}

bool chaos_request_parse(const char *text, struct chaos_request *ret_request, char *ret_error, size_t n_error)
{
    struct chaos_request request = {0};
    const size_t n_seconds = strspn(text, "0123456789.");
    char seconds[32] = "", *end = seconds;
    if (n_seconds < sizeof seconds)
        memcpy(seconds, text, n_seconds);
    const double duration_s = strtod(seconds, &end);
    const char *rest = text + n_seconds;
    bool good = end != seconds && *end == '\0' && duration_s >= MIN_CHAOS_S && duration_s <= MAX_CHAOS_S;
    if (good && *rest == ':') {
        rest++;
        request.has_seed = good = take_number(&rest, UINT64_MAX, &request.seed);
    }
    if (!good || *rest != '\0') {
        char shown[96];
        text_escape(shown, sizeof shown, text, strlen(text));
        snprintf(ret_error, n_error,
                 "--chaos %s: expected SECONDS[:SEED], %g to %g seconds and a whole number, as in 10:42",
                 *shown ? shown : "\"\"", MIN_CHAOS_S, MAX_CHAOS_S);
        return false;
    }
    request.duration_ns = (uint64_t)(duration_s * (double)NS_PER_S);
    *ret_request = request;
    return true;
}
