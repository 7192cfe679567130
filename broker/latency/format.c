#include "broker/latency/format.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void three_digits(char *out, double number, const char *unit)
{
    snprintf(out, FORMAT_BYTES, number < 9.995 ? "%.2f%s" : number < 99.95 ? "%.1f%s" : "%.0f%s", number, unit);
}

void format_us(char ret_text[FORMAT_BYTES], double ns)
{
    ret_text[0] = '\0';
    if (ns > 0)
        three_digits(ret_text, ns / 1e3, "");
}

void format_time(char ret_text[FORMAT_BYTES], double ns)
{
    ret_text[0] = '\0';
    if (ns >= 999.5e6)
        three_digits(ret_text, ns / 1e9, " s");
    else if (ns >= 999.5e3)
        three_digits(ret_text, ns / 1e6, " ms");
    else if (ns >= 999.5)
        three_digits(ret_text, ns / 1e3, " µs");
    else if (ns > 0)
        snprintf(ret_text, FORMAT_BYTES, "%.0f ns", ns);
}

void format_count(char ret_text[FORMAT_BYTES], double count)
{
    ret_text[0] = '\0';
    if (count >= 999.5e3)
        three_digits(ret_text, count / 1e6, "M");
    else if (count >= 9995)
        three_digits(ret_text, count / 1e3, "k");
    else if (count > 0)
        snprintf(ret_text, FORMAT_BYTES, count < 9.95 && count != (int)count ? "%.1f" : "%.0f", count);
}

void format_bytes(char ret_text[FORMAT_BYTES], double n_bytes)
{
    static const char *const units[] = {"", "K", "M", "G"};
    size_t unit = 0;
    for (; n_bytes >= 1024 && unit < 3; unit++)
        n_bytes /= 1024;
    snprintf(ret_text, FORMAT_BYTES, n_bytes == (double)(long)n_bytes ? "%.0f%s" : "%.1f%s", n_bytes, units[unit]);
}

void format_ratio(char ret_text[FORMAT_BYTES], double ratio)
{
    ret_text[0] = '\0';
    if (ratio > 0)
        three_digits(ret_text, ratio, "");
}

void format_percent(char ret_text[FORMAT_BYTES], double share)
{
    const double percent = 100 * share;
    snprintf(ret_text, FORMAT_BYTES, percent > 0 && percent < 0.95 ? "%.1f%%" : "%.0f%%", percent);
}

double figure_million_ns(const struct figure *figure)
{
    if (figure_is_absent(figure))
        return 0;
    if (figure->middle.total_ms > 0 && figure->middle.n > 0)
        return figure->middle.total_ms * 1e6 * 1e6 / (double)figure->middle.n;
    return figure->middle.per_s > 0 ? 1e15 / figure->middle.per_s : 0;
}

__attribute__((format(printf, 3, 4))) static void add(char *text, size_t n_text, const char *format, ...)
{
    const size_t n = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + n, n_text - n, format, arguments);
    va_end(arguments);
}

void figure_describe(const struct figure *figure, char *ret_text, size_t n_text)
{
    char bytes[FORMAT_BYTES];
    format_bytes(bytes, (double)figure->payload);
    snprintf(ret_text, n_text, "%s %s", figure->name, figure->test);
    if (figure->placement != NULL)
        add(ret_text, n_text, ", %s", figure->placement);
    if (figure->payload > 0)
        add(ret_text, n_text, ", %s bytes", bytes);
    if (figure->peers > 1)
        add(ret_text, n_text, ", %u peers", figure->peers);
    if (figure->window > 1)
        add(ret_text, n_text, ", %u in flight", figure->window);
    if (figure->wait != NULL)
        add(ret_text, n_text, ", %s", figure->wait);
    if (figure->sandboxed)
        add(ret_text, n_text, ", sandboxed");
    if (figure->codec != NULL && strcmp(figure->codec, "none") != 0)
        add(ret_text, n_text, ", %s", figure->codec);
}

void figure_command(const struct figure *figure, char *ret_text, size_t n_text)
{
    snprintf(ret_text, n_text, "broker --latency --only %s,%s", figure->name, figure->test);
    if (figure->placement != NULL)
        add(ret_text, n_text, ",%s", figure->placement);
    add(ret_text, n_text, " --payload %zu", figure->payload);
    if (figure->middle.n > 0)
        add(ret_text, n_text, " --messages %llu", (unsigned long long)figure->middle.n);
}
