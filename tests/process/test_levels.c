/* Hosts that lack something: the broker falls to the level that is left and says so, or refuses; never silently. */
#include <stdio.h>

#include "tests/process/run.h"
#include "tests/test.h"

static const char *scene;

/* Two tabs on a host without something. */
static int show(struct run *run, const char *without, bool as_nobody, const char *spawn)
{
    const struct run_setup setup = {.without = without, .as_nobody = as_nobody};
    scene = scratch_scene("a.scene");
    return RUN_WHOLE(run, &setup, "--json", "--spawn", spawn, "--tabs", "2", scene);
}

/* Most of what is checked here starts from level 3. */
static void need_level_3(void)
{
    struct run run;
    CHECK_INT(show(&run, NULL, false, "zygote"), ==, 0);
    const long long found = run_level(&run);
    run_finish(&run);
    if (found != 3)
        SKIP("this host has no level 3");
}

static void check_level_2(const struct run *run)
{
    CHECK_INT(run_level(run), ==, 2);
    static const char *const gone[] = {"user-ns", "pid-ns", "mount-ns", "net-ns", "ipc-ns", "uts-ns", "empty-root"};
    static const char *const kept[] = {"landlock", "seccomp", "rlimits", "no-caps", "no-new-privs"};
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
        if (run_layer(run, gone[i]))
            FAIL("%s is claimed at level 2", gone[i]);
    }
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (!run_layer(run, kept[i]))
            FAIL("%s is missing at level 2", kept[i]);
    }
    CHECK_INT(run_count(run, "tab", "live"), ==, 2);
}

static void without_namespaces(bool as_nobody, const char *spawn)
{
    struct run run;
    CHECK_INT(show(&run, "userns", as_nobody, spawn), ==, 0);
    check_level_2(&run);
    run_finish(&run);
}

TEST_WITHIN(level_2, 60)
{
    without_namespaces(false, "zygote");
}

TEST_WITHIN(level_2_exec, 60)
{
    without_namespaces(false, "exec");
}

static void skip_unless_nobody_can(void)
{
    struct run run;
    const struct run_setup setup = {.as_nobody = true};
    if (!is_root())
        SKIP("only root can become another user");
    const int status = RUN_WHOLE(&run, &setup, "--version");
    run_finish(&run);
    if (status == 126)
        SKIP("an ordinary user cannot reach the broker's folder");
}

TEST_WITHIN(level_2_as_an_ordinary_user, 60)
{
    skip_unless_nobody_can();
    without_namespaces(true, "zygote");
    without_namespaces(true, "exec");
}

TEST_WITHIN(level_2_is_not_enough, 60)
{
    struct run run;
    const struct run_setup setup = {.without = "userns"};
    CHECK_INT(RUN_WHOLE(&run, &setup, "--require-level", "3", scratch_scene("a.scene")), ==, 3);
    run_check_line(&run, "level");
    run_finish(&run);
    CHECK_INT(RUN_WHOLE(&run, &setup, "--require-level", "2", scratch_scene("a.scene")), ==, 0);
    run_finish(&run);
}

TEST_WITHIN(level_3_is_enough, 60)
{
    need_level_3();
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--require-level", "3", scratch_scene("a.scene")), ==, 0);
    run_finish(&run);
}

TEST_WITHIN(sandbox_status, 60)
{
    need_level_3();
    struct run run;
    CHECK_INT(RUN_WHOLE(&run, NULL, "--sandbox-status"), ==, 0);
    CHECK(strstr(run.out, "landlock") != NULL && strstr(run.out, "seccomp") != NULL);
    run_finish(&run);
    const struct run_setup setup = {.without = "userns"};
    CHECK_INT(RUN_WHOLE(&run, &setup, "--sandbox-status"), ==, 1);
    CHECK(strstr(run.out, "user-ns") != NULL);
    run_finish(&run);
    CHECK_INT(RUN_WHOLE(&run, &setup, "--sandbox-status", "--require-level", "3"), ==, 3);
    run_finish(&run);
}

TEST_WITHIN(no_landlock, 60)
{
    struct run run;
    CHECK_INT(show(&run, "landlock", false, "zygote"), ==, 3);
    CHECK(strstr(run.err, "landlock") != NULL);
    CHECK_INT(run_count(&run, "tab", "live"), ==, 0);
    run_finish(&run);
    CHECK_INT(show(&run, "landlock", false, "exec"), ==, 3);
    CHECK(strstr(run.err, "landlock") != NULL);
    run_finish(&run);
    CHECK_INT(show(&run, "landlock,userns", false, "zygote"), ==, 3);
    CHECK(strstr(run.err, "landlock") != NULL);
    run_finish(&run);
    const struct run_setup setup = {.without = "landlock"};
    CHECK_INT(RUN_WHOLE(&run, &setup, scratch_scene("a.scene")), ==, 3);
    run_check_line(&run, "landlock");
    run_finish(&run);
}

TEST_WITHIN(no_seccomp, 60)
{
    struct run run;
    CHECK_INT(show(&run, "seccomp", false, "zygote"), ==, 3);
    CHECK(strstr(run.err, "seccomp") != NULL);
    CHECK_INT(run_count(&run, "tab", "live"), ==, 0);
    run_finish(&run);
}

/* The kernel kills by itself then, and no call is named; everything else is as it was. */
static void no_listener(const char *spawn)
{
    struct run run;
    CHECK_INT(show(&run, "listener", false, spawn), ==, 0);
    CHECK_INT(run_level(&run), ==, 3);
    CHECK(!run_layer(&run, "notify") && run_layer(&run, "seccomp"));
    CHECK_INT(run_count(&run, "tab", "live"), ==, 2);
    run_finish(&run);
}

TEST_WITHIN(no_listener_to_be_had, 60)
{
    need_level_3();
    no_listener("zygote");
    no_listener("exec");
}

TEST_WITHIN(extras_are_told_and_not_counted, 60)
{
    static const char *const extras[] = {"noexec-seal", "mseal", "mdwe"};
    need_level_3();
    struct run whole;
    CHECK_INT(show(&whole, NULL, false, "zygote"), ==, 0);
    for (size_t i = 0; i < sizeof extras / sizeof extras[0]; i++) {
        struct run run;
        CHECK_INT(show(&run, extras[i], false, "zygote"), ==, 0);
        CHECK_INT(run_level(&run), ==, 3);
        if (run_layer(&run, extras[i]))
            FAIL("%s is claimed where there is none", extras[i]);
        /* Only that one. */
        for (size_t other = 0; other < sizeof extras / sizeof extras[0]; other++) {
            if (other != i)
                CHECK(run_layer(&run, extras[other]) == run_layer(&whole, extras[other]));
        }
        CHECK_INT(run_count(&run, "tab", "live"), ==, 2);
        run_finish(&run);
    }
    run_finish(&whole);
}

TEST_WITHIN(none_of_the_extras, 60)
{
    need_level_3();
    struct run run;
    CHECK_INT(show(&run, "noexec-seal,mseal,mdwe,listener", false, "zygote"), ==, 0);
    CHECK_INT(run_level(&run), ==, 3);
    CHECK(!run_layer(&run, "noexec-seal") && !run_layer(&run, "mseal") && !run_layer(&run, "mdwe") &&
          !run_layer(&run, "notify"));
    run_finish(&run);
}

TEST_WITHIN(level_3_as_an_ordinary_user, 60)
{
    need_level_3();
    skip_unless_nobody_can();
    struct run run;
    CHECK_INT(show(&run, NULL, true, "zygote"), ==, 0);
    if (run_level(&run) == 2)
        SKIP("ordinary users get no user namespaces here");
    CHECK_INT(run_level(&run), ==, 3);
    run_finish(&run);
    CHECK_INT(show(&run, NULL, true, "exec"), ==, 0);
    CHECK_INT(run_level(&run), ==, 3);
    run_finish(&run);
}
