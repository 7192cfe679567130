#include "common/document_kind.h"
#include "tests/test.h"

TEST(every_kind_and_refusal_has_a_name_of_its_own)
{
    for (unsigned a = 0; a < DOCUMENT_KIND_COUNT; a++)
        for (unsigned b = 0; b < a; b++)
            CHECK(strcmp(document_kind_name(a), document_kind_name(b)) != 0);
    for (unsigned a = 0; a < REFUSAL_COUNT; a++)
        for (unsigned b = 0; b < a; b++)
            CHECK(strcmp(refusal_name(a), refusal_name(b)) != 0);
    CHECK_STR(document_kind_name(DOCUMENT_JPEG2000), "jpeg2000");
    CHECK_STR(refusal_name(REFUSAL_NOT_A_FILE), "not-a-file");
}

TEST(numbers_out_of_range_are_unknown)
{
    CHECK_STR(document_kind_name(DOCUMENT_UNKNOWN), "unknown");
    CHECK_STR(document_kind_name(DOCUMENT_KIND_COUNT), "unknown");
    CHECK_STR(document_kind_name(0xffffffffu), "unknown");
    CHECK_STR(refusal_name(REFUSAL_COUNT), "unknown");
    CHECK_STR(refusal_name(0xffffffffu), "unknown");
}
