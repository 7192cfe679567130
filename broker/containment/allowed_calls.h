/* What a renderer's filter is to make of each system call: the list that was reviewed by hand, broker/containment/allowed-calls.txt. */
#ifndef BROKER_ALLOWED_CALLS_H
#define BROKER_ALLOWED_CALLS_H

enum call_class {
    CALL_KILLED,  /* not listed */
    CALL_SOME,    /* allowed with arguments that are checked: bad ones kill */
    CALL_ALLOWED, /* allowed whatever its arguments */
    CALL_PAST,    /* the kernel asks no filter: to no purpose, or killed where it does ask */
    CALL_REFUSED, /* answered with *ret_errno_name; the kernel never sees it */
};

/* Of a system call of this machine. *ret_errno_name is static, and set for CALL_REFUSED only. */
enum call_class allowed_calls_class(int call, const char **ret_errno_name);

#endif
