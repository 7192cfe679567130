/* What --inject and --chaos are told: words in, structs out. */
#ifndef BROKER_INJECT_OPTIONS_H
#define BROKER_INJECT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/inject_plan.h"

/* KIND[@TAB][:MS] */
struct inject_request {
    struct inject_plan plan;
    unsigned tab;      /* from 1 */
    uint64_t delay_ns; /* after the tab's picture */
};

/* SECONDS[:SEED] */
struct chaos_request {
    uint64_t duration_ns; /* 0: none was asked for */
    uint64_t seed;
    bool has_seed;
};

/* True; or false and one escaped line in ret_error that names the nearest right spelling. */
bool inject_request_parse(const char *text, struct inject_request *ret_request, char *ret_error, size_t n_error);
bool chaos_request_parse(const char *text, struct chaos_request *ret_request, char *ret_error, size_t n_error);

#endif
