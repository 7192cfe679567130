/* without WHAT[,WHAT…] COMMAND…: runs a command on a host that seems to lack something: a seccomp filter answers for
 * the kernel. For trying out what becomes of the sandbox where a layer is not to be had. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif
#define MFD_NOEXEC_SEAL_BIT          8u
#define CALL_CLOSE_RANGE             436
#define CALL_LANDLOCK_CREATE_RULESET 444
#define CALL_MSEAL                   462

static int answer(scmp_filter_ctx filter, int error, int call, unsigned n_checks, struct scmp_arg_cmp check)
{
    return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((uint16_t)error), call, n_checks, &check);
}

static const struct scmp_arg_cmp any;

static int no_userns(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp asks = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER);
    int error = answer(filter, EPERM, SCMP_SYS(clone), 1, asks);
    if (error == 0)
        error = answer(filter, EPERM, SCMP_SYS(unshare), 1, asks);
    return error == 0 ? answer(filter, ENOSYS, SCMP_SYS(clone3), 0, any) : error;
}

static int no_landlock(scmp_filter_ctx filter)
{
    return answer(filter, ENOSYS, CALL_LANDLOCK_CREATE_RULESET, 0, any);
}

/* One listener is all a process may have: this one is for a call that nobody makes. */
static int no_listener(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(acct), 0);
}

static int no_noexec_seal(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp asks = SCMP_A1(SCMP_CMP_MASKED_EQ, MFD_NOEXEC_SEAL_BIT, MFD_NOEXEC_SEAL_BIT);
    return answer(filter, EINVAL, SCMP_SYS(memfd_create), 1, asks);
}

static int no_mseal(scmp_filter_ctx filter)
{
    return answer(filter, ENOSYS, CALL_MSEAL, 0, any);
}

static int no_mdwe(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp asks = SCMP_A0(SCMP_CMP_EQ, PR_SET_MDWE);
    return answer(filter, EINVAL, SCMP_SYS(prctl), 1, asks);
}

static int no_seccomp(scmp_filter_ctx filter)
{
    return answer(filter, EINVAL, SCMP_SYS(seccomp), 0, any);
}

static int no_close_range(scmp_filter_ctx filter)
{
    return answer(filter, ENOSYS, CALL_CLOSE_RANGE, 0, any);
}

static const struct lack {
    const char *name;
    int (*add)(scmp_filter_ctx filter);
} lacks[] = {
    {"userns", no_userns}, {"landlock", no_landlock}, {"listener", no_listener}, {"noexec-seal", no_noexec_seal},
    {"mseal", no_mseal},   {"mdwe", no_mdwe},         {"seccomp", no_seccomp},   {"close-range", no_close_range},
};

static int add_lack(scmp_filter_ctx filter, const char *name)
{
    for (size_t i = 0; i < sizeof lacks / sizeof lacks[0]; i++) {
        if (strcmp(lacks[i].name, name) == 0)
            return lacks[i].add(filter);
    }
    return -EINVAL;
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
