#include "broker/latency/progress.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/summary.h"
#include "common/clock.h"
#include "common/text.h"

#define REWRITE_NS (200 * NS_PER_MS)
#define LINE_NS    (15 * NS_PER_S)
#define BAR_CELLS  24

void latency_progress_init(struct latency_progress *progress, FILE *out, uint64_t now_ns)
{
    const char *term = getenv("TERM");
    *progress = (struct latency_progress){
        .out = out,
        .rewrites = isatty(fileno(out)) && (term == NULL || strcmp(term, "dumb") != 0),
        .columns = summary_style_of(out).columns,
        .start_ns = now_ns,
        .last_ns = now_ns,
    };
}

static void rewrite(const struct latency_progress *progress, double share, uint64_t left_ns, const char *what)
{
    char line[256], bar[BAR_CELLS + 1];
    memset(bar, '-', BAR_CELLS);
    memset(bar, '#', (size_t)(share * BAR_CELLS));
    bar[BAR_CELLS] = '\0';
    snprintf(line, sizeof line, "[%s] %3.0f%%  about %llu s left  %s", bar, 100 * share,
             (unsigned long long)((left_ns + NS_PER_S - 1) / NS_PER_S), what);
    if (progress->columns > 1)
        text_fit_columns(line, progress->columns - 1);
    fprintf(progress->out, "\r%s\033[K", line);
}

void latency_progress_update(struct latency_progress *progress, double share, uint64_t left_ns, const char *what,
                             uint64_t now_ns)
{
    const uint64_t interval_ns = progress->rewrites ? REWRITE_NS : LINE_NS;
    if (now_ns - progress->last_ns < interval_ns && !(progress->rewrites && !progress->shown))
        return;
    progress->last_ns = now_ns;
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    if (progress->rewrites) {
        rewrite(progress, share, left_ns, what);
        progress->shown = true;
    } else {
        fprintf(progress->out, "measuring: %.0f%% after %llu s\n", 100 * share,
                (unsigned long long)((now_ns - progress->start_ns) / NS_PER_S));
    }
    fflush(progress->out);
}

void latency_progress_clear(struct latency_progress *progress)
{
    if (!progress->shown)
        return;
    fputs("\r\033[K", progress->out);
    fflush(progress->out);
    progress->shown = false;
}
