/* The machine a figure was measured on: no figure means anything without it. */
#ifndef BROKER_LATENCY_HOST_H
#define BROKER_LATENCY_HOST_H

#include <stdbool.h>
#include <time.h>

/* Strings come from the kernel; "": not known. */
struct latency_host {
    char kernel[128];
    char cpu[128];
    char governor[32];
    char clock_source[32];
    bool virtualized;
    bool filter;   /* the kernel has seccomp filters */
    int n_cpus;    /* online */
    int n_allowed; /* of them we may use so many */
    double load;   /* of the last minute, when we looked */
    time_t time;
};

void latency_host_look(struct latency_host *ret_host);

/* A line for people: which processors, how pinned. n_text of 160 is enough. */
void latency_host_describe_cpus(const struct latency_host *host, char *ret_text, size_t n_text);

#endif
