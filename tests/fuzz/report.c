#include "tests/fuzz/report.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "common/json.h"

/* The caller's to free. */
static char *print(const struct crash_report *report, void (*printer)(const struct crash_report *, FILE *))
{
    char *text = NULL;
    size_t n_text = 0;
    FILE *out = open_memstream(&text, &n_text);
    INSIST(out != NULL);
    printer(report, out);
    INSIST(!ferror(out) && fclose(out) == 0);
    INSIST(n_text > 0 && strlen(text) == n_text && text[n_text - 1] == '\n');
    INSIST(text_is_harmless(text, n_text, "\n"));
    return text;
}

size_t check_report_text(const struct crash_report *report)
{
    char *text = print(report, crash_report_print);
    size_t n_lines = 0;
    for (const char *end = text; (end = strchr(end, '\n')) != NULL; end++)
        n_lines++;
    free(text);
    return n_lines;
}

void check_report_json(const struct crash_report *report)
{
    char *text = print(report, crash_report_print_json);
    char *end = strchr(text, '\n');
    INSIST(end[1] == '\0');
    *end = '\0';
    INSIST(json_is_object(text));
    free(text);
}
