#include "common/cpus.h"

#include <stdbool.h>
#include <stdio.h>

static int read_topology(int cpu, const char *what)
{
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/%s", cpu, what);
    FILE *file = fopen(path, "re");
    int number = -1;
    if (file != NULL && fscanf(file, "%d", &number) != 1)
        number = -1;
    if (file != NULL)
        fclose(file);
    return number;
}

static bool is_same_core(int a, int b)
{
    const int core = read_topology(a, "core_id");
    return core >= 0 && core == read_topology(b, "core_id") &&
           read_topology(a, "physical_package_id") == read_topology(b, "physical_package_id");
}

void cpus_choose(const cpu_set_t *allowed, int *ret_first, int *ret_second)
{
    *ret_first = *ret_second = -1;
    for (int cpu = 0; cpu < CPU_SETSIZE && *ret_second < 0; cpu++) {
        if (!CPU_ISSET((size_t)cpu, allowed))
            continue;
        if (*ret_first < 0)
            *ret_first = cpu;
        else if (!is_same_core(*ret_first, cpu))
            *ret_second = cpu;
    }
}
