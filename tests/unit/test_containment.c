/* The containment table as data, and its judgements: pure functions. */
#include "broker/containment/table.h"

#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "broker/containment/allowed_calls.h"
#include "broker/containment/sweep.h"
#include "tests/test.h"

static const struct containment_host modern = {
    .has_notify = true, .has_mseal = true, .has_vsyscall = true, .has_32_bit_calls = true};
static const struct containment_host old, filtered = {.has_notify = true, .is_filtered = true};

TEST(rows_are_complete)
{
    CHECK_INT(containment_n_rows, >, 400);
    for (size_t i = 0; i < containment_n_rows; i++) {
        const struct containment_row *row = &containment_rows[i];
        char expected[128];
        containment_expected(row, expected, sizeof expected);
        CHECK(row->name[0] != '\0' && strlen(row->name) < 32 && row->tried[0] != '\0' && expected[0] != '\0');
        CHECK((row->see != NULL) == (row->end == END_SEEN));
        CHECK((row->sweep != NULL) == (row->end == END_SWEPT));
        CHECK((row->text != NULL) == (row->end == END_RETURNS || row->end == END_ABSENT));
        CHECK(i == 0 || row->group >= row[-1].group);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(row->name, containment_rows[j].name) == 0)
                FAIL("two rows are called %s", row->name);
        }
    }
}

static const struct containment_row *row_called(const char *name)
{
    for (size_t i = 0; i < containment_n_rows; i++) {
        if (strcmp(containment_rows[i].name, name) == 0)
            return &containment_rows[i];
    }
    FAIL("no row is called %s", name);
    return &containment_rows[0];
}

static void check_expected(const char *name, const char *expected)
{
    char text[128];
    containment_expected(row_called(name), text, sizeof text);
    CHECK_STR(text, expected);
}

TEST(what_is_expected_in_words)
{
    check_expected("open", "goes on: EACCES");
    check_expected("openat2", "violation: openat2");
    check_expected("x32-execve", "violation, by the kernel alone");
    check_expected("segv", "signal: SIGSEGV");
    check_expected("exit-77", "exit: 77");
    check_expected("m-half", "protocol: 4 envelope");
    check_expected("loop", "hang");
    check_expected("out-of-memory", "memory");
    check_expected("seals", "nothing gained");
    check_expected("calls", "each as reviewed");
    check_expected("symlink-race", "does not apply");
    CHECK_STR(row_called("openat2")->tried, "openat2(AT_FDCWD, \"/\", memory, 24)");
}

TEST(what_does_not_apply)
{
    CHECK(containment_absence(row_called("unmap-code"), &modern) == NULL);
    CHECK(containment_absence(row_called("unmap-code"), &old) != NULL);
    CHECK(containment_absence(row_called("vsyscall"), &modern) == NULL);
    CHECK(containment_absence(row_called("vsyscall"), &old) != NULL);
    CHECK(containment_absence(row_called("int-0x80"), &old) != NULL);
    CHECK(containment_absence(row_called("int-0x80-open"), &old) != NULL);
    CHECK(containment_absence(row_called("openat2"), &old) == NULL);
    CHECK(containment_absence(row_called("symlink-race"), &modern) != NULL);
}

static bool fits(const char *name, struct evidence evidence, const struct containment_host *host)
{
    return containment_death_fits(row_called(name), &evidence, host);
}

#define KILLED_BY(number) .wait_code = CLD_KILLED, .wait_status = (number)
#define VIOLATED(number)  .violated = true, .call = (number), KILLED_BY(SIGKILL)

TEST(deaths_that_fit_and_that_do_not)
{
    CHECK(fits("openat2", (struct evidence){VIOLATED(SYS_openat2)}, &modern));
    CHECK(!fits("openat2", (struct evidence){VIOLATED(SYS_open)}, &modern));
    CHECK(!fits("openat2", (struct evidence){KILLED_BY(SIGSYS)}, &modern));
    CHECK(fits("openat2", (struct evidence){KILLED_BY(SIGSYS)}, &old));
    CHECK(!fits("openat2", (struct evidence){KILLED_BY(SIGKILL)}, &modern));
    CHECK(!fits("openat2", (struct evidence){KILLED_BY(SIGSEGV)}, &modern));
    CHECK(!fits("open", (struct evidence){VIOLATED(SYS_open)}, &modern));
    CHECK(fits("x32-getpid", (struct evidence){KILLED_BY(SIGSYS)}, &modern));
    CHECK(!fits("x32-getpid", (struct evidence){VIOLATED(SYS_getpid)}, &modern));
    CHECK(fits("segv", (struct evidence){KILLED_BY(SIGSEGV)}, &modern));
    CHECK(!fits("segv", (struct evidence){KILLED_BY(SIGBUS)}, &modern));
    CHECK(fits("exit-77", (struct evidence){.wait_code = CLD_EXITED, .wait_status = 77}, &modern));
    CHECK(!fits("exit-77", (struct evidence){.wait_code = CLD_EXITED, .wait_status = 0}, &modern));
    CHECK(fits("m-half", (struct evidence){.fault = FAULT_ENVELOPE, KILLED_BY(SIGKILL)}, &modern));
    CHECK(!fits("m-half", (struct evidence){.fault = FAULT_FLOOD, KILLED_BY(SIGKILL)}, &modern));
    CHECK(fits("loop", (struct evidence){.hung = true, KILLED_BY(SIGKILL)}, &modern));
    CHECK(fits("out-of-memory", (struct evidence){.out_of_memory = true, KILLED_BY(SIGKILL)}, &modern));
    CHECK(!fits("seals", (struct evidence){KILLED_BY(SIGKILL)}, &modern));
}

TEST(answers_that_fit_and_that_do_not)
{
    CHECK(containment_answer_fits(row_called("open"), "EACCES", &modern));
    CHECK(!containment_answer_fits(row_called("open"), "EPERM", &modern));
    CHECK(!containment_answer_fits(row_called("open"), "EPERM", &filtered));
    CHECK(!containment_answer_fits(row_called("mount"), "EPERM", &modern));
    CHECK(containment_answer_fits(row_called("mount"), "EPERM", &filtered));
    CHECK(!containment_answer_fits(row_called("mount"), "returned 0", &filtered));
    CHECK(!containment_answer_fits(row_called("segv"), "EPERM", &filtered));
}

TEST(the_reviewed_list)
{
    const char *name = "";
    CHECK_INT(allowed_calls_class(SYS_recvmsg, &name), ==, CALL_ALLOWED);
    CHECK_INT(allowed_calls_class(SYS_mmap, &name), ==, CALL_SOME);
    CHECK_INT(allowed_calls_class(SYS_openat2, &name), ==, CALL_KILLED);
    CHECK_INT(allowed_calls_class(SYS_openat, &name), ==, CALL_REFUSED);
    CHECK_STR(name, "EACCES");
    CHECK_INT(allowed_calls_class(470, &name), ==, CALL_REFUSED);
    CHECK_STR(name, "ENOSYS");
    CHECK_INT(allowed_calls_class(512, &name), ==, CALL_KILLED);
    CHECK_INT(allowed_calls_class(-1, &name), ==, CALL_KILLED);
}
