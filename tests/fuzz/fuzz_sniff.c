/* Any bytes as a document of which nobody knows yet what it is, under names of every kind. The bytes end at a page that
 * may not be read. */
#include "renderer/sniff.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

static const char *const extensions[] = {NULL,   "",    "html", "HTM", "xhtml", "md",  "Markdown",
                                         "txt",  "log", "svgz", "cbz", "pdf",   "fb2", "a-name-as-long-as-they-get",
                                         "\xff", "%s%n"};
#define N_EXTENSIONS (sizeof extensions / sizeof extensions[0])

/* What a name may make of bytes that could be either. */
static bool is_by_name(enum document_kind kind)
{
    return kind == DOCUMENT_UNKNOWN || kind == DOCUMENT_HTML || kind == DOCUMENT_XHTML || kind == DOCUMENT_MARKDOWN ||
           kind == DOCUMENT_TEXT || kind == DOCUMENT_SVG || kind == DOCUMENT_CBZ;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input)
{
    struct guarded source;
    guarded_init_copy(&source, input, n_input);
    const enum document_kind nameless = sniff(source.bytes, n_input, NULL);
    for (size_t i = 0; i < N_EXTENSIONS; i++) {
        const enum document_kind kind = sniff(source.bytes, n_input, extensions[i]);
        INSIST(kind >= DOCUMENT_UNKNOWN && kind < DOCUMENT_KIND_COUNT);
        INSIST(kind == nameless || (is_by_name(kind) && is_by_name(nameless)));
        INSIST(kind == DOCUMENT_UNKNOWN || n_input > 0);
    }
    const char *description = sniff_describe(source.bytes, n_input);
    INSIST(description[0] != '\0' && text_is_harmless(description, strlen(description), ""));
    guarded_finish(&source);
    return 0;
}
