#include "broker/requests.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/tell.h"
#include "common/clock.h"

/* The requests for one tab, in their order. */
static struct injector_step next_request(void *owner, const struct tab *tab)
{
    struct requests *requests = owner;
    const struct options *options = requests->setup.options;
    size_t *next = &requests->next[tab->number - 1];
    while (*next < options->n_injections) {
        const struct inject_request *request = &options->injections[(*next)++];
        if (request->tab == tab->number)
            return (struct injector_step){.plan = request->plan, .delay_ns = request->delay_ns};
    }
    return (struct injector_step){0};
}

static void fault_is_over(void *owner, const struct injector_outcome *outcome)
{
    struct requests *requests = owner;
    struct summary_progress *progress = requests->setup.progress;
    tell_outcome(requests->setup.events, outcome);
    if (outcome->plan.fault == INJECT_NONE || !outcome->right || !outcome->recovered)
        summary_progress_clear(progress);
    tell_outcome_line(outcome);
    const struct chaos_counts *counts = requests_chaos(requests);
    if (counts == NULL)
        return;
    summary_progress_chaos(progress, counts->n_faults, counts->n_faults - counts->n_right, counts->elapsed_ns,
                           clock_now_ns());
}

static void list_is_done(void *owner)
{
    const struct requests *requests = owner;
    requests->setup.handlers->done(requests->setup.owner);
}

static void chaos_is_done(void *owner, const struct chaos_counts *counts)
{
    const struct requests *requests = owner;
    tell_chaos(requests->setup.events, counts);
    requests->setup.handlers->done(requests->setup.owner);
}

static bool is_quiet(void *owner)
{
    const struct requests *requests = owner;
    return requests->setup.handlers->is_quiet(requests->setup.owner);
}

static int prepare_chaos(struct requests *requests)
{
    const struct requests_setup *setup = &requests->setup;
    const struct chaos_setup chaos_setup = {
        .loop = setup->loop,
        .spawner = setup->spawner,
        .tabs = setup->tabs,
        .n_tabs = setup->n_tabs,
        .request = setup->options->chaos,
        .is_quiet = is_quiet,
        .over = fault_is_over,
        .done = chaos_is_done,
        .owner = requests,
    };
    const int error = chaos_create(&chaos_setup, &requests->chaos);
    if (error == 0)
        requests->injector = chaos_injector(requests->chaos);
    return error;
}

static int prepare_list(struct requests *requests)
{
    static const struct injector_handlers handlers = {
        .next = next_request, .over = fault_is_over, .done = list_is_done};
    const struct requests_setup *setup = &requests->setup;
    requests->next = calloc(setup->n_tabs, sizeof *requests->next);
    if (requests->next == NULL)
        return -ENOMEM;
    const int error =
        injector_create(setup->loop, setup->tabs, setup->n_tabs, &handlers, requests, &requests->injector);
    if (error == 0)
        spawner_keep_standby(setup->spawner);
    return error;
}

int requests_init(struct requests *requests, const struct requests_setup *setup)
{
    *requests = (struct requests){.setup = *setup};
    if (setup->options->chaos.duration_ns != 0)
        return prepare_chaos(requests);
    return setup->options->n_injections > 0 ? prepare_list(requests) : 0;
}

void requests_finish(struct requests *requests)
{
    if (requests->chaos == NULL)
        injector_destroy(requests->injector);
    chaos_destroy(requests->chaos);
    free(requests->next);
    *requests = (struct requests){0};
}

void requests_start(struct requests *requests)
{
    if (requests->injector != NULL && requests->chaos == NULL)
        injector_start(requests->injector);
}

void requests_start_chaos(struct requests *requests)
{
    if (requests->chaos != NULL)
        chaos_start(requests->chaos);
}

bool requests_are_over(const struct requests *requests)
{
    if (requests->chaos != NULL)
        return chaos_is_over(requests->chaos);
    return requests->injector == NULL || injector_is_done(requests->injector);
}

const struct chaos_counts *requests_chaos(const struct requests *requests)
{
    return requests->chaos != NULL ? chaos_counts(requests->chaos) : NULL;
}

struct inject_plan requests_plan_of(const struct requests *requests, const struct tab *tab)
{
    return requests->injector != NULL ? injector_plan_of(requests->injector, tab) : (struct inject_plan){0};
}

void requests_tab_changed(struct requests *requests, struct tab *tab)
{
    if (requests->injector != NULL)
        injector_tab_changed(requests->injector, tab);
}

void requests_tab_crashed(struct requests *requests, struct tab *tab)
{
    if (requests->injector != NULL)
        injector_tab_crashed(requests->injector, tab);
}

void requests_tab_painted(struct requests *requests, struct tab *tab)
{
    if (requests->injector != NULL)
        injector_tab_painted(requests->injector, tab);
}

void requests_tab_survived(struct requests *requests, struct tab *tab)
{
    if (requests->injector != NULL)
        injector_tab_survived(requests->injector, tab);
}

void requests_tab_left(struct requests *requests, struct tab *tab, const struct evidence *evidence)
{
    if (requests->injector != NULL)
        injector_tab_left(requests->injector, tab, evidence);
}
