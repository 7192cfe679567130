#include "common/measured.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

void measured_take(struct measured *measured, const struct fine_histogram *latency)
{
    if (latency->n == 0)
        return;
    measured->p50_ns = fine_histogram_at(latency, 50000);
    measured->p90_ns = fine_histogram_at(latency, 90000);
    measured->p99_ns = fine_histogram_at(latency, 99000);
    measured->p999_ns = fine_histogram_at(latency, 99900);
    measured->max_ns = latency->max;
    fine_histogram_curve(latency, measured->curve_ns);
    measured->has_curve = true;
}

/* ---- out ------------------------------------------------------------------------------------------------------------ */

static bool is_plain(char c)
{
    return c >= ' ' && c <= '~';
}

static void print_text(const char *key, const char *text, FILE *out)
{
    fprintf(out, "%s=", key);
    for (; *text; text++)
        putc(is_plain(*text) ? *text : '?', out);
}

void measured_print(const struct measured *measured, FILE *out)
{
    if (measured->absent[0]) {
        print_text("absent", measured->absent, out);
        putc('\n', out);
        return;
    }
#define X(name) fprintf(out, #name "=%" PRIu64 "\t", measured->name);
    MEASURED_NUMBERS(X)
#undef X
    if (measured->has_curve) {
        fputs("curve_ns=", out);
        for (size_t i = 0; i < HISTOGRAM_CURVE_POINTS; i++)
            fprintf(out, "%s%" PRIu64, i > 0 ? "," : "", measured->curve_ns[i]);
        putc('\t', out);
    }
    print_text("note", measured->note, out);
    putc('\n', out);
}

/* ---- in ------------------------------------------------------------------------------------------------------------- */

/* Where numbers are kept, by name; after them the other keys, so that one set tells what was said already. */
#define X(name) NUMBER_##name,
enum { MEASURED_NUMBERS(X) N_NUMBERS, KEY_CURVE = N_NUMBERS, KEY_NOTE, KEY_ABSENT };
#undef X

#define ALL_NUMBERS ((1u << N_NUMBERS) - 1)

static const char *const keys[] = {
#define X(name) #name,
    MEASURED_NUMBERS(X)
#undef X
        "curve_ns",
    "note",
    "absent",
};

static uint64_t *number_of(struct measured *measured, unsigned key)
{
    switch (key) {
#define X(name)         \
    case NUMBER_##name: \
        return &measured->name;
        MEASURED_NUMBERS(X)
#undef X
    }
    return NULL;
}

/* The digits from *text on; moves it behind them. */
static bool take_number(const char **text, const char *end, uint64_t *ret_number)
{
    const char *start = *text;
    uint64_t number = 0;
    for (; *text < end && **text >= '0' && **text <= '9'; (*text)++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(**text - '0'), &number))
            return false;
    }
    *ret_number = number;
    return *text > start;
}

static bool take_curve(const char *text, const char *end, struct measured *measured)
{
    for (size_t i = 0; i < HISTOGRAM_CURVE_POINTS; i++) {
        if (i > 0 && (text == end || *text++ != ','))
            return false;
        if (!take_number(&text, end, &measured->curve_ns[i]))
            return false;
        if (i > 0 && measured->curve_ns[i] < measured->curve_ns[i - 1])
            return false;
    }
    measured->has_curve = true;
    return text == end;
}

static bool take_text(const char *text, const char *end, char *out)
{
    const size_t n = (size_t)(end - text);
    if (n >= MEASURED_MAX_TEXT)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!is_plain(text[i]))
            return false;
    }
    memcpy(out, text, n);
    out[n] = '\0';
    return true;
}

static bool find_key(const char *text, size_t n, unsigned *ret_key)
{
    for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strlen(keys[i]) == n && memcmp(keys[i], text, n) == 0) {
            *ret_key = i;
            return true;
        }
    }
    return false;
}

static bool take_field(const char *text, const char *end, unsigned *said, struct measured *measured)
{
    const char *value = memchr(text, '=', (size_t)(end - text));
    unsigned key;
    if (value == NULL || !find_key(text, (size_t)(value - text), &key) || *said & 1u << key)
        return false;
    *said |= 1u << key;
    value++;
    if (key == KEY_CURVE)
        return take_curve(value, end, measured);
    if (key == KEY_NOTE)
        return take_text(value, end, measured->note);
    if (key == KEY_ABSENT)
        return take_text(value, end, measured->absent) && measured->absent[0];
    uint64_t *number = number_of(measured, key);
    return number != NULL && take_number(&value, end, number) && value == end;
}

static bool is_sound(const struct measured *measured)
{
    return measured->lost <= measured->n && measured->disordered <= measured->n &&
           measured->p50_ns <= measured->p90_ns && measured->p90_ns <= measured->p99_ns &&
           measured->p99_ns <= measured->p999_ns && measured->p999_ns <= measured->max_ns;
}

int measured_parse(const char *line, size_t n_bytes, struct measured *ret_measured)
{
    struct measured measured = {0};
    unsigned said = 0;
    if (n_bytes == 0 || line[n_bytes - 1] != '\n')
        return -EBADMSG;
    const char *const end = line + n_bytes - 1;
    for (const char *text = line, *tab; text <= end; text = tab + 1) {
        tab = memchr(text, '\t', (size_t)(end - text));
        if (tab == NULL)
            tab = end;
        if (!take_field(text, tab, &said, &measured))
            return -EBADMSG;
    }
    const bool is_whole = said == 1u << KEY_ABSENT ||
                          ((said & ALL_NUMBERS) == ALL_NUMBERS && !(said & 1u << KEY_ABSENT) && is_sound(&measured));
    if (!is_whole)
        return -EBADMSG;
    *ret_measured = measured;
    return 0;
}
