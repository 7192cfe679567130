/* The loop: order of timers, and removal of anything at any time. */
#include "broker/loop.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "tests/test.h"

static struct loop *loop;
static char story[128];

static void tell(char letter)
{
    const size_t n = strlen(story);
    if (n < sizeof story - 1) {
        story[n] = letter;
        story[n + 1] = '\0';
    }
}

struct clock_hand {
    struct loop_timer timer;
    char letter;
    struct loop_timer *disarms;
    bool quits;
};

static void hand_fires(struct loop_timer *timer)
{
    struct clock_hand *hand = LOOP_OWNER(timer, struct clock_hand, timer);
    tell(hand->letter);
    CHECK_INT(timer->at_ns, ==, 0);
    if (hand->disarms != NULL)
        loop_disarm(loop, hand->disarms);
    if (hand->quits)
        loop_quit(loop);
}

static void arm(struct clock_hand *hand, unsigned ms)
{
    loop_arm(loop, &hand->timer, clock_now_ns() + ms * NS_PER_MS, hand_fires);
}

static void begin(void)
{
    REQUIRE(loop_create(&loop) == 0);
    story[0] = '\0';
}

static void end(void)
{
    loop_destroy(loop);
    loop = NULL;
}

TEST(timers_fire_in_their_order)
{
    struct clock_hand a = {.letter = 'a'}, b = {.letter = 'b'}, c = {.letter = 'c'},
                      last = {.letter = '.', .quits = true};
    begin();
    arm(&last, 40);
    arm(&b, 20);
    arm(&c, 30);
    arm(&a, 10);
    const uint64_t start_ns = clock_now_ns();
    CHECK_INT(loop_run(loop), ==, 0);
    CHECK_STR(story, "abc.");
    CHECK_INT(clock_now_ns() - start_ns, >=, 39 * NS_PER_MS);
    end();
}

TEST(timers_of_the_same_time_keep_their_order)
{
    struct clock_hand a = {.letter = 'a'}, b = {.letter = 'b'}, last = {.letter = '.', .quits = true};
    begin();
    const uint64_t at_ns = clock_now_ns() + 5 * NS_PER_MS;
    loop_arm(loop, &a.timer, at_ns, hand_fires);
    loop_arm(loop, &b.timer, at_ns, hand_fires);
    loop_arm(loop, &last.timer, at_ns, hand_fires);
    CHECK_INT(loop_run(loop), ==, 0);
    CHECK_STR(story, "ab.");
    end();
}

/* A disarmed timer does not fire, even when it was due in the same moment; arming again moves it. */
TEST(timers_can_be_disarmed_and_moved)
{
    struct clock_hand victim = {.letter = 'x'}, moved = {.letter = 'm'}, last = {.letter = '.', .quits = true};
    struct clock_hand first = {.letter = 'f', .disarms = &victim.timer};
    begin();
    const uint64_t at_ns = clock_now_ns() + 5 * NS_PER_MS;
    loop_arm(loop, &first.timer, at_ns, hand_fires);
    loop_arm(loop, &victim.timer, at_ns, hand_fires);
    arm(&moved, 1);
    arm(&moved, 15);
    arm(&last, 30);
    loop_disarm(loop, &(struct loop_timer){0});
    CHECK_INT(loop_run(loop), ==, 0);
    CHECK_STR(story, "fm.");
    end();
}

/* One in the past fires at once, and one armed from a handler still comes. */
static struct clock_hand second = {.letter = '2', .quits = true};

static void arms_second(struct loop_timer *timer)
{
    (void)timer;
    tell('1');
    arm(&second, 5);
}

TEST(timers_in_the_past_and_from_handlers)
{
    struct loop_timer first = {0};
    begin();
    loop_arm(loop, &first, 1, arms_second);
    CHECK_INT(loop_run(loop), ==, 0);
    CHECK_STR(story, "12");
    end();
}

struct bell {
    struct loop_source source;
    int fd;
    char letter;
    struct bell *removes[3];
    bool quits;
};

static void bell_rings(struct loop_source *source, uint32_t events)
{
    struct bell *bell = LOOP_OWNER(source, struct bell, source);
    CHECK(events & EPOLLIN);
    tell(bell->letter);
    for (size_t i = 0; i < 3 && bell->removes[i] != NULL; i++)
        loop_remove(loop, &bell->removes[i]->source);
    if (bell->quits)
        loop_quit(loop);
}

static void hang_bell(struct bell *bell)
{
    bell->fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    REQUIRE(bell->fd >= 0);
    REQUIRE(loop_add(loop, &bell->source, bell->fd, EPOLLIN, bell_rings) == 0);
}

/* Whichever comes first takes all of them out, itself too: the others of the same batch are never called. */
TEST(sources_removed_in_a_batch_stay_silent)
{
    struct bell bells[3] = {{.letter = 'b'}, {.letter = 'b'}, {.letter = 'b'}};
    struct clock_hand last = {.letter = '.', .quits = true};
    begin();
    for (size_t i = 0; i < 3; i++) {
        for (size_t other = 0; other < 3; other++)
            bells[i].removes[other] = &bells[other];
        hang_bell(&bells[i]);
    }
    arm(&last, 20);
    CHECK_INT(loop_run(loop), ==, 0);
    CHECK_STR(story, "b.");
    for (size_t i = 0; i < 3; i++) {
        CHECK_INT(bells[i].source.fd, ==, -1);
        fd_close(&bells[i].fd);
    }
    end();
}

TEST(removing_twice_or_never_added_is_fine)
{
    struct bell bell = {.letter = 'b'};
    begin();
    loop_remove(loop, &bell.source);
    hang_bell(&bell);
    loop_remove(loop, &bell.source);
    loop_remove(loop, &bell.source);
    /* And back in. */
    bell.quits = true;
    REQUIRE(loop_add(loop, &bell.source, bell.fd, EPOLLIN, bell_rings) == 0);
    CHECK_INT(loop_run(loop), ==, 0);
    CHECK_STR(story, "b");
    loop_remove(loop, &bell.source);
    fd_close(&bell.fd);
    end();
}

/* Quitting leaves the rest of the batch for the next run. */
TEST(quit_ends_at_once_and_run_goes_on)
{
    struct bell a = {.letter = 'a', .quits = true}, b = {.letter = 'a', .quits = true};
    begin();
    hang_bell(&a);
    hang_bell(&b);
    CHECK_INT(loop_run(loop), ==, 0);
    CHECK_STR(story, "a");
    CHECK_INT(loop_run(loop), ==, 0);
    CHECK_STR(story, "aa");
    loop_remove(loop, &a.source);
    loop_remove(loop, &b.source);
    fd_close(&a.fd);
    fd_close(&b.fd);
    end();
}

TEST(a_descriptor_that_cannot_be_watched)
{
    struct loop_source source = {.fd = -1};
    begin();
    CHECK(loop_add(loop, &source, -1, EPOLLIN, bell_rings) < 0);
    CHECK_INT(source.fd, ==, -1);
    end();
    loop_destroy(NULL);
}

/* ---- who slept -------------------------------------------------------------------------------------------------------- */

struct sleeper {
    struct loop_timer timer;
    unsigned ms, n_left;
};

/* As a write to a reader that does not read. */
static void sleeps(struct loop_timer *timer)
{
    struct sleeper *sleeper = LOOP_OWNER(timer, struct sleeper, timer);
    tell('s');
    usleep(sleeper->ms * 1000);
    if (--sleeper->n_left > 0)
        loop_arm(loop, timer, clock_now_ns() + NS_PER_MS, sleeps);
}

/* All timers wait for as long as nobody looked, in their order, so that what arrived meanwhile is handled before. */
TEST(timers_are_put_off_by_as_long_as_the_process_slept)
{
    struct sleeper sleeper = {.ms = 700, .n_left = 1};
    struct clock_hand a = {.letter = 'a'}, last = {.letter = '.', .quits = true};
    begin();
    const uint64_t start_ns = clock_now_ns();
    loop_arm(loop, &sleeper.timer, start_ns, sleeps);
    arm(&a, 100);
    arm(&last, 300);
    CHECK_INT(loop_run(loop), ==, 0);
    CHECK_STR(story, "sa.");
    /* Late by 0.6 s, and put off by that: a at 0.7 s, the last 0.2 s later. */
    CHECK_INT(clock_now_ns() - start_ns, >=, 895 * NS_PER_MS);
    CHECK_INT(clock_now_ns() - start_ns, <, 1500 * NS_PER_MS);
    end();
}

TEST(a_little_late_is_not_asleep)
{
    struct sleeper sleeper = {.ms = 300, .n_left = 1};
    struct clock_hand a = {.letter = 'a'}, last = {.letter = '.', .quits = true};
    begin();
    const uint64_t start_ns = clock_now_ns();
    loop_arm(loop, &sleeper.timer, start_ns, sleeps);
    arm(&a, 100);
    arm(&last, 250);
    CHECK_INT(loop_run(loop), ==, 0);
    CHECK_STR(story, "sa.");
    CHECK_INT(clock_now_ns() - start_ns, <, 500 * NS_PER_MS);
    end();
}

/* A loop that is late every time still gets on. */
TEST(once_only_in_a_row)
{
    struct sleeper sleeper = {.ms = 600, .n_left = 4};
    struct clock_hand last = {.letter = '.', .quits = true};
    begin();
    const uint64_t start_ns = clock_now_ns();
    loop_arm(loop, &sleeper.timer, start_ns, sleeps);
    arm(&last, 20);
    CHECK_INT(loop_run(loop), ==, 0);
    CHECK(strchr(story, '.') != NULL);
    CHECK_INT(clock_now_ns() - start_ns, <, 3000 * NS_PER_MS);
    loop_disarm(loop, &sleeper.timer);
    end();
}

/* What came while it slept is heard before a timer that watches for it fires. */
static void quenches(struct loop_source *source, uint32_t events)
{
    (void)events;
    tell('!');
    loop_remove(loop, source);
}

/* The whole process, as when a machine is suspended: its parent looks at how it ends. */
static _Noreturn void run_watchdog(int answer_fd)
{
    struct clock_hand watchdog = {.letter = 'w', .quits = true};
    struct bell bell = {.letter = 'b', .fd = answer_fd};
    begin();
    REQUIRE(loop_add(loop, &bell.source, answer_fd, EPOLLIN, quenches) == 0);
    const uint64_t start_ns = clock_now_ns();
    arm(&watchdog, 200);
    raise(SIGSTOP);
    loop_run(loop);
    const uint64_t took_ms = (clock_now_ns() - start_ns) / NS_PER_MS;
    _exit(strcmp(story, "!w") == 0 && took_ms >= 990 && took_ms < 3000 ? 0 : 1);
}

TEST(stopped_and_continued)
{
    int ends[2], status;
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    fflush(stdout);
    const pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0)
        run_watchdog(ends[0]);
    REQUIRE(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    REQUIRE(write(ends[1], "!", 1) == 1);
    usleep(1000000);
    kill(pid, SIGCONT);
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK_INT(status, ==, 0);
    close(ends[0]);
    close(ends[1]);
}
