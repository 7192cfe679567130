/* The broker's executable: words to options, options to a mode. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/containment/containment.h"
#include "broker/inject.h"
#include "broker/latency/latency.h"
#include "broker/options.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"

static int run(const struct options *options, uint64_t start_ns)
{
    switch (options->mode) {
    case MODE_HELP:
        options_print_help(stdout);
        return EXIT_STATUS_OK;
    case MODE_VERSION:
        options_print_version(stdout);
        return EXIT_STATUS_OK;
    case MODE_SANDBOX_STATUS:
        return status_run(options);
    case MODE_CONTAINMENT:
        return containment_run(options, start_ns);
    case MODE_INJECT_LIST:
        injection_print_list(stdout);
        return EXIT_STATUS_OK;
    case MODE_LATENCY:
        return latency_run(options, start_ns);
    case MODE_SHOW:
        return broker_run(options, start_ns);
    }
    return EXIT_STATUS_USAGE;
}

/* Whoever started us may have left anything: with SIGCHLD ignored no child's end could be told. */
static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGCHLD, SIG_DFL);
    /* Who reads no more is noticed where we write. */
    signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
    const uint64_t start_ns = clock_now_ns();
    log_set_name("broker");

    bool closed[3] = {false};
    if (fd_guard_stdio(closed) != 0) {
        log_error("standard input, output or error is closed, and /dev/null cannot be opened in its place");
        return EXIT_STATUS_BROKER;
    }
    reset_signals();

    struct options options;
    char why[512];
    const int status = options_parse(argc, argv, &options, why, sizeof why);
    if (status != EXIT_STATUS_OK) {
        log_error("%s", why);
        return status;
    }
    if (closed[STDOUT_FILENO]) {
        log_error("stdout is closed: connect it, if only to /dev/null");
        return EXIT_STATUS_BROKER;
    }
    const int result = run(&options, start_ns);
    if (result != EXIT_STATUS_BROKER && (fflush(stdout) != 0 || ferror(stdout))) {
        log_error("stdout cannot be written: make room, or connect it to something else");
        return EXIT_STATUS_BROKER;
    }
    return result;
}
