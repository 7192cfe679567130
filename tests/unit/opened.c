#include "tests/unit/opened.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "renderer/sniff.h"
#include "tests/test.h"

struct wanted wanted[ENGINE_MAX_WANTED];
size_t n_wanted, n_progress;
bool may_want;

static void progress(void)
{
    n_progress++;
}

static void want(uint32_t id, enum engine_wanted kind, const char *name, size_t n_name)
{
    REQUIRE(n_wanted < ENGINE_MAX_WANTED && n_name > 0 && n_name <= ENGINE_MAX_WANTED_NAME);
    struct wanted *one = &wanted[n_wanted++];
    one->id = id;
    one->kind = kind;
    memcpy(one->name, name, n_name);
    one->name[n_name] = '\0';
}

static void warm_up(void)
{
    static bool is_warm;
    const char *name = "";
    if (is_warm)
        return;
    is_warm = true;
    if (engines_warm_up(&name) < 0)
        FAIL("the engine %s does not warm up", name);
    engines_set_memory_limit((size_t)256 << 20);
}

bool open_bytes(struct opened *opened, const void *bytes, size_t n_bytes, const char *extension)
{
    warm_up();
    enum document_kind kind = sniff(bytes, n_bytes, extension);
    *opened = (struct opened){.engine = engine_for(kind), .n_bytes = n_bytes};
    if (!opened->engine)
        return false;
    opened->bytes = malloc(n_bytes);
    REQUIRE(opened->bytes != NULL);
    memcpy(opened->bytes, bytes, n_bytes);
    const struct engine_source source = {
        .bytes = opened->bytes,
        .n_bytes = n_bytes,
        .kind = kind,
        .width_px = WINDOW_WIDTH_PX,
        .height_px = WINDOW_HEIGHT_PX,
        .progress = progress,
        .wanted = may_want ? want : NULL,
    };
    if (opened->engine->open(&source, &opened->document, &opened->facts) < 0) {
        printf("  refused: %s\n", opened->facts.detail);
        free(opened->bytes);
        return false;
    }
    return true;
}

bool open_file(struct opened *opened, const char *path)
{
    const char *dot = strrchr(path, '.');
    FILE *file = fopen(path, "rbe");
    if (!file)
        return false;
    size_t n = 0, n_room = (size_t)32 << 20;
    uint8_t *bytes = malloc(n_room);
    if (bytes)
        n = fread(bytes, 1, n_room, file);
    fclose(file);
    bool good = n > 0 && n < n_room && open_bytes(opened, bytes, n, dot ? dot + 1 : "");
    free(bytes);
    return good;
}

void close_opened(struct opened *opened)
{
    opened->engine->close(opened->document);
    free(opened->bytes);
}

static int is_document(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strchr(entry->d_name, '.') != NULL;
}

static int is_sample(const struct dirent *entry)
{
    return entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
}

static bool each_in(const char *folder, int (*is_taken)(const struct dirent *),
                    void (*test)(struct opened *opened, const char *name))
{
    struct dirent **files;
    int n = scandir(folder, &files, is_taken, alphasort);
    for (int i = 0; i < n; i++) {
        char path[1024];
        struct opened opened;
        snprintf(path, sizeof path, "%s/%s", folder, files[i]->d_name);
        if (open_file(&opened, path)) {
            test(&opened, files[i]->d_name);
            close_opened(&opened);
        } else {
            printf("  left out: %s\n", files[i]->d_name);
        }
        free(files[i]);
    }
    if (n >= 0)
        free(files);
    return n > 0;
}

bool each_sample(void (*test)(struct opened *opened, const char *name))
{
    return each_in(SAMPLES_FOLDER, is_sample, test);
}

bool each_document(void (*test)(struct opened *opened, const char *name))
{
    static char folder[1024];
    const char *documents = getenv("VITRINE_DOCUMENTS");
    if (!documents)
        documents = getenv("VITRINE_DOCUMENTS_DEFAULT");
    snprintf(folder, sizeof folder, "%s/good", documents ? documents : ".");
    return documents && each_in(folder, is_document, test);
}

struct canvas new_canvas(int width_px, int height_px)
{
    struct canvas canvas = {malloc((size_t)width_px * (size_t)height_px * 4), width_px, height_px,
                            (size_t)width_px * 4};
    REQUIRE(canvas.pixels != NULL);
    return canvas;
}

bool paint(struct opened *opened, const struct engine_view *view, const struct canvas *canvas)
{
    return opened->engine->paint(opened->document, view, canvas, &opened->facts) == 0;
}
