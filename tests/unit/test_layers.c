#include "common/layers.h"
#include "tests/test.h"

#include <errno.h>

TEST(levels_need_every_layer_of_theirs)
{
    CHECK_INT(layers_level(0), ==, 0);
    CHECK_INT(layers_level(UINT32_MAX), ==, 3);
    CHECK_INT(layers_level(LAYERS_LEVEL_3), ==, 3);
    CHECK_INT(layers_level(LAYERS_LEVEL_2), ==, 2);
    CHECK_INT(layers_level(LAYERS_NAMESPACES), ==, 0);
    for (unsigned layer = 0; layer < LAYER_COUNT; layer++) {
        uint32_t bit = LAYER_BIT(layer);
        int expected = bit & LAYERS_LEVEL_2 ? 0 : bit & LAYERS_NAMESPACES ? 2 : 3;
        CHECK_INT(layers_level(UINT32_MAX & ~bit), ==, expected);
    }
}

TEST(names_are_the_contracts)
{
    CHECK_STR(layer_name(LAYER_USER_NS), "user-ns");
    CHECK_STR(layer_name(LAYER_NO_NEW_PRIVS), "no-new-privs");
    CHECK_STR(layer_name(LAYER_SPECULATION), "speculation");
    CHECK_STR(layer_name(LAYER_COUNT), "unknown");
    CHECK_STR(zygote_rung_name(ZYGOTE_RUNG_WARM_UP), "warm-up");
    CHECK_STR(zygote_rung_name(ZYGOTE_RUNG_COUNT), "unknown");
    CHECK_STR(rung_name(RUNG_SELF_TEST), "self-test");
    CHECK_STR(rung_name(RUNG_COUNT), "unknown");
}

TEST(each_layer_has_advice_for_every_error_in_one_line)
{
    for (unsigned layer = 0; layer < LAYER_COUNT; layer++) {
        for (int error = 0; error < 134; error++) {
            const char *advice = layer_advice(layer, error);
            if (strcmp(advice, "unknown layer") == 0 || strchr(advice, '\n') || strlen(advice) > 200)
                FAIL("%s, error %d: %s", layer_name(layer), error, advice);
        }
    }
    CHECK_STR(layer_advice(LAYER_COUNT, 0), "unknown layer");
}

TEST(advice_fits_the_error)
{
    CHECK(strstr(layer_advice(LAYER_USER_NS, EPERM), "unprivileged_userns_clone"));
    CHECK(strstr(layer_advice(LAYER_LANDLOCK, ENOSYS), "CONFIG_SECURITY_LANDLOCK"));
    CHECK(strstr(layer_advice(LAYER_LANDLOCK, EOPNOTSUPP), "lsm="));
    CHECK(strstr(layer_advice(LAYER_NOTIFY, EBUSY), "outer filter"));
    CHECK(strcmp(layer_advice(LAYER_USER_NS, EPERM), layer_advice(LAYER_USER_NS, EIO)) != 0);
}
