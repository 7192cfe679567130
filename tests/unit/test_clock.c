#include "common/clock.h"
#include "tests/test.h"

#include <time.h>

TEST(goes_forward_in_nanoseconds)
{
    uint64_t before_ns = clock_now_ns();
    struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    while (nanosleep(&pause, &pause) < 0)
        ;
    uint64_t slept_ns = clock_now_ns() - before_ns;
    CHECK_INT(slept_ns, >=, 20 * NS_PER_MS);
    CHECK_INT(slept_ns, <, 10 * NS_PER_S);
}

TEST(never_goes_back)
{
    uint64_t last_ns = 0;
    for (int i = 0; i < 100000; i++) {
        uint64_t now_ns = clock_now_ns();
        REQUIRE(now_ns >= last_ns);
        last_ns = now_ns;
    }
}
