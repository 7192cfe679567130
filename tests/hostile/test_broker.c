/* The hostile renderer in the place of the shipped one, under the broker that users run: what it says reaches nobody raw,
 * and each of its attacks is told by its number. A document of n bytes asks for attack n modulo a page. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/text.h"
#include "tests/hostile/attack.h"
#include "tests/process/run.h"
#include "tests/test.h"

#define SMALL_SIZE "64x64"
#define MAX_TABS   400

static void copy_program(const char *from, const char *to)
{
    CLOSE_FD int in = open(from, O_RDONLY | O_CLOEXEC);
    CLOSE_FD int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    REQUIRE(in >= 0 && out >= 0);
    while (sendfile(out, in, NULL, 1 << 20) > 0)
        ;
}

/* A broker that takes the hostile renderer for its own. */
static struct run_setup with_hostile(void)
{
    static char broker[512]; /* scratch_path's are few */
    copy_program(HOSTILE_PATH, scratch_path("renderer"));
    snprintf(broker, sizeof broker, "%s", scratch_path("broker"));
    copy_program(BROKER_PATH, broker);
    return (struct run_setup){.program = broker};
}

/* Attack 0 is none. The name ends as text does, for renderers know no better. */
static const char *document_for(unsigned number)
{
    static const char bytes[ATTACK_MODULUS];
    char name[32];
    snprintf(name, sizeof name, "attack-%u.txt", number);
    return scratch_bytes(name, bytes, number != 0 ? number : ATTACK_MODULUS);
}

/* ---- what people and programs read ------------------------------------------------------------------------------------------ */

static unsigned decode(const char *bytes, size_t n)
{
    static const unsigned char heads[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned c = (unsigned char)bytes[0] & heads[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)bytes[i] & 0x3f);
    return c;
}

/* Moves a cursor, changes how what follows looks, or is not seen. */
static bool is_harmful(unsigned c)
{
    return (c < 0x20 && c != '\n') || (c >= 0x7f && c < 0xa0) || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

static void check_harmless(const char *where, const char *text)
{
    const size_t n_text = strlen(text);
    if (!text_is_utf8(text, n_text)) {
        FAIL("%s: not UTF-8", where);
        return;
    }
    for (size_t i = 0, n; i < n_text; i += n) {
        const unsigned char head = (unsigned char)text[i];
        n = head < 0x80 ? 1 : head < 0xe0 ? 2 : head < 0xf0 ? 3 : 4;
        if (is_harmful(decode(text + i, n))) {
            FAIL("%s: U+%04X at %zu", where, decode(text + i, n), i);
            return;
        }
    }
}

/* The forged line stands nowhere by itself. */
static void check_not_forged(const char *where, const char *text)
{
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, "broker: all is well", 19) == 0)
            FAIL("%s: a line of the renderer's passes for the broker's", where);
    }
}

static void check_streams(const char *where, const struct run *run)
{
    check_harmless(where, run->out);
    check_harmless(where, run->err);
    check_not_forged(where, run->out);
    check_not_forged(where, run->err);
}

static bool is_plain_name(const char *name)
{
    return name[0] != '.' &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] == '\0';
}

/* Names and texts in a folder of the broker's. How many there were. */
static unsigned check_folder(const char *folder, bool is_text)
{
    struct dirent **entries;
    unsigned n_files = 0;
    const int n = scandir(folder, &entries, NULL, alphasort);
    REQUIRE(n >= 0);
    for (int i = 0; i < n; i++) {
        static char text[1 << 20];
        const char *name = entries[i]->d_name;
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, name);
        CLOSE_FD int fd = name[0] == '.' ? -1 : open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            const ssize_t n_text = read(fd, text, sizeof text - 1);
            n_files++;
            text[n_text > 0 ? n_text : 0] = '\0';
            if (!is_plain_name(name))
                FAIL("%s: a name like \"%s\"", folder, name);
            if (is_text)
                check_harmless(path, text);
        }
        free(entries[i]);
    }
    free(entries);
    return n_files;
}

static const char *const sayings[] = {"title-of-escapes",
                                      "title-of-2048-bytes",
                                      "detail-of-escapes",
                                      "title-of-escapes-then-a-crash",
                                      "record-of-the-future",
                                      "record-of-another-death",
                                      "ready-with-the-largest-numbers",
                                      "opened-with-the-largest-numbers",
                                      "painted-with-the-largest-numbers"};
#define N_SAYINGS (sizeof sayings / sizeof sayings[0])

/* One run of all of them: what is said on both streams, in the pictures' folder, in the reports. */
static void run_sayings(const struct run_setup *setup, const char *view)
{
    char pictures[512], reports[512], paths[N_SAYINGS][512];
    snprintf(pictures, sizeof pictures, "%s", scratch_path("pictures"));
    snprintf(reports, sizeof reports, "%s", scratch_path("reports"));
    const char *words[7 + N_SAYINGS + 1] = {view, "--size", SMALL_SIZE, "--crash-dir", reports, "--snapshot", pictures};
    for (size_t i = 0; i < N_SAYINGS; i++) {
        REQUIRE(attack_number(sayings[i]) != 0);
        snprintf(paths[i], sizeof paths[i], "%s", document_for(attack_number(sayings[i])));
        words[7 + i] = paths[i];
    }
    struct run run;
    CHECK_INT(run_whole(&run, setup, words), ==, 1);
    check_streams(view, &run);
    CHECK(strstr(run.out, "[31mred") != NULL);
    run_finish(&run);
    CHECK_INT(check_folder(reports, true), >, 0);
    CHECK_INT(check_folder(pictures, false), >, 0);
}

TEST_WITHIN(what_it_says_is_escaped, 90)
{
    const struct run_setup setup = with_hostile();
    run_sayings(&setup, "--json");
    run_sayings(&setup, "--view=none");
}

/* Cut to what the contract promises, and still told. */
TEST_WITHIN(what_it_says_is_told, 60)
{
    const struct run_setup setup = with_hostile();
    struct run run;
    struct event event;
    RUN_WHOLE(&run, &setup, "--json", "--size", SMALL_SIZE, document_for(attack_number("title-of-escapes")),
              document_for(attack_number("detail-of-escapes")),
              document_for(attack_number("opened-with-the-largest-numbers")));
    REQUIRE(run_event(&run, "tab", 1, "live", &event));
    CHECK(strstr(event_text(&event, "title"), "u001b[31mred") != NULL);
    CHECK(strstr(event_text(&event, "title"), "u202egpj.exe") != NULL);
    REQUIRE(run_event(&run, "refused", 2, NULL, &event));
    CHECK(strstr(event_text(&event, "detail"), "u001b]8;;file:") != NULL);
    REQUIRE(run_event(&run, "tab", 3, "live", &event));
    CHECK_INT(event_number(&event, "pages"), ==, 10000000);
    run_finish(&run);
}

/* ---- the reasons ------------------------------------------------------------------------------------------------------------- */

/* What the broker does by itself: it starts a renderer and opens a document. (After a deed that begins well it has done
 * more.) */
static bool is_bad_here(const struct attack *attack)
{
    return (attack->sends || attack->deed == DEED_HANGS_UP || attack->deed == DEED_HALF_THEN_EXITS) &&
           (attack->stage == AT_BORN || attack->stage == AT_CLIMBING || attack->stage == AT_OPENING);
}

static bool has_crashed_each(const struct run *run, const void *what)
{
    const unsigned n_tabs = *(const unsigned *)what;
    for (unsigned tab = 2; tab <= n_tabs; tab++) {
        if (run_count_of(run, "crash", tab, NULL) == 0)
            return false;
    }
    return true;
}

static void check_reason(const struct run *run, unsigned tab, unsigned number)
{
    struct attack attack;
    struct event crash;
    char reason[64];
    REQUIRE(attack_find(number, &attack));
    snprintf(reason, sizeof reason, "%d %s", attack.fault, message_fault_name(attack.fault));
    if (!run_event(run, "crash", tab, NULL, &crash))
        FAIL("%s: nothing was told of it", attack.name);
    else if (strcmp(event_text(&crash, "verdict"), "protocol") != 0 ||
             strcmp(event_text(&crash, "reason"), reason) != 0)
        FAIL("%s: %s, \"%s\"; expected \"%s\"", attack.name, event_text(&crash, "verdict"),
             event_text(&crash, "reason"), reason);
}

/* All at once, and an honest one among them that sees nothing of it. */
TEST_WITHIN(every_reason_is_told, 120)
{
    static char paths[MAX_TABS][512];
    const struct run_setup setup = with_hostile();
    const char *words[MAX_TABS + 8] = {"--json", "--stay", "--size", SMALL_SIZE};
    unsigned numbers[MAX_TABS] = {0}, n_tabs = 1;
    for (unsigned number = 1; number < attack_limit() && n_tabs < MAX_TABS; number++) {
        struct attack attack;
        if (attack_find(number, &attack) && is_bad_here(&attack))
            numbers[n_tabs++] = number;
    }
    for (unsigned i = 0; i < n_tabs; i++) {
        snprintf(paths[i], sizeof paths[i], "%s", document_for(numbers[i]));
        words[4 + i] = paths[i];
    }

    struct run run;
    struct event start, end;
    run_start(&run, &setup, words);
    CHECK(run_waits(&run, has_crashed_each, &n_tabs, 60000));
    kill(run.pid, SIGTERM);
    CHECK_INT(run_end(&run, 10000), ==, 143);
    for (unsigned tab = 2; tab <= n_tabs; tab++)
        check_reason(&run, tab, numbers[tab - 1]);
    CHECK_INT(run_count_of(&run, "crash", 1, NULL), ==, 0);
    CHECK_INT(run_count_of(&run, "tab", 1, "live"), ==, 1);
    REQUIRE(run_event(&run, "start", 0, NULL, &start) && run_event(&run, "end", 0, NULL, &end));
    CHECK_INT(event_number(&end, "fds_open"), ==, event_number(&start, "fds_open"));
    check_streams("every reason", &run);
    printf("  %u attacks\n", n_tabs - 1);
    run_finish(&run);
}
