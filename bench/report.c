#include "bench/report.h"

#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/text.h"

static struct {
    bool json;
    bool has_heading; /* of the columns, in this section */
    const char *section;
} report;

void bench_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fprintf(stderr, "bench: ");
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(EXIT_FAILURE);
}

void bench_rig_failed(struct rig *rig, const char *why)
{
    (void)rig;
    bench_fail("%s", why);
}

void report_init(bool json)
{
    report.json = json;
    setvbuf(stdout, NULL, _IOLBF, 0);
}

static void put_json_string(const char *text)
{
    char quoted[1024];
    text_json(quoted, sizeof quoted, text, strlen(text));
    fputs(quoted, stdout);
}

static void begin_json(const char *name)
{
    printf("{\"bench\":");
    put_json_string(report.section != NULL ? report.section : "host");
    if (name != NULL) {
        printf(",\"name\":");
        put_json_string(name);
    }
}

static void put_json_field(const char *name, const char *text)
{
    printf(",\"%s\":", name);
    put_json_string(text);
}

/* ---- the machine ------------------------------------------------------------------------------------------------------- */

static void find_cpu_model(char *out, size_t n_out)
{
    snprintf(out, n_out, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "re");
    if (file == NULL)
        return;
    char line[256];
    while (fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
            snprintf(out, n_out, "%s", colon + 2);
            out[strcspn(out, "\n")] = '\0';
            break;
        }
    }
    fclose(file);
}

/* Whether a clock that changes its mind may have been at work. */
static void find_governor(char *out, size_t n_out)
{
    snprintf(out, n_out, "unknown");
    FILE *file = fopen("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "re");
    if (file == NULL)
        return;
    if (fgets(out, (int)n_out, file) != NULL)
        out[strcspn(out, "\n")] = '\0';
    fclose(file);
}

static void join(char *out, size_t n_out, int argc, char **argv)
{
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < argc && n < n_out; i++) {
        const char *word = i == 0 && strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[i];
        char escaped[256];
        text_escape(escaped, sizeof escaped, word, strlen(word));
        n += (size_t)snprintf(out + n, n_out - n, "%s%s", i > 0 ? " " : "", escaped);
    }
}

void report_host(int argc, char **argv)
{
    struct utsname system;
    if (uname(&system) < 0)
        bench_fail("the kernel does not say what it is");
    char cpu[128], governor[32], command[1024];
    find_cpu_model(cpu, sizeof cpu);
    find_governor(governor, sizeof governor);
    join(command, sizeof command, argc, argv);
    cpu_set_t allowed;
    const int n_cpus = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
    const long n_online = sysconf(_SC_NPROCESSORS_ONLN);

    if (report.json) {
        begin_json(NULL);
        put_json_field("command", command);
        put_json_field("kernel", system.release);
        put_json_field("machine", system.machine);
        put_json_field("cpu", cpu);
        put_json_field("governor", governor);
        printf(",\"cpus\":%d,\"cpus_online\":%ld}\n", n_cpus, n_online);
        return;
    }
    printf("command   %s\n", command);
    printf("kernel    %s %s\n", system.release, system.machine);
    printf("processor %s; %d of %ld cores, governor %s\n", cpu, n_cpus, n_online, governor);
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------- */

void report_section(const char *name, const char *title)
{
    report.section = name;
    if (report.json)
        return;
    printf("\n%s\n", title);
    report.has_heading = false;
}

static void put_heading(void)
{
    if (!report.has_heading)
        printf("  %-44s %10s %10s %10s %10s %10s %6s\n", "", "p50", "p90", "p99", "min", "max", "n");
    report.has_heading = true;
}

void report_series(const char *name, struct series *series, const char *unit)
{
    if (series->n == 0)
        return;
    const double p50 = series_median(series), p90 = series_quantile(series, 0.9), p99 = series_quantile(series, 0.99);
    const double min = series_quantile(series, 0), max = series_quantile(series, 1);
    if (report.json) {
        begin_json(name);
        put_json_field("unit", unit);
        printf(",\"n\":%zu,\"p50\":%.4f,\"p90\":%.4f,\"p99\":%.4f,\"min\":%.4f,\"max\":%.4f}\n", series->n, p50, p90,
               p99, min, max);
        return;
    }
    put_heading();
    printf("  %-44s %10.3f %10.3f %10.3f %10.3f %10.3f %6zu %s\n", name, p50, p90, p99, min, max, series->n, unit);
}

static void put_figures_heading(const struct report_figure *figures, size_t n_figures)
{
    if (report.has_heading)
        return;
    printf("  %-44s", "");
    for (size_t i = 0; i < n_figures; i++)
        printf(" %8s", figures[i].heading);
    printf("\n");
    report.has_heading = true;
}

/* Four digits are all that a measurement is good for. */
static int decimals(double value)
{
    return value < 10 ? 3 : value < 100 ? 2 : value < 1000 ? 1 : 0;
}

void report_figures(const char *name, const struct report_figure *figures, size_t n_figures)
{
    if (report.json) {
        begin_json(name);
        for (size_t i = 0; i < n_figures; i++) {
            if (!isnan(figures[i].value))
                printf(",\"%s\":%.4f", figures[i].key, figures[i].value);
        }
        printf("}\n");
        return;
    }
    put_figures_heading(figures, n_figures);
    printf("  %-44s", name);
    for (size_t i = 0; i < n_figures; i++) {
        if (isnan(figures[i].value))
            printf(" %8s", "-");
        else
            printf(" %8.*f", decimals(figures[i].value), figures[i].value);
    }
    printf("\n");
}

void report_value(const char *name, double value, const char *unit)
{
    if (report.json) {
        begin_json(name);
        put_json_field("unit", unit);
        printf(",\"value\":%.4f}\n", value);
        return;
    }
    printf("  %-44s %10.3f %s\n", name, value, unit);
}

void report_absent(const char *name, const char *why)
{
    if (report.json) {
        begin_json(name);
        put_json_field("absent", why);
        printf("}\n");
        return;
    }
    printf("  %-44s skipped: %s\n", name, why);
}

void report_note(const char *format, ...)
{
    char note[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(note, sizeof note, format, arguments);
    va_end(arguments);
    if (report.json) {
        begin_json(NULL);
        put_json_field("note", note);
        printf("}\n");
        return;
    }
    printf("  %s\n", note);
}
