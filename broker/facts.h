/* What a renderer says, held against what it was asked: the last judgement before it is believed. */
#ifndef BROKER_FACTS_H
#define BROKER_FACTS_H

#include "broker/child.h"

/* What the wire scan cannot know: whether the answer is to a question, and within it. Moves child->when. */
enum message_fault facts_judge(struct child *child, const struct message *fact);

#endif
