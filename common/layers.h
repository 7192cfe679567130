/* The layers of the sandbox, the levels they make, and the rungs by which a renderer climbs to them. */
#ifndef COMMON_LAYERS_H
#define COMMON_LAYERS_H

#include <stdint.h>

/* The contract's names; a bit each in layer masks. First those that count for the level, then the extras. */
#define LAYERS(X)                        \
    X(USER_NS, "user-ns")                \
    X(PID_NS, "pid-ns")                  \
    X(MOUNT_NS, "mount-ns")              \
    X(NET_NS, "net-ns")                  \
    X(IPC_NS, "ipc-ns")                  \
    X(UTS_NS, "uts-ns")                  \
    X(EMPTY_ROOT, "empty-root")          \
    X(LANDLOCK, "landlock")              \
    X(SECCOMP, "seccomp")                \
    X(RLIMITS, "rlimits")                \
    X(NO_CAPS, "no-caps")                \
    X(NO_NEW_PRIVS, "no-new-privs")      \
    X(NOTIFY, "notify")                  \
    X(LANDLOCK_SCOPES, "landlock-scopes") \
    X(MDWE, "mdwe")                      \
    X(MSEAL, "mseal")                    \
    X(NOEXEC_SEAL, "noexec-seal")        \
    X(SPECULATION, "speculation")

enum layer {
#define X(id, name) LAYER_##id,
    LAYERS(X)
#undef X
        LAYER_COUNT
};

#define LAYER_BIT(layer) (1u << (layer))

/* What the broker gives (namespaces, the frame's seal) and cannot be had by a renderer on its own. */
#define LAYERS_NAMESPACES                                                                       \
    (LAYER_BIT(LAYER_USER_NS) | LAYER_BIT(LAYER_PID_NS) | LAYER_BIT(LAYER_MOUNT_NS) |           \
     LAYER_BIT(LAYER_NET_NS) | LAYER_BIT(LAYER_IPC_NS) | LAYER_BIT(LAYER_UTS_NS) |              \
     LAYER_BIT(LAYER_EMPTY_ROOT))
#define LAYERS_LEVEL_2                                                                          \
    (LAYER_BIT(LAYER_LANDLOCK) | LAYER_BIT(LAYER_SECCOMP) | LAYER_BIT(LAYER_RLIMITS) |          \
     LAYER_BIT(LAYER_NO_CAPS) | LAYER_BIT(LAYER_NO_NEW_PRIVS))
#define LAYERS_LEVEL_3 (LAYERS_NAMESPACES | LAYERS_LEVEL_2)

const char *layer_name(enum layer layer);

/* 3, 2, or 0 where no renderer may be started. */
int layers_level(uint32_t layers);

/* What a missing layer means and what to do about it, one line for people. error is the errno its rung met. */
const char *layer_advice(enum layer layer, int error);

/* The steps of the zygote's start and of a renderer's ladder: indexes of the rung_ns fields. */
#define ZYGOTE_RUNGS(X)            \
    X(WARM_UP, "warm-up")          \
    X(EMPTY_ROOT, "empty-root")    \
    X(FILTER, "filter-built")      \
    X(SEAL, "mseal")               \
    X(PID_NS, "pid-ns and init")

#define RUNGS(X)                     \
    X(FDS, "descriptors")            \
    X(SESSION, "session and signals") \
    X(WARM_UP, "warm-up")            \
    X(EMPTY_ROOT, "empty-root")      \
    X(RLIMITS, "rlimits")            \
    X(CAPS, "capabilities")          \
    X(PRCTL, "prctl")                \
    X(SEAL, "mseal")                 \
    X(LANDLOCK, "landlock")          \
    X(SECCOMP, "seccomp")            \
    X(SELF_TEST, "self-test")

enum zygote_rung {
#define X(id, name) ZYGOTE_RUNG_##id,
    ZYGOTE_RUNGS(X)
#undef X
        ZYGOTE_RUNG_COUNT
};

enum rung {
#define X(id, name) RUNG_##id,
    RUNGS(X)
#undef X
        RUNG_COUNT
};

const char *zygote_rung_name(enum zygote_rung rung);
const char *rung_name(enum rung rung);

#endif
