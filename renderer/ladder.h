/* The ladder: what one renderer does to itself before it reads an untrusted byte. There is no way down. */
#ifndef RENDERER_LADDER_H
#define RENDERER_LADDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/channel.h"
#include "common/layers.h"
#include "renderer/sandbox.h"

/* What a renderer inherits and what is asked of it. */
struct ladder {
    uint32_t inherited_layers; /* from whoever made the namespaces */
    size_t base_bytes;         /* address space in use when warm; 0: limits are not set (sanitizer builds) */
    size_t memory_bytes;       /* cap on what comes on top */
    size_t mapped_bytes;       /* room for document and frame, on top of that */
    bool cold;                 /* exec'd on its own: it must warm up, empty its root, build its filter and seal */
    const struct sandbox_program *program; /* the filter, unless cold */
};

/* What the climb came to. */
struct ladder_report {
    uint32_t layers;
    uint8_t layer_errno[LAYER_COUNT]; /* why not; 0 where it holds */
    uint32_t rung_ns[RUNG_COUNT];
};

/* Climbs with the channel at descriptor 3 and the crash pipe at 4, sends the notification listener over `channel` on
 * the way. A rung that fails is reported, not hidden: whoever calls must check layers_level(report->layers). */
void ladder_climb(const struct ladder *ladder, struct channel *channel, struct ladder_report *report);

/* Rungs that the zygote climbs for all its renderers at once. */
int ladder_drop_capabilities(void);
/* Makes the executable's and libraries' code and read-only data unchangeable for good. 0, -ENOSYS. */
int ladder_seal_image(void);
/* Nobody of this user looks into this process from now on, and it ends when the broker ends. That may have happened
 * already: then it ends here. A host that does not let it does not get any further either. */
void ladder_keep_out(int channel_fd);
/* The address space in use; 0 when it cannot be read. */
size_t ladder_address_space(void);

#endif
