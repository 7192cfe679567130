#ifndef BROKER_OUTPUT_H
#define BROKER_OUTPUT_H

#include <stddef.h>

/* Writes all bytes. Waits for a reader that is slow, but not against a wish to end: once SIGINT, SIGTERM or SIGHUP is
 * pending (blocked, as in the loop), one that takes nothing is given up after a second. 0, -ETIMEDOUT, or write's
 * -errno. */
int output_write(int fd, const char *bytes, size_t n_bytes);

#endif
