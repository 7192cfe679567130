#include "renderer/renderer.h"

#include <sys/prctl.h>
#include <unistd.h>

#include "common/message.h"
#include "renderer/engine.h"
#include "renderer/session.h"

static void say_ready(struct channel *channel, const struct ladder_report *report)
{
    Vitrine__Ready fact = VITRINE__READY__INIT;
    fact.layers = report->layers;
    fact.layer_errno.data = (uint8_t *)report->layer_errno;
    fact.layer_errno.len = LAYER_COUNT;
    fact.rung_ns = (uint32_t *)report->rung_ns;
    fact.n_rung_ns = RUNG_COUNT;
    fact.offers = OFFER_ALL;
    if (message_send(channel, MESSAGE_READY, &fact.base, NULL, 0) != 0)
        _exit(RENDERER_EXIT_CHANNEL);
}

void renderer_run(const struct ladder *ladder)
{
    prctl(PR_SET_NAME, "vitrine-tab");
    struct channel channel;
    channel_init(&channel, SANDBOX_CHANNEL_FD, true);

    struct ladder_report report = {0};
    ladder_climb(ladder, &channel, &report);
    engines_set_memory_limit(ladder->memory_bytes / 2);
    say_ready(&channel, &report);
    /* The broker will refuse this renderer; it does so itself, too. */
    if (layers_level(report.layers) == 0)
        _exit(RENDERER_EXIT_LADDER);
    session_run(SANDBOX_CHANNEL_FD);
}
