#include "renderer/ladder.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/message.h"
#include "common/slice.h"
#include "renderer/crash_handler.h"
#include "renderer/engine.h"
#include "renderer/landlock.h"
#include "renderer/root.h"
#include "renderer/session.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE              65
#define PR_MDWE_REFUSE_EXEC_GAIN (1ul << 0)
#endif
#ifndef SYS_mseal
#define SYS_mseal 462
#endif

/* Room for what malloc and the C library map besides what the engines ask for. */
#define SLACK_BYTES (32u << 20)
/* Until the notification listener is sent: the kernel counts the descriptors under way of all processes of this user,
 * strangers among them, against the sender's limit. The broker then lowers it to what a renderer needs (broker/child.c). */
#define CLIMBING_FDS 1024
/* Processor seconds in a renderer's whole life: no document needs them, and the watchdog is much sooner. */
#define MAX_CPU_SECONDS 3600

struct climb {
    const struct ladder *ladder;
    struct channel *channel;
    struct ladder_report *report;
    struct sandbox_program own_program; /* when there is none to inherit */
    size_t base_bytes;                  /* address space in use when warm; 0: not known, not limited */
};

static void layer_holds(struct climb *climb, enum layer layer)
{
    climb->report->layers |= LAYER_BIT(layer);
    climb->report->layer_errno[layer] = 0;
}

static void layer_is_missing(struct climb *climb, enum layer layer, int error)
{
    climb->report->layers &= ~LAYER_BIT(layer);
    climb->report->layer_errno[layer] = (uint8_t)-error;
}

static void layer_result(struct climb *climb, enum layer layer, int error)
{
    if (error == 0)
        layer_holds(climb, layer);
    else
        layer_is_missing(climb, layer, error);
}

/* ---- rungs, from the ground up ---------------------------------------------------------------------------------- */

static void rung_descriptors(struct climb *climb)
{
    (void)climb;
    fd_close_from(SANDBOX_CRASH_FD + 1);
}

static void rung_session(struct climb *climb)
{
    (void)climb;
    slice_short();
    /* A process group of its own: a signal to "my group" must not reach the broker's. */
    setsid();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    crash_handler_install(SANDBOX_CRASH_FD);
}

static void rung_warm_up(struct climb *climb)
{
    if (!climb->ladder->cold)
        return;
    const char *engine = "";
    /* Without its fonts an engine still draws; without the filter nothing does. */
    (void)engines_warm_up(&engine);
    (void)sandbox_build(SANDBOX_NOTIFY, &climb->own_program); /* the seccomp rung notices when it is not there */
    climb->base_bytes = ladder_address_space();
}

static void rung_empty_root(struct climb *climb)
{
    if (!climb->ladder->cold || !(climb->ladder->inherited_layers & LAYER_BIT(LAYER_MOUNT_NS)))
        return;
    /* The mount namespace is shared with the zygote, which keeps its root. */
    layer_result(climb, LAYER_EMPTY_ROOT, root_empty_of_own());
}

/* A soft limit above the hard one does not exist: an answer that leaves it so was none. */
static int limit_held(int resource, struct rlimit *ret_held)
{
    struct rlimit held = {.rlim_cur = 1, .rlim_max = 0};
    if (getrlimit((__rlimit_resource_t)resource, &held) < 0)
        return -errno;
    if (held.rlim_cur > held.rlim_max)
        return -EBADE;
    *ret_held = held;
    return 0;
}

/* At most this; a host that is stricter stays so. Looked at again: a limit that only pretended to be set is none. */
static int limit_at(int resource, rlim_t soft, rlim_t value)
{
    struct rlimit held = {0};
    int error = limit_held(resource, &held);
    if (error != 0)
        return error;
    if (value > held.rlim_max)
        value = held.rlim_max;
    const struct rlimit wanted = {.rlim_cur = soft < value ? soft : value, .rlim_max = value};
    if (setrlimit((__rlimit_resource_t)resource, &wanted) < 0)
        return -errno;
    error = limit_held(resource, &held);
    if (error != 0)
        return error;
    return held.rlim_cur == wanted.rlim_cur && held.rlim_max == value ? 0 : -EBADE;
}

static int limit(int resource, rlim_t value)
{
    return limit_at(resource, value, value);
}

static void rung_rlimits(struct climb *climb)
{
    const struct ladder *ladder = climb->ladder;
    int error = limit(RLIMIT_FSIZE, 0);
    if (error == 0)
        error = limit(RLIMIT_CORE, 0);
    if (error == 0)
        error = limit(RLIMIT_NPROC, 0);
    if (error == 0)
        error = limit(RLIMIT_NOFILE, CLIMBING_FDS);
    if (error == 0)
        error =
            limit_at(RLIMIT_CPU, MAX_CPU_SECONDS, MAX_CPU_SECONDS + 5); /* SIGXCPU first: SIGKILL could be anybody's */
    if (climb->base_bytes != 0) {
        const rlim_t cap = climb->base_bytes + SLACK_BYTES + ladder->memory_bytes;
        if (error == 0)
            error = limit(RLIMIT_DATA, cap);
        if (error == 0)
            error = limit(RLIMIT_AS, cap + ladder->mapped_bytes);
    }
#ifndef VITRINE_SANITIZED
    else if (error == 0) {
        error = -ENODATA; /* nobody knows what to count from */
    }
#endif
    layer_result(climb, LAYER_RLIMITS, error);
}

static void rung_capabilities(struct climb *climb)
{
    layer_result(climb, LAYER_NO_CAPS, ladder_drop_capabilities());
}

static int refuse_exec_gain(void)
{
    if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) < 0)
        return -errno;
    /* Tried out: a kernel that merely said yes would let this pass. */
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return -errno;
    const int gained = mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
    munmap(page, 4096);
    return gained ? -EBADE : 0;
}

static int forbid_speculation(unsigned long kind)
{
    if (prctl(PR_SET_SPECULATION_CTRL, kind, PR_SPEC_FORCE_DISABLE, 0, 0) < 0)
        return -errno;
    const int held = prctl(PR_GET_SPECULATION_CTRL, kind, 0, 0, 0);
    return held >= 0 && ((unsigned)held & PR_SPEC_FORCE_DISABLE) ? 0 : -EBADE;
}

/* Speculative store bypass and indirect branches. Many hosts decide this for everybody and say ENXIO or EPERM. */
static int restrict_speculation(void)
{
    const int bypass = forbid_speculation(PR_SPEC_STORE_BYPASS), branch = forbid_speculation(PR_SPEC_INDIRECT_BRANCH);
    return branch != 0 ? branch : bypass;
}

static void rung_prctl(struct climb *climb)
{
    ladder_keep_out(SANDBOX_CHANNEL_FD);

    int error = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
    if (error == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        error = -EBADE;
    layer_result(climb, LAYER_NO_NEW_PRIVS, error);
    layer_result(climb, LAYER_MDWE, refuse_exec_gain());
    layer_result(climb, LAYER_SPECULATION, restrict_speculation());
}

static void rung_seal(struct climb *climb)
{
    if (climb->ladder->cold)
        layer_result(climb, LAYER_MSEAL, ladder_seal_image());
}

static void rung_landlock(struct climb *climb)
{
    bool scopes = false;
    /* Without no_new_privs the kernel refuses, and would be blamed for it. */
    const bool may = climb->report->layers & LAYER_BIT(LAYER_NO_NEW_PRIVS);
    const int error = may ? landlock_deny_all(&scopes) : -ECANCELED;
    layer_result(climb, LAYER_LANDLOCK, error);
    layer_result(climb, LAYER_LANDLOCK_SCOPES, error != 0 ? error : scopes ? 0 : -EOPNOTSUPP);
}

/* Where a listener cannot be had (an outer filter has one: EBUSY; an old kernel: EINVAL) the kernel kills by itself. */
static int load_without_listener(void)
{
    struct sandbox_program program = {0};
    int error = sandbox_build(SANDBOX_KILL, &program);
    if (error == 0) {
        int none = -1;
        error = sandbox_load(&program, SANDBOX_KILL, &none);
    }
    sandbox_program_finish(&program);
    return error;
}

static void rung_seccomp(struct climb *climb)
{
    const struct sandbox_program *program =
        climb->ladder->program != NULL ? climb->ladder->program : &climb->own_program;
    CLOSE_FD int listener = -1;
    int error = program->n_instructions == 0 ? -ENODATA : sandbox_load(program, SANDBOX_NOTIFY, &listener);
    /* Those below are taken: a new descriptor cannot be one of them, and success was a pretence. */
    if (error == 0 && listener <= SANDBOX_CRASH_FD) {
        listener = -1;
        error = -EBADE;
    }
    layer_result(climb, LAYER_NOTIFY, error);
    if (error == -EBUSY || error == -EINVAL)
        error = load_without_listener();
    layer_result(climb, LAYER_SECCOMP, error);

    if (listener >= 0) {
        const Vitrine__Listening listening = VITRINE__LISTENING__INIT;
        /* Too many descriptors under way is no reason to give up at once: the broker is about to take some. */
        int sent = -ETOOMANYREFS;
        for (int tries = 0; sent == -ETOOMANYREFS && tries < 1000; tries++) {
            sent = message_send(climb->channel, MESSAGE_LISTENING, &listening.base, &listener, 1);
            if (sent == -ETOOMANYREFS)
                poll(NULL, 0, 1);
        }
        if (sent != 0)
            _exit(EXIT_FAILURE);
    }
}

static void rung_self_test(struct climb *climb)
{
    if (!(climb->report->layers & LAYER_BIT(LAYER_SECCOMP)))
        return;
    const int error = sandbox_self_test();
    if (error != 0)
        layer_is_missing(climb, LAYER_SECCOMP, error);
}

void ladder_climb(const struct ladder *ladder, struct channel *channel, struct ladder_report *report)
{
    static void (*const rungs[RUNG_COUNT])(struct climb *) = {
        [RUNG_FDS] = rung_descriptors,       [RUNG_SESSION] = rung_session,     [RUNG_WARM_UP] = rung_warm_up,
        [RUNG_EMPTY_ROOT] = rung_empty_root, [RUNG_RLIMITS] = rung_rlimits,     [RUNG_CAPS] = rung_capabilities,
        [RUNG_PRCTL] = rung_prctl,           [RUNG_SEAL] = rung_seal,           [RUNG_LANDLOCK] = rung_landlock,
        [RUNG_SECCOMP] = rung_seccomp,       [RUNG_SELF_TEST] = rung_self_test,
    };
    struct climb climb = {.ladder = ladder, .channel = channel, .report = report, .base_bytes = ladder->base_bytes};
    report->layers |= ladder->inherited_layers;

    uint64_t before = clock_now_ns();
    for (int i = 0; i < RUNG_COUNT; i++) {
        rungs[i](&climb);
        const uint64_t after = clock_now_ns();
        report->rung_ns[i] = (uint32_t)(after - before);
        before = after;
    }
    sandbox_program_finish(&climb.own_program);
}

/* ---- what the zygote shares --------------------------------------------------------------------------------------- */

int ladder_drop_capabilities(void)
{
    /* The bounding set can be emptied only while CAP_SETPCAP is held; without it there is nothing to gain by exec
     * either, once no_new_privs is set. */
    for (int capability = 0; capability < 32 * _LINUX_CAPABILITY_U32S_3; capability++) {
        if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) < 0 || prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            break;
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);

    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capset, &header, data) < 0)
        return -errno;
    memset(data, 0xff, sizeof data); /* nothing that could pass for an answer */
    if (syscall(SYS_capget, &header, data) < 0)
        return -errno;
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        if (data[i].effective != 0 || data[i].permitted != 0 || data[i].inheritable != 0)
            return -EBADE;
    }
    return 0;
}

#ifndef VITRINE_SANITIZED

static int seal_range(uintptr_t from, uintptr_t to)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    from = from / page * page;
    to = to / page * page;
    if (to <= from)
        return 0;
    return syscall(SYS_mseal, from, to - from, 0) < 0 ? -errno : 0;
}

/* Whole pages of each segment that is not writable, and of what relocation made read-only. */
static int seal_object(struct dl_phdr_info *object, size_t size, void *result)
{
    (void)size;
    int *error = result;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < object->dlpi_phnum && *error == 0; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        const uintptr_t from = object->dlpi_addr + segment->p_vaddr;
        const uintptr_t to = from + segment->p_memsz;
        if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
            *error = seal_range(from, to + page - 1);
        else if (segment->p_type == PT_GNU_RELRO)
            *error = seal_range(from, to);
    }
    return *error;
}

/* Asks for what holds already: a page that can be changed grants it, a sealed one does not. */
static bool is_sealed(const void *code)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    return mprotect((void *)((uintptr_t)code / page * page), page, PROT_READ | PROT_EXEC) < 0 && errno == EPERM;
}

int ladder_seal_image(void)
{
    int error = 0;
    dl_iterate_phdr(seal_object, &error);
    if (error == 0 && !is_sealed((const void *)(uintptr_t)ladder_seal_image))
        error = -EBADE;
    return error;
}

#else

int ladder_seal_image(void)
{
    return -ENOSYS; /* AddressSanitizer maps around in its own image */
}

#endif

void ladder_keep_out(int channel_fd)
{
    int signal = 0;
    const bool held = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
                      prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 &&
                      prctl(PR_GET_PDEATHSIG, &signal, 0, 0, 0) == 0 && signal == SIGKILL;
    if (!held)
        _exit(RENDERER_EXIT_PRCTL);
    /* The parent may have died before that. Its end of the channel tells; getppid does not, it is 0 from here. */
    struct pollfd channel = {.fd = channel_fd, .events = POLLIN};
    if (poll(&channel, 1, 0) > 0 && (channel.revents & POLLHUP))
        _exit(EXIT_SUCCESS);
}

size_t ladder_address_space(void)
{
#ifdef VITRINE_SANITIZED
    return 0; /* the shadow memory is terabytes */
#else
    CLOSE_FD int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    char text[64] = "";
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
        return 0;
    return (size_t)strtoull(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
#endif
}
