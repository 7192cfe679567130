#include "common/transport.h"
#include "tests/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/transport_measure.h"

#define MAX_BYTES    (64u * 1024)
#define N_ORDERED    600
#define LETTER_BYTES 1100 /* a ring ends in the midst of one */

static unsigned char sent[MAX_BYTES], received[MAX_BYTES];

static const enum transport_wait waits[] = {TRANSPORT_BLOCK, TRANSPORT_SPIN, TRANSPORT_YIELD};

#define EACH_TRANSPORT(row) (const struct transport *const *row = transports; *row; row++)

/* ---- a pair with a process at the other side ------------------------------------------------------------------------ */

struct rig {
    struct transport_pair pair;
    struct transport_end *end;
    pid_t peer;
};

/* What the peer does; its exit status is what it returns. */
typedef int (*peer_main)(struct transport_end *end, void *context);

static void meet(int fd)
{
    char token = 0;
    if (write(fd, &token, 1) != 1 || read(fd, &token, 1) != 1)
        _exit(99);
}

static bool rig_open(struct rig *rig, const struct transport *transport, enum transport_wait wait, peer_main peer,
                     void *context)
{
    int fds[2];
    signal(SIGPIPE, SIG_IGN);
    const int result = transport_create(transport, wait, &rig->pair);
    if (result < 0) {
        CHECK(rig->pair.reason[0] != '\0');
        printf("%s is absent: %s\n", transport->name, rig->pair.reason);
        return false;
    }
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    rig->peer = fork();
    REQUIRE(rig->peer >= 0);
    if (rig->peer == 0) {
        struct transport_end *end;
        if (transport_attach(&rig->pair, 1, &end) < 0)
            _exit(98);
        meet(fds[1]);
        const int status = peer(end, context);
        transport_destroy(&rig->pair);
        _exit(status);
    }
    REQUIRE(transport_attach(&rig->pair, 0, &rig->end) == 0);
    meet(fds[0]);
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    return true;
}

/* Returns the peer's exit status. */
static int rig_close(struct rig *rig)
{
    int status;
    REQUIRE(waitpid(rig->peer, &status, 0) == rig->peer);
    transport_destroy(&rig->pair);
    transport_destroy(&rig->pair);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void check_nothing_left(const char *name, int n_fds)
{
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
        FAIL("%s left a child", name);
    if (fd_count_open() != n_fds)
        FAIL("%s left descriptors: %d, not %d", name, fd_count_open(), n_fds);
}

static bool is_legal(const struct transport *transport, size_t n_bytes)
{
    return n_bytes >= transport->min_bytes && n_bytes <= transport->max_bytes;
}

static size_t room(const struct transport *transport, size_t n_bytes)
{
    return transport->flags & TRANSPORT_UNFRAMED ? n_bytes : MAX_BYTES;
}

/* ---- the table ------------------------------------------------------------------------------------------------------ */

TEST(the_names_are_those_of_the_contract)
{
    static const char *const names[] = {
        "pipe",       "pipe-pair", "fifo",       "unix-stream",  "unix-dgram",     "unix-seqpacket",
        "tcp",        "udp",       "sysv-queue", "posix-queue",  "sysv-shm-mutex", "posix-shm-semaphore",
        "ring",       "ring-spin", "ring-futex", "ring-eventfd", "rt-signal",      "signal",
        "process-vm", "vmsplice",  "io-uring",   "fd-pass",      "memfd-share",
    };
    const size_t n_names = sizeof(names) / sizeof(names[0]);
    for (size_t i = 0; i < n_names; i++) {
        REQUIRE(transports[i] != NULL);
        CHECK_STR(transports[i]->name, names[i]);
        CHECK(transport_find(names[i]) == transports[i]);
        CHECK(strlen(transports[i]->what) > 0);
        CHECK(transports[i]->waits != 0);
        CHECK(transports[i]->calls != NULL);
    }
    CHECK(transports[n_names] == NULL);
    CHECK(transport_find("pigeon") == NULL);
}

/* ---- messages ------------------------------------------------------------------------------------------------------- */

static const size_t sizes[] = {0, 1, 7, 8, 64, 1000, 1024, 8192, 65507, MAX_BYTES};
#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void fill(unsigned char *bytes, size_t n_bytes, size_t seed)
{
    for (size_t i = 0; i < n_bytes; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 256 + seed);
}

static bool is_filled(const unsigned char *bytes, size_t n_bytes, size_t seed)
{
    for (size_t i = 0; i < n_bytes; i++) {
        if (bytes[i] != (unsigned char)(i * 7 + i / 256 + seed))
            return false;
    }
    return true;
}

/* Judges each message, and sends it back where that is possible. */
static int judge_sizes(struct transport_end *end, void *context)
{
    (void)context;
    for (size_t i = 0; i < N_SIZES; i++) {
        size_t n_bytes;
        if (!is_legal(end->transport, sizes[i]))
            continue;
        if (transport_receive(end, received, room(end->transport, sizes[i]), &n_bytes) < 0)
            return 1;
        if (n_bytes != sizes[i] || !is_filled(received, n_bytes, i))
            return 2;
        if (end->transport->flags & TRANSPORT_ONE_WAY)
            continue;
        /* What was received serves as what is sent: the other side has it before it sends the next. */
        if (transport_send(end, received, n_bytes) < 0)
            return 3;
    }
    /* What was lent to a mechanism must live until it has been read. */
    size_t n_bytes;
    if (!(end->transport->flags & TRANSPORT_ONE_WAY) &&
        transport_receive(end, received, room(end->transport, end->transport->min_bytes), &n_bytes) < 0)
        return 4;
    return 0;
}

static void try_sizes(const struct transport *transport, enum transport_wait wait)
{
    struct rig rig;
    if (!rig_open(&rig, transport, wait, judge_sizes, NULL))
        return;
    for (size_t i = 0; i < N_SIZES; i++) {
        size_t n_bytes = 0;
        if (!is_legal(transport, sizes[i]))
            continue;
        fill(sent, sizes[i], i);
        if (transport_send(rig.end, sent, sizes[i]) < 0)
            FAIL("%s cannot send %zu bytes", transport->name, sizes[i]);
        if (transport->flags & TRANSPORT_ONE_WAY)
            continue;
        memset(received, 0, sizes[i]);
        if (transport_receive(rig.end, received, room(transport, sizes[i]), &n_bytes) < 0 || n_bytes != sizes[i] ||
            !is_filled(received, n_bytes, i))
            FAIL("%s does not bring %zu bytes back", transport->name, sizes[i]);
    }
    if (!(transport->flags & TRANSPORT_ONE_WAY))
        CHECK_INT(transport_send(rig.end, sent, transport->min_bytes), ==, 0);
    const int status = rig_close(&rig);
    if (status != 0)
        FAIL("%s: the peer ended with %d", transport->name, status);
}

TEST_WITHIN(every_mechanism_carries_every_size, 60)
{
    const int n_fds = fd_count_open();
    for
        EACH_TRANSPORT(row)
        {
            for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
                if ((*row)->waits & waits[i])
                    try_sizes(*row, waits[i]);
            }
            check_nothing_left((*row)->name, n_fds);
        }
}

/* The value of rt-signal has room for a number, signal for none, and udp need not bring them all. */
static bool is_ordered(const struct transport *transport)
{
    return !(transport->flags & TRANSPORT_LOSES) && is_legal(transport, sizeof(uint64_t));
}

/* More than any ring or pipe holds, each different, and all there at once: some mechanisms borrow them. */
static unsigned char letters[N_ORDERED][LETTER_BYTES];

static size_t letter_bytes(const struct transport *transport)
{
    return is_legal(transport, LETTER_BYTES) ? LETTER_BYTES : sizeof(uint64_t);
}

static int expect_letters(struct transport_end *end, void *context)
{
    const size_t n_wanted = letter_bytes(end->transport);
    (void)context;
    for (size_t i = 0; i < N_ORDERED; i++) {
        size_t n_bytes;
        if (transport_receive(end, received, n_wanted, &n_bytes) < 0 || n_bytes != n_wanted ||
            memcmp(received, letters[i], n_bytes) != 0)
            return 1;
    }
    return 0;
}

TEST(messages_come_in_order_whole_and_all)
{
    for (uint64_t i = 0; i < N_ORDERED; i++) {
        fill(letters[i], LETTER_BYTES, i);
        memcpy(letters[i], &i, sizeof(i));
    }
    for
        EACH_TRANSPORT(row)
        {
            struct rig rig;
            const enum transport_wait wait = (*row)->waits & TRANSPORT_BLOCK ? TRANSPORT_BLOCK : TRANSPORT_YIELD;
            if (!is_ordered(*row) || !rig_open(&rig, *row, wait, expect_letters, NULL))
                continue;
            for (size_t i = 0; i < N_ORDERED; i++) {
                if (transport_send(rig.end, letters[i], letter_bytes(*row)) < 0)
                    FAIL("%s cannot send letter %zu", (*row)->name, i);
            }
            if (rig_close(&rig) != 0)
                FAIL("%s: out of order", (*row)->name);
        }
}

/* A message that finds too little room is told, and the next one is whole. */
static int expect_too_large(struct transport_end *end, void *context)
{
    size_t n_bytes;
    (void)context;
    if (transport_receive(end, received, 10, &n_bytes) != -EMSGSIZE)
        return 1;
    return transport_receive(end, received, 64, &n_bytes) == 0 && n_bytes == 5 && memcmp(received, "after", 5) == 0 ? 0
                                                                                                                    : 2;
}

TEST(a_message_too_large_for_its_receiver_is_told)
{
    for
        EACH_TRANSPORT(row)
        {
            struct rig rig;
            const enum transport_wait wait = (*row)->waits & TRANSPORT_BLOCK ? TRANSPORT_BLOCK : TRANSPORT_YIELD;
            if ((*row)->flags & TRANSPORT_UNFRAMED || !is_legal(*row, 64) ||
                !rig_open(&rig, *row, wait, expect_too_large, NULL))
                continue;
            CHECK_INT(transport_send(rig.end, sent, 64), ==, 0);
            CHECK_INT(transport_send(rig.end, "after", 5), ==, 0);
            const int status = rig_close(&rig);
            if (status != 0)
                FAIL("%s: the peer ended with %d", (*row)->name, status);
        }
}

static int leave_at_once(struct transport_end *end, void *context)
{
    (void)end;
    (void)context;
    return 0;
}

TEST(who_waits_for_the_gone_is_told_where_the_mechanism_can)
{
    static const char *const names[] = {"pipe-pair", "fifo",     "unix-stream", "unix-seqpacket", "tcp",
                                        "vmsplice",  "io-uring", "fd-pass",     "memfd-share"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct rig rig;
        size_t n_bytes;
        if (!rig_open(&rig, transport_find(names[i]), TRANSPORT_BLOCK, leave_at_once, NULL))
            continue;
        if (transport_receive(rig.end, received, 1, &n_bytes) != -EPIPE)
            FAIL("%s waits or lies", names[i]);
        CHECK_INT(rig_close(&rig), ==, 0);
        if (!rig_open(&rig, transport_find(names[i]), TRANSPORT_BLOCK, leave_at_once, NULL))
            continue;
        CHECK_INT(waitpid(rig.peer, NULL, 0), ==, rig.peer);
        int outcome = 0;
        for (int n = 0; n < 3 && outcome == 0; n++) {
            outcome = transport_send(rig.end, "x", 1);
            poll(NULL, 0, 10); /* over TCP the answer to the first has to come back */
        }
        CHECK_INT(outcome, ==, -EPIPE);
        transport_destroy(&rig.pair);
    }
}

/* ---- what is special ------------------------------------------------------------------------------------------------ */

static bool has_more(struct transport_end *end)
{
    struct pollfd look = {.fd = end->in_fd, .events = POLLIN};
    return poll(&look, 1, 0) > 0;
}

/* Receives only after all was sent. */
static int count_after_all_was_sent(struct transport_end *end, void *context)
{
    const int go = *(int *)context;
    char token;
    size_t n_bytes;
    int n = 0;
    if (read(go, &token, 1) != 1)
        return 99;
    for (; has_more(end) && n < 90; n++) {
        if (transport_receive(end, received, room(end->transport, sizeof(uint64_t)), &n_bytes) < 0)
            return 98;
    }
    return n;
}

static int send_then_count(const char *name, int n, size_t n_bytes)
{
    int go[2];
    struct rig rig;
    REQUIRE(pipe2(go, O_CLOEXEC) == 0);
    REQUIRE(rig_open(&rig, transport_find(name), TRANSPORT_BLOCK, count_after_all_was_sent, &go[0]));
    for (int i = 0; i < n; i++)
        CHECK_INT(transport_send(rig.end, sent, n_bytes), ==, 0);
    CHECK_INT(write(go[1], "", 1), ==, 1);
    const int n_received = rig_close(&rig);
    fd_close(&go[0]);
    fd_close(&go[1]);
    return n_received;
}

TEST(plain_signals_coalesce_and_queued_ones_do_not)
{
    CHECK_INT(send_then_count("signal", 50, 0), ==, 1);
    CHECK_INT(send_then_count("rt-signal", 50, 8), ==, 50);
}

TEST(datagrams_without_room_are_lost_and_the_loss_is_counted)
{
    const struct measure_options options = {.transport = transport_find("udp"),
                                            .test = MEASURE_ONE_WAY,
                                            .placement = MEASURE_SAME_CORE,
                                            .payload = 60000,
                                            .n = 2000};
    struct measure_result result;
    /* The receiver gets no turn before the buffer is full. */
    const int outcome = transport_measure(&options, &result);
    if (outcome == -ENETUNREACH || outcome == -EADDRNOTAVAIL)
        SKIP("no loopback interface");
    REQUIRE(outcome == 0);
    CHECK_INT(result.lost, >, 0);
    CHECK_INT(result.lost, <, 2000);
    CHECK_INT(result.disordered, ==, 0);
}

static int expect_the_urgent_first(struct transport_end *end, void *context)
{
    char text[4] = "";
    size_t n_bytes;
    char token;
    if (read(*(int *)context, &token, 1) != 1)
        return 1;
    for (size_t i = 0; i < 3; i++) {
        if (transport_receive(end, text + i, 1, &n_bytes) < 0 || n_bytes != 1)
            return 2;
    }
    return strcmp(text, "cba") == 0 ? 0 : 3;
}

TEST(priorities_order_what_waits)
{
    int go[2];
    struct rig rig;
    const struct transport *transport = transport_find("posix-queue");
    CHECK(transport->flags & TRANSPORT_PRIORITIES);
    REQUIRE(pipe2(go, O_CLOEXEC) == 0);
    if (!rig_open(&rig, transport, TRANSPORT_BLOCK, expect_the_urgent_first, &go[0]))
        SKIP("no POSIX queues");
    for (unsigned i = 0; i < 3; i++) {
        rig.end->priority = i;
        CHECK_INT(transport_send(rig.end, &"abc"[i], 1), ==, 0);
    }
    CHECK_INT(write(go[1], "", 1), ==, 1);
    CHECK_INT(rig_close(&rig), ==, 0);
    fd_close(&go[0]);
    fd_close(&go[1]);
}

/* ---- what is left --------------------------------------------------------------------------------------------------- */

static int count_lines(const char *path)
{
    FILE *file = fopen(path, "re");
    int n = 0, c;
    if (!file)
        return -1;
    while ((c = getc(file)) != EOF)
        n += c == '\n';
    fclose(file);
    return n - 1; /* the heading */
}

static int count_entries(const char *path, const char *prefix)
{
    DIR *folder = opendir(path);
    int n = 0;
    if (!folder)
        return -1;
    for (const struct dirent *entry; (entry = readdir(folder));)
        n += entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    closedir(folder);
    return n;
}

static void write_map(const char *path, const char *text)
{
    CLOSE_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    REQUIRE(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

/* Where the only System V and POSIX objects are our own. */
static bool go_alone(void)
{
    char uid_map[32], gid_map[32];
    snprintf(uid_map, sizeof(uid_map), "0 %u 1", (unsigned)geteuid());
    snprintf(gid_map, sizeof(gid_map), "0 %u 1", (unsigned)getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWIPC | CLONE_NEWNS) < 0)
        return false;
    write_map("/proc/self/setgroups", "deny");
    write_map("/proc/self/uid_map", uid_map);
    write_map("/proc/self/gid_map", gid_map);
    return true;
}

TEST(nothing_has_a_name_while_it_is_used_nor_is_left_afterwards)
{
    char folder[] = "/tmp/test-transports-XXXXXX", prefix[32];
    REQUIRE(mkdtemp(folder));
    setenv("TMPDIR", folder, 1);
    snprintf(prefix, sizeof(prefix), "memory-%d-", (int)getpid());
    const bool alone = go_alone();
    char queues[64];
    snprintf(queues, sizeof(queues), "%s/queues", folder);
    const bool sees_queues = alone && mkdir(queues, 0700) == 0 && mount("none", queues, "mqueue", 0, NULL) == 0;

    for
        EACH_TRANSPORT(row)
        {
            struct transport_pair pair;
            const enum transport_wait wait = (*row)->waits & TRANSPORT_BLOCK ? TRANSPORT_BLOCK : TRANSPORT_YIELD;
            if (transport_create(*row, wait, &pair) < 0)
                continue;
            CHECK_INT(count_entries("/dev/shm", prefix), <=, 0);
            CHECK_INT(count_entries(folder, "fifo"), ==, 0);
            if (sees_queues)
                CHECK_INT(count_entries(queues, ""), ==, 0);
            transport_destroy(&pair);
            if (alone) {
                CHECK_INT(count_lines("/proc/sysvipc/msg"), <=, 0);
                CHECK_INT(count_lines("/proc/sysvipc/shm"), <=, 0);
            }
        }
    if (sees_queues) {
        /* Otherwise the check above could not fail. */
        const int fd = (int)syscall(SYS_mq_open, "seen", O_CREAT | O_RDWR, 0600, NULL);
        CHECK_INT(count_entries(queues, ""), ==, fd >= 0 ? 1 : 0);
        fd_close(&(int){fd});
        umount(queues);
    }
    rmdir(queues);
    CHECK_INT(rmdir(folder), ==, 0);
}

TEST(a_queue_goes_even_when_its_creator_is_killed)
{
    int fds[2], id = -1;
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
    const pid_t creator = fork();
    if (creator == 0) {
        struct transport_pair pair;
        const int result = transport_create(transport_find("sysv-queue"), TRANSPORT_BLOCK, &pair);
        if (result < 0)
            pair.id = -1;
        if (write(fds[1], &pair.id, sizeof(pair.id)) > 0)
            pause();
        _exit(1);
    }
    REQUIRE(read(fds[0], &id, sizeof(id)) == sizeof(id));
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    struct msqid_ds state;
    const bool is_there = id >= 0 && msgctl(id, IPC_STAT, &state) == 0;
    kill(creator, SIGKILL);
    REQUIRE(waitpid(creator, NULL, 0) == creator);
    if (id < 0)
        SKIP("no System V queues");
    CHECK(is_there);
    /* The keeper is ours now, and its end is awaited: then the queue is gone. */
    int status;
    REQUIRE(waitpid(-1, &status, 0) > 0);
    CHECK_INT(status, ==, 0);
    CHECK(msgctl(id, IPC_STAT, &state) < 0 && (errno == EINVAL || errno == EIDRM));
}

/* ---- what the host lacks -------------------------------------------------------------------------------------------- */

#define ALLOW   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define LOAD_NR BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))

static int load_filter(struct sock_filter *instructions, size_t n)
{
    const struct sock_fprog program = {.len = (unsigned short)n, .filter = instructions};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        return -errno;
    return 0;
}

/* From now on these calls are unknown. */
static int forget_calls(const long *calls, size_t n)
{
    struct sock_filter filter[64] = {LOAD_NR};
    size_t at = 1;
    for (size_t i = 0; i < n; i++) {
        filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], 0, 1);
        filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
    }
    filter[at++] = (struct sock_filter)ALLOW;
    return load_filter(filter, at);
}

TEST(what_the_host_lacks_is_said_and_nothing_is_left)
{
    static const struct {
        const char *name;
        long call;
    } cases[] = {
        {"pipe", SYS_pipe2},
        {"pipe-pair", SYS_pipe2},
        {"vmsplice", SYS_vmsplice},
        {"unix-stream", SYS_socketpair},
        {"unix-dgram", SYS_socketpair},
        {"unix-seqpacket", SYS_socketpair},
        {"fd-pass", SYS_socketpair},
        {"tcp", SYS_socket},
        {"udp", SYS_socket},
        {"sysv-queue", SYS_msgget},
        {"sysv-shm-mutex", SYS_shmget},
        {"posix-queue", SYS_mq_open},
        {"ring-eventfd", SYS_eventfd2},
        {"process-vm", SYS_process_vm_readv},
        {"io-uring", SYS_io_uring_setup},
        {"memfd-share", SYS_memfd_create},
    };
    const size_t n_cases = sizeof(cases) / sizeof(cases[0]);
    for (size_t i = 0; i < n_cases; i++) {
        const pid_t child = fork();
        if (child == 0) {
            struct transport_pair pair;
            if (forget_calls(&cases[i].call, 1) < 0)
                _exit(2);
            const int n_fds = fd_count_open();
            const int result = transport_create(transport_find(cases[i].name), TRANSPORT_BLOCK, &pair);
            const bool told = result == -ENOSYS && strstr(pair.reason, strerror(ENOSYS));
            const bool clean = fd_count_open() == n_fds && waitpid(-1, NULL, WNOHANG) < 0;
            _exit(told && clean ? 0 : 1);
        }
        int status;
        REQUIRE(waitpid(child, &status, 0) == child);
        if (status != 0)
            FAIL("%s without its system call: %x", cases[i].name, (unsigned)status);
    }
}

TEST(a_full_table_of_descriptors_is_told_and_nothing_is_left)
{
    for
        EACH_TRANSPORT(row)
        {
            const pid_t child = fork();
            if (child == 0) {
                const int n_fds = fd_count_open();
                int status = 0;
                /* Each number of free places: every step of create is the one that fails. */
                for (int n_free = 0; n_free < 5; n_free++) {
                    struct transport_pair pair;
                    /* Nothing above the lowest free number is open in a test. */
                    const int lowest = dup(0);
                    close(lowest);
                    const struct rlimit few = {(rlim_t)(lowest + n_free), 1024}, many = {1024, 1024};
                    setrlimit(RLIMIT_NOFILE, &few);
                    const enum transport_wait wait =
                        (*row)->waits & TRANSPORT_BLOCK ? TRANSPORT_BLOCK : TRANSPORT_YIELD;
                    const int result = transport_create(*row, wait, &pair);
                    if (result < 0 && (result != -EMFILE || !strstr(pair.reason, strerror(EMFILE))))
                        status = 1;
                    if (result == 0)
                        transport_destroy(&pair);
                    setrlimit(RLIMIT_NOFILE, &many);
                    if (fd_count_open() != n_fds || waitpid(-1, NULL, WNOHANG) >= 0)
                        status = 2;
                }
                _exit(status);
            }
            int status;
            REQUIRE(waitpid(child, &status, 0) == child);
            if (status != 0)
                FAIL("%s: %x", (*row)->name, (unsigned)status);
        }
}

TEST(without_a_loopback_interface_tcp_and_udp_are_absent)
{
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        SKIP("no network namespace to be had");
    struct transport_pair pair;
    for (int i = 0; i < 2; i++) {
        CHECK_INT(transport_create(transport_find(i == 0 ? "tcp" : "udp"), TRANSPORT_BLOCK, &pair), <, 0);
        CHECK(strstr(pair.reason, "loopback"));
    }
}

TEST(a_wait_that_a_mechanism_does_not_know_is_refused)
{
    struct transport_pair pair;
    CHECK_INT(transport_create(transport_find("ring-spin"), TRANSPORT_BLOCK, &pair), ==, -EOPNOTSUPP);
    CHECK_STR(pair.reason, "ring-spin cannot sleep");
    CHECK_INT(transport_create(transport_find("ring-futex"), TRANSPORT_SPIN, &pair), ==, -EOPNOTSUPP);
}

/* ---- measuring ------------------------------------------------------------------------------------------------------ */

static struct measure_result result;

static int measure(const struct transport *transport, enum measure_test test, uint64_t n)
{
    const size_t payload = transport->max_bytes < 64 ? transport->max_bytes : 64;
    const struct measure_options options = {
        .transport = transport,
        .test = test,
        .placement = MEASURE_SAME_CORE,
        .payload = payload,
        .n = n,
        .n_bytes = 1u << 20,
        .gap_ns = 100 * NS_PER_US,
    };
    const int outcome = transport_measure(&options, &result);
    CHECK((outcome < 0) == (result.absent[0] != '\0'));
    CHECK_STR(result.name, transport->name);
    if (outcome < 0)
        printf("%s %s is absent: %s\n", result.name, result.test, result.absent);
    return outcome;
}

TEST(a_round_trip_has_all_its_figures)
{
    const int n_fds = fd_count_open();
    for
        EACH_TRANSPORT(row)
        {
            const int outcome = measure(*row, MEASURE_ROUND_TRIP, 100);
            check_nothing_left((*row)->name, n_fds);
            if ((*row)->flags & TRANSPORT_ONE_WAY)
                CHECK_INT(outcome, ==, -EOPNOTSUPP);
            if (outcome < 0)
                continue;
            CHECK_STR(result.test, "round-trip");
            CHECK_STR(result.placement, "same-core");
            CHECK_INT(result.cpus[0], >=, 0);
            CHECK_INT(result.cpus[0], ==, result.cpus[1]);
            CHECK_INT(result.n, ==, 100);
            CHECK_INT(result.lost, ==, 0);
            CHECK_INT(result.latency.n, ==, (100 + result.sample_every - 1) / result.sample_every);
            CHECK_INT(result.p50_ns, >, 0);
            CHECK_INT(result.p50_ns, <=, result.p90_ns);
            CHECK_INT(result.p90_ns, <=, result.p99_ns);
            CHECK_INT(result.p99_ns, <=, result.p999_ns);
            CHECK_INT(result.p999_ns, <=, result.max_ns);
            CHECK_INT(result.mean_ns, >, 0);
            CHECK(result.per_s > 0 && result.total_ms > 0 && result.cpu_ns_per_call > 0);
        }
}

TEST(one_way_counts_what_came)
{
    const int n_fds = fd_count_open();
    for
        EACH_TRANSPORT(row)
        {
            const int outcome = measure(*row, MEASURE_ONE_WAY, 500);
            check_nothing_left((*row)->name, n_fds);
            if (outcome < 0)
                continue;
            CHECK_INT(result.n, ==, 500);
            CHECK_INT(result.disordered, ==, 0);
            CHECK_INT(result.p50_ns, ==, 0);
            if (!((*row)->flags & TRANSPORT_LOSES))
                CHECK_INT(result.lost, ==, 0);
            CHECK_INT(result.lost, <, 500);
            CHECK(result.per_s > 0 && result.total_ms > 0);
        }
    REQUIRE(measure(transport_find("signal"), MEASURE_ONE_WAY, 500) == 0);
    CHECK_INT(result.lost, >, 0); /* on one core they are sent faster than they are seen */
}

TEST(a_transfer_moves_all_its_bytes)
{
    REQUIRE(measure(transport_find("pipe"), MEASURE_TRANSFER, 0) == 0);
    CHECK_STR(result.test, "transfer");
    CHECK_INT(result.n * result.payload, ==, 1 << 20);
    CHECK_INT(measure(transport_find("rt-signal"), MEASURE_TRANSFER, 0), ==, -EOPNOTSUPP);
    CHECK_INT(measure(transport_find("signal"), MEASURE_TRANSFER, 0), ==, -EOPNOTSUPP);
    const struct measure_options whole = {.test = MEASURE_TRANSFER, .n_bytes = MEASURE_GIB};
    CHECK_STR(measure_test_name(&whole), "transfer-1g");
}

TEST(sparse_calls_are_timed_without_their_naps)
{
    REQUIRE(measure(transport_find("unix-seqpacket"), MEASURE_SPARSE, 20) == 0);
    CHECK_INT(result.latency.n, ==, 20);
    CHECK(result.total_ms >= 2.0); /* 20 naps of 100 us */
    CHECK(result.per_s <= 0);
    CHECK_INT(result.sample_every, ==, 1);
}

TEST(placement_is_as_asked_or_told_to_be_impossible)
{
    cpu_set_t allowed;
    struct measure_options options = {
        .transport = transport_find("pipe-pair"), .placement = MEASURE_CROSS_CORE, .payload = 1, .n = 10};
    const int outcome = transport_measure(&options, &result);
    if (outcome == 0)
        CHECK_INT(result.cpus[0], !=, result.cpus[1]);
    else
        CHECK_STR(result.absent, "only one core may be used here");

    REQUIRE(sched_getaffinity(0, sizeof(allowed), &allowed) == 0);
    size_t cpu = 0;
    while (!CPU_ISSET(cpu, &allowed))
        cpu++;
    CPU_ZERO(&allowed);
    CPU_SET(cpu, &allowed);
    REQUIRE(sched_setaffinity(0, sizeof(allowed), &allowed) == 0);
    CHECK_INT(transport_measure(&options, &result), ==, -EOPNOTSUPP);
    CHECK_STR(result.absent, "only one core may be used here");
    options.placement = MEASURE_FREE;
    CHECK_INT(transport_measure(&options, &result), ==, 0);
    CHECK_INT(result.cpus[0], ==, -1);
}

TEST(what_does_not_fit_is_told_with_the_limit)
{
    struct measure_options options = {.transport = transport_find("sysv-queue"), .payload = 1 << 16, .n = 1};
    const int outcome = transport_measure(&options, &result);
    CHECK(outcome < 0);
    if (outcome == -EOPNOTSUPP)
        CHECK(strstr(result.absent, "8192 bytes at most"));
    options = (struct measure_options){.transport = transport_find("pipe-pair"), .n = 1};
    CHECK_INT(transport_measure(&options, &result), ==, -EOPNOTSUPP);
    options.payload = 1;
    options.n = 0;
    CHECK_INT(transport_measure(&options, &result), ==, -EINVAL);
}

/* ---- a peer that is not well ---------------------------------------------------------------------------------------- */

static int die_at_once(void *context)
{
    (void)context;
    raise(SIGKILL);
    return 0;
}

static int die_soon(void *context)
{
    const struct itimerval soon = {.it_value = {.tv_usec = 30000}};
    (void)context;
    return setitimer(ITIMER_REAL, &soon, NULL) < 0 ? -errno : 0; /* SIGALRM kills */
}

static int stop_soon(void *context)
{
    (void)context;
    raise(SIGSTOP);
    return 0;
}

static int refuse(void *context)
{
    return *(int *)context;
}

static int measure_with(const struct transport *transport, unsigned timeout_ms, int (*before_start)(void *),
                        void *context)
{
    const struct measure_options options = {
        .transport = transport,
        .payload = transport->max_bytes < 8 ? transport->max_bytes : 8,
        .n = 1ull << 40,
        .timeout_ms = timeout_ms,
        .before_start = before_start,
        .context = context,
    };
    return transport_measure(&options, &result);
}

TEST_WITHIN(a_peer_that_dies_is_told_whatever_the_mechanism, 60)
{
    const int n_fds = fd_count_open();
    signal(SIGALRM, SIG_DFL);
    for
        EACH_TRANSPORT(row)
        {
            struct transport_pair pair;
            const enum transport_wait wait = (*row)->waits & TRANSPORT_BLOCK ? TRANSPORT_BLOCK : TRANSPORT_YIELD;
            if ((*row)->flags & TRANSPORT_ONE_WAY || transport_create(*row, wait, &pair) < 0)
                continue;
            transport_destroy(&pair);
            /* Which of the two is noticed first depends on the mechanism; that it is, does not. */
            if (measure_with(*row, 5000, die_soon, NULL) != -EPIPE)
                FAIL("%s: %s", (*row)->name, result.absent);
            check_nothing_left((*row)->name, n_fds);
        }
    CHECK_INT(measure_with(transport_find("ring-spin"), 5000, die_at_once, NULL), ==, -EPIPE);
    CHECK_STR(result.absent, "the peer was killed by signal 9 (Killed)");
}

TEST(a_peer_that_hangs_is_told_in_time)
{
    const int n_fds = fd_count_open();
    const uint64_t before_ns = clock_now_ns();
    CHECK_INT(measure_with(transport_find("unix-seqpacket"), 400, stop_soon, NULL), ==, -ETIMEDOUT);
    CHECK_INT(clock_now_ns() - before_ns, <, 3 * NS_PER_S);
    CHECK_STR(result.absent, "not done after 400 ms");
    check_nothing_left("unix-seqpacket", n_fds);
}

TEST(a_preparation_that_fails_is_told)
{
    CHECK_INT(measure_with(transport_find("pipe-pair"), 5000, refuse, &(int){-EACCES}), ==, -EACCES);
    CHECK_STR(result.absent, "the peer: the preparation: Permission denied");
}

/* ---- a peer behind a filter ----------------------------------------------------------------------------------------- */

/* Nothing but what the row names and what the measuring itself needs. Whatever else is called kills. */
static int lock_in(void *context)
{
    static const long always[] = {SYS_futex, SYS_exit_group, SYS_clock_gettime};
    const struct transport *transport = context;
    struct sock_filter filter[64] = {LOAD_NR};
    size_t at = 1;
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
        filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)always[i], 0, 1);
        filter[at++] = (struct sock_filter)ALLOW;
    }
    for (const int *call = transport->calls; *call >= 0; call++) {
        filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)*call, 0, 1);
        filter[at++] = (struct sock_filter)ALLOW;
    }
    filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    return load_filter(filter, at);
}

static int call_another(void *context)
{
    const int outcome = lock_in(context);
    if (outcome == 0)
        getppid();
    return outcome;
}

TEST_WITHIN(the_calls_of_a_row_are_all_that_its_peer_needs, 60)
{
#ifdef VITRINE_SANITIZED
    SKIP("a sanitizer makes calls of its own");
#endif
    for
        EACH_TRANSPORT(row)
        {
            for (size_t i = 0; i < 2; i++) {
                const bool one_way = (*row)->flags & TRANSPORT_ONE_WAY;
                const struct measure_options options = {
                    .transport = *row,
                    .test = one_way ? MEASURE_ONE_WAY : MEASURE_ROUND_TRIP,
                    .placement = MEASURE_SAME_CORE,
                    .wait = i == 0 ? TRANSPORT_BLOCK : TRANSPORT_YIELD,
                    .payload = (*row)->max_bytes < 64 ? (*row)->max_bytes : 64,
                    .n = 30,
                    .before_start = lock_in,
                    .context = (void *)*row,
                };
                if (!((*row)->waits & options.wait))
                    continue;
                if (transport_measure(&options, &result) == -EPIPE)
                    FAIL("%s: %s", (*row)->name, result.absent);
            }
        }
    /* And the filter is there. */
    CHECK_INT(measure_with(transport_find("pipe-pair"), 5000, call_another, (void *)transport_find("pipe-pair")), ==,
              -EPIPE);
    CHECK(strstr(result.absent, "killed by signal 31"));
}
