#ifndef RENDERER_CRASH_HANDLER_H
#define RENDERER_CRASH_HANDLER_H

/* Installs the alternate stack and the handlers for SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT and SIGTRAP, which write
 * one crash record (common/crash.h) to crash_fd and then let the default action run. Sanitizer builds keep the
 * sanitizer's handlers. 0 or -errno. */
int crash_handler_install(int crash_fd);

#endif
