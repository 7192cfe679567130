#include "renderer/sniff.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* How much is looked at: of a text to see that it is one, of markup to find its root element, of a ZIP archive. */
#define TEXT_WINDOW_BYTES   (64u << 10)
#define MARKUP_WINDOW_BYTES (16u << 10)
#define ZIP_TAIL_BYTES      ((64u << 10) + 22)
#define ZIP_MAX_ENTRIES     2048

/* A window on bytes that somebody else owns. */
struct span {
    const uint8_t *bytes;
    size_t n;
};

static bool has_at(struct span all, size_t offset, const void *magic, size_t n_magic)
{
    return offset <= all.n && n_magic <= all.n - offset && memcmp(all.bytes + offset, magic, n_magic) == 0;
}

static struct span span_first(struct span all, size_t n)
{
    return (struct span){all.bytes, n < all.n ? n : all.n};
}

static struct span span_last(struct span all, size_t n)
{
    size_t skip = n < all.n ? all.n - n : 0;
    return (struct span){all.bytes + skip, all.n - skip};
}

static bool contains(struct span all, const char *word)
{
    return memmem(all.bytes, all.n, word, strlen(word)) != NULL;
}

static unsigned le16(const uint8_t *bytes)
{
    return (unsigned)bytes[0] | (unsigned)bytes[1] << 8;
}

static uint32_t le32(const uint8_t *bytes)
{
    return le16(bytes) | (uint32_t)le16(bytes + 2) << 16;
}

/* Names that content begins with, or has at a fixed place. */

struct magic {
    unsigned offset;
    const char *bytes;
    size_t n_bytes;
};
#define MAGIC(offset, bytes)                 \
    {                                        \
        (offset), (bytes), sizeof(bytes) - 1 \
    }

static bool matches(struct span all, const struct magic *magic)
{
    return has_at(all, magic->offset, magic->bytes, magic->n_bytes);
}

static const struct {
    struct magic magic;
    enum document_kind kind;
} binary_kinds[] = {
    {MAGIC(0, "%PDF-"), DOCUMENT_PDF},
    {MAGIC(0, "\x89PNG\r\n\x1a\n"), DOCUMENT_PNG},
    {MAGIC(0, "\xff\xd8\xff"), DOCUMENT_JPEG},
    {MAGIC(0, "GIF87a"), DOCUMENT_GIF},
    {MAGIC(0, "GIF89a"), DOCUMENT_GIF},
    {MAGIC(0, "II*\0"), DOCUMENT_TIFF},
    {MAGIC(0, "MM\0*"), DOCUMENT_TIFF},
    {MAGIC(0, "\0\0\0\x0cjP  \r\n\x87\n"), DOCUMENT_JPEG2000},
    {MAGIC(0, "\xff\x4f\xff\x51"), DOCUMENT_JPEG2000},
    {MAGIC(60, "BOOKMOBI"), DOCUMENT_MOBI},
    {MAGIC(60, "TEXtREAd"), DOCUMENT_MOBI},
};

static const struct {
    struct magic magic;
    const char *what;
} foreign_kinds[] = {
    {MAGIC(0, "\x7f"
              "ELF"),
     "an ELF program"},
    {MAGIC(0, "MZ"), "a Windows program"},
    {MAGIC(0, "\xcf\xfa\xed\xfe"), "a macOS program"},
    {MAGIC(0, "\xce\xfa\xed\xfe"), "a macOS program"},
    {MAGIC(0, "\xca\xfe\xba\xbe"), "a Java class or a macOS program"},
    {MAGIC(0, "\0asm"), "a WebAssembly module"},
    {MAGIC(4, "ftypavif"), "an AVIF picture"},
    {MAGIC(4, "ftypavis"), "an AVIF picture"},
    {MAGIC(4, "ftyphei"), "an HEIC picture"},
    {MAGIC(4, "ftyphev"), "an HEIC picture"},
    {MAGIC(4, "ftypmif1"), "an HEIC picture"},
    {MAGIC(4, "ftypM4A"), "an MP4 audio file"},
    {MAGIC(4, "ftypqt"), "a QuickTime video"},
    {MAGIC(4, "ftyp"), "an MP4 video"},
    {MAGIC(0, "\x1a\x45\xdf\xa3"), "a Matroska or WebM video"},
    {MAGIC(0, "OggS"), "an Ogg audio or video file"},
    {MAGIC(0, "fLaC"), "a FLAC audio file"},
    {MAGIC(0, "ID3"), "an MP3 audio file"},
    {MAGIC(8, "AVI "), "an AVI video"},
    {MAGIC(8, "WAVE"), "a WAV audio file"},
    {MAGIC(0, "\0\0\0\x0cJXL \r\n\x87\n"), "a JPEG XL picture"},
    {MAGIC(0, "\xff\x0a"), "a JPEG XL picture"},
    {MAGIC(0, "II\xbc\x01"), "a JPEG XR picture"},
    {MAGIC(0, "II+\0"), "a BigTIFF picture"},
    {MAGIC(0, "MM\0+"), "a BigTIFF picture"},
    {MAGIC(0, "8BPS"), "a Photoshop picture"},
    {MAGIC(0, "gimp xcf"), "a GIMP picture"},
    {MAGIC(0, "v/1\x01"), "an OpenEXR picture"},
    {MAGIC(0, "\0\0\1\0"), "a Windows icon"},
    {MAGIC(0, "AT&TFORM"), "a DjVu document"},
    {MAGIC(0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "an old Microsoft Office document"},
    {MAGIC(0, "\x1f\x8b"), "gzip-compressed data"},
    {MAGIC(0, "BZh"), "bzip2-compressed data"},
    {MAGIC(0, "\xfd"
              "7zXZ"),
     "xz-compressed data"},
    {MAGIC(0, "\x28\xb5\x2f\xfd"), "zstd-compressed data"},
    {MAGIC(0, "7z\xbc\xaf\x27\x1c"), "a 7z archive"},
    {MAGIC(0, "Rar!\x1a\x07"), "a RAR archive"},
    {MAGIC(257, "ustar"), "a tar archive"},
    {MAGIC(0, "SQLite format 3"), "an SQLite database"},
    {MAGIC(0, "\0\1\0\0"), "a font"},
    {MAGIC(0, "OTTO"), "a font"},
    {MAGIC(0, "ttcf"), "a font"},
    {MAGIC(0, "wOF"), "a font"},
};

/* "BM" alone begins many a text: the size of the second header tells. */
static bool is_bmp(struct span all)
{
    static const uint32_t sizes[] = {12, 16, 40, 52, 56, 64, 108, 124};
    if (!has_at(all, 0, "BM", 2) || all.n < 18)
        return false;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        if (le32(all.bytes + 14) == sizes[i])
            return true;
    return false;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* P1 to P6, then white space and a number or a comment; P7 with its first keyword; PF and Pf. */
static bool is_pnm(struct span all)
{
    if (all.n < 4 || all.bytes[0] != 'P' || !is_space(all.bytes[2]))
        return false;
    uint8_t third = all.bytes[3], type = all.bytes[1];
    bool number = (third >= '0' && third <= '9') || third == '#' || is_space(third);
    return (type >= '1' && type <= '6' && number) || ((type == 'F' || type == 'f') && number) ||
           (type == '7' && (third == '#' || is_letter(third)));
}

/* Mail and web servers leave lines before the header of a PDF; a text about PDF has no end mark. */
static bool is_late_pdf(struct span all)
{
    return contains(span_first(all, 1024), "%PDF-") && contains(span_last(all, 2048), "%%EOF");
}

static enum document_kind sniff_binary(struct span all)
{
    for (size_t i = 0; i < sizeof(binary_kinds) / sizeof(binary_kinds[0]); i++)
        if (matches(all, &binary_kinds[i].magic))
            return binary_kinds[i].kind;
    if (has_at(all, 0, "RIFF", 4) && has_at(all, 8, "WEBP", 4))
        return DOCUMENT_WEBP;
    if (is_bmp(all))
        return DOCUMENT_BMP;
    if (is_pnm(all))
        return DOCUMENT_PNM;
    return is_late_pdf(all) ? DOCUMENT_PDF : DOCUMENT_UNKNOWN;
}

/* ZIP: what the names inside say. */

struct zip_census {
    unsigned n_files, n_pictures; /* leaving out what says nothing */
    bool epub, xps;
    const char *foreign; /* what else it is, NULL when nothing is known */
};

static bool is_zip(struct span all)
{
    return has_at(all, 0, "PK\3\4", 4) || has_at(all, 0, "PK\5\6", 4);
}

static bool ends_with(struct span name, const char *end)
{
    size_t n = strlen(end);
    return n <= name.n && strncasecmp((const char *)name.bytes + name.n - n, end, n) == 0;
}

static bool is_picture_name(struct span name)
{
    static const char *const ends[] = {".jpg", ".jpeg", ".jpe", ".png", ".gif", ".bmp", ".tif", ".tiff",
                                       ".jp2", ".jpx",  ".j2k", ".pnm", ".pbm", ".pgm", ".ppm", ".pam"};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (ends_with(name, ends[i]))
            return true;
    return false;
}

static void count_name(struct zip_census *census, struct span name)
{
    static const struct {
        const char *start, *what;
    } foreign[] = {
        {"word/", "a Word document"},
        {"xl/", "an Excel document"},
        {"ppt/", "a PowerPoint document"},
        {"AndroidManifest.xml", "an Android package"},
        {"META-INF/MANIFEST.MF", "a Java archive"},
        {"META-INF/manifest.xml", "an OpenDocument file"},
    };
    if (name.n == 0 || name.bytes[name.n - 1] == '/' || has_at(name, 0, "__MACOSX/", 9))
        return;
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        if (has_at(name, 0, foreign[i].start, strlen(foreign[i].start)))
            census->foreign = foreign[i].what;
    if (ends_with(name, "META-INF/container.xml"))
        census->epub = true;
    if (contains(name, ".fdseq"))
        census->xps = true;
    census->n_files++;
    census->n_pictures += is_picture_name(name);
}

/* The central directory begins where the record at the archive's end says; NULL when there is none. */
static const uint8_t *find_directory(struct span all, unsigned *ret_n_entries)
{
    struct span tail = span_last(all, ZIP_TAIL_BYTES);
    for (size_t at = tail.n >= 22 ? tail.n - 22 + 1 : 0; at-- > 0;) {
        if (!has_at(tail, at, "PK\5\6", 4))
            continue;
        uint32_t offset = le32(tail.bytes + at + 16);
        if (offset >= all.n)
            continue;
        *ret_n_entries = le16(tail.bytes + at + 10);
        return all.bytes + offset;
    }
    return NULL;
}

static void count_directory(struct zip_census *census, struct span all, const uint8_t *entry, unsigned n_entries)
{
    const uint8_t *end = all.bytes + all.n;
    for (unsigned i = 0; i < n_entries && i < ZIP_MAX_ENTRIES; i++) {
        if (end - entry < 46 || memcmp(entry, "PK\1\2", 4) != 0)
            return;
        size_t n_name = le16(entry + 28);
        size_t n_all = 46 + n_name + le16(entry + 30) + le16(entry + 32);
        if ((size_t)(end - entry) < n_all)
            return;
        count_name(census, (struct span){entry + 46, n_name});
        entry += n_all;
    }
}

/* The way through an archive whose end is missing: from file to file, as long as each tells its size. */
static void count_local_headers(struct zip_census *census, struct span all)
{
    const uint8_t *entry = all.bytes, *end = all.bytes + all.n;
    for (unsigned i = 0; i < ZIP_MAX_ENTRIES; i++) {
        if (end - entry < 30 || memcmp(entry, "PK\3\4", 4) != 0)
            return;
        size_t n_name = le16(entry + 26);
        if ((size_t)(end - entry) - 30 < n_name)
            return;
        count_name(census, (struct span){entry + 30, n_name});
        uint64_t n_all = 30 + (uint64_t)n_name + le16(entry + 28) + le32(entry + 18);
        if ((uint64_t)(end - entry) < n_all)
            return;
        entry += n_all;
    }
}

static struct zip_census take_census(struct span all)
{
    struct zip_census census = {0};
    unsigned n_entries = 0;
    const uint8_t *directory = find_directory(all, &n_entries);
    if (directory)
        count_directory(&census, all, directory, n_entries);
    if (census.n_files == 0)
        count_local_headers(&census, all);
    if (has_at(all, 30, "mimetypeapplication/epub+zip", 28))
        census.epub = true;
    return census;
}

/* A comic book is an archive that is mostly pictures, or has some and is called one. */
static enum document_kind sniff_zip(struct span all, const char *extension)
{
    struct zip_census census = take_census(all);
    if (census.epub)
        return DOCUMENT_EPUB;
    if (census.xps)
        return DOCUMENT_XPS;
    if (census.foreign || census.n_pictures == 0)
        return DOCUMENT_UNKNOWN;
    bool mostly = census.n_pictures * 2 >= census.n_files;
    return mostly || strcasecmp(extension, "cbz") == 0 ? DOCUMENT_CBZ : DOCUMENT_UNKNOWN;
}

/* Text and markup. */

/* The beginning of a text as ASCII, whatever its encoding: every other character shows as 0x80 or above. */
struct opening {
    uint8_t bytes[MARKUP_WINDOW_BYTES];
    size_t n;
    bool utf16;
};

static void fold_utf16(struct opening *opening, struct span text, bool big_endian)
{
    for (size_t i = 0; i + 1 < text.n && opening->n < sizeof(opening->bytes); i += 2) {
        uint8_t high = text.bytes[i + !big_endian], low = text.bytes[i + big_endian];
        opening->bytes[opening->n++] = high == 0 && low < 0x80 ? low : 0xff;
    }
}

static void fold(struct opening *opening, struct span all)
{
    bool marked_little = has_at(all, 0, "\xff\xfe", 2), marked_big = has_at(all, 0, "\xfe\xff", 2);
    bool little = marked_little || has_at(all, 0, "<\0?\0", 4);
    bool big = marked_big || has_at(all, 0, "\0<\0?", 4);
    size_t n_mark = marked_little || marked_big ? 2 : has_at(all, 0, "\xef\xbb\xbf", 3) ? 3 : 0;
    struct span text = span_last(all, all.n - n_mark);
    opening->n = 0;
    opening->utf16 = little || big;
    if (opening->utf16) {
        fold_utf16(opening, text, big);
    } else {
        opening->n = span_first(text, sizeof(opening->bytes)).n;
        memcpy(opening->bytes, text.bytes, opening->n);
    }
}

/* What stands before the first element, and the name of that element. */
struct prolog {
    bool xml;            /* an XML declaration */
    struct span doctype; /* the name in it; empty when there is none */
    struct span root;    /* the name without a prefix; empty when there is none */
    uint8_t after_root;  /* the byte that ends the name, 0 at the end */
};

static struct span name_at(struct span text, size_t at)
{
    size_t end = at;
    while (end < text.n && !is_space(text.bytes[end]) && !strchr("<>/[\"'=", text.bytes[end]))
        end++;
    return (struct span){text.bytes + at, end - at};
}

static struct span without_prefix(struct span name)
{
    const uint8_t *colon = memrchr(name.bytes, ':', name.n);
    if (!colon)
        return name;
    return (struct span){colon + 1, name.n - (size_t)(colon + 1 - name.bytes)};
}

static bool begins_word(struct span text, size_t at, const char *word)
{
    size_t n = strlen(word);
    return at <= text.n && n <= text.n - at && strncasecmp((const char *)text.bytes + at, word, n) == 0;
}

static bool is_name(struct span name, const char *word)
{
    return name.n == strlen(word) && begins_word(name, 0, word);
}

static size_t skip_space(struct span text, size_t at)
{
    while (at < text.n && is_space(text.bytes[at]))
        at++;
    return at;
}

/* The place after the next occurrence of mark, or the end. */
static size_t skip_past(struct span text, size_t at, const char *mark)
{
    size_t n = strlen(mark);
    const uint8_t *found = memmem(text.bytes + at, text.n - at, mark, n);
    return found ? (size_t)(found - text.bytes) + n : text.n;
}

/* A document type may hold declarations in brackets. */
static size_t skip_doctype(struct span text, size_t at)
{
    size_t bracket = skip_past(text, at, "["), end = skip_past(text, at, ">");
    return bracket < end ? skip_past(text, skip_past(text, bracket, "]"), ">") : end;
}

static struct prolog read_prolog(struct span text)
{
    struct prolog prolog = {0};
    size_t at = skip_space(text, 0);
    while (at < text.n && text.bytes[at] == '<') {
        if (begins_word(text, at, "<?")) {
            prolog.xml |= begins_word(text, at, "<?xml");
            at = skip_past(text, at, "?>");
        } else if (begins_word(text, at, "<!--")) {
            at = skip_past(text, at, "-->");
        } else if (begins_word(text, at, "<!doctype")) {
            prolog.doctype = name_at(text, skip_space(text, at + 9));
            at = skip_doctype(text, at);
        } else {
            struct span name = name_at(text, at + 1);
            const uint8_t *end = name.bytes + name.n;
            prolog.after_root = end < text.bytes + text.n ? *end : 0;
            prolog.root = without_prefix(name);
            break;
        }
        at = skip_space(text, at);
    }
    return prolog;
}

/* Elements that a piece of HTML without its frame may begin with. */
static bool is_html_element(struct span name)
{
    static const char *const names[] = {
        "a",    "article", "b",        "base", "blockquote", "br",    "center", "div",   "dl", "em",
        "font", "form",    "frameset", "h1",   "h2",         "h3",    "h4",     "h5",    "h6", "header",
        "hr",   "i",       "iframe",   "img",  "link",       "main",  "meta",   "nav",   "ol", "p",
        "pre",  "script",  "section",  "span", "strong",     "style", "table",  "title", "u",  "ul"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (is_name(name, names[i]))
            return true;
    return false;
}

static bool is_extension(const char *extension, const char *const *list)
{
    for (; *list; list++)
        if (strcasecmp(extension, *list) == 0)
            return true;
    return false;
}

static const char *const markdown_extensions[] = {"md", "markdown", "mdown", "mkd", NULL};
static const char *const html_extensions[] = {"html", "htm", NULL};
static const char *const xhtml_extensions[] = {"xhtml", "xht", NULL};
static const char *const plain_extensions[] = {"txt", "text", "log", NULL};

/* What the first element says; DOCUMENT_UNKNOWN when the text may be anything. */
static enum document_kind sniff_markup(const struct prolog *prolog, const char *extension)
{
    if (is_name(prolog->root, "svg") || is_name(prolog->doctype, "svg"))
        return DOCUMENT_SVG;
    if (is_name(prolog->root, "FictionBook"))
        return DOCUMENT_FB2;
    bool xhtml = prolog->xml || is_extension(extension, xhtml_extensions);
    if (is_name(prolog->root, "html") || is_name(prolog->doctype, "html"))
        return xhtml ? DOCUMENT_XHTML : DOCUMENT_HTML;
    if (prolog->xml)
        return DOCUMENT_UNKNOWN;
    if (is_name(prolog->root, "head") || is_name(prolog->root, "body"))
        return DOCUMENT_HTML;
    /* A README often begins with a piece of HTML. */
    if (is_extension(extension, markdown_extensions) || is_extension(extension, plain_extensions))
        return DOCUMENT_UNKNOWN;
    bool whole = prolog->after_root && strchr(" \t\r\n\f>/", prolog->after_root);
    return whole && is_html_element(prolog->root) ? DOCUMENT_HTML : DOCUMENT_UNKNOWN;
}

static bool is_scene(const struct opening *opening)
{
    static const char line[] = "vitrine-scene";
    struct span text = {opening->bytes, opening->n};
    size_t n = sizeof(line) - 1;
    return has_at(text, 0, line, n) && (text.n == n || text.bytes[n] == '\n' || text.bytes[n] == '\r');
}

/* Text has no controls but those that lay it out; escape switches character sets and colours. Any 8-bit encoding
 * will do: which one it is, is the engine's business. */
static bool is_text(struct span all, const struct opening *opening)
{
    struct span text = opening->utf16 ? (struct span){opening->bytes, opening->n} : span_first(all, TEXT_WINDOW_BYTES);
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.bytes[i];
        if ((c < ' ' && !is_space(c) && c != '\b' && c != 0x1b) || c == 0x7f)
            return false;
    }
    return true;
}

static enum document_kind sniff_text(struct span all, const char *extension)
{
    struct opening opening;
    fold(&opening, all);
    if (is_scene(&opening))
        return DOCUMENT_SCENE;

    struct prolog prolog = read_prolog((struct span){opening.bytes, opening.n});
    enum document_kind kind = sniff_markup(&prolog, extension);
    if (kind != DOCUMENT_UNKNOWN)
        return kind;
    if (!is_text(all, &opening))
        return DOCUMENT_UNKNOWN;
    if (is_extension(extension, markdown_extensions))
        return DOCUMENT_MARKDOWN;
    if (is_extension(extension, html_extensions))
        return DOCUMENT_HTML;
    return is_extension(extension, xhtml_extensions) ? DOCUMENT_XHTML : DOCUMENT_TEXT;
}

enum document_kind sniff(const uint8_t *bytes, size_t n_bytes, const char *extension)
{
    struct span all = {bytes, n_bytes};
    const char *hint = extension ? extension : "";
    if (n_bytes == 0)
        return DOCUMENT_UNKNOWN;

    enum document_kind kind = sniff_binary(all);
    if (kind != DOCUMENT_UNKNOWN)
        return kind;
    if (is_zip(all))
        return sniff_zip(all, hint);
    if (has_at(all, 0, "\x1f\x8b", 2)) /* what is compressed cannot be seen from here */
        return strcasecmp(hint, "svgz") == 0 ? DOCUMENT_SVG : DOCUMENT_UNKNOWN;
    return sniff_text(all, hint);
}

const char *sniff_describe(const uint8_t *bytes, size_t n_bytes)
{
    struct span all = {bytes, n_bytes};
    if (is_zip(all)) {
        const char *foreign = take_census(all).foreign;
        return foreign ? foreign : "a ZIP archive without EPUB, XPS or mostly pictures inside";
    }
    for (size_t i = 0; i < sizeof(foreign_kinds) / sizeof(foreign_kinds[0]); i++)
        if (matches(all, &foreign_kinds[i].magic))
            return foreign_kinds[i].what;
    return n_bytes == 0 ? "an empty file" : "binary data of an unknown kind";
}
