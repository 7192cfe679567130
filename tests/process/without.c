/* without WHAT[,WHAT…] COMMAND…: runs a command on a host that seems to lack something, or to lie: a seccomp filter
 * answers for the kernel.
 *
 * WHAT is one of the names below, or CALL[@ARGUMENT=VALUE|@ARGUMENT&BITS…]:ANSWER, where CALL is a system call's name or
 * number and ANSWER an errno's name, or OK: nothing is done, and success is claimed. What the matches of one call name must
 * hold together: "mount@2&32:EPERM", "prctl@0=38@1=1:OK". */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_MATCHES 3

/* Lacks that take more than one rule, or are asked for often. */
static const struct {
    const char *name, *rules;
} lacks[] = {
    {"userns", "clone@0&0x10000000:EPERM,unshare@0&0x10000000:EPERM,clone3:ENOSYS"},
    {"landlock", "landlock_create_ruleset:ENOSYS"},
    {"noexec-seal", "memfd_create@1&8:EINVAL"},
    {"mseal", "mseal:ENOSYS"},
    {"mdwe", "prctl@0=65:EINVAL"},
    {"seccomp", "seccomp:EINVAL"},
    {"close-range", "close_range:ENOSYS"},
};

/* Younger than libseccomp 2.5. */
static int find_call(const char *name)
{
    char *end;
    const long number = strtol(name, &end, 10);
    if (end != name && *end == '\0')
        return (int)number;
    return strcmp(name, "mseal") == 0 ? 462 : seccomp_syscall_resolve_name(name);
}

/* As SECCOMP_RET_ERRNO takes it; -1: no such name. */
static int find_answer(const char *name)
{
    if (strcmp(name, "OK") == 0)
        return 0;
    for (int error = 1; error < 200; error++) {
        const char *known = strerrorname_np(error);
        if (known != NULL && strcmp(known, name) == 0)
            return error;
    }
    return -1;
}

/* "ARGUMENT=VALUE" or "ARGUMENT&BITS". */
static bool parse_match(char *text, struct scmp_arg_cmp *ret_match)
{
    char *end;
    const unsigned long argument = strtoul(text, &end, 10);
    const char how = *end;
    if (argument > 5 || (how != '=' && how != '&'))
        return false;
    const unsigned long long value = strtoull(end + 1, &end, 0);
    *ret_match =
        (struct scmp_arg_cmp){.arg = (unsigned)argument,
                              .op = SCMP_CMP_MASKED_EQ,
                              .datum_a = how == '=' ? 0xffffffff : value, /* ints leave the upper half undefined */
                              .datum_b = value};
    return *end == '\0';
}

static int add_rule(scmp_filter_ctx filter, char *rule)
{
    struct scmp_arg_cmp matches[MAX_MATCHES];
    unsigned n_matches = 0;
    char *head = strsep(&rule, ":");
    const int answer = rule != NULL ? find_answer(rule) : -1;
    const int call = find_call(strsep(&head, "@"));
    for (char *match; (match = strsep(&head, "@")) != NULL; n_matches++) {
        if (n_matches == MAX_MATCHES || !parse_match(match, &matches[n_matches]))
            return -EINVAL;
    }
    if (answer < 0 || call < 0)
        return -EINVAL;
    return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((uint16_t)answer), call, n_matches, matches);
}

static int add_rules(scmp_filter_ctx filter, const char *rules)
{
    char text[512];
    snprintf(text, sizeof text, "%s", rules);
    int error = 0;
    for (char *rest = text, *rule; error == 0 && (rule = strsep(&rest, ",")) != NULL;)
        error = add_rule(filter, rule);
    return error;
}

static int add_lack(scmp_filter_ctx filter, const char *what)
{
    /* One listener is all a process may have: this one is for a call that nobody makes. */
    if (strcmp(what, "listener") == 0)
        return seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(acct), 0);
    for (size_t i = 0; i < sizeof lacks / sizeof lacks[0]; i++) {
        if (strcmp(lacks[i].name, what) == 0)
            return add_rules(filter, lacks[i].rules);
    }
    return add_rules(filter, what);
}

static int lack_all(char *names)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL)
        return -ENOMEM;
    int error = geteuid() == 0 ? seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) : 0;
    for (char *name; error == 0 && (name = strsep(&names, ",")) != NULL;)
        error = add_lack(filter, name);
    if (error == 0)
        error = seccomp_load(filter);
    /* A listener holds only while somebody has it: the command inherits it. */
    const int listener = error == 0 ? seccomp_notify_fd(filter) : -1;
    if (listener >= 0)
        fcntl(listener, F_SETFD, 0);
    seccomp_release(filter);
    return error;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: without WHAT[,WHAT...] COMMAND...\n", stderr);
        return 126;
    }
    const int error = lack_all(argv[1]);
    if (error != 0) {
        fprintf(stderr, "without %s: %s\n", argv[1], strerror(-error));
        return 126;
    }
    execv(argv[2], argv + 2);
    perror(argv[2]);
    return 126;
}
