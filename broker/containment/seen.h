/* Rows of the containment table in which the broker itself acts, or looks at a renderer from outside. */
#ifndef BROKER_CONTAINMENT_SEEN_H
#define BROKER_CONTAINMENT_SEEN_H

#include "broker/containment/table.h"

#define SEEN(id, ...) void see_##id(struct stage *stage, struct containment_result *result);
#include "common/containment_rows.h"

#endif
