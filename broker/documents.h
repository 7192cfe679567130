/* The documents of a run. A path named twice is one document: its tabs share one sealed copy, and one breaker. Files
 * are opened when a tab first needs them, and let go with the last tab that shows them. */
#ifndef BROKER_DOCUMENTS_H
#define BROKER_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/breaker.h"
#include "broker/document.h"
#include "broker/options.h"
#include "broker/tab.h"

struct documents {
    size_t max_bytes;         /* a document's */
    struct document *all;     /* one for each distinct path */
    struct breaker *breakers; /* one for each document */
    size_t n;
    size_t *turns; /* which of them tabs show in turn */
    size_t n_turns;
};

/* FILEs in turn, or the samples in turn, as many as there are tabs for. Standard input is read now, which blocks. 0, or
 * -errno and one line in ret_error; documents_finish follows either way. */
int documents_init(struct documents *documents, const struct options *options, char *ret_error, size_t n_error);
void documents_finish(struct documents *documents);

/* What the tab at index, from 0, shows. */
const struct document *documents_at(const struct documents *documents, size_t index);

/* Opens it, unless an earlier tab had it opened. One that cannot be opened is refused from then on. */
void documents_take_in(struct documents *documents, const struct document *document);

/* A tab has its picture. */
void documents_shown(struct documents *documents, const struct document *document);

/* The renderer of a tab died, with the evidence judged in it: whether its document is tried again, and when. */
struct tab_retry documents_retry(struct documents *documents, const struct tab *tab);

/* A tab that showed it has come to its end: the copy goes with the last. */
void documents_let_go(struct documents *documents, const struct document *document, const struct tab *tabs,
                      unsigned n_tabs);

/* By hand: with what its file holds now, where its copy has gone. False when it is refused again; otherwise its breaker
 * knows that somebody wants it once more. */
bool documents_try_again(struct documents *documents, const struct document *document);

#endif
