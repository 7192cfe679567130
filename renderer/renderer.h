/* The life of one renderer, from its first instruction to its last order. */
#ifndef RENDERER_RENDERER_H
#define RENDERER_RENDERER_H

#include "renderer/ladder.h"

/* Climbs the ladder with the channel at descriptor 3 and the crash pipe at 4, says Ready, answers orders. */
_Noreturn void renderer_run(const struct ladder *ladder);

#endif
