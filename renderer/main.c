/* The renderer's executable. Not for people: the broker starts it as a zygote, and a cold zygote as a renderer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "renderer/renderer.h"
#include "renderer/zygote.h"

static _Noreturn void run_zygote(char **arguments)
{
    const struct zygote_options options = {
        .level = atoi(arguments[0]),
        .cold = strcmp(arguments[1], "cold") == 0,
        .noexec_seal = strcmp(arguments[2], "noexec-seal") == 0,
        .codec = strcmp(arguments[3], "direct") == 0 ? CODEC_DIRECT : CODEC_PROTOBUF_C,
    };
    zygote_run(&options);
}

static _Noreturn void run_renderer(char **arguments)
{
    const struct ladder ladder = {
        .inherited_layers = (uint32_t)strtoul(arguments[0], NULL, 10),
        .memory_bytes = strtoull(arguments[1], NULL, 10),
        .mapped_bytes = strtoull(arguments[2], NULL, 10),
        .cold = true,
    };
    renderer_run(&ladder);
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "zygote") == 0)
        run_zygote(argv + 2);
    if (argc == 5 && strcmp(argv[1], "renderer") == 0)
        run_renderer(argv + 2);
    log_set_name("renderer");
    log_error("this program is started by the broker only; run ./broker beside it");
    return 2;
}
