/* The kinds of documents there are, and why one may be refused: both travel as numbers in Opened and Refused,
 * and as the names that the command line's contract promises. */
#ifndef COMMON_DOCUMENT_KIND_H
#define COMMON_DOCUMENT_KIND_H

#define DOCUMENT_KINDS(X) \
    X(HTML, "html")       \
    X(XHTML, "xhtml")     \
    X(MARKDOWN, "markdown") \
    X(TEXT, "text")       \
    X(PDF, "pdf")         \
    X(EPUB, "epub")       \
    X(XPS, "xps")         \
    X(CBZ, "cbz")         \
    X(FB2, "fb2")         \
    X(MOBI, "mobi")       \
    X(SVG, "svg")         \
    X(PNG, "png")         \
    X(JPEG, "jpeg")       \
    X(JPEG2000, "jpeg2000") \
    X(TIFF, "tiff")       \
    X(BMP, "bmp")         \
    X(GIF, "gif")         \
    X(PNM, "pnm")         \
    X(WEBP, "webp")       \
    X(SCENE, "scene")

enum document_kind {
    DOCUMENT_UNKNOWN = 0,
#define X(id, name) DOCUMENT_##id,
    DOCUMENT_KINDS(X)
#undef X
        DOCUMENT_KIND_COUNT
};

#define REFUSALS(X)                                                                     \
    X(MISSING, "missing")         /* no such file                                    */ \
    X(NOT_A_FILE, "not-a-file")   /* a directory, FIFO, device or socket             */ \
    X(TOO_LARGE, "too-large")     /* over --max-document, or over the pixel budget   */ \
    X(EMPTY, "empty")                                                                   \
    X(UNREADABLE, "unreadable")   /* no permission, or an input error                */ \
    X(UNSUPPORTED, "unsupported") /* not a format that is built in                   */ \
    X(BROKEN, "broken")           /* damaged: the engine could not make sense of it  */ \
    X(ENCRYPTED, "encrypted")     /* needs a password                                */ \
    X(MEMORY, "memory")           /* hit the tab's memory cap: a verdict, not a refusal, when told to people */

enum refusal {
    REFUSAL_NONE = 0,
#define X(id, name) REFUSAL_##id,
    REFUSALS(X)
#undef X
        REFUSAL_COUNT
};

/* The contract's name of a kind or reason; "unknown" for a number out of range. Static strings. */
const char *document_kind_name(unsigned kind);
const char *refusal_name(unsigned refusal);

#endif
