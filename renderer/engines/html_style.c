#include "renderer/engines/html_style.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_BRACKETS     12             /* nesting in one value */
#define MAX_BLOCKS       16             /* nesting of at-rules */
#define MAX_VALUE_BYTES  ((size_t)8192) /* of one declaration, its variables replaced; URLs count as their numbers */
#define MAX_SUBSTITUTION 8              /* variables of variables */
#define ROOT_FONT_PX     16.0
#define MAX_NUMBER       1e6

/* A piece of text, not terminated. */
struct span {
    const char *p, *end;
};

static size_t span_length(struct span span)
{
    return (size_t)(span.end - span.p);
}

static struct span trimmed(struct span span)
{
    while (span.p < span.end && isspace((unsigned char)*span.p))
        span.p++;
    while (span.end > span.p && isspace((unsigned char)span.end[-1]))
        span.end--;
    return span;
}

static bool is(struct span span, const char *word)
{
    return span_length(span) == strlen(word) && strncasecmp(span.p, word, strlen(word)) == 0;
}

static bool starts(struct span span, const char *word)
{
    return span_length(span) >= strlen(word) && strncasecmp(span.p, word, strlen(word)) == 0;
}

static bool contains(struct span span, const char *word)
{
    for (; span_length(span) >= strlen(word); span.p++)
        if (starts(span, word))
            return true;
    return false;
}

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_' || (c & 0x80);
}

/* Steps over a comment, a string or an escape, or one character. */
static const char *step(const char *p, const char *end)
{
    if (*p == '\\')
        return p + 1 < end ? p + 2 : end;
    if (*p == '/' && p + 1 < end && p[1] == '*') {
        for (p += 2; p + 1 < end; p++)
            if (p[0] == '*' && p[1] == '/')
                return p + 2;
        return end;
    }
    if (*p == '"' || *p == '\'') {
        char quote = *p++;
        while (p < end && *p != quote && *p != '\n')
            p += *p == '\\' && p + 1 < end ? 2 : 1;
        return p < end ? p + 1 : end;
    }
    return p + 1;
}

/* The first of the characters that is outside brackets, strings and comments, or end. *ret_deep: nested too far. */
static const char *find_outside(const char *p, const char *end, const char *characters, bool *ret_deep)
{
    const char *start = p;
    size_t depth = 0;
    while (p < end) {
        if (depth == 0 && *p && strchr(characters, *p))
            return p;
        if (*p == '(' || *p == '[') {
            depth++;
            if (p - start >= 3 && starts((struct span){p - 3, end}, "url(") && p + 1 < end && p[1] != '"' &&
                p[1] != '\'') {
                const char *close = memchr(p, ')', (size_t)(end - p));
                p = close ? close : end - 1;
                continue;
            }
        } else if ((*p == ')' || *p == ']') && depth > 0) {
            depth--;
        } else if (*p == '}' && depth > 0) {
            return p; /* a bracket that was forgotten ends with its block */
        }
        if (depth > MAX_BRACKETS && ret_deep)
            *ret_deep = true;
        p = step(p, end);
    }
    return end;
}

/* The brace that closes the block whose first character is p, or end. */
static const char *find_block_end(const char *p, const char *end)
{
    size_t depth = 0;
    while (p < end) {
        if (*p == '{')
            depth++;
        else if (*p == '}' && depth-- == 0)
            return p;
        p = step(p, end);
    }
    return end;
}

/* ---- variables and resources --------------------------------------------------------------------------- */

void html_styles_finish(struct html_styles *styles)
{
    for (size_t i = 0; i < styles->n_kept; i++)
        free(styles->kept[i]);
    free(styles->kept);
    free(styles->variables);
    free(styles->resources);
    *styles = (struct html_styles){0};
}

static const struct html_variable *find_variable(const struct html_styles *styles, struct span name)
{
    for (size_t i = styles->n_variables; i-- > 0;)
        if (styles->variables[i].n_name == span_length(name) &&
            memcmp(styles->variables[i].name, name.p, span_length(name)) == 0)
            return &styles->variables[i];
    return NULL;
}

static void define(struct html_styles *styles, struct span name, struct span value)
{
    struct html_variable variable = {name.p, value.p, span_length(name), span_length(value)};
    struct html_variable *known = (struct html_variable *)find_variable(styles, name);
    if (known) {
        *known = variable;
        return;
    }
    if (!styles->variables)
        styles->variables = malloc(HTML_MAX_VARIABLES * sizeof(*styles->variables));
    if (styles->variables && styles->n_variables < HTML_MAX_VARIABLES)
        styles->variables[styles->n_variables++] = variable;
}

static bool keep(struct html_styles *styles, char *bytes)
{
    char **kept = realloc(styles->kept, (styles->n_kept + 1) * sizeof(*kept));
    if (!kept)
        return false;
    styles->kept = kept;
    styles->kept[styles->n_kept++] = bytes;
    return true;
}

/* Whether a URL goes on from the folder of what names it: not data:, //host, /path or #place. */
static bool is_relative(const char *url, size_t n_bytes)
{
    size_t n_scheme = 0;
    while (n_scheme < n_bytes && (isalnum((unsigned char)url[n_scheme]) || strchr("+-.", url[n_scheme])))
        n_scheme++;
    return n_bytes > 0 && url[0] != '/' && url[0] != '#' && (n_scheme == n_bytes || url[n_scheme] != ':');
}

/* The URL behind the folder of its style sheet. */
static bool join_folder(struct html_styles *styles, struct html_url *url)
{
    size_t n_folder = styles->folder.n_bytes;
    char *joined = malloc(n_folder + url->n_bytes + 1);
    if (!joined || !keep(styles, joined)) {
        free(joined);
        return false;
    }
    memcpy(joined, styles->folder.url, n_folder);
    memcpy(joined + n_folder, url->url, url->n_bytes);
    *url = (struct html_url){joined, n_folder + url->n_bytes};
    return true;
}

void html_style_resource(struct html_styles *styles, const char *url, size_t n_bytes, struct html_buffer *out)
{
    struct html_url found = {url, n_bytes};
    if (!styles->resources)
        styles->resources = malloc(HTML_MAX_RESOURCES * sizeof(*styles->resources));
    if (!styles->resources || styles->n_resources == HTML_MAX_RESOURCES)
        return;
    if (styles->folder.n_bytes > 0 && is_relative(url, n_bytes) && !join_folder(styles, &found))
        return;
    html_buffer_printf(out, "vitrine:%zu", styles->n_resources);
    styles->resources[styles->n_resources++] = found;
}

/* Puts the values of variables in place of var(), a level at a time. False when one is not defined and has no
 * fallback, or when the value grows too long. */
static bool substitute(const struct html_styles *styles, struct span value, struct html_buffer *out, int level)
{
    while (value.p < value.end) {
        const char *p = value.p;
        while (p < value.end &&
               !(starts((struct span){p, value.end}, "var(") && (p == value.p || !is_name_char(p[-1]))))
            p++;
        html_buffer_add(out, value.p, (size_t)(p - value.p));
        if (p == value.end)
            break;
        const char *close = find_outside(p + 4, value.end, ")", NULL);
        const char *comma = find_outside(p + 4, close, ",", NULL);
        const struct html_variable *variable = find_variable(styles, trimmed((struct span){p + 4, comma}));
        struct span meant = variable ? (struct span){variable->value, variable->value + variable->n_value}
                                     : trimmed((struct span){comma + (comma < close), close});
        if ((!variable && comma == close) || level == MAX_SUBSTITUTION || out->n > MAX_VALUE_BYTES ||
            !substitute(styles, meant, out, level + 1))
            return false;
        value.p = close < value.end ? close + 1 : close;
    }
    return out->n <= MAX_VALUE_BYTES;
}

/* ---- values -------------------------------------------------------------------------------------------- */

struct number {
    double value;
    struct span unit;
};

/* Reads a number with its unit at p. NULL when there is none, else what follows it. */
static const char *read_number(struct span text, struct number *ret_number)
{
    const char *p = text.p;
    double value = 0, scale = 1, sign = 1;
    if (p < text.end && (*p == '+' || *p == '-'))
        sign = *p++ == '-' ? -1 : 1;
    const char *digits = p;
    while (p < text.end && isdigit((unsigned char)*p))
        value = fmin(value * 10 + (*p++ - '0'), MAX_NUMBER);
    bool any = p > digits;
    if (p + 1 < text.end && *p == '.' && isdigit((unsigned char)p[1])) {
        any = true;
        for (p++; p < text.end && isdigit((unsigned char)*p); p++)
            value += (*p - '0') * (scale /= 10);
    }
    if (!any)
        return NULL;
    const char *unit = p;
    while (p < text.end && (isalpha((unsigned char)*p) || *p == '%'))
        p++;
    *ret_number = (struct number){sign * value, {unit, p}};
    return p;
}

static void put_number(struct html_buffer *out, double value)
{
    if (!(fabs(value) <= MAX_NUMBER))
        value = value < 0 ? -MAX_NUMBER : MAX_NUMBER;
    long thousandths = lround(value * 1000);
    html_buffer_printf(out, "%s%ld", thousandths < 0 ? "-" : "", labs(thousandths) / 1000);
    if (thousandths % 1000)
        html_buffer_printf(out, ".%03ld", labs(thousandths) % 1000);
}

static void put_length(struct html_buffer *out, struct number number)
{
    if (is(number.unit, "ch")) { /* near enough to the width of a zero */
        put_number(out, number.value / 2);
        html_buffer_puts(out, "em");
        return;
    }
    put_number(out, number.value);
    html_buffer_add(out, number.unit.p, span_length(number.unit));
}

struct calc {
    struct span text;
    struct span unit; /* the one unit of the sum; empty while there is none */
    bool failed;
    int depth;
};

static double calc_sum(struct calc *calc, bool *ret_has_unit);

static double calc_factor(struct calc *calc, bool *ret_has_unit)
{
    calc->text = trimmed(calc->text);
    *ret_has_unit = false;
    if (starts(calc->text, "calc("))
        calc->text.p += 4;
    if (calc->text.p < calc->text.end && *calc->text.p == '(' && calc->depth < MAX_BRACKETS) {
        calc->text.p++;
        calc->depth++;
        double value = calc_sum(calc, ret_has_unit);
        calc->depth--;
        if (calc->text.p < calc->text.end && *calc->text.p == ')')
            calc->text.p++;
        return value;
    }
    struct number number;
    const char *next = read_number(calc->text, &number);
    if (!next) {
        calc->failed = true;
        return 0;
    }
    calc->text.p = next;
    if (is(number.unit, "rem")) {
        number.value *= ROOT_FONT_PX;
        number.unit = (struct span){"px", NULL};
        number.unit.end = number.unit.p + 2;
    }
    if (span_length(number.unit) > 0) {
        *ret_has_unit = true;
        if (span_length(calc->unit) == 0)
            calc->unit = number.unit;
        else if (span_length(calc->unit) != span_length(number.unit) ||
                 strncasecmp(calc->unit.p, number.unit.p, span_length(number.unit)) != 0)
            calc->failed = true;
    }
    return number.value;
}

static double calc_product(struct calc *calc, bool *ret_has_unit)
{
    double value = calc_factor(calc, ret_has_unit);
    for (;;) {
        calc->text = trimmed(calc->text);
        char sign = calc->text.p < calc->text.end ? *calc->text.p : 0;
        if (calc->failed || (sign != '*' && sign != '/'))
            return value;
        calc->text.p++;
        bool has_unit;
        double factor = calc_factor(calc, &has_unit);
        calc->failed = calc->failed || (has_unit && (*ret_has_unit || sign == '/')) || (sign == '/' && factor == 0);
        *ret_has_unit = *ret_has_unit || has_unit;
        value = sign == '*' ? value * factor : calc->failed ? 0 : value / factor;
    }
}

static double calc_sum(struct calc *calc, bool *ret_has_unit)
{
    double value = calc_product(calc, ret_has_unit);
    for (;;) {
        calc->text = trimmed(calc->text);
        char sign = calc->text.p < calc->text.end ? *calc->text.p : 0;
        if (calc->failed || (sign != '+' && sign != '-'))
            return value;
        calc->text.p++;
        bool has_unit;
        double term = calc_product(calc, &has_unit);
        calc->failed = calc->failed || has_unit != *ret_has_unit;
        value += sign == '+' ? term : -term;
    }
}

static bool put_calc(struct html_buffer *out, struct span inner)
{
    struct calc calc = {.text = inner, .unit = {"", ""}};
    calc.unit.end = calc.unit.p;
    bool has_unit;
    double value = calc_sum(&calc, &has_unit);
    if (calc.failed || span_length(trimmed(calc.text)) > 0)
        return false;
    put_length(out, (struct number){value, calc.unit});
    return true;
}

static double hue_to_rgb(double p, double q, double t)
{
    t -= floor(t);
    return t < 1 / 6.0 ? p + (q - p) * 6 * t : t < 0.5 ? q : t < 2 / 3.0 ? p + (q - p) * (2 / 3.0 - t) * 6 : p;
}

static void hsl_to_rgb(double hsl[3])
{
    double h = hsl[0] / 360, s = fmin(fmax(hsl[1] / 100, 0), 1), l = fmin(fmax(hsl[2] / 100, 0), 1);
    double q = l < 0.5 ? l * (1 + s) : l + s - l * s, p = 2 * l - q;
    hsl[0] = 255 * hue_to_rgb(p, q, h + 1 / 3.0);
    hsl[1] = 255 * hue_to_rgb(p, q, h);
    hsl[2] = 255 * hue_to_rgb(p, q, h - 1 / 3.0);
}

static int to_byte(double value)
{
    return value > 0 ? value < 255 ? (int)(value + 0.5) : 255 : 0;
}

static void put_rgba(struct html_buffer *out, const double rgb[3], double alpha)
{
    html_buffer_printf(out, "rgba(%d,%d,%d,", to_byte(rgb[0]), to_byte(rgb[1]), to_byte(rgb[2]));
    put_number(out, fmin(fmax(alpha, 0), 1));
    html_buffer_putc(out, ')');
}

/* rgb(), hsl() and their like, in the old and the new notation. */
static bool put_color(struct html_buffer *out, struct span inner, bool hsl)
{
    double parts[4] = {0, 0, 0, 1};
    size_t n = 0;
    while (n < 4) {
        while (inner.p < inner.end && (isspace((unsigned char)*inner.p) || *inner.p == ',' || *inner.p == '/'))
            inner.p++;
        struct number number;
        const char *next = read_number(inner, &number);
        if (!next)
            break;
        inner.p = next;
        bool percent = is(number.unit, "%");
        if (is(number.unit, "turn"))
            number.value *= 360;
        parts[n] = percent && n == 3 ? number.value / 100 : percent && !hsl ? number.value * 2.55 : number.value;
        n++;
    }
    if (n < 3)
        return false;
    if (hsl)
        hsl_to_rgb(parts);
    put_rgba(out, parts, parts[3]);
    return true;
}

/* #rgba and #rrggbbaa; the shorter ones are known to litehtml. */
static bool put_hash(struct html_buffer *out, struct span digits)
{
    size_t n = span_length(digits);
    unsigned value = 0;
    for (const char *p = digits.p; p < digits.end && n <= 8; p++) {
        if (!isxdigit((unsigned char)*p))
            return false;
        value = value << 4 | (unsigned)(isdigit((unsigned char)*p) ? *p - '0' : (*p | 0x20) - 'a' + 10);
    }
    if (n == 3 || n == 6) {
        html_buffer_putc(out, '#');
        html_buffer_add(out, digits.p, n);
        return true;
    }
    if (n != 4 && n != 8)
        return false;
    double parts[4];
    for (int i = 0; i < 4; i++)
        parts[i] = n == 4 ? (value >> (12 - 4 * i) & 0xf) * 17 : value >> (24 - 8 * i) & 0xff;
    put_rgba(out, parts, parts[3] / 255);
    return true;
}

static bool put_value(struct html_styles *styles, struct span value, struct html_buffer *out, int depth);

/* A gradient becomes its first colour: text on it stays readable. */
static bool put_gradient(struct html_styles *styles, struct span inner, struct html_buffer *out, int depth)
{
    while (inner.p < inner.end) {
        const char *comma = find_outside(inner.p, inner.end, ",", NULL);
        struct span stop = trimmed((struct span){inner.p, comma});
        struct number number;
        if (span_length(stop) > 0 && !read_number(stop, &number) && !starts(stop, "to ") && !starts(stop, "circle") &&
            !starts(stop, "ellipse") && !starts(stop, "at ") && !starts(stop, "from ")) {
            const char *space = find_outside(stop.p, stop.end, " \t\n", NULL);
            return put_value(styles, (struct span){stop.p, space}, out, depth + 1);
        }
        inner.p = comma < inner.end ? comma + 1 : comma;
    }
    return false;
}

static bool put_url(struct html_styles *styles, struct span inner, struct html_buffer *out)
{
    inner = trimmed(inner);
    if (span_length(inner) >= 2 && (*inner.p == '"' || *inner.p == '\'') && inner.end[-1] == *inner.p) {
        inner.p++;
        inner.end--;
    }
    html_buffer_puts(out, "url(");
    html_style_resource(styles, inner.p, span_length(inner), out);
    html_buffer_putc(out, ')');
    return true;
}

static bool put_function(struct html_styles *styles, struct span name, struct span inner, struct html_buffer *out,
                         int depth)
{
    if (is(name, "url"))
        return put_url(styles, inner, out);
    if (is(name, "rgb") || is(name, "rgba"))
        return put_color(out, inner, false);
    if (is(name, "hsl") || is(name, "hsla"))
        return put_color(out, inner, true);
    if (is(name, "calc"))
        return put_calc(out, inner);
    if (is(name, "light-dark"))
        return put_value(styles, (struct span){inner.p, find_outside(inner.p, inner.end, ",", NULL)}, out, depth + 1);
    if (contains(name, "gradient"))
        return put_gradient(styles, inner, out, depth);
    if (is(name, "min") || is(name, "max") || is(name, "clamp")) {
        /* the middle of clamp(), the last of the others: most often the length that does not depend on the window */
        const char *comma = find_outside(inner.p, inner.end, ",", NULL);
        if (comma == inner.end)
            return false;
        return put_value(styles, trimmed((struct span){comma + 1, find_outside(comma + 1, inner.end, ",", NULL)}), out,
                         depth + 1);
    }
    if (is(name, "attr") || is(name, "counter") || is(name, "counters")) {
        html_buffer_add(out, name.p, (size_t)(inner.end - name.p));
        html_buffer_putc(out, ')');
        return true;
    }
    return false;
}

/* A string, quotes included, in the double quotes that litehtml wants; what would confuse its search for the end of
 * a rule is left out. */
static void put_string(struct html_buffer *out, struct span string)
{
    html_buffer_putc(out, '"');
    for (const char *p = string.p + 1; p < string.end; p++)
        if (*p && !strchr("{};!\"\n", *p) && !(p + 1 == string.end && *p == *string.p))
            html_buffer_putc(out, *p);
    html_buffer_putc(out, '"');
}

/* Rewrites one value. False when it cannot be said to litehtml. */
static bool put_value(struct html_styles *styles, struct span value, struct html_buffer *out, int depth)
{
    if (depth > MAX_BRACKETS)
        return false;
    while (value.p < value.end && out->n < HTML_BUFFER_MAX_BYTES) {
        const char *p = value.p;
        struct number number;
        if (*p == '"' || *p == '\'') {
            value.p = step(p, value.end);
            put_string(out, (struct span){p, value.p});
        } else if (*p == '/' && p + 1 < value.end && p[1] == '*') {
            value.p = step(p, value.end);
        } else if (*p == '#') {
            do
                p++;
            while (p < value.end && is_name_char(*p));
            if (!put_hash(out, (struct span){value.p + 1, p}))
                return false;
            value.p = p;
        } else if ((p = read_number(value, &number))) {
            put_length(out, number);
            value.p = p;
        } else if (is_name_char(*value.p)) {
            for (p = value.p; p < value.end && is_name_char(*p);)
                p++;
            struct span name = {value.p, p};
            if (p < value.end && *p == '(') {
                const char *close = find_outside(p + 1, value.end, ")", NULL);
                if (is(name, "url") && p + 1 < value.end && p[1] != '"' && p[1] != '\'') {
                    close = memchr(p, ')', (size_t)(value.end - p));
                    close = close ? close : value.end;
                }
                if (!put_function(styles, name, (struct span){p + 1, close}, out, depth))
                    return false;
                value.p = close < value.end ? close + 1 : close;
            } else {
                if (is(name, "currentcolor"))
                    return false;
                html_buffer_add(out, name.p, span_length(name));
                value.p = p;
            }
        } else if (strchr("(){}[];", *value.p)) {
            return false;
        } else {
            html_buffer_putc(out, *value.p == '\n' || *value.p == '\r' || *value.p == '\t' ? ' ' : *value.p);
            value.p++;
        }
    }
    return true;
}

/* ---- declarations -------------------------------------------------------------------------------------- */

/* Values that have a near relative in litehtml. NULL: the declaration goes. */
static const struct {
    const char *property, *value, *instead;
} value_map[] = {
    {"display", "grid", "block"},
    {"display", "flow-root", "block"},
    {"display", "-webkit-box", "block"},
    {"display", "-webkit-flex", "block"},
    {"display", "-ms-grid", "block"},
    {"display", "inline-flex", "inline-block"},
    {"display", "inline-grid", "inline-block"},
    {"display", "-webkit-inline-box", "inline-block"},
    {"display", "-moz-inline-stack", "inline-block"},
    {"display", "contents", "block"},
    {"display", "ruby", "inline"},
    {"display", "table-header-group", "table-row-group"},
    {"display", "table-footer-group", "table-row-group"},
    {"display", "run-in", NULL},
    {"position", "sticky", "static"},
    {"position", "-webkit-sticky", "static"},
    {"position", "fixed", "absolute"}, /* the page is shown as a whole: there is no window to be fixed to */
    {"text-align", "start", "left"},
    {"text-align", "end", "right"},
    {"text-align", "-webkit-center", "center"},
    {"text-align", "-webkit-left", "left"},
    {"text-align", "-webkit-right", "right"},
    {"white-space", "break-spaces", "pre-wrap"},
    {"overflow", "clip", "hidden"},
    {"float", "inline-start", "left"},
    {"float", "inline-end", "right"},
    {"font-style", "oblique", "italic"},
};

static const char *const lost_lengths[] = {"fit-content",    "min-content", "max-content", "-webkit-fill-available",
                                           "-moz-available", "stretch"};

/* Logical properties of a page that is written from left to right and top to bottom. */
static const struct {
    const char *logical, *first, *second;
} logical_map[] = {
    {"margin-inline", "margin-left", "margin-right"},
    {"margin-inline-start", "margin-left", NULL},
    {"margin-inline-end", "margin-right", NULL},
    {"margin-block", "margin-top", "margin-bottom"},
    {"margin-block-start", "margin-top", NULL},
    {"margin-block-end", "margin-bottom", NULL},
    {"padding-inline", "padding-left", "padding-right"},
    {"padding-inline-start", "padding-left", NULL},
    {"padding-inline-end", "padding-right", NULL},
    {"padding-block", "padding-top", "padding-bottom"},
    {"padding-block-start", "padding-top", NULL},
    {"padding-block-end", "padding-bottom", NULL},
    {"border-inline-start", "border-left", NULL},
    {"border-inline-end", "border-right", NULL},
    {"border-block-start", "border-top", NULL},
    {"border-block-end", "border-bottom", NULL},
    {"inline-size", "width", NULL},
    {"block-size", "height", NULL},
    {"max-inline-size", "max-width", NULL},
    {"min-inline-size", "min-width", NULL},
    {"inset-inline-start", "left", NULL},
    {"inset-inline-end", "right", NULL},
    {"text-decoration-line", "text-decoration", NULL},
    {"overflow-x", "overflow", NULL},
};

static void put_declaration(struct html_buffer *out, const char *name, size_t n_name, const char *value, size_t n_value,
                            bool important)
{
    for (size_t i = 0; i < n_name; i++)
        html_buffer_putc(out, (char)tolower((unsigned char)name[i]));
    html_buffer_putc(out, ':');
    html_buffer_add(out, value, n_value);
    html_buffer_puts(out, important ? "!important;" : ";");
}

/* True when the declaration was dealt with: written as something else, or dropped. */
static bool map_value(struct span name, struct span value, bool important, struct html_buffer *out)
{
    if (is(name, "display") && (is(value, "flex") || is(value, "-ms-flexbox"))) {
        html_buffer_puts(out,
                         important ? "display:block!important;-vitrine-flex:row;" : "display:block;-vitrine-flex:row;");
        return true;
    }
    if (is(name, "flex-direction") || is(name, "flex-flow")) {
        html_buffer_printf(out, "-vitrine-direction:%s;", starts(value, "column") ? "column" : "row");
        return true;
    }
    for (size_t i = 0; i < sizeof(value_map) / sizeof(value_map[0]); i++)
        if (is(name, value_map[i].property) && is(value, value_map[i].value)) {
            if (value_map[i].instead)
                put_declaration(out, name.p, span_length(name), value_map[i].instead, strlen(value_map[i].instead),
                                important);
            return true;
        }
    for (size_t i = 0; i < sizeof(lost_lengths) / sizeof(lost_lengths[0]); i++)
        if (is(value, lost_lengths[i]))
            return true;
    return false;
}

static bool map_logical(struct span name, struct span value, bool important, struct html_buffer *out)
{
    for (size_t i = 0; i < sizeof(logical_map) / sizeof(logical_map[0]); i++) {
        if (!is(name, logical_map[i].logical))
            continue;
        const char *first = logical_map[i].first, *second = logical_map[i].second;
        const char *space = second ? find_outside(value.p, value.end, " \t\n", NULL) : value.end;
        put_declaration(out, first, strlen(first), value.p, (size_t)(space - value.p), important);
        struct span rest = trimmed((struct span){space, value.end});
        if (second)
            put_declaration(out, second, strlen(second), span_length(rest) ? rest.p : value.p,
                            span_length(rest) ? span_length(rest) : (size_t)(space - value.p), important);
        return true;
    }
    return false;
}

/* inset: one to four lengths, as margin has them. */
static bool map_inset(struct span name, struct span value, bool important, struct html_buffer *out)
{
    static const char *const sides[] = {"top", "right", "bottom", "left"};
    static const int which[4][4] = {{0, 0, 0, 0}, {0, 1, 0, 1}, {0, 1, 2, 1}, {0, 1, 2, 3}};
    struct span lengths[4];
    int n = 0;
    if (!is(name, "inset"))
        return false;
    while (n < 4 && span_length(value = trimmed(value)) > 0) {
        const char *space = find_outside(value.p, value.end, " \t\n", NULL);
        lengths[n++] = (struct span){value.p, space};
        value.p = space;
    }
    for (int i = 0; n > 0 && i < 4; i++) {
        struct span length = lengths[which[n - 1][i]];
        put_declaration(out, sides[i], strlen(sides[i]), length.p, span_length(length), important);
    }
    return true;
}

/* Keeps the text of a value as long as the styles, because the resources after the first n point into it; without
 * memory for that they are dropped. */
static void keep_value(struct html_styles *styles, struct html_buffer *value, size_t n)
{
    if (styles->n_resources == n)
        return;
    if (!keep(styles, value->bytes)) {
        styles->n_resources = n;
        return;
    }
    *value = (struct html_buffer){0};
}

static bool takes_gradient(struct span name)
{
    return is(name, "background") || is(name, "background-color");
}

static void rewrite_declaration(struct html_styles *styles, struct span name, struct span value,
                                struct html_buffer *out)
{
    name = trimmed(name);
    value = trimmed(value);
    if (starts(name, "--") || span_length(name) == 0 || span_length(name) > 64 || *name.p == '*')
        return;
    for (const char *p = name.p; p < name.end; p++)
        if (!is_name_char(*p))
            return;

    bool important = false;
    const char *mark = find_outside(value.p, value.end, "!", NULL);
    if (mark < value.end) {
        important = is(trimmed((struct span){mark + 1, value.end}), "important");
        value = trimmed((struct span){value.p, mark});
    }
    struct html_buffer plain = {0}, fit = {0};
    size_t n_resources = styles->n_resources;
    bool has_variable = contains(value, "var(");
    if (has_variable && substitute(styles, value, &plain, 0) && !plain.failed)
        value = trimmed((struct span){plain.bytes, plain.bytes + plain.n});
    else if (has_variable)
        value.p = value.end;
    bool deep = false;
    find_outside(value.p, value.end, "", &deep);
    if (span_length(value) > 0 && !deep && (takes_gradient(name) || !contains(value, "gradient(")) &&
        !map_value(name, value, important, out) && put_value(styles, value, &fit, 0) && !fit.failed && fit.n > 0) {
        struct span fitted = {fit.bytes, fit.bytes + fit.n};
        if (!map_logical(name, fitted, important, out) && !map_inset(name, fitted, important, out))
            put_declaration(out, name.p, span_length(name), fit.bytes, fit.n, important);
    }
    if (has_variable)
        keep_value(styles, &plain, n_resources);
    html_buffer_finish(&plain);
    html_buffer_finish(&fit);
}

typedef void declaration_fn(struct html_styles *styles, struct span name, struct span value, struct html_buffer *out);

static void each_declaration(struct html_styles *styles, struct span block, declaration_fn *take,
                             struct html_buffer *out)
{
    while (block.p < block.end) {
        const char *end = find_outside(block.p, block.end, ";{", NULL);
        if (end < block.end && *end == '{') { /* a rule nested in this one */
            const char *close = find_block_end(end + 1, block.end);
            block.p = close < block.end ? close + 1 : close;
            continue;
        }
        while (block.p < end && (isspace((unsigned char)*block.p) || *block.p == '/')) {
            const char *next = step(block.p, end);
            block.p = next;
        }
        const char *colon = memchr(block.p, ':', (size_t)(end - block.p));
        if (colon)
            take(styles, (struct span){block.p, colon}, (struct span){colon + 1, end}, out);
        block.p = end < block.end ? end + 1 : end;
    }
}

void html_style_declarations(struct html_styles *styles, const char *css, size_t n_bytes, struct html_buffer *out)
{
    each_declaration(styles, (struct span){css, css + n_bytes}, rewrite_declaration, out);
}

/* ---- rules --------------------------------------------------------------------------------------------- */

typedef void rule_fn(struct html_styles *styles, struct span selectors, struct span block, struct html_buffer *out);

/* Whether a media query may hold for a light page on a screen; what litehtml can judge, it judges. */
static bool may_hold(struct span query)
{
    static const char *const never[] = {"dark",
                                        "prefers-reduced",
                                        "prefers-contrast",
                                        "forced-colors",
                                        "inverted-colors",
                                        "hover: none",
                                        "hover:none",
                                        "coarse",
                                        "speech",
                                        "-ms-high",
                                        "<",
                                        ">",
                                        "standalone",
                                        "scripting"};
    if (contains(query, "print") && !contains(query, "screen") && !contains(query, "not print"))
        return false;
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        if (contains(query, never[i]))
            return false;
    return true;
}

static void each_rule(struct html_styles *styles, struct span css, rule_fn *take, struct html_buffer *out, int depth);

static void take_at_rule(struct html_styles *styles, struct span prelude, struct span block, rule_fn *take,
                         struct html_buffer *out, int depth)
{
    if (starts(prelude, "@layer")) {
        each_rule(styles, block, take, out, depth + 1);
    } else if (starts(prelude, "@media") && may_hold(prelude)) {
        /* litehtml forgets the outer of two media queries: only one level is told */
        if (out && depth == 0) {
            html_buffer_add(out, prelude.p, span_length(prelude));
            html_buffer_putc(out, '{');
        }
        each_rule(styles, block, take, out, depth + 1);
        if (out && depth == 0)
            html_buffer_putc(out, '}');
    }
}

static const char *skip_blank(const char *p, const char *end)
{
    while (p < end) {
        struct span rest = {p, end};
        if (isspace((unsigned char)*p) || *p == ';' || *p == '}')
            p++;
        else if (starts(rest, "/*"))
            p = step(p, end);
        else if (starts(rest, "<!--"))
            p += 4;
        else if (starts(rest, "-->") || starts(rest, "]]>"))
            p += 3;
        else if (starts(rest, "<![CDATA["))
            p += 9;
        else
            break;
    }
    return p;
}

static void each_rule(struct html_styles *styles, struct span css, rule_fn *take, struct html_buffer *out, int depth)
{
    if (depth > MAX_BLOCKS)
        return;
    for (;;) {
        css.p = skip_blank(css.p, css.end);
        if (css.p == css.end)
            return;
        bool at = *css.p == '@';
        const char *open = find_outside(css.p, css.end, at ? "{;" : "{", NULL);
        if (open == css.end || *open == ';' || *open == '}') {
            css.p = open < css.end ? open + 1 : open;
            continue;
        }
        struct span prelude = trimmed((struct span){css.p, open});
        const char *close = find_block_end(open + 1, css.end);
        struct span block = {open + 1, close};
        if (at)
            take_at_rule(styles, prelude, block, take, out, depth);
        else
            take(styles, prelude, block, out);
        css.p = close < css.end ? close + 1 : close;
    }
}

static void define_declaration(struct html_styles *styles, struct span name, struct span value, struct html_buffer *out)
{
    (void)out;
    name = trimmed(name);
    if (starts(name, "--"))
        define(styles, name, trimmed(value));
}

static void define_rule(struct html_styles *styles, struct span selectors, struct span block, struct html_buffer *out)
{
    while (selectors.p < selectors.end) {
        const char *comma = find_outside(selectors.p, selectors.end, ",", NULL);
        struct span one = trimmed((struct span){selectors.p, comma});
        if (is(one, ":root") || is(one, "html") || is(one, ":host") || is(one, "body") || is(one, "*")) {
            each_declaration(styles, block, define_declaration, out);
            return;
        }
        selectors.p = comma < selectors.end ? comma + 1 : comma;
    }
}

void html_style_collect(struct html_styles *styles, const char *css, size_t n_bytes)
{
    each_rule(styles, (struct span){css, css + n_bytes}, define_rule, NULL, 0);
}

/* Selectors that can never hold in a page at rest, or that litehtml would read as something else. */
static bool selects_nothing(struct span selector)
{
    static const char *const lost[] = {":hover",        ":focus",       ":active", ":visited",  ":is(",
                                       ":where(",       ":has(",        ":host",   "::slotted", "::marker",
                                       "::placeholder", "::selection",  "::-",     ":target",   ":-moz",
                                       ":disabled",     ":checked",     "\\",      "&",         "::backdrop",
                                       ":first-line",   ":first-letter"};
    for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++)
        if (contains(selector, lost[i]))
            return true;
    return span_length(selector) == 0 || span_length(selector) > 512;
}

static void put_selector(struct html_buffer *out, struct span selector)
{
    bool space = false;
    for (const char *p = selector.p; p < selector.end;) {
        const char *next = step(p, selector.end);
        bool comment = *p == '/' && next > p + 1;
        if (isspace((unsigned char)*p) || comment) {
            space = true;
        } else {
            if (space)
                html_buffer_putc(out, ' ');
            html_buffer_add(out, p, (size_t)(next - p));
            space = false;
        }
        p = next;
    }
}

static void rewrite_rule(struct html_styles *styles, struct span selectors, struct span block, struct html_buffer *out)
{
    size_t n = 0, start = out->n;
    while (selectors.p < selectors.end && styles->n_rules < HTML_MAX_RULES) {
        const char *comma = find_outside(selectors.p, selectors.end, ",", NULL);
        struct span one = trimmed((struct span){selectors.p, comma});
        if (!selects_nothing(one)) {
            if (n++ > 0)
                html_buffer_putc(out, ',');
            put_selector(out, one);
            styles->n_rules++;
        }
        selectors.p = comma < selectors.end ? comma + 1 : comma;
    }
    if (n == 0)
        return;
    html_buffer_putc(out, '{');
    size_t body = out->n;
    each_declaration(styles, block, rewrite_declaration, out);
    if (out->n == body && !out->failed) { /* nothing of it was left */
        out->n = start;
        out->bytes[start] = '\0';
        styles->n_rules -= n;
        return;
    }
    html_buffer_putc(out, '}');
}

void html_style_sheet(struct html_styles *styles, const char *css, size_t n_bytes, struct html_buffer *out)
{
    each_rule(styles, (struct span){css, css + n_bytes}, rewrite_rule, out, 0);
}
