/* The judge of JSON: one that says yes to everything would prove nothing. And looking things up. */
#include "common/json.h"

#include "tests/test.h"

TEST(what_is_json)
{
    static const char *const right[] = {"{}", "{\"a\":[1,-2.5,0,\"x\\u00e9\\n\",null,{}],\"b\":true,\"\":[]}",
                                        "{\"a\":{\"a\":[[],[false]]}}"};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        if (!json_is_object(right[i]))
            FAIL("not taken for JSON: %s", right[i]);
    }
}

TEST(what_is_not)
{
    static const char *const wrong[] = {"",
                                        "{",
                                        "\n",
                                        "{}\n",
                                        "{}x",
                                        "{}{}",
                                        "[1]",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{\"a\":1,}",
                                        "{\"a\":1,,}",
                                        "{\"a\":01}",
                                        "{\"a\":+1}",
                                        "{\"a\":-}",
                                        "{\"a\":1.}",
                                        "{\"a\":0x1}",
                                        "{\"a\":nul}",
                                        "{\"a\":[1,]}",
                                        "{\"a\":[1}",
                                        "{\"a\":\"\t\"}",
                                        "{\"a\":\"\1\"}",
                                        "{\"a\":\"\\x\"}",
                                        "{\"a\":\"\\u12g4\"}",
                                        "{\"a\":\"",
                                        "{\"a\":\"\\",
                                        "{a:1}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (json_is_object(wrong[i]))
            FAIL("taken for JSON: %s", wrong[i]);
    }
}

TEST(nesting_has_an_end)
{
    char text[8192] = "{\"a\":";
    memset(text + 5, '[', 4000);
    CHECK(!json_is_object(text));
    memset(text + 5, '[', 60);
    memset(text + 65, ']', 60);
    text[125] = '}';
    text[126] = '\0';
    CHECK(json_is_object(text));
}

TEST(looking_up)
{
    static const char line[] = "{\"b\":\"\\\"a\\\":1\",\"a\":-2.5,\"c\":null,\"d\":true,\"e\":{\"x\":1,\"y\":2}}";
    char found[16];
    CHECK(json_is_object(line));
    CHECK(json_number(line, "a") == -2.5 && json_has_number(line, "a"));
    CHECK(json_number(line, "c") == 0 && !json_has_number(line, "c") && !json_has_number(line, "z"));
    CHECK(json_is_true(line, "d") && !json_is_true(line, "a") && !json_is_true(line, "z"));
    CHECK(json_string(line, "b", found, sizeof found));
    CHECK_STR(found, "\\\"a\\\":1");
    CHECK(!json_string(line, "a", found, sizeof found));
    CHECK(json_sum_in(line, "e") == 3);
}
