/* The tests' own judge of JSON: one that says yes to everything would prove nothing. */
#include "tests/json.h"

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
