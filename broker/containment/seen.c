#include "broker/containment/seen.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/breaker.h"
#include "broker/proc.h"
#include "broker/containment/stage.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/text.h"

#define MAX_DOCUMENT_BYTES (1u << 20)

/* ---- telling ---------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void tell(struct containment_result *result, bool holds,
                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result->text, sizeof result->text, format, arguments);
    va_end(arguments);
    result->holds = holds;
}

__attribute__((format(printf, 2, 3))) static void tell_absent(struct containment_result *result, const char *format,
                                                              ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result->text, sizeof result->text, format, arguments);
    va_end(arguments);
    result->is_absent = true;
}

static void set_verdict(struct containment_result *result, const struct actor *actor)
{
    snprintf(result->verdict, sizeof result->verdict, "%s", verdict_name(actor_verdict(actor)));
}

/* Says so when an actor did not even come up. */
static bool comes_up(struct stage *stage, struct actor *actor, const char *order, struct containment_result *result)
{
    if (actor_lives(stage, actor, order))
        return true;
    tell(result, false, "the renderer for it did not come up: %.200s", actor->tab.reason);
    return false;
}

/* ---- descriptors --------------------------------------------------------------------------------------------------------- */

/* What a renderer's descriptor may be: stdio, channel, crash pipe; and where there is a ring, its memory and bells. */
static bool is_expected(int fd, const char *target)
{
    static const struct {
        int first, last;
        const char *target;
    } expected[] = {
        {0, 2, "/dev/null"}, {3, 3, "socket:["}, {4, 4, "pipe:["}, {5, 5, "/memfd:"}, {6, 9, "anon_inode:[eventfd"}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        if (fd >= expected[i].first && fd <= expected[i].last)
            return strncmp(target, expected[i].target, strlen(expected[i].target)) == 0;
    }
    return false;
}

static void look_at_descriptors(const char *folder, DIR *entries, struct containment_result *result)
{
    unsigned n = 0;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char path[512], target[128] = "";
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (readlink(path, target, sizeof target - 1) < 0 || !is_expected(atoi(entry->d_name), target)) {
            tell(result, false, "descriptor %.8s is %.100s", entry->d_name, target);
            return;
        }
        n++;
    }
    tell(result, n >= 5, "%u descriptors: /dev/null, channel, crash pipe", n);
}

void see_SEEN_DESCRIPTORS(struct stage *stage, struct containment_result *result)
{
    struct actor actor;
    if (comes_up(stage, &actor, "rest", result)) {
        char folder[32];
        snprintf(folder, sizeof folder, "/proc/%d/fd", (int)actor.tab.pid);
        DIR *entries = opendir(folder);
        if (entries != NULL)
            look_at_descriptors(folder, entries, result);
        else
            tell_absent(result, "at level 2 the kernel shows them to root only");
        if (entries != NULL)
            closedir(entries);
    }
    actor_finish(&actor);
}

/* ---- documents ----------------------------------------------------------------------------------------------------------- */

#define ORIGINAL "vitrine-intruder rest\nthis is what was to be shown\n"
#define FORGED   "vitrine-intruder segv\n"

static int write_text(const char *path, int flags, const char *text)
{
    CLOSE_FD int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0600);
    if (fd < 0)
        return -errno;
    return write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -EIO;
}

static bool holds_original(const struct document *document)
{
    char bytes[sizeof ORIGINAL] = "";
    return pread(document->fd, bytes, sizeof bytes - 1, 0) == (ssize_t)(sizeof ORIGINAL - 1) &&
           strcmp(bytes, ORIGINAL) == 0;
}

/* Overwritten in place, then cut to nothing, then another file in its place. */
static void spoil(const char *path, const char *folder)
{
    char other[64];
    snprintf(other, sizeof other, "%s/other", folder);
    (void)!write_text(path, 0, FORGED);
    (void)!truncate(path, 0);
    (void)!write_text(other, O_CREAT, FORGED);
    (void)!rename(other, path);
}

static void replace_document(struct stage *stage, const char *folder, struct containment_result *result)
{
    char path[64];
    struct actor actor = {.document.fd = -1};
    snprintf(path, sizeof path, "%s/page.txt", folder);
    if (write_text(path, O_CREAT, ORIGINAL) != 0 || document_init(&actor.document, path) != 0 ||
        document_open(&actor.document, MAX_DOCUMENT_BYTES) != 0) {
        tell(result, false, "the document could not be made");
        return;
    }
    spoil(path, folder);
    actor_start(stage, &actor, NULL);
    const bool lives = actor_settle(&actor);
    set_verdict(result, &actor);
    tell(result, lives && holds_original(&actor.document), "%s",
         lives ? "shown as it was when it was opened: a sealed copy" : actor.tab.reason);
    actor_finish(&actor);
    unlink(path);
}

/* A folder for the row alone, gone afterwards. */
static void within_folder(struct stage *stage, struct containment_result *result,
                          void (*act)(struct stage *stage, const char *folder, struct containment_result *result))
{
    char folder[] = "/tmp/vitrine-containment-XXXXXX";
    if (mkdtemp(folder) == NULL) {
        tell_absent(result, "no folder can be made in /tmp: %s", strerror(errno));
        return;
    }
    act(stage, folder, result);
    rmdir(folder);
}

void see_DOCUMENT_REPLACED(struct stage *stage, struct containment_result *result)
{
    within_folder(stage, result, replace_document);
}

static void make_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    CLOSE_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    (void)bind(fd, (const struct sockaddr *)&address, sizeof address);
}

static void make_sparse(const char *path)
{
    CLOSE_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    (void)!ftruncate(fd, 10LL << 40);
}

static void open_strange_documents(struct stage *stage, const char *folder, struct containment_result *result)
{
    (void)stage;
    char fifo[64], node[64], sparse[64];
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    snprintf(node, sizeof node, "%s/socket", folder);
    snprintf(sparse, sizeof sparse, "%s/sparse", folder);
    (void)mkfifo(fifo, 0600);
    make_socket(node);
    make_sparse(sparse);
    const char *const paths[] = {fifo, node, sparse, folder, "/dev/zero", "/dev/tty", "/proc/self/mem", "/proc/kmsg"};
    tell(result, true, "each refused with its reason");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct document document;
        if (document_init(&document, paths[i]) != 0)
            continue;
        if (document_open(&document, MAX_DOCUMENT_BYTES) != 0 || document.refusal == REFUSAL_NONE)
            tell(result, false, "%s was opened", paths[i]);
        document_finish(&document);
    }
    unlink(fifo);
    unlink(node);
    unlink(sparse);
}

void see_DOCUMENT_KINDS(struct stage *stage, struct containment_result *result)
{
    within_folder(stage, result, open_strange_documents);
}

static bool is_denied(long returned)
{
    return returned == -1 && errno == EPERM;
}

/* With the broker's own descriptors, which may do more than a renderer's could. */
void see_SEALS(struct stage *stage, struct containment_result *result)
{
    struct actor actor;
    if (comes_up(stage, &actor, "rest", result)) {
        const int document = actor.document.fd, frame = actor.tab.frame_fd;
        const struct {
            const char *what;
            bool denied;
        } tries[] = {
            {"the document could be written", is_denied(pwrite(document, "x", 1, 0))},
            {"the document could be cut", is_denied(ftruncate(document, 0))},
            {"the document could grow", is_denied(ftruncate(document, 1 << 20))},
            {"the document could be punched",
             is_denied(fallocate(document, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1))},
            {"the document could be sealed more", is_denied(fcntl(document, F_ADD_SEALS, F_SEAL_FUTURE_WRITE))},
            {"the frame could be cut", is_denied(ftruncate(frame, 0))},
            {"the frame could grow", is_denied(ftruncate(frame, 1 << 24))},
            {"the frame could be sealed against its renderer", is_denied(fcntl(frame, F_ADD_SEALS, F_SEAL_WRITE))},
        };
        tell(result, true, "each denied by the seals");
        for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
            if (!tries[i].denied)
                tell(result, false, "%s", tries[i].what);
        }
    }
    actor_finish(&actor);
}

/* ---- processes ------------------------------------------------------------------------------------------------------------ */

void see_STOPPED(struct stage *stage, struct containment_result *result)
{
    struct actor actor;
    if (comes_up(stage, &actor, "rest", result)) {
        child_signal(actor.tab.child, SIGSTOP);
        (void)tab_repaint(&actor.tab);
        actor_await_end(&actor);
        set_verdict(result, &actor);
        tell(result, actor_verdict(&actor) == VERDICT_HANG, "%s", actor.tab.reason);
    }
    actor_finish(&actor);
}

#define TOGETHER 8

void see_DIE_TOGETHER(struct stage *stage, struct containment_result *result)
{
    static struct actor actors[TOGETHER];
    unsigned n = 0, n_told = 0;
    for (unsigned i = 0; i < TOGETHER; i++)
        actor_start(stage, &actors[i], "rest");
    for (unsigned i = 0; i < TOGETHER; i++)
        n += actor_settle(&actors[i]);
    for (unsigned i = 0; i < TOGETHER; i++) {
        if (actors[i].tab.child != NULL)
            child_signal(actors[i].tab.child, SIGSEGV);
    }
    for (unsigned i = 0; i < TOGETHER; i++) {
        actor_await_end(&actors[i]);
        n_told += actor_verdict(&actors[i]) == VERDICT_SIGNAL && actors[i].tab.evidence.wait_status == SIGSEGV;
    }
    set_verdict(result, &actors[0]);
    tell(result, n == TOGETHER && n_told == TOGETHER, "%u of %u told, each by its own signal", n_told, TOGETHER);
    for (unsigned i = 0; i < TOGETHER; i++)
        actor_finish(&actors[i]);
}

void see_PIDFD_REUSE(struct stage *stage, struct containment_result *result)
{
    struct actor actor;
    if (comes_up(stage, &actor, "rest", result)) {
        CLOSE_FD int pidfd = fcntl(actor.tab.child->pidfd, F_DUPFD_CLOEXEC, 0);
        child_signal(actor.tab.child, SIGKILL);
        actor_await_end(&actor);
        set_verdict(result, &actor);
        const bool gone = syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == -1 && errno == ESRCH;
        tell(result, gone, "%s", gone ? "goes to nobody" : "was sent");
    }
    actor_finish(&actor);
}

#define OTHERS_RENDERERS 3

/* Another broker, in a process of its own, which says when its renderers live. */
static _Noreturn void be_another_broker(const struct options *options, int level, int said_fd)
{
    static struct stage stage;
    static struct actor actors[OTHERS_RENDERERS];
    unsigned n = 0;
    if (stage_open(&stage, options, level) == 0) {
        for (unsigned i = 0; i < OTHERS_RENDERERS; i++)
            n += actor_lives(&stage, &actors[i], "rest");
    }
    const char said = n == OTHERS_RENDERERS ? 'y' : 'n';
    (void)!write(said_fd, &said, 1);
    for (;;)
        pause();
}

static unsigned count_children_of(pid_t pid)
{
    char path[64];
    unsigned n = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *children = fopen(path, "re");
    for (int child; children != NULL && fscanf(children, "%d", &child) == 1;)
        n++;
    if (children != NULL)
        fclose(children);
    return n;
}

struct remaining {
    struct stage *stage;
    unsigned n_before;
};

static bool are_only_ours(void *of)
{
    const struct remaining *remaining = of;
    spawner_reap(remaining->stage->spawner); /* those that were left to us, and have ended */
    return proc_count_children() == remaining->n_before;
}

void see_BROKER_KILLED(struct stage *stage, struct containment_result *result)
{
    int said[2];
    struct remaining remaining = {.stage = stage, .n_before = proc_count_children()};
    if (pipe2(said, O_CLOEXEC) < 0) {
        tell(result, false, "no pipe");
        return;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    const pid_t pid = fork();
    if (pid == 0)
        be_another_broker(stage->options, stage_level(stage), said[1]);
    close(said[1]);
    char word = 'n';
    if (pid > 0)
        (void)!read(said[0], &word, 1);
    close(said[0]);
    if (pid < 0) { /* and that is no process to be killed */
        tell(result, false, "no process could be made: %s", strerror(errno));
        return;
    }
    const unsigned n_others = count_children_of(pid);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    const uint64_t killed_ns = clock_now_ns();
    const bool gone = stage_await(stage, are_only_ours, &remaining, NS_PER_S);
    const double took_ms = (double)(clock_now_ns() - killed_ns) / (double)NS_PER_MS;
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
    if (word != 'y' || n_others < OTHERS_RENDERERS)
        tell(result, false, "the other broker's renderers did not come up");
    else if (gone)
        tell(result, true, "nobody; all %u processes were gone after %.1f ms", n_others, took_ms);
    else
        tell(result, false, "%u processes after %.0f ms", proc_count_children() - remaining.n_before, took_ms);
}

/* ---- what the kernel says -------------------------------------------------------------------------------------------------- */

static bool read_status(pid_t pid, char *out, size_t n_out)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    CLOSE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, out, n_out - 1) : -1;
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* The rest of the line that begins so; "" where there is none. A static buffer. */
static const char *value_of(const char *status, const char *name)
{
    static char value[128];
    const char *found = strstr(status, name);
    value[0] = '\0';
    if (found != NULL) {
        found += strlen(name);
        found += strspn(found, " \t");
        snprintf(value, sizeof value, "%.*s", (int)strcspn(found, "\n"), found);
    }
    return value;
}

void see_PROC_STATUS(struct stage *stage, struct containment_result *result)
{
    struct actor actor;
    if (comes_up(stage, &actor, "rest", result)) {
        char status[8192], why[128];
        uint32_t layers;
        if (proc_check(actor.tab.pid, actor.tab.layers, &layers, why, sizeof why) != 0)
            tell(result, false, "%s", why);
        else if (!read_status(actor.tab.pid, status, sizeof status))
            tell(result, false, "/proc/PID/status cannot be read");
        else if (strcmp(value_of(status, "\nThreads:"), "1") != 0)
            tell(result, false, "it has %s threads", value_of(status, "\nThreads:"));
        else if (strtoul(value_of(status, "\nSeccomp_filters:"), NULL, 10) == 0 &&
                 *value_of(status, "\nSeccomp_filters:") != '\0')
            tell(result, false, "it has no filter");
        else
            tell(result, true, "as the renderer said: filter, no_new_privs, no capability, not root, %s",
                 stage_level(stage) >= 3 ? "namespaces of its own, 1 thread" : "1 thread");
    }
    actor_finish(&actor);
}

void see_SPECULATION(struct stage *stage, struct containment_result *result)
{
    struct actor actor;
    if (comes_up(stage, &actor, "rest", result)) {
        char status[8192], bypass[128], branch[128];
        if (!read_status(actor.tab.pid, status, sizeof status)) {
            tell(result, false, "/proc/PID/status cannot be read");
        } else {
            snprintf(bypass, sizeof bypass, "%s", value_of(status, "\nSpeculation_Store_Bypass:"));
            snprintf(branch, sizeof branch, "%s", value_of(status, "\nSpeculationIndirectBranch:"));
            if (!(actor.tab.layers & LAYER_BIT(LAYER_SPECULATION)))
                tell_absent(result, "the host decides for all: store bypass %s, indirect branches %s", bypass, branch);
            else
                tell(result, strstr(bypass, "vulnerable") == NULL || strstr(bypass, "not vulnerable") != NULL,
                     "store bypass %s, indirect branches %s", bypass, branch);
        }
    }
    actor_finish(&actor);
}

/* ---- messages ---------------------------------------------------------------------------------------------------------------- */

void see_M_TITLE(struct stage *stage, struct containment_result *result)
{
    struct actor actor;
    if (comes_up(stage, &actor, "titles", result)) {
        char line[1024], json[4096];
        const char *title = actor.tab.title != NULL ? actor.tab.title : "";
        text_escape(line, sizeof line, title, strlen(title));
        text_json(json, sizeof json, title, strlen(title));
        bool printable = strlen(title) > 0 && strchr(title, '\033') != NULL;
        for (const char *c = line; *c != '\0'; c++)
            printable &= (unsigned char)*c >= ' ' && *c != 0x7f;
        for (const char *c = json; *c != '\0'; c++)
            printable &= (unsigned char)*c >= ' ' && *c != 0x7f;
        printable &= strstr(line, "\u202e") == NULL && strstr(json, "\u202e") == NULL;
        tell(result, printable, "%.120s", line);
    }
    actor_finish(&actor);
}

#define MANY_ORDERS 10000

static bool is_painting(void *of)
{
    const struct actor *actor = of;
    return actor_is_over(of) || (actor->tab.child != NULL && actor->tab.child->when == WHEN_PAINTING);
}

void see_NEVER_READS(struct stage *stage, struct containment_result *result)
{
    struct actor actor;
    actor_start(stage, &actor, "painting sleep");
    stage_await(stage, is_painting, &actor, NS_PER_S);
    unsigned n_taken = 0;
    const size_t before_bytes = mallinfo2().uordblks;
    for (unsigned i = 0; i < MANY_ORDERS && actor.tab.child != NULL; i++) {
        Vitrine__Paint order = VITRINE__PAINT__INIT;
        order.serial = 2;
        n_taken += message_send(&actor.tab.child->way.channel, MESSAGE_PAINT, &order.base, NULL, 0) == 0;
    }
    const size_t grown_kb = (mallinfo2().uordblks - before_bytes) / 1024;
    actor_await_end(&actor);
    set_verdict(result, &actor);
    tell(result, actor_verdict(&actor) == VERDICT_HANG && n_taken < MANY_ORDERS && grown_kb <= 512,
         "%u were taken, the heap grew by %zu KB; %s", n_taken, grown_kb, actor.tab.reason);
    actor_finish(&actor);
}

void see_HUNG_UP_ON(struct stage *stage, struct containment_result *result)
{
    struct actor actor;
    if (comes_up(stage, &actor, "rest", result)) {
        child_signal(actor.tab.child, SIGKILL);
        (void)tab_repaint(&actor.tab);
        actor_await_end(&actor);
        set_verdict(result, &actor);
        tell(result, actor_verdict(&actor) == VERDICT_KILLED, "%s", actor.tab.reason);
    }
    actor_finish(&actor);
}

/* ---- life and death ------------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    int signal;
} deaths[] = {{"segv", SIGSEGV}, {"bus", SIGBUS},    {"ill", SIGILL},
              {"fpe", SIGFPE},   {"abort", SIGABRT}, {"trap", SIGTRAP}};
#define N_DEATHS (sizeof deaths / sizeof deaths[0])

static void die_while(struct stage *stage, const char *when, struct containment_result *result)
{
    tell(result, true, "each told by its signal");
    for (size_t i = 0; i < N_DEATHS; i++) {
        struct actor actor;
        char order[64];
        snprintf(order, sizeof order, "%s%s", when, deaths[i].name);
        actor_start(stage, &actor, order);
        actor_await_end(&actor);
        set_verdict(result, &actor);
        if (actor_verdict(&actor) != VERDICT_SIGNAL || actor.tab.evidence.wait_status != deaths[i].signal)
            tell(result, false, "%s: %.200s", deaths[i].name, actor.tab.reason);
        actor_finish(&actor);
    }
}

void see_CRASH_OPENING(struct stage *stage, struct containment_result *result)
{
    die_while(stage, "", result);
}

void see_CRASH_PAINTING(struct stage *stage, struct containment_result *result)
{
    die_while(stage, "painting ", result);
}

static bool dies_idle(struct stage *stage, int signal, enum verdict expected, struct containment_result *result)
{
    struct actor actor;
    bool as_expected = false;
    if (comes_up(stage, &actor, "rest", result)) {
        child_signal(actor.tab.child, signal);
        actor_await_end(&actor);
        set_verdict(result, &actor);
        as_expected = actor_verdict(&actor) == expected && actor.tab.evidence.wait_status == signal;
        if (!as_expected)
            tell(result, false, "signal %d: %.200s", signal, actor.tab.reason);
    }
    actor_finish(&actor);
    return as_expected;
}

void see_CRASH_IDLE(struct stage *stage, struct containment_result *result)
{
    bool as_expected = dies_idle(stage, SIGKILL, VERDICT_KILLED, result);
    for (size_t i = 0; i < N_DEATHS && as_expected; i++)
        as_expected = dies_idle(stage, deaths[i].signal, VERDICT_SIGNAL, result);
    if (as_expected)
        tell(result, true, "each told by its signal, SIGKILL as killed from outside");
}

void see_BREAKER(struct stage *stage, struct containment_result *result)
{
    struct breaker breaker = {0};
    unsigned n_tried_again = 0;
    bool later_and_later = true;
    for (unsigned i = 0; i < BREAKER_MAX_CRASHES; i++) {
        struct actor actor;
        actor_start(stage, &actor, "segv");
        actor_await_end(&actor);
        set_verdict(result, &actor);
        uint64_t delay_ns = 0;
        const uint32_t middle = UINT32_MAX / 2;
        if (actor_verdict(&actor) == VERDICT_SIGNAL && breaker_crashed(&breaker, clock_now_ns(), middle, &delay_ns)) {
            const uint64_t wanted_ns = BREAKER_DELAY_NS << i;
            later_and_later &= delay_ns >= wanted_ns / 4 * 3 && delay_ns <= wanted_ns / 4 * 5;
            n_tried_again++;
        }
        actor_finish(&actor);
    }
    tell(result, later_and_later && n_tried_again == BREAKER_MAX_CRASHES - 1,
         "tried again %u times, after 0.25 s and then twice as long each time, then no more", n_tried_again);
}

#define MAX_FREE  8
#define SCARCE_NS (100 * NS_PER_MS)

/* Room for so many descriptors only, for a while; each number strikes another step of a renderer's way in. */
static bool comes_up_after_want(struct stage *stage, unsigned n_free)
{
    struct rlimit usual;
    getrlimit(RLIMIT_NOFILE, &usual);
    const struct rlimit scarce = {.rlim_cur = (rlim_t)fd_count_open() + n_free, .rlim_max = usual.rlim_max};
    struct actor actor;
    actor_start(stage, &actor, "rest");
    setrlimit(RLIMIT_NOFILE, &scarce);
    stage_await(stage, actor_is_over, &actor, SCARCE_NS);
    setrlimit(RLIMIT_NOFILE, &usual);
    const bool lives = actor_settle(&actor);
    const bool blamed = actor.crashed && actor_verdict(&actor) != VERDICT_KILLED;
    actor_finish(&actor);
    return lives || !blamed;
}

void see_NO_DESCRIPTORS(struct stage *stage, struct containment_result *result)
{
    bool is_fair = true;
    for (unsigned n_free = 0; n_free <= MAX_FREE && is_fair; n_free++)
        is_fair = comes_up_after_want(stage, n_free);
    struct actor actor;
    const bool recovers = actor_lives(stage, &actor, "rest");
    actor_finish(&actor);
    tell(result, recovers && is_fair, "%s; with room again the next renderer %s",
         is_fair ? "no renderer was blamed" : "a renderer was blamed", recovers ? "lives" : "does not live");
}

void see_SAME_DOCUMENT(struct stage *stage, struct containment_result *result)
{
    struct actor actor, second = {.document.fd = -1};
    if (comes_up(stage, &actor, "rest", result)) {
        bool lives = document_init(&second.document, "rest") == 0;
        second.document.fd = fcntl(actor.document.fd, F_DUPFD_CLOEXEC, 0);
        second.document.n_bytes = actor.document.n_bytes;
        second.document.opened = true;
        actor_start(stage, &second, NULL);
        lives = lives && actor_settle(&second);
        child_signal(actor.tab.child, SIGSEGV);
        actor_await_end(&actor);
        set_verdict(result, &actor);
        const bool answers = lives && actor_answers(&second);
        tell(result, answers && actor_verdict(&actor) == VERDICT_SIGNAL, "the other %s",
             answers ? "answers as before" : "does not answer");
    }
    actor_finish(&second);
    actor_finish(&actor);
}

#define CYCLES 64

void see_CYCLES(struct stage *stage, struct containment_result *result)
{
    unsigned n = 0;
    for (unsigned i = 0; i < CYCLES; i++) {
        struct actor actor;
        actor_start(stage, &actor, "segv");
        actor_await_end(&actor);
        set_verdict(result, &actor);
        n += actor_verdict(&actor) == VERDICT_SIGNAL;
        actor_finish(&actor);
    }
    tell(result, n == CYCLES, "%u crashes told; all as before", n);
}
