/* A renderer's last words: what it says of its own death (common/crash.h), to a broker that takes it for a claim. */
#ifndef RENDERER_CRASH_HANDLER_H
#define RENDERER_CRASH_HANDLER_H

#include <stdint.h>

#include "common/crash.h"
#include "common/inject.h"
#include "common/message.h"

/* Installs the alternate stack and the handlers for SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT and SIGTRAP, which write
 * one crash record to crash_fd (borrowed for the rest of the process) and then let the default action run. Sanitizer
 * builds keep the sanitizer's handlers. 0 or -errno. */
int crash_handler_install(int crash_fd);

/* The order that is served from now on, for the record; MESSAGE_NONE and 0: none is. */
void crash_handler_serving(enum message_kind kind, uint64_t serial);

/* Says that a fault is to be made on purpose, in half a millisecond, and waits until then: whoever the message woke is
 * asleep again. */
void crash_handler_stamp(enum injection injection);

/* One record to the crash pipe, as it is. Nothing where no handler was installed. */
void crash_handler_write(const struct crash_record *record);

/* For the fault crash-in-handler: takes away the memory that the handler fills, so that it faults itself. */
void crash_handler_lose_record(void);

#endif
