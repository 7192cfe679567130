/* Any words as a command line, each ended by a NUL.
 *
 * What is accepted keeps every range that the rest of the broker relies on, and means the same when it is read again; what
 * is refused is told in one harmless line that ends where it must. */
#include "broker/options.h"

#include <stdlib.h>
#include <string.h>

#include "broker/inject.h"
#include "common/clock.h"
#include "common/frame.h"
#include "tests/fuzz/fuzz.h"

#define MAX_WORDS    1400 /* more than there may be files, or faults */
#define MAX_REQUESTS 32   /* that are looked at on their own: guessing what was meant takes its time */

/* A command line of copies, each of exactly its length, so that a sanitizer sees one byte too many. Parsing moves the
 * files to the front of argv; the words stay where they are. */
struct words {
    int n;
    char *at[MAX_WORDS + 2], *argv[MAX_WORDS + 2];
};

static void add_word(struct words *words, const char *bytes, size_t n)
{
    char *word = malloc(n + 1);
    INSIST(word != NULL);
    memcpy(word, bytes, n);
    word[n] = '\0';
    words->at[words->n++] = word;
}

static void cut_words(const uint8_t *input, size_t n_input, struct words *ret_words)
{
    ret_words->n = 0;
    add_word(ret_words, "broker", strlen("broker"));
    while (n_input > 0 && ret_words->n <= MAX_WORDS) {
        const uint8_t *end = memchr(input, 0, n_input);
        const size_t n = end ? (size_t)(end - input) : n_input;
        add_word(ret_words, (const char *)input, n);
        n_input -= n + (end != NULL);
        input += n + (end != NULL);
    }
    ret_words->at[ret_words->n] = NULL;
    memcpy(ret_words->argv, ret_words->at, sizeof ret_words->at);
}

static void check_line(const char *line, size_t n_room)
{
    INSIST(strnlen(line, n_room) < n_room && line[0] != '\0');
    INSIST(text_is_harmless(line, strlen(line), ""));
}

static void check_request(const struct inject_request *request)
{
    INSIST(request->plan.fault > INJECT_NONE && request->plan.fault < INJECT_COUNT);
    INSIST(request->plan.stage >= 0 && request->plan.stage < STAGE_COUNT);
    INSIST(request->tab >= 1 && request->tab <= OPTIONS_MAX_TABS);
    INSIST(request->delay_ns <= 86400 * NS_PER_S);
}

static void check_chaos(const struct chaos_request *request)
{
    INSIST(request->duration_ns >= NS_PER_S / 10 && request->duration_ns <= 86400 * NS_PER_S);
}

/* A word, or the end of one: --name=VALUE. *from is the first that it may be, and is left behind it. */
static bool is_word(const char *word, const struct words *words, int *from)
{
    while (*from < words->n) {
        const char *start = words->at[(*from)++];
        if (word >= start && word <= start + strlen(start))
            return true;
    }
    return false;
}

static bool is_any_word(const char *word, const struct words *words)
{
    int from = 1;
    return is_word(word, words, &from);
}

static void check_accepted(const struct options *options, const struct words *words)
{
    struct frame_layout layout;
    int from = 1;
    INSIST(options->n_tabs <= OPTIONS_MAX_TABS && options->n_files <= OPTIONS_MAX_TABS);
    for (size_t i = 0; i < options->n_files; i++)
        INSIST(is_word(options->files[i], words, &from)); /* in the order given */
    INSIST(options->snapshot_dir == NULL || is_any_word(options->snapshot_dir, words));
    INSIST(options->crash_dir == NULL || is_any_word(options->crash_dir, words));
    INSIST(frame_layout_init(&layout, options->width_px, options->height_px) == 0);
    INSIST(options->zoom >= 0.04f && options->zoom <= 20);
    INSIST(options->n_spares <= 64 && options->require_level >= 0 && options->require_level <= 3);
    INSIST(options->memory_bytes >= 64 << 20 && options->memory_bytes <= 65536ull << 20);
    INSIST(options->timeout_ns >= NS_PER_S / 10 && options->timeout_ns <= 86400 * NS_PER_S);
    INSIST(options->max_document_bytes >= 1 << 20 && options->max_document_bytes <= 4096ull << 20);

    const unsigned n_tabs = options_count_tabs(options);
    INSIST(n_tabs >= 1 && n_tabs <= OPTIONS_MAX_TABS && n_tabs >= options->n_files);
    INSIST(options->n_injections <= OPTIONS_MAX_INJECTIONS);
    for (size_t i = 0; i < options->n_injections; i++)
        check_request(&options->injections[i]);
    if (options->chaos.duration_ns != 0)
        check_chaos(&options->chaos);
}

static void check_same(const struct options *a, const struct options *b)
{
    INSIST(a->mode == b->mode && a->view == b->view && a->spawn == b->spawn);
    INSIST(a->n_files == b->n_files && a->n_tabs == b->n_tabs && a->page == b->page && a->zoom == b->zoom);
    for (size_t i = 0; i < a->n_files; i++)
        INSIST(strcmp(a->files[i], b->files[i]) == 0);
    INSIST(a->n_injections == b->n_injections && a->timeout_ns == b->timeout_ns);
    INSIST(a->chaos.duration_ns == b->chaos.duration_ns && a->chaos.seed == b->chaos.seed);
}

static int parse(struct words *words, struct options *ret_options, size_t n_error)
{
    char *error = malloc(n_error);
    INSIST(error != NULL);
    const int status = options_parse(words->n, words->argv, ret_options, error, n_error);
    if (status != EXIT_STATUS_OK) {
        INSIST(status == EXIT_STATUS_USAGE || status == EXIT_STATUS_BROKER);
        check_line(error, n_error);
    }
    free(error);
    return status;
}

/* What follows --inject and --chaos, without the command line's help. */
static void check_requests(const char *word)
{
    struct inject_request inject;
    struct chaos_request chaos;
    char line[256];
    if (inject_request_parse(word, &inject, line, sizeof line))
        check_request(&inject);
    else
        check_line(line, sizeof line);
    if (chaos_request_parse(word, &chaos, line, sizeof line))
        check_chaos(&chaos);
    else
        check_line(line, sizeof line);
}

static void free_words(struct words *words)
{
    for (int i = 0; i < words->n; i++)
        free(words->at[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input)
{
    static struct options once, again;
    static struct words first, second;
    cut_words(input, n_input, &first);
    cut_words(input, n_input, &second);
    const int status = parse(&first, &once, 256);
    if (status == EXIT_STATUS_OK)
        check_accepted(&once, &first);
    INSIST(parse(&second, &again, 200) == status);
    if (status == EXIT_STATUS_OK)
        check_same(&once, &again);
    for (int i = 1; i < first.n && i <= MAX_REQUESTS; i++)
        check_requests(first.at[i]);
    free_words(&first);
    free_words(&second);
    return 0;
}
