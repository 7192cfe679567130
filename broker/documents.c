#include "broker/documents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "broker/samples.h"
#include "common/clock.h"

static struct breaker *breaker_of(struct documents *documents, const struct document *document)
{
    return &documents->breakers[document - documents->all];
}

/* Tabs may look at their document; to change it is our affair. */
static struct document *own(struct documents *documents, const struct document *document)
{
    return &documents->all[document - documents->all];
}

static int note_document(struct documents *documents, const char *path, size_t *ret_index)
{
    for (size_t i = 0; i < documents->n; i++) {
        *ret_index = i;
        if (strcmp(documents->all[i].path, path) == 0)
            return 0;
    }
    *ret_index = documents->n;
    struct document *document = &documents->all[*ret_index];
    const int error = document_init(document, path);
    if (error != 0)
        return error;
    documents->n++;
    /* Standard input is read now, while Ctrl-C still ends us; files when a tab comes to them. */
    return strcmp(path, "-") == 0 ? document_open(document, documents->max_bytes) : 0;
}

static int note_documents(struct documents *documents, char **paths, size_t n_paths)
{
    documents->all = calloc(n_paths, sizeof *documents->all);
    documents->breakers = calloc(n_paths, sizeof *documents->breakers);
    documents->turns = calloc(n_paths, sizeof *documents->turns);
    if (documents->all == NULL || documents->breakers == NULL || documents->turns == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n_paths; i++) {
        const int error = note_document(documents, paths[i], &documents->turns[i]);
        if (error != 0)
            return error;
    }
    documents->n_turns = n_paths;
    return 0;
}

int documents_init(struct documents *documents, const struct options *options, char *ret_error, size_t n_error)
{
    *documents = (struct documents){.max_bytes = options->max_document_bytes};
    char **paths = options->files;
    size_t n_paths = options->n_files;
    if (n_paths == 0 && samples_find(&paths, &n_paths, ret_error, n_error) != 0)
        return -ENOENT;
    const unsigned n_tabs = options_count_tabs(options);
    const int error = note_documents(documents, paths, n_paths < n_tabs ? n_paths : n_tabs);
    if (error != 0)
        snprintf(ret_error, n_error, "the documents cannot be taken in: %s", strerror(-error));
    if (paths != options->files)
        samples_free(paths, n_paths);
    return error;
}

void documents_finish(struct documents *documents)
{
    for (size_t i = 0; i < documents->n; i++)
        document_finish(&documents->all[i]);
    free(documents->all);
    free(documents->breakers);
    free(documents->turns);
    *documents = (struct documents){0};
}

const struct document *documents_at(const struct documents *documents, size_t index)
{
    return &documents->all[documents->turns[index % documents->n_turns]];
}

void documents_take_in(struct documents *documents, const struct document *taken)
{
    struct document *document = own(documents, taken);
    if (document->opened)
        return;
    const int error = document_open(document, documents->max_bytes);
    if (error != 0) {
        document->refusal = REFUSAL_UNREADABLE;
        snprintf(document->detail, sizeof document->detail, "the broker cannot take it in: %s", strerror(-error));
    }
}

/* Standard input cannot be read again. */
void documents_let_go(struct documents *documents, const struct document *document, const struct tab *tabs,
                      unsigned n_tabs)
{
    for (unsigned i = 0; i < n_tabs; i++) {
        const struct tab *tab = &tabs[i];
        if (tab->document == document && tab->state != TAB_FAILED && tab->state != TAB_CLOSED)
            return;
    }
    document_release(own(documents, document));
}

void documents_shown(struct documents *documents, const struct document *document)
{
    breaker_shown(breaker_of(documents, document));
}

/* A hang and a full memory cost as much the next time: a document that was never shown gets no other try. */
static bool is_hopeless(const struct tab *tab)
{
    return tab->first_frame_ns == 0 && (tab->verdict == VERDICT_HANG || tab->verdict == VERDICT_MEMORY);
}

static uint32_t draw_chance(void)
{
    uint32_t chance = 0;
    if (getrandom(&chance, sizeof chance, GRND_NONBLOCK) != sizeof chance)
        chance = (uint32_t)clock_now_ns();
    return chance;
}

struct tab_retry documents_retry(struct documents *documents, const struct tab *tab)
{
    struct tab_retry retry = {0};
    struct breaker *breaker = breaker_of(documents, tab->document);
    if (is_hopeless(tab))
        breaker_trip(breaker);
    retry.will_retry = breaker_crashed(breaker, clock_now_ns(), draw_chance(), &retry.delay_ns);
    return retry;
}

bool documents_try_again(struct documents *documents, const struct document *document)
{
    if (document->fd < 0)
        document_forget(own(documents, document));
    documents_take_in(documents, document);
    if (document->refusal != REFUSAL_NONE)
        return false;
    breaker_try_again(breaker_of(documents, document));
    return true;
}
