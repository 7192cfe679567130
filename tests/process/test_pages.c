/* Real pages, which nobody wrote for a test: HTML of the documentation packages that are installed, and hostile documents
 * of others where VITRINE_DOCUMENTS has some, all at once in one broker. tests/pages.sh N is the same with N pages.
 *
 * What a page does to its renderer is for the broker to tell. A fault of the broker is: an exit status other than 0 or 1,
 * a tab of which nothing is told, a verdict that is none, and whatever stays open or alive. */
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config.h"
#include "tests/process/run.h"
#include "tests/test.h"

#define FOLDER        "/usr/share/doc"
#define DEFAULT_PAGES 48
#define MAX_TABS      1024 /* the broker's */
#define MAX_FOUND     20000
#define LIMIT_MS      240000u
#define SIZE          "320x240"

/* ---- documents --------------------------------------------------------------------------------------------------------- */

static char *found[MAX_FOUND];
static size_t n_found;

static int take_page(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)where;
    const char *extension = strrchr(path, '.');
    if (type == FTW_F && status->st_size > 0 && extension != NULL && strcmp(extension, ".html") == 0 &&
        n_found < MAX_FOUND)
        REQUIRE((found[n_found++] = strdup(path)) != NULL);
    return 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* So many of all that are there, evenly, each once. Returns how many. */
static unsigned choose_pages(const char **words, unsigned n_wanted)
{
    nftw(FOLDER, take_page, 32, FTW_PHYS);
    qsort(found, n_found, sizeof(char *), compare_paths);
    const unsigned n = n_found < n_wanted ? (unsigned)n_found : n_wanted;
    for (unsigned i = 0; i < n; i++)
        words[i] = found[i * n_found / n];
    return n;
}

/* At most max. Returns how many. */
static unsigned choose_hostile(const char **words, unsigned max)
{
    static char paths[64][1024];
    const char *documents = getenv("VITRINE_DOCUMENTS");
    if (documents == NULL)
        documents = getenv("VITRINE_DOCUMENTS_DEFAULT");
    char folder[512];
    snprintf(folder, sizeof folder, "%s/hostile", documents != NULL ? documents : ".");
    DIR *files = documents != NULL ? opendir(folder) : NULL;
    unsigned n = 0;
    for (const struct dirent *file; files != NULL && n < max && n < 64 && (file = readdir(files)) != NULL;) {
        if (file->d_name[0] == '.')
            continue;
        snprintf(paths[n], sizeof paths[n], "%s/%s", folder, file->d_name);
        words[n] = paths[n];
        n++;
    }
    if (files != NULL)
        closedir(files);
    return n;
}

/* ---- what became of them ----------------------------------------------------------------------------------------------- */

/* Of one tab, from its events. */
struct story {
    bool was_live;
    unsigned n_refused, n_crashes;
    char last[256];
};
static struct story stories[MAX_TABS + 1];

static bool is_verdict(const char *name)
{
    static const char *const verdicts[] = {"signal", "violation", "protocol", "hang", "memory", "exit", "killed"};
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        if (strcmp(name, verdicts[i]) == 0)
            return true;
    }
    return false;
}

static void take_event(const struct event *event)
{
    const long long tab = event_number(event, "tab");
    if (tab < 1 || tab > MAX_TABS)
        return;
    struct story *story = &stories[tab];
    if (event_is(event, "tab", 0, "live")) {
        story->was_live = true;
    } else if (event_is(event, "refused", 0, NULL)) {
        story->n_refused++;
        snprintf(story->last, sizeof story->last, "refused: %.30s: %.200s", event_text(event, "reason"),
                 event_text(event, "detail"));
    } else if (event_is(event, "crash", 0, NULL)) {
        story->n_crashes++;
        if (!is_verdict(event_text(event, "verdict")))
            FAIL("no verdict: %.*s", (int)event->n, event->line);
        snprintf(story->last, sizeof story->last, "%.30s: %.200s", event_text(event, "verdict"),
                 event_text(event, "detail"));
    }
}

struct sums {
    unsigned n_live, n_refused, n_crashed;
};

static struct sums sum(const char **paths, unsigned first, unsigned n)
{
    struct sums sums = {0};
    for (unsigned i = first; i < first + n; i++) {
        const struct story *story = &stories[i + 1];
        sums.n_live += story->was_live && story->n_crashes == 0;
        sums.n_refused += story->n_refused > 0;
        sums.n_crashed += story->n_crashes > 0;
        if (!story->was_live && story->n_refused == 0 && story->n_crashes == 0)
            FAIL("%s: nothing was told of it", paths[i]);
        if (story->last[0] != '\0')
            printf("  %s: %s%s\n", paths[i], story->last, story->n_crashes > 1 ? ", more than once" : "");
    }
    return sums;
}

static unsigned count_wanted(void)
{
    const char *wanted = getenv("VITRINE_PAGES");
    const long n = wanted != NULL ? strtol(wanted, NULL, 10) : DEFAULT_PAGES;
    REQUIRE(n >= 1 && n <= MAX_TABS);
    return (unsigned)n;
}

TEST_WITHIN(pages_of_others, 280)
{
    if (!HAVE_ENGINE_HTML)
        SKIP("this build has no engine for HTML");
    static const char *words[MAX_TABS + 8] = {"--json", "--size", SIZE};
    const char **paths = words + 3;
    const unsigned n_pages = choose_pages(paths, count_wanted());
    if (n_pages == 0)
        SKIP("no pages here: apt install apache2-doc python3-doc postgresql-doc-15 sqlite3-doc");
    const unsigned n_hostile = choose_hostile(paths + n_pages, MAX_TABS - n_pages);
    struct run run;
    run_start(&run, NULL, words);
    const int status = run_end(&run, LIMIT_MS);
    struct event event, start, end;
    REQUIRE(run_event(&run, "start", 0, NULL, &start) && run_last_event(&run, "end", 0, NULL, &end));
    for (const char *cursor = run.out; event_next(&cursor, &event);)
        take_event(&event);

    const struct sums pages = sum(paths, 0, n_pages), hostile = sum(paths, n_pages, n_hostile);
    printf("  pages: %u, live %u, refused %u, crashed %u\n", n_pages, pages.n_live, pages.n_refused, pages.n_crashed);
    printf("  hostile documents: %u, live %u, refused %u, crashed %u\n", n_hostile, hostile.n_live, hostile.n_refused,
           hostile.n_crashed);
    printf("  %.1f s, %lld MB together at the end\n", run_elapsed_ms(&run) / 1000.0,
           event_number(&end, "pss_kb") / 1024);

    const bool all_live = pages.n_live + hostile.n_live == n_pages + n_hostile;
    CHECK_INT(status, ==, all_live ? 0 : 1);
    CHECK_INT(event_number(&end, "status"), ==, status);
    CHECK_INT(event_number(&end, "fds_open"), ==, event_number(&start, "fds_open"));
    CHECK_INT(event_number(&end, "tabs_live") + event_number(&end, "tabs_failed"), ==, n_pages + n_hostile);
    /* Nobody is hostile here; one among many may be strange. */
    CHECK_INT(pages.n_crashed, ==, 0);
    CHECK_INT(pages.n_live * 100, >=, n_pages * 98);
    run_finish(&run);
    for (size_t i = 0; i < n_found; i++)
        free(found[i]);
}
