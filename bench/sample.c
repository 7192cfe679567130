#include "bench/sample.h"

#include <string.h>

#include "bench/report.h"
#include "broker/samples.h"

#define MAX_DOCUMENT_BYTES (16u << 20)

bool sample_open(const char *name, bool built, struct document *ret_document)
{
    char **paths, why[256];
    size_t n_paths;
    if (samples_find(&paths, &n_paths, why, sizeof why) != 0)
        bench_fail("%s", why);
    const char *path = NULL;
    for (size_t i = 0; i < n_paths && path == NULL; i++) {
        if (strstr(paths[i], name) != NULL)
            path = paths[i];
    }
    if (path == NULL && built)
        bench_fail("no %s among the bundled samples: build the target samples", name);
    if (path != NULL && (document_init(ret_document, path) != 0 ||
                         document_open(ret_document, MAX_DOCUMENT_BYTES) != 0 || ret_document->refusal != REFUSAL_NONE))
        bench_fail("the bundled %s cannot be read: build the target samples", name);
    const bool found = path != NULL;
    samples_free(paths, n_paths);
    return found;
}
