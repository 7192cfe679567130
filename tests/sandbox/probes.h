/* What a taken-over renderer might try, and what has to come of it: one table, run by the probes' renderer and checked
 * by the test. A document "vitrine-probe NAME" asks for one row. */
#ifndef TESTS_SANDBOX_PROBES_H
#define TESTS_SANDBOX_PROBES_H

#include <stddef.h>
#include <stdint.h>

#define PROBE_MAGIC "vitrine-probe "

enum probe_end {
    PROBE_TITLE,    /* goes on, with `expected` as its title: what the call returned */
    PROBE_KILLED,   /* verdict violation; `expected` is the system call's name */
    PROBE_SIGSYS,   /* verdict violation by the kernel alone, which names no call */
    PROBE_SIGNAL,   /* verdict signal; `expected` is its name */
    PROBE_EXIT,     /* verdict exit */
    PROBE_PROTOCOL, /* verdict protocol; `expected` is the reason, number and name */
    PROBE_HANG,     /* verdict hang */
};

struct probe {
    const char *name;
    enum probe_end end;
    const char *expected;

    /* One system call … */
    long call;
    uintptr_t args[6];
    /* … or one datagram on the channel, so many times … */
    const char *bytes;
    size_t n_bytes;
    unsigned n_fds, times;
    /* … or anything. The result becomes the title. */
    void (*run)(char *result, size_t n_result);
};

extern const struct probe call_probes[], message_probes[], other_probes[]; /* each ends with a row without a name */

/* NULL for a name that is none. */
const struct probe *probe_find(const char *name, size_t n_name);

/* Does it, and writes what came back: the errno's name, or "returned N". May well not return. */
void probe_run(const struct probe *probe, char *result, size_t n_result);

/* One datagram on the channel, with n_fds copies of stderr. */
void probe_send(const void *bytes, size_t n_bytes, unsigned n_fds);
/* Until somebody makes an end of it. */
_Noreturn void probe_wait(void);

#endif
