/* Documents: whatever a path leads to, it ends as a sealed copy or as a told refusal, and never blocks. */
#include "broker/document.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "tests/test.h"

static int open_document(struct document *document, const char *path, size_t max_bytes)
{
    const int error = document_init(document, path);
    return error != 0 ? error : document_open(document, max_bytes);
}

#define MB (1u << 20)

static char folder[64];

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        perror(folder);
}

/* A path in a folder of the test's own, which goes with it. */
static const char *path_of(const char *name)
{
    static char path[512];
    if (folder[0] == '\0') {
        snprintf(folder, sizeof folder, "/tmp/vitrine-document-XXXXXX");
        REQUIRE(mkdtemp(folder) != NULL);
        REQUIRE(chmod(folder, 0755) == 0);
        atexit(remove_folder);
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *make_file(const char *name, const char *text)
{
    const char *path = path_of(name);
    CLOSE_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    REQUIRE(fd >= 0);
    REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    return path;
}

static void expect(const char *path, size_t max_bytes, enum refusal refusal)
{
    struct document document;
    REQUIRE(open_document(&document, path, max_bytes) == 0);
    if (document.refusal != refusal)
        FAIL("%s: %s, not %s", path, refusal_name(document.refusal), refusal_name(refusal));
    CHECK((document.fd >= 0) == (refusal == REFUSAL_NONE));
    CHECK((document.detail[0] != '\0') == (refusal != REFUSAL_NONE));
    CHECK(strchr(document.detail, '\n') == NULL);
    CHECK_STR(document.path, path);
    document_finish(&document);
}

TEST(missing_and_not_a_file)
{
    expect(path_of("nothing"), MB, REFUSAL_MISSING);
    expect(path_of("nothing/below"), MB, REFUSAL_MISSING);
    make_file("file", "x");
    expect(path_of("file/below"), MB, REFUSAL_MISSING);
    path_of("");
    expect(folder, MB, REFUSAL_NOT_A_FILE);
    expect("", MB, REFUSAL_MISSING);
    char name[5000];
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    expect(name, MB, REFUSAL_MISSING);
}

TEST(fifos_devices_and_sockets)
{
    REQUIRE(mkfifo(path_of("fifo"), 0600) == 0);
    expect(path_of("fifo"), MB, REFUSAL_NOT_A_FILE);
    expect("/dev/null", MB, REFUSAL_NOT_A_FILE);
    expect("/dev/zero", MB, REFUSAL_NOT_A_FILE);
    expect("/dev/tty", MB, REFUSAL_NOT_A_FILE);

    CLOSE_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path_of("socket"));
    REQUIRE(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    expect(address.sun_path, MB, REFUSAL_NOT_A_FILE);
}

/* Their size is 0 whatever is in them; and through a magic link a name would lead anywhere. */
TEST(proc)
{
    expect("/proc/self/status", MB, REFUSAL_EMPTY);
    expect("/proc/self/mem", MB, REFUSAL_EMPTY);
    expect("/proc/self/exe", 1u << 30, REFUSAL_NOT_A_FILE);
    expect("/proc/self/fd/0", MB, REFUSAL_NOT_A_FILE);
    expect("/dev/stdin", MB, REFUSAL_NOT_A_FILE);
    REQUIRE(symlink("loop", path_of("loop")) == 0);
    expect(path_of("loop"), MB, REFUSAL_NOT_A_FILE);
}

TEST(sizes)
{
    expect(make_file("empty", ""), MB, REFUSAL_EMPTY);
    expect(make_file("four", "1234"), 4, REFUSAL_NONE);
    expect(path_of("four"), 3, REFUSAL_TOO_LARGE);
    make_file("huge", "x");
    if (truncate(path_of("huge"), 10ll << 40) < 0)
        SKIP("this file system has no files of 10 TB");
    expect(path_of("huge"), 1u << 30, REFUSAL_TOO_LARGE);
}

TEST(no_permission)
{
    const char *path = make_file("secret", "x");
    REQUIRE(chmod(path, 0) == 0);
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 &&
            (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
            _exit(2);
        struct document document;
        const bool right = open_document(&document, path, MB) == 0 && document.refusal == REFUSAL_UNREADABLE;
        document_finish(&document);
        _exit(right ? 0 : 1);
    }
    int status;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK_INT(status, ==, 0);
}

TEST(a_link_to_a_file_is_fine)
{
    make_file("real.pdf", "content");
    REQUIRE(symlink("real.pdf", path_of("link.txt")) == 0);
    struct document document;
    REQUIRE(open_document(&document, path_of("link.txt"), MB) == 0);
    CHECK_INT(document.refusal, ==, REFUSAL_NONE);
    CHECK_STR(document.extension, "txt");
    document_finish(&document);
}

TEST(the_copy_is_whole_and_cannot_change)
{
    struct document document;
    REQUIRE(open_document(&document, make_file("a.Html", "some bytes"), MB) == 0);
    REQUIRE(document.refusal == REFUSAL_NONE);
    CHECK_INT(document.n_bytes, ==, 10);
    CHECK_STR(document.extension, "html");

    /* The file goes on without it. */
    make_file("a.Html", "others");
    char bytes[16] = "";
    CHECK_INT(pread(document.fd, bytes, sizeof bytes, 0), ==, 10);
    CHECK_MEM(bytes, "some bytes", 10);

    const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    CHECK_INT(fcntl(document.fd, F_GET_SEALS) & seals, ==, seals);
    CHECK(pwrite(document.fd, "x", 1, 0) < 0 && errno == EPERM);
    CHECK(ftruncate(document.fd, 1) < 0 && errno == EPERM);
    CHECK(ftruncate(document.fd, 100) < 0 && errno == EPERM);
    CHECK(fallocate(document.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1) < 0 && errno == EPERM);
    CHECK(fcntl(document.fd, F_ADD_SEALS, 0) < 0 && errno == EPERM);
    CHECK(mmap(NULL, 10, PROT_READ | PROT_WRITE, MAP_SHARED, document.fd, 0) == MAP_FAILED);
    CHECK(fcntl(document.fd, F_GETFD) & FD_CLOEXEC);
    void *map = mmap(NULL, 10, PROT_READ, MAP_PRIVATE, document.fd, 0);
    REQUIRE(map != MAP_FAILED);
    CHECK_MEM(map, "some bytes", 10);
    munmap(map, 10);

    /* Re-opened through /proc it is still sealed, and never a program. */
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", document.fd);
    CLOSE_FD int again = open(self, O_RDWR | O_CLOEXEC);
    CHECK(again < 0 || (pwrite(again, "x", 1, 0) < 0 && errno == EPERM));
    struct stat status;
    CHECK(fstat(document.fd, &status) == 0 && (status.st_mode & 0111) == 0);
    document_finish(&document);
}

TEST(extensions)
{
    static const struct {
        const char *name, *extension;
    } rows[] = {{"a.pdf", "pdf"},   {"a.PDF", "pdf"},   {"a", ""},
                {"a.", ""},         {"a.b/c", ""},      {"a.p-f", ""},
                {".pdf", "pdf"},    {"a.tar.gz", "gz"}, {"a.averyveryverylong", ""},
                {"a.\xc3\xa9", ""}, {"a.\n", ""}};
    mkdir(path_of("a.b"), 0700);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct document document;
        REQUIRE(open_document(&document, make_file(rows[i].name, "x"), MB) == 0);
        if (strcmp(document.extension, rows[i].extension) != 0)
            FAIL("\"%s\" has the extension \"%s\"", rows[i].name, document.extension);
        CHECK_INT(document.refusal, ==, REFUSAL_NONE);
        document_finish(&document);
    }
}

TEST(names_that_would_forge_lines)
{
    expect(make_file("a\n\x1b[2J\xff.txt", "x"), MB, REFUSAL_NONE);
    expect(path_of("gone\n\x1b[2J"), MB, REFUSAL_MISSING);
}

/* Reads standard input from a pipe that holds so many bytes. */
static void expect_input(size_t n_bytes, size_t max_bytes, enum refusal refusal)
{
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    fcntl(ends[1], F_SETPIPE_SZ, MB);
    char *bytes = calloc(1, n_bytes + 1);
    REQUIRE(bytes != NULL);
    REQUIRE(write(ends[1], bytes, n_bytes) == (ssize_t)n_bytes);
    free(bytes);
    close(ends[1]);
    REQUIRE(dup2(ends[0], STDIN_FILENO) == STDIN_FILENO);
    close(ends[0]);
    struct document document;
    REQUIRE(open_document(&document, "-", max_bytes) == 0);
    CHECK_INT(document.refusal, ==, refusal);
    if (refusal == REFUSAL_NONE)
        CHECK_INT(document.n_bytes, ==, n_bytes);
    document_finish(&document);
}

TEST(standard_input)
{
    expect_input(0, 100, REFUSAL_EMPTY);
    expect_input(100, 100, REFUSAL_NONE);
    expect_input(101, 100, REFUSAL_TOO_LARGE);
    expect_input(900000, MB, REFUSAL_NONE);
    /* Others that cannot be read. */
    path_of("");
    CLOSE_FD int directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(dup2(directory, STDIN_FILENO) == STDIN_FILENO);
    expect("-", MB, REFUSAL_NOT_A_FILE);
    CLOSE_FD int written = open(path_of("written"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(dup2(written, STDIN_FILENO) == STDIN_FILENO);
    expect("-", MB, REFUSAL_UNREADABLE);
}

/* A writer that never stops: what is taken is consistent, and within the limit. */
TEST(a_file_that_grows)
{
    const char *path = make_file("growing", "x");
    CLOSE_FD int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        static char bytes[65536];
        for (int i = 0; i < 2000; i++)
            (void)!write(fd, bytes, sizeof bytes);
        _exit(0);
    }
    for (int i = 0; i < 20; i++) {
        struct document document;
        REQUIRE(open_document(&document, path, 8 * MB) == 0);
        if (document.refusal == REFUSAL_NONE) {
            struct stat status;
            CHECK(fstat(document.fd, &status) == 0 && (size_t)status.st_size == document.n_bytes);
            CHECK_INT(document.n_bytes, <=, 8 * MB);
        } else {
            CHECK_INT(document.refusal, ==, REFUSAL_TOO_LARGE);
        }
        document_finish(&document);
    }
    REQUIRE(waitpid(child, NULL, 0) == child);
}

/* A second look, at what the path leads to by now. */
TEST(forgotten_it_is_opened_anew)
{
    struct document document;
    char path[512];
    snprintf(path, sizeof path, "%s", path_of("late.txt"));
    REQUIRE(open_document(&document, path, MB) == 0);
    CHECK(document.refusal == REFUSAL_MISSING && document.opened);
    document_forget(&document);
    CHECK(!document.opened && document.refusal == REFUSAL_NONE && document.fd == -1);
    CHECK_STR(document.detail, "");
    CHECK_STR(document.path, path);

    make_file("late.txt", "first");
    REQUIRE(document_open(&document, MB) == 0);
    CHECK(document.refusal == REFUSAL_NONE && document.fd >= 0);
    CHECK_INT(document.n_bytes, ==, 5);

    /* A copy that is there goes with it. */
    make_file("late.txt", "second one");
    document_forget(&document);
    CHECK_INT(document.fd, ==, -1);
    REQUIRE(document_open(&document, MB) == 0);
    CHECK_INT(document.n_bytes, ==, 10);
    document_forget(&document);
    document_forget(&document);
    document_finish(&document);
}
