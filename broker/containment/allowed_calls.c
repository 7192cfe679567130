#include "broker/containment/allowed_calls.h"

#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Lines of "name class reason", or "first-last class reason"; # begins a comment. */
extern const char allowed_calls_text[];

static bool line_is_of(const char *line, int call)
{
    char name[64];
    int first, last;
    if (line[0] == '#' || sscanf(line, "%63s", name) != 1)
        return false;
    if (sscanf(name, "%d-%d", &first, &last) == 2)
        return call >= first && call <= last;
    return call >= 0 && seccomp_syscall_resolve_name(name) == call;
}

/* The static name of an errno. */
static const char *errno_name(const char *word)
{
    for (int error = 1; error < 134; error++) {
        const char *name = strerrorname_np(error);
        if (name != NULL && strcmp(name, word) == 0)
            return name;
    }
    return "?";
}

static enum call_class read_class(const char *line, const char **ret_errno_name)
{
    char word[16];
    if (sscanf(line, "%*s %15s", word) != 1)
        return CALL_KILLED;
    if (strcmp(word, "allowed") == 0)
        return CALL_ALLOWED;
    if (strcmp(word, "some") == 0)
        return CALL_SOME;
    if (strcmp(word, "past") == 0)
        return CALL_PAST;
    *ret_errno_name = errno_name(word);
    return CALL_REFUSED;
}

enum call_class allowed_calls_class(int call, const char **ret_errno_name)
{
    for (const char *line = allowed_calls_text; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        if (line_is_of(line, call))
            return read_class(line, ret_errno_name);
        line = end != NULL ? end + 1 : NULL;
    }
    return CALL_KILLED;
}
