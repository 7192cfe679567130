#include "broker/crash_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/text.h"

/* A temporary file that is older is of a broker that was killed while it wrote. */
#define STALE_S 60

/* ---- the folder --------------------------------------------------------------------------------------------------- */

static int refuse(const char *path, int error, const char *why, char *ret_error, size_t n_error)
{
    char shown[256];
    text_escape(shown, sizeof shown, path, strlen(path));
    snprintf(ret_error, n_error, "crash reports are not stored: %s %s", shown, why);
    return -error;
}

static int refuse_errno(const char *path, const char *what, const char *advice, char *ret_error, size_t n_error)
{
    const int error = errno;
    char why[256];
    snprintf(why, sizeof why, "%s (%s): %s", what, strerror(error), advice);
    return refuse(path, error, why, ret_error, n_error);
}

/* Who may read or write there. */
static int check(int dir_fd, const char *path, char *ret_error, size_t n_error)
{
    struct stat status;
    if (fstat(dir_fd, &status) < 0)
        return refuse_errno(path, "cannot be looked at", "name another folder", ret_error, n_error);
    if (status.st_uid != geteuid())
        return refuse(path, EPERM, "belongs to somebody else: name a folder of your own", ret_error, n_error);
    if (status.st_mode & 077)
        return refuse(path, EACCES, "may be entered or read by others: chmod 700 it", ret_error, n_error);
    if (faccessat(dir_fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) < 0)
        return refuse_errno(path, "cannot be written to", "chmod 700 it", ret_error, n_error);
    return 0;
}

int crash_dir_prepare(const char *path, int *ret_fd, char *ret_error, size_t n_error)
{
    /* A slash at the end would have a symbolic link followed. */
    char trimmed[PATH_MAX];
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    if (n == 0 || n >= sizeof trimmed)
        return refuse(path, n == 0 ? ENOENT : ENAMETOOLONG, "is no folder's name: name another", ret_error, n_error);
    memcpy(trimmed, path, n);
    trimmed[n] = '\0';

    if (mkdir(trimmed, 0700) < 0 && errno != EEXIST)
        return refuse_errno(path, "cannot be made", "its parent must be there and writable", ret_error, n_error);
    CLOSE_FD int dir_fd = open(trimmed, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir_fd < 0) {
        struct stat status;
        const int error = errno;
        if (lstat(trimmed, &status) == 0 && S_ISLNK(status.st_mode))
            return refuse(path, ELOOP, "is a symbolic link: name the folder itself", ret_error, n_error);
        errno = error;
        return refuse_errno(path, "cannot be opened", "name a folder of your own, with mode 700", ret_error, n_error);
    }
    const int error = check(dir_fd, path, ret_error, n_error);
    if (error == 0)
        *ret_fd = fd_steal(&dir_fd);
    return error;
}

/* ---- which files are ours ------------------------------------------------------------------------------------------- */

/* "crash-20261122-184741-1a2b3c4d": to the letter, so that nothing else is ever taken for a report. A d is a digit, an x
 * a hex digit; "crash" has neither letter. */
#define STEM_PATTERN "crash-dddddddd-dddddd-xxxxxxxx"
#define STEM_BYTES   (sizeof STEM_PATTERN - 1)
#define TIME_BYTES   (STEM_BYTES - sizeof "-xxxxxxxx" + 1)

static bool is_stem(const char *name)
{
    for (size_t i = 0; i < STEM_BYTES; i++) {
        const char wanted = STEM_PATTERN[i], c = name[i];
        const bool digit = c >= '0' && c <= '9';
        if (wanted == 'd' ? !digit : wanted == 'x' ? !digit && !(c >= 'a' && c <= 'f') : c != wanted)
            return false;
    }
    return true;
}

static const char *const endings[] = {".txt", ".json"};
#define N_FILES (sizeof endings / sizeof endings[0])

static bool is_report(const char *name)
{
    return is_stem(name) && (strcmp(name + STEM_BYTES, endings[0]) == 0 || strcmp(name + STEM_BYTES, endings[1]) == 0);
}

/* A dot, a file's name, ".part". */
static bool is_part(const char *name)
{
    char whole[CRASH_DIR_NAME_BYTES];
    const size_t n = strlen(name);
    if (name[0] != '.' || n < sizeof ".part" || n - 6 >= sizeof whole || strcmp(name + n - 5, ".part") != 0)
        return false;
    snprintf(whole, sizeof whole, "%.*s", (int)(n - 6), name + 1);
    return is_report(whole);
}

/* ---- only the newest -------------------------------------------------------------------------------------------------- */

struct stored {
    char stem[STEM_BYTES + 1];
    struct timespec written;
};

struct stored_list {
    struct stored *items;
    size_t n, n_capacity;
};

static bool is_later(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* One row a report, whichever of its files there are. */
static bool list_add(struct stored_list *list, const char *name, const struct timespec *written)
{
    for (size_t i = 0; i < list->n; i++) {
        struct stored *item = &list->items[i];
        if (strncmp(item->stem, name, STEM_BYTES) == 0) {
            if (is_later(written, &item->written))
                item->written = *written;
            return true;
        }
    }
    if (list->n == list->n_capacity) {
        const size_t n_capacity = 2 * list->n_capacity + 64;
        struct stored *items = reallocarray(list->items, n_capacity, sizeof *items);
        if (items == NULL)
            return false;
        list->items = items;
        list->n_capacity = n_capacity;
    }
    struct stored *item = &list->items[list->n++];
    snprintf(item->stem, sizeof item->stem, "%.*s", (int)STEM_BYTES, name);
    item->written = *written;
    return true;
}

/* The newest first, by the time in the name; within its second by the files'. */
static int compare(const void *a, const void *b)
{
    const struct stored *left = a, *right = b;
    const int by_name = strncmp(right->stem, left->stem, TIME_BYTES);
    if (by_name != 0)
        return by_name;
    if (is_later(&left->written, &right->written))
        return -1;
    return is_later(&right->written, &left->written) ? 1 : strcmp(right->stem, left->stem);
}

static void remove_report(int dir_fd, const char *stem)
{
    for (size_t i = 0; i < N_FILES; i++) {
        char name[CRASH_DIR_NAME_BYTES];
        struct stat status;
        snprintf(name, sizeof name, "%s%s", stem, endings[i]);
        if (fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode))
            unlinkat(dir_fd, name, 0);
    }
}

/* Lists the reports, and takes away what a killed broker left half written. */
static void list_reports(int dir_fd, struct stored_list *list)
{
    const int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* with a place of its own in the list */
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    const time_t now = time(NULL);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct stat status;
        const bool part = is_part(entry->d_name);
        if ((!part && !is_report(entry->d_name)) || fstatat(dir_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(status.st_mode))
            continue;
        if (!part && !list_add(list, entry->d_name, &status.st_mtim))
            break;
        if (part && now - status.st_mtim.tv_sec > STALE_S)
            unlinkat(dir_fd, entry->d_name, 0);
    }
    closedir(dir);
}

/* fresh: just written. It stays, though a clock that was set back makes it look old. What cannot be listed or removed
 * stays too: the next report tries again. */
static void prune(int dir_fd, const char *fresh)
{
    struct stored_list list = {0};
    list_reports(dir_fd, &list);
    if (list.n > 0)
        qsort(list.items, list.n, sizeof list.items[0], compare);
    size_t n_kept = 1;
    for (size_t i = 0; i < list.n; i++) {
        if (strcmp(list.items[i].stem, fresh) == 0)
            continue;
        if (n_kept < CRASH_DIR_KEPT)
            n_kept++;
        else
            remove_report(dir_fd, list.items[i].stem);
    }
    free(list.items);
}

/* ---- writing ---------------------------------------------------------------------------------------------------------- */

static int write_part(int dir_fd, const char *part, const struct crash_report *report,
                      void (*print)(const struct crash_report *, FILE *))
{
    unlinkat(dir_fd, part, 0);
    CLOSE_FD int fd = openat(dir_fd, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    FILE *out = fdopen(fd, "w");
    if (out == NULL)
        return -errno;
    (void)fd_steal(&fd);
    errno = 0;
    print(report, out);
    int result = 0;
    if (ferror(out))
        result = errno != 0 ? -errno : -EIO;
    if (fclose(out) != 0 && result == 0)
        result = -errno; /* the last bytes may be those that found the disk full */
    return result;
}

static void make_stem(char out[STEM_BYTES + 1], const struct crash_report *report)
{
    struct tm parts;
    char when[sizeof "20261122-184741"];
    /* A clock that is that wrong is taken for unset. */
    if (gmtime_r(&report->time, &parts) == NULL || strftime(when, sizeof when, "%Y%m%d-%H%M%S", &parts) != 15)
        snprintf(when, sizeof when, "19700101-000000");
    snprintf(out, STEM_BYTES + 1, "crash-%s-%s", when, report->id);
}

int crash_dir_store(int dir_fd, const struct crash_report *report, char *ret_name)
{
    static void (*const printers[N_FILES])(const struct crash_report *, FILE *) = {crash_report_print,
                                                                                   crash_report_print_json};
    char stem[STEM_BYTES + 1], names[N_FILES][CRASH_DIR_NAME_BYTES], parts[N_FILES][CRASH_DIR_NAME_BYTES + 8];
    make_stem(stem, report);
    int error = 0;
    for (size_t i = 0; i < N_FILES; i++) {
        snprintf(names[i], sizeof names[i], "%s%s", stem, endings[i]);
        snprintf(parts[i], sizeof parts[i], ".%s.part", names[i]);
    }
    /* Both are written before either gets its name. */
    for (size_t i = 0; i < N_FILES && error == 0; i++)
        error = write_part(dir_fd, parts[i], report, printers[i]);
    for (size_t i = 0; i < N_FILES && error == 0; i++) {
        if (renameat(dir_fd, parts[i], dir_fd, names[i]) < 0)
            error = -errno;
    }
    if (error != 0) {
        for (size_t i = 0; i < N_FILES; i++)
            unlinkat(dir_fd, parts[i], 0);
        remove_report(dir_fd, stem);
        return error;
    }
    prune(dir_fd, stem);
    memcpy(ret_name, names[0], sizeof names[0]);
    return 0;
}
