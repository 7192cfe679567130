#include "common/layers.h"

#include <errno.h>
#include <stddef.h>

const char *layer_name(enum layer layer)
{
    static const char *const names[] = {
#define X(id, name) name,
        LAYERS(X)
#undef X
    };
    return (unsigned)layer < LAYER_COUNT ? names[layer] : "unknown";
}

const char *zygote_rung_name(enum zygote_rung rung)
{
    static const char *const names[] = {
#define X(id, name) name,
        ZYGOTE_RUNGS(X)
#undef X
    };
    return (unsigned)rung < ZYGOTE_RUNG_COUNT ? names[rung] : "unknown";
}

const char *rung_name(enum rung rung)
{
    static const char *const names[] = {
#define X(id, name) name,
        RUNGS(X)
#undef X
    };
    return (unsigned)rung < RUNG_COUNT ? names[rung] : "unknown";
}

int layers_level(uint32_t layers)
{
    if ((layers & LAYERS_LEVEL_3) == LAYERS_LEVEL_3)
        return 3;
    return (layers & LAYERS_LEVEL_2) == LAYERS_LEVEL_2 ? 2 : 0;
}

#define ANY_ERROR 0

/* The first row that fits is told; each layer's last row fits any error. */
static const struct {
    enum layer layer;
    int error;
    const char *text;
} advice[] = {
    {LAYER_USER_NS, EPERM,
     "the host forbids user namespaces: allow them by sysctl kernel.unprivileged_userns_clone=1, "
     "kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile"},
    {LAYER_USER_NS, EACCES,
     "a security module forbids user namespaces: kernel.apparmor_restrict_unprivileged_userns=0 or "
     "an AppArmor profile allows them"},
    {LAYER_USER_NS, ENOSPC, "the limit of user namespaces is reached: raise sysctl user.max_user_namespaces"},
    {LAYER_USER_NS, EUSERS, "user namespaces are nested too deeply: run outside of so many containers"},
    {LAYER_USER_NS, EINVAL, "kernel without user namespaces: CONFIG_USER_NS"},
    {LAYER_USER_NS, ANY_ERROR, "no user namespace could be made, and without one no other namespace"},

    {LAYER_PID_NS, ENOSPC, "the limit of pid namespaces is reached: raise sysctl user.max_pid_namespaces"},
    {LAYER_PID_NS, EINVAL, "kernel without pid namespaces: CONFIG_PID_NS"},
    {LAYER_PID_NS, ANY_ERROR, "renderers see the host's processes: a pid namespace needs a user namespace first"},
    {LAYER_MOUNT_NS, ENOSPC, "the limit of mount namespaces is reached: raise sysctl user.max_mnt_namespaces"},
    {LAYER_MOUNT_NS, ANY_ERROR, "renderers share the host's mounts: a mount namespace needs a user namespace first"},
    {LAYER_NET_NS, ENOSPC, "the limit of net namespaces is reached: raise sysctl user.max_net_namespaces"},
    {LAYER_NET_NS, EINVAL, "kernel without net namespaces: CONFIG_NET_NS"},
    {LAYER_NET_NS, ANY_ERROR, "renderers share the host's network: a net namespace needs a user namespace first"},
    {LAYER_IPC_NS, ENOSPC, "the limit of ipc namespaces is reached: raise sysctl user.max_ipc_namespaces"},
    {LAYER_IPC_NS, EINVAL, "kernel without ipc namespaces: CONFIG_IPC_NS"},
    {LAYER_IPC_NS, ANY_ERROR, "renderers share the host's ipc objects: an ipc namespace needs a user namespace first"},
    {LAYER_UTS_NS, ENOSPC, "the limit of uts namespaces is reached: raise sysctl user.max_uts_namespaces"},
    {LAYER_UTS_NS, EINVAL, "kernel without uts namespaces: CONFIG_UTS_NS"},
    {LAYER_UTS_NS, ANY_ERROR, "renderers see the host's name: a uts namespace needs a user namespace first"},

    {LAYER_EMPTY_ROOT, EPERM, "the host lets nobody mount in a user namespace: a container's or AppArmor's profile"},
    {LAYER_EMPTY_ROOT, EACCES, "a security module forbids mounts in a user namespace: see its log"},
    {LAYER_EMPTY_ROOT, ENODEV, "kernel without tmpfs: CONFIG_TMPFS"},
    {LAYER_EMPTY_ROOT, ANY_ERROR, "renderers keep the host's root: an empty one needs a mount namespace first"},

    {LAYER_LANDLOCK, ENOSYS, "kernel without Landlock: Linux 5.13 or newer, CONFIG_SECURITY_LANDLOCK"},
    {LAYER_LANDLOCK, EOPNOTSUPP, "Landlock is built in but not enabled: add landlock to the kernel's lsm= parameter"},
    {LAYER_LANDLOCK, EPERM,
     "an outer filter forbids Landlock: allow landlock_create_ruleset in the container's profile"},
    {LAYER_LANDLOCK, ECANCELED, "no_new_privs could not be set, which comes first: an outer filter forbids prctl"},
    {LAYER_LANDLOCK, E2BIG, "too many Landlock rulesets are stacked already: start from a process with fewer"},
    {LAYER_LANDLOCK, ANY_ERROR, "Landlock would not restrict the renderer"},

    {LAYER_SECCOMP, EINVAL, "kernel without seccomp filters: CONFIG_SECCOMP_FILTER"},
    {LAYER_SECCOMP, ENOSYS, "kernel without seccomp filters: CONFIG_SECCOMP_FILTER"},
    {LAYER_SECCOMP, EACCES, "the filter was refused: no_new_privs has to be set first"},
    {LAYER_SECCOMP, ENOMEM, "no memory for the filter, or too many filters are stacked already"},
    {LAYER_SECCOMP, ANY_ERROR, "the kernel would not load the filter"},

    {LAYER_RLIMITS, EPERM, "a limit could not be lowered: a hard limit is below what a renderer needs"},
    {LAYER_RLIMITS, ANY_ERROR, "resource limits could not be set"},
    {LAYER_NO_CAPS, EPERM, "capabilities could not be dropped: an outer filter forbids capset or prctl"},
    {LAYER_NO_CAPS, ANY_ERROR, "capabilities could not be dropped"},
    {LAYER_NO_NEW_PRIVS, ANY_ERROR, "no_new_privs could not be set: an outer filter forbids prctl"},

    {LAYER_NOTIFY, EBUSY, "an outer filter already has a listener: violations kill, but cannot be told by name"},
    {LAYER_NOTIFY, EINVAL,
     "kernel without seccomp notification (Linux 5.0): violations kill, but cannot be told by "
     "name"},
    {LAYER_NOTIFY, ANY_ERROR, "no notification listener: violations kill, but cannot be told by name"},
    {LAYER_LANDLOCK_SCOPES, ANY_ERROR,
     "kernel without Landlock scopes (Linux 6.12): signals are stopped by the filter alone"},
    {LAYER_MDWE, EINVAL, "kernel without PR_SET_MDWE (Linux 6.3): the filter alone keeps memory from becoming code"},
    {LAYER_MDWE, ANY_ERROR, "PR_SET_MDWE was refused: the filter alone keeps memory from becoming code"},
    {LAYER_MSEAL, ENOSYS, "kernel without mseal (Linux 6.10)"},
    {LAYER_MSEAL, ANY_ERROR, "mseal was refused: the filter alone keeps the sealed tables in place"},
    {LAYER_NOEXEC_SEAL, EINVAL,
     "kernel without MFD_NOEXEC_SEAL (Linux 6.3): memory files are made not executable by mode"},
    {LAYER_NOEXEC_SEAL, ANY_ERROR, "memory files could not be sealed against execution"},
    {LAYER_SPECULATION, ENXIO, "the processor or its hypervisor offers no such control"},
    {LAYER_SPECULATION, ENODEV, "the processor is not affected, or its hypervisor hides the control"},
    {LAYER_SPECULATION, EPERM,
     "the host set its speculation mode for all processes: kernel parameters "
     "spec_store_bypass_disable, spectre_v2_user"},
    {LAYER_SPECULATION, EINVAL, "kernel without PR_SET_SPECULATION_CONTROL (Linux 4.17)"},
    {LAYER_SPECULATION, ANY_ERROR, "speculation could not be restricted"},
};

const char *layer_advice(enum layer layer, int error)
{
    for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
        if (advice[i].layer == layer && (advice[i].error == error || advice[i].error == ANY_ERROR))
            return advice[i].text;
    }
    return "unknown layer";
}
