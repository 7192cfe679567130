#include "renderer/sniff.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/test.h"

/* Bytes with their number: a string literal with its NULs. */
#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

/* A copy that ends where its memory ends, so that a sanitizer sees a read beyond it. */
static enum document_kind sniff_exactly(const uint8_t *bytes, size_t n_bytes, const char *extension)
{
    uint8_t *copy = malloc(n_bytes ? n_bytes : 1);
    REQUIRE(copy != NULL);
    memcpy(copy, bytes, n_bytes);
    enum document_kind kind = sniff(copy, n_bytes, extension);
    CHECK(sniff_describe(copy, n_bytes) != NULL);
    free(copy);
    return kind;
}

struct sample {
    const uint8_t *bytes;
    size_t n_bytes;
    const char *extension;
    enum document_kind kind;
};

static void check_samples(const struct sample *samples, size_t n_samples)
{
    for (size_t i = 0; i < n_samples; i++) {
        const struct sample *sample = &samples[i];
        enum document_kind kind = sniff_exactly(sample->bytes, sample->n_bytes, sample->extension);
        if (kind != sample->kind)
            FAIL("\"%.40s\" .%s is %s, not %s", (const char *)sample->bytes, sample->extension,
                 document_kind_name(kind), document_kind_name(sample->kind));
    }
}

#define CHECK_SAMPLES(samples) check_samples(samples, sizeof(samples) / sizeof((samples)[0]))

TEST(binary_kinds_are_known_by_their_first_bytes_whatever_the_name)
{
    static const struct sample samples[] = {
        {BYTES("%PDF-1.7\n%\xe2\xe3"), "txt", DOCUMENT_PDF},
        {BYTES("\x89PNG\r\n\x1a\n\0\0"), "jpg", DOCUMENT_PNG},
        {BYTES("\xff\xd8\xff\xe0\0\x10JFIF"), "png", DOCUMENT_JPEG},
        {BYTES("GIF89a\1\0\1\0"), "", DOCUMENT_GIF},
        {BYTES("GIF87a\1\0\1\0"), "", DOCUMENT_GIF},
        {BYTES("II*\0\x08\0\0\0"), "", DOCUMENT_TIFF},
        {BYTES("MM\0*\0\0\0\x08"), "", DOCUMENT_TIFF},
        {BYTES("\0\0\0\x0cjP  \r\n\x87\n\0"), "", DOCUMENT_JPEG2000},
        {BYTES("\xff\x4f\xff\x51\0\x29"), "", DOCUMENT_JPEG2000},
        {BYTES("RIFF\x10\0\0\0WEBPVP8 "), "gif", DOCUMENT_WEBP},
        {BYTES("BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"), "", DOCUMENT_BMP},
        {BYTES("P6\n# made by hand\n1 1\n255\n\1\2\3"), "txt", DOCUMENT_PNM},
        {BYTES("P4 8 1\n\xaa"), "", DOCUMENT_PNM},
        {BYTES("P7\nWIDTH 1\nHEIGHT 1\n"), "", DOCUMENT_PNM},
        {BYTES("Pf\n1 1\n-1.0\n\0\0\0\0"), "", DOCUMENT_PNM},
    };
    CHECK_SAMPLES(samples);
}

TEST(a_magic_in_the_middle_counts_only_where_it_belongs)
{
    uint8_t mobi[128] = {0};
    memcpy(mobi + 60, "BOOKMOBI", 8);
    CHECK_INT(sniff_exactly(mobi, sizeof(mobi), "mobi"), ==, DOCUMENT_MOBI);
    CHECK_INT(sniff_exactly(mobi, 64, "mobi"), ==, DOCUMENT_UNKNOWN);

    static const struct sample samples[] = {
        {BYTES("From: mail\n\n%PDF-1.4\nxyz\nstartxref\n0\n%%EOF\n"), "", DOCUMENT_PDF},
        {BYTES("A file begins with %PDF-1.4, as a rule.\n"), "", DOCUMENT_TEXT},
        {BYTES("BMW is no bitmap, however long the text"), "", DOCUMENT_TEXT},
        {BYTES("P1 is the first pilot\n"), "", DOCUMENT_TEXT},
        {BYTES("P7\t"), "", DOCUMENT_TEXT},
    };
    CHECK_SAMPLES(samples);
}

TEST(markup_is_known_by_its_root_element)
{
    static const struct sample samples[] = {
        {BYTES("<svg xmlns='http://www.w3.org/2000/svg'/>"), "txt", DOCUMENT_SVG},
        {BYTES("<?xml version='1.0'?>\n<!-- made\nby hand -->\n<s:svg xmlns:s='x'/>"), "", DOCUMENT_SVG},
        {BYTES("<!DOCTYPE svg [ <!ENTITY a '<html>'> ]>\n<svg/>"), "html", DOCUMENT_SVG},
        {BYTES("<?xml version='1.0'?><FictionBook xmlns='x'>"), "xml", DOCUMENT_FB2},
        {BYTES("<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>"), "html", DOCUMENT_XHTML},
        {BYTES("<html xmlns='http://www.w3.org/1999/xhtml'>"), "xhtml", DOCUMENT_XHTML},
        {BYTES("<!doctype HTML>\nhello"), "txt", DOCUMENT_HTML},
        {BYTES("\xef\xbb\xbf \n<HTML>"), "", DOCUMENT_HTML},
        {BYTES("<!-- note --><body>"), "", DOCUMENT_HTML},
        {BYTES("<p>A piece of a page"), "", DOCUMENT_HTML},
        {BYTES("<div\nclass=a>"), "", DOCUMENT_HTML},
        {BYTES("<placeholder> is written so"), "", DOCUMENT_TEXT},
        {BYTES("<html>\0nul"), "", DOCUMENT_HTML},
        {BYTES("<?xml version='1.0'?><project><p/></project>"), "xml", DOCUMENT_TEXT},
        {BYTES("<"), "", DOCUMENT_TEXT},
        {BYTES("<!--"), "", DOCUMENT_TEXT},
        {BYTES("<!doctype"), "", DOCUMENT_TEXT},
        {BYTES("<?xml"), "", DOCUMENT_TEXT},
    };
    CHECK_SAMPLES(samples);
}

TEST(utf16_is_read_as_what_it_says)
{
    static const struct sample samples[] = {
        {BYTES("\xff\xfe<\0h\0t\0m\0l\0>\0"), "", DOCUMENT_HTML},
        {BYTES("\xfe\xff\0<\0s\0v\0g\0/\0>"), "", DOCUMENT_SVG},
        {BYTES("<\0?\0x\0m\0l\0?\0>\0<\0s\0v\0g\0>\0"), "", DOCUMENT_SVG},
        {BYTES("\xff\xfeG\0r\0\xfc\0\xdf\0e\0"), "", DOCUMENT_TEXT},
        {BYTES("\xff\xfeG\0\0\0\1\0"), "", DOCUMENT_UNKNOWN},
        {BYTES("\xff\xfe"), "", DOCUMENT_TEXT},
        {BYTES("\xff\xfe<"), "", DOCUMENT_TEXT},
    };
    CHECK_SAMPLES(samples);
}

TEST(the_name_decides_only_between_kinds_of_text)
{
    static const struct sample samples[] = {
        {BYTES("# A heading\n"), "md", DOCUMENT_MARKDOWN},
        {BYTES("# A heading\n"), "MarkDown", DOCUMENT_MARKDOWN},
        {BYTES("# A heading\n"), "txt", DOCUMENT_TEXT},
        {BYTES("# A heading\n"), NULL, DOCUMENT_TEXT},
        {BYTES("# A heading\n"), "pdf", DOCUMENT_TEXT},
        {BYTES("words and a <b>tag</b>\n"), "htm", DOCUMENT_HTML},
        {BYTES("words and a <b>tag</b>\n"), "", DOCUMENT_TEXT},
        {BYTES("<h1 align=center>Read me</h1>\n"), "md", DOCUMENT_MARKDOWN},
        {BYTES("<h1>Read me</h1>\n"), "txt", DOCUMENT_TEXT},
        {BYTES("<!doctype html>"), "md", DOCUMENT_HTML},
        {BYTES("gr\xfc\xdf dich\n"), "", DOCUMENT_TEXT},
        {BYTES("\x1b[1mbold\x1b[0m\f\n"), "log", DOCUMENT_TEXT},
        {BYTES("\1\2\3\4"), "md", DOCUMENT_UNKNOWN},
        {BYTES("text with a \0 in it"), "txt", DOCUMENT_UNKNOWN},
        {BYTES("\x1f\x8b\x08\0"), "svgz", DOCUMENT_SVG},
        {BYTES("\x1f\x8b\x08\0"), "svg", DOCUMENT_UNKNOWN},
        {BYTES(""), "html", DOCUMENT_UNKNOWN},
    };
    CHECK_SAMPLES(samples);
}

TEST(a_scene_begins_with_its_own_line)
{
    static const struct sample samples[] = {
        {BYTES("vitrine-scene\nfigure rings\n"), "html", DOCUMENT_SCENE},
        {BYTES("vitrine-scene\r\n"), "", DOCUMENT_SCENE},
        {BYTES("vitrine-scene"), "", DOCUMENT_SCENE},
        {BYTES("vitrine-scenery\n"), "", DOCUMENT_TEXT},
        {BYTES("the vitrine-scene\n"), "", DOCUMENT_TEXT},
    };
    CHECK_SAMPLES(samples);
}

/* A ZIP archive of empty files, enough for names to be read. */
struct zip {
    uint8_t bytes[64 << 10], directory[32 << 10];
    size_t n_bytes, n_directory;
    unsigned n_entries;
};

static void put16(uint8_t *to, size_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *to, size_t value)
{
    put16(to, value & 0xffff);
    put16(to + 2, value >> 16);
}

static void zip_add(struct zip *zip, const char *name, const char *content)
{
    size_t n_name = strlen(name), n_content = strlen(content);
    uint8_t *local = zip->bytes + zip->n_bytes, *central = zip->directory + zip->n_directory;
    REQUIRE(zip->n_bytes + 30 + n_name + n_content <= sizeof(zip->bytes));
    REQUIRE(zip->n_directory + 46 + n_name <= sizeof(zip->directory));
    memcpy(local, "PK\3\4", 4);
    put32(local + 18, n_content);
    put16(local + 26, n_name);
    memcpy(local + 30, name, n_name);
    memcpy(local + 30 + n_name, content, n_content);
    memcpy(central, "PK\1\2", 4);
    put16(central + 28, n_name);
    memcpy(central + 46, name, n_name);
    zip->n_bytes += 30 + n_name + n_content;
    zip->n_directory += 46 + n_name;
    zip->n_entries++;
}

static void zip_finish(struct zip *zip)
{
    size_t start = zip->n_bytes;
    REQUIRE(start + zip->n_directory + 22 <= sizeof(zip->bytes));
    memcpy(zip->bytes + start, zip->directory, zip->n_directory);
    uint8_t *end = zip->bytes + start + zip->n_directory;
    memcpy(end, "PK\5\6", 4);
    put16(end + 10, zip->n_entries);
    put32(end + 16, start);
    zip->n_bytes = (size_t)(end + 22 - zip->bytes);
}

/* names: separated by spaces. */
static struct zip *zip_of(const char *names)
{
    static struct zip zip;
    memset(&zip, 0, sizeof(zip));
    while (*names) {
        char name[64];
        size_t n = strcspn(names, " ");
        snprintf(name, sizeof(name), "%.*s", (int)n, names);
        zip_add(&zip, name, strcmp(name, "mimetype") == 0 ? "application/epub+zip" : "");
        names += n + strspn(names + n, " ");
    }
    zip_finish(&zip);
    return &zip;
}

TEST(a_zip_archive_is_what_its_names_say)
{
    static const struct {
        const char *names, *extension;
        enum document_kind kind;
    } archives[] = {
        {"mimetype META-INF/container.xml", "zip", DOCUMENT_EPUB},
        {"cover.jpg META-INF/container.xml", "cbz", DOCUMENT_EPUB},
        {"[Content_Types].xml _rels/.rels FixedDocSeq.fdseq", "", DOCUMENT_XPS},
        {"01.jpg 02.JPG 03.png ComicInfo.xml", "zip", DOCUMENT_CBZ},
        {"pages/ pages/01.jpg __MACOSX/a __MACOSX/b", "", DOCUMENT_CBZ},
        {"a.c b.c c.c logo.png", "zip", DOCUMENT_UNKNOWN},
        {"a.c b.c c.c logo.png", "cbz", DOCUMENT_CBZ},
        {"a.c b.c", "cbz", DOCUMENT_UNKNOWN},
        {"[Content_Types].xml word/document.xml word/1.png word/2.png", "", DOCUMENT_UNKNOWN},
        {"", "epub", DOCUMENT_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(archives) / sizeof(archives[0]); i++) {
        const struct zip *zip = zip_of(archives[i].names);
        enum document_kind kind = sniff_exactly(zip->bytes, zip->n_bytes, archives[i].extension);
        if (kind != archives[i].kind)
            FAIL("'%s' is %s", archives[i].names, document_kind_name(kind));
    }
}

TEST(a_zip_archive_cut_anywhere_is_still_read_safely)
{
    const struct zip *zip = zip_of("mimetype META-INF/container.xml a.png b.png");
    for (size_t n = 0; n < zip->n_bytes; n++) {
        enum document_kind kind = sniff_exactly(zip->bytes, n, "");
        if (n > 58) /* the first file, by which it is known */
            CHECK_INT(kind, ==, DOCUMENT_EPUB);
    }
}

TEST(lies_in_a_zip_archive_lead_nowhere)
{
    struct zip *zip = zip_of("a.png b.png");
    size_t end = zip->n_bytes - 22, entry = end - zip->n_directory;
    put32(zip->bytes + end + 16, 0xffffffff); /* the directory's place */
    CHECK_INT(sniff_exactly(zip->bytes, zip->n_bytes, ""), ==, DOCUMENT_CBZ);
    put32(zip->bytes + end + 16, zip->n_bytes - 1);
    CHECK_INT(sniff_exactly(zip->bytes, zip->n_bytes, ""), ==, DOCUMENT_CBZ);
    put32(zip->bytes + end + 16, entry);
    put16(zip->bytes + entry + 28, 0xffff); /* the length of a name */
    CHECK_INT(sniff_exactly(zip->bytes, zip->n_bytes, ""), ==, DOCUMENT_CBZ);
    put16(zip->bytes + 26, 0xffff);
    CHECK_INT(sniff_exactly(zip->bytes, zip->n_bytes, ""), ==, DOCUMENT_UNKNOWN);
}

TEST(what_is_not_known_is_described)
{
    static const struct {
        const uint8_t *bytes;
        size_t n_bytes;
        const char *what;
    } strangers[] = {
        {BYTES("\x7f"
               "ELF\2\1\1"),
         "an ELF program"},
        {BYTES("\0\0\0\x18"
               "ftypisom\0"),
         "an MP4 video"},
        {BYTES("\0\0\0\x18"
               "ftypavif\0"),
         "an AVIF picture"},
        {BYTES("\x1a\x45\xdf\xa3\1"), "a Matroska or WebM video"},
        {BYTES("\1\2\3\4"), "binary data of an unknown kind"},
        {BYTES(""), "an empty file"},
    };
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        CHECK_INT(sniff(strangers[i].bytes, strangers[i].n_bytes, ""), ==, DOCUMENT_UNKNOWN);
        CHECK_STR(sniff_describe(strangers[i].bytes, strangers[i].n_bytes), strangers[i].what);
    }
    const struct zip *zip = zip_of("[Content_Types].xml word/document.xml");
    CHECK_STR(sniff_describe(zip->bytes, zip->n_bytes), "a Word document");
    zip = zip_of("a.c");
    CHECK_STR(sniff_describe(zip->bytes, zip->n_bytes), "a ZIP archive without EPUB, XPS or mostly pictures inside");
}

/* What no engine could open is never taken for something, and no length is one byte too short for the sniffer. */
TEST(noise_of_any_length_is_harmless)
{
    uint8_t noise[512] = {0};
    uint32_t state = 1;
    for (size_t n = 0; n < sizeof(noise); n++) {
        for (size_t i = 0; i < n; i++)
            noise[i] = (uint8_t)((state = state * 1664525u + 1013904223u) >> 24);
        enum document_kind kind = sniff_exactly(noise, n, "md");
        if (n >= 64) /* shorter noise may be free of controls */
            CHECK_INT(kind, ==, DOCUMENT_UNKNOWN);
    }
}
