#include <stdio.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/loop.h"
#include "broker/signals.h"
#include "broker/spawn.h"
#include "broker/summary.h"
#include "common/log.h"

struct status {
    struct loop *loop;
    struct signals signals;
    int ending_signal; /* 0: none came */
    struct spawner *spawner;
    bool ready;
    uint32_t layers;
    uint8_t layer_errno[LAYER_COUNT];
    char failure[256];
};

static void take_ready(struct child *child)
{
    struct status *status = child->owner;
    status->ready = true;
    status->layers = child->layers;
    memcpy(status->layer_errno, child->layer_errno, sizeof status->layer_errno);
    spawner_explain(status->spawner, status->layer_errno);
    spawner_close(status->spawner);
}

static void take_fact(struct child *child, const struct message *fact)
{
    (void)fact; /* none is legal before Open */
    child_condemn(child);
}

static void take_end(struct child *child, const struct evidence *evidence)
{
    struct status *status = child->owner;
    if (status->ready || status->failure[0] != '\0')
        return;
    if (child->failure[0] != '\0')
        snprintf(status->failure, sizeof status->failure, "%s", child->failure);
    else
        crash_describe(evidence, status->failure, sizeof status->failure);
    spawner_close(status->spawner);
}

static void broken(void *owner, const char *why)
{
    struct status *status = owner;
    if (status->failure[0] == '\0')
        snprintf(status->failure, sizeof status->failure, "%s", why);
    if (status->spawner != NULL)
        spawner_close(status->spawner);
}

static void closed(void *owner)
{
    struct status *status = owner;
    loop_quit(status->loop);
}

static void children_ended(void *owner)
{
    const struct status *status = owner;
    if (status->spawner != NULL)
        spawner_reap(status->spawner);
}

static void try_again(void *owner)
{
    (void)owner; /* nothing was tried that could be */
}

static void ended(void *owner, int signal)
{
    struct status *status = owner;
    status->ending_signal = signal;
    if (status->spawner != NULL)
        spawner_close(status->spawner);
}

static int get_going(struct status *status, const struct options *options, char *ret_why, size_t n_why)
{
    static const struct signals_handlers signals_handlers = {
        .children = children_ended, .try_again = try_again, .ended = ended};
    static const struct spawner_handlers spawner_handlers = {.broken = broken, .closed = closed};
    const struct spawner_options spawner_options = {.mode = options->spawn, .memory_bytes = options->memory_bytes};

    int error = loop_create(&status->loop);
    if (error != 0) {
        snprintf(ret_why, n_why, "the event loop cannot be made: %s", strerror(-error));
        return error;
    }
    error = signals_init(&status->signals, status->loop, &signals_handlers, status);
    if (error != 0) {
        snprintf(ret_why, n_why, "signals cannot be received: %s", strerror(-error));
        return error;
    }
    return spawner_create(status->loop, &spawner_options, &spawner_handlers, status, &status->spawner, ret_why, n_why);
}

static void tear_down(struct status *status)
{
    spawner_destroy(status->spawner);
    signals_finish(&status->signals);
    loop_destroy(status->loop);
}

int status_run(const struct options *options)
{
    static const struct child_handlers child_handlers = {.ready = take_ready, .fact = take_fact, .ended = take_end};
    struct status status = {.signals.fd = -1};
    char why[256] = "out of memory";
    if (get_going(&status, options, why, sizeof why) != 0) {
        log_error("%s", why);
        tear_down(&status);
        return EXIT_STATUS_BROKER;
    }
    if (spawner_spawn(status.spawner, 0, &child_handlers, &status) == NULL)
        spawner_close(status.spawner);
    const int error = loop_run(status.loop);
    if (error != 0)
        snprintf(status.failure, sizeof status.failure, "the event loop broke: %s", strerror(-error));
    tear_down(&status);
    if (status.ending_signal != 0)
        return 128 + status.ending_signal;

    if (!status.ready) {
        log_error("no renderer could be started: %s", status.failure);
        return EXIT_STATUS_BROKER;
    }
    const struct summary_style style = summary_style_of(stdout);
    summary_sandbox_status(stdout, &style, status.layers, status.layer_errno);
    const int level = layers_level(status.layers);
    if (level < options->require_level) {
        log_error("--require-level %d: this host allows level %d", options->require_level, level);
        return EXIT_STATUS_BROKER;
    }
    return level == 3 ? EXIT_STATUS_OK : 1;
}
