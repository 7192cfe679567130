/* How long this process may run before another that is ready gets the processor. */
#ifndef COMMON_SLICE_H
#define COMMON_SLICE_H

/* For who answers others and is done in a moment: it goes before who computes for long. A wish: Linux 6.12 has it, older
 * kernels take it and do nothing. Children inherit it. */
void slice_short(void);

/* The kernel's own again. */
void slice_usual(void);

#endif
