#include "broker/samples.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"

#define FOLDER "/share/vitrine/samples"

/* Who was left out of this build has nothing to show: its samples would only be refused. */
static bool has_engine(const char *name)
{
    static const struct {
        const char *extension;
        bool built;
    } engines[] = {
        {".html", HAVE_ENGINE_HTML}, {".xhtml", HAVE_ENGINE_HTML},  {".md", HAVE_ENGINE_HTML},
        {".txt", HAVE_ENGINE_HTML},  {".webp", HAVE_ENGINE_RASTER}, {".scene", true},
    };
    const char *extension = strrchr(name, '.');
    for (size_t i = 0; i < sizeof engines / sizeof engines[0] && extension != NULL; i++) {
        if (strcmp(extension, engines[i].extension) == 0)
            return engines[i].built;
    }
    return HAVE_ENGINE_MUPDF;
}

/* Samples are numbered; what else lies beside them is not for show. */
static int is_sample(const struct dirent *entry)
{
    return entry->d_name[0] >= '0' && entry->d_name[0] <= '9' && has_engine(entry->d_name);
}

static int find_folder(char *out, size_t n_out)
{
    const ssize_t n = readlink("/proc/self/exe", out, n_out - sizeof FOLDER);
    if (n < 0)
        return -errno;
    out[n] = '\0';
    *strrchr(out, '/') = '\0'; /* the executable's folder, bin */
    char *parent = strrchr(out, '/');
    if (parent == NULL)
        return -ENOENT;
    memcpy(parent, FOLDER, sizeof FOLDER);
    return 0;
}

int samples_find(char ***ret_paths, size_t *ret_n, char *ret_error, size_t n_error)
{
    char folder[PATH_MAX];
    struct dirent **entries = NULL;
    const int n = find_folder(folder, sizeof folder) == 0 ? scandir(folder, &entries, is_sample, alphasort) : -1;
    if (n <= 0) {
        const int error = n < 0 ? -errno : -ENOENT;
        snprintf(ret_error, n_error, "no FILE was named and the bundled samples are missing: name one, or build them");
        free(entries);
        return error;
    }
    char **paths = calloc((size_t)n, sizeof *paths);
    bool complete = paths != NULL;
    for (int i = 0; i < n; i++) {
        if (complete && asprintf(&paths[i], "%s/%s", folder, entries[i]->d_name) < 0) {
            paths[i] = NULL;
            complete = false;
        }
        free(entries[i]);
    }
    free(entries);
    if (!complete) {
        samples_free(paths, paths != NULL ? (size_t)n : 0);
        snprintf(ret_error, n_error, "out of memory");
        return -ENOMEM;
    }
    *ret_paths = paths;
    *ret_n = (size_t)n;
    return 0;
}

void samples_free(char **paths, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(paths[i]);
    free(paths);
}
