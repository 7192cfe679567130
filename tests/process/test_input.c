/* Input that is no good: a clear reason for that tab, while the others go on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/config.h"
#include "common/fd.h"
#include "tests/process/run.h"
#include "tests/test.h"

/* Between two good ones: tab 2 is refused for that reason, and the others live. */
static void expect_refused(const struct run_setup *setup, const char *path, const char *reason)
{
    struct run run;
    const char *good = scratch_scene("good.scene");
    const int status = RUN_WHOLE(&run, setup, "--json", good, path, good);
    if (status != 1)
        FAIL("%s: exit status %d: %s", path, status, run.err);
    struct event event;
    if (!run_event(&run, "refused", 2, NULL, &event))
        FAIL("%s was not refused: %s", path, run.out);
    else if (strcmp(event_text(&event, "reason"), reason) != 0)
        FAIL("%s was refused as %s, not %s", path, event_text(&event, "reason"), reason);
    else
        CHECK(strlen(event_text(&event, "detail")) > 3);
    CHECK(run_event(&run, "tab", 2, "failed", &event));
    CHECK(run_event(&run, "tab", 1, "live", &event));
    CHECK(run_event(&run, "tab", 3, "live", &event));
    CHECK_INT(run_count(&run, "crash", NULL), ==, 0);
    run_finish(&run);
}

TEST(missing)
{
    expect_refused(NULL, scratch_path("nothing-here"), "missing");
}

TEST(directory)
{
    expect_refused(NULL, scratch(), "not-a-file");
}

TEST(fifo)
{
    REQUIRE(mkfifo(scratch_path("fifo"), 0644) == 0);
    expect_refused(NULL, scratch_path("fifo"), "not-a-file");
}

TEST(device)
{
    expect_refused(NULL, "/dev/zero", "not-a-file");
}

TEST(socket)
{
    CLOSE_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", scratch_path("socket"));
    REQUIRE(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    expect_refused(NULL, address.sun_path, "not-a-file");
}

TEST(empty)
{
    expect_refused(NULL, scratch_file("empty.pdf", ""), "empty");
}

TEST(ten_terabytes)
{
    const char *path = scratch_path("huge.pdf");
    CLOSE_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    REQUIRE(fd >= 0);
    if (ftruncate(fd, 10ll << 40) < 0)
        SKIP("this file system has no files of 10 TB");
    expect_refused(NULL, path, "too-large");
}

TEST(unreadable)
{
    const char *path = scratch_scene("secret.scene");
    REQUIRE(chmod(path, 0) == 0);
    const struct run_setup setup = {.as_nobody = is_root()};
    struct run run;
    if (RUN_WHOLE(&run, &setup, "--version") == 126)
        SKIP("an ordinary user cannot reach the broker's folder");
    run_finish(&run);
    scratch_scene("good.scene");
    expect_refused(&setup, path, "unreadable");
}

TEST(no_known_format)
{
    expect_refused(NULL,
                   scratch_bytes("bytes.bin",
                                 "\x7f"
                                 "ELF\2\1\1\0\0\0\0\0\0\0\0\0",
                                 16),
                   "unsupported");
}

static const char pdf_head[] = "%PDF-1.7\n1 0 obj\n<</Type /Catalog /Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type /Pa";

TEST(truncated_pdf)
{
    expect_refused(NULL, scratch_bytes("cut.pdf", pdf_head, sizeof pdf_head - 1),
                   HAVE_ENGINE_MUPDF ? "broken" : "unsupported");
}

/* A user password nobody knows: the entries are of the right form, and fit none. */
static const char encrypted_pdf[] = "%PDF-1.4\n"
                                    "1 0 obj\n<</Type /Catalog /Pages 2 0 R>>\nendobj\n"
                                    "2 0 obj\n<</Type /Pages /Kids [3 0 R] /Count 1>>\nendobj\n"
                                    "3 0 obj\n<</Type /Page /Parent 2 0 R /MediaBox [0 0 100 100]>>\nendobj\n"
                                    "4 0 obj\n<</Filter /Standard /V 1 /R 2 /P -4\n"
                                    "/O <0102030405060708090a0b0c0d0e0f100102030405060708090a0b0c0d0e0f10>\n"
                                    "/U <1112131415161718191a1b1c1d1e1f201112131415161718191a1b1c1d1e1f20>>>\nendobj\n"
                                    "trailer\n<</Root 1 0 R /Encrypt 4 0 R /Size 5 "
                                    "/ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>]>>\n"
                                    "%%EOF\n";

TEST(encrypted_pdf)
{
    if (!HAVE_ENGINE_MUPDF)
        SKIP("this build has no mupdf engine");
    expect_refused(NULL, scratch_bytes("locked.pdf", encrypted_pdf, sizeof encrypted_pdf - 1), "encrypted");
}

/* A ZIP with one stored file, "a", of one byte. */
static const unsigned char plain_zip[] = {'P',  'K', 3,  4, 10, 0, 0,  0, 0, 0, 0,   0,   0,   0,   0x43, 0xbe, 0xb7,
                                          0xe8, 1,   0,  0, 0,  1, 0,  0, 0, 1, 0,   0,   0,   'a', 'a',  'P',  'K',
                                          1,    2,   10, 0, 10, 0, 0,  0, 0, 0, 0,   0,   0,   0,   0x43, 0xbe, 0xb7,
                                          0xe8, 1,   0,  0, 0,  1, 0,  0, 0, 1, 0,   0,   0,   0,   0,    0,    0,
                                          0,    0,   0,  0, 0,  0, 0,  0, 0, 0, 'a', 'P', 'K', 5,   6,    0,    0,
                                          0,    0,   1,  0, 1,  0, 47, 0, 0, 0, 32,  0,   0,   0,   0,    0};

/* Its name must not make it one. */
TEST(zip_that_is_no_epub)
{
    struct run run;
    const char *good = scratch_scene("good.scene");
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", good, scratch_bytes("not.epub", plain_zip, sizeof plain_zip)), ==, 1);
    struct event event;
    REQUIRE(run_event(&run, "refused", 2, NULL, &event));
    const char *reason = event_text(&event, "reason");
    CHECK(strcmp(reason, "unsupported") == 0 || strcmp(reason, "broken") == 0);
    CHECK_INT(run_count(&run, "tab", "live"), ==, 1);
    run_finish(&run);
}

/* The header of a PNG, checksum and all, of 100,000 by 100,000 pixels. */
static const unsigned char wide_png[] = {0x89, 'P', 'N', 'G', 13,  10,   26,   10,   0,    0, 0,    13,
                                         'I',  'H', 'D', 'R', 0,   1,    0x86, 0xa0, 0,    1, 0x86, 0xa0,
                                         8,    2,   0,   0,   0,   0x31, 0x98, 0x1d, 0x5f, 0, 0,    0,
                                         0,    'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};

TEST(picture_of_ten_gigapixels)
{
    if (!HAVE_ENGINE_MUPDF)
        SKIP("this build has no mupdf engine");
    expect_refused(NULL, scratch_bytes("wide.png", wide_png, sizeof wide_png), "too-large");
}

TEST(html_in_latin_1_and_utf_16)
{
    if (!HAVE_ENGINE_HTML)
        SKIP("this build has no html engine");
    static const char latin_1[] =
        "<html><head><meta charset=iso-8859-1><title>Caf\xe9</title></head><body>Caf\xe9</body></html>";
    static const char text[] = "<html><head><title>Caf\xe9</title></head><body>Caf\xe9</body></html>";
    unsigned char utf_16[2 * sizeof text] = {0xff, 0xfe};
    for (size_t i = 0; i < sizeof text - 1; i++)
        utf_16[2 + 2 * i] = (unsigned char)text[i];
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", scratch_file("latin.html", latin_1),
                        scratch_bytes("wide.html", utf_16, 2 * sizeof text)),
              ==, 0);
    for (unsigned tab = 1; tab <= 2; tab++) {
        struct event event;
        REQUIRE(run_event(&run, "tab", tab, "live", &event));
        CHECK_STR(event_text(&event, "title"), "Café");
    }
    run_finish(&run);
}

/* What a name holds reaches neither the terminal nor the next line of JSON. */
static void check_harmless(const char *text, const char *what)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 && *c != '\n')
            FAIL("a control character %d in %s", *c, what);
    }
}

TEST(file_name_with_escapes_and_newlines)
{
    struct run run;
    const char *path = scratch_scene("a\x1b]0;owned\x07\n{\"event\":\"forged\"}\t\xff.scene");
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", path, scratch_path("no\x1b[2J\nsuch")), ==, 1);
    CHECK_INT(run_count(&run, "tab", "live"), ==, 1);
    CHECK_INT(run_count(&run, "forged", NULL), ==, 0);
    check_harmless(run.out, "the events");
    check_harmless(run.err, "stderr");
    run_finish(&run);

    CHECK_INT(RUN_WHOLE(&run, NULL, path), ==, 0);
    check_harmless(run.out, "the summary");
    CHECK(strstr(run.out, "\n{") == NULL);
    run_finish(&run);
}

TEST(limit_of_the_command_line)
{
    struct run run;
    const char *path = scratch_path("two-megabytes");
    CLOSE_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    REQUIRE(fd >= 0 && ftruncate(fd, 2 << 20) == 0);
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", "--max-document", "1", path), ==, 1);
    struct event event;
    REQUIRE(run_event(&run, "refused", 1, NULL, &event));
    CHECK_STR(event_text(&event, "reason"), "too-large");
    CHECK(strstr(event_text(&event, "detail"), "--max-document") != NULL);
    run_finish(&run);
}

/* Without any good one, too. */
TEST(nothing_but_bad_ones)
{
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--json", scratch_path("a"), scratch_path("b"), "/dev/null"), ==, 1);
    CHECK_INT(run_count(&run, "refused", NULL), ==, 3);
    CHECK_INT(run_count(&run, "tab", "failed"), ==, 3);
    struct event event;
    CHECK(run_event(&run, "start", 0, NULL, &event));
    run_finish(&run);
}

TEST(a_pipe_that_never_ends_is_cut_off)
{
    struct run run;
    CLOSE_FD int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    const struct run_setup setup = {.stdin_fd = zero};
    CHECK_INT(RUN_WHOLE(&run, &setup, "--json", "--max-document", "1", "-"), ==, 1);
    struct event event;
    REQUIRE(run_event(&run, "refused", 1, NULL, &event));
    CHECK_STR(event_text(&event, "reason"), "too-large");
    run_finish(&run);
}
