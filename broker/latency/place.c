#include "broker/latency/place.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/cpus.h"

static cpu_set_t allowed;
static bool knows_allowed;

static int pin(pid_t pid, int cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    return sched_setaffinity(pid, sizeof one, &one) < 0 ? -errno : 0;
}

static int look_where_we_may(void)
{
    if (!knows_allowed && sched_getaffinity(0, sizeof allowed, &allowed) < 0)
        return -errno;
    knows_allowed = true;
    return 0;
}

static int place_all(int own, int theirs, const pid_t *others, size_t n_others)
{
    int error = own < 0 || theirs < 0 ? -EOPNOTSUPP : pin(0, own);
    for (size_t i = 0; i < n_others && error == 0; i++)
        error = pin(others[i], theirs);
    return error;
}

int latency_place(const char *placement, const pid_t *others, size_t n_others)
{
    int error = look_where_we_may();
    if (error != 0)
        return error;
    int own, other;
    cpus_choose(&allowed, &own, &other);
    if (strcmp(placement, "same-core") == 0)
        return place_all(own, own, others, n_others);
    if (strcmp(placement, "cross-core") == 0)
        return place_all(own, other, others, n_others);
    latency_place_free();
    for (size_t i = 0; i < n_others && error == 0; i++)
        error = sched_setaffinity(others[i], sizeof allowed, &allowed) < 0 ? -errno : 0;
    return error;
}

void latency_place_free(void)
{
    if (knows_allowed)
        sched_setaffinity(0, sizeof allowed, &allowed);
}

static uint64_t read_clock(clockid_t clock)
{
    struct timespec spent;
    return clock_gettime(clock, &spent) == 0 ? (uint64_t)spent.tv_sec * NS_PER_S + (uint64_t)spent.tv_nsec : 0;
}

uint64_t latency_cpu_ns(const pid_t *others, size_t n_others)
{
    uint64_t sum = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    for (size_t i = 0; i < n_others; i++) {
        clockid_t clock;
        if (clock_getcpuclockid(others[i], &clock) == 0)
            sum += read_clock(clock);
    }
    return sum;
}

uint64_t latency_wakeups(pid_t pid)
{
    char path[64], line[128];
    uint64_t n = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *status = fopen(path, "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (sscanf(line, "voluntary_ctxt_switches: %" SCNu64, &n) == 1)
            break;
    }
    if (status != NULL)
        fclose(status);
    return n;
}
