/* Documents that nobody on this project wrote: the good ones give a picture or a stated refusal, the hostile ones end
 * as something told, and their neighbours never notice. VITRINE_DOCUMENTS names the folder. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/config.h"
#include "tests/process/run.h"
#include "tests/test.h"

#define MAX_DOCUMENTS 64
#define TIMEOUT_S     "5"

static const char *folder_of(const char *kind)
{
    static char folder[1024];
    const char *documents = getenv("VITRINE_DOCUMENTS");
    if (documents == NULL)
        documents = getenv("VITRINE_DOCUMENTS_DEFAULT");
    snprintf(folder, sizeof folder, "%s/%s", documents != NULL ? documents : ".", kind);
    if (documents == NULL || access(folder, R_OK | X_OK) < 0)
        SKIP("no outside documents here: set VITRINE_DOCUMENTS");
    return folder;
}

static int is_document(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Paths of a folder's files, in order. Freed with free_paths. */
static unsigned list(const char *folder, const char **paths)
{
    struct dirent **entries;
    unsigned n = 0;
    const int n_entries = scandir(folder, &entries, is_document, alphasort);
    REQUIRE(n_entries > 0);
    for (int i = 0; i < n_entries; i++) {
        char *path;
        if (n < MAX_DOCUMENTS) {
            REQUIRE(asprintf(&path, "%s/%s", folder, entries[i]->d_name) > 0);
            paths[n++] = path;
        }
        free(entries[i]);
    }
    free(entries);
    return n;
}

static void free_paths(const char **paths, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        free((void *)(uintptr_t)paths[i]);
}

static const char *base_name(const char *path)
{
    return strrchr(path, '/') + 1;
}

/* How a tab ended, in a word or three. False when nothing was told of it. */
static bool outcome(const struct run *run, unsigned tab, char *out, size_t n_out)
{
    struct event event;
    if (run_event(run, "tab", tab, "live", &event))
        snprintf(out, n_out, "picture (%s)", event_text(&event, "kind"));
    else if (run_event(run, "refused", tab, NULL, &event))
        snprintf(out, n_out, "refused: %s: %s", event_text(&event, "reason"), event_text(&event, "detail"));
    else if (run_event(run, "crash", tab, NULL, &event))
        snprintf(out, n_out, "crash: %s (signal %s, call %s)", event_text(&event, "verdict"),
                 event_text(&event, "signal"), event_text(&event, "syscall"));
    else
        return false;
    return true;
}

TEST_WITHIN(good, 200)
{
    const char *words[MAX_DOCUMENTS + 8] = {"--json", "--timeout", "30"}, *paths[MAX_DOCUMENTS];
    const unsigned n = list(folder_of("good"), paths);
    memcpy(words + 3, paths, n * sizeof *paths);
    struct run run;
    const int status = run_whole(&run, NULL, words);
    unsigned n_pictures = 0, n_without_engine = 0;
    for (unsigned i = 0; i < n; i++) {
        char told[512];
        if (!outcome(&run, i + 1, told, sizeof told)) {
            FAIL("%s: nothing was told of it", base_name(paths[i]));
            continue;
        }
        const bool picture = strncmp(told, "picture", 7) == 0;
        n_pictures += picture;
        n_without_engine += strstr(told, "this build has no") != NULL;
        if (!picture)
            printf("  %-44s %s\n", base_name(paths[i]), told);
        if (strncmp(told, "crash", 5) == 0)
            FAIL("%s: %s", base_name(paths[i]), told);
    }
    printf("  %u of %u good documents shown, %u without an engine\n", n_pictures, n, n_without_engine);
    CHECK_INT(status, ==, n_pictures == n ? 0 : 1);
    /* A few of them are broken in ways that a viewer may refuse, not most. */
    CHECK_INT((n_pictures + n_without_engine) * 10, >=, n * 8);
    run_finish(&run);
    free_paths(paths, n);
}

static const char *const neighbour = "vitrine-scene\ntitle A good neighbour\nfigure rings\n";

/* Every other tab is a good one. */
TEST_WITHIN(hostile, 280)
{
    const char *words[2 * MAX_DOCUMENTS + 16] = {"--json", "--timeout", TIMEOUT_S, "--size", "640x480"};
    const char *paths[MAX_DOCUMENTS];
    const unsigned n = list(folder_of("hostile"), paths);
    const char *good = scratch_file("good.scene", neighbour);
    size_t n_words = 5;
    for (unsigned i = 0; i < n && n_words < 180; i++) {
        words[n_words++] = good;
        words[n_words++] = paths[i];
    }
    struct run run;
    CHECK_INT(run_whole(&run, NULL, words), ==, 1);
    for (unsigned i = 0; i < n; i++) {
        char told[512] = "nothing was told of it";
        if (!outcome(&run, 2 * i + 2, told, sizeof told))
            FAIL("%s: %s", base_name(paths[i]), told);
        printf("  %-44s %s\n", base_name(paths[i]), told);
        if (!outcome(&run, 2 * i + 1, told, sizeof told) || strncmp(told, "picture", 7) != 0)
            FAIL("the good neighbour of %s: %s", base_name(paths[i]), told);
    }
    printf("  %u hostile documents in %u ms\n", n, run_elapsed_ms(&run));
    run_finish(&run);
    free_paths(paths, n);
}
