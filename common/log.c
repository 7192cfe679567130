#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 4096 /* a longer line is cut */

static enum log_level threshold = LOG_WARNING;
static const char *process_name = "vitrine";

void log_set_level(enum log_level level)
{
    threshold = level;
}

enum log_level log_get_level(void)
{
    return threshold;
}

void log_set_name(const char *name)
{
    process_name = name;
}

void log_write(enum log_level level, const char *format, ...)
{
    if (level > threshold)
        return;
    int saved_errno = errno;

    char line[LINE_BYTES];
    size_t n_line = (size_t)snprintf(line, sizeof(line) / 2, "%s: ", process_name);
    if (n_line >= sizeof(line) / 2)
        n_line = sizeof(line) / 2 - 1;

    va_list arguments;
    va_start(arguments, format);
    int n_text = vsnprintf(line + n_line, sizeof(line) - n_line, format, arguments);
    va_end(arguments);
    if (n_text > 0)
        n_line += (size_t)n_text;
    if (n_line > sizeof(line) - 1)
        n_line = sizeof(line) - 1;
    line[n_line++] = '\n'; /* in the terminator's place */

    while (write(STDERR_FILENO, line, n_line) < 0 && errno == EINTR)
        ;
    errno = saved_errno;
}
