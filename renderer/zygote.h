/* The zygote: warm, locked away from the file system, it has seen no document and clones renderers that will. */
#ifndef RENDERER_ZYGOTE_H
#define RENDERER_ZYGOTE_H

#include <stdbool.h>

#include "common/message.h"

#define ZYGOTE_CHANNEL_FD 3
/* A cold zygote's descriptor of the renderer's executable. */
#define ZYGOTE_IMAGE_FD 4

struct zygote_options {
    int level;                /* 3: it was made in fresh namespaces; 2: it was not */
    bool cold;                /* renderers are exec'd anew and warm up by themselves (--spawn exec) */
    enum message_codec codec; /* of cloned renderers */
    bool noexec_seal;         /* the broker's memfds carry the executable seal */
};

/* Serves Spawn orders until the broker hangs up. Never returns. */
_Noreturn void zygote_run(const struct zygote_options *options);

#endif
