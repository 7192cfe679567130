#include "broker/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/memfd.h"

/* Who renderers are outside when the broker is root: nobody. */
#define NOBODY 65534

/* What the zygote's executable expects (renderer/zygote.h; the two sides do not share headers). */
#define ZYGOTE_CHANNEL_FD 3
#define ZYGOTE_IMAGE_FD   4

#define NAMESPACES (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

static int write_file(const char *path, const char *text)
{
    CLOSE_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* From outside, before the exec: root inside is nobody outside, or, when an ordinary user runs the broker, that user. */
static int write_maps(pid_t pid)
{
    const bool root = geteuid() == 0;
    char path[64], map[64];

    snprintf(path, sizeof path, "/proc/%d/uid_map", (int)pid);
    snprintf(map, sizeof map, "0 %u 1", root ? NOBODY : (unsigned)geteuid());
    int error = write_file(path, map);
    if (error != 0)
        return error;
    if (!root) {
        snprintf(path, sizeof path, "/proc/%d/setgroups", (int)pid);
        error = write_file(path, "deny");
        if (error != 0 && error != -ENOENT)
            return error;
    }
    snprintf(path, sizeof path, "/proc/%d/gid_map", (int)pid);
    snprintf(map, sizeof map, "0 %u 1", root ? NOBODY : (unsigned)getegid());
    return write_file(path, map);
}

/* Looked at, as all that was only pretended to be done would pass for done. */
static bool has_ids(uid_t id)
{
    uid_t real_uid, effective_uid, saved_uid;
    gid_t real_gid, effective_gid, saved_gid;
    return getresuid(&real_uid, &effective_uid, &saved_uid) == 0 &&
           getresgid(&real_gid, &effective_gid, &saved_gid) == 0 && real_uid == id && effective_uid == id &&
           saved_uid == id && real_gid == id && effective_gid == id && saved_gid == id;
}

/* In the child. In a new user namespace: the id that is mapped. Without one, root steps down for good. Root's groups go
 * with him; a user's cannot be given up in his own namespace (write_maps denies it). */
static int take_ids(int level, bool was_root)
{
    const uid_t id = level >= 3 ? 0 : NOBODY;
    if (level < 3 && !was_root)
        return 0;
    if (was_root)
        (void)setgroups(0, NULL); /* where it is forbidden there may be none to give up */
    if (was_root && getgroups(0, NULL) != 0)
        return -EPERM;
    if (setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0)
        return -errno;
    return has_ids(id) ? 0 : -EPERM;
}

/* Puts a descriptor at a number, without close-on-exec, however the others lie. */
static int place(int fd, int number)
{
    return dup2(fd, number) < 0 ? -errno : 0;
}

struct birth {
    const struct launcher *launcher;
    int level;
    bool was_root; /* outside, before the clone */
    int channel_fd;
    int go_fd; /* a byte arrives here when the maps are written; end of file: they could not be */
};

/* Between clone and exec, in a copy of the broker: system calls only. */
static _Noreturn void zygote_child(const struct birth *birth)
{
    char go;
    if (read(birth->go_fd, &go, 1) != 1)
        _exit(EXIT_FAILURE);
    if (take_ids(birth->level, birth->was_root) != 0)
        _exit(LAUNCH_EXIT_IDS);
    setsid(); /* a Ctrl-C at the terminal is the broker's affair */

    /* First out of each other's way. */
    const int channel_fd = fcntl(birth->channel_fd, F_DUPFD_CLOEXEC, 16);
    const int image_fd = fcntl(birth->launcher->image_fd, F_DUPFD_CLOEXEC, 16);
    if (channel_fd < 0 || image_fd < 0)
        _exit(EXIT_FAILURE);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
#ifdef VITRINE_SANITIZED
        if (fd == STDERR_FILENO)
            continue; /* where sanitizers report */
#endif
        if (place(birth->launcher->null_fd, fd) != 0)
            _exit(EXIT_FAILURE);
    }
    if (place(channel_fd, ZYGOTE_CHANNEL_FD) != 0 || place(image_fd, ZYGOTE_IMAGE_FD) != 0)
        _exit(EXIT_FAILURE);

    char level[2] = {(char)('0' + birth->level), '\0'};
    const char *const arguments[] = {"vitrine-renderer",
                                     "zygote",
                                     level,
                                     birth->launcher->cold ? "cold" : "warm",
                                     birth->launcher->noexec_seal ? "noexec-seal" : "-",
                                     birth->launcher->codec == CODEC_DIRECT ? "direct" : "protobuf-c",
                                     NULL};
    const char *const environment[] = {"TZ=UTC", "LC_ALL=C.UTF-8",
#ifdef VITRINE_SANITIZED
                                       "ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1",
#endif
                                       NULL};
    syscall(SYS_execveat, image_fd, "", arguments, environment, AT_EMPTY_PATH);
    _exit(LAUNCH_EXIT_EXEC);
}

/* As fork, with namespaces and a pidfd. */
static pid_t clone_child(unsigned long namespaces, int *ret_pidfd)
{
    int pidfd = -1;
    const pid_t pid = (pid_t)syscall(SYS_clone, namespaces | CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, NULL);
    if (pid > 0)
        *ret_pidfd = pidfd;
    return pid < 0 ? -errno : pid;
}

static pid_t clone_zygote(const struct birth *birth, int *ret_pidfd)
{
    if (birth->level < 3)
        return clone_child(0, ret_pidfd);
    pid_t pid = clone_child(NAMESPACES | CLONE_NEWCGROUP, ret_pidfd);
    if (pid == -EINVAL)
        pid = clone_child(NAMESPACES, ret_pidfd);
    return pid;
}

pid_t launcher_launch(const struct launcher *launcher, int level, int channel_fd, int *ret_pidfd)
{
    int go[2];
    if (pipe2(go, O_CLOEXEC) < 0)
        return -errno;
    CLOSE_FD int go_read = go[0];
    CLOSE_FD int go_write = go[1];
    const struct birth birth = {
        .launcher = launcher, .level = level, .was_root = geteuid() == 0, .channel_fd = channel_fd, .go_fd = go_read};

    CLOSE_FD int pidfd = -1;
    const pid_t pid = clone_zygote(&birth, &pidfd);
    if (pid == 0) {
        close(go_write);
        zygote_child(&birth);
    }
    if (pid < 0)
        return pid;
    const int error = level >= 3 ? write_maps(pid) : 0;
    if (error != 0 || write(go_write, "", 1) != 1) {
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        waitid(P_PIDFD, (id_t)pidfd, &(siginfo_t){0}, WEXITED);
        return error != 0 ? error : -EPIPE;
    }
    *ret_pidfd = fd_steal(&pidfd);
    return pid;
}

/* ---- what it takes ------------------------------------------------------------------------------------------------ */

/* A program beside our own executable. */
static int open_image(const char *program, int *ret_fd, char *ret_error, size_t n_error)
{
    char path[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path - sizeof "/" - strlen(program));
    path[n > 0 ? n : 0] = '\0';
    if (path[0] != '/') {
        snprintf(ret_error, n_error, "/proc cannot be read (%s): mount it, it shows whether renderers are locked up",
                 strerror(n < 0 ? errno : ENOENT));
        return -ENOENT;
    }
    sprintf(strrchr(path, '/'), "/%s", program);
    const int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        const int error = -errno;
        snprintf(ret_error, n_error, "no %s beside the broker (%s): build it, ./run does", program, strerror(-error));
        return error;
    }
    /* When root runs the broker, it is nobody who executes it. */
    struct stat status;
    const bool root = geteuid() == 0;
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || (root && !(status.st_mode & S_IXOTH)) ||
        (faccessat(fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS) < 0 && errno == EACCES)) {
        snprintf(ret_error, n_error, "the %s beside the broker may not be executed%s: chmod %s it", program,
                 root ? " by nobody, who it runs as" : "", root ? "o+rx" : "+x");
        close(fd);
        return -EACCES;
    }
    *ret_fd = fd;
    return 0;
}

/* Documents and frames live in sealed memory files: better told once here than by each tab. Whether they carry the
 * executable seal the kernel tells once for all, too. */
static int check_memfds(bool *ret_noexec_seal, char *ret_error, size_t n_error)
{
    CLOSE_FD int fd = -1;
    int error = memfd_make("vitrine-probe", &fd, ret_noexec_seal);
    if (error != 0) {
        snprintf(ret_error, n_error, "memory files cannot be made (memfd_create): %s", strerror(-error));
        return error;
    }
    error = memfd_seal(fd, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL, 0);
    if (error != 0)
        snprintf(ret_error, n_error, "memory files cannot be sealed (fcntl F_ADD_SEALS): %s", strerror(-error));
    return error;
}

/* The ways to end a child and to learn how it ended, tried on ourselves with what must be refused: that there is no such
 * signal, that this is no child of ours. Anything else is a kernel or filter without them, or a lie. */
static int check_pidfds(char *ret_error, size_t n_error)
{
    CLOSE_FD int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (pidfd < 0)
        snprintf(ret_error, n_error, "processes cannot be held on to (pidfd_open): %s", strerror(errno));
    else if (syscall(SYS_pidfd_send_signal, pidfd, -1, NULL, 0) == 0 || errno != EINVAL)
        snprintf(ret_error, n_error, "renderers could not be ended: the host does not do pidfd_send_signal");
    else if (waitid(P_PIDFD, (id_t)pidfd, &(siginfo_t){0}, WEXITED | WNOHANG) == 0 || errno != ECHILD)
        snprintf(ret_error, n_error, "no renderer's end could be told: the host does not do waitid for a pidfd");
    else
        return 0;
    return -ENOSYS;
}

int launcher_init(struct launcher *launcher, const char *program, bool cold, char *ret_error, size_t n_error)
{
    *launcher = (struct launcher){.image_fd = -1, .null_fd = -1, .cold = cold};
    int error = check_memfds(&launcher->noexec_seal, ret_error, n_error);
    if (error == 0)
        error = check_pidfds(ret_error, n_error);
    if (error == 0)
        error = open_image(program, &launcher->image_fd, ret_error, n_error);
    if (error != 0)
        return error;
    launcher->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (launcher->null_fd < 0) {
        const int null_error = -errno;
        snprintf(ret_error, n_error, "/dev/null cannot be opened: %s", strerror(-null_error));
        launcher_finish(launcher);
        return null_error;
    }
    return 0;
}

void launcher_finish(struct launcher *launcher)
{
    fd_close(&launcher->image_fd);
    fd_close(&launcher->null_fd);
}
