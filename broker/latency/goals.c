#include "broker/latency/goals.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "broker/latency/format.h"

#define KIB           1024
#define FULL_HD_BYTES (1920 * 1080 * 4)

enum quantity {
    P50,
    P99,
    RATE,
    MILLION, /* how long a million of them takes */
    CPU_PERCENT,
    WAKEUPS,
    UNFAIRNESS,
};

/* Which figure. NULL and 0: any, but codec and wait: the first that there is of several. */
struct pick {
    const char *name, *test, *placement, *codec, *wait;
    enum quantity quantity;
    size_t payload; /* ANY: does not matter */
    unsigned window, peers;
    bool bare;
};
#define ANY SIZE_MAX

enum limit {
    NO_LIMIT,
    CALL_SHARES, /* what a call is made of */
    BOUNCE,      /* what the hardware takes for it */
    WAKE,        /* what waking a sleeper takes */
    CORES,
    COPY,
};

enum combination {
    RATIO,      /* left : right */
    DIFFERENCE, /* left - right */
    ALONE,      /* left, in the goal's unit, so many ns (or one) each */
};

struct goal {
    const char *group, *text;
    struct pick left, right, or_right; /* or_right: when there is no such right */
    enum combination combination;
    double unit_size; /* ALONE: how much of the quantity is one unit */
    const char *unit;
    bool at_most;
    double bound;
    enum limit limit;
};

/* The peers of most channel measurements are one, with one call in flight. */
#define RING(placement_, codec_, quantity_, window_)                                                                   \
    {                                                                                                                  \
        .name = "channel-ring", .test = "round-trip", .placement = placement_, .codec = codec_, .quantity = quantity_, \
        .payload = 64, .window = window_, .peers = 1                                                                   \
    }
#define SOCKET(placement_, quantity_, window_)                                                                         \
    {                                                                                                                  \
        .name = "channel-socket", .test = "round-trip", .placement = placement_, .quantity = quantity_, .payload = 64, \
        .window = window_, .peers = 1                                                                                  \
    }
#define BOUNCE_2                                                                             \
    {                                                                                        \
        .name = "bounce-2-lines", .placement = "cross-core", .quantity = P50, .payload = ANY \
    }
#define BARE(name_, test_, placement_, quantity_, payload_)                                            \
    {                                                                                                  \
        .name = name_, .test = test_, .placement = placement_, .wait = "block", .quantity = quantity_, \
        .payload = payload_, .bare = true                                                              \
    }
#define ONE_WAY(name_, placement_)                                                                                 \
    {                                                                                                              \
        .name = name_, .test = "one-way", .placement = placement_, .quantity = MILLION, .payload = KIB, .peers = 1 \
    }
#define SPARSE(name_, placement_, quantity_)                                                                        \
    {                                                                                                               \
        .name = name_, .test = "sparse", .placement = placement_, .quantity = quantity_, .payload = ANY, .peers = 1 \
    }
#define SPARSE_GOAL(placement_)                                                                                     \
    {                                                                                                               \
        .group = "one call a millisecond", .text = placement_ ": ≤ 1.2 × plain blocking",                           \
        .left = SPARSE("channel-ring", placement_, P50),                                                            \
        .right = BARE("unix-seqpacket", "sparse", placement_, P50, ANY),                                            \
        .or_right = SPARSE("channel-socket", placement_, P50), .combination = RATIO, .at_most = true, .bound = 1.2, \
        .limit = WAKE                                                                                               \
    }

#define CALL  "ring call, cross-core"
#define COPY_ "1 KB × 1 M through the ring"

static const struct goal goals[] = {
    {CALL, "hot kinds: p50 ≤ 1.5 × the two-line bounce", RING("cross-core", "direct", P50, 1), BOUNCE_2,
     .combination = RATIO, .at_most = true, .bound = 1.5, .limit = CALL_SHARES},
    {CALL, "protobuf-c: p50 ≤ 2.5 × the two-line bounce", RING("cross-core", "protobuf-c", P50, 1), BOUNCE_2,
     .combination = RATIO, .at_most = true, .bound = 2.5, .limit = CALL_SHARES},
    {CALL, "≥ 1.4 M calls/s", RING("cross-core", NULL, RATE, 1), .combination = ALONE, .unit_size = 1e6, .unit = "M/s",
     .bound = 1.4, .limit = BOUNCE},
    {CALL, "32 in flight: ≥ 5 M calls/s", RING("cross-core", NULL, RATE, 32), .combination = ALONE, .unit_size = 1e6,
     .unit = "M/s", .bound = 5, .limit = CALL_SHARES},
    {CALL, "32 in flight: ≥ 16 × the socket", RING("cross-core", NULL, RATE, 32), SOCKET("cross-core", RATE, 32),
     .combination = RATIO, .bound = 16, .limit = CALL_SHARES},
    {"socket call, same core", "≤ 1.2 × the bare SEQPACKET", SOCKET("same-core", P50, 1),
     BARE("unix-seqpacket", "round-trip", "same-core", P50, 64), .combination = RATIO, .at_most = true, .bound = 1.2,
     .limit = CALL_SHARES},
    {"ring call, not pinned", "≥ 50 × faster than blocking SEQPACKET",
     BARE("unix-seqpacket", "round-trip", "free", P50, 64), RING("free", NULL, P50, 1), .combination = RATIO,
     .bound = 50, .limit = WAKE},
    {"ring call, not pinned", "p99 ≤ 2 × p50", RING("free", NULL, P99, 1), RING("free", NULL, P50, 1),
     .combination = RATIO, .at_most = true, .bound = 2, .limit = CORES},
    {COPY_, "across cores: ≥ 10 × pipe", ONE_WAY("pipe", "cross-core"), ONE_WAY("ring", "cross-core"),
     ONE_WAY("channel-ring", "cross-core"), .combination = RATIO, .bound = 10, .limit = COPY},
    {COPY_, "across cores: ≥ 12 × SEQPACKET", ONE_WAY("unix-seqpacket", "cross-core"), ONE_WAY("ring", "cross-core"),
     ONE_WAY("channel-ring", "cross-core"), .combination = RATIO, .bound = 12, .limit = COPY},
    {COPY_, "same core: ≥ 12 × pipe", ONE_WAY("pipe", "same-core"), ONE_WAY("ring", "same-core"),
     ONE_WAY("channel-ring", "same-core"), .combination = RATIO, .bound = 12, .limit = COPY},
    {COPY_, "same core: ≤ 45 ms", ONE_WAY("ring", "same-core"), .combination = ALONE, .unit_size = 1e6, .unit = "ms",
     .at_most = true, .bound = 45, .limit = COPY},
    {"64 renderers",
     "≥ 0.8 × one renderer's rate, in total",
     {.name = "channel-ring", .test = "round-trip", .quantity = RATE, .payload = 64, .window = 32, .peers = 64},
     {.name = "channel-ring", .test = "round-trip", .quantity = RATE, .payload = 64, .window = 32, .peers = 1},
     .combination = RATIO,
     .bound = 0.8,
     .limit = CORES},
    {"64 renderers",
     "none served > 1.5 × as often as another",
     {.name = "channel-ring", .quantity = UNFAIRNESS, .payload = ANY, .window = 32, .peers = 64},
     .combination = ALONE,
     .unit_size = 1,
     .unit = "×",
     .at_most = true,
     .bound = 1.5,
     .limit = CORES},
    SPARSE_GOAL("same-core"),
    SPARSE_GOAL("cross-core"),
    SPARSE_GOAL("free"),
    {"one call a millisecond", "cross-core: p50 ≤ 15 µs", SPARSE("channel-ring", "cross-core", P50),
     .combination = ALONE, .unit_size = 1e3, .unit = "µs", .at_most = true, .bound = 15, .limit = WAKE},
    {"one call a millisecond", "cross-core: less than 5 % CPU added", SPARSE("channel-ring", "cross-core", CPU_PERCENT),
     SPARSE("channel-socket", "cross-core", CPU_PERCENT), .combination = DIFFERENCE, .unit = "%", .at_most = true,
     .bound = 5, .limit = WAKE},
    {"nothing to do",
     "no wakeup",
     {.name = "channel-ring", .test = "idle", .quantity = WAKEUPS, .payload = ANY},
     .combination = ALONE,
     .unit_size = 1,
     .unit = "/s",
     .at_most = true,
     .bound = 0},
    {"frames",
     "pooled: ≥ 6 × cheaper than a fresh memfd",
     {.name = "frame-fresh", .quantity = P50, .payload = FULL_HD_BYTES},
     {.name = "frame-pooled", .quantity = P50, .payload = FULL_HD_BYTES},
     .combination = RATIO,
     .bound = 6},
    {"measuring",
     "costs less than 5 % of the rate",
     {.name = "channel-ring-untimed", .quantity = RATE, .payload = ANY},
     RING("cross-core", NULL, RATE, 32),
     .combination = RATIO,
     .at_most = true,
     .bound = 1.05},
};
#define N_GOALS (sizeof goals / sizeof goals[0])
_Static_assert(N_GOALS <= LATENCY_MAX_GOALS, "every goal has its place");

/* ---- which figure --------------------------------------------------------------------------------------------------------- */

static bool fits_text(const char *wanted, const char *is)
{
    return wanted == NULL || (is != NULL && strcmp(wanted, is) == 0);
}

/* What does not apply to a mechanism (peers, calls in flight) is told as 0 or 1. */
static bool fits_number(unsigned wanted, unsigned is)
{
    return wanted == 0 || wanted == is || (wanted == 1 && is == 0);
}

static bool fits(const struct pick *pick, const struct figure *figure)
{
    return strcmp(pick->name, figure->name) == 0 && fits_text(pick->test, figure->test) &&
           fits_text(pick->placement, figure->placement) && fits_text(pick->codec, figure->codec) &&
           fits_text(pick->wait, figure->wait) && (pick->payload == ANY || pick->payload == figure->payload) &&
           fits_number(pick->window, figure->window) && fits_number(pick->peers, figure->peers) &&
           !(pick->bare && figure->sandboxed) && !figure_is_absent(figure);
}

/* In ns, per second, percent. -1: was not measured. */
static double value_of(const struct figure *figure, enum quantity quantity)
{
    const struct figure_outcome *middle = &figure->middle;
    double value = 0;
    switch (quantity) {
    case P50:
        value = middle->p50_ns > 0 ? middle->p50_ns : middle->mean_ns;
        break;
    case P99:
        value = middle->p99_ns;
        break;
    case RATE:
        value = middle->per_s;
        break;
    case MILLION:
        value = figure_million_ns(figure);
        break;
    case CPU_PERCENT:
        return middle->cpu_percent;
    case WAKEUPS:
        return middle->wakeups_per_s;
    case UNFAIRNESS:
        value = middle->unfairness;
        break;
    }
    return value > 0 ? value : -1;
}

static const struct figure *find(const struct figure *figures, size_t n, const struct pick *pick)
{
    for (size_t i = 0; pick->name != NULL && i < n; i++) {
        if (fits(pick, &figures[i]) && value_of(&figures[i], pick->quantity) >= 0)
            return &figures[i];
    }
    return NULL;
}

/* Both sides of a ratio are with the same codec, and wherever a place is not given, in the same. */
static const struct figure *find_beside(const struct figure *figures, size_t n, const struct pick *pick,
                                        const struct figure *left)
{
    struct pick same = *pick;
    if (pick->name != NULL && strcmp(pick->name, left->name) == 0) {
        same.codec = pick->codec != NULL ? pick->codec : left->codec;
        same.placement = pick->placement != NULL ? pick->placement : left->placement;
    }
    return find(figures, n, &same);
}

/* ---- what limits it ------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void say(struct latency_goal_result *result, const char *format, ...)
{
    const size_t n = strlen(result->limit);
    if (n > 0 && n + 2 < sizeof result->limit)
        strcat(result->limit, "; ");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result->limit + strlen(result->limit), sizeof result->limit - strlen(result->limit), format, arguments);
    va_end(arguments);
}

static void say_shares(struct latency_goal_result *result, const struct figure *figure)
{
    const struct figure_shares *shares = &figure->middle.shares;
    char total[FORMAT_BYTES];
    format_time(total, figure->middle.p50_ns);
    if (shares->pack_ns >= 0 && shares->scan_ns >= 0 && shares->unpack_ns >= 0)
        say(result, "of %s a call, packing takes %.0f ns, the scan %.0f, unpacking %.0f", total, shares->pack_ns,
            shares->scan_ns, shares->unpack_ns);
    char part[FORMAT_BYTES];
    format_time(part, shares->syscall_ns);
    if (shares->syscall_ns > 0)
        say(result, "system calls take %s", part);
    format_time(part, shares->wake_ns);
    if (shares->wake_ns > 0)
        say(result, "waiting for the other side takes %s", part);
}

static void say_bounce(struct latency_goal_result *result, const struct figure *figures, size_t n)
{
    static const struct pick bounce = BOUNCE_2;
    const struct figure *figure = find(figures, n, &bounce);
    if (figure == NULL)
        return;
    const double ns = value_of(figure, P50);
    char most[FORMAT_BYTES];
    format_count(most, 1e9 / ns);
    say(result, "the two cache lines alone take %.0f ns here, so that no call can be made more than %s times a second",
        ns, most);
}

static void say_wake(struct latency_goal_result *result, const struct figure *figures, size_t n)
{
    static const struct pick wake = BARE("unix-seqpacket", "round-trip", "cross-core", P50, 64);
    const struct figure *figure = find(figures, n, &wake);
    if (figure == NULL)
        return;
    char time[FORMAT_BYTES];
    format_time(time, figure->middle.p50_ns);
    say(result, "a round trip that wakes two sleepers on other cores takes %s here", time);
}

static void say_copy(struct latency_goal_result *result, const struct figure *ring)
{
    const double million_ns = figure_million_ns(ring);
    say(result, "%s moves a message in %.0f ns (%.1f GB/s, copied in and out)", ring->name, million_ns / 1e6,
        (double)ring->payload * 1e6 / million_ns);
}

static void say_limit(struct latency_goal_result *result, const struct goal *goal, const struct figure *figures,
                      size_t n, const struct latency_host *host)
{
    switch (goal->limit) {
    case NO_LIMIT:
        break;
    case CALL_SHARES:
        say_shares(result, result->left);
        break;
    case BOUNCE:
        say_bounce(result, figures, n);
        say_shares(result, result->left);
        break;
    case WAKE:
        say_wake(result, figures, n);
        break;
    case CORES:
        say(result, "%u processes share %d processors", result->left->peers + 1, host->n_allowed);
        break;
    case COPY:
        say_copy(result, result->right != NULL ? result->right : result->left);
        break;
    }
    double spread = figure_spread(result->left);
    if (result->right != NULL && figure_spread(result->right) > spread)
        spread = figure_spread(result->right);
    if (spread > 0.15)
        say(result, "from run to run the figures differ by %.0f%%", 100 * spread);
}

/* ---- judging -------------------------------------------------------------------------------------------------------------- */

static void print_value(char ret_text[FORMAT_BYTES], enum quantity quantity, double value)
{
    switch (quantity) {
    case P50:
    case P99:
    case MILLION:
        format_time(ret_text, value);
        break;
    case RATE:
        format_count(ret_text, value);
        strcat(ret_text, "/s");
        break;
    case CPU_PERCENT:
        snprintf(ret_text, FORMAT_BYTES, "%.1f%%", value);
        break;
    case WAKEUPS:
        snprintf(ret_text, FORMAT_BYTES, "%.1f/s", value);
        break;
    case UNFAIRNESS:
        snprintf(ret_text, FORMAT_BYTES, "%.2f ×", value);
        break;
    }
}

/* False: what it takes was not measured. */
static bool judge(const struct goal *goal, const struct figure *figures, size_t n, struct latency_goal_result *result)
{
    *result = (struct latency_goal_result){
        .group = goal->group, .text = goal->text, .at_most = goal->at_most, .bound = goal->bound};
    result->left = find(figures, n, &goal->left);
    if (result->left == NULL)
        return false;
    const double left = value_of(result->left, goal->left.quantity);
    print_value(result->left_value, goal->left.quantity, left);
    if (goal->combination == ALONE) {
        result->measured = left / goal->unit_size;
        result->unit = goal->unit;
    } else {
        result->right = find_beside(figures, n, &goal->right, result->left);
        if (result->right == NULL)
            result->right = find_beside(figures, n, &goal->or_right, result->left);
        if (result->right == NULL)
            return false;
        const double right = value_of(result->right, goal->right.quantity);
        print_value(result->right_value, goal->right.quantity, right);
        result->measured = goal->combination == RATIO ? left / right : left - right;
        result->unit = goal->combination == RATIO ? "×" : goal->unit;
    }
    result->met = goal->at_most ? result->measured <= goal->bound : result->measured >= goal->bound;
    return true;
}

size_t latency_goals_judge(const struct figure *figures, size_t n_figures, const struct latency_host *host,
                           struct latency_goal_result ret_results[LATENCY_MAX_GOALS])
{
    size_t n = 0;
    for (size_t i = 0; i < N_GOALS; i++) {
        struct latency_goal_result *result = &ret_results[n];
        if (!judge(&goals[i], figures, n_figures, result))
            continue;
        if (!result->met)
            say_limit(result, &goals[i], figures, n_figures, host);
        n++;
    }
    return n;
}

/* ---- the table ------------------------------------------------------------------------------------------------------------ */

enum {
    G_TEXT,
    G_LEFT,
    G_RIGHT,
    G_MEASURED,
    G_MET,
    G_FIGURES,
    G_COLUMNS,
};

static const struct grid_column goal_columns[G_COLUMNS] = {
    [G_TEXT] = {.heading = "goal"},
    [G_LEFT] = {.heading = "this", .right = true},
    [G_RIGHT] = {.heading = "and that", .right = true},
    [G_MEASURED] = {.heading = "measured", .right = true},
    [G_MET] = {.heading = "met", .judges = true},
    [G_FIGURES] = {.heading = "of"},
};

static void add_goal(struct grid *grid, const struct latency_goal_result *result)
{
    grid_add_row(grid);
    grid_set(grid, G_TEXT, "%s", result->text);
    grid_set(grid, G_LEFT, "%s", result->left_value);
    grid_set(grid, G_RIGHT, "%s", result->right_value);
    grid_set(grid, G_MEASURED, "%.2f %s", result->measured, result->unit);
    grid_set(grid, G_MET, "%s", result->met ? "yes" : "no");
    grid_set(grid, G_FIGURES, "%s%s%s", result->left->name, result->right != NULL ? " : " : "",
             result->right != NULL ? result->right->name : "");
}

static void explain(struct grid *grid, const struct latency_goal_result *result)
{
    char left[160], right[160] = "";
    figure_describe(result->left, left, sizeof left);
    if (result->right != NULL)
        figure_describe(result->right, right, sizeof right);
    grid_add_note(grid, "not met: %s, %s. Figures: %s%s%s.%s%s", result->group, result->text, left, *right ? " / " : "",
                  right, result->limit[0] ? " Limit: " : "", result->limit);
}

void latency_goals_make(const struct figure *figures, size_t n_figures, const struct latency_host *host,
                        struct grid *ret_grid)
{
    struct latency_goal_result results[LATENCY_MAX_GOALS];
    const size_t n = latency_goals_judge(figures, n_figures, host, results);
    grid_init(ret_grid, "Goals, as ratios within this run", goal_columns, G_COLUMNS);
    size_t n_met = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(results[i - 1].group, results[i].group) != 0)
            grid_add_heading(ret_grid, "%s", results[i].group);
        add_goal(ret_grid, &results[i]);
        n_met += results[i].met;
    }
    for (size_t i = 0; i < n; i++) {
        if (!results[i].met)
            explain(ret_grid, &results[i]);
    }
    grid_add_note(ret_grid, "%zu of %zu goals met; %zu more need figures that this run did not measure", n_met, n,
                  N_GOALS - n);
    grid_add_note(ret_grid,
                  "one figure again: broker --latency --only NAME,TEST,PLACEMENT --payload BYTES --messages N");
}
