/* One fault that is to be made, and when. */
#ifndef BROKER_INJECT_PLAN_H
#define BROKER_INJECT_PLAN_H

#include "common/inject.h"

/* When, as the broker sees a renderer's life. */
enum inject_stage {
    STAGE_CLIMBING, /* cloned, not yet Ready: only from outside */
    STAGE_READY,    /* before it has a document */
    STAGE_OPENING,
    STAGE_PAINTING,
    STAGE_IDLE,
    STAGE_CLOSING, /* the broker has hung up */
    STAGE_COUNT
};

struct inject_plan {
    enum injection fault; /* INJECT_NONE: none */
    enum inject_stage stage;
};

#endif
