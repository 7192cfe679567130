/* bench: what Vitrine costs, measured on the machine at hand. */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/report.h"
#include "common/log.h"

static const struct command {
    const char *name, *words, *what;
    void (*run)(const struct bench_options *options);
} commands[] = {
    {"spawn", "", "a renderer from the order to Ready and to its first picture, and its memory", bench_spawn},
    {"startup", "[FILE...]", "eight documents in eight tabs, from exec to the eighth picture", bench_startup},
    {"frames", "", "what a frame costs, fresh and again", bench_frames},
    {"faults", "", "a fault from its moment to its verdict and the next picture", bench_faults},
    {"codec", "", "what packing, judging and unpacking a message takes, directly and by protobuf-c", bench_codec},
    {"peers", "", "other people's IPC beside our mechanisms and our channel", bench_peers},
    {"pages", "[FILE.pdf [PAGES]]", "PDF pages through the sandbox against mutool draw", bench_pages},
};
#define N_COMMANDS (sizeof commands / sizeof commands[0])

#define MAX_RUNS     100000
#define MAX_SOAK     10000000
#define MAX_MESSAGES 10000000

static void print_help(FILE *out)
{
    fprintf(out, "usage: bench [COMMAND] [OPTIONS] [FILE...]\n\nWithout a COMMAND, all of them:\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-8s %-19s %s\n", commands[i].name, commands[i].words, commands[i].what);
    fprintf(out, "\n  --runs N            how often (each command has its own number)\n"
                 "  --cpu N             everything on this processor only\n"
                 "  --against-chromium  startup, faults: headless Chromium beside ours\n"
                 "  --soak N            faults: N more of them, and what they leave behind\n"
                 "  --messages N        peers: calls or messages in a run, instead of as many as fit into 0.2 s\n"
                 "  --json              one JSON object a line\n");
}

static _Noreturn void usage(const char *why, const char *word)
{
    fprintf(stderr, "bench: %s%s; --help lists what there is\n", why, word);
    exit(2);
}

static unsigned parse_number(const char *text, unsigned max, const char *option)
{
    char *end;
    errno = 0;
    const unsigned long number = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || number > max)
        usage("not a number that can be used: ", option);
    return (unsigned)number;
}

static void parse(int argc, char **argv, struct bench_options *options)
{
    static const struct option long_options[] = {
        {"runs", required_argument, NULL, 'n'},
        {"cpu", required_argument, NULL, 'c'},
        {"against-chromium", no_argument, NULL, 'a'},
        {"soak", required_argument, NULL, 's'},
        {"messages", required_argument, NULL, 'm'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    *options = (struct bench_options){.cpu = -1};
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        switch (option) {
        case 'n':
            options->n_runs = parse_number(optarg, MAX_RUNS, "--runs");
            break;
        case 'c':
            options->cpu = (int)parse_number(optarg, CPU_SETSIZE - 1, "--cpu");
            break;
        case 'a':
            options->against_chromium = true;
            break;
        case 's':
            options->n_soak = parse_number(optarg, MAX_SOAK, "--soak");
            break;
        case 'm':
            options->n_messages = parse_number(optarg, MAX_MESSAGES, "--messages");
            break;
        case 'j':
            options->json = true;
            break;
        case 'h':
            print_help(stdout);
            exit(0);
        default:
            usage("unknown option, or one without its value: ", argv[optind - 1]);
        }
    }
    options->words = argv + optind;
    options->n_words = (size_t)(argc - optind);
}

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0)
        bench_fail("processor %d cannot be had: %s", cpu, strerror(errno));
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    usage("no such command: ", name);
}

int main(int argc, char **argv)
{
    /* The command line as it was typed: getopt_long moves its words about. */
    char **typed = calloc((size_t)argc + 1, sizeof *typed);
    if (typed == NULL)
        bench_fail("out of memory");
    memcpy(typed, argv, (size_t)argc * sizeof *typed);

    struct bench_options options;
    parse(argc, argv, &options);
    const struct command *command = options.n_words > 0 ? find_command(*options.words++) : NULL;
    if (command != NULL)
        options.n_words--;
    if (options.cpu >= 0)
        pin(options.cpu);
    signal(SIGPIPE, SIG_IGN);
    log_set_name("bench");

    report_init(options.json);
    report_host(argc, typed);
    free(typed);
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (command == NULL || command == &commands[i])
            commands[i].run(&options);
    }
    return 0;
}
