#include "broker/containment/sweep.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "broker/containment/allowed_calls.h"
#include "broker/containment/stage.h"
#include "common/clock.h"

/* Renderers at a time. */
#define BATCH 32

#define SWEEP(id, row_name, row_tried, row_n, row_call) \
    const struct containment_sweep sweep_##id = {.name = row_name, .n = row_n, .call = row_call};
CONTAINMENT_SWEEPS(SWEEP)
#undef SWEEP

/* ---- sweeping ----------------------------------------------------------------------------------------------------------- */

struct tally {
    const struct containment_sweep *sweep;
    const struct containment_host *host;
    unsigned n_right, n_allowed, n_some, n_refused, n_past, n_killed;
    char wrong[128]; /* the first that was not as it should be; "": none */
};

/* Killed for the call, or, where the kernel names none, killed. */
static bool was_killed_for(const struct tally *tally, const struct evidence *evidence, int call)
{
    const struct containment_row row = {.end = call == SWEEP_BY_KERNEL ? END_BY_KERNEL : END_KILLED, .number = call};
    return containment_death_fits(&row, evidence, tally->host);
}

/* Calls that are allowed and do not come back: the end, and the return from a signal that never was. */
static bool is_allowed_end(int call, const struct evidence *evidence)
{
    const enum verdict verdict = crash_judge(evidence);
    if (call == SYS_exit || call == SYS_exit_group)
        return verdict == VERDICT_EXIT;
    return call == SYS_rt_sigreturn && verdict == VERDICT_SIGNAL && evidence->wait_status == SIGSEGV;
}

static bool died_of_sigill(const struct actor *actor)
{
    return actor_verdict(actor) == VERDICT_SIGNAL && actor->tab.evidence.wait_status == SIGILL;
}

static bool is_by_list(struct tally *tally, int call, const struct actor *actor, const char *answer)
{
    const char *errno_name = NULL;
    const enum call_class class = allowed_calls_class(call, &errno_name);
    switch (class) {
    case CALL_ALLOWED:
        tally->n_allowed++;
        return answer != NULL || is_allowed_end(call, &actor->tab.evidence);
    case CALL_REFUSED:
        tally->n_refused++;
        return answer != NULL && strcmp(answer, errno_name) == 0;
    case CALL_PAST:
        tally->n_past++;
        if (answer != NULL ? strcmp(answer, "EPERM") == 0 || strcmp(answer, "ENXIO") == 0 : died_of_sigill(actor))
            return true;
        break;
    case CALL_SOME:
        tally->n_some++;
        break;
    case CALL_KILLED:
        tally->n_killed++;
        break;
    }
    return answer == NULL && was_killed_for(tally, &actor->tab.evidence, call);
}

/* What an outer filter says before ours is asked. */
static bool is_refused_outside(const struct tally *tally, const char *answer)
{
    return answer != NULL && tally->host->is_filtered &&
           (strcmp(answer, "EPERM") == 0 || strcmp(answer, "ENOSYS") == 0);
}

static bool may_write_to(unsigned fd)
{
    return fd == 1 || fd == 2 || fd == 4;
}

static bool is_right(struct tally *tally, unsigned number, const struct actor *actor)
{
    const struct containment_sweep *sweep = tally->sweep;
    const char *answer = !actor->crashed && actor->tab.title != NULL ? actor->tab.title : NULL;
    if (sweep->call == SWEEP_BY_LIST && is_by_list(tally, (int)number, actor, answer))
        return true;
    if (is_refused_outside(tally, answer))
        return true;
    if (sweep->call == SWEEP_BY_LIST)
        return false;
    if (sweep->call == SYS_write && may_write_to(number)) {
        tally->n_allowed++;
        return answer != NULL && strcmp(answer, "returned 0") == 0;
    }
    tally->n_killed++;
    return answer == NULL && was_killed_for(tally, &actor->tab.evidence, sweep->call);
}

static void note(struct tally *tally, unsigned number, const struct actor *actor)
{
    char name[64];
    if (is_right(tally, number, actor)) {
        tally->n_right++;
        return;
    }
    if (tally->wrong[0] != '\0')
        return;
    if (tally->sweep->call == SWEEP_BY_LIST)
        call_name((int)number, name, sizeof name);
    else
        snprintf(name, sizeof name, "%u", number);
    snprintf(tally->wrong, sizeof tally->wrong, "%.40s: %.80s", name,
             actor->crashed             ? actor->tab.reason
             : actor->tab.title != NULL ? actor->tab.title
                                        : "no answer");
}

static void sweep_batch(struct stage *stage, struct tally *tally, unsigned first, unsigned n)
{
    static struct actor actors[BATCH];
    for (unsigned i = 0; i < n; i++) {
        char order[64];
        snprintf(order, sizeof order, "sweep %s %u", tally->sweep->name, first + i);
        actor_start(stage, &actors[i], order);
    }
    for (unsigned i = 0; i < n; i++) {
        actor_settle(&actors[i]);
        note(tally, first + i, &actors[i]);
    }
    for (unsigned i = 0; i < n; i++)
        actor_finish(&actors[i]);
}

void containment_sweep_run(struct stage *stage, const struct containment_sweep *sweep,
                           struct containment_result *result)
{
    struct tally tally = {.sweep = sweep, .host = &stage->host};
    for (unsigned first = 0; first < sweep->n && !stage->is_broken && stage->ending_signal == 0; first += BATCH)
        sweep_batch(stage, &tally, first, sweep->n - first < BATCH ? sweep->n - first : BATCH);

    snprintf(result->verdict, sizeof result->verdict, "%s", verdict_name(VERDICT_VIOLATION));
    result->holds = tally.n_right == sweep->n;
    int n = snprintf(result->text, sizeof result->text, "%u of %u", tally.n_right, sweep->n);
    if (sweep->call == SWEEP_BY_LIST)
        n += snprintf(result->text + n, sizeof result->text - (size_t)n,
                      ": %u allowed, %u allowed with checked arguments, "
                      "%u refused, %u past every filter, %u killed",
                      tally.n_allowed, tally.n_some, tally.n_refused, tally.n_past, tally.n_killed);
    else
        n += snprintf(result->text + n, sizeof result->text - (size_t)n, ": %u killed", tally.n_killed);
    if (tally.wrong[0] != '\0')
        snprintf(result->text + n, sizeof result->text - (size_t)n, "; not %s", tally.wrong);
}
