/* How `measure` is started to end at once: the program that children execute is itself. */
#ifndef RENDERER_GAUGES_BIRTH_H
#define RENDERER_GAUGES_BIRTH_H

#define BIRTH_END_WORD "end"

#endif
