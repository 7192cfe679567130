/* Modules: which file an address is in, and where: told by the kernel, checked here against the bytes themselves. */
#include "broker/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "tests/test.h"

static uint64_t address_of(int (*function)(const char *))
{
    return (uint64_t)(uintptr_t)function;
}

/* The file holds at the offset what the memory holds at the address. */
static void check_bytes(const struct module *module, uint64_t offset, uint64_t address)
{
    uint8_t bytes[16];
    REQUIRE(module->path != NULL);
    CLOSE_FD int fd = open(module->path, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    REQUIRE(pread(fd, bytes, sizeof bytes, (off_t)offset) == sizeof bytes);
    CHECK_MEM(bytes, (const void *)(uintptr_t)address, sizeof bytes);
}

TEST(code_is_found_in_its_file)
{
    struct modules *modules = NULL;
    REQUIRE(modules_read(getpid(), &modules) == 0);
    uint64_t offset = 0;
    const uint64_t here = (uint64_t)(uintptr_t)check_bytes;
    const struct module *module = modules_find(modules, here, &offset);
    REQUIRE(module != NULL);
    char self[PATH_MAX] = "";
    REQUIRE(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    CHECK_STR(module->path, self);
    CHECK_STR(module->name, strrchr(self, '/') + 1);
    check_bytes(module, offset, here);

    module = modules_find(modules, address_of(puts), &offset);
    REQUIRE(module != NULL);
    check_bytes(module, offset, address_of(puts));
    modules_destroy(modules);
}

TEST(what_is_no_code_is_not_found)
{
    struct modules *modules = NULL;
    REQUIRE(modules_read(getpid(), &modules) == 0);
    uint64_t offset = 1;
    int local = 0;
    void *heap = malloc(1);
    const uint64_t addresses[] = {0, 1, 4096, UINT64_MAX, 1ull << 63, (uintptr_t)&local, (uintptr_t)heap};
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++)
        CHECK(modules_find(modules, addresses[i], &offset) == NULL);
    CHECK_INT(offset, ==, 1);
    free(heap);
    CHECK(modules_share(modules) == modules);
    modules_destroy(modules);
    CHECK(modules_find(modules, (uintptr_t)puts, &offset) != NULL); /* it has an owner left */
    modules_destroy(modules);
    modules_destroy(NULL);
    CHECK(modules_share(NULL) == NULL);
}

TEST(the_kernels_own_code_has_no_file)
{
    const uint64_t vdso = getauxval(AT_SYSINFO_EHDR);
    if (vdso == 0)
        SKIP("no vDSO here");
    struct modules *modules = NULL;
    REQUIRE(modules_read(getpid(), &modules) == 0);
    uint64_t offset;
    const struct module *module = modules_find(modules, vdso, &offset);
    REQUIRE(module != NULL);
    CHECK_STR(module->name, "[vdso]");
    CHECK(module->path == NULL);
    modules_destroy(modules);
}

TEST(who_is_gone_has_none)
{
    struct modules *modules = NULL;
    const pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0)
        _exit(0);
    waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT);
    CHECK_INT(modules_read(pid, &modules), ==, -ESRCH);
    REQUIRE(waitpid(pid, NULL, 0) == pid);
    CHECK_INT(modules_read(pid, &modules), ==, -ENOENT);
    CHECK(modules == NULL);
}

/* ---- files of our own ------------------------------------------------------------------------------------------------ */

#define PAGE 4096

struct code {
    char folder[32], path[256];
    void *map;
};

static void write_page(const char *path)
{
    CLOSE_FD int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    REQUIRE(fd >= 0);
    REQUIRE(ftruncate(fd, PAGE) == 0);
}

static void *map_code(const char *path)
{
    CLOSE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    void *map = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        SKIP("nothing in /tmp may be executed here");
    return map;
}

static void code_make(struct code *code, const char *name)
{
    snprintf(code->folder, sizeof code->folder, "/tmp/modules-XXXXXX");
    REQUIRE(mkdtemp(code->folder));
    snprintf(code->path, sizeof code->path, "%s/%s", code->folder, name);
    write_page(code->path);
    code->map = map_code(code->path);
}

static void code_remove(struct code *code)
{
    munmap(code->map, PAGE);
    unlink(code->path);
    CHECK_INT(rmdir(code->folder), ==, 0);
}

static const struct module *find(struct modules **ret_modules, const void *address)
{
    uint64_t offset = 1;
    REQUIRE(modules_read(getpid(), ret_modules) == 0);
    const struct module *module = modules_find(*ret_modules, (uintptr_t)address, &offset);
    REQUIRE(module != NULL);
    CHECK_INT(offset, ==, 0);
    return module;
}

TEST(names_are_as_odd_as_files_may_be)
{
    static const char *const names[] = {"plain",    "with blanks  ", "a\tb",    "\\040",
                                        "\xff\xfe", "x (deleted)",   "\33[31m", " "};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct code code;
        struct modules *modules = NULL;
        code_make(&code, names[i]);
        const struct module *module = find(&modules, code.map);
        CHECK_STR(module->name, names[i]);
        REQUIRE(module->path != NULL);
        CHECK_STR(module->path, code.path);
        modules_destroy(modules);
        code_remove(&code);
    }
}

/* Nobody would find it again by what the kernel writes: then it is not looked for. */
TEST(a_line_break_in_a_name_makes_no_second_line)
{
    struct code code;
    struct modules *modules = NULL;
    code_make(&code, "a\n0-ffffffffffffffff r-xp 00000000 00:00 1 b");
    const struct module *module = find(&modules, code.map);
    CHECK(module->path == NULL);
    CHECK(strchr(module->name, '\n') == NULL);
    uint64_t offset;
    CHECK(modules_find(modules, 1, &offset) == NULL);
    modules_destroy(modules);
    code_remove(&code);
}

TEST(a_file_that_was_removed_or_replaced_is_not_taken)
{
    struct code code;
    struct modules *modules = NULL;
    code_make(&code, "code");
    REQUIRE(unlink(code.path) == 0);
    CHECK(find(&modules, code.map)->path == NULL);
    modules_destroy(modules);
    write_page(code.path);
    CHECK(find(&modules, code.map)->path == NULL);
    modules_destroy(modules);
    code_remove(&code);
}

TEST(the_list_may_be_long)
{
    struct code code;
    code_make(&code, "code");
    CLOSE_FD int fd = open(code.path, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    const size_t n = 3 * MODULES_MAX_LINES;
    void *const room = mmap(NULL, n * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(room != MAP_FAILED);
    for (size_t i = 0; i < n; i += 2)
        REQUIRE(mmap((char *)room + i * PAGE, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0) !=
                MAP_FAILED);
    struct modules *modules = NULL;
    CHECK_INT(modules_read(getpid(), &modules), ==, 0);
    modules_destroy(modules);
    munmap(room, n * PAGE);
    code_remove(&code);
}

/* ---- a process without a root ---------------------------------------------------------------------------------------- */

static bool write_text(const char *path, const char *text)
{
    CLOSE_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static bool own_users(void)
{
    char users[32], groups[32];
    snprintf(users, sizeof users, "0 %u 1", (unsigned)geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getegid());
    return unshare(CLONE_NEWUSER) == 0 && write_text("/proc/self/uid_map", users) &&
           write_text("/proc/self/setgroups", "deny") && write_text("/proc/self/gid_map", groups);
}

static bool own_mounts(void)
{
    return (geteuid() == 0 || own_users()) && unshare(CLONE_NEWNS) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static bool empty_root(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/tmp", "tmpfs", 0, NULL) == 0 && chdir("/tmp") == 0 &&
           syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 && chdir("/") == 0 &&
           access("/tmp", F_OK) != 0;
}

/* As a zygote does: maps code, and then lets go of the tree that it came from. Tells when it has. */
static _Noreturn void rootless(const char *path, int done_fd)
{
    void *map = map_code(path);
    if (!empty_root())
        map = NULL;
    if (write(done_fd, &map, sizeof map) != sizeof map)
        _exit(1);
    pause();
    _exit(0);
}

/* The code lies on a mount of its own, too. */
TEST(a_process_without_a_root_keeps_its_paths)
{
    char point[] = "/tmp/modules mount-XXXXXX", path[64];
    REQUIRE(mkdtemp(point));
    if (!own_mounts() || mount("none", point, "tmpfs", 0, NULL) != 0) {
        rmdir(point);
        SKIP("no mounts of our own");
    }
    snprintf(path, sizeof path, "%s/code", point);
    write_page(path);
    int done[2];
    REQUIRE(pipe2(done, O_CLOEXEC) == 0);
    const pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0)
        rootless(path, done[1]);
    void *map = NULL;
    REQUIRE(read(done[0], &map, sizeof map) == sizeof map);
    REQUIRE(map != NULL);

    struct modules *modules = NULL;
    uint64_t offset;
    REQUIRE(modules_read(pid, &modules) == 0);
    const struct module *module = modules_find(modules, (uintptr_t)map, &offset);
    REQUIRE(module != NULL);
    CHECK_STR(module->name, "code");
    REQUIRE(module->path != NULL);
    CHECK_STR(module->path, path);
    modules_destroy(modules);

    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(done[0]);
    close(done[1]);
    umount2(point, MNT_DETACH);
    CHECK_INT(rmdir(point), ==, 0);
}
