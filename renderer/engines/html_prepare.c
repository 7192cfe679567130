#include "renderer/engines/html_prepare.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_NAME_BYTES      32 /* of an element or attribute; longer ones are left out */
#define MAX_ATTRIBUTES      48
#define MAX_ATTRIBUTE_BYTES 4096 /* URLs and styles apart */
#define SEARCH_DEPTH        64   /* how far up an end tag looks for its start */
#define TAB_COLUMNS         8
#define MAX_SPAN            200 /* columns or rows of a table cell: litehtml makes a cell for each */

enum element_flags {
    VOID = 1,       /* has no content */
    DROP = 2,       /* goes with its content, which is searched for tags */
    RAW = 4,        /* its content is text up to its end tag */
    FORMATTING = 8, /* opened again by HTML where it was closed too early */
    ENDS_PARAGRAPH = 16,
    PREFORMATTED = 32,
    TRANSPARENT = 64, /* the tags go, the content stays */
};

/* Elements that need a word. Those that a start tag closes by itself name the group they belong to and the element
 * that bounds the search. */
static const struct element_kind {
    const char *name;
    unsigned flags;
    const char *closes, *within;
} kinds[] = {
    {"a", FORMATTING, NULL, NULL},
    {"address", ENDS_PARAGRAPH, NULL, NULL},
    {"area", VOID, NULL, NULL},
    {"article", ENDS_PARAGRAPH, NULL, NULL},
    {"aside", ENDS_PARAGRAPH, NULL, NULL},
    {"audio", DROP, NULL, NULL},
    {"b", FORMATTING, NULL, NULL},
    {"base", VOID, NULL, NULL},
    {"big", FORMATTING, NULL, NULL},
    {"blockquote", ENDS_PARAGRAPH, NULL, NULL},
    {"br", VOID, NULL, NULL},
    {"button", 0, NULL, NULL},
    {"canvas", DROP, NULL, NULL},
    {"center", ENDS_PARAGRAPH, NULL, NULL},
    {"code", FORMATTING, NULL, NULL},
    {"col", VOID, NULL, NULL},
    {"datalist", DROP, NULL, NULL},
    {"dd", ENDS_PARAGRAPH, "dd dt", "dl"},
    {"details", ENDS_PARAGRAPH, NULL, NULL},
    {"dir", ENDS_PARAGRAPH, NULL, NULL},
    {"div", ENDS_PARAGRAPH, NULL, NULL},
    {"dl", ENDS_PARAGRAPH, NULL, NULL},
    {"dt", ENDS_PARAGRAPH, "dd dt", "dl"},
    {"em", FORMATTING, NULL, NULL},
    {"embed", VOID | DROP, NULL, NULL},
    {"fieldset", ENDS_PARAGRAPH, NULL, NULL},
    {"figcaption", ENDS_PARAGRAPH, NULL, NULL},
    {"figure", ENDS_PARAGRAPH, NULL, NULL},
    {"font", FORMATTING, NULL, NULL},
    {"footer", ENDS_PARAGRAPH, NULL, NULL},
    {"form", ENDS_PARAGRAPH, NULL, NULL},
    {"frame", VOID | DROP, NULL, NULL},
    {"frameset", TRANSPARENT, NULL, NULL},
    {"h1", ENDS_PARAGRAPH, NULL, NULL},
    {"h2", ENDS_PARAGRAPH, NULL, NULL},
    {"h3", ENDS_PARAGRAPH, NULL, NULL},
    {"h4", ENDS_PARAGRAPH, NULL, NULL},
    {"h5", ENDS_PARAGRAPH, NULL, NULL},
    {"h6", ENDS_PARAGRAPH, NULL, NULL},
    {"header", ENDS_PARAGRAPH, NULL, NULL},
    {"hr", VOID | ENDS_PARAGRAPH, NULL, NULL},
    {"i", FORMATTING, NULL, NULL},
    {"iframe", RAW | DROP, NULL, NULL},
    {"image", VOID, NULL, NULL},
    {"img", VOID, NULL, NULL},
    {"input", VOID, NULL, NULL},
    {"keygen", VOID | DROP, NULL, NULL},
    {"li", ENDS_PARAGRAPH, "li", "ul ol menu dir"},
    {"link", VOID | DROP, NULL, NULL},
    {"listing", ENDS_PARAGRAPH | PREFORMATTED, NULL, NULL},
    {"main", ENDS_PARAGRAPH, NULL, NULL},
    {"math", TRANSPARENT, NULL, NULL},
    {"menu", ENDS_PARAGRAPH, NULL, NULL},
    {"meta", VOID | DROP, NULL, NULL},
    {"nav", ENDS_PARAGRAPH, NULL, NULL},
    {"nobr", FORMATTING, NULL, NULL},
    {"noembed", RAW | DROP, NULL, NULL},
    {"noframes", RAW | DROP, NULL, NULL},
    {"noscript", TRANSPARENT, NULL, NULL},
    {"object", TRANSPARENT, NULL, NULL},
    {"ol", ENDS_PARAGRAPH, NULL, NULL},
    {"optgroup", 0, "option optgroup", "select"},
    {"option", 0, "option", "select"},
    {"p", ENDS_PARAGRAPH, NULL, NULL},
    {"param", VOID | DROP, NULL, NULL},
    {"plaintext", TRANSPARENT, NULL, NULL},
    {"pre", ENDS_PARAGRAPH | PREFORMATTED, NULL, NULL},
    {"s", FORMATTING, NULL, NULL},
    {"script", RAW | DROP, NULL, NULL},
    {"section", ENDS_PARAGRAPH, NULL, NULL},
    {"small", FORMATTING, NULL, NULL},
    {"source", VOID | DROP, NULL, NULL},
    {"strike", FORMATTING, NULL, NULL},
    {"strong", FORMATTING, NULL, NULL},
    {"style", RAW, NULL, NULL},
    {"summary", ENDS_PARAGRAPH, NULL, NULL},
    {"svg", DROP, NULL, NULL},
    {"table", ENDS_PARAGRAPH, NULL, NULL},
    {"tbody", 0, "tbody thead tfoot tr td th", "table"},
    {"td", 0, "td th", "table"},
    {"template", DROP, NULL, NULL},
    {"textarea", RAW | PREFORMATTED, NULL, NULL},
    {"tfoot", 0, "tbody thead tfoot tr td th", "table"},
    {"th", 0, "td th", "table"},
    {"thead", 0, "tbody thead tfoot tr td th", "table"},
    {"title", RAW, NULL, NULL},
    {"tr", 0, "tr td th", "table"},
    {"track", VOID | DROP, NULL, NULL},
    {"tt", FORMATTING, NULL, NULL},
    {"u", FORMATTING, NULL, NULL},
    {"ul", ENDS_PARAGRAPH, NULL, NULL},
    {"video", DROP, NULL, NULL},
    {"wbr", VOID, NULL, NULL},
    {"xmp", RAW | PREFORMATTED | ENDS_PARAGRAPH, NULL, NULL},
};

struct span {
    const char *p, *end;
};

struct attribute {
    struct span name, value;
};

struct tag {
    char name[MAX_NAME_BYTES];
    struct attribute attributes[MAX_ATTRIBUTES];
    size_t n_attributes;
    bool self_closing;
};

struct open_element {
    char name[MAX_NAME_BYTES];
    unsigned flags;
    bool dropped; /* its tags were left out */
};

struct reader {
    const char *p, *end;
    bool is_xml;
    struct html_resources *resources;
    struct html_prepared *result;
    struct open_element open[HTML_MAX_DEPTH];
    size_t n_open;
    size_t n_too_deep;   /* opened beyond the last of them, tags left out */
    size_t n_formatting; /* among them, and those that HTML will open again */
    size_t n_preformatted;
    size_t column; /* in preformatted text */
    size_t n_elements, n_text;
};

static const struct element_kind *kind_of(const char *name)
{
    size_t low = 0, high = sizeof(kinds) / sizeof(kinds[0]);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(name, kinds[middle].name);
        if (order == 0)
            return &kinds[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static unsigned flags_of(const char *name)
{
    const struct element_kind *kind = kind_of(name);
    return kind ? kind->flags : 0;
}

/* Whether a list of names, with blanks between, has the name. */
static bool lists(const char *names, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = names; p && (p = strstr(p, name)); p += n)
        if ((p == names || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
            return true;
    return false;
}

static bool is(struct span span, const char *word)
{
    return (size_t)(span.end - span.p) == strlen(word) && strncasecmp(span.p, word, strlen(word)) == 0;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static const char *find(const char *p, const char *end, const char *needle)
{
    const char *found = memmem(p, (size_t)(end - p), needle, strlen(needle));
    return found ? found : end;
}

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && isspace((unsigned char)*p))
        p++;
    return p;
}

static struct span read_value(struct reader *reader)
{
    const char *p = reader->p;
    if (p < reader->end && (*p == '"' || *p == '\'')) {
        const char *close = memchr(p + 1, *p, (size_t)(reader->end - p - 1));
        struct span value = {p + 1, close ? close : reader->end};
        reader->p = close ? close + 1 : reader->end;
        return value;
    }
    while (p < reader->end && !isspace((unsigned char)*p) && *p != '>')
        p++;
    struct span value = {reader->p, p};
    reader->p = p;
    return value;
}

/* Reads one attribute; false at the end of the tag. */
static bool read_attribute(struct reader *reader, struct tag *tag)
{
    const char *end = reader->end;
    while (reader->p < end && (isspace((unsigned char)*reader->p) || *reader->p == '/'))
        tag->self_closing = *reader->p++ == '/';
    if (reader->p == end || *reader->p == '>')
        return false;
    tag->self_closing = false;
    struct attribute attribute = {.name.p = reader->p};
    reader->p++; /* an equals sign here is part of the name */
    while (reader->p < end && !isspace((unsigned char)*reader->p) && !strchr("/>=", *reader->p))
        reader->p++;
    attribute.name.end = reader->p;
    attribute.value = (struct span){reader->p, reader->p};
    const char *p = skip_space(reader->p, end);
    if (p < end && *p == '=') {
        reader->p = skip_space(p + 1, end);
        attribute.value = read_value(reader);
    }
    if (tag->n_attributes < MAX_ATTRIBUTES)
        tag->attributes[tag->n_attributes++] = attribute;
    return true;
}

/* Reads a tag whose name starts at reader->p. */
static void read_tag(struct reader *reader, struct tag *tag)
{
    const char *start = reader->p;
    size_t n = 0;
    while (reader->p < reader->end && !isspace((unsigned char)*reader->p) && *reader->p != '>' && *reader->p != '/') {
        if (n + 1 < sizeof(tag->name))
            tag->name[n++] = (char)tolower((unsigned char)*reader->p);
        reader->p++;
    }
    tag->name[n] = '\0';
    char *colon = strrchr(tag->name, ':'); /* xhtml:p */
    if (colon && colon[1])
        memmove(tag->name, colon + 1, strlen(colon));
    for (char *c = tag->name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-')
            *c = '-';
    tag->n_attributes = 0;
    tag->self_closing = false;
    if (reader->p > start)
        while (read_attribute(reader, tag))
            ;
    if (reader->p < reader->end)
        reader->p++;
}

static const struct span *attribute_of(const struct tag *tag, const char *name)
{
    for (size_t i = 0; i < tag->n_attributes; i++)
        if (is(tag->attributes[i].name, name))
            return &tag->attributes[i].value;
    return NULL;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static struct html_buffer *out_of(struct reader *reader)
{
    return &reader->result->html;
}

/* Text as it stands, entities and all; tabs in preformatted text become blanks. */
static void put_text(struct reader *reader, const char *p, const char *end)
{
    struct html_buffer *out = out_of(reader);
    reader->n_text += (size_t)(end - p);
    if (reader->n_preformatted == 0) {
        html_buffer_add(out, p, (size_t)(end - p));
        return;
    }
    for (; p < end; p++) {
        if (*p == '\t') {
            size_t n = TAB_COLUMNS - reader->column % TAB_COLUMNS;
            html_buffer_add(out, "        ", n);
            reader->column += n;
            continue;
        }
        html_buffer_putc(out, *p);
        if (*p == '\n')
            reader->column = 0;
        else if ((*p & 0xc0) != 0x80)
            reader->column++;
    }
}

/* In quotes; those of the value's own become entities. */
static void put_quoted(struct html_buffer *out, const char *p, const char *end)
{
    for (; p < end; p++) {
        if (*p == '"')
            html_buffer_puts(out, "&quot;");
        else
            html_buffer_putc(out, *p);
    }
}

static bool is_plain_name(struct span name)
{
    if (name.p == name.end || name.end - name.p > MAX_NAME_BYTES)
        return false;
    for (; name.p < name.end; name.p++)
        if (!isalnum((unsigned char)*name.p) && *name.p != '-' && *name.p != '_' && *name.p != ':')
            return false;
    return true;
}

static bool is_useless(struct span name, struct span value)
{
    return !is_plain_name(name) || strncasecmp(name.p, "on", 2) == 0 || is(name, "srcset") || is(name, "sizes") ||
           is(name, "integrity") || value.end - value.p > MAX_ATTRIBUTE_BYTES;
}

static void put_style_attribute(struct reader *reader, struct span value)
{
    struct html_buffer style = {0};
    html_style_declarations(&reader->result->styles, value.p, (size_t)(value.end - value.p), &style);
    if (style.n > 0) {
        html_buffer_puts(out_of(reader), " style=\"");
        put_quoted(out_of(reader), style.bytes, style.bytes + style.n);
        html_buffer_putc(out_of(reader), '"');
    }
    if (style.failed)
        out_of(reader)->failed = true;
    html_buffer_finish(&style);
}

static void put_span(struct html_buffer *out, struct span value)
{
    int n = 0;
    for (const char *p = value.p; p < value.end && isdigit((unsigned char)*p) && n < MAX_SPAN; p++)
        n = n * 10 + (*p - '0');
    html_buffer_printf(out, "%d", n < 1 ? 1 : n < MAX_SPAN ? n : MAX_SPAN);
}

static void put_attribute(struct reader *reader, const struct attribute *attribute)
{
    struct html_buffer *out = out_of(reader);
    struct span value = attribute->value;
    if (is(attribute->name, "style")) {
        put_style_attribute(reader, value);
        return;
    }
    bool is_url = is(attribute->name, "src") || is(attribute->name, "background");
    if (!is_url && is_useless(attribute->name, value))
        return;
    html_buffer_putc(out, ' ');
    html_buffer_add(out, attribute->name.p, (size_t)(attribute->name.end - attribute->name.p));
    html_buffer_puts(out, "=\"");
    if (is_url)
        html_style_resource(&reader->result->styles, value.p, (size_t)(value.end - value.p), out);
    else if (is(attribute->name, "colspan") || is(attribute->name, "rowspan"))
        put_span(out, value);
    else
        put_quoted(out, value.p, value.end);
    html_buffer_putc(out, '"');
}

static void put_start(struct reader *reader, const struct tag *tag)
{
    struct html_buffer *out = out_of(reader);
    html_buffer_putc(out, '<');
    html_buffer_puts(out, tag->name);
    for (size_t i = 0; i < tag->n_attributes; i++)
        put_attribute(reader, &tag->attributes[i]);
    html_buffer_putc(out, '>');
    reader->n_elements++;
}

static void put_end(struct reader *reader, const char *name)
{
    html_buffer_puts(out_of(reader), "</");
    html_buffer_puts(out_of(reader), name);
    html_buffer_putc(out_of(reader), '>');
}

/* ---- open elements ------------------------------------------------------------------------------------- */

static void forget(struct reader *reader, size_t i)
{
    const struct open_element *element = &reader->open[i];
    if (element->flags & PREFORMATTED)
        reader->n_preformatted--;
    if (element->flags & FORMATTING && !element->dropped && reader->n_formatting > 0)
        reader->n_formatting--;
    memmove(&reader->open[i], &reader->open[i + 1], (reader->n_open - i - 1) * sizeof(*element));
    reader->n_open--;
}

/* Closes what is open above element i. Formatting that its author left open would be opened again by HTML in every
 * block that follows: end tags see to it that it is not. */
static void close_above(struct reader *reader, size_t i)
{
    while (reader->n_open > i + 1) {
        const struct open_element *top = &reader->open[reader->n_open - 1];
        if (top->flags & FORMATTING && !top->dropped)
            put_end(reader, top->name);
        forget(reader, reader->n_open - 1);
    }
}

static bool find_open(const struct reader *reader, const char *names, const char *within, size_t *ret_i)
{
    for (size_t i = reader->n_open; i-- > 0 && reader->n_open - i <= SEARCH_DEPTH;) {
        if (lists(names, reader->open[i].name)) {
            *ret_i = i;
            return true;
        }
        if (lists(within, reader->open[i].name))
            return false;
    }
    return false;
}

static void push(struct reader *reader, const struct tag *tag, unsigned flags, bool dropped)
{
    struct open_element *element = &reader->open[reader->n_open++];
    strcpy(element->name, tag->name);
    element->flags = flags;
    element->dropped = dropped;
    if (flags & PREFORMATTED) {
        reader->n_preformatted++;
        reader->column = 0;
    }
    if (flags & FORMATTING && !dropped)
        reader->n_formatting++;
}

/* What a start tag closes by itself. */
static void close_implied(struct reader *reader, const char *name)
{
    const struct element_kind *kind = kind_of(name);
    size_t i;
    if (!kind || reader->n_too_deep > 0)
        return;
    if (kind->flags & ENDS_PARAGRAPH && find_open(reader, "p", "table td th button li dd div", &i)) {
        close_above(reader, i);
        forget(reader, i);
    }
    if (!kind->closes)
        return;
    /* a row closes its cell and the row before it */
    while (find_open(reader, kind->closes, kind->within, &i)) {
        close_above(reader, i);
        forget(reader, i);
    }
}

/* ---- form controls ------------------------------------------------------------------------------------- */

static bool is_button(const struct span *type)
{
    return type && (is(*type, "submit") || is(*type, "button") || is(*type, "reset"));
}

/* What an input shows, in a box that the master style sheet draws. */
static void put_input(struct reader *reader, const struct tag *tag)
{
    struct html_buffer *out = out_of(reader);
    const struct span *type = attribute_of(tag, "type"), *value = attribute_of(tag, "value");
    if (type && (is(*type, "hidden") || is(*type, "image")))
        return;
    reader->n_elements++;
    bool checked = attribute_of(tag, "checked");
    if (type && (is(*type, "checkbox") || is(*type, "radio"))) {
        html_buffer_puts(out, "<span class=\"vitrine-check\">");
        html_buffer_puts(out, is(*type, "radio") ? (checked ? "\u25c9" : "\u25cb") : checked ? "\u2611" : "\u2610");
        html_buffer_puts(out, "</span>");
        return;
    }
    html_buffer_puts(out, is_button(type) ? "<span class=\"vitrine-button\">" : "<span class=\"vitrine-input\">");
    if (!value || value->p == value->end)
        value = attribute_of(tag, "placeholder");
    if (value && value->p < value->end && !(type && is(*type, "password")))
        put_text(reader, value->p, value->end);
    else if (is_button(type))
        html_buffer_puts(out, is(*type, "reset") ? "Reset" : "Submit");
    else
        html_buffer_puts(out, "&nbsp;");
    html_buffer_puts(out, "</span>");
}

/* ---- tags ---------------------------------------------------------------------------------------------- */

/* The end tag of a raw text element, or the end. */
static const char *find_raw_end(const struct reader *reader, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = reader->p; (p = memchr(p, '<', (size_t)(reader->end - p))); p++)
        if ((size_t)(reader->end - p) > n + 2 && p[1] == '/' && strncasecmp(p + 2, name, n) == 0 &&
            !isalnum((unsigned char)p[n + 2]))
            return p;
    return reader->end;
}

static void put_sheet(struct reader *reader, const struct tag *tag, struct span css)
{
    struct html_buffer *out = out_of(reader);
    const struct span *media = attribute_of(tag, "media");
    html_buffer_puts(out, "<style");
    if (media && media->end - media->p < 256) {
        html_buffer_puts(out, " media=\"");
        put_quoted(out, media->p, media->end);
        html_buffer_putc(out, '"');
    }
    html_buffer_putc(out, '>');
    html_style_sheet(&reader->result->styles, css.p, (size_t)(css.end - css.p), out);
    html_buffer_puts(out, "</style>");
}

static bool is_css(const struct tag *tag)
{
    const struct span *type = attribute_of(tag, "type");
    return !type || type->p == type->end || is(*type, "text/css");
}

/* Among words with blanks between. */
static bool has_word(struct span words, const char *word)
{
    while (words.p < words.end) {
        struct span one = {words.p, words.p};
        while (one.end < words.end && !isspace((unsigned char)*one.end))
            one.end++;
        if (is(one, word))
            return true;
        words.p = one.end + (one.end < words.end);
    }
    return false;
}

/* A style sheet beside the page; its own end tag would end it early. */
static struct span text_of(const struct html_resource *sheet)
{
    const char *text = (const char *)sheet->bytes, *end = strcasestr(text, "</style");
    return (struct span){text, end ? end : text + strlen(text)};
}

static void take_link(struct reader *reader, const struct tag *tag)
{
    const struct span *rel = attribute_of(tag, "rel"), *href = attribute_of(tag, "href");
    if (!rel || !href || !has_word(*rel, "stylesheet") || has_word(*rel, "alternate") || !is_css(tag))
        return;
    const struct html_resource *sheet =
        html_resources_find(reader->resources, ENGINE_WANTED_STYLE, href->p, (size_t)(href->end - href->p));
    if (!sheet)
        return;
    const char *slash = memrchr(sheet->name, '/', sheet->n_name);
    struct html_url *folder = &reader->result->styles.folder;
    *folder = (struct html_url){sheet->name, slash ? (size_t)(slash + 1 - sheet->name) : 0};
    put_sheet(reader, tag, text_of(sheet));
    folder->n_bytes = 0;
}

static void take_raw(struct reader *reader, const struct tag *tag, unsigned flags)
{
    const char *end = find_raw_end(reader, tag->name);
    if (strcmp(tag->name, "style") == 0) {
        if (is_css(tag))
            put_sheet(reader, tag, (struct span){reader->p, end});
    } else if (!(flags & DROP)) {
        put_start(reader, tag);
        html_buffer_add(out_of(reader), reader->p, (size_t)(end - reader->p));
        put_end(reader, tag->name);
        reader->n_text += (size_t)(end - reader->p);
    }
    const char *close = memchr(end, '>', (size_t)(reader->end - end));
    reader->p = close ? close + 1 : reader->end;
}

/* Steps over an element with all in it: to its end tag, elements of its own name inside counted. */
static void skip_element(struct reader *reader, const char *name)
{
    static struct tag inner;
    size_t depth = 1;
    while (depth > 0 && reader->p < reader->end) {
        const char *open = memchr(reader->p, '<', (size_t)(reader->end - reader->p));
        if (!open || open + 1 == reader->end) {
            reader->p = reader->end;
            return;
        }
        bool closes = open[1] == '/';
        reader->p = open + 1 + closes;
        if (!isalpha((unsigned char)*reader->p))
            continue;
        read_tag(reader, &inner);
        if (strcmp(inner.name, name) == 0 && !inner.self_closing)
            depth += closes ? (size_t)-1 : 1;
    }
}

static void take_start(struct reader *reader)
{
    static struct tag tag;
    read_tag(reader, &tag);
    unsigned flags = flags_of(tag.name);
    if (flags & RAW && !(tag.self_closing && reader->is_xml)) {
        take_raw(reader, &tag, flags);
        return;
    }
    if (strcmp(tag.name, "link") == 0)
        take_link(reader, &tag);
    if (flags & DROP) {
        if (!(flags & VOID) && !tag.self_closing)
            skip_element(reader, tag.name);
        return;
    }
    if (strcmp(tag.name, "input") == 0) {
        put_input(reader, &tag);
        return;
    }
    close_implied(reader, tag.name);
    if (flags & TRANSPARENT)
        return;
    if (flags & VOID) {
        put_start(reader, &tag);
        return;
    }
    if (reader->n_open == HTML_MAX_DEPTH) {
        reader->n_too_deep++;
        return;
    }
    bool dropped = flags & FORMATTING && reader->n_formatting >= HTML_MAX_FORMATTING;
    push(reader, &tag, flags, dropped);
    if (!dropped)
        put_start(reader, &tag);
    if (reader->is_xml && tag.self_closing) {
        if (!dropped)
            put_end(reader, tag.name);
        forget(reader, reader->n_open - 1);
    }
}

static void take_end(struct reader *reader)
{
    static struct tag tag;
    read_tag(reader, &tag);
    unsigned flags = flags_of(tag.name);
    if (flags & (VOID | DROP | TRANSPARENT) || strcmp(tag.name, "body") == 0 || strcmp(tag.name, "html") == 0)
        return;
    if (reader->n_too_deep > 0) {
        reader->n_too_deep--;
        return;
    }
    size_t i;
    if (!find_open(reader, tag.name, NULL, &i)) {
        if (flags & (ENDS_PARAGRAPH | FORMATTING)) /* what HTML makes of it */
            put_end(reader, tag.name);
        return;
    }
    bool dropped = reader->open[i].dropped;
    if (!(flags & FORMATTING))
        close_above(reader, i);
    forget(reader, i);
    if (!dropped)
        put_end(reader, tag.name);
}

/* A comment, a declaration, a processing instruction; reader->p is behind the "<". */
static void take_other(struct reader *reader)
{
    const char *p = reader->p, *end = reader->end;
    if (end - p >= 8 && strncmp(p, "![CDATA[", 8) == 0 && reader->is_xml) {
        const char *close = find(p + 8, end, "]]>");
        html_buffer_escape(out_of(reader), p + 8, (size_t)(close - p - 8));
        reader->p = close < end ? close + 3 : end;
    } else if (end - p >= 3 && strncmp(p, "!--", 3) == 0) {
        const char *close = end - p >= 4 && p[3] == '>' ? p + 1 : find(p + 3, end, "-->");
        reader->p = close < end ? close + 3 : end;
    } else {
        const char *close = find(p, end, ">");
        if (end - p >= 8 && strncasecmp(p, "!doctype", 8) == 0 && !memchr(p, '[', (size_t)(close - p))) {
            html_buffer_putc(out_of(reader), '<');
            html_buffer_add(out_of(reader), p, (size_t)(close - p));
            html_buffer_putc(out_of(reader), '>');
        }
        reader->p = close < end ? close + 1 : end;
    }
}

static void take_tag(struct reader *reader)
{
    const char *p = reader->p;
    if (p + 1 < reader->end && *p == '/' && isalpha((unsigned char)p[1])) {
        reader->p++;
        take_end(reader);
    } else if (p < reader->end && isalpha((unsigned char)*p)) {
        take_start(reader);
    } else if (p < reader->end && strchr("!?/", *p)) {
        take_other(reader);
    } else {
        html_buffer_puts(out_of(reader), "&lt;");
    }
}

/* The variables of all style sheets, before the first is rewritten: they may be defined after they are used. */
static void collect_variables(const char *text, size_t n_bytes, struct html_styles *styles)
{
    const char *p = text, *end = text + n_bytes;
    while ((p = memchr(p, '<', (size_t)(end - p)))) {
        if (end - p < 7 || strncasecmp(p, "<style", 6) != 0 || isalnum((unsigned char)p[6])) {
            p++;
            continue;
        }
        const char *open = memchr(p, '>', (size_t)(end - p));
        if (!open)
            return;
        struct reader reader = {.p = open + 1, .end = end};
        const char *close = find_raw_end(&reader, "style");
        html_style_collect(styles, open + 1, (size_t)(close - open - 1));
        p = close;
    }
}

static void collect_from_sheets(struct reader *reader)
{
    for (size_t i = 0; i < reader->resources->n; i++) {
        const struct html_resource *sheet = &reader->resources->all[i];
        if (sheet->kind != ENGINE_WANTED_STYLE || !sheet->bytes)
            continue;
        struct span text = text_of(sheet);
        html_style_collect(&reader->result->styles, text.p, (size_t)(text.end - text.p));
    }
}

static bool is_full(const struct reader *reader)
{
    return reader->n_elements >= HTML_MAX_ELEMENTS || reader->n_text >= HTML_MAX_TEXT_BYTES;
}

static void put_rest_note(struct reader *reader)
{
    size_t n = (size_t)(reader->end - reader->p);
    while (reader->n_open > 0) {
        if (!reader->open[reader->n_open - 1].dropped)
            put_end(reader, reader->open[reader->n_open - 1].name);
        forget(reader, reader->n_open - 1);
    }
    html_buffer_printf(out_of(reader), "<p class=\"vitrine-rest\">\u2026 %zu more bytes are not shown</p>", n);
}

int html_prepare(const char *text, size_t n_bytes, bool is_xml, struct html_resources *resources,
                 struct html_prepared *ret)
{
    *ret = (struct html_prepared){0};
    struct reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return -ENOMEM;
    reader->p = text;
    reader->end = text + n_bytes;
    reader->is_xml = is_xml;
    reader->resources = resources;
    reader->result = ret;
    collect_from_sheets(reader);
    collect_variables(text, n_bytes, &ret->styles);
    while (reader->p < reader->end && !is_full(reader)) {
        const char *open = find(reader->p, reader->end, "<");
        if ((size_t)(open - reader->p) > HTML_MAX_TEXT_BYTES)
            for (open = reader->p + HTML_MAX_TEXT_BYTES; (*open & 0xc0) == 0x80; open--)
                ; /* at a whole character */
        put_text(reader, reader->p, open);
        reader->p = open;
        if (open < reader->end && *open == '<') {
            reader->p++;
            take_tag(reader);
        }
    }
    if (reader->p < reader->end)
        put_rest_note(reader);
    free(reader);
    html_buffer_puts(&ret->html, " ");
    return ret->html.failed ? -ENOMEM : 0;
}

void html_prepared_finish(struct html_prepared *prepared)
{
    html_buffer_finish(&prepared->html);
    html_styles_finish(&prepared->styles);
}
