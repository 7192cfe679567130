#include "broker/latency/host.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/fd.h"

/* The first line of a file, or "". */
static void read_line(const char *path, char *ret_line, size_t n_line)
{
    CLOSE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, ret_line, n_line - 1) : -1;
    ret_line[n > 0 ? n : 0] = '\0';
    ret_line[strcspn(ret_line, "\n")] = '\0';
}

/* What follows "name   : " in /proc/cpuinfo. */
static bool is_field(const char *line, const char *name, const char **ret_value)
{
    const size_t n = strlen(name);
    if (strncmp(line, name, n) != 0)
        return false;
    const char *colon = line + n + strspn(line + n, "\t ");
    if (*colon != ':')
        return false;
    *ret_value = colon + 1 + strspn(colon + 1, "\t ");
    return true;
}

static void read_cpuinfo(struct latency_host *host)
{
    FILE *in = fopen("/proc/cpuinfo", "re");
    if (in == NULL)
        return;
    char line[4096];
    const char *value;
    while (fgets(line, sizeof line, in) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (host->cpu[0] == '\0' && (is_field(line, "model name", &value) || is_field(line, "Processor", &value)))
            snprintf(host->cpu, sizeof host->cpu, "%s", value);
        if (is_field(line, "flags", &value) && strstr(value, " hypervisor") != NULL)
            host->virtualized = true;
    }
    fclose(in);
}

void latency_host_look(struct latency_host *ret_host)
{
    *ret_host = (struct latency_host){.n_cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), .time = time(NULL)};
    struct utsname names;
    if (uname(&names) == 0)
        snprintf(ret_host->kernel, sizeof ret_host->kernel, "%.16s %.64s %.16s", names.sysname, names.release,
                 names.machine);
    read_cpuinfo(ret_host);
    read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", ret_host->governor, sizeof ret_host->governor);
    read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", ret_host->clock_source,
              sizeof ret_host->clock_source);
    ret_host->filter = access("/proc/sys/kernel/seccomp/actions_avail", F_OK) == 0;
    cpu_set_t allowed;
    ret_host->n_allowed = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : ret_host->n_cpus;
    if (getloadavg(&ret_host->load, 1) != 1)
        ret_host->load = 0;
}

void latency_host_describe_cpus(const struct latency_host *host, char *ret_text, size_t n_text)
{
    snprintf(ret_text, n_text, "%d online, %d ours; same-core and cross-core are pinned%s, free is not", host->n_cpus,
             host->n_allowed, host->n_allowed < 2 ? " (there is no other core)" : "");
}
