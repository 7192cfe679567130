#include "renderer/engines/html_resources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "renderer/engines/charset.h"

#define MAX_STYLE_BYTES ((size_t)2 << 20) /* a longer one is cut */

/* ---- names --------------------------------------------------------------------------------------------- */

/* Copies a name with the one entity that URLs are full of taken for what it means, and without the blanks that may stand
 * around it. 0 when it is none: empty, too long, with a NUL, a data: URL or a place on this page. */
static size_t read_name(const char *name, size_t n_name, char to[ENGINE_MAX_WANTED_NAME])
{
    size_t n = 0;
    while (n_name > 0 && (unsigned char)name[0] <= ' ')
        name++, n_name--;
    while (n_name > 0 && (unsigned char)name[n_name - 1] <= ' ')
        n_name--;
    if (n_name == 0 || name[0] == '#' || (n_name >= 5 && strncasecmp(name, "data:", 5) == 0))
        return 0;
    for (size_t i = 0; i < n_name; n++) {
        if (n == ENGINE_MAX_WANTED_NAME || name[i] == '\0')
            return 0;
        to[n] = name[i];
        i += n_name - i >= 5 && memcmp(name + i, "&amp;", 5) == 0 ? 5 : 1;
    }
    return n;
}

static struct html_resource *find(struct html_resources *resources, enum engine_wanted kind, const char *name,
                                  size_t n_name)
{
    for (size_t i = 0; i < resources->n; i++) {
        struct html_resource *known = &resources->all[i];
        if (known->kind == kind && known->n_name == n_name && memcmp(known->name, name, n_name) == 0)
            return known;
    }
    return NULL;
}

static void ask(struct html_resources *resources, enum engine_wanted kind, const char *name, size_t n_name)
{
    if (resources->n == ENGINE_MAX_WANTED)
        return;
    char *kept = malloc(n_name);
    if (!kept)
        return;
    memcpy(kept, name, n_name);
    uint32_t id = (uint32_t)resources->n++;
    resources->all[id] = (struct html_resource){.kind = kind, .name = kept, .n_name = n_name};
    resources->wanted(id, kind, kept, n_name);
}

const struct html_resource *html_resources_find(struct html_resources *resources, enum engine_wanted kind,
                                                const char *name, size_t n_name)
{
    char clean[ENGINE_MAX_WANTED_NAME];
    size_t n_clean = resources->wanted ? read_name(name, n_name, clean) : 0;
    if (n_clean == 0)
        return NULL;
    struct html_resource *known = find(resources, kind, clean, n_clean);
    if (!known)
        ask(resources, kind, clean, n_clean);
    return known && known->bytes ? known : NULL;
}

/* ---- answers ------------------------------------------------------------------------------------------- */

static int keep_picture(struct html_resource *resource, const uint8_t *bytes, size_t n_bytes)
{
    resource->bytes = malloc(n_bytes);
    if (!resource->bytes)
        return -ENOMEM;
    memcpy(resource->bytes, bytes, n_bytes);
    resource->n_bytes = n_bytes;
    return 0;
}

static int keep_style(struct html_resource *resource, const uint8_t *bytes, size_t n_bytes)
{
    char *text;
    size_t n_text;
    size_t n_read = n_bytes < MAX_STYLE_BYTES ? n_bytes : MAX_STYLE_BYTES;
    const char *charset = charset_detect(bytes, n_read, CHARSET_HINT_NONE);
    if (charset_to_utf8(charset, bytes, n_read, &text, &n_text) < 0)
        return -ENOMEM;
    resource->bytes = (uint8_t *)text;
    resource->n_bytes = n_text;
    return 0;
}

int html_resources_provide(struct html_resources *resources, uint32_t id, const uint8_t *bytes, size_t n_bytes)
{
    if (id >= resources->n || resources->all[id].is_settled)
        return -ENOENT;
    struct html_resource *resource = &resources->all[id];
    resource->is_settled = true;
    if (n_bytes == 0)
        return 0;
    if (n_bytes > ENGINE_MAX_PROVIDED_BYTES - resources->n_bytes)
        return -ENOSPC;
    int r = resource->kind == ENGINE_WANTED_STYLE ? keep_style(resource, bytes, n_bytes)
                                                  : keep_picture(resource, bytes, n_bytes);
    if (r == 0)
        resources->n_bytes += n_bytes;
    return r;
}

void html_resources_finish(struct html_resources *resources)
{
    for (size_t i = 0; i < resources->n; i++) {
        free(resources->all[i].name);
        free(resources->all[i].bytes);
    }
    resources->n = resources->n_bytes = 0;
}
