/* The window under Xvfb, with real keys and a real mouse: xdotool presses them, show tells what came of it, and pictures
 * of the screen are compared with those in golden/. tests/viewer/renew.sh takes these anew. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"

#define MAX_MEAN 0.002 /* how far apart two pictures may be, of 1: a rectangle of selected text is 0.003 */
#define WAIT_MS  10000

static struct {
    pid_t server, show;
    int lines_fd; /* what show says */
    char text[4096];
    size_t n_text;
} run;

/* ---- programs ---------------------------------------------------------------------------------------------- */

/* With its standard output into a pipe, unless ret_fd is NULL. */
static pid_t start(const char *const argv[], int *ret_fd)
{
    int ends[2] = {-1, -1};
    REQUIRE(ret_fd == NULL || pipe2(ends, O_CLOEXEC) == 0);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        int null_fd = open("/dev/null", O_RDWR);
        dup2(null_fd, STDIN_FILENO);
        dup2(ret_fd ? ends[1] : null_fd, STDOUT_FILENO);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    if (ret_fd) {
        close(ends[1]);
        *ret_fd = ends[0];
    }
    return pid;
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void need(const char *program)
{
    const char *path = getenv("PATH");
    char *paths = strdup(path ? path : "/usr/bin"), *rest = paths, *folder, file[512];
    bool found = false;
    while (!found && (folder = strsep(&rest, ":"))) {
        snprintf(file, sizeof file, "%s/%s", folder, program);
        found = access(file, X_OK) == 0;
    }
    free(paths);
    if (!found)
        SKIP("Xvfb, xdotool or ImageMagick is missing: apt-get install xvfb xdotool imagemagick");
}

static void act(const char *const argv[])
{
    CHECK_INT(wait_for(start(argv, NULL)), ==, 0);
}

/* xdotool with these arguments. */
#define ACT(...) act((const char *const[]){"xdotool", __VA_ARGS__, NULL})

static void key(const char *name)
{
    usleep(50 * 1000); /* people press what they see, and the answer to the last key is a frame away */
    ACT("key", name);
}

/* ---- what show says ---------------------------------------------------------------------------------------- */

/* The next line, or "" at the end or when none comes. Valid until the next one. */
static const char *next_line(void)
{
    static char line[sizeof run.text];
    struct pollfd lines = {.fd = run.lines_fd, .events = POLLIN};
    for (;;) {
        char *end = memchr(run.text, '\n', run.n_text);
        if (end) {
            size_t n = (size_t)(end - run.text);
            memcpy(line, run.text, n);
            line[n] = '\0';
            memmove(run.text, end + 1, run.n_text - n - 1);
            run.n_text -= n + 1;
            return line;
        }
        if (run.n_text == sizeof run.text || poll(&lines, 1, WAIT_MS) <= 0)
            return "";
        ssize_t n = read(run.lines_fd, run.text + run.n_text, sizeof run.text - run.n_text);
        if (n <= 0)
            return "";
        run.n_text += (size_t)n;
    }
}

static void expect(const char *line)
{
    CHECK_STR(next_line(), line);
}

/* A number of steps in the same direction: their sum. */
static void expect_scroll(int dy)
{
    int sum = 0;
    while (abs(sum) < abs(dy)) {
        int x, y;
        const char *line = next_line();
        if (sscanf(line, "scroll %d %d", &x, &y) != 2) {
            FAIL("not a scroll: \"%s\"", line);
            return;
        }
        CHECK(x == 0 && (int64_t)y * dy > 0);
        sum += y;
    }
    CHECK_INT(sum, ==, dy);
}

/* ---- a screen with a window on it -------------------------------------------------------------------------- */

static void start_server(void)
{
    char display[16] = ":";
    int fd;
    const char *argv[] = {"Xvfb",      "-displayfd", "1",    "-screen", "0", "1024x768x24",
                          "-nolisten", "tcp",        "-dpi", "96",      NULL};
    need("Xvfb");
    need("xdotool");
    need("import");
    need("compare");
    run.server = start(argv, &fd);
    size_t n = 1; /* its number, and an end of line */
    while (n < sizeof display && read(fd, display + n, 1) == 1 && display[n] != '\n')
        n++;
    REQUIRE(n > 1 && n < sizeof display);
    display[n] = '\0';
    close(fd);
    setenv("DISPLAY", display, 1);
    setenv("SDL_VIDEODRIVER", "x11", 1);
    setenv("LSAN_OPTIONS", "suppressions=" LEAKS ":print_suppressions=0", 1);
    unsetenv("GDK_SCALE");
    unsetenv("GTK_THEME");
    unsetenv("VITRINE_THEME");
}

static void open_show(const char *tabs, const char *more, const char *value)
{
    const char *argv[] = {SHOW, "--size", "1024x768", "--tabs", tabs, more, value, NULL};
    start_server();
    run.show = start(argv, &run.lines_fd);
    expect("resized 1024x694 1.00");
    ACT("search", "--sync", "--onlyvisible", "--class", "vitrine", "mousemove", "500", "300");
    ACT("search", "--class", "vitrine", "windowfocus", "--sync");
}

static void close_show(void)
{
    key("ctrl+q");
    expect("quit");
    CHECK_INT(wait_for(run.show), ==, 0);
    close(run.lines_fd);
    kill(run.server, SIGTERM);
    wait_for(run.server);
}

/* ---- pictures ---------------------------------------------------------------------------------------------- */

static void settle(void)
{
    usleep(400 * 1000); /* what a key asked for is on the screen by then, and would still be later */
}

/* ImageMagick's mean difference; 1 where it cannot tell. */
static double difference(const char *golden, const char *picture)
{
    char answer[128] = "";
    double mean = 1;
    char command[1200];
    snprintf(command, sizeof command, "compare -metric MAE '%s' '%s' null: 2>&1", golden, picture);
    FILE *stream = popen(command, "re");
    REQUIRE(stream);
    if (fgets(answer, sizeof answer, stream))
        sscanf(answer, "%*f (%lf)", &mean);
    pclose(stream);
    return mean;
}

static void check_screen(const char *name)
{
    char golden[512], picture[512];
    snprintf(golden, sizeof golden, "%s/%s.png", GOLDEN_FOLDER, name);
    snprintf(picture, sizeof picture, "%s/%s.png", OUTPUT_FOLDER, name);
    const char *target = getenv("VITRINE_RENEW") ? golden : picture;
    const char *argv[] = {"import", "-window", "root", "-strip", target, NULL};
    settle();
    REQUIRE(wait_for(start(argv, NULL)) == 0);
    double mean = difference(golden, target);
    if (mean > MAX_MEAN)
        FAIL("%s is not as %s: %.4f apart", picture, golden, mean);
}

/* ---- tests ------------------------------------------------------------------------------------------------- */

TEST_WITHIN(keys_do_what_the_list_says, 60)
{
    static const struct {
        const char *key, *line;
    } keys[] = {
        {"ctrl+Tab", "next-tab 1"},   {"ctrl+shift+Tab", "next-tab -1"},
        {"ctrl+2", "show-tab 1"},     {"ctrl+9", "show-tab 7"},
        {"ctrl+1", "show-tab 0"},     {"ctrl+plus", "zoom 1.200"},
        {"ctrl+minus", "zoom 0.833"}, {"ctrl+0", "zoom 0.000"},
        {"shift+j", "page 1"},        {"shift+k", "page -1"},
        {"End", "last-page"},         {"Home", "first-page"},
        {"ctrl+r", "reload"},         {"F5", "reload"},
        {"F12", "processes"},         {"Escape", "processes"},
        {"question", "keys"},         {"Escape", "keys"},
        {"Escape", "cancel"},         {"ctrl+shift+c", "crash"},
        {"e", "show-report"},         {"x", "keep-closed"},
        {"Return", "try-again"},      {"ctrl+w", "close-tab 0"},
    };
    open_show("8", NULL, NULL);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        key(keys[i].key);
        expect(keys[i].line);
    }
    close_show();
}

TEST_WITHIN(scrolling_is_smooth_and_whole, 60)
{
    open_show("2", NULL, NULL);
    ACT("click", "5");
    expect_scroll(84);
    ACT("click", "4");
    expect_scroll(-84);
    key("Down");
    expect_scroll(60);
    key("k");
    expect_scroll(-60);
    key("space"); /* not a whole screen, as there is not one left */
    expect_scroll(1056 - 694);
    settle(); /* what is under way counts as scrolled, but not by more than there is */
    key("Page_Down");
    const char *line;
    while (strncmp(line = next_line(), "scroll", 6) == 0)
        ;
    CHECK_STR(line, "page 1");
    close_show();
}

TEST_WITHIN(the_mouse_points_selects_and_closes, 60)
{
    open_show("8", NULL, NULL);
    ACT("mousemove", "200", "20", "click", "1");
    expect("show-tab 1");
    ACT("mousemove", "300", "20", "click", "2");
    expect("close-tab 2");
    ACT("mousemove", "204", "148", "click", "1"); /* the page begins at 104, 48 */
    expect("point 100 100");
    ACT("mousemove", "204", "148", "mousedown", "1", "mousemove", "304", "200", "mousemove", "404", "248");
    check_screen("selection");
    ACT("mouseup", "1");
    expect("select 100 100 300 200");
    ACT("mousemove", "500", "400", "keydown", "ctrl", "click", "4", "keyup", "ctrl");
    expect("zoom 1.100");
    ACT("mousemove", "200", "20", "click", "5");
    expect("next-tab 1");
    close_show();
}

TEST_WITHIN(a_search_is_typed, 60)
{
    open_show("2", NULL, NULL);
    key("slash");
    expect("search");
    ACT("type", "--delay", "60", "qu?"); /* letters that are commands elsewhere */
    const char *line;
    while (strcmp(line = next_line(), "typed qu?") != 0 && strncmp(line, "typed ", 6) == 0)
        ;
    CHECK_STR(line, "typed qu?");
    key("ctrl+u");
    expect("typed ");
    ACT("type", "--delay", "60", "rend");
    while (strcmp(line = next_line(), "typed rend") != 0 && strncmp(line, "typed ", 6) == 0)
        ;
    check_screen("search");
    key("BackSpace");
    expect("typed ren");
    key("Return");
    expect("next-hit 1");
    key("n");
    expect("next-hit 1");
    key("N");
    expect("next-hit -1");
    key("Escape");
    expect("cancel");
    close_show();
}

TEST_WITHIN(a_question_takes_an_answer, 60)
{
    open_show("2", "--question", "Open https://example.org/ elsewhere?");
    check_screen("question");
    key("y");
    expect("yes");
    close_show();
}

TEST_WITHIN(a_crashed_tab_has_buttons, 60)
{
    open_show("8", NULL, NULL);
    key("ctrl+3");
    expect("show-tab 2");
    check_screen("crashed");
    ACT("mousemove", "384", "703", "click", "1");
    expect("try-again");
    close_show();
}

TEST_WITHIN(panels_look_right, 60)
{
    open_show("8", NULL, NULL);
    check_screen("tabs");
    key("F12");
    expect("processes");
    check_screen("processes");
    key("F12");
    expect("processes");
    key("F1");
    expect("keys");
    check_screen("keys");
    close_show();
}

/* A late picture: meanwhile the one that was there, larger. */
TEST_WITHIN(the_old_picture_is_scaled_meanwhile, 60)
{
    open_show("2", "--delay", "5000");
    sleep(6);
    key("ctrl+plus");
    expect("zoom 1.200");
    check_screen("meanwhile");
    close_show();
}

TEST_WITHIN(the_window_can_be_resized, 60)
{
    open_show("2", NULL, NULL);
    ACT("search", "--class", "vitrine", "windowsize", "800", "600");
    expect("resized 800x526 1.00");
    close_show();
}

static long count_switches(void)
{
    char path[64], line[128];
    long sum = 0, n;
    snprintf(path, sizeof path, "/proc/%d/status", (int)run.show);
    FILE *file = fopen(path, "re");
    REQUIRE(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1)
            sum += n;
    fclose(file);
    return sum;
}

TEST_WITHIN(nothing_happens_when_nothing_happens, 60)
{
    open_show("8", NULL, NULL);
    settle();
    long before = count_switches();
    sleep(2);
    CHECK_INT(count_switches() - before, <=, 1);
    close_show();
}

TEST_WITHIN(the_end_of_the_display_is_a_quit, 60)
{
    open_show("2", NULL, NULL);
    settle();
    kill(run.server, SIGKILL);
    wait_for(run.server);
    expect("quit");
    CHECK_INT(wait_for(run.show), ==, 0);
    close(run.lines_fd);
}
