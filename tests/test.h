/* The small test harness. A test program is one file of TEST functions, linked with test.c, which has main().
 *
 * Each test runs in a process of its own with a time limit, and must leave as many descriptors open as it found. A
 * failed CHECK prints one line and the test goes on; a failed REQUIRE ends it. Both may stand in any function, but
 * count only in the test's own process, not in children that it forks: those tell by their exit status. */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TEST_SECONDS 20

/* TEST(name) { … } or, where more time is needed, TEST_WITHIN(name, seconds) { … }. */
#define TEST(test_name) TEST_WITHIN(test_name, TEST_SECONDS)
#define TEST_WITHIN(test_name, limit_s)                                                              \
    static void test_##test_name(void);                                                              \
    __attribute__((constructor)) static void test_add_##test_name(void)                              \
    {                                                                                                \
        static struct test test = {#test_name, __FILE__, __LINE__, limit_s, test_##test_name, NULL}; \
        test_add(&test);                                                                             \
    }                                                                                                \
    static void test_##test_name(void)

#define CHECK(condition)   test_check((condition), false, #condition, __FILE__, __LINE__)
#define REQUIRE(condition) test_check((condition), true, #condition, __FILE__, __LINE__)

/* CHECK_INT(n, ==, 3): both sides are integers of any type, and are printed. */
#define CHECK_INT(a, op, b)                                                                      \
    do {                                                                                         \
        intmax_t test_a = (intmax_t)(a), test_b = (intmax_t)(b);                                 \
        if (!(test_a op test_b))                                                                 \
            test_fail(__FILE__, __LINE__, "%s %s %s: %jd and %jd", #a, #op, #b, test_a, test_b); \
    } while (0)

#define CHECK_STR(a, b)                                                                           \
    do {                                                                                          \
        const char *test_a = (a), *test_b = (b);                                                  \
        if (strcmp(test_a, test_b) != 0)                                                          \
            test_fail(__FILE__, __LINE__, "%s == %s: \"%s\" and \"%s\"", #a, #b, test_a, test_b); \
    } while (0)

#define CHECK_MEM(a, b, n_bytes) test_check(memcmp((a), (b), (n_bytes)) == 0, false, #a " == " #b, __FILE__, __LINE__)

/* Says with each failure what the loop was at. */
#define FAIL(...) test_fail(__FILE__, __LINE__, __VA_ARGS__)

/* Ends the test, neither passed nor failed: this host lacks what it needs. */
#define SKIP(why) test_skip(why)

struct test {
    const char *name, *file;
    int line, limit_s;
    void (*run)(void);
    struct test *next;
};

void test_add(struct test *test);
void test_check(bool holds, bool required, const char *condition, const char *file, int line);
void test_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
_Noreturn void test_skip(const char *why);

#endif
