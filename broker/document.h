/* A document as the broker knows it: bytes in a sealed memfd, never looked into. */
#ifndef BROKER_DOCUMENT_H
#define BROKER_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/document_kind.h"

#define DOCUMENT_MAX_EXTENSION 16

struct document {
    char *path;                             /* as given; owned */
    char extension[DOCUMENT_MAX_EXTENSION]; /* lower case letters and digits, or "" */
    int fd;                                 /* owned memfd, sealed against every change; -1 when refused */
    size_t n_bytes;                         /* at least 1 unless refused */
    bool opened;                            /* document_open was tried */
    enum refusal refusal;                   /* REFUSAL_NONE when there is a document */
    char detail[256];                       /* why, for people, escaped; one line that says what to do */
};

/* Notes the name; nothing is opened yet. 0 or -ENOMEM. */
int document_init(struct document *ret_document, const char *path);

/* Opens it ("-": standard input, read until its end), checks that it is a regular file of 1 to max_bytes bytes, and
 * copies it. A document that cannot be had is *refused*, which is not an error: 0 then, too. -errno only when the
 * broker itself has no memory or descriptors. Blocks while reading. */
int document_open(struct document *document, size_t max_bytes);

/* Lets go of the copy, when nobody will be handed it any more. */
void document_release(struct document *document);

/* As if it had never been opened: it may be opened anew. */
void document_forget(struct document *document);

void document_finish(struct document *document);

#endif
