/* A renderer that was taken over: the shipped one's core, ladder and filter, with one engine that does what its document
 * asks for. "vitrine-intruder NAME" asks for one row of the containment table (common/containment_rows.h), or for one
 * of the helpers that rows of the broker need; "vitrine-intruder sweep KIND NUMBER" for one step of a sweep;
 * "vitrine-intruder painting NAME" for a deed while it paints. */
#ifndef TESTS_SANDBOX_INTRUDER_H
#define TESTS_SANDBOX_INTRUDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "renderer/canvas.h"

/* Descriptors by number. Document and frame are closed as soon as they are mapped; these are where they were. */
enum {
    channel = 3,
    crash_pipe = 4,
    document_was = 5,
    frame_was = 6,
    bell_heard = 6,
    bell_rung = 7,
    second_heard = 8,
    second_rung = 9
};

struct intrusion {
    char *result; /* becomes the title, when it is tried while the document is opened */
    size_t n_result;
    const uint8_t *document;
    size_t n_document;
    const struct canvas *canvas; /* NULL: not painting yet */
};

struct deed {
    const char *name; /* NULL ends a table */
    void (*run)(const struct intrusion *intrusion);
    bool when_painting;
};

extern const struct deed intruder_calls[], intruder_messages[], intruder_deeds[], intruder_helpers[];

/* One for each DEED. */
#define DEED(id, ...) void try_##id(const struct intrusion *intrusion);
#include "common/containment_rows.h"

/* For rows that the broker itself plays. */
void help_titles(const struct intrusion *intrusion);

/* One step of a sweep. */
void intruder_sweep(const struct intrusion *intrusion, const char *kind, unsigned long number);

/* Says what a call came back with: the errno's name, or "returned N". */
void intruder_say(const struct intrusion *intrusion, long returned);

/* One datagram on the channel, with n_fds copies of a descriptor. */
void intruder_send(const void *bytes, size_t n_bytes, unsigned n_fds, int fd);
/* Until somebody makes an end of it. */
_Noreturn void intruder_wait(void);

#endif
