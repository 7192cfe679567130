/* The terminal view in tmux: a terminal that somebody else wrote, which tells what stands on its screen. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/test.h"

#define MAX_SCREEN 65536

static char folder[] = "/tmp/terminal-tmux-XXXXXX";
static char screen[MAX_SCREEN];

/* Runs tmux with a server of our own; its output is in screen. */
static bool tmux(const char *arguments)
{
    char command[1024];
    snprintf(command, sizeof command, "LC_ALL=C.UTF-8 TMUX= TMUX_TMPDIR=%s tmux -u -f /dev/null %s 2>&1", folder,
             arguments);
    FILE *pipe = popen(command, "r");
    if (!pipe)
        return false;
    size_t n = fread(screen, 1, sizeof screen - 1, pipe);
    screen[n] = '\0';
    return pclose(pipe) == 0;
}

static void stop(void)
{
    tmux("kill-server");
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0)
        printf("%s is left\n", folder);
}

static void start(const char *program, int columns, int rows)
{
    if (system("command -v tmux >/dev/null") != 0)
        SKIP("tmux is not installed");
    REQUIRE(mkdtemp(folder) != NULL);
    atexit(stop);
    char arguments[512];
    snprintf(arguments, sizeof arguments, "new-session -d -x %d -y %d \"%s\"", columns, rows, program);
    if (!tmux(arguments))
        FAIL("tmux: %s", screen);
}

/* Looks until it is there; the test's time limit ends it otherwise. */
static void await(const char *text)
{
    while (tmux("capture-pane -p"))
        if (strstr(screen, text))
            return;
        else
            usleep(20000);
    FAIL("tmux is gone before it showed %s", text);
}

static void await_absence(const char *text)
{
    while (tmux("capture-pane -p") && strstr(screen, text))
        usleep(20000);
}

static void line(int number, char *out, size_t n_out)
{
    const char *at = screen;
    for (int i = 0; i < number && at; i++)
        at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL;
    snprintf(out, n_out, "%.*s", at ? (int)strcspn(at, "\n") : 0, at ? at : "");
}

TEST(at_80_by_24)
{
    char text[1024];
    start(SHOW_TERMINAL, 80, 24);
    await("q quit");
    line(0, text, sizeof text);
    CHECK(strstr(text, " 1 Report") && strstr(text, "\xe6\xbc\xa2\xe5\xad\x97") && strstr(text, " 4! "));
    line(23, text, sizeof text);
    CHECK(strstr(text, "pdf  page 1 of 17  100%"));
    /* The page is symbols: half blocks and such. */
    CHECK(strstr(screen, "\xe2\x96") != NULL);
    CHECK(tmux("send-keys Tab") && tmux("send-keys NPage"));
    await("page 2 of 17");
    CHECK(tmux("send-keys M-4"));
    await("[t] try again");
    CHECK(tmux("send-keys t"));
    await("page 1 of 17");
    CHECK(tmux("send-keys ?"));
    await("next tab, tab before");
    CHECK(tmux("send-keys Escape"));
    await_absence("next tab, tab before");
    CHECK(tmux("send-keys F12"));
    await("messages");
    await("4003");
    CHECK(tmux("send-keys p"));
    await_absence("messages");
    CHECK(tmux("send-keys / needle"));
    await("/needle");
    CHECK(tmux("send-keys Enter"));
    await("2 of 3");
}

TEST(resized)
{
    char text[1024];
    start(SHOW_TERMINAL " --tabs 30", 80, 24);
    await("q quit");
    REQUIRE(tmux("resize-window -x 100 -y 30"));
    do {
        await("q quit");
        line(29, text, sizeof text);
    } while (!strstr(text, "q quit"));
    CHECK_INT(strlen(text), ==, 100); /* the hint ends at the right edge; all of it is ASCII */
    line(23, text, sizeof text);
    CHECK(!strstr(text, "quit"));
    REQUIRE(tmux("resize-window -x 18 -y 4"));
    await("20 x 5");
    REQUIRE(tmux("resize-window -x 40 -y 10"));
    await("page 1");
    line(0, text, sizeof text);
    CHECK(strstr(text, " 1 ") && text[strlen(text) - 1] == '>');
}

/* What was on the screen before is there again, and the line editor works. */
TEST(left_as_found)
{
    start("sh -c 'echo before; " SHOW_TERMINAL "; stty -a | grep -o \\\" icanon\\\"; echo after; cat'", 80, 24);
    await("q quit");
    CHECK(tmux("send-keys q"));
    await("after");
    CHECK(strstr(screen, "before") != NULL);
    CHECK(strstr(screen, "icanon") != NULL);
    CHECK(strstr(screen, "q quit") == NULL);
    CHECK(strstr(screen, "^[") == NULL);
    CHECK(tmux("send-keys x y z"));
    await("xyz");
}
